"""The RBM for binary data, in place of scikit-learn's."""

from ._rbm import RBM


class BernoulliRBM(RBM):
    r"""Restricted Boltzmann machine with binary visible and hidden units.

    .. math:: p(v, h) \propto \exp(v \cdot b + h \cdot c + v W h)

    where all units are 0 or 1.

    It learns the distribution of binary data, or of values between 0 and 1 that are
    taken as probabilities, such as gray levels. In place of
    :class:`sklearn.neural_network.BernoulliRBM` it has the same parameters, methods
    and fitted attributes: change the import.

    Parameters
    ----------
    n_components : int, default=256
        Number of hidden units.

    gradient : {"cd", "pcd", "fpcd", "pt"} or Gradient, default="fpcd"
        Estimator of the gradient of the likelihood: contrastive divergence, persistent
        contrastive divergence, the same with fast weights or with parallel tempering,
        or an object of :mod:`skdbn.gradients`, such as ``CD(n_steps=3)`` or
        ``PCD(n_chains=500)``.

    learning_rate : float, Schedule or "auto", default="auto"
        Step size, for gradients that are means over a batch. "auto" falls from 0.1 to
        zero over the epochs of :meth:`fit`, and from less where the variances of binary
        columns sum to more than 160. In :meth:`partial_fit` it is 0.1 / (1 + epochs /
        10), where an epoch is as many rows as ``fit`` or the first call had, and at
        least 1,000. A number is a constant rate, at which the chains lag behind the
        model. To tune it, take ``Linear(0.05)`` of :mod:`skdbn.schedules`, on a
        logarithmic scale between 0.001 and 1.

    momentum : float or Schedule, default=0.0
        Fraction of the previous step that is added to the current one, in [0, 1). The
        schedule of Hinton's guide is ``Step(0.5, 0.9, epochs=5)``.

    weight_decay : float, default=0.0
        Strength of the penalty on the weights; the biases have none. Useful values are
        between 0.00001 and 0.01. With counts 0 stands for 0.01.

    l1_ratio : float, default=0.0
        Fraction of the penalty that is the sum of the absolute weights (L1); the rest
        is half of the sum of their squares (L2).

    sparsity : Sparsity or ConstantSparsity, default=None
        Penalty on the activity of binary hidden units. With ``Sparsity(0.05)`` each of
        them is active for 5 % of the rows.

    centered : bool, default=True
        Whether the gradient is computed about the means of the units [3]_. Learning
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
    components_ : ndarray of shape (n_components, n_features)
        The weights; a view of ``machine_.weights``, transposed.

    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units.

    intercept_visible_ : ndarray of shape (n_features,)
        Biases of the visible units.

    h_samples_ : ndarray of shape (n_chains, n_components)
        Hidden units drawn from the model's chains at the end of the fit; for CD, from
        rows of the data.

    machine_ : RestrictedMachine
        The fitted machine, which has the parameters as arrays.

    gradient_ : Gradient
        The gradient that was used, with the chains if they persist.

    mean_activation_ : ndarray of shape (n_components,)
        Mean of P(h = 1 | v) over the training rows, with `sparsity`.

    history_ : list of dict
        For each epoch ``pseudo_likelihood`` (nats a row), ``reconstruction_error``
        (mean squared error of a value), ``learning_rate`` and ``seconds``; with early
        stopping also ``validation_pseudo_likelihood`` and ``free_energy_gap``, the mean
        free energy of held-out rows minus that of training rows, whose growth shows
        overfitting; with parallel tempering ``swap_acceptance``. Scores and energies
        are measured on a fixed sample of rows, of the held-out ones at the default
        fraction all; ``pseudo_likelihood_error`` and the like are standard errors.

    n_iter_ : int
        Number of epochs that were run.

    n_features_in_ : int
        Number of features seen during ``fit``.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during ``fit``, if all are strings.

    See Also
    --------
    RBM : The form with a choice of units.
    sklearn.neural_network.BernoulliRBM : The class that this one replaces.

    References
    ----------
    .. [1] Tieleman, T. (2008). Training restricted Boltzmann machines using
       approximations to the likelihood gradient. ICML.
    .. [2] Hinton, G. E. (2010). A practical guide to training restricted Boltzmann
       machines. University of Toronto, UTML TR 2010-003.
    .. [3] Melchior, J., Fischer, A. and Wiskott, L. (2016). How to center deep
       Boltzmann machines. JMLR 17(99).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skdbn import BernoulliRBM
    >>> X, y = load_digits(return_X_y=True)
    >>> model = make_pipeline(
    ...     BernoulliRBM(100, learning_rate=0.05, n_iter=20, random_state=0),
    ...     LogisticRegression(max_iter=1000),
    ... )
    >>> model.fit(X[:1200] / 16, y[:1200]).score(X[1200:] / 16, y[1200:]) > 0.9
    True
    """

    _parameter_constraints: dict = {
        name: constraint
        for name, constraint in RBM._parameter_constraints.items()
        if name not in ("visible", "hidden")
    }

    def __init__(
        self,
        n_components=256,
        *,
        gradient="fpcd",
        learning_rate="auto",
        momentum=0.0,
        weight_decay=0.0,
        l1_ratio=0.0,
        sparsity=None,
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
        super().__init__(
            n_components,
            gradient=gradient,
            learning_rate=learning_rate,
            momentum=momentum,
            weight_decay=weight_decay,
            l1_ratio=l1_ratio,
            sparsity=sparsity,
            centered=centered,
            sample_data=sample_data,
            batch_size=batch_size,
            n_iter=n_iter,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            warm_start=warm_start,
            verbose=verbose,
            random_state=random_state,
        )
