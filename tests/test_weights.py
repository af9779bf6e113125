"""Weights of rows, and fits that go on from the fitted model."""

import copy
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from _oracle import Enumeration
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skdbn
from skdbn import (
    RBM,
    BernoulliRBM,
    ConvolutionalRBM,
    DBNClassifier,
    DBNRegressor,
    DBNTransformer,
    GaussianRBM,
    GenerativeDBNClassifier,
    MixedRBM,
    RBMClassifier,
    SparseRBM,
)
from skdbn._utils._random import make_rng
from skdbn.gradients import CD, PCD, PT, Gradient, ScoreMatching
from skdbn.gradients._discriminative import Hybrid
from skdbn.machines import Machine, RestrictedMachine
from skdbn.units import Bernoulli, Gaussian

PAGE = Path(__file__).parents[1] / "docs" / "own_machine.py"
WEIGHTS = np.array([1.0, 2, 3, 1, 2])
REPEATED = np.repeat(np.arange(5), WEIGHTS.astype(int))


class Certain(Bernoulli):
    """Units that are what they are on the average, so that nothing is drawn."""

    def sample(self, field, rng, out=None, mean=None):
        result = self.mean(field) if mean is None else mean
        if out is None:
            return result
        out[...] = result
        return out


class Plain(RestrictedMachine):
    """A restricted machine with the defaults of the contract alone."""

    workspace = Machine.workspace
    load = Machine.load
    contrast = Machine.contrast
    advance = Machine.advance
    hidden_means = Machine.hidden_means
    difference = Machine.difference


def certain(cls, rng):
    arrays = rng.normal(size=(4, 3)), rng.normal(size=4), rng.normal(size=3)
    return cls(*arrays, Certain(), Certain())


def directions(gradient, machine, rows, weights, rng, seed, **options):
    """That of weighted rows, and that of repeated ones times the mean weight."""
    each = np.repeat(np.arange(len(rows)), weights.astype(int))
    chains = machine.initial_state(len(each), rng)
    found = []
    for own, w in ((rows, weights), (rows[each], None)):
        one = copy.deepcopy(gradient)
        if isinstance(one, PCD):
            one.chains_ = type(chains)(*(layer.copy() for layer in chains))
        one.start(machine, len(own), make_rng(seed))
        step = one(machine, own, make_rng(seed), weights=w, **options)
        found.append({name: array.copy() for name, array in step.items()})
    factor = weights.mean()
    return found[0], {name: factor * array for name, array in found[1].items()}


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_allclose(array, other[name], rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("cls", [RestrictedMachine, Plain])
@pytest.mark.parametrize("gradient", [CD(2), PCD(), PT(3)], ids=str)
def test_a_weight_is_a_repetition(cls, gradient, rng, seed):
    """Chains that begin at rows count as these, all others alike."""
    machine, rows = certain(cls, rng), rng.random((5, 4))
    if isinstance(gradient, PT):
        machine.visible = machine.hidden = Bernoulli()
    assert_same(*directions(gradient, machine, rows, WEIGHTS, rng, seed))


def test_variances_count_rows_by_their_weights(make_machine, rng):
    machine = make_machine(4, 3, ("gaussian", "bernoulli"))
    rows, state = rng.normal(size=(5, 4)), machine.initial_state(6, rng)
    found = []
    for own, w in ((rows, WEIGHTS), (rows[REPEATED], None)):
        work = machine.workspace(6, len(own))
        machine.load(work, own, weights=w)
        work.state = state
        machine.advance(work, rng, 0)
        found.append(machine.difference(work))
    for array in found[1].values():
        array *= WEIGHTS.mean()
    assert_same(*found)


@pytest.mark.parametrize("noise", [0.0, 1e-12])
@pytest.mark.parametrize("variance", ["column", 1.0])
def test_score_matching(noise, variance, make_machine, rng, seed):
    machine = make_machine(4, 3, ("gaussian", "bernoulli"))
    rows = rng.normal(size=(5, 4))
    if variance == "column":
        moments = len(rows), rows.mean(axis=0), rows.var(axis=0)
        machine.visible = Gaussian().start(4, moments)
    gradient = ScoreMatching(noise)
    if noise:
        # The noise is drawn for each row, and of no size.
        one, other = directions(gradient, machine, rows, WEIGHTS, rng, seed)
        for name, array in one.items():
            assert np.isfinite(array).all() and array.shape == other[name].shape
        return
    assert_same(*directions(gradient, machine, rows, WEIGHTS, rng, seed))


@pytest.mark.parametrize("factors", [(1.0, 0.0, 0.0), (0.7, 0.2, 0.3)])
def test_labels(factors, make_machine, rng, seed):
    names = (("bernoulli", 2), ("softmax", 3)), "bernoulli"
    machine = make_machine(names=names)
    labels = np.eye(3)[[0, 1, 2, 0, 1]]
    rows = np.hstack([rng.random((5, 2)), labels])
    chains = PCD()
    gradient = Hybrid(chains, 3, *factors, np.array([0.5, 1.5, 1.0]))
    each = np.repeat(np.arange(5), WEIGHTS.astype(int))
    state = machine.initial_state(50, rng)
    found = []
    for own, w in ((rows, WEIGHTS), (rows[each], None)):
        one = copy.deepcopy(gradient)
        one.gradient.chains_ = type(state)(*(layer.copy() for layer in state))
        one.start(machine, len(own), make_rng(seed))
        step = one(machine, own, make_rng(seed), weights=w)
        found.append({name: array.copy() for name, array in step.items()})
    for array in found[1].values():
        array *= WEIGHTS.mean()
    assert_same(*found)


def test_conditional_machine_of_the_page(rng, seed):
    spec = importlib.util.spec_from_file_location("own_machine", PAGE)
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    rows = rng.integers(0, 2, (5, 3)).astype(float)
    machine = page.conditional(2, 3, 1, rng) if hasattr(page, "conditional") else None
    if machine is None:
        machine = page.ConditionalMachine(1, 2, 3, rng)
    moments = machine.moments(machine.infer(rows), WEIGHTS / WEIGHTS.sum())
    assert_same(moments, machine.moments(machine.infer(rows[REPEATED])))


@pytest.mark.parametrize("penalized", ["all", "bias"])
def test_sparsity_counts_rows_by_their_weights(penalized, rng, seed):
    machine, rows = certain(RestrictedMachine, rng), rng.random((5, 4))
    penalty = skdbn.Sparsity(0.2, cost=3.0, penalized=penalized)
    found = []
    for own, w in ((rows, WEIGHTS), (rows[REPEATED], None)):
        one = penalty.start(machine, 10)
        gradient = CD()
        gradient.start(machine, len(own), rng)
        step = gradient(machine, own, rng, sparsity=one, weights=w)
        one(step, 1.0)
        found.append({name: array.copy() for name, array in step.items()})
    for array in found[1].values():
        array *= WEIGHTS.mean()
    assert_same(*found)


# Fits


class Exact(Gradient):
    """The model's phase from states with the frequencies of p(v), as nearly as they go."""

    def n_chains_of(self, n_data):
        return 500

    def negative_phase(self, machine, work, rng):
        oracle = Enumeration.of(machine)
        places = (np.arange(500) + 0.5) / 500
        last = len(oracle.v) - 1
        v = oracle.v[np.searchsorted(np.cumsum(oracle.p_v), places).clip(max=last)]
        work.state = machine.infer(v)
        machine.advance(work, rng, 0)


@pytest.fixture
def bits(rng):
    X = rng.integers(0, 2, (30, 4)).astype(float)
    X[:, 1] = X[:, 0]
    return X, rng.integers(0, 4, 30).astype(float), (X[:, 0] + X[:, 2] > 1).astype(int)


@pytest.fixture
def table(rng):
    X = StandardScaler().fit_transform(load_iris().data[::5])
    return X, rng.integers(0, 4, len(X)).astype(float), load_iris().target[::5]


def pair(make, X, weights, *y):
    """A fit to weighted rows, and one to repeated rows."""
    each = np.repeat(np.arange(len(X)), weights.astype(int))
    one, other = make(), make()
    if hasattr(one, "gradient"):
        # The start depends on the number of rows: let it be the same.
        for model in (one, other):
            model.set_params(warm_start=True).fit(X, *y)
    one.fit(X, *y, sample_weight=weights)
    return one, other.fit(X[each], *(values[each] for values in y))


def test_fit_of_weighted_rows_is_that_of_repeated_ones(bits, seed):
    """By the exact gradient of all rows: nothing is drawn."""
    X, weights, _ = bits
    settings = dict(gradient=Exact(), batch_size=1000, learning_rate=0.5)
    one, other = pair(
        lambda: RBM(3, n_iter=20, random_state=seed, **settings), X, weights
    )
    np.testing.assert_allclose(one.components_, other.components_, rtol=1e-8)
    np.testing.assert_allclose(
        one.intercept_visible_, other.intercept_visible_, rtol=1e-8
    )


def test_real_values(table, seed):
    """Moments of the data, and so variances and rates, are weighted as well."""
    X, weights, _ = table
    settings = dict(gradient="score-matching", batch_size=1000, random_state=seed)
    one, other = pair(lambda: GaussianRBM(3, n_iter=20, **settings), X, weights)
    np.testing.assert_allclose(one.variance_, other.variance_, rtol=0.02)
    settings |= {"learning_rate": 0.05}
    one, other = pair(lambda: GaussianRBM(3, n_iter=20, **settings), X, weights)
    np.testing.assert_allclose(one.variance_, other.variance_, rtol=1e-8)
    np.testing.assert_allclose(one.components_, other.components_, rtol=1e-6)


def test_classifier(bits, seed):
    X, weights, y = bits
    settings = dict(objective="discriminative", batch_size=1000, random_state=seed)
    one, other = pair(lambda: RBMClassifier(3, **settings), X, weights, y)
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), rtol=1e-8)


@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
@pytest.mark.parametrize("cls", [DBNClassifier, DBNRegressor])
def test_networks(cls, solver, bits, seed):
    X, weights, y = bits
    layers = DBNTransformer((5,), n_iter=1, random_state=seed).fit(X)
    settings = dict(solver=solver, alpha=0.0, dropout=0.0, learning_rate_init=0.1)

    def make():
        return cls(
            (5,),
            pretrained=layers,
            batch_size=1000,
            max_iter=3,
            random_state=seed,
            **settings,
        )

    if cls is DBNRegressor:
        # Targets are standardized, by all rows alike.
        weights = np.ones(len(X)) + np.resize([1, 0], len(X))
        y = np.resize([0.0, 0, 1, 1], len(X))
        X = np.repeat(X[::2], 2, axis=0)
    one, other = pair(make, X, weights, y)
    rtol = 1e-8 if solver == "sgd" else 1e-3
    if cls is DBNRegressor:
        rtol = 0.2
    np.testing.assert_allclose(one.predict(X), other.predict(X), rtol=rtol, atol=rtol)
    for a, b in zip(one.coefs_, other.coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


ALL = {
    "rbm": lambda **s: RBM(5, n_iter=2, **s),
    "gaussian": lambda **s: GaussianRBM(5, n_iter=2, **s),
    "sparse": lambda **s: SparseRBM(5, n_iter=2, visible="gaussian", **s),
    "convolutional": lambda **s: ConvolutionalRBM(
        5, 2, pool=1, n_iter=2, visible="gaussian", **s
    ),
    "mixed": lambda **s: MixedRBM(5, n_iter=2, **s),
    "classifier": lambda **s: RBMClassifier(
        5, n_iter=2, visible="gaussian", gradient="pcd", **s
    ),
    "transformer": lambda **s: DBNTransformer((5, 4), n_iter=2, **s),
    "network": lambda **s: DBNClassifier((5, 4), n_iter=2, max_iter=2, **s),
    "regressor": lambda **s: DBNRegressor((5, 4), n_iter=2, max_iter=2, **s),
    "generative": lambda **s: GenerativeDBNClassifier(
        (5, 4), n_iter=2, max_iter=2, **s
    ),
}
every_estimator = pytest.mark.parametrize("name", ALL)


def data_of(name, table):
    X, weights, y = table
    return (X - X.min(axis=0)) / np.ptp(X, axis=0) if name == "rbm" else X, weights, y


def parameters(model):
    """The arrays that have been learned."""
    if hasattr(model, "network_"):
        return list(model.network_.params.values())
    if hasattr(model, "rbms_"):
        return [a for rbm in model.rbms_ for a in rbm.machine_.params.values()]
    return list(model.machine_.params.values())


@every_estimator
def test_rows_of_weight_zero_take_no_part(name, table, seed):
    X, _, y = data_of(name, table)
    weights = np.ones(len(X))
    weights[::3] = 0
    wild = X.copy()
    if name not in ("rbm", "mixed"):
        wild[::3] += 5
    one, other = (
        ALL[name](random_state=seed).fit(rows, y, sample_weight=weights)
        for rows in (X, wild)
    )
    for a, b in zip(parameters(one), parameters(other), strict=True):
        np.testing.assert_array_equal(a, b)


@every_estimator
def test_scale_of_weights_is_free(name, table, seed):
    X, weights, y = data_of(name, table)
    one, other = (
        ALL[name](random_state=seed).fit(X, y, sample_weight=factor * weights)
        for factor in (1, 4)
    )
    for a, b in zip(parameters(one), parameters(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    plain = ALL[name](random_state=seed).fit(X, y)
    assert any(
        (a != b).any() for a, b in zip(parameters(one), parameters(plain), strict=True)
    )


@every_estimator
def test_partial_fit_takes_weights(name, table, seed):
    X, weights, y = data_of(name, table)
    given = {} if name in ("rbm", "gaussian", "sparse", "mixed") else {"y": y}
    if name in ("classifier", "network", "generative"):
        given["classes"] = np.unique(y)
    if name == "transformer":
        given = {}
    one, other = (
        ALL[name](random_state=seed).partial_fit(X, **given, sample_weight=w)
        for w in (weights + 0.5, None)
    )
    assert any(
        (a != b).any() for a, b in zip(parameters(one), parameters(other), strict=True)
    )
    assert all(np.isfinite(a).all() for a in parameters(one))


@pytest.mark.parametrize(
    "weights, words",
    [
        (-np.ones(30), "sample_weight"),
        (np.zeros(30), "zero"),
        (np.ones(29), "sample_weight"),
        (np.full(30, np.nan), "sample_weight"),
    ],
)
@every_estimator
def test_bad_weights(name, weights, words, table, seed):
    X, _, y = data_of(name, table)
    model = ALL[name](random_state=seed)
    before = set(vars(model))
    with pytest.raises(ValueError, match=words):
        model.fit(X, y, sample_weight=weights)
    assert set(vars(model)) == before


def test_weights_pass_through_a_pipeline(table, seed):
    X, weights, y = table
    model = make_pipeline(StandardScaler(), ALL["classifier"](random_state=seed))
    model.fit(X, y, rbmclassifier__sample_weight=weights)
    again = ALL["classifier"](random_state=seed)
    again.fit(StandardScaler().fit_transform(X), y, sample_weight=weights)
    np.testing.assert_array_equal(
        model.predict_proba(X), again.predict_proba(StandardScaler().fit_transform(X))
    )


# Going on


@every_estimator
def test_warm_start_goes_on_from_the_fitted_model(name, table, seed):
    X, _, y = data_of(name, table)
    model = ALL[name](random_state=seed, warm_start=True).fit(X, y)
    before = [array.copy() for array in parameters(model)]
    epochs = "max_iter" if hasattr(model, "max_iter") else "n_iter"
    model.set_params(**{epochs: 0}).fit(X, y)
    for a, b in zip(parameters(model), before, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    model.set_params(**{epochs: 2}).fit(X, y)
    fresh = ALL[name](random_state=seed, warm_start=True).fit(X, y)
    gaps = [np.abs(a - b).max() for a, b in zip(parameters(model), before, strict=True)]
    assert max(gaps) > 0
    for a, b in zip(parameters(fresh), before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("gradient", ["pcd", "fpcd", "pt"])
def test_chains_go_on(gradient, bits, seed):
    X, *_ = bits
    settings = dict(gradient=gradient, warm_start=True, random_state=seed)
    rbm = RBM(3, n_iter=3, **settings).fit(X)
    chains = rbm.gradient_.chains_.visible.copy()
    rbm.set_params(n_iter=0).fit(X)
    np.testing.assert_array_equal(rbm.gradient_.chains_.visible, chains)


def test_warm_start_leaves_the_former_model_alone(bits, seed):
    """Which others may still hold, and to which a fit that fails goes back."""
    X = bits[0]
    rbm = BernoulliRBM(4, n_iter=1, random_state=seed).fit(X)
    former = rbm.machine_
    before = {name: array.copy() for name, array in former.params.items()}
    rbm.set_params(warm_start=True).fit(X)
    assert (rbm.components_ != before["weights"].T).any()
    for name, array in former.params.items():
        np.testing.assert_array_equal(array, before[name])


def test_layers_are_not_learned_again(bits, seed):
    X, _, y = bits
    model = ALL["network"](random_state=seed, warm_start=True).fit(X, y)
    layers = model.transformer_
    assert model.fit(X, y).transformer_ is layers


@pytest.mark.parametrize(
    "name, change, words",
    [
        ("rbm", {"n_components": 6}, "n_components=6"),
        ("rbm", {"hidden": "spin"}, "hidden units"),
        ("classifier", {"n_components": 6}, "n_components=6"),
    ],
)
def test_another_structure_cannot_go_on(name, change, words, table, seed):
    X, _, y = data_of(name, table)
    model = ALL[name](random_state=seed, warm_start=True).fit(X, y)
    before = [array.copy() for array in parameters(model)]
    with pytest.raises(ValueError, match=words):
        model.set_params(**change).fit(X, y)
    with pytest.raises(ValueError, match="3 features"):
        model.fit(X[:, :3], y)
    for a, b in zip(parameters(model), before, strict=True):
        np.testing.assert_array_equal(a, b)


LABELED = ("classifier", "network", "generative")


@pytest.mark.parametrize("name", LABELED)
@pytest.mark.parametrize("new", [[5, 7], [5, 6, 7], [0, 1, 7]], ids=str)
def test_other_classes_cannot_go_on(name, new, table, seed):
    X, _, y = data_of(name, table)
    model = ALL[name](random_state=seed, warm_start=True).fit(X, y)
    before = [array.copy() for array in parameters(model)]
    with pytest.raises(ValueError, match=r"5|7"):
        model.fit(X, np.array(new)[y % len(new)])
    np.testing.assert_array_equal(model.classes_, [0, 1, 2])
    for a, b in zip(parameters(model), before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", LABELED)
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_fewer_classes_go_on(name, class_weight, table, seed):
    X, _, y = data_of(name, table)
    settings = {} if name == "generative" else {"class_weight": class_weight}
    model = ALL[name](random_state=seed, warm_start=True, **settings).fit(X, y)
    some = y > 0
    model.fit(X[some], y[some])
    np.testing.assert_array_equal(model.classes_, [0, 1, 2])
    assert np.isin(model.predict(X[some]), model.classes_).all()


def test_other_kinds_of_targets_cannot_go_on(table, seed):
    """Three labels of which one is right, or any number of them."""
    X, _, y = table
    model = ALL["network"](random_state=seed, warm_start=True).fit(X, y)
    several = np.eye(3, dtype=int)[y] | np.eye(3, dtype=int)[0]
    with pytest.raises(ValueError, match=r"3 outputs \(Bernoulli\).*warm_start=False"):
        model.fit(X, several)
    regressor = ALL["regressor"](random_state=seed, warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="2 outputs"):
        regressor.fit(X, np.stack([y, y], axis=1))


def test_a_regressor_that_goes_on_keeps_its_scale(table, seed):
    """Without an epoch it predicts as before, whatever the new targets are."""
    X, _, y = table
    model = ALL["regressor"](random_state=seed, warm_start=True).fit(X, y)
    before = model.predict(X)
    model.set_params(max_iter=0).fit(X, 100 + 7 * y)
    np.testing.assert_allclose(model.predict(X), before, rtol=1e-10)


@pytest.mark.parametrize("name", ["network", "regressor"])
def test_mean_weight_is_that_of_rows_with_targets(name, table, seed):
    """Large weights of rows without a target do not shrink the others'."""
    X, _, y = table
    none = -1 if name == "network" else np.nan
    known = np.where(np.arange(len(y)) % 2, y, none)
    settings = {"unlabeled": -1, "unlabeled_weight": 0.0} if name == "network" else {}
    pretrained = DBNTransformer((4,), n_iter=1, random_state=seed).fit(X)
    found = []
    for factor in (1, 100):
        weights = np.where(np.arange(len(y)) % 2, 1.0, factor)
        model = ALL[name](random_state=seed, pretrained=pretrained, **settings)
        found.append(parameters(model.fit(X, known, sample_weight=weights)))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    weights = np.where(np.arange(len(y)) % 2, 0.0, 1.0)
    with pytest.raises(ValueError, match="sample_weight is 0 for all"):
        model.fit(X, known, sample_weight=weights)
