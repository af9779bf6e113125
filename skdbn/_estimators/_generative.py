"""Models that generate: samples, and unknown values given the known ones."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._data._incomplete import (
    CHAIN_ELEMENTS,
    conditional_draws,
    hidden_by,
    row_streams,
    warn_of_empty_rows,
    with_found,
)
from .._samplers import Chains
from .._utils._checks import check_counts
from .._utils._random import make_rng
from .._utils._threads import threads_for


class GenerativeMixin:
    """What a model of rows can draw: new ones, and what is unknown of given ones.

    An estimator says by `_top` which machine has the chains, by `_from_state` how rows
    follow from their states, by `_bottom` which RBM knows the columns, and by `_fill`
    how unknown values are found.
    """

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

        The chains start from the visible biases alone; the first steps are burn-in. Of
        a net they are those of the RBM at the top, and from the end of each one draw
        goes layer by layer down to the data.

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
        check_is_fitted(self)
        check_trace(n_samples, n_steps, tempering, trace)
        rng, bottom = self._generator(random_state), self._bottom()
        states = states_of_chains(
            self._top(), n_samples, rng, n_steps, tempering, trace
        )
        rows = (self._from_state(state, rng, means) for state in states)
        return film([bottom._as_data(v, means) for v in rows], trace)

    def conditional_sample(
        self, X, mask=None, *, n_steps=100, tempering=1, random_state=None
    ):
        r"""Draw the unknown values of each row, given the known ones.

        .. math:: v_{\text{unknown}} \sim p(v_{\text{unknown}} \mid v_{\text{known}})

        by a Gibbs chain for each row, in which the known values are clamped. In a net
        of several layers the hidden units are drawn from the bottom up, one Gibbs step
        is made at the top, and the units below are drawn down to the data: an
        approximation, since what is drawn upwards is not the posterior.

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
            models whose chains mix slowly. The time grows in proportion. A net of
            several layers takes 1.

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
        return self._filled_in(X, mask, random_state, n_steps, tempering)

    def impute(self, X, *, n_samples=100, n_steps=100, tempering=1, random_state=None):
        r"""Fill in what is unknown of each row by its mean, given what is known.

        .. math:: E[v_{\text{unknown}} \mid v_{\text{known}}] \approx
                  \big\langle E[v_{\text{unknown}} \mid h] \big\rangle

        where the mean is over states of the chains of :meth:`conditional_sample`. Means
        of binary units are probabilities.

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
            models whose chains mix slowly. The time grows in proportion. A net of
            several layers takes 1.

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
        return self._filled_in(X, None, random_state, n_steps, tempering, n_means)

    def _filled_in(
        self, X, mask, random_state, n_steps, tempering=1, n_means=None, **known
    ):
        """X with draws, or with means of so many, where a value is unknown.

        `known` is what else is known of each row, for models of labels.
        """
        check_is_fitted(self)
        bottom, given = self._bottom(), X
        if mask is not None:
            X = hidden_by(mask, X)
        rows, unknown = self._validate_incomplete(X)
        bottom._check_data(rows)
        if unknown is None:
            rows = rows.copy()
        else:
            warn_of_empty_rows(unknown)
            rng = self._generator(random_state)
            found = self._fill(rows, unknown, rng, n_steps, tempering, n_means, **known)
            rows = with_found(rows, found, unknown)
        return bottom._merged(X, rows, n_means is not None, given)

    def _bottom(self):
        """The RBM at the bottom, for rows that were validated and are arrays by now."""
        return self

    def _top(self):
        """The machine that has the chains."""
        return self.machine_

    def _from_state(self, state, rng, means):
        """Rows that follow from states of chains, or their means; a copy."""
        if not means:
            return state.visible.copy()
        with threads_for(len(state.visible), self.machine_.n_weights):
            return self.machine_.visible_mean(state.hidden)

    def _fill(self, rows, unknown, rng, n_steps, tempering, n_means):
        """Draws of p(unknown v | known v), or their means."""
        settings = n_steps, tempering, n_means
        return conditional_draws(self.machine_, rows, unknown, rng, *settings)

    def _generator(self, random_state):
        """Where random numbers come from: an int's, or the estimator's own stream."""
        return self._sampling_rng() if random_state is None else make_rng(random_state)

    def _sampling_rng(self):
        if not hasattr(self, "_rng"):
            self._rng = make_rng(self.random_state)
        return self._rng


class LayeredMixin(GenerativeMixin):
    """What a net of machines on top of each other can draw; `_stack` says which."""

    def _stack(self):
        raise NotImplementedError

    def _validate_incomplete(self, X):
        return self._bottom()._validate_incomplete(self._validate(X, allow_nan=True))

    def _top(self):
        return self._stack().top

    def _from_state(self, state, rng, means):
        return self._stack().from_state(state, rng, means)

    def _fill(self, rows, unknown, rng, n_steps, tempering, n_means, labels=None):
        stack = self._stack()
        if tempering > 1:
            if stack.below or labels is not None:
                raise ValueError(
                    f"tempering={tempering} with {1 + len(stack.below)} layers: unknown "
                    "values of such a net take tempering=1."
                )
            settings = n_steps, tempering, n_means
            return conditional_draws(stack.top, rows, unknown, rng, *settings)
        result = rows.astype(stack.dtype)
        some = np.flatnonzero(unknown.any(axis=1))
        step = max(1, CHAIN_ELEMENTS // stack.width)
        for part, streams in row_streams(rows, unknown, rng, some, step):
            own = () if labels is None else (labels[part],)
            result[part] = stack.fill(
                result[part], ~unknown[part], streams, n_steps, n_means, *own
            )
        return result


def states_of_chains(
    machine, n_samples, rng, n_steps, tempering=1, trace=None, clamp=None
):
    """Yield the states of chains after some steps, or after each `trace` of them."""
    chains = Chains(machine, n_samples, rng, tempering, clamp)
    for _ in range(1 if trace is None else n_steps // trace):
        yield chains.advance(trace or n_steps)


def film(states, trace):
    """The states from the first to the last, or without `trace` the only one."""
    if trace is None:
        return states[0]
    return np.stack(states) if isinstance(states[0], np.ndarray) else states


def check_trace(n_samples, n_steps, tempering, trace):
    """Raise a ValueError unless chains of so many steps have a state to return."""
    check_counts("sample", n_samples=n_samples, n_steps=n_steps, tempering=tempering)
    if trace is not None:
        check_counts("sample", trace=trace)
        if trace > n_steps:
            raise ValueError(
                f"trace={trace} is above n_steps={n_steps}, so that there is no state "
                "to return: take fewer, or more steps."
            )
