"""Gradients of a machine whose last visible units are a label."""

import numpy as np
from scipy.special import softmax

from .._utils._numerics import as_float
from ..units import Parametric, Scaled, Softmax
from ..units._base import ask
from ._base import Gradient
from ._persistent import PCD, copied


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


class Hybrid(Gradient):
    r"""The exact gradient of log p(y | x), plus a fraction of that of log p(x, y).

    A row is x and a one-hot label y, or zeros where the label is not known. Over the m
    rows with a label and the n - m others the direction is that of

    .. math:: \frac1n \Big(\sum_{i \le m} w_{y_i} \big(\delta \log p(y_i \mid x_i)
              + \gamma \log p(x_i, y_i)\big) + \beta \sum_{i > m} \log p(x_i)\Big)
              - s \sum_j c_j

    The terms with γ and β are followed by (persistent) contrastive divergence of one
    step, an unknown label being drawn from p(y | x).

    Parameters
    ----------
    n_labels : int
        Number of columns of the label.

    discriminative, generative, unlabeled : float
        The factors δ, γ and β.

    label_weights : ndarray of shape (n_labels,)
        The factors w.

    sparsity : float
        The pull s on the hidden biases.

    persistent : bool
        Whether the chains continue from step to step, as in :class:`PCD`, rather than
        start from the rows.

    References
    ----------
    .. [1] Larochelle, H., Mandel, M., Pascanu, R. and Bengio, Y. (2012). Learning
       algorithms for the classification restricted Boltzmann machine. JMLR 13, 643-669.
    """

    def __init__(
        self,
        n_labels,
        discriminative,
        generative,
        unlabeled,
        label_weights,
        sparsity,
        persistent,
    ):
        self.n_labels = n_labels
        self.discriminative = discriminative
        self.generative = generative
        self.unlabeled = unlabeled
        self.label_weights = label_weights
        self.sparsity = sparsity
        self.persistent = persistent

    def n_chains_of(self, n_data):
        if not (self.generative or self.unlabeled):
            return 1
        return len(self.chains_.visible) if self.persistent else None

    def start(self, machine, batch_size, rng, n_rows=None):
        if self.persistent and not hasattr(self, "chains_"):
            n_chains = max(batch_size, PCD._fewest_chains)
            self.chains_ = machine.initial_state(n_chains, rng)
        super().start(machine, batch_size, rng, n_rows)
        self._buffer = np.empty_like(self._work.data.hidden)
        if self.persistent:
            self._work.state = self.chains_

    def stop(self):
        if self.persistent:
            self.chains_ = copied(self._work.state)
        del self._buffer
        super().stop()

    def __call__(
        self,
        machine,
        batch,
        rng,
        centering=None,
        rate=1.0,
        *,
        sparsity=None,
        sample_data=False,
    ):
        phases, n_labels = self._work, self.n_labels
        dense = as_float(batch, machine.weights.dtype)
        machine.load(phases, dense, rng if sample_data else None)
        rows = phases.data.visible
        x, y = rows[:, :-n_labels], rows[:, -n_labels:]
        field = input_field(machine, x, out=phases.data.hidden)
        unknown = ~y.any(axis=1)
        # The factor of each row, which makes sums of means.
        factor = y @ self.label_weights * (rate / len(rows))
        errors = np.zeros_like(y)
        if self.discriminative or unknown.any():
            p = softmax(label_scores(machine, field, n_labels), axis=1)
            errors[...] = (y - p) * (self.discriminative * factor)[:, None]
        if unknown.any():
            y[unknown] = Softmax(n_labels).sample(None, rng, mean=p[unknown])
        factor *= self.generative
        factor[unknown] = self.unlabeled * rate / len(rows)
        factor = factor.astype(y.dtype)

        of_labels = phases.weights[-n_labels:]
        of_labels[...] = phases.hidden_mean[...] = 0
        if self.discriminative:
            self._discriminate(
                machine, field, errors, np.flatnonzero(~unknown), of_labels
            )
        if factor.any():
            self._contrast(machine, field, y, factor, of_labels, rng)
        else:
            phases.model.visible[...] = 0
        return self._direction(machine, errors, factor, centering, rate)

    def _discriminate(self, machine, field, errors, rows, of_labels):
        """Add Σ e_y E[h | x, y]: over y to the rows, and over the rows to the labels."""
        mean, pull = self._buffer[: len(rows)], np.zeros_like(field[: len(rows)])
        if len(rows) < len(field):
            field, errors = field[rows], errors[rows]
        weights = machine.weights[-self.n_labels :]
        for label, error in enumerate(errors.T):
            np.add(field, weights[label], out=mean)
            machine.hidden.mean(mean, out=mean)
            of_labels[label] += error @ mean
            mean *= error[:, None]
            pull += mean
        self._work.data.hidden_mean[rows] += pull

    def _contrast(self, machine, field, y, factor, of_labels, rng):
        """Add E[h | x, y] of the data and subtract that of a Gibbs step of the chains."""
        model, pull = self._work.model, self._work.data.hidden_mean
        mean, of_model = self._buffer[: len(field)], model.hidden_mean
        hidden = machine.hidden
        field += y @ machine.weights[-self.n_labels :]
        hidden.mean(field, out=mean)
        if not self.persistent:
            hidden.sample(field, rng, out=model.hidden, mean=mean)
        machine.visible_sample(model.hidden, rng, out=model.visible)
        machine.hidden_field(model.visible, out=model.hidden)
        hidden.mean(model.hidden, out=of_model)
        if self.persistent:
            hidden.sample(model.hidden, rng, out=model.hidden, mean=of_model)
        mean *= factor[:, None]
        pull += mean
        of_model *= -self._of_model(factor)[:, None]
        of_labels += y.T @ mean
        of_labels += model.visible[:, -self.n_labels :].T @ of_model

    def _direction(self, machine, errors, factor, centering, rate):
        """From the rows to the parameters, about the means of the visible units."""
        phases, n_labels, visible = self._work, self.n_labels, machine.visible
        v, h, weights = phases.visible, phases.hidden_mean, phases.weights
        v0 = np.zeros(v.shape[1], v.dtype) if centering is None else centering.visible
        hidden_bias = h.sum(axis=0)
        # −v₀ Σₙ hₙᵀ rides through the product.
        v[0], h[0] = v0, -hidden_bias
        np.dot(v[:, :-n_labels].T, h, out=weights[:-n_labels])
        weights[-n_labels:] -= np.outer(v0[-n_labels:], hidden_bias)
        visible_bias = factor @ phases.data.visible
        visible_bias[-n_labels:] += errors.sum(axis=0)
        learned = ask(visible, Parametric)
        own = [np.zeros_like(array) for array in learned.params]
        if factor.any():
            visible_bias -= self._of_model(factor) @ phases.model.visible
            own = learned.own_steps(phases.model.visible, float(factor.sum()))
        scale = ask(visible, Scaled).step_scale
        if scale is not None:
            weights *= scale.reshape(-1, 1)
            visible_bias *= scale
        hidden_bias -= v0 @ weights
        hidden_bias -= rate * self.sparsity
        return machine.named(weights, visible_bias, hidden_bias, own)

    def _of_model(self, factor):
        """The factors of the model's rows: of the rows they started from, or alike."""
        if not self.persistent:
            return factor
        n_chains = len(self.chains_.visible)
        return np.full(n_chains, factor.sum() / n_chains, factor.dtype)
