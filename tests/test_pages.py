"""The code on the pages of the guide and in the README runs."""

import inspect
import re
import textwrap
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
import sklearn.datasets

import skdbn
from skdbn._training._session import Session

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.rst"))]
# What the code of a page says, and what is the default, for a short run.
SHORTER = {
    "n_steps": 2,
    "trace": 1,
    "n_betas": 20,
    "n_chains": 2,
    "n_samples": 2,
    "cv": 2,
}


def blocks(path):
    """The pieces of Python on a page, in order."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    found = re.findall(r"^(?!\.\. ).*::\n((?:\n| +.*\n)+)", text + "\n", re.MULTILINE)
    codes = map(textwrap.dedent, found)
    return [code for code in codes if not code.lstrip().startswith("pip ")]


def shorter(code):
    for name, number in SHORTER.items():
        code = re.sub(rf"\b{name}=\d+", f"{name}={number}", code)
    return code


@pytest.fixture(autouse=True)
def short_runs(monkeypatch):
    """A single epoch, few rows and short chains."""
    modules = skdbn, skdbn.evaluation, skdbn.plotting
    functions = [getattr(module, name) for module in modules for name in module.__all__]
    for cls in filter(inspect.isclass, functions[:]):
        functions += [getattr(cls, name) for name in dir(cls)]
    for function in functions:
        defaults = getattr(function, "__kwdefaults__", None) or {}
        for name in SHORTER.keys() & defaults.keys():
            monkeypatch.setitem(defaults, name, SHORTER[name])

    run = Session.run

    def run_briefly(self, source, batch_size, n_epochs=1, *others):
        return run(self, source, batch_size, min(n_epochs, 1), *others)

    monkeypatch.setattr(Session, "run", run_briefly)
    load = sklearn.datasets.load_digits

    def load_few(**settings):
        digits = load()
        digits.data, digits.target = digits.data[:120], digits.target[:120]
        return (digits.data, digits.target) if settings else digits

    monkeypatch.setattr(sklearn.datasets, "load_digits", load_few)


@pytest.fixture
def yours():
    """What a page says is the reader's."""
    frame = pd.DataFrame(
        {
            "description": ["red and small", "blue", "small", "red"] * 4,
            "city": ["Rome", "Oslo", "Rome", "Kyiv"] * 4,
            "price": [1.0, 2.0, np.nan, 4.0] * 4,
            "weight": [0.3, np.nan, 0.1, 0.2] * 4,
        }
    )
    return {"frame": frame, "labels": np.arange(16) % 2}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "path", [path for path in PAGES if blocks(path)], ids=lambda path: path.stem
)
def test_code_runs(path, yours, tmp_path, monkeypatch):
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    names = dict(yours)
    for code in blocks(path):
        exec(compile(shorter(code), str(path), "exec"), names)  # noqa: S102
