"""What the optimizer follows: a gradient and what is done to it."""


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
        self.gradient.limit = self.limit
        self.gradient.start(machine, batch_size, rng, n_rows)

    def stop(self):
        self.gradient.stop()

    def finish(self):
        self.gradient.finish()

    def diagnostics(self):
        """What there is to say about the steps since the last call, by name."""
        found = self.gradient.diagnostics()
        if self._n_steps:
            found = found | {"shortened_steps": self._n_shortened / self._n_steps}
            self._n_steps = self._n_shortened = 0
        return found

    def rows_at_once(self, n_rows):
        """The largest number of rows in a product, if a batch has `n_rows`."""
        return max(n_rows, self.gradient.n_chains_of(n_rows) or 0)

    def __call__(self, machine, batch, rng, rate=1.0):
        centering, sparsity = self.centering, self.sparsity
        direction = self.gradient(
            machine,
            batch.values,
            rng,
            centering,
            rate,
            sparsity=sparsity,
            sample_data=self.sample_data,
            weights=batch.weights,
        )
        if self.weight_decay is not None:
            self.weight_decay(direction, machine, centering, rate)
        if self.limit is not None and rate:
            self._n_shortened += shorten(direction, machine, rate * self.limit)
            self._n_steps += 1
        if sparsity is not None:
            sparsity(direction, rate)
        return direction


def shorten(direction, machine, limit):
    """Shorten a direction in place whose length is beyond the limit.

    Gives whether it was.
    """
    share = share_within(direction, machine, limit)
    if share == 1.0:
        return False
    for change in direction.values():
        change *= share
    return True


def share_within(direction, machine, limit):
    """The share of a direction that is within the limit."""
    length = machine.length(direction, limit)
    return limit / length if length > limit else 1.0
