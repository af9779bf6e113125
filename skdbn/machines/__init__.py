"""What the energy is."""

from ._base import Clamp, Machine, State
from ._conditional import ConditionalMachine
from ._convolutional import ConvolutionalMachine
from ._mean_covariance import MeanCovarianceMachine
from ._restricted import RestrictedMachine
from ._stack import Stack

__all__ = [
    "Clamp",
    "ConditionalMachine",
    "ConvolutionalMachine",
    "Machine",
    "MeanCovarianceMachine",
    "RestrictedMachine",
    "Stack",
    "State",
]
