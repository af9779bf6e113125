"""Score matching against the formula of its objective, by finite differences."""

import numpy as np
import pytest

from skdbn import RBM, GaussianRBM, MixedRBM
from skdbn._utils._random import make_rng, normal
from skdbn.gradients import ScoreMatching, resolve
from skdbn.machines import RestrictedMachine
from skdbn.machines._centering import Centering
from skdbn.units import Bernoulli, Gaussian

N_VISIBLE, N_HIDDEN, N_ROWS = 4, 3, 6


@pytest.fixture(params=["column", "shared", 0.7])
def variance(request):
    return request.param


@pytest.fixture
def data(rng):
    return rng.normal(1.0, 2.0, (N_ROWS, N_VISIBLE))


@pytest.fixture
def gaussian_machine(variance, data, rng):
    moments = N_ROWS, data.mean(axis=0), data.var(axis=0)
    return RestrictedMachine(
        rng.normal(0, 0.5, (N_VISIBLE, N_HIDDEN)),
        rng.normal(size=N_VISIBLE),
        rng.normal(size=N_HIDDEN),
        Gaussian(variance).start(N_VISIBLE, moments),
        Bernoulli(),
    )


def slopes(v, center, weights, visible_bias, hidden_bias, log_variance):
    """ψ and ∂ψᵢ/∂vᵢ of each row, from a table over the hidden states."""
    states = np.arange(2**N_HIDDEN)[:, None] >> np.arange(N_HIDDEN) & 1
    log_p = (v @ weights + hidden_bias) @ states.T
    p = np.exp(log_p - log_p.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    pulls = states @ weights.T
    mean = p @ pulls
    psi = visible_bias - (v - center) * np.exp(-log_variance) + mean
    return psi, p @ pulls**2 - mean**2 - np.exp(-log_variance)


def objective(params, v, center, factors, noise, deviation, fixed_log_variance):
    """J for given factors of the columns, which are no part of what is derived."""
    log_variance = params[3] if len(params) > 3 else fixed_log_variance
    log_variance = np.broadcast_to(log_variance, N_VISIBLE)
    if noise is None:
        psi, curvature = slopes(v, center, *params[:3], log_variance)
        return ((0.5 * psi**2 + curvature) @ factors).mean()
    psi, _ = slopes(v + deviation * noise, center, *params[:3], log_variance)
    return (0.5 * (psi + noise / deviation) ** 2 @ factors).mean()


def derivatives(params, *args, step=1e-6):
    found = []
    for array in params:
        slope = np.empty_like(array)
        for index in np.ndindex(array.shape):
            value, ends = array[index], []
            for array[index] in (value - step, value + step):
                ends.append(objective(params, *args))
            array[index] = value
            slope[index] = (ends[1] - ends[0]) / (2 * step)
        found.append(slope)
    return found


@pytest.mark.parametrize("noise", [0.0, 0.4])
@pytest.mark.parametrize("is_centered", [False, True])
def test_direction_is_the_gradient(noise, is_centered, gaussian_machine, data, seed):
    machine, rate = gaussian_machine, 0.3
    params = [array.copy() for array in machine.params.values()]
    own_variance = np.broadcast_to(1 / machine.visible.precision, N_VISIBLE)
    gradient = ScoreMatching(noise)
    stream = make_rng(seed)
    gradient.start(machine, N_ROWS, stream)
    centering = None
    if is_centered:
        centering = Centering(data.mean(axis=0), np.full(N_HIDDEN, 0.4))
    stream = make_rng(seed)
    found = list(gradient(machine, data.copy(), stream, centering, rate).values())

    draws = normal(make_rng(seed), data.shape, float) if noise else None
    deviation = noise * own_variance**0.5
    center = data.mean(axis=0)
    args = data, center, own_variance, draws, deviation, np.log(own_variance)
    weights, visible_bias, hidden_bias, *own = derivatives(params, *args)
    precision = machine.visible.precision
    v0 = h0 = 0.0
    if is_centered:
        v0, h0 = data.mean(axis=0), np.full(N_HIDDEN, 0.4)
        weights = weights - np.outer(visible_bias, h0) - np.outer(v0, hidden_bias)
    scale = np.broadcast_to(precision, N_VISIBLE)[:, None]
    step = -rate * scale * weights
    expected_visible = -rate * precision * visible_bias - step @ (
        h0 + np.zeros(N_HIDDEN)
    )
    expected_hidden = -rate * hidden_bias - (v0 + np.zeros(N_VISIBLE)) @ step
    if own:
        # Of the batch's squares those of all rows take the place: here they are equal,
        # but for the squares of the noise and its products.
        slope = own[0]
        each = np.broadcast_to(precision, N_VISIBLE)
        if noise:
            u = data + deviation * draws - center
            excess = (u**2).mean(axis=0) - (data.var(axis=0) + deviation**2)
            extra = each * excess
            slope = slope + (extra if len(slope) > 1 else extra.sum())
        steps = -rate * machine.visible.param_steps[0] * slope
        np.testing.assert_allclose(found[3], steps, rtol=1e-6, atol=1e-7)
    for one, other in zip(
        found, (step, expected_visible, expected_hidden), strict=False
    ):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("noise", [0.0, 0.4])
def test_objective_of_each_epoch(noise, data, seed):
    """Of one step an epoch, on all rows, it is that of the epoch before."""
    gradient = ScoreMatching(noise)
    fits = [
        GaussianRBM(
            N_HIDDEN,
            gradient=gradient,
            batch_size=N_ROWS,
            learning_rate=0.1,
            n_iter=n_iter,
            random_state=seed,
        ).fit(data)
        for n_iter in range(3)
    ]
    center, deviation = data.mean(axis=0), noise * data.std(axis=0)
    history = [row["objective"] for row in fits[2].history_]
    for rbm, found in zip(fits, history, strict=False):
        params, variance = list(rbm.machine_.params.values()), rbm.variance_
        if not noise:
            expected = objective(params, data, center, variance, None, 0, None)
            assert found == pytest.approx(expected, rel=1e-9)
            continue
        draws = np.random.default_rng(seed).normal(size=(20_000, N_VISIBLE))
        rows = np.tile(data, (len(draws) // N_ROWS + 1, 1))[: len(draws)]
        expected = objective(params, rows, center, variance, draws, deviation, None)
        # Of a sum of about four squares, halved, for each of six rows.
        assert found == pytest.approx(expected, rel=5 * np.sqrt(2 / N_VISIBLE / N_ROWS))
    assert history[0] != history[1]


@pytest.mark.parametrize("is_centered", [False, True])
def test_what_sparsity_adds_to_the_hidden_means(
    is_centered, gaussian_machine, data, rng, seed
):
    """It goes up along with the likelihood, as of any other gradient."""
    machine, added = gaussian_machine, rng.normal(size=(N_ROWS, N_HIDDEN))

    class Pull:
        def see(self, hidden_mean, weights=None):
            np.testing.assert_allclose(hidden_mean, machine.hidden_mean(data))
            hidden_mean += added

    found = []
    for chosen in (None, Pull()):
        gradient, centering = ScoreMatching(), None
        v0, h0 = np.zeros(N_VISIBLE), np.zeros(N_HIDDEN)
        if is_centered:
            v0, h0 = data.mean(axis=0), np.full(N_HIDDEN, 0.4)
            centering = Centering(v0, h0)
        gradient.start(machine, N_ROWS, rng)
        step = gradient(machine, data, rng, centering, 0.3, sparsity=chosen)
        found.append([array.copy() for array in step.values()])
        if is_centered:
            mean = 0.99 * h0 + 0.01 * machine.hidden_mean(data).mean(axis=0)
            np.testing.assert_allclose(centering.hidden, mean)
    change = [two - one for one, two in zip(*found, strict=True)]
    scale = 1 / np.exp(machine.visible.log_variance_)
    scale = np.broadcast_to(scale, N_VISIBLE)[:, None]
    weights = 0.3 * scale * ((data - v0).T @ added) / N_ROWS
    np.testing.assert_allclose(change[0], weights, atol=1e-12)
    np.testing.assert_allclose(change[1], -weights @ h0, atol=1e-12)
    expected = 0.3 * added.mean(axis=0) - v0 @ weights
    np.testing.assert_allclose(change[2], expected, atol=1e-12)


def test_objective_is_recorded(data, seed):
    rbm = GaussianRBM(3, gradient="score-matching", n_iter=4, random_state=seed)
    rbm.fit(np.tile(data, (20, 1)))
    assert [set(row) >= {"objective"} for row in rbm.history_] == [True] * 4


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_finds_the_truth(noise, rng, seed):
    """A model without hidden units' pull: two Gaussians, at known places."""
    n, deviation = 4000, np.array([0.5, 2.0])
    side = rng.random(n) < 0.5
    places = np.where(side[:, None], [1.0, -3.0], [-1.0, 3.0])
    X = places + deviation * rng.normal(size=(n, 2))
    rbm = GaussianRBM(
        1, gradient=ScoreMatching(noise), n_iter=30, random_state=seed
    ).fit(X)
    truth = deviation**2 + (noise**2 * X.var(axis=0) if noise else 0)
    # The estimate follows 4,000 rows; its error is a few times that of a variance.
    assert np.abs(rbm.variance_ / truth - 1).max() < 8 * np.sqrt(2 / n)


@pytest.mark.filterwarnings("ignore::skdbn.exceptions.DataRangeWarning")
@pytest.mark.parametrize(
    "settings, words",
    [
        (
            {"visible": "bernoulli"},
            ["visible units that are all Gaussian", "Bernoulli", "gradient='cd'"],
        ),
        (
            {"visible": "gaussian", "hidden": "gaussian"},
            ["hidden units that are all Bernoulli", "Gaussian", "gradient='cd'"],
        ),
    ],
)
def test_other_units(settings, words, data, seed):
    rbm = RBM(3, gradient="score-matching", random_state=seed, **settings)
    with pytest.raises(ValueError) as caught:
        rbm.fit(np.clip(data, 0, 1))
    assert all(word in str(caught.value) for word in words)
    assert not hasattr(rbm, "machine_")


@pytest.mark.parametrize("kinds", ["real-valued", "mixed"])
def test_columns_of_several_kinds(kinds, data, seed):
    """No derivative by a bit: a MixedRBM, whatever its columns, names the remedy."""
    X = data if kinds == "real-valued" else np.hstack([data, data[:, :1] > 0])
    rbm = MixedRBM(3, gradient="score-matching", random_state=seed)
    with pytest.raises(ValueError, match=r"all Gaussian.*gradient='cd'.*GaussianRBM"):
        rbm.fit(X)
    assert not hasattr(rbm, "machine_")
    rbm.set_params(gradient="cd").fit(X)


@pytest.mark.parametrize("noise", [-0.1, np.inf, "much"])
def test_bad_noise(noise, data):
    with pytest.raises(ValueError, match="noise"):
        GaussianRBM(2, gradient=ScoreMatching(noise)).fit(data)


def test_resolves():
    assert isinstance(resolve("score-matching"), ScoreMatching)
