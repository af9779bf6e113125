"""What the energy is."""

from ._base import Clamp, Machine, State
from ._conditional import ConditionalMachine
from ._convolutional import ConvolutionalMachine
from ._restricted import RestrictedMachine
from ._stack import Stack

__all__ = [
    "Clamp",
    "ConditionalMachine",
    "ConvolutionalMachine",
    "Machine",
    "RestrictedMachine",
    "Stack",
    "State",
]
