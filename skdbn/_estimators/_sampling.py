"""Samples of a restricted machine: new rows, and what is unknown of given ones."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._data._encoding import with_index_of
from .._data._incomplete import conditional_draws, hidden_by, warn_of_empty_rows
from .._utils._checks import check_counts
from .._utils._threads import threads_for
from ._generative import check_trace, film, states_of_chains


class SamplingMixin:
    """What an estimator that holds a machine can draw."""

    def gibbs(self, v):
        """One Gibbs step: draw h given v, then v given h.

        Each call continues the estimator's own stream of random numbers.

        Parameters
        ----------
        v : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        v_new : {ndarray, DataFrame} of shape (n_samples, n_features)
            The rows after the step, with the index of `v`.

        Warns
        -----
        DataRangeWarning
            If values are outside the range of the visible units.
        """
        check_is_fitted(self, "machine_")
        machine = self.machine_
        rng = self._sampling_rng()
        X = self._validate(v)
        self._rows_outside(X)
        X = self._rows(X)
        with threads_for(len(X), machine.n_weights):
            rows = machine.visible_sample(machine.hidden_sample(X, rng), rng)
        return with_index_of(v, self._as_data(rows))

    def sample(
        self,
        n_samples=1,
        *,
        n_steps=1000,
        tempering=1,
        means=False,
        trace=None,
        random_state=None,
    ):
        """Draw samples from the model, each by its own Gibbs chain.

        The chains start from the visible biases alone; the first steps are burn-in.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.

        n_steps : int, default=1000
            Number of Gibbs steps.

        tempering : int, default=1
            Number of temperatures. With more than one each chain changes places with
            companions at higher temperatures, where it moves freely to other modes: for
            models whose chains mix slowly. The time grows in proportion.

        means : bool, default=False
            Whether to return the means of the visible units given the hidden ones, as
            for pictures, in place of draws.

        trace : int, default=None
            Return each state after this number of steps, as for a film; None returns
            only the last one.

        random_state : int, RandomState instance or None, default=None
            None continues the estimator's own stream of random numbers, so that the
            next call draws anew.

        Returns
        -------
        X : {ndarray, DataFrame} of shape (n_samples, n_features)
            The rows. With `trace` there are n_steps // trace of such tables, from the
            first to the last, in an array or, of a model of a DataFrame, in a list.

        Raises
        ------
        ValueError
            If a number is not an int of at least 1, or `trace` is above `n_steps`.
        """
        check_is_fitted(self, "machine_")
        check_trace(n_samples, n_steps, tempering, trace)
        rng = self._generator(random_state)
        states = states_of_chains(
            self.machine_, n_samples, rng, n_steps, tempering, trace
        )
        return film([self._drawn(state, means) for state in states], trace)

    def _drawn(self, state, means=False):
        """The rows of states of chains, or their means; a copy."""
        rows = state.visible.copy()
        if means:
            with threads_for(len(rows), self.machine_.n_weights):
                rows = self.machine_.visible_mean(state.hidden)
        return self._as_data(rows, means)

    def conditional_sample(
        self, X, mask=None, *, n_steps=100, tempering=1, random_state=None
    ):
        r"""Draw the unknown values of each row, given the known ones.

        .. math:: v_{\text{unknown}} \sim p(v_{\text{unknown}} \mid v_{\text{known}})

        by a Gibbs chain for each row, in which the known values are clamped.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_samples, n_features)
            Rows of data. In a group of softmax units, of which one is 1, known zeros
            leave the others open, and a known 1 does not.

        mask : array-like of bool of shape (n_samples, n_features), default=None
            True where a value is unknown; NaN is unknown, too.

        n_steps : int, default=100
            Number of Gibbs steps.

        tempering : int, default=1
            Number of temperatures. With more than one each chain changes places with
            companions at higher temperatures, where it moves freely to other modes: for
            models whose chains mix slowly. The time grows in proportion.

        random_state : int, RandomState instance or None, default=None
            None continues the estimator's own stream of random numbers, so that the
            next call draws anew.

        Returns
        -------
        X : {ndarray, DataFrame} of shape (n_samples, n_features)
            The rows with the unknown values drawn, and the known ones as they are.

        Raises
        ------
        ValueError
            If `mask` is not boolean or not of the shape of X, or if known values of
            softmax units cannot go together.

        Warns
        -----
        EstimateWarning
            If nothing is known of a row: it follows the model's own distribution.
        """
        check_counts("conditional_sample", n_steps=n_steps, tempering=tempering)
        return self._filled_in(X, mask, n_steps, tempering, random_state)

    def impute(self, X, *, n_samples=100, n_steps=100, tempering=1, random_state=None):
        r"""Fill in what is unknown of each row by its mean, given what is known.

        .. math:: E[v_{\text{unknown}} \mid v_{\text{known}}] \approx
                  \big\langle E[v_{\text{unknown}} \mid h] \big\rangle

        where the mean is over states of a Gibbs chain in which the known values are
        clamped. Means of binary units are probabilities.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_samples, n_features)
            Rows of data, NaN where a value is unknown. In a group of softmax units, of
            which one is 1, known zeros leave the others open, and a known 1 does not.

        n_samples : int, default=100
            Number of states of the chain of a row, over which the mean is taken. 1
            returns a draw in place of a mean, as :meth:`conditional_sample` does.

        n_steps : int, default=100
            Number of Gibbs steps before the first of these states; one is between two
            of them.

        tempering : int, default=1
            Number of temperatures. With more than one each chain changes places with
            companions at higher temperatures, where it moves freely to other modes: for
            models whose chains mix slowly. The time grows in proportion.

        random_state : int, RandomState instance or None, default=None
            None continues the estimator's own stream of random numbers, so that the
            next call draws anew.

        Returns
        -------
        X : {ndarray, DataFrame} of shape (n_samples, n_features)
            The rows without NaN, and the known values as they are.

        Raises
        ------
        ValueError
            If known values of softmax units cannot go together.

        Warns
        -----
        EstimateWarning
            If nothing is known of a row: its means are those of the model.

        References
        ----------
        .. [1] Gelfand, A. E. and Smith, A. F. M. (1990). Sampling-based approaches to
           calculating marginal densities. JASA 85, 398-409.
        """
        check_counts(
            "impute", n_samples=n_samples, n_steps=n_steps, tempering=tempering
        )
        n_means = None if n_samples == 1 else n_samples
        return self._filled_in(X, None, n_steps, tempering, random_state, n_means)

    def _filled_in(self, X, mask, n_steps, tempering, random_state, n_means=None):
        check_is_fitted(self, "machine_")
        given = X
        if mask is not None:
            X = hidden_by(mask, X)
        rows, unknown = self._validate_incomplete(X)
        self._check_data(rows)
        if unknown is None:
            rows = rows.copy()
        else:
            warn_of_empty_rows(unknown)
            rng = self._generator(random_state)
            found = self._conditional_draws(
                rows, unknown, rng, n_steps, tempering, n_means
            )
            np.copyto(rows, found, where=unknown, casting="same_kind")
        return self._merged(X, rows, n_means is not None, given)

    def _conditional_draws(self, rows, unknown, rng, *settings):
        """Draws of p(unknown v | known v), or their means."""
        return conditional_draws(self.machine_, rows, unknown, rng, *settings)
