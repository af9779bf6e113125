"""The up-down algorithm: contrastive wake-sleep learning of a deep belief net."""

import numpy as np

from .. import gradients
from .._updates._decay import WeightDecay
from .._utils._numerics import as_float
from ..machines._centering import Centering
from ..units import Scaled
from ..units._base import ask

# Gibbs steps at the top from which the sleep phase has samples that are about as good as
# those of more.
N_STEPS = 5

# The share of a batch in the running means of the layers.
SLIDE = 0.01


class UpDown:
    r"""The direction of contrastive wake-sleep for a net with labels.

    In the wake phase the layers are drawn from the bottom up, and each generative
    machine learns to reconstruct the layer below; the RBM at the top learns by a
    gradient of its own, with the label beside its penultimate layer. In the sleep phase
    the layers are drawn from the end of the chains of this gradient down, and each
    recognition machine learns to infer the layer above [1]_:

    .. math:: \Delta G_l = \langle (h^l - \mu^l) (h^{l-1} - E[h^{l-1} \mid h^l])^T \rangle,
              \quad \Delta R_l
              = \langle (s^{l-1} - \mu^{l-1}) (s^l - E[s^l \mid s^{l-1}])^T \rangle

    Each gradient is centered on the running means μ of the layers in the wake phase.

    Parameters
    ----------
    gradient : str or Gradient, default=None
        That of the top; chains that persist begin at the rows of the first batch. None
        is ``CD(n_steps=5)``.

    decay : float, default=0.0
        Weight decay.

    References
    ----------
    .. [1] Hinton, G. E., Osindero, S. and Teh, Y. W. (2006). A fast learning algorithm
       for deep belief nets. Neural Computation 18, 1527-1554.
    """

    def __init__(self, gradient=None, decay=0.0):
        if gradient is None:
            gradient = gradients.CD(N_STEPS)
        self.gradient = gradients.resolve(gradient)
        # Before the layers are learned, which takes time.
        self.gradient._check_counts()
        self.decay = decay
        self._is_started = False
        self._error = self._n_rows = 0
        self._centering = None

    def resume(self, before):
        """Continue from the running means of another one, and from its chains."""
        self._means, self._centering = before._means, before._centering
        self.gradient = gradients.resumed(before.gradient, self.gradient)

    def start(self, net, batch_size, rng, n_rows=None):
        """Make the working arrays."""
        n_directed = len(net.params) - len(net.top.params)
        arrays = list(net.params.items())[:n_directed]
        self._direction = {name: np.empty_like(array) for name, array in arrays}
        self._sizes = batch_size, rng, n_rows
        self._is_started = False

    def finish(self):
        """Let go of what only the next step of a fit needs."""
        if self._is_started:
            self.gradient.finish()

    def stop(self):
        """Release the working arrays."""
        if self._is_started:
            self.gradient.stop()
        del self._direction, self._sizes

    def rows_at_once(self, n_rows):
        """The largest number of rows in a product, if a batch has `n_rows`."""
        return n_rows

    def diagnostics(self):
        """The mean squared error of an input, given the draw above, by name.

        With what the gradient at the top has to say.
        """
        error, n_rows = self._error, self._n_rows
        self._error = self._n_rows = 0
        found = {"reconstruction_error": error / max(n_rows, 1)}
        return found | self.gradient.diagnostics()

    def __call__(self, net, batch, rng, rate=1.0):
        awake = [as_float(batch.values, net.dtype)]
        for machine in net.up:
            awake.append(machine.hidden_sample(awake[-1], rng))
        v = np.hstack([awake[-1], batch.targets])
        means = self._follow([*awake[:-1], v], net, rng)
        # Steps in units of the deviations of the data, as for an RBM.
        scale = ask(net.up[0].visible, Scaled).step_scale
        self._wake(net, awake, means, scale, rate, batch.weights)
        top = self._contrast(net.top, v, rng, rate, batch.weights)
        asleep = self.gradient.state.visible[:, : -net.n_labels]
        self._sleep(net, asleep, means, scale, rng, rate)
        return self._direction | {f"top_{name}": step for name, step in top.items()}

    def _wake(self, net, awake, means, scale, rate, row_weights):
        """Each machine of the way down gives back what was below."""
        for i, machine in enumerate(net.down):
            error = awake[i] - machine.visible_mean(awake[i + 1])
            if i == 0:
                self._error += float(np.vdot(error, error)) / error.shape[1]
                self._n_rows += len(error)
            error *= rate / len(error)
            if row_weights is not None:
                error *= row_weights[:, None]
            if i == 0 and scale is not None:
                error *= scale
            # The weights of the way down are stored as those of an RBM are.
            weights, bias = self._steps(f"down_{i}", "visible_bias")
            mean = means[i + 1]
            above, share = _centered(awake[i + 1], mean)
            np.dot(error.T, above, out=weights)
            np.dot(share, error, out=bias)
            if self.decay:
                weights -= rate * self.decay * machine.weights
                bias += rate * self.decay * (machine.weights @ mean)

    def _steps(self, layer, bias):
        """The steps of a layer's weights and of its biases."""
        return (self._direction[f"{layer}_{name}"] for name in ("weights", bias))

    def _sleep(self, net, asleep, means, scale, rng, rate):
        """Each machine of the way up finds what was above."""
        for i, machine in reversed(list(enumerate(net.up))):
            units = net.down[i].visible
            below = net.down[i].visible_field(asleep)
            below = units.sample(below, rng, below) if i else units.mean(below, below)
            error = asleep - machine.hidden_mean(below)
            error *= rate / len(error)
            weights, bias = self._steps(f"up_{i}", "hidden_bias")
            centered, share = _centered(below, means[i], None if i else scale)
            np.dot(centered.T, error, out=weights)
            np.dot(share, error, out=bias)
            if self.decay:
                weights -= rate * self.decay * machine.weights
                bias += rate * self.decay * (means[i] @ machine.weights)
            asleep = below

    def _follow(self, awake, net, rng):
        """The running means of the layers awake; those of the penultimate one last."""
        if not self._is_started:
            self._begin(awake, net, rng)
        for mean, layer in zip(self._means, awake, strict=True):
            mean += SLIDE * (layer.mean(axis=0) - mean)
        return [*self._means[:-1], self._means[-1][: -net.n_labels]]

    def _begin(self, awake, net, rng):
        """Let means and chains start from the first batch."""
        v = awake[-1]
        if self._centering is None:
            hidden_mean = net.top.hidden_mean(v).mean(axis=0)
            self._centering = Centering(v.mean(axis=0), hidden_mean)
            self._means = [layer.mean(axis=0) for layer in awake[:-1]]
            # The same array, so that the point about which the top learns slides along.
            self._means.append(self._centering.visible)
        persists = isinstance(self.gradient, gradients.PCD)
        if persists and not hasattr(self.gradient, "chains_"):
            self.gradient._begin_at(net.top, v, rng)
        self.gradient.start(net.top, *self._sizes)
        self._is_started = True

    def _contrast(self, top, v, rng, rate, row_weights):
        """The direction of the RBM at the top."""
        direction = self.gradient(
            top, v, rng, self._centering, rate, weights=row_weights
        )
        if self.decay:
            WeightDecay(self.decay, 0.0)(direction, top, self._centering, rate)
        return direction


def _centered(rows, mean, scale=None):
    """Inputs about their mean, and the share of each row's error in the plain bias.

    With x − μ for the weights and 1 for the bias, taken back to x: 1 − (x − μ)·μ.
    """
    centered = rows - mean
    if scale is not None:
        centered *= scale
    return centered, 1 - centered @ mean
