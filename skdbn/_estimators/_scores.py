"""Scores of rows under a restricted machine."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._data._incomplete import known_pseudo_log_likelihood
from .._utils._numerics import blocks


class ScoresMixin:
    """How well rows go with the machine."""

    def free_energy(self, X):
        r"""The free energy of each row, F(v) = −log Σₕ exp(−E(v, h)).

        It is −log p(v) up to the constant log Z: low for rows that are likely under the
        model, and comparable between rows of one model only. It is infinite for
        a row with a value that the visible units cannot have.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        free_energy : ndarray of shape (n_samples,)
            In nats.

        Warns
        -----
        DataRangeWarning
            If a row has a value that the visible units cannot have.
        """
        check_is_fitted(self, "machine_")
        return self._each_row("free_energy", self._validate(X), outside=np.inf)

    def score_samples(self, X):
        r"""The pseudo-log-likelihood of each row, exactly.

        .. math:: \sum_i \log P(v_i \mid v_{-i})

        over all columns i: how well each value follows from the others. A value
        between 0 and 1 on binary units counts by the cross-entropy of it and
        P(v_i = 1 | v_{-i}). Unlike the likelihood it does not need the partition
        function. It is −inf for a row with a value that the visible units cannot have.

        Of a row with NaN the sum is over the known values i, each given the other known
        ones: an estimate, the logarithm of a harmonic mean over states of a clamped
        chain [2]_. It is the same in each call.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data, in an array NaN where a value is unknown.

        Returns
        -------
        pseudo_log_likelihood : ndarray of shape (n_samples,)
            In nats; higher is better.

        Warns
        -----
        DataRangeWarning
            If a row has a value that the visible units cannot have.

        References
        ----------
        .. [1] Besag, J. (1975). Statistical analysis of non-lattice data. The
           Statistician 24, 179-195.
        .. [2] Gelfand, A. E. and Dey, D. K. (1994). Bayesian model choice: asymptotics
           and exact calculations. JRSS B 56, 501-514.
        """
        check_is_fitted(self, "machine_")
        X, unknown = self._validate_incomplete(X)
        if unknown is None:
            return self._each_row("pseudo_log_likelihood", X, -np.inf, dense=True)
        result = np.empty(len(X), self.machine_.weights.dtype)
        some = unknown.any(axis=1)
        if not some.all():
            result[~some] = self._each_row(
                "pseudo_log_likelihood", X[~some], -np.inf, dense=True
            )
        result[some] = known_pseudo_log_likelihood(
            self.machine_, X[some], unknown[some]
        )
        result[self._rows_outside(X)] = -np.inf
        return result

    def score(self, X, y=None):
        """The mean of :meth:`score_samples`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data, in an array NaN where a value is unknown.

        y : array-like, default=None
            Ignored.

        Returns
        -------
        score : float
            Mean pseudo-log-likelihood of a row, in nats.
        """
        return float(self.score_samples(X).mean())

    def _each_row(self, name, X, outside, dense=False):
        """The machine's method of this name for blocks of valid X: a number a row.

        `outside` is that of rows in which the visible units cannot be.
        """
        machine = self.machine_
        result = np.empty(X.shape[0], machine.weights.dtype)
        width = max(machine.shape) if dense else machine.shape[1]
        sure = True
        for part, block in blocks(X, width, result.dtype):
            few, v = machine.given(block)
            result[part] = getattr(few, name)(v)
            sure = sure and machine.visible.surely_supports(v)
        if not sure:
            result[self._rows_outside(X)] = outside
        return result


def mean_activation(machine, X):
    """The mean of E[h | v] over the rows of X."""
    total = np.zeros(machine.shape[1])
    for _, block in blocks(X, len(total), machine.weights.dtype):
        total += machine.hidden_mean(block).sum(axis=0)
    return total / X.shape[0]
