"""What the optimiser follows: a gradient and what is done to it."""


class Direction:
    """A gradient, centered if asked, minus weight decay.

    With `sample_data` the batch holds probabilities, from which its bits are drawn.
    """

    def __init__(self, gradient, centering=None, weight_decay=None, sample_data=False):
        self.gradient = gradient
        self.centering = centering
        self.weight_decay = weight_decay
        self.sample_data = sample_data

    def start(self, machine, batch_size, rng, n_rows=None):
        return self.gradient.start(machine, batch_size, rng, n_rows)

    def stop(self):
        self.gradient.stop()

    def __call__(self, machine, batch, rng, rate=1.0):
        if self.sample_data:
            batch = self.gradient.load(batch)
            machine.visible.sample(batch, rng, out=batch, mean=batch)
        direction = self.gradient(machine, batch, rng, self.centering, rate)
        if self.weight_decay is not None:
            self.weight_decay(direction, machine, self.centering, rate)
        return direction
