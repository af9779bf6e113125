"""Restricted Boltzmann machines as scikit-learn estimators."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .. import gradients, units
from .._data._sources import check_weights, make_source
from .._training._convergence import warn_if_rising
from .._training._judges import Likelihoods, Outputs
from .._training._monitor import Monitor
from .._training._plan import Plan
from .._training._probe import make_probes
from .._training._runaway import score_and_error, warn_if_far, warn_if_worse
from .._training._session import hold_out
from .._updates._sparsity import Penalty
from .._utils._random import make_rng
from .._utils._sklearn import Interval, StrOptions, fit_context
from ..machines import RestrictedMachine
from ._restricted import RestrictedEstimator, restoring
from ._scores import ScoresMixin, mean_activation


class RBM(ScoresMixin, RestrictedEstimator):
    r"""Restricted Boltzmann machine with a choice of units and of gradient.

    A layer of visible and a layer of hidden units, joined by weights:

    .. math:: p(v, h) \propto \exp(v \cdot b + h \cdot c + v W h
              - \text{base}(v) - \text{base}(h))

    It learns the distribution of the data without labels: its hidden units are
    features (:meth:`transform`), its likelihood judges rows (:meth:`score_samples`,
    :meth:`free_energy`), and it makes new rows (:meth:`sample`).
    :class:`BernoulliRBM` is the form for binary data, under the name and with the
    parameters of scikit-learn's class.

    Parameters
    ----------
    n_components : int, default=256
        Number of hidden units.

    visible, hidden : str or Units, default="bernoulli"
        Types of the units: "bernoulli", "spin", "gaussian", "rectified", "poisson" and
        "softmax", or an object of :mod:`skdbn.units`, such as
        ``Concatenated([("bernoulli", 40), ("gaussian", 6)])``. A pair of types without
        a finite partition function is refused.

    gradient : str or Gradient, default="fpcd"
        Estimator of the gradient of the likelihood: contrastive divergence "cd",
        persistent contrastive divergence "pcd", the same with fast weights "fpcd" or
        with parallel tempering "pt", or an object of :mod:`skdbn.gradients`, such as
        ``CD(n_steps=3)`` or ``PCD(n_chains=500)``; for Gaussian visible and binary
        hidden units also "score-matching".

    learning_rate : float, Schedule or "auto", default="auto"
        Step size, for gradients that are means over a batch. "auto" falls from 0.1 to
        zero over the epochs of :meth:`fit`, and from less where the variances of binary
        columns sum to more than 160; with values without bounds it is multiplied by 1 −
        momentum. In :meth:`partial_fit` it is 0.1 / (1 + epochs / 10), where an epoch
        is as many rows as ``fit`` or the first call had, and at least 1,000. A number
        is a constant rate, at which the chains lag behind the model. To tune it, take
        ``Linear(0.05)`` of :mod:`skdbn.schedules`, on a logarithmic scale between 0.001
        and 1.

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
        The weights; a view of ``machine_.weights``, transposed.

    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units.

    intercept_visible_ : ndarray of shape (n_features,)
        Biases of the visible units.

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
    BernoulliRBM : Binary units on both sides.
    sklearn.decomposition.PCA : Linear features.

    References
    ----------
    .. [1] Smolensky, P. (1986). Information processing in dynamical systems:
       foundations of harmony theory. In Parallel Distributed Processing 1, MIT Press.
    .. [2] Hinton, G. E. (2010). A practical guide to training restricted Boltzmann
       machines. University of Toronto, UTML TR 2010-003.
    .. [3] Melchior, J., Fischer, A. and Wiskott, L. (2016). How to center deep
       Boltzmann machines. JMLR 17(99).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdbn import RBM
    >>> from skdbn.gradients import CD
    >>> X = load_digits().data / 16
    >>> rbm = RBM(32, gradient=CD(n_steps=2), n_iter=3, random_state=0).fit(X)
    >>> rbm.transform(X).shape
    (1797, 32)
    >>> rbm.sample(5, n_steps=100).shape
    (5, 64)
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "visible": [StrOptions(set(units.REGISTRY)), units.Units],
        "hidden": [StrOptions(set(units.REGISTRY)), units.Units],
        "gradient": [StrOptions(set(gradients.REGISTRY)), gradients.Gradient],
        "learning_rate": [
            Interval(Real, 0, None, closed="neither"),
            callable,
            StrOptions({"auto"}),
        ],
        "momentum": [Interval(Real, 0, 1, closed="left"), callable],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "sparsity": [Penalty, None],
        "centered": ["boolean"],
        "sample_data": ["boolean"],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "n_iter": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components=256,
        *,
        visible="bernoulli",
        hidden="bernoulli",
        gradient="fpcd",
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
        self.n_components = n_components
        self.visible = visible
        self.hidden = hidden
        self.gradient = gradient
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.l1_ratio = l1_ratio
        self.sparsity = sparsity
        self.centered = centered
        self.sample_data = sample_data
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X, y=None, sample_weight=None):
        """Fit the model to X.

        On a KeyboardInterrupt a warning is issued and the model of the last completed
        epoch is kept; in the first epoch the interrupt propagates.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, for binary units within [0, 1]. float32, boolean and 8-bit
            data are computed in float32, all other data in float64; a sparse matrix
            is made dense a batch at a time. NaN in an array is unknown: the model learns
            from what else is known of the row [1]_.

        y : array-like, default=None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts, as often as it would have to be repeated. Rows of
            weight 0 take no part. None means 1.

        Returns
        -------
        self : RBM
            The fitted model.

        Raises
        ------
        ValueError
            If X is not a table of numbers, if it has infinity or a column without a
            known value, or if the fit diverges. The estimator is then unchanged.

        Warns
        -----
        ConvergenceWarning
            If the last third of the epochs brought a clear fifth of the whole gain in
            pseudo-likelihood, or if a model of units without bounds has run away.

        References
        ----------
        .. [1] Younes, L. (1989). Parametric inference for imperfectly observed
           Gibbsian fields. Probability Theory and Related Fields 82, 625-645.
        """
        return self._fit(X, y, sample_weight)

    @fit_context(prefer_skip_nested_validation=True)
    def _fit(
        self,
        X,
        y=None,
        sample_weight=None,
        machine=None,
        keeps_interrupted=True,
        is_measured=True,
        auto_rate=0.1,
        **data,
    ):
        """Fit the model, from a given machine if there is one."""
        with restoring(self):
            goes_on = machine is None and self.warm_start and hasattr(self, "machine_")
            given, (X, unknown) = X, self._validate_training_data(X, reset=not goes_on)
            given = given if hasattr(given, "shape") else np.asarray(given)
            rng = make_rng(self.random_state)
            probe_rng = rng.spawn(1)[0]
            source = self._source(X, unknown, sample_weight, whole=True, **data)
            table, modeled, held_out = source.whole_rows, source.values, None
            if self.early_stopping:
                source.rows, held_out = hold_out(
                    source.rows, self.validation_fraction, rng, X.shape[0]
                )
            plan, gradient = self._plan(auto_rate=auto_rate), None
            n_epochs = plan.n_epochs(len(source))
            if goes_on:
                before = self.machine_, getattr(self, "gradient_", None)
                machine, gradient = plan.take_over(source, *before)
            elif machine is None:
                self._check_scale(source)
            session = plan.start(source, rng, machine, gradient)
            measured = held_out, self.batch_size, probe_rng, unknown, modeled
            probes = make_probes(session.machine, table, source.rows, *measured)
            before = score_and_error(probes[0], session.machine)
            monitor = Monitor(
                self,
                self._init_callback_context(max_subtasks=n_epochs),
                Likelihoods(*probes) if is_measured else Outputs(),
                lambda machine: {"machine_": machine},
                X if unknown is None else given,
                y,
                keeps_interrupted,
            )
            monitor.begin()
            session.run(source, self.batch_size, n_epochs, monitor)
            session.finish(monitor)
            monitor.end(session.machine)
            warn_if_worse(probes[0], session.machine, before)
            warn_if_rising(monitor, "n_iter", before[0])
            self._adopt(session, source.whole_rows)
            self.history_ = monitor.history
            self.n_iter_ = len(monitor.history)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Continue training: one epoch over the rows of X, in minibatches.

        Chains and random numbers continue from the last call or from `fit`.
        Momentum and fast weights continue from the last call; `fit` resets them. The
        present parameters apply, except for the number and the types of units. For a
        schedule an epoch is as many rows as `fit` or the first call had. Early stopping
        is not applied.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, of the same dtype in all calls; NaN is unknown, as in `fit`.

        y : array-like, default=None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts, as a factor of its part of a step; None means 1.

        Returns
        -------
        self : RBM
            The fitted model.

        Raises
        ------
        ValueError
            If X is not a table of numbers with the columns of the first call, if it
            has infinity or a column without a known value, if parameters ask for other
            units, or if the fit diverges. The model is then unchanged.

        Warns
        -----
        ConvergenceWarning
            If a schedule has come to zero, so that nothing is learned, or as in `fit`.
        """
        return self._partial_fit(X, sample_weight)

    def _partial_fit(self, X, sample_weight=None, **data):
        first = not hasattr(self, "machine_")
        with restoring(self):
            X, unknown = self._validate_training_data(X, reset=first)
            source = self._source(X, unknown, sample_weight, **data)
            plan, before = self._plan(), getattr(self, "_session", None)
            if first:
                self._check_scale(source)
            machine = None if first else self.machine_.copy()
            session = plan.go_on(before, source, self.random_state, machine)
            self._adopt(session, source.whole_rows)
        return self

    def _source(self, X, unknown, sample_weight, whole=False):
        """Where batches of validated data come from."""
        weights, rows = check_weights(sample_weight, X, normalized=whole)
        return make_source(X, unknown, rows, weights, whole)

    def _plan(self, **others):
        """How the machine is to be trained."""
        visible, hidden = self._new_units()
        return Plan.of(self, visible=visible, hidden=hidden, **others)

    def _adopt(self, session, X):
        """Make the result of a session, and of its values, this estimator's model."""
        self._session = session
        self.machine_ = session.machine
        self.gradient_ = session.direction.gradient
        self._rng = session.rng.spawn(1)[0]
        chains = getattr(self.gradient_, "chains_", None)
        if chains is None:
            chains = self.machine_.state(self._rows(X[: self.batch_size]), self._rng)
        self.h_samples_ = chains.hidden
        warn_if_far(self.machine_, chains)
        if session.direction.sparsity is not None:
            self.mean_activation_ = mean_activation(self.machine_, X)

    @classmethod
    def from_sklearn(cls, rbm):
        """Take over a fitted ``BernoulliRBM`` of scikit-learn.

        Parameters
        ----------
        rbm : sklearn.neural_network.BernoulliRBM
            A fitted estimator; not changed.

        Returns
        -------
        rbm : RBM
            A fitted estimator with the same parameters and the same model.

        Raises
        ------
        NotFittedError
            If `rbm` is not fitted.
        TypeError
            If the class has other units than binary ones.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from sklearn.neural_network import BernoulliRBM as Original
        >>> from skdbn import BernoulliRBM
        >>> X = load_digits().data / 16
        >>> original = Original(16, n_iter=2, random_state=0).fit(X)
        >>> rbm = BernoulliRBM.from_sklearn(original)
        >>> bool(abs(rbm.transform(X) - original.transform(X)).max() < 1e-12)
        True
        """
        if cls._new_units is not RBM._new_units:
            raise TypeError(
                f"{cls.__name__} has other units than scikit-learn's BernoulliRBM: take "
                "BernoulliRBM.from_sklearn."
            )
        check_is_fitted(rbm)
        new = cls(**rbm.get_params(deep=False))
        new.machine_ = RestrictedMachine(
            np.array(rbm.components_.T, order="C"),
            np.array(rbm.intercept_visible_),
            np.array(rbm.intercept_hidden_),
        )
        new.h_samples_ = np.array(rbm.h_samples_)
        new.n_features_in_ = rbm.n_features_in_
        if hasattr(rbm, "feature_names_in_"):
            new.feature_names_in_ = rbm.feature_names_in_
        return new
