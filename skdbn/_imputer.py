"""Missing values filled in by a Boltzmann machine, in a pipeline."""

from numbers import Integral

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from . import units
from ._bernoulli_rbm import BernoulliRBM
from ._encoding import is_frame
from ._gaussian_rbm import GaussianRBM
from ._mixed_rbm import MixedRBM
from ._persistence import VersionMixin
from ._rbm import restoring
from ._sklearn import DocLinkMixin, Interval, StrOptions, fit_context

# The default model: hidden units for each column, and how many rows it learns from, of
# which there are several sweeps at least.
UNITS_PER_COLUMN = 2
MOST_UNITS = 256
ROWS_LEARNED = 200_000
FEWEST_SWEEPS, MOST_SWEEPS = 10, 200


class BoltzmannImputer(
    DocLinkMixin, VersionMixin, OneToOneFeatureMixin, TransformerMixin, BaseEstimator
):
    r"""Fill in missing values by their means under a Boltzmann machine.

    .. math:: E[v_{\text{missing}} \mid v_{\text{known}}]

    The model is learned from the known values, whatever else of a row is missing, and
    the means are over states of Gibbs chains in which the known values are clamped.
    Columns come back as they were put in: numbers on their own scale, and known values
    to the bit. What is filled in for columns of 0 and 1 are probabilities, also for
    groups of one-hot columns.

    Parameters
    ----------
    estimator : estimator, default=None
        The model: an RBM, or anything with `fit` and `impute`. A fitted one stays as it
        is within a :class:`~sklearn.frozen.FrozenEstimator`. None takes a
        :class:`BernoulliRBM` where all values are within [0, 1], a :class:`MixedRBM`
        where some columns have only 0 and 1 and others do not, and a
        :class:`GaussianRBM` otherwise, with two hidden units for each column, at most
        256, and 10 to 200 sweeps, fewer for more rows.

    n_samples : int, default=100
        Number of states of a chain, over which the mean is taken. 1 fills in a draw,
        which keeps the spread of the values, in place of a mean.

    n_steps : int, default=100
        Number of Gibbs sweeps before the first of these states.

    n_chains : int, default=1
        Number of chains of a row; the mean is over the states of all. Several are for
        models whose chains stay in one of the answers that what is known leaves open.

    tempering : int, default=1
        Number of temperatures; more than one is for models whose chains stay where they
        are.

    standardize : bool or "auto", default="auto"
        Whether the model sees columns that have other values than 0 and 1 in units of
        their standard deviations from their means. "auto" does so for the default model
        and for one with Gaussian visible units, but not for data within [0, 1] on binary
        units, nor for a frozen model.

    random_state : int, RandomState instance or None, default=None
        Determines the fit, where the estimator has no seed of its own, and the chains,
        which are the same in every call of :meth:`transform`.

    Attributes
    ----------
    estimator_ : estimator
        The fitted model.

    mean_ : ndarray of shape (n_features,)
        What is subtracted from each column before the model sees it.

    scale_ : ndarray of shape (n_features,)
        By what it is then divided.

    n_features_in_ : int
        Number of features seen during ``fit``.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during ``fit``, if all are strings.

    See Also
    --------
    MixedRBM : Fills in tables with categories, by its method ``impute``.
    sklearn.impute.KNNImputer : Means of the nearest rows.
    sklearn.impute.IterativeImputer : Each column by regression on the others.

    References
    ----------
    .. [1] Salakhutdinov, R., Mnih, A. and Hinton, G. E. (2007). Restricted Boltzmann
       machines for collaborative filtering. ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skdbn import BoltzmannImputer
    >>> X, y = load_wine(return_X_y=True)
    >>> missing = np.random.default_rng(0).random(X.shape) < 0.3
    >>> model = make_pipeline(
    ...     BoltzmannImputer(random_state=0), StandardScaler(), LogisticRegression()
    ... )
    >>> model.fit(np.where(missing, np.nan, X), y).score(X, y) > 0.9
    True
    """

    _parameter_constraints: dict = {
        "estimator": "no_validation",
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "n_steps": [Interval(Integral, 1, None, closed="left")],
        "n_chains": [Interval(Integral, 1, None, closed="left")],
        "tempering": [Interval(Integral, 1, None, closed="left")],
        "standardize": ["boolean", StrOptions({"auto"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        n_samples=100,
        n_steps=100,
        n_chains=1,
        tempering=1,
        standardize="auto",
        random_state=None,
    ):
        self.estimator = estimator
        self.n_samples = n_samples
        self.n_steps = n_steps
        self.n_chains = n_chains
        self.tempering = tempering
        self.standardize = standardize
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Learn the model from the known values of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers, NaN where a value is missing.

        y : array-like, default=None
            Ignored.

        Returns
        -------
        self : BoltzmannImputer
            The fitted imputer.

        Raises
        ------
        TypeError
            If the estimator has no `fit` or no `impute`.
        ValueError
            If X has text, infinity or a column without a known value, or if the fit of
            the model diverges.
        """
        with restoring(self):
            X = self._validate(X, reset=True)
            seeds = check_random_state(self.random_state).randint(2**31, size=2)
            binary = np.isin(X, (0, 1)) | np.isnan(X)
            is_binary = binary.all(axis=0)
            estimator = self._new_estimator(X, is_binary)
            real = np.zeros(X.shape[1], bool)
            if self.standardize is True or (
                self.standardize == "auto" and _has_real_units(estimator)
            ):
                real = ~is_binary & ~np.isnan(X).all(axis=0)
            mean, scale = np.zeros((2, X.shape[1]))
            mean[real] = np.nanmean(X[:, real], axis=0, dtype=np.float64)
            scale[real] = np.nanstd(X[:, real], axis=0, dtype=np.float64)
            # A constant column stays what it is.
            scale[scale == 0] = 1
            if estimator.get_params(deep=False).get("random_state", 0) is None:
                estimator.set_params(random_state=int(seeds[0]))
            self.estimator_ = estimator.fit(_scaled(X, mean, scale), None)
            self.mean_, self.scale_ = mean, scale
            self._seed = int(seeds[1])
        return self

    def transform(self, X):
        """Fill in the missing values of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers, NaN where a value is missing.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The same without NaN.

        Warns
        -----
        EstimateWarning
            If nothing is known of a row.
        """
        check_is_fitted(self, "estimator_")
        X = self._validate(X)
        missing = np.isnan(X)
        if not missing.any():
            return X
        # Not every model knows of temperatures.
        settings = {"tempering": self.tempering} if self.tempering > 1 else {}
        scaled, total = _scaled(X, self.mean_, self.scale_), 0.0
        for chain in range(self.n_chains):
            total += np.asarray(
                self.estimator_.impute(
                    scaled,
                    n_samples=self.n_samples,
                    n_steps=self.n_steps,
                    random_state=(self._seed + chain) % 2**31,
                    **settings,
                ),
                np.float64,
            )
        found = total / self.n_chains * self.scale_ + self.mean_
        np.copyto(X, found, where=missing, casting="same_kind")
        return X

    def _validate(self, X, reset=False):
        if issparse(X):
            raise TypeError(
                "X is sparse, and a value that is not stored is zero and not missing: "
                "take an array, by X.toarray() or by sparse_threshold=0 of a "
                "ColumnTransformer."
            )
        try:
            return validate_data(
                self,
                X,
                dtype=[np.float64, np.float32],
                ensure_all_finite="allow-nan",
                reset=reset,
                copy=not reset,
            )
        except (TypeError, ValueError) as error:
            name, text = _first_text(X)
            if text is None:
                raise
            raise ValueError(
                f"Column {name!r} of X has text, {text!r}, and BoltzmannImputer takes "
                "numbers: encode it before, by OneHotEncoder or OrdinalEncoder, or "
                "leave the table to MixedRBM, whose impute fills in categories."
            ) from error

    def _new_estimator(self, X, is_binary):
        """The model to be fitted."""
        if self.estimator is not None:
            for method in ("fit", "impute"):
                if not hasattr(self.estimator, method):
                    raise TypeError(
                        f"estimator={self.estimator!r} has no method {method}: take an "
                        "RBM, such as skdbn.GaussianRBM(100)."
                    )
            return clone(self.estimator)
        n_rows, n_columns = X.shape
        if np.nanmin(X) >= 0 and np.nanmax(X) <= 1:
            kind = BernoulliRBM
        else:
            kind = MixedRBM if is_binary.any() else GaussianRBM
        sweeps = np.clip(ROWS_LEARNED // n_rows, FEWEST_SWEEPS, MOST_SWEEPS)
        n_components = min(UNITS_PER_COLUMN * n_columns, MOST_UNITS)
        return kind(n_components, n_iter=int(sweeps))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _first_text(X):
    """Column and value of the first text in X that is no number; None without one."""
    values = np.array(X, object)
    if values.ndim == 2:
        names = X.columns if is_frame(X) else range(values.shape[1])
        for name, column in zip(names, values.T, strict=True):
            for value in column:
                if isinstance(value, str) and not _is_number(value):
                    return name, str(value)
    return None, None


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def _has_real_units(estimator):
    """Whether a model takes columns other than binary ones as real-valued."""
    if isinstance(estimator, FrozenEstimator):
        return False
    if isinstance(estimator, MixedRBM):
        return isinstance(estimator.units, str)
    visible = getattr(estimator, "visible", None)
    return isinstance(estimator, GaussianRBM) or (
        visible == "gaussian" or isinstance(visible, units.Gaussian)
    )


def _scaled(X, mean, scale):
    return ((X - mean) / scale).astype(X.dtype)
