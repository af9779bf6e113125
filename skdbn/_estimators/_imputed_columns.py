"""Columns of an imputer: what it is given, what its model sees, and what it returns."""

from collections import Counter
from numbers import Real

import numpy as np
from scipy.sparse import issparse
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import validate_data

from .. import units
from .._data._incomplete import hidden_by
from .._data._tables import Columns, check_frame, is_frame, naming_text
from .._utils._checks import as_numbers
from .._utils._numerics import check_size
from .._utils._random import row_keys
from .._utils._sklearn import (
    is_scalar_nan,
    safe_indexing,
)
from ._gaussian_rbm import GaussianRBM
from ._mixed_rbm import MixedRBM


class ColumnsMixin:
    """From a table to rows of the model, and back with missing values filled in."""

    def _validate(self, X, reset=False):
        """The columns of X, NaN where values are missing."""
        if issparse(X):
            raise TypeError(
                "X is sparse, and a value that is not stored is zero and not missing: "
                "take an array, by X.toarray() or by sparse_threshold=0 of a "
                "ColumnTransformer."
            )
        check_frame(X)
        frame = X if is_frame(X) else None
        marker = self.missing_values
        if isinstance(marker, str) or (is_number_marker(marker) and frame is not None):
            X = _without(marker, X)
        if frame is not None:
            table = Columns(X, words=() if reset else self._words)
            if table.is_number.all():
                X = table.table(table.values)
            elif self._takes_words():
                validate_data(self, X, skip_check_array=True, reset=reset)
                return table
        with naming_text(
            X,
            type(self).__name__,
            "leave a DataFrame to the default or to MixedRBM, which fill in categories",
        ):
            X = validate_data(
                self,
                X,
                dtype=[np.float64, np.float32],
                ensure_all_finite=True
                if is_number_marker(marker) and frame is None
                else "allow-nan",
                reset=reset,
            )
        if is_number_marker(marker):
            X = np.where(X == marker, X.dtype.type(np.nan), X)
        check_size("X", X)
        return Columns(X, frame)

    def _rows(self, table):
        """What the model sees."""
        columns = []
        for i in np.flatnonzero(self._kept):
            column = table.values[i]
            if table.is_number[i]:
                column = ((column - self.mean_[i]) / self.scale_[i]).astype(
                    np.float32 if self.estimator is None else column.dtype
                )
            columns.append(column)
        if not self._gives_frames or not table.is_frame:
            return np.column_stack(columns)
        return table.table(
            columns, [table.names[i] for i in np.flatnonzero(self._kept)]
        )

    def _filled(self, table, n_samples, seed):
        """The table with its missing values filled in, and with indicators."""
        kept = np.flatnonzero(self._kept)
        values = list(table.values)
        if table.unknown[:, kept].any():
            for i, found in zip(kept, self._found(table, n_samples, seed), strict=True):
                own = table.unknown[:, i]
                if not own.any():
                    continue
                if table.is_number[i]:
                    found = np.asarray(found, np.float64) * self.scale_[i]
                    found = np.clip(found + self.mean_[i], *self._bounds(i))
                    found = np.where(own, found.astype(values[i].dtype), values[i])
                values[i] = found
        if not table.is_number.all():
            # Columns without holes keep their type.
            for i in np.flatnonzero(~table.unknown.any(axis=0)):
                values[i] = table.like[table.names[i]]
        if self.keep_empty_features:
            for i in np.flatnonzero(~self._kept):
                values[i] = np.where(table.unknown[:, i], 0, values[i])
        else:
            values = [values[i] for i in kept]
        if table.is_number.all():
            result = np.column_stack(values)
            if self.indicator_ is not None:
                flags = table.unknown[:, self.indicator_.features_]
                result = np.hstack([result, flags.astype(result.dtype)])
            return result
        if self.indicator_ is not None:
            values += list(table.unknown[:, self.indicator_.features_].T)
        return table.table(values, self.get_feature_names_out().tolist())

    def _found(self, table, n_samples, seed):
        """Columns with what the model says of the missing values."""
        rows = self._rows(table)
        # Not every model knows of temperatures.
        settings = {"tempering": self.tempering} if self.tempering > 1 else {}
        tables = [
            Columns(
                self.estimator_.impute(
                    rows,
                    n_samples=n_samples,
                    n_steps=self.n_steps,
                    random_state=(seed + chain) % 2**31,
                    **settings,
                )
            ).values
            for chain in range(self.n_chains if n_samples > 1 else 1)
        ]
        first = slice(None)
        if n_samples > 1:
            # Equal rows have chains of their own, and the mean is that of the first.
            first = _first_of_equal(table)
        for i, is_number in enumerate(table.is_number[self._kept]):
            columns = [columns[i] for columns in tables]
            if len(columns) == 1:
                (found,) = columns
            elif is_number:
                found = np.mean(columns, axis=0)
            else:
                names = [
                    Counter(v).most_common(1)[0][0] for v in zip(*columns, strict=True)
                ]
                found = type(columns[0])(names, dtype=columns[0].dtype)
            yield found[first] if is_number else safe_indexing(found, first)

    def _bounds(self, i):
        for bound in (self.min_value, self.max_value):
            yield bound[i] if np.ndim(bound) else bound

    def _check_bounds(self):
        n_columns = self.n_features_in_
        names, wanted = ("min_value", "max_value"), "a number, or one for each column"
        low, high = (as_numbers(name, getattr(self, name), wanted) for name in names)
        for name, bound in zip(names, (low, high), strict=True):
            if bound.ndim and bound.shape != (n_columns,):
                raise ValueError(
                    f"{name} has shape {bound.shape}, and X has {n_columns} columns: "
                    "take a number, or one for each column."
                )
        if not (low < high).all():
            raise ValueError(
                f"min_value={self.min_value!r} has to be below max_value="
                f"{self.max_value!r}."
            )


def is_number_marker(marker):
    """Whether missing values are marked by a number; NaN is none."""
    return isinstance(marker, Real) and not is_scalar_nan(marker)


def _without(marker, X):
    """X with NaN in place of a marker."""
    if is_frame(X):
        places = [np.asarray(X[name]) == marker for name in X.columns]
        return hidden_by(np.column_stack(places).astype(bool), X)
    X = np.array(X, object)
    X[X == marker] = np.nan
    return X


def _first_of_equal(table):
    """For each row, the first one of which the same is known."""
    if table.is_number.all():
        keys = row_keys(np.column_stack(table.values), table.unknown)
    else:
        columns = [
            np.where(unknown, None, np.asarray(column, object))
            for column, unknown in zip(table.values, table.unknown.T, strict=True)
        ]
        rows = zip(*columns, strict=True)
        numbers = {}
        keys = np.array([numbers.setdefault(row, len(numbers)) for row in rows])
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return first[inverse]


def columns_to_standardize(model, standardize, table):
    """Columns that a model takes as real-valued, or all of them."""
    everything = range(len(table.names))
    if standardize is True:
        return everything
    if standardize is False or isinstance(model, FrozenEstimator):
        return ()
    if isinstance(model, MixedRBM):
        # Named columns have units that say what their values mean.
        if not isinstance(model.units, str | dict):
            return ()
        named = () if isinstance(model.units, str) else model.units
        return [i for i in everything if table.names[i] not in named]
    visible = getattr(model, "visible", None)
    gaussian = isinstance(model, GaussianRBM) or (
        visible == "gaussian" or isinstance(visible, units.Gaussian)
    )
    return everything if gaussian else ()


def reads_names(model):
    """Whether a model may be given DataFrames."""
    frozen = isinstance(model, FrozenEstimator)
    return not frozen or hasattr(model.estimator, "feature_names_in_")
