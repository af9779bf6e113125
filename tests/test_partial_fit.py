"""partial_fit: it goes on learning, by the present parameters and the rows seen."""

import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skdbn import (
    RBM,
    BernoulliRBM,
    ConditionalRBM,
    ConvolutionalRBM,
    DBNAutoencoder,
    DBNClassifier,
    DBNNeighborhoodComponents,
    DBNRegressor,
    DBNTransformer,
    GaussianRBM,
    GenerativeDBNClassifier,
    MixedRBM,
    RBMClassifier,
    SparseRBM,
)
from skdbn.gradients import CD, PCD, PT
from skdbn.schedules import Constant, Linear

NET = {"layers": (8,), "n_iter": 2, "max_iter": 10}
ESTIMATORS = [
    RBM(8),
    BernoulliRBM(8),
    GaussianRBM(8),
    SparseRBM(8, target=0.2),
    ConvolutionalRBM(8, 3),
    MixedRBM(8),
    ConditionalRBM(8, context=slice(0, 2)),
    RBMClassifier(8, n_iter=10),
    DBNTransformer((8, 4)),
    DBNClassifier(**NET),
    GenerativeDBNClassifier(**NET | {"layers": (8, 8)}),
    DBNRegressor(**NET),
    DBNAutoencoder(**NET),
    DBNNeighborhoodComponents(**NET),
]
each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)


@pytest.fixture
def data(rng):
    """Noisy copies of three patterns, and which of them."""
    patterns = [[0, 0, 1, 1, 0, 1], [0, 1, 0, 0, 1, 1], [1, 0, 0, 1, 1, 0]]
    patterns = np.tile(patterns, 2)
    y = rng.integers(3, size=90)
    return np.abs(patterns[y] - (rng.random((90, 12)) < 0.15)), y


def arrays(estimator):
    """Copies of all that learns."""
    for name in ("network_", "machine_"):
        if hasattr(estimator, name):
            return [array.copy() for array in getattr(estimator, name).params.values()]
    return [a.copy() for rbm in estimator.rbms_ for a in rbm.machine_.params.values()]


def same(one, other):
    return all(map(np.array_equal, one, other))


@each_estimator
def test_it_goes_on_after_fit(estimator, data, seed):
    """At the automatic rate it learns other rows and keeps what it knows."""
    X, y = data
    model = clone(estimator).set_params(random_state=seed).fit(X[:45], y[:45])
    before, score = arrays(model), model.score(X, y)
    for _ in range(5):
        model.partial_fit(X[45:], y[45:])
    assert not any(map(np.array_equal, before, arrays(model)))
    assert model.score(X, y) > score - 0.1


@each_estimator
def test_present_learning_rate_counts(estimator, data, seed):
    X, y = data
    model = clone(estimator).set_params(random_state=seed).fit(X, y)
    before = arrays(model)
    name = "learning_rate"
    if hasattr(model, "network_"):
        name = "learning_rate_init"
    if isinstance(model, DBNTransformer):
        model.set_params(rbm=BernoulliRBM())
        name = "rbm__learning_rate"
    model.set_params(**{name: 1e-300}).partial_fit(X, y)
    assert same(before, arrays(model))
    model.set_params(**{name: 0.01}).partial_fit(X, y)
    assert not same(before, arrays(model))


@each_estimator
def test_no_silence_where_a_schedule_has_come_to_zero(estimator, data, seed):
    X, y = data
    is_net = hasattr(estimator, "max_iter")
    name = "learning_rate_init" if is_net else "learning_rate"
    model = clone(estimator).set_params(random_state=seed)
    if isinstance(model, DBNTransformer):
        model.set_params(rbm=BernoulliRBM(learning_rate=Linear(0.1)))
    else:
        model.set_params(**{name: Linear(0.1)})
    model.fit(X, y)
    with pytest.warns(ConvergenceWarning, match=rf"{name}=Linear.*set_params"):
        model.partial_fit(X, y)


@pytest.mark.parametrize(
    "changed",
    [
        {"momentum": 0.5},
        {"weight_decay": 0.5},
        {"centered": False},
        {"sample_data": False},
        {"batch_size": 30},
        {"gradient": CD()},
        {"gradient": PCD(n_steps=3)},
        {"gradient": PCD(n_chains=7)},
    ],
    ids=str,
)
def test_present_parameters_count(changed, data, seed):
    """As if they had been there from the start of the call."""
    X, _ = data
    X = 0.9 * X
    settings = {"learning_rate": 0.1, "gradient": PCD(), "random_state": seed}
    one, other = (BernoulliRBM(4, **settings).fit(X) for _ in range(2))
    one.partial_fit(X).partial_fit(X)
    other.set_params(**changed).partial_fit(X).partial_fit(X)
    assert not same(arrays(one), arrays(other))
    found = other.gradient_.get_params()
    gradient = changed.get("gradient", PCD())
    assert type(other.gradient_) is type(gradient) and found == gradient.get_params()
    if gradient.get_params().get("n_chains"):
        assert len(other.gradient_.chains_.visible) == 7


def test_chains_go_on_when_other_settings_change(data, seed):
    X, _ = data
    rbm = BernoulliRBM(4, gradient=PT(3), learning_rate=1e-300, random_state=seed)
    places = rbm.fit(X).gradient_._tempered.places.copy()
    rbm.set_params(gradient__n_steps=2, n_iter=0).partial_fit(X[:0:-1])
    assert rbm.gradient_.n_steps == 2
    assert rbm.gradient_._tempered.places.shape == places.shape
    rbm.set_params(gradient__n_temperatures=4).partial_fit(X)
    assert len(rbm.gradient_._tempered.places) == 4


def test_penalty_of_activity_follows_its_target(data, seed):
    X, _ = data
    rbm = SparseRBM(8, target=0.2, n_iter=30, random_state=seed).fit(X)
    rbm.set_params(target=0.6)
    for _ in range(30):
        rbm.partial_fit(X)
    assert rbm.mean_activation_.mean() == pytest.approx(0.6, abs=0.1)


@pytest.mark.parametrize(
    "estimator, changed, named",
    [
        (RBM(4), {"n_components": 5}, "n_components=5.* 4 hidden"),
        (RBM(4), {"visible": "spin"}, "visible units Spin.* Bernoulli"),
        (RBM(4), {"hidden": "gaussian"}, "hidden units Gaussian.* Bernoulli"),
        (GaussianRBM(4), {"variance": 2.0}, r"variance=2\.0"),
        (RBMClassifier(4), {"n_components": 5}, "n_components=5"),
        (DBNTransformer((4, 4)), {"layers": (4, 5)}, "n_components=5"),
        (DBNTransformer((4, 4)), {"layers": (4,)}, "layers="),
        (DBNTransformer((4, 4)), {"rbm": GaussianRBM()}, "layers="),
    ],
)
def test_structure_cannot_change(estimator, changed, named, data, seed):
    X, y = data
    model = clone(estimator).set_params(random_state=seed).fit(X, y)
    before = arrays(model)
    with pytest.raises(ValueError, match=named + ".*call fit"):
        model.set_params(**changed).partial_fit(X, y)
    assert same(before, arrays(model))


class Recording(CD):
    """Notes the learning rate of each batch."""

    def __call__(self, machine, batch, rng, centering=None, rate=1.0, **options):
        vars(self).setdefault("rates_", []).append(rate)
        return super().__call__(machine, batch, rng, centering, rate, **options)


@pytest.mark.parametrize("n_rows", [1, 5, 20])
def test_automatic_rate_falls_by_rows(n_rows, rng, seed):
    """By half in ten thousand rows; a tenth of a batch moves a tenth as far."""
    X = rng.random((40, 3))
    rbm = BernoulliRBM(2, gradient=Recording(), random_state=seed)
    for start in range(0, 40, n_rows):
        rbm.partial_fit(X[start : start + n_rows])
    size = min(n_rows, 10)
    expected = 0.1 * size / 10 / (1 + np.arange(0, 40, size) / 10_000)
    np.testing.assert_allclose(rbm.gradient_.rates_, expected, rtol=1e-12)


def test_automatic_rate_halves_in_ten_epochs_of_many_rows(rng, seed):
    """Of a thousand and more rows an epoch is that of the data."""
    X = rng.random((2000, 3))
    rbm = BernoulliRBM(2, gradient=Recording(), batch_size=1000, random_state=seed)
    for _ in range(3):
        rbm.partial_fit(X)
    expected = 0.1 / (1 + np.arange(0, 3, 0.5) / 10)
    np.testing.assert_allclose(rbm.gradient_.rates_, expected, rtol=1e-12)


@pytest.mark.parametrize("solver, power", [("sgd", 1), ("adam", 0.5)])
def test_fine_tuning_moves_less_by_fewer_rows(solver, power, data, seed):
    """Steps of SGD grow with the number of rows, those of Adam with its root at most."""
    X, y = data
    model = DBNClassifier(**NET, solver=solver, batch_size=30, random_state=seed)
    rates = []
    for n in (90, 30, 3):
        model.partial_fit(X[:n], y[:n], classes=[0, 1, 2])
        rates.append(model._session.optimizer.learning_rate(0, 1))
    np.testing.assert_allclose(rates, rates[0] * np.array([1, 1, 0.1**power]))


def test_present_settings_of_layers_count(data, seed):
    X, _ = data
    net = DBNTransformer((4, 3), rbm=BernoulliRBM(batch_size=5), random_state=seed)
    net.partial_fit(X).set_params(rbm__batch_size=7).partial_fit(X)
    assert [rbm.batch_size for rbm in net.rbms_] == [7, 7]


def test_schedules_count_the_rows_of_a_fit(rng, seed):
    """An epoch is as many rows as the fit had."""
    X = rng.random((40, 3))
    rbm = BernoulliRBM(2, gradient=Recording(), n_iter=4, random_state=seed)
    rbm.set_params(learning_rate=Linear(0.4), batch_size=20).fit(X)
    rbm.set_params(n_iter=8).partial_fit(X[:20]).partial_fit(X[:10])
    np.testing.assert_allclose(rbm.gradient_.rates_[-2:], [0.2, 0.175], rtol=1e-12)
    assert rbm.n_iter_ == 4


def test_row_by_row(data, seed):
    """Many calls with a row each are as good as a few with all of them."""
    X, y = data
    model = DBNClassifier((16,), random_state=seed)
    for _ in range(4):
        for row, label in zip(X, y, strict=True):
            model.partial_fit([row], [label], classes=[0, 1, 2])
    assert model.score(X, y) > 0.6
    whole, rows = (BernoulliRBM(6, random_state=seed).partial_fit(X) for _ in range(2))
    start = whole.score(X)
    whole.partial_fit(X)
    for row in X:
        rows.partial_fit([row])
    gain = whole.score(X) - start
    assert abs(rows.score(X) - start - gain) < 0.5 * gain


def test_up_down_learns_from_single_rows(data, seed):
    """A row is not its own mean, about which it would be zero."""
    X, y = data
    model = GenerativeDBNClassifier((6, 6), gradient="pcd", n_iter=2, max_iter=2)
    model.set_params(random_state=seed).fit(X, y)
    before = model.network_.down[0].weights.copy()
    chains = model._session.direction.gradient.chains_
    model.partial_fit(X[:1], y[:1])
    assert (model.network_.down[0].weights != before).any()
    new = model._session.direction.gradient.chains_
    assert new.visible.shape == chains.visible.shape


def test_present_settings_of_fine_tuning_count(data, seed):
    X, y = data
    model = DBNClassifier(**NET, random_state=seed, solver="sgd").fit(X, y)
    model.set_params(max_norm=0.1, momentum=Constant(0.5)).partial_fit(X, y)
    norms = np.linalg.norm(model.network_.weights[0], axis=0)
    assert norms.max() <= 0.1 * (1 + 1e-6)
    model.set_params(solver="adam").partial_fit(X, y).partial_fit(X, y)
    assert re.search("Adam", repr(type(model._session.optimizer)))
    assert model.n_iter_ == NET["max_iter"] + 3
