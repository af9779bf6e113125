"""Annealed importance sampling, from independent units to a machine and back."""

from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from scipy.special import logsumexp

from .._utils._numerics import (
    as_float,
    column_mean,
    column_variance,
    positive_variance,
)
from .._utils._threads import threads_for
from ..units._parametric import independent

# Chains are shared out in parts of so many, or of so many times the weights.
FEWEST_CHAINS = 20
PART_ELEMENTS = 2**21

# The chance of more than three standard errors to one side. A mean of positive weights is
# no more often than that 1 / RARE times its expectation, however few of them matter.
RARE = 0.00135


@dataclass(frozen=True)
class LogPartition:
    """Logarithm of the partition function, log Z, with an interval.

    Parameters
    ----------
    value : float
        The estimate, in nats.

    low, high : float
        The interval. For one annealing it reaches three standard errors to each side. A
        bracket holds both estimates, and reaches three standard errors below the forward
        and above the reverse one, which tend to be too small and too large.

    method : str
        Method of the estimate.

    effective_chains : float, default=None
        For annealing, the effective number of chains, (Σw)²/Σw²; the smaller of the
        two for a bracket.

    settled : bool, default=True
        Whether the Gibbs chains from which reverse annealing starts had settled. If
        not, `high` is no bound.

    See Also
    --------
    log_partition : Computes it.

    Examples
    --------
    >>> from skdbn.evaluation import LogPartition
    >>> LogPartition(10.0, 9.5, 10.5, "ais", effective_chains=80.0).high
    10.5
    """

    value: float
    low: float
    high: float
    method: str
    effective_chains: float | None = None
    settled: bool = True


def path(machine, X, rng):
    """The distributions from independent columns to a machine."""
    if hasattr(machine, "annealed"):
        return machine.annealed()
    return machine.tempered(*base(machine, X, rng))


def base(machine, X, rng):
    """Visible bias and units of the independent distribution where annealing begins."""
    visible, dtype = machine.visible, machine.weights.dtype
    if X is None and visible.tail is None:
        return machine.visible_bias, visible
    if X is None:
        # Rows of the model's own, since its variances are those given hidden units.
        state = machine.initial_state(1000, rng)
        with threads_for(len(state.visible), machine.n_weights):
            for _ in range(100):
                machine.transition(state, rng, out=state)
        X = state.visible
    mean = column_mean(X)
    variance, _ = positive_variance(column_variance(X, mean), mean)
    # As if one row in twenty felt no field, so that no state is out of reach.
    units, bias = independent(visible, visible.shrink(mean, 0.05 / 1.05), variance)
    return bias.astype(dtype), units


class Annealing:
    """Walks between independent units and a machine."""

    def __init__(self, machine, tempered, n_betas, n_jobs):
        self.machine = machine
        self.tempered = tempered
        self.betas = np.linspace(0, 1, n_betas)
        self.n_jobs = n_jobs

    def forward(self, n_chains, rng):
        v = self.tempered.independent(n_chains, rng)
        log_mean, error, n_effective = _log_mean(self._walk(v, self.betas, rng))
        value = self.tempered.log_base() + log_mean
        low, high = (value + bound for bound in error)
        return LogPartition(value, low, high, "ais", n_effective)

    def reverse(self, n_chains, rng, X, n_burn=1000):
        rows = rng.choice(X.shape[0], n_chains, replace=X.shape[0] < n_chains)
        v = as_float(X[np.sort(rows)], self.machine.weights.dtype).copy()
        state = self.machine.state(v, rng)
        energies = []
        with threads_for(n_chains, self.machine.n_weights):
            for _ in range(n_burn):
                self.machine.transition(state, rng, out=state)
                energies.append(self.machine.free_energy(state.visible))
        log_weights = self._walk(state.visible, self.betas[::-1], rng)
        log_mean, error, n_effective = _log_mean(log_weights)
        value = self.tempered.log_base() - log_mean
        high, low = (value - bound for bound in error)
        return LogPartition(
            value, low, high, "reverse-ais", n_effective, _settled(np.array(energies))
        )

    def _walk(self, v, betas, rng):
        """Log-weights of chains from v along the betas, shared out over processes."""
        # The parts do not depend on the processes, and so does the result.
        n_rows = max(FEWEST_CHAINS, PART_ELEMENTS // self.machine.n_weights)
        n_parts = -(-len(v) // n_rows)
        parts = zip(np.array_split(v, n_parts), rng.spawn(n_parts), strict=True)
        walks = Parallel(min(n_parts, effective_n_jobs(self.n_jobs)))(
            delayed(anneal)(self.tempered, part, betas, child) for part, child in parts
        )
        return np.concatenate(walks)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def anneal(tempered, v, betas, rng):
    """The log-weight of each chain from the rows v along the betas."""
    log_weights, walk = np.zeros(len(v)), tempered.begin(v)
    with threads_for(len(v), tempered.machine.n_weights):
        for before, beta in zip(betas[:-1].tolist(), betas[1:].tolist(), strict=True):
            log_weights += tempered.advance(walk, before, beta, rng)
    return log_weights


def _log_mean(log_weights):
    """log of the mean weight, its interval, and the effective number of weights."""
    n = len(log_weights)
    log_mean = logsumexp(log_weights) - np.log(n)
    relative = np.exp(log_weights - log_mean)
    # Three standard errors of the mean, whose lower end may be below zero.
    error = 3 * relative.std(ddof=1) / np.sqrt(n) if n > 1 else np.inf
    interval = np.log(max(RARE, 1 - error)), np.log1p(error)
    n_effective = relative.sum() ** 2 / np.square(relative).sum()
    return float(log_mean), [float(end) for end in interval], float(n_effective)


def _settled(energies):
    """Whether the chains' free energies, a row a Gibbs step, no longer drift.

    The means of the third and the last quarter, each of independent chains, are
    compared by their paired difference.
    """
    quarter = len(energies) // 4
    change = energies[-quarter:].mean(axis=0) - energies[-2 * quarter : -quarter].mean(
        axis=0
    )
    if len(change) == 1:
        return False
    return bool(abs(change.mean()) <= 4 * change.std(ddof=1) / np.sqrt(len(change)))


def bracket(forward, reverse):
    """Both estimates, from below the one that is too small to above the other one."""
    return LogPartition(
        (forward.value + reverse.value) / 2,
        min(forward.low, reverse.value),
        max(forward.value, reverse.high),
        "bracket",
        min(forward.effective_chains, reverse.effective_chains),
        reverse.settled,
    )
