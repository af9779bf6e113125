"""Labels and numbers to be predicted: checks, and which rows have none."""

import numbers

import numpy as np
from scipy import sparse
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_array, check_consistent_length, column_or_1d

from .._utils._sklearn import is_pandas_na, is_scalar_nan, safe_indexing
from ..exceptions import warn


def check_y(estimator, X, y, **settings):
    """y as an array with a value or a row for each row of X."""
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is "
            "None."
        )
    # A sum that is to tell whether all is finite may overflow.
    with np.errstate(over="ignore", invalid="ignore"):
        y = check_array(
            y,
            accept_sparse="csr",
            ensure_2d=False,
            dtype=None,
            input_name="y",
            **settings,
        )
    y = y.toarray() if hasattr(y, "toarray") else y
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    check_consistent_length(X, y)
    return y


def check_labels(estimator, X, y):
    """y as an array, and which of its rows have no label.

    If `unlabeled` is NaN, None and pandas' NA stand for no label as well.
    """
    unlabeled = estimator.unlabeled
    nan = unlabeled is not None and is_missing(unlabeled)
    y = check_y(estimator, X, y, ensure_all_finite="allow-nan")
    labels = y.ravel().tolist()
    missing = np.array([is_missing(label) for label in labels], bool)
    if missing.any() and not nan:
        raise ValueError(
            f"y contains {labels[missing.argmax()]!r} in place of a label. If that stands "
            "for rows without a label, say unlabeled=np.nan."
        )
    if not nan:
        missing = np.array(
            [unlabeled is not None and label == unlabeled for label in labels], bool
        )
    return y, missing.reshape(len(y), -1).all(axis=1)


def known_labels(y):
    """Labels of rows that have them, in an array of one type, checked."""
    if y.dtype == object:
        for kind in (str, numbers.Real):
            if all(isinstance(label, kind) for label in y.flat):
                y = np.array(y.tolist())
    kinds = {type(label).__name__ for label in y.flat} if y.dtype == object else ()
    if len(kinds) > 1:
        raise TypeError(
            f"y has labels of several types, {' and '.join(sorted(kinds))}: make all of "
            "them strings or numbers."
        )
    # Are they whole? A cast to ints overflows where they are large.
    with np.errstate(invalid="ignore"):
        check_classification_targets(y)
        kind = type_of_target(y)
    if kind == "multiclass-multioutput":
        raise ValueError(
            f"y has {y.shape[1]} columns of classes (multiclass-multioutput), which is "
            "not supported: fit a classifier for each column, with "
            "sklearn.multioutput.MultiOutputClassifier, or give an indicator matrix of "
            "0 and 1."
        )
    return y


def check_weights_known(class_weight):
    """Raise a ValueError for weights that `partial_fit` cannot know."""
    if class_weight == "balanced":
        raise ValueError(
            f"class_weight={class_weight!r} is not for partial_fit, which does not know "
            "the frequencies of the classes. Give a dict of weights, such as "
            "sklearn.utils.class_weight.compute_class_weight finds on a large sample; "
            "for several labels a row a list of them."
        )


def hint_at_unlabeled(estimator, classes):
    """Warn of a class that looks as if it stood for rows without a label."""
    if estimator.unlabeled is None and len(classes) > 2 and -1 in classes.tolist():
        warn(
            "y has the label -1 beside others. It is a class like these; if it stands "
            "for rows without a label, say unlabeled=-1.",
            UserWarning,
        )


def one_hot_labels(y, classes, n_rows):
    """One label for all rows, or one for each, as rows with a single 1."""
    y = np.asarray(y)
    if y.shape not in ((), (n_rows,)):
        raise ValueError(
            f"y has shape {y.shape} and n_samples={n_rows}: take one label, or one for "
            "each row."
        )
    unknown = np.setdiff1d(y, classes)
    if len(unknown):
        raise ValueError(
            f"y has labels {unknown} that are not among the classes {classes}."
        )
    codes = np.searchsorted(classes, np.broadcast_to(y, n_rows))
    return np.eye(len(classes))[codes]


def is_missing(value):
    """Whether a value is None, NaN or pandas' NA."""
    return value is None or is_scalar_nan(value) or is_pandas_na(value)


def rows_of(values, rows):
    """These rows of a table of any kind, or of weights, which may be None."""
    if values is None:
        return None
    values = values.tocsr() if sparse.issparse(values) else values
    return safe_indexing(values, rows)


def one_hot_codes(codes, n_labels):
    """Rows with a single 1 at the index of a label; zeros where it is -1."""
    return (codes[:, None] == np.arange(n_labels)).astype(np.float64)


def joined(X, labels):
    """Rows with the columns of their labels."""
    labels = labels.astype(X.dtype)
    if sparse.issparse(X):
        return sparse.hstack([X, sparse.csr_array(labels)], format="csr")
    return np.hstack([X, labels])


def balanced(rows, known):
    """The rows, with those of a known label as often as there are others."""
    labeled = rows[known[rows]]
    n_unlabeled = len(rows) - len(labeled)
    if n_unlabeled <= len(labeled) or not len(labeled):
        return rows
    return np.append(rows, np.resize(labeled, n_unlabeled - len(labeled)))


def label_codes(labels, rows, n_rows, classes):
    """The index of each row's label among the classes, -1 where there is none."""
    if len(classes) < 2:
        raise ValueError(
            f"y has {len(classes)} class: a classifier needs at least 2 classes."
        )
    strange = np.setdiff1d(labels, classes)
    if len(strange):
        raise ValueError(
            f"y has the label {strange.tolist()[0]!r}, which is none of classes="
            f"{classes.tolist()}. Give all labels to the first call."
        )
    codes = np.full(n_rows, -1)
    codes[rows] = np.searchsorted(classes, labels)
    return codes


def known_classes(estimator, classes):
    """The classes of the model, or of the first call of `partial_fit`."""
    if classes is not None:
        classes = np.unique(classes)
    if hasattr(estimator, "classes_"):
        if classes is not None and not np.array_equal(classes, estimator.classes_):
            raise ValueError(
                f"classes={classes.tolist()} are not those of the model, "
                f"{estimator.classes_.tolist()}. Leave them out after the first call."
            )
        return estimator.classes_
    if classes is None:
        raise ValueError(
            "classes=None in the first call of partial_fit: give all labels that "
            "later calls may bring."
        )
    return classes


def class_weights(class_weight, classes, labels):
    """The weight of each class; 1 for "balanced" where there are no such labels."""
    if isinstance(class_weight, str):
        weights, present = np.ones(len(classes)), np.isin(classes, labels)
        weights[present] = compute_class_weight(
            class_weight, classes=classes[present], y=labels
        )
        return weights
    return compute_class_weight(class_weight, classes=classes, y=labels)


def weights_of_classes(class_weight, classes, labels=None):
    """The weight of each class."""
    if labels is None:
        check_weights_known(class_weight)
        labels = classes
    weights = class_weights(class_weight, classes, labels)
    if (weights < 0).any() or not 0 < weights.sum() < np.inf:
        raise ValueError(
            f"class_weight={class_weight!r}: take weights of at least 0, some "
            "of them positive."
        )
    return weights / weights.mean()
