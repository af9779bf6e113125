"""The columns of a table, an array or a DataFrame, and what is in them."""

from contextlib import contextmanager

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import check_array, validate_data

from .._utils._checks import as_numbers
from .._utils._numerics import DTYPES, canonical, check_size


class Columns:
    """The columns of a table one by one, whatever it is, and what is missing of them.

    Parameters
    ----------
    X : {ndarray, DataFrame} of shape (n_samples, n_features)
        An array of floats, or a DataFrame whose columns are numbers or categories.

    like : DataFrame, default=None
        The table of which X has the numbers.

    words : collection of str, default=()
        Names of columns that have categories, whatever this table has there.

    Attributes
    ----------
    names : list
        Names of the columns, or their numbers.

    values : list
        Of each column of numbers a float array, NaN where it is missing, and the column
        itself where it has categories.

    is_number : ndarray of bool of shape (n_features,)
        Which columns are numbers.

    unknown : ndarray of bool of shape (n_samples, n_features)
        Where values are missing.
    """

    def __init__(self, X, like=None, words=()):
        self.like = X if like is None else like
        self.is_frame = is_frame(self.like)
        self.names = list(self.like.columns if self.is_frame else range(X.shape[1]))
        self.is_number = np.ones(len(self.names), bool)
        if not is_frame(X):
            self.values, self.unknown = list(X.T), np.isnan(X)
            return
        self.values = [values_of(X, i, name) for i, name in enumerate(self.names)]
        for i, (name, values) in enumerate(zip(self.names, self.values, strict=True)):
            has_categories = name in words or dtype_categories(X, name) is not None
            if has_categories or _has_text(values):
                self.is_number[i] = False
                self.values[i] = X[name]
            elif values.dtype.kind != "f":
                role = f"Column {name} of X"
                values = as_numbers(role, values, "numbers, text or categories")
                self.values[i] = values.astype(np.float64)
        self.unknown = np.column_stack([missing_in(X[name]) for name in self.names])

    def table(self, values, names=None):
        """A table of columns, like the one that was given."""
        if not self.is_frame:
            return np.column_stack(values)
        names = self.names if names is None else names
        index = getattr(self.like, "index", None)
        columns = {
            name: column
            if index is None or isinstance(column, np.ndarray)
            # By their place, whatever rows they were.
            else column.set_axis(index)
            for name, column in zip(names, values, strict=True)
        }
        return with_index_of(self.like, type(self.like)(columns))


def values_of(X, i, name):
    """The values of a column, as an array of numbers or of objects, NaN if missing."""
    if not is_frame(X):
        return X[:, [i]].toarray().ravel() if issparse(X) else X[:, i]
    column = X[name]
    missing, dtype = missing_in(column), getattr(column.dtype, "numpy_dtype", None)
    if missing.any() and getattr(dtype, "kind", "O") in "biuf":
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        values = np.asarray(column, dtype=dtype)
    if values.dtype.kind in "mMc":
        raise ValueError(
            f"Column {name} of X has values of type {values.dtype}, for which there "
            "are no units. Make it numbers or categories."
        )
    if values.dtype.kind in "biuf":
        return values
    values = values.astype(object)
    values[missing] = np.nan
    return values


def missing_in(column):
    """Where a column of a DataFrame has no value."""
    if hasattr(column, "isna"):
        return np.asarray(column.isna())
    missing = column.is_null()
    if column.dtype.is_float():
        missing |= column.is_nan().fill_null(True)
    return np.asarray(missing)


def is_nan(values):
    if values.dtype != object:
        return np.isnan(values)
    nan = (isinstance(value, float) and np.isnan(value) for value in values)
    return np.fromiter(nan, bool, len(values))


def dtype_categories(X, name):
    """The categories that the type of a column knows of, or None."""
    categories = getattr(X[name].dtype, "categories", None) if is_frame(X) else None
    # Some types of polars have an object in place of the categories.
    return list(categories) if hasattr(categories, "__len__") else None


def holds(X, name, categories):
    """Whether the type of a column says that it may have these categories."""
    known = dtype_categories(X, name)
    return not missing_in(X[name]).all() if known is None else {*categories} <= {*known}


def validate_numbers(estimator, X, remedy="give the DataFrame to MixedRBM", **settings):
    """X as an array or a CSR matrix of numbers; see scikit-learn's ``validate_data``."""
    with naming_text(X, type(estimator).__name__, remedy):
        X = validate_data(estimator, X, accept_sparse="csr", dtype=DTYPES, **settings)
    check_size("X", X)
    return canonical(X)


def validate_hidden(H, owner, dtype=DTYPES):
    """Values of hidden units, one row for each row of data, as an array."""
    with naming_text(H, owner, "take what transform returns", "H"):
        H = check_array(H, dtype=dtype, input_name="H")
    check_size("H", H)
    return H


def check_frame(X, role="X"):
    """Raise a ValueError for a DataFrame without columns or with a name twice."""
    if not is_frame(X):
        return
    names = list(X.columns)
    if not names:
        raise ValueError(f"{role} has 0 feature(s) (shape {X.shape}): give columns.")
    if len(set(names)) < len(names):
        raise ValueError(f"{role} has several columns of one name: {joined(names)}.")


@contextmanager
def naming_text(X, owner, remedy, role="X"):
    """Where X turns out to be no table of numbers, name a column that has text."""
    check_frame(X, role)
    fills = [getattr(dtype, "fill_value", None) for dtype in getattr(X, "dtypes", ())]
    if fills and all(fill is not None for fill in fills) and any(fills):
        raise ValueError(
            f"{role} has sparse columns with fill values other than 0: take "
            "sparse.to_dense() of it."
        )
    try:
        # Sums that are to tell whether all is finite may overflow.
        with np.errstate(over="ignore", invalid="ignore"):
            yield
    except (TypeError, ValueError) as error:
        name, text = first_text(X)
        if text is not None:
            raise ValueError(
                f"Column {name!r} of {role} has text, {text!r}, and {owner} takes "
                "numbers: encode it before, by OneHotEncoder or OrdinalEncoder, or "
                f"{remedy}."
            ) from error
        mixed = isinstance(error, np.exceptions.DTypePromotionError)
        if has_numbers(X) and not mixed:
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(
            f"{role} is no table of numbers, which {owner} takes: {error}. Give rows of equal "
            "length, of numbers alone."
        ) from error


def has_numbers(X):
    """Whether X, sparse or of any kind, can be read as an array of numbers."""
    if issparse(X):
        return X.dtype.kind in "biufc"
    try:
        np.array(X, object).astype(float)
    except (TypeError, ValueError):
        return False
    return True


def first_text(X):
    """Column and value of the first text in X that is no number; None without one."""
    if issparse(X):
        return None, None
    try:
        values = np.array(X, object)
    except ValueError:
        return None, None
    if values.ndim == 2:
        names = X.columns if is_frame(X) else range(values.shape[1])
        for name, column in zip(names, values.T, strict=True):
            for value in column:
                if _is_text(value):
                    return name, str(value)
    return None, None


def _has_text(values):
    return values.dtype == object and any(map(_is_text, values))


def _is_text(value):
    return isinstance(value, str) and not _is_number(value)


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def is_frame(X):
    """Whether X is a DataFrame, of pandas or polars, neither of which is imported."""
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def with_index_of(X, rows):
    """The rows with the index of X, where both have one."""
    if is_frame(X) and hasattr(X, "index") and hasattr(rows, "index"):
        rows.index = X.index
    return rows


def joined(names, most=10):
    names = [str(name) for name in names]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
