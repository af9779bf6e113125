"""Rows out of range: one warning a call, wherever a fitted model meets them."""

import warnings

import numpy as np
import pytest
from scipy import sparse

from skdbn import (
    RBM,
    BernoulliRBM,
    DBNAutoencoder,
    DBNClassifier,
    DBNNeighborhoodComponents,
    DBNRegressor,
    DBNTransformer,
    GenerativeDBNClassifier,
    MixedRBM,
    RBMClassifier,
)
from skdbn.exceptions import DataRangeWarning
from skdbn.units import Concatenated, Softmax

NET = {"layers": (3, 2), "n_iter": 1}
SUPERVISED = NET | {"max_iter": 1, "random_state": 0}
PREDICT = ["predict", "predict_proba", "predict_log_proba", "score"]
CODE = ["transform", "score", "partial_fit"]
AUTO = ["transform", "reconstruct", "score_samples", "score"]
MODELS = [
    (
        BernoulliRBM(3),
        ["transform", "reconstruct", "free_energy", "score_samples", "score", "gibbs"],
    ),
    (DBNTransformer(**NET), ["transform", "activations", "reconstruct", "score"]),
    (RBMClassifier(3, n_iter=1), PREDICT),
    (DBNClassifier(**SUPERVISED), [*PREDICT, "decision_function", "partial_fit"]),
    (GenerativeDBNClassifier(**SUPERVISED), PREDICT),
    (DBNRegressor(**SUPERVISED), ["predict", "score"]),
    (DBNAutoencoder(**SUPERVISED), AUTO),
    (DBNNeighborhoodComponents(**SUPERVISED), CODE),
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


# Values between the bounds that the units cannot have.
SOFTMAX, COUNTS = Softmax(2), "poisson"
MIXTURE = Concatenated([("softmax", 1, 2), ("poisson", 2)])
BETWEEN = [(SOFTMAX, 0.0), (SOFTMAX, 1.0), (COUNTS, 1.5), (MIXTURE, 1.5), (MIXTURE, -1)]
ROWS = ["transform", "reconstruct", "free_energy", "score_samples", "gibbs"]
SINGLE = [
    (lambda units: RBM(3, visible=units, n_iter=1), ROWS),
    (lambda units: RBMClassifier(3, visible=units, n_iter=1), PREDICT),
]
NETS = [
    (lambda layer: DBNTransformer((layer, 2)), ["transform", "activations", "score"]),
    (lambda layer: DBNClassifier((layer, 2), max_iter=1), PREDICT),
    (lambda layer: DBNRegressor((layer, 2), max_iter=1), ["predict"]),
    (lambda layer: DBNAutoencoder((layer, 2), max_iter=1), AUTO),
]
BETWEEN_CASES = [(make, m) for make, methods in SINGLE for m in methods] + [
    (lambda units, make=make: make(RBM(3, visible=units, n_iter=1)), m)
    for make, methods in NETS
    for m in methods
]


@pytest.mark.parametrize(
    "make, method", BETWEEN_CASES, ids=[m for _, m in BETWEEN_CASES]
)
@pytest.mark.filterwarnings("ignore:The outputs of the net are alike")
@pytest.mark.parametrize("units, value", BETWEEN, ids=str)
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_impossible_values_between_the_bounds(
    make, method, units, value, container, rng
):
    X = np.eye(2)[rng.integers(2, size=(30, 2))].reshape(30, 4)
    y = X[:, 0].astype(int)
    model = make(units).fit(container(X), y)
    assert not hints(call, model, method, container(X), y)
    outside = X.copy()
    # The 1 of a group goes and comes with another, and a count is not whole.
    outside[3, 2:] = value
    (told,) = hints(call, model, method, container(outside), y)
    assert "1 of 30 rows" in told and "column 2" in told


@pytest.mark.parametrize("units", ["auto", [("softmax", 1, 2), ("poisson", 2)]])
def test_impossible_values_of_a_table(units, rng):
    X = np.column_stack([np.eye(2)[rng.integers(2, size=30)], rng.poisson(2, (30, 2))])
    chosen = {2: "poisson", 3: "poisson"} if units == "auto" else units
    outside = X.copy()
    outside[3, 2] = 1.5
    for model in (
        MixedRBM(3, units=chosen, n_iter=1),
        DBNTransformer((MixedRBM(3, units=chosen, n_iter=1), 2)),
    ):
        model.fit(X)
        assert not hints(model.transform, X)
        (told,) = hints(model.transform, outside)
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
