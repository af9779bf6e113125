"""Warnings that skdbn raises."""

import sys
import warnings

__all__ = ["DataRangeWarning", "EstimateWarning"]


class DataRangeWarning(UserWarning):
    """Data lie outside the values that the visible units can take.

    Examples
    --------
    >>> import warnings
    >>> from skdbn import BernoulliRBM
    >>> from skdbn.exceptions import DataRangeWarning
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     _ = BernoulliRBM(n_components=2, n_iter=1).fit([[0.0, 255.0], [9.0, 4.0]])
    >>> caught[0].category is DataRangeWarning
    True
    """


class EstimateWarning(UserWarning):
    """An estimate is too uncertain to be relied on.

    Examples
    --------
    >>> import warnings
    >>> from skdbn.exceptions import EstimateWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", EstimateWarning)
    """


def warn(message, category=DataRangeWarning):
    """A warning at the line from which the package was called."""
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals["__name__"].startswith(("skdbn", "sklearn")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
