"""The loop: which rows a gradient sees, and what is learned from them."""

import math
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from _oracle import Enumeration, bars_and_stripes
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from skdbn import (
    RBM,
    BernoulliRBM,
    DBNClassifier,
    DBNRegressor,
    DBNTransformer,
    GaussianRBM,
    RBMClassifier,
    SparseRBM,
)
from skdbn._training._convergence import still_rises
from skdbn._training._session import Session
from skdbn._updates._optimizer import SGD
from skdbn.exceptions import DivergenceError
from skdbn.gradients import CD, PCD, REGISTRY
from skdbn.schedules import Linear


class Recording(CD):
    """Notes the rows and the learning rate of each batch."""

    def start(self, machine, batch_size, rng, n_rows=None):
        if not hasattr(self, "seen_"):
            self.seen_, self.rates_ = [], []
        super().start(machine, batch_size, rng, n_rows)

    def negative_phase(self, machine, work, rng):
        self.seen_.append(work.data.visible.copy())
        super().negative_phase(machine, work, rng)

    def __call__(self, machine, batch, rng, centering=None, rate=1.0, **options):
        self.rates_.append(rate)
        return super().__call__(machine, batch, rng, centering, rate, **options)


def numbered_rows(n, n_bits=7):
    """Row i holds the binary digits of i."""
    return ((np.arange(n)[:, None] >> np.arange(n_bits)) & 1).astype(float)


def watch(X, n_iter, *, partial=False, **settings):
    """The number of each row seen: for each epoch, for each batch."""
    rbm = BernoulliRBM(2, gradient=Recording(), n_iter=n_iter, **settings)
    if partial:
        for _ in range(n_iter):
            rbm.partial_fit(X)
    else:
        rbm.fit(X)
    digits = 2 ** np.arange(X.shape[1])
    batches = [(batch @ digits).astype(int).tolist() for batch in rbm.gradient_.seen_]
    a_epoch = len(batches) // n_iter
    return [batches[i * a_epoch : (i + 1) * a_epoch] for i in range(n_iter)]


@pytest.mark.parametrize("partial", [False, True], ids=["fit", "partial_fit"])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize(
    "batch_size, lengths",
    [(10, [10] * 10 + [1]), (17, [17] * 5 + [16]), (30, [30] * 3 + [11]), (500, [101])],
)
def test_every_row_once_an_epoch(batch_size, lengths, container, partial, seed):
    X = container(numbered_rows(101))
    epochs = watch(X, 4, partial=partial, batch_size=batch_size, random_state=seed)
    orders = [[i for batch in batches for i in batch] for batches in epochs]
    for batches, order in zip(epochs, orders, strict=True):
        assert [len(batch) for batch in batches] == lengths
        assert sorted(order) == list(range(101))
    assert len({tuple(order) for order in [*orders, range(101)]}) == 5


@pytest.mark.parametrize(
    "n_rows, batch_size, n_epochs",
    [
        (5, 10, 100),
        (2000, 10, 100),
        (10_001, 10, 19),
        (60_000, 10, 10),
        (60_000, 100, 33),
    ],
)
def test_few_rows_are_passed_more_often(n_rows, batch_size, n_epochs):
    for cls in (RBM, BernoulliRBM, GaussianRBM, SparseRBM):
        plan = cls(batch_size=batch_size)._plan()
        assert plan.n_epochs(n_rows) == n_epochs
    assert RBM(n_iter=7)._plan().n_epochs(n_rows) == 7


def test_automatic_number_of_epochs(seed):
    """The rate falls to zero over them, and partial_fit goes by it as well."""
    X = numbered_rows(25)
    auto, number = (
        BernoulliRBM(1, n_iter=n, random_state=seed).fit(X) for n in ("auto", 100)
    )
    assert auto.n_iter_ == len(auto.history_) == 100
    np.testing.assert_array_equal(auto.components_, number.components_)
    for rbm in (auto, number):
        rbm.set_params(learning_rate=Linear(0.1), early_stopping=True).fit(X)
        rbm.partial_fit(X)
    np.testing.assert_array_equal(auto.components_, number.components_)
    assert auto.n_iter_ <= 100


@pytest.mark.parametrize("sample_data", [False, True])
@pytest.mark.parametrize("gray", [False, True])
def test_states_are_drawn_where_values_are_means(gray, sample_data, rng, seed):
    """Of bits nothing has to be drawn."""
    X = rng.random((30, 4))
    X = X if gray else X.round()
    rbm = BernoulliRBM(2, n_iter=1, sample_data=sample_data, random_state=seed).fit(X)
    assert rbm._session.direction.sample_data == (gray and sample_data)


def test_order_follows_the_seed(seed):
    X = numbered_rows(101)
    one, same, other = (watch(X, 2, random_state=seed + i) for i in (0, 0, 1))
    assert one == same != other


def test_held_out_rows_are_never_seen(seed):
    settings = dict(early_stopping=True, validation_fraction=0.2, random_state=seed)
    epochs = watch(numbered_rows(100), 4, **settings)
    seen = [sorted(i for batch in batches for i in batch) for batches in epochs]
    assert len(seen[0]) == len(set(seen[0])) == 80
    assert seen == seen[:1] * 4
    # Neither the first nor the last rows, but a random choice.
    assert seen[0] not in (list(range(20, 100)), list(range(80)))


@pytest.mark.parametrize(
    "value, message",
    [
        (np.nan, "is no longer finite"),
        (-np.inf, "is no longer finite"),
        (2e3, r"has a size of more than 1e\+03"),
        (-2e3, r"has a size of more than 1e\+03"),
    ],
)
def test_one_number_of_many_has_diverged(value, message):
    machine = SimpleNamespace(largest=1e3, params={"a": np.ones(3), "b": np.ones(0)})
    machine.params["c"] = np.ones((2, 2))
    session = Session(machine, None, SGD(0.1, 0.0, 5), None, 10)
    session._check_finite()
    machine.params["c"][1, 0] = value
    with pytest.raises(DivergenceError, match=f"a parameter {message}"):
        session._check_finite()


def test_schedules_move_with_each_batch(seed):
    """By the share of an epoch that is done; here there are ten batches in it."""
    rbm = BernoulliRBM(2, gradient=Recording(), learning_rate=Linear(0.3), n_iter=3)
    rbm.set_params(random_state=seed).fit(numbered_rows(100))
    expected = 0.3 * (1 - np.arange(30) / 30)
    np.testing.assert_allclose(rbm.gradient_.rates_, expected, rtol=1e-12)
    whole = BernoulliRBM(2, gradient=Recording(), batch_size=1000, n_iter=3)
    whole.set_params(learning_rate=Linear(0.3)).fit(numbered_rows(100))
    np.testing.assert_allclose(whole.gradient_.rates_, [0.3, 0.2, 0.1], rtol=1e-12)


def test_automatic_learning_rate(seed):
    """To zero where the last epoch is known, and slowly down where it is not."""
    X = numbered_rows(100)
    rbm = BernoulliRBM(2, gradient=Recording(), n_iter=3, random_state=seed).fit(X)
    expected = 0.1 * (1 - np.arange(30) / 30)
    np.testing.assert_allclose(rbm.gradient_.rates_, expected, rtol=1e-12)
    rbm.partial_fit(X)
    # By half in 10,000 rows.
    expected = 0.1 / (1 + np.arange(300, 400, 10) / 10_000)
    np.testing.assert_allclose(rbm.gradient_.rates_[30:], expected, rtol=1e-12)
    alone = clone(rbm).partial_fit(X).partial_fit(X)
    expected = 0.1 / (1 + np.arange(0, 200, 10) / 10_000)
    np.testing.assert_allclose(alone.gradient_.rates_, expected, rtol=1e-12)


def test_automatic_rate_of_many_columns(rng, seed):
    """It falls with the variance along which a step moves the fields."""

    def session_of(X, **settings):
        return RBM(2, n_iter=4, random_state=seed, **settings).fit(X)._session

    bits = (rng.random((50, 900)) < 0.3).astype(float)
    mean = bits.mean(axis=0)
    expected = 16 / (mean * (1 - mean)).sum()
    assert session_of(bits).auto_rate == pytest.approx(expected, rel=1e-9)
    mean = 2 * mean - 1
    found = session_of(2 * bits - 1, visible="spin").auto_rate
    assert found == pytest.approx(16 / ((mean + 1) * (1 - mean)).sum(), rel=1e-9)
    assert session_of(bits[:, :9], hidden="gaussian").auto_rate == 0.01

    X = rng.normal(size=(200, 1)) + 0.3 * rng.normal(size=(200, 60))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    # The unit of measure does not matter.
    session = session_of(3 * X, visible="gaussian", momentum=0.6)
    largest = np.linalg.eigvalsh(X.T @ X / 200)[-1]
    assert session.auto_rate == pytest.approx(2 / largest, rel=1e-6)
    # A step goes on for 1 / (1 − momentum) of its length.
    rate = session.optimizer.learning_rate(0.0, 4)
    assert rate == pytest.approx(0.4 * session.auto_rate, rel=1e-9)


@pytest.mark.parametrize("gradient", sorted(set(REGISTRY) - {"score-matching"}))
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"momentum": 0.7, "weight_decay": 0.01, "learning_rate": Linear(0.2)},
        {"centered": False, "batch_size": 64},
    ],
)
def test_fit_is_repeated_partial_fit(gradient, settings, rng, seed):
    X = (rng.random((55, 9)) < 0.4).astype(float)
    common = {"learning_rate": 0.1, "n_iter": 3, "random_state": seed}
    settings = common | {"gradient": gradient, **settings}
    fitted, stepped = BernoulliRBM(5, **settings).fit(X), BernoulliRBM(5, **settings)
    for _ in range(3):
        stepped.partial_fit(X)
    np.testing.assert_array_equal(fitted.components_, stepped.components_)
    np.testing.assert_array_equal(fitted.intercept_visible_, stepped.intercept_visible_)
    np.testing.assert_array_equal(fitted.intercept_hidden_, stepped.intercept_hidden_)


def test_partial_fit_goes_on_after_fit(rng, seed):
    X = (rng.random((55, 9)) < 0.4).astype(float)
    settings = dict(gradient="pcd", learning_rate=0.1, random_state=seed)
    whole = BernoulliRBM(5, n_iter=3, **settings).fit(X)
    parts = BernoulliRBM(5, n_iter=2, **settings).fit(X).partial_fit(X)
    np.testing.assert_array_equal(whole.components_, parts.components_)


def likelihood(rbm, X):
    """Mean exact log-likelihood of the rows of X."""
    return Enumeration.of(rbm.machine_).log_likelihood(X).mean()


def test_learns_bars_and_stripes(seed):
    """PCD comes within 0.2 nats of the entropy of the 14 patterns of 9 pixels.

    No model does better than −log 14, which is to give each pattern 1/14 of the
    probability. A little weight decay keeps the chains mixing.
    """
    X = bars_and_stripes(3)
    assert X.shape == (14, 9)
    bound = -math.log(14)
    rbm = RBM(
        12,
        gradient=PCD(n_chains=100),
        learning_rate=Linear(0.2),
        weight_decay=0.001,
        batch_size=28,
        n_iter=600,
        random_state=seed,
    ).fit(np.tile(X, (20, 1)))
    assert bound - 0.2 < likelihood(rbm, X) < bound
    assert likelihood(rbm.set_params(n_iter=0).fit(X), X) < bound - 2


@pytest.mark.parametrize("centered", [True, False])
@pytest.mark.parametrize("gradient", [CD(10), PCD(n_chains=200)])
def test_likelihood_rises(gradient, centered, rng, seed):
    """Two patterns of five bits with 5 % noise: most of the way to their entropy."""
    patterns = np.array([[1.0, 1, 1, 0, 0], [0, 0, 1, 1, 1]])
    X = patterns[rng.integers(2, size=400)]
    X = np.where(rng.random(X.shape) < 0.05, 1 - X, X)
    counts = np.unique(X, axis=0, return_counts=True)[1] / len(X)
    bound = (counts * np.log(counts)).sum()
    settings = dict(gradient=gradient, centered=centered, random_state=seed)
    start, end = (
        likelihood(BernoulliRBM(4, n_iter=n_iter, **settings).fit(X), X)
        for n_iter in (0, 60)
    )
    assert start < end < bound
    assert end - start > 0.8 * (bound - start)


LINE = np.arange(10.0)


@pytest.mark.parametrize(
    "scores, error, share",
    [
        (LINE, 0.0, 1 / 3),
        # Less than the error of a score counts for nothing.
        (LINE, 31.0, 0.0),
        (LINE, 29.0, 1 / 3),
        (-LINE, 0.0, 0.0),
        (1 - np.exp(-LINE), 0.0, 0.0),
        # Up and down by more than it rises.
        (LINE + 2 * (-1) ** LINE, 0.0, 0.0),
        ([0.0, 2.0], 0.0, 0.0),
        ([0.0, 3.0, 4.0], 0.0, 0.25),
        ([0.0, 5.0, 6.0], 0.0, 0.0),
        ([0.0, 3.0, 2.9, 4.0], 0.0, 0.0),
        ([9.0, 3.0, 4.0], 0.0, 0.0),
        ([np.nan] * 9, 0.0, 0.0),
    ],
)
def test_scores_that_still_rise(scores, error, share):
    assert still_rises(list(scores), error) == pytest.approx(share)


def rising(X, y, model):
    """What a fit says of its score."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(X, y)
    return [str(w.message) for w in caught if "still rose" in str(w.message)]


SHORT = {"learning_rate": 0.05, "n_iter": 9}
SHORT_NET = {"learning_rate_init": 3e-3, "max_iter": 9, "n_iter": 1}


def test_fits_that_end_while_the_score_still_rises(seed):
    """A small rate that does not fall learns as much at the end as at the beginning."""
    X, y = load_digits(return_X_y=True)
    X, y, seeds = X[:300] / 16, y[:300], {"random_state": seed}
    for model, name in (
        (BernoulliRBM(9, **SHORT, **seeds), "n_iter"),
        (BernoulliRBM(9, **SHORT, early_stopping=True, **seeds), "n_iter"),
        (RBMClassifier(9, **SHORT, **seeds), "n_iter"),
        (DBNClassifier((9,), **SHORT_NET, **seeds), "max_iter"),
        (DBNRegressor((9,), **SHORT_NET, **seeds), "max_iter"),
    ):
        assert f"larger {name}" in rising(X, y, model)[0]
    # At its defaults it has converged; layers of a net do not have to; and who stops a
    # fit knows.
    for model in (
        BernoulliRBM(9, **seeds),
        DBNTransformer((BernoulliRBM(9, **SHORT),), **seeds),
        BernoulliRBM(
            9, **SHORT, early_stopping=True, tol=9.0, n_iter_no_change=7, **seeds
        ),
    ):
        assert not rising(X[:150], None, model)
