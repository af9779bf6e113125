"""Deep belief nets that are unrolled into autoencoders."""

from numbers import Real

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._data._incomplete import with_found
from .._data._tables import validate_hidden, with_index_of
from .._networks._autoencoder import Autoencoder
from .._utils._sklearn import Interval, StrOptions, fit_context
from ._dbn_code import CodeDBN
from ._dbn_supervised import Rows, some_of
from ._restricted import restoring

# The deviation of the noise in the fields of binary codes.
NOISE_OF_BITS = 2.0


class DBNAutoencoder(CodeDBN):
    r"""Deep autoencoder: a nonlinear replacement of PCA that begins as a belief net.

    .. math:: \text{code} = f(x), \qquad \hat x = g(\text{code})

    A stack of RBMs is learned as in :class:`DBNTransformer`, with a narrow layer of
    `n_components` units on top, the code. It is unrolled into one net, up through the
    hidden layers to the code and down again by the same weights transposed, and the two
    ways are then fine-tuned together by back-propagation, each with weights of its own
    unless they are tied [1]_. Weights of layers that have learned little, so that their fields hardly differ
    among rows, are lengthened before. The loss of a row is −log p(x | code) under the
    visible units of the first RBM: the cross-entropy for binary units and categories,
    half the squared error of standardized columns for real-valued ones, that of a
    Poisson distribution for counts, and for the columns of a :class:`MixedRBM` their
    sum.

    NaN in an array, and what is missing in a DataFrame, is unknown. It takes no part in
    the loss, and the net sees the mean field of the first RBM in its place; in a group
    of softmax units all are unknown then.

    Parameters
    ----------
    layers : sequence of int or RBM, default=(256, 64)
        The hidden layers below the code, from the bottom up: the number of units of a
        copy of `rbm`, or an RBM with its own settings.

    n_components : int, default=2
        Number of units of the code.

    code : {"gaussian", "bernoulli", "rectified"}, default="gaussian"
        Units of the code. "gaussian" is linear, as the scores of PCA are, "rectified"
        positive, and "bernoulli" between 0 and 1. The latter is for hash codes,
        ``transform(X) > 0.5``: normal noise of deviation 2 in the fields of the code
        while the net learns drives its units to 0 and 1 [3]_.

    tied : bool, default=False
        Whether the way down keeps the weights of the way up, transposed, and only has
        biases of its own. Half as many weights fit fewer rows better, and need more
        epochs.

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
        Number of rows in a batch of fine-tuning. "auto" is a fiftieth of the rows, but
        from 10 to 100, and 1,000 for "cg" and "lbfgs".

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
        Probability with which an input is dropped in a step of "adam" or "sgd", while
        the whole row stays the target: above 0 it is a denoising autoencoder [2]_.

    input_noise : float, default=0.0
        Standard deviation of the normal noise that is added to the inputs in a step of
        "adam" or "sgd", in units of that of a real-valued column. The target has no
        noise, which again makes a denoising autoencoder.

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

    network_ : Autoencoder
        The fine-tuned net, up and down.

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
    DBNTransformer : The layers alone, without fine-tuning.
    sklearn.decomposition.PCA : The best linear code.

    References
    ----------
    .. [1] Hinton, G. E. and Salakhutdinov, R. R. (2006). Reducing the dimensionality of
       data with neural networks. Science 313, 504-507.
    .. [2] Vincent, P., Larochelle, H., Lajoie, I., Bengio, Y. and Manzagol, P.-A. (2010).
       Stacked denoising autoencoders. JMLR 11, 3371-3408.
    .. [3] Salakhutdinov, R. and Hinton, G. E. (2009). Semantic hashing. International
       Journal of Approximate Reasoning 50, 969-978.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skdbn import DBNAutoencoder
    >>> X = load_digits().data / 16
    >>> net = DBNAutoencoder((64,), n_components=4, max_iter=30, random_state=0)
    >>> net.fit_transform(X).shape
    (1797, 4)
    >>> pca = PCA(4).fit(X)
    >>> error = ((X - net.reconstruct(X)) ** 2).mean()
    >>> bool(error < ((X - pca.inverse_transform(pca.transform(X))) ** 2).mean())
    True
    """

    _parameter_constraints: dict = CodeDBN._parameter_constraints | {
        "input_noise": [Interval(Real, 0, None, closed="left")],
        "tied": ["boolean"],
        "code": [StrOptions({"gaussian", "bernoulli", "rectified"})],
    }

    _takes_nan = True

    def __init__(
        self,
        layers=(256, 64),
        n_components=2,
        *,
        code="gaussian",
        tied=False,
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
        input_noise=0.0,
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
        self.code = code
        self.tied = tied
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
        self.input_noise = input_noise
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X, y=None, sample_weight=None):
        """Learn the layers, and then fine-tune the way up to the code and down again.

        On a KeyboardInterrupt during fine-tuning a warning is issued and the net of the
        last completed epoch is kept; before that the interrupt propagates.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, such as the first layer takes.

        y : array-like, default=None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts, as often as it would have to be repeated. Rows of
            weight 0 take no part. None means 1.

        Returns
        -------
        self : DBNAutoencoder
            The fitted model.

        Raises
        ------
        ValueError
            If `layers` is no sequence of ints and RBMs, if `pretrained` does not fit the
            data or the code, if nothing is known of a column, or if a fit diverges. The
            estimator is then left as it was.

        Warns
        -----
        ConvergenceWarning
            If the net has the same output for all rows although they differ.
        """
        return super().fit(X, y, sample_weight)

    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Continue training: one epoch of fine-tuning over the rows of X.

        The first call also learns the layers, from its rows and as :meth:`fit` does.
        Give `pretrained` where the layers have been learned from more rows. Later calls
        go by the present parameters of fine-tuning; those of the layers no longer
        matter.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.

        y : array-like, default=None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts, as a factor of its part of a step; None means 1.

        Returns
        -------
        self : DBNAutoencoder
            The fitted model.

        Raises
        ------
        ValueError
            As in :meth:`fit`. The model is then unchanged.
        """
        with restoring(self):
            self._check_settings()
            X = self._validate(X, reset=not hasattr(self, "network_"))
            return self._partial_fit(X, y, Rows(X), sample_weight)

    def inverse_transform(self, H):
        """The expected rows of given codes.

        Parameters
        ----------
        H : array-like of shape (n_samples, n_components)
            Codes.

        Returns
        -------
        X : {ndarray, DataFrame} of shape (n_samples, n_features)
            The means of the visible units; of a model of a DataFrame with the most
            probable category of columns that have categories.
        """
        check_is_fitted(self, "network_")
        owner, network = type(self).__name__, self.network_
        H = validate_hidden(H, owner, network.dtype)
        if H.shape[1] != self._n_features_out:
            raise ValueError(
                f"H has {H.shape[1]} columns, but the code of {owner} has "
                f"{self._n_features_out}. Give codes as transform returns them."
            )
        X = network.in_blocks(network.decoded, H)
        return self.transformer_._layers[0]._as_data(X, means=True)

    def reconstruct(self, X):
        """What the net makes of each row: that of its code.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        X : {ndarray, DataFrame} of shape (n_samples, n_features)
            ``inverse_transform(transform(X))``, with the index of X.
        """
        return with_index_of(X, self.inverse_transform(self.transform(X)))

    def impute(self, X):
        """Fill in what is unknown of each row by its reconstruction.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_samples, n_features)
            Rows of data, NaN where a value is unknown.

        Returns
        -------
        X : {ndarray, DataFrame} of shape (n_samples, n_features)
            The rows without NaN, and the known values as they are.
        """
        check_is_fitted(self, "network_")
        first, network = self.transformer_._layers[0], self.network_
        validated = self._validate(X)
        rows, unknown = first._validate_incomplete(validated)
        if unknown is None:
            rows = rows.copy()
        else:
            inputs = self._inputs(self.transformer_, validated)
            found = network.in_blocks(network.rebuilt, inputs)
            rows = with_found(rows, found, unknown)
        return first._merged(validated, rows, True, X)

    def score_samples(self, X):
        r"""The log-probability of each row given its code: minus its loss.

        .. math:: \log p(x \mid \text{code})

        Real-valued columns count standardized and with a variance of 1, which is minus
        half of the squared error, and a constant. Rows that the net knows badly have
        low scores.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data, of which known values count. A value between 0 and 1 on binary
            units counts by its cross-entropy.

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
        X, outside = self._rows(X)
        scores = -self.network_.in_blocks(self.network_.losses, X)
        scores[outside] = -np.inf
        return scores

    def score(self, X, y=None):
        """The mean of :meth:`score_samples`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        y : array-like, default=None
            Ignored.

        Returns
        -------
        score : float
            Mean log-probability of a row given its code, in nats.
        """
        return float(self.score_samples(X).mean())

    def _new_targets(self, X, y):
        return Rows(X)

    def _new_network(self, transformer, inputs, targets, rows, rng):
        network = Autoencoder.unrolled([rbm.machine_ for rbm in transformer.rbms_])
        some = inputs[some_of(rows)]
        if self.max_iter:
            network.lengthen(some)
        if self.tied:
            network.tie(some)
        if self.code == "bernoulli":
            network.noise = NOISE_OF_BITS
        return network

    def _check_same(self, targets):
        super()._check_same(targets)
        # Models of earlier versions have no such parameter.
        wanted, tied = getattr(self, "tied", False), self.network_.tied
        if wanted != tied:
            raise ValueError(
                f"tied={wanted}, but the fitted net has tied={tied}: "
                "training cannot go on. Call fit with warm_start=False."
            )

    def _held_out_score(self, network, inputs, targets, rows):
        losses = network.in_blocks(network.losses, inputs[rows])
        return -float(losses.mean(dtype=np.float64))
