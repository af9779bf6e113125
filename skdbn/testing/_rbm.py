"""Checks of an estimator of a restricted machine, this package's or scikit-learn's."""

import copy
import inspect
import pickle

import numpy as np
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.utils import get_tags

from ..evaluation import log_partition
from ..gradients import CD
from ..machines import RestrictedMachine
from ..units import Scaled
from ..units._base import ask
from ._checks import (
    named,
    need,
    require,
    require_close,
    require_mean,
    require_rows,
    run,
)
from ._enumeration import Restricted, conditional_tables, log_sum_exp, slope
from ._machines import MachineCase

N_HIDDEN = 3
N_DRAWS = 10_000

# A model hardly moves at this rate, so that its steps are those at one place.
RATE = 1e-6
BATCH = 64
N_ROWS = 100
N_BLOCKS = 25
BLOCK = 4

# Chains of so many steps have forgotten where they began.
LONG = 12


def default_rows(rng):
    """Rows of bits, of which two are alike and two are not."""
    X = (rng.random((60, 4)) < 0.5).astype(float)
    X[:, 1] = X[:, 0]
    return np.where(rng.random(X.shape) < 0.1, 1 - X, X)


def machine_of(model):
    """The machine of a fitted model; scikit-learn's class has binary units."""
    if hasattr(model, "machine_"):
        return model.machine_
    return RestrictedMachine(
        model.components_.T, model.intercept_visible_, model.intercept_hidden_
    )


def unsettle(machine, rng):
    """Add to weights and biases, in place, so that they matter whatever was learned."""
    low, high = machine.visible.bounds
    scale = 1 / (high - low) if np.isfinite([low, high]).all() else 0.7
    machine.weights += rng.normal(0, scale, machine.weights.shape)
    for bias in (machine.visible_bias, machine.hidden_bias):
        bias += rng.normal(0, scale / 2, bias.shape)


def with_settings(estimator, **settings):
    """A clone with those of the settings that it has."""
    known = estimator.get_params(deep=False)
    return clone(estimator).set_params(
        **{name: value for name, value in settings.items() if name in known}
    )


class RBMCase:
    """A fitted model of a few units, with its exact distribution."""

    def __init__(self, subject, rng):
        estimator, self.X = subject
        self.rng = rng
        if self.X is None:
            self.X = default_rows(rng)
        self.estimator = with_settings(
            estimator, n_components=N_HIDDEN, n_iter=3, random_state=0
        )
        self.model = clone(self.estimator).fit(self.X)
        machine = machine_of(self.model)
        unsettle(machine, rng)
        self.exact = MachineCase(machine, rng)
        self.rows, log_measure = self.exact.table
        self.table = Restricted(
            (machine.weights, machine.visible_bias, machine.hidden_bias),
            (self.rows, log_measure - machine.visible.base_energy(self.rows)),
            self.exact.hidden_table,
        )
        self.log_p = self.table.log_visible() - self.table.log_z()
        self.p = np.exp(self.log_p)
        self.finite = self.exact.finite

    def has(self, name):
        """Leave a check out unless the model has a method."""
        need(hasattr(self.model, name), name)
        return getattr(self.model, name)

    def draw(self, n):
        return self.rows[self.rng.choice(len(self.p), n, p=self.p / self.p.sum())]

    def slope_of_known(self, rows):
        """The slope of the mean log-likelihood of what is known, by parameter."""
        machine = self.exact.machine
        components, *biases = arrays = [
            np.array(array, np.float64)
            for array in (machine.weights.T, machine.visible_bias, machine.hidden_bias)
        ]
        fits = (np.isnan(rows)[:, None] | (rows[:, None] == self.rows)).all(axis=2)
        log_measure = self.exact.table[1] - machine.visible.base_energy(self.rows)

        def score():
            table = Restricted(
                (components.T, *biases),
                (self.rows, log_measure),
                self.exact.hidden_table,
            )
            logs = np.where(fits, table.log_visible(), -np.inf)
            return log_sum_exp(logs, axis=1).mean() - table.log_z()

        return slope(score, arrays)

    def trained(self, batches, **settings):
        """Changes of the parameters over blocks of calls of partial_fit, by the rate."""
        model = copy.deepcopy(self.model)
        known = model.get_params(deep=False)
        settings |= {"learning_rate": RATE, "batch_size": BATCH, "centered": False}
        settings |= {"momentum": 0.0, "weight_decay": 0.0}
        model.set_params(**{k: v for k, v in settings.items() if k in known})
        found, before = [], None
        for i in range((N_BLOCKS + 2) * BLOCK):
            if i % BLOCK == 0:
                now = parameters(model)
                if before is not None and i > 2 * BLOCK:
                    found.append((now - before) / RATE / BLOCK)
                before = now
            X, options = batches()
            model.partial_fit(X, **options)
        return found


def parameters(model):
    """All weights and biases in a row."""
    names = "components_", "intercept_visible_", "intercept_hidden_"
    return np.concatenate([np.ravel(getattr(model, name)) for name in names])


def _transform(case):
    """Features are the averages over all hidden states."""
    transform = case.has("transform")
    require_close(transform(case.rows), case.table.hidden_mean(), "transform")


def _free_energy(case):
    """The free energy is that of the sum over all hidden states."""
    found = case.has("free_energy")(case.rows)
    expected = case.exact.table[1] - case.table.log_visible()
    require_close(found, expected, "free_energy")


def _score_samples(case):
    """The scores of rows are their exact pseudo-likelihoods."""
    score_samples = case.has("score_samples")
    need(case.finite, "finitely many visible states")
    columns = case.exact.columns
    expected = sum(conditional_tables(case.log_p, case.rows, own) for own in columns)
    require_close(score_samples(case.rows), expected, "score_samples")


def _score(case):
    """The score is the average of the scores of rows."""
    found = case.has("score")(case.X)
    require_close(found, case.model.score_samples(case.X).mean(), "score")


def _gibbs(case):
    """A Gibbs step keeps the distribution of the model."""
    gibbs = case.has("gibbs")
    need(case.finite, "finitely many visible states")
    rows = case.draw(N_DRAWS)
    for _ in range(3):
        rows = gibbs(rows)
    require_rows(rows, case.rows, case.p, "gibbs")


def _annealing(case):
    """Annealing from both sides brackets the exact partition function."""
    need(hasattr(case.model, "machine_"), "machine_")
    exact = case.table.log_z()
    forward, reverse = (
        log_partition(case.model, method=method, n_betas=500, X=case.X, random_state=0)
        for method in ("ais", "reverse-ais")
    )
    # Intervals of three standard errors are made twice as wide.
    low = min(2 * side.low - side.value for side in (forward, reverse))
    high = max(2 * side.high - side.value for side in (forward, reverse))
    require(
        low < exact < high,
        f"log Z is {exact:.6g}, and annealing says {low:.6g} to {high:.6g}",
    )


def _sparse(case):
    """Sparse rows give what dense ones give."""
    need(get_tags(case.model).input_tags.sparse, "sparse input")
    rows = case.rows[:50]
    for name in ("transform", "free_energy", "score_samples"):
        if hasattr(case.model, name):
            method = getattr(case.model, name)
            require_close(method(csr_array(rows)), method(rows), name)


def _float32(case):
    """A model of float32 rows is that of float64 ones."""
    found = []
    for dtype in (np.float64, np.float32):
        X = case.X.astype(dtype)
        found.append(clone(case.estimator).fit(X).transform(X))
    require(found[1].dtype == np.float32, f"transform of float32 is {found[1].dtype}")
    require_close(found[1], found[0], "transform", 1e-2, 1e-3)


def _rest(case):
    """Learning from rows of the model does not move it."""
    case.has("partial_fit")
    need(case.finite, "finitely many visible states")
    found = case.trained(lambda: (case.draw(N_ROWS), {}))
    require_mean(found, 0.0, "the step")


def _weights(case):
    """Learning from weighted rows follows their weights."""
    partial_fit = case.has("partial_fit")
    need("sample_weight" in inspect.signature(partial_fit).parameters, "sample_weight")
    need(case.finite, "finitely many visible states")

    def batches():
        chosen = case.rng.integers(len(case.rows), size=N_ROWS)
        # Uniform rows with these weights are rows of the model.
        weights = case.p[chosen] * len(case.rows)
        return case.rows[chosen], {"sample_weight": weights}

    require_mean(case.trained(batches), 0.0, "the step")


def _unknown(case):
    """Learning from rows of the model with unknown values does not move it."""
    case.has("partial_fit")
    need(get_tags(case.model).input_tags.allow_nan, "unknown values")
    need(case.finite, "finitely many visible states")
    alone = all(len(own) == 1 for own in case.exact.columns)
    need(alone, "units that vary alone")

    def batches():
        rows = case.draw(N_ROWS).copy()
        rows[case.rng.random(rows.shape) < 0.3] = np.nan
        rows[0] = case.draw(1)
        return rows, {}

    require_mean(case.trained(batches), 0.0, "the step")


def _unknown_slope(case):
    """Learning from unknown values follows the slope of the known ones' likelihood."""
    case.has("partial_fit")
    need(get_tags(case.model).input_tags.allow_nan, "unknown values")
    need("gradient" in case.model.get_params(deep=False), "gradient")
    need(case.finite, "finitely many visible states")
    need(ask(case.exact.visible, Scaled).step_scale is None, "steps without a scale")
    # Any rows, from which the model is far.
    rows = case.rows[case.rng.integers(len(case.rows), size=BATCH)].astype(float)
    for own in case.exact.columns:
        rows[np.ix_(case.rng.random(BATCH) < 0.4, own)] = np.nan
    rows[0] = case.draw(1)
    found = case.trained(lambda: (rows, {}), gradient=CD(LONG))
    require_mean(found, case.slope_of_known(rows), "the step")


def _resume(case):
    """A model that was saved goes on as if it had not been."""
    case.has("partial_fit")
    found = []
    for is_saved in (False, True):
        model = clone(case.estimator)
        for i in range(4):
            if is_saved and i == 2:
                model = pickle.loads(pickle.dumps(model))
            model.partial_fit(case.X)
        found.append(parameters(model))
    require_close(found[1], found[0], "a parameter")


def _returns_self(case):
    """Fitting returns the estimator and leaves the rows alone."""
    before = case.X.copy()
    for name in ("fit", "partial_fit"):
        model = clone(case.estimator)
        if hasattr(model, name):
            require(
                getattr(model, name)(case.X) is model, f"{name} does not return self"
            )
    require_close(case.X, before, "X", 0, 0)


def _seed(case):
    """A seed determines the model."""
    found = [parameters(clone(case.estimator).fit(case.X)) for _ in range(2)]
    require_close(found[1], found[0], "a parameter", 0, 0)


CHECKS = (
    _transform,
    _free_energy,
    _score_samples,
    _score,
    _gibbs,
    _annealing,
    _sparse,
    _float32,
    _rest,
    _weights,
    _unknown,
    _unknown_slope,
    _resume,
    _returns_self,
    _seed,
)


def rbm_checks(estimator, X=None, *, seed=0):
    """List the checks of a restricted Boltzmann machine, to be run by pytest.

    Parameters
    ----------
    estimator : estimator
        The model; clones of it are fitted.

    X : ndarray of shape (n_samples, n_features), default=None
        Rows of a few columns that it can learn; None means four bits.

    seed : int, default=0
        Determines the draws.

    Returns
    -------
    checks : list of callable
        Each raises an AssertionError where its invariant is broken, and a
        ``unittest.SkipTest`` where it needs what the estimator does not offer. Its
        ``str`` is the invariant.

    See Also
    --------
    check_rbm : Runs them all.

    Examples
    --------
    >>> from skdbn import BernoulliRBM
    >>> from skdbn.testing import rbm_checks
    >>> print(rbm_checks(BernoulliRBM())[0])
    Features are the averages over all hidden states
    """
    owner = type(estimator).__name__
    return named(CHECKS, RBMCase, (estimator, X), seed, owner)


def check_rbm(
    estimator, X=None, *, seed=0, expected_failed_checks=None, on_fail="raise"
):
    """Check a restricted Boltzmann machine against sums over its states.

    A clone with 3 hidden units is fitted for 3 epochs, and its weights are made to matter.
    What its methods say is then compared with the definitions, and learning from rows
    that are drawn from the model itself must not move it. Methods that an estimator does
    not have are left out, so that scikit-learn's ``BernoulliRBM`` can be checked, too.

    Parameters
    ----------
    estimator : estimator
        The model; clones of it are fitted.

    X : ndarray of shape (n_samples, n_features), default=None
        Rows of a few columns that it can learn; None means four bits.

    seed : int, default=0
        Determines the draws.

    expected_failed_checks : dict of str to str, default=None
        Invariants that are known to be broken, and why.

    on_fail : {"raise", None}, default="raise"
        Whether to raise the first failure that is not expected.

    Returns
    -------
    results : list of CheckResult
        A result for each invariant. Checks of what the estimator does not offer are
        left out, with the reason.

    Raises
    ------
    AssertionError
        If an invariant is broken: which, by how much, and the seed.

    See Also
    --------
    rbm_checks : The same for pytest's parametrize.
    check_machine : Of the machine alone.

    Examples
    --------
    >>> from sklearn.neural_network import BernoulliRBM
    >>> from skdbn.testing import check_rbm
    >>> results = check_rbm(BernoulliRBM(), on_fail=None)
    >>> [result.name for result in results if result.status == "failed"][0]
    'The scores of rows are their exact pseudo-likelihoods'
    """
    checks = rbm_checks(estimator, X, seed=seed)
    return run(checks, expected_failed_checks, on_fail)
