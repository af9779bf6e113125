"""Rows of which some columns are given."""

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import check_array, check_is_fitted

from .._data._codec import Numbers
from .._data._incomplete import nan_places, with_neutral_values
from .._data._sequences import part_columns
from .._data._tables import is_frame, naming_text
from .._utils._numerics import DTYPES, check_size


class ContextRows:
    """Rows as the machine has them, with the columns of `context` first."""

    def _validate(self, X, reset=False, order=None, allow_nan=False):
        """Rows of the context and then of the other columns."""
        given = X
        X = super()._validate(X, reset, order, allow_nan=True)
        if reset:
            table = given if is_frame(given) else X
            self.context_columns_, self.visible_columns_ = part_columns(
                self.context, table
            )
        columns = np.concatenate([self.context_columns_, self.visible_columns_])
        X = X[:, columns] if issparse(X) else X.take(columns, axis=1)
        if not allow_nan:
            return self._refuse_nan(X)
        unknown = nan_places(X[:, : len(self.context_columns_)])
        if unknown is not None:
            raise ValueError(
                f"The context has NaN in {unknown.sum()} values, the first of them in "
                f"column {self._unit_names()[unknown.any(axis=0).argmax()]}: it is "
                "given and not modeled, so fill it in before, by "
                "sklearn.impute.SimpleImputer for example."
            )
        return X

    def _validate_incomplete(self, X, reset=False, order=None):
        X = self._validate(X, reset, order, allow_nan=True)
        unknown = nan_places(X)
        if unknown is not None:
            X = X.copy()
            v, holes = self._visible_part(X), self._visible_part(unknown)
            units = self._new_units()[0].start(v.shape[1])
            v[:] = with_neutral_values(v, holes, units, self._codec.unit_names)
        return X, unknown

    def _context_rows(self, context):
        """Validated rows of the context alone, in the dtype of the model."""
        check_is_fitted(self, "machine_")
        owner, n_given = type(self).__name__, self.machine_.n_given
        with naming_text(context, owner, "give numbers", "context"):
            u = check_array(
                context, dtype=DTYPES, input_name="context", ensure_min_features=0
            )
        if u.shape[1] != n_given:
            raise ValueError(
                f"context has {u.shape[1]} columns, but {owner} was fitted to {n_given}: "
                "give the columns of the context alone, in the order of "
                "context_columns_."
            )
        check_size("context", u, self.machine_.weights.dtype)
        return self._rows(u)

    def _visible_part(self, rows):
        """The columns that are modeled, of rows as the machine has them."""
        return rows[:, self._n_given :]

    def _check_data(self, X):
        v = self._visible_part(X)
        visible = self._new_units()[0].start(v.shape[1])
        visible.check_data(v, self._codec.unit_names)

    def _rows_outside(self, X):
        v = self._visible_part(X)
        return self.machine_.visible.rows_outside(v, self._codec.unit_names)

    @property
    def _codec(self):
        return Numbers(self._names(self.visible_columns_))

    def _unit_names(self):
        return self._names(np.append(self.context_columns_, self.visible_columns_))

    def _names(self, columns):
        names = getattr(self, "feature_names_in_", range(self.n_features_in_))
        return [names[i] for i in columns]

    def _as_data(self, rows, means=False):
        """The rows with their columns where they are in X."""
        columns = np.append(self.context_columns_, self.visible_columns_)
        return rows[:, np.argsort(columns)]

    def _merged(self, X, rows, means, like):
        return self._as_data(rows)
