"""Filters of the hidden units."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from .._utils._checks import check_counts
from ._base import layers_of, table
from ._sheet import Sheet, checked_columns, checked_shape


class FiltersDisplay(Sheet):
    """Filters of the hidden units: their weights, as pictures.

    Each filter has its own scale, from minus to plus its largest weight. Red pixels
    activate the unit, blue pixels inhibit it.

    Parameters
    ----------
    filters : array-like of shape (n_filters, n_features)
        The filters, one a row.

    image_shape : tuple of int, default=None
        Height and width of a picture, followed by 3 for colors; None takes a square.

    n_columns : int, default=None
        Number of pictures side by side; None chooses an even layout.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure, after :meth:`plot`.

    axes_ : matplotlib Axes
        The axes with all pictures.

    image_ : matplotlib AxesImage
        The sheet of pictures.

    See Also
    --------
    HiddenActivityDisplay : How often the units are on.

    References
    ----------
    .. [1] Hinton, G. E. (2010). A practical guide to training restricted Boltzmann
       machines. University of Toronto, UTML TR 2010-003.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_digits
    >>> from skdbn import BernoulliRBM
    >>> from skdbn.plotting import FiltersDisplay
    >>> rbm = BernoulliRBM(16, n_iter=2, random_state=0).fit(load_digits().data / 16)
    >>> FiltersDisplay.from_estimator(rbm).filters.shape
    (16, 64)
    """

    def __init__(
        self,
        filters: ArrayLike,
        *,
        image_shape: Sequence[int] | None = None,
        n_columns: int | None = None,
    ) -> None:
        self.filters = table("filters", filters)
        self.image_shape = checked_shape(image_shape, self.filters.shape[1])
        self.n_columns = checked_columns(n_columns, len(self.filters))

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        image_shape: Sequence[int] | None = None,
        n_filters: int = 100,
        layer: int | None = None,
        n_columns: int | None = None,
        cmap: Any = "RdBu_r",
        ax: Any = None,
    ) -> Self:
        """Draw the filters with the largest norms, in that order.

        The filters of Gaussian units are variance times weight, the change of the
        pixels' means when a hidden unit is on. In a stack of RBMs the filters of a
        higher layer are its weights times those of the layers below, as if the units
        between were linear.

        Parameters
        ----------
        estimator : estimator
            A fitted RBM, or a model with a list ``rbms_`` of them, first layer first.

        image_shape : tuple of int, default=None
            Height and width of a picture, followed by 3 for colors; None takes a
            square.

        n_filters : int, default=100
            The largest number of filters to show.

        layer : int, default=None
            Which of ``rbms_``, from 0; None takes the last.

        n_columns : int, default=None
            Number of pictures side by side; None chooses an even layout.

        cmap : str or matplotlib Colormap, default="RdBu_r"
            Colors from minus to plus.

        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : FiltersDisplay
            With the figure.

        Raises
        ------
        TypeError
            If the model is no RBM, nor made of them.
        ValueError
            If an argument does not fit the model.
        """
        check_counts("from_estimator", n_filters=n_filters)
        filters = _projected_weights(layers_of(estimator, layer))
        strongest = np.argsort(-np.linalg.norm(filters, axis=1), kind="stable")
        display = cls(
            filters[strongest[:n_filters]], image_shape=image_shape, n_columns=n_columns
        )
        return display.plot(ax, cmap=cmap)

    def plot(self, ax: Any = None, *, cmap: Any = "RdBu_r") -> Self:
        """Draw the filters.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        cmap : str or matplotlib Colormap, default="RdBu_r"
            Colors from minus to plus.

        Returns
        -------
        display : FiltersDisplay
            With the figure.
        """
        largest = np.abs(self.filters).max(axis=1, keepdims=True)
        scaled = self.filters / np.where(largest == 0, 1, largest)
        return self._draw(ax, scaled, (-1, 1), cmap)


def _projected_weights(rbms):
    """Weights from the last hidden layer down to the pixels, (n_hidden, n_pixels)."""
    product = None
    for rbm in reversed(rbms):
        covariance = getattr(rbm.machine_.visible, "covariance_", None)
        if covariance is None:
            weights = rbm.components_ * getattr(rbm, "variance_", 1.0)
        else:
            weights = rbm.components_ @ covariance
        product = weights if product is None else product @ weights
    return product
