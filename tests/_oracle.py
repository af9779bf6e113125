"""Slow answers from the formulas, by sums over all states.

Nothing here comes from skdbn: the package is judged by it. Integrals and infinite sums
are sums, too, over so many points that they are right to a dozen digits.
"""

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import log_ndtr, ndtri_exp

N_COUNTS = 140
LOG_FACTORIALS = np.cumsum(np.log(np.maximum(np.arange(2000), 1)))

# Types with finitely many values.
FINITE = ("bernoulli", "spin", "softmax")


class Block(NamedTuple):
    """What a unit can be, or a few units that vary together.

    Values, a row each, the logarithm of the measure of each, and base(x) of rows; how
    to draw x in a field, and the share of each value that a mean stands for.
    """

    values: np.ndarray
    log_measure: np.ndarray
    base: Callable
    draw: Callable
    shares: Callable | None


def log_sum_exp(a, axis=None):
    top = a.max(axis=axis, keepdims=True)
    return np.log(np.exp(a - top).sum(axis=axis)) + np.squeeze(top, axis=axis)


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, dtype=np.float64)))


def _no_base(x):
    return np.zeros(len(x))


def _finite(values, shares):
    def draw(field, rng):
        log_p = field @ values.T
        p = np.exp(log_p - log_sum_exp(log_p, axis=1)[:, None])
        return values[(p.cumsum(axis=1) < rng.random((len(p), 1))).sum(axis=1)]

    return Block(values, np.zeros(len(values)), _no_base, draw, shares)


def block(name, variance=1.0, center=0.0):
    """The :class:`Block` of a type; variance and center are those of Gaussian units."""
    if name == "bernoulli":
        return _finite(np.array([[0.0], [1.0]]), lambda x: np.hstack([1 - x, x]))
    if name == "spin":
        return _finite(
            np.array([[-1.0], [1.0]]), lambda x: np.hstack([1 - x, 1 + x]) / 2
        )
    if name == "softmax":
        return _finite(np.eye(3), lambda x: x)
    if name == "gaussian":
        # The trapezoidal rule errs by 2 exp(−2π²/h²) for steps of h deviations.
        deviation = np.sqrt(variance)
        return Block(
            np.arange(-16, 16.5, 0.5)[:, None] * deviation + center,
            np.full(65, np.log(0.5 * deviation)),
            lambda x: (x[:, 0] - center) ** 2 / (2 * variance),
            lambda field, rng: rng.normal(center + field * variance, deviation),
            None,
        )
    if name == "rectified":
        nodes, weights = np.polynomial.legendre.leggauss(80)
        return Block(
            8 * nodes[:, None] + 8,
            np.log(8 * weights),
            lambda x: x[:, 0] ** 2 / 2,
            lambda field, rng: (
                field - ndtri_exp(log_ndtr(field) + np.log(rng.random(field.shape)))
            ),
            None,
        )
    return Block(
        np.arange(float(N_COUNTS))[:, None],
        np.zeros(N_COUNTS),
        lambda x: LOG_FACTORIALS[x[:, 0].astype(int)],
        lambda field, rng: rng.poisson(np.exp(field)).astype(float),
        None,
    )


def width(name):
    """The number of units that vary together."""
    return 3 if name == "softmax" else 1


def is_finite(kind):
    """Whether a layer has finitely many states."""
    return all(name in FINITE for name, _ in _pairs(kind))


def _pairs(kind):
    # The number of units of a layer of one type is known elsewhere.
    return [(kind, None)] if isinstance(kind, str) else kind


def layer(kind, n_units, variances=1.0, centers=0.0):
    """The blocks of a layer.

    `kind` is the name of a type, or pairs of a name and a number of units, and
    `variances` and `centers` are those of the Gaussian units.
    """
    names = [
        name
        for name, n in _pairs(kind)
        for _ in range((n_units if n is None else n) // width(name))
    ]
    n_gaussian = names.count("gaussian")
    own = zip(
        *(np.broadcast_to(values, n_gaussian) for values in (variances, centers)),
        strict=True,
    )
    return [block(name, *(next(own) if name == "gaussian" else ())) for name in names]


def split(blocks, x):
    """Each block with its columns of x."""
    ends = np.cumsum([block.values.shape[1] for block in blocks])[:-1]
    return list(zip(blocks, np.split(x, ends, axis=-1), strict=True))


def base(blocks, x):
    """The sum of base(x) of each row."""
    return sum(block.base(own) for block, own in split(blocks, x))


def layer_states(blocks):
    """Every state of a layer, and the logarithm of its measure times exp(−base(x))."""
    index = np.indices([len(block.values) for block in blocks]).reshape(len(blocks), -1)
    states = np.hstack(
        [block.values[own] for block, own in zip(blocks, index, strict=True)]
    )
    log_measure = sum(
        block.log_measure[own] for block, own in zip(blocks, index, strict=True)
    )
    return states, log_measure - base(blocks, states)


def all_states(kind, n_units):
    """Every state of a layer, and the logarithm of its weight."""
    return layer_states(layer(kind, n_units))


def unit_moments(name, fields):
    """Log-partition, mean, variance and fourth central moment of a block.

    For each row of fields, and but for the first for each unit of the block.
    """
    x, log_weights = layer_states([block(name)])
    exponents = fields @ x.T + log_weights
    log_z = log_sum_exp(exponents, axis=1)
    p = np.exp(exponents - log_z[:, None])
    mean = p @ x
    gaps = x - mean[:, None]
    second, fourth = (np.einsum("ns,nsi->ni", p, gaps**power) for power in (2, 4))
    return log_z, mean, second, fourth


def variances_and_centers(units):
    """Those of the Gaussian units of a layer, as its attributes have them."""
    parts = getattr(units, "_units", [units])
    gaussian = [part for part in parts if hasattr(part, "log_variance_")]
    if not gaussian:
        return 1.0, 0.0
    variances = np.exp(np.concatenate([part.log_variance_ for part in gaussian]))
    centers = [0.0 if part.center_ is None else part.center_ for part in gaussian]
    return variances, np.hstack(centers)


class Enumeration:
    """The joint table of a restricted machine, p(v, h) ∝ exp(−E(v, h)).

    E(v, h) = base(v) + base(h) − v·b − h·c − v·W·h

    The entries of the table are probabilities, also where a state is a node of an
    integral.
    """

    def __init__(
        self,
        weights,
        visible_bias,
        hidden_bias,
        names=("bernoulli",) * 2,
        variances=1.0,
        centers=0.0,
    ):
        self.W, self.b, self.c = (
            np.asarray(array, dtype=np.float64)
            for array in (weights, visible_bias, hidden_bias)
        )
        self.visible = layer(names[0], len(self.b), variances, centers)
        self.hidden = layer(names[1], len(self.c))
        self.v, log_v = layer_states(self.visible)
        self.h, self.log_h = layer_states(self.hidden)
        self.log_table = self.log_weights(self.v) + log_v[:, None]
        self.log_z = log_sum_exp(self.log_table.ravel())
        self.table = np.exp(self.log_table - self.log_z)
        self.p_v = self.table.sum(axis=1)
        self.p_h = self.table.sum(axis=0)

    @classmethod
    def of(cls, machine, names=("bernoulli",) * 2):
        """That of a machine, whose visible Gaussian units learn their variances."""
        arrays = machine.weights, machine.visible_bias, machine.hidden_bias
        return cls(*arrays, names, *variances_and_centers(machine.visible))

    def log_weights(self, v):
        """−E(v, h) for each row v and each hidden state, but for base(v)."""
        fields = v @ self.W + self.c
        return (v @ self.b)[:, None] + fields @ self.h.T + self.log_h

    def free_energy(self, v):
        """−log Σₕ exp(−E(v, h))"""
        v = np.asarray(v, dtype=np.float64)
        return base(self.visible, v) - log_sum_exp(self.log_weights(v), axis=1)

    def hidden_mean(self, v):
        """Σₕ h p(h | v)"""
        log_p = self.log_weights(np.asarray(v, dtype=np.float64))
        p = np.exp(log_p - log_sum_exp(log_p, axis=1)[:, None])
        return p @ self.h

    def visible_mean(self, states=slice(None)):
        """Σᵥ v p(v | h), for each hidden state or for those of some indices."""
        log_p = self.log_table[:, states]
        return np.exp(log_p - log_sum_exp(log_p, axis=0)).T @ self.v

    def log_likelihood(self, v):
        """log p(v) of each row, or its density."""
        return -self.free_energy(v) - self.log_z

    def pseudo_log_likelihood(self, v):
        """Σᵢ log p(block i of v | the others), or the cross-entropy with its shares."""
        total = np.zeros(len(v))
        for i, (block, own) in enumerate(split(self.visible, v)):
            logs = np.empty((len(v), len(block.values)))
            for value, log in zip(block.values, logs.T, strict=True):
                others = [x for _, x in split(self.visible, v)]
                others[i] = np.broadcast_to(value, own.shape)
                log[:] = -self.free_energy(np.hstack(others))
            if block.shares is None:
                total -= self.free_energy(v)
            else:
                total += (block.shares(own) * logs).sum(axis=1)
            total -= log_sum_exp(logs + block.log_measure, axis=1)
        return total

    def draw(self, n, rng):
        """n visible rows, exactly from p(v)."""
        if all(block.shares is not None for block in self.visible + self.hidden):
            return self.v[rng.choice(len(self.v), size=n, p=self.p_v / self.p_v.sum())]
        # From a node of an integral over h; its discretization shows in no moment.
        h = self.h[rng.choice(len(self.h), size=n, p=self.p_h / self.p_h.sum())]
        fields = h @ self.W.T + self.b
        return np.hstack(
            [block.draw(own, rng) for block, own in split(self.visible, fields)]
        )

    def model_statistics(self):
        """vhᵀ, v and h of each visible state, h by its mean: to be averaged by p_v."""
        h = self.hidden_mean(self.v)
        return [self.v[:, :, None] * h[:, None, :], self.v, h]


def centered(change, visible_offset, hidden_offset):
    """A direction about the offsets, in the parameters of the plain machine.

    The centered machine has energy −v·b − h·c − (v − v₀)·W·(h − h₀): its weights move
    along ΔW = Δ⟨(v − v₀)(h − h₀)ᵀ⟩ and its biases along Δ⟨v⟩ and Δ⟨h⟩, and the plain
    biases are b − W h₀ and c − v₀ W.
    """
    dW, db, dc = change
    v0, h0 = visible_offset, hidden_offset
    dW = dW - v0[..., :, None] * dc[..., None, :] - db[..., :, None] * h0[..., None, :]
    return [dW, db - dW @ h0, dc - np.swapaxes(dW, -1, -2) @ v0]


def flip_params(weights, visible_bias, hidden_bias, visible_flips, hidden_flips):
    """The parameters of the same distribution with some bits inverted.

    With v = a + S v' and h = d + T h', where a and d are 1 at the flipped units and S
    and T hold their signs.
    """
    a, d = visible_flips.astype(float), hidden_flips.astype(float)
    S, T = 1 - 2 * a, 1 - 2 * d
    return [
        S[:, None] * weights * T,
        S * (visible_bias + weights @ d),
        T * (hidden_bias + a @ weights),
    ]


def flip(rows, flips):
    return np.where(flips, 1 - rows, rows)


def bars_and_stripes(n):
    """All patterns of an n × n grid whose columns, or whose rows, are uniform."""
    patterns = {
        grid
        for bits in itertools.product((0.0, 1.0), repeat=n)
        for grid in (
            tuple(bits[i] for i in range(n) for _ in range(n)),
            tuple(bits[j] for _ in range(n) for j in range(n)),
        )
    }
    return np.array(sorted(patterns))
