"""The default model of an imputer: its kind and size, and how long it learns."""

from contextlib import suppress

import numpy as np
from sklearn.base import clone

from .._data._encoding import Encoding
from .._data._incomplete import conditional_draws, hidden_by
from .._data._tables import is_frame
from .._utils._numerics import column_mean
from .._utils._random import make_rng
from ..exceptions import DivergenceError
from ..schedules import Linear
from ..units import Gaussian, Grouped, Parametric
from ..units._base import ask, offers
from ._bernoulli_rbm import BernoulliRBM
from ._gaussian_rbm import GaussianRBM
from ._mixed_rbm import MixedRBM
from ._rbm import RBM

# Hidden units for each column, at most, and known values of a column for each of them.
UNITS_PER_COLUMN = 2
VALUES_PER_UNIT = 5
MOST_UNITS = 256

# Weight decay for binary columns, in units of that for standardized ones: a larger one
# fills in scattered values worse and large parts of a picture better.
BINARY_DECAY = 1.5

# Gaussian hidden units, at most, and known values of a row for each of them; the variance
# of standardized columns about what they say; the rate, well above that of "auto", which
# bad data cannot follow: a fit that diverges is out; known values of a column in a batch.
MOST_FACTORS = 10
VALUES_PER_FACTOR = 3
FACTOR_NOISE = 0.2
FACTOR_RATE = Linear(0.03)
VALUES_PER_STEP = 5

# The rate of "auto" where the data allow it, for fits that are as short as these.
AUTO_RATE = 0.3

# Columns, at most, of which a model has the covariance: the time for unknown values grows
# with the cube of their number.
MOST_CORRELATED = 100

# Updates of the parameters after which a fit is judged, as far as the products of all
# of them stay below so many multiplications, and epochs, at most. Fits whose rate is not
# "auto", and lower, take so many times as many.
N_UPDATES = 300, 900, 2700
LONGER = 5 / 3
MOST_MULTIPLICATIONS = 1e11
MOST_EPOCHS = 300
# To go on, a fit has to have made its error so much smaller; at first it may take a while
# to be better than the column means.
IMPROVEMENT = 0.03
FIRST_ERROR = 1.1
# A model that says nothing of n held-out values makes their error smaller by no more
# than z² / n, if it is correlated with them by z standard errors: z².
CHANCE = 4.0
# The last fit sees these values. Where their error is so many times as large as before,
# it went astray, as fits may whose draws for unknown values feed on themselves.
ASTRAY = 1.2

# Columns of which so few values are known are filled in by their means, and from so
# many on as the model has it; those between are shrunk towards their means, as far as
# their known values bear the model out but for so many standard errors.
FEW_VALUES, ENOUGH_VALUES = 5, 20
DOUBT = 2.0

# Known values that are hidden to judge a fit: this share, in so many rows at most. Of
# small tables it is up to the second one, for as many values as tell skill from chance.
SHARE_HELD_OUT, MOST_HELD_OUT = 0.1, 0.3
MOST_ROWS_HELD_OUT = 500
ENOUGH_HELD_OUT = 100
# Where they are fewer than this share of all, the judged fit is kept as it is.
FEW = 0.05
# Gibbs steps to judge a fit, and states of which the mean is taken.
N_STEPS, N_MEANS = 20, 20


def default_models(kind, unknown):
    """Models for data of which this is unknown, with as many units as they support.

    The first one is of the given kind. The penalty on its weights is that of a normal
    prior under which all hidden units together have the variance of a standardized
    column. For real numbers another one has Gaussian units on both sides, which is best
    where columns are linear in a few factors. Of few columns that vary together one has
    noise with their covariance.
    """
    n_rows, n_columns = unknown.shape
    n_known = (~unknown).sum()
    supported = n_known / n_columns / VALUES_PER_UNIT
    n_units = int(np.clip(supported, 1, min(UNITS_PER_COLUMN * n_columns, MOST_UNITS)))
    batch_size = int(np.clip(n_rows // 100, 10, 100))
    weight_decay = n_units / (4 * n_rows)
    if kind is BernoulliRBM:
        weight_decay *= BINARY_DECAY
    models = [kind(n_units, batch_size=batch_size, weight_decay=weight_decay)]
    if kind is GaussianRBM:
        n_factors = min(supported, n_known / n_rows / VALUES_PER_FACTOR)
        least_batch = VALUES_PER_STEP * unknown.size / n_known
        models.append(
            RBM(
                int(np.clip(n_factors, 1, MOST_FACTORS)),
                visible=Gaussian(FACTOR_NOISE),
                hidden="gaussian",
                gradient="cd",
                learning_rate=FACTOR_RATE,
                batch_size=int(np.clip(least_batch, batch_size, 100)),
            )
        )
    if kind in (GaussianRBM, MixedRBM) and n_columns <= MOST_CORRELATED:
        models.append(clone(models[0]).set_params(variance="full"))
    return models


def initial_rate(model):
    """Where "auto" starts if the data allow it; other steps are limited as always."""
    return AUTO_RATE if model.learning_rate == "auto" else 0.1


def fit_lengths(model, shape):
    """Numbers of epochs after which a fit is judged."""
    n_rows, n_columns = shape
    step = min(model.batch_size, n_rows)
    work = n_columns * model.n_components * step
    longer = 1 if model.learning_rate == "auto" else LONGER
    all_updates = [round(longer * n) for n in N_UPDATES]
    updates = [n for n in all_updates if n * work <= MOST_MULTIPLICATIONS]
    epochs = (-(-n * step // n_rows) for n in updates or all_updates[:1])
    return sorted({min(n, MOST_EPOCHS) for n in epochs})


def fit_by_held_out_values(models, X, unknown, fit, report, random_state):
    """The fit that is best at known values which it did not see.

    A fit is judged after a few epochs, and goes on as long as that helps and would make
    it the best if it helped as much again.

    Parameters
    ----------
    models : list of RBM
        Models to choose from; not changed.

    X : {ndarray, DataFrame} of shape (n_samples, n_features)
        Data.

    unknown : ndarray of bool of shape (n_samples, n_features)
        Where values of X are unknown.

    fit : callable
        ``fit(model, X, machine)`` begins with a machine that is learned already, or anew
        if that is None.

    report : callable
        ``report(model, n_epochs, error)`` is told of each fit that is judged, and of its
        squared error in units of that of the column means.

    random_state : int
        Determines which values are held out.

    Returns
    -------
    model : RBM
        A fitted model; one that knows the column means and no more, where none does
        better than by chance.
    """
    rng = make_rng(random_state)
    held_out = choose_held_out(X, unknown, variables(models[0], X), rng)
    if not held_out.any():
        return independent_columns(models[0], X, fit)
    seen = hidden_by(held_out, X)
    best, least = None, np.inf
    fits = [Course(model, X.shape) for model in models]
    while fits:
        for course in fits:
            try:
                course.go_on(fit, seen)
            except DivergenceError:
                continue
            course.judge(relative_error(course.model, X, seen, held_out, rng))
            report(course.model, course.n_epochs, course.error)
            if course.error < least:
                best, least = course.model, course.error
        fits = [c for c in fits if c.helped and c.left and c.promise <= least]
    if least >= 1 - CHANCE / held_out.sum():
        return independent_columns(models[0], X, fit)
    if held_out.sum() >= FEW * (~unknown).sum():
        new = clone(best).set_params(n_iter=fit_lengths(best, X.shape)[0])
        with suppress(DivergenceError):
            fit(new, X, best.machine_.copy())
            if relative_error(new, X, seen, held_out, rng) <= ASTRAY * least:
                best = new
    shrink_little_known(best, X, rng)
    return best


def independent_columns(model, X, fit):
    """A fitted model that knows the column means and no more."""
    model = fit(clone(model).set_params(n_iter=0), X, None)
    shrink(model, X, 0)
    return model


class Course:
    """A fit that is judged from time to time.

    Parameters
    ----------
    model : RBM
        Not changed.

    shape : tuple of int
        Shape of the data.
    """

    def __init__(self, model, shape):
        self.model = model
        self.left = fit_lengths(model, shape)
        self.n_epochs = 0
        self.error = FIRST_ERROR
        self.promise = np.inf
        self.helped = False

    def go_on(self, fit, X):
        """Learn until the next length."""
        self.helped = False
        end = self.left.pop(0)
        machine = self.model.machine_.copy() if self.n_epochs else None
        model = clone(self.model).set_params(n_iter=end - self.n_epochs)
        self.model, self.n_epochs = fit(model, X, machine), end

    def judge(self, error):
        """Note the error, whether it has become smaller, and what it may come to."""
        self.helped = error < (1 - IMPROVEMENT) * self.error
        self.promise = error * error / self.error
        self.error = error


def shrink_little_known(model, X, rng):
    """Let columns of which few values are known be nearer to their means."""
    rows, unknown = model._validate_incomplete(X)
    if unknown is None:
        unknown = np.zeros(rows.shape, bool)
    share, grouped = np.ones(rows.shape[1]), ask(model.machine_.visible, Grouped)
    for i in range(grouped.n_coordinates(len(share))):
        columns = grouped.columns(i)
        known = np.flatnonzero(~unknown[:, columns[0]])
        if len(known) <= FEW_VALUES:
            share[columns] = 0
        elif len(known) < ENOUGH_VALUES:
            part = rows[known], unknown[known]
            share[columns] = borne_out(model.machine_, *part, columns, rng)
    if (share < 1).any():
        shrink(model, X, share)


def borne_out(machine, rows, unknown, columns, rng):
    """The share of what a model says of columns that their values surely bear out.

    The slope of these on the model's means with the columns hidden, less its standard
    errors.
    """
    hidden = unknown.copy()
    hidden[:, columns] = True
    found = conditional_draws(machine, rows, hidden, rng, N_STEPS, n_means=N_MEANS)
    true, said = (
        (x[:, columns] - rows[:, columns].mean(axis=0)).ravel().astype(np.float64)
        for x in (rows, found)
    )
    total = said @ said
    if not total:
        return 0.0
    slope = said @ true / total
    rest = true - slope * said
    error = np.sqrt(rest @ rest / (len(rows) - 1) / total)
    return float(np.clip(slope - DOUBT * error, 0, 1))


def shrink(model, X, share):
    """Let the fields of columns be those of the model by this share.

    The rest is that of independent columns with the means of X.
    """
    rows, unknown = model._validate_incomplete(X)
    share = share * np.ones(rows.shape[1])
    machine = model.machine_
    dtype, center = machine.weights.dtype, machine.center
    if offers(machine.visible, Parametric):
        machine.visible = machine.visible.weakened(share)
    visible = machine.visible
    means = column_mean(rows, unknown=unknown)
    independent = visible.link(visible.shrink(means, 1 / (len(rows) + 1)))
    field = machine.hidden_field(center)
    machine.weights *= share.astype(dtype)[:, None]
    machine.visible_bias *= share.astype(dtype)
    machine.visible_bias += ((1 - share) * independent).astype(dtype)
    machine.hidden_bias[:] = field - center @ machine.weights


def variables(model, X):
    """Columns that are known or unknown together."""
    if not isinstance(model, MixedRBM):
        return [[i] for i in range(X.shape[1])]
    encoding = Encoding(X, model.units)
    places = {name: i for i, name in enumerate(encoding.names)}
    return [[places[name] for name in v.columns] for v in encoding.variables]


def choose_held_out(X, unknown, groups, rng):
    """Known values to be hidden; something stays known of each row and column.

    Of each category a row stays, lest the model does not know of it.
    """
    n_rows = len(unknown)
    held_out = np.zeros(unknown.shape, bool)
    rows = rng.permutation(n_rows)[:MOST_ROWS_HELD_OUT]
    wanted = ENOUGH_HELD_OUT / (~unknown).sum()
    share = np.clip(wanted, SHARE_HELD_OUT, MOST_HELD_OUT)
    for columns in groups:
        some = rows[rng.random(len(rows)) < share]
        held_out[np.ix_(some, columns)] = True
    held_out &= ~unknown
    if is_frame(X):
        for i, name in enumerate(X.columns):
            values = np.asarray(X[name])
            if values.dtype.kind not in "biuf":
                held_out[list({v: r for r, v in enumerate(values)}.values()), i] = False
    held_out[(held_out | unknown).all(axis=1)] = False
    held_out[:, (held_out | unknown).all(axis=0)] = False
    return held_out


def relative_error(model, X, seen, held_out, rng):
    """Squared error of the held-out values, in units of that of the column means."""
    truth = model._validate(X, allow_nan=True)
    given, unknown = model._validate_incomplete(seen)
    if unknown is None:
        unknown = np.zeros(given.shape, bool)
    means = column_mean(given, unknown=unknown)
    judged = unknown & ~np.isnan(truth)
    rows = np.flatnonzero(judged.any(axis=1))
    given, unknown, judged, truth = (
        array[rows] for array in (given, unknown, judged, truth)
    )
    found = conditional_draws(
        model.machine_, given, unknown, rng, N_STEPS, n_means=N_MEANS
    )
    error, error_of_means = (
        float(np.square(rows - truth)[judged].sum(dtype=np.float64))
        for rows in (found, means)
    )
    return error / error_of_means if error_of_means else np.inf
