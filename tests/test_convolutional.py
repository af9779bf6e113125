"""The convolutional RBM, against loops over pixels and a machine without ties."""

from contextlib import nullcontext
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.datasets import load_digits, make_blobs
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skdbn import BernoulliRBM, ConvolutionalRBM, Sparsity
from skdbn.evaluation import log_partition
from skdbn.gradients import CD, PCD
from skdbn.machines import ConvolutionalMachine
from skdbn.schedules import Linear
from skdbn.testing import check_machine, check_units
from skdbn.units import Gaussian, Pooled

# Picture, window and group.
SHAPES = [
    ((4, 5, 1), (2, 2), (1, 1)),
    ((4, 5, 1), (2, 2), (2, 2)),
    ((3, 4, 2), (2, 1), (1, 2)),
    ((1, 7, 1), (1, 3), (1, 2)),
    ((6, 4, 3), (3, 2), (2, 3)),
]


def a_machine(shapes, seed, n_filters=2, visible=None):
    rng = np.random.default_rng(seed)
    image_shape, filter_shape, pool = shapes
    n_visible, n_window = np.prod(image_shape), np.prod(filter_shape) * image_shape[2]
    settings = {} if visible is None else {"visible": visible.start(n_visible)}
    return ConvolutionalMachine(
        rng.normal(size=(n_window, n_filters)),
        rng.normal(size=n_visible),
        rng.normal(size=n_filters),
        image_shape=image_shape,
        filter_shape=filter_shape,
        pool=pool,
        **settings,
    )


def hidden_places(machine):
    """The top left pixel of the window of each hidden unit, and its filter."""
    (rows, columns), (height, width) = machine.pooled_shape, machine.pool
    for row, column, y, x, k in product(
        range(rows),
        range(columns),
        range(height),
        range(width),
        range(machine.weights.shape[1]),
    ):
        yield row * height + y, column * width + x, k


def looped_weights(machine):
    """The weights without ties, one at a time."""
    n_channels = machine.image_shape[2]
    filters = machine.weights.reshape(*machine.filter_shape, n_channels, -1)
    columns = []
    for y, x, k in hidden_places(machine):
        own = np.zeros(machine.image_shape)
        for i, j in product(*map(range, machine.filter_shape)):
            for channel in range(n_channels):
                own[y + i, x + j, channel] = filters[i, j, channel, k]
        columns.append(own.ravel())
    return np.transpose(columns)


def bits(machine, n, seed):
    rng = np.random.default_rng(seed)
    return (rng.random((n, machine.shape[0])) < 0.5).astype(float)


@pytest.mark.parametrize("shapes", SHAPES)
def test_fields(shapes, seed):
    machine = a_machine(shapes, seed)
    weights, v = looped_weights(machine), bits(machine, 6, seed)
    biases = [machine.hidden_bias[k] for *_, k in hidden_places(machine)]
    np.testing.assert_allclose(machine.hidden_field(v), v @ weights + biases)
    np.testing.assert_allclose(machine.hidden_field(csr_array(v)), v @ weights + biases)
    h = np.random.default_rng(seed).random((6, machine.shape[1]))
    expected = h @ weights.T + machine.visible_bias
    np.testing.assert_allclose(machine.visible_field(h), expected)
    np.testing.assert_allclose(machine.dense().weights, weights)


@pytest.mark.parametrize("shapes", SHAPES)
def test_without_ties(shapes, seed):
    machine = a_machine(shapes, seed)
    dense, v = machine.dense(), bits(machine, 5, seed)
    for name in (
        "free_energy",
        "pseudo_log_likelihood",
        "log_conditionals",
        "hidden_mean",
    ):
        np.testing.assert_allclose(getattr(machine, name)(v), getattr(dense, name)(v))
    i = np.random.default_rng(seed).integers(machine.shape[0], size=5)
    field = machine.hidden_field(v)
    expected = dense.log_conditional(v, field, i)
    np.testing.assert_allclose(machine.log_conditional(v, field, i), expected)


SMALL = [
    ((3, 2, 1), (2, 2), (1, 1), None),
    ((3, 2, 1), (2, 1), (2, 2), None),
    ((1, 5, 1), (1, 2), (1, 2), None),
    ((2, 2, 2), (1, 2), (2, 1), None),
    ((2, 1, 1), (1, 1), (2, 1), Gaussian(1.5)),
]


@pytest.mark.parametrize("shapes", SMALL, ids=str)
def test_machine(shapes, seed):
    *shapes, visible = shapes
    check_machine(a_machine(shapes, seed, visible=visible), seed=seed)


def test_log_partition(seed):
    machine = a_machine(((3, 4, 1), (2, 2), (2, 1)), seed)
    v = np.array(list(product([0.0, 1.0], repeat=12)))
    states = v @ looped_weights(machine)
    states += [machine.hidden_bias[k] for *_, k in hidden_places(machine)]
    # At most one of a group is on: 1 + the sum over its units, group by group.
    groups = np.exp(states).reshape(len(v), -1, 2, 2).sum(axis=2)
    log_p = v @ machine.visible_bias + np.log1p(groups).sum(axis=(1, 2))
    expected = np.logaddexp.reduce(log_p)
    rbm = ConvolutionalRBM(2, 2, image_shape=(3, 4), pool=(2, 1), n_iter=0).fit(v)
    rbm.machine_ = machine
    assert log_partition(rbm, method="exact").value == pytest.approx(expected)
    found = log_partition(rbm, n_chains=200, n_betas=2000, random_state=seed)
    assert found.value == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("pool", [(1, 1), (2, 1)])
def test_centering_commutes_with_flips(pool, seed):
    """A step is the same where each bit of a picture is called by its other name."""
    machine = a_machine(((3, 4, 1), (2, 2), pool), seed)
    flipped = machine.copy()
    flipped.weights *= -1
    flipped.hidden_bias += machine.weights.sum(axis=0)
    flipped.visible_bias[:] = -machine.visible_bias
    v, chains = bits(machine, 6, seed), bits(machine, 4, seed + 1)
    found = []
    for one, rows, fantasies in (machine, v, chains), (flipped, 1 - v, 1 - chains):
        work = one.workspace(4, 6)
        one.load(work, rows)
        work.state = one.state(fantasies, np.random.default_rng(0))
        one.advance(work, np.random.default_rng(0), 0)
        found.append(one.difference(work, one.new_centering(rows.mean(axis=0)), 0.3))
    plain, other = found
    np.testing.assert_allclose(other["weights"], -plain["weights"])
    np.testing.assert_allclose(other["visible_bias"], -plain["visible_bias"])
    expected = plain["hidden_bias"] + plain["weights"].sum(axis=0)
    np.testing.assert_allclose(other["hidden_bias"], expected)


def windows_of(machine, v):
    """The windows of rows, of shape (n_rows, n_places, n_pixels)."""
    pictures = v.reshape(-1, *machine.image_shape)
    height, width = machine.filter_shape
    places = [(y, x) for y, x, k in hidden_places(machine) if k == 0]
    windows = [pictures[:, y : y + height, x : x + width] for y, x in places]
    return np.stack([w.reshape(len(v), -1) for w in windows], axis=1)


@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_difference(centered, weighted, seed):
    """The sums that a direction is made of, and biases that follow centered weights."""
    rng = np.random.default_rng(seed)
    machine = a_machine(((3, 3, 1), (2, 2), (1, 2)), seed)
    v, weights = bits(machine, 8, seed), rng.random(8) + 0.5
    work = machine.workspace(None, 8)
    machine.load(work, v, weights=weights if weighted else None)
    machine.contrast(work, rng, 1)
    r = weights / 8 if weighted else np.full(8, 1 / 8)
    centering = machine.new_centering(v.mean(axis=0)) if centered else None
    v0, h0 = (v.mean(), centering.hidden.copy()) if centered else (0.0, np.zeros(2))
    expected = dict.fromkeys(machine.params, 0.0)
    for rows, sign in (v, 0.5), (work.state.visible, -0.5):
        h = machine.hidden_mean(rows).reshape(8, -1, 2)
        sums = np.einsum("npw,npk,n->wk", windows_of(machine, rows) - v0, h - h0, r)
        expected["weights"] += sign * sums
        expected["visible_bias"] += sign * (r @ rows)
        expected["hidden_bias"] += sign * np.einsum("npk,n->k", h, r)
    found = machine.difference(work, centering, 0.5)
    machine.weights[:] = expected["weights"]
    everywhere = np.tile(h0, machine.n_places)
    expected["visible_bias"] -= looped_weights(machine) @ everywhere
    expected["hidden_bias"] -= v0 * expected["weights"].sum(axis=0)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("units", [Pooled(3), Pooled(2, n_maps=3), Pooled(1, n_maps=2)])
def test_pooled_units(units, seed):
    check_units(units, seed=seed)


def test_draws_of_pooled_units(seed):
    """Frequencies of the states of a group are the softmax with a state for none."""
    n, field = 200_000, np.array([[0.5, -1.0, 2.0, 0.0]])
    rng = np.random.default_rng(seed)
    draws = Pooled(2, n_maps=2).sample(np.repeat(field, n, axis=0), rng)
    for k in range(2):
        own, weights = draws[:, k::2], np.exp(field[0, k::2])
        assert own.sum(axis=1).max() == 1
        p = weights / (1 + weights.sum())
        error = np.sqrt(p * (1 - p) / n)
        assert (abs(own.mean(axis=0) - p) < 5 * error).all()


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


def test_far_fields_of_pooled_units():
    field = np.array([[-1000.0, -1000.0], [1000.0, 0.0]])
    assert_array_equal(Pooled(2).mean(field), [[0, 0], [1, 0]])
    assert_array_equal(Pooled(2).log_partition(field), [0, 1000])


def test_learns_filters_of_all_places(seed):
    """Bars of two pixels anywhere: far likelier than pixels that vary alone."""
    rng = np.random.default_rng(seed)
    X = np.zeros((600, 6, 6))
    for picture in X:
        for _ in range(2):
            y, x = rng.integers(6), rng.integers(5)
            picture[y, x : x + 2] = 1
    X = X.reshape(600, 36)
    rbm = ConvolutionalRBM(4, 3, pool=1, n_iter=40, random_state=seed).fit(X[:500])
    p = X[:500].mean(axis=0)
    alone = np.mean(X[500:] @ np.log(p) + (1 - X[500:]) @ np.log1p(-p))
    own = (X[500:] * np.log(p) + (1 - X[500:]) * np.log1p(-p)).sum(axis=1)
    gain = rbm.score_samples(X[500:]) - own
    assert alone == pytest.approx(own.mean())
    assert gain.mean() > 10 * gain.std() / np.sqrt(len(gain))


def test_features(digits, seed):
    X, y = digits
    rbm = ConvolutionalRBM(8, 3, n_iter=3, random_state=seed).fit(X)
    H = rbm.transform(X[:50])
    assert rbm.output_shape_ == (3, 3, 8)
    assert H.shape == (50, 72)
    assert rbm.get_feature_names_out()[-1] == "convolutionalrbm71"
    # A feature is the probability that one of a group is on.
    means = rbm.machine_.hidden_mean(X[:50]).reshape(50, 9, 4, 8)
    np.testing.assert_allclose(H, means.sum(axis=2).reshape(50, 72))
    spread = np.repeat(H.reshape(50, 9, 1, 8) / 4, 4, axis=2).reshape(50, -1)
    expected = rbm.machine_.visible_mean(spread)
    np.testing.assert_allclose(rbm.inverse_transform(H), expected)
    expected = rbm.machine_.visible_mean(rbm.machine_.hidden_mean(X[:50]))
    np.testing.assert_allclose(rbm.reconstruct(X[:50]), expected)
    top = ConvolutionalRBM(4, 2, image_shape=rbm.output_shape_, n_iter=1)
    model = make_pipeline(rbm, top, LogisticRegression()).fit(X[:200], y[:200])
    assert model[1].transform(rbm.transform(X[:2])).shape == (2, 4)


def test_sparsity(digits, seed):
    X, _ = digits
    rbm = ConvolutionalRBM(
        8, 3, sparsity=Sparsity(0.05), n_iter=5, random_state=seed
    ).fit(X)
    assert rbm.mean_activation_.shape == (8,)
    means = rbm.machine_.hidden_mean(X).reshape(-1, 8).mean(axis=0)
    np.testing.assert_allclose(rbm.mean_activation_, means)
    assert abs(means.mean() - 0.05) < 0.01


def test_weights_of_rows_with_sparsity(digits, seed):
    X, _ = digits
    weights = np.random.default_rng(seed).random(len(X))
    settings = dict(sparsity=Sparsity(0.1), gradient="cd", random_state=seed)
    rbm = ConvolutionalRBM(4, 3, n_iter=5, **settings)
    rbm.fit(X, sample_weight=weights)
    means = rbm.machine_.hidden_mean(X).reshape(len(X), -1).mean(axis=1)
    assert abs(means @ weights / weights.sum() - 0.1) < 0.03


@pytest.mark.parametrize("scale, offset", [(1.0, 0.0), (1000.0, 5000.0), (1e-3, 0.02)])
def test_real_values(scale, offset, digits, seed):
    """The same model in any unit of measure."""
    X = (digits[0] - digits[0].mean()) / digits[0].std()
    settings = dict(visible="gaussian", n_iter=5, random_state=seed)
    plain = ConvolutionalRBM(8, 3, **settings).fit(X)
    other = ConvolutionalRBM(8, 3, **settings)
    hints = nullcontext() if scale == 1 else pytest.warns(match="standardized")
    with hints:
        other.fit(scale * X + offset)
    np.testing.assert_allclose(
        other.transform(scale * X + offset), plain.transform(X), atol=1e-5
    )
    expected = plain.score(X[:20]) - 64 * np.log(scale)
    assert other.score(scale * X[:20] + offset) == pytest.approx(expected, abs=0.01)
    sigma = np.exp(plain.machine_.visible.log_variance_)
    assert sigma.shape == (1,)
    assert sigma[0] < 0.9


def test_unknown_pixels(digits, seed):
    """A hidden half is filled in better than by the mean of its column."""
    X = digits[0]
    rbm = ConvolutionalRBM(16, 5, n_iter=10, random_state=seed).fit(X[:1500])
    rows = X[1500:1600].copy()
    rows[:, :24] = np.nan
    found = rbm.impute(rows, random_state=seed)
    error = np.square(found - X[1500:1600])[:, :24].mean()
    alone = np.square(X[:1500].mean(axis=0) - X[1500:1600])[:, :24].mean()
    assert error < 0.95 * alone


@pytest.mark.parametrize(
    "gradient", ["cd", "pcd", "fpcd", "pt", CD(2), PCD(n_chains=7)]
)
def test_gradients(gradient, digits, seed):
    X = digits[0][:300].astype(np.float32)
    rbm = ConvolutionalRBM(6, 3, gradient=gradient, n_iter=10, random_state=seed)
    rbm.fit(X)
    assert rbm.transform(X).dtype == np.float32
    start = ConvolutionalRBM(6, 3, n_iter=0, random_state=seed).fit(X).score(X)
    assert rbm.score(X) > start + 0.5


def test_going_on(digits, seed):
    X = digits[0][:200]
    rbm = ConvolutionalRBM(4, 3, n_iter=2, random_state=seed).fit(X)
    before = rbm.components_.copy()
    rbm.partial_fit(X[:100])
    assert np.abs(rbm.components_ - before).max() > 0
    for name, value in ("pool", 1), ("filter_shape", (3, 2)), ("n_filters", 5):
        with pytest.raises(ValueError, match="begins anew"):
            ConvolutionalRBM(4, 3, n_iter=2, random_state=seed).fit(X).set_params(
                **{name: value}
            ).partial_fit(X[:100])


def test_series(seed):
    """Rows whose length is no square are series, with one number for a window."""
    X = np.sin(np.arange(50) / 3 + np.arange(40)[:, None])
    rbm = ConvolutionalRBM(3, 5, visible="gaussian", n_iter=2, random_state=seed).fit(X)
    assert rbm.output_shape_ == (1, 23, 3)
    assert rbm.machine_.filter_shape == (1, 5)


BAD = [
    (dict(filter_shape=9), r"filter_shape=9 has a height of 9, .* have 8"),
    (dict(filter_shape=(3, 9)), r"filter_shape=\(3, 9\) has a width of 9"),
    (
        dict(filter_shape=(3,)),
        r"filter_shape=\(3,\): take an int, or \(height, width\)",
    ),
    (dict(filter_shape=(3, 0)), r"filter_shape=\(3, 0\): take an int"),
    (dict(filter_shape=7, pool=3), r"pool=3 has a height of 3, .* only 2 windows"),
    (dict(pool=(2, "a")), r"pool=\(2, 'a'\): take an int"),
    (dict(image_shape=(8, 9)), r"image_shape=\(8, 9\) is of 72 values, and X has 64"),
    (dict(image_shape=(64,)), r"image_shape=\(64,\): take \(height, width\)"),
    (dict(image_shape=(8, 8.0)), r"image_shape=\(8, 8.0\): take \(height, width\)"),
    (dict(visible=Gaussian()), r"visible=Gaussian\(\) has a scale for each pixel"),
]


@pytest.mark.parametrize("settings, message", BAD)
def test_bad_shapes(settings, message, digits):
    X = digits[0][:20] if "visible" not in settings else np.eye(64)[:40] - 0.1
    rbm = ConvolutionalRBM(2, **{"filter_shape": 3, "n_iter": 1} | settings)
    with pytest.raises(ValueError, match=message):
        rbm.fit(X)
    assert not hasattr(rbm, "machine_")


def test_no_class_method_of_binary_machines():
    with pytest.raises(TypeError, match="other units"):
        ConvolutionalRBM.from_sklearn(BernoulliRBM())


def test_cropped_windows(digits):
    """Windows that do not fill a group have no hidden unit."""
    rbm = ConvolutionalRBM(2, 4, pool=2, n_iter=0, random_state=0).fit(digits[0][:50])
    assert rbm.machine_.map_shape == (4, 4)
    assert rbm.output_shape_ == (2, 2, 2)


def test_rate_of_large_pictures(seed):
    """The automatic rate falls with the root of the number of windows."""
    X, _ = make_blobs(30, 144, random_state=seed)
    X = (X > X.mean()).astype(float)
    rates = []
    for shape in ((12, 12), (1, 144)):
        filter_shape = (3, 3) if shape[0] > 1 else (1, 9)
        rbm = ConvolutionalRBM(
            2, filter_shape, image_shape=shape, pool=1, n_iter=4, random_state=seed
        ).fit(X)
        rates.append(rbm.history_[0]["learning_rate"])
    assert rates[0] == pytest.approx(0.5 / 10)
    assert rates[1] == pytest.approx(0.5 / np.sqrt(136))
    rbm = ConvolutionalRBM(2, 3, n_iter=2, learning_rate=Linear(0.01)).fit(X)
    assert rbm.history_[0]["learning_rate"] == pytest.approx(0.01)
