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
        How the gradient of the likelihood is estimated: contrastive divergence,
        persistent contrastive divergence, the same with fast weights or with parallel
        tempering, or an object such as ``CD(n_steps=3)`` or ``PCD(n_chains=500)``.
        On six data sets "fpcd" gave the best held-out likelihood, by up to 13 nats to
        "cd" and 34 to "pcd" with ten chains, in two to two and a half times the
        seconds of "cd".

    learning_rate : float, Schedule or "auto", default="auto"
        Length of the steps, for gradients that are means over a batch. "auto" falls
        from 0.1 to zero over the epochs of :meth:`fit`, and from less where the variances
        of binary columns sum to more than 160. In :meth:`partial_fit` it is
        0.1 / (1 + epochs / 10), where an epoch is as many rows as ``fit`` or the first
        call had, and at least 1,000. A number stays what it is,
        which blurs the likelihood: on six data sets PCD lost up to 73 nats a row to the
        best setting at a constant 0.1, and up to 22 at the falling one. Worth tuning, as
        ``Linear(0.05)`` of :mod:`skdbn.schedules`, on a logarithmic scale between 1
        and 0.001.

    momentum : float or Schedule, default=0.0
        Share of the last step that the next one keeps, in [0, 1). Hinton's guide has
        ``Step(0.5, 0.9, epochs=5)``.

    weight_decay : float, default=0.0
        Strength of the penalty on the weights; biases have none. Useful values are
        between 0.01 and 0.00001.

    l1_ratio : float, default=0.0
        Share of the penalty that is the sum of the absolute weights (L1); the rest is
        half of the sum of their squares (L2).

    centered : bool, default=True
        Whether the gradient is taken about the means of the units [3]_, so that
        inverted data are learned as well as the original. With 16 hidden units it gave
        on each of seven binary data sets at least the test likelihood of the plain
        gradient, from 0.1 nats more (DNA) to 6.3 (inverted digits of MNIST).

    sample_data : bool, default=True
        Whether values strictly between 0 and 1 are probabilities, from which bits are
        drawn each time a row is learned from. False learns from the values as they
        are, as scikit-learn does. Their variance is smaller than that of bits, so that
        weights shrink: on scikit-learn's digits, logistic regression on the features
        of 200 units read 97.1 % when bits were drawn and 95.9 % otherwise; on 10,000
        digits of MNIST it made no difference (94.1 % and 94.3 %).

    batch_size : int, default=10
        Number of rows in a minibatch. With many epochs or many rows take 100: steps are
        fewer and an epoch is two to four times as fast.

    n_iter : int, default=10
        Number of sweeps over the data. The rows are shuffled for each.

    early_stopping : bool, default=False
        Whether to set rows aside, stop when their pseudo-likelihood no longer
        improves, and keep the best model.

    validation_fraction : float, default=0.1
        Share of the rows to set aside for early stopping.

    n_iter_no_change : int, default=10
        Number of sweeps without improvement after which early stopping stops.

    tol : float, default=1e-4
        What counts as an improvement of the held-out pseudo-likelihood, in nats.

    verbose : int, default=0
        Whether to print a line after each sweep. It changes nothing in the model.

    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the rows and the sampling. An int
        makes fits repeatable.

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
        The fitted machine, which holds the arrays.

    gradient_ : Gradient
        The gradient used, with the chains if they persist.

    history_ : list of dict
        For each sweep ``pseudo_likelihood`` (nats a row), ``reconstruction_error``
        (mean squared error of a value), ``learning_rate`` and ``seconds``; with early
        stopping also ``validation_pseudo_likelihood`` and ``free_energy_gap``, the mean
        free energy of held-out rows minus that of training rows, whose growth shows
        overfitting; with parallel tempering ``swap_acceptance``. Scores and energies
        are measured on a fixed sample of rows, of the held-out ones at the default
        fraction all; ``pseudo_likelihood_error`` and the like are standard errors.

    n_iter_ : int
        Number of sweeps done.

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
        centered=True,
        sample_data=True,
        batch_size=10,
        n_iter=10,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
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
            centered=centered,
            sample_data=sample_data,
            batch_size=batch_size,
            n_iter=n_iter,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            verbose=verbose,
            random_state=random_state,
        )
