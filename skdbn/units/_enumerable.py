"""Units with finitely many states."""


class Enumerable:
    """A capability of units with finitely many values: their states can be listed.

    Sums over all states of a layer need it: the exact partition function.

    See Also
    --------
    Units : What every type has.
    Conditional : What a pseudo-likelihood needs.

    Examples
    --------
    >>> import numpy as np
    >>> from skdbn.units import Bernoulli, Enumerable, Gaussian
    >>> issubclass(Bernoulli, Enumerable), issubclass(Gaussian, Enumerable)
    (True, False)
    >>> Bernoulli().states(np.arange(4), 2)
    array([[0., 0.],
           [1., 0.],
           [0., 1.],
           [1., 1.]])
    """

    def n_states(self, n_units):
        """The number of states of a layer.

        Parameters
        ----------
        n_units : int
            The width of the layer.

        Returns
        -------
        n_states : int
            Also beyond the range of the floats.
        """
        raise NotImplementedError

    def states(self, index, n_units):
        """Some of the states of a layer.

        Parameters
        ----------
        index : ndarray of int of shape (n,)
            Which, from 0 to ``n_states(n_units) - 1``.

        n_units : int
            The width of the layer.

        Returns
        -------
        states : ndarray of shape (n, n_units)
            A state a row.
        """
        raise NotImplementedError
