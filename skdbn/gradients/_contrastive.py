"""Contrastive divergence."""

from ._base import Gradient


class CD(Gradient):
    r"""Contrastive divergence: the chains start from the data.

    `n_steps` Gibbs steps lead from the batch v⁰ to vᵏ, and

    .. math:: \Delta W = \langle v h^\top \rangle_{v^0} - \langle v h^\top \rangle_{v^k}

    Fast, with low variance, and biased: only the region near the data is learned. Good
    for features and for pre-training; for samples and likelihoods use many steps or
    :class:`PCD`.

    Parameters
    ----------
    n_steps : int, default=1
        Number k of Gibbs steps, at least 1.

    See Also
    --------
    PCD : The chains persist between the updates.

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

    def __init__(self, n_steps=1):
        self.n_steps = n_steps

    def negative_phase(self, machine, work, rng):
        machine.contrast(work, rng, self.n_steps)
