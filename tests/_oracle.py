"""Slow answers from the formulas, by sums over all states.

Nothing here comes from skdbn: the package is judged by it.
"""

import itertools

import numpy as np

# What a unit of each type can be: its values, and base(x) of each. A new unit type
# with finitely many values needs a line here.
VALUES = {"bernoulli": (0.0, 1.0)}
BASES = {"bernoulli": (0.0, 0.0)}


def log_sum_exp(a, axis=None):
    top = a.max(axis=axis, keepdims=True)
    return np.log(np.exp(a - top).sum(axis=axis)) + np.squeeze(top, axis=axis)


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, dtype=np.float64)))


def all_states(name, n_units):
    """Every state of a layer, and the sum of base(x) in each."""
    states = np.array(list(itertools.product(VALUES[name], repeat=n_units)))
    bases = np.array(list(itertools.product(BASES[name], repeat=n_units)))
    return states, bases.sum(axis=1)


def unit_moments(name, field):
    """Log-partition, mean and variance of a single unit at a field."""
    x = np.array(VALUES[name])
    exponent = x * field - np.array(BASES[name])
    log_z = log_sum_exp(exponent)
    p = np.exp(exponent - log_z)
    mean = (p * x).sum()
    return log_z, mean, (p * (x - mean) ** 2).sum()


class Enumeration:
    """The joint table of a restricted machine, p(v, h) ∝ exp(−E(v, h)).

    E(v, h) = base(v) + base(h) − v·b − h·c − v·W·h
    """

    def __init__(self, weights, visible_bias, hidden_bias, names=("bernoulli",) * 2):
        self.W, self.b, self.c = (
            np.asarray(array, dtype=np.float64)
            for array in (weights, visible_bias, hidden_bias)
        )
        self.v, base_v = all_states(names[0], len(self.b))
        self.h, self.base_h = all_states(names[1], len(self.c))
        self.log_table = self.log_weights(self.v) - base_v[:, None]
        self.log_z = log_sum_exp(self.log_table.ravel())
        self.table = np.exp(self.log_table - self.log_z)
        self.p_v = self.table.sum(axis=1)
        self.p_h = self.table.sum(axis=0)

    @classmethod
    def of(cls, machine, names=("bernoulli",) * 2):
        return cls(machine.weights, machine.visible_bias, machine.hidden_bias, names)

    def log_weights(self, v):
        """−E(v, h) for each row v and each hidden state, but for base(v)."""
        fields = v @ self.W + self.c
        return (v @ self.b)[:, None] + fields @ self.h.T - self.base_h

    def free_energy(self, v):
        """−log Σₕ exp(−E(v, h)), for units with base(v) = 0."""
        return -log_sum_exp(self.log_weights(np.asarray(v, dtype=np.float64)), axis=1)

    def hidden_mean(self, v):
        """Σₕ h p(h | v)"""
        log_p = self.log_weights(np.asarray(v, dtype=np.float64))
        p = np.exp(log_p - log_sum_exp(log_p, axis=1)[:, None])
        return p @ self.h

    def visible_mean(self):
        """Σᵥ v p(v | h), for each hidden state."""
        return (self.table / self.p_h).T @ self.v

    def log_likelihood(self, v):
        """log p(v) of each row, for units with base(v) = 0."""
        return -self.free_energy(v) - self.log_z

    def pseudo_log_likelihood(self, v):
        """Σᵢ of the cross-entropy of vᵢ and P(vᵢ = 1 | the others): binary units."""
        total = np.zeros(len(v))
        for i in range(v.shape[1]):
            off, on = v.copy(), v.copy()
            off[:, i], on[:, i] = 0, 1
            log_odds = self.free_energy(off) - self.free_energy(on)
            total += v[:, i] * np.log(sigmoid(log_odds))
            total += (1 - v[:, i]) * np.log(sigmoid(-log_odds))
        return total

    def draw(self, n, rng):
        """n visible rows, exactly from p(v)."""
        return self.v[rng.choice(len(self.v), size=n, p=self.p_v / self.p_v.sum())]

    def model_statistics(self):
        """vhᵀ, v and h of each visible state, h by its mean: to be averaged by p_v."""
        h = self.hidden_mean(self.v)
        return [self.v[:, :, None] * h[:, None, :], self.v, h]


def centred(change, visible_offset, hidden_offset):
    """A direction about the offsets, in the parameters of the plain machine.

    The centred machine has energy −v·b − h·c − (v − v₀)·W·(h − h₀): its weights move
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
