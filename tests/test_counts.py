"""Counts at the defaults: better than independent columns, or a warning."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import poisson
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from skdbn import RBM, DBNTransformer
from skdbn._training._runaway import score_and_error, warn_if_far, warn_if_worse
from skdbn.machines import State
from skdbn.units import Bernoulli, Poisson, Softmax

DIGITS = load_digits().data[::2]


def clusters(rng):
    means = np.exp(rng.normal(1, 1, (3, 30)))
    return rng.poisson(means[rng.integers(3, size=500)]).astype(float)


def common_factor(rng):
    return rng.poisson(rng.gamma(2, 5, (500, 1)) * np.ones(20)).astype(float)


def words(rng):
    topics = rng.dirichlet(np.full(60, 0.1), 5)
    shares = rng.dirichlet(np.full(5, 0.1), 500)
    return rng.poisson(60 * shares @ topics).astype(float)


def of_independent_columns(X, rows):
    """The mean log-likelihood of rows, if columns are independent."""
    mean = (X.sum(axis=0) + 1) / (len(X) + 1)
    return poisson.logpmf(rows, mean).sum(axis=1).mean()


def fit(X, seed, **settings):
    """An RBM at its defaults, fitted to all rows but the last 60."""
    settings = {"visible": "poisson", "random_state": seed} | settings
    return RBM(**settings).fit(X[:-60])


def learn_in_parts(rbm):
    for part in np.array_split(DIGITS, 5):
        rbm.partial_fit(part)


@pytest.mark.parametrize(
    "make, hidden, n_iter",
    [
        (clusters, "bernoulli", 10),
        (common_factor, "bernoulli", 10),
        pytest.param(words, "bernoulli", "auto", marks=pytest.mark.slow),
        (words, "spin", 10),
        (None, "bernoulli", 10),
        (None, "spin", 10),
    ],
)
def test_defaults_beat_independent_columns(make, hidden, n_iter, rng, seed):
    X = rng.permutation(DIGITS if make is None else make(rng))
    rbm = fit(X, seed, hidden=hidden, n_iter=n_iter)
    found = rbm.machine_.pseudo_log_likelihood(X[-60:]).mean()
    expected = of_independent_columns(X[:-60], X[-60:])
    assert found > 0.8 * expected
    samples = rbm.sample(200, n_steps=100, random_state=seed)
    assert X.mean() / 2.5 < samples.mean() < 2.5 * X.mean()


@pytest.mark.parametrize("visible", ["spin", "bernoulli"])
@pytest.mark.parametrize("gradient", ["fpcd", "cd"])
def test_hidden_counts(visible, gradient, rng, seed):
    X = rng.permutation(DIGITS > 8).astype(float)
    mean = np.clip(X.mean(axis=0), 0.001, 0.999)
    independent = np.log(np.where(X, mean, 1 - mean)).sum(axis=1)
    X = 2 * X - 1 if visible == "spin" else X
    settings = dict(visible=visible, hidden="poisson", gradient=gradient)
    rbm = fit(X, seed, n_components=64, n_iter=10, **settings)
    found = rbm.machine_.pseudo_log_likelihood(X[-60:]).mean()
    assert found > 0.85 * independent[-60:].mean()


@pytest.mark.parametrize(
    "hidden, n_components, expected",
    [("bernoulli", 60, 0.1), ("bernoulli", 600, 0.02), ("spin", 60, 0.05)],
)
def test_rate_of_counts(hidden, n_components, expected, rng):
    """It falls with the hidden units, and with the square of their range."""
    X = rng.poisson(2, (50, 3)).astype(float)
    rbm = RBM(n_components, visible="poisson", hidden=hidden, n_iter=1).fit(X)
    assert rbm.history_[0]["learning_rate"] == pytest.approx(expected)


def test_limit_of_steps_of_hidden_counts(rng):
    X = np.tile(rng.integers(0, 2, (200, 1)), 20).astype(float)
    rbm = RBM(4, hidden="poisson", n_iter=1, random_state=0).fit(X)
    largest = 20 * X[:, 0].var()
    expected = 0.3 / np.sqrt(largest) / 0.01
    assert rbm._session.direction.limit == pytest.approx(expected)


def test_hidden_counts_that_run_away(rng, seed):
    """Of columns that are all the same no weights are large enough."""
    X = np.tile(np.eye(4)[rng.integers(4, size=500)], 5)
    settings = dict(visible=Softmax(4), hidden="poisson", random_state=seed)
    rbm = RBM(64, learning_rate=1.0, n_iter=10, **settings)
    with pytest.warns(ConvergenceWarning, match="ran away"):
        rbm.fit(X)


@pytest.mark.parametrize(
    "mean, n_components", [(0.1, 1000), (1, 1000), (10, 256), (100, 256)]
)
def test_independent_counts(mean, n_components, rng, seed):
    """There is nothing to learn, and little is learned."""
    X = rng.poisson(mean, (500, 10)).astype(float)
    rbm = fit(X, seed, n_components=n_components, n_iter=3)
    found = rbm.machine_.pseudo_log_likelihood(X[-60:]).mean()
    assert found == pytest.approx(of_independent_columns(X, X[-60:]), rel=0.02)
    samples = rbm.sample(300, n_steps=50, random_state=seed)
    error = np.sqrt(mean / samples.size)
    assert abs(samples.mean() - mean) < 5 * error + 0.1 * mean


@pytest.mark.parametrize("gradient", ["fpcd", "cd"])
def test_a_fit_that_runs_away_says_so(gradient, seed):
    with pytest.warns(ConvergenceWarning, match="ran away"):
        RBM(
            visible="poisson",
            gradient=gradient,
            learning_rate=3.0,
            n_iter=2,
            random_state=seed,
        ).fit(DIGITS)


def test_a_call_that_runs_away_says_so(seed):
    rbm = RBM(visible="poisson", learning_rate=3.0, random_state=seed)
    with pytest.warns(ConvergenceWarning, match="ran away"):
        learn_in_parts(rbm)


def warns(function, *args):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        function(*args)
    return bool(found)


@pytest.mark.parametrize(
    "distances, expected",
    [
        ([[10.1, 10.1]] * 3, True),
        ([[-10.1, 10.1]] * 3, True),
        ([[9.9, 9.9]] * 3, False),
        # The root of the mean square over columns, and the median over chains.
        ([[0, 14.5]] * 3, True),
        ([[0, 13.5]] * 3, False),
        ([[1000, 1000], [9, 9], [9, 9]], False),
        ([[0, 0], [11, 11], [11, 11]], True),
    ],
)
def test_values_far_from_the_data(distances, expected):
    center, variance = np.array([3.0, 40.0]), np.array([4.0, 100.0])
    values = center + distances * np.sqrt(variance)
    for kind, tailed in ((Poisson(), True), (Bernoulli(), False)):
        visible = kind.start(2, (50, center, variance))
        machine = SimpleNamespace(
            visible=visible, center=center, visible_mean=lambda h: values
        )
        machine.given = lambda rows, machine=machine: (machine, rows)
        chains = State(values, None)
        assert warns(warn_if_far, machine, chains) == (expected and tailed)


@pytest.mark.parametrize(
    "start, error, end, expected",
    [
        (-10, 0.1, -14.9, False),
        (-10, 0.1, -15.1, True),
        (-10, 1.0, -19.9, False),
        (-10, 1.0, -20.1, True),
        (10, 0.1, 5.1, False),
        (10, 0.1, 4.9, True),
    ],
)
def test_a_score_that_is_much_worse(start, error, end, expected):
    """By half of what it was, and by ten standard errors."""
    row = {"pseudo_likelihood": end, "pseudo_likelihood_error": 0.3}
    probe = SimpleNamespace(measure=lambda machine: row)
    for units in ((Bernoulli(), Poisson()), (Poisson(), Bernoulli())):
        machine = SimpleNamespace(visible=units[0], hidden=units[1])
        assert score_and_error(probe, machine) == (end, 0.3)
        assert warns(warn_if_worse, probe, machine, (start, error)) == expected
    machine = SimpleNamespace(visible=Bernoulli(), hidden=Bernoulli())
    assert not warns(warn_if_worse, probe, machine, (start, error))


def test_calls_of_many_rows(seed):
    """A chain that is lost for a while is no model that has run away."""
    rbm = RBM(visible="poisson", random_state=seed)
    for _ in range(3):
        learn_in_parts(rbm)
    found = np.median(rbm.machine_.pseudo_log_likelihood(DIGITS[:60]))
    assert found > 0.8 * of_independent_columns(DIGITS, DIGITS[:60])


def test_a_net_of_counts(seed):
    rbm = RBM(visible="poisson", n_iter=3)
    net = DBNTransformer((64, 32), rbm=rbm, random_state=seed).fit(DIGITS)
    first = net.rbms_[0].machine_
    found = first.pseudo_log_likelihood(DIGITS[:60]).mean()
    assert found > 0.8 * of_independent_columns(DIGITS, DIGITS[:60])
    assert net.transform(DIGITS).std(axis=0).max() > 0.1


@pytest.mark.parametrize("hidden", ["gaussian", "rectified"])
def test_codes_of_many_columns_stay(hidden, rng, seed):
    """At the defaults, also with fast weights."""
    pixels = load_digits().data / 6
    X = expit((pixels - pixels.mean(axis=0)) @ rng.normal(size=(64, 1200)))
    rbm = RBM(30, hidden=hidden, n_iter=5, random_state=seed).fit(X)
    first, last = (rbm.history_[i]["pseudo_likelihood"] for i in (0, -1))
    assert last > first > -1200
