"""Tasks on tables of numbers, everything at its defaults, beside tools of scikit-learn.

regression  a column from the others, of all rows or of few with a target
imputation  a fifth or a half of the values hidden
anomalies   rows of a class that was not learned

The tables ship with scikit-learn or lie in the folder of data; at most 500 rows of each.
"""

import warnings

import numpy as np
from scipy.stats import rankdata
from sklearn import datasets
from sklearn.compose import TransformedTargetRegressor
from sklearn.covariance import EllipticEnvelope
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestRegressor,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import train_test_split
from sklearn.neighbors import LocalOutlierFactor
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR, OneClassSVM

from skdbn import BoltzmannImputer, DBNRegressor, GaussianRBM

from .._harness import Study, Table, announce, mean_and_spread, timed
from .densities import tables
from .few_labels import with_seed

MOST_ROWS, FEW = 500, 50

study = Study(__file__, __doc__, seeds=3)


def varying(X):
    """The columns of which no value is that of nineteen rows in twenty."""
    most = [np.unique(column, return_counts=True)[1].max() for column in X.T]
    return X[:, np.array(most) < 0.95 * len(X)]


def standardized(X, seed, y=None):
    """Rows to learn from and rows for tests, a third, in units of the former."""
    X = X.astype(float)
    if len(X) > MOST_ROWS:
        some = np.random.default_rng(0).permutation(len(X))[:MOST_ROWS]
        X, y = X[some], None if y is None else y[some]
    X = varying(X)
    rows = train_test_split(np.arange(len(X)), test_size=1 / 3, random_state=seed)
    scaler = StandardScaler().fit(X[rows[0]])
    found = [scaler.transform(X[part]) for part in rows]
    return found if y is None else [*found, *(y[part] for part in rows)]


def ranked(run, function, kinds, figure, names, digits=2):
    """A row for each kind: its mean rank, the figure of each set, and seconds of all."""
    columns, seconds = {}, dict.fromkeys(kinds, 0.0)
    for name, *args in names:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            runs = run.seeded(function, *args)
        announce(name)
        for case in runs[0]:
            head = f"{name}, {case}" if case else name
            columns[head] = [[one[case][kind][0] for one in runs] for kind in kinds]
            for kind in kinds:
                seconds[kind] += np.median([one[case][kind][1] for one in runs])
    ranks = np.mean(
        [rankdata(np.mean(found, axis=1)) for found in columns.values()], axis=0
    )
    result = Table(["", "mean rank", *columns, "seconds, all"])
    for i in np.argsort(ranks):
        kind = list(kinds)[i]
        cells = (
            mean_and_spread(figure(found[i]), digits) for found in columns.values()
        )
        result.add(kind, f"{ranks[i]:.1f}", *cells, f"{seconds[kind]:.1f}")
    return result


REGRESSORS = {
    "DBNRegressor": DBNRegressor(),
    "Ridge": Ridge(),
    "SVR": TransformedTargetRegressor(SVR(), transformer=StandardScaler()),
    "RandomForest": RandomForestRegressor(),
    "HistGradientBoosting": HistGradientBoostingRegressor(),
    "MLP, scaled targets": TransformedTargetRegressor(
        MLPRegressor(), transformer=StandardScaler()
    ),
}


def regressed(X, y, seed):
    """Mean squared error in units of the variance, and seconds, of each regressor."""
    X, X_test, y, y_test = standardized(X, seed, y)
    found = {}
    for case, n_targets in (("all", len(y)), (f"{FEW}", FEW)):
        found[case] = {}
        for kind, model in REGRESSORS.items():
            model, few = with_seed(model, seed), y[:n_targets]
            if kind == "DBNRegressor":
                few = np.where(np.arange(len(y)) < n_targets, y, np.nan)
            given = X[: len(few)], few
            fitted, seconds = timed(model.fit, *given)
            error = np.square(fitted.predict(X_test) - y_test).mean() / y_test.var()
            found[case][kind] = float(error), seconds
    return found


def targets(folder):
    """Tables without one column, and that column."""
    X, y = datasets.load_diabetes(return_X_y=True)
    yield "diabetes, disease", X, y
    for name, X in tables(folder):
        X = varying(X)
        column = X.shape[1] // 2
        yield name, np.delete(X, column, axis=1), X[:, column]


@study.part
def regression(run):
    """Regression of tables

    Mean squared error on a third of the rows, as a share of the variance of the target,
    and mean rank; mean and standard deviation over {seeds} seeds, of which each divides
    the rows anew. The target is the disease of diabetes and, everywhere, the column in
    the middle; all rows have it, or {FEW} do. DBNRegressor learns from all rows.

    {table}
    """
    return ranked(run, regressed, REGRESSORS, list, targets(run.data))


IMPUTERS = {
    "BoltzmannImputer": BoltzmannImputer(),
    "SimpleImputer": SimpleImputer(),
    "KNNImputer": KNNImputer(),
    "IterativeImputer": IterativeImputer(),
}


def imputed(X, seed):
    """Root mean square error in standard deviations, and seconds, of each imputer."""
    X, X_test = standardized(X, seed)
    found = {}
    for share in (0.2, 0.5):
        rng, case = np.random.default_rng(seed), f"{share:.0%}"
        holes, test = rng.random(X.shape) < share, rng.random(X_test.shape) < share
        holed, holed_test = np.where(holes, np.nan, X), np.where(test, np.nan, X_test)
        found[case] = {}
        for kind, model in IMPUTERS.items():
            fitted, seconds = timed(with_seed(model, seed).fit, holed)
            filled, more = timed(fitted.transform, holed_test)
            error = np.sqrt(np.square(filled - X_test)[test].mean())
            found[case][kind] = float(error), seconds + more
    return found


@study.part
def imputation(run):
    """Missing values of tables

    Root mean square error of hidden values in standard deviations, on a third of the
    rows; mean and standard deviation over {seeds} seeds, of which each divides the rows
    and hides values anew, of rows for learning as well.

    {table}
    """
    return ranked(run, imputed, IMPUTERS, list, tables(run.data))


def density(model):
    """What is low of rows like those a model has learned from."""
    return lambda X, test: -model.fit(X).score_samples(test)


def detectors(seed):
    return {
        "GaussianRBM": lambda X, test: (
            GaussianRBM(random_state=seed).fit(X).free_energy(test)
        ),
        'GaussianRBM, variance="full"': lambda X, test: (
            GaussianRBM(variance="full", random_state=seed).fit(X).free_energy(test)
        ),
        "IsolationForest": density(IsolationForest(random_state=seed)),
        "OneClassSVM": density(OneClassSVM()),
        "LocalOutlierFactor": density(LocalOutlierFactor(novelty=True)),
        "EllipticEnvelope": lambda X, test: (
            EllipticEnvelope(random_state=seed).fit(X).mahalanobis(test)
        ),
        "GaussianMixture(5)": density(GaussianMixture(5, random_state=seed)),
        "PCA(0.9), likelihood": density(PCA(0.9)),
    }


def detected(X, y, seed):
    """1 − the area under the ROC curve, mean over classes left out in turn."""
    X, X_test, y, y_test = standardized(X, seed, y)
    names = list(detectors(seed))
    areas, spent = {name: [] for name in names}, dict.fromkeys(names, 0.0)
    for label in np.unique(y)[:5]:
        known, strange = X[y != label], y_test == label
        for name, score in detectors(seed).items():
            found, seconds = timed(score, known, X_test)
            areas[name].append(1 - roc_auc_score(strange, np.nan_to_num(found)))
            spent[name] += seconds
    return {"": {name: (float(np.mean(areas[name])), spent[name]) for name in names}}


def classes(folder):
    for name in ("iris", "wine", "breast_cancer", "digits"):
        X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        yield name.replace("_", " "), X, y


@study.part
def anomalies(run):
    """Rows of a class that was not learned

    The area under the ROC curve in percent by which the scores of a model tell test rows
    of a class from those of the others, from which alone it learned; mean over the first
    five classes, each left out in turn, with the standard deviation over {seeds} seeds,
    of which each divides the rows anew. Rows are scored by the free energy of
    GaussianRBM, and by ``score_samples`` of the others.

    {table}
    """

    def areas(found):
        return [100 * (1 - one) for one in found]

    return ranked(run, detected, detectors(0), areas, classes(run.data), 1)


if __name__ == "__main__":
    study.main()
