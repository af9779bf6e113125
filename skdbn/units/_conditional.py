"""Units whose coordinates have conditional distributions."""


class Conditional:
    """A capability of units whose values can be summed or integrated over, one by one.

    The conditional distribution of a coordinate given all others needs it: the
    pseudo-likelihood, in ``history_``, in ``score_samples`` and for early stopping.

    Attributes
    ----------
    one_kind : bool
        Whether all coordinates of a layer are alike.

    See Also
    --------
    Units : What every type has.
    Grouped : What says of which columns a coordinate is, if of several.

    References
    ----------
    .. [1] Besag, J. (1975). Statistical analysis of non-lattice data. The
       Statistician 24, 179-195.

    Examples
    --------
    >>> import numpy as np
    >>> from skdbn.units import Bernoulli
    >>> values, log_weights, shares = Bernoulli().alternatives(0, np.ones((1, 1)), None)
    >>> values.ravel(), shares.ravel()
    (array([0., 1.]), array([0., 1.]))
    """

    one_kind = True

    def alternatives(self, coordinate, own, field_range):
        """What values a coordinate could have, the other ones being as they are.

        Parameters
        ----------
        coordinate : int or ndarray of int of shape (n_samples,)
            One for all rows or one for each.

        own : ndarray of shape (n_samples, n)
            The values that it has, in its n columns.

        field_range : callable
            ``field_range(value, n_nodes)`` gives the lowest and the highest field that
            matters in each row, where ``value(field, n)`` is what is n standard
            deviations above the mean in a field, and ``n_nodes(low, high)`` the number
            of nodes that a range of fields takes.

        Returns
        -------
        values : ndarray of shape (n_alternatives, n_samples or 1, n)
            Each state, or the nodes of a sum or an integral over the states.

        log_weights : ndarray of shape (n_alternatives, n_samples or 1)
            −base of each value, plus the logarithm of the weight of each node.

        shares : ndarray of shape (n_alternatives, n_samples) or None
            If there are finitely many states, the probability that the coordinate's
            values stand for each: of their own state 1. None otherwise.
        """
        raise NotImplementedError

    def beside(self, coordinate, v):
        """The units of a coordinate, the other ones being as they are.

        Parameters
        ----------
        coordinate : int or ndarray of int of shape (n_samples,)
            One for all rows or one for each.

        v : ndarray of shape (n_samples, n_units)
            The rows.

        Returns
        -------
        units : Units
            What to ask for :meth:`alternatives` and :meth:`coordinate_base`: the object
            itself, unless the base of a unit depends on others.
        """
        return self

    def coordinate_base(self, coordinate, own):
        """The base of one coordinate, where there are infinitely many states.

        Parameters
        ----------
        coordinate : int or ndarray of int of shape (n_samples,)
            One for all rows or one for each.

        own : ndarray of shape (n_samples, n)
            The values that it has.

        Returns
        -------
        base : ndarray of shape (n_samples,)
            The part of the energy that does not depend on the field.
        """
        raise NotImplementedError
