"""The temporal RBM: frames of a sequence given those before them."""

from numbers import Integral

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import check_is_fitted

from .._data._sequences import Windows, WindowTable, sequence_starts
from .._utils._sklearn import Interval, fit_context
from ._conditional import ConditionalEstimator
from ._forecasts import ForecastMixin


class TemporalRBM(ForecastMixin, ConditionalEstimator):
    r"""Restricted Boltzmann machine of the frames of sequences, given those before.

    With the `order` frames before a frame side by side as u,

    .. math:: p(v_t, h_t \mid u) \propto \exp\big(v_t \cdot (b + u A)
              + h_t \cdot (c + u B) + v_t W h_t - \text{base}(v_t) - \text{base}(h_t)\big)

    A is an autoregression; the hidden units say in which of many ways it goes on [1]_.
    The sequences stand one after the other in X, and `lengths` says how long each is,
    as for the hidden Markov models of hmmlearn; None means that X is one. No window
    reaches across two of them, and none is stored: they are made a batch at a time.
    `lengths` is metadata of the methods, which a :class:`~sklearn.pipeline.Pipeline`
    hands on after ``set_fit_request(lengths=True)`` and the like, where
    ``sklearn.set_config(enable_metadata_routing=True)``.

    The first frames of a sequence lack a past: nothing is learned from them, and for
    :meth:`transform`, :meth:`score_samples` and :meth:`free_energy` the first frame
    stands for those before it, so that there is a result for each row.

    Parameters
    ----------
    n_components : int, default=256
        Number of hidden units.

    order : int, default=3
        Number of frames before a frame on which it depends.

    visible : str or Units, default="gaussian"
        Type of the visible units, with :class:`~skdbn.units.Gaussian` for standardized
        columns. ``Gaussian(0.25)`` fixes the variance of a frame given the past and the
        hidden units. With ``direct_start="zero"`` small ones leave to the hidden units
        how it goes on, and generate motion that does not come to rest.

    hidden : str or Units, default="bernoulli"
        Type of the hidden units. Both take "bernoulli", "spin", "gaussian",
        "rectified", "poisson" and "softmax", or an object of :mod:`skdbn.units`, such
        as ``Concatenated([("bernoulli", 40), ("gaussian", 6)])``. A pair of types
        without a finite partition function is refused.

    gradient : str or Gradient, default="cd"
        Estimator of the gradient of the likelihood: contrastive divergence "cd",
        whose chains start from the row with the same context, or ``CD(n_steps=10)`` of
        :mod:`skdbn.gradients`, which is closer to the likelihood. Chains that persist
        are given the context of the rows of each batch and come from that of others,
        so that they need more steps to forget it: ``PCD(n_steps=10)``.

    learning_rate : float, Schedule or "auto", default="auto"
        Step size, for gradients that are means over a batch. "auto" falls from 0.1 to
        zero over the epochs of :meth:`fit`, and from less where the variances of binary
        columns sum to more than 160; with values without bounds it is multiplied by 1 −
        momentum. In :meth:`partial_fit` it is 0.1 / (1 + epochs / 10), where an epoch
        is as many rows as ``fit`` or the first call had, and at least 1,000. A number
        is a constant rate, at which the chains lag behind the model. To tune it, take
        ``Linear(0.05)`` of :mod:`skdbn.schedules`, on a logarithmic scale between 0.001
        and 1.

    direct_start : {"ridge", "zero"}, default="ridge"
        Where the weights that lead from the context to Gaussian visible units start: at
        their ridge regression, whose penalty is chosen by generalized cross-validation,
        or at zero. At the regression little is left for hidden units to learn; from
        zero these take most of it.

    direct_rate : float or "auto", default="auto"
        Factor of the learning rate for the weights that lead from the context to
        visible units, the first to explode. "auto" is 0.1 for Gaussian units and 1 for
        others.

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
    components_ : ndarray of shape (n_components, n_features)
        The weights W; a view of ``machine_.weights``, transposed.

    context_components_ : ndarray of shape (n_components, order * n_features)
        The weights B from the past to the hidden units, transposed; the earliest frame
        comes first.

    context_coef_ : ndarray of shape (n_features, order * n_features)
        The weights A from the past to the visible units, transposed. The means of
        Gaussian units move by their variance times it.

    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units.

    intercept_visible_ : ndarray of shape (n_features,)
        Biases of the visible units.

    h_samples_ : ndarray of shape (n_chains, n_components)
        Hidden units drawn at the end of the fit, from rows of the data, or of the
        chains of a gradient that has some.

    machine_ : ConditionalMachine
        The fitted machine, which has the parameters as arrays.

    gradient_ : Gradient
        The gradient that was used, with the chains if they persist.

    start_ : ndarray of shape (order, n_features)
        The first frames of the first training sequence.

    mean_activation_ : ndarray of shape (n_components,)
        Mean of P(h = 1 | v, u) over the training frames, with `sparsity`.

    history_ : list of dict
        For each epoch what :class:`RBM` records, of frames given their past.

    n_iter_ : int
        Number of epochs that were run.

    n_features_in_ : int
        Number of features seen during ``fit``.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during ``fit``, if all are strings.

    See Also
    --------
    ConditionalRBM : Columns of a table given others.

    References
    ----------
    .. [1] Taylor, G. W., Hinton, G. E. and Roweis, S. T. (2007). Modeling human motion
       using binary latent variables. NeurIPS 19.
    .. [2] Sutskever, I. and Hinton, G. E. (2007). Learning multilevel distributed
       representations for high-dimensional sequences. AISTATS.
    .. [3] Melchior, J., Fischer, A. and Wiskott, L. (2016). How to center deep
       Boltzmann machines. JMLR 17(99).

    Examples
    --------
    >>> import numpy as np
    >>> from skdbn import TemporalRBM
    >>> t = np.arange(300)[:, None]
    >>> X = np.sin(t / [5, 5, 8] + [0, 1, 2])
    >>> rbm = TemporalRBM(16, order=2, n_iter=5, random_state=0)
    >>> rbm.fit(X, lengths=[200, 100]).transform(X, lengths=[200, 100]).shape
    (300, 16)
    >>> rbm.forecast(X, 10).shape
    (10, 3)
    """

    _parameter_constraints: dict = ConditionalEstimator._parameter_constraints | {
        "order": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        n_components=256,
        *,
        order=3,
        visible="gaussian",
        hidden="bernoulli",
        gradient="cd",
        learning_rate="auto",
        direct_start="ridge",
        direct_rate="auto",
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
            visible=visible,
            hidden=hidden,
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
        self.order = order
        self.direct_start = direct_start
        self.direct_rate = direct_rate

    def fit(self, X, y=None, lengths=None):
        """Fit the model to sequences.

        On a KeyboardInterrupt a warning is issued and the model of the last completed
        epoch is kept; in the first epoch the interrupt propagates.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_frames, n_features)
            The frames of the sequences, one sequence after the other.

        y : array-like, default=None
            Ignored.

        lengths : array-like of int of shape (n_sequences,), default=None
            The number of frames of each sequence in X; None means that X is one.

        Returns
        -------
        self : TemporalRBM
            The fitted model.

        Raises
        ------
        ValueError
            If X is not a table of finite numbers, if `lengths` do not add up to its
            rows, if a sequence is not longer than `order`, or if the fit diverges. The
            estimator is then unchanged.
        """
        return self._fit(X, y, lengths=lengths)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, lengths=None):
        """Continue training: one epoch over the frames of X, in minibatches.

        As in :meth:`RBM.partial_fit`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_frames, n_features)
            The frames of the sequences, of the same dtype in all calls.

        y : array-like, default=None
            Ignored.

        lengths : array-like of int of shape (n_sequences,), default=None
            The number of frames of each sequence in X; None means that X is one.

        Returns
        -------
        self : TemporalRBM
            The fitted model.
        """
        return self._partial_fit(X, lengths=lengths)

    def fit_transform(self, X, y=None, lengths=None):
        """Fit the model and return the features of the frames.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_frames, n_features)
            The frames of the sequences, one sequence after the other.

        y : array-like, default=None
            Ignored.

        lengths : array-like of int of shape (n_sequences,), default=None
            The number of frames of each sequence in X; None means that X is one.

        Returns
        -------
        H : ndarray of shape (n_frames, n_components)
            The features.
        """
        return self.fit(X, y, lengths).transform(X, lengths)

    def transform(self, X, lengths=None):
        """The hidden units' means of each frame, given it and those before it.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_frames, n_features)
            The frames of the sequences.

        lengths : array-like of int of shape (n_sequences,), default=None
            The number of frames of each sequence in X; None means that X is one.

        Returns
        -------
        H : ndarray of shape (n_frames, n_components)
            The features, in the dtype of the fitted model.

        Warns
        -----
        DataRangeWarning
            If values are outside the range of the visible units.
        """
        return self._hidden_means(self._machine_rows(X, lengths))

    def free_energy(self, X, lengths=None):
        """The free energy of each frame given those before it, F(v | u).

        It is −log p(v | u) up to log Z(u), which differs from frame to frame.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_frames, n_features)
            The frames of the sequences.

        lengths : array-like of int of shape (n_sequences,), default=None
            The number of frames of each sequence in X; None means that X is one.

        Returns
        -------
        free_energy : ndarray of shape (n_frames,)
            In nats.

        Warns
        -----
        DataRangeWarning
            If a row has a value that the visible units cannot have.
        """
        return self._each_row("free_energy", self._machine_rows(X, lengths), np.inf)

    def score_samples(self, X, lengths=None):
        r"""The pseudo-log-likelihood of each frame given those before it, exactly.

        .. math:: \sum_i \log P(v_i \mid v_{-i}, u)

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_frames, n_features)
            The frames of the sequences.

        lengths : array-like of int of shape (n_sequences,), default=None
            The number of frames of each sequence in X; None means that X is one.

        Returns
        -------
        pseudo_log_likelihood : ndarray of shape (n_frames,)
            In nats; higher is better.

        Warns
        -----
        DataRangeWarning
            If a row has a value that the visible units cannot have.
        """
        table = self._machine_rows(X, lengths)
        return self._each_row("pseudo_log_likelihood", table, -np.inf, dense=True)

    def score(self, X, y=None, lengths=None):
        """The mean of :meth:`score_samples` over the frames that have a whole past.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_frames, n_features)
            The frames of the sequences.

        y : array-like, default=None
            Ignored.

        lengths : array-like of int of shape (n_sequences,), default=None
            The number of frames of each sequence in X; None means that X is one.

        Returns
        -------
        score : float
            Mean pseudo-log-likelihood of a frame, in nats; of all frames if none has a
            whole past.
        """
        scores = self.score_samples(X, lengths)
        whole = np.arange(len(scores)) - sequence_starts(lengths, scores) >= self.order
        return float(scores[whole if whole.any() else slice(None)].mean())

    def _validate(self, X, reset=False, order=None, allow_nan=False):
        X = super()._validate(X, reset, order, allow_nan)
        return X.toarray() if issparse(X) else X

    def _machine_rows(self, X, lengths=None):
        """Each validated frame with those before it."""
        check_is_fitted(self, "machine_")
        X = self._validate(X)
        return WindowTable(X, self.order, sequence_starts(lengths, X))

    def _validate_training_data(self, X, reset):
        X = self._validate(X, reset, order="C")
        self._check_data(X)
        return X, None

    def _source(self, X, unknown, sample_weight, whole=False, lengths=None):
        starts = sequence_starts(lengths, X)
        _, n_frames = np.unique(starts, return_counts=True)
        short = np.flatnonzero(n_frames <= self.order)
        if len(short):
            raise ValueError(
                f"Sequence {short[0]} of X, which has n_samples={len(X)}, is of "
                f"{n_frames[short[0]]} frames, as short as order={self.order} or "
                "shorter: take a smaller order, or leave such sequences out."
            )
        rows = np.flatnonzero(np.arange(len(X)) - starts >= self.order)
        self._start_rows = X[: self.order].copy()
        return Windows(X, rows, self.order, starts)

    @property
    def start_(self):
        """The first frames of the first training sequence."""
        return self._start_rows

    @property
    def _n_given(self):
        return self.order * self.n_features_in_

    def _rows_outside(self, X):
        return super()._rows_outside(X.X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = False
        return tags
