"""The contract of a unit type."""

import numpy as np
from sklearn.base import BaseEstimator


class Units(BaseEstimator):
    r"""A layer of independent units, each an exponential family.

    .. math:: p(x \mid \text{field}) \propto \exp(x \cdot \text{field} - \text{base}(x))

    The *field* of a unit is all that it feels: its bias plus what arrives through the
    weights. A unit type has no parameters and never sees the other layer, so that
    every type works on either side of every machine. The mean is the derivative of
    the log-partition, and the link is the inverse of the mean.

    All arrays are of shape (n_samples, n_units). To add a unit type, subclass and
    define the five methods; an instance can be given to
    :class:`~skdbn.RBM` as it is.

    Attributes
    ----------
    support : tuple of float or None
        The values that a unit takes, where they are finitely many.

    bounds : tuple of float
        The smallest and the largest value that data may have.

    See Also
    --------
    Bernoulli : Units in {0, 1}.

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

    support = None
    bounds = (-np.inf, np.inf)

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
        raise NotImplementedError

    def log_partition(self, field):
        """Sum over the units of log Σₓ exp(x·field − base(x)).

        Parameters
        ----------
        field : ndarray of shape (n_samples, n_units)
            The field of each unit.

        Returns
        -------
        log_partition : ndarray of shape (n_samples,)
            The logarithm of the normaliser, in nats.
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
        mean : ndarray
            Means strictly between the bounds.

        Returns
        -------
        field : ndarray
            The inverse of :meth:`mean`.
        """
        raise NotImplementedError
