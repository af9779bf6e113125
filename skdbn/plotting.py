"""Pictures of fitted models, in the style of scikit-learn's displays.

Each class holds the arrays of one picture. ``from_estimator`` takes them from a fitted
model and draws; the constructor takes arrays of any origin, and ``plot`` draws them, on
axes of your own if you like. matplotlib is imported when something is drawn.
"""

from collections.abc import Mapping, Sequence
from math import isqrt, prod
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from ._numerics import as_float, check_count
from ._random import make_rng

__all__ = [
    "FiltersDisplay",
    "HiddenActivityDisplay",
    "HistoryDisplay",
    "ReconstructionsDisplay",
    "SamplesDisplay",
]

# Between the pictures of a sheet.
GREY = 0.8
INCHES = 0.65

HISTORY_LABELS = {
    "pseudo_likelihood": "pseudo-likelihood [nats]",
    "free_energy_gap": "free-energy gap [nats]",
    "reconstruction_error": "reconstruction error",
    "swap_acceptance": "swap acceptance",
    "learning_rate": "learning rate",
    "seconds": "seconds a sweep",
}


class FiltersDisplay:
    """What the hidden units look for: their weights, as pictures.

    Each filter is drawn on a scale of its own, from minus to plus its largest weight;
    red pixels speak for the unit, blue ones against it.

    Parameters
    ----------
    filters : array-like of shape (n_filters, n_features)
        The filters, one a row.

    image_shape : tuple of int, default=None
        Height and width of a picture, with a 3 behind for colours; None takes a square.

    n_columns : int, default=None
        Number of pictures side by side; None looks for an even sheet.

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
        self.filters = _table("filters", filters)
        self.image_shape = _checked_shape(image_shape, self.filters.shape[1])
        self.n_columns = _checked_columns(n_columns, len(self.filters))

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
        higher layer are its weights times those of the layers below: what a unit
        speaks for by way of linear units.

        Parameters
        ----------
        estimator : estimator
            A fitted RBM, or a model with a list ``rbms_`` of them, first layer first.

        image_shape : tuple of int, default=None
            Height and width of a picture, with a 3 behind for colours; None takes a
            square.

        n_filters : int, default=100
            The largest number of filters to show.

        layer : int, default=None
            Which of ``rbms_``, from 0; None takes the last.

        n_columns : int, default=None
            Number of pictures side by side; None looks for an even sheet.

        cmap : str or matplotlib Colormap, default="RdBu_r"
            Colours from minus to plus.

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
        check_count("n_filters", n_filters)
        filters = _projected_weights(_layers(estimator, layer))
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
            Colours from minus to plus.

        Returns
        -------
        display : FiltersDisplay
            With the figure.
        """
        largest = np.abs(self.filters).max(axis=1, keepdims=True)
        scaled = self.filters / np.where(largest == 0, 1, largest)
        return _draw_sheet(self, ax, scaled, (-1, 1), cmap)


class SamplesDisplay:
    """Rows that a model makes up, as pictures; or how its chains move, as a film strip.

    Parameters
    ----------
    samples : array-like of shape (n_samples, n_features) or \
            (n_steps, n_chains, n_features)
        The pictures. With three dimensions each chain is a row and each step a column.

    steps : sequence of int, default=None
        For a film strip, how many sweeps its columns are from the start.

    image_shape : tuple of int, default=None
        Height and width of a picture, with a 3 behind for colours; None takes a square.

    n_columns : int, default=None
        Number of pictures side by side; None looks for an even sheet. A film strip has
        as many as steps.

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
    ReconstructionsDisplay : How rows of data come back from the hidden units.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_digits
    >>> from skdbn import BernoulliRBM
    >>> from skdbn.plotting import SamplesDisplay
    >>> rbm = BernoulliRBM(16, n_iter=2, random_state=0).fit(load_digits().data / 16)
    >>> display = SamplesDisplay.from_estimator(
    ...     rbm, n_samples=5, steps=(1, 10, 100), random_state=0
    ... )
    >>> display.samples.shape
    (3, 5, 64)
    """

    def __init__(
        self,
        samples: ArrayLike,
        *,
        steps: Sequence[int] | None = None,
        image_shape: Sequence[int] | None = None,
        n_columns: int | None = None,
    ) -> None:
        self.samples = _table("samples", samples, dimensions=(2, 3))
        self.image_shape = _checked_shape(image_shape, self.samples.shape[-1])
        film = self.samples.ndim == 3
        if steps is not None and (not film or len(steps) != len(self.samples)):
            raise ValueError(
                f"steps={steps!r} does not fit samples of shape {self.samples.shape}: "
                "a film strip is of shape (n_steps, n_chains, n_features)."
            )
        self.steps = steps
        n_columns = len(self.samples) if film else n_columns
        self.n_columns = _checked_columns(n_columns, len(self.samples))

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        n_samples: int = 50,
        n_steps: int = 1000,
        steps: Sequence[int] | None = None,
        X: Any = None,
        means: bool = True,
        image_shape: Sequence[int] | None = None,
        n_columns: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        cmap: Any = "gray_r",
        ax: Any = None,
    ) -> Self:
        """Run Gibbs chains, and draw where they are.

        Parameters
        ----------
        estimator : estimator
            A fitted RBM, or a model with a list ``rbms_`` of them, first layer first:
            the chains are then those of the last, and a row is drawn layer by layer
            below each.

        n_samples : int, default=50
            Number of chains.

        n_steps : int, default=1000
            Number of Gibbs sweeps.

        steps : sequence of int, default=None
            After which numbers of sweeps to look, for a film strip, in ascending order;
            0 is the start. None looks once, after `n_steps`.

        X : array-like of shape (n_samples, n_features), default=None
            Rows to start from, one a chain; None starts from units that feel only
            their biases. A film strip shows them at step 0.

        means : bool, default=True
            Whether to show the means of the visible units given the hidden ones, which
            have grey levels, or values of the units.

        image_shape : tuple of int, default=None
            Height and width of a picture, with a 3 behind for colours; None takes a
            square.

        n_columns : int, default=None
            Number of pictures side by side; None looks for an even sheet.

        random_state : int, RandomState instance or None, default=None
            Determines the chains.

        cmap : str or matplotlib Colormap, default="gray_r"
            Colours.

        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : SamplesDisplay
            With the figure.

        Raises
        ------
        TypeError
            If the model is no RBM, nor made of them.
        ValueError
            If a number is out of range.
        """
        check_count("n_samples", n_samples)
        check_count("n_steps", n_steps)
        looks = [n_steps] if steps is None else list(steps)
        if not looks or min(looks) < 0 or sorted(set(looks)) != looks:
            raise ValueError(
                f"steps={steps!r}: take numbers of sweeps in ascending order."
            )
        machines = [rbm.machine_ for rbm in _layers(estimator)]
        film = _film(machines, X, n_samples, looks, means, make_rng(random_state))
        samples = film[0] if steps is None else film
        display = cls(
            samples, steps=steps, image_shape=image_shape, n_columns=n_columns
        )
        return display.plot(ax, cmap=cmap)

    def plot(self, ax: Any = None, *, cmap: Any = "gray_r") -> Self:
        """Draw the samples.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        cmap : str or matplotlib Colormap, default="gray_r"
            Colours.

        Returns
        -------
        display : SamplesDisplay
            With the figure.
        """
        samples = self.samples
        if samples.ndim == 3:
            samples = np.swapaxes(samples, 0, 1).reshape(-1, samples.shape[2])
        _draw_sheet(self, ax, samples, _limits(samples), cmap)
        if self.steps is not None:
            self.axes_.set_xticks(_centres(self.image_shape[1], self.n_columns))
            self.axes_.set_xticklabels([str(step) for step in self.steps])
            self.axes_.set_xlabel("Gibbs sweeps")
        return self


class ReconstructionsDisplay:
    """Rows of data above what the hidden units make of them.

    Parameters
    ----------
    data : array-like of shape (n_samples, n_features)
        The rows.

    reconstructions : array-like of shape (n_samples, n_features)
        The same rows, reconstructed.

    image_shape : tuple of int, default=None
        Height and width of a picture, with a 3 behind for colours; None takes a square.

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
    SamplesDisplay : Rows that the model makes up.

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
        self.data = _table("data", data)
        self.reconstructions = _table("reconstructions", reconstructions)
        if self.data.shape != self.reconstructions.shape:
            raise ValueError(
                f"data has shape {self.data.shape}, but reconstructions has "
                f"{self.reconstructions.shape}: give one reconstruction a row."
            )
        self.image_shape = _checked_shape(image_shape, self.data.shape[1])
        self.n_columns = len(self.data)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        n_samples: int = 10,
        image_shape: Sequence[int] | None = None,
        cmap: Any = "gray_r",
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
            Height and width of a picture, with a 3 behind for colours; None takes a
            square.

        cmap : str or matplotlib Colormap, default="gray_r"
            Colours.

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
        check_count("n_samples", n_samples)
        check_is_fitted(estimator)
        _demand(estimator, "reconstruct")
        rows = X[:n_samples]
        display = cls(
            as_float(rows, np.float64),
            estimator.reconstruct(rows),
            image_shape=image_shape,
        )
        return display.plot(ax, cmap=cmap)

    def plot(self, ax: Any = None, *, cmap: Any = "gray_r") -> Self:
        """Draw the rows and their reconstructions.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        cmap : str or matplotlib Colormap, default="gray_r"
            Colours.

        Returns
        -------
        display : ReconstructionsDisplay
            With the figure.
        """
        both = np.concatenate([self.data, self.reconstructions])
        _draw_sheet(self, ax, both, _limits(self.data), cmap)
        self.axes_.set_yticks(_centres(self.image_shape[0], 2))
        self.axes_.set_yticklabels(["data", "model"])
        return self


class HistoryDisplay:
    """How a training went: what was recorded after each sweep over the data.

    With early stopping the pseudo-likelihood of held-out rows is drawn beside that of
    training rows, and so is the free-energy gap, the mean free energy of held-out rows
    minus that of training rows: its growth is overfitting.

    Parameters
    ----------
    history : sequence of dict
        For each sweep the quantities and their values, as in ``history_``.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure, after :meth:`plot`.

    axes_ : ndarray of matplotlib Axes
        One for each quantity.

    See Also
    --------
    skdbn.evaluation.free_energy_gap : The gap on all rows.

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
    >>> from skdbn.plotting import HistoryDisplay
    >>> rbm = BernoulliRBM(16, n_iter=5, early_stopping=True, random_state=0)
    >>> rbm = rbm.fit(load_digits().data / 16)
    >>> display = HistoryDisplay.from_estimator(
    ...     rbm, quantities=["pseudo_likelihood", "free_energy_gap"]
    ... )
    >>> display.axes_.shape
    (2,)
    """

    def __init__(self, history: Sequence[Mapping[str, float]]) -> None:
        if len(history) == 0:
            raise ValueError("history is empty: fit the model for at least one sweep.")
        self.history = history

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        quantities: Sequence[str] | None = None,
        layer: int | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw the ``history_`` of a fitted model.

        Parameters
        ----------
        estimator : estimator
            A fitted RBM, or a model with a list ``rbms_`` of them, first layer first.

        quantities : sequence of str, default=None
            What to draw, by the names in ``history_``; None draws all.

        layer : int, default=None
            Which of ``rbms_``, from 0; None takes the last.

        ax : Axes or array-like of Axes, default=None
            Where to draw, one for each quantity; None makes a figure.

        Returns
        -------
        display : HistoryDisplay
            With the figure.

        Raises
        ------
        ValueError
            If nothing was recorded, or a quantity was not.
        """
        rbm = _layers(estimator, layer)[-1]
        if not hasattr(rbm, "history_"):
            raise ValueError(
                f"{type(rbm).__name__} has no history_: fit records one, partial_fit "
                "does not."
            )
        return cls(rbm.history_).plot(ax, quantities=quantities)

    def plot(self, ax: Any = None, *, quantities: Sequence[str] | None = None) -> Self:
        """Draw the history.

        Parameters
        ----------
        ax : Axes or array-like of Axes, default=None
            Where to draw, one for each quantity; None makes a figure.

        quantities : sequence of str, default=None
            What to draw, by the names in ``history_``; None draws all.

        Returns
        -------
        display : HistoryDisplay
            With the figure.

        Raises
        ------
        ValueError
            If a quantity was not recorded, or the number of axes is another one.
        """
        recorded = {name: None for row in self.history for name in row}
        held_out = {name: f"validation_{name}" for name in recorded}
        if quantities is None:
            names = [name for name in HISTORY_LABELS if name in recorded]
            partners = {held_out[name] for name in recorded}
            quantities = names + [
                name for name in recorded if name not in {*names, *partners}
            ]
        for name in quantities:
            if name not in recorded:
                raise ValueError(
                    f"quantities has {name!r}, which was not recorded: take some of "
                    f"{', '.join(recorded)}."
                )
        self.figure_, self.axes_ = _panels(ax, len(quantities))
        for axes, name in zip(self.axes_, quantities, strict=True):
            self._curve(axes, name, "training rows")
            if held_out[name] in recorded:
                self._curve(axes, held_out[name], "held-out rows")
                axes.legend()
            axes.set_xlabel("sweep")
            axes.set_title(HISTORY_LABELS.get(name, name.replace("_", " ")))
        return self

    def _curve(self, axes, name, label):
        values = [row.get(name, np.nan) for row in self.history]
        axes.plot(np.arange(1, len(values) + 1), values, label=label)


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
    FiltersDisplay : What the units look for.

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
        self.activity = _table("activity", activity)

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
            Colours.

        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : HiddenActivityDisplay
            With the figure.
        """
        check_count("n_samples", n_samples)
        check_is_fitted(estimator)
        return cls(estimator.transform(X[:n_samples])).plot(ax, cmap=cmap)

    def plot(self, ax: Any = None, *, cmap: Any = "gray_r") -> Self:
        """Draw the activity.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        cmap : str or matplotlib Colormap, default="gray_r"
            Colours.

        Returns
        -------
        display : HiddenActivityDisplay
            With the figure.
        """
        self.figure_, self.axes_ = _single_axes(ax)
        low, high = _limits(self.activity)
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


def _layers(estimator, layer=None):
    """The fitted RBMs of a model up to a layer, which is the last unless given."""
    check_is_fitted(estimator)
    rbms = getattr(estimator, "rbms_", None)
    if rbms is None:
        if layer is not None:
            raise ValueError(
                f"layer={layer!r}: {type(estimator).__name__} has a single layer. "
                "Leave it out."
            )
        rbms = [estimator]
    for rbm in rbms:
        _demand(rbm, "machine_")
    if layer is None:
        return rbms
    if not 0 <= layer < len(rbms):
        raise ValueError(f"layer={layer!r}: take one of 0 to {len(rbms) - 1}.")
    return rbms[: layer + 1]


def _demand(estimator, name):
    if not hasattr(estimator, name):
        raise TypeError(
            f"{type(estimator).__name__} has no {name}: hand over a fitted RBM; from a "
            "pipeline take the step that is one."
        )


def _projected_weights(rbms):
    """Weights from the last hidden layer down to the pixels, (n_hidden, n_pixels)."""
    product = None
    for rbm in reversed(rbms):
        weights = rbm.components_ * getattr(rbm, "variance_", 1.0)
        product = weights if product is None else product @ weights
    return product


def _film(machines, X, n_chains, looks, means, rng):
    """What chains of the last machine look like from below, (n_looks, n_chains, ...)."""
    *below, top = machines
    if X is None:
        state = top.initial_state(n_chains, rng)
    else:
        v = rows = as_float(X[:n_chains], top.weights.dtype).copy()
        for machine in below:
            v = machine.hidden_sample(v, rng)
        state = top.state(v.copy(), rng)
    film, done = [], 0
    for look in looks:
        for _ in range(look - done):
            top.transition(state, rng, out=state)
        done = look
        if look == 0 and X is not None:
            film.append(rows)
        else:
            film.append(_from_state(machines, state, means and look > 0, rng))
    return np.array(film)


def _from_state(machines, state, means, rng):
    """Draw downwards from a state of the last machine; at the bottom draws or means."""
    *below, top = machines
    if not below:
        return top.visible_mean(state.hidden) if means else state.visible.copy()
    bottom, *between = below
    h = state.visible
    for machine in reversed(between):
        h = machine.visible_sample(h, rng)
    return bottom.visible_mean(h) if means else bottom.visible_sample(h, rng)


def _table(name, values, dimensions=(2,)):
    values = np.asarray(values, dtype=float)
    if values.ndim not in dimensions or values.size == 0:
        raise ValueError(
            f"{name} has shape {values.shape}: give at least one row, and an array of "
            f"{' or '.join(map(str, dimensions))} dimensions."
        )
    return values


def _checked_shape(image_shape, n_features):
    if image_shape is None:
        side = isqrt(n_features)
        if side * side != n_features:
            raise ValueError(
                f"image_shape=None: {n_features} values are no square picture. Say "
                "image_shape=(height, width)."
            )
        return side, side
    shape = tuple(image_shape)
    if (
        prod(shape) != n_features
        or len(shape) not in (2, 3)
        or shape[2:]
        not in (
            (),
            (3,),
        )
    ):
        raise ValueError(
            f"image_shape={shape}: a row has {n_features} values. Give height and "
            "width, and a 3 behind for colours, whose product is that."
        )
    return shape


def _checked_columns(n_columns, n_pictures):
    if n_columns is not None:
        check_count("n_columns", n_columns)
        return n_columns
    # A full sheet between a square and one twice as wide as high, if there is one.
    square = isqrt(n_pictures - 1) + 1
    full = (n for n in range(square, 2 * square) if n_pictures % n == 0)
    return next(full, square)


def _limits(values):
    """0 and 1 for values within, otherwise the smallest and the largest."""
    low, high = values.min(), values.max()
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)


def _centres(size, n):
    """Where the pictures of a sheet have their middle."""
    return 1 + size / 2 - 0.5 + (size + 1) * np.arange(n)


def _sheet(images, n_columns, fill):
    """Pictures (n, height, width, ...) as one, with a margin of a pixel around each."""
    n, height, width, *colours = images.shape
    n_rows = -(-n // n_columns)
    shape = (n_rows * (height + 1) + 1, n_columns * (width + 1) + 1, *colours)
    sheet = np.full(shape, fill)
    for i, image in enumerate(images):
        top = i // n_columns * (height + 1) + 1
        left = i % n_columns * (width + 1) + 1
        sheet[top : top + height, left : left + width] = image
    return sheet


def _draw_sheet(display, ax, rows, limits, cmap):
    """Draw rows as pictures, with a display's shape and number of columns."""
    low, high = limits
    images = rows.reshape(-1, *display.image_shape)
    colours = images.ndim == 4
    if colours:
        images = np.clip((images - low) / ((high - low) or 1), 0, 1)
    sheet = _sheet(images, display.n_columns, fill=GREY if colours else np.nan)
    n_rows = -(-len(images) // display.n_columns)
    size = display.n_columns * INCHES, n_rows * INCHES
    display.figure_, display.axes_ = _single_axes(ax, np.maximum(size, 1.5))
    display.image_ = display.axes_.imshow(
        sheet, cmap=cmap, vmin=low, vmax=high, interpolation="nearest"
    )
    display.axes_.set(xticks=[], yticks=[], facecolor=str(GREY))
    display.axes_.tick_params(length=0)
    display.axes_.spines[:].set_visible(False)
    return display


def _single_axes(ax, size=None):
    if ax is not None:
        return ax.figure, ax
    return _pyplot().subplots(figsize=size, layout="constrained")


def _panels(ax, n):
    """A figure, and n axes of it in an array."""
    if ax is None:
        n_columns = min(n, 3)
        n_rows = -(-n // n_columns)
        figure, axes = _pyplot().subplots(
            n_rows,
            n_columns,
            figsize=(4 * n_columns, 3 * n_rows),
            squeeze=False,
            layout="constrained",
        )
        for empty in axes.flat[n:]:
            empty.remove()
        return figure, axes.ravel()[:n]
    axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
    if len(axes) != n:
        raise ValueError(
            f"ax has {len(axes)} axes, but there are {n} quantities to draw: give one "
            "for each, or fewer quantities."
        )
    return axes[0].figure, axes


def _pyplot():
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "skdbn.plotting draws with matplotlib, which is not installed: "
            "pip install matplotlib."
        ) from error
    return plt
