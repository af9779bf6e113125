"""The restricted Boltzmann machine: P(h|v), P(v|h), free energy, Gibbs sampling."""

from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import issparse

from ..units import Bernoulli, Units
from ._base import Machine, State
from ._tempered import Tempered


@dataclass
class RestrictedMachine(Machine):
    """E(v, h) = base(v) + base(h) − v·b − h·c − v·W·h.

    `weights` W is (n_visible, n_hidden): scikit-learn's ``components_`` transposed,
    because a sparse v times W and vᵀh then need no copy.
    """

    weights: np.ndarray
    visible_bias: np.ndarray
    hidden_bias: np.ndarray
    visible: Units = field(default_factory=Bernoulli)
    hidden: Units = field(default_factory=Bernoulli)

    def hidden_field(self, v, out=None):
        """c + v·W"""
        if not issparse(v):
            out = np.dot(v, self.weights, out=out)
        elif out is None:
            out = v @ self.weights
        else:
            out[...] = v @ self.weights
        out += self.hidden_bias
        return out

    def visible_field(self, h, out=None):
        """b + W·h"""
        out = np.dot(h, self.weights.T, out=out)
        out += self.visible_bias
        return out

    def hidden_mean(self, v, out=None):
        """E[h | v], which is P(h = 1 | v) for Bernoulli units."""
        field = self.hidden_field(v, out)
        return self.hidden.mean(field, out=field)

    def visible_mean(self, h, out=None):
        """E[v | h], which is P(v = 1 | h) for Bernoulli units."""
        field = self.visible_field(h, out)
        return self.visible.mean(field, out=field)

    def free_energy(self, v, hidden_field=None):
        """F(v) = −log Σₕ exp(−E(v, h)) = base(v) − v·b − Σⱼ log-partition of field j"""
        field = self.hidden_field(v) if hidden_field is None else hidden_field
        return (
            self.visible.base_energy(v)
            - v @ self.visible_bias
            - self.hidden.log_partition(field)
        )

    def hidden_sample(self, v, rng, out=None):
        """h ~ p(h | v)"""
        field = self.hidden_field(v, out)
        return self.hidden.sample(field, rng, out=field)

    def visible_sample(self, h, rng, out=None):
        """v ~ p(v | h)"""
        field = self.visible_field(h, out)
        return self.visible.sample(field, rng, out=field)

    def state(self, v, rng):
        """v with a draw of h"""
        return State(v, self.hidden_sample(v, rng))

    def initial_state(self, n, rng):
        """Where n chains start: visible units that feel only their biases."""
        fields = np.repeat(self.visible_bias[None], n, axis=0)
        return self.state(self.visible.sample(fields, rng, out=fields), rng)

    def transition(self, state, rng, out=None):
        """One Gibbs sweep, v and then h; it keeps p(v, h). `out` may be `state`."""
        v, h = (None, None) if out is None else (out.visible, out.hidden)
        v = self.visible_sample(state.hidden, rng, out=v)
        h = self.hidden_sample(v, rng, out=h)
        return State(v, h) if out is None else out

    def tempered(self, base_bias):
        """The way to these distributions from units that feel only `base_bias`."""
        return Tempered(self, base_bias)

    def log_conditional(self, v, hidden_field, i):
        """log P(vᵢ | the other visible units), for binary visible units.

        A value between 0 and 1 gives the cross-entropy: both outcomes, weighted by
        it. `i` is one column for all rows, or one for each row.
        """
        value = v[np.arange(len(v)), i]
        low, high = (
            s * self.visible_bias[i]
            + self.hidden.log_partition(
                hidden_field + (s - value)[:, None] * self.weights[i]
            )
            for s in self.visible.support
        )
        return value * high + (1 - value) * low - np.logaddexp(low, high)

    def pseudo_log_likelihood(self, v):
        """Σᵢ log P(vᵢ | the other visible units), for each row"""
        v = v.toarray() if issparse(v) else v
        field = self.hidden_field(v)
        return sum(self.log_conditional(v, field, i) for i in range(v.shape[1]))

    @property
    def params(self):
        """The arrays that training changes, in place."""
        return [self.weights, self.visible_bias, self.hidden_bias]

    def statistics(self, v):
        """The mean over the rows of −∂F/∂params: vᵀE[h|v], v, E[h|v]."""
        h = self.hidden_mean(v)
        return [v.T @ h / len(h), v.mean(axis=0), h.mean(axis=0)]

    def difference(self, phases, centering=None, rate=1.0):
        """`rate` times the statistics of the data minus those of the model.

        With rₙ = 1/n for a data row and −1/m for a model row, and centered on the
        offsets (v₀, h₀) of [1]_:

        ΔW = Σₙ rₙ (vₙ − v₀)(hₙ − h₀)ᵀ,   Δb = Σₙ rₙ vₙ − ΔW h₀,   Δc = Σₙ rₙ hₙ − v₀ ΔW

        The hidden means of both phases are in ``phases.hidden_mean``, and used up.
        The rate is multiplied into h, the smallest factor.

        References
        ----------
        .. [1] Melchior, J., Fischer, A. and Wiskott, L. (2016). How to center deep
           Boltzmann machines. JMLR 17(99).
        """
        h, r = phases.hidden_mean, phases.signs * rate
        if centering is None:
            h *= r[:, None]
            visible_bias = phases.visible_transposed_dot(r)
            hidden_bias = phases.sums[0] @ h
            weights = phases.visible_transposed_dot(h, out=phases.weights)
            return [weights, visible_bias, hidden_bias]
        v0, h0 = centering.visible, centering.hidden
        h -= h0
        h *= r[:, None]
        hidden_bias, of_data = phases.sums @ h
        # The rₙ sum to zero, so v₀ is left in one term, −v₀ Σₙ rₙhₙᵀ, which rides
        # through the product as row 0; ΔW h₀ and v₀ΔW are taken row by row.
        phases.visible[0] = v0
        h[0] = -hidden_bias
        visible_bias = phases.visible_transposed_dot(r - h @ h0)
        hidden_bias -= phases.visible_dot(v0) @ h
        if rate:
            centering.move(of_data, rate)
        weights = phases.visible_transposed_dot(h, out=phases.weights)
        return [weights, visible_bias, hidden_bias]

    def mirrored(self):
        """The same distribution with the two sides exchanged."""
        return type(self)(
            np.ascontiguousarray(self.weights.T),
            self.hidden_bias,
            self.visible_bias,
            self.hidden,
            self.visible,
        )

    def copy(self):
        """The same machine with arrays of its own."""
        arrays = (array.copy() for array in self.params)
        return type(self)(*arrays, self.visible, self.hidden)
