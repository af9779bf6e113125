"""Persistent contrastive divergence."""

import numpy as np

from ._base import Gradient


class PCD(Gradient):
    r"""Persistent contrastive divergence, also called stochastic maximum likelihood.

    Gibbs chains continue from one update to the next and so follow the distribution of
    the model:

    .. math:: \Delta W = \langle v h^\top \rangle_{\text{data}}
              - \langle v h^\top \rangle_{\text{chains}}

    The chains have to mix faster than the model changes: take a small learning rate
    that falls to zero (:class:`~skdbn.schedules.Linear`).

    Parameters
    ----------
    n_steps : int, default=1
        Number of Gibbs steps between two updates, at least 1.

    n_chains : int, default=None
        Number of chains; None takes as many as ``batch_size``, and 50 at least.

    Attributes
    ----------
    chains_ : State
        Values of the visible and the hidden units of the chains, after a fit.

    See Also
    --------
    CD : The chains start from the data at each update.

    References
    ----------
    .. [1] Tieleman, T. (2008). Training restricted Boltzmann machines using
       approximations to the likelihood gradient. ICML.
    .. [2] Younes, L. (1989). Parametric inference for imperfectly observed Gibbsian
       fields. Probability Theory and Related Fields 82, 625-645.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdbn import BernoulliRBM
    >>> from skdbn.gradients import PCD
    >>> X = load_digits().data / 16
    >>> rbm = BernoulliRBM(32, gradient=PCD(n_chains=50), n_iter=2, random_state=0)
    >>> rbm.fit(X).h_samples_.shape
    (50, 32)
    """

    # Fewer are a poor average over the modes of the model.
    _fewest_chains = 50

    def __init__(self, n_steps=1, n_chains=None):
        self.n_steps = n_steps
        self.n_chains = n_chains

    def n_chains_of(self, n_data):
        return self._n_chains

    def start(self, machine, batch_size, rng, n_rows=None):
        if hasattr(self, "chains_"):
            self._n_chains = len(self.chains_[0])
        elif self.n_chains is None:
            self._n_chains = max(batch_size, self._fewest_chains)
        else:
            self._n_chains = self.n_chains
        super().start(machine, batch_size, rng, n_rows)
        if not hasattr(self, "chains_"):
            self.chains_ = machine.initial_state(self._n_chains, rng)
        self._work.state = self.chains_

    def _begin_at(self, machine, v, rng):
        """Let chains begin at rows, repeated as often as needed."""
        n_chains = self.n_chains
        if n_chains is None:
            n_chains = max(len(v), self._fewest_chains)
        state = machine.initial_state(n_chains, rng)
        v = np.resize(v, state.visible.shape)
        self.chains_ = state._replace(visible=v, hidden=machine.hidden_sample(v, rng))

    def stop(self):
        self.chains_ = copied(self._work.state)
        super().stop()

    def negative_phase(self, machine, work, rng):
        machine.advance(work, rng, self.n_steps)


def copied(state):
    """A copy of a state."""
    return type(state)(*(layer.copy() for layer in state))
