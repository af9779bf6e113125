"""Models that generate: samples, and unknown values given the known ones."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._data._incomplete import (
    CHAIN_ELEMENTS,
    hidden_by,
    row_streams,
    warn_of_empty_rows,
)
from .._samplers import Chains
from .._utils._checks import check_counts
from .._utils._random import make_rng


class GenerativeMixin:
    """Samples from the chains of the machine at the top, and from the way down.

    An estimator says by `_stack` which machines stand on top of each other, and by
    `_bottom` which RBM knows the columns.
    """

    def _stack(self):
        """The machines on top of each other."""
        raise NotImplementedError

    def _bottom(self):
        """The RBM at the bottom, for rows that were validated and are arrays by now."""
        raise NotImplementedError

    def sample(
        self,
        n_samples=1,
        *,
        n_steps=1000,
        tempering=1,
        trace=None,
        means=False,
        random_state=None,
    ):
        """Draw rows from the net.

        Gibbs chains of the RBM at the top, and from the end of each one draw layer by
        layer down to the data.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.

        n_steps : int, default=1000
            Number of Gibbs steps at the top.

        tempering : int, default=1
            Number of temperatures at the top; with more than one its chains change
            places with companions at higher temperatures.

        trace : int, default=None
            Return a row of each chain after this number of steps, as for a film; None
            returns only the last one.

        means : bool, default=False
            Whether to return the means of the visible units given the layer above, as
            for pictures, in place of draws.

        random_state : int, RandomState instance or None, default=None
            None continues the estimator's own stream of random numbers, so that the
            next call draws anew.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The rows; with `trace` of shape (n_steps // trace, n_samples, n_features),
            the states from the first to the last.

        Raises
        ------
        ValueError
            If a number is not an int of at least 1, or `trace` is above `n_steps`.
        """
        check_is_fitted(self)
        check_trace(n_samples, n_steps, tempering, trace)
        rng, stack, bottom = (
            self._generator(random_state),
            self._stack(),
            self._bottom(),
        )
        states = states_of_chains(stack.top, n_samples, rng, n_steps, tempering, trace)
        rows = (stack.from_state(state, rng, means) for state in states)
        return film([bottom._as_data(v, means) for v in rows], trace)

    def conditional_sample(self, X, mask=None, *, n_steps=100, random_state=None):
        """Draw the unknown values of each row, given the known ones.

        In each round the hidden units are drawn from the bottom up, one Gibbs step is
        made at the top, the units below are drawn down to the data, and the known
        values are put back. With a single layer that is a Gibbs chain of the exact
        conditional distribution, and with more an approximation to it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of data.

        mask : array-like of bool of shape (n_samples, n_features), default=None
            True where a value is unknown; NaN is unknown, too.

        n_steps : int, default=100
            Number of such rounds.

        random_state : int, RandomState instance or None, default=None
            None continues the estimator's own stream of random numbers, so that the
            next call draws anew.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The rows with the unknown values drawn, and the known ones as they are.

        Raises
        ------
        ValueError
            If `mask` is not boolean or not of the shape of X.

        Warns
        -----
        EstimateWarning
            If nothing is known of a row: it follows the net's own distribution.
        """
        check_counts("conditional_sample", n_steps=n_steps)
        return self._filled_in(X, mask, n_steps, random_state)

    def impute(self, X, *, n_samples=100, n_steps=100, random_state=None):
        """Fill in what is unknown of each row by its mean, given what is known.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of data, NaN where a value is unknown.

        n_samples : int, default=100
            Number of rounds, as :meth:`conditional_sample` makes them, over which the
            mean is taken. 1 returns a draw in place of a mean.

        n_steps : int, default=100
            Number of rounds before the first of these.

        random_state : int, RandomState instance or None, default=None
            None continues the estimator's own stream of random numbers, so that the
            next call draws anew.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The rows without NaN, and the known values as they are.

        Warns
        -----
        EstimateWarning
            If nothing is known of a row: its means are those of the net.
        """
        check_counts("impute", n_samples=n_samples, n_steps=n_steps)
        n_means = None if n_samples == 1 else n_samples
        return self._filled_in(X, None, n_steps, random_state, n_means)

    def _filled_in(self, X, mask, n_steps, random_state, n_means=None, labels=None):
        """X with draws, or with means of so many, where a value is unknown.

        `labels` has what else is known of each row, for models of labels.
        """
        check_is_fitted(self)
        bottom, given = self._bottom(), X
        if mask is not None:
            X = hidden_by(mask, X)
        rows, unknown = bottom._validate_incomplete(self._validate(X, allow_nan=True))
        bottom._check_data(rows)
        if unknown is None:
            rows = rows.copy()
        else:
            warn_of_empty_rows(unknown)
            rng = self._generator(random_state)
            self._fill(rows, unknown, rng, n_steps, n_means, labels)
        return bottom._merged(X, rows, n_means is not None, given)

    def _fill(self, rows, unknown, rng, n_steps, n_means, labels):
        """Fill in the unknown values, in place."""
        stack = self._stack()
        some = np.flatnonzero(unknown.any(axis=1))
        step = max(1, CHAIN_ELEMENTS // stack.width)
        for part, streams in row_streams(rows, unknown, rng, some, step):
            block, known = rows[part].astype(stack.dtype), ~unknown[part]
            own = () if labels is None else (labels[part],)
            found = stack.fill(block, known, streams, n_steps, n_means, *own)
            rows[part] = np.where(known, rows[part], found)

    def _generator(self, random_state):
        if random_state is not None:
            return make_rng(random_state)
        if not hasattr(self, "_rng"):
            self._rng = make_rng(self.random_state)
        return self._rng


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
