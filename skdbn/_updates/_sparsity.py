"""Sparsity: penalties on the activity of the hidden units."""

import numpy as np
from sklearn.base import BaseEstimator

from .._utils._checks import check_option, check_real
from ..units import Bernoulli, Pooled

PENALTIES = ("kl", "squared")
PENALIZED = ("all", "bias")

# Rows over which the running mean of the activities goes.
MEMORY_ROWS = 200

# A mean this close to 0 or 1 is taken to be no closer.
SMALLEST = 1e-3

# Without a given cost: the strength to start from, and how fast it grows for a unit
# that is away from its target.
COSTS = {"kl": 10.0, "squared": 100.0}
GROWTH = 0.05


class Penalty(BaseEstimator):
    """A penalty on the activity of hidden units that are 0 or 1.

    The constructor's arguments are settings and never change; what training needs is
    made by :meth:`start`, on a clone.
    """

    def start(self, machine, batch_size, boost=1.0):
        """A clone that is ready for a training.

        Parameters
        ----------
        machine : RestrictedMachine
            The machine to be trained.

        batch_size : int
            The number of rows in a batch.

        boost : float, default=1.0
            How much longer than those of the likelihood the steps of the biases are.

        Returns
        -------
        penalty : Penalty
            It sees the hidden means of each batch, and adds its pull to directions.

        Raises
        ------
        ValueError
            If a setting is out of range.
        TypeError
            If hidden units are not 0 or 1.
        """
        self._check()
        if not isinstance(machine.hidden, Bernoulli | Pooled):
            raise TypeError(
                f"sparsity={self!r} is for hidden units that are 0 or 1, and those of "
                f"this machine are {type(machine.hidden).__name__}: take "
                "hidden='bernoulli'."
            )
        return type(self)(**self.get_params(deep=False))

    def initial_bias(self, hidden, n_hidden):
        """Initial biases of the hidden units.

        Parameters
        ----------
        hidden : Units
            The hidden units.

        n_hidden : int
            Their number.

        Returns
        -------
        bias : ndarray of shape (n_hidden,)
            Zeros by default.
        """
        return np.zeros(n_hidden)

    def resume(self, before):
        """Continue from another one that has been started, where it is alike.

        Parameters
        ----------
        before : Penalty
            What was there before.
        """

    def see(self, hidden_mean, weights=None):
        """See the data's hidden means; what is added to them moves the weights, too.

        Parameters
        ----------
        hidden_mean : ndarray of shape (n_rows, n_hidden)
            P(h = 1 | v) of the rows of a batch; may be changed.

        weights : ndarray of shape (n_rows,), default=None
            How much each row counts.
        """

    def __call__(self, direction, rate):
        """Add the pull on the biases to a direction, in place.

        Parameters
        ----------
        direction : dict of str to ndarray
            The step of each parameter, by name.

        rate : float
            The learning rate.
        """
        raise NotImplementedError

    def _check(self):
        """Raise a ValueError if a setting is out of range."""


class Sparsity(Penalty):
    r"""Pull the mean activity of each hidden unit towards a target.

    From the log-likelihood of the data is subtracted

    .. math:: \text{cost} \sum_j \text{KL}(p \,\|\, q_j) \quad\text{or}\quad
              \text{cost} \sum_j (p - q_j)^2

    where p is the target and q_j a running mean of P(h_j = 1 | v) over the last 200
    rows or so. Its derivative by a hidden field is that by q_j times P · (1 − P).

    Parameters
    ----------
    target : float, default=0.05
        The mean activity p of each hidden unit over the data, between 0 and 1.

    cost : float or "auto", default="auto"
        Strength of the penalty, in nats. "auto" gives each unit a multiplier, which
        grows as long as the unit is away from the target.

    penalty : {"kl", "squared"}, default="kl"
        Form of the penalty: the Kullback-Leibler divergence, or the squared distance.

    penalized : {"all", "bias"}, default="all"
        What the penalty moves: the weights and biases of the hidden units, or the
        biases alone.

    See Also
    --------
    ConstantSparsity : The same pull on all units at all times.
    SparseRBM : An RBM that has a target by default.

    References
    ----------
    .. [1] Lee, H., Ekanadham, C. and Ng, A. Y. (2008). Sparse deep belief net model for
       visual area V2. NeurIPS 20.
    .. [2] Nair, V. and Hinton, G. E. (2009). 3D object recognition with deep belief
       nets. NeurIPS 22.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdbn import RBM, Sparsity
    >>> X = load_digits().data / 16
    >>> rbm = RBM(64, sparsity=Sparsity(0.1), n_iter=20, random_state=0).fit(X)
    >>> bool(abs(rbm.transform(X).mean() - 0.1) < 0.02)
    True
    """

    def __init__(self, target=0.05, *, cost="auto", penalty="kl", penalized="all"):
        self.target = target
        self.cost = cost
        self.penalty = penalty
        self.penalized = penalized

    def start(self, machine, batch_size, boost=1.0):
        new = super().start(machine, batch_size, boost)
        new.mean_ = np.full_like(machine.hidden_bias, self.target)
        new.multiplier_ = np.zeros_like(machine.hidden_bias)
        new._memory = max(0.0, 1 - batch_size / MEMORY_ROWS)
        new._boost = boost
        return new

    def initial_bias(self, hidden, n_hidden):
        self._check()
        return hidden.link(np.full(n_hidden, self.target))

    def resume(self, before):
        if isinstance(before, Sparsity):
            self.mean_, self.multiplier_ = before.mean_, before.multiplier_

    def see(self, hidden_mean, weights=None):
        self.mean_ *= self._memory
        self.mean_ += (1 - self._memory) * _mean(hidden_mean, weights)
        pull = self._pull()
        slope = _mean_slope(hidden_mean, weights)
        self._step = pull * slope * self._boost
        if self.penalized == "all":
            # What is added here enters the biases as well.
            hidden_mean += pull * hidden_mean * (1 - hidden_mean)
            self._step -= pull * slope

    def __call__(self, direction, rate):
        direction["hidden_bias"] += rate * self._step

    def _pull(self):
        """Minus the derivative of the penalty by the mean activities."""
        p, q = self.target, np.clip(self.mean_, SMALLEST, 1 - SMALLEST)
        form = 1 / (q * (1 - q)) if self.penalty == "kl" else 2.0
        if self.cost != "auto":
            return self.cost * (p - q) * form
        self.multiplier_ += GROWTH * (p - q) / (p * (1 - p))
        return self.multiplier_ + COSTS[self.penalty] * (p - q) * form

    def _check(self):
        owner = type(self).__name__
        check_real(owner, "target", self.target, 0, 1, closed="neither")
        if self.cost != "auto":
            check_real(owner, "cost", self.cost, 0)
        check_option(owner, "penalty", self.penalty, PENALTIES)
        check_option(owner, "penalized", self.penalized, PENALIZED)


class ConstantSparsity(Penalty):
    r"""Subtract a constant from the hidden biases in each step.

    From the log-likelihood of a row is subtracted ``strength`` · Σⱼ cⱼ, which makes
    hidden units rarely active, however rare they are already.

    Parameters
    ----------
    strength : float, default=0.001
        Each step subtracts ``learning_rate`` times this from each hidden bias.

    See Also
    --------
    Sparsity : A penalty that knows a target.

    References
    ----------
    .. [1] Larochelle, H., Mandel, M., Pascanu, R. and Bengio, Y. (2012). Learning
       algorithms for the classification restricted Boltzmann machine. JMLR 13, 643-669.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdbn import ConstantSparsity, RBMClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> sparsity = ConstantSparsity(0.01)
    >>> classifier = RBMClassifier(32, sparsity=sparsity, n_iter=5, random_state=0)
    >>> bool(classifier.fit(X / 16, y).intercept_hidden_.mean() < 0)
    True
    """

    def __init__(self, strength=0.001):
        self.strength = strength

    def __call__(self, direction, rate):
        direction["hidden_bias"] -= rate * self.strength

    def _check(self):
        check_real(type(self).__name__, "strength", self.strength, 0)


def _mean(p, weights):
    """The mean of probabilities over the rows."""
    weights = _repeated(weights, len(p))
    return p.mean(axis=0) if weights is None else weights @ p / weights.sum()


def _mean_slope(p, weights):
    """The mean of p (1 − p) over the rows, each times its weight."""
    weights = _repeated(weights, len(p))
    if weights is not None:
        return weights @ (p * (1 - p)) / len(p)
    return (p.sum(axis=0) - np.einsum("ij,ij->j", p, p)) / len(p)


def _repeated(weights, n_rows):
    """A weight for each row, where a row of data has several of its hidden units."""
    if weights is None or len(weights) == n_rows:
        return weights
    return np.repeat(weights, n_rows // len(weights))
