"""Units of alternating types: one part a type, and every column where it was."""

import numpy as np
import pytest
from scipy import sparse

from skdbn import MixedRBM
from skdbn.exceptions import DataRangeWarning
from skdbn.machines import RestrictedMachine
from skdbn.units import Concatenated, Gaussian, Units

ALTERNATING = [
    ("gaussian", 1),
    ("bernoulli", 2),
    ("softmax", 1, 3),
    ("gaussian", 2),
    ("poisson", 1),
    ("bernoulli", 1),
    ("softmax", 2, 2),
    ("spin", 1),
]
# The same by type, and where its columns are in the other.
BY_TYPE = [
    ("gaussian", 3),
    ("bernoulli", 3),
    ("softmax", 1, 3),
    ("softmax", 2, 2),
    ("poisson", 1),
    ("spin", 1),
]
ORDER = np.array([0, 6, 7, 1, 2, 9, 3, 4, 5, 10, 11, 12, 13, 8, 14])
N = len(ORDER)


@pytest.fixture
def moments(rng):
    return 9, rng.uniform(0.2, 0.8, N), rng.uniform(0.5, 2, N)


@pytest.fixture
def layers(moments):
    """Units in alternating order, and by type."""
    n_rows, mean, variance = moments
    by_type = n_rows, mean[ORDER], variance[ORDER]
    return Concatenated(ALTERNATING).start(N, moments), Concatenated(BY_TYPE).start(
        N, by_type
    )


def test_one_part_a_type(layers):
    alternating, by_type = layers
    assert len(alternating.widths()) == len(by_type.widths()) == 5
    assert [n for _, n in alternating.widths()] == [n for _, n in by_type.widths()]
    # Neighbors of one type alone are what they were.
    two = Concatenated([("gaussian", 1), ("gaussian", 2), ("spin", 1)]).start(4)
    assert len(two.widths()) == 3
    # Shared variances are not shared by all.
    shared = [(Gaussian("shared"), 1), ("spin", 1), (Gaussian("shared"), 1)]
    assert len(Concatenated(shared).start(3).widths()) == 3


def test_groups_of_several_sizes():
    parts = [("softmax", 1, 3), ("softmax", 2, 2), ("spin", 1), ("softmax", 1, 2)]
    layer = Concatenated(parts).start(10)
    assert [n for _, n in layer.widths()] == [9, 1]
    found = [layer.columns(i).tolist() for i in range(5)]
    assert found == [[0, 1, 2], [3, 4], [5, 6], [7], [8, 9]]
    mean = layer.mean(np.zeros((1, 10)))[0]
    np.testing.assert_allclose(mean, [1 / 3] * 3 + [1 / 2] * 4 + [0] + [1 / 2] * 2)


def test_fixed_variances_stay_apart():
    parts = [(Gaussian(4.0), 1), ("spin", 1), (Gaussian(0.25), 1), ("spin", 1)]
    layer = Concatenated(parts).start(4)
    assert [n for _, n in layer.widths()] == [1, 2, 1]
    assert layer.spread(4)[[0, 2]].tolist() == [2, 0.5]


def test_units_of_others_stay_apart():
    class Own(Units):
        pass

    parts = [(Own(), 1), ("spin", 1), (Own(), 2)]
    assert len(Concatenated(parts).start(4).widths()) == 3


def test_values(layers, moments, rng):
    alternating, by_type = layers
    field, error = rng.normal(size=(2, 6, N))
    mean = alternating.mean(field)
    np.testing.assert_array_equal(mean[:, ORDER], by_type.mean(field[:, ORDER]))
    np.testing.assert_array_equal(alternating.mean(field.copy(), out=field * 0), mean)
    inside = field.copy()
    assert alternating.mean(inside, out=inside) is inside
    np.testing.assert_array_equal(inside, mean)
    for known in (None, mean):
        one, other = (np.random.default_rng(1) for _ in "ab")
        drawn = alternating.sample(field, one, mean=known)
        known = None if known is None else known[:, ORDER]
        expected = by_type.sample(field[:, ORDER], other, mean=known)
        np.testing.assert_array_equal(drawn[:, ORDER], expected)
    back = alternating.backpropagate(error.copy(), mean)
    expected = by_type.backpropagate(error[:, ORDER], mean[:, ORDER])
    np.testing.assert_array_equal(back[:, ORDER], expected)
    link = by_type.link(mean[:, ORDER])
    np.testing.assert_array_equal(alternating.link(mean)[:, ORDER], link)
    np.testing.assert_array_equal(alternating.link(mean[0])[ORDER], link[0])
    for name in ("log_partition", "base_energy"):
        for x in (field, sparse.csr_array(drawn)):
            if name == "base_energy" or x is field:
                np.testing.assert_allclose(
                    getattr(alternating, name)(x), getattr(by_type, name)(x[:, ORDER])
                )


def test_scales_and_parameters(layers, moments, rng):
    alternating, by_type = layers
    _, mean, variance = moments
    x = rng.normal(size=(4, N))
    np.testing.assert_array_equal(alternating.params, by_type.params)
    # The order of a sum may be another one.
    np.testing.assert_allclose(
        alternating.statistics(x), by_type.statistics(x[:, ORDER]), rtol=1e-14
    )
    for found, expected in (
        (alternating.step_scale, by_type.step_scale),
        (alternating.spread(N), by_type.spread(N)),
        (alternating.uncentered(mean), by_type.uncentered(mean[ORDER])),
        (alternating.shrink(mean, 0.1), by_type.shrink(mean[ORDER], 0.1)),
        (
            alternating.independent(mean, variance)[1],
            by_type.independent(mean[ORDER], variance[ORDER])[1],
        ),
    ):
        np.testing.assert_array_equal(found[ORDER], expected)
    copied = alternating.copy()
    np.testing.assert_array_equal(copied.mean(x), alternating.mean(x))
    assert copied.columns(3).tolist() == [3, 4, 5]


def test_coordinates_are_in_the_order_of_the_columns(layers, rng):
    alternating, by_type = layers
    found = [alternating.columns(i).tolist() for i in range(N - 4)]
    expected = [[0], [1], [2], [3, 4, 5], [6], [7], [8], [9], [10, 11], [12, 13], [14]]
    assert found == expected
    weights, bias, v = (rng.normal(size=size) / 4 for size in ((N, 3), (N,), (5, N)))
    v = alternating.sample(v, rng)
    machines = (
        RestrictedMachine(weights, bias, np.ones(3), alternating),
        RestrictedMachine(weights[ORDER], bias[ORDER], np.ones(3), by_type),
    )
    logs = machines[0].log_conditionals(v)
    places = [found.index(sorted(ORDER[by_type.columns(i)])) for i in range(N - 4)]
    np.testing.assert_allclose(
        logs[:, places], machines[1].log_conditionals(v[:, ORDER])
    )


def test_ranges_and_names(layers, rng):
    alternating, by_type = layers
    names = [f"column {i}" for i in range(N)]
    X = alternating.sample(np.zeros((20, N)), rng)
    alternating.check_data(X, names)
    assert alternating.surely_supports(sparse.csr_array(X))
    bad = X.copy()
    bad[3, 9], bad[5, 11], bad[7, 8] = 2, 0.5, -1
    np.testing.assert_array_equal(
        alternating.support(bad)[:, ORDER], by_type.support(bad[:, ORDER])
    )
    rows, columns = alternating.lowest_support(bad)
    expected = by_type.lowest_support(bad[:, ORDER])
    np.testing.assert_array_equal(rows, expected[0])
    np.testing.assert_array_equal(columns[ORDER], expected[1])
    with pytest.warns(DataRangeWarning, match="first in column column 9"):
        alternating.check_data(np.where(np.arange(N) == 9, bad, X), names)
    gray = X.copy()
    gray[0, [1, 2, 9]] = 0.5
    alternating.draw(gray, rng)
    assert alternating.are_states(gray)
    np.testing.assert_array_equal(gray[1:], X[1:])
    holes = np.zeros(X.shape, bool)
    holes[:, 12:14] = holes[:, 3:6] = True
    holes[0, 13] = False
    before, known = holes.copy(), X.copy()
    known[0, 13] = 1
    alternating.fill_determined(known, holes, names)
    assert known[0, 12] == 0 and not holes[0, 12]
    np.testing.assert_array_equal(holes[1:], before[1:])
    left = alternating.masked(before & (np.arange(N) != 3))
    assert (left.mean(np.zeros((20, N)))[:, 3] == 0).all()


def test_alternating_tables(rng, seed):
    """Columns of a table that alternate are learned and drawn in their order."""
    shares = np.linspace(0.1, 0.9, 8)
    X = np.empty((600, 16))
    X[:, ::2] = rng.normal(np.arange(8), 1, (600, 8))
    X[:, 1::2] = rng.random((600, 8)) < shares
    units = dict.fromkeys(range(0, 16, 2), "gaussian")
    with pytest.warns(DataRangeWarning, match="not standardized"):
        rbm = MixedRBM(8, units=units, random_state=seed).fit(X)
    assert len(rbm.machine_.visible.widths()) == 2
    assert [v.columns for v in rbm.units_] == [(i,) for i in range(16)]
    drawn = rbm.sample(1000, n_steps=50, random_state=seed)
    assert set(np.unique(drawn[:, 1::2])) == {0, 1}
    np.testing.assert_allclose(drawn[:, 1::2].mean(axis=0), shares, atol=0.15)
    np.testing.assert_allclose(drawn[:, ::2].mean(axis=0), np.arange(8), atol=0.5)
