"""Correlated noise of real-valued units, against sums over the hidden units."""

import itertools
import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats
from scipy.special import logsumexp
from sklearn.covariance import ledoit_wolf
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.preprocessing import scale

from skdbn import RBM, DBNTransformer, GaussianRBM, MixedRBM, RBMClassifier, Sparsity
from skdbn._utils._covariance import SHARES, shrunk_covariance
from skdbn.evaluation import log_likelihood, log_partition
from skdbn.exceptions import EstimateWarning
from skdbn.gradients import CD
from skdbn.plotting import FiltersDisplay
from skdbn.testing import check_machine, check_units
from skdbn.units import Bernoulli, Concatenated, CorrelatedGaussian, Gaussian, Scaled
from skdbn.units._parametric import independent

N_HIDDEN = 3
N_DRAWS = 500


class Mixture:
    """A machine as what it is: a Gaussian for each state of the hidden units."""

    def __init__(self, machine):
        units = machine.visible
        weights, visible_bias, hidden_bias, center, self.covariance = (
            np.asarray(array, np.float64)
            for array in (
                machine.weights,
                machine.visible_bias,
                machine.hidden_bias,
                units.center_,
                units.covariance_,
            )
        )
        states = itertools.product([0.0, 1.0], repeat=weights.shape[1])
        self.states = np.array(list(states))
        field = visible_bias + self.states @ weights.T
        self.means = center + field @ self.covariance
        gaps = self.means - center
        # The integral of each Gaussian, by its value at the mean.
        at_mean = np.einsum("ki,ki->k", self.means, field)
        at_mean -= 0.5 * np.einsum(
            "ki,ik->k", gaps, np.linalg.solve(self.covariance, gaps.T)
        )
        logs = self.states @ hidden_bias + at_mean
        self.log_z = (
            logsumexp(logs) + 0.5 * np.linalg.slogdet(2 * np.pi * self.covariance)[1]
        )
        self.logs = logs - logsumexp(logs)

    def log_parts(self, X, columns):
        """log p(state, these columns)"""
        own = self.covariance[np.ix_(columns, columns)]
        return np.transpose(
            [
                log
                + np.atleast_1d(
                    stats.multivariate_normal(mean[columns], own).logpdf(X[:, columns])
                )
                for log, mean in zip(self.logs, self.means, strict=True)
            ]
        )

    def log_density(self, X, columns=None):
        columns = np.arange(X.shape[1]) if columns is None else columns
        return logsumexp(self.log_parts(X, columns), axis=1)

    def conditional(self, row, unknown):
        """Mean and covariance of unknown values, given the known ones."""
        known, unknown = np.flatnonzero(~unknown), np.flatnonzero(unknown)
        own = self.covariance[np.ix_(known, known)]
        gain = np.linalg.solve(own, self.covariance[np.ix_(known, unknown)]).T
        means = self.means[:, unknown] + (row[known] - self.means[:, known]) @ gain.T
        logs = self.log_parts(row[None], known)[0]
        p = np.exp(logs - logsumexp(logs))
        mean = p @ means
        within = (
            self.covariance[np.ix_(unknown, unknown)]
            - gain @ self.covariance[np.ix_(known, unknown)]
        )
        return mean, within + (means - mean).T @ (p[:, None] * (means - mean))


def correlated(rng, n=300, n_columns=5):
    """Rows with outliers and two clusters, of columns that are correlated."""
    X = rng.normal(size=(n, n_columns)) @ rng.normal(size=(n_columns, n_columns))
    X += 3 * rng.integers(0, 2, (n, 1)) * rng.normal(size=n_columns)
    return (X - X.mean(axis=0)) / X.std(axis=0)


def random_rbm(X, rng, dtype=np.float64, **settings):
    """A model with large weights, of which nothing has to be learned."""
    rbm = GaussianRBM(N_HIDDEN, variance="full", n_iter=1, random_state=0, **settings)
    rbm.fit(X.astype(dtype))
    machine = rbm.machine_
    whitened = rng.normal(size=machine.weights.shape)
    machine.weights[:] = machine.visible.step_root @ whitened
    machine.hidden_bias[:] = (
        rng.normal(size=N_HIDDEN) - machine.center @ machine.weights
    )
    return rbm


@pytest.fixture
def model(rng):
    X = correlated(rng) + np.arange(5) / 2
    rbm = random_rbm(X, rng)
    return rbm, X, Mixture(rbm.machine_)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(np.float64, 1e-9), (np.float32, 1e-3)]
)
def test_likelihoods_are_those_of_a_mixture(rng, dtype, tolerance):
    X = (correlated(rng) + np.arange(5) / 2).astype(dtype)
    rbm = random_rbm(X, rng, dtype)
    mixture, some = Mixture(rbm.machine_), X[:40]
    density = mixture.log_density(some)
    assert log_partition(rbm).value == pytest.approx(mixture.log_z, abs=tolerance)
    np.testing.assert_allclose(log_likelihood(rbm, some), density, atol=10 * tolerance)
    columns = np.arange(5)
    others = [
        density - mixture.log_density(some, np.delete(columns, i)) for i in columns
    ]
    score = rbm.score_samples(some)
    np.testing.assert_allclose(
        score, np.sum(others, axis=0), atol=1e-4 + 10 * tolerance
    )
    assert rbm.free_energy(some).dtype == score.dtype == dtype
    p = np.exp(mixture.log_parts(some, columns) - density[:, None])
    np.testing.assert_allclose(rbm.transform(some), p @ mixture.states, atol=tolerance)


def test_each_coordinate_of_several_rows_at_once(model):
    # As epochs are measured: another coordinate for each row.
    rbm, X, _ = model
    machine, some = rbm.machine_, X[:10]
    all_of_them = machine.log_conditionals(some)
    i = np.arange(10) % 5
    field = machine.hidden_field(some)
    found = machine.log_conditional(some, field, i)
    np.testing.assert_allclose(found, all_of_them[np.arange(10), i], atol=1e-6)


def test_annealing_from_both_sides(model):
    rbm, X, mixture = model
    found = log_partition(rbm, method="bracket", X=X, n_betas=1000, random_state=0)
    assert found.low < mixture.log_z < found.high


@pytest.mark.parametrize("tempering", [1, 3])
def test_unknown_values_given_known_ones(model, tempering, seed):
    rbm, X, mixture = model
    unknown = np.zeros((4, 5), bool)
    unknown[0, 0] = unknown[1, [1, 3]] = unknown[2, [1, 3]] = unknown[3, :4] = True
    rows = np.where(unknown, np.nan, X[:4])
    many = np.repeat(rows, N_DRAWS, axis=0)
    drawn = rbm.conditional_sample(
        many, n_steps=30, tempering=tempering, random_state=seed
    )
    filled = rbm.impute(rows, n_samples=500, tempering=tempering, random_state=seed)
    for row, hole, own, mean in zip(
        X[:4], unknown, np.split(drawn, 4), filled, strict=True
    ):
        np.testing.assert_array_equal(
            own[:, ~hole], np.repeat(row[None, ~hole], N_DRAWS, axis=0)
        )
        expected, covariance = mixture.conditional(row, hole)
        deviation = np.sqrt(np.diagonal(covariance))
        gap = (own[:, hole].mean(axis=0) - expected) / deviation
        assert np.abs(gap).max() < 5 / np.sqrt(N_DRAWS)
        # States of one chain depend on each other.
        assert np.abs((mean[hole] - expected) / deviation).max() < 20 / np.sqrt(500)
        found = np.atleast_2d(np.cov(own[:, hole].T))
        error = np.abs(found - covariance) / np.outer(deviation, deviation)
        assert error.max() < 8 / np.sqrt(N_DRAWS)


def test_moments_of_samples(model, seed):
    rbm, _, mixture = model
    X = rbm.sample(4000, n_steps=100, random_state=seed)
    p = np.exp(mixture.logs)
    mean = p @ mixture.means
    gaps = mixture.means - mean
    covariance = mixture.covariance + gaps.T @ (p[:, None] * gaps)
    deviation = np.sqrt(np.diagonal(covariance))
    assert np.abs((X.mean(axis=0) - mean) / deviation).max() < 5 / np.sqrt(4000)
    error = np.abs(np.cov(X.T) - covariance) / np.outer(deviation, deviation)
    assert error.max() < 8 / np.sqrt(4000)


def test_without_weights_a_gaussian(rng):
    X = correlated(rng)
    rbm = GaussianRBM(2, variance="full", n_iter=1, random_state=0).fit(X)
    machine = rbm.machine_
    machine.weights[:] = machine.visible_bias[:] = 0
    gaussian = stats.multivariate_normal(X.mean(axis=0), rbm.covariance_)
    np.testing.assert_allclose(log_likelihood(rbm, X), gaussian.logpdf(X))
    np.testing.assert_allclose(rbm.variance_, X.var(axis=0))


def test_without_rows_the_variances_of_the_data():
    variance = np.array([1.0, 4.0, 0.25])
    units = CorrelatedGaussian().start(3, (9, np.arange(3.0), variance))
    np.testing.assert_array_equal(units.covariance_, np.diag(variance))
    np.testing.assert_array_equal(units.center_, np.arange(3))
    np.testing.assert_allclose(units.precision, 1 / variance)
    np.testing.assert_allclose(
        units.step_root @ units.step_root.T, np.diag(1 / variance)
    )


def test_far_from_zero_the_bias_is_that_of_zero():
    """x·Σ⁻¹μ is what (x − μ)ᵀΣ⁻¹(x − μ)/2 adds to the linear terms."""
    units = CorrelatedGaussian().start(2, (9, np.array([3.0, -2]), np.ones(2)))
    units.see(np.array([[1.0, 0.5], [-1, -0.5], [0, 1], [0, -1]]))
    pull = np.linalg.solve(units.covariance_, [3.0, -2])
    np.testing.assert_allclose(units.uncentered(np.ones(2)), 1 + pull)


def test_rows_count_by_their_weights(rng):
    gaps = rng.normal(size=(30, 3)) @ rng.normal(size=(3, 3))
    weights = rng.integers(1, 5, 30)
    both = CorrelatedGaussian(), CorrelatedGaussian()
    for units in both:
        units.start(3, (30, np.zeros(3), np.ones(3)))
    both[0].see(gaps, weights)
    expected, _ = shrunk_covariance(gaps, np.ones(3), weights)
    np.testing.assert_array_equal(both[0].covariance_, expected)
    both[1].see(gaps)
    assert np.abs(both[1].covariance_ - expected).max() > 0.01


def leave_one_out(X, share):
    """The mean log density of each row under the mean and covariance of the others."""
    total, target = 0.0, np.diag(np.diag(np.cov(X.T, bias=True)))
    for i, row in enumerate(X):
        others = np.delete(X, i, axis=0)
        own = (1 - share) * np.cov(others.T, bias=True) + share * target
        total += stats.multivariate_normal(others.mean(axis=0), own).logpdf(row)
    return total / len(X)


@pytest.mark.parametrize("n", [12, 24])
def test_shrinkage_predicts_rows_that_are_left_out(rng, n):
    X = correlated(rng, n, 4) * [1, 10, 100, 1]
    X -= X.mean(axis=0)
    covariance, share = shrunk_covariance(X, X.var(axis=0))
    best = max(SHARES, key=lambda other: leave_one_out(X, other))
    assert share == best
    own = np.cov(X.T, bias=True)
    expected = (1 - share) * own + share * np.diag(np.diag(own))
    np.testing.assert_allclose(covariance, expected)


def test_shrinkage_counts_rows_by_their_weights(rng):
    X = correlated(rng, 60, 4)
    X -= X.mean(axis=0)
    weights = np.repeat([1.0, 3.0], 30)
    variance = np.average(np.square(X), axis=0, weights=weights)
    covariance, share = shrunk_covariance(X, variance, weights)
    own = np.cov(X.T, bias=True, aweights=weights) + np.outer(
        *2 * [np.average(X, axis=0, weights=weights)]
    )
    off = ~np.eye(4, dtype=bool)
    np.testing.assert_allclose(covariance[off], (1 - share) * own[off])


def test_covariance_of_incomplete_rows(rng):
    X = correlated(rng, 3000, 4)
    X -= X.mean(axis=0)
    unknown = rng.random(X.shape) < 0.3
    unknown[unknown.all(axis=1)] = False
    gaps = np.where(unknown, 0, X)
    covariance, _ = shrunk_covariance(gaps.copy(), X.var(axis=0), unknown=unknown)
    # With zeros in their place correlations would be half as large.
    assert np.abs(covariance - np.cov(X.T)).max() < 5 * 1.5 / np.sqrt(3000)


def test_correlations_are_not_those_of_filled_in_values(rng):
    """Without the scatter about means .6 would become .52."""
    X = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 4000)
    X -= X.mean(axis=0)
    unknown = np.zeros(X.shape, bool)
    unknown[:1600, 0] = unknown[1600:3200, 1] = True
    gaps = np.where(unknown, 0, X)
    covariance, _ = shrunk_covariance(gaps, X.var(axis=0), unknown=unknown)
    assert 0.54 < covariance[0, 1] < 0.68


def test_independent_columns_have_the_means(rng, model):
    visible = model[0].machine_.visible
    target = visible.center_ + rng.normal(size=len(visible.center_))
    units, field = independent(visible, target, np.diagonal(visible.covariance_))
    np.testing.assert_allclose(units.mean(field[None])[0], target)


def test_known_values_are_kept_by_draws_and_means(rng, model):
    visible = model[0].machine_.visible
    values = rng.normal(size=(6, len(visible.center_)))
    unknown = rng.random(values.shape) < 0.5
    masked = visible.masked(unknown, values)
    field = rng.normal(size=values.shape)
    for found in (masked.mean(field), masked.sample(field, rng)):
        np.testing.assert_allclose(found[~unknown], values[~unknown], rtol=1e-10)


def heldout(X, **settings):
    settings = {"n_iter": 10, "random_state": 0} | settings
    rbm = GaussianRBM(16, variance="full", **settings).fit(X[::2])
    return log_likelihood(rbm, X[1::2]).mean()


@pytest.mark.filterwarnings("ignore:Columns of X are skewed")
def test_above_the_gaussian_on_held_out_rows():
    X = scale(load_breast_cancer().data)
    train, test = X[::2], X[1::2]
    shrunk = stats.multivariate_normal(train.mean(axis=0), ledoit_wolf(train)[0])
    assert heldout(X) > shrunk.logpdf(test).mean() + 2
    diagonal = GaussianRBM(16, random_state=0, n_iter=10).fit(train)
    assert heldout(X) > log_likelihood(diagonal, test).mean() + 10


def test_scale_and_zero_of_a_column_do_not_matter(rng):
    X, factor = correlated(rng), np.array([1, 1000, 1e-3, 1, 1])
    zero = np.array([0, 0, 0, 1000, -1000])
    settings = {"variance": "full", "random_state": 0, "n_iter": 10}
    one = GaussianRBM(8, **settings).fit(X)
    with pytest.warns(UserWarning, match="not standardized"):
        other = GaussianRBM(8, **settings).fit(X * factor + zero)
    expected = log_likelihood(one, X) - np.log(factor).sum()
    np.testing.assert_allclose(
        log_likelihood(other, X * factor + zero), expected, rtol=1e-6
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_that_follow_from_others(rng, dtype):
    X = correlated(rng)
    X = np.hstack([X, X[:, :1], X[:, :1] + X[:, 1:2]]).astype(dtype)
    rbm = GaussianRBM(8, variance="full", random_state=0, n_iter=10).fit(X)
    rows = rbm.sample(50, n_steps=50, random_state=0)
    assert np.abs(rows[:, 0] - rows[:, 5]).max() < 0.1
    assert np.isfinite(rbm.score_samples(X)).all()
    filled = rbm.impute(np.hstack([np.full((9, 1), np.nan), X[:9, 1:]]), random_state=0)
    np.testing.assert_allclose(filled[:, 0], X[:9, 0], atol=0.1)


def test_more_columns_than_rows_and_constant_ones(rng):
    X = rng.normal(size=(20, 60))
    rbm = GaussianRBM(8, variance="full", random_state=0, n_iter=10).fit(X)
    assert np.isfinite(log_likelihood(rbm, X)).all()
    X = correlated(rng)
    X[:, 2] = 7
    with pytest.warns(UserWarning, match="constant"):
        rbm = GaussianRBM(8, variance="full", random_state=0, n_iter=10).fit(X)
    assert np.abs(rbm.covariance_[2, [0, 1, 3, 4]]).max() < 1e-12


@pytest.mark.filterwarnings("ignore::skdbn.exceptions.DataRangeWarning")
@pytest.mark.parametrize("n", [1, 2, 3])
def test_hardly_any_rows(rng, n):
    rows = correlated(rng)[:n]
    rbm = GaussianRBM(2, variance="full", random_state=0, n_iter=10).fit(rows)
    assert np.isfinite(rbm.score(rows))


def test_sparse_rows_give_the_same(rng):
    X = correlated(rng)
    one, other = (
        GaussianRBM(8, variance="full", random_state=0, n_iter=10).fit(rows)
        for rows in (X, sparse.csr_array(X))
    )
    np.testing.assert_allclose(one.components_, other.components_, rtol=1e-9)
    np.testing.assert_allclose(
        one.free_energy(X), other.free_energy(sparse.csr_array(X))
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"gradient": "cd"},
        {"gradient": "fpcd"},
        {"gradient": "pt"},
        {"weight_decay": 0.01, "l1_ratio": 0.5},
        {"sparsity": Sparsity(0.2)},
        {"centered": False},
        {"momentum": 0.5},
        {"early_stopping": True, "n_iter": 30},
    ],
)
def test_settings_of_a_training(settings):
    X = scale(load_wine().data)
    gaussian = stats.multivariate_normal(
        X[::2].mean(axis=0), np.diag(X[::2].var(axis=0))
    )
    assert heldout(X, **settings) > gaussian.logpdf(X[1::2]).mean() + 1


def test_steps_are_those_of_whitened_rows(rng):
    """One step of CD from zero weights, without noise in the chains' means."""
    X = correlated(rng, 50)
    rbm = GaussianRBM(
        2,
        variance="full",
        n_iter=1,
        batch_size=50,
        random_state=0,
        gradient=CD(),
        learning_rate=1e-9,
    )
    machine = rbm.fit(X).machine_
    work = machine.workspace(None, 50)
    machine.load(work, X)
    machine.contrast(work, np.random.default_rng(0), 1)
    model, h = work.model.visible.copy(), work.hidden_mean.copy()
    found = machine.difference(work)
    own, other = h[51:], h[1:51]
    plain = (X.T @ own - model.T @ other) / 50
    np.testing.assert_allclose(
        found["weights"], np.linalg.solve(rbm.covariance_, plain), rtol=1e-8
    )
    bias = np.linalg.solve(rbm.covariance_, X.mean(axis=0) - model.mean(axis=0))
    np.testing.assert_allclose(found["visible_bias"], bias, rtol=1e-8)
    whitened = machine.visible.step_root.T @ plain
    assert machine.length(found) == pytest.approx(np.linalg.norm(whitened))


def test_goes_on_and_is_kept(rng):
    X = correlated(rng)
    rbm = GaussianRBM(4, variance="full", random_state=0, n_iter=10)
    for part in np.array_split(X, 3):
        rbm.partial_fit(part)
    covariance = rbm.covariance_
    rbm.set_params(warm_start=True).fit(X)
    np.testing.assert_array_equal(rbm.covariance_, covariance)
    again = pickle.loads(pickle.dumps(rbm))
    np.testing.assert_array_equal(again.free_energy(X), rbm.free_energy(X))
    weights = np.r_[np.ones(100), np.zeros(200)]
    rbm = GaussianRBM(4, variance="full", random_state=0, n_iter=10).fit(
        X, sample_weight=weights
    )
    np.testing.assert_allclose(rbm.variance_, X[:100].var(axis=0))


def test_rows_with_unknown_values(rng):
    X = correlated(rng)
    holes = rng.random(X.shape) < 0.2
    holes[0] = True
    Z = np.where(holes, np.nan, X)
    rbm = GaussianRBM(4, variance="full", random_state=0, n_iter=10).fit(Z)
    whole = GaussianRBM(4, variance="full", random_state=0, n_iter=10).fit(X)
    assert log_likelihood(rbm, X).mean() > log_likelihood(whole, X).mean() - 0.3
    assert rbm.transform(Z).shape == (300, 4)
    assert np.isfinite(rbm.score_samples(Z[1:50])).all()
    with pytest.warns(EstimateWarning, match="Nothing is known"):
        filled = rbm.impute(Z, n_samples=20, n_steps=20, random_state=0)
    error = np.square(filled - X)[holes & ~holes.all(axis=1, keepdims=True)].mean()
    diagonal = GaussianRBM(4, random_state=0, n_iter=10).fit(Z)
    with pytest.warns(EstimateWarning):
        other = diagonal.impute(Z, n_samples=20, n_steps=20, random_state=0)
    assert (
        error < np.square(other - X)[holes & ~holes.all(axis=1, keepdims=True)].mean()
    )


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_columns_of_a_mixed_table(rng):
    X = correlated(rng)
    bit = (X[:, :1] + rng.normal(size=(300, 1)) > 0).astype(float)
    # The bit stands between columns that vary together.
    table = np.hstack([X[:, :2], bit, X[:, 2:]])
    full, column = (
        MixedRBM(4, variance=variance, random_state=0, n_iter=10).fit(table)
        for variance in ("full", "column")
    )
    widths = [(type(units), n) for units, n in full.machine_.visible.widths()]
    assert widths == [(CorrelatedGaussian, 5), (Bernoulli, 1)]
    likelihood = [log_likelihood(rbm, table).mean() for rbm in (full, column)]
    assert likelihood[0] > likelihood[1] + 0.5
    rows = full.sample(20, n_steps=20, random_state=0)
    assert set(rows[:, 2]) <= {0, 1}
    exact = log_partition(full).value
    bracket = log_partition(
        full, method="bracket", X=table, n_betas=200, random_state=0
    )
    assert bracket.low < exact < bracket.high
    Z = table.copy()
    Z[0, 0] = Z[1, 2] = np.nan
    filled = full.impute(Z, random_state=0)
    assert 0 <= filled[1, 2] <= 1
    np.testing.assert_array_equal(filled[2:], table[2:])
    frame = pd.DataFrame(table, columns=list("abcdef"))
    of_frame = MixedRBM(4, variance="full", random_state=0, n_iter=10).fit(frame)
    for given in (Z, frame.where(~np.isnan(Z))):
        found = of_frame.impute(given, random_state=0)
        np.testing.assert_allclose(found, filled)
    described = [("gaussian", 2), ("bernoulli", 1), ("gaussian", 3)]
    rbm = MixedRBM(2, units=described, variance="full", random_state=0, n_iter=10).fit(
        table
    )
    assert [n for _, n in rbm.machine_.visible.widths()] == [2, 1, 3]


def test_below_other_layers_and_labels(rng):
    X, y = load_wine(return_X_y=True)
    X = scale(X)
    net = DBNTransformer(
        [GaussianRBM(8, variance="full"), 4], random_state=0, n_iter=10
    ).fit(X)
    Z = np.where(rng.random(X.shape) < 0.1, np.nan, X)
    filled = net.impute(Z, n_samples=10, n_steps=10, random_state=0)
    np.testing.assert_array_equal(filled[~np.isnan(Z)], X[~np.isnan(Z)])
    labeled = RBMClassifier(
        16, visible=CorrelatedGaussian(), random_state=0, n_iter=10
    ).fit(X, y)
    assert labeled.score(X, y) > 0.8


def test_what_cannot_be(rng):
    X = correlated(rng)
    with pytest.raises(ValueError, match="hidden='bernoulli'"):
        RBM(2, visible=CorrelatedGaussian(), hidden="gaussian").fit(X)
    with pytest.raises(ValueError, match="unless variance='full'"):
        GaussianRBM(2, variance="full", gradient="score-matching").fit(X)
    with pytest.raises(ValueError, match="'variance' parameter"):
        GaussianRBM(2, variance="tied").fit(X)
    rbm = GaussianRBM(2, variance="full", n_iter=1).fit(X)
    with pytest.raises(ValueError, match="CorrelatedGaussian"):
        rbm.set_params(variance="column").partial_fit(X)


def test_checks_of_the_kit(rng):
    # The kit sums over nodes that know no correlations.
    X = scale(rng.normal(size=(60, 2)) @ [[1, 0.5], [0, 1]])
    rbm = GaussianRBM(2, variance="full", n_iter=2, random_state=0)
    check_units(CorrelatedGaussian())
    check_machine(rbm.fit(X).machine_)


def test_filters_are_in_units_of_the_data(model):
    rbm, _, _ = model
    effects = rbm.inverse_transform(np.eye(N_HIDDEN))
    effects -= rbm.inverse_transform(np.zeros((N_HIDDEN, N_HIDDEN)))
    np.testing.assert_allclose(rbm.components_ @ rbm.covariance_, effects, atol=1e-9)
    shown = FiltersDisplay.from_estimator(rbm, image_shape=(1, 5)).filters
    largest_first = np.argsort(-np.linalg.norm(effects, axis=1))
    np.testing.assert_allclose(shown, effects[largest_first], atol=1e-9)


def test_hidden_side_has_no_scale():
    units, field = CorrelatedGaussian().start(3), np.ones((2, 3))
    plain = Gaussian(1.0).start(3)
    for name in "log_partition", "mean", "link", "base_energy":
        np.testing.assert_allclose(
            getattr(units, name)(field), getattr(plain, name)(field)
        )


def test_weakened_units_tell_less_of_each_other(rng):
    """The conditional mean of a column is as far from its own as the share says."""
    units = CorrelatedGaussian().start(3, (50, np.zeros(3), np.ones(3)))
    x = rng.normal(size=(50, 3)) + rng.normal(size=(50, 1))
    units.see((x - x.mean(axis=0)) / x.std(axis=0))
    share, before = np.array([0.3, 1.0, 1.0]), units.covariance_.copy()
    weak = units.weakened(share)
    np.testing.assert_allclose(np.diagonal(weak.covariance_), np.diagonal(before))

    def slopes(covariance):
        return np.linalg.solve(covariance[1:, 1:], covariance[1:, 0])

    expected = 0.3 * slopes(before)
    np.testing.assert_allclose(slopes(weak.covariance_), expected, rtol=1e-9)
    np.testing.assert_array_equal(units.covariance_, before)
    assert units.weakened(np.ones(3)) is units
    beside = Concatenated([("bernoulli", 1), (CorrelatedGaussian(), 3)])
    beside.start(4, (50, np.zeros(4), np.ones(4)))
    beside.see(np.hstack([x[:, :1] > 0, x - x.mean(axis=0)]))
    alone = beside.weakened(np.array([1, 0, 0, 0])).widths()[1][0].covariance_
    np.testing.assert_array_equal(alone, np.diag(np.diagonal(alone)))


def test_side_by_side_with_units_without_a_scale():
    units = Concatenated([(CorrelatedGaussian(), 2), ("bernoulli", 1)])
    units.start(3, (10, np.zeros(3), np.array([4.0, 1.0, 0.2])))
    units.see(np.array([[2.0, 1, 0], [-2, -1, 0], [2, -1, 0], [-2, 1, 0], [2.2, 1, 1]]))
    root = units.step_root
    covariance = units.widths()[0][0].covariance_
    np.testing.assert_allclose((root @ root.T)[:2, :2], np.linalg.inv(covariance))
    np.testing.assert_array_equal(root[2], [0, 0, 1])
    inverse = units.step_root_inverse
    np.testing.assert_allclose(root @ inverse, np.eye(3), atol=1e-12)
    own, general = units.widths()[0][0], Scaled.step_root_inverse.fget
    np.testing.assert_allclose(own.step_root_inverse, general(own), rtol=1e-9)
    np.testing.assert_array_equal(inverse[2], [0, 0, 1])
