"""Real-valued units of at least 0."""

from math import log, pi

import numpy as np
from scipy.sparse import issparse
from scipy.special import erfcx, log_ndtr, ndtri_exp

from .._utils._numerics import column_range, is_within
from ._base import Units
from ._conditional import Conditional
from ._differentiable import Differentiable
from ._scaled import Scaled

# Below this field the mean comes from a continued fraction of so many levels.
FAR = -5.0
LEVELS = 24

# Quadrature: the distance of the nodes, what is left out next to 0 in e-foldings, and
# how far beyond the outermost means the nodes go.
STEP = 0.4
FOLDINGS = 25
REACH = 8


class Rectified(Conditional, Differentiable, Scaled, Units):
    r"""Real-valued units of at least 0: a Gaussian of variance 1, cut off below 0.

    .. math:: p(x \mid \text{field}) \propto e^{-(x - \text{field})^2 / 2},
              \qquad x \ge 0

    The mean of a unit is close to its field where that is positive and to 0 where it is
    negative, as of a rectified linear unit. Unlike the noisy rectified units of [1]_,
    these have a likelihood [2]_. Scale data to a standard deviation of about 1 without
    moving their zero.

    See Also
    --------
    Gaussian : Units of either sign, with a variance.

    References
    ----------
    .. [1] Nair, V. and Hinton, G. E. (2010). Rectified linear units improve restricted
       Boltzmann machines. ICML.

    .. [2] Su, Q., Liao, X., Chen, C. and Carin, L. (2016). Nonlinear statistical
       learning with truncated Gaussian graphical models. ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from skdbn.units import Rectified
    >>> Rectified().mean(np.array([[-2.0, 0.0, 2.0]])).round(3)
    array([[0.373, 0.798, 2.055]])
    """

    bounds = (0, np.inf)
    tail = "gaussian"

    def base_energy(self, x):
        if issparse(x):
            return x.multiply(x) @ np.full(x.shape[1], 0.5, x.dtype)
        return np.square(x) @ np.full(x.shape[1], 0.5, x.dtype)

    def log_partition(self, field):
        # sqrt(2π) exp(f²/2) Φ(f), with Φ by way of the scaled function of |f|: next to
        # f²/2 the logarithm of Φ(f) would lose all digits of a negative field.
        scaled = erfcx(np.abs(field) * 2**-0.5)
        half_square = np.square(field) / 2
        positive = np.log1p(scaled * np.exp(-half_square) / -2)
        positive += half_square + log(2 * pi) / 2
        negative = np.log(scaled) + log(pi / 2) / 2
        return np.where(field > 0, positive, negative).sum(axis=1)

    def mean(self, field, out=None):
        wide = np.asarray(field, np.float64)
        # f + φ(f)/Φ(f), a small difference of large numbers where f is far below 0.
        mean = wide + (2 / pi) ** 0.5 / erfcx(wide * -(2**-0.5))
        far = wide < FAR
        if far.any():
            # Of Mills' ratio φ/Φ(−t) = t + 1/(t + 2/(t + 3/(t + ...))), without the t.
            t = -wide[far]
            fraction = t
            for level in range(LEVELS, 1, -1):
                fraction = t + level / fraction
            mean[far] = 1 / fraction
        if out is None:
            return mean.astype(field.dtype, copy=False)
        out[...] = mean
        return out

    def sample(self, field, rng, out=None, mean=None):
        # The inverse of P(X > x) = Φ(f − x) / Φ(f), whose logarithm is that of a
        # uniform number: the negative of an exponential one.
        wide = np.asarray(field, np.float64)
        draws = log_ndtr(wide)
        draws -= rng.standard_exponential(wide.shape)
        ndtri_exp(draws, out=draws)
        np.subtract(wide, draws, out=draws)
        out = np.empty_like(field) if out is None else out
        return np.maximum(draws, 0, out=out, casting="same_kind")

    def backpropagate(self, error, mean):
        error *= self._variance(self.link(mean), mean)
        return error

    def link(self, mean):
        wide = np.asarray(mean, np.float64)
        field = wide - 1 / wide
        for _ in range(8):
            found = self.mean(field)
            field -= (found - wide) / self._variance(field, found)
        return field.astype(mean.dtype, copy=False)

    def spread(self, n_units):
        return 1.0

    def _variance(self, field, mean):
        """The derivative of the mean; far below 0 units are exponential ones."""
        return np.where(field < -100, np.square(mean), 1 - mean * (mean - field))

    def surely_supports(self, X):
        return is_within(X, *self.bounds)

    def check_data(self, X, names):
        negative = self._columns_outside(X)
        if len(negative):
            smallest, _ = column_range(X[:, negative[:1]])
            raise ValueError(
                f"Negative values in data: column {names[negative[0]]} of X has "
                f"{smallest[0]:.4g}, and Rectified units take values of at least 0. "
                "Take 'gaussian' units for values of either sign."
            )

    def alternatives(self, coordinate, own, field_range):
        # With x = log(1 + e^s) and s = t − e^(t₀ − t) both ends of the integrand fall
        # faster than exponentially, so that the trapezoidal rule errs by 1e-11.
        low, high = field_range(
            lambda field, n: np.maximum(field + n, 0) if n else self.mean(field),
            lambda low, high: np.subtract(*_ends(low, high)[::-1]) / STEP,
        )
        start, end = _ends(low, high)
        first = -np.log(np.maximum(-low, 1)) - 2
        n_nodes = 2 + int(((end - start) / STEP).max())
        t = start + STEP * np.arange(n_nodes)[:, None]
        fall = np.exp(first - t)
        s = t - fall
        nodes = np.logaddexp(0, s)
        # dx/ds = 1 / (1 + e^-s) = e^(s − x)
        log_weights = log(STEP) + np.log1p(fall) + s - nodes - np.square(nodes) / 2
        nodes, log_weights = (x.astype(own.dtype) for x in (nodes, log_weights))
        return nodes[..., None], log_weights, None

    def coordinate_base(self, coordinate, own):
        return np.square(own[:, 0]) / 2


def _ends(low, high):
    """Where the nodes begin and end, for fields between two."""
    first = -np.log(np.maximum(-low, 1)) - 2
    start = np.maximum(first - log(FOLDINGS), low - REACH)
    return start, np.maximum(high, 0) + REACH
