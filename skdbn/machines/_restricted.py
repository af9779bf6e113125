"""The restricted Boltzmann machine: P(h|v), P(v|h), free energy, Gibbs sampling."""

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.sparse import issparse

from .._threads import threads_for
from ..units import Bernoulli, Units
from ._base import Machine, State
from ._pseudo_likelihood import LARGEST_NORM, log_conditional, pseudo_log_likelihood
from ._tempered import Tempered

# As many singular values are followed as are above the second number.
FEWEST_FOLLOWED = 8
WELL_BELOW = 0.9

# After so many steps the mean field of unknown values is taken to have settled.
MEAN_FIELD_STEPS = 30


@dataclass
class RestrictedMachine(Machine):
    """E(v, h) = base(v) + base(h) − v·b − h·c − v·W·h.

    `weights` W is (n_visible, n_hidden): scikit-learn's ``components_`` transposed,
    because a sparse v times W and vᵀh then need no copy. Where weights are clipped, the
    fields of rows about `center`, 0 if None, stay as they are.
    """

    weights: np.ndarray
    visible_bias: np.ndarray
    hidden_bias: np.ndarray
    visible: Units = field(default_factory=Bernoulli)
    hidden: Units = field(default_factory=Bernoulli)
    center: np.ndarray | None = None

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

    def initial_state(self, n, rng, clamp=None):
        """Where n chains start: visible units that feel only their biases."""
        fields = np.repeat(self.visible_bias[None], n, axis=0)
        v = self.visible.sample(fields, rng, out=fields)
        if clamp is not None:
            clamp(v)
        return self.state(v, rng)

    def transition(self, state, rng, out=None, clamp=None):
        """One Gibbs sweep, v and then h; it keeps p(v, h). `out` may be `state`.

        With `clamp` it keeps p(unknown v, h | known v).
        """
        v, h = (None, None) if out is None else (out.visible, out.hidden)
        v = self.visible_sample(state.hidden, rng, out=v)
        if clamp is not None:
            clamp(v)
        h = self.hidden_sample(v, rng, out=h)
        return State(v, h) if out is None else out

    def limited(self, unknown):
        """The machine of rows whose known values rule out others of their group."""
        visible = self.visible.limited(unknown)
        return self if visible is self.visible else replace(self, visible=visible)

    def mean_field(self, v, unknown, n_steps=MEAN_FIELD_STEPS):
        """v with E[v | h] at h = E[h | v], in the end, for its unknown values.

        No sampling, so that a row has a single answer, which depends on no other row.
        """
        machine = self.limited(unknown)
        fields = np.repeat(self.visible_bias[None], len(v), axis=0)
        v = np.where(unknown, machine.visible.mean(fields), v)
        for _ in range(n_steps):
            np.copyto(v, machine.visible_mean(self.hidden_mean(v)), where=unknown)
        return v

    def tempered(self, base_bias, base_units=None):
        """The way to these distributions from units that feel only `base_bias`."""
        return Tempered(self, base_bias, base_units)

    def log_conditional(self, v, hidden_field, i):
        """See :func:`~skdbn.machines._pseudo_likelihood.log_conditional`."""
        return log_conditional(self, v, hidden_field, i)

    def pseudo_log_likelihood(self, v):
        """Σᵢ log P(coordinate i of v | the other ones), for each row"""
        v = v.toarray() if issparse(v) else v
        n_coordinates = self.visible.n_coordinates(v.shape[1])
        with threads_for(len(v), self.n_weights // n_coordinates):
            return pseudo_log_likelihood(self, v)

    @property
    def params(self):
        """The arrays that training changes, in place."""
        own = [self.weights, self.visible_bias, self.hidden_bias]
        return own + self.visible.params

    def statistics(self, v):
        """The mean over the rows of −∂F/∂params: vᵀE[h|v], v, E[h|v], the units' own."""
        h = self.hidden_mean(v)
        own = self.visible.statistics(v)
        return [v.T @ h / len(h), v.mean(axis=0), h.mean(axis=0), *own]

    def difference(self, phases, centering=None, rate=1.0):
        """`rate` times the statistics of the data minus those of the model.

        With rₙ = 1/n for a data row and −1/m for a model row, and centered on the
        offsets (v₀, h₀) of [1]_:

        ΔW = Σₙ rₙ (vₙ − v₀)(hₙ − h₀)ᵀ,   Δb = Σₙ rₙ vₙ − ΔW h₀,   Δc = Σₙ rₙ hₙ − v₀ ΔW

        What concerns a visible unit is multiplied by its step scale: ΔW and Δb, and ΔW
        where it enters Δc.

        The hidden means of both phases are in ``phases.hidden_mean``, and used up.
        The rate is multiplied into h, the smallest factor.

        References
        ----------
        .. [1] Melchior, J., Fischer, A. and Wiskott, L. (2016). How to center deep
           Boltzmann machines. JMLR 17(99).
        """
        h, r = phases.hidden_mean, phases.signs * rate
        scale = self.visible.step_scale
        v0 = 0.0 if centering is None else centering.visible
        own = [
            rate * step * (of_data - of_model)
            for step, of_data, of_model in zip(
                self.visible.param_steps,
                self.visible.data_statistics(),
                self.visible.statistics(phases.model.visible),
                strict=True,
            )
        ]
        if centering is None:
            h *= r[:, None]
            visible_bias = phases.visible_transposed_dot(r)
            hidden_bias = phases.sums[0] @ h
        else:
            h0 = centering.hidden
            h -= h0
            h *= r[:, None]
            hidden_bias, of_data = phases.sums @ h
            # The rₙ sum to zero, so v₀ is left in one term, −v₀ Σₙ rₙhₙᵀ, which rides
            # through the product as row 0; ΔW h₀ and v₀ΔW are taken row by row.
            phases.visible[0] = v0
            h[0] = -hidden_bias
            visible_bias = phases.visible_transposed_dot(r - h @ h0)
            hidden_bias -= phases.visible_dot(v0 if scale is None else scale * v0) @ h
            if rate:
                centering.move(of_data, rate)
        if scale is None:
            weights = phases.visible_transposed_dot(h, out=phases.weights)
        else:
            weights = _scaled_product(phases, h, scale)
            visible_bias *= scale
        return [weights, visible_bias, hidden_bias, *own]

    def project(self):
        """Keep the units' parameters in bounds, and the normaliser finite."""
        self.visible.project()
        if self.visible.tail is None or self.hidden.tail is None:
            return
        n_visible, n_hidden = self.weights.shape
        dtype = self.weights.dtype
        spread, other = (
            np.reshape(side, (-1, 1)).astype(dtype)
            for side in (self.visible.spread(n_visible), self.hidden.spread(n_hidden))
        )
        change = self._excess(spread, other)
        if change is None:
            return
        center = np.zeros(n_visible, dtype) if self.center is None else self.center
        field = self.hidden_field(center)
        mean = self.hidden.mean(field[None])[0]
        self.visible_bias += self.weights @ mean
        self.weights -= change / spread / other.T
        self.visible_bias -= self.weights @ mean
        self.hidden_bias[:] = field - center @ self.weights

    def _excess(self, spread, other):
        """What is beyond the limit of the weights in units of the deviations, or None.

        By a power iteration from where the last call was, of enough vectors that the
        singular values of all others are well below the limit.
        """
        n_visible, n_hidden = self.weights.shape
        n_all, n_wanted = min(n_visible, n_hidden), FEWEST_FOLLOWED
        vectors = getattr(self, "_vectors", np.empty((n_hidden, 0)))
        while True:
            n_old, n_iter = vectors.shape[1], 2
            if n_old < min(n_wanted, n_all):
                more = np.arange(1 + n_old, 1 + min(n_wanted, n_all))
                waves = np.cos(np.outer(1 + np.arange(n_hidden), more))
                vectors, n_iter = np.hstack([vectors, waves]), 20
                vectors = vectors.astype(self.weights.dtype)
            for _ in range(n_iter):
                left = spread * (self.weights @ (other * vectors))
                vectors, _ = np.linalg.qr(other * (self.weights.T @ (spread * left)))
            left = spread * (self.weights @ (other * vectors))
            if not np.isfinite(left).all():
                return None
            squares, axes = np.linalg.eigh(left.T @ left)
            if len(squares) == n_all or squares[0] < WELL_BELOW**2:
                break
            n_wanted = 2 * len(squares)
        self._vectors = vectors
        some = squares > LARGEST_NORM**2
        if not some.any():
            return None
        axes, share = axes[:, some], 1 - LARGEST_NORM / np.sqrt(squares[some])
        return (left @ axes * share) @ (vectors @ axes).T

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
        arrays = (self.weights, self.visible_bias, self.hidden_bias)
        copies = (array.copy() for array in arrays)
        return type(self)(*copies, self.visible.copy(), self.hidden, self.center)


def _scaled_product(phases, h, scale):
    """The visible rows' transpose times `h`, with each of its rows times its scale."""
    if phases.sparse is None and len(h) < h.shape[1]:
        # There are fewer values in the rows than in the product.
        return np.dot((phases.visible * scale).T, h, out=phases.weights)
    weights = phases.visible_transposed_dot(h, out=phases.weights)
    weights *= scale.reshape(-1, 1)
    return weights
