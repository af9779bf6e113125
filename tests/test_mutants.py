"""The faults in the tables of ``mutants`` are faults of the package as it is."""

from pathlib import Path

import pytest
from mutants import MUTANTS, Mutant, read

import skdbn

PACKAGE, TESTS = Path(skdbn.__file__).parent, Path(__file__).parent
# Rooms that ask other libraries to do something, to draw for example.
LEFT_OUT = ("plotting", "_utils")
# Modules that say only what others have to define, or what their defaults are.
DECLARATIONS = {
    "units/_conditional.py",
    "units/_differentiable.py",
    "units/_enumerable.py",
    "_estimators/_bernoulli_rbm.py",
}
SOURCE = "def f(x):\n    return x + 1\n\n\ndef g(x):\n    return x + 1\n"


def test_each_fault_is_one():
    for mutant in MUTANTS:
        source = (PACKAGE / mutant.module).read_text(encoding="utf-8")
        assert mutant.apply(source) != source


def test_no_fault_is_listed_twice():
    assert len({mutant[:4] for mutant in MUTANTS}) == len(MUTANTS)


def test_their_tests_are_there():
    names = {name for mutant in MUTANTS for name in mutant.files[0]}
    assert names <= {path.name for path in TESTS.glob("test_*.py")}
    assert all(mutant.files[0] for mutant in MUTANTS)


def test_every_module_that_computes_has_some():
    modules = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.glob("*/_[!_]*.py")
        if path.parent.name not in LEFT_OUT
    }
    assert modules - {mutant.module for mutant in MUTANTS} == DECLARATIONS


def test_place_of_a_fault():
    mutant = Mutant("f.py", "g", "x + 1", "x - 1", "test_f.py: f or g")
    assert mutant.apply(SOURCE) == SOURCE[:-2].removesuffix("+ ") + "- 1\n"
    assert mutant.files == (["test_f.py"], "f or g")
    with pytest.raises(LookupError, match="2 times"):
        mutant._replace(place="").apply(SOURCE)
    with pytest.raises(LookupError, match="no h"):
        mutant._replace(place="h").apply(SOURCE)


def test_lines_hold_until_the_next_of_their_kind(tmp_path):
    table = tmp_path / "table.txt"
    table.write_text(
        "* a.py\n= t.py\n@ f\n- 1\n+ 2\n# Why\n- 3\n+\n\n* b.py\n- 4\n+ 5\n"
    )
    assert read(table) == [
        Mutant("a.py", "f", "1", "2", "t.py"),
        Mutant("a.py", "f", "3", "", "t.py"),
        Mutant("b.py", "", "4", "5", "t.py"),
    ]
    table.write_text("? a.py\n")
    with pytest.raises(ValueError, match="begins with '\\?'"):
        read(table)
