"""The training loop, for every model in the package."""

import numpy as np

from .._utils._threads import threads_for


def minibatches(X, rows, batch_size, rng):
    """The given rows of X in random order, a batch at a time.

    X may be anything that an index of rows cuts into batches. Of an array, a batch is
    overwritten by the next one. `rows` is shuffled in place, from sorted order, so that
    an epoch depends on the generator alone.
    """
    rows.sort()
    rng.shuffle(rows)
    buffer = None
    if isinstance(X, np.ndarray):
        buffer = np.empty((min(batch_size, len(rows)), X.shape[1]), X.dtype)
    for start in range(0, len(rows), batch_size):
        chosen = rows[start : start + batch_size]
        if buffer is None:
            yield X[chosen]
        else:
            # mode="clip", since "raise" would go through a buffer
            batch = buffer[: len(chosen)]
            yield X.take(chosen, axis=0, out=batch, mode="clip")


def train(
    machine,
    X,
    rows,
    direction,
    optimizer,
    monitor,
    *,
    epochs,
    batch_size,
    rng,
    imputations=None,
    length=1.0,
):
    """Move `machine` along `direction` for some epochs.

    Parameters
    ----------
    machine : Machine
        Changed in place.

    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Data.

    rows : ndarray of int
        The rows of X to learn from.

    direction : callable
        ``direction(machine, batch, rng, rate)`` gives the step.

    optimizer : SGD
        Makes the step.

    monitor : Monitor
        Told of each epoch's begin and end; its answer at the end can stop the loop.

    epochs : sequence of float
        The epochs to do, counted from the start of the training.

    batch_size : int
        Rows in a batch; the last one of an epoch may be smaller.

    rng : numpy.random.Generator
        Source of random numbers.

    imputations : Imputations, default=None
        What stands in X for unknown values, and moves before a row is learned from.

    length : float, default=1.0
        How much of an epoch these rows are.

    Returns
    -------
    n_epochs : int
        The number of epochs done.
    """
    share = length * min(1.0, batch_size / len(rows))
    n_rows = min(batch_size, len(rows))
    direction.start(machine, batch_size, rng, n_rows)
    try:
        with threads_for(direction.rows_at_once(n_rows), machine.n_weights):
            n_epochs = 0
            for epoch in epochs:
                monitor.epoch_begins(epoch)
                if imputations is not None:
                    imputations.epoch_begins(machine, rows)
                for i, batch in enumerate(minibatches(X, rows, batch_size, rng)):
                    if imputations is not None:
                        # The rows are in the order of the batches now.
                        own = rows[i * batch_size : (i + 1) * batch_size]
                        imputations.move(machine, batch, own, rng)
                    rate, momentum = optimizer.rates(epoch + i * share)
                    step = direction(machine, batch, rng, rate)
                    optimizer.step(machine.params, step, momentum)
                    machine.project()
                n_epochs += 1
                if monitor.epoch_ends(epoch, machine):
                    break
            return n_epochs
    finally:
        direction.stop()
