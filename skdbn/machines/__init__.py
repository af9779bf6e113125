"""What the energy is."""

from .._networks._joint import JointNet
from ._base import Clamp, Machine, State
from ._restricted import RestrictedMachine
from ._stack import Stack

__all__ = [
    "Clamp",
    "JointNet",
    "Machine",
    "RestrictedMachine",
    "Stack",
    "State",
]
