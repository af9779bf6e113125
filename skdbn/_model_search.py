"""The default model of an imputer: its size, its penalty and how long it learns."""

import numpy as np
from sklearn.base import clone

from ._encoding import Encoding, is_frame
from ._incomplete import drawn, hidden_by
from ._mixed_rbm import MixedRBM
from ._numerics import column_mean
from ._random import make_rng
from .exceptions import DivergenceError

# Hidden units for each column, at most, and known values of a column for each of them.
UNITS_PER_COLUMN = 2
VALUES_PER_UNIT = 5
MOST_UNITS = 256

# Updates of the parameters in the fits that are tried, as far as the products of all of
# them stay below so many multiplications.
N_UPDATES = 500, 1500, 4500
MOST_MULTIPLICATIONS = 5e10
# A longer fit has to make the error so much smaller.
IMPROVEMENT = 0.03

# Known values that are hidden to judge a fit: this share, in so many rows at most.
SHARE_HELD_OUT = 0.1
MOST_ROWS_HELD_OUT = 500
# Where they are fewer than this share of all, the judged fit is kept as it is.
FEW = 0.05
# Gibbs steps to judge a fit, and states of which the mean is taken.
N_STEPS, N_MEANS = 20, 20


def default_model(kind, unknown):
    """A model for data of which this is unknown, with as many units as they support.

    The penalty on the weights is that of a normal prior under which all hidden units
    together have the variance of a standardized column.
    """
    n_rows, n_columns = unknown.shape
    n_known = (~unknown).sum() / n_columns
    n_units = int(
        np.clip(
            n_known / VALUES_PER_UNIT, 1, min(UNITS_PER_COLUMN * n_columns, MOST_UNITS)
        )
    )
    return kind(
        n_units,
        batch_size=int(np.clip(n_rows // 100, 10, 100)),
        weight_decay=n_units / (4 * n_rows),
    )


def fit_lengths(model, shape):
    """Numbers of epochs to try."""
    n_rows, n_columns = shape
    step = min(model.batch_size, n_rows)
    work = n_columns * model.n_components * step
    updates = [n for n in N_UPDATES if n * work <= MOST_MULTIPLICATIONS]
    epochs = [-(-n * step // n_rows) for n in updates or N_UPDATES[:1]]
    return sorted(set(epochs))


def fit_by_held_out_values(model, X, unknown, fit, report, random_state):
    """A fit of the model whose length is chosen by known values that it did not see.

    Parameters
    ----------
    model : RBM
        Not changed.

    X : {ndarray, DataFrame} of shape (n_samples, n_features)
        Data.

    unknown : ndarray of bool of shape (n_samples, n_features)
        Where values of X are unknown.

    fit : callable
        ``fit(model, X)``

    report : callable
        ``report(model, error)`` is told of each fit that is tried, and of its squared
        error in units of that of the column means.

    random_state : int
        Determines which values are held out.

    Returns
    -------
    model : RBM
        A fitted model; one that knows the column means and no more, where none does
        better.
    """
    rng = make_rng(random_state)
    held_out = choose_held_out(X, unknown, variables(model, X), rng)
    if not held_out.any():
        return fit(clone(model).set_params(n_iter=fit_lengths(model, X.shape)[0]), X)
    seen = hidden_by(held_out, X)
    best, least = None, np.inf
    for n_iter in fit_lengths(model, X.shape):
        try:
            new = fit(clone(model).set_params(n_iter=n_iter), seen)
        except DivergenceError:
            break
        error = relative_error(new, X, seen, held_out, rng)
        report(new, error)
        if error >= (1 - IMPROVEMENT) * least:
            break
        best, least = new, error
    if least >= 1:
        return fit(clone(model).set_params(n_iter=0), X)
    if held_out.sum() < FEW * (~unknown).sum():
        return best
    try:
        return fit(clone(model).set_params(n_iter=best.n_iter), X)
    except DivergenceError:
        return best


def variables(model, X):
    """Columns that are known or unknown together."""
    if not isinstance(model, MixedRBM):
        return [[i] for i in range(X.shape[1])]
    encoding = Encoding(X, model.units)
    places = {name: i for i, name in enumerate(encoding.names)}
    return [[places[name] for name in v.columns] for v in encoding.variables]


def choose_held_out(X, unknown, groups, rng):
    """Known values to be hidden; something stays known of each row and column.

    Of each category a row stays, lest the model does not know of it.
    """
    n_rows = len(unknown)
    held_out = np.zeros(unknown.shape, bool)
    rows = rng.permutation(n_rows)[:MOST_ROWS_HELD_OUT]
    for columns in groups:
        some = rows[rng.random(len(rows)) < SHARE_HELD_OUT]
        held_out[np.ix_(some, columns)] = True
    held_out &= ~unknown
    if is_frame(X):
        for i, name in enumerate(X.columns):
            values = np.asarray(X[name])
            if values.dtype.kind not in "biuf":
                held_out[list({v: r for r, v in enumerate(values)}.values()), i] = False
    held_out[(held_out | unknown).all(axis=1)] = False
    held_out[:, (held_out | unknown).all(axis=0)] = False
    return held_out


def relative_error(model, X, seen, held_out, rng):
    """Squared error of the held-out values, in units of that of the column means."""
    truth = model._validate(X, allow_nan=True)
    given, unknown = model._validate_incomplete(seen)
    if unknown is None:
        unknown = np.zeros(given.shape, bool)
    means = column_mean(given, unknown=unknown)
    judged = unknown & ~np.isnan(truth)
    rows = np.flatnonzero(judged.any(axis=1))
    given, unknown, judged, truth = (
        array[rows] for array in (given, unknown, judged, truth)
    )
    found = drawn(model.machine_, given, unknown, rng, N_STEPS, n_means=N_MEANS)
    error, error_of_means = (
        float(np.square(rows - truth)[judged].sum(dtype=np.float64))
        for rows in (found, means)
    )
    return error / error_of_means if error_of_means else np.inf
