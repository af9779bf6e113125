"""Checks of an estimator that makes rows: a restricted machine or a deep belief net."""

import inspect

import numpy as np

from ._checks import (
    named,
    need,
    require,
    require_close,
    require_mean,
    require_rows,
    run,
)
from ._enumeration import Restricted, log_sum_exp
from ._machines import MachineCase
from ._rbm import default_rows, machine_of, unsettle, with_settings

N_HIDDEN = 3
N_DRAWS = 10_000
N_STEPS = 100
N_SAMPLES = 20


class GenerativeCase:
    """A fitted model of a few units, with the exact distribution of its rows."""

    def __init__(self, subject, rng):
        estimator, self.X = subject
        self.rng = rng
        if self.X is None:
            self.X = default_rows(rng)
        settings = {"n_components": N_HIDDEN, "n_iter": 3, "random_state": 0}
        self.model = with_settings(estimator, **settings).fit(self.X)
        rbms = getattr(self.model, "rbms_", [self.model])
        machines = [machine_of(rbm) for rbm in rbms]
        for machine in machines:
            unsettle(machine, rng)
        self.is_deep = len(machines) > 1
        layers = [MachineCase(machine, rng) for machine in machines]
        need(all(layer.finite for layer in layers), "finitely many states")
        tables = [_table(layer) for layer in layers]
        *below, top = tables
        log_p = top.log_visible() - top.log_z()
        for table in reversed(below):
            log_p = _down(table, log_p)
        self.rows, self.p = tables[0].v, np.exp(log_p)

    def has(self, name, argument=None):
        """Leave a check out unless the model has a method, with an argument."""
        need(hasattr(self.model, name), name)
        method = getattr(self.model, name)
        known = inspect.signature(method).parameters
        need(argument is None or argument in known, f"{argument} of {name}")
        return method

    def clamped(self):
        """A row, where it is unknown, and the probabilities of all rows given it."""
        need(not self.is_deep, "a single layer")
        row = self.rows[self.rng.choice(len(self.p), p=self.p / self.p.sum())]
        unknown = np.arange(len(row)) < len(row) // 2
        p = self.p * (self.rows[:, ~unknown] == row[~unknown]).all(axis=1)
        return np.tile(row, (N_DRAWS, 1)), unknown, p / p.sum()


def _table(layer):
    """The joint table of a layer, from its parameters."""
    machine, (rows, log_measure) = layer.machine, layer.table
    visible = rows, log_measure - machine.visible.base_energy(rows)
    arrays = machine.weights, machine.visible_bias, machine.hidden_bias
    return Restricted(arrays, visible, layer.hidden_table)


def _down(table, log_p):
    """log p(v) = log Σₕ p(v | h) p(h), with p(h) from the layers above."""
    log_conditional = table.log_table - log_sum_exp(table.log_table, axis=0)
    return log_sum_exp(log_conditional + log_p, axis=1)


def _sample(case):
    """Samples have the exact distribution."""
    sample = case.has("sample")
    rows = sample(N_DRAWS, n_steps=N_STEPS, random_state=int(case.rng.integers(9999)))
    require_rows(rows, case.rows, case.p, "sample")


def _tempering(case):
    """Samples of tempered chains have the exact distribution."""
    sample = case.has("sample", "tempering")
    seed = int(case.rng.integers(9999))
    rows = sample(N_DRAWS, n_steps=N_STEPS, tempering=3, random_state=seed)
    require_rows(rows, case.rows, case.p, "sample")


def _means(case):
    """Means of samples have the exact average."""
    sample = case.has("sample", "means")
    seed = int(case.rng.integers(9999))
    rows = sample(N_DRAWS, n_steps=N_STEPS, means=True, random_state=seed)
    require_mean(rows, case.p @ case.rows, "sample")


def _trace(case):
    """A trace ends with samples of the exact distribution."""
    sample = case.has("sample", "trace")
    seed = int(case.rng.integers(9999))
    trace = sample(N_DRAWS, n_steps=N_STEPS, trace=N_STEPS // 4, random_state=seed)
    require(len(trace) == 4, f"a trace of every quarter of the steps has {len(trace)}")
    require_rows(trace[-1], case.rows, case.p, "the last state")


def _repeatable(case):
    """A seed determines samples, and without one they differ."""
    sample = case.has("sample")
    first, second = (sample(50, n_steps=3, random_state=1) for _ in range(2))
    require_close(second, first, "sample", 0, 0)
    first, second = (sample(50, n_steps=3) for _ in range(2))
    require((first != second).any(), "a second sample is the first one")


def _known(case):
    """Known values stay."""
    rows = case.X[:20].astype(float)
    mask = case.rng.random(rows.shape) < 0.5
    mask[:, -1] = False
    before, holes = rows.copy(), np.where(mask, np.nan, rows)
    for name, X in (("conditional_sample", (rows, mask)), ("impute", (holes,))):
        method = case.has(name)
        found = method(*X, n_steps=3, random_state=0)
        require_close(found[~mask], before[~mask], f"{name} of a known value", 0, 0)
        require(np.isfinite(found).all(), f"{name} leaves values unknown")
    require_close(rows, before, "X", 0, 0)


def _conditional(case):
    """Conditional samples have the exact distribution."""
    conditional_sample = case.has("conditional_sample")
    rows, unknown, p = case.clamped()
    mask = np.tile(unknown, (len(rows), 1))
    seed = int(case.rng.integers(9999))
    found = conditional_sample(rows, mask, n_steps=50, random_state=seed)
    require_rows(found, case.rows, p, "conditional_sample")


def _impute(case):
    """Unknown values are filled in by their exact average."""
    impute = case.has("impute")
    rows, unknown, p = case.clamped()
    rows = rows[: N_DRAWS // 20]
    rows[:, unknown] = np.nan
    seed = int(case.rng.integers(9999))
    found = impute(rows, n_samples=N_SAMPLES, n_steps=30, random_state=seed)
    require_mean(found[:, unknown], (p @ case.rows)[unknown], "impute")


CHECKS = (
    _sample,
    _tempering,
    _means,
    _trace,
    _repeatable,
    _known,
    _conditional,
    _impute,
)


def generative_checks(estimator, X=None, *, seed=0):
    """List the checks of a model that makes rows, to be run by pytest.

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
    check_generative : Runs them all.

    Examples
    --------
    >>> from skdbn import BernoulliRBM
    >>> from skdbn.testing import generative_checks
    >>> print(generative_checks(BernoulliRBM())[0])
    Samples have the exact distribution
    """
    owner = type(estimator).__name__
    return named(CHECKS, GenerativeCase, (estimator, X), seed, owner)


def check_generative(
    estimator, X=None, *, seed=0, expected_failed_checks=None, on_fail="raise"
):
    """Check what a model makes against its exact distribution.

    A clone is fitted for 3 epochs, and its weights are made to matter. Samples are then
    compared with sums over all states, downwards through the layers of a net. Of
    several layers ``conditional_sample`` and ``impute`` are approximate, and not compared.

    Parameters
    ----------
    estimator : estimator
        A restricted machine, or a net of a few units a layer such as
        ``DBNTransformer((3, 2))``; clones of it are fitted.

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
    generative_checks : The same for pytest's parametrize.
    check_rbm : Of learning, features and scores.

    Examples
    --------
    >>> from skdbn import DBNTransformer
    >>> from skdbn.testing import check_generative
    >>> results = check_generative(DBNTransformer((3, 2)))
    >>> {result.reason for result in results if result.status == "left out"}
    {'a single layer'}
    """
    checks = generative_checks(estimator, X, seed=seed)
    return run(checks, expected_failed_checks, on_fail)
