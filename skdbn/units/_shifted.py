"""Units whose values are shifted row by row."""

import numpy as np


class Shifted:
    """A capability of units whose mean without a field can be shifted row by row.

    That is how a conditional machine lets given columns act on the units: of real-valued
    ones it shifts the center, so that a change of the variance moves no mean. Units
    without it have the defaults, where a shift is one of the field.

    See Also
    --------
    Scaled : Values that have a scale and a center.

    Examples
    --------
    >>> import numpy as np
    >>> from skdbn.units import Gaussian
    >>> units, field = Gaussian(variance=4.0).start(1).shifted(np.array([[3.0]]))
    >>> units.mean(field)
    array([[3.]])
    """

    def shifted(self, shift):
        """Shift the units, and find the fields that are left to be added.

        Parameters
        ----------
        shift : ndarray of shape (n_samples, n_units) or (n_units,)
            By how much.

        Returns
        -------
        units : Units
            The object itself where a shift is one of the field.

        field : ndarray of the shape of `shift`
            The shift, or zeros.
        """
        return self, shift

    def of_rows(self, index):
        """The shifted units of some rows.

        Parameters
        ----------
        index : slice or ndarray
            The rows.

        Returns
        -------
        units : Units
            The object itself where no center is shifted.
        """
        return self

    def shift_slope(self, x):
        """The derivative of −E by the shift.

        Parameters
        ----------
        x : ndarray of shape (n_samples, n_units)
            Values of the units.

        Returns
        -------
        slope : ndarray of shape (n_samples, n_units)
            The values, where a shift is one of the field.
        """
        return x

    @property
    def shift_scale(self):
        """Factors of the steps of what shifts, for differences of values; None if 1."""
        return getattr(self, "step_scale", None)


def shifted(units, shift):
    """See :meth:`Shifted.shifted`; of other units the field is shifted."""
    return units.shifted(shift) if isinstance(units, Shifted) else (units, shift)


def units_of_rows(units, index):
    """See :meth:`Shifted.of_rows`; other units are the same in all rows."""
    return units.of_rows(index) if isinstance(units, Shifted) else units


def shift_slope(units, x):
    """See :meth:`Shifted.shift_slope`."""
    return units.shift_slope(x) if isinstance(units, Shifted) else x


def shift_scale(units):
    """See :attr:`Shifted.shift_scale`."""
    if isinstance(units, Shifted):
        return units.shift_scale
    return getattr(units, "step_scale", None)


def row_dot(x, bias):
    """The product of each row and the bias, which may have a row for each."""
    return x @ bias if bias.ndim == 1 else np.einsum("ij,ij->i", x, bias)
