"""What the optimiser follows: a gradient and what is done to it."""

import numpy as np


class Direction:
    """A gradient, centered and sparse if asked, minus weight decay.

    With `sample_data` the batch holds means, from which its states are drawn. `limit`
    is the length of the weights' gradient, in units of the standard deviations of the
    visible units, from which on it is shortened; None sets no limit.
    """

    def __init__(
        self,
        gradient,
        centering=None,
        weight_decay=None,
        sparsity=None,
        limit=None,
        sample_data=False,
    ):
        self.gradient = gradient
        self.centering = centering
        self.weight_decay = weight_decay
        self.sparsity = sparsity
        self.limit = limit
        self.sample_data = sample_data
        self._n_steps = self._n_shortened = 0

    def start(self, machine, batch_size, rng, n_rows=None):
        return self.gradient.start(machine, batch_size, rng, n_rows)

    def stop(self):
        self.gradient.stop()

    def diagnostics(self):
        """What there is to say about the steps since the last call, by name."""
        found = self.gradient.diagnostics()
        if self._n_steps:
            found = found | {"shortened_steps": self._n_shortened / self._n_steps}
            self._n_steps = self._n_shortened = 0
        return found

    def rows_at_once(self, n_rows):
        """The largest number of rows in a product, if a batch has `n_rows`."""
        return max(n_rows, self.gradient.n_model_rows(n_rows))

    def __call__(self, machine, batch, rng, rate=1.0):
        if self.sample_data:
            batch = self.gradient.load(batch)
            machine.visible.draw(batch, rng)
        centering, sparsity = self.centering, self.sparsity
        watch = None if sparsity is None else sparsity.watch
        direction = self.gradient(machine, batch, rng, centering, rate, watch)
        if self.weight_decay is not None:
            self.weight_decay(direction, machine, centering, rate)
        if self.limit is not None and rate:
            limit = rate * self.limit
            shortened = shorten(direction, machine.visible.step_scale, limit)
            self._n_shortened += shortened
            self._n_steps += 1
        if sparsity is not None:
            sparsity(direction, rate)
        return direction


def shorten(direction, scale, limit):
    """Shorten a direction in place whose weights would move by more than the limit.

    Gives whether it was.
    """
    flat = direction[0].ravel()
    total = np.dot(flat, flat)
    if scale is not None and total > limit**2 * scale.min():
        # Only then can the length in units of the deviations be beyond the limit.
        squares = np.einsum("ij,ij->i", direction[0], direction[0])
        total = (squares / scale).sum()
    elif scale is not None:
        return False
    if not total > limit**2:
        return False
    for change in direction:
        change *= limit / float(np.sqrt(total))
    return True
