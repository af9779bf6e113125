"""What is saved with an estimator."""

import warnings
from importlib import import_module

from ..exceptions import InconsistentVersionWarning


class VersionMixin:
    """Saves the version of the package, and warns if another one loads it."""

    def __getstate__(self):
        return {**super().__getstate__(), "_skdbn_version": current_version()}

    def __setstate__(self, state):
        state = dict(state)
        original = state.pop("_skdbn_version", "unknown")
        if original != current_version():
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=type(self).__name__,
                    current_sklearn_version=current_version(),
                    original_sklearn_version=original,
                ),
                stacklevel=2,
            )
        super().__setstate__(state)


def current_version():
    """The version of the package in use."""
    return import_module(__package__.split(".")[0]).__version__
