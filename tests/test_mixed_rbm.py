"""The RBM for tables whose columns are of different kinds."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import needs_callbacks
from scipy import sparse
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skdbn import DBNTransformer, GaussianRBM, MixedRBM
from skdbn._data._tables import is_nan
from skdbn.evaluation import log_likelihood, log_partition, reconstruction_error
from skdbn.exceptions import DataRangeWarning
from skdbn.units import Concatenated, Gaussian

COLORS = {"red": -1.2, "green": 0.0, "blue": 1.2}
ADDED = ("_encoding", "units_", "machine_", "n_features_in_", "feature_names_in_")


def make_table(rng, n=300):
    """A table in which the color tells of the number and of the flag."""
    color = rng.choice(list(COLORS), n)
    value = np.array([COLORS[c] for c in color]) + rng.normal(0, 0.3, n)
    return pd.DataFrame(
        {
            "color": color,
            "value": value - value.mean(),
            "flag": (color == "red") ^ (rng.random(n) < 0.1),
            "size": pd.Categorical(rng.choice(["S", "M"], n), ["S", "M", "L"]),
            "visits": rng.poisson(2, n),
        }
    )


@pytest.fixture
def table(rng):
    return make_table(rng)


def make(seed, **settings):
    settings = {"units": {"visits": "poisson"}, "n_iter": 2, **settings}
    return MixedRBM(**{"n_components": 4, "random_state": seed, **settings})


def make_plain(seed, **settings):
    return make(seed, units="auto", **settings)


def kinds(rbm):
    return [variable.kind for variable in rbm.units_]


# Which units


def test_guessed_kinds(table, seed):
    table = table.assign(
        pick=pd.Series(list("xy" * 150), dtype=object),
        bit=np.arange(300) % 2,
        small=pd.Series(np.arange(300) % 2 == 0, dtype="boolean"),
        whole=pd.Series(np.arange(300) % 3 - 1, dtype="Int64"),
    )
    # Apart, so that they are no group.
    table = table[["bit", "color", "value", "flag", "size", "small", "whole", "pick"]]
    rbm = make_plain(seed).fit(table)
    assert [tuple(variable) for variable in rbm.units_] == [
        (("bit",), "bernoulli", None),
        (("flag",), "bernoulli", None),
        (("small",), "bernoulli", None),
        (("color",), "softmax", ("blue", "green", "red")),
        (("size",), "softmax", ("S", "M", "L")),
        (("pick",), "softmax", ("x", "y")),
        (("value",), "gaussian", None),
        (("whole",), "gaussian", None),
    ]
    assert rbm.n_features_in_ == 8
    assert list(rbm.feature_names_in_) == list(table.columns)
    assert rbm.components_.shape == (4, 13)
    assert rbm.transform(table).shape == (300, 4)


def test_chosen_kinds(table, seed):
    units = {"visits": "softmax", "flag": "gaussian", "value": "gaussian"}
    table = table.assign(up=np.where(table["flag"], 1, -1), above=table["value"] ** 2)
    units |= {"up": "spin", "above": "rectified"}
    rbm = make(seed, units=units).fit(table)
    assert kinds(rbm) == [*["softmax"] * 3, *["gaussian"] * 2, "spin", "rectified"]
    assert rbm.units_[2].categories == tuple(np.unique(table["visits"]).tolist())
    rows = rbm.sample(50, n_steps=3, random_state=seed)
    assert set(rows["visits"]) <= set(table["visits"])
    assert set(rows["up"]) <= {-1, 1} and rows["above"].min() >= 0
    assert list(rows.dtypes[["visits", "up"]]) == [np.int64, np.int64]


def test_kinds_come_from_fit_only(table, seed):
    rbm = make(seed).fit(table)
    assert kinds(rbm.fit(table[["value", "visits"]])) == ["gaussian", "poisson"]
    assert not hasattr(clone(rbm), "units_")
    with pytest.warns(DataRangeWarning, match="visits"):
        assert make(seed, units={}).fit(table).units == {}


@pytest.mark.parametrize(
    "columns, groups",
    [
        # The shortest groups, one after the other.
        ([[1, 0, 1, 0], [0, 1, 1, 0], [0, 1, 0, 1]], [(0, 1), (2, 3)]),
        # A column of zeros belongs to the group that ends after it.
        ([[0, 1, 0], [0, 0, 1]], [(0, 1, 2)]),
        ([[1, 0, 0], [0, 0, 1]], [(0, 1, 2)]),
        ([[1, 0, 0], [0, 1, 0]], [(0, 1)]),
        # One column is 1 throughout.
        ([[1, 0], [1, 0]], []),
        ([[0, 1], [0, 1]], []),
        ([[1, 1, 0], [1, 0, 1]], [(1, 2)]),
        # Not in every row.
        ([[1, 0, 0], [0, 1, 0], [0, 0, 0]], []),
        ([[1, 0], [1, 1], [0, 0]], []),
        # Split by another column.
        ([[1, 0.5, 0], [0, 0.2, 1]], []),
    ],
)
@pytest.mark.parametrize("container", [np.array, sparse.csr_array, pd.DataFrame])
@pytest.mark.filterwarnings("ignore:.*not standardized")
def test_groups_of_one_hot_columns(columns, groups, container, seed):
    X = container(np.array(columns, float))
    rbm = make_plain(seed).fit(X)
    found = [variable.columns for variable in rbm.units_ if variable.kind == "softmax"]
    assert found == groups
    everything = [column for variable in rbm.units_ for column in variable.columns]
    assert everything == list(range(X.shape[1]))


def test_chosen_columns_are_in_no_group(seed):
    X = np.eye(2)[[0, 1, 1]]
    rbm = make(seed, units={1: "bernoulli"}).fit(X)
    assert kinds(rbm) == ["bernoulli", "bernoulli"]
    rbm = make(seed, units={0: "softmax"}).fit(X * [[5.0, 1.0]])
    assert rbm.units_[0].categories == (0, 5)
    assert set(rbm.sample(100, n_steps=2)[:, 0]) <= {0, 5}
    assert rbm.components_.shape == (4, 3)


@pytest.mark.parametrize("wrap", [list, tuple, Concatenated])
def test_described_units(wrap, rng, seed):
    X = np.column_stack([rng.normal(size=(50, 2)), np.eye(4)[rng.integers(4, size=50)]])
    parts = [("gaussian", 1), (Gaussian(1.0), 1), ("softmax", 1, 4)]
    units = wrap(parts)
    rbm = make(seed, units=units).fit(X)
    assert rbm.units is units
    assert [variable[:2] for variable in rbm.units_] == [
        ((0,), "gaussian"),
        ((1,), "gaussian"),
        ((2, 3, 4, 5), "softmax"),
    ]
    assert rbm.machine_.visible.step_scale[1] == 1
    assert_allclose_models(clone(rbm).fit(X), rbm)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    found = make(seed, units=units).fit(frame)
    assert found.units_[2].columns == tuple("cdef")
    assert_allclose_models(found, rbm)


def assert_allclose_models(one, other):
    for array, expected in zip(
        one.machine_.params.values(), other.machine_.params.values(), strict=True
    ):
        np.testing.assert_allclose(array, expected)


def test_partial_fit_keeps_the_kinds(table, seed):
    rbm = make(seed).partial_fit(table[:100])
    units = rbm.units_
    part = table[100:200].assign(flag=False)
    assert rbm.partial_fit(part[part["color"] != "red"]).units_ is units
    with pytest.warns(DataRangeWarning, match="color.*'pink', in 2 rows"):
        rbm.partial_fit(table[:2].assign(color="pink"))
    assert rbm.units_ is units


# What the units see, and back


def test_encoding(table, seed):
    rbm = make(seed).fit(table)
    encoded = rbm._validate(table)
    expected = [table["color"] == c for c in ("blue", "green", "red")]
    expected += [table["size"] == c for c in ("S", "M", "L")]
    expected += [table["value"], table["flag"]]
    np.testing.assert_array_equal(encoded, np.column_stack([*expected, table.visits]))
    names = "color=blue color=green color=red size=S size=M size=L value flag visits"
    assert rbm._encoding.unit_names == names.split()
    pd.testing.assert_frame_equal(rbm._encoding.decode(encoded), table)
    # What the units see is taken as it is, as are rows that come from elsewhere.
    np.testing.assert_array_equal(rbm._validate(encoded), encoded)
    np.testing.assert_array_equal(rbm.transform(encoded), rbm.transform(table))


@pytest.fixture
def two_orders(rng):
    """A table whose columns are of different kinds in turn, and sorted by kind."""
    columns = {}
    for i in range(3):
        columns[f"category {i}"] = pd.Categorical(rng.choice(list("abcd")[: 2 + i], 60))
        columns[f"value {i}"] = rng.normal(size=60).round(3)
        columns[f"bit {i}"] = rng.random(60) < 0.5
    in_turn = pd.DataFrame(columns)
    by_kind = in_turn[[f"{kind} {i}" for kind in KINDS for i in range(3)]]
    return in_turn, by_kind


KINDS = "category", "value", "bit"


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_units_of_one_kind_are_one_part(two_orders, library, seed):
    """Whatever the order of the columns is, which tables keep."""
    in_turn, by_kind = two_orders
    holes = in_turn.mask(np.arange(60)[:, None] % 9 == np.arange(9))
    tables = [(in_turn, holes), (by_kind, holes[by_kind.columns])]
    if library == "polars":
        tables = [[pl.from_pandas(table) for table in pair] for pair in tables]
    one, other = (make_plain(seed).fit(table) for table, _ in tables)
    assert len(one.machine_.visible.widths()) == 3
    assert one.units_ == other.units_
    for array, same in zip(
        one.machine_.params.values(), other.machine_.params.values(), strict=True
    ):
        np.testing.assert_array_equal(array, same)
    results = []
    for rbm, (table, with_holes) in zip((one, other), tables, strict=True):
        settings = {"n_steps": 3, "random_state": seed}
        found = [
            rbm.sample(20, **settings),
            rbm.conditional_sample(with_holes, **settings),
            rbm.impute(with_holes, **settings),
            rbm.impute(with_holes, n_samples=1, **settings),
            rbm.gibbs(table),
            rbm.reconstruct(table),
            rbm.inverse_transform(rbm.transform(table)),
        ]
        for result in found:
            assert list(result.columns) == list(table.columns)
        types = list(found[0].dtypes)
        assert types == list(table.dtypes) == list(found[4].dtypes)
        found.append(rbm.partial_fit(table).sample(2, **settings))
        results.append(found)
    for result, same in zip(*results, strict=True):
        assert result[list(same.columns)].equals(same)


def test_arrays_with_categories_keep_their_order(rng, seed):
    X = np.column_stack(
        [rng.integers(3, size=60), rng.normal(size=60), rng.integers(4, 8, size=60)]
    )
    rbm = make(seed, units={0: "softmax", 2: "softmax"}).fit(X)
    assert [variable.columns for variable in rbm.units_] == [(0,), (2,), (1,)]
    rows = rbm.sample(30, n_steps=2)
    for i in (0, 2):
        assert set(rows[:, i]) <= set(X[:, i])
    hidden = np.where(np.eye(3, dtype=bool)[np.arange(60) % 3], np.nan, X)
    filled = rbm.impute(hidden, n_steps=2, n_samples=3)
    np.testing.assert_array_equal(filled[~np.isnan(hidden)], X[~np.isnan(hidden)])
    assert set(filled[:, 2]) <= set(X[:, 2])
    encoded = rbm._validate(X)
    np.testing.assert_array_equal(rbm.transform(encoded), rbm.transform(X))


def test_methods_return_what_was_put_in(table, seed):
    rbm = make(seed).fit(table)
    some = table[10:20]
    rows = rbm.sample(30, n_steps=2)
    assert list(rows.dtypes) == list(table.dtypes) and len(rows) == 30
    drawn = rbm.gibbs(some)
    assert list(drawn.dtypes) == list(table.dtypes)
    means = rbm.reconstruct(some)
    assert list(means.columns) == list(table.columns)
    assert list(means.dtypes[["color", "size"]]) == list(
        table.dtypes[["color", "size"]]
    )
    assert means["flag"].between(0, 1, inclusive="neither").all()
    for frame in (drawn, means):
        assert frame.index.equals(some.index)
    from_features = rbm.inverse_transform(rbm.transform(some))
    pd.testing.assert_frame_equal(from_features, means.reset_index(drop=True))
    # A mean count is none of the values of its units.
    for frame in (rows, drawn, means.round({"visits": 0})):
        assert rbm.score_samples(frame).shape == (len(frame),)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_arrays_come_back_as_arrays(container, rng, seed):
    X = np.column_stack([rng.normal(size=(50, 2)), np.eye(3)[rng.integers(3, size=50)]])
    rbm = make_plain(seed).fit(container(X))
    assert kinds(rbm) == ["gaussian", "gaussian", "softmax"]
    for rows in (rbm.sample(9, n_steps=2), rbm.gibbs(container(X))):
        assert type(rows) is np.ndarray
        np.testing.assert_array_equal(rows[:, 2:].sum(axis=1), 1)
    means = rbm.reconstruct(container(X))
    np.testing.assert_allclose(means[:, 2:].sum(axis=1), 1)
    # Probabilities can go in again.
    assert rbm.transform(means).shape == (50, 4)


def test_polars(table, seed):
    values = table.assign(size=table["size"].astype(str)).to_dict("list")
    schema = {"size": pl.Enum(["S", "M", "L"]), "color": pl.Categorical}
    frame = pl.DataFrame(values, schema_overrides=schema)
    rbm, same = make(seed).fit(frame), make(seed).fit(table)
    assert rbm.units_ == same.units_
    assert_allclose_models(rbm, same)
    assert rbm.sample(5, n_steps=2).schema == frame.schema
    assert rbm.gibbs(frame[:5]).schema == frame.schema
    assert rbm.reconstruct(frame[:5])["size"].dtype == schema["size"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes(dtype, table, seed):
    table = table.astype({"value": dtype, "visits": np.uint8})
    rbm = make(seed).fit(table)
    assert rbm.components_.dtype == dtype
    assert rbm.transform(table).dtype == rbm.score_samples(table).dtype == dtype
    assert rbm.sample(2, n_steps=1)["value"].dtype == dtype


def test_a_single_category_has_no_units(table, seed):
    table = table.assign(country="Iceland")
    rbm = make(seed).fit(table)
    assert rbm.components_.shape == (4, 9)
    assert set(rbm.sample(5, n_steps=1)["country"]) == {"Iceland"}
    with pytest.warns(DataRangeWarning, match="country"):
        rbm.transform(table.assign(country="Malta"))
    with pytest.raises(ValueError, match="nothing to learn"):
        make_plain(seed).fit(table[["country"]])


# Unknown categories


def test_unknown_categories(table, seed):
    rbm = make(seed).fit(table)
    strange = table[:5].copy()
    strange.loc[[1, 3], "color"] = ["violet", "teal"]
    with pytest.warns(DataRangeWarning) as caught:
        encoded = rbm._validate(strange)
    message = str(caught[0].message)
    assert "Column color" in message and "'violet', 'teal', in 2 rows" in message
    frequencies = [(table["color"] == c).mean() for c in ("blue", "green", "red")]
    np.testing.assert_allclose(encoded[[1, 3], :3], [frequencies] * 2, rtol=1e-6)
    np.testing.assert_array_equal(encoded[0], rbm._validate(table[:1])[0])
    for name in ("transform", "score_samples", "score", "free_energy", "gibbs"):
        with pytest.warns(DataRangeWarning, match="violet") as caught:
            getattr(rbm, name)(strange)
        assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8])
def test_groups_of_zeros(container, dtype, rng, seed):
    X = np.eye(3, dtype=dtype)[rng.integers(3, size=60)]
    rbm = make_plain(seed).fit(container(X))
    strange = X.copy()
    strange[[4, 7]] = 0
    with pytest.warns(DataRangeWarning, match="Columns 0, 1, 2.*in 2 rows"):
        found = rbm._validate(container(strange))
    found = found.toarray() if sparse.issparse(found) else found
    np.testing.assert_allclose(found[[4, 7]], [X.mean(axis=0)] * 2, rtol=1e-6)
    np.testing.assert_array_equal(found[5], X[5])
    assert not strange[4].any()
    # So do rows that contradict what the group was found by.
    strange[[4, 7]] = 1
    with pytest.warns(DataRangeWarning, match="Columns 0, 1, 2.*none or several"):
        again = rbm._validate(container(strange))
    again = again.toarray() if sparse.issparse(again) else again
    np.testing.assert_array_equal(again, found)
    with pytest.warns(DataRangeWarning, match="none or several"):
        assert np.isfinite(rbm.transform(container(strange))).all()
    units = [("softmax", 1, 3)]
    rbm = MixedRBM(2, units=units, n_iter=1, random_state=seed).fit(container(X))
    with pytest.warns(DataRangeWarning, match="2 of 60 rows of X"):
        assert np.isfinite(rbm.transform(container(strange))).all()


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame])
def test_hints_at_columns_that_mean_something_else(library, rng, seed):
    n = 60
    columns = {
        "key": [f"no. {i}" for i in range(n)],
        "visits": rng.integers(0, 9, n),
        "value": rng.normal(size=n),
    }
    frame = library(columns)
    rbm = MixedRBM(2, n_iter=1, random_state=seed)
    with pytest.warns(DataRangeWarning) as caught:
        rbm.fit(frame)
    first, second, *_ = sorted(str(warning.message) for warning in caught)
    assert "Column key of X has 60 categories" in first
    assert "Columns visits of X have small whole numbers" in second
    assert caught[0].filename == __file__
    # Who says what a column is, or has numbers of another kind, is not told.
    rbm.set_params(units={"key": "softmax", "visits": "poisson"}).fit(frame)
    codes = library({"value": columns["value"], "flag": columns["visits"] % 2})
    rbm.set_params(units="auto").fit(codes)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_known_columns_keep_their_types(library, seed):
    frame = pd.DataFrame(
        {
            "one": np.arange(40) % 2,
            "other": np.arange(40) % 3 % 2,
            "flag": np.arange(40) % 4 == 0,
            "value": np.linspace(-1, 1, 40).astype(np.float32),
        }
    )
    frame = pl.from_pandas(frame) if library == "polars" else frame
    rbm = MixedRBM(3, n_iter=2, random_state=seed).fit(frame)
    mask = np.zeros((40, 4), bool)
    mask[:7, 0] = mask[5:9, 2] = True
    found = rbm.conditional_sample(frame, mask, n_steps=2)
    assert list(found.dtypes) == list(frame.dtypes)
    np.testing.assert_array_equal(found["other"], frame["other"])
    filled = rbm.impute(frame, n_samples=2, n_steps=2)
    assert list(filled.dtypes) == list(frame.dtypes)


def test_holes_of_polars_may_be_nan(seed):
    X = np.linspace(-1, 1, 40)[:, None] * [1.0, -1.0]
    X[3, 1] = np.nan
    frame = pl.DataFrame({"one": X[:, 0], "other": X[:, 1]})
    rbm = MixedRBM(3, n_iter=5, random_state=seed).fit(frame)
    found = rbm.impute(frame, n_samples=2, n_steps=2).to_numpy()
    assert np.isfinite(found).all()


def test_lists(rng, seed):
    """Also with NaN, and at the bottom of a net."""
    X = np.hstack([rng.normal(size=(40, 2)), rng.integers(0, 2, (40, 1))])
    X[0, 1] = np.nan
    rbm = MixedRBM(3, n_iter=1, random_state=seed)
    net = DBNTransformer([rbm, 2], n_iter=1, random_state=seed)
    for model in (rbm, net, GaussianRBM(3, n_iter=1, random_state=seed)):
        expected = clone(model).fit(X).transform(X)
        found = clone(model).fit(X.tolist()).transform(X.tolist())
        np.testing.assert_array_equal(found, expected)


def test_category_outside_of_a_fold(table, seed):
    """Known from the dtype it has a unit; otherwise there is a warning."""
    folds = KFold(3)
    table.loc[0, "size"] = "L"
    assert np.isfinite(cross_val_score(make(seed), table, cv=folds)).all()
    rare = table.assign(size=table["size"].astype(str))
    with pytest.warns(DataRangeWarning, match="size.*'L', in 1 rows"):
        scores = cross_val_score(make(seed), rare, cv=folds)
    assert np.isfinite(scores).all()


# Company


def test_selection_on_a_table(table, seed):
    grid = {"n_iter": [0, 20]}
    rbm = make_plain(seed, n_components=8, learning_rate=0.3)
    search = GridSearchCV(rbm, grid, cv=3).fit(table.drop(columns="visits"))
    assert search.best_params_ == {"n_iter": 20}
    y = table.pop("flag")
    model = make_pipeline(make(seed), LogisticRegression())
    assert np.isfinite(cross_val_score(model, table, y, cv=3)).all()
    assert model.fit(table, y)[0].get_feature_names_out()[0] == "mixedrbm0"


@pytest.mark.parametrize("sparse_threshold", [0.0, 1.0])
def test_column_transformer(sparse_threshold, table, seed):
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["color", "size"]),
        (StandardScaler(), ["value", "visits"]),
        ("passthrough", ["flag"]),
        sparse_threshold=sparse_threshold,
    )
    model = make_pipeline(columns, make_plain(seed))
    search = GridSearchCV(model, {"mixedrbm__n_components": [2, 4]}, cv=3).fit(table)
    assert np.isfinite(search.best_score_)
    model = model.fit(table)
    assert kinds(model[-1]) == [*["softmax"] * 2, *["gaussian"] * 2, "bernoulli"]
    with pytest.warns(DataRangeWarning, match="Columns 0, 1, 2 .*in 1 rows"):
        model.transform(table[:1].assign(color="violet"))
    columns.set_params(sparse_threshold=0, onehotencoder__sparse_output=False)
    columns.set_output(transform="pandas")
    model.fit(table)
    assert model[-1].units_[0].columns[0] == "onehotencoder__color_blue"
    assert list(model[-1].sample(3, n_steps=1)) == list(
        model[0].get_feature_names_out()
    )


def test_pickle(table, seed):
    rbm = make(seed).fit(table)
    other = pickle.loads(pickle.dumps(rbm))
    assert other.units_ == rbm.units_
    np.testing.assert_array_equal(other.transform(table), rbm.transform(table))
    pd.testing.assert_frame_equal(other.sample(5, n_steps=2), rbm.sample(5, n_steps=2))
    assert len(pickle.dumps(rbm._encoding)) < 10_000


@needs_callbacks
def test_callbacks(table, seed):
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring={"score": lambda rbm, X, y: rbm.score(X, y)})
    rbm = make(seed).set_callbacks(monitor).fit(table)
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert rows[-1]["score"] == pytest.approx(rbm.score(table), rel=1e-12)


def test_evaluation_of_a_table(table, seed):
    rbm = make(seed).fit(table)
    exact = log_partition(rbm)
    bracket = log_partition(
        rbm, X=table, method="bracket", n_betas=300, random_state=seed
    )
    assert abs(bracket.value - exact.value) < 0.5
    likelihood = log_likelihood(rbm, table, exact)
    np.testing.assert_allclose(likelihood, -rbm.free_energy(table) - exact.value)
    assert reconstruction_error(rbm, table).shape == (300,)


# What is learned


def independent(seed, table, **settings):
    """The model without weights, which knows of each column by itself."""
    rbm = make(seed, n_iter=0, **settings).fit(table)
    rbm.machine_.weights[...] = 0
    return rbm


def test_frequencies_of_samples(table, seed):
    n = 20_000
    rows = independent(seed, table).sample(n, n_steps=1, random_state=seed)
    for name in ("color", "size", "flag"):
        expected = table[name].value_counts(normalize=True)
        found = rows[name].value_counts(normalize=True).reindex(expected.index)
        # Biases start as if one row more came from units without a field.
        error = 5 * np.sqrt(expected * (1 - expected) / n) + 1 / len(table)
        assert (abs(found.fillna(0) - expected) < error).all()
    for name in ("value", "visits"):
        deviation = table[name].std()
        shift = abs(rows[name].mean() - table[name].mean())
        assert shift < 5 * deviation / np.sqrt(n) + 3 / len(table)
        assert abs(rows[name].std() / deviation - 1) < 0.1


def test_score_is_that_of_all_columns(rng, seed):
    """log P(category | number) + log p(number | category), from free energies."""
    table = make_table(rng, 60)[["color", "value"]]
    rbm = make_plain(seed).fit(table)
    rbm.machine_.weights[...] = rng.normal(0, 1, rbm.machine_.weights.shape)
    own = -rbm.free_energy(table)
    other_colors = [-rbm.free_energy(table.assign(color=c)) for c in COLORS]
    grid = np.linspace(-15, 15, 3001)
    expected = 2 * own - logsumexp(other_colors, axis=0)
    for color in COLORS:
        rows = pd.DataFrame({"color": color, "value": grid})
        log_integral = logsumexp(-rbm.free_energy(rows)) + np.log(grid[1] - grid[0])
        expected[table["color"] == color] -= log_integral
    np.testing.assert_allclose(rbm.score_samples(table), expected, rtol=1e-6)


def test_learns_dependencies(rng, seed):
    """In held-out scores, and in the rows that the model draws."""
    train, test = make_table(rng, 1000), make_table(rng, 1000)
    rbm = make(seed, n_components=8, n_iter=20).fit(train)
    # The color alone tells 0.7 of 1.1 nats about the number, and is told as much.
    assert rbm.score(test) > independent(seed, train).score(test) + 0.8
    rows = rbm.sample(2000, n_steps=100, random_state=seed)
    means = rows.groupby("color")["value"].mean()
    assert means["red"] < -0.6 and means["blue"] > 0.6 and abs(means["green"]) < 0.5
    flags = rows.groupby("color")["flag"].mean()
    assert flags["red"] > flags["blue"] + 0.4
    hit = rbm.reconstruct(test)["color"] == test["color"]
    assert hit.mean() > 0.8


# Errors


ERRORS = [
    ({"weight": "gaussian"}, {}, "'weight', which is no column.*color, value"),
    ({"value": "gaussian "}, {}, "'value': 'gaussian '.*take one of bernoulli"),
    ({"visits": "poisson"}, {"visits": -3}, "column visits of X has -3"),
    ({"value": "rectified", "visits": "poisson"}, {}, "column value of X has"),
    ({"color": "gaussian"}, {}, "Column color .*gaussian.*'softmax'"),
    ("auto", {"value": np.nan}, "No value of column value of X is known"),
    ("auto", {"color": None}, "No value of column color of X is known"),
    ("auto", {"value": np.inf}, "Column value of X has inf"),
    ("auto", {"day": pd.Timestamp("2020-02-02")}, "Column day .*datetime64"),
    ("auto", {"pair": pd.Series([[1, 2]] * 300)}, "Column pair .*no categories"),
    ("auto", {"pair": pd.Series(["a", 1] * 150)}, "Column pair .*no categories"),
    ([("gaussian", 4)], {}, "describes 4 columns, but X has 5"),
    ([("gaussian", 5)], {}, "Column color .*gaussian"),
    ([], {}, "Concatenated"),
]


@pytest.mark.parametrize("units, columns, message", ERRORS)
def test_errors_leave_nothing_half_fitted(units, columns, message, table, seed):
    bad = table.assign(**columns)
    for method in ("fit", "partial_fit"):
        rbm = make(seed, units=units)
        with pytest.raises(ValueError, match=message):
            getattr(rbm, method)(bad)
        assert not set(ADDED) & set(vars(rbm))
    fitted = make(seed).fit(table)
    before, features = dict(vars(fitted)), fitted.transform(table)
    with pytest.raises(ValueError, match=message):
        fitted.set_params(units=units).fit(bad)
    assert all(vars(fitted)[name] is before[name] for name in ADDED)
    np.testing.assert_array_equal(fitted.transform(table), features)


def test_wrong_units_of_arrays(rng, seed):
    X = rng.normal(size=(20, 3))
    with pytest.raises(ValueError, match=r"units has 3, which is no column.*0, 1, 2"):
        make(seed, units={3: "gaussian"}).fit(X)
    with pytest.raises(ValueError, match="describes 2 columns, but X has 3"):
        make(seed, units=[("gaussian", 2)]).fit(X)
    with pytest.raises(ValueError, match="Columns 0, 1, 2 are a group"):
        make(seed, units=[("softmax", 1, 3)]).fit(X)
    with pytest.raises(ValueError, match="units"):
        make(seed, units="gaussian").fit(X)


def test_values_out_of_range_warn(table, seed):
    with pytest.warns(DataRangeWarning, match="in column visits.*Bernoulli"):
        make(seed, units={"visits": "bernoulli"}).fit(table)
    table = table.drop(columns="visits")
    with pytest.warns(DataRangeWarning, match="1 columns.*column value") as caught:
        make_plain(seed).fit(table.assign(value=table["value"] + 100))
    assert caught[0].filename == __file__
    with pytest.warns(DataRangeWarning, match="constant: value"):
        make_plain(seed).fit(table.assign(value=2.5))


def test_other_tables(table, seed):
    rbm = make(seed).fit(table)
    with pytest.raises(ValueError, match="feature names"):
        rbm.transform(table.drop(columns="flag"))
    with pytest.raises(ValueError, match="feature names"):
        rbm.transform(table[table.columns[::-1]])
    with pytest.raises(ValueError, match=r"no DataFrame.*color, value"):
        rbm.transform(np.zeros((3, 5)))
    with pytest.raises(ValueError, match=r"Column value .*take numbers"):
        rbm.transform(table.assign(value="much"))
    with pytest.raises(ValueError, match="0 samples"):
        rbm.transform(table[:0])
    twice = pd.concat([table, table], axis=1)
    with pytest.raises(ValueError, match=r"of one name|unique column names"):
        make(seed).fit(twice)
    for method in ("transform", "gibbs", "reconstruct", "inverse_transform"):
        with pytest.raises(NotFittedError):
            getattr(make(seed), method)(table)


def test_numbered_columns(seed, rng):
    """Names that are no strings are no feature names, and are column names still."""
    table = pd.DataFrame({10: rng.normal(size=40), 20: ["a", "b"] * 20})
    rbm = make(seed, units={10: "gaussian"}).fit(table)
    assert rbm.units_[1] == ((20,), "softmax", ("a", "b"))
    assert list(rbm.sample(3, n_steps=1)) == [10, 20]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rbm.transform(table).shape == (40, 4)


def test_unknown_values_of_columns_of_several_types():
    values = np.array([1.5, np.nan, "red", None, 2], dtype=object)
    np.testing.assert_array_equal(is_nan(values), [False, True, False, False, False])
    np.testing.assert_array_equal(is_nan(np.array([1.5, np.nan])), [False, True])
