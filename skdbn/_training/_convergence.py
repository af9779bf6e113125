"""Whether a training ended while its score still rose."""

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..exceptions import warn

# The last third of the epochs brings about a ninth of a gain that goes with the sum of
# rates that fall to zero, and a third where the rate is constant: this is clearly between
# them. It has to exceed the standard deviation of steps between epochs so many times, and
# such a share of the standard error of a score.
LAST, SHARE, DEVIATIONS, ERRORS = 3, 0.2, 3.0, 0.1


def still_rises(scores, error=0.0):
    """The share of its gain that a training made in its last third; 0 if not clear.

    Parameters
    ----------
    scores : list of float
        Of each epoch, larger ones better; first of all that before the first one, if it
        is known.

    error : float, default=0.0
        The standard error of a score.
    """
    n_epochs = len(scores) - 1
    if n_epochs < 2:
        return 0.0
    n_last = max(1, n_epochs // LAST)
    gain, total = scores[-1] - np.array([scores[-1 - n_last], scores[0]])
    steps = np.diff(scores[n_epochs // 2 :])
    clear = gain > max(DEVIATIONS * steps.std(), ERRORS * error) and total > 0
    # Of few epochs the deviation tells little.
    steady = (steps > 0).all() if len(steps) < 2 * LAST else True
    return float(gain / total) if clear and steady and gain > SHARE * total else 0.0


def warn_if_rising(monitor, name, start=None):
    """Warn if the scores that a monitor has seen clearly rose to the end.

    Parameters
    ----------
    monitor : Monitor
        Of the training.

    name : str
        The parameter that has the number of epochs.

    start : float, default=None
        The score of the training rows before the first epoch.
    """
    # Nobody asks of a part of a larger fit that it converges by itself.
    if monitor.stopped or not monitor.keeps_interrupted:
        return
    scores, error = monitor.scores()
    if start is not None and not monitor.estimator.early_stopping:
        scores.insert(0, start)
    share = still_rises(scores, error)
    if share:
        warn(
            f"The fit ended while its score still rose: the last third of its "
            f"{len(monitor.history)} epochs brought {share:.0%} of the whole gain. Take "
            f"a larger {name} or a larger learning rate.",
            ConvergenceWarning,
        )
