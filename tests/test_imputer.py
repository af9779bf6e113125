"""The imputer, from the outside; what it rests on is in test_missing.py."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skdbn import RBM, BernoulliRBM, BoltzmannImputer, GaussianRBM, MixedRBM
from skdbn.exceptions import EstimateWarning
from skdbn.units import Gaussian

QUICK = dict(n_samples=5, n_steps=5)


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


def test_raw_columns_in_and_out(wine, punch, seed):
    """Columns on scales from 0.1 to 1000, nearer than their means."""
    X, _ = wine
    hidden, holes = punch(X)
    before = hidden.copy()
    found = BoltzmannImputer(random_state=seed).fit_transform(hidden)
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
        (lambda rng: rng.random((60, 4)), BernoulliRBM),
        (lambda rng: rng.normal(size=(60, 4)), GaussianRBM),
        (
            lambda rng: np.hstack(
                [rng.normal(5, 2, size=(60, 2)), rng.integers(0, 2, (60, 2))]
            ),
            MixedRBM,
        ),
    ],
)
def test_default_model(columns, kind, rng, punch, seed):
    hidden, _ = punch(columns(rng).astype(float))
    imputer = BoltzmannImputer(random_state=seed, **QUICK).fit(hidden)
    assert type(imputer.estimator_) is kind
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
def test_what_is_standardised(estimator, standardize, scaled, rng, punch, seed):
    X = rng.poisson(3, size=(50, 3)).astype(float)
    hidden, holes = punch(X)
    imputer = BoltzmannImputer(
        estimator, standardize=standardize, random_state=seed, **QUICK
    )
    found = imputer.fit_transform(hidden)
    assert (imputer.scale_ != 1).all() == scaled
    assert (found[~holes] == X[~holes]).all()
    assert not np.isnan(found).any()


def test_one_hot_columns(wine, punch, seed):
    X, y = wine
    one_hot = OneHotEncoder(sparse_output=False).fit_transform(y[:, None])
    lost = np.arange(0, len(X), 4)
    table = np.hstack([X, one_hot])
    table[lost, -3:] = np.nan
    found = BoltzmannImputer(random_state=seed).fit_transform(table)[:, -3:]
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found[lost].argmax(axis=1) == y[lost]).mean() > 0.85


def test_frozen_model(wine, punch, seed):
    X, _ = wine
    X = (X > np.median(X, axis=0)).astype(float)
    rbm = BernoulliRBM(10, n_iter=20, random_state=seed).fit(X)
    hidden, _ = punch(X)
    imputer = BoltzmannImputer(FrozenEstimator(rbm), random_state=seed, **QUICK)
    found = imputer.fit(X[:5]).transform(hidden)
    assert imputer.estimator_.estimator is rbm
    same = rbm.impute(hidden, random_state=imputer._seed, **QUICK)
    np.testing.assert_array_equal(found, same)


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


def test_constant_columns(punch, seed):
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
def test_text_is_refused(make, name):
    X = make({"price": [1.0, 2.0, None], "city": [None, "Ulm", "Bonn"]})
    imputer = BoltzmannImputer()
    with pytest.raises(ValueError, match=f"{name!r} of X has text, 'Ulm'.*MixedRBM"):
        imputer.fit(X)
    assert vars(imputer) == vars(BoltzmannImputer())


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


def test_column_without_a_known_value(wine):
    X = wine[0].copy()
    X[:, 3] = np.nan
    imputer = BoltzmannImputer(GaussianRBM(2, n_iter=1), **QUICK).fit(wine[0])
    fitted = imputer.estimator_
    with pytest.raises(ValueError, match="column 3 of X is known"):
        imputer.fit(X[:, :5])
    assert imputer.estimator_ is fitted and imputer.n_features_in_ == 13


def test_not_fitted(wine):
    with pytest.raises(NotFittedError):
        BoltzmannImputer().transform(wine[0])
