"""Break the package in small ways, one at a time, and say which tests notice.

Each fault of the tables is put into a copy of the checkout, in which the tests that the
table names run first, and the whole of their files if these pass. All tests have to pass
without a fault. Exit with 1 where a fault survives, no longer applies, or does not run.
"""

import argparse
import compileall
import os
import re
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from py_compile import PycInvalidationMode
from queue import SimpleQueue

from . import MUTANTS
from .running import run

ROOT = Path(__file__).parents[2]
NOT_COPIED = shutil.ignore_patterns(".*", "_build", "results", "__pycache__")


def judge(mutant, root):
    """What becomes of a mutant in a copy of the checkout, which stays as it was."""
    path = root / "skdbn" / mutant.module
    source = path.read_text(encoding="utf-8")
    files, chosen = mutant.files
    try:
        path.write_text(mutant.apply(source), encoding="utf-8")
        found = run(root, files, chosen)
        if found[0] == "SURVIVED" and chosen:
            found = run(root, files)
        return found
    except LookupError as error:
        return "DOES NOT APPLY", str(error)
    finally:
        path.write_text(source, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", default="", help="those that match this expression")
    parser.add_argument("--list", action="store_true", help="list them, and run none")
    options = parser.parse_args()
    some = [mutant for mutant in MUTANTS if re.search(options.only, str(mutant))]
    if options.list:
        print(*some, sep="\n")
        return 0
    os.environ |= {"MPLBACKEND": "Agg", "SCIPY_ARRAY_API": "1"}
    # Those that are installed take as long to load as many a test to run.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        roots = SimpleQueue()
        for i in range(options.jobs):
            root = Path(shutil.copytree(ROOT, f"{folder}/{i}", ignore=NOT_COPIED))
            # A hash tells a broken module from one of the same size and second.
            mode = PycInvalidationMode.CHECKED_HASH
            compileall.compile_dir(root / "skdbn", quiet=1, invalidation_mode=mode)
            roots.put(root)

        def report(mutant):
            root, start = roots.get(), time.perf_counter()
            how, by = judge(mutant, root)
            roots.put(root)
            seconds = time.perf_counter() - start
            print(f"{how:9}{seconds:6.1f} s  {mutant}\n{'':19}{by}", flush=True)
            return how == "caught"

        with ThreadPoolExecutor(options.jobs) as pool:
            caught = list(pool.map(report, some))
    print(f"{sum(caught)} of {len(caught)} mutants caught")
    return int(not all(caught))


if __name__ == "__main__":
    sys.exit(main())
