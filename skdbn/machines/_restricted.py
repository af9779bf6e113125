"""The restricted Boltzmann machine: P(h|v), P(v|h), free energy, Gibbs sampling."""

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.sparse import issparse

from .._utils._numerics import as_float, is_thin
from .._utils._threads import threads_for
from ..units import Bernoulli, Grouped, Parametric, Scaled, Units
from ..units._base import ask
from ..units._grouped import masked
from ..units._parametric import copied
from ..units._shifted import row_dot, units_of_rows
from ._base import Machine, State
from ._centering import Centering
from ._phases import Phases
from ._pseudo_likelihood import (
    LARGEST_NORM,
    log_conditional,
    log_conditionals,
    pseudo_log_likelihood,
)
from ._tempered import Tempered

# As many singular values are followed as are above the second number, and all of so few
# hidden units.
FEW_HIDDEN = 16
FEWEST_FOLLOWED = 8
WELL_BELOW = 0.9

# After so many steps the mean field of unknown values is taken to have converged.
MEAN_FIELD_STEPS = 30


@dataclass
class RestrictedMachine(Machine):
    r"""The restricted Boltzmann machine: two layers, and weights between them.

    .. math:: E(v, h) = \text{base}(v) + \text{base}(h) - v \cdot b - h \cdot c - v W h

    Parameters
    ----------
    weights : ndarray of shape (n_visible, n_hidden)
        W: scikit-learn's ``components_`` transposed, because a sparse v times W and vᵀh
        then need no copy.

    visible_bias, hidden_bias : ndarray of shape (n_visible,) and (n_hidden,)
        b and c; in a machine of given rows with a row for each of these.

    visible, hidden : Units
        The types of the units.

    center : ndarray of shape (n_visible,), default=None
        Where weights are clipped, the fields of rows about it, 0 if None, stay as they
        are.

    See Also
    --------
    Machine : The contract.

    References
    ----------
    .. [1] Smolensky, P. (1986). Information processing in dynamical systems:
       foundations of harmony theory. In Parallel Distributed Processing 1, MIT Press.

    Examples
    --------
    >>> import numpy as np
    >>> from skdbn.machines import RestrictedMachine
    >>> machine = RestrictedMachine(np.ones((3, 2)), np.zeros(3), np.zeros(2))
    >>> machine.hidden_mean(np.zeros((1, 3)))
    array([[0.5, 0.5]])
    """

    weights: np.ndarray
    visible_bias: np.ndarray
    hidden_bias: np.ndarray
    visible: Units = field(default_factory=Bernoulli)
    hidden: Units = field(default_factory=Bernoulli)
    center: np.ndarray | None = None

    def given(self, rows):
        """The machine of what rows model, and its rows: all, where nothing is given."""
        return self, rows

    def of_rows(self, index):
        """The machine of some rows: itself, unless each row has its own biases."""
        if self.visible_bias.ndim == 1:
            return self
        return replace(
            self,
            visible_bias=self.visible_bias[index],
            hidden_bias=self.hidden_bias[index],
            visible=units_of_rows(self.visible, index),
        )

    # The share of the visible units that a hidden unit sees.
    input_share = 1.0

    @property
    def shape(self):
        """Numbers of visible and of hidden units."""
        return self.weights.shape

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
            - row_dot(v, self.visible_bias)
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
        """Initial states of n chains: drawn from the visible biases alone."""
        shape = n, self.shape[0]
        fields = np.array(np.broadcast_to(self.visible_bias, shape), order="C")
        v = self.visible.sample(fields, rng, out=fields)
        if clamp is not None:
            clamp(v)
        return self.state(v, rng)

    def transition(self, state, rng, out=None, clamp=None):
        """One Gibbs step, v and then h; it keeps p(v, h). `out` may be `state`.

        With `clamp` it keeps p(unknown v, h | known v).
        """
        v, h = (None, None) if out is None else (out.visible, out.hidden)
        v = self.visible_sample(state.hidden, rng, out=v)
        if clamp is not None:
            clamp(v)
        h = self.hidden_sample(v, rng, out=h)
        return State(v, h) if out is None else out

    def masked(self, unknown, v=None):
        """The machine for the unknown values of rows v, given the known ones."""
        visible = masked(self.visible, unknown, v)
        return self if visible is self.visible else replace(self, visible=visible)

    def mean_field(self, v, unknown, n_steps=MEAN_FIELD_STEPS):
        """v with E[v | h] at h = E[h | v], in the end, for its unknown values.

        No sampling, so that a row has a single answer, which depends on no other row.
        """
        machine = self.masked(unknown, v)
        fields = np.broadcast_to(self.visible_bias, v.shape)
        v = np.where(unknown, machine.visible.mean(fields), v)
        for _ in range(n_steps):
            np.copyto(v, machine.visible_mean(self.hidden_mean(v)), where=unknown)
        return v

    def tempered(self, base_bias, base_units=None):
        """The path to the machine from independent units with `base_bias`."""
        return Tempered(self, base_bias, base_units)

    def log_conditional(self, v, hidden_field, i):
        """See :func:`~skdbn.machines._pseudo_likelihood.log_conditional`."""
        return log_conditional(self, v, hidden_field, i)

    def log_conditionals(self, v):
        """log P(coordinate i of v | the other ones), for each row and each i"""
        return self._judge(log_conditionals, v)

    def pseudo_log_likelihood(self, v):
        """Σᵢ log P(coordinate i of v | the other ones), for each row"""
        return self._judge(pseudo_log_likelihood, v)

    def _judge(self, function, v):
        """A function of the machine and of dense rows."""
        v = v.toarray() if issparse(v) else v
        n_coordinates = ask(self.visible, Grouped).n_coordinates(v.shape[1])
        with threads_for(len(v), self.n_weights // n_coordinates):
            return function(self, v)

    @property
    def params(self):
        """The arrays that learn, by name."""
        own = ask(self.visible, Parametric).params
        return self.named(self.weights, self.visible_bias, self.hidden_bias, own)

    @staticmethod
    def named(weights, visible_bias, hidden_bias, own):
        """Values by the names of the parameters, those of the visible units last."""
        found = {
            "weights": weights,
            "visible_bias": visible_bias,
            "hidden_bias": hidden_bias,
        }
        for i, array in enumerate(own):
            found[f"visible_{i}"] = array
        return found

    @property
    def n_weights(self):
        """Number of weights."""
        return self.weights.size

    def infer(self, v):
        """v with E[h | v]"""
        return State(v, self.hidden_mean(v))

    def moments(self, state, weights=None):
        """The means over the rows of vhᵀ, v, h, and of the units' own statistics."""
        v, h = state
        r = np.full(len(h), 1 / len(h), h.dtype) if weights is None else weights
        own = ask(self.visible, Parametric).statistics(v, r)
        return self.named(v.T @ (r[:, None] * h), r @ v, r @ h, own)

    def workspace(self, n_model, n_data):
        """Working arrays of both phases, stacked so that one product serves both."""
        return Phases(self, n_model, n_data)

    def load(self, work, batch, rng=None, weights=None):
        """Put a batch into the workspace; a thin sparse one stays as it is."""
        work.resize(batch.shape[0])
        work.weigh(weights)
        dtype = self.weights.dtype
        work.sparse = None
        learned = ask(self.visible, Parametric).params
        if rng is None and is_thin(batch) and not learned:
            work.sparse = batch.astype(dtype, copy=False)
            return
        as_float(batch, dtype, out=work.data.visible)
        if rng is not None:
            self.visible.draw(work.data.visible, rng)

    def contrast(self, work, rng, n_steps):
        """Negative phase of chains that begin at the data."""
        data, model = work.data, work.model
        batch = data.visible if work.sparse is None else work.sparse
        field = self.hidden_field(batch, out=data.hidden)
        mean = self.hidden.mean(field, out=data.hidden_mean)
        self.hidden.sample(field, rng, out=model.hidden, mean=mean)
        for _ in range(n_steps - 1):
            self.transition(model, rng, out=model)
        self.visible_sample(model.hidden, rng, out=model.visible)
        self.hidden_mean(model.visible, out=model.hidden_mean)

    def advance(self, work, rng, n_steps, by=None):
        """Negative phase of persistent chains, from their present states."""
        model, mover = work.model, by or self
        for _ in range(n_steps - 1):
            mover.transition(model, rng, out=model)
        if n_steps:
            mover.visible_sample(model.hidden, rng, out=model.visible)
        self._both_means(work)
        if n_steps and by is None:
            self.hidden.sample(
                model.hidden, rng, out=model.hidden, mean=model.hidden_mean
            )
        elif n_steps:
            by.hidden_sample(model.visible, rng, out=model.hidden)

    def _both_means(self, work):
        """Fill in fields and means of the hidden units in both phases."""
        both, model = work.both, work.model
        if work.sparse is None:
            self.hidden_field(both.visible, out=both.hidden)
        else:
            self.hidden_field(model.visible, out=model.hidden)
            self.hidden_field(work.sparse, out=work.data.hidden)
        self.hidden.mean(both.hidden, out=both.hidden_mean)

    def hidden_means(self, work):
        """E[h | v] of the data."""
        return work.data.hidden_mean

    def new_centering(self, mean):
        """Offsets: the mean of the data, and E[h | v] there."""
        field = self.hidden_bias[None]
        if self.visible.tail is not None:
            field = self.hidden_field(mean[None])
        return Centering(mean, self.hidden.mean(field)[0])

    def step_scale(self, name):
        """That of the visible units, for the weights."""
        scale = ask(self.visible, Scaled).step_scale
        return None if scale is None else scale.reshape(-1, 1)

    def length(self, direction, limit=np.inf):
        """Length of a step of the weights, in units of the visible deviations."""
        weights, visible = direction["weights"], ask(self.visible, Scaled)
        scale, inverse = visible.step_scale, visible.step_root_inverse
        if inverse is not None:
            weights, scale = inverse @ weights, None
        flat = weights.ravel()
        total = np.dot(flat, flat)
        if scale is not None:
            if limit < np.inf and not total > limit**2 * scale.min():
                return 0.0
            total = (np.einsum("ij,ij->i", weights, weights) / scale).sum()
        return float(np.sqrt(total))

    def difference(self, work, centering=None, rate=1.0):
        """`rate` times the moments of the data minus those of the model.

        With rₙ = 1/n for a data row, times its weight, and for the model rows of the
        opposite sum, and centered on the offsets (v₀, h₀) of [1]_:

        ΔW = Σₙ rₙ (vₙ − v₀)(hₙ − h₀)ᵀ,   Δb = Σₙ rₙ vₙ − ΔW h₀,   Δc = Σₙ rₙ hₙ − v₀ ΔW

        What concerns a visible unit is multiplied by its step scale: ΔW and Δb, and ΔW
        where it enters Δc.

        The hidden means of both phases are used up.
        The rate is multiplied into h, the smallest factor.

        References
        ----------
        .. [1] Melchior, J., Fischer, A. and Wiskott, L. (2016). How to center deep
           Boltzmann machines. JMLR 17(99).
        """
        h, r = work.hidden_mean, work.signs * rate
        visible = ask(self.visible, Scaled)
        scale, root = visible.step_scale, visible.step_root
        v0 = 0.0 if centering is None else centering.visible
        own = ask(self.visible, Parametric).own_steps(
            work.model.visible, rate, work.model_weights, work.total_weight
        )
        if centering is None:
            h *= r[:, None]
            visible_bias = work.visible_transposed_dot(r)
            hidden_bias = work.sums[0] @ h
        else:
            h0 = centering.hidden
            h -= h0
            h *= r[:, None]
            hidden_bias, of_data = work.sums @ h
            # The rₙ sum to zero, so v₀ is left in one term, −v₀ Σₙ rₙhₙᵀ, which rides
            # through the product as row 0; ΔW h₀ and v₀ΔW are taken row by row.
            work.visible[0] = v0
            h[0] = -hidden_bias
            visible_bias = work.visible_transposed_dot(r - h @ h0)
            hidden_bias -= work.visible_dot(_scaled(v0, scale, root)) @ h
            if rate:
                centering.move(of_data, rate * work.total_weight)
        if scale is None:
            weights = work.visible_transposed_dot(h, out=work.weights)
        else:
            weights = _scaled_product(work, h, scale, root)
            visible_bias = _scaled(visible_bias, scale, root)
        return self.named(weights, visible_bias, hidden_bias, own)

    def project(self):
        """Keep the units' parameters in bounds, and the partition function finite."""
        ask(self.visible, Parametric).project()
        if self.visible.tail is None or self.hidden.tail is None:
            return
        n_visible, n_hidden = self.weights.shape
        dtype = self.weights.dtype
        spread, other = (
            np.reshape(ask(layer, Scaled).spread(n), (-1, 1)).astype(dtype)
            for layer, n in ((self.visible, n_visible), (self.hidden, n_hidden))
        )
        change = self._excess(spread, other)
        if change is None:
            return
        center = np.zeros(n_visible, dtype) if self.center is None else self.center
        field = self.hidden_field(center)
        mean = self.hidden.mean(field[None])[0]
        self.visible_bias += self.weights @ mean
        # Units with bounds, beside others in a layer, take no part.
        scale = spread * other.T
        zeros = np.zeros_like(change)
        self.weights -= np.divide(change, scale, out=zeros, where=scale > 0)
        self.visible_bias -= self.weights @ mean
        self.hidden_bias[:] = field - center @ self.weights

    def _excess(self, spread, other):
        """What is beyond the limit of the weights in units of the deviations, or None.

        By a power iteration from where the last call was, of enough vectors that the
        singular values of all others are well below the limit; directly of few hidden
        units.
        """
        n_visible, n_hidden = self.weights.shape
        n_all, n_wanted = min(n_visible, n_hidden), FEWEST_FOLLOWED
        vectors = getattr(self, "_vectors", np.empty((n_hidden, 0)))
        are_few = n_hidden <= FEW_HIDDEN
        if are_few:
            vectors = np.eye(n_hidden, dtype=self.weights.dtype)
        while True:
            n_old, n_iter = vectors.shape[1], 0 if are_few else 2
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
            if len(squares) >= n_all or squares[0] < WELL_BELOW**2:
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
        """A copy of the machine with its own arrays."""
        arrays = (self.weights, self.visible_bias, self.hidden_bias)
        copies = (array.copy() for array in arrays)
        return type(self)(*copies, copied(self.visible), self.hidden, self.center)


def _scaled(x, scale, root):
    """Rows x times the scale of the steps, or times QQᵀ for its root Q."""
    if scale is None or np.ndim(x) == 0:
        return x
    return x * scale if root is None else x @ root @ root.T


def _scaled_product(work, h, scale, root):
    """The visible rows' transpose times `h`, with each of its rows times its scale."""
    if work.sparse is None and len(h) < h.shape[1]:
        # There are fewer values in the rows than in the product.
        return np.dot(_scaled(work.visible, scale, root).T, h, out=work.weights)
    weights = work.visible_transposed_dot(h, out=work.weights)
    if root is None:
        weights *= scale.reshape(-1, 1)
        return weights
    weights[:] = root @ (root.T @ weights)
    return weights
