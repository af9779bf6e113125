"""Neighborhood components: gradients, codes of few labels, what they refuse."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from skdbn import RBM, DBNNeighborhoodComponents, DBNTransformer, GaussianRBM
from skdbn._data._sources import Batch, PairsSource
from skdbn._estimators._dbn_neighborhood_components import Neighbors
from skdbn._networks import _neighbors
from skdbn._networks._backprop import BackPropagation
from skdbn._networks._neighbors import (
    NeighborAutoencoder,
    NeighborNetwork,
    right_neighbors,
)
from skdbn.machines import RestrictedMachine
from skdbn.units import Bernoulli, Gaussian

FAST = {"layers": (6,), "n_iter": 5, "max_iter": 20}


def make(seed=0, **settings):
    return DBNNeighborhoodComponents(**FAST | {"random_state": seed} | settings)


@pytest.fixture
def data(rng):
    """Bits that are noisy copies of two causes, and the class: whether these differ."""
    causes = rng.random((90, 2)) < 0.5
    X = causes[:, [0, 0, 0, 1, 1, 1]] ^ (rng.random((90, 6)) < 0.05)
    return X.astype(float), np.where(causes[:, 0] == causes[:, 1], "same", "other")


def shares(code, labels):
    """p(right neighbor) of each row by its formula, a pair at a time."""
    found = []
    for a, own in enumerate(code):
        others = np.delete(np.arange(len(code)), a)
        p = np.exp([-np.square(own - code[b]).sum() for b in others])
        found.append(p[labels[others] == labels[a]].sum() / p.sum())
    return np.array(found)


def numeric(function, array, step=1e-5):
    """The gradient of a number by differences, in place."""
    found = np.empty_like(array)
    for place in np.ndindex(*array.shape):
        array[place] += step
        above = function()
        array[place] -= 2 * step
        found[place] = (above - function()) / (2 * step)
        array[place] += step
    return found


# The loss and its gradient


@pytest.mark.parametrize("size", [2**22, 30])
def test_right_neighbors(size, rng, monkeypatch):
    monkeypatch.setattr(_neighbors, "BLOCK_ELEMENTS", size)
    code, labels = rng.normal(5, 1, (11, 3)), rng.integers(3, size=11)
    right, gradient = right_neighbors(code, labels, gradient=True)
    np.testing.assert_allclose(right, shares(code, labels), atol=1e-12)
    np.testing.assert_array_equal(right_neighbors(code, labels), right)
    expected = numeric(lambda: shares(code, labels).sum(), code)
    np.testing.assert_allclose(gradient, expected, atol=1e-8)


def test_rows_far_away_have_neighbors_too(rng):
    """Their nearest ones, however small exp(−d²) is."""
    code = np.array([[0, 0], [1, 0], [1e4, 0], [1e4, 2]], np.float32)
    labels = np.array([0, 1, 0, 0])
    right, gradient = right_neighbors(code, labels, gradient=True)
    assert right.dtype == gradient.dtype == np.float32
    np.testing.assert_allclose(right, [0, 0, 1, 1])
    assert np.isfinite(gradient).all()


def test_one_row_and_lonely_rows_have_no_gradient(rng):
    for n_rows in (1, 4):
        found = right_neighbors(rng.normal(size=(n_rows, 2)), np.arange(n_rows), True)
        for array in found:
            np.testing.assert_array_equal(array, 0)


def machines_of(rng):
    sizes = [(4, 5, Bernoulli(), Bernoulli()), (5, 2, Bernoulli(), Gaussian(1.0))]
    return [
        RestrictedMachine(
            rng.normal(0, 0.5, (n, m)),
            rng.normal(size=n),
            rng.normal(size=m),
            v,
            h.start(m),
        )
        for n, m, v, h in sizes
    ]


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_gradient_of_the_net(share, rng):
    """Rows without a label count in the reconstruction alone."""
    rows = (rng.random((9, 4)) < 0.5).astype(float)
    labels = np.array([0, 1, -1, 0, 2, 1, 0, -1, 2])
    known = labels >= 0
    if share:
        network = NeighborAutoencoder.unrolled(machines_of(rng))
        network.reconstruction = share
    else:
        network = NeighborNetwork.of_stack(machines_of(rng))

    def loss():
        W, b = network.weights, network.biases
        code = expit(rows @ W[0] + b[0]) @ W[1] + b[1]
        found = -(1 - share) * shares(code[known], labels[known]).mean()
        if share:
            p = expit(expit(code @ W[2] + b[2]) @ W[3] + b[3])
            bits = rows * np.log(p) + (1 - rows) * np.log(1 - p)
            found -= share * bits.sum(axis=1).mean()
        return found

    back = BackPropagation()
    back.start(network, 9, rng)
    found, downhill = back.descent(network, Batch(rows, targets=labels), rng)
    assert found == pytest.approx(loss())
    for name, array in network.params.items():
        np.testing.assert_allclose(
            -downhill[name], numeric(loss, array), rtol=1e-4, atol=1e-8
        )


# Batches


def batches_of(labels, size, seed=0):
    X = np.arange(len(labels), dtype=float)[:, None]
    source = PairsSource(X, np.array(labels), np.arange(len(labels)))
    batches = list(source.batches(None, size, np.random.default_rng(seed)))
    for batch in batches:
        np.testing.assert_array_equal(batch.targets, source.targets[batch.rows])
        np.testing.assert_array_equal(batch.values[:, 0], batch.rows)
        assert len(np.unique(batch.rows)) == len(batch.rows) <= min(size, len(source))
    return source, [batch.rows for batch in batches]


def test_batches_of_labeled_rows_are_alike(seed):
    source, batches = batches_of([0, 1] * 11, 10, seed)
    assert [len(rows) for rows in batches] == [8, 7, 7]
    np.testing.assert_array_equal(np.sort(np.concatenate(batches)), np.arange(22))
    assert len(source) == 22


def test_half_of_a_batch_has_labels(seed):
    source, batches = batches_of([0, 1] * 4 + [-1] * 32, 8, seed)
    assert len(source) == 64
    assert [len(rows) for rows in batches] == [8] * 8
    assert all((rows < 8).sum() == 4 for rows in batches)
    others = np.concatenate([rows[rows >= 8] for rows in batches])
    np.testing.assert_array_equal(np.sort(others), np.arange(8, 40))
    assert len({tuple(np.sort(rows[rows < 8])) for rows in batches}) > 1


@pytest.mark.parametrize("n_others", [1, 3, 40])
@pytest.mark.parametrize("size", [3, 5, 100])
def test_some_rows_without_a_label(n_others, size, seed):
    _, batches = batches_of([0, 1] * 5 + [-1] * n_others, size, seed)
    for rows in batches:
        assert (rows < 10).sum() >= 2
    assert sum((rows >= 10).sum() for rows in batches) == n_others


def test_rows_without_a_label_are_for_reconstruction(rng):
    codes = np.array([0, -1, 1, 0, -1, 1])
    for reconstructed, n_rows in ((True, 6), (False, 4)):
        targets = Neighbors(codes, reconstructed)
        np.testing.assert_array_equal(targets.rows, [0, 2, 3, 5])
        assert len(targets.source(np.eye(6), None).rows) == n_rows


# How good it is


def error(net, X, y, X_test, y_test):
    knn = KNeighborsClassifier(3).fit(net.transform(X), y)
    return 1 - knn.score(net.transform(X_test), y_test)


def test_map_of_digits_better_than_pca(seed):
    X, y = load_digits(return_X_y=True)
    parts = X[:800] / 16, y[:800], X[800:] / 16, y[800:]
    net = make(seed, layers=(64,), max_iter=40).fit(*parts[:2])
    assert error(net, *parts) < 0.5 * error(PCA(2).fit(parts[0]), *parts)
    assert net.score(*parts[2:]) > 0.6


@pytest.mark.parametrize("reconstruction", [0.0, 0.01])
def test_what_no_line_divides(reconstruction, data, seed):
    """Each class is two clouds that lie across."""
    X, y = data
    net = make(seed, reconstruction=reconstruction, max_iter=300).fit(X, y)
    assert net.score(X, y) > 0.85
    expected = shares(net.transform(X), y).mean()
    assert net.score(X, y) == pytest.approx(expected)


@pytest.mark.parametrize("solver", ["adam", "sgd", "cg", "lbfgs"])
def test_solvers(solver, data, seed):
    X, y = data
    # A code that tells next to nothing has a gradient of next to nothing.
    rate = 20.0 if solver == "sgd" else "auto"
    net = make(seed, solver=solver, learning_rate_init=rate).fit(X, y)
    assert net.score(X, y) > make(seed, max_iter=0).fit(X, y).score(X, y)


def test_reconstruction_learns_of_rows_without_a_label(data, seed):
    X, y = data
    few = np.where(np.arange(90) < 12, y, "?")
    one, other = (
        make(seed, reconstruction=share, unlabeled="?").fit(X, few)
        for share in (0.0, 0.5)
    )
    assert len(one.network_.weights) == 2
    assert len(other.network_.weights) == 4
    shuffled = X[np.append(np.arange(12), [20] * 78)]
    pretrained = {"pretrained": FrozenEstimator(one.transformer_), "unlabeled": "?"}
    for share, same in ((0.0, True), (0.5, False)):
        codes = [
            make(seed, reconstruction=share, **pretrained).fit(rows, few).transform(X)
            for rows in (X, shuffled)
        ]
        assert np.allclose(*codes) == same


# A fit


def test_history_and_attributes(data, seed):
    X, y = data
    net = make(seed).fit(X, y)
    assert net.n_iter_ == len(net.history_) == 20
    assert net.history_[-1]["loss"] < net.history_[0]["loss"] < 0
    assert list(net.get_feature_names_out()) == [
        "dbnneighborhoodcomponents0",
        "dbnneighborhoodcomponents1",
    ]
    assert net.set_output(transform="pandas").transform(X).shape == (90, 2)


def test_the_code_of_the_stack(data, seed):
    X, y = data
    net = make(seed, max_iter=0).fit(X, y)
    expected = net.transformer_.transform(X)
    np.testing.assert_allclose(net.transform(X), expected, rtol=1e-9)


def test_the_unit_and_the_zero_of_a_column_do_not_matter(data, seed):
    X, y = data
    X = X + np.random.default_rng(seed).normal(0, 0.3, X.shape)
    net, other = (make(seed).fit(rows, y) for rows in (X, 1000 * X - 5e4))
    np.testing.assert_allclose(
        other.transform(1000 * X - 5e4), net.transform(X), rtol=1e-3, atol=1e-3
    )


def test_sparse_rows_and_single_precision(data, seed):
    X, y = data
    net, thin = make(seed).fit(X, y), sparse.csr_array(X)
    other = make(seed).fit(thin, y)
    np.testing.assert_allclose(other.transform(thin), net.transform(X), rtol=1e-7)
    single = make(seed, reconstruction=0.1).fit(X.astype(np.float32), y)
    assert single.transform(X.astype(np.float32)).dtype == np.float32


def test_early_stopping_goes_by_held_out_neighbors(data, seed, monkeypatch):
    X, y = data
    held_out = np.arange(60, 90)
    monkeypatch.setattr(Neighbors, "split", lambda *args: (np.arange(60), held_out))
    net = make(seed, early_stopping=True, learning_rate_init=0.1).fit(X, y)
    scores = [row["validation_score"] for row in net.history_]
    assert net.score(X[held_out], y[held_out]) == pytest.approx(max(scores))


def test_partial_fit(data, seed):
    X, y = data
    net = make(seed).partial_fit(X, y)
    before = net.score(X, y)
    for _ in range(20):
        net.partial_fit(X, y)
    assert net.n_iter_ == 21
    assert net.score(X, y) > before
    net.partial_fit(X[:20], np.arange(20) // 2)
    with pytest.raises(ValueError, match="n_components=3 and code='gaussian'"):
        net.set_params(n_components=3).partial_fit(X, y)


def test_warm_start(data, seed):
    X, y = data
    net = make(seed, warm_start=True).fit(X, y)
    layers, before = net.transformer_, net.score(X, y)
    assert net.fit(X, y).transformer_ is layers
    assert net.score(X, y) > before


def test_grid_search_of_a_pipeline(data, seed):
    X, y = data
    model = make_pipeline(make(seed, max_iter=3), KNeighborsClassifier())
    grid = {"dbnneighborhoodcomponents__n_components": [1, 2]}
    assert GridSearchCV(model, grid, cv=2).fit(X, y).score(X, y) > 0.5


@pytest.mark.parametrize("reconstruction", [0.0, 0.1])
def test_a_pickle_has_the_same_code(reconstruction, data, seed):
    X, y = data
    net = make(seed, reconstruction=reconstruction).fit(X, y)
    other = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(other.transform(X), net.transform(X))
    other.partial_fit(X, y)


# What it refuses


@pytest.mark.parametrize(
    "settings, match",
    [
        ({"reconstruction": 1.0}, "'reconstruction' parameter"),
        ({"reconstruction": -0.1}, "'reconstruction' parameter"),
        ({"batch_size": 2}, "'batch_size' parameter"),
        ({"n_components": 0}, "'n_components' parameter"),
        ({"solver": "cg", "input_dropout": 0.1}, "no dropout"),
        ({"unlabeled": "same"}, "y has 1 class, other"),
        ({"layers": (6, "4")}, "neither an int"),
    ],
)
def test_a_failed_fit_leaves_the_estimator_as_it_was(settings, match, data, seed):
    X, y = data
    net = make(seed).fit(X, y)
    before = dict(vars(net))
    with pytest.raises(ValueError, match=match):
        net.set_params(**settings).fit(X, y)
    assert vars(net) == before | settings


def test_labels_without_neighbors(data, seed):
    X, y = data
    y = y.astype("U9")
    y[3], y[5] = "odd", "strange"
    with pytest.raises(ValueError, match="'odd' in a single row, and 2 such"):
        make(seed).fit(X, y)
    make(seed).partial_fit(X, y)
    with pytest.raises(ValueError, match="No two of the 3 rows"):
        make(seed).partial_fit(X[3:6], y[3:6])
    with pytest.raises(ValueError, match="All 90 rows of y are unlabeled=-1"):
        make(seed, unlabeled=-1).fit(X, np.full(90, -1))
    with pytest.raises(ValueError, match="2 labels a row"):
        make(seed).fit(X, np.array([[0, 1], [1, 1], [1, 0]] * 30))
    with pytest.warns(UserWarning, match="label -1 beside others"):
        make(seed).fit(X, np.arange(90) % 3 - 1)


def test_missing_values(data, seed):
    X, y = data
    X[3, 4] = np.nan
    with pytest.raises(ValueError, match=r"NaN .* columns 4, .*BoltzmannImputer"):
        make(seed).fit(X, y)


def test_pretrained_layers_with_another_code(data, seed):
    X, y = data
    layers = DBNTransformer((6, 2), n_iter=1, random_state=seed).fit(X)
    with pytest.raises(ValueError, match="2 units of type Bernoulli"):
        make(seed, pretrained=layers).fit(X, y)
    first = GaussianRBM(5)
    layers = DBNTransformer((first, RBM(2, hidden="gaussian")), n_iter=1)
    layers.set_params(random_state=seed).fit(X)
    net = make(seed, pretrained=layers, max_iter=0).fit(X, y)
    np.testing.assert_allclose(net.transform(X), layers.transform(X), rtol=1e-9)
