"""What one layer's units are: one file a type, and one a capability of types."""

from sklearn.base import clone

from ._analytic import Analytic
from ._base import Units, check_capability
from ._bernoulli import Bernoulli
from ._concatenated import Concatenated
from ._conditional import Conditional
from ._correlated import CorrelatedGaussian
from ._differentiable import Differentiable
from ._enumerable import Enumerable
from ._gaussian import Gaussian
from ._grouped import Grouped
from ._parametric import Parametric
from ._poisson import Poisson
from ._pooled import Pooled
from ._ranged import Ranged
from ._rectified import Rectified
from ._scaled import Scaled
from ._shifted import Shifted
from ._softmax import Softmax
from ._spin import Spin

__all__ = [
    "Analytic",
    "Bernoulli",
    "Concatenated",
    "Conditional",
    "CorrelatedGaussian",
    "Differentiable",
    "Enumerable",
    "Gaussian",
    "Grouped",
    "Parametric",
    "Poisson",
    "Pooled",
    "Ranged",
    "Rectified",
    "Scaled",
    "Shifted",
    "Softmax",
    "Spin",
    "Units",
]

# Concatenated units have no name: they are nothing without a description. Correlated ones
# are a setting of `GaussianRBM` and `MixedRBM`, and pooled ones of `ConvolutionalRBM`.
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
    if None not in tails:
        kinds = *visible._kinds(), *hidden._kinds()
        if any(isinstance(units, CorrelatedGaussian) for units in kinds):
            raise ValueError(
                f"visible={type(visible).__name__} and hidden={type(hidden).__name__} "
                "units, one side of which has correlated noise, are not taken together. "
                "Take units with bounded values on one side, such as hidden='bernoulli'."
            )
        for units in kinds:
            if units.tail is not None:
                check_capability(units, Scaled, "A pair of layers without bounds")
