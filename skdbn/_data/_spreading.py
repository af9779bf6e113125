"""Labels for rows that have none, from rows that are like them."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.neighbors import kneighbors_graph
from sklearn.semi_supervised import LabelSpreading

# Neighbors of a row, as in scikit-learn's LabelSpreading.
N_NEIGHBORS = 7

# Parts of the labeled rows that are held out in turn.
N_FOLDS = 5

# No teacher rules out a label.
LEAST = 1e-3

MAX_ITER = 1000

# The most rows without a label to which labels spread: the time is that of the square.
MOST_TAUGHT = 10_000


def to_be_taught(others, rng):
    """The rows without a label, or as many of them as labels spread to."""
    if len(others) <= MOST_TAUGHT:
        return others
    return np.sort(rng.choice(others, MOST_TAUGHT, replace=False))


def taught(spaces, codes, n_labels):
    """The probabilities of each label for all rows, of which some have one.

    The product of what neighbors say [1]_ and of what a logistic regression says, each
    in that one of several spaces in which it best tells labels that are held out.
    Neighbors go astray where rows of different labels are close, and the regression
    where it has too few labels.

    Parameters
    ----------
    spaces : list of ndarray of shape (n_samples, n_features)
        Rows in several descriptions.

    codes : ndarray of int of shape (n_samples,)
        The index of each row's label, or -1.

    n_labels : int
        Number of labels.

    Returns
    -------
    probabilities : ndarray of shape (n_samples, n_labels)
        Those of a row sum to 1.

    References
    ----------
    .. [1] Zhou, D., Bousquet, O., Lal, T. N., Weston, J. and Schoelkopf, B. (2004).
       Learning with local and global consistency. NIPS 16.
    """
    n_neighbors = min(N_NEIGHBORS, len(codes) - 1)
    graphs = [kneighbors_graph(X, n_neighbors) for X in spaces]
    near = _best(_spread, graphs, codes, n_labels)
    own = _best(_regressed, spaces, codes, n_labels)
    return _normalized(np.maximum(near, LEAST) * np.maximum(own, LEAST))


def _best(teacher, spaces, codes, n_labels):
    """The probabilities by a teacher in the space where it best tells held-out labels."""
    best = min(spaces, key=lambda X: _held_out_loss(teacher, X, codes, n_labels))
    return teacher(best, codes, n_labels)


def _held_out_loss(teacher, X, codes, n_labels):
    """The mean −log p of labels that are held out in turn."""
    labeled, loss = np.flatnonzero(codes >= 0), 0.0
    folds = KFold(min(N_FOLDS, len(labeled)), shuffle=True, random_state=0)
    for _, fold in folds.split(labeled):
        hidden = labeled[fold]
        others = codes.copy()
        others[hidden] = -1
        p = _normalized(np.maximum(teacher(X, others, n_labels)[hidden], LEAST))
        loss -= np.log(p[np.arange(len(hidden)), codes[hidden]]).sum()
    return loss / len(labeled)


def _spread(graph, codes, n_labels):
    """The labels that reach each row along the edges of a graph."""
    model = LabelSpreading(kernel=lambda *X: graph, max_iter=MAX_ITER)
    model.fit(np.zeros((len(codes), 1)), codes)
    result = np.zeros((len(codes), n_labels))
    result[:, model.classes_] = model.label_distributions_
    return result


def _regressed(X, codes, n_labels):
    """The probabilities of each label by a logistic regression."""
    result, labeled = np.zeros((len(codes), n_labels)), codes >= 0
    known = np.unique(codes[labeled])
    if len(known) == 1:
        result[:, known] = 1
        return result
    model = LogisticRegression(max_iter=MAX_ITER).fit(X[labeled], codes[labeled])
    result[:, model.classes_] = model.predict_proba(X)
    return result


def _normalized(p):
    return p / p.sum(axis=1, keepdims=True)
