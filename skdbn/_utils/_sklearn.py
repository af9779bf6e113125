"""The only imports of private or experimental names of scikit-learn."""

from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from sklearn.base import _fit_context as fit_context
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._indexing import _get_column_indices as column_indices
from sklearn.utils._missing import is_pandas_na, is_scalar_nan
from sklearn.utils._param_validation import (
    HasMethods,
    MissingValues,
    StrOptions,
)
from sklearn.utils._param_validation import Interval as SklearnInterval
from sklearn.utils.validation import _check_feature_names as check_feature_names
from sklearn.utils.validation import _check_feature_names_in as check_feature_names_in
from sklearn.utils.validation import _check_sample_weight as check_sample_weight

__all__ = [
    "CallbackSupportMixin",
    "DocLinkMixin",
    "HasMethods",
    "Interval",
    "MissingValues",
    "StrOptions",
    "check_feature_names",
    "check_feature_names_in",
    "check_sample_weight",
    "column_indices",
    "fit_context",
    "is_pandas_na",
    "is_scalar_nan",
    "safe_indexing",
]


class Interval(SklearnInterval):
    """An interval of numbers, of which True and False are none."""

    def is_satisfied_by(self, val):
        return not isinstance(val, bool) and super().is_satisfied_by(val)


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


# Where `make docs` puts the pages of a checkout.
BUILT_PAGES = Path(__file__).parents[1] / "docs" / "_build" / "html"


@cache
def documentation_site():
    """The address of the documentation in the package's metadata.

    Without one it is that of the pages that a checkout has built, or empty.
    """
    try:
        urls = metadata("skdbn").get_all("Project-URL") or []
    except PackageNotFoundError:
        urls = []
    sites = dict(url.split(", ", 1) for url in urls)
    built = BUILT_PAGES.as_uri() if BUILT_PAGES.is_dir() else ""
    return sites.get("Documentation", built).rstrip("/")


class DocLinkMixin:
    """The HTML view links to the page of the estimator, where there is one."""

    _doc_link_module = "skdbn"

    @property
    def _doc_link_template(self):
        site = documentation_site()
        page = "/generated/{estimator_module}.{estimator_name}.html"
        return site + page if site else ""
