"""The way from independent units to a machine, for tempering and annealing."""

import numpy as np


class Tempered:
    """The distributions between independent units (β = 0) and a machine (β = 1).

    p_β(v, h) ∝ exp((1 − β) v·b⁰ + β (v·b + h·c + v·W·h) − base(v) − base(h))

    β is a number for all rows, or an array with one for each. All fields are those of
    the machine itself, so that one product serves several β.

    Parameters
    ----------
    machine : RestrictedMachine
        Its parameters are read anew by each call.

    base_bias : ndarray of shape (n_visible,)
        b⁰, the visible bias of the independent units.
    """

    def __init__(self, machine, base_bias):
        self.machine = machine
        self.base_bias = base_bias

    def log_base(self):
        """log Z₀, the normaliser of the independent units."""
        machine = self.machine
        nothing = np.zeros((1, machine.weights.shape[1]), machine.weights.dtype)
        visible = machine.visible.log_partition(self.base_bias[None])
        return float(visible[0]) + float(machine.hidden.log_partition(nothing)[0])

    def independent(self, n, rng):
        """n visible rows at β = 0."""
        fields = np.repeat(self.base_bias[None], n, axis=0)
        return self.machine.visible.sample(fields, rng, out=fields)

    def log_weight(self, v, hidden_field, beta):
        """log p_β(v) but for the normaliser and for base(v), one number a row."""
        machine = self.machine
        beta = np.asarray(beta, hidden_field.dtype)
        pull = machine.visible_bias - self.base_bias
        return (
            v @ self.base_bias
            + beta * (v @ pull)
            + machine.hidden.log_partition(beta.reshape(-1, 1) * hidden_field)
        )

    def slope(self, v, h, hidden_field):
        """∂ log p_β(v, h) / ∂β but for the normaliser, the same at all β."""
        pull = self.machine.visible_bias - self.base_bias
        return v @ pull + np.einsum("ij,ij->i", h, hidden_field)

    def hidden_sample(self, hidden_field, beta, rng, out=None):
        """h ~ p_β(h | v)"""
        beta = np.asarray(beta, hidden_field.dtype).reshape(-1, 1)
        out = np.multiply(hidden_field, beta, out=out)
        return self.machine.hidden.sample(out, rng, out=out)

    def visible_sample(self, h, beta, rng, out=None):
        """v ~ p_β(v | h)"""
        machine = self.machine
        beta = np.asarray(beta, h.dtype).reshape(-1, 1)
        pull = machine.visible_bias - self.base_bias
        out = np.dot(h, machine.weights.T, out=out)
        # b⁰ + β (W·h + b − b⁰)
        out += pull
        out *= beta
        out += self.base_bias
        return machine.visible.sample(out, rng, out=out)
