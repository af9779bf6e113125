"""Products, blocks and means of dense, sparse and 8-bit data."""

import tracemalloc

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits, load_iris
from sklearn.preprocessing import minmax_scale

from skdbn._utils import _numerics
from skdbn._utils._numerics import (
    as_float,
    blocks,
    column_mean,
    column_variance,
    is_thin,
    looks_like_probabilities,
    positive_variance,
    working_dtype,
)

CONTAINERS = [
    np.asarray,
    np.asfortranarray,
    sparse.csr_array,
    sparse.csr_matrix,
]
DTYPES = [np.float64, np.float32, np.uint8, np.int8, bool]

every_container = pytest.mark.parametrize("container", CONTAINERS)
every_dtype = pytest.mark.parametrize("dtype", DTYPES)
densities = pytest.mark.parametrize("density", [0.004, 0.3])


def binary(rng, shape, density, dtype):
    X = rng.random(shape) < density
    X[0, 0] = True
    return X.astype(dtype)


@every_dtype
def test_working_dtype(dtype):
    single = dtype not in (np.float64,)
    expected = np.float32 if single else np.float64
    assert working_dtype(np.zeros(1, dtype)) == expected


@every_container
@every_dtype
@densities
@pytest.mark.parametrize("chosen", [False, True])
def test_column_mean(container, dtype, density, chosen, rng, monkeypatch):
    monkeypatch.setattr(_numerics, "READ_ELEMENTS", 70)  # several blocks
    X = binary(rng, (101, 20), density, dtype)
    rows = rng.permutation(101)[:30] if chosen else None
    expected = (X if rows is None else X[rows]).astype(float).mean(axis=0)
    found = column_mean(container(X), rows)
    assert type(found) is np.ndarray and found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("chosen", [False, True])
def test_moments_of_known_values(chosen, rng, monkeypatch):
    """Where none is known the mean is the first value, and the variance zero."""
    monkeypatch.setattr(_numerics, "READ_ELEMENTS", 70)  # several blocks
    X, unknown = rng.normal(3, 2, (101, 5)), rng.random((101, 5)) < 0.3
    rows = rng.permutation(101)[:30] if chosen else None
    some = np.arange(101) if rows is None else rows
    unknown[some, 2] = True
    own = np.ma.array(X[some], mask=unknown[some])
    mean = column_mean(X, rows, unknown)
    np.testing.assert_allclose(mean, own.mean(axis=0).filled(X[0, 2]))
    variance = column_variance(X, mean, rows, unknown)
    np.testing.assert_allclose(variance, own.var(axis=0).filled(0), atol=1e-12)


@pytest.mark.parametrize("chosen", [False, True])
@pytest.mark.parametrize("has_holes", [False, True])
def test_moments_of_weighted_rows(chosen, has_holes, rng, monkeypatch):
    monkeypatch.setattr(_numerics, "READ_ELEMENTS", 70)  # several blocks
    X, weights = rng.normal(3, 2, (101, 5)), rng.random(101)
    unknown = rng.random(X.shape) < 0.3 if has_holes else None
    rows = rng.permutation(101)[:80] if chosen else None
    some = np.arange(101) if rows is None else rows
    own = np.ma.array(X[some], mask=False if unknown is None else unknown[some])
    mean = np.ma.average(own, axis=0, weights=weights[some])
    variance = np.ma.average((own - mean) ** 2, axis=0, weights=weights[some])
    found = column_mean(X, rows, unknown, weights)
    np.testing.assert_allclose(found, mean, rtol=1e-12)
    found = column_variance(X, found, rows, unknown, weights)
    np.testing.assert_allclose(found, variance, rtol=1e-12)


def test_constant_columns_by_rounded_means():
    """Sums of a number that is none of binary digits leave a tiny variance."""
    X = np.column_stack([np.full(10, value) for value in (0.1, -1e5 / 3, 7.0)])
    X = np.column_stack([X, np.arange(10.0)])
    mean = column_mean(X)
    variance = column_variance(X, mean)
    assert (variance[:3] > 0).any()
    found, constant = positive_variance(variance, mean)
    assert constant.tolist() == [True, True, True, False]
    np.testing.assert_allclose(found, 8.25)


@every_container
@every_dtype
@densities
@pytest.mark.parametrize("chosen", [False, True])
@pytest.mark.parametrize("width", [1, 7, 1000])
def test_blocks_cover_all_rows(container, dtype, density, chosen, width, rng):
    X = binary(rng, (101, 20), density, dtype)
    rows = rng.permutation(101)[:30] if chosen else np.arange(101)
    given = container(X)
    seen = []
    index = rows if chosen else None
    for part, block in blocks(given, width, np.float32, index, size=70):
        assert block.dtype == np.float32
        assert sparse.issparse(block) == is_thin(given)
        block = block.toarray() if sparse.issparse(block) else block
        np.testing.assert_array_equal(block, X[rows[part]])
        seen.extend(range(len(rows))[part])
    assert seen == list(range(len(rows)))


def test_is_thin(rng):
    # 0.4 % and 30 % of ones
    thin, thick = (binary(rng, (500, 40), p, float) for p in (0.004, 0.3))
    assert is_thin(sparse.csr_array(thin)) and is_thin(sparse.csr_matrix(thin))
    assert not is_thin(sparse.csr_array(thick))
    assert not is_thin(thin)


@every_container
@every_dtype
@pytest.mark.parametrize("to", [np.float32, np.float64])
def test_as_float(container, dtype, to, rng):
    X = binary(rng, (6, 5), 0.4, dtype)
    room = np.full((6, 5), np.nan, to)
    assert as_float(container(X), to, out=room) is room
    for found in (room, as_float(container(X), to)):
        assert type(found) is np.ndarray and found.dtype == to
        np.testing.assert_array_equal(found, X)


def test_8_bit_data_are_not_converted_as_a_whole():
    X = np.ones((400_000, 16), np.uint8)
    tracemalloc.start()
    try:
        column_mean(X)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < X.nbytes  # a float32 copy has four times as many bytes


@pytest.mark.parametrize(
    "X, expected",
    [
        ([[0, 1], [1, 1]], True),
        (load_digits().data / 16, True),
        (load_digits().data / 255, False),
        (load_digits().data, False),
        (load_iris().data, False),
        (load_iris().data / 10, False),
        (load_iris().data / 7.9, False),
        (minmax_scale(load_iris().data), False),
        (minmax_scale(load_iris().data[::10]), False),
        # The ends of a column are no sign, of however few rows.
        (np.array([[0.0, 1, 0.3], [1, 0, 1], [0.4, 0.6, 0]]), False),
        ([[0.4, 0.6], [0.5, 0.5]], False),
        ([[0.25, 0.75, 0], [0.5, 0, 0.5]], False),
        ([[0.0, np.nan], [1.0, 1.0]], True),
        (np.array([[True, False]]), True),
        (np.array([[3, 200]], np.uint8), False),
    ],
)
@pytest.mark.parametrize("container", [np.array, sparse.csr_array])
def test_what_looks_like_probabilities(X, expected, container):
    assert looks_like_probabilities(container(X)) == expected
