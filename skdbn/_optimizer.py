"""Gradient ascent with momentum: the only code that writes to parameters."""

import numpy as np

from . import schedules


class SGD:
    """velocity ← momentum · velocity + learning_rate · direction; params += velocity

    The direction comes multiplied by the learning rate. The velocity is not scaled by
    (1 − momentum), as in Hinton's guide.

    Parameters
    ----------
    learning_rate, momentum : float or Schedule
        Numbers, or functions of the epochs done and planned.

    n_iter : int
        The number of epochs planned.
    """

    def __init__(self, learning_rate, momentum=0.0, n_iter=1):
        self.learning_rate = schedules.resolve("learning_rate", learning_rate, n_iter)
        self.momentum = schedules.resolve("momentum", momentum, n_iter, below=1.0)
        self.n_iter = n_iter
        self._velocity = None
        self._keeps_velocity = self.momentum(0.0, n_iter) or not isinstance(
            self.momentum, schedules.Constant
        )

    def rates(self, epoch):
        """Learning rate and momentum after this many epochs, as Python floats."""
        return self.learning_rate(epoch, self.n_iter), self.momentum(epoch, self.n_iter)

    def step(self, params, direction, momentum=0.0):
        """Move the parameters; `direction` includes the learning rate."""
        if self._keeps_velocity:
            if self._velocity is None:
                self._velocity = [np.zeros_like(array) for array in params]
            for velocity, change in zip(self._velocity, direction, strict=True):
                velocity *= momentum
                velocity += change
            direction = self._velocity
        for array, change in zip(params, direction, strict=True):
            array += change
