"""Rows of data beside their reconstructions."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from .._utils._checks import check_counts
from .._utils._numerics import as_float
from ._base import demand, limits, table
from ._sheet import Sheet, centers, checked_shape


class ReconstructionsDisplay(Sheet):
    """Rows of data above their reconstructions.

    Parameters
    ----------
    data : array-like of shape (n_samples, n_features)
        The rows.

    reconstructions : array-like of shape (n_samples, n_features)
        The same rows, reconstructed.

    image_shape : tuple of int, default=None
        Height and width of a picture, followed by 3 for colors; None takes a square.

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
    SamplesDisplay : Samples from the model.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_digits
    >>> from skdbn import BernoulliRBM
    >>> from skdbn.plotting import ReconstructionsDisplay
    >>> X = load_digits().data / 16
    >>> rbm = BernoulliRBM(16, n_iter=2, random_state=0).fit(X)
    >>> display = ReconstructionsDisplay.from_estimator(rbm, X[:8])
    >>> display.reconstructions.shape
    (8, 64)
    """

    def __init__(
        self,
        data: ArrayLike,
        reconstructions: ArrayLike,
        *,
        image_shape: Sequence[int] | None = None,
    ) -> None:
        self.data = table("data", data)
        self.reconstructions = table("reconstructions", reconstructions)
        if self.data.shape != self.reconstructions.shape:
            raise ValueError(
                f"data has shape {self.data.shape}, but reconstructions has "
                f"{self.reconstructions.shape}: give one reconstruction a row."
            )
        self.image_shape = checked_shape(image_shape, self.data.shape[1])
        self.n_columns = len(self.data)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        n_samples: int = 10,
        image_shape: Sequence[int] | None = None,
        cmap: Any = None,
        ax: Any = None,
    ) -> Self:
        """Reconstruct the first rows of X, and draw both.

        Parameters
        ----------
        estimator : estimator
            A fitted model with ``reconstruct``.

        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        n_samples : int, default=10
            The largest number of rows to show.

        image_shape : tuple of int, default=None
            Height and width of a picture, followed by 3 for colors; None takes a
            square.

        cmap : str or matplotlib Colormap, default=None
            Colors. None takes "gray_r" for ink on paper, where 30 % of the values
            or more are close to the lowest, and "gray" for photographs.

        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ReconstructionsDisplay
            With the figure.

        Raises
        ------
        TypeError
            If the model has no ``reconstruct``.
        ValueError
            If an argument is out of range.
        """
        check_counts("from_estimator", n_samples=n_samples)
        check_is_fitted(estimator)
        demand(estimator, "reconstruct")
        rows = X[:n_samples]
        display = cls(
            as_float(rows, np.float64),
            estimator.reconstruct(rows),
            image_shape=image_shape,
        )
        return display.plot(ax, cmap=cmap)

    def plot(self, ax: Any = None, *, cmap: Any = None) -> Self:
        """Draw the rows and their reconstructions.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        cmap : str or matplotlib Colormap, default=None
            Colors. None takes "gray_r" for ink on paper, where 30 % of the values
            or more are close to the lowest, and "gray" for photographs.

        Returns
        -------
        display : ReconstructionsDisplay
            With the figure.
        """
        both = np.concatenate([self.data, self.reconstructions])
        self._draw(ax, both, limits(self.data), cmap)
        self.axes_.set_yticks(centers(self.image_shape[0], 2))
        self.axes_.set_yticklabels(["data", "model"])
        return self
