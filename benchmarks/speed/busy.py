"""Steps of training with one and with all threads, idle and beside a busy process."""

import subprocess
import sys
import time
from contextlib import contextmanager
from unittest.mock import patch

from skdbn import BernoulliRBM
from skdbn._utils import _threads

from .._harness import Table, spread
from ._measure import random_bits, seconds

LIMITS = {"one": float("inf"), "all": 0}
SIZES = (
    (10, 64, 256),
    (10, 784, 256),
    (100, 64, 256),
    (100, 784, 256),
    (100, 784, 350),
    (100, 784, 500),
    (128, 784, 1024),
)
HEADER = (
    "batch × visible × hidden | multiplications in a product, millions"
    " | threads that skdbn takes | one thread | all threads | one thread, busy"
    " | all threads, busy"
)


@contextmanager
def busy_process():
    """Another process that takes all the time of a core that it is given."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(0.2)
        yield
    finally:
        process.kill()
        process.wait()


def milliseconds(large, X, n_steps, batch, hidden):
    """Of a step, where products of so many multiplications take all threads."""
    rbm = BernoulliRBM(
        hidden, n_iter=3, batch_size=batch, learning_rate=0.05, random_state=0
    )
    with patch.object(_threads, "LARGE_PRODUCT", large):
        return 1000 * seconds(lambda: rbm.fit(X)) / (3 * n_steps)


def busy(n_rows, repeats):
    """A step of training in milliseconds, alone and beside a busy process"""
    table = Table(HEADER)
    for batch, n_visible, hidden in SIZES:
        n_steps = min(n_rows // batch, 200, 5 + 2**28 // (batch * n_visible * hidden))
        X = random_bits(n_steps * batch, "float32", n_visible)
        times = {(limit, state): [] for state in ("idle", "busy") for limit in LIMITS}

        def measure(state):
            for limit, large in LIMITS.items():
                spent = milliseconds(large, X, n_steps, batch, hidden)
                times[limit, state].append(spent)

        for _ in range(repeats):
            measure("idle")
            with busy_process():
                measure("busy")
        n_products = max(batch, 50) * n_visible * hidden
        table.add(
            f"{batch} × {n_visible} × {hidden}",
            f"{n_products / 1e6:.1f}",
            "all" if n_products >= _threads.LARGE_PRODUCT else "one",
            *map(spread, times.values()),
        )
    return table
