"""Monitoring of training: history, verbose line, early stopping."""

import time

import numpy as np


class Monitor:
    """Records each epoch, announces it, and says when to stop.

    Parameters
    ----------
    estimator : estimator
        Named in the verbose line and handed to callbacks. Its `early_stopping`, `tol`,
        `n_iter_no_change` and `verbose` apply.

    context : CallbackContext
        Where scikit-learn's callbacks hang.

    judge : Likelihoods, Labels or Outputs
        Says what to record, to announce and to stop by.

    fitted : callable
        ``fitted(machine)`` gives the attributes of a fitted estimator, for callbacks.

    X, y : array-like
        Handed to callbacks.

    keeps_interrupted : bool, default=True
        Whether a training that is interrupted ends with the last epoch.

    Attributes
    ----------
    history : list of dict
        What was recorded of each epoch.

    best : Machine or None
        The machine that held-out rows like best.

    stopped : bool
        Whether the training is to end.
    """

    def __init__(self, estimator, context, judge, fitted, X, y, keeps_interrupted=True):
        self.estimator = estimator
        self.context = context
        self.judge = judge
        self.fitted = fitted
        # ScoringMonitor passes over a task without y.
        self.data = {"X": X, "y": np.zeros(X.shape[0]) if y is None else y}
        self.keeps_interrupted = keeps_interrupted
        self.history = []
        self.best = self._last = self._best_score = None
        self.stopped = False
        self._epochs_without_improvement = 0

    def begin(self):
        """Tell callbacks that the training begins."""
        self.context.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def end(self, machine):
        """Tell callbacks that the training has ended with a machine."""
        self._task_ends(self.context, machine)

    def epoch_begins(self):
        """Start the clock."""
        self._task = self.context.subcontext(task_name="epoch")
        self._task.call_on_fit_task_begin(estimator=self.estimator, **self.data)
        self._start = time.perf_counter()

    def epoch_ends(self, session):
        """Record the epoch of a session; True asks it to stop."""
        seconds = time.perf_counter() - self._start
        machine = session.machine
        row = self.judge.measure(machine) | session.direction.diagnostics()
        row |= {"learning_rate": session.learning_rate, "seconds": seconds}
        self.history.append(row)
        if self.estimator.verbose:
            self._announce(row)
        # Both at once, so that an interrupt finds them together.
        self._last = machine.copy(), len(self.history)
        self.stopped = self.estimator.early_stopping and self._stops_early(row)
        self.stopped |= bool(self._task_ends(self._task, machine))
        return self.stopped

    @property
    def loss(self):
        """The mean loss of the last epoch; infinite where there is none."""
        return self.history[-1].get("loss", np.inf)

    def scores(self):
        """The score of each epoch, by which to stop if it does, and the last one's error."""
        judge = self.judge
        if self.estimator.early_stopping:
            return [judge.score(row)[0] for row in self.history], 0.0
        figure = judge.learned
        errors = [row.get(f"{figure}_error", 0.0) for row in self.history[-1:]]
        sign = 1.0 if judge.larger_is_better else -1.0
        return [sign * row.get(figure, np.nan) for row in self.history], sum(errors)

    @property
    def has_last(self):
        """Whether there is an epoch to go back to."""
        return self.keeps_interrupted and self._last is not None

    def go_back(self):
        """The machine of the last epoch that was completed, and its number."""
        machine, done = self._last
        del self.history[done:]
        self.stopped = True
        return machine, done

    def _task_ends(self, task, machine):
        return task.call_on_fit_task_end(
            estimator=self.estimator,
            reconstruction_attributes=lambda: self.fitted(machine.copy()),
            **self.data,
        )

    def _announce(self, row):
        figures = [
            f"{label} = {row[name]:.4g}"
            for label, name in self.judge.shown.items()
            if name in row
        ]
        print(
            f"[{type(self.estimator).__name__}] Epoch {len(self.history)}, "
            f"{', '.join(figures)}, time = {row['seconds']:.2f}s"
        )

    def _stops_early(self, row):
        score, tol = self.judge.score(row), self.estimator.tol
        best = self._best_score
        self._epochs_without_improvement += 1
        if best is None or _is_better(score, best, tol):
            self._epochs_without_improvement = 0
        if best is None or score > best:
            self._best_score, self.best = score, self._last[0]
        return self._epochs_without_improvement >= self.estimator.n_iter_no_change


def _is_better(score, best, tol):
    """Whether the first figure that differs by more than `tol` is larger."""
    for own, other in zip(score, best, strict=True):
        if own < other or own > other + tol:
            return own > other
    return False
