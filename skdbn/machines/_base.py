"""What a trainer and an evaluator rely on."""

from typing import NamedTuple

import numpy as np

from ._chains import TemperedChains


class State(NamedTuple):
    """Values of the visible and of the hidden units, a row a chain."""

    visible: np.ndarray
    hidden: np.ndarray


class Clamp(NamedTuple):
    """Known values of the visible units, which stay; a row a chain."""

    values: np.ndarray
    known: np.ndarray

    def __call__(self, v):
        """Put the known values into `v`, in place."""
        np.copyto(v, self.values, where=self.known)

    def repeated(self, n):
        """The same for n times as many chains."""
        return Clamp(*(np.tile(array, (n, 1)) for array in self))


class Phase(NamedTuple):
    """A state, and the means of the hidden units given the visible ones."""

    visible: np.ndarray
    hidden: np.ndarray
    hidden_mean: np.ndarray


class Phases:
    """The data and the model phase of a step, stacked so that one product serves both.

    The rows are: the point about which the gradient is centred, the model's states,
    and the data. Everything is made once and written in place. A thin sparse batch may
    stay as it is, in `sparse`; the data's rows of `visible` then mean nothing.

    Parameters
    ----------
    machine : Machine
        Gives the widths and the dtype.

    n_model, n_data : int
        The largest number of rows of each phase.
    """

    def __init__(self, machine, n_model, n_data):
        n_visible, n_hidden = machine.weights.shape
        n_rows = 1 + n_model + n_data
        self._arrays = [
            np.empty((n_rows, width), machine.weights.dtype)
            for width in (n_visible, n_hidden, n_hidden)
        ]
        for array in self._arrays:
            array[0] = 0
        self.weights = np.empty_like(machine.weights)
        self._layouts = {}
        self._size = None
        self.sparse = None
        self.resize(n_model, n_data)

    def resize(self, n_model, n_data):
        """Let the phases have this many rows; the contents stay where they are."""
        size = n_model, n_data
        if size == self._size:
            return
        if size not in self._layouts:
            self._layouts[size] = self._layout(*size)
        vars(self).update(self._layouts[size])
        self._size = size

    def visible_dot(self, x):
        """The product of all visible rows and `x`."""
        if self.sparse is None:
            return self.visible @ x
        return np.concatenate([self.dense @ x, self.sparse @ x])

    def visible_transposed_dot(self, x, out=None):
        """The product of the visible rows' transpose and `x`."""
        if self.sparse is None:
            return np.dot(self.visible.T, x, out=out)
        n = len(self.dense)
        out = np.dot(self.dense.T, x[:n], out=out)
        out += self.sparse.T @ x[n:]
        return out

    def _layout(self, n_model, n_data):
        """The views of the arrays, and the weights of the rows, by name."""
        n_rows = 1 + n_model + n_data
        arrays = [array[:n_rows] for array in self._arrays]
        visible, _, hidden_mean = arrays
        signs = np.full(n_rows, 1 / n_data, visible.dtype)
        signs[: 1 + n_model] = -1 / n_model
        signs[0] = 0
        # What sums over both phases, and over the data alone.
        sums = np.ones((2, n_rows), visible.dtype)
        sums[1, : 1 + n_model] = 0
        parts = {
            "model": slice(1, 1 + n_model),
            "data": slice(1 + n_model, n_rows),
            "both": slice(1, n_rows),
        }
        phases = {
            name: Phase(*(array[rows] for array in arrays))
            for name, rows in parts.items()
        }
        return phases | {
            "visible": visible,
            "dense": visible[: 1 + n_model],
            "hidden_mean": hidden_mean,
            "signs": signs,
            "sums": sums,
        }


class Machine:
    """The contract: all that trainers and evaluators may use of a machine.

    A machine is pure: arrays in, arrays out, and the generator is an argument. Only
    the optimiser writes to `params`.
    """

    @property
    def params(self):
        """The arrays that training changes, in place."""
        raise NotImplementedError

    @property
    def n_weights(self):
        """Number of elements of the largest matrix of weights."""
        return max(array.size for array in self.params)

    def free_energy(self, v):
        """−log p(v) but for the normaliser, one number a row."""
        raise NotImplementedError

    def statistics(self, v):
        """The mean over the rows of −∂F/∂params, in their order."""
        raise NotImplementedError

    def state(self, v, rng):
        """The :class:`State` of these visible values, the hidden ones drawn."""
        raise NotImplementedError

    def initial_state(self, n, rng, clamp=None):
        """The :class:`State` from which n chains start."""
        raise NotImplementedError

    def transition(self, state, rng, out=None, clamp=None):
        """One Markov step that keeps the model's distribution.

        With `clamp`, a :class:`Clamp`, it keeps that of the values that are not known.
        """
        raise NotImplementedError

    def tempered(self, base_bias, base_units=None):
        """The :class:`Tempered` distributions between independent units and these."""
        raise NotImplementedError

    def tempered_chains(self, state, n_temperatures):
        """:class:`TemperedChains` from these states on, those at β = 1 first."""
        return TemperedChains(state, n_temperatures)

    def phases(self, n_model, n_data):
        """Room for the two phases of a gradient."""
        return Phases(self, n_model, n_data)

    def difference(self, phases, centering=None, rate=1.0):
        """`rate` times the statistics of the data minus those of the model."""
        raise NotImplementedError

    def project(self):
        """Re-impose constraints after a step, in place; nothing by default."""

    def copy(self):
        """The same machine with arrays of its own."""
        raise NotImplementedError
