"""Unit types, each by its name in the registry."""

import itertools
import pickle
import warnings

import numpy as np
import pytest
from _oracle import FINITE, all_states, block, unit_moments, width
from scipy import sparse, stats
from sklearn.base import clone

from skdbn._utils._random import make_rng, normal, uniform, uniform_times_2_16
from skdbn.exceptions import DataRangeWarning
from skdbn.machines import RestrictedMachine
from skdbn.units import (
    REGISTRY,
    Analytic,
    Bernoulli,
    Concatenated,
    Conditional,
    Differentiable,
    Enumerable,
    Gaussian,
    Parametric,
    Poisson,
    Scaled,
    Softmax,
    Units,
    _ranged,
    check_pair,
    resolve,
)
from skdbn.units._analytic import log_partition_change
from skdbn.units._base import ask, offers
from skdbn.units._parametric import between, copied, independent

BOUNDS = {
    "bernoulli": (0, 1),
    "spin": (-1, 1),
    "softmax": (0, 1),
    "gaussian": (-np.inf, np.inf),
    "rectified": (0, np.inf),
    "poisson": (0, np.inf),
}
TAILS = {"gaussian": "gaussian", "rectified": "gaussian", "poisson": "poisson"}
# Several types side by side.
MIXED = (("gaussian", 2), ("softmax", 3), ("poisson", 1), ("spin", 2), ("rectified", 1))

every_type = pytest.mark.parametrize("name", REGISTRY)
every_finite_type = pytest.mark.parametrize("name", FINITE)
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def rounding(dtype):
    """A few units in the last place of numbers of the size of the fields."""
    return 100 * np.finfo(dtype).eps


def spread_fields(name):
    """Fields of a unit, or of a group of units, a row each."""
    field = np.linspace(-6, 4 if name == "poisson" else 6, 25)
    if name == "softmax":
        return np.stack([field, field[::-1] / 2, np.roll(field, 7)], axis=1)
    return field[:, None]


def some_means(name):
    """Means of a unit, or of a group of units, a row each."""
    share = np.linspace(0.01, 0.99, 50)[:, None]
    if name == "softmax":
        return np.hstack([share, (1 - share) * 0.3, (1 - share) * 0.7])
    low, high = BOUNDS[name]
    if np.isfinite(high):
        return low + (high - low) * share
    size = 1e-3 * 1e5**share
    return np.vstack([size, -size]) if np.isinf(low) else size


@every_type
def test_states_what_it_takes(name, make_units):
    one = block(name)
    units = make_units(name, width(name))
    assert units.bounds == BOUNDS[name]
    assert units.tail == TAILS.get(name)
    assert units.one_kind
    found = np.broadcast_to(units.base_energy(one.values), len(one.values))
    np.testing.assert_allclose(found, one.base(one.values), rtol=1e-13)
    if name not in FINITE:
        stored = units.base_energy(sparse.csr_array(one.values))
        np.testing.assert_allclose(stored, found, rtol=1e-13)


@every_type
@both_dtypes
def test_log_partition_and_mean_by_enumeration(name, dtype, make_units):
    # Sums and integrals of the oracle, whose digits are those of float64; the nodes of
    # its integrals differ in the last ones from version to version.
    tolerance = rounding(dtype) * (1 if name in FINITE else 10)
    field = spread_fields(name).astype(dtype)
    units = make_units(name, width(name), dtype=dtype)
    log_partition, mean, _, _ = unit_moments(name, field.astype(np.float64))
    for found, expected in (
        (units.log_partition(field), log_partition),
        (units.mean(field), mean),
    ):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@every_type
def test_log_partition_is_a_sum_over_units(name, make_units):
    field = spread_fields(name)
    expected = unit_moments(name, field)[0].sum()
    found = make_units(name, field.size).log_partition(field.reshape(1, -1))
    np.testing.assert_allclose(found, [expected], rtol=rounding(np.float64))


@every_type
def test_mean_is_derivative_of_log_partition(name, make_units):
    field, step = spread_fields(name), 1e-4
    units = make_units(name, width(name))
    mean = units.mean(field)
    for i in range(width(name)):
        shift = step * np.eye(width(name))[i]
        upper, lower = (units.log_partition(field + s) for s in (shift, -shift))
        # The formula errs by about step² times the third cumulant: for bounded values
        # that is of order 1, for counts it is the mean.
        np.testing.assert_allclose(
            (upper - lower) / (2 * step), mean[:, i], rtol=step**2, atol=step**2
        )


@every_type
def test_backpropagation_is_the_derivative_of_the_mean(name, make_units, rng):
    field, step = spread_fields(name), 1e-4
    units = make_units(name, width(name))
    mean = units.mean(field)
    weights = rng.normal(size=field.shape)
    found = units.backpropagate(weights.copy(), mean)
    for i in range(width(name)):
        shift = step * np.eye(width(name))[i]
        upper, lower = (units.mean(field + s) for s in (shift, -shift))
        expected = (weights * (upper - lower)).sum(axis=1) / (2 * step)
        # As above; a rectified unit's field is found from its mean.
        np.testing.assert_allclose(found[:, i], expected, rtol=1e-6, atol=1e-6)


def test_backpropagation_of_gaussian_units_multiplies_by_the_variance(rng):
    units, field = Gaussian(0.25).start(3), rng.normal(size=(5, 3))
    error = rng.normal(size=(5, 3))
    found = units.backpropagate(error.copy(), units.mean(field))
    np.testing.assert_allclose(found, 0.25 * error)
    np.testing.assert_allclose(units.mean(field + 1) - units.mean(field), 0.25)


@every_type
@both_dtypes
def test_log_partition_change_is_the_difference(name, dtype, make_units, rng):
    n_units = 4 * width(name)
    units = make_units(name, n_units, dtype=dtype)
    field = rng.normal(0, 2, (30, n_units)).astype(dtype)
    for shape in ((30, 1), (1, 1)):
        before, after = rng.random((2, *shape)).astype(dtype)
        high, low = (units.log_partition(beta * field) for beta in (after, before))
        found = log_partition_change(units, field, before, after)
        assert found.dtype == dtype and found.shape == (30,)
        error = rounding(dtype) * (np.abs(high) + np.abs(low) + 1).max()
        np.testing.assert_allclose(found, high - low, rtol=0, atol=error)


@pytest.mark.parametrize("name", ["bernoulli", "spin"])
def test_series_of_the_log_partition(name, make_units, rng):
    units = make_units(name, 9)
    field = np.linspace(-8, 8, 9)[None]
    terms = units.log_partition_series(field, 30)
    way = rng.choice([-0.5, 0.5], 9) * units.series_radius
    powers = way ** np.arange(1, 31)[:, None]
    found = (np.concatenate(terms) * powers).sum()
    change = units.log_partition(field + way) - units.log_partition(field)
    np.testing.assert_allclose(found, change[0], rtol=0, atol=2e-9)
    third = way / 3
    found = (np.concatenate(terms) * third ** np.arange(1, 31)[:, None]).sum()
    change = units.log_partition(field + third) - units.log_partition(field)
    np.testing.assert_allclose(found, change[0], rtol=0, atol=1e-14)


@every_type
@both_dtypes
def test_link_is_inverse_of_mean(name, dtype, make_units):
    units = make_units(name, width(name), dtype=dtype)
    mean = some_means(name).astype(dtype)
    field = units.link(mean)
    assert field.dtype == dtype
    np.testing.assert_allclose(units.mean(field), mean, rtol=rounding(dtype))
    np.testing.assert_array_equal(units.link(mean[0]), field[0])


@every_type
@both_dtypes
@pytest.mark.parametrize("mean_is_known", [False, True])
def test_sample_has_the_moments_and_the_values(
    name, dtype, mean_is_known, make_units, rng
):
    n, fields = 10_000, spread_fields(name)
    units = make_units(name, fields.size, dtype=dtype)
    field = np.tile(fields.reshape(1, -1).astype(dtype), (n, 1))
    known = {"mean": units.mean(field)} if mean_is_known else {}
    draws = units.sample(field, rng, **known)
    assert draws.dtype == dtype
    values, draws = np.unique(draws), draws.astype(np.float64)
    if name in FINITE:
        assert set(values) == set(block(name).values.ravel())
    if name == "softmax":
        assert (draws.reshape(n, -1, 3).sum(axis=2) == 1).all()
    if name == "poisson":
        np.testing.assert_array_equal(values, np.rint(values))
    assert values.min() >= BOUNDS[name][0]
    _, mean, variance, fourth = (
        moment.ravel() for moment in unit_moments(name, fields)
    )
    # The draws of one call share what lies below 2⁻¹⁶. The last term is Bernstein's,
    # for rare values that are at most 2 from the mean.
    error = np.abs(draws.mean(axis=0) - mean)
    assert (error < 5 * np.sqrt(variance / n) + 2**-16 + 2 * 25 / (3 * n)).all()
    # Of few rare values the variance has no normal distribution; of others it misses
    # the squared error of the mean, too.
    usual = variance > 0.01
    error = np.abs(draws.var(axis=0) - variance)[usual]
    deviation = np.sqrt((fourth - variance**2) / n)[usual]
    assert (error < 5 * deviation + variance[usual] * 25 / n + 2**-16).all()


DISTRIBUTIONS = {
    "gaussian": lambda field: stats.norm(field),
    "rectified": lambda field: stats.truncnorm(-field, np.inf, field),
    "poisson": lambda field: stats.poisson(np.exp(field)),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("field", [-300.0, -30.0, -3.0, 0.0, 2.0, 10.0])
def test_sample_has_the_distribution(name, field, make_units, rng):
    n, expected = 10_000, DISTRIBUTIONS[name](field)
    draws = make_units(name, 1).sample(np.full((n, 1), field), rng)[:, 0]
    if name != "poisson":
        assert stats.kstest(draws, expected.cdf).pvalue > 1e-6
        return
    # Cells of about the same probability, as far as there are as many counts.
    edges = np.unique(expected.ppf(np.linspace(0, 1, 41)[1:-1]))
    counts = np.bincount(np.searchsorted(edges, draws), minlength=len(edges) + 1)
    p = np.diff(expected.cdf(edges), prepend=0, append=1)
    assert (counts[p == 0] == 0).all()
    if (p > 0).sum() > 1:
        assert stats.chisquare(counts[p > 0], n * p[p > 0]).pvalue > 1e-6


@every_type
def test_draws_are_independent(name, make_units, rng):
    n, step = 40_000, width(name)
    units = make_units(name, 4 * step)
    draws = units.sample(np.zeros((n, 4 * step)), rng)[:, ::step]
    correlation = np.corrcoef(draws.T)[np.triu_indices(4, 1)]
    assert np.abs(correlation).max() < 5 / np.sqrt(n)


@both_dtypes
def test_binary_draws_of_large_fields(dtype, rng):
    """Some of these overflow in float32, at this step or the next one."""
    field = np.linspace(40, 900, 1721, dtype=dtype).reshape(1, -1)
    units = Bernoulli()
    np.testing.assert_array_equal(units.sample(field, rng), 1)
    np.testing.assert_array_equal(units.sample(-field, rng), 0)


@both_dtypes
@pytest.mark.parametrize("probability", [3e-7, 1e-6, 1.2e-5, 1e-4])
def test_draws_of_rare_units(probability, dtype, monkeypatch):
    """Of all 2²⁴ values that a uniform draw takes, as many turn a unit on as should."""
    lowest = np.arange(1, 4097, dtype=np.float32).reshape(-1, 1) / 2**8
    name = "skdbn.units._bernoulli.uniform_times_2_16"
    monkeypatch.setattr(name, lambda rng, shape: lowest.copy())
    field = np.full((4096, 1), np.log(probability / (1 - probability)), dtype)
    n_on = Bernoulli().sample(field, None).sum()
    assert abs(n_on - probability * 2**24) < 1.01


@every_type
@both_dtypes
def test_extreme_fields(name, dtype, make_units, rng):
    field = np.array([-1e3, -40.0, 0.0, 40.0, 1e3, 0.0], dtype)
    field = field.reshape(-1, width(name))
    units = make_units(name, width(name), dtype=dtype)
    low, high = units.bounds
    draws = units.sample(np.repeat(field, 100, axis=0), rng).reshape(
        -1, 100, width(name)
    )
    for values in (units.mean(field)[:, None], draws):
        assert np.isfinite(values).all()
        assert ((low <= values) & (values <= high)).all()
    log_partition, mean = units.log_partition(field), units.mean(field)
    assert np.isfinite(log_partition).all()
    if name == "softmax":
        expected = [[0, 0, 1], [0, 1, 0]]
        np.testing.assert_allclose(mean, expected, atol=1e-15)
        np.testing.assert_array_equal(draws, np.repeat(draws[:, :1], 100, axis=1))
        np.testing.assert_array_equal(draws[:, 0], expected)
        np.testing.assert_array_equal(log_partition, [0, 1000])
    elif name in FINITE:
        np.testing.assert_array_equal(draws[[0, 1]], low)
        np.testing.assert_array_equal(draws[[3, 4]], high)
    elif name == "gaussian":
        np.testing.assert_array_equal(mean, field)
    elif name == "rectified":
        # An exponential distribution but for 2/f², and a Gaussian one.
        expected = 1e-3 - 2e-9, 0.025 - 2 * 0.025**3, 40, 1000
        rows = [0, 1, 3, 4]
        np.testing.assert_allclose(mean[rows, 0], expected, rtol=1e-5)
        np.testing.assert_allclose(log_partition[0], -np.log(1e3) - 1e-6, rtol=1e-6)
    else:
        expected = [np.exp(-1e3), np.exp(-40), 1, np.exp(15), np.exp(15)]
        np.testing.assert_allclose(mean[:5, 0], expected, rtol=rounding(dtype))


def test_counts_stay_below_a_largest_mean():
    """Its integral is the log-partition, linear from there on."""
    units, field = Poisson(), np.array([[14.0], [15.0], [15.5], [17.0]])
    found = units.log_partition(field) / np.exp(15)
    np.testing.assert_allclose(found, [np.exp(-1), 1, 1.5, 3], rtol=1e-14)


@every_type
def test_both_precisions_draw_the_same(name, make_units, seed):
    field = np.random.default_rng(seed).normal(0, 2, (2000, 12)).astype(np.float32)
    single, double = (
        make_units(name, 12, dtype=dtype).sample(field.astype(dtype), make_rng(seed))
        for dtype in (np.float32, np.float64)
    )
    if name in ("gaussian", "rectified"):
        size = rounding(np.float32) * np.abs(field).max()
        np.testing.assert_allclose(single, double, rtol=0, atol=size)
    else:
        # A draw can differ where the means straddle a grid point: one in 10⁷.
        assert (single != double).any(axis=1).sum() <= 1


@every_type
@both_dtypes
def test_out_may_be_the_field(name, dtype, make_units, rng, seed):
    units = make_units(name, 6, dtype=dtype)
    field = rng.normal(size=(50, 6)).astype(dtype)
    for call in (
        units.mean,
        lambda x, out=None: units.sample(x, make_rng(seed), out=out),
    ):
        before, room = field.copy(), np.empty_like(field)
        expected = call(field)
        assert call(field, out=room) is room
        np.testing.assert_array_equal(room, expected)
        np.testing.assert_array_equal(field, before)
        # As columns of a wider array, too.
        wide = np.zeros((50, 8), dtype)
        call(field, out=wide[:, 1:7])
        np.testing.assert_array_equal(wide[:, 1:7], expected)
        assert call(before, out=before) is before
        np.testing.assert_array_equal(before, expected)


@every_type
def test_states_are_enumerated_once(name, make_units):
    n_units = 6
    units = make_units(name, n_units)
    assert offers(units, Enumerable) == (name in FINITE)
    if name not in FINITE:
        return
    expected, _ = all_states(name, n_units)
    n_states = units.n_states(n_units)
    assert n_states == len(expected)
    found = units.states(np.arange(n_states), n_units)
    np.testing.assert_array_equal(np.unique(found, axis=0), np.unique(expected, axis=0))
    some = np.array([3, 0, n_states - 1])
    np.testing.assert_array_equal(units.states(some, n_units), found[some])
    # As many as a wide layer has are no float.
    assert units.n_states(3000) > 10**308


@every_type
def test_means_stand_for_states(name, make_units, rng):
    units = make_units(name, 6)
    states = units.sample(np.zeros((30, 6)), rng)
    mean = units.mean(rng.normal(size=(30, 6)))
    assert units.are_states(states) and units.are_states(sparse.csr_array(states))
    is_state = name in ("gaussian", "rectified")
    for rows in (mean, sparse.csr_array(mean)):
        assert units.are_states(rows) == is_state
    rows = np.repeat(mean[:1], 20_000, axis=0)
    units.draw(rows, rng)
    if name not in FINITE:
        np.testing.assert_array_equal(rows, mean[:1].repeat(20_000, axis=0))
        return
    assert units.are_states(rows)
    error = np.abs(rows.mean(axis=0) - mean[0])
    assert (error < 5 * rows.std(axis=0) / np.sqrt(len(rows)) + 2**-16).all()


def test_a_spin_that_is_not_stored_is_a_mean(make_units):
    units = make_units("spin", 2)
    assert not units.are_states(sparse.csr_array([[1.0, 0.0]]))
    assert units.are_states(sparse.csr_array([[1.0, -1.0]]))


@every_type
def test_shrunken_means_have_fields(name, make_units):
    units = make_units(name, 6)
    low = max(BOUNDS[name][0], -5)
    mean = np.array([low, 0.0, 1.0, low, 1.0, 0.0])
    found = units.shrink(mean, 0.1)
    assert np.isfinite(units.link(found)).all()
    neutral = units.mean(np.zeros((1, 6)))[0]
    expected = mean if name == "gaussian" else 0.9 * mean + 0.1 * neutral
    np.testing.assert_allclose(found, expected)


@every_type
@pytest.mark.parametrize("n_units", [6, 30])
def test_a_layer_without_arrays_is_its_own_copy(name, n_units, make_units):
    units = make_units(name, n_units)
    learned, scaled = ask(units, Parametric), ask(units, Scaled)
    assert learned.params == learned.param_steps == []
    assert scaled.step_scale is None
    assert learned.statistics(np.ones((2, n_units))) == []
    assert learned.data_statistics() == []
    assert learned.own_steps(np.ones((2, n_units)), 0.1) == []
    bias = np.arange(n_units)
    assert scaled.uncentered(bias) is bias
    assert learned.project() is None
    assert learned.update_moments(3, np.zeros(n_units), np.ones(n_units)) is None
    spread = np.broadcast_to(scaled.spread(n_units), n_units)
    np.testing.assert_array_equal(spread, TAILS.get(name) == "gaussian")
    if name != "gaussian":
        assert copied(units) is units
        assert between(units, units, np.array([[0.3]])) is units
    mean = units.mean(np.zeros((1, n_units)))[0]
    own, field = independent(units, mean, np.ones(n_units))
    np.testing.assert_allclose(own.mean(field[None])[0], mean)


@every_type
def test_resolve(name):
    instance = REGISTRY[name]()
    assert type(resolve(name)) is type(resolve(instance)) is type(instance)
    assert resolve(instance) is not instance
    assert type(pickle.loads(pickle.dumps(instance))) is type(instance)


@pytest.mark.parametrize(
    "one, other, same",
    [
        (Bernoulli(), Bernoulli(), True),
        (Bernoulli(), Softmax(), False),
        (Softmax(2), Softmax(3), False),
        # A variance is no state.
        (Gaussian(), Gaussian(variance=2.0), True),
        (Gaussian(), Poisson(), False),
        (Concatenated([("spin", 2)]), Concatenated([("spin", 1)] * 2), True),
        (Concatenated([("spin", 2)]), Concatenated([("spin", 3)]), False),
        (Concatenated([("spin", 2)]), Concatenated([("bernoulli", 2)]), False),
        (
            Concatenated([("spin", 2), (Gaussian(2.0), 1), (Softmax(3), 6)]),
            Concatenated([("spin", 2), ("gaussian", 1), ("softmax", 2, 3)]),
            True,
        ),
        (
            Concatenated([("softmax", 1, 4)]),
            Concatenated([("softmax", 2, 2)]),
            False,
        ),
        (Concatenated([("spin", 2)]), resolve("spin"), False),
    ],
    ids=str,
)
def test_layers_with_the_same_states(one, other, same):
    assert one.has_states_of(other) == other.has_states_of(one) == same


def test_contract_is_abstract(rng):
    units, field = Units(), np.zeros((1, 1))
    for call in (
        lambda: units.log_partition(field),
        lambda: units.mean(field),
        lambda: units.sample(field, rng),
        lambda: units.link(field),
        lambda: Enumerable().n_states(1),
        lambda: Enumerable().states(np.arange(1), 1),
        lambda: Conditional().alternatives(0, field, None),
        lambda: Conditional().coordinate_base(0, field),
        lambda: Differentiable().backpropagate(field, field),
        lambda: Analytic().log_partition_change(field, field, field),
        lambda: Analytic().log_partition_series(field, 3),
    ):
        with pytest.raises(NotImplementedError):
            call()
    assert units.base_energy(field) == 0
    assert issubclass(Bernoulli, Units)


@every_type
@pytest.mark.parametrize("other", REGISTRY)
def test_pairs_without_a_normalizer(name, other):
    tails = {TAILS.get(name), TAILS.get(other)}
    pair = REGISTRY[name](), REGISTRY[other]()
    if "poisson" in tails and None not in tails:
        with pytest.raises(ValueError, match="no normalizer together"):
            check_pair(*pair)
    else:
        check_pair(*pair)


# Data


NAMES = ["a", "b", "c", "d", "e", "f"]
CONTAINERS = [np.asarray, sparse.csr_array, sparse.csr_matrix]


def good_data(name, make_units, rng):
    return make_units(name, 6).sample(np.zeros((20, 6)), rng)


@every_type
@pytest.mark.parametrize("container", CONTAINERS)
def test_data_that_fit(name, container, make_units, rng):
    units, X = make_units(name, 6), good_data(name, make_units, rng)
    for data in (X, X.astype(np.float32)):
        units.check_data(container(data), NAMES)
    if name != "rectified" and name != "gaussian":
        units.check_data(container(X.astype(np.int8)), NAMES)
    if name in FINITE:
        mean = units.mean(rng.normal(size=(20, 6)).astype(np.float32))
        units.check_data(container(mean), NAMES)


@pytest.mark.parametrize("name", ["bernoulli", "spin"])
@pytest.mark.parametrize("container", CONTAINERS)
def test_data_out_of_bounds(name, container, make_units, rng):
    X = good_data(name, make_units, rng)
    X[3, 4] = 1.5
    with pytest.warns(DataRangeWarning, match=r"to 1\.5 \(first in column e\)"):
        make_units(name, 6).check_data(container(X), NAMES)


@pytest.mark.parametrize("name", ["rectified", "poisson"])
@pytest.mark.parametrize("container", CONTAINERS)
def test_negative_data(name, container, make_units, rng):
    X = good_data(name, make_units, rng)
    X[3, 4] = -2
    with pytest.raises(ValueError, match="column e of X has -2"):
        make_units(name, 6).check_data(container(X), NAMES)


@pytest.mark.parametrize("container", CONTAINERS)
def test_counts_that_are_not_whole(container, make_units, rng):
    X = good_data("poisson", make_units, rng)
    X[3, 4] = 0.5
    with pytest.warns(DataRangeWarning, match="Column e of X has values that are not"):
        make_units("poisson", 6).check_data(container(X), NAMES)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize(
    "values", [(0, 0, 0), (1, 0, 1), (0.5, 0.5, 0.01), (1.5, -0.5, 0)]
)
def test_groups_that_are_not_one_hot(values, container, make_units, rng):
    X = good_data("softmax", make_units, rng)
    X[[3, 5], 3:] = values
    with pytest.raises(ValueError, match=r"Columns d, e, f .* 2 of 20 rows"):
        make_units("softmax", 6).check_data(container(X), NAMES)


# A row that the layer cannot be in, for each type.
IMPOSSIBLE = {
    "bernoulli": [2.0, 0, 1, 0, 1, 0],
    "spin": [1.0, -1, 1, -1, 1.5, 1],
    "softmax": [0.0, 1, 0, 0, 0, 0],
    "rectified": [0.5, 0, 0, -0.1, 0, 0],
    "poisson": [0.0, 3, 1.5, 0, 0, 2],
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
@pytest.mark.parametrize("container", CONTAINERS)
@both_dtypes
def test_support(name, container, dtype, make_units, rng):
    """States, a mean of them, and what is neither; a sparse zero that is not stored."""
    units, bad = make_units(name, 6), np.array(IMPOSSIBLE[name])
    states = good_data(name, make_units, rng)[:3]
    between = units.mean(np.zeros((1, 6))) if name in FINITE else states[:1]
    X = np.vstack([states, between, bad, states]).astype(dtype)
    rows, columns = units.lowest_support(container(X))
    expected = [2, 2, 2, 1 if name in FINITE else 2, 0, 2, 2, 2]
    np.testing.assert_array_equal(rows, expected)
    outside = np.array([bad != states[0]])[0] & (units.support(bad[None])[0] == 0)
    group = np.arange(6) >= 3 if name == "softmax" else outside
    np.testing.assert_array_equal(columns == 0, group)
    np.testing.assert_array_equal(columns[~group], expected[3])
    assert units.are_states(container(X[:3]))


UNEVEN = [("softmax", 1, 3), ("softmax", 12, 2), ("softmax", 1, 5)]
GLANCED = {
    "mixed": [("spin", 3), ("poisson", 2), ("softmax", 2, 3), ("gaussian", 1)],
    "uneven": UNEVEN,
}


@pytest.mark.parametrize("name", [*REGISTRY, *GLANCED])
@pytest.mark.parametrize("container", CONTAINERS)
@both_dtypes
def test_a_glance_overlooks_nothing(name, container, dtype, make_units, rng):
    """It is enough for values that fit, and agrees with the support of all others."""
    if name in GLANCED:
        width = 32 if name == "uneven" else 12
        units = Concatenated(GLANCED[name]).start(width)
    else:
        units, width = make_units(name, 6), 6
    X = units.sample(np.zeros((40, width)), rng).astype(dtype)
    assert units.surely_supports(container(X))
    assert not units.rows_outside(container(X), range(width)).any()
    n_outside = 0
    for column in range(width):
        for change in (-3, 0.25, 1, 3):
            bad = X.copy()
            bad[17, column] += change
            outside = units.support(bad).min(axis=1) == 0
            n_outside += outside.any()
            assert not (units.surely_supports(container(bad)) and outside.any())
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DataRangeWarning)
                found = units.rows_outside(container(bad), range(width))
            np.testing.assert_array_equal(found, outside)
    assert n_outside or name == "gaussian"


@pytest.mark.parametrize("sizes", [[3] * 12, [2, 3, 4] * 4])
@both_dtypes
def test_a_glance_sees_ones_in_other_groups(sizes, dtype, rng):
    """As many of them as there should be, two or none in a group, in a single row."""
    units = Concatenated([("softmax", 1, size) for size in sizes]).start(36)
    (row,) = units.sample(np.zeros((1, 36)), rng).astype(dtype)
    assert units.surely_supports(row[None])
    for taken, given in itertools.permutations(np.flatnonzero(row), 2):
        bad = row.copy()
        bad[taken], bad[given] = 0, 2
        assert not units.surely_supports(bad[None])


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_a_glance_at_whole_numbers(dtype, container):
    X = np.array([[1, 0, 0, 1], [0, 1, 1, 0]], dtype)
    assert Softmax(2).surely_supports(container(X))
    X[1] = 0
    assert not Softmax(2).surely_supports(container(X))


@pytest.mark.parametrize("n_groups", [4, 2000, 5000])
@pytest.mark.parametrize("nan", [False, True])
def test_a_glance_at_very_many_groups(n_groups, nan):
    X = np.tile(np.float32([1, 0]), (2, n_groups))
    if nan:
        X[1, -1] = np.nan
    assert Softmax(2).surely_supports(X) != nan
    X[1, :4] = 2, 0, 0, 0
    assert not Softmax(2).surely_supports(X)


@both_dtypes
def test_a_glance_is_enough_for_probabilities(dtype, rng):
    units = Concatenated(UNEVEN).start(32)
    field = rng.normal(size=(50, 32)).astype(dtype)
    assert units.surely_supports(units.mean(field))
    assert Softmax(4).surely_supports(Softmax(4).mean(field))


def test_new_types_are_looked_at_closely(make_units, rng):
    class Even(type(make_units("rectified", 2))):
        def surely_supports(self, X):
            return Units.surely_supports(self, X)

        def support(self, x):
            return np.where(x % 2, np.int8(0), np.int8(2))

    with pytest.warns(DataRangeWarning, match="1 of 2 rows.*column b"):
        outside = Even().rows_outside(np.array([[2.0, 4], [0, 3]]), "ab")
    assert outside.tolist() == [False, True]


def test_support_of_stored_zeros_and_means(make_units):
    X = sparse.csr_array(np.array([[1.0, 0, 1], [-1, 1, 1], [1, -1, -1]]))
    rows, columns = make_units("spin", 3).lowest_support(X)
    assert rows.tolist() == [1, 2, 2] and columns.tolist() == [2, 1, 2]
    rows, columns = make_units("bernoulli", 3).lowest_support(abs(X) / 2)
    assert rows.tolist() == [1, 1, 1] and columns.tolist() == [1, 1, 1]


def test_stored_values_are_looked_at_in_parts(monkeypatch, make_units, rng):
    monkeypatch.setattr(_ranged, "READ_ELEMENTS", 7)
    X = rng.choice([0.0, 0.0, 1.0, 1.0, 0.5, 2.0], size=(20, 9))
    each = np.where(X > 1, 0, np.where(X == 0.5, 1, 2))
    rows, columns = make_units("bernoulli", 9).lowest_support(sparse.csr_array(X))
    np.testing.assert_array_equal(rows, each.min(axis=1))
    np.testing.assert_array_equal(columns, each.min(axis=0))


@every_type
def test_unknown_values_are_not_outside(name, make_units, rng):
    X = good_data(name, make_units, rng)
    X[0] = X[1, 3:] = np.nan
    rows, _ = make_units(name, 6).lowest_support(X)
    assert (rows > 0).all()


def test_rounding_is_not_outside(make_units):
    above, below = np.nextafter(1, 2), -np.nextafter(0, 1)
    for name in ("bernoulli", "spin", "rectified", "poisson"):
        rows, _ = make_units(name, 2).lowest_support(np.array([[above, below]]))
        assert rows > 0


# Types with settings


@pytest.mark.parametrize("n_values", [1, 0, 2.0, True, "many"])
def test_bad_number_of_values(n_values):
    with pytest.raises(ValueError, match="take an int of at least 2"):
        Softmax(n_values).start(4)


def test_width_that_makes_no_groups():
    with pytest.raises(ValueError, match="and the layer has 50"):
        Softmax(3).start(50)


@pytest.mark.parametrize("n_values", [2, 5, 300])
def test_groups_of_other_sizes(n_values, rng):
    units = Softmax(n_values).start(3 * n_values)
    field = rng.normal(size=(7, 3, n_values))
    expected = np.exp(field) / np.exp(field).sum(axis=2, keepdims=True)
    flat = field.reshape(7, -1)
    np.testing.assert_allclose(units.mean(flat), expected.reshape(7, -1))
    log_partition = np.log(np.exp(field).sum(axis=2)).sum(axis=1)
    np.testing.assert_allclose(units.log_partition(flat), log_partition)
    draws = units.sample(np.repeat(flat[:1], 4000, axis=0), rng)
    error = np.abs(draws.mean(axis=0) - expected[0].ravel())
    p = expected[0].ravel()
    assert (error < 5 * np.sqrt(p / 4000) + 5 / 4000).all()
    assert units.n_states(3 * n_values) == n_values**3
    index = np.array([0, n_values**2, n_values**3 - 1])
    assert (units.states(index, 3 * n_values).sum(axis=1) == 3).all()


def test_steps_of_counts():
    """A column of large counts has a large variance, and takes small steps."""
    moments = 9, np.array([1.0, 8.0, 100.0]), np.array([0.5, 4.0, 200.0])
    units = Poisson().start(3, moments, np.float32)
    assert units.step_scale.dtype == np.float32
    np.testing.assert_allclose(units.step_scale, [1, 0.25, 0.005])
    assert Poisson().start(1, (9, np.ones(1), np.full(1, 0.3))).step_scale is None
    assert units.start(3).step_scale is None


@pytest.fixture
def gaussian(rng):
    """Units with learned variances, of columns with these moments."""
    moments = 9, rng.normal(size=4), rng.uniform(0.5, 2, 4)
    return Gaussian().start(4, moments), moments


@pytest.mark.parametrize("variance", ["many", None, 0, -1.0, np.inf, np.nan, True])
def test_bad_variance(variance):
    with pytest.raises(ValueError, match=f"variance={variance!r} of Gaussian"):
        Gaussian(variance).start(4)


def test_variances_come_from_the_data(gaussian):
    units, (n, mean, variance) = gaussian
    np.testing.assert_allclose(np.exp(units.log_variance_), variance)
    np.testing.assert_allclose(units.precision, 1 / variance)
    np.testing.assert_allclose(units.step_scale, 1 / variance)
    np.testing.assert_allclose(units.spread(4), np.sqrt(variance))
    assert units.params[0] is units.log_variance_
    assert len(units.param_steps) == 1
    shared = Gaussian("shared").start(4, (n, mean, variance), np.float32)
    np.testing.assert_allclose(
        np.exp(shared.log_variance_), [variance.mean()], rtol=1e-6
    )
    assert shared.params[0].dtype == np.float32
    fixed = Gaussian(4).start(4, (n, mean, variance))
    assert fixed.params == [] and fixed.data_statistics() == []
    np.testing.assert_array_equal(fixed.step_scale, 0.25)
    hidden = Gaussian().start(4)
    assert hidden.params == [] and hidden.step_scale is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gaussian_in_its_variances(dtype, gaussian, rng):
    units, (n, mean, variance) = gaussian
    units = Gaussian().start(4, (n, mean, variance), dtype)
    field = rng.normal(size=(3, 4)).astype(dtype)
    expected = [unit_moments_at(field[:, [i]], variance[i], mean[i]) for i in range(4)]
    log_partition = sum(one[0] for one in expected)
    found = units.log_partition(field)
    np.testing.assert_allclose(found, log_partition, rtol=10 * rounding(dtype))
    for i, (_, center, square) in enumerate(expected):
        np.testing.assert_allclose(
            units.mean(field)[:, [i]], center, atol=10 * rounding(dtype)
        )
        np.testing.assert_allclose(square, variance[i])
    np.testing.assert_allclose(
        units.link(units.mean(field)), field, atol=10 * rounding(dtype)
    )
    n_draws = 20_000
    for known in ({}, {"mean": units.mean(field[:1]).repeat(n_draws, axis=0)}):
        draws = units.sample(field[:1].repeat(n_draws, axis=0), rng, **known)
        assert draws.dtype == dtype
        for column, center, scale in zip(
            draws.T, mean + field[0] * variance, np.sqrt(variance), strict=True
        ):
            assert stats.kstest(column, stats.norm(center, scale).cdf).pvalue > 1e-6
    x = rng.normal(size=(3, 4))
    energy = ((x - mean) ** 2 / variance).sum(axis=1) / 2
    for rows in (x, sparse.csr_array(x), sparse.csr_matrix(x)):
        np.testing.assert_allclose(
            units.base_energy(rows), energy, rtol=10 * rounding(dtype)
        )


def unit_moments_at(field, variance, center):
    """Log-partition, mean and variance of a Gaussian unit, by quadrature."""
    one = block("gaussian", variance, center)
    exponents = field @ one.values.T - one.base(one.values) + one.log_measure
    top = exponents.max(axis=1, keepdims=True)
    p = np.exp(exponents - top)
    total = p.sum(axis=1, keepdims=True)
    mean = p @ one.values / total
    second = p @ one.values**2 / total
    return (top + np.log(total))[:, 0], mean, second - mean**2


@pytest.mark.parametrize("kind", ["column", "shared"])
def test_statistics_are_the_slope_of_the_base(kind, gaussian, rng):
    _, (n, mean, variance) = gaussian
    units = Gaussian(kind).start(4, (n, mean, variance))
    x, step = rng.normal(size=(7, 4)), 1e-6
    (found,) = units.statistics(x)
    for i in range(len(found)):
        low, high = units.copy(), units.copy()
        low.log_variance_[i] -= step
        high.log_variance_[i] += step
        slope = low.base_energy(x) - high.base_energy(x)
        assert found[i] == pytest.approx(slope.mean() / (2 * step), rel=1e-8)
    # Of data with these moments, whatever the rows are.
    rows = rng.normal(size=(9, 4))
    units.start(4, (9, rows.mean(axis=0), rows.var(axis=0)))
    np.testing.assert_allclose(units.data_statistics(), units.statistics(rows))
    # More of them.
    more = rng.normal(1, 2, size=(5, 4))
    units.update_moments(5, more.mean(axis=0), more.var(axis=0))
    rows = np.vstack([rows, more])
    np.testing.assert_allclose(units.data_statistics(), units.statistics(rows))


def test_a_variance_that_changes_moves_no_mean(gaussian, rng):
    units, (_, mean, _) = gaussian
    changed = units.copy()
    changed.log_variance_ += rng.normal(size=4)
    nothing = np.zeros((1, 4))
    np.testing.assert_allclose(units.mean(nothing)[0], mean, rtol=1e-12)
    np.testing.assert_allclose(changed.mean(nothing)[0], mean, rtol=1e-12)


def test_the_bias_of_units_without_a_center(gaussian, rng):
    """exp(x·b − (x − μ)²/2σ²) is exp(x·b' − x²/2σ²) up to a constant."""
    units, (_, _, variance) = gaussian
    bias, x = rng.normal(size=4), rng.normal(size=(5, 4))
    own = x @ bias - units.base_energy(x)
    other = x @ units.uncentered(bias) - (x**2 / variance).sum(axis=1) / 2
    np.testing.assert_allclose(own - own[0], other - other[0], atol=1e-12)


def test_variances_stay_above_a_bound(gaussian):
    units, (_, _, variance) = gaussian
    units.log_variance_[:2] = -50
    kept = units.log_variance_.copy()
    units.project()
    np.testing.assert_allclose(np.exp(units.log_variance_[:2]), 1e-4 * variance[:2])
    np.testing.assert_array_equal(units.log_variance_[2:], kept[2:])


def test_copies_of_gaussian_units_have_their_own_arrays(gaussian):
    units, _ = gaussian
    copied = units.copy()
    before = units.log_variance_.copy()
    copied.params[0][:] = 3
    copied.update_moments(9, np.zeros(4), np.ones(4))
    np.testing.assert_array_equal(units.log_variance_, before)
    assert units.data_statistics()[0].tolist() != copied.data_statistics()[0].tolist()
    assert clone(units).get_params() == units.get_params()


class OtherGaussian(Gaussian):
    """A user's own kind of Gaussian units."""

    def __init__(self, scale=1.0, variance="column"):
        super().__init__(variance)
        self.scale = scale


def test_copies_keep_their_class():
    units = OtherGaussian(3.0, 0.5).start(2)
    copied = units.copy()
    assert type(copied) is OtherGaussian
    assert copied.get_params() == {"scale": 3.0, "variance": 0.5}


def test_independent_gaussian_units_have_the_moments(gaussian, rng):
    units, _ = gaussian
    mean, variance = rng.normal(size=4), rng.uniform(0.5, 2, 4)
    own, field = units.independent(mean, variance)
    np.testing.assert_allclose(own.mean(field[None])[0], mean)
    np.testing.assert_allclose(own.spread(4), np.sqrt(variance))
    assert own is not units


def test_gaussian_units_between_others(gaussian, rng):
    units, (_, mean, variance) = gaussian
    other, _ = units.independent(np.zeros(4), np.full(4, 3.0))
    beta = np.array([[0.0], [0.3], [1.0]])
    found, field = units.between(other, beta), rng.normal(size=(3, 4))
    precision = (1 - beta) / 3 + beta / variance
    np.testing.assert_allclose(found.mean(field), mean + field / precision)
    np.testing.assert_allclose(
        found.log_partition(field),
        (field**2 / precision + np.log(2 * np.pi / precision)).sum(axis=1) / 2
        + field @ mean,
    )
    draws = found.sample(np.repeat(field, 5000, axis=0)[::5000], rng)
    assert draws.shape == (3, 4)


# Several types side by side

N_MIXED = sum(n for _, n in MIXED)


@pytest.fixture
def side_by_side(make_units, rng):
    """Units of several types as one, each of them, and where their columns are."""
    moments = 9, rng.normal(size=N_MIXED), rng.uniform(1.5, 3, N_MIXED)
    places, parts, start = [], [], 0
    for name, n in MIXED:
        places.append(slice(start, start + n))
        own = 9, *(moment[places[-1]] for moment in moments[1:])
        parts.append(make_units(name, n, own))
        start += n
    return make_units(MIXED, N_MIXED, moments), parts, places


def each(parts, places, call):
    """What the parts return, for calls with their columns."""
    return [call(part, place) for part, place in zip(parts, places, strict=True)]


def test_side_by_side(side_by_side, rng, seed):
    units, parts, places = side_by_side
    field = rng.normal(size=(5, N_MIXED))
    x = units.sample(field, rng)
    mean = units.mean(field)
    np.testing.assert_array_equal(
        mean, np.hstack(each(parts, places, lambda part, own: part.mean(field[:, own])))
    )
    np.testing.assert_array_equal(
        units.link(mean[0]),
        np.hstack(each(parts, places, lambda part, own: part.link(mean[0, own]))),
    )
    for rows in (x, sparse.csr_array(x), sparse.csr_matrix(x)):
        np.testing.assert_allclose(
            units.base_energy(rows),
            sum(each(parts, places, lambda part, own: part.base_energy(x[:, own]))),
        )
    np.testing.assert_allclose(
        units.log_partition(field),
        sum(each(parts, places, lambda part, own: part.log_partition(field[:, own]))),
    )
    betas = rng.random((2, 5, 1))
    np.testing.assert_allclose(
        units.log_partition_change(field, *betas),
        units.log_partition(betas[1] * field) - units.log_partition(betas[0] * field),
    )
    for known in (None, mean):
        generator = make_rng(seed)
        found = units.sample(field, make_rng(seed), mean=known)
        expected = each(
            parts,
            places,
            lambda part, own, generator=generator, known=known: part.sample(
                field[:, own], generator, mean=None if known is None else known[:, own]
            ),
        )
        np.testing.assert_array_equal(found, np.hstack(expected))
    room = field.copy()
    assert units.sample(room, make_rng(seed), out=room) is room
    np.testing.assert_array_equal(room, units.sample(field, make_rng(seed)))
    assert units.mean(field, out=field) is field
    np.testing.assert_array_equal(field, mean)


def test_side_by_side_as_a_layer(side_by_side, rng):
    units, parts, places = side_by_side
    x = rng.normal(size=(5, N_MIXED))
    assert units.bounds == (-np.inf, np.inf)
    assert units.tail == "poisson"
    assert not units.one_kind
    ((learned,), only) = units.params, parts[0].params[0]
    np.testing.assert_array_equal(learned, only)
    np.testing.assert_array_equal(units.param_steps, parts[0].param_steps)
    scale = units.step_scale
    np.testing.assert_array_equal(scale[places[0]], parts[0].step_scale)
    np.testing.assert_array_equal(scale[places[2]], parts[2].step_scale)
    np.testing.assert_array_equal(scale[places[1]], 1)
    np.testing.assert_array_equal(
        units.statistics(x), parts[0].statistics(x[:, places[0]])
    )
    np.testing.assert_array_equal(units.data_statistics(), parts[0].data_statistics())
    mean, variance = rng.random(N_MIXED), rng.random(N_MIXED)
    units.update_moments(3, mean, variance)
    parts[0].update_moments(3, mean[places[0]], variance[places[0]])
    np.testing.assert_array_equal(units.data_statistics(), parts[0].data_statistics())
    bias = units.uncentered(x[0])
    expected = parts[0].uncentered(x[0, places[0]])
    np.testing.assert_array_equal(bias[places[0]], expected)
    assert (bias[places[0]] != x[0, places[0]]).all()
    np.testing.assert_array_equal(bias[places[0].stop :], x[0, places[0].stop :])
    spread = units.spread(N_MIXED)
    np.testing.assert_array_equal(spread[places[0]], parts[0].spread(2))
    np.testing.assert_array_equal(spread[2:], [0, 0, 0, 0, 0, 0, 1])
    np.testing.assert_allclose(
        units.shrink(mean, 0.1),
        np.hstack(each(parts, places, lambda part, own: part.shrink(mean[own], 0.1))),
    )
    units.params[0][:] = -50
    units.project()
    assert (units.params[0] > -50).all()
    copied = units.copy()
    assert copied is not units
    copied.params[0][:] = 7
    assert (units.params[0] < 7).all()
    pickled = pickle.loads(pickle.dumps(units))
    np.testing.assert_array_equal(pickled.params, units.params)


def test_moments_side_by_side(rng):
    """Each of several parts with variances has those of its own columns."""
    layer = Concatenated([("spin", 1), ("gaussian", 2), (Gaussian("shared"), 2)])
    rows, bias = rng.normal(2, 1, size=(9, 5)) * [1, 2, 3, 4, 5], rng.normal(size=5)
    moments = 9, rows.mean(axis=0), rows.var(axis=0)
    layer.start(5, moments)
    parts = Gaussian(), Gaussian("shared")
    places = slice(1, 3), slice(3, 5)
    for part, place in zip(parts, places, strict=True):
        part.start(2, (9, *(moment[place] for moment in moments[1:])))
    for found, expected in (
        (layer.params, lambda part, own: part.params[0]),
        (layer.data_statistics(), lambda part, own: part.statistics(rows[:, own])[0]),
    ):
        for one, other in zip(found, each(parts, places, expected), strict=True):
            np.testing.assert_allclose(one, other)
    field = rng.normal(size=(3, 5))
    for found, given, method in (
        (layer.mean(field), field, "mean"),
        (layer.uncentered(bias), bias, "uncentered"),
    ):
        for part, place in zip(parts, places, strict=True):
            np.testing.assert_allclose(
                found[..., place], getattr(part, method)(given[..., place])
            )
    before = [array.copy() for array in layer.params]
    frozen = layer.copy()
    frozen.freeze()
    assert frozen.params == []
    for place, log_variance in zip(places, before, strict=True):
        expected = np.broadcast_to(np.exp(log_variance / 2) / np.sqrt(2), 2)
        np.testing.assert_allclose(frozen.spread(5)[place], expected)
    more = rng.normal(1, 3, size=(6, 5))
    layer.update_moments(6, more.mean(axis=0), more.var(axis=0))
    for found, expected in zip(
        layer.data_statistics(), layer.statistics(np.vstack([rows, more])), strict=True
    ):
        np.testing.assert_allclose(found, expected)


def test_side_by_side_and_independent(side_by_side, rng):
    units, _, places = side_by_side
    mean = units.shrink(rng.random(N_MIXED), 0.1)
    mean[places[1]] /= mean[places[1]].sum()
    own, field = units.independent(mean, np.full(N_MIXED, 3.0))
    np.testing.assert_allclose(own.mean(field[None])[0], mean)
    np.testing.assert_allclose(own.spread(N_MIXED)[:2], np.sqrt(3))
    half = units.between(own, np.array([[0.5]]))
    precision = (units.spread(N_MIXED)[:2] ** -2 + 1 / 3) / 2
    found = half.mean(np.ones((1, N_MIXED))) - half.mean(np.zeros((1, N_MIXED)))
    np.testing.assert_allclose(found[0, :2], 1 / precision)


def test_side_by_side_all_states(make_units):
    kind = (("bernoulli", 2), ("softmax", 6), ("spin", 1))
    units = make_units(kind, 9)
    assert units.bounds == (-1, 1) and units.tail is None
    assert units.params == [] and units.step_scale is None
    assert units.param_steps == []
    assert units.copy() is units
    np.testing.assert_array_equal(units.uncentered(np.arange(9)), np.arange(9))
    expected, _ = all_states(kind, 9)
    assert units.n_states(9) == len(expected) == 4 * 9 * 2
    found = units.states(np.arange(72), 9)
    np.testing.assert_array_equal(np.unique(found, axis=0), np.unique(expected, axis=0))
    some = np.array([71, 5])
    np.testing.assert_array_equal(units.states(some, 9), found[some])
    assert not offers(
        make_units((("bernoulli", 2000), ("gaussian", 1)), 2001), Enumerable
    )


def test_side_by_side_data(make_units, rng):
    kind = (("bernoulli", 1), ("softmax", 3), ("spin", 1), ("poisson", 1))
    units, names = make_units(kind, 6), NAMES
    X = units.sample(np.zeros((20, 6)), rng)
    units.check_data(X, names)
    units.check_data(sparse.csr_array(X), range(6))
    assert units.are_states(X)
    bad = X.copy()
    bad[3, 1], bad[5, 5], bad[7, 4] = 2, -1, 0
    rows, columns = units.lowest_support(sparse.csr_array(bad))
    np.testing.assert_array_equal(columns, [2, 0, 0, 0, 1, 0])
    np.testing.assert_array_equal(np.flatnonzero(rows == 0), [3, 5])
    np.testing.assert_array_equal(np.flatnonzero(rows == 1), [7])
    np.testing.assert_array_equal(units.support(bad).min(axis=1), rows)
    mean = X.copy()
    mean[0, :5] = 0.3, 0.1, 0.2, 0.7, 0.5
    assert not units.are_states(mean)
    units.draw(mean, rng)
    assert units.are_states(mean)
    np.testing.assert_array_equal(mean[1:], X[1:])
    for column, value, message in (
        (0, 7.0, r"first in column a\), and Bernoulli"),
        (4, 7.0, r"first in column e\), and Spin"),
        (5, 0.5, "Column f of X has values that are not whole"),
    ):
        bad = X.copy()
        bad[3, column] = value
        with pytest.warns(DataRangeWarning, match=message):
            units.check_data(bad, names)
    bad = X.copy()
    bad[3, 1:4] = 1
    with pytest.raises(ValueError, match="Columns b, c, d are"):
        units.check_data(bad, names)


def test_side_by_side_coordinates(side_by_side):
    units, _, _ = side_by_side
    assert units.n_coordinates(N_MIXED) == N_MIXED - 2
    found = [units.columns(i).tolist() for i in range(N_MIXED - 2)]
    assert found == [[0], [1], [2, 3, 4], [5], [6], [7], [8]]


SIZES = [3, 2, 2, 5, 4]


@pytest.fixture
def uneven():
    """Groups of several sizes, and each as units of its own."""
    units = Concatenated([("softmax", 1, n) for n in SIZES]).start(sum(SIZES))
    ends = np.cumsum([0, *SIZES])
    places = [slice(*ends) for ends in itertools.pairwise(ends)]
    return units, [Softmax(n).start(n) for n in SIZES], places


def test_groups_of_several_sizes(uneven, rng):
    units, parts, places = uneven
    n = sum(SIZES)
    assert len(units.widths()) == 1
    field = 2 * rng.normal(size=(7, n))
    mean, error = units.mean(field), rng.normal(size=(7, n))
    for found, expected in (
        (mean, lambda part, own: part.mean(field[:, own])),
        (units.link(mean[0])[None], lambda part, own: part.link(mean[:1, own])),
        (
            units.backpropagate(error.copy(), mean),
            lambda part, own: part.backpropagate(error[:, own].copy(), mean[:, own]),
        ),
        (units.support(mean), lambda part, own: part.support(mean[:, own])),
    ):
        np.testing.assert_allclose(found, np.hstack(each(parts, places, expected)))
    np.testing.assert_allclose(
        units.log_partition(field),
        sum(each(parts, places, lambda part, own: part.log_partition(field[:, own]))),
    )
    assert units.n_states(n) == 3 * 2 * 2 * 5 * 4
    states = units.states(np.arange(240), n)
    assert len(np.unique(states, axis=0)) == 240 and (states.sum(axis=1) == 5).all()
    assert units.are_states(states) and not units.are_states(mean)
    assert units.n_coordinates(n) == 5
    assert units.columns(3).tolist() == [7, 8, 9, 10, 11]
    with pytest.raises(ValueError, match="n_values=1 of Softmax"):
        Concatenated([("softmax", 1, 3), ("softmax", 2, 1)]).start(5)


@both_dtypes
@pytest.mark.parametrize("mean_is_known", [False, True])
def test_draws_of_groups_of_several_sizes(dtype, mean_is_known, uneven, rng):
    units, _, places = uneven
    fields = (2 * rng.normal(size=(1, sum(SIZES)))).astype(dtype).repeat(20_000, axis=0)
    mean = units.mean(fields)
    draws = units.sample(fields, rng, mean=mean if mean_is_known else None)
    assert draws.dtype == dtype and set(np.unique(draws)) == {0, 1}
    for place in places:
        assert (draws[:, place].sum(axis=1) == 1).all()
    p = mean[0].astype(float)
    error = np.abs(draws.mean(axis=0) - p)
    assert (error < 5 * np.sqrt(p * (1 - p) / 20_000) + 1e-4).all()
    together = (draws[:, 0] * draws[:, 3]).mean()
    assert abs(together - p[0] * p[3]) < 5 * np.sqrt(p[0] * p[3] / 20_000)
    room = fields.copy()
    assert units.sample(room, make_rng(1), out=room) is room
    np.testing.assert_array_equal(room, units.sample(fields, make_rng(1)))


def test_groups_of_several_sizes_in_data(uneven, rng):
    units, parts, places = uneven
    names = [f"c{i}" for i in range(sum(SIZES))]
    X = units.sample(np.zeros((30, sum(SIZES))), rng)
    units.check_data(X, names)
    bad = X.copy()
    bad[:2, 7:12] = 0
    with pytest.raises(ValueError, match=r"Columns c7, c8, c9, c10, c11 .* 2 of 30"):
        units.check_data(bad, names)
    # What is known in part settles others, or rules them out, group by group.
    unknown = rng.random(X.shape) < 0.5
    x, holes = X.copy(), unknown.copy()
    units.fill_determined(x, holes, names)
    expected, left = X.copy(), unknown.copy()
    for part, place in zip(parts, places, strict=True):
        part.fill_determined(expected[:, place], left[:, place], names[place])
    np.testing.assert_array_equal(x, expected)
    np.testing.assert_array_equal(holes, left)
    field = rng.normal(size=X.shape)
    masked = units.masked(holes)
    found = masked.mean(field)
    means = [
        part.masked(left[:, place]).mean(field[:, place])
        for part, place in zip(parts, places, strict=True)
    ]
    np.testing.assert_allclose(found, np.hstack(means))
    # So many times these rows, one after the other, as of tempered chains.
    for one in (masked, parts[0].masked(left[:, :3])):
        own = field[:, :3] if one is not masked else field
        again = np.tile(own, (3, 1))
        np.testing.assert_array_equal(one.mean(again), np.tile(one.mean(own), (3, 1)))
        draws = one.sample(again, rng)
        assert (draws[np.tile(one.mean(own) == 0, (3, 1))] == 0).all()


def test_pseudo_likelihood_of_groups_of_several_sizes(uneven, rng):
    """The sum of the logarithms of what each group is, given all others."""
    units, _, places = uneven
    n = sum(SIZES)
    machine = RestrictedMachine(
        rng.normal(size=(n, 3)), rng.normal(size=n), rng.normal(size=3), units
    )
    v = units.sample(np.zeros((5, n)), rng)
    expected = np.zeros(5)
    for place in places:
        others = []
        for value in range(place.stop - place.start):
            x = v.copy()
            x[:, place] = np.arange(place.stop - place.start) == value
            others.append(-machine.free_energy(x))
        expected += -machine.free_energy(v) - np.logaddexp.reduce(others)
    np.testing.assert_allclose(machine.pseudo_log_likelihood(v), expected)


def test_instances_as_parts(rng):
    own = Gaussian(variance=4.0)
    units = Concatenated([(own, 2), (Concatenated([("spin", 1), ("bernoulli", 1)]), 2)])
    assert units.tail == "gaussian"
    units.start(4, (3, np.zeros(4), np.ones(4)))
    np.testing.assert_array_equal(units.mean(np.ones((1, 4)))[0, :2], 4)
    assert not hasattr(own, "log_variance_")
    cloned = clone(units)
    assert cloned.parts[0][0] is not own
    assert cloned.parts[0][0].variance == 4.0
    assert not hasattr(cloned, "_units")
    assert "Gaussian(variance=4.0), 2)" in repr(units)
    assert units.get_params() == {"parts": units.parts}


@pytest.mark.parametrize("parts", [None, [], "softmax", {}])
def test_no_description(parts):
    with pytest.raises(ValueError, match="take a list of tuples"):
        Concatenated(parts).start(4)


@pytest.mark.parametrize(
    "part",
    [
        "spin",
        ("spin",),
        (),
        ("spin", 0),
        ("spin", 4.0),
        ("spin", True),
        ("spin", 2, 2),
        ("softmax", 2, 2, 1),
        ("gauss", 4),
        (Gaussian, 4),
        (3, 4),
    ],
)
def test_bad_description(part):
    with pytest.raises(ValueError, match=r"part .* of Concatenated: take"):
        Concatenated([part]).start(4)


def test_description_of_another_width():
    parts = [("bernoulli", 12), ("softmax", 4, 10)]
    message = "parts describe 52 columns, but the layer has 50"
    with pytest.raises(ValueError, match=message):
        Concatenated(parts).start(50)
    with pytest.raises(ValueError, match="no multiple"):
        Concatenated([(Softmax(3), 4)]).start(4)


# The random numbers underneath


@both_dtypes
@pytest.mark.parametrize("low", [-1, 0])
@pytest.mark.parametrize("shape", [(1,), (7, 3), (4, 5, 2), (0, 3)])
def test_uniform_lies_on_the_grid(shape, low, dtype, seed):
    draws = uniform(make_rng(seed), shape, dtype, low)
    assert draws.shape == shape and draws.dtype == dtype
    scaled = draws.astype(np.float64) * 2**24
    np.testing.assert_array_equal(scaled, np.floor(scaled))
    assert ((low < draws) & (draws <= 1)).all()
    double = uniform(make_rng(seed), shape, np.float64, low)
    np.testing.assert_array_equal(draws, double)


@pytest.mark.parametrize("shape", [(1,), (7, 3), (300, 500), (0, 3)])
def test_uniform_times_2_16(shape, seed):
    draws = uniform_times_2_16(make_rng(seed), shape)
    assert draws.shape == shape and draws.dtype == np.float32
    same = uniform(make_rng(seed), shape, np.float64)
    np.testing.assert_array_equal(draws, 2**16 * same)


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
    integers = ((np.array(draws) - low) * 2**24).astype(np.int64) - 1
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
    integers = ((draws - 2**-24 - low) / (1 - low) * 2**16).astype(np.int64)
    assert cells(integers >> 8) > 1e-6
    assert cells(integers & 255) > 1e-6
    # Draws that share a raw integer are neighbors.
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


# Normal draws


@both_dtypes
@pytest.mark.parametrize("shape", [(1,), (7, 3), (4, 5, 2), (0, 3)])
def test_normal_is_alike_in_every_precision(shape, dtype, seed):
    draws = normal(make_rng(seed), shape, dtype)
    assert draws.shape == shape and draws.dtype == dtype
    room = np.empty(shape, dtype)
    assert normal(make_rng(seed), shape, dtype, out=room) is room
    np.testing.assert_array_equal(room, draws)
    single = normal(make_rng(seed), shape, np.float32)
    np.testing.assert_array_equal(draws, single)


@pytest.mark.parametrize("size", [2**20, 2**20 - 1])
def test_normal_has_the_distribution(size, seed):
    draws = normal(make_rng(seed), (size,), np.float64)
    assert stats.kstest(draws, "norm").pvalue > 1e-6
    assert stats.kstest(np.abs(draws[np.abs(draws) > 3]), tail_beyond_3).pvalue > 1e-6
    # E x^2k = 1, 3, 15, 105 for k = 1 to 4.
    for power, moment, square in ((1, 0, 1), (2, 1, 3), (3, 0, 15), (4, 3, 105)):
        error = np.mean(draws**power) - moment
        assert abs(error) < 5 * np.sqrt((square - moment**2) / size)


def tail_beyond_3(x):
    return 1 - stats.norm.sf(x) / stats.norm.sf(3)


def test_normal_draws_are_independent(seed):
    """The two of a pair, which are half the array apart, and neighbors."""
    n = 2**19
    draws = normal(make_rng(seed), (2 * n,), np.float64)
    first, second = draws[:n], draws[n:]
    for one, other in ((first, second), (draws[1:], draws[:-1])):
        for a, b in ((one, other), (np.abs(one), np.abs(other)), (one, other**2)):
            assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(len(a))
    # Their angle is uniform, and so is what is left of their radius.
    angle = np.floor((np.arctan2(second, first) / np.pi + 1) * 128).astype(int)
    assert cells(np.minimum(angle, 255)) > 1e-6
    share = np.exp(-(first**2 + second**2) / 2)
    assert cells(np.minimum(share * 256, 255).astype(int)) > 1e-6


def test_normal_repeats_and_goes_on(seed):
    rng = make_rng(seed)
    one, other = (normal(rng, (5,), np.float64) for _ in range(2))
    assert (one != other).all()
    np.testing.assert_array_equal(one, normal(make_rng(seed), (5,), np.float64))
