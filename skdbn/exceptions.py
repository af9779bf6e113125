"""Warnings and errors of skdbn."""

import sys
import warnings
from contextvars import ContextVar, copy_context

from sklearn import exceptions

__all__ = [
    "DataRangeWarning",
    "DivergenceError",
    "EstimateWarning",
    "InconsistentVersionWarning",
]


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


class DivergenceError(ValueError):
    """A parameter is no longer finite, or far too large, so that the fit cannot continue.

    Examples
    --------
    >>> from skdbn.exceptions import DivergenceError
    >>> issubclass(DivergenceError, ValueError)
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


class InconsistentVersionWarning(exceptions.InconsistentVersionWarning):
    """An estimator was saved by another version of skdbn.

    It is a subclass of scikit-learn's warning of that name, and has its attributes. Here
    they hold versions of skdbn.

    Parameters
    ----------
    estimator_name : str
        Name of the class.

    current_sklearn_version : str
        Version of skdbn that loads the estimator.

    original_sklearn_version : str
        Version of skdbn that saved it.

    Examples
    --------
    >>> import warnings
    >>> from skdbn.exceptions import InconsistentVersionWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", InconsistentVersionWarning)
    """

    def __str__(self):
        return (
            f"{self.estimator_name} was saved by version "
            f"{self.original_sklearn_version} of skdbn and is loaded by version "
            f"{self.current_sklearn_version}. It may fail or give wrong results. Load it "
            "with the version that saved it, or fit it again."
        )


# Unlike a filter of the warnings module, it is for the present thread alone.
_is_silent = ContextVar("is_silent", default=False)


def with_hints(wanted, function, *args, **kwargs):
    """Call a function, with hints at the range of data only where they are wanted.

    Nobody can change the range of features, for example. The call has a context of its
    own, which no interrupt can leave behind.
    """
    context = copy_context()
    if not wanted:
        context.run(_is_silent.set, True)
    return context.run(function, *args, **kwargs)


def warn(message, category=DataRangeWarning):
    """A warning at the line from which the package was called."""
    if category is DataRangeWarning and _is_silent.get():
        return
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals["__name__"].startswith(("skdbn", "sklearn")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
