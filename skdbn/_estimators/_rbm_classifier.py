"""The RBM that classifies: labels are among its visible units."""

import copy
from numbers import Integral, Real

import numpy as np
from scipy import sparse
from scipy.special import log_softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import check_is_fitted, validate_data

from .. import schedules, units
from .._data._encoding import validate_numbers
from .._data._targets import (
    check_labels,
    check_weights_known,
    known_labels,
    one_hot_labels,
)
from .._training._monitor import Monitor
from .._training._start import resume_training, start_training, steady_rate
from .._utils._numerics import (
    DTYPES,
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
    MissingValues,
    StrOptions,
    fit_context,
)
from .._utils._threads import threads_for
from ..gradients._discriminative import Hybrid, input_field, label_scores
from ..units._base import ask
from ._rbm import RBM, restoring

# How much longer steps are by default where the gradient is mostly exact.
EXACT_BOOST = 5

# Rows on which the training is monitored.
N_PROBE_ROWS = 1000


class RBMClassifier(
    CallbackSupportMixin, DocLinkMixin, VersionMixin, ClassifierMixin, BaseEstimator
):
    r"""Restricted Boltzmann machine that classifies.

    The label y, one-hot encoded, is a group of visible units beside those of the row x:

    .. math:: E(x, y, h) = {} &\text{base}(x) - b \cdot x - d \cdot y \\
              &- c \cdot h - x W h - y U h

    where the hidden units are 0 or 1. The probability of y is exact, without sampling:

    .. math:: p(y \mid x) \propto
              e^{d_y} \prod_j \big(1 + e^{c_j + U_{yj} + (x W)_j}\big)

    It is a classifier with one layer of features, which learns how to tell the classes
    apart (`objective` "discriminative"), how rows and labels look together
    ("generative"), or both ("hybrid"), where the second is a regularizer. It can learn
    from rows without a label, and draw rows of a class (:meth:`sample`). Gradients are
    taken about the means of the columns, so that inverted data are learned as well.

    Parameters
    ----------
    n_components : int, default=256
        Number of hidden units.

    objective : {"hybrid", "discriminative", "generative"}, default="hybrid"
        Objective to maximize, as a mean over the rows: log p(y | x), by its exact
        gradient; log p(x, y), by contrastive divergence; or log p(y | x) +
        `generative_weight` · log p(x, y).

    generative_weight : float, default=0.01
        Weight of log p(x, y) in the hybrid objective; useful values are between 0.001
        and 0.3. The other objectives ignore it.

    unlabeled : int, float or str, default=None
        Value of y that marks a row without a label, such as -1; with NaN, None and
        pandas' NA do so as well. These rows add `unlabeled_weight` · log p(x) to the
        objective. If most rows have no label, the labeled rows are repeated until they
        make up half of an epoch, which then has twice as many rows as there are without
        a label. With None every row has a label.

    unlabeled_weight : float, default=0.01
        Weight of a row without a label.

    persistent : bool, default=False
        Whether the Gibbs chains for the gradients of log p(x, y) and log p(x) continue
        from step to step, as in :class:`~skdbn.gradients.PCD`, rather than start from
        the rows. It needs a learning rate that falls to zero.

    visible : str or Units, default="bernoulli"
        Type of the units of x, as in :class:`RBM`: "bernoulli" for values between 0 and
        1, "gaussian" for real values, or an object of :mod:`skdbn.units`.

    learning_rate : float, Schedule or "auto", default="auto"
        Step size, for gradients that are means over a batch. "auto" falls from 0.5
        (generative: 0.1) to zero over the epochs of :meth:`fit`. :meth:`partial_fit`
        divides by 1 + epochs / 10, where an epoch is as many rows as ``fit`` or the
        first call had, and at least 1,000.

    momentum : float or Schedule, default=0.0
        Fraction of the previous step that is added to the current one, in [0, 1). The
        schedule of Hinton's guide is ``Step(0.5, 0.9, epochs=5)``.

    weight_decay : float, default=0.0
        Strength of the penalty on the weights, half of the sum of their squares.

    sparsity : float, default=0.0
        Strength of a penalty on the sum of the hidden biases, which makes hidden units
        rarely active: each step subtracts `learning_rate` · `sparsity` from each.

    class_weight : dict or "balanced", default=None
        Weights of the classes in the objective, as ``{label: weight}`` or inversely
        proportional to their frequencies ("balanced"). They are scaled to a mean of 1
        over the classes, so that the size of the steps stays the same. With None all
        weights are 1.

    batch_size : int, default=10
        Number of rows in a minibatch. With many epochs or many rows, batches of 100 are
        faster and make fewer steps.

    n_iter : int, default=50
        Number of epochs, which are passes over the data. The rows are shuffled in each.

    early_stopping : bool, default=False
        Whether to set labeled rows aside, stop when their accuracy no longer improves,
        nor with the same accuracy their log loss, and keep the best model.

    validation_fraction : float, default=0.1
        Fraction of the labeled rows to set aside for early stopping.

    n_iter_no_change : int, default=10
        Number of epochs without improvement after which early stopping ends the fit.

    verbose : int, default=0
        Whether to print a line after each epoch. The model does not depend on it.

    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the rows and the sampling. Pass an
        int for repeatable results.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.

    components_ : ndarray of shape (n_components, n_features)
        The weights W, transposed; a view of ``machine_.weights``.

    label_components_ : ndarray of shape (n_components, n_classes)
        The weights U, transposed.

    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units.

    intercept_visible_ : ndarray of shape (n_features,)
        Biases of the visible units.

    intercept_label_ : ndarray of shape (n_classes,)
        Biases of the labels.

    machine_ : RestrictedMachine
        The fitted machine, whose last visible units are the label's.

    history_ : list of dict
        For each epoch ``log_loss``, the mean of −log p(y | x), and ``accuracy``, both
        of a fixed thousand rows or fewer, ``learning_rate`` and ``seconds``; with early
        stopping also ``validation_log_loss`` and ``validation_accuracy``, of all rows
        held out.

    n_iter_ : int
        Number of epochs that were run.

    n_features_in_ : int
        Number of features seen during ``fit``.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during ``fit``, if all are strings.

    See Also
    --------
    RBM : Features for another classifier.
    sklearn.neural_network.MLPClassifier : A network without a generative side.

    References
    ----------
    .. [1] Larochelle, H. and Bengio, Y. (2008). Classification using discriminative
       restricted Boltzmann machines. ICML.
    .. [2] Larochelle, H., Mandel, M., Pascanu, R. and Bengio, Y. (2012). Learning
       algorithms for the classification restricted Boltzmann machine. JMLR 13, 643-669.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from skdbn import RBMClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
    >>> classifier = RBMClassifier(64, n_iter=20, random_state=0).fit(X_train, y_train)
    >>> classifier.score(X_test, y_test) > 0.95
    True
    >>> sevens, labels = classifier.sample(3, y=7, n_steps=100)
    >>> sevens.shape, labels
    ((3, 64), array([7, 7, 7]))
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "objective": [StrOptions({"hybrid", "discriminative", "generative"})],
        "generative_weight": [Interval(Real, 0, None, closed="left")],
        "unlabeled": [MissingValues()],
        "unlabeled_weight": [Interval(Real, 0, None, closed="left")],
        "persistent": ["boolean"],
        "visible": [StrOptions(set(units.REGISTRY)), units.Units],
        "learning_rate": [
            Interval(Real, 0, None, closed="neither"),
            callable,
            StrOptions({"auto"}),
        ],
        "momentum": [Interval(Real, 0, 1, closed="left"), callable],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "sparsity": [Interval(Real, 0, None, closed="left")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "n_iter": [Interval(Integral, 0, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components=256,
        *,
        objective="hybrid",
        generative_weight=0.01,
        unlabeled=None,
        unlabeled_weight=0.01,
        persistent=False,
        visible="bernoulli",
        learning_rate="auto",
        momentum=0.0,
        weight_decay=0.0,
        sparsity=0.0,
        class_weight=None,
        batch_size=10,
        n_iter=50,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        verbose=0,
        random_state=None,
    ):
        self.n_components = n_components
        self.objective = objective
        self.generative_weight = generative_weight
        self.unlabeled = unlabeled
        self.unlabeled_weight = unlabeled_weight
        self.persistent = persistent
        self.visible = visible
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.sparsity = sparsity
        self.class_weight = class_weight
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.verbose = verbose
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Fit the model to X and y.

        On a KeyboardInterrupt a warning is issued and the model of the last completed
        epoch is kept; in the first epoch the interrupt propagates.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, for binary units within [0, 1]. float32, boolean and 8-bit
            data are computed in float32, all other data in float64; a sparse matrix
            is made dense a batch at a time.

        y : array-like of shape (n_samples,)
            The label of each row, or `unlabeled`.

        Returns
        -------
        self : RBMClassifier
            The fitted model.

        Raises
        ------
        ValueError
            If X is not a table of finite numbers, if y has fewer than two classes, or
            if the fit diverges. The estimator is then unchanged.
        """
        with restoring(self):
            X, y, labels, rows = self._validate_training_data(X, y, reset=True)
            classes = np.unique(labels)
            codes = self._codes(labels, rows, len(y), classes)
            weights = self._label_weights(classes, labels)
            data = _joined(X, codes, len(classes))
            rng = make_rng(self.random_state)
            rows, held_out = self._split(codes, rng)
            rbm = self._joint_rbm(X.shape[1], weights)
            training = self._start_training(rbm, data, rows, rng)
            context = self._init_callback_context(max_subtasks=self.n_iter)
            monitor = _LabelMonitor(
                self,
                context,
                training.optimizer,
                _Probe(X, codes, self._probe_rows(rows, codes, rng)),
                None if held_out is None else _Probe(X, codes, held_out),
                patience=self.n_iter_no_change,
                verbose=self.verbose,
                X=X,
                y=y,
            )
            context.call_on_fit_task_begin(estimator=self, **monitor.data)
            rbm._train(training, data, rows, monitor, self.n_iter)
            context.call_on_fit_task_end(
                estimator=self,
                reconstruction_attributes=lambda: {
                    "machine_": training.machine.copy(),
                    "classes_": classes,
                },
                **monitor.data,
            )
            training.finish()
            self._adopt(training, classes)
            self.history_ = monitor.history
            self.n_iter_ = len(monitor.history)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None):
        """Continue training: one epoch over the rows of X, in minibatches.

        Random numbers continue from the last call or from `fit`, and momentum
        from the last call; `fit` resets it. Early stopping is not applied.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, of the same dtype in all calls.

        y : array-like of shape (n_samples,)
            The label of each row, or `unlabeled`.

        classes : array-like of shape (n_classes,), default=None
            All labels that there are. Needed in the first call; later ones can leave it
            out.

        Returns
        -------
        self : RBMClassifier
            The fitted model.

        Raises
        ------
        ValueError
            If X is not a table of finite numbers with the columns of the first call, if
            y has other labels, or if the fit diverges. The model is then unchanged.
        """
        first = not hasattr(self, "machine_")
        classes = self._known_classes(classes)
        with restoring(self):
            X, y, labels, rows = self._validate_training_data(X, y, reset=first)
            codes = self._codes(labels, rows, len(y), classes)
            data = _joined(X, codes, len(classes))
            rows = _balanced(np.arange(len(codes)), codes)
            rbm = self._joint_rbm(X.shape[1], self._label_weights(classes))
            # Learning goes on in a copy, so that an error leaves the model alone.
            training = copy.deepcopy(getattr(self, "_training", None))
            if training is None:
                rng = make_rng(self.random_state)
                training = self._start_training(rbm, data, rows, rng)
            else:
                resume_training(training, rbm)
                if ask(training.machine.visible, units.Parametric).params:
                    mean = column_mean(data)
                    moments = mean, column_variance(data, mean)
                    training.machine.visible.update_moments(len(rows), *moments)
            rbm._go_through(training, data, rows)
            self._adopt(training, classes)
        return self

    def _validate_training_data(self, X, y, reset):
        """X, y, the labels of the rows that have one, and the index of these rows."""
        X = validate_numbers(self, X, order="C", reset=reset)
        y, missing = check_labels(self, X, y)
        if y.ndim > 1:
            raise ValueError(
                f"y should be a 1d array of labels, got an array of shape {y.shape} "
                "instead. Several labels a row are for DBNClassifier."
            )
        labels = known_labels(y[~missing])
        self._check_data(X)
        return X, y, labels, np.flatnonzero(~missing)

    def _check_data(self, X):
        """Check that the visible units can have the values of X."""
        visible = units.resolve(self.visible).start(X.shape[1])
        visible.check_data(X, self._feature_names())

    def _feature_names(self):
        return getattr(self, "feature_names_in_", range(self.n_features_in_))

    @staticmethod
    def _codes(labels, rows, n_rows, classes):
        """The index of each row's label among the classes, -1 where there is none."""
        if len(classes) < 2:
            raise ValueError(
                f"y has {len(classes)} class: a classifier needs at least 2 classes."
            )
        strange = np.setdiff1d(labels, classes)
        if len(strange):
            raise ValueError(
                f"y has the label {strange[0]!r}, which is none of classes="
                f"{classes.tolist()}. Give all labels to the first call."
            )
        codes = np.full(n_rows, -1)
        codes[rows] = np.searchsorted(classes, labels)
        return codes

    def _known_classes(self, classes):
        """The classes of the model, or of the first call of `partial_fit`."""
        if classes is not None:
            classes = np.unique(classes)
        if hasattr(self, "classes_"):
            if classes is not None and not np.array_equal(classes, self.classes_):
                raise ValueError(
                    f"classes={classes.tolist()} are not those of the model, "
                    f"{self.classes_.tolist()}. Leave them out after the first call."
                )
            return self.classes_
        if classes is None:
            raise ValueError(
                "classes=None in the first call of partial_fit: give all labels that "
                "later calls may bring."
            )
        return classes

    def _label_weights(self, classes, labels=None):
        """The weight of each class."""
        if labels is None:
            check_weights_known(self.class_weight)
            labels = classes
        weights = compute_class_weight(self.class_weight, classes=classes, y=labels)
        if (weights < 0).any() or not 0 < weights.sum() < np.inf:
            raise ValueError(
                f"class_weight={self.class_weight!r}: take weights of at least 0, some "
                "of them positive."
            )
        return weights / weights.mean()

    def _split(self, codes, rng):
        """The rows to learn from and, for early stopping, those held out."""
        rows = np.arange(len(codes))
        if not self.early_stopping:
            return _balanced(rows, codes), None
        labeled = np.flatnonzero(codes >= 0)
        n_held_out = max(1, round(self.validation_fraction * len(labeled)))
        if n_held_out >= len(labeled):
            raise ValueError(
                f"early_stopping=True with validation_fraction="
                f"{self.validation_fraction} leaves no row to learn from: there are "
                f"{len(labeled)} rows with a label, n_samples={len(codes)}. Take "
                "early_stopping=False or more rows."
            )
        held_out = rng.permutation(labeled)[:n_held_out]
        return _balanced(np.setdiff1d(rows, held_out), codes), held_out

    @staticmethod
    def _probe_rows(rows, codes, rng):
        """Some of the rows with a label, on which training is monitored."""
        labeled = np.unique(rows[codes[rows] >= 0])
        n_rows = min(N_PROBE_ROWS, len(labeled))
        return np.sort(rng.spawn(1)[0].choice(labeled, n_rows, replace=False))

    def _joint_rbm(self, n_features, label_weights):
        """The machine of rows and labels side by side, not fitted."""
        n_labels = len(label_weights)
        label = ("softmax", 1, n_labels)
        likelihood = {"hybrid": self.generative_weight, "generative": 1.0}
        generative = likelihood.get(self.objective, 0.0)
        unlabeled = 0.0 if self.unlabeled is None else self.unlabeled_weight
        gradient = Hybrid(
            n_labels,
            discriminative=float(self.objective != "generative"),
            generative=generative,
            unlabeled=unlabeled,
            label_weights=label_weights,
            sparsity=self.sparsity,
            persistent=self.persistent and bool(generative or unlabeled),
        )
        return RBM(
            self.n_components,
            visible=units.Concatenated([(self.visible, n_features), label]),
            gradient=gradient,
            learning_rate=self.learning_rate,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            sample_data=False,
            batch_size=self.batch_size,
            n_iter=self.n_iter,
        )

    def _start_training(self, rbm, data, rows, rng):
        """A new training, at a rate that an exact gradient bears."""
        training = start_training(rbm, data, rows, rng)
        # About the means of the visible units only.
        training.direction.centering.hidden[:] = 0
        if self.objective != "generative":
            training.auto_rate *= EXACT_BOOST
        if self.learning_rate == "auto":
            rate = steady_rate(training.auto_rate, training.machine, rbm)
            training.optimizer.learning_rate = schedules.Linear(rate)
        return training

    def _adopt(self, training, classes):
        """Make the result of a training this estimator's model."""
        self._training = training
        self.machine_ = training.machine
        self.classes_ = classes
        self._rng = training.rng.spawn(1)[0]

    @property
    def components_(self):
        """The weights of the features, of shape (n_components, n_features)."""
        return self.machine_.weights[: self.n_features_in_].T

    @property
    def label_components_(self):
        """The weights of the labels, of shape (n_components, n_classes)."""
        return self.machine_.weights[self.n_features_in_ :].T

    @property
    def intercept_hidden_(self):
        """Biases of the hidden units."""
        return self.machine_.hidden_bias

    @property
    def intercept_visible_(self):
        """Biases of the features' units."""
        machine = self.machine_
        visible = ask(machine.visible, units.Scaled)
        return visible.uncentered(machine.visible_bias)[: self.n_features_in_]

    @property
    def intercept_label_(self):
        """Biases of the labels."""
        return self.machine_.visible_bias[self.n_features_in_ :]

    def predict_log_proba(self, X):
        """The logarithm of the probability of each label, log p(y | x).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_`` and the dtype of the fitted model.
        """
        check_is_fitted(self, "machine_")
        X = validate_numbers(self, X, reset=False)
        visible = units.resolve(self.visible).start(X.shape[1])
        visible.rows_outside(X, self._feature_names())
        return _log_conditional(self.machine_, X, len(self.classes_))

    def predict_proba(self, X):
        """The probability of each label, p(y | x).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_`` and the dtype of the fitted model.
        """
        return np.exp(self.predict_log_proba(X))

    def predict(self, X):
        """The most probable label of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Labels.
        """
        best = self.predict_log_proba(X).argmax(axis=1)
        return self.classes_[best]

    def _visible_rows(self, X):
        """Validated rows with the probabilities of their labels."""
        p = self.predict_proba(X)
        X = validate_data(self, X, accept_sparse="csr", dtype=DTYPES, reset=False)
        if sparse.issparse(X):
            return sparse.hstack([X, sparse.csr_array(p)], format="csr")
        return np.hstack([X, p])

    def sample(
        self, n_samples=1, y=None, *, n_steps=1000, means=False, random_state=None
    ):
        """Draw rows with their labels, each by its own Gibbs chain.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.

        y : label or array-like of shape (n_samples,), default=None
            The label of all rows, or of each, which stays as it is; None draws labels
            as well.

        n_steps : int, default=1000
            Number of Gibbs steps.

        means : bool, default=False
            Whether to return the means of the visible units given the hidden ones, as
            for pictures, in place of draws.

        random_state : int, RandomState instance or None, default=None
            None continues the estimator's own stream of random numbers, so that the
            next call draws other rows.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The rows.

        y : ndarray of shape (n_samples,)
            Their labels.

        Raises
        ------
        ValueError
            If a label is not among the classes, or the number of labels is not that of
            the rows.
        """
        check_is_fitted(self, "machine_")
        check_counts(n_samples=n_samples, n_steps=n_steps)
        given = None if y is None else one_hot_labels(y, self.classes_, n_samples)
        rng = self._rng if random_state is None else make_rng(random_state)
        machine, n_features = self.machine_, self.n_features_in_
        v, h = machine.initial_state(n_samples, rng)
        labels = v[:, n_features:]
        with threads_for(n_samples, machine.n_weights):
            for _ in range(n_steps):
                if given is not None:
                    labels[...] = given
                machine.hidden_sample(v, rng, out=h)
                machine.visible_sample(h, rng, out=v)
        if given is not None:
            labels[...] = given
        rows = machine.visible_mean(h) if means else v
        X = np.ascontiguousarray(rows[:, :n_features])
        return X, self.classes_[labels.argmax(axis=1)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        visible = units.resolve(self.visible)
        positive = visible.tail is not None and visible.bounds[0] == 0
        tags.input_tags.positive_only = positive
        return tags


def _joined(X, codes, n_labels):
    """Rows with their one-hot labels; zeros where the code is -1."""
    labels = (codes[:, None] == np.arange(n_labels)).astype(X.dtype)
    if sparse.issparse(X):
        return sparse.hstack([X, sparse.csr_array(labels)], format="csr")
    return np.hstack([X, labels])


def _balanced(rows, codes):
    """The rows, with those that have a label as often as there are others."""
    labeled = rows[codes[rows] >= 0]
    n_unlabeled = len(rows) - len(labeled)
    if n_unlabeled <= len(labeled) or not len(labeled):
        return rows
    return np.append(rows, np.resize(labeled, n_unlabeled - len(labeled)))


def _log_conditional(machine, X, n_labels, rows=None):
    """log p(y | x) of each label, a block of rows at a time."""
    n_rows = X.shape[0] if rows is None else len(rows)
    result = np.empty((n_rows, n_labels), machine.weights.dtype)
    for part, block in blocks(X, machine.weights.shape[1], result.dtype, rows):
        field = input_field(machine, block)
        result[part] = log_softmax(label_scores(machine, field, n_labels), axis=1)
    return result


class _Probe:
    """Rows with their labels, on which to measure."""

    def __init__(self, X, codes, rows):
        self.X, self.rows, self.codes = X, rows, codes[rows]

    def measure(self, machine):
        """How well the machine tells the labels."""
        n_labels = machine.weights.shape[0] - self.X.shape[1]
        log_p = _log_conditional(machine, self.X, n_labels, self.rows)
        own = log_p[np.arange(len(log_p)), self.codes]
        return {
            "log_loss": -float(own.mean()),
            "accuracy": float((log_p.argmax(axis=1) == self.codes).mean()),
        }


class _LabelMonitor(Monitor):
    """Monitors log losses and accuracies in place of likelihoods."""

    def __init__(self, *args, verbose, **kwargs):
        super().__init__(*args, **kwargs)
        self.prints = verbose
        self._best_score = -np.inf, -np.inf

    def _record(self, machine, learning_rate, seconds):
        row = self.training.measure(machine)
        if self.validation is not None:
            held_out = self.validation.measure(machine)
            row |= {f"validation_{name}": value for name, value in held_out.items()}
        if self.prints:
            figures = ", ".join(f"{name} = {value:.4f}" for name, value in row.items())
            print(
                f"[{type(self.estimator).__name__}] Epoch {len(self.history) + 1}, "
                f"{figures}, time = {seconds:.2f}s"
            )
        self.history.append(row | {"learning_rate": learning_rate, "seconds": seconds})

    def _early_stop(self, machine):
        last = self.history[-1]
        score = last["validation_accuracy"], -last["validation_log_loss"]
        self._epochs_without_improvement += 1
        if score > self._best_score:
            self._epochs_without_improvement = 0
            self._best_score = score
            self.best = self.last[0]
        return self._epochs_without_improvement >= self.patience
