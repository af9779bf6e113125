"""Pages of the benchmarks: ratios of their times to a floor in the same process.

A class has `params`, `param_names`, `setup` and methods `time_*`, as asv wants them; the
docstring of a method is its name on the page. `floor` names the method that the others
are divided by, timed just before and after each of them. Methods `track_*` return a
number. Where a class has `n_iter`, the time of an epoch is that of three less that of
one, halved.
"""

import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from functools import partial
from importlib.util import find_spec
from itertools import product
from multiprocessing import get_context

import numpy as np
from threadpoolctl import threadpool_limits

from .._harness import Table, spread

N_VISIBLE = 784


def random_bits(n_rows, dtype="float32", n_features=N_VISIBLE):
    """One bit in five is set."""
    return (np.random.default_rng(0).random((n_rows, n_features)) < 0.2).astype(dtype)


def apart(module):
    """Time a method in a process of its own, where the module is installed.

    Two thread pools in one process disturb each other.
    """

    def mark(method):
        method.module = module
        return method

    return mark


def seconds(call, clock=time.perf_counter):
    """Seconds of one call."""
    start = clock()
    call()
    return clock() - start


def measured(bench, name, params):
    """Seconds of a method, or what it returns."""
    method = partial(getattr(bench, name), *params)
    if name.startswith("track_"):
        return method()
    if not hasattr(bench, "n_iter"):
        return seconds(method, bench.clock)
    found = []
    for bench.n_iter in (3, 1):
        found.append(seconds(method, bench.clock))
    return (found[0] - found[1]) / 2


def measured_apart(kind, n_rows, params, name, threads):
    if threads:
        import torch

        torch.set_num_threads(threads)
    bench = prepared(kind, n_rows, params)
    bench.n_iter = 1
    getattr(bench, name)(*params)
    return measured(bench, name, params)


def prepared(kind, n_rows, params):
    bench = kind()
    bench.n_rows = n_rows
    bench.setup(*params)
    return bench


def methods(kind):
    """The methods that are reported, in order."""
    names = [name for name in dir(kind) if name.startswith(("time_", "track_"))]
    own = [getattr(kind, name) for name in names if name != kind.floor]
    here = [m for m in own if m and find_spec(getattr(m, "module", "numpy"))]
    return sorted(here, key=lambda method: method.__code__.co_firstlineno)


def once(kind, bench, n_rows, params, method, threads):
    if not hasattr(method, "module"):
        return measured(bench, method.__name__, params)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        args = kind, n_rows, params, method.__name__, threads
        return pool.submit(measured_apart, *args).result()


def page(kind, n_rows, repeats):
    """The table of a benchmark."""
    threads = kind.threads if kind.by_threads else [None]
    head = ["threads"] * kind.by_threads + [*kind.param_names, "", kind.ratio]
    table = Table([*head, *([f"÷ {kind.first}"] if kind.first else []), "seconds"])
    for n in threads:
        with threadpool_limits(n) if n else nullcontext():
            for params in product(*kind.params):
                for cells in rows(kind, n_rows, repeats, params, n):
                    shown = [kind.shown(param) for param in params]
                    table.add(*([n] if n else []), *shown, *cells)
    return table


def rows(kind, n_rows, repeats, params, threads):
    """The method, its ratios and seconds, for each method."""
    bench, own = prepared(kind, n_rows, params), methods(kind)
    ratios, times = ({method: [] for method in own} for _ in range(2))
    for _ in range(repeats):
        for method in own:
            before = measured(bench, kind.floor, params) if kind.floor else 0.5
            spent = once(kind, bench, n_rows, params, method, threads)
            after = measured(bench, kind.floor, params) if kind.floor else 0.5
            ratios[method].append(2 * spent / (before + after) if kind.floor else spent)
            times[method].append(spent)
    for method in own:
        cells = [method.__doc__, spread(ratios[method])]
        if kind.first:
            cells.append(spread(np.divide(ratios[method], ratios[own[0]])))
        seconds = f"{np.median(times[method]):.4g}" if kind.floor else ""
        yield [*cells, seconds]


class Benchmark:
    """What a page needs beside what asv does."""

    n_rows = 10_000
    floor = "time_products"
    ratio = "÷ products"
    by_threads = False
    threads = (1, 2)
    clock = time.perf_counter
    # What the first method is called, where the others are divided by it as well.
    first = None
    timeout = 600

    @staticmethod
    def shown(param):
        """A parameter in a cell: sizes are tuples, and cases are tuples with sizes."""
        if not isinstance(param, tuple):
            return param
        sign = ", " if isinstance(param[0], str) else " × "
        return sign.join(str(Benchmark.shown(one)) for one in param)
