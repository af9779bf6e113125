"""Schedules for learning rates and momenta.

A schedule is called with the number of epochs done so far, fractions of an epoch
included, and with the number of epochs planned. A plain number is constant.
"""

from math import inf, nan

from sklearn.base import BaseEstimator

__all__ = ["Constant", "InverseTime", "Linear", "Step"]


class Schedule(BaseEstimator):
    """A number that depends on the progress of training.

    Subclasses define ``__call__(epoch, n_iter)``.
    """

    def __call__(self, epoch, n_iter):
        raise NotImplementedError


class Constant(Schedule):
    """The same value throughout.

    Parameters
    ----------
    value : float, default=0.1
        The value.

    See Also
    --------
    Linear : A straight line down to zero.

    Examples
    --------
    >>> from skdbn.schedules import Constant
    >>> Constant(0.05)(epoch=3, n_iter=10)
    0.05
    """

    def __init__(self, value=0.1):
        self.value = value

    def __call__(self, epoch, n_iter):
        return float(self.value)


class Linear(Schedule):
    r"""A straight line from `initial` at the start to zero at the end.

    .. math:: \epsilon(t) = \epsilon_0 \max(0, 1 - t / T)

    with `t` epochs done of `T = n_iter`. Persistent chains need it: they follow the
    model only while the model moves slowly [1]_.

    Parameters
    ----------
    initial : float, default=0.1
        The value before the first update.

    See Also
    --------
    InverseTime : A slower decay that never reaches zero.

    References
    ----------
    .. [1] Tieleman, T. (2008). Training restricted Boltzmann machines using
       approximations to the likelihood gradient. ICML.

    Examples
    --------
    >>> from skdbn.schedules import Linear
    >>> Linear(0.1)(epoch=5, n_iter=10)
    0.05
    """

    def __init__(self, initial=0.1):
        self.initial = initial

    def __call__(self, epoch, n_iter):
        return float(self.initial) * max(0.0, 1.0 - epoch / max(n_iter, 1))


class Step(Schedule):
    """One value for the first epochs and another afterwards.

    The defaults are the momentum of Hinton's guide: 0.5 while the error falls fast,
    then 0.9 [1]_.

    Parameters
    ----------
    before : float, default=0.5
        The value during the first `epochs` epochs.

    after : float, default=0.9
        The value from then on.

    epochs : int, default=5
        How many epochs `before` lasts.

    See Also
    --------
    Constant : The same value throughout.

    References
    ----------
    .. [1] Hinton, G. E. (2010). A practical guide to training restricted Boltzmann
       machines. University of Toronto, UTML TR 2010-003.

    Examples
    --------
    >>> from skdbn.schedules import Step
    >>> momentum = Step(0.5, 0.9, epochs=5)
    >>> momentum(epoch=4.9, n_iter=20), momentum(epoch=5, n_iter=20)
    (0.5, 0.9)
    """

    def __init__(self, before=0.5, after=0.9, epochs=5):
        self.before = before
        self.after = after
        self.epochs = epochs

    def __call__(self, epoch, n_iter):
        return float(self.before if epoch < self.epochs else self.after)


class InverseTime(Schedule):
    r"""Decay as 1/t.

    .. math:: \epsilon(t) = \epsilon_0 / (1 + t / \tau)

    with `t` epochs done.

    Parameters
    ----------
    initial : float, default=0.1
        The value before the first update.

    half_life : float, default=10.0
        The number of epochs `tau` after which the value has halved.

    See Also
    --------
    Linear : A straight line down to zero.

    References
    ----------
    .. [1] Robbins, H. and Monro, S. (1951). A stochastic approximation method. Annals
       of Mathematical Statistics 22, 400-407.

    Examples
    --------
    >>> from skdbn.schedules import InverseTime
    >>> InverseTime(0.1, half_life=10)(epoch=10, n_iter=50)
    0.05
    """

    def __init__(self, initial=0.1, half_life=10.0):
        self.initial = initial
        self.half_life = half_life

    def __call__(self, epoch, n_iter):
        return float(self.initial) / (1.0 + epoch / self.half_life)


def resolve(name, schedule, n_iter, below=inf):
    """A schedule as it is and a number as a constant one, if its values are in range."""
    if isinstance(schedule, type):
        raise TypeError(
            f"{name}={schedule.__name__} is a class: give an instance, such as "
            f"{schedule.__name__}()."
        )
    schedule = schedule if callable(schedule) else Constant(schedule)
    for epoch in (0.0, float(n_iter)):
        try:
            value = schedule(epoch, n_iter)
        except ArithmeticError:
            value = nan
        if not 0 <= value < below:
            raise ValueError(
                f"{name}={schedule!r} is {value} after {epoch:g} epochs: take a "
                f"schedule whose values are at least 0 and below {below}."
            )
    return schedule
