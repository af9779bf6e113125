"""Evaluation of a fitted model: partition function and likelihood, with errors."""

import warnings
from dataclasses import dataclass
from math import log2
from typing import Any

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from scipy.special import logsumexp
from sklearn.utils.validation import check_is_fitted

from ._numerics import (
    as_float,
    blocks,
    check_count,
    column_mean,
    column_variance,
    positive_variance,
)
from ._random import make_rng
from ._threads import threads_for
from .exceptions import EstimateWarning
from .units import Concatenated, Gaussian
from .units._base import MEAN

__all__ = [
    "LogPartition",
    "free_energy_gap",
    "log_likelihood",
    "log_likelihood_bound",
    "log_partition",
    "pseudo_log_likelihood",
    "reconstruction_error",
]

METHODS = ("auto", "exact", "ais", "reverse-ais", "bracket")

# As many units have some seconds' worth of states; 2²⁵ states are the most to try.
AUTO_UNITS = 18
MAX_UNITS = 25

# Chains of a reverse annealing start from so many rows.
N_STARTS = 100

# Chains are shared out in parts of so many, or of so many times the weights.
FEWEST_CHAINS = 20
PART_ELEMENTS = 2**21

# An interval of more nats than this decides little.
WIDE = 5.0


@dataclass(frozen=True)
class LogPartition:
    """Logarithm of the partition function, log Z, with an interval.

    Parameters
    ----------
    value : float
        The estimate, in nats.

    low, high : float
        The interval. For one annealing it reaches three standard errors to each side;
        for a bracket it goes from the forward to the reverse estimate.

    method : str
        Method of the estimate.

    effective_chains : float, default=None
        For annealing, the effective number of chains, (Σw)²/Σw²; the smaller of the
        two for a bracket.

    settled : bool, default=True
        Whether the Gibbs chains from which reverse annealing starts had settled. If
        not, `high` is no bound.

    See Also
    --------
    log_partition : Computes it.

    Examples
    --------
    >>> from skdbn.evaluation import LogPartition
    >>> LogPartition(10.0, 9.5, 10.5, "ais", effective_chains=80.0).high
    10.5
    """

    value: float
    low: float
    high: float
    method: str
    effective_chains: float | None = None
    settled: bool = True


def log_partition(
    rbm: Any,
    *,
    method: str = "auto",
    n_chains: int = 100,
    n_betas: int = 10_000,
    X: Any = None,
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> LogPartition:
    r"""Logarithm of the partition function, log Z = log Σᵥ exp(−F(v)).

    Annealed importance sampling [1]_ takes chains from independent units with visible
    bias b⁰ to the model, along

    .. math:: \log p_\beta(v, h) &= (1 - \beta)\, v \cdot b^0 \\
              &+ \beta\,(v \cdot b + h \cdot c + v W h) + \text{const}

    (Gaussian units move their precisions in the same way) and weighs them by the ratios
    of probability that they have passed. The mean of
    the weights is Z / Z₀; where chains miss a mode its logarithm is too small. The
    same walk backwards from states of the model gives Z₀ / Z, and so an estimate that
    tends to be too large [2]_: the two bracket log Z.

    Parameters
    ----------
    rbm : estimator
        A fitted model.

    method : {"auto", "exact", "ais", "reverse-ais", "bracket"}, default="auto"
        "exact" sums over all states of the smaller layer, of at most 25 binary units or
        as many states, and has a formula for two layers of Gaussian units; "auto" does
        so up to 18 units and takes "ais" beyond.

    n_chains : int, default=100
        Number of annealed chains.

    n_betas : int, default=10000
        Number of distributions on the way, evenly spaced; at least 2.

    X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
        Rows of training data. Their means give b⁰, and their variances those of
        Gaussian units; without them b⁰ is b, or comes from Gibbs chains where values
        have no bounds. The chains from which reverse annealing starts begin at its
        rows. For an :class:`~skdbn.RBMClassifier` they are rows without labels.

    n_jobs : int, default=None
        Number of processes that share the chains. The result does not depend on it.

    random_state : int, RandomState instance or None, default=None
        Determines the chains.

    Returns
    -------
    log_partition : LogPartition
        The estimate with its interval.

    Raises
    ------
    ValueError
        If a setting is out of range, the layers are too large for "exact", reverse
        annealing has no X to start from, or the model has no
        finite partition function.

    Warns
    -----
    EstimateWarning
        If the interval is too wide to be used, or reverse chains have not settled.

    See Also
    --------
    log_likelihood : Of each row.

    References
    ----------
    .. [1] Salakhutdinov, R. and Murray, I. (2008). On the quantitative analysis of
       deep belief networks. ICML.
    .. [2] Burda, Y., Grosse, R. and Salakhutdinov, R. (2015). Accurate and
       conservative estimates of MRF log-likelihood using reverse annealing. AISTATS.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdbn import BernoulliRBM
    >>> from skdbn.evaluation import log_partition
    >>> X = load_digits().data / 16
    >>> rbm = BernoulliRBM(12, n_iter=5, random_state=0).fit(X)
    >>> exact = log_partition(rbm)
    >>> bracket = log_partition(
    ...     rbm, method="bracket", n_betas=1000, X=X, random_state=0
    ... )
    >>> bool(abs(bracket.value - exact.value) < 0.2)
    True
    """
    check_is_fitted(rbm, "machine_")
    if method not in METHODS:
        raise ValueError(f"method={method!r}: take one of {', '.join(METHODS)}.")
    check_count("n_chains", n_chains)
    check_count("n_betas", n_betas)
    if n_betas < 2:
        raise ValueError(f"n_betas={n_betas}: take at least 2, both ends of the way.")
    machine = rbm.machine_
    is_gaussian = _is_gaussian(machine.visible) and _is_gaussian(machine.hidden)
    if is_gaussian:
        closed_form = _gaussian_log_z(machine)
    if method == "auto":
        is_exact = is_gaussian or _enumerable(machine) <= AUTO_UNITS
        method = "exact" if is_exact else "ais"
    if method == "exact":
        value = closed_form if is_gaussian else _exact(machine)
        return LogPartition(value, value, value, method)
    if X is not None:
        X = rbm._visible_rows(X)
    elif method != "ais":
        raise ValueError(
            f"method={method!r} needs X=None to be rows of training data, at which the "
            "chains of reverse annealing begin."
        )
    rng = make_rng(random_state)
    # Without a normalizer values grow without bounds.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        annealing = _Annealing(machine, _base(machine, X, rng), n_betas, n_jobs)
        if method == "ais":
            result = annealing.forward(n_chains, rng)
        else:
            result = annealing.reverse(n_chains, rng, X)
            if method == "bracket":
                result = _bracket(annealing.forward(n_chains, rng), result)
    if not np.isfinite(result.value):
        raise ValueError(
            f"log Z is {result.value}: with these weights the model has no normalizer, "
            "or a parameter is not finite. Take smaller weights."
        )
    if not result.settled:
        warnings.warn(
            "The Gibbs chains from which reverse annealing starts have not settled: "
            "its estimate of log Z may be too small, and is no bound.",
            EstimateWarning,
            stacklevel=2,
        )
    if not result.high - result.low <= WIDE:
        warnings.warn(
            f"log Z is between {result.low:.1f} and {result.high:.1f}, too wide to be "
            f"of use. Take more than n_betas={n_betas} or n_chains={n_chains}.",
            EstimateWarning,
            stacklevel=2,
        )
    return result


# Where an argument has the name of the function.
_find_log_partition = log_partition


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
    _check_states(rbm.machine_.visible, X)
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
    check_count("n_samples", n_samples)
    first, top = dbn._layers[0], dbn.rbms_[-1]
    X = first._validate(dbn._validate(X))
    _check_states(first.machine_.visible, X)
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
    X = rbm._validate(X)
    machine = rbm.machine_
    errors = np.empty(X.shape[0], machine.weights.dtype)
    for part, block in blocks(X, X.shape[1], errors.dtype):
        difference = machine.visible_mean(machine.hidden_mean(block))
        difference -= as_float(block, errors.dtype)
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


def _check_states(visible, X):
    """Raise a ValueError if values of X stand for a distribution over states."""
    rows, _ = visible.lowest_support(X)
    if (rows == MEAN).any():
        raise ValueError(
            f"X has values between those that {type(visible).__name__} units can take, "
            "such as gray ones between 0 and 1: a likelihood is that of the units' "
            "states. Threshold the values, or draw states from them."
        )


def _enumerable(machine):
    """Log₂ of the number of states of the smaller layer, or infinity."""
    n_states = (
        units.n_states(n_units)
        for units, n_units in zip(
            (machine.visible, machine.hidden), machine.weights.shape, strict=True
        )
    )
    return min(n if n == np.inf else log2(n) for n in n_states)


def _exact(machine):
    """log Σ exp(−F) over all states of the smaller finite layer."""
    n_bits = _enumerable(machine)
    if n_bits == np.inf:
        raise ValueError(
            "method='exact' sums over all states of a layer, and neither layer of this "
            "model has finitely many. Take method='bracket'."
        )
    if n_bits > MAX_UNITS:
        raise ValueError(
            f"method='exact' sums over all states of a layer, and the smaller finite "
            f"one of this model has as many as {n_bits:.4g} binary units of at most "
            f"{MAX_UNITS}. Take method='bracket'."
        )
    n_states = machine.visible.n_states(machine.weights.shape[0])
    if n_states > machine.hidden.n_states(machine.weights.shape[1]):
        machine = machine.mirrored()
        n_states = machine.visible.n_states(machine.weights.shape[0])
    step, sums = 2**12, []
    with threads_for(min(step, n_states), machine.n_weights):
        for start in range(0, n_states, step):
            index = np.arange(start, min(start + step, n_states))
            states = machine.visible.states(index, machine.weights.shape[0])
            states = states.astype(machine.weights.dtype)
            sums.append(logsumexp(-machine.free_energy(states).astype(np.float64)))
    return float(logsumexp(sums))


def _is_gaussian(layer):
    """Whether all units of a layer are Gaussian."""
    if isinstance(layer, Concatenated):
        return all(isinstance(units, Gaussian) for units, _ in layer.widths())
    return isinstance(layer, Gaussian)


def _gaussian_log_z(machine):
    """log Z of two layers of Gaussian units.

    In units of their deviations the precision of both layers together is
    [[1, −M], [−Mᵀ, 1]]; along a pair of singular vectors of M with value s and linear
    terms (a, b) the integral is 2π (1 − s²)^−½ exp((a² + b² + 2sab) / 2(1 − s²)).
    """
    n_visible, n_hidden = machine.weights.shape
    visible, hidden = (
        np.broadcast_to(layer.spread(n), n).astype(np.float64)
        for layer, n in ((machine.visible, n_visible), (machine.hidden, n_hidden))
    )
    left, s, right = np.linalg.svd(
        visible[:, None] * machine.weights * hidden, full_matrices=False
    )
    if s[0] >= 1:
        raise ValueError(
            "The model has no normalizer: the weights between its Gaussian units have "
            f"the singular value {s[0]:.4g} in units of their standard deviations, and "
            "it has to be below 1. Take smaller weights."
        )
    # About the centers, where the means are without a field.
    v, h = (
        layer.mean(np.zeros((1, n)))[0]
        for layer, n in ((machine.visible, n_visible), (machine.hidden, n_hidden))
    )
    at_centers = float(v @ machine.visible_bias + machine.hidden_field(v) @ h)
    biases = visible * machine.visible_field(h), hidden * machine.hidden_field(v)
    a, b = left.T @ biases[0], right @ biases[1]
    across = (np.square(a) + np.square(b) + 2 * s * a * b) / (1 - np.square(s))
    others = sum(np.square(bias).sum() for bias in biases)
    others -= np.square(a).sum() + np.square(b).sum()
    deviations = np.log(visible).sum() + np.log(hidden).sum()
    pairs = np.log1p(-np.square(s)).sum()
    n_units = n_visible + n_hidden
    log_z = n_units * np.log(2 * np.pi) - pairs + across.sum() + others
    return float(at_centers + deviations + log_z / 2)


def _base(machine, X, rng):
    """Visible bias and units of the independent distribution where annealing begins."""
    visible, dtype = machine.visible, machine.weights.dtype
    if X is None and visible.tail is None:
        return machine.visible_bias, visible
    if X is None:
        # Rows of the model's own, since its variances are those given hidden units.
        state = machine.initial_state(1000, rng)
        with threads_for(len(state.visible), machine.n_weights):
            for _ in range(100):
                machine.transition(state, rng, out=state)
        X = state.visible
    mean = column_mean(X)
    variance, _ = positive_variance(column_variance(X, mean), mean)
    # As if one row in twenty felt no field, so that no state is out of reach.
    units, bias = visible.independent(visible.shrink(mean, 0.05 / 1.05), variance)
    return bias.astype(dtype), units


class _Annealing:
    """Walks between independent units and a machine."""

    def __init__(self, machine, base, n_betas, n_jobs):
        self.machine = machine
        self.tempered = machine.tempered(*base)
        self.betas = np.linspace(0, 1, n_betas)
        self.n_jobs = n_jobs

    def forward(self, n_chains, rng):
        v = self.tempered.independent(n_chains, rng)
        log_mean, error, n_effective = _log_mean(self._walk(v, self.betas, rng))
        value = self.tempered.log_base() + log_mean
        low, high = (value + bound for bound in error)
        return LogPartition(value, low, high, "ais", n_effective)

    def reverse(self, n_chains, rng, X, n_burn=1000):
        rows = rng.choice(X.shape[0], n_chains, replace=X.shape[0] < n_chains)
        v = as_float(X[np.sort(rows)], self.machine.weights.dtype).copy()
        state = self.machine.state(v, rng)
        energies = []
        with threads_for(n_chains, self.machine.n_weights):
            for _ in range(n_burn):
                self.machine.transition(state, rng, out=state)
                energies.append(self.machine.free_energy(state.visible))
        log_weights = self._walk(state.visible, self.betas[::-1], rng)
        log_mean, error, n_effective = _log_mean(log_weights)
        value = self.tempered.log_base() - log_mean
        high, low = (value - bound for bound in error)
        return LogPartition(
            value, low, high, "reverse-ais", n_effective, _settled(np.array(energies))
        )

    def _walk(self, v, betas, rng):
        """Log-weights of chains from v along the betas, shared out over processes."""
        # The parts do not depend on the processes, and so does the result.
        n_rows = max(FEWEST_CHAINS, PART_ELEMENTS // self.machine.weights.size)
        n_parts = -(-len(v) // n_rows)
        parts = zip(np.array_split(v, n_parts), rng.spawn(n_parts), strict=True)
        walks = Parallel(min(n_parts, effective_n_jobs(self.n_jobs)))(
            delayed(anneal)(self.tempered, part, betas, child) for part, child in parts
        )
        return np.concatenate(walks)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def anneal(tempered, v, betas, rng):
    """The log-weight of each chain from the rows v along the betas."""
    log_weights = np.zeros(len(v))
    v, h, field = v.copy(), None, None
    with threads_for(len(v), tempered.machine.n_weights):
        for before, beta in zip(betas[:-1].tolist(), betas[1:].tolist(), strict=True):
            field = tempered.machine.hidden_field(v, out=field)
            log_weights += tempered.log_weight_change(v, field, before, beta)
            h = tempered.hidden_sample(field, beta, rng, out=h)
            tempered.visible_sample(h, beta, rng, out=v)
    return log_weights


def _log_mean(log_weights):
    """log of the mean weight, its interval, and the effective number of weights."""
    n = len(log_weights)
    log_mean = logsumexp(log_weights) - np.log(n)
    relative = np.exp(log_weights - log_mean)
    # Three standard errors of the mean, whose lower end may be at or below zero.
    error = 3 * relative.std(ddof=1) / np.sqrt(n) if n > 1 else np.inf
    with np.errstate(divide="ignore"):
        interval = np.log(max(0.0, 1 - error)), np.log1p(error)
    n_effective = relative.sum() ** 2 / np.square(relative).sum()
    return float(log_mean), [float(end) for end in interval], float(n_effective)


def _settled(energies):
    """Whether the chains' free energies, a row a Gibbs step, no longer drift.

    The means of the third and the last quarter, each of independent chains, are
    compared by their paired difference.
    """
    quarter = len(energies) // 4
    change = energies[-quarter:].mean(axis=0) - energies[-2 * quarter : -quarter].mean(
        axis=0
    )
    if len(change) == 1:
        return False
    return bool(abs(change.mean()) <= 4 * change.std(ddof=1) / np.sqrt(len(change)))


def _bracket(forward, reverse):
    low, high = sorted((forward.value, reverse.value))
    return LogPartition(
        (low + high) / 2,
        low,
        high,
        "bracket",
        min(forward.effective_chains, reverse.effective_chains),
        reverse.settled,
    )
