"""Machines that are made of the methods of the contract alone, and every gradient."""

import copy
import importlib.util
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.optimize import minimize
from scipy.special import expit

from skdbn._data._sources import ArraySource, Batch
from skdbn._training._session import Session
from skdbn._updates._decay import WeightDecay
from skdbn._updates._direction import Direction
from skdbn._updates._optimizer import SGD
from skdbn._utils._random import make_rng
from skdbn.gradients import CD, FPCD, PCD, PT, ScoreMatching
from skdbn.machines import Machine
from skdbn.schedules import Linear

# That of SciPy takes ten times as long for arrays as small as these.
logsumexp = np.logaddexp.reduce

PAGE = Path(__file__).parents[1] / "docs" / "own_machine.py"


def fit(machine, X, gradient, seed, n_iter, rate=0.5):
    """Learn from X by the session that all models have."""
    gradient = copy.deepcopy(gradient)
    optimizer = SGD(Linear(rate), n_iter=n_iter)
    session = Session(machine, Direction(gradient), optimizer, make_rng(seed), len(X))
    session.run(ArraySource(X), 100, n_iter)
    return machine, gradient


def best_likelihood(machine, log_likelihood):
    """The largest value over the parameters, of a few searches."""
    shapes = {name: np.shape(array) for name, array in machine.params.items()}
    sizes = [int(np.prod(shape)) for shape in shapes.values()]

    def unpack(vector):
        parts = np.split(vector, np.cumsum(sizes)[:-1])
        pairs = zip(shapes.items(), parts, strict=True)
        return {name: part.reshape(shape) for (name, shape), part in pairs}

    starts = make_rng(0).normal(0, 0.5, (2, sum(sizes)))
    return max(
        -minimize(lambda vector: -log_likelihood(unpack(vector)), start).fun
        for start in starts
    )


def distinct(rows):
    """The rows that differ, and how often each one comes."""
    rows, counts = np.unique(rows, axis=0, return_counts=True)
    return rows, counts / counts.sum()


def bits(n):
    return np.array(list(product([0.0, 1.0], repeat=n)))


# A conditional machine, as the documentation has it

GRADIENTS = {
    "cd": CD(n_steps=10),
    "pcd": PCD(n_steps=10, n_chains=200),
    "fpcd": FPCD(n_steps=10, n_chains=200, fast_learning_rate=0.01),
    "pt": PT(n_temperatures=3, n_steps=5, n_chains=200),
}


@pytest.fixture(scope="module")
def conditional():
    if not PAGE.exists():
        pytest.skip("the pages of the documentation are not here")
    spec = importlib.util.spec_from_file_location("own_machine", PAGE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.ConditionalMachine


@pytest.fixture
def moved(rng):
    """Rows of two given bits and three others that depend on them."""
    u = (rng.random((600, 2)) < 0.5).astype(float)
    odds = np.where(u[:, :1] == 1, 1.5, -1.5) * [1, -1, 0.5] + u[:, 1:] * [0, 1, -2]
    v = rng.random((600, 3)) < expit(odds)
    v[:, 2] = np.where(rng.random(600) < 0.5, v[:, 0], v[:, 2])
    return np.hstack([u, v])


def log_conditional(params, rows):
    """log p(v | u) of each row, by a sum over all v and h."""
    W, A, B, b, c = params.values()
    u, v = rows[:, :2], rows[:, 2:]
    every_v, every_h = bits(3), bits(1)

    def log_joint(v):
        """Of each row and each h; v is one for each row."""
        return (v * (b + u @ A)).sum(axis=1, keepdims=True) + (
            c + u @ B + v @ W
        ) @ every_h.T

    own = logsumexp(log_joint(v), axis=1)
    each = [logsumexp(log_joint(np.tile(one, (len(u), 1))), axis=1) for one in every_v]
    return own - logsumexp(each, axis=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", GRADIENTS)
def test_conditional_machine_reaches_the_maximum(name, conditional, moved, seed):
    machine = conditional(2, 3, 1, make_rng(seed))
    before = log_conditional(machine.params, moved).mean()
    fit(machine, moved, GRADIENTS[name], seed, n_iter=300, rate=1.0)
    found = log_conditional(machine.params, moved).mean()
    rows, share = distinct(moved)
    best = best_likelihood(machine, lambda p: log_conditional(p, rows) @ share)
    assert before < best - 0.3
    assert best - 0.02 < found <= best + 1e-6


def test_what_is_given_stays(conditional, moved, seed):
    """Chains have the u of the batch, at every temperature."""
    machine, rng = conditional(2, 3, 1, make_rng(seed)), make_rng(seed)
    for gradient in (PCD(n_chains=70), PT(3, n_chains=70)):
        gradient.start(machine, 50, rng)
        for start in (0, 50):
            batch = moved[start : start + 50]
            gradient(machine, batch, rng)
            given = np.vstack([batch, batch[:20]])[:, :2]
            np.testing.assert_array_equal(gradient.state.visible[:, :2], given)
    assert (
        gradient._tempered.state.visible[gradient._tempered.places, :2] == given
    ).all()


def test_what_a_machine_lacks_is_named(conditional, seed):
    machine, rng = conditional(2, 3, 1, make_rng(seed)), make_rng(seed)
    with pytest.raises(TypeError, match=r"ScoreMatching.*needs.*ConditionalMachine"):
        ScoreMatching().start(machine, 5, rng)
    with pytest.raises(TypeError, match=r"needs free_energy.*DeepMachine"):
        PT().start(DeepMachine(4, 2, 2, rng), 5, rng)
    with pytest.raises(ValueError, match=r"swap='energy'.*ConditionalMachine"):
        PT(swap="energy").start(machine, 5, rng)


def test_penalties_ask_the_machine(conditional, moved, seed):
    """Weight decay is for the weights from u, too, and not for biases."""
    machine = conditional(2, 3, 1, make_rng(seed))
    for array in machine.params.values():
        array += 1
    found = []
    for decay in (0.0, 0.1):
        direction = Direction(CD(), weight_decay=WeightDecay(decay, 0.0))
        direction.start(machine, 50, make_rng(seed))
        found.append(direction(machine, Batch(moved[:50]), make_rng(seed)))
    for name, array in machine.params.items():
        factor = 0.0 if name.endswith("bias") else 0.1
        difference = found[0][name] - found[1][name]
        np.testing.assert_allclose(difference, factor * array, atol=1e-12)


def test_length_of_a_step_is_that_of_the_penalized(conditional, seed):
    machine = conditional(2, 3, 1, make_rng(seed))
    step = {name: make_rng(1).random(a.shape) for name, a in machine.params.items()}
    parts = [step[name].ravel() for name in machine.params if "bias" not in name]
    assert len(parts) == 3
    expected = np.linalg.norm(np.concatenate(parts))
    assert machine.length(step) == pytest.approx(expected, rel=1e-12)


class Windows:
    """Neighboring pairs of a sequence, a few at a time, of which none is copied."""

    def __init__(self, sequence):
        self.sequence = sequence

    def __len__(self):
        return len(self.sequence) - 1

    def batches(self, machine, batch_size, rng):
        order = rng.permutation(len(self))
        for start in range(0, len(self), batch_size):
            rows = order[start : start + batch_size]
            yield Batch(
                np.stack([self.sequence[rows], self.sequence[rows + 1]], 1), rows
            )


def test_rows_may_come_from_anywhere(conditional, seed):
    """A conditional machine learns how often a sequence of bits repeats itself."""
    rng = make_rng(seed)
    bits = np.cumsum(rng.random(4000) < 0.1) % 2.0
    machine = conditional(1, 1, 2, make_rng(seed))
    optimizer = SGD(Linear(1.0), n_iter=20)
    source = Windows(bits)
    session = Session(machine, Direction(CD()), optimizer, make_rng(seed), len(source))
    session.run(source, 100, 20)
    state = machine.state(np.stack([bits, bits], 1), make_rng(seed))
    for _ in range(50):
        state = machine.transition(state, rng)
    repeated = (state.visible[:, 0] == state.visible[:, 1]).mean()
    assert repeated == pytest.approx(0.9, abs=0.04)


# Two hidden layers


class Layers(NamedTuple):
    """Values of three layers, and the products of the two hidden ones."""

    visible: np.ndarray
    first: np.ndarray
    second: np.ndarray
    products: np.ndarray


class DeepMachine(Machine):
    """E(v, h¹, h²) = −v·b − v·W·h¹ − h¹·U·h²; the exact posterior, by enumeration."""

    penalized = ("weights", "upper")

    def __init__(self, n_visible, n_first, n_second, rng):
        shapes = {
            "weights": (n_visible, n_first),
            "upper": (n_first, n_second),
            "visible_bias": n_visible,
        }
        self.params = {k: rng.normal(0, 0.3, shape) for k, shape in shapes.items()}

    def infer(self, v):
        W, U, _ = self.params.values()
        first, second = bits(U.shape[0]), bits(U.shape[1])
        logs = (v @ W @ first.T)[:, :, None] + (first @ U @ second.T)[None]
        p = np.exp(logs - logsumexp(logs, axis=(1, 2), keepdims=True))
        products = np.einsum("nij,ia,jb->nab", p, first, second)
        return Layers(v, p.sum(axis=2) @ first, p.sum(axis=1) @ second, products)

    def state(self, v, rng):
        W, U, _ = self.params.values()
        second = (rng.random((len(v), U.shape[1])) < 0.5).astype(float)
        for _ in range(5):
            first = draw(v @ W + second @ U.T, rng)
            second = draw(first @ U, rng)
        return Layers(v, first, second, first[:, :, None] * second[:, None])

    def initial_state(self, n, rng):
        v = draw(np.zeros((n, len(self.params["visible_bias"]))), rng)
        return self.state(v, rng)

    def transition(self, state, rng, out=None):
        W, U, b = self.params.values()
        v, second = draw(b + state.first @ W.T, rng), draw(state.first @ U, rng)
        first = draw(v @ W + second @ U.T, rng)
        return Layers(v, first, second, first[:, :, None] * second[:, None])

    def moments(self, state):
        v, first, _, products = state
        return {
            "weights": v.T @ first / len(v),
            "upper": products.mean(axis=0),
            "visible_bias": v.mean(axis=0),
        }


def draw(field, rng):
    return (rng.random(field.shape) < expit(field)).astype(float)


def log_deep(params, v):
    """log p(v) of each row, by a sum over all states."""
    W, U, b = params.values()
    first, second = bits(U.shape[0]), bits(U.shape[1])

    def log_weights(v):
        logs = (v @ W @ first.T)[:, :, None] + (first @ U @ second.T)[None]
        return v @ b + logsumexp(logs, axis=(1, 2))

    return log_weights(v) - logsumexp(log_weights(bits(len(b))))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pcd", "fpcd"])
def test_machine_of_two_hidden_layers_reaches_the_maximum(name, rng, seed):
    v = (rng.random((500, 4)) < 0.5).astype(float)
    v[:, 1], v[:, 3] = v[:, 0], 1 - v[:, 2]
    v = np.where(rng.random(v.shape) < 0.2, 1 - v, v)
    machine = DeepMachine(4, 2, 2, make_rng(seed))
    fit(machine, v, GRADIENTS[name], seed, n_iter=600)
    found = log_deep(machine.params, v).mean()
    rows, share = distinct(v)
    best = best_likelihood(machine, lambda p: log_deep(p, rows) @ share)
    assert best - 0.03 < found <= best + 1e-6


# Hybrid Monte Carlo


class Moving(NamedTuple):
    """Values, and the length of the next step of each chain."""

    visible: np.ndarray
    step: np.ndarray


class HybridMachine(Machine):
    """E(v) = a·v² + c·v⁴ + b·v in one dimension, moved along its slope.

    The length of the steps adapts, and is part of the chains' state.
    """

    penalized = ()

    def __init__(self):
        self.params = {"square": np.ones(1), "fourth": np.ones(1), "bias": np.zeros(1)}

    def energy(self, v):
        a, c, b = self.params.values()
        return (a * v**2 + c * v**4 + b * v)[:, 0]

    def slope(self, v):
        a, c, b = self.params.values()
        return 2 * a * v + 4 * c * v**3 + b

    def infer(self, v):
        return Moving(v, np.full((len(v), 1), 0.1))

    def state(self, v, rng):
        return self.infer(v)

    def initial_state(self, n, rng):
        return self.infer(rng.normal(size=(n, 1)))

    def transition(self, state, rng, out=None):
        v, step = state
        momentum = start = rng.normal(size=v.shape)
        new = v
        for _ in range(5):
            momentum = momentum - step / 2 * self.slope(new)
            new = new + step * momentum
            momentum = momentum - step / 2 * self.slope(new)
        change = self.energy(v) - self.energy(new)
        change += ((start**2 - momentum**2) / 2)[:, 0]
        accepted = (np.log(rng.random(len(v))) < change)[:, None]
        # All chains have one length, so that it does not depend on where each one is.
        share = accepted.mean()
        return Moving(
            np.where(accepted, new, v),
            np.minimum(step * (1.02 if share > 0.8 else 0.98), 0.5),
        )

    def moments(self, state):
        v = state.visible
        return {
            "square": -(v**2).mean(axis=0),
            "fourth": -(v**4).mean(axis=0),
            "bias": -v.mean(axis=0),
        }

    def project(self):
        np.maximum(self.params["fourth"], 0.01, out=self.params["fourth"])


@pytest.mark.slow
def test_machine_moved_by_hybrid_monte_carlo_reaches_the_maximum(rng, seed):
    """Its moments are those of the data, to a few standard errors of the chains."""
    side = np.where(rng.random((500, 1)) < 0.6, 1.0, -1.0)
    v = side + 0.4 * rng.normal(size=(500, 1))
    machine, n_chains = HybridMachine(), 500
    gradient = PCD(n_steps=5, n_chains=n_chains)
    _, gradient = fit(machine, v, gradient, seed, n_iter=300, rate=0.05)
    grid = np.linspace(-4, 4, 4001)[:, None]

    def log_likelihood(params):
        other = HybridMachine()
        other.params = params
        log_z = np.log(trapezoid(np.exp(-other.energy(grid)), grid[:, 0]))
        return -other.energy(v).mean() - log_z

    found = log_likelihood(machine.params)

    def bounded(params):
        return log_likelihood(params | {"fourth": np.abs(params["fourth"]) + 0.01})

    best = best_likelihood(machine, bounded)
    assert best - 0.02 < found <= best + 1e-6
    lengths = gradient.chains_.step
    assert lengths.min() != 0.1 and np.ptp(lengths) < 1e-12
