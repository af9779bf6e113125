"""Restricted Boltzmann machines for scikit-learn."""

from . import (
    evaluation,
    exceptions,
    gradients,
    machines,
    plotting,
    schedules,
    structured,
    testing,
    units,
)
from ._estimators._bernoulli_rbm import BernoulliRBM
from ._estimators._conditional_rbm import ConditionalRBM
from ._estimators._convolutional_rbm import ConvolutionalRBM
from ._estimators._dbn import DBNTransformer
from ._estimators._dbn_autoencoder import DBNAutoencoder
from ._estimators._dbn_classifier import DBNClassifier
from ._estimators._dbn_neighborhood_components import DBNNeighborhoodComponents
from ._estimators._dbn_regressor import DBNRegressor
from ._estimators._gaussian_rbm import GaussianRBM
from ._estimators._generative_dbn_classifier import GenerativeDBNClassifier
from ._estimators._imputer import BoltzmannImputer
from ._estimators._mean_covariance_rbm import MeanCovarianceRBM
from ._estimators._mixed_rbm import MixedRBM
from ._estimators._rbm import RBM
from ._estimators._rbm_classifier import RBMClassifier
from ._estimators._sparse_rbm import SparseRBM
from ._estimators._temporal_rbm import TemporalRBM
from ._updates._sparsity import ConstantSparsity, Sparsity
from ._utils._show_versions import show_versions

__version__ = "0.1.0.dev0"

__all__ = [
    "RBM",
    "BernoulliRBM",
    "BoltzmannImputer",
    "ConditionalRBM",
    "ConstantSparsity",
    "ConvolutionalRBM",
    "DBNAutoencoder",
    "DBNClassifier",
    "DBNNeighborhoodComponents",
    "DBNRegressor",
    "DBNTransformer",
    "GaussianRBM",
    "GenerativeDBNClassifier",
    "MeanCovarianceRBM",
    "MixedRBM",
    "RBMClassifier",
    "SparseRBM",
    "Sparsity",
    "TemporalRBM",
    "evaluation",
    "exceptions",
    "gradients",
    "machines",
    "plotting",
    "schedules",
    "show_versions",
    "structured",
    "testing",
    "units",
]
