"""Checks of a machine."""

from dataclasses import is_dataclass, replace
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from ..machines import Machine
from ..units import Bernoulli, Conditional, Grouped, Parametric, Scaled
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
from ._enumeration import (
    Restricted,
    conditional_tables,
    every_row,
    find_values,
    flipped_params,
    log_sum_exp,
    slope,
)

# Averages are over so many batches of chains.
N_BATCHES = 60
N_CHAINS = 200
N_REFERENCES = 20
MOST_ROWS = 2**16

# Parameters that are smaller hide what is wrong, and others take their place.
SMALLEST = 0.1


class MachineCase:
    """A machine with the exact distribution of its visible rows."""

    def __init__(self, machine, rng):
        self.rng, self.machine = rng, machine.copy()
        arrays = self.machine.params.values()
        if max(np.abs(array).max() for array in arrays) < SMALLEST:
            for array in arrays:
                array += rng.normal(size=array.shape)
        self.visible = getattr(self.machine, "visible", None) or Bernoulli()
        self.start = self.machine.initial_state(N_CHAINS, rng)
        if machine.conditional:
            # What is given may be anything: chains begin where it is always the same.
            rows = self.start[0]
            given = np.where(rng.random(rows.shape) < 0.5, rows, 1 - rows)
            self.start = self.machine.condition(self.start, given)
        self.width = self.start[0].shape[1]

    @cached_property
    def columns(self):
        grouped = ask(self.visible, Grouped)
        return [grouped.columns(i) for i in range(grouped.n_coordinates(self.width))]

    @cached_property
    def given(self):
        """The columns that are given and not modeled."""
        if not self.machine.conditional:
            return np.zeros(self.width, bool)
        other = 1 - self.start[0]
        return (self.machine.condition(self.start, other)[0] == other).all(axis=0)

    @cached_property
    def is_restricted(self):
        names = "weights", "visible_bias", "hidden_bias", "visible", "hidden"
        restricted = all(hasattr(self.machine, name) for name in names)
        if self.machine.conditional or not restricted:
            return False
        # Others have tied weights.
        widths = tuple(layer.shape[1] for layer in self.start[:2])
        return self.machine.weights.shape == widths

    @cached_property
    def seen(self):
        """States of chains that have run for a while, and of independent units."""
        state = self.start
        rows = [state[0].copy()]
        for _ in range(20):
            state = self.machine.transition(state, self.rng)
            rows.append(state[0].copy())
        return np.vstack(rows).astype(np.float64)

    @cached_property
    def parts(self):
        need(hasattr(self.machine, "free_energy"), "free_energy")
        chosen = self.rng.permutation(len(self.seen))[:N_REFERENCES]
        references = self.seen[chosen]
        parts = [
            values_of(
                lambda rows: -self.machine.free_energy(rows),
                self.visible,
                references,
                own,
                self.seen[:, own],
            )
            for own in self.columns
        ]
        n = np.prod([len(part.states) for part in parts])
        if n > MOST_ROWS:
            raise ValueError(
                f"The machine has {n} visible states: take one of a few units, with at "
                f"most {MOST_ROWS} states or nodes of an integral."
            )
        return parts

    @cached_property
    def table(self):
        """Every visible row, and the logarithm of its measure."""
        return every_row(self.parts, self.columns, self.width)

    @property
    def rows(self):
        return self.table[0]

    @cached_property
    def group(self):
        """Which rows share what is given."""
        _, group = np.unique(self.rows[:, self.given], axis=0, return_inverse=True)
        return group.ravel()

    def log_weights(self):
        """−F(v), with the measure, of each row."""
        return self.table[1] - self.machine.free_energy(self.rows)

    def log_z(self):
        """log Z, on average over what is given."""
        logs, n = self.log_weights(), self.group.max() + 1
        return np.mean([log_sum_exp(logs[self.group == g]) for g in range(n)])

    @cached_property
    def p(self):
        """The probability of each row; what is given is uniform."""
        logs, p = self.log_weights(), np.empty(len(self.rows))
        n = self.group.max() + 1
        for g in range(n):
            own = self.group == g
            p[own] = np.exp(logs[own] - log_sum_exp(logs[own])) / n
        return p

    def exact_rows(self, n=N_CHAINS):
        """Rows drawn from the model."""
        return self.rows[self.rng.choice(len(self.p), n, p=self.p / self.p.sum())]

    @cached_property
    def expected_moments(self):
        """The derivative of log Z, by finite differences."""
        return slope(self.log_z, self.machine.params.values())

    @property
    def finite(self):
        return all(part.edges is None for part in self.parts)

    def table_of(self, rows):
        """The joint table of a restricted machine for some rows, by its definition."""
        machine, zeros = self.machine, np.zeros(len(rows))
        visible = rows, zeros - machine.visible.base_energy(rows)
        arrays = machine.weights, machine.visible_bias, machine.hidden_bias
        states, log_measure = self.hidden_table
        return Restricted(arrays, visible, (states, log_measure))

    @cached_property
    def hidden_table(self):
        """Every hidden state, and the logarithm of its measure times exp(−base)."""
        machine, grouped = self.machine, ask(self.machine.hidden, Grouped)
        h = machine.state(self.seen.astype(self.start[0].dtype), self.rng)[1]
        width = h.shape[1]
        columns = [grouped.columns(i) for i in range(grouped.n_coordinates(width))]
        references = h[:: max(1, len(h) // N_REFERENCES)].astype(np.float64)
        parts = [
            values_of(self.log_hidden, machine.hidden, references, own, h[:, own])
            for own in columns
        ]
        states, log_measure = every_row(parts, columns, width)
        return states, log_measure - machine.hidden.base_energy(states)

    def log_hidden(self, h):
        """log p(h) + log Z, by the visible units' log-partition."""
        machine = self.machine
        return (
            h @ machine.hidden_bias
            - machine.hidden.base_energy(h)
            + machine.visible.log_partition(machine.visible_field(h))
        )


def values_of(log_weight, units, references, columns, seen):
    """The values of a coordinate; the other ones are as in some rows."""

    def rows_with(x):
        rows = np.repeat(references, len(x), axis=0)
        rows[:, columns] = np.tile(x, (len(references), 1))
        return rows

    def best(x):
        logs = np.reshape(log_weight(rows_with(x)), (len(references), len(x)))
        return logs.max(axis=0)

    def is_state(x):
        return (units.support(rows_with(x)[: len(x)])[:, columns] == 2).all(axis=1)

    return find_values(best, is_state, seen.astype(np.float64))


def flat(direction):
    """All arrays of a direction in a row."""
    return np.concatenate([np.ravel(array) for array in direction.values()])


def _shapes(case):
    """Moments have the names and the shapes of the parameters."""
    machine = case.machine
    found = machine.moments(machine.infer(case.start[0]))
    require(
        list(found) == list(machine.params),
        f"moments are named {list(found)}, parameters {list(machine.params)}",
    )
    for name, array in machine.params.items():
        shape = np.shape(found[name])
        require(shape == array.shape, f"moments of {name} are of shape {shape}")


def _initial(case):
    """Chains begin at states of the units."""
    require(
        (case.visible.support(case.start[0]) == 2).all(),
        "a value has a support below 2",
    )
    if case.is_restricted:
        support = case.machine.hidden.support(case.start[1])
        require((support == 2).all(), "a hidden value has a support below 2")


def _definition(case):
    """The free energy is that of the sum over all hidden states."""
    need(case.is_restricted, "weights and biases of two layers")
    rows = case.exact_rows(30)
    expected = -case.table_of(rows).log_visible()
    require_close(case.machine.free_energy(rows), expected, "free_energy")


def _means(case):
    """The hidden means are the averages over all hidden states."""
    need(case.is_restricted, "weights and biases of two layers")
    rows = case.exact_rows(30)
    expected = case.table_of(rows).hidden_mean()
    require_close(case.machine.infer(rows)[1], expected, "the hidden mean")


def _normalization(case):
    """The sum over all visible states is that over all hidden ones."""
    need(case.is_restricted, "weights and biases of two layers")
    states, log_measure = case.hidden_table
    log_measure = log_measure + case.machine.hidden.base_energy(states)
    over_hidden = log_sum_exp(case.log_hidden(states) + log_measure)
    require_close(case.log_z(), over_hidden, "log Z over the visible states")


def _free_energy(case):
    """Moments are the slope of the free energy."""
    need(hasattr(case.machine, "free_energy"), "free_energy")
    rows, machine = case.exact_rows(8), case.machine
    expected = -slope(lambda: machine.free_energy(rows), machine.params.values())
    found = [
        flat(machine.moments(machine.infer(rows[i : i + 1]))) for i in range(len(rows))
    ]
    require_close(found, expected, "the moments of a row", 1e-5, 1e-7)


def _log_z(case):
    """Weighted moments are the slope of log Z."""
    machine, p = case.machine, case.p
    found = flat(machine.moments(machine.infer(case.rows), p / p.sum()))
    require_close(found, case.expected_moments, "a moment", 1e-5, 1e-6)


def _posterior(case):
    """Draws of a state have the moments of its means."""
    machine = case.machine
    row = np.repeat(case.exact_rows(1), N_CHAINS, axis=0)
    draws = [
        flat(machine.moments(machine.state(row.copy(), case.rng)))
        for _ in range(N_BATCHES)
    ]
    expected = flat(machine.moments(machine.infer(row)))
    require_mean(draws, expected, "a moment")


def _transition(case):
    """A transition keeps the distribution of the model."""
    machine, draws, rows = case.machine, [], []
    for _ in range(N_BATCHES):
        state = machine.state(case.exact_rows(), case.rng)
        for _ in range(2):
            state = machine.transition(state, case.rng)
        draws.append(flat(machine.moments(state)))
        rows.append(state[0].copy())
    require_mean(draws, case.expected_moments, "a moment")
    if case.finite:
        cells, rows = 0, np.vstack(rows)
        index = 0
        for part, own in zip(case.parts, case.columns, strict=True):
            cells = cells * len(part.states) + part.cell_of(rows[:, own])
            index = index * len(part.states) + part.cell_of(case.rows[:, own])
        p = np.bincount(index, case.p)
        require_distribution(cells, p, "the visible states")


def _out(case):
    """A transition can be written over the state."""
    machine, draws = case.machine, []
    for _ in range(N_BATCHES):
        start = machine.state(case.exact_rows(), case.rng)
        state = type(start)(*(layer.copy() for layer in start))
        state = machine.transition(state, case.rng, out=state)
        draws.append(flat(machine.moments(state)))
    require_mean(draws, case.expected_moments, "a moment")


def _given(case):
    """What is given stays."""
    need(case.machine.conditional, "given columns")
    require(case.given.any(), "condition changes no column")
    state = case.machine.transition(case.start, case.rng)
    kept = state[0][:, case.given] == case.start[0][:, case.given]
    require(kept.all(), "a transition changes a given column")


def expected_difference(case, batch):
    """The moments of a batch minus those of the model, in the scale of a step."""
    machine = case.machine
    of_data = flat(machine.moments(machine.infer(batch)))
    return to_steps(machine, of_data - case.expected_moments)


def to_steps(machine, difference):
    """A difference of moments times the scale of the units' steps, without their own."""
    found, start = {}, 0
    for name, array in machine.params.items():
        part = difference[start : start + array.size]
        found[name], start = part.reshape(array.shape), start + array.size
    units = getattr(machine, "visible", None)
    scaled = ask(units, Scaled)
    scale, root = scaled.step_scale, scaled.step_root
    if root is not None:
        found["weights"] = root @ root.T @ found["weights"]
        found["visible_bias"] = root @ root.T @ found["visible_bias"]
    elif scale is not None:
        found["weights"] = found["weights"] * scale.reshape(-1, 1)
        found["visible_bias"] = found["visible_bias"] * scale
    return flat(without_own(machine, found))


def without_own(machine, direction):
    """A direction without the units' own parameters, which see all rows of the data."""
    units = getattr(machine, "visible", None)
    own = [] if units is None else ask(units, Parametric).params
    return {
        name: direction[name]
        for name, array in machine.params.items()
        if not any(array is other for other in own)
    }


def _advance(case):
    """Persistent chains give the slope of the likelihood."""
    need(not case.machine.conditional, "rows of p(v)")
    machine, batch, found = case.machine, case.exact_rows(7), []
    work = machine.workspace(N_CHAINS, len(batch))
    for _ in range(N_BATCHES):
        machine.load(work, batch)
        work.state = machine.state(case.exact_rows(), case.rng)
        machine.advance(work, case.rng, 2)
        direction = without_own(machine, machine.difference(work, rate=0.5))
        found.append(flat(direction))
    require_mean(found, 0.5 * expected_difference(case, batch), "the direction")


def _contrast(case):
    """Chains that begin at rows of the model do not move it."""
    machine, found = case.machine, []
    work = machine.workspace(None, N_CHAINS)
    for _ in range(N_BATCHES):
        machine.load(work, case.exact_rows())
        machine.contrast(work, case.rng, 2)
        found.append(flat(without_own(machine, machine.difference(work))))
    require_mean(found, 0.0, "the direction")


def at_rest(machine, batch, state, weights=None):
    """A direction whose chains do not move."""
    work = machine.workspace(len(state[0]), batch.shape[0])
    machine.load(work, batch, weights=weights)
    work.state = type(state)(*(layer.copy() for layer in state))
    machine.advance(work, np.random.default_rng(0), 0)
    return work


def _weights(case):
    """A weighted row counts as often as its weight says."""
    need(not case.machine.conditional, "rows of p(v)")
    machine, batch = case.machine, case.exact_rows(20)
    state = machine.state(case.exact_rows(10), case.rng)
    counts = np.tile([2, 0, 1, 1], 5)
    weighted = at_rest(machine, batch, state, counts.astype(float))
    repeated = at_rest(machine, np.repeat(batch, counts, axis=0), state)
    found, expected = (
        flat(without_own(machine, machine.difference(work)))
        for work in (weighted, repeated)
    )
    require_close(found, expected, "the direction")


def _sparse(case):
    """Sparse rows give what dense ones give."""
    machine = case.machine
    batch = case.exact_rows(40)
    # A thin matrix may take another way than a full one.
    for rows in (batch, batch * (np.arange(case.width) == 0)):
        if (case.visible.support(rows) != 2).any():
            continue
        state = machine.state(case.exact_rows(10), case.rng)
        found, expected = (
            flat(machine.difference(at_rest(machine, x, state)))
            for x in (csr_array(rows), rows)
        )
        require_close(found, expected, "the direction")
        if case.is_restricted:
            found = machine.free_energy(csr_array(rows))
            require_close(found, machine.free_energy(rows), "free_energy")


def _float32(case):
    """Results in float32 agree with those in float64."""
    need(case.is_restricted and is_dataclass(case.machine), "arrays to be replaced")
    own = ask(case.visible, Parametric).params
    root = ask(case.visible, Scaled).step_root
    need(not own and root is None, "visible units without arrays of their own")
    machine, rows = case.machine, case.exact_rows(20)
    names = "weights", "visible_bias", "hidden_bias"
    arrays = {name: getattr(machine, name).astype(np.float32) for name in names}
    single = replace(machine, **arrays)
    for name in ("free_energy", "hidden_mean"):
        expected = getattr(machine, name)(rows)
        found = getattr(single, name)(rows.astype(np.float32))
        require(found.dtype == np.float32, f"{name} is {found.dtype}")
        require_close(found, expected, name, 1e-4, 1e-4)


def _flips(case):
    """Centering commutes with flips."""
    machine, rng = case.machine, case.rng
    binary = case.is_restricted and all(
        isinstance(units, Bernoulli) for units in (machine.visible, machine.hidden)
    )
    need(binary, "binary units on both sides")
    has_one = machine.new_centering(np.full(case.width, 0.3)) is not None
    need(has_one, "new_centering")
    n_hidden = len(machine.hidden_bias)
    a, d = np.arange(case.width) % 2 == 0, np.arange(n_hidden) % 2 == 0
    other = machine.copy()
    arrays = machine.weights, machine.visible_bias, machine.hidden_bias
    flipped = flipped_params(*arrays, a, d)
    for name, array in zip(
        ("weights", "visible_bias", "hidden_bias"), flipped, strict=True
    ):
        getattr(other, name)[...] = array
    mean, batch = rng.uniform(0.2, 0.8, case.width), case.exact_rows(9)
    state = machine.state(case.exact_rows(10), rng)

    def direction(machine, a, d):
        rows, v, offset = (np.where(a, 1 - x, x) for x in (batch, state[0], mean))
        centering = machine.new_centering(offset)
        centering.hidden[...] = np.where(d, 0.8, 0.2)
        work = at_rest(
            machine, rows, type(state)(v, np.where(d, 1 - state[1], state[1]))
        )
        return machine.difference(work, centering)

    found = flat(direction(other, a, d))
    plain = direction(machine, np.zeros_like(a), np.zeros_like(d))
    expected = flipped_params(*plain.values(), a, d)
    require_close(found, np.concatenate([x.ravel() for x in expected]), "the direction")


def _copy(case):
    """A copy and a tempered machine have arrays of their own."""
    machine = case.machine
    for other, factor in ((machine.copy(), 1.0), (machine.scaled(0.5), 0.5)):
        for name, array in machine.params.items():
            own = other.params[name]
            require(not np.shares_memory(own, array), f"{name} is shared")
            require_close(
                own, factor * array, f"{name} at a temperature of {1 / factor:g}"
            )


def _pseudo_likelihood(case):
    """The pseudo-likelihood is the sum over all conditional distributions."""
    machine = case.machine
    has_one = hasattr(machine, "pseudo_log_likelihood")
    need(has_one and offers(case.visible, Conditional), "pseudo_log_likelihood")
    need(case.finite, "finitely many visible states")
    logs = case.log_weights()
    expected = sum(conditional_tables(logs, case.rows, own) for own in case.columns)
    found = machine.pseudo_log_likelihood(case.rows)
    require_close(found, expected, "pseudo_log_likelihood")


CHECKS = (
    _shapes,
    _initial,
    _definition,
    _means,
    _normalization,
    _free_energy,
    _log_z,
    _posterior,
    _transition,
    _out,
    _given,
    _advance,
    _contrast,
    _weights,
    _sparse,
    _float32,
    _flips,
    _copy,
    _pseudo_likelihood,
)


def machine_checks(machine, *, seed=0):
    """List the checks of a machine, to be run by pytest.

    Parameters
    ----------
    machine : Machine
        The machine; not changed.

    seed : int, default=0
        Determines the draws.

    Returns
    -------
    checks : list of callable
        Each raises an AssertionError where its invariant is broken, and a
        ``unittest.SkipTest`` where it needs what the machine does not offer. Its
        ``str`` is the invariant.

    See Also
    --------
    check_machine : Runs them all.

    Examples
    --------
    >>> import numpy as np
    >>> from skdbn.machines import RestrictedMachine
    >>> from skdbn.testing import machine_checks
    >>> machine = RestrictedMachine(np.ones((3, 2)), np.zeros(3), np.zeros(2))
    >>> print(machine_checks(machine)[8])
    A transition keeps the distribution of the model
    """
    if not isinstance(machine, Machine):
        raise TypeError(
            f"machine={machine!r}: take an instance of skdbn.machines.Machine."
        )
    return named(CHECKS, MachineCase, machine, seed)


def check_machine(machine, *, seed=0, expected_failed_checks=None, on_fail="raise"):
    """Check a machine against sums over its states.

    A machine with weights and biases of two layers is compared with the definition of
    its energy; any other is what its ``free_energy`` says. Kernels start at exact draws
    and must keep the distribution: the total variation and the moments are within the
    Monte Carlo error. A machine without ``visible`` has binary units.

    Parameters
    ----------
    machine : Machine
        A machine of a few units, such as 4 by 3, with parameters of about 1; not
        changed. If all are below 0.1, which hides most faults, normal ones are added.

    seed : int, default=0
        Determines the draws.

    expected_failed_checks : dict of str to str, default=None
        Invariants that are known to be broken, and why.

    on_fail : {"raise", None}, default="raise"
        Whether to raise the first failure that is not expected.

    Returns
    -------
    results : list of CheckResult
        A result for each invariant. Checks of what the machine does not offer are left
        out, with the reason.

    Raises
    ------
    AssertionError
        If an invariant is broken: which, by how much, and the seed.

    See Also
    --------
    machine_checks : The same for pytest's parametrize.
    check_units : Of unit types.

    Examples
    --------
    >>> import numpy as np
    >>> from skdbn.machines import RestrictedMachine
    >>> from skdbn.testing import check_machine
    >>> machine = RestrictedMachine(np.ones((3, 2)), np.zeros(3), np.zeros(2))
    >>> results = check_machine(machine)
    >>> [result.reason for result in results if result.status != "passed"]
    ['given columns']
    """
    return run(machine_checks(machine, seed=seed), expected_failed_checks, on_fail)
