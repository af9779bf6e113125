"""Samples from a model."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from .._utils._checks import check_counts
from .._utils._numerics import as_float
from .._utils._random import make_rng
from .._utils._threads import threads_for
from ..machines import Stack
from ._base import layers_of, limits, table
from ._sheet import Sheet, centers, checked_columns, checked_shape


class SamplesDisplay(Sheet):
    """Samples from a model, as pictures; or the course of its chains, as a film strip.

    Parameters
    ----------
    samples : array-like of shape (n_samples, n_features) or \
            (n_steps, n_chains, n_features)
        The pictures. With three dimensions each chain is a row and each step a column.

    steps : sequence of int, default=None
        For a film strip, the number of Gibbs steps before each column.

    image_shape : tuple of int, default=None
        Height and width of a picture, followed by 3 for colors; None takes a square.

    n_columns : int, default=None
        Number of pictures side by side; None chooses an even layout. A film strip has
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
    ReconstructionsDisplay : Reconstructions of rows of data.

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
        self.samples = table("samples", samples, dimensions=(2, 3))
        self.image_shape = checked_shape(image_shape, self.samples.shape[-1])
        film = self.samples.ndim == 3
        if steps is not None and (not film or len(steps) != len(self.samples)):
            raise ValueError(
                f"steps={steps!r} does not fit samples of shape {self.samples.shape}: "
                "a film strip is of shape (n_steps, n_chains, n_features)."
            )
        self.steps = steps
        n_columns = len(self.samples) if film else n_columns
        self.n_columns = checked_columns(n_columns, len(self.samples))

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        n_samples: int | None = None,
        n_steps: int = 1000,
        steps: Sequence[int] | None = None,
        X: Any = None,
        means: bool = True,
        image_shape: Sequence[int] | None = None,
        n_columns: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        cmap: Any = None,
        ax: Any = None,
    ) -> Self:
        """Run Gibbs chains, and draw their states.

        Parameters
        ----------
        estimator : estimator
            A fitted RBM, or a model with a list ``rbms_`` of them, first layer first:
            the chains are then those of the last, and a row is drawn layer by layer
            below each.

        n_samples : int, default=None
            Number of chains; None takes 50, or 10 for a film strip.

        n_steps : int, default=1000
            Number of Gibbs steps.

        steps : sequence of int, default=None
            For a film strip, the numbers of Gibbs steps before each column, ascending;
            0 is the start. None makes one picture per chain, after `n_steps`.

        X : array-like of shape (n_samples, n_features), default=None
            Rows to start from, one per chain; None starts from the biases alone. A film
            strip shows them at step 0.

        means : bool, default=True
            Whether to show the means of the visible units given the hidden ones, which
            have gray levels, or values of the units.

        image_shape : tuple of int, default=None
            Height and width of a picture, followed by 3 for colors; None takes a
            square.

        n_columns : int, default=None
            Number of pictures side by side; None chooses an even layout.

        random_state : int, RandomState instance or None, default=None
            Determines the chains.

        cmap : str or matplotlib Colormap, default=None
            Colors. None takes "gray_r" for ink on paper, where 30 % of the values
            or more are close to the lowest, and "gray" for photographs.

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
        if n_samples is None:
            n_samples = 50 if steps is None else 10
        check_counts("from_estimator", n_samples=n_samples, n_steps=n_steps)
        looks = [n_steps] if steps is None else list(steps)
        if not looks or min(looks) < 0 or sorted(set(looks)) != looks:
            raise ValueError(
                f"steps={steps!r}: take numbers of Gibbs steps in ascending order."
            )
        machines = [rbm.machine_ for rbm in layers_of(estimator)]
        film = _film(machines, X, n_samples, looks, means, make_rng(random_state))
        samples = film[0] if steps is None else film
        display = cls(
            samples, steps=steps, image_shape=image_shape, n_columns=n_columns
        )
        return display.plot(ax, cmap=cmap)

    def plot(self, ax: Any = None, *, cmap: Any = None) -> Self:
        """Draw the samples.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        cmap : str or matplotlib Colormap, default=None
            Colors. None takes "gray_r" for ink on paper, where 30 % of the values
            or more are close to the lowest, and "gray" for photographs.

        Returns
        -------
        display : SamplesDisplay
            With the figure.
        """
        samples = self.samples
        if samples.ndim == 3:
            samples = np.swapaxes(samples, 0, 1).reshape(-1, samples.shape[2])
        self._draw(ax, samples, limits(samples), cmap)
        if self.steps is not None:
            self.axes_.set_xticks(centers(self.image_shape[1], self.n_columns))
            self.axes_.set_xticklabels([str(step) for step in self.steps])
            self.axes_.set_xlabel("Gibbs steps")
        return self


def _film(machines, X, n_chains, looks, means, rng):
    """What chains of the last machine look like from below, (n_looks, n_chains, ...)."""
    stack = Stack(machines)
    top = stack.top
    if X is None:
        state = top.initial_state(n_chains, rng)
    else:
        rows = as_float(X[:n_chains], top.weights.dtype).copy()
        state = top.state(stack.up(rows, rng).copy(), rng)
    film, done = [], 0
    for look in looks:
        with threads_for(n_chains, top.n_weights):
            for _ in range(look - done):
                top.transition(state, rng, out=state)
        done = look
        if look == 0 and X is not None:
            film.append(rows)
        else:
            film.append(stack.from_state(state, rng, means and look > 0))
    return np.array(film)
