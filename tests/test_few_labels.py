"""Rows without a label: what stands for it, and that it helps."""

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import cdist
from scipy.special import softmax
from sklearn.datasets import load_digits, load_wine
from sklearn.linear_model import LogisticRegression

from skdbn import DBNClassifier, DBNTransformer
from skdbn._data import _spreading
from skdbn._data._spreading import _held_out_loss, _regressed, taught
from skdbn._estimators import _dbn_classifier


@pytest.fixture
def heaps(rng):
    """Rows in three heaps, each of one label, of which two or three are known."""
    codes = np.arange(60) % 3
    X = 4 * np.eye(3)[codes] + rng.normal(size=(60, 3))
    return X, codes, np.where(np.arange(60) < 8, codes, -1)


def spread(X, codes, n_labels, alpha=0.2):
    """Labels along the edges of a graph, from the closed form of the reference."""
    n_rows = len(X)
    edges = np.zeros((n_rows, n_rows))
    for row, order in enumerate(cdist(X, X).argsort(axis=1)):
        edges[row, [other for other in order if other != row][:7]] = 1
    degrees = edges.sum(axis=0), edges.sum(axis=1)
    links = edges / np.sqrt(np.where(degrees[0], degrees[0], 1))
    links /= np.sqrt(np.where(degrees[0], degrees[0], 1))[:, None]
    known = np.eye(n_labels)[codes] * (codes >= 0)[:, None]
    reached = np.linalg.solve(np.eye(n_rows) - alpha * links, (1 - alpha) * known)
    total = reached.sum(axis=1, keepdims=True)
    return reached / np.where(total, total, 1)


def test_both_teachers_are_for_a_label(heaps):
    X, _, known = heaps
    found = taught([X], known, 3)
    regression = LogisticRegression().fit(X[known >= 0], known[known >= 0])
    own = softmax(X @ regression.coef_.T + regression.intercept_, axis=1)
    expected = np.maximum(spread(X, known, 3), 1e-3) * np.maximum(own, 1e-3)
    expected /= expected.sum(axis=1, keepdims=True)
    # Spreading stops at a change of 0.001 in all.
    np.testing.assert_allclose(found, expected, atol=0.02)


@pytest.mark.parametrize("first", [False, True])
def test_the_space_that_tells_held_out_labels_is_taken(first, heaps, rng):
    X, codes, known = heaps
    noise = rng.normal(size=X.shape)
    known = np.where(np.arange(60) < 24, codes, -1)
    spaces = [X, noise] if first else [noise, X]
    right = (taught(spaces, known, 3).argmax(axis=1) == codes)[24:].mean()
    assert right > 0.8


def test_a_label_that_is_not_among_the_known_ones(heaps):
    X, codes, _ = heaps
    known = np.where((np.arange(60) < 20) & (codes < 2), codes, -1)
    p = taught([X], known, 3)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert (p[:, 2] < 0.3).all()


def test_loss_of_labels_that_are_held_out(rng):
    """Each label is held out once, from a teacher that knows the others."""
    p = rng.dirichlet(np.ones(3), 40)
    codes = np.where(np.arange(40) % 3 > 0, rng.integers(3, size=40), -1)
    p[1, codes[1]] = 0
    seen = []

    def teacher(X, others, n_labels):
        seen.append(others)
        return X

    found = _held_out_loss(teacher, p, codes, 3)
    labeled = np.flatnonzero(codes >= 0)
    q = np.maximum(p, 1e-3)[labeled]
    q /= q.sum(axis=1, keepdims=True)
    expected = -np.log(q[np.arange(len(labeled)), codes[labeled]]).mean()
    assert found == pytest.approx(expected)
    hidden = np.array(seen) != codes
    assert (np.array(seen)[hidden] == -1).all()
    np.testing.assert_array_equal(hidden.sum(axis=0), codes >= 0)
    assert 0 < hidden.sum(axis=1).min() and hidden.sum(axis=1).max() < 8


def test_few_rows_and_a_single_label(rng):
    X = np.repeat([[0.0, 0], [9, 9]], 3, axis=0) + rng.normal(0, 0.1, (6, 2))
    p = taught([X], np.array([0, -1, -1, 1, -1, -1]), 2)
    assert (p.argmax(axis=1) == [0, 0, 0, 1, 1, 1]).all()
    codes = np.array([1, -1, 1, -1, -1, -1])
    assert (taught([X], codes, 2)[:, 1] > 0.99).all()
    assert (_regressed(X, codes, 2) == [0, 1]).all()


@pytest.mark.slow
def test_rows_without_a_label_help(seed):
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(X))
    X, y = X[order] / 16, y[order]
    few = np.where(np.arange(len(y)) < 60, y, -1)[:1000]
    scores = [
        DBNClassifier(
            (100,),
            unlabeled=-1,
            unlabeled_weight=weight,
            max_iter=20,
            random_state=seed,
        )
        .fit(X[:1000], few)
        .score(X[1000:], y[1000:])
        for weight in (0.0, 1.0)
    ]
    assert scores[1] > scores[0] + 0.02


def networks(X, y, settings, **others):
    model = DBNClassifier((5,), n_iter=1, max_iter=2, random_state=0, **settings)
    return list(model.fit(X, y, **others).network_.params.values())


def same(one, other):
    return all((a == b).all() for a, b in zip(one, other, strict=True))


def test_labels_of_all_rows_cost_nothing(heaps):
    X, codes, known = heaps
    plain = networks(X, codes, {})
    for weight in (0.0, 1.0):
        settings = {"unlabeled": -1, "unlabeled_weight": weight}
        assert same(plain, networks(X, codes, settings))
    none, some = (
        networks(X, known, {"unlabeled": -1, "unlabeled_weight": weight})
        for weight in (0.0, 0.5)
    )
    assert not same(none, some)


@pytest.mark.parametrize("class_weight", [None, {0: 1.0, 1: 2.0, 2: 5.0}])
@pytest.mark.parametrize("weighted", [False, True])
def test_what_the_network_learns_from(class_weight, weighted, heaps, monkeypatch):
    """Its rows, targets and weights, of those without a label by their probabilities."""
    X, codes, known = heaps
    p = np.full((60, 3), [0.2, 0.3, 0.5])
    monkeypatch.setattr(
        _dbn_classifier, "taught", lambda spaces, codes, n_labels: p[: len(codes)]
    )
    seen = {}

    class Learner(DBNClassifier):
        def _rows_to_learn(self, transformer, X, network, inputs, targets, rows, rng):
            args = transformer, X, network, inputs, targets, rows, rng
            seen["rows"], seen["targets"] = super()._rows_to_learn(*args), targets
            return seen["rows"]

    weights = np.where(np.arange(60) % 7, 1.0, 0.0) if weighted else np.ones(60)
    model = Learner((4,), n_iter=0, max_iter=1, unlabeled=-1, unlabeled_weight=0.5)
    model.set_params(class_weight=class_weight)
    model.fit(X, known, sample_weight=weights if weighted else None)
    assert sorted(seen["rows"]) == np.flatnonzero(weights).tolist()
    free = np.flatnonzero((known < 0) & (weights > 0))
    targets = seen["targets"]
    np.testing.assert_allclose(targets.values[free], p[free])
    np.testing.assert_array_equal(targets.values[:8].argmax(axis=1), codes[:8])
    factor = 1 if class_weight is None else 0.2 * 1 + 0.3 * 2 + 0.5 * 5
    np.testing.assert_allclose(targets.weights[free], 0.5 * factor)


def test_two_classes_and_words(heaps):
    X, codes, _ = heaps
    y = np.where(
        np.arange(60) < 10, np.array(["no", "yes"])[(codes > 0).astype(int)], "?"
    )
    model = DBNClassifier((8,), unlabeled="?", random_state=0).fit(X, y)
    expected = np.array(["no", "yes"])[(codes > 0).astype(int)]
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.score(X, expected) > 0.8


def test_sparse_rows(seed):
    X = (load_digits().data[:200] > 7).astype(float)
    y = np.where(np.arange(200) < 50, load_digits().target[:200], -1)
    settings = dict(n_iter=1, max_iter=2, unlabeled=-1, random_state=seed)
    model = DBNClassifier((5,), **settings).fit(sparse.csr_array(X), y)
    assert np.isfinite(model.predict_proba(X)).all()


def test_rows_are_no_more_than_there_is_time_for(heaps, monkeypatch):
    X, _, known = heaps
    monkeypatch.setattr(_spreading, "MOST_TAUGHT", 5)
    shapes = []
    monkeypatch.setattr(
        _dbn_classifier,
        "taught",
        lambda spaces, *a: shapes.append(len(spaces[0])) or taught(spaces, *a),
    )
    networks(X, known, {"unlabeled": -1})
    assert shapes == [13]


@pytest.mark.parametrize("early_stopping", [False, True])
def test_very_few_labels(early_stopping, seed):
    X, y = load_wine(return_X_y=True)
    few = np.full(len(y), -1)
    few[[0, 60, 140, 1]] = y[[0, 60, 140, 1]]
    settings = dict(n_iter=2, max_iter=3, unlabeled=-1, random_state=seed)
    model = DBNClassifier((6,), early_stopping=early_stopping, **settings).fit(X, few)
    assert model.predict_proba(X).shape == (len(y), 3)
    assert np.isfinite(model.predict_proba(X)).all()


def test_layers_that_are_given(heaps, seed):
    X, codes, known = heaps
    layers = DBNTransformer((6,), n_iter=2, random_state=seed).fit(X)
    model = DBNClassifier(pretrained=layers, unlabeled=-1, random_state=seed)
    assert model.fit(X, known).score(X, codes) > 0.8
