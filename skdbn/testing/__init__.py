"""Checks that units and machines are what they say, by sums over all states."""

from ._checks import CheckResult
from ._machines import check_machine, machine_checks
from ._units import check_units, units_checks

__all__ = [
    "CheckResult",
    "check_machine",
    "check_units",
    "machine_checks",
    "units_checks",
]
