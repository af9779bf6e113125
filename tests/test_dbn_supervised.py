"""Deep belief nets with a head: targets, fine-tuning, few labels, what they refuse."""

import pickle
import warnings

import numpy as np
import pytest
from scipy import sparse
from scipy.special import entr
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdbn import (
    RBM,
    BernoulliRBM,
    DBNClassifier,
    DBNRegressor,
    DBNTransformer,
    GaussianRBM,
    GenerativeDBNClassifier,
    MixedRBM,
    RBMClassifier,
)
from skdbn._data._sources import LabeledSource
from skdbn._estimators._dbn_supervised import Targets
from skdbn._training._fine_tuning import _loss_of_learned
from skdbn._training._judges import Outputs
from skdbn._training._monitor import Monitor
from skdbn.schedules import Linear, Step
from skdbn.units import Bernoulli, Softmax


@pytest.fixture
def X(rng):
    return ((rng.random((90, 1)) < 0.5) ^ (rng.random((90, 6)) < 0.2)).astype(float)


@pytest.fixture
def y(X):
    """Three classes that the columns tell."""
    return X[:, :3].sum(axis=1).astype(int).clip(0, 2)


FAST = {"layers": (5, 4), "n_iter": 2, "max_iter": 4, "dropout": 0.0}


def make(seed=0, **settings):
    return DBNClassifier(**FAST | {"random_state": seed} | settings)


def make_regressor(seed=0, **settings):
    return DBNRegressor(**FAST | {"random_state": seed} | settings)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def slow_fields(dbn, X):
    """The fields of the units of the head, by the formula."""
    for weights, bias in zip(dbn.coefs_[:-1], dbn.intercepts_[:-1], strict=True):
        X = sigmoid(X @ weights + bias)
    return X @ dbn.coefs_[-1] + dbn.intercepts_[-1]


# Predictions


def test_three_classes(X, y, seed):
    names = np.array(["red", "green", "blue"])
    dbn = make(seed).fit(X, names[y])
    assert list(dbn.classes_) == ["blue", "green", "red"]
    fields = slow_fields(dbn, X)
    expected = np.exp(fields) / np.exp(fields).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(dbn.predict_proba(X), expected, rtol=1e-9)
    np.testing.assert_allclose(dbn.predict_log_proba(X), np.log(expected), rtol=1e-9)
    np.testing.assert_allclose(dbn.decision_function(X), fields, rtol=1e-9)
    np.testing.assert_array_equal(dbn.predict(X), dbn.classes_[fields.argmax(axis=1)])
    assert dbn.score(X, names[y]) == np.mean(dbn.predict(X) == names[y])


def test_two_classes(X, y, seed):
    dbn = make(seed).fit(X, y > 0)
    odds = slow_fields(dbn, X)[:, 0]
    assert dbn.coefs_[-1].shape == (4, 1)
    np.testing.assert_allclose(dbn.predict_proba(X)[:, 1], sigmoid(odds), rtol=1e-9)
    np.testing.assert_allclose(dbn.predict_proba(X).sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_array_equal(dbn.predict(X), odds > 0)
    assert make(seed).fit(X, np.where(y > 0, 1, -1)).classes_.tolist() == [-1, 1]


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_several_labels_a_row(container, X, seed):
    labels = X[:, [0, 2, 4]].astype(int)
    dbn = make(seed).fit(X, container(labels))
    np.testing.assert_allclose(dbn.predict_proba(X), sigmoid(slow_fields(dbn, X)))
    np.testing.assert_array_equal(dbn.predict(X), slow_fields(dbn, X) > 0)
    assert dbn.score(X, labels) == np.all(dbn.predict(X) == labels, axis=1).mean()


def test_numbers(X, y, seed):
    target = 1e3 * y + 7e4
    dbn = make_regressor(seed).fit(X, target)
    expected = slow_fields(dbn, X)[:, 0] * target.std() + target.mean()
    np.testing.assert_allclose(dbn.predict(X), expected, rtol=1e-9)
    two = np.column_stack([target, -y])
    dbn = make_regressor(seed).fit(X, two)
    expected = slow_fields(dbn, X) * two.std(axis=0) + two.mean(axis=0)
    np.testing.assert_allclose(dbn.predict(X), expected, rtol=1e-9)
    residual = np.square(two - expected).sum(axis=0)
    r2 = 1 - residual / np.square(two - two.mean(axis=0)).sum(axis=0)
    assert dbn.score(X, two) == pytest.approx(r2.mean())


def test_a_constant_target(X, seed):
    dbn = make_regressor(seed).fit(X, np.full(len(X), 3.0))
    np.testing.assert_allclose(dbn.predict(X), 3, atol=1)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_kinds_of_data(container, dtype, X, y, seed):
    dbn = make(seed).fit(container(X.astype(dtype)), y)
    expected = make(seed).fit(X.astype(np.float32), y)
    found = dbn.predict_proba(container(X.astype(dtype)))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected.predict_proba(X), rtol=1e-4)


def test_tables(seed):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": ["x", "y", "z"] * 20, "b": np.arange(60) % 2})
    y = table["a"] == "y"
    settings = dict(layers=(MixedRBM(6), 4), max_iter=60, learning_rate_init=0.05)
    dbn = make(seed, **settings).fit(table, y)
    assert dbn.score(table, y) == 1
    with pytest.raises(ValueError, match="inputs are"):
        dbn.to_mlp()


# Training


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"solver": "sgd", "learning_rate_init": "auto"},
        {"solver": "sgd", "momentum": Step(0.5, 0.9, 3), "learning_rate_init": 0.3},
        {"solver": "adam", "learning_rate_init": Linear(0.02), "beta_1": 0.5},
        {"solver": "cg", "batch_size": 50},
        {"solver": "lbfgs", "dropout": "auto"},
        {"dropout": 0.1, "input_dropout": 0.1, "max_norm": 3.0, "alpha": 0.01},
        {"head_iter": 5},
        {"class_weight": "balanced"},
        {"transposed": True, "layers": (5, 6)},
    ],
    ids=str,
)
def test_learns(settings, X, y, seed):
    rates = {"max_iter": 120, "learning_rate_init": 0.02}
    dbn = make(seed, **rates | settings).fit(X, y)
    assert dbn.n_iter_ == len(dbn.history_) == 120
    assert set(dbn.history_[0]) == {"loss", "learning_rate", "seconds"}
    assert dbn.history_[-1]["loss"] < dbn.history_[0]["loss"] / 2
    assert dbn.score(X, y) > 0.9


def test_layers_are_kept_as_they_were_learned(X, y, seed):
    dbn = make(seed).fit(X, y)
    for rbm, weights in zip(dbn.rbms_, dbn.coefs_, strict=False):
        assert (rbm.components_.T != weights).any()
    assert dbn.rbms_ is dbn.transformer_.rbms_
    # Labels have no part in them.
    other = make(seed).fit(X, y[::-1])
    for one, two in zip(dbn.rbms_, other.rbms_, strict=True):
        np.testing.assert_array_equal(one.components_, two.components_)


def test_head_first(X, y, seed):
    dbn = make(seed, head_iter=3, max_iter=3).fit(X, y)
    for rbm, weights in zip(dbn.rbms_, dbn.coefs_, strict=False):
        np.testing.assert_array_equal(rbm.components_.T, weights)
    dbn = make(seed, head_iter=3, max_iter=5, learning_rate_init=Linear(1e-3))
    rates = [row["learning_rate"] for row in dbn.fit(X, y).history_]
    np.testing.assert_allclose(rates, 1e-3 * (1 - np.arange(5) / 5))
    assert (dbn.rbms_[0].components_.T != dbn.coefs_[0]).any()


def reaches(dbn, X):
    """The largest mean sums of absolute values and of squares of a layer's inputs."""
    layers = [X]
    for rbm in dbn.rbms_:
        layers.append(rbm.transform(layers[-1]))
    return (
        max(np.abs(x).sum(axis=1).mean() for x in layers),
        max(np.square(x).sum(axis=1).mean() for x in layers),
    )


@pytest.mark.parametrize("cls", [DBNClassifier, DBNRegressor])
@pytest.mark.parametrize(
    "settings, n_epochs",
    [
        ({}, 10),
        ({"n_iter": 2}, 2),
        ({"rbm": BernoulliRBM(n_iter=3)}, 3),
        ({"layers": (BernoulliRBM(2),)}, 100),
    ],
    ids=["plain", "n_iter", "rbm", "layer"],
)
def test_epochs_of_pretraining(cls, settings, n_epochs, X, y, seed):
    net = cls(**{"layers": (2,)} | settings, max_iter=0, random_state=seed)
    if not settings:
        assert net.fit(X > 0, y).rbms_[0].n_iter_ == 5
        y = y.astype(float)
        y[0] = -1 if cls is DBNClassifier else np.nan
        if cls is DBNClassifier:
            net.unlabeled = -1
    assert [rbm.n_iter_ for rbm in net.fit(X > 0, y).rbms_] == [n_epochs]


@pytest.mark.parametrize(
    "n_rows, n_epochs, n_epochs_of_labeled",
    [(3000, 10, 5), (4001, 9, 3), (8001, 4, 2), (20_000, 3, 2)],
)
def test_pretraining_of_many_rows_is_short(n_rows, n_epochs, n_epochs_of_labeled, seed):
    rows = np.resize([[0, 1], [1, 0]], (n_rows, 2))
    y = rows[:, 0].copy()
    net = DBNClassifier((1,), unlabeled=-1, max_iter=0, random_state=seed)
    assert net.fit(rows, y).rbms_[0].n_iter_ == n_epochs_of_labeled
    y[9:] = -1
    net.unlabeled_weight = 0
    assert net.fit(rows, y).rbms_[0].n_iter_ == n_epochs


@pytest.mark.parametrize("n_classes", [2, 3])
def test_learned_labels_end_the_fit(n_classes, seed):
    """A third of the epochs at the end, 15 at least, in which the rate falls to zero."""
    y = np.repeat(np.arange(n_classes), (60, 30, 20)[:n_classes])
    X = np.eye(3)[y]
    net = DBNClassifier((20,), n_iter=0, alpha=0.0, random_state=seed).fit(X, y)
    rates, losses = (
        np.array([epoch[name] for epoch in net.history_])
        for name in ("learning_rate", "loss")
    )
    shares = np.bincount(y) / len(y)
    enough = -0.1 * shares @ np.log(shares)
    begin = 1 + int(np.argmax(losses <= enough))
    n_epochs = begin + max(15, begin // 2)
    assert net.n_iter_ == min(n_epochs, 100) < 100
    assert rates[0] == pytest.approx(0.02) and rates[-1] < 0.1 * rates[begin - 1]
    assert (np.diff(rates) < 0).all()
    slopes = np.diff(rates[begin:])
    np.testing.assert_allclose(slopes, slopes[0])
    net.set_params(max_iter=begin + 5).fit(X, y)
    assert net.n_iter_ == begin + 5


@pytest.mark.parametrize(
    "settings", [{"learning_rate_init": 0.02}, {"solver": "sgd"}, {"solver": "lbfgs"}]
)
def test_other_fits_of_learned_labels_have_all_epochs(settings, seed):
    y = np.arange(60) % 2
    net = DBNClassifier((4,), n_iter=0, max_iter=40, random_state=seed, **settings)
    assert net.fit(np.eye(2)[y], y).n_iter_ == 40


def test_labels_that_are_not_learned_do_not_end_the_fit(X, seed):
    y = np.random.default_rng(seed).integers(2, size=len(X))
    assert make(seed, max_iter=30).fit(X, y).n_iter_ == 30


def test_learned_probabilities(rng):
    """Their loss is not zero: it is their entropy, which for 0 and 1 is."""
    p = rng.choice([0, 1, 0.5, 0.2], size=(200, 1))
    source = LabeledSource(np.zeros((200, 1)), p)
    constant, least = entr(p.mean()) + entr(1 - p.mean()), entr(p) + entr(1 - p)
    expected = 0.1 * constant + 0.9 * least.mean()
    assert _loss_of_learned(Bernoulli(), source) == pytest.approx(expected, rel=1e-3)


def test_numbers_do_not_end_the_fit(X, seed):
    assert make_regressor(seed, max_iter=60).fit(X, X[:, 0]).n_iter_ == 60


@pytest.mark.parametrize("repeats, width", [(1, 4), (60, 4), (1, 900)])
def test_first_rate_in_wide_layers(repeats, width, X, y, seed):
    X = np.tile(X, repeats)
    settings = dict(layers=(5, width), max_iter=1, n_iter=0)
    adam, sgd = (
        make(seed, solver=solver, **settings).fit(X, y) for solver in ("adam", "sgd")
    )
    absolute, squared = reaches(adam, X)
    rates = [dbn.history_[0]["learning_rate"] for dbn in (adam, sgd)]
    expected = [0.02 * min(1, 128 / absolute), 0.1 * min(1, 256 / squared)]
    np.testing.assert_allclose(rates, expected, rtol=1e-9)
    net = GenerativeDBNClassifier(**settings, random_state=seed).fit(X, y)
    spread = X.var(axis=0).sum() if repeats > 1 else 0
    rate = 0.05 * min(1, 512 / max(512, spread))
    assert net.history_[0]["learning_rate"] == pytest.approx(rate)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("rbm", [None, BernoulliRBM()])
def test_wide_dense_columns(solver, rbm, rng, seed):
    centers = np.full((4, 3000), 0.5)
    centers[:, :600] += rng.normal(0, 0.06, (4, 600))
    labels = np.arange(160) % 4
    train, test = np.clip(centers[labels] + rng.normal(0, 0.15, (2, 160, 3000)), 0, 1)
    settings = dict(layers=(32,), rbm=rbm, solver=solver, max_iter=20, n_iter=3)
    dbn = DBNClassifier(random_state=seed, **settings).fit(train, labels)
    # Chance is 0.25; more epochs take it to 1 with binary units as well.
    assert dbn.score(test, labels) >= (1 if rbm is None else 0.5)


@pytest.mark.parametrize("solver, least", [("adam", 0.65), ("sgd", 0.6)])
def test_wide_bits(solver, least, rng, seed):
    p, labels = rng.uniform(0.4, 0.6, (4, 3000)), np.arange(160) % 4
    train, test = (rng.random((2, 160, 3000)) < p[labels]).astype(float)
    dbn = DBNClassifier((32,), solver=solver, max_iter=20, random_state=seed)
    # Logistic regression has 0.95.
    assert dbn.fit(train, labels).score(test, labels) > least
    expected = 16 / (train.mean(axis=0) * (1 - train.mean(axis=0))).sum()
    rate = dbn.rbms_[0].history_[0]["learning_rate"]
    assert rate == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("estimator", [make, make_regressor])
def test_the_unit_of_measure_does_not_matter(estimator, solver, rng, seed):
    y = np.arange(60) % 3
    X = rng.normal(size=(60, 4)) + y[:, None]
    dbn = estimator(seed, solver=solver, max_norm=2.0, alpha=0.1, layers=(5,))
    dbn.set_params(max_iter=10 if solver == "lbfgs" else 40)
    found = []
    for scale, shift in ((1, 0), (0.005, 0.5), (1000, 0), ([3, 1, 2, 7], -40)):
        rows = X * scale + shift
        net = clone(dbn).fit(rows, y)
        assert type(net.rbms_[0]) is GaussianRBM
        found.append(
            net.predict_proba(rows) if estimator is make else net.predict(rows)
        )
        # The coefficients are those of the columns as they are.
        fields = slow_fields(net, rows)
        np.testing.assert_allclose(net._head_fields(rows), fields, atol=1e-8)
    assert np.ptp(found[0]) > 0.1
    # Line searches multiply rounding errors.
    exact = 5e-3 if solver == "lbfgs" else 1e-6
    for other, atol in zip(found[1:], (0.05, exact, 0.05), strict=True):
        # Rows far from zero differ in the first bias by the prior of one row at zero.
        np.testing.assert_allclose(other, found[0], rtol=1e-6, atol=atol)


def test_outputs_that_are_alike_warn(X, y, seed):
    for estimator in (make, make_regressor):
        with pytest.warns(ConvergenceWarning, match="are alike for all rows.*Scaler"):
            estimator(seed, learning_rate_init=100.0, n_iter=0).fit(X, y)
    # Nothing is wrong where all targets are the same.
    make_regressor(seed, max_iter=60).fit(X, np.ones(90))


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_steps_of_the_head_by_hand(solver, X, y, seed):
    """Two steps of the textbook on all rows, the layers below staying as they are."""
    beta_1, beta_2, momentum, rate, epsilon, alpha = 0.6, 0.9, 0.7, 0.05, 0.01, 0.3
    settings = dict(
        solver=solver,
        beta_1=beta_1,
        beta_2=beta_2,
        epsilon=epsilon,
        momentum=momentum,
        learning_rate_init=rate,
        alpha=alpha,
        head_iter=2,
        batch_size=len(X),
    )
    start, end = (make(seed, max_iter=n, **settings).fit(X, y) for n in (0, 2))
    h = X
    for weights, bias in zip(start.coefs_[:-1], start.intercepts_[:-1], strict=True):
        h = sigmoid(h @ weights + bias)
    arrays = start.coefs_[-1].copy(), start.intercepts_[-1].copy()
    mean, square = ([np.zeros_like(array) for array in arrays] for _ in range(2))
    for t in (1, 2):
        p = np.exp(h @ arrays[0] + arrays[1])
        error = np.eye(3)[y] - p / p.sum(axis=1, keepdims=True)
        down = h.T @ error / len(X) - alpha / len(X) * arrays[0], error.mean(axis=0)
        for i in range(2):
            if solver == "sgd":
                mean[i] = momentum * mean[i] + rate * down[i]
                arrays[i][...] += mean[i]
                continue
            mean[i] = beta_1 * mean[i] + (1 - beta_1) * down[i]
            square[i] = beta_2 * square[i] + (1 - beta_2) * down[i] ** 2
            size = np.sqrt(square[i] / (1 - beta_2**t)) + epsilon
            arrays[i][...] += rate * mean[i] / (1 - beta_1**t) / size
    np.testing.assert_allclose(end.coefs_[-1], arrays[0], rtol=1e-9)
    np.testing.assert_allclose(end.intercepts_[-1], arrays[1], rtol=1e-9, atol=1e-12)


def test_what_auto_stands_for(X, y, seed):
    X, y = np.tile(X, (12, 1)), np.tile(y, 12)
    common = dict(max_iter=1, n_iter=0)
    for solver, values in (
        (
            "adam",
            {"dropout": 0.1, "batch_size": 42, "learning_rate_init": Linear(0.02)},
        ),
        ("sgd", {"dropout": 0.1, "batch_size": 21, "learning_rate_init": Linear(0.1)}),
        ("cg", {"dropout": 0.0, "batch_size": 1000}),
    ):
        auto = dict.fromkeys(values, "auto")
        one, other = (
            make(seed, solver=solver, **common | settings).fit(X, y)
            for settings in (auto, values)
        )
        np.testing.assert_array_equal(one.coefs_[0], other.coefs_[0])


def test_no_fine_tuning(X, y, seed):
    dbn = make(seed, max_iter=0).fit(X, y)
    assert dbn.history_ == [] and dbn.n_iter_ == 0
    assert dbn.predict(X).shape == y.shape


def test_weights_of_classes(X, y, seed):
    settings = dict(max_iter=60, learning_rate_init=0.02, alpha=0.0)
    flipped = np.where(np.arange(90) % 3, y > 0, y == 0)
    shares = [
        make(seed, class_weight={True: w}, **settings).fit(X, flipped).predict(X).mean()
        for w in (0.05, 20)
    ]
    assert shares == [0, 1]


def test_weights_of_several_labels(X, seed):
    labels = X[:, [0, 2, 4]].astype(int)
    labels[:, 1] = np.arange(90) % 9 == 0
    labels[:, 2] = 0
    settings = dict(max_iter=3, alpha=0.0)
    counts = labels.sum(axis=0)
    by_hand = [
        {0: 45 / (90 - n), 1: 45 / n} if n else {0: 1.0} for n in counts.tolist()
    ]
    one = make(seed, class_weight="balanced", **settings).fit(X, labels)
    same = make(seed, class_weight=by_hand, **settings).fit(X, labels)
    np.testing.assert_allclose(one.coefs_[0], same.coefs_[0], rtol=1e-10)
    # A label's own weights are of no other label.
    heavy = [{}, {1: 1e6}, {}]
    settings |= {"max_iter": 1, "head_iter": 1, "learning_rate_init": 1e-3}
    plain = make(seed, solver="sgd", **settings).fit(X, labels)
    weighted = make(seed, solver="sgd", class_weight=heavy, **settings).fit(X, labels)
    same = np.isclose(plain.coefs_[-1], weighted.coefs_[-1], rtol=1e-10).all(axis=0)
    assert same.tolist() == [True, False, True]


def test_rare_labels_are_found(X, seed):
    labels = np.column_stack([X[:, 0], (X[:, 1] == 1) & (np.arange(90) % 3 == 0)])
    settings = dict(max_iter=60, learning_rate_init=0.02)
    shares = [
        make(seed, class_weight=each, **settings)
        .fit(X, labels.astype(int))
        .predict(X)[X[:, 1] == 1, 1]
        .mean()
        for each in (None, "balanced")
    ]
    # A third of these rows has it, and of the others none.
    assert shares[0] < 0.2 and shares[1] > 0.5


def test_early_stopping_keeps_the_best(X, y, rng, seed):
    noise = rng.integers(0, 3, len(y))
    settings = dict(early_stopping=True, validation_fraction=0.3, max_iter=60)
    dbn = make(seed, n_iter_no_change=4, learning_rate_init=0.05, **settings)
    dbn.fit(X, noise)
    scores = [row["validation_score"] for row in dbn.history_]
    assert dbn.n_iter_ < 60
    assert np.argmax(scores) == len(scores) - 5
    best = clone(dbn).set_params(max_iter=1 + int(np.argmax(scores)))
    best.set_params(learning_rate_init=0.05, n_iter_no_change=99).fit(X, noise)
    np.testing.assert_array_equal(best.predict_proba(X), dbn.predict_proba(X))


@pytest.mark.parametrize("head_iter", [0, 20])
def test_a_huge_tolerance_stops_after_the_first_epochs(head_iter, X, y, seed):
    """Also where only the head has learned by then, and while scores get better."""
    settings = dict(early_stopping=True, validation_fraction=0.5, max_iter=30)
    settings |= dict(solver="sgd", momentum=0.0, tol=1e9, n_iter_no_change=3)
    dbn = make_regressor(seed, head_iter=head_iter, **settings).fit(X, y)
    assert dbn.n_iter_ == len(dbn.history_) == 4


def test_early_stopping_of_numbers(X, y, seed):
    dbn = make_regressor(seed, early_stopping=True, max_iter=5).fit(X, y * 100.0)
    assert all(row["validation_score"] <= 1 for row in dbn.history_)


def test_early_stopping_with_a_rare_class(X, y, seed):
    y = np.where(np.arange(90) == 5, 9, y)
    dbn = make(seed, early_stopping=True).fit(X, y)
    assert len(dbn.classes_) == 4


@pytest.mark.parametrize("estimator", [make, make_regressor])
def test_seeds(estimator, X, y, seed):
    one, same, other = (estimator(s).fit(X, y) for s in (seed, seed, seed + 1))
    np.testing.assert_array_equal(one.coefs_[-1], same.coefs_[-1])
    assert (one.coefs_[-1] != other.coefs_[-1]).any()


def test_verbose(X, y, seed, capsys):
    quiet = make(seed).fit(X, y)
    assert capsys.readouterr().out == ""
    loud = make(seed, verbose=1, early_stopping=False).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("[DBNTransformer] Layer 1 of 2")
    assert lines[-1].startswith("[DBNClassifier] Epoch 4, loss = ")
    np.testing.assert_array_equal(quiet.coefs_[0], loud.coefs_[0])


def interrupt_at(epoch, monkeypatch):
    begins = Monitor.epoch_begins

    def interrupted(self):
        if len(self.history) == epoch and isinstance(self.judge, Outputs):
            raise KeyboardInterrupt
        begins(self)

    monkeypatch.setattr(Monitor, "epoch_begins", interrupted)


def test_interrupt_keeps_the_last_finished_epoch(X, y, seed, monkeypatch):
    rate = {"learning_rate_init": 0.01}
    expected = make(seed, max_iter=2, **rate).fit(X, y)
    interrupt_at(2, monkeypatch)
    with pytest.warns(UserWarning, match="epoch 3; .* that of epoch 2"):
        dbn = make(seed, **rate).fit(X, y)
    np.testing.assert_array_equal(dbn.coefs_[0], expected.coefs_[0])
    assert dbn.n_iter_ == 2
    assert pickle.loads(pickle.dumps(dbn)).score(X, y) == dbn.score(X, y)


def test_interrupt_before_that_raises(X, y, seed, monkeypatch):
    interrupt_at(0, monkeypatch)
    dbn = make(seed)
    before = set(vars(dbn))
    with pytest.raises(KeyboardInterrupt):
        dbn.fit(X, y)
    assert set(vars(dbn)) == before


# Few labels


def test_rows_without_a_label_shape_the_layers(X, y, seed):
    few = np.where(np.arange(90) < 40, y, -1)
    dbn = make(seed, unlabeled=-1).fit(X, few)
    assert dbn.classes_.tolist() == [0, 1, 2]
    whole = DBNTransformer((5, 4), n_iter=2, random_state=dbn.transformer_.random_state)
    whole.fit(X)
    np.testing.assert_array_equal(whole.transform(X), dbn.transformer_.transform(X))
    # Fine-tuning can see the labeled rows alone.
    settings = dict(pretrained=FrozenEstimator(whole), max_iter=3, batch_size=8)
    one = make(seed, unlabeled=-1, unlabeled_weight=0.0, **settings).fit(X, few)
    two = make(seed, **settings).fit(X[:40], y[:40])
    np.testing.assert_allclose(one.coefs_[-1], two.coefs_[-1], rtol=1e-10)
    assert dbn.score(X, few) == dbn.score(X[:40], y[:40])


def test_no_label_is_special_by_default(X, y, seed):
    dbn = make(seed)
    with pytest.warns(UserWarning, match="say unlabeled=-1"):
        dbn.fit(X, y - 1)
    assert dbn.classes_.tolist() == [-1, 0, 1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make(seed).fit(X, np.where(y, 1, -1))


@pytest.mark.parametrize(
    "dtype", [object, "string", "category", pytest.param("Int64", id="whole")]
)
def test_missing_labels(dtype, X, y, seed):
    pandas = pytest.importorskip("pandas")
    names = [1, 2, 3] if dtype == "Int64" else ["a", "b", "c"]
    few = [names[label] if i < 40 else None for i, label in enumerate(y)]
    few = pandas.Series(few, dtype=dtype)
    for classifier in (make(seed), RBMClassifier(4, n_iter=1, random_state=seed)):
        classifier.set_params(unlabeled=np.nan).fit(X, few)
        assert classifier.classes_.tolist() == names
        known = classifier.predict(X[:40]) == few[:40].to_numpy()
        if isinstance(classifier, DBNClassifier):
            assert classifier.score(X, few) == known.mean()
        with pytest.raises(ValueError, match=r"say unlabeled=np\.nan"):
            clone(classifier).set_params(unlabeled=None).fit(X, few)


@pytest.mark.parametrize("value", [None, "?", np.nan, 2])
def test_any_value_can_stand_for_no_label(value, X, y, seed):
    few = np.where(np.arange(90) < 40, y > 0, value)
    if value is None:
        few = few.astype(bool)
    dbn = make(seed, unlabeled=value).fit(X, few)
    assert len(dbn.classes_) == 2
    names = np.array(["no", "yes", "?"])[np.where(np.arange(90) < 40, y > 0, 2)]
    assert make(seed, unlabeled="?").fit(X, names).classes_.tolist() == ["no", "yes"]


def test_several_labels_or_none(X, seed):
    labels = np.column_stack([X[:, 0], X[:, 2], 1 - X[:, 4]]).astype(int)
    few = np.where((np.arange(90) < 40)[:, None], labels, -1)
    dbn = make(seed, unlabeled=-1, max_iter=40, learning_rate_init=0.05).fit(X, few)
    right = (dbn.predict(X[:40]) == labels[:40]).all(axis=1)
    assert dbn.score(X, few) == dbn.score(X[:40], labels[:40]) == right.mean()
    assert dbn.predict(X).min() == 0


def test_rows_without_any_label(X, seed):
    labels = X[:, [0, 2, 4]].astype(int)
    some = labels.any(axis=1)
    dbn = make(seed, unlabeled=0, max_iter=20, learning_rate_init=0.05)
    dbn.fit(X, labels)
    # A row with a single label has one.
    assert dbn.score(X, labels) == dbn.score(X[some], labels[some])
    found = dbn._new_targets(X, labels).rows
    np.testing.assert_array_equal(found, np.flatnonzero(some))
    with pytest.raises(ValueError, match="3 columns of classes"):
        make(seed, unlabeled=-1).fit(X, np.where(np.eye(90, 3), -1, labels))


def test_all_labels_of_a_held_out_row_have_to_be_right():
    values = np.array([[1, 0], [1, 1], [0, 0], [0, 1]])
    fields = np.array([[2.0, -1], [3, -1], [-2, -2], [1, -1]])
    targets = Targets(np.arange(4), values, Bernoulli())
    assert targets.score(fields, np.arange(4)) == 0.5
    assert targets.score(fields[1:], np.arange(1, 4)) == pytest.approx(1 / 3)
    one_of_two = Targets(np.arange(4), np.eye(2)[[0, 1, 0, 0]], Softmax(2))
    assert one_of_two.score(fields, np.arange(4)) == 0.75


def test_held_out_rows_are_of_all_classes_in_proportion(rng):
    codes = np.repeat([0, 1, 2], [60, 30, 10])
    targets = Targets(np.arange(100), np.eye(3)[codes], Softmax(3), codes)
    for _ in range(3):
        rows, held_out = targets.split(0.2, rng)
        assert np.bincount(codes[held_out]).tolist() == [12, 6, 2]
        assert sorted([*rows, *held_out]) == list(range(100))


def test_rows_with_a_target_that_is_missing(X, y, seed):
    whole = np.column_stack([y, -10.0 * y])
    one, both = whole.copy(), whole.copy()
    holes = np.arange(90) % 4 == 0
    one[holes, np.arange(holes.sum()) % 2] = np.nan
    both[holes] = np.nan
    found, expected = (make_regressor(seed).fit(X, target) for target in (one, both))
    np.testing.assert_array_equal(found.predict(X), expected.predict(X))
    assert found.score(X, one) == found.score(X[~holes], whole[~holes])


@pytest.mark.parametrize("estimator", [make, make_regressor])
def test_early_stopping_ends_both_phases(estimator, X, y, seed):
    settings = dict(early_stopping=True, n_iter_no_change=1, tol=1e9)
    dbn = estimator(seed, head_iter=4, max_iter=8, **settings)
    assert dbn.fit(X, y).n_iter_ == 2


def test_numbers_that_are_missing(X, y, seed):
    few = np.where(np.arange(90) < 40, 10.0 * y, np.nan)
    dbn = make_regressor(seed).fit(X, few)
    assert np.isfinite(dbn.predict(X)).all()
    assert dbn.score(X, few) == dbn.score(X[:40], few[:40])
    assert dbn._scale[0] == pytest.approx(few[:40].mean())


def test_held_out_rows_have_a_label(X, y, seed):
    few = np.where(np.arange(90) < 20, y, -1)
    dbn = make(seed, unlabeled=-1, early_stopping=True, validation_fraction=0.25)
    dbn.fit(X, few)
    shares = {round(row["validation_score"] * 5, 9) % 1 for row in dbn.history_}
    assert shares == {0}


# An earlier pre-training


def test_one_pretraining_for_a_whole_search(X, y, seed):
    transformer = DBNTransformer((5, 4), n_iter=2, random_state=seed).fit(X)
    before = [rbm.components_.copy() for rbm in transformer.rbms_]
    dbn = make(seed, pretrained=FrozenEstimator(transformer), layers=(9,))
    search = GridSearchCV(dbn, {"alpha": [0, 1e-3]}, cv=2).fit(X, y)
    assert search.best_estimator_.transformer_ is transformer
    assert [len(bias) for bias in search.best_estimator_.intercepts_] == [5, 4, 3]
    for rbm, kept in zip(transformer.rbms_, before, strict=True):
        np.testing.assert_array_equal(rbm.components_, kept)
    same = make(seed, pretrained=transformer).fit(X, y)
    np.testing.assert_array_equal(
        same.coefs_[0],
        make(seed, pretrained=FrozenEstimator(transformer)).fit(X, y).coefs_[0],
    )


def test_pretrained_that_does_not_fit(X, y):
    fitted = DBNTransformer((3,), n_iter=1).fit(X[:, :4])
    for pretrained, error, message in (
        (FrozenEstimator(fitted), ValueError, "X has 6 columns, .* fitted to 4"),
        (DBNTransformer((3,)), ValueError, "not fitted. Where estimators are cloned"),
        (
            FrozenEstimator(BernoulliRBM(2)),
            TypeError,
            "holds no DBNTransformer or GenerativeDBNClassifier: make one .*from_rbms",
        ),
        (BernoulliRBM(2).fit(X), TypeError, r"DBNTransformer.from_rbms\(\[rbm\]\)"),
        (StandardScaler(), TypeError, r"give FrozenEstimator\(dbn\)"),
        (3, ValueError, "The 'pretrained' parameter"),
    ):
        with pytest.raises(error, match=message):
            make(pretrained=pretrained).fit(X, y)
    with pytest.raises(ValueError, match="has to be frozen"):
        clone(make(pretrained=fitted)).fit(X[:, :4], y)


def test_search_over_layers_rbm_and_head(X, y, seed):
    pipeline = make_pipeline(StandardScaler(), make(seed, rbm=RBM(visible="gaussian")))
    grid = {
        "dbnclassifier__layers": [(3,), (4, 3)],
        "dbnclassifier__rbm__learning_rate": [0.01, 0.001],
        "dbnclassifier__alpha": [0, 0.1],
    }
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    assert len(search.cv_results_["params"]) == 8
    copied = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(copied.predict(X), search.predict(X))
    with pytest.raises(ValueError, match="rbm, which is None"):
        make().set_params(rbm__learning_rate=1)


# Networks of scikit-learn


@pytest.mark.parametrize("hidden", ["bernoulli", "spin", "gaussian"])
@pytest.mark.parametrize("kind", ["three", "two", "labels", "number", "numbers"])
def test_to_mlp(hidden, kind, X, y, seed):
    targets = {
        "three": np.array(["a", "b", "c"])[y],
        "two": y > 0,
        "labels": X[:, :3].astype(int),
        "number": 5.0 * y + 100,
        "numbers": np.column_stack([y, -50.0 * y]),
    }[kind]
    estimator = make_regressor if kind.startswith("number") else make
    rbm = RBM(visible="bernoulli", hidden=hidden, learning_rate=1e-3)
    dbn = estimator(seed, layers=(4, 3), rbm=rbm).fit(X, targets)
    mlp = dbn.to_mlp()
    if estimator is make:
        np.testing.assert_array_equal(mlp.predict(X), dbn.predict(X))
        np.testing.assert_allclose(mlp.predict_proba(X), dbn.predict_proba(X))
        np.testing.assert_array_equal(mlp.classes_, dbn.classes_)
    else:
        np.testing.assert_allclose(mlp.predict(X), dbn.predict(X))
    assert mlp.score(X, targets) == pytest.approx(dbn.score(X, targets))
    mlp.coefs_[0] += 1
    assert (dbn.coefs_[0] != mlp.coefs_[0]).all()


def test_no_such_mlp(X, y):
    dbn = make(layers=(RBM(4, hidden="spin"), RBM(3, visible="spin"))).fit(X, y)
    with pytest.raises(ValueError, match="hidden units are Bernoulli, Spin"):
        dbn.to_mlp()


# Piece by piece


def test_partial_fit(X, y, seed):
    dbn = make(seed, learning_rate_init=0.02)
    with pytest.raises(ValueError, match="classes has to be given in the first call"):
        dbn.partial_fit(X, y)
    assert dbn.partial_fit(X[:50], y[:50], classes=[2, 0, 1]) is dbn
    assert dbn.classes_.tolist() == [0, 1, 2] and dbn.n_iter_ == 1
    layers = DBNTransformer(
        (5, 4), n_iter=2, random_state=dbn.transformer_.random_state
    )
    np.testing.assert_array_equal(
        layers.fit(X[:50]).transform(X), dbn.transformer_.transform(X)
    )
    before = dbn.coefs_[0].copy()
    for labels, message in (
        (y + 1, r"labels \[3\] that are not among the classes \[0 1 2\]"),
        (y[:3], "inconsistent numbers of samples"),
    ):
        with pytest.raises(ValueError, match=message):
            dbn.partial_fit(X, labels)
    with pytest.raises(ValueError, match="not those of the first call"):
        dbn.partial_fit(X, y, classes=[0, 1])
    np.testing.assert_array_equal(dbn.coefs_[0], before)
    for _ in range(200):
        dbn.partial_fit(X[50:], y[50:])
    assert dbn.score(X[50:], y[50:]) > 0.9
    assert pickle.loads(pickle.dumps(dbn)).partial_fit(X, y).n_iter_ == 202


def test_partial_fit_of_one_class_at_a_time(X, y, seed):
    dbn = make(seed, class_weight={0: 0.5, 2: 3})
    for label in (0, 1, 2):
        dbn.partial_fit(X[y == label], y[y == label], classes=[0, 1, 2])
    assert dbn.predict_proba(X).shape == (90, 3)


def test_partial_fit_does_not_know_frequencies(X, y, seed):
    for labels in (y, X[:, :3].astype(int)):
        dbn = make(seed, class_weight="balanced")
        with pytest.raises(ValueError, match=r"not for partial_fit.*Give a dict"):
            dbn.partial_fit(X, labels, classes=[0, 1, 2])
        assert not hasattr(dbn, "network_")


def test_partial_fit_goes_on_where_fit_stopped(X, y, seed):
    dbn = make(seed).fit(X, y)
    before = dbn.coefs_[0].copy()
    assert (dbn.partial_fit(X, y).coefs_[0] != before).any()


def test_partial_fit_of_numbers(X, y, seed):
    dbn = make_regressor(seed, learning_rate_init=0.02)
    for _ in range(150):
        dbn.partial_fit(X, 100.0 * y)
    assert dbn.score(X, 100.0 * y) > 0.8
    with pytest.raises(ValueError, match="y has 2 outputs, but 1 in the first call"):
        dbn.partial_fit(X, np.column_stack([y, y]))


# Bad input


@pytest.mark.parametrize(
    "settings, error, message",
    [
        ({"layers": ()}, ValueError, "layers is empty"),
        ({"layers": (3.5,)}, ValueError, "neither an int"),
        ({"solver": "newton"}, ValueError, "solver"),
        ({"solver": "cg", "dropout": 0.5}, ValueError, "solver='cg' searches along"),
        ({"dropout": 1.0}, ValueError, "dropout"),
        ({"max_norm": 0}, ValueError, "max_norm"),
        ({"learning_rate_init": 0}, ValueError, "learning_rate_init"),
        ({"learning_rate_init": 1e30, "solver": "sgd"}, ValueError, "diverged"),
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"class_weight": {7: 2}, "unlabeled": 0}, ValueError, "class"),
        (
            {"early_stopping": True, "validation_fraction": 0.999},
            ValueError,
            "leaves no row to learn from",
        ),
    ],
    ids=str,
)
def test_bad_parameters(settings, error, message, X, y, seed):
    dbn = make(seed, **settings)
    before = set(vars(dbn))
    with pytest.raises(error, match=message):
        dbn.fit(X, y)
    assert set(vars(dbn)) == before


def test_bad_targets(X, y):
    for target, settings, message in (
        (np.full(90, -1), {"unlabeled": -1}, "All 90 rows of y are unlabeled=-1"),
        (np.ones(90), {}, "y has 1 class, 1"),
        (np.where(y == 1, 1, -1), {"unlabeled": -1}, "y has 1 class"),
        (y[:5], {}, "inconsistent numbers of samples"),
        (np.linspace(0, 1, 90), {}, "Unknown label type"),
        (np.column_stack([y, y]), {}, "2 columns of classes .* not supported"),
        (X[:, :3].astype(int), {"class_weight": {1: 2}}, "list with a dict for each"),
        (X[:, :3].astype(int), {"class_weight": [{}] * 2}, "y has 3 labels a row"),
        (X[:, :3].astype(int), {"class_weight": [{2: 1}] * 3}, "weights of 0 and 1"),
        (None, {}, "requires y to be passed"),
    ):
        with pytest.raises(ValueError, match=message):
            make(**settings).fit(X, target)
    with pytest.raises(ValueError, match="All 90 rows of y have NaN"):
        make_regressor().fit(X, np.full(90, np.nan))
    with pytest.raises(ValueError, match="infinity"):
        make_regressor().fit(X, np.where(y, np.inf, 0))
    with pytest.raises(NotFittedError):
        make().predict(X)


def test_few_labels_of_digits(seed):
    X, y = load_digits(return_X_y=True)
    few = np.where(np.arange(len(y)) < 50, y, -1)
    settings = dict(layers=(200,), unlabeled=-1, max_iter=60, random_state=seed)
    settings["unlabeled_weight"] = 0.0
    found, without = (
        DBNClassifier(n_iter=n, **settings).fit(X / 16, few).score(X[50:] / 16, y[50:])
        for n in (20, 0)
    )
    # The same digits and labels for both, which leaves a third of the deviation of a
    # share of 1,747 digits, 1 %.
    assert found > without + 0.01
