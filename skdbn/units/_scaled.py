"""Units whose values have a scale."""

import numpy as np


class Scaled:
    """A capability of units without bounds, whose values have a scale and a zero.

    Steps of weights and biases are as long as the scale asks, and the weights between two
    layers without bounds stay so small that there is a partition function. Units
    without it have the defaults.

    See Also
    --------
    Units : What every type has.
    Parametric : Scales that are learned.

    Examples
    --------
    >>> from skdbn.units import Gaussian
    >>> units = Gaussian(variance=4.0).start(3)
    >>> units.step_scale, units.spread(3)
    (array([0.25]), array([2., 2., 2.]))
    """

    @property
    def step_scale(self):
        """Factor of the steps of each unit's weights and bias; None if all are 1."""
        return None

    @property
    def step_root(self):
        """Of units that vary together, a matrix Q such that steps are multiplied by QQᵀ.

        It takes the place of :attr:`step_scale`; x Q is in units of the steps. None for
        all other units.
        """
        return None

    @property
    def step_root_inverse(self):
        """The inverse of :attr:`step_root`, or None; give it where it is known."""
        return None if self.step_root is None else np.linalg.inv(self.step_root)

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
