"""The pseudo-likelihood: how well each coordinate follows from the others."""

from math import ceil, log

import numpy as np
from scipy.special import expit

from ..units import Analytic, Conditional, Enumerable, Grouped
from ..units._base import ask, check_capability, offers

# Two layers of Gaussian units have a normalizer while the largest singular value of
# the weights, in units of their standard deviations, is below 1. Along a singular vector
# of value s the variance is 1 / (1 - s²) times that given the hidden units: fifty at most.
LARGEST_NORM = 0.99

# A density is summed up to where it falls by so many e-foldings a standard deviation, and
# as many deviations beyond.
EDGE = 4

# Coordinates that are taken together, and values of hidden units of as many rows.
N_TOGETHER = 64
SERIES_ELEMENTS = 2**16

# The series is for hidden units whose field moves by at most this share of its radius.
# That is at the farthest values, which have next to no weight; of those with weight so
# many terms leave 1e-8 nats a row, measured at 60 columns and 256 hidden units.
SHARE = 0.7
N_TERMS = 30

# Products of factors within e^±150 are finite, if of more than two the logarithms
# add up to 400 and those of one pair at most.
LARGEST_MOVE = 150
LARGEST_PRODUCT = 400


def pseudo_log_likelihood(machine, v):
    """Σᵢ log P(coordinate i of v | the other ones), for each dense row."""
    parts = [found.sum(axis=1) for found in _parts(machine, v)]
    return np.concatenate(parts).astype(v.dtype)


def log_conditionals(machine, v):
    """log P(coordinate i of v | the other ones), for each dense row and each i."""
    return np.concatenate(list(_parts(machine, v)))


def _parts(machine, v):
    """The same, a few rows at a time."""
    n_units, n_hidden = machine.shape
    check_capability(machine.visible, Conditional, "The pseudo-likelihood")
    n_coordinates = ask(machine.visible, Grouped).n_coordinates(n_units)
    by_values = offers(machine.visible, Enumerable) or not _has_series(machine.hidden)
    step = max(32, SERIES_ELEMENTS // n_hidden)
    for start in range(0, len(v), step):
        rows = slice(start, start + step)
        part, own = v[rows], machine.of_rows(rows)
        result = np.empty((len(part), n_coordinates))
        (_by_values if by_values else _by_series)(own, part, result)
        yield result


def _has_series(hidden):
    return isinstance(hidden, Analytic) and hidden.series_radius is not None


def _by_values(machine, v, result):
    """Those of a few rows, from each value of each coordinate."""
    field = machine.hidden_field(v)
    before = machine.hidden.log_partition(field)
    for i in range(result.shape[1]):
        result[:, i] = log_conditional(machine, v, field, i, before)


def log_conditional(machine, v, field, i, before=None):
    """log P(coordinate i of v | the other ones), i one for all rows or for each.

    `before` is the log-partition of the hidden units, if it is known.

    A coordinate is a visible unit, or several that vary together. Values that stand
    for a distribution over its states, such as gray ones for binary units, give
    the cross-entropy: all states, weighted by it.
    """
    check_capability(machine.visible, Conditional, "The pseudo-likelihood")
    if np.ndim(i) and not machine.visible.one_kind:
        result = np.empty(len(v), v.dtype)
        for one in np.unique(i):
            rows = i == one
            own = machine.of_rows(rows)
            result[rows] = log_conditional(own, v[rows], field[rows], one)
        return result
    coordinate = Coordinate(machine, v, field, i)
    if before is None and coordinate.shares is None:
        before = machine.hidden.log_partition(field)
    return coordinate.log_probability(coordinate.hidden_changes(before))


class Coordinate:
    """One coordinate of some rows, and what values it could have in its place.

    Numbers of a row are of float64: counts weigh log x!, of which the digits cancel.

    Parameters
    ----------
    machine : RestrictedMachine
        Not changed.

    v : ndarray of shape (n_samples, n_visible)
        The rows.

    field : ndarray of shape (n_samples, n_hidden)
        The fields of the hidden units.

    i : int or ndarray of int of shape (n_samples,)
        One coordinate for all rows or one for each.

    given_back : ndarray of shape (n_samples,), default=None
        The field of a coordinate of a single column at the hidden units' means.
    """

    def __init__(self, machine, v, field, i, given_back=None):
        self.machine, self.field, self.i = machine, field, i
        columns = ask(machine.visible, Grouped).columns(i)
        self.weights = machine.weights[columns]
        bias = machine.visible_bias
        if bias.ndim == 1:
            self.bias = bias[columns].astype(np.float64)
        else:
            bias = np.take_along_axis(bias, np.atleast_2d(columns), axis=1)
            self.bias = bias.astype(np.float64)
        own = np.take_along_axis(v, np.atleast_2d(columns), axis=1)
        self.own = own.astype(np.float64)
        self._given_back = given_back
        self.visible = machine.visible.beside(i, v)
        self.values, self.log_weights, self.shares = self.visible.alternatives(
            i, self.own, self._field_range
        )

    def log_probability(self, hidden_changes):
        """log P(own values), from the hidden units' log-partitions at all values.

        They are those at each value minus that at the own values.
        """
        logs = self.scores(hidden_changes)
        total = np.logaddexp.reduce(logs)
        if self.shares is not None:
            own = (self.shares * logs).sum(axis=0)
        else:
            own = self.own_score()
        return (own - total).astype(self.field.dtype)

    def scores(self, hidden_changes):
        """log p at each value, up to what all values share."""
        return self.log_weights + (self.values * self.bias).sum(axis=2) + hidden_changes

    def own_score(self):
        """The same at the own values, of which the hidden units' part is 0."""
        own = (self.own * self.bias).sum(axis=1)
        return own - self.visible.coordinate_base(self.i, self.own)

    def hidden_changes(self, before, columns=slice(None)):
        """How the log-partition of some hidden units changes with the values.

        `before` is what it is at the own values. Of finitely many values, which all
        have a term, it may be None: what they share cancels.
        """
        if self.shares is not None and before is not None:
            return self._changes_to_others(before, columns)
        hidden, field = self.machine.hidden, self.field[:, columns]
        weights = self.weights[..., columns]
        found = []
        # Several values at a time where there are few hidden units.
        step = max(1, SERIES_ELEMENTS // (1 + field.size))
        for start in range(0, len(self.values), step):
            ways = self.values[start : start + step] - self.own
            fields = field + _push(ways, weights)
            changed = hidden.log_partition(fields.reshape(-1, field.shape[1]))
            found.append(changed.reshape(len(ways), len(field)))
        found = np.concatenate(found)
        return found if before is None else found - before

    def _changes_to_others(self, before, columns):
        """The same of finitely many values, without a pass for what a row has."""
        field, weights = self.field[:, columns], self.weights[..., columns]
        changes = np.zeros(self.shares.shape)
        rows, values = np.nonzero(self.shares.T != 1)
        step = max(len(field), SERIES_ELEMENTS // (1 + field.shape[1]))
        for start in range(0, len(rows), step):
            row, value = rows[start : start + step], values[start : start + step]
            fields = field[row]
            fields += _push(
                self.values[value, 0] - self.own[row],
                weights if weights.ndim == 2 else weights[row],
            )
            changed = self.machine.hidden.log_partition(fields)
            changes[value, row] = changed - before[row]
        return changes

    def _field_range(self, value, n_nodes):
        """Between which fields a coordinate of a single column is, row by row.

        ``value(field, n)`` is what is n standard deviations above its mean in a field,
        and ``n_nodes(low, high)`` the number of nodes between two fields.

        At x its density f, of which the hidden units are summed out, has the slope
        log f' = g(x) − base'(x), with the field g(x) that the hidden means give back. So
        f falls by `EDGE` e-foldings a deviation, or faster, beyond the highest x that
        is value(g(x), EDGE), and below the lowest that is value(g(x), −EDGE). As g does
        not fall, both are found from outside.
        """
        low, high = self.machine.hidden.bounds
        row = self.weights[..., 0, :]
        if not (np.isfinite(low) and np.isfinite(high)):
            # The mode, by steps that contract, and what the hidden units scatter.
            mode = np.repeat(self.bias[..., 0], len(self.own) // self.bias.shape[0])
            for _ in range(30):
                mode = self._back(value(mode, 0))
            scatter = 8 * np.sqrt(np.square(row).sum(axis=-1) / (1 - LARGEST_NORM**2))
            return mode - scatter, mode + scatter
        own = self.own[:, 0]
        middle = self._back(own) if self._given_back is None else self._given_back
        # A derivative of g is the variance of h·w. Groups of units vary together.
        n_hidden = row.shape[-1]
        hidden = ask(self.machine.hidden, Grouped)
        together = hidden.n_coordinates(n_hidden) < n_hidden
        slope = np.square(row).sum(axis=-1) * (high - low) ** 2 / (2 if together else 4)
        ends = row * low, row * high
        low, high = (
            np.broadcast_to(self.bias[..., 0] + pick(*ends).sum(axis=-1), len(own))
            for pick in (np.minimum, np.maximum)
        )
        count = np.max(n_nodes(low, high))
        for exact in (False, True):
            for _ in range(30):
                below, above = value(low, -EDGE), value(high, EDGE)
                if exact:
                    low, high = self._back(below), self._back(above)
                else:
                    low = np.maximum(low, middle - slope * np.maximum(own - below, 0))
                    high = np.minimum(high, middle + slope * np.maximum(above - own, 0))
                before, count = count, np.max(n_nodes(low, high))
                # An exact step costs as much as a few nodes.
                if not count < (0.9 * before if exact else before - 0.1):
                    break
            if not count > np.max(n_nodes(middle, middle)) + 4:
                break
        return low, high

    def _back(self, x):
        """The field of the coordinate, at the hidden units' means given its value x."""
        x = x[:, None] - self.own
        mean = self.machine.hidden.mean(self.field + _push(x, self.weights))
        return self.bias[..., 0] + (mean * self.weights[..., 0, :]).sum(axis=1)


def _by_series(machine, v, result):
    """Those of a few rows, for visible units without bounds.

    Where a coordinate goes from its own value to others, the fields of the hidden units
    move along its weights w. Of those that move little the log-partition is a power
    series of the way d: Σₖ dᵏ Σⱼ wⱼᵏ sⱼₖ, a product of matrices for each k.
    """
    coordinates = range(result.shape[1])
    hidden, weights = machine.hidden, machine.weights
    field = machine.hidden_field(v)
    terms = hidden.log_partition_series(field, N_TERMS)
    grouped = ask(machine.visible, Grouped)
    is_binary = offers(hidden, Enumerable) and hidden.n_states(1) == 2
    products = Products(hidden, field) if is_binary else None
    for start in range(0, len(coordinates), N_TOGETHER):
        some = [grouped.columns(i) for i in coordinates[start : start + N_TOGETHER]]
        first = np.array([columns[0] for columns in some])
        given_back = machine.visible_bias[..., first] + terms[0] @ weights[first].T
        several = [
            Coordinate(
                machine, v, field, start + k, given_back[:, k].astype(np.float64)
            )
            for k in range(len(some))
        ]
        farthest = [
            np.abs(one.values[..., 0] - one.own[:, 0]).max(initial=0) for one in several
        ]
        moves = np.abs(weights[first]) * np.array(farthest)[:, None]
        is_small = moves <= SHARE * hidden.series_radius
        for k, columns in enumerate(some):
            # A group, or a few values, are no less work by a series.
            is_small[k] &= len(columns) == 1 and len(several[k].values) > 4
        largest = np.where(is_small, moves, 0).max() / hidden.series_radius
        n_terms = 1 if not largest else min(N_TERMS, 1 + ceil(-23 / log(largest)))
        power = small = np.where(is_small, weights[first], 0)
        coefficients = []
        for term in terms[:n_terms]:
            coefficients.append((power @ term.T).astype(np.float64))
            power = power * small
        for k, one in enumerate(several):
            changes = 0.0
            if is_small[k].any():
                way = one.values[..., 0] - one.own[:, 0]
                for coefficient in reversed(coefficients):
                    changes = (changes + coefficient[k]) * way
            if not is_small[k].all():
                large = ~is_small[k]
                near = large & (products is not None and products.are_near(one))
                if near.any():
                    changes = changes + products.changes(one, near)
                    large &= ~near
                if large.any():
                    own = hidden.log_partition(field[:, large])
                    changes = changes + one.hidden_changes(own, large)
            result[:, start + k] = one.log_probability(changes)


class Products:
    """The log-partitions of hidden units of two states, by few exponentials.

    Where the field of a unit in {0, 1} moves by m, its log-partition changes by
    log(P(0) + P(1) eᵐ), with the probabilities before. The products of the factors of two
    units, for all rows and all values of a coordinate, are products of matrices, and one
    logarithm serves many pairs.

    Parameters
    ----------
    hidden : Units
        Units of two states.

    field : ndarray of shape (n_samples, n_hidden)
        Their fields at the rows.
    """

    def __init__(self, hidden, field):
        self.low, high = hidden.bounds
        self.span = high - self.low
        field = self.span * field.T.astype(np.float64)
        # One more unit, which is always off, goes with the last one of an odd number.
        self.probabilities = np.ones((2, len(field) + 1, field.shape[1]))
        self.probabilities[:, :-1] = expit(-field), expit(field)
        self.probabilities[1, -1] = 0

    def are_near(self, one):
        """Which units move little enough, if all rows may have the same counts."""
        if one.shares is not None or one.values.shape[1:] != (1, 1):
            return np.zeros(one.weights.shape[-1], bool)
        return self._farthest_moves(one, one.weights[0]) <= LARGEST_MOVE

    def changes(self, one, some):
        """The changes of some of the units at each value of a coordinate."""
        values, middle = one.values[:, 0, 0], _middle(one)
        some = np.append(np.flatnonzero(some), len(some))
        some = some[: len(some) // 2 * 2]
        weights = np.append(one.weights[0].astype(np.float64), 0)[some]
        own, row = np.unique(one.own[:, 0], return_inverse=True)
        to_middle = np.exp(self.span * np.outer(weights, middle - own))
        from_middle = np.exp(self.span * np.outer(weights, values - middle))
        of_values = _pair_products(np.stack([np.ones_like(from_middle), from_middle]))
        first = self._first_of_products(one, weights)
        result = np.empty((len(values), len(row)))
        step = max(16, SERIES_ELEMENTS // (1 + len(values) * len(some) // 2))
        for start in range(0, len(row), step):
            part = slice(start, start + step)
            shares = self.probabilities[:, some, part]
            shares[1] *= to_middle[:, row[part]]
            products = of_values.transpose(0, 2, 1) @ _pair_products(shares)
            products = np.multiply.reduceat(products, first, axis=0)
            result[:, part] = np.log(products, out=products).sum(axis=0)
        return result + self.low * weights.sum() * (values[:, None] - one.own[:, 0])

    def _first_of_products(self, one, weights):
        """The first pair of each of the products of pairs."""
        moves = np.cumsum(self._farthest_moves(one, weights))[1::2]
        return np.flatnonzero(np.diff(moves // LARGEST_PRODUCT, prepend=-1))

    def _farthest_moves(self, one, weights):
        """How far fields may move, by way of the middle value."""
        middle = _middle(one)
        way = np.abs(one.values - middle).max() + np.abs(one.own - middle).max()
        return self.span * way * np.abs(weights)


def _middle(one):
    """The value in the middle of those that a coordinate could have."""
    return (one.values.min() + one.values.max()) / 2


def _pair_products(factors):
    """Products of the factors of units 0 and 1, 2 and 3, and so on, each with each.

    From an array of shape (2, n_units, n) to one of shape (n_units / 2, 4, n).
    """
    pairs = np.einsum("apn,bpn->pabn", factors[:, ::2], factors[:, 1::2])
    return pairs.reshape(len(pairs), 4, -1)


def _push(x, weights):
    """What values of some columns, of shape (..., n_samples, n), give hidden fields."""
    x = x.astype(weights.dtype)
    if weights.ndim == 2:
        return x @ weights
    return np.einsum("...nm,nmh->...nh", x, weights)
