"""The net with labels: its parts, the up-down algorithm, and the classifier."""

import pickle

import numpy as np
import pytest
from _oracle import Enumeration, all_states, sigmoid
from scipy.special import expit
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from skdbn import (
    RBM,
    BernoulliRBM,
    DBNClassifier,
    DBNRegressor,
    DBNTransformer,
    GaussianRBM,
    GenerativeDBNClassifier,
    MixedRBM,
    SparseRBM,
)
from skdbn._data._sources import Batch
from skdbn._estimators._dbn_supervised import Targets
from skdbn._networks._joint import JointNet
from skdbn._networks._up_down import UpDown
from skdbn._samplers import Chains
from skdbn._utils._random import make_rng
from skdbn.exceptions import EstimateWarning
from skdbn.gradients import CD, FPCD, PCD, PT, ScoreMatching
from skdbn.machines import RestrictedMachine
from skdbn.units import Bernoulli, Concatenated

N_LABELS = 3


def labeled(X, targets, weights=None):
    """A batch of rows with targets."""
    return Batch(X, None, weights, targets)


@pytest.fixture
def make_net(rng):
    """Layers of 4 and 3 units, and a top of 5 that sees 3 units and 3 labels."""

    def make(dtype=np.float64):
        def arrays(*shapes):
            return [rng.normal(0, 0.8, shape).astype(dtype) for shape in shapes]

        layer = [
            RestrictedMachine(*arrays((4, 3), 4, 3), Bernoulli(), Bernoulli())
            for _ in range(2)
        ]
        visible = Concatenated([("bernoulli", 3), ("softmax", 1, N_LABELS)])
        top = RestrictedMachine(
            *arrays((6, 5), 6, 5), visible.start(6, dtype=dtype), Bernoulli()
        )
        return JointNet([layer[0]], [layer[1]], top, N_LABELS)

    return make


def one_hot(codes):
    return np.eye(N_LABELS)[codes]


def enumerated(net):
    """The top by sums over states: rows of (h, y), and their log-probabilities."""
    names = (("bernoulli", 3), ("softmax", 3)), "bernoulli"
    return Enumeration.of(net.top, names)


def test_labels_are_exact(make_net, rng):
    net = make_net()
    v = (rng.random((9, 4)) < 0.5).astype(float)
    h = sigmoid(v @ net.up[0].weights + net.up[0].hidden_bias)
    top = enumerated(net)
    logs = np.stack(
        [
            -top.free_energy(np.hstack([h, np.tile(one_hot(k), (9, 1))]))
            for k in range(N_LABELS)
        ],
        axis=1,
    )
    expected = logs - np.log(np.exp(logs).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(net.field(v), expected, rtol=1e-9)


@pytest.mark.parametrize("n", [1, 3])
def test_chains_with_clamped_labels(n, make_net, rng):
    net = make_net()
    top = enumerated(net)
    for label in range(N_LABELS):
        fits = top.v[:, 3 + label] == 1
        p = top.p_v[fits] / top.p_v[fits].sum()
        chains = Chains(net.top, 6000, rng, n, net.clamp(one_hot([label] * 6000)))
        state = chains.advance(40)
        assert (net.label(state) == one_hot(label)).all()
        h = state.visible[:, :3]
        counts = np.array([(h == row).all(axis=1).sum() for row in top.v[fits, :3]])
        # 7 degrees of freedom.
        assert (np.square(counts - 6000 * p) / (6000 * p)).sum() < 30


def test_free_chains_choose_their_labels(make_net, rng):
    net = make_net()
    top = enumerated(net)
    y = net.label(Chains(net.top, 8000, rng).advance(40))
    p = top.p_v @ top.v[:, 3:]
    error = np.sqrt(p * (1 - p) / 8000)
    assert (np.abs(y.mean(axis=0) - p) < 5 * error).all()


def test_the_way_down(make_net, rng):
    net = make_net()
    h = np.repeat(all_states("bernoulli", 3)[0], 2000, axis=0)
    expected = sigmoid(h @ net.down[0].weights.T + net.down[0].visible_bias)
    np.testing.assert_allclose(net.generate(h, rng, means=True), expected, rtol=1e-9)
    draws = net.generate(h, rng).reshape(8, 2000, 4).mean(axis=1)
    np.testing.assert_allclose(draws, expected[::2000], atol=5 * 0.5 / np.sqrt(2000))


def test_means_are_of_the_data_alone(make_net, make_machine, rng):
    """The layer above the first one is drawn: rows are E[v | h] of states h."""
    net = make_net()
    between = make_machine(3, 3)
    net.down.append(between)
    h = (rng.random((200, 3)) < 0.5).astype(float)
    rows = net.generate(h, rng, means=True)
    possible = net.down[0].visible_mean(all_states("bernoulli", 3)[0])
    gaps = np.abs(rows[:, None] - possible).max(axis=2).min(axis=1)
    np.testing.assert_allclose(gaps, 0, atol=1e-12)


def bits_given(fields, states):
    """P(each of these states | each row of fields of independent bits)."""
    p = sigmoid(fields)[:, None]
    return np.prod(np.where(states == 1, p, 1 - p), axis=2)


@pytest.mark.parametrize("label", [None, 0, 2])
def test_unknown_values_follow_their_chain(label, make_net, rng):
    """The stationary distribution of the rounds, from the table of transitions."""
    net = make_net()
    up, down, top = net.up[0], net.down[0], net.top
    # Draws of the units between are far from their means, the top joins them closely to
    # the labels, and the way down follows them closely.
    up.weights *= 0.3
    up.hidden_bias[:] = 0
    top.weights[:] = 8 * np.array(
        [
            [1, -1, 0, 1, -1],
            [1, 0, -1, -1, 0],
            [0, 1, 1, -1, 1],
            [1, -1, -1, 0, 0],
            [-1, 1, -1, 0, 1],
            [-1, -1, 1, 1, 0],
        ]
    )
    top.visible_bias[:] = -top.weights.sum(axis=1) / 2
    top.hidden_bias[:] = -4
    down.weights *= 4
    down.visible_bias[:] = -down.weights.sum(axis=1) / 2
    v, h, g = (all_states("bernoulli", n)[0] for n in (4, 3, 5))
    weights, of_labels = top.weights[:3], top.weights[3:]
    # Columns are labels, and the last axis is over states g of the top.
    logs = top.visible_bias[3:, None] + (of_labels + top.hidden_bias) @ g.T
    joint = np.exp(logs + ((h @ weights) @ g.T)[:, None])
    joint = joint.sum(axis=1) if label is None else joint[:, label]
    over = joint / joint.sum(axis=1, keepdims=True)
    back = bits_given(g @ weights.T + top.visible_bias[:3], h)
    step = bits_given(v @ up.weights + up.hidden_bias, h) @ over @ back
    step = step @ bits_given(h @ down.weights.T + down.visible_bias, v)
    # Columns 2 and 3 are drawn, and the others put back.
    free = (v[:, 0] == 1) & (v[:, 1] == 0)
    fits = (v[free, None, 2:] == v[:, 2:]).all(axis=2)
    p = np.linalg.matrix_power(step[free] @ fits.T, 200)[0]
    n = 8000
    start, known = np.repeat(v[free][:1], n, axis=0), np.arange(4) < 2
    labels = None if label is None else one_hot([label] * n)
    found = net.fill(start, np.tile(known, (n, 1)), rng, 30, None, labels)
    counts = np.array([(found == row).all(axis=1).sum() for row in v[free]])
    # 3 degrees of freedom.
    assert counts.sum() == n and (np.square(counts - n * p) / (n * p)).sum() < 22


@pytest.mark.parametrize(("kind", "n_calls"), [(CD(60), 1), (PCD(), 60), (PT(2), 60)])
def test_awake_and_asleep(make_net, rng, kind, n_calls):
    """The means of the direction over draws, against sums over states."""
    net, n = make_net(), 20_000
    row, label = np.array([1.0, 0, 1, 1]), 2
    X, y = np.tile(row, (n, 1)), one_hot([label] * n)
    gradient = UpDown(kind)
    gradient.start(net, n, rng)
    for _ in range(n_calls):
        direction = gradient(net, labeled(X, y), rng)
    up_w, up_b, down_w, down_b, top_w, top_v, top_h = direction.values()
    up, down, top = net.up[0], net.down[0], enumerated(net)
    tolerance = 5 * 0.5 / np.sqrt(n)

    h = all_states("bernoulli", 3)[0]
    mean = sigmoid(row @ up.weights + up.hidden_bias)
    p = np.prod(np.where(h == 1, mean, 1 - mean), axis=1)
    data = p @ h
    error = row - sigmoid(h @ down.weights.T + down.visible_bias)
    # Inputs are taken about their means, and the biases make up for it.
    of_weights = (error * p[:, None]).T @ (h - data)
    np.testing.assert_allclose(down_w, of_weights, atol=tolerance)
    np.testing.assert_allclose(down_b, p @ error - of_weights @ data, atol=tolerance)

    # The chains at the top have forgotten their start: they follow the model.
    v = np.hstack([h, np.tile(one_hot(label), (8, 1))])
    of_data, of_model = net.top.hidden_mean(v), net.top.hidden_mean(top.v)
    v0, h0 = p @ v, p @ of_data
    of_weights = ((v - v0) * p[:, None]).T @ (of_data - h0)
    of_weights -= ((top.v - v0) * top.p_v[:, None]).T @ (of_model - h0)
    np.testing.assert_allclose(top_w, of_weights, atol=2 * tolerance)
    np.testing.assert_allclose(
        top_v, v0 - top.p_v @ top.v - of_weights @ h0, atol=3 * tolerance
    )
    np.testing.assert_allclose(
        top_h, h0 - top.p_v @ of_model - v0 @ of_weights, atol=3 * tolerance
    )

    p_h = np.array([top.p_v[(top.v[:, :3] == row).all(axis=1)].sum() for row in h])
    below = sigmoid(h @ down.weights.T + down.visible_bias)
    error = h - sigmoid(below @ up.weights + up.hidden_bias)
    of_weights = (below - row).T @ (error * p_h[:, None])
    np.testing.assert_allclose(up_w, of_weights, atol=2 * tolerance)
    np.testing.assert_allclose(up_b, p_h @ error - row @ of_weights, atol=3 * tolerance)


def test_ways_of_several_layers(make_machine, rng):
    """Each layer learns from the one next to it, which here is drawn with certainty."""
    parts = Concatenated([("bernoulli", 2), ("softmax", 1, N_LABELS)]).start(5)
    top = RestrictedMachine(rng.normal(size=(5, 4)), np.zeros(5), np.zeros(4), parts)
    soft, sure = ([make_machine(4, 3), make_machine(3, 2)] for _ in range(2))
    for array in (array for machine in sure for array in machine.params.values()):
        array *= 1000
    x, y = (rng.random((6, 4)) < 0.5).astype(float), one_hot([0, 1, 2] * 2)

    def learn(up, down, row_weights=None):
        gradient = UpDown(CD(2))
        gradient.start(JointNet(up, down, top, N_LABELS), 6, rng)
        batch = labeled(x, y, row_weights)
        found = gradient(JointNet(up, down, top, N_LABELS), batch, rng)
        return found, gradient._means, gradient.gradient.state.visible[:, :2]

    def check(inputs, error, mean, weights, bias):
        step = (inputs - mean).T @ error / 6
        np.testing.assert_allclose(weights, step, atol=1e-12)
        np.testing.assert_allclose(bias, error.mean(axis=0) - mean @ step, atol=1e-12)

    found, means, h2 = learn(soft, sure)
    h1 = (h2 @ sure[1].weights.T + sure[1].visible_bias > 0).astype(float)
    v = expit(h1 @ sure[0].weights.T + sure[0].visible_bias)
    for i, (below, above) in enumerate(((v, h1), (h1, h2))):
        error = above - sigmoid(below @ soft[i].weights + soft[i].hidden_bias)
        mean = means[i][: below.shape[1]]
        check(
            below, error, mean, found[f"up_{i}_weights"], found[f"up_{i}_hidden_bias"]
        )

    h1 = (x @ sure[0].weights + sure[0].hidden_bias > 0).astype(float)
    h2 = (h1 @ sure[1].weights + sure[1].hidden_bias > 0).astype(float)
    for row_weights in (None, np.array([2.0, 0, 1, 1, 0.5, 1.5])):
        found, means, _ = learn(sure, soft, row_weights)
        for i, (below, above) in enumerate(((x, h1), (h1, h2))):
            error = below - sigmoid(above @ soft[i].weights.T + soft[i].visible_bias)
            if row_weights is not None:
                error *= row_weights[:, None]
            mean = means[i + 1][: above.shape[1]]
            steps = found[f"down_{i}_weights"].T, found[f"down_{i}_visible_bias"]
            check(above, error, mean, *steps)


def test_rate_and_decay(make_net, rng, seed):
    net = make_net()
    x = (rng.random((8, 4)) < 0.5).astype(float)
    examples = labeled(x, one_hot([0, 1] * 4))

    def direction(rate, decay=0.0):
        gradient = UpDown(CD(2), decay)
        gradient.start(net, 8, rng)
        found = gradient(net, examples, np.random.default_rng(seed), rate)
        return list(found.values())

    once, half, decayed = direction(1.0), direction(0.5), direction(1.0, 0.1)
    pulls = [one - other for one, other in zip(once, decayed, strict=True)]
    for i, array in enumerate(net.params.values()):
        np.testing.assert_allclose(half[i], once[i] / 2, rtol=1e-10, atol=1e-14)
        if array.ndim == 2:
            np.testing.assert_allclose(pulls[i], 0.1 * array, rtol=1e-10, atol=1e-14)
    # The fields of an average row stay as they are.
    np.testing.assert_allclose(pulls[1], -x.mean(axis=0) @ pulls[0], atol=1e-12)
    awake = net.up[0].hidden_sample(x, np.random.default_rng(seed))
    np.testing.assert_allclose(pulls[3], -pulls[2] @ awake.mean(axis=0), atol=1e-12)


def test_running_means(make_net, rng):
    net, gradient = make_net(), UpDown("pcd")
    batches = [
        labeled((rng.random((8, 4)) < p).astype(float), one_hot(codes))
        for p, codes in ((0.2, [0, 1] * 4), (0.9, [2] * 8), (0.5, [0] * 8))
    ]
    gradient.start(net, 8, rng)
    for batch in batches[:2]:
        gradient(net, batch, rng)
    (x, y), (x2, y2), (x3, y3) = (
        (batch.values.mean(axis=0), batch.targets.mean(axis=0)) for batch in batches
    )
    x, y = x + 0.01 * (x2 - x), y + 0.01 * (y2 - y)
    np.testing.assert_allclose(gradient._means[0], x, rtol=1e-12)
    # The top learns about the means of what it sees.
    np.testing.assert_allclose(gradient._centering.visible[3:], y, rtol=1e-12)
    gradient.stop()
    later = UpDown("pcd")
    later.resume(gradient)
    assert later.gradient.chains_ is gradient.gradient.chains_
    later.start(net, 8, rng)
    later(net, batches[2], rng)
    np.testing.assert_allclose(later._means[0], x + 0.01 * (x3 - x), rtol=1e-12)
    found = later._centering.visible[3:]
    np.testing.assert_allclose(found, y + 0.01 * (y3 - y), rtol=1e-12)


def test_few_rows_make_enough_chains(make_net, rng):
    net, gradient = make_net(), UpDown("pcd")
    x = (rng.random((3, 4)) < 0.5).astype(float)
    gradient.start(net, 3, rng)
    gradient(net, labeled(x, one_hot([0, 1, 2])), rng)
    assert len(gradient.gradient.state.visible) == 50
    gradient(net, labeled(x[:2], one_hot([0, 1])), rng)
    gradient.stop()
    assert len(gradient.gradient.chains_.visible) == 50


def test_chains_begin_at_rows(make_machine, rng, seed):
    """As often each as it goes, with hidden units drawn from them."""
    machine, gradient = make_machine(), PCD(n_chains=7)
    machine.weights *= 1000
    rows = np.eye(4)[[0, 2, 3]] + np.eye(4)[[1, 3, 0]]
    gradient._begin_at(machine, rows, make_rng(seed))
    repeated = rows[np.arange(7) % 3]
    np.testing.assert_array_equal(gradient.chains_.visible, repeated)
    fields = repeated @ machine.weights + machine.hidden_bias
    np.testing.assert_array_equal(gradient.chains_.hidden, fields > 0)


def test_copies_and_precision(make_net, rng):
    net = make_net(np.float32)
    other = net.copy()
    for array in other.params.values():
        array += 1
    v = np.ones((2, 4), np.float32)
    assert net.field(v).dtype == np.float32
    assert np.abs(net.field(v) - other.field(v)).max() > 0.01
    gradient = UpDown("cd")
    gradient.start(net, 2, rng)
    examples = labeled(v, one_hot([0, 1]).astype(np.float32))
    assert {a.dtype for a in gradient(net, examples, rng).values()} == {
        np.dtype(np.float32)
    }


# The classifier


@pytest.fixture
def X(rng):
    two = (rng.random((120, 2)) < 0.5)[:, [0, 0, 0, 1, 1, 1]]
    return (two ^ (rng.random((120, 6)) < 0.05)).astype(float)


@pytest.fixture
def y(X):
    majority = (X[:, :3].sum(axis=1) > 1).astype(int)
    return np.array(["a", "b", "c"])[majority + (X[:, 3:].sum(axis=1) > 1)]


def make(seed=0, **settings):
    common = dict(layers=(8, 12), n_iter=20, max_iter=30, random_state=seed)
    return GenerativeDBNClassifier(**common | settings)


def test_classifies_and_draws_rows_of_a_class(X, y, seed):
    dbn = make(seed, learning_rate_init=0.02, n_iter=100).fit(X, y)
    assert dbn.score(X, y) > 0.9
    assert dbn.predict_proba(X).sum(axis=1) == pytest.approx(1)
    assert set(dbn.history_[0]) == {"reconstruction_error", "learning_rate", "seconds"}
    for label in "abc":
        rows, labels = dbn.sample(60, y=label, n_steps=100, random_state=seed)
        assert (labels == label).all() and np.isin(rows, (0, 1)).all()
        # A third of them would be so by chance.
        assert (dbn.predict(rows) == label).mean() > 0.5
    wanted = np.array(["c", "a"] * 5)
    rows, labels = dbn.sample(10, y=wanted, means=True)
    assert (labels == wanted).all() and ((rows > 0) & (rows < 1)).all()
    assert (dbn.sample(300, n_steps=50)[1] == "b").mean() == pytest.approx(0.5, abs=0.3)


@pytest.mark.filterwarnings("ignore::skdbn.exceptions.DataRangeWarning")
def test_scale_of_real_values_changes_nothing(rng, seed):
    scale, y = np.array([0.5, 1.0, 2.0]), rng.permutation(np.arange(60) % 3)
    X = rng.normal(size=(60, 3)) + y[:, None]
    dbn = make(seed, rbm=GaussianRBM(learning_rate=0.1), weight_decay=0.01)
    one, other = (clone(dbn).fit(rows, y) for rows in (X, X * scale))
    p = one.predict_proba(X)
    np.testing.assert_allclose(p, other.predict_proba(X * scale), atol=1e-9)
    assert p.std(axis=0).max() > 0.02
    h = (rng.random((20, 8)) < 0.5).astype(float)
    down, scaled = (net.network_.down[0].visible_mean(h) for net in (one, other))
    np.testing.assert_allclose(down * scale, scaled, rtol=0, atol=1e-9)
    assert down.std(axis=0).min() > 0.02


@pytest.mark.filterwarnings("ignore::skdbn.exceptions.DataRangeWarning")
def test_first_rate_counts_deviations_of_real_values(rng, seed):
    """The variances of 900 columns sum to 900 in any unit, and more than 512 slow down."""
    y = np.arange(60) % 3
    X = rng.normal(size=(60, 900))
    for scale in (1, 100):
        dbn = make(seed, n_iter=0, max_iter=1, rbm=GaussianRBM()).fit(X * scale, y)
        rate = dbn.history_[0]["learning_rate"]
        assert rate == pytest.approx(0.05 * 512 / 900, rel=0.02)


def test_ways_come_apart(X, y, seed):
    dbn = make(seed).fit(X, y)
    up, down = dbn.network_.up[0], dbn.network_.down[0]
    assert (up.weights != down.weights).any()
    assert (dbn.rbms_[0].machine_.weights != up.weights).any()
    greedy = make(seed, max_iter=0).fit(X, y)
    np.testing.assert_array_equal(
        greedy.network_.up[0].weights, greedy.rbms_[0].machine_.weights
    )
    np.testing.assert_array_equal(greedy.top_.components_, dbn.top_.components_)
    assert (greedy.top_.machine_.weights == greedy.network_.top.weights).all()


def test_two_classes(X, y, seed):
    dbn = make(seed).fit(X, y == "a")
    odds = dbn.decision_function(X)
    assert odds.shape == (120,)
    np.testing.assert_allclose(dbn.predict_proba(X)[:, 1], sigmoid(odds), rtol=1e-9)
    # By the energies of the top with each label.
    net = dbn.network_
    h = sigmoid(X @ net.up[0].weights + net.up[0].hidden_bias)
    no, yes = (
        -net.top.free_energy(np.hstack([h, np.tile(label, (120, 1))]))
        for label in np.eye(2)
    )
    np.testing.assert_allclose(odds, yes - no, atol=1e-9)
    np.testing.assert_array_equal(dbn.predict(X), yes > no)


def test_the_seed_is_that_of_the_top_as_well(X, y, seed):
    nets = [make(s, n_iter=1, max_iter=0).fit(X, y) for s in (seed, seed, seed + 1)]
    one, same, other = (net.top_ for net in nets)
    # Layers with the same seed would draw the same numbers.
    assert one.random_state != nets[0].rbms_[-1].random_state
    np.testing.assert_array_equal(one.components_, same.components_)
    assert (one.components_ != other.components_).any()
    # Also above the same layers.
    below = FrozenEstimator(nets[0].transformer_)
    settings = dict(pretrained=below, layers=(12,), n_iter=1, max_iter=0)
    tops = [make(s, **settings).fit(X, y).top_.components_ for s in (seed, seed + 1)]
    assert (tops[0] != tops[1]).any()


@pytest.mark.parametrize("held_out", [False, True])
def test_early_stopping(held_out, X, y, seed):
    settings = dict(n_iter=1, max_iter=6, tol=1e9)
    dbn = make(seed, early_stopping=held_out, n_iter_no_change=1, **settings)
    assert dbn.fit(X, y).n_iter_ == (2 if held_out else 6)


def test_chains_that_persist(X, y, seed):
    settings = dict(gradient="pcd", momentum=0.0, learning_rate_init=0.2)
    dbn = make(seed, n_iter=100, **settings).fit(X, y)
    assert dbn.score(X, y) > 0.9
    labels = np.repeat(["a", "b", "c"], 60)
    rows, _ = dbn.sample(180, y=labels, n_steps=100, random_state=seed)
    assert (dbn.predict(rows) == labels).mean() > 0.6
    # Two epochs on chains of their own differ from two that start from the rows.
    fits = [make(seed, max_iter=2, gradient=kind).fit(X, y) for kind in ("cd", "pcd")]
    assert (fits[0].network_.top.weights != fits[1].network_.top.weights).any()


def test_films_and_temperatures(X, y, seed):
    dbn = make(seed, n_iter=2, max_iter=2).fit(X, y)
    rows, labels = dbn.sample(5, y="b", n_steps=12, trace=3, random_state=seed)
    assert rows.shape == (4, 5, 6) and labels.shape == (4, 5) and (labels == "b").all()
    last, _ = dbn.sample(5, y="b", n_steps=12, random_state=seed)
    assert rows[0].tolist() != rows[1].tolist() and last.shape == (5, 6)
    rows, labels = dbn.sample(4, n_steps=6, tempering=3, means=True)
    assert ((rows > 0) & (rows < 1)).all() and np.isin(labels, list("abc")).all()
    with pytest.raises(ValueError, match="trace=7 is above n_steps=6"):
        dbn.sample(n_steps=6, trace=7)


def test_unknown_values(X, y, seed):
    """The columns of a class are filled in where the class is all that is known."""
    dbn = make(seed, learning_rate_init=0.02, n_iter=100).fit(X, y)
    unknown = np.zeros(X.shape, bool)
    unknown[:, [1, 2, 4]] = True
    holes = np.where(unknown, np.nan, X)
    filled = dbn.impute(holes, n_samples=20, n_steps=20, random_state=seed)
    np.testing.assert_array_equal(filled[~unknown], X[~unknown])
    assert ((filled > 0.5) == X)[unknown].mean() > 0.8
    drawn = dbn.conditional_sample(X, unknown, y=y, n_steps=20, random_state=seed)
    assert np.isin(drawn, (0, 1)).all() and (drawn == X)[unknown].mean() > 0.7
    alone = dbn.conditional_sample(
        X[:1], unknown[:1], y=y[0], n_steps=20, random_state=seed
    )
    np.testing.assert_array_equal(alone, drawn[:1])
    nothing = np.full((60, 6), np.nan)
    with pytest.warns(EstimateWarning, match="Nothing is known of 60 rows"):
        rows = dbn.impute(nothing, y="c", n_samples=1, random_state=seed)
    assert (dbn.predict(rows) == "c").mean() > 0.5
    with pytest.raises(ValueError, match="not among the classes"):
        dbn.impute(holes, y="z")
    with pytest.raises(ValueError, match="NaN"):
        dbn.predict(holes)


def test_few_labels(X, y, seed):
    few = np.where(np.arange(120) < 60, y, "?")
    dbn = make(seed, unlabeled="?").fit(X, few)
    assert dbn.classes_.tolist() == ["a", "b", "c"]
    assert dbn.score(X, few) == dbn.score(X[:60], y[:60])


def test_layers_of_their_own(X, y, rng, seed):
    first, top = BernoulliRBM(5, learning_rate=0.3), BernoulliRBM(7, n_iter=3)
    dbn = make(seed, layers=(first, 4, top), n_iter=None).fit(X, y)
    assert [rbm.n_components for rbm in dbn.rbms_] == [5, 4]
    assert dbn.top_.n_components == 7 and dbn.top_.n_iter_ == 3
    given = DBNTransformer((5,), n_iter=2, random_state=seed).fit(X)
    dbn = make(seed, pretrained=FrozenEstimator(given), layers=(9,)).fit(X, y)
    assert dbn.transformer_ is given and dbn.top_.n_components == 9
    real = make(seed, layers=(GaussianRBM(6), 8)).fit(rng.normal(size=(120, 3)), y)
    assert real.sample(4, y="a", n_steps=3)[0].shape == (4, 3)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_back_propagation_starts_from_a_net_with_labels(X, y, seed, n_classes):
    y = y if n_classes == 3 else y == "a"
    given = make(seed).fit(X, y)
    settings = dict(pretrained=given, random_state=seed)
    dbn = DBNClassifier(max_iter=0, **settings).fit(X, y)
    net, n_labels = given.network_, n_classes
    h = sigmoid(X @ net.up[0].weights + net.up[0].hidden_bias)
    weights, of_labels = net.top.weights[:-n_labels], net.top.weights[-n_labels:]
    h = sigmoid(h @ weights + net.top.hidden_bias + of_labels.mean(axis=0))
    fields = h @ of_labels.T + net.top.visible_bias[-n_labels:]
    p = np.exp(fields) / np.exp(fields).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(dbn.predict_proba(X), p, rtol=1e-9)
    assert dbn.transformer_ is given.transformer_
    before = net.top.weights.copy()
    tuned = DBNClassifier(solver="sgd", max_iter=30, **settings).fit(X, y)
    assert tuned.history_[-1]["loss"] < tuned.history_[0]["loss"]
    np.testing.assert_array_equal(net.top.weights, before)
    assert tuned.partial_fit(X, y).to_mlp().predict(X).shape == y.shape


def test_up_down_goes_on_with_a_net_with_labels(X, y, seed):
    given = make(seed, max_iter=2).fit(X, y)
    frozen = make(seed, pretrained=FrozenEstimator(given), layers=(4,), max_iter=0)
    same = clone(frozen).fit(X, y)
    assert same.top_ is given.top_
    np.testing.assert_array_equal(same.predict_proba(X), given.predict_proba(X))
    longer = frozen.set_params(max_iter=2, gradient="pcd").fit(X, y)
    assert (longer.network_.top.weights != given.network_.top.weights).any()
    assert (same.network_.top.weights == given.network_.top.weights).all()


def test_nets_with_labels_that_do_not_fit(X, y, seed):
    given = make(seed, n_iter=1, max_iter=1).fit(X, y)
    backprop = DBNClassifier((4,), n_iter=1, max_iter=1, random_state=seed).fit(X, y)
    several = np.eye(3, dtype=int)[np.unique(y, return_inverse=True)[1]]
    for pretrained, labels, message in (
        (given, y == "a", r"classes \[False  True\], but pretrained was fitted to"),
        (given, several, r"pretrained was fitted to \['a' 'b' 'c'\], one a row"),
        (make(), y, "not fitted. Where estimators are cloned"),
    ):
        with pytest.raises(ValueError, match=message):
            DBNClassifier(pretrained=pretrained).fit(X, labels)
    for net in (DBNClassifier(pretrained=backprop), make(seed, pretrained=backprop)):
        with pytest.raises(TypeError, match=r"holds no .* or GenerativeDBNClassifier"):
            net.fit(X, y)
    with pytest.raises(ValueError, match="but pretrained was fitted to"):
        make(seed, pretrained=given).fit(X, y == "a")
    with pytest.raises(TypeError, match="holds no DBNTransformer: "):
        DBNRegressor(pretrained=FrozenEstimator(given)).fit(X, X[:, 0])


def test_partial_fit_and_pickles(X, y, seed):
    dbn = make(seed).partial_fit(X, y, classes=["a", "b", "c"])
    before = dbn.network_.up[0].weights.copy()
    copied = pickle.loads(pickle.dumps(dbn.partial_fit(X, y)))
    assert (dbn.network_.up[0].weights != before).any()
    np.testing.assert_array_equal(copied.predict(X), dbn.predict(X))


def test_gradients_go_on_in_partial_fit(X, y, seed):
    dbn = make(seed, n_iter=1, max_iter=2, gradient=FPCD(n_chains=60)).fit(X, y)
    first = dbn._session.direction.gradient
    assert not hasattr(first, "_fast")
    dbn.set_params(gradient__n_steps=2).partial_fit(X, y).partial_fit(X, y)
    gradient = dbn._session.direction.gradient
    assert gradient.n_steps == 2 and len(gradient.chains_.visible) == 60
    assert hasattr(gradient, "_fast") and dbn.gradient.n_steps == 2
    dbn.set_params(gradient=PT(3)).partial_fit(X, y)
    assert len(dbn._session.direction.gradient._tempered.betas) == 3
    tempered = make(seed, n_iter=1, max_iter=2, gradient=PT(3)).fit(X, y)
    assert 0 < tempered.history_[-1]["swap_acceptance"] < 1


def test_number_of_epochs_is_that_of_the_top_as_well(X, y, seed):
    below = DBNTransformer((3,), n_iter=1, random_state=seed).fit(X)
    for settings in (
        {"layers": (4, 5)},
        {"layers": (4, BernoulliRBM(5, n_iter=9))},
        {"layers": (5,), "pretrained": below},
    ):
        dbn = make(seed, n_iter=2, max_iter=0, **settings).fit(X, y)
        assert dbn.top_.n_iter_ == 2


def test_the_top_learns_from_no_row_that_is_held_out(X, y, seed, monkeypatch):
    rows = np.arange(0, 120, 2)
    monkeypatch.setattr(Targets, "split", lambda *args: (rows.copy(), rows + 1))
    settings = {"early_stopping": True, "n_iter": 2, "max_iter": 2}
    tops = []
    for changed in (rows[:0], rows + 1, rows):
        labels = y.copy()
        labels[changed] = y[changed][::-1]
        tops.append(make(seed, **settings).fit(X, labels).top_.components_)
    np.testing.assert_array_equal(tops[0], tops[1])
    assert (tops[0] != tops[2]).any()
    # Nor from their columns and weights, of which layers that are given learn nothing.
    settings |= {"pretrained": DBNTransformer((8,), n_iter=2).fit(X), "layers": (12,)}
    tops = []
    for changed in (rows[:0], rows + 1, rows):
        table = X.copy()
        table[changed] = X[changed][::-1]
        tops.append(make(seed, **settings).fit(table, y).top_.components_)
    np.testing.assert_array_equal(tops[0], tops[1])
    assert (tops[0] != tops[2]).any()
    tops = []
    for changed in (rows[:0], rows + 1, rows):
        weights = np.linspace(1, 3, 120)
        weights[changed] = weights[changed][::-1]
        dbn = make(seed, **settings).fit(X, y, sample_weight=weights)
        tops.append(dbn.top_.components_)
    np.testing.assert_array_equal(tops[0], tops[1])
    assert (tops[0] != tops[2]).any()


@pytest.mark.parametrize(
    "layers, error, message",
    [
        ((RBM(4, hidden="spin"), 5), TypeError, "hidden units of type Spin"),
        ((4, GaussianRBM(5)), TypeError, "has no variance: take an RBM"),
        ((4, SparseRBM(5)), TypeError, "has no cost, penalized, penalty, target"),
        ((4, RBM(5, visible="spin")), ValueError, "Layer 1 has visible units of type"),
    ],
)
def test_layers_that_do_not_fit(layers, error, message, X, y):
    with pytest.raises(error, match=message):
        make(layers=layers, n_iter=1).fit(X, y)
    if layers[1] == 5:
        given = DBNTransformer(layers[:1], n_iter=1).fit(X)
        with pytest.raises(error, match=message):
            make(layers=(5,), pretrained=given).fit(X, y)


def test_a_top_by_number_above_layers_of_other_classes(X, y):
    for below in (SparseRBM(4), MixedRBM(4), RBM(4, gradient=CD(2))):
        dbn = make(layers=(below, 5), n_iter=1, max_iter=1).fit(X, y)
        assert dbn.top_.n_components == 5
    assert dbn.top_.gradient.n_steps == 2


def test_bad_input(X, y, seed):
    layers = DBNTransformer((3,), n_iter=0).fit(X)
    for settings, message in (
        ({"layers": (5,)}, "take at least 2"),
        ({"layers": (), "pretrained": layers}, "take at least 1"),
        ({"gradient": CD(n_steps=0)}, "'n_steps' parameter of CD"),
        ({"gradient": PCD(n_chains=-1)}, "'n_chains' parameter of PCD"),
        ({"gradient": "score-matching"}, "'gradient' parameter"),
    ):
        with pytest.raises(ValueError, match=message):
            make(seed, **settings).fit(X, y)
    with pytest.raises(TypeError, match=r"ScoreMatching.* has no chains"):
        make(seed, gradient=ScoreMatching()).fit(X, y)
    dbn = make(seed, n_iter=1, max_iter=1).fit(X, y)
    with pytest.raises(ValueError, match=r"2 labels a row, and .* takes one"):
        dbn.fit(X, X[:, :2].astype(int))
    for labels, message in (
        ("z", r"labels \['z'\] that are not among"),
        (["a", "b"], "n_samples=3: take one label"),
    ):
        with pytest.raises(ValueError, match=message):
            dbn.sample(3, y=labels)
