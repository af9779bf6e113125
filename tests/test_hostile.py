"""Any table, any method: an answer with numbers in it, or an error that says why not."""

import copy
import inspect
import os
import pickle
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from conftest import SEED, needs_images

pytest.importorskip("hypothesis", reason="hostile input comes from hypothesis")

from _hostile import (
    answer,
    frame,
    lengths_of_sequences,
    n_rows,
    odd_graphs,
    pictures,
    tables,
    targets,
    usual_targets,
    weights,
    whole_graphs,
)
from hypothesis import HealthCheck, given, note, seed, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import BaseEstimator, is_regressor

import skdbn
from skdbn import (
    RBM,
    BernoulliRBM,
    BoltzmannImputer,
    ConditionalRBM,
    ConstantSparsity,
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
    Sparsity,
    TemporalRBM,
    evaluation,
)
from skdbn.structured import (
    CRFClassifier,
    Graph,
    ShapePriorCRFClassifier,
    SuperpixelGraphs,
    label_maps,
    pixel_graphs,
    region_labels,
)
from skdbn.units import Softmax

SMALL = dict(n_components=3, n_iter=2, batch_size=4, random_state=0)
NETS = dict(layers=(3, 2), n_iter=1, max_iter=2, batch_size=4, random_state=0)
CHAINS = dict(n_samples=2, n_steps=2)

ESTIMATORS = {
    "RBM": RBM(**SMALL),
    "cd": RBM(**SMALL, gradient="cd", momentum=0.5, centered=False, sample_data=False),
    "early": RBM(**SMALL, gradient="pt", early_stopping=True),
    "spin": RBM(**SMALL, visible="spin", hidden="spin", gradient="pcd"),
    "rectified": RBM(**SMALL, visible="rectified", hidden="gaussian"),
    "nrelu": RBM(**SMALL, visible="gaussian", hidden="rectified"),
    "poisson": RBM(**SMALL, visible="poisson"),
    "softmax": RBM(**SMALL, visible=Softmax(2), hidden="softmax"),
    "matching": RBM(**SMALL, visible="gaussian", gradient="score-matching"),
    "BernoulliRBM": BernoulliRBM(**SMALL),
    "GaussianRBM": GaussianRBM(**SMALL),
    "shared": GaussianRBM(**SMALL, variance="shared", gradient="cd"),
    "full": GaussianRBM(**SMALL, variance="full"),
    "SparseRBM": SparseRBM(**SMALL),
    "ConvolutionalRBM": ConvolutionalRBM(3, 1, pool=1, n_iter=1, random_state=0),
    "MeanCovarianceRBM": MeanCovarianceRBM(3, n_mean=2, n_iter=1, random_state=0),
    "pixels": ConvolutionalRBM(
        2, 2, pool=1, visible="gaussian", n_iter=1, random_state=0
    ),
    "MixedRBM": MixedRBM(**SMALL),
    "ConditionalRBM": ConditionalRBM(**SMALL, context=[0]),
    "given": ConditionalRBM(**SMALL, context=slice(1, 3), visible="gaussian"),
    "TemporalRBM": TemporalRBM(**SMALL, order=2),
    "RBMClassifier": RBMClassifier(**SMALL),
    "hybrid": RBMClassifier(**SMALL, visible="gaussian", unlabeled=-1),
    "DBNTransformer": DBNTransformer((3, 2), n_iter=1, random_state=0),
    "mixed": DBNTransformer((MixedRBM(**SMALL), 2), n_iter=1, random_state=0),
    "DBNClassifier": DBNClassifier(**NETS),
    "cg": DBNClassifier(**NETS, solver="cg", unlabeled=-1, early_stopping=True),
    "GenerativeDBNClassifier": GenerativeDBNClassifier(**NETS),
    "DBNRegressor": DBNRegressor(**NETS),
    "DBNAutoencoder": DBNAutoencoder(**NETS),
    "DBNNeighborhoodComponents": DBNNeighborhoodComponents(**NETS, unlabeled=-1),
    "regularized": DBNNeighborhoodComponents(**NETS, reconstruction=0.1),
    "rectified code": DBNAutoencoder(**NETS, code="rectified"),
    "tied": DBNAutoencoder(**NETS, tied=True, code="bernoulli", input_dropout=0.2),
    "lbfgs": DBNRegressor(**NETS, solver="lbfgs"),
    "BoltzmannImputer": BoltzmannImputer(RBM(**SMALL), **CHAINS, random_state=0),
    "gaussian": BoltzmannImputer(GaussianRBM(**SMALL), **CHAINS, add_indicator=True),
    "default": BoltzmannImputer(**CHAINS, keep_empty_features=True, random_state=0),
}

# Of which the first are fine.
NUMBERS = [1, 2, np.int64(3), 0, -1, 2.5, True, None, "a", [2], np.nan]

IMAGE_SHAPES = [
    *(None, (1, 4), (2, 2), (1, 2, 2), [2, 1, 2], (7, 1), (1, 1, 1)),
    *((4,), (0, 4), (-2, -2), (2.0, 2), (True, 4), (2, 2, 1, 1), "22", 4, np.eye(2)),
]

# Methods of rows, and what may be infinite in their results.
METHODS = {
    "transform": (),
    "reconstruct": (),
    "gibbs": (),
    "free_energy": (np.inf,),
    "score_samples": (-np.inf,),
    "reconstruction_log_likelihood": (-np.inf,),
    "log_likelihood": (-np.inf,),
    "predict_next": (),
    "predict": (),
    "predict_proba": (),
    "predict_log_proba": (-np.inf,),
    "decision_function": (-np.inf, np.inf),
    "impute": (),
    "conditional_sample": (),
}
SETTINGS = {
    "impute": CHAINS,
    "predict_next": CHAINS,
    "log_likelihood": {"n_betas": 3},
    "conditional_sample": {"n_steps": 2},
}


@pytest.fixture(autouse=True, scope="module")
def short():
    """Fits of the imputer's default model that are short."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skdbn._estimators._model_search.N_UPDATES", (5, 10))
        yield


def check(result, length=None, infinite=()):
    """Rows or numbers, and nothing that is none."""
    assert length is None or n_rows(result) == length
    if sparse.issparse(result):
        result = result.toarray()
    columns = [result[c] for c in result.columns] if hasattr(result, "columns") else []
    for part in columns or [np.asarray(result)]:
        part = np.asarray(part)
        if part.dtype.kind == "f":
            bad = ~np.isfinite(part)
            assert np.isin(part[bad], infinite).all(), part
        elif part.dtype == object:
            assert not pd.isna(part).any(), part


def fitted(estimator, method, X, y, sample_weight, lengths):
    """A fitted copy, or None; after an error it is what it was."""
    model = copy.deepcopy(estimator)
    call = getattr(model, method)
    known = inspect.signature(call).parameters
    others = {"sample_weight": sample_weight} if sample_weight is not None else {}
    others["lengths"] = lengths
    if "classes" in known:
        others["classes"] = [0, 1]
    others = {k: v for k, v in others.items() if k in known}
    before = pickle.dumps(model)
    if answer(call, X, y, **others) is None:
        assert pickle.dumps(model) == before, "a failed fit has changed the estimator"
        return None
    return model


def ask_all(model, X, y, draw):
    """Call each method with the rows."""
    length = n_rows(X)
    lengths = draw(lengths_of_sequences(length))
    for name, infinite in METHODS.items():
        if hasattr(model, name):
            takes = inspect.signature(getattr(model, name)).parameters
            more = SETTINGS.get(name, {}) | {"lengths": lengths}
            more = {key: value for key, value in more.items() if key in takes}
            note(name)
            result = answer(getattr(model, name), X, **more)
            if result is not None:
                check(result, length, infinite)
    if hasattr(model, "conditional_sample"):
        note("mask")
        mask = np.arange(model.n_features_in_) % 2 == np.ones((length, 1))
        result = answer(model.conditional_sample, X, mask, n_steps=2)
        assert result is None or check(result, length) is None
    if hasattr(model, "score"):
        note("score")
        sequences = isinstance(model, TemporalRBM)
        more = {"lengths": lengths} if sequences else {}
        result = answer(model.score, X, y, **more)
        # R² of a single row is NaN.
        known = is_regressor(model) or sequences or not np.isnan(result or 0)
        assert result is None or (np.isscalar(result) and known)
    if hasattr(model, "inverse_transform"):
        note("inverse_transform")
        width = len(model.get_feature_names_out())
        for H in (X, draw(tables(width))):
            result = answer(model.inverse_transform, H)
            assert result is None or check(result, n_rows(H)) is None
        if isinstance(model, ConditionalRBM):
            given = draw(contexts(model))
            result = answer(model.inverse_transform, H, given)
            assert result is None or check(result, n_rows(given)) is None
    if hasattr(model, "activations"):
        note("activations")
        for layer in answer(model.activations, X) or ():
            check(layer, length)
    for function, infinite in evaluations(model).items():
        note(function.__name__)
        result = answer(function, model, X, **EVALUATIONS.get(function, {}))
        if result is not None:
            check(result, length, infinite)
    if hasattr(model, "sample_imputations"):
        note("sample_imputations")
        for table in answer(model.sample_imputations, X, 2, random_state=0) or ():
            check(table, length)


def contexts(model):
    """Tables of given columns, or of others."""
    return tables(len(model.context_columns_)) | tables()


def ask_to_go_on(model, X, y, draw):
    """Draws from models that have to be given rows to draw after."""
    numbers = st.sampled_from([1, 2, 3]) | st.sampled_from(NUMBERS)
    n_frames, n_steps = draw(numbers), draw(numbers)
    if isinstance(model, ConditionalRBM):
        note("sample of contexts")
        given = draw(contexts(model))
        result = answer(model.sample, given, n_steps=n_steps, means=draw(st.booleans()))
        assert result is None or check(result, n_rows(given)) is None
        return
    note("sample of frames")
    start = draw(st.none() | st.just(X) | tables(model.n_features_in_) | tables())
    settings = dict(start=start, n_steps=n_steps, means=draw(st.booleans()))
    result = answer(model.sample, n_frames, **settings)
    assert result is None or check(result, n_frames) is None
    note("forecast")
    lengths = draw(lengths_of_sequences(n_rows(X)))
    result = answer(model.forecast, X, n_frames, lengths, **CHAINS)
    n_sequences = 1 if lengths is None else n_rows(lengths)
    assert result is None or check(result, n_frames * n_sequences) is None


def cases(share):
    """As many cases as are asked for, or a share of them, that depend on the seed."""
    n_cases = int(os.environ.get("SKDBN_FUZZ", "80"))
    chosen = settings(
        max_examples=max(40, round(share * n_cases)),
        deadline=timedelta(seconds=60),
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    return lambda test: chosen(seed(SEED)(test))


@cases(1)
@given(st.data())
def test_an_answer_or_an_error(data):
    run(data.draw)


EVALUATIONS = {
    evaluation.log_likelihood: dict(log_partition=0.0),
    evaluation.log_likelihood_bound: dict(log_partition=0.0, n_samples=2),
}


def evaluations(model):
    """Functions that judge rows under a model, and what they may say of them."""
    if isinstance(model, DBNTransformer):
        return {evaluation.log_likelihood_bound: (-np.inf,)}
    if not isinstance(model, RBM):
        return {}
    return {
        evaluation.log_likelihood: (-np.inf,),
        evaluation.pseudo_log_likelihood: (-np.inf,),
        evaluation.reconstruction_error: (),
    }


def run(draw):
    name = draw(st.sampled_from(list(ESTIMATORS)))
    method = draw(st.sampled_from(["fit", "fit_transform", "partial_fit"]))
    estimator = ESTIMATORS[name]
    if isinstance(estimator, ConvolutionalRBM):
        shape = draw(st.sampled_from(IMAGE_SHAPES))
        estimator = copy.deepcopy(estimator).set_params(image_shape=shape)
    if not hasattr(estimator, method):
        method = "fit"
    X = draw(tables())
    y = draw(targets(n_rows(X)))
    sample_weight = draw(st.none() | weights(n_rows(X)))
    lengths = draw(lengths_of_sequences(n_rows(X)))
    model = fitted(estimator, method, X, y, sample_weight, lengths)
    if model is None:
        return
    ask_all(model, X, y, draw)
    if isinstance(model, ConditionalRBM | TemporalRBM):
        ask_to_go_on(model, X, y, draw)
    elif hasattr(model, "sample"):
        note("sample")
        fine = st.sampled_from([(3, 2, 1), (1, 1, 2), (2, 3, 1)])
        numbers = draw(fine | st.tuples(*[st.sampled_from(NUMBERS)] * 3))
        named = zip(("n_samples", "n_steps", "tempering"), numbers, strict=True)
        takes = inspect.signature(model.sample).parameters
        settings = {name: number for name, number in named if name in takes}
        seed = draw(st.sampled_from([0, 0, 0, None, -1, "a", np.random.default_rng(0)]))
        rows = answer(model.sample, **settings, random_state=seed)
        assert rows is not None or numbers != (3, 2, 1) or seed not in (0, None)
        if rows is not None:
            check(rows[0] if isinstance(rows, tuple) else rows, settings["n_samples"])
    other = draw(tables(model.n_features_in_) | tables())
    labels = draw(targets(n_rows(other)))
    ask_all(model, other, labels, draw)
    if method == "partial_fit":
        note("partial_fit again")
        lengths = draw(lengths_of_sequences(n_rows(other)))
        fitted(model, method, other, labels, None, lengths)


CRFS = {
    "none": CRFClassifier(edges=None, max_iter=3, unlabeled=-1),
    "pseudo": CRFClassifier(cv=2, max_iter=3, n_sweeps=3),
    "sweeps": CRFClassifier(2, edges="mean-field", cv=None, max_iter=3, n_sweeps=2),
    "shape": ShapePriorCRFClassifier(
        CRFClassifier(max_iter=3),
        RBM(2, n_iter=1),
        grid=2,
        n_iter=1,
        n_sweeps=2,
        random_state=0,
    ),
}


@cases(0.1)
@given(st.data())
def test_graphs(data):
    run_graphs(data.draw)


def draw_graphs(draw, n_columns):
    """Graphs, or what may be some, and labels of their nodes."""
    kind = odd_graphs if draw(st.integers(0, 5)) == 0 else whole_graphs
    given = [draw(kind(n_columns)) for _ in range(draw(st.integers(0, 5)))]
    made = [answer(Graph, *parameters) for parameters in given]
    if draw(st.booleans()):
        given = [graph for graph in made if graph is not None]
    lengths = [
        n_rows(graph[0]) if isinstance(graph, tuple) else graph.n_nodes
        for graph in given
    ]
    kinds = targets if draw(st.integers(0, 5)) == 0 else usual_targets
    return given, [draw(kinds(length)) for length in lengths]


def run_graphs(draw):
    model = copy.deepcopy(CRFS[draw(st.sampled_from(list(CRFS)))])
    n_columns = draw(st.sampled_from([0, 1, 2]))
    X, y = draw_graphs(draw, n_columns)
    before = pickle.dumps(model)
    if answer(model.fit, X, y) is None:
        assert pickle.dumps(model) == before, "a failed fit has changed the estimator"
        return
    cases = [(X, y), draw_graphs(draw, n_columns)]
    for X, y in cases:
        lengths = [
            n_rows(graph[0] if isinstance(graph, tuple) else graph.node_features)
            for graph in X
        ]
        for name in ("predict", "predict_proba"):
            note(name)
            result = answer(getattr(model, name), X)
            for own, length in zip(result or (), lengths, strict=False):
                check(own, length)
        note("score")
        result = answer(model.score, X, y)
        assert result is None or np.isfinite(result)
    if hasattr(model, "sample_shapes"):
        check(answer(model.sample_shapes, 2, n_steps=2, random_state=0), 2)


@needs_images
@cases(0.1)
@given(st.data())
def test_pictures(data):
    run_pictures(data.draw)


def run_pictures(draw):
    """Pictures, graphs of them and label maps."""
    X = [draw(pictures()) for _ in range(draw(st.integers(0, 2)))]
    made = answer(pixel_graphs, X)
    for graph in made or ():
        check(graph.node_features)
    if draw(st.integers(0, 3)):
        return
    words = dict(n_segments=3, n_colors=2, n_textures=2, n_positions=2)
    model = SuperpixelGraphs(**words, random_state=0)
    before = pickle.dumps(model)
    if answer(model.fit, X) is None:
        assert pickle.dumps(model) == before
        return
    for some in (X, [draw(pictures())]):
        for graph in answer(model.transform, some) or ():
            check(graph.node_features)
            labels = draw(targets(graph.n_nodes))
            maps = answer(label_maps, [graph], [labels]) or [draw(pictures())]
            answer(region_labels, [graph], maps)


def test_every_method_is_called():
    """All that users can call with rows is in the tables above."""
    called = {*METHODS, "fit", "partial_fit", "fit_transform", "inverse_transform"}
    called |= {"sample", "forecast", "sample_imputations", "sample_shapes", "score"}
    called |= {"activations"}
    # What takes another model, or nothing.
    called |= {"from_sklearn", "from_rbms", "to_mlp"}
    models = [*ESTIMATORS.values(), *CRFS.values(), SuperpixelGraphs()]
    for kind in set(map(type, models)):
        names = {n for n in dir(kind) if not n.startswith(("_", "get_", "set_"))}
        methods = {name for name in names if callable(getattr(kind, name))}
        assert methods <= called
    public = [getattr(m, n) for m in (skdbn, skdbn.structured) for n in m.__all__]
    estimators = {
        one
        for one in public
        if isinstance(one, type) and issubclass(one, BaseEstimator)
    }
    estimators -= {Sparsity, ConstantSparsity}
    assert estimators == set(map(type, models))


def test_what_is_no_answer():
    """These tests fail on errors that nobody meant, on warnings and on changes."""

    def broadcasts(X):
        return X + np.ones(7)

    def overflows(X):
        return X * np.float64(1e308) * 10

    def changes(X):
        X[0] = 7

    X = np.ones((2, 3))
    with pytest.raises(AssertionError, match="tells nobody"):
        answer(broadcasts, X)
    with pytest.raises(RuntimeWarning, match="overflow"):
        answer(overflows, X)
    for table in (X, sparse.lil_array(X), frame(X)):
        with pytest.raises(AssertionError, match="argument was changed"):
            answer(changes, table)
    with pytest.raises(IndexError):
        answer(lambda X: X[5], X)
    with pytest.raises(AssertionError):
        check(np.array([0.0, np.nan]))
    with pytest.raises(AssertionError):
        check(np.array([-np.inf]), infinite=(np.inf,))
    assert answer(BernoulliRBM().fit, [["a"]]) is None
