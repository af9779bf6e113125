"""What classifiers of the nodes of graphs share: checks, prediction, scores."""

from itertools import pairwise

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from .._data._targets import is_missing, known_labels
from .._utils._checks import as_numbers
from .._utils._persistence import VersionMixin
from .._utils._sklearn import CallbackSupportMixin, DocLinkMixin
from ._graphs import Batch, as_graphs
from ._mean_field import mean_field

# Nodes that are labeled together, about.
NODES = 5000


class GraphClassifier(
    CallbackSupportMixin, DocLinkMixin, VersionMixin, ClassifierMixin, BaseEstimator
):
    """Base class: labels are those of largest probability in mean field.

    A subclass has `n_sweeps`, and a method `_posterior` from a batch to its energies.
    """

    def predict(self, X):
        """Label the nodes of graphs.

        Parameters
        ----------
        X : list of Graph
            Graphs with the features of ``fit``.

        Returns
        -------
        labels : list of ndarray of shape (n_nodes,)
            The label of each node of each graph.

        Raises
        ------
        ValueError
            If graphs have other features than in ``fit``.
        """
        return [self.classes_[p.argmax(axis=1)] for p in self.predict_proba(X)]

    def predict_proba(self, X):
        """Give the probabilities of the labels of each node, in mean field.

        Parameters
        ----------
        X : list of Graph
            Graphs with the features of ``fit``.

        Returns
        -------
        probabilities : list of ndarray of shape (n_nodes, n_classes)
            Marginal probabilities, in the order of ``classes_``.

        Raises
        ------
        ValueError
            If graphs have other features than in ``fit``.
        """
        check_is_fitted(self)
        graphs = self._check_graphs(X)
        found = []
        for some in chunks(graphs):
            batch = Batch(some)
            mu, _ = mean_field(self._posterior(batch), self.n_sweeps)
            found.extend(batch.split(mu))
        return found

    def score(self, X, y, sample_weight=None):
        """Share of the nodes whose label is right.

        Parameters
        ----------
        X : list of Graph
            Graphs with the features of ``fit``.

        y : list of array-like of shape (n_nodes,)
            The true labels. Nodes of an unknown label do not count.

        sample_weight : list of array-like of shape (n_nodes,), default=None
            Weights of nodes; with ``[graph.areas for graph in X]`` it is the share of
            the area that is right.

        Returns
        -------
        accuracy : float
            Between 0 and 1.

        Raises
        ------
        ValueError
            If labels or weights are not one for each node, if no label is known or one
            is not among ``classes_``, or if weights are negative, not finite or all 0.
        """
        labels = np.concatenate(self.predict(X))
        graphs = as_graphs(X)
        truth, known = labels_of_nodes(y, graphs, self.unlabeled)
        outside = np.setdiff1d(truth[known], self.classes_)
        if len(outside):
            raise ValueError(
                f"y has labels {outside} that are not among the classes {self.classes_}."
            )
        if not known.any():
            raise ValueError("y has no known label: there is nothing to score.")
        weights = None
        if sample_weight is not None:
            weights = weights_of_nodes(sample_weight, graphs)[known]
            if not weights.any():
                raise ValueError("sample_weight is 0 for every node of a known label.")
        return float(np.average(labels[known] == truth[known], weights=weights))

    def _check_graphs(self, X, reset=False):
        """Graphs, all with the same features; those of ``fit`` unless `reset`."""
        graphs = as_graphs(X)
        if reset:
            self.n_features_in_ = graphs[0].node_features.shape[1]
            self.n_edge_features_in_ = max(g.edge_features.shape[1] for g in graphs)
        for i, graph in enumerate(graphs):
            check_width(i, "node", graph.node_features, self.n_features_in_)
            if len(graph.edges):
                check_width(i, "edge", graph.edge_features, self.n_edge_features_in_)
        return [with_edge_width(graph, self.n_edge_features_in_) for graph in graphs]

    def _encode(self, y, graphs):
        """Codes of the labels of all nodes, −1 where unknown; sets ``classes_``."""
        labels, known = labels_of_nodes(y, graphs, self.unlabeled)
        if not known.any():
            raise ValueError("y has no known label: there is nothing to learn.")
        self.classes_, codes = np.unique(
            known_labels(labels[known]), return_inverse=True
        )
        if len(self.classes_) < 2:
            raise ValueError(
                f"y has a single class, {self.classes_[0]!r}: there is nothing to learn."
            )
        found = np.full(len(labels), -1)
        found[known] = codes
        return found

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.target_tags.one_d_labels = False
        return tags


def chunks(graphs):
    """Graphs in lists of about as many nodes as are labeled together."""
    places = np.cumsum([0, *(graph.n_nodes for graph in graphs)])[:-1] // NODES
    ends = np.flatnonzero(np.diff(places)) + 1
    for start, end in pairwise([0, *ends, len(graphs)]):
        if start < end:
            yield graphs[start:end]


def check_width(i, kind, features, expected):
    """Raise a ValueError if graph i has another number of features."""
    if features.shape[1] != expected:
        raise ValueError(
            f"X[{i}] has {features.shape[1]} {kind} features, and {expected} are "
            f"expected: all graphs need the same {kind}_features."
        )


def with_edge_width(graph, width):
    """A graph without edges with an empty table of so many features."""
    if len(graph.edges) or graph.edge_features.shape[1] == width:
        return graph
    features = np.empty((0, width), graph.node_features.dtype)
    return type(graph)(
        graph.node_features, None, features, graph.regions, graph.positions
    )


def values_of_nodes(name, values, graphs):
    """An array of values of all nodes from a list of those of each graph."""
    if values is None or not hasattr(values, "__len__"):
        raise ValueError(
            f"{name}={values!r}: take a list with an array for each graph."
        )
    check_consistent_length(graphs, values)
    arrays = [np.asarray(own) for own in values]
    for i, (graph, array) in enumerate(zip(graphs, arrays, strict=True)):
        if array.shape != (graph.n_nodes,):
            raise ValueError(
                f"{name}[{i}] has shape {array.shape}, and X[{i}] has {graph.n_nodes} "
                "nodes: give one value for each node."
            )
    return np.concatenate(arrays)


def weights_of_nodes(weights, graphs):
    """An array of finite weights of all nodes, none of them negative."""
    weights = values_of_nodes("sample_weight", weights, graphs)
    weights = as_numbers("sample_weight", weights, "numbers")
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any():
        raise ValueError(
            f"sample_weight has {weights[bad][0]}: take finite weights of at least 0."
        )
    return weights


def labels_of_nodes(y, graphs, unlabeled):
    """Labels of all nodes, and which of them are known."""
    labels = values_of_nodes("y", y, graphs)
    if labels.dtype.kind == "f":
        nan = np.isnan(labels)
    else:
        nan = np.array(
            [is_missing(v) for v in labels] if labels.dtype == object else []
        )
        nan = nan if len(nan) else np.zeros(len(labels), bool)
    if unlabeled is not None and is_missing(unlabeled):
        return labels, ~nan
    if nan.any():
        raise ValueError(
            "y contains NaN in place of a label. If that stands for nodes without a "
            "label, say unlabeled=np.nan."
        )
    if unlabeled is None:
        return labels, np.ones(len(labels), bool)
    return labels, np.asarray(labels != unlabeled)
