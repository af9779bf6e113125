"""A feed-forward network of unit types: its output, its loss and its gradient."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from .._utils._numerics import as_float, blocks
from ..units import Bernoulli, Differentiable, Scaled, Softmax, Units
from ..units._base import ask, check_capability

# Fields of a hidden layer that differ less among rows, by their standard deviation,
# are made to.
SPREAD = 0.5


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

    # Inputs and targets are numbers of order 1, and so are weights of nets that learn.
    # Larger ones by far have come of steps that went astray.
    largest: ClassVar[float] = 1e6

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
        for layer in self.layers:
            check_capability(layer, Differentiable, "Back-propagation")
        if machine.visible.tail == "gaussian":
            n_inputs, dtype = len(machine.weights), self.dtype
            scale = ask(machine.visible, Scaled).step_scale
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

    def noise_of(self, i):
        """The deviation of the noise that fields of layer i have in a step."""
        return 0.0

    def tied_to(self, i):
        """The layer with the weights of layer i, transposed, or None."""

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
    def tells_labels(self):
        """Whether the outputs are probabilities of labels."""
        return isinstance(self.head, Bernoulli | Softmax)

    @property
    def predicts(self):
        """Whether the outputs are targets, labels or numbers, beside the inputs."""
        return True

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
        return self._from(0, self.standardized(x))

    def _from(self, i, x):
        """x and what goes into each layer above, where x goes into layer i."""
        yield x
        for weights, bias, layer in zip(
            self.weights[i:], self.biases[i:], self.layers[i:], strict=False
        ):
            x = x @ weights
            x += bias
            x = layer.mean(x, out=x)
            yield x

    def field(self, x):
        """The fields of the head's units."""
        return self._field_of(self._inputs(x))

    def _field_of(self, inputs):
        *_, x = inputs
        x = x @ self.weights[-1]
        x += self.biases[-1]
        return x

    def output(self, x):
        """The means of the head's units."""
        field = self.field(x)
        return self.head.mean(field, out=field)

    def code(self, x):
        """What the rows come to at the end of the way up: the means of the head."""
        return self.output(x)

    def in_blocks(self, function, X):
        """A function of rows, of all rows of X, a block at a time."""
        parts = blocks(X, self.width, self.dtype)
        return np.concatenate([function(as_float(x, self.dtype)) for _, x in parts])

    def downhill(self, field, batch, out):
        """The mean loss of a batch, and minus the gradient of the sum by the fields.

        These are fields of the head.
        """
        loss = losses(self.head, field, batch)
        error = self.head.mean(field, out=out)
        np.subtract(batch.targets, error, out=error)
        if batch.weights is not None:
            error *= batch.weights.reshape(len(error), -1)
        return float(loss.mean(dtype=np.float64)), error

    def downhill_inside(self, i, mean, batch):
        """The same by the means of layer i, if it has a loss of its own, or None.

        Layer 1 is the first one above the inputs.
        """

    def lengthen(self, x):
        """Lengthen weights so that the fields of no hidden layer hardly differ among rows.

        Where layers have learned little, a row is next to lost on its way through
        several of them, and so is the gradient. The mean fields stay [1]_.

        References
        ----------
        .. [1] Mishkin, D. and Matas, J. (2016). All you need is a good init. ICLR.
        """
        x = self.standardized(x)
        for weights, bias, layer in zip(
            self.weights, self.biases, self.layers, strict=False
        ):
            mean = x.mean(axis=0)
            gaps = (x - mean) @ weights
            spread = np.sqrt(np.square(gaps).mean())
            if 0 < spread < SPREAD:
                factor = SPREAD / spread
                bias -= (factor - 1) * (mean @ weights)
                weights *= factor
            x = layer.mean(x @ weights + bias)

    def project(self):
        """Shorten the weights into units that exceed the largest norm."""
        if self.max_norm is None:
            return
        for weights in self.weights[self.first : -1]:
            norm = np.sqrt(np.einsum("ij,ij->j", weights, weights))
            if norm.max() > self.max_norm:
                weights *= np.minimum(1, self.max_norm / np.maximum(norm, 1e-30))


def losses(head, field, batch):
    """−log p(target) of each row, weighted."""
    targets, weights = batch.targets, batch.weights
    each = weights is not None and weights.ndim > 1
    if each:
        # As if each target had a row of its own.
        field, targets = field.reshape(-1, 1), targets.reshape(-1, 1)
    loss = negative_log_probability(head, field, targets)
    if each:
        return (loss.reshape(weights.shape) * weights).sum(axis=1)
    return loss if weights is None else loss * weights


def negative_log_probability(head, field, targets):
    """−log p(target) of each row under units with these fields."""
    loss = head.log_partition(field)
    loss -= np.einsum("ij,ij->i", field, targets)
    loss += head.base_energy(targets)
    return loss
