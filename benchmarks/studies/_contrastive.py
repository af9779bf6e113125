"""A shape prior that learns by the contrastive rule of the paper."""

import numpy as np
from scipy.special import softmax

from skdbn.structured import ShapePriorCRFClassifier
from skdbn.structured._crf import one_hot
from skdbn.structured._joint import Minibatch

RATE = 0.0023
PENALTY = 1e-4
N_STEPS = 30


class ContrastiveClassifier(ShapePriorCRFClassifier):
    """The third step by contrastive divergence with all graphs at once.

    Its power of the prior stays as it is, and `n_iter` counts steps [1]_.

    References
    ----------
    .. [1] Kae, A., Sohn, K., Lee, H. and Learned-Miller, E. (2013). Augmenting CRFs with
       Boltzmann machine shape priors for image labeling. CVPR.
    """

    def _fit_together(self, field, items, held_out, task, data, rng):
        size = self.batch_size
        batches = [
            Minibatch(items[first : first + size], self.crf_, self.grid, self.n_sweeps)
            for first in range(0, len(items), size)
        ]
        params = field.params
        velocity = {name: np.zeros_like(array) for name, array in params.items()}
        for step in range(self.n_iter):
            momentum = 0.5 if step < 5 else 0.9
            found = [differences(field, batch, rng) for batch in batches]
            for name in found[0]:
                gradient = sum(each[name] for each in found) / len(items)
                if name == "weights":
                    gradient = gradient - PENALTY * params[name]
                velocity[name] = momentum * velocity[name] + RATE * gradient
                params[name] += velocity[name]
        return field


def differences(field, minibatch, rng):
    """The statistics of labels minus those of the negative sample, summed over graphs."""
    sweeps, machine = minibatch.sweeps, field.machine
    theta = sweeps.nodes.values
    y = one_hot(minibatch.labels, theta.shape[1], theta.dtype)
    posterior = field.posterior(minibatch.batch, theta, sweeps.edges, sweeps.pooling)
    mu = negative_sample(posterior, field.strength[0], rng)
    v, v_model = posterior.shape.pool(y), posterior.shape.pool(mu)
    h, h_model = machine.hidden_mean(v), machine.hidden_mean(v_model)
    edges = sweeps.edges.gradient(y, y) - sweeps.edges.gradient(mu, mu)
    return {
        "nodes": np.vdot(y - mu, theta),
        "edges": edges / 2,
        "weights": v.T @ h - v_model.T @ h_model,
        "visible_bias": (v - v_model).sum(axis=0),
        "hidden_bias": (h - h_model).sum(axis=0),
    }


def negative_sample(posterior, strength, rng):
    """Means of labels: of those that sampled hidden units lead to, the most probable.

    Sweeps of mean field over the labels take turns with draws of the hidden units, which
    are off at first. For each graph what has the lowest free energy is kept.
    """
    shape, machine = posterior.shape, posterior.shape.machine
    sizes = np.diff(posterior.batch.starts)
    mu = softmax(posterior.scores, axis=1)
    hidden = np.zeros((len(sizes), len(machine.hidden_bias)), mu.dtype)
    best, lowest = mu, np.full(len(sizes), np.inf)
    for _ in range(N_STEPS):
        upper = machine.visible_field(hidden).astype(mu.dtype)
        field = posterior.scores + (posterior.coupling @ mu.ravel()).reshape(mu.shape)
        field += strength * shape.spread(upper, mu.shape[1])
        mu = softmax(field, axis=1)
        energy, _ = posterior.free_energy_and_field(mu)
        better = energy < lowest
        best = np.where(np.repeat(better, sizes)[:, None], mu, best)
        lowest = np.where(better, energy, lowest)
        p = machine.hidden_mean(shape.pool(mu))
        hidden = (rng.random(p.shape) < p).astype(mu.dtype)
    return best
