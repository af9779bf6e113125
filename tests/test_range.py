"""Rows out of range: one warning a call, wherever a fitted model meets them."""

import warnings

import numpy as np
import pytest

from skdbn import (
    BernoulliRBM,
    DBNClassifier,
    DBNRegressor,
    DBNTransformer,
    RBMClassifier,
)
from skdbn.exceptions import DataRangeWarning

NET = {"layers": (3, 2), "n_iter": 1}
SUPERVISED = NET | {"max_iter": 1, "random_state": 0}
PREDICT = ["predict", "predict_proba", "predict_log_proba", "score"]
MODELS = [
    (
        BernoulliRBM(3),
        ["transform", "reconstruct", "free_energy", "score_samples", "score", "gibbs"],
    ),
    (DBNTransformer(**NET), ["transform", "activations", "reconstruct", "score"]),
    (RBMClassifier(3, n_iter=1), PREDICT),
    (DBNClassifier(**SUPERVISED), [*PREDICT, "decision_function", "partial_fit"]),
    (DBNClassifier(**SUPERVISED, fine_tuning="up-down"), PREDICT),
    (DBNClassifier(**SUPERVISED, fine_tuning="up-down", recognition="gibbs"), PREDICT),
    (DBNRegressor(**SUPERVISED), ["predict", "score"]),
]
CASES = [(model, method) for model, methods in MODELS for method in methods]


def call(model, method, X, y):
    arguments = (X, y) if method in ("score", "partial_fit") else (X,)
    return getattr(model, method)(*arguments)


def hints(function, *args):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function(*args)
    return [str(one.message) for one in caught if one.category is DataRangeWarning]


@pytest.fixture
def data(rng):
    return (rng.random((30, 4)) < 0.5).astype(float), np.arange(30) % 2


@pytest.mark.parametrize(
    "model, method", CASES, ids=lambda x: x if isinstance(x, str) else type(x).__name__
)
def test_one_warning_a_call(model, method, data):
    X, y = data
    model = model.fit(X, y)
    assert not hints(call, model, method, X, y)
    outside = X.copy()
    outside[3, 2] = 7
    (told,) = hints(call, model, method, outside, y)
    assert "column 2" in told


@pytest.mark.parametrize("layers", [(3, 2), (BernoulliRBM(3), 2)])
def test_one_warning_a_fit(layers, data):
    """Where the units were chosen by somebody, and none for what lies above."""
    X, y = data
    for model in (
        DBNTransformer(layers, rbm=BernoulliRBM(), n_iter=1),
        DBNClassifier(layers, rbm=BernoulliRBM(), n_iter=1, max_iter=1),
    ):
        assert len(hints(model.fit, 2 * X, y)) == 1
    given = DBNTransformer(layers, n_iter=1).fit(X)
    tuned = DBNClassifier(pretrained=given, max_iter=1)
    assert len(hints(tuned.fit, 2 * X, y)) == 1
