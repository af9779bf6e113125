"""Monitoring of training: history, verbose line, early stopping."""

import time

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .._utils._numerics import as_float
from ..exceptions import DivergenceError, warn, with_hints
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


def make_probes(machine, X, rows, held_out, batch_size, rng, unknown=None):
    """What to measure on rows that are learned from, and on held-out rows or None.

    At the same coordinates in turn, so that columns that are harder than others make no
    difference between the two. Of rows that have no likelihood nothing is measured.
    """
    if held_out is not None:
        check_capability(machine.visible, Conditional, "early_stopping=True")
    n_coordinates = ask(machine.visible, Grouped).n_coordinates(X.shape[1])
    order = rng.permutation(n_coordinates)
    n_steps = -(-len(rows) // batch_size)
    epoch = n_steps * STEP + len(rows) * machine.n_weights * STEP_PRODUCTS
    found = [
        None
        if some is None
        else Probe(
            machine, X, _possible(machine, X, some), order, rng, share * epoch, unknown
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
        n_hidden = machine.weights.shape[1]
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
        width = max(machine.weights.shape)
        step = max(32, FEWEST // n_columns, ELEMENTS // n_columns // width)
        for start in range(0, n_rows, step):
            part = slice(start, start + step)
            v, unknown = self._rows(machine, part)
            field = machine.hidden_field(v)
            free_energy.append(machine.free_energy(v, field))
            # Each row as often as it has columns to be measured, in a single call.
            i = self.coordinates[:, part]
            several = (np.tile(array, (n_columns, 1)) for array in (v, field))
            if self.is_conditional:
                log = machine.log_conditional(*several, i.ravel())
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
        """Some of the rows, and where they are unknown or None."""
        rows = self.rows[part]
        v = as_float(self.X[rows], machine.weights.dtype)
        if self.unknown is None:
            return v, None
        unknown = self.unknown[rows]
        return machine.mean_field(v, unknown), unknown

    def _reconstruction_error(self, machine):
        n_rows = len(self.rows)
        v, unknown = self._rows(
            machine, slice(None, None, -(-n_rows // N_RECONSTRUCTED))
        )
        error = machine.visible_mean(machine.hidden_mean(v))
        error -= v
        if unknown is not None:
            error = error[~unknown]
        return float(np.square(error, out=error).mean())


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


class Guard:
    """Stops a training that diverges, and does no more.

    Attributes
    ----------
    last : tuple of (Machine, int) or None
        The machine after the last finished epoch, and the number of finished epochs.

    best : Machine or None
        The machine that held-out rows like best.
    """

    last = best = None

    def __init__(self, optimizer):
        self.optimizer = optimizer

    def epoch_begins(self, epoch):
        pass

    def epoch_ends(self, epoch, machine):
        """Raise a DivergenceError if a parameter is not finite."""
        # The sum of an array is finite only if all of it is, and needs no mask.
        if not all(np.isfinite(array.sum()) for array in machine.params.values()):
            optimizer = self.optimizer
            learning_rate = optimizer.learning_rate(epoch, optimizer.n_iter)
            raise DivergenceError(
                f"The fit diverged in epoch {int(epoch) + 1} at learning_rate="
                f"{learning_rate:.3g}: a parameter is no longer finite. Take a smaller "
                "learning_rate, and scale the data to the range of the visible units."
            )
        return False

    def warn_if_at_rest(self, name, first, last):
        """Say that nothing is learned if the rate is zero at both of these epochs."""
        schedule, n_iter = self.optimizer.learning_rate, self.optimizer.n_iter
        if schedule(first, n_iter) == 0 and schedule(last, n_iter) == 0:
            warn(
                f"{name}={schedule!r} is 0 after {first:.4g} epochs, so that partial_fit "
                f"learns nothing: take {name}='auto' or a number, by set_params.",
                ConvergenceWarning,
            )


class Monitor(Guard):
    """Measures after each epoch, and says when to stop.

    Parameters
    ----------
    estimator : estimator
        Named in the verbose line and handed to callbacks.

    context : CallbackContext
        Where scikit-learn's callbacks hang.

    optimizer : SGD
        Asked for the learning rate.

    training, validation : Probe
        What is measured; `validation` is None without held-out rows.

    diagnostics : callable
        Gives what else to record of an epoch, as a dict.

    patience : int or None
        Epochs without improvement on held-out rows after which to stop.

    tol : float
        What counts as an improvement, in nats.

    verbose : bool
        Whether to print a line for each epoch.

    X, y : array-like
        Handed to callbacks.
    """

    def __init__(
        self,
        estimator,
        context,
        optimizer,
        training,
        validation=None,
        *,
        diagnostics=dict,
        patience=None,
        tol=0.0,
        verbose=False,
        X=None,
        y=None,
    ):
        self.estimator = estimator
        self.context = context
        super().__init__(optimizer)
        self.training = training
        self.validation = validation
        self.diagnostics = diagnostics
        self.patience = patience
        self.tol = tol
        self.verbose = verbose
        # ScoringMonitor passes over a task without y.
        self.data = {"X": X, "y": np.zeros(X.shape[0]) if y is None else y}
        self.history = []
        self._best_score = -np.inf
        self._epochs_without_improvement = 0

    def epoch_begins(self, epoch):
        self._task = self.context.subcontext(task_name="epoch")
        self._task.call_on_fit_task_begin(estimator=self.estimator, **self.data)
        self._start = time.perf_counter()

    def epoch_ends(self, epoch, machine):
        """Record the epoch; True asks the loop to stop."""
        seconds = time.perf_counter() - self._start
        super().epoch_ends(epoch, machine)
        self._record(machine, self.optimizer.rates(epoch)[0], seconds)
        if self.verbose:
            print(
                f"[{type(self.estimator).__name__}] Epoch {epoch + 1}, "
                f"pseudo-likelihood = {self.history[-1]['pseudo_likelihood']:.2f}, "
                f"time = {seconds:.2f}s"
            )
        # Both at once, so that an interrupt finds them together.
        self.last = machine.copy(), len(self.history)
        stop = self._early_stop(machine) if self.validation is not None else False
        stop |= bool(
            self._task.call_on_fit_task_end(
                estimator=self.estimator,
                reconstruction_attributes=lambda: {"machine_": machine.copy()},
                **self.data,
            )
        )
        return stop

    def _record(self, machine, learning_rate, seconds):
        row = self.training.measure(machine)
        own = row.pop("free_energy"), row.pop("free_energy_error")
        if self.validation is not None:
            held_out = self.validation.measure(machine)
            for name in ("pseudo_likelihood", "pseudo_likelihood_error"):
                row[f"validation_{name}"] = held_out[name]
            row["free_energy_gap"] = held_out["free_energy"] - own[0]
            error = float(np.hypot(held_out["free_energy_error"], own[1]))
            row["free_energy_gap_error"] = error
        row |= self.diagnostics()
        row |= {"learning_rate": learning_rate, "seconds": seconds}
        self.history.append(row)

    def _early_stop(self, machine):
        score = self.history[-1]["validation_pseudo_likelihood"]
        if score > self._best_score + self.tol:
            self._epochs_without_improvement = 0
        else:
            self._epochs_without_improvement += 1
        if score > self._best_score:
            self._best_score = score
            self.best = self.last[0]
        return self._epochs_without_improvement >= self.patience
