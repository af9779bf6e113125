"""The contract of a machine: all that training and evaluation may use of it."""

import copy
from typing import NamedTuple

import numpy as np

from .._utils._numerics import as_float


class State(NamedTuple):
    """Values of the visible and of the hidden units, a row a chain."""

    visible: np.ndarray
    hidden: np.ndarray


class Clamp(NamedTuple):
    """Known values of the visible units, which stay; a row a chain."""

    values: np.ndarray
    known: np.ndarray

    def __call__(self, v):
        """Put the known values into `v`, in place."""
        np.copyto(v, self.values, where=self.known)

    def repeated(self, n):
        """The same for n times as many chains."""
        return Clamp(*(np.tile(array, (n, 1)) for array in self))


class Workspace:
    """What a step needs: the data's state, and the chains of the model.

    `row_weights` says how much each row of the batch counts, if not None, and
    `tied` whether there is a chain for each row, which counts as much.
    """

    def __init__(self, n_model):
        self.batch = self.data = self.state = self.row_weights = None
        self.tied = n_model is None


class Machine:
    """An energy, and so a distribution, whose parameters can be learned.

    A machine is pure: arrays in, arrays out, and the generator is an argument. Only
    the optimizer writes to `params`. To add a machine, subclass and define
    ``params``, :meth:`infer`, :meth:`state`, :meth:`initial_state`,
    :meth:`transition` and :meth:`moments`; all other methods are made of these. Where
    it can, a machine also has ``free_energy(v)``, −log p(v) up to a constant, which
    parallel tempering needs.

    Attributes
    ----------
    params : dict of str to ndarray
        The arrays that learn, by name; training changes them in place.

    visible : Units
        The visible units, which say what data may be.

    penalized : tuple of str
        The names of the parameters that weight decay is for.

    conditional : bool
        Whether the model is p(v | u) for given columns u of its rows. Then
        :meth:`condition` gives chains the u of a batch.

    See Also
    --------
    RestrictedMachine : The restricted Boltzmann machine.

    References
    ----------
    .. [1] Ackley, D. H., Hinton, G. E. and Sejnowski, T. J. (1985). A learning
       algorithm for Boltzmann machines. Cognitive Science 9, 147-169.

    Examples
    --------
    >>> from skdbn.machines import Machine, RestrictedMachine
    >>> issubclass(RestrictedMachine, Machine)
    True
    """

    penalized = ("weights",)
    conditional = False

    def infer(self, v):
        """The state of data: v, and the means of what is hidden.

        Parameters
        ----------
        v : ndarray of shape (n_rows, n_visible)
            Values of the visible units.

        Returns
        -------
        state : named tuple of ndarray
            The layers, a row for each row of v. Where E[h | v] is not to be had,
            a mean field takes its place.
        """
        raise NotImplementedError

    def state(self, v, rng):
        """The same with draws of p(h | v) in place of means.

        Parameters
        ----------
        v : ndarray of shape (n_rows, n_visible)
            Values of the visible units.

        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        state : named tuple of ndarray
            The layers.
        """
        raise NotImplementedError

    def initial_state(self, n, rng):
        """Initial states of n chains.

        Parameters
        ----------
        n : int
            Number of chains.

        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        state : named tuple of ndarray
            The layers, a row for each chain.
        """
        raise NotImplementedError

    def transition(self, state, rng, out=None):
        """One Markov step that keeps the model's distribution.

        Parameters
        ----------
        state : named tuple of ndarray
            States of the chains; a layer that is drawn first is not read.

        rng : numpy.random.Generator
            Source of random numbers.

        out : named tuple of ndarray, default=None
            Arrays that may be written to, such as those of `state`.

        Returns
        -------
        state : named tuple of ndarray
            Their states after the step.
        """
        raise NotImplementedError

    def moments(self, state, weights=None):
        """The sufficient statistics: the mean over the rows of −∂E/∂params.

        Parameters
        ----------
        state : named tuple of ndarray
            The layers.

        weights : ndarray of shape (n_rows,), default=None
            With them it is a weighted mean: they sum to 1.

        Returns
        -------
        moments : dict of str to ndarray
            With the names and shapes of ``params``.
        """
        raise NotImplementedError

    @property
    def n_weights(self):
        """Number of elements of the largest array of parameters."""
        return max(array.size for array in self.params.values())

    def workspace(self, n_model, n_data):
        """Working arrays of a step.

        Parameters
        ----------
        n_model : int or None
            Number of chains; None means a chain for each row of a batch.

        n_data : int
            The largest number of rows of a batch.

        Returns
        -------
        work : object
            Its attribute ``state`` has the states of the chains, and may be set.
        """
        return Workspace(n_model)

    def load(self, work, batch, rng=None, weights=None):
        """Put a batch into the workspace.

        Parameters
        ----------
        work : object
            The workspace.

        batch : {ndarray, sparse matrix} of shape (n_rows, n_visible)
            Rows of data.

        rng : numpy.random.Generator, default=None
            With it, values are means of the visible units, from which states are drawn.

        weights : ndarray of shape (n_rows,), default=None
            How much each row counts; None means 1.
        """
        dtype = next(iter(self.params.values())).dtype
        work.row_weights = weights
        work.batch = np.array(as_float(batch, dtype))
        if rng is not None:
            self.visible.draw(work.batch, rng)
        work.data = self.infer(work.batch)

    def condition(self, state, v):
        """Give chains what is not modeled but given, from rows of data.

        Parameters
        ----------
        state : named tuple of ndarray
            States of the chains.

        v : ndarray of shape (n_chains, n_visible)
            A row for each chain.

        Returns
        -------
        state : named tuple of ndarray
            The same chains; a machine of p(v) is given nothing.
        """
        return state

    def contrast(self, work, rng, n_steps):
        """Negative phase of chains that begin at the data.

        Parameters
        ----------
        work : object
            The workspace, with a batch.

        rng : numpy.random.Generator
            Source of random numbers.

        n_steps : int
            Number of steps of each chain.
        """
        work.state = self.state(work.batch, rng)
        self.advance(work, rng, n_steps)

    def advance(self, work, rng, n_steps, by=None):
        """Negative phase of persistent chains, from their present states.

        Parameters
        ----------
        work : object
            The workspace, with a batch and with chains.

        rng : numpy.random.Generator
            Source of random numbers.

        n_steps : int
            Number of steps; with 0 the chains have moved by other means.

        by : Machine, default=None
            The machine whose chains they are, such as the one with fast weights.
        """
        if self.conditional:
            work.state = self.condition(
                work.state, repeated(work.batch, len(work.state[0]))
            )
        for _ in range(n_steps):
            work.state = (by or self).transition(work.state, rng)

    def hidden_means(self, work):
        """Means of the hidden units of the data, for penalties on their activity.

        Parameters
        ----------
        work : object
            The workspace, with a batch.

        Returns
        -------
        means : ndarray of shape (n_rows, n_hidden)
            What is added to it enters the direction.
        """
        return work.data.hidden

    def difference(self, work, centering=None, rate=1.0):
        """The moments of the data minus those of the model.

        Parameters
        ----------
        work : object
            The workspace, after its negative phase.

        centering : object, default=None
            What :meth:`new_centering` returned.

        rate : float, default=1.0
            Factor of the result.

        Returns
        -------
        direction : dict of str to ndarray
            With the names and shapes of ``params``.
        """
        if work.row_weights is None:
            data, model = self.moments(work.data), self.moments(work.state)
        else:
            rate = rate * work.row_weights.mean()
            weights = work.row_weights / work.row_weights.sum()
            data = self.moments(work.data, weights)
            model = self.moments(work.state, weights if work.tied else None)
        return {name: rate * (data[name] - model[name]) for name in data}

    def new_centering(self, mean):
        """Offsets about which the gradient is taken, for data of this mean.

        Parameters
        ----------
        mean : ndarray of shape (n_visible,)
            The mean of the data.

        Returns
        -------
        centering : object or None
            None where gradients are not centered.
        """
        return

    def step_scale(self, name):
        """Factors of the steps of a parameter.

        Parameters
        ----------
        name : str
            One of ``penalized``.

        Returns
        -------
        scale : ndarray or None
            Of a shape that can be multiplied with the parameter; None if all are 1.
        """
        return

    def rate_of(self, name):
        """Factor of the steps of a parameter beside those of the others.

        Parameters
        ----------
        name : str
            One of ``penalized``.

        Returns
        -------
        factor : float
            1 by default; :meth:`difference` includes it, and weight decay asks for it.
        """
        return 1.0

    def length(self, direction, limit=np.inf):
        """Length of a step of the penalized parameters, in units of its scale.

        Parameters
        ----------
        direction : dict of str to ndarray
            The step.

        limit : float, default=inf
            A length below it need not be exact.

        Returns
        -------
        length : float
            The Euclidean norm.
        """
        flat = [direction[name].ravel() for name in self.penalized]
        return sum(float(np.dot(one, one)) for one in flat) ** 0.5

    def scaled(self, beta):
        """The machine with all parameters times a factor, for tempering.

        Parameters
        ----------
        beta : float
            The inverse temperature.

        Returns
        -------
        machine : Machine
            It has its own arrays.
        """
        new = self.copy()
        for array in new.params.values():
            array *= beta
        return new

    def project(self):
        """Re-impose constraints after a step, in place; nothing by default."""

    def copy(self):
        """A copy of the machine with its own arrays.

        Returns
        -------
        machine : Machine
            A deep copy by default.
        """
        return copy.deepcopy(self)


def check_offers(machine, user, *members):
    """Raise a TypeError unless a machine has what someone needs of it."""
    for name in members:
        if not hasattr(machine, name):
            raise TypeError(
                f"{user} needs {name} of a machine, and {type(machine).__name__} has "
                "none: take another method, or define it as skdbn.machines.Machine says."
            )


def repeated(rows, n):
    """n rows: these, as often as needed."""
    return rows if len(rows) == n else rows[np.arange(n) % len(rows)]
