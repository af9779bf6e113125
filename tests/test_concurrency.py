"""Models in several threads and processes, and what they share with others."""

import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.base import clone
from threadpoolctl import threadpool_info, threadpool_limits

from skdbn import (
    RBM,
    BernoulliRBM,
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
from skdbn.structured import CRFClassifier, ShapePriorCRFClassifier, pixel_graphs

SMALL = dict(n_components=6, n_iter=2)
NET = dict(layers=(6, 4), n_iter=1, max_iter=2)
CHAINS = dict(n_steps=3)
MODELS = [
    BernoulliRBM(**SMALL),
    RBM(**SMALL, visible="poisson", gradient="pt"),
    GaussianRBM(**SMALL),
    SparseRBM(**SMALL),
    ConvolutionalRBM(3, 2, n_iter=2),
    MeanCovarianceRBM(4, n_mean=2, n_iter=2),
    MixedRBM(**SMALL),
    ConditionalRBM(**SMALL, context=[0]),
    TemporalRBM(**SMALL),
    RBMClassifier(**SMALL),
    DBNTransformer((6, 4), n_iter=1),
    DBNClassifier(**NET),
    DBNRegressor(**NET),
    DBNAutoencoder(**NET),
    DBNNeighborhoodComponents(**NET),
    GenerativeDBNClassifier(**NET),
    BoltzmannImputer(BernoulliRBM(**SMALL), n_samples=2, n_steps=3),
    CRFClassifier(max_iter=3, cv=2),
    ShapePriorCRFClassifier(grid=3, n_iter=1, n_sweeps=2),
]
METHODS = (
    *("transform", "reconstruct", "free_energy", "score_samples", "activations"),
    *("predict", "predict_proba", "decision_function"),
    *("reconstruction_log_likelihood", "sample", "impute", "conditional_sample"),
    *("sample_shapes", "sample_imputations"),
)
# What these draw depends on a seed.
DRAWN = {
    "sample": dict(n_samples=3, random_state=0, n_steps=3),
    "impute": dict(n_samples=2, random_state=0, n_steps=3),
    "conditional_sample": dict(random_state=0, n_steps=3),
    "sample_shapes": dict(n_samples=3, random_state=0, n_steps=3),
    "sample_imputations": dict(n_imputations=2, random_state=0),
}

by_name = pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)


def rows_for(model, seed=0):
    """Rows, or graphs, and their labels."""
    rng = np.random.default_rng(seed)
    if isinstance(model, CRFClassifier | ShapePriorCRFClassifier):
        graphs = pixel_graphs(rng.random((8, 4, 4)))
        return graphs, [(graph.node_features > 0.5).ravel() * 1 for graph in graphs]
    return (rng.random((24, 5)) < 0.5).astype(float), np.arange(24) % 2


def flat(result):
    """All numbers of a result, whatever it is made of."""
    if isinstance(result, np.ndarray):
        return [result]
    return [array for part in result for array in flat(part)]


def answers_of(model, X):
    """The results of all methods."""
    with_holes = X
    if isinstance(X, np.ndarray):
        with_holes = np.where(np.eye(*X.shape, dtype=bool), np.nan, X)
        if isinstance(model, ConditionalRBM):
            with_holes[:, 0] = X[:, 0]
    found, drawn = [], DRAWN
    if isinstance(model, ConditionalRBM | TemporalRBM):
        # Contexts, or frames to go on from, say how many rows there are.
        key = "start" if isinstance(model, TemporalRBM) else "context"
        context = X if key == "start" else X[:, :1]
        drawn = DRAWN | {"sample": {key: context, "random_state": 0, "n_steps": 3}}
    for name in METHODS:
        if hasattr(model, name):
            takes = name not in ("sample", "sample_shapes")
            holes = name in ("impute", "conditional_sample", "sample_imputations")
            rows = (with_holes if holes else X,) if takes else ()
            method, settings = getattr(model, name), drawn.get(name, {})
            if isinstance(model, DBNAutoencoder):
                # It fills in what is unknown without a draw.
                settings = {}
            found += flat(method(*rows, **settings))
    return found


def fitted_answers(model, seed=0):
    X, y = rows_for(model)
    return answers_of(clone(model).set_params(random_state=seed).fit(X, y), X)


def same(one, other):
    return len(one) == len(other) and all(map(np.array_equal, one, other))


@pytest.fixture
def many_switches():
    """Threads that take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@by_name
def test_one_model_in_many_threads(model, many_switches):
    X, y = rows_for(model)
    model = clone(model).set_params(random_state=0).fit(X, y)
    # Each with rows of its own, so that nobody finds what another one left.
    rows = [rows_for(model, seed)[0] for seed in range(6)]
    expected = [answers_of(model, own) for own in rows]
    with ThreadPoolExecutor(6) as pool:
        found = pool.map(answers_of, [model] * 24, rows * 4)
        assert all(map(same, found, expected * 4))


@by_name
def test_fits_in_many_threads(model, many_switches):
    expected = [fitted_answers(model, seed) for seed in (0, 1)]
    assert not same(*expected) or isinstance(model, CRFClassifier)
    found = Parallel(n_jobs=4, backend="threading")(
        delayed(fitted_answers)(model, seed) for seed in (0, 1) * 2
    )
    assert all(map(same, found, expected * 2))


def test_threads_of_blas(monkeypatch):
    """Of small products there is one; with several sums are of another order."""
    X = np.random.default_rng(0).random((400, 150))

    def fitted(n_threads):
        with threadpool_limits(n_threads):
            rbm = BernoulliRBM(120, batch_size=200, n_iter=3, random_state=0)
            return rbm.fit(X).components_

    np.testing.assert_array_equal(fitted(1), fitted(2))
    monkeypatch.setattr("skdbn._utils._threads.LARGE_PRODUCT", 0)
    np.testing.assert_allclose(fitted(1), fitted(2), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "model",
    [
        GaussianRBM(20, variance="full", n_iter=2),
        ConditionalRBM(20, context=slice(30), visible="gaussian", n_iter=2),
        TemporalRBM(20, order=1, n_iter=2),
        ConvolutionalRBM(8, 5, visible="gaussian", n_iter=2),
        DBNAutoencoder((50, 20), rbm=GaussianRBM(n_iter=2), n_iter=2, max_iter=2),
        DBNNeighborhoodComponents((50, 20), rbm=GaussianRBM(n_iter=2), max_iter=2),
    ],
    ids=lambda m: type(m).__name__,
)
def test_threads_of_blas_change_no_bit(model):
    """Of a fit whose products are all small, also those by which it starts."""
    X = np.random.default_rng(0).normal(size=(400, 81))
    X[:, 1:] += X[:, :-1]
    found = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads):
            own = clone(model).set_params(random_state=0)
            found.append(own.fit(X, np.arange(400) % 2).transform(X))
    np.testing.assert_array_equal(*found)


@pytest.mark.slow
def test_fits_in_processes():
    expected = [fitted_answers(model) for model in MODELS]
    found = Parallel(n_jobs=2, backend="loky")(
        delayed(fitted_answers)(model) for model in MODELS
    )
    assert all(map(same, found, expected))


def shared_state():
    """What belongs to all of a process, and to the package's modules."""
    modules = {
        (name, key): repr(value)
        for name, module in sys.modules.items()
        if name.partition(".")[0] == "skdbn"
        for key, value in vars(module).items()
        if isinstance(value, dict | list | set) and not key.startswith("__")
    }
    return {
        "errors of NumPy": np.geterr(),
        "filters of warnings": list(warnings.filters),
        "seed of NumPy": repr(np.random.get_state()),  # noqa: NPY002
        "threads": {lib["filepath"]: lib["num_threads"] for lib in threadpool_info()},
        "Python's threads": threading.active_count(),
        "modules": modules,
    }


@by_name
def test_a_fit_leaves_no_trace(model):
    np.random.seed(1)  # noqa: NPY002
    before = shared_state()
    first = fitted_answers(model)
    assert shared_state() == before
    # Nor does it depend on what others have set.
    np.random.seed(2)  # noqa: NPY002
    with np.errstate(all="raise"), warnings.catch_warnings():
        # What is below is to be rounded to 0.
        np.seterr(under="ignore")
        assert same(fitted_answers(model), first)
