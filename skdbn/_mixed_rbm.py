"""The RBM for tables whose columns are of different kinds."""

import copy
import sys
import warnings
from contextlib import contextmanager
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import check_array, validate_data

from ._numerics import column_mean, working_dtype
from ._rbm import DTYPES, RBM, listed
from ._sklearn import StrOptions
from .exceptions import DataRangeWarning
from .units import REGISTRY, Bernoulli, Concatenated, Softmax

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


class MixedRBM(RBM):
    r"""Restricted Boltzmann machine for tables with columns of different kinds.

    .. math:: p(v, h) \propto \exp(v \cdot b + h \cdot c + v W h - \text{base}(v)),
              \qquad h_j \in \{0, 1\}

    It takes a DataFrame as it is, or the numbers that a
    :class:`~sklearn.compose.ColumnTransformer` makes of one, and finds the type of the
    visible units of each column in :meth:`fit`:

    * Columns of categories, strings or objects become "softmax" units, one for each
      category. The categories are those of the dtype, whether they occur or not, and
      otherwise those that occur.
    * Columns of numbers that are all 0 or 1 become "bernoulli" units. Where such
      columns stand side by side and add up to 1 in every row, as from
      :class:`~sklearn.preprocessing.OneHotEncoder`, they become one group of "softmax"
      units: the shortest ones from the left. A group has no column that is 1 in all
      rows; one that is 0 in all rows belongs to the group that ends after it.
    * All other columns of numbers become "gaussian" units, for which they are best
      standardised.

    A category that was not there in :meth:`fit`, or a group that is 0 in all of its
    columns, is no error later on: a warning tells of it, and the frequencies of the
    categories in the training data take its place. Missing values are an error.

    A model of a DataFrame returns DataFrames from :meth:`sample`, :meth:`gibbs`,
    :meth:`inverse_transform` and :meth:`reconstruct`. In place of a DataFrame with
    categories all methods also take the array of what the units see, with the columns
    of ``components_``.

    Parameters
    ----------
    n_components : int, default=256
        Number of hidden units.

    units : "auto", dict, list or Concatenated, default="auto"
        Types of the visible units. A dict, such as ``{"visits": "poisson"}``, has the
        kinds of the columns that it names, in arrays by number, and leaves the others
        to "auto": "bernoulli", "gaussian", "poisson", "rectified", "spin" or "softmax",
        whose categories are the values that occur. A
        :class:`~skdbn.units.Concatenated` or a list of its parts describes all
        columns, from the first to the last; they are numbers then.

    gradient : str or Gradient, default="pcd"
        How the gradient of the likelihood is estimated: "cd", "pcd", "fpcd", "pt" or
        an object such as ``CD(n_steps=3)`` or ``PCD(n_chains=500)``.

    learning_rate : float, Schedule or "auto", default="auto"
        Length of the steps, for gradients that are means over a batch and real-valued
        columns in units of their standard deviations. "auto" falls over the sweeps of
        :meth:`fit` from 0.1, or from less where columns are strongly correlated, to
        zero; :meth:`partial_fit`, which knows no last sweep, divides by
        1 + sweeps / 10.

    momentum : float or Schedule, default=0.0
        Share of the last step that the next one keeps, in [0, 1). Hinton's guide has
        ``Step(0.5, 0.9, epochs=5)``.

    weight_decay : float, default=0.0
        Strength of the penalty on the weights; biases have none. Useful values are
        between 0.01 and 0.00001.

    l1_ratio : float, default=0.0
        Share of the penalty that is the sum of the absolute weights (L1); the rest is
        half of the sum of their squares (L2).

    centered : bool, default=True
        Whether the gradient is taken about the means of the units [3]_, so that it does
        not matter where the zero of a column is, or which of two values is called 1.

    sample_data : bool, default=True
        Whether values strictly between 0 and 1 of binary and of softmax units are
        probabilities, from which states are drawn each time a row is learned from.
        False learns from the values as they are.

    batch_size : int, default=10
        Number of rows in a minibatch. With many epochs or many rows take 100: steps are
        fewer and an epoch is two to four times as fast.

    n_iter : int, default=10
        Number of sweeps over the data. The rows are shuffled for each.

    early_stopping : bool, default=False
        Whether to set rows aside, stop when their pseudo-likelihood no longer
        improves, and keep the best model.

    validation_fraction : float, default=0.1
        Share of the rows to set aside for early stopping.

    n_iter_no_change : int, default=10
        Number of sweeps without improvement after which early stopping stops.

    tol : float, default=1e-4
        What counts as an improvement of the held-out pseudo-likelihood, in nats.

    verbose : int, default=0
        Whether to print a line after each sweep. It changes nothing in the model.

    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the rows and the sampling. An int
        makes fits repeatable.

    Attributes
    ----------
    units_ : list of tuple
        What the units stand for, from the first to the last, as named tuples
        ``(columns, kind, categories)``: the names or numbers of columns of X, of which
        a group has several, the type of the units, and the categories of a column that
        is encoded here, else None. A column with a single category has no units.

    components_ : ndarray of shape (n_components, n_units)
        The weights; a view of ``machine_.weights``, transposed.

    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units.

    intercept_visible_ : ndarray of shape (n_units,)
        Biases of the visible units.

    h_samples_ : ndarray of shape (n_chains, n_components)
        Hidden units drawn from the model's chains at the end of the fit; for CD, from
        rows of the data.

    machine_ : RestrictedMachine
        The fitted machine, which holds the arrays.

    gradient_ : Gradient
        The gradient used, with the chains if they persist.

    history_ : list of dict
        For each sweep ``pseudo_likelihood`` (nats a row), ``reconstruction_error``
        (mean squared error of a value), ``learning_rate`` and ``seconds``; with early
        stopping also ``validation_pseudo_likelihood`` and ``free_energy_gap``, the mean
        free energy of held-out rows minus that of training rows, whose growth shows
        overfitting; with parallel tempering ``swap_acceptance``. Scores, errors and
        energies are measured on a fixed handful of rows and columns.

    n_iter_ : int
        Number of sweeps done.

    n_features_in_ : int
        Number of columns of X seen during ``fit``.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns of X seen during ``fit``, if all are strings.

    See Also
    --------
    BernoulliRBM : For binary data.
    GaussianRBM : For real-valued data.
    skdbn.units.Concatenated : The units of several types.

    References
    ----------
    .. [1] Welling, M., Rosen-Zvi, M. and Hinton, G. E. (2005). Exponential family
       harmoniums with an application to information retrieval. NeurIPS 17.
    .. [2] Tran, T., Phung, D. and Venkatesh, S. (2011). Mixed-variate restricted
       Boltzmann machines. ACML.
    .. [3] Melchior, J., Fischer, A. and Wiskott, L. (2016). How to center deep
       Boltzmann machines. JMLR 17(99).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.compose import make_column_transformer
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import OneHotEncoder, StandardScaler
    >>> from skdbn import MixedRBM
    >>> X, y = load_wine(return_X_y=True)
    >>> columns = make_column_transformer(
    ...     (StandardScaler(), [0, 1]), (OneHotEncoder(sparse_output=False), [2])
    ... )
    >>> X = columns.fit_transform(np.column_stack([X[:, :2], y]))
    >>> rbm = MixedRBM(8, n_iter=50, random_state=0).fit(X)
    >>> [variable.kind for variable in rbm.units_]
    ['gaussian', 'gaussian', 'softmax']
    >>> rbm.units_[-1].columns
    (2, 3, 4)
    >>> rbm.sample(2, n_steps=100)[:, 2:].sum(axis=1)
    array([1., 1.])

    A DataFrame needs no encoding: ``MixedRBM().fit(frame)``.
    """

    _parameter_constraints: dict = {
        name: constraint
        for name, constraint in RBM._parameter_constraints.items()
        if name not in ("visible", "hidden")
    } | {"units": [StrOptions({"auto"}), dict, list, tuple, Concatenated]}

    def __init__(
        self,
        n_components=256,
        *,
        units="auto",
        gradient="pcd",
        learning_rate="auto",
        momentum=0.0,
        weight_decay=0.0,
        l1_ratio=0.0,
        centered=True,
        sample_data=True,
        batch_size=10,
        n_iter=10,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        verbose=0,
        random_state=None,
    ):
        super().__init__(
            n_components,
            gradient=gradient,
            learning_rate=learning_rate,
            momentum=momentum,
            weight_decay=weight_decay,
            l1_ratio=l1_ratio,
            centered=centered,
            sample_data=sample_data,
            batch_size=batch_size,
            n_iter=n_iter,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            verbose=verbose,
            random_state=random_state,
        )
        self.units = units

    def fit(self, X, y=None):
        """Find the units of each column, and fit the model to X.

        Ctrl-C warns and leaves the model of the last finished sweep; during the first
        sweep it raises.

        Parameters
        ----------
        X : {DataFrame, array-like, sparse matrix} of shape (n_samples, n_features)
            Training data. They are computed in float32 if all numbers are float32,
            boolean or of 8 bits, and in float64 otherwise.

        y : array-like, default=None
            Ignored.

        Returns
        -------
        self : MixedRBM
            The fitted model.

        Raises
        ------
        ValueError
            If values are missing or do not fit the units, or if the fit diverges. The
            estimator is then left as it was.
        """
        with _restoring_encoding(self):
            return super().fit(X, y)

    def partial_fit(self, X, y=None):
        """Go on learning: one sweep over the rows of X, in minibatches.

        The units of each column are those of the first call, or of `fit`; for
        categories that come later, give the column a dtype that knows them.

        Parameters
        ----------
        X : {DataFrame, array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, of the same dtypes in all calls.

        y : array-like, default=None
            Ignored.

        Returns
        -------
        self : MixedRBM
            The fitted model.

        Raises
        ------
        ValueError
            If values are missing or do not fit the units, if X has not the columns of
            the first call, or if the fit diverges. The model is then left as it was.
        """
        with _restoring_encoding(self):
            return super().partial_fit(X, y)

    def inverse_transform(self, H):
        """The visible units' means, E[v | h], as columns of the data.

        Parameters
        ----------
        H : array-like of shape (n_samples, n_components)
            Values of the hidden units, or their means.

        Returns
        -------
        X : {DataFrame, ndarray} of shape (n_samples, n_features)
            The expected rows, with the most probable category of columns that were
            encoded here. Binary columns have probabilities, as do one-hot columns.
        """
        means = super().inverse_transform(H)
        return self._encoding.decode(means, means=True)

    def reconstruct(self, X):
        """The means of the visible units, given the hidden means of X.

        Parameters
        ----------
        X : {DataFrame, array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        X : {DataFrame, ndarray} of shape (n_samples, n_features)
            ``inverse_transform(transform(X))``, with the index of X.
        """
        return _with_index_of(X, super().reconstruct(X))

    def gibbs(self, v):
        """One sweep of Gibbs sampling: h from v, then v from h.

        Each call goes on in the estimator's own stream of random numbers.

        Parameters
        ----------
        v : {DataFrame, array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        v_new : {DataFrame, ndarray} of shape (n_samples, n_features)
            The rows after the sweep, with the index of `v`.
        """
        rows = super().gibbs(v)
        return _with_index_of(v, self._encoding.decode(rows))

    def sample(self, n_samples=1, *, n_steps=1000, random_state=None):
        """Draw rows from the model, each at the end of a Gibbs chain of its own.

        The chains start from units that feel only their biases, and take time to
        forget it.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.

        n_steps : int, default=1000
            Number of Gibbs sweeps.

        random_state : int, RandomState instance or None, default=None
            None goes on in the estimator's own stream of random numbers, so that the
            next call draws other rows.

        Returns
        -------
        X : {DataFrame, ndarray} of shape (n_samples, n_features)
            The rows, with the columns of the training data.
        """
        rows = super().sample(n_samples, n_steps=n_steps, random_state=random_state)
        return self._encoding.decode(rows)

    def _validate_training_data(self, X, reset):
        X = self._validate(X, reset=reset, order="C")
        visible, _ = self._new_units()
        visible.start(X.shape[1]).check_data(X, self._encoding.unit_names)
        return X

    def _validate(self, X, reset=False, order=None):
        """The values of the visible units for each row."""
        if not reset and self._encoding.is_encoded(X):
            X = check_array(X, accept_sparse="csr", dtype=DTYPES)
            return self._encoding.fill(X)
        if _is_frame(X):
            validate_data(self, X, skip_check_array=True, reset=reset)
            if not len(X):
                raise ValueError(f"X has 0 samples (shape {X.shape}): give rows.")
        elif not reset and self._encoding.needs_frame:
            raise ValueError(
                f"X is no DataFrame, and {type(self).__name__} was fitted to one with "
                f"the columns {_joined(self._encoding.names)}. Give a DataFrame, or an "
                f"array of what its {self._encoding.width} units see."
            )
        else:
            X = super()._validate(X, reset, order)
        if not reset:
            return self._encoding.fill(self._encoding.encode(X))
        self._encoding = _Encoding(X, self.units)
        self.units_ = self._encoding.variables
        X = self._encoding.encode(X)
        self._encoding.frequencies = column_mean(X)
        return X

    def _new_units(self):
        return self._encoding.new_units(), Bernoulli()

    def _check_scale(self, mean, variance, constant):
        """Hint at real-valued columns that are constant or not standardised."""
        names = self._encoding.unit_names
        kinds = [v.kind for v in self._encoding.variables for _ in range(v.width)]
        real = np.array([kind == "gaussian" for kind in kinds])
        constant = constant & real
        if constant.any():
            _warn(
                f"Columns of X are constant: {listed(names, constant)}. They are given "
                "the variance of an average column; better leave them out."
            )
        deviation = np.sqrt(variance)
        far = (deviation < 0.1) | (deviation > 10) | (np.abs(mean) > 3 * deviation)
        far &= real & ~constant
        if far.any():
            first = np.flatnonzero(far)[0]
            _warn(
                f"{far.sum()} columns of X are not standardised: column {names[first]} "
                f"has mean {mean[first]:.3g} and standard deviation "
                f"{deviation[first]:.3g}. Real-valued units learn best from mean 0 and "
                "standard deviation 1: put sklearn.preprocessing.StandardScaler "
                "before, in a ColumnTransformer with remainder='passthrough' and, to "
                "keep categories, set_output(transform='pandas')."
            )


class _Encoding:
    """How the columns of a table become the values of units, and back.

    Columns keep their order. An array of which no column is encoded is what the units
    see as it is.
    """

    def __init__(self, X, units):
        frame = _is_frame(X)
        self.names = list(X.columns) if frame else list(range(X.shape[1]))
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"X has several columns of one name: {self.names}.")
        # Without rows it keeps the names and types of the columns only.
        self.template = copy.deepcopy(X[:0]) if frame else None
        self.parts = None
        if isinstance(units, dict | str):
            chosen = {} if isinstance(units, str) else units
            self.variables = _find_variables(X, self.names, chosen)
        else:
            self.parts = units.parts if isinstance(units, Concatenated) else list(units)
            self.variables = _described_variables(self.names, self.parts)
        ends = np.cumsum([0, *(variable.width for variable in self.variables)])
        self.places = [slice(*place) for place in pairwise(ends.tolist())]
        self.width = int(ends[-1])
        if self.width == 0:
            raise ValueError(
                "X has nothing to learn: each column has a single category only."
            )
        self.unit_names = [name for v in self.variables for name in v.names]
        self.has_categories = any(v.categories is not None for v in self.variables)
        # Of each unit in the training data, of which those of groups are used.
        self.frequencies = None

    @property
    def needs_frame(self):
        return self.has_categories and self.template is not None

    def new_units(self):
        """Fresh units for all variables; neighbours of one kind are one part."""
        if self.parts is not None:
            return Concatenated(self.parts)
        parts = []
        for (kind, n_values), same in groupby(
            (v for v in self.variables if v.width),
            lambda v: (v.kind, v.width if v.kind == "softmax" else None),
        ):
            width = sum(variable.width for variable in same)
            parts.append((kind if n_values is None else Softmax(n_values), width))
        return Concatenated(parts)

    def is_encoded(self, X):
        """Whether X is an array of what the units see, as from an earlier call."""
        shape = getattr(X, "shape", ())
        return (
            self.has_categories
            and not _is_frame(X)
            and shape[1:] == (self.width,)
            and (self.needs_frame or self.width != len(self.names))
        )

    def encode(self, X):
        """What the units see, but with zeros for categories that are unknown."""
        if not _is_frame(X) and not self.has_categories:
            return X
        names = list(X.columns) if _is_frame(X) else self.names
        X = X.tocsc() if issparse(X) else X
        blocks, i = [], 0
        for variable in self.variables:
            for name in variable.columns:
                values = _values(X, i, names[i])
                if variable.categories is None:
                    blocks.append(_numbers(values, variable.kind, name)[:, None])
                else:
                    blocks.append(_one_hot(values, variable))
                i += 1
        encoded = np.hstack(blocks)
        return encoded if encoded.dtype in DTYPES else encoded.astype(np.float64)

    def fill(self, X):
        """X with the frequencies of the training data where a group is all zero."""
        for variable, place in zip(self.variables, self.places, strict=True):
            if variable.kind != "softmax" or not variable.width:
                continue
            own = X[:, place]
            empty = np.flatnonzero(np.asarray((own != 0).sum(axis=1)).ravel() == 0)
            if len(empty):
                if variable.categories is None:
                    _warn(
                        f"Columns {_joined(variable.columns)} of X are a group of "
                        f"which one is 1, and in {len(empty)} rows all are 0, as for a "
                        "category that is unknown. The frequencies of the training "
                        "data take its place."
                    )
                # A copy, since X can be the caller's own.
                X = X.astype(working_dtype(X))
                X = X.tolil() if issparse(X) else X
                columns = range(place.start, place.stop)
                X[np.ix_(empty, columns)] = self.frequencies[place]
                X = X.tocsr() if issparse(X) else X
            Softmax(variable.width).check_data(X[:, place], self.unit_names[place])
        return X

    def decode(self, X, means=False):
        """Rows of the table that was fitted, from values or means of the units."""
        if self.template is None and not self.has_categories:
            return X
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
        if self.template is None:
            return np.column_stack(list(columns.values())).astype(X.dtype)
        frame = type(self.template)(columns)
        types = zip(self.names, self.template.dtypes, strict=True)
        types = {name: dtype for name, dtype in types if name in as_before}
        return (frame.astype if hasattr(frame, "astype") else frame.cast)(types)


def _find_variables(X, names, chosen):
    """The kind of each column of X, as chosen or as its values look."""
    kinds = sorted(REGISTRY)
    for name, kind in chosen.items():
        if name not in names:
            raise ValueError(
                f"units has {name!r}, which is no column of X. Its columns are "
                f"{_joined(names)}."
            )
        if kind not in kinds:
            raise ValueError(
                f"units={{{name!r}: {kind!r}}}: take one of {', '.join(kinds)}."
            )
    X = X.tocsc() if issparse(X) else X
    n_rows, found, ones = X.shape[0], [], []
    for i, name in enumerate(names):
        values = _values(X, i, name)
        kind = chosen.get(name) or _guess(X, values, name)
        categories = None
        if kind == "softmax":
            categories = _categories(X, values, name)
        else:
            values = _numbers(values, kind, name)
        found.append(Variable((name,), kind, categories))
        guessed = kind == "bernoulli" and name not in chosen
        ones.append(int(values.sum()) if guessed else None)
    variables, start = [], 0
    while start < len(names):
        end = _group_end(ones, start, n_rows)
        if end and _adds_up(_values(X, i, names[i]) for i in range(start, end)):
            variables.append(Variable(tuple(names[start:end]), "softmax"))
            start = end
        else:
            variables.append(found[start])
            start += 1
    return variables


def _group_end(ones, start, n_rows):
    """Where columns from the first on have a 1 for each row, if they do.

    `ones` has the number of ones of each column, None where it is no candidate.
    """
    total = 0
    for end in range(start, len(ones)):
        # A column of ones is a group by itself, and not random.
        if ones[end] is None or ones[end] == n_rows:
            return None
        total += ones[end]
        if total >= n_rows:
            return end + 1 if total == n_rows else None
    return None


def _adds_up(columns):
    return (sum(values.astype(np.float64) for values in columns) == 1).all()


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
    if values.dtype == object or _dtype_categories(X, name) is not None:
        return "softmax"
    return "bernoulli" if ((values == 0) | (values == 1)).all() else "gaussian"


def _dtype_categories(X, name):
    """The categories that the type of a column knows of, or None."""
    categories = getattr(X[name].dtype, "categories", None) if _is_frame(X) else None
    # Some types of polars have an object in place of the categories.
    return list(categories) if hasattr(categories, "__len__") else None


def _categories(X, values, name):
    known = _dtype_categories(X, name)
    if known is not None:
        return tuple(known)
    try:
        return tuple(sorted(set(values.tolist())))
    except TypeError as error:
        raise ValueError(
            f"Column {name} of X has values that are no categories: {error}. Take "
            "strings."
        ) from error


def _values(X, i, name):
    """The values of a column, as an array of numbers or of objects."""
    if not _is_frame(X):
        return X[:, [i]].toarray().ravel() if issparse(X) else X[:, i]
    column = X[name]
    missing = np.asarray(column.isna() if hasattr(column, "isna") else column.is_null())
    if missing.any():
        raise ValueError(
            f"Column {name} of X has {missing.sum()} missing values. Fill them, with "
            "sklearn.impute.SimpleImputer for example, or make them a category."
        )
    values = np.asarray(column, dtype=getattr(column.dtype, "numpy_dtype", None))
    if values.dtype.kind in "mMc":
        raise ValueError(
            f"Column {name} of X has values of type {values.dtype}, for which there "
            "are no units. Make it numbers or categories."
        )
    return values if values.dtype.kind in "biuf" else values.astype(object)


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
    finite = np.isfinite(values)
    if not finite.all():
        raise ValueError(
            f"Column {name} of X has {values[~finite][0]}: give finite numbers, of "
            "at most 1.8e308 in size."
        )
    return values


def _one_hot(values, variable):
    """A column for each category; rows of an unknown one are zero, with a warning."""
    place = {category: i for i, category in enumerate(variable.categories)}
    values = values.tolist()
    codes = np.array([place.get(value, -1) for value in values])
    if (codes < 0).any():
        unknown = dict.fromkeys(v for v in values if v not in place)
        _warn(
            f"Column {variable.columns[0]} of X has categories that the fit has not "
            f"seen: {_joined(map(repr, unknown))}, in {(codes < 0).sum()} rows. The "
            "frequencies of the training data take their place. To give them units, "
            "fit to a column whose dtype has all categories."
        )
    return codes[:, None] == np.arange(variable.width)


def _is_frame(X):
    """Whether X is a DataFrame, of pandas or polars, neither of which is imported."""
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def _with_index_of(X, rows):
    """The rows with the index of X, where both have one."""
    if _is_frame(X) and hasattr(X, "index") and hasattr(rows, "index"):
        rows.index = X.index
    return rows


def _joined(names, most=10):
    names = [str(name) for name in names]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _warn(message):
    """A DataRangeWarning at the line from which the package was called."""
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals["__name__"].startswith(("skdbn", "sklearn")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, DataRangeWarning, stacklevel=level)


@contextmanager
def _restoring_encoding(estimator):
    """On an error, forget the units that validation has found."""
    names = ("_encoding", "units_")
    before = {name: vars(estimator)[name] for name in names if name in vars(estimator)}
    try:
        yield
    except BaseException:
        for name in names:
            vars(estimator).pop(name, None)
        vars(estimator).update(before)
        raise
