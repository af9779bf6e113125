"""What the energy is."""

from ._base import Clamp, Machine, State
from ._convolutional import ConvolutionalMachine
from ._restricted import RestrictedMachine
from ._stack import Stack

__all__ = [
    "Clamp",
    "ConvolutionalMachine",
    "Machine",
    "RestrictedMachine",
    "Stack",
    "State",
]
