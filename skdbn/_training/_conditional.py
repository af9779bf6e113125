"""The plan and the start of a training of p(v | u)."""

from dataclasses import dataclass

import numpy as np

from .._utils._numerics import SMALLEST_VARIANCE
from ..machines import ConditionalMachine
from ..units import Gaussian
from ._plan import Plan
from ._start import largest_variance, new_machine

# Rows from which the weights of u start.
MOST_ROWS = 20_000

# The share of the rate at which weights from u to Gaussian v learn.
GAUSSIAN_RATE = 0.1

# The penalties of a ridge regression that are tried, as shares of the largest variance.
PENALTIES = 10.0 ** np.arange(-9, 2)


@dataclass(frozen=True)
class ConditionalPlan(Plan):
    """How a conditional machine is to be trained.

    `direct_start` says where weights from u to v start, `direct_rate` is the share of
    the rate at which they learn, and `n_given` the number of columns of u.
    """

    direct_rate: float | str = "auto"
    direct_start: str = "ridge"
    n_given: int = 0

    def new_machine(self, source, rng):
        return new_conditional(self, source, rng)

    def _width(self, source):
        return source.n_given + super()._width(source)

    def _check_structure(self, machine):
        super()._check_structure(machine)
        if machine.n_given != self.n_given:
            raise ValueError(
                f"The model has {machine.n_given} given columns, and the parameters ask "
                f"for {self.n_given}: call fit with warm_start=False, which begins anew."
            )


def new_conditional(plan, source, rng):
    """A machine whose units are as in the data, at the mean of u.

    Real-valued v may start at their regression on u, with what it leaves of their
    variance: where A has to learn it from nothing, B and W take its place meanwhile.
    All other weights of u start small.

    Steps of A and B are for columns of u of the variance of v: those beyond [0, 1] are
    divided by their variance, and all by how much more u varies in any direction than
    v. So a hidden unit answers to u as fast as to v.
    """
    # What is left by u is not what large weights are for.
    plain = new_machine(plan, source, rng, starts_small=source.n_given > 0)
    dtype, n_given = plain.weights.dtype, source.n_given
    rows, row_weights = source.some_whole_rows(MOST_ROWS)
    u, v = rows[:, :n_given], rows[:, n_given:]
    if row_weights is None:
        row_weights = np.ones(len(u))
    row_weights = row_weights / row_weights.sum()
    center = row_weights @ u
    scale, reach = _scale_of(u, center)
    of_visible = 1.0
    if plain.visible.tail is not None:
        of_visible = np.maximum(v.var(axis=0), SMALLEST_VARIANCE) ** -0.5
    gaps = (v - v.mean(axis=0)) * of_visible
    share = min(1.0, max(1.0, largest_variance(gaps)) / reach)
    shape = n_given, plan.n_components
    to_visible, direct_rate = np.zeros((n_given, len(plain.weights))), plan.direct_rate
    is_gaussian = type(plain.visible) is Gaussian
    if direct_rate == "auto":
        direct_rate = GAUSSIAN_RATE if is_gaussian else 1.0
    to_hidden = rng.normal(0, 0.01, shape) * np.sqrt(scale)[:, None]
    is_whole = n_given and source.unknown is None
    if is_gaussian and is_whole and plan.direct_start == "ridge":
        to_visible, variance = _ridge(u - center, v, row_weights)
        _leave_variance(plain.visible, variance)
    return ConditionalMachine(
        plain,
        to_visible.astype(dtype),
        to_hidden.astype(dtype),
        center.astype(dtype),
        scale.astype(dtype),
        (direct_rate * share, share),
    )


def _scale_of(u, center):
    """Factors of the steps of the columns of u, and how far it varies with them."""
    if not u.shape[1]:
        return np.ones(0), 1.0
    variance = np.square(u - center).mean(axis=0)
    bounded = (u.min(axis=0) >= 0) & (u.max(axis=0) <= 1)
    constant = variance <= np.maximum(1e-13 * np.square(center), SMALLEST_VARIANCE)
    scale = np.where(bounded, 1.0, 1 / np.where(constant, 1.0, variance))
    scale = np.where(constant, 0.0, scale)
    return scale, max(1.0, largest_variance((u - center) * np.sqrt(scale)))


def _ridge(u, v, weights):
    """Slopes of v on centered u, and the variances that are left; weights sum to 1.

    The penalty is that of the least generalized cross-validation error [1]_.

    References
    ----------
    .. [1] Golub, G. H., Heath, M. and Wahba, G. (1979). Generalized cross-validation as
       a method for choosing a good ridge parameter. Technometrics 21, 215-223.
    """
    v = v - weights @ v
    scale = np.sqrt(np.maximum(weights @ np.square(u), SMALLEST_VARIANCE))
    u = u / scale
    weighted = weights[:, None] * u
    values, axes = np.linalg.eigh(u.T @ weighted)
    values = np.maximum(values, 0)
    cross = axes.T @ (weighted.T @ v)
    total = weights @ np.square(v)
    best = None
    for penalty in PENALTIES * max(values[-1], SMALLEST_VARIANCE):
        shrunk = cross / (values + penalty)[:, None]
        left = total - 2 * (shrunk * cross).sum(axis=0) + values @ np.square(shrunk)
        left = np.maximum(left, 0)
        freedom = max(1e-3, 1 - (values / (values + penalty)).sum() / len(u))
        error = np.mean(left / np.maximum(total, SMALLEST_VARIANCE)) / freedom**2
        if best is None or error < best[0]:
            best = error, axes @ shrunk / scale[:, None], left / freedom
    return best[1:]


def _leave_variance(visible, variance):
    """Let learned variances begin at what a regression leaves, the data's at most."""
    if not visible.params:
        return
    own = visible.log_variance_
    if len(own) == 1:
        variance = np.mean(variance, keepdims=True)
    lowest = np.exp(own) * 1e-3
    own[:] = np.log(np.clip(variance, lowest, np.exp(own)))
