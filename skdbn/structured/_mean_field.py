"""The posterior of labels, its free energy, and the mean field that lowers it."""

import numpy as np
from scipy.special import entr, softmax


class ShapeTerm:
    r"""What a restricted Boltzmann machine thinks of labels pooled onto a grid.

    .. math:: \lambda F(P y), \quad
              F(v) = -v \cdot b - \sum_k \log(1 + e^{c_k + v \cdot W_k})

    Parameters
    ----------
    pooling : csr_array of shape (n_graphs · n_cells, n_nodes)
        P: the share of each cell that each node covers.

    machine : RestrictedMachine
        Its visible units are the cells, with a column for each class.

    strength : float
        λ: the power to which the machine's distribution is raised.
    """

    def __init__(self, pooling, machine, strength):
        self.pooling, self.machine, self.strength = pooling, machine, strength
        self._spreading = pooling.T.tocsr()

    def energy_and_field(self, mu):
        """λ F of each graph, and −λ dF/dμ, of the shape of μ."""
        v = self.pool(mu)
        hidden_field = self.machine.hidden_field(v)
        energy = self.strength * self.machine.free_energy(v, hidden_field)
        upper = self.machine.visible_field(self.machine.hidden.mean(hidden_field))
        return energy, self.strength * self.spread(upper, mu.shape[1])

    def pool(self, mu):
        """The labels of cells, of shape (n_graphs, n_cells · n_classes)."""
        return (self.pooling @ mu).reshape(-1, len(self.machine.visible_bias))

    def spread(self, values, n_classes):
        """Values of cells on the nodes that cover them: the transpose of `pool`."""
        return self._spreading @ values.reshape(-1, n_classes)


class Posterior:
    r"""The energy of the labels of some graphs.

    .. math:: E(y) = -\sum_s \theta_s \cdot y_s - \tfrac12 y \cdot A y + \lambda F(P y)

    Parameters
    ----------
    batch : Batch
        The graphs.

    scores : ndarray of shape (n_nodes, n_classes)
        θ.

    coupling : sparse array of shape (n_nodes · n_classes, n_nodes · n_classes)
        A, symmetric.

    shape : ShapeTerm, default=None
        The prior of shapes.
    """

    def __init__(self, batch, scores, coupling, shape=None):
        self.batch, self.scores, self.coupling = batch, scores, coupling
        self.shape = shape

    def energy_and_field(self, mu):
        """E at the means μ for each graph, and −dE/dμ.

        With one-hot rows it is the energy of these labels.
        """
        pull = (self.coupling @ mu.ravel()).reshape(mu.shape)
        own = mu * (self.scores + pull / 2)
        energy = -self.batch.sums(own.sum(axis=1, dtype=float))
        field = self.scores + pull
        if self.shape is not None:
            more, push = self.shape.energy_and_field(mu)
            energy, field = energy + more, field + push
        return energy, field

    def free_energy_and_field(self, mu):
        """E(μ) minus the entropy of μ for each graph, and −dE/dμ."""
        energy, field = self.energy_and_field(mu)
        return energy - self.batch.sums(entr(mu).sum(axis=1, dtype=float)), field


def mean_field(posterior, max_iter=200, tol=1e-4, rate=0.5):
    r"""Probabilities of labels that minimize the free energy, as if independent.

    .. math:: \mu \leftarrow \mu + r \, (\text{softmax}(-dE/d\mu) - \mu)

    The step is downhill, since the softmax minimizes the free energy with E made linear
    at μ. A graph whose free energy would rise keeps its μ, and takes half the rate from
    then on: no sweep raises the free energy.

    Parameters
    ----------
    posterior : Posterior
        The energies.

    max_iter : int
        Largest number of sweeps.

    tol : float
        The sweeps end when no probability is farther from its fixed point.

    rate : float
        r at first, between 0 and 1.

    Returns
    -------
    mu : ndarray of shape (n_nodes, n_classes)
        The probabilities.

    n_sweeps : int
        The number of sweeps.
    """
    sizes = np.diff(posterior.batch.starts)
    rates = np.full((len(sizes), 1), rate, posterior.scores.dtype)
    mu = softmax(posterior.scores, axis=1)
    energy, field = posterior.free_energy_and_field(mu)
    rounding = 10 * np.finfo(mu.dtype).eps
    for sweep in range(max_iter):
        change = softmax(field, axis=1) - mu
        if np.abs(change).max() < tol:
            return mu, sweep
        new = mu + np.repeat(rates, sizes, axis=0) * change
        new_energy, new_field = posterior.free_energy_and_field(new)
        rises = new_energy > energy + rounding * np.abs(energy)
        if rises.any():
            rates[rises] /= 2
            stays = np.repeat(rises, sizes)
            new[stays], new_field[stays] = mu[stays], field[stays]
            new_energy[rises] = energy[rises]
        mu, energy, field = new, new_energy, new_field
    return mu, max_iter
