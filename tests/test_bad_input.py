"""Input that once led to an error of NumPy's, a warning, NaN or a hang."""

import warnings

import numpy as np
import pandas as pd
import pytest
from conftest import needs_images
from scipy import sparse

from skdbn import (
    RBM,
    BernoulliRBM,
    BoltzmannImputer,
    DBNAutoencoder,
    DBNClassifier,
    DBNRegressor,
    DBNTransformer,
    GaussianRBM,
    GenerativeDBNClassifier,
    MixedRBM,
    RBMClassifier,
)
from skdbn.exceptions import DataRangeWarning, EstimateWarning
from skdbn.structured import (
    CRFClassifier,
    Graph,
    ShapePriorCRFClassifier,
    SuperpixelGraphs,
    label_maps,
    pixel_graphs,
    region_labels,
)

SMALL = dict(n_components=3, n_iter=1, random_state=0)
NET = dict(layers=(3,), n_iter=1, max_iter=1, random_state=0)
MODELS = [
    BernoulliRBM(**SMALL),
    MixedRBM(**SMALL),
    DBNTransformer((3,), n_iter=1),
    DBNTransformer((MixedRBM(**SMALL),)),
    BoltzmannImputer(BernoulliRBM(**SMALL)),
]


@pytest.fixture
def X(rng):
    return (rng.random((12, 3)) < 0.5).astype(float)


def kind(model):
    inner = getattr(model, "estimator", None) or getattr(model, "layers", [""])[0]
    return f"{type(model).__name__}-{type(inner).__name__}"


@pytest.mark.parametrize(
    "net",
    [
        DBNTransformer,
        DBNClassifier,
        DBNRegressor,
        GenerativeDBNClassifier,
        DBNAutoencoder,
    ],
)
@pytest.mark.parametrize("layers", [np.array(3), np.array([[3, 2]])], ids=repr)
def test_layers_that_are_no_list(net, layers, X):
    with pytest.raises(ValueError, match=rf"has {layers.ndim} dimensions: take a list"):
        net(layers).fit(X, X[:, 0].astype(int))


@pytest.mark.parametrize("model", MODELS, ids=kind)
def test_frames_without_names_of_columns(model, X):
    with pytest.raises(ValueError, match=r"X has 0 feature\(s\)"):
        model.fit(pd.DataFrame(index=range(4)))
    with pytest.raises(ValueError, match="several columns of one name: a, a, b"):
        model.fit(pd.DataFrame(X, columns=["a", "a", "b"]))


@pytest.mark.parametrize("model", MODELS, ids=kind)
@pytest.mark.parametrize(
    "table", [[[1.0, 0.0], [1.0]], [[object]], [[1j], [None]]], ids=str
)
def test_no_table_of_numbers(model, table):
    with pytest.raises((ValueError, TypeError), match="X is no table of numbers"):
        model.fit(table)


def test_frames_of_dates_and_numbers(X):
    table = pd.DataFrame({"a": [0.0], "b": pd.to_datetime(["2020-01-01"])})
    for rows in (table, table[:0]):
        with pytest.raises(TypeError, match="X is no table of numbers"):
            BernoulliRBM().fit(rows)


def test_hidden_units_are_checked_as_rows_are(X):
    for model in (BernoulliRBM(**SMALL).fit(X), DBNTransformer((3,)).fit(X)):
        with pytest.raises(ValueError, match=r"H has 0 feature\(s\)"):
            model.inverse_transform(pd.DataFrame(index=range(4)))
        with pytest.raises(ValueError, match="H is no table of numbers"):
            model.inverse_transform([[1.0, 0.0, 0.0], [1.0]])
        with pytest.raises(ValueError, match=r"H has -1e\+200"):
            model.inverse_transform([[1.0, 0.0, -1e200]])


def test_infinity_of_both_signs_is_named():
    X = sparse.csr_array([[np.inf, -np.inf]])
    for table in (X, X.toarray()):
        with pytest.raises(ValueError, match="contains infinity"):
            BernoulliRBM().fit(table)


def test_sparse_columns_that_are_not_zero(X):
    table = pd.DataFrame(X, columns=["a", "b", "c"]).astype(pd.SparseDtype(float, 1.0))
    with pytest.raises(ValueError, match="fill values other than 0"):
        BernoulliRBM().fit(table)


@pytest.mark.parametrize("value", [1e300, -1e80])
def test_numbers_that_cannot_be_squared(value, X, rng):
    outside = X.copy()
    outside[2, 1] = value
    outside[1, 0] = np.nan
    message = f"X has {value:.3g}, and in float64".replace("+", r"\+")
    for model in (GaussianRBM(**SMALL), MixedRBM(**SMALL), BoltzmannImputer()):
        with pytest.raises(ValueError, match=message):
            model.fit(outside)
    outside[1, 0] = 0
    fitted = BernoulliRBM(**SMALL).fit(X)
    with pytest.raises(ValueError, match=message):
        fitted.transform(outside)
    for model in (DBNClassifier(**NET), RBMClassifier(**SMALL)):
        model.fit(X, np.arange(12) % 2)
        with pytest.raises(ValueError, match=message):
            model.predict(outside)


def test_numbers_that_the_dtype_of_a_model_cannot_square(X):
    rbm = BernoulliRBM(**SMALL).fit(X.astype(bool))
    with pytest.raises(ValueError, match=r"in float32 no more than 4e\+09"):
        rbm.free_energy(X + 1e10)
    with pytest.warns(DataRangeWarning):
        assert np.isposinf(rbm.free_energy(X + 1e9)).all()


def test_columns_too_small_to_divide_by_are_constant(X, rng):
    tiny = rng.normal(size=(12, 3)) * 1e-160
    with pytest.warns(DataRangeWarning, match="are constant"):
        rbm = GaussianRBM(**SMALL).fit(tiny)
    assert np.isfinite(rbm.score_samples(tiny)).all()


@pytest.mark.parametrize(
    "weight, message",
    [
        (["a"] * 12, "sample_weight has to be numbers"),
        (np.nan, "sample_weight=nan"),
        (np.where(np.arange(12), np.inf, -np.inf), "sample_weight contains infinity"),
    ],
)
def test_weights_that_are_no_numbers(weight, message, X):
    for model in (BernoulliRBM(**SMALL), DBNRegressor(**NET)):
        for method in (model.fit, model.partial_fit):
            with pytest.raises(ValueError, match=message):
                method(X, X[:, 0], sample_weight=weight)


def test_weights_count_by_their_ratios(X):
    weights = np.arange(12.0)
    expected = BernoulliRBM(**SMALL).fit(X, sample_weight=weights).components_
    for power in (900, -1000):
        scaled = np.ldexp(weights, power)
        found = BernoulliRBM(**SMALL).fit(X, sample_weight=scaled).components_
        np.testing.assert_array_equal(found, expected)
    # In partial_fit they are factors of a step.
    with pytest.raises(ValueError, match=r"sample_weight has 1e\+31"):
        BernoulliRBM(**SMALL).partial_fit(X, sample_weight=np.full(12, 1e31))


def test_weights_next_to_zero_are_zero(X):
    weights = np.where(np.arange(12) < 6, 1.0, 1e-310)
    rbm = RBM(**SMALL, batch_size=1).fit(X, sample_weight=weights)
    same = RBM(**SMALL, batch_size=1).fit(X, sample_weight=np.arange(12) < 6)
    np.testing.assert_array_equal(rbm.components_, same.components_)


def test_targets_that_are_no_numbers(X):
    net = DBNRegressor(**NET)
    with pytest.raises(ValueError, match="y has to be numbers; classes are for DBNCl"):
        net.fit(X, ["a", "b", "c"] * 4)
    with pytest.raises(ValueError, match=r"y has 1e\+300"):
        net.fit(X, np.full(12, 1e300))
    net.fit(X, X[:, 0])
    with pytest.raises(ValueError, match="y has to be numbers"):
        net.score(X, ["a", "b", "c"] * 4)


@pytest.mark.parametrize("model", [RBMClassifier(**SMALL), DBNClassifier(**NET)])
def test_accuracy_is_that_of_rows_with_a_label(model, X):
    y = np.arange(12) % 2
    some = np.where(np.arange(12) < 5, -1, y)
    model.set_params(unlabeled=-1).fit(X, some)
    is_right, weights = model.predict(X) == y, np.arange(12)
    assert model.score(X, some) == np.mean(is_right[5:])
    weighted = np.average(is_right[5:], weights=weights[5:])
    assert model.score(X, some, weights) == pytest.approx(weighted)
    model.set_params(unlabeled=None).fit(X, y)
    with pytest.raises(ValueError, match="y contains None in place of a label"):
        model.score(X, np.array([None, "a"] * 6, object))
    with pytest.raises(ValueError, match="Unknown label type"):
        model.score(X, np.full(12, 1e300) + 0.5)


def test_labels_of_several_types(X):
    message = "y has labels of several types, int and str"
    labels = np.array([1, "a"] * 6, object)
    for model in (RBMClassifier(**SMALL), DBNClassifier(**NET)):
        with pytest.raises(TypeError, match=message):
            model.fit(X, labels)
    graphs = [Graph([[0.0], [1.0]])] * 2
    with pytest.raises(TypeError, match=message):
        CRFClassifier().fit(graphs, [np.array(["a", "b"], object), [0, 1]])


def test_a_table_without_unknown_values_is_returned_as_it_is(X):
    rbm = MixedRBM(**SMALL).fit(X)
    found = rbm.impute(sparse.lil_array(X), n_samples=2, n_steps=2)
    np.testing.assert_array_equal(found.toarray(), X)
    # Nor of what the units of a table with categories see.
    table = pd.DataFrame({"a": list("ab") * 6, "b": X[:, 0]})
    rbm = MixedRBM(**SMALL).fit(table)
    seen = np.column_stack([np.eye(2)[np.arange(12) % 2], X[:, 0]])
    found = rbm.impute(sparse.csr_array(seen), n_samples=2, n_steps=2)
    pd.testing.assert_frame_equal(found, table)


def test_an_array_for_a_model_of_a_frame(X):
    table = pd.DataFrame(X, columns=["a", "b", "c"]).astype("boolean")
    rbm, unknown = MixedRBM(**SMALL).fit(table), X.copy()
    unknown[3, 1] = np.nan
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        found = rbm.impute(unknown, n_samples=1, n_steps=2)
    assert found[3, 1] in (0, 1)
    np.testing.assert_array_equal(np.delete(found, 10), np.delete(X, 10))


@pytest.mark.parametrize("as_frame", [False, True])
def test_a_broken_group_stays_as_it_is(as_frame, rng):
    """The frequencies that stand for it have no place in a column of ints."""
    groups = np.eye(2, dtype=int)[rng.integers(2, size=12)]
    table = pd.DataFrame(groups, columns=["a", "b"]).astype("Int8")
    table["c"] = rng.normal(size=12)
    rbm = MixedRBM(**SMALL).fit(table)
    broken = table.to_numpy(float)
    broken[3] = -1, 0, np.nan
    given = pd.DataFrame(broken, columns=["a", "b", "c"]) if as_frame else broken
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = np.asarray(rbm.impute(given, n_samples=1, n_steps=2))
    assert np.isfinite(found[3, 2])
    np.testing.assert_array_equal(np.delete(found, 11), np.delete(broken, 11))


@pytest.mark.parametrize("solver", ["adam", "cg"])
def test_learning_goes_on_with_as_many_labels(solver, X):
    net = DBNClassifier(**NET, solver=solver)
    net.partial_fit(X, np.arange(12) % 2, classes=[0, 1])
    with pytest.raises(ValueError, match="y asks for 3 outputs"):
        net.partial_fit(X, X.astype(int))


@pytest.mark.parametrize("container", [sparse.dia_array, sparse.bsr_array])
def test_scores_of_sparse_rows_that_have_targets(container, X):
    y = np.where(np.arange(12) < 5, np.nan, X[:, 0])
    net = DBNRegressor(**NET).fit(X, y)
    assert net.score(container(X), y) == pytest.approx(net.score(X[5:], y[5:]))
    labels = np.where(np.isnan(y), -1, y)
    net = DBNClassifier(**NET, unlabeled=-1).fit(X, labels)
    assert net.score(container(X), labels) == net.score(X[5:], y[5:])


def test_a_frame_for_a_model_of_an_array(X):
    table = pd.DataFrame(X, columns=["a", "b", "c"])
    table.loc[3, "b"] = np.nan
    for units in ("auto", dict.fromkeys(range(3), "softmax")):
        found = MixedRBM(**SMALL, units=units).fit(X)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "X has feature names")
            found = found.impute(table, n_samples=1, n_steps=2)
        assert list(found.columns) == ["a", "b", "c"] and found.loc[3, "b"] in (0, 1)
        found.loc[3, "b"] = np.nan
        pd.testing.assert_frame_equal(found, table)


def test_held_out_rows_of_which_nothing_is_known(X):
    X[1:] = np.nan
    rbm = BernoulliRBM(**SMALL, early_stopping=True, validation_fraction=0.9)
    errors = {
        rbm.set_params(random_state=seed).fit(X).history_[0]["reconstruction_error"]
        for seed in range(5)
    }
    assert any(map(np.isnan, errors))


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csr_array])
def test_thin_rows_of_a_model_with_a_covariance(container, rng):
    X = rng.normal(size=(200, 3))
    rbm = GaussianRBM(**SMALL, variance="full").fit(X)
    thin = np.zeros((200, 3))
    thin[3, 1] = 2
    for method in (rbm.free_energy, rbm.score_samples, rbm.transform):
        np.testing.assert_allclose(method(container(thin)), method(thin))


def test_float32_rows_of_a_model_of_large_numbers(rng):
    X = rng.normal(size=(20, 2)) * 1e50
    with pytest.warns(DataRangeWarning, match="not standardized"):
        rbm = GaussianRBM(**SMALL).fit(X)
    unknown = np.full((1, 2), np.nan, np.float32)
    with pytest.warns(EstimateWarning, match="Nothing is known"):
        assert np.isfinite(rbm.impute(unknown, n_steps=2)).all()


def test_masks_of_masked_arrays_and_lists(X):
    rbm = BernoulliRBM(**SMALL).fit(X)
    mask = np.eye(12, 3, dtype=bool)
    expected = rbm.conditional_sample(X, mask, n_steps=2, random_state=0)
    for table in (np.ma.masked_array(X), X.tolist()):
        found = rbm.conditional_sample(table, mask, n_steps=2, random_state=0)
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(ValueError, match="X has to be a table of numbers"):
        rbm.conditional_sample([[1.0, 0.0], [1.0]], mask)
    dates = pd.DataFrame({name: pd.to_datetime(["2020-01-01"] * 12) for name in "abc"})
    dates = dates.astype(pd.SparseDtype("datetime64[ns]"))
    with pytest.raises(ValueError, match="in which no value can be unknown"):
        rbm.conditional_sample(dates, mask)


def test_counts_out_of_reach_take_no_time(rng):
    """Sums over counts went as far as the largest of them, or out of memory."""
    X = rng.poisson(3, (12, 2)).astype(float)
    rbm = RBM(**SMALL, visible="poisson").fit(X)
    X[4, 1] = 1e15
    with pytest.warns(DataRangeWarning, match="1 of 12 rows"):
        scores = rbm.score_samples(X)
    assert np.isneginf(scores[4]) and np.isfinite(np.delete(scores, 4)).all()
    X[4, 1] = 1e7
    assert np.isfinite(rbm.score_samples(X)).all()
    X[4, 1] = 1e9
    with pytest.raises(ValueError, match="Column 1 of X has 1e\\+09, and Poisson"):
        rbm.fit(X)


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("node_features", [["a"], ["b"]], "node_features has to be a table of numbers"),
        ("node_features", [[1.0], [1.0, 2.0]], "node_features has to be a table of"),
        ("node_features", [[1j], [2j]], "and has complex numbers"),
        ("node_features", [[1e300], [0.0]], r"node_features has 1e\+300"),
        ("edges", [[0, 1], [1]], "edges has to be pairs of ints"),
        ("edges", [["a", "b"]], "edges has to be pairs of ints"),
        ("regions", [[0, 1], [1]], "regions has to be a picture of ints"),
        ("regions", np.empty((0, 3), int), "regions has no pixel"),
        ("regions", [[0, 2**40 + 1]], "regions reaches from 0 to 1099511627777"),
        ("positions", [["a", "b"]] * 2, "positions has to be a table of numbers"),
    ],
)
def test_what_is_no_graph(name, value, message):
    with pytest.raises(ValueError, match=message):
        Graph(**({"node_features": [[1.0], [2.0]]} | {name: value}))


@pytest.mark.parametrize(
    "picture, message",
    [
        ([["a"]], r"pictures\[0\] has to be a picture of numbers"),
        (np.empty((0, 3)), r"pictures\[0\] has no pixel"),
        ([[np.nan]], r"pictures\[0\] has values that are NaN"),
        ([[1.0, 1e300]], r"pictures\[0\] has 1e\+300"),
    ],
)
def test_what_is_no_picture(picture, message):
    with pytest.raises(ValueError, match=message):
        pixel_graphs([picture])


def test_lists_of_graphs_and_pictures():
    for nothing in (None, [], 3):
        with pytest.raises(
            ValueError, match=f"pictures is {nothing}".replace("[", r"\[")
        ):
            pixel_graphs(nothing)
    graphs = pixel_graphs([np.zeros((2, 2))])
    with pytest.raises(ValueError, match="maps has 2 entries for 1 graphs"):
        region_labels(graphs, [np.zeros((2, 2))] * 2)
    with pytest.raises(ValueError, match="labels has 2 entries for 1 graphs"):
        label_maps(graphs, [np.zeros(4)] * 2)
    with pytest.raises(ValueError, match=r"labels\[0\] has shape \(\)"):
        label_maps(graphs, [1])


def test_a_machine_without_a_choice_of_units(rng):
    graphs = pixel_graphs(rng.random((4, 4, 4)))
    model = ShapePriorCRFClassifier(CRFClassifier(max_iter=2), BernoulliRBM(2), grid=2)
    with pytest.raises(ValueError, match=r"rbm=BernoulliRBM\(.* take skdbn.RBM"):
        model.fit(graphs, [(g.node_features > 0.5).ravel() * 1 for g in graphs])


@needs_images
def test_a_failed_fit_of_words_changes_nothing(rng):
    transformer = SuperpixelGraphs(n_colors=2, n_textures=300_000, random_state=0)
    with pytest.raises(ValueError, match="n_samples"):
        transformer.fit([rng.random((6, 6, 3))])
    assert not hasattr(transformer, "scale_")


@pytest.mark.parametrize("wrong", [-1, 2**32, "a", 2.5])
def test_seeds_are_named(wrong, X):
    rbm = BernoulliRBM(**SMALL).fit(X)
    with pytest.raises(ValueError, match=f"random_state={wrong!r}: "):
        rbm.sample(2, n_steps=1, random_state=wrong)


@pytest.mark.parametrize(
    "model, name",
    [
        (BernoulliRBM(), "n_components"),
        (MixedRBM(), "batch_size"),
        (RBMClassifier(), "n_iter"),
        (DBNClassifier(), "batch_size"),
        (BoltzmannImputer(), "n_samples"),
    ],
)
def test_true_is_no_number(model, name, X):
    message = f"The '{name}' parameter of {type(model).__name__} must be .* Got True"
    with pytest.raises(ValueError, match=message):
        model.set_params(**{name: True}).fit(X, np.arange(12) % 2)


def test_variances_too_small_to_divide_by(X):
    with pytest.raises(ValueError, match=r"variance=1e-300 .* of at least 1e-30"):
        GaussianRBM(**SMALL, variance=1e-300).fit(X)


@pytest.mark.parametrize("bound", [{}, ["a", "b", "c"], set()], ids=str)
def test_bounds_that_are_no_numbers(bound, X):
    for name in ("min_value", "max_value"):
        imputer = BoltzmannImputer(BernoulliRBM(**SMALL), **{name: bound})
        with pytest.raises(ValueError, match=f"{name}.* (has to|must) be"):
            imputer.fit(X)


def test_a_penalty_that_overflows(rng):
    graphs = pixel_graphs(rng.random((4, 4, 4)))
    crf, rbm = CRFClassifier(max_iter=2), RBM(2, n_iter=1)
    model = ShapePriorCRFClassifier(crf, rbm, grid=2, n_iter=2, weight_decay=1e300)
    model.fit(graphs, [(g.node_features > 0.5).ravel() * 1 for g in graphs])
    assert np.isfinite(model.machine_.weights).all()
