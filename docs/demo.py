"""Handwritten digits: features, likelihoods, samples, and a net with few labels.

Run it with ``make demo``; it takes about a minute on two cores. It uses the digits
that come with scikit-learn, and writes its pictures to ``demo_output/``.
"""

import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from skdbn import BernoulliRBM, DBNClassifier, DBNTransformer
from skdbn.schedules import Linear

OUTPUT = Path("demo_output")


def shift(images, rows, columns):
    """Move each 8 × 8 picture by so many pixels; what comes in is blank."""
    padded = np.pad(images.reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
    top, left = 1 - rows, 1 - columns
    return padded[:, top : top + 8, left : left + 8].reshape(-1, 64)


def with_shifts(X, y):
    """Each digit where it is and one pixel up, down, left and right."""
    moves = [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)]
    shifted = np.concatenate([shift(X, *move) for move in moves])
    digit = np.tile(np.arange(len(X)), len(moves))
    return shifted, y[digit], digit


def with_progress_bar(model):
    """Show bars while the model learns, down to its epochs, where scikit-learn can."""
    try:
        import rich  # noqa: F401
        from sklearn.callback import ProgressBar
    except ImportError:
        return model
    # A scaler has no epochs to show.
    warnings.filterwarnings("ignore", message=".*does not support callbacks")
    return model.set_callbacks(ProgressBar(max_propagation_depth=None))


def announce(start, what):
    """Say what comes next, for it can take a minute."""
    print(f"\n[{time.perf_counter() - start:3.0f} s] {what}", flush=True)


def print_table(header, rows):
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, ["-" * width for width in widths], *rows):
        cells = [row[0].ljust(widths[0])]
        cells += [c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)]
        print("  ".join(cells))


def write_pictures(images, path, title, columns):
    """Write a sheet of 8 × 8 pictures."""
    rows = -(-len(images) // columns)
    size = (0.75 * columns, 0.75 * rows + 0.5)
    figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained")
    signed = images.min() < 0
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, image in zip(axes.flat, images, strict=False):
        limit = np.abs(image).max()
        axis.imshow(
            image.reshape(8, 8),
            cmap="RdBu_r" if signed else "gray_r",
            vmin=-limit if signed else 0,
            vmax=limit,
        )
    figure.suptitle(title)
    figure.savefig(path, dpi=120)
    plt.close(figure)
    print(f"  {path.resolve()}")


def few_labels(X_train, y_train, X_test, y_test):
    """Read digits after some of the labels, and after all."""
    # The layer learns from all digits, with a label or without, and serves all rows.
    layers = DBNTransformer((256,), n_iter=40, random_state=0).fit(X_train)
    models = {
        "logistic regression": LogisticRegression(max_iter=2000),
        "support vector machine": SVC(C=10),
        "MLPClassifier": MLPClassifier((256,), max_iter=300, random_state=0),
    }
    rows = {name: [] for name in [*models, "DBNClassifier"]}
    sizes = 120, 480, len(y_train)
    for size in sizes:
        print(f"  {size} labels", flush=True)
        for name, model in models.items():
            model.fit(X_train[:size], y_train[:size])
            rows[name].append(model.score(X_test, y_test))
        few = np.where(np.arange(len(y_train)) < size, y_train, -1)
        net = DBNClassifier(
            pretrained=layers,
            unlabeled=-1,
            dropout=0.5,
            input_dropout=0.2,
            random_state=0,
        )
        rows["DBNClassifier"].append(net.fit(X_train, few).score(X_test, y_test))
    print()
    print_table(
        ["Digits without shifts, test", *(f"{size} labels" for size in sizes)],
        [
            [name, *(f"{100 * score:.1f} %" for score in scores)]
            for name, scores in rows.items()
        ],
    )


def main():
    warnings.filterwarnings("ignore", category=ConvergenceWarning)
    start = time.perf_counter()
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.25, stratify=y, random_state=0
    )
    as_they_are = X_train / 16, y_train, X_test / 16, y_test
    # Shifted digits are hard for a linear classifier. All shifts of a digit stay on
    # one side of each split.
    X_train, y_train, digit = with_shifts(X_train, y_train)
    X_test, y_test, _ = with_shifts(X_test, y_test)
    print(
        "Handwritten digits of 8 x 8 pixels, each also shifted by a pixel in four "
        f"directions:\n{len(X_train)} to learn from, {len(X_test)} to test."
    )
    folds = list(GroupKFold(3).split(X_train, y_train, digit))

    raw = make_pipeline(MinMaxScaler(clip=True), LogisticRegression(max_iter=2000))
    announce(start, "grid search: logistic regression on the pixels")
    raw_search = with_progress_bar(
        GridSearchCV(
            raw, {"logisticregression__C": [0.1, 1, 10, 100]}, cv=folds, n_jobs=2
        )
    )
    raw_search.fit(X_train, y_train)

    pipeline = make_pipeline(
        MinMaxScaler(clip=True),
        BernoulliRBM(batch_size=20, n_iter=80, random_state=0),
        LogisticRegression(max_iter=2000, C=10),
    )
    grid = {
        "bernoullirbm__n_components": [100, 200],
        "bernoullirbm__learning_rate": [Linear(0.05), Linear(0.2)],
    }
    announce(start, "the same on the features of an RBM: twelve fits of 80 epochs")
    search = with_progress_bar(GridSearchCV(pipeline, grid, cv=folds, n_jobs=2))
    search.fit(X_train, y_train)
    best = search.best_estimator_
    scaler, rbm = best[0], best[1]
    print(
        f"\nBest of the grid: {rbm.n_components} hidden units, "
        f"learning_rate={rbm.learning_rate}\n"
    )
    print_table(
        ["Reading the digits", "cross-validated", "test"],
        [
            [
                name,
                f"{100 * model.best_score_:.1f} %",
                f"{100 * model.score(X_test, y_test):.1f} %",
            ]
            for name, model in (
                ("logistic regression on pixels", raw_search),
                ("logistic regression on RBM features", search),
            )
        ],
    )

    announce(start, "likelihoods, filters and samples")
    # n_iter=0 leaves the start: independent pixels with the right means.
    V_train, V_test = scaler.transform(X_train), scaler.transform(X_test)
    independent = BernoulliRBM(1, n_iter=0, random_state=0).fit(V_train)
    print_table(
        ["Pseudo-log-likelihood of a digit, nats", "training", "test"],
        [
            [name, f"{model.score(V_train):.1f}", f"{model.score(V_test):.1f}"]
            for name, model in (("independent pixels", independent), ("RBM", rbm))
        ],
    )

    OUTPUT.mkdir(exist_ok=True)
    print("\nPictures:")
    strongest = np.argsort(-np.linalg.norm(rbm.components_, axis=1))[:60]
    filters = rbm.components_[strongest]
    title = "What the hidden units look for"
    write_pictures(filters, OUTPUT / "filters.png", title, columns=12)
    # The last step ends in the means, which are gray levels.
    samples = rbm.reconstruct(rbm.sample(60, n_steps=2000, random_state=0))
    title = "Samples from the model"
    write_pictures(samples, OUTPUT / "samples.png", title, columns=12)
    announce(start, "classifiers that learn from some of the labels, and from all")
    few_labels(*as_they_are)
    print(f"\nDone in {time.perf_counter() - start:.0f} seconds.")


if __name__ == "__main__":
    # All products here are small, and those of scikit-learn's models would start threads.
    with threadpool_limits(1, user_api="blas"):
        main()
