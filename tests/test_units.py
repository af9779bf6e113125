"""Unit types, each by its name in the registry."""

import pickle

import numpy as np
import pytest
from _oracle import BASES, VALUES, unit_moments
from scipy import stats

from skdbn._random import make_rng, uniform
from skdbn.units import REGISTRY, Bernoulli, Units, resolve

FIELDS = np.linspace(-6, 6, 25)
EXTREME = np.array([[-1e3, -40.0, 0.0, 40.0, 1e3]])

every_type = pytest.mark.parametrize("name", REGISTRY)
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def rounding(dtype):
    """A few units in the last place of numbers of the size of the fields."""
    return 20 * np.finfo(dtype).eps


def moments(name):
    """Log-partition, mean and variance at each of FIELDS, by enumeration."""
    return np.array([unit_moments(name, field) for field in FIELDS]).T


@every_type
def test_states_what_it_takes(name):
    units = REGISTRY[name]()
    assert tuple(units.support) == VALUES[name]
    assert units.bounds == (min(VALUES[name]), max(VALUES[name]))
    values = np.array(VALUES[name])[:, None]
    np.testing.assert_array_equal(
        np.broadcast_to(units.base_energy(values), len(values)), BASES[name]
    )


@every_type
@both_dtypes
def test_log_partition_and_mean_by_enumeration(name, dtype):
    units, field = REGISTRY[name](), FIELDS[:, None].astype(dtype)
    log_partition, mean, _ = moments(name)
    for found, expected in (
        (units.log_partition(field), log_partition),
        (units.mean(field)[:, 0], mean),
    ):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=0, atol=7 * rounding(dtype))


@every_type
def test_log_partition_is_a_sum_over_units(name):
    expected = moments(name)[0].sum()
    found = REGISTRY[name]().log_partition(FIELDS[None])
    np.testing.assert_allclose(found, [expected], rtol=rounding(np.float64))


@every_type
def test_mean_is_derivative_of_log_partition(name):
    units, field, step = REGISTRY[name](), FIELDS[:, None], 1e-4
    difference = units.log_partition(field + step) - units.log_partition(field - step)
    # Third derivatives are of order 1, so the formula errs by about step².
    np.testing.assert_allclose(
        difference / (2 * step), units.mean(field)[:, 0], rtol=0, atol=step**2
    )


@every_type
@both_dtypes
def test_link_is_inverse_of_mean(name, dtype):
    units = REGISTRY[name]()
    mean = np.linspace(0.01, 0.99, 50).astype(dtype)[:, None]
    field = units.link(mean)
    assert field.dtype == dtype
    np.testing.assert_allclose(units.mean(field), mean, rtol=0, atol=rounding(dtype))


@every_type
@both_dtypes
@pytest.mark.parametrize("mean_is_known", [False, True])
def test_sample_has_the_mean_and_the_values(name, dtype, mean_is_known, rng):
    n, units = 20_000, REGISTRY[name]()
    field = np.tile(FIELDS.astype(dtype), (n, 1))
    known = {"mean": units.mean(field)} if mean_is_known else {}
    draws = units.sample(field, rng, **known)
    _, mean, variance = moments(name)
    assert draws.dtype == dtype
    assert set(np.unique(draws)) == set(VALUES[name])
    # The draws of one call share what lies below 2⁻¹⁶.
    error = np.abs(draws.mean(axis=0, dtype=np.float64) - mean)
    assert (error < 5 * np.sqrt(variance / n) + 2**-16).all()


@every_type
def test_draws_are_independent(name, rng):
    n = 40_000
    draws = REGISTRY[name]().sample(np.zeros((n, 4)), rng)
    correlation = np.corrcoef(draws.T)[np.triu_indices(4, 1)]
    assert np.abs(correlation).max() < 5 / np.sqrt(n)


@every_type
@both_dtypes
def test_extreme_fields(name, dtype, rng):
    units, field = REGISTRY[name](), EXTREME.astype(dtype)
    mean, draws = units.mean(field), units.sample(field, rng)
    low, high = units.bounds
    assert np.isfinite(units.log_partition(field)).all()
    assert ((low <= mean) & (mean <= high)).all()
    np.testing.assert_array_equal(draws[0, [0, 1, 3, 4]], [low, low, high, high])


@every_type
def test_both_precisions_draw_the_same(name, seed):
    n = 20_000
    field = np.random.default_rng(seed).normal(0, 2, (n // 10, 10)).astype(np.float32)
    single, double = (
        REGISTRY[name]().sample(field.astype(dtype), make_rng(seed))
        for dtype in (np.float32, np.float64)
    )
    # A draw can differ where the means straddle a grid point: one in 10⁷.
    assert (single != double).sum() <= 1


@every_type
@both_dtypes
def test_out_may_be_the_field(name, dtype, rng, seed):
    units, field = REGISTRY[name](), rng.normal(size=(50, 7)).astype(dtype)
    for call in (
        units.mean,
        lambda x, out=None: units.sample(x, make_rng(seed), out=out),
    ):
        before, room = field.copy(), np.empty_like(field)
        expected = call(field)
        assert call(field, out=room) is room
        np.testing.assert_array_equal(room, expected)
        np.testing.assert_array_equal(field, before)
        assert call(before, out=before) is before
        np.testing.assert_array_equal(before, expected)


@every_type
def test_resolve(name):
    instance = REGISTRY[name]()
    assert type(resolve(name)) is type(resolve(instance)) is type(instance)
    assert resolve(instance) is not instance
    assert type(pickle.loads(pickle.dumps(instance))) is type(instance)


def test_contract_is_abstract(rng):
    units, field = Units(), np.zeros((1, 1))
    for call in (
        lambda: units.base_energy(field),
        lambda: units.log_partition(field),
        lambda: units.mean(field),
        lambda: units.sample(field, rng),
        lambda: units.link(field),
    ):
        with pytest.raises(NotImplementedError):
            call()
    assert issubclass(Bernoulli, Units)


# The random numbers underneath


@both_dtypes
@pytest.mark.parametrize("low", [-1, 0])
@pytest.mark.parametrize("shape", [(1,), (7, 3), (4, 5, 2), (0, 3)])
def test_uniform_lies_on_the_grid(shape, low, dtype, seed):
    draws = uniform(make_rng(seed), shape, dtype, low)
    assert draws.shape == shape and draws.dtype == dtype
    scaled = draws.astype(np.float64) * 2**24
    np.testing.assert_array_equal(scaled, np.floor(scaled))
    assert ((low <= draws) & (draws < 1)).all()
    double = uniform(make_rng(seed), shape, np.float64, low)
    np.testing.assert_array_equal(draws, double)


def cells(numbers, n=256):
    """The p-value of integers below n, were they uniform and independent."""
    counts = np.bincount(numbers, minlength=n)
    assert len(counts) == n
    return stats.chisquare(counts).pvalue


@pytest.mark.parametrize("low", [-1, 0])
def test_uniform_has_no_bias_from_call_to_call(low, seed, rng):
    """One draw of each of many arrays is uniform down to the last of its bits."""
    n, source, n_bits = 2**15, make_rng(seed), 24 - low
    place = rng.integers(7, size=n)
    draws = [uniform(source, (7,), np.float64, low)[i] for i in place]
    integers = ((np.array(draws) - low) * 2**24).astype(np.int64)
    for shift in (n_bits - 8, n_bits - 16, 1):
        assert cells((integers >> shift) & 255) > 1e-6
    assert cells(integers & 1, 2) > 1e-6
    # The upper bits know nothing of the lower ones, nor a call of the one before.
    assert cells((integers >> (n_bits - 4)) * 16 + (integers & 15)) > 1e-6
    bottom = integers & 15
    assert cells(bottom[1:] * 16 + bottom[:-1]) > 1e-6


@pytest.mark.parametrize("low", [-1, 0])
def test_uniform_has_no_bias_within_a_call(low, seed):
    """The upper 16 bits of the draws are independent; the others need not be."""
    n = 2**20
    draws = uniform(make_rng(seed), (n,), np.float64, low)
    integers = ((draws - low) / (1 - low) * 2**16).astype(np.int64)
    assert cells(integers >> 8) > 1e-6
    assert cells(integers & 255) > 1e-6
    # Draws that share a raw integer are neighbours.
    for distance in range(1, 5):
        correlation = np.corrcoef(draws[:-distance], draws[distance:])[0, 1]
        assert abs(correlation) < 5 / np.sqrt(n)


def first_draws(random_state):
    return make_rng(random_state).random(4).tolist()


def test_int_seeds_repeat(seed):
    assert first_draws(seed) == first_draws(seed) == first_draws(np.int64(seed))
    assert first_draws(seed) != first_draws(seed + 1)


def test_random_state_instance_advances(seed):
    first, second = np.random.RandomState(seed), np.random.RandomState(seed)
    streams = [first_draws(first), first_draws(first)]
    assert streams[0] != streams[1]
    assert streams == [first_draws(second), first_draws(second)]


def test_none_follows_the_global_state(seed):
    before = np.random.get_state()  # noqa: NPY002
    try:
        streams = []
        for _ in range(2):
            np.random.seed(seed)  # noqa: NPY002
            streams.append([first_draws(None), first_draws(None)])
    finally:
        np.random.set_state(before)  # noqa: NPY002
    assert streams[0] == streams[1]
    assert streams[0][0] != streams[0][1]


def test_bad_random_state():
    with pytest.raises(ValueError, match="'seven'"):
        make_rng("seven")
