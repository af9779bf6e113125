"""Gradients, each by its name in the registry, and what is done to a direction."""

import copy
import itertools
import pickle

import numpy as np
import pytest
from _oracle import Enumeration, centered, flip, flip_params
from scipy import sparse

from skdbn._data._sources import Batch
from skdbn._samplers._tempered import ScaledChains
from skdbn._updates._decay import WeightDecay
from skdbn._updates._direction import Direction
from skdbn._utils._random import make_rng
from skdbn.gradients import FPCD, PCD, PT, REGISTRY, Gradient, resolve
from skdbn.machines import Machine, RestrictedMachine, State
from skdbn.machines._centering import Centering

# Those that sample; score matching does not, and has tests of its own.
SAMPLING = [name for name in REGISTRY if name != "score-matching"]
every_gradient = pytest.mark.parametrize("name", SAMPLING)

# Every gradient as it comes and, where it can, with other numbers of chains.
VARIANTS = [
    pytest.param(REGISTRY[name](**settings), id=f"{name}-{settings}")
    for name in SAMPLING
    for settings in (
        {},
        {"n_steps": 3},
        *(
            ({"n_chains": 1}, {"n_chains": 7}, {"n_chains": 50})
            if "n_chains" in REGISTRY[name]().get_params()
            else ()
        ),
    )
]
every_variant = pytest.mark.parametrize("gradient", VARIANTS)


class ExactMachine(RestrictedMachine):
    """Draws visible rows from the enumerated p(v), whatever the old state."""

    def visible_sample(self, h, rng, out):
        out[:] = Enumeration.of(self).draw(len(out), rng)
        return out


class GivenRows(Gradient):
    """The model phase consists of these rows; also shows how to write a gradient."""

    def __init__(self, rows):
        self.rows = rows

    def n_chains_of(self, n_data):
        return len(self.rows)

    def negative_phase(self, machine, work, rng):
        work.state = machine.state(self.rows, make_rng(0))
        machine.advance(work, rng, 0)


def exact(machine):
    return ExactMachine(*machine.params.values(), machine.visible, machine.hidden)


def offsets(rng, n_visible=4, n_hidden=3):
    """Offsets that stay where they are."""
    centering = Centering(rng.random(n_visible), rng.random(n_hidden))
    centering.slide = 0.0
    return centering


def direction(gradient, machine, batch, seed=0, centering=None):
    """What one call of a fresh copy of the gradient returns."""
    rng, gradient = make_rng(seed), copy.deepcopy(gradient)
    gradient.start(machine, batch.shape[0], rng)
    found = gradient(machine, batch, rng, centering)
    return [array.copy() for array in found.values()]


def naive(machine, data, model, centering=None):
    """Mean over the data minus mean over the model, a row at a time."""
    oracle = Enumeration.of(machine)
    change = [0.0, 0.0, 0.0]
    for rows, sign in ((data, 1), (model, -1)):
        for v, h in zip(rows, oracle.hidden_mean(rows), strict=True):
            for i, term in enumerate((np.outer(v, h), v, h)):
                change[i] = change[i] + sign * term / len(rows)
    if centering is None:
        return change
    return centered(change, centering.visible, centering.hidden)


def assert_directions_equal(found, expected, rtol=1e-12):
    found, expected = (
        list(one.values()) if isinstance(one, dict) else list(one)
        for one in (found, expected)
    )
    scale = max(np.abs(array).max() for array in expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=rtol * max(scale, 1))


def far_apart(one, other):
    return max(np.abs(a - b).max() for a, b in zip(one, other, strict=True)) > 1e-3


# Chains at temperatures of a machine that is scaled


def test_scaled_chains_keep_the_distribution_of_each_temperature(machine, rng):
    machine.weights *= 2
    n, betas = 20_000, (1.0, 0.5, 0.0)
    oracles = [Enumeration.of(machine.scaled(beta)) for beta in betas]
    v = np.vstack([oracle.draw(n, rng) for oracle in oracles])
    h = np.vstack(
        [
            machine.scaled(beta).hidden_sample(rows, rng)
            for beta, rows in zip(betas, np.split(v, 3), strict=True)
        ]
    )
    chains = ScaledChains(machine, State(v, h), 3)
    for _ in range(4):
        chains.step(machine, rng)
    assert (0 < chains.swaps[1]).all() and (chains.swaps[1] < chains.swaps[0]).all()
    for places, oracle in zip(chains.places, oracles, strict=True):
        rows, p = chains.state.visible[places], oracle.p_v
        found = np.array([(rows == v).all(axis=1).mean() for v in oracle.v])
        assert (np.abs(found - p) < 5 * np.sqrt(p * (1 - p) / n) + 1e-12).all()
        both = rows.T @ chains.state.hidden[places] / n
        expected = (oracle.v * p[:, None]).T @ oracle.hidden_mean(oracle.v)
        np.testing.assert_allclose(both, expected, atol=5 * 0.5 / np.sqrt(n))


def test_decay_is_that_of_weights_in_units_of_the_deviations(make_machine, rng):
    """In a unit of measure a tenth as large it is a tenth as large, as weights are."""
    pulls = []
    for factor in (1.0, 10.0):
        machine = make_machine(4, 3, ("gaussian", "bernoulli"))
        machine.visible.start(4, (9, np.zeros(4), np.full(4, factor**2)))
        machine.weights[:] = (np.arange(12.0).reshape(4, 3) - 6) / factor
        direction = {name: np.zeros_like(a) for name, a in machine.params.items()}
        WeightDecay(0.2, 0.5)(direction, machine, rate=0.3)
        pulls.append(direction["weights"])
    expected = -0.3 * 0.2 * 0.5 * (np.arange(12.0) - 6 + np.sign(np.arange(12) - 6))
    np.testing.assert_allclose(pulls[0].ravel(), expected, rtol=1e-12)
    np.testing.assert_allclose(pulls[1], pulls[0] / 10, rtol=1e-12)


# The direction from given rows


@pytest.mark.parametrize("n_data, n_model", [(1, 1), (5, 5), (3, 8), (9, 2)])
@pytest.mark.parametrize("is_centered", [False, True])
def test_difference_is_the_formula(n_data, n_model, is_centered, machine, rng):
    data, model = rng.random((n_data, 4)), rng.random((n_model, 4))
    centering = offsets(rng) if is_centered else None
    found = direction(GivenRows(model), machine, data, centering=centering)
    assert_directions_equal(found, naive(machine, data, model, centering))


@pytest.mark.parametrize("is_centered", [False, True])
def test_rate_is_a_factor(is_centered, machine, rng):
    data, model = rng.random((5, 4)), rng.random((3, 4))
    follow = Direction(
        GivenRows(model), offsets(rng) if is_centered else None, WeightDecay(0.1, 0.5)
    )
    follow.start(machine, 5, rng)
    full = [array.copy() for array in follow(machine, Batch(data), rng).values()]
    assert_directions_equal(
        follow(machine, Batch(data), rng, 0.3), [0.3 * array for array in full]
    )


def test_both_phases_weigh_the_same(machine):
    for n_model, n_data in ((7, 5), (7, 2), (1, 5)):
        phases = machine.workspace(n_model, 5)
        machine.load(phases, np.ones((n_data, 4)))
        np.testing.assert_allclose(phases.signs.sum(), 0, atol=1e-15)
        assert len(phases.data.visible) == n_data
        assert len(phases.model.visible) == n_model


def test_same_rows_in_both_phases_cancel(machine, rng):
    data = rng.random((4, 4))
    for centering in (None, offsets(rng)):
        model = np.repeat(data, 3, axis=0)
        found = direction(GivenRows(model), machine, data, centering=centering)
        assert_directions_equal(
            found, [np.zeros_like(a) for a in machine.params.values()]
        )


def test_smaller_batch_after_a_larger_one(machine, rng):
    """The last batch of an epoch finds nothing left over from the one before."""
    model, large, small = (rng.random((n, 4)) for n in (5, 8, 3))
    gradient, centering = GivenRows(model), offsets(rng)
    gradient.start(machine, 8, rng)
    for batch in (large, small, large):
        found = gradient(machine, batch, rng, centering)
        assert_directions_equal(found, naive(machine, batch, model, centering))


@every_variant
def test_repeated_rows_change_nothing(gradient, make_machine, rng):
    machine = make_machine()
    # Visible units that are certain: the model phase is always the same.
    machine.visible_bias[:] = [60, -60, 60, -60]
    batch = rng.random((3, 4))
    once, often = (
        direction(gradient, machine, np.tile(batch, (n, 1))) for n in (1, 10)
    )
    model = np.array([[1.0, 0, 1, 0]])
    assert_directions_equal(once, naive(machine, batch, model))
    assert_directions_equal(often, once)


# The direction from sampled rows


@every_variant
@pytest.mark.parametrize("is_centered", [False, True])
def test_expectation_is_the_exact_gradient(gradient, is_centered, machine, rng, seed):
    """If the model phase is drawn exactly, up to 5 standard errors."""
    oracle = Enumeration.of(machine)
    batch = np.repeat(rng.random((3, 4)), 20, axis=0)
    centering = offsets(rng) if is_centered else None
    started, n_calls = copy.deepcopy(gradient), 200
    if "fast_learning_rate" in gradient.get_params():
        # Fast weights are there to keep the chains away from p(v).
        started.set_params(fast_learning_rate=1e-9)
    stream = make_rng(seed)
    started.start(exact(machine), len(batch), stream)
    total = [0.0, 0.0, 0.0]
    for _ in range(n_calls):
        change = started(exact(machine), batch, stream, centering)
        total = [a + b for a, b in zip(total, change.values(), strict=True)]
    n_draws = n_calls * (started.n_chains_of(len(batch)) or len(batch))

    states = oracle.model_statistics()
    if is_centered:
        states = centered(states, centering.visible, centering.hidden)
    data_phase = naive(machine, batch, oracle.v[:1], centering)
    for found, data, state in zip(total, data_phase, states, strict=True):
        weights = oracle.p_v.reshape(-1, *[1] * (state.ndim - 1))
        model = (weights * state).sum(axis=0)
        variance = (weights * (state - model) ** 2).sum(axis=0)
        expected = data + state[0] - model  # naive() has subtracted state 0
        error = np.abs(found / n_calls - expected)
        assert (error < 5 * np.sqrt(variance / n_draws)).all()


def test_fast_parameters_learn_and_decay(machine, rng):
    gradient = FPCD(n_chains=5, fast_learning_rate=0.3, fast_decay=0.8)
    gradient.start(machine, 6, rng)
    expected = [0.0, 0.0, 0.0]
    for rate in (0.1, 0.05):
        change = gradient(machine, rng.random((6, 4)), rng, rate=rate)
        expected = [
            0.8 * fast + 0.3 / rate * step
            for fast, step in zip(expected, change.values(), strict=True)
        ]
    assert_directions_equal(gradient._fast, expected)


def test_fast_parameters_stay_from_call_to_call_of_partial_fit(machine, rng):
    gradient, rows = FPCD(fast_learning_rate=1.0), rng.random((6, 4))
    gradient.start(machine, 6, rng)
    gradient(machine, rows, rng)
    before = {name: array.copy() for name, array in gradient._fast.items()}
    assert before["weights"].any()
    gradient.stop()
    gradient.start(machine, 6, rng)
    for name, array in before.items():
        np.testing.assert_array_equal(gradient._fast[name], array)


@pytest.mark.parametrize("share", [0.5, 2.0])
def test_fast_parameters_keep_the_limit_of_a_step(share, make_machine, rng):
    """Of counts a step that is too long drives the chains away, and stays for long."""
    machine = make_machine(4, 3, names=("poisson", "bernoulli"))
    batch = rng.poisson(2, (6, 4)).astype(float)
    free, limited = (FPCD(n_chains=5, fast_learning_rate=0.3) for _ in "ab")
    for gradient in (free, limited):
        stream = copy.deepcopy(rng)
        gradient.start(machine, 6, stream)
        change = gradient(machine, batch, stream, rate=0.1)
        limited.limit = share * machine.length(change) / 0.1
    expected = [3 * min(share, 1) * step for step in change.values()]
    assert_directions_equal(limited._fast, expected)


def test_fast_parameters_push_the_chains(machine, rng):
    """They are drawn from the sum of both sets; the gradient is that of the machine."""
    n = 20_000
    gradient = FPCD(n_chains=n)
    gradient._fast = {k: rng.normal(size=a.shape) for k, a in machine.params.items()}
    gradient.start(exact(machine), 3, rng)
    moved = Enumeration(
        *(
            a + b
            for a, b in zip(
                machine.params.values(), gradient._fast.values(), strict=True
            )
        )
    )
    batch = rng.random((3, 4))
    found = gradient(machine, batch, rng)
    drawn = gradient.state
    for values, mean in (
        (drawn.visible, moved.p_v @ moved.v),
        (drawn.hidden, moved.p_h @ moved.h),
    ):
        assert (np.abs(values.mean(axis=0) - mean) < 5 * 0.5 / np.sqrt(n)).all()
    assert_directions_equal(found, naive(machine, batch, drawn.visible))


@every_gradient
@pytest.mark.parametrize("n_steps", [1, 2, 4])
def test_model_phase_is_so_many_steps_from_its_start(name, n_steps, machine, rng):
    """From the data, or from the chains; by the matrix of the Gibbs sampler."""
    # Two opposite patterns, between which the chains go slowly to and fro.
    machine.weights[:] = 1.5 * np.outer([1, -1, 1, 1], [1, 1, -1])
    machine.visible_bias[:] = -machine.weights.sum(axis=1) / 2
    machine.hidden_bias[:] = -machine.weights.sum(axis=0) / 2
    oracle = Enumeration.of(machine)
    n, start = 20_000, oracle.p_v.argmax()
    kernel = (oracle.table / oracle.p_v[:, None]) @ (oracle.table / oracle.p_h).T
    rows = np.tile(oracle.v[start], (n, 1))
    settings = {"n_temperatures": 1} if name == "pt" else {}
    gradient = REGISTRY[name](n_steps=n_steps, **settings)
    gradient.chains_ = machine.state(rows.copy(), rng)
    found = direction(gradient, machine, rows, seed=rng.integers(2**31))

    def model_phase(n_steps):
        p = np.linalg.matrix_power(kernel, n_steps)[start]
        for state in oracle.model_statistics():
            weights = p.reshape(-1, *[1] * (state.ndim - 1))
            mean = (weights * state).sum(axis=0)
            variance = (weights * (state - mean) ** 2).sum(axis=0)
            yield state[start] - mean, 5 * np.sqrt(variance / n) + 1e-12

    def agrees(n_steps):
        return all(
            (np.abs(change - expected) < tolerance).all()
            for change, (expected, tolerance) in zip(
                found, model_phase(n_steps), strict=True
            )
        )

    assert agrees(n_steps)
    assert not agrees(n_steps - 1) and not agrees(n_steps + 1)


@every_variant
@pytest.mark.parametrize(
    "container", [sparse.csr_array, sparse.csr_matrix, np.asfortranarray]
)
def test_batch_in_any_container(gradient, container, machine, rng, seed):
    batch = (rng.random((6, 4)) < 0.4).astype(float)
    dense = direction(gradient, machine, batch, seed)
    for dtype in (np.float64, np.float32, np.uint8, bool):
        found = direction(gradient, machine, container(batch.astype(dtype)), seed)
        assert_directions_equal(found, dense)


@pytest.mark.parametrize("name", ["cd", "pcd"])
def test_thin_and_thick_batches_in_turn(name, make_machine, rng, seed):
    """A thin batch leaves nothing behind."""
    machine = make_machine(50, 3)
    thin, thick = np.zeros((4, 50)), (rng.random((4, 50)) < 0.3).astype(float)
    thin[2, 7] = 1
    gradient, stream = resolve(name), make_rng(seed)
    other, same = resolve(name), make_rng(seed)
    for one, numbers in ((gradient, stream), (other, same)):
        one.start(machine, 4, numbers)
    for batch in (thin, thick, thin):
        found = gradient(machine, sparse.csr_array(batch), stream)
        assert_directions_equal(found, other(machine, batch, same))


@every_variant
def test_float32_stays(gradient, make_machine, rng):
    machine = make_machine(dtype=np.float32)
    batch, centering = rng.random((5, 4)), offsets(rng)
    centering.visible = centering.visible.astype(np.float32)
    centering.hidden = centering.hidden.astype(np.float32)
    for chosen in (None, centering):
        found = direction(gradient, machine, batch, centering=chosen)
        assert [array.dtype for array in found] == [np.float32] * 3


@every_variant
def test_machine_and_batch_are_left_alone(gradient, machine, rng):
    batch = rng.random((5, 4))
    before = [array.copy() for array in (*machine.params.values(), batch)]
    direction(gradient, machine, batch, centering=offsets(rng))
    for old, new in zip(before, (*machine.params.values(), batch), strict=True):
        np.testing.assert_array_equal(old, new)


@every_gradient
def test_resolve(name):
    settings = REGISTRY[name](n_steps=4)
    assert type(resolve(name)) is REGISTRY[name]
    assert resolve(settings) is not settings
    assert resolve(settings).get_params() == settings.get_params()


def test_contract_is_abstract(machine, rng):
    for call in (
        lambda: Gradient().negative_phase(machine, machine.workspace(1, 1), rng),
        lambda: Machine().infer(None),
        lambda: Machine().state(None, rng),
        lambda: Machine().initial_state(1, rng),
        lambda: Machine().transition(None, rng),
        lambda: Machine().moments(None),
    ):
        with pytest.raises(NotImplementedError):
            call()


# Persistent chains


def run(gradient, machine, batch, rng, n_calls):
    gradient.start(machine, len(batch), rng)
    for _ in range(n_calls):
        gradient(machine, batch, rng)
    gradient.stop()
    return gradient.chains_.visible


@pytest.mark.parametrize("n_steps", [1, 3])
def test_chains_go_on(n_steps, machine, rng, seed):
    """Two and three calls, with a stop in between, are five calls."""
    batch = rng.random((6, 4))
    stream, parts = make_rng(seed), PCD(n_steps, n_chains=8)
    first = run(parts, machine, batch, stream, 2).copy()
    parts_end = run(parts, machine, batch, stream, 3)
    whole_end = run(PCD(n_steps, n_chains=8), machine, batch, make_rng(seed), 5)
    np.testing.assert_array_equal(parts_end, whole_end)
    assert (first != parts_end).any()


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda gradient: pickle.loads(pickle.dumps(gradient))]
)
def test_chains_survive_a_copy(copied, machine, rng, seed):
    batch, gradient = rng.random((6, 4)), PCD(n_chains=8)
    run(gradient, machine, batch, rng, 2)
    other = copied(gradient)
    kept = State(*(array.copy() for array in gradient.chains_))
    for one, two in zip(kept, other.chains_, strict=True):
        np.testing.assert_array_equal(one, two)
    moved = run(gradient, machine, batch, make_rng(seed), 3)
    np.testing.assert_array_equal(other.chains_.visible, kept.visible)
    np.testing.assert_array_equal(run(other, machine, batch, make_rng(seed), 3), moved)


@pytest.mark.parametrize(
    "gradient, n_rows, expected",
    [
        (PCD(), 6, 50),
        (FPCD(), 60, 60),
        (PT(), 6, 6),
        (PCD(n_chains=1), 6, 1),
        (PCD(n_chains=9), 6, 9),
    ],
)
def test_number_of_chains(gradient, n_rows, expected, machine, rng):
    end = run(gradient, machine, rng.random((n_rows, 4)), rng, 1)
    assert end.shape == (expected, 4)
    assert gradient.n_chains_of(2) == expected


def test_chains_reach_the_model(machine, rng):
    """Mean hidden activity of the chains, after many steps, within 5 standard errors."""
    oracle, n = Enumeration.of(machine), 20_000
    gradient = PCD(n_chains=n)
    end = run(gradient, machine, rng.random((2, 4)), rng, 60)
    mean = oracle.p_v @ oracle.v
    error = np.abs(end.mean(axis=0) - mean)
    assert (error < 5 * np.sqrt(mean * (1 - mean) / n)).all()


# Parallel tempering


def two_modes(machine):
    """Opposite patterns, one five times as probable, far apart for a Gibbs chain."""
    machine.weights[:] = 5 * np.outer([1, -1, 1, 1], [1, 1, -1])
    machine.visible_bias[:] = -machine.weights.sum(axis=1) / 2 + 0.4
    machine.hidden_bias[:] = -machine.weights.sum(axis=0) / 2
    return machine


def tempered_tables(machine, base_bias, n_temperatures):
    """The enumerated distributions from β = 1 down to 0."""
    for beta in np.linspace(1, 0, n_temperatures):
        bias = (1 - beta) * base_bias + beta * machine.visible_bias
        yield Enumeration(beta * machine.weights, bias, beta * machine.hidden_bias)


def tempered_chains(swap, machine, n, n_steps, rng, n_temperatures=6):
    """A gradient after some Gibbs steps of chains that all began in one mode.

    It began with other visible biases, which stay those of its independent units.
    """
    bias = machine.visible_bias.copy()
    machine.visible_bias[:] = base = np.array([0.3, -0.4, 0.0, 0.2])
    gradient = PT(n_temperatures, n_chains=n, swap=swap)
    gradient.chains_ = machine.state(np.tile([1.0, 0, 1, 1], (n, 1)), rng)
    gradient.start(machine, 1, rng)
    machine.visible_bias[:] = bias
    for _ in range(n_steps):
        gradient(machine, np.ones((1, 4)), rng)
    return gradient, list(tempered_tables(machine, base, n_temperatures))


both_rules = pytest.mark.parametrize("swap", ["free-energy", "energy"])


@both_rules
def test_tempered_chains_reach_both_modes(swap, machine, rng):
    """Each temperature has its own distribution, and β = 1 gets to the other mode."""
    n = 4000
    gradient, tables = tempered_chains(swap, two_modes(machine), n, 200, rng)
    chains = gradient._tempered
    assert np.unique(chains.places).size == 6 * n
    for rows, oracle in zip(chains.places, tables, strict=True):
        states = chains.state.visible[rows] @ [8, 4, 2, 1]
        found = np.bincount(states.astype(int), minlength=16) / n
        error = 5 * np.sqrt(oracle.p_v * (1 - oracle.p_v) / n) + 1e-3
        assert (np.abs(found - oracle.p_v) < error).all()
    alone = PCD(n_chains=n)
    alone.chains_ = machine.state(np.tile([1.0, 0, 1, 1], (n, 1)), rng)
    end = run(alone, machine, np.ones((1, 4)), rng, 200)
    other_mode = [(rows[:, 1] == 1).mean() for rows in (end, gradient.state[0])]
    assert other_mode[0] < 0.5 * other_mode[1]


@both_rules
def test_swap_acceptance(swap, machine, rng):
    """min(1, ratio) on average, over pairs of states of neighboring temperatures."""
    n = 20_000
    gradient, tables = tempered_chains(swap, machine, n, 30, rng)
    gradient.diagnostics()
    assert gradient.diagnostics() == {}
    for _ in range(3):
        gradient(machine, np.ones((1, 4)), rng)
    mean = gradient.diagnostics()["swap_acceptance"]
    expected = []
    for cold, hot in itertools.pairwise(tables):
        if swap == "energy":
            p, q = cold.table.ravel(), hot.table.ravel()
        else:
            p, q = cold.p_v, hot.p_v
        # p(a) q(b) min(1, p(b) q(a) / (p(a) q(b)))
        expected.append(np.minimum(np.outer(p, q), np.outer(q, p)).sum())
    error = 5 * 0.5 / np.sqrt(n)
    np.testing.assert_allclose(gradient.swap_acceptance_, expected, atol=error)
    # Of three Gibbs steps every other pair has taken part in two or in one.
    shares = [
        gradient.swap_acceptance_ @ n / sum(n)
        for n in ([2, 1, 2, 1, 2], [1, 2, 1, 2, 1])
    ]
    assert min(abs(mean - share) for share in shares) < 1e-9


def test_tempered_chains_end_at_the_temperature_of_the_model(machine, rng):
    """Both layers of what persists: with such biases they are known."""
    machine.visible_bias[:] = [60, -60, 60, 60]
    machine.hidden_bias[:] = [-60, 60, -60]
    gradient = PT(4, n_chains=30)
    machine.visible_bias *= 1e-9
    gradient.start(machine, 5, rng)
    machine.visible_bias *= 1e9
    for _ in range(3):
        gradient(machine, np.ones((5, 4)), rng)
    gradient.stop()
    np.testing.assert_array_equal(gradient.chains_.visible, [[1, 0, 1, 1]] * 30)
    np.testing.assert_array_equal(gradient.chains_.hidden, [[0, 1, 0]] * 30)


def test_bad_swap_rule(machine, rng):
    with pytest.raises(ValueError, match=r"'swap' parameter of PT .*free-energy"):
        PT(swap="luck").start(machine, 5, rng)


# Centering and weight decay


@pytest.mark.parametrize("rate", [1.0, 0.2])
def test_hidden_offset_slides_to_the_batch(rate, machine, rng):
    """After the step, and by a hundredth; the visible one is the mean of all data."""
    batch, v0, h0 = rng.random((5, 4)), rng.random(4), rng.random(3)
    centering, model = Centering(v0, h0), rng.random((2, 4))
    follow = GivenRows(model)
    follow.start(machine, 5, rng)
    found = follow(machine, batch, rng, centering, rate)
    expected = centered(naive(machine, batch, model), v0, h0)
    assert_directions_equal(found, [rate * array for array in expected])
    mean = Enumeration.of(machine).hidden_mean(batch).mean(axis=0)
    np.testing.assert_allclose(centering.hidden, 0.99 * h0 + 0.01 * mean, rtol=1e-12)
    np.testing.assert_array_equal(centering.visible, v0)


@pytest.mark.parametrize("decay, l1_ratio", [(0.1, 0), (0.1, 1), (0.2, 0.3)])
@pytest.mark.parametrize("is_centered", [False, True])
def test_decay_is_the_gradient_of_the_penalty(
    decay, l1_ratio, is_centered, machine, rng
):
    data, model = rng.random((5, 4)), rng.random((6, 4))
    centering = offsets(rng) if is_centered else None
    W = machine.weights
    expected = naive(machine, data, model)
    expected[0] -= decay * (l1_ratio * np.sign(W) + (1 - l1_ratio) * W)
    if is_centered:
        expected = centered(expected, centering.visible, centering.hidden)
    found = Direction(GivenRows(model), centering, WeightDecay(decay, l1_ratio))
    found.start(machine, len(data), rng)
    assert_directions_equal(found(machine, Batch(data), rng), expected)


class Seen(GivenRows):
    """Keeps the data that it has seen."""

    def negative_phase(self, machine, work, rng):
        self.data = work.data.visible.copy()
        super().negative_phase(machine, work, rng)


@pytest.mark.parametrize("container", [np.array, sparse.csr_array])
def test_bits_are_drawn_from_probabilities(container, machine, rng):
    """Each by itself, and anew in each step."""
    n = 20_000
    probabilities = np.array([0.0, 0.1, 0.5, 1.0])
    X = container(np.tile(probabilities, (n, 1)))
    follow = Direction(Seen(np.zeros((1, 4))), sample_data=True)
    follow.start(machine, n, rng)
    steps = []
    for _ in range(2):
        follow(machine, Batch(X), rng)
        steps.append(follow.gradient.data)
    drawn = np.concatenate(steps, axis=1)
    assert set(np.unique(drawn)) == {0, 1}
    means = np.tile(probabilities, 2)
    expected = np.outer(means, means) + np.diag(means * (1 - means))
    # Five standard errors of the mean of n bits.
    error = 5 * np.sqrt(expected * (1 - expected) / n)
    assert (np.abs(drawn.T @ drawn / n - expected) <= error + 1e-12).all()


VISIBLE_FLIPS = np.array([True, False, True, True])
HIDDEN_FLIPS = np.array([False, True, True])
NONE = np.zeros(4, dtype=bool)


def after_steps(arrays, data, model, offset, decay, l1_ratio, n_steps=3):
    """The parameters after some steps on a machine with these parameters."""
    machine = RestrictedMachine(*(array.copy() for array in arrays))
    centering = None if offset is None else Centering(*offset)
    penalty = WeightDecay(decay, l1_ratio) if decay else None
    follow = Direction(GivenRows(model), centering, penalty)
    follow.start(machine, len(data), None)
    for _ in range(n_steps):
        for name, change in follow(machine, Batch(data), None).items():
            machine.params[name] += 0.3 * change
    return machine.params.values()


@pytest.mark.parametrize("decay, l1_ratio", [(0, 0), (0.1, 0), (0.1, 1), (0.1, 0.5)])
@pytest.mark.parametrize(
    "visible_flips, hidden_flips",
    [
        pytest.param(VISIBLE_FLIPS, NONE[:3], id="visible"),
        pytest.param(NONE, HIDDEN_FLIPS, id="hidden"),
        pytest.param(VISIBLE_FLIPS, HIDDEN_FLIPS, id="both"),
    ],
)
def test_centered_steps_commute_with_flips(
    decay, l1_ratio, visible_flips, hidden_flips, machine, rng
):
    """With the exact gradient, and with any other rows for the model.

    Learning flipped data from a flipped start gives the flipped model; the offsets
    slide meanwhile. Without centering it does not.
    """
    data = rng.random((5, 4))
    # 1,000 rows with the frequencies of p(v), as nearly as they go.
    oracle = Enumeration.of(machine)
    places = (np.arange(1000) + 0.5) / 1000
    model = oracle.v[np.searchsorted(np.cumsum(oracle.p_v), places).clip(max=15)]
    offset = rng.random(4), rng.random(3)

    def both_ways(offset, flipped_offset):
        there = after_steps(
            machine.params.values(), data, model, offset, decay, l1_ratio
        )
        back = after_steps(
            flip_params(*machine.params.values(), visible_flips, hidden_flips),
            flip(data, visible_flips),
            flip(model, visible_flips),
            flipped_offset,
            decay,
            l1_ratio,
        )
        return flip_params(*there, visible_flips, hidden_flips), back

    flipped_offset = flip(offset[0], visible_flips), flip(offset[1], hidden_flips)
    assert_directions_equal(*both_ways(offset, flipped_offset), rtol=1e-11)
    assert far_apart(*both_ways(None, None))


def test_flips_keep_the_distribution(machine):
    """The oracle of the test above, judged by enumeration."""
    before = Enumeration.of(machine)
    after = Enumeration(
        *flip_params(*machine.params.values(), VISIBLE_FLIPS, HIDDEN_FLIPS)
    )
    index = (flip(before.v, VISIBLE_FLIPS)[:, None] == after.v).all(axis=2)
    np.testing.assert_allclose(before.p_v, after.p_v[index.argmax(axis=1)], rtol=1e-12)


def test_swap_counts_begin_anew(machine, rng):
    gradient, _ = tempered_chains("free-energy", machine, 5, 3, rng)
    assert gradient.diagnostics()
    assert gradient.diagnostics() == {}
    # A call that nobody monitors ends with its own share of accepted swaps.
    gradient(machine, np.ones((1, 4)), rng)
    gradient.stop()
    assert ((gradient.swap_acceptance_ >= 0) & (gradient.swap_acceptance_ <= 1)).all()
    assert gradient.diagnostics() == {}


def test_fast_weights_leave_a_normalizer(make_machine, rng):
    """However large they are, chains of two Gaussian layers do not run away."""
    machine = make_machine(names=("gaussian", "gaussian"))
    gradient = FPCD()
    gradient.start(machine, 5, rng)
    gradient._fast["weights"][...] = 10
    gradient(machine, rng.normal(size=(5, len(machine.visible_bias))), rng)
    moved = gradient._with_fast
    n_visible, n_hidden = moved.weights.shape
    spread = np.reshape(moved.visible.spread(n_visible), (-1, 1))
    scaled = spread * moved.weights * moved.hidden.spread(n_hidden)
    assert np.linalg.norm(scaled, 2) < 1
