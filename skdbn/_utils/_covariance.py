"""Covariances of data, shrunk so that they predict rows that were left out."""

import numpy as np

# Shares of the covariance that may be given to uncorrelated columns. None is too small to
# leave columns that follow from each other a variance of their own.
SHARES = np.logspace(-5, 0, 51)

# Steps of the EM algorithm for unknown values.
EM_STEPS = 20

# Of draws for unknown values. Data are often made with 0, and would then be their noise.
NOISE_SEED = 1_618_033_988


def shrunk_covariance(gaps, variance, weights=None, unknown=None):
    r"""The covariance (1 − α)·S + α·diag(S), and the α that predicts rows best.

    As Ledoit and Wolf's it is a mean of the covariance S of the data and one without
    correlations [1]_, but with the α of the largest leave-one-out likelihood [2]_: theirs
    is for the squared error of the entries, which says little about small eigenvalues.
    With n rows x about their mean, G = (1 − α) n/(n − 1) S + α·diag(S), d = xᵀ G⁻¹ x and
    r = 1 − (1 − α) n/(n − 1)²·d, a row is, by the other ones,

    .. math:: -2 \log p(x) = \log |2 \pi G| + \log r + \frac{n^2}{(n - 1)^2} \frac{d}{r}

    Columns are divided by their standard deviations before, so that scales do not matter.
    Unknown values are filled in by the EM algorithm [3]_.

    Parameters
    ----------
    gaps : ndarray of shape (n_samples, n_columns)
        Rows less their mean.

    variance : ndarray of shape (n_columns,)
        What the diagonal is to be, all positive: the variances, but for constant columns.

    weights : ndarray of shape (n_samples,), default=None
        How much each row counts.

    unknown : ndarray of bool of shape (n_samples, n_columns), default=None
        Where values are unknown.

    Returns
    -------
    covariance : ndarray of shape (n_columns, n_columns)
        Positive definite.

    share : float
        α.

    References
    ----------
    .. [1] Ledoit, O. and Wolf, M. (2004). A well-conditioned estimator for
       large-dimensional covariance matrices. Journal of Multivariate Analysis 88.
    .. [2] Hoffbeck, J. P. and Landgrebe, D. A. (1996). Covariance matrix estimation and
       classification with limited training data. IEEE PAMI 18.
    .. [3] Little, R. J. A. and Rubin, D. B. (2002). Statistical analysis with missing
       data. Wiley.
    """
    deviation = np.sqrt(variance)
    x = gaps / deviation
    weights = np.ones(len(x)) if weights is None else weights / weights.mean()
    if unknown is None or not unknown.any():
        correlation, share = _shrunk(x, _products(x, weights), weights)
    else:
        correlation = np.eye(x.shape[1])
        noise = np.random.default_rng(NOISE_SEED).normal(size=x.shape)
        for _ in range(EM_STEPS):
            products = _expected_products(x, unknown, correlation, weights, noise)
            correlation, share = _shrunk(x, products, weights)
    return correlation * np.outer(deviation, deviation), share


def _products(x, weights):
    """The correlations of standardized rows, with ones in the diagonal."""
    products = x.T @ (weights[:, None] * x) / len(x)
    np.fill_diagonal(products, 1.0)
    return products


def _shrunk(x, correlation, weights):
    """Correlations times 1 − α, and α; see `shrunk_covariance`."""
    n, n_columns = len(x), x.shape[1]
    if n < 3:
        return np.eye(n_columns), 1.0
    eigenvalues, axes = np.linalg.eigh(correlation)
    eigenvalues = np.maximum(eigenvalues, 0)
    squares, more = np.square(x @ axes), n / (n - 1)
    losses = [
        _loss(squares, (1 - share) * more * eigenvalues + share, share, weights)
        for share in SHARES
    ]
    share = SHARES[np.argmin(losses)]
    shrunk = (1 - share) * correlation
    np.fill_diagonal(shrunk, 1.0)
    return shrunk, float(share)


def _loss(squares, scales, share, weights):
    """−2 log p(x) for a mean, each row by the other ones, up to a constant."""
    n = len(squares)
    more = n / (n - 1)
    distances = squares @ (1 / scales)
    rest = 1 - (1 - share) * more / (n - 1) * distances
    if rest.min() <= 0:
        # A row alone in its direction, of which the other ones say nothing.
        return np.inf
    losses = np.log(rest) + more**2 * distances / rest
    return np.log(scales).sum() + weights @ losses / n


def _expected_products(x, unknown, correlation, weights, noise):
    """The expected correlations of rows, given what is known of them.

    Unknown values of x become draws, from the same noise in all steps.
    """
    means, scatter = x.copy(), np.zeros_like(correlation)
    precision = np.linalg.inv(correlation)
    for rows, holes, inverse in conditionals(precision, unknown):
        known = np.where(unknown[rows], 0, x[rows])
        places = np.ix_(rows, holes)
        means[places] = -(known @ precision)[:, holes] @ inverse
        x[places] = means[places] + noise[places] @ np.linalg.cholesky(inverse).T
        scatter[np.ix_(holes, holes)] += weights[rows].sum() * inverse
    products = means.T @ (weights[:, None] * means) + scatter
    deviation = np.sqrt(np.diagonal(products))
    deviation = np.where(deviation > 0, deviation, 1)
    products /= np.outer(deviation, deviation)
    np.fill_diagonal(products, 1.0)
    return products


def conditionals(precision, unknown):
    """Rows of the same unknown columns, those columns, and their covariance.

    That is the inverse of their part of the precision, which says how they vary given
    the other columns.
    """
    some = np.flatnonzero(unknown.any(axis=1))
    patterns, group = np.unique(unknown[some], axis=0, return_inverse=True)
    order = np.argsort(group.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(group.ravel(), minlength=len(patterns)))[:-1]
    for pattern, members in zip(patterns, np.split(order, ends), strict=True):
        holes = np.flatnonzero(pattern)
        yield some[members], holes, np.linalg.inv(precision[np.ix_(holes, holes)])
