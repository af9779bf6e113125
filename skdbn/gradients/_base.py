"""The contract of a gradient: from a batch to a direction in parameter space."""

from sklearn.base import BaseEstimator

from .._utils._checks import check_counts
from ..machines._base import check_offers


class Gradient(BaseEstimator):
    """An estimate of the gradient of the log-likelihood, by sampling.

    The constructor's arguments are settings and never change; what training needs is
    made by :meth:`start`, on the clone that ``fit`` makes. To add a gradient, subclass
    and define :meth:`negative_phase`, and :meth:`n_chains_of` if its chains persist; an
    instance can be given to :class:`~skdbn.RBM` as it is.

    Attributes
    ----------
    needs : tuple of str
        What a machine must have beyond :class:`~skdbn.machines.Machine`, such as
        "free_energy".

    limit : float or None
        The length from which on training shortens the direction, in units of the
        machine's scale, for a `rate` of 1. Training sets it; None sets no limit.

    See Also
    --------
    CD : Contrastive divergence.
    PCD : Persistent contrastive divergence.

    References
    ----------
    .. [1] Ackley, D. H., Hinton, G. E. and Sejnowski, T. J. (1985). A learning
       algorithm for Boltzmann machines. Cognitive Science 9, 147-169.

    Examples
    --------
    >>> from skdbn.gradients import PCD, Gradient
    >>> isinstance(PCD(n_chains=20), Gradient)
    True
    """

    needs = ()
    limit = None

    def start(self, machine, batch_size, rng, n_rows=None):
        """Make what training needs, and check the settings.

        Parameters
        ----------
        machine : Machine
            The machine to be trained.

        batch_size : int
            The number of rows in a batch that was asked for.

        rng : numpy.random.Generator
            Source of random numbers.

        n_rows : int, default=None
            The largest number of rows that a batch will have; None means batch_size.

        Raises
        ------
        ValueError
            If a setting is out of range.
        TypeError
            If the machine lacks what this gradient needs.
        """
        check_offers(machine, f"gradient={type(self).__name__}()", *self.needs)
        self._check_counts()
        n_rows = n_rows or batch_size
        self._work = machine.workspace(self.n_chains_of(n_rows), n_rows)

    def _check_counts(self):
        """Raise a ValueError for a number of steps or chains that is none."""
        for name, value in self.get_params(deep=False).items():
            if name.startswith("n_") and value is not None:
                check_counts(type(self).__name__, **{name: value})

    def diagnostics(self):
        """What there is to say about the sampling since the last call.

        Returns
        -------
        diagnostics : dict of str to float
            Recorded in ``history_`` after each epoch; empty by default.
        """
        return {}

    def stop(self):
        """Let go of the working arrays; what persists between calls stays."""
        del self._work

    def finish(self):
        """Let go of what only the next step needs; ``fit`` calls it at its end."""

    @property
    def state(self):
        """The states of the model's chains, as the last call left them."""
        return self._work.state

    def n_chains_of(self, n_data):
        """How many chains stand against `n_data` rows of data.

        Parameters
        ----------
        n_data : int
            Rows in the batch.

        Returns
        -------
        n_chains : int or None
            None means one for each row, which is the default.
        """
        return

    def negative_phase(self, machine, work, rng):
        """Move the chains of the model.

        Parameters
        ----------
        machine : Machine
            The machine that is trained; not changed.

        work : object
            The machine's workspace, with a batch: for its methods ``contrast`` and
            ``advance``.

        rng : numpy.random.Generator
            Source of random numbers.
        """
        raise NotImplementedError

    def __call__(
        self,
        machine,
        batch,
        rng,
        centering=None,
        rate=1.0,
        *,
        sparsity=None,
        sample_data=False,
        weights=None,
    ):
        """The direction in which to move ``machine.params``.

        Parameters
        ----------
        machine : Machine
            The machine that is trained; not changed.

        batch : {ndarray, sparse matrix} of shape (n_rows, n_visible)
            Rows of data.

        rng : numpy.random.Generator
            Source of random numbers.

        centering : object, default=None
            Offsets about which the gradient is taken, made by the machine.

        rate : float, default=1.0
            Factor of the result: the learning rate, which costs least where the
            gradient is made.

        sparsity : Sparsity, default=None
            Sees the hidden units' means given the data, and adds its pull.

        sample_data : bool, default=False
            Whether rows are means, from which states are drawn.

        weights : ndarray of shape (n_rows,), default=None
            How much each row counts; None means 1.

        Returns
        -------
        direction : dict of str to ndarray
            The mean over the data minus the mean over the model, one array for each
            of ``machine.params``; overwritten by the next call.
        """
        machine.load(self._work, batch, rng if sample_data else None, weights)
        self.negative_phase(machine, self._work, rng)
        if sparsity is not None:
            sparsity.see(machine.hidden_means(self._work), weights)
        return machine.difference(self._work, centering, rate)
