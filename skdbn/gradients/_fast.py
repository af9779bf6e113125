"""Fast persistent contrastive divergence."""

import numpy as np

from .._updates._direction import share_within
from .._utils._checks import check_real
from ._persistent import PCD


class FPCD(PCD):
    r"""Persistent contrastive divergence with fast weights, for faster mixing.

    The chains follow the parameters plus a second set that learns fast and decays:

    .. math:: \theta_f \leftarrow \lambda\, \theta_f + \epsilon_f\, g

    where g is the gradient of the parameters. It lowers the probability of the states
    of the chains, so that they mix also at learning rates at which those of
    :class:`PCD` do not. Where training limits the length of g, of real-valued columns
    or counts, the same holds for the fast parameters.

    Parameters
    ----------
    n_steps : int, default=1
        Number of Gibbs steps between two updates, at least 1.

    n_chains : int, default=None
        Number of chains; None takes as many as ``batch_size``, and 50 at least.

    fast_learning_rate : float, default=0.03
        Learning rate of the fast parameters, above 0.

    fast_decay : float, default=0.95
        Factor by which the fast parameters decay in each update, in [0, 1).

    Attributes
    ----------
    chains_ : State
        Values of the visible and the hidden units of the chains, after a fit.

    See Also
    --------
    PCD : Without fast weights.

    References
    ----------
    .. [1] Tieleman, T. and Hinton, G. E. (2009). Using fast weights to improve
       persistent contrastive divergence. ICML.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdbn import BernoulliRBM
    >>> from skdbn.gradients import FPCD
    >>> X = load_digits().data / 16
    >>> gradient = FPCD(fast_learning_rate=0.05)
    >>> rbm = BernoulliRBM(32, gradient=gradient, n_iter=2, random_state=0).fit(X)
    >>> rbm.gradient_.chains_.visible.shape
    (50, 64)
    """

    def __init__(
        self, n_steps=1, n_chains=None, fast_learning_rate=0.03, fast_decay=0.95
    ):
        super().__init__(n_steps, n_chains)
        self.fast_learning_rate = fast_learning_rate
        self.fast_decay = fast_decay

    def start(self, machine, batch_size, rng, n_rows=None):
        rate, decay = self.fast_learning_rate, self.fast_decay
        check_real("FPCD", "fast_learning_rate", rate, 0, closed="neither")
        check_real("FPCD", "fast_decay", decay, 0, 1)
        super().start(machine, batch_size, rng, n_rows)
        if not hasattr(self, "_fast"):
            self._fast = {k: np.zeros_like(v) for k, v in machine.params.items()}
        self._with_fast = machine.copy()

    def stop(self):
        del self._with_fast
        super().stop()

    def finish(self):
        del self._fast

    def negative_phase(self, machine, work, rng):
        both = self._with_fast.params
        for name, own in machine.params.items():
            np.add(own, self._fast[name], out=both[name])
        self._with_fast.project()
        machine.advance(work, rng, self.n_steps, by=self._with_fast)

    def __call__(self, machine, batch, rng, centering=None, rate=1.0, **options):
        direction = super().__call__(machine, batch, rng, centering, rate, **options)
        if rate:
            scale = self.fast_learning_rate / rate
            if self.limit is not None:
                scale *= share_within(direction, machine, rate * self.limit)
            for name, fast in self._fast.items():
                fast *= self.fast_decay
                fast += scale * direction[name]
        return direction
