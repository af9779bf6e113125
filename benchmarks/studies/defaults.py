"""What the defaults are worth on held-out data, and what did not become one.

    python -m benchmarks.studies.defaults DATA [--seeds 3] [--jobs 2] [--parts centered ...]

DATA is a folder with ``mnist.npz`` (X_train, y_train, X_test, y_test, pixels as bytes),
``uci_binary.npz`` (<set>_train, <set>_valid, <set>_test of bits) and
``caltech101_silhouettes.npz`` (X_train, X_val of bits); the last part takes
``spoken_digits.npz`` (logmel), ``frey_faces.npz`` and ``olivetti_faces.npz`` (X, pixels).
Each part writes a page:

centered     the centered gradient against the plain one
enhanced     the enhanced gradient against the centered one
sample_data  bits drawn from grey values at each presentation, or the values themselves
basics       gradient, batch size and learning rate
gradient     gradients at the same rate and batch size
gaussian     real-valued data: gradients of GaussianRBM, and an independent Gaussian
classifier   DBNClassifier against scikit-learn's MLPClassifier, both at their defaults

Where a rate is chosen, it is the best of a grid on the validation rows, and the test rows
are looked at once, with that rate. The last three parts have held-out rows only.
"""

import argparse
import os
import time
import warnings
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from joblib import Parallel, delayed
from scipy.special import logsumexp
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_wine,
    make_classification,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import MinMaxScaler, StandardScaler, scale

from skdbn import BernoulliRBM, DBNClassifier, GaussianRBM
from skdbn.evaluation import log_partition
from skdbn.exceptions import EstimateWarning
from skdbn.gradients import CD, FPCD, PCD
from skdbn.machines._centering import Centering
from skdbn.schedules import Linear

from .._harness import announce, mean_and_spread, report, table

N_HIDDEN = 16
RATES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
SETS = ("adult", "connect4", "dna", "mushrooms", "nips")


def log_likelihood(rbm, X):
    """Mean log-likelihood of the rows of X, in nats, exactly."""
    W, b, c = rbm.components_.T, rbm.intercept_visible_, rbm.intercept_hidden_
    bits = np.arange(2**N_HIDDEN)[:, None] >> np.arange(N_HIDDEN) & 1
    log_weights = []
    for h in np.array_split(bits.astype(float), 64):
        log_weights.append(h @ c + np.logaddexp(0, b + h @ W.T).sum(axis=1))
    return -rbm.free_energy(X).mean() - logsumexp(np.concatenate(log_weights))


def binary_sets(folder):
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


def grey_sets(folder):
    """Yield name, rows and labels of three parts; the training rows are grey."""
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    X, y = X[order] / 16, y[order]
    cuts = slice(0, 1000), slice(1000, 1400), slice(1400, None)
    yield "digits, 8 × 8", [X[cut] for cut in cuts], [y[cut] for cut in cuts]
    with np.load(folder / "mnist.npz") as mnist:
        X, y = mnist["X_train"] / 255.0, mnist["y_train"]
        test, y_test = mnist["X_test"] / 255.0, mnist["y_test"]
    yield (
        "MNIST, grey",
        [X[:10000], X[50000:], test],
        [y[:10000], y[50000:], y_test],
    )


def draw(grey):
    """Bits with these probabilities, always the same."""
    return (np.random.default_rng(0).random(grey.shape) < grey).astype(grey.dtype)


def fit(X, rate, seed, n_hidden=N_HIDDEN, n_updates=400_000, **settings):
    """An RBM after a number of updates that allows for small data sets."""
    common = dict(
        gradient=PCD(n_chains=20),
        learning_rate=Linear(rate),
        batch_size=20,
        n_iter=int(np.clip(n_updates // len(X), 40, 200)),
        random_state=seed,
    )
    return BernoulliRBM(n_hidden, **common | settings).fit(X)


def likelihoods(parts, labels, rate, seed, **settings):
    """Validation and test likelihood of one fit, of bits drawn once from grey rows."""
    rbm = fit(parts[0], rate, seed, **settings)
    rng = np.random.default_rng(0)
    bits = [rng.random(part.shape) < part for part in parts[1:]]
    return [log_likelihood(rbm, part) for part in bits]


def accuracies(parts, labels, rate, seed, **settings):
    """Validation and test accuracy in percent of a logistic regression on features."""
    rbm = fit(parts[0], rate, seed, n_hidden=200, n_updates=200_000, **settings)
    model = LogisticRegression(C=10, max_iter=3000)
    model.fit(rbm.transform(parts[0]), labels[0])
    return [
        100 * model.score(rbm.transform(part), label)
        for part, label in zip(parts[1:], labels[1:], strict=True)
    ]


def grid_text(seeds):
    """What the figures of :func:`best_of_grid` are."""
    return (
        f"Standard deviation over {seeds} seeds; PCD-1, batches of 20, learning rate "
        "falling to zero from the value that is best on the validation rows."
    )


def best_of_grid(pool, measure, parts, labels, seeds, **settings):
    """The test figure of the rate that is best on the validation rows, and the rate."""
    runs = [(rate, seed) for rate in RATES for seed in range(seeds)]
    scores = pool(
        delayed(measure)(parts, labels, rate, seed, **settings) for rate, seed in runs
    )
    scores = np.reshape(scores, (len(RATES), seeds, 2))
    best = scores[:, :, 0].mean(axis=1).argmax()
    test = scores[best, :, 1]
    return [f"{test.mean():.2f} ± {test.std():.2f}", RATES[best]]


def centered(pool, folder, seeds):
    rows = []
    for name, parts in binary_sets(folder):
        row = [name]
        for value in (False, True):
            row += best_of_grid(pool, likelihoods, parts, None, seeds, centered=value)
        rows.append(row)
        print(*row, sep="  ", flush=True)
    text = (
        f"Mean test log-likelihood of a row in nats, exact, with {N_HIDDEN} hidden "
        f"units. {grid_text(seeds)}"
    )
    return (
        "The centered gradient",
        text,
        ["data", "plain", "rate", "centered", "rate"],
        rows,
    )


class Enhanced(PCD):
    """The enhanced gradient of Cho, Raiko and Ilin (2011).

    It is centered on the mean of both phases of each batch.
    """

    def __call__(self, machine, batch, rng, centering=None, rate=1.0, **options):
        machine.load(self._work, batch, rng if options.get("sample_data") else None)
        self.negative_phase(machine, self._work, rng)
        data, model = self._work.data, self._work.model
        offsets = Centering(
            (data.visible.mean(axis=0) + model.visible.mean(axis=0)) / 2,
            (data.hidden_mean.mean(axis=0) + model.hidden_mean.mean(axis=0)) / 2,
        )
        offsets.slide = 0.0
        return machine.difference(self._work, offsets, rate)


def enhanced(pool, folder, seeds):
    rows = []
    for name, parts in binary_sets(folder):
        row = [name]
        for settings in ({}, {"gradient": Enhanced(n_chains=20), "centered": False}):
            row += best_of_grid(pool, likelihoods, parts, None, seeds, **settings)
        rows.append(row)
        print(*row, sep="  ", flush=True)
    text = (
        "The enhanced gradient of Cho, Raiko and Ilin (2011) is centered on the mean "
        "of both phases of each batch. Mean test log-likelihood of a row in nats, "
        f"exact, with {N_HIDDEN} hidden units. {grid_text(seeds)}"
    )
    return (
        "Centered or enhanced",
        text,
        ["data", "centered", "rate", "enhanced", "rate"],
        rows,
    )


def sample_data(pool, folder, seeds):
    rows = []
    for name, parts, labels in grey_sets(folder):
        for what, measure in (
            ("log-likelihood of bits, nats", likelihoods),
            ("accuracy on features, %", accuracies),
        ):
            row = [name, what]
            for value in (False, True):
                row += best_of_grid(
                    pool, measure, parts, labels, seeds, sample_data=value
                )
            rows.append(row)
            print(*row, sep="  ", flush=True)
    text = (
        f"Mean test log-likelihood of a row, exact, with {N_HIDDEN} hidden units, and "
        "test accuracy of a logistic regression on the features of 200. "
        f"{grid_text(seeds)}"
    )
    return (
        "Grey values as they are, or bits drawn from them",
        text,
        ["data", "", "as they are", "rate", "bits drawn", "rate"],
        rows,
    )


def small_sets(folder):
    """Yield name, training and held-out rows of sets such as users begin with."""
    X, _ = load_digits(return_X_y=True)
    X = X[np.random.default_rng(0).permutation(len(X))] / 16
    yield "digits", X[:1400], draw(X[1400:])
    yield "digits, 100 rows", X[:100], draw(X[1400:])
    with np.load(folder / "uci_binary.npz") as sets:
        for name in ("dna", "mushrooms"):
            yield (
                name,
                *(sets[f"{name}_{part}"].astype(float) for part in ("train", "valid")),
            )
    with np.load(folder / "caltech101_silhouettes.npz") as data:
        yield (
            "silhouettes",
            *(
                data[name].reshape(-1, 784).astype(np.float32)
                for name in ("X_train", "X_val")
            ),
        )
    with np.load(folder / "mnist.npz") as mnist:
        X = mnist["X_train"].reshape(-1, 784).astype(np.float32) / 255
    yield "MNIST, 10,000 rows", X[:10000], draw(X[50000:52000])


# With as many chains as rows in a batch.
GRADIENTS = {
    "cd": lambda batch: CD(),
    "pcd": lambda batch: PCD(n_chains=batch),
    "fpcd": lambda batch: FPCD(n_chains=batch, fast_learning_rate=0.1),
}
SCHEDULES = {
    f"{rate}{' to 0' if falling else ''}": Linear(rate) if falling else rate
    for rate in (0.01, 0.03, 0.1)
    for falling in (False, True)
}


def lower_end(train, held_out, **settings):
    """Held-out log-likelihood at the lower end, and the seconds of the fit."""
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EstimateWarning)
        rbm = BernoulliRBM(100, **settings).fit(train)
        spent = time.perf_counter() - start
        found = log_partition(
            rbm, method="bracket", X=train, n_betas=1000, random_state=0
        )
    return -rbm.free_energy(held_out).mean(dtype=float) - found.high, spent


def basics(pool, folder, seeds):
    sets = list(small_sets(folder))
    cells = [
        (gradient, batch, rate)
        for gradient in GRADIENTS
        for batch in (10, 100)
        for rate in SCHEDULES
    ]
    scores = pool(
        delayed(lower_end)(
            *parts,
            gradient=GRADIENTS[gradient](batch),
            batch_size=batch,
            learning_rate=SCHEDULES[rate],
            random_state=0,
        )
        for _, *parts in sets
        for gradient, batch, rate in cells
    )
    scores = np.reshape(scores, (len(sets), len(cells), 2))[:, :, 0]
    lost = (scores.max(axis=1, keepdims=True) - scores).T
    rows = [
        [*cell, *(f"{x:.1f}" for x in row), f"{max(row):.1f}"]
        for cell, row in sorted(
            zip(cells, lost, strict=True), key=lambda pair: max(pair[1])
        )
    ]
    best = ", ".join(
        f"{name} {score:.1f}"
        for (name, *_), score in zip(sets, scores.max(axis=1), strict=True)
    )
    text = (
        "How many nats a setting loses to the best one on the same data, at the lower "
        "end of the held-out likelihood, with 10 epochs, as many chains as rows in a batch and "
        f"100 hidden units. The best: {best}. One seed."
    )
    header = ["gradient", "batch", "rate", *(name for name, *_ in sets), "worst"]
    return "Gradient, batch size and learning rate", text, header, rows


def gradient(pool, folder, seeds):
    gradients = {
        "CD": CD(),
        "PCD, 10 chains": PCD(n_chains=10),
        "PCD, 50": PCD(n_chains=50),
        "FPCD, 10": FPCD(n_chains=10),
        "FPCD, 50": FPCD(n_chains=50),
    }
    rows = []
    for name, *parts in small_sets(folder):
        found = pool(
            delayed(lower_end)(
                *parts,
                gradient=kind,
                learning_rate=Linear(0.1),
                random_state=seed,
            )
            for kind in gradients.values()
            for seed in range(seeds)
        )
        scores, spent = np.reshape(found, (len(gradients), seeds, 2)).T
        rows.append([name, *(f"{x.mean():.1f} ± {x.std():.1f}" for x in scores.T)])
        print(*rows[-1], sep="  ", flush=True)
        ratios = spent.mean(axis=0) / spent[:, 0].mean()
        rows.append(["seconds ÷ CD", *(f"{ratio:.1f}" for ratio in ratios)])
    text = (
        "Held-out likelihood at the lower end, with 100 hidden units, 10 epochs, batches "
        "of 10 and a rate falling from 0.1 to zero; standard deviation over "
        f"{seeds} seeds."
    )
    return "Gradients at the same rate", text, ["data", *gradients], rows


def single(X):
    """Standardised columns in single precision."""
    return scale(X.astype(float)).astype(np.float32)


def real_valued_sets(folder):
    """Yield name and training and held-out rows, the latter a quarter."""
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(3000, 4)) @ rng.normal(size=(4, 20))
    factors += rng.normal(size=(3000, 20))
    heavy = rng.standard_t(2, (3000, 20))
    heavy[:, :10] += heavy[:, 10:]
    sets = {
        "four factors, × 0.001": 1e-3 * factors,
        "four factors, × 1000": 1e3 * factors,
        "and a constant column": np.hstack([factors, np.ones((3000, 1))]),
        "t, 2 degrees of freedom": heavy,
    }
    for load in (load_wine, load_breast_cancer, load_diabetes, load_digits):
        X = load().data
        sets[load.__name__[5:]] = scale(X[:, X.std(axis=0) > 0])
    with np.load(folder / "spoken_digits.npz") as data:
        sets["speech, frames"] = single(data["logmel"][:20000])
    with np.load(folder / "frey_faces.npz") as data:
        sets["Frey faces"] = single(data["X"])
    with np.load(folder / "olivetti_faces.npz") as data:
        faces = data["X"].reshape(-1, 32, 2, 32, 2).mean(axis=(2, 4))
        sets["Olivetti faces"] = single(faces.reshape(-1, 1024))
    for name, X in sets.items():
        yield name, *train_test_split(X, random_state=0)


def independent_gaussian(train, test):
    """Mean log-likelihood of test rows with the means and variances of the columns."""
    mean, variance = train.mean(axis=0), train.var(axis=0)
    variance[variance < 1e-12] = variance[variance >= 1e-12].mean()
    terms = np.log(2 * np.pi * variance) + np.square(test - mean) / variance
    return float(-0.5 * terms.sum(axis=1).mean())


def gaussian_end(train, test, gradient, seed):
    """Lower end of the held-out likelihood at the defaults."""
    with warnings.catch_warnings(action="ignore"):
        try:
            rbm = GaussianRBM(gradient=gradient, random_state=seed).fit(train)
        except ValueError:
            return np.nan
        log_z = log_partition(
            rbm, method="bracket", n_betas=3000, X=train, random_state=0
        )
    return float(-rbm.free_energy(test).mean(dtype=float) - log_z.high)


def gaussian(pool, folder, seeds):
    gradients = ("cd", "pcd", "fpcd", "score-matching")
    rows = []
    for name, train, test in real_valued_sets(folder):
        found = pool(
            delayed(gaussian_end)(train, test, kind, seed)
            for kind in gradients
            for seed in range(seeds)
        )
        scores = np.reshape(found, (len(gradients), seeds))
        rows.append(
            [
                name,
                f"{len(train)} × {train.shape[1]}",
                f"{independent_gaussian(train, test):.1f}",
                *(f"{x.mean():.1f} ± {x.std():.1f}" for x in scores),
            ]
        )
        print(*rows[-1], sep="  ", flush=True)
    text = (
        "Mean log-likelihood of a held-out row in nats, GaussianRBM at its defaults (256 "
        "hidden units, 10 epochs, a variance for each column); lower ends of annealing "
        "from both sides over 3,000 temperatures, standard deviation over "
        f"{seeds} seeds. Where a fit diverged the row has nan. Columns are standardised "
        "but for the first four sets."
    )
    header = ["data", "rows", "independent Gaussian", *gradients]
    return "Real-valued data", text, header, rows


def labelled_sets(folder):
    """Yield name, scaled training rows and labels, test rows and labels."""
    tables = [
        (f"table of {n} rows, {d} columns, {k} classes", n, d, inf, k, separation)
        for n, d, inf, k, separation in (
            (1000, 20, 5, 2, 1.0),
            (2000, 40, 10, 3, 1.0),
            (500, 10, 6, 2, 0.7),
            (3000, 30, 15, 5, 1.2),
            (1500, 14, 8, 2, 1.0),
        )
    ]
    small = [("digits", load_digits), ("breast_cancer", load_breast_cancer)]
    small += [("wine", load_wine)]
    small = [(name, load(return_X_y=True)) for name, load in small]
    for seed, (name, n, d, informative, k, separation) in enumerate(tables):
        made = make_classification(
            n,
            d,
            n_informative=informative,
            n_classes=k,
            class_sep=separation,
            random_state=seed,
        )
        small.append((name, made))
    for name, (X, y) in small:
        X, X_test, y, y_test = train_test_split(
            X, y, test_size=0.3, stratify=y, random_state=0
        )
        scaler = (
            MinMaxScaler(clip=True) if name == "digits" else StandardScaler()
        ).fit(X)
        yield name, scaler.transform(X), y, scaler.transform(X_test), y_test
    with np.load(folder / "caltech101_silhouettes.npz") as data:
        parts = [data[f"{key}_{part}"] for part in ("train", "test") for key in "Xy"]
    X, y, X_test, y_test = parts
    yield (
        "silhouettes",
        X.astype(np.float32),
        y.ravel(),
        X_test.astype(np.float32),
        y_test.ravel(),
    )
    with np.load(folder / "mnist.npz") as mnist:
        X, X_test = (
            (mnist[f"X_{part}"] / 255).astype(np.float32) for part in ("train", "test")
        )
        y, y_test = mnist["y_train"], mnist["y_test"]
    yield "MNIST, 10,000 rows", X[:10000], y[:10000], X_test, y_test


def accuracy(kind, seed, X, y, X_test, y_test):
    """Test accuracy in percent at the defaults, and seconds of the fit."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    start = time.perf_counter()
    model = kind(random_state=seed).fit(X, y)
    spent = time.perf_counter() - start
    return 100 * model.score(X_test, y_test), spent


def classifier(pool, folder, seeds):
    rows, kinds = [], (DBNClassifier, MLPClassifier)
    for name, *data in labelled_sets(folder):
        found = pool(
            delayed(accuracy)(kind, seed, *data)
            for kind in kinds
            for seed in range(seeds)
        )
        scores, spent = np.reshape(found, (2, seeds, 2)).transpose(2, 0, 1)
        share, n_test = scores[1].mean(), len(data[3])
        error = np.sqrt(share * (100 - share) / n_test)
        rows.append([name, len(data[1]), n_test])
        rows[-1] += [mean_and_spread(own) for own in scores] + [f"{error:.1f}"]
        rows[-1] += [f"{own.mean():.1f}" for own in spent]
        announce(*rows[-1])
    header = [
        "data",
        "rows",
        "test rows",
        "DBNClassifier, %",
        "MLPClassifier, %",
        "standard error of the test rows",
        "seconds",
        "of MLPClassifier",
    ]
    text = (
        "Test accuracy of both at their defaults on scaled data; mean and standard "
        f"deviation over {seeds} seeds. The defaults of DBNClassifier were chosen by "
        "cross-validation on the training rows, and on validation rows of the last two."
    )
    return "Classifiers at their defaults", text, header, rows


PARTS = {
    f.__name__: f
    for f in (
        centered,
        enhanced,
        sample_data,
        basics,
        gradient,
        gaussian,
        classifier,
    )
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    args = parser.parse_args()
    for part in args.parts:
        with Parallel(args.jobs) as pool:
            title, text, header, rows = PARTS[part](pool, args.data, args.seeds)
        report(
            f"defaults-{part.replace('_', '-')}",
            title,
            f"{text}\n\n{table(header, rows)}",
            f"python -m benchmarks.studies.defaults DATA --seeds {args.seeds} --parts {part}",
        )


if __name__ == "__main__":
    main()
