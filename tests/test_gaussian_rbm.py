"""Real-valued data: scales, outliers, constant columns, variances, unit types."""

import copy
import warnings
from functools import partial
from itertools import product

import numpy as np
import pytest
import scipy.linalg
from scipy import sparse, stats
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.preprocessing import PowerTransformer, scale

from skdbn import RBM, GaussianRBM, MixedRBM, RBMClassifier, SparseRBM
from skdbn._data._sources import Batch
from skdbn._updates._decay import WeightDecay
from skdbn._updates._direction import Direction, shorten
from skdbn.evaluation import log_likelihood, log_partition
from skdbn.exceptions import DataRangeWarning
from skdbn.gradients import CD, PCD
from skdbn.schedules import Linear, Step
from skdbn.units import Concatenated, Gaussian, Softmax

quiet = pytest.mark.filterwarnings("ignore::skdbn.exceptions.DataRangeWarning")
every_gradient = pytest.mark.parametrize(
    "gradient", ["cd", "pcd", "fpcd", "pt", "score-matching"]
)


def factors(rng, n=800, n_columns=6):
    """Rows whose columns depend on two factors; standard deviations of about 1."""
    loads = rng.normal(size=(2, n_columns))
    X = rng.normal(size=(n, 2)) @ loads + 0.5 * rng.normal(size=(n, n_columns))
    return X / X.std(axis=0)


def independent_gaussian(train, test):
    """Mean log-likelihood with means and variances of the columns, from a textbook."""
    deviation = train.std(axis=0)
    deviation[deviation < 1e-9] = np.sqrt(
        np.square(deviation[deviation >= 1e-9]).mean()
    )
    return stats.norm(train.mean(axis=0), deviation).logpdf(test).sum(axis=1).mean()


def datasets(rng):
    X = factors(rng)
    # With 2 degrees of freedom the variance is infinite: on 400 rows "pcd", "fpcd" and
    # "score-matching" then lost to the Gaussian, by 0.01, 0.03 and 0.6 nats.
    heavy = rng.standard_t(3, (2000, 6))
    heavy[:, :3] += heavy[:, 3:]
    yield "standardized", X
    yield "small", 1e-3 * X
    yield "large", 1e3 * X
    yield "far from zero", X + 50.0
    yield "constant", np.hstack([X, np.full((len(X), 2), 3.0)])
    yield "heavy", heavy
    yield "float32", X.astype(np.float32)


@quiet
@every_gradient
def test_defaults_beat_an_independent_gaussian(gradient, rng, seed):
    for name, X in datasets(rng):
        train, test = X[::2], X[1::2]
        rbm = GaussianRBM(16, gradient=gradient, random_state=seed)
        if name not in ("standardized", "heavy"):
            rbm.set_params(n_iter=20)
        rbm.fit(train)
        found = log_likelihood(rbm, test, log_partition(rbm, method="exact")).mean()
        assert found > independent_gaussian(train, test), name


@quiet
@pytest.mark.parametrize("gradient", ["cd", "pcd", "score-matching"])
@pytest.mark.parametrize(
    "settings",
    [
        {"weight_decay": 0.01},
        {"weight_decay": 0.01, "l1_ratio": 1.0},
        {"weight_decay": 10.0, "learning_rate": 0.3},
    ],
    ids=["l2", "l1", "long steps"],
)
def test_the_scale_of_a_column_does_not_matter(gradient, settings, rng, seed):
    """A power of two is exact, so that the whole fit is the same in other units."""
    X = factors(rng, 60)
    scale = 2.0 ** np.array([-10, -3, 0, 1, 6, 12])
    plain, scaled = (
        GaussianRBM(5, gradient=gradient, n_iter=1, random_state=seed, **settings).fit(
            Y
        )
        for Y in (X, scale * X)
    )
    np.testing.assert_allclose(scaled.transform(scale * X), plain.transform(X), 1e-6)
    np.testing.assert_allclose(scaled.variance_ / scale**2, plain.variance_, 1e-6)
    np.testing.assert_allclose(scaled.components_ * scale, plain.components_, 1e-6)


@quiet
def test_the_zero_of_a_column_does_not_matter(rng, seed):
    X = factors(rng, 200)
    shift = np.array([0, 1, -8, 64, 2, -32.0])
    plain, shifted = (GaussianRBM(5, random_state=seed).fit(Y) for Y in (X, X + shift))
    # The walk is chaotic: only as long as rounding has not grown.
    np.testing.assert_allclose(shifted.variance_, plain.variance_, rtol=0.3)
    np.testing.assert_allclose(
        shifted.score_samples(X + shift).mean(), plain.score_samples(X).mean(), atol=0.2
    )


@quiet
@pytest.mark.parametrize("gradient", ["cd", "fpcd"])
def test_the_zero_does_not_matter_where_weights_are_clipped(gradient, rng, seed):
    """Two Gaussian layers, whose weights meet the bound of a normalizer."""
    X = factors(rng, 60, 40)
    shift = np.resize([8.0, -0.5, 16.0, 4.0, 0.0], 40)
    settings = dict(visible="gaussian", hidden="gaussian", gradient=gradient)
    plain, shifted = (
        RBM(4, learning_rate=1.0, n_iter=4, random_state=seed, **settings).fit(Y)
        for Y in (X, X + shift)
    )
    deviation = np.sqrt(1 / plain.machine_.visible.precision)
    largest = np.linalg.norm(deviation[:, None] * plain.machine_.weights, 2)
    assert 0.9 < largest < 1
    np.testing.assert_allclose(
        shifted.transform(X + shift), plain.transform(X), atol=1e-6
    )
    np.testing.assert_allclose(
        shifted.reconstruct(X + shift) - shift, plain.reconstruct(X), atol=1e-6
    )


def exact_draws(rng, n, weights, visible_bias, hidden_bias, variance):
    """Rows of a Gaussian machine: h from its exact distribution, then v."""
    n_hidden = weights.shape[1]
    states = np.arange(2**n_hidden)[:, None] >> np.arange(n_hidden) & 1
    fields = visible_bias + states @ weights.T
    log_p = states @ hidden_bias + 0.5 * (variance * fields**2).sum(axis=1)
    p = np.exp(log_p - log_p.max())
    rows = variance * fields[rng.choice(len(states), n, p=p / p.sum())]
    return rows + np.sqrt(variance) * rng.normal(size=rows.shape)


@quiet
def test_learned_variances_are_the_true_ones(rng, seed):
    n, variance = 4000, np.array([0.2, 0.5, 1.0, 2.0, 0.3])
    weights = rng.choice([-1.0, 1.0], (5, 3)) * 1.5 / np.sqrt(variance)[:, None]
    # Hidden units that are on for about half of the rows.
    hidden_bias = -0.5 * (variance[:, None] * weights**2).sum(axis=0)
    X = exact_draws(rng, n, weights, np.zeros(5), hidden_bias, variance)
    rbm = GaussianRBM(
        6,
        gradient=PCD(n_chains=200),
        batch_size=50,
        n_iter=150,
        learning_rate=Linear(0.1),
        random_state=seed,
    ).fit(X)
    # Of a variance that is estimated from n rows alone the error is σ²·sqrt(2/n); that
    # of the means given the hidden units adds to it.
    assert np.abs(rbm.variance_ / variance - 1).max() < 6 * np.sqrt(2 / n)


@pytest.mark.parametrize(
    "variance, n_different", [("column", 6), ("shared", 1), (1.0, 0)]
)
def test_which_variances_are_learned(variance, n_different, rng, seed):
    rbm = GaussianRBM(4, variance=variance, n_iter=2, random_state=seed)
    rbm.fit(factors(rng, 100))
    assert rbm.variance_.shape == (6,)
    assert len(set(rbm.variance_) - {1.0}) == n_different
    assert len(rbm.machine_.params.values()) == (3 if variance == 1.0 else 4)
    with pytest.raises(ValueError, match="variance"):
        GaussianRBM(4, variance=-1.0).fit(factors(rng, 10))


@pytest.mark.parametrize("gradient", ["cd", "score-matching"])
def test_a_shared_variance_takes_the_mean_step(gradient, rng, seed):
    """Where all columns start from one variance, in the first update."""
    X = rng.normal(size=(40, 4))
    X = np.sqrt(40) * scipy.linalg.orth(X - X.mean(axis=0))
    np.testing.assert_allclose(X.std(axis=0), 1)
    shared, column = (
        GaussianRBM(
            3,
            variance=variance,
            gradient=gradient,
            batch_size=40,
            n_iter=1,
            random_state=seed,
        ).fit(X)
        for variance in ("shared", "column")
    )
    np.testing.assert_allclose(shared.components_, column.components_, rtol=1e-9)
    steps = np.log(column.variance_)
    assert steps.std() > 1e-7
    np.testing.assert_allclose(np.log(shared.variance_), steps.mean(), rtol=1e-6)


@pytest.mark.parametrize(
    "visible, places",
    [
        ("gaussian", slice(6)),
        (Concatenated([("bernoulli", 3), ("gaussian", 3)]), slice(3, 6)),
        (Concatenated([("gaussian", 3), ("bernoulli", 3)]), slice(3)),
    ],
)
def test_variances_beside_unbounded_hidden_units_are_half(visible, places, rng, seed):
    """They stay so: hidden units of every size could take them to zero."""
    X = factors(rng, 60) * [1, 0.5, 2, 1, 0.3, 3]
    X[:, np.delete(np.arange(6), places)] = np.delete(X, places, axis=1) > 0
    rbm = RBM(3, visible=visible, hidden="gaussian", n_iter=2, random_state=seed)
    units = rbm.fit(X).machine_.visible
    for _ in range(2):
        assert list(rbm.machine_.params.values())[3:] == []
        variance = units.spread(6)[places] ** 2
        np.testing.assert_allclose(variance, X[:, places].var(axis=0) / 2)
        rbm.partial_fit(X[::2])


@quiet
def test_a_constant_column_has_the_variance_of_an_average_one(rng, seed):
    X = factors(rng, 60) * [1, 2, 3, 1, 1, 0] + 1e3
    rbm = GaussianRBM(3, n_iter=0, random_state=seed).fit(X)
    variance = X.var(axis=0)
    variance[-1] = variance[:-1].mean()
    np.testing.assert_allclose(rbm.variance_, variance)
    small = GaussianRBM(3, n_iter=0, random_state=seed).fit(X * 2.0**-40)
    np.testing.assert_allclose(small.variance_, variance * 2.0**-80)
    constant = GaussianRBM(3, n_iter=0, random_state=seed).fit(np.full((9, 2), 7.0))
    np.testing.assert_array_equal(constant.variance_, 1)


@quiet
def test_start_in_the_middle_of_the_data(rng, seed):
    """Hidden units do not lean to a side, wherever the zero of a column is."""
    X = factors(rng, 60) + np.array([0, 10, -100, 1000, 1, 2])
    rbm = GaussianRBM(5, n_iter=0, random_state=seed).fit(X)
    middle = X.mean(axis=0, keepdims=True)
    np.testing.assert_allclose(rbm.transform(middle), 0.5, atol=1e-9)
    spread = (rbm.components_ * X.std(axis=0)).std()
    assert 0.5 * 0.01 < spread < 1.5 * 0.01


@quiet
def test_partial_fit_follows_the_moments_of_all_calls(rng, seed):
    X = 7.0 + 3.0 * factors(rng, 120)
    rbm = GaussianRBM(3, random_state=seed)
    for part in (X[:10], X[10:60], X[60:]):
        rbm.partial_fit(part)
    n, mean, variance = rbm.machine_.visible._moments
    assert n == 120
    np.testing.assert_allclose(mean, X.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(variance, X.var(axis=0), rtol=1e-12)


def test_hints(rng):
    X = factors(rng, 60)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GaussianRBM(2, n_iter=1).fit(X)
    X[:, 4] *= 100
    with pytest.warns(DataRangeWarning, match="1 columns.*column 4.*StandardScaler"):
        GaussianRBM(2, n_iter=1).fit(X)
    X[:, 4] = 1.0
    with pytest.warns(DataRangeWarning, match="constant: 4") as caught:
        GaussianRBM(2, n_iter=1).fit(X)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("n_rows", [100, 400])
def test_hint_at_heavy_tails(n_rows, rng):
    """At a column with an outlier; not at normal columns, indicators and few rows."""
    X = rng.normal(size=(n_rows, 5))
    X[:, 4] = np.arange(n_rows) == 5
    X[:, 4] /= X[:, 4].std()
    X[7, 2] = 60.0
    X[:, 2] /= X[:, 2].std()
    with pytest.warns(DataRangeWarning, match="of a hundred: 2. .*PowerTr") as caught:
        GaussianRBM(2, n_iter=1, random_state=0).fit(X)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GaussianRBM(2, n_iter=1).fit(X[:, [0, 1, 4]])
        GaussianRBM(2, n_iter=1).fit(X[:90])


@pytest.mark.parametrize("side", [-1, 1])
def test_hint_at_skewed_columns(side, rng):
    X = rng.normal(size=(400, 4))
    X[:, 2] = side * np.exp(0.8 * X[:, 2])
    X[:, 3] = rng.uniform(size=400) < 0.05
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    with pytest.warns(DataRangeWarning, match="are skewed.*: 2. .*PowerTr") as caught:
        GaussianRBM(2, n_iter=1, random_state=0).fit(X)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GaussianRBM(2, n_iter=1).fit(X[:, [0, 1, 3]])
        GaussianRBM(2, n_iter=1).fit(X[:90])
        transformed = PowerTransformer().fit_transform(X[:, :3])
        GaussianRBM(2, n_iter=1).fit(transformed)


def test_infinity(rng):
    X = factors(rng, 20)
    X[3, 2] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        GaussianRBM(2).fit(X)


def test_steps_are_no_longer_than_the_limit(make_machine, rng):
    machine = make_machine(4, 3, names=("gaussian", "bernoulli"))
    scale = np.array([1.0, 4.0, 0.25, 9.0])
    machine.visible.start(4, (9, np.zeros(4), 1 / scale))
    direction = {k: rng.normal(size=a.shape) for k, a in machine.params.items()}
    before = copy.deepcopy(direction)
    length = np.sqrt((before["weights"] ** 2 / scale[:, None]).sum())
    assert machine.length(direction) == pytest.approx(length)
    shorten(direction, machine, 2 * length)
    for name, array in direction.items():
        np.testing.assert_array_equal(array, before[name])
    shorten(direction, machine, length / 8)
    for name, array in direction.items():
        np.testing.assert_allclose(array, before[name] / 8)


def test_the_limit_is_of_the_gradient_with_its_penalty(make_machine, rng):
    """A strong decay makes no longer step, and half of the rate a step of half."""
    machine = make_machine(4, 3, names=("gaussian", "bernoulli"))
    long = {k: rng.normal(size=a.shape) for k, a in machine.params.items()}

    class Given(CD):
        def __call__(self, machine, batch, rng, centering=None, rate=1.0, **options):
            return {name: rate * array for name, array in long.items()}

    for rate in (0.5, 1.0):
        direction = Direction(Given(), weight_decay=WeightDecay(50.0, 0.0), limit=0.1)
        found = direction(machine, Batch(None), rng, rate)
        squares = np.square(found["weights"]) / machine.visible.step_scale[:, None]
        assert np.sqrt(squares.sum()) == pytest.approx(0.1 * rate)
        assert direction.diagnostics() == {"shortened_steps": 1}
        assert direction.diagnostics() == {}


@pytest.mark.parametrize(
    "visible, hidden",
    [
        ("poisson", "gaussian"),
        ("poisson", "poisson"),
        ("gaussian", "poisson"),
        ("rectified", "poisson"),
        (Concatenated([("bernoulli", 2), ("poisson", 4)]), "rectified"),
    ],
)
def test_pairs_without_a_normalizer_are_refused(visible, hidden):
    rbm = RBM(2, visible=visible, hidden=hidden)
    with pytest.raises(ValueError, match="no normalizer") as caught:
        rbm.fit(np.ones((4, 6)) * [1, 0, 1, 2, 3, 1])
    assert "hidden='bernoulli'" in str(caught.value)
    assert not hasattr(rbm, "machine_") and not hasattr(rbm, "n_features_in_")


@pytest.mark.parametrize("gradient", ["cd", "pcd"])
def test_two_gaussian_layers_follow_strong_factors(gradient, rng, seed):
    # The largest variance in any direction is some twenty times that of a column.
    X = factors(rng, 1200, 40)
    train, test = X[::2], X[1::2]
    rbm = RBM(
        8,
        visible="gaussian",
        hidden="gaussian",
        gradient=gradient,
        n_iter=50,
        random_state=seed,
    ).fit(train)
    W, variance = rbm.components_.T, 1 / rbm.machine_.visible.precision
    precision = np.diag(1 / variance) - W @ W.T
    covariance = np.linalg.inv(precision)
    mean = covariance @ (rbm.intercept_visible_ + W @ rbm.intercept_hidden_)
    found = stats.multivariate_normal(mean, covariance).logpdf(test).mean()
    assert found > independent_gaussian(train, test) + 10


@pytest.mark.slow
@quiet
@pytest.mark.parametrize("visible", ["gaussian", "rectified"])
@pytest.mark.parametrize("hidden", ["gaussian", "rectified"])
def test_two_unbounded_layers_keep_a_normalizer(visible, hidden, rng, seed):
    X = np.abs(factors(rng, 300))
    rbm = RBM(
        4,
        visible=visible,
        hidden=hidden,
        n_iter=100,
        random_state=seed,
    ).fit(X)
    machine = rbm.machine_
    spread = np.broadcast_to(machine.visible.spread(6), 6)
    assert np.linalg.norm(spread[:, None] * machine.weights, 2) < 0.995
    assert np.isfinite(rbm.score(X)) and np.isfinite(rbm.sample(5)).all()


@quiet
@pytest.mark.parametrize(
    "visible, hidden",
    [
        ("spin", "spin"),
        ("bernoulli", "gaussian"),
        ("bernoulli", "poisson"),
        ("bernoulli", "rectified"),
        ("gaussian", "spin"),
        ("rectified", "bernoulli"),
        ("poisson", "bernoulli"),
        ("softmax", Softmax(4)),
    ],
)
def test_every_type_learns_and_scores(visible, hidden, rng, seed):
    n = 300
    if visible in ("bernoulli", "spin", "softmax"):
        low = -1.0 if visible == "spin" else 0.0
        first = np.where(rng.random((n, 3)) < 0.5, 1.0, low)
        other = np.where(rng.random((n, 3)) < 0.1, 1 + low - first, first)
        X = np.stack([first, 1 + low - first], axis=2).reshape(n, 6)
        if visible != "softmax":
            X = np.hstack([first, other])
    else:
        X = np.abs(factors(rng, n))
        X = np.rint(2 * X) if visible == "poisson" else X
    rbm = RBM(8, visible=visible, hidden=hidden, n_iter=20, random_state=seed).fit(X)
    untrained = RBM(8, visible=visible, hidden=hidden, n_iter=0, random_state=seed)
    # The columns of softmax groups are independent: there is nothing to learn.
    slack = 0.1 if visible == "softmax" else 0.0
    assert rbm.score(X) > untrained.fit(X).score(X) - slack
    assert rbm.sample(3, n_steps=5).shape == rbm.reconstruct(X[:3]).shape == (3, 6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        log_z = log_partition(rbm, X=X, n_betas=200, random_state=seed)
    assert np.isfinite(log_z.value)


@quiet
@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csr_matrix])
@pytest.mark.parametrize("visible", ["gaussian", "poisson", Gaussian(1.0), "softmax"])
def test_sparse_equals_dense(container, visible, rng, seed):
    X = rng.poisson(0.2, (60, 8)).astype(float)
    if visible == "softmax":
        X = np.eye(8)[rng.integers(2, size=60)][:, :2].repeat(4, 1)[:, [0, 4] * 4]
    dense, thin = (
        RBM(3, visible=visible, gradient=CD(), n_iter=2, random_state=seed).fit(Y)
        for Y in (X, container(X))
    )
    np.testing.assert_allclose(dense.components_, thin.components_, rtol=1e-9)
    np.testing.assert_allclose(
        dense.score_samples(X), thin.score_samples(container(X)), rtol=1e-9
    )
    np.testing.assert_allclose(
        dense.free_energy(X), thin.free_energy(container(X)), rtol=1e-9
    )


@pytest.mark.parametrize("gradient", ["cd", "pcd"])
@pytest.mark.parametrize("n_components", [2, 60])
def test_thin_counts_equal_dense_ones(gradient, n_components, rng, seed):
    """Fewer rows than hidden units, and more; columns of large and small counts."""
    X = np.zeros((40, 150))
    X[rng.integers(40, size=30), rng.integers(150, size=30)] = rng.poisson(9, 30)
    X[:2, 7] = 90, 30
    settings = dict(visible="poisson", gradient=gradient, learning_rate=0.01, n_iter=2)
    dense, thin = (
        RBM(n_components, **settings, random_state=seed).fit(Y)
        for Y in (X, sparse.csr_array(X))
    )
    assert dense.machine_.visible.step_scale.min() < 0.1
    for one, other in zip(
        dense.machine_.params.values(), thin.machine_.params.values(), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", ["ais", "reverse-ais"])
@pytest.mark.parametrize("visible", ["gaussian", "poisson", "rectified", "softmax"])
@quiet
def test_annealing_of_other_units(visible, method, rng, seed):
    """Annealed and exact normalizers agree: precisions are tempered as well."""
    X = 2 * np.abs(factors(rng, 200))
    if visible == "poisson":
        X = np.rint(X)
    if visible == "softmax":
        first = rng.integers(2, size=(200, 3))
        X = np.stack([first, 1 - first], axis=2).reshape(200, 6).astype(float)
    rbm = RBM(5, visible=visible, gradient="cd", n_iter=20, random_state=seed).fit(X)
    exact = log_partition(rbm, method="exact").value
    found = log_partition(
        rbm, method=method, X=X, n_betas=500, n_chains=400, random_state=seed
    )
    middle, half = (found.low + found.high) / 2, (found.high - found.low) / 2
    # The interval is of three standard errors; five are allowed.
    assert abs(exact - middle) < 5 / 3 * half + 1e-4
    without = log_partition(rbm, method="ais", n_betas=500, random_state=seed)
    assert abs(without.value - exact) < 0.5


@quiet
@pytest.mark.parametrize("momentum, rate", [(0.0, 0.3), (Step(0.5, 0.9), 0.03)])
@every_gradient
def test_where_the_zero_is_does_not_matter(gradient, momentum, rate, rng, seed):
    """Two clusters, whose variances fall far below those of the columns."""
    X = rng.normal(np.repeat([[-1.0], [1.0]], 40, axis=0), 0.3, (80, 2))
    settings = dict(gradient=gradient, momentum=momentum, learning_rate=Linear(rate))
    likelihoods = []
    for dtype, offset in product([np.float64, np.float32], [0, 10, 1000]):
        rows = (X + offset * X.std()).astype(dtype)
        rbm = GaussianRBM(3, n_iter=60, random_state=seed, **settings).fit(rows)
        assert (rbm.variance_ < 0.9 * X.var(axis=0)).all()
        likelihoods.append(log_likelihood(rbm, rows).mean())
    np.testing.assert_allclose(likelihoods[:3], likelihoods[0], rtol=1e-6)
    # In float32 an offset of 1,000 deviations leaves four digits of a gap.
    np.testing.assert_allclose(likelihoods[3:], likelihoods[0], atol=0.2)


@quiet
@pytest.mark.parametrize("objective", ["generative", "hybrid"])
def test_momentum_far_from_zero(objective, seed):
    """With a label beside the columns, in the hybrid gradient as well."""
    X, y = load_iris(return_X_y=True)
    X = scale(X)
    settings = dict(objective=objective, momentum=0.9, n_iter=10, random_state=seed)
    found = [
        RBMClassifier(5, visible="gaussian", **settings)
        .fit(rows, y)
        .predict_proba(rows)
        for rows in (X, X + 10)
    ]
    np.testing.assert_allclose(found[1], found[0], atol=1e-6)
    assert np.isfinite(found).all() and np.ptp(found[0], axis=0).max() > 1e-3
    mixed = np.column_stack([X, y == 1])
    fits = [
        MixedRBM(5, momentum=0.9, n_iter=10, random_state=seed).fit(mixed + shift)
        for shift in (0, [5.0, -3, 100, 7, 0])
    ]
    np.testing.assert_allclose(fits[0].components_, fits[1].components_, rtol=1e-5)


@pytest.fixture
def spectra(rng):
    """Rows that vary in few directions, so that long gradients are shortened."""
    return scale(rng.normal(size=(100, 2)) @ rng.normal(size=(2, 200)))


def test_the_rate_counts_where_steps_are_shortened(spectra, seed):
    variances = []
    for rate in (0.01, 0.03, 0.1):
        rbm = GaussianRBM(64, learning_rate=Linear(rate), random_state=seed)
        rbm.fit(spectra)
        assert rbm.history_[-1]["shortened_steps"] >= 0.2
        variances.append(rbm.variance_.mean())
    assert variances[0] > 1.02 * variances[1] > 1.04 * variances[2]


def test_no_step_is_shortened_where_none_is_long(rng, seed):
    rbm = GaussianRBM(16, n_iter=2, random_state=seed).fit(rng.normal(size=(50, 5)))
    assert [epoch["shortened_steps"] for epoch in rbm.history_] == [0, 0]
    binary = RBM(4, n_iter=1, random_state=seed).fit(rng.integers(0, 2, (20, 5)))
    assert "shortened_steps" not in binary.history_[0]


def heavy_sources(rng, n):
    signs = np.sign(rng.normal(size=(n, 8)))
    return signs * rng.exponential(size=(n, 8)) ** 1.5


def clusters(rng, n):
    return rng.choice([-1, 1], (n, 6)) + 0.3 * rng.normal(size=(n, 6))


@pytest.mark.parametrize("draw, n_iter", [(heavy_sources, 10), (clusters, 40)])
def test_whitened_data_are_learned(draw, n_iter, rng, seed):
    """Independent sources with heavy or light tails, turned: nothing is correlated."""
    sources = draw(rng, 2500)
    n_columns = sources.shape[1]
    sources = sources @ rng.normal(size=(n_columns, n_columns))
    train, test = np.split(PCA(whiten=True).fit_transform(sources), [2000])
    rbm = GaussianRBM(48, n_iter=n_iter, random_state=seed).fit(train)
    normal = stats.norm(train.mean(axis=0), train.std(axis=0))
    log_z = log_partition(rbm, X=train, n_chains=50, n_betas=500, random_state=seed)
    found = log_likelihood(rbm, test, log_z.high).mean()
    assert rbm.variance_.mean() < 0.9
    assert found > normal.logpdf(test).sum(axis=1).mean() + 0.05


@pytest.mark.parametrize(
    "draw, n_rows, is_large",
    [
        ("clusters", 150, True),
        ("points", 150, True),
        ("clusters", 90, False),
        ("normal", 150, False),
    ],
)
def test_clusters_along_one_of_several_directions(draw, n_rows, is_large, rng, seed):
    """The squared norm hardly tells."""
    X = rng.normal(size=(n_rows, 6))
    if draw != "normal":
        X[:, 0] = 6 * (rng.random(n_rows) < 0.5) + X[:, 0] * (draw == "clusters")
    X = PCA(whiten=True).fit_transform(X @ rng.normal(size=(6, 6)))
    start = GaussianRBM(20, n_iter=0, random_state=seed).fit(X)
    assert (np.linalg.norm(start.components_, axis=1) > 0.3).any() == is_large


@pytest.mark.parametrize("n_light, n_large", [(1, 1), (6, 5)])
def test_a_large_unit_starts_along_the_lightest_tails(n_light, n_large, rng, seed):
    X = rng.normal(size=(1500, 6))
    X[:, :n_light] = rng.choice([-1, 1], (1500, n_light)) + 0.5 * X[:, :n_light]
    X[:, 0] = rng.choice([-1, 1], 1500) + 0.2 * rng.normal(size=1500)
    start = GaussianRBM(20, n_iter=0, random_state=seed).fit(scale(X))
    norms = np.linalg.norm(start.components_, axis=1)
    assert (norms > 0.3).sum() == n_large
    assert norms[0] == pytest.approx(1.5)
    assert abs(start.components_[0, 0]) > 0.98 * norms[0]
    # On for one of two clusters: half of the rows.
    on = start.transform(scale(X))[:, 0]
    assert 0.35 < on.mean() < 0.65
    assert abs(np.corrcoef(on, X[:, 0])[0, 1]) > 0.9


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_what_large_units_add_at_first_is_taken_from_the_biases(scale, rng, seed):
    """So that the model begins at the mean of the data, in any unit of measure."""
    X = rng.laplace(size=(2000, 8))
    X = scale * (X - X.mean(axis=0)) / X.std(axis=0)
    machine = GaussianRBM(8, n_iter=0, random_state=seed).fit(X).machine_
    norms = np.linalg.norm(machine.weights * scale, axis=0)
    assert 1 < norms.min() and norms.max() < 4
    hidden = machine.hidden_mean(X.mean(axis=0)[None])
    assert hidden.max() < 0.06
    mean = machine.visible_mean(hidden)[0]
    np.testing.assert_allclose(mean, 0, atol=1e-6 * scale)


def test_the_visible_intercept_is_that_of_plain_fields(rng, seed):
    """Without hidden units that are on, the mean is the intercept times the variance."""
    X = rng.normal(2, 2, (60, 3))
    rbm = GaussianRBM(2, n_iter=1, random_state=seed).fit(X)
    mean = rbm.machine_.visible_mean(np.zeros((1, 2)))[0]
    found = rbm.intercept_visible_ * rbm.variance_
    np.testing.assert_allclose(found, mean, rtol=1e-10)


@quiet
def test_units_are_rare_where_tails_are_heavy(rng, seed):
    """Not of normal rows, of few rows, beside other units or with a target."""
    heavy = np.sign(rng.normal(size=(400, 6))) * rng.exponential(size=(400, 6)) ** 1.5
    for make, X, expected in (
        (GaussianRBM, heavy, 0.2 * 6 / 4 / 20),
        (GaussianRBM, rng.normal(size=(400, 6)), 0.5),
        (GaussianRBM, heavy[:100], 0.5),
        (GaussianRBM, heavy @ rng.normal(size=(6, 6)) + 5 * heavy[:, :1], 0.5),
        (partial(RBM, visible="gaussian", hidden="spin"), heavy, 0.0),
        (partial(SparseRBM, visible="gaussian", target=0.3), heavy, 0.3),
    ):
        X = scale(X)
        rbm = make(20, n_iter=0, random_state=seed).fit(X)
        activity = rbm.transform(X.mean(axis=0, keepdims=True))
        np.testing.assert_allclose(activity, expected, atol=1e-12)
    light = scale(rng.uniform(size=(400, 6)))
    large = GaussianRBM(20, n_iter=0, random_state=seed).fit(light)
    norms = np.linalg.norm(large.components_, axis=1)
    # Four units of weight w explain w²/4 of the variance of a direction each.
    assert (norms > 0.3).sum() == round(4 * 0.5 * 6 / 1.5**2)
    assert (norms[-10:] < 0.1).all()
    light[::2, 0] = np.nan
    holes = GaussianRBM(20, n_iter=0, random_state=seed).fit(light)
    assert (np.linalg.norm(holes.components_, axis=1) < 0.1).all()
    columns = rbm.machine_.visible_mean(np.full((1, 20), 0.3))
    np.testing.assert_allclose(columns, X.mean(axis=0, keepdims=True), atol=0.2)
