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
    """Draws from [low, 1), low 0 or −1, on the grid of 2⁻²⁴, alike in every precision.

    Raw bits are what a draw costs, so four draws share a 64-bit integer: the upper 16
    bits of each are its own, the lower ones are one dither for the whole array. Each
    draw is uniform on the whole grid, and the covariance of two is below 2⁻³³.
    """
    size = prod(shape)
    raw = rng.bit_generator.random_raw(1 + (size + 3) // 4)
    step = (1 - low) * 2.0**-16
    dither = raw.item(0) % int(step * 2**24) * 2.0**-24
    draws = raw.view(np.int16)[4 : 4 + size].reshape(shape) * np.dtype(dtype).type(step)
    draws += (1 + low) / 2 + dither
    return draws
