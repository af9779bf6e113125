"""A stack of machines, unrolled: up to a code, and down again to the data."""

from dataclasses import dataclass
from itertools import islice

import numpy as np

from .._utils._numerics import as_float
from ..machines import RestrictedMachine
from ..units import Concatenated, Gaussian, Scaled
from ..units._base import ask
from ._network import Network, negative_log_probability


@dataclass
class Autoencoder(Network):
    """A network whose targets are its inputs, with a code in the middle.

    The first `n_up` layers lead to the code, and the others have weights of their own,
    which begin as those of the way up, transposed, or with `tied` stay that. In a step
    of learning the fields of the code have normal noise of deviation `noise`. The head
    has the visible units of the data. Real-valued ones are standardized as targets, with
    a variance of 1, so that neither losses nor steps depend on the unit and the zero of a
    column: a value of the data is `zero` + `unit` times that of the head.

    NaN is unknown: as an input it is the mean field of the machine `bottom`, and as a
    target it takes no part in the loss. In a group of softmax units all are unknown.
    """

    n_up: int = 0
    zero: np.ndarray | None = None
    unit: np.ndarray | None = None
    bottom: RestrictedMachine | None = None
    tied: bool = False
    noise: float = 0.0

    @classmethod
    def unrolled(cls, machines):
        """The way up through a stack of machines to their last hidden layer, and down."""
        ways = [_way_down(machine) for machine in reversed(machines)]
        weights, biases, layers, zeros, units = map(list, zip(*ways, strict=True))
        # Below the head values are what the next layer has learned from.
        for bias, zero in zip(biases[:-1], zeros[:-1], strict=True):
            bias += zero
        weights[-1] /= units[-1]
        biases[-1] /= units[-1]
        network = cls(
            [*(machine.weights.copy() for machine in machines), *weights],
            [*(machine.hidden_bias.copy() for machine in machines), *biases],
            [*(machine.hidden for machine in machines), *layers[:-1]],
            layers[-1],
            n_up=len(machines),
            zero=zeros[-1],
            unit=units[-1],
            bottom=machines[0],
        )
        return network._started(machines[0])

    def __post_init__(self):
        self._share()

    def __setstate__(self, state):
        vars(self).update(state)
        self._share()

    def _share(self):
        """Let the way down see the weights of the way up, of which copies part them."""
        if self.tied:
            self.weights[self.n_up :] = [w.T for w in self.weights[: self.n_up][::-1]]

    def tie(self, x):
        """Have the weights of the way up, transposed, on the way down from now on.

        The mean fields of these rows stay, where weights differed.
        """
        self.tied, before = True, self.weights[self.n_up :]
        self._share()
        x = self.code(x)
        for i, weights in enumerate(before, self.n_up):
            self.biases[i] += x.mean(axis=0) @ (weights - self.weights[i])
            if i < len(self.layers):
                x = self.layers[i].mean(x @ self.weights[i] + self.biases[i])

    def noise_of(self, i):
        return self.noise if i == self.n_up - 1 else 0.0

    def tied_to(self, i):
        return len(self.weights) - 1 - i if self.tied else None

    @property
    def params(self):
        params = super().params
        if self.tied:
            for i in range(self.n_up, len(self.weights)):
                del params[f"weights_{i}"]
        return params

    def standardized(self, x):
        x = as_float(x, self.dtype)
        if _has_nan(x):
            unknown = np.isnan(x)
            some = np.flatnonzero(unknown.any(axis=1))
            x, unknown = x.copy(), unknown[some]
            x[some] = self.bottom.mean_field(np.nan_to_num(x[some]), unknown)
        return super().standardized(x)

    @property
    def predicts(self):
        return False

    @property
    def tells_labels(self):
        return False

    def targets(self, x):
        """What the head is to have for these rows of data."""
        return (as_float(x, self.dtype) - self.zero) / self.unit

    def code(self, x):
        """The means of the code's units."""
        return next(islice(self._inputs(x), self.n_up, None))

    def decoded(self, code):
        """Rows of data, as their expected values, for values of the code."""
        field = self._field_of(self._from(self.n_up, code))
        x = self.head.mean(field, out=field)
        x *= self.unit
        x += self.zero
        return x

    def rebuilt(self, x):
        """Rows of data as the net puts them out again."""
        return self.decoded(self.code(x))

    def losses(self, x):
        """−log p(known x | code of x) of each row, of standardized values."""
        field, targets, added = self._known(self.field(x), self.targets(x))
        losses = negative_log_probability(self.head, field, targets)
        losses -= added
        return losses

    def downhill(self, field, batch, out):
        field, targets, added = self._known(field, batch.targets)
        loss, error = super().downhill(field, batch._replace(targets=targets), out)
        if batch.weights is not None:
            added = added * batch.weights
        return loss - float(np.mean(added, dtype=np.float64)), error

    def _known(self, field, targets):
        """Fields and targets that are neutral where nothing is known.

        The last array is the part that these have in the loss of each row, or 0.
        """
        if not _has_nan(targets):
            return field, targets, 0.0
        unknown = np.isnan(targets)
        means, losses = self._neutral
        field = np.where(unknown, 0, field)
        return field, np.where(unknown, means, targets), unknown @ losses

    @property
    def _neutral(self):
        """The mean of each unit of the head at the field 0, and its loss there."""
        several = isinstance(self.head, Concatenated)
        parts = self.head.widths() if several else [(self.head, self.n_outputs)]
        means, losses = [], []
        for units, width in parts:
            zeros = np.zeros((1, width), self.dtype)
            means.append(units.mean(zeros.copy())[0])
            loss = negative_log_probability(units, zeros, means[-1][None])
            losses.append(np.full(width, loss[0] / width, self.dtype))
        return np.concatenate(means), np.concatenate(losses)


def _has_nan(x):
    """Whether a value is NaN, by their sum, which is quick."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isnan(x.sum()))


def _way_down(machine):
    """Weights, biases and units from the hidden units down, for a network.

    Real-valued units have a variance of 1 there. Also returns the zero of their values,
    which is not yet in the biases, and their deviation in the data; of other units 0
    and 1.
    """
    visible, dtype = machine.visible, machine.weights.dtype
    weights = np.array(machine.weights.T, order="C")
    bias = machine.visible_bias.copy()
    zero, unit = np.zeros_like(bias), np.ones_like(bias)
    several = isinstance(visible, Concatenated)
    parts = visible.widths() if several else [(visible, len(bias))]
    kinds, end = [], 0
    for units, width in parts:
        place, end = slice(end, end + width), end + width
        if isinstance(units, Gaussian):
            # Their mean is linear in the field.
            units.backpropagate(weights[:, place], None)
            units.backpropagate(bias[None, place], None)
            if units.center_ is not None:
                zero[place] = units.center_
            scale = ask(units, Scaled).step_scale
            unit[place] = 1 if scale is None else scale**-0.5
            units = Gaussian(1.0)
        kinds.append((units, width))
    layer = Concatenated(kinds) if several else kinds[0][0]
    if several or isinstance(layer, Gaussian):
        layer = layer.start(len(bias), dtype=dtype)
    return weights, bias, layer, zero, unit
