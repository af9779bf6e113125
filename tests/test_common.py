"""scikit-learn's checks of an estimator's manners.

Two fail as they should: a fit draws random numbers for each row, so that a row of weight
2 is the same as two rows on the average and not to the last digit. `test_weights.py`
shows that it is by gradients from which nothing is drawn. Two more fail of sequences,
in which a row depends on those before it.
"""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdbn import (
    RBM,
    BernoulliRBM,
    BoltzmannImputer,
    ConditionalRBM,
    ConstantSparsity,
    ConvolutionalRBM,
    DBNAutoencoder,
    DBNClassifier,
    DBNNeighborhoodComponents,
    DBNRegressor,
    DBNTransformer,
    GaussianRBM,
    GenerativeDBNClassifier,
    MeanCovarianceRBM,
    MixedRBM,
    RBMClassifier,
    SparseRBM,
    TemporalRBM,
)
from skdbn.gradients import CD, PCD, ScoreMatching
from skdbn.schedules import Linear, Step

ESTIMATORS = [
    BernoulliRBM(n_components=4),
    BernoulliRBM(n_components=4, gradient="cd", centered=False),
    BernoulliRBM(n_components=4, gradient=CD(n_steps=2), early_stopping=True),
    RBM(n_components=4),
    RBM(
        n_components=4,
        gradient=PCD(n_steps=2, n_chains=7),
        learning_rate=Linear(0.05),
        momentum=Step(0.5, 0.9, epochs=2),
        weight_decay=0.001,
        l1_ratio=0.5,
        batch_size=30,
    ),
    GaussianRBM(n_components=4),
    GaussianRBM(n_components=4, variance="shared", gradient=CD(n_steps=2)),
    GaussianRBM(4, variance=1.0, gradient=ScoreMatching(0.1), random_state=0),
    GaussianRBM(n_components=4, variance="full"),
    ConvolutionalRBM(n_filters=2, filter_shape=1, pool=1),
    ConvolutionalRBM(n_filters=2, filter_shape=1, pool=1, visible="gaussian"),
    SparseRBM(n_components=4),
    MeanCovarianceRBM(8, n_mean=2, n_iter=3),
    MeanCovarianceRBM(16, n_mean=0, pooling="topographic", gradient="cd", n_iter=3),
    SparseRBM(n_components=4, visible="gaussian", penalty="squared", penalized="bias"),
    MixedRBM(n_components=4),
    MixedRBM(n_components=4, variance="full"),
    ConditionalRBM(n_components=4, context=slice(0, 1)),
    ConditionalRBM(n_components=4, context=[0], visible="gaussian", gradient=PCD(2)),
    ConditionalRBM(n_components=4),
    TemporalRBM(n_components=4),
    TemporalRBM(n_components=4, order=1, visible="bernoulli", early_stopping=True),
    BoltzmannImputer(n_samples=2, n_steps=2),
    BoltzmannImputer(GaussianRBM(4), n_samples=2, n_steps=2, standardize=True),
    RBMClassifier(n_components=4, n_iter=8),
    RBMClassifier(n_components=4, visible="gaussian", objective="generative"),
    RBMClassifier(
        n_components=4,
        objective="discriminative",
        early_stopping=True,
        momentum=Step(0.5, 0.9, epochs=2),
        sparsity=ConstantSparsity(),
    ),
    DBNTransformer((4, 3)),
    DBNTransformer((4,), rbm=BernoulliRBM(), layer=0, transposed=True),
    DBNClassifier((8, 4), learning_rate_init=0.02, max_iter=40),
    DBNClassifier((8,), solver="sgd", dropout=0.1, max_norm=3.0, early_stopping=True),
    DBNClassifier((8,), solver="cg", unlabeled="none", max_iter=20),
    GenerativeDBNClassifier((8, 4), max_iter=20),
    GenerativeDBNClassifier((8, 4), gradient=PCD(2), max_iter=10, unlabeled="none"),
    DBNAutoencoder((8, 4), max_iter=10),
    DBNAutoencoder(
        (8,), solver="cg", code="bernoulli", early_stopping=True, max_iter=10
    ),
    DBNNeighborhoodComponents((8, 4), max_iter=10),
    DBNNeighborhoodComponents(
        (8,), solver="cg", reconstruction=0.1, early_stopping=True, max_iter=10
    ),
    DBNRegressor((8, 4), learning_rate_init=0.02, max_iter=40),
    DBNRegressor((8,), solver="lbfgs", head_iter=2, max_iter=40),
    RBM(n_components=4, visible="spin", hidden="spin"),
    RBM(n_components=4, visible="gaussian", hidden="rectified"),
    RBM(n_components=4, visible="poisson"),
    RBM(n_components=4, visible="rectified", hidden="gaussian"),
]


# What is said of a frame depends on those before it.
OF_SINGLE_ROWS = (
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
)
DRAWN = (
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Fits that are short, of the imputer's default model and of "auto"."""
    monkeypatch.setattr("skdbn._estimators._model_search.N_UPDATES", (20, 40))
    monkeypatch.setattr("skdbn._training._plan.MOST_EPOCHS", 3)


# The checks feed normal variates, whatever the range of the units.
@pytest.mark.filterwarnings("ignore::skdbn.exceptions.DataRangeWarning")
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_conventions(estimator, check):
    if check.func.__name__ in DRAWN:
        with pytest.raises(AssertionError, match="not equivalent"):
            check(estimator)
        return
    if isinstance(estimator, TemporalRBM) and check.func.__name__ in OF_SINGLE_ROWS:
        with pytest.raises(AssertionError, match="not invariant"):
            check(estimator)
        return
    check(estimator)
