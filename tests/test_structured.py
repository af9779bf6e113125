"""Random fields on graphs: against enumeration, finite differences and bad input."""

import itertools
import pickle

import numpy as np
import pytest
from conftest import needs_callbacks
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skdbn.machines import RestrictedMachine
from skdbn.structured import (
    CRFClassifier,
    Graph,
    pixel_graphs,
)
from skdbn.structured._crf import one_hot as of_labels
from skdbn.structured._crf import root_mean_square
from skdbn.structured._graphs import Batch
from skdbn.structured._logistic import Folds, Logistic, lbfgs, penalized
from skdbn.structured._mean_field import Posterior, ShapeTerm, mean_field
from skdbn.structured._terms import EdgeTerm, NodeTerm, ScaledScores
from skdbn.structured._unrolled import Sweeps

N_CLASSES = 3
N_CELLS = 2
N_HIDDEN = 3


def small_graph(rng, regions=((0, 0, 1), (0, 2, 1), (3, 2, 2))):
    """Four nodes in a circle with a chord, as regions of a picture."""
    edges = [[0, 1], [2, 1], [2, 3], [3, 0], [0, 2]]
    features = rng.normal(size=(4, 2)), rng.normal(size=(5, 2))
    return Graph(features[0], edges, features[1], np.array(regions))


class Model:
    """Random weights, and energies by sums over nodes, edges, cells and hidden units."""

    def __init__(self, rng, scale=1.0):
        self.graph = small_graph(rng)
        self.batch = Batch([self.graph])
        shape = 1 + N_CELLS**2, 2, N_CLASSES
        self.node_weights = rng.normal(size=shape)
        edge_weights = scale * rng.normal(size=(2, N_CLASSES, N_CLASSES))
        self.edge_weights = edge_weights + edge_weights.swapaxes(1, 2)
        n_visible = N_CELLS**2 * N_CLASSES
        self.machine = RestrictedMachine(
            rng.normal(size=(n_visible, N_HIDDEN)),
            rng.normal(size=n_visible),
            rng.normal(size=N_HIDDEN),
        )
        self.strength = 0.7
        self.nodes = NodeTerm(self.graph.node_features, self.batch.cover(N_CELLS))
        self.edges = EdgeTerm(self.graph.edges, self.graph.edge_features, 4)
        self.pooling = self.batch.pooling(N_CELLS)

    def posterior(self, shape=True):
        term = ShapeTerm(self.pooling, self.machine, self.strength)
        return Posterior(
            self.batch,
            self.nodes.scores(self.node_weights),
            self.edges.coupling(self.edge_weights),
            term if shape else None,
        )

    def shares(self):
        """Area of each node in each cell, by cutting each pixel into 2 × 2 parts."""
        fine = np.repeat(np.repeat(self.graph.regions, N_CELLS, 0), N_CELLS, 1)
        size = len(fine) // N_CELLS
        areas = np.zeros((4, N_CELLS**2))
        for i, j in np.ndindex(fine.shape):
            cell = (i // size) * N_CELLS + j // size
            areas[fine[i, j], cell] += 1 / fine.size
        return areas

    def energy(self, y, shape=True):
        areas = self.shares()
        total = 0.0
        for s, label in enumerate(y):
            x = self.graph.node_features[s]
            total -= x @ self.node_weights[0, :, label]
            for n, share in enumerate(areas[s] / areas[s].sum()):
                total -= share * (x @ self.node_weights[1 + n, :, label])
        for (i, j), x in zip(self.graph.edges, self.graph.edge_features, strict=True):
            total -= x @ self.edge_weights[:, y[i], y[j]]
        return total + (self.shape_energy(y, areas) if shape else 0.0)

    def shape_energy(self, y, areas):
        v = np.zeros((N_CELLS**2, N_CLASSES))
        for s, label in enumerate(y):
            v[:, label] += areas[s] / areas.sum(axis=0)
        v, machine = v.ravel(), self.machine
        states = [
            np.exp(
                v @ machine.visible_bias
                + h @ machine.hidden_bias
                + v @ machine.weights @ h
            )
            for h in map(np.array, itertools.product([0, 1], repeat=N_HIDDEN))
        ]
        return -self.strength * np.log(sum(states))

    def states(self):
        return list(itertools.product(range(N_CLASSES), repeat=4))


@pytest.fixture
def model(rng):
    return Model(rng)


def one_hot(y):
    return np.eye(N_CLASSES)[list(y)]


@pytest.mark.parametrize("shape", [False, True])
def test_energy(model, shape):
    posterior = model.posterior(shape)
    for y in model.states():
        (found,), _ = posterior.energy_and_field(one_hot(y))
        assert found == pytest.approx(model.energy(y, shape), abs=1e-10)


@pytest.mark.parametrize("shape", [False, True])
def test_field_is_the_slope_of_the_energy(model, rng, shape):
    posterior = model.posterior(shape)
    mu = rng.dirichlet(np.ones(N_CLASSES), 4)
    _, field = posterior.energy_and_field(mu)
    slope = numeric_gradient(lambda m: posterior.energy_and_field(m)[0][0], mu)
    np.testing.assert_allclose(field, -slope, atol=1e-7)


def test_pseudo_likelihood_is_that_of_the_conditionals(model):
    for y in ((0, 1, 2, 1), (2, 2, 0, 1)):
        expected = 0.0
        for s in range(4):
            others = [[*y[:s], label, *y[s + 1 :]] for label in range(N_CLASSES)]
            p = np.exp([-model.energy(other, shape=False) for other in others])
            expected -= np.log(p[y[s]] / p.sum()) / 4
        terms = {"nodes": model.nodes, "edges": model.edges.evidence(one_hot(y))}
        weights = {"nodes": model.node_weights, "edges": model.edge_weights}
        loss, _ = Logistic(terms, np.array(y))(weights)
        assert loss == pytest.approx(expected)


def test_mean_field_without_edges_is_exact(model):
    posterior = model.posterior(shape=False)
    posterior.coupling = model.edges.coupling(0 * model.edge_weights)
    model.edge_weights = 0 * model.edge_weights
    p = np.exp([-model.energy(y, shape=False) for y in model.states()])
    exact = (
        sum(w * one_hot(y) for w, y in zip(p, model.states(), strict=True)) / p.sum()
    )
    mu, _ = mean_field(posterior)
    np.testing.assert_allclose(mu, exact, atol=1e-10)


@pytest.mark.parametrize("shape", [False, True])
@pytest.mark.parametrize("scale", [0.3, 3.0])
@pytest.mark.parametrize("rate", [0.5, 1.0])
def test_sweeps_lower_the_free_energy_towards_log_z(rng, shape, scale, rate):
    model = Model(rng, scale)
    posterior = model.posterior(shape)
    log_z = np.logaddexp.reduce([-model.energy(y, shape) for y in model.states()])
    energies = []
    for n_sweeps in range(60):
        mu, _ = mean_field(posterior, n_sweeps, tol=0, rate=rate)
        np.testing.assert_allclose(mu.sum(axis=1), 1)
        energies.append(posterior.free_energy_and_field(mu)[0][0])
    assert (np.diff(energies) <= 1e-9).all()
    # A machine's free energy is no mean over labels: there it is no bound.
    assert shape or energies[-1] >= -log_z - 1e-9
    mu, n_sweeps = mean_field(posterior, 10_000, tol=1e-8, rate=rate)
    assert n_sweeps < 10_000
    _, field = posterior.energy_and_field(mu)
    fixed = np.exp(field) / np.exp(field).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(mu, fixed, atol=1e-7)


def test_graphs_in_a_batch_do_not_feel_each_other(rng):
    graphs = [small_graph(rng), small_graph(rng), Graph(rng.normal(size=(1, 2)))]
    graphs[2] = Graph(graphs[2].node_features, None, np.empty((0, 2)), [[0]])
    nodes, edges = rng.normal(size=(5, 2, 3)), rng.normal(size=(2, 3, 3))

    def found(batch):
        posterior = Posterior(
            batch,
            NodeTerm(batch.features, batch.cover(2)).scores(nodes),
            EdgeTerm(batch.edges, batch.edge_features, batch.n_nodes).coupling(
                edges + edges.swapaxes(1, 2)
            ),
        )
        return batch.split(mean_field(posterior, 50, tol=0)[0])

    together = found(Batch(graphs))
    for own, graph in zip(together, graphs, strict=True):
        np.testing.assert_allclose(own, found(Batch([graph]))[0], atol=1e-12)


def numeric_gradient(function, x, step=1e-5):
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        ends = []
        for sign in (1, -1):
            moved = x.copy()
            moved[index] += sign * step
            ends.append(function(moved))
        gradient[index] = (ends[0] - ends[1]) / (2 * step)
    return gradient


def check_gradients(objective, weights):
    """Against differences; matrices of edges are moved symmetrically."""
    _, found = objective(weights)
    for name, array in weights.items():

        def loss(moved, name=name):
            if name == "edges":
                moved = (moved + moved.swapaxes(1, 2)) / 2
            return objective(weights | {name: moved})[0]

        expected = numeric_gradient(loss, array)
        np.testing.assert_allclose(found[name], expected, atol=1e-8, err_msg=name)


LABELS = np.array([0, -1, 2, 1])


@pytest.mark.parametrize("scaled", [False, True])
def test_gradient_of_the_pseudo_likelihood(model, scaled):
    neighbors = one_hot(LABELS)
    neighbors[1] = 0
    nodes, weights = model.nodes, {"nodes": model.node_weights}
    if scaled:
        nodes = ScaledScores(model.nodes.scores(model.node_weights))
        weights = {"nodes": np.array([0.8])}
    terms = {"nodes": nodes, "edges": model.edges.evidence(neighbors)}
    objective = penalized(Logistic(terms, LABELS), {"nodes": 0.3, "edges": 0.1})
    check_gradients(objective, weights | {"edges": model.edge_weights})


@pytest.mark.parametrize("shape", [False, True])
def test_gradient_through_sweeps(model, rng, shape):
    params = {"nodes": model.node_weights, "edges": 0.3 * model.edge_weights}
    if shape:
        machine = model.machine
        params |= {
            "weights": machine.weights,
            "visible_bias": machine.visible_bias,
            "hidden_bias": machine.hidden_bias,
            "strength": np.array([0.7]),
        }
    pooling = model.pooling if shape else None
    sweeps = Sweeps(model.nodes, model.edges, pooling, n_sweeps=4)
    keep = rng.uniform(0.5, 1.5, (1, N_HIDDEN))
    check_gradients(lambda weights: sweeps(weights, LABELS, keep), params)


def test_sweeps_are_those_of_mean_field(rng):
    model = Model(rng, 0.1)
    params = {
        "nodes": model.node_weights,
        "edges": model.edge_weights,
        "weights": model.machine.weights,
        "visible_bias": model.machine.visible_bias,
        "hidden_bias": model.machine.hidden_bias,
        "strength": np.array([model.strength]),
    }
    loss, _ = Sweeps(model.nodes, model.edges, model.pooling, n_sweeps=5)(
        params, LABELS
    )
    mu, _ = mean_field(model.posterior(), 5, tol=0)
    known = LABELS >= 0
    assert loss == pytest.approx(-np.log(mu[known, LABELS[known]]).mean())


def test_lbfgs_finds_the_minimum():
    def objective(weights):
        error = {name: array - 3 for name, array in weights.items()}
        loss = sum(np.square(e).sum() / 2 for e in error.values())
        return loss, error

    start = {"a": np.zeros((2, 2)), "b": np.zeros(1, np.float32)}
    found, _ = lbfgs(objective, start, 100, 1e-8)
    assert found["b"].dtype == np.float32
    for array in found.values():
        np.testing.assert_allclose(array, 3, atol=1e-6)


@pytest.mark.parametrize("n_cells", [1, 2, 3, 5])
def test_overlap(rng, n_cells):
    graph = small_graph(rng)
    fine = np.kron(graph.regions, np.ones((n_cells, n_cells), int))
    size = graph.regions.shape[0]
    expected = np.zeros((4, n_cells**2))
    for i, j in np.ndindex(fine.shape):
        cell = (i // size) * n_cells + j // size
        expected[fine[i, j], cell] += 1 / fine.size
    np.testing.assert_allclose(graph.overlap(n_cells).toarray(), expected, atol=1e-12)
    np.testing.assert_allclose(graph.areas, expected.sum(axis=1))


def test_cells_without_nodes_and_nodes_without_cells(rng):
    graph = small_graph(rng, [[0, 1, -1], [2, 3, -1]])
    assert graph.areas.sum() == pytest.approx(4 / 6)
    batch = Batch([graph, small_graph(rng)])
    pooling = batch.pooling(3).toarray().reshape(2, 9, 8)
    sums = pooling.sum(axis=2)
    np.testing.assert_allclose(sums[0], np.tile([1, 1, 0], 3))
    np.testing.assert_allclose(sums[1], 1)
    assert not pooling[0, :, 4:].any() and not pooling[1, :, :4].any()
    np.testing.assert_allclose(batch.cover(3).sum(axis=1), 1)


def test_positions(rng):
    graph = Graph(rng.normal(size=(3, 1)), positions=[[0, 0], [0.6, 0.1], [1, 1]])
    places = graph.overlap(2).toarray().argmax(axis=1)
    assert places.tolist() == [0, 2, 3]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (dict(node_features=[1.0, 2.0]), "node_features has 1 dimensions"),
        (dict(node_features=np.empty((0, 2))), "no row"),
        (dict(node_features=[[np.nan]]), "NaN"),
        (dict(edges=[[0, 3]]), "edges has node 3, and the graph has 3 nodes"),
        (dict(edges=[[-1, 0]]), "edges has node -1"),
        (dict(edges=[[1, 1]]), "joins node 1 with itself"),
        (dict(edges=[[0, 1], [1, 2], [2, 1]]), "joins nodes 1 and 2 more than once"),
        (dict(edges=[[0.0, 1.0]]), "take pairs of ints"),
        (dict(edges=[0, 1]), "take pairs of ints"),
        (
            dict(edges=[[0, 1]], edge_features=[[1.0], [2.0]]),
            "has 2 rows and edges has 1",
        ),
        (dict(regions=[[0, 1]]), "no pixel of node 2"),
        (dict(regions=[[0, 1, 2, 3]]), "reaches from 0 to 3"),
        (dict(regions=[0, 1, 2]), "take a picture"),
        (dict(positions=[[0, 0]]), "positions has shape"),
        (dict(positions=[[0, 0], [0, 2], [0, 0]]), "outside 0 to 1"),
    ],
)
def test_bad_graphs(arguments, words):
    with pytest.raises(ValueError, match=words):
        Graph(**{"node_features": np.zeros((3, 2)), **arguments})


def test_graph_keeps_what_it_was_given(rng):
    features = rng.normal(size=(3, 2)).astype(np.float32)
    features.flags.writeable = False
    graph = Graph(features, [[0, 1]])
    assert graph.node_features.dtype == np.float32
    assert graph.edge_features.shape == (1, 0)
    with pytest.raises(AttributeError):
        graph.edges = None
    again = pickle.loads(pickle.dumps(graph))
    np.testing.assert_array_equal(again.edges, graph.edges)


def bars(rng, n_graphs=24, noise=1.0):
    """Pictures of a bar that is 1 at the left and 2 at the right, and its labels."""
    shapes = np.zeros((n_graphs, 8, 8), int)
    shapes[:, 2:6, 2:4], shapes[:, 2:6, 4:6] = 1, 2
    graphs = pixel_graphs((shapes > 0) + rng.normal(0, noise, shapes.shape))
    return graphs, [shape.ravel() for shape in shapes]


@pytest.mark.parametrize(
    "edges, cv",
    [("pseudo-likelihood", 3), ("mean-field", 3), ("mean-field", None), (None, None)],
)
def test_what_edges_and_places_are_worth(rng, edges, cv):
    graphs, y = bars(rng)
    scores = [
        CRFClassifier(spatial, edges=edges, cv=cv, random_state=0, max_iter=20)
        .fit(graphs[:16], y[:16])
        .score(graphs[16:], y[16:])
        for spatial in (None, 4)
    ]
    # Features do not tell the left of the bar from its right.
    assert scores[0] < 0.85 and scores[1] > 0.95


def test_edges_help(rng):
    graphs, y = bars(rng, noise=0.7)
    y = [(own > 0).astype(int) for own in y]
    alone, joined = (
        CRFClassifier(edges=edges, random_state=0, max_iter=20)
        .fit(graphs[:16], y[:16])
        .score(graphs[16:], y[16:])
        for edges in (None, "mean-field")
    )
    assert joined > alone + 0.03


def test_graphs_without_edges(rng):
    graphs, y = bars(rng, 6)
    bare = [Graph(graph.node_features) for graph in graphs]
    model = CRFClassifier(random_state=0).fit(bare, y)
    alone = CRFClassifier(edges=None).fit(bare, y)
    for p, q in zip(model.predict_proba(bare), alone.predict_proba(bare), strict=True):
        np.testing.assert_array_equal(p, q)
    # Some without are fine beside others with edges.
    mixed = CRFClassifier(random_state=0).fit([bare[0], *graphs[1:]], y)
    assert np.isfinite(np.concatenate(mixed.predict_proba(bare))).all()


@pytest.mark.parametrize("unlabeled", [-1, np.nan])
def test_unknown_labels(rng, unlabeled):
    graphs, y = bars(rng)
    hidden = [np.where(rng.random(len(own)) < 0.5, unlabeled, own) for own in y]
    hidden[0][:] = unlabeled
    model = CRFClassifier(4, unlabeled=unlabeled, random_state=0).fit(graphs, hidden)
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.score(graphs, y) > 0.95
    right = [p == own for p, own in zip(model.predict(graphs), y, strict=True)]
    known = [np.isin(own, model.classes_) for own in hidden]
    expected = np.concatenate(right)[np.concatenate(known)].mean()
    assert model.score(graphs, hidden) == pytest.approx(expected)


def test_score_by_area(rng):
    graphs, y = bars(rng, 6)
    model = CRFClassifier(random_state=0, max_iter=5).fit(graphs, y)
    weights = [rng.random(len(own)) for own in y]
    right = np.concatenate(model.predict(graphs)) == np.concatenate(y)
    expected = np.average(right, weights=np.concatenate(weights))
    assert model.score(graphs, y, sample_weight=weights) == pytest.approx(expected)


def test_labels_can_be_words(rng):
    graphs, y = bars(rng, 6)
    named = [np.array(["sky", "left", "right"])[own] for own in y]
    model = CRFClassifier(4, random_state=0).fit(graphs, named)
    assert model.classes_.tolist() == ["left", "right", "sky"]
    assert set(np.concatenate(model.predict(graphs))) <= set(model.classes_)
    assert model.score(graphs, named) > 0.9


@pytest.mark.slow
def test_manners_of_scikit_learn(rng):
    graphs, y = bars(rng, 9)
    search = GridSearchCV(
        CRFClassifier(max_iter=20, random_state=0),
        {"spatial": [None, 4]},
        cv=3,
        n_jobs=2,
    ).fit(graphs, y)
    assert search.best_params_ == {"spatial": 4}
    best = search.best_estimator_
    again = pickle.loads(pickle.dumps(best))
    fresh = clone(best).fit(graphs, y)
    for model in (again, fresh):
        for p, q in zip(
            model.predict_proba(graphs), best.predict_proba(graphs), strict=True
        ):
            np.testing.assert_array_equal(p, q)


def test_float32_stays(rng):
    graphs, y = bars(rng, 6)
    single = [
        Graph(g.node_features.astype(np.float32), g.edges, g.edge_features, g.regions)
        for g in graphs
    ]
    model = CRFClassifier(4, random_state=0).fit(single, y)
    assert model.node_weights_.dtype == model.edge_weights_.dtype == np.float32
    assert model.predict_proba(single)[0].dtype == np.float32


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda X, y: (X[0], y), "X is a Graph"),
        (lambda X, y: ([], []), "X has no graph"),
        (lambda X, y: ([X[0].node_features, *X[1:]], y), r"X\[0\] is a ndarray"),
        (
            lambda X, y: ([(np.zeros((2, 1)), [[0, 5]]), *X[1:]], y),
            r"X\[0\]: edges has node 5",
        ),
        (
            lambda X, y: ([*X[1:], (np.zeros((64, 2)),)], y),
            r"X\[5\] has 2 node features",
        ),
        (
            lambda X, y: ([(np.zeros((64, 1)), [[0, 1]]), *X[1:]], y),
            r"X\[0\] has 0 edge features, and 1 are",
        ),
        (
            lambda X, y: ([(X[0].node_features,), *X[1:]], y),
            "neither regions nor positions",
        ),
        (lambda X, y: (X, y[:-1]), "inconsistent numbers"),
        (lambda X, y: (X, None), "y=None"),
        (lambda X, y: (X, [y[0][:-1], *y[1:]]), r"y\[0\] has shape \(63,\)"),
        (lambda X, y: (X, [np.zeros(64)] * 6), "single class"),
        (lambda X, y: (X, [np.full(64, np.nan)] * 6), "NaN in place of a label"),
        (lambda X, y: (X, [own + 0.5 for own in y]), "Unknown label type"),
    ],
)
def test_bad_input(rng, change, words):
    graphs, y = bars(rng, 6)
    model = CRFClassifier(2, random_state=0).fit(graphs, y)
    before = dict(vars(model))
    with pytest.raises((TypeError, ValueError), match=words):
        model.fit(*change(graphs, y))
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is value for name, value in before.items())


def test_bad_scores(rng):
    graphs, y = bars(rng, 6)
    model = CRFClassifier(random_state=0, unlabeled=-1, max_iter=3).fit(graphs, y)
    with pytest.raises(ValueError, match=r"labels \[7\] that are not among"):
        model.score(graphs, [np.full(64, 7)] * 6)
    with pytest.raises(ValueError, match="no known label"):
        model.score(graphs, [np.full(64, -1)] * 6)
    for weights, words in [
        (np.ones(3), r"sample_weight\[0\]"),
        (np.full(64, -1.0), "sample_weight has -1.0"),
        (np.full(64, np.nan), "sample_weight has nan"),
        (np.zeros(64), "sample_weight is 0"),
        (np.full(64, "a"), "sample_weight has to be numbers"),
    ]:
        with pytest.raises(ValueError, match=words):
            model.score(graphs, y, sample_weight=[weights] * 6)


def test_a_picture_without_some_class(rng):
    graphs, y = bars(rng, 6)
    y[0] = np.zeros_like(y[0])
    model = CRFClassifier(4, random_state=0).fit(graphs, y)
    assert model.predict_proba(graphs)[0].shape == (64, 3)


@needs_callbacks
def test_callbacks(rng, capsys):
    from sklearn.callback import ProgressBar, ScoringMonitor

    graphs, y = bars(rng, 6)
    settings = dict(spatial=4, random_state=0, tol=0)
    scoring = {"score": lambda model, X, y: model.score(X, y)}
    monitor = ScoringMonitor(scoring=scoring)
    model = CRFClassifier(**settings, max_iter=4).set_callbacks(monitor, ProgressBar())
    model.fit(graphs, y)
    assert "CRFClassifier" in capsys.readouterr().out
    rows = monitor.get_logs().data
    # The nodes' weights alone come first.
    for name, edges in (("nodes", None), ("edges", "pseudo-likelihood")):
        (score,) = (row["score"] for row in rows if row["task_name"] == name)
        part = clone(model).set_params(edges=edges)
        part._fit(graphs, y, for_more=True)
        assert score == part.score(graphs, y)
    assert [row["task_name"] for row in rows].count("iteration") == 8
    np.testing.assert_array_equal(
        model.edge_weights_, clone(model).fit(graphs, y).edge_weights_
    )


@needs_callbacks
def test_a_callback_ends_the_search(rng):
    class Second:
        """Asks to stop after the second iteration of each search."""

        def setup(self, estimator, context):
            pass

        teardown = on_fit_task_begin = setup

        def on_fit_task_end(self, estimator, context):
            return context.task_name == "iteration" and context.task_id == 1

    graphs, y = bars(rng, 6)
    model = CRFClassifier(4, random_state=0).set_callbacks(Second()).fit(graphs, y)
    assert model.n_iter_ == {"nodes": 2, "edges": 2}


# The parts of a fit


def signs(rng, n_graphs=12, n_nodes=20):
    """Graphs of nodes whose features are −1 or 1, so that all have the same size."""
    features = rng.choice([-1.0, 1.0], size=(n_graphs, n_nodes, 3))
    scores = features @ [1.0, -0.5, 0.3] + rng.normal(size=(n_graphs, n_nodes))
    return [Graph(x) for x in features], list((scores > 0).astype(int))


def test_scores_of_nodes_are_of_a_fit_without_them(rng):
    graphs, y = signs(rng)
    settings = dict(alpha=0.01, max_iter=1000, tol=1e-9)
    model = CRFClassifier(edges=None, cv=3, random_state=0, **settings)
    found = np.split(model._fit(graphs, y, for_more=True), len(graphs))
    alone = CRFClassifier(edges=None, cv=None, **settings)
    weights = clone(alone).fit(graphs, y).node_weights_
    np.testing.assert_allclose(model.node_weights_, weights, atol=1e-4)
    fold = np.random.RandomState(0).permutation(12) % 3
    for own in range(3):
        rest = [i for i in range(12) if fold[i] != own]
        other = clone(alone).fit([graphs[i] for i in rest], [y[i] for i in rest])
        for i in np.flatnonzero(fold == own):
            term = other._node_term(Batch([graphs[i]]))
            expected = term.scores(other.node_weights_)
            np.testing.assert_allclose(found[i], expected, atol=1e-3)


def test_the_scale_of_a_feature_does_not_matter(rng):
    graphs, y = signs(rng)
    scales = np.array([1e-3, 1.0, 1e3])
    scaled = [Graph(graph.node_features * scales) for graph in graphs]
    found, expected = (
        np.concatenate(CRFClassifier(edges=None).fit(X, y).predict_proba(X))
        for X in (scaled, graphs)
    )
    np.testing.assert_allclose(found, expected, atol=1e-4)
    sizes = root_mean_square(np.array([[3.0, 0.0], [4.0, 0.0]]))
    np.testing.assert_allclose(sizes, [12.5**0.5, 1])


def test_rows_of_labels():
    rows = of_labels(np.array([0, -1, 2]), 3, np.float32)
    assert rows.dtype == np.float32
    assert rows.tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 1]]


def test_losses_of_folds_add_up(rng):
    features, labels = rng.normal(size=(6, 2)), rng.integers(0, 2, size=(2, 6))
    labels[0, :2] = labels[1, 3] = -1
    weights = {"nodes": rng.normal(size=(1, 2, 4))}
    loss, gradient = Folds(NodeTerm(features), labels)(weights)
    total = 0.0
    for fold, scores in zip(
        labels, np.hsplit(features @ weights["nodes"][0], 2), strict=True
    ):
        known = fold >= 0
        p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        total -= np.log(p[known, fold[known]]).mean()
    assert loss == pytest.approx(total, rel=1e-12)

    def value(flat):
        return Folds(NodeTerm(features), labels)({"nodes": flat.reshape(1, 2, 4)})[0]

    expected = numeric_gradient(value, weights["nodes"].ravel())
    np.testing.assert_allclose(gradient["nodes"].ravel(), expected, atol=1e-7)
