"""Mean-covariance machines against sums over hidden states, quadrature and differences."""

import copy
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from sklearn.base import clone

from skdbn import MeanCovarianceRBM
from skdbn._data._sources import ArraySource
from skdbn._training._session import Session
from skdbn._updates._direction import Direction
from skdbn._updates._optimizer import SGD
from skdbn._utils._random import make_rng
from skdbn.evaluation import log_likelihood, log_partition
from skdbn.exceptions import DivergenceError
from skdbn.gradients import CD, FPCD, PCD, PT
from skdbn.machines import MeanCovarianceMachine
from skdbn.machines._hybrid import at_start, move
from skdbn.machines._mean_covariance import neighborhoods
from skdbn.schedules import Linear


def bits(n):
    return np.array(list(product([0.0, 1.0], repeat=n))).reshape(2**n, n)


def random_machine(rng, n_visible=3, n_factors=4, n_covariance=3, n_mean=2):
    machine = MeanCovarianceMachine(
        1.5 * rng.normal(size=(n_visible, n_factors)),
        rng.random((n_factors, n_covariance)),
        rng.normal(1, 1, n_covariance),
        rng.normal(size=(n_visible, n_mean)),
        0.3 * rng.normal(size=n_visible),
        rng.normal(size=n_mean),
        rng.normal(-0.3, 0.2, 1),
    )
    machine.project()
    return machine


def energies(machine, v):
    """E(v, h) of one row for all states of both kinds of hidden units."""
    C, P, c, W, b, d, a = machine.params.values()
    unit = v / np.sqrt(v @ v / len(v) + 0.5)
    squares = np.array(
        [sum(C[i, f] * unit[i] for i in range(len(v))) ** 2 for f in range(C.shape[1])]
    )
    found = []
    for h in bits(len(c)):
        for m in bits(len(d)):
            covariance = 0.5 * h @ (P.T @ squares) - c @ h
            found.append(
                covariance + np.exp(a[0]) * v @ v / 2 - b @ v - v @ W @ m - d @ m
            )
    return np.array(found)


@pytest.mark.parametrize("n_mean", [0, 2])
def test_free_energy_is_the_sum_over_hidden_states(n_mean, rng):
    machine = random_machine(rng, n_mean=n_mean)
    v = rng.normal(size=(5, 3))
    expected = [-logsumexp(-energies(machine, row)) for row in v]
    assert_allclose(machine.free_energy(v), expected)
    assert_allclose(machine.energy_and_slope(v)[0], expected)


def test_hidden_means(rng):
    machine = random_machine(rng)
    states = np.array([[*h, *m] for h in bits(3) for m in bits(2)])
    for v in rng.normal(size=(4, 3)):
        p = -energies(machine, v)
        p = np.exp(p - logsumexp(p))
        assert_allclose(machine.hidden_means(v[None])[0], p @ states)


def test_slope_and_moments_are_derivatives(rng):
    machine, step = random_machine(rng), 1e-5
    v, weights = rng.normal(size=(6, 3)), rng.random(6)
    weights /= weights.sum()
    slope = machine.energy_and_slope(v)[1]
    for i, unit in enumerate(np.eye(3)):
        up, down = (machine.free_energy(v + s * unit) for s in (step, -step))
        assert_allclose(slope[:, i], (up - down) / (2 * step), rtol=1e-6, atol=1e-8)
    for share in (None, weights):
        own = np.full(6, 1 / 6) if share is None else share
        for name, found in machine.moments(machine.infer(v), share).items():
            array = machine.params[name]
            for index in np.ndindex(array.shape):
                values = []
                for change in (step, -step):
                    array[index] += change
                    values.append(-own @ machine.free_energy(v))
                    array[index] -= change
                expected = (values[0] - values[1]) / (2 * step)
                assert found[index] == pytest.approx(expected, rel=1e-6, abs=1e-8), name


def test_float32_agrees(rng):
    machine = random_machine(rng)
    other = machine.copy()
    for name, array in machine.params.items():
        setattr(other, name, array.astype(np.float32))
    v = rng.normal(size=(5, 3))
    for own, low in zip(
        machine.energy_and_slope(v),
        other.energy_and_slope(v.astype(np.float32)),
        strict=True,
    ):
        assert low.dtype == np.float32
        assert_allclose(low, own, rtol=1e-4, atol=1e-4)
    state = other.transition(other.initial_state(4, make_rng(0)), make_rng(0))
    assert all(layer.dtype == np.float32 for layer in state)


# Hybrid Monte Carlo


def test_moves_keep_a_known_density(rng, seed):
    """Chains from the density stay in it, whatever their step."""
    precision = np.array([[2.0, 0.8], [0.8, 0.5]])
    covariance = np.linalg.inv(precision)
    n, draws = 20_000, make_rng(seed)
    for step in (0.05, 0.25):
        v = rng.multivariate_normal(np.zeros(2), covariance, n)
        state = at_start(v.copy())
        state.step[:] = step
        for _ in range(3):
            state = move(
                state,
                lambda v: (
                    np.einsum("ij,jk,ik->i", v, precision, v) / 2,
                    v @ precision,
                ),
                draws,
            )
        error = np.sqrt(2 / n) * covariance.max()
        assert_allclose(np.cov(state.visible.T), covariance, atol=5 * error)
        moved = np.abs(state.visible - v).max(axis=1) > 0
        assert moved.mean() > 0.5


def test_a_long_step_is_rejected(seed):
    state = at_start(np.ones((50, 1)))
    state.step[:] = 0.25
    steep = 1e4
    new = move(state, lambda v: (steep * v[:, 0] ** 2, 2 * steep * v), make_rng(seed))
    assert_array_equal(new.visible, state.visible)
    assert new.step[0] == pytest.approx(
        0.25 * 0.99 if new.rejection[0] >= 0.1 else 0.25
    )
    assert new.rejection[0] == pytest.approx(0.1)


@pytest.fixture
def grid():
    """Points of a square, and the area of each."""
    line = np.linspace(-8, 8, 201)
    return np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2), 0.08**2


def log_z(machine, grid):
    points, area = grid
    return logsumexp(-machine.free_energy(points)) + np.log(area)


def test_chains_have_the_distribution_of_the_machine(grid, rng, seed):
    machine = random_machine(rng, n_visible=2)
    points, area = grid
    p = np.exp(-machine.free_energy(points) - log_z(machine, grid)) * area
    n = 2000
    state = at_start(points[rng.choice(len(points), n, p=p / p.sum())])
    for _ in range(60):
        machine.transition(state, rng, out=state)
    assert state.step[0] != 0.1
    for statistic in (lambda v: v, np.square, lambda v: v[:, :1] * v[:, 1:]):
        own, exact = statistic(state.visible), statistic(points)
        mean = p @ exact
        error = np.sqrt(p @ np.square(exact - mean) / n)
        assert (np.abs(own.mean(axis=0) - mean) < 4.5 * error).all()


def test_log_partition_in_two_dimensions(grid, rng, seed):
    machine = random_machine(rng, n_visible=2)
    machine.log_precision[:] = 1
    rbm = MeanCovarianceRBM(4, n_mean=2, n_iter=0, random_state=seed)
    rbm.fit(rng.normal(size=(50, 2)))
    rbm.mean_, rbm.scale_, rbm.machine_ = np.array([1.0, -2.0]), 3.0, machine
    expected = log_z(machine, grid)
    X = rbm.sample(50, n_steps=100, random_state=seed)
    found = log_partition(
        rbm, method="bracket", X=X, n_betas=100, n_chains=50, random_state=seed
    )
    assert found.low - 0.05 < expected < found.high + 0.05
    assert found.high - found.low < 0.6
    points, area = grid
    data = rbm.mean_ + rbm.scale_ * points
    density = np.exp(log_likelihood(rbm, data, expected))
    assert density.sum() * area * rbm.scale_**2 == pytest.approx(1, abs=1e-3)
    with pytest.raises(ValueError, match="exact"):
        log_partition(rbm, method="exact")


# Learning


@pytest.mark.parametrize("gradient", [PCD(), FPCD()])
def test_learns_the_distribution_of_a_machine(gradient, grid, rng, seed):
    """Rows of a machine that has no correlation to be seen become as likely as in it."""
    angles = np.array([0.5, 1.6, 2.8]) + 3 * rng.random()
    factors = 4 * np.stack([np.cos(angles), np.sin(angles)])
    zeros = [np.zeros((2, 0)), np.zeros(2), np.zeros(0), np.zeros(1)]
    true = MeanCovarianceMachine(factors, np.eye(3), np.array([3.0, 3, 2]), *zeros)
    points, area = grid
    p = np.exp(-true.free_energy(points) - log_z(true, grid)) * area
    X = points[rng.choice(len(points), 3000, p=p / p.sum())]
    X += area**0.5 * (rng.random(X.shape) - 0.5)
    machine = MeanCovarianceMachine(
        rng.normal(size=(2, 3)), np.eye(3), np.full(3, 2.0), *zeros
    )
    found = []
    for model in true, machine:
        found.append(-model.free_energy(X).mean() - log_z(model, grid))
    optimizer = SGD(Linear(1.0), n_iter=25)
    session = Session(machine, Direction(gradient), optimizer, make_rng(seed), len(X))
    session.run(ArraySource(X), 100, 25)
    learned = -machine.free_energy(X).mean() - log_z(machine, grid)
    assert found[1] < found[0] - 0.4
    assert learned > found[0] - 0.06


def test_constraints(rng, seed):
    X = rng.normal(size=(300, 5))
    for pooling in (None, "topographic", (rng.random((16, 6)) < 0.5) + np.eye(16, 6)):
        rbm = MeanCovarianceRBM(
            16,
            n_mean=2,
            pooling=pooling,
            n_iter=2,
            learning_rate=0.5,
            random_state=seed,
        ).fit(X)
        machine = rbm.machine_
        norms = np.linalg.norm(machine.factors, axis=0)
        assert_allclose(norms, norms[0])
        assert (machine.pooling >= 0).all()
        assert_allclose(machine.pooling.sum(axis=0), 1)
        if pooling is not None:
            allowed = neighborhoods(16) if isinstance(pooling, str) else pooling
            assert not machine.pooling[allowed == 0].any()


def test_pooling_is_not_negative(rng):
    machine = random_machine(rng)
    machine.pooling[0] = [-0.5, 0.2, 0.1]
    machine.project()
    assert machine.pooling[0, 0] == 0
    assert_allclose(machine.pooling.sum(axis=0), 1)


def test_filters_learn_directions_more_than_lengths(rng):
    machine = random_machine(rng)
    work = machine.workspace(None, 4)
    machine.load(work, rng.normal(size=(4, 3)))
    work.state = machine.infer(rng.normal(size=(4, 3)))
    plain = (
        machine.moments(work.data)["factors"] - machine.moments(work.state)["factors"]
    )
    found = machine.difference(work, rate=0.5)["factors"]
    filters = machine.factors / np.linalg.norm(machine.factors, axis=0)
    along = (plain * filters).sum(axis=0)
    across = plain - along * filters
    assert_allclose((found * filters).sum(axis=0), 0.05 * along)
    assert_allclose(found - (found * filters).sum(axis=0) * filters, across)


def test_chains_that_begin_at_data_keep_the_step(X, seed):
    rbm = MeanCovarianceRBM(8, gradient="cd", n_iter=3, random_state=seed).fit(X)
    assert rbm.history_[2]["step_size"] > rbm.history_[1]["step_size"] > 0.1


def test_neighborhoods():
    P = neighborhoods(36).reshape(6, 6, 3, 3)
    assert_array_equal(P.sum(axis=(0, 1)), np.full((3, 3), 9))
    corner = np.zeros((6, 6))
    corner[np.ix_([5, 0, 1], [5, 0, 1])] = 1
    assert_array_equal(P[:, :, 0, 0], corner)


# The estimator


@pytest.fixture
def X(rng):
    return 4 * rng.normal(size=(200, 1)) * rng.normal(size=(200, 6)) + 3


def test_features(X, seed):
    rbm = MeanCovarianceRBM(9, 5, 4, n_iter=3, random_state=seed).fit(X)
    v = (X - X.mean(axis=0)) / np.sqrt(X.var(axis=0).mean())
    found = rbm.transform(X)
    assert found.shape == (200, 9) and rbm.components_.shape == (13, 6)
    assert_allclose(found, rbm.machine_.hidden_means(v))
    shift = 6 * np.log(rbm.scale_)
    assert_allclose(rbm.free_energy(X), rbm.machine_.free_energy(v) + shift)
    scaled = clone(rbm).fit(1e3 * X - 7)
    assert_allclose(scaled.transform(1e3 * X - 7), found, rtol=1e-6)
    assert (
        rbm.fit(X.astype(np.float32)).transform(X.astype(np.float32)).dtype
        == np.float32
    )


def test_samples(X, seed):
    rbm = MeanCovarianceRBM(9, n_mean=0, n_iter=0, random_state=seed).fit(X)
    rbm.machine_.factors[:] = 0
    rows = rbm.sample(1000, n_steps=50, random_state=seed)
    # Without filters columns are independent and as wide as the data are.
    assert_allclose(rows.mean(axis=0), X.mean(axis=0), atol=0.2 * rbm.scale_)
    assert_allclose(np.cov(rows.T), np.eye(6) * rbm.scale_**2, atol=0.2 * rbm.scale_**2)
    film = rbm.sample(3, n_steps=10, trace=5, random_state=seed)
    assert film.shape == (2, 3, 6)
    assert_array_equal(film[-1], rbm.sample(3, n_steps=10, random_state=seed))
    assert (rbm.sample(3, n_steps=5) != rbm.sample(3, n_steps=5)).any()


def test_going_on(X, seed):
    rbm = MeanCovarianceRBM(8, n_mean=2, n_iter=2, random_state=seed).fit(X)
    chains = rbm.gradient_.chains_.visible.copy()
    other = copy.deepcopy(rbm).partial_fit(X)
    assert (other.machine_.factors != rbm.machine_.factors).any()
    assert_array_equal(rbm.gradient_.chains_.visible, chains)
    far = copy.deepcopy(rbm).partial_fit(X + 100)
    assert_array_equal(far.mean_, rbm.mean_)
    assert_array_equal(
        copy.deepcopy(rbm).partial_fit(X).transform(X), other.transform(X)
    )
    warm = copy.deepcopy(rbm).set_params(warm_start=True, n_iter=0).fit(X + 100)
    assert_array_equal(warm.machine_.factors, rbm.machine_.factors)
    assert_array_equal(warm.mean_, rbm.mean_)
    rbm.set_params(n_factors=9)
    with pytest.raises(ValueError, match=r"9 filters|begins anew"):
        rbm.partial_fit(X)
    first = MeanCovarianceRBM(8, n_mean=2, random_state=seed).partial_fit(X)
    assert first.transform(X).shape == (200, 10)


def test_weights_of_rows(X, seed):
    """A row of weight 0 takes no part, not even in the centers."""
    far = np.vstack([X, np.full((20, 6), 1e3)])
    weights = np.repeat([1.0, 0.0], [200, 20])
    settings = {"n_mean": 2, "n_iter": 2, "random_state": seed, "gradient": CD()}
    weighted = MeanCovarianceRBM(8, **settings).fit(far, sample_weight=weights)
    plain = MeanCovarianceRBM(8, **settings).fit(X, sample_weight=np.ones(200))
    assert_allclose(weighted.transform(X), plain.transform(X), rtol=1e-6)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"n_covariance": 9}, r"n_covariance=9 is more than n_factors=8"),
        ({"pooling": "topographic"}, r"n_factors=8 is none: take 16"),
        ({"pooling": np.eye(7)}, r"pooling has the shape \(7, 7\)"),
        ({"pooling": np.eye(8), "n_covariance": 3}, r"n_covariance=3"),
        ({"pooling": -np.eye(8)}, r"negative value"),
        ({"pooling": np.zeros((8, 2))}, r"column of zeros"),
        ({"gradient": PT()}, r"gradient=PT\(\).*'pcd'"),
    ],
)
def test_bad_settings(settings, message, X):
    rbm = MeanCovarianceRBM(8, **settings)
    with pytest.raises((TypeError, ValueError), match=message):
        rbm.fit(X)
    assert not hasattr(rbm, "machine_") and not hasattr(rbm, "mean_")


def test_chains_that_do_not_move_end_the_fit(X, monkeypatch):
    monkeypatch.setattr("skdbn._training._judges.MOST_REJECTED", -0.1)
    with pytest.raises(
        DivergenceError, match=r"rejects 0% .* step of 0.1.*learning_rate"
    ):
        MeanCovarianceRBM(8, n_iter=1).fit(X)


@pytest.mark.parametrize("gradient", [CD(2), PCD(n_chains=30), FPCD()])
def test_gradients(gradient, X, seed):
    rbm = MeanCovarianceRBM(8, gradient=gradient, n_iter=3, random_state=seed).fit(X)
    row = rbm.history_[-1]
    assert row["step_size"] > 0.1 and np.isfinite(row["free_energy"])
    assert rbm.n_iter_ == 3
