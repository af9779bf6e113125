"""Parallel tempering."""

import numpy as np

from ._persistent import PCD

SWAPS = ("free-energy", "energy")


class PT(PCD):
    r"""Persistent contrastive divergence with chains at several temperatures.

    Each chain of the model has companions at inverse temperatures β from 1 down to 0,
    where units are independent. After each sweep neighbours change places with
    probability

    .. math:: \min\Big(1, \frac{p_{\beta}(x')\, p_{\beta'}(x)}
              {p_{\beta}(x)\, p_{\beta'}(x')}\Big)

    so that states wander up, where they are free to move, and come back as another
    mode. Takes `n_temperatures` times the sampling of :class:`PCD`: for models whose
    chains stay where they are.

    Parameters
    ----------
    n_temperatures : int, default=10
        Number of inverse temperatures, evenly spaced; 1 is :class:`PCD`.

    n_steps : int, default=1
        Number of sweeps between two updates, at least 1.

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
        Share of swaps accepted in the last epoch, from the pair at β = 1 on; their
        mean is ``swap_acceptance`` in ``history_``. Where it is near zero, nothing
        passes: take more temperatures.

    See Also
    --------
    PCD : One temperature.
    FPCD : Another way to keep chains moving, for less.

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
        if self.swap not in SWAPS:
            raise ValueError(f"swap={self.swap!r} of PT: take one of {SWAPS}.")
        room = super().start(machine, batch_size, rng, n_rows)
        if not hasattr(self, "_base"):
            self._base = machine.visible_bias.copy(), machine.visible.copy()
            n_hot = (self.n_temperatures - 1) * self._n_chains
            hot = machine.initial_state(n_hot, rng)
            self._all_chains = type(hot)(
                *(np.concatenate(pair) for pair in zip(self.chains_, hot, strict=True))
            )
            # Chains stay where they are, and temperatures change places: row r has
            # the chains at temperature r.
            self._places = np.arange(n_hot + self._n_chains)
            self._places.shape = self.n_temperatures, -1
            self._odd = False
        self._betas = np.linspace(1, 0, self.n_temperatures)
        self._swaps = np.zeros((2, self.n_temperatures - 1))
        self._field = np.empty_like(self._all_chains.hidden)
        return room

    def stop(self):
        self.diagnostics()
        super().stop()
        self.chains_ = type(self.chains_)(
            *(array[self._places[0]] for array in self._all_chains)
        )
        del self._field

    def sample(self, machine, phases, rng):
        tempered = machine.tempered(*self._base)
        (v, h), field = self._all_chains, self._field
        for _ in range(self.n_steps):
            betas = self._row_betas(self._betas)
            tempered.visible_sample(h, betas, rng, out=v)
            machine.hidden_field(v, out=field)
            if self.swap == "energy":
                tempered.hidden_sample(field, betas, rng, out=h)
            self._exchange(tempered, rng)
            if self.swap == "free-energy":
                betas = self._row_betas(self._betas)
                tempered.hidden_sample(field, betas, rng, out=h)
        v.take(self._places[0], axis=0, out=phases.model.visible, mode="clip")
        self.hidden_means(machine, phases)

    def diagnostics(self):
        tried, accepted = self._swaps
        if not tried.any():
            return {}
        self.swap_acceptance_ = accepted / np.maximum(tried, 1)
        mean = float(accepted.sum() / tried.sum())
        self._swaps[:] = 0
        return {"swap_acceptance": mean}

    def _row_betas(self, betas):
        """Of values for each temperature, that of each chain."""
        rows = np.empty(self._places.size)
        rows[self._places] = betas[:, None]
        return rows

    def _exchange(self, tempered, rng):
        """Let every other pair of neighbours change places, in turn."""
        first = np.arange(self._odd, self.n_temperatures - 1, 2)
        self._odd = not self._odd
        others = self._betas.copy()
        others[first], others[first + 1] = self._betas[first + 1], self._betas[first]
        own, other = self._row_betas(self._betas), self._row_betas(others)
        (v, h), field = self._all_chains, self._field
        if self.swap == "energy":
            change = (other - own) * tempered.slope(v, h, field)
        else:
            change = tempered.log_weight_change(v, field, own, other)
        cold, hot = self._places[first], self._places[first + 1]
        log_ratio = change[cold] + change[hot]
        accepted = np.log(rng.random(log_ratio.shape)) < log_ratio
        self._places[first] = np.where(accepted, hot, cold)
        self._places[first + 1] = np.where(accepted, cold, hot)
        self._swaps[0, first] += log_ratio.shape[1]
        self._swaps[1, first] += accepted.sum(axis=1)
