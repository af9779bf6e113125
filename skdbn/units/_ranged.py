"""What values units can have."""

import numpy as np
from scipy.sparse import issparse

from .._utils._numerics import (
    READ_ELEMENTS,
    as_float,
    blocks,
    column_range,
    working_dtype,
)
from ..exceptions import warn
from ._grouped import Grouped

# What a value is to a unit: none of its values, a mean of them, or one of them.
OUTSIDE, MEAN, STATE = 0, 1, 2

# How far rounding may take a value beyond a bound, as a fraction of the range.
SLACK = 1e-6


class Ranged:
    """The range of units: which values they can have, and what is done about others.

    All of it follows from ``bounds``. Types that cannot have all values within them say
    so in :meth:`support`, and those whose values may be means of states draw states
    in :meth:`draw`.

    See Also
    --------
    Units : Inherits all of it.

    Examples
    --------
    >>> import numpy as np
    >>> from skdbn.units import Bernoulli
    >>> Bernoulli().support(np.array([[0.0, 0.5, 2.0]]))
    array([[2, 1, 0]], dtype=int8)
    """

    def support(self, x):
        """What each value is: 2 a state of its unit, 1 a mean of states, 0 neither.

        Unknown values, NaN, are never 0.

        Parameters
        ----------
        x : ndarray of shape (n_samples, n_units)
            Values of the units.

        Returns
        -------
        support : ndarray of int8 of shape (n_samples, n_units)
            By default 2 within the bounds and 0 outside of them.
        """
        low, high = self._wide_bounds()
        outside = (x < low) | (x > high)
        return np.where(outside, np.int8(OUTSIDE), np.int8(STATE))

    def surely_supports(self, X):
        """Whether a quick check shows that the units can have all values of X.

        It spares fitted models :meth:`lowest_support`, which goes by its result.

        Parameters
        ----------
        X : {ndarray, sparse matrix} of shape (n_samples, n_units)
            Rows of data without NaN.

        Returns
        -------
        surely : bool
            By default False.
        """
        return False

    def draw(self, x, rng):
        """Replace means by draws of states with these means, in place.

        Parameters
        ----------
        x : ndarray of shape (n_samples, n_units)
            Means, such as gray values for binary units.

        rng : numpy.random.Generator
            Source of random numbers.
        """

    def check_data(self, X, names):
        """Check that the units can have the values of X.

        Parameters
        ----------
        X : {ndarray, sparse matrix} of shape (n_samples, n_units)
            Rows of data.

        names : sequence of str
            Names of the columns.

        Raises
        ------
        ValueError
            If there is no likelihood for such values.

        Warns
        -----
        DataRangeWarning
            If there is one, but values are out of bounds.
        """
        outside = self._columns_outside(X)
        if len(outside):
            smallest, largest = column_range(X[:, outside])
            low, high = self.bounds
            warn(
                f"X has values from {smallest.min():.4g} to {largest.max():.4g} (first "
                f"in column {names[outside[0]]}), and {type(self).__name__} units take "
                f"values from {low} to {high}. Scale the columns, with "
                "sklearn.preprocessing.MinMaxScaler(clip=True) for example, or binarize "
                "them."
            )

    def shrink(self, mean, share):
        """Move means strictly within the bounds, so that they have fields.

        Parameters
        ----------
        mean : ndarray of shape (n_units,)
            Means of columns of data.

        share : float
            The share of rows that are taken to come from units without a field.

        Returns
        -------
        mean : ndarray of shape (n_units,)
            The mean with these rows; unchanged where values have no bounds.
        """
        low, high = self.bounds
        if np.isinf(low) and np.isinf(high):
            return mean
        neutral = self.mean(np.zeros((1, len(mean))))[0]
        return np.clip(mean, low, high) * (1 - share) + neutral * share

    def has_states_of(self, other):
        """Whether a layer of these units has the states that one of others has.

        Parameters
        ----------
        other : Units
            Units of any type, as `self` with or without a width.

        Returns
        -------
        has_states_of : bool
            By default whether type and settings are the same.
        """
        return type(other) is type(self) and other.get_params() == self.get_params()

    def lowest_support(self, X):
        """The lowest :meth:`support` in each row and in each column.

        Parameters
        ----------
        X : {ndarray, sparse matrix} of shape (n_samples, n_units)
            Rows of data.

        Returns
        -------
        rows : ndarray of int8 of shape (n_samples,)
            2 where the layer can be in the state of the row, and 0 where the row has
            a value that its unit cannot have.

        columns : ndarray of int8 of shape (n_units,)
            The same of each column.
        """
        n_rows, n_units = X.shape
        if issparse(X) and not isinstance(self, Grouped):
            return self._lowest_support_of_stored(X)
        rows, columns = (
            np.full(n_rows, STATE, np.int8),
            np.full(n_units, STATE, np.int8),
        )
        for part, block in blocks(X, n_units, working_dtype(X), size=READ_ELEMENTS):
            support = self.support(as_float(block, block.dtype))
            if support.min(initial=STATE) < STATE:
                support.min(axis=1, out=rows[part])
                np.minimum(columns, support.min(axis=0), out=columns)
        return rows, columns

    def are_states(self, X):
        """Whether every row of X is a state that the layer can be in.

        Parameters
        ----------
        X : {ndarray, sparse matrix} of shape (n_samples, n_units)
            Rows of data.

        Returns
        -------
        are_states : bool
            If not, values are means, from which states can be drawn, or outside of the
            units' range.
        """
        rows, _ = self.lowest_support(X)
        return bool(rows.min(initial=STATE) == STATE)

    def rows_outside(self, X, names):
        """Find rows with values that the units cannot have.

        Parameters
        ----------
        X : {ndarray, sparse matrix} of shape (n_samples, n_units)
            Rows of data without NaN.

        names : sequence of str
            Names of the columns.

        Returns
        -------
        outside : ndarray of bool of shape (n_samples,)
            True where a value has a :meth:`support` of 0.

        Warns
        -----
        DataRangeWarning
            If there are such rows.
        """
        if self.surely_supports(X):
            return np.zeros(X.shape[0], bool)
        rows, columns = self.lowest_support(X)
        outside = rows == OUTSIDE
        if outside.any():
            column = np.flatnonzero(columns == OUTSIDE)[0]
            warn(
                f"{outside.sum()} of {X.shape[0]} rows of X have values that the visible "
                f"units cannot have, the first of them in column {names[column]}: the "
                "likelihood of these rows is 0. Scale or encode X as for fit; "
                "sklearn.preprocessing.MinMaxScaler(clip=True) keeps new rows in range."
            )
        return outside

    def _columns_outside(self, X):
        """The columns of X that have a value which the units cannot have."""
        _, columns = self.lowest_support(X)
        return np.flatnonzero(columns == OUTSIDE)

    def _wide_bounds(self):
        """The bounds, with room for rounding."""
        low, high = self.bounds
        width = np.subtract(high, low)
        slack = SLACK * width if np.isfinite(width) else SLACK
        return low - slack, high + slack

    def _lowest_support_of_stored(self, X):
        """The lowest support of a sparse X, of units that do not vary together."""
        n_rows, n_units = X.shape
        rows, columns = (
            np.full(n_rows, STATE, np.int8),
            np.full(n_units, STATE, np.int8),
        )
        X = X.tocsr()
        zero = self.support(np.zeros((1, 1)))[0, 0]
        if zero < STATE:
            rows[np.diff(X.indptr) < n_units] = zero
            columns[np.bincount(X.indices, minlength=n_units) < n_rows] = zero
        for start in range(0, X.nnz, READ_ELEMENTS):
            support = self.support(X.data[None, start : start + READ_ELEMENTS])[0]
            low = np.flatnonzero(support < STATE)
            places = low + start
            np.minimum.at(columns, X.indices[places], support[low])
            of_row = np.searchsorted(X.indptr, places, side="right") - 1
            np.minimum.at(rows, of_row, support[low])
        return rows, columns
