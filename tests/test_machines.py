"""The restricted machine against sums over all its states."""

import itertools
import pickle

import numpy as np
import pytest
from _oracle import (
    FINITE,
    Enumeration,
    base,
    log_sum_exp,
    variances_and_centers,
)
from scipy import sparse, stats
from scipy.special import gammaln

from skdbn import units
from skdbn._utils._random import make_rng
from skdbn.machines import RestrictedMachine, State
from skdbn.machines._centering import Centering
from skdbn.machines._pseudo_likelihood import Coordinate
from skdbn.machines._restricted import LARGEST_NORM
from skdbn.units._base import ask
from skdbn.units._parametric import independent

# Several types side by side.
LABELS = (("bernoulli", 2), ("softmax", 3), ("spin", 1))
TABLE = (("gaussian", 1), ("bernoulli", 1), ("poisson", 1))


def has_normalizer(names):
    tails = [name for name in names if name in ("gaussian", "rectified", "poisson")]
    return len(tails) < 2 or "poisson" not in tails


def label(names):
    return "-".join(
        name if isinstance(name, str) else "+".join(part for part, _ in name)
        for name in names
    )


# The binary machine first, machines of finite layers, and all of which one layer may be
# enumerated and the other one integrated.
FINITE_PAIRS = [
    *itertools.product(FINITE, repeat=2),
    (LABELS, "bernoulli"),
    ("spin", LABELS),
]
PAIRS = [
    *FINITE_PAIRS,
    *(
        names
        for names in itertools.product(units.REGISTRY, repeat=2)
        if has_normalizer(names) and names not in FINITE_PAIRS
    ),
    (TABLE, "bernoulli"),
    ("softmax", TABLE),
]
every_finite_pair = pytest.mark.parametrize("names", FINITE_PAIRS, ids=label)
every_pair = pytest.mark.parametrize("names", PAIRS, ids=label)


def test_every_finite_type_is_enumerated():
    finite = {
        name
        for name, kind in units.REGISTRY.items()
        if issubclass(kind, units.Enumerable)
    }
    assert finite == set(FINITE)


def rows_of(oracle, rng, n=20):
    """Visible rows that are not too improbable."""
    return oracle.draw(n, rng)


@every_pair
def test_free_energy(names, make_machine, rng):
    machine = make_machine(names=names)
    oracle = Enumeration.of(machine, names)
    v = rows_of(oracle, rng)
    expected = oracle.free_energy(v)
    found = machine.free_energy(v)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    field = machine.hidden_field(v)
    before = field.copy()
    found = machine.free_energy(v, field)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(field, before)


def test_free_energy_is_that_of_the_table(make_machine):
    machine = make_machine()
    oracle = Enumeration.of(machine)
    from_table = -np.log(oracle.p_v) - oracle.log_z
    np.testing.assert_allclose(machine.free_energy(oracle.v), from_table, rtol=1e-12)


@every_pair
def test_conditional_means(names, make_machine, rng):
    machine = make_machine(names=names)
    oracle = Enumeration.of(machine, names)
    v = rows_of(oracle, rng)
    hidden = oracle.hidden_mean(v)
    likely = np.argsort(oracle.p_h)[-50:]
    visible = oracle.visible_mean(likely)
    np.testing.assert_allclose(machine.hidden_mean(v), hidden, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        machine.visible_mean(oracle.h[likely]), visible, rtol=1e-11, atol=1e-12
    )
    out = np.empty_like(hidden)
    assert machine.hidden_mean(v, out=out) is out
    np.testing.assert_allclose(out, hidden, rtol=1e-12, atol=1e-12)


@every_pair
def test_statistics_give_the_gradient_of_the_likelihood(names, make_machine, rng):
    machine = make_machine(names=names)
    oracle = Enumeration.of(machine, names)
    data = rows_of(oracle, rng, n=5)
    model_parts = expected_statistics(machine, oracle)
    step = 1e-5
    # Rounding of a log-likelihood of a few nats, over the step; the formula errs by
    # step² times third cumulants, which are below 1 for values below 1.
    error = 100 * 2**-52 / step + step**2
    if names not in FINITE_PAIRS:
        error *= 100
    for array, data_part, model_part in zip(
        machine.params.values(),
        machine.moments(machine.infer(data)).values(),
        model_parts,
        strict=True,
    ):
        slopes = np.empty_like(array)
        for index in np.ndindex(array.shape):
            value, likelihoods = array[index], []
            for array[index] in (value - step, value + step):
                likelihood = Enumeration.of(machine, names).log_likelihood(data)
                likelihoods.append(likelihood.mean())
            array[index] = value
            slopes[index] = (likelihoods[1] - likelihoods[0]) / (2 * step)
        np.testing.assert_allclose(data_part - model_part, slopes, rtol=0, atol=error)


def expected_statistics(machine, oracle):
    """The statistics' exact means over the model, a row at a time."""
    totals = [0.0] * len(machine.params.values())
    for row in np.flatnonzero(oracle.p_v > 1e-11):
        parts = machine.moments(machine.infer(oracle.v[[row]])).values()
        totals = [
            total + oracle.p_v[row] * part
            for total, part in zip(totals, parts, strict=True)
        ]
    return totals


def distance(rows, oracle):
    """Total variation between a histogram and p(v), in units of its own noise."""
    index = (rows[:, None] == oracle.v).all(axis=2).argmax(axis=1)
    histogram = np.bincount(index, minlength=len(oracle.v)) / len(rows)
    floor = np.sqrt(oracle.p_v * (1 - oracle.p_v) / len(rows)).sum() / 2
    return np.abs(histogram - oracle.p_v).sum() / 2 / floor


# Pure noise gives a distance of sqrt(2/π) = 0.8 on the average; over 16 states it
# scatters by about 0.15.
NOISE = 1.7


def assert_drawn_from(rows, oracle, n_deviations=5):
    """The moments of rows, or their histogram, are those of the enumerated p(v)."""
    if all(block.shares is not None for block in oracle.visible):
        assert distance(rows, oracle) < NOISE
        return
    # Moments of the first and second order, with the errors that they then have.
    for i, j in itertools.combinations_with_replacement(range(rows.shape[1] + 1), 2):
        found, values = (
            np.column_stack([np.ones(len(x)), x]) for x in (rows, oracle.v)
        )
        found, values = found[:, i] * found[:, j], values[:, i] * values[:, j]
        mean = oracle.p_v @ values
        deviation = np.sqrt(oracle.p_v @ (values - mean) ** 2 / len(rows))
        assert abs(found.mean() - mean) < n_deviations * deviation + 1e-9


@every_pair
@pytest.mark.parametrize("in_place", [False, True])
def test_gibbs_sampling_keeps_the_distribution(names, in_place, make_machine, rng):
    machine = make_machine(names=names)
    oracle = Enumeration.of(machine, names)
    start = machine.state(oracle.draw(20_000, rng), rng)
    state = State(*(array.copy() for array in start))
    for _ in range(3):
        new = machine.transition(state, rng, out=state if in_place else None)
        assert (new is state) == in_place
        state = new
    assert (state.visible != start.visible).any(axis=1).mean() > 0.02
    assert_drawn_from(start.visible, oracle)
    assert_drawn_from(state.visible, oracle)
    # The hidden units too, by their exact means.
    error = np.abs(
        state.hidden.mean(axis=0) - machine.hidden_mean(oracle.v).T @ oracle.p_v
    )
    assert (error < 5 * np.sqrt(state.hidden.var(axis=0) / 20_000)).all()


def test_a_wrong_kernel_is_noticed(machine, rng):
    oracle = Enumeration.of(machine)
    machine.weights *= 0.8
    state = machine.state(oracle.draw(20_000, rng), rng)
    assert distance(machine.transition(state, rng).visible, oracle) > NOISE


@pytest.mark.parametrize("name", ["gaussian", "rectified", "poisson"])
def test_a_wrong_kernel_is_noticed_by_the_moments(name, make_machine, rng):
    names = name, "bernoulli"
    machine = make_machine(names=names)
    oracle = Enumeration.of(machine, names)
    machine.weights *= -1
    state = machine.state(oracle.draw(20_000, rng), rng)
    with pytest.raises(AssertionError):
        assert_drawn_from(machine.transition(state, rng).visible, oracle)


@every_pair
def test_gibbs_sampling_forgets_its_start(names, make_machine, rng):
    machine = make_machine(names=names)
    finite = names in FINITE_PAIRS
    state = machine.initial_state(20_000 if finite else 4000, rng)
    for _ in range(100 if finite else 40):
        machine.transition(state, rng, out=state)
    assert_drawn_from(state.visible, Enumeration.of(machine, names))


def test_out_leaves_the_old_state_alone(machine, rng, seed):
    old = machine.initial_state(30, rng)
    kept = [array.copy() for array in old]
    new = machine.transition(old, make_rng(seed))
    for before, after in zip(kept, old, strict=True):
        np.testing.assert_array_equal(before, after)
    same = machine.transition(old, make_rng(seed), out=old)
    np.testing.assert_array_equal(new.visible, same.visible)
    np.testing.assert_array_equal(new.hidden, same.hidden)


@every_pair
def test_initial_state_feels_only_the_biases(names, make_machine, rng):
    machine, n = make_machine(names=names), 10_000
    state = machine.initial_state(n, rng)
    mean = machine.visible.mean(machine.visible_bias[None])[0]
    error = np.abs(state.visible.mean(axis=0) - mean)
    assert (error < 5 * state.visible.std(axis=0) / np.sqrt(n)).all()
    assert state.hidden.shape == (n, len(machine.hidden_bias))


@every_pair
@pytest.mark.parametrize("kind", ["states", "means"])
def test_pseudo_log_likelihood(names, kind, make_machine, rng):
    """By its integrals and sums over all values of a column, or of a group."""
    machine = make_machine(names=names)
    oracle = Enumeration.of(machine, names)
    v = rows_of(oracle, rng)
    if kind == "means":
        means = machine.visible_mean(machine.hidden_sample(v, rng))
        if "poisson" in label(names[:1]):
            means = np.rint(means)
        v = np.vstack([v[:3], means])
    expected = oracle.pseudo_log_likelihood(v)
    for rows in (v, sparse.csr_array(v), sparse.csr_matrix(v)):
        found = machine.pseudo_log_likelihood(rows)
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=quadrature(names))


@pytest.mark.parametrize("name", ["bernoulli", "softmax", "gaussian"])
def test_many_rows_are_scored_in_parts(name, make_machine, monkeypatch, rng):
    monkeypatch.setattr("skdbn.machines._pseudo_likelihood.SERIES_ELEMENTS", 1)
    machine = make_machine(names=(name, "bernoulli"))
    v = machine.initial_state(70, rng).visible
    expected = [machine.pseudo_log_likelihood(row)[0] for row in v[:, None]]
    found = machine.pseudo_log_likelihood(v)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def quadrature(names):
    """What the sums over nodes may err, here with at most two such columns."""
    if "gaussian" in label(names[:1]):
        return 2 * 2 * np.exp(-2 * np.pi**2)
    return 1e-10


@pytest.mark.parametrize("name", ["gaussian", "rectified", "poisson"])
@pytest.mark.parametrize("bias", [-30.0, -3.0, 0.0, 4.0, 20.0])
def test_pseudo_log_likelihood_of_a_column(name, bias, make_units, rng):
    """Of a single column it is the likelihood; this one has components far apart."""
    bias, size = (bias, 10.0) if name != "poisson" else (min(bias, 4.0), 1.0)
    machine = RestrictedMachine(
        rng.normal(0, size, (1, 5)),
        np.array([bias]),
        rng.normal(size=5),
        make_units(name, 1, (9, np.ones(1), rng.uniform(0.3, 3, 1))),
        make_units("bernoulli", 5),
    )
    h = machine.hidden.states(np.arange(32), 5)
    log_partition = machine.visible.log_partition(machine.visible_field(h))
    log_z = log_sum_exp(log_partition + h @ machine.hidden_bias)
    likely = h[np.argmax(log_partition + h @ machine.hidden_bias)]
    v = np.vstack(
        [machine.visible_sample(h, rng), np.abs(machine.visible_mean(likely[None]))]
    )
    v = np.rint(v) if name == "poisson" else v
    np.testing.assert_allclose(
        machine.pseudo_log_likelihood(v),
        -machine.free_energy(v) - log_z,
        rtol=1e-12,
        atol=quadrature([name]),
    )
    single = RestrictedMachine(
        *(array.astype(np.float32) for array in list(machine.params.values())[:3]),
        make_units(name, 1, (9, np.ones(1), np.ones(1)), np.float32),
        machine.hidden,
    )
    assert np.isfinite(single.pseudo_log_likelihood(v.astype(np.float32))).all()


def test_counts_that_keep_themselves_up(make_units):
    """Most of the probability is far from what the row has."""
    machine = RestrictedMachine(
        np.array([[4.0]]),
        np.zeros(1),
        np.array([-8.0]),
        make_units("poisson", 1),
        make_units("bernoulli", 1),
    )
    v = np.array([[0.0], [1.0], [50.0]])
    expected = Enumeration.of(machine, ("poisson", "bernoulli")).log_likelihood(v)
    np.testing.assert_allclose(machine.pseudo_log_likelihood(v), expected, rtol=1e-12)
    assert (expected[:2] < -40).all()


def sum_over_counts(machine, v, i):
    """log P(count i | the others) of a row, by all counts that matter."""
    weights, rows = machine.weights, []
    rest = machine.hidden_bias + v @ weights - v[i] * weights[i]
    ends = np.outer(machine.hidden.bounds, weights[i])
    most = np.exp(machine.visible_bias[i] + ends.max(axis=0).sum())
    counts = np.arange(30 + max(v[i], most + 30 * np.sqrt(most)))
    for x in np.array_split(counts, 1 + len(counts) // 50_000):
        fields = rest + x[:, None] * weights[i]
        hidden = machine.hidden.log_partition(fields)
        rows.append(x * machine.visible_bias[i] - gammaln(x + 1) + hidden)
    logs = np.concatenate(rows)
    return logs[int(v[i])] - log_sum_exp(logs)


@pytest.mark.parametrize(
    "hidden, mean, move",
    [
        ("bernoulli", 0.1, 0.3),
        ("spin", 1.0, 0.3),
        ("bernoulli", 20.0, 0.01),
        ("spin", 20.0, 0.3),
        ("bernoulli", 20.0, 3.0),
        ("bernoulli", 40.0, 0.3),
        ("spin", 80.0, 1.0),
        ("bernoulli", 1e3, 0.01),
        ("spin", 1e3, 3.0),
        ("bernoulli", 5e4, 0.3),
        ("bernoulli", 5e4, 3.0),
    ],
)
def test_sums_over_counts(hidden, mean, move, make_units, rng):
    """Of all sizes, where hidden units move a column by shares of its deviation.

    By more than one there are two modes.
    """
    sizes = np.array([mean, mean, 1 + mean / 3])
    machine = RestrictedMachine(
        rng.normal(0, move, (3, 8)) / np.sqrt(1 + sizes)[:, None],
        np.log(sizes),
        rng.normal(0, 2, 8),
        make_units("poisson", 3),
        make_units(hidden, 8),
    )
    machine.hidden_bias -= sizes @ machine.weights
    machine.visible_bias -= machine.weights.sum(axis=1) * (hidden == "bernoulli") / 2
    v = rng.poisson(sizes, (2, 3)).astype(float)
    v[1, 0] += 5 + 8 * np.sqrt(mean)
    v = np.rint(v)
    expected = [[sum_over_counts(machine, row, i) for i in range(3)] for row in v]
    # A double of the size of log x! has its last digit there.
    error = 1e-9 + 1e-15 * gammaln(v.max() + 1)
    np.testing.assert_allclose(
        machine.pseudo_log_likelihood(v), np.sum(expected, axis=1), rtol=0, atol=error
    )
    field = machine.hidden_field(v)
    for i in range(3):
        one = machine.log_conditional(v, field, i)
        np.testing.assert_allclose(one, np.array(expected)[:, i], rtol=0, atol=error)
    # In single precision a field of this size has these digits.
    single = RestrictedMachine(
        *(array.astype(np.float32) for array in list(machine.params.values())[:3]),
        machine.visible,
        machine.hidden,
    )
    found = single.pseudo_log_likelihood(v.astype(np.float32))
    reach = np.abs(v).max() * np.abs(machine.weights).max() * 8
    bias = v.max() * np.abs(machine.visible_bias).max()
    error = 1e-6 * (10 + reach) * 3 + 1e-7 * bias
    np.testing.assert_allclose(found, np.sum(expected, axis=1), rtol=1e-5, atol=error)


@pytest.mark.parametrize("hidden", ["bernoulli", "spin"])
@pytest.mark.parametrize("n_hidden", [1, 2, 301])
def test_sums_over_counts_of_large_weights(hidden, n_hidden, make_units, rng):
    """Their exponentials are not finite, nor are products of all."""
    machine = RestrictedMachine(
        rng.normal(0, 1.5, (3, n_hidden)),
        np.zeros(3),
        rng.normal(0, 30, n_hidden),
        make_units("poisson", 3),
        make_units(hidden, n_hidden),
    )
    machine.weights[1] /= 30
    machine.weights[1, 0] = 60.0
    low, high = np.multiply.outer(machine.hidden.bounds, machine.weights)
    machine.visible_bias += 3 - np.maximum(low, high).sum(axis=1)
    v = np.array([[0.0, 3.0, 1.0], [9.0, 0.0, 30.0]])
    expected = [[sum_over_counts(machine, row, i) for i in range(3)] for row in v]
    found = machine.log_conditionals(v)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("count", [1.0, 1e6])
def test_nodes_of_a_sum_over_counts(count, make_units, rng):
    """Their number does not grow with the counts."""
    machine = RestrictedMachine(
        rng.normal(0, 0.1, (1, 50)) / np.sqrt(count),
        np.full(1, np.log(count)),
        np.zeros(50),
        make_units("poisson", 1),
        make_units("bernoulli", 50),
    )
    v = np.array([[count], [count + 2]])
    one = Coordinate(machine, v, machine.hidden_field(v), 0)
    assert 10 < len(one.values) < 60


def test_pseudo_log_likelihood_of_the_table(machine):
    """For binary rows it is the sum of logs of conditional probabilities."""
    oracle = Enumeration.of(machine)
    expected = np.zeros(len(oracle.v))
    for i in range(oracle.v.shape[1]):
        others = np.delete(oracle.v, i, axis=1)
        same = (others[:, None] == others).all(axis=2)
        expected += np.log(oracle.p_v) - np.log(same @ oracle.p_v)
    np.testing.assert_allclose(
        machine.pseudo_log_likelihood(oracle.v), expected, rtol=1e-12
    )


@every_pair
def test_log_conditional_of_a_coordinate_for_each_row(names, make_machine, rng):
    machine = make_machine(names=names)
    v = Enumeration.of(machine, names).draw(8, rng)
    field = machine.hidden_field(v)
    n_coordinates = ask(machine.visible, units.Grouped).n_coordinates(v.shape[1])
    coordinates = rng.integers(n_coordinates, size=8)
    each = [machine.log_conditional(v, field, i) for i in range(n_coordinates)]
    expected = [each[i][row] for row, i in enumerate(coordinates)]
    found = machine.log_conditional(v, field, coordinates)
    # Sums over other nodes.
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=quadrature(names))
    np.testing.assert_allclose(
        machine.pseudo_log_likelihood(v), np.sum(each, axis=0), rtol=1e-12
    )


@every_pair
@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csr_matrix])
def test_sparse_rows(names, container, make_machine, rng):
    machine = make_machine(names=names)
    v = Enumeration.of(machine, names).draw(9, rng)
    v[rng.random(v.shape) < 0.5] = 0
    for method in (machine.hidden_field, machine.hidden_mean, machine.free_energy):
        found = method(container(v))
        assert type(found) is np.ndarray
        np.testing.assert_allclose(found, method(v), rtol=1e-12)


@every_pair
def test_float32_stays(names, make_machine, rng):
    machine = make_machine(names=names, dtype=np.float32)
    state = machine.transition(machine.initial_state(5, rng), rng)
    v = state.visible
    tempered = machine.tempered(machine.visible_bias)
    field = machine.hidden_field(v)
    machine.project()
    for array in (
        *state,
        *machine.moments(machine.infer(v)).values(),
        machine.hidden_mean(v),
        machine.visible_mean(state.hidden),
        machine.free_energy(v),
        machine.pseudo_log_likelihood(v),
        machine.weights,
        tempered.visible_sample(tempered.hidden_sample(field, 0.5, rng), 0.5, rng),
        tempered.log_weight_change(v, field, 0.2, 0.3),
        tempered.slope(v, state.hidden, field),
    ):
        assert array.dtype == np.float32


@every_pair
def test_copy_has_arrays_of_its_own(names, make_machine, rng):
    machine = make_machine(names=names)
    v = machine.initial_state(3, rng).visible
    energy = machine.free_energy(v)
    copied, restored = machine.copy(), pickle.loads(pickle.dumps(machine))
    for other in (copied, restored):
        for old, new in zip(
            machine.params.values(), other.params.values(), strict=True
        ):
            np.testing.assert_array_equal(old, new)
            assert not np.shares_memory(old, new)
        np.testing.assert_array_equal(other.free_energy(v), energy)
    for array in copied.params.values():
        array += 1
    np.testing.assert_array_equal(machine.free_energy(v), energy)
    assert machine.project() is None


@every_pair
def test_mirrored_is_the_same_distribution(names, make_machine):
    machine = make_machine(names=names)
    mirrored = machine.mirrored()
    oracle = Enumeration.of(machine, names)
    likely = np.argsort(oracle.p_h)[-50:]
    h = oracle.h[likely]
    np.testing.assert_array_equal(mirrored.hidden_field(h), machine.visible_field(h))
    # Summed over the visible states, of the weights of the hidden ones −base is left.
    expected = oracle.log_h[likely] + base(oracle.hidden, h)
    expected -= log_sum_exp(oracle.log_table[:, likely], axis=0)
    found = mirrored.free_energy(h)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)


# Two layers of Gaussian units


@pytest.fixture
def two_gaussians(make_machine, rng):
    """A machine, and the mean and the precision of its visible units."""
    machine = make_machine(5, 4, names=("gaussian",) * 2)
    precision = np.exp(-machine.visible.log_variance_)
    machine.weights *= 0.8 / np.linalg.norm(
        machine.weights / np.sqrt(precision)[:, None], 2
    )
    joint = np.block(
        [[np.diag(precision), -machine.weights], [-machine.weights.T, np.eye(4)]]
    )
    center = precision * machine.visible.center_
    bias = np.concatenate([machine.visible_bias + center, machine.hidden_bias])
    marginal = np.diag(precision) - machine.weights @ machine.weights.T
    return machine, np.linalg.solve(joint, bias), marginal, joint, bias


def test_gaussians_in_closed_form(two_gaussians, rng):
    machine, mean, precision, joint, bias = two_gaussians
    mean = mean[:5]
    log_z = bias @ np.linalg.solve(joint, bias) / 2
    log_z += 9 / 2 * np.log(2 * np.pi) - np.linalg.slogdet(joint)[1] / 2
    log_z -= machine.visible.center_**2 @ machine.visible.precision / 2
    v = rng.normal(size=(20, 5))
    density = stats.multivariate_normal(mean, np.linalg.inv(precision)).logpdf
    np.testing.assert_allclose(-machine.free_energy(v) - log_z, density(v), rtol=1e-10)
    # Given the others a unit is Gaussian, with the precision's diagonal.
    own = np.diag(precision)
    conditional = mean - ((v - mean) @ precision - (v - mean) * own) / own
    expected = stats.norm(conditional, own**-0.5).logpdf(v).sum(axis=1)
    np.testing.assert_allclose(
        machine.pseudo_log_likelihood(v), expected, atol=5 * quadrature(["gaussian"])
    )


def test_gaussians_that_nearly_keep_themselves_up(make_machine):
    """Of a column alone the variance is 1 / (1 − w²) times that in a field."""
    machine = make_machine(1, 1, names=("gaussian",) * 2)
    variance = np.exp(machine.visible.log_variance_)
    machine.weights[:] = 0.985 / np.sqrt(variance)
    deviation = np.sqrt(variance / (1 - 0.985**2))
    mean = variance * (machine.visible_bias + machine.weights[0] * machine.hidden_bias)
    mean += machine.visible.center_
    mean /= 1 - 0.985**2
    v = mean + np.array([[-9.0], [-1], [0], [6]]) * deviation
    expected = stats.norm(mean, deviation).logpdf(v)[:, 0]
    found = machine.pseudo_log_likelihood(v)
    np.testing.assert_allclose(found, expected, atol=quadrature(["gaussian"]))


def test_gaussians_far_from_their_bias(make_machine):
    """A hidden unit with a large field pulls the column away from where it would be."""
    machine = make_machine(1, 1, names=("gaussian",) * 2)
    variance = np.exp(machine.visible.log_variance_)
    machine.weights[:] = 0.05 / np.sqrt(variance)
    machine.hidden_bias[:] = 1e3
    precision = 1 / variance - np.square(machine.weights[0])
    mean = machine.visible_bias + machine.weights[0] * machine.hidden_bias
    mean = (mean + machine.visible.center_ / variance) / precision
    v = mean + np.array([[-2.0], [0], [1]]) / np.sqrt(precision)
    expected = stats.norm(mean, precision**-0.5).logpdf(v)[:, 0]
    found = machine.pseudo_log_likelihood(v)
    np.testing.assert_allclose(found, expected, atol=quadrature(["gaussian"]))


def integrated(machine, v):
    """log p(v) of a Gaussian column of variance 1 about 0, by steps of a quarter."""
    grid = np.arange(-120, 240, 0.25)[:, None]
    logs, own = (
        x[:, 0] * machine.visible_bias[0]
        - np.square(x[:, 0]) / 2
        + machine.hidden.log_partition(x @ machine.weights + machine.hidden_bias)
        for x in (grid, v)
    )
    return own - log_sum_exp(logs) - np.log(0.25)


@pytest.mark.parametrize("slope", [-1.5, 1.5])
def test_a_density_that_falls_slowly(slope, make_units):
    """Many hidden units, one after the other, keep it up over sixty deviations."""
    machine = RestrictedMachine(
        np.ones((1, 60)),
        np.zeros(1),
        -np.arange(60.0),
        make_units("gaussian", 1, (9, np.zeros(1), np.ones(1))),
        make_units("bernoulli", 60),
    )
    machine.visible_bias += slope - 0.5
    v = np.array([[0.0], [30.0], [60.0]])
    found = machine.pseudo_log_likelihood(v)
    np.testing.assert_allclose(found, integrated(machine, v), atol=1e-7)


@pytest.mark.parametrize("kind, n", [("bernoulli", 1520), ("softmax", 1140)])
def test_a_density_that_is_wide_in_the_middle(kind, n, make_units):
    """Where all hidden units are undecided, and so vary as much as they can."""
    weights = np.full((1, n), 0.05)
    if kind == "softmax":
        weights[:, 1::3], weights[:, 2::3] = -0.05, 0
    machine = RestrictedMachine(
        weights,
        -weights.sum(axis=1) / 2,
        np.zeros(n),
        make_units("gaussian", 1, (9, np.zeros(1), np.ones(1))),
        make_units(kind, n),
    )
    if kind == "softmax":
        # The third value of a group hardly occurs.
        machine.hidden_bias[2::3] = -40
    v = np.array([[0.0], [1.0], [-4.0]])
    found = machine.pseudo_log_likelihood(v)
    np.testing.assert_allclose(found, integrated(machine, v), atol=1e-7)


def test_gibbs_sampling_of_gaussians(two_gaussians, rng):
    machine, mean, precision, _, _ = two_gaussians
    n, covariance = 20_000, np.linalg.inv(precision)
    v = rng.multivariate_normal(mean[:5], covariance, size=n)
    state = machine.state(v, rng)
    for _ in range(5):
        machine.transition(state, rng, out=state)
    gaps = (state.visible - mean[:5]) @ np.linalg.cholesky(precision)
    # Now they are independent and standard.
    assert (np.abs(gaps.mean(axis=0)) < 5 / np.sqrt(n)).all()
    error = np.abs(gaps.T @ gaps / n - np.eye(5))
    assert (error < 5 * np.sqrt((1 + np.eye(5)) / n)).all()


@pytest.mark.parametrize(
    "names", itertools.product(["gaussian", "rectified"], repeat=2), ids=label
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_projection_keeps_a_normalizer(names, dtype, make_machine, rng):
    machine = make_machine(30, 20, names=names, dtype=dtype)
    deviation = np.broadcast_to(machine.visible.spread(30), 30)[:, None]
    for step in range(200):
        # Noise, and steps that go somewhere and then elsewhere.
        if step % 40 == 0:
            drift = np.outer(rng.normal(size=30), rng.normal(size=20)) * 0.01
        machine.weights += (drift + rng.normal(0, 0.02, (30, 20))) / deviation
        machine.project()
        assert np.linalg.norm(machine.weights * deviation, 2) < 1
    assert np.linalg.norm(machine.weights * deviation, 2) > 0.9
    assert machine.weights.dtype == dtype
    within = machine.weights.copy()
    machine.weights *= 0.5
    machine.project()
    np.testing.assert_array_equal(machine.weights, within * 0.5)
    # What is not finite is for others to find.
    machine.weights[0, 0] = np.nan
    machine.project()
    machine.weights[:] = within
    machine.weights *= 3
    machine.project()
    assert np.linalg.norm(machine.weights * deviation, 2) < 1


@pytest.mark.parametrize("shape", [(30, 8), (30, 20), (4, 9)])
def test_projection_clips_the_largest_values_only(shape, make_machine):
    machine = make_machine(*shape, names=("gaussian",) * 2)
    deviation = np.broadcast_to(machine.visible.spread(shape[0]), shape[0])[:, None]
    left, _, right = np.linalg.svd(machine.weights, full_matrices=False)
    values = np.linspace(1.5, 0.1, min(shape))
    machine.weights[:] = (left * values) @ right / deviation
    for _ in range(20):
        machine.project()
    found = np.linalg.svd(machine.weights * deviation, compute_uv=False)
    np.testing.assert_allclose(found, np.minimum(values, LARGEST_NORM), rtol=1e-6)


def test_projection_knows_the_variances_of_both_sides(make_machine, rng):
    """Only what is beyond the limit goes, in units of the deviations."""
    machine = make_machine(9, 7, names=("gaussian",) * 2)
    machine.hidden = units.Gaussian(0.25).start(7)
    deviation = np.broadcast_to(machine.visible.spread(9), 9)[:, None] * 0.5
    left, _, right = np.linalg.svd(rng.normal(size=(9, 7)), full_matrices=False)
    values = np.array([1.5, 1.3, 1.1, 0.993, 0.7, 0.5, 0.3])
    machine.weights[:] = (left * values) @ right / deviation
    for _ in range(2):
        machine.project()
    found = np.linalg.svd(machine.weights * deviation, compute_uv=False)
    np.testing.assert_allclose(found, np.minimum(values, LARGEST_NORM), rtol=1e-6)


def test_projection_keeps_the_fields_of_an_average_row(make_machine, rng):
    """Of the hidden units there, and of the visible ones at the means that they have."""
    machine = make_machine(5, 4, names=("gaussian",) * 2)
    machine.center = rng.normal(3, 1, (1, 5))[0]
    machine.weights *= 3
    hidden = machine.hidden_field(machine.center[None])
    visible = machine.visible_field(hidden)
    before = machine.weights.copy()
    for one in (machine.copy(), machine):
        one.project()
        assert (one.weights != before).any()
        np.testing.assert_allclose(one.hidden_field(machine.center[None]), hidden)
        np.testing.assert_allclose(one.visible_field(hidden), visible)


def test_projection_leaves_weights_of_units_with_bounds(make_machine):
    """They do not take part in the normalizer, on whichever side they are."""
    names = [("gaussian", 3), ("bernoulli", 2)], [("spin", 1), ("gaussian", 3)]
    machine = make_machine(names=names)
    machine.weights *= 20
    before, deviation = machine.weights.copy(), machine.visible.spread(5)[:3, None]
    for _ in range(20):
        machine.project()
    free = np.ix_(range(3), range(1, 4))
    s = np.linalg.svd(before[free] * deviation, compute_uv=False)
    found = np.linalg.svd(machine.weights[free] * deviation, compute_uv=False)
    np.testing.assert_allclose(found, np.minimum(s, LARGEST_NORM), rtol=1e-6)
    machine.weights[free] = before[free]
    np.testing.assert_array_equal(machine.weights, before)


@pytest.mark.parametrize("names", [("gaussian", "bernoulli"), ("spin", "gaussian")])
def test_nothing_to_project(names, make_machine):
    machine = make_machine(names=names)
    machine.weights *= 100
    kept = machine.weights.copy()
    machine.project()
    np.testing.assert_array_equal(machine.weights, kept)


# The direction


def filled(machine, data, model):
    """Phases with these rows, and the hidden units' means."""
    work = machine.workspace(len(model), len(data))
    machine.load(work, data)
    work.state = machine.infer(model)
    machine.advance(work, None, 0)
    return work


def offsets(machine, rng):
    n_visible, n_hidden = machine.weights.shape
    centering = Centering(rng.normal(size=n_visible), rng.normal(size=n_hidden))
    centering.slide = 0.0
    return centering


@every_pair
@pytest.mark.parametrize("is_centered", [False, True])
@pytest.mark.parametrize("n_data, n_model", [(7, 4), (1, 1)])
def test_direction_is_the_formula(
    names, is_centered, n_data, n_model, make_machine, rng
):
    # With more rows than hidden units, and with fewer.
    machine = make_machine(names=names)
    n_visible, n_hidden = machine.weights.shape
    oracle = Enumeration.of(machine, names)
    data, model = oracle.draw(n_data, rng), oracle.draw(n_model, rng)
    moments = n_data, data.mean(axis=0), data.var(axis=0) + 0.1
    machine.visible.start(n_visible, moments)
    oracle = Enumeration.of(machine, names)
    centering, v0, h0 = None, np.zeros(n_visible), np.zeros(n_hidden)
    if is_centered:
        centering = offsets(machine, rng)
        v0, h0 = centering.visible, centering.hidden
    phases = filled(machine, data, model)
    found = machine.difference(phases, centering, rate=0.3)
    (data_h, model_h) = (oracle.hidden_mean(rows) for rows in (data, model))
    weights = (data - v0).T @ (data_h - h0) / n_data
    weights -= (model - v0).T @ (model_h - h0) / n_model
    visible_bias = data.mean(axis=0) - model.mean(axis=0)
    hidden_bias = data_h.mean(axis=0) - model_h.mean(axis=0)
    scale = np.ones(n_visible)
    learned = ask(machine.visible, units.Parametric)
    step_scale = ask(machine.visible, units.Scaled).step_scale
    if step_scale is not None:
        scale = scale * step_scale
    own = [
        step * (of_data - of_model)
        for step, of_data, of_model in zip(
            learned.param_steps,
            learned.data_statistics(),
            learned.statistics(model),
            strict=True,
        )
    ]
    weights = scale[:, None] * weights
    expected = [
        weights,
        scale * visible_bias - weights @ h0,
        hidden_bias - v0 @ weights,
        *own,
    ]
    for one, other in zip(found.values(), expected, strict=True):
        size = max(np.abs(array).max() for array in expected)
        np.testing.assert_allclose(one, 0.3 * other, rtol=0, atol=1e-12 * max(size, 1))


@pytest.mark.parametrize("variance", ["column", "shared"])
def test_direction_of_the_variances(variance, make_machine, rng):
    """The slope of the likelihood, whose Gaussian units change about their center."""
    names = "gaussian", "bernoulli"
    machine = make_machine(names=names)
    data = Enumeration.of(machine, names).draw(30, rng)
    data[:, 1] *= 1.5
    machine.visible = units.Gaussian(variance)
    machine.visible.start(2, (30, data.mean(axis=0), data.var(axis=0)))
    z = machine.visible.log_variance_
    oracle = Enumeration.of(machine, names)
    model_part = sum(
        p * machine.visible.statistics(v[None])[0]
        for p, v in zip(oracle.p_v, oracle.v, strict=True)
    )
    (data_part,) = machine.visible.data_statistics()
    own = machine.visible.statistics(data)[0]
    np.testing.assert_allclose(data_part, own, rtol=1e-12)
    step = 1e-5
    for i in range(len(z)):
        start, likelihoods = z[i], []
        for z[i] in (start - step, start + step):
            likelihood = Enumeration.of(machine, names).log_likelihood(data)
            likelihoods.append(likelihood.mean())
        z[i] = start
        slope = (likelihoods[1] - likelihoods[0]) / (2 * step)
        assert data_part[i] - model_part[i] == pytest.approx(slope, abs=1e-8)


# Tempered


@pytest.fixture
def base_bias(rng):
    return rng.normal(size=4)


def gaussian_columns(kind, n_units):
    if isinstance(kind, str):
        return np.full(n_units, kind == "gaussian")
    return np.concatenate([np.full(n, name == "gaussian") for name, n in kind])


def at_temperature(
    machine, base_bias, beta, names=("bernoulli",) * 2, base_variance=1.0
):
    """The enumerated machine at an inverse temperature."""
    bias = (1 - beta) * base_bias + beta * machine.visible_bias
    variances, centers = variances_and_centers(machine.visible)
    if ask(machine.visible, units.Parametric).params:
        columns = gaussian_columns(names[0], len(bias))
        variances = 1 / ((1 - beta) / base_variance[columns] + beta / variances)
    arrays = beta * machine.weights, bias, beta * machine.hidden_bias
    return Enumeration(*arrays, names, variances, centers)


@pytest.fixture
def start_tempered(make_machine, rng):
    """A machine, its tempered distributions, and their enumerations."""

    def start(names):
        machine = make_machine(names=names)
        n_visible = len(machine.visible_bias)
        variance = rng.uniform(0.5, 2, n_visible)
        mean = machine.visible.mean(rng.normal(0, 0.4, (1, n_visible)))[0]
        base_units, base_bias = independent(machine.visible, mean, variance)
        tempered = machine.tempered(base_bias, base_units)
        return (
            machine,
            tempered,
            lambda beta: at_temperature(machine, base_bias, beta, names, variance),
        )

    return start


@every_pair
def test_tempered_weights(names, start_tempered, rng):
    """A temperature for each row, or one for all."""
    machine, tempered, at = start_tempered(names)
    betas = 0, 0.3, 1
    oracles = [at(beta) for beta in betas]
    v = oracles[1].draw(12, rng)
    field = machine.hidden_field(v)
    cold, warm, hot = (-oracle.free_energy(v) for oracle in oracles[::-1])
    for before, after, expected in (
        (0, 0.3, warm - hot),
        (1, 0.3, warm - cold),
        (0, 1, cold - hot),
        (0.3, 0.3, 0),
    ):
        found = tempered.log_weight_change(v, field, before, after)
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)
    before, after = np.tile(betas, 4), np.repeat(betas, 4)
    logs = np.stack([hot, warm, cold])
    rows = np.arange(12)
    expected = logs[rows // 4, rows] - logs[rows % 3, rows]
    found = tempered.log_weight_change(v, field, before, after)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)
    assert tempered.log_base() == pytest.approx(oracles[0].log_z, rel=1e-12)


@every_pair
def test_slope_of_the_joint_weights(names, start_tempered, rng):
    machine, tempered, at = start_tempered(names)
    cold, hot = at(1), at(0.5)
    v = cold.draw(5, rng)
    places = rng.choice(np.argsort(cold.p_h)[-8:], size=5)
    change = [
        oracle.log_weights(v)[np.arange(5), places] - base(oracle.visible, v)
        for oracle in (cold, hot)
    ]
    found = tempered.slope(v, cold.h[places], machine.hidden_field(v))
    expected = (change[0] - change[1]) / 0.5
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


@every_pair
def test_tempered_sampling_keeps_each_distribution(names, start_tempered, rng):
    """From exact draws at several temperatures, after a Gibbs step."""
    machine, tempered, at = start_tempered(names)
    n, betas = 5000, np.array([0.0, 0.4, 1.0])
    oracles = [at(beta) for beta in betas]
    v = np.concatenate([oracle.draw(n, rng) for oracle in oracles])
    rows, field = np.repeat(betas, n), machine.hidden_field(v)
    h = tempered.hidden_sample(field, rows, rng)
    v = tempered.visible_sample(h, rows, rng)
    for states, oracle in zip(np.split(v, 3), oracles, strict=True):
        assert_drawn_from(states, oracle)
    assert_drawn_from(tempered.independent(n, rng), oracles[0])


def test_tempered_sampling_in_place(base_bias, machine, rng, seed):
    tempered, betas = machine.tempered(base_bias), np.array([0.0, 0.4, 1.0])
    v = rng.random((3, 4)).round()
    field = machine.hidden_field(v)
    h = tempered.hidden_sample(field, betas, make_rng(seed))
    expected = tempered.visible_sample(h, betas, make_rng(seed))
    found = tempered.hidden_sample(field, betas, make_rng(seed), out=field)
    assert found is field
    np.testing.assert_array_equal(found, h)
    assert tempered.visible_sample(h, betas, make_rng(seed), out=v) is v
    np.testing.assert_array_equal(v, expected)
