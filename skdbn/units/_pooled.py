"""Groups of units of which at most one is on."""

import numpy as np

from .._utils._random import uniform
from ._base import Units
from ._differentiable import Differentiable
from ._enumerable import Enumerable
from ._grouped import Grouped
from ._ranged import MEAN, OUTSIDE, STATE


class Pooled(Enumerable, Differentiable, Grouped, Units):
    r"""Groups of units of which at most one is 1: probabilistic max-pooling.

    .. math:: P(x_k = 1 \mid \text{field}) = \frac{e^{\text{field}_k}}
              {1 + \sum_l e^{\text{field}_l}}

    The sum of a group says whether what its units look for is anywhere among them.
    Of several maps the units of a group are `n_maps` columns apart, so that neighboring
    columns are of different maps.

    Parameters
    ----------
    n_values : int, default=4
        Number of units of a group.

    n_maps : int, default=1
        Number of maps.

    See Also
    --------
    Softmax : Groups of which exactly one unit is 1.

    References
    ----------
    .. [1] Lee, H., Grosse, R., Ranganath, R. and Ng, A. Y. (2009). Convolutional deep
       belief networks for scalable unsupervised learning of hierarchical
       representations. ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from skdbn.units import Pooled
    >>> Pooled(n_values=3).mean(np.array([[0.0, 0.0, 0.0]]))
    array([[0.25, 0.25, 0.25]])
    """

    bounds = (0, 1)

    def __init__(self, n_values=4, n_maps=1):
        self.n_values = n_values
        self.n_maps = n_maps

    def start(self, n_units, moments=None, dtype=np.float64):
        size = self.n_values * self.n_maps
        if n_units % size:
            raise ValueError(
                f"Pooled(n_values={self.n_values}, n_maps={self.n_maps}) takes layers of "
                f"a multiple of {size} units, and this one has {n_units}."
            )
        return self

    def log_partition(self, field):
        exponentials, off, top = self._exponentials(field)
        total = exponentials.sum(axis=2)
        total += off
        np.log(total, out=total)
        total += top
        return total.reshape(len(field), -1).sum(axis=1)

    def mean(self, field, out=None):
        exponentials, off, _ = self._exponentials(field)
        exponentials /= (exponentials.sum(axis=2) + off)[:, :, None]
        out = np.empty_like(field) if out is None else out
        self._by_group(out)[...] = exponentials
        return out

    def sample(self, field, rng, out=None, mean=None):
        if mean is None:
            shares, off, _ = self._exponentials(field)
        else:
            shares = self._by_group(mean)
            off = np.maximum(1 - shares.sum(axis=2), 0)
        # All are off while u times the total is within the first.
        sums = np.concatenate([off[:, :, None], shares], axis=2)
        for k in range(self.n_values):
            sums[:, :, k + 1] += sums[:, :, k]
        reach = uniform(rng, (len(sums), off[0].size), sums.dtype)
        reach = reach.reshape(off.shape) * sums[:, :, -1]
        reached = sums >= reach[:, :, None]
        out = np.empty_like(field if mean is None else mean) if out is None else out
        np.greater(reached[:, :, 1:], reached[:, :, :-1], out=self._by_group(out))
        return out

    def backpropagate(self, error, mean):
        error *= mean
        by_group, means = self._by_group(error), self._by_group(mean)
        by_group -= means * by_group.sum(axis=2, keepdims=True)
        return error

    def link(self, mean):
        groups = np.reshape(
            mean, (*np.shape(mean)[:-1], -1, self.n_values, self.n_maps)
        )
        off = 1 - groups.sum(axis=-2, keepdims=True)
        return (np.log(groups) - np.log(off)).reshape(np.shape(mean))

    def n_states(self, n_units):
        # A NumPy int would overflow.
        return (1 + int(self.n_values)) ** (n_units // int(self.n_values))

    def states(self, index, n_units):
        n_groups = n_units // self.n_values
        places = (1 + self.n_values) ** np.arange(n_groups)
        digits = index[:, None] // places % (1 + self.n_values)
        values = np.eye(1 + self.n_values)[digits, :-1]
        by_map = values.reshape(len(index), -1, self.n_maps, self.n_values)
        return by_map.swapaxes(2, 3).reshape(len(index), n_units)

    def support(self, x):
        groups = self._by_group(x)
        outside = (groups < 0).any(axis=2) | (groups.sum(axis=2) > 1 + 1e-5)
        mean = ((groups != 0) & (groups != 1)).any(axis=2)
        of_group = np.where(mean, np.int8(MEAN), np.int8(STATE))
        of_group[outside] = OUTSIDE
        result = np.empty(x.shape, np.int8)
        self._by_group(result)[...] = of_group[:, :, None]
        return result

    def draw(self, x, rng):
        self.sample(None, rng, out=x, mean=x)

    def n_coordinates(self, n_units):
        return n_units // self.n_values

    def columns(self, coordinate):
        place, own = np.divmod(np.asarray(coordinate), self.n_maps)
        first = place * self.n_values * self.n_maps + own
        return first[..., None] + self.n_maps * np.arange(self.n_values)

    def pooled(self, x):
        """The sum over each group.

        Parameters
        ----------
        x : ndarray of shape (n_samples, n_units)
            Values or means of the units.

        Returns
        -------
        sums : ndarray of shape (n_samples, n_units / n_values)
            Of means, how probable it is that one of the units is on.
        """
        return self._by_group(x).sum(axis=2).reshape(len(x), -1)

    def _by_group(self, x):
        """A view of shape (n_samples, n_places, n_values, n_maps)."""
        return x.reshape(len(x), -1, self.n_values, self.n_maps)

    def _exponentials(self, field):
        """exp(field − top), exp(−top), and the largest of 0 and a group's fields, top."""
        groups = self._by_group(field)
        top = np.maximum(groups.max(axis=2), 0)
        exponentials = groups - top[:, :, None]
        return np.exp(exponentials, out=exponentials), np.exp(-top), top
