"""What the energy is."""

from ._base import Clamp, Machine, State
from ._restricted import RestrictedMachine
from ._stack import Stack

__all__ = [
    "Clamp",
    "Machine",
    "RestrictedMachine",
    "Stack",
    "State",
]
