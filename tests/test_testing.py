"""The public checks pass on what the package has, and fail on what is broken."""

import ast
import importlib.util
from pathlib import Path
from unittest import SkipTest

import numpy as np
import pytest
from scipy.special import expit

import skdbn.testing
from skdbn import units
from skdbn.machines import RestrictedMachine, State
from skdbn.testing import check_machine, check_units, machine_checks, units_checks
from skdbn.units import Bernoulli, Concatenated, Gaussian, Softmax

DOCS = Path(__file__).parents[1] / "docs"


def page(name):
    """A module of the documentation."""
    path = DOCS / f"{name}.py"
    if not path.exists():
        pytest.skip("the pages of the documentation are not here")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def assert_only(checks, words):
    """That a check of these words fails, and names object, invariant and seed."""
    check = next(check for check in checks if words in str(check))
    kind = type(check.subject).__name__
    with pytest.raises(
        AssertionError, match=rf"{kind}: .*{words}.*\(seed={check.seed}\)"
    ):
        check()


def test_sums_share_no_code_with_the_package():
    path = Path(skdbn.testing.__file__).parent / "_enumeration.py"
    imports = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    modules = {getattr(node, "module", None) or node.names[0].name for node in imports}
    assert modules == {"numpy", "typing"}


# Units

UNITS = {
    **{name: cls() for name, cls in units.REGISTRY.items()},
    "softmax": Softmax(3),
    "shared": Gaussian("shared"),
    "fixed": Gaussian(2.0),
    "concatenated": Concatenated(
        [("bernoulli", 2), ("gaussian", 1), ("softmax", 1, 3), ("poisson", 1)]
    ),
}


@pytest.mark.parametrize("name", UNITS)
def test_units_pass(name, seed):
    results = check_units(UNITS[name], seed=seed)
    assert {result.status for result in results} <= {"passed", "left out"}


def test_own_units_pass(seed):
    own = page("own_units")
    results = check_units(own.Binomial(3), seed=seed)
    left_out = [result.reason for result in results if result.status == "left out"]
    assert left_out[:2] == ["Enumerable", "Conditional"]
    results = check_units(own.FiniteBinomial(3), seed=seed)
    assert sum(result.status == "left out" for result in results) == 4


class OverlappingGroups(Softmax):
    def columns(self, coordinate):
        return super().columns(coordinate) * 0 + np.arange(self.n_values)


class GrayDraws(Bernoulli):
    def sample(self, field, rng, out=None, mean=None):
        return np.add(super().sample(field, rng, out, mean), 0.5, out=out)


class CoupledBase(Gaussian):
    def base_energy(self, x):
        return super().base_energy(x) + x[:, 0] ** 2 * x[:, 1] ** 2


class SparseBase(units.Poisson):
    def base_energy(self, x):
        return super().base_energy(x) * (1 if isinstance(x, np.ndarray) else 2)


class HalfLogPartition(units.Spin):
    def log_partition(self, field):
        return super().log_partition(field) - np.log(2) * field.shape[1]


class MeanOfSpin(units.Spin):
    def mean(self, field, out=None):
        return np.tanh(field / 2, out=out)


class NoOut(Bernoulli):
    def mean(self, field, out=None):
        return super().mean(field)


class WarmSampler(Bernoulli):
    def sample(self, field, rng, out=None, mean=None):
        return super().sample(field * 0.8, rng, out)


class DeviationForVariance(Gaussian):
    def sample(self, field, rng, out=None, mean=None):
        mean = self.mean(field)
        return np.add(mean, rng.normal(size=field.shape) / self.precision, out=out)


class MeanTakenForField(Bernoulli):
    def sample(self, field, rng, out=None, mean=None):
        return super().sample(field if mean is None else mean.copy(), rng, out)


class WrongLink(units.Spin):
    def link(self, mean):
        return 2 * super().link(mean)


class Overflowing(Bernoulli):
    def log_partition(self, field):
        return np.log1p(np.exp(field.astype(field.dtype))).sum(axis=1) + (
            1e-3 if field.dtype == np.float32 else 0
        )


class MissingState(Bernoulli):
    def states(self, index, n_units):
        return super().states(index // 2 * 2, n_units)


class DroppedBase(units.Poisson):
    def alternatives(self, coordinate, own, field_range):
        values, log_weights, shares = super().alternatives(coordinate, own, field_range)
        return values, log_weights * 0.5, shares


class SwappedShares(Bernoulli):
    def alternatives(self, coordinate, own, field_range):
        values, log_weights, shares = super().alternatives(coordinate, own, field_range)
        return values, log_weights, shares[::-1]


class HalfSlope(Bernoulli):
    def backpropagate(self, error, mean):
        return 0.5 * super().backpropagate(error, mean)


class WrongTemperature(Bernoulli):
    def log_partition_change(self, field, before, after):
        return super().log_partition_change(field, before, after * after)


class NoFactorial(Bernoulli):
    def log_partition_series(self, field, n_terms):
        first, *others = super().log_partition_series(field, n_terms)
        return [first, *(2 * term for term in others)]


class DoubledStatistics(Gaussian):
    def statistics(self, x, weights=None):
        return [2 * array for array in super().statistics(x, weights)]


BROKEN_UNITS = [
    (OverlappingGroups(2), "one coordinate"),
    (GrayDraws(), "states of the units"),
    (CoupledBase(), "sum over independent"),
    (SparseBase(), "sparse rows"),
    (HalfLogPartition(), "log-partition is the logarithm"),
    (MeanOfSpin(), "mean is the average"),
    (NoOut(), "written over"),
    (WarmSampler(), "Draws have the exact"),
    (DeviationForVariance(), "Draws have the exact"),
    (MeanTakenForField(), "from a given mean"),
    (WrongLink(), "link is the inverse"),
    (Overflowing(), "float32"),
    (MissingState(), "Every state"),
    (DroppedBase(), "alternatives"),
    (SwappedShares(), "alternatives"),
    (HalfSlope(), "propagated back"),
    (WrongTemperature(), "along a line"),
    (NoFactorial(), "series"),
    (DoubledStatistics(), "Statistics are the slope"),
]


@pytest.mark.parametrize(
    "broken, words", BROKEN_UNITS, ids=lambda x: type(x).__name__ if x != str(x) else ""
)
def test_broken_units_fail(broken, words, seed):
    assert_only(units_checks(broken, seed=seed), words)


def test_each_check_of_units_has_a_broken_type():
    tried = [words for _, words in BROKEN_UNITS]
    for check in units_checks(Bernoulli()):
        assert any(words in str(check) for words in tried), str(check)


def test_failures_can_be_expected(seed):
    broken = WrongLink()
    name = "The link is the inverse of the mean"
    with pytest.raises(AssertionError, match=name):
        check_units(broken, seed=seed)
    results = check_units(broken, seed=seed, on_fail=None)
    assert [result.name for result in results if result.status == "failed"] == [name]
    results = check_units(broken, seed=seed, expected_failed_checks={name: "a factor"})
    assert [x.reason for x in results if x.status == "expected"] == ["a factor"]
    with pytest.raises(ValueError, match=r"no such.*take names"):
        check_units(broken, expected_failed_checks={"no such": ""})
    with pytest.raises(ValueError, match="on_fail='stop'"):
        check_units(broken, on_fail="stop")
    with pytest.raises(TypeError, match="units='spin'"):
        check_units("spin")
    with pytest.raises(TypeError, match="machine=3"):
        check_machine(3)


def test_checks_of_pytest(seed):
    """What an object does not offer is skipped."""
    checks = {str(check): check for check in units_checks(Softmax(2), seed=seed)}
    checks["The mean is the average over all states"]()
    with pytest.raises(SkipTest, match="Analytic"):
        checks["The log-partition changes along a line of fields as the sums do"]()


# Machines

PAIRS = [
    ("bernoulli", "bernoulli"),
    ("spin", "bernoulli"),
    ("softmax", "spin"),
    ("gaussian", "bernoulli"),
    ("bernoulli", "rectified"),
    ("poisson", "bernoulli"),
    ((("bernoulli", 1), ("gaussian", 1)), "bernoulli"),
]


@pytest.mark.parametrize("names", PAIRS, ids=str)
def test_machines_pass(names, make_machine, seed):
    results = check_machine(make_machine(names=names), seed=seed)
    assert {result.status for result in results} <= {"passed", "left out"}


def test_own_machine_passes(rng, seed):
    """Whose weights are near 0 at first."""
    machine = page("own_machine").ConditionalMachine(2, 3, 2, rng)
    before = {name: array.copy() for name, array in machine.params.items()}
    results = check_machine(machine, seed=seed)
    assert sum(result.status == "passed" for result in results) >= 10
    for name, array in machine.params.items():
        np.testing.assert_array_equal(array, before[name])


def test_a_large_machine_is_refused():
    machine = RestrictedMachine(np.ones((20, 2)), np.zeros(20), np.zeros(2))
    with pytest.raises(AssertionError, match="take one of a few units"):
        check_machine(machine)


class ForgottenName(RestrictedMachine):
    def moments(self, state, weights=None):
        found = super().moments(state, weights)
        return found | {"weights": found["weights"].T}


class BeginsAtMeans(RestrictedMachine):
    def initial_state(self, n, rng, clamp=None):
        state = super().initial_state(n, rng)
        return State(0.5 + 0 * state.visible, state.hidden)


class NoVisibleBias(RestrictedMachine):
    def free_energy(self, v, hidden_field=None):
        return super().free_energy(v, hidden_field) + v @ self.visible_bias


class NoHiddenBias(RestrictedMachine):
    def infer(self, v):
        return State(v, self.hidden.mean(v @ self.weights))


class WrongWayBack(RestrictedMachine):
    def visible_field(self, h, out=None):
        return super().visible_field(h, out) - self.visible_bias


class Unweighted(RestrictedMachine):
    def moments(self, state, weights=None):
        return super().moments(state)


class HalfMoments(RestrictedMachine):
    def moments(self, state, weights=None):
        found = super().moments(state, weights)
        return found | {"hidden_bias": found["hidden_bias"] / 2}


class MeansForDraws(RestrictedMachine):
    def hidden_sample(self, v, rng, out=None):
        field = self.hidden_field(v)
        h = (rng.random(field.shape) < expit(2 * field)).astype(float)
        return h if out is None else np.copyto(out, h) or out


class HotTransition(RestrictedMachine):
    def transition(self, state, rng, out=None, clamp=None):
        new = super().transition(state, rng)
        return super().transition(State(new.visible, 0.7 * new.hidden), rng, out)


class LosesOut(RestrictedMachine):
    def transition(self, state, rng, out=None, clamp=None):
        if out is None:
            return super().transition(state, rng)
        out.visible[...] = 0
        return super().transition(out, rng, out) and State(0 * out.visible, out.hidden)


class ImpatientChains(RestrictedMachine):
    def advance(self, work, rng, n_steps, by=None):
        work.state = self.initial_state(len(work.state.visible), rng)
        super().advance(work, rng, 0)


class ContrastWithMeans(RestrictedMachine):
    def contrast(self, work, rng, n_steps):
        super().contrast(work, rng, n_steps)
        work.model.visible[...] = self.visible_mean(work.model.hidden_mean) ** 2


class IgnoresWeights(RestrictedMachine):
    def load(self, work, batch, rng=None, weights=None):
        super().load(work, batch, rng)


class SparseWithoutBias(RestrictedMachine):
    def hidden_field(self, v, out=None):
        field = super().hidden_field(v, out)
        if not isinstance(v, np.ndarray):
            field -= self.hidden_bias
        return field


class ImpreciseSingle(RestrictedMachine):
    def hidden_field(self, v, out=None):
        field = super().hidden_field(v, out)
        if field.dtype == np.float32:
            field += 0.01
        return field


class CenteredOnce(RestrictedMachine):
    def difference(self, work, centering=None, rate=1.0):
        direction = super().difference(work, centering, rate)
        if centering is not None:
            direction["visible_bias"] += direction["weights"] @ centering.hidden
        return direction


class SharedCopy(RestrictedMachine):
    def copy(self):
        new = super().copy()
        new.visible_bias = self.visible_bias
        return new


class ColdBiases(RestrictedMachine):
    def scaled(self, beta):
        new = super().scaled(beta)
        new.hidden_bias[...] = self.hidden_bias
        return new


class OneColumn(RestrictedMachine):
    def pseudo_log_likelihood(self, v):
        return v.shape[1] * self.log_conditionals(v)[:, 0]


BROKEN_MACHINES = [
    (ForgottenName, "names and the shapes"),
    (BeginsAtMeans, "begin at states"),
    (NoVisibleBias, "free energy is that of the sum"),
    (NoHiddenBias, "hidden means are the averages"),
    (WrongWayBack, "sum over all visible states"),
    (HalfMoments, "Moments are the slope of the free"),
    (Unweighted, "Weighted moments"),
    (MeansForDraws, "Draws of a state"),
    (HotTransition, "keeps the distribution"),
    (LosesOut, "written over the state"),
    (ImpatientChains, "Persistent chains"),
    (ContrastWithMeans, "begin at rows"),
    (IgnoresWeights, "weighted row"),
    (SparseWithoutBias, "Sparse rows"),
    (ImpreciseSingle, "float32"),
    (CenteredOnce, "Centering commutes"),
    (SharedCopy, "arrays of their own"),
    (ColdBiases, "arrays of their own"),
    (OneColumn, "pseudo-likelihood"),
]


@pytest.mark.parametrize(
    "cls, words", BROKEN_MACHINES, ids=lambda x: getattr(x, "__name__", "")
)
def test_broken_machines_fail(cls, words, make_machine, seed):
    whole = make_machine()
    broken = cls(whole.weights, whole.visible_bias, whole.hidden_bias)
    assert_only(machine_checks(broken, seed=seed), words)


def test_what_is_given_has_to_stay(rng, seed):
    class Forgets(page("own_machine").ConditionalMachine):
        def transition(self, state, rng, out=None):
            new = super().transition(state, rng)
            new.visible[:, : self.n_given] = 1 - new.visible[:, : self.n_given]
            return new

    assert_only(machine_checks(Forgets(2, 3, 2, rng), seed=seed), "What is given stays")


def test_each_check_of_machines_has_a_broken_class(machine):
    tried = [*(words for _, words in BROKEN_MACHINES), "What is given"]
    for check in machine_checks(machine):
        assert any(words in str(check) for words in tried), str(check)
