"""Gradients of a machine whose last visible units are a label."""

import numpy as np
from scipy.special import softmax

from .._utils._numerics import as_float
from ..machines._label import input_field, label_scores
from ..units import Parametric, Scaled, Softmax
from ..units._base import ask
from ._base import Gradient


class Hybrid(Gradient):
    r"""The exact gradient of log p(y | x), plus a fraction of that of log p(x, y).

    A row is x and a one-hot label y, or zeros where the label is not known. Probabilities
    of labels count as rows of each label in these shares would. Over the m
    rows with a label and the n - m others the direction is that of

    .. math:: \frac1n \Big(\sum_{i \le m} w_{y_i} \big(\delta \log p(y_i \mid x_i)
              + \gamma \log p(x_i, y_i)\big) + \beta \sum_{i > m} \log p(x_i)\Big)

    The terms with γ and β are followed by another gradient, such as contrastive
    divergence, an unknown label being drawn from p(y | x). Centered is it about the
    means of the visible units only.

    Parameters
    ----------
    gradient : Gradient
        Of the terms with γ and β.

    n_labels : int
        Number of columns of the label.

    discriminative, generative, unlabeled : float
        The factors δ, γ and β.

    label_weights : ndarray of shape (n_labels,)
        The factors w.

    References
    ----------
    .. [1] Larochelle, H., Mandel, M., Pascanu, R. and Bengio, Y. (2012). Learning
       algorithms for the classification restricted Boltzmann machine. JMLR 13, 643-669.
    """

    def __init__(
        self, gradient, n_labels, discriminative, generative, unlabeled, label_weights
    ):
        self.gradient = gradient
        self.n_labels = n_labels
        self.discriminative = discriminative
        self.generative = generative
        self.unlabeled = unlabeled
        self.label_weights = label_weights

    @property
    def samples(self):
        """Whether a term needs samples of the model."""
        return bool(self.generative or self.unlabeled)

    def n_chains_of(self, n_data):
        return self.gradient.n_chains_of(n_data) if self.samples else None

    def start(self, machine, batch_size, rng, n_rows=None):
        (n_visible, n_hidden), dtype = machine.weights.shape, machine.weights.dtype
        n_rows = n_rows or batch_size
        if self.samples:
            self.gradient.limit = self.limit
            self.gradient.start(machine, batch_size, rng, n_rows)
        # The first row is the point about which the gradient is centered.
        self._rows = np.empty((1 + n_rows, n_visible), dtype)
        self._pull = np.empty((1 + n_rows, n_hidden), dtype)
        self._field, self._mean = (np.empty((n_rows, n_hidden), dtype) for _ in "ab")
        self._weights = np.empty_like(machine.weights)

    def stop(self):
        del self._rows, self._pull, self._field, self._mean, self._weights
        if self.samples:
            self.gradient.stop()

    def finish(self):
        if self.samples:
            self.gradient.finish()

    def diagnostics(self):
        return self.gradient.diagnostics() if self.samples else {}

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
        weights=None,
    ):
        n, n_labels = batch.shape[0], self.n_labels
        v = as_float(batch, machine.weights.dtype, out=self._rows[1 : 1 + n])
        if sample_data:
            machine.visible.draw(v, rng)
        y = v[:, -n_labels:]
        field = input_field(machine, v[:, :-n_labels], out=self._field[:n])
        unknown = ~y.any(axis=1)
        each = np.ones(n) if weights is None else weights
        of_label = (y @ self.label_weights) * each
        errors = np.zeros_like(y)
        if self.discriminative or unknown.any():
            p = softmax(label_scores(machine, field, n_labels), axis=1)
            errors[...] = y * self.label_weights * each[:, None] - p * of_label[:, None]
            errors *= self.discriminative
        if unknown.any():
            y[unknown] = Softmax(n_labels).sample(None, rng, mean=p[unknown])
        factor = np.where(unknown, self.unlabeled * each, self.generative * of_label)
        factor = factor.astype(v.dtype)

        pull = self._pull[1 : 1 + n]
        pull[...] = 0
        of_labels = np.zeros((n_labels, pull.shape[1]), pull.dtype)
        if self.discriminative:
            self._add_errors(machine, field, errors, pull, of_labels)
        if sparsity is not None:
            self._add_penalty(
                machine, field, y, each, sparsity, weights, pull, of_labels
            )
        exact = errors, pull, of_labels
        if not factor.any():
            return self._exact(machine, n, *exact, centering, rate / n)
        # One that looks at the direction itself is to see its own.
        looks = type(self.gradient).__call__ is not Gradient.__call__
        if looks or pull[factor == 0].any():
            direction = self._exact(machine, n, *exact, centering, rate / n)
            drawn = self.gradient(machine, v, rng, centering, rate, weights=factor)
            for name, change in direction.items():
                change += drawn[name]
            return direction
        return self._riding(machine, v, rng, *exact, factor, centering, rate)

    def _riding(
        self, machine, v, rng, errors, pull, of_labels, factor, centering, rate
    ):
        """The direction of all terms, of which the exact ones ride with the others.

        What is added to hidden means goes through their product. Only where it meets the
        labels does it differ, and is put right.
        """
        n_labels, share = self.n_labels, rate / len(v)
        of_labels -= v[:, -n_labels:].T @ pull
        np.divide(pull, factor[:, None], out=pull, where=factor[:, None] > 0)
        direction = self.gradient(
            machine, v, rng, centering, rate, sparsity=Added(pull), weights=factor
        )
        of_labels *= share
        direction["weights"][-n_labels:] += of_labels
        direction["visible_bias"][-n_labels:] += share * errors.sum(axis=0)
        if centering is not None:
            direction["hidden_bias"] -= centering.visible[-n_labels:] @ of_labels
        return direction

    def _exact(self, machine, n, errors, pull, of_labels, centering, share):
        """The direction of log p(y | x), and of the penalty on hidden units."""
        n_labels, visible = self.n_labels, machine.visible
        rows, pull = self._rows[: 1 + n], self._pull[: 1 + n]
        pull[1:] *= share
        hidden_bias = pull[1:].sum(axis=0)
        # −v₀ Σₙ hₙᵀ rides through the product.
        rows[0] = 0.0 if centering is None else centering.visible
        pull[0] = -hidden_bias
        weights = self._weights
        np.dot(rows[:, :-n_labels].T, pull, out=weights[:-n_labels])
        weights[-n_labels:] = share * of_labels
        weights[-n_labels:] -= np.outer(rows[0, -n_labels:], hidden_bias)
        scale = ask(visible, Scaled).step_scale
        if scale is not None:
            weights *= scale.reshape(-1, 1)
        hidden_bias -= rows[0] @ weights
        visible_bias = np.zeros_like(machine.visible_bias)
        visible_bias[-n_labels:] = share * errors.sum(axis=0)
        own = [np.zeros_like(array) for array in ask(visible, Parametric).params]
        return machine.named(weights, visible_bias, hidden_bias, own)

    def _add_penalty(self, machine, field, y, each, sparsity, weights, pull, of_labels):
        """Add what the penalty on hidden units adds to their means."""
        mean = machine.hidden.mean(field + y @ machine.weights[-self.n_labels :])
        seen = mean.copy()
        sparsity.see(seen, weights)
        seen -= mean
        seen *= each[:, None]
        pull += seen
        of_labels += y.T @ seen

    def _add_errors(self, machine, field, errors, pull, of_labels):
        """Add Σ e_y E[h | x, y]: over y to the rows, and over the rows to the labels."""
        some = np.flatnonzero(errors.any(axis=1))
        if len(some) < len(field):
            field, errors = field[some], errors[some]
        mean, total = self._mean[: len(field)], np.zeros_like(field)
        weights = machine.weights[-self.n_labels :]
        for label, error in enumerate(errors.T):
            np.add(field, weights[label], out=mean)
            machine.hidden.mean(mean, out=mean)
            of_labels[label] += error @ mean
            mean *= error[:, None]
            total += mean
        pull[some] += total


class Added:
    """What is added to the data's hidden means before they enter a direction."""

    def __init__(self, pull):
        self.pull = pull

    def see(self, hidden_mean, weights=None):
        """Add it to the means of a batch."""
        hidden_mean += self.pull
