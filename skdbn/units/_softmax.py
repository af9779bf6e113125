"""Groups of units of which exactly one is on."""

from functools import lru_cache
from itertools import pairwise
from math import prod
from numbers import Integral

import numpy as np
from scipy.sparse import csr_array, issparse

from .._utils._numerics import (
    PRODUCT_ELEMENTS,
    blocks,
    is_within,
    working_dtype,
)
from .._utils._random import uniform
from ._base import Units
from ._conditional import Conditional
from ._differentiable import Differentiable
from ._enumerable import Enumerable
from ._grouped import Grouped
from ._ranged import MEAN, OUTSIDE, STATE

# How far from 1 the values of a group may add up.
SLACK = 1e-5


class Softmax(Conditional, Enumerable, Differentiable, Grouped, Units):
    r"""Groups of neighboring units of which exactly one is 1.

    .. math:: P(x_k = 1 \mid \text{field}) = \frac{e^{\text{field}_k}}
              {\sum_l e^{\text{field}_l}}

    A group is a variable with a finite number of unordered values, one-hot encoded.
    Values that add up to 1 within a group are taken as probabilities. A constant that
    is added to all fields of a group has no effect.

    Parameters
    ----------
    n_values : int, default=2
        Number of values of the variable, and so of columns of a group, at least 2. The
        width of the layer is a multiple of it.

    See Also
    --------
    Concatenated : Groups of several sizes, or beside units of other types.

    References
    ----------
    .. [1] Salakhutdinov, R., Mnih, A. and Hinton, G. E. (2007). Restricted Boltzmann
       machines for collaborative filtering. ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from skdbn.units import Softmax
    >>> Softmax(n_values=3).mean(np.array([[0.0, 1.0, 2.0]])).round(2)
    array([[0.09, 0.24, 0.67]])
    """

    bounds = (0, 1)

    def __init__(self, n_values=2):
        self.n_values = n_values

    def start(self, n_units, moments=None, dtype=np.float64):
        n_values = self.n_values
        whole = isinstance(n_values, Integral) and not isinstance(n_values, bool)
        if not whole or n_values < 2:
            raise ValueError(
                f"n_values={n_values!r} of Softmax: take an int of at least 2."
            )
        if n_units % n_values:
            raise ValueError(
                f"Softmax(n_values={n_values}) takes groups of {n_values} columns, and "
                f"the layer has {n_units}, which is no multiple of it."
            )
        return self

    def log_partition(self, field):
        exponentials, top = self._exponentials(field)
        total = exponentials.sum(axis=0)
        np.log(total, out=total)
        total += top
        return total.sum(axis=1)

    def mean(self, field, out=None):
        exponentials, _ = self._exponentials(field)
        exponentials /= exponentials.sum(axis=0)
        out = np.empty_like(field) if out is None else out
        self._by_value(out)[...] = exponentials
        return out

    def sample(self, field, rng, out=None, mean=None):
        if mean is None:
            sums, _ = self._exponentials(field)
        else:
            sums = np.array(self._by_value(mean), order="C")
        for before, after in pairwise(sums):
            after += before
        # The first value at which the sum reaches u times the total.
        reach = uniform(rng, sums.shape[1:], sums.dtype)
        reach *= sums[-1]
        reached = sums >= reach
        out = np.empty_like(field if mean is None else mean) if out is None else out
        values = self._by_value(out)
        values[0] = reached[0]
        np.greater(reached[1:], reached[:-1], out=values[1:])
        return out

    def backpropagate(self, error, mean):
        error *= mean
        by_value = self._by_value(error)
        by_value -= self._by_value(mean) * by_value.sum(axis=0)
        return error

    def link(self, mean):
        return np.log(mean)

    def n_states(self, n_units):
        # A NumPy int would overflow.
        return int(self.n_values) ** (n_units // int(self.n_values))

    def states(self, index, n_units):
        n_values = self.n_values
        places = n_values ** np.arange(n_units // n_values)
        digits = index[:, None] // places % n_values
        return np.eye(n_values)[digits].reshape(len(index), n_units)

    def support(self, x):
        # All units of a group have the same.
        of_group = np.where(
            self._sums((x != 0) & (x != 1)) > 0, np.int8(MEAN), np.int8(STATE)
        )
        outside = np.abs(self._sums(x) - 1) > SLACK
        of_group[outside | (self._sums(x < -SLACK) > 0)] = OUTSIDE
        return self._per_unit(of_group)

    def surely_supports(self, X):
        # Without negative values none that add up to 1 are above 1.
        return all(
            is_within(values, 0, np.inf)
            and (self._are_one_hot(values) or self._add_up_to_one(values))
            for _, values in self._blocks(X)
        )

    def draw(self, x, rng):
        self.sample(None, rng, out=x, mean=x)

    def check_data(self, X, names):
        outside = self._columns_outside(X)
        if len(outside):
            group = self.columns(self._group_of(outside[0]))
            rows, _ = Softmax(len(group)).lowest_support(X[:, group])
            columns = ", ".join(str(names[i]) for i in group)
            raise ValueError(
                f"Columns {columns} are a group of Softmax units: one of them has to be "
                "1 and the others 0, or all of them probabilities that add up to 1, and "
                f"{(rows == OUTSIDE).sum()} of {X.shape[0]} rows of X are not like this. "
                "sklearn.preprocessing.OneHotEncoder makes such groups."
            )

    def fill_determined(self, x, unknown, names):
        n_holes = self._sums(unknown)
        in_part = (n_holes > 0) & (n_holes < self._sums(np.ones_like(unknown)))
        total = self._sums(np.where(unknown, 0, x))
        has_one, has_none = (np.abs(total - value) <= SLACK for value in (1, 0))
        bad = in_part & ~has_one & ~has_none
        if bad.any():
            row, group = np.argwhere(bad)[0]
            columns = ", ".join(str(names[i]) for i in self.columns(group))
            raise ValueError(
                f"Columns {columns} are a group of Softmax units, of which one is 1. "
                f"Those that are known in row {row} add up to {total[row, group]:.4g}, "
                "which leaves open what the others are: give the 1, or nothing but zeros, "
                "or leave the whole group unknown."
            )
        # The others of a known 1 are 0, and so are all but one only if that is 1.
        is_last = in_part & has_none & (n_holes == 1)
        for certain, value in ((in_part & has_one, 0), (is_last, 1)):
            determined = unknown & self._per_unit(certain)
            x[determined] = value
            unknown[determined] = False

    def masked(self, unknown, values=None):
        ruled_out = self._per_unit(self._sums(unknown) > 0) & ~unknown
        return PartlyKnown(self, ruled_out) if ruled_out.any() else self

    def n_coordinates(self, n_units):
        return n_units // self.n_values

    def columns(self, coordinate):
        return super().columns(coordinate) * self.n_values + np.arange(self.n_values)

    def alternatives(self, coordinate, own, field_range):
        values = np.eye(self.n_values, dtype=own.dtype)[:, None]
        return values, np.zeros((self.n_values, 1), own.dtype), own.T

    def _by_value(self, x):
        """A view of shape (n_values, n_samples, n_groups)."""
        n_rows, n_units = x.shape
        groups = x.reshape(n_rows, n_units // self.n_values, self.n_values)
        return groups.transpose(2, 0, 1)

    def _sums(self, x):
        """The sum over each group, of shape (n_samples, n_groups)."""
        return self._by_value(x).sum(axis=0)

    def _blocks(self, X):
        """Some of the rows at a time, dense or sparse."""
        if not issparse(X):
            return blocks(X, X.shape[1], working_dtype(X))
        X = X.tocsr()
        step = max(1, PRODUCT_ELEMENTS // self.n_coordinates(X.shape[1]))
        starts = range(0, X.shape[0], step)
        return ((start, X[start : start + step]) for start in starts)

    def _are_one_hot(self, x):
        """Whether one unit of each group is 1 and the others 0, from one sum for a row.

        Groups have random weights in it, as rows have in Freivalds' check of a matrix
        product. They are whole numbers, so that the sum is exact. It is the right one by
        accident once in 10⁴ times, where more than two groups are not as they should be.
        """
        dtype = np.result_type(x.dtype, np.float32)
        weights = _check_weights(self.n_coordinates(x.shape[1]), dtype)
        if weights is None:
            return False
        return bool((x @ self._per_unit(weights)[0] == weights.sum()).all())

    def _add_up_to_one(self, x):
        """Whether the values of each group are about 1 together."""
        if not issparse(x):
            return is_within(self._sums(x), 1 - SLACK, 1 + SLACK)
        shape = x.shape[0], self.n_coordinates(x.shape[1])
        # What is at one place is added up.
        sums = csr_array((x.data, self._group_of(x.indices), x.indptr), shape=shape)
        return is_within(sums.toarray(), 1 - SLACK, 1 + SLACK)

    def _per_unit(self, of_group):
        """For each unit what is of its group."""
        return np.repeat(of_group, self.n_values, axis=1)

    def _group_of(self, unit):
        return unit // self.n_values

    def _exponentials(self, field):
        """exp(field − top) by value, and the largest field of each group, top.

        The values come first in memory: sums over a short last axis are slow.
        """
        exponentials = np.array(self._by_value(field), order="C")
        top = exponentials.max(axis=0)
        exponentials -= top
        return np.exp(exponentials, out=exponentials), top


class UnevenSoftmax(Softmax):
    """Groups of several sizes, one after the other, in one pass.

    Parameters
    ----------
    sizes : sequence of int
        The number of columns of each group.
    """

    one_kind = False

    def __init__(self, sizes):
        self.sizes = sizes
        self._starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        self._groups = np.repeat(np.arange(len(sizes)), sizes)

    def start(self, n_units, moments=None, dtype=np.float64):
        return self

    def log_partition(self, field):
        exponentials, top = self._exponentials(field)
        total = self._sums(exponentials)
        np.log(total, out=total)
        total += top
        return total.sum(axis=1)

    def mean(self, field, out=None):
        exponentials, _ = self._exponentials(field)
        total = self._per_unit(self._sums(exponentials))
        return np.divide(exponentials, total, out=exponentials if out is None else out)

    def sample(self, field, rng, out=None, mean=None):
        weights = self._exponentials(field)[0] if mean is None else mean
        # In float64, as what all groups before have added up to is in the sums.
        sums = np.cumsum(weights, axis=1, dtype=np.float64)
        ends = sums[:, self._starts + self.sizes - 1]
        before = np.concatenate([np.zeros((len(sums), 1)), ends[:, :-1]], axis=1)
        reach = uniform(rng, ends.shape, weights.dtype) * (ends - before)
        # The first value of a group at which the sum reaches u times the total, which
        # the last one does however it is rounded.
        reached = sums - self._per_unit(before) >= self._per_unit(reach)
        reached[:, self._starts + self.sizes - 1] = True
        is_first = reached.copy()
        is_first[:, 1:] &= ~reached[:, :-1]
        is_first[:, self._starts] = reached[:, self._starts]
        if out is None:
            return is_first.astype(weights.dtype)
        out[...] = is_first
        return out

    def backpropagate(self, error, mean):
        error *= mean
        error -= mean * self._per_unit(self._sums(error))
        return error

    def n_states(self, n_units):
        return prod(int(size) for size in self.sizes)

    def states(self, index, n_units):
        states = []
        for size in self.sizes:
            states.append(np.eye(size)[index % size])
            index = index // size
        return np.hstack(states)

    def n_coordinates(self, n_units):
        return len(self.sizes)

    def columns(self, coordinate):
        start = self._starts[coordinate]
        return np.arange(start, start + self.sizes[coordinate])

    def alternatives(self, coordinate, own, field_range):
        return Softmax(self.sizes[coordinate]).alternatives(0, own, field_range)

    def _sums(self, x):
        # A sum of truth values would be a truth value.
        dtype = np.intp if x.dtype == bool else None
        return np.add.reduceat(x, self._starts, axis=1, dtype=dtype)

    def _per_unit(self, of_group):
        return of_group.take(self._groups, axis=1)

    def _group_of(self, unit):
        return self._groups[unit]

    def _exponentials(self, field):
        """exp(field − top), and the largest field of each group, top."""
        top = np.maximum.reduceat(field, self._starts, axis=1)
        exponentials = field - self._per_unit(top)
        return np.exp(exponentials, out=exponentials), top


class PartlyKnown(Units):
    """Groups of which some values are ruled out, row by row.

    Parameters
    ----------
    units : Softmax
        The groups.

    ruled_out : ndarray of bool of shape (n_samples, n_units)
        Which values cannot be the 1. Fields are of these rows, or of so many times
        these rows one after the other.
    """

    bounds = (0, 1)

    def __init__(self, units, ruled_out):
        self.units = units
        self.ruled_out = ruled_out

    def log_partition(self, field):
        return self.units.log_partition(self._left(field))

    def mean(self, field, out=None):
        return self.units.mean(self._left(field), out=out)

    def sample(self, field, rng, out=None, mean=None):
        if mean is None:
            field = self._left(field)
        return self.units.sample(field, rng, out=out, mean=mean)

    def _left(self, field):
        """The fields, −inf where a value is ruled out."""
        times = len(field) // len(self.ruled_out)
        return np.where(np.tile(self.ruled_out, (times, 1)), -np.inf, field)


@lru_cache(maxsize=16)
def _check_weights(n_groups, dtype):
    """Different whole numbers, whose sums are exact; None if there are too few of them."""
    smallest = 2 ** np.finfo(dtype).nmant // n_groups
    if smallest < n_groups:
        return None
    chosen = np.random.default_rng(0).choice(smallest, n_groups, replace=False)
    return (smallest + chosen[None]).astype(dtype)
