"""The start of a training: a machine that fits the data."""

import numpy as np
from scipy.stats import kurtosis, kurtosistest, skew

from .. import units
from .._utils._numerics import positive_variance, working_dtype
from ..exceptions import warn
from ..machines import RestrictedMachine
from ..units._base import ask

# Tails of columns that are not correlated: the variance of the squared norm from which
# on they are heavy (light below its inverse), if there are enough rows to tell, and the
# largest variance in a direction, of Gaussian rows 1; of fewer rows, and where neither is
# so, by how many standard errors those of a direction have to be light. Large units then
# have weights of this norm, and explain this share of the variance; rare ones are on so
# often at most.
FEWEST_ROWS, ENOUGH_ROWS = 100, 200
HEAVY, CORRELATED = 1.5, 2.0
BEYOND_CHANCE, MOST_DIRECTIONS = 3.5, 100
NEGLIGIBLE = 1e-3
LIGHT_NORM, LIGHT_SHARE = 1.5, 0.5
RARE, RARE_NORM, RARE_SHARE = 0.05, 2.0, 0.2


# The share of the variance in a hundredth of the rows that makes a column heavy-tailed, if
# there are so many rows. Of 20,000 normal columns of 100 rows none had more than 0.28.
MOST_OF_VARIANCE, FEWEST_ROWS_OF_TAILS = 0.6, 100

# The skewness of a column, that of an exponential distribution, from which on it is
# skewed. Of 2,000 normal columns of 100 rows none had more than 0.9.
SKEWED = 2.0

# Covariances are those of rows with so many values, or of so many incomplete ones for each
# column, which have to be solved for one by one.
COVARIANCE_ELEMENTS, INCOMPLETE_ROWS = 2**24, 40


def new_machine(plan, source, rng, starts_small=False):
    """Random weights, and biases with which the units are as in the data.

    With `starts_small` no unit starts with large weights, whatever the data are.
    """
    dtype = working_dtype(source.X)
    visible, hidden = plan.visible, plan.hidden
    n_visible, n_hidden = source.X.shape[1], plan.n_components
    moments, visible_mean = None, source.mean
    if visible.tail is not None:
        variance, _ = positive_variance(source.variance, visible_mean)
        moments = len(source), visible_mean, variance
    visible.start(n_visible, moments, dtype)
    if any(isinstance(kind, units.CorrelatedGaussian) for kind in visible._kinds()):
        most = COVARIANCE_ELEMENTS // n_visible + 1
        if source.unknown is not None:
            most = min(most, max(1000, INCOMPLETE_ROWS * n_visible))
        visible.see(*source.some_rows(most))
    hidden.start(n_hidden, dtype=dtype)
    if hidden.tail is not None:
        ask(visible, units.Parametric).freeze()
    hidden_bias = np.zeros(n_hidden)
    if plan.sparsity is not None:
        hidden_bias = plan.sparsity.initial_bias(hidden, n_hidden)
    # Enough that units differ from the start, not so much that they saturate.
    spread = min(0.1 if visible.tail is None else 0.01, 3 / np.sqrt(n_visible))
    for counts, others, n_others in (
        (visible, hidden, n_hidden),
        (hidden, visible, n_visible),
    ):
        if counts.tail == "poisson":
            # A large count that turns on half of the others must not be likely by that.
            low, high = others.bounds
            spread = min(spread, 3 / (n_others * (high - low)))
    weights = rng.normal(0, spread, (n_visible, n_hidden))
    hidden_mean = np.zeros(n_hidden)
    # Incomplete rows do not tell how heavy tails are.
    may_be_large = source.unknown is None and not starts_small
    if may_be_large and isinstance(visible, units.Gaussian) and not hidden_bias.any():
        root = visible.step_root
        gaps = source.some_gaps()
        gaps = gaps / np.sqrt(variance) if root is None else gaps @ root
        large = _large_units(gaps, hidden, n_hidden)
        if large is not None:
            norm, places, activity, direction = large
            weights[:, places] *= norm / np.sqrt(n_visible) / spread
            if direction is not None:
                weights[:, 0] = norm * direction
            hidden_bias[places] = hidden.link(activity)
            hidden_mean[places] = activity
    scaled = ask(visible, units.Scaled)
    if scaled.step_root is not None:
        weights = scaled.step_root @ weights
    elif scaled.step_scale is not None:
        weights *= scaled.step_scale.reshape(-1, 1) ** 0.5
    # One more row without a field keeps constant columns finite.
    mean = visible.shrink(visible_mean, 1 / (len(source) + 1))
    visible_bias = visible.link(mean) - weights @ hidden_mean
    if visible.tail is not None:
        # Fields would depend on where the zero of a column is.
        hidden_bias = hidden_bias - visible_mean @ weights
    machine = RestrictedMachine(
        weights.astype(dtype),
        visible_bias.astype(dtype),
        hidden_bias.astype(dtype),
        visible,
        hidden,
    )
    machine.project()
    return machine


def check_scale(names, real, source, where_to_scale="before"):
    """Hint at real-valued columns of a source that are constant or not standardized."""
    mean = source.mean
    variance, constant = positive_variance(source.variance, mean)
    constant = constant & real
    if constant.any():
        warn(
            f"Columns of X are constant: {listed(names, constant)}. They are given the "
            "variance of an average column; better leave them out, with "
            "sklearn.feature_selection.VarianceThreshold for example."
        )
    deviation = np.sqrt(variance)
    far = (deviation < 0.1) | (deviation > 10) | (np.abs(mean) > 3 * deviation)
    far &= real & ~constant
    if far.any():
        first = np.flatnonzero(far)[0]
        warn(
            f"{far.sum()} columns of X are not standardized: column {names[first]} has "
            f"mean {mean[first]:.3g} and standard deviation {deviation[first]:.3g}. "
            "Real-valued units learn best from mean 0 and standard deviation 1: put "
            f"sklearn.preprocessing.StandardScaler {where_to_scale}."
        )
    gaps = source.some_gaps()
    heavy = _heavy_columns(gaps) & real & ~constant
    if heavy.any():
        warn(
            f"Columns of X have most of their variance in one row of a hundred: "
            f"{listed(names, heavy)}. Real-valued units are for columns that are next to "
            "normal: put sklearn.preprocessing.PowerTransformer or, against outliers, "
            f"QuantileTransformer(output_distribution='normal') {where_to_scale}."
        )
    skewed = _skewed_columns(gaps) & real & ~constant & ~heavy
    if skewed.any():
        warn(
            f"Columns of X are skewed, with a long tail on one side: "
            f"{listed(names, skewed)}. Real-valued units are for columns that are next to "
            f"normal: put sklearn.preprocessing.PowerTransformer {where_to_scale}."
        )


def _heavy_columns(gaps):
    """Columns of which a hundredth of the rows has most of the variance.

    Not those that are the same in most rows, as indicators are, which no transformation
    makes normal.
    """
    n_rows, n_columns = gaps.shape
    if n_rows < FEWEST_ROWS_OF_TAILS:
        return np.zeros(n_columns, bool)
    squares = np.sort(np.square(gaps), axis=0)
    n_extreme = max(1, n_rows // 100)
    spread = np.ptp(np.quantile(gaps, [0.25, 0.75], axis=0), axis=0)
    heavy = squares[-n_extreme:].sum(axis=0) > MOST_OF_VARIANCE * squares.sum(axis=0)
    return heavy & (spread > 0)


def _skewed_columns(gaps):
    """Columns with a long tail on one side, of rows that tell; not indicators."""
    n_rows, n_columns = gaps.shape
    if n_rows < FEWEST_ROWS_OF_TAILS:
        return np.zeros(n_columns, bool)
    spread = np.ptp(np.quantile(gaps, [0.25, 0.75], axis=0), axis=0) > 0
    with np.errstate(invalid="ignore"):
        return (np.abs(skew(gaps)) > SKEWED) & spread


def listed(names, chosen, most=5):
    """The names of the columns that are chosen, the first few of many."""
    columns = np.flatnonzero(chosen)
    text = ", ".join(str(names[i]) for i in columns[:most])
    return text + (f" and {len(columns) - most} more" if len(columns) > most else "")


def _large_units(gaps, hidden, n_hidden):
    """How units start that start large; None where none has to.

    Norm of their weights, their places and activity, and the direction of the first one
    of them or None.

    Where standardized columns are not correlated, as after whitening, small weights
    learn nothing: their gradient is of third order. Units that are often on then go to
    zero where tails are heavy [1]_. Units that are rarely on, with weights that reach
    the tails, learn those. Where tails are light, as of clusters, a few units that are
    on half of the time do, one of them in the direction of the lightest; where they are
    light in few directions, that unit alone. Of Gaussian rows the variance of the squared norm is 2 for
    each column [2]_, and the largest variance of n rows in any direction about
    (1 + √(columns / n))². Clusters along few of many directions hardly change the first.

    References
    ----------
    .. [1] Melchior, J., Wang, N. and Wiskott, L. (2017). Gaussian-binary restricted
       Boltzmann machines for modeling natural image statistics. PLoS ONE 12.
    .. [2] Mardia, K. V. (1970). Measures of multivariate skewness and kurtosis with
       applications. Biometrika 57, 519-530.
    """
    n_rows, n_columns = gaps.shape
    if not isinstance(hidden, units.Bernoulli) or n_rows < FEWEST_ROWS:
        return None
    edge = (1 + np.sqrt(n_columns / n_rows)) ** 2
    if largest_variance(gaps) > CORRELATED * edge:
        return None
    tails = 1.0
    if n_rows >= ENOUGH_ROWS:
        tails = np.square(gaps).sum(axis=1).var() / (2 * n_columns)
    if tails >= HEAVY:
        rare = RARE_SHARE * n_columns / (RARE_NORM**2 * n_hidden)
        return RARE_NORM, slice(n_hidden), min(RARE, rare), None
    n_large = 1
    if tails <= 1 / HEAVY:
        n_large = round(4 * LIGHT_SHARE * n_columns / LIGHT_NORM**2)
    elif not _are_light(gaps):
        return None
    places = slice(min(n_hidden, max(1, n_large)))
    return LIGHT_NORM, places, 0.5, _lightest_direction(gaps)


def _are_light(gaps):
    """Whether the tails of a direction are lighter than Gaussian ones, beyond chance.

    Each half of the rows has a direction of its least kurtosis, of which the other half
    says whether it is one of all rows.
    """
    halves, score = (gaps[::2], gaps[1::2]), 0.0
    for half, other in (halves, halves[::-1]):
        values = other @ _lightest_direction(half)
        if values.std() > NEGLIGIBLE:
            # The sign is wrong of the lightest of all, as of two points.
            size = abs(kurtosistest(values).statistic)
            score += size if kurtosis(values) < 0 else -size
    return score / np.sqrt(2) > BEYOND_CHANCE


def _lightest_direction(x):
    """The direction of least kurtosis, of the first columns and of where they lead.

    By the fixed-point iteration of [1]_, which seeks directions of extreme kurtosis.

    References
    ----------
    .. [1] Hyvärinen, A. and Oja, E. (1997). A fast fixed-point algorithm for
       independent component analysis. Neural Computation 9, 1483-1492.
    """
    tried = [np.eye(x.shape[1])[:, :MOST_DIRECTIONS]]
    for _ in range(10):
        moved = x.T @ (x @ tried[-1]) ** 3 / len(x) - 3 * tried[-1]
        tried.append(moved / (np.linalg.norm(moved, axis=0) + 1e-300))
    tried = np.hstack(tried)
    squares = np.square(x @ tried)
    variance = np.maximum(squares.mean(axis=0), NEGLIGIBLE**2)
    ratio = np.square(squares).mean(axis=0) / variance**2
    # It is at least 1, and here 0 of columns that are constant.
    return tried[:, np.where(ratio < 0.5, np.inf, ratio).argmin()]


def largest_variance(x):
    """The largest mean square of rows x in any direction."""
    direction = x[0] + 1e-3
    for _ in range(20):
        direction = x.T @ (x @ direction)
        direction /= np.linalg.norm(direction) + 1e-300
    return float(np.square(x @ direction).mean())
