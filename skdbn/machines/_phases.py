"""Working arrays of the stacked phases of a restricted machine."""

from typing import NamedTuple

import numpy as np

from ._base import State


class Phase(NamedTuple):
    """A state, and the means of the hidden units given the visible ones."""

    visible: np.ndarray
    hidden: np.ndarray
    hidden_mean: np.ndarray


class Phases:
    """The data and the model phase of a step, stacked so that one product serves both.

    The rows are: the point about which the gradient is centered, the model's states,
    and the data. Everything is made once and written in place. A thin sparse batch may
    stay as it is, in `sparse`; the data's rows of `visible` then mean nothing.

    Parameters
    ----------
    machine : Machine
        Gives the widths and the dtype.

    n_model : int or None
        Number of chains; None means as many as rows of data.

    n_data : int
        The largest number of rows of data.
    """

    def __init__(self, machine, n_model, n_data):
        n_visible, n_hidden = machine.weights.shape
        self._n_model = n_model
        n_rows = 1 + (n_model or n_data) + n_data
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
        self.resize(n_data)
        self.weigh(None)

    @property
    def state(self):
        """The states of the chains."""
        return State(self.model.visible, self.model.hidden)

    @state.setter
    def state(self, state):
        self.model.visible[:], self.model.hidden[:] = state

    def resize(self, n_data):
        """Let there be this many rows of data; the contents stay where they are."""
        size = self._n_model or n_data, n_data
        if size == self._size:
            return
        if size not in self._layouts:
            self._layouts[size] = self._layout(*size)
        vars(self).update(self._layouts[size])
        self._size = size

    def weigh(self, weights):
        """Let rows of data count as much as these weights say; None means 1.

        The model's rows count as those that they began at, or all alike.
        """
        self.signs = self._layouts[self._size]["signs"]
        self.total_weight, self.model_weights = 1.0, None
        if weights is None:
            return
        of_data = np.asarray(weights, self.signs.dtype) / len(weights)
        total = of_data.sum()
        n_model = len(self.model.hidden)
        of_model = of_data
        if self._n_model is not None:
            of_model = np.full(n_model, total / n_model, of_data.dtype)
        self.signs = np.concatenate([[0], -of_model, of_data]).astype(of_data.dtype)
        self.total_weight, self.model_weights = float(total), of_model

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
