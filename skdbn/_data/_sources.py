"""Where batches of rows come from."""

from functools import cached_property
from numbers import Number
from typing import NamedTuple

import numpy as np

from .._utils._checks import as_numbers
from .._utils._numerics import (
    as_float,
    column_mean,
    column_variance,
    working_dtype,
)
from .._utils._sklearn import check_sample_weight
from ..units import Parametric
from ..units._base import ask
from ._incomplete import conditional_draws

# Weights of rows that float32 can sum; below the first they count as 0.
LEAST_WEIGHT, MOST_WEIGHT = 1e-30, 1e30


def make_source(X, unknown=None, rows=None, weights=None, whole=False):
    """The source of rows of X, of which some values may be unknown."""
    if unknown is None:
        return ArraySource(X, rows, weights)
    return IncompleteSource(X, unknown, rows, weights, whole)


def check_weights(sample_weight, X, normalized=False):
    """The weights of rows, or None, and the index of the rows that count.

    With `normalized` their mean is 1.
    """
    if sample_weight is None:
        return None, np.arange(X.shape[0])
    if not isinstance(sample_weight, Number):
        sample_weight = as_numbers("sample_weight", sample_weight, "numbers, one a row")
    elif not np.isfinite(sample_weight):
        raise ValueError(f"sample_weight={sample_weight}: give finite numbers.")
    with np.errstate(over="ignore", invalid="ignore"):
        weights = check_sample_weight(
            sample_weight, X, dtype=np.float64, ensure_non_negative=True
        )
    if normalized:
        # Exactly, by a power of two, so that no sum of them overflows.
        weights = np.ldexp(weights, -np.frexp(weights.max())[1])
    elif weights.max() > MOST_WEIGHT:
        raise ValueError(
            f"sample_weight has {weights.max():.3g}: divide by the mean of the weights."
        )
    weights = np.where(weights < LEAST_WEIGHT, 0, weights)
    rows = np.flatnonzero(weights)
    if not len(rows):
        raise ValueError(
            "sample_weight has only zeros: give at least one row a positive weight."
        )
    if normalized:
        weights = weights / weights[rows].mean()
    return weights, rows


class Batch(NamedTuple):
    """Rows of data for one step.

    Where they are not None, `rows` are their numbers in the source, `weights` says how
    much each row counts, and `targets` what a network is to put out for it.
    """

    values: np.ndarray
    rows: np.ndarray | None = None
    weights: np.ndarray | None = None
    targets: np.ndarray | None = None


class ArraySource:
    """Rows of an array or of a sparse matrix, in random order.

    To learn from other things, such as files or windows of sequences, write a class
    with these methods.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Data.

    rows : ndarray of int, default=None
        The rows of X to learn from; None means all.

    weights : ndarray of shape (n_samples,), default=None
        How much each row of X counts.
    """

    unknown = None

    def __init__(self, X, rows=None, weights=None):
        self.X = X
        self.rows = np.arange(X.shape[0]) if rows is None else rows
        self.weights = weights
        if weights is not None:
            self._step_weights = weights.astype(working_dtype(X))

    def __len__(self):
        return len(self.rows)

    @property
    def values(self):
        """The data, with what stands at present for unknown values."""
        return self.X

    @property
    def whole_rows(self):
        """The same with all columns that the machine is given, as a table."""
        return self.values

    def begin(self, machine, rng, n_steps, sample_data=False):
        """Prepare for a training of a machine; there is nothing to do for an array."""

    @cached_property
    def mean(self):
        """The mean of each column over the rows."""
        return column_mean(self.X, self.rows, self.unknown, self.weights)

    @cached_property
    def variance(self):
        """The variance of each column over the rows."""
        return column_variance(self.X, self.mean, self.rows, self.unknown, self.weights)

    def moments(self):
        """Mean and variance of each column, as values are at present."""
        mean = column_mean(self.values, self.rows, weights=self.weights)
        variance = column_variance(self.values, mean, self.rows, weights=self.weights)
        return mean, variance

    def some_gaps(self, most=1000):
        """About so many of the rows less the mean, 0 where a value is unknown."""
        return self.some_rows(most)[0]

    def some_rows(self, most):
        """The same, with the weights of these rows and where they are unknown, or None."""
        some = self.rows[:: 1 + len(self.rows) // most]
        gaps = as_float(self.X[some], np.float64) - self.mean
        weights = None if self.weights is None else self.weights[some]
        unknown = None if self.unknown is None else self.unknown[some]
        if unknown is not None:
            gaps[unknown] = 0
        return gaps, weights, unknown

    def share_known(self):
        """The share of the rows' values that are known."""
        return 1.0 if self.unknown is None else 1 - self.unknown[self.rows].mean()

    def batches(self, machine, batch_size, rng):
        """All rows in random order, a batch at a time.

        Of an array, the values of a batch are overwritten by the next one. The order
        depends on the generator alone.
        """
        self.rows.sort()
        rng.shuffle(self.rows)
        X, buffer = self.values, None
        if isinstance(X, np.ndarray):
            n_rows = min(batch_size, len(self.rows))
            buffer = np.empty((n_rows, X.shape[1]), X.dtype)
        for start in range(0, len(self.rows), batch_size):
            yield self.batch(self.rows[start : start + batch_size], buffer)

    def batch(self, rows, buffer=None):
        """These rows; a buffer is for their values."""
        if buffer is None:
            values = self.values[rows]
        else:
            # mode="clip", since "raise" would go through a buffer of its own
            out = buffer[: len(rows)]
            values = self.values.take(rows, axis=0, out=out, mode="clip")
        weights = None if self.weights is None else self._step_weights[rows]
        return Batch(values, rows, weights)


class LabeledSource(ArraySource):
    """Rows of data with their targets, for networks.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Data.

    targets : ndarray of shape (n_samples, n_outputs)
        What the network is to put out for each row.

    rows : ndarray of int, default=None
        The rows of X to learn from; None means all.

    weights : ndarray of shape (n_samples,) or (n_samples, n_outputs), default=None
        How much each row counts, or each of its targets.
    """

    def __init__(self, X, targets, rows=None, weights=None):
        super().__init__(X, rows, weights)
        self.targets = targets

    def batch(self, rows, buffer=None):
        return super().batch(rows, buffer)._replace(targets=self.targets[rows])


class ReconstructedSource(ArraySource):
    """Rows of data that a network is to put out again.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Data.

    targets_of : callable
        ``targets_of(values)`` gives what the network is to put out for these rows.

    rows : ndarray of int, default=None
        The rows of X to learn from; None means all.

    weights : ndarray of shape (n_samples,), default=None
        How much each row of X counts.
    """

    def __init__(self, X, targets_of, rows=None, weights=None):
        super().__init__(X, rows, weights)
        self.targets_of = targets_of

    def batch(self, rows, buffer=None):
        batch = super().batch(rows, buffer)
        return batch._replace(targets=self.targets_of(batch.values))


class PairsSource(LabeledSource):
    """Rows of data whose batches have many rows with a label, for losses of pairs.

    Batches are of nearly the same size. Where most rows have no label, half of a batch
    are rows that have one, drawn anew and none of them twice; an epoch is then over when
    all others have been there.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Data.

    labels : ndarray of int of shape (n_samples,)
        The label of each row, or −1.

    rows : ndarray of int
        The rows of X to learn from.
    """

    def __init__(self, X, labels, rows):
        super().__init__(X, labels, rows)
        known = labels[rows] >= 0
        self.labeled, self.others = rows[known], rows[~known]
        self.share = max(0.5, len(self.labeled) / len(rows))

    def __len__(self):
        n_others = len(self.others)
        return round(n_others / (1 - self.share)) if n_others else len(self.rows)

    def batches(self, machine, batch_size, rng):
        if not len(self.others):
            for rows in _shuffled(self.rows, batch_size, rng):
                yield self.batch(rows)
            return
        n_labeled = int(np.clip(round(self.share * batch_size), 2, batch_size - 1))
        n_drawn = min(n_labeled, len(self.labeled))
        for others in _shuffled(self.others, batch_size - n_labeled, rng):
            drawn = rng.choice(self.labeled, n_drawn, replace=False)
            yield self.batch(np.append(drawn, others))


def _shuffled(rows, size, rng):
    """Rows in an order that depends on the generator alone, in parts of that size."""
    rows.sort()
    rng.shuffle(rows)
    return np.array_split(rows, -(-len(rows) // size))


class IncompleteSource(ArraySource):
    """Rows of an array of which some values are unknown.

    What stands for them are draws that follow the model. Before a row is used, its
    unknown values move by a Gibbs step with the known ones clamped: they are draws of
    p(unknown v | known v), at which the statistics of the data have the gradient of
    log p(known v) for a mean [1]_.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Data, with something in place of unknown values.

    unknown : ndarray of bool of shape (n_samples, n_features)
        Where values are unknown.

    rows : ndarray of int, default=None
        The rows of X to learn from; None means all.

    weights : ndarray of shape (n_samples,), default=None
        How much each row of X counts.

    whole : bool, default=False
        Whether these rows are all data that the machine learns from.

    References
    ----------
    .. [1] Younes, L. (1989). Parametric inference for imperfectly observed Gibbsian
       fields. Probability Theory and Related Fields 82, 625-645.
    """

    def __init__(self, X, unknown, rows=None, weights=None, whole=False):
        super().__init__(X, rows, weights)
        self.unknown = unknown
        self.whole = whole
        self.draws = X
        self.sample_data = False

    @property
    def values(self):
        return self.draws

    def begin(self, machine, rng, n_steps, sample_data=False):
        """Draw the unknown values, from chains of so many Gibbs steps.

        With `sample_data` values of the data may be means, of which states are drawn.
        """
        own = rng.spawn(1)[0]
        self.draws = conditional_draws(machine, self.X, self.unknown, own, n_steps)
        self.sample_data = sample_data and not machine.visible.are_states(self.draws)

    def batches(self, machine, batch_size, rng):
        self.update_moments(machine)
        for batch in super().batches(machine, batch_size, rng):
            self.move(machine, batch, rng)
            yield batch

    def update_moments(self, machine):
        """Give the machine the moments of the data as values are at present."""
        if self.whole and ask(machine.visible, Parametric).params:
            machine.visible.set_moments(len(self), *self.moments())

    def move(self, machine, batch, rng):
        """Move the unknown values of a batch, in place."""
        unknown = self.unknown[batch.rows]
        some = np.flatnonzero(unknown.any(axis=1))
        if not len(some):
            return
        unknown, moved = unknown[some], batch.values[some]
        few, v = machine.given(moved)
        # A view of the last columns, where others are given.
        modeled, holes = moved[:, -v.shape[1] :], unknown[:, -v.shape[1] :]
        if self.sample_data:
            machine.visible.draw(v, rng)
            modeled[:] = v
        new = few.masked(holes, v).visible_sample(few.hidden_sample(v, rng), rng)
        np.copyto(modeled, new, where=holes)
        batch.values[some] = moved
        rows = batch.rows[some]
        kept = self.draws[rows]
        np.copyto(kept, moved, where=unknown)
        self.draws[rows] = kept
