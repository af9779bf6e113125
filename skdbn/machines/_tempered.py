"""The path from independent units to a machine, for tempering and annealing."""

from types import SimpleNamespace

import numpy as np

from ..units._analytic import log_partition_change
from ..units._parametric import between
from ..units._shifted import row_dot


class Tempered:
    """The distributions between independent units (β = 0) and a machine (β = 1).

    p_β(v, h) ∝ exp((1 − β) (v·b⁰ − base⁰(v)) + β (v·b + h·c + v·W·h − base(v)) − base(h))

    β is a number for all rows, or an array with one for each. All fields are those of
    the machine itself, so that one product serves several β.

    Parameters
    ----------
    machine : RestrictedMachine
        Its parameters are read anew by each call.

    base_bias : ndarray of shape (n_visible,)
        b⁰, the visible bias of the independent units.

    base_units : Units, default=None
        The independent units; None takes those of the machine.
    """

    def __init__(self, machine, base_bias, base_units=None):
        self.machine = machine
        self.base_bias = base_bias
        self.base_units = machine.visible if base_units is None else base_units

    def log_base(self):
        """log Z₀ of the independent units."""
        machine = self.machine
        nothing = np.zeros((1, machine.shape[1]), machine.weights.dtype)
        visible = self.base_units.log_partition(self.base_bias[None])
        return float(visible[0]) + float(machine.hidden.log_partition(nothing)[0])

    def independent(self, n, rng):
        """n visible rows at β = 0."""
        fields = np.repeat(self.base_bias[None], n, axis=0)
        return self.base_units.sample(fields, rng, out=fields)

    def begin(self, v):
        """Where a walk from the rows v is at first."""
        return SimpleNamespace(v=v.copy(), h=None, field=None)

    def advance(self, walk, before, beta, rng):
        """Move a walk from one β to the next; the change of its log-weights."""
        walk.field = self.machine.hidden_field(walk.v, out=walk.field)
        change = self.log_weight_change(walk.v, walk.field, before, beta)
        walk.h = self.hidden_sample(walk.field, beta, rng, out=walk.h)
        self.visible_sample(walk.h, beta, rng, out=walk.v)
        return change

    def log_weight_change(self, v, hidden_field, before, after):
        """log p_β(v) at one β minus that at another, up to the constants log Z."""
        before, after = (
            np.asarray(beta, hidden_field.dtype).reshape(-1, 1)
            for beta in (before, after)
        )
        hidden = log_partition_change(self.machine.hidden, hidden_field, before, after)
        return (after - before)[:, 0] * self._visible_slope(v) + hidden

    def slope(self, v, h, hidden_field):
        """∂ log p_β(v, h) / ∂β up to a constant, the same at all β."""
        return self._visible_slope(v) + np.einsum("ij,ij->i", h, hidden_field)

    def _visible_slope(self, v):
        machine = self.machine
        slope = row_dot(v, machine.visible_bias - self.base_bias)
        if self.base_units is not machine.visible:
            slope += self.base_units.base_energy(v) - machine.visible.base_energy(v)
        return slope

    def hidden_sample(self, hidden_field, beta, rng, out=None):
        """h ~ p_β(h | v)"""
        beta = np.asarray(beta, hidden_field.dtype).reshape(-1, 1)
        out = np.multiply(hidden_field, beta, out=out)
        return self.machine.hidden.sample(out, rng, out=out)

    def visible_sample(self, h, beta, rng, out=None):
        """v ~ p_β(v | h)"""
        machine = self.machine
        beta = np.asarray(beta, h.dtype).reshape(-1, 1)
        out = machine.visible_field(h, out)
        out *= beta
        out += (1 - beta) * self.base_bias
        units = between(machine.visible, self.base_units, beta)
        return units.sample(out, rng, out=out)
