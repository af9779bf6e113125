"""Small faults of the package, each of which some test has to notice.

The tables next to this file, one for a few rooms of the package, are read line by line:

    * units/_bernoulli.py          a module of skdbn
    = test_units.py: mean or link  tests to run: files, and what -k takes of them
    @ Bernoulli.mean               the class or function in which to look for the text
    - np.divide(1, out, out=out)   the text, which occurs once there
    + np.divide(2, out, out=out)   what stands in its place

A line holds for all below it, until the next of its kind; a place ends with its module.
Lines with # say why a fault cannot be seen from outside, where one might expect it here.
"""

import ast
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

TABLES = sorted(Path(__file__).parent.glob("*.txt"))


parse = lru_cache(1)(ast.parse)


class Mutant(NamedTuple):
    """A line of a module that is broken, and the tests that ought to notice."""

    module: str
    place: str
    old: str
    new: str
    tests: str

    def __str__(self):
        place = self.place and f" {self.place}"
        return f"{self.module}{place}: {self.old} → {self.new or 'nothing'}"

    @property
    def files(self):
        """The files of tests, and the expression that chooses some of theirs."""
        files, _, chosen = self.tests.partition(":")
        return files.split(), chosen.strip()

    def apply(self, source):
        """The source of the module with the fault in it."""
        lines = source.splitlines(keepends=True)
        node = parse(source)
        for name in self.place.split(".") if self.place else ():
            node = next(
                (one for one in node.body if getattr(one, "name", None) == name), None
            )
            if node is None:
                raise LookupError(f"{self.module} has no {self.place}")
        first, last = (
            getattr(node, "lineno", 1),
            getattr(node, "end_lineno", len(lines)),
        )
        own = "".join(lines[first - 1 : last])
        if own.count(self.old) != 1:
            raise LookupError(f"occurs {own.count(self.old)} times: {self}")
        own = own.replace(self.old, self.new)
        return "".join([*lines[: first - 1], own, *lines[last:]])


def read(path):
    """The mutants of a table."""
    found, module, place, tests, old = [], "", "", "", ""
    for line in path.read_text(encoding="utf-8").splitlines():
        kind, text = line[:1], line[2:]
        if kind == "*":
            module, place = text, ""
        elif kind == "@":
            place = text
        elif kind == "=":
            tests = text
        elif kind == "-":
            old = text
        elif kind == "+":
            found.append(Mutant(module, place, old, text, tests))
        elif kind not in ("", "#"):
            raise ValueError(
                f"{path.name} has a line that begins with {kind!r}: {line}"
            )
    return found


MUTANTS = [mutant for path in TABLES for mutant in read(path)]
