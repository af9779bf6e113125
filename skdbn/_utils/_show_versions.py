"""What a bug report needs to know about an installation."""

import platform
import sys
from importlib import import_module

PACKAGES = ("skdbn", "numpy", "scipy", "sklearn", "joblib", "matplotlib")


def show_versions() -> None:
    """Print the versions of Python, of the packages in use, and the BLAS threads.

    ``python -m skdbn`` does the same.

    See Also
    --------
    sklearn.show_versions : The same for scikit-learn.

    Examples
    --------
    >>> import skdbn
    >>> skdbn.show_versions()
    python       ...
    """
    for name, text in {**_versions(), **_threads()}.items():
        print(f"{name:12} {text}")


def _versions():
    found = {
        "python": f"{platform.python_version()} ({sys.executable})",
        "platform": platform.platform(),
    }
    for name in PACKAGES:
        try:
            found[name] = import_module(name).__version__
        except ImportError:
            found[name] = "not installed"
    return found


def _threads():
    """Each library with threads of its own, such as BLAS."""
    import threadpoolctl

    return {
        f"threads {i}": "{num_threads} of {internal_api} {version}, for {user_api}, "
        "{filepath}".format(**pool)
        for i, pool in enumerate(threadpoolctl.threadpool_info(), start=1)
    }
