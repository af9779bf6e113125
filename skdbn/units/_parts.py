"""Which columns are of which units, and units of one kind as one part."""

from itertools import groupby

import numpy as np
from scipy.sparse import issparse

from ._bernoulli import Bernoulli
from ._gaussian import Gaussian
from ._poisson import Poisson
from ._rectified import Rectified
from ._softmax import Softmax, UnevenSoftmax
from ._spin import Spin

# Types without parameters, of which a unit depends on no other one.
ALONE = {Bernoulli, Spin, Rectified, Poisson}


def in_one_pass(parts):
    """Units and their number, with neighboring groups of other sizes as one part."""
    found = []
    for is_softmax, same in groupby(parts, lambda part: type(part[0]) is Softmax):
        same = list(same)
        if not is_softmax or len(same) == 1:
            found += same
            continue
        for units, width in same:
            units.start(width)
        sizes = [
            units.n_values for units, n in same for _ in range(n // units.n_values)
        ]
        found.append((UnevenSoftmax(sizes), sum(sizes)))
    return found


def by_kind(each, places):
    """Units and their columns, those of one kind as one part where kinds alternate.

    A slice stands for neighboring columns, and an array for others.
    """
    kinds = [_kind(units) for units in each]
    runs = [kind for kind, _ in groupby(kinds)]
    found = {}
    for i, kind in enumerate(kinds):
        alternates = kind is not None and runs.count(kind) > 1
        found.setdefault(kind if alternates else i, []).append(i)
    units, columns = [], []
    for same in found.values():
        own = [each[i] for i in same]
        units.append(
            own[0] if len(own) == 1 else _as_one(own, [places[i] for i in same])
        )
        numbers = [numbers_of(places[i]) for i in same]
        columns.append(places[same[0]] if len(same) == 1 else np.concatenate(numbers))
    return units, columns


def _kind(units):
    """What units have in common with others that can be one part with them, or None."""
    if isinstance(units, Softmax):
        return Softmax
    if type(units) is Gaussian and units.variance != "shared":
        return Gaussian, units.variance
    return type(units) if type(units) in ALONE else None


def _as_one(each, places):
    """Units of one kind as one part."""
    if not isinstance(each[0], Softmax):
        return each[0]
    sizes = []
    for units, place in zip(each, places, strict=True):
        grouped = units.start(width_of(place))
        n_groups = grouped.n_coordinates(width_of(place))
        sizes += [len(grouped.columns(i)) for i in range(n_groups)]
    return Softmax(sizes[0]) if len(set(sizes)) == 1 else UnevenSoftmax(sizes)


def columns_of(x, place):
    """Columns of an array; what is no array is for all columns."""
    if np.ndim(x) == 0:
        return x
    if issparse(x):
        return x[:, place]
    return x[..., place] if isinstance(place, slice) else x.take(place, axis=-1)


def width_of(place):
    return place.stop - place.start if isinstance(place, slice) else len(place)


def numbers_of(place):
    """The numbers of columns."""
    is_slice = isinstance(place, slice)
    return np.arange(place.start, place.stop) if is_slice else place


def names_of(names, place):
    return names[place] if isinstance(place, slice) else [names[i] for i in place]
