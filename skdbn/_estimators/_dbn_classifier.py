"""Deep belief nets that classify."""

from numbers import Real

import numpy as np
from scipy.sparse import issparse
from sklearn.neural_network import MLPClassifier
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import check_is_fitted

from .._data._spreading import taught, to_be_taught
from .._data._targets import check_weights_known, class_weights
from .._networks._network import Network
from .._utils._sklearn import Interval, StrOptions
from ..units import Bernoulli, Softmax
from ._dbn import DBNTransformer
from ._dbn_labels import LabelsMixin
from ._dbn_network import NetworkDBN
from ._dbn_supervised import Targets
from ._generative_dbn_classifier import GenerativeDBNClassifier


class DBNClassifier(LabelsMixin, NetworkDBN):
    r"""Deep belief net that classifies, also from few labels.

    Its layers are learned without labels, as those of :class:`DBNTransformer`, from all
    rows; a head with one output a class is put on top, and the whole net fine-tuned by
    back-propagation on the rows that have a label [2]_. The labels may have two classes
    or more, or be an indicator matrix of several labels a row.

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

    pretrained : DBNTransformer or GenerativeDBNClassifier, default=None
        A fitted transformer whose layers are used, so that one pre-training serves a
        whole grid search; `layers`, `rbm`, `n_iter` and `transposed` are then ignored.
        Or a model of rows and labels: the net starts from its recognition weights and
        its top layer, with the label weights there as the head. Where estimators are
        cloned it has to be frozen: ``pretrained=FrozenEstimator(dbn)``.

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
        Largest number of epochs of fine-tuning; 0 keeps the initial head. With "adam" at
        its automatic rate there are fewer if labels are learned before: from the epoch
        on whose loss is a tenth of that of the best constant probabilities, the rate
        falls to zero in half as many epochs again, and at least 15.

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

    class_weight : dict, "balanced", list of dict or None, default=None
        Weights of the classes in the loss, as in scikit-learn; with several labels per
        row those of each label's 0 and 1, given by "balanced" or a list of dict.
        "balanced" is not supported by :meth:`partial_fit`.

    unlabeled : int, float, str or None, default=None
        The label of rows that have none; with several labels per row, one that has it
        in all columns. They are learned from in pre-training and, by `unlabeled_weight`,
        in fine-tuning. They are not part of the classes, of the
        validation split or of :meth:`score`. With NaN, None and pandas' NA stand for no
        label as well. None means that no label is special; scikit-learn's convention
        for semi-supervised learning is -1.

    unlabeled_weight : float, default=1.0
        How much a row without a label counts in fine-tuning by :meth:`fit`, of up to
        10,000 of them. What stands for its label are probabilities, the product of what
        neighbors say to whom labels spread [4]_ and of what a logistic regression says,
        each on the columns or on the features, whichever tells held-out labels better.
        0 leaves these rows to pre-training, as do several labels a row.

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
    classes_ : ndarray of shape (n_classes,)
        The labels; of an indicator matrix its columns.

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
    DBNTransformer : The layers alone, for any classifier after them.
    DBNRegressor : Numbers instead of labels.
    GenerativeDBNClassifier : A model of rows and labels, which draws rows of a class.
    sklearn.neural_network.MLPClassifier : A net without pre-training.

    References
    ----------
    .. [1] Hinton, G. E., Osindero, S. and Teh, Y. W. (2006). A fast learning algorithm
       for deep belief nets. Neural Computation 18, 1527-1554.
    .. [2] Hinton, G. E. and Salakhutdinov, R. R. (2006). Reducing the dimensionality of
       data with neural networks. Science 313, 504-507.
    .. [3] Srivastava, N., Hinton, G., Krizhevsky, A., Sutskever, I. and Salakhutdinov,
       R. (2014). Dropout: a simple way to prevent neural networks from overfitting.
       JMLR 15, 1929-1958.
    .. [4] Zhou, D., Bousquet, O., Lal, T. N., Weston, J. and Schoelkopf, B. (2004).
       Learning with local and global consistency. NIPS 16.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdbn import DBNClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> few = y.copy()
    >>> few[200:] = -1  # without a label
    >>> dbn = DBNClassifier((64, 64), unlabeled=-1, max_iter=30, random_state=0)
    >>> dbn.fit(X / 16, few).score(X[200:] / 16, y[200:]) > 0.8
    True
    """

    _parameter_constraints: dict = {
        **NetworkDBN._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
        "unlabeled": "no_validation",
        "unlabeled_weight": [Interval(Real, 0, None, closed="left")],
    }
    _can_be_given = (DBNTransformer, GenerativeDBNClassifier)

    def __init__(
        self,
        layers=(256,),
        *,
        rbm=None,
        pretrained=None,
        n_iter=None,
        transposed=False,
        solver="adam",
        alpha=1e-4,
        batch_size="auto",
        learning_rate_init="auto",
        momentum=0.9,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        line_searches=3,
        max_iter=100,
        head_iter=0,
        dropout="auto",
        input_dropout=0.0,
        max_norm=None,
        class_weight=None,
        unlabeled=None,
        unlabeled_weight=1.0,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        verbose=0,
        random_state=None,
    ):
        super().__init__(
            layers,
            rbm=rbm,
            pretrained=pretrained,
            n_iter=n_iter,
            transposed=transposed,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate_init=learning_rate_init,
            momentum=momentum,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            line_searches=line_searches,
            max_iter=max_iter,
            head_iter=head_iter,
            dropout=dropout,
            input_dropout=input_dropout,
            max_norm=max_norm,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            warm_start=warm_start,
            verbose=verbose,
            random_state=random_state,
        )
        self.class_weight = class_weight
        self.unlabeled = unlabeled
        self.unlabeled_weight = unlabeled_weight

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        check_weights_known(self.class_weight)
        return super().partial_fit(X, y, classes, sample_weight)

    def _one_label(self, known, rows, n_rows, classes):
        codes = np.searchsorted(classes, known)
        n_outputs = 1 if len(classes) == 2 else len(classes)
        values = np.zeros((n_rows, n_outputs))
        if n_outputs == 1:
            values[rows, 0] = codes
        else:
            values[rows, codes] = 1
        weights = own = None
        if self.class_weight is not None:
            weights = np.ones(n_rows)
            own = class_weights(self.class_weight, classes, known)
            weights[rows] = own[codes]
        head = Bernoulli() if n_outputs == 1 else Softmax(n_outputs)
        return Targets(
            rows, values, head, codes, weights, own, classes_=classes, _multilabel=False
        )

    def _rows_to_learn(self, transformer, X, network, inputs, targets, rows, rng):
        if (
            self.unlabeled is None
            or not self.unlabeled_weight
            or targets.fitted["_multilabel"]
        ):
            return rows
        others, values = targets.without(), targets.values[rows]
        own = values.argmax(axis=1) if values.shape[1] > 1 else values[:, 0].astype(int)
        if not len(others) or (own == own[0]).all():
            return rows
        others = to_be_taught(others, rng)
        some, codes = np.append(rows, others), np.full(len(rows) + len(others), -1)
        codes[: len(rows)] = own
        spaces = [transformer._features(X[some], hints=False)]
        if not issparse(inputs):
            spaces.insert(0, network.standardized(inputs[some]))
        p = taught(spaces, codes, len(targets.fitted["classes_"]))
        targets.learn(others, p[len(rows) :], self.unlabeled_weight)
        return some

    def _several_labels(self, known, rows, n_rows):
        values = np.zeros((n_rows, known.shape[1]))
        values[rows] = known
        return Targets(
            rows,
            values,
            Bernoulli(),
            None,
            self._weights_of_labels(values, rows),
            classes_=np.arange(known.shape[1]),
            _multilabel=True,
        )

    def _weights_of_labels(self, values, rows):
        """The weight of each label's 0 or 1 in each row."""
        n_labels = values.shape[1]
        each = self.class_weight
        if each is None:
            return None
        if isinstance(each, str):
            each = [each] * n_labels
        if isinstance(each, dict) or len(each) != n_labels:
            raise ValueError(
                f"class_weight={each!r} and y has {n_labels} labels a row: take "
                "'balanced', or a list with a dict for each label."
            )
        weights = np.zeros(values.shape)
        for label, own in enumerate(each):
            column = values[rows, label]
            if isinstance(own, dict):
                if own.keys() - {0, 1}:
                    raise ValueError(
                        f"class_weight has {own!r} for a label: take weights of 0 and 1."
                    )
                weights[rows, label] = np.where(column, own.get(1, 1), own.get(0, 1))
            else:
                weights[rows, label] = compute_sample_weight(own, column)
        return weights

    def _new_network(self, transformer, inputs, targets, rows, rng):
        given = self._given()
        if not isinstance(given, GenerativeDBNClassifier):
            return super()._new_network(transformer, inputs, targets, rows, rng)
        self._check_classes_of(given, targets)
        n_outputs = targets.values.shape[1]
        return Network.of_joint(given.network_, targets.head, n_outputs, self.max_norm)

    def to_mlp(self):
        """A fitted network of scikit-learn with the same predictions.

        Returns
        -------
        mlp : sklearn.neural_network.MLPClassifier
            It has its own arrays.

        Raises
        ------
        ValueError
            If scikit-learn has no such network: its layers are of one type, and its
            inputs the columns as they are.
        """
        check_is_fitted(self, "network_")
        if self._multilabel:
            return self._to_mlp(MLPClassifier, np.eye(len(self.classes_), dtype=int))
        return self._to_mlp(MLPClassifier, self.classes_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
