"""Back-propagation: the gradient of a network's loss."""

import numpy as np

from .._utils._random import normal, uniform


class BackPropagation:
    """Downhill for the mean loss of a batch.

    Inputs and hidden units are dropped with these probabilities and the others
    multiplied by 1 / (1 − probability), so that nothing changes where none is dropped.
    Before, noise of the deviation `input_noise` is added to standardized inputs.
    The penalty `decay` / 2 times the sum of the squared weights is divided by the rows
    of the batch, as in scikit-learn's networks.
    """

    def __init__(self, decay=0.0, dropout=0.0, input_dropout=0.0, input_noise=0.0):
        self.decay = decay
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.input_noise = input_noise
        self._loss = self._n_rows = 0

    def start(self, network, batch_size, rng, n_rows=None):
        """Make the working arrays; they are for batches of up to `n_rows` rows."""
        n_rows = n_rows or batch_size
        dtype = network.weights[0].dtype
        widths = [len(bias) for bias in network.biases]
        self._fields = [np.empty((n_rows, width), dtype) for width in widths]
        self._errors = [np.empty((n_rows, width), dtype) for width in widths]
        self._gradient = {k: np.empty_like(a) for k, a in network.params.items()}

    def stop(self):
        """Release the working arrays."""
        del self._fields, self._errors, self._gradient

    def finish(self):
        """Let go of what only the next step of a fit needs, which is nothing."""

    def rows_at_once(self, n_rows):
        """The largest number of rows in a product, if a batch has `n_rows`."""
        return n_rows

    def diagnostics(self):
        """The mean loss of the rows since the last call, by name."""
        loss, n_rows = self._loss, self._n_rows
        self._loss = self._n_rows = 0
        return {"loss": loss / max(n_rows, 1)}

    def resume(self, before):
        """Continue from another one; there is nothing to take over."""

    def __call__(self, network, batch, rng, rate=1.0):
        loss, direction = self.descent(network, batch, rng, rate)
        self._loss += loss * len(batch.targets)
        self._n_rows += len(batch.targets)
        return direction

    def descent(self, network, batch, rng, rate=1.0):
        """The mean loss, and `rate` times its gradient, downhill."""
        n_rows = len(batch.targets)
        inputs, means, masks = self._forward(network, batch.values, n_rows, rng)
        loss, error = network.downhill(means.pop(), batch, self._errors[-1][:n_rows])
        error *= rate / n_rows
        for i in reversed(range(network.first, len(network.weights))):
            weights = network.weights[i]
            change = self._by_weights(network, i, inputs[i], error)
            np.sum(error, axis=0, out=self._gradient[f"bias_{i}"])
            if self.decay and change is not None:
                add_multiple(change, weights, -rate * self.decay / n_rows)
                loss += self.decay / (2 * n_rows) * float(np.vdot(weights, weights))
            if i > network.first:
                error = np.dot(error, weights.T, out=self._errors[i - 1][:n_rows])
                if masks[i] is not None:
                    error *= masks[i]
                inside = network.downhill_inside(i, means[i - 1], batch)
                if inside is not None:
                    loss += inside[0]
                    error += rate / n_rows * inside[1]
                error = network.layers[i - 1].backpropagate(error, means[i - 1])
        return loss, self._gradient

    def _by_weights(self, network, i, x, error):
        """The gradient by the weights of layer i, or None if a lower layer has them."""
        own = network.tied_to(i)
        if own is None:
            return np.dot(x.T, error, out=self._gradient[f"weights_{i}"])
        if own < i:
            np.dot(error.T, x, out=self._gradient[f"weights_{own}"])
            return None
        change = self._gradient[f"weights_{i}"]
        change += x.T @ error
        return change

    def _forward(self, network, X, n_rows, rng):
        """What goes into each layer, the layers' means, and which units are kept.

        The last one of the means are the fields of the head.
        """
        x = network.standardized(X)
        if self.input_noise:
            x = _noisy(x, self.input_noise, rng)
        inputs, means, masks = [], [], []
        drop = self.input_dropout
        for i, (weights, bias) in enumerate(
            zip(network.weights, network.biases, strict=True)
        ):
            masks.append(_mask(rng, x.shape, x.dtype, drop) if drop else None)
            inputs.append(x * masks[-1] if drop else x)
            x = np.dot(inputs[-1], weights, out=self._fields[i][:n_rows])
            x += bias
            noise = network.noise_of(i)
            if noise:
                x += noise * normal(rng, x.shape, x.dtype)
            if i < len(network.layers):
                x = network.layers[i].mean(x, out=x)
            means.append(x)
            drop = self.dropout
        return inputs, means, masks


def add_multiple(total, array, factor, size=2**15):
    """total += factor · array, in pieces that stay in the processor's cache."""
    total, array = total.reshape(-1), array.reshape(-1)
    buffer = np.empty(min(size, total.size), total.dtype)
    for start in range(0, total.size, size):
        piece = slice(start, start + size)
        part = array[piece]
        total[piece] += np.multiply(part, factor, out=buffer[: part.size])


def _noisy(x, deviation, rng):
    """A copy of the rows, with normal noise."""
    noise = normal(rng, x.shape, x.dtype)
    noise *= deviation
    noise += x
    return noise


def _mask(rng, shape, dtype, probability):
    """0 with this probability, and else what keeps the expected value."""
    draws = uniform(rng, shape, dtype)
    np.greater(draws, probability, out=draws)
    draws *= 1 / (1 - probability)
    return draws
