"""The plan of a fine-tuning: solvers, rates and sizes of batches."""

import copy
from dataclasses import dataclass

import numpy as np

from .. import schedules
from .._networks._backprop import BackPropagation
from .._networks._line_search import LineSearches
from .._networks._network import losses
from .._networks._up_down import UpDown
from .._updates._optimizer import SGD, Adam, without_end
from ..gradients import Gradient
from ._plan import parameters_of
from ._session import Session

METHODS = {"cg": "CG", "lbfgs": "L-BFGS-B"}

# The learning rates of "auto" before they fall to zero.
RATES = {"adam": 1e-2, "sgd": 0.1, "up-down": 0.05}

# A step moves a field by the rate times Σ|x| of its inputs (Adam) or Σx² (the others).
# Where these are larger the rate of "auto" is smaller in proportion.
LARGEST_REACH = {"adam": 128, "sgd": 256, "up-down": 512}

# The dropout of "auto".
DROPOUT = 0.1

# Rows in a batch of "auto": at least 50 steps an epoch, and no more rows than help.
BATCH = (10, 100)
LARGE_BATCH = 1000

# The same where a row needs others of its label: at least 10 steps an epoch.
PAIRS_BATCH = (100, LARGE_BATCH)

# Adam learns targets as well with twice the rows in a batch and twice the rate.
FOR_TARGETS = 2

# At the rate of "auto" labels are learned once the loss has come down to this share of
# what the best constant outputs have. The rate then falls to zero, for this share of the
# epochs so far and so many at least.
LEARNED, REST, SHORTEST_REST = 0.1, 0.5, 15

# Rows to measure that on, and how far from 0 and 1 their targets are taken to be.
N_MEASURED, TINY = 1000, 1e-6


@dataclass(frozen=True)
class FineTuningPlan:
    """How a network is to be fine-tuned.

    The names are those of the parameters of the deep belief nets, which explain them.
    Without a solver it is the up-down algorithm. With `pairs` the loss is one of pairs
    of rows, which needs large batches.
    """

    solver: str = "up-down"
    batch_size: int | str = "auto"
    learning_rate_init: float | str | schedules.Schedule = "auto"
    momentum: float | schedules.Schedule = 0.9
    max_iter: int = 100
    head_iter: int = 0
    alpha: float = 0.0
    dropout: float | str = 0.0
    input_dropout: float = 0.0
    input_noise: float = 0.0
    line_searches: int = 3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    gradient: str | Gradient | None = None
    weight_decay: float = 0.0
    pairs: bool = False

    @classmethod
    def of(cls, estimator, **others):
        """The plan with the parameters of an estimator, and others by name."""
        return cls(**parameters_of(estimator, cls) | others)

    def new_direction(self):
        """What gives the steps."""
        if self.solver == "up-down":
            return UpDown(self.gradient, self.weight_decay)
        dropout = self.dropout
        if dropout == "auto":
            dropout = 0.0 if self.solver in METHODS else DROPOUT
        if self.solver not in METHODS:
            noise = self.input_noise
            return BackPropagation(self.alpha, dropout, self.input_dropout, noise)
        if dropout or self.input_dropout or self.input_noise:
            raise ValueError(
                f"solver={self.solver!r} searches along lines, which dropout or noise "
                "would move: take solver='sgd' or 'adam', or no dropout and no noise."
            )
        return LineSearches(METHODS[self.solver], self.line_searches, self.alpha)

    def start(self, network, direction, source, rng):
        """A session in which a network learns from a source."""
        optimizer = self._new_optimizer(network)
        return Session(network, direction, optimizer, rng, len(source))

    def run(self, session, source, monitor):
        """Learn for all epochs, at first the head alone if it is to; keep the best."""
        network = session.machine
        size = self._batch_size(len(source), network)
        n_head = min(self.head_iter, self.max_iter)
        if n_head:
            network.first = len(network.weights) - 1
            session.run(source, size, n_head, monitor)
            session.optimizer.finish()
            network.first = 0
        if n_head < self.max_iter and not monitor.stopped:
            n_epochs = self.max_iter - n_head
            self._run_all_layers(session, source, size, n_epochs, monitor)
        session.finish(monitor)
        if n_head:
            session.machine.first = 0

    def _run_all_layers(self, session, source, size, n_epochs, monitor):
        """Learn for so many epochs; fewer at the rate of "auto" if labels are learned."""
        enough, before = -np.inf, session.epoch
        if self.learning_rate_init == "auto" and self._learns_labels(session.machine):
            enough = _loss_of_learned(session.machine.head, source)
        session.run(source, size, n_epochs, monitor, enough)
        done = int(session.epoch - before)
        if done < n_epochs and not monitor.stopped:
            rest = min(max(SHORTEST_REST, int(REST * done)), n_epochs - done)
            session.optimizer.fall(session.epoch, rest)
            session.run(source, size, rest, monitor)

    def go_on(self, before, network, source, rng):
        """Learn once from a source, after a session if there was one."""
        if before is None:
            session = self.start(network, self.new_direction(), source, rng)
        else:
            session = copy.deepcopy(before)
            session.machine = network
        optimizer = self._endless_optimizer(session, len(source))
        if before is not None:
            if type(optimizer) is type(session.optimizer):
                optimizer.resume(session.optimizer)
            direction = self.new_direction()
            if type(direction) is type(session.direction):
                direction.resume(session.direction)
            session.direction = direction
        session.optimizer = optimizer
        session.warn_if_at_rest("learning_rate_init", source)
        session.run(source, self._batch_size(len(source), network))
        return session

    def _learns_targets(self, network):
        """Whether Adam learns the outputs of a network, and they are targets."""
        return self.solver == "adam" and network.predicts

    def _learns_labels(self, network):
        """Whether Adam learns the outputs of a network, and they are labels."""
        return self.solver == "adam" and network.tells_labels

    def _batch_size(self, n_rows, network):
        """The number of rows in a batch."""
        if self.batch_size != "auto":
            return self.batch_size
        if self.solver in METHODS:
            return min(LARGE_BATCH, n_rows)
        if self.pairs:
            return int(np.clip(n_rows // 10, *PAIRS_BATCH))
        size = int(np.clip(n_rows // 50, *BATCH))
        return FOR_TARGETS * size if self._learns_targets(network) else size

    def _new_optimizer(self, network, decay=schedules.Linear):
        """What makes the steps; `decay` makes a schedule of the first rate of "auto"."""
        if self.solver in METHODS:
            return SGD(1.0, n_iter=self.max_iter)
        rate = self.learning_rate_init
        if rate == "auto":
            share = LARGEST_REACH[self.solver] / max(network.reach[self.solver], 1e-30)
            faster = FOR_TARGETS if self._learns_targets(network) else 1
            rate = decay(faster * min(1.0, share) * RATES[self.solver])
        if self.solver == "adam":
            betas = self.beta_1, self.beta_2
            return Adam(rate, *betas, self.epsilon, self.max_iter)
        return SGD(rate, self.momentum, self.max_iter)

    def _endless_optimizer(self, session, n_rows):
        """What makes the steps if there is no last epoch."""
        # Of fewer rows than in a batch steps are shorter, so that calls add up to one;
        # those of Adam by the root, since they do not grow with the gradient.
        network = session.machine
        share = min(1.0, n_rows / self._batch_size(session.n_rows, network))
        if self.solver == "adam":
            share **= 0.5
        return self._new_optimizer(
            network, lambda rate: without_end(share * rate, session.n_rows)
        )


def _loss_of_learned(head, source):
    """The mean loss at which targets count as learned.

    Between that of the best constant outputs and the least that there is, which is not
    zero for targets that are probabilities.
    """
    batch = source.batch(source.rows[:: 1 + len(source) // N_MEASURED])
    neutral = head.mean(np.zeros_like(batch.targets[:1]))

    def loss(means, share):
        field = head.link(means + share * (neutral - means))
        return float(losses(head, field, batch).mean(dtype=np.float64))

    mean = np.broadcast_to(batch.targets.mean(axis=0), batch.targets.shape)
    constant, least = loss(mean, 1 / (len(mean) + 1)), loss(batch.targets, TINY)
    return least + LEARNED * (constant - least)
