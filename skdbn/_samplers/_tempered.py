"""Chains at several inverse temperatures, of which neighbors change places."""

import numpy as np

from ..machines._base import check_offers
from ..units._parametric import copied


def tempered_chains(machine, state, n_temperatures):
    """Chains from these states on, those at β = 1 first."""
    if hasattr(machine, "tempered"):
        return TemperedChains(machine, state, n_temperatures)
    return ScaledChains(machine, state, n_temperatures)


class ScaledChains:
    """Chains of a machine whose parameters are multiplied by β.

    Chains stay where they are, and temperatures change places: ``places[r]`` has the
    chains at ``betas[r]``, column by column those that change places with each other.

    Parameters
    ----------
    machine : Machine
        The machine at the start.

    state : named tuple of ndarray
        The chains, those at β = 1 first.

    n_temperatures : int
        Number of inverse temperatures, evenly spaced from 1 to 0.

    Attributes
    ----------
    swaps : ndarray of shape (2, n_temperatures - 1)
        How many swaps were tried, and how many accepted, from the pair at β = 1 on.
    """

    needs = ("free_energy",)
    rules = ("free-energy",)

    def __init__(self, machine, state, n_temperatures):
        check_offers(machine, "Parallel tempering", *self.needs)
        self.state = state
        self.betas = np.linspace(1, 0, n_temperatures)
        self.places = np.arange(len(state[0])).reshape(n_temperatures, -1)
        self.swaps = np.zeros((2, n_temperatures - 1))
        self._odd = False

    def step(self, machine, rng, swap="free-energy"):
        """Move all chains, and let every other pair of neighbors change places."""
        machines = [machine.scaled(beta) for beta in self.betas]
        for one, rows in zip(machines, self.places, strict=True):
            self._put(rows, one.transition(self._take(rows), rng))
        first, change = self._tried(), np.empty(self.places.size)
        for r in first:
            for own, other in ((r, r + 1), (r + 1, r)):
                rows = self.places[own]
                v = self._take(rows)[0]
                before, after = (machines[i].free_energy(v) for i in (own, other))
                change[rows] = before - after
        self._exchange(first, change, rng)
        for one, rows in zip(machines, self.places, strict=True):
            self._put(rows, one.state(self._take(rows)[0], rng))

    def condition(self, machine, v):
        """Give all chains what is given of these rows, one for each chain at β = 1."""
        n_chains = self.places.shape[1]
        rows = v[np.arange(self.places.size) % n_chains]
        self.state = machine.condition(self.state, rows)

    def coldest(self):
        """A copy of the states at β = 1."""
        return self._take(self.places[0])

    def rest(self):
        """Release the working arrays."""

    def _take(self, rows):
        return type(self.state)(*(layer[rows] for layer in self.state))

    def _put(self, rows, state):
        for layer, values in zip(self.state, state, strict=True):
            layer[rows] = values

    def _tried(self):
        """The colder temperature of each pair whose turn it is."""
        first = np.arange(self._odd, len(self.betas) - 1, 2)
        self._odd = not self._odd
        return first

    def _exchange(self, first, change, rng):
        """Let pairs change places, given the change of log p of each chain."""
        cold, hot = self.places[first], self.places[first + 1]
        log_ratio = change[cold] + change[hot]
        # A row of random numbers is for one chain.
        accepted = np.log(rng.random(log_ratio.T.shape).T) < log_ratio
        self.places[first] = np.where(accepted, hot, cold)
        self.places[first + 1] = np.where(accepted, cold, hot)
        self.swaps[0, first] += log_ratio.shape[1]
        self.swaps[1, first] += accepted.sum(axis=1)


class TemperedChains(ScaledChains):
    """The same for a machine that has ``tempered``: one product serves all β.

    Their independent units, at β = 0, are those of the machine at the start.
    """

    needs = ()
    rules = ("free-energy", "energy")

    def __init__(self, machine, state, n_temperatures):
        super().__init__(machine, state, n_temperatures)
        self._base = machine.visible_bias.copy(), copied(machine.visible)
        self._field = None

    def step(self, machine, rng, swap="free-energy", clamp=None):
        """Move all chains, and let every other pair of neighbors change places.

        `swap` is "free-energy" or "energy", whether p_β is that of the visible units or
        of both layers.
        """
        tempered = machine.tempered(*self._base)
        v, h = self.state
        if self._field is None:
            self._field = np.empty_like(h)
        betas = self._row_betas(self.betas)
        tempered.visible_sample(h, betas, rng, out=v)
        if clamp is not None:
            clamp(v)
        field = machine.hidden_field(v, out=self._field)
        if swap == "energy":
            tempered.hidden_sample(field, betas, rng, out=h)
        first = self._tried()
        others = self.betas.copy()
        others[first], others[first + 1] = self.betas[first + 1], self.betas[first]
        other = self._row_betas(others)
        if swap == "energy":
            change = (other - betas) * tempered.slope(v, h, field)
        else:
            change = tempered.log_weight_change(v, field, betas, other)
        self._exchange(first, change, rng)
        if swap == "free-energy":
            betas = self._row_betas(self.betas)
            tempered.hidden_sample(field, betas, rng, out=h)

    def rest(self):
        """Release the working arrays."""
        self._field = None

    def _row_betas(self, betas):
        """Of values for each temperature, that of each chain."""
        rows = np.empty(self.places.size)
        rows[self.places] = betas[:, None]
        return rows
