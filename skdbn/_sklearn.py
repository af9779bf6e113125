"""The only imports of private or experimental names of scikit-learn."""

from contextlib import contextmanager

from sklearn.base import _fit_context as fit_context
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import Interval, StrOptions

__all__ = [
    "CallbackSupportMixin",
    "Interval",
    "StrOptions",
    "fit_context",
    "safe_indexing",
]

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn < 1.9

    class _NoCallbacks:
        """Stands for a callback context where there are no callbacks."""

        def subcontext(self, **kwargs):
            return self

        @contextmanager
        def propagate_callback_context(self, sub_estimator):
            yield

        def call_on_fit_task_begin(self, **kwargs):
            return self

        def call_on_fit_task_end(self, **kwargs):
            return False

    class CallbackSupportMixin:
        """Fits without callbacks."""

        def _init_callback_context(self, **kwargs):
            return _NoCallbacks()
