"""A few line searches on the loss of large batches."""

import numpy as np
from scipy.optimize import minimize

from ._backprop import BackPropagation


class LineSearches(BackPropagation):
    """A few line searches on the loss of a batch, which is to be a large one.

    Conjugate gradients ("CG") or the quasi-Newton method "L-BFGS-B" of SciPy.
    """

    def __init__(self, method, n_searches, decay=0.0):
        super().__init__(decay)
        self.method = method
        self.n_searches = n_searches

    def __call__(self, network, batch, rng, rate=1.0):
        params = list(network.params.values())
        before = _flat(params)
        # The same noise all along a line.
        seed = rng.integers(2**32)

        def objective(vector):
            _unflatten(vector, params)
            loss, direction = self.descent(network, batch, np.random.default_rng(seed))
            return loss, -_flat(direction.values())

        found = minimize(
            objective,
            before,
            jac=True,
            method=self.method,
            options={"maxiter": self.n_searches},
        )
        self._loss += found.fun * len(batch.targets)
        self._n_rows += len(batch.targets)
        _unflatten(before, params)
        _unflatten(found.x - before, self._gradient.values())
        return self._gradient


def _flat(arrays):
    """One vector of float64, which SciPy's optimizers work with."""
    return np.concatenate([array.ravel() for array in arrays], dtype=np.float64)


def _unflatten(vector, arrays):
    """Write a vector into arrays."""
    start = 0
    for array in arrays:
        array[...] = vector[start : start + array.size].reshape(array.shape)
        start += array.size
