"""Unknown values: drawn, imputed, and learned around."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from _oracle import Enumeration, bars_and_stripes, base, layer_states, sigmoid, split
from _oracle import log_sum_exp as log_sum
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from skdbn import (
    RBM,
    BernoulliRBM,
    ConvolutionalRBM,
    DBNTransformer,
    GaussianRBM,
    MixedRBM,
    SparseRBM,
)
from skdbn._data._incomplete import (
    conditional_draws,
    known_pseudo_log_likelihood,
)
from skdbn._data._sources import Batch, IncompleteSource
from skdbn._samplers import Chains
from skdbn._training._probe import Probe
from skdbn._utils._random import make_rng
from skdbn.exceptions import DataRangeWarning, EstimateWarning
from skdbn.gradients import REGISTRY
from skdbn.machines import Clamp, RestrictedMachine
from skdbn.units import Concatenated, Parametric, Scaled, Softmax
from skdbn.units._base import ask

PAIRS = [
    ("bernoulli", "bernoulli"),
    ("spin", "bernoulli"),
    ("softmax", "bernoulli"),
    ([("softmax", 3), ("bernoulli", 2)], "bernoulli"),
    # Of the groups one value is known to be 0.
    ([("softmax", 6), ("bernoulli", 2)], "bernoulli", "in part"),
    ("bernoulli", "gaussian"),
    ("spin", "rectified"),
    ("gaussian", "bernoulli"),
    ("rectified", "bernoulli"),
    ("poisson", "bernoulli"),
    ([("gaussian", 1), ("bernoulli", 1)], "bernoulli"),
]
every_pair = pytest.mark.parametrize("names", PAIRS, ids=str)
N = 2000


class Case:
    """A machine, a row of which every other unit or group is unknown, and the truth."""

    def __init__(self, machine, names, rng, in_part=False):
        self.machine, self.names = machine, names
        self.oracle = Enumeration.of(machine, names)
        self.v = self.oracle.draw(1, rng)[0]
        self.unknown = np.concatenate(
            [
                np.full(block.values.shape[1], i % 2 == 0)
                for i, block in enumerate(self.oracle.visible)
            ]
        )
        if in_part:
            for (_, own), (_, unknown) in zip(
                *(split(self.oracle.visible, x) for x in (self.v, self.unknown)),
                strict=True,
            ):
                if len(own) > 1:
                    unknown[:] = True
                    unknown[own.argmin()] = False
        self.states, self.p = self.completions(self.oracle)

    def completions(self, oracle, total=False):
        """All rows with these known values, and their probabilities given these.

        With `total` the logarithm of the probability of the known values.
        """
        parts = split(oracle.visible, self.unknown)
        blocks = [block for block, unknown in parts if unknown.any()]
        values, log_p = layer_states(blocks)
        log_p = log_p + base(blocks, values)
        rows = np.tile(self.v, (len(values), 1))
        open_columns = np.concatenate(
            [np.full(len(unknown), unknown.any()) for _, unknown in parts]
        )
        rows[:, open_columns] = values
        agrees = (rows == self.v)[:, ~self.unknown].all(axis=1)
        rows, log_p = rows[agrees], log_p[agrees] - oracle.free_energy(rows[agrees])
        if total:
            return log_sum(log_p) - oracle.log_z
        return rows, np.exp(log_p - log_sum(log_p))

    def draw(self, n, rng):
        """Rows exactly from the conditional distribution, but on the nodes of integrals."""
        return self.states[rng.choice(len(self.p), size=n, p=self.p / self.p.sum())]

    def check(self, rows):
        """Moments of independent rows, within five standard errors."""
        assert (rows[:, ~self.unknown] == self.v[~self.unknown]).all()
        mean = self.p @ self.states
        for power in (1, 2):
            powers = (self.states - mean) ** power
            expected = self.p @ powers
            error = np.sqrt(np.maximum(self.p @ powers**2 - expected**2, 0) / len(rows))
            found = ((rows - mean) ** power).mean(axis=0)
            assert (np.abs(found - expected) <= 5 * error + 1e-9).all()

    def repeated(self, n):
        return np.tile(self.v, (n, 1)), np.tile(self.unknown, (n, 1))


@pytest.fixture
def make_case(make_machine, rng):
    def make(names):
        names, in_part = names[:2], len(names) > 2
        return Case(make_machine(names=names), names, rng, in_part)

    return make


def two_modes():
    """Units 1 to 3 are mostly all on or all off, as often; unit 0 is independent."""
    weights = np.array([[0.0], [8.0], [8.0], [8.0]])
    return RestrictedMachine(weights, np.array([0.0, -4, -4, -4]), np.array([-12.0]))


def fitted(machine, kind=RBM):
    rbm = kind(machine.weights.shape[1], visible=machine.visible)
    rbm.machine_ = machine
    rbm.n_features_in_ = machine.weights.shape[0]
    return rbm


def test_chains_take_so_many_steps(machine, seed):
    chains, rng = Chains(machine, 5, make_rng(seed)), make_rng(seed)
    state = machine.initial_state(5, rng)
    for n_steps in (1, 3):
        for _ in range(n_steps):
            state = machine.transition(state, rng)
        found = chains.advance(n_steps)
        for one, other in zip(found, state, strict=True):
            np.testing.assert_array_equal(one, other)


# Chains with clamped values


@every_pair
@pytest.mark.parametrize("n_temperatures", [1, 3])
def test_clamped_chains_draw_from_the_conditional(
    names, n_temperatures, make_case, rng
):
    case = make_case(names)
    v, unknown = case.repeated(N)
    case.check(conditional_draws(case.machine, v, unknown, rng, 60, n_temperatures))


@every_pair
def test_means_are_those_of_the_conditional(names, make_case, rng):
    case = make_case(names)
    v, unknown = case.repeated(1000)
    rows = conditional_draws(case.machine, v, unknown, rng, 60, n_means=5)
    assert (rows[:, ~case.unknown] == case.v[~case.unknown]).all()
    error = rows.std(axis=0) / np.sqrt(len(rows))
    assert (np.abs(rows.mean(axis=0) - case.p @ case.states) <= 5 * error + 1e-9).all()
    # A mean of P(v | h) varies less than one of as many draws.
    variance = case.p @ (case.states - case.p @ case.states) ** 2
    assert (rows.var(axis=0) <= variance / 5 * 3 + 1e-9).all()


@every_pair
@pytest.mark.parametrize("n_temperatures", [1, 3])
@pytest.mark.parametrize("n_means", [None, 2])
def test_rows_do_not_depend_on_their_neighbors(
    names, n_temperatures, n_means, make_case, rng, monkeypatch
):
    """One by one, in another order and in other chunks they are the same."""
    case = make_case(names)
    v = case.oracle.draw(8, rng)
    v[:, case.unknown] = v[0, case.unknown]  # and what is not known does not count
    unknown = np.tile(case.unknown, (8, 1))

    def fills(rows):
        generator = np.random.default_rng(5)
        return conditional_draws(
            case.machine,
            rows,
            unknown[: len(rows)],
            generator,
            3,
            n_temperatures,
            n_means,
        )

    _, first = np.unique(v, axis=0, return_index=True)
    v = v[np.sort(first)]
    together = fills(v)
    np.testing.assert_allclose(fills(v[::-1])[::-1], together)
    np.testing.assert_allclose(np.vstack([fills(row[None]) for row in v]), together)
    v[:, case.unknown] = v[-1:, case.unknown]
    monkeypatch.setattr("skdbn._data._incomplete.CHAIN_ELEMENTS", 2 * v.shape[1])
    np.testing.assert_allclose(fills(v), together)


def test_equal_rows_have_chains_of_their_own(make_case, rng):
    case = make_case(("gaussian", "bernoulli"))
    rows = conditional_draws(case.machine, *case.repeated(20), rng, 1)
    assert len(np.unique(rows, axis=0)) == 20


def test_zeros_of_both_signs_are_equal(machine):
    """What is drawn depends on the values that are known, and not on how they came."""
    rows, unknown = np.zeros((1, 4)), np.array([[False, False, True, True]])
    found = [
        conditional_draws(machine, v, unknown, make_rng(0), 3, n_means=5)
        for v in (rows, -rows)
    ]
    np.testing.assert_array_equal(*found)


def test_means_are_over_states_of_a_chain(machine, rng):
    """Of E[v | h] and not of draws; fifty states vary less than one."""
    v, unknown = np.ones((500, 4)), np.tile([False, True, True, True], (500, 1))
    one, draws, many = (
        conditional_draws(machine, v, unknown, rng, 20, n_means=n)[:, 1:]
        for n in (1, None, 50)
    )
    possible = machine.visible_mean(machine.hidden.states(np.arange(8), 3))[:, 1:]
    gaps = np.abs(one[:, None] - possible).max(axis=2).min(axis=1)
    np.testing.assert_allclose(gaps, 0, atol=1e-12)
    assert (one.var(axis=0) < draws.var(axis=0)).all()
    # Neighbors hang together.
    assert (many.var(axis=0) < one.var(axis=0) / 8).all()


def test_means_are_over_states_after_the_first_ones(rng, seed):
    """The hidden unit goes on sooner or later, and then the first column is off."""
    machine = RestrictedMachine(
        np.array([[-80.0], [0.0]]), np.array([40.0, 0.0]), np.array([78.0])
    )
    v, unknown = np.ones((200, 2)), np.tile([True, False], (200, 1))

    def column(n_steps, **settings):
        rng = np.random.default_rng(seed)
        return conditional_draws(machine, v, unknown, rng, n_steps, **settings)[:, 0]

    # A state has its hidden units, from which the next one would draw the column.
    states = [column(n) for n in (5, 6, 7)]
    assert 0 < np.mean(states) < 1
    found = column(3, n_means=3)
    np.testing.assert_allclose(found, np.mean(states, axis=0), atol=1e-9)


def test_fills_move_by_a_step_of_gibbs_sampling(make_machine, rng):
    """From one row, by draws of the hidden units and not by their means."""
    machine, n = make_machine(), 20_000
    machine.weights *= 3
    oracle = Enumeration.of(machine)
    row = np.array([[1.0, 0, 1, 0]])
    p = np.exp(oracle.log_weights(row))
    expected = (p / p.sum() @ oracle.visible_mean())[0]
    unknown = np.tile([True, True, False, True], (n, 1))
    source = begun(machine, np.tile(row, (n, 1)), unknown, rng, 1)
    batch = np.tile(row, (n, 1))
    source.move(machine, Batch(batch, np.arange(n)), rng)
    expected[2] = 1
    error = 5 * np.sqrt(expected * (1 - expected) / n)
    assert (np.abs(batch.mean(axis=0) - expected) <= error).all()


def test_tempered_chains_reach_both_modes(rng):
    machine = two_modes()
    oracle = Enumeration.of(machine)
    known = np.tile([True, False, False, False], (N, 1))
    on = (oracle.v[:, 1:].sum(axis=1) > 1.5) & (oracle.v[:, 0] == 1)
    truth = oracle.p_v[on].sum() / oracle.p_v[oracle.v[:, 0] == 1].sum()
    clamp = Clamp(np.ones((N, 4)), known)
    plain, tempered = (share_of_ones(machine, rng, n, clamp) for n in (1, 8))
    error = 5 * np.sqrt(truth * (1 - truth) / N)
    assert abs(tempered - truth) < error < abs(plain - truth)


def share_of_ones(machine, rng, n_temperatures, clamp=None):
    """The share of chains that end in the mode of ones."""
    chains = Chains(machine, N, rng, n_temperatures, clamp)
    return (chains.advance(300).visible[:, 1:].sum(axis=1) > 1.5).mean()


# Estimators


@pytest.fixture
def X():
    return np.repeat(bars_and_stripes(3), 20, axis=0)


@pytest.fixture
def holes(X, rng):
    holes = rng.random(X.shape) < 0.25
    holes[:, 0] &= holes[:, 1:].sum(axis=1) < 8
    return holes


@pytest.fixture
def rbm(X, seed):
    return BernoulliRBM(6, n_iter=30, random_state=seed).fit(X)


def test_conditional_sample(make_case, seed):
    case = make_case(("bernoulli", "bernoulli"))
    v, unknown = case.repeated(N)
    rbm = fitted(case.machine)
    hidden = np.where(unknown, np.nan, v)
    for given in ({"X": hidden}, {"X": v, "mask": unknown}):
        case.check(rbm.conditional_sample(**given, n_steps=60, random_state=seed))
    case.check(rbm.impute(hidden, n_samples=1, n_steps=60, random_state=seed))
    rows = rbm.impute(hidden[:300], n_samples=20, n_steps=30, random_state=seed)
    error = rows.std(axis=0) / np.sqrt(300)
    assert (np.abs(rows.mean(axis=0) - case.p @ case.states) <= 5 * error + 1e-9).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_known_values_stay_to_the_bit(dtype, X, holes, rng, seed):
    X = rng.random(X.shape).astype(np.float32)
    rbm = BernoulliRBM(4, n_iter=1, random_state=seed).fit(X)
    given = rng.random(X.shape).astype(dtype)
    given[holes] = np.nan
    before = given.copy()
    for found in (rbm.impute(given, n_samples=2), rbm.conditional_sample(given)):
        assert found.dtype == dtype
        assert (found[~holes] == given[~holes]).all()
        assert not np.isnan(found).any()
    np.testing.assert_array_equal(given, before)


def test_random_states_of_imputation(rbm, X, holes, seed):
    hidden = np.where(holes, np.nan, X)
    for method in (rbm.impute, rbm.conditional_sample):
        one, same, other = (method(hidden, random_state=seed + i) for i in (0, 0, 1))
        assert (one == same).all()
        assert (one != other).any()
        assert (method(hidden) != method(hidden)).any()


@pytest.mark.parametrize("container", [np.uint8, bool, int, list, pd.DataFrame])
def test_masks_of_whole_numbers(container, X, holes, seed):
    if isinstance(container, type) and container in (list, pd.DataFrame):
        given = X.tolist() if container is list else pd.DataFrame(X.astype(bool))
    else:
        given = X.astype(container)
    rbm = BernoulliRBM(4, n_iter=2, random_state=seed).fit(X)
    found = rbm.conditional_sample(given, holes)
    assert ((found == 0) | (found == 1)).all()
    assert (found[~holes] == X[~holes]).all()


def test_nothing_is_unknown(rbm, X):
    for found in (rbm.impute(X), rbm.conditional_sample(X, np.zeros(X.shape, bool))):
        assert (found == X).all()
        assert not np.shares_memory(found, X)


def test_rows_without_a_known_value(rbm, seed):
    """They have the model's own distribution, with a warning that says so."""
    oracle = Enumeration.of(rbm.machine_)
    hidden = np.full((2000, 9), np.nan)
    with pytest.warns(EstimateWarning, match="2000 rows.* row 0") as caught:
        rows = rbm.conditional_sample(hidden, n_steps=100, tempering=3)
    assert caught[0].filename == __file__
    mean = oracle.p_v @ oracle.v
    assert (np.abs(rows.mean(axis=0) - mean) < 5 * np.sqrt(0.25 / 2000) + 0.02).all()
    hidden[1:, 0] = 1.0
    with pytest.warns(EstimateWarning, match="1 rows.* row 0"):
        rbm.impute(hidden, n_samples=2)


def test_softmax_groups(seed, rng):
    X = np.eye(3)[rng.integers(0, 3, 200)]
    X = np.hstack([X, X[:, :1]])
    units = Concatenated([("softmax", 1, 3), ("bernoulli", 1)])
    rbm = RBM(4, visible=units, n_iter=100, random_state=seed).fit(X)
    nan = np.nan
    found = rbm.conditional_sample(
        [[nan, 1, 0, nan], [nan, nan, nan, 1], [nan] * 3 + [0]]
    )
    assert found[0, :3].tolist() == [0, 1, 0]
    assert (found[:, :3].sum(axis=1) == 1).all()
    found = rbm.impute([[0, 0, nan, 1], [0, nan, nan, nan], [nan, nan, 0, nan]])
    assert found[0, 2] == 1
    assert ((found[1:, :3] > 0).sum(axis=1) == 2).all()
    np.testing.assert_allclose(found[:, :3].sum(axis=1), 1)
    means = rbm.impute([[nan, nan, nan, 1.0], [nan, nan, nan, 0.0]])
    np.testing.assert_allclose(means[:, :3].sum(axis=1), 1)
    assert means[0, 0] > 0.5 + means[1, 0]
    for row in ([0.3, nan, nan, 1], [0.5, 0.2, nan, 1], [1, nan, 1, nan]):
        with pytest.raises(ValueError, match=r"0, 1, 2 are a group.*row 0 add up to"):
            rbm.impute([row])
    with pytest.raises(ValueError, match="one of them has to be 1"):
        rbm.impute([[1, 1, 0, nan]])


def test_known_zeros_rule_values_out(seed, rng):
    X = np.eye(3)[rng.integers(0, 3, 200)]
    nan = np.nan
    given = np.array([[0, nan, nan], [nan, nan, 0], [nan, 0, 0]])
    rbm = RBM(4, visible=Softmax(3), n_iter=20, random_state=seed)
    net = DBNTransformer([rbm, RBM(3, n_iter=5)], random_state=seed).fit(X)
    unknown = np.isnan(given)
    fields = net.rbms_[0].machine_.mean_field(np.nan_to_num(given[:2]), unknown[:2])
    for found in (net.impute(given), fields, net.rbms_[0].impute(given)):
        np.testing.assert_allclose(found.sum(axis=1), 1)
        assert ((found > 0) == unknown[: len(found)]).all()


@pytest.mark.parametrize(
    "mask, message",
    [
        (np.zeros((3, 9), bool), r"mask is of shape \(3, 9\)"),
        (np.zeros(9, bool), r"mask is of shape \(9,\)"),
        (np.zeros((180, 9)), "mask has values of type float64"),
    ],
)
def test_bad_masks(mask, message, rbm, X):
    mask = np.resize(mask, X.shape) if len(mask) == 180 else mask
    with pytest.raises(ValueError, match=message):
        rbm.conditional_sample(X, mask)


@pytest.mark.parametrize("name", ["n_samples", "n_steps", "tempering"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "many", None])
def test_bad_numbers(name, value, rbm, X):
    for method, given in (("impute", (X,)), ("sample", ())):
        message = f"{name!r} parameter of {method} must be an int.* Got {value!r}"
        with pytest.raises(ValueError, match=message):
            getattr(rbm, method)(*given, **{name: value})


@pytest.mark.parametrize("method", ["impute", "conditional_sample", "transform", "fit"])
def test_infinity_is_refused(method, rbm, X):
    with pytest.raises(ValueError, match="infinity"):
        getattr(rbm, method)(np.where(X == 1, np.inf, np.nan))


@pytest.mark.parametrize("method", ["impute", "conditional_sample"])
def test_not_fitted(method, X):
    with pytest.raises(NotFittedError):
        getattr(BernoulliRBM(), method)(X)


@pytest.mark.parametrize("names", [PAIRS[0], PAIRS[2], PAIRS[7]], ids=str)
def test_score_of_what_is_known(names, make_case, monkeypatch):
    """Each known value given the other known ones, the rest integrated out."""
    monkeypatch.setattr("skdbn._data._incomplete.N_SCORE_STATES", 1000)
    monkeypatch.setattr("skdbn._data._incomplete.SCORE_STEPS", 1)
    case = make_case(names)
    found = known_pseudo_log_likelihood(case.machine, case.v[None], case.unknown[None])
    whole, expected = case.completions(case.oracle, total=True), 0
    start = 0
    for block in case.oracle.visible:
        place = slice(start, start + block.values.shape[1])
        start = place.stop
        if not case.unknown[place].any():
            case.unknown[place] = True
            expected += whole - case.completions(case.oracle, total=True)
            case.unknown[place] = False
    assert found[0] == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("Class", [BernoulliRBM, MixedRBM])
def test_score_of_incomplete_rows(Class, X, holes, seed):
    rbm = Class(4, n_iter=5, random_state=seed).fit(X)
    hidden = np.where(holes, np.nan, X)
    found = rbm.score_samples(hidden)
    whole = ~holes.any(axis=1)
    np.testing.assert_allclose(found[whole], rbm.score_samples(X)[whole])
    expected = known_pseudo_log_likelihood(rbm.machine_, X[~whole], holes[~whole])
    np.testing.assert_allclose(found[~whole], expected)
    np.testing.assert_array_equal(rbm.score_samples(hidden), found)
    alone = np.concatenate([rbm.score_samples(hidden[i : i + 1]) for i in range(9)])
    np.testing.assert_allclose(alone, found[:9])
    assert (found < 0).all() and rbm.score(hidden) == pytest.approx(found.mean())


def test_grid_search_on_incomplete_rows(rng, seed):
    """Columns that are equal in threes are worth learning."""
    X = np.repeat(rng.integers(0, 2, (120, 2)), 3, axis=1).astype(float)
    hidden = np.where(rng.random(X.shape) < 0.3, np.nan, X)
    rbm = BernoulliRBM(4, random_state=seed)
    search = GridSearchCV(rbm, {"n_iter": [0, 60]}, cv=3, error_score="raise")
    search.fit(hidden)
    assert search.best_params_ == {"n_iter": 60}


@pytest.mark.parametrize("method", ["free_energy", "gibbs"])
@pytest.mark.parametrize("Class", [BernoulliRBM, MixedRBM])
def test_what_needs_whole_rows(method, Class, X, holes, seed):
    rbm = Class(4, n_iter=1, random_state=seed).fit(X)
    with pytest.raises(ValueError, match=r"NaN.* column 0.*BoltzmannImputer"):
        getattr(rbm, method)(np.where(holes, np.nan, X))


@pytest.mark.parametrize("method", ["fit", "partial_fit", "impute", "transform"])
def test_sparse_data(method, rbm, X, holes):
    with pytest.raises(ValueError, match=r"NaN.*toarray"):
        getattr(rbm, method)(sparse.csr_array(np.where(holes, np.nan, X)))
    with pytest.raises(ValueError, match="toarray"):
        rbm.conditional_sample(sparse.csr_array(X), holes)


@pytest.mark.parametrize("n_steps", [0, 1, 2])
def test_mean_field_by_hand(n_steps, machine, rng):
    """It begins at the means that the visible biases alone would give."""
    v, unknown = rng.random((5, 4)).round(), rng.random((5, 4)) < 0.5
    W, b, c = machine.params.values()
    expected = np.where(unknown, sigmoid(b), v)
    for _ in range(n_steps):
        upper = sigmoid(sigmoid(expected @ W + c) @ W.T + b)
        expected = np.where(unknown, upper, v)
    found = machine.mean_field(v, unknown, n_steps)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_transform_by_mean_field(rbm, X, holes):
    hidden = np.where(holes, np.nan, X)
    H = rbm.transform(hidden)
    whole = ~holes.any(axis=1)
    np.testing.assert_allclose(H[whole], rbm.transform(X)[whole])
    # A row is alone, and where it ends a step more changes little.
    np.testing.assert_allclose(rbm.transform(hidden[7:8]), H[7:8])
    filled = np.where(holes, rbm.inverse_transform(H), X)
    assert np.abs(rbm.transform(filled) - H).max() < 0.02


# Chains of sample


def test_trace(rbm, seed):
    states = rbm.sample(4, n_steps=23, trace=5, random_state=seed)
    assert states.shape == (4, 4, 9)
    assert (states[-1] == rbm.sample(4, n_steps=20, random_state=seed)).all()
    assert (states[0] == rbm.sample(4, n_steps=5, random_state=seed)).all()
    with pytest.raises(ValueError, match="trace=24 is above n_steps=23"):
        rbm.sample(n_steps=23, trace=24)


def test_tempered_samples_reach_both_modes(seed):
    rbm = fitted(two_modes(), lambda n, visible: RBM(n, random_state=seed))
    oracle = Enumeration.of(rbm.machine_)
    truth = oracle.p_v[oracle.v[:, 1:].sum(axis=1) > 1.5].sum()
    plain, tempered = (
        (rbm.sample(N, n_steps=300, tempering=n)[:, 1:].sum(axis=1) > 1.5).mean()
        for n in (1, 8)
    )
    error = 5 * np.sqrt(truth * (1 - truth) / N)
    assert abs(tempered - truth) < error < abs(plain - truth)


# Learning


def begun(machine, X, unknown, rng, n_steps, sample_data=False, whole=False):
    """A source of incomplete rows, of which the unknown values are drawn."""
    source = IncompleteSource(X, unknown, whole=whole)
    source.begin(machine, rng, n_steps, sample_data)
    return source


@every_pair
def test_fills_keep_the_conditional(names, make_case, rng):
    case = make_case(names)
    _, unknown = case.repeated(N)
    source = begun(case.machine, case.draw(N, rng), unknown, rng, 1)
    source.draws[:] = batch = case.draw(N, rng)
    before = batch.copy()
    source.move(case.machine, Batch(batch, np.arange(N)), rng)
    case.check(batch)
    assert (batch != before).any()
    assert (source.draws == batch).all()


def test_moments_are_of_the_rows_that_are_learned_from(make_machine, rng):
    """Held-out rows, here of another mean, take no part."""
    machine = make_machine(2, 2, ("gaussian", "bernoulli"))
    X = rng.normal(size=(40, 2)) + np.arange(40)[:, None]
    unknown = rng.random((40, 2)) < 0.2
    source = begun(machine, X, unknown, rng, 1, whole=True)
    rows = np.arange(5, 20)
    source.rows = rows
    source.update_moments(machine)
    np.testing.assert_allclose(
        machine.visible.data_statistics(),
        machine.visible.statistics(source.draws[rows]),
    )


def test_fills_follow_bits_drawn_from_gray_values(rng):
    """The second unit says what the first is; what is kept of the data stays gray."""
    machine = RestrictedMachine(
        np.array([[80.0], [40.0]]), np.array([-40.0, -20.0]), np.array([-60.0])
    )
    X, unknown = np.tile([0.3, 0.0], (N, 1)), np.tile([False, True], (N, 1))
    source = begun(machine, X, unknown, rng, 1, sample_data=True)
    batch = source.draws.copy()
    source.move(machine, Batch(batch, np.arange(N)), rng)
    np.testing.assert_array_equal(batch[:, 0], batch[:, 1])
    assert set(batch[:, 0]) == {0, 1}
    assert abs(batch[:, 0].mean() - 0.3) < 5 * np.sqrt(0.3 * 0.7 / N)
    np.testing.assert_array_equal(source.draws[:, 0], 0.3)
    np.testing.assert_array_equal(source.draws[:, 1], batch[:, 1])


def test_fills_follow_bits_drawn_for_gray_levels(rng):
    """A unit that copies a known one is on or off as that one is drawn."""
    weights = np.array([[40.0], [40.0]])
    machine = RestrictedMachine(weights, np.array([-20.0, -20.0]), np.array([-40.0]))
    X = np.tile([0.3, 0.0], (2000, 1))
    unknown = np.tile([False, True], (2000, 1))
    source = begun(machine, X, unknown, rng, 1, sample_data=True)
    batch = source.draws.copy()
    source.move(machine, Batch(batch, np.arange(2000)), rng)
    share = (batch[:, 0] == 1).mean()
    assert share == pytest.approx(0.3, abs=5 * np.sqrt(0.21 / 2000))
    assert set(batch[:, 0]) == {0.0, 1.0}
    # The known gray level stays for the next epoch.
    assert (source.draws[:, 0] == 0.3).all() and (
        source.draws[:, 1] == batch[:, 1]
    ).all()
    near_one = batch[:, 0] == 1
    assert batch[near_one, 1].mean() > batch[~near_one, 1].mean() + 0.3


def directions(case, rows, rng):
    """The direction of rows against exact draws of the model, and its error."""
    machine, oracle = case.machine, case.oracle
    model = oracle.draw(len(rows), rng)
    work = machine.workspace(len(rows), len(rows))
    machine.load(work, rows)
    work.state = machine.infer(model)
    machine.advance(work, None, 0)
    scale = ask(machine.visible, Scaled).step_scale
    steps = ask(machine.visible, Parametric).param_steps
    found = [array.copy() for array in machine.difference(work).values()]
    if scale is not None:
        found[0] /= scale.reshape(-1, 1)
        found[1] /= scale
    for array, step in zip(found[3:], steps, strict=True):
        array /= step
    errors = []
    for v in (rows, model):
        h = oracle.hidden_mean(v)
        each = [v[:, :, None] * h[:, None, :], v, h]
        if len(found) > 3:
            own = np.square(v)[:, [kind == "gaussian" for kind in kinds(case)]]
            each.append(own / (2 * np.exp(machine.params["visible_0"])))
        errors.append([array.var(axis=0) / len(v) for array in each])
    return found, [5 * np.sqrt(a + b) + 1e-6 for a, b in zip(*errors, strict=True)]


def kinds(case):
    names = case.names[0]
    pairs = [(names, len(case.v))] if isinstance(names, str) else names
    return [name for name, n in pairs for _ in range(n)]


def slopes(case):
    """The finite differences of log p(known values) by each parameter."""
    result = []
    for array in case.machine.params.values():
        slope = np.empty(array.shape)
        for i in np.ndindex(array.shape):
            before, ends = array[i], []
            for step in (1e-5, -1e-5):
                array[i] = before + step
                oracle = Enumeration.of(case.machine, case.names)
                ends.append(case.completions(oracle, total=True))
            array[i] = before
            slope[i] = (ends[0] - ends[1]) / 2e-5
        result.append(slope)
    return result


@every_pair
def test_expected_gradient_is_that_of_the_known_values(names, make_case, rng):
    case = make_case(names)
    v, unknown = case.repeated(N)
    source = begun(case.machine, v, unknown, rng, 60, whole=True)
    source.update_moments(case.machine)
    expected = slopes(case)
    found, errors = directions(case, source.draws, rng)
    for array, slope, error in zip(found, expected, errors, strict=True):
        assert (np.abs(array - slope) <= error).all()
    # A constant in place of what is unknown would pull elsewhere.
    wrong = 0
    for constant in (0.0, 1.0):
        found, errors = directions(case, np.where(unknown, constant, v), rng)
        wrong += (np.abs(found[1] - expected[1]) > errors[1]).any()
    assert wrong


def test_learns_around_unknown_values(seed, rng):
    """More than from data with the columns' means in place of unknown values."""
    X = np.repeat(bars_and_stripes(3), 60, axis=0)
    hidden = np.where(rng.random(X.shape) < 0.3, np.nan, X)
    hidden[np.isnan(hidden).all(axis=1), 0] = 1
    filled = np.where(np.isnan(hidden), np.nanmean(hidden, axis=0), hidden)
    settings = dict(gradient="pcd", n_iter=60, random_state=seed)
    scores = [
        Enumeration.of(BernoulliRBM(8, **settings).fit(data).machine_)
        .log_likelihood(bars_and_stripes(3))
        .mean()
        for data in (hidden, filled)
    ]
    assert scores[0] > scores[1] + 0.3
    assert scores[0] > -5


FITS = [
    *(BernoulliRBM(4, gradient=name) for name in REGISTRY if name != "score-matching"),
    BernoulliRBM(4, early_stopping=True, centered=False, sample_data=False),
    GaussianRBM(4),
    GaussianRBM(4, variance="shared", gradient="cd"),
    GaussianRBM(4, gradient="score-matching"),
    SparseRBM(4),
    ConvolutionalRBM(4, 2),
    MixedRBM(4),
    RBM(4, visible="spin", hidden="spin"),
    RBM(4, visible="poisson", gradient="pcd"),
    RBM(4, visible="rectified", hidden="gaussian"),
]


@pytest.mark.parametrize("rbm", FITS, ids=str)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.filterwarnings("ignore::skdbn.exceptions.DataRangeWarning")
def test_every_fit_takes_nan(rbm, method, X, holes, seed):
    given = np.where(holes, np.nan, X).astype(np.float32)
    before = given.copy()
    rbm.set_params(n_iter=3, random_state=seed)
    models = []
    for _ in range(2):
        model = rbm.__class__(**rbm.get_params(deep=False))
        for _ in range(3 if method == "partial_fit" else 1):
            getattr(model, method)(given)
        models.append(model)
    for array, same in zip(
        *(model.machine_.params.values() for model in models), strict=True
    ):
        assert array.dtype == np.float32
        assert np.isfinite(array).all()
        assert (array == same).all()
    if method == "fit":
        values = [value for row in model.history_ for value in row.values()]
        assert np.isfinite(values).all()
    assert np.isfinite(model.h_samples_).all()
    np.testing.assert_array_equal(given, before)


def test_starts_from_the_known_values(X, holes, rng, seed):
    hidden = np.where(holes, np.nan, X)
    rbm = BernoulliRBM(3, n_iter=0, random_state=seed).fit(hidden)
    share = 1 / (len(X) + 1)
    mean = np.nanmean(hidden, axis=0) * (1 - share) + share / 2
    np.testing.assert_allclose(rbm.machine_.visible.mean(rbm.intercept_visible_), mean)
    np.testing.assert_allclose(
        rbm._session.direction.centering.visible, np.nanmean(hidden, axis=0)
    )
    real = np.where(holes, np.nan, rng.normal(size=X.shape))
    rbm = GaussianRBM(3, n_iter=0, random_state=seed).fit(real)
    np.testing.assert_allclose(rbm.variance_, np.nanvar(real, axis=0))


@pytest.mark.filterwarnings("ignore::skdbn.exceptions.DataRangeWarning")
def test_tables_start_from_the_known_values(rng, seed):
    X = np.column_stack(
        [
            rng.normal(5, 3, 80),
            rng.integers(0, 2, 80),
            rng.normal(-2, 0.5, 80),
            rng.poisson(9, 80),
            rng.poisson(0.2, 80),
        ]
    )
    X[rng.random(X.shape) < 0.3] = np.nan
    counts = dict.fromkeys((3, 4), "poisson")
    rbm = MixedRBM(3, units=counts, n_iter=0, random_state=seed).fit(X)
    machine, variance = rbm.machine_, np.nanvar(X, axis=0)
    np.testing.assert_allclose(
        np.exp(np.concatenate(list(machine.params.values())[3:])), variance[[0, 2]]
    )
    expected = 1 / variance
    expected[[1, 4]] = 1
    np.testing.assert_allclose(machine.visible.step_scale, expected)
    # Counts and bits have one more row, without a field.
    mean = machine.visible.mean(machine.visible_bias[None])[0]
    neutral = np.array([np.nan, 0.5, np.nan, 1, 1])
    expected = np.nanmean(X, axis=0)
    expected = np.where([1, 0, 1, 0, 0], expected, (80 * expected + neutral) / 81)
    np.testing.assert_allclose(mean, expected)


@pytest.mark.filterwarnings("ignore::skdbn.exceptions.DataRangeWarning")
def test_the_zero_of_a_column_with_holes_does_not_matter(rng, seed):
    X = rng.normal(size=(90, 4))
    X[:, 1:] += X[:, :1]
    X[rng.random(X.shape) < 0.3] = np.nan
    rates, variances = [], []
    for shift in (0, 500):
        rbm = GaussianRBM(4, n_iter=2, random_state=seed).fit(X + shift)
        rates.append([row["learning_rate"] for row in rbm.history_])
        rbm = GaussianRBM(4, random_state=seed)
        for part in np.array_split(X + shift, 3):
            rbm.partial_fit(part)
        variances.append(rbm.variance_)
    np.testing.assert_allclose(*rates, rtol=1e-6)
    # The draws of what is unknown scatter otherwise.
    np.testing.assert_allclose(*variances, rtol=0.2)


class Noting(IncompleteSource):
    """Notes the data's mean squares, as the variances' gradient has them, and the data."""

    notes = ()
    center = 0.0

    def update_moments(self, machine):
        super().update_moments(machine)
        (found,), (log_variance,) = (
            machine.visible.data_statistics(),
            list(machine.params.values())[3:],
        )
        gaps = self.draws[:, -3:] - self.center
        note = 2 * np.exp(log_variance) * found, np.square(gaps)
        Noting.notes = *Noting.notes, note


@pytest.mark.parametrize("beside", [[], [("bernoulli", 1)]], ids=["alone", "beside"])
def test_moments_follow_the_draws_of_unknown_values(beside, rng, seed, monkeypatch):
    """Those of the whole data in `fit`, and of all calls in `partial_fit`."""
    monkeypatch.setattr("skdbn._data._sources.IncompleteSource", Noting)
    monkeypatch.setattr(Noting, "notes", ())
    X = np.column_stack([rng.integers(0, 2, 60), rng.normal(1, 1, (60, 3))])
    X[rng.random(X.shape) < 0.3] = np.nan
    X = X[:, 1 - len(beside) :]
    visible = Concatenated([*beside, ("gaussian", 3)])
    monkeypatch.setattr(Noting, "center", np.nanmean(X[:, -3:], axis=0))
    rbm = RBM(3, visible=visible, gradient="pcd", n_iter=2, random_state=seed).fit(X)
    for found, squares in Noting.notes:
        np.testing.assert_allclose(found, squares.mean(axis=0))
    one, other = (squares for _, squares in Noting.notes)
    assert (one != other).any()
    X[:, -3:] *= 2
    rbm.partial_fit(X[:30])
    found, new = Noting.notes[2]
    squares = 2 / 3 * other.mean(axis=0) + new.mean(axis=0) / 3
    np.testing.assert_allclose(found, squares)


def test_steps_are_shorter_where_little_is_known(rng, seed):
    """At 0.1 and with 600 rows of 300 columns, fills run away within 20 epochs."""
    X = rng.normal(size=(100, 30))
    X[rng.random(X.shape) < 0.9] = np.nan
    X[0] = 0
    rbm = GaussianRBM(8, variance=1.0, n_iter=3, random_state=seed).fit(X)
    share = (~np.isnan(X)).mean()
    rates = [epoch["learning_rate"] for epoch in rbm.history_]
    falling = 1 - np.arange(3) / 3
    np.testing.assert_allclose(rates, 0.1 * np.sqrt(share) * falling)


def test_history_is_of_known_values(rbm, X, holes, rng):
    rows = np.arange(len(X))

    def measure(X, unknown):
        machine, rng = rbm.machine_, np.random.default_rng(0)
        order = np.arange(X.shape[1])
        probe = Probe(machine, X, rows, order, rng, 0.01, unknown)
        return probe.measure(rbm.machine_)

    one = measure(np.where(holes, 0.0, X), holes)
    other = measure(np.where(holes, 0.75, X), holes)
    assert one == other
    whole, none = measure(X, None), measure(X, np.zeros(X.shape, bool))
    assert whole == pytest.approx(none)
    assert one["pseudo_likelihood"] != whole["pseudo_likelihood"]


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_columns_without_a_known_value(method, X, seed):
    X[:, 3:5] = np.nan
    rbm = BernoulliRBM(3, random_state=seed)
    with pytest.raises(ValueError, match="column 3 of X is known, as of 2 columns"):
        getattr(rbm, method)(X)
    assert not hasattr(rbm, "machine_") and not hasattr(rbm, "n_features_in_")


# Tables

COUNTS = {"visits": "poisson"}


@pytest.fixture
def table(rng):
    n = 300
    value = rng.normal(size=n)
    return pd.DataFrame(
        {
            "value": value,
            "high": (value > 0).astype(int),
            "color": np.where(
                value > 0, "red", np.where(value < -0.5, "blue", "green")
            ),
            "grade": pd.Categorical(
                rng.choice(["a", "b"], n), categories=["a", "b", "c"]
            ),
            "visits": rng.poisson(2, n),
        },
        index=np.arange(100, 100 + n),
    )


def punched(table, rng, share=0.2):
    holes = rng.random(table.shape) < share
    holes[:, 0] &= ~holes.all(axis=1)
    return table.mask(holes), holes


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_tables(library, table, rng, seed):
    hidden, holes = punched(table, rng)
    if library == "polars":
        hidden = pl.from_pandas(hidden)
    rbm = MixedRBM(8, units={"visits": "poisson"}, n_iter=60, random_state=seed)
    rbm.fit(hidden)
    kinds = [variable.kind for variable in rbm.units_]
    assert kinds == ["gaussian", "bernoulli", "softmax", "softmax", "poisson"]
    for found, whole in (
        (rbm.impute(hidden), ["color", "grade"]),
        (rbm.conditional_sample(hidden), ["color", "grade", "high", "visits"]),
    ):
        assert type(found) is type(hidden)
        assert list(found.columns) == list(table.columns)
        if library == "pandas":
            assert (found.index == table.index).all()
            assert (found.dtypes == hidden.dtypes).all()
        for i, name in enumerate(table.columns):
            own, before = np.asarray(found[name]), np.asarray(table[name])
            assert (own[~holes[:, i]] == before[~holes[:, i]]).all()
            if name in whole:
                assert set(own) <= set(before) | set(range(100))
    # A color follows from the value.
    some = holes[:, 2] & ~holes[:, 0] & (table["value"].abs() > 0.7).to_numpy()
    right = np.asarray(rbm.impute(hidden)["color"])[some] == table["color"][some]
    assert right.mean() > 0.75


def test_table_with_a_mask(table, rng, seed):
    rbm = MixedRBM(8, units=COUNTS, n_iter=20, random_state=seed).fit(table)
    _, holes = punched(table, rng)
    one = rbm.conditional_sample(table, holes, random_state=seed)
    same = rbm.conditional_sample(table.mask(holes), random_state=seed)
    assert (one.dtypes == table.dtypes).all()
    pd.testing.assert_frame_equal(one, same, check_dtype=False)
    frame = pl.from_pandas(table)
    found = MixedRBM(8, units=COUNTS, n_iter=20, random_state=seed).fit(frame)
    found = found.conditional_sample(frame, holes, random_state=seed)
    assert found.null_count().to_numpy().sum() == 0


def test_groups_are_found_where_their_values_miss_together(rng, seed):
    X = np.eye(3)[rng.integers(0, 3, 100)]
    X = np.hstack([X, rng.integers(0, 2, (100, 1))])
    X[:20, :3] = np.nan
    rbm = MixedRBM(3, n_iter=1, random_state=seed).fit(X)
    assert [variable.kind for variable in rbm.units_] == ["softmax", "bernoulli"]
    assert (rbm.conditional_sample(X)[:, :3].sum(axis=1) == 1).all()
    X[20, 0] = np.nan
    rbm.fit(X)
    assert [variable.kind for variable in rbm.units_] == ["bernoulli"] * 4
    # As many values, of other rows.
    X = np.repeat([[0.0, 1], [1, 0], [1, np.nan], [np.nan, 0]], 10, axis=0)
    rbm.fit(X)
    assert [variable.kind for variable in rbm.units_] == ["bernoulli"] * 2


def test_frequencies_are_of_known_categories(seed):
    color = ["red"] * 30 + ["blue"] * 10 + [None] * 60
    frame = pd.DataFrame({"color": color, "value": np.linspace(-1.7, 1.7, 100)})
    rbm = MixedRBM(2, n_iter=1, random_state=seed).fit(frame)
    assert rbm.units_[0].categories == ("blue", "red")
    strange = frame[:3].assign(color=["green", "red", None])
    with pytest.warns(DataRangeWarning, match="'green', in 1 rows"):
        rows, unknown = rbm._validate_incomplete(strange)
    np.testing.assert_allclose(rows[:2, :2], [[0.25, 0.75], [0, 1]])
    assert unknown[:, 0].tolist() == [False, False, True]


def test_encoded_rows(table, seed):
    """An array of what the units see may have NaN as well, and becomes a table."""
    rbm = MixedRBM(4, units=COUNTS, n_iter=5, random_state=seed).fit(table)
    encoded = rbm._validate(table).astype(float)
    group = [name.startswith("color=") for name in rbm._encoding.unit_names]
    encoded[:, group] = np.nan
    found = rbm.conditional_sample(encoded)
    assert list(found.columns) == list(table.columns)
    assert set(found["color"]) <= {"red", "green", "blue"}
    np.testing.assert_array_equal(found["value"], table["value"])


def test_trace_of_tables(table, seed):
    rbm = MixedRBM(4, units=COUNTS, n_iter=2, random_state=seed).fit(table)
    states = rbm.sample(3, n_steps=10, trace=5, tempering=2, random_state=seed)
    assert [len(state) for state in states] == [3, 3]
    last = rbm.sample(3, n_steps=10, tempering=2, random_state=seed)
    pd.testing.assert_frame_equal(states[-1], last)
    array = table[["value", "high"]].to_numpy()
    rbm = MixedRBM(4, n_iter=2, random_state=seed).fit(array)
    assert rbm.sample(3, n_steps=10, trace=5).shape == (2, 3, 2)
