"""The RBM for real-valued data."""

from numbers import Real

import numpy as np

from .._utils._sklearn import Interval, StrOptions
from ..units import Bernoulli, CorrelatedGaussian, Gaussian
from ._rbm import RBM

VARIANCE = [
    Interval(Real, 0, None, closed="neither"),
    StrOptions({"column", "shared", "full"}),
]


class GaussianRBM(RBM):
    r"""Restricted Boltzmann machine with real-valued visible and binary hidden units.

    .. math:: p(v, h) \propto \exp\Big(v \cdot b + h \cdot c + v W h
              - \sum_i \frac{v_i^2}{2 \sigma_i^2}\Big)

    where the hidden units are 0 or 1.

    A mixture of as many Gaussians as the hidden units have states: given them, a row
    has mean σ²(b + W h) and variance σ². The weights couple to raw values; in the
    familiar form, with v/σ² in the energy, they are σ² W, and
    ``rbm.variance_ * rbm.components_`` are the filters in units of the data.

    Steps are divided by the variance of a column, and variances change about its mean, so
    that neither the scale nor the zero of a column matters. The learned variances follow
    the second moments of all rows. Gradients that are longer than the largest variance in
    any direction suggests are shortened, which ``history_`` reports. Standardized
    columns are still the best to give it, with
    :class:`sklearn.preprocessing.StandardScaler`. Whitened columns are not correlated:
    where their tails are heavy, units are rarely on at the start, and where they are
    light, a few units start with large weights.

    Parameters
    ----------
    n_components : int, default=256
        Number of hidden units.

    variance : {"column", "shared", "full"} or float, default="column"
        Variance of a real-valued column given the hidden units. "column" learns one for
        each column and "shared" one for all, starting from the data's; a number stays
        as it is, and 1.0 is for standardized data. "full" is the covariance of the
        data, shrunk [4]_, which stays as it is: for the density of correlated columns
        and what is missing there, but not for features; see
        :class:`~skdbn.units.CorrelatedGaussian`.

    gradient : str or Gradient, default="pcd"
        Estimator of the gradient of the likelihood: "cd", "pcd", "fpcd", "pt" or an
        object of :mod:`skdbn.gradients`, such as ``CD(n_steps=3)`` or
        ``PCD(n_chains=500)``; or "score-matching", which needs no samples.

    learning_rate : float, Schedule or "auto", default="auto"
        Step size, for gradients that are means over a batch and columns in units of
        their standard deviations. "auto" falls over the epochs of :meth:`fit` from 0.1,
        or from 2 over the largest eigenvalue of the data's correlations where that is
        less, to zero, both times 1 − momentum. :meth:`partial_fit` divides by 1 +
        epochs / 10, where an epoch is as many rows as ``fit`` or the first call had,
        and at least 1,000.

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

    variance_ : ndarray of shape (n_features,)
        The variance of each column given the hidden units.

    covariance_ : ndarray of shape (n_features, n_features)
        The covariance of the columns given the hidden units.

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
    BernoulliRBM : For binary data.
    RBM : The general form, with other hidden units.
    skdbn.gradients.ScoreMatching : Learning without sampling.

    References
    ----------
    .. [1] Cho, K., Ilin, A. and Raiko, T. (2011). Improved learning of
       Gaussian-Bernoulli restricted Boltzmann machines. ICANN.
    .. [2] Melchior, J., Wang, N. and Wiskott, L. (2017). Gaussian-binary restricted
       Boltzmann machines for modeling natural image statistics. PLoS ONE 12.
    .. [3] Melchior, J., Fischer, A. and Wiskott, L. (2016). How to center deep
       Boltzmann machines. JMLR 17(99).
    .. [4] Hoffbeck, J. P. and Landgrebe, D. A. (1996). Covariance matrix estimation and
       classification with limited training data. IEEE PAMI 18.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skdbn import GaussianRBM
    >>> X, y = load_wine(return_X_y=True)
    >>> model = make_pipeline(
    ...     StandardScaler(),
    ...     GaussianRBM(32, n_iter=100, random_state=0),
    ...     LogisticRegression(),
    ... )
    >>> model.fit(X[::2], y[::2]).score(X[1::2], y[1::2]) > 0.9
    True
    """

    _parameter_constraints: dict = {
        name: constraint
        for name, constraint in RBM._parameter_constraints.items()
        if name not in ("visible", "hidden", "sample_data")
    } | {"variance": VARIANCE}

    def __init__(
        self,
        n_components=256,
        *,
        variance="column",
        gradient="pcd",
        learning_rate="auto",
        momentum=0.0,
        weight_decay=0.0,
        l1_ratio=0.0,
        sparsity=None,
        centered=True,
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
            visible="gaussian",
            gradient=gradient,
            learning_rate=learning_rate,
            momentum=momentum,
            weight_decay=weight_decay,
            l1_ratio=l1_ratio,
            sparsity=sparsity,
            centered=centered,
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
        self.variance = variance

    def _new_units(self):
        return real_units(self.variance), Bernoulli()

    @property
    def variance_(self):
        """The variance of each column given the hidden units."""
        variance = 1 / self.machine_.visible.precision
        return np.broadcast_to(variance, self.n_features_in_).copy()

    @property
    def covariance_(self):
        """The covariance of the columns given the hidden units."""
        visible = self.machine_.visible
        if isinstance(visible, CorrelatedGaussian):
            return visible.covariance_.copy()
        return np.diag(self.variance_)


def real_units(variance):
    """Units for real-valued columns."""
    return CorrelatedGaussian() if variance == "full" else Gaussian(variance)
