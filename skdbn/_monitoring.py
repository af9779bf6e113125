"""What is watched while a model learns: history, verbose line, early stopping."""

import time

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ._numerics import as_float
from .exceptions import DivergenceError, warn


class Probe:
    """A fixed handful of rows, and of coordinates in each, on which to measure.

    They are drawn once, by a generator of their own. Their number follows the size of
    an epoch, of which a measurement may cost a few percent: a row costs three
    products, and a pair of row and column about as much as half of one, or twenty times
    that where a value is integrated out. Units of several kinds are measured at the
    same coordinates in all rows. What is `unknown` is not measured, and has its mean
    field where other values are.
    """

    max_rows = 100

    def __init__(self, X, rows, n_epoch_rows, rng, units, unknown=None):
        self.X = X
        self.unknown = unknown
        self.n_coordinates = n_coordinates = units.n_coordinates(X.shape[1])
        n_rows = min(len(rows), self.max_rows, max(10, n_epoch_rows // 50))
        self.rows = np.sort(rng.choice(rows, n_rows, replace=False))
        n_features = X.shape[1]
        n_columns = n_epoch_rows * n_features // (4000 * n_rows)
        if units.n_states(n_features) == np.inf:
            n_columns //= 20
        n_columns = min(max(1, n_columns), n_coordinates)
        if units.one_kind:
            order = rng.random((n_rows, n_coordinates)).argsort(axis=1)
            self.coordinates = order[:, :n_columns].T
        else:
            self.coordinates = rng.permutation(n_coordinates)[:n_columns].tolist()

    def measure(self, machine):
        """Pseudo-log-likelihood and free energy of a row, squared error of a value."""
        v = as_float(self.X[self.rows], machine.weights.dtype)
        unknown = None
        if self.unknown is not None:
            unknown = self.unknown[self.rows]
            v = machine.mean_field(v, unknown)
        field = machine.hidden_field(v)
        logs = [machine.log_conditional(v, field, i) for i in self.coordinates]
        if unknown is not None:
            known = [~_at(unknown, machine.visible, i) for i in self.coordinates]
            logs = [log[own] for log, own in zip(logs, known, strict=True) if own.any()]
        pseudo = sum(log.mean() for log in logs)
        pseudo *= self.n_coordinates / max(1, len(logs))
        free_energy = machine.free_energy(v, field).mean()
        error = machine.visible_mean(machine.hidden.mean(field, out=field))
        error -= v
        if unknown is not None:
            error = error[~unknown]
        return {
            "pseudo_likelihood": float(pseudo),
            "reconstruction_error": float(np.square(error, out=error).mean()),
            "free_energy": float(free_energy),
        }


def _at(unknown, units, coordinate):
    """Whether a coordinate, one for all rows or one for each, is unknown."""
    first = units.columns(coordinate)[..., 0]
    return unknown[np.arange(len(unknown)), first]


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
        if not all(np.isfinite(array.sum()) for array in machine.params):
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
                f"[{type(self.estimator).__name__}] Iteration {epoch + 1}, "
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
        free_energy = row.pop("free_energy")
        if self.validation is not None:
            held_out = self.validation.measure(machine)
            row["validation_pseudo_likelihood"] = held_out["pseudo_likelihood"]
            row["free_energy_gap"] = held_out["free_energy"] - free_energy
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
