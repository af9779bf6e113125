"""Sparsity: a penalty on the mean activity of the hidden units."""

import numpy as np

PENALTIES = ("kl", "squared")

# A mean this close to 0 or 1 is taken to be no closer.
SMALLEST = 1e-3

# Without a given cost: the strength to start from, and how fast it grows for a unit
# that is away from its target.
COSTS = {"kl": 10.0, "squared": 100.0}
GROWTH = 0.05


class Sparsity:
    """Pull the mean activity qⱼ of each hidden unit towards a target p.

    The penalty is cost·Σⱼ KL(p‖qⱼ) or cost·Σⱼ (p − qⱼ)², where qⱼ is a running mean of
    P(hⱼ = 1 | v). Its derivative by a hidden field is that by q times P·(1 − P), which
    moves the hidden biases, and the weights as well if `weights` is true.

    Parameters
    ----------
    target : float
        The target of the mean activity.

    cost : float or None
        Strength of the penalty. With None each unit has a multiplier, which grows as
        long as the unit is away from the target.

    penalty : {"kl", "squared"}
        Its form.

    weights : bool
        Whether weights take part.

    mean : ndarray of shape (n_hidden,)
        The running mean to start from.

    memory : float
        Decay rate of the running mean per batch.

    boost : float
        How much longer than those of the likelihood the steps of the biases are.
    """

    def __init__(self, target, cost, penalty, weights, mean, memory, boost=1.0):
        self.target, self.cost, self.penalty = target, cost, penalty
        self.weights = weights
        self.mean = mean
        self.memory, self.boost = memory, boost
        self.multiplier = np.zeros_like(mean)

    def resume(self, before):
        """Continue from the running means of another one."""
        self.mean, self.multiplier = before.mean, before.multiplier

    def see(self, hidden_mean):
        """See the data's hidden means; with `weights`, add the penalty's pull."""
        self.mean *= self.memory
        self.mean += (1 - self.memory) * hidden_mean.mean(axis=0)
        pull = self._pull()
        squares = np.einsum("ij,ij->j", hidden_mean, hidden_mean)
        slope = (hidden_mean.sum(axis=0) - squares) / len(hidden_mean)
        self._step = pull * slope * self.boost
        if self.weights:
            # What is added here enters the biases as well.
            hidden_mean += pull * hidden_mean * (1 - hidden_mean)
            self._step -= pull * slope

    def _pull(self):
        """Minus the derivative of the penalty by the mean activities."""
        p, q = self.target, np.clip(self.mean, SMALLEST, 1 - SMALLEST)
        form = 1 / (q * (1 - q)) if self.penalty == "kl" else 2.0
        if self.cost is not None:
            return self.cost * (p - q) * form
        self.multiplier += GROWTH * (p - q) / (p * (1 - p))
        return self.multiplier + COSTS[self.penalty] * (p - q) * form

    def __call__(self, direction, rate):
        """Add the pull on the biases to a direction."""
        direction["hidden_bias"] += rate * self._step
        return direction
