"""Rows of which some columns are given, and windows of sequences."""

import numpy as np

from .._utils._checks import as_numbers
from .._utils._numerics import as_float
from .._utils._sklearn import column_indices
from ._sources import ArraySource, Batch, IncompleteSource, make_source


class ConditionalSource(IncompleteSource):
    """Rows of given columns u and then of modeled ones v, of which some may be unknown.

    Batches are whole rows; the moments and what else a source says are those of v.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_given + n_visible)
        Data.

    n_given : int
        The number of columns of u, which come first.

    unknown : ndarray of bool of shape (n_samples, n_given + n_visible), default=None
        Where values are unknown; u is known.

    rows : ndarray of int, default=None
        The rows of X to learn from; None means all.

    weights : ndarray of shape (n_samples,), default=None
        How much each row of X counts.

    whole : bool, default=False
        Whether these rows are all data that the machine learns from.
    """

    def __init__(self, X, n_given, unknown=None, rows=None, weights=None, whole=False):
        # It has all columns and moves what is unknown.
        self._source = make_source(X, unknown, rows, weights)
        self.n_given = n_given
        own = None if unknown is None else unknown[:, n_given:]
        rows = self._source.rows
        super().__init__(X[:, n_given:], own, rows, weights, whole)

    @property
    def rows(self):
        """The rows of X to learn from."""
        return self._source.rows

    @rows.setter
    def rows(self, rows):
        self._source.rows = rows

    @property
    def whole_rows(self):
        return self._source.values

    @property
    def values(self):
        return self.whole_rows[:, self.n_given :]

    def begin(self, machine, rng, n_steps, sample_data=False):
        self._source.begin(machine, rng, n_steps, sample_data)

    def batches(self, machine, batch_size, rng):
        if self.unknown is not None:
            self.update_moments(machine)
        return self._source.batches(machine, batch_size, rng)

    def some_whole_rows(self, most):
        """About so many of the rows, of all columns, and their weights or None."""
        some = self.rows[:: 1 + len(self.rows) // most]
        weights = None if self.weights is None else self.weights[some]
        return as_float(self._source.X[some], np.float64), weights


class Windows(ArraySource):
    """Windows of sequences: each frame with those before it, which are given.

    A row is the frames from `order` before a frame up to it, side by side, and is made
    for its batch. What else a source says is that of the frames.

    Parameters
    ----------
    X : ndarray of shape (n_frames, n_features)
        The sequences one after the other.

    rows : ndarray of int
        The frames to learn from, each with `order` frames of its sequence before it.

    order : int
        How many frames before a frame are given.

    starts : ndarray of int of shape (n_frames,)
        The first frame of the sequence of each frame.
    """

    def __init__(self, X, rows, order, starts):
        super().__init__(X, rows)
        self._table = WindowTable(X, order, starts)
        self.n_given = order * X.shape[1]

    @property
    def whole_rows(self):
        return self._table

    def batches(self, machine, batch_size, rng):
        self.rows.sort()
        rng.shuffle(self.rows)
        for start in range(0, len(self.rows), batch_size):
            yield self.batch(self.rows[start : start + batch_size])

    def batch(self, rows, buffer=None):
        return Batch(self.whole_rows[rows], rows)

    def some_whole_rows(self, most):
        """About so many of the windows, and their weights, which are None."""
        some = self.rows[:: 1 + len(self.rows) // most]
        return as_float(self.whole_rows[some], np.float64), None


class WindowTable:
    """Windows of all frames as a table, of which rows are made when they are read.

    Parameters
    ----------
    X : ndarray of shape (n_frames, n_features)
        The sequences one after the other.

    order : int
        How many frames before a frame are given.

    starts : ndarray of int of shape (n_frames,)
        The first frame of the sequence of each frame, which stands for those before it.
    """

    def __init__(self, X, order, starts):
        self.X, self.order, self.starts = X, order, starts
        self.shape = len(X), (order + 1) * X.shape[1]
        self.dtype = X.dtype

    def __len__(self):
        return len(self.X)

    def __getitem__(self, rows):
        if isinstance(rows, slice):
            rows = np.arange(len(self))[rows]
        places = np.asarray(rows)[:, None] + np.arange(-self.order, 1)
        np.maximum(places, self.starts[rows][:, None], out=places)
        return self.X[places].reshape(len(places), -1)


def sequence_starts(lengths, X):
    """The first frame of the sequence of each frame; a ValueError if there is none.

    `lengths` are those of the sequences in X, one after the other; None means one.
    """
    n_frames = X.shape[0]
    if lengths is None:
        lengths = [n_frames]
    lengths = as_numbers("lengths", lengths, "numbers of frames, one a sequence")
    if lengths.ndim != 1 or (lengths != np.floor(lengths)).any() or (lengths < 1).any():
        raise ValueError(
            f"lengths={lengths.tolist()}: give a positive whole number of frames for each "
            "sequence."
        )
    lengths = lengths.astype(int)
    if lengths.sum() != n_frames:
        raise ValueError(
            f"lengths add up to {lengths.sum()} frames, and X has n_samples={n_frames}: "
            "give the number of frames of each sequence, in the order of X."
        )
    return np.repeat(np.cumsum(lengths) - lengths, lengths)


def part_columns(context, X):
    """The numbers of the columns of X that are given, and those of the others.

    `context` names them as for a column transformer; None means none.
    """
    n = X.shape[1]
    try:
        key = context(X) if callable(context) else context
        found = [] if key is None else column_indices(X, key)
        found = np.atleast_1d(np.asarray(found, dtype=int))
    except (ValueError, TypeError, LookupError, NotImplementedError) as error:
        raise ValueError(
            f"context={context!r} says no columns of X, which has {n}: {error}. Give names "
            "or numbers of columns, a slice, a mask or a function of X."
        ) from error
    others = np.setdiff1d(np.arange(n), found)
    if len(found) + len(others) > n:
        raise ValueError(f"context={context!r} has a column twice: give each once.")
    if not len(others):
        raise ValueError(
            f"context={context!r} takes all {n} feature(s) of X, and leaves none to be "
            "modeled: leave out some."
        )
    return found, others
