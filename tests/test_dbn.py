"""The stack of RBMs: layers, features, the way back, and what it refuses."""

import copy
import pickle
import warnings
from threading import Thread

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import BernoulliRBM as Original

from skdbn import (
    RBM,
    BernoulliRBM,
    DBNClassifier,
    DBNTransformer,
    GaussianRBM,
    GenerativeDBNClassifier,
    MixedRBM,
    SparseRBM,
)
from skdbn.exceptions import DataRangeWarning, warn
from skdbn.gradients import CD


@pytest.fixture
def X(rng):
    """Rows of bits that hang together."""
    return ((rng.random((80, 1)) < 0.5) ^ (rng.random((80, 6)) < 0.2)).astype(float)


def make(layers=(5, 4), seed=0, **settings):
    return DBNTransformer(layers, **{"n_iter": 3, "random_state": seed} | settings)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_layers_are_ordinary_rbms(X, seed):
    rbm = BernoulliRBM(gradient="cd", learning_rate=0.3)
    dbn = make(rbm=rbm, seed=seed).fit(X)
    values = X
    for layer, fitted in zip((5, 4), dbn.rbms_, strict=True):
        same = clone(rbm).set_params(
            n_components=layer, n_iter=3, random_state=fitted.random_state
        )
        same.fit(values)
        np.testing.assert_array_equal(fitted.components_, same.components_)
        assert len(fitted.history_) == 3
        values = same.transform(values)
    np.testing.assert_array_equal(dbn.transform(X), values)
    assert dbn.rbms_[0].random_state != dbn.rbms_[1].random_state


def test_features_up_and_down(X, seed):
    dbn = make((5, 4, 3), seed).fit(X)
    up, down = X, None
    for i, rbm in enumerate(dbn.rbms_):
        up = sigmoid(up @ rbm.components_.T + rbm.intercept_hidden_)
        np.testing.assert_allclose(dbn.activations(X)[i], up, rtol=1e-12)
        np.testing.assert_allclose(
            clone(dbn).set_params(layer=i).fit(X).transform(X), up, rtol=1e-12
        )
    down = up
    for rbm in dbn.rbms_[::-1]:
        down = sigmoid(down @ rbm.components_ + rbm.intercept_visible_)
    np.testing.assert_allclose(dbn.inverse_transform(up), down, rtol=1e-12)
    np.testing.assert_allclose(dbn.reconstruct(X), down, rtol=1e-12)
    below, rbm = dbn.activations(X)[0], dbn.rbms_[0]
    down_from_below = sigmoid(below @ rbm.components_ + rbm.intercept_visible_)
    found = copy.copy(dbn).set_params(layer=0).inverse_transform(below)
    np.testing.assert_allclose(found, down_from_below, rtol=1e-12)
    # Bits, and each has the probability of the reconstruction.
    expected = np.log(np.where(X == 1, down, 1 - down)).sum(axis=1)
    np.testing.assert_allclose(
        dbn.reconstruction_log_likelihood(X), expected, rtol=1e-10
    )
    assert dbn.score(X) == pytest.approx(expected.mean())
    assert list(dbn.get_feature_names_out()) == [f"dbntransformer{i}" for i in range(3)]


def test_rows_that_cannot_be_have_no_likelihood(X, seed):
    dbn = make((5, 4), seed).fit(X)
    bad = X.astype(float)
    bad[3, 1] = 2
    with pytest.warns(DataRangeWarning):
        found = dbn.reconstruction_log_likelihood(bad)
    assert found[3] == -np.inf and np.isfinite(np.delete(found, 3)).all()


def test_score_is_a_density_of_real_values(rng, seed):
    X = rng.normal(size=(50, 3))
    dbn = make((4, 3), seed).fit(X)
    assert isinstance(dbn.rbms_[0], GaussianRBM)
    assert isinstance(dbn.rbms_[1], BernoulliRBM)
    mean, variance = dbn.inverse_transform(dbn.transform(X)), dbn.rbms_[0].variance_
    expected = -np.square(X - mean) / (2 * variance) - np.log(2 * np.pi * variance) / 2
    np.testing.assert_allclose(
        dbn.reconstruction_log_likelihood(X), expected.sum(axis=1), rtol=1e-9
    )


def test_layers_by_number_and_by_instance(X, seed):
    first = BernoulliRBM(3, learning_rate=0.5, n_iter=2)
    dbn = make((first, 4), seed, n_iter=None, rbm=BernoulliRBM(gradient="cd", n_iter=1))
    dbn.fit(X)
    assert [rbm.n_components for rbm in dbn.rbms_] == [3, 4]
    assert [rbm.learning_rate for rbm in dbn.rbms_] == [0.5, "auto"]
    assert [rbm.n_iter_ for rbm in dbn.rbms_] == [2, 1]
    assert not hasattr(first, "machine_")
    assert [rbm.n_iter_ for rbm in make((first, 4), n_iter=5).fit(X).rbms_] == [5, 5]


@pytest.mark.parametrize(
    "template, kinds",
    [
        (GaussianRBM(n_components=2), (GaussianRBM, BernoulliRBM)),
        (SparseRBM(visible="gaussian", target=0.2), (SparseRBM, SparseRBM)),
        (RBM(visible="gaussian", hidden="spin"), (RBM, RBM)),
    ],
    ids=lambda value: str(value)[:12],
)
def test_template_above_the_first_layer(template, kinds, rng, seed):
    dbn = make((4, 3), seed, rbm=template).fit(rng.normal(size=(40, 3)))
    assert tuple(map(type, dbn.rbms_)) == kinds
    hidden, visible = dbn.rbms_[0].machine_.hidden, dbn.rbms_[1].machine_.visible
    assert type(hidden) is type(visible)


def test_binary_units_for_bits_and_gray_levels(X, rng, seed):
    gray = np.where(rng.random(X.shape) < 0.5, X, rng.random(X.shape))
    for data, kind in (
        (X, BernoulliRBM),
        (gray, BernoulliRBM),
        (X * 1.01, GaussianRBM),
        (0.5 + 0.005 * rng.normal(size=X.shape), GaussianRBM),
        (rng.random(X.shape), GaussianRBM),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert type(make(seed=seed).fit(data).rbms_[0]) is kind


def test_tables(seed):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": ["x", "y", "z"] * 20, "b": np.arange(60) % 70})
    dbn = make((MixedRBM(4), 3), seed)
    with pytest.warns(DataRangeWarning, match="not standardized"):
        dbn.fit(table)
    assert dbn.transform(table).shape == (60, 3)
    assert dbn.n_features_in_ == 2
    assert list(dbn.feature_names_in_) == ["a", "b"]
    assert list(dbn.inverse_transform(dbn.transform(table)).columns)[-1] == "b"
    assert np.isfinite(dbn.score(table))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, bool])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_kinds_of_data(dtype, container, X, seed):
    dbn = make(seed=seed).fit(container(X.astype(dtype)))
    expected = make(seed=seed).fit(X.astype(dbn.transform(X).dtype))
    np.testing.assert_allclose(
        dbn.transform(container(X.astype(dtype))), expected.transform(X), rtol=1e-5
    )
    np.testing.assert_allclose(
        dbn.reconstruction_log_likelihood(container(X)),
        expected.reconstruction_log_likelihood(X),
        rtol=1e-4,
    )
    wide = np.dtype(dtype) == np.float64
    assert dbn.transform(X.astype(dtype)).dtype == (np.float64 if wide else np.float32)


def test_transposed_start(X, seed):
    dbn = make((5, 6), seed, transposed=True, n_iter=0).fit(X)
    first, second = (rbm.machine_ for rbm in dbn.rbms_)
    np.testing.assert_array_equal(second.weights, first.weights.T)
    np.testing.assert_array_equal(second.visible_bias, first.hidden_bias)
    np.testing.assert_array_equal(second.hidden_bias, first.visible_bias)
    second.weights += 1
    assert (second.weights != first.weights.T).all()


def test_units_beyond_the_transposed_ones(X, seed):
    dbn = make((5, 8, 5), seed, transposed=True, n_iter=0).fit(X)
    weights = dbn.rbms_[1].components_
    np.testing.assert_array_equal(weights[:6], dbn.rbms_[0].components_.T)
    assert 0 < np.abs(weights[6:]).max() < 0.01
    assert np.unique(weights[6:]).size == 10


def test_transposed_layers_learn(X, seed):
    settings = dict(transposed=True, rbm=BernoulliRBM(learning_rate=0.1))
    before, after = (
        make((5, 6), seed, n_iter=n, **settings).fit(X).rbms_[1] for n in (0, 4)
    )
    assert (before.components_ != after.components_).any()


def test_partial_fit(X, seed):
    dbn = make(seed=seed, rbm=BernoulliRBM(learning_rate=0.1))
    assert dbn.partial_fit(X[:40]) is dbn
    values, rbms = X[:40], [clone(rbm) for rbm in dbn.rbms_]
    for rbm, fitted in zip(rbms, dbn.rbms_, strict=True):
        values = rbm.partial_fit(values).transform(values)
        np.testing.assert_array_equal(rbm.components_, fitted.components_)
    held = dbn.rbms_[0].components_.copy()
    with pytest.raises(ValueError, match="X has 3 features"):
        dbn.partial_fit(X[:, :3])
    np.testing.assert_array_equal(dbn.rbms_[0].components_, held)
    assert dbn.n_features_in_ == 6
    dbn.partial_fit(X[40:])
    assert (dbn.rbms_[0].components_ != held).any()


def test_partial_fit_is_whole_or_not_at_all(X, seed):
    """The second layer fails, and the first is left as it was as well."""
    dbn = make((5, BernoulliRBM(4, gradient=Fails())), seed)
    dbn.partial_fit(X)
    before = dbn.rbms_[0].components_.copy()
    dbn.rbms_[1].gradient_.fails_ = True
    with pytest.raises(RuntimeError, match="on purpose"):
        dbn.partial_fit(X)
    np.testing.assert_array_equal(dbn.rbms_[0].components_, before)


class Fails(CD):
    """CD that fails when asked to."""

    def negative_phase(self, machine, work, rng):
        if getattr(self, "fails_", False):
            raise RuntimeError("on purpose")
        super().negative_phase(machine, work, rng)


class Interrupted(CD):
    """CD that is interrupted in the second layer's second epoch."""

    def negative_phase(self, machine, work, rng):
        self.calls_ = getattr(self, "calls_", 0) + 1
        if machine.weights.shape[1] == 4 and self.calls_ > 12:
            raise KeyboardInterrupt
        super().negative_phase(machine, work, rng)


def test_interrupt_raises(X, seed):
    dbn = make(seed=seed, rbm=BernoulliRBM(gradient=Interrupted()))
    before = set(vars(dbn))
    with pytest.raises(KeyboardInterrupt):
        dbn.fit(X)
    assert set(vars(dbn)) == before


def test_seeds(X, seed):
    one, other = (make(seed=seed).fit(X).transform(X) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert (make(seed=seed + 1).fit(X).transform(X) != one).any()
    given = make(seed=seed, rbm=BernoulliRBM(random_state=7)).fit(X)
    assert [rbm.random_state for rbm in given.rbms_] == [7, 7]


def test_from_rbms(X, seed):
    dbn = make(seed=seed).fit(X)
    again = DBNTransformer.from_rbms(dbn.rbms_)
    np.testing.assert_array_equal(again.transform(X), dbn.transform(X))
    assert again.rbms_[0] is dbn.rbms_[0]
    copied = pickle.loads(pickle.dumps(again))
    np.testing.assert_array_equal(copied.transform(X), dbn.transform(X))
    original = Original(5, n_iter=2, random_state=seed).fit(X)
    second = Original(4, n_iter=2, random_state=seed).fit(original.transform(X))
    mixed = DBNTransformer.from_rbms([original, second])
    np.testing.assert_allclose(
        mixed.transform(X), second.transform(original.transform(X)), rtol=1e-12
    )
    assert clone(mixed).fit(X).transform(X).shape == (80, 4)


def test_from_rbms_that_do_not_fit(X, seed):
    one, two = (BernoulliRBM(n, n_iter=1).fit(X) for n in (5, 6))
    spins = RBM(6, visible="spin", n_iter=1).fit(2 * X - 1)
    for rbms, error, message in (
        ([], ValueError, "empty"),
        ([one, one], ValueError, r"rbms\[1\] has 6 columns, but rbms\[0\] has 5"),
        ([two, spins], ValueError, r"Spin\(\), but the hidden units .* Bernoulli"),
        ([one, "two"], TypeError, r"rbms\[1\]='two' is no RBM"),
        ([BernoulliRBM(2)], NotFittedError, "not fitted"),
    ):
        with pytest.raises(error, match=message):
            DBNTransformer.from_rbms(rbms)


@pytest.mark.parametrize(
    "settings, error, message",
    [
        ({"layers": ()}, ValueError, "layers is empty"),
        ({"layers": (4, 0)}, ValueError, "0 is neither an int of at least 1 nor"),
        ({"layers": (4, 2.5)}, ValueError, "2.5 is neither"),
        ({"layers": (True,)}, ValueError, "True is neither"),
        ({"layers": (Original(3),)}, ValueError, "neither"),
        ({"layers": 5}, ValueError, "layers"),
        ({"layers": (4, MixedRBM(3))}, TypeError, "can only be the first"),
        ({"layers": (4, GaussianRBM(3))}, ValueError, "visible='bernoulli'"),
        ({"layer": 2}, ValueError, "layer=2 with 2 layers"),
        ({"layer": -3}, ValueError, "layer=-3"),
        ({"rbm": "bernoulli"}, ValueError, "rbm"),
        ({"n_iter": -1}, ValueError, "n_iter"),
        ({"transposed": True, "layers": (5, 4)}, ValueError, "fewer than the 6"),
    ],
    ids=str,
)
def test_bad_parameters(settings, error, message, X):
    dbn = DBNTransformer(**settings)
    before = set(vars(dbn))
    with pytest.raises(error, match=message):
        dbn.fit(X)
    assert set(vars(dbn)) == before


def test_transposed_types(rng):
    dbn = make((3, 6), transposed=True)
    with pytest.raises(
        ValueError, match=r"Bernoulli\(\), but Gaussian\(\) units are two layers"
    ):
        dbn.fit(rng.normal(size=(30, 3)))


def test_bad_rows(X, seed):
    dbn = make(seed=seed).fit(X)
    with pytest.raises(ValueError, match="has 3 columns"):
        dbn.inverse_transform(np.ones((2, 3)))
    with pytest.raises(NotFittedError):
        make().transform(X)


def test_grid_search_over_sizes_and_settings(X, seed):
    search = GridSearchCV(
        make(seed=seed, rbm=BernoulliRBM()),
        {"layers": [(2,), (5, 4)], "rbm__learning_rate": [0.01, 0.1]},
        cv=2,
    ).fit(X)
    assert len(search.cv_results_["params"]) == 4
    assert np.isfinite(search.best_score_)


def test_nested_names_need_an_instance():
    with pytest.raises(ValueError, match="rbm, which is None: give an instance"):
        make().set_params(rbm__learning_rate=0.1)
    dbn = make().set_params(rbm=BernoulliRBM(), rbm__learning_rate=0.1)
    assert dbn.rbm.learning_rate == 0.1


def test_verbose(X, seed, capsys):
    make(seed=seed, verbose=1).fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "[DBNTransformer] Layer 1 of 2: 5 units of a BernoulliRBM"
    assert lines[4] == "[DBNTransformer] Layer 2 of 2: 4 units of a BernoulliRBM"
    assert len(lines) == 8


def test_hints_are_held_back_in_one_thread(X, seed):
    """A net that learns leaves the hints of other threads, and all filters, alone."""
    before = list(warnings.filters)

    class Looking(CD):
        def negative_phase(self, machine, work, rng):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                for start in (warn, lambda text: thread(warn, text)):
                    start("hint")
            told.append([str(one.message) for one in caught])
            super().negative_phase(machine, work, rng)

    def thread(function, *args):
        one = Thread(target=function, args=args)
        one.start()
        one.join()

    told = []
    DBNTransformer(
        [BernoulliRBM(4, gradient="cd"), BernoulliRBM(4, gradient=Looking())], n_iter=1
    ).fit(X)
    assert told and all(texts == ["hint"] for texts in told)
    assert warnings.filters == before


def nets_of_a_frame(seed):
    """Ways to a net whose first layer has three units, from a frame and labels."""
    settings = {"n_iter": 1, "random_state": seed}
    dbn, rbm = DBNTransformer((3, 2), **settings), BernoulliRBM(3, **settings)
    table = DBNTransformer((MixedRBM(3), 2), **settings)
    classifier = DBNClassifier((3, 2), max_iter=1, **settings)
    return {
        "fit": lambda X, y: clone(dbn).fit(X),
        "partial_fit": lambda X, y: clone(dbn).partial_fit(X).partial_fit(X),
        "from_rbms": lambda X, y: DBNTransformer.from_rbms([rbm.fit(X)]),
        "table": lambda X, y: table.fit(X),
        "classifier": lambda X, y: clone(classifier).fit(X, y),
        "generative": lambda X, y: GenerativeDBNClassifier(
            (3, 2), max_iter=1, **settings
        ).fit(X, y),
        "pretrained": lambda X, y: (
            clone(classifier)
            .set_params(pretrained=FrozenEstimator(clone(dbn).fit(X)))
            .fit(X, y)
        ),
    }


@pytest.mark.parametrize("way", nets_of_a_frame(0))
def test_the_first_layer_knows_the_names_of_the_columns(way, X, seed):
    """So that it takes frames without a warning, and only such as the net takes."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcdef"))
    net = nets_of_a_frame(seed)[way](frame, X[:, 0].astype(int))
    first = net.rbms_[0]
    assert first.transform(frame).shape == (len(X), 3)
    assert list(first.feature_names_in_) == list(frame.columns)
    for method in ("transform", "predict", "activations", "reconstruct"):
        if hasattr(net, method):
            getattr(net, method)(frame)
    if hasattr(net, "impute"):
        net.impute(frame.assign(b=np.nan), n_samples=2, n_steps=2)
    for method in (
        first.transform,
        net.transform if hasattr(net, "transform") else net.predict,
    ):
        with pytest.raises(ValueError, match="feature names"):
            method(frame[frame.columns[::-1]])
