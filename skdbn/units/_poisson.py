"""Counts."""

import numpy as np
from scipy.sparse import issparse
from scipy.special import gammaln

from .._numerics import column_range
from ..exceptions import warn
from ._base import OUTSIDE, SLACK, Units

# From this field on the mean stays: at e^15, 3.3 million.
LARGEST_FIELD = 15.0


class Poisson(Units):
    r"""Counts: the integers from 0 on.

    .. math:: P(x \mid \text{field}) = \frac{e^{x \cdot \text{field}}}{x!}
              \exp(-e^{\text{field}})

    Fields above 15 count as 15, a mean of 3.3 million, so that no number overflows. The
    steps of weights and biases are divided by the variance of a column, where that is
    above 1. The other side has to have bounded values, or the sum over the counts is
    infinite.

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

    def pull_back(self, error, mean):
        error *= mean
        return error

    def link(self, mean):
        return np.log(mean)

    def check_data(self, X, names):
        outside = self._columns_outside(X)
        if not len(outside):
            return
        smallest, _ = column_range(X[:, outside])
        negative = np.flatnonzero(smallest < -SLACK)
        if len(negative):
            first = negative[0]
            raise ValueError(
                f"Negative values in data: column {names[outside[first]]} of X has "
                f"{smallest[first]:.4g}, and Poisson units take counts. Leave "
                "that column out, or take 'gaussian' units for it."
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
        return support

    def alternatives(self, coordinate, own, felt):
        # Beyond the highest count that keeps up half of itself each term is less than
        # half of the one before.
        highest = 2 * self.mean(felt.highest(lambda field: 2 * self.mean(field)))
        n_counts = int(max(own.max(), highest.max())) + 40
        counts = np.arange(n_counts, dtype=own.dtype)[:, None]
        return counts[..., None], -gammaln(counts + 1), None

    def coordinate_base(self, coordinate, own):
        return gammaln(own[:, 0] + 1)
