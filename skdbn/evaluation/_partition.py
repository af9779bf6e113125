"""The logarithm of the partition function: exact, or by annealing."""

import warnings
from math import log2
from typing import Any

import numpy as np
from scipy.special import logsumexp
from sklearn.utils.validation import check_is_fitted

from .._utils._checks import check_counts
from .._utils._random import make_rng
from .._utils._threads import threads_for
from ..exceptions import EstimateWarning
from ..machines import RestrictedMachine
from ..units import Concatenated, Enumerable, Gaussian
from ..units._base import offers
from ._annealing import Annealing, LogPartition, bracket, path

METHODS = ("auto", "exact", "ais", "reverse-ais", "bracket")

# As many units have some seconds' worth of states; 2²⁵ states are the most to try.
AUTO_UNITS = 18
MAX_UNITS = 25

# Chains of a reverse annealing start from so many rows.
N_STARTS = 100

# An interval of more nats than this decides little.
WIDE = 5.0


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
    tends to be too large [2]_: the two bracket log Z, to within their standard errors.

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
    check_counts("log_partition", n_chains=n_chains, n_betas=n_betas)
    if n_betas < 2:
        raise ValueError(f"n_betas={n_betas}: take at least 2, both ends of the way.")
    machine = rbm.machine_
    if machine.conditional:
        raise TypeError(
            f"{type(rbm).__name__} has a partition function for each context, and "
            "log_partition is for one: take its method log_likelihood, or score_samples."
        )
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
        annealing = Annealing(machine, path(machine, X, rng), n_betas, n_jobs)
        if method == "ais":
            result = annealing.forward(n_chains, rng)
        else:
            result = annealing.reverse(n_chains, rng, X)
            if method == "bracket":
                result = bracket(annealing.forward(n_chains, rng), result)
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


def _enumerable(machine):
    """Log₂ of the number of states of the smaller layer, or infinity."""
    return min(n if n == np.inf else log2(n) for n in _n_states(machine))


def _n_states(machine):
    """The numbers of states of both layers; infinity where they cannot be listed."""
    if not isinstance(machine, RestrictedMachine):
        return [np.inf]
    layers = machine.visible, machine.hidden
    return [
        layer.n_states(n_units) if offers(layer, Enumerable) else np.inf
        for layer, n_units in zip(layers, machine.shape, strict=True)
    ]


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
    n_visible, n_hidden = _n_states(machine)
    if n_visible > n_hidden:
        machine = machine.mirrored()
    step, n_states, sums = 2**12, min(n_visible, n_hidden), []
    with threads_for(min(step, n_states), machine.n_weights):
        for start in range(0, n_states, step):
            index = np.arange(start, min(start + step, n_states))
            states = machine.visible.states(index, machine.shape[0])
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
