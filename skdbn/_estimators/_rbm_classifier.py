"""The RBM that classifies: labels are among its visible units."""

from numbers import Integral, Real

import numpy as np

from .. import gradients, units
from .._data._sources import ArraySource, check_weights
from .._data._spreading import taught, to_be_taught
from .._data._targets import (
    balanced,
    check_labels,
    joined,
    known_classes,
    known_labels,
    label_codes,
    one_hot_codes,
    weights_of_classes,
)
from .._training._convergence import warn_if_rising
from .._training._judges import Labels
from .._training._monitor import Monitor
from .._training._plan import Plan
from .._training._session import hold_out
from .._updates._sparsity import Penalty
from .._utils._random import make_rng
from .._utils._sklearn import Interval, MissingValues, StrOptions, fit_context
from ..gradients._discriminative import Hybrid
from ..machines import _label
from ._accuracy import AccuracyMixin
from ._labeled import LabeledEstimator
from ._restricted import restoring

# How much longer steps are by default where the gradient is mostly exact.
EXACT_BOOST = 10

# About so many steps of "auto", in so many epochs at most.
N_STEPS, MOST_EPOCHS = 5000, 50


class RBMClassifier(AccuracyMixin, LabeledEstimator):
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
    taken about the means of the columns.

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
        pandas' NA do so as well. With None every row has a label.

    spread_labels : bool, default=True
        Whether :meth:`fit` first gives probabilities of labels to rows without one, as
        :class:`DBNClassifier` does: the product of what neighbors and what a logistic
        regression of the columns say, for up to 10,000 rows.

    unlabeled_weight : float, default=0.01
        Rows that have no label by then add so many times log p(x) to the objective. If
        they are the most, the others are repeated until they make up half of an epoch.

    gradient : str or Gradient, default="cd"
        Estimator of the gradients of log p(x, y) and log p(x): "cd", "pcd", "fpcd",
        "pt" or an object of :mod:`skdbn.gradients`, such as ``CD(n_steps=3)``. That of
        log p(y | x) is exact.

    visible : str or Units, default="bernoulli"
        Type of the units of x, as in :class:`RBM`: "bernoulli" for values between 0 and
        1, "gaussian" for real values, or an object of :mod:`skdbn.units`.

    learning_rate : float, Schedule or "auto", default="auto"
        Step size, for gradients that are means over a batch. "auto" falls from 1.0
        (generative: 0.1) to zero over the epochs of :meth:`fit`. :meth:`partial_fit`
        divides by 1 + epochs / 10, where an epoch is as many rows as ``fit`` or the
        first call had, and at least 1,000.

    momentum : float or Schedule, default=0.0
        Fraction of the previous step that is added to the current one, in [0, 1). The
        schedule of Hinton's guide is ``Step(0.5, 0.9, epochs=5)``.

    weight_decay : float, default=0.0
        Strength of the penalty on the weights, half of the sum of their squares. With
        counts 0 stands for 0.01.

    sparsity : Sparsity or ConstantSparsity, default=None
        Penalty on the activity of binary hidden units. With ``Sparsity(0.05)`` each of
        them is active for 5 % of the rows.

    class_weight : dict or "balanced", default=None
        Weights of the classes in the objective, as ``{label: weight}`` or inversely
        proportional to their frequencies ("balanced"). They are scaled to a mean of 1
        over the classes, so that the size of the steps stays the same. With None all
        weights are 1.

    batch_size : int, default=10
        Number of rows in a minibatch. With many epochs or many rows, batches of 100 are
        faster and make fewer steps.

    n_iter : int or "auto", default="auto"
        Number of epochs, which are passes over the data. The rows are shuffled in each.
        "auto" is as many as make 5,000 steps, but 10 at least and 50 at most.

    early_stopping : bool, default=False
        Whether to set labeled rows aside, stop when their accuracy no longer improves,
        nor with the same accuracy their log loss, and keep the best model.

    validation_fraction : float, default=0.1
        Fraction of the labeled rows to set aside for early stopping.

    n_iter_no_change : int, default=10
        Number of epochs without improvement after which early stopping ends the fit.

    tol : float, default=1e-4
        Smallest increase of the accuracy, or decrease of the log loss, on held-out rows
        that is an improvement.

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

    gradient_ : Gradient
        The gradient of log p(x, y) that was used, with the chains if they persist.

    mean_activation_ : ndarray of shape (n_components,)
        Mean of P(h = 1 | x) over the training rows, with `sparsity`.

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
        "spread_labels": ["boolean"],
        "unlabeled_weight": [Interval(Real, 0, None, closed="left")],
        "gradient": [StrOptions(set(gradients.REGISTRY)), gradients.Gradient],
        "visible": [StrOptions(set(units.REGISTRY)), units.Units],
        "learning_rate": [
            Interval(Real, 0, None, closed="neither"),
            callable,
            StrOptions({"auto"}),
        ],
        "momentum": [Interval(Real, 0, 1, closed="left"), callable],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "sparsity": [Penalty, None],
        "class_weight": [dict, StrOptions({"balanced"}), None],
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
        objective="hybrid",
        generative_weight=0.01,
        unlabeled=None,
        spread_labels=True,
        unlabeled_weight=0.01,
        gradient="cd",
        visible="bernoulli",
        learning_rate="auto",
        momentum=0.0,
        weight_decay=0.0,
        sparsity=None,
        class_weight=None,
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
        self.objective = objective
        self.generative_weight = generative_weight
        self.unlabeled = unlabeled
        self.spread_labels = spread_labels
        self.unlabeled_weight = unlabeled_weight
        self.gradient = gradient
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
        self.tol = tol
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
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

        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts, as often as it would have to be repeated. Rows of
            weight 0 take no part. None means 1.

        Returns
        -------
        self : RBMClassifier
            The fitted model.

        Raises
        ------
        ValueError
            If X is not a table of finite numbers, if y has fewer than two classes, or
            if the fit diverges. The estimator is then unchanged.

        Warns
        -----
        ConvergenceWarning
            If the last third of epochs brought a clear fifth of the fall in log loss.
        """
        with restoring(self):
            goes_on = self.warm_start and hasattr(self, "machine_")
            X, y, labels, labeled = self._validate_training_data(X, y, not goes_on)
            classes = self.classes_ if goes_on else np.unique(labels)
            codes = label_codes(labels, labeled, len(y), classes)
            weights, rows = check_weights(sample_weight, X, normalized=True)
            rng = make_rng(self.random_state)
            rows, held_out = self._split(rows, codes, rng)
            table, known = self._teach(X, codes, rows, len(classes), rng)
            source = ArraySource(joined(X, table), balanced(rows, known), weights)
            plan = self._plan(weights_of_classes(self.class_weight, classes, labels))
            before = ()
            if goes_on:
                before = plan.take_over(
                    source, self.machine_, self._session.direction.gradient
                )
            session = plan.start(source, rng, *before)
            n_epochs = plan.n_epochs(len(source))
            monitor = Monitor(
                self,
                self._init_callback_context(max_subtasks=n_epochs),
                Labels(X, codes, rows, held_out, rng),
                lambda machine: {"machine_": machine, "classes_": classes},
                X,
                y,
            )
            monitor.begin()
            session.run(source, self.batch_size, n_epochs, monitor)
            session.finish(monitor)
            monitor.end(session.machine)
            warn_if_rising(monitor, "n_iter")
            self._adopt(session, X, classes)
            self.history_ = monitor.history
            self.n_iter_ = len(monitor.history)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
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

        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts, as a factor of its part of a step; None means 1.

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
        classes = known_classes(self, classes)
        with restoring(self):
            X, y, labels, labeled = self._validate_training_data(X, y, first)
            codes = label_codes(labels, labeled, len(y), classes)
            weights, rows = check_weights(sample_weight, X)
            table = one_hot_codes(codes, len(classes))
            source = ArraySource(joined(X, table), balanced(rows, codes >= 0), weights)
            plan = self._plan(weights_of_classes(self.class_weight, classes))
            before = getattr(self, "_session", None)
            session = plan.go_on(before, source, self.random_state)
            self._adopt(session, X, classes)
        return self

    def _validate_training_data(self, X, y, reset):
        """X, y, the labels of the rows that have one, and the index of these rows."""
        X = self._validate(X, reset, order="C")
        y, missing = check_labels(self, X, y)
        if y.ndim > 1:
            raise ValueError(
                f"y should be a 1d array of labels, got an array of shape {y.shape} "
                "instead. Several labels a row are for DBNClassifier."
            )
        labels = known_labels(y[~missing])
        self._check_data(X)
        return X, y, labels, np.flatnonzero(~missing)

    def _split(self, rows, codes, rng):
        """The rows to learn from and, for early stopping, those held out."""
        if not self.early_stopping:
            return rows, None
        labeled = rows[codes[rows] >= 0]
        _, held_out = hold_out(labeled, self.validation_fraction, rng, len(codes))
        return np.setdiff1d(rows, held_out), held_out

    def _teach(self, X, codes, rows, n_labels, rng):
        """The labels to learn as rows of probabilities, and which rows have one."""
        table, known = one_hot_codes(codes, n_labels), codes >= 0
        labeled = rows[known[rows]]
        if not self.spread_labels or len(np.unique(codes[labeled])) < 2:
            return table, known
        others = to_be_taught(np.setdiff1d(rows, labeled), rng.spawn(1)[0])
        if len(others):
            some = np.append(labeled, others)
            p = taught([X[some]], codes[some], n_labels)
            table[others] = p[len(labeled) :]
            known[others] = True
        return table, known

    def _plan(self, label_weights):
        """How the machine of rows and labels side by side is to be trained."""
        likelihood = {"hybrid": self.generative_weight, "generative": 1.0}
        gradient = Hybrid(
            gradients.resolve(self.gradient),
            len(label_weights),
            float(self.objective != "generative"),
            likelihood.get(self.objective, 0.0),
            0.0 if self.unlabeled is None else self.unlabeled_weight,
            label_weights,
        )
        visible, hidden = self._new_units()
        parts = [(visible, self.n_features_in_), ("softmax", 1, len(label_weights))]
        return Plan.of(
            self,
            visible=units.Concatenated(parts),
            hidden=hidden,
            gradient=gradient,
            hidden_centered=False,
            sample_data=False,
            auto_steps=N_STEPS,
            auto_epochs=MOST_EPOCHS,
            rate_factor=1 if self.objective == "generative" else EXACT_BOOST,
        )

    def _new_units(self):
        return units.resolve(self.visible), units.Bernoulli()

    def _adopt(self, session, X, classes):
        """Make the result of a session this estimator's model."""
        self._session = session
        self.machine_ = session.machine
        self.gradient_ = session.direction.gradient.gradient
        self.classes_ = classes
        self._rng = session.rng.spawn(1)[0]
        if session.direction.sparsity is not None:
            H = _label.hidden_mean(self.machine_, X, len(classes))
            self.mean_activation_ = H.mean(axis=0, dtype=np.float64)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # Rows with NaN can be scored and filled in, and not learned from.
        tags.input_tags.allow_nan = False
        return tags
