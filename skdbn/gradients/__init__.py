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


def resumed(before, gradient):
    """The same of present settings; chains of the gradient before go on if they can."""
    new = resolve(gradient)
    old, settings = before.get_params(deep=False), new.get_params(deep=False)
    sizes = "n_chains", "n_temperatures"
    if type(new) is not type(before) or any(
        old[name] != settings[name] for name in sizes if name in old
    ):
        return new
    for name, value in settings.items():
        if isinstance(value, Gradient):
            settings[name] = resumed(old[name], value)
    return before.set_params(**settings)
