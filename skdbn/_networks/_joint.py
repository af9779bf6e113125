"""A deep belief net with labels, and separate recognition and generative weights."""

from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax

from .._utils._numerics import as_float
from .._utils._random import make_rng
from .._utils._threads import threads_for
from ..machines import Clamp, RestrictedMachine
from ..machines._stack import filled
from ..units import Scaled, Softmax
from ..units._base import ask


@dataclass
class JointNet:
    """p(v, h¹, ..., hᴸ, y): directed layers, and a top that also sees a label.

    Up, Q(hˡ | hˡ⁻¹) has the machines `up`; down, p(hˡ⁻¹ | hˡ) has the machines `down`,
    which start as the same and come apart when the net is fine-tuned. Of each machine
    that is its hidden, or its visible side. The visible units of `top` are those of the
    penultimate layer and then the `n_labels` units of the label.
    """

    up: list[RestrictedMachine]
    down: list[RestrictedMachine]
    top: RestrictedMachine
    n_labels: int
    reach: dict | None = None

    @classmethod
    def on_top_of(cls, machines, top, n_labels):
        """The net after greedy training, with its own arrays."""
        up, down = ([machine.copy() for machine in machines] for _ in range(2))
        return cls(up, down, top.copy(), n_labels)

    @property
    def params(self):
        """The arrays that learn, by name."""
        parts = [
            *(
                (f"up_{i}", m, ("weights", "hidden_bias"))
                for i, m in enumerate(self.up)
            ),
            *(
                (f"down_{i}", m, ("weights", "visible_bias"))
                for i, m in enumerate(self.down)
            ),
            ("top", self.top, self.top.params),
        ]
        return {
            f"{part}_{name}": machine.params[name]
            for part, machine, names in parts
            for name in names
        }

    @property
    def n_weights(self):
        """Number of elements of the largest matrix of weights."""
        return max(array.size for array in self.params.values())

    def copy(self):
        """A copy of the net with its own arrays."""
        up, down = ([m.copy() for m in group] for group in (self.up, self.down))
        return JointNet(up, down, self.top.copy(), self.n_labels, self.reach)

    def measure_reach(self, v):
        """Note how far steps move fields: the largest mean Σ(v − mean)² of a layer."""
        layers, rng = [as_float(v, self.dtype)], make_rng(0)
        for machine in self.up:
            layers.append(machine.hidden_sample(layers[-1], rng))
        variances = [layer.var(axis=0) for layer in layers]
        scale = ask(self.up[0].visible, Scaled).step_scale
        if scale is not None:
            variances[0] *= scale
        self.reach = {"up-down": max(float(own.sum()) for own in variances)}

    def project(self):
        """Any parameters will do."""

    @property
    def dtype(self):
        """The precision of all arrays."""
        return self.top.weights.dtype

    @property
    def width(self):
        """The largest number of units of a layer."""
        return max(max(m.weights.shape) for m in [*self.up, self.top])

    @property
    def n_outputs(self):
        """The number of labels."""
        return self.n_labels

    def field(self, v):
        """log p(y | v) of each label, v brought up by means."""
        return self.log_label(self.recognize(v))

    def recognize(self, v, rng=None):
        """The penultimate layer: means of means, or with `rng` a draw of draws."""
        for machine in self.up:
            v = machine.hidden_mean(v) if rng is None else machine.hidden_sample(v, rng)
        return v

    def log_label(self, h):
        """log p(y | h) of each label, exactly, h the penultimate layer.

        −F(h, y) = d_y + Σⱼ log(1 + exp(c_j + (hW)_j + U_yj)), up to what all have.
        """
        n_units = h.shape[1]
        weights = self.top.weights
        field = h @ weights[:n_units]
        field += self.top.hidden_bias
        scores = np.empty((len(h), self.n_labels), h.dtype)
        for label, own in enumerate(weights[n_units:]):
            scores[:, label] = self.top.hidden.log_partition(field + own)
        scores += self.top.visible_bias[n_units:]
        return log_softmax(scores, axis=1)

    def label(self, state):
        """The label of each state of the top, as a row with a single 1."""
        return state.visible[:, -self.n_labels :]

    def clamp(self, labels):
        """What is known to chains at the top that have these labels."""
        shape = len(labels), self.top.weights.shape[0]
        values, known = np.zeros(shape, self.dtype), np.zeros(shape, bool)
        values[:, -self.n_labels :] = labels
        known[:, -self.n_labels :] = True
        return Clamp(values, known)

    def generate(self, h, rng, means=False):
        """A draw of v from the penultimate layer down; or its mean at the end."""
        for i, machine in reversed(list(enumerate(self.down))):
            last = means and i == 0
            h = machine.visible_mean(h) if last else machine.visible_sample(h, rng)
        return h

    def from_state(self, state, rng, means=False):
        """v at the end of a way down from a state of the top."""
        return self.generate(state.visible[:, : -self.n_labels], rng, means)

    def fill(self, v, known, rng, n_steps, n_means=None, labels=None):
        """v with the values that are not known drawn, given the others and the label.

        As :meth:`Stack.fill`, up by the recognition and down by the generative weights.
        A label that is not given is drawn from its exact probability in each round.
        """
        bottom = self.down[0].masked(~known, v)
        upper = JointNet(self.up, self.down[1:], self.top, self.n_labels)

        def draw(v):
            h = self.recognize(v, rng)
            y = labels
            if y is None:
                p = np.exp(self.log_label(h))
                y = Softmax(self.n_labels).sample(None, rng, mean=p)
            joint = np.hstack([h, y]).astype(self.dtype, copy=False)
            state = self.top.transition(self.top.state(joint, rng), rng)
            return upper.from_state(state, rng)

        with threads_for(len(v), self.n_weights):
            return filled(v, known, draw, bottom, rng, n_steps, n_means)
