"""Checks of a gradient."""

import pickle

import numpy as np
from scipy.sparse import csr_array
from sklearn.base import clone

from ..gradients import Gradient
from ..machines import RestrictedMachine
from ._checks import named, need, require, require_close, require_mean, run
from ._machines import MachineCase, expected_difference, flat, without_own

# Averages are over blocks of steps, which hide that successive ones depend.
N_BURN_IN = 30
N_BLOCKS = 30
BLOCK = 8
N_ROWS = 100
LONG = 12


class GradientCase:
    """A gradient and a small machine with its exact distribution."""

    def __init__(self, subject, rng):
        self.gradient, machine = subject.gradient, subject.machine
        self.rng = rng
        if machine is None:
            machine = RestrictedMachine(
                rng.normal(0, 0.8, (4, 3)), rng.normal(size=4), rng.normal(size=3)
            )
        self.exact = MachineCase(machine, rng)
        self.machine = self.exact.machine

    def new(self, machine=None, **settings):
        """A fresh gradient, started."""
        gradient = clone(self.gradient).set_params(**settings)
        gradient.start(machine or self.machine, N_ROWS, np.random.default_rng(1))
        return gradient

    def step(self, gradient, batch, rng, **options):
        direction = gradient(self.machine, batch, rng, **options)
        return flat(without_own(self.machine, direction))

    def blocks(self, batches, **settings):
        """Means of directions over blocks of steps; ``batches()`` gives a step's."""
        gradient = self.new(**settings)
        for _ in range(N_BURN_IN):
            batch, options = batches()
            self.step(gradient, batch, self.rng, **options)
        found = []
        for _ in range(N_BLOCKS * BLOCK):
            batch, options = batches()
            found.append(self.step(gradient, batch, self.rng, **options))
        return np.reshape(found, (N_BLOCKS, BLOCK, -1)).mean(axis=1)

    def long_chains(self):
        """Settings of chains so long that their starts are forgotten."""
        need("n_steps" in self.gradient.get_params(deep=False), "n_steps")
        return {"n_steps": LONG}


class Subject:
    """A gradient, and the machine to try it on."""

    def __init__(self, gradient, machine):
        self.gradient, self.machine = gradient, machine


def _names(case):
    """A direction has the names, shapes and precision of the parameters."""
    batch = case.exact.exact_rows(N_ROWS)
    direction = case.new()(case.machine, batch, case.rng)
    params = case.machine.params
    require(list(direction) == list(params), f"a direction has {list(direction)}")
    for name, array in params.items():
        found = direction[name]
        require(found.shape == array.shape, f"{name} is of shape {found.shape}")
        require(found.dtype == array.dtype, f"{name} is {found.dtype}")


def _unchanged(case):
    """A step changes neither machine, batch nor settings."""
    gradient, batch = case.new(), case.exact.exact_rows(N_ROWS)
    rows = batch.copy()
    before = {name: array.copy() for name, array in case.machine.params.items()}
    settings = repr(gradient)
    for _ in range(3):
        gradient(case.machine, batch, case.rng)
    require_close(batch, rows, "the batch", 0, 0)
    for name, array in case.machine.params.items():
        require_close(array, before[name], name, 0, 0)
    require(repr(gradient) == settings, f"{settings} has become {gradient!r}")


def _rest(case):
    """Rows of the model do not move it."""
    found = case.blocks(lambda: (case.exact.exact_rows(N_ROWS), {}))
    require_mean(found, 0.0, "the direction")


def _slope(case):
    """Long chains give the slope of the likelihood."""
    settings = case.long_chains()
    # A single row is far from the model, where what is biased shows.
    batch = np.repeat(case.exact.exact_rows(1), N_ROWS, axis=0)
    found = case.blocks(lambda: (batch, {}), **settings)
    require_mean(found, expected_difference(case.exact, batch), "the direction")


def _weights(case):
    """Weighted rows count as often as their weights say."""
    rows = case.exact.exact_rows(N_ROWS // 2)
    counts = np.tile([2, 0, 1, 5, 2], len(rows) // 5)
    batches = (
        (rows, {"weights": counts.astype(float)}),
        (np.repeat(rows, counts, axis=0), {}),
    )
    found, expected = (case.blocks(lambda b=b: b) for b in batches)
    # A direction is a mean over rows, and the weights have a mean of 2.
    require_mean(found / 2 - expected, 0.0, "the change of the direction")


def _rate(case):
    """The direction is in proportion to the rate."""
    batch = case.exact.exact_rows(N_ROWS)
    once, half = (
        case.step(case.new(), batch, np.random.default_rng(2), rate=rate)
        for rate in (1.0, 0.5)
    )
    require_close(half, once / 2, "the direction at half the rate")


def _sparse(case):
    """Sparse rows give what dense ones give."""
    batch = case.exact.exact_rows(N_ROWS)
    dense, sparse = (
        case.step(case.new(), rows, np.random.default_rng(2))
        for rows in (batch, csr_array(batch))
    )
    require_close(sparse, dense, "the direction")


def _resume(case):
    """A gradient that was saved goes on as if it had not been."""
    batches = [case.exact.exact_rows(N_ROWS) for _ in range(6)]
    found = []
    for is_saved in (False, True):
        gradient, rng = case.new(), np.random.default_rng(2)
        for batch in batches[:3]:
            case.step(gradient, batch, rng)
        if is_saved:
            gradient.stop()
            gradient = pickle.loads(pickle.dumps(gradient))
            gradient.start(case.machine, N_ROWS, np.random.default_rng(9))
        found.append([case.step(gradient, batch, rng) for batch in batches[3:]])
    require_close(found[1], found[0], "the direction")


CHECKS = _names, _unchanged, _rest, _slope, _weights, _rate, _sparse, _resume


def gradient_checks(gradient, machine=None, *, seed=0):
    """List the checks of a gradient, to be run by pytest.

    Parameters
    ----------
    gradient : Gradient
        The gradient; clones of it are used.

    machine : Machine, default=None
        A machine of a few units that it is tried on; None means 4 binary visible and 3
        binary hidden units.

    seed : int, default=0
        Determines the draws.

    Returns
    -------
    checks : list of callable
        Each raises an AssertionError where its invariant is broken, and a
        ``unittest.SkipTest`` where it needs what the gradient does not offer. Its
        ``str`` is the invariant.

    See Also
    --------
    check_gradient : Runs them all.

    Examples
    --------
    >>> from skdbn.gradients import CD
    >>> from skdbn.testing import gradient_checks
    >>> print(gradient_checks(CD())[2])
    Rows of the model do not move it
    """
    if not isinstance(gradient, Gradient):
        raise TypeError(
            f"gradient={gradient!r}: take an instance of skdbn.gradients.Gradient."
        )
    subject = Subject(gradient, machine)
    return named(CHECKS, GradientCase, subject, seed, type(gradient).__name__)


def check_gradient(
    gradient, machine=None, *, seed=0, expected_failed_checks=None, on_fail="raise"
):
    """Check a gradient against the exact slope of the likelihood.

    At rows that are drawn from the model itself its average must be zero; contrastive
    divergence is biased elsewhere. If it has a setting ``n_steps``, its average over
    long chains must be the slope of the likelihood, by finite differences of sums over
    all states. Both are within the Monte Carlo error.

    Parameters
    ----------
    gradient : Gradient
        The gradient; clones of it are used.

    machine : Machine, default=None
        A machine of a few units that it is tried on; None means 4 binary visible and 3
        binary hidden units.

    seed : int, default=0
        Determines the draws.

    expected_failed_checks : dict of str to str, default=None
        Invariants that are known to be broken, and why.

    on_fail : {"raise", None}, default="raise"
        Whether to raise the first failure that is not expected.

    Returns
    -------
    results : list of CheckResult
        A result for each invariant. Checks of what the gradient does not offer are left
        out, with the reason.

    Raises
    ------
    AssertionError
        If an invariant is broken: which, by how much, and the seed.

    See Also
    --------
    gradient_checks : The same for pytest's parametrize.
    check_machine : Of machines.

    Examples
    --------
    >>> from skdbn.gradients import PCD
    >>> from skdbn.testing import check_gradient
    >>> results = check_gradient(PCD(n_chains=100))
    >>> {result.status for result in results}
    {'passed'}
    """
    checks = gradient_checks(gradient, machine, seed=seed)
    return run(checks, expected_failed_checks, on_fail)
