"""Contrastive divergence."""

from ._base import Gradient


class CD(Gradient):
    r"""Contrastive divergence: the model's states start from the data.

    `n_steps` sweeps of Gibbs sampling lead from the batch v⁰ to vᵏ, and

    .. math:: \Delta W = \langle v h^\top \rangle_{v^0} - \langle v h^\top \rangle_{v^k}

    Quick, with little noise, and biased: the model is only asked to be right near
    the data. Good for features and for pre-training; for samples and likelihoods use
    many steps or :class:`PCD`.

    Parameters
    ----------
    n_steps : int, default=1
        Number k of sweeps, at least 1.

    See Also
    --------
    PCD : The model's states persist between the updates.

    References
    ----------
    .. [1] Hinton, G. E. (2002). Training products of experts by minimizing
       contrastive divergence. Neural Computation 14, 1771-1800.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdbn import BernoulliRBM
    >>> from skdbn.gradients import CD
    >>> X = load_digits().data / 16
    >>> rbm = BernoulliRBM(32, gradient=CD(n_steps=3), n_iter=2, random_state=0).fit(X)
    >>> rbm.transform(X).shape
    (1797, 32)
    """

    takes_sparse = True

    def __init__(self, n_steps=1):
        self.n_steps = n_steps

    def n_model_rows(self, n_data):
        return n_data

    def sample(self, machine, phases, rng):
        data, model = phases.data, phases.model
        batch = data.visible if phases.sparse is None else phases.sparse
        field = machine.hidden_field(batch, out=data.hidden)
        mean = machine.hidden.mean(field, out=data.hidden_mean)
        machine.hidden.sample(field, rng, out=model.hidden, mean=mean)
        for _ in range(self.n_steps - 1):
            machine.transition(model, rng, out=model)
        machine.visible_sample(model.hidden, rng, out=model.visible)
        machine.hidden_mean(model.visible, out=model.hidden_mean)
