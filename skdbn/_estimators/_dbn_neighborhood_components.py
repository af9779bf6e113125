"""Deep belief nets whose codes put rows beside others of their class."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils.multiclass import type_of_target

from .._data._sources import PairsSource
from .._data._targets import check_labels, hint_at_unlabeled, known_labels, rows_of
from .._networks._neighbors import (
    NeighborAutoencoder,
    NeighborNetwork,
    right_neighbors,
)
from .._training._fine_tuning import FineTuningPlan
from .._utils._sklearn import Interval, StrOptions, fit_context
from ._dbn_code import CodeDBN
from ._dbn_supervised import Targets, some_of
from ._restricted import restoring

# The fewest rows of a batch: two that are neighbors, and one that is not.
FEWEST = 3


class Neighbors(Targets):
    """Labels of rows, by which they are to be neighbors."""

    def __init__(self, codes, reconstructed):
        rows = np.flatnonzero(codes >= 0)
        super().__init__(rows, codes, None, strata=codes[rows])
        self.others = np.flatnonzero(codes < 0) if reconstructed else rows[:0]

    def source(self, X, network, rows=None):
        rows = self.rows if rows is None else rows
        return PairsSource(X, self.values, np.append(rows, self.others))


class DBNNeighborhoodComponents(CodeDBN):
    r"""Nonlinear neighborhood components: rows of a class lie beside each other.

    It is to :class:`~sklearn.neighbors.NeighborhoodComponentsAnalysis` what a deep net
    is to a matrix [1]_. A stack of RBMs is learned from all rows as in
    :class:`DBNTransformer`, with a code f(x) of `n_components` linear units on top. The
    way up is then fine-tuned by back-propagation, so that as many rows as possible have
    a neighbor of their own label, where row a takes row b for its neighbor with the
    probability

    .. math:: p_{ab} = \frac{\exp(-\|f(x_a) - f(x_b)\|^2)}
        {\sum_{z \ne a} \exp(-\|f(x_a) - f(x_z)\|^2)}, \qquad p_{aa} = 0

    among the rows of a batch. Put it before
    :class:`~sklearn.neighbors.KNeighborsClassifier`, or draw its two components as a
    map of the data.

    Parameters
    ----------
    layers : sequence of int or RBM, default=(256, 64)
        The hidden layers below the code, from the bottom up: the number of units of a
        copy of `rbm`, or an RBM with its own settings.

    n_components : int, default=2
        Number of units of the code.

    reconstruction : float, default=0.0
        How much the code is an autoencoder's as well, at least 0 and below 1. Above 0
        the loss is this times the loss of :class:`DBNAutoencoder`, which is a sum over
        the columns, plus 1 − `reconstruction` times minus the mean probability of a
        right neighbor. Rows without a label then take part in fine-tuning too, which
        helps where labels are few; 0.01 is published for images of 784 pixels [1]_.

    unlabeled : int, float, str or None, default=None
        The label of rows that have none. They are learned from in pre-training, and in
        fine-tuning where `reconstruction` is above 0. With NaN, None and pandas' NA
        stand for no label as well. None means that no label is special; scikit-learn's
        convention for semi-supervised learning is -1.

    rbm : RBM, default=None
        The settings of the layers that are given as a number, as in
        :class:`DBNTransformer`. None is :class:`BernoulliRBM` or, at the bottom and for
        data that are neither bits nor gray levels, :class:`GaussianRBM`; the model then
        does not depend on the unit and the zero of a column. Give an instance to search
        its parameters, as ``rbm__learning_rate``.

    pretrained : DBNTransformer or FrozenEstimator, default=None
        A fitted transformer with the code as its top layer, so that one pre-training
        serves a whole grid search; `layers`, `rbm` and `n_iter` are then ignored. Where
        estimators are cloned it has to be frozen:
        ``pretrained=FrozenEstimator(dbn)``.

    n_iter : int, default=None
        Number of epochs of pre-training for each layer. With None it is 10 for layers
        that are numbers without `rbm`, but 3 to 9 of more than 4,000 rows, and RBMs
        that are given decide themselves; 0 keeps the random initial weights, which is
        no pre-training.

    solver : {"adam", "sgd", "cg", "lbfgs"}, default="adam"
        Optimizer of the fine-tuning: Adam, gradient descent with momentum, or a few
        line searches on large batches, of conjugate gradients as in [1]_ or of L-BFGS.

    alpha : float, default=1e-4
        Strength of the L2 penalty on the weights, divided by the number of rows in a
        batch.

    batch_size : int or "auto", default="auto"
        Number of rows in a batch of fine-tuning, at least 3; batches are of nearly the
        same size. A row has its neighbors in its batch, so that small ones tell little.
        "auto" is a tenth of the rows, but from 100 to 1,000, and 1,000 for "cg" and
        "lbfgs". With `reconstruction` half of a batch are rows with a label, if fewer
        than half of all rows are.

    learning_rate_init : float, Schedule or "auto", default="auto"
        Learning rate; only used when solver="adam" or "sgd". "auto" falls from 0.01 or
        0.1 to zero over the epochs of :meth:`fit`. :meth:`partial_fit` divides by
        1 + epochs / 10, where an epoch is as many rows as ``fit`` or the first call had,
        and at least 1,000. Where layers have so many inputs x that a step would move
        fields too far, it is smaller in proportion: for "adam" where the mean Σ|x|
        exceeds 128, for "sgd" where Σx² exceeds 256.

    momentum : float or Schedule, default=0.9
        Fraction of the previous step that is added to the current one. Only used when
        solver="sgd".

    line_searches : int, default=3
        Number of line searches on each batch. Only used when solver="cg" or "lbfgs".

    max_iter : int, default=100
        Number of epochs of fine-tuning. 0 keeps the stack as it was unrolled.

    input_dropout : float, default=0.0
        Probability with which an input is dropped in a step of "adam" or "sgd".

    early_stopping : bool, default=False
        Whether to set rows aside from fine-tuning, stop when their score no longer
        improves, and keep the best net.

    validation_fraction : float, default=0.1
        Fraction of the rows to set aside for early stopping.

    n_iter_no_change : int, default=10
        Number of epochs without improvement after which early stopping ends the fit.

    tol : float, default=1e-4
        Smallest increase of the score that is an improvement.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the fitted net, if there is one, rather than
        begin anew: layers are not learned again. Columns and code have to be the same.

    verbose : int, default=0
        Whether to print a line after each epoch. The model does not depend on it.

    random_state : int, RandomState instance or None, default=None
        Determines the layers, the order of the rows and the inputs dropped. Pass an int
        for repeatable results.

    Attributes
    ----------
    transformer_ : DBNTransformer
        The layers and the code as they were before fine-tuning.

    rbms_ : list of RBM
        The same layers, from the bottom up.

    network_ : NeighborNetwork or NeighborAutoencoder
        The fine-tuned net, up to the code; with `reconstruction` also down.

    history_ : list of dict
        For each epoch of :meth:`fit` ``loss`` (mean over the rows, with the penalty),
        ``learning_rate`` and ``seconds``; with early stopping also
        ``validation_score``, the :meth:`score` of the held-out rows.

    n_iter_ : int
        Number of epochs of fine-tuning that were run.

    n_features_in_ : int
        Number of features seen during ``fit``.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during ``fit``, if all are strings.

    See Also
    --------
    DBNAutoencoder : A code without labels.
    DBNClassifier : Predicts labels.
    sklearn.neighbors.NeighborhoodComponentsAnalysis : The best linear code.

    References
    ----------
    .. [1] Salakhutdinov, R. and Hinton, G. E. (2007). Learning a nonlinear embedding by
       preserving class neighbourhood structure. AISTATS, 412-419.
    .. [2] Goldberger, J., Roweis, S., Hinton, G. E. and Salakhutdinov, R. (2004).
       Neighbourhood components analysis. NIPS 17.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from skdbn import DBNNeighborhoodComponents
    >>> X, y = load_digits(return_X_y=True)
    >>> X = X / 16
    >>> code = DBNNeighborhoodComponents((64,), max_iter=30, random_state=0)
    >>> model = make_pipeline(code, KNeighborsClassifier()).fit(X[:1300], y[:1300])
    >>> model.score(X[1300:], y[1300:]) > 0.8
    True
    """

    _parameter_constraints: dict = CodeDBN._parameter_constraints | {
        "reconstruction": [Interval(Real, 0, 1, closed="left")],
        "unlabeled": "no_validation",
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, FEWEST, None, closed="left"),
        ],
    }

    def __init__(
        self,
        layers=(256, 64),
        n_components=2,
        *,
        reconstruction=0.0,
        unlabeled=None,
        rbm=None,
        pretrained=None,
        n_iter=None,
        solver="adam",
        alpha=1e-4,
        batch_size="auto",
        learning_rate_init="auto",
        momentum=0.9,
        line_searches=3,
        max_iter=100,
        input_dropout=0.0,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        verbose=0,
        random_state=None,
    ):
        self.layers = layers
        self.n_components = n_components
        self.reconstruction = reconstruction
        self.unlabeled = unlabeled
        self.rbm = rbm
        self.pretrained = pretrained
        self.n_iter = n_iter
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.momentum = momentum
        self.line_searches = line_searches
        self.max_iter = max_iter
        self.input_dropout = input_dropout
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X, y):
        """Learn the layers from all rows, and then put rows of a class together.

        On a KeyboardInterrupt during fine-tuning a warning is issued and the net of the
        last completed epoch is kept; before that the interrupt propagates.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, such as the first layer takes.

        y : array-like of shape (n_samples,)
            Labels, of which each but `unlabeled` has to be there at least twice.

        Returns
        -------
        self : DBNNeighborhoodComponents
            The fitted model.

        Raises
        ------
        ValueError
            If `layers` is no sequence of ints and RBMs, if `pretrained` does not fit the
            data or the code, if X has NaN, if a label is there only once, or if a fit
            diverges. The estimator is then left as it was.

        Warns
        -----
        ConvergenceWarning
            If the net has the same output for all rows although they differ.
        """
        return super().fit(X, y)

    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y):
        """Continue training: one epoch of fine-tuning over the rows of X.

        The first call also learns the layers, from its rows and as :meth:`fit` does.
        Give `pretrained` where the layers have been learned from more rows. Later calls
        go by the present parameters of fine-tuning; those of the layers no longer
        matter.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.

        y : array-like of shape (n_samples,)
            Labels, at least one of them twice. They need not be those of other calls.

        Returns
        -------
        self : DBNNeighborhoodComponents
            The fitted model.

        Raises
        ------
        ValueError
            As in :meth:`fit`. The model is then unchanged.
        """
        with restoring(self):
            self._check_settings()
            X = self._validate(X, reset=not hasattr(self, "network_"))
            targets = self._new_targets(X, y, whole=False)
            return self._partial_fit(X, y, targets, None)

    def score(self, X, y):
        """The mean probability that a row's neighbor among these has its label.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        y : array-like of shape (n_samples,)
            Their labels. Rows without one are left out.

        Returns
        -------
        score : float
            Between 0 and 1.
        """
        y, missing = check_labels(self, X, y)
        rows = np.flatnonzero(~missing)
        codes = np.unique(known_labels(y[rows]), return_inverse=True)[1]
        return _mean_right(self.transform(rows_of(X, rows)), codes)

    def _plan(self):
        return FineTuningPlan.of(self, pairs=True)

    def _new_targets(self, X, y, whole=True):
        """The index of each row's label, −1 where there is none.

        The labels of a whole training set are checked.
        """
        y, missing = check_labels(self, X, y)
        rows = np.flatnonzero(~missing)
        if not len(rows):
            raise ValueError(
                f"All {len(y)} rows of y are unlabeled={self.unlabeled!r}: neighborhood "
                "components need some labels. Without any, DBNAutoencoder learns a code."
            )
        known = known_labels(y[rows])
        if type_of_target(known).startswith("multilabel"):
            raise ValueError(
                f"y has {known.shape[1]} labels a row, and neighbors have one in common: "
                "give one label a row."
            )
        classes, own, counts = np.unique(known, return_inverse=True, return_counts=True)
        if whole:
            hint_at_unlabeled(self, classes)
            _check_classes(classes, counts)
        elif counts.max() < 2:
            raise ValueError(
                f"No two of the {len(known)} rows of y have the same label, so that none "
                "has a right neighbor: give more rows at a time."
            )
        codes = np.full(len(y), -1)
        codes[rows] = own
        return Neighbors(codes, self.reconstruction > 0)

    def _new_network(self, transformer, inputs, targets, rows, rng):
        machines = [rbm.machine_ for rbm in transformer.rbms_]
        if self.reconstruction:
            network = NeighborAutoencoder.unrolled(machines)
            network.reconstruction = self.reconstruction
        else:
            network = NeighborNetwork.of_stack(machines)
        if self.max_iter:
            network.lengthen(inputs[some_of(rows)])
        return network

    def _held_out_score(self, network, inputs, targets, rows):
        code = network.in_blocks(network.code, inputs[rows])
        return _mean_right(code, targets.values[rows])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def _mean_right(code, labels):
    """The mean probability of a right neighbor."""
    return float(right_neighbors(code, labels).mean(dtype=np.float64))


def _check_classes(classes, counts):
    """Raise a ValueError if labels do not say which rows are to be neighbors."""
    if len(classes) < 2:
        raise ValueError(
            f"y has 1 class, {classes[0]}: neighborhood components need at least two, "
            "for rows that are to lie apart."
        )
    single = classes[counts == 1].tolist()
    if single:
        raise ValueError(
            f"y has the label {single[0]!r} in a single row, and {len(single)} such "
            "labels in all: a row needs another one of its label for a neighbor. Leave "
            "these rows out, or give them the label unlabeled."
        )
