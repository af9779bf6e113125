"""Machines on top of each other: a deep belief net."""

import numpy as np
from scipy.sparse import issparse

from .._utils._threads import threads_for


class Stack:
    """p(v, h¹, ..., hᴸ) = p(v | h¹) ... p(hᴸ⁻² | hᴸ⁻¹) p(hᴸ⁻¹, hᴸ)

    The hidden units of each machine are the visible ones of the next; the last one is
    the undirected top. Upwards, each layer follows its machine: Q(hˡ | hˡ⁻¹).
    """

    def __init__(self, machines):
        *self.below, self.top = machines

    @property
    def dtype(self):
        """The precision of all arrays."""
        return self.top.weights.dtype

    @property
    def width(self):
        """The largest number of units of a layer."""
        return max(max(machine.weights.shape) for machine in (*self.below, self.top))

    def up(self, v, rng):
        """A draw of the layers between v and the top, down to up: what the top sees."""
        for machine in self.below:
            v = machine.hidden_sample(v, rng)
        return v

    def down(self, h, rng, means=False):
        """A draw of v, from the units that the top sees; or its mean at the end."""
        for i, machine in reversed(list(enumerate(self.below))):
            if means and i == 0:
                h = machine.visible_mean(h)
            else:
                h = machine.visible_sample(h, rng)
        return h

    def from_state(self, state, rng, means=False):
        """v at the end of a way down from a state of the top."""
        if self.below:
            return self.down(state.visible, rng, means)
        return self.top.visible_mean(state.hidden) if means else state.visible.copy()

    def fill(self, v, known, rng, n_steps, n_means=None):
        """v with the values that are not known drawn, given the others.

        They go up by Q, one Gibbs step along the top and down again, n_steps times,
        each time with the known values put back [1]_. Of a single machine these are
        Gibbs steps of the exact conditional distribution; above it they are not, since
        Q is not the posterior. With `n_means` the mean of E[v | h¹] over so many more
        rounds takes the place of a draw.

        References
        ----------
        .. [1] Ranzato, M., Susskind, J., Mnih, V. and Hinton, G. (2011). On deep
           generative models with applications to recognition. CVPR.
        """
        bottom, *above = [*self.below, self.top]
        bottom = bottom.masked(~known, v)

        def draw(v):
            h = bottom.hidden_sample(v, rng)
            return Stack(above).resampled(h, rng) if above else h

        with threads_for(
            len(v), max(machine.n_weights for machine in (bottom, *above))
        ):
            return filled(v, known, draw, bottom, rng, n_steps, n_means)

    def resampled(self, v, rng):
        """v after a way up, one Gibbs step along the top and a way down."""
        state = self.top.transition(self.top.state(self.up(v, rng), rng), rng)
        return self.down(state.visible, rng)

    def reconstruction_log_likelihood(self, v):
        """log p(v | ĥ¹), with the means of v at the top brought down to ĥ¹."""
        first, *above = machines = [*self.below, self.top]
        h = v
        for machine in machines:
            h = machine.hidden_mean(h)
        for machine in reversed(above):
            h = machine.visible_mean(h)
        field = first.visible_field(h)
        v = v.toarray() if issparse(v) else v
        found = _dot(v, field)
        found -= first.visible.log_partition(field)
        found -= first.visible.base_energy(v)
        return found

    def bound(self, v, rng):
        """One draw of log p(v, h) − log Q(h | v) + log Z; its mean is a lower bound.

        Σₗ (log p(hˡ⁻¹ | hˡ) + H(Q(hˡ | hˡ⁻¹))) − F(hᴸ⁻¹), with h ~ Q
        """
        total = np.zeros(len(v))
        for machine in self.below:
            field = machine.hidden_field(v)
            mean = machine.hidden.mean(field)
            h = machine.hidden.sample(field, rng, mean=mean)
            total += machine.hidden.log_partition(field) - _dot(mean, field)
            total += machine.hidden.base_energy(h)
            back = machine.visible_field(h)
            total += _dot(v, back) - machine.visible.log_partition(back)
            total -= machine.visible.base_energy(v)
            v = h
        return total - self.top.free_energy(v)


def filled(v, known, draw, bottom, rng, n_steps, n_means=None):
    """v with the values that are not known from draws of the layer above, n_steps times.

    ``draw(v)`` gives that layer after a round through the model, and `bottom` v for it.
    """
    given, total = v.copy(), np.zeros(v.shape)
    for i in range(n_steps + (n_means or 0)):
        h = draw(v)
        if n_means and i >= n_steps:
            total += bottom.visible_mean(h)
        v = np.where(known, given, bottom.visible_sample(h, rng))
    return np.where(known, given, total / n_means) if n_means else v


def _dot(x, y):
    return np.einsum("ij,ij->i", x, y)
