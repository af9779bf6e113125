"""Training histories."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from ._base import layers_of, pyplot

# What axes are called, in the order in which they are drawn.
LABELS = {
    "pseudo_likelihood": "pseudo-likelihood [nats]",
    "free_energy_gap": "free-energy gap [nats]",
    "reconstruction_error": "reconstruction error",
    "swap_acceptance": "swap acceptance",
    "learning_rate": "learning rate",
    "seconds": "seconds per epoch",
}


class HistoryDisplay:
    """Training history: the quantities recorded after each epoch.

    With early stopping the pseudo-likelihood of held-out rows is drawn beside that of
    training rows, and so is the free-energy gap, the mean free energy of held-out rows
    minus that of training rows: its growth is overfitting. Bands are one standard error
    wide on either side, from the finite sample on which scores are measured.

    Parameters
    ----------
    history : sequence of dict
        For each epoch the quantities and their values, as in ``history_``.

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
            raise ValueError("history is empty: fit the model for at least one epoch.")
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
        rbm = layers_of(estimator, layer)[-1]
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
        errors = {f"{name}_error" for name in recorded}
        held_out = {name: f"validation_{name}" for name in recorded}
        if quantities is None:
            names = [name for name in LABELS if name in recorded]
            partners = {held_out[name] for name in recorded} | errors
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
            axes.set_xlabel("epoch")
            axes.set_title(LABELS.get(name, name.replace("_", " ")))
        return self

    def _curve(self, axes, name, label):
        values = [row.get(name, np.nan) for row in self.history]
        epochs = np.arange(1, len(values) + 1)
        (line,) = axes.plot(epochs, values, label=label)
        errors = [row.get(f"{name}_error", np.nan) for row in self.history]
        if not np.isnan(errors).all():
            low, high = np.subtract(values, errors), np.add(values, errors)
            color = line.get_color()
            axes.fill_between(epochs, low, high, color=color, alpha=0.2, linewidth=0)


def _panels(ax, n):
    """A figure, and n axes of it in an array."""
    if ax is None:
        n_columns = min(n, 3)
        n_rows = -(-n // n_columns)
        figure, axes = pyplot().subplots(
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
