"""Products, blocks and means that also take sparse and 8-bit data."""

import numpy as np
from scipy.sparse import issparse

from ._threads import threads_for

# These stay as they are; all other data become float64.
DTYPES = [np.float64, np.float32, np.bool_, np.uint8, np.int8]

# Size of a block that is read once, and of one that is multiplied with the weights,
# which BLAS packs anew for each.
READ_ELEMENTS = 2**17
PRODUCT_ELEMENTS = 2**19

# Below this share of non-zeros a sparse product beats copying to dense and BLAS.
SPARSE_DENSITY = 0.01

# Columns that vary less count as constant: float32 could not divide by it.
SMALLEST_VARIANCE = 1e-30

# The share of gray levels that are black or white, at least.
SHARE_AT_ENDS = 0.25


def working_dtype(X):
    """float32 for float32, boolean and 8-bit data, float64 for all other."""
    return np.dtype(np.float32 if X.dtype.itemsize == 1 else X.dtype)


def is_thin(X):
    """Whether X is sparse enough for sparse products to pay."""
    return issparse(X) and X.nnz < SPARSE_DENSITY * X.shape[0] * X.shape[1]


def as_float(batch, dtype, out=None):
    """A batch of rows as a dense array of the working dtype."""
    if issparse(batch):
        if batch.dtype != dtype:
            batch = batch.astype(dtype)
        return batch.toarray(out=out) if out is not None else batch.toarray()
    if out is None:
        return np.ascontiguousarray(batch, dtype=dtype)
    np.copyto(out, batch)
    return out


def blocks(X, width, dtype, rows=None, size=PRODUCT_ELEMENTS):
    """X from top to bottom as ``(slice, block)``, each block dense and of `dtype`.

    `width` is the number of columns of what is computed for a row, and `rows` an
    index of the rows that take part. A thin sparse X stays sparse. Small products that
    are made of a block while the loop is there are left to one thread.
    """
    n_rows = X.shape[0] if rows is None else len(rows)
    n_weights = X.shape[1] * width
    thin = is_thin(X)
    if not thin and (issparse(X) or X.dtype != dtype):
        width = max(width, X.shape[1])
    step = max(32, size // width)
    with threads_for(min(step, n_rows), n_weights):
        for start in range(0, n_rows, step):
            part = slice(start, min(start + step, n_rows))
            block = X[part if rows is None else rows[part]]
            yield part, block.astype(dtype) if thin else as_float(block, dtype)


def column_mean(X, rows=None, unknown=None, weights=None):
    """Mean of each column as a float64 array, X dense or sparse.

    Of a dense X, `unknown` says which values do not count. Where none counts the mean is
    the first value of the column. `weights` says how much each row of X counts.
    """
    total = np.zeros(X.shape[1])
    dtype = working_dtype(X)
    for part, block in blocks(X, X.shape[1], dtype, rows, READ_ELEMENTS):
        if unknown is not None:
            block = np.where(unknown[_index(rows, part)], 0, block)
        if weights is None:
            total += np.asarray(block.sum(axis=0, dtype=np.float64)).ravel()
        else:
            total += weights[_index(rows, part)] @ block.astype(np.float64)
    if unknown is None:
        return total / _total_weight(X, rows, weights)
    count = _known_weight(unknown, rows, weights)
    return np.where(count, total / np.where(count, count, 1), X[0])


def canonical(X):
    """X, or a copy of a sparse one in which an entry is stored in several parts.

    Functions of the stored values, such as log x!, would be those of the parts.
    """
    if not issparse(X) or X.has_canonical_format:
        return X
    X = X.copy()
    X.sum_duplicates()
    return X


def check_size(name, X, dtype=None):
    """Raise a ValueError for values so large that products of them overflow.

    That is in a dtype, of X by default. NaN does not count.
    """
    stored = X.data if issparse(X) else X
    if stored.dtype.kind != "f" or not stored.size:
        return
    dtype = stored.dtype if dtype is None else min(dtype, stored.dtype, key=_largest)
    flat = stored.ravel(order="K")
    with np.errstate(over="ignore", invalid="ignore"):
        # The quickest sum; most often it is small, and so is what it sums.
        if np.vdot(flat, flat) < _largest(dtype) ** 2:
            return
        size = np.abs(flat)
    largest = np.fmax.reduce(size)
    if largest > _largest(dtype):
        raise ValueError(
            f"{name} has {flat[np.nanargmax(size)]:.3g}, and in {dtype} no more than "
            f"{_largest(dtype):.0e} can be computed with: scale the columns, by "
            "sklearn.preprocessing.StandardScaler for example."
        )


def _largest(dtype):
    """The largest value to compute with, 4e9 in float32 and 1e77 in float64.

    Weights grow in proportion to data, and energies are products of both and data.
    """
    return float(np.finfo(dtype).max) ** 0.25


def column_range(X):
    """The smallest and the largest value of each column, X dense or sparse."""
    if not issparse(X):
        return X.min(axis=0), X.max(axis=0)
    return tuple(end(axis=0).toarray().ravel() for end in (X.min, X.max))


def is_within(X, low, high):
    """Whether all values of X, dense or sparse, are between two ends; none is NaN."""
    stored = X.data if issparse(X) else X
    return not stored.size or bool(
        (low == -np.inf or low <= stored.min())
        and (high == np.inf or stored.max() <= high)
    )


def column_variance(X, mean, rows=None, unknown=None, weights=None):
    """Mean squared distance of each column from its mean, as a float64 array.

    `unknown` and `weights` are as for :func:`column_mean`.
    """
    total = np.zeros(X.shape[1])
    for part, block in blocks(X, X.shape[1], np.float64, rows, READ_ELEMENTS):
        block = block.toarray() if issparse(block) else block
        if unknown is not None:
            block = np.where(unknown[_index(rows, part)], mean, block)
        squares = np.square(block - mean)
        if weights is None:
            total += squares.sum(axis=0)
        else:
            total += weights[_index(rows, part)] @ squares
    if unknown is None:
        return total / _total_weight(X, rows, weights)
    count = _known_weight(unknown, rows, weights)
    return total / np.where(count, count, 1)


def _index(rows, part):
    """The rows of a block."""
    return part if rows is None else rows[part]


def _total_weight(X, rows, weights):
    """What the rows count together."""
    if weights is None:
        return X.shape[0] if rows is None else len(rows)
    return (weights if rows is None else weights[rows]).sum()


def _known_weight(unknown, rows, weights):
    """What the known values of each column count together."""
    known = ~(unknown if rows is None else unknown[rows])
    if weights is None:
        return known.sum(axis=0)
    return (weights if rows is None else weights[rows]) @ known


def positive_variance(variance, mean):
    """The variances, with that of an average column where a column is constant."""
    constant = variance <= np.maximum(1e-13 * np.square(mean), SMALLEST_VARIANCE)
    if constant.all():
        return np.ones_like(variance), constant
    return np.where(constant, variance[~constant].mean(), variance), constant


def looks_like_probabilities(X):
    """Whether X has bits or gray levels: numbers for which binary units are meant.

    They reach from 0 to 1, and a quarter of them at least is at one of the ends, not
    counting one at each end of a column, where a column scaled to [0, 1] has them. All
    other numbers have a unit, which may be changed, and are for real-valued units. NaN
    does not count. The rule reads X as a whole, so that pictures are of one kind.
    """
    if X.dtype.kind not in "fiub" or X.shape[0] * X.shape[1] == 0:
        return False
    n_zero = n_one = n_known = 0
    stored = X.data if issparse(X) else X
    for part in np.array_split(stored.ravel(), stored.size // READ_ELEMENTS + 1):
        known = part[~np.isnan(part)] if part.dtype.kind == "f" else part
        if ((known < 0) | (known > 1)).any():
            return False
        n_known += known.size
        n_zero += np.count_nonzero(known == 0)
        n_one += np.count_nonzero(known == 1)
    if issparse(X):
        n_implicit = X.shape[0] * X.shape[1] - X.nnz
        n_zero, n_known = n_zero + n_implicit, n_known + n_implicit
    n_ends = n_zero + n_one
    if n_ends == n_known:
        return True
    return bool(n_zero and n_one and n_ends - 2 * X.shape[1] >= SHARE_AT_ENDS * n_known)
