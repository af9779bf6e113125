"""Tests of a checkout, each time in a process that has not seen the package."""

import multiprocessing
import os
import re
import signal
import sys
from contextlib import suppress

import pytest

# Seconds after which tests hang.
PATIENCE = 300
# Tests run in copies of a process that has imported what takes long, and not the package.
LARGE = """
    numpy pandas polars scipy.stats matplotlib.pyplot pytest _pytest.doctest hypothesis
    sklearn.pipeline sklearn.model_selection sklearn.linear_model sklearn.neural_network
    sklearn.semi_supervised sklearn.impute sklearn.cluster sklearn.utils.estimator_checks
"""
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(LARGE.split())


def child(root, arguments, output):
    """Run pytest in a checkout, in a process and a group of its own."""
    os.setsid()
    os.chdir(root)
    with open(output, "w") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    code = pytest.main(arguments)
    sys.stdout.flush()
    # Not to wait for workers that tests have left behind.
    os._exit(code)


def run(root, files, chosen=""):
    """How the tests of a checkout end: how, and the first that fails."""
    arguments = ["-xq", "--tb=no", "-pno:cacheprovider", "-k", chosen]
    arguments += [f"tests/{file}" for file in files]
    output = root / "output"
    process = SERVER.Process(target=child, args=(root, arguments, output))
    process.start()
    process.join(PATIENCE)
    hangs = process.is_alive()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    if hangs:
        process.kill()
        process.join()
        return "caught", f"tests that run for {PATIENCE} s"
    if process.exitcode == 0:
        return "SURVIVED", ""
    said = output.read_text()
    first = re.search(r"^(?:FAILED|ERROR) tests/(\S+)", said, re.MULTILINE)
    if process.exitcode == 1 and first:
        return "caught", first[1]
    return "DOES NOT RUN", said[-1000:]
