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
        shape = None
        if self.pooling is not None:
            shape = ShapeSweeps(params, self.pooling, self._spreading, keep)
        mu, trace = softmax(theta, axis=1), []
        for _ in range(self.n_sweeps):
            field = theta + (coupling @ mu.ravel()).reshape(mu.shape)
            if shape is not None:
                field += shape.forward(mu)
            target = softmax(field, axis=1)
            trace.append((mu, target))
            mu = mu + self.rate * (target - mu)
        loss, error = mean_loss(mu, labels)
        edge_gradient, theta_error = (
            np.zeros_like(params["edges"]),
            np.zeros_like(theta),
        )
        for mu, target in reversed(trace):
            field_error = through_softmax(self.rate * error, target)
            theta_error += field_error
            edge_gradient += self.edges.gradient(field_error, mu)
            error = (1 - self.rate) * error
            error += (coupling @ field_error.ravel()).reshape(mu.shape)
            if shape is not None:
                error += shape.backward(field_error)
        theta_error += through_softmax(error, mu)
        gradient = {"nodes": self.nodes.gradient(theta_error), "edges": edge_gradient}
        return loss, gradient | (shape.gradient() if shape is not None else {})


class ShapeSweeps:
    """The machine's part in each sweep, first forward and then backward.

    Products of all sweeps are summed by one matrix product.
    """

    def __init__(self, params, pooling, spreading, keep):
        self.pooling, self.spreading, self.keep = pooling, spreading, keep
        self.weights, self.strength = params["weights"], params["strength"][0]
        self.visible_bias = params["visible_bias"]
        self.hidden_bias = params["hidden_bias"]
        self._sweeps, self._done = [], []

    def forward(self, mu):
        """λ Pᵀ (W γ + b)"""
        v = (self.pooling @ mu).reshape(-1, len(self.visible_bias))
        gamma = sigmoid(v @ self.weights + self.hidden_bias)
        upper = (self.keep * gamma) @ self.weights.T + self.visible_bias
        self._sweeps.append((v, gamma, upper))
        return self.strength * self._spread(upper, mu)

    def backward(self, error):
        """The gradient by μ, from that by what `forward` gave last."""
        v, gamma, upper = self._sweeps.pop()
        pooled = (self.pooling @ error).reshape(v.shape)
        moved = np.vdot(pooled, upper)
        pooled *= self.strength
        inner = self.keep * (pooled @ self.weights) * gamma * (1 - gamma)
        self._done.append((v, self.keep * gamma, pooled, inner, moved))
        return self._spread(inner @ self.weights.T, error)

    def gradient(self):
        """The gradient by the machine's parameters and the strength."""
        *layers, moved = zip(*self._done, strict=True)
        v, gamma, pooled, inner = map(np.concatenate, layers)
        return {
            "weights": np.vstack([pooled, v]).T @ np.vstack([gamma, inner]),
            "visible_bias": pooled.sum(axis=0),
            "hidden_bias": inner.sum(axis=0),
            "strength": np.array([sum(moved)], v.dtype),
        }

    def _spread(self, values, like):
        return self.spreading @ values.reshape(-1, like.shape[1])


def mean_loss(mu, labels):
    """The mean cross-entropy of known labels, and its gradient by μ."""
    known = np.flatnonzero(labels >= 0)
    own = known, labels[known]
    p = np.maximum(mu[own], np.finfo(mu.dtype).tiny)
    error = np.zeros_like(mu)
    error[own] = -1 / (len(known) * p)
    return -np.log(p).mean(dtype=float), error


def through_softmax(error, p):
    """The gradient by the argument of a softmax, from that by its values p."""
    return p * (error - (error * p).sum(axis=1, keepdims=True))


def sigmoid(x):
    """1 / (1 + exp(−x)), through tanh, which is fast and never overflows."""
    return 0.5 + 0.5 * np.tanh(0.5 * x)
