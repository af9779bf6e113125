"""What the displays share: the models and arrays that they take, and axes."""

import numpy as np
from sklearn.utils.validation import check_is_fitted


def layers_of(estimator, layer=None):
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
        demand(rbm, "machine_")
    if layer is None:
        return rbms
    if not 0 <= layer < len(rbms):
        raise ValueError(f"layer={layer!r}: take one of 0 to {len(rbms) - 1}.")
    return rbms[: layer + 1]


def demand(estimator, name):
    """Raise a TypeError unless an estimator has an attribute of this name."""
    if not hasattr(estimator, name):
        raise TypeError(
            f"{type(estimator).__name__} has no {name}: hand over a fitted RBM; from a "
            "pipeline take the step that is one."
        )


def table(name, values, dimensions=(2,)):
    """An array of floats; a ValueError, which calls it `name`, if it is no table."""
    values = np.asarray(values, dtype=float)
    if values.ndim not in dimensions or values.size == 0:
        raise ValueError(
            f"{name} has shape {values.shape}: give at least one row, and an array of "
            f"{' or '.join(map(str, dimensions))} dimensions."
        )
    return values


def limits(values):
    """0 and 1 for values within, otherwise the smallest and the largest."""
    low, high = values.min(), values.max()
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)


def single_axes(ax, size=None):
    """The figure of axes, and the axes; new ones for None."""
    if ax is not None:
        return ax.figure, ax
    return pyplot().subplots(figsize=size, layout="constrained")


def pyplot():
    """matplotlib's pyplot, or an ImportError that says how to get it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "skdbn.plotting draws with matplotlib, which is not installed: "
            "pip install matplotlib."
        ) from error
    return plt
