"""What one layer's units are: one file a type."""

from sklearn.base import clone

from ._base import Units
from ._bernoulli import Bernoulli

__all__ = ["Bernoulli", "Units"]

REGISTRY = {"bernoulli": Bernoulli}


def resolve(units):
    """A fresh unit type from its name or from an instance."""
    return REGISTRY[units]() if isinstance(units, str) else clone(units)
