"""Learning through the sweeps of mean field."""

import numpy as np
from scipy.special import softmax


class Sweeps:
    r"""The cross-entropy of labels after some sweeps of mean field, and its gradient.

    .. math:: \mu_{t + 1} = (1 - r) \mu_t + r \, \text{softmax}(\theta + A \mu_t
              + \lambda P^T (W \gamma_t + b)), \quad
              \gamma_t = \sigma(c + W^T P \mu_t)

    from :math:`\mu_0 = \text{softmax}(\theta)`. The gradient is taken back through all
    sweeps.

    Parameters
    ----------
    nodes : term
        Gives θ.

    edges : EdgeTerm
        Gives A.

    pooling : csr_array of shape (n_graphs · n_cells, n_nodes), default=None
        P; None is no prior of shapes.

    n_sweeps : int
        Number of sweeps.

    rate : float
        r.

    References
    ----------
    .. [1] Domke, J. (2013). Learning graphical model parameters with approximate
       marginal inference. IEEE PAMI 35(10).
    """

    def __init__(self, nodes, edges, pooling=None, n_sweeps=8, rate=0.5):
        self.nodes, self.edges, self.n_sweeps, self.rate = nodes, edges, n_sweeps, rate
        self.pooling = pooling
        self._spreading = None if pooling is None else pooling.T.tocsr()

    def __call__(self, params, labels, keep=1.0):
        """The mean cross-entropy of known labels, and its gradient by each parameter.

        Parameters
        ----------
        params : dict of ndarray
            ``nodes``, ``edges``, and with a prior ``weights``, ``visible_bias``,
            ``hidden_bias`` and ``strength``.

        labels : ndarray of int of shape (n_nodes,)
            Classes, −1 where unknown.

        keep : float or ndarray of shape (n_graphs, n_hidden)
            Factors of γ, for dropout.
        """
        theta = self.nodes.scores(params["nodes"])
        coupling = self.edges.coupling(params["edges"])
        mu, trace = softmax(theta, axis=1), []
        first = mu
        for _ in range(self.n_sweeps):
            mu, step = self._forward(params, theta, coupling, mu, keep)
            trace.append(step)
        loss, error = self._loss(mu, labels)
        gradient = {name: np.zeros_like(array) for name, array in params.items()}
        theta_error = np.zeros_like(theta)
        for step in reversed(trace):
            error = self._backward(
                params, coupling, step, error, keep, gradient, theta_error
            )
        theta_error += through_softmax(error, first)
        gradient["nodes"] += self.nodes.gradient(theta_error)
        return loss, gradient

    def _forward(self, params, theta, coupling, mu, keep):
        """A sweep, and what its gradient needs."""
        field = theta + (coupling @ mu.ravel()).reshape(mu.shape)
        v = gamma = upper = None
        if self.pooling is not None:
            v = (self.pooling @ mu).reshape(-1, len(params["visible_bias"]))
            gamma = sigmoid(v @ params["weights"] + params["hidden_bias"])
            upper = (keep * gamma) @ params["weights"].T + params["visible_bias"]
            push = self._spreading @ upper.reshape(-1, mu.shape[1])
            field += params["strength"][0] * push
        target = softmax(field, axis=1)
        return mu + self.rate * (target - mu), (mu, target, v, gamma, upper)

    def _loss(self, mu, labels):
        """The mean cross-entropy, and its gradient by μ."""
        known = np.flatnonzero(labels >= 0)
        own = known, labels[known]
        p = np.maximum(mu[own], np.finfo(mu.dtype).tiny)
        error = np.zeros_like(mu)
        error[own] = -1 / (len(known) * p)
        return -np.log(p).mean(dtype=float), error

    def _backward(self, params, coupling, step, error, keep, gradient, theta_error):
        """The gradient by the μ before a sweep; adds to those by the parameters."""
        mu, target, v, gamma, upper = step
        field_error = through_softmax(self.rate * error, target)
        theta_error += field_error
        gradient["edges"] += self.edges.gradient(field_error, mu)
        before = (1 - self.rate) * error
        before += (coupling @ field_error.ravel()).reshape(mu.shape)
        if self.pooling is not None:
            pooled = (self.pooling @ field_error).reshape(v.shape)
            gradient["strength"] += np.vdot(pooled, upper)
            pooled *= params["strength"][0]
            gradient["visible_bias"] += pooled.sum(axis=0)
            gradient["weights"] += pooled.T @ (keep * gamma)
            inner = keep * (pooled @ params["weights"]) * gamma * (1 - gamma)
            gradient["hidden_bias"] += inner.sum(axis=0)
            gradient["weights"] += v.T @ inner
            lower = inner @ params["weights"].T
            before += self._spreading @ lower.reshape(-1, mu.shape[1])
        return before


def through_softmax(error, p):
    """The gradient by the argument of a softmax, from that by its values p."""
    return p * (error - (error * p).sum(axis=1, keepdims=True))


def sigmoid(x):
    """1 / (1 + exp(−x)), through tanh, which is fast and never overflows."""
    return 0.5 + 0.5 * np.tanh(0.5 * x)
