"""Conditional random fields on graphs."""

from functools import partial
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state

from .._estimators._rbm import restoring
from .._utils._sklearn import Interval, MissingValues, StrOptions, fit_context
from ._base import GraphClassifier
from ._graphs import Batch
from ._logistic import Folds, Logistic, lbfgs, penalized
from ._mean_field import Posterior
from ._terms import EdgeTerm, NodeTerm, ScaledScores, with_constant
from ._unrolled import Sweeps


class CRFClassifier(GraphClassifier):
    r"""Label the nodes of graphs by a conditional random field.

    .. math:: p(y \mid x) \propto \exp\Big(\sum_s y_s \cdot \theta_s(x_s)
              + \sum_{(s, t)} y_s^T U_{st}(x_{st}) \, y_t\Big)

    with one-hot labels y. The score θ of a node's labels and the matrix U of an edge are
    linear in their features, and with `spatial` the weights of θ depend on where the node
    is in the picture [1]_. Without edges it is multinomial logistic regression.

    Labels are found by mean field, which keeps lowering the free energy.

    Parameters
    ----------
    spatial : int, default=None
        Number of cells on a side of a grid over the picture, of which each has its own
        weights, as deviations from those of the whole picture; 16 in [1]_. A node that
        overlaps several cells has the mean of their weights by area. None is one set of
        weights everywhere.

    edges : {"pseudo-likelihood", "mean-field"} or None, default="pseudo-likelihood"
        By what the weights of edges are learned: the probability of each node's label
        given those of its neighbors [2]_, or the cross-entropy of the labels after
        `n_sweeps` sweeps of mean field [3]_. None leaves out the edges.

    cv : int, default=5
        Number of folds of cross-fitting: the weights of edges, and a factor of the nodes'
        scores, are learned with the scores that models of the other folds give to a
        graph. On their own training graphs scores are too certain, and edges then seem
        to matter less than they do. None learns the weights of nodes and edges
        together.

    alpha, edge_alpha : float, default=1e-4
        Strength of the penalty on the weights of nodes, and on those of edges: the
        factor of half the sum of their squares, beside the mean cross-entropy of a node.

    unlabeled : int, float or str, default=None
        Value of y that marks a node without a label, such as -1; with NaN, None and
        pandas' NA do so as well. These nodes are left out of what is learned. With None
        every node has a label.

    max_iter : int, default=300
        Largest number of iterations of L-BFGS in each step of learning.

    tol : float, default=1e-5
        L-BFGS stops when no component of the gradient is larger.

    n_sweeps : int, default=10
        Number of sweeps of mean field: so many at most are made in prediction, and
        ``edges="mean-field"`` learns through as many. With weights that were learned
        otherwise, 200 come to a fixed point.

    random_state : int, RandomState instance or None, default=None
        Determines the folds. Pass an int for repeatable results.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.

    node_weights_ : ndarray of shape (1 + spatial ** 2, n_node_features + 1, n_classes)
        Weights of scaled features of nodes and of the constant: those of the whole
        picture, and the deviations of the cells, row by row.

    edge_weights_ : ndarray of shape (n_edge_features + 1, n_classes, n_classes)
        Weights of scaled features of edges and of the constant, symmetric in the
        classes.

    node_scale_, edge_scale_ : ndarray of shape (n_features,)
        The root mean square of each feature, by which it is divided.

    n_iter_ : dict of int
        Iterations of L-BFGS for the nodes and the edges.

    n_features_in_, n_edge_features_in_ : int
        Number of features of nodes and of edges seen during ``fit``.

    See Also
    --------
    ShapePriorCRFClassifier : Adds what shapes are plausible as a whole.
    SuperpixelGraphs : Graphs from pictures.

    Notes
    -----
    Features are divided by their root mean square in training. Zeros stay zeros and are
    skipped, so that histograms of many bins cost little.

    References
    ----------
    .. [1] Kae, A., Sohn, K., Lee, H. and Learned-Miller, E. (2013). Augmenting CRFs with
       Boltzmann machine shape priors for image labeling. CVPR.
    .. [2] Besag, J. (1975). Statistical analysis of non-lattice data. The Statistician
       24(3).
    .. [3] Domke, J. (2013). Learning graphical model parameters with approximate
       marginal inference. IEEE PAMI 35(10).

    Examples
    --------
    >>> import numpy as np
    >>> from skdbn.structured import CRFClassifier, pixel_graphs
    >>> rng = np.random.default_rng(0)
    >>> shapes = np.zeros((20, 8, 8), int)
    >>> shapes[:, 2:6, 2:6] = 1
    >>> graphs = pixel_graphs(shapes + rng.normal(0, 1, shapes.shape))
    >>> y = [shape.ravel() for shape in shapes]
    >>> alone = CRFClassifier(edges=None).fit(graphs, y)
    >>> joined = CRFClassifier(edges="mean-field", random_state=0).fit(graphs, y)
    >>> joined.score(graphs, y) > alone.score(graphs, y)
    True
    """

    _parameter_constraints: dict = {
        "spatial": [Interval(Integral, 1, None, closed="left"), None],
        "edges": [StrOptions({"pseudo-likelihood", "mean-field"}), None],
        "cv": [Interval(Integral, 2, None, closed="left"), None],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "edge_alpha": [Interval(Real, 0, None, closed="left")],
        "unlabeled": [MissingValues()],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_sweeps": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        spatial=None,
        *,
        edges="pseudo-likelihood",
        cv=5,
        alpha=1e-4,
        edge_alpha=1e-4,
        unlabeled=None,
        max_iter=300,
        tol=1e-5,
        n_sweeps=10,
        random_state=None,
    ):
        self.spatial = spatial
        self.edges = edges
        self.cv = cv
        self.alpha = alpha
        self.edge_alpha = edge_alpha
        self.unlabeled = unlabeled
        self.max_iter = max_iter
        self.tol = tol
        self.n_sweeps = n_sweeps
        self.random_state = random_state

    def fit(self, X, y):
        """Learn the weights of nodes and edges.

        Parameters
        ----------
        X : list of Graph
            Graphs with the same features of nodes and of edges. Tuples of the
            parameters of :class:`Graph` will do.

        y : list of array-like of shape (n_nodes,)
            The labels of the nodes of each graph, or `unlabeled`.

        Returns
        -------
        self : CRFClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If graphs and labels do not fit, if graphs have different features, if they
            have no place for `spatial`, or if there are fewer than two classes. The
            estimator is then unchanged.
        """
        self._fit(X, y)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def _fit(self, X, y, for_more=False):
        """Fit, and return the scores of nodes.

        If more is to be learned from them they are cross-fitted, which makes them as
        certain as those of new graphs.
        """
        with restoring(self):
            graphs = self._check_graphs(X, reset=True)
            labels = self._encode(y, graphs)
            batch = Batch(graphs)
            self.node_scale_ = root_mean_square(batch.features)
            self.edge_scale_ = root_mean_square(batch.edge_features)
            nodes, edges = self._node_term(batch), self._edge_term(batch)
            has_edges = self.edges is not None and len(batch.edges)
            held_out = self._held_out(batch, has_edges or for_more)
            context = self._init_callback_context(max_subtasks=1 + has_edges)
            search = Search(self, context, X, y)
            context.call_on_fit_task_begin(estimator=self, X=X, y=y)
            self.edge_weights_ = self._zeros(edges)
            self.node_weights_, scores, n_iter = self._learn_nodes(
                nodes, labels, held_out, search
            )
            self.n_iter_ = {"nodes": n_iter}
            if has_edges:
                scores = self._learn_edges(nodes, edges, labels, scores, search)
            search.end(context)
        return scores

    def _learn_nodes(self, nodes, labels, held_out, search):
        """Learn the weights of nodes without edges.

        Gives the weights, cross-fitted scores and the number of iterations. All folds
        are learned at once, so that the data are read once for all; the last one has
        every graph.
        """
        n_fits, n_classes = len(held_out), len(self.classes_)
        objective = penalized(
            Folds(nodes, np.where(held_out, -1, labels)), {"nodes": self.alpha}
        )
        start = np.zeros(nodes.shape(n_fits * n_classes), nodes.dtype)

        def own(weights):
            return {"node_weights_": weights["nodes"][..., -n_classes:].copy()}

        found, n_iter = search.run("nodes", objective, {"nodes": start}, own)
        weights = found["nodes"]
        scores = nodes.scores(weights).reshape(-1, n_fits, n_classes)
        # Of each node those of the fit without it; with a single fit there is none.
        scores = scores[np.arange(len(scores)), held_out.argmax(axis=0)]
        return own(found)["node_weights_"], scores, n_iter

    def _held_out(self, batch, cross_fit):
        """Which nodes each fit leaves out, of shape (n_fits, n_nodes)."""
        n_folds = min(self.cv or 1, len(batch))
        if not cross_fit or n_folds < 2:
            return np.zeros((1, batch.n_nodes), bool)
        rng = check_random_state(self.random_state)
        fold = rng.permutation(len(batch)) % n_folds
        fold = np.repeat(fold, np.diff(batch.starts))
        return fold == np.arange(n_folds + 1)[:, None]

    def _learn_edges(self, nodes, edges, labels, scores, search):
        """Learn the weights of edges; gives the scores of nodes that go with them."""
        start = {"nodes": self.node_weights_, "edges": self.edge_weights_}
        penalties = {"nodes": self.alpha, "edges": self.edge_alpha}
        if self.cv is not None:
            nodes = ScaledScores(scores)
            start["nodes"] = np.ones(1, scores.dtype)
            del penalties["nodes"]
        if self.edges == "mean-field":
            sweeps = Sweeps(nodes, edges, n_sweeps=self.n_sweeps)
            objective = partial(sweeps, labels=labels)
        else:
            evidence = edges.evidence(one_hot(labels, len(self.classes_), scores.dtype))
            objective = Logistic({"nodes": nodes, "edges": evidence}, labels)
        objective = penalized(objective, penalties)
        # A factor of the scores is one of the weights.
        own_nodes = 1 if self.cv is None else self.node_weights_

        def own(weights):
            return {
                "node_weights_": weights["nodes"] * own_nodes,
                "edge_weights_": weights["edges"],
            }

        weights, self.n_iter_["edges"] = search.run("edges", objective, start, own)
        vars(self).update(own(weights))
        return nodes.scores(weights["nodes"])

    def _zeros(self, term):
        return np.zeros(term.shape(len(self.classes_)), term.dtype)

    def _node_term(self, batch):
        """The nodes of graphs with scaled features."""
        features = with_constant(batch.features / self.node_scale_)
        cover = None if self.spatial is None else batch.cover(self.spatial)
        return NodeTerm(features, cover)

    def _scores(self, batch):
        """The scores of the labels of nodes alone."""
        return self._node_term(batch).scores(self.node_weights_)

    def _edge_term(self, batch):
        """The edges of graphs with scaled features."""
        features = (batch.edge_features / self.edge_scale_).astype(batch.features.dtype)
        return EdgeTerm(batch.edges, with_constant(features), batch.n_nodes)

    def _posterior(self, batch):
        """The energies of graphs."""
        scores = self._scores(batch)
        coupling = self._edge_term(batch).coupling(self.edge_weights_)
        return Posterior(batch, scores, coupling)


class Search:
    """Searches for weights by L-BFGS, of whose iterations callbacks are told.

    Parameters
    ----------
    estimator : CRFClassifier
        Its `max_iter` and `tol` apply.

    context : CallbackContext
        Where tasks hang.

    X, y : list
        Handed to callbacks.
    """

    def __init__(self, estimator, context, X, y):
        self.estimator, self.context = estimator, context
        self.data = {"estimator": estimator, "X": X, "y": y}

    def run(self, name, objective, start, attributes):
        """The best weights, and the number of iterations.

        ``attributes(weights)`` gives the attributes of a fitted estimator.
        """
        max_iter, tol = self.estimator.max_iter, self.estimator.tol
        task = self.context.subcontext(task_name=name, max_subtasks=max_iter)
        task.call_on_fit_task_begin(**self.data)

        def stops(weights):
            own = task.subcontext(task_name="iteration")
            own.call_on_fit_task_begin(**self.data)
            return self.end(own, lambda: attributes(weights))

        weights, n_iter = lbfgs(objective, start, max_iter, tol, stops)
        self.end(task, lambda: attributes(weights))
        return weights, n_iter

    def end(self, task, attributes=dict):
        """Tell that a task has ended; True asks to stop."""
        return task.call_on_fit_task_end(
            reconstruction_attributes=attributes, **self.data
        )


def root_mean_square(features):
    """The root mean square of each column, 1 where all is 0 or nothing is there."""
    if not len(features):
        return np.ones(features.shape[1], features.dtype)
    square = np.square(features).mean(axis=0, dtype=float)
    return np.sqrt(np.where(square > 0, square, 1)).astype(features.dtype)


def one_hot(labels, n_classes, dtype):
    """Rows with a single 1, and with nothing where a label is unknown."""
    rows = np.zeros((len(labels), n_classes), dtype)
    known = np.flatnonzero(labels >= 0)
    rows[known, labels[known]] = 1
    return rows
