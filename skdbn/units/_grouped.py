"""Units that vary together, a group of columns at a time."""

import numpy as np


class Grouped:
    """A capability of units that vary together, such as the columns of one variable.

    A group is one coordinate of the pseudo-likelihood, and what is known of some of its
    columns says something of the others. Units without it vary alone, as the
    defaults say.

    See Also
    --------
    Softmax : Groups of which exactly one unit is on.
    Units : What every type has.

    Examples
    --------
    >>> from skdbn.units import Softmax
    >>> Softmax(n_values=3).n_coordinates(12), Softmax(n_values=3).columns(1)
    (4, array([3, 4, 5]))
    """

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

    def masked(self, unknown, values=None):
        """The units of rows of which some values are known, for what is unknown.

        They cannot have the values that known ones rule out.

        Parameters
        ----------
        unknown : ndarray of bool of shape (n_samples, n_units)
            Where values are unknown, after :meth:`fill_determined`.

        values : ndarray of shape (n_samples, n_units), default=None
            The rows, with anything where they are unknown.

        Returns
        -------
        units : Units
            Units whose means and draws are those of a masked softmax, or given the known
            values where units are correlated, for these rows, or for several times
            these rows one after the other. The object itself if nothing is masked.
        """
        return self


def masked(units, unknown, values=None):
    """See :meth:`Grouped.masked`; known values of other units rule nothing out."""
    return units.masked(unknown, values) if isinstance(units, Grouped) else units
