"""What one layer's units are: one file a type."""

from sklearn.base import clone

from ._base import Units
from ._bernoulli import Bernoulli
from ._concatenated import Concatenated
from ._gaussian import Gaussian
from ._poisson import Poisson
from ._rectified import Rectified
from ._softmax import Softmax
from ._spin import Spin

__all__ = [
    "Bernoulli",
    "Concatenated",
    "Gaussian",
    "Poisson",
    "Rectified",
    "Softmax",
    "Spin",
    "Units",
]

# Concatenated units have no name: they are nothing without a description.
REGISTRY = {
    "bernoulli": Bernoulli,
    "spin": Spin,
    "softmax": Softmax,
    "gaussian": Gaussian,
    "rectified": Rectified,
    "poisson": Poisson,
}


def resolve(units):
    """A fresh unit type from its name or from an instance."""
    return REGISTRY[units]() if isinstance(units, str) else clone(units)


def check_pair(visible, hidden):
    """Raise a ValueError if no weights give the two layers a normalizer."""
    tails = {visible.tail, hidden.tail}
    if "poisson" in tails and None not in tails:
        raise ValueError(
            f"visible={type(visible).__name__} and hidden={type(hidden).__name__} units "
            "have no normalizer together: the sum over the counts is infinite. Take "
            "units with bounded values on one side, such as hidden='bernoulli'."
        )
