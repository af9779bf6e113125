"""What a unit type is, and how others ask what more it can do."""

import numpy as np
from sklearn.base import BaseEstimator

from ._grouped import Grouped
from ._parametric import Parametric
from ._ranged import Ranged
from ._scaled import Scaled

# What answers for units that do not have a capability.
DEFAULTS = {capability: capability() for capability in (Grouped, Scaled, Parametric)}


class Units(Ranged, BaseEstimator):
    r"""A layer of independent units, each an exponential family.

    .. math:: p(x \mid \text{field}) \propto \exp(x \cdot \text{field} - \text{base}(x))

    The *field* of a unit is its natural parameter: its bias plus its input through the
    weights. A unit type never sees the other layer, so that every type works on either
    side of every machine. The mean is the derivative of the log-partition, and the
    link is the inverse of the mean.

    All arrays are of shape (n_samples, n_units). To add a unit type, subclass and
    define :meth:`log_partition`, :meth:`mean`, :meth:`sample`, :meth:`link`, and
    :meth:`base_energy` where it is not zero. An instance can be given to
    :class:`~skdbn.RBM` as it is: it learns by contrastive divergence, transforms, samples
    and has a free energy. What more a type can do is a capability, a class to be
    inherited as well: :class:`Conditional`, :class:`Enumerable`,
    :class:`Differentiable`, :class:`Grouped`, :class:`Scaled`, :class:`Parametric` and
    :class:`Analytic`. What needs one asks for it by name.

    Attributes
    ----------
    bounds : tuple of float
        The smallest and the largest value that a unit can have.

    tail : {None, "gaussian", "poisson"}
        How fast exp(−base(x)) falls where values have no bound, which says what units
        may stand on the other side.

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
            Source of random numbers. To impute, where each row has its own, it is an
            object with the methods random, standard_exponential and poisson only.

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

    def _kinds(self):
        """The units of each type in the layer: a list of one, unless side by side."""
        return [self]


def offers(units, capability):
    """Whether units, and all types of those side by side, inherit a capability."""
    return all(isinstance(kind, capability) for kind in units._kinds())


def check_capability(units, capability, user):
    """Raise a TypeError unless units have the capability that someone needs."""
    if offers(units, capability):
        return
    lacking = next(kind for kind in units._kinds() if not isinstance(kind, capability))
    name = capability.__name__
    raise TypeError(
        f"{user} needs units that are {name}, and {type(lacking).__name__} is not: take "
        "other units or another method, or let it inherit from "
        f"skdbn.units.{name} too and define what that says."
    )


def ask(units, capability):
    """The units, to be asked as a capability; its defaults where they do not have it.

    What returns units, such as `Parametric.copy`, is asked for by a function instead.
    """
    return units if isinstance(units, capability) else DEFAULTS[capability]
