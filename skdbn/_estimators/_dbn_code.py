"""Deep belief nets that are fine-tuned into a code: a few numbers for a row."""

from numbers import Integral

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .._utils._sklearn import Interval
from ..exceptions import warn
from ..units import Grouped, resolve
from ..units._base import ask
from ._dbn_network import NetworkDBN
from ._dbn_supervised import SupervisedDBN
from ._layers import layer_of_code, refuse_missing, size_of_last

# Constraints of parameters of fine-tuning.
SHARED = ("solver", "alpha", "line_searches", "input_dropout")


class CodeDBN(ClassNamePrefixFeaturesOutMixin, TransformerMixin, SupervisedDBN):
    """A net whose last learned layer, of `n_components` units, is a code of the rows."""

    _parameter_constraints: dict = {
        name: constraint
        for name, constraint in SupervisedDBN._parameter_constraints.items()
        if name != "transposed"
    } | {
        **{name: NetworkDBN._parameter_constraints[name] for name in SHARED},
        "n_components": [Interval(Integral, 1, None, closed="left")],
    }

    # Units of the code, where they are no parameter.
    code = "gaussian"

    _takes_nan = False

    def transform(self, X):
        """The code of each row: the means of its units.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        H : ndarray of shape (n_samples, n_components)
            The codes, in the dtype of the fitted model.
        """
        X, _ = self._rows(X)
        return self.network_.in_blocks(self.network_.code, X)

    def _rows(self, X):
        """Rows as the net takes them, and which of them have impossible values."""
        check_is_fitted(self, "network_")
        return inputs_of(self.transformer_, self._validate(X))

    @staticmethod
    def _inputs(transformer, X):
        return inputs_of(transformer, X)[0]

    def _validate(self, X, reset=False, allow_nan=False):
        X = super()._validate(X, reset, allow_nan=True)
        if not self._takes_nan:
            refuse_missing(self, X)
        return X

    def _check_settings(self):
        if self.pretrained is None:
            return
        top = self._given_transformer().rbms_[-1].machine_
        code, n_units = resolve(self.code), top.weights.shape[1]
        if n_units != self.n_components or type(top.hidden) is not type(code):
            raise ValueError(
                f"pretrained has {n_units} units of type {top.hidden} at the top, which "
                f"is the code: with n_components={self.n_components} and code="
                f"{self.code!r} its last layer has to be RBM({self.n_components}, "
                f"hidden={self.code!r})."
            )

    def _added_layers(self):
        code, below = layer_of_code(self), size_of_last(self)
        if code.n_components > below:
            warn(
                f"n_components={code.n_components} is a code wider than the last of "
                f"layers, which has {below} units. It keeps no more than these do: take "
                "a narrower code or a wider layer.",
                UserWarning,
            )
        return (code,)

    def _check_same(self, targets):
        code, n_units = self.rbms_[-1].machine_.hidden, self._n_features_out
        if n_units != self.n_components or type(code) is not type(resolve(self.code)):
            raise ValueError(
                f"n_components={self.n_components} and code={self.code!r}, but the "
                f"fitted code has {n_units} units of type {code}: training cannot go on. "
                "Call fit with warm_start=False."
            )

    @property
    def _n_features_out(self):
        return self.rbms_[-1]._n_features_out

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.allow_nan = self._takes_nan
        return tags


def inputs_of(transformer, X):
    """Validated rows as a net takes them, and which of them have impossible values.

    NaN stands for what is unknown, in a group of softmax units for all of them.
    """
    first = transformer._layers[0]
    X, unknown = first._validate_incomplete(X)
    outside = first._rows_outside(X)
    if unknown is None:
        return X, outside
    visible = ask(first.machine_.visible, Grouped)
    for i in range(visible.n_coordinates(X.shape[1])):
        columns = visible.columns(i)
        unknown[:, columns] = unknown[:, columns].any(axis=1, keepdims=True)
    X[unknown] = np.nan
    return X, outside
