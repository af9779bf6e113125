"""Partition functions of a machine of given rows, one for each row."""

import numpy as np
from scipy.special import logsumexp

from ._annealing import anneal
from ._partition import _enumerable, _exact

# As many binary units are summed over for every row.
MOST_BITS = 12

# Values of hidden units that are annealed at a time.
ANNEALED_ELEMENTS = 2**21


def log_partitions(machine, n_chains, n_betas, rng):
    """log Z of each row of a machine whose biases have a row for each.

    By a sum over all states of the smaller layer, if it has at most as many as 12 binary
    units, and otherwise by annealed importance sampling from independent units with the
    biases of the row.

    Parameters
    ----------
    machine : RestrictedMachine
        With a row of biases for each row of data.

    n_chains : int
        Number of annealed chains for a row.

    n_betas : int
        Number of distributions on the way.

    rng : numpy.random.Generator
        Source of random numbers.

    Returns
    -------
    log_z : ndarray of shape (n_rows,)
        In nats, of float64. Where chains miss a mode it is too small.
    """
    n_rows = len(machine.visible_bias)
    if _enumerable(machine) <= MOST_BITS:
        return np.array([_exact(machine.of_rows(i)) for i in range(n_rows)])
    result = np.empty(n_rows)
    width = n_chains * max(machine.weights.shape)
    step = max(1, ANNEALED_ELEMENTS // width)
    for start in range(0, n_rows, step):
        part = np.arange(start, min(start + step, n_rows))
        own = machine.of_rows(np.repeat(part, n_chains))
        log_weights = _walk(own, np.linspace(0, 1, n_betas), rng)
        log_mean = logsumexp(log_weights.reshape(len(part), n_chains), axis=1)
        result[part] = log_mean - np.log(n_chains)
    return result


def _walk(machine, betas, rng):
    """One log-weight of log Z for each row."""
    bias, visible = machine.visible_bias, machine.visible
    v = visible.sample(bias, rng)
    log_weights = anneal(machine.tempered(bias, visible), v, betas, rng)
    nothing = np.zeros((1, machine.weights.shape[1]), machine.weights.dtype)
    base = visible.log_partition(bias).astype(np.float64)
    return log_weights + base + float(machine.hidden.log_partition(nothing)[0])
