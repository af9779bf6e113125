"""The contract of a gradient: from a batch to a direction in parameter space."""

from sklearn.base import BaseEstimator

from .._numerics import as_float, check_count, is_thin


class Gradient(BaseEstimator):
    """An estimate of the gradient of the log-likelihood, by sampling.

    The constructor's arguments are settings and never change; what training needs is
    made by :meth:`start`, on the clone that ``fit`` makes. To add a gradient,
    subclass and define :meth:`n_model_rows` and :meth:`sample`; an instance can be
    given to :class:`~skdbn.RBM` as it is.

    Attributes
    ----------
    takes_sparse : bool
        Whether :meth:`sample` can do with a thin sparse batch in ``phases.sparse``, in
        place of ``phases.data.visible``; False unless a subclass says otherwise.

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

    takes_sparse = False

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

        Returns
        -------
        room : ndarray of shape (n_rows, n_visible)
            An array in which batches may be handed over without another copy.

        Raises
        ------
        ValueError
            If a setting is out of range.
        """
        for name, value in self.get_params(deep=False).items():
            if name.startswith("n_") and value is not None:
                check_count(f"{name} of {type(self).__name__}", value)
        n_rows = n_rows or batch_size
        self._phases = machine.phases(self.n_model_rows(n_rows), n_rows)
        return self._phases.data.visible

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
        del self._phases

    def finish(self):
        """Let go of what only the next step needs; ``fit`` calls it at its end."""

    @property
    def model_visible(self):
        """The visible units of the model phase, as the last call left them."""
        return self._phases.model.visible

    def load(self, batch):
        """Put a batch where the gradient reads it, as dense floats.

        Parameters
        ----------
        batch : {ndarray, sparse matrix} of shape (n_rows, n_visible)
            Rows of data.

        Returns
        -------
        loaded : ndarray of shape (n_rows, n_visible)
            The same values in a working array, which may be changed.
        """
        n_rows = batch.shape[0]
        self._phases.resize(self.n_model_rows(n_rows), n_rows)
        self._phases.sparse = None
        loaded = self._phases.data.visible
        if batch is not loaded:
            as_float(batch, loaded.dtype, out=loaded)
        return loaded

    def n_model_rows(self, n_data):
        """How many states of the model stand against `n_data` rows of data.

        Parameters
        ----------
        n_data : int
            Rows in the batch.

        Returns
        -------
        n_model : int
            Rows of the model phase.
        """
        raise NotImplementedError

    def sample(self, machine, phases, rng):
        """Draw the model phase and compute the hidden means of both phases.

        Parameters
        ----------
        machine : Machine
            The machine that is trained; not changed.

        phases : Phases
            The batch is in ``phases.data.visible``; ``phases.model.visible`` and
            ``phases.both.hidden_mean`` are to be filled.

        rng : numpy.random.Generator
            Source of random numbers.
        """
        raise NotImplementedError

    def __call__(self, machine, batch, rng, centering=None, rate=1.0, watch=None):
        """The direction in which to move ``machine.params``.

        Parameters
        ----------
        machine : Machine
            The machine that is trained; not changed.

        batch : {ndarray, sparse matrix} of shape (n_rows, n_visible)
            Rows of data.

        rng : numpy.random.Generator
            Source of random numbers.

        centering : Centering, default=None
            Offsets about which the gradient is taken.

        rate : float, default=1.0
            Factor of the result: the learning rate, which costs least where the
            gradient is made.

        watch : callable, default=None
            Called with the hidden units' means given the data, which it may change
            before they enter the direction.

        Returns
        -------
        direction : list of ndarray
            The mean over the data minus the mean over the model, one array for each
            of ``machine.params``; overwritten by the next call.
        """
        if self.takes_sparse and is_thin(batch) and not machine.visible.params:
            n_rows = batch.shape[0]
            self._phases.resize(self.n_model_rows(n_rows), n_rows)
            self._phases.sparse = batch.astype(machine.weights.dtype, copy=False)
        else:
            self.load(batch)
        self.sample(machine, self._phases, rng)
        if watch is not None:
            watch(self._phases.data.hidden_mean)
        return machine.difference(self._phases, centering, rate)
