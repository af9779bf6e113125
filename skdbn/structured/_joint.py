"""A random field and a machine that learn together, as a training session sees them."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ..machines import RestrictedMachine
from ._crf import one_hot
from ._graphs import Batch, Graph, mirrored
from ._mean_field import Posterior, ShapeTerm, mean_field
from ._terms import ScaledScores
from ._unrolled import Sweeps, mean_loss


class LabeledGraph(NamedTuple):
    """A graph, the codes of its labels, −1 where unknown, and the scores of its nodes."""

    graph: Graph
    labels: np.ndarray
    scores: np.ndarray

    @property
    def n_nodes(self):
        """Number of nodes."""
        return self.graph.n_nodes

    @property
    def is_known(self):
        """Whether there is a label to learn from."""
        return bool((self.labels >= 0).any())

    def mirrored(self):
        """The same with left and right exchanged."""
        return self._replace(graph=mirrored(self.graph))


def labeled_graphs(graphs, labels, scores):
    """Graphs with what belongs to each of labels and scores of all nodes."""
    ends = np.cumsum([graph.n_nodes for graph in graphs])[:-1]
    parts = graphs, np.split(labels, ends), np.split(scores, ends)
    return [LabeledGraph(*own) for own in zip(*parts, strict=True)]


def shapes_of(items, grid, n_classes):
    """The shares of the classes in the cells of each graph's grid, a row for each.

    NaN where less than half of a cell is known. Cells that are known of no graph have
    the shares of all, from which nothing is learned.
    """
    found = []
    for graph, labels, _ in items:
        pooling = Batch([graph]).pooling(grid)
        shares = pooling @ one_hot(labels, n_classes, pooling.dtype)
        known = shares.sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):
            found.append(np.where(known >= 0.5, shares / known, np.nan).ravel())
    found = np.stack(found)
    never = np.isnan(found).all(axis=0)
    labels = np.concatenate([item.labels for item in items])
    overall = one_hot(labels, n_classes, float).sum(axis=0) / (labels >= 0).sum()
    found[:, never] = np.tile(overall, grid**2)[never]
    return found


@dataclass
class JointField:
    """What learns: the machine, its power, the edges and a factor of nodes' scores.

    The power and the factor are arrays with one element.
    """

    machine: RestrictedMachine
    edges: np.ndarray
    strength: np.ndarray
    temperature: np.ndarray

    @property
    def params(self):
        return {
            "nodes": self.temperature,
            "edges": self.edges,
            "weights": self.machine.weights,
            "visible_bias": self.machine.visible_bias,
            "hidden_bias": self.machine.hidden_bias,
            "strength": self.strength,
        }

    @property
    def n_weights(self):
        return self.machine.n_weights

    def project(self):
        """Every value is allowed."""

    def copy(self):
        return replace(
            self,
            machine=self.machine.copy(),
            edges=self.edges.copy(),
            strength=self.strength.copy(),
            temperature=self.temperature.copy(),
        )

    def posterior(self, batch, scores, edges, pooling):
        """The energies of graphs with these scores of nodes, edges and cells."""
        shape = ShapeTerm(pooling, self.machine, float(self.strength[0]))
        coupling = edges.coupling(self.edges)
        return Posterior(batch, float(self.temperature[0]) * scores, coupling, shape)


class GraphSource:
    """Minibatches of graphs, each put together once.

    Parameters
    ----------
    items : list of LabeledGraph
        The graphs; those without a label are left out.

    prepare : callable
        ``prepare(items)`` makes a minibatch.

    batch_size : int
        Number of graphs in a minibatch.

    rng : numpy.random.Generator
        Draws which graphs are together.
    """

    def __init__(self, items, prepare, batch_size, rng):
        order = rng.permutation([i for i, item in enumerate(items) if item.is_known])
        self._length = len(order)
        self._batches = [
            prepare([items[i] for i in order[first : first + batch_size]])
            for first in range(0, len(order), batch_size)
        ]

    def __len__(self):
        return self._length

    def batches(self, field, batch_size, rng):
        """All minibatches in random order."""
        for i in rng.permutation(len(self._batches)):
            yield self._batches[i]


class Minibatch:
    """Some graphs as one, with all that does not change while they are learned.

    Parameters
    ----------
    items : list of LabeledGraph
        The graphs.

    crf : CRFClassifier
        A fitted random field, whose edges are taken.

    grid : int
        Number of cells on a side of the machine's grid.

    n_sweeps : int
        Number of sweeps of mean field.
    """

    def __init__(self, items, crf, grid, n_sweeps):
        self.batch = Batch([item.graph for item in items])
        self.labels = np.concatenate([item.labels for item in items])
        scores = np.concatenate([item.scores for item in items])
        self.sweeps = Sweeps(
            ScaledScores(scores),
            crf._edge_term(self.batch),
            self.batch.pooling(grid).astype(scores.dtype),
            n_sweeps,
        )

    def loss(self, field, keep):
        """The cross-entropy of the labels, and its gradient by each parameter."""
        return self.sweeps(field.params, self.labels, keep)

    def probabilities(self, field):
        """The probabilities of the labels of all nodes, as in prediction."""
        parts = self.sweeps.nodes.values, self.sweeps.edges, self.sweeps.pooling
        mu, _ = mean_field(field.posterior(self.batch, *parts), self.sweeps.n_sweeps)
        return mu


class ThroughSweeps:
    """Steps down the cross-entropy of the labels after some sweeps of mean field.

    Parameters
    ----------
    weight_decay : float
        Factor of half the sum of the machine's squared weights.

    dropout : float
        Share of the hidden units that are left out, for each graph others.
    """

    def __init__(self, weight_decay, dropout):
        self.weight_decay, self.dropout = weight_decay, dropout
        self._losses = []

    def start(self, field, batch_size, rng, n_rows):
        """There is nothing to prepare."""

    def stop(self):
        """There is nothing to let go of."""

    def finish(self):
        """There is nothing to let go of."""

    def rows_at_once(self, n_rows):
        return n_rows

    def __call__(self, field, batch, rng, rate=1.0):
        """The direction of a step, by name."""
        keep = self._keep(len(batch.batch), field.machine.weights, rng)
        loss, gradient = batch.loss(field, keep)
        gradient["weights"] += self.weight_decay * field.machine.weights
        self._losses.append(loss)
        return {name: -rate * array for name, array in gradient.items()}

    def diagnostics(self):
        """The mean loss since the last call, by name."""
        losses, self._losses = self._losses, []
        return {"loss": float(np.mean(losses))}

    def _keep(self, n_graphs, weights, rng):
        """Factors of hidden units, of which some are left out."""
        if not self.dropout:
            return 1
        kept = rng.random((n_graphs, weights.shape[1])) >= self.dropout
        return kept.astype(weights.dtype) / (1 - self.dropout)


class Nodes:
    """How well the nodes of held-out graphs are labeled.

    Parameters
    ----------
    held_out : list of Minibatch
        Held-out graphs, if there are any.
    """

    shown = {
        name.replace("_", " "): name
        for name in ("loss", "strength", "validation_log_loss", "validation_accuracy")
    }

    def __init__(self, held_out=()):
        self.held_out = held_out

    def measure(self, field):
        """Figures of an epoch, by name."""
        row = {"strength": float(field.strength[0])}
        if self.held_out:
            mu = np.concatenate([batch.probabilities(field) for batch in self.held_out])
            labels = np.concatenate([batch.labels for batch in self.held_out])
            known, codes = labels >= 0, labels[labels >= 0]
            row["validation_log_loss"] = float(mean_loss(mu, labels)[0])
            right = mu[known].argmax(axis=1) == codes
            row["validation_accuracy"] = float(right.mean())
        return row

    def score(self, row):
        """The figures by which to stop, the first one first; larger is better."""
        return row["validation_accuracy"], -row["validation_log_loss"]
