"""Deep belief nets that are a model of rows and labels."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from .. import gradients
from .._data._targets import one_hot_labels
from .._networks._joint import JointNet
from .._utils._checks import check_counts
from .._utils._sklearn import Interval, StrOptions
from ..exceptions import with_hints
from ..units import Bernoulli, Concatenated, Softmax
from ._dbn import DBNTransformer
from ._dbn_labels import LabelsMixin
from ._dbn_supervised import SupervisedDBN, Targets
from ._generative import LayeredMixin, check_trace, film, states_of_chains
from ._layers import check_types, hidden_units, list_of_layers
from ._rbm import RBM


class GenerativeDBNClassifier(LayeredMixin, LabelsMixin, SupervisedDBN):
    r"""Deep belief net that models rows and labels together.

    .. math:: &p(v, h^1, \ldots, h^L, y) \\
              &= p(v \mid h^1) \cdots p(h^{L-2} \mid h^{L-1}) \, p(h^{L-1}, h^L, y)

    Its layers are learned without labels, as those of :class:`DBNTransformer`, from all
    rows. The top layer is an RBM that sees the layer below and the label, and learns
    from the rows that have one. The up-down algorithm [1]_ then fine-tunes all layers,
    with separate weights for recognition and generation. A class has its exact
    probability given the layer below the top, and :meth:`sample` draws rows of a class.

    Parameters
    ----------
    layers : sequence of int or RBM, default=(256, 256)
        The hidden layers from the bottom up, at least two: the number of units of a
        copy of `rbm`, or an RBM with its own settings. Those below the top have binary
        units, and the top is an :class:`RBM` or a :class:`BernoulliRBM`.

    rbm : RBM, default=None
        The settings of the layers that are given as a number, as in
        :class:`DBNTransformer`. None is :class:`BernoulliRBM` or, at the bottom and for
        data that are neither bits nor gray levels, :class:`GaussianRBM`; the model then
        does not depend on the unit and the zero of a column. Give an instance to search
        its parameters, as ``rbm__learning_rate``.

    pretrained : DBNTransformer or GenerativeDBNClassifier, default=None
        A fitted transformer whose layers are used, so that one pre-training serves a
        whole grid search; the last one of `layers` then goes on top of them, and the
        others, `rbm` and `transposed` are ignored, and the settings of a top layer that
        is given as a number are those of the layer below. Or a model of rows and
        labels, whose fine-tuning continues: then `n_iter` and all `layers` are ignored
        as well. Where estimators are cloned it has to be frozen:
        ``pretrained=FrozenEstimator(dbn)``.

    n_iter : int, default=None
        Number of epochs of pre-training for each layer. With None it is 10 for layers
        that are numbers without `rbm`, but 3 to 9 of more than 4,000 rows, and RBMs
        that are given decide themselves; 0 keeps the random initial weights, which is
        no pre-training.

    transposed : bool, default=False
        Whether a layer below the top starts from the weights of the one below it,
        transposed.

    gradient : str or Gradient, default=None
        Estimator of the gradient at the top in the up-down algorithm, whose chains also
        begin the sleep phase: "cd", "pcd", "fpcd" or "pt", or an object of
        :mod:`skdbn.gradients`, such as ``CD(n_steps=10)`` or ``PCD(n_chains=500)``.
        None is ``CD(n_steps=5)``; a single step is faster and draws worse samples.
        Chains that persist need many rows, a top layer that was learned with such
        chains, which is the default, no momentum, and a rate of up to 0.05 that falls
        to zero.

    weight_decay : float, default=1e-4
        Strength of the L2 penalty on the weights in fine-tuning; the biases have none.

    batch_size : int or "auto", default="auto"
        Number of rows in a batch of fine-tuning. "auto" is a fiftieth of the rows, but
        from 10 to 100.

    learning_rate_init : float, Schedule or "auto", default="auto"
        Learning rate of fine-tuning. "auto" falls from 0.05 to zero over the epochs of
        :meth:`fit`. :meth:`partial_fit` divides by 1 + epochs / 10, where an epoch is as
        many rows as ``fit`` or the first call had, and at least 1,000. Where the
        variances of the units of a layer sum to more than 512, it is smaller in
        proportion.

    momentum : float or Schedule, default=0.9
        Fraction of the previous step that is added to the current one.

    max_iter : int, default=100
        Number of epochs of fine-tuning. 0 keeps the layers as they were learned.

    unlabeled : int, float, str or None, default=None
        The label of rows that are used in the pre-training of the layers below the top
        only. They are not part of the classes, of the validation split or of
        :meth:`score`. With NaN, None and pandas' NA stand for no label as well. None
        means that no label is special; scikit-learn's convention for semi-supervised
        learning is -1.

    early_stopping : bool, default=False
        Whether to set labeled rows aside from the top and from fine-tuning, stop when
        their score no longer improves, and keep the best net.

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
        Determines the layers, the order of the rows and the sampling. Pass an int for
        repeatable results.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.

    transformer_ : DBNTransformer
        The layers below the top as they were learned without targets.

    rbms_ : list of RBM
        The same layers, from the bottom up.

    top_ : RBM
        The top layer as it was learned first; its last visible units are the label.

    network_ : JointNet
        The fine-tuned net.

    history_ : list of dict
        For each epoch of :meth:`fit` ``reconstruction_error`` (the mean squared error
        of a value, given a draw of the first layer), ``learning_rate`` and
        ``seconds``; with early stopping also ``validation_score``.

    n_iter_ : int
        Number of epochs of fine-tuning that were run.

    n_features_in_ : int
        Number of features seen during ``fit``.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during ``fit``, if all are strings.

    See Also
    --------
    RBMClassifier : The model of rows and labels with a single layer.
    DBNClassifier : Fine-tuned by back-propagation, also from here.
    DBNTransformer : A model of rows without labels.

    References
    ----------
    .. [1] Hinton, G. E., Osindero, S. and Teh, Y. W. (2006). A fast learning algorithm
       for deep belief nets. Neural Computation 18, 1527-1554.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdbn import GenerativeDBNClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> dbn = GenerativeDBNClassifier((64, 64), max_iter=10, random_state=0)
    >>> dbn.fit(X[:1000] / 16, y[:1000]).score(X[1000:] / 16, y[1000:]) > 0.8
    True
    >>> fives, labels = dbn.sample(3, y=5, n_steps=100)
    >>> fives.shape
    (3, 64)
    """

    _parameter_constraints: dict = {
        **SupervisedDBN._parameter_constraints,
        "gradient": [StrOptions({"cd", "pcd", "fpcd", "pt"}), gradients.Gradient, None],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "unlabeled": "no_validation",
    }

    def __init__(
        self,
        layers=(256, 256),
        *,
        rbm=None,
        pretrained=None,
        n_iter=None,
        transposed=False,
        gradient=None,
        weight_decay=1e-4,
        batch_size="auto",
        learning_rate_init="auto",
        momentum=0.9,
        max_iter=100,
        unlabeled=None,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        verbose=0,
        random_state=None,
    ):
        self.layers = layers
        self.rbm = rbm
        self.pretrained = pretrained
        self.n_iter = n_iter
        self.transposed = transposed
        self.gradient = gradient
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.momentum = momentum
        self.max_iter = max_iter
        self.unlabeled = unlabeled
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    @property
    def _can_be_given(self):
        return DBNTransformer, GenerativeDBNClassifier

    def _check_settings(self):
        n_own = 2 if self.pretrained is None else 1
        if len(list_of_layers(self)) < n_own:
            raise ValueError(
                f"layers={self.layers!r}: take at least {n_own}. A single layer that "
                "sees a label is RBMClassifier."
            )
        if isinstance(self.gradient, gradients.ScoreMatching):
            raise TypeError(
                f"gradient={self.gradient!r} has no chains, from which the sleep phase "
                "could begin: take CD or PCD."
            )
        for layer in self._layers_below_top():
            hidden = Bernoulli() if layer is None else hidden_units(layer)
            if not isinstance(hidden, Bernoulli):
                raise TypeError(
                    f"Below the top is {layer!r}, with hidden units of type {hidden}: "
                    f"{type(self).__name__} takes binary ones."
                )

    def _layers_below_top(self):
        """RBMs with the hidden types of these layers, None for the default."""
        if self.pretrained is not None:
            return self._given_transformer().rbms_
        return [self.rbm if isinstance(n, Integral) else n for n in self.layers[:-1]]

    def _pretrained_layers(self):
        return self.layers[:-1]

    def _one_label(self, known, rows, n_rows, classes):
        codes = np.searchsorted(classes, known)
        values = np.zeros((n_rows, len(classes)))
        values[rows, codes] = 1
        return Targets(rows, values, Softmax(len(classes)), codes, classes_=classes)

    def _several_labels(self, known, rows, n_rows):
        raise ValueError(
            f"y has {known.shape[1]} labels a row, and {type(self).__name__} takes one: "
            "DBNClassifier takes several."
        )

    def _new_network(self, transformer, inputs, targets, rows, rng):
        given = self._given()
        if isinstance(given, GenerativeDBNClassifier):
            self._check_classes_of(given, targets)
            targets.fitted["top_"] = given.top_
            return given.network_.copy()
        top = self._new_top(transformer.rbms_[-1])
        top.set_params(random_state=int(rng.integers(2**31)))
        h = inputs[rows]
        for rbm in transformer._layers:
            h = with_hints(False, rbm.transform, h)
        n_labels = targets.values.shape[1]
        parts = [(top.visible, h.shape[1]), ("softmax", 1, n_labels)]
        top.set_params(visible=Concatenated(parts))
        top._fit(
            np.hstack([h, targets.values[rows].astype(h.dtype)]),
            sample_weight=None if targets.weights is None else targets.weights[rows],
            keeps_interrupted=False,
        )
        targets.fitted["top_"] = top
        machines = [rbm.machine_ for rbm in transformer.rbms_]
        return JointNet.on_top_of(machines, top.machine_, n_labels)

    def _new_top(self, below):
        """The unfitted top layer, that sees the hidden units of this RBM and a label."""
        layer = self.layers[-1]
        known = RBM().get_params(deep=False).keys()
        if isinstance(layer, Integral):
            settings = below.get_params(deep=False).items()
            # SparseRBM has None for a gradient that depends on its units.
            settings = {k: v for k, v in settings if k in known and v is not None}
            settings |= {"n_components": int(layer), "hidden": "bernoulli"}
        else:
            settings = layer.get_params(deep=False)
            own = sorted(settings.keys() - known)
            if own:
                raise TypeError(
                    f"The top layer is {layer!r}, and a layer that sees labels has no "
                    f"{', '.join(own)}: take an RBM or a BernoulliRBM."
                )
            check_types(len(self.layers) - 1, hidden_units(below), layer)
        if self.n_iter is not None:
            settings["n_iter"] = self.n_iter
        if self.verbose:
            settings["verbose"] = self.verbose
        return clone(RBM(**settings | {"visible": "bernoulli"}))

    def _bottom(self):
        return self.transformer_._layers[0]

    def _stack(self):
        return self.network_

    def sample(
        self,
        n_samples=1,
        *,
        y=None,
        n_steps=1000,
        tempering=1,
        trace=None,
        means=False,
        random_state=None,
    ):
        """Draw rows and their labels, or rows of given labels.

        Gibbs chains of the RBM at the top, with the labels clamped if they are given,
        and from the end of each one draw layer by layer down to the data.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.

        y : label or array-like of shape (n_samples,), default=None
            The class of all rows, or of each; None draws it as well.

        n_steps : int, default=1000
            Number of Gibbs steps.

        tempering : int, default=1
            Number of temperatures. With more than one each chain changes places with
            companions at higher temperatures, where it moves freely to other modes: for
            models whose chains mix slowly. The time grows in proportion.

        trace : int, default=None
            Return each state after this number of steps, as for a film; None returns
            only the last one.

        means : bool, default=False
            Whether to return the means of the visible units given the hidden ones, as
            for pictures, in place of draws.

        random_state : int, RandomState instance or None, default=None
            None continues the estimator's own stream of random numbers, so that the
            next call draws anew.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The rows; with `trace` of shape (n_steps // trace, n_samples, n_features),
            the states from the first to the last.

        y : ndarray of shape (n_samples,)
            Their labels; with `trace` of shape (n_steps // trace, n_samples).

        Raises
        ------
        ValueError
            If a number is not an int of at least 1, if `trace` is above `n_steps`, if a
            label is not among the classes, or if there are not as many as rows.
        """
        check_is_fitted(self)
        check_trace(n_samples, n_steps, tempering, trace)
        rng, net, bottom = self._generator(random_state), self._stack(), self._bottom()
        clamp = None
        if y is not None:
            clamp = net.clamp(one_hot_labels(y, self.classes_, n_samples))
        X, labels = [], []
        for state in states_of_chains(
            net.top, n_samples, rng, n_steps, tempering, trace, clamp
        ):
            X.append(bottom._as_data(net.from_state(state, rng, means), means))
            labels.append(self.classes_[net.label(state).argmax(axis=1)])
        return film(X, trace), film(labels, trace)

    def conditional_sample(
        self, X, mask=None, *, y=None, n_steps=100, random_state=None
    ):
        """Draw the unknown values of each row, given the known ones.

        In each step the hidden units are drawn from the bottom up, a Gibbs step is made
        at the top, the units below are drawn down to the data, and the known values are
        put back: an approximation, since what is drawn upwards is not the posterior.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_samples, n_features)
            Rows of data. In a group of softmax units, of which one is 1, known zeros
            leave the others open, and a known 1 does not.

        mask : array-like of bool of shape (n_samples, n_features), default=None
            True where a value is unknown; NaN is unknown, too.

        y : label or array-like of shape (n_samples,), default=None
            The class of all rows, or of each; None draws it in each step.

        n_steps : int, default=100
            Number of Gibbs steps.

        random_state : int, RandomState instance or None, default=None
            None continues the estimator's own stream of random numbers, so that the
            next call draws anew.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The rows with the unknown values drawn, and the known ones as they are.

        Raises
        ------
        ValueError
            If `mask` is not boolean or not of the shape of X, or if a label is not
            among the classes.

        Warns
        -----
        EstimateWarning
            If nothing is known of a row: it follows the net's own distribution.
        """
        check_counts("conditional_sample", n_steps=n_steps)
        return self._filled_in(X, mask, random_state, n_steps, labels=y)

    def impute(self, X, *, y=None, n_samples=100, n_steps=100, random_state=None):
        """Fill in what is unknown of each row by its mean, given what is known.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_samples, n_features)
            Rows of data, NaN where a value is unknown. In a group of softmax units, of
            which one is 1, known zeros leave the others open, and a known 1 does not.

        y : label or array-like of shape (n_samples,), default=None
            The class of all rows, or of each; None draws it in each step.

        n_samples : int, default=100
            Number of states of the chain of a row, over which the mean is taken. 1
            returns a draw in place of a mean, as :meth:`conditional_sample` does.

        n_steps : int, default=100
            Number of Gibbs steps before the first of these states; one is between two
            of them.

        random_state : int, RandomState instance or None, default=None
            None continues the estimator's own stream of random numbers, so that the
            next call draws anew.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The rows without NaN, and the known values as they are.

        Warns
        -----
        EstimateWarning
            If nothing is known of a row: its means are those of the net.
        """
        check_counts("impute", n_samples=n_samples, n_steps=n_steps)
        n_means = None if n_samples == 1 else n_samples
        return self._filled_in(
            X, None, random_state, n_steps, n_means=n_means, labels=y
        )

    def _fill(self, rows, unknown, rng, n_steps, tempering, n_means, labels=None):
        if labels is not None:
            labels = one_hot_labels(labels, self.classes_, len(rows))
        return super()._fill(rows, unknown, rng, n_steps, tempering, n_means, labels)
