"""Steps along a direction: the only code that writes to parameters."""

import numpy as np

from .. import schedules

# Elements that are worked on at a time, so that they stay in the processor's cache.
PIECE = 2**15

# Without a last epoch the automatic rate halves in so many epochs, each of so many rows
# at least.
HALF_LIFE = 10
SHORTEST_EPOCH = 1000


class Optimizer:
    """What makes the steps, at a learning rate."""

    def fall(self, epoch, n_epochs):
        """From this epoch on, let the learning rate fall to zero in so many."""
        rate = self.learning_rate(epoch, self.n_iter)
        self.learning_rate = Falling(rate, epoch, n_epochs)


class SGD(Optimizer):
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

    def resume(self, before):
        """Continue from the last step of another one."""
        self._velocity = before._velocity

    def finish(self):
        """Reset the last step."""
        self._velocity = None

    def step(self, params, direction, momentum=0.0):
        """Move the parameters; `direction` includes the learning rate."""
        if not self._keeps_velocity:
            for name, array in params.items():
                array += direction[name]
            return
        if self._velocity is None:
            self._velocity = zeros_like(params)
        for array, velocity, change in pieces(params, self._velocity, direction):
            velocity *= momentum
            velocity += change
            array += velocity


class Adam(Optimizer):
    """Steps whose length does not depend on the scale of the gradient.

    Parameters
    ----------
    learning_rate : float or Schedule
        Length of the steps: a number, or a function of the epochs done and planned.

    beta_1, beta_2 : float
        What the running means of the gradient and of its square keep in a step.

    epsilon : float
        Added to the root of the mean square.

    n_iter : int
        The number of epochs planned.

    References
    ----------
    .. [1] Kingma, D. P. and Ba, J. (2015). Adam: a method for stochastic optimization.
       ICLR.
    """

    def __init__(self, learning_rate, beta_1=0.9, beta_2=0.999, epsilon=1e-8, n_iter=1):
        self.learning_rate = schedules.resolve("learning_rate", learning_rate, n_iter)
        self.beta_1 = float(beta_1)
        self.beta_2 = float(beta_2)
        self.epsilon = float(epsilon)
        self.n_iter = n_iter
        self._n_steps = 0
        self._mean = self._square = None

    def resume(self, before):
        """Continue from the running means of another one."""
        self._n_steps = before._n_steps
        self._mean, self._square = before._mean, before._square

    def finish(self):
        """Reset the running means."""
        self._n_steps, self._mean, self._square = 0, None, None

    def rates(self, epoch):
        """The factor of the direction, 1, and the learning rate, which comes later."""
        return 1.0, self.learning_rate(epoch, self.n_iter)

    def step(self, params, direction, rate):
        """Move the parameters."""
        if self._mean is None:
            self._mean, self._square = zeros_like(params), zeros_like(params)
        self._n_steps += 1
        correction = (1 - self.beta_2**self._n_steps) ** 0.5
        factor = rate * correction / (1 - self.beta_1**self._n_steps)
        epsilon = self.epsilon * correction
        for array, mean, square, change in pieces(
            params, self._mean, self._square, direction
        ):
            # The running sums lack the factors (1 − β), which come with the step.
            mean *= self.beta_1
            mean += change
            square *= self.beta_2
            np.square(change, out=change)
            square += change
            np.sqrt(square, out=change)
            change *= (1 - self.beta_2) ** 0.5
            change += epsilon
            np.divide(mean, change, out=change)
            change *= factor * (1 - self.beta_1)
            array += change


class Falling(schedules.Schedule):
    """A straight line from `initial` after so many epochs to zero after so many more."""

    def __init__(self, initial, begin, length):
        self.initial = initial
        self.begin = begin
        self.length = length

    def __call__(self, epoch, n_iter):
        return self.initial * max(0.0, 1 - (epoch - self.begin) / self.length)


def without_end(rate, epoch_rows):
    """The automatic learning rate of a training that does not know its last epoch.

    It falls with the rows seen, of which `epoch_rows` are an epoch.
    """
    half_life = HALF_LIFE * max(1.0, SHORTEST_EPOCH / epoch_rows)
    return schedules.InverseTime(rate, half_life)


def zeros_like(params):
    """Zeros in the shapes of arrays by name."""
    return {name: np.zeros_like(array) for name, array in params.items()}


def pieces(first, *others):
    """Matching pieces of arrays of the same name, of one group for each result."""
    for name in first:
        arrays = [group[name] for group in (first, *others)]
        if not all(array.flags.c_contiguous for array in arrays):
            yield arrays
            continue
        flat = [array.reshape(-1) for array in arrays]
        for start in range(0, flat[0].size, PIECE):
            yield [array[start : start + PIECE] for array in flat]
