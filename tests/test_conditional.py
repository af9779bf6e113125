"""The conditional machine, by sums over all hidden states, and its estimator."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, gammaln, logsumexp
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdbn import RBM, ConditionalRBM
from skdbn._data._sequences import ConditionalSource
from skdbn._training._conditional import _ridge
from skdbn.gradients import CD, FPCD, PCD, PT
from skdbn.machines import ConditionalMachine, RestrictedMachine
from skdbn.testing import check_machine
from skdbn.units import Bernoulli, Concatenated, Gaussian

N_GIVEN, N_HIDDEN = 2, 2
KINDS = {
    "bernoulli": ["bernoulli"] * 3,
    "gaussian": ["gaussian"] * 3,
    "poisson": ["poisson"] * 3,
    "softmax": ["softmax"] * 3,
    "beside": ["bernoulli", "gaussian", "gaussian", "poisson"],
}
CENTER, VARIANCE = 0.4, 0.7


def bits(n):
    return np.array(list(product([0.0, 1.0], repeat=n)))


def new_machine(kind, rng, dtype=np.float64, variance=VARIANCE):
    kinds = KINDS[kind]
    n = len(kinds)
    parts = [("softmax", 1, 3)] if kind == "softmax" else [(one, 1) for one in kinds]
    visible = Concatenated(parts).start(
        n, (50, np.full(n, CENTER), np.full(n, variance)), dtype
    )
    arrays = [
        rng.normal(0, 0.4, shape).astype(dtype)
        for shape in (
            *((n, N_HIDDEN), n, N_HIDDEN),
            *((N_GIVEN, n), (N_GIVEN, N_HIDDEN), N_GIVEN),
        )
    ]
    plain = RestrictedMachine(*arrays[:3], visible)
    return ConditionalMachine(plain, *arrays[3:], given_scale=np.ones(N_GIVEN, dtype))


def draw_rows(kind, n, rng):
    """Rows of u and v, whatever the model says of them."""
    columns = {
        "bernoulli": lambda: rng.integers(0, 2, n),
        "gaussian": lambda: rng.normal(0.3, 1, n),
        "poisson": lambda: rng.poisson(1.5, n),
    }
    if kind == "softmax":
        v = np.eye(3)[rng.integers(0, 3, n)]
    else:
        v = np.stack([columns[one]() for one in KINDS[kind]], 1).astype(float)
    return np.hstack([rng.normal(size=(n, N_GIVEN)), v])


def arrays_of(machine):
    plain = machine.restricted
    names = ("to_visible", "to_hidden", "given_center")
    own = [getattr(machine, name) for name in names]
    variances = {
        name: np.exp(array)
        for name, array in plain.params.items()
        if name.startswith("visible_") and name != "visible_bias"
    }
    variance = np.full(len(plain.weights), VARIANCE)
    values = [value for array in variances.values() for value in array]
    return plain.weights, plain.visible_bias, plain.hidden_bias, *own, variance, values


def log_joint(kind, machine, rows):
    """log p(v, h | u) + log Z(u) of each row and each h, term by term."""
    W, b, c, A, B, u0, variance, learned = arrays_of(machine)
    learned = list(learned)
    u, v = rows[:, :N_GIVEN] - u0, rows[:, N_GIVEN:]
    every_h = bits(N_HIDDEN)
    total = (c + u @ B) @ every_h.T + v @ W @ every_h.T + (v @ b)[:, None]
    shift = u @ A
    for i, one in enumerate(KINDS[kind]):
        x = v[:, i]
        if one == "gaussian":
            square = (x - CENTER - shift[:, i]) ** 2
            term = -square / (2 * (learned.pop(0) if learned else variance[i]))
        else:
            term = x * shift[:, i] - (gammaln(x + 1) if one == "poisson" else 0)
        total += term[:, None]
    return total


def log_z(kind, machine, u):
    """log Z(u), summed or integrated over v for each h by the formula of each unit."""
    W, b, c, A, B, u0, variance, learned = arrays_of(machine)
    learned = list(learned)
    u, every_h = u - u0, bits(N_HIDDEN)
    field, shift = b + every_h @ W.T, u @ A
    total = (c + u @ B) @ every_h.T
    if kind == "softmax":
        return logsumexp(
            total + logsumexp(field[None] + shift[:, None], axis=2), axis=1
        )
    for i, one in enumerate(KINDS[kind]):
        f, m = field[None, :, i], shift[:, i, None]
        if one == "gaussian":
            s = learned.pop(0) if learned else variance[i]
            total += f * (CENTER + m) + s * f**2 / 2 + np.log(2 * np.pi * s) / 2
        elif one == "poisson":
            total += np.exp(f + m)
        else:
            total += np.logaddexp(0, f + m)
    return logsumexp(total, axis=1)


def log_likelihood(kind, machine, rows):
    """log p(v | u) of each row."""
    joint = logsumexp(log_joint(kind, machine, rows), axis=1)
    return joint - log_z(kind, machine, rows[:, :N_GIVEN])


def slopes(function, machine):
    """The derivatives of a number by all parameters, by central differences."""
    found = {}
    for name, array in machine.params.items():
        found[name] = np.empty(array.shape)
        for place in np.ndindex(array.shape):
            before, ends = array[place], []
            for step in (1e-5, -1e-5):
                array[place] = before + step
                ends.append(function())
            array[place] = before
            found[name][place] = (ends[0] - ends[1]) / 2e-5
    return found


each_kind = pytest.mark.parametrize("kind", KINDS)


def test_conformance(rng, seed):
    machine = new_machine("bernoulli", rng)
    machine.restricted.visible = Bernoulli()
    # The checks take what is given for bits as well.
    machine.given_center[:] = 0
    check_machine(machine, seed=seed)


@each_kind
def test_free_energy_is_the_sum_over_hidden_states(kind, rng):
    machine, rows = new_machine(kind, rng), draw_rows(kind, 20, rng)
    expected = -logsumexp(log_joint(kind, machine, rows), axis=1)
    np.testing.assert_allclose(machine.free_energy(rows), expected, atol=1e-10)


@each_kind
def test_moments_are_the_slopes_of_the_free_energy(kind, rng):
    machine, rows = new_machine(kind, rng), draw_rows(kind, 20, rng)
    expected = slopes(
        lambda: logsumexp(log_joint(kind, machine, rows), axis=1).mean(), machine
    )
    found = machine.moments(machine.infer(rows))
    for name, slope in expected.items():
        np.testing.assert_allclose(found[name], slope, atol=1e-8, err_msg=name)


@pytest.mark.slow
@each_kind
@pytest.mark.parametrize("gradient", ["cd", "pcd", "pt"])
def test_chains_at_rest_give_the_slope_of_the_likelihood(kind, gradient, rng, seed):
    """The mean direction over batches of one row is that of log p(v | u)."""
    if gradient == "pt" and kind == "poisson":
        # At high temperatures counts are large, and the chains slow.
        gradient = "pcd"
    machine = new_machine(kind, rng)
    rows = np.repeat(draw_rows(kind, 4, rng), 500, axis=0)
    expected = slopes(lambda: log_likelihood(kind, machine, rows).mean(), machine)
    own = {"cd": CD(40), "pcd": PCD(10, 2000), "pt": PT(3, 5, 2000)}[gradient]
    own.start(machine, len(rows), rng)
    found = []
    for _ in range(30):
        direction = own(machine, rows, rng)
        found.append({name: step.copy() for name, step in direction.items()})
    is_real = np.array([one == "gaussian" for one in KINDS[kind]])
    for name, slope in expected.items():
        # In groups, since persistent chains are not independent.
        steps = np.array([one[name] for one in found[5:]])
        steps = steps.reshape(5, 5, *steps.shape[1:]).mean(axis=1)
        mean = steps.mean(axis=0)
        # Five groups tell an error roughly; it is no smaller than of independent steps.
        singles = np.array([one[name] for one in found[5:]]).std(axis=0) / 5
        error = np.maximum(steps.std(axis=0) / np.sqrt(len(steps)), singles)
        # Steps are in units of the deviations, and slower for learned variances.
        if name in ("weights", "visible_bias"):
            factor = np.where(is_real, 1 / VARIANCE, 1.0)
            slope = slope * (factor[:, None] if slope.ndim == 2 else factor)
        elif name == "to_visible":
            real = iter(arrays_of(machine)[-1])
            slope = slope * [next(real) if one else 1.0 for one in is_real]
        elif name.startswith("visible_"):
            slope = slope * 0.3
        gap = np.abs(mean - slope)
        assert (gap < 6 * error + 2e-3).all(), (name, mean, slope, error)


@each_kind
def test_pseudo_likelihood_is_that_of_single_values(kind, rng):
    """log p(vᵢ | the others, u) by sums over vᵢ of the joint distribution."""
    machine, rows = new_machine(kind, rng), draw_rows(kind, 6, rng)
    given, v = machine.given(rows)
    found = given.log_conditionals(v)
    grids = {
        "bernoulli": np.array([0.0, 1.0]),
        "gaussian": np.linspace(-12, 12, 4001),
        "poisson": np.arange(60.0),
    }
    expected = np.empty(found.shape)
    own = logsumexp(log_joint(kind, machine, rows), axis=1)
    if kind == "softmax":
        for k, row in enumerate(rows):
            others = np.hstack([np.tile(row[:N_GIVEN], (3, 1)), np.eye(3)])
            logs = logsumexp(log_joint(kind, machine, others), axis=1)
            expected[k] = own[k] - logsumexp(logs)
    else:
        for i, one in enumerate(KINDS[kind]):
            grid = grids[one]
            width = np.log(grid[1] - grid[0]) if one == "gaussian" else 0.0
            for k, row in enumerate(rows):
                others = np.tile(row, (len(grid), 1))
                others[:, N_GIVEN + i] = grid
                logs = logsumexp(log_joint(kind, machine, others), axis=1)
                expected[k, i] = own[k] - logsumexp(logs) - width
    np.testing.assert_allclose(found, expected, atol=1e-6)


@each_kind
def test_the_machine_of_some_rows_is_that_of_these_rows(kind, rng):
    machine, rows = new_machine(kind, rng), draw_rows(kind, 6, rng)
    some = np.array([4, 1, 1])
    given, v = machine.given(rows)
    own, own_v = machine.given(rows[some])
    found = given.of_rows(some)
    np.testing.assert_array_equal(found.free_energy(v[some]), own.free_energy(own_v))
    h = bits(N_HIDDEN)[:3]
    np.testing.assert_array_equal(found.visible_mean(h), own.visible_mean(h))


@each_kind
def test_float32_stays(kind, rng):
    machine = new_machine(kind, rng, np.float32)
    rows = draw_rows(kind, 10, rng).astype(np.float32)
    gradient = PCD(2, 15)
    gradient.start(machine, 10, rng)
    for name, step in gradient(machine, rows, rng).items():
        assert step.dtype == np.float32, name
    assert machine.free_energy(rows).dtype == np.float32


def test_uneven_chains_have_the_u_of_the_batch(rng):
    """Of 7 chains beside 3 rows, the row i has those at i, i + 3 and i + 6."""
    machine, rows = new_machine("gaussian", rng), draw_rows("gaussian", 3, rng)
    gradient = PCD(1, 7)
    gradient.start(machine, 3, rng)
    direction = gradient(machine, rows, rng)
    state = gradient.state
    np.testing.assert_array_equal(state.visible[:, :2], rows[[0, 1, 2, 0, 1, 2, 0], :2])
    data = machine.moments(machine.infer(rows))
    model = machine.moments(machine.infer(state.visible))
    expected = data["to_hidden"] - model["to_hidden"]
    np.testing.assert_allclose(direction["to_hidden"], expected, atol=1e-12)


@pytest.mark.parametrize("variance", [0.25, 4.0])
def test_steps_of_counts_are_in_units_of_their_variance(variance, rng):
    """Where that is above 1."""
    machine = new_machine("poisson", rng, variance=variance)
    rows = draw_rows("poisson", 5, rng)
    gradient = PCD(1, 5)
    gradient.start(machine, 5, rng)
    found = gradient(machine, rows, rng)["to_visible"]
    data, model = (
        machine.moments(machine.infer(v))["to_visible"]
        for v in (rows, gradient.state.visible)
    )
    expected = (data - model) / max(variance, 1)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_chains_from_the_data_keep_what_is_given(rng):
    machine, rows = new_machine("bernoulli", rng), draw_rows("bernoulli", 7, rng)
    work = machine.workspace(7, 7)
    machine.load(work, rows)
    machine.contrast(work, rng, 3)
    np.testing.assert_array_equal(work.state.visible[:, :N_GIVEN], rows[:, :N_GIVEN])


def test_mean_field_of_what_is_unknown(rng):
    """E[vᵢ | h] at E[h | v], by the energy; what is given or known stays."""
    machine, rows = new_machine("bernoulli", rng), draw_rows("bernoulli", 20, rng)
    unknown = np.zeros(rows.shape, bool)
    unknown[:, N_GIVEN:] = rng.random((20, 3)) < 0.5
    found = machine.mean_field(rows, unknown)
    np.testing.assert_array_equal(found[~unknown], rows[~unknown])
    W, b, c, A, B, u0, *_ = arrays_of(machine)
    u, v = found[:, :N_GIVEN] - u0, found[:, N_GIVEN:]
    h = expit(v @ W + c + u @ B)
    expected = expit(h @ W.T + b + u @ A)
    np.testing.assert_allclose(
        v[unknown[:, N_GIVEN:]], expected[unknown[:, N_GIVEN:]], atol=1e-3
    )


def test_ridge_is_that_of_ridge_regression(rng):
    u = rng.normal(size=(300, 4)) * [1, 5, 0.2, 1]
    v = u[:, :2] @ [[1.0, 2.0], [0.5, 0.0]] + 0.1 * rng.normal(size=(300, 2)) + 3
    found, variance = _ridge(u - u.mean(axis=0), v, np.full(300, 1 / 300))
    expected = LinearRegression().fit(u, v)
    np.testing.assert_allclose(found.T, expected.coef_, atol=2e-3)
    np.testing.assert_allclose(variance, 0.01, rtol=0.3)
    # Where u says nothing, the penalty is what generalizes.
    noise = rng.normal(size=(60, 50))
    slopes, _ = _ridge(
        noise - noise.mean(axis=0), rng.normal(size=(60, 2)), np.full(60, 1 / 60)
    )
    assert np.abs(slopes).max() < 0.1


# The estimator


@pytest.fixture
def table(rng):
    """Two numbers that say something of three bits, of which one says more."""
    u = rng.normal(size=(400, 2)) * [1, 20] + [0, 100]
    odds = np.stack([u[:, 0], (u[:, 1] - 100) / 20, -u[:, 0]], 1) * 2
    v = (rng.random((400, 3)) < 1 / (1 + np.exp(-odds))).astype(float)
    v[:, 2] = np.where(rng.random(400) < 0.7, v[:, 0], v[:, 2])
    return np.hstack([u, v])


def fitted(context, **settings):
    settings = {"n_components": 3, "n_iter": 20, "random_state": 0} | settings
    return ConditionalRBM(context=context, **settings)


def test_columns_are_named_as_a_column_transformer_does(table):
    frame = pd.DataFrame(table, columns=list("abcde"))
    expected = fitted([0, 1], n_iter=2).fit(table).score_samples(table)
    mask = [True, True, False, False, False]
    for context in (slice(0, 2), mask, np.array([0, 1]), (-5, -4), lambda X: (0, -4)):
        found = fitted(context, n_iter=2).fit(table).score_samples(table)
        np.testing.assert_array_equal(found, expected)
    selector = make_column_selector("a|b")
    for context in (["a", "b"], slice("a", "b"), selector, pd.Index(["a", "b"])):
        model = fitted(context, n_iter=2).fit(frame)
        np.testing.assert_array_equal(model.score_samples(frame), expected)
        assert model.get_feature_names_out()[0] == "conditionalrbm0"


def test_columns_come_back_where_they_were(table, seed):
    order = [3, 0, 4, 1, 2]
    mixed = table[:, order]
    model = fitted([1, 3]).fit(mixed)
    np.testing.assert_array_equal(model.context_columns_, [1, 3])
    np.testing.assert_array_equal(model.visible_columns_, [0, 2, 4])
    for found in (
        model.gibbs(mixed),
        model.reconstruct(mixed),
        model.sample(mixed[:, [1, 3]], n_steps=3),
        model.conditional_sample(
            mixed, np.tile([True, False, False, False, True], (400, 1))
        ),
    ):
        np.testing.assert_allclose(found[:, [1, 3]], mixed[:, [1, 3]])
        assert found.shape == mixed.shape
    mixed[:, 0] = np.nan
    found = model.impute(mixed, n_samples=3)
    np.testing.assert_array_equal(found[:, 1:], mixed[:, 1:])
    assert ((found[:, 0] >= 0) & (found[:, 0] <= 1)).all()


def test_without_a_context_it_is_an_rbm(table):
    bits = table[:, 2:]
    settings = {"n_iter": 3, "random_state": 0, "gradient": "cd"}
    found = ConditionalRBM(4, **settings).fit(bits)
    expected = RBM(4, **settings).fit(bits)
    np.testing.assert_allclose(found.components_, expected.components_, atol=1e-12)
    np.testing.assert_allclose(found.transform(bits), expected.transform(bits))
    np.testing.assert_allclose(found.score_samples(bits), expected.score_samples(bits))


def exact_log_p(model, rows):
    """log p(v | u) of rows of two numbers and three bits, by sums over both layers."""
    machine = model.machine_
    W, b, c = model.components_.T, model.intercept_visible_, model.intercept_hidden_
    u = rows[:, :2] - machine.given_center
    field, bias = c + u @ model.context_components_.T, b + u @ model.context_coef_.T
    every_h = bits(len(c))

    def log_p(v):
        joint = (v * bias).sum(axis=1)[:, None] + (field + v @ W) @ every_h.T
        return logsumexp(joint, axis=1)

    each = [log_p(np.tile(v, (len(rows), 1))) for v in bits(3)]
    return np.array(each) - logsumexp(each, axis=0)


@pytest.mark.slow
@pytest.mark.parametrize("gradient", ["cd", CD(10), PCD(10), FPCD(10), PT(3, 3)])
def test_it_learns_how_columns_follow_from_the_context(gradient, table):
    """Better than the best that does without the context, by what the context says."""
    model = fitted([0, 1], gradient=gradient, n_iter=40).fit(table)
    codes = (table[:, 2:] @ [4, 2, 1]).astype(int)
    found = exact_log_p(model, table)[codes, np.arange(400)].mean()
    share = np.bincount(codes, minlength=8) / 400
    assert found > share @ np.log(share) + 0.25


def test_draws_and_means_follow_the_distribution_given_the_context(table, seed):
    model = fitted([0, 1], n_iter=30, gradient=CD(3)).fit(table)
    rows = table[[0, 1]]
    p = np.exp(exact_log_p(model, rows))
    n = 4000
    context = np.repeat(rows[:, :2], n, axis=0)
    for tempering in (1, 3):
        drawn = model.sample(
            context, n_steps=50, tempering=tempering, random_state=seed
        )
        codes = (drawn[:, 2:] @ [4, 2, 1]).astype(int).reshape(2, n)
        for k in range(2):
            found = np.bincount(codes[k], minlength=8) / n
            assert np.abs(found - p[:, k]).max() < 5 * 0.5 / np.sqrt(n)
    # What is known of v counts as well.
    unknown = rows.copy()
    unknown[:, 2] = np.nan
    found = model.impute(unknown, n_samples=4000, random_state=seed)[:, 2]
    known = bits(3)[:, 1:]
    for k, row in enumerate(rows):
        same = (known == row[3:]).all(axis=1)
        own = p[same, k]
        assert found[k] == pytest.approx(own[1] / own.sum(), abs=0.05)


def test_scores_are_the_sums_of_conditionals(table):
    model = fitted([0, 1]).fit(table)
    log_p = exact_log_p(model, table)
    codes = (table[:, 2:] @ [4, 2, 1]).astype(int)
    rows, total = np.arange(400), np.zeros(400)
    for weight in (4, 2, 1):
        both = log_p[[codes, codes ^ weight], rows]
        total += both[0] - logsumexp(both, axis=0)
    np.testing.assert_allclose(model.score_samples(table), total, atol=1e-8)
    assert model.score(table) == pytest.approx(total.mean())


def test_likelihoods_are_sums_over_all_states_or_annealed(table, seed, monkeypatch):
    model = fitted([0, 1]).fit(table)
    codes = (table[:, 2:] @ [4, 2, 1]).astype(int)
    expected = exact_log_p(model, table)[codes, np.arange(400)]
    np.testing.assert_allclose(model.log_likelihood(table), expected, atol=1e-8)
    monkeypatch.setattr("skdbn.evaluation._conditional.MOST_BITS", 0)
    settings = {"n_betas": 200, "random_state": seed}
    for n_chains in (1, 5):
        found = model.log_likelihood(table, n_chains=n_chains, **settings)
        error = np.abs(found - expected)
        assert error.mean() < 0.05 and error.max() < 0.5
    with pytest.raises(ValueError, match="between those"):
        model.log_likelihood(np.where(table == 1, 0.5, table))


def test_densities_integrate_to_one(rng):
    """By quadrature over a real value; its variance is learned."""
    u = rng.normal(size=(100, 1))
    X = np.hstack([u, u + np.sign(rng.normal(size=(100, 1))) + 0.1 * u])
    model = fitted([0], visible="gaussian", n_iter=5).fit(X)
    grid = np.linspace(-15, 15, 3001)
    for context in (-1.0, 0.5):
        rows = np.stack([np.full(len(grid), context), grid], axis=1)
        p = np.exp(model.log_likelihood(rows))
        assert p.sum() * (grid[1] - grid[0]) == pytest.approx(1, abs=1e-6)


def test_moments_of_the_data_are_those_of_known_values(table, rng):
    unknown = np.zeros(table.shape, bool)
    unknown[:, 2:] = rng.random((400, 3)) < [0.1, 0.4, 0.7]
    v = np.ma.masked_array(table, unknown)[:, 2:]
    source = ConditionalSource(np.where(unknown, 9, table), 2, unknown)
    np.testing.assert_allclose(source.mean, v.mean(axis=0))
    np.testing.assert_allclose(source.variance, v.var(axis=0))


def test_unknown_values_do_not_spoil_the_fit(table, rng):
    holes = table.copy()
    holes[:, 2:][rng.random((400, 3)) < 0.3] = np.nan
    model = fitted([0, 1], n_iter=60).fit(holes)
    codes = (table[:, 2:] @ [4, 2, 1]).astype(int)
    found = exact_log_p(model, table)[codes, np.arange(400)].mean()
    share = np.bincount(codes, minlength=8) / 400
    assert found > share @ np.log(share) + 0.3
    assert np.isfinite(model.score_samples(holes)).all()
    assert np.isfinite(model.transform(holes)).all()


def test_numbers_of_the_context_need_no_scale(table):
    scaled = table.copy()
    scaled[:, :2] = scaled[:, :2] * [1e3, 1e-3] + [5, -7]
    found, expected = (fitted([0, 1]).fit(X).transform(X) for X in (scaled, table))
    np.testing.assert_allclose(found, expected, atol=0.05)


@pytest.mark.parametrize("variance", ["column", 0.5])
def test_real_values_begin_at_their_regression(variance, rng):
    u = rng.normal(size=(500, 3))
    v = u @ rng.normal(size=(3, 2)) + 0.2 * rng.normal(size=(500, 2))
    X = np.hstack([u, v])
    model = fitted(slice(0, 3), visible=Gaussian(variance), n_iter=10).fit(X)
    mean = model.sample(u, n_steps=30, means=True, random_state=0)[:, 3:]
    assert ((mean - v) ** 2).mean() < 0.1
    if variance == "column":
        np.testing.assert_allclose(
            np.exp(model.machine_.visible.log_variance_), 0.04, rtol=0.3
        )


def test_it_goes_behind_a_column_transformer(table):
    frame = pd.DataFrame(table, columns=list("abcde"))
    scale = ColumnTransformer(
        [("scale", StandardScaler(), ["a", "b"])],
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    model = make_pipeline(scale, fitted(["a", "b"])).fit(frame)
    assert model.transform(frame).shape == (400, 3)


@pytest.mark.parametrize(
    ("context", "message"),
    [
        (["nothing"], "context=.* says no columns"),
        ([7], "context=.* says no columns"),
        ([True, False], "context=.* says no columns"),
        ([0, 0], "twice"),
        (list(range(5)), "takes all 5 feature"),
        (lambda X: 1.5, "says no columns"),
    ],
)
def test_what_names_no_columns_is_refused(context, message, table):
    with pytest.raises(ValueError, match=message):
        fitted(context).fit(table)


def test_bad_contexts_are_refused(table):
    model = fitted([0, 1], n_iter=1).fit(table)
    with pytest.raises(ValueError, match=r"context has 3 columns.*fitted to 2"):
        model.sample(table[:, :3])
    with pytest.raises(ValueError, match="NaN"):
        model.sample(np.full((1, 2), np.nan))
    with pytest.raises(ValueError, match="context has 2 rows, and H has 1"):
        model.inverse_transform(np.ones((1, 3)), table[:2, :2])
    unknown = table.copy()
    unknown[3, 1] = np.nan
    for method in (model.fit, model.impute, model.transform, model.score_samples):
        with pytest.raises(
            ValueError, match=r"The context has NaN in 1 values.*column 1"
        ):
            method(unknown)


def test_training_goes_on_with_the_same_context_only(table):
    model = fitted([0, 1], n_iter=1, warm_start=True).fit(table)
    before = model.components_.copy()
    model.partial_fit(table)
    assert np.abs(model.components_ - before).max() > 0
    model.fit(table)
    assert model.n_iter_ == 1
    with pytest.raises(ValueError, match="n_components=4"):
        model.set_params(n_components=4).fit(table)
