"""Centering: the gradient about the means, invariant to flipped bits."""

import numpy as np


class Centering:
    """The mean of the visible units, and a running mean of the hidden ones.

    The centered gradient is that of the energy −(v − v₀)·W·(h − h₀), written in the
    parameters of the plain machine [1]_: a transformation of the direction, which
    :meth:`RestrictedMachine.difference` applies, and not a second model.

    References
    ----------
    .. [1] Melchior, J., Fischer, A. and Wiskott, L. (2016). How to center deep
       Boltzmann machines. JMLR 17(99).
    """

    slide = 0.01

    def __init__(self, visible, hidden):
        self.visible = np.array(visible)
        self.hidden = np.array(hidden)

    def move(self, change, scale):
        """Let h₀ slide to the batch, where ``change / scale`` is the mean of h − h₀."""
        self.hidden += change * (self.slide / scale)

    def to_plain(self, direction):
        """Complete the steps of the centered biases to those of the plain ones.

        b = b' − W h₀ and c = c' − v₀ W.
        """
        return self.follow(direction, direction["weights"])

    def follow(self, direction, change, name="weights"):
        """Let the plain biases follow a change of the weights; others are not centered."""
        if name != "weights":
            return direction
        direction["visible_bias"] -= change @ self.hidden
        direction["hidden_bias"] -= self.visible @ change
        return direction
