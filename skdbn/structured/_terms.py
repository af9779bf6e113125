"""Parts of a score that are linear in their weights, with their gradients."""

import numpy as np
from scipy.sparse import bsr_array, csr_array, hstack


class NodeTerm:
    r"""Scores of the labels of nodes, by weights that depend on where a node is.

    .. math:: \theta_{sl} = x_s \cdot w_{0l} + \sum_n p_{sn} \, x_s \cdot w_{nl}

    where :math:`p_{sn}` is the share of node s in cell n. The weights are of shape
    (1 + n_cells, n_features, n_classes): those of the whole picture, and how cells
    deviate from them.

    Parameters
    ----------
    features : ndarray of shape (n_nodes, n_features)
        x.

    cover : csr_array of shape (n_nodes, n_cells), default=None
        p; None is no grid.
    """

    def __init__(self, features, cover=None):
        self.n_features, self.dtype = features.shape[1], features.dtype
        self.n_cells = 0 if cover is None else cover.shape[1]
        # Histograms are mostly zeros.
        self._design = csr_array(features)
        if cover is not None:
            own = np.ones((len(features), 1), features.dtype)
            self._design = row_products(
                hstack([own, cover], format="csr"), self._design
            )

    def shape(self, n_classes):
        return 1 + self.n_cells, self.n_features, n_classes

    def scores(self, weights):
        """θ, of shape (n_nodes, n_classes)."""
        return self._design @ weights.reshape(-1, weights.shape[2])

    def gradient(self, error):
        """The gradient of Σ error · θ by the weights."""
        return (self._design.T @ error).reshape(self.shape(error.shape[1]))


def row_products(left, right):
    """All products of an entry of a row of one with one of the other, as a row.

    Column (i, j) of the result is number i · n_right + j.
    """
    row = np.repeat(np.arange(left.shape[0]), np.diff(left.indptr))
    product = right[row]
    n_entries = np.diff(product.indptr)
    data = product.data * np.repeat(left.data, n_entries)
    indices = product.indices + np.repeat(left.indices * right.shape[1], n_entries)
    shape = left.shape[0], left.shape[1] * right.shape[1]
    return csr_array((data, indices, product.indptr[left.indptr]), shape=shape)


class ScaledScores:
    """Scores that are known up to a factor, the only weight.

    Parameters
    ----------
    values : ndarray of shape (n_nodes, n_classes)
        The scores.
    """

    def __init__(self, values):
        self.values = values

    def shape(self, n_classes):
        return (1,)

    def scores(self, weights):
        return weights[0] * self.values

    def gradient(self, error):
        return np.array([np.vdot(error, self.values)], self.values.dtype)


class EdgeTerm:
    r"""Scores of the labels of two joined nodes.

    .. math:: y_i^T U_e \, y_j, \quad U_e = \sum_f x_{ef} \Psi_f

    for edge e between i and j. The weights Ψ are of shape (n_features, n_classes,
    n_classes), and each matrix is symmetric, since edges have no direction.

    Parameters
    ----------
    edges : ndarray of shape (n_edges, 2)
        Pairs of nodes.

    features : ndarray of shape (n_edges, n_features)
        x.

    n_nodes : int
        Number of nodes.
    """

    def __init__(self, edges, features, n_nodes):
        self.edges, self.features, self.n_nodes = edges, features, n_nodes
        self.dtype = features.dtype
        source = edges.ravel(order="F")
        order = np.argsort(source, kind="stable")
        self._edge = order % max(1, len(edges))
        # scipy wants one type of index for both.
        self._indices = edges[:, ::-1].ravel(order="F")[order].astype(np.int32)
        self._indptr = np.searchsorted(source[order], np.arange(n_nodes + 1))
        self._indptr = self._indptr.astype(np.int32)

    def shape(self, n_classes):
        return self.features.shape[1], n_classes, n_classes

    def coupling(self, weights):
        """The symmetric matrix of all U, with nodes and labels in rows and columns."""
        n_features, n_classes, _ = weights.shape
        blocks = self.features @ weights.reshape(n_features, -1)
        blocks = blocks.reshape(-1, n_classes, n_classes)[self._edge]
        size = self.n_nodes * n_classes
        return bsr_array((blocks, self._indices, self._indptr), shape=(size, size))

    def gradient(self, left, right):
        """The gradient of left · coupling · right by the weights.

        Both are of shape (n_nodes, n_classes).
        """
        i, j = self.edges.T
        product = np.einsum("ek,el->ekl", left[i], right[j])
        product += np.einsum("ek,el->ekl", right[i], left[j])
        gradient = self.features.T @ product.reshape(len(product), left.shape[1] ** 2)
        return symmetric(gradient.reshape(self.shape(left.shape[1])))

    def evidence(self, labels):
        """The term that says what the neighbors' labels, one-hot, make of a node's."""
        size = self.n_nodes, self.n_nodes
        sums = [
            csr_array((feature[self._edge], self._indices, self._indptr), size) @ labels
            for feature in self.features.T
        ]
        return EvidenceTerm(np.stack(sums, axis=1))


class EvidenceTerm:
    """Scores of a node's label by the labels of its neighbors.

    Parameters
    ----------
    features : ndarray of shape (n_nodes, n_features, n_classes)
        For each feature of edges the sum of the neighbors' labels, one-hot, times it.
    """

    def __init__(self, features):
        self.features = features

    def shape(self, n_classes):
        return self.features.shape[1], n_classes, n_classes

    def scores(self, weights):
        return self._flat() @ weights.reshape(-1, weights.shape[2])

    def gradient(self, error):
        gradient = self._flat().T @ error
        return symmetric(gradient.reshape(self.shape(error.shape[1])))

    def _flat(self):
        return self.features.reshape(len(self.features), -1)


def symmetric(matrices):
    """The symmetric part of each matrix."""
    return (matrices + matrices.swapaxes(1, 2)) / 2


def with_constant(features):
    """Features with a column of ones behind them."""
    return np.hstack([features, np.ones((len(features), 1), features.dtype)])
