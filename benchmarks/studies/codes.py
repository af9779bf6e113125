"""Codes: autoencoders and neighborhood components beside PCA and its like.

words      similar articles by ten numbers, beside TruncatedSVD
anomalies  digits of a class that was not learned, beside other scores of outliers
faces      patches of faces of people who were not learned from
curves     784-400-200-100-50-25-6 on curves through three points
digits     784-1000-500-250-30 on MNIST
start      the same from RBMs and from random weights, beside MLPRegressor
neighbors  784-500-500-2000-30 on MNIST and nearest neighbors, also with 2 components
labels     the same with 1 % and 10 % of the labels

The folder --work keeps what is finished, so that a run that was stopped goes on from
there. The parts of MNIST learn from the first --rows training digits; settings were
chosen on the last 10,000.
"""

import time
from pathlib import Path

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.stats import mode
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import (
    KNeighborsClassifier,
    NearestNeighbors,
    NeighborhoodComponentsAnalysis,
)
from sklearn.neural_network import MLPRegressor
from sklearn.svm import OneClassSVM

from skdbn import (
    RBM,
    BernoulliRBM,
    DBNAutoencoder,
    DBNNeighborhoodComponents,
    DBNTransformer,
)
from skdbn.schedules import Linear

from .. import _data
from .._harness import Study, Table, mean_and_spread

study = Study(__file__, __doc__, work=Path, seeds=3, rows=60_000, epochs=30)


def squared_error(X, rebuilt):
    """The mean over rows of the sum of squared errors."""
    return float(np.square(X - rebuilt).sum(axis=1).mean(dtype=np.float64))


def rebuilt(model, X):
    return model.inverse_transform(model.transform(X))


def on_processor(function, *args):
    """What a function returns, and the seconds of the processor that it took."""
    start = time.process_time()
    found = function(*args)
    return found, time.process_time() - start


def learned(kept, name, layers, X, n_iter, seed):
    """A stack of RBMs that is kept, with its seconds; random weights if `n_iter` is 0."""
    *below, code = layers
    layers = (*below, RBM(code, visible="bernoulli", hidden="gaussian"))
    stack = DBNTransformer(layers, rbm=BernoulliRBM(), n_iter=n_iter, random_state=seed)
    return kept.model(f"{name}-{n_iter}-{seed}", on_processor, stack.fit, X)


# Words

SIMILAR = 10
WORDS = DBNAutoencoder((128,), n_components=10, input_dropout=0.2, max_iter=30)


def precision(codes, groups, queries, groups_of_queries):
    """The share of the most similar rows, by the cosine, that have the group."""
    nearest = NearestNeighbors(n_neighbors=SIMILAR, metric="cosine").fit(codes)
    found = groups[nearest.kneighbors(queries, return_distance=False)]
    return 100 * float((found == groups_of_queries[:, None]).mean())


def similar_articles(folder, seed):
    X, y, *_ = _data.newsgroups(folder)
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=1 / 3, stratify=y, random_state=seed
    )
    models = {
        "TruncatedSVD(10)": TruncatedSVD(10, random_state=seed),
        "PCA(10)": PCA(10, random_state=seed),
        "DBNAutoencoder": clone(WORDS).set_params(random_state=seed),
    }
    found = {"100 words": precision(X, y, X_test, y_test)}
    for name, model in models.items():
        codes = model.fit(X).transform(X)
        found[name] = precision(codes, y, model.transform(X_test), y_test)
    return found


@study.part
def words(run):
    """Similar articles by ten numbers

    The share in percent of the {SIMILAR} most similar articles of newsgroups_w100, by the
    cosine of their codes, that are of the same group, mean and standard deviation over
    {seeds} seeds. Each divides the articles anew: codes are learned of two thirds, in which
    those similar to an article of the other third are looked for. `{WORDS}`; its settings were not searched.

    {table}
    """
    return _compared(run, "words", similar_articles, "precision, %")


def _compared(run, name, function, figure, digits=1):
    """A table of the figures of some runs, by what they are of."""
    runs = [
        run.kept.result(f"{name}-{seed}", function, run.data, seed)
        for seed in range(run.seeds)
    ]
    result = Table(["", figure])
    for kind in runs[0]:
        if kind != "seconds":
            result.add(kind, mean_and_spread([one[kind] for one in runs], digits))
    return result


# Anomalies

CODE = DBNAutoencoder((128,), n_components=10)


def outliers(_, seed):
    """The mean over classes of the area under the curve, a class being held out."""
    X, y = load_digits(return_X_y=True)
    X = X / 16
    found = {}
    for digit in range(10):
        train, test = train_test_split(
            np.flatnonzero(y != digit), test_size=1 / 3, random_state=seed
        )
        test = np.append(test, np.flatnonzero(y == digit))
        pca = PCA(10).fit(X[train])
        net = clone(CODE).set_params(random_state=seed).fit(X[train])
        scores = {
            "IsolationForest": IsolationForest(random_state=seed)
            .fit(X[train])
            .score_samples(X[test]),
            "OneClassSVM": OneClassSVM().fit(X[train]).score_samples(X[test]),
            "PCA(10), squared error": -np.square(X[test] - rebuilt(pca, X[test])).sum(
                axis=1
            ),
            "DBNAutoencoder, score_samples": net.score_samples(X[test]),
        }
        scores["DBNAutoencoder, squared error"] = -np.square(
            X[test] - net.reconstruct(X[test])
        ).sum(axis=1)
        for name, score in scores.items():
            area = roc_auc_score(y[test] != digit, score)
            found[name] = found.get(name, 0.0) + float(area) / 10
    return found


@study.part
def anomalies(run):
    """Digits of a class that was not learned

    The area under the ROC curve by which the scores of models tell the digits of a class
    from those of the others: mean over the ten classes of scikit-learn's 8 × 8 digits, each
    of which is held out once, and with the standard deviation over {seeds} seeds. The
    models learn from two thirds of the digits of the other nine, without labels, and are
    asked about the last third. `{CODE}`; the others at their defaults, and none
    searched.

    {table}
    """
    return _compared(run, "anomalies", outliers, "area", 4)


# Faces

N_FACES, N_TEST_FACES, FACE_SIZE = 24_000, 6_000, 25
FACES = DBNAutoencoder((1000, 500, 250), n_components=30)


def draw_faces(pictures, n, seed):
    """The middle of pictures of 64 × 64, turned and enlarged at random, as 25 × 25."""
    rng = np.random.default_rng(seed)
    faces = np.empty((n, FACE_SIZE, FACE_SIZE), np.float32)
    places = (np.arange(FACE_SIZE) - FACE_SIZE // 2) * 64 / FACE_SIZE
    down, right = np.meshgrid(places, places, indexing="ij")
    for i, face in enumerate(faces):
        angle, scale = rng.uniform(-np.pi / 2, np.pi / 2), rng.uniform(1.4, 1.8)
        cos, sin = np.cos(angle) / scale, np.sin(angle) / scale
        at = 31.5 + cos * down + sin * right, 31.5 - sin * down + cos * right
        map_coordinates(pictures[i % len(pictures)], at, face, order=1, mode="nearest")
    return faces.reshape(n, -1)


def face_errors(folder, epochs, seed):
    """Errors of faces of the first 30 people, and of the other ten."""
    pictures, person = _data.arrays(folder, "olivetti_faces", "X", "y")
    pictures = pictures.reshape(-1, 64, 64).astype(np.float32)
    X = draw_faces(pictures[person < 30], N_FACES, 2 * seed)
    X_test = draw_faces(pictures[person >= 30], N_TEST_FACES, 2 * seed + 1)
    mean, scale = X.mean(axis=0), np.sqrt(X.var(axis=0).mean())
    X, X_test = (X - mean) / scale, (X_test - mean) / scale
    found = {}
    for name, model in {
        "PCA(30)": PCA(30, random_state=seed),
        "DBNAutoencoder": clone(FACES).set_params(max_iter=epochs, random_state=seed),
    }.items():
        _, spent = on_processor(model.fit, X)
        errors = [squared_error(rows, rebuilt(model, rows)) for rows in (X_test, X)]
        found[name] = [*errors, spent]
    return found


@study.part
def faces(run):
    """Faces of people who were not learned from

    The mean over {N_TEST_FACES} pictures of 25 × 25 of the sum of the squared errors, of codes
    of 30 numbers: the middle of the Olivetti faces, turned by up to 90° and enlarged 1.4 to
    1.8 times, with pixels of mean 0 and together of variance 1. Codes are learned from
    {N_FACES} pictures of 30 people, and asked about those of ten others, mean and standard
    deviation over {seeds} seeds. Published, of 124,200 pictures and a net
    625-2000-1000-500-30: 126, and 135 for PCA, which is 7 % less. `{FACES}`, and
    {epochs} epochs of fine-tuning; the settings were not searched.

    {table}
    """
    runs = [
        run.kept.result(
            f"faces-{run.epochs}-{seed}", face_errors, run.data, run.epochs, seed
        )
        for seed in range(run.seeds)
    ]
    table = Table("code | test error | on training rows | seconds of one core")
    for name in ("PCA(30)", "DBNAutoencoder"):
        *errors, spent = zip(*(one[name] for one in runs), strict=True)
        shown = [mean_and_spread(error, 1) for error in errors]
        table.add(name, *shown, f"{np.mean(spent):.0f}")
    return table


# Curves

CURVES = (400, 200, 100, 50, 25, 6)
# The width of the pen at which PCA has the published error.
PEN, MARGIN = 1.0, 6.0


def draw_curves(n, seed, pen=PEN, margin=MARGIN):
    """Pictures of 28 × 28 of smooth curves through three random points."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(margin, 28 - margin, (n, 3, 2)).astype(np.float32)
    t = np.linspace(0, 1, 60, dtype=np.float32)
    through = np.stack([(1 - t) * (1 - 2 * t), 4 * t * (1 - t), t * (2 * t - 1)])
    line = np.einsum("npd,pt->ntd", points, through)
    grid = np.arange(28, dtype=np.float32) + 0.5
    pictures = np.empty((n, 28, 28), np.float32)
    for picture, own in zip(pictures, line, strict=True):
        ink = [
            np.exp(-np.square(own[:, d, None] - grid) / (2 * pen**2)) for d in (1, 0)
        ]
        np.max(ink[0][:, :, None] * ink[1][:, None, :], axis=0, out=picture)
    return pictures.reshape(n, -1)


def curve_error(kept, n_iter, epochs, seed):
    X, X_test = draw_curves(20_000, 0), draw_curves(10_000, 1)
    stack, _ = learned(kept, "curves", CURVES, X, n_iter, seed)
    net = DBNAutoencoder(
        pretrained=stack,
        n_components=CURVES[-1],
        learning_rate_init=Linear(2e-3),
        max_iter=epochs,
        random_state=seed,
    )
    net.fit(X)
    return {
        "error": squared_error(X_test, net.reconstruct(X_test)),
        "on training rows": squared_error(X, net.reconstruct(X)),
    }


@study.part
def curves(run):
    """Curves through three points

    The mean over 10,000 test pictures of the sum of the squared errors, of codes that were
    learned from 20,000: pictures of 28 × 28 of a parabola through three random points,
    drawn with a round pen so wide that PCA has the published error. Published: 1.44 by a net
    784-{sizes}, and 5.90 by PCA with 18 components. {epochs} epochs of fine-tuning by Adam,
    at a rate that falls from 0.002 to 0, with batches of 100.

    {table}
    """
    X, X_test = draw_curves(20_000, 0), draw_curves(10_000, 1)
    table = Table("code | test error | on training rows")
    for n in (6, 18):
        pca = PCA(n, random_state=0).fit(X)
        errors = [squared_error(rows, rebuilt(pca, rows)) for rows in (X_test, X)]
        table.add(f"PCA({n})", *(f"{error:.2f}" for error in errors))
    for title, n_iter in (("net, from RBMs", 3), ("net, from random weights", 0)):
        runs = [
            run.kept.result(
                f"curves-{n_iter}-{run.epochs}-{seed}",
                curve_error,
                run.kept,
                n_iter,
                run.epochs,
                seed,
            )
            for seed in range(run.seeds)
        ]
        figures = ([one[key] for one in runs] for key in ("error", "on training rows"))
        table.add(title, *map(mean_and_spread, figures))
    return dict(table=table, sizes="-".join(map(str, CURVES)))


# MNIST, rebuilt

DIGITS = (1000, 500, 250, 30)
REBUILT = dict(n_components=30, learning_rate_init=Linear(2e-3), batch_size=100)


def rebuilt_digits(kept, folder, n_rows, n_iter, epochs, seed):
    """Test error of a net, and seconds of both parts of learning."""
    X, _, X_test, _ = _data.digits(folder)
    X = X[:n_rows]
    stack, before = learned(kept, f"digits-{n_rows}", DIGITS, X, n_iter, seed)
    net = DBNAutoencoder(
        pretrained=stack, max_iter=epochs, random_state=seed, **REBUILT
    )
    _, spent = on_processor(net.fit, X)
    error = squared_error(X_test, net.reconstruct(X_test))
    return {"error": error, "pre-training": before, "fine-tuning": spent}


def rebuilt_by_mlp(folder, n_rows, seconds, seed):
    """The same of scikit-learn's network, after as many seconds."""
    X, _, X_test, _ = _data.digits(folder)
    X, spent = X[:n_rows], 0.0
    mlp = MLPRegressor(
        (*DIGITS, *DIGITS[-2::-1]),
        activation="relu",
        batch_size=100,
        random_state=seed,
    )
    while spent < seconds:
        spent += on_processor(mlp.partial_fit, X, X)[1]
    return {"error": squared_error(X_test, mlp.predict(X_test)), "fine-tuning": spent}


def runs_of_digits(run, n_iter):
    """The figures of each seed, of nets from RBMs or with 0 from random weights."""
    return [
        run.kept.result(
            f"digits-{run.rows}-{run.epochs}-{n_iter}-{seed}",
            rebuilt_digits,
            *(run.kept, run.data, run.rows, n_iter, run.epochs, seed),
        )
        for seed in range(run.seeds)
    ]


def add_digits(table, name, runs):
    """A row of errors and of seconds."""
    errors = mean_and_spread([one["error"] for one in runs])
    parts = "pre-training", "fine-tuning"
    seconds = [np.mean([one.get(part, 0) for one in runs]) for part in parts]
    table.add(name, errors, *(f"{part:.0f}" for part in seconds))
    return sum(seconds)


COLUMNS = "code | test error | pre-training, s | fine-tuning, s"


@study.part
def digits(run):
    """MNIST in thirty numbers

    The mean over the 10,000 test digits of the sum of the squared errors, of codes of 30
    numbers that were learned from {rows} training digits: mean and standard deviation over
    {seeds} seeds, and the seconds of one core, beside other work, that the two parts of
    learning take. Published for a net 784-1000-500-250-30 from RBMs: 3.00, and 13.87 for
    PCA. Pre-training takes 2 epochs a layer, and fine-tuning {epochs} by Adam, `{REBUILT}`,
    between rates of which four epochs were tried on the last 10,000 training digits,
    which pre-training has seen without their labels.

    {table}
    """
    X, _, X_test, _ = _data.digits(run.data)
    pca = PCA(30, random_state=0).fit(X)
    table = Table(COLUMNS)
    error = squared_error(X_test, rebuilt(pca, X_test))
    table.add("PCA(30), all digits", f"{error:.2f}", "", "")
    add_digits(table, "net, from RBMs", runs_of_digits(run, 2))
    return table


@study.part
def start(run):
    """MNIST in thirty numbers, from RBMs and from random weights

    As the table of MNIST in thirty numbers, after {epochs} epochs of fine-tuning. The last
    row is a net of the same sizes, but of rectified units, that learns for as many seconds
    as pre-training and fine-tuning take together.

    {table}
    """
    table = Table(COLUMNS)
    spent = add_digits(table, "net, from RBMs", runs_of_digits(run, 2))
    add_digits(table, "net, from random weights", runs_of_digits(run, 0))
    runs = [
        run.kept.result(
            f"digits-mlp-{run.rows}-{run.epochs}-{seed}",
            rebuilt_by_mlp,
            *(run.data, run.rows, spent, seed),
        )
        for seed in range(run.seeds)
    ]
    add_digits(table, "MLPRegressor", runs)
    return table


# MNIST, nearest neighbors

NEIGHBORS = (500, 500, 2000)
CLOSE = dict(learning_rate_init=Linear(3e-3), batch_size=500, input_dropout=0.2)
NEAREST = (1, 3, 5, 7)
PUBLISHED = "1.08, 1.00, 1.03, 1.01"


def errors_of_neighbors(codes, y, queries, y_test):
    """Errors in percent by so many nearest neighbors."""
    nearest = NearestNeighbors(n_neighbors=max(NEAREST)).fit(codes)
    found = y[nearest.kneighbors(queries, return_distance=False)]
    votes = (mode(found[:, :k], axis=1).mode for k in NEAREST)
    return [100 * float(np.mean(vote != y_test)) for vote in votes]


def stack_of_neighbors(kept, n, X, seed):
    """Layers and a code of n numbers; all codes have the same layers below."""
    below = DBNTransformer(NEIGHBORS, rbm=BernoulliRBM(), n_iter=2, random_state=seed)
    name = f"neighbors-{len(X)}-{seed}"
    below = kept.model(name, below.fit, X)
    code = RBM(n, visible="bernoulli", hidden="gaussian", n_iter=2, random_state=seed)
    # The published rate of linear units.
    code.set_params(learning_rate=1e-3, gradient="cd")
    code = kept.model(f"{name}-{n}", lambda X: code.fit(below.transform(X)), X)
    return DBNTransformer.from_rbms([*below.rbms_, code])


def linear_codes(n, seed):
    """Linear codes of n numbers; discriminant analysis of ten classes has nine at most."""
    return {
        "PCA": PCA(n, random_state=seed),
        "LDA": LinearDiscriminantAnalysis(n_components=min(n, 9)),
        "NCA, of 2,000 digits": NeighborhoodComponentsAnalysis(
            n, init="pca", max_iter=30, random_state=seed
        ),
    }


def neighbor_errors(kept, folder, n_rows, n, epochs, seed):
    """Errors of each code of n numbers, at each number of neighbors."""
    X, y, X_test, y_test = _data.digits(folder)
    X, y = X[:n_rows], y[:n_rows]
    stack = stack_of_neighbors(kept, n, X, seed)
    codes = linear_codes(n, seed) | {
        "net": DBNNeighborhoodComponents(
            pretrained=stack,
            n_components=n,
            max_iter=epochs,
            random_state=seed,
            **CLOSE,
        )
    }
    found = {}
    for name, model in codes.items():
        some = slice(2000 if name.startswith("NCA") else None)
        model.fit(X[some], y[some])
        found[name] = errors_of_neighbors(
            model.transform(X), y, model.transform(X_test), y_test
        )
    return found


@study.part
def neighbors(run):
    """Nearest neighbors of MNIST

    Test errors in percent by 1, 3, 5 and 7 nearest neighbors in codes that were learned from
    {rows} training digits, means over {seeds} seeds. Published for a net
    784-500-500-2000-30 from RBMs: {PUBLISHED}. Pre-training takes 2 epochs a layer, and
    fine-tuning {epochs} by Adam: `{CLOSE}`.

    {table}
    """
    table = Table("components | code | 1 | 3 | 5 | 7")
    for n in (30, 2):
        runs = [
            run.kept.result(
                f"neighbors-{run.rows}-{n}-{run.epochs}-{seed}",
                neighbor_errors,
                *(run.kept, run.data, run.rows, n, run.epochs, seed),
            )
            for seed in range(run.seeds)
        ]
        for name in runs[0]:
            if name != "seconds":
                means = np.mean([one[name] for one in runs], axis=0)
                table.add(n, name, *(f"{mean:.2f}" for mean in means))
    return table


# MNIST, few labels

SHARES = (0.0, 0.001, 0.01, 0.1)


def few_labels(kept, folder, n_rows, share, epochs, seed):
    """Test errors by the nearest of the rows with a label, in percent."""
    X, y, X_test, y_test = _data.digits(folder)
    X, y = X[:n_rows], y[:n_rows]
    rows, _ = train_test_split(
        np.arange(n_rows), train_size=share, stratify=y, random_state=seed
    )
    few = np.full(n_rows, -1)
    few[rows] = y[rows]
    stack = stack_of_neighbors(kept, 30, X, seed)

    def error(transform):
        model = KNeighborsClassifier(1).fit(transform(X[rows]), y[rows])
        return 100 * float(1 - model.score(transform(X_test), y_test))

    found = {"pixels": error(np.asarray), "DBNTransformer": error(stack.transform)}
    for weight in SHARES:
        net = DBNNeighborhoodComponents(
            pretrained=stack,
            n_components=30,
            reconstruction=weight,
            unlabeled=-1,
            max_iter=epochs,
            random_state=seed,
            **CLOSE,
        )
        found[f"reconstruction={weight}"] = error(net.fit(X, few).transform)
    return found


@study.part
def labels(run):
    """Nearest neighbors of MNIST with few labels

    Test errors in percent by the nearest of the training digits with a label, mean and
    standard deviation over {seeds} seeds: {rows} training digits, of which such a share has
    a label. The net is 784-500-500-2000-30, fine-tuned for {epochs} epochs.

    {table}
    """
    columns = []
    for share in (0.01, 0.1):
        runs = [
            run.kept.result(
                f"labels-{run.rows}-{share}-{run.epochs}-{seed}",
                few_labels,
                *(run.kept, run.data, run.rows, share, run.epochs, seed),
            )
            for seed in range(run.seeds)
        ]
        columns.append(runs)
    table = Table("code | 1 % of the labels | 10 %")
    for name in columns[0][0]:
        if name != "seconds":
            errors = [[one[name] for one in runs] for runs in columns]
            table.add(name, *map(mean_and_spread, errors))
    return table


if __name__ == "__main__":
    study.main()
