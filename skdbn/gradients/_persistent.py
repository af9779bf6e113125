"""Persistent contrastive divergence."""

from ._base import Gradient


class PCD(Gradient):
    r"""Persistent contrastive divergence, also called stochastic maximum likelihood.

    Chains of Gibbs sampling go on from one update to the next and so follow the
    model's own distribution:

    .. math:: \Delta W = \langle v h^\top \rangle_{\text{data}}
              - \langle v h^\top \rangle_{\text{chains}}

    The chains must mix faster than the model moves: keep the learning rate small,
    best falling to zero (:class:`~skdbn.schedules.Linear`).

    Parameters
    ----------
    n_steps : int, default=1
        Number of sweeps between two updates, at least 1.

    n_chains : int, default=None
        Number of chains; None takes as many as ``batch_size``, and 50 at least.

    Attributes
    ----------
    chains_ : State
        Values of the visible and the hidden units of the chains, after a fit.

    See Also
    --------
    CD : The model's states start from the data at each update.

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

    takes_sparse = True
    # Fewer are a poor average over the modes of the model.
    _fewest_chains = 50

    def __init__(self, n_steps=1, n_chains=None):
        self.n_steps = n_steps
        self.n_chains = n_chains

    def n_model_rows(self, n_data):
        return self._n_chains

    def start(self, machine, batch_size, rng, n_rows=None):
        if hasattr(self, "chains_"):
            self._n_chains = len(self.chains_.visible)
        elif self.n_chains is None:
            self._n_chains = max(batch_size, self._fewest_chains)
        else:
            self._n_chains = self.n_chains
        room = super().start(machine, batch_size, rng, n_rows)
        if not hasattr(self, "chains_"):
            self.chains_ = machine.initial_state(self._n_chains, rng)
        model = self._phases.model
        model.visible[:], model.hidden[:] = self.chains_
        return room

    def stop(self):
        model = self._phases.model
        self.chains_ = type(self.chains_)(model.visible.copy(), model.hidden.copy())
        super().stop()

    def sample(self, machine, phases, rng):
        model = phases.model
        for _ in range(self.n_steps - 1):
            machine.transition(model, rng, out=model)
        machine.visible_sample(model.hidden, rng, out=model.visible)
        self.hidden_means(machine, phases)
        machine.hidden.sample(
            model.hidden, rng, out=model.hidden, mean=model.hidden_mean
        )

    def hidden_means(self, machine, phases):
        """Fill in the fields and means of the hidden units in both phases.

        Parameters
        ----------
        machine : Machine
            The machine that is trained.

        phases : Phases
            Has the visible units of both phases.
        """
        both, model = phases.both, phases.model
        if phases.sparse is None:
            machine.hidden_field(both.visible, out=both.hidden)
        else:
            machine.hidden_field(model.visible, out=model.hidden)
            machine.hidden_field(phases.sparse, out=phases.data.hidden)
        machine.hidden.mean(both.hidden, out=both.hidden_mean)
