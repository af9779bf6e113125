"""Cross-entropy of terms that are linear in their weights, and its minimum."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax


def cross_entropy(scores, labels):
    """Mean cross-entropy of rows with a label, and its gradient by the scores.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_classes)
        Logarithms of probabilities, up to a constant of each row.

    labels : ndarray of int of shape (n_rows,)
        The class of each row, −1 where it is unknown.
    """
    known = np.flatnonzero(labels >= 0)
    log_p = log_softmax(scores[known], axis=1)
    own = np.arange(len(known)), labels[known]
    error = np.zeros_like(scores)
    p = np.exp(log_p)
    p[own] -= 1
    error[known] = p / len(known)
    return -log_p[own].mean(dtype=float), error


class Logistic:
    """Cross-entropy of labels under a sum of terms.

    Parameters
    ----------
    terms : dict of terms
        Parts of the scores, by name.

    labels : ndarray of int of shape (n_rows,)
        Classes, −1 where unknown.
    """

    def __init__(self, terms, labels):
        self.terms, self.labels = terms, labels

    def __call__(self, weights):
        """The loss and its gradient, by name."""
        parts = [term.scores(weights[name]) for name, term in self.terms.items()]
        loss, error = cross_entropy(sum(parts), self.labels)
        return loss, {name: term.gradient(error) for name, term in self.terms.items()}


class Folds:
    """The sum of cross-entropies of several fits of the same nodes.

    Parameters
    ----------
    nodes : NodeTerm
        The nodes. Its weights are those of all fits side by side.

    labels : ndarray of int of shape (n_fits, n_nodes)
        Classes, −1 where unknown to a fit.
    """

    def __init__(self, nodes, labels):
        self.nodes, self.labels = nodes, labels

    def __call__(self, weights):
        """The loss and its gradient, by name."""
        scores = self.nodes.scores(weights["nodes"])
        fits = np.hsplit(scores, len(self.labels))
        found = [cross_entropy(*fit) for fit in zip(fits, self.labels, strict=True)]
        losses, errors = zip(*found, strict=True)
        return sum(losses), {"nodes": self.nodes.gradient(np.hstack(errors))}


def penalized(objective, penalties):
    """An objective with a factor of half the sum of squares of some weights."""

    def total(weights):
        loss, gradient = objective(weights)
        for name, penalty in penalties.items():
            gradient[name] = gradient[name] + penalty * weights[name]
            loss += penalty / 2 * float(np.vdot(weights[name], weights[name]))
        return loss, gradient

    return total


def lbfgs(objective, weights, max_iter, tol, stops=None):
    """The weights of least loss, and the number of iterations.

    Parameters
    ----------
    objective : callable
        From weights, by name, to the loss and its gradient.

    weights : dict of ndarray
        Where the search begins.

    max_iter : int
        Largest number of iterations.

    tol : float
        The search ends when no component of the gradient is larger.

    stops : callable, default=None
        ``stops(weights)`` is called after each iteration, and ends the search if true.
    """
    sizes = np.cumsum([array.size for array in weights.values()])[:-1]

    def unpacked(flat):
        parts = np.split(flat, sizes)
        return {
            name: part.reshape(array.shape).astype(array.dtype)
            for (name, array), part in zip(weights.items(), parts, strict=True)
        }

    def flat_objective(flat):
        loss, gradient = objective(unpacked(flat))
        return loss, packed({name: gradient[name] for name in weights})

    def iterated(flat):
        if stops is not None and stops(unpacked(flat)):
            raise StopIteration

    found = minimize(
        flat_objective,
        packed(weights),
        method="L-BFGS-B",
        jac=True,
        callback=iterated,
        options=dict(maxiter=max_iter, gtol=tol, ftol=0, maxfun=2 * max_iter + 20),
    )
    return unpacked(found.x), int(found.nit)


def packed(arrays):
    """All arrays as one of float64."""
    return np.concatenate([array.ravel() for array in arrays.values()]).astype(float)
