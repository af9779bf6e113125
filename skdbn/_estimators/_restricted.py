"""What the estimators of a restricted machine share: rows in, features out."""

from contextlib import contextmanager

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_is_fitted

from .. import units
from .._data._codec import Numbers
from .._data._incomplete import (
    check_columns,
    mean_field_blocks,
    nan_places,
    with_neutral_values,
)
from .._data._tables import validate_hidden, validate_numbers, with_index_of
from .._training._start import check_scale
from .._utils._numerics import as_float, check_size
from .._utils._persistence import VersionMixin
from .._utils._sklearn import CallbackSupportMixin, DocLinkMixin
from .._utils._threads import threads_for
from ..units._base import ask
from ._generative import GenerativeMixin


class RestrictedEstimator(
    GenerativeMixin,
    CallbackSupportMixin,
    DocLinkMixin,
    VersionMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """An estimator that holds a restricted machine.

    A class says what its units are (`_new_units`), how its machine is trained
    (`_plan`) and, where rows are not values of the units as they are, how they become
    such (`_codec`).
    """

    def _new_units(self):
        """Fresh units of the visible and of the hidden type."""
        return units.resolve(self.visible), units.resolve(self.hidden)

    @property
    def _codec(self):
        """What takes rows to values of the visible units, and back."""
        n_features = getattr(self, "n_features_in_", 0)
        return Numbers(getattr(self, "feature_names_in_", range(n_features)))

    @property
    def components_(self):
        """The weights, of shape (n_components, n_features)."""
        return self.machine_.weights.T

    @property
    def intercept_hidden_(self):
        """Biases of the hidden units."""
        return self.machine_.hidden_bias

    @property
    def intercept_visible_(self):
        """Biases of the visible units."""
        visible = ask(self.machine_.visible, units.Scaled)
        return visible.uncentered(self.machine_.visible_bias)

    @property
    def _n_features_out(self):
        return self.machine_.weights.shape[1]

    def transform(self, X):
        """The hidden units' means, E[h | v]; P(h = 1 | v) for binary units.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data. In place of NaN in an array is its mean field, E[v | h] at
            h = E[h | v]: an estimate without sampling, so that features do not vary.

        Returns
        -------
        H : ndarray of shape (n_samples, n_components)
            The features, in the dtype of the fitted model.

        Warns
        -----
        DataRangeWarning
            If values are outside the range of the visible units.
        """
        check_is_fitted(self, "machine_")
        return self._hidden_means(*self._validate_incomplete(X))

    def _hidden_means(self, X, unknown=None):
        """The features of valid rows, of which some values may be unknown."""
        machine = self.machine_
        H = np.empty((X.shape[0], self._n_features_out), machine.weights.dtype)
        sure = True
        for part, block in mean_field_blocks(machine, X, unknown, H.shape[1]):
            self._block_features(block, H[part])
            # While the block is dense; its last columns are modeled, if not all are.
            modeled = block[:, -machine.shape[0] :]
            sure = sure and machine.visible.surely_supports(modeled)
        if not sure:
            self._rows_outside(X)
        return H

    def _block_features(self, v, out):
        """Write the features of dense rows, or of thin sparse ones."""
        self.machine_.hidden_mean(v, out=out)

    def inverse_transform(self, H):
        """The visible units' means, E[v | h].

        Parameters
        ----------
        H : array-like of shape (n_samples, n_components)
            Values of the hidden units, or their means.

        Returns
        -------
        X : {ndarray, DataFrame} of shape (n_samples, n_features)
            The expected rows; of a model of a DataFrame with the most probable category
            of columns that have categories.
        """
        H = self._hidden_rows(H)
        with threads_for(len(H), self.machine_.n_weights):
            means = self.machine_.visible_mean(H)
        return self._as_data(means, means=True)

    def reconstruct(self, X):
        """The means of the visible units, given the hidden means of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        X : {ndarray, DataFrame} of shape (n_samples, n_features)
            ``inverse_transform(transform(X))``, with the index of X.
        """
        return with_index_of(X, self.inverse_transform(self.transform(X)))

    def gibbs(self, v):
        """One Gibbs step: draw h given v, then v given h.

        Each call continues the estimator's own stream of random numbers.

        Parameters
        ----------
        v : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        v_new : {ndarray, DataFrame} of shape (n_samples, n_features)
            The rows after the step, with the index of `v`.

        Warns
        -----
        DataRangeWarning
            If values are outside the range of the visible units.
        """
        check_is_fitted(self, "machine_")
        machine = self.machine_
        rng = self._sampling_rng()
        X = self._validate(v)
        self._rows_outside(X)
        X = self._rows(X)
        with threads_for(len(X), machine.n_weights):
            rows = machine.visible_sample(machine.hidden_sample(X, rng), rng)
        return with_index_of(v, self._as_data(rows))

    def _validate(self, X, reset=False, order=None, allow_nan=False):
        X = validate_numbers(
            self, X, order=order, reset=reset, ensure_all_finite="allow-nan"
        )
        if not reset:
            check_size("X", X, self.machine_.weights.dtype)
        return X if allow_nan else self._refuse_nan(X)

    def _validate_incomplete(self, X, reset=False, order=None):
        """Rows for the units with neutral values for NaN, and where that was."""
        X = self._validate(X, reset, order, allow_nan=True)
        unknown = nan_places(X)
        if unknown is not None:
            visible = self._new_units()[0].start(X.shape[1])
            names = self._unit_names()
            X = with_neutral_values(X, unknown, visible, names)
        return X, unknown

    def _validate_training_data(self, X, reset):
        """The data, and where they have something in place of unknown values."""
        X, unknown = self._validate_incomplete(X, reset, order="C")
        if unknown is not None:
            check_columns(unknown, self._unit_names())
        self._check_data(X)
        return X, unknown

    def _refuse_nan(self, X):
        unknown = nan_places(X)
        if unknown is not None:
            raise ValueError(
                f"X has NaN in {unknown.sum()} values, the first of them in column "
                f"{self._unit_names()[unknown.any(axis=0).argmax()]}, and this "
                f"method of {type(self).__name__} needs all of them. Fill in what is "
                "unknown before, by impute() or in a pipeline by skdbn.BoltzmannImputer."
            )
        return X

    def _check_data(self, X):
        """Check that the visible units can have the values of X."""
        visible = self._new_units()[0].start(X.shape[1])
        visible.check_data(X, self._unit_names())

    def _check_scale(self, source):
        """Hint at real-valued columns that are constant or not standardized."""
        codec = self._codec
        real = codec.real_valued(self._new_units()[0])
        if real.any():
            check_scale(codec.unit_names, real, source, codec.where_to_scale)

    def _visible_rows(self, X):
        """Validated values of the visible units for each row."""
        return self._validate(X)

    def _machine_rows(self, X):
        """Validated rows as the machine has them."""
        return self._validate(X)

    def _rows_outside(self, X):
        """Which rows have a value that the visible units cannot have; warns of them.

        Next to free if there is none.
        """
        names = self._unit_names()
        return self.machine_.visible.rows_outside(X, names)

    def _unit_names(self):
        return self._codec.unit_names

    def _as_data(self, rows, means=False):
        """Rows of the table, from values or means of the visible units."""
        return self._codec.decode(rows, means)

    def _merged(self, X, rows, means, like):
        """The rows X with what was found out about them, in the types of `like`."""
        return with_index_of(X, self._codec.merge(X, rows, means, like))

    def _rows(self, X):
        """Rows as a dense array in the dtype of the model."""
        return as_float(X, self.machine_.weights.dtype)

    def _hidden_rows(self, H):
        """Validated values of the hidden units."""
        check_is_fitted(self, "machine_")
        owner, dtype = type(self).__name__, self.machine_.weights.dtype
        H = validate_hidden(H, owner, dtype)
        if H.shape[1] != self._n_features_out:
            raise ValueError(
                f"H has {H.shape[1]} columns, but {type(self).__name__} has "
                f"{self._n_features_out} hidden units. Give one column a unit, as "
                "transform returns them."
            )
        return H

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        visible = units.resolve(self.visible)
        positive = visible.tail is not None and visible.bounds[0] == 0
        tags.input_tags.positive_only = positive
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


@contextmanager
def restoring(estimator):
    """On an error or an interrupt, give the estimator back all that it had."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        # scikit-learn takes down by itself what it has set up for callbacks.
        own = {name: v for name, v in before.items() if "callback" not in name}
        callbacks = {n: v for n, v in vars(estimator).items() if "callback" in n}
        # One assignment, which nothing can interrupt.
        estimator.__dict__ = own | callbacks
        raise
