"""Parallel tempering."""

import numpy as np

from .._samplers import tempered_chains
from .._utils._checks import check_option
from ..machines._base import repeated
from ._persistent import PCD

SWAPS = ("free-energy", "energy")


class PT(PCD):
    r"""Persistent contrastive divergence with chains at several temperatures.

    Each chain of the model has companions at inverse temperatures β from 1 down to 0,
    where units are independent. After each step neighbors change places with
    probability

    .. math:: \min\Big(1, \frac{p_{\beta}(x')\, p_{\beta'}(x)}
              {p_{\beta}(x)\, p_{\beta'}(x')}\Big)

    so that states move to high temperatures, where chains mix fast, and return in
    another mode. Sampling takes `n_temperatures` times as long as in :class:`PCD`; for
    models whose chains mix slowly.

    Parameters
    ----------
    n_temperatures : int, default=10
        Number of inverse temperatures, evenly spaced; 1 is :class:`PCD`.

    n_steps : int, default=1
        Number of Gibbs steps between two updates, at least 1.

    n_chains : int, default=None
        Number of chains at each temperature; None takes as many as ``batch_size``.

    swap : {"free-energy", "energy"}, default="free-energy"
        Whether x is the visible units, with the hidden ones summed out, or both layers
        as they are, which accepts fewer swaps and costs less.

    Attributes
    ----------
    chains_ : State
        Values of the visible and the hidden units of the chains at β = 1, after a fit.

    swap_acceptance_ : ndarray of shape (n_temperatures - 1,)
        Fraction of swaps accepted in the last epoch, from the pair at β = 1 on; their
        mean is ``swap_acceptance`` in ``history_``. Where it is near zero, chains do
        not pass: take more temperatures.

    See Also
    --------
    PCD : One temperature.
    FPCD : Another way to improve mixing, at lower cost.

    References
    ----------
    .. [1] Desjardins, G., Courville, A., Bengio, Y., Vincent, P. and Delalleau, O.
       (2010). Tempered Markov chain Monte Carlo for training of restricted Boltzmann
       machines. AISTATS.
    .. [2] Cho, K., Raiko, T. and Ilin, A. (2010). Parallel tempering is efficient for
       learning restricted Boltzmann machines. IJCNN.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdbn import BernoulliRBM
    >>> from skdbn.gradients import PT
    >>> X = load_digits().data / 16
    >>> gradient = PT(n_temperatures=5)
    >>> rbm = BernoulliRBM(32, gradient=gradient, n_iter=2, random_state=0).fit(X)
    >>> 0 < rbm.history_[-1]["swap_acceptance"] < 1
    True
    """

    _fewest_chains = 1

    def __init__(self, n_temperatures=10, n_steps=1, n_chains=None, swap="free-energy"):
        super().__init__(n_steps, n_chains)
        self.n_temperatures = n_temperatures
        self.swap = swap

    def start(self, machine, batch_size, rng, n_rows=None):
        check_option("PT", "swap", self.swap, SWAPS)
        super().start(machine, batch_size, rng, n_rows)
        if not hasattr(self, "_tempered"):
            n_hot = (self.n_temperatures - 1) * self._n_chains
            hot = machine.initial_state(n_hot, rng)
            layers = zip(self.chains_, hot, strict=True)
            state = type(hot)(*(np.concatenate(pair) for pair in layers))
            self._tempered = tempered_chains(machine, state, self.n_temperatures)
            if self.swap not in self._tempered.rules:
                raise ValueError(
                    f"swap={self.swap!r} of PT: machines of type "
                    f"{type(machine).__name__} take one of {self._tempered.rules}."
                )

    def stop(self):
        self.diagnostics()
        super().stop()
        self.chains_ = self._tempered.coldest()
        self._tempered.rest()

    def negative_phase(self, machine, work, rng):
        chains = self._tempered
        if machine.conditional:
            chains.condition(machine, repeated(work.batch, self._n_chains))
        for _ in range(self.n_steps):
            chains.step(machine, rng, self.swap)
        work.state = chains.coldest()
        machine.advance(work, rng, 0)

    def diagnostics(self):
        swaps = self._tempered.swaps
        tried, accepted = swaps
        if not tried.any():
            return {}
        self.swap_acceptance_ = accepted / np.maximum(tried, 1)
        mean = float(accepted.sum() / tried.sum())
        swaps[:] = 0
        return {"swap_acceptance": mean}
