"""Which hidden units are on in which rows."""

from typing import Any, Self

from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from .._utils._checks import check_counts
from ._base import limits, single_axes, table


class HiddenActivityDisplay:
    """The hidden units' means, as a picture of rows by units.

    In a good model the picture looks like noise without stripes: a vertical stripe is a
    unit that is always on or always off, a horizontal one a row that turns on all units
    or none.

    Parameters
    ----------
    activity : array-like of shape (n_samples, n_components)
        Means of the hidden units.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure, after :meth:`plot`.

    axes_ : matplotlib Axes
        The axes.

    image_ : matplotlib AxesImage
        The picture.

    See Also
    --------
    FiltersDisplay : The weights of the units.

    References
    ----------
    .. [1] Yosinski, J. and Lipson, H. (2012). Visually debugging restricted Boltzmann
       machine training with a 3D example. Representation Learning Workshop, ICML.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_digits
    >>> from skdbn import BernoulliRBM
    >>> from skdbn.plotting import HiddenActivityDisplay
    >>> X = load_digits().data / 16
    >>> rbm = BernoulliRBM(16, n_iter=2, random_state=0).fit(X)
    >>> HiddenActivityDisplay.from_estimator(rbm, X).activity.shape
    (100, 16)
    """

    def __init__(self, activity: ArrayLike) -> None:
        self.activity = table("activity", activity)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        n_samples: int = 100,
        cmap: Any = "gray_r",
        ax: Any = None,
    ) -> Self:
        """Transform the first rows of X, and draw the result.

        Parameters
        ----------
        estimator : estimator
            A fitted transformer.

        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data, in random order.

        n_samples : int, default=100
            The largest number of rows to show.

        cmap : str or matplotlib Colormap, default="gray_r"
            Colors.

        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : HiddenActivityDisplay
            With the figure.
        """
        check_counts("from_estimator", n_samples=n_samples)
        check_is_fitted(estimator)
        return cls(estimator.transform(X[:n_samples])).plot(ax, cmap=cmap)

    def plot(self, ax: Any = None, *, cmap: Any = "gray_r") -> Self:
        """Draw the activity.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        cmap : str or matplotlib Colormap, default="gray_r"
            Colors.

        Returns
        -------
        display : HiddenActivityDisplay
            With the figure.
        """
        self.figure_, self.axes_ = single_axes(ax)
        low, high = limits(self.activity)
        self.image_ = self.axes_.imshow(
            self.activity,
            aspect="auto",
            interpolation="nearest",
            cmap=cmap,
            vmin=low,
            vmax=high,
        )
        self.axes_.set(xlabel="hidden unit", ylabel="row")
        self.figure_.colorbar(self.image_, ax=self.axes_, label="mean")
        return self
