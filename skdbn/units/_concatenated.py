"""Units of several types side by side."""

from itertools import pairwise
from math import prod
from numbers import Integral

import numpy as np

from ._analytic import Analytic, log_partition_change
from ._base import Units, ask, offers
from ._conditional import Conditional
from ._differentiable import Differentiable
from ._enumerable import Enumerable
from ._grouped import Grouped, masked
from ._parametric import Parametric, between, copied, independent
from ._parts import by_kind, columns_of, in_one_pass, names_of, numbers_of, width_of
from ._scaled import Scaled
from ._shifted import Shifted, shift_scale, shift_slope, shifted, units_of_rows
from ._softmax import Softmax


class Concatenated(
    Conditional,
    Enumerable,
    Differentiable,
    Grouped,
    Scaled,
    Shifted,
    Parametric,
    Analytic,
    Units,
):
    """Units of several types side by side, such as pixels and labels.

    Where types alternate, those of one type are computed together, so that the order of
    columns does not matter to the speed.

    Parameters
    ----------
    parts : list of tuple
        From the first column to the last: ``(type, n_columns)``, with the name of a
        type or an instance. Groups of columns of which one is 1 can be given as
        ``("softmax", n_groups, n_values)``.

    See Also
    --------
    Softmax : Labels, one-hot encoded.

    References
    ----------
    .. [1] Larochelle, H. and Bengio, Y. (2008). Classification using discriminative
       restricted Boltzmann machines. ICML.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.preprocessing import OneHotEncoder
    >>> import numpy as np
    >>> from skdbn import RBM
    >>> from skdbn.units import Concatenated
    >>> pixels, labels = load_digits(return_X_y=True)
    >>> one_hot = OneHotEncoder(sparse_output=False).fit_transform(labels[:, None])
    >>> X = np.hstack([pixels / 16, one_hot])
    >>> units = Concatenated([("bernoulli", 64), ("softmax", 1, 10)])
    >>> rbm = RBM(16, visible=units, n_iter=2, random_state=0).fit(X)
    >>> rbm.transform(X).shape
    (1797, 16)
    """

    one_kind = False
    # The part of each coordinate, and its index in it, where parts are not in the order
    # of their columns.
    _coordinates = None

    def __init__(self, parts):
        self.parts = parts

    @property
    def bounds(self):
        """The smallest and the largest value that any of the units can have.

        Returns
        -------
        bounds : tuple of float
            The outermost bounds of the parts.
        """
        lows, highs = zip(*(units.bounds for units in self._each()), strict=True)
        return min(lows), max(highs)

    @property
    def tail(self):
        """How fast exp(−base(x)) falls where values have no bound.

        Returns
        -------
        tail : {None, "gaussian", "poisson"}
            Of the parts' tails the one that leaves the other side the least choice.
        """
        tails = {units.tail for units in self._each()}
        return next((tail for tail in ("poisson", "gaussian") if tail in tails), None)

    def base_energy(self, x):
        return sum(units.base_energy(own) for units, own in self._split(x))

    def log_partition(self, field):
        return sum(units.log_partition(own) for units, own in self._split(field))

    def log_partition_change(self, field, before, after):
        return sum(
            log_partition_change(units, own, before, after)
            for units, own in self._split(field)
        )

    def mean(self, field, out=None):
        out = np.empty_like(field) if out is None else out
        for units, buffer, own in self._fill(out, field):
            units.mean(own, out=buffer)
        return out

    def sample(self, field, rng, out=None, mean=None):
        out = np.empty_like(field) if out is None else out
        for units, buffer, own, of_units in self._fill(out, field, mean):
            units.sample(own, rng, out=buffer, mean=of_units)
        return out

    def backpropagate(self, error, mean):
        for units, own, of_units in self._fill(error, mean):
            units.backpropagate(own, of_units)
        return error

    def link(self, mean):
        return self._join([units.link(own) for units, own in self._split(mean)])

    def start(self, n_units, moments=None, dtype=np.float64):
        resolved = in_one_pass(self._resolved())
        ends = np.cumsum([width for _, width in resolved]).tolist()
        if ends[-1] != n_units:
            raise ValueError(
                f"parts describe {ends[-1]} columns, but the layer has {n_units}."
            )
        places = [slice(*ends) for ends in pairwise([0, *ends])]
        each = [units for units, _ in resolved]
        self._units, self._places = by_kind(each, places)
        self._coordinates = None
        for units, place in zip(self._units, self._places, strict=True):
            own = moments and (moments[0], moments[1][place], moments[2][place])
            units.start(width_of(place), own, dtype)
        if not all(isinstance(place, slice) for place in self._places):
            self._coordinates = self._in_order_of_columns()
        return self

    @property
    def params(self):
        return [array for units in self._asked(Parametric) for array in units.params]

    @property
    def param_steps(self):
        return [step for units in self._asked(Parametric) for step in units.param_steps]

    @property
    def step_scale(self):
        scales = [units.step_scale for units in self._asked(Scaled)]
        if all(scale is None for scale in scales):
            return None
        dtype = next(scale.dtype for scale in scales if scale is not None)
        ones = [np.ones(1, dtype) if scale is None else scale for scale in scales]
        return self._join(ones)

    @property
    def step_root(self):
        return self._along("step_root", 0.5)

    @property
    def step_root_inverse(self):
        return self._along("step_root_inverse", -0.5)

    def _along(self, name, power):
        """This matrix of the parts, with powers of the others' scales beside it."""
        found = [getattr(units, name) for units in self._asked(Scaled)]
        if all(part is None for part in found):
            return None
        matrix = np.diag(self.step_scale**power)
        for part, place in zip(found, self._places, strict=True):
            if part is not None:
                matrix[place, place] = part
        return matrix

    def weakened(self, share):
        return self._with(
            [
                units.weakened(own) if offers(units, Parametric) else units
                for units, own in self._split(share)
            ]
        )

    def see(self, gaps, weights=None, unknown=None):
        for units, place in zip(self._asked(Parametric), self._places, strict=True):
            holes = None if unknown is None else unknown[:, place]
            units.see(gaps[:, place], weights, holes)

    def statistics(self, x, weights=None):
        return [
            array
            for units, own in self._split(x)
            for array in ask(units, Parametric).statistics(own, weights)
        ]

    def data_statistics(self):
        return [
            array
            for units in self._asked(Parametric)
            for array in units.data_statistics()
        ]

    def update_moments(self, n_rows, mean, variance):
        for units, own_mean, own_variance in self._split(mean, variance):
            ask(units, Parametric).update_moments(n_rows, own_mean, own_variance)

    def set_moments(self, n_rows, mean, variance):
        for units, own_mean, own_variance in self._split(mean, variance):
            ask(units, Parametric).set_moments(n_rows, own_mean, own_variance)

    def uncentered(self, bias):
        return self._join(
            [ask(units, Scaled).uncentered(own) for units, own in self._split(bias)]
        )

    def shifted(self, shift):
        units, fields = zip(
            *(shifted(units, own) for units, own in self._split(shift)), strict=True
        )
        return self._with(list(units)), self._join(fields)

    def of_rows(self, index):
        return self._with([units_of_rows(units, index) for units in self._units])

    def shift_slope(self, x):
        return self._join([shift_slope(units, own) for units, own in self._split(x)])

    @property
    def shift_scale(self):
        scales = [shift_scale(units) for units in self._units]
        if all(scale is None for scale in scales):
            return None
        return self._join([np.ones(1) if scale is None else scale for scale in scales])

    def freeze(self):
        for units in self._asked(Parametric):
            units.freeze()

    def project(self):
        for units in self._asked(Parametric):
            units.project()

    def copy(self):
        return self._with([copied(units) for units in self._units])

    def spread(self, n_units):
        return self._join(
            [ask(units, Scaled).spread(width) for units, width in self.widths()]
        )

    def shrink(self, mean, share):
        return self._join(
            [units.shrink(own, share) for units, own in self._split(mean)]
        )

    def independent(self, mean, variance):
        units, fields = zip(
            *(
                independent(units, own_mean, own_variance)
                for units, own_mean, own_variance in self._split(mean, variance)
            ),
            strict=True,
        )
        return self._with(list(units)), self._join(fields)

    def between(self, other, beta):
        return self._with(
            [
                between(units, others, beta)
                for units, others in zip(self._units, other._units, strict=True)
            ]
        )

    def has_states_of(self, other):
        if not isinstance(other, Concatenated):
            return False
        own, others = self._merged(), other._merged()
        return len(own) == len(others) and all(
            width == other_width and units.has_states_of(other_units)
            for (units, width), (other_units, other_width) in zip(
                own, others, strict=True
            )
        )

    def n_states(self, n_units):
        return prod(units.n_states(width) for units, width in self.widths())

    def states(self, index, n_units):
        states = []
        for units, width in self.widths():
            n_states = units.n_states(width)
            states.append(units.states(index % n_states, width))
            index = index // n_states
        return self._join(states)

    def support(self, x):
        return self._join([units.support(own) for units, own in self._split(x)])

    def lowest_support(self, X):
        found = [units.lowest_support(own) for units, own in self._split(X)]
        rows, columns = zip(*found, strict=True)
        return np.minimum.reduce(rows), self._join(columns)

    def surely_supports(self, X):
        return all(units.surely_supports(own) for units, own in self._split(X))

    def draw(self, x, rng):
        for units, own in self._fill(x):
            units.draw(own, rng)

    def check_data(self, X, names):
        for (units, own), place in zip(self._split(X), self._places, strict=True):
            units.check_data(own, names_of(names, place))

    def fill_determined(self, x, unknown, names):
        for units, place in zip(self._units, self._places, strict=True):
            own, holes = (columns_of(array, place) for array in (x, unknown))
            ask(units, Grouped).fill_determined(own, holes, names_of(names, place))
            x[:, place], unknown[:, place] = own, holes

    def masked(self, unknown, values=None):
        parts = self._split(unknown, 0.0 if values is None else values)
        return self._with(
            [
                masked(units, own, None if values is None else known)
                for units, own, known in parts
            ]
        )

    def n_coordinates(self, n_units):
        return sum(
            ask(units, Grouped).n_coordinates(width) for units, width in self.widths()
        )

    def columns(self, coordinate):
        units, inside, place = self._find(coordinate)
        return numbers_of(place)[ask(units, Grouped).columns(inside)]

    def alternatives(self, coordinate, own, field_range):
        units, inside, _ = self._find(coordinate)
        return units.alternatives(inside, own, field_range)

    def beside(self, coordinate, v):
        found, inside, _ = self._find(coordinate)
        return self._with(
            [
                units.beside(inside, own) if units is found else units
                for units, own in self._split(v)
            ]
        )

    def coordinate_base(self, coordinate, own):
        units, inside, _ = self._find(coordinate)
        return units.coordinate_base(inside, own)

    def _resolved(self):
        """Fresh units of each part, and their number."""
        if not isinstance(self.parts, list | tuple) or not self.parts:
            raise ValueError(
                f"parts={self.parts!r} of Concatenated: take a list of tuples "
                "(type, n_columns)."
            )
        return [self._resolve(part) for part in self.parts]

    def _resolve(self, part):
        # Imported late, since the registry comes after all types.
        from . import REGISTRY, resolve

        kind, *counts = part if isinstance(part, list | tuple) and part else [None]
        whole = all(
            isinstance(count, Integral) and not isinstance(count, bool) and count > 0
            for count in counts
        )
        if whole and len(counts) == 2 and kind == "softmax":
            n_groups, n_values = counts
            return Softmax(n_values), n_groups * n_values
        known = kind in REGISTRY if isinstance(kind, str) else isinstance(kind, Units)
        if whole and len(counts) == 1 and known:
            return resolve(kind), counts[0]
        raise ValueError(
            f"part {part!r} of Concatenated: take (type, n_columns), the type one of "
            f"{sorted(REGISTRY)} or an instance, or ('softmax', n_groups, n_values)."
        )

    def _merged(self):
        """Units and their number, neighbors with the same states taken together."""
        merged = []
        for units, width in self._resolved():
            if merged and units.has_states_of(merged[-1][0]):
                merged[-1][1] += width
            else:
                merged.append([units, width])
        return merged

    def _each(self):
        """The units of each part, also before `start`."""
        if "_units" in vars(self):
            return self._units
        return [units for units, _ in self._resolved()]

    def _kinds(self):
        return [kind for units in self._each() for kind in units._kinds()]

    def _asked(self, capability):
        """The units of each part, to be asked as a capability."""
        return [ask(units, capability) for units in self._units]

    def widths(self):
        """The units of each part, and their number.

        Returns
        -------
        widths : list of tuple
            Units and int, from the first part to the last.
        """
        widths = [width_of(place) for place in self._places]
        return list(zip(self._units, widths, strict=True))

    def _split(self, *arrays):
        """The units of each part with their columns of arrays; numbers are for all."""
        for units, place in zip(self._units, self._places, strict=True):
            yield units, *(columns_of(x, place) for x in arrays)

    def _fill(self, out, *arrays):
        """The same, with first the columns of `out`, which can be written to."""
        for units, place in zip(self._units, self._places, strict=True):
            buffer = columns_of(out, place)
            yield units, buffer, *(columns_of(x, place) for x in arrays)
            if not isinstance(place, slice):
                out[..., place] = buffer

    def _join(self, values):
        """One array, from an array or a number for each part."""
        values = [np.asarray(value) for value in values]
        width = sum(map(width_of, self._places))
        joined = np.empty((*values[0].shape[:-1], width), np.result_type(*values))
        for place, value in zip(self._places, values, strict=True):
            joined[..., place] = value
        return joined

    def _find(self, coordinate):
        """The units of a coordinate, its index among theirs, and their columns."""
        if self._coordinates is not None:
            part, inside = self._coordinates[coordinate]
            return self._units[part], inside, self._places[part]
        for (units, width), place in zip(self.widths(), self._places, strict=True):
            n_coordinates = ask(units, Grouped).n_coordinates(width)
            if coordinate < n_coordinates:
                return units, coordinate, place
            coordinate = coordinate - n_coordinates
        raise IndexError("no such coordinate")

    def _in_order_of_columns(self):
        """The part of each coordinate, and its index in it, by its first column."""
        found = []
        for part, (units, width) in enumerate(self.widths()):
            grouped, columns = ask(units, Grouped), numbers_of(self._places[part])
            for inside in range(grouped.n_coordinates(width)):
                first = int(columns[grouped.columns(inside)[0]])
                found.append((first, part, inside))
        return [(part, inside) for _, part, inside in sorted(found)]

    def _with(self, units):
        """The same with other units of each part."""
        if all(new is old for new, old in zip(units, self._units, strict=True)):
            return self
        other = Concatenated(self.parts)
        other._places, other._units = self._places, units
        other._coordinates = self._coordinates
        return other
