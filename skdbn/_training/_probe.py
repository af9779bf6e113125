"""What is measured of a machine in training, and on which rows."""

import numpy as np

from .._utils._numerics import as_float
from ..exceptions import with_hints
from ..units import Conditional, Enumerable, Grouped
from ..units._base import ask, check_capability, offers

# Seconds, as a rule of thumb: of a step, and of the products of a step for each row and
# weight; of measuring, for each call, for each row and weight, and for each row, column
# and hidden unit. Where values are integrated out that is so many times as much.
STEP, STEP_PRODUCTS = 1.5e-4, 2.5e-10
CALL, PRODUCT, PAIR = 1e-4, 6e-11, 1.5e-8
INTEGRAL = 20

# The share of an epoch that measuring takes, on held-out rows and on rows learned from.
SHARES = 0.025, 0.01

# Rows on which reconstructions are measured, and columns of a row at most.
N_RECONSTRUCTED = 100
MOST_COLUMNS = 16

# Elements of the rows that are measured at a time, and how many rows are at least, since
# each product reads all weights.
ELEMENTS, FEWEST = 2**15, 100


def make_probes(
    machine, X, rows, held_out, batch_size, rng, unknown=None, modeled=None
):
    """Probes of the rows that are learned from, and of held-out rows or None.

    `modeled` has the columns that the machine models, where X has more.

    At the same coordinates in turn, so that columns that are harder than others make no
    difference between the two. Of rows that have no likelihood nothing is measured.
    """
    if held_out is not None:
        check_capability(machine.visible, Conditional, "early_stopping=True")
    width = machine.shape[0]
    n_coordinates = ask(machine.visible, Grouped).n_coordinates(width)
    order = rng.permutation(n_coordinates)
    n_steps = -(-len(rows) // batch_size)
    epoch = n_steps * STEP + len(rows) * machine.n_weights * STEP_PRODUCTS
    found = [
        None
        if some is None
        else Probe(
            machine,
            X,
            _possible(machine, X if modeled is None else modeled, some),
            order,
            rng,
            share * epoch,
            unknown,
        )
        for some, share in zip((held_out, rows), SHARES, strict=True)
    ]
    return found[::-1]


def _possible(machine, X, rows):
    """Those of the rows in which the visible units can be, or all if there is none."""
    visible = machine.visible
    if visible.surely_supports(X):
        return rows
    # Of these rows a hint tells already.
    outside = with_hints(False, visible.rows_outside, X[rows], range(X.shape[1]))
    possible = rows[~outside]
    return possible if len(possible) else rows


class Probe:
    """A fixed sample of rows, and of coordinates in each, on which to measure.

    As many rows as can be measured in some seconds, at one coordinate each; where there
    is time left, at more of them. What is unknown is not measured, and has its mean field
    where other values are.

    Parameters
    ----------
    machine : RestrictedMachine
        Of the kind that is to be measured.

    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Data.

    rows : ndarray of int
        The rows of X to choose from.

    order : ndarray of int of shape (n_coordinates,)
        The order in which the coordinates have their turn.

    rng : numpy.random.Generator
        Source of random numbers.

    seconds : float
        How long a measurement may take; ten rows are always measured.

    unknown : ndarray of bool of shape (n_samples, n_features), default=None
        Where X has something in place of unknown values.
    """

    def __init__(self, machine, X, rows, order, rng, seconds, unknown=None):
        n_hidden = machine.shape[1]
        pair = PAIR * n_hidden
        if not offers(machine.visible, Enumerable):
            pair *= INTEGRAL
        row = PRODUCT * machine.n_weights
        n_rows = int(np.clip(seconds / (row + pair), 10, len(rows) + 10))
        n_rows = min(n_rows, len(rows))
        left = seconds - n_rows * (row + pair)
        n_columns = 1 + left / (n_rows * pair)
        n_columns = int(np.clip(n_columns, 1, min(MOST_COLUMNS, len(order))))
        self.n_coordinates = len(order)
        self.is_conditional = offers(machine.visible, Conditional)
        if self.is_conditional and not machine.visible.one_kind:
            # Each is a call of its own.
            order = order[: max(n_columns, 1 + int(seconds / CALL))]
        self.X, self.unknown = X, unknown
        chosen = rng.permutation(rows)[:n_rows]
        by_place = chosen.argsort()
        self.rows = chosen[by_place]
        turns = np.arange(n_rows) + np.arange(n_columns)[:, None] * (
            len(order) // n_columns
        )
        self.coordinates = order[turns % len(order)][:, by_place]

    def measure(self, machine):
        """Pseudo-log-likelihood and free energy of a row, squared error of a value.

        With the standard errors of the first two.
        """
        logs, known, free_energy = [], [], []
        n_columns, n_rows = self.coordinates.shape
        width = max(machine.shape)
        step = max(32, FEWEST // n_columns, ELEMENTS // n_columns // width)
        for start in range(0, n_rows, step):
            part = slice(start, start + step)
            few, v, unknown = self._rows(machine, part)
            field = few.hidden_field(v)
            free_energy.append(few.free_energy(v, field))
            # Each row as often as it has columns to be measured, in a single call.
            i = self.coordinates[:, part]
            turns = np.tile(np.arange(len(v)), n_columns)
            if self.is_conditional:
                few = few.of_rows(turns)
                log = few.log_conditional(v[turns], field[turns], i.ravel())
                logs.append(log.reshape(i.shape))
            else:
                logs.append(np.full(i.shape, np.nan))
            if unknown is None:
                known.append(np.ones(i.shape, bool))
            else:
                known.append(_are_known(unknown, machine.visible, i))
        pseudo, error = _ratio(*(np.hstack(parts) for parts in (logs, known)))
        free_energy, free_energy_error = _ratio(
            np.concatenate(free_energy)[None], np.ones((1, n_rows), bool)
        )
        return {
            "pseudo_likelihood": pseudo * self.n_coordinates,
            "pseudo_likelihood_error": error * self.n_coordinates,
            "reconstruction_error": self._reconstruction_error(machine),
            "free_energy": free_energy,
            "free_energy_error": free_energy_error,
        }

    def _rows(self, machine, part):
        """The machine of some of the rows, they, and where they are unknown or None."""
        rows = self.rows[part]
        few, v = machine.given(as_float(self.X[rows], machine.weights.dtype))
        if self.unknown is None:
            return few, v, None
        unknown = self.unknown[rows, -v.shape[1] :]
        return few, few.mean_field(v, unknown), unknown

    def _reconstruction_error(self, machine):
        n_rows = len(self.rows)
        few, v, unknown = self._rows(
            machine, slice(None, None, -(-n_rows // N_RECONSTRUCTED))
        )
        error = few.visible_mean(few.hidden_mean(v))
        error -= v
        if unknown is not None:
            error = error[~unknown]
        # Nothing may be known of so few rows.
        return float(np.square(error, out=error).mean()) if error.size else np.nan


def _ratio(values, known):
    """The mean of the known values, and its standard error over the rows."""
    n_rows, n_known = values.shape[1], max(1, known.sum())
    mean = values.sum(where=known, dtype=np.float64) / n_known
    rest = (values - mean).sum(axis=0, where=known, dtype=np.float64)
    if n_rows == 1:
        return float(mean), np.nan
    error = np.sqrt(n_rows / (n_rows - 1) * np.square(rest).sum()) / n_known
    return float(mean), float(error)


def _are_known(unknown, units, coordinates):
    """Whether coordinates of each row, of shape (n_columns, n_rows), are known."""
    grouped = ask(units, Grouped)
    places = {i: grouped.columns(i)[0] for i in np.unique(coordinates).tolist()}
    first = np.vectorize(places.get, otypes=[int])(coordinates)
    return ~unknown[np.arange(len(unknown)), first]
