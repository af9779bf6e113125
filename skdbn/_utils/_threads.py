"""The threads of BLAS: one where matrix products are small."""

from contextlib import contextmanager
from functools import cache
from threading import Lock, local
from weakref import WeakSet

from threadpoolctl import ThreadpoolController

# Multiplications in a product, rows × weights, from which a second thread saves a step of
# training more than a fifth of its time. OpenBLAS starts its threads for far less. They
# wait for each other, so that another process that takes the core of one holds up all.
LARGE_PRODUCT = 24_000_000


@contextmanager
def threads_for(n_rows, n_weights):
    """Limit BLAS to one thread if products of rows and weights are small.

    Contexts may overlap, also in several Python threads: the first one sets the limit,
    and the last one removes it.

    Parameters
    ----------
    n_rows : int
        Number of rows that are multiplied at a time.

    n_weights : int
        Number of elements of the largest matrix of weights.
    """
    limits = () if n_rows * n_weights >= LARGE_PRODUCT else _limits()
    inside = _Inside()
    try:
        for limit in limits:
            limit.enter(inside)
        yield
    finally:
        for limit in limits:
            limit.leave(inside)


class _Inside:
    """Someone who needs the limit; gone with its frame, also if that is interrupted."""


class _Limit:
    """A limit of one thread on some libraries, while anyone is inside."""

    # One for all instances, since the libraries are.
    _lock = Lock()

    def __init__(self, libraries):
        self._libraries = libraries
        self._all_inside = WeakSet()
        self._before = {}

    def enter(self, inside):
        with self._lock:
            self._all_inside.add(inside)
            for lib in self._libraries:
                number = lib.get_num_threads()
                if number and number > 1:
                    self._before[lib] = number
                    if not _set_threads(lib, 1):
                        del self._before[lib]

    def leave(self, inside):
        with self._lock:
            self._all_inside.discard(inside)
            if self._all_inside:
                return
            for lib, number in list(self._before.items()):
                # Another number than ours is a later limit of someone else.
                if lib.get_num_threads() == 1 and not _set_threads(lib, number):
                    _release(lib, force=True)
                    _set_threads(lib, number)
                _release(lib)
                del self._before[lib]


class _OwnLimit(local, _Limit):
    """The same for libraries in which each Python thread has a limit of its own."""


def _set_threads(library, number):
    """Set the number of threads of a library; returns whether that had an effect."""
    library.set_num_threads(number)
    return library.get_num_threads() == number


def _release(library, force=False):
    """Let other Python threads set the number of threads.

    From 3.8 on threadpoolctl leaves that to the Python thread that did it first.
    """
    if hasattr(library, "clear_controlling_thread"):
        library.clear_controlling_thread(force=force)


@cache
def _limits():
    """The limits on the BLAS libraries of this process."""
    shared, own = [], []
    for lib in ThreadpoolController().select(user_api="blas").lib_controllers:
        openmp = getattr(lib, "threading_layer", None) == "openmp"
        (own if openmp else shared).append(lib)
    return _Limit(shared), _OwnLimit(own)
