"""How good a fitted model is: likelihoods, and what is in reach without one."""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._utils._checks import check_counts
from .._utils._numerics import as_float, blocks
from .._utils._random import make_rng
from ..units._ranged import MEAN
from ._annealing import LogPartition
from ._partition import N_STARTS
from ._partition import log_partition as _find_log_partition


def log_likelihood(
    rbm: Any, X: Any, log_partition: LogPartition | float | None = None
) -> np.ndarray:
    r"""The log-likelihood of each row, log p(v) = −F(v) − log Z.

    Parameters
    ----------
    rbm : estimator
        A fitted model.

    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Rows of data, for binary units of zeros and ones; for real-valued units the
        likelihood is a density, which depends on the unit of a column.

    log_partition : LogPartition or float, default=None
        The logarithm of the partition function. None computes it by
        ``log_partition(rbm, X=X, random_state=0)``.

    Returns
    -------
    log_likelihood : ndarray of shape (n_samples,)
        In nats; −inf for a row with a value that the visible units cannot have.

    Raises
    ------
    ValueError
        If values of X are means of states, such as gray levels of binary units.

    Warns
    -----
    DataRangeWarning
        If a row has a value that the visible units cannot have.

    See Also
    --------
    skdbn.RBM.score_samples : The pseudo-log-likelihood, which needs no log Z.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdbn import BernoulliRBM
    >>> from skdbn.evaluation import log_likelihood
    >>> X = (load_digits().data > 7).astype(float)
    >>> rbm = BernoulliRBM(12, n_iter=20, random_state=0).fit(X)
    >>> log_likelihood(rbm, X).shape
    (1797,)
    """
    check_is_fitted(rbm, "machine_")
    given, X = X, rbm._validate(X)
    check_states(rbm.machine_.visible, X)
    if log_partition is None:
        log_partition = _find_log_partition(rbm, X=given, random_state=0)
    value = getattr(log_partition, "value", log_partition)
    return -rbm.free_energy(given).astype(np.float64) - float(value)


def log_likelihood_bound(
    dbn: Any,
    X: Any,
    log_partition: LogPartition | float | None = None,
    *,
    n_samples: int = 10,
    random_state: Any = None,
) -> np.ndarray:
    r"""A lower bound on the log-likelihood of each row under a deep belief net.

    .. math:: \log p(v) &\ge \sum_{l<L} \Big\langle \log p(h^{l-1} \mid h^l)
              + H\big(Q(h^l \mid h^{l-1})\big) \Big\rangle \\
              &- \big\langle F_L(h^{L-1}) \big\rangle - \log Z_L

    with :math:`h^0 = v`, the means over draws from the layers' distributions Q on the
    way up, and the free energy and the partition function of the RBM at the top [1]_.
    What is lost is the divergence of Q from the posterior of the hidden units. Of a net
    with a single layer it is the log-likelihood.

    Parameters
    ----------
    dbn : DBNTransformer
        A fitted net.

    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Rows of data, for binary units of zeros and ones.

    log_partition : LogPartition or float, default=None
        The logarithm of the partition function of the top layer,
        ``log_partition(dbn.rbms_[-1])``. None computes it, from rows of X on their way
        up and with ``random_state=0``.

    n_samples : int, default=10
        Number of draws of the hidden layers for each row.

    random_state : int, RandomState instance or None, default=None
        Determines the draws.

    Returns
    -------
    bound : ndarray of shape (n_samples,)
        In nats. It has the error of its draws, and that of log Z. It is −inf for a row
        with a value that the visible units cannot have.

    Raises
    ------
    ValueError
        If values of X are means of states, such as gray levels of binary units.

    Warns
    -----
    DataRangeWarning
        If a row has a value that the visible units cannot have.

    See Also
    --------
    log_partition : The partition function, with an interval.

    References
    ----------
    .. [1] Salakhutdinov, R. and Murray, I. (2008). On the quantitative analysis of deep
       belief networks. ICML.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdbn import DBNTransformer
    >>> from skdbn.evaluation import log_likelihood_bound
    >>> X = (load_digits().data > 7).astype(float)
    >>> dbn = DBNTransformer((32, 12), n_iter=3, random_state=0).fit(X)
    >>> log_likelihood_bound(dbn, X, random_state=0).shape
    (1797,)
    """
    check_is_fitted(dbn, "rbms_")
    check_counts("log_likelihood_bound", n_samples=n_samples)
    first, top = dbn._layers[0], dbn.rbms_[-1]
    X = first._validate(dbn._validate(X))
    check_states(first.machine_.visible, X)
    outside = first._rows_outside(X)
    stack, rng = dbn._stack(), make_rng(random_state)
    dtype = first.machine_.weights.dtype
    width = max(max(rbm.machine_.weights.shape) for rbm in dbn.rbms_)
    total = np.zeros(X.shape[0])
    for part, block in blocks(X, width, dtype):
        v = as_float(block, dtype)
        for _ in range(n_samples):
            total[part] += stack.bound(v, rng)
    if log_partition is None:
        some = as_float(X[: 10 * N_STARTS], dtype)
        log_partition = _find_log_partition(top, X=stack.up(some, rng), random_state=0)
    value = getattr(log_partition, "value", log_partition)
    total[outside] = -np.inf
    return total / n_samples - float(value)


def pseudo_log_likelihood(rbm: Any, X: Any) -> np.ndarray:
    r"""The pseudo-log-likelihood of each row, Σᵢ log P(vᵢ | the other columns).

    Parameters
    ----------
    rbm : estimator
        A fitted model.

    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Rows of data.

    Returns
    -------
    pseudo_log_likelihood : ndarray of shape (n_samples,)
        In nats; what ``rbm.score_samples`` returns.

    See Also
    --------
    log_likelihood : The likelihood, which needs the partition function.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdbn import BernoulliRBM
    >>> from skdbn.evaluation import pseudo_log_likelihood
    >>> X = load_digits().data / 16
    >>> rbm = BernoulliRBM(12, n_iter=2, random_state=0).fit(X)
    >>> pseudo_log_likelihood(rbm, X).shape
    (1797,)
    """
    return rbm.score_samples(X)


def reconstruction_error(rbm: Any, X: Any) -> np.ndarray:
    """The mean squared difference of each row and its reconstruction.

    It is easy to compute and misleading: it falls also while the model gets worse, and
    is no measure of a likelihood.

    Parameters
    ----------
    rbm : estimator
        A fitted model.

    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Rows of data.

    Returns
    -------
    error : ndarray of shape (n_samples,)
        Mean over the columns.

    See Also
    --------
    pseudo_log_likelihood : A better judge.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdbn import BernoulliRBM
    >>> from skdbn.evaluation import reconstruction_error
    >>> X = load_digits().data / 16
    >>> rbm = BernoulliRBM(12, n_iter=2, random_state=0).fit(X)
    >>> reconstruction_error(rbm, X).shape
    (1797,)
    """
    check_is_fitted(rbm, "machine_")
    X = rbm._machine_rows(X)
    errors = np.empty(X.shape[0], rbm.machine_.weights.dtype)
    for part, block in blocks(X, X.shape[1], errors.dtype):
        machine, v = rbm.machine_.given(block)
        difference = machine.visible_mean(machine.hidden_mean(v))
        difference -= as_float(v, errors.dtype)
        errors[part] = np.square(difference, out=difference).mean(axis=1)
    return errors


def free_energy_gap(rbm: Any, X_train: Any, X_valid: Any) -> float:
    """The mean free energy of held-out rows minus that of training rows.

    The partition function cancels, so the gap is that of the log-likelihoods. About
    zero at first; a model that overfits lets it grow. Rows with a value that the
    visible units cannot have, whose free energy is infinite, do not count.

    Parameters
    ----------
    rbm : estimator
        A fitted model.

    X_train : {array-like, sparse matrix} of shape (n_samples, n_features)
        Rows that the model has learned from.

    X_valid : {array-like, sparse matrix} of shape (n_valid, n_features)
        Rows that it has not.

    Returns
    -------
    gap : float
        In nats a row; NaN if no row counts on one of the sides.

    Warns
    -----
    DataRangeWarning
        If rows do not count.

    See Also
    --------
    log_likelihood : Comparable between models, too.

    References
    ----------
    .. [1] Hinton, G. E. (2010). A practical guide to training restricted Boltzmann
       machines. University of Toronto, UTML TR 2010-003.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdbn import BernoulliRBM
    >>> from skdbn.evaluation import free_energy_gap
    >>> X = load_digits().data / 16
    >>> rbm = BernoulliRBM(12, n_iter=2, random_state=0).fit(X[:1000])
    >>> bool(abs(free_energy_gap(rbm, X[:1000], X[1000:])) < 3)
    True
    """
    held_out, learned = (rbm.free_energy(X).astype(float) for X in (X_valid, X_train))
    return _mean_of_finite(held_out) - _mean_of_finite(learned)


def _mean_of_finite(values):
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else np.nan


def check_states(visible, X):
    """Raise a ValueError if values of X stand for a distribution over states."""
    rows, _ = visible.lowest_support(X)
    if (rows == MEAN).any():
        raise ValueError(
            f"X has values between those that {type(visible).__name__} units can take, "
            "such as gray ones between 0 and 1: a likelihood is that of the units' "
            "states. Threshold the values, or draw states from them."
        )
