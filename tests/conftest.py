"""Seeds, tiny machines, and no silent skips."""

import os

# Read by SciPy when it is imported; without it scikit-learn skips some of its checks.
os.environ["SCIPY_ARRAY_API"] = "1"

import numpy as np
import pytest

from skdbn import units
from skdbn.machines import RestrictedMachine

# Vary it to find tests that pass by luck.
SEED = int(os.environ.get("SKDBN_TEST_SEED", "0"))

# A test that is skipped for any other reason fails.
SKIPS = ("scikit-learn has callbacks from 1.9 on",)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.skipped:
        reason = str(call.excinfo.value)
        if reason not in SKIPS:
            report.outcome = "failed"
            report.longrepr = f"{item.name} was skipped: {reason}"
    return report


@pytest.fixture
def seed():
    return SEED


@pytest.fixture
def rng(seed):
    return np.random.default_rng(seed)


@pytest.fixture
def make_machine(rng):
    """A machine small enough to enumerate, with weights that matter."""

    def make(n_visible=4, n_hidden=3, names=("bernoulli",) * 2, dtype=np.float64):
        arrays = (
            rng.normal(0, 1, (n_visible, n_hidden)),
            rng.normal(0, 0.5, n_visible),
            rng.normal(0, 0.5, n_hidden),
        )
        types = (units.REGISTRY[name]() for name in names)
        return RestrictedMachine(*(array.astype(dtype) for array in arrays), *types)

    return make


@pytest.fixture
def machine(make_machine):
    return make_machine()
