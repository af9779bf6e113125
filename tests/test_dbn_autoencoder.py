"""Deep autoencoders: gradients, the unrolled stack, PCA beside them, what they refuse."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.special import expit, gammaln, log_softmax, logit
from scipy.stats import norm
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator

from skdbn import (
    RBM,
    BernoulliRBM,
    DBNAutoencoder,
    DBNTransformer,
    GaussianRBM,
    MixedRBM,
)
from skdbn._data._sources import Batch, ReconstructedSource
from skdbn._estimators._dbn_supervised import Rows
from skdbn._networks._autoencoder import Autoencoder
from skdbn._networks._backprop import BackPropagation
from skdbn.exceptions import DataRangeWarning
from skdbn.machines import RestrictedMachine
from skdbn.units import (
    Bernoulli,
    Concatenated,
    Gaussian,
    Poisson,
    Rectified,
    Softmax,
)

FAST = {"layers": (6,), "n_iter": 5, "max_iter": 6}


def make(seed=0, **settings):
    return DBNAutoencoder(**FAST | {"random_state": seed} | settings)


@pytest.fixture
def X(rng):
    """Bits of which the columns are noisy copies of two causes."""
    causes = rng.random((80, 2)) < 0.5
    return (causes[:, [0, 0, 0, 1, 1, 1]] ^ (rng.random((80, 6)) < 0.1)).astype(float)


@pytest.fixture
def real(rng):
    """Correlated columns of very different units."""
    mixing = rng.normal(size=(2, 5))
    rows = rng.normal(size=(90, 2)) @ mixing + 0.3 * rng.normal(size=(90, 5))
    return rows * [1, 2, 0.5, 3, 1] + [0, 5, -1, 0, 2]


@pytest.fixture
def table(rng):
    sick = rng.random(70) < 0.5
    columns = {
        "age": 40 + 10 * sick + rng.normal(0, 3, 70),
        "color": np.where(sick, "red", rng.choice(["blue", "green"], 70)),
        "sick": sick.astype(int),
    }
    return pd.DataFrame(columns, index=np.arange(70) + 1000)


def squared_error(net, X):
    return np.square(X - net.reconstruct(X)).mean()


# The loss and its gradient


def in_bits(x, field):
    p = expit(field)
    return -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=1)


def in_categories(x, field):
    return -(x * log_softmax(field, axis=1)).sum(axis=1)


def in_squares(x, field):
    return (np.square(x - field) / 2 + np.log(2 * np.pi) / 2).sum(axis=1)


def in_counts(x, field):
    return (np.exp(field) - x * field + gammaln(x + 1)).sum(axis=1)


def in_all(x, field):
    parts = [
        (in_bits, slice(2)),
        (in_categories, slice(2, 5)),
        (in_squares, slice(5, 7)),
    ]
    return sum(loss(x[:, own], field[:, own]) for loss, own in parts)


MIXED = [("bernoulli", 2), ("softmax", 1, 3), ("gaussian", 2)]
VISIBLE = {
    "bernoulli": (Bernoulli(), 4, in_bits),
    "softmax": (Softmax(3), 3, in_categories),
    "gaussian": (Gaussian(), 2, in_squares),
    "poisson": (Poisson(), 3, in_counts),
    "mixed": (Concatenated(MIXED), 7, in_all),
}


def rows_of(kind, rng):
    """Rows that the units may have, and which of the columns are real numbers."""
    bits = (rng.random((8, 4)) < 0.5).astype(float)
    category = np.eye(3)[rng.integers(3, size=8)]
    numbers = rng.normal([10, -3], [5, 0.2], (8, 2))
    parts = {"bernoulli": [bits], "softmax": [category], "gaussian": [numbers]}
    parts["poisson"] = [rng.poisson(2.0, (8, 3)).astype(float)]
    parts["mixed"] = [bits[:, :2], category, numbers]
    rows = np.hstack(parts[kind])
    is_real = np.zeros(rows.shape[1], bool)
    is_real[rows.shape[1] - 2 :] = kind in ("gaussian", "mixed")
    return rows, is_real


CODES = {
    "gaussian": (Gaussian(1.0), lambda x: x),
    "bernoulli": (Bernoulli(), expit),
    "rectified": (Rectified(), lambda x: x + norm.pdf(x) / norm.cdf(x)),
}


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(
    "kind, code",
    [*((kind, "gaussian") for kind in VISIBLE), *(("bernoulli", c) for c in CODES)],
)
def test_gradient(kind, code, tied, rng):
    visible, width, loss_of = VISIBLE[kind]
    rows, is_real = rows_of(kind, rng)
    mean, variance = rows.mean(axis=0), rows.var(axis=0) + 0.1
    visible = visible.start(width, (8, mean, variance))
    sizes = [
        (width, 5, visible, Bernoulli()),
        (5, 2, Bernoulli(), CODES[code][0].start(2)),
    ]
    machines = [
        RestrictedMachine(
            rng.normal(0, 0.5, (n, m)), rng.normal(size=n), rng.normal(size=m), v, h
        )
        for n, m, v, h in sizes
    ]
    machines[0].center = mean
    network = Autoencoder.unrolled(machines)
    if tied:
        network.tie(rows)
    shift = np.where(is_real, mean, 0)
    scale = np.where(is_real, np.sqrt(variance), 1)
    inputs = (rows - (mean if is_real.any() else 0)) / scale
    weights, link = rng.random(8), CODES[code][1]

    def loss():
        W, b = network.weights[: 2 if tied else 4], network.biases
        if tied:
            W = [*W, W[1].T, W[0].T]
        code = link(expit(inputs @ W[0] + b[0]) @ W[1] + b[1])
        field = expit(code @ W[2] + b[2]) @ W[3] + b[3]
        penalty = 0.3 * sum(np.square(W[i]).sum() for i in range(2 if tied else 4)) / 16
        return (weights * loss_of((rows - shift) / scale, field)).mean() + penalty

    source = ReconstructedSource(rows, network.targets, weights=weights)
    batch = source.batch(np.arange(8))
    back = BackPropagation(decay=0.3)
    back.start(network, 8, rng)
    for _ in range(2):
        found, downhill = back.descent(network, batch, rng)
    assert found == pytest.approx(loss())
    assert len(network.params) == (6 if tied else 8)
    assert downhill.keys() == network.params.keys()
    for name, array in network.params.items():
        numeric = np.empty_like(array)
        for place in np.ndindex(*array.shape):
            array[place] += 1e-5
            above = loss()
            array[place] -= 2e-5
            numeric[place] = (above - loss()) / 2e-5
            array[place] += 1e-5
        np.testing.assert_allclose(-downhill[name], numeric, rtol=1e-5, atol=1e-7)


def test_a_dropped_input_stays_in_the_target(X, seed):
    network = make(seed).fit(X).network_
    source = ReconstructedSource(X, network.targets)
    batch = source.batch(np.arange(80))
    assert isinstance(batch, Batch)
    back = BackPropagation(input_dropout=0.5)
    back.start(network, 80, None)
    back.descent(network, batch, np.random.default_rng(seed))
    np.testing.assert_array_equal(batch.targets, X)


def test_noise_is_in_the_inputs_alone(real, seed):
    """In units of a column's deviation, and of mean 0."""
    rng = np.random.default_rng(seed)
    network = make(seed, input_noise=0.3).fit(real).network_
    rows = np.repeat(real[:1], 4000, axis=0)
    back = BackPropagation(input_noise=0.3)
    back.start(network, 4000, rng)
    noise = back._forward(network, rows, 4000, rng)[0][0] - network.standardized(rows)
    error = 4 / np.sqrt(4000)
    np.testing.assert_allclose(noise.mean(axis=0), 0, atol=0.3 * error)
    np.testing.assert_allclose(noise.std(axis=0), 0.3, rtol=error)
    np.testing.assert_array_equal(rows, np.repeat(real[:1], 4000, axis=0))


def test_a_net_that_learned_from_noise_removes_it(rng, seed):
    """Of copies of two causes the noise of each column is its own."""
    causes = rng.normal(size=(400, 2))
    rows = causes[:, [0, 0, 0, 0, 1, 1, 1, 1]]
    noisy = rows + 0.5 * rng.normal(size=rows.shape)
    net = make(seed, n_components=4, input_noise=0.5, max_iter=30).fit(rows)
    error = np.square(net.reconstruct(noisy) - rows).mean()
    assert error < 0.7 * np.square(noisy - rows).mean()


# The unrolled stack


def up_and_down(net, X, link, spread):
    """The means of a stack's layers up to the code, and down again."""
    *below, top = net.rbms_
    for rbm in below:
        X = expit(X @ rbm.components_.T + rbm.intercept_hidden_)
    code = X @ top.components_.T + top.intercept_hidden_
    X = code
    for rbm in [top, *below[:0:-1]]:
        X = expit(X @ rbm.components_ + rbm.intercept_visible_)
    first = net.rbms_[0]
    return code, link((X @ first.components_ + first.intercept_visible_) @ spread)


@pytest.mark.parametrize("layers", [(6,), (6, 4)])
def test_bits_of_the_unrolled_stack(layers, X, seed):
    net = make(seed, layers=layers, max_iter=0).fit(X)
    code, rows = up_and_down(net, X, expit, np.eye(6))
    np.testing.assert_allclose(net.transform(X), code, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(net.reconstruct(X), rows, rtol=1e-9)
    scores = -in_bits(X, np.log(rows / (1 - rows)))
    np.testing.assert_allclose(net.score_samples(X), scores, rtol=1e-7)
    assert net.score(X) == pytest.approx(scores.mean())


@pytest.mark.filterwarnings("ignore::skdbn.exceptions.DataRangeWarning")
@pytest.mark.parametrize("variance", ["column", "shared", "full", 2.0])
def test_numbers_of_the_unrolled_stack(variance, real, seed):
    first = GaussianRBM(6, n_iter=2, variance=variance)
    net = make(seed, layers=(first, 4), max_iter=0).fit(real)
    code, rows = up_and_down(net, real, lambda x: x, net.rbms_[0].covariance_)
    np.testing.assert_allclose(net.transform(real), code, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(net.reconstruct(real), rows, rtol=1e-7, atol=1e-9)
    of_data = {"shared": real.var(axis=0).mean(), 2.0: 2.0}
    unit = np.sqrt(of_data.get(variance, real.var(axis=0)))
    scores = -in_squares(real / unit, rows / unit)
    np.testing.assert_allclose(net.score_samples(real), scores, rtol=1e-7)


def test_counts_of_the_unrolled_stack(rng, seed):
    counts = rng.poisson(np.exp(rng.normal([0, 1, 0.5], 1, (60, 3)))).astype(float)
    net = make(seed, layers=(RBM(5, visible="poisson", n_iter=2),), max_iter=0)
    _, rates = up_and_down(net.fit(counts), counts, np.exp, np.eye(3))
    np.testing.assert_allclose(net.reconstruct(counts), rates, rtol=1e-9)
    scores = counts * np.log(rates) - rates - gammaln(counts + 1)
    np.testing.assert_allclose(net.score_samples(counts), scores.sum(axis=1))


@pytest.mark.parametrize("hidden", ["gaussian", "spin"])
def test_other_hidden_units_of_the_unrolled_stack(hidden, real, seed):
    """The way down is that of the stack, whatever the units."""
    rbm = RBM(visible="gaussian", hidden=hidden, n_iter=2)
    rows = (real - real.mean(axis=0)) / real.std(axis=0)
    net = make(seed, rbm=rbm, max_iter=0).fit(rows)
    expected = net.transformer_.reconstruct(rows)
    np.testing.assert_allclose(net.reconstruct(rows), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.filterwarnings("ignore::skdbn.exceptions.DataRangeWarning")
def test_a_table(table, seed):
    net = make(seed, layers=(MixedRBM(8),), max_iter=40).fit(table)
    rows = net.reconstruct(table)
    assert list(rows.columns) == list(table.columns)
    np.testing.assert_array_equal(rows.index, table.index)
    assert set(rows["color"]) <= set(table["color"])
    assert np.mean((rows["color"] == "red") == (table["color"] == "red")) > 0.8
    assert np.square(rows["age"] - table["age"]).mean() < 0.8 * table["age"].var()
    assert net.history_[-1]["loss"] < net.history_[0]["loss"]
    assert -net.score(table) == pytest.approx(net.history_[-1]["loss"], rel=0.1)
    assert net.inverse_transform(net.transform(table)).equals(
        rows.reset_index(drop=True)
    )


# How good it is


def test_a_linear_net_is_as_good_as_pca(rng, seed):
    rows = rng.normal(size=(150, 3)) @ rng.normal(size=(3, 8))
    rows += 0.5 * rng.normal(size=rows.shape)
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    layer = RBM(5, visible="gaussian", hidden="gaussian", n_iter=5)
    net = make(seed, layers=(layer,), n_iter=5, solver="lbfgs", max_iter=40).fit(rows)
    pca = PCA(2).fit(rows)
    best = np.square(rows - pca.inverse_transform(pca.transform(rows))).mean()
    assert best * 0.9999 <= squared_error(net, rows) <= 1.03 * best


@pytest.mark.parametrize("n_components, max_iter", [(2, 15), (10, 20)])
def test_digits_better_than_pca(n_components, max_iter, seed):
    rows = load_digits().data[:400] / 16
    settings = {"n_iter": 5, "max_iter": max_iter, "random_state": seed}
    net = DBNAutoencoder((64,), n_components, **settings).fit(rows)
    pca = PCA(n_components).fit(rows)
    linear = np.square(rows - pca.inverse_transform(pca.transform(rows))).mean()
    assert squared_error(net, rows) < 0.9 * linear


def test_layers_that_have_learned_little_come_to_life(X, seed):
    """A row is not lost on its way through several narrow layers of small weights."""
    for n_iter in (0, 1):
        net = make(seed, layers=(6, 5, 4), n_iter=n_iter, max_iter=40).fit(X)
        assert squared_error(net, X) < 0.8 * X.var()


def test_mean_fields_stay_where_weights_are_lengthened(X, seed):
    layers = [RBM(n, n_iter=0, random_state=seed) for n in (5, 4)]
    net = make(seed, layers=layers, n_iter=None, max_iter=0).fit(X)
    network, own = net.network_, net.network_.copy()
    own.lengthen(X)
    for i in range(2):
        fields = [
            list(net._inputs(X))[i] @ net.weights[i] + net.biases[i]
            for net in (network, own)
        ]
        spread = np.sqrt(fields[1].var(axis=0).mean())
        assert spread == pytest.approx(0.5)
        if not i:
            means = [field.mean(axis=0) for field in fields]
            np.testing.assert_allclose(*means, atol=1e-12)
    again = own.copy()
    again.lengthen(X)
    np.testing.assert_allclose(again.weights[1], own.weights[1], rtol=1e-9)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("solver", ["adam", "sgd", "cg", "lbfgs"])
def test_solvers(solver, tied, X, seed):
    net = make(seed, solver=solver, tied=tied, max_iter=10).fit(X)
    unrolled = make(seed, max_iter=0).fit(X)
    assert net.score(X) > unrolled.score(X)


def assert_tied(net):
    weights = net.network_.weights
    for up, down in zip(weights, weights[::-1], strict=True):
        np.testing.assert_array_equal(up, down.T)


@pytest.mark.filterwarnings("ignore::skdbn.exceptions.DataRangeWarning")
def test_tied_weights_stay_so(real, seed):
    net = make(seed, layers=(6, 4), tied=True, max_iter=3).fit(real)
    assert_tied(net)
    before = net.score(real)
    copies = [pickle.loads(pickle.dumps(net)), copy.deepcopy(net)]
    for other in (*copies, net.set_params(warm_start=True)):
        np.testing.assert_array_equal(other.reconstruct(real), net.reconstruct(real))
        for _ in range(3):
            other.partial_fit(real)
        assert_tied(other)
        # Not by what a session of its own does first.
        up, *_, down = copy.deepcopy(other.network_).weights
        up += 1
        np.testing.assert_array_equal(up, down.T)
        assert other.score(real) > before
    net.fit(real)
    assert_tied(net)
    with pytest.raises(
        ValueError, match="tied=False, but the fitted net has tied=True"
    ):
        net.set_params(tied=False).partial_fit(real)


@pytest.mark.parametrize("n_iter", [0, 5])
def test_mean_fields_stay_where_weights_are_tied(n_iter, X, seed):
    """Where weights were lengthened, those of the two ways differ."""
    net = make(seed, layers=(6, 4), n_iter=n_iter, max_iter=0).fit(X).network_
    net.lengthen(X)
    own = net.copy()
    own.tie(X)
    for i in range(3, 6):
        fields = [
            (list(one._inputs(X))[i] @ one.weights[i] + one.biases[i]).mean(axis=0)
            for one in (net, own)
        ]
        np.testing.assert_allclose(fields[1], fields[0], atol=1e-9)
        # Above, what goes into a layer differs.
        net.weights[i], net.biases[i] = own.weights[i].copy(), own.biases[i]


@pytest.mark.parametrize("solver", ["adam", "cg"])
def test_hash_codes(solver, rng, seed):
    """A row is rebuilt from the bits of its code about as well."""
    X = load_digits().data[rng.permutation(1797)[:400]] / 16
    settings = {"layers": (32,), "max_iter": 20}
    net = make(seed, n_components=10, code="bernoulli", solver=solver, **settings)
    H = net.fit(X).transform(X)
    bits = H > 0.5
    assert np.mean(np.abs(H - bits) < 0.1) > 0.5
    error = np.square(X - net.inverse_transform(bits)).mean()
    assert error < 0.7 * X.var(axis=0).mean()


def test_noise_in_the_fields_of_the_code(X, seed):
    """It is there in learning only, and of this deviation."""
    rng = np.random.default_rng(seed)
    rows = np.repeat(X[:1], 4000, axis=0)
    fields = []
    for code in ("bernoulli", "gaussian"):
        network = make(seed, code=code, max_iter=0).fit(X).network_
        back = BackPropagation()
        back.start(network, 4000, rng)
        means = back._forward(network, rows, 4000, rng)[1]
        np.testing.assert_allclose(means[0], list(network._inputs(rows))[1])
        fields.append(means[1])
    noise = logit(fields[0])
    assert noise.std(axis=0) == pytest.approx(2, rel=0.1)
    np.testing.assert_array_equal(np.ptp(fields[1], axis=0), 0)


@pytest.mark.parametrize("code, low, high", [("bernoulli", 0, 1), ("rectified", 0, 99)])
def test_codes(code, low, high, X, seed):
    net = make(seed, code=code, max_iter=20).fit(X)
    H = net.transform(X)
    assert H.min() >= low and H.max() <= high
    assert net.history_[-1]["loss"] < net.history_[0]["loss"]


@pytest.mark.filterwarnings("ignore::skdbn.exceptions.DataRangeWarning")
def test_the_unit_and_the_zero_of_a_column_do_not_matter(real, seed):
    net, other = (make(seed).fit(rows) for rows in (real, 1000 * real - 5e4))
    assert other.score(1000 * real - 5e4) == pytest.approx(net.score(real), rel=1e-4)
    back = (other.reconstruct(1000 * real - 5e4) + 5e4) / 1000
    np.testing.assert_allclose(back, net.reconstruct(real), rtol=1e-3, atol=1e-3)


# A fit


def test_history_and_attributes(X, seed):
    net = make(seed).fit(X)
    assert net.n_iter_ == len(net.history_) == 6
    assert list(net.get_feature_names_out()) == ["dbnautoencoder0", "dbnautoencoder1"]
    assert [rbm.n_components for rbm in net.rbms_] == [6, 2]
    assert [rbm.n_iter_ for rbm in net.rbms_] == [5, 5]
    assert make(seed, n_iter=None).fit(X).rbms_[-1].n_iter_ == 10
    assert net.set_output(transform="pandas").transform(X).shape == (80, 2)


def test_settings_of_the_code_are_those_of_the_layers(X, seed):
    rbm = BernoulliRBM(gradient="cd", batch_size=7, n_iter=3)
    code = make(seed, rbm=rbm, n_iter=None).fit(X).rbms_[-1]
    assert (code.gradient, code.batch_size, code.n_iter) == ("cd", 7, 3)
    assert code.hidden == "gaussian"


def test_sparse_rows(X, seed):
    thin = sparse.csr_array(X)
    net, other = make(seed).fit(X), make(seed).fit(thin)
    np.testing.assert_allclose(other.transform(thin), net.transform(X), rtol=1e-9)
    np.testing.assert_allclose(net.score_samples(thin), net.score_samples(X))


def test_float32(X, seed):
    net = make(seed).fit(X.astype(np.float32))
    H = net.transform(X.astype(np.float32))
    assert H.dtype == net.inverse_transform(H).dtype == np.float32
    bits = make(seed).fit(X.astype(bool))
    np.testing.assert_array_equal(bits.transform(X.astype(bool)), H)


def test_rows_of_weight_zero_take_no_part(X, seed):
    layers = DBNTransformer((6, RBM(2, hidden="gaussian")), n_iter=2, random_state=seed)
    given = {"pretrained": FrozenEstimator(layers.fit(X))}
    weights = np.where(np.arange(80) % 4 == 0, 0.0, 2.0)
    net = make(seed, **given).fit(X, sample_weight=weights)
    other = make(seed, **given).fit(X[weights > 0])
    np.testing.assert_allclose(net.transform(X), other.transform(X), rtol=1e-9)
    weights[:40] = 5.0
    other = make(seed, **given).fit(X, sample_weight=weights)
    assert not np.allclose(net.transform(X), other.transform(X), rtol=1e-3)


def test_pretrained_layers_are_the_start_and_stay(X, seed):
    layers = DBNTransformer((6, RBM(2, hidden="gaussian")), n_iter=2, random_state=seed)
    before = layers.fit(X).transform(X)
    net = make(seed, pretrained=layers, max_iter=0).fit(X)
    np.testing.assert_allclose(net.transform(X), before, rtol=1e-9)
    assert net.set_params(max_iter=3).fit(X).transformer_ is layers
    np.testing.assert_array_equal(layers.transform(X), before)
    assert not np.allclose(net.transform(X), before)


def test_early_stopping_goes_by_the_held_out_loss(X, seed, monkeypatch):
    held_out = np.arange(60, 80)
    monkeypatch.setattr(Rows, "split", lambda *args: (np.arange(60), held_out))
    net = make(seed, early_stopping=True, max_iter=40, learning_rate_init=0.1)
    net.fit(X)
    scores = [row["validation_score"] for row in net.history_]
    assert net.score(X[held_out]) == pytest.approx(max(scores))


def test_some_rows_are_held_out(seed):
    rng = np.random.default_rng(seed)
    rows, held_out = Rows(np.zeros((50, 2))).split(0.2, rng)
    assert len(rows) == 40
    assert sorted([*rows, *held_out]) == list(range(50))


def test_partial_fit(X, seed):
    net, first = make(seed), make(seed, max_iter=0).fit(X)
    net.partial_fit(X)
    assert net.n_iter_ == 1
    np.testing.assert_array_equal(
        net.transformer_.transform(X), first.transformer_.transform(X)
    )
    before = net.score(X)
    for _ in range(10):
        net.partial_fit(X)
    assert net.n_iter_ == 11
    assert net.score(X) > before
    with pytest.raises(ValueError, match="n_components=3 and code='gaussian'"):
        net.set_params(n_components=3).partial_fit(X)


def test_warm_start(X, seed):
    net = make(seed, warm_start=True).fit(X)
    layers, before = net.transformer_, net.score(X)
    assert net.fit(X).transformer_ is layers
    assert net.score(X) > before
    with pytest.raises(ValueError, match="2 units of type Gaussian"):
        net.set_params(code="bernoulli").fit(X)


def test_a_pickle_has_the_same_code(X, seed):
    net = make(seed).fit(X)
    other = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(other.transform(X), net.transform(X))
    np.testing.assert_array_equal(other.reconstruct(X), net.reconstruct(X))
    other.partial_fit(X)


# Unknown values


@pytest.mark.parametrize("kind", VISIBLE)
def test_gradient_of_what_is_known(kind, rng):
    """The loss of the known columns, one at a time, at the mean field's fields."""
    visible, width, _ = VISIBLE[kind]
    rows, is_real = rows_of(kind, rng)
    visible = visible.start(width, (8, rows.mean(axis=0), rows.var(axis=0) + 0.1))
    machine, code = (
        RestrictedMachine(
            rng.normal(0, 0.5, (n, m)), rng.normal(size=n), rng.normal(size=m), v, h
        )
        for n, m, v, h in (
            (width, 3, visible, Bernoulli()),
            (3, 2, Bernoulli(), Gaussian(1.0).start(2)),
        )
    )
    network = Autoencoder.unrolled([machine, code])
    unknown = rng.random(rows.shape) < 0.3
    groups = {"softmax": slice(0, 3), "mixed": slice(2, 5)}
    if kind in groups:
        part = unknown[:, groups[kind]]
        part[:] = part[:, :1]
    holed = np.where(unknown, np.nan, rows)
    filled = machine.mean_field(np.where(unknown, 0, rows), unknown)
    np.testing.assert_array_equal(
        network.standardized(holed), network.standardized(filled)
    )
    weights = rng.random(8)

    def losses():
        field = network.field(filled)
        own = network.targets(np.where(unknown, 0, rows))
        if kind in ("bernoulli", "poisson"):
            return column_by_column(VISIBLE[kind][2], own, field, unknown)
        found = 0
        if kind == "mixed":
            found = column_by_column(in_bits, own[:, :2], field[:, :2], unknown[:, :2])
        if kind in groups:
            part = groups[kind]
            group = in_categories(own[:, part], field[:, part])
            found = found + np.where(unknown[:, part.start], 0, group)
        if is_real.any():
            real = column_by_column(
                in_squares, own[:, -2:], field[:, -2:], unknown[:, -2:]
            )
            found = found + real
        return found

    np.testing.assert_allclose(network.losses(holed), losses(), rtol=1e-9)
    source = ReconstructedSource(holed, network.targets, weights=weights)
    back = BackPropagation()
    back.start(network, 8, rng)
    found, downhill = back.descent(network, source.batch(np.arange(8)), rng)
    assert found == pytest.approx((weights * losses()).mean())
    for name, array in network.params.items():
        numeric = np.empty_like(array)
        for place in np.ndindex(*array.shape):
            array[place] += 1e-5
            above = (weights * losses()).mean()
            array[place] -= 2e-5
            numeric[place] = (above - (weights * losses()).mean()) / 2e-5
            array[place] += 1e-5
        np.testing.assert_allclose(-downhill[name], numeric, rtol=1e-5, atol=1e-7)


def column_by_column(loss_of, x, field, unknown):
    columns = range(x.shape[1])
    each = np.stack([loss_of(x[:, [j]], field[:, [j]]) for j in columns], axis=1)
    return np.where(unknown, 0, each).sum(axis=1)


@pytest.mark.parametrize("solver", ["adam", "cg"])
def test_unknown_values_are_filled_in(solver, rng, seed):
    causes = rng.normal(size=(300, 2))
    rows = causes[:, [0, 0, 0, 1, 1, 1]] + 0.3 * rng.normal(size=(300, 6))
    unknown = rng.random(rows.shape) < 0.2
    holed = np.where(unknown, np.nan, rows)
    net = make(seed, solver=solver, max_iter=30).fit(holed)
    filled = net.impute(holed)
    np.testing.assert_array_equal(filled[~unknown], rows[~unknown])
    error = np.square(filled - rows)[unknown].mean()
    assert error < 0.5 * np.square(rows)[unknown].mean()
    assert np.isfinite(net.score_samples(holed)).all()
    assert net.history_[-1]["loss"] < net.history_[0]["loss"]
    np.testing.assert_array_equal(net.impute(rows), rows)
    net.partial_fit(holed)


@pytest.mark.filterwarnings("ignore::skdbn.exceptions.DataRangeWarning")
def test_missing_values_of_a_table(table, seed):
    holed = table.copy()
    holed.loc[holed.index[::5], "color"] = None
    holed.loc[holed.index[1::5], "age"] = np.nan
    net = make(seed, layers=(MixedRBM(8),), max_iter=40).fit(holed)
    filled = net.impute(holed)
    assert not filled.isna().any(axis=None)
    assert list(filled.columns) == list(table.columns)
    known = holed["age"].notna()
    np.testing.assert_array_equal(filled["age"][known], table["age"][known])
    assert np.isfinite(net.transform(holed)).all()


def test_a_column_of_which_nothing_is_known(X, seed):
    X[:, 4] = np.nan
    with pytest.raises(ValueError, match="column 4"):
        make(seed).fit(X)


# What it refuses


@pytest.mark.parametrize(
    "settings, match",
    [
        ({"code": "softmax"}, "'code' parameter"),
        ({"n_components": 0}, "'n_components' parameter"),
        ({"layers": ()}, "layers is empty"),
        ({"layers": (6, "4")}, "neither an int"),
        ({"solver": "cg", "input_dropout": 0.1}, "no dropout"),
        ({"solver": "cg", "input_noise": 0.1}, "no noise"),
        ({"input_noise": -0.1}, "'input_noise' parameter"),
        ({"solver": "sgd", "learning_rate_init": 1e9, "max_iter": 60}, "diverged"),
    ],
)
def test_a_failed_fit_leaves_the_estimator_as_it_was(settings, match, X, seed):
    net = make(seed).fit(X)
    before = dict(vars(net))
    with pytest.raises(ValueError, match=match):
        net.set_params(**settings).fit(X)
    assert vars(net) == before | settings
    with pytest.raises(ValueError, match=match):
        make(seed, **settings).fit(X)


def test_pretrained_layers_with_another_code(X, seed):
    layers = DBNTransformer((6, 3), n_iter=1, random_state=seed).fit(X)
    for settings in ({}, {"n_components": 3}, {"code": "bernoulli"}):
        with pytest.raises(ValueError, match="3 units of type Bernoulli"):
            make(seed, pretrained=layers, **settings).fit(X)
    net = make(seed, pretrained=layers, n_components=3, code="bernoulli")
    assert net.fit(X).transform(X).shape == (80, 3)
    with pytest.raises(ValueError, match="5 columns, but pretrained"):
        net.fit(X[:, :5])


def test_codes_of_another_width(X, seed):
    net = make(seed).fit(X)
    with pytest.raises(ValueError, match="H has 3 columns, but the code"):
        net.inverse_transform(np.zeros((4, 3)))


def test_a_code_may_be_wider_than_the_layer_below(X, seed):
    with pytest.warns(UserWarning, match="n_components=9 is a code wider .* 6 units"):
        make(seed, n_components=9).fit(X)
    net = make(seed, layers=(RBM(8, n_iter=2),), n_iter=None, n_components=9)
    with pytest.warns(UserWarning, match="has 8 units"):
        net.fit(X)
    assert net.transform(X).shape == (80, 9)


def test_a_value_that_the_units_cannot_have(X, seed):
    net = make(seed).fit(X)
    X[2, 1] = 1.5
    with pytest.warns(DataRangeWarning):
        scores = net.score_samples(X)
    assert np.isneginf(scores[2])
    assert np.isfinite(np.delete(scores, 2)).all()
