"""Units with five methods, as the documentation has them, and what more they can do."""

import importlib.util
import inspect
import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from scipy.special import comb, logsumexp

from skdbn import RBM, DBNClassifier, DBNTransformer, units
from skdbn.evaluation import log_partition
from skdbn.units import Concatenated, Conditional, Enumerable, Units
from skdbn.units._base import offers

DOCS = Path(__file__).parents[1] / "docs"
N, N_VISIBLE, N_HIDDEN = 3, 4, 2
GRADIENTS = "cd", "pcd", "fpcd", "pt"
CAPABILITIES = (
    units.Analytic,
    units.Conditional,
    units.Differentiable,
    units.Enumerable,
    units.Grouped,
    units.Parametric,
    units.Ranged,
    units.Scaled,
    units.Shifted,
)


@pytest.fixture(scope="module")
def own():
    if not DOCS.exists():
        pytest.skip("the pages of the documentation are not here")
    spec = importlib.util.spec_from_file_location("own_units", DOCS / "own_units.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def counts(rng):
    """Counts of columns that go together, and of one that goes by itself."""
    p = np.where(rng.random((500, 1)) < 0.5, 0.2, 0.8) * np.ones(N_VISIBLE)
    p[:, 1], p[:, 3] = 1 - p[:, 0], 0.5
    return rng.binomial(N, p).astype(float)


def rbm_of(visible, **settings):
    settings = {"n_iter": 20, "batch_size": 50, "random_state": 0} | settings
    return RBM(N_HIDDEN, visible=visible, **settings)


def log_weights(rbm, v):
    """−F(v), by a sum over all h."""
    bits = np.array(list(product([0, 1], repeat=N_HIDDEN)))
    W, b, c = rbm.components_.T, rbm.intercept_visible_, rbm.intercept_hidden_
    joint = (v @ W + c) @ bits.T
    return np.log(comb(N, v)).sum(axis=1) + v @ b + logsumexp(joint, axis=1)


def all_counts():
    return np.array(list(product(range(N + 1), repeat=N_VISIBLE)), float)


def log_likelihood(rbm, v):
    return log_weights(rbm, v).mean() - logsumexp(log_weights(rbm, all_counts()))


def independent_log_likelihood(v):
    """That of binomial columns with the means of the data."""
    p = v.mean(axis=0) / N
    logs = np.log(comb(N, v)) + v * np.log(p) + (N - v) * np.log(1 - p)
    return logs.sum(axis=1).mean()


@pytest.mark.parametrize("gradient", GRADIENTS)
def test_five_methods_learn(gradient, own, counts):
    rbm = rbm_of(own.Binomial(N), gradient=gradient, n_iter=60).fit(counts)
    gain = log_likelihood(rbm, counts) - independent_log_likelihood(counts)
    # Three columns share one bit: about two of them are known given the third.
    assert gain > 0.5
    assert np.isnan(rbm.history_[-1]["pseudo_likelihood"])
    assert np.isfinite(rbm.history_[-1]["reconstruction_error"])


def test_five_methods_are_a_model(own, counts, seed):
    rbm = rbm_of(own.Binomial(N)).fit(counts)
    expected = -log_weights(rbm, counts)
    np.testing.assert_allclose(rbm.free_energy(counts), expected)
    np.testing.assert_allclose(rbm.free_energy(sparse.csr_array(counts)), expected)
    field = counts @ rbm.components_.T + rbm.intercept_hidden_
    np.testing.assert_allclose(rbm.transform(counts), 1 / (1 + np.exp(-field)))
    drawn = rbm.sample(2000, n_steps=50, random_state=seed)
    p = np.exp(log_weights(rbm, all_counts()))
    mean = p @ all_counts() / p.sum()
    # A count has a variance of at most n² / 4.
    assert np.abs(drawn.mean(axis=0) - mean).max() < 5 * N / 2 / np.sqrt(2000)
    assert set(np.unique(drawn)) <= set(range(N + 1))


def test_five_methods_meet_unknown_values(own, counts, rng):
    X = counts.copy()
    X[rng.random(X.shape) < 0.2] = np.nan
    X[np.isnan(X).all(axis=1)] = 0
    rbm = rbm_of(own.Binomial(N)).fit(X)
    filled = rbm.impute(X, n_steps=3, n_samples=3, random_state=0)
    known = ~np.isnan(X)
    np.testing.assert_array_equal(filled[known], X[known])
    assert ((filled >= 0) & (filled <= N)).all()
    assert rbm.partial_fit(X).transform(X).shape == (500, N_HIDDEN)


def test_five_methods_are_annealed(own, counts):
    rbm = rbm_of(own.Binomial(N)).fit(counts)
    exact = logsumexp(log_weights(rbm, all_counts()))
    # Of both layers one can be listed: the hidden one.
    assert log_partition(rbm).value == pytest.approx(exact, abs=1e-9)
    annealed = log_partition(rbm, method="ais", n_betas=1000, random_state=0)
    assert annealed.low < exact < annealed.high
    hidden = RBM(2, hidden=own.Binomial(N), visible=own.Binomial(N), n_iter=2)
    with pytest.raises(ValueError, match="neither layer"):
        log_partition(hidden.fit(counts), method="exact")


def test_what_units_lack_is_named(own, counts):
    rbm = rbm_of(own.Binomial(N), n_iter=1).fit(counts)
    with pytest.raises(TypeError, match=r"pseudo-likelihood.*Conditional.*Binomial is"):
        rbm.score_samples(counts)
    with pytest.raises(TypeError, match=r"early_stopping=True.*Conditional"):
        rbm_of(own.Binomial(N), early_stopping=True).fit(counts)
    below = RBM(3, hidden=own.Binomial(N), n_iter=1)
    top = RBM(2, visible=own.Binomial(N), n_iter=1)
    net = DBNTransformer([below, top]).fit(counts / N)
    with pytest.raises(TypeError, match=r"Back-propagation.*Differentiable.*Binomial"):
        DBNClassifier(pretrained=net).fit(counts / N, np.arange(500) % 2)


class Normal(Units):
    """Real values of variance 1."""

    tail = "gaussian"

    def base_energy(self, x):
        return (x**2 / 2).sum(axis=1)

    def log_partition(self, field):
        return (field**2 / 2 + np.log(2 * np.pi) / 2).sum(axis=1)

    def mean(self, field, out=None):
        return np.multiply(field, 1, out=out)

    def sample(self, field, rng, out=None, mean=None):
        return np.add(field, rng.normal(size=field.shape), out=out)

    def link(self, mean):
        return mean


def test_five_methods_without_bounds(rng, seed):
    """Two clusters of variance 1, of which one hidden unit tells."""
    side = np.where(rng.random((1000, 1)) < 0.5, 2.0, -2.0)
    X = side * [1, -1, 1] + rng.normal(size=(1000, 3))
    rbm = RBM(1, visible=Normal(), n_iter=60, random_state=seed).fit(X)
    p = rbm.transform(X)[:, 0]
    assert np.corrcoef(p, side[:, 0])[0, 1] ** 2 > 0.9
    field = X @ rbm.components_.T + rbm.intercept_hidden_
    expected = (X**2 / 2).sum(axis=1) - X @ rbm.intercept_visible_
    expected -= np.logaddexp(0, field[:, 0])
    np.testing.assert_allclose(rbm.free_energy(X), expected)


def test_a_pair_without_bounds_needs_a_spread(rng):
    with pytest.raises(TypeError, match=r"without bounds.*Scaled.*Normal is not"):
        RBM(visible=Normal(), hidden="gaussian").fit(rng.normal(size=(9, 3)))
    units.check_pair(Normal(), units.Bernoulli())


def test_units_side_by_side_lack_what_one_of_them_lacks(own, counts):
    parts = [(own.Binomial(N), 2), ("bernoulli", 2)]
    X = np.hstack([counts[:, :2], counts[:, 2:] > 1])
    some, full = Concatenated(parts), Concatenated([(own.FiniteBinomial(N), 2)])
    assert not offers(some, Conditional) and not offers(some, Enumerable)
    assert offers(full, Conditional) and offers(full, Enumerable)
    nested = Concatenated([(some, 4), ("spin", 1)])
    assert not offers(nested, Enumerable)
    rbm = rbm_of(some).fit(X)
    with pytest.raises(TypeError, match="Conditional, and Binomial is not"):
        rbm.score_samples(X)
    assert np.isfinite(rbm.free_energy(X)).all()
    assert np.isfinite(rbm.sample(5, n_steps=3, tempering=3)).all()


def test_more_than_five_methods(own, counts):
    rbm = rbm_of(own.FiniteBinomial(N), early_stopping=True).fit(counts)
    logs = log_weights(rbm, all_counts())
    assert log_partition(rbm, method="exact").value == pytest.approx(logsumexp(logs))
    mirrored = RBM(N_VISIBLE, hidden=own.FiniteBinomial(N), n_iter=2).fit(counts > 1)
    assert np.isfinite(log_partition(mirrored, method="exact").value)
    some = counts[:20]
    expected = np.zeros(len(some))
    for i in range(N_VISIBLE):
        others = np.repeat(some[None], N + 1, axis=0)
        others[:, :, i] = np.arange(N + 1)[:, None]
        every = log_weights(rbm, others.reshape(-1, N_VISIBLE)).reshape(N + 1, -1)
        expected += log_weights(rbm, some) - logsumexp(every, axis=0)
    np.testing.assert_allclose(rbm.score_samples(some), expected)
    assert np.isfinite(rbm.history_[-1]["validation_pseudo_likelihood"])


# The documentation


def public(cls):
    return {name for name in vars(cls) if not name.startswith("_")}


def test_units_are_five_methods():
    core = public(Units)
    five = {"base_energy", "log_partition", "mean", "sample", "link"}
    assert core == five | {"bounds", "tail", "start"}


def test_page_lists_every_capability_and_its_members():
    page = DOCS / "extending.rst"
    if not page.exists():
        pytest.skip("the pages of the documentation are not here")
    table = page.read_text(encoding="utf-8").partition(".. list-table::")[2]
    rows = re.findall(
        r"\* - :class:`~skdbn\.units\.(\w+)`\n +- (.*?)\n +- ", table, re.DOTALL
    )
    found = {name: set(re.findall(r"``(\w+)``", members)) for name, members in rows}
    assert found == {cls.__name__: public(cls) for cls in CAPABILITIES}
    exported = {name for name in units.__all__ if inspect.isclass(getattr(units, name))}
    types = {cls for cls in map(units.__dict__.get, exported) if issubclass(cls, Units)}
    assert {cls.__name__ for cls in types} | set(found) == exported
