"""Random numbers: the one door from scikit-learn's ``random_state`` to NumPy."""

from math import prod

import numpy as np
from sklearn.utils import check_random_state


def make_rng(random_state):
    """A NumPy ``Generator`` that follows scikit-learn's rules for ``random_state``.

    An int gives the same stream every time, a ``RandomState`` advances with each
    call, and None follows NumPy's global state.
    """
    words = check_random_state(random_state).randint(0, 2**32, size=4, dtype=np.uint32)
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
    """16 signed bits for each draw, and a non-negative integer for all of them.

    Raw bits are what a draw costs, so four draws share a 64-bit integer: the upper 16
    bits of each are its own, the lower ones are one dither for the whole array.
    """
    size = prod(shape)
    raw = rng.bit_generator.random_raw(1 + (size + 3) // 4)
    return raw.view(np.int16)[4 : 4 + size].reshape(shape), raw.item(0)


def normal(rng, shape, dtype, out=None):
    """Standard normal draws of float32 resolution, alike in every precision.

    The transformation of Box and Muller, three times as fast as NumPy's tables in
    float32: its logarithm, sine and cosine are SIMD loops. A pair of draws comes from
    the halves of a 64-bit integer, and none is beyond 6.7.
    """
    size = prod(shape)
    half = (size + 1) // 2
    raw = rng.bit_generator.random_raw(half).view(np.int32)
    radius = (raw[:half].view(np.uint32) >> 1).view(np.int32).astype(np.float32)
    radius += np.float32(0.5)
    radius *= np.float32(2.0**-31)
    np.log(radius, out=radius)
    radius *= np.float32(-2)
    np.sqrt(radius, out=radius)
    angle = raw[half:].astype(np.float32)
    angle *= np.float32(np.pi * 2.0**-31)
    draws = np.empty(2 * half, np.float32)
    np.cos(angle, out=draws[:half])
    draws[:half] *= radius
    np.sin(angle, out=draws[half:])
    draws[half:] *= radius
    draws = draws[:size].reshape(shape)
    if out is None:
        return draws.astype(dtype, copy=False)
    out[...] = draws
    return out
