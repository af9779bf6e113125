"""Chains of a machine from its initial states on."""

import numpy as np

from .._utils._threads import threads_for
from ._tempered import tempered_chains


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
        if n_temperatures > 1 and hasattr(machine, "of_rows"):
            machine = machine.of_rows(np.arange(n * n_temperatures) % n)
        self._machine, self._rng = machine, rng
        if clamp is not None and n_temperatures > 1:
            clamp = clamp.repeated(n_temperatures)
        self._options = {} if clamp is None else {"clamp": clamp}
        self.state = machine.initial_state(n * n_temperatures, rng, **self._options)
        self._tempered = None
        if n_temperatures > 1:
            self._tempered = tempered_chains(machine, self.state, n_temperatures)
            self.state = self._tempered.coldest()

    def advance(self, n_steps=1):
        """Run all chains for `n_steps` steps; their state, which is overwritten later."""
        machine, rng = self._machine, self._rng
        chains = self.state if self._tempered is None else self._tempered.state
        with threads_for(len(chains[0]), machine.n_weights):
            for _ in range(n_steps):
                if self._tempered is None:
                    machine.transition(self.state, rng, out=self.state, **self._options)
                else:
                    self._tempered.step(machine, rng, **self._options)
        if self._tempered is not None:
            self.state = self._tempered.coldest()
        return self.state
