"""Missing values filled in by a Boltzmann machine, in a pipeline."""

import inspect
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.impute import MissingIndicator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._data._tables import joined
from .._utils._checks import check_counts
from .._utils._numerics import looks_like_probabilities
from .._utils._persistence import VersionMixin
from .._utils._sklearn import (
    CallbackSupportMixin,
    DocLinkMixin,
    Interval,
    MissingValues,
    StrOptions,
    check_feature_names,
    check_feature_names_in,
    fit_context,
)
from ..exceptions import warn
from ._bernoulli_rbm import BernoulliRBM
from ._gaussian_rbm import GaussianRBM
from ._imputed_columns import (
    ColumnsMixin,
    columns_to_standardize,
    is_number_marker,
    reads_names,
)
from ._mixed_rbm import MixedRBM
from ._model_search import default_models, fit_by_held_out_values, initial_rate
from ._restricted import restoring

# A column of two values is binary if so many of them are known.
ENOUGH_VALUES = 10


class BoltzmannImputer(
    ColumnsMixin,
    CallbackSupportMixin,
    DocLinkMixin,
    VersionMixin,
    TransformerMixin,
    BaseEstimator,
):
    r"""Fill in missing values by their means under a Boltzmann machine.

    .. math:: E[v_{\text{missing}} \mid v_{\text{known}}]

    The model is learned from the known values, whatever else of a row is missing, and
    the means are over states of Gibbs chains in which the known values are clamped.
    Columns come back as they were put in: numbers on their own scale, and known values
    to the bit. What is filled in for columns of 0 and 1 are probabilities, also for
    groups of one-hot columns. A row has the same answer alone and in any batch.

    The default model is chosen by the data:

    * a :class:`BernoulliRBM` for bits and gray levels: numbers that reach from 0 to 1 and
      a quarter of which is at these ends, or columns of two values each;
    * for other numbers a :class:`GaussianRBM`, one with ``variance="full"`` or an
      :class:`RBM` with Gaussian units on both sides, whichever is best at held-out
      values; the second one for up to 100 columns. It sees columns in units of their
      standard deviations from their means, so that the unit of a column does not matter;
    * a :class:`MixedRBM` where some columns are of two values and others are not, and
      for DataFrames with text or categories, which are filled in as well.

    A tenth of the known values of at most 500 rows are held out to decide how long it
    learns, and of small tables up to three tenths. A fit goes on, to three times its length, while it fills them in better and
    better. If no fit fills them in better than the means of the columns, but by chance,
    the columns are taken as independent. Columns with fewer than 20 known values are
    shrunk towards their means, but for what these values surely bear out of the model,
    and those with five or fewer are filled in by them. An estimator that is tuned to the
    data is often better still.

    Parameters
    ----------
    estimator : estimator, default=None
        The model: an RBM, or anything with `fit` and `impute`. A fitted one stays as it
        is within a :class:`~sklearn.frozen.FrozenEstimator`. None chooses a model by the
        data, as described above, with at most two hidden units for each column, one
        for five known values of a column, and 256. Gaussian hidden units are one for
        three known values of a row and 10 at most.

    missing_values : int, float, str, None or nan, default=np.nan
        What stands for a missing value. NaN, None and ``pd.NA`` are one and the same.

    n_samples : int, default=100
        Number of states of a chain, over which the mean is taken. 1 fills in a draw,
        which keeps the spread of the values, in place of a mean.

    n_steps : int, default=100
        Number of Gibbs steps before the first of these states.

    n_chains : int, default=1
        Number of chains of a row; the mean is over the states of all. Several are for
        models whose chains stay in one of the answers that what is known leaves open.

    tempering : int, default=1
        Number of temperatures; more than one is for models whose chains stay where they
        are, and for RBMs only.

    standardize : bool or "auto", default="auto"
        Whether an estimator that is given sees columns that have other values than 0
        and 1 in units of their standard deviations from their means. "auto" does so for
        one with Gaussian visible units, but not for binary units, nor for a frozen
        model.

    min_value, max_value : float or array-like of shape (n_features,), default=±inf
        Bounds of what is filled in for numbers, for all columns or for each.

    add_indicator : bool, default=False
        Whether to append a column of 0 and 1 for each column that had missing values in
        ``fit``, which says where values were missing.

    keep_empty_features : bool, default=False
        Whether columns without a known value in ``fit`` are kept, and filled with 0.
        Otherwise they are left out.

    verbose : int, default=0
        Whether to print a line for each fit of the default model. Estimators that are
        given have a parameter of their own.

    random_state : int, RandomState instance or None, default=None
        Determines the fit, where the estimator has no seed of its own, and the chains,
        which are the same in every call of :meth:`transform`.

    Attributes
    ----------
    estimator_ : estimator
        The fitted model. The `history_` of a default one has no likelihoods.

    mean_ : ndarray of shape (n_features,)
        What is subtracted from each column before the model sees it.

    scale_ : ndarray of shape (n_features,)
        By what it is then divided.

    indicator_ : MissingIndicator
        Tells where values are missing; None unless `add_indicator`.

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
        "missing_values": [MissingValues()],
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "n_steps": [Interval(Integral, 1, None, closed="left")],
        "n_chains": [Interval(Integral, 1, None, closed="left")],
        "tempering": [Interval(Integral, 1, None, closed="left")],
        "standardize": ["boolean", StrOptions({"auto"})],
        "min_value": [Interval(Real, None, None, closed="both"), "array-like"],
        "max_value": [Interval(Real, None, None, closed="both"), "array-like"],
        "add_indicator": ["boolean"],
        "keep_empty_features": ["boolean"],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        missing_values=np.nan,
        n_samples=100,
        n_steps=100,
        n_chains=1,
        tempering=1,
        standardize="auto",
        min_value=-np.inf,
        max_value=np.inf,
        add_indicator=False,
        keep_empty_features=False,
        verbose=0,
        random_state=None,
    ):
        self.estimator = estimator
        self.missing_values = missing_values
        self.n_samples = n_samples
        self.n_steps = n_steps
        self.n_chains = n_chains
        self.tempering = tempering
        self.standardize = standardize
        self.min_value = min_value
        self.max_value = max_value
        self.add_indicator = add_indicator
        self.keep_empty_features = keep_empty_features
        self.verbose = verbose
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Learn the model from the known values of X.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_samples, n_features)
            Numbers, NaN where a value is missing. A DataFrame may have text and
            categories if the model is a :class:`MixedRBM` or the default.

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
            If X has infinity, or text where the model takes numbers, if no value is
            known, if the estimator knows of no temperatures, or if its fit diverges.

        Warns
        -----
        DataRangeWarning
            If columns are left out because no value of them is known.
        """
        with restoring(self):
            self._check_estimator()
            table = self._validate(X, reset=True)
            self._words = [table.names[i] for i in np.flatnonzero(~table.is_number)]
            seeds = check_random_state(self.random_state).randint(2**31, size=3)
            self._kept = ~table.unknown.all(axis=0)
            if not self._kept.any():
                raise ValueError("No value of X is known: there is nothing to learn.")
            if not self._kept.all() and not self.keep_empty_features:
                empty = [table.names[i] for i in np.flatnonzero(~self._kept)]
                warn(
                    f"No value of columns {joined(empty)} of X is known: they are left "
                    "out. keep_empty_features=True fills them with 0."
                )
            self._check_bounds()
            self.indicator_ = None
            if self.add_indicator:
                self.indicator_ = MissingIndicator(error_on_new=False)
                self.indicator_.fit(np.where(table.unknown, np.nan, 0.0))
            models = self._choose(table)
            model = models[0]
            is_frozen = isinstance(model, FrozenEstimator)
            for each in () if is_frozen else models:
                if getattr(each, "random_state", 0) is None:
                    each.set_params(random_state=int(seeds[0]))
            self._gives_frames = reads_names(model)
            rows, unknown = self._rows(table), table.unknown[:, self._kept]
            if is_frozen and hasattr(model.estimator, "feature_names_in_"):
                check_feature_names(model.estimator, rows, reset=False)
            n_fits = None if self.estimator is None else 1
            context = self._init_callback_context(max_subtasks=n_fits)
            data = {"X": rows, "y": np.zeros(len(rows)) if y is None else y}
            context.call_on_fit_task_begin(estimator=self, **data)

            def fit(new, rows, machine=None):
                task = context.subcontext(task_name="fit")
                with task.propagate_callback_context(_unfrozen(new)):
                    task.call_on_fit_task_begin(estimator=self, **data)
                    if self.estimator is None:
                        # No other fit may follow one that is interrupted.
                        new._fit(
                            rows,
                            machine=machine,
                            keeps_interrupted=False,
                            is_measured=False,
                            auto_rate=initial_rate(new),
                        )
                    else:
                        new.fit(rows, None)
                    task.call_on_fit_task_end(
                        estimator=self, reconstruction_attributes=dict, **data
                    )
                return new

            if self.estimator is None:
                seed = int(seeds[2])
                model = fit_by_held_out_values(
                    models, rows, unknown, fit, self._report, seed
                )
            else:
                model = fit(model, rows)
            self.estimator_ = model
            context.call_on_fit_task_end(
                estimator=self, reconstruction_attributes=dict, **data
            )
            self._seed = int(seeds[1])
        return self

    def transform(self, X):
        """Fill in the missing values of X.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_samples, n_features)
            Rows with the columns of ``fit``.

        Returns
        -------
        X : {ndarray, DataFrame} of shape (n_samples, n_features_out)
            The same without missing values: an array of numbers, or a DataFrame where
            columns have text or categories.

        Warns
        -----
        EstimateWarning
            If nothing is known of a row.
        """
        check_is_fitted(self, "estimator_")
        table = self._validate(X)
        return self._filled(table, self.n_samples, self._seed)

    def sample_imputations(self, X, n_imputations=5, random_state=None):
        """Fill in X several times, each time by draws of p(missing | known).

        What is computed from each of the tables differs by as much as the missing
        values leave open, as multiple imputation needs [1]_.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_samples, n_features)
            Rows with the columns of ``fit``.

        n_imputations : int, default=5
            Number of tables.

        random_state : int, RandomState instance or None, default=None
            Determines the draws.

        Returns
        -------
        tables : list of {ndarray, DataFrame} of shape (n_samples, n_features_out)
            Tables as :meth:`transform` returns them, without those of `set_output`.

        Raises
        ------
        ValueError
            If `n_imputations` is no int of at least 1.

        References
        ----------
        .. [1] Rubin, D. B. (1987). Multiple imputation for nonresponse in surveys.
           Wiley.
        """
        check_is_fitted(self, "estimator_")
        check_counts("sample_imputations", n_imputations=n_imputations)
        table = self._validate(X)
        seeds = check_random_state(random_state).randint(2**31, size=n_imputations)
        return [self._filled(table, 1, int(seed)) for seed in seeds]

    def get_feature_names_out(self, input_features=None):
        """Give the names of the columns that :meth:`transform` returns.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns that go in, if ``fit`` has seen none.

        Returns
        -------
        names : ndarray of str
            Those of the columns that are kept, and of the indicators.
        """
        check_is_fitted(self, "estimator_")
        names = check_feature_names_in(self, input_features)
        result = names if self.keep_empty_features else names[self._kept]
        if self.indicator_ is not None:
            flags = [f"missingindicator_{names[i]}" for i in self.indicator_.features_]
            result = np.concatenate([result, np.array(flags, object)])
        return result

    def _check_estimator(self):
        if self.estimator is None:
            return
        for method in ("fit", "impute"):
            if not hasattr(self.estimator, method):
                raise TypeError(
                    f"estimator={self.estimator!r} has no method {method}: take an "
                    "RBM, such as skdbn.GaussianRBM(100)."
                )
        model = _unfrozen(self.estimator)
        known = "tempering" in inspect.signature(model.impute).parameters
        deep = len(getattr(model, "layers", ())) > 1
        if self.tempering > 1 and (deep or not known):
            raise ValueError(
                f"tempering={self.tempering}: impute of {model} knows of no "
                "temperatures. Take tempering=1, and n_chains to reach more modes."
            )

    def _takes_words(self):
        return self.estimator is None or isinstance(_unfrozen(self.estimator), MixedRBM)

    def _choose(self, table):
        """The models to choose from; sets what they see of the columns."""
        n_columns = len(table.names)
        self.mean_, self.scale_ = np.zeros(n_columns), np.ones(n_columns)
        kept = np.flatnonzero(self._kept)
        known = {
            i: table.values[i][~table.unknown[:, i]] for i in kept if table.is_number[i]
        }
        ends = {i: (values.min(), values.max()) for i, values in known.items()}
        two = {
            i: ((values == ends[i][0]) | (values == ends[i][1])).all()
            for i, values in known.items()
        }
        bits = {i for i in known if two[i] and {*ends[i]} <= {0, 1}}
        if self.estimator is not None:
            model = clone(self.estimator)
            for i in columns_to_standardize(model, self.standardize, table):
                if i in known and i not in bits:
                    self._standardize(i, known[i])
            return [model]
        if len(known) == len(kept) and looks_like_probabilities(
            np.column_stack([table.values[i] for i in kept])
        ):
            kind, what = BernoulliRBM, "bits or gray levels"
        else:
            for i, values in known.items():
                low, high = ends[i]
                if two[i] and low < high and len(values) >= ENOUGH_VALUES:
                    bits.add(i)
                    self.mean_[i], self.scale_[i] = low, high - low
                elif i not in bits:
                    self._standardize(i, values)
            if len(bits) == len(kept):
                kind, what = BernoulliRBM, "columns of two values"
            elif bits or len(known) < len(kept):
                kind, what = MixedRBM, "columns of several kinds"
            else:
                kind, what = GaussianRBM, "numbers, standardized"
        models = default_models(kind, table.unknown[:, kept])
        if self.verbose:
            listed = " or ".join(map(_description, models))
            print(f"[{type(self).__name__}] {listed} for {what}")
        return models

    def _standardize(self, i, values):
        values = values.astype(np.float64)
        self.mean_[i] = values.mean()
        # A constant column stays what it is.
        self.scale_[i] = values.std() or 1.0

    def _report(self, model, n_epochs, error):
        if self.verbose:
            print(
                f"[{type(self).__name__}] {_description(model)}, {n_epochs} epochs: squared "
                f"error of held-out values = {error:.3f} of that of the column means"
            )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = not is_number_marker(self.missing_values)
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _description(model):
    noise = " and correlated noise" * (getattr(model, "variance", None) == "full")
    return f"{type(model).__name__} of {model.n_components} units{noise}"


def _unfrozen(estimator):
    return estimator.estimator if isinstance(estimator, FrozenEstimator) else estimator
