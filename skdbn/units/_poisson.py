"""Counts."""

import numpy as np
from scipy.sparse import issparse
from scipy.special import expit, gammaln

from .._utils._numerics import (
    READ_ELEMENTS,
    blocks,
    column_range,
    is_within,
    working_dtype,
)
from ..exceptions import warn
from ._base import Units
from ._conditional import Conditional
from ._differentiable import Differentiable
from ._ranged import OUTSIDE, SLACK
from ._scaled import Scaled

# Sums over counts: which are all taken, how far apart the others are in standard
# deviations, how fast the one goes over into the other, and how far the sums go beyond
# the outermost means.
ALL = 40
GAP = 0.9
SMOOTH = 2.0
REACH = 7

# From this field on the mean stays: at e^15, 3.3 million. A count that is far above it
# is not possible, and sums need not go there.
LARGEST_FIELD = 15.0
LARGEST_COUNT = 1e8


class Poisson(Conditional, Differentiable, Scaled, Units):
    r"""Counts: the integers from 0 on.

    .. math:: P(x \mid \text{field}) = \frac{e^{x \cdot \text{field}}}{x!}
              \exp(-e^{\text{field}})

    Fields are clipped at 15, a mean of 3.3 million, so that no number overflows, and
    counts above 100 million have a likelihood of 0. The steps of weights and biases are
    divided by the variance of a column, where that is above 1. Without a weight decay of
    its own a model of counts takes 0.01: many small weights would make a count likely that
    is large for no other reason than that it turns their units on. The other side has to
    have bounded values, or the sum over the counts is infinite.

    See Also
    --------
    Rectified : Real-valued units of at least 0.

    References
    ----------
    .. [1] Gehler, P. V., Holub, A. D. and Welling, M. (2006). The rate adapting Poisson
       model for information retrieval and object recognition. ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from skdbn.units import Poisson
    >>> Poisson().mean(np.array([[0.0, 1.0]])).round(3)
    array([[1.   , 2.718]])
    """

    bounds = (0, np.inf)
    tail = "poisson"
    _step_scale = None

    def start(self, n_units, moments=None, dtype=np.float64):
        self._step_scale = None
        if moments is not None and (moments[2] > 1).any():
            self._step_scale = (1 / np.maximum(moments[2], 1)).astype(dtype)
        return self

    @property
    def step_scale(self):
        return self._step_scale

    def base_energy(self, x):
        if issparse(x):
            # What is not stored is 0, with log 0! = 0.
            x = x.copy()
            x.data = gammaln(x.data + 1)
            return x @ np.ones(x.shape[1], x.dtype)
        return gammaln(x + 1).sum(axis=1)

    def log_partition(self, field):
        # Beyond the largest field it goes on linearly: the integral of the mean.
        clipped = np.minimum(field, LARGEST_FIELD)
        terms = np.exp(clipped)
        terms *= field - clipped + 1
        return terms.sum(axis=1)

    def mean(self, field, out=None):
        out = np.minimum(field, LARGEST_FIELD, out=out)
        return np.exp(out, out=out)

    def sample(self, field, rng, out=None, mean=None):
        # In float64 whatever the field is: it takes no more than the draw, and the
        # next draws do not depend on the last digit of a mean.
        out = np.empty_like(field) if out is None else out
        out[...] = rng.poisson(self.mean(field.astype(np.float64)))
        return out

    def backpropagate(self, error, mean):
        error *= mean
        return error

    def link(self, mean):
        return np.log(mean)

    def check_data(self, X, names):
        outside = self._columns_outside(X)
        if not len(outside):
            return
        smallest, largest = column_range(X[:, outside])
        negative = np.flatnonzero(smallest < -SLACK)
        if len(negative):
            first = negative[0]
            raise ValueError(
                f"Negative values in data: column {names[outside[first]]} of X has "
                f"{smallest[first]:.4g}, and Poisson units take counts. Leave "
                "that column out, or take 'gaussian' units for it."
            )
        large = np.flatnonzero(largest > LARGEST_COUNT)
        if len(large):
            first = large[0]
            raise ValueError(
                f"Column {names[outside[first]]} of X has {largest[first]:.4g}, and "
                f"Poisson units take counts up to {LARGEST_COUNT:.0e}. Take 'gaussian' "
                "units for its logarithm."
            )
        warn(
            f"Column {names[outside[0]]} of X has values that are not whole, and "
            "Poisson units take counts: such rows have a likelihood of 0. Round them, "
            "or take 'rectified' units."
        )

    def support(self, x):
        support = super().support(x)
        if x.dtype.kind == "f":
            support[np.abs(x - np.rint(x)) > SLACK] = OUTSIDE
            support[x > LARGEST_COUNT] = OUTSIDE
        return support

    def surely_supports(self, X):
        stored = X.data[:, None] if issparse(X) else X
        parts = blocks(stored, stored.shape[1], working_dtype(X), size=READ_ELEMENTS)
        return all(
            is_within(part, 0, LARGEST_COUNT) and (part == np.rint(part)).all()
            for _, part in parts
        )

    def alternatives(self, coordinate, own, field_range):
        # Every count up to about ALL, and beyond it nodes that are GAP deviations
        # apart: of a Poisson distribution, and so of every mixture of some, their sum
        # errs by 2 exp(−2π²/GAP²), as the sum over the counts itself is an integral
        # there but for exp(−2π²·ALL).
        own = np.minimum(own, LARGEST_COUNT)
        low, high = field_range(
            _value, lambda low, high: np.subtract(*_places(low, high)[::-1])
        )
        first, last = _places(low, high)
        # Where fields are clipped, the row's own count is a node.
        far = (high > LARGEST_FIELD) & (own[:, 0] > _count(last))
        last[far] = _place(own[far, 0])
        n_nodes = 1 + int((last - first).max())
        if (first == first[0]).all():
            first = first[:1]
        places = first + np.arange(n_nodes)[:, None]
        counts, gaps = _count(places), _gap(places)
        log_weights = np.log(gaps) - gammaln(counts + 1)
        counts, log_weights = (x.astype(own.dtype) for x in (counts, log_weights))
        return counts[..., None], log_weights, None

    def coordinate_base(self, coordinate, own):
        return gammaln(own[:, 0] + 1)


def _value(field, n):
    """The count that is n standard deviations above the mean, about."""
    mean = np.exp(np.minimum(field, LARGEST_FIELD))
    if n < 0:
        return np.maximum(mean + n * np.sqrt(mean), 0)
    # Next to 0 further: the square root of a count has a deviation of a half.
    return np.square(np.sqrt(mean) + n / 2)


def _count(place):
    """The count at a place among the nodes, also between two of them."""
    rise = SMOOTH * np.logaddexp(0, (place - ALL) / SMOOTH)
    return place + np.square(GAP * rise / 2)


def _gap(place):
    """The derivative of the count by the place."""
    z = (place - ALL) / SMOOTH
    return 1 + GAP**2 / 2 * SMOOTH * np.logaddexp(0, z) * expit(z)


def _place(count):
    """The place of a count, or one above it."""
    over = np.maximum(count - ALL, 0)
    return np.minimum(count, ALL) + 2 * (np.sqrt(1 + GAP**2 * over) - 1) / GAP**2


def _places(low, high):
    """The places of the first and of the last node, for fields between two."""
    first = _place(_value(low, -REACH)) - 1
    return np.maximum(np.floor(first), 0), np.ceil(_place(_value(high, REACH)))
