"""Real-valued units whose noise is correlated."""

import copy

import numpy as np
from scipy.sparse import issparse

from .._utils._covariance import conditionals, shrunk_covariance
from .._utils._random import normal
from ._gaussian import Gaussian
from ._grouped import Grouped
from ._shifted import row_dot


class CorrelatedGaussian(Grouped, Gaussian):
    r"""Real-valued units whose noise has the covariance of the data.

    .. math:: p(x \mid \text{field})
              = \mathcal{N}(x;\ \mu + \Sigma\,\text{field},\ \Sigma)

    The center μ and the covariance Σ are those of the data, the latter shrunk towards
    uncorrelated columns so far as predicts rows that are left out best, and stay as they
    are. Without weights the layer is a Gaussian with this mean and covariance; hidden
    units say how the data differ from one. The steps of weights and biases are
    multiplied by Σ⁻¹, so that learning is as on whitened data. On the hidden side the
    covariance is 1. The other layer has to be of units with bounds.

    Attributes
    ----------
    covariance_ : ndarray of shape (n_units, n_units)
        Σ, in a fitted machine.

    center_ : ndarray of shape (n_units,) or None
        The center μ, in a fitted machine; None stands for 0.

    shrinkage_ : float
        The share of uncorrelated columns in Σ, between 0 and 1, in a fitted machine.

    See Also
    --------
    Gaussian : Units with a variance each.

    References
    ----------
    .. [1] Ledoit, O. and Wolf, M. (2004). A well-conditioned estimator for
       large-dimensional covariance matrices. Journal of Multivariate Analysis 88.
    .. [2] Hoffbeck, J. P. and Landgrebe, D. A. (1996). Covariance matrix estimation and
       classification with limited training data. IEEE PAMI 18.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skdbn import RBM
    >>> from skdbn.units import CorrelatedGaussian
    >>> X = StandardScaler().fit_transform(load_iris().data)
    >>> rbm = RBM(8, visible=CorrelatedGaussian(), gradient="pcd", random_state=0)
    >>> rbm.fit(X).machine_.visible.covariance_.shape
    (4, 4)
    """

    def __init__(self):
        # The class above has a parameter that is none of this one.
        pass

    def start(self, n_units, moments=None, dtype=np.float64):
        self._learns, self._dtype = False, np.dtype(dtype)
        self.center_ = None if moments is None else moments[1].astype(dtype)
        self._variance = np.ones(n_units) if moments is None else moments[2]
        self.shrinkage_ = 1.0
        self._take(np.diag(self._variance))
        return self

    def see(self, gaps, weights=None, unknown=None):
        covariance, self.shrinkage_ = shrunk_covariance(
            gaps, self._variance, weights, unknown
        )
        self._take(covariance)

    def weakened(self, share):
        if (share == 1).all():
            return self
        other = copy.copy(self)
        # Positive definite, as a product of elements of such matrices and a diagonal.
        covariance = self.covariance_ * np.outer(share, share).astype(self._dtype)
        np.fill_diagonal(covariance, np.diagonal(self.covariance_))
        other._take(covariance)
        return other

    @property
    def param_steps(self):
        return []

    @property
    def precision(self):
        return 1 / np.diagonal(self.covariance_)

    @property
    def step_scale(self):
        return self.precision

    @property
    def step_root(self):
        return self._root

    @property
    def step_root_inverse(self):
        return self._inverse_root

    def base_energy(self, x):
        x = x.toarray() if issparse(x) else x
        return 0.5 * np.square(self._gaps(x) @ self._root).sum(axis=1)

    def log_partition(self, field):
        # ∫ exp(x·f − (x − μ)ᵀΣ⁻¹(x − μ)/2) dx = |2πΣ|^½ exp(μ·f + fᵀΣf/2)
        total = 0.5 * np.square(field @ self._inverse_root.T).sum(axis=1)
        total += self._log_volume
        return total if self.center_ is None else total + row_dot(field, self.center_)

    def mean(self, field, out=None):
        return self._known_kept(self._free_mean(field), field.dtype, out)

    def sample(self, field, rng, out=None, mean=None):
        # Of a mean that is known, the known values are in place already.
        mean = self._free_mean(field) if mean is None else mean
        draws = mean + normal(rng, field.shape, field.dtype) @ self._inverse_root
        return self._known_kept(draws, field.dtype, out)

    def backpropagate(self, error, mean):
        error[...] = error @ self.covariance_
        return error

    def link(self, mean):
        return self._gaps(mean) @ self._precision_matrix

    def uncentered(self, bias):
        if self.center_ is None:
            return bias
        return bias + self.center_ @ self._precision_matrix

    def copy(self):
        # No array is ever changed.
        return self

    def independent(self, mean, variance):
        return self, self.link(mean)

    def between(self, other, beta):
        return self

    def masked(self, unknown, values=None):
        if values is None or not unknown.any():
            return self
        return PartlyKnown(self, unknown, values)

    def beside(self, coordinate, v):
        own = self._exact_precision[:, coordinate]
        gaps = v.astype(np.float64) - (0.0 if self.center_ is None else self.center_)
        precision = np.diagonal(self._exact_precision)[coordinate]
        pull = gaps @ own if own.ndim == 1 else np.einsum("ni,in->n", gaps, own)
        rows = np.arange(len(v))
        return Beside(precision, v[rows, coordinate] - pull / precision)

    def _free_mean(self, field):
        mean = field @ self.covariance_
        return mean if self.center_ is None else mean + self.center_

    def _known_kept(self, x, dtype, out):
        """Values with what is known of them in place; they may be changed."""
        if out is None:
            return x.astype(dtype, copy=False)
        out[...] = x
        return out

    def _take(self, covariance):
        """Take a covariance, and find its powers."""
        # Of standardized columns, lest large scales take the digits of small ones.
        deviation = np.sqrt(np.diagonal(covariance))
        eigenvalues, axes = np.linalg.eigh(covariance / np.outer(deviation, deviation))
        root = axes / np.sqrt(eigenvalues) / deviation[:, None]
        inverse_root = (axes * np.sqrt(eigenvalues)).T * deviation
        self._exact_precision = root @ root.T
        volume = len(root) * np.log(2 * np.pi) + np.log(eigenvalues).sum()
        self._log_volume = float(volume / 2 + np.log(deviation).sum())
        self.covariance_, self._precision_matrix, self._root, self._inverse_root = (
            np.ascontiguousarray(matrix, self._dtype)
            for matrix in (covariance, self._exact_precision, root, inverse_root)
        )


class Beside(Gaussian):
    """One coordinate of correlated units in each row, given the other ones.

    Parameters
    ----------
    precision : float or ndarray of shape (n_samples,)
        Of the coordinate.

    center : ndarray of shape (n_samples,)
        Its mean without a field.
    """

    def __init__(self, precision, center):
        self._own = np.atleast_1d(precision), center

    def _precision_of(self, coordinate):
        return self._own[0]

    def _center_of(self, coordinate):
        return self._own[1]


class PartlyKnown(CorrelatedGaussian):
    """Correlated units of rows in which some values are known.

    Where d is what known values exceed those of a free draw by, and 0 elsewhere, unknown
    ones have to move by −Λᵤᵤ⁻¹(dΛ)ᵤ, with the part of the precision Λ that is theirs, for
    a draw given the known ones [1]_. Means follow in the same way.

    Parameters
    ----------
    units : CorrelatedGaussian
        The units.

    unknown : ndarray of bool of shape (n_samples, n_units)
        Where values are unknown.

    values : ndarray of shape (n_samples, n_units)
        The values, with anything where they are unknown.

    References
    ----------
    .. [1] Hoffman, Y. and Ribak, E. (1991). Constrained realizations of Gaussian fields:
       a simple algorithm. Astrophysical Journal 380.
    """

    def __init__(self, units, unknown, values):
        vars(self).update(vars(units))
        self._known, self._values = ~unknown, values
        self._groups = [
            (rows, holes, inverse.astype(self._dtype))
            for rows, holes, inverse in conditionals(self._exact_precision, unknown)
        ]

    def _known_kept(self, x, dtype, out):
        n_rows = len(self._known)
        for start in range(0, len(x), n_rows):
            part = x[start : start + n_rows]
            excess = np.where(self._known, self._values - part, 0)
            pull = excess @ self._precision_matrix
            part += excess
            for rows, holes, inverse in self._groups:
                part[np.ix_(rows, holes)] -= pull[np.ix_(rows, holes)] @ inverse
        return super()._known_kept(x, dtype, out)
