"""Imports point down the floors, and outside packages come in by their door."""

import ast
import sys
from pathlib import Path

import pytest

import skdbn

ROOT = Path(skdbn.__file__).parent

# Modules of each floor, and the highest other floor that they may import.
FLOORS = [
    ("_utils exceptions schedules", 0),
    ("units", 0),
    ("machines", 1),
    ("_samplers _updates", 2),
    ("gradients", 3),
    ("_data", 3),
    ("_networks", 4),
    ("_training evaluation", 6),
    ("_estimators", 7),
    ("structured", 8),
    ("plotting __main__", 2),
    ("testing", 9),
]
FLOOR = {
    name: floor for floor, (names, _) in enumerate(FLOORS) for name in names.split()
}
SKLEARN_FLOORS = {0, 5, 7, 8, 9, 10, 11}
# What these files of the floors without scikit-learn may take from sklearn.base.
ALLOWED = {
    "units/_base.py": "BaseEstimator",
    "gradients/_base.py": "BaseEstimator",
    "_updates/_sparsity.py": "BaseEstimator",
    "units/__init__.py": "clone",
    "gradients/__init__.py": "clone",
}
OUTSIDE = sys.stdlib_module_names | {"numpy", "scipy", "joblib", "threadpoolctl"}


def imports(path, tree):
    """Yield line, dotted name and whether inside a function, of all imports."""
    package = ["skdbn", *Path(path).parent.parts]
    todo = [(tree, False)]
    while todo:
        node, inside = todo.pop()
        inside = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        todo.extend((child, inside) for child in ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            modules, names = [], [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = package[: len(package) + 1 - node.level] if node.level else []
            modules = [*modules, *([node.module] if node.module else [])]
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            yield node.lineno, ".".join([*modules, name]), inside


def complaint(path, target, inside):
    """Say what is wrong with the import of `target` in the file `path`, if anything."""
    source = Path(path).parts[0].removesuffix(".py")
    top, *parts = target.split(".")
    if top == "skdbn":
        if source == "__init__" or parts[:1] == [source]:
            return None
        if not parts or parts[0] not in FLOOR:
            return "may not: that is the package itself, above all floors"
        if FLOOR[parts[0]] > FLOORS[FLOOR[source]][1]:
            return f"is on floor {FLOOR[source]}, {parts[0]} on {FLOOR[parts[0]]}"
    elif top == "sklearn":
        private = "callback" in parts[:1] or any(p.startswith("_") for p in parts)
        if private and path != "_utils/_sklearn.py":
            return "must take private and experimental names from _utils/_sklearn"
        if target == f"sklearn.base.{ALLOWED.get(path)}":
            return None
        if FLOOR.get(source) not in SKLEARN_FLOORS:
            return "is on a floor without scikit-learn"
    elif top == "matplotlib":
        if source != "plotting" or not inside:
            return "may not: matplotlib is for functions in plotting only"
    elif top == "skimage":
        if path != "structured/_images.py" or not inside:
            return "may not: skimage is for functions in structured/_images.py only"
    elif top not in OUTSIDE:
        return f"may not: {top} is no dependency"
    return None


def violations(path, text):
    """List what is wrong with the imports of one file, path relative to skdbn/."""
    source = Path(path).parts[0].removesuffix(".py")
    if source not in FLOOR and path != "__init__.py":
        return [f"{path} has no floor: give it one in FLOORS"]
    return [
        f"{path}:{line} imports {target}, but {source} {problem}"
        for line, target, inside in imports(path, ast.parse(text))
        if (problem := complaint(path, target, inside))
    ]


@pytest.mark.parametrize(
    "path", sorted(file.relative_to(ROOT).as_posix() for file in ROOT.rglob("*.py"))
)
def test_imports_point_down(path):
    found = violations(path, (ROOT / path).read_text(encoding="utf-8"))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "path, text",
    [
        ("__init__.py", "from ._estimators import RBM"),
        ("_utils/_sklearn.py", "from sklearn.base import _fit_context"),
        ("units/__init__.py", "from ._base import Units"),
        ("units/_base.py", "from sklearn.base import BaseEstimator"),
        ("units/_bernoulli.py", "from .._utils import _numerics\nimport numpy as np"),
        ("gradients/_contrastive.py", "from skdbn.units import Bernoulli"),
        ("evaluation/_partition.py", "from .. import units, _utils"),
        ("_estimators/_rbm.py", "from ..machines import Machine\nimport sklearn"),
        ("plotting/_base.py", "def show():\n    import matplotlib.pyplot as plt"),
        ("structured/_crf.py", "from .._estimators._rbm import RBM\nimport sklearn"),
        ("structured/_images.py", "def cut():\n    from skimage import color"),
    ],
)
def test_checker_accepts(path, text):
    assert violations(path, text) == []


@pytest.mark.parametrize(
    "path, text",
    [
        ("units/_bernoulli.py", "from ..machines import RestrictedMachine"),
        ("units/_bernoulli.py", "from .. import machines"),
        ("units/_bernoulli.py", "from skdbn import RBM"),
        ("units/_bernoulli.py", "from .. import *"),
        ("units/_bernoulli.py", "import skdbn"),
        ("units/_bernoulli.py", "import skdbn.machines._restricted"),
        ("units/_bernoulli.py", "def f():\n    from ..machines import x"),
        ("units/_bernoulli.py", "from sklearn.base import BaseEstimator"),
        ("units/_base.py", "from sklearn.base import clone"),
        ("machines/_base.py", "from ..gradients import Gradient"),
        ("_samplers/_chains.py", "from ..gradients import Gradient"),
        ("_training/_session.py", "from .._estimators import DBNTransformer"),
        ("_estimators/_rbm.py", "from sklearn.base import _fit_context"),
        ("_estimators/_rbm.py", "from sklearn.utils._param_validation import Interval"),
        ("_estimators/_rbm.py", "from sklearn import callback"),
        ("_estimators/_rbm.py", "import sklearn.callback"),
        ("_estimators/_rbm.py", "import matplotlib"),
        ("plotting/_base.py", "import matplotlib"),
        ("plotting/_base.py", "from ..structured import Graph"),
        ("structured/_images.py", "import skimage"),
        ("structured/_crf.py", "def cut():\n    import skimage"),
        ("_utils/_numerics.py", "import pandas"),
        ("_new.py", ""),
        ("new/__init__.py", ""),
    ],
)
def test_checker_catches(path, text):
    assert len(violations(path, text)) == 1
