"""Binary units."""

import numpy as np
from numpy.polynomial.polynomial import polyder, polymul
from scipy.special import logit

from .._utils._numerics import is_within
from .._utils._random import uniform, uniform_times_2_16
from ._analytic import Analytic
from ._base import Units
from ._conditional import Conditional
from ._differentiable import Differentiable
from ._enumerable import Enumerable
from ._ranged import MEAN, STATE


class Bernoulli(Conditional, Enumerable, Differentiable, Analytic, Units):
    r"""Units in {0, 1}.

    .. math:: P(x = 1 \mid \text{field}) = \sigma(\text{field})
              = \frac{1}{1 + e^{-\text{field}}}

    Values between 0 and 1, such as gray levels, are taken as probabilities.

    See Also
    --------
    Spin : Units in {−1, 1}.

    Examples
    --------
    >>> import numpy as np
    >>> from skdbn.units import Bernoulli
    >>> Bernoulli().mean(np.array([[0.0, 2.0]])).round(3)
    array([[0.5  , 0.881]])
    """

    bounds = (0, 1)

    def log_partition(self, field):
        # log(1 + e^x) = max(x, 0) + log(1 + e^-|x|), ten times as fast as logaddexp
        tail = np.abs(field)
        np.negative(tail, out=tail)
        np.exp(tail, out=tail)
        np.log1p(tail, out=tail)
        tail += np.maximum(field, 0)
        return tail.sum(axis=1)

    def log_partition_change(self, field, before, after):
        # With e^-|x| at both ends the change of max(x, 0) is left, and one logarithm.
        size = np.abs(field)
        ones = np.ones(field.shape[1], field.dtype)
        change = (field @ ones + size @ ones) * ((after - before)[:, 0] / 2)
        high = size * -after
        low = np.multiply(size, -before, out=size)
        for exponential in (low, high):
            np.exp(exponential, out=exponential)
            exponential += 1
        high /= low
        np.log(high, out=high)
        return change + high @ ones

    series_radius = np.pi

    def log_partition_series(self, field, n_terms):
        # The mean is (1 + tanh(x/2)) / 2.
        return tanh_series(np.tanh(field / 2), [0.5, 0.5], 0.5, n_terms)

    def mean(self, field, out=None):
        out = np.empty_like(field) if out is None else out
        with np.errstate(over="ignore"):
            _reciprocal_mean(field, out)
        return np.divide(1, out, out=out)

    def sample(self, field, rng, out=None, mean=None):
        if mean is not None:
            draws = uniform(rng, mean.shape, mean.dtype)
            return np.less_equal(draws, mean, out=draws if out is None else out)
        # u from (0, 1] is at most σ(x) where u / σ(x) is at most 1. Its grid is that of
        # float32, and so need 1 / σ(x) be no finer.
        out = np.empty_like(field) if out is None else out
        buffer = out if out.dtype == np.float32 else np.empty(out.shape, np.float32)
        draws = uniform_times_2_16(rng, out.shape)
        with np.errstate(over="ignore"):
            draws *= _reciprocal_mean(field, buffer)
        return np.less_equal(draws, 2**16, out=out)

    def backpropagate(self, error, mean):
        error *= mean
        error *= 1 - mean
        return error

    def link(self, mean):
        return logit(mean)

    def n_states(self, n_units):
        return 2**n_units

    def states(self, index, n_units):
        return (index[:, None] >> np.arange(n_units) & 1).astype(np.float64)

    def support(self, x):
        support = super().support(x)
        support[(support == STATE) & (x != 0) & (x != 1)] = MEAN
        return support

    def surely_supports(self, X):
        return is_within(X, *self.bounds)

    def draw(self, x, rng):
        self.sample(None, rng, out=x, mean=x)

    def alternatives(self, coordinate, own, field_range):
        values = np.array([0.0, 1.0], own.dtype)[:, None, None]
        shares = np.stack([1 - own[:, 0], own[:, 0]])
        return values, np.zeros((2, 1), own.dtype), shares


def _reciprocal_mean(field, out):
    """1 / σ(x) = 1 + e⁻ˣ; exp is vectorized on all processors, tanh on some.

    Not 1 + eˣ: that is hardly more than 1 for units that are rarely on, and their
    probability would be lost in its rounding.
    """
    np.negative(field, out=out, dtype=out.dtype)
    np.exp(out, out=out)
    out += 1
    return out


def tanh_series(t, first, rate, n_terms):
    """The derivatives of first(t) as powers of t = tanh(rate·x), up to k!, k from 1 on.

    As dt/dx = rate (1 − t²), each of them is a polynomial in t, whose digits do not
    cancel as those of one in the mean of a bit do.
    """
    polynomial, terms = np.array(first), []
    for k in range(1, n_terms + 1):
        term = np.full_like(t, polynomial[-1])
        for coefficient in polynomial[-2::-1]:
            term *= t
            term += coefficient
        terms.append(term)
        slope = polymul(polyder(polynomial), [rate, 0.0, -rate])
        polynomial = slope / (k + 1)
    return terms
