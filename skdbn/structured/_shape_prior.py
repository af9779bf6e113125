"""Conditional random fields with a Boltzmann machine as the prior of shapes."""

from dataclasses import replace
from numbers import Integral, Real

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, check_memory

from .._estimators._rbm import RBM, restoring
from .._updates._optimizer import Adam
from .._utils._random import make_rng
from .._utils._sklearn import HasMethods, Interval, fit_context
from ..exceptions import DivergenceError, warn
from ..schedules import Linear
from ..units import Softmax
from ._base import GraphClassifier
from ._crf import CRFClassifier, one_hot
from ._graphs import Batch, mirrored
from ._mean_field import Posterior, ShapeTerm
from ._terms import ScaledScores
from ._unrolled import Sweeps


class ShapePriorCRFClassifier(GraphClassifier):
    r"""Label the nodes of graphs by a random field and a Boltzmann machine.

    .. math:: p(y \mid x) \propto p_{\text{CRF}}(y \mid x) \;
              p_{\text{RBM}}(P y)^\lambda

    The conditional random field sees the picture and which nodes are neighbors. The
    restricted Boltzmann machine sees the labels as a whole, pooled onto a grid by P:
    the shares of each class in each cell, as softmax units [1]_.

    Learning has three steps, of which the first two are learned by estimators that can
    be used alone: the random field; the machine, without pictures, as a model of the
    shapes that the labels make; and all together, with the cross-entropy of labels after
    some sweeps of mean field, by a gradient that is taken back through the sweeps [2]_.
    The third step begins with a machine that says nothing beyond its mean.

    Parameters
    ----------
    crf : CRFClassifier, default=None
        The random field. None is ``CRFClassifier(spatial=16)``. One within a
        :class:`~sklearn.frozen.FrozenEstimator` stays as it is; it should be fitted to
        other graphs, since scores of its own training graphs are too certain.

    rbm : RBM, default=None
        The machine. Its visible units are set to softmax units with a column for each
        class. None is an :class:`~skdbn.RBM` of 400 hidden units, trained by persistent
        contrastive divergence. One within a FrozenEstimator stays as it is.

    grid : int, default=24
        Number of cells on a side of the grid of the machine.

    mirror : bool, default=False
        Whether the second and the third step see each graph also with left and right
        exchanged, which doubles their time: for shapes that are as plausible the other
        way round.

    strength : float, default=0.1
        Power λ of the prior at the start of the third step, which learns it.

    n_iter : int, default=30
        Number of epochs of the third step. With 0 the random field, with the machine at
        `strength`, is what labels graphs.

    learning_rate : float, default=0.001
        Length of the steps of Adam, which falls to zero.

    weight_decay : float, default=1e-5
        Factor of half the sum of the squared weights of the machine, in the third step.

    dropout : float, default=0.0
        Share of the hidden units that are left out of each minibatch, for each graph
        others.

    batch_size : int, default=20
        Number of graphs in a minibatch. Which graphs are together is drawn once.

    n_sweeps : int, default=10
        Number of sweeps of mean field, in learning and in prediction.

    unlabeled : int, float or str, default=None
        Value of y that marks a node without a label, such as -1; with NaN, None and
        pandas' NA do so as well. These nodes are left out of what is learned. With None
        every node has a label.

    memory : str or joblib.Memory, default=None
        Where what the first two steps have fitted is kept, as in
        :class:`~sklearn.pipeline.Pipeline`: a search over what only the third step uses
        then makes them once. A str is the path of a folder. None keeps nothing.

    verbose : int, default=0
        Whether to print a line after each epoch of the third step. The model does not
        depend on it.

    random_state : int, RandomState instance or None, default=None
        Determines all three steps, where the estimators have no seed of their own. Pass
        an int for repeatable results.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.

    crf_ : CRFClassifier
        The fitted random field, alone.

    rbm_ : RBM
        The fitted machine, alone.

    machine_ : RestrictedMachine
        The machine after the third step.

    strength_ : float
        Power λ of the prior after the third step.

    temperature_ : float
        By what the scores of ``crf_`` for nodes are multiplied.

    edge_weights_ : ndarray of shape (n_edge_features + 1, n_classes, n_classes)
        Weights of edges after the third step.

    history_ : list of dict
        For each epoch of the third step ``loss``, the cross-entropy of a node in nats,
        and ``strength``.

    n_features_in_, n_edge_features_in_ : int
        Number of features of nodes and of edges seen during ``fit``.

    See Also
    --------
    CRFClassifier : Without a prior of shapes.
    skdbn.RBM : The machine alone.

    Notes
    -----
    A power of the machine's distribution, with hidden units summed out, rather than one
    with its energy times λ: the hidden units then stay as they were learned.

    References
    ----------
    .. [1] Kae, A., Sohn, K., Lee, H. and Learned-Miller, E. (2013). Augmenting CRFs with
       Boltzmann machine shape priors for image labeling. CVPR.
    .. [2] Domke, J. (2013). Learning graphical model parameters with approximate
       marginal inference. IEEE PAMI 35(10).

    Examples
    --------
    >>> import numpy as np
    >>> from skdbn import RBM
    >>> from skdbn.structured import (
    ...     CRFClassifier, ShapePriorCRFClassifier, pixel_graphs
    ... )
    >>> rng = np.random.default_rng(0)
    >>> shapes = np.zeros((40, 8, 8), int)
    >>> shapes[:20, 2:6, 2:4] = shapes[20:, 2:4, 2:6] = 1
    >>> graphs = pixel_graphs(shapes + rng.normal(0, 1, shapes.shape))
    >>> y = [shape.ravel() for shape in shapes]
    >>> model = ShapePriorCRFClassifier(
    ...     CRFClassifier(spatial=8), RBM(8), grid=8, n_iter=5, random_state=0
    ... )
    >>> model.fit(graphs, y).score(graphs, y) > 0.9
    True
    >>> model.sample_shapes(3, random_state=0).shape
    (3, 8, 8)
    """

    _parameter_constraints: dict = {
        "crf": [CRFClassifier, FrozenEstimator, None],
        "rbm": [RBM, FrozenEstimator, None],
        "grid": [Interval(Integral, 1, None, closed="left")],
        "mirror": ["boolean"],
        "strength": [Interval(Real, 0, None, closed="left")],
        "n_iter": [Interval(Integral, 0, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "n_sweeps": [Interval(Integral, 1, None, closed="left")],
        "unlabeled": CRFClassifier._parameter_constraints["unlabeled"],
        "memory": [None, str, HasMethods(["cache"])],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        crf=None,
        rbm=None,
        *,
        grid=24,
        mirror=False,
        strength=0.1,
        n_iter=30,
        learning_rate=0.001,
        weight_decay=1e-5,
        dropout=0.0,
        batch_size=20,
        n_sweeps=10,
        unlabeled=None,
        memory=None,
        verbose=0,
        random_state=None,
    ):
        self.crf = crf
        self.rbm = rbm
        self.grid = grid
        self.mirror = mirror
        self.strength = strength
        self.n_iter = n_iter
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.batch_size = batch_size
        self.n_sweeps = n_sweeps
        self.unlabeled = unlabeled
        self.memory = memory
        self.verbose = verbose
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y):
        """Learn the random field, the machine, and both together.

        On a KeyboardInterrupt in the third step a warning is issued and the model of the
        last completed epoch is kept; before, the interrupt propagates.

        Parameters
        ----------
        X : list of Graph
            Graphs with the same features of nodes and of edges, and with regions or
            positions. Tuples of the parameters of :class:`Graph` will do.

        y : list of array-like of shape (n_nodes,)
            The labels of the nodes of each graph, or `unlabeled`.

        Returns
        -------
        self : ShapePriorCRFClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If graphs and labels do not fit, if graphs have different features or no
            place, if there are fewer than two classes, or if a fit diverges. The
            estimator is then unchanged.
        """
        with restoring(self):
            graphs = self._check_graphs(X, reset=True)
            labels = self._encode(y, graphs)
            seeds = check_random_state(self.random_state).randint(2**31, size=3)
            scores = self._fit_crf(X, y, graphs, int(seeds[0]))
            if self.mirror:
                graphs = [*graphs, *map(mirrored, graphs)]
                labels, scores = np.tile(labels, 2), np.tile(scores, (2, 1))
            shapes = self._shapes(graphs, labels)
            self._fit_rbm(shapes, int(seeds[1]))
            self._start(shapes, scores.dtype)
            self._fit_together(graphs, labels, scores, make_rng(int(seeds[2])))
        return self

    def _fit_crf(self, X, y, graphs, seed):
        """Fit the random field; gives scores of nodes."""
        crf = CRFClassifier(spatial=16) if self.crf is None else self.crf
        if isinstance(crf, FrozenEstimator):
            self.crf_ = crf.estimator
            self._check_classes("crf", self.crf_.classes_)
            batch = Batch(graphs)
            return self.crf_._node_term(batch).scores(self.crf_.node_weights_)
        crf = with_seed(clone(crf).set_params(unlabeled=self.unlabeled), seed)
        self.crf_, scores = check_memory(self.memory).cache(fitted_field)(crf, X, y)
        return scores

    def _check_classes(self, name, classes):
        """Raise a ValueError if a frozen estimator has learned other classes."""
        if not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"{name} has learned the classes {classes}, and y has {self.classes_}."
            )

    def _fit_rbm(self, shapes, seed):
        """Fit the machine to shapes."""
        if isinstance(self.rbm, FrozenEstimator):
            self.rbm_ = self.rbm.estimator
            if self.rbm_.n_features_in_ != shapes.shape[1]:
                raise ValueError(
                    f"rbm has learned {self.rbm_.n_features_in_} columns, and a grid of "
                    f"{self.grid} × {self.grid} cells with {len(self.classes_)} classes "
                    f"has {shapes.shape[1]}."
                )
            return
        rbm = default_rbm() if self.rbm is None else clone(self.rbm)
        if "visible" not in rbm.get_params():
            raise ValueError(f"rbm={rbm!r} has units of one type: take skdbn.RBM.")
        rbm.set_params(visible=Softmax(len(self.classes_)))
        rbm = with_seed(rbm, seed)
        self.rbm_ = check_memory(self.memory).cache(fitted_machine)(rbm, shapes)

    def _shapes(self, graphs, labels):
        """The shares of the classes in the cells of each graph's grid.

        NaN where less than half of a cell is known. Cells that are known of no graph have
        the shares of all, from which nothing is learned.
        """
        n_classes, found, first = len(self.classes_), [], 0
        for graph in graphs:
            own = labels[first : first + graph.n_nodes]
            first += graph.n_nodes
            pooling = Batch([graph]).pooling(self.grid)
            shares = pooling @ one_hot(own, n_classes, pooling.dtype)
            known = shares.sum(axis=1, keepdims=True)
            with np.errstate(invalid="ignore"):
                found.append(np.where(known >= 0.5, shares / known, np.nan).ravel())
        found = np.stack(found)
        never = np.isnan(found).all(axis=0)
        overall = np.bincount(labels[labels >= 0], minlength=n_classes) / sum(
            labels >= 0
        )
        found[:, never] = np.tile(overall, self.grid**2)[never]
        return found

    def _start(self, shapes, dtype):
        """Begin the third step with a machine that says nothing beyond its mean."""
        machine = self.rbm_.machine_
        hidden = self.rbm_.transform(shapes).mean(axis=0)
        self.machine_ = replace(
            machine,
            weights=machine.weights.astype(dtype),
            visible_bias=-(machine.weights @ hidden).astype(dtype),
            hidden_bias=machine.hidden_bias.astype(dtype),
            center=None,
        )
        self.strength_, self.temperature_ = float(self.strength), 1.0
        self.edge_weights_ = self.crf_.edge_weights_.astype(dtype)

    def _fit_together(self, graphs, labels, scores, rng):
        """The third step."""
        params = self._params(scores.dtype)
        batches = list(self._batches(graphs, labels, scores, rng))
        optimizer = Adam(Linear(self.learning_rate), n_iter=self.n_iter)
        self.history_, last = [], None
        try:
            for epoch in range(self.n_iter):
                # The loss says whether it diverges.
                with np.errstate(over="ignore", invalid="ignore"):
                    loss = self._epoch(epoch, params, batches, optimizer, rng)
                self._note(epoch, loss, params)
                # Both at once, so that an interrupt finds them together.
                last = {n: array.copy() for n, array in params.items()}, epoch + 1
        except KeyboardInterrupt:
            if last is None:
                raise
            arrays, done = last
            for name, array in params.items():
                array[...] = arrays[name]
            del self.history_[done:]
            warn(
                f"Interrupted in epoch {done + 1}; the model is that of epoch {done}.",
                UserWarning,
            )
        self.strength_ = float(params["strength"][0])
        self.temperature_ = float(params["nodes"][0])

    def _epoch(self, epoch, params, batches, optimizer, rng):
        """Go once through the minibatches; gives the mean loss."""
        losses = []
        for i, place in enumerate(rng.permutation(len(batches))):
            sweeps, labels = batches[place]
            loss, gradient = sweeps(params, labels, self._keep(sweeps, rng))
            gradient["weights"] += self.weight_decay * params["weights"]
            direction = {name: -array for name, array in gradient.items()}
            _, rate = optimizer.rates(epoch + i / len(batches))
            optimizer.step(params, direction, rate)
            losses.append(loss)
        return np.mean(losses)

    def _params(self, dtype):
        """What the third step learns, by name; arrays of the estimator itself."""
        return {
            "nodes": np.array([self.temperature_], dtype),
            "edges": self.edge_weights_,
            "weights": self.machine_.weights,
            "visible_bias": self.machine_.visible_bias,
            "hidden_bias": self.machine_.hidden_bias,
            "strength": np.array([self.strength_], dtype),
        }

    def _batches(self, graphs, labels, scores, rng):
        """Minibatches of graphs with known labels, each as sweeps with its labels."""
        starts = np.cumsum([0, *(graph.n_nodes for graph in graphs)])
        known = np.add.reduceat(labels >= 0, starts[:-1]) > 0
        order = rng.permutation(np.flatnonzero(known))
        for chosen in np.split(
            order, range(self.batch_size, len(order), self.batch_size)
        ):
            batch = Batch([graphs[i] for i in chosen])
            nodes = np.concatenate([np.arange(*starts[i : i + 2]) for i in chosen])
            yield (
                Sweeps(
                    ScaledScores(scores[nodes]),
                    self.crf_._edge_term(batch),
                    batch.pooling(self.grid).astype(scores.dtype),
                    self.n_sweeps,
                ),
                labels[nodes],
            )

    def _keep(self, sweeps, rng):
        """Factors of hidden units, of which some are left out."""
        if not self.dropout:
            return 1
        n_graphs = sweeps.pooling.shape[0] // self.grid**2
        weights = self.machine_.weights
        kept = rng.random((n_graphs, weights.shape[1])) >= self.dropout
        return kept.astype(weights.dtype) / (1 - self.dropout)

    def _note(self, epoch, loss, params):
        """Keep the figures of an epoch, and print them if asked."""
        strength = float(params["strength"][0])
        self.history_.append({"loss": float(loss), "strength": strength})
        if not np.isfinite(loss):
            raise DivergenceError(
                f"The loss is {loss} after epoch {epoch + 1}: take a smaller "
                f"learning_rate than {self.learning_rate}."
            )
        if self.verbose:
            print(f"epoch {epoch + 1}: loss {loss:.4f}, strength {strength:.3f}")

    def _posterior(self, batch):
        """The energies of graphs."""
        term = self.crf_._node_term(batch)
        scores = self.temperature_ * term.scores(self.crf_.node_weights_)
        coupling = self.crf_._edge_term(batch).coupling(self.edge_weights_)
        pooling = batch.pooling(self.grid)
        shape = ShapeTerm(pooling, self.machine_, self.strength_)
        return Posterior(batch, scores, coupling, shape)

    def sample_shapes(
        self, n_samples=1, *, n_steps=1000, tempering=1, random_state=None
    ):
        """Draw label maps from the machine of ``rbm_``.

        Parameters
        ----------
        n_samples : int, default=1
            Number of maps.

        n_steps : int, default=1000
            Number of Gibbs steps from the visible biases.

        tempering : int, default=1
            Number of temperatures, as in :meth:`skdbn.RBM.sample`.

        random_state : int, RandomState instance or None, default=None
            None continues the stream of random numbers of ``rbm_``, so that the next
            call draws other maps.

        Returns
        -------
        maps : ndarray of shape (n_samples, grid, grid)
            The most probable label of each cell, given the hidden units of the sample.

        Raises
        ------
        ValueError
            If a number is not an int of at least 1.
        """
        check_is_fitted(self)
        drawn = self.rbm_.sample(
            n_samples,
            n_steps=n_steps,
            tempering=tempering,
            trace=None,
            random_state=random_state,
        )
        machine = self.rbm_.machine_
        means = machine.visible_mean(machine.hidden_mean(drawn))
        means = means.reshape(n_samples, self.grid, self.grid, -1)
        return self.classes_[means.argmax(axis=-1)]


def fitted_field(crf, X, y):
    """The fitted random field, and scores of nodes by fits without them."""
    scores = crf._fit(X, y, for_more=True)
    return crf, scores


def fitted_machine(rbm, shapes):
    """The fitted machine."""
    return rbm.fit(shapes)


def default_rbm():
    """The machine that is learned if none is given."""
    return RBM(400, gradient="pcd", batch_size=50, n_iter=100)


def with_seed(estimator, seed):
    """The estimator with a seed, if it has none of its own."""
    if estimator.random_state is None:
        estimator.set_params(random_state=seed)
    return estimator
