"""No parameter is taken and then ignored: each one makes a difference somewhere."""

import inspect
from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import pytest

import skdbn
from skdbn import (
    BernoulliRBM,
    BoltzmannImputer,
    DBNTransformer,
    GaussianRBM,
    GenerativeDBNClassifier,
    Sparsity,
)
from skdbn.gradients import CD

RNG = np.random.default_rng(0)
BITS = (RNG.random((60, 2)) < 0.5)[:, [0, 0, 0, 1, 1, 1]]
X = (BITS ^ (RNG.random((60, 6)) < 0.1)).astype(float)
# Gray levels, from which bits are drawn.
X[::3, 0] = 0.4
Y = BITS[:, 0].astype(int) + BITS[:, 3]
HOLES = np.where(RNG.random(X.shape) < 0.2, np.nan, X)
LAYERS = DBNTransformer((4, 3), n_iter=1, random_state=5).fit(X)
CODE = skdbn.RBM(2, hidden="gaussian")
STACK = DBNTransformer((4, CODE), n_iter=1, random_state=5).fit(X)

RBM = {"n_components": 4, "n_iter": 6}
NET = {"layers": (4,), "n_iter": 1, "max_iter": 6}
BASE = {
    "BoltzmannImputer": {"estimator": BernoulliRBM(4, n_iter=2)},
    "ConvolutionalRBM": {"n_filters": 3, "filter_shape": 2, "pool": 1, "n_iter": 6},
    "DBNAutoencoder": NET,
    "DBNNeighborhoodComponents": NET,
    "DBNClassifier": NET,
    "DBNRegressor": NET,
    "DBNTransformer": {"layers": (4, 3), "n_iter": 1},
    "GenerativeDBNClassifier": NET | {"layers": (4, 4)},
    "MeanCovarianceRBM": {"n_factors": 4, "n_mean": 2, "n_iter": 6},
}

# Another value of a parameter, and what has to be set beside it, by its name or that of
# a class and its own.
STOPPING = {"early_stopping": True, "validation_fraction": 0.4}
PATIENT = STOPPING | {"n_iter_no_change": 3}
SLOW = {"learning_rate_init": 0.003, "max_iter": 20}
LARGE = {"layers": (8, 12), "n_iter": 20, "max_iter": 30, "learning_rate_init": 0.3}
SGD = {"solver": "sgd"}
WEIGHTS = {"weight_decay": 0.1}
GAUSSIAN = {"estimator": GaussianRBM(4, n_iter=2)}
EMPTY = np.column_stack([HOLES, np.full(60, np.nan)])
CASES = {
    "add_indicator": (True, {}),
    "alpha": (1.0, {}),
    "batch_size": (7, {}),
    "beta_1": (0.5, {}),
    "beta_2": (0.5, {}),
    "centered": (False, {}),
    "class_weight": ({0: 3.0, 1: 1.0, 2: 1.0}, {}),
    "code": ("bernoulli", {}),
    "context": ([0, 3], {}),
    "cost": (1.0, {}),
    "direct_rate": (0.5, {"context": [0]}),
    "direct_start": ("zero", {"context": [0], "visible": "gaussian"}),
    "TemporalRBM direct_start": ("zero", {}),
    "TemporalRBM direct_rate": (0.5, {}),
    "dropout": (0.5, {}),
    "early_stopping": (True, {}),
    "epsilon": (0.1, {}),
    "estimator": (GaussianRBM(4, n_iter=2), {}),
    "filter_shape": (3, {}),
    "generative_weight": (0.3, {}),
    "gradient": ("pt", {}),
    "GenerativeDBNClassifier gradient": (CD(n_steps=4), {}),
    "head_iter": (3, {}),
    "MeanCovarianceRBM gradient": ("cd", {}),
    "hidden": ("spin", {}),
    "image_shape": ((2, 3), {}),
    "input_dropout": (0.5, {}),
    "input_noise": (0.5, {}),
    "keep_empty_features": (True, {"X": EMPTY}),
    "l1_ratio": (0.5, WEIGHTS),
    "layer": (0, {}),
    "layers": ((5, 3), {}),
    "learning_rate": (0.03, {}),
    "learning_rate_init": (0.03, {}),
    "line_searches": (1, {"solver": "cg", "batch_size": 30}),
    "max_iter": (2, {}),
    "max_norm": (0.1, {}),
    "max_value": (0.3, {}),
    "min_value": (0.7, {}),
    "missing_values": (0.4, {"X": X}),
    "momentum": (0.5, {}),
    "DBNAutoencoder momentum": (0.5, SGD),
    "DBNNeighborhoodComponents momentum": (0.5, SGD),
    "DBNClassifier momentum": (0.5, SGD),
    "DBNRegressor momentum": (0.5, SGD),
    "n_chains": (3, {}),
    "n_covariance": (2, {}),
    "n_factors": (5, {}),
    "n_filters": (4, {}),
    "n_mean": (0, {}),
    "n_components": (5, {}),
    "n_iter": (3, {}),
    "n_iter_no_change": (1, PATIENT | {"tol": 1e9}),
    "RBMClassifier n_iter_no_change": (1, STOPPING | {"n_iter": 30}),
    "n_samples": (5, {}),
    "n_steps": (5, {}),
    "order": (2, {}),
    "objective": ("generative", {}),
    "penalized": ("bias", {}),
    "penalty": ("squared", {}),
    "pool": (2, {}),
    "pooling": (np.eye(4, 3) + np.eye(4, 3, -1), {}),
    "pretrained": (LAYERS, {}),
    "DBNAutoencoder pretrained": (STACK, {}),
    "DBNNeighborhoodComponents pretrained": (STACK, {}),
    "random_state": (1, {}),
    "reconstruction": (0.3, {}),
    "rbm": (BernoulliRBM(gradient="cd"), {}),
    "sample_data": (False, {}),
    "MixedRBM sample_data": (False, {"units": {0: "bernoulli"}}),
    "solver": ("sgd", {}),
    "sparsity": (Sparsity(0.2), {}),
    "standardize": (False, GAUSSIAN),
    "strength": (0.3, {}),
    "target": (0.3, {}),
    "tempering": (3, {}),
    "tied": (True, {}),
    "tol": (1e9, PATIENT | {"learning_rate": 0.02, "n_iter": 20}),
    "DBNNeighborhoodComponents tol": (1e9, PATIENT | {"max_iter": 30}),
    "DBNAutoencoder tol": (1e9, PATIENT | {"n_iter": 60, "max_iter": 20}),
    "DBNClassifier tol": (1e9, PATIENT | SLOW),
    "DBNRegressor tol": (1e9, PATIENT | SLOW),
    "GenerativeDBNClassifier tol": (1e9, PATIENT | LARGE | {"n_iter_no_change": 12}),
    "transposed": (True, {"layers": (6, 6)}),
    "GenerativeDBNClassifier transposed": (True, {"layers": (6, 6, 4)}),
    "TemporalRBM visible": ("bernoulli", {}),
    "TemporalRBM sample_data": (False, {"visible": "bernoulli"}),
    "units": ({1: "gaussian"}, {}),
    "unlabeled": (2, {}),
    "spread_labels": (False, {"unlabeled": 2}),
    "unlabeled_weight": (0.5, {"unlabeled": 2}),
    "RBMClassifier unlabeled_weight": (0.5, {"unlabeled": 2, "spread_labels": False}),
    "validation_fraction": (0.2, STOPPING),
    "variance": ("shared", {}),
    "MixedRBM variance": ("full", {"units": {0: "gaussian", 1: "gaussian"}}),
    "verbose": (1, {}),
    "BoltzmannImputer verbose": (1, {"estimator": None}),
    "visible": ("gaussian", {}),
    "warm_start": (True, {"n_fits": 2}),
    "weight_decay": (0.1, {}),
}
ESTIMATORS = {
    name: kind
    for name in skdbn.__all__
    if inspect.isclass(kind := getattr(skdbn, name))
}
# Penalties are for an estimator.
PENALTIES = [name for name, kind in ESTIMATORS.items() if not hasattr(kind, "fit")]
PARAMETERS = [
    (name, parameter)
    for name, kind in ESTIMATORS.items()
    for parameter in inspect.signature(kind).parameters
]


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Fits of the imputer's default model that are short."""
    monkeypatch.setattr("skdbn._estimators._model_search.N_UPDATES", (50, 100))


def learned(model):
    """The arrays of parameters, from wherever they are."""
    machines = [getattr(model, name, None) for name in ("machine_", "network_")]
    machines += [rbm.machine_ for rbm in getattr(model, "rbms_", [])]
    found = [array for one in machines if one for array in one.params.values()]
    if hasattr(model, "top_"):
        found += model.top_.machine_.params.values()
    return found


def outcome(kind, settings):
    """All that a fit does and gives, as a list of arrays."""
    settings = {"X": HOLES if kind is BoltzmannImputer else X, "n_fits": 1} | settings
    data, n_fits = settings.pop("X"), settings.pop("n_fits")
    model = kind(**settings)
    with redirect_stdout(StringIO()) as printed:
        for _ in range(n_fits):
            model.fit(data, Y)
    rows = [row | {"seconds": 0} for row in getattr(model, "history_", [])]
    history = [list(row.values()) for row in rows]
    give = model.predict if hasattr(model, "predict") else model.transform
    return [
        *learned(model),
        np.array(history),
        give(data),
        np.array(printed.getvalue()),
    ]


def differ(kind, base, changed):
    """Whether settings that change make a difference."""
    one, other = (outcome(kind, settings) for settings in (base, base | changed))
    return len(one) != len(other) or not all(map(np.array_equal, one, other))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name, parameter", PARAMETERS)
def test_each_parameter_makes_a_difference(name, parameter):
    own = f"{name} {parameter}"
    value, beside = CASES[own if own in CASES else parameter]
    kind, base = ESTIMATORS[name], BASE.get(name, RBM) | beside
    if name in PENALTIES:
        value, parameter = kind(**{parameter: value}), "sparsity"
        kind, base = BernoulliRBM, RBM | {parameter: kind()}
    # Early stopping may stop where it would have done so anyway.
    seeds = ({"random_state": seed} for seed in range(5))
    assert any(differ(kind, base | seed, {parameter: value}) for seed in seeds)


def test_a_net_of_labels_goes_on():
    """The settings of fine-tuning count where all layers are given."""
    given = GenerativeDBNClassifier(**BASE["GenerativeDBNClassifier"]).fit(X, Y)
    base = {"pretrained": given, "max_iter": 3, "random_state": 0}
    for parameter in ("gradient", "weight_decay", "momentum", "batch_size"):
        own = f"GenerativeDBNClassifier {parameter}"
        value, _ = CASES[own if own in CASES else parameter]
        assert differ(GenerativeDBNClassifier, base, {parameter: value})
