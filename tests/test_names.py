"""Columns by name: fitted estimators inside others meet the columns they know."""

import copy

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator

from skdbn import (
    BernoulliRBM,
    BoltzmannImputer,
    DBNClassifier,
    DBNTransformer,
    GenerativeDBNClassifier,
    MixedRBM,
)
from skdbn.evaluation import free_energy_gap, log_likelihood_bound

Y = np.arange(40) % 2
QUICK = {"n_steps": 2, "n_samples": 2}
TUNING = {"max_iter": 1, "random_state": 0}


@pytest.fixture
def X(rng):
    return pd.DataFrame((rng.random((40, 4)) < 0.5).astype(float), columns=[*"abcd"])


def holes(X):
    return X.mask(np.eye(*X.shape) > 0)


def impute_by(model, X, fitted_to=None):
    imputer = BoltzmannImputer(FrozenEstimator(model), **QUICK)
    return imputer.fit(holes(X if fitted_to is None else fitted_to)).transform(holes(X))


def fine_tune(model, X, **settings):
    return DBNClassifier(pretrained=model, **TUNING | settings)


OF_NETS = {
    "transform": lambda net, X: net.transform(X),
    "activations": lambda net, X: net.activations(X),
    "score": lambda net, X: net.score(X),
    "reconstruct": lambda net, X: net.reconstruct(X),
    "impute": lambda net, X: net.impute(holes(X), **QUICK),
    "partial_fit": lambda net, X: copy.deepcopy(net).partial_fit(X),
    "bound": lambda net, X: log_likelihood_bound(net, X, n_samples=2),
    "pretrained": lambda net, X: fine_tune(net, X).fit(X, Y).predict(X),
    "frozen": lambda net, X: fine_tune(FrozenEstimator(net), X).partial_fit(
        X, Y, classes=[0, 1]
    ),
    "imputer": impute_by,
}
OF_RBMS = {
    "imputer": impute_by,
    "gap": lambda rbm, X: free_energy_gap(rbm, X, X),
}
OF_CLASSIFIERS = {
    "predict": lambda net, X: net.predict(X),
    "partial_fit": lambda net, X: copy.deepcopy(net).partial_fit(X, Y),
    "transformer": lambda net, X: net.transformer_.transform(X),
}
MAKE = {
    "net": lambda X: DBNTransformer((3, 2), n_iter=1, random_state=0).fit(X),
    "from_rbms": lambda X: DBNTransformer.from_rbms([MAKE["rbm"](X)]),
    "mixed": lambda X: DBNTransformer([MixedRBM(3), 2], n_iter=1, random_state=0).fit(
        X
    ),
    "rbm": lambda X: BernoulliRBM(3, n_iter=1, random_state=0).fit(X),
    "backprop": lambda X: DBNClassifier((3,), n_iter=1, **TUNING).fit(X, Y),
    "generative": lambda X: GenerativeDBNClassifier((3, 2), n_iter=1, **TUNING).fit(
        X, Y
    ),
}
CASES = [
    *((made, use) for made in ("net", "from_rbms", "mixed") for use in OF_NETS.items()),
    *(("rbm", use) for use in OF_RBMS.items()),
    *(
        (made, use)
        for made in ("backprop", "generative")
        for use in OF_CLASSIFIERS.items()
    ),
    ("generative", ("pretrained", OF_NETS["pretrained"])),
]
CASES = [
    pytest.param(MAKE[made], use, id=f"{made}-{name}") for made, (name, use) in CASES
]


@pytest.mark.parametrize("make, use", CASES)
def test_columns_are_compared_by_name(make, use, X):
    """And without a warning where they are those of the fit; warnings are errors."""
    model = make(X)
    use(model, X)
    for other in (X[[*"dcba"]], X.rename(columns={"a": "z"})):
        with pytest.raises(ValueError, match="feature names should match"):
            use(model, other)


def test_arrays_need_no_names(X):
    """Where the fit had none, neither arrays nor what is made of them warn."""
    rows = X.to_numpy()
    net = MAKE["net"](rows)
    for use in (OF_NETS["transform"], OF_NETS["score"], OF_NETS["pretrained"]):
        use(net, rows)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        fine_tune(MAKE["net"](X), rows).fit(rows, Y)


def test_layers_share_the_arrays_of_given_rbms(X):
    rbm = BernoulliRBM(3).fit(X)
    net = DBNTransformer.from_rbms([rbm])
    assert net.rbms_[0].machine_ is rbm.machine_
    assert net.feature_names_in_.tolist() == [*"abcd"]
    assert rbm.feature_names_in_.tolist() == [*"abcd"]
