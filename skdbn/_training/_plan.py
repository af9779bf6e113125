"""The plan of a training: what it reads of an estimator's parameters."""

import copy
from dataclasses import dataclass, fields

import numpy as np

from .. import gradients, schedules
from .._updates._decay import WeightDecay
from .._updates._direction import Direction
from .._updates._optimizer import SGD, without_end
from .._updates._sparsity import Penalty
from .._utils._numerics import positive_variance
from .._utils._random import make_rng
from .._utils._threads import threads_for
from ..gradients import Gradient
from ..units import Parametric, Scaled, Units, check_pair
from ..units._base import ask
from ._session import Session
from ._start import largest_variance, new_machine

# Where values have no bounds, steps are as long as the directions in which the data vary
# allow: the largest rate of "auto", and the longest step of a hidden unit's weights.
LARGEST_RATE = 2.0
LONGEST_STEP = 0.3

# The same where hidden units alone have none. Fast weights of many columns that vary
# together have no other limit, and such units answer them in proportion.
LONGEST_CODE = 0.6

# Where they have bounds, the first rate of "auto" times the sum of the largest variances
# that the columns can have at their means is at most this.
LARGEST_CHANGE = 16.0

# About so many steps, and the fewest and the most epochs, of "auto". Fewer rows need more
# passes until they tell no more of others.
N_STEPS, FEWEST_EPOCHS, MOST_EPOCHS = 20_000, 10, 100

# The mean of a count is the exponential of its field, which a step moves by the rate times
# Σ (h − mean)²: the first rate of "auto" times the number of hidden units, times the
# square of their range, is at most this.
LARGEST_EXCITATION = 12.0

# Weights of counts decay by this much where no decay is asked for. Small ones of many
# units add up otherwise, and make a count likely that is large for no other reason than
# that it turns those units on; chains, which never are there, do not tell.
COUNT_DECAY = 0.01

# Gibbs steps for unknown values of rows that a trained machine has not met; units of a
# new machine are next to independent.
IMPUTATION_STEPS = 20


@dataclass(frozen=True)
class Plan:
    """How a restricted machine is to be trained.

    The names are those of the parameters of :class:`~skdbn.RBM`, which explains them.
    `auto_rate` is the first rate of "auto" where the data allow it, and `rate_factor`
    multiplies what they allow; `auto_steps` are the steps of the number of epochs of
    "auto", and `auto_epochs` the most, if not those of an RBM. With `hidden_centered`
    hidden units are centered as visible ones are.
    """

    visible: Units
    hidden: Units
    n_components: int
    gradient: str | Gradient
    learning_rate: float | str | schedules.Schedule = "auto"
    momentum: float | schedules.Schedule = 0.0
    weight_decay: float = 0.0
    l1_ratio: float = 0.0
    centered: bool = True
    hidden_centered: bool = True
    sample_data: bool = True
    sparsity: Penalty | None = None
    batch_size: int = 10
    n_iter: int | str = "auto"
    auto_steps: int | None = None
    auto_epochs: int | None = None
    auto_rate: float = 0.1
    rate_factor: float = 1.0

    def __post_init__(self):
        check_pair(self.visible, self.hidden)

    @classmethod
    def of(cls, estimator, **others):
        """The plan with the parameters of an estimator, and others by name."""
        return cls(**parameters_of(estimator, cls) | others)

    def n_epochs(self, n_rows):
        """The number of epochs for so many rows."""
        if self.n_iter != "auto":
            return self.n_iter
        n_batches = -(-n_rows // self.batch_size)
        n_steps, most = self.auto_steps or N_STEPS, self.auto_epochs or MOST_EPOCHS
        return min(max(n_steps // n_batches, FEWEST_EPOCHS), most)

    def start(self, source, rng, machine=None, gradient=None):
        """A session that learns from a source.

        Of a new machine and a new gradient, unless they are given.
        """
        # The data's covariance and what is made of it, if a machine has that.
        with threads_for(len(source), self._width(source) ** 2):
            if machine is None:
                machine = self.new_machine(source, rng)
            machine.center = source.mean.astype(machine.weights.dtype)
            auto_rate, limit = self._fitting_rate(machine, source)
        sparsity = self._new_sparsity(machine, 0.1 / auto_rate)
        direction = Direction(
            gradient or gradients.resolve(self.gradient),
            self._new_centering(machine),
            self._new_decay(),
            sparsity,
            limit,
        )
        rate, n_epochs = self.learning_rate, self.n_epochs(len(source))
        if rate == "auto":
            rate = schedules.Linear(self._steady(auto_rate, machine, n_epochs))
        optimizer = SGD(rate, self.momentum, n_epochs)
        session = Session(machine, direction, optimizer, rng, len(source), auto_rate)
        source.begin(machine, rng, 1, self.sample_data)
        self._see_values(session, source)
        return session

    def new_machine(self, source, rng):
        """A machine that fits the data of a source, with random weights."""
        return new_machine(self, source, rng)

    def _width(self, source):
        """The number of columns of a row."""
        return source.X.shape[1]

    def take_over(self, source, machine, gradient=None):
        """Copies of a fitted machine and its gradient, to go on with new data."""
        self._check_structure(machine)
        machine = machine.copy()
        if ask(machine.visible, Parametric).params:
            variance, _ = positive_variance(source.variance, source.mean)
            machine.visible.set_moments(len(source), source.mean, variance)
        if gradient is not None:
            gradient = gradients.resumed(copy.deepcopy(gradient), self.gradient)
        return machine, gradient

    def resume(self, session, source):
        """Let a session go on with this plan, from a source of new rows."""
        machine, direction = session.machine, session.direction
        self._check_structure(machine)
        direction.gradient = gradients.resumed(direction.gradient, self.gradient)
        direction.weight_decay = self._new_decay()
        if not self.centered:
            direction.centering = None
        elif direction.centering is None:
            direction.centering = self._new_centering(machine)
        before = direction.sparsity
        direction.sparsity = self._new_sparsity(machine, 0.1 / session.auto_rate)
        if before is not None and direction.sparsity is not None:
            direction.sparsity.resume(before)
        source.begin(machine, session.rng, IMPUTATION_STEPS, self.sample_data)
        if ask(machine.visible, Parametric).params:
            machine.visible.update_moments(len(source), *source.moments())
        self._see_values(session, source)

    def go_on(self, before, source, random_state, machine=None):
        """Learn once from a source, after a session if there was one."""
        if before is None:
            session = self.start(source, make_rng(random_state), machine)
        else:
            # In a copy, so that an error leaves the model alone.
            session = copy.deepcopy(before)
            self.resume(session, source)
        self._let_rate_fall(session, source)
        session.warn_if_at_rest("learning_rate", source)
        session.run(source, self.batch_size)
        return session

    def _let_rate_fall(self, session, source):
        """Give a session a rate that knows no last epoch, for rows of this source."""
        rate, n_epochs = self.learning_rate, self.n_epochs(session.n_rows)
        if rate == "auto":
            # Of fewer rows than in a batch steps are shorter, so that calls add up to
            # one.
            share = min(1.0, len(source) / self.batch_size)
            steady = self._steady(session.auto_rate, session.machine, n_epochs)
            rate = without_end(share * steady, session.n_rows)
        optimizer = SGD(rate, self.momentum, n_epochs)
        optimizer.resume(session.optimizer)
        session.optimizer = optimizer

    def _see_values(self, session, source):
        """Find out whether values of the data are means, from which states are drawn."""
        are_states = session.machine.visible.are_states
        session.direction.sample_data = self.sample_data and not are_states(
            source.values
        )

    def _fitting_rate(self, machine, source):
        """The first rate of "auto" that the data allow, and the limit of a gradient."""
        auto_rate, limit, visible = self.auto_rate, None, machine.visible
        if visible.tail is not None:
            gaps = source.some_gaps()
            scale, root = (
                ask(visible, Scaled).step_scale,
                ask(visible, Scaled).step_root,
            )
            if root is not None:
                gaps = gaps @ root
            elif scale is not None:
                gaps *= np.sqrt(scale)
            reach = max(1.0, machine.input_share * largest_variance(gaps))
            auto_rate = min(auto_rate, LARGEST_RATE / reach)
            if visible.tail == "poisson":
                low, high = machine.hidden.bounds
                excitation = self.n_components * (high - low) ** 2
                auto_rate = min(auto_rate, LARGEST_EXCITATION / excitation)
            limit = LONGEST_STEP * np.sqrt(self.n_components / reach) / auto_rate
            # What is drawn for unknown values has the noise of data and tells nothing:
            # longer steps feed it back into the weights faster than data hold it down.
            auto_rate *= float(np.sqrt(source.share_known()))
        else:
            # A step moves a hidden unit's field by the rate times Σ (v − mean)².
            low, high = visible.bounds
            mean = np.clip(source.mean, low, high)
            squares = machine.input_share * np.sum((mean - low) * (high - mean))
            if 0 < squares < np.inf:
                auto_rate = min(auto_rate, LARGEST_CHANGE / float(squares))
        if machine.hidden.tail is not None:
            # Hidden units without bounds answer a step in proportion, or even more.
            auto_rate /= 10
            if limit is None:
                reach = max(1.0, largest_variance(source.some_gaps()))
                limit = LONGEST_CODE * np.sqrt(self.n_components / reach) / auto_rate
        if machine.hidden.tail == "poisson":
            # Of all hidden units together: the mean of one is the exponential of its
            # field, and so is the step of its weights.
            reach = max(1.0, largest_variance(source.some_gaps()))
            limit = LONGEST_STEP / np.sqrt(reach) / auto_rate
        return auto_rate * self.rate_factor, limit

    def _steady(self, auto_rate, machine, n_epochs):
        """The automatic rate beside momentum, which makes steps 1 / (1 − m) as long.

        Values without bounds do not allow that, and keep steps of the same length.
        """
        if machine.visible.tail is None:
            return auto_rate
        momentum = schedules.resolve("momentum", self.momentum, n_epochs, below=1.0)
        return auto_rate * (1 - momentum(float(n_epochs), n_epochs))

    def _new_centering(self, machine):
        if not self.centered:
            return None
        centering = machine.new_centering(machine.center)
        if not self.hidden_centered:
            centering.hidden[:] = centering.slide = 0
        return centering

    def _new_decay(self):
        if self.weight_decay:
            return WeightDecay(self.weight_decay, self.l1_ratio)
        if "poisson" in (self.visible.tail, self.hidden.tail):
            return WeightDecay(COUNT_DECAY, 0.0)
        return None

    def _new_sparsity(self, machine, boost):
        if self.sparsity is None:
            return None
        return self.sparsity.start(machine, self.batch_size, boost)

    def _check_structure(self, machine):
        """Raise a ValueError if this is the plan of another machine."""
        n_components = machine.weights.shape[1]
        if self.n_components != n_components:
            raise ValueError(
                f"n_components={self.n_components}, but the model has {n_components} "
                "hidden units, and training cannot go on with others: call fit with "
                "warm_start=False, which begins anew."
            )
        for side in "visible", "hidden":
            new, old = getattr(self, side), getattr(machine, side)
            if not _alike(old, new):
                raise ValueError(
                    f"The parameters ask for {side} units {new}, but those of the model "
                    f"are {old}, and training cannot go on with others: call fit "
                    "with warm_start=False, which begins anew."
                )


def parameters_of(estimator, cls):
    """The parameters of an estimator that are fields of a plan of this class."""
    names = {field.name for field in fields(cls)} & vars(estimator).keys()
    return {name: getattr(estimator, name) for name in names}


def _alike(one, other):
    """Whether units, or their parameters, are the same."""
    if isinstance(one, Units):
        same = type(one) is type(other)
        return same and _alike(
            *(list(u.get_params(False).values()) for u in (one, other))
        )
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_alike, one, other))
    return one == other
