"""Seeds, tiny machines, and no silent skips."""

import os
from importlib.util import find_spec
from math import isqrt
from random import Random

# Read by SciPy when it is imported; without it scikit-learn skips some of its checks.
os.environ["SCIPY_ARRAY_API"] = "1"

import numpy as np
import pytest
import sklearn
from _oracle import is_finite

from skdbn import units
from skdbn.machines import RestrictedMachine

sklearn_version = tuple(map(int, sklearn.__version__.split(".")[:2]))

# Vary it to find tests that pass by luck.
SEED = int(os.environ.get("SKDBN_TEST_SEED", "0"))

# A test that is skipped for any other reason fails.
CALLBACKS = "scikit-learn has callbacks from 1.9 on"
IMAGES = "superpixels need scikit-image"
SKIPS = (CALLBACKS, IMAGES)

# By the version: a callback that cannot be imported from a later one is no skip.
needs_callbacks = pytest.mark.skipif(sklearn_version < (1, 9), reason=CALLBACKS)


needs_images = pytest.mark.skipif(find_spec("skimage") is None, reason=IMAGES)


def pytest_addoption(parser):
    parser.addoption(
        "--quick",
        action="store_true",
        help="skip tests marked slow, and run those with n sets of parameters for "
        "about the square root of n of them",
    )


def pytest_collection_modifyitems(config, items):
    if not config.getoption("quick"):
        return
    functions = {}
    for item in items:
        functions.setdefault(item.nodeid.partition("[")[0], []).append(item)
    kept = set()
    for name, own in functions.items():
        if own[0].get_closest_marker("slow") is None:
            # Another seed chooses other sets of parameters.
            kept.update(Random(f"{SEED} {name}").sample(own, isqrt(len(own))))
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]


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


def new_units(kind, n_units, moments=None, dtype=np.float64):
    """A layer of a kind as the oracle names it; softmax groups are of 3 units."""
    if isinstance(kind, str):
        found = units.Softmax(3) if kind == "softmax" else units.REGISTRY[kind]()
    else:
        found = units.Concatenated(
            [
                ("softmax", n // 3, 3) if name == "softmax" else (name, n)
                for name, n in kind
            ]
        )
    return found.start(n_units, moments, dtype)


@pytest.fixture
def make_units():
    """Units of a type, or of several side by side, as a layer of some width."""
    return new_units


def default_size(names, side):
    """How many units of a side can be enumerated."""
    kind, other = names[side], names[1 - side]
    if not isinstance(kind, str):
        return sum(n for _, n in kind)
    if is_finite(kind):
        return 6 if kind == "softmax" else 4 - side
    return 2 if is_finite(other) else 2 - side


@pytest.fixture
def make_machine(rng):
    """A machine small enough to enumerate, with weights that matter.

    Of most types with finitely many values there are 4 visible and 3 hidden units.
    Where values have no bounds weights are small enough for a normalizer.
    """

    def make(n_visible=None, n_hidden=None, names=("bernoulli",) * 2, dtype=np.float64):
        n_visible, n_hidden = (
            default_size(names, side) if n is None else n
            for side, n in enumerate((n_visible, n_hidden))
        )
        arrays = [
            rng.normal(0, 1, (n_visible, n_hidden)),
            rng.normal(0, 0.5, n_visible),
            rng.normal(0, 0.5, n_hidden),
        ]
        # A spin goes from one end to the other by twice as much.
        arrays[0] /= 2 ** sum("spin" in str(kind) for kind in names)
        moments = None
        if not all(map(is_finite, names)):
            arrays = [np.clip(array, -1, 1) * 0.4 for array in arrays]
            # Those of columns of data, from which variances are learned.
            moments = 10, rng.normal(size=n_visible), rng.uniform(0.5, 2, n_visible)
        return RestrictedMachine(
            *(array.astype(dtype) for array in arrays),
            new_units(names[0], n_visible, moments, dtype),
            new_units(names[1], n_hidden, dtype=dtype),
        )

    return make


@pytest.fixture
def machine(make_machine):
    return make_machine()
