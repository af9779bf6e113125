"""Densities of tables of real numbers, beside a Gaussian and mixtures of them.

python -m benchmarks.studies.densities DATA
"""

import warnings

import numpy as np
from scipy.stats import multivariate_normal
from sklearn import datasets
from sklearn.covariance import LedoitWolf
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skdbn import GaussianRBM

from .. import _data
from .._harness import Study, Table, mean_and_spread
from .._scores import ends, mean_likelihoods

study = Study(__file__, __doc__, seeds=5)

NOISE = ("column", "full")
FEW = 16


def tables(folder):
    """Yield the name and the rows of each table."""
    for name in ("iris", "diabetes", "wine", "breast_cancer", "digits"):
        yield name.replace("_", " "), getattr(datasets, f"load_{name}")().data
    yield "speech, frames", _data.spoken(folder)[0][:60000:20].astype(float)
    yield "walking, frames", _data.arrays(folder, "mocap_walk", "frames")[0]
    image, text = _data.arrays(folder, "wikipedia_pairs", "image", "text")
    yield "visual words", image
    yield "log topics", np.log(text[:, :-1] + 1e-6)


def parts(X, seed):
    """Standardized training rows, and the fifth of the rows that is held out."""
    train, test = train_test_split(X.astype(float), test_size=0.2, random_state=seed)
    varies = train.std(axis=0) > 0
    scaler = StandardScaler().fit(train[:, varies])
    return scaler.transform(train[:, varies]), scaler.transform(test[:, varies])


def mixture(train):
    """The mixture of 1 to 10 Gaussians of the smallest BIC."""
    found = [
        GaussianMixture(n, covariance_type=kind, random_state=0).fit(train)
        for kind in ("full", "diag")
        for n in range(1, 11)
        if kind == "diag" or n * train.shape[1] < len(train)
    ]
    return min(found, key=lambda one: one.bic(train))


def held_out(X, seed):
    """Mean log-likelihood of held-out rows, of each model."""
    train, test = parts(X, seed)
    found = {
        "independent": GaussianMixture(1, covariance_type="diag")
        .fit(train)
        .score(test),
        "Ledoit and Wolf": LedoitWolf().fit(train).score(test),
    }
    with warnings.catch_warnings(action="ignore"):
        found["mixture"] = mixture(train).score(test)
        for noise in NOISE:
            rbm = GaussianRBM(FEW, variance=noise, random_state=seed)
            found[f"{noise}, {FEW} units"] = mean_likelihoods(rbm.fit(train), test)[0]
            rbm = GaussianRBM(variance=noise, random_state=seed).fit(train)
            forward, lower = ends(rbm, train, test, n_betas=1000)[0]
            found |= {f"{noise}, forward": forward, f"{noise}, lower end": lower}
    covariance = multivariate_normal(train.mean(axis=0), rbm.covariance_)
    return found | {"full, no weights": covariance.logpdf(test).mean()}


MODELS = (
    "independent",
    "Ledoit and Wolf",
    "full, no weights",
    "mixture",
    *(f"{noise}, {end}" for noise in NOISE for end in ("lower end", "forward")),
    *(f"{noise}, {FEW} units" for noise in NOISE),
)


@study.part
def likelihoods(run):
    """Densities of tables of real numbers

    Mean log-likelihood of a held-out row in nats, standardized columns, a fifth of the
    rows held out; mean and standard deviation over {seeds} splits. Independent columns;
    a Gaussian whose covariance is shrunk as Ledoit and Wolf do, and one with the
    covariance of "full"; GaussianMixture with 1 to 10 full or diagonal components by BIC;
    and GaussianRBM by its `variance`, at the defaults between the ends of annealing from
    both sides over 1,000 temperatures, −inf where the chains had not settled, and with
    {FEW} units exactly. A mixture puts spikes on columns of few values, such as the sex
    in diabetes.

    {table}
    """
    table = Table(["data", "rows × columns", *MODELS])
    for name, X in tables(run.data):
        found = run.seeded(held_out, X)
        cells = (mean_and_spread([own[model] for own in found]) for model in MODELS)
        table.add(name, f"{X.shape[0]} × {X.shape[1]}", *cells)
    return table


def uses(X, y, noise, seed):
    """Errors of a classifier of the features in percent, and of values filled in."""
    train, test, y, y_test = train_test_split(X, y, test_size=0.3, random_state=seed)
    scaler = StandardScaler().fit(train)
    train, test = scaler.transform(train), scaler.transform(test)
    with warnings.catch_warnings(action="ignore"):
        rbm = GaussianRBM(64, variance=noise, random_state=seed).fit(train)
        head = LogisticRegression(max_iter=2000).fit(rbm.transform(train), y)
    holes = np.random.default_rng(seed).random(test.shape) < 0.2
    filled = rbm.impute(np.where(holes, np.nan, test), random_state=seed)
    error = np.median(np.abs(filled - test)[holes])
    return 100 * (1 - head.score(rbm.transform(test), y_test)), error


@study.part
def features(run):
    """Features and missing values of tables of real numbers

    GaussianRBM with 64 units by its `variance`: test errors of a logistic regression of
    its features in percent, and the median absolute error of a fifth of the test values
    that was hidden, in standard deviations; mean and standard deviation over {seeds}
    splits of 70 % of the rows for training.

    {table}
    """
    kinds = ("error", "filled in")
    table = Table(["data", *(f"{noise}, {kind}" for noise in NOISE for kind in kinds)])
    for name in ("iris", "wine", "breast_cancer", "digits"):
        X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        found = np.array([run.seeded(uses, X, y, noise) for noise in NOISE])
        cells = found.transpose(0, 2, 1).reshape(-1, run.seeds)
        table.add(name.replace("_", " "), *(mean_and_spread(own) for own in cells))
    return table


if __name__ == "__main__":
    study.main()
