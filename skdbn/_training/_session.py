"""A session of training: the loop over batches, for every model in the package."""

from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .._updates._direction import Direction
from .._updates._optimizer import SGD
from .._utils._threads import threads_for
from ..exceptions import DivergenceError, warn
from ..machines import Machine


@dataclass
class Session:
    """All that a training carries from one epoch to the next.

    An epoch is as many rows as it began with; `epoch` says how many are done.
    `auto_rate` is the first learning rate of "auto".
    """

    machine: Machine
    direction: Direction
    optimizer: SGD
    rng: np.random.Generator
    n_rows: int
    auto_rate: float | None = None
    epoch: float = 0

    def run(self, source, batch_size, n_epochs=1, monitor=None, enough=-np.inf):
        """Learn from all rows of a source, so many times or until the monitor stops.

        Or until the mean loss of an epoch is small enough.

        An interrupt leaves the machine of the last epoch that was completed, if the
        monitor has one, and otherwise propagates.
        """
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                self._run(source, batch_size, n_epochs, monitor, enough)
        except KeyboardInterrupt:
            if monitor is None or not monitor.has_last:
                raise
            self.machine, self.epoch = monitor.go_back()
            warn(
                f"Interrupted in epoch {self.epoch + 1}; the model is that of epoch "
                f"{self.epoch}.",
                UserWarning,
            )

    def _run(self, source, batch_size, n_epochs, monitor, enough):
        machine, direction, optimizer = self.machine, self.direction, self.optimizer
        n_rows = min(batch_size, len(source))
        length = len(source) / self.n_rows
        share = length * min(1.0, batch_size / len(source))
        direction.start(machine, batch_size, self.rng, n_rows)
        try:
            with threads_for(direction.rows_at_once(n_rows), machine.n_weights):
                for _ in range(n_epochs):
                    if monitor is not None:
                        monitor.epoch_begins()
                    batches = source.batches(machine, batch_size, self.rng)
                    for i, batch in enumerate(batches):
                        rate, momentum = optimizer.rates(self.epoch + i * share)
                        step = direction(machine, batch, self.rng, rate)
                        optimizer.step(machine.params, step, momentum)
                        machine.project()
                    self._check_finite()
                    self.epoch += length
                    if monitor is None:
                        continue
                    if monitor.epoch_ends(self) or monitor.loss <= enough:
                        break
        finally:
            direction.stop()

    def warn_if_at_rest(self, name, source):
        """Say that nothing is learned from a source if the rate has come to zero."""
        schedule, n_iter = self.optimizer.learning_rate, self.optimizer.n_iter
        last = self.epoch + len(source) / self.n_rows
        if schedule(self.epoch, n_iter) == 0 and schedule(last, n_iter) == 0:
            warn(
                f"{name}={schedule!r} is 0 after {self.epoch:.4g} epochs, so that "
                f"partial_fit learns nothing: take {name}='auto' or a number, by "
                "set_params.",
                ConvergenceWarning,
            )

    @property
    def learning_rate(self):
        """The learning rate of the last epoch."""
        return self.optimizer.learning_rate(self.epoch - 1, self.optimizer.n_iter)

    def finish(self, monitor):
        """Keep the best machine, and let go of what only the next step needs."""
        if monitor.best is not None:
            self.machine = monitor.best
        self.direction.finish()
        self.optimizer.finish()

    def _check_finite(self):
        """Raise a DivergenceError if a parameter is not finite, or too large."""
        # Weights from no columns are none.
        arrays = [array for array in self.machine.params.values() if array.size]
        # The sum of an array is finite only if all of it is, and needs no mask.
        if all(np.isfinite(array.sum()) for array in arrays):
            largest = getattr(self.machine, "largest", np.inf)
            if all(
                -largest < array.min() and array.max() < largest for array in arrays
            ):
                return
            what = f"has a size of more than {largest:.0e}"
        else:
            what = "is no longer finite"
        optimizer = self.optimizer
        rate = optimizer.learning_rate(self.epoch, optimizer.n_iter)
        raise DivergenceError(
            f"The fit diverged in epoch {int(self.epoch) + 1} at learning_rate="
            f"{rate:.3g}: a parameter {what}. Take a smaller "
            "learning_rate, and scale the data to the range of the visible units."
        )


def hold_out(rows, fraction, rng, n_samples):
    """The rows to learn from and those to hold out, in random order."""
    n_held_out = max(1, round(fraction * len(rows)))
    if n_held_out >= len(rows):
        few = f", of which {len(rows)} can be held out" * (len(rows) < n_samples)
        raise ValueError(
            f"early_stopping=True with validation_fraction={fraction} leaves no row to "
            f"learn from: X has n_samples={n_samples}{few}. Take early_stopping=False "
            "or more rows."
        )
    rows = rng.permutation(rows)
    return rows[n_held_out:], rows[:n_held_out]
