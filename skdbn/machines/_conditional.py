"""The conditional restricted machine: p(v | u) for given columns u of its rows."""

from dataclasses import dataclass, replace

import numpy as np

from .._utils._numerics import as_float
from ..units import Parametric
from ..units._base import ask
from ..units._shifted import shift_scale, shift_slope, shifted
from ._base import Machine, State, repeated
from ._phases import Phases
from ._restricted import RestrictedMachine


@dataclass
class ConditionalMachine(Machine):
    r"""The restricted machine with biases that depend on given columns u.

    .. math:: E(v, h \mid u) = \text{base}(v) + \text{base}(h)
              - v \cdot (b + (u - u_0) A) - h \cdot (c + (u - u_0) B) - v W h

    Of Gaussian units (u − u₀)A shifts the center μ of base(v) = (v − μ)²/2σ² in place of
    the bias: the same but for the unit of A, which then is that of a regression, and a
    change of the variance moves no mean.

    A row of data is u and then v. Given u this is a restricted machine, which
    :meth:`given` returns; the products with u are made once for a batch, however many
    Gibbs steps follow.

    Parameters
    ----------
    restricted : RestrictedMachine
        W, b, c and the units, for u = u₀.

    to_visible, to_hidden : ndarray of shape (n_given, n_visible) and (n_given, n_hidden)
        A and B.

    given_center : ndarray of shape (n_given,), default=None
        u₀, the mean of u in the data; None means 0.

    given_scale : ndarray of shape (n_given,), default=None
        Factors of the steps of A and B, a row a column of u, such as the inverse of
        its variance; None means 1.

    rates : tuple of float, default=(1.0, 1.0)
        More factors of the steps of A and of B.

    See Also
    --------
    RestrictedMachine : The machine of p(v).

    References
    ----------
    .. [1] Taylor, G. W., Hinton, G. E. and Roweis, S. T. (2007). Modeling human motion
       using binary latent variables. NeurIPS 19.

    Examples
    --------
    >>> import numpy as np
    >>> from skdbn.machines import ConditionalMachine, RestrictedMachine
    >>> plain = RestrictedMachine(np.ones((3, 2)), np.zeros(3), np.zeros(2))
    >>> machine = ConditionalMachine(plain, np.zeros((1, 3)), np.array([[5.0, -5.0]]))
    >>> machine.infer(np.array([[1.0, 0, 0, 0]])).hidden.round(2)
    array([[0.99, 0.01]])
    """

    restricted: RestrictedMachine
    to_visible: np.ndarray
    to_hidden: np.ndarray
    given_center: np.ndarray | None = None
    given_scale: np.ndarray | None = None
    rates: tuple = (1.0, 1.0)

    conditional = True
    penalized = ("weights", "to_visible", "to_hidden")

    def __post_init__(self):
        n_given, dtype = len(self.to_visible), self.weights.dtype
        if self.given_center is None:
            self.given_center = np.zeros(n_given, dtype)
        if self.given_scale is None:
            self.given_scale = np.ones(n_given, dtype)

    @property
    def params(self):
        """The arrays that learn, by name."""
        own = {"to_visible": self.to_visible, "to_hidden": self.to_hidden}
        return self.restricted.params | own

    @property
    def n_given(self):
        """The number of columns of u, the first ones of a row."""
        return len(self.to_visible)

    weights = property(lambda self: self.restricted.weights, doc="W")
    visible_bias = property(lambda self: self.restricted.visible_bias, doc="b")
    hidden_bias = property(lambda self: self.restricted.hidden_bias, doc="c")
    visible = property(lambda self: self.restricted.visible, doc="The units of v.")
    hidden = property(lambda self: self.restricted.hidden, doc="The units of h.")
    shape = property(lambda self: self.restricted.shape, doc="Of W.")
    input_share = property(lambda self: self.restricted.input_share, doc="Of W.")
    n_weights = property(lambda self: self.restricted.n_weights, doc="Of W.")

    @property
    def center(self):
        """The mean of v in the data."""
        return self.restricted.center

    @center.setter
    def center(self, mean):
        self.restricted.center = mean

    def _split(self, rows):
        """u and v of one or many rows."""
        return rows[..., : self.n_given], rows[..., self.n_given :]

    def at(self, u):
        """The restricted machine of v for these u, a row of biases for each."""
        plain = self.restricted
        u = u - self.given_center
        visible, fields = shifted(plain.visible, u @ self.to_visible)
        return replace(
            plain,
            visible_bias=plain.visible_bias + fields,
            hidden_bias=u @ self.to_hidden + plain.hidden_bias,
            visible=visible,
        )

    def given(self, rows):
        """The restricted machine of the v of rows, given their u; and v."""
        u, v = self._split(as_float(rows, self.weights.dtype))
        return self.at(u), v

    def hidden_mean(self, rows, out=None):
        """E[h | v, u]"""
        machine, v = self.given(rows)
        return machine.hidden_mean(v, out=out)

    def free_energy(self, rows):
        """F(v | u) = −log Σₕ exp(−E(v, h | u))"""
        machine, v = self.given(rows)
        return machine.free_energy(v)

    def mean_field(self, rows, unknown):
        """Rows with the mean field of unknown v, given u and what is known of v."""
        machine, v = self.given(rows)
        found = machine.mean_field(v, self._split(unknown)[1])
        return np.hstack([self._split(rows)[0], found])

    def infer(self, v):
        """Rows with E[h | v, u]"""
        return State(v, self.hidden_mean(v))

    def state(self, v, rng):
        """Rows with a draw of h."""
        machine, own = self.given(v)
        return State(v, machine.hidden_sample(own, rng))

    def initial_state(self, n, rng):
        """Initial states of n chains: v is drawn from its biases, at the mean of u."""
        u = np.repeat(self.given_center[None], n, axis=0)
        v, h = self.at(self.given_center).initial_state(n, rng)
        return State(np.hstack([u, v]), h)

    def transition(self, state, rng, out=None):
        """One Gibbs step, v and then h; u stays."""
        machine, v = self.given(state.visible)
        new = machine.transition(State(v, state.hidden), rng)
        return State(
            np.hstack([self._split(state.visible)[0], new.visible]), new.hidden
        )

    def condition(self, state, v):
        """Give chains the u of rows, one for each chain."""
        own = self._split(state.visible)[1]
        return State(np.hstack([self._split(v)[0], own]), state.hidden)

    def moments(self, state, weights=None):
        """The means over the rows of vhᵀ, v, h, uvᵀ, uhᵀ and the units' statistics."""
        u, v = self._split(state.visible)
        h = state.hidden
        r = np.full(len(h), 1 / len(h), h.dtype) if weights is None else weights
        machine, weighted = self.at(u), (r[:, None] * (u - self.given_center)).T
        own = {
            "to_visible": weighted @ shift_slope(machine.visible, v),
            "to_hidden": weighted @ h,
        }
        return machine.moments(State(v, h), weights) | own

    def workspace(self, n_model, n_data):
        """Working arrays of the stacked phases of v and h, beside which u is."""
        return GivenPhases(self.restricted, n_model, n_data)

    def load(self, work, batch, rng=None, weights=None):
        """Put a batch into the workspace."""
        work.batch = as_float(batch, self.weights.dtype)
        work.given, v = self._split(work.batch)
        self.restricted.load(work, v, rng, weights)

    def contrast(self, work, rng, n_steps):
        """Negative phase of chains that begin at the data."""
        machine, work.chains_given = self.at(work.given), work.given
        work.units = machine.visible, machine.visible
        machine.contrast(work, rng, n_steps)

    def advance(self, work, rng, n_steps, by=None):
        """Negative phase of persistent chains, which are given the u of the batch."""
        n = len(work.model.hidden)
        work.chains_given = repeated(work.given, n)
        turns = np.arange(n) % len(work.given)
        of_data = self.at(work.given)
        mover = (of_data if by is None else by.at(work.given)).of_rows(turns)
        of_model = of_data.of_rows(turns)
        work.units = of_data.visible, of_model.visible
        biases = of_model.hidden_bias, of_data.hidden_bias
        both = replace(of_data, hidden_bias=np.concatenate(biases))
        both.advance(work, rng, n_steps, by=mover)

    def hidden_means(self, work):
        """E[h | v, u] of the data."""
        return self.restricted.hidden_means(work)

    def difference(self, work, centering=None, rate=1.0):
        """`rate` times the moments of the data minus those of the model.

        That of the restricted machine, and with its rₙ and its offset h₀

        ΔA = Σₙ rₙ (uₙ − u₀) vₙᵀ,   ΔB = Σₙ rₙ (uₙ − u₀)(hₙ − h₀)ᵀ

        times their rates and scales. The units' own parameters learn from the batch,
        which has the same u in both phases.
        """
        direction = self.restricted.difference(work, centering, rate)
        # By now the hidden means are rₙ(hₙ − h₀). Chains share the u of rows of data.
        n, n_model = len(work.given), len(work.model.hidden)
        r = (work.signs[1:] * rate)[:, None]
        v = r[n_model:] * work.data.visible
        v += _folded(r[:n_model] * work.model.visible, n)
        h = work.data.hidden_mean + _folded(work.model.hidden_mean, n)
        u = (work.given - self.given_center) * self.given_scale
        scale = shift_scale(self.visible)
        v = v if scale is None else v * scale
        for name, values in (("to_visible", v), ("to_hidden", h)):
            values *= self.rate_of(name)
            direction[name] = u.T @ values
        return direction | self._own_steps(work, rate)

    def _own_steps(self, work, rate):
        """Those of the visible units' own parameters, by name."""
        own = ask(self.visible, Parametric)
        n_model = len(work.model.hidden)
        phases = zip(
            work.units,
            (work.data.visible, work.model.visible),
            (work.signs[1 + n_model :], work.signs[1 : 1 + n_model]),
            strict=True,
        )
        of_data, of_model = (
            ask(units, Parametric).statistics(v, np.abs(r)) for units, v, r in phases
        )
        steps = [
            rate * step * (data - model)
            for step, data, model in zip(
                own.param_steps, of_data, of_model, strict=True
            )
        ]
        named = self.restricted.named(None, None, None, steps)
        return {name: step for name, step in named.items() if step is not None}

    def new_centering(self, mean):
        """Offsets: the mean of v, and E[h | v, u] there and at the mean of u."""
        return self.restricted.new_centering(mean)

    def rate_of(self, name):
        """Factor of the steps of a parameter beside those of the others."""
        return dict(zip(self.penalized[1:], self.rates, strict=True)).get(name, 1.0)

    def step_scale(self, name):
        """That of the visible units, for W and A, and of u, for A and B."""
        if name == "weights":
            return self.restricted.step_scale(name)
        scale, of_visible = self.given_scale[:, None], shift_scale(self.visible)
        if name == "to_hidden" or of_visible is None:
            return scale
        return scale * of_visible

    def length(self, direction, limit=np.inf):
        """Length of a step of W, in units of the visible deviations."""
        return self.restricted.length(direction, limit)

    def project(self):
        """Keep the units' parameters in bounds, and the partition function finite."""
        self.restricted.project()

    def scaled(self, beta):
        """The machine with its weights and biases times a factor, for tempering.

        The units keep their base, so that at β = 0 they are independent.
        """
        new = self.copy()
        arrays = new.weights, new.visible_bias, new.hidden_bias
        for array in (*arrays, new.to_visible, new.to_hidden):
            array *= beta
        return new

    def copy(self):
        """A copy of the machine with its own arrays."""
        return replace(
            self,
            restricted=self.restricted.copy(),
            to_visible=self.to_visible.copy(),
            to_hidden=self.to_hidden.copy(),
        )


class GivenPhases(Phases):
    """The phases of v and h; `given` and `chains_given` are u of the data and chains."""

    @property
    def state(self):
        """The states of the chains, of which a row is u and then v."""
        return State(
            np.hstack([self.chains_given, self.model.visible]), self.model.hidden
        )

    @state.setter
    def state(self, state):
        rows, self.model.hidden[:] = state
        n_given = rows.shape[1] - self.model.visible.shape[1]
        self.chains_given = rows[:, :n_given]
        self.model.visible[:] = rows[:, n_given:]


def _folded(rows, n):
    """Sums of the rows i, i + n, i + 2n … for each i below n."""
    total = np.zeros((n, rows.shape[1]), rows.dtype)
    for start in range(0, len(rows), n):
        part = rows[start : start + n]
        total[: len(part)] += part
    return total
