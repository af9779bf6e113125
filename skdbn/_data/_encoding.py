"""How the columns of a table become the values of units, and back."""

import copy
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse

from .._utils._numerics import DTYPES, working_dtype
from ..exceptions import warn
from ..units import REGISTRY, Concatenated, Softmax
from ._tables import (
    dtype_categories,
    holds,
    is_frame,
    is_nan,
    joined,
    missing_in,
    values_of,
)

# What adds up to 1 but for so much is a group.
SLACK = 1e-5

# A column that has more categories, of which most occur once, has identifiers or text;
# and numbers from 0 up to this one look like counts.
MOST_CATEGORIES = 20
LARGEST_COUNT = 20

# Units whose values are whole numbers, so that samples keep the type of a column.
WHOLE = ("bernoulli", "spin", "poisson", "softmax")


class Variable(NamedTuple):
    """What the units stand for: a column, or a group of one-hot columns."""

    columns: tuple
    kind: str
    categories: tuple | None = None

    @property
    def width(self):
        """The number of units; a single category says nothing and has none."""
        if self.categories is None:
            return len(self.columns)
        return len(self.categories) if len(self.categories) > 1 else 0

    @property
    def names(self):
        """What to call the units."""
        if self.categories is None:
            return list(self.columns)
        names = [f"{self.columns[0]}={category}" for category in self.categories]
        return names[: self.width]


class Encoding:
    """How the columns of a table become the values of units, and back.

    Where columns are encoded, or units of a kind are to be together, those of one kind
    stand side by side, in the order of their columns, so that each kind is one part; the
    kinds are in the order of their first columns. Other tables keep their order, and such
    an array is what the units see as it is.
    """

    where_to_scale = (
        "before, in a ColumnTransformer with remainder='passthrough' and, to keep "
        "categories, set_output(transform='pandas')"
    )
    # Of encodings that were saved before there was a choice.
    together = False

    def __init__(self, X, units, together=False):
        frame = is_frame(X)
        self.names = list(X.columns) if frame else list(range(X.shape[1]))
        # Without rows it keeps the names and types of the columns only.
        self.template = copy.deepcopy(X[:0]) if frame else None
        self.parts, self.guessed = None, []
        if isinstance(units, dict | str):
            chosen = {} if isinstance(units, str) else units
            self.variables = _find_variables(X, self.names, chosen)
            self.guessed = [name for name in self.names if name not in chosen]
        else:
            self.parts = units.parts if isinstance(units, Concatenated) else list(units)
            self.variables = _described_variables(self.names, self.parts)
        self.has_categories = any(v.categories is not None for v in self.variables)
        self.together = together and self.parts is None
        if self.encodes:
            kinds = [variable.kind for variable in self.variables]
            self.variables.sort(key=lambda variable: kinds.index(variable.kind))
        index = {name: i for i, name in enumerate(self.names)}
        # The columns in the order of the units.
        self.order = [index[name] for v in self.variables for name in v.columns]
        ends = np.cumsum([0, *(variable.width for variable in self.variables)])
        self.places = [slice(*place) for place in pairwise(ends.tolist())]
        self.width = int(ends[-1])
        if self.width == 0:
            raise ValueError(
                "X has nothing to learn: each column has a single category only."
            )
        self.unit_names = [name for v in self.variables for name in v.names]
        # Of each unit in the training data, of which those of groups are used.
        self.frequencies = None

    @property
    def encodes(self):
        """Whether the units have another order, or are others, than the columns."""
        return self.has_categories or self.together

    @property
    def needs_frame(self):
        return self.has_categories and self.template is not None

    def new_units(self, real="gaussian"):
        """Fresh units for all variables; neighbors of one kind are one part.

        `real` are those of real-valued columns.
        """
        if self.parts is not None:
            return Concatenated(
                [
                    (real, *counts) if kind == "gaussian" else (kind, *counts)
                    for kind, *counts in self.parts
                ]
            )
        parts = []
        for (kind, n_values), same in groupby(
            (v for v in self.variables if v.width),
            lambda v: (v.kind, v.width if v.kind == "softmax" else None),
        ):
            width = sum(variable.width for variable in same)
            found = real if kind == "gaussian" else kind
            parts.append((found if n_values is None else Softmax(n_values), width))
        return Concatenated(parts)

    def is_encoded(self, X):
        """Whether X is an array of what the units see, as from an earlier call."""
        shape = getattr(X, "shape", ())
        return (
            self.has_categories
            and not is_frame(X)
            and shape[1:] == (self.width,)
            and (self.needs_frame or self.width != len(self.names))
        )

    def encode(self, X):
        """What the units see, but with zeros for categories that are unknown."""
        if not is_frame(X) and not self.encodes:
            return X
        names = list(X.columns) if is_frame(X) else self.names
        X = X.tocsc() if issparse(X) else X
        blocks, order = [], iter(self.order)
        for variable in self.variables:
            for name in variable.columns:
                i = next(order)
                values = values_of(X, i, names[i])
                if variable.categories is None:
                    blocks.append(_numbers(values, variable.kind, name)[:, None])
                else:
                    blocks.append(_one_hot(values, variable))
        encoded = np.hstack(blocks)
        return encoded if encoded.dtype in DTYPES else encoded.astype(np.float64)

    def warn_of_guesses(self, X):
        """Hint at columns whose values are likely to mean something else."""
        guessed, counts, names = set(self.guessed), [], {}
        X = X.tocsc() if issparse(X) else X
        for variable in self.variables:
            name = variable.columns[0]
            if name not in guessed or len(variable.columns) > 1:
                continue
            values = values_of(X, self.names.index(name), name)
            values = values[~is_nan(values)]
            n_values = len(variable.categories or ())
            if n_values > MOST_CATEGORIES and n_values > len(values) / 2:
                names[name] = n_values
            elif variable.kind == "gaussian":
                values = values.astype(np.float64)
                most = values.max()
                if (
                    values.min() == 0 < most <= LARGEST_COUNT
                    and (values % 1 == 0).all()
                ):
                    counts.append(name)
        if names:
            name, n_values = next(iter(names.items()))
            warn(
                f"Column {name} of X has {n_values} categories, of which most occur once, "
                f"as do {len(names)} columns in all: nothing can be learned of them. "
                "Leave identifiers out, and encode free text, by CountVectorizer for "
                f"example; units={{{name!r}: 'softmax'}} says that categories are meant."
            )
        if counts:
            name = counts[0]
            warn(
                f"Columns {joined(counts)} of X have small whole numbers from 0 on, and are "
                "taken as real-valued, so that samples have any value between. For counts "
                f"take units={{{name!r}: 'poisson'}}, for categories 'softmax', and "
                "'gaussian' to leave it so."
            )

    def real_valued(self, visible):
        """Which units stand for real values, that are best standardized."""
        kinds = [v.kind for v in self.variables for _ in range(v.width)]
        return np.array([kind == "gaussian" for kind in kinds])

    def fill(self, X):
        """X with the frequencies of the training data where a group is not known.

        All values of a group are zero then; or, where columns were taken for a group
        because exactly one is 1 in the training data, more than one of them is 1.
        """
        for variable, place in zip(self.variables, self.places, strict=True):
            if variable.kind != "softmax" or not variable.width:
                continue
            own = X[:, place]
            total = np.asarray(own.sum(axis=1)).ravel()
            strange = np.asarray((own != 0).sum(axis=1)).ravel() == 0
            if variable.columns[0] in self.guessed and variable.categories is None:
                smallest = own.min(axis=1)
                smallest = smallest.toarray() if issparse(smallest) else smallest
                strange |= (np.abs(total - 1) > SLACK) | (smallest.ravel() < 0)
            strange = np.flatnonzero(strange)
            if len(strange):
                if variable.categories is None:
                    warn(
                        f"Columns {joined(variable.columns)} of X are a group of which one "
                        f"was 1 in all training rows, and in {len(strange)} rows none or "
                        "several are, as for a category that is unknown. The frequencies "
                        "of the training data take their place. If they are no group, "
                        f"take units={{{variable.columns[0]!r}: 'bernoulli', ...}}."
                    )
                # A copy, since X can be the caller's own.
                X = X.astype(working_dtype(X))
                X = X.tolil() if issparse(X) else X
                columns = range(place.start, place.stop)
                X[np.ix_(strange, columns)] = self.frequencies[place]
                X = X.tocsr() if issparse(X) else X
        return X

    def decode(self, X, means=False):
        """Rows of the table that was fitted, from values or means of the units."""
        if self.template is None and not self.encodes:
            return X
        columns, as_before = self._decoded_columns(X, means)
        if self.template is None:
            return np.column_stack(list(columns.values())).astype(X.dtype)
        frame = type(self.template)(columns)
        types = zip(self.names, self.template.dtypes, strict=True)
        types = {name: dtype for name, dtype in types if name in as_before}
        return (frame.astype if hasattr(frame, "astype") else frame.cast)(types)

    def _decoded_columns(self, X, means):
        """The columns of the table, and the names of those that keep their type."""
        # Means and real values are floats, whatever the type of the column was.
        columns, as_before = {}, set()
        for variable, place in zip(self.variables, self.places, strict=True):
            own = X[:, place]
            if variable.categories is None:
                columns |= zip(variable.columns, own.T, strict=True)
                if not means and variable.kind in WHOLE:
                    as_before.update(variable.columns)
            else:
                best = own.argmax(axis=1) if variable.width else np.zeros(len(X), int)
                (name,) = variable.columns
                columns[name] = [variable.categories[i] for i in best.tolist()]
                as_before.add(name)
        return {name: columns[name] for name in self.names}, as_before

    def merge(self, X, rows, means, like):
        """X with values from rows of the units where it has none.

        Columns that keep their type have that of `like`, a table of the same columns, or
        that of the training data where it is too narrow.
        """
        rows = rows.toarray() if issparse(rows) else rows
        if self.is_encoded(X):
            return self.decode(rows, means)
        if issparse(X):
            # Nothing is unknown of it.
            return X.copy()
        if not is_frame(X):
            X = np.array(X, dtype=rows.dtype)
            found = self.decode(rows, means) if self.has_categories else rows
            if self.together and not self.has_categories:
                found = rows[:, np.argsort(self.order)]
            np.copyto(X, found, where=np.isnan(X))
            return X
        columns, types = {}, {}
        decoded, _ = self._decoded_columns(rows, means)
        kinds = {name: v for v in self.variables for name in v.columns}
        # A model of an array has numbers for names.
        for i, (name, own) in enumerate(zip(X.columns, self.names, strict=True)):
            column, variable = X[name], kinds[own]
            missing = missing_in(column)
            columns[name] = column
            if not missing.any():
                continue
            values, found = values_of(X, i, name), np.asarray(decoded[own])
            if variable.categories is not None:
                values = np.where(missing, found.astype(object), values).tolist()
                narrow = not holds(like, name, variable.categories)
                typed = self.template if narrow and self.needs_frame else like
                types[name] = typed[name].dtype
            else:
                values = _numbers(values, variable.kind, name)
                values = np.where(missing, found.astype(values.dtype), values)
                if not means and variable.kind in WHOLE:
                    types[name] = like[name].dtype
            columns[name] = values
        frame = type(X)(columns)
        return (frame.astype if hasattr(frame, "astype") else frame.cast)(types)


def _find_variables(X, names, chosen):
    """The kind of each column of X, as chosen or as its values look."""
    kinds = sorted(REGISTRY)
    for name, kind in chosen.items():
        if name not in names:
            raise ValueError(
                f"units has {name!r}, which is no column of X. Its columns are "
                f"{joined(names)}."
            )
        if kind not in kinds:
            raise ValueError(
                f"units={{{name!r}: {kind!r}}}: take one of {', '.join(kinds)}."
            )
    X = X.tocsc() if issparse(X) else X
    found, ones, n_known = [], [], []
    for i, name in enumerate(names):
        values = values_of(X, i, name)
        values = values[~is_nan(values)]
        if not len(values):
            raise ValueError(f"No value of column {name} of X is known: leave it out.")
        kind = chosen.get(name) or _guess(X, values, name)
        categories = None
        if kind == "softmax":
            categories = _categories(X, values, name)
        else:
            values = _numbers(values, kind, name)
        found.append(Variable((name,), kind, categories))
        guessed = kind == "bernoulli" and name not in chosen
        ones.append(int(values.sum()) if guessed else None)
        n_known.append(len(values))
    variables, start = [], 0
    while start < len(names):
        end = _group_end(ones, start, n_known)
        if end and _adds_up(values_of(X, i, names[i]) for i in range(start, end)):
            variables.append(Variable(tuple(names[start:end]), "softmax"))
            start = end
        else:
            variables.append(found[start])
            start += 1
    return variables


def _group_end(ones, start, n_known):
    """Where columns from the first on have a 1 for each row, if they do.

    `ones` has the number of ones of each column, None where it is no candidate, and
    `n_known` that of its values that are not missing: in a group they miss together.
    """
    total, n_rows = 0, n_known[start]
    for end in range(start, len(ones)):
        # A column of ones is a group by itself, and not random.
        if ones[end] is None or ones[end] == n_rows or n_known[end] != n_rows:
            return None
        total += ones[end]
        if total >= n_rows:
            return end + 1 if total == n_rows else None
    return None


def _adds_up(columns):
    columns = [values.astype(np.float64) for values in columns]
    total = sum(columns)
    return ((total == 1) | (np.isnan(columns).all(axis=0))).all()


def _described_variables(names, parts):
    """The variables of which the parts of Concatenated units tell."""
    resolved = Concatenated(parts)._resolved()
    n_described = sum(width for _, width in resolved)
    if n_described != len(names):
        raise ValueError(
            f"units describes {n_described} columns, but X has {len(names)}. Give each "
            "column a unit, in their order."
        )
    variables, start = [], 0
    for units, width in resolved:
        units.start(width)
        n_values = units.n_values if isinstance(units, Softmax) else 1
        kind = type(units).__name__.lower()
        for first in range(start, start + width, n_values):
            variables.append(Variable(tuple(names[first : first + n_values]), kind))
        start += width
    return variables


def _guess(X, values, name):
    if values.dtype == object or dtype_categories(X, name) is not None:
        return "softmax"
    return "bernoulli" if ((values == 0) | (values == 1)).all() else "gaussian"


def _categories(X, values, name):
    known = dtype_categories(X, name)
    if known is not None:
        return tuple(known)
    try:
        return tuple(sorted(set(values.tolist())))
    except TypeError as error:
        raise ValueError(
            f"Column {name} of X has values that are no categories: {error}. Take "
            "strings."
        ) from error


def _numbers(values, kind, name):
    if values.dtype == object:
        try:
            values = values.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"Column {name} of X is for {kind} units, which take numbers: {error}. "
                f"Make it numbers, or take units={{{name!r}: 'softmax'}} for "
                "categories."
            ) from error
    infinite = np.isinf(values)
    if infinite.any():
        raise ValueError(
            f"Column {name} of X has {values[infinite][0]}: give finite numbers, of "
            "at most 1.8e308 in size."
        )
    return values


def _one_hot(values, variable):
    """A column for each category, NaN where the value is missing.

    Rows of a category that is unknown are zero, with a warning.
    """
    place = {category: i for i, category in enumerate(variable.categories)}
    missing = is_nan(values)
    values = values.tolist()
    codes = np.array([place.get(value, -1) for value in values])
    strange = (codes < 0) & ~missing
    if strange.any():
        unknown = dict.fromkeys(
            v for v, new in zip(values, strange, strict=True) if new
        )
        warn(
            f"Column {variable.columns[0]} of X has categories that the fit has not "
            f"seen: {joined(map(repr, unknown))}, in {strange.sum()} rows. The "
            "frequencies of the training data take their place. To give them units, "
            "fit to a column whose dtype has all categories."
        )
    one_hot = codes[:, None] == np.arange(variable.width)
    return np.where(missing[:, None], np.nan, one_hot) if missing.any() else one_hot
