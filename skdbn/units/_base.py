"""The contract of a unit type."""

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator

from .._utils._numerics import (
    READ_ELEMENTS,
    as_float,
    blocks,
    column_range,
    working_dtype,
)
from ..exceptions import warn

# What a value is to a unit: none of its values, a mean of them, or one of them.
OUTSIDE, MEAN, STATE = 0, 1, 2

# How far rounding may take a value beyond a bound, as a fraction of the range.
SLACK = 1e-6


class Units(BaseEstimator):
    r"""A layer of independent units, each an exponential family.

    .. math:: p(x \mid \text{field}) \propto \exp(x \cdot \text{field} - \text{base}(x))

    The *field* of a unit is its natural parameter: its bias plus its input through the
    weights. A unit type never sees the other layer, so that every type works on either
    side of every machine. The mean is the derivative of the log-partition, and the
    link is the inverse of the mean.

    All arrays are of shape (n_samples, n_units). To add a unit type, subclass and
    define :meth:`log_partition`, :meth:`mean`, :meth:`sample` and :meth:`link`, and
    :meth:`base_energy` where it is not zero; an instance can be given to
    :class:`~skdbn.RBM` as it is. Visible units also need :meth:`alternatives`, for the
    pseudo-likelihood, and where values have no bounds :meth:`coordinate_base`. The other
    methods have defaults: :meth:`n_states` and :meth:`states` give the exact partition
    function of types with finitely many values. A type with parameters of its own, such
    as variances, makes them in :meth:`start` and returns them as :attr:`params`.

    Attributes
    ----------
    bounds : tuple of float
        The smallest and the largest value that a unit can have.

    tail : {None, "gaussian", "poisson"}
        How fast exp(−base(x)) falls where values have no bound, which says what units
        may stand on the other side.

    one_kind : bool
        Whether all coordinates of a layer are alike.

    See Also
    --------
    Bernoulli : Units in {0, 1}.
    Gaussian : Real-valued units.

    References
    ----------
    .. [1] Welling, M., Rosen-Zvi, M. and Hinton, G. E. (2005). Exponential family
       harmoniums with an application to information retrieval. NeurIPS 17.

    Examples
    --------
    >>> from skdbn.units import Bernoulli, Units
    >>> issubclass(Bernoulli, Units)
    True
    """

    bounds = (-np.inf, np.inf)
    tail = None
    one_kind = True

    def base_energy(self, x):
        """Sum over the units of base(x).

        Parameters
        ----------
        x : {ndarray, sparse matrix} of shape (n_samples, n_units)
            Values of the units.

        Returns
        -------
        energy : float or ndarray of shape (n_samples,)
            The part of the energy that does not depend on the field.
        """
        return 0.0

    def log_partition(self, field):
        """Sum over the units of log Σₓ exp(x·field − base(x)).

        Parameters
        ----------
        field : ndarray of shape (n_samples, n_units)
            The field of each unit.

        Returns
        -------
        log_partition : ndarray of shape (n_samples,)
            In nats.
        """
        raise NotImplementedError

    def log_partition_change(self, field, before, after):
        """The log-partition at ``after * field`` minus that at ``before * field``.

        Parameters
        ----------
        field : ndarray of shape (n_samples, n_units)
            The field of each unit.

        before, after : ndarray of shape (n_samples, 1) or (1, 1)
            Factors of the field, at least 0.

        Returns
        -------
        change : ndarray of shape (n_samples,)
            In nats.
        """
        return self.log_partition(after * field) - self.log_partition(before * field)

    # The distance of the nearest point at which the log-partition of a unit is not
    # analytic, for the series; None without one.
    series_radius = None

    def log_partition_series(self, field, n_terms):
        """∂ᵏ log-partition / ∂fieldᵏ / k! of each unit, for k from 1 on.

        Parameters
        ----------
        field : ndarray of shape (n_samples, n_units)
            The field of each unit.

        n_terms : int
            The largest k.

        Returns
        -------
        terms : list of ndarray of shape (n_samples, n_units)
            The coefficients of a power series, by which the pseudo-likelihood of
            visible units without bounds is faster.
        """
        raise NotImplementedError

    def mean(self, field, out=None):
        """The expected value of each unit.

        Parameters
        ----------
        field : ndarray of shape (n_samples, n_units)
            The field of each unit.

        out : ndarray of shape (n_samples, n_units), default=None
            Where to write; may be `field` itself.

        Returns
        -------
        mean : ndarray of shape (n_samples, n_units)
            The derivative of the log-partition.
        """
        raise NotImplementedError

    def sample(self, field, rng, out=None, mean=None):
        """Draw each unit once.

        Parameters
        ----------
        field : ndarray of shape (n_samples, n_units)
            The field of each unit.

        rng : numpy.random.Generator
            Source of random numbers.

        out : ndarray of shape (n_samples, n_units), default=None
            Where to write; may be `field` itself.

        mean : ndarray of shape (n_samples, n_units), default=None
            The units' means, where they are known and spare work.

        Returns
        -------
        x : ndarray of shape (n_samples, n_units)
            The draws, in the dtype of the field.
        """
        raise NotImplementedError

    def link(self, mean):
        """The field at which the units have this mean.

        Parameters
        ----------
        mean : ndarray of shape (..., n_units)
            Means strictly between the bounds.

        Returns
        -------
        field : ndarray of shape (..., n_units)
            The inverse of :meth:`mean`.
        """
        raise NotImplementedError

    def backpropagate(self, error, mean):
        """Turn derivatives by the means into derivatives by the fields, in place.

        This is the step of back-propagation through hidden units: each derivative is
        multiplied by that of the mean, which is the variance of the unit.

        Parameters
        ----------
        error : ndarray of shape (n_samples, n_units)
            Derivatives of a function of the means; overwritten.

        mean : ndarray of shape (n_samples, n_units)
            The means.

        Returns
        -------
        error : ndarray of shape (n_samples, n_units)
            The same array.
        """
        raise NotImplementedError

    # A layer of some width

    def start(self, n_units, moments=None, dtype=np.float64):
        """Set up a layer of `n_units` units.

        Parameters
        ----------
        n_units : int
            The width of the layer.

        moments : tuple of (int, ndarray, ndarray), default=None
            Number of rows of the data, and mean and variance of each column; None for a
            hidden layer, whose scale is in its weights.

        dtype : dtype, default=numpy.float64
            Of the arrays that are made.

        Returns
        -------
        self : Units
            The same object.

        Raises
        ------
        ValueError
            If units of this type cannot make a layer of this width.
        """
        return self

    @property
    def params(self):
        """The arrays that a layer of visible units learns beside its biases, in a list."""
        return []

    @property
    def param_steps(self):
        """How long steps of each of :attr:`params` are, as a fraction of the weights'."""
        return [1.0] * len(self.params)

    @property
    def step_scale(self):
        """Factor of the steps of each unit's weights and bias; None if all are 1."""
        return None

    def statistics(self, x):
        """The mean over the rows of −∂base(x) / ∂params.

        Parameters
        ----------
        x : ndarray of shape (n_samples, n_units)
            Values of the units.

        Returns
        -------
        statistics : list of ndarray
            One array for each of :attr:`params`.
        """
        return []

    def data_statistics(self):
        """The same mean over all rows of the data, from the moments given to `start`.

        Returns
        -------
        statistics : list of ndarray
            One array for each of :attr:`params`.
        """
        return []

    def update_moments(self, n_rows, mean, variance):
        """Update the moments of the data with those of more rows.

        Parameters
        ----------
        n_rows : int
            Their number.

        mean, variance : ndarray of shape (n_units,)
            Their moments.
        """

    def set_moments(self, n_rows, mean, variance):
        """Set the moments of the data, in place of all earlier ones.

        Parameters
        ----------
        n_rows : int
            The number of rows.

        mean, variance : ndarray of shape (n_units,)
            Their moments.
        """

    def uncentered(self, bias):
        """The bias of the same units if base(x) had its smallest value at 0.

        Parameters
        ----------
        bias : ndarray of shape (n_units,)
            The bias.

        Returns
        -------
        bias : ndarray of shape (n_units,)
            The bias itself where units have no center of their own.
        """
        return bias

    def freeze(self):
        """Keep :attr:`params` as they are, from before the first step on."""

    def project(self):
        """Project :attr:`params` onto their bounds, in place."""

    def copy(self):
        """A copy of the units with its own arrays.

        Returns
        -------
        units : Units
            The object itself if it has no arrays.
        """
        return self

    def spread(self, n_units):
        """The standard deviation that units keep at every field.

        Parameters
        ----------
        n_units : int
            The width of the layer.

        Returns
        -------
        spread : float or ndarray of shape (n_units,)
            Zero for units whose values are bounded. Between two layers with a spread,
            weights must stay small for the partition function to be finite.
        """
        return 0.0

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

    def independent(self, mean, variance):
        """Find units and fields such that columns have these moments.

        Parameters
        ----------
        mean, variance : ndarray of shape (n_units,)
            Moments of each column, the mean strictly within the bounds.

        Returns
        -------
        units : Units
            These units, or others where their arrays have to be.

        field : ndarray of shape (n_units,)
            The fields.
        """
        return self, self.link(mean)

    def between(self, other, beta):
        """Mix in the base of others: (1 − beta)·base of the other + beta·base of these.

        Parameters
        ----------
        other : Units
            Units of the same type, with their own arrays.

        beta : ndarray of shape (n_samples, 1) or (1, 1)
            Between 0 and 1.

        Returns
        -------
        units : Units
            The object itself if it has no arrays.
        """
        return self

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

    # Layers with finitely many states

    def n_states(self, n_units):
        """The number of states of a layer.

        Parameters
        ----------
        n_units : int
            The width of the layer.

        Returns
        -------
        n_states : int or float
            Infinity if a unit has infinitely many values.
        """
        return np.inf

    def states(self, index, n_units):
        """Some of the states of a layer.

        Parameters
        ----------
        index : ndarray of int of shape (n,)
            Which, from 0 to ``n_states(n_units) - 1``.

        n_units : int
            The width of the layer.

        Returns
        -------
        states : ndarray of shape (n, n_units)
            A state a row.
        """
        raise NotImplementedError

    # Data

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
        if issparse(X) and self.n_coordinates(n_units) == n_units:
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

    def _columns_outside(self, X):
        """The columns of X that have a value which the units cannot have."""
        _, columns = self.lowest_support(X)
        return np.flatnonzero(columns == OUTSIDE)

    def fill_determined(self, x, unknown, names):
        """Fill in, in place, unknown values that follow from the known ones.

        Such as the zeros beside a known 1 in a group of softmax units.

        Parameters
        ----------
        x : ndarray of shape (n_samples, n_units)
            Rows of data.

        unknown : ndarray of bool of shape (n_samples, n_units)
            Where values are unknown.

        names : sequence of str
            Names of the columns.

        Raises
        ------
        ValueError
            If what is known of units that vary together is not one of their values, and
            says nothing of what they are.
        """

    def masked(self, unknown):
        """The units with the values masked that known values rule out.

        Parameters
        ----------
        unknown : ndarray of bool of shape (n_samples, n_units)
            Where values are unknown, after :meth:`fill_determined`.

        Returns
        -------
        units : Units
            Units whose means and draws are those of a masked softmax, for these rows,
            or for several times these rows one after the other. The object itself if
            nothing is masked.
        """
        return self

    # Coordinates, of which the pseudo-likelihood takes one at a time

    def n_coordinates(self, n_units):
        """The number of coordinates of a layer.

        Parameters
        ----------
        n_units : int
            The width of the layer.

        Returns
        -------
        n_coordinates : int
            `n_units`, unless units vary together.
        """
        return n_units

    def columns(self, coordinate):
        """The columns of a coordinate.

        Parameters
        ----------
        coordinate : int or ndarray of int of shape (n_samples,)
            One for all rows or one for each.

        Returns
        -------
        columns : ndarray of int of shape (n,) or (n_samples, n)
            Indices of units.
        """
        return np.asarray(coordinate)[..., None]

    def alternatives(self, coordinate, own, field_range):
        """What values a coordinate could have, the other ones being as they are.

        Parameters
        ----------
        coordinate : int or ndarray of int of shape (n_samples,)
            One for all rows or one for each.

        own : ndarray of shape (n_samples, n)
            The values that it has, in its n columns.

        field_range : callable
            ``field_range(value, n_nodes)`` gives the lowest and the highest field that
            matters in each row, where ``value(field, n)`` is what is n standard
            deviations above the mean in a field, and ``n_nodes(low, high)`` the number
            of nodes that a range of fields takes.

        Returns
        -------
        values : ndarray of shape (n_alternatives, n_samples or 1, n)
            Each state, or the nodes of a sum or an integral over the states.

        log_weights : ndarray of shape (n_alternatives, n_samples or 1)
            −base of each value, plus the logarithm of the weight of each node.

        shares : ndarray of shape (n_alternatives, n_samples) or None
            If there are finitely many states, the probability that the coordinate's
            values stand for each: of their own state 1. None otherwise.
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not say what values its units can have, which "
            "the pseudo-likelihood needs: define alternatives()."
        )

    def coordinate_base(self, coordinate, own):
        """The base of one coordinate, where there are infinitely many states.

        Parameters
        ----------
        coordinate : int or ndarray of int of shape (n_samples,)
            One for all rows or one for each.

        own : ndarray of shape (n_samples, n)
            The values that it has.

        Returns
        -------
        base : ndarray of shape (n_samples,)
            The part of the energy that does not depend on the field.
        """
        raise NotImplementedError
