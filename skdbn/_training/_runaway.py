"""Whether a machine of units without bounds has run away from its data."""

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..exceptions import warn
from ..units import Scaled
from ..units._base import ask

# In standard deviations of the data, as the root of a mean square.
FAR = 10.0

# How much worse than of the machine from which it began a pseudo-likelihood may be: in
# standard errors of that, and as a share of it.
ERRORS, SHARE = 10.0, 0.5

REMEDY = "Take a smaller learning_rate, fewer hidden units or gradient='pcd'."


def warn_if_far(machine, chains):
    """Warn if most values that follow hidden units are far from the data.

    Parameters
    ----------
    machine : RestrictedMachine
        The fitted machine.

    chains : State
        The states of a fit's chains.
    """
    if machine.visible.tail is None or machine.center is None:
        return
    machine, _ = machine.given(chains.visible)
    squares = np.square(machine.visible_mean(chains.hidden) - machine.center)
    scale = ask(machine.visible, Scaled).step_scale
    if scale is not None:
        squares *= scale
    distance = np.sqrt(np.median(squares.mean(axis=1)))
    if distance > FAR:
        warn(
            f"The fit ran away: the model's values are {distance:.3g} standard "
            f"deviations from the mean of the data. {REMEDY}",
            ConvergenceWarning,
        )


def score_and_error(probe, machine):
    """The pseudo-likelihood of a machine and its standard error."""
    row = probe.measure(machine)
    return row["pseudo_likelihood"], row["pseudo_likelihood_error"]


def warn_if_worse(probe, machine, before):
    """Warn if a fit has made the pseudo-likelihood much worse than at its start.

    Nothing runs away where all units have bounds.

    Parameters
    ----------
    probe : Probe
        What measures it.

    machine : RestrictedMachine
        The fitted machine.

    before : tuple of float
        The pseudo-likelihood of the machine from which the fit began, and its error.
    """
    if machine.visible.tail is None and machine.hidden.tail is None:
        return
    start, error = before
    end, _ = score_and_error(probe, machine)
    if end < start - max(ERRORS * error, SHARE * abs(start)):
        warn(
            f"The fit ran away: from a pseudo-likelihood of {start:.4g} nats a row at "
            f"its start to {end:.4g}. {REMEDY}",
            ConvergenceWarning,
        )
