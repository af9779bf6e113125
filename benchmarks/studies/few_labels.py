"""Few labels and many rows, everything at its defaults.

classifiers  DBNClassifier beside classifiers of scikit-learn, some of which learn from
             rows without a label as well
features     features of all rows, and a logistic regression on a few of them
"""

import warnings

import numpy as np
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import BernoulliRBM as Original
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from sklearn.svm import SVC

from skdbn import BernoulliRBM, DBNClassifier, SparseRBM

from .. import _data
from .._harness import Study, Table, mean_and_spread, timed

study = Study(
    __file__, __doc__, seeds=5, sets=["digits", "words", "cancer", "wine", "mnist"]
)

N_LABELS = {
    "digits": (50, 200, 1000),
    "words": (50, 200, 1000),
    "cancer": (20, 100),
    "wine": (15, 60),
    "mnist": (100, 300, 1000),
}
CLASSIFIERS = {
    "DBNClassifier": DBNClassifier(unlabeled=-1),
    "LabelSpreading, knn": LabelSpreading(kernel="knn"),
    "LabelSpreading, rbf": LabelSpreading(),
    "SelfTraining(SVC)": SelfTrainingClassifier(SVC(probability=True)),
    "SVC": SVC(),
    "PCA + SVC": make_pipeline(PCA(0.9), SVC()),
    "LogisticRegression": LogisticRegression(max_iter=1000),
    "KNeighbors": KNeighborsClassifier(),
    "RandomForest": RandomForestClassifier(),
    "HistGradientBoosting": HistGradientBoostingClassifier(),
    "MLP": MLPClassifier(),
}
FEATURES = {
    "columns": "passthrough",
    "PCA(50)": PCA(50),
    "BernoulliRBM of scikit-learn": Original(),
    "BernoulliRBM": BernoulliRBM(),
    "SparseRBM": SparseRBM(),
}
# Those that learn from rows without a label, too.
SEMI_SUPERVISED = ("DBN", "Label", "Self")


def table(folder, name):
    """Rows between 0 and 1, or standardized, and labels; at most 6,000."""
    if name == "mnist":
        X, y, *_ = _data.digits(folder)
        return X[:6000], y[:6000]
    if name == "words":
        X, y, *_ = _data.newsgroups(folder)
        some = np.random.default_rng(0).permutation(len(X))[:6000]
        return X[some], y[some]
    if name == "digits":
        X, y = load_digits(return_X_y=True)
        return X / 16, y
    load = {"cancer": load_breast_cancer, "wine": load_wine}[name]
    X, y = load(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def parts(folder, name, seed):
    X, y = table(folder, name)
    return train_test_split(X, y, test_size=1 / 3, stratify=y, random_state=seed)


def with_seed(model, seed):
    model = clone(model)
    names = [name for name in model.get_params() if name.endswith("random_state")]
    return model.set_params(**dict.fromkeys(names, seed))


def classified(folder, name, seed):
    """Accuracy in percent and seconds of each classifier at each number of labels."""
    X, X_test, y, y_test = parts(folder, name, seed)
    found = {}
    for n_labels in N_LABELS[name]:
        rows, _ = train_test_split(
            np.arange(len(y)), train_size=n_labels, stratify=y, random_state=seed
        )
        few = np.full(len(y), -1)
        few[rows] = y[rows]
        for kind, model in CLASSIFIERS.items():
            given = (X, few) if kind.startswith(SEMI_SUPERVISED) else (X[rows], y[rows])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fitted, seconds = timed(with_seed(model, seed).fit, *given)
                score = 100 * fitted.score(X_test, y_test)
            found[kind, n_labels] = score, seconds
    return found


def regressed(folder, name, seed):
    """Accuracy in percent of a regression on each kind of features."""
    X, X_test, y, y_test = parts(folder, name, seed)
    found = {}
    for kind, model in FEATURES.items():
        if model != "passthrough":
            model = with_seed(model, seed).fit(X)
        F, F_test = (
            rows if model == "passthrough" else model.transform(rows)
            for rows in (X, X_test)
        )
        for n_labels in N_LABELS[name]:
            F_few, _, y_few, _ = train_test_split(
                F, y, train_size=n_labels, stratify=y, random_state=seed
            )
            model_of_few = LogisticRegression(max_iter=5000).fit(F_few, y_few)
            found[kind, n_labels] = 100 * model_of_few.score(F_test, y_test), 0.0
    return found


def compared(run, function, kinds, sets):
    """A row for each kind, with its mean rank and, if they take any, its seconds."""
    columns, seconds = [], dict.fromkeys(kinds, 0.0)
    for name in sets:
        runs = run.seeded(function, run.data, name)
        for n_labels in N_LABELS[name]:
            columns.append(
                (
                    f"{name}, {n_labels}",
                    [[r[k, n_labels][0] for r in runs] for k in kinds],
                )
            )
            for kind in kinds:
                seconds[kind] += np.median([r[kind, n_labels][1] for r in runs])
    ranks = np.mean([rankdata(-np.mean(found, axis=1)) for _, found in columns], axis=0)
    result = Table(["", "mean rank", *(head for head, _ in columns), "seconds, all"])
    for i in np.argsort(ranks):
        kind = list(kinds)[i]
        figures = [mean_and_spread(found[i], 1) for _, found in columns]
        result.add(kind, f"{ranks[i]:.1f}", *figures, f"{seconds[kind]:.1f}")
    return result


@study.part
def classifiers(run):
    """Few labels: classifiers

    Test accuracy in percent, mean and standard deviation over {seeds} seeds, of which each
    divides the rows anew, two thirds to learn from, and draws so many labels; everything at
    its defaults. DBNClassifier, LabelSpreading and SelfTraining learn from all of these rows.
    At most 6,000 rows of MNIST and of the words; tables are standardized.

    {table}
    """
    return compared(run, classified, CLASSIFIERS, run.sets)


@study.part
def features(run):
    """Few labels: features

    Test accuracy in percent, mean and standard deviation over {seeds} seeds, of a logistic
    regression at its defaults on features that were learned from all rows, and so many
    labels.

    {table}
    """
    sets = [name for name in run.sets if name not in ("cancer", "wine")]
    return compared(run, regressed, FEATURES, sets)


if __name__ == "__main__":
    study.main()
