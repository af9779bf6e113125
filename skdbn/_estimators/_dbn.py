"""Deep belief nets without labels: a stack of restricted Boltzmann machines."""

from numbers import Integral

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_is_fitted

from .._data._tables import validate_hidden
from .._utils._numerics import blocks
from .._utils._persistence import VersionMixin
from .._utils._random import make_rng
from .._utils._sklearn import (
    CallbackSupportMixin,
    DocLinkMixin,
    Interval,
    fit_context,
)
from ..exceptions import with_hints
from ..machines import Stack
from ._generative import LayeredMixin
from ._layers import (
    LayersMixin,
    first_layer,
    fitted_rbms,
    layers_to_go_on,
    new_rbms,
    renewed_rbms,
    transposed_machine,
    validate_rows,
    without_names,
)
from ._rbm import RBM
from ._restricted import restoring


class DBNTransformer(
    LayeredMixin,
    LayersMixin,
    CallbackSupportMixin,
    DocLinkMixin,
    VersionMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    r"""Deep belief net: restricted Boltzmann machines, each on the features of the last.

    .. math:: &p(v, h^1, \ldots, h^L) \\
              &= p(v \mid h^1) \cdots p(h^{L-2} \mid h^{L-1}) \, p(h^{L-1}, h^L)

    The layers are learned one after the other, from the bottom up and without labels:
    the first RBM from the data, and each further one from the hidden means of the one
    below, from which bits are drawn anew each time a row is learned from
    (``sample_data=True`` of the RBMs, their default) or which are taken as they are
    (False). :meth:`transform` gives features for any estimator.

    Parameters
    ----------
    layers : sequence of int or RBM, default=(256, 128)
        The layers from the bottom up: the number of hidden units of a copy of `rbm`, or
        an RBM with its own settings.

    rbm : RBM, default=None
        The settings of the layers that are given as a number. Above the first layer its
        visible units are of the type of the hidden ones below. None is
        :class:`BernoulliRBM` or, at the bottom and for real-valued data,
        :class:`GaussianRBM`. Real-valued are all data that are neither bits nor gray
        levels, which lie between 0 and 1 with at least a quarter at the two ends. Give
        an instance to search its parameters, as ``rbm__learning_rate``.

    layer : int, default=-1
        The layer whose means :meth:`transform` returns, counted from 0; -1 is the top.

    n_iter : int, default=None
        Number of epochs for each layer, which are passes over the data. With None the
        RBMs decide; 0 keeps the random initial weights.

    transposed : bool, default=False
        Whether a layer starts from the weights of the one below, transposed. The bound
        on the likelihood is then that of the net without the new layer, and a step
        uphill improves it [1]_. The layer has to be at least as wide as the one two
        below, or as the data for the second one, and of the same type; further units
        start with weights close to zero. Gaussian units stand for the data divided by
        their standard deviation.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the fitted net, if there is one, rather than
        begin anew. Columns and units have to be the same.

    verbose : int, default=0
        Whether to print a line for each layer and each epoch.

    random_state : int, RandomState instance or None, default=None
        Determines the seeds of the layers that have none of their own. Pass an int for
        repeatable results.

    Attributes
    ----------
    rbms_ : list of RBM
        The fitted layers, from the bottom up.

    n_features_in_ : int
        Number of features seen during ``fit``.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during ``fit``, if all are strings.

    See Also
    --------
    DBNClassifier : A deep belief net that learns labels.
    RBM : A single layer.

    References
    ----------
    .. [1] Hinton, G. E., Osindero, S. and Teh, Y. W. (2006). A fast learning algorithm
       for deep belief nets. Neural Computation 18, 1527-1554.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdbn import BernoulliRBM, DBNTransformer
    >>> X = load_digits().data / 16
    >>> dbn = DBNTransformer((64, 32), n_iter=3, random_state=0).fit(X)
    >>> dbn.transform(X).shape
    (1797, 32)
    >>> [features.shape[1] for features in dbn.activations(X)]
    [64, 32]
    >>> dbn.inverse_transform(dbn.transform(X)).shape
    (1797, 64)
    """

    _parameter_constraints: dict = {
        "layers": [list, tuple, np.ndarray],
        "rbm": [RBM, None],
        "layer": [Integral],
        "n_iter": [Interval(Integral, 0, None, closed="left"), None],
        "transposed": ["boolean"],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        layers=(256, 128),
        *,
        rbm=None,
        layer=-1,
        n_iter=None,
        transposed=False,
        warm_start=False,
        verbose=0,
        random_state=None,
    ):
        self.layers = layers
        self.rbm = rbm
        self.layer = layer
        self.n_iter = n_iter
        self.transposed = transposed
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    @classmethod
    def from_rbms(cls, rbms):
        """A fitted stack of fitted RBMs.

        Parameters
        ----------
        rbms : sequence of RBM or sklearn.neural_network.BernoulliRBM
            Fitted layers from the bottom up. Those of this package share their arrays
            with the net, and those of scikit-learn are copied.

        Returns
        -------
        dbn : DBNTransformer
            A fitted estimator.

        Raises
        ------
        NotFittedError
            If an RBM is not fitted.
        ValueError
            If there is none, or if one has not as many columns as the one below has
            hidden units.
        TypeError
            If something else is among them.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from skdbn import BernoulliRBM, DBNTransformer
        >>> X = load_digits().data / 16
        >>> first = BernoulliRBM(32, n_iter=2, random_state=0).fit(X)
        >>> second = BernoulliRBM(16, n_iter=2, random_state=0)
        >>> second = second.fit(first.transform(X))
        >>> DBNTransformer.from_rbms([first, second]).transform(X).shape
        (1797, 16)
        """
        rbms = fitted_rbms(rbms)
        new = cls(tuple(rbms))
        new.rbms_ = rbms
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(rbms[0], name):
                setattr(new, name, getattr(rbms[0], name))
        return new

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, sample_weight=None):
        """Fit the layers to X, one after the other.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, such as the first layer takes. NaN is unknown: that layer
            learns from the rest of the row.

        y : array-like, default=None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts, as often as it would have to be repeated. Rows of
            weight 0 take no part. None means 1.

        Returns
        -------
        self : DBNTransformer
            The fitted model.

        Raises
        ------
        ValueError
            If `layers` is no sequence of ints and RBMs, if a layer does not fit on the
            one below, if X is not such as the first layer takes, or if a fit diverges.
            The estimator is then unchanged.
        KeyboardInterrupt
            On an interrupt; the estimator is then unchanged.
        """
        with restoring(self):
            goes_on = self.warm_start and hasattr(self, "rbms_")
            X = self._validate(X, reset=not goes_on, allow_nan=True)
            rbms = layers_to_go_on(self) if goes_on else new_rbms(self, X)
            self._place(len(rbms))
            context = self._init_callback_context(max_subtasks=len(rbms))
            data = {"X": X, "y": np.zeros(X.shape[0]) if y is None else y}
            context.call_on_fit_task_begin(estimator=self, **data)
            at_end = {"reconstruction_attributes": lambda: {"rbms_": rbms}}
            at_end |= {"estimator": self, **data}
            rng = make_rng(self.random_state)
            values = X
            for i, rbm in enumerate(rbms):
                if self.verbose:
                    print(
                        f"[{type(self).__name__}] Layer {i + 1} of {len(rbms)}: "
                        f"{rbm.n_components} units of a {type(rbm).__name__}"
                    )
                machine = None
                if i:
                    values = with_hints(False, rbms[i - 1].transform, values)
                    if self.transposed and not goes_on:
                        machine = transposed_machine(i, rbms[i - 1].machine_, rbm, rng)
                task = context.subcontext(task_name=f"layer-{i + 1}")
                with task.propagate_callback_context(rbm):
                    task.call_on_fit_task_begin(estimator=self, **data)
                    with_hints(
                        i == 0 and first_layer(self) is not None,
                        rbm._fit,
                        values,
                        sample_weight=sample_weight,
                        machine=machine,
                        keeps_interrupted=False,
                    )
                    task.call_on_fit_task_end(**at_end)
            context.call_on_fit_task_end(**at_end)
            self._adopt(rbms)
        return self

    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Continue training: one epoch over the rows of X in each layer.

        The present parameters apply, except for the number and the types of units.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, of the same dtype in all calls.

        y : array-like, default=None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts, as a factor of its part of a step; None means 1.

        Returns
        -------
        self : DBNTransformer
            The fitted model.

        Raises
        ------
        ValueError
            As in :meth:`fit`. The model is then unchanged.
        """
        first = not hasattr(self, "rbms_")
        with restoring(self):
            X = self._validate(X, reset=first, allow_nan=True)
            rbms = new_rbms(self, X) if first else renewed_rbms(self)
            self._place(len(rbms))
            rbms[0] = without_names(rbms[0])
            values = X
            for i, rbm in enumerate(rbms):
                if i:
                    values = with_hints(False, rbms[i - 1].transform, values)
                wanted = i == 0 and first_layer(self) is not None
                with_hints(wanted, rbm.partial_fit, values, sample_weight=sample_weight)
            self._adopt(rbms)
        return self

    def _adopt(self, rbms):
        """Make fitted layers those of this net; the first has the columns' names."""
        self.rbms_ = rbms
        if hasattr(self, "feature_names_in_"):
            self._name_columns(self.feature_names_in_)

    def _name_columns(self, names):
        self.feature_names_in_ = self.rbms_[0].feature_names_in_ = names

    @property
    def _layers(self):
        """The layers for rows that were validated here and are arrays by now."""
        return [without_names(self.rbms_[0]), *self.rbms_[1:]]

    def _bottom(self):
        return self._layers[0]

    def _stack(self):
        return Stack([rbm.machine_ for rbm in self.rbms_])

    def _validate(self, X, reset=False, allow_nan=False):
        is_fitted = hasattr(self, "rbms_") and not reset
        first = self.rbms_[0] if is_fitted else first_layer(self)
        return validate_rows(self, first, X, reset, allow_nan)

    def _place(self, n_layers):
        """The index of the layer that `transform` returns."""
        if not -n_layers <= self.layer < n_layers:
            raise ValueError(
                f"layer={self.layer} with {n_layers} layers: take an int from "
                f"{-n_layers} to {n_layers - 1}."
            )
        return self.layer % n_layers

    @property
    def _n_features_out(self):
        return self.rbms_[self._place(len(self.rbms_))]._n_features_out

    def transform(self, X):
        """The means of a layer's hidden units.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data. Where a value is NaN, the first layer takes its mean field.

        Returns
        -------
        H : ndarray of shape (n_samples, n_units)
            The features, in the dtype of the fitted model.
        """
        check_is_fitted(self, "rbms_")
        return self._features(self._validate(X, allow_nan=True))

    def _features(self, X, hints=True):
        """The features of validated rows, with hints at what is odd of them."""
        for i, rbm in enumerate(self._layers[: self._place(len(self.rbms_)) + 1]):
            X = with_hints(hints and not i, rbm.transform, X)
        return X

    def activations(self, X):
        """The means of all layers' hidden units.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data. Where a value is NaN, the first layer takes its mean field.

        Returns
        -------
        activations : list of ndarray of shape (n_samples, n_units)
            One array a layer, from the bottom up.
        """
        check_is_fitted(self, "rbms_")
        X = self._validate(X, allow_nan=True)
        layers = enumerate(self._layers)
        return [X := with_hints(not i, rbm.transform, X) for i, rbm in layers]

    def inverse_transform(self, H):
        """The means of the visible units, down from a layer's hidden ones.

        Parameters
        ----------
        H : array-like of shape (n_samples, n_units)
            Values of the units of the layer that :meth:`transform` returns, or their
            means.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The expected rows.
        """
        check_is_fitted(self, "rbms_")
        H = validate_hidden(H, type(self).__name__)
        for rbm in reversed(self.rbms_[: self._place(len(self.rbms_)) + 1]):
            H = rbm.inverse_transform(H)
        return H

    def reconstruct(self, X):
        """The means of the visible units, given the features of X.

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

    def reconstruction_log_likelihood(self, X):
        r"""The log-probability of each row, given its own features.

        .. math:: \log p(v \mid \hat h^1)

        with the features of the top layer brought down to the means of the first hidden
        layer. It is a density of the data, whatever the layers are, so that nets of any
        depth and width can be compared: how much of a row do the features hold? It is
        not the likelihood of the net, and wider layers hold more: for a model of the
        distribution see :mod:`skdbn.evaluation`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data. A value between 0 and 1 on binary units counts by its
            cross-entropy.

        Returns
        -------
        log_probability : ndarray of shape (n_samples,)
            In nats; higher is better. It is −inf for a row with a value that the
            visible units cannot have.

        Warns
        -----
        DataRangeWarning
            If a row has a value that the visible units cannot have.
        """
        check_is_fitted(self, "rbms_")
        X = self._validate(X, allow_nan=True)
        first, stack = self._bottom(), self._stack()
        X = first._validate(X)
        result = np.empty(X.shape[0], stack.dtype)
        for part, v in blocks(X, stack.width, result.dtype):
            result[part] = stack.reconstruction_log_likelihood(v)
        result[first._rows_outside(X)] = -np.inf
        return result

    def score(self, X, y=None):
        """The mean of :meth:`reconstruction_log_likelihood`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        y : array-like, default=None
            Ignored.

        Returns
        -------
        score : float
            Mean log-probability of a row given its features, in nats.
        """
        return float(self.reconstruction_log_likelihood(X).mean())

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
