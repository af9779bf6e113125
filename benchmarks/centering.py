#!/usr/bin/env python
"""Test likelihood with the plain and with the centered gradient.

    python benchmarks/centering.py DATA [--seeds 3] [--jobs 2]

DATA is a folder with ``mnist.npz`` (X_train, X_test of bytes) and ``uci_binary.npz``
(<set>_train, <set>_valid, <set>_test of bits). Each RBM has 16 hidden units, so that
its normaliser is a sum over all 2¹⁶ states and the log-likelihood is exact. For each set and
gradient the learning rate is the best of a grid on the validation rows; the test rows
are looked at once, with that rate.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from _common import report, table
from joblib import Parallel, delayed
from scipy.special import logsumexp

from skdbn import BernoulliRBM
from skdbn.schedules import Linear

N_HIDDEN = 16
RATES = (0.02, 0.05, 0.1, 0.2, 0.4)
SETS = ("adult", "connect4", "dna", "mushrooms", "nips")


def log_likelihood(rbm, X):
    """Mean log-likelihood of the rows of X, in nats, exactly."""
    W, b, c = rbm.components_.T, rbm.intercept_visible_, rbm.intercept_hidden_
    bits = np.arange(2**N_HIDDEN)[:, None] >> np.arange(N_HIDDEN) & 1
    log_weights = []
    for h in np.array_split(bits.astype(float), 64):
        log_weights.append(h @ c + np.logaddexp(0, b + h @ W.T).sum(axis=1))
    return -rbm.free_energy(X).mean() - logsumexp(np.concatenate(log_weights))


def datasets(folder):
    """Yield name and training, validation and test rows."""
    with np.load(folder / "uci_binary.npz") as sets:
        for name in SETS:
            parts = [sets[f"{name}_{part}"] for part in ("train", "valid", "test")]
            yield name, [part.astype(float) for part in parts]
    with np.load(folder / "mnist.npz") as mnist:
        X = (mnist["X_train"] > 127).astype(float)
        test = (mnist["X_test"] > 127).astype(float)
    yield "MNIST, thresholded", [X[:10000], X[50000:], test]
    yield "MNIST, inverted", [1 - X[:10000], 1 - X[50000:], 1 - test]


def evaluate(parts, rate, centered, seed):
    """Validation and test likelihood of one fit."""
    train, valid, test = parts
    n_iter = int(np.clip(400_000 // len(train), 40, 200))
    rbm = BernoulliRBM(
        N_HIDDEN,
        learning_rate=Linear(rate),
        centered=centered,
        batch_size=20,
        n_iter=n_iter,
        random_state=seed,
    ).fit(train)
    return log_likelihood(rbm, valid), log_likelihood(rbm, test)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    rows = []
    with Parallel(args.jobs) as pool:
        for name, parts in datasets(args.data):
            row = [name]
            for centered in (False, True):
                runs = [(rate, seed) for rate in RATES for seed in range(args.seeds)]
                scores = pool(
                    delayed(evaluate)(parts, rate, centered, seed)
                    for rate, seed in runs
                )
                scores = np.reshape(scores, (len(RATES), args.seeds, 2))
                best = scores[:, :, 0].mean(axis=1).argmax()
                test = scores[best, :, 1]
                row += [f"{test.mean():.2f} ± {test.std():.2f}", RATES[best]]
            rows.append(row)
            print(*row, sep="  ", flush=True)
    text = (
        "Mean test log-likelihood of a row in nats, exact, with the standard deviation "
        f"over {args.seeds} seeds; 16 hidden units, PCD-1, batches of 20, learning "
        "rate falling to zero from the value that is best on the validation rows.\n\n"
    )
    header = ["data", "plain", "rate", "centered", "rate"]
    report(
        "centering",
        "The centered gradient",
        text + table(header, rows),
        f"python benchmarks/centering.py DATA --seeds {args.seeds}",
    )


if __name__ == "__main__":
    main()
