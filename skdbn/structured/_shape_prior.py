"""Conditional random fields with a Boltzmann machine as the prior of shapes."""

from contextlib import contextmanager
from dataclasses import replace
from numbers import Integral, Real

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, check_memory

from .._estimators._rbm import RBM, restoring
from .._training._monitor import Monitor
from .._training._session import Session, hold_out
from .._updates._optimizer import Adam
from .._utils._random import make_rng
from .._utils._sklearn import HasMethods, Interval, fit_context
from ..schedules import Linear
from ..units import Softmax
from ._base import GraphClassifier, chunks
from ._crf import CRFClassifier
from ._graphs import Batch
from ._joint import (
    GraphSource,
    JointField,
    Minibatch,
    Nodes,
    ThroughSweeps,
    labeled_graphs,
    shapes_of,
)


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

    early_stopping : bool, default=False
        Whether to set graphs aside from the second and the third step, stop when their
        labels are no longer told better, and keep the best model.

    validation_fraction : float, default=0.1
        Fraction of the graphs with a label to set aside for early stopping.

    n_iter_no_change : int, default=10
        Number of epochs without improvement after which early stopping ends the fit.

    tol : float, default=1e-4
        Smallest increase of the held-out accuracy, or of the log-likelihood of a node if
        the accuracy stays, that is an improvement.

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
        ``strength``, ``learning_rate`` and ``seconds``, with early stopping also
        ``validation_accuracy`` and ``validation_log_loss``.

    n_iter_ : int
        Number of epochs of the third step.

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
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
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
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
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
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
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
            rng = make_rng(int(seeds[2]))
            context = self._init_callback_context(max_subtasks=3)
            data = {"X": X, "y": y}
            context.call_on_fit_task_begin(estimator=self, **data)
            with self._step(context, "random field", data) as task:
                scores = self._fit_crf(X, y, graphs, int(seeds[0]), task)
            items, held_out = self._split(labeled_graphs(graphs, labels, scores), rng)
            with self._step(context, "shapes", data) as task:
                shapes = shapes_of(items, self.grid, len(self.classes_))
                self._fit_rbm(shapes, int(seeds[1]), task)
            task = context.subcontext(task_name="together", max_subtasks=self.n_iter)
            field = self._first_field(shapes, scores.dtype)
            field = self._fit_together(field, items, held_out, task, data, rng)
            vars(self).update(attributes_of(field))
            context.call_on_fit_task_end(
                estimator=self, reconstruction_attributes=dict, **data
            )
        return self

    @contextmanager
    def _step(self, context, name, data):
        """A step of learning, as a task for callbacks."""
        task = context.subcontext(task_name=name)
        task.call_on_fit_task_begin(estimator=self, **data)
        yield task
        task.call_on_fit_task_end(estimator=self, **data)

    def _fit_crf(self, X, y, graphs, seed, task):
        """Fit the random field; gives scores of nodes."""
        crf = CRFClassifier(spatial=16) if self.crf is None else self.crf
        if isinstance(crf, FrozenEstimator):
            check_is_fitted(crf)
            self.crf_ = crf.estimator
            self._check_classes("crf", self.crf_.classes_)
            return self.crf_._scores(Batch(self.crf_._check_graphs(graphs)))
        crf = with_seed(clone(crf).set_params(unlabeled=self.unlabeled), seed)
        self.crf_, scores = self._cached(fitted_field)(crf, X, y, task)
        return scores

    def _cached(self, function):
        """The function, whose results are kept if asked; callbacks make no difference."""
        return check_memory(self.memory).cache(function, ignore=["task"])

    def _check_classes(self, name, classes):
        """Raise a ValueError if a frozen estimator has learned other classes."""
        if not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"{name} has learned the classes {classes}, and y has {self.classes_}."
            )

    def _split(self, items, rng):
        """The graphs to learn shapes from, mirrored as well if asked, and those held out."""
        held_out = []
        if self.early_stopping:
            known = [i for i, item in enumerate(items) if item.is_known]
            _, chosen = hold_out(known, self.validation_fraction, rng, len(items))
            held_out = [items[i] for i in chosen]
            items = [item for i, item in enumerate(items) if i not in chosen]
        if self.mirror:
            items = [*items, *(item.mirrored() for item in items)]
        return items, held_out

    def _fit_rbm(self, shapes, seed, task):
        """Fit the machine to shapes."""
        if isinstance(self.rbm, FrozenEstimator):
            check_is_fitted(self.rbm)
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
        self.rbm_ = self._cached(fitted_machine)(rbm, shapes, task)

    def _first_field(self, shapes, dtype):
        """What the third step begins with: a machine that says nothing but its mean."""
        machine = self.rbm_.machine_
        hidden = self.rbm_.transform(shapes).mean(axis=0)
        machine = replace(
            machine,
            weights=machine.weights.astype(dtype),
            visible_bias=-(machine.weights @ hidden).astype(dtype),
            hidden_bias=machine.hidden_bias.astype(dtype),
            center=None,
        )
        edges = self.crf_.edge_weights_.astype(dtype)
        factors = np.array([self.strength], dtype), np.ones(1, dtype)
        return JointField(machine, edges, *factors)

    def _fit_together(self, field, items, held_out, task, data, rng):
        """The third step."""

        def prepare(some):
            return Minibatch(some, self.crf_, self.grid, self.n_sweeps)

        source = GraphSource(items, prepare, self.batch_size, rng)
        judge = Nodes([prepare(some) for some in chunks(held_out)])
        direction = ThroughSweeps(self.weight_decay, self.dropout)
        optimizer = Adam(Linear(self.learning_rate), n_iter=self.n_iter)
        session = Session(field, direction, optimizer, rng, len(source))
        monitor = Monitor(self, task, judge, attributes_of, **data)
        monitor.begin()
        session.run(source, self.batch_size, self.n_iter, monitor)
        session.finish(monitor)
        monitor.end(session.machine)
        self.history_, self.n_iter_ = monitor.history, len(monitor.history)
        return session.machine

    def _posterior(self, batch):
        """The energies of graphs."""
        edges, pooling = self.crf_._edge_term(batch), batch.pooling(self.grid)
        return self._field().posterior(batch, self.crf_._scores(batch), edges, pooling)

    def _field(self):
        """What has learned together."""
        factors = np.array([self.strength_]), np.array([self.temperature_])
        return JointField(self.machine_, self.edge_weights_, *factors)

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


def attributes_of(field):
    """The attributes of a fitted classifier."""
    return {
        "machine_": field.machine,
        "edge_weights_": field.edges,
        "strength_": float(field.strength[0]),
        "temperature_": float(field.temperature[0]),
    }


def fitted_field(crf, X, y, task):
    """The fitted random field, and scores of nodes by fits without them."""
    with task.propagate_callback_context(crf):
        scores = crf._fit(X, y, for_more=True)
    return crf, scores


def fitted_machine(rbm, shapes, task):
    """The fitted machine."""
    with task.propagate_callback_context(rbm):
        return rbm.fit(shapes)


def default_rbm():
    """The machine that is learned if none is given."""
    return RBM(400, gradient="pcd", batch_size=50, n_iter=100)


def with_seed(estimator, seed):
    """The estimator with a seed, if it has none of its own."""
    if estimator.random_state is None:
        estimator.set_params(random_state=seed)
    return estimator
