"""The start of a training: a machine that fits the data, and what moves it."""

from dataclasses import dataclass

import numpy as np

from .. import gradients, schedules, units
from .._updates._decay import WeightDecay
from .._updates._direction import Direction
from .._updates._optimizer import SGD, without_end
from .._utils._numerics import (
    as_float,
    column_mean,
    column_variance,
    positive_variance,
    working_dtype,
)
from ..exceptions import warn
from ..machines import RestrictedMachine
from ..units._base import ask

# Where values have no bounds, steps are as long as the directions in which the data vary
# allow: the largest rate of "auto", and the longest step of a hidden unit's weights.
LARGEST_RATE = 2.0
LONGEST_STEP = 0.3

# Tails of columns that are not correlated: the variance of the squared norm from which
# on they are heavy (light below its inverse), and the largest variance in a direction, of
# Gaussian rows 1. Large units then have weights of this norm, and explain this share of
# the variance; rare ones are on so often at most.
FEWEST_ROWS = 200
HEAVY, CORRELATED = 1.5, 2.0
LIGHT_NORM, LIGHT_SHARE = 1.5, 0.5
RARE, RARE_NORM, RARE_SHARE = 0.05, 2.0, 0.2

# Where they have bounds, the first rate of "auto" times the sum of the largest variances
# that the columns can have at their means is at most this.
LARGEST_CHANGE = 16.0


@dataclass
class Training:
    """All that a training carries from one epoch to the next.

    An epoch is as many rows as it began with; `epoch` says how many are done.
    """

    machine: RestrictedMachine
    direction: Direction
    optimizer: SGD
    rng: np.random.Generator
    auto_rate: float
    n_rows: int
    epoch: float = 0

    def finish(self):
        """Let go of what only the next step needs, as large as the weights."""
        self.direction.gradient.finish()
        self.optimizer.finish()


def start_training(rbm, X, rows, rng, machine=None, unknown=None, auto_rate=0.1):
    """A new training, of a new machine unless one is given.

    `unknown` is where X has something in place of unknown values, None if nowhere, and
    `auto_rate` the rate of "auto" where the data allow it.
    """
    visible_mean = column_mean(X, rows, unknown)
    if machine is None:
        machine = _new_machine(rbm, visible_mean, X, rows, rng, unknown)
    machine.center = visible_mean.astype(machine.weights.dtype)
    centering = machine.new_centering(machine.center) if rbm.centered else None
    gradient = gradients.resolve(rbm._gradient())
    limit = None
    if machine.visible.tail is not None:
        gaps = _some_gaps(X, visible_mean, rows, unknown)
        scale = ask(machine.visible, units.Scaled).step_scale
        if scale is not None:
            gaps *= np.sqrt(scale)
        reach = max(1.0, _largest_variance(gaps))
        auto_rate = min(auto_rate, LARGEST_RATE / reach)
        limit = LONGEST_STEP * np.sqrt(rbm.n_components / reach) / auto_rate
        if unknown is not None:
            # What is drawn for unknown values has the noise of data and tells nothing:
            # longer steps feed it back into the weights faster than data hold it down.
            auto_rate *= float(np.sqrt(1 - unknown[rows].mean()))
    else:
        # A step moves a hidden unit's field by the rate times Σ (v − mean)².
        low, high = machine.visible.bounds
        mean = np.clip(visible_mean, low, high)
        squares = np.sum((mean - low) * (high - mean))
        if 0 < squares < np.inf:
            auto_rate = min(auto_rate, LARGEST_CHANGE / float(squares))
    if machine.hidden.tail is not None:
        # Hidden units without bounds answer a step in proportion, or even more.
        auto_rate /= 10
    sparsity = rbm._new_sparsity(machine, 0.1 / auto_rate)
    direction = Direction(gradient, centering, _new_decay(rbm), sparsity, limit)
    learning_rate = rbm.learning_rate
    if learning_rate == "auto":
        learning_rate = schedules.Linear(steady_rate(auto_rate, machine, rbm))
    optimizer = SGD(learning_rate, rbm.momentum, rbm.n_iter)
    return Training(machine, direction, optimizer, rng, auto_rate, len(rows))


def resume_training(training, rbm):
    """Apply the present parameters of an RBM to a training that continues."""
    machine, direction = training.machine, training.direction
    _check_structure(machine, rbm)
    direction.gradient = gradients.resumed(direction.gradient, rbm._gradient())
    direction.weight_decay = _new_decay(rbm)
    if not rbm.centered:
        direction.centering = None
    elif direction.centering is None:
        direction.centering = machine.new_centering(machine.center)
    before = direction.sparsity
    if before is not None:
        direction.sparsity = rbm._new_sparsity(machine, before.boost)
        direction.sparsity.resume(before)


def partial_optimizer(training, rbm, n_rows):
    """What makes the steps of a call of `partial_fit` with so many rows."""
    rate = rbm.learning_rate
    if rate == "auto":
        # Of fewer rows than in a batch steps are shorter, so that calls add up to one.
        share = min(1.0, n_rows / rbm.batch_size)
        steady = steady_rate(training.auto_rate, training.machine, rbm)
        rate = without_end(share * steady, training.n_rows)
    optimizer = SGD(rate, rbm.momentum, rbm.n_iter)
    optimizer.resume(training.optimizer)
    return optimizer


def steady_rate(auto_rate, machine, rbm):
    """The automatic rate beside momentum, which makes steps 1 / (1 − m) times as long.

    Values without bounds do not allow that, and keep steps of the same length.
    """
    if machine.visible.tail is None:
        return auto_rate
    momentum = schedules.resolve("momentum", rbm.momentum, rbm.n_iter, below=1.0)
    return auto_rate * (1 - momentum(float(rbm.n_iter), rbm.n_iter))


def _new_decay(rbm):
    return WeightDecay(rbm.weight_decay, rbm.l1_ratio) if rbm.weight_decay else None


def _check_structure(machine, rbm):
    """Raise a ValueError if parameters describe another machine."""
    n_components = machine.weights.shape[1]
    if rbm.n_components != n_components:
        raise ValueError(
            f"n_components={rbm.n_components}, but the model has {n_components} hidden "
            "units, and partial_fit cannot change them: call fit, which begins anew."
        )
    for side, new in zip(("visible", "hidden"), rbm._new_units(), strict=True):
        old = getattr(machine, side)
        if not _alike(old, new):
            raise ValueError(
                f"The parameters ask for {side} units {new}, but those of the model are "
                f"{old}, and partial_fit cannot change them: call fit, which begins "
                "anew."
            )


def _alike(one, other):
    """Whether units, or their parameters, are the same."""
    if isinstance(one, units.Units):
        same = type(one) is type(other)
        return same and _alike(
            *(list(u.get_params(False).values()) for u in (one, other))
        )
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_alike, one, other))
    return one == other


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
        ask(visible, units.Parametric).freeze()
    hidden_bias = rbm._initial_hidden_bias(hidden)
    # Enough that units differ from the start, not so much that they saturate.
    spread = min(0.1 if visible.tail is None else 0.01, 3 / np.sqrt(n_visible))
    weights = rng.normal(0, spread, (n_visible, n_hidden))
    hidden_mean = np.zeros(n_hidden)
    # Incomplete rows do not tell how heavy tails are.
    is_whole = unknown is None
    if is_whole and isinstance(visible, units.Gaussian) and not hidden_bias.any():
        gaps = _some_gaps(X, visible_mean, rows, unknown) / np.sqrt(variance)
        large = _large_units(gaps, hidden, n_hidden)
        if large is not None:
            norm, places, activity = large
            weights[:, places] *= norm / np.sqrt(n_visible) / spread
            hidden_bias[places] = hidden.link(activity)
            hidden_mean[places] = activity
    scale = ask(visible, units.Scaled).step_scale
    if scale is not None:
        weights *= scale.reshape(-1, 1) ** 0.5
    # One more row without a field keeps constant columns finite.
    mean = visible.shrink(visible_mean, 1 / (len(rows) + 1))
    visible_bias = visible.link(mean) - weights @ hidden_mean
    if visible.tail is not None:
        # Fields would depend on where the zero of a column is.
        hidden_bias = hidden_bias - visible_mean @ weights
    machine = RestrictedMachine(
        weights.astype(dtype),
        visible_bias.astype(dtype),
        hidden_bias.astype(dtype),
        visible,
        hidden,
    )
    machine.project()
    return machine


def check_scale(names, real, mean, variance, constant, where_to_scale="before"):
    """Hint at real-valued columns that are constant or not standardized."""
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
            f"{far.sum()} columns of X are not standardized: column {names[first]} has "
            f"mean {mean[first]:.3g} and standard deviation {deviation[first]:.3g}. "
            "Real-valued units learn best from mean 0 and standard deviation 1: put "
            f"sklearn.preprocessing.StandardScaler {where_to_scale}."
        )


def listed(names, chosen, most=5):
    """The names of the columns that are chosen, the first few of many."""
    columns = np.flatnonzero(chosen)
    text = ", ".join(str(names[i]) for i in columns[:most])
    return text + (f" and {len(columns) - most} more" if len(columns) > most else "")


def _some_gaps(X, mean, rows, unknown):
    """About a thousand rows less their mean, 0 where a value is unknown."""
    some = rows[:: 1 + len(rows) // 1000]
    gaps = as_float(X[some], np.float64) - mean
    if unknown is not None:
        gaps[unknown[some]] = 0
    return gaps


def _large_units(gaps, hidden, n_hidden):
    """Norm, places and activity of units that start large; None where none has to.

    Where standardized columns are not correlated, as after whitening, small weights
    learn nothing: their gradient is of third order. Units that are often on then go to
    zero where tails are heavy [1]_. Units that are rarely on, with weights that reach
    the tails, learn those. Where tails are light, as of clusters, a few units that are
    on half of the time do. Of Gaussian rows the variance of the squared norm is 2 for
    each column [2]_, and the largest variance of n rows in any direction about
    (1 + √(columns / n))².

    References
    ----------
    .. [1] Melchior, J., Wang, N. and Wiskott, L. (2017). Gaussian-binary restricted
       Boltzmann machines for modeling natural image statistics. PLoS ONE 12.
    .. [2] Mardia, K. V. (1970). Measures of multivariate skewness and kurtosis with
       applications. Biometrika 57, 519-530.
    """
    n_rows, n_columns = gaps.shape
    if not isinstance(hidden, units.Bernoulli) or n_rows < FEWEST_ROWS:
        return None
    edge = (1 + np.sqrt(n_columns / n_rows)) ** 2
    tails = np.square(gaps).sum(axis=1).var() / (2 * n_columns)
    if 1 / HEAVY < tails < HEAVY or _largest_variance(gaps) > CORRELATED * edge:
        return None
    if tails >= HEAVY:
        rare = RARE_SHARE * n_columns / (RARE_NORM**2 * n_hidden)
        return RARE_NORM, slice(n_hidden), min(RARE, rare)
    n_large = round(4 * LIGHT_SHARE * n_columns / LIGHT_NORM**2)
    return LIGHT_NORM, slice(min(n_hidden, max(1, n_large))), 0.5


def _largest_variance(x):
    """The largest mean square of rows x in any direction."""
    direction = x[0] + 1e-3
    for _ in range(20):
        direction = x.T @ (x @ direction)
        direction /= np.linalg.norm(direction) + 1e-300
    return float(np.square(x @ direction).mean())
