"""A machine of your own: a conditional RBM, in full."""

import numpy as np
from scipy.special import expit

from skdbn.machines import Machine, State


class ConditionalMachine(Machine):
    """p(v | u) of binary v, where a row is u and then v.

    E(v, h | u) = −v·(b + uA) − h·(c + uB) − v·W·h
    """

    conditional = True
    penalized = ("weights", "to_visible", "to_hidden")

    def __init__(self, n_given, n_visible, n_hidden, rng):
        self.n_given = n_given
        shapes = {
            "weights": (n_visible, n_hidden),
            "to_visible": (n_given, n_visible),
            "to_hidden": (n_given, n_hidden),
            "visible_bias": n_visible,
            "hidden_bias": n_hidden,
        }
        self.params = {k: rng.normal(0, 0.01, shape) for k, shape in shapes.items()}

    def fields(self, rows):
        u, v = rows[:, : self.n_given], rows[:, self.n_given :]
        W, A, B, b, c = self.params.values()
        return u, v, b + u @ A, c + u @ B + v @ W

    def infer(self, rows):
        return State(rows, expit(self.fields(rows)[3]))

    def state(self, rows, rng):
        h = expit(self.fields(rows)[3])
        return State(rows, (rng.random(h.shape) < h).astype(rows.dtype))

    def initial_state(self, n, rng):
        n_visible = len(self.params["visible_bias"])
        return self.state(np.zeros((n, self.n_given + n_visible)), rng)

    def condition(self, state, rows):
        u, v = rows[:, : self.n_given], state.visible[:, self.n_given :]
        return State(np.hstack([u, v]), state.hidden)

    def transition(self, state, rng, out=None):
        u, _, bias, _ = self.fields(state.visible)
        v = expit(bias + state.hidden @ self.params["weights"].T)
        v = (rng.random(v.shape) < v).astype(v.dtype)
        return self.state(np.hstack([u, v]), rng)

    def moments(self, state, weights=None):
        u, v, _, _ = self.fields(state.visible)
        h = state.hidden
        r = np.full(len(h), 1 / len(h)) if weights is None else weights
        of_v, of_h = r[:, None] * v, r[:, None] * h
        means = v.T @ of_h, u.T @ of_v, u.T @ of_h, of_v.sum(axis=0), of_h.sum(axis=0)
        return dict(zip(self.params, means, strict=True))

    def free_energy(self, rows):
        _, v, bias, field = self.fields(rows)
        return -(v * bias).sum(axis=1) - np.logaddexp(0, field).sum(axis=1)
