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


def taught(spaces, codes, n_labels):
    """The probabilities of each label for all rows, of which some have one.

    The product of what neighbors say [1]_, in that one of several spaces in which they
    best tell labels that are held out, and of what a logistic regression in the last of
    them says: neighbors go astray where rows of different labels are close, and the
    regression where it has too few labels.

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
    graphs = [kneighbors_graph(X, min(N_NEIGHBORS, len(codes) - 1)) for X in spaces]
    graph = min(graphs, key=lambda graph: _held_out_loss(graph, codes))
    near = _spread(graph, codes, n_labels)
    labeled, X = np.flatnonzero(codes >= 0), spaces[-1]
    regression = LogisticRegression(max_iter=MAX_ITER)
    regression.fit(X[labeled], codes[labeled])
    own = np.zeros(near.shape)
    own[:, regression.classes_] = regression.predict_proba(X)
    result = np.maximum(near, LEAST) * np.maximum(own, LEAST)
    return result / result.sum(axis=1, keepdims=True)


def _held_out_loss(graph, codes):
    """The mean −log p of held-out labels, with p by their neighbors."""
    labeled, loss = np.flatnonzero(codes >= 0), 0.0
    folds = KFold(min(N_FOLDS, len(labeled)), shuffle=True, random_state=0)
    for _, fold in folds.split(labeled):
        hidden = labeled[fold]
        others = codes.copy()
        others[hidden] = -1
        near = _spread(graph, others, codes.max() + 1)
        p = np.maximum(near[hidden], LEAST)
        p /= p.sum(axis=1, keepdims=True)
        loss -= np.log(p[np.arange(len(hidden)), codes[hidden]]).sum()
    return loss / len(labeled)


def _spread(graph, codes, n_labels):
    """The distribution of labels that reaches each row along the edges of a graph."""
    model = LabelSpreading(kernel=lambda *X: graph, max_iter=MAX_ITER)
    model.fit(np.zeros((len(codes), 1)), codes)
    result = np.zeros((len(codes), n_labels))
    result[:, model.classes_] = model.label_distributions_
    return result
