"""A mean-covariance machine with random weights, of the shape that parameters ask for."""

from dataclasses import replace

import numpy as np
from sklearn.utils.validation import check_array

from ..machines._mean_covariance import MeanCovarianceMachine, neighborhoods

# The deviation of random weights at the start, and the first biases: units for the
# covariances are on unless a square is too large, and those for the means are off.
WEIGHTS = 0.05
ON, OFF = 2.0, -2.0


def new_machine(rng, n_features, dtype, n_factors, n_covariance, n_mean, pooling):
    """A machine with random filters and weights."""
    shares = new_pooling(n_factors, n_covariance, pooling)
    machine = MeanCovarianceMachine(
        rng.standard_normal((n_features, n_factors)) / np.sqrt(n_features),
        shares,
        np.full(shares.shape[1], ON),
        WEIGHTS * rng.standard_normal((n_features, n_mean)),
        np.zeros(n_features),
        np.full(n_mean, OFF),
        np.zeros(1),
        None if pooling is None else shares > 0,
    )
    arrays = {name: array.astype(dtype) for name, array in machine.params.items()}
    machine = replace(machine, **arrays)
    machine.project()
    return machine


def new_pooling(n_factors, n_units, pooling):
    """Which squares each unit adds up at first, of shape (n_factors, n_units)."""
    if pooling is None:
        n_units = n_factors if n_units is None else n_units
        if n_units > n_factors:
            raise ValueError(
                f"n_covariance={n_units} is more than n_factors={n_factors}, so that "
                "units are left without a filter: take fewer, or give pooling."
            )
        return (np.arange(n_factors)[:, None] % n_units == range(n_units)) * 1.0
    if isinstance(pooling, str):
        pooling = neighborhoods(n_factors)
    else:
        pooling = check_array(pooling, dtype=np.float64, input_name="pooling")
    if n_units not in (None, pooling.shape[1]) or len(pooling) != n_factors:
        raise ValueError(
            f"pooling has the shape {pooling.shape}, and the filters and units are "
            f"n_factors={n_factors} and n_covariance={n_units}: leave "
            "n_covariance=None, and give a row for each filter."
        )
    if (pooling < 0).any() or not pooling.any(axis=0).all():
        raise ValueError(
            "pooling has a negative value, or a column of zeros: give each unit a "
            "positive share of a filter at least."
        )
    return pooling


def check_structure(machine, new):
    """Raise a ValueError if the parameters ask for other units than a model has."""
    shapes = [(*one.pooling.shape, len(one.mean_bias)) for one in (machine, new)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"The model has {shapes[0]} filters, units for covariances and units for "
            f"means, and the parameters ask for {shapes[1]}: training cannot go on with "
            "others. Call fit with warm_start=False, which begins anew."
        )
