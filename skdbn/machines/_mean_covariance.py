"""The mean-covariance machine: hidden units for the means and for the covariances."""

from dataclasses import dataclass, replace
from math import isqrt, log, pi
from types import SimpleNamespace
from typing import ClassVar

import numpy as np

from ..units import Bernoulli, Gaussian
from ._base import Machine
from ._hybrid import at_start, move, row_squares

# Added to the mean square of a row before it is brought to length 1.
LEAST_SQUARE = 0.5
# How much of a change of the factors' lengths is learned.
LENGTHENING = 0.05


@dataclass
class MeanCovarianceMachine(Machine):
    r"""Visible units whose means and whose covariances follow hidden units.

    .. math:: F(v) = \tfrac12 e^a \|v\|^2 - v \cdot b
              - \sum_k \text{softplus}\big(c_k - \tfrac12 (\hat v C)^2 P_{:k}\big)
              - \sum_m \text{softplus}(d_m + v \cdot W_{:m}),
              \quad \hat v = v \big/ \sqrt{\|v\|^2 / D + \tfrac12}

    Given its hidden units v is no product of independent columns, so that chains move
    by hybrid Monte Carlo on F. Without units for the means (W of no column) this is the
    factored three-way machine.

    Parameters
    ----------
    factors : ndarray of shape (n_visible, n_factors)
        C, filters whose squared answers are counted.

    pooling : ndarray of shape (n_factors, n_covariance)
        P ≥ 0, of which each column sums to 1: whose squares a unit sums up.

    covariance_bias : ndarray of shape (n_covariance,)
        c.

    weights : ndarray of shape (n_visible, n_mean)
        W.

    visible_bias, mean_bias : ndarray of shape (n_visible,) and (n_mean,)
        b and d.

    log_precision : ndarray of shape (1,)
        a, by which chains have as much variance as data; the published machine has 0.

    is_pooled : ndarray of bool of shape (n_factors, n_covariance), default=None
        Where P may be other than 0; None means everywhere.

    See Also
    --------
    RestrictedMachine : Units for the means alone.

    References
    ----------
    .. [1] Ranzato, M. and Hinton, G. E. (2010). Modeling pixel means and covariances
       using factorized third-order Boltzmann machines. CVPR.
    .. [2] Ranzato, M., Krizhevsky, A. and Hinton, G. E. (2010). Factored 3-way
       restricted Boltzmann machines for modeling natural images. AISTATS.

    Examples
    --------
    >>> import numpy as np
    >>> from skdbn.machines import MeanCovarianceMachine
    >>> machine = MeanCovarianceMachine(
    ...     factors=np.eye(2),
    ...     pooling=np.eye(2),
    ...     covariance_bias=np.zeros(2),
    ...     weights=np.zeros((2, 0)),
    ...     visible_bias=np.zeros(2),
    ...     mean_bias=np.zeros(0),
    ...     log_precision=np.zeros(1),
    ... )
    >>> machine.free_energy(np.zeros((1, 2))).round(3)
    array([-1.386])
    """

    factors: np.ndarray
    pooling: np.ndarray
    covariance_bias: np.ndarray
    weights: np.ndarray
    visible_bias: np.ndarray
    mean_bias: np.ndarray
    log_precision: np.ndarray
    is_pooled: np.ndarray | None = None

    penalized: ClassVar = ("factors", "weights")
    visible: ClassVar = Gaussian(1.0)
    hidden: ClassVar = Bernoulli()
    # Beyond it a fit has diverged.
    largest: ClassVar = 1e4
    # Factors of the steps: filters move most, and what they are pooled by least.
    rates: ClassVar = {
        "factors": 2.0,
        "pooling": 0.02,
        "covariance_bias": 0.02,
        "weights": 0.2,
        "visible_bias": 0.02,
        "mean_bias": 0.1,
        "log_precision": 0.1,
    }

    @property
    def params(self):
        return {name: getattr(self, name) for name in self.rates}

    def hidden_means(self, v):
        """P(h = 1 | v) of the units for the covariances, and then of the others."""
        field = self._covariance_field(self._scaled(v)[0] @ self.factors)
        return self.hidden.mean(np.hstack([field, self._mean_field(v)]))

    def free_energy(self, v):
        """F(v) of each row, −log p(v) up to a constant."""
        answers = self._scaled(v)[0] @ self.factors
        energy = self._precision / 2 * row_squares(v) - v @ self.visible_bias
        energy -= self.hidden.log_partition(self._covariance_field(answers))
        energy -= self.hidden.log_partition(self._mean_field(v))
        return energy

    def energy_and_slope(self, v):
        """F(v) of each row and its gradient by v, from the same products."""
        unit, length = self._scaled(v)
        answers = unit @ self.factors
        field, mean_field = self._covariance_field(answers), self._mean_field(v)
        energy = self._precision / 2 * row_squares(v) - v @ self.visible_bias
        energy -= self.hidden.log_partition(field)
        energy -= self.hidden.log_partition(mean_field)
        answers *= self.hidden.mean(field) @ self.pooling.T
        pull = answers @ self.factors.T
        radial = np.einsum("ij,ij->i", pull, unit) / v.shape[1]
        pull -= unit * radial[:, None]
        pull /= length
        pull += self._precision * v
        pull -= self.visible_bias
        pull -= self.hidden.mean(mean_field) @ self.weights.T
        return energy, pull

    def infer(self, v):
        return at_start(v)

    def state(self, v, rng):
        return at_start(v)

    def initial_state(self, n, rng):
        shape, dtype = (n, len(self.factors)), self.factors.dtype
        v = rng.standard_normal(shape, dtype)
        return at_start(v / np.sqrt(self._precision))

    def transition(self, state, rng, out=None):
        return move(state, self.energy_and_slope, rng, out)

    def contrast(self, work, rng, n_steps):
        before = work.state
        work.state = self.state(work.batch, rng)
        if before is not None:
            for layer, own in zip(before[1:], work.state[1:], strict=True):
                own[:] = layer[0]
        self.advance(work, rng, n_steps)

    def moments(self, state, weights=None):
        v = state.visible
        share = np.full(len(v), 1 / len(v), v.dtype) if weights is None else weights
        unit, _ = self._scaled(v)
        answers = unit @ self.factors
        on = self.hidden.mean(self._covariance_field(answers)) * share[:, None]
        mean_on = self.hidden.mean(self._mean_field(v)) * share[:, None]
        return {
            "factors": -unit.T @ (answers * (on @ self.pooling.T)),
            "pooling": -np.square(answers).T @ on / 2,
            "covariance_bias": on.sum(axis=0),
            "weights": v.T @ mean_on,
            "visible_bias": share @ v,
            "mean_bias": mean_on.sum(axis=0),
            "log_precision": -self._precision / 2 * (share @ row_squares(v))[None],
        }

    def difference(self, work, centering=None, rate=1.0):
        """See :meth:`Machine.difference`; filters learn directions more than lengths."""
        direction = super().difference(work, centering, rate)
        filters = self.factors / np.maximum(column_norms(self.factors), 1e-30)
        along = np.einsum("ij,ij->j", filters, direction["factors"])
        direction["factors"] -= (1 - LENGTHENING) * along * filters
        # It is a sum over all columns.
        direction["log_precision"] /= len(self.factors)
        for name, factor in self.rates.items():
            direction[name] *= factor
        return direction

    def rate_of(self, name):
        return self.rates[name]

    def project(self):
        """Give all factors one length, and let columns of P ≥ 0 sum to 1."""
        norms = column_norms(self.factors)
        self.factors *= norms.mean() / np.maximum(norms, 1e-30)
        np.maximum(self.pooling, 0, out=self.pooling)
        if self.is_pooled is not None:
            self.pooling *= self.is_pooled
        self.pooling /= np.maximum(self.pooling.sum(axis=0), 1e-30)

    def copy(self):
        return replace(self, **{n: array.copy() for n, array in self.params.items()})

    def annealed(self):
        """The path from independent normal columns to the machine, for annealing."""
        return AnnealedCovariance(self)

    @property
    def _precision(self):
        return np.exp(self.log_precision[0])

    def _scaled(self, v):
        """Rows of nearly one length, and by what they were divided."""
        length = np.sqrt(row_squares(v) / v.shape[1] + LEAST_SQUARE)[:, None]
        return v / length, length

    def _covariance_field(self, answers):
        return self.covariance_bias - np.square(answers) @ self.pooling / 2

    def _mean_field(self, v):
        return v @ self.weights + self.mean_bias


def neighborhoods(n_factors):
    """Pooling of filters on a square whose ends meet: 3 × 3 of them, 2 apart."""
    side = isqrt(n_factors)
    if side**2 != n_factors or side % 2 or side < 4:
        raise ValueError(
            f"pooling='topographic' arranges filters on a square of an even side, and "
            f"n_factors={n_factors} is none: take 16, 36, 64, 100, 144, 256 or 576."
        )
    places, centers = np.arange(side), np.arange(0, side, 2)
    near = np.abs((places[:, None] - centers + side // 2) % side - side // 2) <= 1
    return np.kron(near, near).astype(np.float64)


def column_norms(weights):
    """The length of each column."""
    return np.sqrt(np.einsum("ij,ij->j", weights, weights))


class AnnealedCovariance:
    """The distributions exp(−(1 − β) ½eᵃ‖v‖² − β F(v)), as annealing walks along them.

    Parameters
    ----------
    machine : MeanCovarianceMachine
        Where the path ends.
    """

    def __init__(self, machine):
        self.machine = machine

    def log_base(self):
        """log Z₀ of the independent columns."""
        machine = self.machine
        return (
            len(machine.factors) / 2 * (log(2 * pi) - float(machine.log_precision[0]))
        )

    def independent(self, n, rng):
        """n rows at β = 0."""
        return self.machine.initial_state(n, rng).visible

    def begin(self, v):
        """Where a walk from the rows v is at first."""
        return SimpleNamespace(state=at_start(v.copy()))

    def advance(self, walk, before, beta, rng):
        """Move a walk from one β to the next; the change of its log-weights."""
        v = walk.state.visible
        precision = self.machine._precision
        base = precision / 2 * row_squares(v)
        change = (before - beta) * (self.machine.free_energy(v) - base)

        def energy_and_slope(v):
            energy, slope = self.machine.energy_and_slope(v)
            energy *= beta
            energy += (1 - beta) * precision / 2 * row_squares(v)
            slope *= beta
            slope += (1 - beta) * precision * v
            return energy, slope

        walk.state = move(walk.state, energy_and_slope, rng, out=walk.state)
        return change
