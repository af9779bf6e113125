"""A feed-forward network of unit types: its output, its loss and its gradient."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize

from ._numerics import as_float
from ._random import uniform
from .units import Units


@dataclass
class Examples:
    """Rows of data with their targets and, if not None, weights.

    There is a weight for each row, or for each target of each row.
    """

    X: np.ndarray
    targets: np.ndarray
    weights: np.ndarray | None = None

    @property
    def shape(self):
        return self.X.shape

    def __getitem__(self, rows):
        weights = None if self.weights is None else self.weights[rows]
        return Examples(self.X[rows], self.targets[rows], weights)


@dataclass
class Network:
    """Each layer is the mean of its units, given the layer below.

    The output is the mean of the head's units, and the loss of a target is the negative
    of its log-probability under them: cross-entropy for softmax and binary units, half
    of the squared error for Gaussian ones. The weights into a unit have at most the
    norm `max_norm`, and layers below `first` do not learn.

    Real-valued inputs are standardized, (x − center) / deviation, and the weights of the
    first layer are for these, so that steps do not depend on the unit of a column.
    `coefs` and `intercepts` are for inputs as they are.
    """

    weights: list[np.ndarray]
    biases: list[np.ndarray]
    layers: list[Units]
    head: Units
    max_norm: float | None = None
    first: int = 0
    center: np.ndarray | None = None
    deviation: np.ndarray | None = None
    reach: dict | None = None

    @classmethod
    def on_top_of(cls, machines, head, n_outputs, rng, max_norm=None):
        """The hidden layers of these machines, and a head with small random weights."""
        dtype = machines[0].weights.dtype
        n_inputs = machines[-1].weights.shape[1]
        weights = rng.normal(0, 0.1 / np.sqrt(n_inputs), (n_inputs, n_outputs))
        network = cls(
            [*(machine.weights.copy() for machine in machines), weights.astype(dtype)],
            [
                *(machine.hidden_bias.copy() for machine in machines),
                np.zeros(n_outputs, dtype),
            ],
            [machine.hidden for machine in machines],
            head.start(n_outputs, dtype=dtype),
            max_norm,
        )
        return network._started(machines[0])

    @classmethod
    def of_joint(cls, net, head, n_outputs, max_norm=None):
        """The way up of a net with labels, and a head that reads the label off its top.

        A label's field is d_y + Σⱼ hⱼ U_yj, as in the RBM at the top. The hidden units
        there have the mean of the labels as input in place of the unknown one.
        """
        weights, of_labels = np.split(net.top.weights, [-net.n_labels])
        bias = net.top.visible_bias[-net.n_labels :]
        hidden_bias = net.top.hidden_bias + of_labels.mean(axis=0)
        if n_outputs == 1:
            of_labels, bias = np.diff(of_labels, axis=0), np.diff(bias)
        machines = [*net.up, net.top]
        network = cls(
            [*(m.weights.copy() for m in net.up), weights.copy(), of_labels.T.copy()],
            [*(m.hidden_bias.copy() for m in net.up), hidden_bias, bias.copy()],
            [machine.hidden for machine in machines],
            head.start(n_outputs, dtype=net.dtype),
            max_norm,
        )
        return network._started(machines[0])

    def _started(self, machine):
        """The same function, of inputs standardized as the machine's data are."""
        if machine.visible.tail == "gaussian":
            n_inputs, dtype = len(machine.weights), self.dtype
            scale = machine.visible.step_scale
            deviation = np.ones(1, dtype) if scale is None else scale**-0.5
            self.deviation = np.broadcast_to(deviation, n_inputs).astype(dtype)
            center = machine.center
            self.center = np.zeros(n_inputs, dtype) if center is None else center
            self.biases[0] += self.center @ self.weights[0]
            self.weights[0] *= self.deviation[:, None]
        self.project()
        return self

    @property
    def coefs(self):
        """The weights, the first ones for inputs as they are."""
        if self.deviation is None:
            return self.weights
        return [self.weights[0] / self.deviation[:, None], *self.weights[1:]]

    @property
    def intercepts(self):
        """The biases, the first ones for inputs as they are."""
        if self.deviation is None:
            return self.biases
        shift = (self.center / self.deviation) @ self.weights[0]
        return [self.biases[0] - shift, *self.biases[1:]]

    @property
    def params(self):
        """The arrays that learn, by name."""
        return {
            f"{name}_{i}": array
            for i in range(self.first, len(self.weights))
            for name, array in (("weights", self.weights[i]), ("bias", self.biases[i]))
        }

    @property
    def n_weights(self):
        """Number of elements of the largest matrix of weights."""
        return max(array.size for array in self.weights)

    @property
    def dtype(self):
        """The precision of all arrays."""
        return self.weights[0].dtype

    @property
    def width(self):
        """The largest number of units of a layer."""
        return max(map(len, self.biases))

    @property
    def n_outputs(self):
        """The number of units of the head."""
        return len(self.biases[-1])

    def copy(self):
        """A copy of the network with its own arrays, all of which learn."""
        arrays = [[a.copy() for a in group] for group in (self.weights, self.biases)]
        weights, biases = arrays
        return replace(self, weights=weights, biases=biases, first=0)

    def standardized(self, x):
        """Rows of data as the first layer takes them."""
        x = as_float(x, self.dtype)
        if self.deviation is None:
            return x
        x = x - self.center
        x /= self.deviation
        return x

    def measure_reach(self, x):
        """Note how far steps move fields: the largest mean Σ|x| and Σx² of a layer."""
        layers = list(self._inputs(x))
        self.reach = {
            "adam": max(float(np.abs(x).sum(axis=1).mean()) for x in layers),
            "sgd": max(float(np.square(x).sum(axis=1).mean()) for x in layers),
        }

    def _inputs(self, x):
        """What goes into each layer, from the bottom up."""
        x = self.standardized(x)
        yield x
        for weights, bias, layer in zip(
            self.weights, self.biases, self.layers, strict=False
        ):
            x = x @ weights
            x += bias
            x = layer.mean(x, out=x)
            yield x

    def field(self, x):
        """The fields of the head's units."""
        *_, x = self._inputs(x)
        x = x @ self.weights[-1]
        x += self.biases[-1]
        return x

    def output(self, x):
        """The means of the head's units."""
        field = self.field(x)
        return self.head.mean(field, out=field)

    def project(self):
        """Shorten the weights into units that exceed the largest norm."""
        if self.max_norm is None:
            return
        for weights in self.weights[self.first : -1]:
            norm = np.sqrt(np.einsum("ij,ij->j", weights, weights))
            if norm.max() > self.max_norm:
                weights *= np.minimum(1, self.max_norm / np.maximum(norm, 1e-30))


class BackPropagation:
    """Downhill for the mean loss of a batch.

    Inputs and hidden units are dropped with these probabilities and the others
    multiplied by 1 / (1 − probability), so that nothing changes where none is dropped.
    The penalty `decay` / 2 times the sum of the squared weights is divided by the rows
    of the batch, as in scikit-learn's networks.
    """

    def __init__(self, decay=0.0, dropout=0.0, input_dropout=0.0):
        self.decay = decay
        self.dropout = dropout
        self.input_dropout = input_dropout
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

    def rows_at_once(self, n_rows):
        """The largest number of rows in a product, if a batch has `n_rows`."""
        return n_rows

    def report(self):
        """The mean loss of the rows since the last call, by name."""
        loss, n_rows = self._loss, self._n_rows
        self._loss = self._n_rows = 0
        return {"loss": loss / max(n_rows, 1)}

    def resume(self, before):
        """Continue from another one; there is nothing to take over."""

    def phases(self, network, settings):
        """The epochs of a training and what begins them: the head may learn first."""
        n_head = min(settings.head_iter, settings.max_iter)
        top = len(network.weights) - 1
        yield range(n_head), lambda: setattr(network, "first", top)
        yield range(n_head, settings.max_iter), lambda: setattr(network, "first", 0)

    def __call__(self, network, batch, rng, rate=1.0):
        loss, direction = self.descent(network, batch, rng, rate)
        self._loss += loss * len(batch.targets)
        self._n_rows += len(batch.targets)
        return direction

    def descent(self, network, batch, rng, rate=1.0):
        """The mean loss, and `rate` times its gradient, downhill."""
        n_rows = len(batch.targets)
        inputs, means, masks = self._forward(network, batch.X, n_rows, rng)
        head_field = means.pop()
        loss = _losses(network.head, head_field, batch)
        error = network.head.mean(head_field, out=self._errors[-1][:n_rows])
        np.subtract(batch.targets, error, out=error)
        error *= rate / n_rows
        if batch.weights is not None:
            error *= batch.weights.reshape(n_rows, -1)
        loss = float(loss.mean(dtype=np.float64))
        for i in reversed(range(network.first, len(network.weights))):
            weights = network.weights[i]
            change = self._gradient[f"weights_{i}"]
            np.dot(inputs[i].T, error, out=change)
            np.sum(error, axis=0, out=self._gradient[f"bias_{i}"])
            if self.decay:
                add_multiple(change, weights, -rate * self.decay / n_rows)
                loss += self.decay / (2 * n_rows) * float(np.vdot(weights, weights))
            if i > network.first:
                error = np.dot(error, weights.T, out=self._errors[i - 1][:n_rows])
                if masks[i] is not None:
                    error *= masks[i]
                error = network.layers[i - 1].backpropagate(error, means[i - 1])
        return loss, self._gradient

    def _forward(self, network, X, n_rows, rng):
        """What goes into each layer, the layers' means, and which units are kept.

        The last one of the means are the fields of the head.
        """
        x = network.standardized(X)
        inputs, means, masks = [], [], []
        drop = self.input_dropout
        for i, (weights, bias) in enumerate(
            zip(network.weights, network.biases, strict=True)
        ):
            masks.append(_mask(rng, x.shape, x.dtype, drop) if drop else None)
            inputs.append(x * masks[-1] if drop else x)
            x = np.dot(inputs[-1], weights, out=self._fields[i][:n_rows])
            x += bias
            if i < len(network.layers):
                x = network.layers[i].mean(x, out=x)
            means.append(x)
            drop = self.dropout
        return inputs, means, masks


class LineSearches(BackPropagation):
    """A few line searches on the loss of a batch, which is to be a large one.

    Conjugate gradients ("CG") or the quasi-Newton method "L-BFGS-B" of SciPy.
    """

    def __init__(self, method, n_searches, decay=0.0):
        super().__init__(decay)
        self.method = method
        self.n_searches = n_searches

    def __call__(self, network, batch, rng, rate=1.0):
        params = list(network.params.values())
        before = _flat(params)

        def objective(vector):
            _unflatten(vector, params)
            loss, direction = self.descent(network, batch, rng)
            return loss, -_flat(direction.values())

        found = minimize(
            objective,
            before,
            jac=True,
            method=self.method,
            options={"maxiter": self.n_searches},
        )
        self._loss += found.fun * len(batch.targets)
        self._n_rows += len(batch.targets)
        _unflatten(before, params)
        _unflatten(found.x - before, self._gradient.values())
        return self._gradient


def _losses(head, field, batch):
    """−log p(target) of each row, weighted."""
    targets, weights = batch.targets, batch.weights
    each = weights is not None and weights.ndim > 1
    if each:
        # As if each target had a row of its own.
        field, targets = field.reshape(-1, 1), targets.reshape(-1, 1)
    loss = head.log_partition(field)
    loss -= np.einsum("ij,ij->i", field, targets)
    loss += head.base_energy(targets)
    if each:
        return (loss.reshape(weights.shape) * weights).sum(axis=1)
    return loss if weights is None else loss * weights


def add_multiple(total, array, factor, size=2**15):
    """total += factor · array, in pieces that stay in the processor's cache."""
    total, array = total.reshape(-1), array.reshape(-1)
    buffer = np.empty(min(size, total.size), total.dtype)
    for start in range(0, total.size, size):
        piece = slice(start, start + size)
        part = array[piece]
        total[piece] += np.multiply(part, factor, out=buffer[: part.size])


def _mask(rng, shape, dtype, probability):
    """0 with this probability, and else what keeps the expected value."""
    draws = uniform(rng, shape, dtype)
    np.greater(draws, probability, out=draws)
    draws *= 1 / (1 - probability)
    return draws


def _flat(arrays):
    """One vector of float64, which SciPy's optimizers work with."""
    return np.concatenate([array.ravel() for array in arrays], dtype=np.float64)


def _unflatten(vector, arrays):
    """Write a vector into arrays."""
    start = 0
    for array in arrays:
        array[...] = vector[start : start + array.size].reshape(array.shape)
        start += array.size
