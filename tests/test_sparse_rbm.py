"""The penalty on the activity of hidden units, and what it reaches."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from skdbn import ConstantSparsity, SparseRBM, Sparsity
from skdbn.machines import RestrictedMachine


@pytest.fixture(scope="module")
def digits():
    return load_digits().data / 16


@pytest.mark.parametrize("penalty", ["kl", "squared"])
@pytest.mark.parametrize("penalized", ["bias", "all"])
@pytest.mark.parametrize("target", [0.05, 0.2])
def test_the_target_is_reached(penalty, penalized, target, digits, seed):
    rbm = SparseRBM(
        64,
        target=target,
        penalty=penalty,
        penalized=penalized,
        n_iter=20,
        random_state=seed,
    ).fit(digits)
    activity = rbm.mean_activation_
    np.testing.assert_allclose(activity, rbm.transform(digits).mean(axis=0))
    assert abs(activity.mean() / target - 1) < 0.15
    assert ((activity > target / 2) & (activity < 2 * target)).mean() > 0.9
    assert activity.min() > target / 10


@pytest.mark.filterwarnings("ignore:Columns of X are skewed")
def test_real_valued_data(digits, seed):
    X = digits[:, digits.std(axis=0) > 0.05]
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    rbm = SparseRBM(32, visible="gaussian", target=0.1, n_iter=30, random_state=seed)
    activity = rbm.fit(X).mean_activation_
    assert abs(activity.mean() / 0.1 - 1) < 0.15
    assert activity.min() > 0.01
    assert rbm.gradient_.__class__.__name__ == "PCD"


def test_a_fixed_cost_is_a_balance(digits, seed):
    gaps = []
    for cost in (0.0, 1.0, 10.0):
        rbm = SparseRBM(32, target=0.02, cost=cost, n_iter=10, random_state=seed)
        gaps.append(np.abs(rbm.fit(digits).mean_activation_ - 0.02).mean())
    assert gaps[0] > gaps[1] > gaps[2]


def value(penalty, p, q):
    if penalty == "squared":
        return (p - q) ** 2
    return p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))


@pytest.mark.parametrize("penalty", ["kl", "squared"])
def test_pull_is_the_derivative(penalty, rng):
    """Without a memory the mean is that of the batch, and all is a derivative."""
    v, p, cost = rng.normal(size=(20, 4)), 0.1, 3.0
    weights, bias = rng.normal(size=(4, 3)), rng.normal(size=3)

    def penalty_of(weights, bias):
        q = (1 / (1 + np.exp(-(v @ weights + bias)))).mean(axis=0)
        return -cost * value(penalty, p, q).sum()

    def slopes(array, call, step=1e-6):
        found = np.empty_like(array)
        for index in np.ndindex(array.shape):
            ends = []
            for sign in (-1, 1):
                moved = array.copy()
                moved[index] += sign * step
                ends.append(call(moved))
            found[index] = (ends[1] - ends[0]) / (2 * step)
        return found

    hidden = 1 / (1 + np.exp(-(v @ weights + bias)))
    on_bias = slopes(bias, lambda moved: penalty_of(weights, moved))
    direction = {"weights": np.zeros((4, 3)), "hidden_bias": np.zeros(3)}
    machine = RestrictedMachine(weights, np.zeros(4), bias)
    # Batches of so many rows have no memory.
    settings = dict(cost=cost, penalty=penalty)
    biases = Sparsity(p, penalized="bias", **settings).start(machine, 1000)
    seen = hidden.copy()
    biases.see(seen)
    np.testing.assert_array_equal(seen, hidden)
    biases(direction, 1.0)
    np.testing.assert_allclose(direction["hidden_bias"], on_bias, rtol=1e-6)

    direction["hidden_bias"][:] = 0
    both = Sparsity(p, **settings).start(machine, 1000)
    seen = hidden.copy()
    both.see(seen)
    found = v.T @ (seen - hidden) / len(v), (seen - hidden).mean(axis=0)
    np.testing.assert_allclose(found[1], on_bias, rtol=1e-6)
    on_weights = slopes(weights, lambda moved: penalty_of(moved, bias))
    np.testing.assert_allclose(found[0], on_weights, rtol=1e-6, atol=1e-9)
    both(direction, 1.0)
    np.testing.assert_allclose(direction["hidden_bias"], 0, atol=1e-15)


@pytest.mark.parametrize("penalized", ["bias", "all"])
def test_biases_go_on_as_fast_where_steps_are_short(penalized, rng):
    """Those of the penalty, by a factor, while its part in the weights stays."""
    hidden, weights = rng.random((6, 3)), np.zeros((1, 3))
    machine = RestrictedMachine(weights, np.zeros(1), np.zeros(3))
    seen, steps = [], []
    for boost in (1.0, 4.0):
        penalty = Sparsity(0.3, cost=2.0, penalized=penalized)
        penalty, own = penalty.start(machine, 10, boost), hidden.copy()
        penalty.see(own)
        direction = {"hidden_bias": (own - hidden).mean(axis=0)}
        penalty(direction, 1.0)
        seen.append(own)
        steps.append(direction["hidden_bias"])
    np.testing.assert_array_equal(*seen)
    np.testing.assert_allclose(steps[1], 4 * steps[0], rtol=1e-12)


def test_the_factor_makes_up_for_the_rate(rng, seed):
    """Many columns have a rate below 0.1, at which biases would hardly move."""
    X = (rng.random((20, 900)) < 0.5).astype(float)
    session = SparseRBM(4, n_iter=1, random_state=seed).fit(X)._session
    assert session.auto_rate < 0.08
    boost = session.direction.sparsity._boost
    assert boost == pytest.approx(0.1 / session.auto_rate, rel=1e-12)


@pytest.mark.parametrize("penalized", ["bias", "all"])
def test_the_rate_is_that_of_all_steps(penalized, digits, seed):
    settings = dict(target=0.2, penalized=penalized, gradient="cd", random_state=seed)
    start, end, farther = (
        SparseRBM(8, n_iter=1, learning_rate=rate, **settings).fit(digits[:40])
        for rate in (1e-300, 1e-6, 2e-6)
    )
    assert (start.intercept_hidden_ == start.intercept_hidden_[0]).all()
    for name in ("intercept_hidden_", "components_"):
        one, two = (getattr(rbm, name) - getattr(start, name) for rbm in (end, farther))
        np.testing.assert_allclose(two, 2 * one, rtol=0.05, atol=1e-9)


def test_the_strength_grows_towards_the_target(rng, seed):
    """By the gap in units of its variance, for a unit that is on too often."""
    machine = RestrictedMachine(np.zeros((1, 2)), np.zeros(1), np.zeros(2))
    sparsity = Sparsity(0.1).start(machine, batch_size=1000)
    for n in (1, 2):
        sparsity.see(np.tile([0.5, 0.02], (3, 1)))
        expected = n * 0.05 * np.array([0.1 - 0.5, 0.1 - 0.02]) / (0.1 * 0.9)
        np.testing.assert_allclose(sparsity.multiplier_, expected, rtol=1e-12)


def test_units_start_at_their_target(digits, seed):
    rbm = SparseRBM(4, target=0.2, n_iter=0, random_state=seed).fit(digits)
    np.testing.assert_allclose(rbm.intercept_hidden_, np.log(0.25), rtol=1e-5)


def test_a_constant_penalty_lowers_the_biases():
    direction = {"weights": np.ones((2, 2)), "hidden_bias": np.ones(2)}
    ConstantSparsity(0.5)(direction, 0.2)
    np.testing.assert_allclose(direction["hidden_bias"], 0.9)
    assert (direction["weights"] == 1).all()


def test_running_means_go_on_in_partial_fit(digits, seed):
    rbm = SparseRBM(4, learning_rate=1e-300, batch_size=10, random_state=seed)
    rows = (digits > digits.mean()).astype(float)
    before = rbm.partial_fit(rows[:50])._session.direction.sparsity.mean_.copy()
    found = rbm.partial_fit(rows[:1])._session.direction.sparsity.mean_
    expected = 0.95 * before + 0.05 * rbm.transform(rows[:1])[0]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_running_mean():
    machine = RestrictedMachine(np.zeros((1, 1)), np.zeros(1), np.zeros(1))
    sparsity = Sparsity(0.5).start(machine, batch_size=50)
    sparsity.see(np.array([[0.1], [0.3]]))
    np.testing.assert_allclose(sparsity.mean_, [0.75 * 0.5 + 0.25 * 0.2])
    sparsity.see(np.array([[0.1], [0.3]]), np.array([3.0, 1.0]))
    expected = 0.75 * (0.75 * 0.5 + 0.25 * 0.2) + 0.25 * 0.15
    np.testing.assert_allclose(sparsity.mean_, [expected])


@pytest.mark.parametrize(
    "settings",
    [
        {"target": 0.0},
        {"target": 1.0},
        {"cost": -1.0},
        {"penalty": "l1"},
        {"penalized": "weights"},
        {"visible": "poisson"},
    ],
)
def test_bad_settings(settings, digits):
    rbm = SparseRBM(4, **settings)
    with pytest.raises(ValueError, match=next(iter(settings))):
        rbm.fit(digits)


def test_partial_fit(digits, seed):
    rbm = SparseRBM(16, target=0.1, random_state=seed)
    for _ in range(10):
        rbm.partial_fit(digits)
    assert rbm.mean_activation_.shape == (16,)
    assert abs(rbm.mean_activation_.mean() / 0.1 - 1) < 0.3
