"""Restricted Boltzmann machines as scikit-learn estimators."""

import copy
import warnings
from contextlib import contextmanager
from numbers import Integral, Real

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_array, check_is_fitted

from .. import gradients, units
from .._data._encoding import validate_numbers
from .._data._incomplete import (
    Imputations,
    check_columns,
    conditional_draws,
    hidden_by,
    known_pseudo_log_likelihood,
    mean_field_blocks,
    nan_places,
    warn_of_empty_rows,
    with_neutral_values,
)
from .._samplers import Chains
from .._training._loop import train
from .._training._monitor import Guard, Monitor, make_probes
from .._training._start import (
    check_scale,
    partial_optimizer,
    resume_training,
    start_training,
)
from .._utils._numerics import (
    as_float,
    blocks,
    check_counts,
    column_mean,
    column_variance,
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
from ..machines import RestrictedMachine
from ..units._base import ask
from ._generative import check_trace

# Gibbs steps for unknown values of rows that a trained machine has not met.
IMPUTATION_STEPS = 20


class RBM(
    CallbackSupportMixin,
    DocLinkMixin,
    VersionMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
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
        between 0.00001 and 0.01.

    l1_ratio : float, default=0.0
        Fraction of the penalty that is the sum of the absolute weights (L1); the rest
        is half of the sum of their squares (L2).

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

    n_iter : int, default=10
        Number of epochs, which are passes over the data. The rows are shuffled in each.

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
        "centered": ["boolean"],
        "sample_data": ["boolean"],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "n_iter": [Interval(Integral, 0, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
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
        centered=True,
        sample_data=True,
        batch_size=10,
        n_iter=10,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
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
        self.centered = centered
        self.sample_data = sample_data
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X, y=None):
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

        Returns
        -------
        self : RBM
            The fitted model.

        Raises
        ------
        ValueError
            If X is not a table of numbers, if it has infinity or a column without a
            known value, or if the fit diverges. The estimator is then unchanged.

        References
        ----------
        .. [1] Younes, L. (1989). Parametric inference for imperfectly observed
           Gibbsian fields. Probability Theory and Related Fields 82, 625-645.
        """
        return self._fit(X, y)

    @fit_context(prefer_skip_nested_validation=True)
    def _fit(self, X, y=None, machine=None, keeps_interrupted=True, auto_rate=0.1):
        """Fit the model, from a given machine if there is one."""
        with restoring(self):
            given = X if hasattr(X, "shape") else np.asarray(X)
            X, unknown = self._validate_training_data(X, reset=True)
            rng = make_rng(self.random_state)
            probe_rng = rng.spawn(1)[0]
            rows, held_out = self._split(X.shape[0], rng)
            training = start_training(self, X, rows, rng, machine, unknown, auto_rate)
            imputations = self._new_imputations(training, X, unknown, whole=True)
            probes = make_probes(
                training.machine, X, rows, held_out, self.batch_size, probe_rng, unknown
            )
            context = self._init_callback_context(max_subtasks=self.n_iter)
            monitor = Monitor(
                self,
                context,
                training.optimizer,
                *probes,
                diagnostics=training.direction.diagnostics,
                patience=self.n_iter_no_change,
                tol=self.tol,
                verbose=self.verbose,
                X=X if unknown is None else given,
                y=y,
            )
            context.call_on_fit_task_begin(estimator=self, **monitor.data)
            self._train(
                training, X, rows, monitor, self.n_iter, keeps_interrupted, imputations
            )
            context.call_on_fit_task_end(
                estimator=self,
                reconstruction_attributes=lambda: {"machine_": training.machine.copy()},
                **monitor.data,
            )
            training.finish()
            self._adopt(training, X if imputations is None else imputations.X)
            self.history_ = monitor.history
            self.n_iter_ = len(monitor.history)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None):
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
            If a schedule has come to zero, so that nothing is learned.
        """
        first = not hasattr(self, "machine_")
        with restoring(self):
            X, unknown = self._validate_training_data(X, reset=first)
            rows = np.arange(X.shape[0])
            # Learning goes on in a copy, so that an error leaves the model alone.
            training = copy.deepcopy(getattr(self, "_training", None))
            if training is None:
                machine = None if first else self.machine_.copy()
                rng = make_rng(self.random_state)
                training = start_training(self, X, rows, rng, machine, unknown)
                imputations = self._new_imputations(training, X, unknown)
            else:
                resume_training(training, self)
                imputations = self._new_imputations(training, X, unknown)
                if ask(training.machine.visible, units.Parametric).params:
                    seen = X if imputations is None else imputations.X
                    mean = column_mean(seen)
                    moments = mean, column_variance(seen, mean)
                    training.machine.visible.update_moments(len(rows), *moments)
            self._go_through(training, X, rows, imputations)
            self._adopt(training, X if imputations is None else imputations.X)
        return self

    def _go_through(self, training, X, rows, imputations=None):
        """Learn once from rows, at a rate that knows no last epoch."""
        training.optimizer = partial_optimizer(training, self, len(rows))
        end = training.epoch + len(rows) / training.n_rows
        guard = Guard(training.optimizer)
        guard.warn_if_at_rest("learning_rate", training.epoch, end)
        self._train(training, X, rows, guard, imputations=imputations)

    def _validate_training_data(self, X, reset):
        """The data, and where they have something in place of unknown values."""
        X, unknown = self._validate_incomplete(X, reset, order="C")
        if unknown is not None:
            check_columns(unknown, self._unit_names(X.shape[1]))
        self._check_data(X)
        return X, unknown

    def _validate_incomplete(self, X, reset=False, order=None):
        """Rows for the units with neutral values for NaN, and where that was."""
        X = self._validate(X, reset, order, allow_nan=True)
        unknown = nan_places(X)
        if unknown is not None:
            visible = self._new_units()[0].start(X.shape[1])
            names = self._unit_names(X.shape[1])
            X = with_neutral_values(X, unknown, visible, names)
        return X, unknown

    def _check_data(self, X):
        """Check that the visible units can have the values of X."""
        visible = self._new_units()[0].start(X.shape[1])
        visible.check_data(X, self._unit_names(X.shape[1]))

    def _visible_rows(self, X):
        """Validated values of the visible units for each row."""
        return self._validate(X)

    def _rows_outside(self, X):
        """Which rows have a value that the visible units cannot have; warns of them.

        Next to free if there is none.
        """
        names = self._unit_names(X.shape[1])
        return self.machine_.visible.rows_outside(X, names)

    def _unit_names(self, n_units):
        return getattr(self, "feature_names_in_", range(n_units))

    def _validate(self, X, reset=False, order=None, allow_nan=False):
        X = validate_numbers(
            self, X, order=order, reset=reset, ensure_all_finite="allow-nan"
        )
        return X if allow_nan else self._refuse_nan(X)

    def _refuse_nan(self, X):
        unknown = nan_places(X)
        if unknown is not None:
            raise ValueError(
                f"X has NaN in {unknown.sum()} values, the first of them in column "
                f"{self._unit_names(X.shape[1])[unknown.any(axis=0).argmax()]}, and this "
                f"method of {type(self).__name__} needs all of them. Fill in what is "
                "unknown before, by impute() or in a pipeline by skdbn.BoltzmannImputer."
            )
        return X

    def _new_imputations(self, training, X, unknown, whole=False):
        """The draws of unknown values for a training, or None."""
        if unknown is None:
            return None
        machine, rng = training.machine, training.rng.spawn(1)[0]
        # Units of a new machine are next to independent.
        n_steps = IMPUTATION_STEPS if training.epoch else 1
        imputations = Imputations(machine, X, unknown, rng, n_steps, whole=whole)
        imputations.sample_data = self.sample_data and not machine.visible.are_states(
            imputations.X
        )
        return imputations

    def _split(self, n_samples, rng):
        """The rows to learn from and, for early stopping, those held out."""
        if not self.early_stopping:
            return np.arange(n_samples), None
        n_held_out = max(1, round(self.validation_fraction * n_samples))
        if n_held_out >= n_samples:
            raise ValueError(
                f"early_stopping=True with validation_fraction="
                f"{self.validation_fraction} leaves no row to learn from: X has "
                f"n_samples={n_samples}. Take early_stopping=False or more rows."
            )
        rows = rng.permutation(n_samples)
        return rows[n_held_out:], rows[:n_held_out]

    def _new_units(self):
        """Fresh units of the visible and of the hidden type."""
        return units.resolve(self.visible), units.resolve(self.hidden)

    def _gradient(self):
        return self.gradient

    def _initial_hidden_bias(self, hidden):
        """The fields of the hidden units where the data have their mean."""
        return np.zeros(self.n_components)

    def _new_sparsity(self, machine, boost):
        """The penalty on the hidden units' activity, or None; its steps are longer."""
        return

    def _check_scale(self, mean, variance, constant):
        """Hint at columns that are constant or not standardized."""
        if isinstance(self._new_units()[0], units.Gaussian):
            names = self._unit_names(len(mean))
            check_scale(names, np.ones(len(mean), bool), mean, variance, constant)

    def _train(
        self,
        training,
        X,
        rows,
        monitor,
        epochs=1,
        keeps_interrupted=True,
        imputations=None,
    ):
        """Go some times through rows; `training` ends with the machine to be kept."""
        visible = training.machine.visible
        X = X if imputations is None else imputations.X
        training.direction.sample_data = self.sample_data and not visible.are_states(X)
        first, length = training.epoch, len(rows) / training.n_rows
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                done = train(
                    training.machine,
                    X,
                    rows,
                    training.direction,
                    training.optimizer,
                    monitor,
                    epochs=[first + i for i in range(epochs)],
                    length=length,
                    batch_size=self.batch_size,
                    rng=training.rng,
                    imputations=imputations,
                )
        except KeyboardInterrupt:
            if monitor.last is None or not keeps_interrupted:
                raise
            training.machine, done = monitor.last
            del monitor.history[done:]
            warnings.warn(
                f"Interrupted in epoch {done + 1}; the model is that of epoch {done}.",
                stacklevel=4,
            )
        training.epoch = first + done * length
        if monitor.best is not None:
            training.machine = monitor.best

    def _adopt(self, training, X):
        """Make the result of a training this estimator's model."""
        self._training = training
        self.machine_ = training.machine
        self.gradient_ = training.direction.gradient
        self._rng = training.rng.spawn(1)[0]
        chains = getattr(self.gradient_, "chains_", None)
        if chains is None:
            chains = self.machine_.state(self._rows(X[: self.batch_size]), self._rng)
        self.h_samples_ = chains.hidden

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

    @property
    def components_(self):
        """The weights, of shape (n_components, n_features)."""
        return self.machine_.weights.T

    @property
    def intercept_hidden_(self):
        """Biases of the hidden units."""
        return self.machine_.hidden_bias

    @property
    def intercept_visible_(self):
        """Biases of the visible units."""
        visible = ask(self.machine_.visible, units.Scaled)
        return visible.uncentered(self.machine_.visible_bias)

    @property
    def _n_features_out(self):
        return self.machine_.weights.shape[1]

    def _rows(self, X):
        """Rows as a dense array in the dtype of the model."""
        return as_float(X, self.machine_.weights.dtype)

    def _hidden_rows(self, H):
        """Validated values of the hidden units."""
        check_is_fitted(self, "machine_")
        H = check_array(H, dtype=self.machine_.weights.dtype, input_name="H")
        if H.shape[1] != self._n_features_out:
            raise ValueError(
                f"H has {H.shape[1]} columns, but {type(self).__name__} has "
                f"{self._n_features_out} hidden units. Give one column a unit, as "
                "transform returns them."
            )
        return H

    def transform(self, X):
        """The hidden units' means, E[h | v]; P(h = 1 | v) for binary units.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data. In place of NaN in an array is its mean field, E[v | h] at
            h = E[h | v]: an estimate without sampling, so that features do not vary.

        Returns
        -------
        H : ndarray of shape (n_samples, n_components)
            The features, in the dtype of the fitted model.

        Warns
        -----
        DataRangeWarning
            If values are outside the range of the visible units.
        """
        check_is_fitted(self, "machine_")
        X, unknown = self._validate_incomplete(X)
        self._rows_outside(X)
        machine = self.machine_
        H = np.empty((X.shape[0], self._n_features_out), machine.weights.dtype)
        for part, block in mean_field_blocks(machine, X, unknown, H.shape[1]):
            machine.hidden_mean(block, out=H[part])
        return H

    def inverse_transform(self, H):
        """The visible units' means, E[v | h].

        Parameters
        ----------
        H : array-like of shape (n_samples, n_components)
            Values of the hidden units, or their means.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The expected rows.
        """
        H = self._hidden_rows(H)
        with threads_for(len(H), self.machine_.n_weights):
            return self.machine_.visible_mean(H)

    def reconstruct(self, X):
        """The means of the visible units, given the hidden means of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            ``inverse_transform(transform(X))``.
        """
        return self.inverse_transform(self.transform(X))

    def gibbs(self, v):
        """One Gibbs step: draw h given v, then v given h.

        Each call continues the estimator's own stream of random numbers.

        Parameters
        ----------
        v : {array-like, sparse matrix} of shape (n_samples, n_features)
            Values of the visible units.

        Returns
        -------
        v_new : ndarray of shape (n_samples, n_features)
            Their values after the step.

        Warns
        -----
        DataRangeWarning
            If values are outside the range of the visible units.
        """
        check_is_fitted(self, "machine_")
        machine = self.machine_
        rng = self._sampling_rng()
        v = self._validate(v)
        self._rows_outside(v)
        v = self._rows(v)
        with threads_for(len(v), machine.n_weights):
            return machine.visible_sample(machine.hidden_sample(v, rng), rng)

    def sample(
        self, n_samples=1, *, n_steps=1000, tempering=1, trace=None, random_state=None
    ):
        """Draw samples from the model, each by its own Gibbs chain.

        The chains start from the visible biases alone; the first steps are burn-in.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.

        n_steps : int, default=1000
            Number of Gibbs steps.

        tempering : int, default=1
            Number of temperatures. With more than one each chain changes places with
            companions at higher temperatures, where it moves freely to other modes: for
            models whose chains mix slowly. The time grows in proportion.

        trace : int, default=None
            Return each state after this number of steps, as for a film; None returns
            only the last one.

        random_state : int, RandomState instance or None, default=None
            None continues the estimator's own stream of random numbers, so that the
            next call draws other rows.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The rows; with `trace` of shape (n_steps // trace, n_samples, n_features),
            the states from the first to the last.

        Raises
        ------
        ValueError
            If a number is not an int of at least 1, or `trace` is above `n_steps`.
        """
        check_is_fitted(self, "machine_")
        check_trace(n_samples, n_steps, tempering, trace)
        rng = self._generator(random_state)
        chains = Chains(self.machine_, n_samples, rng, tempering)
        if trace is None:
            return chains.advance(n_steps).visible
        return np.stack(
            [chains.advance(trace).visible.copy() for _ in range(n_steps // trace)]
        )

    def conditional_sample(
        self, X, mask=None, *, n_steps=100, tempering=1, random_state=None
    ):
        r"""Draw the unknown values of each row, given the known ones.

        .. math:: v_{\text{unknown}} \sim p(v_{\text{unknown}} \mid v_{\text{known}})

        by a Gibbs chain for each row, in which the known values are clamped.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of data. In a group of softmax units, of which one is 1, known zeros
            leave the others open, and a known 1 does not.

        mask : array-like of bool of shape (n_samples, n_features), default=None
            True where a value is unknown; NaN is unknown, too.

        n_steps : int, default=100
            Number of Gibbs steps.

        tempering : int, default=1
            Number of temperatures. With more than one each chain changes places with
            companions at higher temperatures, where it moves freely to other modes: for
            models whose chains mix slowly. The time grows in proportion.

        random_state : int, RandomState instance or None, default=None
            None continues the estimator's own stream of random numbers, so that the
            next call draws other values.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The rows with the unknown values drawn, and the known ones as they are.

        Raises
        ------
        ValueError
            If `mask` is not boolean or not of the shape of X, or if known values of
            softmax units cannot go together.

        Warns
        -----
        EstimateWarning
            If nothing is known of a row: it follows the model's own distribution.
        """
        check_counts(n_steps=n_steps, tempering=tempering)
        return self._filled_in(X, mask, n_steps, tempering, random_state)

    def impute(self, X, *, n_samples=100, n_steps=100, tempering=1, random_state=None):
        r"""Fill in what is unknown of each row by its mean, given what is known.

        .. math:: E[v_{\text{unknown}} \mid v_{\text{known}}] \approx
                  \big\langle E[v_{\text{unknown}} \mid h] \big\rangle

        where the mean is over states of a Gibbs chain in which the known values are
        clamped. Means of binary units are probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of data, NaN where a value is unknown. In a group of softmax units, of
            which one is 1, known zeros leave the others open, and a known 1 does not.

        n_samples : int, default=100
            Number of states of the chain of a row, over which the mean is taken. 1
            returns a draw in place of a mean, as :meth:`conditional_sample` does.

        n_steps : int, default=100
            Number of Gibbs steps before the first of these states; one is between two
            of them.

        tempering : int, default=1
            Number of temperatures. With more than one each chain changes places with
            companions at higher temperatures, where it moves freely to other modes: for
            models whose chains mix slowly. The time grows in proportion.

        random_state : int, RandomState instance or None, default=None
            None continues the estimator's own stream of random numbers, so that the
            next call draws other states.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The rows without NaN, and the known values as they are.

        Raises
        ------
        ValueError
            If known values of softmax units cannot go together.

        Warns
        -----
        EstimateWarning
            If nothing is known of a row: its means are those of the model.

        References
        ----------
        .. [1] Gelfand, A. E. and Smith, A. F. M. (1990). Sampling-based approaches to
           calculating marginal densities. JASA 85, 398-409.
        """
        check_counts(n_samples=n_samples, n_steps=n_steps, tempering=tempering)
        n_means = None if n_samples == 1 else n_samples
        return self._filled_in(X, None, n_steps, tempering, random_state, n_means)

    def _filled_in(self, X, mask, n_steps, tempering, random_state, n_means=None):
        check_is_fitted(self, "machine_")
        given = X
        if mask is not None:
            X = hidden_by(mask, X)
        rows, unknown = self._validate_incomplete(X)
        self._check_data(rows)
        if unknown is None:
            rows = rows.copy()
        else:
            warn_of_empty_rows(unknown)
            rng = self._generator(random_state)
            found = conditional_draws(
                self.machine_, rows, unknown, rng, n_steps, tempering, n_means
            )
            np.copyto(rows, found, where=unknown, casting="same_kind")
        return self._merged(X, rows, n_means is not None, given)

    def _as_data(self, rows, means=False):
        """Values of the visible units, or their means, as data."""
        return rows

    def _merged(self, X, rows, means, like):
        """The rows X with what was found out about them, in the types of `like`."""
        return rows

    def _generator(self, random_state):
        return self._sampling_rng() if random_state is None else make_rng(random_state)

    def _sampling_rng(self):
        if not hasattr(self, "_rng"):
            self._rng = make_rng(self.random_state)
        return self._rng

    def free_energy(self, X):
        r"""The free energy of each row, F(v) = −log Σₕ exp(−E(v, h)).

        It is −log p(v) up to the constant log Z: low for rows that are likely under the
        model, and comparable between rows of one model only. It is infinite for
        a row with a value that the visible units cannot have.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        free_energy : ndarray of shape (n_samples,)
            In nats.

        Warns
        -----
        DataRangeWarning
            If a row has a value that the visible units cannot have.
        """
        check_is_fitted(self, "machine_")
        return self._each_row("free_energy", self._validate(X), outside=np.inf)

    def score_samples(self, X):
        r"""The pseudo-log-likelihood of each row, exactly.

        .. math:: \sum_i \log P(v_i \mid v_{-i})

        over all columns i: how well each value follows from the others. A value
        between 0 and 1 on binary units counts by the cross-entropy of it and
        P(v_i = 1 | v_{-i}). Unlike the likelihood it does not need the partition
        function. It is −inf for a row with a value that the visible units cannot have.

        Of a row with NaN the sum is over the known values i, each given the other known
        ones: an estimate, the logarithm of a harmonic mean over states of a clamped
        chain [2]_. It is the same in each call.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data, in an array NaN where a value is unknown.

        Returns
        -------
        pseudo_log_likelihood : ndarray of shape (n_samples,)
            In nats; higher is better.

        Warns
        -----
        DataRangeWarning
            If a row has a value that the visible units cannot have.

        References
        ----------
        .. [1] Besag, J. (1975). Statistical analysis of non-lattice data. The
           Statistician 24, 179-195.
        .. [2] Gelfand, A. E. and Dey, D. K. (1994). Bayesian model choice: asymptotics
           and exact calculations. JRSS B 56, 501-514.
        """
        check_is_fitted(self, "machine_")
        X, unknown = self._validate_incomplete(X)
        if unknown is None:
            return self._each_row("pseudo_log_likelihood", X, -np.inf, dense=True)
        result = np.empty(len(X), self.machine_.weights.dtype)
        some = unknown.any(axis=1)
        if not some.all():
            result[~some] = self._each_row(
                "pseudo_log_likelihood", X[~some], -np.inf, dense=True
            )
        result[some] = known_pseudo_log_likelihood(
            self.machine_, X[some], unknown[some]
        )
        result[self._rows_outside(X)] = -np.inf
        return result

    def score(self, X, y=None):
        """The mean of :meth:`score_samples`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data, in an array NaN where a value is unknown.

        y : array-like, default=None
            Ignored.

        Returns
        -------
        score : float
            Mean pseudo-log-likelihood of a row, in nats.
        """
        return float(self.score_samples(X).mean())

    def _each_row(self, name, X, outside, dense=False):
        """The machine's method of this name for blocks of valid X: a number a row.

        `outside` is that of rows in which the visible units cannot be.
        """
        machine = self.machine_
        result = np.empty(X.shape[0], machine.weights.dtype)
        width = max(machine.weights.shape) if dense else machine.weights.shape[1]
        for part, block in blocks(X, width, result.dtype):
            result[part] = getattr(machine, name)(block)
        result[self._rows_outside(X)] = outside
        return result

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        visible = units.resolve(self.visible)
        positive = visible.tail is not None and visible.bounds[0] == 0
        tags.input_tags.positive_only = positive
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


@contextmanager
def restoring(estimator):
    """On an error or an interrupt, give the estimator back all that it had."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        # scikit-learn takes down by itself what it has set up for callbacks.
        own = {name: v for name, v in before.items() if "callback" not in name}
        callbacks = {n: v for n, v in vars(estimator).items() if "callback" in n}
        # One assignment, which nothing can interrupt.
        estimator.__dict__ = own | callbacks
        raise
