"""The estimators, from the outside."""

import copy
import pickle
import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from _oracle import Enumeration, sigmoid
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import BernoulliRBM as Original
from sklearn.pipeline import make_pipeline

from skdbn import RBM, BernoulliRBM, GaussianRBM
from skdbn.exceptions import DataRangeWarning
from skdbn.gradients import CD, PCD, PT, REGISTRY, resolve
from skdbn.schedules import InverseTime, Linear, Step
from skdbn.units import Bernoulli

ARRAYS = ("components_", "intercept_hidden_", "intercept_visible_")
CONTAINERS = [
    getattr(sparse, f"{form}_{kind}")
    for form in ("csr", "csc", "coo")
    for kind in ("array", "matrix")
]

both_classes = pytest.mark.parametrize("Class", [RBM, BernoulliRBM])
# Those for every type of units.
GENERAL = [name for name in REGISTRY if name != "score-matching"]
every_gradient = pytest.mark.parametrize("gradient", GENERAL)


@pytest.fixture
def X(rng):
    return (rng.random((60, 12)) < 0.4).astype(float)


@pytest.fixture
def gray(rng):
    return rng.random((60, 12))


def make(seed, Class=BernoulliRBM, **settings):
    return Class(**{"n_components": 5, "n_iter": 3, "random_state": seed, **settings})


def assert_same_model(one, other, rtol=0.0, atol=0.0):
    for name in ARRAYS:
        np.testing.assert_allclose(
            getattr(one, name), getattr(other, name), rtol=rtol, atol=atol
        )


# What scikit-learn's class of the same name does otherwise. Each check passes here and
# fails there.


def drift(Class, seed, n_rows, batch_size, partial=False):
    """How far the visible biases move when there is nothing to learn.

    All values are 0.5, which is where both classes start; the noise of the chains and
    of the bits drawn from the data is left, and the one hidden unit's random weights.
    """
    X = np.full((n_rows, 6), 0.5)
    rbm = Class(1, batch_size=batch_size, n_iter=1, random_state=seed)
    rbm.partial_fit(X) if partial else rbm.fit(X)
    return np.abs(rbm.intercept_visible_).max()


def noise(batches, n_chains):
    """Five standard errors of it: steps of 0.1 × the mean of so many coins.

    A first weight w, of at most 0.4, moves a probability from a half by w/8.
    """
    variance = sum(1 / n_rows + 1 / n_chains for n_rows in batches)
    return 0.1 * (5 * 0.5 * np.sqrt(variance) + len(batches) * 0.4 / 8)


def check_fewer_rows_than_a_batch_weigh_the_same(Class, seed):
    assert drift(Class, seed, 2, 200) < noise([2], 200)


def check_last_batch_weighs_the_same(Class, seed):
    assert drift(Class, seed, 201, 200) < noise([200, 1], 200)


def check_partial_fit_on_many_rows_weighs_the_same(Class, seed):
    assert drift(Class, seed, 20000, 10000, True) < noise([10000] * 2, 10000)


def check_partial_fit_walks_minibatches(Class, seed):
    """A single step moves no bias by more than the learning rate."""
    rbm = Class(4, learning_rate=0.1, batch_size=10, random_state=seed)
    rbm.partial_fit(np.zeros((1000, 3)))
    before = rbm.intercept_visible_.copy()
    rbm.partial_fit(np.ones((1000, 3)))
    assert (rbm.intercept_visible_ - before).min() > 2 * 0.1


def check_partial_fit_keeps_float32(Class, seed):
    rbm = Class(4, random_state=seed)
    for _ in range(2):
        rbm.partial_fit(np.eye(6, dtype=np.float32))
        assert all(getattr(rbm, name).dtype == np.float32 for name in ARRAYS)


def check_partial_fit_returns_self(Class, seed):
    rbm = Class(4, random_state=seed)
    assert rbm.partial_fit(np.eye(6)) is rbm


def check_score_samples_draws_nothing(Class, seed):
    rbm = Class(4, n_iter=1, random_state=np.random.RandomState(seed))
    X = np.eye(6)[np.arange(100) % 6]
    rbm.fit(X)
    np.testing.assert_array_equal(rbm.score_samples(X), rbm.score_samples(X))


def check_score_of_a_row_is_its_own(Class, seed):
    """Whatever other rows stand beside it."""
    rng = np.random.default_rng(seed)
    X = (rng.random((50, 8)) < 0.2).astype(float)
    rbm = Class(4, random_state=seed).fit(X)
    scores, order = rbm.score_samples(X), rng.permutation(50)
    np.testing.assert_allclose(rbm.score_samples(X[order]), scores[order], rtol=1e-12)
    alone = [rbm.score_samples(row[None])[0] for row in X]
    np.testing.assert_allclose(alone, scores, rtol=1e-12)


def check_verbose_changes_nothing(Class, seed):
    X = np.eye(6)[np.arange(100) % 6]
    silent, loud = (
        Class(4, verbose=v, random_state=np.random.RandomState(seed)).fit(X)
        for v in (0, 1)
    )
    assert_same_model(silent, loud)


def check_rows_are_shuffled(Class, seed):
    """The order of sorted rows leaves no trace.

    After 500 zeros and 500 ones in that order, the model would expect a one. In random
    order the log-odds only fluctuate: the noise of batch and chains, together 2/40 a
    step at a rate of 0.5 against a pull of 1/4, gives them a variance of 1/20.
    """
    X = np.repeat([0.0, 1.0], 500)[:, None]
    rbm = Class(1, learning_rate=0.5, n_iter=1, random_state=seed).fit(X)
    weight, bias = rbm.components_[0, 0], rbm.intercept_hidden_[0]
    log_odds = rbm.intercept_visible_[0] + np.log(
        (1 + np.exp(bias + weight)) / (1 + np.exp(bias))
    )
    assert abs(log_odds) < 5 / np.sqrt(20)


def check_warns_of_values_out_of_range(Class, seed):
    for X in (np.eye(4) * 2, np.eye(4) - 0.5, sparse.csr_array(np.eye(4) * 255)):
        for method in ("fit", "partial_fit"):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                getattr(Class(4, n_iter=1, random_state=seed), method)(X)
            assert [w.category for w in caught] == [DataRangeWarning]
            assert caught[0].filename == __file__


def check_biases_start_from_the_data(Class, seed):
    """Also those of constant columns, which stay finite."""
    X = np.random.default_rng(seed).random((50, 4))
    X[:, 0], X[:, 3] = 0, 1
    rbm = Class(4, n_iter=0, random_state=seed).fit(X)
    assert np.isfinite(rbm.intercept_visible_).all()
    # A row of halves is added to the 50.
    error = sigmoid(rbm.intercept_visible_) - X.mean(axis=0)
    assert np.abs(error).max() <= 0.5 / 51 + 1e-12
    np.testing.assert_array_equal(rbm.intercept_hidden_, 0)


CHECKS = [
    value for name, value in sorted(globals().items()) if name.startswith("check_")
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__[6:])
def test_better_than_the_original(check, seed):
    check(BernoulliRBM, seed)
    with pytest.raises(AssertionError):
        check(Original, seed)


def test_parameters_of_the_original():
    """All of them, with the same defaults but for the rate and the number of epochs."""
    ours, theirs = BernoulliRBM().get_params(), Original().get_params()
    auto = dict.fromkeys(("learning_rate", "n_iter"), "auto")
    assert {name: ours[name] for name in theirs} == theirs | auto
    assert BernoulliRBM(7).n_components == 7
    assert not {"visible", "hidden"} & set(ours)


def test_attributes_of_the_original(X, seed):
    rbm, original = (
        make(seed, kind, batch_size=50).fit(X) for kind in (BernoulliRBM, Original)
    )
    for name in (*ARRAYS, "h_samples_"):
        found, expected = getattr(rbm, name), getattr(original, name)
        assert found.shape == expected.shape and found.dtype == expected.dtype
    assert set(np.unique(rbm.h_samples_)) <= {0, 1}
    for name in ("transform", "gibbs"):
        found, expected = (getattr(one, name)(X) for one in (rbm, original))
        assert found.shape == expected.shape
    assert rbm.score_samples(X).shape == original.score_samples(X).shape


# What the methods compute


@pytest.fixture
def fitted(seed, rng):
    """A fitted model with weights that matter, small enough to enumerate."""
    rbm = make(seed, n_components=3).fit(rng.random((20, 4)))
    for array in rbm.machine_.params.values():
        array[...] = rng.normal(0, 1, array.shape)
    return rbm, Enumeration.of(rbm.machine_)


def test_methods_by_enumeration(fitted, rng):
    rbm, oracle = fitted
    X, H = rng.random((10, 4)), oracle.h
    expected = oracle.hidden_mean(X)
    np.testing.assert_allclose(rbm.transform(X), expected, rtol=1e-12)
    np.testing.assert_allclose(rbm.free_energy(X), oracle.free_energy(X), rtol=1e-12)
    np.testing.assert_allclose(
        rbm.inverse_transform(H), oracle.visible_mean(), rtol=1e-12
    )
    scores = oracle.pseudo_log_likelihood(X)
    np.testing.assert_allclose(rbm.score_samples(X), scores, rtol=1e-12)
    assert rbm.score(X) == pytest.approx(scores.mean(), rel=1e-12)
    assert type(rbm.score(X, np.zeros(10))) is float
    means = sigmoid(expected @ rbm.components_ + rbm.intercept_visible_)
    np.testing.assert_allclose(rbm.reconstruct(X), means, rtol=1e-12)


def test_many_rows_are_computed_in_blocks(fitted, rng):
    """The same as one by one, for more rows than a block holds."""
    rbm, oracle = fitted
    X = np.repeat(oracle.v, 20_000, axis=0)
    for name in ("transform", "free_energy", "score_samples"):
        method = getattr(rbm, name)
        expected = np.repeat(method(oracle.v), 20_000, axis=0)
        np.testing.assert_allclose(method(X), expected, rtol=1e-12)


def assert_drawn_from(oracle, rows):
    assert set(np.unique(rows)) == {0, 1}
    mean = oracle.p_v @ oracle.v
    error = np.abs(rows.mean(axis=0) - mean)
    assert (error < 5 * np.sqrt(mean * (1 - mean) / len(rows))).all()
    pair = oracle.p_v @ (oracle.v[:, :1] * oracle.v[:, 1:])
    error = np.abs((rows[:, :1] * rows[:, 1:]).mean(axis=0) - pair)
    assert (error < 5 * np.sqrt(pair * (1 - pair) / len(rows))).all()


def test_sample_draws_from_the_model(fitted):
    rbm, oracle = fitted
    assert_drawn_from(oracle, rbm.sample(20_000, n_steps=100))


def test_rows_that_cannot_be_have_no_finite_energy(fitted):
    rbm, _ = fitted
    with pytest.warns(DataRangeWarning):
        found = rbm.free_energy(np.array([[0.0, 1, 1, 0], [0, 3, 1, 0]]))
    assert np.isfinite(found[0]) and found[1] == np.inf


def test_a_single_imputation_is_a_draw(fitted, seed):
    rbm, _ = fitted
    X = np.full((20, 4), np.nan)
    X[:, 0] = 1
    draws, means = (
        rbm.impute(X, n_samples=n, n_steps=2, random_state=seed) for n in (1, 2)
    )
    assert set(draws.ravel()) <= {0, 1} and not set(means.ravel()) <= {0, 1}


def test_means_of_samples(fitted, seed):
    """Each row is E[v | h] of some state h."""
    rbm, oracle = fitted
    h = oracle.h @ rbm.components_ + rbm.intercept_visible_
    found = rbm.sample(20, n_steps=3, means=True, random_state=seed)
    gaps = np.abs(found[:, None] - sigmoid(h)).max(axis=2)
    assert gaps.min(axis=1).max() < 1e-12


def test_gibbs_keeps_the_model(fitted, rng):
    rbm, oracle = fitted
    start = oracle.draw(20_000, rng)
    end = rbm.gibbs(start)
    assert (end != start).any()
    assert_drawn_from(oracle, end)
    assert rbm.gibbs(sparse.csr_array(start[:5])).shape == (5, 4)


def test_sampling_and_random_states(X, seed):
    one, same = (make(seed).fit(X) for _ in range(2))
    for draw in (
        lambda rbm: rbm.sample(20, n_steps=2),
        lambda rbm: rbm.gibbs(X),
    ):
        first = draw(one)
        np.testing.assert_array_equal(first, draw(same))
        assert (draw(one) != first).any()
        draw(same)
    fixed = [one.sample(20, n_steps=2, random_state=seed) for _ in range(2)]
    np.testing.assert_array_equal(*fixed)
    state = np.random.RandomState(seed)
    moving = [one.sample(20, n_steps=2, random_state=state) for _ in range(2)]
    np.testing.assert_array_equal(moving[0], fixed[0])
    assert (moving[1] != moving[0]).any()


def test_sampling_changes_no_training(X, seed):
    one, other = (make(seed).fit(X) for _ in range(2))
    one.sample(3, n_steps=2), one.gibbs(X), one.score_samples(X)
    assert_same_model(one.partial_fit(X), other.partial_fit(X))


def test_random_states_of_fits(X, seed):
    assert_same_model(make(seed).fit(X), make(seed).fit(X))
    state = np.random.RandomState(seed)
    first, second = (make(state).fit(X).components_ for _ in range(2))
    np.testing.assert_array_equal(
        first, make(np.random.RandomState(seed)).fit(X).components_
    )
    assert (first != second).any()
    assert (make(None).fit(X).components_ != make(None).fit(X).components_).any()


@pytest.mark.parametrize(
    "gradient, n", [("cd", 10), ("pcd", 50), (PCD(n_chains=7), 7), (CD(2), 10)]
)
def test_h_samples(gradient, n, X, seed):
    rbm = make(seed, gradient=gradient).fit(X)
    assert rbm.h_samples_.shape == (n, 5)
    assert set(np.unique(rbm.h_samples_)) <= {0, 1}


def test_arrays_belong_to_the_machine(X, seed):
    rbm = make(seed).fit(X)
    assert np.shares_memory(rbm.components_, rbm.machine_.weights)
    assert rbm.components_.shape == (5, 12)
    for name in ARRAYS:
        with pytest.raises(AttributeError):
            setattr(rbm, name, 0)
        assert not hasattr(make(seed), name)


@both_classes
def test_settings_are_not_touched(Class, X, seed):
    gradient, rate, momentum = PCD(n_chains=4), InverseTime(0.1), Step()
    settings = dict(gradient=gradient, learning_rate=rate, momentum=momentum)
    rbm = make(seed, Class, **settings).fit(X).partial_fit(X)
    for name, value in settings.items():
        assert getattr(rbm, name) is value
        assert set(vars(value)) == set(value.get_params())
    assert rbm.gradient_ is not gradient
    assert len(rbm.gradient_.chains_.visible) == 4


def test_unit_types_by_name_or_object(X, seed):
    expected = make(seed, BernoulliRBM).fit(X)
    for settings in ({}, {"visible": "bernoulli"}, {"hidden": Bernoulli()}):
        assert_same_model(make(seed, RBM, **settings).fit(X), expected)


def test_schedule_goes_on_through_partial_fit(X, seed):
    rbm = make(seed, n_iter=2, learning_rate=Linear(0.1))
    rbm.partial_fit(X).partial_fit(X)
    before = rbm.components_.copy()
    with pytest.warns(ConvergenceWarning, match="learns nothing"):
        rbm.partial_fit(X)
    np.testing.assert_array_equal(rbm.components_, before)


def test_fit_starts_anew(X, gray, seed):
    rbm = make(seed).fit(gray[:, :4]).partial_fit(gray[:, :4])
    assert_same_model(rbm.fit(X), make(seed).fit(X))
    assert rbm.n_features_in_ == 12


# Containers and number types


@pytest.mark.parametrize("container", CONTAINERS)
@every_gradient
@pytest.mark.parametrize("early_stopping", [False, True])
def test_sparse_equals_dense(container, gradient, early_stopping, X, gray, seed):
    X = X * gray
    settings = {"gradient": gradient, "early_stopping": early_stopping}
    one, other = (make(seed, **settings).fit(data) for data in (X, container(X)))
    assert_same_model(one, other, rtol=1e-9, atol=1e-12)
    for name in ("transform", "score_samples", "free_energy", "reconstruct"):
        found, expected = getattr(one, name)(container(X)), getattr(one, name)(X)
        assert type(found) is np.ndarray
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert_same_model(
        one.partial_fit(X), other.partial_fit(container(X)), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("container", CONTAINERS)
@every_gradient
@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8, bool])
def test_thin_sparse_equals_dense(container, gradient, centered, dtype, rng, seed):
    """With less than one non-zero in a hundred, batches of all sizes are sparse."""
    X = (rng.random((153, 200)) < 0.005).astype(dtype)
    settings = dict(gradient=gradient, centered=centered)
    one, other = (make(seed, **settings).fit(data) for data in (X, container(X)))
    rtol = 1e-9 if dtype == np.float64 else 1e-4
    assert_same_model(one, other, rtol=rtol, atol=rtol)
    for name in ("transform", "score_samples", "free_energy"):
        np.testing.assert_allclose(
            getattr(one, name)(container(X)), getattr(one, name)(X), rtol=rtol
        )


SINGLE = [np.float32, np.bool_, np.uint8, np.int8]
DOUBLE = [np.float64, np.float16, np.int16, np.int64, np.uint32]
CASES = [
    (container, dtype, expected)
    for container in (np.asarray, sparse.csr_array)
    for expected, dtypes in ((np.float32, SINGLE), (np.float64, DOUBLE))
    for dtype in dtypes
    # SciPy has no such sparse arrays
    if not (container is sparse.csr_array and dtype is np.float16)
]


@pytest.mark.parametrize("container, dtype, expected", CASES)
def test_dtypes(container, dtype, expected, X, seed):
    data = container(X.astype(dtype))
    for rbm in (make(seed).fit(data), make(seed).partial_fit(data)):
        H = rbm.transform(data)
        results = [getattr(rbm, name) for name in (*ARRAYS, "h_samples_")]
        results += [getattr(rbm, name)(data) for name in ("gibbs", "reconstruct")]
        results += [rbm.score_samples(data), rbm.free_energy(data)]
        results += [H, rbm.inverse_transform(H), rbm.sample(2, n_steps=2)]
        assert {array.dtype for array in results} == {np.dtype(expected)}
    # The same values give the same model.
    assert_same_model(make(seed).fit(data), make(seed).fit(X.astype(expected)))


@every_gradient
@pytest.mark.parametrize("centered", [True, False])
def test_float32_follows_float64(gradient, centered, X, seed):
    """To rounding, over 18 updates of sums of some tens of terms."""
    settings = {"gradient": gradient, "centered": centered, "momentum": 0.5}
    single, double = (
        make(seed, **settings).fit(X.astype(dtype)) for dtype in (np.float32, float)
    )
    atol = 18 * 20 * np.finfo(np.float32).eps
    assert_same_model(single, double, atol=atol)
    np.testing.assert_allclose(single.transform(X), double.transform(X), atol=atol)


@every_gradient
def test_values_learned_as_they_are(gradient, X, gray, seed):
    """Without `sample_data`; it changes nothing where all values are bits."""
    drawn, plain = (
        [make(seed, gradient=gradient, sample_data=s).fit(Z) for Z in (X, gray)]
        for s in (True, False)
    )
    assert_same_model(drawn[0], plain[0])
    assert not np.allclose(drawn[1].components_, plain[1].components_)


def test_fortran_order_and_lists(X, seed):
    expected = make(seed).fit(X)
    for data in (np.asfortranarray(X), X.tolist(), X[:, ::-1][:, ::-1]):
        rbm = make(seed).fit(data)
        assert_same_model(rbm, expected)
        np.testing.assert_allclose(rbm.transform(data), expected.transform(X))


def test_data_are_not_changed(gray, seed):
    before = gray.copy()
    rbm = make(seed).fit(gray).partial_fit(gray)
    for name in ("transform", "score_samples", "free_energy", "gibbs", "reconstruct"):
        getattr(rbm, name)(gray)
    np.testing.assert_array_equal(gray, before)
    H = rbm.transform(gray)
    before = H.copy()
    rbm.inverse_transform(H)
    np.testing.assert_array_equal(H, before)


def test_read_only_data(gray, seed):
    gray.flags.writeable = False
    rbm = make(seed).fit(gray).partial_fit(gray)
    assert rbm.transform(gray).shape == (60, 5)


def test_rounding_is_not_out_of_range(X, seed):
    """One more than 1 by rounding does not warn."""
    make(seed).fit(X * (1 + 1e-9)).partial_fit((X - 1e-9).astype(np.float32))


def test_constant_columns_stay_finite(X, seed):
    X[:, 0], X[:, 1] = 0, 1
    for gradient in GENERAL:
        rbm = make(seed, gradient=gradient, n_iter=50).fit(X)
        assert all(np.isfinite(getattr(rbm, name)).all() for name in ARRAYS)
        assert np.isfinite(rbm.score_samples(X)).all()


# From scikit-learn


@pytest.fixture
def original(X, seed):
    return make(seed, Original, learning_rate=0.05).fit(X)


@both_classes
def test_from_sklearn(Class, original, X, seed):
    rbm = Class.from_sklearn(original)
    assert type(rbm) is Class
    theirs = original.get_params()
    assert {name: rbm.get_params()[name] for name in theirs} == theirs
    assert rbm.n_features_in_ == 12
    assert_same_model(rbm, original)
    np.testing.assert_array_equal(rbm.h_samples_, original.h_samples_)
    np.testing.assert_allclose(rbm.transform(X), original.transform(X), rtol=1e-12)
    np.testing.assert_allclose(rbm.free_energy(X), original._free_energy(X), rtol=1e-12)
    assert rbm.sample(3, n_steps=2).shape == rbm.gibbs(X[:3]).shape == (3, 12)
    assert np.isfinite(rbm.score(X))


def test_partial_fit_after_from_sklearn(original, X, seed):
    before = copy.deepcopy(original)
    rbm = BernoulliRBM.from_sklearn(original)
    assert rbm.partial_fit(X) is rbm
    change = np.abs(rbm.components_ - original.components_).max()
    # Six steps of 0.05, each at most 2 with centered directions.
    assert 0 < change < 6 * 0.05 * 2
    assert_same_model(original, before)
    restored = pickle.loads(pickle.dumps(rbm))
    assert_same_model(restored.partial_fit(X), rbm.partial_fit(X))


def test_from_sklearn_keeps_float32_and_names(X, seed):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X.astype(np.float32)).add_prefix("pixel")
    rbm = BernoulliRBM.from_sklearn(make(seed, Original).fit(frame))
    assert all(getattr(rbm, name).dtype == np.float32 for name in ARRAYS)
    assert list(rbm.feature_names_in_) == list(frame.columns)
    assert rbm.transform(frame).dtype == np.float32


def test_from_sklearn_is_for_binary_units(original):
    with pytest.raises(TypeError, match="GaussianRBM has other units"):
        GaussianRBM.from_sklearn(original)


def test_from_sklearn_needs_a_fitted_estimator():
    with pytest.raises(NotFittedError):
        BernoulliRBM.from_sklearn(Original())


# A fit that fails


def state_of(rbm):
    """Everything that an estimator holds, as bytes where it is an array."""
    return set(vars(rbm)), [
        getattr(rbm, name).tobytes()
        for name in (*ARRAYS, "h_samples_")
        if hasattr(rbm, name)
    ]


# A decay of 1 times a rate of 100 makes the weights explode; so do huge rates.
DIVERGING = [
    {"learning_rate": 100.0, "weight_decay": 1.0, "n_iter": 500},
    {"learning_rate": 1e308, "n_iter": 50},
    {"learning_rate": 1e308, "n_iter": 50, "centered": False, "gradient": "cd"},
]


@pytest.mark.parametrize("settings", DIVERGING)
def test_diverging_fit(settings, X, seed):
    rbm = make(seed, **settings)
    before = state_of(rbm)
    rate = "100" if settings["learning_rate"] == 100 else r"1e\+308"
    with pytest.raises(ValueError, match=rf"epoch \d+ .*learning_rate={rate}\b"):
        rbm.fit(X)
    assert state_of(rbm) == before
    assert not hasattr(rbm, "machine_") and not hasattr(rbm, "n_features_in_")
    with pytest.raises(NotFittedError):
        rbm.transform(X)


def test_huge_data_warn(seed):
    X = np.random.default_rng(seed).normal(size=(60, 5)) * 1e75
    with pytest.warns(DataRangeWarning, match=r"e\+75"):
        rbm = make(seed).fit(X)
    assert np.isfinite(rbm.components_).all()


def test_diverging_fit_leaves_a_fitted_model(X, seed):
    rbm = make(seed).fit(X)
    before, other = state_of(rbm), copy.deepcopy(rbm)
    rbm.set_params(**DIVERGING[0])
    with pytest.raises(ValueError, match="diverged in epoch"):
        rbm.fit(X[:, :7])
    assert_as_before(rbm, before, other, X)


def test_diverging_partial_fit_leaves_a_fitted_model(X, seed):
    rbm = make(seed, learning_rate=Step(0.1, 1e308, epochs=1)).partial_fit(X)
    before, other = state_of(rbm), copy.deepcopy(rbm)
    with pytest.raises(ValueError, match=r"epoch 2 .*learning_rate=1e\+308"):
        rbm.partial_fit(X)
    assert_as_before(rbm, before, other, X)


def assert_as_before(rbm, before, other, X):
    assert state_of(rbm) == before
    assert rbm.n_features_in_ == 12
    np.testing.assert_array_equal(rbm.transform(X), other.transform(X))
    np.testing.assert_array_equal(rbm.sample(4, n_steps=2), other.sample(4, n_steps=2))


def test_first_partial_fit_that_diverges(X, seed):
    rbm = make(seed, learning_rate=1e308, batch_size=2)
    before = state_of(rbm)
    with pytest.raises(ValueError, match=r"epoch 1 .*learning_rate=1e\+308"):
        rbm.partial_fit(X)
    assert state_of(rbm) == before


# Bad input

BAD_PARAMETERS = [
    ("n_components", 0),
    ("n_components", 2.5),
    ("visible", "gauss"),
    ("hidden", 3),
    ("gradient", "sgd"),
    ("gradient", None),
    ("learning_rate", 0),
    ("learning_rate", -0.1),
    ("learning_rate", "fast"),
    ("momentum", -0.1),
    ("momentum", 1.0),
    ("weight_decay", -1e-3),
    ("l1_ratio", 1.1),
    ("l1_ratio", -0.1),
    ("sparsity", 0.05),
    ("centered", "yes"),
    ("sample_data", None),
    ("batch_size", 0),
    ("n_iter", -1),
    ("early_stopping", "auto"),
    ("validation_fraction", 0.0),
    ("validation_fraction", 1.0),
    ("n_iter_no_change", 0),
    ("tol", -1.0),
    ("warm_start", "yes"),
    ("verbose", -1),
    ("random_state", "seven"),
]
fits = pytest.mark.parametrize("method", ["fit", "partial_fit"])


def refused(rbm, method, X, *words):
    """The call raises a ValueError with these words, and changes nothing."""
    before = state_of(rbm)
    with pytest.raises(ValueError) as caught:
        getattr(rbm, method)(X)
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert state_of(rbm) == before


@fits
@pytest.mark.parametrize("name, value", BAD_PARAMETERS)
def test_bad_parameter(method, name, value, X, seed):
    rbm = make(seed, RBM).set_params(**{name: value})
    refused(rbm, method, X, name, str(value))


def test_every_parameter_is_tried():
    """`random_state` and all others; new ones need a line above."""
    assert {name for name, _ in BAD_PARAMETERS} == set(RBM().get_params(deep=False))


BAD_VALUES = {
    "fast_learning_rate": (0, -1, np.inf, "many"),
    "fast_decay": (-0.1, 1, "many"),
}
BAD_SETTINGS = [
    pytest.param(name, setting, value, id=f"{name}-{setting}-{value}")
    for name in GENERAL
    for setting in REGISTRY[name]().get_params()
    for value in BAD_VALUES.get(setting, (0, -1, 1.5, "many"))
]


@fits
@pytest.mark.parametrize("name, setting, value", BAD_SETTINGS)
def test_bad_parameter_of_a_gradient(method, name, setting, value, X, seed):
    rbm = make(seed, gradient=REGISTRY[name](**{setting: value}))
    refused(rbm, method, X, setting, str(value))


BAD_DATA = {
    "inf": (lambda X: np.where(X == X.max(), np.inf, X), "infinity"),
    "sparse nan": (
        lambda X: sparse.csr_array(np.where(X == X.max(), np.nan, X)),
        "NaN",
    ),
    "strings": (lambda X: X.astype(str).astype(object) + "px", "px"),
    "1-D": (lambda X: X[0], "1D array"),
    "3-D": (lambda X: X[None], "dim 3"),
    "no rows": (lambda X: X[:0], "0 sample(s)"),
    "no columns": (lambda X: X[:, :0], "0 feature(s)"),
    "complex": (lambda X: X + 1j, "Complex"),
}
bad_data = pytest.mark.parametrize("spoil, word", BAD_DATA.values(), ids=BAD_DATA)
READING = ["transform", "score_samples", "score", "free_energy", "gibbs", "reconstruct"]


@fits
@bad_data
def test_bad_data_to_learn_from(method, spoil, word, gray, seed):
    refused(make(seed), method, spoil(gray), word)
    refused(make(seed).fit(gray), method, spoil(gray), word)


@bad_data
@pytest.mark.parametrize("method", READING)
def test_bad_data_to_read(method, spoil, word, gray, seed):
    refused(make(seed).fit(gray), method, spoil(gray), word)


@pytest.mark.parametrize("method", ["partial_fit", *READING])
def test_wrong_number_of_columns(method, gray, seed):
    words = "7 features", "12 features"
    refused(make(seed).fit(gray), method, gray[:, :7], *words)


@pytest.mark.parametrize("method", [*READING, "inverse_transform", "sample"])
def test_not_fitted(method, gray, seed):
    argument = 2 if method == "sample" else gray
    with pytest.raises(NotFittedError, match="BernoulliRBM"):
        getattr(make(seed), method)(argument)


@pytest.mark.parametrize("name", ["n_samples", "n_steps"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "many", None])
def test_bad_sample(name, value, gray, seed):
    rbm = make(seed).fit(gray)
    with pytest.raises(ValueError, match=f"{name!r} parameter.* Got {value!r}"):
        rbm.sample(**{name: value})


def test_bad_hidden_values(gray, seed):
    rbm = make(seed).fit(gray)
    with pytest.raises(ValueError, match=r"H has 4 columns.* 5 hidden units"):
        rbm.inverse_transform(np.ones((2, 4)))
    with pytest.raises(ValueError, match="H contains NaN"):
        rbm.inverse_transform(np.full((2, 5), np.nan))


# Life inside scikit-learn


@every_gradient
def test_pickle_goes_on(gradient, X, seed):
    settings = dict(momentum=0.5, learning_rate=InverseTime(0.1), n_iter=9)
    rbm = make(seed, gradient=gradient, **settings).fit(X)
    restored = pickle.loads(pickle.dumps(rbm))
    np.testing.assert_array_equal(restored.transform(X), rbm.transform(X))
    np.testing.assert_array_equal(restored.gibbs(X), rbm.gibbs(X))
    assert_same_model(restored.partial_fit(X), rbm.partial_fit(X))


@both_classes
def test_clone_is_not_fitted(Class, X, seed):
    rbm = make(seed, Class, gradient=PCD(n_chains=3)).fit(X)
    copied = clone(rbm)
    assert not hasattr(copied, "machine_")
    assert copied.gradient is not rbm.gradient
    assert_same_model(copied.fit(X), rbm)


def test_nested_parameters():
    rbm = RBM(gradient=PCD(), learning_rate=Linear())
    rbm.set_params(gradient__n_chains=9, learning_rate__initial=0.5)
    assert rbm.gradient.n_chains == 9 and rbm.learning_rate.initial == 0.5


@both_classes
def test_feature_names(Class, X, seed):
    rbm = make(seed, Class).fit(X)
    prefix = Class.__name__.lower()
    expected = [f"{prefix}{i}" for i in range(5)]
    assert list(rbm.get_feature_names_out()) == expected


# Below 1.9 scikit-learn speaks to polars in a way that polars deprecates.
@pytest.mark.filterwarnings("ignore:Support for the dataframe interchange")
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_set_output(library, X, seed):
    frames = pytest.importorskip(library)
    names = [f"pixel{i}" for i in range(12)]
    frame = frames.DataFrame(dict(zip(names, X.T, strict=True)))
    rbm = make(seed).set_output(transform=library)
    found = rbm.fit_transform(frame)
    assert isinstance(found, frames.DataFrame)
    assert list(found.columns) == list(rbm.get_feature_names_out())
    assert list(rbm.feature_names_in_) == names
    np.testing.assert_array_equal(found.to_numpy(), make(seed).fit_transform(X))


def test_pipeline_of_two():
    X, y = load_digits(n_class=3, return_X_y=True)
    first, second = (
        BernoulliRBM(n, learning_rate=0.1, n_iter=20, random_state=0) for n in (40, 30)
    )
    model = make_pipeline(first, second, LogisticRegression(C=100, max_iter=1000))
    # Chance is 1/3; three digits are told apart by their pixels to 99 %.
    assert cross_val_score(model, X / 16, y, cv=3).mean() > 0.9


def test_grid_search(X, seed):
    grid = {
        "gradient__n_chains": [3, 20],
        "learning_rate": [0.05, Linear(0.1), Step(0.1, 0.01, epochs=1)],
    }
    search = GridSearchCV(make(seed, gradient=PCD()), grid, cv=2).fit(X)
    assert len(search.cv_results_["params"]) == 6
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all() and len(set(scores)) == 6
    best = search.best_estimator_
    assert search.score(X) == pytest.approx(best.score_samples(X).mean())


def test_grid_search_in_processes(X, seed):
    """It finds what it finds in one process."""
    grid = {"learning_rate": [0.05, Linear(0.2)], "gradient": ["cd", PCD(n_chains=7)]}
    alone, spread = (
        GridSearchCV(make(seed), grid, cv=2, n_jobs=n).fit(X) for n in (1, 2)
    )
    np.testing.assert_allclose(
        spread.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )
    assert_same_model(spread.best_estimator_, alone.best_estimator_, rtol=1e-9)


@every_gradient
def test_threads(gradient, X, seed):
    """Fits side by side are those one after the other."""

    def fit(i):
        return make(seed + i, gradient=gradient, n_iter=20).fit(X)

    with ThreadPoolExecutor(2) as threads:
        together = list(threads.map(fit, range(4)))
    for i, rbm in enumerate(together):
        assert_same_model(rbm, fit(i))


# Memory


def peak(call):
    """The largest number of bytes held at a time during the call."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def allowance(n_rows, n_features, n_components, batch_size, itemsize=4):
    """Six arrays as large as the weights, ten as large as a batch, and some more."""
    weights = n_features * n_components * itemsize
    batch = batch_size * max(n_features, n_components) * itemsize
    return 6 * weights + 10 * batch + 8 * n_rows + 220_000


@pytest.mark.parametrize("n_temperatures", [1, 4])
def test_history_has_swaps(n_temperatures, X, seed):
    rbm = make(seed, gradient=PT(n_temperatures), n_iter=3).fit(X)
    found = [row.get("swap_acceptance") for row in rbm.history_]
    if n_temperatures == 1:
        assert found == [None] * 3
    else:
        assert all(0 < share < 1 for share in found)
        assert rbm.gradient_.swap_acceptance_.shape == (3,)
        assert rbm.gradient_.swap_acceptance_.mean() == pytest.approx(found[-1], 0.1)


def batch_of_rows(n_rows, gradient):
    """The batch size at which a gradient samples so many rows."""
    return n_rows // getattr(resolve(gradient), "n_temperatures", 1)


@pytest.mark.slow
@every_gradient
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
@pytest.mark.parametrize("early_stopping", [False, True])
@fits
def test_memory_of_a_fit(method, gradient, dtype, early_stopping, rng, seed):
    """Above the data, which 8-bit data would exceed if converted as a whole."""
    n_rows, n_features, n_sampled = 12_000, 400, 40
    X = (rng.random((n_rows, n_features), dtype=np.float32) < 0.3).astype(dtype)
    rbm = make(
        seed,
        n_components=20,
        gradient=gradient,
        batch_size=batch_of_rows(n_sampled, gradient),
        n_iter=1,
        early_stopping=early_stopping,
        momentum=0.5,
        weight_decay=0.001,
    )
    # Means and scores are taken of blocks of a fixed size.
    limit = allowance(n_rows, n_features, 20, n_sampled) + 2**20
    assert limit < n_rows * n_features * 4 / 8
    assert peak(lambda: getattr(rbm, method)(X)) < limit


@pytest.mark.parametrize("gradient", [CD(), PCD(n_chains=10)])
def test_batch_size_beyond_the_data(gradient, X, seed):
    """Costs nothing: there are never more rows in a batch than in the data."""
    rbm = make(seed, gradient=gradient, batch_size=100_000)
    assert peak(lambda: rbm.fit(X)) < allowance(60, 12, 5, 60, 8)
    expected = make(seed, gradient=gradient, batch_size=60).fit(X)
    assert_same_model(rbm, expected)


N_FEATURES = 5000


@pytest.fixture(scope="module")
def huge():
    """12,000 rows with five ones: 480 MB if dense, 0.7 MB as they are."""
    n_rows, n_ones = 12_000, 5
    width = N_FEATURES // n_ones
    columns = np.random.default_rng(0).integers(width, size=(n_rows, n_ones))
    columns += width * np.arange(n_ones)
    starts = np.arange(0, n_rows * n_ones + 1, n_ones)
    data = (np.ones(n_rows * n_ones), columns.ravel(), starts)
    return sparse.csr_array(data, shape=(n_rows, N_FEATURES))


@pytest.mark.slow
@every_gradient
def test_sparse_data_are_never_dense_as_a_whole(gradient, huge, seed):
    batch_size = batch_of_rows(100, gradient)
    rbm = make(seed, n_components=8, gradient=gradient, n_iter=1, batch_size=batch_size)
    dense = huge.shape[0] * N_FEATURES * 8
    limit = allowance(huge.shape[0], N_FEATURES, 8, 100, 8) + 2 * huge.data.nbytes
    # Blocks, for the mean of the columns, of a million bytes.
    assert limit + 2**20 < dense / 10
    assert peak(lambda: rbm.fit(huge)) < limit + 2**20


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, density, shape",
    [
        ("transform", "thin", (4000, N_FEATURES)),
        ("transform", "thick", (4000, N_FEATURES)),
        ("free_energy", "thin", (4000, N_FEATURES)),
        ("free_energy", "thick", (4000, N_FEATURES)),
        # The time goes with the square of the columns.
        ("score_samples", "thin", (5000, 1000)),
        ("score_samples", "thick", (5000, 1000)),
    ],
)
def test_sparse_data_are_read_in_blocks(name, density, shape, huge, seed):
    """However few the hidden units: a block's size goes by the wider layer."""
    n_rows, width = shape
    rbm = make(seed, n_components=8, n_iter=0).fit(huge[:100, :width])
    data = huge[:n_rows, :width]
    if density == "thick":
        rows = (np.random.default_rng(0).random((40, width)) < 0.02).astype(float)
        data = sparse.csr_array(np.tile(rows, (n_rows // 40, 1)))
    dense = n_rows * width * 8
    assert peak(lambda: getattr(rbm, name)(data)) < dense / 4


def test_8_bit_data_are_read_in_blocks(seed):
    X = np.ones((40_000, 400), np.uint8)
    rbm = make(seed, n_components=2, n_iter=0).fit(X[:100])
    for name in ("transform", "free_energy"):
        assert peak(lambda name=name: getattr(rbm, name)(X)) < X.nbytes
