"""How states move: Markov chains that are run for their states."""

from ._chains import Chains
from ._tempered import tempered_chains

__all__ = ["Chains", "tempered_chains"]
