"""What the energy is."""

from ._base import Clamp, Machine, Phases, State
from ._chains import Chains, TemperedChains
from ._joint import JointNet
from ._restricted import RestrictedMachine
from ._stack import Stack

__all__ = [
    "Chains",
    "Clamp",
    "JointNet",
    "Machine",
    "Phases",
    "RestrictedMachine",
    "Stack",
    "State",
    "TemperedChains",
]
