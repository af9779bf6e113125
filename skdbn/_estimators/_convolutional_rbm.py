"""The convolutional RBM, for pictures and series."""

from dataclasses import dataclass
from math import isqrt, prod
from numbers import Integral

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .. import units
from .._data._tables import with_index_of
from .._training._plan import Plan
from .._updates._sparsity import Sparsity
from .._utils._numerics import blocks, positive_variance, working_dtype
from .._utils._sklearn import Interval, StrOptions
from ..exceptions import warn
from ..machines import ConvolutionalMachine
from ..machines._convolutional import hidden_units
from ..units._base import ask
from ._rbm import RBM


class ConvolutionalRBM(RBM):
    r"""Restricted Boltzmann machine of pictures, with filters that are at all places.

    A hidden unit sees a window of a picture, and those of one filter have the same
    weights and the same bias,

    .. math:: p(v, h) \propto \exp\Big(v \cdot b - \text{base}(v)
              + \sum_{k,\,y,\,x} h_{kyx} \Big(c_k + \sum_{i,\,j,\,l}
              W_{kijl}\, v_{y+i,\,x+j,\,l}\Big)\Big)

    so that a filter is learned from all windows of all pictures, and what it stands for
    is found wherever it is. Hidden units of a filter are in groups, of which at most one
    is on (probabilistic max-pooling [1]_). :meth:`transform` says for each group how
    probable it is that one of them is on: features that small shifts leave as they are.

    Parameters
    ----------
    n_filters : int, default=32
        Number of filters.

    filter_shape : int or tuple of (int, int), default=5
        Height and width of a window, in pixels. An int is both of them, or the width
        where pictures are of one row.

    image_shape : tuple of (int, int) or (int, int, int), default=None
        Height and width of a picture, and its number of channels if there are several.
        Columns of X are the pixels row by row, with the channels of a pixel side by
        side. None stands for square pictures, or, where the number of columns is no
        square, for series: pictures of one row.

    pool : int or tuple of (int, int), default=2
        Height and width of a group, in windows. An int is both of them, or the width
        where pictures are of one row. Windows at the right and at the bottom that do not
        fill a group have no hidden unit.

    visible : {"bernoulli", "gaussian"} or Units, default="bernoulli"
        Type of the visible units. "gaussian" is for real values, best standardized with
        one mean and one deviation for all pixels of a channel, and learns one variance
        for all of them.

    gradient : str or Gradient, default="pcd"
        Estimator of the gradient of the likelihood: contrastive divergence "cd",
        persistent contrastive divergence "pcd", the same with fast weights "fpcd" or
        with parallel tempering "pt", or an object of :mod:`skdbn.gradients`, such as
        ``CD(n_steps=3)`` or ``PCD(n_chains=500)``.

    learning_rate : float, Schedule or "auto", default="auto"
        Step size, for gradients that are means over a batch and sums over the n windows
        of a picture. "auto" falls from 0.5 / √n to zero over the epochs of :meth:`fit`,
        and from less where values of a window vary by more. In :meth:`partial_fit` it is
        0.5 / √n / (1 + epochs / 10), where an epoch is as many rows as ``fit`` or the first
        call had, and at least 1,000. To tune it, take ``Linear(0.05)`` of
        :mod:`skdbn.schedules`, on a logarithmic scale between 0.001 and 0.3.

    momentum : float or Schedule, default=0.0
        Fraction of the previous step that is added to the current one, in [0, 1). The
        schedule of Hinton's guide is ``Step(0.5, 0.9, epochs=5)``.

    weight_decay : float, default=0.0
        Strength of the penalty on the weights; the biases have none. Useful values are
        between 0.00001 and 0.01. With counts 0 stands for 0.01.

    l1_ratio : float, default=0.0
        Fraction of the penalty that is the sum of the absolute weights (L1); the rest
        is half of the sum of their squares (L2).

    sparsity : Sparsity, ConstantSparsity, "auto" or None, default="auto"
        Penalty on the activity of the hidden units. With "auto", ``Sparsity(0.05)``, each
        filter is active in 5 % of the windows; None has no penalty.

    centered : bool, default=True
        Whether the gradient is computed about the means of the units [2]_. Learning
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

    n_iter : int or "auto", default="auto"
        Number of epochs, which are passes over the data. The rows are shuffled in each.
        "auto" is as many as make 20,000 steps, but 10 at least and 100 at most.

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
    components_ : ndarray of shape (n_filters, height * width * n_channels)
        The filters, with the height and the width of a window; a view of
        ``machine_.weights``, transposed.

    intercept_hidden_ : ndarray of shape (n_filters,)
        Biases of the hidden units.

    intercept_visible_ : ndarray of shape (n_features,)
        Biases of the visible units.

    output_shape_ : tuple of (int, int, int)
        The shape of the features of a row: height and width in groups, and `n_filters`.
        It is the `image_shape` of a layer on top.

    h_samples_ : ndarray of shape (n_chains, n_hidden)
        Hidden units drawn from the model's chains at the end of the fit; for CD, from
        rows of the data. Their order is told by :class:`~skdbn.machines.ConvolutionalMachine`.

    machine_ : ConvolutionalMachine
        The fitted machine, which has the parameters as arrays.

    gradient_ : Gradient
        The gradient that was used, with the chains if they persist.

    mean_activation_ : ndarray of shape (n_filters,)
        Mean of P(h = 1 | v) over the windows of the training rows, with `sparsity`.

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
    RBM : Hidden units that see all of a row.
    sklearn.feature_extraction.image.PatchExtractor : Windows of pictures as rows.

    References
    ----------
    .. [1] Lee, H., Grosse, R., Ranganath, R. and Ng, A. Y. (2009). Convolutional deep
       belief networks for scalable unsupervised learning of hierarchical
       representations. ICML.
    .. [2] Melchior, J., Fischer, A. and Wiskott, L. (2016). How to center deep
       Boltzmann machines. JMLR 17(99).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdbn import ConvolutionalRBM
    >>> X = load_digits().data / 16
    >>> rbm = ConvolutionalRBM(16, filter_shape=3, n_iter=2, random_state=0).fit(X)
    >>> rbm.output_shape_
    (3, 3, 16)
    >>> rbm.transform(X).shape
    (1797, 144)
    """

    _parameter_constraints: dict = {
        name: constraint
        for name, constraint in RBM._parameter_constraints.items()
        if name not in ("n_components", "hidden")
    } | {
        "n_filters": [Interval(Integral, 1, None, closed="left")],
        "filter_shape": [Interval(Integral, 1, None, closed="left"), tuple],
        "image_shape": [tuple, None],
        "pool": [Interval(Integral, 1, None, closed="left"), tuple],
        "visible": [StrOptions({"bernoulli", "gaussian"}), units.Units],
        "sparsity": [*RBM._parameter_constraints["sparsity"], StrOptions({"auto"})],
    }

    def __init__(
        self,
        n_filters=32,
        filter_shape=5,
        *,
        image_shape=None,
        pool=2,
        visible="bernoulli",
        gradient="pcd",
        learning_rate="auto",
        momentum=0.0,
        weight_decay=0.0,
        l1_ratio=0.0,
        sparsity="auto",
        centered=True,
        sample_data=True,
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
        self.n_filters = n_filters
        self.filter_shape = filter_shape
        self.image_shape = image_shape
        self.pool = pool
        self.visible = visible
        self.gradient = gradient
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.l1_ratio = l1_ratio
        self.sparsity = sparsity
        self.centered = centered
        self.sample_data = sample_data
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    @property
    def output_shape_(self):
        """The shape of the features of a row.

        Returns
        -------
        output_shape : tuple of (int, int, int)
            Height and width in groups, and `n_filters`.
        """
        check_is_fitted(self, "machine_")
        return *self.machine_.pooled_shape, self.n_filters

    @property
    def _n_features_out(self):
        return prod(self.output_shape_)

    def inverse_transform(self, H):
        """The visible units' means, from the features that :meth:`transform` returns.

        The units of a group share what its feature says.

        Parameters
        ----------
        H : array-like of shape (n_samples, n_features_out)
            Values of the hidden units, or their means.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The expected rows.
        """
        H = self.machine_.unpooled(self._hidden_rows(H))
        return self._as_data(self.machine_.visible_mean(H), means=True)

    def reconstruct(self, X):
        """The means of the visible units, given the means of all hidden ones of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The expected rows. More is kept of a row than in its features.
        """
        check_is_fitted(self, "machine_")
        machine, rows = self.machine_, self._validate(X)
        result = np.empty(rows.shape, machine.weights.dtype)
        for part, block in blocks(rows, machine.shape[1], result.dtype):
            result[part] = machine.visible_mean(machine.hidden_mean(block))
        return with_index_of(X, self._as_data(result, means=True))

    def _block_features(self, v, out):
        out[:] = self.machine_.pooled(self.machine_.hidden_mean(v))

    def _new_units(self):
        visible = self.visible
        visible = units.Gaussian("shared") if visible == "gaussian" else visible
        return units.resolve(visible), hidden_units(self._shapes()[2], self.n_filters)

    def _plan(self, **others):
        visible, hidden = self._new_units()
        image_shape, filter_shape, pool = self._shapes()
        (height, width, _), window = image_shape, filter_shape
        n_windows = (height - window[0] + 1) * (width - window[1] + 1)
        return ConvolutionalPlan.of(
            self,
            rate_factor=5 / n_windows**0.5,
            sparsity=Sparsity() if self.sparsity == "auto" else self.sparsity,
            visible=visible,
            hidden=hidden,
            n_components=self.n_filters,
            image_shape=image_shape,
            filter_shape=filter_shape,
            pool=pool,
            **others,
        )

    def _shapes(self):
        """Shapes of a picture with its channels, of a window and of a group."""
        image_shape = self._image_shape(self.n_features_in_)
        is_series = image_shape[0] == 1
        filter_shape = _pair("filter_shape", self.filter_shape, is_series)
        pool = _pair("pool", self.pool, is_series)
        for side, name in enumerate(("height", "width")):
            n_pixels, n_window = image_shape[side], filter_shape[side]
            if n_window > n_pixels:
                raise ValueError(
                    f"filter_shape={self.filter_shape!r} has a {name} of {n_window}, and "
                    f"pictures have {n_pixels}: take smaller windows, or say by "
                    "image_shape what the columns are."
                )
            if pool[side] > n_pixels - n_window + 1:
                raise ValueError(
                    f"pool={self.pool!r} has a {name} of {pool[side]}, and there are only "
                    f"{n_pixels - n_window + 1} windows: take smaller groups or windows."
                )
        return image_shape, filter_shape, pool

    def _image_shape(self, n_features):
        """Height, width and number of channels of a picture."""
        shape = self.image_shape
        if shape is None:
            side = isqrt(n_features)
            return (side, side, 1) if side**2 == n_features else (1, n_features, 1)
        if len(shape) not in (2, 3) or not all(map(_is_size, shape)):
            raise ValueError(
                f"image_shape={shape!r}: take (height, width), or (height, width, "
                "n_channels), of ints of at least 1."
            )
        if prod(shape) != n_features:
            raise ValueError(
                f"image_shape={shape!r} is of {prod(shape)} values, and X has "
                f"{n_features} columns: take the shape of the pictures in X."
            )
        return *shape[:2], shape[2] if len(shape) == 3 else 1

    def _check_scale(self, source):
        """Hint at real-valued channels that are not standardized."""
        visible, _ = self._new_units()
        if visible.tail != "gaussian":
            return
        n_channels = self._shapes()[0][2]
        means = source.mean.reshape(-1, n_channels)
        variance = source.variance.reshape(-1, n_channels).mean(axis=0)
        deviation = np.sqrt(variance + means.var(axis=0))
        for i, (mean, own) in enumerate(
            zip(means.mean(axis=0), deviation, strict=True)
        ):
            if not 0.1 <= own <= 10 or abs(mean) > 3 * own:
                warn(
                    f"Channel {i} of X is not standardized: it has mean {mean:.3g} and "
                    f"standard deviation {own:.3g}. Real-valued units learn best from "
                    "mean 0 and standard deviation 1: subtract one mean from all pixels "
                    "of a channel, and divide them by one deviation."
                )

    def _adopt(self, session, X):
        super()._adopt(session, X)
        if session.direction.sparsity is not None:
            by_filter = self.mean_activation_.reshape(-1, self.n_filters)
            self.mean_activation_ = by_filter.mean(axis=0)


@dataclass(frozen=True)
class ConvolutionalPlan(Plan):
    """How a convolutional machine is to be trained."""

    image_shape: tuple = (1, 1, 1)
    filter_shape: tuple = (1, 1)
    pool: tuple = (1, 1)

    def new_machine(self, source, rng):
        """Random filters, and biases with which the visible units are as in the data."""
        visible, dtype = self.visible, working_dtype(source.X)
        moments = None
        if visible.tail is not None:
            variance, _ = positive_variance(source.variance, source.mean)
            moments = len(source), source.mean, variance
        visible.start(len(source.mean), moments, dtype)
        n_inputs = prod(self.filter_shape) * self.image_shape[2]
        spread = min(0.1 if visible.tail is None else 0.01, 3 / np.sqrt(n_inputs))
        weights = rng.normal(0, spread, (n_inputs, self.n_components))
        scale = ask(visible, units.Scaled).step_scale
        if scale is not None:
            self._check_tied(scale)
            weights *= scale**0.5
        hidden_bias = np.zeros(self.n_components)
        if self.sparsity is not None:
            hidden_bias = self.sparsity.initial_bias(
                units.Bernoulli(), len(hidden_bias)
            )
        if visible.tail is not None:
            # Fields would depend on where the zero of a channel is.
            channels = source.mean.reshape(-1, self.image_shape[2]).mean(axis=0)
            hidden_bias -= np.tile(channels, prod(self.filter_shape)) @ weights
        mean = visible.shrink(source.mean, 1 / (len(source) + 1))
        return ConvolutionalMachine(
            weights.astype(dtype),
            visible.link(mean).astype(dtype),
            hidden_bias.astype(dtype),
            visible,
            image_shape=self.image_shape,
            filter_shape=self.filter_shape,
            pool=self.pool,
        )

    def _check_tied(self, scale):
        if len(scale) > 1:
            raise ValueError(
                f"visible={self.visible!r} has a scale for each pixel, and filters are "
                "at all of them: take visible='gaussian', or "
                "skdbn.units.Gaussian(variance='shared')."
            )

    def _check_structure(self, machine):
        super()._check_structure(machine)
        for name in "image_shape", "filter_shape", "pool":
            new, old = getattr(self, name), getattr(machine, name)
            if new != old:
                raise ValueError(
                    f"{name}={new}, but the model has {old}, and training cannot go on "
                    "with another: call fit with warm_start=False, which begins anew."
                )


def _is_size(value):
    return isinstance(value, Integral) and not isinstance(value, bool) and value > 0


def _pair(name, value, is_series):
    """Height and width, of which one number is both or, of a series, the width."""
    if isinstance(value, Integral):
        return (1, value) if is_series else (value, value)
    if len(value) != 2 or not all(map(_is_size, value)):
        raise ValueError(
            f"{name}={value!r}: take an int, or (height, width), of ints of at least 1."
        )
    return tuple(value)
