"""A Boltzmann machine as the prior of shapes."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV

from skdbn import RBM
from skdbn.exceptions import DivergenceError
from skdbn.structured import (
    CRFClassifier,
    Graph,
    ShapePriorCRFClassifier,
    pixel_graphs,
)


def shapes_of(rng, n_graphs=80, noise=1.0):
    """Noisy pictures with a bar at one of four places, and their labels.

    What is at one place says that nothing is at the others, however far.
    """
    shapes = np.zeros((n_graphs, 8, 8), int)
    place = np.arange(n_graphs) % 4
    for i in range(4):
        shapes[place == i, 2 * i : 2 * i + 2, 1:7] = 1
    graphs = pixel_graphs(shapes + rng.normal(0, noise, shapes.shape))
    return graphs, [shape.ravel() for shape in shapes]


def new_model(**settings):
    settings = {
        "crf": CRFClassifier(spatial=4, max_iter=30),
        "rbm": RBM(8, n_iter=20, batch_size=10),
        "grid": 8,
        "n_iter": 15,
        "learning_rate": 0.01,
        "batch_size": 10,
        "random_state": 0,
    } | settings
    return ShapePriorCRFClassifier(**settings)


@pytest.fixture
def data(rng):
    graphs, y = shapes_of(rng)
    return graphs[:40], y[:40], graphs[40:], y[40:]


@pytest.fixture
def fitted(data):
    return new_model().fit(*data[:2])


def test_the_prior_knows_of_shapes_what_edges_do_not(data):
    X, y = data[2:]
    model = new_model(rbm=RBM(8, n_iter=100, batch_size=10), n_iter=40)
    model.fit(*data[:2])
    assert model.score(X, y) > model.crf_.score(X, y) + 0.05
    losses = [epoch["loss"] for epoch in model.history_]
    assert len(losses) == 40 and losses[-1] < losses[0]
    assert model.strength_ == pytest.approx(model.history_[-1]["strength"])


def test_probabilities(data, fitted):
    X_test = data[2]
    for p in fitted.predict_proba(X_test):
        assert p.shape == (64, 2)
        np.testing.assert_allclose(p.sum(axis=1), 1)
    # A graph has the same answer alone.
    (alone,) = fitted.predict_proba(X_test[:1])
    np.testing.assert_allclose(alone, fitted.predict_proba(X_test)[0], atol=1e-3)


def test_it_starts_as_the_random_field_alone(data):
    X, y, X_test, _ = data
    model = new_model(n_iter=0, strength=1e-9).fit(X, y)
    for p, q in zip(
        model.predict_proba(X_test), model.crf_.predict_proba(X_test), strict=True
    ):
        np.testing.assert_allclose(p, q, atol=1e-6)
    # At its mean the machine has nothing to say.
    machine = model.machine_
    hidden = model.rbm_.transform(np.stack([np.eye(2)[own].ravel() for own in y]))
    field = machine.visible_field(hidden)
    np.testing.assert_allclose(field.mean(axis=0), 0, atol=1e-10)


def test_samples(fitted):
    maps = fitted.sample_shapes(50, n_steps=200, random_state=0)
    assert maps.shape == (50, 8, 8)
    assert set(np.unique(maps)) <= set(fitted.classes_)
    again = fitted.sample_shapes(50, n_steps=200, random_state=0)
    np.testing.assert_array_equal(maps, again)
    # A bar covers 12 of 64 cells.
    assert abs(maps.mean() - 12 / 64) < 0.06


@pytest.mark.parametrize("unlabeled", [-1, np.nan])
def test_unknown_labels(rng, data, unlabeled):
    X, y, X_test, y_test = data
    hidden = [np.where(rng.random(64) < 0.2, unlabeled, own) for own in y]
    hidden[0][:] = unlabeled
    model = new_model(unlabeled=unlabeled).fit(X, hidden)
    assert model.score(X_test, y_test) > model.crf_.score(X_test, y_test)


def test_frozen_parts(data, fitted):
    X, y, X_test, _ = data
    model = new_model(
        crf=FrozenEstimator(fitted.crf_), rbm=FrozenEstimator(fitted.rbm_)
    )
    model.fit(X_test, data[3])
    assert model.crf_ is fitted.crf_ and model.rbm_ is fitted.rbm_
    # Learning together is in copies.
    again = new_model().fit(X, y)
    np.testing.assert_array_equal(again.rbm_.components_, model.rbm_.components_)
    with pytest.raises(ValueError, match="rbm has learned 128 columns"):
        clone(model).set_params(grid=4).fit(X, y)
    with pytest.raises(ValueError, match="crf has learned the classes"):
        model.fit(X, [own + 1 for own in y])


def test_random_fields_without_edges(data):
    X, y, X_test, y_test = data
    model = new_model(crf=CRFClassifier(4, edges=None, max_iter=30)).fit(X, y)
    assert model.score(X_test, y_test) > model.crf_.score(X_test, y_test)


def test_mirrored_shapes(rng):
    # Bars at the left only; some graphs have positions in place of regions.
    shapes = np.zeros((20, 6, 6), int)
    shapes[:, 1:5, 1] = 1
    graphs = pixel_graphs(shapes + rng.normal(0, 0.3, shapes.shape))
    places = (np.indices((6, 6)).reshape(2, -1).T + 0.5) / 6
    graphs[10:] = [
        Graph(g.node_features, g.edges, g.edge_features, positions=places)
        for g in graphs[10:]
    ]
    y = [shape.ravel() for shape in shapes]
    model = new_model(
        crf=CRFClassifier(max_iter=10), grid=6, mirror=True, n_iter=1
    ).fit(graphs, y)
    known = model.rbm_.sample(200, n_steps=100, random_state=0)[:, 1::2].mean(axis=0)
    left, right = known.reshape(6, 6)[1:5, [1, 4]].T
    np.testing.assert_allclose(left, 0.5, atol=0.2)
    np.testing.assert_allclose(right, 0.5, atol=0.2)


@pytest.mark.slow
def test_manners_of_scikit_learn(data, fitted):
    X, y, X_test, _ = data
    again = pickle.loads(pickle.dumps(fitted))
    fresh = clone(fitted).fit(X, y)
    for model in (again, fresh):
        for p, q in zip(
            model.predict_proba(X_test), fitted.predict_proba(X_test), strict=True
        ):
            np.testing.assert_array_equal(p, q)
    search = GridSearchCV(
        new_model(n_iter=2), {"crf__spatial": [None, 4], "rbm__n_components": [2]}, cv=2
    ).fit(X, y)
    assert search.best_estimator_.rbm_.n_components == 2


def test_dropout_and_float32(data):
    X, y, X_test, y_test = data
    X = [
        Graph(g.node_features.astype(np.float32), g.edges, g.edge_features, g.regions)
        for g in X
    ]
    model = new_model(dropout=0.3, n_iter=5).fit(X, y)
    assert model.machine_.weights.dtype == np.float32
    assert model.predict_proba(X)[0].dtype == np.float32
    assert model.score(X_test, y_test) > 0.8


def test_verbose(data, capsys):
    new_model(n_iter=2, verbose=1).fit(*data[:2])
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("epoch 2: loss")]


def test_failures_leave_it_as_it_was(data, fitted):
    X, y = data[:2]
    before = dict(vars(fitted))
    bare = [Graph(graph.node_features) for graph in X]
    with pytest.raises(ValueError, match="neither regions nor positions"):
        fitted.fit(bare, y)
    fitted.learning_rate = 1e308
    with (
        np.errstate(all="ignore"),
        pytest.raises(DivergenceError, match="smaller learning_rate than 1e\\+308"),
    ):
        fitted.fit(X, y)
    assert all(vars(fitted)[k] is v for k, v in before.items() if k != "learning_rate")


def test_cells_without_nodes(data):
    X, y = data[:2]
    places = (np.indices((8, 8)).reshape(2, -1).T + 0.5) / 8
    graphs = [Graph(g.node_features, g.edges, None, None, places) for g in X]
    model = new_model(grid=11).fit(graphs, y)
    assert model.score(graphs, y) > 0.85
    shapes = model._shapes(graphs, np.concatenate(y)).reshape(len(X), 11, 11, 2)
    filled = (np.arange(8) + 0.5) * 11 // 8
    empty = np.setdiff1d(np.arange(11), filled)
    np.testing.assert_allclose(shapes[:, empty, :, 1], np.mean(y))


@pytest.mark.parametrize("noted", [False, True])
@pytest.mark.parametrize("when", [0, 2])
def test_interrupts(data, monkeypatch, when, noted):
    X, y = data[:2]
    expected = new_model(n_iter=4).fit(X, y)
    model, done = new_model(n_iter=4), ShapePriorCRFClassifier._note
    monkeypatch.setattr(model, "_note", lambda *args: interrupt(model, done, *args))

    def interrupt(model, note, epoch, *args):
        if epoch != when or noted:
            note(model, epoch, *args)
        if epoch == when:
            raise KeyboardInterrupt

    if not when:
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, y)
        assert not hasattr(model, "crf_")
        return
    with pytest.warns(UserWarning, match="epoch 3; the model is that of epoch 2"):
        model.fit(X, y)
    assert model.history_ == expected.history_[:2]
    assert model.strength_ == pytest.approx(model.history_[-1]["strength"])


def test_memory(data, fitted, tmp_path, monkeypatch):
    X, y, X_test, _ = data
    expected = fitted.predict_proba(X_test)
    for _ in range(2):
        model = new_model(memory=str(tmp_path)).fit(X, y)
        for p, q in zip(model.predict_proba(X_test), expected, strict=True):
            np.testing.assert_array_equal(p, q)
        # The second time neither of the two is fitted.
        monkeypatch.setattr(RBM, "fit", None)
        monkeypatch.setattr(CRFClassifier, "_fit", None)


# The parts of a fit


def test_shapes_are_shares_of_what_is_known():
    """A cell is known from half of its area on."""
    model, graphs = new_model(grid=1), pixel_graphs(np.zeros((2, 2, 2)))
    model.classes_ = np.array([0, 1])
    found = model._shapes(graphs, np.array([0, 1, 1, -1, 0, -1, -1, -1]))
    np.testing.assert_allclose(found, [[1 / 3, 2 / 3], [np.nan, np.nan]])


def test_dropout_keeps_the_expected_value(rng):
    model = new_model(grid=2, dropout=0.2)
    model.machine_ = SimpleNamespace(weights=np.zeros((4, 50)))
    keep = model._keep(SimpleNamespace(pooling=np.zeros((400 * 4, 1))), rng)
    assert keep.shape == (400, 50) and np.unique(keep).tolist() == [0, 1.25]
    assert abs(keep.mean() - 1) < 5 * 0.5 / np.sqrt(keep.size)


def test_steps_of_an_epoch(rng):
    """Down the gradient and the decay, at the rate of each batch."""
    model, epochs, steps = new_model(weight_decay=0.1), [], []

    class Optimizer:
        def rates(self, epoch):
            epochs.append(epoch)
            return 1.0, 0.5

        def step(self, params, direction, rate):
            steps.append(direction["weights"].copy())

    params = {"weights": np.array([[2.0, -3.0]])}
    batches = [(lambda *_: (1.0, {"weights": np.ones((1, 2))}), None)] * 4
    model._keep = lambda *_: 1
    assert model._epoch(2, params, batches, Optimizer(), rng) == 1.0
    assert epochs == [2, 2.25, 2.5, 2.75]
    np.testing.assert_allclose(steps, [[[-1.2, -0.7]]] * 4)


def test_graphs_without_labels_are_in_no_batch(data, fitted, rng):
    graphs, labels = data[0][:5], np.zeros(5 * 64, int)
    labels[64:128] = labels[10:20] = -1
    scores = np.arange(5 * 64 * 2.0).reshape(-1, 2)
    fitted.batch_size = 2
    batches = list(fitted._batches(graphs, labels, scores, rng))
    assert [len(own) for _, own in batches] == [128, 128]
    places = np.concatenate([sweeps.nodes.values[:, 0] // 2 for sweeps, _ in batches])
    own = np.concatenate([own for _, own in batches])
    np.testing.assert_array_equal(own, labels[places.astype(int)])
    assert not np.isin(np.arange(64, 128), places).any()


def test_the_temperature_is_a_factor_of_the_scores(data, fitted):
    fitted.strength_, fitted.temperature_ = 0.0, 3.0
    fitted.edge_weights_ = np.zeros_like(fitted.edge_weights_)
    found = fitted.predict_proba(data[2][:2])
    alone = clone(fitted.crf).set_params(edges=None)
    alone.__dict__ |= vars(fitted.crf_)
    alone.edge_weights_ = fitted.edge_weights_
    for p, q in zip(found, alone.predict_proba(data[2][:2]), strict=True):
        expected = q**3 / (q**3).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(p, expected, atol=1e-6)
