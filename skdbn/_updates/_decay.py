"""Weight decay, as part of a direction."""

import numpy as np


class WeightDecay:
    """Subtract `rate` times the gradient of decay·(l1_ratio·|W| + ½(1 − l1_ratio)·W²).

    The machine says which of its parameters are penalized. The penalty takes part in the
    centering, or a step would no longer be invariant to flipped bits. It is that of
    weights in units of the steps, so that the scale of the data does not matter.
    """

    def __init__(self, decay, l1_ratio):
        self.decay = float(decay)
        self.l1_ratio = float(l1_ratio)

    def __call__(self, direction, machine, centering=None, rate=1.0):
        strength = rate * self.decay
        l1, l2 = strength * self.l1_ratio, strength * (1 - self.l1_ratio)
        for name in machine.penalized:
            weights, scale = machine.params[name], machine.step_scale(name)
            share = machine.rate_of(name)
            pull = weights * (-l2 * share)
            if l1:
                signs = np.sign(weights)
                signs = signs if scale is None else signs * scale**0.5
                pull -= l1 * share * signs
            direction[name] += pull
            if centering is not None:
                centering.follow(direction, pull, name)
        return direction
