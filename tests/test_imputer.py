"""The imputer, from the outside; what it rests on is in test_missing.py."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import needs_callbacks
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, minmax_scale

from skdbn import (
    RBM,
    BernoulliRBM,
    BoltzmannImputer,
    DBNClassifier,
    DBNTransformer,
    GaussianRBM,
    MixedRBM,
    RBMClassifier,
)
from skdbn._estimators import _model_search
from skdbn.exceptions import DataRangeWarning, DivergenceError, EstimateWarning
from skdbn.units import Gaussian

QUICK = dict(n_samples=5, n_steps=5)


@pytest.fixture
def short(monkeypatch):
    """Fits of the default model that are short."""
    monkeypatch.setattr("skdbn._estimators._model_search.N_UPDATES", (50, 100))


@pytest.fixture
def wine():
    return load_wine(return_X_y=True)


@pytest.fixture
def punch(rng):
    def punched(X, share=0.2):
        holes = rng.random(X.shape) < share
        holes[np.arange(len(X)), rng.integers(0, X.shape[1], len(X))] = False
        return np.where(holes, np.nan, X), holes

    return punched


def test_raw_columns_in_and_out(wine, punch, monkeypatch, seed):
    """Columns on scales from 0.1 to 1000, nearer than their means."""
    monkeypatch.setattr("skdbn._estimators._model_search.N_UPDATES", (500,))
    X, _ = wine
    hidden, holes = punch(X)
    before = hidden.copy()
    imputer = BoltzmannImputer(random_state=seed, n_samples=50, n_steps=20)
    found = imputer.fit_transform(hidden)
    np.testing.assert_array_equal(hidden, before)
    assert (found[~holes] == X[~holes]).all()
    errors, spread = (
        np.where(holes, (rows - X) / X.std(axis=0), 0)
        for rows in (found, np.nanmean(hidden, axis=0))
    )
    assert np.square(errors).sum() < 0.75 * np.square(spread).sum()


@pytest.mark.parametrize(
    "columns, kind",
    [
        (lambda rng: rng.integers(0, 2, (60, 4)), BernoulliRBM),
        (lambda rng: np.clip(rng.normal(0.5, 1, (60, 4)), 0, 1), BernoulliRBM),
        (lambda rng: rng.random((60, 4)), GaussianRBM),
        (lambda rng: rng.normal(size=(60, 4)), GaussianRBM),
        (
            lambda rng: np.hstack(
                [rng.normal(5, 2, size=(60, 2)), rng.integers(0, 2, (60, 2))]
            ),
            MixedRBM,
        ),
    ],
)
def test_default_model(columns, kind, rng, punch, seed, short):
    hidden, _ = punch(columns(rng).astype(float))
    imputer = BoltzmannImputer(random_state=seed, **QUICK).fit(hidden)
    model = imputer.estimator_
    if kind is GaussianRBM:
        assert type(model) in (GaussianRBM, RBM) and model.machine_.visible.tail
    else:
        assert type(model) is kind
    real = kind is not BernoulliRBM
    if kind is MixedRBM:
        real = np.array([True, True, False, False])
    mean, deviation = np.nanmean(hidden, axis=0), np.nanstd(hidden, axis=0)
    np.testing.assert_allclose(imputer.mean_, np.where(real, mean, 0))
    np.testing.assert_allclose(imputer.scale_, np.where(real, deviation, 1))


@pytest.mark.parametrize(
    "estimator, standardize, scaled",
    [
        (GaussianRBM(3, n_iter=2), "auto", True),
        (GaussianRBM(3, n_iter=2), False, False),
        (RBM(3, visible="gaussian", n_iter=2), "auto", True),
        (RBM(3, visible=Gaussian(), n_iter=2), "auto", True),
        (RBM(3, visible="poisson", gradient="cd", n_iter=2), "auto", False),
        (MixedRBM(3, n_iter=2), "auto", True),
        (MixedRBM(3, units={0: "poisson"}, n_iter=2), "auto", False),
        (BernoulliRBM(3, n_iter=2), "auto", False),
        (BernoulliRBM(3, n_iter=2), True, True),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::skdbn.exceptions.DataRangeWarning")
def test_what_is_standardized(estimator, standardize, scaled, rng, punch, seed):
    X = rng.poisson(3, size=(50, 3)).astype(float)
    hidden, holes = punch(X)
    imputer = BoltzmannImputer(
        estimator, standardize=standardize, random_state=seed, **QUICK
    )
    found = imputer.fit_transform(hidden)
    assert (imputer.scale_ != 1).all() == scaled
    assert (found[~holes] == X[~holes]).all()
    assert not np.isnan(found).any()


def test_one_hot_columns(wine, punch, monkeypatch, seed):
    monkeypatch.setattr("skdbn._estimators._model_search.N_UPDATES", (600,))
    X, y = wine
    one_hot = OneHotEncoder(sparse_output=False).fit_transform(y[:, None])
    lost = np.arange(0, len(X), 4)
    table = np.hstack([X, one_hot])
    table[lost, -3:] = np.nan
    imputer = BoltzmannImputer(random_state=seed, n_samples=50, n_steps=20)
    found = imputer.fit_transform(table)[:, -3:]
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found[lost].argmax(axis=1) == y[lost]).mean() > 0.85


def test_frozen_model(wine, punch, seed):
    X, _ = wine
    # Of equal rows the imputer gives them all the chain of the first.
    X = minmax_scale(X)
    rbm = BernoulliRBM(10, n_iter=20, random_state=seed).fit(X)
    hidden, _ = punch(X)
    imputer = BoltzmannImputer(FrozenEstimator(rbm), random_state=seed, **QUICK)
    found = imputer.fit(X[:5]).transform(hidden)
    assert imputer.estimator_.estimator is rbm
    same = rbm.impute(hidden, random_state=imputer._seed, **QUICK)
    np.testing.assert_array_equal(found, same)


def test_frozen_models_see_columns_as_they_are(wine, punch, seed):
    """They were fitted to some scale, which "auto" does not change."""
    X, _ = wine
    rbm = GaussianRBM(3, n_iter=2, random_state=seed).fit(
        StandardScaler().fit_transform(X)
    )
    hidden, _ = punch(StandardScaler().fit_transform(X))
    imputer = BoltzmannImputer(FrozenEstimator(rbm), random_state=seed, **QUICK)
    found = imputer.fit(2 * X).transform(hidden)
    assert (imputer.mean_ == 0).all() and (imputer.scale_ == 1).all()
    same = rbm.impute(hidden, random_state=imputer._seed, **QUICK)
    np.testing.assert_array_equal(found, same)


def test_frozen_models_know_the_names_of_columns(wine, seed):
    names = [f"x{i}" for i in range(13)]
    frame = pd.DataFrame(StandardScaler().fit_transform(wine[0]), columns=names)
    rbm = GaussianRBM(3, n_iter=2, random_state=seed).fit(frame)
    imputer = BoltzmannImputer(FrozenEstimator(rbm), random_state=seed, **QUICK)
    hidden = frame.mask(frame > 1)
    assert np.isfinite(imputer.fit(hidden).transform(hidden)).all()
    with pytest.raises(ValueError, match="feature names"):
        imputer.fit(hidden[names[::-1]]).transform(hidden[names[::-1]])


def test_temperatures_are_those_of_the_chains(seed):
    """The last 4 columns are equal, with two modes that the others tell nothing about."""
    bits = np.arange(64)[:, None] >> np.arange(6) & 1
    X = np.hstack([bits, np.repeat(bits[:, :1], 4, axis=1)]).astype(float)
    rbm = BernoulliRBM(1, n_iter=0, random_state=seed).fit(X)
    rbm.machine_.weights[:] = np.repeat([[0], [8]], [6, 4], axis=0)
    rbm.machine_.visible_bias[:] = np.repeat([0, -4], [6, 4])
    rbm.machine_.hidden_bias[:] = -16
    holes = np.where(np.arange(10) < 6, X, np.nan)
    spread = {}
    for n in (1, 8):
        imputer = BoltzmannImputer(
            FrozenEstimator(rbm), tempering=n, n_samples=200, random_state=seed
        )
        found = imputer.fit(X).transform(holes)
        same = rbm.impute(holes, n_samples=200, tempering=n, random_state=imputer._seed)
        np.testing.assert_array_equal(found, same)
        spread[n] = np.abs(found[:, 6:] - 0.5).mean()
    assert spread[8] < 0.4 < spread[1]


def test_draws_keep_the_spread(rng, seed):
    """Of means little is left where columns are independent."""
    X = rng.normal(3, 2, size=(2000, 2))
    X[::2, 0] = np.nan
    model = GaussianRBM(2, n_iter=1)
    spreads = [
        BoltzmannImputer(model, n_samples=n, random_state=seed)
        .fit_transform(X)[::2, 0]
        .std()
        for n in (1, 50)
    ]
    assert spreads[0] == pytest.approx(2, abs=0.25)
    assert spreads[1] < 0.6


def test_chains_that_stay_where_they_are(rng, seed):
    """Columns 1 to 4 are all 0 or all 1, and column 0 does not say which."""
    X = np.repeat(rng.integers(2, size=(100, 1)), 5, axis=1).astype(float)
    X[:, 0] = rng.integers(2, size=100)
    rbm = BernoulliRBM(2, n_iter=1, random_state=seed).fit(X)
    # One hidden unit for each of the two.
    rbm.machine_.weights[:] = [[0, 0]] + 4 * [[8, -8]]
    rbm.machine_.visible_bias[:] = 0
    rbm.machine_.hidden_bias[:] = -16, 16
    holes = np.tile([1.0] + 4 * [np.nan], (20, 1))
    n_chains, gaps = 64, {}
    for n in (1, n_chains):
        imputer = BoltzmannImputer(
            FrozenEstimator(rbm), n_chains=n, random_state=seed, **QUICK
        )
        gaps[n] = np.abs(imputer.fit(X).transform(holes)[:, 1:] - 0.5).mean(axis=1)
    assert (gaps[1] > 0.4).all()
    assert (gaps[n_chains] < 5 * 0.5 / np.sqrt(n_chains)).all()


def test_random_states(wine, punch):
    hidden, _ = punch(wine[0])
    imputer = BoltzmannImputer(GaussianRBM(4, n_iter=2), random_state=3, **QUICK)
    one = imputer.fit_transform(hidden)
    np.testing.assert_array_equal(one, imputer.transform(hidden))
    np.testing.assert_array_equal(one, clone(imputer).fit_transform(hidden))
    other = imputer.set_params(random_state=4).fit_transform(hidden)
    assert (one != other).any()
    # A seed of the model's own stays.
    imputer.set_params(estimator__random_state=7).fit(hidden)
    assert imputer.estimator_.random_state == 7


def test_in_a_pipeline(wine, punch):
    X, y = wine
    hidden, _ = punch(X, 0.3)
    imputer = BoltzmannImputer(GaussianRBM(20, n_iter=60), random_state=0)
    model = make_pipeline(imputer, StandardScaler(), PCA(8), LogisticRegression())
    assert cross_val_score(model, hidden, y, cv=3).mean() > 0.8


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_containers(dtype, wine, punch, seed):
    hidden, _ = punch(wine[0].astype(dtype))
    names = [f"x{i}" for i in range(hidden.shape[1])]
    frame = pd.DataFrame(hidden, columns=names, index=np.arange(7, 7 + len(hidden)))
    imputer = BoltzmannImputer(GaussianRBM(4, n_iter=2), random_state=seed, **QUICK)
    found = imputer.fit_transform(frame)
    assert found.dtype == dtype
    assert imputer.get_feature_names_out().tolist() == names
    imputer.set_output(transform="pandas")
    framed = imputer.transform(frame)
    assert (framed.index == frame.index).all()
    np.testing.assert_array_equal(framed, found)
    assert (framed.dtypes == dtype).all()


def test_constant_columns(punch, short, seed):
    X = np.column_stack([np.full(40, 7.0), np.arange(40.0)])
    X[::3, 0] = np.nan
    with pytest.warns(UserWarning, match="constant"):
        imputer = BoltzmannImputer(random_state=seed).fit(X)
    assert np.isfinite(imputer.transform(X)).all()


def test_rows_without_a_known_value(wine, seed):
    X = wine[0]
    imputer = BoltzmannImputer(GaussianRBM(4, n_iter=2), random_state=seed, **QUICK)
    with pytest.warns(EstimateWarning, match="1 rows"):
        found = imputer.fit(X).transform(np.full((1, 13), np.nan))
    assert np.isfinite(found).all()


# The default model


@pytest.mark.parametrize("scale, offset", [(0.1, 0), (0.001, 0), (1000, -7), (1, 1e4)])
def test_the_unit_of_a_column_does_not_matter(scale, offset, punch, short, seed):
    hidden, holes = punch(load_iris().data)
    one, other = (
        BoltzmannImputer(random_state=seed, **QUICK).fit_transform(X)[holes]
        for X in (hidden, scale * hidden + offset)
    )
    np.testing.assert_allclose((other - offset) / scale, one, rtol=1e-4)


def test_two_values_are_binary_in_any_unit(rng, punch, short, seed):
    X = rng.integers(0, 2, (80, 3)).astype(float)
    X = np.hstack([X, X[:, :1], rng.normal(size=(80, 1))])
    hidden, _ = punch(X)
    low, step = np.array([1, 10, -1, 0, 0]), np.array([1, 5, 2, 1000, 1])
    one, other = (
        BoltzmannImputer(random_state=seed, **QUICK).fit_transform(table)
        for table in (hidden, low + step * hidden)
    )
    np.testing.assert_allclose((other - low) / step, one, rtol=1e-4, atol=1e-6)
    assert (one[:, :4] >= 0).all() and (one[:, :4] <= 1).all()


@pytest.mark.parametrize("share", [0.3, 0.9, 0.95])
@pytest.mark.parametrize("kind", ["noise", "factors", "clusters"])
def test_no_worse_than_column_means(kind, share, rng, monkeypatch):
    """Whatever is known, the default fits, and it uses what there is."""
    monkeypatch.setattr("skdbn._estimators._model_search.N_UPDATES", (150, 450))
    n, d = 120, 24
    X = {
        "noise": lambda: rng.normal(size=(n, d)),
        "factors": lambda: rng.normal(size=(n, 2)) @ rng.normal(size=(2, d)),
        "clusters": lambda: 2 * rng.normal(size=(4, d))[rng.integers(0, 4, n)],
    }[kind]() + 0.5 * rng.normal(size=(n, d))
    holes = rng.random(X.shape) < share
    holes[np.arange(n), rng.integers(0, d, n)] = False
    hidden = np.where(holes, np.nan, X)
    found = BoltzmannImputer(random_state=0, n_steps=20, n_samples=50).fit_transform(
        hidden
    )
    error, of_means = (
        np.sqrt(np.square(rows - X)[holes].mean())
        for rows in (found, np.nanmean(hidden, axis=0))
    )
    assert error < 1.03 * of_means
    if kind != "noise" and share <= 0.5:
        assert error < 0.75 * of_means


def test_variances_that_run_away_are_a_divergence(wine, monkeypatch):
    """They may overflow while all parameters are finite."""
    project = Gaussian.project

    def runs_away(self):
        self.log_variance_ += 0.6
        project(self)

    monkeypatch.setattr(Gaussian, "project", runs_away)
    X = StandardScaler().fit_transform(wine[0])
    with pytest.raises(DivergenceError, match="epoch 7"):
        GaussianRBM(2, batch_size=10, n_iter=10, random_state=0).fit(X)


@pytest.mark.parametrize("n_rows, by_chance", [(60, True), (900, False)])
def test_luck_is_no_reason_for_a_model(n_rows, by_chance, rng, punch, monkeypatch):
    """An error of 0.97 is that of any model at few held-out values, not at many."""
    monkeypatch.setattr(_model_search, "relative_error", lambda *args: 0.97)
    monkeypatch.setattr(_model_search, "N_UPDATES", (20,))
    hidden, holes = punch(rng.normal(size=(n_rows, 5)))
    found = BoltzmannImputer(random_state=0, **QUICK).fit_transform(hidden)
    means = np.broadcast_to(np.nanmean(hidden, axis=0), hidden.shape)
    assert np.allclose(found[holes], means[holes], atol=1e-4) == by_chance


def test_fits_that_diverge_leave_the_column_means(wine, punch, monkeypatch):
    def diverges(self, X, **settings):
        if self.n_iter:
            raise DivergenceError("The fit diverged.")
        return fit(self, X, **settings)

    fit = RBM._fit
    monkeypatch.setattr(RBM, "_fit", diverges)
    hidden, holes = punch(wine[0])
    found = BoltzmannImputer(random_state=0, n_samples=300).fit_transform(hidden)
    means = np.broadcast_to(np.nanmean(hidden, axis=0), hidden.shape)
    off = (found - means) / np.nanstd(hidden, axis=0)
    assert np.abs(off[holes]).max() < 1e-4


@pytest.mark.parametrize("last, n_fits", [(0.45, 8), (0.8, 7)])
def test_fits_go_on_while_that_helps(last, n_fits, rng, monkeypatch):
    """Held-out values choose a model and its length, and judge the last fit to all."""
    steps, told, X = [], [], rng.normal(size=(100, 3))
    errors = {1: [0.9, 0.8], 2: [0.8, 0.7, 0.5, last], 3: [1.7], 4: [0.95]}

    def fit(model, X, machine):
        given = None if machine is None else int(machine.h[0])
        steps.append((model.n_components, model.n_iter, given, np.isnan(X).sum()))
        model.machine_ = Machine(len(steps))
        return model

    class Machine:
        def __init__(self, number):
            self.h = [number]
            self.weights = np.zeros((1, 1))

        def copy(self):
            return self

    def error(model, *args):
        return errors[model.n_components].pop(0)

    monkeypatch.setattr(_model_search, "relative_error", error)
    monkeypatch.setattr(_model_search, "shrink_little_known", lambda *args: None)
    model = _model_search.fit_by_held_out_values(
        [BernoulliRBM(n) for n in errors],
        X,
        np.zeros(X.shape, bool),
        fit,
        lambda model, *judged: told.append((model.n_components, *judged)),
        0,
    )
    expected = [(1, 30, None), (2, 30, None), (3, 30, None), (4, 30, None)]
    # The first one would come to 0.8² / 0.9 at most, and another has 0.7.
    expected += [(1, 60, 1), (2, 60, 2), (2, 180, 6), (2, 30, 7)]
    assert [step[:3] for step in steps] == expected
    assert all(60 < step[3] < 120 for step in steps[:-1]) and steps[-1][3] == 0
    assert told[4:] == [(1, 90, 0.8), (2, 90, 0.7), (2, 270, 0.5)]
    assert model.n_components == 2 and model.machine_.h == [n_fits]


def test_factors_and_clusters(rng, monkeypatch):
    """Columns that are linear in a few factors: Gaussian hidden units or covariances."""
    monkeypatch.setattr("skdbn._estimators._model_search.N_UPDATES", (500,))
    X = rng.normal(size=(300, 3)) @ rng.normal(size=(3, 20))
    X += 0.3 * rng.normal(size=X.shape)
    holes = rng.random(X.shape) < 0.1
    imputer = BoltzmannImputer(random_state=0, n_samples=50, n_steps=20)
    found = imputer.fit_transform(np.where(holes, np.nan, X))
    model = imputer.estimator_
    assert type(model) is RBM or model.variance == "full"
    assert np.square(found - X)[holes].mean() < 0.1 * X.var()


def test_columns_of_which_little_is_known(rng, monkeypatch):
    """5 or 10 of 300 values: their mean, and no worse than their mean."""
    monkeypatch.setattr("skdbn._estimators._model_search.N_UPDATES", (300, 900))
    X = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 12))
    X += 0.5 * rng.normal(size=X.shape)
    X[:, 4:8] = rng.normal(size=(300, 4))
    holes = rng.random(X.shape) < 0.1
    for i in range(8):
        holes[:, i] = True
        holes[rng.choice(300, 10 if i % 2 else 5, replace=False), i] = False
    hidden = np.where(holes, np.nan, X)
    found = BoltzmannImputer(random_state=0, n_steps=20, n_samples=50).fit_transform(
        hidden
    )
    means = np.broadcast_to(np.nanmean(hidden, axis=0), X.shape)
    few = holes & np.isin(range(12), [0, 2, 4, 6])
    np.testing.assert_allclose(found[few], means[few], atol=1e-4)
    errors, of_means = (
        np.square(np.where(holes, rows - X, 0)[:, 1:8:2]).sum()
        for rows in (found, means)
    )
    assert errors < 1.02 * of_means


def test_columns_of_wine_of_which_little_is_known(rng, seed, monkeypatch):
    """Six of which 10 values are known, and others of which a fifth is missing."""
    monkeypatch.setattr("skdbn._estimators._model_search.N_UPDATES", (300,))
    X = load_wine().data
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    holes = rng.random(X.shape) < 0.2
    few = rng.permutation(13)[:6]
    for i in few:
        holes[:, i] = True
        holes[rng.choice(len(X), 10, replace=False), i] = False
    hidden = np.where(holes, np.nan, X)
    imputer = BoltzmannImputer(random_state=seed, n_steps=20, n_samples=50)
    found = imputer.fit_transform(hidden)
    errors, of_means = (
        np.sqrt(np.where(holes, np.square(rows - X), 0)[:, few].sum(axis=0))
        for rows in (found, np.nanmean(hidden, axis=0))
    )
    ratios = errors / of_means
    assert ratios.max() < 1.05 and ratios.mean() < 1


@pytest.mark.parametrize("Class", [BernoulliRBM, GaussianRBM, MixedRBM])
def test_fields_of_columns_of_which_little_is_known(Class, rng, seed, monkeypatch):
    """They mix those of the model and those of the mean, by the share borne out."""
    monkeypatch.setattr(_model_search, "borne_out", lambda *args: 0.2)
    X = rng.integers(0, 2, (100, 3)) * 1.0
    X[8:, 0] = np.nan
    if Class is MixedRBM:
        X = pd.DataFrame({"color": X[:, 0], "b": X[:, 1], "c": X[:, 2]})
        X["color"] = X["color"].map({0: "red", 1: "blue"})
    rbm = Class(4, n_iter=5, learning_rate=0.5, random_state=seed).fit(X)
    machine, before = rbm.machine_, rbm.machine_.copy()
    _model_search.shrink_little_known(rbm, X, rng)
    n, h = machine.n_weights // 4 - 2, rng.random((6, 4))
    fields, own = machine.visible_field(h), before.visible_field(h)
    np.testing.assert_array_equal(fields[:, n:], own[:, n:])
    of_mean = machine.visible.link(before.center)[:n]
    np.testing.assert_allclose(fields[:, :n], 0.2 * own[:, :n] + 0.8 * of_mean, 0.02)
    np.testing.assert_allclose(
        machine.hidden_field(before.center), before.hidden_field(before.center)
    )


def test_what_known_values_bear_out(rng, seed):
    """The slope less two standard errors, by least squares through the means."""
    z = rng.normal(size=(400, 1))
    X = np.hstack([z + 0.3 * rng.normal(size=(400, 4)), rng.normal(size=(400, 1))])
    rbm = GaussianRBM(8, n_iter=30, random_state=seed).fit(X)
    rows, unknown = X[:15], np.zeros((15, 5), bool)
    shares = [
        _model_search.borne_out(rbm.machine_, rows, unknown, np.array([i]), rng)
        for i in range(5)
    ]
    assert min(shares[:4]) > 0.4 and max(shares) <= 1
    assert shares[4] == pytest.approx(0, abs=0.3)
    # Of the opposite of what the model says, nothing is left.
    rows = rows * [-1, 1, 1, 1, 1]
    one = np.array([0])
    assert _model_search.borne_out(rbm.machine_, rows, unknown, one, rng) == 0
    half = 0.5 * rbm.machine_.mean_field(X[:15], np.isin(range(5), [0]) & ~unknown)
    rows = X[:15] + 0.0
    rows[:, 0] = half[:, 0] + 0.2 * rng.normal(size=15)
    found = _model_search.borne_out(rbm.machine_, rows, unknown, one, rng)
    said = 2 * (half[:, 0] - rows[:, 0].mean())
    slope, residual, *_ = np.linalg.lstsq(
        said[:, None], rows[:, 0] - rows[:, 0].mean(), rcond=None
    )
    error = np.sqrt(residual[0] / 14 / (said @ said))
    assert found == pytest.approx(np.clip(slope[0] - 2 * error, 0, 1), abs=0.1)


def test_ratings_of_which_few_are_given(rng, monkeypatch):
    """Persons, films, tastes and noise on a scale from 1 to 5, 95 % never given."""
    monkeypatch.setattr("skdbn._estimators._model_search.N_UPDATES", (250, 500))
    n, d = 800, 120
    X = 3.2 + 0.6 * rng.normal(size=(n, 1)) + 0.5 * rng.normal(size=d)
    X += 0.4 * rng.normal(size=(n, 3)) @ rng.normal(size=(3, d))
    X = np.clip(np.round(X + 0.5 * rng.normal(size=(n, d))), 1, 5)
    holes = rng.random(X.shape) < 0.95
    hidden = np.where(holes, np.nan, X)
    imputer = BoltzmannImputer(
        random_state=0, n_steps=20, n_samples=20, min_value=1, max_value=5
    )
    with warnings.catch_warnings():
        # Nothing is known of a few rows.
        warnings.simplefilter("ignore", EstimateWarning)
        found = imputer.fit_transform(hidden)
    error, of_means = (
        np.square(rows - X)[holes].mean()
        for rows in (found, np.nanmean(hidden, axis=0))
    )
    assert error < 1.01 * of_means


def test_what_is_held_out(rng):
    X = np.where(rng.random((400, 30)) < 0.9, np.nan, 1.0)
    unknown = np.isnan(X)
    groups = [[0, 1, 2]] + [[i] for i in range(3, 30)]
    unknown[:, 1:3] = unknown[:, :1]
    held_out = _model_search.choose_held_out(X, unknown, groups, rng)
    assert not (held_out & unknown).any()
    assert (held_out[:, 0] == held_out[:, 1]).all() and held_out[:, 0].any()
    left = unknown | held_out
    assert (left.all(axis=1) == unknown.all(axis=1)).all()
    assert not left.all(axis=0).any()


@pytest.mark.parametrize("n_rows, share", [(200, 0.1), (50, 0.2), (10, 0.3)])
def test_how_much_is_held_out(n_rows, share, rng):
    """Of small tables more, lest skill and chance look alike."""
    X = rng.normal(size=(n_rows, 10))
    groups = [[i] for i in range(10)]
    found = [
        _model_search.choose_held_out(X, np.zeros(X.shape, bool), groups, rng).mean()
        for _ in range(50)
    ]
    error = np.sqrt(share * (1 - share) / (50 * X.size))
    assert np.mean(found) == pytest.approx(share, abs=4 * error)


def test_verbose_says_what_was_chosen(wine, punch, short, capsys):
    hidden, _ = punch(wine[0])
    BoltzmannImputer(random_state=0, verbose=1, **QUICK).fit(hidden)
    lines = capsys.readouterr().out.splitlines()
    assert (
        "GaussianRBM of 26 units or RBM of 3 units or GaussianRBM of 26 units and "
        "correlated noise for numbers, standardized" in lines[0]
    )
    assert all("squared error of held-out values" in line for line in lines[1:])


@needs_callbacks
def test_callbacks(wine, punch, short):
    from sklearn.callback import ProgressBar

    hidden, _ = punch(wine[0])
    for imputer in (BoltzmannImputer(), BoltzmannImputer(GaussianRBM(3, n_iter=2))):
        imputer.set_params(random_state=0, **QUICK)
        plain = imputer.fit_transform(hidden)
        watched = clone(imputer).set_callbacks(ProgressBar())
        np.testing.assert_array_equal(watched.fit_transform(hidden), plain)


# As the imputers of scikit-learn


def test_a_row_is_the_same_alone_and_in_a_batch(wine, punch, seed):
    hidden, _ = punch(np.repeat(wine[0][:40], 2, axis=0))
    hidden[1::2] = hidden[::2]
    imputer = BoltzmannImputer(GaussianRBM(6, n_iter=5), random_state=seed, **QUICK)
    together = imputer.fit_transform(hidden)
    alone = np.vstack([imputer.transform(hidden[i : i + 1]) for i in range(80)])
    np.testing.assert_allclose(alone, together)
    np.testing.assert_allclose(imputer.transform(hidden[::-1])[::-1], together)


@pytest.mark.parametrize("marker", [-1, 0.0, np.nan, None, "?", pd.NA], ids=str)
@pytest.mark.parametrize("as_frame", [False, True])
def test_markers_of_missing_values(marker, as_frame, wine, punch, seed):
    hidden, holes = punch(wine[0] + 1)
    imputer = BoltzmannImputer(GaussianRBM(3, n_iter=2), random_state=seed, **QUICK)
    expected = imputer.fit_transform(hidden)
    marked = hidden.astype(object)
    marked[holes] = marker
    if isinstance(marker, float | int):
        marked = marked.astype(float)
    if as_frame:
        marked = pd.DataFrame(marked, columns=[f"x{i}" for i in range(13)])
    elif marker is pd.NA:
        return
    imputer.set_params(missing_values=marker)
    np.testing.assert_array_equal(imputer.fit_transform(marked), expected)
    if isinstance(marker, int) and not as_frame:
        with pytest.raises(ValueError, match="NaN"):
            imputer.fit(hidden)


def test_bounds(wine, punch, seed):
    hidden, holes = punch(wine[0])
    model = GaussianRBM(3, n_iter=2)
    free = BoltzmannImputer(model, random_state=seed, n_samples=1)
    drawn = free.fit_transform(hidden)
    low = np.nanmin(hidden, axis=0)
    assert (drawn < low).any()
    high = np.nanmax(hidden)
    free.set_params(min_value=low, max_value=high - 1)
    np.testing.assert_array_equal(
        free.fit_transform(hidden),
        np.where(holes, np.minimum(np.maximum(drawn, low), high - 1), hidden),
    )
    with pytest.raises(ValueError, match="min_value has shape"):
        free.set_params(min_value=low[:2]).fit(hidden)
    with pytest.raises(ValueError, match="below max_value"):
        free.set_params(min_value=1, max_value=1).fit(hidden)


@pytest.mark.parametrize("container", [np.asarray, pd.DataFrame])
def test_indicators(container, wine, punch, seed):
    hidden, holes = punch(wine[0])
    hidden[:, 2] = wine[0][:, 2]
    holes[:, 2] = False
    if container is pd.DataFrame:
        hidden = pd.DataFrame(hidden, columns=[f"x{i}" for i in range(13)])
    model = GaussianRBM(3, n_iter=2)
    imputer = BoltzmannImputer(model, add_indicator=True, random_state=seed, **QUICK)
    found = imputer.fit_transform(hidden)
    np.testing.assert_array_equal(found[:, 13:], np.delete(holes, 2, axis=1))
    names = imputer.get_feature_names_out().tolist()
    assert names[13:15] == ["missingindicator_x0", "missingindicator_x1"]
    assert len(names) == found.shape[1] == 25
    plain = imputer.set_params(add_indicator=False).fit_transform(hidden)
    np.testing.assert_array_equal(found[:, :13], plain)


def test_several_imputations(rng, seed):
    """They differ by as much as the other columns leave open."""
    X = rng.normal(size=(400, 2)) * [1, 3]
    X[::2, 1] = np.nan
    imputer = BoltzmannImputer(GaussianRBM(1, n_iter=1), random_state=seed, n_steps=5)
    tables = imputer.fit(X).sample_imputations(X, 20, random_state=seed)
    assert len(tables) == 20
    draws = np.array(tables)
    assert (draws[:, 1::2] == X[1::2]).all()
    between = draws[:, ::2, 1].std(axis=0, ddof=1)
    assert between.mean() == pytest.approx(3, rel=0.15)
    again = imputer.sample_imputations(X, 2, random_state=seed)
    other = imputer.sample_imputations(X, 2, random_state=seed + 1)
    np.testing.assert_array_equal(again[0], imputer.sample_imputations(X, 2, seed)[0])
    assert (again[0] != again[1]).any() and (again[0] != other[0]).any()
    with pytest.raises(ValueError, match=r"n_imputations.* Got 0"):
        imputer.sample_imputations(X, 0)


@pytest.mark.parametrize("library, n_chains", [(pd.DataFrame, 3), (pl.DataFrame, 1)])
def test_tables_with_words(library, n_chains, rng, monkeypatch, seed):
    monkeypatch.setattr("skdbn._estimators._model_search.N_UPDATES", (2000,))
    size = rng.normal(50, 10, 120)
    color = np.where(size > 50, "red", "blue").tolist()
    whole = rng.integers(3, 9, 120)
    sizes = [None if i % 5 == 0 else x for i, x in enumerate(size.tolist())]
    colors = [None if i % 7 == 0 else x for i, x in enumerate(color)]
    frame = library({"size": sizes, "color": colors, "rooms": whole})
    imputer = BoltzmannImputer(
        random_state=seed, n_chains=n_chains, n_samples=20, n_steps=10
    )
    found = imputer.fit_transform(frame)
    assert type(imputer.estimator_) is MixedRBM and type(found) is library
    assert found["rooms"].dtype == frame["rooms"].dtype
    lost = np.arange(120) % 7 == 0
    right = np.asarray(found["color"]) == np.array(color)
    assert right[~lost].all()
    assert (
        right[lost & (np.abs(size - 50) > 8) & (np.arange(120) % 5 > 0)].mean() >= 0.7
    )
    own, known = np.asarray(found["size"]), np.arange(120) % 5 > 0
    assert (own[known] == size[known]).all()
    low, high = size[known].min(), size[known].max()
    assert (low < own[~known]).all() and (own[~known] < high).all()
    assert len(imputer.sample_imputations(frame, 2)) == 2
    if library is pd.DataFrame:
        columns = make_column_transformer(
            (OneHotEncoder(), ["color"]), remainder="passthrough"
        )
        imputer.set_output(transform="pandas")
        model = make_pipeline(imputer, columns, LogisticRegression())
        assert model.fit(frame, size > 50).score(frame, size > 50) > 0.8


@pytest.mark.parametrize(
    "lost",
    [
        pd.Series([None, None], dtype=object),
        pd.Series([np.nan, np.nan]),
        pd.Series([None, None], dtype="str"),
        pd.Series(pd.Categorical([None, None])),
        pd.Series(pd.Categorical([None, "pear"])),
        pl.Series([None, None]),
        pl.Series([None, None], dtype=pl.String),
    ],
    ids=lambda lost: f"{type(lost).__module__.split('.')[0]}-{lost.dtype}",
)
def test_new_rows_without_any_word(lost, seed):
    """Their column has lost its type, too."""
    library = pd.DataFrame if isinstance(lost, pd.Series) else pl.DataFrame
    frame = library({"fruit": ["apple", "pear"] * 20, "size": np.arange(40.0)})
    new = library({"fruit": lost, "size": [3.0, 4.0]})
    imputer = BoltzmannImputer(
        MixedRBM(2, n_iter=1, random_state=seed), random_state=seed, **QUICK
    )
    imputer.fit(frame)
    for found in (imputer.transform(new), imputer.estimator_.impute(new)):
        assert set(found["fruit"]) <= {"apple", "pear"}


# Errors


@pytest.mark.parametrize("method", ["fit", "transform"])
def test_infinity_is_refused(method, wine):
    imputer = BoltzmannImputer(GaussianRBM(2, n_iter=1), **QUICK).fit(wine[0])
    with pytest.raises(ValueError, match="infinity"):
        getattr(imputer, method)(np.where(wine[0] > 1000, np.inf, np.nan))


@pytest.mark.parametrize(
    "make, name",
    [
        (pd.DataFrame, "city"),
        (pl.DataFrame, "city"),
        (lambda table: pd.DataFrame(table).astype({"city": "string"}), "city"),
        (lambda table: pd.DataFrame(table).astype({"city": "category"}), "city"),
        (lambda table: np.array(list(table.values()), object).T, 1),
        (lambda table: np.array([["1", "Ulm"], ["2", "3"], ["4", "Bonn"]]), 1),
        (lambda table: [[1.0, "Ulm"], [2.0, None], [4.0, "Bonn"]], 1),
    ],
)
@pytest.mark.parametrize(
    "estimator", [BoltzmannImputer(GaussianRBM()), RBM(), DBNTransformer()], ids=str
)
def test_text_is_refused(estimator, make, name):
    X = make({"price": [1.0, 2.0, None], "city": [None, "Ulm", "Bonn"]})
    estimator, before = clone(estimator), vars(clone(estimator))
    with pytest.raises(ValueError, match=f"{name!r} of X has text, 'Ulm'.*MixedRBM"):
        estimator.fit(X)
    assert vars(estimator).keys() == before.keys()


@pytest.mark.parametrize("Class", [DBNClassifier, RBMClassifier])
def test_text_is_refused_by_classifiers(Class):
    X = pd.DataFrame({"price": [1.0, 2.0, 0.5], "city": ["Rom", "Ulm", "Bonn"]})
    with pytest.raises(ValueError, match=r"'city' of X has text, 'Rom'.*MixedRBM"):
        Class().fit(X, [0, 1, 1])


def test_numbers_as_text(wine):
    """scikit-learn reads them, and so does the imputer."""
    model = GaussianRBM(2, n_iter=1)
    imputer = BoltzmannImputer(model, random_state=0, **QUICK)
    found = imputer.fit_transform(wine[0].astype(object).astype(str).astype(object))
    np.testing.assert_array_equal(found, wine[0])


@pytest.mark.parametrize("estimator", [PCA(2), "rbm"], ids=str)
def test_estimators_that_cannot_impute(estimator, wine):
    with pytest.raises(TypeError, match="estimator="):
        BoltzmannImputer(estimator).fit(wine[0])


@pytest.mark.parametrize("frozen", [False, True])
def test_temperatures_of_a_net(frozen, wine):
    net = DBNTransformer((3, 2), n_iter=1)
    estimator = FrozenEstimator(net.fit(wine[0] > 1)) if frozen else net
    with pytest.raises(ValueError, match="tempering=2: impute of DBNTransformer"):
        BoltzmannImputer(estimator, tempering=2).fit(wine[0])
    single = BoltzmannImputer(DBNTransformer((3,), n_iter=1), tempering=2, n_samples=2)
    holes = np.where(np.eye(178, 13, dtype=bool), np.nan, wine[0] > 1)
    assert np.isfinite(single.fit_transform(holes)).all()


@pytest.mark.parametrize(
    "name, value",
    [
        ("n_samples", 0),
        ("n_steps", 1.5),
        ("n_chains", 0),
        ("tempering", None),
        ("standardize", "yes"),
        ("random_state", "seed"),
    ],
)
def test_bad_parameters(name, value, wine):
    with pytest.raises(ValueError, match=f"'{name}' parameter of BoltzmannImputer"):
        BoltzmannImputer(**{name: value}).fit(wine[0])


def test_columns_without_a_known_value(wine, punch):
    hidden, _ = punch(wine[0][:, :5])
    hidden[:, 3] = np.nan
    imputer = BoltzmannImputer(GaussianRBM(2, n_iter=1), random_state=0, **QUICK)
    with pytest.warns(DataRangeWarning, match="columns 3 of X is known"):
        found = imputer.fit_transform(hidden)
    others = imputer.fit_transform(np.delete(hidden, 3, axis=1))
    np.testing.assert_array_equal(found, others)
    imputer.set_params(keep_empty_features=True).fit(hidden)
    hidden[0, 3] = 7.0
    kept = imputer.transform(hidden)
    np.testing.assert_array_equal(kept[:, 3], [7.0] + [0.0] * (len(hidden) - 1))
    np.testing.assert_array_equal(np.delete(kept, 3, axis=1), others)
    with pytest.raises(ValueError, match="No value of X is known"):
        imputer.fit(np.full((5, 2), np.nan))
    assert imputer.n_features_in_ == 5


def test_not_fitted(wine):
    with pytest.raises(NotFittedError):
        BoltzmannImputer().transform(wine[0])


def test_frozen_models_can_see_standardized_columns(wine, punch, seed):
    X, _ = wine
    scaler = StandardScaler().fit(X)
    rbm = GaussianRBM(3, n_iter=2, random_state=seed).fit(scaler.transform(X))
    hidden, holes = punch(X)
    imputer = BoltzmannImputer(
        FrozenEstimator(rbm), standardize=True, random_state=seed, **QUICK
    )
    found = imputer.fit(X).transform(hidden)
    np.testing.assert_allclose(imputer.mean_, scaler.mean_)
    np.testing.assert_allclose(imputer.scale_, scaler.scale_)
    # Chains follow the last digit of what is known.
    rows = (hidden - imputer.mean_) / imputer.scale_
    same = rbm.impute(rows, random_state=imputer._seed, **QUICK)
    np.testing.assert_allclose(found[holes], scaler.inverse_transform(same)[holes])
