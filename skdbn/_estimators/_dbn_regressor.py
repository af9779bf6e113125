"""Deep belief nets that predict numbers."""

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.neural_network import MLPRegressor
from sklearn.utils.validation import check_is_fitted

from .._data._targets import check_y, rows_of
from .._utils._checks import as_numbers
from .._utils._numerics import check_size
from .._utils._sklearn import fit_context
from ..units import Gaussian
from ._dbn_network import NetworkDBN
from ._dbn_supervised import Targets
from ._restricted import restoring


class DBNRegressor(RegressorMixin, MultiOutputMixin, NetworkDBN):
    r"""Deep belief net that predicts numbers, also from few targets.

    Its layers are learned without targets, as those of :class:`DBNTransformer`, from
    all rows; a linear head is put on top, and the whole net fine-tuned by
    back-propagation of the squared error on the rows that have a target. Targets are
    standardized inside.

    Parameters
    ----------
    layers : sequence of int or RBM, default=(256,)
        The hidden layers from the bottom up: the number of units of a copy of `rbm`, or
        an RBM with its own settings. Several layers need many rows; for tables of a few
        hundred rows take one.

    rbm : RBM, default=None
        The settings of the layers that are given as a number, as in
        :class:`DBNTransformer`. None is :class:`BernoulliRBM` or, at the bottom and for
        data that are neither bits nor gray levels, :class:`GaussianRBM`; the model then
        does not depend on the unit and the zero of a column. Give an instance to search
        its parameters, as ``rbm__learning_rate``.

    pretrained : DBNTransformer or FrozenEstimator, default=None
        A fitted transformer whose layers are used, so that one pre-training serves a
        whole grid search; `layers`, `rbm`, `n_iter` and `transposed` are then ignored.
        Where estimators are cloned it has to be frozen:
        ``pretrained=FrozenEstimator(dbn)``.

    n_iter : int, default=None
        Number of epochs of pre-training for each layer. With None and without `rbm` it
        is, for layers that are numbers, 10 and from 4,000 rows on down to 3; where each
        row has a target, 5 and from 3,000 rows on down to 2. RBMs that are given decide
        themselves. 0 keeps the random initial weights, which is no pre-training.

    transposed : bool, default=False
        Whether a layer starts from the weights of the one below, transposed.

    solver : {"adam", "sgd", "cg", "lbfgs"}, default="adam"
        Optimizer of the fine-tuning: Adam, gradient descent with momentum, or a few
        line searches on large batches, of conjugate gradients as in [2]_ or of L-BFGS.

    alpha : float, default=1e-4
        Strength of the L2 penalty on the weights, divided by the number of rows in a
        batch.

    batch_size : int or "auto", default="auto"
        Number of rows in a batch of fine-tuning. "auto" is a fiftieth of the rows, but
        from 10 to 100; twice as many for "adam", and 1,000 for "cg" and "lbfgs".

    learning_rate_init : float, Schedule or "auto", default="auto"
        Learning rate; only used when solver="adam" or "sgd". "auto" falls from 0.02 or
        0.1 to zero over the epochs of :meth:`fit`. :meth:`partial_fit` divides by
        1 + epochs / 10, where an epoch is as many rows as ``fit`` or the first call had,
        and at least 1,000. Where layers have so many inputs x that a step would move
        fields too far, it is smaller in proportion: for "adam" where the mean Σ|x|
        exceeds 128, for "sgd" where Σx² exceeds 256.

    momentum : float or Schedule, default=0.9
        Fraction of the previous step that is added to the current one. Only used when
        solver="sgd".

    beta_1, beta_2 : float, default=0.9 and 0.999
        Decay rates of the running means of the gradient and of its square. Only used
        when solver="adam".

    epsilon : float, default=1e-8
        Added to the root of the mean square, for numerical stability. Only used when
        solver="adam".

    line_searches : int, default=3
        Number of line searches on each batch. Only used when solver="cg" or "lbfgs".

    max_iter : int, default=100
        Number of epochs of fine-tuning. 0 keeps the initial head.

    head_iter : int, default=0
        Number of epochs at the beginning of fine-tuning in which only the head is
        trained.

    dropout : float or "auto", default="auto"
        Probability with which a hidden unit is dropped in a step of "adam" or "sgd".
        "auto" is 0.1 for these, and 0 for the other solvers, which do not support
        dropout. Large nets need more, up to 0.5.

    input_dropout : float, default=0.0
        Probability with which an input is dropped in a step of "adam" or "sgd".

    max_norm : float, default=None
        The largest norm of the weights into a hidden unit; None sets no limit. Weights
        of real-valued columns are for standardized columns, here and for `alpha`.

    early_stopping : bool, default=False
        Whether to set rows aside from fine-tuning, stop when their score no longer
        improves, and keep the best net.

    validation_fraction : float, default=0.1
        Fraction of the rows with a target to set aside for early stopping.

    n_iter_no_change : int, default=10
        Number of epochs without improvement after which early stopping ends the fit.

    tol : float, default=1e-4
        Smallest increase of the score that is an improvement.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the fitted net, if there is one, rather than
        begin anew: layers are not learned again. Columns and targets have to be of the
        same kind.

    verbose : int, default=0
        Whether to print a line after each epoch. The model does not depend on it.

    random_state : int, RandomState instance or None, default=None
        Determines the layers, the start of the head, the order of the rows and the
        units dropped by dropout. Pass an int for repeatable results.

    Attributes
    ----------
    transformer_ : DBNTransformer
        The layers as they were learned without targets.

    rbms_ : list of RBM
        The same layers, from the bottom up.

    network_ : Network
        The fine-tuned net.

    coefs_ : list of ndarray of shape (n_in, n_out)
        Its weights, from the bottom up, for columns as they are; the last ones are
        those of the head.

    intercepts_ : list of ndarray of shape (n_out,)
        Its biases.

    history_ : list of dict
        For each epoch of :meth:`fit` ``loss`` (mean over the rows, with the penalty),
        ``learning_rate`` and ``seconds``; with early stopping also
        ``validation_score``.

    n_iter_ : int
        Number of epochs of fine-tuning that were run.

    n_features_in_ : int
        Number of features seen during ``fit``.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during ``fit``, if all are strings.

    See Also
    --------
    DBNTransformer : The layers alone, for any regressor after them.
    DBNClassifier : Labels instead of numbers.
    sklearn.neural_network.MLPRegressor : A net without pre-training.

    References
    ----------
    .. [1] Hinton, G. E., Osindero, S. and Teh, Y. W. (2006). A fast learning algorithm
       for deep belief nets. Neural Computation 18, 1527-1554.
    .. [2] Hinton, G. E. and Salakhutdinov, R. R. (2006). Reducing the dimensionality of
       data with neural networks. Science 313, 504-507.
    .. [3] Srivastava, N., Hinton, G., Krizhevsky, A., Sutskever, I. and Salakhutdinov,
       R. (2014). Dropout: a simple way to prevent neural networks from overfitting.
       JMLR 15, 1929-1958.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skdbn import DBNRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X = StandardScaler().fit_transform(X)
    >>> few = np.where(np.arange(len(y)) < 300, y, np.nan)  # NaN: without a target
    >>> dbn = DBNRegressor((32,), max_iter=20, random_state=0).fit(X, few)
    >>> dbn.score(X[300:], y[300:]) > 0.4
    True
    """

    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y, sample_weight=None):
        """Continue training: one epoch of fine-tuning over the rows of X.

        The first call also learns the layers, from its rows and as :meth:`fit` does,
        and takes mean and scale of the targets. Give `pretrained` where the layers have
        been learned from more rows. Later calls go by the present parameters of
        fine-tuning; those of the layers no longer matter.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.

        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts, as a factor of its part of a step; None means 1.

        Returns
        -------
        self : DBNRegressor
            The fitted model.

        Raises
        ------
        ValueError
            As in :meth:`fit`. The model is then unchanged.
        """
        first = not hasattr(self, "network_")
        with restoring(self):
            X = self._validate(X, reset=first)
            targets = self._new_targets(X, y, None if first else self._scale)
            return self._partial_fit(X, y, targets, sample_weight)

    def _known_targets(self):
        return (self._scale,)

    def _new_targets(self, X, y, scale=None):
        """Standardized targets; rows that have none have zeros."""
        y = self._check_numbers(X, y)
        values = y.reshape(len(y), -1)
        rows = np.flatnonzero(~np.isnan(values).any(axis=1))
        if not len(rows):
            raise ValueError(
                f"All {len(y)} rows of y have NaN: the net needs some targets. Without "
                "any, DBNTransformer learns features."
            )
        if scale is None:
            deviation = values[rows].std(axis=0)
            scale = values[rows].mean(axis=0), np.where(deviation > 0, deviation, 1.0)
        elif len(scale[0]) != values.shape[1]:
            raise ValueError(
                f"y has {values.shape[1]} outputs, but {len(scale[0])} in the first call."
            )
        standardized = np.zeros(values.shape)
        standardized[rows] = (values[rows] - scale[0]) / scale[1]
        return Targets(
            rows, standardized, Gaussian(1.0), _scale=scale, _one_output=y.ndim == 1
        )

    def _check_numbers(self, X, y):
        """y as numbers for the rows of X, NaN where there is none."""
        y = check_y(self, X, y, ensure_all_finite="allow-nan")
        y = as_numbers("y", y, "numbers; classes are for DBNClassifier")
        check_size("y", y)
        return y.astype(np.float64)

    def predict(self, X):
        """The expected targets of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In the unit of the targets.
        """
        outputs = self._head_fields(X)
        mean, deviation = self._scale
        outputs *= deviation.astype(outputs.dtype)
        outputs += mean.astype(outputs.dtype)
        return outputs[:, 0] if self._one_output else outputs

    def score(self, X, y, sample_weight=None):
        """The coefficient of determination R² on the rows that have targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their targets.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        r2 : float
            At most 1; 0 is what the mean of the targets gives.
        """
        values = self._check_numbers(X, y)
        missing = np.isnan(values.reshape(len(values), -1)).any(axis=1)
        if missing.any():
            known = np.flatnonzero(~missing)
            X, y, sample_weight = (
                rows_of(values, known) for values in (X, y, sample_weight)
            )
        return super().score(X, y, sample_weight)

    def to_mlp(self):
        """A fitted network of scikit-learn with the same predictions.

        Returns
        -------
        mlp : sklearn.neural_network.MLPRegressor
            It has its own arrays.

        Raises
        ------
        ValueError
            If scikit-learn has no such network: its layers are of one type, and its
            inputs the columns as they are.
        """
        check_is_fitted(self, "network_")
        mean, deviation = self._scale
        y = np.zeros((2, len(mean)))
        mlp = self._to_mlp(MLPRegressor, y[:, 0] if self._one_output else y)
        dtype = mlp.coefs_[-1].dtype
        mlp.coefs_[-1] *= deviation.astype(dtype)
        mlp.intercepts_[-1] *= deviation.astype(dtype)
        mlp.intercepts_[-1] += mean.astype(dtype)
        return mlp
