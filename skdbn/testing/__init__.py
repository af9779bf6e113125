"""Checks of units, machines, gradients and estimators, by sums over all states."""

from ._checks import CheckResult
from ._generative import check_generative, generative_checks
from ._gradients import check_gradient, gradient_checks
from ._machines import check_machine, machine_checks
from ._rbm import check_rbm, rbm_checks
from ._units import check_units, units_checks

__all__ = [
    "CheckResult",
    "check_generative",
    "check_gradient",
    "check_machine",
    "check_rbm",
    "check_units",
    "generative_checks",
    "gradient_checks",
    "machine_checks",
    "rbm_checks",
    "units_checks",
]
