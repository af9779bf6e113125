"""The RBM with sparse hidden units."""

from numbers import Real

from .._updates._sparsity import PENALTIES, Sparsity
from .._utils._sklearn import Interval, StrOptions
from ._rbm import RBM


class SparseRBM(RBM):
    r"""Restricted Boltzmann machine with sparse hidden units.

    A penalty on the mean activity of each hidden unit is subtracted from the
    likelihood,

    .. math:: \log p(v) - \lambda \sum_j \mathrm{KL}(p \,\|\, q_j),
              \quad q_j = \langle P(h_j = 1 \mid v) \rangle

    or (p − qⱼ)² in place of the divergence. A unit that is on for few rows stands for
    something that few rows have: a pen stroke, an edge, a topic.

    Parameters
    ----------
    n_components : int, default=256
        Number of hidden units.

    visible : {"bernoulli", "gaussian"}, default="bernoulli"
        Type of the visible units; for others see :class:`RBM`.

    target : float, default=0.05
        The mean activity p that each hidden unit should have, between 0 and 1.

    cost : float or "auto", default="auto"
        Strength λ of the penalty. "auto" starts from 10 for "kl" and 100 for "squared",
        and adds to it for each unit as long as that is away from the target: a
        multiplier, with which units get there whatever the likelihood says. A number
        leaves a balance between the two.

    penalty : {"kl", "squared"}, default="kl"
        Its form: λ Σ KL(p‖qⱼ), where qⱼ is the mean activity of unit j, or
        λ Σ (p − qⱼ)² as in [1]_.

    penalized : {"all", "bias"}, default="all"
        What follows the penalty's gradient: biases and weights, or the hidden biases
        alone, as in [1]_.

    gradient : str or Gradient, default=None
        Estimator of the gradient of the likelihood, see :class:`RBM`. None is "fpcd"
        for binary data and "pcd" for real-valued data.

    learning_rate : float, Schedule or "auto", default="auto"
        Step size. "auto" falls to zero over the epochs of :meth:`fit`, as in
        :class:`BernoulliRBM` and :class:`GaussianRBM`.

    momentum : float or Schedule, default=0.0
        Fraction of the previous step that is added to the current one, in [0, 1). The
        schedule of Hinton's guide is ``Step(0.5, 0.9, epochs=5)``.

    weight_decay : float, default=0.0
        Strength of the penalty on the weights; the biases have none. Useful values are
        between 0.00001 and 0.01. With counts 0 stands for 0.01.

    l1_ratio : float, default=0.0
        Fraction of the penalty that is the sum of the absolute weights (L1); the rest
        is half of the sum of their squares (L2).

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
    components_ : ndarray of shape (n_components, n_features)
        The weights; a view of ``machine_.weights``, transposed.

    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units.

    intercept_visible_ : ndarray of shape (n_features,)
        Biases of the visible units.

    h_samples_ : ndarray of shape (n_chains, n_components)
        Hidden units drawn from the model's chains at the end of the fit; for CD, from
        rows of the data.

    mean_activation_ : ndarray of shape (n_components,)
        The mean of P(h = 1 | v) over the rows of the last fit, for each hidden unit.

    machine_ : RestrictedMachine
        The fitted machine, which has the parameters as arrays.

    gradient_ : Gradient
        The gradient that was used, with the chains if they persist.

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
    BernoulliRBM : Without the penalty.
    GaussianRBM : The same for real-valued data.

    References
    ----------
    .. [1] Lee, H., Ekanadham, C. and Ng, A. Y. (2008). Sparse deep belief net model for
       visual area V2. NeurIPS 20.
    .. [2] Melchior, J., Fischer, A. and Wiskott, L. (2016). How to center deep
       Boltzmann machines. JMLR 17(99).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdbn import SparseRBM
    >>> X = load_digits().data / 16
    >>> rbm = SparseRBM(64, target=0.1, n_iter=20, random_state=0).fit(X)
    >>> bool(abs(rbm.mean_activation_.mean() - 0.1) < 0.015)
    True
    """

    _parameter_constraints: dict = {
        name: constraint
        for name, constraint in RBM._parameter_constraints.items()
        if name not in ("hidden", "sparsity")
    } | {
        "visible": [StrOptions({"bernoulli", "gaussian"})],
        "target": [Interval(Real, 0, 1, closed="neither")],
        "cost": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "penalty": [StrOptions(set(PENALTIES))],
        "penalized": [StrOptions({"bias", "all"})],
        "gradient": [*RBM._parameter_constraints["gradient"], None],
    }

    def __init__(
        self,
        n_components=256,
        *,
        visible="bernoulli",
        target=0.05,
        cost="auto",
        penalty="kl",
        penalized="all",
        gradient=None,
        learning_rate="auto",
        momentum=0.0,
        weight_decay=0.0,
        l1_ratio=0.0,
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
            visible=visible,
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
            warm_start=warm_start,
            verbose=verbose,
            random_state=random_state,
        )
        self.target = target
        self.cost = cost
        self.penalty = penalty
        self.penalized = penalized

    def _plan(self, **others):
        if self.gradient is None:
            others["gradient"] = "fpcd" if self.visible == "bernoulli" else "pcd"
        sparsity = Sparsity(
            self.target,
            cost=self.cost,
            penalty=self.penalty,
            penalized=self.penalized,
        )
        return super()._plan(sparsity=sparsity, **others)
