"""The convolutional restricted Boltzmann machine: filters at all places of a picture."""

from dataclasses import dataclass, replace
from math import prod
from types import SimpleNamespace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.sparse import issparse

from ..units import Bernoulli, Grouped, Parametric, Pooled, Scaled
from ..units._base import ask
from ..units._parametric import copied
from ._base import Machine
from ._centering import Centering
from ._pseudo_likelihood import log_conditional
from ._restricted import RestrictedMachine


@dataclass
class ConvolutionalMachine(RestrictedMachine):
    r"""A restricted machine of pictures whose hidden units see a window each.

    Each filter has a hidden unit for every window of a picture, with the same weights and
    the same bias,

    .. math:: E(v, h) = \text{base}(v) - v \cdot b
              - \sum_{k,\,y,\,x} h_{kyx} \Big(c_k + \sum_{i,\,j,\,l}
              W_{ijlk}\, v_{y+i,\,x+j,\,l}\Big)

    and of neighboring ones at most one is on [1]_. Rows are pictures, row by row with
    the channels last. Hidden units are in the order of the groups, from the top left,
    then of the places in a group, then of the filters.

    Parameters
    ----------
    weights : ndarray of shape (height * width * n_channels, n_filters)
        W, with the height and the width of a window.

    visible_bias : ndarray of shape (n_pixels * n_channels,)
        b.

    hidden_bias : ndarray of shape (n_filters,)
        c.

    visible : Units
        The type of the visible units.

    hidden : Units
        Follows from `pool`.

    center : ndarray of shape (n_pixels * n_channels,), default=None
        The mean of the data.

    image_shape : tuple of (int, int, int)
        Height, width and number of channels of a picture.

    filter_shape : tuple of (int, int)
        Height and width of a window.

    pool : tuple of (int, int)
        Height and width of a group, in windows. Windows beyond the last whole group have
        no unit.

    See Also
    --------
    RestrictedMachine : Weights between all units.

    References
    ----------
    .. [1] Lee, H., Grosse, R., Ranganath, R. and Ng, A. Y. (2009). Convolutional deep
       belief networks for scalable unsupervised learning of hierarchical
       representations. ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from skdbn.machines import ConvolutionalMachine
    >>> machine = ConvolutionalMachine(
    ...     np.ones((4, 3)), np.zeros(25), np.zeros(3),
    ...     image_shape=(5, 5, 1), filter_shape=(2, 2), pool=(2, 2),
    ... )
    >>> machine.shape
    (25, 48)
    """

    image_shape: tuple = (1, 1, 1)
    filter_shape: tuple = (1, 1)
    pool: tuple = (1, 1)

    def __post_init__(self):
        self.hidden = hidden_units(self.pool, self.weights.shape[1])
        sides = zip(self.image_shape[:2], self.filter_shape, self.pool, strict=True)
        self.pooled_shape = tuple((n - m + 1) // p for n, m, p in sides)
        pairs = zip(self.pooled_shape, self.pool, strict=True)
        self.map_shape = tuple(n * p for n, p in pairs)

    @property
    def n_places(self):
        """Number of windows, each of which has a hidden unit of every filter."""
        return self.map_shape[0] * self.map_shape[1]

    @property
    def shape(self):
        """Numbers of visible and of hidden units."""
        return len(self.visible_bias), self.n_places * self.weights.shape[1]

    @property
    def n_weights(self):
        """Number of weights of all hidden units, each with its own."""
        return self.n_places * self.weights.size

    @property
    def input_share(self):
        """The share of the visible units that a hidden unit sees."""
        return self.weights.shape[0] / len(self.visible_bias)

    def hidden_field(self, v, out=None):
        """c + the products of all windows of v with the filters."""
        field = self._windows(v) @ self.weights
        field += self.hidden_bias
        field = field.reshape(v.shape[0], -1)
        if out is None:
            return field
        out[...] = field
        return out

    def visible_field(self, h, out=None):
        """b + the filters at all places, as far as h has them on."""
        out = (
            np.empty((len(h), len(self.visible_bias)), h.dtype) if out is None else out
        )
        out[...] = self._spread_out(self.weights, self._by_place(h))
        out += self.visible_bias
        return out

    def moments(self, state, weights=None):
        """The means over the rows of −∂E/∂params."""
        n = len(state.visible)
        r = np.full(n, 1 / n, self.weights.dtype) if weights is None else weights
        own = ask(self.visible, Parametric).statistics(state.visible, r)
        h = (state.hidden * r[:, None]).reshape(-1, len(self.hidden_bias))
        products = self._windows(state.visible).T @ h
        return self.named(products, r @ state.visible, h.sum(axis=0), own)

    def pooled(self, h):
        """Of each group, how probable it is that one of its units is on."""
        return self.hidden.pooled(h) if prod(self.pool) > 1 else h

    def unpooled(self, p):
        """Hidden units among which those of a group share what is pooled."""
        n, size = len(p), prod(self.pool)
        shares = p.reshape(n, -1, 1, len(self.hidden_bias)) / size
        return np.repeat(shares, size, axis=2).reshape(n, -1)

    def dense(self):
        """The restricted machine with the same distribution and no tied weights."""
        return RestrictedMachine(
            Rows(self)[np.arange(self.shape[0])],
            self.visible_bias,
            np.tile(self.hidden_bias, self.n_places),
            self.visible,
            self.hidden,
            self.center,
        )

    def mirrored(self):
        """The same distribution with the two sides exchanged."""
        return self.dense().mirrored()

    def log_conditional(self, v, hidden_field, i):
        """log P(coordinate i of v | the other ones)"""
        return log_conditional(self._seen_by(slice(None)), v, hidden_field, i)

    def log_conditionals(self, v):
        """log P(coordinate i of v | the other ones), for each row and each i"""
        v = v.toarray() if issparse(v) else v
        field, grouped, found = self.hidden_field(v), ask(self.visible, Grouped), []
        for i in range(grouped.n_coordinates(v.shape[1])):
            near = self._near(grouped.columns(i))
            one = log_conditional(self._seen_by(near), v, field[:, near], i)
            found.append(one)
        return np.stack(found, axis=1)

    def pseudo_log_likelihood(self, v):
        """Σᵢ log P(coordinate i of v | the other ones), for each row"""
        return self.log_conditionals(v).sum(axis=1)

    def _seen_by(self, units):
        """What the pseudo-likelihood sees of the machine, with these hidden units."""
        return SimpleNamespace(
            weights=Rows(self, units),
            visible_bias=self.visible_bias,
            visible=self.visible,
            hidden=self.hidden,
        )

    def _near(self, pixels):
        """The hidden units of the groups of which a window has one of the pixels."""
        places = np.unravel_index(pixels, self.image_shape)[:2]
        groups = []
        for own, n_window, n_windows, size in zip(
            places, self.filter_shape, self.map_shape, self.pool, strict=True
        ):
            # Of pixels beyond the last window, the last one.
            first, last = np.clip(
                [own.min() - n_window + 1, own.max()], 0, n_windows - 1
            )
            groups.append(slice(first // size, last // size + 1))
        units = np.arange(self.shape[1]).reshape(*self.pooled_shape, -1)
        return units[tuple(groups)].ravel()

    workspace, load = Machine.workspace, Machine.load

    def step_scale(self, name):
        """That of the visible units, of one number, for the weights."""
        return ask(self.visible, Scaled).step_scale

    def length(self, direction, limit=np.inf):
        """Length of a step of the weights, in units of the visible deviation."""
        scale, length = self.step_scale("weights"), Machine.length(self, direction)
        return length if scale is None else length / float(scale[0]) ** 0.5

    def contrast(self, work, rng, n_steps):
        """Negative phase of chains that begin at the data."""
        work.state = self.state(work.batch, rng)
        self.advance(work, rng, n_steps)

    def advance(self, work, rng, n_steps, by=None):
        """Negative phase of persistent chains, from their present states."""
        for _ in range(n_steps):
            work.state = (by or self).transition(work.state, rng)
        work.model_mean = self.hidden_mean(work.state.visible)

    def hidden_means(self, work):
        """E[h | v] of the data, with a row for each window."""
        return work.data.hidden.reshape(-1, len(self.hidden_bias))

    def new_centering(self, mean):
        """Offsets: the mean of each channel, and E[h | v] of each filter there."""
        mean = mean.reshape(-1, self.image_shape[2]).mean(axis=0)
        window = np.tile(mean, self.weights.shape[0] // len(mean))
        field = window @ self.weights + self.hidden_bias
        group = self.hidden.mean(np.tile(field, prod(self.pool))[None])
        return TiedCentering(self, mean, group[0, : len(field)])

    def difference(self, work, centering=None, rate=1.0):
        """`rate` times the moments of the data minus those of the model."""
        of_data, of_model = _row_factors(work, self.weights.dtype)
        total = float(of_data.sum())
        own = ask(self.visible, Parametric).own_steps(
            work.state.visible, rate, of_model, total
        )
        data = self._sums(work.batch, work.data.hidden, rate * of_data, centering)
        model = self._sums(
            work.state.visible, work.model_mean, rate * of_model, centering
        )
        steps = [x - y for x, y in zip(data, model, strict=True)]
        scale = self.step_scale("weights")
        if scale is not None:
            steps[0] *= scale
            steps[1] *= scale
        direction = self.named(*steps, own)
        if centering is not None:
            centering.to_plain(direction)
            if rate:
                centering.move(data[2], rate * total * self.n_places)
        return direction

    def _sums(self, v, h, r, centering):
        """Sums over the rows, times r, of what each parameter is for; uses up h."""
        n_filters = len(self.hidden_bias)
        h = h.reshape(len(v), -1, n_filters)
        if centering is not None:
            h -= centering.hidden
        h *= r[:, None, None]
        h = h.reshape(-1, n_filters)
        products, hidden = self._windows(v).T @ h, h.sum(axis=0)
        if centering is not None:
            products -= np.outer(centering.window, hidden)
        return products, r @ v, hidden

    def copy(self):
        """A copy of the machine with its own arrays."""
        return replace(
            self,
            weights=self.weights.copy(),
            visible_bias=self.visible_bias.copy(),
            hidden_bias=self.hidden_bias.copy(),
            visible=copied(self.visible),
        )

    @property
    def _grouped_shape(self):
        """The maps as groups of rows and of columns."""
        (rows, columns), (height, width) = self.pooled_shape, self.pool
        return rows, height, columns, width

    def _windows(self, v):
        """All windows of rows v, a row each in the order of the hidden units."""
        v = v.toarray() if issparse(v) else v
        pictures = v.reshape(-1, *self.image_shape)
        windows = sliding_window_view(pictures, self.filter_shape, axis=(1, 2))
        windows = windows[:, : self.map_shape[0], : self.map_shape[1]]
        shape = len(pictures), *self._grouped_shape, *windows.shape[3:]
        # Channels are the last of a window.
        windows = windows.reshape(shape).transpose(0, 1, 3, 2, 4, 6, 7, 5)
        return windows.reshape(-1, self.weights.shape[0])

    def _by_place(self, h):
        """Hidden units as maps, of shape (n_samples, height, width, n_filters)."""
        groups = h.reshape(len(h), *self.pooled_shape, *self.pool, -1)
        return groups.swapaxes(2, 3).reshape(len(h), *self.map_shape, -1)

    def _spread_out(self, weights, maps):
        """The sum of filters at all places times the maps, as rows."""
        n, (height, width) = len(maps), self.map_shape
        pictures = np.zeros((self.image_shape[2], n, *self.image_shape[:2]), maps.dtype)
        # One product; a row of it is one pixel of the windows.
        parts = weights @ maps.reshape(-1, maps.shape[-1]).T
        parts = parts.reshape(*self.filter_shape, -1, n, height, width)
        for i in range(self.filter_shape[0]):
            for j in range(self.filter_shape[1]):
                pictures[:, :, i : i + height, j : j + width] += parts[i, j]
        return pictures.transpose(1, 2, 3, 0).reshape(n, -1)


class TiedCentering(Centering):
    """A mean for each channel and a running mean for each filter.

    With means that are the same at all places, centered weights have plain ones with
    biases that are tied as well.
    """

    def __init__(self, machine, channels, hidden):
        super().__init__(np.tile(channels, prod(machine.image_shape[:2])), hidden)
        self.window = np.tile(channels, prod(machine.filter_shape))
        self._machine = machine

    def follow(self, direction, change, name="weights"):
        """Let the plain biases follow a change of the weights."""
        machine = self._machine
        maps = np.broadcast_to(self.hidden, (1, *machine.map_shape, len(self.hidden)))
        direction["visible_bias"] -= machine._spread_out(change, maps)[0]
        direction["hidden_bias"] -= self.window @ change
        return direction


class Rows:
    """The weights without ties, of some hidden units, as rows of them are asked for."""

    def __init__(self, machine, units=slice(None)):
        self._machine, self._units = machine, units
        self.shape, self.dtype = machine.shape, machine.weights.dtype

    def __getitem__(self, pixels):
        machine = self._machine
        pixels, weights = np.asarray(pixels), machine.weights
        rows, columns, channels = np.unravel_index(pixels.ravel(), machine.image_shape)
        i, j = np.indices(machine.filter_shape).reshape(2, -1, 1)
        y, x = rows - i, columns - j
        height, width = machine.map_shape
        window, pixel = np.nonzero((y >= 0) & (y < height) & (x >= 0) & (x < width))
        maps = np.zeros((pixels.size, height, width, weights.shape[1]), weights.dtype)
        places = pixel, y[window, pixel], x[window, pixel]
        maps[places] = weights[window * machine.image_shape[2] + channels[pixel]]
        groups = maps.reshape(pixels.size, *machine._grouped_shape, -1)
        rows = groups.swapaxes(2, 3).reshape(*pixels.shape, -1)
        return rows[..., self._units]


def _row_factors(work, dtype):
    """How much the rows of the data and of the model count, of an equal sum."""
    n_data, n_model = len(work.batch), len(work.state.visible)
    of_data = np.full(n_data, 1 / n_data, dtype)
    if work.row_weights is not None:
        of_data *= work.row_weights
        if work.tied:
            return of_data, of_data
    return of_data, np.full(n_model, of_data.sum() / n_model, dtype)


def hidden_units(pool, n_filters):
    """The hidden units of filters that are pooled so."""
    return Bernoulli() if prod(pool) == 1 else Pooled(prod(pool), n_filters)
