"""Estimators that are saved and loaded again."""

import pickle

import joblib
import numpy as np
import pytest
import sklearn.exceptions
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import skdbn
from skdbn import (
    RBM,
    BoltzmannImputer,
    ConditionalRBM,
    ConvolutionalRBM,
    DBNAutoencoder,
    DBNClassifier,
    DBNNeighborhoodComponents,
    DBNRegressor,
    DBNTransformer,
    GaussianRBM,
    GenerativeDBNClassifier,
    MeanCovarianceRBM,
    MixedRBM,
    RBMClassifier,
    SparseRBM,
    TemporalRBM,
)
from skdbn.exceptions import InconsistentVersionWarning

SMALL = dict(n_iter=1, random_state=0)
ESTIMATORS = [
    RBM(3, **SMALL),
    GaussianRBM(3, **SMALL),
    SparseRBM(3, **SMALL),
    ConvolutionalRBM(3, 2, **SMALL),
    MeanCovarianceRBM(3, **SMALL),
    MixedRBM(3, **SMALL),
    ConditionalRBM(3, context=[0], **SMALL),
    TemporalRBM(3, **SMALL),
    RBMClassifier(3, **SMALL),
    DBNTransformer((3, 2), **SMALL),
    DBNClassifier((3,), max_iter=1, **SMALL),
    DBNRegressor((3,), max_iter=1, **SMALL),
    DBNAutoencoder((3,), max_iter=1, **SMALL),
    DBNNeighborhoodComponents((3,), max_iter=1, **SMALL),
    GenerativeDBNClassifier((3, 2), max_iter=1, **SMALL),
    BoltzmannImputer(RBM(3, **SMALL), random_state=0),
]


@pytest.fixture
def data(rng):
    return (rng.random((40, 6)) < 0.5).astype(float), np.arange(40) % 2


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_another_version_warns(estimator, data, monkeypatch):
    saved = pickle.dumps(estimator.fit(*data))
    # Warnings are errors: the version that saved it loads it silently.
    assert not hasattr(pickle.loads(saved), "_skdbn_version")
    here = skdbn.__version__
    monkeypatch.setattr(skdbn, "__version__", "99.0")
    with pytest.warns(InconsistentVersionWarning) as caught:
        loaded = pickle.loads(saved)
    last = caught[-1].message
    assert last.estimator_name == type(estimator).__name__
    assert last.original_sklearn_version == here
    assert f"saved by version {here} of skdbn and is loaded by version 99.0" in str(
        last
    )
    assert type(loaded) is type(estimator)
    # Saved anew, it is of the present version.
    pickle.loads(pickle.dumps(loaded))


def test_no_version_warns_as_scikit_learn(data):
    rbm = RBM(3, **SMALL).fit(data[0])
    state = {k: v for k, v in rbm.__getstate__().items() if k != "_skdbn_version"}
    with pytest.warns(
        sklearn.exceptions.InconsistentVersionWarning, match="version unknown of skdbn"
    ):
        RBM().__setstate__(state)


def test_joblib(data, tmp_path):
    X, y = data
    model = make_pipeline(MinMaxScaler(), DBNClassifier((3,), max_iter=1, **SMALL))
    model.fit(X, y)
    joblib.dump(model, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib")
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize(
    "settings", [dict(gradient="fpcd"), dict(gradient="cd", momentum=0.5)], ids=str
)
@pytest.mark.parametrize("nested", [False, True])
def test_saves_the_weights_once(settings, nested, rng):
    """No fast weights, velocity, working arrays or data; learning goes on."""
    X = rng.random((200, 400))
    rbm = RBM(500, n_iter=1, batch_size=100, random_state=0, **settings)
    model = DBNTransformer((rbm,)) if nested else rbm
    saved = pickle.dumps(model.fit(X))
    chains = 100 * (400 + 500) * 8
    assert len(saved) < 400 * 500 * 8 + chains + 50_000
    if not nested:
        rbm = pickle.loads(saved)
        before = rbm.components_.copy()
        assert not np.array_equal(rbm.partial_fit(X).components_, before)
