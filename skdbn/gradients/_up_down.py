"""The up-down algorithm: contrastive wake-sleep learning of a deep belief net."""

from functools import partial
from itertools import pairwise

import numpy as np

from .._numerics import as_float


class UpDown:
    r"""The direction of contrastive wake-sleep for a net with labels.

    Awake, a row goes up by draws, and each machine of the way down learns to give back
    what was below; the RBM at the top learns by contrastive divergence, with the label
    beside its penultimate layer. Asleep, from the end of its Gibbs chain a draw goes
    down, and each machine of the way up learns to find what was above [1]_:

    .. math:: \Delta G_l = \langle h^l (h^{l-1} - E[h^{l-1} \mid h^l])^T \rangle, \quad
              \Delta R_l = \langle s^{l-1} (s^l - E[s^l \mid s^{l-1}])^T \rangle

    Parameters
    ----------
    n_steps : sequence of int, default=(3, 6, 10)
        Number of Gibbs steps at the top, each for an equal share of the sweeps.

    decay : float, default=0.0
        Weight decay.

    References
    ----------
    .. [1] Hinton, G. E., Osindero, S. and Teh, Y. W. (2006). A fast learning algorithm
       for deep belief nets. Neural Computation 18, 1527-1554.
    """

    def __init__(self, n_steps=(3, 6, 10), decay=0.0):
        self.n_steps = n_steps
        self.decay = decay
        self._n_steps = n_steps[0]
        self._error = self._n_rows = 0

    def phases(self, net, settings):
        """The sweeps of a training and what begins them: the number of Gibbs steps."""
        ends = np.linspace(0, settings.max_iter, len(self.n_steps) + 1).round()
        for (start, stop), n in zip(pairwise(ends), self.n_steps, strict=True):
            yield range(int(start), int(stop)), partial(setattr, self, "_n_steps", n)

    def start(self, net, batch_size, rng, n_rows=None):
        """Make the working arrays."""
        self._direction = [np.empty_like(array) for array in net.params]

    def stop(self):
        """Let go of the working arrays."""
        del self._direction

    def report(self):
        """The mean squared error of an input, given the draw above, by name."""
        error, n_rows = self._error, self._n_rows
        self._error = self._n_rows = 0
        return {"reconstruction_error": error / max(n_rows, 1)}

    def __call__(self, net, batch, rng, rate=1.0):
        x = as_float(batch.X, net.top.weights.dtype)
        n_rows, n_depth = len(x), len(net.up)
        share = rate / n_rows
        # Steps in units of the deviations of the data, as for an RBM.
        scale = net.up[0].visible.step_scale
        up, down = self._direction[: 2 * n_depth], self._direction[2 * n_depth :]

        awake = [x]
        for machine in net.up:
            awake.append(machine.hidden_sample(awake[-1], rng))
        for i, machine in enumerate(net.down):
            error = awake[i] - machine.visible_mean(awake[i + 1])
            if i == 0:
                self._error += float(np.vdot(error, error)) / error.shape[1]
                self._n_rows += n_rows
            error *= share
            if i == 0 and scale is not None:
                error *= scale
            # The weights of the way down are stored as those of an RBM are.
            np.dot(error.T, awake[i + 1], out=down[2 * i])
            np.sum(error, axis=0, out=down[2 * i + 1])

        asleep = self._contrast(net, awake[-1], batch.targets, rng, share)
        for i in reversed(range(n_depth)):
            last = i == 0
            below = net.down[i].visible_field(asleep)
            units = net.down[i].visible
            below = (
                units.mean(below, below) if last else units.sample(below, rng, below)
            )
            error = asleep - net.up[i].hidden_mean(below)
            error *= share
            np.dot(below.T, error, out=up[2 * i])
            if last and scale is not None:
                up[0] *= scale.reshape(-1, 1)
            np.sum(error, axis=0, out=up[2 * i + 1])
            asleep = below
        if self.decay:
            for change, array in zip(self._direction, net.params, strict=True):
                if array.ndim == 2:
                    change -= rate * self.decay * array
        return self._direction

    def _contrast(self, net, penultimate, labels, rng, share):
        """Contrastive divergence at the top; returns where its chain ends."""
        top = net.top
        of_weights, of_visible, of_hidden = self._direction[4 * len(net.up) :]
        v = np.hstack([penultimate, labels])
        field = top.hidden_field(v)
        both, means = [v], [top.hidden.mean(field)]
        h = top.hidden.sample(field, rng, mean=means[0])
        for i in range(self._n_steps):
            if i:
                h = top.hidden_sample(v, rng)
            v = top.visible_sample(h, rng)
        both.append(v)
        # Means of the hidden units in place of draws: the same in the mean, less noise.
        means.append(top.hidden_mean(v))
        signs = np.repeat([share, -share], len(v)).astype(v.dtype)
        both, means = np.concatenate(both), np.concatenate(means)
        np.dot(signs, both, out=of_visible)
        means *= signs[:, None]
        np.sum(means, axis=0, out=of_hidden)
        np.dot(both.T, means, out=of_weights)
        return v[:, : penultimate.shape[1]]
