"""The classifier with labels among its visible units, and its gradient."""

import copy
import pickle

import numpy as np
import pytest
from _oracle import Enumeration, centered, log_sum_exp
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from skdbn import ConstantSparsity, RBMClassifier, Sparsity, gradients
from skdbn._data import _spreading
from skdbn._data._sources import ArraySource
from skdbn._data._spreading import taught
from skdbn._data._targets import balanced, one_hot_labels
from skdbn._estimators import _rbm_classifier
from skdbn._utils._random import make_rng
from skdbn.gradients import CD, FPCD, PCD
from skdbn.gradients._discriminative import Hybrid
from skdbn.machines import RestrictedMachine, _label
from skdbn.machines._base import State
from skdbn.machines._centering import Centering
from skdbn.machines._label import input_field, label_scores
from skdbn.units import Concatenated

N_FEATURES, N_LABELS = 3, 3
JOINT = (("bernoulli", N_FEATURES), ("softmax", N_LABELS)), "bernoulli"
WEIGHTS = np.array([0.5, 1.0, 1.5])


@pytest.fixture
def joint(make_machine):
    """A small machine of three binary values and a label with three values."""
    return make_machine(names=JOINT)


def log_conditional(oracle, v):
    """log p(y | x) of each row, by the free energies of all labels."""
    x = v[:, :N_FEATURES]
    energies = [
        -oracle.free_energy(np.hstack([x, np.tile(label, (len(x), 1))]))
        for label in np.eye(N_LABELS)
    ]
    return -oracle.free_energy(v) - log_sum_exp(np.array(energies), axis=0)


def slopes(arrays, value, step=1e-6):
    """Finite differences of ``value(*arrays)`` by each number."""
    found = []
    for i, array in enumerate(arrays):
        slope = np.empty_like(array)
        for index in np.ndindex(array.shape):
            ends = []
            for sign in (-1, 1):
                moved = array.copy()
                moved[index] += sign * step
                ends.append(value(*arrays[:i], moved, *arrays[i + 1 :]))
            slope[index] = (ends[1] - ends[0]) / (2 * step)
        found.append(slope)
    return found


def batch(rng, n=7, n_unknown=0):
    """Rows with one-hot labels, the last ones without."""
    labels = np.eye(N_LABELS)[rng.integers(N_LABELS, size=n)]
    labels[n - n_unknown :] = 0
    return np.hstack([rng.random((n, N_FEATURES)).round(), labels])


def hybrid(discriminative=0.0, generative=0.0, unlabeled=0.0, gradient=None):
    factors = discriminative, generative, unlabeled
    return Hybrid(gradient or CD(), N_LABELS, *factors, WEIGHTS)


def direction(gradient, machine, rows, rng, rate=1.0, centering=None, **options):
    gradient.start(machine, rows.shape[0], rng)
    found = gradient(machine, rows, rng, centering, rate, **options)
    return [array.copy() for array in found.values()]


def assert_close(found, expected, atol):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=atol)


def test_scores_by_enumeration(joint, rng):
    rows = batch(rng)
    oracle = Enumeration.of(joint, JOINT)
    x, labels = rows[:, :N_FEATURES], rows[:, N_FEATURES:]
    scores = label_scores(joint, input_field(joint, x), N_LABELS)
    found = (scores * labels).sum(axis=1) - log_sum_exp(scores, axis=1)
    np.testing.assert_allclose(found, log_conditional(oracle, rows), rtol=1e-12)


@pytest.mark.parametrize("n_unknown", [0, 2])
def test_discriminative_gradient_is_exact(n_unknown, joint, rng):
    """Of the mean over all rows, to which rows without a label add nothing."""
    rows = batch(rng, n_unknown=n_unknown)
    known = rows[: len(rows) - n_unknown]
    weights = known[:, N_FEATURES:] @ WEIGHTS

    def value(*arrays):
        oracle = Enumeration(*arrays, JOINT)
        total = (weights * log_conditional(oracle, known)).sum()
        return total * 0.7 / len(rows)

    arrays = joint.weights, joint.visible_bias, joint.hidden_bias
    found = direction(hybrid(0.7), joint, rows, rng)
    assert_close(found, slopes(arrays, value), 1e-8)
    scaled = direction(hybrid(0.7), joint, rows, rng, rate=0.3)
    assert_close(scaled, [0.3 * array for array in found], 1e-14)


def test_probabilities_are_shares_of_rows(joint, rng):
    """The gradient of a row by shares of labels is that of rows with these labels."""
    row, shares = batch(rng, 1), np.array([[0.5, 0.3, 0.2]])
    soft = row.copy()
    soft[:, N_FEATURES:] = shares
    hard = np.hstack([np.tile(row[:, :N_FEATURES], (N_LABELS, 1)), np.eye(N_LABELS)])
    found = direction(hybrid(0.7), joint, soft, rng)
    each = [direction(hybrid(0.7), joint, one[None], rng) for one in hard]
    expected = [np.tensordot(shares[0], parts, 1) for parts in zip(*each, strict=True)]
    assert_close(found, expected, 1e-12)


def moments_of_contrast(oracle, row):
    """Mean and variance of what a row adds to contrastive divergence, by enumeration.

    An unknown label is drawn from p(y | x), and a Gibbs step draws the state.
    """
    labels = np.eye(N_LABELS)
    starts = row[None] if row[N_FEATURES:].any() else None
    shares = np.ones(1)
    if starts is None:
        starts = np.hstack([np.tile(row[:N_FEATURES], (N_LABELS, 1)), labels])
        shares = np.exp(log_conditional(oracle, starts))
    log_h = oracle.log_weights(starts)
    p_h = np.exp(log_h - log_sum_exp(log_h, axis=1)[:, None])
    p_end = shares[:, None] * (p_h @ (oracle.table / oracle.p_h).T)
    h = oracle.hidden_mean(starts)
    at_start = [starts[:, :, None] * h[:, None], starts, h]
    for begin, end in zip(at_start, oracle.model_statistics(), strict=True):
        changes = begin[:, None] - end[None]
        p = p_end.reshape(*p_end.shape, *[1] * (changes.ndim - 2))
        mean = (p * changes).sum(axis=(0, 1))
        yield mean, (p * (changes - mean) ** 2).sum(axis=(0, 1))


@pytest.mark.parametrize("n_unknown", [0, 2, 7])
@pytest.mark.parametrize("generative, unlabeled", [(0.6, 0.0), (0.6, 0.9), (0.0, 0.9)])
def test_generative_gradient_by_enumeration(
    n_unknown, generative, unlabeled, joint, rng, seed
):
    """Up to 5 standard errors, and to rounding where nothing is drawn."""
    rows = batch(rng, n_unknown=n_unknown)
    n_repeats = 5000
    oracle = Enumeration.of(joint, JOINT)
    factors = [
        generative * row[N_FEATURES:] @ WEIGHTS if row[N_FEATURES:].any() else unlabeled
        for row in rows
    ]
    found = direction(
        hybrid(0, generative, unlabeled),
        joint,
        np.repeat(rows, n_repeats, axis=0),
        make_rng(seed),
    )
    moments = [list(moments_of_contrast(oracle, row)) for row in rows]
    for change, of_rows in zip(found, zip(*moments, strict=True), strict=True):
        expected, variance = 0.0, 0.0
        for factor, (mean, spread) in zip(factors, of_rows, strict=True):
            expected += factor * mean / len(rows)
            variance += (factor / len(rows)) ** 2 * spread / n_repeats
        assert (np.abs(change - expected) < 5 * np.sqrt(variance) + 1e-12).all()


def test_persistent_gradient_by_enumeration(joint, rng):
    """Of chains from the model it is that of log p(x, y), up to 5 standard errors."""
    rows, n_chains, generative = batch(rng), 20_000, 0.6
    oracle = Enumeration.of(joint, JOINT)
    states = rng.choice(len(oracle.h), size=n_chains, p=oracle.p_h)
    persistent = PCD()
    gradient = hybrid(0, generative, gradient=persistent)
    hidden = oracle.h[states]
    persistent.chains_ = State(np.zeros((n_chains, rows.shape[1])), hidden)
    found = direction(gradient, joint, rows, rng)
    factors = generative * rows[:, N_FEATURES:] @ WEIGHTS / len(rows)
    h = oracle.hidden_mean(rows)
    of_data = [np.einsum("n,ni,nj->ij", factors, rows, h), factors @ rows, factors @ h]
    for change, own, states in zip(
        found, of_data, oracle.model_statistics(), strict=True
    ):
        mean = np.tensordot(oracle.p_v, states, 1)
        variance = np.tensordot(oracle.p_v, (states - mean) ** 2, 1)
        error = np.abs(change - own + factors.sum() * mean)
        assert (error < 5 * factors.sum() * np.sqrt(variance / n_chains)).all()
    gradient.stop()
    assert persistent.chains_.hidden.shape == hidden.shape
    assert (persistent.chains_.hidden != hidden).any()


@pytest.mark.parametrize("kind", ["bernoulli", "gaussian", "poisson"])
@pytest.mark.parametrize("persistent", [False, True])
def test_generative_direction_is_that_of_an_rbm(
    kind, persistent, make_machine, rng, seed
):
    """Step by step, and with the same draws, whatever the units of x learn."""
    names = ((kind, N_FEATURES), ("softmax", N_LABELS)), "bernoulli"
    machine, n = make_machine(names=names), 60
    rows = machine.transition(machine.initial_state(n, rng), rng).visible
    centering = Centering(rows.mean(axis=0), np.zeros(3))
    centering.slide = 0.0
    gradients = (
        own := PCD(n_chains=n) if persistent else CD(2),
        Hybrid(clone(own), N_LABELS, 0.0, 1.0, 0.0, np.ones(N_LABELS)),
        Hybrid(clone(own), N_LABELS, 0.0, 0.25, 0.0, np.ones(N_LABELS)),
    )
    steps = []
    for gradient in gradients:
        stream = make_rng(seed)
        gradient.start(machine, n, stream)
        calls = [gradient(machine, rows, stream, centering, 0.3) for _ in range(2)]
        steps.append([array.copy() for array in calls[1].values()])
    for one, other, quarter in zip(*steps, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(quarter, one / 4, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("n_unknown", [0, 2])
@pytest.mark.parametrize("gradient", [CD(2), PCD(), FPCD()], ids=str)
@pytest.mark.parametrize("generative", [0.0, 0.1])
def test_hybrid_is_the_sum(n_unknown, gradient, generative, joint, rng, seed):
    """The same draws, with and without the exact part."""
    rows = batch(rng, n_unknown=n_unknown)
    centering = Centering(rng.random(N_FEATURES + N_LABELS), np.zeros(3))
    centering.slide = 0.0
    parts = [
        direction(
            hybrid(*factors, gradient=clone(gradient)),
            joint,
            rows,
            make_rng(seed),
            centering=centering,
        )
        for factors in ((0.7,), (0, generative, 0.2), (0.7, generative, 0.2))
    ]
    for exact, drawn, both in zip(*parts, strict=True):
        np.testing.assert_allclose(both, exact + drawn, rtol=0, atol=1e-14)


@pytest.mark.parametrize("factors", [(1.0,), (0, 0.5), (1.0, 0.5, 0.5)])
def test_centered_direction(factors, joint, rng, seed):
    """That of the machine whose weights couple v − v₀, in the plain parameters."""
    rows = batch(rng, n_unknown=2)
    centering = Centering(rng.random(N_FEATURES + N_LABELS), np.zeros(3))
    centering.slide = 0.0
    plain = direction(hybrid(*factors), joint, rows, make_rng(seed))
    found = direction(hybrid(*factors), joint, rows, make_rng(seed), 1.0, centering)
    expected = centered(plain, centering.visible, centering.hidden)
    assert_close(found, expected, 1e-14)


@pytest.mark.parametrize("factors", [(1.0,), (0, 0.5), (1.0, 0.5, 0.5)])
def test_what_a_penalty_adds_moves_all_weights(factors, joint, rng, seed):
    class Adds:
        def see(self, hidden_mean, weights=None):
            hidden_mean += added

    rows, added = batch(rng), rng.normal(size=(7, 3))
    found, plain = (
        direction(hybrid(*factors), joint, rows, make_rng(seed), sparsity=penalty)
        for penalty in (Adds(), None)
    )
    expected = rows.T @ added / 7, np.zeros(6), added.mean(axis=0)
    for one, other, change in zip(found, plain, expected, strict=True):
        np.testing.assert_allclose(one - other, change, atol=1e-12)


def test_gray_values_are_drawn(joint, rng, seed):
    rows = batch(rng)
    rows[:, :N_FEATURES] = rng.random((7, N_FEATURES))
    found = direction(hybrid(1.0), joint, rows, make_rng(seed), sample_data=True)
    drawn, stream = rows.copy(), make_rng(seed)
    joint.visible.draw(drawn, stream)
    assert (drawn == drawn.round()).all()
    assert_close(found, direction(hybrid(1.0), joint, drawn, stream), 1e-14)


def test_float32_stays(make_machine, rng):
    machine = make_machine(names=JOINT, dtype=np.float32)
    rows = batch(rng, n_unknown=2).astype(np.float32)
    found = direction(hybrid(1.0, 0.1, 0.1), machine, rows, rng, rate=0.1)
    assert {array.dtype for array in found} == {np.dtype(np.float32)}


@pytest.mark.parametrize("container", [np.array, sparse.csr_array])
def test_machine_and_batch_are_left_alone(container, joint, rng):
    rows = container(batch(rng, n_unknown=2))
    before, kept = copy.deepcopy(joint), rows.copy()
    direction(hybrid(1.0, 0.1, 0.1), joint, rows, rng)
    assert_close(joint.params.values(), before.params.values(), 0)
    assert abs(rows - kept).max() == 0


@pytest.mark.parametrize(
    "objective, shift", [("generative", 0), ("hybrid", 0), ("discriminative", 1000)]
)
@pytest.mark.filterwarnings("ignore::skdbn.exceptions.DataRangeWarning")
def test_scale_and_shift_of_real_values_change_nothing(objective, shift, rng, seed):
    scale, y = np.array([0.5, 1.0, 2.0]), rng.permutation(np.arange(30) % N_LABELS)
    X = rng.normal(size=(30, N_FEATURES)) + y[:, None]
    settings = {"visible": "gaussian", "objective": objective, "n_iter": 3}
    one = make(seed, **settings).fit(X, y)
    other = make(seed, **settings).fit(X * scale + shift, y)
    np.testing.assert_allclose(
        one.predict_proba(X), other.predict_proba(X * scale + shift), atol=1e-6
    )


# The estimator


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


@pytest.fixture(scope="module")
def some(digits):
    """Three classes, few rows, and names for labels."""
    X, y = digits
    rows = np.flatnonzero(y < 3)[:120]
    return X[rows], np.array(["zero", "one", "two"])[y[rows]]


def make(seed, n_components=8, **settings):
    return RBMClassifier(
        n_components, **{"n_iter": 5, "random_state": seed, **settings}
    )


def oracle_of(model):
    machine = model.machine_
    names = (
        (("bernoulli", model.n_features_in_), ("softmax", N_LABELS)),
        "bernoulli",
    )
    arrays = machine.weights, machine.visible_bias, machine.hidden_bias
    return Enumeration(*arrays, names)


@pytest.fixture
def small(rng, seed):
    """A classifier of three binary values that can be enumerated."""
    X = rng.random((60, N_FEATURES)).round()
    y = (X.sum(axis=1) > 1).astype(int) + (rng.random(60) < 0.3)
    return make(seed, 3, objective="generative", n_iter=30).fit(X, y)


def test_probabilities_by_enumeration(small):
    oracle = oracle_of(small)
    x = oracle.v[oracle.v[:, N_FEATURES] == 1, :N_FEATURES]
    expected = [
        log_conditional(oracle, np.hstack([x, np.tile(label, (len(x), 1))]))
        for label in np.eye(N_LABELS)
    ]
    found = small.predict_log_proba(x)
    np.testing.assert_allclose(found, np.array(expected).T, rtol=1e-10)
    np.testing.assert_allclose(small.predict_proba(x), np.exp(found))
    assert (small.predict(x) == small.classes_[found.argmax(axis=1)]).all()


def test_samples_by_enumeration(small, seed):
    """Rows and labels of the model, and rows of given labels, to 5 standard errors."""
    oracle, n = oracle_of(small), 5000

    def agree(X, y, p):
        states = np.hstack([X, np.eye(N_LABELS)[np.searchsorted(small.classes_, y)]])
        counts = (states[:, None] == oracle.v).all(axis=2).sum(axis=0)
        tolerance = 5 * np.sqrt(n * p * (1 - p)) + 1
        assert (np.abs(counts - n * p) < tolerance).all()

    agree(*small.sample(n, n_steps=100, random_state=seed), oracle.p_v)
    for label, code in zip(small.classes_, np.eye(N_LABELS), strict=True):
        p = oracle.p_v * (oracle.v[:, N_FEATURES:] == code).all(axis=1)
        X, y = small.sample(n, y=label, n_steps=100, random_state=seed)
        assert (y == label).all()
        agree(X, y, p / p.sum())


def test_a_label_for_each_sample(some, seed):
    model = make(seed).fit(*some)
    labels = np.array(["one", "two", "one"])
    X, y = model.sample(3, y=labels, n_steps=2)
    assert X.shape == (3, 64)
    np.testing.assert_array_equal(y, labels)


def test_a_label_for_each_row_in_their_order():
    found = one_hot_labels(list("bcaa"), np.array(["a", "b", "c"]), 4)
    assert found.tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0], [1, 0, 0]]


def test_means_of_samples(small, seed):
    """Each is E[x | h] of a hidden state, and their mean that of the rows."""
    oracle, n = oracle_of(small), 5000
    X, y = small.sample(n, means=True, n_steps=100, random_state=seed)
    possible = oracle.visible_mean()[:, :N_FEATURES]
    assert (np.abs(X[:, None] - possible).max(axis=2).min(axis=1) < 1e-6).all()
    for label, code in zip(small.classes_, np.eye(N_LABELS), strict=True):
        p = oracle.p_v * (oracle.v[:, N_FEATURES:] == code).all(axis=1)
        expected = p @ oracle.v[:, :N_FEATURES] / p.sum()
        rows = small.sample(n, y=label, means=True, n_steps=100, random_state=seed)[0]
        error = rows.std(axis=0) / np.sqrt(n)
        assert (np.abs(rows.mean(axis=0) - expected) < 5 * error + 1e-6).all()
    assert len(np.unique(y)) == N_LABELS


@pytest.mark.parametrize(
    "objective, expected",
    [("hybrid", 0.92), ("discriminative", 0.92), ("generative", 0.85)],
)
def test_digits_are_read(objective, expected, digits, seed):
    X, y = digits
    model = make(seed, 64, objective=objective, n_iter=20).fit(X[::2], y[::2])
    assert model.score(X[1::2], y[1::2]) > expected


def test_rows_without_labels_help(digits, seed):
    """Thirty labels, and the same with 869 other rows without."""
    X, y = digits
    rng = np.random.default_rng(seed)
    labeled = [rng.choice(np.flatnonzero(y[::2] == k), 3) for k in range(10)]
    labeled = np.concatenate(labeled)
    partly = np.full(len(y[::2]), -1)
    partly[labeled] = y[::2][labeled]
    settings = {"n_components": 32, "n_iter": 20, "objective": "generative"}
    settings |= {"learning_rate": 0.2}
    alone = make(seed, **settings, batch_size=3).fit(X[::2][labeled], y[::2][labeled])
    helped = make(seed, **settings, unlabeled=-1, unlabeled_weight=0.1)
    helped.fit(X[::2], partly)
    assert helped.classes_.tolist() == list(range(10))
    assert helped.score(X[1::2], y[1::2]) > alone.score(X[1::2], y[1::2]) + 0.02


@pytest.mark.parametrize("mark", [-1, "?"])
def test_unlabeled_rows_of_no_weight_change_no_class(mark, some, seed):
    X, y = some
    y = np.where(y == "one", "unknown", y).astype(object)
    y[y == "unknown"] = mark
    y = y.astype(str)
    model = make(seed, unlabeled=str(mark)).fit(X, y)
    assert model.classes_.tolist() == ["two", "zero"]


@pytest.mark.parametrize("n_labeled, n_rows", [(2, 16), (3, 14), (5, 10), (9, 10)])
def test_half_of_the_rows_have_a_label(n_labeled, n_rows):
    codes = np.full(10, -1)
    codes[10 - n_labeled :] = 1
    rows = balanced(np.arange(10), codes >= 0)
    counts = np.bincount(rows, minlength=10)
    assert len(rows) == n_rows and (counts[: 10 - n_labeled] == 1).all()
    assert np.ptp(counts[10 - n_labeled :]) <= 1
    # Rows that are held out do not take part.
    assert (balanced(np.arange(9), codes >= 0) < 9).all()


def test_labeled_rows_are_repeated_in_every_fit(some, seed):
    X, y = (array[:60] for array in some)
    few = np.where(np.arange(60) % 10 == 0, y, "none")
    settings = {"unlabeled": "none", "spread_labels": False, "n_iter": 1}
    for model in (
        make(seed, **settings).fit(X, few),
        make(seed, **settings, early_stopping=True).fit(X, few),
        make(seed, unlabeled="none").partial_fit(X, few, np.unique(y)),
    ):
        assert model._session.n_rows == 2 * 54


def test_probabilities_stand_for_labels(digits, monkeypatch, seed):
    """What is taught to a row without a label; of more than there is time for, none."""
    X, y = (array[:60] for array in digits)
    few = np.where(np.arange(60) % 3 == 0, y, -1)
    sources = []
    monkeypatch.setattr(
        _rbm_classifier,
        "ArraySource",
        lambda *args: sources.append(ArraySource(*args)) or sources[-1],
    )
    make(seed, unlabeled=-1, n_iter=1).fit(X, few)
    others = few < 0
    rows = np.append(np.flatnonzero(~others), np.flatnonzero(others))
    codes = np.unique(few, return_inverse=True)[1] - 1
    expected = taught([X[rows]], codes[rows], 10)[~others.sum() :]
    labels = sources[0].X[:, -10:]
    np.testing.assert_allclose(labels[others], expected[-others.sum() :])
    np.testing.assert_array_equal(labels[~others], np.eye(10)[codes[~others]])
    assert len(sources[0]) == 60
    monkeypatch.setattr(_spreading, "MOST_TAUGHT", 5)
    make(seed, unlabeled=-1, n_iter=1).fit(X, few)
    assert (sources[1].X[:, -10:].any(axis=1)).sum() == (~others).sum() + 5


def test_spread_labels_help(digits, seed):
    X, y = (array[:900] for array in digits)
    few = np.where(np.arange(900) < 50, y, -1)
    found = [
        make(seed, 32, unlabeled=-1, n_iter=5, spread_labels=spread).fit(X, few)
        for spread in (False, True)
    ]
    one, other = (model.score(X[50:], y[50:]) for model in found)
    assert other > one + 0.02


def test_variances_follow_later_rows(some, rng, seed):
    """About the mean of the first call, the data's squares are those of all calls."""
    y = some[1]
    X = rng.normal(1, 1, size=(len(y), 3))
    model = make(seed, visible="gaussian", objective="generative")
    for factor in (1, 2, 4):
        model.partial_fit(factor * X, y, np.unique(y))
    (found,), (log_variance,) = (
        model.machine_.visible.data_statistics(),
        model.machine_.visible.params,
    )
    rows = np.vstack([X, 2 * X, 4 * X])
    expected = np.square(rows - X.mean(axis=0)).mean(axis=0)
    np.testing.assert_allclose(2 * np.exp(log_variance) * found, expected)


def test_sparsity_makes_hidden_units_rare(digits, seed):
    X, y = (array[::4] for array in digits)
    means = []
    for strength in (0.0, 0.003, 0.03):
        sparsity = ConstantSparsity(strength)
        model = make(seed, sparsity=sparsity, n_iter=10).fit(X, y)
        v = np.hstack([X, np.eye(10)[y]])
        means.append(model.machine_.hidden_mean(v).mean())
    assert means[0] > means[1] > means[2]


def test_class_weights(some, seed):
    """Heavy classes are predicted more often; only the ratios count."""
    X, y = some
    X = X[:, :6]
    weights = {"zero": 1.0, "one": 10.0, "two": 1.0}
    plain = make(seed).fit(X, y)
    heavy = make(seed, class_weight=weights).fit(X, y)
    assert (heavy.predict(X) == "one").sum() > (plain.predict(X) == "one").sum()
    scaled = {label: 7 * weight for label, weight in weights.items()}
    same = make(seed, class_weight=scaled).fit(X, y)
    np.testing.assert_allclose(same.components_, heavy.components_, rtol=1e-10)


def test_balanced_classes(some, seed):
    X, y = some
    counts = {label: 1 / (y == label).sum() for label in np.unique(y)}
    balanced = make(seed, class_weight="balanced").fit(X, y)
    by_hand = make(seed, class_weight=counts).fit(X, y)
    np.testing.assert_allclose(balanced.components_, by_hand.components_, rtol=1e-10)


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csr_array])
def test_sparse_equals_dense(container, some, seed):
    X, y = some
    dense = make(seed, early_stopping=True).fit(X, y)
    thin = make(seed, early_stopping=True).fit(container(X), y)
    np.testing.assert_allclose(thin.components_, dense.components_, rtol=1e-10)
    np.testing.assert_allclose(
        thin.predict_proba(container(X)), dense.predict_proba(X), rtol=1e-10
    )


@pytest.mark.parametrize(
    "dtype, expected",
    [
        (np.float64, np.float64),
        (np.float32, np.float32),
        (np.uint8, np.float32),
        (bool, np.float32),
        (np.int64, np.float64),
    ],
)
def test_dtypes(dtype, expected, some, seed):
    X, y = some[0].round().astype(dtype), some[1]
    model = make(seed).fit(X, y)
    assert model.components_.dtype == expected
    assert model.predict_proba(X).dtype == expected
    assert make(seed).partial_fit(X, y, np.unique(y)).components_.dtype == expected


def test_arrays_of_the_machine(some, seed):
    model = make(seed).fit(*some)
    assert model.components_.shape == (8, 64)
    assert model.label_components_.shape == (8, 3)
    assert model.intercept_hidden_.shape == (8,)
    assert model.intercept_visible_.shape == (64,)
    assert model.intercept_label_.shape == (3,)
    np.testing.assert_array_equal(model.components_, model.machine_.weights[:64].T)
    np.testing.assert_array_equal(
        model.label_components_, model.machine_.weights[64:].T
    )
    assert np.shares_memory(model.components_, model.machine_.weights)
    assert np.shares_memory(model.label_components_, model.machine_.weights)


@pytest.mark.parametrize(
    "objective, exact, share",
    [("hybrid", 1, 0.02), ("discriminative", 1, 0), ("generative", 0, 1)],
)
@pytest.mark.parametrize("unlabeled, weight", [(None, 0), (-1, 0.03)])
def test_parts_of_the_objectives(
    objective, exact, share, unlabeled, weight, some, seed
):
    settings = dict(generative_weight=0.02, unlabeled_weight=0.03, n_iter=1)
    model = make(seed, objective=objective, unlabeled=unlabeled, **settings)
    direction = model.fit(*some)._session.direction
    own = direction.gradient
    assert (own.discriminative, own.generative, own.unlabeled) == (exact, share, weight)
    # Of the labels' units alone the fields depend on the others.
    assert not direction.centering.hidden.any() and direction.centering.visible.any()


def test_held_out_rows_are_not_learned_from(rng, seed):
    codes = np.array([0, 1, -1, 2] * 10)
    model = make(seed, early_stopping=True, validation_fraction=0.3)
    rows, held_out = model._split(np.arange(40), codes, rng)
    assert len(held_out) == 9 and (codes[held_out] >= 0).all()
    assert sorted({*rows} | {*held_out}) == list(range(40))
    assert not {*rows} & {*held_out}


def test_history(some, seed):
    model = make(seed, n_iter=4).fit(*some)
    assert model.n_iter_ == len(model.history_) == 4
    last = model.history_[-1]
    assert set(last) == {"log_loss", "accuracy", "learning_rate", "seconds"}
    assert last["accuracy"] == model.score(*some)
    p = model.predict_proba(some[0])
    own = p[np.arange(len(p)), np.searchsorted(model.classes_, some[1])]
    np.testing.assert_allclose(last["log_loss"], -np.log(own).mean())


@pytest.mark.parametrize(
    "objective, rate", [("hybrid", 1.0), ("discriminative", 1.0), ("generative", 0.1)]
)
def test_automatic_rates(objective, rate, some, seed):
    model = make(seed, objective=objective, n_iter=2).fit(*some)
    rates = [row["learning_rate"] for row in model.history_]
    np.testing.assert_allclose(rates, [rate, rate / 2])


def test_early_stopping_keeps_the_best(digits, seed):
    X, y = digits
    settings = {"early_stopping": True, "validation_fraction": 0.5, "n_iter": 60}
    settings |= {"n_iter_no_change": 3, "learning_rate": 2.0}
    model = make(seed, 32, **settings).fit(X[:300], y[:300])
    scores = [
        (row["validation_accuracy"], -row["validation_log_loss"])
        for row in model.history_
    ]
    best = scores.index(max(scores))
    assert model.n_iter_ == best + 4 < 60
    shorter = make(seed, 32, **(settings | {"n_iter": best + 1})).fit(X[:300], y[:300])
    np.testing.assert_array_equal(model.components_, shorter.components_)


def test_only_labeled_rows_are_held_out(some, seed):
    X, y = some
    partly = np.where(np.arange(len(y)) % 10 == 0, y, "none")
    settings = {"unlabeled": "none", "early_stopping": True}
    model = make(seed, **settings, validation_fraction=0.5).fit(X, partly)
    # Six rows are held out.
    sixths = [row["validation_accuracy"] * 6 for row in model.history_]
    np.testing.assert_allclose(sixths, np.round(sixths), atol=1e-9)


def test_verbose_prints_and_changes_nothing(some, seed, capsys):
    quiet = make(seed, n_iter=2).fit(*some)
    assert capsys.readouterr().out == ""
    loud = make(seed, n_iter=2, verbose=1).fit(*some)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "[RBMClassifier] Epoch 1",
        "[RBMClassifier] Epoch 2",
    ]
    assert "accuracy" in lines[0]
    np.testing.assert_array_equal(loud.components_, quiet.components_)


@pytest.mark.parametrize("gradient", ["cd", "pcd"])
def test_partial_fit_goes_on(gradient, some, seed):
    """A constant rate: epochs one by one are those of a fit."""
    X, y = some
    settings = {"learning_rate": 0.1, "momentum": 0.5, "gradient": gradient}
    whole = make(seed, **settings, n_iter=3).fit(X, y)
    parts = make(seed, **settings)
    for _ in range(3):
        parts.partial_fit(X, y, classes=np.unique(y))
    assert parts.score(X, y) == pytest.approx(whole.score(X, y), abs=0.1)
    copied = copy.deepcopy(parts)
    parts.partial_fit(X, y)
    pickle.loads(pickle.dumps(copied)).partial_fit(X, y)
    np.testing.assert_array_equal(
        copied.partial_fit(X, y).components_, parts.components_
    )
    assert (parts.components_ != whole.components_).any()


def test_partial_fit_without_all_classes(some, seed):
    X, y = some
    model = make(seed)
    for label in np.unique(y):
        model.partial_fit(X[y == label], y[y == label], classes=["zero", "one", "two"])
    assert model.classes_.tolist() == ["one", "two", "zero"]
    assert model.predict_proba(X).shape == (len(X), 3)


def interrupt_after(monkeypatch, n_calls):
    """Ctrl-C in the step after so many."""
    call, calls = Hybrid.__call__, []

    def counted(*args, **kwargs):
        calls.append(None)
        if len(calls) > n_calls:
            raise KeyboardInterrupt
        return call(*args, **kwargs)

    monkeypatch.setattr(Hybrid, "__call__", counted)


def test_interrupted_fit_keeps_the_last_epoch(some, seed, monkeypatch):
    settings = {"learning_rate": 0.1}
    expected = make(seed, **settings, n_iter=2).fit(*some)
    with monkeypatch.context() as patch:
        interrupt_after(patch, 30)
        with pytest.warns(UserWarning, match="Interrupted in epoch 3") as caught:
            model = make(seed, **settings).fit(*some)
    assert caught[0].filename == __file__
    assert model.n_iter_ == 2
    np.testing.assert_array_equal(model.components_, expected.components_)


def test_interrupted_first_epoch_raises(some, seed, monkeypatch):
    interrupt_after(monkeypatch, 3)
    model = make(seed)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*some)
    assert not hasattr(model, "machine_") and not hasattr(model, "n_features_in_")


def test_repeatable(some, seed):
    one, other = make(seed).fit(*some), make(seed).fit(*some)
    np.testing.assert_array_equal(one.components_, other.components_)
    different = make(seed + 1).fit(*some)
    assert (different.components_ != one.components_).any()
    first = one.sample(4, n_steps=2, random_state=seed)[0]
    np.testing.assert_array_equal(first, one.sample(4, n_steps=2, random_state=seed)[0])
    draws = [one.sample(4, n_steps=2)[0] for _ in range(2)]
    assert (draws[0] != draws[1]).any()


def test_grid_search(some):
    search = GridSearchCV(
        RBMClassifier(4, n_iter=2, random_state=0),
        {"objective": ["hybrid", "generative"], "generative_weight": [0.1]},
        cv=2,
    )
    assert search.fit(*some).best_score_ > 0.3


# Bad input

BAD_PARAMETERS = [
    ("n_components", 0),
    ("objective", "joint"),
    ("generative_weight", -0.1),
    ("unlabeled", [-1]),
    ("spread_labels", "yes"),
    ("unlabeled_weight", -1),
    ("gradient", "always"),
    ("visible", "gauss"),
    ("learning_rate", 0),
    ("learning_rate", "fast"),
    ("momentum", 1.0),
    ("weight_decay", -1e-3),
    ("sparsity", 0.05),
    ("tol", -1.0),
    ("warm_start", "yes"),
    ("class_weight", "heavy"),
    ("class_weight", {"zero": -1.0}),
    ("batch_size", 0),
    ("n_iter", -1),
    ("early_stopping", "auto"),
    ("validation_fraction", 1.0),
    ("n_iter_no_change", 0),
    ("verbose", -1),
    ("random_state", "seven"),
]


def state_of(model):
    return {name: pickle.dumps(value) for name, value in vars(model).items()}


def refused(model, call, *words):
    """The call raises a ValueError with these words, and changes nothing."""
    before = state_of(model)
    with pytest.raises(ValueError) as caught:
        call(model)
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert state_of(model) == before


@pytest.mark.parametrize("name, value", BAD_PARAMETERS)
def test_bad_parameter(name, value, some, seed):
    X, y = some
    for model in (make(seed), make(seed).fit(X, y)):
        model.set_params(**{name: value})
        refused(model, lambda m: m.fit(X[:, :7], y), name, str(value))
    fresh = make(seed).set_params(**{name: value})
    refused(fresh, lambda m: m.partial_fit(X, y, np.unique(y)), name, str(value))


def test_every_parameter_is_tried():
    names = {name for name, _ in BAD_PARAMETERS}
    assert names == set(RBMClassifier().get_params(deep=False))


@pytest.mark.parametrize(
    "settings, X_rows, labels, words",
    [
        ({}, 4, ["a"] * 4, ["1 class"]),
        ({"unlabeled": "a"}, 4, ["a"] * 4, ["0 class"]),
        ({"unlabeled": "a"}, 4, ["a", "a", "a", "b"], ["1 class"]),
        ({"early_stopping": True}, 1, ["a"], ["1 class"]),
        (
            {"early_stopping": True, "validation_fraction": 0.9},
            3,
            ["a", "b", "c"],
            ["validation_fraction", "n_samples=3"],
        ),
        ({}, 3, ["a", "b"], ["inconsistent"]),
        ({}, 3, [0.1, 0.2, 0.3], ["continuous"]),
        ({}, 2, [[0, 1], [1, 0]], ["(2, 2)", "DBNClassifier"]),
        (
            {"unlabeled": -1},
            3,
            ["a", None, "b"],
            ["y contains None", "unlabeled=np.nan"],
        ),
    ],
)
def test_bad_labels(settings, X_rows, labels, words, some, seed):
    X = some[0][:X_rows]
    refused(make(seed, **settings), lambda m: m.fit(X, labels), *words)


def test_bad_classes(some, seed):
    X, y = some
    refused(make(seed), lambda m: m.partial_fit(X, y), "classes=None")
    refused(
        make(seed),
        lambda m: m.partial_fit(X, y, ["one", "two"]),
        "zero",
        "['one', 'two']",
    )
    fitted = make(seed).fit(X, y)
    refused(fitted, lambda m: m.partial_fit(X, y, ["one", "two"]), "['one', 'two']")
    refused(fitted, lambda m: m.partial_fit(X, np.where(y == "one", "six", y)), "six")
    balanced = make(seed, class_weight="balanced")
    refused(balanced, lambda m: m.partial_fit(X, y, np.unique(y)), "balanced")


@pytest.mark.parametrize("bad, word", [(np.nan, "NaN"), (np.inf, "infinity")])
def test_bad_values(bad, word, some, seed):
    X, y = some
    spoiled = X.copy()
    spoiled[0, 0] = bad
    refused(make(seed), lambda m: m.fit(spoiled, y), word)
    refused(make(seed).fit(X, y), lambda m: m.fit(spoiled, y), word)
    refused(make(seed).fit(X, y), lambda m: m.predict(spoiled), word)


def test_diverging_fit_leaves_a_fitted_model(some, seed):
    X, y = some
    model = make(seed).fit(X, y).set_params(learning_rate=1e308)
    refused(model, lambda m: m.fit(X[:, :7], y), "diverged in epoch")


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"n_samples": 0}, "'n_samples' parameter"),
        ({"n_steps": 1.5}, "Got 1.5"),
        ({"y": "six"}, "six"),
        ({"n_samples": 3, "y": ["one", "two"]}, "n_samples=3"),
    ],
)
def test_bad_sample(settings, words, some, seed):
    refused(make(seed).fit(*some), lambda m: m.sample(**settings), words)


def test_not_fitted(some, seed):
    model = clone(make(seed).fit(*some))
    for call in (model.predict, model.predict_proba, model.predict_log_proba):
        with pytest.raises(NotFittedError, match="RBMClassifier"):
            call(some[0])
    with pytest.raises(NotFittedError, match="RBMClassifier"):
        model.sample()


# What an RBM has


def marginals(model):
    """log p(x) of each x without the label, by enumeration, and the x."""
    oracle = Enumeration.of(model.machine_, names_of(model))
    x = oracle.v[:, : model.n_features_in_]
    states, place = np.unique(x, axis=0, return_inverse=True)
    p = np.bincount(place.ravel(), oracle.p_v)
    return states, np.log(p), oracle


def names_of(model):
    pairs = ("bernoulli", model.n_features_in_), ("softmax", len(model.classes_))
    return pairs, "bernoulli"


def test_features_and_free_energy_by_enumeration(small):
    states, log_p, oracle = marginals(small)
    n_features = small.n_features_in_
    h = oracle.hidden_mean(oracle.v)
    for x, found in zip(states, small.transform(states), strict=True):
        same = (oracle.v[:, :n_features] == x).all(axis=1)
        expected = oracle.p_v[same] @ h[same] / oracle.p_v[same].sum()
        np.testing.assert_allclose(found, expected, rtol=1e-10)
    gaps = log_p + small.free_energy(states)
    np.testing.assert_allclose(gaps, gaps[0], rtol=1e-10)


def test_pseudo_likelihood_by_enumeration(small):
    """Of bits, and the cross-entropy of values between 0 and 1."""
    states, log_p, _ = marginals(small)
    place = {tuple(x): log for x, log in zip(states, log_p, strict=True)}
    expected = np.zeros(len(states))
    for n, x in enumerate(states):
        for i in range(len(x)):
            other = x.copy()
            other[i] = 1 - x[i]
            both = place[tuple(x)], place[tuple(other)]
            expected[n] += both[0] - np.logaddexp(*both)
    np.testing.assert_allclose(small.score_samples(states), expected, rtol=1e-9)


def test_gray_pseudo_likelihood_is_a_cross_entropy(small):
    """Of a single column, whose other values are bits, by the mixture over labels."""
    machine, n_labels = small.machine_, len(small.classes_)
    visible = Concatenated([("bernoulli", 1), ("softmax", 1, n_labels)])
    places = [0, *range(small.n_features_in_, len(machine.weights))]
    one = RestrictedMachine(
        machine.weights[places],
        machine.visible_bias[places],
        machine.hidden_bias,
        visible.start(1 + n_labels),
    )
    oracle = Enumeration.of(
        one, ((("bernoulli", 1), ("softmax", n_labels)), "bernoulli")
    )
    p = oracle.p_v[oracle.v[:, 0] == 1].sum()
    found = _label.pseudo_log_likelihood(one, np.array([[0.3]]), n_labels)
    np.testing.assert_allclose(found, 0.3 * np.log(p) + 0.7 * np.log(1 - p), rtol=1e-9)


def test_incomplete_rows_are_filled_in_by_the_conditional_mean(small, seed):
    states, log_p, _ = marginals(small)
    row = states[5].copy()
    row[0] = np.nan
    same = (states[:, 1:] == row[1:]).all(axis=1)
    p = np.exp(log_p[same])
    expected = p @ states[same, 0] / p.sum()
    rows = np.tile(row, (200, 1))
    found = small.impute(rows, n_samples=200, random_state=seed)
    np.testing.assert_array_equal(found[:, 1:], rows[:, 1:])
    assert found[:, 0].mean() == pytest.approx(expected, abs=0.02)
    drawn = small.conditional_sample(np.tile(row, (4000, 1)), random_state=seed)[:, 0]
    error = 5 * np.sqrt(expected * (1 - expected) / 4000)
    assert abs(drawn.mean() - expected) < error
    scores = small.score_samples(rows[:1])
    assert np.isfinite(scores).all() and (scores < 0).all()
    # Other rows are as exact beside it as they are alone.
    beside = small.score_samples(np.vstack([row, states]))
    np.testing.assert_allclose(beside[1:], small.score_samples(states), rtol=1e-12)
    assert beside[0] == scores[0]


def test_gibbs_keeps_the_distribution(small, rng):
    """Of rows whose labels are summed out; each of them turns on a unit of its own."""
    small.machine_.weights[:N_FEATURES] = rng.normal(0, 2, (N_FEATURES, 3))
    small.machine_.weights[N_FEATURES:] = 8 * np.eye(3) - 4
    states, log_p, _ = marginals(small)
    p, n = np.exp(log_p), 20_000
    rows = states[rng.choice(len(states), n, p=p)]
    moved = small.gibbs(rows)
    assert (moved != rows).any()
    frequencies = np.array([(moved == x).all(axis=1).mean() for x in states])
    assert (np.abs(frequencies - p) < 5 * np.sqrt(p * (1 - p) / n) + 1e-12).all()


def test_trace_and_tempering(small, seed):
    X, y = small.sample(5, n_steps=6, trace=2, random_state=seed)
    assert X.shape == (3, 5, small.n_features_in_) and y.shape == (3, 5)
    last, labels = small.sample(5, n_steps=6, random_state=seed)
    np.testing.assert_array_equal(X[-1], last)
    np.testing.assert_array_equal(y[-1], labels)
    X, y = small.sample(5, y=small.classes_[1], tempering=3, n_steps=4)
    assert (y == small.classes_[1]).all()


@pytest.mark.parametrize("gradient", ["cd", "pcd", "fpcd", "pt", CD(3)])
def test_every_gradient_learns(gradient, digits, seed):
    X, y = digits
    model = make(seed, gradient=gradient, objective="generative", n_iter=20)
    assert model.fit(X, y).score(X, y) > 0.7
    assert type(model.gradient_) is type(gradients.resolve(gradient))


def test_sparsity_reaches_its_target(digits, seed):
    X, y = digits
    model = RBMClassifier(64, sparsity=Sparsity(0.1), n_iter=20, random_state=seed)
    model.fit(X, y)
    assert abs(model.mean_activation_.mean() - 0.1) < 0.03
    np.testing.assert_allclose(model.mean_activation_, model.transform(X).mean(axis=0))
    assert model.score(X, y) > 0.8
