"""The mean-covariance RBM: features of pixels and of how they vary together."""

import copy
from numbers import Integral

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_is_fitted, validate_data

from .. import gradients
from .._data._sources import ArraySource, check_weights
from .._data._tables import naming_text
from .._training._judges import FreeEnergies
from .._training._monitor import Monitor
from .._training._session import Session
from .._updates._decay import WeightDecay
from .._updates._direction import Direction
from .._updates._optimizer import SGD, without_end
from .._utils._numerics import (
    DTYPES,
    blocks,
    check_size,
    column_mean,
    column_variance,
    working_dtype,
)
from .._utils._persistence import VersionMixin
from .._utils._random import make_rng
from .._utils._sklearn import (
    CallbackSupportMixin,
    DocLinkMixin,
    Interval,
    StrOptions,
    fit_context,
)
from .._utils._threads import threads_for
from ..schedules import Linear
from ._covariances import check_structure, new_machine
from ._generative import check_trace, film, states_of_chains
from ._rbm import RBM
from ._restricted import restoring

# About so many steps, and the fewest and the most epochs, of "auto".
N_STEPS, FEWEST_EPOCHS, MOST_EPOCHS = 3000, 5, 200

# The first rate of "auto".
RATE = 0.1

# Parameters that may be what they may be in every RBM.
SHARED = ("learning_rate", "momentum", "weight_decay", "l1_ratio", "batch_size")
SHARED += ("n_iter", "warm_start", "verbose", "random_state")


class MeanCovarianceRBM(
    CallbackSupportMixin,
    DocLinkMixin,
    VersionMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    r"""Boltzmann machine with hidden units for means and for covariances of pixels.

    .. math:: F(v) = \tfrac12 e^a \|v\|^2 - v \cdot b
              - \sum_k \text{softplus}\big(c_k - \tfrac12 (\hat v C)^2 P_{:k}\big)
              - \sum_m \text{softplus}(d_m + v \cdot W_{:m}),
              \quad \hat v = v \big/ \sqrt{\|v\|^2 / D + \tfrac12}

    Pixels of a Gaussian RBM are independent given its hidden units, and its samples have
    no edges. Here a hidden unit for the covariances is on while the squared answers of
    its filters C are small, as nearly everywhere in a picture, and where it is off, at an
    edge, pixels may differ. Other hidden units give the means. Without those,
    ``n_mean=0``, this is the factored three-way RBM [2]_.

    The model is for patches of pictures and other real-valued rows whose columns are
    whitened: see the example. Columns are centered and divided by one common number.
    The negative phase moves chains by hybrid Monte Carlo.

    Parameters
    ----------
    n_factors : int, default=128
        Number of filters.

    n_covariance : int, default=None
        Number of hidden units for the covariances; None means `n_factors`, or the number
        of neighborhoods with `pooling`.

    n_mean : int, default=64
        Number of hidden units for the means; 0 leaves them out.

    pooling : "topographic" or array-like, default=None
        Which squared answers a hidden unit adds up, P. None begins with one filter a
        unit, in turn. "topographic" arranges filters on a square whose ends meet, and
        units have neighborhoods of 3 × 3 of them, 2 apart, so that neighbors learn
        similar filters. An array of shape (n_factors, n_covariance) is where P begins,
        and its zeros stay.

    gradient : str or Gradient, default="pcd"
        Estimator of the gradient of the likelihood: "cd", "pcd", "fpcd", or an object of
        :mod:`skdbn.gradients`.

    learning_rate : float, Schedule or "auto", default="auto"
        Step size. Filters move twice as far, and other parameters less. "auto" falls
        from 0.1 to zero over the epochs of :meth:`fit`.

    momentum : float or Schedule, default=0.0
        Fraction of the previous step that is added to the current one, in [0, 1). The
        schedule of Hinton's guide is ``Step(0.5, 0.9, epochs=5)``.

    weight_decay : float, default=0.0
        Strength of the penalty on C and W; useful values are up to 0.0001.

    l1_ratio : float, default=0.0
        Fraction of the penalty that is the sum of the absolute weights (L1); the rest
        is half of the sum of their squares (L2).

    batch_size : int, default=128
        Number of rows in a batch, and of chains unless `gradient` says otherwise.

    n_iter : int or "auto", default="auto"
        Number of epochs. "auto" is as many as make 3,000 steps, but 5 at least and 200
        at most.

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
    machine_ : MeanCovarianceMachine
        The parameters, for rows that are centered and scaled.

    components_ : ndarray of shape (n_factors + n_mean, n_features)
        The filters, and then the weights of the units for the means.

    mean_ : ndarray of shape (n_features,)
        What is subtracted from the columns.

    scale_ : float
        By what all columns are then divided.

    gradient_ : Gradient
        The gradient that was used, with the chains if they persist.

    history_ : list of dict
        Of each epoch the mean "free_energy" of training rows and that of chains,
        "chain_free_energy", the "step_size" of hybrid Monte Carlo, and the share of
        "rejected_moves".

    n_iter_ : int
        Number of epochs.

    n_features_in_ : int
        Number of features seen during ``fit``.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during ``fit``, if all are strings.

    See Also
    --------
    GaussianRBM : Hidden units for the means alone; its likelihood is exact.
    ConvolutionalRBM : Filters that are looked for everywhere in a picture.

    References
    ----------
    .. [1] Ranzato, M. and Hinton, G. E. (2010). Modeling pixel means and covariances
       using factorized third-order Boltzmann machines. CVPR.
    .. [2] Ranzato, M., Krizhevsky, A. and Hinton, G. E. (2010). Factored 3-way
       restricted Boltzmann machines for modeling natural images. AISTATS.

    Examples
    --------
    >>> from sklearn.datasets import load_sample_image
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.feature_extraction.image import extract_patches_2d
    >>> from sklearn.pipeline import make_pipeline
    >>> from skdbn import MeanCovarianceRBM
    >>> picture = load_sample_image("china.jpg").mean(axis=2)
    >>> patches = extract_patches_2d(picture, (8, 8), max_patches=2000, random_state=0)
    >>> model = make_pipeline(
    ...     PCA(40, whiten=True), MeanCovarianceRBM(64, n_mean=16, n_iter=2)
    ... )
    >>> model.fit_transform(patches.reshape(2000, -1)).shape
    (2000, 80)
    """

    _parameter_constraints: dict = {
        **{name: RBM._parameter_constraints[name] for name in SHARED},
        "n_factors": [Interval(Integral, 1, None, closed="left")],
        "n_covariance": [Interval(Integral, 1, None, closed="left"), None],
        "n_mean": [Interval(Integral, 0, None, closed="left")],
        "pooling": [StrOptions({"topographic"}), "array-like", None],
        "gradient": [StrOptions({"cd", "pcd", "fpcd"}), gradients.Gradient],
    }

    # There is no likelihood of held-out rows by which to stop.
    early_stopping = False

    def __init__(
        self,
        n_factors=128,
        n_covariance=None,
        n_mean=64,
        *,
        pooling=None,
        gradient="pcd",
        learning_rate="auto",
        momentum=0.0,
        weight_decay=0.0,
        l1_ratio=0.0,
        batch_size=128,
        n_iter="auto",
        warm_start=False,
        verbose=0,
        random_state=None,
    ):
        self.n_factors = n_factors
        self.n_covariance = n_covariance
        self.n_mean = n_mean
        self.pooling = pooling
        self.gradient = gradient
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.l1_ratio = l1_ratio
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    @property
    def components_(self):
        """The filters and the weights of the units for the means, a row each."""
        return np.hstack([self.machine_.factors, self.machine_.weights]).T

    @property
    def _n_features_out(self):
        machine = self.machine_
        return len(machine.covariance_bias) + len(machine.mean_bias)

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Fit the model to X.

        On a KeyboardInterrupt a warning is issued and the model of the last completed
        epoch is kept; in the first epoch the interrupt propagates.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data. float32 data are computed in float32.

        y : array-like, default=None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts, as often as it would have to be repeated. Rows of
            weight 0 take no part. None means 1.

        Returns
        -------
        self : MeanCovarianceRBM
            The fitted model.

        Raises
        ------
        ValueError
            If X is not a table of numbers without NaN, if `pooling` is not of the right
            shape or has a negative value or a column of zeros, or if the fit diverges.
            The estimator is then left as it was.
        """
        with restoring(self):
            goes_on = self.warm_start and hasattr(self, "machine_")
            X = self._validate(X, reset=not goes_on)
            source = self._source(X, sample_weight, not goes_on, normalized=True)
            n_epochs = self._n_epochs(len(source))
            before = self._session if goes_on else None
            rng = make_rng(self.random_state)
            session = self._new_session(source, rng, n_epochs, before)
            context = self._init_callback_context(max_subtasks=n_epochs)
            judge = FreeEnergies(source, session.direction.gradient)
            monitor = Monitor(self, context, judge, _fitted, X, y)
            monitor.begin()
            session.run(source, self.batch_size, n_epochs, monitor)
            session.finish(monitor)
            monitor.end(session.machine)
            self._adopt(session)
            self.history_ = monitor.history
            self.n_iter_ = len(monitor.history)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Continue training: one epoch over the rows of X, in minibatches.

        Chains and random numbers continue from the last call or from `fit`. Centers and
        the scale stay as the first call found them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data.

        y : array-like, default=None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts, as a factor of its part of a step; None means 1.

        Returns
        -------
        self : MeanCovarianceRBM
            The fitted model.

        Raises
        ------
        ValueError
            If X is not a table of numbers with the columns of the first call, if
            parameters ask for other numbers of units, or if the fit diverges. The model
            is then unchanged.
        """
        before = copy.deepcopy(getattr(self, "_session", None))
        with restoring(self):
            X = self._validate(X, reset=before is None)
            source = self._source(X, sample_weight, before is None)
            n_rows = len(source) if before is None else before.n_rows
            rng = make_rng(self.random_state) if before is None else before.rng
            session = self._new_session(source, rng, self._n_epochs(n_rows), before)
            session.n_rows = n_rows
            if self.learning_rate == "auto":
                rate = without_end(RATE, n_rows)
                session.optimizer = SGD(rate, self.momentum, self._n_epochs(n_rows))
            if before is not None:
                session.optimizer.resume(before.optimizer)
                session.epoch = before.epoch
            session.warn_if_at_rest("learning_rate", source)
            session.run(source, self.batch_size)
            self._adopt(session)
        return self

    def transform(self, X):
        """P(h = 1 | v) of the units for the covariances and then of those for the means.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        H : ndarray of shape (n_samples, n_covariance + n_mean)
            The features, in the dtype of the fitted model.
        """
        return self._by_block(X, lambda machine, v: machine.hidden_means(v))

    def free_energy(self, X):
        """F(v), minus the logarithm of the density of each row up to a constant.

        :func:`~skdbn.evaluation.log_partition` estimates the constant.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        free_energy : ndarray of shape (n_samples,)
            The free energy of each row; low for likely ones.
        """
        energy = self._by_block(X, lambda machine, v: machine.free_energy(v))
        return energy + energy.dtype.type(self.n_features_in_ * np.log(self.scale_))

    def sample(self, n_samples=1, *, n_steps=1000, trace=None, random_state=None):
        """Draw samples from the model, each by its own chain of hybrid Monte Carlo.

        Chains start from independent columns of variance 1; the first steps are burn-in.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.

        n_steps : int, default=1000
            Number of moves.

        trace : int, default=None
            Return each state after this number of moves; None returns only the last one.

        random_state : int, RandomState instance or None, default=None
            None continues the estimator's own stream of random numbers, so that the
            next call draws anew.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The rows. With `trace` there are n_steps // trace of such tables.

        Raises
        ------
        ValueError
            If a number is not an int of at least 1, or `trace` is above `n_steps`.
        """
        check_is_fitted(self)
        check_trace(n_samples, n_steps, 1, trace)
        rng = self._rng if random_state is None else make_rng(random_state)
        states = states_of_chains(self.machine_, n_samples, rng, n_steps, trace=trace)
        rows = [self.mean_ + self.scale_ * state.visible for state in states]
        return film(rows, trace)

    def _validate(self, X, reset=False):
        with naming_text(X, type(self).__name__, "encode it as numbers"):
            X = validate_data(self, X, dtype=DTYPES, order="C", reset=reset)
        check_size("X", X)
        return X

    def _visible_rows(self, X):
        """Validated rows as the machine has them."""
        return self._standardized(self._validate(X), self.machine_.factors.dtype)

    def _standardized(self, X, dtype):
        return ((X - self.mean_) / self.scale_).astype(dtype, copy=False)

    def _by_block(self, X, function):
        """What a function of the machine and of rows gives for all rows of X."""
        check_is_fitted(self)
        X, machine = self._visible_rows(X), self.machine_
        width = max(machine.factors.shape)
        found = []
        for part, _ in blocks(X, width, X.dtype):
            with threads_for(len(X[part]), machine.n_weights):
                found.append(function(machine, X[part]))
        return np.concatenate(found)

    def _source(self, X, sample_weight, reset, normalized=False):
        """Where batches of centered and scaled rows come from."""
        weights, rows = check_weights(sample_weight, X, normalized)
        if reset:
            mean = column_mean(X, rows, weights=weights)
            variance = column_variance(X, mean, rows, weights=weights).mean()
            self.mean_, self.scale_ = mean, float(np.sqrt(variance)) or 1.0
        dtype = working_dtype(X)
        return ArraySource(self._standardized(X, dtype), rows, weights)

    def _new_session(self, source, rng, n_epochs, before):
        """A session that learns from a source, with the model of one before if any."""
        gradient = gradients.resolve(self.gradient)
        if isinstance(gradient, gradients.PT):
            raise TypeError(
                f"gradient={gradient} begins with other steps of hybrid Monte Carlo after "
                "each swap: take 'pcd', 'fpcd' or 'cd'."
            )
        sizes = self.n_factors, self.n_covariance, self.n_mean, self.pooling
        machine = new_machine(rng, source.X.shape[1], source.X.dtype, *sizes)
        if before is not None:
            check_structure(before.machine, machine)
            machine = before.machine.copy()
            own = copy.deepcopy(before.direction.gradient)
            gradient = gradients.resumed(own, self.gradient)
        decay = self.weight_decay and WeightDecay(self.weight_decay, self.l1_ratio)
        rate = Linear(RATE) if self.learning_rate == "auto" else self.learning_rate
        direction = Direction(gradient, weight_decay=decay or None)
        optimizer = SGD(rate, self.momentum, n_epochs)
        return Session(machine, direction, optimizer, rng, len(source))

    def _n_epochs(self, n_rows):
        if self.n_iter != "auto":
            return self.n_iter
        n_batches = -(-n_rows // self.batch_size)
        return int(np.clip(N_STEPS // n_batches, FEWEST_EPOCHS, MOST_EPOCHS))

    def _adopt(self, session):
        """Make the result of a session this estimator's model."""
        self._session = session
        self.machine_ = session.machine
        self.gradient_ = session.direction.gradient
        self._rng = session.rng.spawn(1)[0]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _fitted(machine):
    return {"machine_": machine}
