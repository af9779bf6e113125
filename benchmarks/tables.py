"""Put the tables of the result pages into README.md and the documentation.

    python -m benchmarks.tables

A table goes between two comments, in Markdown and in reStructuredText:

    <!-- table: speed -->           .. table: speed
    <!-- end of table -->           .. end of table

What is between them is replaced. TABLES has the names; each is made from the pages in
``benchmarks/results`` alone, so that no figure is copied by hand.
"""

import math
import re
from pathlib import Path
from statistics import fmean

from ._harness import RESULTS, table

ROOT = Path(__file__).parent.parent
PLACES = {
    ".md": ("<!-- table: {} -->", "<!-- end of table -->"),
    ".rst": (".. table: {}", ".. end of table"),
}


def page_table(page):
    """The last table of a result page, as its header and rows."""
    lines = (RESULTS / f"{page}.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| ")]
    first = max(i for i, row in enumerate(rows) if row.startswith("| --- "))
    cells = [[cell.strip() for cell in row[1:-1].split("|")] for row in rows]
    return cells[first - 1], cells[first + 1 :]


def columns(page, *names):
    """Some columns of the last table of a page, as rows of these cells."""
    header, rows = page_table(page)
    wanted = [header.index(name) for name in names]
    return [[row[i] for i in wanted] for row in rows]


def mean(cell, digits=None):
    """The figure before a spread, "1.20" of "1.20 (1.18 to 1.22)", with a minus sign."""
    value = cell.split()[0].replace("−", "-")
    if digits is not None:
        value = f"{float(value):.{digits}f}"
    return value.replace("-", "−")


def speed():
    """An epoch ÷ its matrix products, float32: a row for each size."""
    peers, found = [], {}
    names = ("dtype", "batch × visible × hidden", "", "epoch ÷ floor")
    for dtype, size, peer, ratio in columns("speed-epochs", *names):
        if dtype == "float32":
            peer = peer.replace("torch", "PyTorch")
            batch, _, hidden = size.split(" × ")
            found.setdefault(f"{batch} × {hidden}", {})[peer] = mean(ratio)
            if peer not in peers:
                peers.append(peer)
    rows = [
        [size, *(row.get(peer, "") for peer in peers)] for size, row in found.items()
    ]
    return ["batch × hidden", *peers], rows


def likelihood():
    """Published and own lower ends of MNIST, 500 hidden units."""
    names = ("digits", "gradient", "epochs", "published", "lower end")
    rows = []
    for digits, gradient, epochs, published, lower in columns(
        "likelihood-published", *names
    ):
        published = "; ".join(
            mean(figure, 1) for figure in published.split("; ") if figure
        )
        rows.append([f"{gradient}, {epochs} epochs", digits, published, mean(lower, 1)])
    for minutes in (10, 60):
        ends = [
            float(mean(cell).replace("−", "-"))
            for (cell,) in columns(f"likelihood-budget-{minutes}", "lower end")
        ]
        figure = mean(str(fmean(ends)), 1)
        rows.append([f"PCD-1, 0.1 to 0, {minutes} minutes", "resampled", "", figure])
    return ["training", "digits", "published", "here"], rows


def peers():
    """What the runs beside other packages gave, a row for each package."""
    runs = {}
    names = ("", "planned", "seconds to −100", "lower end")
    for name, plan, reached, lower in columns("peers-likelihood", *names):
        runs.setdefault(name, []).append((reached, plan, mean(lower, 1)))
    errors = dict(columns("peers-labels", "features", "test error, %"))
    memory = dict(columns("peers-memory", "", "MiB above the data"))
    longest = max((plan for found in runs.values() for _, plan, _ in found), key=float)
    rows = []
    for name in dict.fromkeys([*errors, *runs]):
        of_package = runs.get(name, [("", "", "")])
        # The short plan of a package can be there first; else the longest one counts.
        first = min((reached for reached, _, _ in reversed(of_package)), key=seconds)
        size = mean(memory[name]) if name in memory else ""
        rows.append([name, first, of_package[-1][2], errors.get(name, ""), size])
    header = [
        "",
        "seconds to −100 nats",
        f"nats after {longest} seconds",
        "error with 1,000 labels, %",
        "memory, MiB",
    ]
    return header, rows


def few_labels():
    """What pre-training gains with few labels of MNIST."""
    rows = columns("mnist-labels", "labels", "pre-trained, %", "not, %")
    return ["labels", "pre-trained, %", "without pre-training, %"], rows


def filled_in():
    """Squared errors of hidden pixels, the four halves of a picture as their mean."""
    rows = []
    for page in ("imputation-olivetti", "imputation-frey", "imputation-silhouettes"):
        header, found = page_table(page)
        halves = [row for row in found if row[1].endswith("half")]
        for kind, some in (("a half", halves), ("70 % of the pixels", found[-1:])):
            cells = [
                fmean(float(mean(row[i])) for row in some)
                for i in range(2, len(header))
            ]
            name = found[0][0].replace("_", " ")
            rows.append([f"{name}, {kind}", *(f"{cell:.4f}" for cell in cells)])
    return ["hidden", *header[2:]], rows


def busy():
    """Milliseconds of a step, alone and beside a busy process."""
    names = ["one thread", "all threads", "one thread, busy", "all threads, busy"]
    first, last = "batch × visible × hidden", "threads that skdbn takes"
    rows = [
        [size, *map(mean, times), taken]
        for size, taken, *times in columns("speed-busy", first, last, *names)
    ]
    return [first, *names, last], rows


def seconds(cell):
    """The number in a cell, or infinity for "not in 60"."""
    try:
        return float(cell)
    except ValueError:
        return math.inf


TABLES = {
    f.__name__: f for f in (speed, likelihood, peers, few_labels, filled_in, busy)
}


def simple_table(header, rows):
    """A simple table of reStructuredText."""
    # An empty cell in the first column would go on with the row above.
    lines = [[row[0] or "\\", *row[1:]] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = " ".join("=" * width for width in widths)
    text = [" ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    return "\n".join([rule, text[0], rule, *text[1:], rule])


WRITERS = {".md": table, ".rst": simple_table}


def filled(text, suffix):
    """The text of a file with the tables of its places, which may be none."""
    begin, end = PLACES[suffix]
    place = re.escape(begin).replace(r"\{\}", r"([\w-]+)")
    pattern = rf"^({place}\n)(.*?)^({re.escape(end)})$"

    def replaced(match):
        first, name, _, last = match.groups()
        if name not in TABLES:
            raise ValueError(f"No table {name!r}: use one of {', '.join(TABLES)}.")
        return f"{first}\n{WRITERS[suffix](*TABLES[name]())}\n\n{last}"

    text, n_filled = re.subn(pattern, replaced, text, flags=re.DOTALL | re.MULTILINE)
    if n_filled != len(re.findall(rf"^{place}$", text, flags=re.MULTILINE)):
        raise ValueError(f"A place for a table has no end: write {end!r} below it.")
    return text


def files():
    """README.md and the pages of the documentation."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.rst"))]


def main():
    for path in files():
        old = path.read_text()
        new = filled(old, path.suffix)
        if new != old:
            path.write_text(new)
            print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
