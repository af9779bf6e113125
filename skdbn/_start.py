"""The start of a training: a machine that fits the data, and what moves it."""

from dataclasses import dataclass

import numpy as np

from . import gradients, schedules, units
from ._numerics import (
    as_float,
    column_mean,
    column_variance,
    positive_variance,
    working_dtype,
)
from ._optimizer import SGD
from .exceptions import warn
from .gradients._centering import Centering
from .gradients._decay import WeightDecay
from .gradients._direction import Direction
from .machines import RestrictedMachine

# Where values have no bounds, steps are as long as the directions in which the data vary
# allow: the largest rate of "auto", and the longest step of a hidden unit's weights.
LARGEST_RATE = 2.0
LONGEST_STEP = 0.3


@dataclass
class Training:
    """All that a training carries from one epoch to the next."""

    machine: RestrictedMachine
    direction: Direction
    optimizer: SGD
    rng: np.random.Generator
    auto_rate: float
    epoch: int = 0

    def finish(self):
        """Let go of what only the next step needs, as large as the weights."""
        self.direction.gradient.finish()
        self.optimizer.finish()


def start_training(rbm, X, rows, rng, machine=None, unknown=None):
    """A new training, of a new machine unless one is given.

    `unknown` is where X has something in place of unknown values, None if nowhere.
    """
    visible_mean = column_mean(X, rows, unknown)
    if machine is None:
        machine = _new_machine(rbm, visible_mean, X, rows, rng, unknown)
    machine.center = visible_mean.astype(machine.weights.dtype)
    centering = weight_decay = None
    if rbm.centered:
        dtype = machine.weights.dtype
        field = machine.hidden_bias[None]
        if machine.visible.tail is not None:
            field = machine.hidden_field(visible_mean.astype(dtype)[None])
        hidden_mean = machine.hidden.mean(field)[0]
        centering = Centering(visible_mean.astype(dtype), hidden_mean)
    if rbm.weight_decay:
        weight_decay = WeightDecay(rbm.weight_decay, rbm.l1_ratio)
    gradient = gradients.resolve(rbm._gradient())
    limit, auto_rate = None, 0.1
    if machine.visible.tail is not None:
        some = rows[:: 1 + len(rows) // 1000]
        gaps = as_float(X[some], np.float64) - visible_mean
        if unknown is not None:
            gaps[unknown[some]] = 0
        reach = _largest_variance(gaps, machine.visible.step_scale)
        limit = LONGEST_STEP * np.sqrt(rbm.n_components / reach)
        auto_rate = min(auto_rate, LARGEST_RATE / reach)
    if machine.hidden.tail is not None:
        # Hidden units without bounds answer a step in proportion, or even more.
        auto_rate /= 10
    sparsity = rbm._new_sparsity(machine, 0.1 / auto_rate)
    direction = Direction(gradient, centering, weight_decay, sparsity, limit)
    learning_rate = rbm.learning_rate
    if learning_rate == "auto":
        learning_rate = schedules.Linear(auto_rate)
    optimizer = SGD(learning_rate, rbm.momentum, rbm.n_iter)
    return Training(machine, direction, optimizer, rng, auto_rate)


def _new_machine(rbm, visible_mean, X, rows, rng, unknown):
    """Random weights, and biases with which the units are as in the data."""
    dtype = working_dtype(X)
    visible, hidden = rbm._new_units()
    units.check_pair(visible, hidden)
    n_visible, n_hidden = X.shape[1], rbm.n_components
    moments = None
    if visible.tail is not None:
        variance = column_variance(X, visible_mean, rows, unknown)
        variance, constant = positive_variance(variance, visible_mean)
        moments = len(rows), visible_mean, variance
        rbm._check_scale(visible_mean, variance, constant)
    visible.start(n_visible, moments, dtype)
    hidden.start(n_hidden, dtype=dtype)
    if hidden.tail is not None:
        visible.freeze()
    scale = visible.step_scale
    # Enough that units differ from the start, not so much that they saturate.
    spread = min(0.1 if visible.tail is None else 0.01, 3 / np.sqrt(n_visible))
    weights = rng.normal(0, spread, (n_visible, n_hidden))
    if scale is not None:
        weights *= scale.reshape(-1, 1) ** 0.5
    # One more row without a field keeps constant columns finite.
    mean = visible.shrink(visible_mean, 1 / (len(rows) + 1))
    hidden_bias = rbm._initial_hidden_bias(hidden)
    if visible.tail is not None:
        # Fields would depend on where the zero of a column is.
        hidden_bias = hidden_bias - visible_mean @ weights
    machine = RestrictedMachine(
        weights.astype(dtype),
        visible.link(mean).astype(dtype),
        hidden_bias.astype(dtype),
        visible,
        hidden,
    )
    machine.project()
    return machine


def check_scale(names, real, mean, variance, constant, where_to_scale="before"):
    """Hint at real-valued columns that are constant or not standardised."""
    constant = constant & real
    if constant.any():
        warn(
            f"Columns of X are constant: {listed(names, constant)}. They are given the "
            "variance of an average column; better leave them out, with "
            "sklearn.feature_selection.VarianceThreshold for example."
        )
    deviation = np.sqrt(variance)
    far = (deviation < 0.1) | (deviation > 10) | (np.abs(mean) > 3 * deviation)
    far &= real & ~constant
    if far.any():
        first = np.flatnonzero(far)[0]
        warn(
            f"{far.sum()} columns of X are not standardised: column {names[first]} has "
            f"mean {mean[first]:.3g} and standard deviation {deviation[first]:.3g}. "
            "Real-valued units learn best from mean 0 and standard deviation 1: put "
            f"sklearn.preprocessing.StandardScaler {where_to_scale}."
        )


def listed(names, chosen, most=5):
    """The names of the columns that are chosen, the first few of many."""
    columns = np.flatnonzero(chosen)
    text = ", ".join(str(names[i]) for i in columns[:most])
    return text + (f" and {len(columns) - most} more" if len(columns) > most else "")


def _largest_variance(x, scale):
    """The largest variance in any direction of rows x, in units of the columns' own."""
    if scale is not None:
        x = x * np.sqrt(scale)
    direction = x[0] + 1e-3
    for _ in range(20):
        direction = x.T @ (x @ direction)
        direction /= np.linalg.norm(direction) + 1e-300
    return max(1.0, float(np.square(x @ direction).mean()))
