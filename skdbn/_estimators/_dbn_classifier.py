"""Deep belief nets that classify."""

import warnings
from numbers import Integral

import numpy as np
from scipy.special import log_expit, log_softmax
from sklearn.base import ClassifierMixin, clone
from sklearn.neural_network import MLPClassifier
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.multiclass import type_of_target, unique_labels
from sklearn.utils.validation import check_is_fitted

from .._data._targets import (
    check_labels,
    check_weights_known,
    known_labels,
    one_hot_labels,
)
from .._networks._joint import JointNet
from .._networks._network import Network
from .._utils._numerics import blocks, check_counts
from .._utils._random import make_rng
from .._utils._sklearn import StrOptions, fit_context, safe_indexing
from ..exceptions import with_hints
from ..units import Bernoulli, Concatenated, Softmax
from ._dbn_supervised import SupervisedDBN, Targets
from ._rbm import RBM, restoring

N_GIBBS_OF_RECOGNITION = 10


class DBNClassifier(ClassifierMixin, SupervisedDBN):
    r"""Deep belief net that classifies, also from few labels.

    Its layers are learned without labels, as those of :class:`DBNTransformer`, from all
    rows; a head with one output a class is put on top, and the whole net fine-tuned by
    back-propagation on the rows that have a label [2]_. The labels may have two classes
    or more, or be an indicator matrix of several labels a row.

    With ``fine_tuning="up-down"`` the net stays a model of rows and labels together: the
    top layer is an RBM that sees the layer below and the label, the up-down algorithm
    [1]_ fine-tunes all layers, a class is the label of the highest exact probability
    given the layer below the top, and :meth:`sample` draws rows of a class.

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

    pretrained : DBNTransformer, DBNClassifier or FrozenEstimator, default=None
        A fitted transformer whose layers are used, so that one pre-training serves a
        whole grid search; `layers`, `rbm`, `n_iter` and `transposed` are then ignored,
        except for the top layer of "up-down". Or a classifier that was fitted by
        "up-down": "up-down" continues with its net, and "backprop" starts from its
        recognition weights and its top layer, with the label weights there as the head.
        Where estimators are cloned it has to be frozen:
        ``pretrained=FrozenEstimator(dbn)``.

    n_iter : int, default=None
        Number of epochs of pre-training for each layer. With None the RBMs decide,
        whose default is 10; 0 keeps the random initial weights, which is no
        pre-training.

    transposed : bool, default=False
        Whether a layer starts from the weights of the one below, transposed.

    fine_tuning : {"backprop", "up-down"}, default="backprop"
        How the net learns from the labels: as a network with a head, or as a model of
        rows and labels. "up-down" needs at least two layers, of binary hidden units,
        and one label per row; of the following parameters it uses `alpha`,
        `batch_size`, `learning_rate_init`, `momentum` and `max_iter`.

    n_gibbs : sequence of int, default=(3, 6, 10)
        Numbers of Gibbs steps at the top in "up-down", each for an equal share of the
        epochs.

    persistent : bool, default=False
        Whether the chains at the top in "up-down" continue from step to step rather
        than start from the rows. It needs many rows and a top layer that was learned
        with persistent chains, which is the default; take ``n_gibbs=(1,)``, no
        momentum, and a rate of up to 0.05 that falls to zero.

    recognition : {"exact", "gibbs"}, default="exact"
        How "up-down" infers the label at the top: by its exact probability, or by ten
        Gibbs steps, for comparison only.

    solver : {"adam", "sgd", "cg", "lbfgs"}, default="adam"
        Optimizer of the fine-tuning: Adam, gradient descent with momentum, or a few
        line searches on large batches, of conjugate gradients as in [2]_ or of L-BFGS.

    alpha : float, default=1e-4
        Strength of the L2 penalty on the weights, divided by the number of rows in a
        batch; for "up-down" it is not divided, as the `weight_decay` of an RBM.

    batch_size : int or "auto", default="auto"
        Number of rows in a batch of fine-tuning. "auto" is a fiftieth of the rows, but
        from 10 to 100, and 1,000 for "cg" and "lbfgs".

    learning_rate_init : float, Schedule or "auto", default="auto"
        Learning rate of "adam", "sgd" and "up-down". "auto" falls from 0.01, 0.1 or
        0.05 to zero over the epochs of :meth:`fit`. :meth:`partial_fit` divides by
        1 + epochs / 10, where an epoch is as many rows as ``fit`` or the first call had,
        and at least 1,000.
        Where layers have so many inputs x that a step would move fields too far, it is
        smaller in proportion: for "adam" where the mean Σ|x| exceeds 128, for "sgd"
        where Σx² exceeds 256, for "up-down" where the sum of variances exceeds 512.

    momentum : float or Schedule, default=0.9
        Fraction of the previous step that is added to the current one by "sgd" and
        "up-down".

    beta_1, beta_2 : float, default=0.9 and 0.999
        Decay rates of the running means of the gradient and of its square in "adam".

    epsilon : float, default=1e-8
        Added to the root of the mean square in "adam", for numerical stability.

    line_searches : int, default=3
        Number of line searches of "cg" and "lbfgs" on each batch.

    max_iter : int, default=100
        Number of epochs of fine-tuning. 0 keeps the initial head.

    head_iter : int, default=0
        Number of epochs at the beginning of fine-tuning in which only the head is
        trained.

    dropout : float or "auto", default="auto"
        Probability with which a hidden unit is dropped in a step of "adam" or "sgd".
        "auto" is 0.1 for these, and 0 for the other solvers, which do not support
        dropout. Large nets need more, up to 0.5.

    input_dropout : float, default=0.0
        Probability with which an input is dropped in a step.

    max_norm : float, default=None
        The largest norm of the weights into a hidden unit; None sets no limit. Weights
        of real-valued columns are for standardized columns, here and for `alpha`.

    class_weight : dict, "balanced", list of dict or None, default=None
        Weights of the classes in the loss, as in scikit-learn; with several labels per
        row those of each label's 0 and 1, given by "balanced" or a list of dict.
        "balanced" is not supported by :meth:`partial_fit`.

    unlabeled : int, float, str or None, default=None
        The label of rows that are used in pre-training only; with several labels per
        row, one that has it in all columns. They are not part of the classes, of the
        validation split or of :meth:`score`. With NaN, None and pandas' NA stand for no
        label as well. None means that no label is special; scikit-learn's convention
        for semi-supervised learning is -1.

    early_stopping : bool, default=False
        Whether to set rows aside from fine-tuning, stop when their score no longer
        improves, and keep the best net.

    validation_fraction : float, default=0.1
        Fraction of the rows with a target to set aside for early stopping.

    n_iter_no_change : int, default=10
        Number of epochs without improvement after which early stopping ends the fit.

    tol : float, default=1e-4
        Smallest increase of the score that is an improvement.

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

    network_ : Network or JointNet
        The fine-tuned net.

    top_ : RBM
        In "up-down" the top layer as it was learned first.

    coefs_ : list of ndarray of shape (n_in, n_out)
        Its weights, from the bottom up, for columns as they are; the last ones are
        those of the head.

    intercepts_ : list of ndarray of shape (n_out,)
        Its biases.

    history_ : list of dict
        For each epoch of :meth:`fit` ``loss`` (mean over the rows, with the penalty; in
        "up-down" ``reconstruction_error``), ``learning_rate`` and ``seconds``; with
        early stopping also ``validation_score``.

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
        **SupervisedDBN._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
        "unlabeled": "no_validation",
        "fine_tuning": [StrOptions({"backprop", "up-down"})],
        "n_gibbs": [list, tuple],
        "persistent": ["boolean"],
        "recognition": [StrOptions({"exact", "gibbs"})],
    }
    _attributes_of_some_fits = ("top_",)
    _can_be_given = "DBNTransformer or DBNClassifier"

    def __init__(
        self,
        layers=(256,),
        *,
        rbm=None,
        pretrained=None,
        n_iter=None,
        transposed=False,
        fine_tuning="backprop",
        n_gibbs=(3, 6, 10),
        persistent=False,
        recognition="exact",
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
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
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
            verbose=verbose,
            random_state=random_state,
        )
        self.fine_tuning = fine_tuning
        self.n_gibbs = n_gibbs
        self.persistent = persistent
        self.recognition = recognition
        self.class_weight = class_weight
        self.unlabeled = unlabeled

    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y, classes=None):
        """Continue training: one epoch of fine-tuning over the rows of X.

        The first call also learns the layers, from its rows and as :meth:`fit` does.
        Give `pretrained` where they have been learned from more rows. Later calls go by
        the present parameters of fine-tuning; those of the layers no longer matter.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.

        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels.

        classes : array-like of shape (n_classes,), default=None
            All labels that will come, needed in the first call.

        Returns
        -------
        self : DBNClassifier
            The fitted model.

        Raises
        ------
        ValueError
            If `classes` is missing in the first call, if y has a label that is not
            among them, or if `fine_tuning` is another one than before. The model is
            then left as it was.
        """
        with restoring(self):
            self._check_settings()
            self._check_kind()
            check_weights_known(self.class_weight)
            X = self._validate(X, reset=not hasattr(self, "network_"))
            targets = self._new_targets(X, y, self._known_classes(classes))
            return self._partial_fit(X, y, targets)

    def _known_classes(self, classes):
        if not hasattr(self, "network_"):
            if classes is None:
                raise ValueError(
                    "classes has to be given in the first call of partial_fit: all "
                    "labels that will come."
                )
            return unique_labels(classes)
        if classes is not None and not np.array_equal(
            unique_labels(classes), self.classes_
        ):
            raise ValueError(
                f"classes={classes!r} are not those of the first call, {self.classes_}."
            )
        return self.classes_

    def _new_targets(self, X, y, classes=None):
        """Codes of the labels, with which the rows that have none have zeros."""
        y, missing = check_labels(self, X, y)
        rows = np.flatnonzero(~missing)
        if not len(rows):
            raise ValueError(
                f"All {len(y)} rows of y are unlabeled={self.unlabeled!r}: the net needs "
                "some labels. Without any, DBNTransformer learns features."
            )
        known = known_labels(y[rows])
        generative = self.fine_tuning == "up-down"
        if type_of_target(known).startswith("multilabel"):
            if generative:
                raise ValueError(
                    "fine_tuning='up-down' takes one label a row, and y has several: "
                    "take 'backprop'."
                )
            values = np.zeros(y.shape)
            values[rows] = known
            return Targets(
                rows,
                values,
                Bernoulli(),
                None,
                self._weights_of_labels(values, rows),
                classes_=np.arange(y.shape[1]),
                _multilabel=True,
            )
        if classes is None:
            classes = np.unique(known)
            self._hint(classes)
        unseen = np.setdiff1d(known, classes)
        if len(unseen):
            raise ValueError(
                f"y has labels {unseen} that are not among the classes {classes}."
            )
        if len(classes) < 2:
            raise ValueError(
                f"y has 1 class, {classes[0]}: a classifier needs at least two."
            )
        codes = np.searchsorted(classes, known)
        n_outputs = 1 if len(classes) == 2 and not generative else len(classes)
        values = np.zeros((len(y), n_outputs))
        if n_outputs == 1:
            values[rows, 0] = codes
        else:
            values[rows, codes] = 1
        weights = None
        if self.class_weight is not None:
            weights = np.zeros(len(y))
            own = compute_class_weight(self.class_weight, classes=classes, y=known)
            weights[rows] = own[codes]
        head = Bernoulli() if n_outputs == 1 else Softmax(n_outputs)
        return Targets(
            rows, values, head, codes, weights, classes_=classes, _multilabel=False
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

    def _pretrained_layers(self):
        return self.layers if self.fine_tuning == "backprop" else self.layers[:-1]

    def _given_transformer(self):
        if not isinstance(self._given(), DBNClassifier):
            return super()._given_transformer()
        self._check_given("network_")
        if not self._given()._is_generative:
            raise ValueError(
                f"pretrained={self.pretrained!r} was fitted by back-propagation: give a "
                "DBNTransformer, or a DBNClassifier fitted with fine_tuning='up-down'."
            )
        return self._given().transformer_

    def _of_given_net(self, given, targets):
        """The network that starts as the net with labels of this classifier."""
        if targets.fitted["_multilabel"] or not np.array_equal(
            given.classes_, targets.fitted["classes_"]
        ):
            raise ValueError(
                f"y has the classes {targets.fitted['classes_']}, but pretrained was "
                f"fitted to {given.classes_}, one a row."
            )
        targets.fitted["top_"] = given.top_
        net = given.network_
        if self.fine_tuning == "up-down":
            return net.copy()
        n_outputs = targets.values.shape[1]
        return Network.of_joint(net, targets.head, n_outputs, self.max_norm)

    def _new_network(self, transformer, inputs, targets, rng):
        given = self._given()
        if isinstance(given, DBNClassifier):
            return self._of_given_net(given, targets)
        if self.fine_tuning == "backprop":
            return super()._new_network(transformer, inputs, targets, rng)
        top = self._new_top(transformer.rbms_[-1])
        top.set_params(random_state=int(rng.integers(2**31)))
        h = inputs[targets.rows]
        for rbm in transformer._layers:
            h = with_hints(False, rbm.transform, h)
        n_labels = targets.values.shape[1]
        parts = [(top.visible, h.shape[1]), ("softmax", 1, n_labels)]
        top.set_params(visible=Concatenated(parts))
        top._fit(
            np.hstack([h, targets.values[targets.rows].astype(h.dtype)]),
            keeps_interrupted=False,
        )
        targets.fitted["top_"] = top
        machines = [rbm.machine_ for rbm in transformer.rbms_]
        return JointNet.on_top_of(machines, top.machine_, n_labels)

    def _new_top(self, below):
        """The unfitted top layer, that sees the hidden units of this RBM and a label."""
        layer = self.layers[-1]
        template = below if isinstance(layer, Integral) else layer
        known = RBM().get_params(deep=False).keys()
        settings = {
            k: v for k, v in template.get_params(deep=False).items() if k in known
        }
        settings |= {"visible": "bernoulli"}
        if isinstance(layer, Integral):
            settings |= {"n_components": int(layer), "hidden": "bernoulli"}
        return clone(RBM(**settings))

    def _check_settings(self):
        if self.fine_tuning == "backprop":
            return
        layers = self.layers
        if self.pretrained is None and len(layers) < 2:
            raise ValueError(
                f"fine_tuning='up-down' with layers={layers!r}: take at least two. A "
                "single layer that sees a label is RBMClassifier."
            )
        if not self.n_gibbs or not all(
            isinstance(n, Integral) and n >= 1 for n in self.n_gibbs
        ):
            raise ValueError(
                f"n_gibbs={self.n_gibbs!r}: take a sequence of ints of at least 1."
            )

    def _check_kind(self):
        """Raise a ValueError if `fine_tuning` cannot continue with the fitted net."""
        if not hasattr(self, "network_"):
            return
        before = "up-down" if self._is_generative else "backprop"
        if self.fine_tuning != before:
            raise ValueError(
                f"fine_tuning={self.fine_tuning!r} cannot continue with a net that was "
                f"fitted with {before!r}: call fit, which begins anew."
            )

    def _hint(self, classes):
        if self.unlabeled is None and len(classes) > 2 and -1 in classes.tolist():
            warnings.warn(
                "y has the label -1 beside others. It is a class like these; if it "
                "stands for rows without a label, say unlabeled=-1.",
                stacklevel=5,
            )

    def predict(self, X):
        """The most probable class of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Labels; with several labels a row those of a probability above one half.
        """
        fields = self.decision_function(X)
        if self._multilabel:
            return (fields > 0).astype(int)
        if fields.ndim == 1:
            return self.classes_[(fields > 0).astype(int)]
        return self.classes_[fields.argmax(axis=1)]

    def decision_function(self, X):
        """The log-odds of the second of two classes or of each label, or of each class.

        Of more than two classes they are log-probabilities up to a constant for each
        row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        fields : ndarray of shape (n_samples,) or (n_samples, n_classes)
            In the order of ``classes_``.
        """
        fields = self._head_fields(X)
        if self._multilabel or len(self.classes_) > 2:
            return fields
        return fields[:, 0] if fields.shape[1] == 1 else fields[:, 1] - fields[:, 0]

    def predict_proba(self, X):
        """The probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        return np.exp(self.predict_log_proba(X))

    def predict_log_proba(self, X):
        """The logarithm of the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        fields = self.decision_function(X)
        if fields.ndim == 1:
            return log_expit(np.stack([-fields, fields], axis=1))
        return log_expit(fields) if self._multilabel else log_softmax(fields, axis=1)

    def score(self, X, y, sample_weight=None):
        """The accuracy on the rows that have a label.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Their labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        accuracy : float
            Between 0 and 1; with several labels a row all of them have to be right.
        """
        if self.unlabeled is not None:
            y, missing = check_labels(self, X, y)
            labeled = np.flatnonzero(~missing)
            y = known_labels(y[labeled])
            X, sample_weight = (
                values if values is None else safe_indexing(values, labeled)
                for values in (X, sample_weight)
            )
        return super().score(X, y, sample_weight)

    def sample(
        self, n_samples=1, y=None, *, n_steps=1000, means=False, random_state=None
    ):
        """Draw rows, and their labels or rows of given labels; for "up-down" only.

        Gibbs chains of the top layer, the labels clamped if they are given, and from the
        end of each one draw layer by layer down to the data.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.

        y : label or array-like of shape (n_samples,), default=None
            The class of all rows, or of each; None lets the net choose.

        n_steps : int, default=1000
            Number of Gibbs steps at the top.

        means : bool, default=False
            Whether to return the means of the visible units given the layer above, as
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
        AttributeError
            If the net is no model of rows: ``fine_tuning="backprop"``.
        """
        check_is_fitted(self, "network_")
        check_counts(n_samples=n_samples, n_steps=n_steps)
        if not self._is_generative:
            raise AttributeError(
                "sample needs a net that is a model of rows and labels: fit it with "
                "fine_tuning='up-down'."
            )
        rng = self._rng if random_state is None else make_rng(random_state)
        labels = None if y is None else one_hot_labels(y, self.classes_, n_samples)
        net = self.network_
        h, labels = net.chain(labels, n_samples, rng, n_steps)
        X = self.rbms_[0]._as_data(net.generate(h, rng, means), means)
        return X, self.classes_[labels.argmax(axis=1)]

    @property
    def _is_generative(self):
        return isinstance(self.network_, JointNet)

    def _head_fields(self, X):
        if self.recognition == "exact" or not self._is_generative:
            return super()._head_fields(X)
        # By Gibbs steps, the same ones in each call.
        net, rng = self.network_, make_rng(0)
        X = self._inputs(self.transformer_, self._validate(X))
        p = [
            net.label_by_gibbs(net.recognize(block), rng, N_GIBBS_OF_RECOGNITION)
            for _, block in blocks(X, net.width, net.dtype)
        ]
        # A mean of zero is possible in float32.
        with np.errstate(divide="ignore"):
            return np.log(np.concatenate(p))

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
        if self._is_generative:
            raise ValueError(
                "A net of fine_tuning='up-down' finds its labels by an RBM, which "
                "MLPClassifier has not: take 'backprop'."
            )
        if self._multilabel:
            return self._to_mlp(MLPClassifier, np.eye(len(self.classes_), dtype=int))
        return self._to_mlp(MLPClassifier, self.classes_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
