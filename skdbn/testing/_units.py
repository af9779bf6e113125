"""Checks of a unit type."""

from functools import cached_property

import numpy as np
from scipy.sparse import csr_array
from sklearn.base import clone

from ..units import (
    Analytic,
    Conditional,
    Differentiable,
    Enumerable,
    Grouped,
    Parametric,
    Units,
)
from ..units._base import ask, offers
from ._checks import (
    named,
    need,
    require,
    require_close,
    require_distribution,
    require_mean,
    run,
)
from ._enumeration import every_row, find_values, log_sum_exp, slope

WIDTHS = 3, 4, 2, *range(5, 60)
N_DRAWS = 20_000
N_SEEN = 2000
MOST_ROWS = 2**12
LARGEST_FIELD = 2.0


class UnitsCase:
    """A layer of units with fields, and the sums over its states."""

    def __init__(self, units, rng):
        self.rng = rng
        self.units, self.width = self._layer(units)
        self.fields = rng.uniform(-LARGEST_FIELD, LARGEST_FIELD, (5, self.width))

    def _layer(self, units):
        for width in WIDTHS:
            moments = 50, self.rng.normal(size=width), self.rng.uniform(0.5, 2, width)
            try:
                return clone(units).start(width, moments), width
            except ValueError as error:
                reason = error
        raise AssertionError(f"start refuses every width: {reason}")

    def draw(self, n, field=0.0):
        """So many draws at one field, or at fields of 0."""
        fields = np.broadcast_to(np.float64(field), (n, self.width)).copy()
        return self.units.sample(fields, self.rng)

    @cached_property
    def columns(self):
        grouped = ask(self.units, Grouped)
        return [grouped.columns(i) for i in range(grouped.n_coordinates(self.width))]

    @cached_property
    def seen(self):
        return self.draw(N_SEEN)

    def rows_with(self, columns, values):
        """Rows with these values in some columns and one state in the others."""
        rows = np.repeat(self.seen[:1], len(values), axis=0)
        rows[:, columns] = values
        return rows

    def base_of(self, columns, values):
        """The base of some columns alone, so that those of all add up to the layer's."""
        own = self.units.base_energy(self.rows_with(columns, values))
        others = 1 - 1 / len(self.columns)
        return own + np.zeros(len(values)) - others * self._base_of_first

    @cached_property
    def _base_of_first(self):
        return np.ravel(self.units.base_energy(self.seen[:1]))[0]

    @cached_property
    def values(self):
        """The values of each coordinate."""
        return [self._values(columns) for columns in self.columns]

    def _values(self, columns):
        def log_weight(x):
            size = np.abs(x).sum(axis=1)
            return (LARGEST_FIELD + 1) * size - self.base_of(columns, x)

        def is_state(x):
            support = self.units.support(self.rows_with(columns, x))
            return (support[:, columns] == 2).all(axis=1)

        return find_values(log_weight, is_state, self.seen[:, columns])

    def log_weights(self, i, fields):
        """log p(value) + log Z of each value of a coordinate, for each row of fields."""
        columns, values = self.columns[i], self.values[i]
        base = self.base_of(columns, values.states)
        return fields[:, columns] @ values.states.T + values.log_measure - base

    def log_partitions(self, fields):
        """That of each coordinate."""
        each = range(len(self.columns))
        return np.stack(
            [log_sum_exp(self.log_weights(i, fields), axis=1) for i in each], axis=1
        )

    def probabilities(self, i, fields):
        logs = self.log_weights(i, fields)
        return np.exp(logs - log_sum_exp(logs, axis=1)[:, None])

    def covariances(self, i, fields):
        """The mean of the columns of a coordinate, and their covariance."""
        p, states = self.probabilities(i, fields), self.values[i].states
        mean = p @ states
        second = np.einsum("ns,si,sj->nij", p, states, states)
        return mean, second - mean[:, :, None] * mean[:, None]

    @cached_property
    def means(self):
        found = np.empty_like(self.fields)
        for i, columns in enumerate(self.columns):
            found[:, columns] = self.covariances(i, self.fields)[0]
        return found


def _groups(case):
    """Each column belongs to one coordinate."""
    found = np.sort(np.concatenate(case.columns))
    require_close(found, np.arange(case.width), "the sorted list of columns")


def _draws(case):
    """Draws are states of the units in the dtype of the field."""
    for dtype in (np.float64, np.float32):
        fields = case.fields.astype(dtype)
        x = case.units.sample(fields.copy(), case.rng)
        require(x.shape == fields.shape, f"draws are of shape {x.shape}")
        require(x.dtype == dtype, f"draws are {x.dtype} for fields of {fields.dtype}")
        require((case.units.support(x) == 2).all(), "a draw has a support below 2")


def _base_energy(case):
    """The base energy is a sum over independent units."""
    rows = case.draw(20)
    total = case._base_of_first * (1 - len(case.columns))
    for columns in case.columns:
        total = total + case.units.base_energy(
            case.rows_with(columns, rows[:, columns])
        )
    found = np.broadcast_to(case.units.base_energy(rows), len(rows))
    require_close(found, np.broadcast_to(total, len(rows)), "base_energy")


def _sparse(case):
    """The base energy of sparse rows is that of dense ones."""
    rows = case.draw(20)
    found = case.units.base_energy(csr_array(rows))
    expected = np.broadcast_to(case.units.base_energy(rows), len(rows))
    require_close(np.broadcast_to(found, len(rows)), expected, "base_energy")


def _log_partition(case):
    """The log-partition is the logarithm of the sum over all states."""
    found = case.units.log_partition(case.fields)
    require_close(found, case.log_partitions(case.fields).sum(axis=1), "log_partition")


def _mean(case):
    """The mean is the average over all states."""
    require_close(case.units.mean(case.fields.copy()), case.means, "mean")


def _out(case):
    """Results can be written over the field."""
    field = case.fields.copy()
    found = case.units.mean(field, out=field)
    require(np.shares_memory(found, field), "mean does not write to out")
    require_close(found, case.means, "mean")
    field = case.fields.copy()
    found = case.units.sample(field, case.rng, out=field)
    require(np.shares_memory(found, field), "sample does not write to out")
    require((case.units.support(found) == 2).all(), "out has no states")


def _compare(case, draws, what):
    for i, columns in enumerate(case.columns):
        values = case.values[i]
        p = values.by_cell(case.probabilities(i, case.fields[:1])[0])
        cells = values.cell_of(draws[:, columns])
        require_distribution(cells, p, f"{what} in columns {columns.tolist()}")


def _sample(case):
    """Draws have the exact distribution."""
    draws = case.draw(N_DRAWS, case.fields[:1])
    _compare(case, draws, "sample")
    require_mean(draws, case.means[0], "sample")


def _sample_of_mean(case):
    """Draws from a given mean have the exact distribution."""
    fields = np.repeat(case.fields[:1], N_DRAWS, axis=0)
    mean = case.units.mean(fields.copy())
    _compare(case, case.units.sample(fields, case.rng, mean=mean), "sample")


def _link(case):
    """The link is the inverse of the mean."""
    mean = case.units.mean(case.fields.copy())
    found = case.units.mean(np.array(case.units.link(mean.copy())))
    require_close(found, mean, "the mean at the link of a mean")


def _float32(case):
    """Results in float32 agree with those in float64."""
    fields = case.fields.astype(np.float32)
    for name in ("log_partition", "mean"):
        method = getattr(case.units, name)
        expected = method(fields.astype(np.float64))
        require_close(method(fields.copy()), expected, name, 1e-4, 1e-5)


def _states(case):
    """Every state is listed once."""
    need(offers(case.units, Enumerable), "Enumerable")
    n = case.units.n_states(case.width)
    expected = np.prod([len(values.states) for values in case.values])
    require(n == expected, f"n_states is {n}, not {expected}")
    need(n <= MOST_ROWS, "a layer with few states")
    found = case.units.states(np.arange(n), case.width)
    rows, _ = every_row(case.values, case.columns, case.width)
    require_close(np.unique(found, axis=0), np.unique(rows, axis=0), "states")


def _alternatives(case):
    """The alternatives of a coordinate give the probability of its own value."""
    need(offers(case.units, Conditional), "Conditional")
    own, exact = case.draw(len(case.fields)), case.log_partitions(case.fields)
    for i, columns in enumerate(case.columns):
        fields, x = case.fields[:, columns], own[:, columns]
        values, log_weights, shares = case.units.alternatives(
            i, x, lambda value, n_nodes, f=fields[:, 0]: (f, f)
        )
        logs = (values * fields).sum(axis=2) + log_weights
        if shares is None:
            found = (fields * x).sum(axis=1) - case.units.coordinate_base(i, x)
        else:
            found = (shares * logs).sum(axis=0)
        found = found - log_sum_exp(logs, axis=0)
        expected = (fields * x).sum(axis=1) - case.base_of(columns, x) - exact[:, i]
        require_close(found, expected, f"log p of coordinate {i}")


def _backpropagate(case):
    """Errors are propagated back by the variance."""
    need(offers(case.units, Differentiable), "Differentiable")
    error = case.rng.normal(size=case.fields.shape)
    expected = np.empty_like(error)
    for i, columns in enumerate(case.columns):
        _, covariance = case.covariances(i, case.fields)
        expected[:, columns] = np.einsum("ni,nij->nj", error[:, columns], covariance)
    found = case.units.backpropagate(error.copy(), case.means.copy())
    require_close(found, expected, "backpropagate", 1e-5, 1e-7)


def _change(case):
    """The log-partition changes along a line of fields as the sums do."""
    need(offers(case.units, Analytic), "Analytic")
    before, after = np.array([[0.3]]), np.linspace(0.5, 1, len(case.fields))[:, None]
    exact = [
        case.log_partitions(beta * case.fields).sum(axis=1) for beta in (before, after)
    ]
    found = case.units.log_partition_change(case.fields.copy(), before, after)
    require_close(found, exact[1] - exact[0], "log_partition_change")


def _series(case):
    """The series of the log-partition begins with mean and variance."""
    has_series = all(
        isinstance(kind, Analytic) and kind.series_radius
        for kind in case.units._kinds()
    )
    need(has_series, "log_partition_series")
    first, second = case.units.log_partition_series(case.fields.copy(), 2)
    require_close(first, case.means, "the first term")
    for i, columns in enumerate(case.columns):
        variance = case.covariances(i, case.fields)[1][:, 0]
        require_close(second[:, columns], variance / 2, "the second term")


def _statistics(case):
    """Statistics are the slope of the base energy by the units' own parameters."""
    units = case.units
    need(ask(units, Parametric).params, "params")
    x, weights = case.draw(6), case.rng.dirichlet(np.ones(6))
    by_params = slope(lambda: -weights @ units.base_energy(x), units.params)
    found = np.concatenate([s.ravel() for s in units.statistics(x, weights)])
    require_close(found, by_params, "statistics", 1e-5, 1e-7)


CHECKS = (
    _groups,
    _draws,
    _base_energy,
    _sparse,
    _log_partition,
    _mean,
    _out,
    _sample,
    _sample_of_mean,
    _link,
    _float32,
    _states,
    _alternatives,
    _backpropagate,
    _change,
    _series,
    _statistics,
)


def units_checks(units, *, seed=0):
    """List the checks of a unit type, to be run by pytest.

    Parameters
    ----------
    units : Units
        The type, an instance.

    seed : int, default=0
        Determines fields and draws.

    Returns
    -------
    checks : list of callable
        Each raises an AssertionError where its invariant is broken, and a
        ``unittest.SkipTest`` where it needs what the units do not offer. Its ``str`` is
        the invariant.

    See Also
    --------
    check_units : Runs them all.

    Examples
    --------
    In a test module, ``@pytest.mark.parametrize("check", units_checks(units), ids=str)``
    runs a test for each.

    >>> from skdbn.testing import units_checks
    >>> from skdbn.units import Bernoulli
    >>> print(units_checks(Bernoulli())[5])
    The mean is the average over all states
    """
    if not isinstance(units, Units):
        raise TypeError(f"units={units!r}: take an instance of skdbn.units.Units.")
    return named(CHECKS, UnitsCase, units, seed)


def check_units(units, *, seed=0, expected_failed_checks=None, on_fail="raise"):
    """Check a unit type against sums over its states.

    A unit is what ``base_energy`` and ``support`` say. All else is compared with sums,
    over its values where draws show finitely many or counts, and otherwise over the
    nodes of an integral.

    Parameters
    ----------
    units : Units
        The type, an instance.

    seed : int, default=0
        Determines fields and draws.

    expected_failed_checks : dict of str to str, default=None
        Invariants that are known to be broken, and why.

    on_fail : {"raise", None}, default="raise"
        Whether to raise the first failure that is not expected.

    Returns
    -------
    results : list of CheckResult
        A result for each invariant. Checks of capabilities that the units do not have
        are left out, with the reason.

    Raises
    ------
    AssertionError
        If an invariant is broken: which, by how much, and the seed.

    See Also
    --------
    units_checks : The same for pytest's parametrize.
    check_machine : Of machines.

    Examples
    --------
    >>> from skdbn.testing import check_units
    >>> from skdbn.units import Softmax
    >>> results = check_units(Softmax(3))
    >>> [result.reason for result in results if result.status == "left out"]
    ['Analytic', 'log_partition_series', 'params']
    """
    return run(units_checks(units, seed=seed), expected_failed_checks, on_fail)
