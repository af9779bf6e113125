"""Tables as nobody expects them, and what an estimator may answer.

Each answer is a result of the right shape with numbers in it, or an error that somebody
meant: raised by the package or by scikit-learn, not by what they call.
"""

import linecache
import tempfile
import traceback
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
from hypothesis import strategies as st
from scipy import sparse

N_ROWS = (0, 1, 2, 3, 8, 20)
N_COLUMNS = (0, 1, 2, 4, 7)

# Numbers at the ends of what floats can hold, and such as are none.
EXTREMES = [1e300, -1e300, 1.7e308, 1e154, 1e39, 1e-300, 5e-324, -0.0, 0.0, 1.0]
NO_NUMBERS = [np.inf, -np.inf, np.nan]


def one_hot(rng, n_rows, n_columns):
    chosen = rng.integers(max(1, n_columns), size=n_rows)
    return np.eye(max(1, n_columns))[chosen, :n_columns]


VALUES = {
    "bits": lambda rng, *shape: rng.integers(0, 2, shape),
    "shares": lambda rng, *shape: rng.random(shape),
    "normal": lambda rng, *shape: rng.normal(size=shape),
    "counts": lambda rng, *shape: rng.poisson(3, shape),
    "large counts": lambda rng, *shape: rng.integers(0, 2**53, shape),
    "one-hot": one_hot,
    "constant": lambda rng, *shape: np.full(shape, rng.choice([0, 1, -3.5, 0.1])),
    "extreme": lambda rng, *shape: rng.choice(EXTREMES, shape),
    "an extreme": lambda rng, *shape: np.where(
        rng.random(shape) < 0.1, rng.choice(EXTREMES, shape), rng.random(shape)
    ),
    "large": lambda rng, *shape: rng.normal(size=shape) * 10.0 ** rng.integers(308),
    "small": lambda rng, *shape: rng.normal(size=shape) * 10.0 ** -rng.integers(308),
    "unknown": lambda rng, *shape: np.where(rng.random(shape) < 0.3, np.nan, 1.0),
    "some unknown": lambda rng, *shape: np.where(
        rng.random(shape) < 0.2, np.nan, rng.integers(0, 2, shape)
    ),
    "none known": lambda rng, *shape: np.full(shape, np.nan),
    "no numbers": lambda rng, *shape: np.where(
        rng.random(shape) < 0.1, rng.choice(NO_NUMBERS, shape), rng.random(shape)
    ),
    "far": lambda rng, *shape: 1e8 + rng.normal(size=shape),
    "duplicates": lambda rng, n_rows, n_columns: np.repeat(
        rng.random((1, n_columns)), n_rows, axis=0
    ),
}
DTYPES = [
    *("f8", "f4", "f2", "g", "i1", "u1", "i2", "i8", "u8", "?"),
    *(object, "U25", "S25", "c16", "M8[s]"),
]
USUAL = ["f8", "f4", "?", "i8", "u1"]


def reversed_strides(X):
    return X[::-1, ::-1].copy()[::-1, ::-1]


def strided(X):
    wide = np.zeros((2 * X.shape[0], 3 * X.shape[1]), X.dtype)
    wide[::2, ::3] = X
    return wide[::2, ::3]


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


def memory_mapped(X):
    if X.size == 0 or X.dtype == object:
        return read_only(X)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "X"
        X.tofile(path)
        # The map outlives the name of its file.
        return np.memmap(path, X.dtype, "r", shape=X.shape)


def frame(X):
    return pd.DataFrame(X, columns=[f"c{i}" for i in range(X.shape[1])])


def nullable(X):
    return frame(X).convert_dtypes()


def categorical(X):
    table = frame(X)
    return table.astype({name: "category" for name in table.columns[::2]})


def with_text(X):
    table = frame(X)
    for name in table.columns[:1]:
        table[name] = ["ab"[i % 2] for i in range(len(X))]
    return table


def odd_index(X):
    return frame(X).set_axis([5] * len(X), axis=0)


def odd_names(X):
    names = [("a", 1), 2, None, "c", "", 0.5, "c0"]
    return pd.DataFrame(X, columns=pd.Index(names[: X.shape[1]], dtype=object))


def same_names(X):
    return pd.DataFrame(X, columns=["c"] * X.shape[1])


def polars(X):
    return pl.DataFrame({f"c{i}": column for i, column in enumerate(X.T.tolist())})


def sparse_pandas(X):
    return frame(X).astype(pd.SparseDtype(X.dtype))


def duplicated(X):
    """Each entry in two parts, in no order, and all zeros stored."""
    n_rows, n_columns = X.shape
    half = X / 2 if X.dtype.kind == "f" else np.zeros_like(X)
    data = np.concatenate([half, X - half if X.dtype != bool else X], axis=1)
    columns = np.tile(np.arange(n_columns)[::-1], 2 * n_rows)
    ends = 2 * n_columns * np.arange(n_rows + 1)
    order = np.tile(np.arange(n_columns)[::-1], 2) + np.repeat(
        [0, n_columns], n_columns
    )
    return sparse.csr_array((data[:, order].ravel(), columns, ends), X.shape)


CONTAINERS = [
    *(np.asarray, np.asfortranarray, reversed_strides, strided, read_only),
    *(memory_mapped, np.ma.masked_array, np.ndarray.tolist),
    lambda X: X.astype(X.dtype.newbyteorder()),
    *(lambda X: X[0] if len(X) else X, lambda X: X[None], lambda X: [*X.tolist(), [1]]),
    *(frame, nullable, categorical, with_text, odd_index, odd_names, same_names),
    *(polars, sparse_pandas, duplicated),
    *(sparse.csr_matrix, sparse.csr_array, sparse.csc_array, sparse.coo_array),
    *(sparse.lil_array, sparse.dok_matrix, sparse.bsr_array, sparse.dia_array),
]
N_USUAL = 7


@st.composite
def tables(draw, n_columns=None, usual=False):
    """A table; with `usual` an array of numbers that may well be learned from."""
    shape = draw(st.sampled_from(N_ROWS)), n_columns
    if n_columns is None:
        shape = shape[0], draw(st.sampled_from(N_COLUMNS))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    usual = usual or draw(st.booleans())
    X = VALUES[draw(st.sampled_from(list(VALUES)))](rng, *shape)
    dtype = draw(st.sampled_from(USUAL if usual else DTYPES))
    container = draw(st.sampled_from(CONTAINERS[:N_USUAL] if usual else CONTAINERS))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return container(np.asarray(X).astype(dtype))
        except (TypeError, ValueError, NotImplementedError):
            # There is no such container of this type.
            return np.asarray(X, float)


TARGETS = {
    "two": lambda rng, n: np.arange(n) % 2,
    "three": lambda rng, n: np.array(["a", "b", "c"])[np.arange(n) % 3],
    "one": lambda rng, n: np.zeros(n, int),
    "each": lambda rng, n: np.arange(n),
    "bool": lambda rng, n: rng.random(n) < 0.5,
    "numbers": lambda rng, n: rng.normal(size=n),
    "several": lambda rng, n: rng.integers(0, 2, (n, 3)),
    "column": lambda rng, n: np.arange(n)[:, None] % 2,
    "extreme": lambda rng, n: rng.choice(EXTREMES, n),
    "huge": lambda rng, n: rng.normal(size=n) * 1e300,
    "no numbers": lambda rng, n: rng.choice([*NO_NUMBERS, 1.0, 0.0], n),
    "unlabeled": lambda rng, n: rng.choice([-1, 0, 1], n),
    "objects": lambda rng, n: np.array([None, "a", 1, np.nan] * n, object)[:n],
    "several types": lambda rng, n: np.array([1, "a"] * n, object)[:n],
    "long": lambda rng, n: np.arange(n + 1) % 2,
    "series": lambda rng, n: pd.Series(np.arange(n) % 2, index=[3] * n),
    "category": lambda rng, n: pd.Series(["a", "b"] * n, dtype="category")[:n],
    "nullable": lambda rng, n: pd.Series([0, 1, None] * n, dtype="Int64")[:n],
    "list": lambda rng, n: [i % 2 for i in range(n)],
    "none": lambda rng, n: None,
    "scalar": lambda rng, n: 1,
    "sparse": lambda rng, n: sparse.csr_array(rng.integers(0, 2, (n, 2))),
    "3-d": lambda rng, n: np.zeros((n, 2, 2)),
}
WEIGHTS = {
    "ones": lambda rng, n: np.ones(n),
    "random": lambda rng, n: rng.random(n),
    "zeros": lambda rng, n: np.zeros(n),
    "negative": lambda rng, n: -np.ones(n),
    "extreme": lambda rng, n: np.abs(rng.choice(EXTREMES, n)),
    "no numbers": lambda rng, n: rng.choice([*NO_NUMBERS, 1.0], n),
    "long": lambda rng, n: np.ones(n + 1),
    "text": lambda rng, n: np.array(["a"] * n),
    "integers": lambda rng, n: np.arange(n),
    "number": lambda rng, n: rng.choice(NO_NUMBERS + EXTREMES),
}


LENGTHS = {
    "none": lambda rng, n: None,
    "two": lambda rng, n: [n // 2, n - n // 2],
    "ones": lambda rng, n: np.ones(n, int),
    "floats": lambda rng, n: [float(n)],
    "outside": lambda rng, n: [n + 1, -1],
    "short": lambda rng, n: [n - 1],
    "zero": lambda rng, n: [0, n],
    "half": lambda rng, n: [n / 2, n / 2],
    "column": lambda rng, n: np.ones((n, 1), int),
    "bools": lambda rng, n: np.ones(n, bool),
    "number": lambda rng, n: n,
    "extreme": lambda rng, n: rng.choice(EXTREMES + NO_NUMBERS, 2),
    "text": lambda rng, n: ["a"],
    "ragged": lambda rng, n: [[1], [1, 2]],
    "series": lambda rng, n: pd.Series([n], index=[7]),
    "empty": lambda rng, n: [],
}


def columns_of(kinds, usual):
    @st.composite
    def column(draw, n_rows):
        kind = draw(st.sampled_from(usual) | st.sampled_from(list(kinds)))
        return kinds[kind](np.random.default_rng(draw(st.integers(0, 2**32))), n_rows)

    return column


targets = columns_of(TARGETS, ["two", "three", "numbers"])
usual_targets = columns_of({"two": TARGETS["two"], "one": TARGETS["one"]}, ["two"])
weights = columns_of(WEIGHTS, ["ones", "random"])
lengths_of_sequences = columns_of(LENGTHS, ["none", "two"])


EDGES = {
    "none": lambda rng, n: None,
    "chain": lambda rng, n: np.stack([np.arange(n - 1), np.arange(1, n)], axis=1),
    "random": lambda rng, n: rng.integers(max(1, n), size=(4, 2)),
    "outside": lambda rng, n: rng.integers(-2, n + 2, (2, 2)),
    "twice": lambda rng, n: [[0, 1], [1, 0], [0, 1]],
    "floats": lambda rng, n: rng.random((2, 2)),
    "text": lambda rng, n: [["a", "b"]],
    "ragged": lambda rng, n: [[0, 1], [1]],
    "number": lambda rng, n: 1,
}
REGIONS = {
    "none": lambda rng, n: None,
    "each": lambda rng, n: np.arange(max(1, n))[None].repeat(3, axis=0),
    "large": lambda rng, n: rng.integers(-1, max(1, n), (12, 9)),
    "outside": lambda rng, n: rng.integers(-3, n + 2, (2, 2)),
    "no pixel": lambda rng, n: np.empty((0, 3), int),
    "floats": lambda rng, n: rng.random((2, 2)),
    "ragged": lambda rng, n: [[0, 1], [1]],
    "text": lambda rng, n: np.full((2, 2), "a"),
    "huge": lambda rng, n: np.full((2, 2), 2**40),
}
POSITIONS = {
    "none": lambda rng, n: None,
    "random": lambda rng, n: rng.random((n, 2)),
    "ends": lambda rng, n: rng.integers(0, 2, (n, 2)),
    "outside": lambda rng, n: rng.normal(size=(n, 2)),
    "nan": lambda rng, n: np.full((n, 2), np.nan),
    "empty": lambda rng, n: np.empty((0, 2)),
    "text": lambda rng, n: np.full((n, 2), "a"),
}
edges = columns_of(EDGES, ["chain", "random"])
regions = columns_of(REGIONS, ["none", "each"])
positions = columns_of(POSITIONS, ["none", "random"])


@st.composite
def whole_graphs(draw, n_columns):
    """The parameters of a graph with nothing wrong, on the whole."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n, kind = draw(st.sampled_from([1, 2, 5])), draw(st.sampled_from(list(VALUES)[:7]))
    joined = EDGES["chain"](rng, n) if draw(st.booleans()) else None
    of_edges = None if joined is None else rng.random((n - 1, 1))
    places = REGIONS["each"](rng, n), None
    places = places if draw(st.booleans()) else (None, rng.random((n, 2)))
    return VALUES[kind](rng, n, n_columns), joined, of_edges, *places


@st.composite
def odd_graphs(draw, n_columns):
    """The parameters of what may be a graph."""
    table = draw(tables(n_columns, usual=draw(st.booleans())))
    n = n_rows(table)
    joined = draw(edges(n))
    n_edges = len(joined) if hasattr(joined, "__len__") else 0
    of_edges = draw(st.sampled_from([None, np.ones((n_edges, 1))]) | tables(1))
    return table, joined, of_edges, draw(regions(n)), draw(positions(n))


@st.composite
def pictures(draw):
    """Something of three dimensions more often than not."""
    table = draw(tables(usual=draw(st.booleans())))
    if isinstance(table, np.ndarray) and draw(st.integers(0, 4)):
        return np.stack([table] * draw(st.sampled_from([3, 3, 1])), axis=-1)
    return table


def n_rows(X):
    """How many rows a table has; something for what is none."""
    try:
        return np.shape(X)[0] if not hasattr(X, "shape") else X.shape[0]
    except (ValueError, IndexError):
        return len(X)


def snapshot(value):
    """All that must not change of an argument."""
    if isinstance(value, np.ndarray):
        flags = value.flags.writeable, value.flags.c_contiguous, value.strides
        data = repr(value.tolist()) if value.dtype == object else value.tobytes()
        return data, value.dtype, value.shape, flags
    if sparse.issparse(value):
        names = ("data", "indices", "indptr", "rows", "row", "col", "offsets", "coords")
        parts = [snapshot(getattr(value, n)) for n in names if hasattr(value, n)]
        return type(value), value.shape, parts or repr(list(value.items()))
    if isinstance(value, pd.DataFrame | pd.Series):
        types = value.dtypes.tolist() if value.ndim == 2 else [value.dtype]
        return repr((value.to_numpy().tolist(), value.axes)), types
    return repr(value)


def is_meant(error):
    """Whether somebody raised an error, rather than ran into it."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    line = linecache.getline(last.filename, last.lineno)
    ours = any(f"/{name}/" in last.filename for name in ("skdbn", "sklearn"))
    return ours and line.strip().startswith("raise ")


def answer(function, *args, **kwargs):
    """The result, or None after an error that is one; nothing else may happen."""
    given = [*args, *kwargs.values()]
    before = [snapshot(value) for value in given]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", RuntimeWarning)
        try:
            result = function(*args, **kwargs)
        except (ValueError, TypeError) as error:
            if not is_meant(error) or len(str(error).split()) < 4:
                raise AssertionError(f"{error!r} tells nobody what to do") from error
            result = None
    assert [snapshot(value) for value in given] == before, "an argument was changed"
    return result
