"""The frame of a study: options, parts that write pages, jobs, tables, what is kept.

study = Study(__file__, __doc__, seeds=3)

@study.part
def errors(run):
    '''Title of the page

    Its text, with {seeds} and what the function returns: {table}
    '''
    ...
    return dict(table=table)

if __name__ == "__main__":
    study.main()
"""

import argparse
import inspect
import json
import os
import platform
import shlex
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import joblib
import numpy as np

from skdbn.schedules import Linear

from ._scores import BRACKET

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "learnergy", "rbms")


class Study:
    """Parts that write pages, and the options of their command.

    An option has the type of its default: a list is what can be chosen from, Path a
    folder that has to be given, and None one that may be.
    """

    def __init__(self, file, doc, module="benchmarks.studies", **options):
        self.name = Path(file).stem
        self.module, self.doc = f"{module}.{self.name}", doc
        self.options, self.parts = options, {}

    def part(self, function=None, page=None, name=None):
        """Register a function that fills in its docstring, a page of this name."""
        if function is None:
            return lambda function: self.part(function, page)
        name = name or function.__name__
        page = page or f"{self.name}-{name}".replace("_", "-")
        self.parts[name] = function, page
        return function

    def main(self, arguments=None):
        parser = argparse.ArgumentParser(
            prog=f"python -m {self.module}",
            description=self.doc,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.add_argument("data", type=Path, help="folder, see benchmarks/_data.py")
        parser.add_argument("--jobs", type=int, default=2, help="fits at a time")
        parser.add_argument("--pages", type=Path, default=RESULTS, help="folder")
        self._add(parser, "parts", list(self.parts))
        for name, default in self.options.items():
            self._add(parser, name, default)
        args = parser.parse_args(arguments)
        for name, default in self.options.items():
            if (default is None or default is Path) and getattr(args, name):
                getattr(args, name).mkdir(parents=True, exist_ok=True)
        for name in args.parts:
            args.pages.mkdir(parents=True, exist_ok=True)
            with joblib.Parallel(args.jobs) as pool:
                self._write(name, Run(pool=pool, part=name, **vars(args)))

    def _add(self, parser, name, default):
        flag = f"--{name.replace('_', '-')}"
        if isinstance(default, list):
            parser.add_argument(flag, nargs="+", choices=default, default=default)
        elif default is None or default is Path:
            parser.add_argument(flag, type=Path, required=default is Path)
        else:
            parser.add_argument(flag, type=type(default), default=default)

    def _write(self, name, run):
        function, page = self.parts[name]
        values = function(run)
        if not isinstance(values, dict):
            values = {"table": values}
        values = {"BRACKET": BRACKET} | function.__globals__ | vars(run) | values
        title, _, text = inspect.getdoc(function).partition("\n")
        paragraphs = [" ".join(part.split("\n")) for part in text.strip().split("\n\n")]
        report(
            page.format(**values),
            title.format(**values),
            "\n\n".join(paragraphs).format(**values),
            self._command(name, run),
            run.pages,
        )

    def _command(self, part, run):
        words = ["python", "-m", self.module, "DATA"]
        if len(self.parts) > 1:
            words += ["--parts", part]
        for name, default in self.options.items():
            value, flag = getattr(run, name), f"--{name.replace('_', '-')}"
            if default is Path:
                words += [flag, "DIR"]
            elif default is not None and (name == "seeds" or value != default):
                words += [
                    flag,
                    *map(str, value if isinstance(value, list) else [value]),
                ]
        return shlex.join(words)


class Run(argparse.Namespace):
    """The options of a run, and its processes."""

    def map(self, function, jobs):
        """What the function makes of each tuple of arguments, in order."""
        return self.pool(joblib.delayed(function)(*job) for job in jobs)

    def seeded(self, function, *args):
        """What the function gives with each seed, its last argument."""
        return self.map(function, [(*args, seed) for seed in range(self.seeds)])

    def scored(self, function, grid, *args):
        """The figures of each setting, the last argument; those of a setting in a row."""
        found = self.map(function, [(*args, settings) for settings in grid])
        return np.array(found)

    @property
    def kept(self):
        return Kept(self.work)


class Kept:
    """Results and fitted models in a folder, each made once."""

    def __init__(self, folder):
        self.folder = folder

    def result(self, name, function, *args):
        """What the function returns, a dict of numbers, with its seconds."""
        path = self._path(name, "json")
        if not path.exists():
            found, spent = timed(function, *args)
            found = {"seconds": spent} | found
            self._write(path, lambda new: new.write_text(json.dumps(found)))
            announce(name, found)
        return json.loads(path.read_text())

    def model(self, name, function, *args):
        """The fitted estimator, or what else the function returns."""
        path = self._path(name, "joblib")
        if not path.exists():
            model = function(*args)
            self._write(path, lambda new: joblib.dump(model, new))
        return joblib.load(path)

    def _path(self, name, suffix):
        return self.folder / f"{name}.{suffix}".replace(" ", "-")

    def _write(self, path, write):
        new = path.with_suffix(".new")
        write(new)
        new.replace(path)


class Table(list):
    """Rows under a header, "data | rate"; each is printed when it is there."""

    def __init__(self, header, rows=()):
        super().__init__(rows)
        self.header = header.split(" | ") if isinstance(header, str) else header

    def add(self, *cells):
        self.append(cells)
        announce(*cells)

    def __str__(self):
        return table(self.header, self)


def table(header, rows):
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def announce(*cells):
    """Print a row while a benchmark goes on."""
    print(*cells, sep="  ", flush=True)


def timed(function, *args):
    """What a function returns, and the seconds that it took."""
    start = time.perf_counter()
    found = function(*args)
    return found, time.perf_counter() - start


def spread(values, digits=2):
    """Median with the smallest and the largest value."""
    low, high = min(values), max(values)
    return f"{np.median(values):.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def mean_and_spread(values, digits=2):
    """Mean and standard deviation over seeds."""
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{np.mean(values):.{digits}f} ± {np.std(values):.{digits}f}"


def each(values, digits=2):
    """All values."""
    return ", ".join(f"{value:.{digits}f}" for value in values)


def spreads(runs):
    """Mean and spread of each figure of some runs, which are dicts."""
    return [mean_and_spread([run[name] for run in runs]) for name in runs[0]]


def rates(*values):
    """Learning rates that fall to zero."""
    return [Linear(value) for value in values]


def described(settings):
    """Settings in words."""
    return ", ".join(
        f"{name}={f'{value.initial} to 0' if isinstance(value, Linear) else value}"
        for name, value in settings.items()
    )


def grid_table(grid, scores, names):
    """The figures of each setting."""
    rows = zip(map(described, grid), scores, strict=True)
    return Table(["settings", *names], [[name, *map(two, row)] for name, row in rows])


def two(value):
    return f"{value:.2f}"


def machine():
    """Processor, cores and versions, for the foot of a page."""
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


def report(name, title, text, command, folder=RESULTS):
    """Print a page and keep it in a folder."""
    page = f"# {title}\n\n{text}\n\n{machine()}. Made by `{command}`.\n"
    (folder / f"{name}.md").write_text(page)
    print(page)
