"""What the energy is."""

from ._base import Machine, Phases, State
from ._restricted import RestrictedMachine

__all__ = ["Machine", "Phases", "RestrictedMachine", "State"]
