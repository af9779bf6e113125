"""Groups of units of which exactly one is on."""

from itertools import pairwise
from numbers import Integral

import numpy as np

from .._random import uniform
from ._base import MEAN, OUTSIDE, STATE, Units

# How far from 1 the values of a group may add up.
SLACK = 1e-5


class Softmax(Units):
    r"""Groups of neighbouring units of which exactly one is 1.

    .. math:: P(x_k = 1 \mid \text{field}) = \frac{e^{\text{field}_k}}
              {\sum_l e^{\text{field}_l}}

    A group is a variable with a finite number of unordered values, one-hot encoded.
    Values that add up to 1 within a group are taken as probabilities. A constant that
    is added to all fields of a group changes nothing.

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

    def pull_back(self, error, mean):
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
        values = self._by_value(x)
        outside = np.abs(values.sum(axis=0) - 1) > SLACK
        outside |= (values < -SLACK).any(axis=0)
        is_mean = ((values != 0) & (values != 1)).any(axis=0)
        of_group = np.where(is_mean, np.int8(MEAN), np.int8(STATE))
        of_group[outside] = OUTSIDE
        return np.repeat(of_group, self.n_values, axis=1)

    def draw(self, x, rng):
        self.sample(None, rng, out=x, mean=x)

    def check_data(self, X, names):
        outside = self._columns_outside(X)
        if len(outside):
            group = self.columns(outside[0] // self.n_values)
            rows, _ = self.lowest_support(X[:, group])
            columns = ", ".join(str(names[i]) for i in group)
            raise ValueError(
                f"Columns {columns} are a group of Softmax units: one of them has to be "
                "1 and the others 0, or all of them probabilities that add up to 1, and "
                f"{(rows == OUTSIDE).sum()} of {X.shape[0]} rows of X are not like this. "
                "sklearn.preprocessing.OneHotEncoder makes such groups."
            )

    def settle(self, x, unknown, names):
        holes = self._by_value(unknown)
        values = np.where(holes, 0, self._by_value(x))
        in_part = holes.any(axis=0) & ~holes.all(axis=0)
        total = values.sum(axis=0)
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
        is_last = in_part & has_none & (holes.sum(axis=0) == 1)
        for certain, value in ((in_part & has_one, 0), (is_last, 1)):
            settled = unknown & np.repeat(certain, self.n_values, axis=1)
            x[settled] = value
            unknown[settled] = False

    def limited(self, unknown):
        in_part = self._by_value(unknown).any(axis=0)
        ruled_out = np.repeat(in_part, self.n_values, axis=1) & ~unknown
        return PartlyKnown(self.n_values, ruled_out) if ruled_out.any() else self

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

    def _exponentials(self, field):
        """exp(field − top) by value, and the largest field of each group, top.

        The values come first in memory: sums over a short last axis are slow.
        """
        exponentials = np.array(self._by_value(field), order="C")
        top = exponentials.max(axis=0)
        exponentials -= top
        return np.exp(exponentials, out=exponentials), top


class PartlyKnown(Softmax):
    """Groups of which some values are ruled out, row by row.

    Parameters
    ----------
    n_values : int
        Number of columns of a group.

    ruled_out : ndarray of bool of shape (n_samples, n_units)
        Which values cannot be the 1. Fields are of these rows, or of so many times
        these rows one after the other.
    """

    def __init__(self, n_values, ruled_out):
        super().__init__(n_values)
        self.ruled_out = ruled_out

    def _exponentials(self, field):
        times = len(field) // len(self.ruled_out)
        ruled_out = np.tile(self.ruled_out, (times, 1))
        return super()._exponentials(np.where(ruled_out, -np.inf, field))
