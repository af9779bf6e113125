"""The normalizer and the likelihood, against enumeration."""

import warnings

import numpy as np
import pytest
from _oracle import Enumeration, all_states, sigmoid
from joblib import parallel_config
from scipy import sparse, stats
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from skdbn import RBM, BernoulliRBM, DBNTransformer, RBMClassifier
from skdbn._utils._random import make_rng
from skdbn.evaluation import (
    LogPartition,
    free_energy_gap,
    log_likelihood,
    log_likelihood_bound,
    log_partition,
    pseudo_log_likelihood,
    reconstruction_error,
)
from skdbn.evaluation._annealing import _log_mean, anneal, base, bracket
from skdbn.exceptions import DataRangeWarning, EstimateWarning
from skdbn.machines import RestrictedMachine
from skdbn.units import Bernoulli, Concatenated, Gaussian, Softmax


def fitted(machine, X=None):
    """An estimator with this machine."""
    n_visible, n_hidden = machine.weights.shape
    X = np.eye(n_visible) if X is None else X
    rbm = BernoulliRBM(n_hidden, n_iter=0, random_state=0).fit(X)
    rbm.machine_ = machine
    return rbm


@pytest.fixture
def rows(machine, rng):
    return Enumeration.of(machine).draw(300, rng)


@pytest.mark.parametrize("n_visible, n_hidden", [(4, 3), (3, 5), (1, 1), (14, 2)])
@pytest.mark.parametrize("method", ["exact", "auto"])
def test_exact_is_the_enumeration(n_visible, n_hidden, method, make_machine):
    machine = make_machine(n_visible, n_hidden)
    found = log_partition(fitted(machine), method=method)
    assert found.value == pytest.approx(Enumeration.of(machine).log_z, rel=1e-12)
    assert found.low == found.value == found.high and found.method == "exact"


def test_exact_in_blocks(make_machine):
    """13 units have more states than a block."""
    machine = make_machine(13, 15)
    mirrored = machine.mirrored()
    fields = all_states("bernoulli", 13)[0] @ machine.weights + machine.hidden_bias
    exponents = all_states("bernoulli", 13)[0] @ machine.visible_bias
    expected = np.logaddexp.reduce(exponents + np.logaddexp(0, fields).sum(axis=1))
    for one in (machine, mirrored):
        found = log_partition(fitted(one), method="exact").value
        assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("method", ["ais", "reverse-ais"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_weights_are_unbiased(method, dtype, make_machine, seed):
    """Few temperatures give wide weights, whose mean is right all the same."""
    machine = make_machine(dtype=dtype)
    X = Enumeration.of(machine).draw(300, np.random.default_rng(seed))
    found = log_partition(
        fitted(machine),
        method=method,
        n_betas=10,
        n_chains=4000,
        X=X.astype(dtype),
        random_state=seed,
    )
    exact = Enumeration.of(machine).log_z
    # The interval is of three standard errors; five are allowed.
    middle, half = (found.low + found.high) / 2, (found.high - found.low) / 2
    assert 0 < half < 0.5
    assert abs(exact - middle) < 5 / 3 * half + 1e-4
    assert 10 < found.effective_chains < 4000


def test_no_temperatures_in_between(machine, rng):
    """One step is plain importance sampling: w = p*(v) / p*_base(v)."""
    v = (rng.random((50, 4)) < 0.5).astype(float)
    base = rng.normal(size=4)
    found = anneal(machine.tempered(base), v, np.array([0.0, 1.0]), rng)
    expected = -Enumeration.of(machine).free_energy(v) - v @ base - 3 * np.log(2)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_chains_move_at_the_temperature_that_they_have_come_to(machine, rng):
    """With a single one in between the weights of states at another would be wrong."""
    machine.weights *= 2
    base = machine.visible_bias
    tempered, n = machine.tempered(base), 40_000
    v = tempered.independent(n, rng)
    w = np.exp(anneal(tempered, v, np.array([0.0, 0.5, 1.0]), rng))
    log_base = np.logaddexp(0, base).sum() + 3 * np.log(2)
    expected = np.exp(Enumeration.of(machine).log_z - log_base)
    assert abs(w.mean() - expected) < 5 * w.std() / np.sqrt(n)


def test_chains_begin_at_means_of_the_data(machine, rng):
    """As if one row in twenty-one felt no field."""
    X = rng.random((30, 4))
    bias, units = base(machine, X, rng)
    expected = (20 * X.mean(axis=0) + 0.5) / 21
    np.testing.assert_allclose(sigmoid(bias), expected, rtol=1e-12)
    assert units is machine.visible
    assert base(machine, None, rng)[0] is machine.visible_bias


def test_intervals_are_wider_where_a_rare_chain_would_be(machine, rows, seed):
    """Whose weight is large: above of the normalizer forwards, and below backwards."""
    for method, sign in (("ais", 1), ("reverse-ais", -1)):
        found = log_partition(
            fitted(machine), method=method, n_betas=10, X=rows, random_state=seed
        )
        above, below = found.high - found.value, found.value - found.low
        assert above > 0 and below > 0 and sign * (below - above) > 0


def test_bracket_holds_the_exact_value(machine, rows, seed):
    rbm = fitted(machine)
    found = log_partition(
        rbm, method="bracket", n_betas=2000, X=rows, random_state=seed
    )
    exact = Enumeration.of(machine).log_z
    assert found.low < exact < found.high
    assert found.high - found.low < 0.1 and found.settled


@pytest.mark.slow
@pytest.mark.parametrize("n_betas", [20, 1000])
@pytest.mark.parametrize("names", [("bernoulli", "bernoulli"), ("spin", "bernoulli")])
def test_brackets_at_ten_seeds(names, n_betas, make_machine, rng, seed):
    """Few temperatures have a wide bracket, and many have two estimates that agree."""
    machine = make_machine(names=names)
    table = Enumeration.of(machine, names)
    rbm = fitted(machine)
    rbm.visible = names[0]
    rows = table.draw(300, rng)
    found = [
        log_partition(
            rbm, method="bracket", n_betas=n_betas, X=rows, random_state=10 * seed + i
        )
        for i in range(10)
    ]
    assert all(one.low < one.value < one.high for one in found)
    # An end is more than three standard errors off once in 600 cases.
    assert sum(one.low < table.log_z < one.high for one in found) >= 9
    assert np.mean([one.high - one.low for one in found]) < 2 / np.sqrt(n_betas)


def test_states_that_the_data_have_not_are_in_reach(make_machine, seed):
    """Rows of zeros, and a model in which every state is as likely."""
    machine = make_machine(1, 1)
    for array in machine.params.values():
        array[:] = 0
    settings = dict(method="ais", n_betas=2, n_chains=5000, random_state=seed)
    found = log_partition(fitted(machine), X=np.zeros((9, 1)), **settings)
    # A chain in 42 begins at 1, and has the weight 21.
    assert found.value == pytest.approx(np.log(4), abs=5 * np.sqrt(10 / 5000))


def test_reverse_chains_start_from_rows_of_all_kinds(rng, seed):
    """Of two modes with the same weight annealing reaches one, and Gibbs chains none."""
    n = 30
    weights, bias = np.full((n, 1), 6.0), n * (np.log(2) - np.logaddexp(0, 6))
    machine = RestrictedMachine(weights, np.zeros(n), np.array([bias]))
    rows = (rng.random((200, n)) < 0.5).astype(float)
    rows = np.vstack([rows, rng.random((200, n)) < 0.9975])
    settings = dict(method="reverse-ais", n_betas=300, n_chains=200)
    found = log_partition(fitted(machine), X=rows, random_state=seed, **settings)
    # Chains of the one mode have weights of almost 2, and those of the other next to 0.
    assert found.value == pytest.approx((n + 1) * np.log(2), abs=0.3)


@pytest.mark.parametrize(
    "values, ends",
    [
        ((10.0, 12.0), (9.0, 12.5)),
        ((10.0, 10.2), (9.0, 10.7)),
        ((12.0, 10.0), (10.0, 12.0)),
        ((10.3, 10.0), (9.3, 10.5)),
    ],
)
@pytest.mark.parametrize("effective", [(80.0, 50.0), (50.0, 80.0)])
@pytest.mark.parametrize("settled", [True, False])
def test_bracket_of_two_estimates(values, ends, effective, settled):
    """Both of them, and the errors below the forward and above the reverse one."""
    forward = LogPartition(values[0], values[0] - 1, values[0] + 7, "", effective[0])
    reverse = LogPartition(
        values[1], values[1] - 7, values[1] + 0.5, "", effective[1], settled
    )
    found = bracket(forward, reverse)
    assert found == LogPartition(np.mean(values), *ends, "bracket", 50.0, settled)


@pytest.mark.parametrize("n", [1, 100])
def test_a_single_weight_that_matters(n):
    """By Markov's inequality the mean is 740 times too large once in 740 cases."""
    log_weights = np.where(np.arange(n) == 0, 5.0, -50.0)
    log_mean, (below, above), n_effective = _log_mean(log_weights)
    assert log_mean == pytest.approx(5 - np.log(n))
    assert below == pytest.approx(np.log(stats.norm.sf(3)), abs=1e-3)
    assert above == (np.inf if n == 1 else pytest.approx(np.log(4)))
    assert n_effective == pytest.approx(1)


def test_seeds_and_processes(machine, rows, seed):
    rbm = fitted(machine)
    settings = dict(method="ais", n_betas=50, X=rows)
    one = log_partition(rbm, random_state=seed, **settings)
    assert one == log_partition(rbm, random_state=seed, **settings)
    assert one != log_partition(rbm, random_state=seed + 1, **settings)


def test_processes_change_nothing(make_machine, seed):
    """Neither does their number where the chains are walked in several parts."""
    machine = make_machine(300, 350)
    machine.weights *= 0.003
    settings = dict(method="ais", n_betas=5, n_chains=45, random_state=seed)
    one = log_partition(fitted(machine), **settings)
    with parallel_config(backend="threading"):
        two = log_partition(fitted(machine), n_jobs=2, **settings)
    assert one == two


@pytest.fixture
def gaussians(make_machine, rng):
    """Two layers of Gaussian units, with one on the visible side in other units."""
    machine = make_machine(5, 4, ("gaussian",) * 2)
    machine.weights *= 0.7 / np.linalg.norm(
        machine.visible.spread(5)[:, None] * machine.weights, 2
    )
    return machine


def test_two_layers_of_gaussian_units(gaussians, rng, seed):
    """log Z = ½ log |2πΣ| + ½ ηᵀΣη − ½ μᵀPμ, for however many units.

    The bases (x − μ)²P/2 add Pμ to the linear terms η.
    """
    wide = RestrictedMachine(
        rng.normal(0, 0.03, (80, 60)),
        rng.normal(size=80),
        rng.normal(size=60),
        Concatenated([(Gaussian(3.0), 50), (Gaussian(0.5), 30)]).start(80),
        Gaussian().start(60),
    )
    for machine in (gaussians, gaussians.mirrored(), wide):
        rbm = fitted(machine)
        n_visible, n_hidden = machine.weights.shape
        spread = [machine.visible.spread(n_visible), machine.hidden.spread(n_hidden)]
        precision = np.diag(np.concatenate(spread) ** -2)
        precision[:n_visible, n_visible:] = -machine.weights
        precision[n_visible:, :n_visible] = -machine.weights.T
        bias = np.concatenate([machine.visible_bias, machine.hidden_bias])
        centers = (
            getattr(x, "center_", None) for x in (machine.visible, machine.hidden)
        )
        center = np.concatenate(
            [
                np.zeros(n) if own is None else own
                for own, n in zip(centers, machine.weights.shape, strict=True)
            ]
        )
        pull = np.diag(precision) * center
        bias = bias + pull
        expected = (bias @ np.linalg.solve(precision, bias) - pull @ center) / 2
        expected -= np.linalg.slogdet(precision / 2 / np.pi)[1] / 2
        for method in ("auto", "exact"):
            found = log_partition(rbm, method=method)
            assert found.value == pytest.approx(expected, rel=1e-11)
            assert found.method == "exact"
    found = log_partition(
        fitted(gaussians), method="ais", n_betas=300, random_state=seed
    )
    exact = log_partition(fitted(gaussians)).value
    assert found.low - 0.05 < exact < found.high + 0.05


@pytest.mark.parametrize("method", ["auto", "exact", "ais", "bracket"])
def test_gaussian_units_without_a_normalizer(method, gaussians, rng):
    gaussians.weights *= 1.5
    X = rng.normal(size=(30, 5))
    with pytest.raises(ValueError, match=r"no normalizer: .* value 1\.05 in"):
        log_partition(fitted(gaussians), method=method, X=X)


def test_other_units_without_a_normalizer(make_machine, seed):
    machine = make_machine(3, 2, ("gaussian", "rectified"))
    machine.weights[:] = 5
    with pytest.raises(ValueError, match="no normalizer, or a parameter is not"):
        log_partition(fitted(machine), n_betas=500, random_state=seed)


def test_groups_of_a_number_of_numpy(seed):
    rbm = RBM(40, visible=Softmax(np.int64(4)), n_iter=0, random_state=seed)
    X = np.tile([1.0, 0, 0, 0], (2, 40))
    found = log_partition(rbm.fit(X), n_betas=10, random_state=seed)
    assert found.method == "ais"


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_normalizer_of_a_classifier(container, rng, seed):
    """Its rows have no labels, and its machine does."""
    X = (rng.random((40, 5)) < 0.5).astype(float)
    y = X[:, 0].astype(int)
    clf = RBMClassifier(3, n_iter=3, objective="generative", random_state=seed)
    clf.fit(X, y)
    exact = log_partition(clf)
    assert exact.method == "exact"
    found = log_partition(
        clf, method="bracket", X=container(X), n_betas=500, random_state=seed
    )
    assert found.low - 0.1 < exact.value < found.high + 0.1


@pytest.mark.parametrize("given", ["nothing", "number", "result"])
def test_likelihoods_add_up_to_one(given, machine):
    rbm = fitted(machine)
    log_z = {
        "nothing": None,
        "number": Enumeration.of(machine).log_z,
        "result": log_partition(rbm),
    }[given]
    states = all_states("bernoulli", 4)[0]
    found = log_likelihood(rbm, states, log_z)
    np.testing.assert_allclose(np.exp(found), Enumeration.of(machine).p_v, rtol=1e-10)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_other_measures(container, machine, rng):
    rbm, oracle = fitted(machine), Enumeration.of(machine)
    X = (rng.random((30, 4)) < 0.3).astype(float)
    given = container(X)
    np.testing.assert_array_equal(
        pseudo_log_likelihood(rbm, given), rbm.score_samples(given)
    )
    h = oracle.hidden_mean(X)
    v = sigmoid(h @ machine.weights.T + machine.visible_bias)
    np.testing.assert_allclose(
        reconstruction_error(rbm, given), ((X - v) ** 2).mean(axis=1), rtol=1e-10
    )
    energies = oracle.free_energy(X)
    np.testing.assert_allclose(
        free_energy_gap(rbm, given[:20], given[20:]),
        energies[20:].mean() - energies[:20].mean(),
        rtol=1e-10,
    )


def test_gap_of_the_rows_that_can_be(machine, rows):
    rbm, bad = fitted(machine), rows.copy()
    bad[0, 0] = 2
    with pytest.warns(DataRangeWarning):
        found = free_energy_gap(rbm, bad, rows)
    expected = rbm.free_energy(rows).mean() - rbm.free_energy(rows[1:]).mean()
    assert found == pytest.approx(expected, rel=1e-12)


def test_wide_interval_warns(make_machine, rng):
    machine = make_machine(30, 30)
    machine.weights *= 10
    with pytest.warns(EstimateWarning, match="n_betas=5"):
        log_partition(fitted(machine), method="ais", n_betas=5, n_chains=20)


def test_unsettled_chains_warn(make_machine):
    """Two modes, all chains in the rare one, which they leave in about 1,000 steps."""
    machine = make_machine(20, 20)
    machine.weights[:] = 0.32
    machine.visible_bias[:] = machine.hidden_bias[:] = -0.32 * 10 - 0.1
    X = np.ones((50, 20))
    settings = dict(method="reverse-ais", n_betas=200, X=X, random_state=0)
    with pytest.warns(EstimateWarning, match="not settled"):
        found = log_partition(fitted(machine, X), **settings)
    assert not found.settled


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"method": "guess"}, ["method='guess'", "bracket"]),
        ({"n_chains": 0}, ["'n_chains' parameter", "Got 0"]),
        ({"n_betas": 1.5}, ["'n_betas' parameter", "Got 1.5"]),
        ({"n_betas": 1, "method": "ais"}, ["n_betas=1", "at least 2"]),
        ({"method": "bracket"}, ["method='bracket'", "X=None"]),
    ],
)
def test_bad_settings(settings, words, machine):
    with pytest.raises(ValueError) as caught:
        log_partition(fitted(machine), **settings)
    assert all(word in str(caught.value) for word in words)


def test_too_many_units_to_enumerate(make_machine):
    with pytest.raises(ValueError, match="as many as 26 binary units of at most 25"):
        log_partition(fitted(make_machine(30, 26)), method="exact")


def test_nothing_to_enumerate(machine):
    class Continuous(Bernoulli):
        def n_states(self, n_units):
            return np.inf

    machine.visible = machine.hidden = Continuous()
    with pytest.raises(ValueError, match="neither layer of this model has finitely"):
        log_partition(fitted(machine), method="exact")


# Rows of two units, or of a group of three: a good one, and those that cannot be.
ROWS = {
    "bernoulli": [[0, 1], [0, 2], [-0.5, 0]],
    "spin": [[1, -1], [-1, 1.5], [-3, 1]],
    "softmax": [[0, 1, 0], [0, 0, 0], [1, 1, 0]],
    "rectified": [[0, 1.5], [-0.5, 1], [1, -2]],
    "poisson": [[3, 0], [1.5, 2], [0, -1]],
}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_rows_that_cannot_be(name, container, make_machine, seed):
    X = np.array(ROWS[name], float)
    machine = make_machine(X.shape[1], 3, (name, "bernoulli"))
    rbm = RBM(3, visible=machine.visible, n_iter=0, random_state=seed)
    rbm.fit(X[[0, 0]]).machine_ = machine
    net = DBNTransformer.from_rbms([rbm])
    good, X = container(X[:1]), container(X)
    for call, value in (
        (lambda X: log_likelihood(rbm, X, 0.0), -np.inf),
        (rbm.score_samples, -np.inf),
        (rbm.free_energy, np.inf),
        (net.reconstruction_log_likelihood, -np.inf),
        (lambda X: log_likelihood_bound(net, X, 0.0), -np.inf),
    ):
        expected = call(good)
        assert np.isfinite(expected).all()
        with pytest.warns(DataRangeWarning, match="2 of 3 rows .* in column 0"):
            found = call(X)
        np.testing.assert_allclose(found[0], expected[0])
        np.testing.assert_array_equal(found[1:], value)


def test_a_search_with_rows_that_cannot_be(rng):
    """They give −inf to all candidates, and no error."""
    X = (rng.random((30, 4)) < 0.5) + 0.0
    X[::10, 2] = 3
    search = GridSearchCV(
        BernoulliRBM(3, n_iter=1, random_state=0), {"n_components": [2, 3]}, cv=3
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search.fit(X)
    assert {one.category for one in caught} >= {DataRangeWarning}
    assert (search.cv_results_["mean_test_score"] == -np.inf).all()


def test_entries_stored_in_parts(make_machine, seed):
    """As SciPy means them, they are the sums of the parts."""
    parts = [1.0, 2.0, 0.5, 0.5], [0, 0, 1, 1], [0, 4]
    X = sparse.csr_matrix(parts, shape=(1, 500))
    whole = sparse.csr_matrix(X.toarray())
    names = [("poisson", 1), ("bernoulli", 1), ("gaussian", 498)]
    units = Concatenated(names)
    rbm = RBM(3, visible=units, n_iter=0, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataRangeWarning)
        rbm.fit(np.vstack([whole.toarray()] * 2))
        for method in (rbm.free_energy, rbm.score_samples, rbm.transform, rbm.gibbs):
            rbm._rng = make_rng(seed)
            found = method(X)
            rbm._rng = make_rng(seed)
            np.testing.assert_array_equal(found, method(whole))
        fits = [
            RBM(3, visible=units, n_iter=1, random_state=seed).fit(rows).components_
            for rows in (sparse.vstack([X, X]), sparse.vstack([whole, whole]))
        ]
    np.testing.assert_array_equal(*fits)
    assert X.nnz == 4 and X.data.tolist() == parts[0]


def test_bad_data(machine):
    rbm = fitted(machine)
    with pytest.raises(ValueError, match="Threshold the values"):
        log_likelihood(rbm, np.full((3, 4), 0.5))
    with pytest.raises(ValueError, match="features"):
        log_likelihood(rbm, np.ones((3, 5)))
    for call in (log_partition, lambda rbm: log_likelihood(rbm, np.ones((3, 4)))):
        with pytest.raises(NotFittedError):
            call(BernoulliRBM())
