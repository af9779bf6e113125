"""Random numbers: the one door from scikit-learn's ``random_state`` to NumPy."""

from math import prod

import numpy as np
from scipy.special import pdtrik
from sklearn.utils import check_random_state

# Constants of SplitMix64, which turns a counter into random bits.
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def make_rng(random_state):
    """A NumPy ``Generator`` that follows scikit-learn's rules for ``random_state``.

    An int gives the same stream every time, a ``RandomState`` advances with each
    call, and None follows NumPy's global state.
    """
    try:
        legacy = check_random_state(random_state)
    except ValueError as error:
        raise ValueError(f"random_state={random_state!r}: {error}.") from error
    words = legacy.randint(0, 2**32, size=4, dtype=np.uint32)
    return np.random.Generator(np.random.SFC64(words.tolist()))


def uniform(rng, shape, dtype, low=0):
    """Draws from (low, 1], low 0 or −1, on the grid of 2⁻²⁴, alike in every precision.

    Each draw is uniform on the whole grid, and the covariance of two is below 2⁻³³. No
    draw is at or below a probability of 0 (2 · 0 − 1 with low = −1), and all are for 1.
    """
    bits, dither = _bits(rng, shape)
    step = (1 - low) * 2.0**-16
    draws = bits * np.dtype(dtype).type(step)
    draws += (1 + low) / 2 + (1 + dither % int(step * 2**24)) * 2.0**-24
    return draws


def uniform_times_2_16(rng, shape):
    """2¹⁶ times what `uniform` draws from (0, 1], in float32 and with a pass less."""
    bits, dither = _bits(rng, shape)
    return np.add(bits, 2.0**15 + (1 + dither % 2**8) * 2.0**-8, dtype=np.float32)


def _bits(rng, shape):
    """16 signed bits for each draw, and a non-negative integer for all, or for a row.

    Raw bits are what a draw costs, so four draws share a 64-bit integer: the upper 16
    bits of each are its own, the lower ones are one dither for the whole array.
    """
    if isinstance(rng, RowStreams):
        n_rows, width = shape
        raw = rng.raw(n_rows, 1 + (width + 3) // 4)
        return raw.view(np.int16)[:, 4 : 4 + width], raw[:, :1]
    size = prod(shape)
    raw = rng.bit_generator.random_raw(1 + (size + 3) // 4)
    return raw.view(np.int16)[4 : 4 + size].reshape(shape), raw.item(0)


def normal(rng, shape, dtype, out=None):
    """Standard normal draws of float32 resolution, alike in every precision.

    The transformation of Box and Muller, three times as fast as NumPy's tables in
    float32: its logarithm, sine and cosine are SIMD loops. A pair of draws comes from
    the halves of a 64-bit integer, and none is beyond 6.7.
    """
    if isinstance(rng, RowStreams):
        n_rows, size = shape
        raw = rng.raw(n_rows, (size + 1) // 2)
    else:
        size = prod(shape)
        raw = rng.bit_generator.random_raw((size + 1) // 2)
    raw = raw.view(np.int32)
    half = raw.shape[-1] // 2
    radius = (raw[..., :half].view(np.uint32) >> 1).view(np.int32).astype(np.float32)
    radius += np.float32(0.5)
    radius *= np.float32(2.0**-31)
    np.log(radius, out=radius)
    radius *= np.float32(-2)
    np.sqrt(radius, out=radius)
    angle = raw[..., half:].astype(np.float32)
    angle *= np.float32(np.pi * 2.0**-31)
    draws = np.empty(raw.shape, np.float32)
    np.cos(angle, out=draws[..., :half])
    draws[..., :half] *= radius
    np.sin(angle, out=draws[..., half:])
    draws[..., half:] *= radius
    draws = draws[..., :size].reshape(shape)
    if out is None:
        return draws.astype(dtype, copy=False)
    out[...] = draws
    return out


class RowStreams:
    """Random numbers that depend on a row's key, and not on the rows beside it.

    In place of a ``Generator`` it lets the chain of a row be the same alone and in any
    batch. Counters that begin at the row's key become random bits by SplitMix64 [1]_.

    Parameters
    ----------
    seed : int
        Determines all streams.

    keys : ndarray of uint64
        Key of each row. An array whose first axis is a multiple of their number has
        several draws of a row, which differ.

    References
    ----------
    .. [1] Steele, G. L., Lea, D. and Flood, C. H. (2014). Fast splittable pseudorandom
       number generators. OOPSLA.
    """

    def __init__(self, seed, keys):
        self._keys = keys
        self._bases = np.random.SFC64(seed)

    def raw(self, n_rows, n_columns):
        """64 random bits for each place of an array."""
        repeats = np.arange(n_rows // len(self._keys), dtype=np.uint64)
        keys = (
            self._keys + mixed(repeats + np.uint64(self._bases.random_raw()))[:, None]
        )
        # Mixed once more, lest keys that are near each other share counters.
        counters = GOLDEN * np.arange(n_columns, dtype=np.uint64)
        return mixed(mixed(keys.reshape(-1, 1)) + counters)

    def random(self, shape):
        """Uniform draws from [0, 1)."""
        return (self.raw(*shape) >> np.uint64(11)) * 2.0**-53

    def standard_exponential(self, shape):
        """Exponential draws, by the inverse of their distribution function."""
        return -np.log1p(-self.random(shape))

    def poisson(self, mean):
        """Poisson draws, by the inverse of their distribution function."""
        return np.ceil(np.maximum(pdtrik(self.random(mean.shape), mean), 0))


def mixed(counters):
    """Random bits from an array of 64-bit integers; the finalizer of SplitMix64."""
    bits = counters ^ (counters >> np.uint64(30))
    bits *= MIX[0]
    bits ^= bits >> np.uint64(27)
    bits *= MIX[1]
    bits ^= bits >> np.uint64(31)
    return bits


def row_keys(X, unknown):
    """A key for each row that depends on what is known of it, and on nothing else."""
    # All NaN have the same bits here, and so have 0 and −0.
    words = np.where(unknown, np.nan, X + 0.0).astype(np.float64).view(np.uint64)
    factors = np.random.SFC64(0).random_raw(X.shape[1]) | np.uint64(1)
    return mixed((mixed(words) * factors).sum(axis=1, dtype=np.uint64))


def distinct(keys):
    """Keys of which the second and later ones of equal keys are replaced."""
    order = np.argsort(keys, kind="stable")
    own = keys[order]
    first = np.flatnonzero(np.r_[True, own[1:] != own[:-1]])
    n_equal = np.diff(np.r_[first, len(keys)])
    rank = np.arange(len(keys)) - np.repeat(first, n_equal)
    new = np.empty_like(keys)
    new[order] = own + GOLDEN * rank.astype(np.uint64)
    return new
