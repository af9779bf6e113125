"""Restricted machines whose last visible units are a label: p(y | x) and p(x)."""

import numpy as np
from scipy.special import log_softmax, logsumexp

from .._utils._numerics import as_float, blocks
from ..units import Grouped
from ..units._base import ask
from ._pseudo_likelihood import Coordinate

# Rows, each once for every label, of which conditionals are computed at a time.
ROWS_AT_ONCE = 1000


def input_field(machine, x, out=None):
    """c + x·W: the fields of the hidden units without the label; x dense or sparse."""
    weights = machine.weights[: x.shape[1]]
    out = np.dot(x, weights, out=out) if isinstance(x, np.ndarray) else x @ weights
    out += machine.hidden_bias
    return out


def label_scores(machine, field, n_labels):
    """log p(x, y) of each label y, up to a term that depends on x alone.

    d_y + Σⱼ log-partition of field j + U_yj, in which `field` is c + x·W.
    """
    scores = np.empty((len(field), n_labels), field.dtype)
    buffer = np.empty_like(field)
    for label, weights in enumerate(machine.weights[-n_labels:]):
        np.add(field, weights, out=buffer)
        scores[:, label] = machine.hidden.log_partition(buffer)
    scores += machine.visible_bias[-n_labels:]
    return scores


def log_label(machine, X, n_labels, rows=None):
    """log p(y | x) of each label, a block of rows at a time."""
    n_rows = X.shape[0] if rows is None else len(rows)
    result = np.empty((n_rows, n_labels), machine.weights.dtype)
    for part, block in blocks(X, machine.weights.shape[1], result.dtype, rows):
        field = input_field(machine, block)
        result[part] = log_softmax(label_scores(machine, field, n_labels), axis=1)
    return result


def hidden_mean(machine, X, n_labels):
    """E[h | x] = Σ_y p(y | x) E[h | x, y], a block of rows at a time."""
    H = np.zeros((X.shape[0], machine.weights.shape[1]), machine.weights.dtype)
    for part, block in blocks(X, H.shape[1], H.dtype):
        field = input_field(machine, block)
        log_p = log_softmax(label_scores(machine, field, n_labels), axis=1)
        for p, weights in zip(
            np.exp(log_p).T, machine.weights[-n_labels:], strict=True
        ):
            H[part] += p[:, None] * machine.hidden.mean(field + weights)
    return H


def free_energy(machine, X, n_labels):
    """F(x) = −log Σ_y Σₕ exp(−E(x, y, h)), a block of rows at a time."""
    result = np.empty(X.shape[0], machine.weights.dtype)
    for part, block in blocks(X, machine.weights.shape[1], result.dtype):
        scores = label_scores(machine, input_field(machine, block), n_labels)
        v = with_blank_label(as_float(block, result.dtype), n_labels)
        base = machine.visible.base_energy(v) - v @ machine.visible_bias
        result[part] = base - logsumexp(scores, axis=1)
    return result


def pseudo_log_likelihood(machine, X, n_labels):
    """Σᵢ log P(coordinate i of x | the other ones), the label being summed out."""
    result = np.empty(X.shape[0], machine.weights.dtype)
    step = max(1, ROWS_AT_ONCE // n_labels)
    for start in range(0, len(result), step):
        part = slice(start, start + step)
        result[part] = _few(machine, as_float(X[part], result.dtype), n_labels)
    return result


def _few(machine, x, n_labels):
    """The same for a few dense rows."""
    n = len(x)
    labels = np.tile(np.eye(n_labels, dtype=x.dtype), (n, 1))
    v = np.hstack([np.repeat(x, n_labels, axis=0), labels])
    field = machine.hidden_field(v)
    before = machine.hidden.log_partition(field)
    scores = before.reshape(n, n_labels) + machine.visible_bias[-n_labels:]
    total = np.zeros(n)
    # The last coordinate is the label.
    for i in range(ask(machine.visible, Grouped).n_coordinates(v.shape[1]) - 1):
        coordinate = Coordinate(machine, v, field, i)
        logs = coordinate.scores(coordinate.hidden_changes(before))
        logs = logs.reshape(-1, n, n_labels) + scores
        if coordinate.shares is None:
            own = coordinate.own_score().reshape(n, n_labels) + scores
            total += logsumexp(own, axis=1)
        else:
            shares = coordinate.shares.reshape(-1, n, n_labels)[:, :, 0]
            total += (shares * logsumexp(logs, axis=2)).sum(axis=0)
        total -= logsumexp(logs, axis=(0, 2))
    return total


def with_blank_label(x, n_labels):
    """Dense rows with zeros in place of the label."""
    return np.hstack([x, np.zeros((len(x), n_labels), x.dtype)])
