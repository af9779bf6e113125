"""Fine-tuning of a network by back-propagation: solvers and monitoring."""

import time
import warnings
from dataclasses import dataclass

import numpy as np

from .. import schedules
from .._networks._backprop import BackPropagation
from .._networks._line_search import LineSearches
from .._networks._up_down import UpDown
from .._updates._optimizer import SGD, Adam, without_end
from ._loop import train
from ._monitor import Guard

METHODS = {"cg": "CG", "lbfgs": "L-BFGS-B"}

# The learning rates of "auto" before they fall to zero.
RATES = {"adam": 1e-2, "sgd": 0.1, "up-down": 0.05}

# A step moves a field by the rate times Σ|x| of its inputs (Adam) or Σx² (the others).
# Where these are larger the rate of "auto" is smaller in proportion.
LARGEST_REACH = {"adam": 128, "sgd": 256, "up-down": 512}

# The dropout of "auto".
DROPOUT = 0.1

# Rows in a batch of "auto": at least 50 steps an epoch, and no more rows than help.
BATCH = (10, 100)
LARGE_BATCH = 1000


def batch_size(asked, solver, n_rows):
    """The number of rows in a batch."""
    if asked != "auto":
        return asked
    if solver in METHODS:
        return min(LARGE_BATCH, n_rows)
    return int(np.clip(n_rows // 50, *BATCH))


def make_direction(settings):
    """What gives the steps that an estimator's parameters ask for."""
    if solver_of(settings) == "up-down":
        return UpDown(settings.gradient, settings.weight_decay)
    solver, dropout = settings.solver, settings.dropout
    if dropout == "auto":
        dropout = 0.0 if solver in METHODS else DROPOUT
    if solver not in METHODS:
        return BackPropagation(settings.alpha, dropout, settings.input_dropout)
    if dropout or settings.input_dropout:
        raise ValueError(
            f"solver={solver!r} searches along lines, which dropout would move under "
            "its feet: take solver='sgd' or 'adam', or no dropout."
        )
    return LineSearches(METHODS[solver], settings.line_searches, settings.alpha)


def solver_of(settings):
    """The name of what makes the steps; for a model of rows there is no choice."""
    return getattr(settings, "solver", "up-down")


def make_optimizer(settings, network, decay=schedules.Linear):
    """What makes the steps; `decay` turns the first rate of "auto" into a schedule."""
    solver, n_iter = solver_of(settings), settings.max_iter
    if solver in METHODS:
        return SGD(1.0, n_iter=n_iter)
    rate = settings.learning_rate_init
    if rate == "auto":
        share = LARGEST_REACH[solver] / max(network.reach[solver], 1e-30)
        rate = decay(min(1.0, share) * RATES[solver])
    if solver == "adam":
        betas = settings.beta_1, settings.beta_2
        return Adam(rate, *betas, settings.epsilon, n_iter)
    return SGD(rate, settings.momentum, n_iter)


def fine_tune(network, examples, rows, settings, rng, monitor):
    """Train for `max_iter` epochs.

    Returns the network to be kept: the best one, or that of the last completed epoch.
    """
    direction = monitor.direction
    try:
        for epochs, begin in direction.phases(network, settings):
            begin()
            if not epochs or monitor.stopped:
                continue
            monitor.optimizer = make_optimizer(settings, network)
            _train(network, examples, rows, direction, settings, rng, monitor, epochs)
    except KeyboardInterrupt:
        if monitor.last is None:
            raise
        network, done = monitor.last
        del monitor.history[done:]
        warnings.warn(
            f"Interrupted in epoch {done + 1} of fine-tuning; the network is that of "
            f"epoch {done}.",
            stacklevel=4,
        )
    return network if monitor.best is None else monitor.best


@dataclass
class FineTuning:
    """What fine-tuning carries from one call of `partial_fit` to the next.

    An epoch is as many rows as it began with; `epoch` says how many are done.
    """

    n_rows: int
    epoch: float = 0
    optimizer: SGD | Adam | None = None
    direction: BackPropagation | UpDown | None = None

    def go_through(self, network, examples, rows, settings, rng):
        """Learn once from rows, with the present settings."""
        # Of fewer rows than in a batch steps are shorter, so that calls add up to one;
        # those of Adam by the root, since they do not grow with the gradient.
        size = batch_size(settings.batch_size, solver_of(settings), self.n_rows)
        share = min(1.0, len(rows) / size)
        if solver_of(settings) == "adam":
            share **= 0.5

        def decay(rate):
            return without_end(share * rate, self.n_rows)

        optimizer = make_optimizer(settings, network, decay)
        direction = make_direction(settings)
        if type(optimizer) is type(self.optimizer):
            optimizer.resume(self.optimizer)
        if type(direction) is type(self.direction):
            direction.resume(self.direction)
        length = len(rows) / self.n_rows
        monitor = Guard(optimizer)
        monitor.warn_if_at_rest("learning_rate_init", self.epoch, self.epoch + length)
        _train(
            network,
            examples,
            rows,
            direction,
            settings,
            rng,
            monitor,
            [self.epoch],
            length,
        )
        self.optimizer, self.direction = optimizer, direction
        self.epoch += length


def _train(
    network, examples, rows, direction, settings, rng, monitor, epochs, length=1.0
):
    with np.errstate(over="ignore", invalid="ignore"):
        train(
            network,
            examples,
            rows,
            direction,
            monitor.optimizer,
            monitor,
            epochs=epochs,
            batch_size=batch_size(settings.batch_size, solver_of(settings), len(rows)),
            rng=rng,
            length=length,
        )


class FineTuningMonitor(Guard):
    """Records each epoch of fine-tuning, and says when to stop.

    Parameters
    ----------
    estimator : estimator
        Named in the verbose line and handed to callbacks.

    context : CallbackContext
        Where scikit-learn's callbacks hang.

    direction : BackPropagation or UpDown
        Asked what there is to record.

    fitted : callable
        ``fitted(network)`` gives the attributes of a fitted estimator, for callbacks.

    validation : callable or None
        ``validation(network)`` gives the score of held-out rows.

    data : dict
        X and y, handed to callbacks.
    """

    def __init__(self, estimator, context, direction, fitted, validation, data):
        super().__init__(None)
        self.estimator = estimator
        self.context = context
        self.direction = direction
        self.fitted = fitted
        self.validation = validation
        self.data = data
        self.history = []
        self.stopped = False
        self._best_score = -np.inf
        self._epochs_without_improvement = 0

    def epoch_begins(self, epoch):
        self._task = self.context.subcontext(task_name="epoch")
        self._task.call_on_fit_task_begin(estimator=self.estimator, **self.data)
        self._start = time.perf_counter()

    def epoch_ends(self, epoch, network):
        """Record the epoch; True asks the loop to stop."""
        seconds = time.perf_counter() - self._start
        super().epoch_ends(epoch, network)
        optimizer = self.optimizer
        row = self.direction.report()
        if self.validation is not None:
            row["validation_score"] = self.validation(network)
        row["learning_rate"] = optimizer.learning_rate(epoch, optimizer.n_iter)
        row["seconds"] = seconds
        self.history.append(row)
        if self.estimator.verbose:
            self._announce(epoch, row)
        # Both at once, so that an interrupt finds them together.
        self.last = network.copy(), len(self.history)
        self.stopped = self.validation is not None and self._early_stop(row)
        self.stopped |= bool(
            self._task.call_on_fit_task_end(
                estimator=self.estimator,
                reconstruction_attributes=lambda: self.fitted(network.copy()),
                **self.data,
            )
        )
        return self.stopped

    def _announce(self, epoch, row):
        measured = [
            f"{name.replace('_', ' ')} = {value:.4f}"
            for name, value in row.items()
            if name not in ("learning_rate", "seconds")
        ]
        print(
            f"[{type(self.estimator).__name__}] Epoch {epoch + 1}, "
            f"{', '.join(measured)}, time = {row['seconds']:.2f}s"
        )

    def _early_stop(self, row):
        score, estimator = row["validation_score"], self.estimator
        if score > self._best_score + estimator.tol:
            self._epochs_without_improvement = 0
        else:
            self._epochs_without_improvement += 1
        if score > self._best_score:
            self._best_score, self.best = score, self.last[0]
        return self._epochs_without_improvement >= estimator.n_iter_no_change
