"""How the gradient of the likelihood is estimated: one file an algorithm."""

from sklearn.base import clone

from ._base import Gradient
from ._contrastive import CD
from ._fast import FPCD
from ._persistent import PCD
from ._score_matching import ScoreMatching
from ._tempered import PT

__all__ = ["CD", "FPCD", "PCD", "PT", "Gradient", "ScoreMatching"]

REGISTRY = {
    "cd": CD,
    "pcd": PCD,
    "fpcd": FPCD,
    "pt": PT,
    "score-matching": ScoreMatching,
}


def resolve(gradient):
    """A fresh gradient from its name or from an instance."""
    return REGISTRY[gradient]() if isinstance(gradient, str) else clone(gradient)
