#!/usr/bin/env python
"""Test log-likelihood of published runs, here and in the literature.

    python benchmarks/likelihood.py DATA [--seeds 3] [--jobs 2]

DATA is a folder with ``mnist.npz`` (X_train, X_test, pixels as bytes). The models have 16
hidden units, so that the normaliser is a sum over all 2¹⁶ states and the likelihood is
exact. The published runs have a learning rate of 0.01; a second row has the rate that
is best on 10,000 validation rows, falling to zero.
"""

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from _common import report, table
from joblib import Parallel, delayed

from skdbn import BernoulliRBM
from skdbn.evaluation import log_likelihood
from skdbn.schedules import Linear

RATES = (0.02, 0.05, 0.1, 0.2)
# Melchior, Fischer and Wiskott (2016), 50 epochs of PCD-1.
PUBLISHED = {
    ("as they are", True): -142.56,
    ("as they are", False): -149.05,
    ("inverted", True): -142.09,
    ("inverted", False): -183.36,
}


def run(train, tests, seed, **settings):
    """Seconds of training, and mean log-likelihood of each set of test rows."""
    rbm = BernoulliRBM(
        16, gradient="pcd", batch_size=100, n_iter=50, random_state=seed, **settings
    )
    start = time.perf_counter()
    rbm.fit(train)
    spent = time.perf_counter() - start
    return spent, [float(log_likelihood(rbm, rows).mean()) for rows in tests]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    with np.load(args.data / "mnist.npz") as mnist:
        X, test = (
            (mnist[name].reshape(-1, 784) > 127).astype(np.float32)
            for name in ("X_train", "X_test")
        )
    seeds = range(args.seeds)
    rows = []
    with Parallel(args.jobs) as pool:
        for (pixels, centered), published in PUBLISHED.items():
            train, held_out = (
                (X, test) if pixels == "as they are" else (1 - X, 1 - test)
            )
            scores = pool(
                delayed(run)(
                    train[:50000],
                    [train[50000:]],
                    0,
                    learning_rate=Linear(rate),
                    centered=centered,
                )
                for rate in RATES
            )
            best = RATES[int(np.argmax([validation for _, (validation,) in scores]))]
            for name, rate in (("0.01", 0.01), (f"{best} to 0", Linear(best))):
                runs = pool(
                    delayed(run)(
                        train, [held_out], seed, learning_rate=rate, centered=centered
                    )
                    for seed in seeds
                )
                found = [score for _, (score,) in runs]
                rows.append(
                    [
                        pixels,
                        "centered" if centered else "plain",
                        name,
                        f"{np.mean(found):.2f} ± {np.std(found):.2f}",
                        published if name == "0.01" else "",
                        f"{np.mean([spent for spent, _ in runs]):.0f}",
                    ]
                )
                print(*rows[-1], sep="  ", flush=True)
    header = [
        "pixels",
        "gradient",
        "learning rate",
        "here",
        "published",
        "seconds of training",
    ]
    text = (
        "Mean log-likelihood of a test row in nats, exact; thresholded digits of MNIST, "
        "16 hidden units, 50 epochs of PCD-1 with batches of 100, mean and standard "
        f"deviation over {args.seeds} seeds.\n\n"
    )
    report(
        "likelihood-exact",
        "Published runs with an exact likelihood",
        text + table(header, rows),
        f"python benchmarks/likelihood.py DATA --seeds {args.seeds}",
    )


if __name__ == "__main__":
    main()
