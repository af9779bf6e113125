"""The conditional RBM: columns given others."""

from numbers import Real

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._data._sequences import ConditionalSource
from .._data._sources import check_weights
from .._utils._sklearn import Interval, StrOptions
from .._utils._threads import threads_for
from ._conditional import ConditionalEstimator
from ._context_rows import ContextRows
from ._generative import check_trace, film, states_of_chains


class ConditionalRBM(ContextRows, ConditionalEstimator):
    r"""Restricted Boltzmann machine of some columns given others, the context.

    With the context u of a row and its other columns v,

    .. math:: p(v, h \mid u) \propto \exp\big(v \cdot (b + u A) + h \cdot (c + u B)
              + v W h - \text{base}(v) - \text{base}(h)\big)

    The biases of both layers follow the context [1]_, whatever that is: hours and
    temperatures beside counts of sales, past values beside present ones, a label. It is
    never modeled, so that its distribution does not matter. All that :class:`RBM` says
    of rows holds of v given u: :meth:`transform`, :meth:`score_samples`,
    :meth:`free_energy`, and :meth:`conditional_sample` and :meth:`impute` of what is NaN
    in v. :meth:`sample` draws v for given contexts.

    Numbers of the context need no scale, but categories have to be encoded, by
    :class:`~sklearn.preprocessing.OneHotEncoder` for example.

    Parameters
    ----------
    n_components : int, default=256
        Number of hidden units.

    context : column names, numbers, mask, slice or callable, default=None
        The columns of X that are given and not modeled, as
        :class:`~sklearn.compose.ColumnTransformer` takes them: one name or number or a
        list of them, a boolean mask, a slice, or a function of X that returns any of
        these, such as :class:`~sklearn.compose.make_column_selector`. None means none.

    visible, hidden : str or Units, default="bernoulli"
        Types of the units: "bernoulli", "spin", "gaussian", "rectified", "poisson" and
        "softmax", or an object of :mod:`skdbn.units`, such as
        ``Concatenated([("bernoulli", 40), ("gaussian", 6)])``. A pair of types without
        a finite partition function is refused.

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
    components_ : ndarray of shape (n_components, n_visible)
        The weights W of the columns that are modeled; a view of ``machine_.weights``,
        transposed.

    context_components_ : ndarray of shape (n_components, n_context)
        The weights B from the context to the hidden units, transposed.

    context_coef_ : ndarray of shape (n_visible, n_context)
        The weights A from the context to the visible units, transposed.

    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units.

    intercept_visible_ : ndarray of shape (n_visible,)
        Biases of the visible units.

    context_columns_ : ndarray of int of shape (n_context,)
        The columns of X that are given.

    visible_columns_ : ndarray of int of shape (n_visible,)
        The columns of X that are modeled.

    h_samples_ : ndarray of shape (n_chains, n_components)
        Hidden units drawn at the end of the fit, from rows of the data, or of the
        chains of a gradient that has some.

    machine_ : ConditionalMachine
        The fitted machine, which has the parameters as arrays.

    gradient_ : Gradient
        The gradient that was used, with the chains if they persist.

    mean_activation_ : ndarray of shape (n_components,)
        Mean of P(h = 1 | v, u) over the training rows, with `sparsity`.

    history_ : list of dict
        For each epoch what :class:`RBM` records, of v given u.

    n_iter_ : int
        Number of epochs that were run.

    n_features_in_ : int
        Number of features seen during ``fit``.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during ``fit``, if all are strings.

    See Also
    --------
    TemporalRBM : Frames of a sequence given those before them.
    RBMClassifier : A label given the other columns.

    References
    ----------
    .. [1] Taylor, G. W., Hinton, G. E. and Roweis, S. T. (2007). Modeling human motion
       using binary latent variables. NeurIPS 19.
    .. [2] Mnih, V., Larochelle, H. and Hinton, G. E. (2011). Conditional restricted
       Boltzmann machines for structured output prediction. UAI.
    .. [3] Melchior, J., Fischer, A. and Wiskott, L. (2016). How to center deep
       Boltzmann machines. JMLR 17(99).

    Examples
    --------
    The lower halves of digits, given the upper ones:

    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skdbn import ConditionalRBM
    >>> X = load_digits().data / 16
    >>> rbm = ConditionalRBM(32, context=slice(0, 32), n_iter=3, random_state=0).fit(X)
    >>> rbm.transform(X).shape
    (1797, 32)
    >>> X[:5, 32:] = np.nan
    >>> bool(np.isfinite(rbm.impute(X[:5])).all())
    True
    """

    _parameter_constraints: dict = ConditionalEstimator._parameter_constraints | {
        "context": "no_validation",
        "direct_start": [StrOptions({"ridge", "zero"})],
        "direct_rate": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
    }

    def __init__(
        self,
        n_components=256,
        *,
        context=None,
        visible="bernoulli",
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
        self.context = context
        self.direct_start = direct_start
        self.direct_rate = direct_rate

    def sample(
        self,
        context,
        *,
        n_steps=1000,
        tempering=1,
        means=False,
        trace=None,
        random_state=None,
    ):
        """Draw a sample for each context, by a Gibbs chain of its own.

        The chains start from the visible biases alone, which follow the context; the
        first steps are burn-in.

        Parameters
        ----------
        context : array-like of shape (n_samples, n_context)
            The given columns alone, in the order of ``context_columns_``, a row a
            sample. To repeat a context, repeat its row.

        n_steps : int, default=1000
            Number of Gibbs steps.

        tempering : int, default=1
            Number of temperatures. With more than one each chain changes places with
            companions at higher temperatures, where it moves freely to other modes: for
            models whose chains mix slowly. The time grows in proportion.

        means : bool, default=False
            Whether to return the means of the visible units given the hidden ones, as
            for pictures, in place of draws.

        trace : int, default=None
            Return each state after this number of steps, as for a film; None returns
            only the last one.

        random_state : int, RandomState instance or None, default=None
            None continues the estimator's own stream of random numbers, so that the
            next call draws anew.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The rows, with their contexts. With `trace` there are n_steps // trace of
            such tables, from the first to the last.

        Raises
        ------
        ValueError
            If the context is no table of finite numbers of as many columns as in `fit`,
            if a number is not an int of at least 1, or `trace` is above `n_steps`.
        """
        check_is_fitted(self, "machine_")
        u = self._context_rows(context)
        check_trace(len(u), n_steps, tempering, trace)
        machine, rng = self.machine_.at(u), self._generator(random_state)
        states = states_of_chains(machine, len(u), rng, n_steps, tempering, trace)
        rows = []
        for state in states:
            v = machine.visible_mean(state.hidden) if means else state.visible
            rows.append(self._as_data(np.hstack([u, v])))
        return film(rows, trace)

    def inverse_transform(self, H, context=None):
        """The visible units' means, E[v | h, u].

        Parameters
        ----------
        H : array-like of shape (n_samples, n_components)
            Values of the hidden units, or their means.

        context : array-like of shape (n_samples, n_context), default=None
            The given columns alone, in the order of ``context_columns_``. None takes
            their means in the training data.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The expected rows, with their contexts.
        """
        H = self._hidden_rows(H)
        if context is None:
            context = np.tile(self.machine_.given_center, (len(H), 1))
        u = self._context_rows(context)
        if len(u) != len(H):
            raise ValueError(
                f"context has {len(u)} rows, and H has {len(H)}: give a row for each."
            )
        with threads_for(len(H), self.machine_.n_weights):
            means = self.machine_.at(u).visible_mean(H)
        return self._as_data(np.hstack([u, means]))

    def reconstruct(self, X):
        """The means of the visible units, given the hidden means of X and the context.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The rows, with their contexts.
        """
        H, rows = self.transform(X), self._rows(self._validate(X))
        return self.inverse_transform(H, rows[:, : self.machine_.n_given])

    def gibbs(self, v):
        """One Gibbs step: draw h given v, then v given h; the context stays.

        Each call continues the estimator's own stream of random numbers.

        Parameters
        ----------
        v : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data, with their contexts.

        Returns
        -------
        v_new : ndarray of shape (n_samples, n_features)
            The rows after the step.

        Warns
        -----
        DataRangeWarning
            If values are outside the range of the visible units.
        """
        check_is_fitted(self, "machine_")
        rng, X = self._sampling_rng(), self._validate(v)
        self._rows_outside(X)
        X = self._rows(X)
        with threads_for(len(X), self.machine_.n_weights):
            machine, own = self.machine_.given(X)
            new = machine.visible_sample(machine.hidden_sample(own, rng), rng)
        return self._as_data(np.hstack([X[:, : self.machine_.n_given], new]))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # It may be in the other columns alone.
        tags.input_tags.allow_nan = self.context is None
        return tags

    @property
    def _n_given(self):
        return len(self.context_columns_)

    def _source(self, X, unknown, sample_weight, whole=False):
        weights, rows = check_weights(sample_weight, X, normalized=whole)
        return ConditionalSource(X, self._n_given, unknown, rows, weights, whole)
