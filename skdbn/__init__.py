"""Restricted Boltzmann machines for scikit-learn."""

from . import evaluation, exceptions, gradients, plotting, schedules, units
from ._bernoulli_rbm import BernoulliRBM
from ._dbn import DBNTransformer
from ._dbn_classifier import DBNClassifier
from ._dbn_regressor import DBNRegressor
from ._gaussian_rbm import GaussianRBM
from ._imputer import BoltzmannImputer
from ._mixed_rbm import MixedRBM
from ._rbm import RBM
from ._rbm_classifier import RBMClassifier
from ._show_versions import show_versions
from ._sparse_rbm import SparseRBM

__version__ = "0.1.0.dev0"

__all__ = [
    "RBM",
    "BernoulliRBM",
    "BoltzmannImputer",
    "DBNClassifier",
    "DBNRegressor",
    "DBNTransformer",
    "GaussianRBM",
    "MixedRBM",
    "RBMClassifier",
    "SparseRBM",
    "evaluation",
    "exceptions",
    "gradients",
    "plotting",
    "schedules",
    "show_versions",
    "units",
]
