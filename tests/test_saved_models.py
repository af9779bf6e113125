"""Models in a file of an earlier day, and files that are damaged.

``python tests/test_saved_models.py`` adds the models that the file does not have. Where a
change of what is saved is meant, delete the file first, and say in ``whats_new.rst`` how to
convert models.
"""

import copy
import io
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.exceptions import InconsistentVersionWarning

import skdbn
from skdbn import (
    RBM,
    BernoulliRBM,
    BoltzmannImputer,
    ConditionalRBM,
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
from skdbn.gradients import CD, PCD
from skdbn.structured import CRFClassifier, ShapePriorCRFClassifier, pixel_graphs
from skdbn.units import Concatenated

FILE = Path(__file__).parent / "saved_models.joblib"
SMALL = dict(n_components=3, n_iter=2, gradient=PCD(n_chains=2), random_state=0)
NET = dict(layers=(3, 2), n_iter=1, max_iter=2, rbm=BernoulliRBM(gradient=CD()))
PARTS = Concatenated([("spin", 1), ("gaussian", 1), ("poisson", 2)])
SMALL_FILTERS = dict(n_filters=2, filter_shape=2, image_shape=(1, 4), pool=3)
MODELS = {
    "RBM": RBM(**SMALL, visible=PARTS),
    "BernoulliRBM": BernoulliRBM(**SMALL),
    "GaussianRBM": GaussianRBM(**SMALL),
    "SparseRBM": SparseRBM(**SMALL),
    "MixedRBM": MixedRBM(**SMALL, units={0: "softmax"}),
    "RBMClassifier": RBMClassifier(3, n_iter=2, random_state=0),
    "DBNTransformer": DBNTransformer((BernoulliRBM(**SMALL), BernoulliRBM(**SMALL))),
    "DBNClassifier": DBNClassifier(**NET, random_state=0),
    "DBNRegressor": DBNRegressor(**NET, random_state=0),
    "DBNAutoencoder": DBNAutoencoder(**NET, random_state=0),
    "GenerativeDBNClassifier": GenerativeDBNClassifier(**NET, random_state=0),
    "BoltzmannImputer": BoltzmannImputer(BernoulliRBM(**SMALL), random_state=0),
    "CRFClassifier": CRFClassifier(max_iter=3, random_state=0),
    "ConditionalRBM": ConditionalRBM(3, context=[1], n_iter=2, random_state=0),
    "TemporalRBM": TemporalRBM(3, order=2, n_iter=2, random_state=0),
    "ConvolutionalRBM": ConvolutionalRBM(
        **SMALL_FILTERS, gradient=PCD(n_chains=2), n_iter=2, random_state=0
    ),
    "MeanCovarianceRBM": MeanCovarianceRBM(2, n_mean=2, n_iter=1, random_state=0),
    "DBNNeighborhoodComponents": DBNNeighborhoodComponents(**NET, random_state=0),
    "tied": DBNAutoencoder(**NET, n_components=1, tied=True, random_state=0),
    "ShapePriorCRFClassifier": ShapePriorCRFClassifier(
        CRFClassifier(max_iter=3), RBM(2, n_iter=1), grid=2, n_iter=1, random_state=0
    ),
}


def rows_for(name):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, (24, 4)) + 0.0
    if "CRF" in name:
        return pixel_graphs(X.reshape(6, 4, 4)), X.astype(int).reshape(6, 16)
    if name == "RBM":
        X[:, 0] = 2 * X[:, 0] - 1
    return X, np.arange(24) % 2


def answers(model, X):
    names = ("transform", "predict_proba", "predict", "score_samples")
    found = [getattr(model, n)(X) for n in names if hasattr(model, n)]
    return [np.concatenate(x) if isinstance(x, list) else x for x in found]


@pytest.fixture(scope="module")
def saved():
    with warnings.catch_warnings():
        # Versions of the package and of scikit-learn are others some day.
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        return joblib.load(FILE)


@pytest.mark.parametrize("name", MODELS)
def test_a_saved_model_says_what_it_said(name, saved):
    model, expected = saved[name]
    assert type(model) is type(MODELS[name])
    found = answers(model, rows_for(name)[0])
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "name", [name for name, model in MODELS.items() if hasattr(model, "partial_fit")]
)
def test_a_saved_model_learns_on(name, saved):
    model = copy.deepcopy(saved[name][0])
    X, y = rows_for(name)
    model.partial_fit(X, y)
    assert all(np.isfinite(x).all() for x in answers(model, X))


def test_the_file_is_small():
    assert FILE.stat().st_size < 40_000


def test_a_damaged_file_raises(rng):
    """Compressed files have a checksum; of others a part that is missing is noticed."""
    X = rows_for("BernoulliRBM")[0]
    rbm = BernoulliRBM(16, n_iter=1, random_state=0).fit(X)
    expected = rbm.transform(X)
    for compress in (0, 3):
        file = io.BytesIO()
        joblib.dump(rbm, file, compress=compress)
        whole = file.getvalue()
        for cut in rng.integers(1, len(whole) - 10, 20):
            with pytest.raises(Exception):  # noqa: B017
                joblib.load(io.BytesIO(whole[:cut]))
    n_errors = 0
    for place in rng.integers(len(whole), size=50):
        changed = bytearray(whole)
        changed[place] ^= 4
        try:
            found = joblib.load(io.BytesIO(changed))
        except Exception:  # noqa: BLE001
            n_errors += 1
        else:
            # A bit that says nothing, such as of the time.
            np.testing.assert_array_equal(found.transform(X), expected)
    assert n_errors > 40


def save():
    saved = joblib.load(FILE) if FILE.exists() else {}
    for name in MODELS.keys() - saved.keys():
        X, y = rows_for(name)
        model = MODELS[name].fit(X, y)
        saved[name] = model, answers(model, X)
    joblib.dump({name: saved[name] for name in MODELS}, FILE, compress=("lzma", 9))
    print(f"{FILE}: {FILE.stat().st_size} bytes of version {skdbn.__version__}")


if __name__ == "__main__":
    save()
