"""Units of either sign."""

import numpy as np

from .._utils._numerics import is_within
from .._utils._random import uniform
from ._analytic import Analytic
from ._base import Units
from ._bernoulli import tanh_series
from ._conditional import Conditional
from ._differentiable import Differentiable
from ._enumerable import Enumerable
from ._ranged import MEAN, STATE


class Spin(Conditional, Enumerable, Differentiable, Analytic, Units):
    r"""Units in {−1, 1}.

    .. math:: P(x = 1 \mid \text{field}) &= \frac{1}{1 + e^{-2\,\text{field}}}, \\
              E[x \mid \text{field}] &= \tanh(\text{field})

    Values between −1 and 1 are taken as means. A machine of spins has the
    distributions of one of binary units x, with 2x − 1 for x: only its parameters, and
    so its steps, differ.

    See Also
    --------
    Bernoulli : Units in {0, 1}.

    Examples
    --------
    >>> import numpy as np
    >>> from skdbn.units import Spin
    >>> Spin().mean(np.array([[0.0, 1.0]])).round(3)
    array([[0.   , 0.762]])
    """

    bounds = (-1, 1)

    def log_partition(self, field):
        # log 2cosh(x) = |x| + log(1 + e^-2|x|)
        size = np.abs(field)
        tail = np.exp(-2 * size)
        np.log1p(tail, out=tail)
        tail += size
        return tail.sum(axis=1)

    def log_partition_change(self, field, before, after):
        # As of binary units: what |x| changes is linear, and one logarithm is left.
        size = np.abs(field)
        ones = np.ones(field.shape[1], field.dtype)
        change = (size @ ones) * (after - before)[:, 0]
        high = size * (-2 * after)
        low = np.multiply(size, -2 * before, out=size)
        for exponential in (low, high):
            np.exp(exponential, out=exponential)
            exponential += 1
        high /= low
        np.log(high, out=high)
        return change + high @ ones

    series_radius = np.pi / 2

    def log_partition_series(self, field, n_terms):
        return tanh_series(np.tanh(field), [0.0, 1.0], 1.0, n_terms)

    def mean(self, field, out=None):
        return np.tanh(field, out=out)

    def sample(self, field, rng, out=None, mean=None):
        if mean is None:
            out = mean = np.tanh(field, out=out)
        draws = uniform(rng, mean.shape, mean.dtype, low=-1)
        # u from (−1, 1] is at most the mean m with probability (1 + m) / 2.
        out = np.less_equal(draws, mean, out=draws if out is None else out)
        out *= 2
        out -= 1
        return out

    def backpropagate(self, error, mean):
        error *= 1 - np.square(mean)
        return error

    def link(self, mean):
        return np.arctanh(mean)

    def n_states(self, n_units):
        return 2**n_units

    def states(self, index, n_units):
        return 2.0 * (index[:, None] >> np.arange(n_units) & 1) - 1

    def support(self, x):
        support = super().support(x)
        support[(support == STATE) & (x != -1) & (x != 1)] = MEAN
        return support

    def surely_supports(self, X):
        return is_within(X, *self.bounds)

    def draw(self, x, rng):
        self.sample(None, rng, out=x, mean=x)

    def alternatives(self, coordinate, own, field_range):
        values = np.array([-1.0, 1.0], own.dtype)[:, None, None]
        shares = np.stack([1 - own[:, 0], 1 + own[:, 0]]) / 2
        return values, np.zeros((2, 1), own.dtype), shares
