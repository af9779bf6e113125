"""Hybrid Monte Carlo: moves along the slope of a free energy."""

from typing import NamedTuple

import numpy as np

# Leapfrog steps of a move, the length of the first one, its limits, and by how much it
# grows while fewer moves than `FEW` are rejected, in a running mean, and shrinks
# otherwise: as published, but for a first length of 0.1 in place of 0.01, from which
# chains would take hundreds of moves to a good one.
N_LEAPS = 20
FIRST_STEP, SHORTEST_STEP, LONGEST_STEP = 0.1, 0.001, 0.25
GROWTH, SHRINKAGE, FEW = 1.01, 0.99, 0.1
MEMORY = 0.9


class Moving(NamedTuple):
    """Values of the visible units, and how long their steps are.

    All chains have the same `step` and the same running share of moves that are rejected,
    so that a move does not depend on where the chain is; a row a chain.
    """

    visible: np.ndarray
    step: np.ndarray
    rejection: np.ndarray


def at_start(v):
    """Chains at the rows v, before their first move."""
    column = np.ones((len(v), 1), v.dtype)
    return Moving(v, FIRST_STEP * column, 0 * column)


def move(state, energy_and_slope, rng, out=None):
    """One move of each chain; the step becomes longer or shorter.

    Parameters
    ----------
    state : Moving
        Where the chains are.

    energy_and_slope : callable
        ``energy_and_slope(v)`` gives the free energy of each row and its gradient by v.

    rng : numpy.random.Generator
        Source of random numbers.

    out : Moving, default=None
        Arrays that may be written to, such as those of `state`.

    Returns
    -------
    state : Moving
        Where the chains are after the move.
    """
    v, dtype = state.visible, state.visible.dtype
    step, rejection = float(state.step[0, 0]), float(state.rejection[0, 0])
    momentum = rng.standard_normal(v.shape, dtype)
    before, slope = energy_and_slope(v)
    before = before + row_squares(momentum) / 2
    new = v.copy()
    momentum -= step / 2 * slope
    for leap in range(N_LEAPS):
        new += step * momentum
        after, slope = energy_and_slope(new)
        momentum -= (step if leap < N_LEAPS - 1 else step / 2) * slope
    after = after + row_squares(momentum) / 2
    # Not a number is far away, too.
    accepted = np.log(rng.random(len(v))) < before - after
    rejection = MEMORY * rejection + (1 - MEMORY) * float(1 - accepted.mean())
    step *= GROWTH if rejection < FEW else SHRINKAGE
    out = Moving(*(np.empty_like(layer) for layer in state)) if out is None else out
    np.copyto(out.visible, v)
    np.copyto(out.visible, new, where=accepted[:, None])
    out.step[:] = np.clip(step, SHORTEST_STEP, LONGEST_STEP)
    out.rejection[:] = rejection
    return out


def row_squares(x):
    """The sum of squares of each row."""
    return np.einsum("ij,ij->i", x, x)
