"""The RBM that classifies: labels are among its visible units."""

from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import check_is_fitted

from .. import gradients, units
from .._data._incomplete import conditional_draws, known_pseudo_log_likelihood
from .._data._sources import ArraySource, check_weights
from .._data._targets import (
    balanced,
    check_labels,
    check_weights_known,
    joined,
    known_labels,
    one_hot_labels,
)
from .._training._judges import Labels
from .._training._monitor import Monitor
from .._training._plan import Plan
from .._training._session import hold_out
from .._updates._sparsity import Penalty
from .._utils._random import make_rng
from .._utils._sklearn import Interval, MissingValues, StrOptions, fit_context
from .._utils._threads import threads_for
from ..gradients._discriminative import Hybrid
from ..machines import Clamp, _label
from ..units._base import ask
from ._generative import check_trace, film, states_of_chains
from ._restricted import RestrictedEstimator, restoring
from ._sampling import SamplingMixin

# How much longer steps are by default where the gradient is mostly exact.
EXACT_BOOST = 5


class RBMClassifier(SamplingMixin, ClassifierMixin, RestrictedEstimator):
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

    gradient : str or Gradient, default="cd"
        Estimator of the gradients of log p(x, y) and log p(x): "cd", "pcd", "fpcd",
        "pt" or an object of :mod:`skdbn.gradients`, such as ``CD(n_steps=3)``. That of
        log p(y | x) is exact.

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

    n_iter : int, default=50
        Number of epochs, which are passes over the data. The rows are shuffled in each.

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
        "n_iter": [Interval(Integral, 0, None, closed="left")],
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
        unlabeled_weight=0.01,
        gradient="cd",
        visible="bernoulli",
        learning_rate="auto",
        momentum=0.0,
        weight_decay=0.0,
        sparsity=None,
        class_weight=None,
        batch_size=10,
        n_iter=50,
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
        """
        with restoring(self):
            goes_on = self.warm_start and hasattr(self, "machine_")
            X, y, labels, labeled = self._validate_training_data(X, y, not goes_on)
            classes = self.classes_ if goes_on else np.unique(labels)
            codes = self._codes(labels, labeled, len(y), classes)
            weights, rows = check_weights(sample_weight, X, normalized=True)
            rng = make_rng(self.random_state)
            rows, held_out = self._split(rows, codes, rng)
            source = ArraySource(joined(X, codes, len(classes)), rows, weights)
            plan = self._plan(self._label_weights(classes, labels))
            before = ()
            if goes_on:
                before = plan.take_over(
                    source, self.machine_, self._session.direction.gradient
                )
            session = plan.start(source, rng, *before)
            monitor = Monitor(
                self,
                self._init_callback_context(max_subtasks=self.n_iter),
                Labels(X, codes, rows, held_out, rng),
                lambda machine: {"machine_": machine, "classes_": classes},
                X,
                y,
            )
            monitor.begin()
            session.run(source, self.batch_size, self.n_iter, monitor)
            monitor.end(session.machine)
            session.finish(monitor)
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
        classes = self._known_classes(classes)
        with restoring(self):
            X, y, labels, labeled = self._validate_training_data(X, y, first)
            codes = self._codes(labels, labeled, len(y), classes)
            weights, rows = check_weights(sample_weight, X)
            source = ArraySource(
                joined(X, codes, len(classes)), balanced(rows, codes), weights
            )
            plan = self._plan(self._label_weights(classes))
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

    def _split(self, rows, codes, rng):
        """The rows to learn from and, for early stopping, those held out."""
        if not self.early_stopping:
            return balanced(rows, codes), None
        labeled = rows[codes[rows] >= 0]
        _, held_out = hold_out(labeled, self.validation_fraction, rng, len(codes))
        return balanced(np.setdiff1d(rows, held_out), codes), held_out

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

    @property
    def components_(self):
        """The weights of the features, of shape (n_components, n_features)."""
        return self.machine_.weights[: self.n_features_in_].T

    @property
    def label_components_(self):
        """The weights of the labels, of shape (n_components, n_classes)."""
        return self.machine_.weights[self.n_features_in_ :].T

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

        Warns
        -----
        DataRangeWarning
            If values are outside the range of the visible units.
        """
        check_is_fitted(self, "machine_")
        X = self._validate(X)
        self._rows_outside(X)
        return _label.log_label(self.machine_, X, len(self.classes_))

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

    def transform(self, X):
        r"""The hidden units' means, the label being unknown.

        .. math:: P(h_j = 1 \mid x) = \sum_y p(y \mid x) \, P(h_j = 1 \mid x, y)

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

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
        X = self._validate(X)
        self._rows_outside(X)
        return _label.hidden_mean(self.machine_, X, len(self.classes_))

    def free_energy(self, X):
        r"""The free energy of each row, F(x) = −log Σ_y Σₕ exp(−E(x, y, h)).

        It is −log p(x) up to the constant log Z: low for rows that are likely under the
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
        X = self._validate(X)
        result = _label.free_energy(self.machine_, X, len(self.classes_))
        result[self._rows_outside(X)] = np.inf
        return result

    def score_samples(self, X):
        r"""The pseudo-log-likelihood of each row without its label, exactly.

        .. math:: \sum_i \log P(x_i \mid x_{-i}), \quad \frac1{P(x_i \mid x_{-i})}
                  = \sum_y \frac{p(y \mid x)}{P(x_i \mid x_{-i}, y)}

        over all columns i of x. It is −inf for a row with a value that the visible
        units cannot have. Of a row with NaN the sum is over the known values i, each
        given the other known ones: an estimate, which is the same in each call.

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
        """
        check_is_fitted(self, "machine_")
        X, unknown = self._validate_incomplete(X)
        machine, n_labels = self.machine_, len(self.classes_)
        if unknown is None:
            result = _label.pseudo_log_likelihood(machine, X, n_labels)
        else:
            result = known_pseudo_log_likelihood(
                machine, *self._with_unknown_label(X, unknown)
            )
        result[self._rows_outside(X)] = -np.inf
        return result

    def gibbs(self, v):
        """One Gibbs step: draw y and h given v, then v given h.

        Each call continues the estimator's own stream of random numbers.

        Parameters
        ----------
        v : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        v_new : ndarray of shape (n_samples, n_features)
            The rows after the step.

        Warns
        -----
        DataRangeWarning
            If values are outside the range of the visible units.
        """
        p = self.predict_proba(v)
        rows, rng = self._rows(self._validate(v)), self._sampling_rng()
        labels = units.Softmax(p.shape[1]).sample(None, rng, mean=p)
        machine = self.machine_
        with threads_for(len(rows), machine.n_weights):
            h = machine.hidden_sample(np.hstack([rows, labels]), rng)
            return self._as_data(machine.visible_sample(h, rng))

    def sample(
        self,
        n_samples=1,
        *,
        y=None,
        n_steps=1000,
        tempering=1,
        means=False,
        trace=None,
        random_state=None,
    ):
        """Draw rows with their labels, each by its own Gibbs chain.

        The chains start from the visible biases alone; the first steps are burn-in.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.

        y : label or array-like of shape (n_samples,), default=None
            The label of all rows, or of each, which stays as it is; None draws labels
            as well.

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
            next call draws other rows.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The rows. With `trace` there are n_steps // trace of such tables, from the
            first to the last.

        y : ndarray of shape (n_samples,)
            Their labels; with `trace` as many times as well.

        Raises
        ------
        ValueError
            If a label is not among the classes, if the number of labels is not that of
            the rows, if a number is not an int of at least 1, or `trace` is above
            `n_steps`.
        """
        check_is_fitted(self, "machine_")
        check_trace(n_samples, n_steps, tempering, trace)
        machine, clamp = self.machine_, None
        if y is not None:
            blank = np.zeros((n_samples, self.n_features_in_))
            labels = one_hot_labels(y, self.classes_, n_samples)
            values = np.hstack([blank, labels]).astype(machine.weights.dtype)
            known = np.zeros(values.shape, bool)
            known[:, self.n_features_in_ :] = True
            clamp = Clamp(values, known)
        rng = self._generator(random_state)
        states = [
            self._drawn_with_label(state, means)
            for state in states_of_chains(
                machine, n_samples, rng, n_steps, tempering, trace, clamp
            )
        ]
        return tuple(film(parts, trace) for parts in zip(*states, strict=True))

    def _drawn_with_label(self, state, means):
        """The rows of states of chains, or their means, and the labels."""
        codes = state.visible[:, self.n_features_in_ :].argmax(axis=1)
        return self._drawn(state, means), self.classes_[codes]

    def _conditional_draws(self, rows, unknown, rng, *settings):
        rows, unknown = self._with_unknown_label(rows, unknown)
        return self._as_data(
            conditional_draws(self.machine_, rows, unknown, rng, *settings)
        )

    def _with_unknown_label(self, rows, unknown):
        """Rows and where they are unknown, with a label that is."""
        rows = _label.with_blank_label(self._rows(rows), len(self.classes_))
        holes = np.ones(rows.shape, bool)
        holes[:, : self.n_features_in_] = unknown
        return rows, holes

    def _as_data(self, rows, means=False):
        return np.ascontiguousarray(rows[:, : self.n_features_in_])

    def _visible_rows(self, X):
        """Validated rows with the probabilities of their labels."""
        p = self.predict_proba(X)
        X = self._validate(X)
        if sparse.issparse(X):
            return sparse.hstack([X, sparse.csr_array(p)], format="csr")
        return np.hstack([X, p])

    def _rows_outside(self, X):
        visible = units.resolve(self.visible).start(X.shape[1])
        return visible.rows_outside(X, self._unit_names())

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # Rows with NaN can be scored and filled in, and not learned from.
        tags.input_tags.allow_nan = False
        return tags
