"""Markov chains that are run for their states: plain, tempered and clamped ones."""

import numpy as np

from .._threads import threads_for


class TemperedChains:
    """Chains at several inverse temperatures, of which neighbours change places.

    Chains stay where they are, and temperatures change places: ``places[r]`` has the
    chains at ``betas[r]``, column by column those that change places with each other.

    Parameters
    ----------
    state : State
        The chains, those at β = 1 first.

    n_temperatures : int
        Number of inverse temperatures, evenly spaced from 1 to 0.

    Attributes
    ----------
    swaps : ndarray of shape (2, n_temperatures - 1)
        How many swaps were tried, and how many accepted, from the pair at β = 1 on.
    """

    def __init__(self, state, n_temperatures):
        self.state = state
        self.betas = np.linspace(1, 0, n_temperatures)
        self.places = np.arange(len(state.visible)).reshape(n_temperatures, -1)
        self.swaps = np.zeros((2, n_temperatures - 1))
        self._odd = False
        self._field = None

    def sweep(self, tempered, rng, swap="free-energy", clamp=None):
        """Move all chains, and let every other pair of neighbours change places.

        `swap` is "free-energy" or "energy", whether p_β is that of the visible units or
        of both layers.
        """
        v, h = self.state
        if self._field is None:
            self._field = np.empty_like(h)
        betas = self._row_betas(self.betas)
        tempered.visible_sample(h, betas, rng, out=v)
        if clamp is not None:
            clamp(v)
        field = tempered.machine.hidden_field(v, out=self._field)
        if swap == "energy":
            tempered.hidden_sample(field, betas, rng, out=h)
        self._exchange(tempered, swap, rng)
        if swap == "free-energy":
            betas = self._row_betas(self.betas)
            tempered.hidden_sample(field, betas, rng, out=h)

    def coldest(self):
        """A copy of the states at β = 1."""
        return type(self.state)(*(array[self.places[0]] for array in self.state))

    def rest(self):
        """Let go of the working array."""
        self._field = None

    def _row_betas(self, betas):
        """Of values for each temperature, that of each chain."""
        rows = np.empty(self.places.size)
        rows[self.places] = betas[:, None]
        return rows

    def _exchange(self, tempered, swap, rng):
        first = np.arange(self._odd, len(self.betas) - 1, 2)
        self._odd = not self._odd
        others = self.betas.copy()
        others[first], others[first + 1] = self.betas[first + 1], self.betas[first]
        own, other = self._row_betas(self.betas), self._row_betas(others)
        (v, h), field = self.state, self._field
        if swap == "energy":
            change = (other - own) * tempered.slope(v, h, field)
        else:
            change = tempered.log_weight_change(v, field, own, other)
        cold, hot = self.places[first], self.places[first + 1]
        log_ratio = change[cold] + change[hot]
        # A row of random numbers is for one chain.
        accepted = np.log(rng.random(log_ratio.T.shape).T) < log_ratio
        self.places[first] = np.where(accepted, hot, cold)
        self.places[first + 1] = np.where(accepted, cold, hot)
        self.swaps[0, first] += log_ratio.shape[1]
        self.swaps[1, first] += accepted.sum(axis=1)


class Chains:
    """Chains of a machine from its initial states on.

    Parameters
    ----------
    machine : Machine
        Not changed.

    n : int
        Number of chains.

    rng : numpy.random.Generator
        Source of random numbers.

    n_temperatures : int, default=1
        With more than one, each chain has companions at higher temperatures, down to
        β = 0, with which it changes places.

    clamp : Clamp, default=None
        What is known of the visible units of each chain.
    """

    def __init__(self, machine, n, rng, n_temperatures=1, clamp=None):
        self._machine, self._rng = machine, rng
        if clamp is not None and n_temperatures > 1:
            clamp = clamp.repeated(n_temperatures)
        self._clamp = clamp
        self.state = machine.initial_state(n * n_temperatures, rng, clamp)
        self._tempered = None
        if n_temperatures > 1:
            self._tempered = machine.tempered(machine.visible_bias)
            self._all = machine.tempered_chains(self.state, n_temperatures)
            self.state = self._all.coldest()

    def sweep(self, n=1):
        """Move all chains n times; gives their :class:`State`, overwritten later."""
        chains = self.state if self._tempered is None else self._all.state
        with threads_for(len(chains.visible), self._machine.n_weights):
            for _ in range(n):
                if self._tempered is None:
                    self._machine.transition(
                        self.state, self._rng, out=self.state, clamp=self._clamp
                    )
                else:
                    self._all.sweep(self._tempered, self._rng, clamp=self._clamp)
        if self._tempered is not None:
            self.state = self._all.coldest()
        return self.state
