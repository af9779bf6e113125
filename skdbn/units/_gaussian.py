"""Real-valued units."""

import copy
from numbers import Real

import numpy as np
from scipy.sparse import issparse

from .._utils._numerics import SMALLEST_VARIANCE
from .._utils._random import normal
from ._base import Units
from ._conditional import Conditional
from ._differentiable import Differentiable
from ._parametric import Parametric
from ._ranged import STATE
from ._scaled import Scaled
from ._shifted import Shifted, row_dot

# Variances stay above this share of those from which they start. So many times as large
# they have diverged.
SMALLEST = 1e-4
LARGEST = 1e30

# Quadrature: the nodes are a standard deviation apart, which for Gaussians errs by
# 2 exp(-2π²), and reach this many beyond the outermost mean.
REACH = 8
MOST_NODES = 10_000


class Gaussian(Conditional, Differentiable, Scaled, Shifted, Parametric, Units):
    r"""Real-valued units with a variance σ².

    .. math:: p(x \mid \text{field})
              = \mathcal{N}(x;\ \mu + \sigma^2\,\text{field},\ \sigma^2)

    The center μ is the mean of the data, and 0 on the hidden side: base(x) is (x − μ)²
    / 2σ², so that a change of the variance moves no mean. The field couples to raw
    values; in the familiar form, with v/σ² in the energy, the weights are σ² times as
    large. Learned variances move through their logarithm. The steps of weights and
    biases are divided by the variance of the data, so that learning is the same on
    every scale. On the hidden side the variance is 1, unless it is a number: the
    weights have the scale. Beside hidden units without bounds nothing is learned: the
    variances are half of those of the data.

    Parameters
    ----------
    variance : {"column", "shared"} or float, default="column"
        "column" learns a variance for each column and "shared" one for all, both from
        those of the data. A number stays as it is.

    Attributes
    ----------
    log_variance_ : ndarray of shape (n_units,) or (1,)
        The logarithm of the variance, in a fitted machine.

    center_ : ndarray of shape (n_units,) or None
        The center μ, in a fitted machine; None stands for 0.

    See Also
    --------
    Rectified : The same with values of at least 0.

    References
    ----------
    .. [1] Cho, K., Ilin, A. and Raiko, T. (2011). Improved learning of
       Gaussian-Bernoulli restricted Boltzmann machines. ICANN.

    Examples
    --------
    >>> import numpy as np
    >>> from skdbn.units import Gaussian
    >>> Gaussian(variance=4.0).start(2).mean(np.array([[0.0, 2.0]]))
    array([[0., 8.]])
    """

    tail = "gaussian"

    def __init__(self, variance="column"):
        self.variance = variance

    def start(self, n_units, moments=None, dtype=np.float64):
        fixed = isinstance(self.variance, Real) and not isinstance(self.variance, bool)
        if not fixed and self.variance not in ("column", "shared"):
            raise ValueError(
                f"variance={self.variance!r} of Gaussian: take 'column', 'shared' or a "
                "number > 0."
            )
        if fixed and not SMALLEST_VARIANCE <= self.variance < np.inf:
            raise ValueError(
                f"variance={self.variance!r} of Gaussian: take a number of at least "
                f"{SMALLEST_VARIANCE:.0e}."
            )
        if fixed:
            start = np.log([self.variance])
        elif moments is None:
            start = np.zeros(1)
        elif self.variance == "shared":
            start = np.log(np.mean(moments[2], keepdims=True))
        else:
            start = np.log(moments[2])
        self.log_variance_ = start.astype(dtype)
        self._lowest = self.log_variance_ + np.log(SMALLEST)
        self._step_scale = np.exp(-self.log_variance_)
        self._learns = not fixed and moments is not None
        self._moments = moments
        self._n_units = n_units
        self.center_ = None if moments is None else moments[1].astype(dtype)
        return self

    @property
    def params(self):
        return [self.log_variance_] if self._learns else []

    @property
    def param_steps(self):
        # At 1 contrastive divergence diverged on one of nine sets; 0.1 is slower. The
        # gradient of a shared variance is a sum over the columns.
        share = 1.0 if self.variance == "column" else 1 / self._n_units
        return [0.3 * share] * len(self.params)

    @property
    def precision(self):
        """1 / σ², of shape (n_units,) or (1,); in a tempered layer (n_samples, n_units).

        Returns
        -------
        precision : ndarray
            In the inverse of the squared unit of the data.
        """
        if "_precision" in vars(self):
            return self._precision
        return np.exp(-self.log_variance_)

    @property
    def step_scale(self):
        # By the variance from which it starts: that given the hidden units can become so
        # small that steps in its unit go too far.
        scale = self._step_scale
        return None if len(scale) == 1 and scale[0] == 1 else scale

    def base_energy(self, x):
        half_precision = np.broadcast_to(self.precision / 2, (x.shape[1],))
        if not issparse(x):
            return np.square(self._gaps(x)) @ half_precision
        energy = x.multiply(x) @ half_precision
        if self.center_ is not None:
            pull = half_precision * self.center_
            energy += pull @ self.center_ - 2 * (x @ pull)
        return energy

    def log_partition(self, field):
        # ∫ exp(x·f − (x − μ)²/2σ²) dx = sqrt(2πσ²) exp(μf + σ²f²/2)
        precision = self.precision
        terms = np.square(field)
        terms /= precision
        terms += np.log(2 * np.pi / precision)
        terms *= 0.5
        total = terms.sum(axis=1)
        return total if self.center_ is None else total + row_dot(field, self.center_)

    def mean(self, field, out=None):
        # A product is quicker than a quotient.
        out = np.multiply(field, 1 / self.precision, out=out)
        if self.center_ is not None:
            out += self.center_
        return out

    def sample(self, field, rng, out=None, mean=None):
        noise = normal(rng, field.shape, field.dtype)
        precision = self.precision
        if not (precision.size == 1 and precision.flat[0] == 1):
            noise *= precision**-0.5
        mean = self.mean(field, out) if mean is None else mean
        return np.add(mean, noise, out=noise if out is None else out)

    def backpropagate(self, error, mean):
        error /= self.precision
        return error

    def link(self, mean):
        return self._gaps(mean) * self.precision

    def surely_supports(self, X):
        return True

    def lowest_support(self, X):
        return tuple(np.full(n, STATE, np.int8) for n in X.shape)

    def uncentered(self, bias):
        return bias if self.center_ is None else bias + self.center_ * self.precision

    def shifted(self, shift):
        new = copy.copy(self)
        new.center_ = shift if self.center_ is None else self.center_ + shift
        return new, np.zeros_like(shift)

    def of_rows(self, index):
        if self.center_ is None or self.center_.ndim == 1:
            return self
        new = copy.copy(self)
        new.center_ = self.center_[index]
        return new

    def shift_slope(self, x):
        return self.link(x)

    @property
    def shift_scale(self):
        # The inverse of the precision that is in the slope.
        return None

    def statistics(self, x, weights=None):
        if not self._learns:
            return []
        if weights is None:
            weights = np.full(len(x), 1 / len(x), x.dtype)
        return self._half_squares(weights @ np.square(self._gaps(x)))

    def data_statistics(self):
        return self._half_squares(self.data_squares()) if self._learns else []

    def data_squares(self):
        """The mean squared distance of each column of the data from the center.

        It is that of all rows, so that no batch with an outlier moves a variance far.

        Returns
        -------
        squares : ndarray of shape (n_units,)
            From the moments given to `start`.
        """
        _, mean, variance = self._moments
        return variance + np.square(self._gaps(mean))

    def _gaps(self, x):
        """The distances of values from the center."""
        return x if self.center_ is None else x - self.center_

    def _half_squares(self, squares):
        """The statistics of columns with these mean squares."""
        if not self._learns:
            return []
        halves = (squares * self.precision / 2).astype(self.log_variance_.dtype)
        return [halves if len(self.log_variance_) > 1 else halves.sum(keepdims=True)]

    def update_moments(self, n_rows, mean, variance):
        if self._learns:
            n, old_mean, old_variance = self._moments
            share = n_rows / (n + n_rows)
            gap = mean - old_mean
            self._moments = (
                n + n_rows,
                old_mean + share * gap,
                old_variance
                + share * (variance - old_variance + (1 - share) * np.square(gap)),
            )

    def set_moments(self, n_rows, mean, variance):
        if self._learns:
            self._moments = n_rows, mean, variance

    def freeze(self):
        # Half of the data's variance is left to what the hidden units say.
        if self._learns:
            self.log_variance_ -= np.log(2).astype(self.log_variance_.dtype)
            self._learns = False

    def project(self):
        if self._learns:
            log_variance = self.log_variance_
            np.maximum(log_variance, self._lowest, out=log_variance)
            # NaN shows in the monitoring.
            too_large = log_variance > self._lowest + np.log(LARGEST / SMALLEST)
            log_variance[too_large] = np.nan

    def copy(self):
        new = type(self)(**self.get_params(deep=False))
        vars(new).update(vars(self))
        new.log_variance_ = self.log_variance_.copy()
        return new

    def has_states_of(self, other):
        return isinstance(other, Gaussian)

    def spread(self, n_units):
        return np.broadcast_to(self.precision**-0.5, n_units)

    def independent(self, mean, variance):
        units = self.copy()
        units.log_variance_ = np.log(variance).astype(self.log_variance_.dtype)
        return units, units.link(mean)

    def between(self, other, beta):
        units = Gaussian(self.variance)
        units.center_ = self.center_
        units._precision = other.precision + beta * (self.precision - other.precision)
        return units

    def alternatives(self, coordinate, own, field_range):
        precision, center = self._precision_of(coordinate), self._center_of(coordinate)
        deviation = precision**-0.5
        low, high = field_range(
            lambda field, n: center + field / precision + n * deviation,
            lambda low, high: (high - low) * deviation,
        )
        n_steps = ((high - low) * deviation).max()
        # So many only where a fit diverges, which is for others to say.
        n_nodes = 2 * REACH + 1 + int(np.ceil(min(n_steps, MOST_NODES)))
        low = low / precision
        gaps = np.arange(-REACH, n_nodes - REACH)[:, None] * deviation + low
        log_weights = np.log(deviation) - 0.5 * precision * np.square(gaps)
        nodes, log_weights = (x.astype(own.dtype) for x in (center + gaps, log_weights))
        return nodes[..., None], log_weights, None

    def coordinate_base(self, coordinate, own):
        gaps = own[:, 0] - self._center_of(coordinate)
        return 0.5 * self._precision_of(coordinate) * np.square(gaps)

    def _center_of(self, coordinate):
        """The center of a coordinate, of shape (1,) or (n_samples,)."""
        coordinate = np.atleast_1d(coordinate)
        if self.center_ is None:
            return np.zeros(1)
        if self.center_.ndim == 1:
            return self.center_[coordinate]
        return self.center_[np.arange(len(self.center_)), coordinate]

    def _precision_of(self, coordinate):
        """The precision of a coordinate, of shape (1,) or (n_samples,)."""
        coordinate = np.atleast_1d(coordinate)
        precision = self.precision
        return precision[coordinate] if len(precision) > 1 else precision
