"""The tables in README.md and the documentation are those of the result pages."""

import importlib
import re
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"

PAGES = {
    "speed-epochs": """# An epoch

| dtype | batch × visible × hidden |  | epoch ÷ floor | seconds |
| --- | --- | --- | --- | --- |
| float32 | 10 × 784 × 256 | skdbn CD-1 | 1.42 (1.41 to 1.45) | 0.26 |
| float32 | 10 × 784 × 256 | scikit-learn | 5.77 (5.73 to 5.93) | 1.06 |
| float32 | 100 × 784 × 64 | skdbn CD-1 | 1.77 (1.71 to 1.82) | 0.04 |
| float64 | 10 × 784 × 256 | skdbn CD-1 | 1.25 (1.20 to 1.28) | 0.52 |

A machine.
""",
    "peers-likelihood": """# Likelihood

|  | planned | rate | validation, lower end |
| --- | --- | --- | --- |
| scikit-learn | 60 | 0.01 | -90.00 |

|  | planned | rate | seconds to −100 | forward | lower end |
| --- | --- | --- | --- | --- | --- |
| skdbn | 5 | 0.1 to 0 | 3.1 | -85.00 | -85.26 |
| skdbn | 60 | 0.1 to 0 | 14.0 | -70.00 | -71.04 ± 0.10 |
| torch | 5 | 0.1 to 0 | not in 5 | -150.00 | -150.26 |
| torch | 60 | 0.1 to 0 | not in 61 | -109.00 | -110.00 |
| scikit-learn | 60 | 0.01 | not in 60 | -120.00 | -120.51 |
""",
    "peers-labels": """# Labels

| features | rate | C | test error, % | each seed |
| --- | --- | --- | --- | --- |
| raw pixels |  | 0.1 | 13.00 ± 0.10 | 12.90, 13.10 |
| skdbn | 0.1 | 1 | 8.00 ± 0.20 | 7.80, 8.20 |
| scikit-learn | 0.01 | 1 | 9.00 ± 0.30 | 8.70, 9.30 |
""",
    "peers-memory": """# Memory

|  | MiB above the data |
| --- | --- |
| skdbn | 9 (8 to 10) |
| scikit-learn | 30 (29 to 31) |
""",
}
SPEED = """Text.

<!-- table: speed -->

| batch × hidden | skdbn CD-1 | scikit-learn |
| --- | --- | --- |
| 10 × 256 | 1.42 | 5.77 |
| 100 × 64 | 1.77 |  |

<!-- end of table -->

More text.
"""
PEERS = """\
.. table: peers

============ ==================== ===================== ========================== ===========
\\            seconds to −100 nats nats after 60 seconds error with 1,000 labels, % memory, MiB
============ ==================== ===================== ========================== ===========
raw pixels                                              13.00 ± 0.10
skdbn        3.1                  −71.0                 8.00 ± 0.20                9
scikit-learn not in 60            −120.5                9.00 ± 0.30                30
torch        not in 61            −110.0
============ ==================== ===================== ========================== ===========

.. end of table
"""


@pytest.fixture
def tables(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS.parent)
    return importlib.import_module("benchmarks.tables")


@pytest.fixture
def pages(tables, tmp_path, monkeypatch):
    for name, text in PAGES.items():
        (tmp_path / f"{name}.md").write_text(text)
    monkeypatch.setattr(tables, "RESULTS", tmp_path)


def test_files_have_the_tables_of_the_pages(tables):
    for path in tables.files():
        text = path.read_text()
        assert text == tables.filled(text, path.suffix), (
            f"{path.name}: run python -m benchmarks.tables"
        )


def test_every_table_has_a_place(tables):
    text = "\n".join(path.read_text() for path in tables.files())
    assert all(re.search(rf"\btable: {name}\b", text) for name in tables.TABLES)


@pytest.mark.parametrize(
    "suffix, expected", [(".md", SPEED), (".rst", PEERS)], ids=["Markdown", "reST"]
)
def test_what_is_between_the_comments_is_replaced(tables, pages, suffix, expected):
    lines = expected.splitlines(keepends=True)
    first, last = (
        next(i for i, line in enumerate(lines) if sign in line)
        for sign in ("table: ", "end of table")
    )
    for old in ([], ["\n", "| old |\n"], lines[first + 1 : last]):
        text = "".join([*lines[: first + 1], *old, *lines[last:]])
        assert tables.filled(text, suffix) == expected


@pytest.mark.parametrize(
    "text, message",
    [
        (
            "<!-- table: sped -->\n<!-- end of table -->\n",
            "No table 'sped': use one of",
        ),
        (
            "<!-- table: speed -->\n\n| 1 |\n",
            "has no end: write '<!-- end of table -->'",
        ),
    ],
)
def test_bad_places(tables, text, message):
    with pytest.raises(ValueError, match=message):
        tables.filled(text, ".md")
