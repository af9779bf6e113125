"""Learn from a stream that drifts for hours: memory, speed and numbers stay as they are.

``make soak`` runs for an hour, ``make soak ARGS=5`` for five minutes. Each minute a line
says how much memory the process has and what part of a second of CPU time a model took
for 1,000 rows. At the end it says whether memory and times were constant and all
parameters finite, and exits with 1 if they were not.
"""

import argparse
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skdbn import (
    BernoulliRBM,
    DBNAutoencoder,
    DBNClassifier,
    DBNRegressor,
    DBNTransformer,
    GaussianRBM,
    GenerativeDBNClassifier,
    MixedRBM,
    RBMClassifier,
    SparseRBM,
)

N_COLUMNS, N_ROWS = 30, 200
# Rounds in which the stream comes back to where it was.
PERIOD = 500
MEMORY, SLOWER = 5.0, 1.5

RBMS = dict(n_components=40, batch_size=50, random_state=0)
NETS = dict(layers=(30, 20), n_iter=1, max_iter=1, batch_size=50, random_state=0)
MODELS = {
    "BernoulliRBM": BernoulliRBM(**RBMS),
    "BernoulliRBM, pt": BernoulliRBM(**RBMS, gradient="pt", momentum=0.5),
    "SparseRBM": SparseRBM(**RBMS),
    "GaussianRBM": GaussianRBM(**RBMS),
    "MixedRBM": MixedRBM(**RBMS, units=[("bernoulli", 15), ("gaussian", 15)]),
    "RBMClassifier": RBMClassifier(**RBMS),
    "DBNTransformer": DBNTransformer((30, 20), random_state=0),
    "DBNClassifier": DBNClassifier(**NETS),
    "DBNRegressor": DBNRegressor(**NETS),
    "DBNAutoencoder": DBNAutoencoder(**NETS),
    "GenerativeDBNClassifier": GenerativeDBNClassifier(**NETS),
}


def rows(round_, rng, kind):
    """Rows whose parts are active by turns, and the label that says which is."""
    phase = 2 * np.pi * (round_ / PERIOD + np.arange(N_COLUMNS) / N_COLUMNS)
    y = rng.integers(2, size=N_ROWS)
    p = 0.5 + 0.4 * np.sin(phase) * np.where(y, 1, -1)[:, None]
    X = (rng.random(p.shape) < p).astype(float)
    if kind in ("GaussianRBM", "MixedRBM"):
        X[:, 15:] = 2 * p[:, 15:] - 1 + rng.normal(size=(N_ROWS, 15))
    if kind == "GaussianRBM":
        X[:, :15] = 2 * X[:, :15] - 1
    return X, y


def parameters(model):
    """All arrays that learn."""
    if hasattr(model, "network_"):
        return list(model.network_.params.values())
    layers = getattr(model, "rbms_", [model])
    return [array for rbm in layers for array in rbm.machine_.params.values()]


def memory():
    """The memory of this process in MB; NaN where the system does not tell."""
    pages = Path("/proc/self/statm")
    return int(pages.read_text().split()[1]) * 4096 / 1e6 if pages.exists() else np.nan


def learn(round_, rng):
    """A round of all models; gives the seconds of each."""
    seconds = []
    for name, model in MODELS.items():
        X, y = rows(round_, rng, name)
        more = {"classes": [0, 1]} if hasattr(model, "predict_proba") else {}
        start = time.process_time()
        model.partial_fit(X, y, **more)
        seconds.append(time.process_time() - start)
    return seconds


def verdict(lines, finite):
    """What went wrong; the first line is that of the warm-up."""
    wrong = [] if finite else ["a parameter is not finite"]
    growth = lines[-1][0] - lines[1][0]
    if growth > MEMORY:
        wrong.append(f"memory grew by {growth:.1f} MB")
    ratios = np.divide(lines[-1][1:], lines[1][1:])
    wrong += [
        f"{name} takes {ratio:.1f} times as long"
        for name, ratio in zip(MODELS, ratios, strict=True)
        if ratio > SLOWER
    ]
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("minutes", nargs="?", type=float, default=60.0)
    minutes = max(3.0, parser.parse_args().minutes)
    warnings.simplefilter("error", RuntimeWarning)
    # Rates fall without end.
    warnings.simplefilter("ignore", ConvergenceWarning)
    rng, lines, round_, finite = np.random.default_rng(0), [], 0, True
    print(f"minute  rounds      MB  ms for 1,000 rows of {', '.join(MODELS)}")
    begin = time.monotonic()
    while len(lines) < minutes:
        taken = []
        while time.monotonic() - begin < 60 * (len(lines) + 1):
            taken.append(learn(round_, rng))
            round_ += 1
        arrays = [a for model in MODELS.values() for a in parameters(model)]
        finite = finite and all(np.isfinite(array).all() for array in arrays)
        per_row = np.median(taken, axis=0) * 1e6 / N_ROWS
        lines.append((memory(), *per_row))
        times = " ".join(f"{each:5.1f}" for each in per_row)
        print(f"{len(lines):6} {round_:7} {lines[-1][0]:7.1f}  {times}", flush=True)
    wrong = verdict(lines, finite)
    print("failed: " + "; ".join(wrong) if wrong else "passed")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
