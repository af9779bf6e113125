"""Data of which some values are unknown: NaN, or hidden by a mask."""

import numpy as np
from scipy.sparse import issparse

from .._samplers import Chains
from .._utils._checks import as_numbers
from .._utils._numerics import blocks, working_dtype
from .._utils._random import RowStreams, distinct, row_keys
from .._utils._threads import threads_for
from ..exceptions import EstimateWarning, warn
from ..machines import Clamp
from ..units import Grouped
from ..units._base import ask
from ._tables import check_frame, is_frame

# Of the chains that judge known values: Gibbs steps before the first state, states, and
# steps from one to the next.
SCORE_BURN_IN, N_SCORE_STATES, SCORE_STEPS = 50, 20, 5

# How many values of visible units are drawn at a time.
CHAIN_ELEMENTS = 2**21


def nan_places(X):
    """Where X, dense or sparse, is NaN; None if it is nowhere."""
    stored = X.data if issparse(X) else X
    if stored.dtype.kind != "f":
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        # A sum is quick, and NaN if a value is.
        if not np.isnan(stored.sum()):
            return None
    places = np.isnan(stored)
    if not places.any():
        return None
    if issparse(X):
        raise ValueError(
            f"X is sparse and has NaN in {places.sum()} values: for unknown values take "
            "a dense array, X.toarray()."
        )
    return places


def hidden_by(mask, X):
    """A copy of X, an array or a DataFrame, without the values under a mask.

    A ValueError unless the mask is boolean and of X's shape.
    """
    if issparse(X):
        raise ValueError("X is sparse: for unknown values take an array, X.toarray().")
    check_frame(X)
    if not is_frame(X):
        X = as_numbers("X", X, "a table of numbers")
    mask = np.asarray(mask)
    if mask.dtype != bool:
        raise ValueError(
            f"mask has values of type {mask.dtype}: take booleans, True where a value "
            "of X is unknown."
        )
    if mask.shape != np.shape(X):
        raise ValueError(
            f"mask is of shape {mask.shape}, and X of shape {np.shape(X)}: take a mask "
            "of the shape of X, True where a value is unknown."
        )
    if is_frame(X) and hasattr(X, "mask"):
        # Column by column: others of the type of a column keep it.
        try:
            columns = {
                name: X[name].mask(hidden) if hidden.any() else X[name]
                for name, hidden in zip(X.columns, mask.T, strict=True)
            }
        # Of types that it does not know, pandas says that something has gone wrong.
        except (TypeError, ValueError, AssertionError) as error:
            raise ValueError(
                f"X has a column in which no value can be unknown: {error}. Make it "
                "numbers or categories, and dense."
            ) from error
        return type(X)(columns, index=X.index)
    if hasattr(X, "schema"):
        columns = {
            name: [
                None if hidden else value for value, hidden in zip(*pair, strict=True)
            ]
            for name, *pair in zip(X.columns, X.get_columns(), mask.T, strict=True)
        }
        return type(X)(columns, schema=X.schema)
    if X.dtype.kind != "f":
        X = X.astype(working_dtype(X) if X.dtype.itemsize == 1 else np.float64)
    return np.where(mask, X.dtype.type(np.nan), X)


def with_neutral_values(X, unknown, visible, names):
    """A copy of X with something that units can be for what is unknown.

    `unknown` changes where units vary together and values follow from each other.
    """
    X = X.copy()
    units = visible
    if isinstance(visible, Grouped):
        visible.fill_determined(X, unknown, names)
        units = visible.masked(unknown)
    n_rows = 1 if units is visible else len(X)
    neutral = units.mean(np.zeros((n_rows, X.shape[1])))
    np.copyto(X, neutral, where=unknown, casting="same_kind")
    return X


def with_found(rows, found, unknown):
    """Rows with what was found for unknown values, in their dtype if that can hold it."""
    with np.errstate(over="ignore"):
        fits = np.isfinite(found.astype(rows.dtype)).all()
    if not fits:
        rows = rows.astype(found.dtype)
    np.copyto(rows, found, where=unknown, casting="same_kind")
    return rows


def check_columns(unknown, names):
    """Raise a ValueError if nothing is known of a column."""
    empty = np.flatnonzero(unknown.all(axis=0))
    if len(empty):
        raise ValueError(
            f"No value of column {names[empty[0]]} of X is known, as of {len(empty)} "
            "columns in all: leave them out."
        )


def warn_of_empty_rows(unknown):
    """Hint at rows of which nothing is known."""
    empty = np.flatnonzero(unknown.all(axis=1))
    if len(empty):
        warn(
            f"Nothing is known of {len(empty)} rows of X, the first of them row "
            f"{empty[0]}: they follow the model's own distribution.",
            EstimateWarning,
        )


def conditional_draws(
    machine, X, unknown, rng, n_steps, n_temperatures=1, n_means=None
):
    """A copy of X with draws of p(unknown v | known v), from clamped chains.

    With `n_means` it has in their place the mean of E[v | h] over so many more states
    of each chain. The chain of a row is the same whatever the other rows are, except
    that equal rows have different ones.
    """
    result = X.astype(machine.weights.dtype)
    rows = np.flatnonzero(unknown.any(axis=1))
    step = max(1, CHAIN_ELEMENTS // (X.shape[1] * n_temperatures))
    for some, streams in row_streams(result, unknown, rng, rows, step):
        few, own = machine.given(result[some])
        width = own.shape[1]
        known = ~unknown[some][:, -width:]
        masked = few.masked(~known, own)
        chains = Chains(masked, len(some), streams, n_temperatures, Clamp(own, known))
        state = chains.advance(n_steps)
        if n_means is None:
            result[some, -width:] = state.visible
            continue
        total = np.zeros(own.shape)
        with threads_for(len(some), machine.n_weights):
            for _ in range(n_means):
                total += masked.visible_mean(chains.advance().hidden)
        result[some, -width:] = np.where(known, own, total / n_means)
    return result


def known_pseudo_log_likelihood(machine, X, unknown):
    """Σ log p(coordinate i | the other known ones) over known coordinates, for each row.

    1 / p(vᵢ | other known v) is the mean of 1 / p(vᵢ | all other v) over
    p(unknown v | known v), which clamped chains with a fixed seed draw.
    """
    X = X.astype(machine.weights.dtype)
    visible = ask(machine.visible, Grouped)
    width = machine.shape[0]
    columns = [visible.columns(i) for i in range(visible.n_coordinates(width))]
    result = np.zeros(len(X))
    step = max(1, CHAIN_ELEMENTS // X.shape[1])
    for start in range(0, len(X), step):
        part = slice(start, start + step)
        streams = RowStreams(0, row_keys(X[part], unknown[part]))
        few, own = machine.given(X[part])
        holes = unknown[part, -width:]
        chains = Chains(
            few.masked(holes, own), len(own), streams, 1, Clamp(own, ~holes)
        )
        chains.advance(SCORE_BURN_IN)
        inverse = np.full((len(own), len(columns)), -np.inf)
        for _ in range(N_SCORE_STATES):
            v = chains.advance(SCORE_STEPS).visible
            np.logaddexp(inverse, -few.log_conditionals(v), out=inverse)
        known = [~holes[:, some].any(axis=1) for some in columns]
        log_p = np.log(N_SCORE_STATES) - inverse
        result[part] = np.where(np.transpose(known), log_p, 0).sum(axis=1)
    return result


def row_streams(X, unknown, rng, rows, step):
    """So many of the rows at a time, each with random numbers of its own."""
    seed = int(rng.bit_generator.random_raw())
    keys = distinct(row_keys(X[rows], unknown[rows]))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        yield rows[part], RowStreams(seed, keys[part])


def mean_field_blocks(machine, X, unknown, width):
    """X as ``(slice, block)``, with the mean field of what is unknown, if anything."""
    for part, block in blocks(X, width, machine.weights.dtype):
        if unknown is None:
            yield part, block
            continue
        holes = unknown[part]
        some = np.flatnonzero(holes.any(axis=1))
        if len(some):
            block = np.array(block)
            block[some] = machine.mean_field(block[some], holes[some])
        yield part, block
