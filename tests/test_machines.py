"""The restricted machine against sums over all its states."""

import itertools
import pickle

import numpy as np
import pytest
from _oracle import VALUES, Enumeration
from scipy import sparse

from skdbn import units
from skdbn._random import make_rng
from skdbn.machines import State

# Machines that can be enumerated: both layers with finitely many values.
FINITE = [name for name in units.REGISTRY if name in VALUES]
every_pair = pytest.mark.parametrize(
    "names", list(itertools.product(FINITE, repeat=2)), ids="-".join
)


def test_every_finite_type_is_enumerated():
    finite = {name for name, kind in units.REGISTRY.items() if kind.support is not None}
    assert finite == set(FINITE)


@every_pair
def test_free_energy(names, make_machine):
    machine = make_machine(names=names)
    oracle = Enumeration.of(machine, names)
    from_table = -np.log(oracle.p_v) - oracle.log_z
    np.testing.assert_allclose(machine.free_energy(oracle.v), from_table, rtol=1e-12)
    field = machine.hidden_field(oracle.v)
    before = field.copy()
    np.testing.assert_allclose(
        machine.free_energy(oracle.v, field), from_table, rtol=1e-12
    )
    np.testing.assert_array_equal(field, before)


@every_pair
def test_conditional_means(names, make_machine):
    machine = make_machine(names=names)
    oracle = Enumeration.of(machine, names)
    hidden = (oracle.table / oracle.p_v[:, None]) @ oracle.h
    visible = (oracle.table / oracle.p_h).T @ oracle.v
    np.testing.assert_allclose(machine.hidden_mean(oracle.v), hidden, rtol=1e-12)
    np.testing.assert_allclose(machine.visible_mean(oracle.h), visible, rtol=1e-12)
    out = np.empty_like(hidden)
    assert machine.hidden_mean(oracle.v, out=out) is out
    np.testing.assert_allclose(out, hidden, rtol=1e-12)


@every_pair
def test_statistics_give_the_gradient_of_the_likelihood(names, make_machine, rng):
    machine = make_machine(names=names)
    oracle = Enumeration.of(machine, names)
    data = oracle.v[rng.integers(len(oracle.v), size=5)]
    single = [machine.statistics(v[None]) for v in oracle.v]
    step = 1e-5
    for which, (array, data_part) in enumerate(
        zip(machine.params, machine.statistics(data), strict=True)
    ):
        model_part = sum(
            p * parts[which] for p, parts in zip(oracle.p_v, single, strict=True)
        )
        slopes = np.empty_like(array)
        for index in np.ndindex(array.shape):
            value, likelihoods = array[index], []
            for array[index] in (value - step, value + step):
                table = Enumeration.of(machine, names)
                chosen = (data[:, None] == table.v).all(axis=2).argmax(axis=1)
                likelihoods.append(np.log(table.p_v[chosen]).mean())
            array[index] = value
            slopes[index] = (likelihoods[1] - likelihoods[0]) / (2 * step)
        # Rounding of a log-likelihood of a few nats, over the step.
        np.testing.assert_allclose(
            data_part - model_part, slopes, rtol=0, atol=100 * 2**-52 / step + step**2
        )


def distance(rows, oracle):
    """Total variation between a histogram and p(v), in units of its own noise."""
    index = (rows[:, None] == oracle.v).all(axis=2).argmax(axis=1)
    histogram = np.bincount(index, minlength=len(oracle.v)) / len(rows)
    floor = np.sqrt(oracle.p_v * (1 - oracle.p_v) / len(rows)).sum() / 2
    return np.abs(histogram - oracle.p_v).sum() / 2 / floor


# Pure noise gives a distance of sqrt(2/π) = 0.8 on the average; over 16 states it
# scatters by about 0.15.
NOISE = 1.7


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
    assert (state.visible != start.visible).any(axis=1).mean() > 0.5
    assert distance(start.visible, oracle) < NOISE
    assert distance(state.visible, oracle) < NOISE
    # The hidden units too, by their exact means.
    error = np.abs(
        state.hidden.mean(axis=0) - machine.hidden_mean(oracle.v).T @ oracle.p_v
    )
    assert (error < 5 * np.sqrt(state.hidden.var(axis=0).max() / 20_000)).all()


def test_a_wrong_kernel_is_noticed(machine, rng):
    oracle = Enumeration.of(machine)
    machine.weights *= 0.8
    state = machine.state(oracle.draw(20_000, rng), rng)
    assert distance(machine.transition(state, rng).visible, oracle) > NOISE


@every_pair
def test_gibbs_sampling_forgets_its_start(names, make_machine, rng):
    machine = make_machine(names=names)
    state = machine.initial_state(20_000, rng)
    for _ in range(100):
        machine.transition(state, rng, out=state)
    assert distance(state.visible, Enumeration.of(machine, names)) < NOISE


def test_out_leaves_the_old_state_alone(machine, rng, seed):
    old = machine.initial_state(30, rng)
    kept = [array.copy() for array in old]
    new = machine.transition(old, make_rng(seed))
    for before, after in zip(kept, old, strict=True):
        np.testing.assert_array_equal(before, after)
    same = machine.transition(old, make_rng(seed), out=old)
    np.testing.assert_array_equal(new.visible, same.visible)
    np.testing.assert_array_equal(new.hidden, same.hidden)


def test_initial_state_feels_only_the_biases(machine, rng):
    n = 20_000
    state = machine.initial_state(n, rng)
    mean = machine.visible.mean(machine.visible_bias)
    error = np.abs(state.visible.mean(axis=0) - mean)
    assert (error < 5 * np.sqrt(mean * (1 - mean) / n)).all()
    assert state.hidden.shape == (n, len(machine.hidden_bias))


@pytest.mark.parametrize("kind", ["binary", "grey"])
def test_pseudo_log_likelihood(kind, machine, rng):
    v = rng.random((20, 4))
    v = v.round() if kind == "binary" else v
    expected = Enumeration.of(machine).pseudo_log_likelihood(v)
    for rows in (v, sparse.csr_array(v), sparse.csr_matrix(v)):
        np.testing.assert_allclose(
            machine.pseudo_log_likelihood(rows), expected, rtol=1e-12
        )


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


def test_log_conditional_of_a_column_for_each_row(machine, rng):
    v = rng.random((6, 4))
    field = machine.hidden_field(v)
    columns = rng.integers(4, size=6)
    each = [machine.log_conditional(v, field, i) for i in range(4)]
    expected = [each[i][row] for row, i in enumerate(columns)]
    found = machine.log_conditional(v, field, columns)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csr_matrix])
def test_sparse_rows(container, machine, rng):
    v = (rng.random((9, 4)) < 0.3).astype(float)
    for method in (machine.hidden_field, machine.hidden_mean, machine.free_energy):
        found = method(container(v))
        assert type(found) is np.ndarray
        np.testing.assert_allclose(found, method(v), rtol=1e-12)


def test_float32_stays(make_machine, rng):
    machine = make_machine(dtype=np.float32)
    state = machine.transition(machine.initial_state(5, rng), rng)
    v = state.visible
    for array in (
        *state,
        *machine.statistics(v),
        machine.hidden_mean(v),
        machine.visible_mean(state.hidden),
        machine.free_energy(v),
        machine.pseudo_log_likelihood(v),
    ):
        assert array.dtype == np.float32


def test_copy_has_arrays_of_its_own(machine):
    copied = machine.copy()
    for old, new in zip(machine.params, copied.params, strict=True):
        np.testing.assert_array_equal(old, new)
        assert not np.shares_memory(old, new)
    restored = pickle.loads(pickle.dumps(machine))
    np.testing.assert_array_equal(restored.weights, machine.weights)
    assert machine.project() is None


# Tempered


@pytest.fixture
def base_bias(rng):
    return rng.normal(size=4)


def at_temperature(machine, base_bias, beta, names=("bernoulli",) * 2):
    """The enumerated machine at an inverse temperature."""
    bias = (1 - beta) * base_bias + beta * machine.visible_bias
    return Enumeration(beta * machine.weights, bias, beta * machine.hidden_bias, names)


@every_pair
def test_tempered_weights(names, base_bias, make_machine):
    """A temperature for each row, or one for all."""
    machine = make_machine(names=names)
    tempered = machine.tempered(base_bias)
    betas = np.linspace(0, 1, 16)
    oracles = [at_temperature(machine, base_bias, beta, names) for beta in betas]
    v = oracles[0].v
    base = machine.visible.base_energy(v)
    field = machine.hidden_field(v)
    rows = np.arange(16) % len(v)
    expected = [
        np.log(oracle.p_v[row]) + oracle.log_z
        for oracle, row in zip(oracles, rows, strict=True)
    ]
    found = tempered.log_weight(v[rows], field[rows], betas)
    np.testing.assert_allclose(found - np.broadcast_to(base, len(v))[rows], expected)
    np.testing.assert_allclose(
        tempered.log_weight(v, field, 0.3) - base,
        np.log(at_temperature(machine, base_bias, 0.3, names).p_v)
        + at_temperature(machine, base_bias, 0.3, names).log_z,
    )
    assert tempered.log_base() == pytest.approx(oracles[0].log_z, rel=1e-12)


def test_slope_of_the_joint_weights(base_bias, machine, rng):
    v, h = ((rng.random((5, n)) < 0.5).astype(float) for n in (4, 3))
    cold, hot = (
        at_temperature(machine, base_bias, beta).log_weights(v) for beta in (1, 0.5)
    )
    states = (h @ [4, 2, 1]).astype(int)
    change = (cold - hot)[np.arange(5), states] / 0.5
    found = machine.tempered(base_bias).slope(v, h, machine.hidden_field(v))
    np.testing.assert_allclose(found, change, rtol=1e-12)


@pytest.mark.parametrize("in_place", [False, True])
def test_tempered_sampling_keeps_each_distribution(in_place, base_bias, machine, rng):
    """From exact draws at several temperatures, after a sweep."""
    n, betas = 20_000, np.array([0.0, 0.4, 1.0])
    oracles = [at_temperature(machine, base_bias, beta) for beta in betas]
    tempered = machine.tempered(base_bias)
    v = np.concatenate([oracle.draw(n, rng) for oracle in oracles])
    rows = np.repeat(betas, n)
    field = machine.hidden_field(v)
    h = tempered.hidden_sample(field, rows, rng, out=field if in_place else None)
    v = tempered.visible_sample(h, rows, rng, out=v if in_place else None)
    for states, oracle in zip(np.split(v, 3), oracles, strict=True):
        assert distance(states, oracle) < NOISE
    assert distance(tempered.independent(n, rng), oracles[0]) < NOISE
