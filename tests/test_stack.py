"""The net as a distribution: samples, its bound, and rows with unknown values."""

import warnings

import numpy as np
import pytest
from _oracle import Enumeration, all_states, block, variances_and_centers
from sklearn.frozen import FrozenEstimator

from skdbn import (
    RBM,
    BernoulliRBM,
    BoltzmannImputer,
    DBNTransformer,
    GaussianRBM,
    MixedRBM,
)
from skdbn.evaluation import log_likelihood, log_likelihood_bound, log_partition
from skdbn.exceptions import DataRangeWarning, EstimateWarning
from skdbn.gradients import PCD
from skdbn.machines import RestrictedMachine, Stack
from skdbn.schedules import Linear
from skdbn.units import Gaussian, Softmax


def fitted(machine, **units):
    n_visible, n_hidden = machine.weights.shape
    rbm = RBM(n_hidden, **units) if units else BernoulliRBM(n_hidden)
    rbm.set_params(n_iter=0, random_state=0).fit(np.eye(n_visible))
    rbm.machine_ = machine
    return rbm


@pytest.fixture
def dbn(make_machine):
    """4 visible units, then 3 and 2."""
    return DBNTransformer.from_rbms(
        [fitted(make_machine(4, 3)), fitted(make_machine(3, 2))]
    )


def states(n):
    return all_states("bernoulli", n)[0]


def log_p_rows(fields, x):
    """log p(x | field) of bits, for each row of fields and each row of x."""
    return x @ fields.T - np.logaddexp(0, fields).sum(axis=1)


def exact(dbn):
    """Of a net of two layers: p(v), and the bound of each v, by sums over states."""
    first, second = (rbm.machine_ for rbm in dbn.rbms_)
    v, h = states(len(first.weights)), states(len(first.hidden_bias))
    log_p_h = Enumeration.of(second).log_likelihood(h)
    log_p_v_given_h = log_p_rows(h @ first.weights.T + first.visible_bias, v)
    log_q = log_p_rows(v @ first.weights + first.hidden_bias, h).T
    p = np.exp(log_p_v_given_h + log_p_h).sum(axis=1)
    bound = (np.exp(log_q) * (log_p_v_given_h + log_p_h - log_q)).sum(axis=1)
    return v, p, bound


def test_bound_is_the_sum_over_states(dbn, seed):
    v, p, bound = exact(dbn)
    draws = np.array(
        [
            log_likelihood_bound(dbn, v, n_samples=1, random_state=100 * seed + i)
            for i in range(2000)
        ]
    )
    error = draws.std(axis=0) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(axis=0) - bound) < 5 * error).all()
    assert (bound < np.log(p)).all()
    assert p.sum() == pytest.approx(1)


def test_rows_that_cannot_be_have_no_bound(dbn, seed):
    rows = np.array([[0.0, 1, 1, 0], [0, 1, 2, 0]])
    with pytest.warns(DataRangeWarning):
        found = log_likelihood_bound(dbn, rows, n_samples=2, random_state=seed)
    assert np.isfinite(found[0]) and found[1] == -np.inf


def test_more_draws_have_a_smaller_error(dbn, seed):
    v, _, bound = exact(dbn)
    found = log_likelihood_bound(dbn, v, n_samples=4000, random_state=seed)
    one = log_likelihood_bound(dbn, v, n_samples=1, random_state=seed)
    assert np.abs(found - bound).mean() < np.abs(one - bound).mean() / 5


def test_bound_of_one_layer_is_the_likelihood(dbn):
    one = DBNTransformer.from_rbms(dbn.rbms_[:1])
    v = states(4)
    np.testing.assert_allclose(
        log_likelihood_bound(one, v), log_likelihood(dbn.rbms_[0], v), rtol=1e-12
    )


def test_bound_is_tight_with_the_transposed_layer(make_machine):
    """Then p(h¹) is that of the RBM below, and Q the posterior."""
    machine = make_machine(4, 3)
    machine.weights *= 2
    first = fitted(machine)
    second = RestrictedMachine(
        machine.weights.T.copy(), machine.hidden_bias, machine.visible_bias
    )
    dbn = DBNTransformer.from_rbms([first, fitted(second)])
    v, p, bound = exact(dbn)
    expected = Enumeration.of(machine).log_likelihood(v)
    np.testing.assert_allclose(np.log(p), expected, rtol=1e-10)
    np.testing.assert_allclose(bound, expected, rtol=1e-10)
    # Each draw of log p(v, h) − log Q(h | v) + ... has that value for a mean.
    found = log_likelihood_bound(dbn, v, n_samples=4000, random_state=0)
    np.testing.assert_allclose(found, expected, atol=0.2)


def test_transposed_start_and_its_training(rng, seed):
    """The bound starts where the RBM is, and rises."""
    pairs = rng.integers(0, 2, (600, 3))[:, [0, 1, 2, 0, 1, 2]]
    X = (pairs ^ (rng.random((600, 6)) < 0.05)).astype(float)
    shares = np.array([(X == v).all(axis=1).mean() for v in states(6)])
    # A first layer of which something is left to learn.
    first = BernoulliRBM(
        4, gradient="cd", learning_rate=1.0, n_iter=3, random_state=seed
    )
    settings = dict(
        gradient=PCD(n_chains=200), learning_rate=Linear(0.2), batch_size=50
    )
    bounds = []
    for n_iter in (0, 60):
        second = BernoulliRBM(6, n_iter=n_iter, **settings)
        dbn = DBNTransformer((first, second), transposed=True, random_state=seed)
        _, p, bound = exact(dbn.fit(X))
        assert p.sum() == pytest.approx(1)
        bounds.append((shares @ np.log(p), shares @ bound))
    start = Enumeration.of(dbn.rbms_[0].machine_).log_likelihood(X).mean()
    assert bounds[0] == pytest.approx((start, start), rel=1e-9)
    assert start + 0.02 < bounds[1][1] < bounds[1][0]


@pytest.mark.parametrize("size", [1.0, 30.0])
@pytest.mark.parametrize("variance", ["column", "shared", 2.0])
@pytest.mark.parametrize("n_units", [3, 5])
def test_transposed_above_real_values(size, variance, n_units, rng, seed):
    """Its distribution of the layer between is that below, in any unit of measure."""
    X = size * rng.normal(size=(200, 3)) * [0.3, 1, 2]
    X += size * np.sign(rng.normal(size=(200, 1)))
    first = RBM(3, visible=Gaussian(variance), gradient="cd", n_iter=5)
    second = RBM(n_units, hidden="gaussian", gradient="cd", n_iter=0)
    dbn = DBNTransformer((first, second), transposed=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataRangeWarning)
        dbn.fit(X)
        below, h = dbn.rbms_[0].machine_, states(3)
        variance, center = (
            np.broadcast_to(value, 3) for value in variances_and_centers(below.visible)
        )
        field = below.visible_bias + h @ below.weights.T + center / variance
        log_p = h @ below.hidden_bias + (variance * field**2 / 2).sum(axis=1)
        found = -dbn.rbms_[1].free_energy(h)
        np.testing.assert_allclose(found - found[0], log_p - log_p[0], atol=1e-4)
        # Learning starts from there.
        second.set_params(n_iter=1)
        after = -dbn.fit(X).rbms_[1].free_energy(h)
    np.testing.assert_allclose(after - after[0], log_p - log_p[0], atol=0.5)


def test_layers_with_other_settings(rng, seed):
    """Groups of two are no groups of three."""
    X = rng.integers(0, 2, (20, 4)).astype(float)
    first = RBM(6, hidden=Softmax(3), n_iter=1, random_state=seed)
    second = RBM(6, visible=Softmax(2), n_iter=1, random_state=seed)
    with pytest.raises(ValueError, match=r"visible=Softmax\(n_values=3\)"):
        DBNTransformer((first, second)).fit(X)
    fits = first.fit(X), second.fit(np.tile([1.0, 0], (20, 3)))
    with pytest.raises(ValueError, match=r"Softmax\(\), .* are Softmax\(n_values=3\)"):
        DBNTransformer.from_rbms(fits)
    fits = fits[0], RBM(2, visible=Softmax(3), n_iter=1).fit(first.transform(X))
    assert DBNTransformer.from_rbms(fits).transform(X).shape == (20, 2)
    third = RBM(4, visible=Softmax(3), hidden=Softmax(2))
    with pytest.raises(ValueError, match=r"layer 1 has .* hidden='bernoulli'"):
        DBNTransformer((first, third), transposed=True).fit(X)


def test_bound_with_unbounded_hidden_units(make_machine, rng, seed):
    """With the entropy of Gaussian units, and draws of NumPy's in place of ours."""
    first = make_machine(3, 2, names=("bernoulli", "gaussian"))
    top = make_machine(2, 3, names=("gaussian", "bernoulli"))
    top.visible = Gaussian(1.0).start(2)
    net = DBNTransformer.from_rbms(
        [fitted(first, hidden="gaussian"), fitted(top, visible=Gaussian(1.0))]
    )
    v, n = states(3), 5000
    oracle = Enumeration(*top.params.values(), ("gaussian", "bernoulli"))
    h = (v @ first.weights + first.hidden_bias)[:, None] + rng.normal(size=(8, n, 2))
    log_p = oracle.log_likelihood(h.reshape(-1, 2)).reshape(8, n)
    fields = h @ first.weights.T + first.visible_bias
    log_p += (v[:, None] * fields - np.logaddexp(0, fields)).sum(axis=2)
    log_p += np.log(2 * np.pi * np.e)
    found = log_likelihood_bound(
        net, v, oracle.log_z, n_samples=1000, random_state=seed
    )
    error = log_p.std(axis=1) / np.sqrt(n) + np.sqrt((log_p.var(axis=1) + 1) / 1000)
    assert (np.abs(found - log_p.mean(axis=1)) < 5 * error).all()


def test_normalizer_can_be_given(dbn, seed):
    v = states(4)
    top = log_partition(dbn.rbms_[-1])
    one = log_likelihood_bound(dbn, v, top, random_state=seed)
    other = log_likelihood_bound(dbn, v, top.value + 1, random_state=seed)
    np.testing.assert_allclose(one - other, 1)
    with pytest.raises(ValueError, match="Threshold the values"):
        log_likelihood_bound(dbn, v / 2)


@pytest.mark.parametrize("name", ["gaussian", "rectified", "poisson"])
def test_bound_over_units_with_a_base(name, make_machine, rng):
    """E[log p(v | h) − log Q(h | v) − F(h)] over h ~ Q, by a sum or an integral."""
    below = make_machine(3, 1, ("bernoulli", name))
    top = make_machine(1, 2, (name, "bernoulli"))
    v = np.array([1.0, 0, 1])
    oracle = Enumeration.of(below, ("bernoulli", name))
    (row,) = np.flatnonzero((oracle.v == v).all(axis=1))
    q = oracle.table[row] / oracle.table[row].sum()
    h = oracle.h
    # What the node of an integral stands for has the density q / measure.
    log_measure = block(name).log_measure
    field = below.visible_bias + h @ below.weights.T
    log_p = field @ v - np.logaddexp(0, field).sum(axis=1)
    free_energy = Enumeration.of(top, (name, "bernoulli")).free_energy(h)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = log_p - (np.log(q) - log_measure) - free_energy
    values = np.where(q > 1e-200, values, 0)
    expected = q @ values
    n = 20_000
    found = Stack([below, top]).bound(np.tile(v, (n, 1)), rng)
    assert abs(found.mean() - expected) < 5 * found.std() / np.sqrt(n)


def test_bound_of_real_values(rng, seed):
    """Of a Gaussian layer and one above it, p(v) is an integral that is 1."""
    X = rng.normal(size=(60, 1))
    dbn = DBNTransformer((GaussianRBM(2, n_iter=5), 2), random_state=seed).fit(X)
    v = np.linspace(-8, 8, 400)[:, None]
    bound = log_likelihood_bound(dbn, v, n_samples=300, random_state=seed)
    total = np.exp(bound).sum() * (v[1, 0] - v[0, 0])
    assert 0.5 < total < 1.02


# Samples


def chi_square(counts, p):
    expected = p * counts.sum()
    return (np.square(counts - expected) / expected).sum()


def frequencies(rows):
    index = (rows @ (2 ** np.arange(rows.shape[1]))).astype(int)
    return np.bincount(index, minlength=2 ** rows.shape[1])


def in_order(p, v):
    ordered = np.empty(len(p))
    ordered[(v @ (2 ** np.arange(v.shape[1]))).astype(int)] = p
    return ordered


@pytest.mark.parametrize("tempering", [1, 3])
def test_samples_have_the_distribution(tempering, dbn, seed):
    v, p, _ = exact(dbn)
    X = dbn.sample(8000, n_steps=60, tempering=tempering, random_state=seed)
    # 15 degrees of freedom: beyond 44 in one of 10,000 runs.
    assert chi_square(frequencies(X), in_order(p, v)) < 44


def test_means_of_samples(dbn, seed):
    v, p, _ = exact(dbn)
    X = dbn.sample(6000, n_steps=60, means=True, random_state=seed)
    assert ((X > 0) & (X < 1)).all()
    error = X.std(axis=0) / np.sqrt(len(X))
    assert (np.abs(X.mean(axis=0) - p @ v) < 5 * error).all()


def test_means_are_of_the_data_alone(make_machine, seed):
    """Of three layers the two in the middle are drawn: rows are E[v | h] of states h."""
    machines = [make_machine(4, 3), make_machine(3, 3), make_machine(3, 2)]
    net = DBNTransformer.from_rbms([fitted(machine) for machine in machines])
    X = net.sample(200, n_steps=5, means=True, random_state=seed)
    possible = machines[0].visible_mean(states(3))
    gaps = np.abs(X[:, None] - possible).max(axis=2).min(axis=1)
    np.testing.assert_allclose(gaps, 0, atol=1e-12)


def test_samples_of_one_layer(dbn, seed):
    one = DBNTransformer.from_rbms(dbn.rbms_[:1])
    X = one.sample(7, n_steps=5, random_state=seed)
    same = dbn.rbms_[0].sample(7, n_steps=5, random_state=seed)
    np.testing.assert_array_equal(X, same)


def test_trace(dbn, seed):
    film = dbn.sample(5, n_steps=12, trace=3, random_state=seed)
    assert film.shape == (4, 5, 4)
    assert np.isin(film, (0, 1)).all()
    with pytest.raises(ValueError, match="trace=13 is above n_steps=12"):
        dbn.sample(5, n_steps=12, trace=13)
    assert (dbn.sample(20) != dbn.sample(20)).any()


def test_samples_of_tables(seed):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": ["x", "y", "z"] * 20, "b": np.arange(60) % 2})
    dbn = DBNTransformer((MixedRBM(4), 3), random_state=seed).fit(table)
    rows = dbn.sample(9, n_steps=5)
    assert list(rows.columns) == ["a", "b"] and set(rows["a"]) <= {"x", "y", "z"}
    assert len(dbn.sample(9, n_steps=4, trace=2)) == 2
    holes = table.mask(np.eye(60, 2, dtype=bool))
    filled = dbn.impute(holes, n_samples=5, n_steps=5)
    assert not filled.isna().any(axis=None)
    assert (filled.to_numpy() == table.to_numpy())[2:].all()


# Unknown values


@pytest.mark.parametrize("tempering", [1, 3])
def test_unknown_values_of_one_layer_are_exact(tempering, dbn, seed):
    one = DBNTransformer.from_rbms(dbn.rbms_[:1])
    v, p = states(4), Enumeration.of(one.rbms_[0].machine_).p_v
    rows = np.repeat([[1.0, np.nan, 0.0, np.nan]], 6000, axis=0)
    settings = dict(n_steps=40, tempering=tempering, random_state=seed)
    X = one.conditional_sample(rows, **settings)
    fits = (v[:, 0] == 1) & (v[:, 2] == 0)
    found = np.array([(X == row).all(axis=1).sum() for row in v[fits]])
    assert found.sum() == 6000
    # 3 degrees of freedom.
    assert chi_square(found, p[fits] / p[fits].sum()) < 22


def test_several_layers_have_no_temperatures_for_unknown_values(dbn):
    rows = [[1.0, np.nan, 0.0, np.nan]]
    for method in (dbn.conditional_sample, dbn.impute):
        with pytest.raises(ValueError, match="tempering=2 with 2 layers"):
            method(rows, tempering=2)


def test_known_values_stay_to_the_bit(dbn, rng, seed):
    X = rng.random((50, 4))
    mask = rng.random((50, 4)) < 0.4
    mask[:, 1] = False
    for found in (
        dbn.conditional_sample(X, mask, random_state=seed),
        dbn.impute(np.where(mask, np.nan, X), random_state=seed),
        dbn.impute(np.where(mask, np.nan, X), n_samples=1, random_state=seed),
    ):
        np.testing.assert_array_equal(found[~mask], X[~mask])
        assert ((found >= 0) & (found <= 1)).all()
    np.testing.assert_array_equal(dbn.impute(X), X)


@pytest.mark.parametrize("n_layers", [1, 2])
def test_imputed_values_are_means_of_means(n_layers, dbn, seed):
    """Of two rounds: halves of sums of E[v | h], and not of draws."""
    net = DBNTransformer.from_rbms(dbn.rbms_[:n_layers])
    rows = np.tile([1.0, np.nan, np.nan, np.nan], (60, 1))
    found = net.impute(rows, n_samples=2, n_steps=3, random_state=seed)[:, 1:]
    possible = net.rbms_[0].machine_.visible_mean(states(3))[:, 1:]
    pairs = (possible[:, None] + possible).reshape(-1, 3) / 2
    gaps = np.abs(found[:, None] - pairs).max(axis=2).min(axis=1)
    np.testing.assert_allclose(gaps, 0, atol=1e-12)


def test_means_are_of_rounds_after_the_first_ones(dbn, seed):
    """Where visible units copy hidden ones they are means of the draws."""
    machine, above = (rbm.machine_ for rbm in dbn.rbms_)
    machine.weights[:] = 80 * np.eye(4, 3, -1)
    machine.visible_bias[:] = -40
    # The units between are drawn anew in each round.
    above.weights[:] = above.visible_bias[:] = 0
    rows = np.tile([1.0, np.nan, np.nan, np.nan], (50, 1))
    draws = [
        dbn.conditional_sample(rows, n_steps=n, random_state=seed) for n in (5, 6, 7)
    ]
    found = dbn.impute(rows, n_samples=3, n_steps=4, random_state=seed)
    np.testing.assert_allclose(found, np.mean(draws, axis=0), atol=1e-9)


def test_two_layers_follow_their_chain(dbn, seed):
    """The stationary distribution of the rounds, from the table of transitions."""
    first, second = (rbm.machine_ for rbm in dbn.rbms_)
    v, h, g = states(4), states(3), states(2)
    up = np.exp(log_p_rows(v @ first.weights + first.hidden_bias, h)).T
    over = np.exp(log_p_rows(h @ second.weights + second.hidden_bias, g)).T
    back = np.exp(log_p_rows(g @ second.weights.T + second.visible_bias, h)).T
    down = np.exp(log_p_rows(h @ first.weights.T + first.visible_bias, v)).T
    free = (v[:, 0] == 1) & (v[:, 1] == 1)
    step = (up @ over @ back @ down)[free]
    # Columns 2 and 3 are drawn, and the others put back.
    table = np.array(
        [step[:, (v[:, 2:] == row[2:]).all(axis=1)].sum(axis=1) for row in v[free]]
    ).T
    p = np.linalg.matrix_power(table, 200)[0]
    rows = np.repeat([[1.0, 1.0, np.nan, np.nan]], 6000, axis=0)
    X = dbn.conditional_sample(rows, n_steps=40, random_state=seed)
    found = np.array([(X == row).all(axis=1).sum() for row in v[free]])
    assert chi_square(found, p) < 22
    means = dbn.impute(rows[:300], n_samples=300, n_steps=20, random_state=seed)
    np.testing.assert_allclose(means[:, 2:].mean(axis=0), p @ v[free, 2:], atol=0.02)


@pytest.mark.parametrize("n_samples", [1, 50])
def test_fills_of_a_single_layer_are_those_of_its_rbm(n_samples, seed):
    """The hidden unit is off where the first value is 1, which a step unclamps."""
    weights = np.array([[-10.0], [5.0]])
    machine = RestrictedMachine(weights, np.array([-5.0, -2.7]), np.array([1.8]))
    oracle = Enumeration.of(machine)
    one = oracle.v[:, 0] == 1
    exact = oracle.p_v[one] @ oracle.v[one, 1] / oracle.p_v[one].sum()
    assert exact == pytest.approx(0.065, abs=0.001)
    rbm = fitted(machine)
    rows = np.tile([1.0, np.nan], (2000, 1))
    for model in (rbm, DBNTransformer.from_rbms([rbm])):
        filled = model.impute(rows, n_samples=n_samples, n_steps=20, random_state=seed)
        error = np.sqrt(exact * (1 - exact) / len(rows))
        assert filled[:, 1].mean() == pytest.approx(exact, abs=5 * error)


def test_means_are_less_noisy_than_draws(dbn, seed):
    """They are means of E[v | h], not of as many draws of v."""
    rows = np.repeat([[1.0, 1.0, np.nan, np.nan]], 3000, axis=0)
    one = dbn.impute(rows, n_samples=2, n_steps=5, random_state=seed)[:, 2:]
    p = one.mean(axis=0)
    assert (one.var(axis=0) < 0.8 * p * (1 - p) / 2).all()


def test_complete_rows_come_back_as_a_copy(dbn):
    X = states(4)
    for found in (dbn.impute(X), dbn.conditional_sample(X)):
        np.testing.assert_array_equal(found, X)
        assert not np.shares_memory(found, X)


def test_learning_around_unknown_values(rng, seed):
    two = (rng.random((300, 2)) < 0.5)[:, [0, 0, 0, 1, 1, 1]].astype(float)
    holes = np.where(rng.random(two.shape) < 0.3, np.nan, two)
    holes[:, 0] = np.where(np.isnan(holes).all(axis=1), two[:, 0], holes[:, 0])
    dbn = DBNTransformer((8, 6), n_iter=150, random_state=seed).fit(holes)
    assert isinstance(dbn.rbms_[0], BernoulliRBM)
    unknown = np.isnan(holes) & ~np.isnan(holes).reshape(300, 2, 3).all(axis=2).repeat(
        3, axis=1
    )
    filled = dbn.impute(holes, n_samples=30, n_steps=20, random_state=seed)
    # The others of its three tell a bit, where they are known.
    assert ((filled > 0.5) == two)[unknown].mean() > 0.9
    assert np.isfinite(dbn.transform(holes)).all()
    assert np.isfinite(dbn.partial_fit(holes).transform(two)).all()
    with pytest.raises(ValueError, match="BoltzmannImputer"):
        dbn.score(holes)
    with pytest.raises(ValueError, match="infinity"):
        dbn.fit(np.where(two, np.inf, 0))


@pytest.mark.parametrize("frozen", [False, True])
def test_imputer_of_a_net(frozen, rng, seed):
    two = (rng.random((200, 2)) < 0.5)[:, [0, 0, 0, 1, 1, 1]].astype(float)
    holes = np.where(rng.random(two.shape) < 0.1, np.nan, two)
    holes[:, [0, 3]] = two[:, [0, 3]]
    dbn = DBNTransformer((8, 6), n_iter=150, random_state=seed)
    given = FrozenEstimator(dbn.fit(two)) if frozen else dbn
    imputer = BoltzmannImputer(given, n_samples=20, n_steps=20, random_state=seed)
    filled = imputer.fit_transform(holes)
    known = ~np.isnan(holes)
    np.testing.assert_array_equal(filled[known], two[known])
    assert ((filled > 0.5) == two)[~known].mean() > 0.9


def test_bad_masks(dbn):
    X = states(4)
    for mask, message in (
        (np.ones((3, 4), bool), "mask is of shape"),
        (np.zeros((16, 4)), "take booleans"),
    ):
        with pytest.raises(ValueError, match=message):
            dbn.conditional_sample(X, mask)
    with pytest.raises(ValueError, match="infinity"):
        dbn.impute(np.where(X, np.inf, 0))
    with pytest.warns(EstimateWarning, match="Nothing is known of 1 rows"):
        dbn.impute(np.full((1, 4), np.nan), n_steps=2, n_samples=2)
    with pytest.raises(ValueError, match="NaN"):
        dbn.reconstruction_log_likelihood(np.full((1, 4), np.nan))
