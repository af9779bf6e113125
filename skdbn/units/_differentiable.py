"""Units through which errors propagate back."""


class Differentiable:
    """A capability of hidden units whose mean has a derivative.

    Fine-tuning by back-propagation needs it.

    See Also
    --------
    Units : What every type has.

    Examples
    --------
    >>> import numpy as np
    >>> from skdbn.units import Bernoulli
    >>> Bernoulli().backpropagate(np.ones((1, 2)), np.array([[0.5, 0.9]]))
    array([[0.25, 0.09]])
    """

    def backpropagate(self, error, mean):
        """Turn derivatives by the means into derivatives by the fields, in place.

        This is the step of back-propagation through hidden units: each derivative is
        multiplied by that of the mean, which is the variance of the unit.

        Parameters
        ----------
        error : ndarray of shape (n_samples, n_units)
            Derivatives of a function of the means; overwritten.

        mean : ndarray of shape (n_samples, n_units)
            The means.

        Returns
        -------
        error : ndarray of shape (n_samples, n_units)
            The same array.
        """
        raise NotImplementedError
