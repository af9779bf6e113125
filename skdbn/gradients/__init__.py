"""How the gradient of the likelihood is estimated: one file an algorithm."""

from sklearn.base import clone

from ._base import Gradient
from ._contrastive import CD
from ._persistent import PCD

__all__ = ["CD", "PCD", "Gradient"]

REGISTRY = {"cd": CD, "pcd": PCD}


def resolve(gradient):
    """A fresh gradient from its name or from an instance."""
    return REGISTRY[gradient]() if isinstance(gradient, str) else clone(gradient)
