"""Units with parameters of their own."""


class Parametric:
    """A capability of units with parameters of their own, such as variances.

    They learn beside weights and biases, on the visible side. :meth:`Units.start` makes
    them. A type defines :attr:`params`, :meth:`statistics`, :meth:`data_statistics`,
    :meth:`update_moments`, :meth:`set_moments`, :meth:`freeze` and :meth:`copy`.

    See Also
    --------
    Gaussian : Units with learned variances.
    Scaled : Scales that are not learned.

    Examples
    --------
    >>> import numpy as np
    >>> from skdbn.units import Gaussian
    >>> moments = 10, np.zeros(3), np.array([1.0, 2.0, 4.0])
    >>> Gaussian().start(3, moments).params[0].round(2)
    array([0.  , 0.69, 1.39])
    """

    @property
    def params(self):
        """The arrays that a layer of visible units learns beside its biases, in a list."""
        return []

    @property
    def param_steps(self):
        """How long steps of each of :attr:`params` are, as a fraction of the weights'."""
        return [1.0] * len(self.params)

    def statistics(self, x, weights=None):
        """The mean over the rows of −∂base(x) / ∂params.

        Parameters
        ----------
        x : ndarray of shape (n_samples, n_units)
            Values of the units.

        weights : ndarray of shape (n_samples,), default=None
            Factors of the rows; None means 1 / n_samples for each.

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

    def own_steps(self, x, rate, weights=None, total=1.0):
        """The statistics of the data minus those of the model, times the rates.

        Parameters
        ----------
        x : ndarray of shape (n_samples, n_units)
            States of the model.

        rate : float
            The learning rate of the weights.

        weights : ndarray of shape (n_samples,), default=None
            Factors of the states; None means 1 / n_samples for each.

        total : float, default=1.0
            The factor of the data: the sum of the weights.

        Returns
        -------
        steps : list of ndarray
            One array for each of :attr:`params`.
        """
        return [
            rate * step * (total * of_data - of_model)
            for step, of_data, of_model in zip(
                self.param_steps,
                self.data_statistics(),
                self.statistics(x, weights),
                strict=True,
            )
        ]

    def weakened(self, share):
        """Let units tell of each other by these shares only.

        Parameters
        ----------
        share : ndarray of shape (n_units,)
            0 for units that are to vary alone, and 1 for those that stay as they are.

        Returns
        -------
        units : Units
            The same ones where each varies alone anyway.
        """
        return self

    def see(self, gaps, weights=None, unknown=None):
        """See rows of the data before training, for what depends on several columns.

        Parameters
        ----------
        gaps : ndarray of shape (n_samples, n_units)
            Many of the rows less their mean.

        weights : ndarray of shape (n_samples,), default=None
            How much each row counts.

        unknown : ndarray of bool of shape (n_samples, n_units), default=None
            Where values are unknown.
        """

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


def copied(units):
    """See :meth:`Parametric.copy`; other units have no arrays."""
    return units.copy() if isinstance(units, Parametric) else units


def independent(units, mean, variance):
    """See :meth:`Parametric.independent`; other units have the variance of the mean."""
    if isinstance(units, Parametric):
        return units.independent(mean, variance)
    return units, units.link(mean)


def between(units, other, beta):
    """See :meth:`Parametric.between`; the base of other units does not change."""
    return units.between(other, beta) if isinstance(units, Parametric) else units
