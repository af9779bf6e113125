"""Deep belief nets that are fine-tuned into a code: a few numbers for a row."""

from numbers import Integral

from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .._utils._sklearn import Interval
from ..units import resolve
from ._dbn_network import NetworkDBN
from ._dbn_supervised import SupervisedDBN
from ._layers import layer_of_code, refuse_missing

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
        first = self.transformer_._layers[0]
        X = first._validate(self._validate(X))
        return X, first._rows_outside(X)

    def _validate(self, X, reset=False, allow_nan=False):
        X = super()._validate(X, reset, allow_nan=True)
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
        return (layer_of_code(self),)

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
        return tags
