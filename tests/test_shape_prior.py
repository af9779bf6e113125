"""A Boltzmann machine as the prior of shapes."""

import pickle
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import needs_callbacks
from scipy.special import expit
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV

from skdbn import RBM
from skdbn._utils._random import make_rng
from skdbn.exceptions import DivergenceError
from skdbn.structured import (
    CRFClassifier,
    Graph,
    ShapePriorCRFClassifier,
    pixel_graphs,
)
from skdbn.structured._graphs import Batch
from skdbn.structured._joint import (
    GraphSource,
    Minibatch,
    Nodes,
    ThroughSweeps,
    labeled_graphs,
    shapes_of,
)


def shapes_of_bars(rng, n_graphs=80, noise=1.0):
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
    graphs, y = shapes_of_bars(rng)
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


def test_it_learns_a_factor_of_the_scores_and_a_power(fitted):
    assert abs(fitted.temperature_ - 1) > 0.01
    assert abs(fitted.strength_ - fitted.strength) > 0.01


def test_samples(fitted):
    maps = fitted.sample_shapes(50, n_steps=200, random_state=0)
    assert maps.shape == (50, 8, 8)
    assert set(np.unique(maps)) <= set(fitted.classes_)
    again = fitted.sample_shapes(50, n_steps=200, random_state=0)
    np.testing.assert_array_equal(maps, again)
    machine = fitted.rbm_.machine_
    rows = fitted.rbm_.sample(50, n_steps=200, random_state=0)
    hidden = expit(rows @ machine.weights + machine.hidden_bias)
    fields = hidden @ machine.weights.T + machine.visible_bias
    expected = fields.reshape(50, 8, 8, 2).argmax(axis=-1)
    np.testing.assert_array_equal(maps, expected)
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
    wider = [
        Graph(np.hstack([g.node_features] * 2), g.edges, g.edge_features, g.regions)
        for g in X
    ]
    with pytest.raises(ValueError, match=r"X\[0\] has 2 node features, and 1 are"):
        model.fit(wider, y)
    for name, own in [("crf", CRFClassifier()), ("rbm", RBM())]:
        with pytest.raises(NotFittedError):
            clone(model).set_params(**{name: FrozenEstimator(own)}).fit(X, y)


def test_random_fields_without_edges(data):
    X, y, X_test, y_test = data
    model = new_model(crf=CRFClassifier(4, edges=None, max_iter=30)).fit(X, y)
    assert model.score(X_test, y_test) > model.crf_.score(X_test, y_test)


def test_mirrored_graphs_have_the_labels_and_scores_of_the_others(data, rng):
    graphs, y = data[0][:7], data[1][:7]
    scores = rng.normal(size=(7 * 64, 2))
    items = labeled_graphs(graphs, np.concatenate(y), scores)
    found, _ = new_model(mirror=True)._split(items, rng)
    assert len(found) == 14 and found[:7] == items
    for one, other in zip(items, found[7:], strict=True):
        assert one.labels is other.labels and one.scores is other.scores
        np.testing.assert_array_equal(one.graph.regions[:, ::-1], other.graph.regions)


def test_labels_follow_the_machine(data, fitted):
    """Where it is sure, whatever is seen."""
    bias = np.tile([0.0, 50.0], 64)
    machine = replace(fitted.machine_, visible_bias=bias)
    fitted.machine_, fitted.strength_ = machine, 10.0
    assert all((labels == 1).all() for labels in fitted.predict(data[2][:3]))
    fitted.strength_ = 0.0
    assert any((labels == 0).any() for labels in fitted.predict(data[2][:3]))


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
    start = "[ShapePriorCRFClassifier] Epoch 2, loss = "
    assert [line for line in lines if line.startswith(start) and "strength = " in line]


def test_failures_leave_it_as_it_was(data, fitted):
    X, y = data[:2]
    before = dict(vars(fitted))
    bare = [Graph(graph.node_features) for graph in X]
    with pytest.raises(ValueError, match="neither regions nor positions"):
        fitted.fit(bare, y)
    fitted.learning_rate = 1e308
    with (
        np.errstate(all="ignore"),
        pytest.raises(
            DivergenceError, match="diverged in epoch 1 at learning_rate=1e\\+308"
        ),
    ):
        fitted.fit(X, y)
    assert all(vars(fitted)[k] is v for k, v in before.items() if k != "learning_rate")


def test_cells_without_nodes(data):
    X, y = data[:2]
    places = (np.indices((8, 8)).reshape(2, -1).T + 0.5) / 8
    graphs = [Graph(g.node_features, g.edges, None, None, places) for g in X]
    model = new_model(grid=11).fit(graphs, y)
    assert model.score(graphs, y) > 0.8
    items = labeled_graphs(graphs, np.concatenate(y), np.concatenate(y))
    shapes = shapes_of(items, 11, 2).reshape(len(X), 11, 11, 2)
    filled = (np.arange(8) + 0.5) * 11 // 8
    empty = np.setdiff1d(np.arange(11), filled)
    np.testing.assert_allclose(shapes[:, empty, :, 1], np.mean(y))


def test_the_better_of_two_epochs():
    """The accuracy decides, and where it is the same the loss."""
    scores = [
        Nodes().score({"validation_accuracy": accuracy, "validation_log_loss": loss})
        for accuracy, loss in [(0.5, 0.1), (0.7, 0.4), (0.7, 0.3), (0.8, 0.9)]
    ]
    assert all(worse < better for worse, better in pairwise(scores))


@pytest.mark.parametrize("when", [0, 2])
def test_interrupts(data, monkeypatch, when):
    X, y = data[:2]
    expected = new_model(n_iter=4).fit(X, y)
    model, measure = new_model(n_iter=4), Nodes.measure
    calls = iter(range(10))

    def interrupted(judge, field):
        if next(calls) == when:
            # Of a step that has not ended.
            field.machine.weights[...] = np.nan
            raise KeyboardInterrupt
        return measure(judge, field)

    monkeypatch.setattr(Nodes, "measure", interrupted)
    if not when:
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, y)
        assert not hasattr(model, "crf_")
        return
    with pytest.warns(UserWarning, match="epoch 3; the model is that of epoch 2"):
        model.fit(X, y)
    figures = [figures_of(fit.history_[:2]) for fit in (model, expected)]
    assert figures[0] == figures[1] and model.n_iter_ == len(model.history_) == 2
    assert model.strength_ == pytest.approx(model.history_[-1]["strength"])
    assert np.isfinite(model.machine_.weights).all()


def figures_of(history):
    """What does not depend on the machine on which it ran."""
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


def test_early_stopping(rng):
    # Labels without any order, of which nothing can be learned about others.
    graphs, y = shapes_of_bars(rng, 30)
    y = [rng.integers(0, 2, 64) for _ in y]
    settings = dict(early_stopping=True, n_iter=60, learning_rate=0.05)
    model = new_model(n_iter_no_change=3, **settings).fit(graphs, y)
    assert model.n_iter_ == len(model.history_) < 60
    scores = [
        (row["validation_accuracy"], -row["validation_log_loss"])
        for row in model.history_
    ]
    best = int(max(range(len(scores)), key=scores.__getitem__))
    assert best < model.n_iter_ - 1
    assert model.strength_ == pytest.approx(model.history_[best]["strength"])


def test_held_out_graphs_are_not_learned_from(rng, monkeypatch):
    graphs, y = shapes_of_bars(rng, 20)
    y[0][:] = -1
    seen, fit = [], RBM.fit
    monkeypatch.setattr(RBM, "fit", lambda rbm, X: seen.append(X) or fit(rbm, X))
    for mirror in (False, True):
        model = new_model(early_stopping=True, validation_fraction=0.3, n_iter=1)
        model.set_params(mirror=mirror, unlabeled=-1).fit(graphs, y)
        # Of 19 with labels 6 are held out, and the others may be there twice.
        assert len(seen[-1]) == (1 + mirror) * (20 - 6)
    items = labeled_graphs(graphs, np.concatenate(y), np.zeros((20 * 64, 2)))
    learned, held_out = model.set_params(mirror=False)._split(items, make_rng(0))
    assert len(held_out) == 6 and all(item.is_known for item in held_out)
    assert {id(item.graph) for item in (*learned, *held_out)} == set(map(id, graphs))
    with pytest.raises(ValueError, match="leaves no row to learn from"):
        model.set_params(validation_fraction=0.99).fit(graphs, y)


def test_figures_of_held_out_graphs(data, fitted):
    X_test, y_test = data[2:]
    labels = np.concatenate(y_test)
    scores = np.concatenate([fitted.crf_._scores(Batch([graph])) for graph in X_test])
    labels[:64] = -1
    items = labeled_graphs(X_test, labels, scores)
    batches = [Minibatch(some, fitted.crf_, 8, 10) for some in (items[:7], items[7:])]
    row = Nodes(batches).measure(fitted._field())
    p = np.concatenate(fitted.predict_proba(X_test))[64:]
    own = p[np.arange(len(p)), labels[64:]]
    assert row["validation_log_loss"] == pytest.approx(-np.log(own).mean(), rel=1e-3)
    right = p.argmax(axis=1) == labels[64:]
    assert row["validation_accuracy"] == pytest.approx(right.mean(), abs=2e-3)


@needs_callbacks
def test_callbacks(data, capsys, tmp_path):
    from sklearn.callback import ProgressBar, ScoringMonitor

    X, y = data[:2]
    settings = dict(n_iter=3, crf=CRFClassifier(4, max_iter=5), memory=str(tmp_path))
    expected = new_model(**settings).fit(X, y)
    scoring = {"score": lambda model, X, y: model.score(X, y)}
    for _ in range(2):
        monitor = ScoringMonitor(scoring=scoring)
        model = new_model(**settings).set_callbacks(monitor, ProgressBar()).fit(X, y)
        assert "ShapePriorCRFClassifier" in capsys.readouterr().out
        for p, q in zip(model.predict_proba(X), expected.predict_proba(X), strict=True):
            np.testing.assert_array_equal(p, q)
        rows = monitor.get_logs().data
        scores = [row["score"] for row in rows if row["task_name"] == "epoch"]
        assert len(scores) == 3 and scores[-1] == model.score(X, y)
        assert not any("callback" in name for name in vars(model.crf_))


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
    graphs = pixel_graphs(np.zeros((2, 2, 2)))
    labels = np.array([0, 1, 1, -1, 0, -1, -1, -1, 0, 0, -1, -1])
    items = labeled_graphs([*graphs, graphs[0]], labels, labels)
    expected = [[1 / 3, 2 / 3], [np.nan, np.nan], [1, 0]]
    np.testing.assert_allclose(shapes_of(items, 1, 2), expected)


def test_cells_that_are_never_known_have_the_shares_of_all():
    graphs = pixel_graphs(np.zeros((1, 2, 2)))
    labels = np.array([0, -1, 1, 1])
    found = shapes_of(labeled_graphs(graphs, labels, labels), 2, 2)
    expected = [[1, 0, 1 / 3, 2 / 3, 0, 1, 0, 1]]
    np.testing.assert_allclose(found, expected)


def test_dropout_keeps_the_expected_value(rng):
    keep = ThroughSweeps(0.0, 0.2)._keep(400, np.zeros((4, 50)), rng)
    assert keep.shape == (400, 50) and np.unique(keep).tolist() == [0, 1.25]
    assert abs(keep.mean() - 1) < 5 * 0.5 / np.sqrt(keep.size)


def test_direction_of_a_step(rng):
    """Down the gradient and the decay."""
    direction, weights = ThroughSweeps(0.1, 0.0), np.array([[2.0, -3.0]])
    field = SimpleNamespace(machine=SimpleNamespace(weights=weights))
    losses = iter([1.0, 3.0, 5.0])
    batch = SimpleNamespace(
        batch=[None], loss=lambda *_: (next(losses), {"weights": np.ones((1, 2))})
    )
    for rate, n_steps, loss in ((1.0, 2, 2.0), (0.5, 1, 5.0)):
        for _ in range(n_steps):
            step = direction(field, batch, rng, rate)
        np.testing.assert_allclose(step["weights"], [[-1.2 * rate, -0.7 * rate]])
        assert direction.diagnostics() == {"loss": loss}


def test_graphs_without_labels_are_in_no_batch(data, rng):
    labels = np.zeros(5 * 64, int)
    labels[64:128] = labels[10:20] = -1
    scores = np.arange(5 * 64 * 2.0).reshape(-1, 2)
    source = GraphSource(labeled_graphs(data[0][:5], labels, scores), list, 3, rng)
    assert len(source) == 4
    for _ in range(2):
        batches = list(source.batches(None, 3, rng))
        assert sorted(map(len, batches)) == [1, 3]
        items = [item for batch in batches for item in batch]
        assert {id(item.graph) for item in items} == {
            id(data[0][i]) for i in (0, 2, 3, 4)
        }
        for item in items:
            places = item.scores[:, 0].astype(int) // 2
            np.testing.assert_array_equal(item.labels, labels[places])


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
