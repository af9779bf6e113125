"""Slow answers from the definitions, by sums over all states.

Nothing here comes from the rest of the package: it is judged by these sums. Integrals
and infinite sums are sums, too, over so many points that they are right to ten digits.
"""

from typing import NamedTuple

import numpy as np

# What is so many nats less likely than the most probable value is left out.
NEGLIGIBLE = 45.0

# Panels of an integral are about a standard deviation wide.
NODES, GAUSS = np.polynomial.legendre.leggauss(6)
MOST_PANELS = 200

# An edge of the range is found to so many decimals.
DECIMALS = 5


class Values(NamedTuple):
    """What units that vary together can be.

    States or nodes of an integral, of shape (n_values, n_columns), the logarithm of the
    measure of each, and the cell that each is in: the state itself, or the panel.
    """

    states: np.ndarray
    log_measure: np.ndarray
    cells: np.ndarray
    edges: np.ndarray | None

    def cell_of(self, x):
        """The cell of each row of draws."""
        if self.edges is not None:
            found = np.searchsorted(self.edges, x[:, 0]) - 1
            return np.clip(found, 0, len(self.edges) - 2)
        gaps = np.abs(x[:, None] - self.states).sum(axis=2)
        return gaps.argmin(axis=1)

    def by_cell(self, p):
        """The probability of each cell, from those of the states."""
        return np.bincount(self.cells, p)


def log_sum_exp(a, axis=None):
    """The logarithm of a sum of exponentials."""
    top = a.max(axis=axis, keepdims=True)
    return np.log(np.exp(a - top).sum(axis=axis)) + np.squeeze(top, axis=axis)


def find_values(log_weight, is_state, seen):
    """All values of units, from draws of them: a list or the nodes of an integral.

    ``log_weight(x)`` is how likely each row of x is at best, in nats, and
    ``is_state(x)`` says which rows units can be.
    """
    found = np.unique(seen, axis=0)
    if len(found) > len(seen) / 4:
        return _integral(log_weight, is_state, seen)
    if found.shape[1] == 1 and len(found) > 1:
        step = np.diff(found[:, 0]).min()
        low, high = (
            _end(log_weight, is_state, end, step * sign)
            for end, sign in ((found[0, 0], -1), (found[-1, 0], 1))
        )
        found = np.arange(low, high + step / 2, step)[:, None]
        found = found[is_state(found)]
    n = len(found)
    return Values(found, np.zeros(n), np.arange(n), None)


def _integral(log_weight, is_state, seen):
    spread = seen.std()
    low = _edge(log_weight, is_state, seen.min(), -spread)
    high = _edge(log_weight, is_state, seen.max(), spread)
    n_panels = min(MOST_PANELS, int(np.ceil((high - low) / spread)))
    edges = np.linspace(low, high, n_panels + 1)
    half = (high - low) / n_panels / 2
    nodes = (edges[:-1, None] + half + half * NODES).ravel()
    measure = np.tile(half * GAUSS, n_panels)
    cells = np.repeat(np.arange(n_panels), len(NODES))
    return Values(nodes[:, None], np.log(measure), cells, edges)


def _end(log_weight, is_state, start, step):
    """A place beyond which there are no values, or none that matter."""
    top, distance = log_weight(np.array([[start]]))[0], step
    while True:
        place = np.array([[start + distance]])
        if not is_state(place)[0]:
            return start + distance
        weight = log_weight(place)[0]
        if weight < top - NEGLIGIBLE:
            return start + distance
        top = max(top, weight)
        distance *= 2
        if not np.isfinite(distance):
            raise AssertionError("exp(−base(x)) does not fall towards the ends")


def _edge(log_weight, is_state, start, step):
    """The same for real values, to within the bounds."""
    outside = _end(log_weight, is_state, start, step)
    if is_state(np.array([[outside]]))[0]:
        return outside
    inside = start
    for _ in range(60):
        middle = (inside + outside) / 2
        if is_state(np.array([[middle]]))[0]:
            inside = middle
        else:
            outside = middle
    return np.round(inside, DECIMALS)


def every_row(parts, columns, width):
    """Every state of a layer, and the logarithm of its measure.

    `parts` are the values of units that vary together, in these columns each.
    """
    sizes = [len(part.states) for part in parts]
    index = np.indices(sizes).reshape(len(parts), -1)
    rows, log_measure = np.empty((index.shape[1], width)), 0.0
    for part, own, chosen in zip(parts, columns, index, strict=True):
        rows[:, own] = part.states[chosen]
        log_measure = log_measure + part.log_measure[chosen]
    return rows, log_measure


def slope(function, arrays, step=1e-5):
    """The derivative of what a function returns by the elements of arrays, in place.

    By central differences; the last axis runs over the elements of all arrays.
    """
    columns = []
    for array in arrays:
        for place in np.ndindex(array.shape):
            before, ends = array[place], []
            for sign in (1, -1):
                array[place] = before + sign * step
                ends.append(np.asarray(function()))
            array[place] = before
            columns.append((ends[0] - ends[1]) / (2 * step))
    return np.stack(columns, axis=-1)


class Restricted:
    """The joint table of some rows and all hidden states of a restricted machine.

    log p(v, h) + log Z = v·b + h·c + v·W·h − base(v) − base(h)
    """

    def __init__(self, arrays, visible, hidden):
        W, b, c = (np.asarray(array, np.float64) for array in arrays)
        (v, log_v), (h, log_h) = visible, hidden
        self.v, self.h = v, h
        self.log_table = (v @ b + log_v)[:, None] + h @ c + log_h + v @ W @ h.T

    def log_visible(self):
        """log p(v) + log Z of each row."""
        return log_sum_exp(self.log_table, axis=1)

    def hidden_mean(self):
        """E[h | v] of each row."""
        p = np.exp(self.log_table - self.log_visible()[:, None])
        return p @ self.h

    def log_z(self):
        """log Z, if the rows are all there are."""
        return log_sum_exp(self.log_table.ravel())


def conditional_tables(log_p, rows, columns):
    """log p(columns of a row | its others), from the log-probabilities of all rows."""
    others = np.delete(rows, columns, axis=1)
    _, group = np.unique(others, axis=0, return_inverse=True)
    group = group.ravel()
    totals = np.array([log_sum_exp(log_p[group == g]) for g in range(group.max() + 1)])
    return log_p - totals[group]


def flipped_params(W, b, c, visible_flips, hidden_flips):
    """The parameters of the same distribution with some bits inverted.

    With v = a + S v' and h = d + T h', where a and d are 1 at the flipped units and S
    and T hold their signs.
    """
    a, d = visible_flips.astype(float), hidden_flips.astype(float)
    S, T = 1 - 2 * a, 1 - 2 * d
    return S[:, None] * W * T, S * (b + W @ d), T * (c + a @ W)
