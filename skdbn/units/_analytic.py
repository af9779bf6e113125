"""Units whose log-partition is known along a line of fields."""


class Analytic:
    """A capability that saves work: the log-partition along a line of fields.

    Annealing and tempering, which multiply fields by factors, and the pseudo-likelihood
    of visible units without bounds are faster with it.

    Attributes
    ----------
    series_radius : float or None
        The distance of the nearest point at which the log-partition of a unit is not
        analytic; None without :meth:`log_partition_series`.

    See Also
    --------
    Units : What every type has.

    Examples
    --------
    >>> import numpy as np
    >>> from skdbn.units import Bernoulli
    >>> field, half, one = np.ones((1, 2)), np.array([[0.5]]), np.array([[1.0]])
    >>> Bernoulli().log_partition_change(field, half, one).round(3)
    array([0.678])
    """

    series_radius = None

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
        raise NotImplementedError

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


def log_partition_change(units, field, before, after):
    """See :meth:`Analytic.log_partition_change`; of other units by two passes."""
    if isinstance(units, Analytic):
        return units.log_partition_change(field, before, after)
    return units.log_partition(after * field) - units.log_partition(before * field)
