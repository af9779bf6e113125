"""The RBM for tables whose columns are of different kinds."""

from sklearn.utils.validation import check_array, validate_data

from .._data._encoding import Encoding
from .._data._incomplete import nan_places
from .._data._tables import check_frame, is_frame, joined
from .._utils._numerics import DTYPES, canonical, check_size, column_mean
from .._utils._sklearn import StrOptions
from ..units import Bernoulli, Concatenated
from ._gaussian_rbm import VARIANCE, real_units
from ._rbm import RBM


class MixedRBM(RBM):
    r"""Restricted Boltzmann machine for tables with columns of different kinds.

    .. math:: p(v, h) \propto \exp(v \cdot b + h \cdot c + v W h - \text{base}(v))

    where the hidden units are 0 or 1.

    It takes a DataFrame as it is, or the numbers that a
    :class:`~sklearn.compose.ColumnTransformer` makes of one, and finds the type of the
    visible units of each column in :meth:`fit`:

    * Columns of categories, strings or objects become "softmax" units, one for each
      category. The categories are those of the dtype, whether they occur or not, and
      otherwise those that occur.
    * Columns of numbers that are all 0 or 1 become "bernoulli" units. Where such
      columns stand side by side and add up to 1 in every row, as from
      :class:`~sklearn.preprocessing.OneHotEncoder`, they become one group of "softmax"
      units: the shortest ones from the left. A group has no column that is 1 in all
      rows; one that is 0 in all rows belongs to the group that ends after it.
    * All other columns of numbers become "gaussian" units, for which they are best
      standardized. With ``variance="full"`` they stand side by side in ``components_``.

    A category that was not there in :meth:`fit`, or a group of which none or several
    columns are 1, is not an error later on: a warning is issued, and the frequencies of
    the categories in the training data are used. Columns that look like identifiers,
    free text or counts cause a warning in :meth:`fit`, unless `units` names them.
    Missing values, NaN or None, are learned around, and :meth:`impute` fills them in.

    A model of a DataFrame returns DataFrames from :meth:`sample`, :meth:`gibbs`,
    :meth:`inverse_transform` and :meth:`reconstruct`. In place of a DataFrame with
    categories all methods also take the array of what the units see, with the columns
    of ``components_``.

    Parameters
    ----------
    n_components : int, default=256
        Number of hidden units.

    units : "auto", dict, list or Concatenated, default="auto"
        Types of the visible units. A dict, such as ``{"visits": "poisson"}``, has the
        kinds of the columns that it names, in arrays by number, and leaves the others
        to "auto": "bernoulli", "gaussian", "poisson", "rectified", "spin" or "softmax",
        whose categories are the values that occur. A
        :class:`~skdbn.units.Concatenated` or a list of its parts describes all
        columns, from the first to the last; they are numbers then.

    variance : {"column", "shared", "full"} or float, default="column"
        Variance of a real-valued column given the hidden units. "column" learns one for
        each column and "shared" one for all, starting from the data's; a number stays
        as it is, and 1.0 is for standardized data. "full" is the covariance of the
        data, shrunk [4]_, which stays as it is: for the density of correlated columns
        and what is missing there, but not for features; see
        :class:`~skdbn.units.CorrelatedGaussian`.

    gradient : str or Gradient, default="pcd"
        Estimator of the gradient of the likelihood: "cd", "pcd", "fpcd", "pt" or an
        object of :mod:`skdbn.gradients`, such as ``CD(n_steps=3)`` or
        ``PCD(n_chains=500)``.

    learning_rate : float, Schedule or "auto", default="auto"
        Step size, for gradients that are means over a batch and real-valued
        columns in units of their standard deviations. "auto" falls over the epochs of
        :meth:`fit` from 0.1, or from less where columns are strongly correlated, to
        zero; with real-valued columns or counts it is multiplied by 1 − momentum.
        :meth:`partial_fit` divides by 1 + epochs / 10, where an epoch is as many rows
        as ``fit`` or the first call had, and at least 1,000.

    momentum : float or Schedule, default=0.0
        Fraction of the previous step that is added to the current one, in [0, 1). The
        schedule of Hinton's guide is ``Step(0.5, 0.9, epochs=5)``.

    weight_decay : float, default=0.0
        Strength of the penalty on the weights; the biases have none. Useful values are
        between 0.00001 and 0.01. With counts 0 stands for 0.01.

    l1_ratio : float, default=0.0
        Fraction of the penalty that is the sum of the absolute weights (L1); the rest
        is half of the sum of their squares (L2).

    sparsity : Sparsity or ConstantSparsity, default=None
        Penalty on the activity of binary hidden units. With ``Sparsity(0.05)`` each of
        them is active for 5 % of the rows.

    centered : bool, default=True
        Whether the gradient is computed about the means of the units [3]_. Learning
        then does not depend on the zero of a column, or on which of two values is
        called 1.

    sample_data : bool, default=True
        Whether values strictly between 0 and 1 of binary and softmax units are
        probabilities, from which states are drawn each time a row is used. If False,
        the model is trained on the values themselves, as in scikit-learn; their
        variance is smaller than that of states, so that the weights shrink.

    batch_size : int, default=10
        Number of rows in a minibatch. With many epochs or many rows, batches of 100 are
        faster and make fewer steps.

    n_iter : int or "auto", default="auto"
        Number of epochs, which are passes over the data. The rows are shuffled in each.
        "auto" is as many as make 20,000 steps, but 10 at least and 100 at most.

    early_stopping : bool, default=False
        Whether to set rows aside, stop when their pseudo-likelihood no longer improves,
        and keep the best model.

    validation_fraction : float, default=0.1
        Fraction of the rows to set aside for early stopping.

    n_iter_no_change : int, default=10
        Number of epochs without improvement after which early stopping ends the fit.

    tol : float, default=1e-4
        Smallest increase of the held-out pseudo-likelihood that is an improvement, in
        nats.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the fitted model, if there is one, rather than
        begin anew. Columns and units have to be the same.

    verbose : int, default=0
        Whether to print a line after each epoch. The model does not depend on it.

    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the rows and the sampling. Pass an
        int for repeatable results.

    Attributes
    ----------
    units_ : list of tuple
        What the units stand for, from the first to the last, as named tuples
        ``(columns, kind, categories)``: the names or numbers of columns of X, of which
        a group has several, the type of the units, and the categories of a column that
        is encoded here, else None. A column with a single category has no units. Where
        columns are encoded here, units of one type stand side by side, which is faster:
        the types in the order of their first columns, and the units of a type in the
        order of their columns. Otherwise units have the order of X, as do in either case
        the tables that methods return.

    components_ : ndarray of shape (n_components, n_units)
        The weights, in the order of ``units_``; a view of ``machine_.weights``,
        transposed.

    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units.

    intercept_visible_ : ndarray of shape (n_units,)
        Biases of the visible units, in the order of ``units_``.

    h_samples_ : ndarray of shape (n_chains, n_components)
        Hidden units drawn from the model's chains at the end of the fit; for CD, from
        rows of the data.

    machine_ : RestrictedMachine
        The fitted machine, which has the parameters as arrays.

    gradient_ : Gradient
        The gradient that was used, with the chains if they persist.

    mean_activation_ : ndarray of shape (n_components,)
        Mean of P(h = 1 | v) over the training rows, with `sparsity`.

    history_ : list of dict
        For each epoch ``pseudo_likelihood`` (nats a row), ``reconstruction_error``
        (mean squared error of a value), ``learning_rate`` and ``seconds``; with early
        stopping also ``validation_pseudo_likelihood`` and ``free_energy_gap``, the mean
        free energy of held-out rows minus that of training rows, whose growth shows
        overfitting; with parallel tempering ``swap_acceptance``; with real-valued
        columns or counts ``shortened_steps``, the share of steps whose gradient was so
        long that it was shortened. Scores and energies are measured on a fixed sample
        of rows, of the held-out ones at the default fraction all;
        ``pseudo_likelihood_error`` and the like are standard errors.

    n_iter_ : int
        Number of epochs that were run.

    n_features_in_ : int
        Number of features seen during ``fit``.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during ``fit``, if all are strings.

    See Also
    --------
    BernoulliRBM : For binary data.
    GaussianRBM : For real-valued data.
    skdbn.units.Concatenated : The units of several types.

    References
    ----------
    .. [1] Welling, M., Rosen-Zvi, M. and Hinton, G. E. (2005). Exponential family
       harmoniums with an application to information retrieval. NeurIPS 17.
    .. [2] Tran, T., Phung, D. and Venkatesh, S. (2011). Mixed-variate restricted
       Boltzmann machines. ACML.
    .. [3] Melchior, J., Fischer, A. and Wiskott, L. (2016). How to center deep
       Boltzmann machines. JMLR 17(99).
    .. [4] Hoffbeck, J. P. and Landgrebe, D. A. (1996). Covariance matrix estimation and
       classification with limited training data. IEEE PAMI 18.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.compose import make_column_transformer
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import OneHotEncoder, StandardScaler
    >>> from skdbn import MixedRBM
    >>> X, y = load_wine(return_X_y=True)
    >>> columns = make_column_transformer(
    ...     (StandardScaler(), [0, 1]), (OneHotEncoder(sparse_output=False), [2])
    ... )
    >>> X = columns.fit_transform(np.column_stack([X[:, :2], y]))
    >>> rbm = MixedRBM(8, n_iter=50, random_state=0).fit(X)
    >>> [variable.kind for variable in rbm.units_]
    ['gaussian', 'gaussian', 'softmax']
    >>> rbm.units_[-1].columns
    (2, 3, 4)
    >>> rbm.sample(2, n_steps=100)[:, 2:].sum(axis=1)
    array([1., 1.])

    A DataFrame needs no encoding: ``MixedRBM().fit(frame)``.
    """

    _parameter_constraints: dict = {
        name: constraint
        for name, constraint in RBM._parameter_constraints.items()
        if name not in ("visible", "hidden")
    } | {
        "units": [StrOptions({"auto"}), dict, list, tuple, Concatenated],
        "variance": VARIANCE,
    }
    # Of models that were saved before there was a choice.
    variance = "column"

    def __init__(
        self,
        n_components=256,
        *,
        units="auto",
        variance="column",
        gradient="pcd",
        learning_rate="auto",
        momentum=0.0,
        weight_decay=0.0,
        l1_ratio=0.0,
        sparsity=None,
        centered=True,
        sample_data=True,
        batch_size=10,
        n_iter="auto",
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        verbose=0,
        random_state=None,
    ):
        super().__init__(
            n_components,
            gradient=gradient,
            learning_rate=learning_rate,
            momentum=momentum,
            weight_decay=weight_decay,
            l1_ratio=l1_ratio,
            sparsity=sparsity,
            centered=centered,
            sample_data=sample_data,
            batch_size=batch_size,
            n_iter=n_iter,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            warm_start=warm_start,
            verbose=verbose,
            random_state=random_state,
        )
        self.units = units
        self.variance = variance

    def fit(self, X, y=None, sample_weight=None):
        """Find the units of each column, and fit the model to X.

        On a KeyboardInterrupt a warning is issued and the model of the last completed
        epoch is kept; in the first epoch the interrupt propagates.

        Parameters
        ----------
        X : {DataFrame, array-like, sparse matrix} of shape (n_samples, n_features)
            Training data. They are computed in float32 if all numbers are float32,
            boolean or of 8 bits, and in float64 otherwise.

        y : array-like, default=None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts, as often as it would have to be repeated. Rows of
            weight 0 take no part. None means 1.

        Returns
        -------
        self : MixedRBM
            The fitted model.

        Raises
        ------
        ValueError
            If values do not fit the units, or if the fit diverges. The
            estimator is then unchanged.
        """
        return self._fit(X, y, sample_weight)

    def partial_fit(self, X, y=None, sample_weight=None):
        """Continue training: one epoch over the rows of X, in minibatches.

        The units of each column are those of the first call, or of `fit`; for
        categories that come later, give the column a dtype that knows them.

        Parameters
        ----------
        X : {DataFrame, array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, of the same dtypes in all calls.

        y : array-like, default=None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts, as a factor of its part of a step; None means 1.

        Returns
        -------
        self : MixedRBM
            The fitted model.

        Raises
        ------
        ValueError
            If values do not fit the units, if X has not the columns of
            the first call, or if the fit diverges. The model is then unchanged.
        """
        return super().partial_fit(X, y, sample_weight)

    def _validate(self, X, reset=False, order=None, allow_nan=False):
        """The values of the visible units for each row."""
        X = self._validate_table(X, reset, order)
        check_size("X", X, None if reset else self.machine_.weights.dtype)
        return X if allow_nan else self._refuse_nan(X)

    def _validate_table(self, X, reset, order):
        if not reset and self._encoding.is_encoded(X):
            X = check_array(
                X, accept_sparse="csr", dtype=DTYPES, ensure_all_finite="allow-nan"
            )
            return self._encoding.fill(canonical(X))
        check_frame(X)
        if is_frame(X):
            validate_data(self, X, skip_check_array=True, reset=reset)
            if not len(X):
                raise ValueError(f"X has 0 samples (shape {X.shape}): give rows.")
        elif not reset and self._encoding.needs_frame:
            raise ValueError(
                f"X is no DataFrame, and {type(self).__name__} was fitted to one with "
                f"the columns {joined(self._encoding.names)}. Give a DataFrame, or an "
                f"array of what its {self._encoding.width} units see."
            )
        else:
            X = super()._validate(X, reset, order, allow_nan=True)
        if not reset:
            return self._encoding.fill(self._encoding.encode(X))
        self._encoding = Encoding(X, self.units, together=self.variance == "full")
        self._encoding.warn_of_guesses(X)
        self.units_ = self._encoding.variables
        X = self._encoding.encode(X)
        self._encoding.frequencies = column_mean(X, unknown=nan_places(X))
        return X

    def _new_units(self):
        return self._encoding.new_units(real_units(self.variance)), Bernoulli()

    @property
    def _codec(self):
        return self._encoding
