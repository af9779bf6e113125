"""What the estimators of a conditional machine share."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._training._conditional import ConditionalPlan
from .._utils._checks import check_counts
from .._utils._numerics import blocks
from ..evaluation._conditional import log_partitions
from ..evaluation._likelihood import check_states
from ._rbm import RBM


class ConditionalEstimator(RBM):
    """An RBM whose machine is conditional; `_n_given` says on how many columns."""

    @property
    def context_components_(self):
        """The weights B, of shape (n_components, n_context)."""
        return self.machine_.to_hidden.T

    @property
    def context_coef_(self):
        """The weights A, of shape (n_visible, n_context)."""
        return self.machine_.to_visible.T

    def _plan(self, **others):
        visible, hidden = self._new_units()
        others |= {"visible": visible, "hidden": hidden, "n_given": self._n_given}
        return ConditionalPlan.of(self, **others)

    def log_likelihood(self, X, *, n_chains=1, n_betas=1000, random_state=None):
        r"""The log-likelihood of each row given its context.

        .. math:: \log p(v \mid u) = -F(v \mid u) - \log Z(u)

        where log Z(u) is a sum over all states of the smaller layer, if that is of 12
        binary units or as many states, and otherwise found by annealed importance
        sampling. It is then too small where chains miss a mode, and the likelihood too
        large: take more `n_betas` until the result stays.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        n_chains : int, default=1
            Number of annealed chains for a row.

        n_betas : int, default=1000
            Number of distributions on their way.

        random_state : int, RandomState instance or None, default=None
            None continues the estimator's own stream of random numbers, so that the
            next call draws anew.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            In nats; −inf for a row with a value that the visible units cannot have.

        Raises
        ------
        ValueError
            If a number is not an int of at least 1, or if values of X are means of
            states, such as gray levels of binary units.

        References
        ----------
        .. [1] Neal, R. M. (2001). Annealed importance sampling. Statistics and
           Computing 11, 125-139.
        """
        check_is_fitted(self, "machine_")
        X = self._validate(X)
        return self._log_likelihood(X, n_chains, n_betas, random_state)

    def _log_likelihood(self, X, n_chains, n_betas, random_state):
        """log p(v | u) of valid rows, as the machine has them."""
        check_counts("log_likelihood", n_chains=n_chains, n_betas=n_betas)
        result, machine = np.empty(X.shape[0]), self.machine_
        width, rng = max(machine.weights.shape), self._generator(random_state)
        for part, block in blocks(X, width, machine.weights.dtype):
            few, v = machine.given(block)
            check_states(machine.visible, v)
            log_z = log_partitions(few, n_chains, n_betas, rng)
            result[part] = -few.free_energy(v).astype(np.float64) - log_z
        result[self._rows_outside(X)] = -np.inf
        return result
