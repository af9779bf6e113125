"""Pictures of fitted models, in the style of scikit-learn's displays.

Each class holds the arrays of one picture. ``from_estimator`` takes them from a fitted
model and draws; the constructor takes arrays of any origin, and ``plot`` draws them, on
axes of your own if you like. matplotlib is imported when something is drawn.
"""

from ._filters import FiltersDisplay
from ._hidden_activity import HiddenActivityDisplay
from ._history import HistoryDisplay
from ._reconstructions import ReconstructionsDisplay
from ._samples import SamplesDisplay

__all__ = [
    "FiltersDisplay",
    "HiddenActivityDisplay",
    "HistoryDisplay",
    "ReconstructionsDisplay",
    "SamplesDisplay",
]
