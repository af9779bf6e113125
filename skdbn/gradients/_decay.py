"""Weight decay, as part of a direction."""

import numpy as np


class WeightDecay:
    """Subtract `rate` times the gradient of decay·(l1_ratio·|W| + ½(1 − l1_ratio)·W²).

    Arrays of one dimension, the biases, do not decay. The penalty takes part in the
    centering, or a step would no longer be invariant to flipped bits. It is that of
    weights in units of the steps, so that the scale of the data does not matter.
    """

    def __init__(self, decay, l1_ratio):
        self.decay = float(decay)
        self.l1_ratio = float(l1_ratio)

    def __call__(self, direction, machine, centering=None, rate=1.0):
        weights, scale = machine.weights, machine.visible.step_scale
        strength = rate * self.decay
        l1, l2 = strength * self.l1_ratio, strength * (1 - self.l1_ratio)
        pull = weights * -l2
        if l1:
            signs = np.sign(weights)
            pull -= l1 * (
                signs if scale is None else signs * scale.reshape(-1, 1) ** 0.5
            )
        direction[0] += pull
        if centering is not None:
            direction[1] -= pull @ centering.hidden
            direction[2] -= centering.visible @ pull
        return direction
