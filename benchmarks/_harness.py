"""What the benchmarks share: the floor, the machine, tables in Markdown."""

import json
import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import joblib
import numpy as np

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "learnergy", "rbms")


def floor_seconds(n_rows, batch, n_visible, n_hidden, dtype):
    """Seconds for an epoch of nothing but the five matrix products of a CD-1 step."""
    rng = np.random.default_rng(0)
    v, w, h = (
        rng.random(shape).astype(dtype)
        for shape in ((batch, n_visible), (n_visible, n_hidden), (batch, n_hidden))
    )
    hidden, visible, change = np.empty_like(h), np.empty_like(v), np.empty_like(w)
    start = time.perf_counter()
    for _ in range(n_rows // batch):
        np.dot(v, w, out=hidden)
        np.dot(h, w.T, out=visible)
        np.dot(v, w, out=hidden)
        np.dot(v.T, h, out=change)
        np.dot(v.T, h, out=change)
    return time.perf_counter() - start


def seconds(call):
    """Seconds of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def epoch_seconds(make, X):
    """Seconds of an epoch of ``make(n_iter)``, without validation and first steps."""
    return (seconds(lambda: make(3).fit(X)) - seconds(lambda: make(1).fit(X))) / 2


def paired_ratios(runs, floor, repeats):
    """For each run its times ÷ the floor just before and after it, in turn."""
    ratios = {name: [] for name in runs}
    times = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            before = floor()
            spent = run()
            ratios[name].append(2 * spent / (before + floor()))
            times[name].append(spent)
    return ratios, times


def spread(values, digits=2):
    """Median with the smallest and the largest value."""
    return (
        f"{np.median(values):.{digits}f} "
        f"({min(values):.{digits}f} to {max(values):.{digits}f})"
    )


def mean_and_spread(values, digits=2):
    """Mean and standard deviation over seeds."""
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{np.mean(values):.{digits}f} ± {np.std(values):.{digits}f}"


def announce(*cells):
    """Print a row while a benchmark goes on."""
    print(*cells, sep="  ", flush=True)


def table(header, rows):
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def machine():
    """Processor, cores and versions, for the foot of a table."""
    cpu = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as lines:
            names = [line for line in lines if line.startswith("model name")]
        cpu = names[0].split(":")[1].strip() if names else cpu
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return (
        f"{cpu}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        + ", ".join(found)
    )


def report(name, title, text, command):
    """Print a result and keep it under benchmarks/results."""
    page = f"# {title}\n\n{text}\n\n{machine()}. Made by `{command}`.\n"
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text(page)
    print(page)


class Kept:
    """Results and pre-trained nets in a folder, each made once."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def result(self, name, make):
        """What `make()` returns, a dict of numbers, with its seconds."""
        path = self.folder / f"{name}.json"
        if not path.exists():
            start = time.perf_counter()
            found = make()
            found["seconds"] = time.perf_counter() - start
            self._write(path, lambda new: new.write_text(json.dumps(found)))
            announce(name, found)
        return json.loads(path.read_text())

    def model(self, name, make):
        """The fitted estimator that `make()` returns."""
        path = self.folder / f"{name}.joblib"
        if not path.exists():
            model = make()
            self._write(path, lambda new: joblib.dump(model, new))
        return joblib.load(path)

    def _write(self, path, write):
        new = path.with_suffix(".new")
        write(new)
        new.replace(path)


def digits(folder):
    """Training and test digits with pixels between 0 and 1."""
    with np.load(folder / "mnist.npz") as data:
        for part in ("train", "test"):
            yield (data[f"X_{part}"] / 255).astype(np.float32)
            yield data[f"y_{part}"]
