"""The codec of tables whose columns are visible units as they are."""

import numpy as np

from ..units import Gaussian


class Numbers:
    """Columns of numbers, each a visible unit.

    A codec takes rows of a table to values of the visible units, and back; that of
    tables with categories is :class:`~skdbn._data._encoding.Encoding`.

    Parameters
    ----------
    names : sequence
        The names of the units.
    """

    where_to_scale = "before"

    def __init__(self, names):
        self.unit_names = names

    def decode(self, rows, means=False):
        """Rows of the table, from values or means of the units."""
        return rows

    def merge(self, X, rows, means, like):
        """X with values from rows of the units where it has none."""
        return rows

    def real_valued(self, visible):
        """Which units stand for real values, that are best standardized."""
        return np.full(len(self.unit_names), isinstance(visible, Gaussian))
