"""Speed of training and of the fitted methods, against matrix products and peers.

    python -m benchmarks.speed [--rows 10000] [--repeats 5] [--parts epochs sparse ...]

Each part writes a page of ratios to a floor that is timed just before and after in the
same process, for an epoch the five matrix products of a CD-1 step. scikit-learn runs in
the same process; PyTorch by hand, learnergy and rbms, where they are installed, in
processes of their own. Data are random bits, one in five set. Run it on a quiet machine.
"""

import argparse
import inspect
import re
import warnings
from functools import partial
from pathlib import Path

from .._harness import RESULTS, report
from . import fitted, networks, training
from ._measure import page
from .busy import busy

CLASSES = (
    training.Epochs,
    training.UnitTypes,
    training.Default,
    training.Sparse,
    training.Small,
    training.Monitor,
    training.Workers,
    training.Memory,
    fitted.Methods,
    fitted.Annealing,
    fitted.Gibbs,
    networks.FineTuning,
    networks.UpDown,
    networks.Codes,
)
PARTS = {
    re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower(): kind for kind in CLASSES
}
PARTS["busy"] = busy


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--pages", type=Path, default=RESULTS, help="folder")
    args = parser.parse_args()
    warnings.filterwarnings("ignore", module="joblib")
    args.pages.mkdir(parents=True, exist_ok=True)
    for name in args.parts:
        part = PARTS[name]
        make = part if part is busy else partial(page, part)
        table = make(args.rows, args.repeats)
        title, _, text = inspect.getdoc(part).partition("\n")
        text = " ".join(text.split())
        command = f"--rows {args.rows} --repeats {args.repeats} --parts {name}"
        report(
            f"speed-{name.replace('_', '-')}",
            title,
            f"{text}\n\n{table}".strip(),
            f"python -m benchmarks.speed {command}",
            args.pages,
        )


if __name__ == "__main__":
    main()
