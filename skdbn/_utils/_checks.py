"""Checks of settings, with errors in the words of scikit-learn."""

from numbers import Integral, Real

import numpy as np


def check_counts(owner, **values):
    """Raise a ValueError unless all values, by name, are ints of at least 1."""
    for name, value in values.items():
        if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
            raise ValueError(
                refusal(owner, name, "an int in the range [1, inf)", value)
            )


def check_real(owner, name, value, low, high=np.inf, closed="left"):
    """Raise a ValueError unless a value is a number between two ends.

    `closed` says whether the lower end belongs to them, "left", or "neither" does.
    """
    inside = isinstance(value, Real) and low <= value < high
    if not inside or (closed == "neither" and value == low):
        opening = "[" if closed == "left" else "("
        wanted = f"a float in the range {opening}{low}, {high})"
        raise ValueError(refusal(owner, name, wanted, value))


def check_option(owner, name, value, options):
    """Raise a ValueError unless a value is among the options."""
    if value not in options:
        known = ", ".join(map(repr, options))
        raise ValueError(refusal(owner, name, f"a str among {known}", value))


def as_numbers(name, values, wanted):
    """Values as an array of real numbers; a ValueError if they are others."""
    try:
        values = np.asarray(values)
        kind, size = values.dtype.kind, values.dtype.itemsize
        if kind not in "biufc" or (kind == "f" and size not in (4, 8)):
            with np.errstate(over="ignore"):
                values = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} has to be {wanted}: {error}.") from error
    if values.dtype.kind == "c":
        raise ValueError(f"{name} has to be {wanted}, and has complex numbers.")
    return values


def refusal(owner, name, wanted, value):
    """What scikit-learn says of a parameter that it does not take."""
    return f"The {name!r} parameter of {owner} must be {wanted}. Got {value!r} instead."
