"""Feed-forward networks: output, loss, gradient, dropout and line searches."""

import numpy as np
import pytest

from skdbn import DBNAutoencoder, DBNClassifier, DBNNeighborhoodComponents
from skdbn._data._sources import Batch
from skdbn._networks._backprop import BackPropagation
from skdbn._networks._line_search import LineSearches
from skdbn._networks._network import Network
from skdbn.exceptions import DivergenceError
from skdbn.machines import RestrictedMachine
from skdbn.units import Bernoulli, Gaussian, Rectified, Softmax, Spin

HEADS = {
    "softmax": (Softmax(3), np.eye(3)[[0, 2, 1, 1, 0, 2, 2]]),
    "binary": (Bernoulli(), np.array([[1, 0, 1, 0, 0, 1, 1.0]] * 3).T),
    "linear": (Gaussian(1.0), np.linspace(-2, 3, 21).reshape(7, 3)),
}


def labeled(X, targets, weights=None):
    """A batch of rows with targets."""
    return Batch(X, None, weights, targets)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


HIDDEN = {Bernoulli: sigmoid, Spin: np.tanh, Gaussian: lambda x: x}


def slow_loss(arrays, kinds, head, X, targets, weights=None, decay=0.0):
    """The mean loss by its formula, a row at a time; arrays are W, b of each layer."""
    total = 0.0
    for n, x in enumerate(X):
        for i, kind in enumerate(kinds):
            x = HIDDEN[kind](x @ arrays[2 * i] + arrays[2 * i + 1])
        field = x @ arrays[-2] + arrays[-1]
        if head == "softmax":
            p = np.exp(field) / np.exp(field).sum()
            loss = -np.log(p[targets[n] == 1])
        elif head == "binary":
            p = sigmoid(field)
            loss = -np.log(np.where(targets[n] == 1, p, 1 - p))
        else:
            # The normalizer of a Gaussian is part of the log-probability.
            loss = np.square(field - targets[n]) / 2 + np.log(2 * np.pi) / 2
        total += (loss * (1 if weights is None else weights[n])).sum()
    penalty = sum(np.square(array).sum() for array in arrays[::2])
    return (total + decay / 2 * penalty) / len(X)


@pytest.fixture
def make_network(rng):
    def make(
        kinds=(Bernoulli, Bernoulli), head="softmax", dtype=np.float64, **settings
    ):
        widths = [5, 4, 6][: len(kinds) + 1]
        layers = [kind(1.0) if kind is Gaussian else kind() for kind in kinds]
        machines = [
            RestrictedMachine(
                rng.normal(0, 0.7, (below, width)).astype(dtype),
                np.zeros(below, dtype),
                rng.normal(0, 0.7, width).astype(dtype),
                Bernoulli(),
                layer.start(width, dtype=dtype),
            )
            for below, width, layer in zip(widths, widths[1:], layers, strict=False)
        ]
        network = Network.on_top_of(machines, HEADS[head][0], 3, rng, **settings)
        # The head's start is too small to be told from zero.
        network.weights[-1] += rng.normal(0, 0.7, network.weights[-1].shape)
        return network

    return make


@pytest.fixture
def X(rng):
    return rng.random((7, 5))


def gradient_of(network, examples, rng, **settings):
    direction = BackPropagation(**settings)
    direction.start(network, len(examples.values), rng)
    loss, descent = direction.descent(network, examples, rng)
    return loss, list(descent.values())


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize(
    "kinds", [(Bernoulli, Bernoulli), (Spin,), (Gaussian, Spin)], ids=str
)
@pytest.mark.parametrize("weighted", ["", "rows", "targets"])
def test_loss_and_gradient(head, kinds, weighted, make_network, X, rng):
    network = make_network(kinds, head)
    targets = HEADS[head][1]
    if weighted == "targets" and head == "softmax":
        return  # its targets are one
    shapes = {"rows": len(X), "targets": targets.shape}
    weights = rng.uniform(0.5, 2, shapes[weighted]) if weighted else None
    examples = labeled(X, targets, weights)
    loss, descent = gradient_of(network, examples, rng, decay=0.3)
    arrays = [array.copy() for array in network.params.values()]

    def value():
        return slow_loss(arrays, kinds, head, X, targets, weights, 0.3)

    assert loss == pytest.approx(value(), rel=1e-12)
    step = 1e-5
    for array, change in zip(arrays, descent, strict=True):
        for index in np.ndindex(array.shape):
            kept, ends = array[index], []
            for shift in (step, -step):
                array[index] = kept + shift
                ends.append(value())
            array[index] = kept
            slope = (ends[0] - ends[1]) / (2 * step)
            # The error of the formula is of order step².
            assert change[index] == pytest.approx(-slope, rel=1e-6, abs=1e-8)


def test_rate_is_a_factor(make_network, X, rng):
    network, direction = make_network(), BackPropagation(decay=0.1)
    direction.start(network, len(X), rng)
    examples = labeled(X, HEADS["softmax"][1])
    once = {k: a.copy() for k, a in direction(network, examples, rng).items()}
    for name, other in direction(network, examples, rng, 0.25).items():
        np.testing.assert_allclose(other, once[name] / 4, rtol=1e-12)
    found = direction.diagnostics()["loss"]
    assert found == pytest.approx(direction.descent(network, examples, rng)[0])
    assert direction.diagnostics() == {"loss": 0}


def test_head_alone(make_network, X, rng):
    network = make_network()
    examples = labeled(X, HEADS["softmax"][1])
    whole = [array.copy() for array in gradient_of(network, examples, rng)[1]]
    network.first = 2
    head = gradient_of(network, examples, rng)[1]
    assert len(head) == len(network.params) == 2
    for one, other in zip(whole[-2:], head, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-13)


def test_smaller_batches_fit_in(make_network, X, rng):
    network, direction = make_network(), BackPropagation()
    targets = HEADS["softmax"][1]
    direction.start(network, 100, rng, n_rows=7)
    found = direction(network, labeled(X[:3], targets[:3]), rng)
    found = [array.copy() for array in found.values()]
    expected = gradient_of(network, labeled(X[:3], targets[:3]), rng)[1]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)


def test_dropout_keeps_the_expected_value_of_a_linear_net(make_network, X, rng):
    # Without bends the mean output over masks is the output without dropout.
    network, n = make_network((Gaussian,), "linear"), 4000
    direction = BackPropagation(dropout=0.4, input_dropout=0.2)
    one = np.repeat(X[:1], n, axis=0)
    direction.start(network, n, rng)
    _, means, masks = direction._forward(network, one, n, rng)
    assert {*np.unique(masks[0])} == {0, 1 / (1 - 0.2)}
    assert {*np.unique(masks[1])} == {0, 1 / (1 - 0.4)}
    error = means[-1].std(axis=0) / np.sqrt(n)
    distance = means[-1].mean(axis=0) - network.output(X[:1])[0]
    assert (np.abs(distance) < 5 * error).all()


def test_gradient_with_dropout_is_that_of_the_thinned_net(make_network, X, rng, seed):
    network = make_network((Bernoulli, Bernoulli))
    examples = labeled(X, HEADS["softmax"][1])
    settings = dict(dropout=0.5, input_dropout=0.3)
    _, found = gradient_of(network, examples, np.random.default_rng(seed), **settings)
    found = [array.copy() for array in found]
    direction = BackPropagation(**settings)
    step = 1e-6
    for array, change in zip(network.params.values(), found, strict=True):
        index = np.unravel_index(np.abs(change).argmax(), change.shape)
        kept, ends = array[index], []
        for shift in (step, -step):
            array[index] = kept + shift
            direction.start(network, len(X), rng)
            same = np.random.default_rng(seed)
            ends.append(direction.descent(network, examples, same)[0])
        array[index] = kept
        slope = (ends[0] - ends[1]) / (2 * step)
        assert change[index] == pytest.approx(-slope, rel=1e-5)


@pytest.mark.parametrize("method", ["CG", "L-BFGS-B"])
def test_line_searches_go_downhill(method, make_network, X, rng):
    network = make_network()
    examples = labeled(X, HEADS["softmax"][1])
    before = [array.copy() for array in network.params.values()]
    searches = LineSearches(method, 3, decay=0.01)
    searches.start(network, len(X), rng)
    first, _ = searches.descent(network, examples, rng)
    change = searches(network, examples, rng)
    for array, kept in zip(network.params.values(), before, strict=True):
        np.testing.assert_array_equal(array, kept)
    last = searches.diagnostics()["loss"]
    for name, step in change.items():
        network.params[name] += step
    assert last < first
    loss, _ = gradient_of(network, examples, rng, decay=0.01)
    assert loss == pytest.approx(last, rel=1e-9)


def test_largest_norm(make_network):
    network = make_network(max_norm=0.5)
    network.weights[0] *= 3
    network.weights[0][:, 1] *= 1e-3
    kept = network.weights[0][:, 1].copy()
    head = network.weights[-1].copy()
    network.project()
    norms = np.linalg.norm(network.weights[0], axis=0)
    assert norms.max() == pytest.approx(0.5)
    np.testing.assert_array_equal(network.weights[0][:, 1], kept)
    np.testing.assert_array_equal(network.weights[-1], head)


def test_precision_stays(make_network, X, rng):
    network = make_network(dtype=np.float32)
    examples = labeled(X.astype(np.float32), HEADS["softmax"][1].astype(np.float32))
    _, descent = gradient_of(network, examples, rng, dropout=0.5, decay=0.1)
    assert {array.dtype for array in descent} == {np.dtype(np.float32)}
    assert network.output(examples.values).dtype == np.float32


def test_rectified_layers(make_network, X, rng):
    network = make_network((Rectified,))
    examples = labeled(X, HEADS["softmax"][1])
    _, descent = gradient_of(network, examples, rng)
    change, step = descent[0][2, 1], 1e-5
    ends = []
    for shift in (step, -2 * step):
        network.weights[0][2, 1] += shift
        ends.append(gradient_of(network, examples, rng)[0])
    assert change == pytest.approx((ends[1] - ends[0]) / (2 * step), rel=1e-5)


def test_copies_have_their_own_arrays(make_network, X):
    network = make_network(max_norm=2.0)
    network.first = 1
    other = network.copy()
    # A copy is whole, also of a net whose head alone learns.
    assert len(other.params) == len(network.params) + 2
    for array in other.params.values():
        array += 1
    assert other.max_norm == 2.0
    assert np.abs(network.output(X) - other.output(X)).max() > 0.1


@pytest.mark.parametrize("solver, rate", [("sgd", 1e9), ("adam", 1e9)])
@pytest.mark.parametrize(
    "kind", [DBNAutoencoder, DBNClassifier, DBNNeighborhoodComponents]
)
def test_parameters_that_are_finite_and_huge_have_diverged(kind, solver, rate, rng):
    rows = (rng.random((60, 6)) < 0.5).astype(float)
    rates = {"solver": solver, "learning_rate_init": rate}
    net = kind((5,), n_iter=1, max_iter=10, random_state=0, **rates)
    with pytest.raises(DivergenceError, match="diverged in epoch"):
        net.fit(rows, np.arange(60) % 2)
    assert not hasattr(net, "network_")
