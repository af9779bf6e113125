"""Units of your own: counts up to a largest one, in full."""

import numpy as np
from scipy.sparse import issparse
from scipy.special import comb, expit, logit

from skdbn.units import Conditional, Enumerable, Units


class Binomial(Units):
    """Counts from 0 to n: p(x | field) ∝ C(n, x) exp(x·field)."""

    def __init__(self, n=2):
        self.n = n

    @property
    def bounds(self):
        return 0, self.n

    def base_energy(self, x):
        x = x.toarray() if issparse(x) else x
        return -np.log(comb(self.n, x)).sum(axis=1)

    def log_partition(self, field):
        return self.n * np.logaddexp(0, field).sum(axis=1)

    def mean(self, field, out=None):
        return np.multiply(self.n, expit(field), out=out)

    def sample(self, field, rng, out=None, mean=None):
        p = expit(field) if mean is None else mean / self.n
        out = np.empty_like(p) if out is None else out
        out[...] = sum(rng.random(p.shape) < p for _ in range(self.n))
        return out

    def link(self, mean):
        return logit(mean / self.n)


class FiniteBinomial(Conditional, Enumerable, Binomial):
    """The same with a pseudo-likelihood and an exact partition function."""

    def alternatives(self, coordinate, own, field_range):
        values = np.arange(self.n + 1.0)[:, None, None]
        return values, np.log(comb(self.n, values[..., 0])), values[..., 0] == own[:, 0]

    def n_states(self, n_units):
        return (self.n + 1) ** n_units

    def states(self, index, n_units):
        places = (self.n + 1) ** np.arange(n_units)
        return (index[:, None] // places % (self.n + 1)).astype(float)
