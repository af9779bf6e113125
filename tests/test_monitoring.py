"""Monitoring of a fit, early stopping, callbacks and interruptions."""

import pickle
import re

import numpy as np
import pytest
from conftest import needs_callbacks, sklearn_version
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skdbn import RBM, BernoulliRBM, GaussianRBM
from skdbn._training._probe import Probe, make_probes
from skdbn._training._session import hold_out
from skdbn.evaluation import free_energy_gap
from skdbn.exceptions import DataRangeWarning
from skdbn.gradients import CD
from skdbn.schedules import Linear

if sklearn_version >= (1, 9):
    from sklearn.callback import ProgressBar, ScoringMonitor

KEYS = {"pseudo_likelihood", "pseudo_likelihood_error", "reconstruction_error"}
KEYS |= {"learning_rate", "seconds"}
EARLY_KEYS = KEYS | {
    "validation_pseudo_likelihood",
    "validation_pseudo_likelihood_error",
}
EARLY_KEYS |= {"free_energy_gap", "free_energy_gap_error"}


@pytest.fixture
def X(rng):
    """Rows that are hard to tell from noise: held-out rows soon get worse."""
    return (rng.random((60, 12)) < 0.5).astype(float)


def make(seed, **settings):
    common = {"n_iter": 3, "learning_rate": 0.1, "random_state": seed}
    return BernoulliRBM(6, **common | settings)


def assert_same_model(one, other):
    for name in ("components_", "intercept_hidden_", "intercept_visible_"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def column(rbm, key):
    return np.array([row[key] for row in rbm.history_])


# The history and the verbose line


@pytest.mark.parametrize(
    "early_stopping, keys", [(False, KEYS), (True, EARLY_KEYS)], ids=["plain", "early"]
)
def test_history(early_stopping, keys, X, seed):
    rbm = make(seed, early_stopping=early_stopping, learning_rate=Linear(0.2)).fit(X)
    assert rbm.n_iter_ == len(rbm.history_) == 3
    for row in rbm.history_:
        assert set(row) == keys
        assert all(type(value) is float for value in row.values())
        assert np.isfinite(list(row.values())).all()
    np.testing.assert_allclose(column(rbm, "learning_rate"), [0.2, 0.4 / 3, 0.2 / 3])
    assert (column(rbm, "seconds") >= 0).all()


def test_no_epochs_no_history(X, seed):
    rbm = make(seed, n_iter=0).fit(X)
    assert rbm.history_ == [] and rbm.n_iter_ == 0


def test_history_of_few_rows_is_exact(seed):
    """Up to ten rows are all measured, and of one column nothing is left out."""
    X = np.array([[0.0], [1], [1], [0.3], [1], [0], [1]])
    rbm = make(seed).fit(X)
    last = rbm.history_[-1]
    assert last["pseudo_likelihood"] == pytest.approx(rbm.score(X), rel=1e-12)
    error = np.square(rbm.reconstruct(X) - X).mean()
    assert last["reconstruction_error"] == pytest.approx(error, rel=1e-12)


def test_history_measures_the_same_rows_each_time(X, seed):
    rbm = make(seed, learning_rate=1e-300, early_stopping=True).fit(np.tile(X, (20, 1)))
    for key in EARLY_KEYS - {"seconds"}:
        assert len(set(column(rbm, key))) == 1


@pytest.fixture
def measured(make_machine, rng):
    """A machine, and rows that do not follow it."""
    machine = make_machine(6, 3)
    return machine, (rng.random((400, 6)) < 0.4).astype(float)


def probe_of(machine, X, rng, seconds=np.inf, unknown=None):
    rows, order = np.arange(len(X)), rng.permutation(6)
    return Probe(machine, X, rows, order, rng, seconds, unknown)


def test_figures_of_all_values_are_exact(measured, rng):
    machine, X = measured
    found = probe_of(machine, X, rng).measure(machine)
    scores, energies = machine.pseudo_log_likelihood(X), machine.free_energy(X)
    assert found["pseudo_likelihood"] == pytest.approx(scores.mean())
    assert found["free_energy"] == pytest.approx(energies.mean())
    for name, values in (("pseudo_likelihood", scores), ("free_energy", energies)):
        expected = values.std(ddof=1) / np.sqrt(len(X))
        assert found[f"{name}_error"] == pytest.approx(expected)


@pytest.mark.parametrize("seconds", [0.0, 2e-6, 2e-5])
def test_figures_of_a_sample_are_unbiased(seconds, measured, rng):
    """And as far from those of all values as their standard errors say."""
    machine, X = measured
    X = X[:100]
    several = [probe_of(machine, X, rng, seconds) for _ in range(200)]
    found = [probe.measure(machine) for probe in several]
    scores, errors = (
        np.array([one[name] for one in found])
        for name in ("pseudo_likelihood", "pseudo_likelihood_error")
    )
    distance = scores - machine.pseudo_log_likelihood(X).mean()
    assert abs(distance.mean()) < 4 * distance.std() / np.sqrt(len(scores))
    assert distance.std() < 1.2 * errors.mean()
    if seconds == 0:
        assert all(len(probe.rows) == 10 for probe in several)
        assert distance.std() > 0.6 * errors.mean()


def test_unknown_values_are_not_measured(measured, rng):
    machine, X = measured
    unknown = rng.random(X.shape) < 0.3
    found = probe_of(machine, X, rng, unknown=unknown).measure(machine)
    v = machine.mean_field(X, unknown)
    field = machine.hidden_field(v)
    logs = np.stack([machine.log_conditional(v, field, i) for i in range(6)], axis=1)
    expected = 6 * logs[~unknown].mean()
    assert found["pseudo_likelihood"] == pytest.approx(expected)
    assert found["free_energy"] == pytest.approx(machine.free_energy(v).mean())
    some = np.arange(0, 400, 4)
    error = (machine.visible_mean(machine.hidden_mean(v)) - v)[some]
    error = np.square(error[~unknown[some]]).mean()
    assert found["reconstruction_error"] == pytest.approx(error)


def test_unknown_groups_are_not_measured(make_machine, rng):
    kind = [("softmax", 6), ("bernoulli", 2)]
    machine = make_machine(names=(kind, "bernoulli"))
    X = machine.initial_state(300, rng).visible
    groups = rng.random((300, 4)) < [0.2, 0.4, 0.6, 0.3]
    unknown = np.repeat(groups, [3, 3, 1, 1], axis=1)
    order = rng.permutation(4)
    probe = Probe(machine, X, np.arange(300), order, rng, 1.0, unknown)
    v = machine.mean_field(X, unknown)
    field = machine.hidden_field(v)
    logs = np.stack([machine.log_conditional(v, field, i) for i in range(4)], axis=1)
    found = probe.measure(machine)["pseudo_likelihood"]
    assert found == pytest.approx(4 * logs[~groups].mean())


def test_all_held_out_rows_are_measured_at_the_same_columns(rng, make_machine):
    machine, X = make_machine(6, 3), rng.random((900, 6))
    held_out = np.arange(0, 900, 10)
    rows = np.setdiff1d(np.arange(900), held_out)
    training, validation = make_probes(machine, X, rows, held_out, 10, rng)
    np.testing.assert_array_equal(validation.rows, held_out)
    assert len(training.rows) > 90 and np.isin(training.rows, rows).all()
    for probe in (training, validation):
        counts = np.bincount(probe.coordinates.ravel(), minlength=6)
        assert counts.max() - counts.min() <= len(probe.coordinates)
        # No column twice in a row.
        assert all(len(set(own)) == len(own) for own in probe.coordinates.T.tolist())


def test_columns_of_several_kinds_are_measured_in_turn(make_machine, rng):
    kind = [("bernoulli", 2), ("softmax", 3), ("spin", 2)]
    machine = make_machine(names=(kind, "bernoulli"))
    X = machine.initial_state(300, rng).visible
    coordinates = machine.visible.n_coordinates(7)
    order = rng.permutation(coordinates)
    probe = Probe(machine, X, np.arange(300), order, rng, 0.01)
    assert set(probe.coordinates.ravel()) == set(order)
    found = probe.measure(machine)
    exact = machine.pseudo_log_likelihood(X).mean()
    error = found["pseudo_likelihood_error"]
    assert found["pseudo_likelihood"] == pytest.approx(exact, abs=4 * error)


LINE = r"\[BernoulliRBM\] Epoch (\d+), pseudo-likelihood = (-?\d+\.\d+), time = \d+\.\d\ds\n"


@pytest.mark.parametrize("verbose", [True, 1, 2])
def test_verbose_prints_a_line_for_each_epoch(verbose, X, seed, capsys):
    rbm = make(seed, n_iter=3, verbose=verbose).fit(X)
    printed = capsys.readouterr().out
    assert re.fullmatch(LINE * 3, printed)
    lines = re.findall(LINE, printed)
    assert [int(number) for number, _ in lines] == [1, 2, 3]
    values = [f"{value:.4g}" for value in column(rbm, "pseudo_likelihood")]
    assert [value for _, value in lines] == values


def test_silent_by_default(X, seed, capsys):
    make(seed).fit(X).partial_fit(X)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("settings", [{}, {"early_stopping": True}, {"gradient": "cd"}])
def test_verbose_changes_nothing(settings, X, seed):
    one, other = (
        make(np.random.RandomState(seed), verbose=verbose, **settings).fit(X)
        for verbose in (0, 1)
    )
    assert_same_model(one, other)
    np.testing.assert_array_equal(one.h_samples_, other.h_samples_)
    np.testing.assert_array_equal(one.sample(3, n_steps=2), other.sample(3, n_steps=2))


def test_measuring_draws_nothing_from_the_main_stream(X, seed):
    """`fit` measures and `partial_fit` does not."""
    stepped = make(seed)
    for _ in range(3):
        stepped.partial_fit(X)
    assert_same_model(make(seed).fit(X), stepped)


# Early stopping


def early(seed, **settings):
    return make(seed, early_stopping=True, learning_rate=0.5, **settings)


def test_stops_and_keeps_the_best(X, seed):
    rbm = early(seed, n_iter=2000, n_iter_no_change=5, tol=0).fit(X)
    scores = column(rbm, "validation_pseudo_likelihood")
    best = scores.argmax()
    assert rbm.n_iter_ == len(scores) == best + 6
    assert_same_model(rbm, early(seed, n_iter=best + 1).fit(X))
    plain = early(seed, n_iter=best + 6).fit(X)
    assert_same_model(rbm, plain)


@pytest.mark.parametrize("patience", [1, 4])
def test_patience_and_tolerance(patience, X, seed):
    """With a huge tol the first epoch alone counts as an improvement."""
    rbm = early(seed, n_iter=50, n_iter_no_change=patience, tol=1e9).fit(X)
    assert rbm.n_iter_ == 1 + patience


@pytest.mark.parametrize("fraction, n_held_out", [(0.001, 1), (0.25, 15), (0.97, 58)])
def test_validation_fraction(fraction, n_held_out, rng, seed):
    """Biases start from the mean of the rows that are not held out."""
    X = rng.random((60, 3))
    rbm = early(seed, n_iter=0, validation_fraction=fraction).fit(X)
    n = 60 - n_held_out
    mean = 1 / (1 + np.exp(-rbm.intercept_visible_))
    # One more row, of 0.5, keeps the biases finite.
    total = mean * (n + 1) - 0.5
    subset_total = X.sum(axis=0) - total
    assert (total <= n).all() and (subset_total <= n_held_out + 1e-9).all()
    assert (subset_total >= -1e-9).all()


def test_fraction_of_held_out_rows_is_rounded(rng):
    for fraction, n in ((0.03, 2), (0.31, 19), (0.32, 19), (0.001, 1)):
        rows, held_out = hold_out(np.arange(60), fraction, rng, 60)
        assert len(held_out) == n and sorted([*rows, *held_out]) == list(range(60))


def seen_and_held_out(seed, X, **settings):
    """Which rows of X take part: learning moves biases only where rows have ones."""
    identity = np.eye(len(X))
    start = early(seed, n_iter=0, **settings).fit(identity).intercept_visible_
    held_out = start == start.min()
    return ~held_out, held_out


def test_held_out_rows_do_not_take_part(X, seed):
    """Whatever they hold, the model of the first epoch is the same."""
    seen, held_out = seen_and_held_out(seed, X)
    assert held_out.sum() == 6
    poisoned = X.copy()
    poisoned[held_out] = 1 - X[held_out]
    one, other = (early(seed, n_iter=1).fit(data) for data in (X, poisoned))
    assert_same_model(one, other)
    key = "validation_pseudo_likelihood"
    assert one.history_[0][key] != other.history_[0][key]
    poisoned = X.copy()
    poisoned[seen] = 1 - X[seen]
    changed = early(seed, n_iter=1).fit(poisoned)
    assert (changed.components_ != one.components_).any()


@pytest.mark.parametrize("share_unknown", [0.0, 0.3])
def test_held_out_rows_set_no_moments(share_unknown, rng, seed):
    """Of real values: neither where a training starts nor what it goes on with."""
    X = rng.normal(size=(60, 5))
    X[rng.random(X.shape) < share_unknown] = np.nan
    _, held_out = seen_and_held_out(seed, X)
    changed = X.copy()
    changed[held_out] = 3 * X[held_out] + 1
    one, other = (
        GaussianRBM(4, early_stopping=True, n_iter=1, random_state=seed).fit(data)
        for data in (X, changed)
    )
    assert_same_model(one, other)
    np.testing.assert_array_equal(one.variance_, other.variance_)


def test_free_energy_gap(rng, seed):
    """The mean of held-out rows minus that of training rows; ten rows are all."""
    X = rng.random((10, 4))
    seen, held_out = seen_and_held_out(seed, X, validation_fraction=0.3)
    assert held_out.sum() == 3
    rbm = early(seed, n_iter=1, validation_fraction=0.3).fit(X)
    F = rbm.free_energy(X)
    gap = F[held_out].mean() - F[seen].mean()
    assert rbm.history_[0]["free_energy_gap"] == pytest.approx(gap, rel=1e-10)


@pytest.mark.parametrize("visible", ["poisson", "bernoulli"])
def test_impossible_rows_are_not_measured(visible, rng, seed):
    """On either side; ten rows are all."""
    X = (rng.random((20, 4)) < 0.5).astype(float)
    seen, held_out = seen_and_held_out(seed, X, validation_fraction=0.4)
    bad = np.zeros(20, bool)
    bad[np.flatnonzero(seen)[::4]] = bad[np.flatnonzero(held_out)[::4]] = True
    X[bad, 1] = 1.5
    rbm = RBM(
        6,
        visible=visible,
        n_iter=1,
        early_stopping=True,
        validation_fraction=0.4,
        random_state=seed,
    )
    with pytest.warns(DataRangeWarning):
        rbm.fit(X)
    F = rbm.free_energy(X[~bad])
    gap = F[held_out[~bad]].mean() - F[seen[~bad]].mean()
    measured = rbm.history_[0]
    assert measured["free_energy_gap"] == pytest.approx(gap, rel=1e-10)
    with pytest.warns(DataRangeWarning):
        found = free_energy_gap(rbm, X[seen], X[held_out])
    assert found == pytest.approx(gap, rel=1e-10)
    with pytest.warns(DataRangeWarning):
        assert np.isnan(free_energy_gap(rbm, X[seen], X[bad]))


def test_rows_that_are_all_impossible_are_measured(X, seed):
    with pytest.warns(DataRangeWarning):
        rbm = make(seed).fit(2 * X + 1)
    assert np.isfinite(column(rbm, "reconstruction_error")).all()


@pytest.mark.parametrize("n_rows, fraction", [(1, 0.1), (3, 0.9)])
def test_no_row_left_to_learn_from(n_rows, fraction, X, seed):
    rbm = early(seed, validation_fraction=fraction)
    with pytest.raises(ValueError, match=rf"{fraction}.*n_samples={n_rows}"):
        rbm.fit(X[:n_rows])
    assert not hasattr(rbm, "n_features_in_")


# Callbacks


class Callback:
    """Notes what it is told; does `action(task name, task number)` at the chosen end."""

    def __init__(self, at="end", action=lambda name, number: None):
        self.at, self.action, self.told = at, action, []

    def setup(self, estimator, context):
        self.told.append("setup")

    def teardown(self, estimator, context):
        self.told.append("teardown")

    def on_fit_task_begin(self, estimator, context, **data):
        self.told.append(("begin", context.task_name, context.task_id))
        if self.at == "begin":
            self.action(context.task_name, context.task_id)

    def on_fit_task_end(self, estimator, context, **data):
        self.told.append(("end", context.task_name, context.task_id))
        if self.at == "end":
            return self.action(context.task_name, context.task_id)


def at_epoch(number, error=None):
    """An action that returns True, or raises, in an epoch counted from one."""

    def action(name, task_id):
        if name == "epoch" and task_id == number - 1:
            if error is not None:
                raise error
            return True

    return action


def test_fit_without_callbacks(X, seed):
    """In every version of scikit-learn."""
    assert make(seed).fit(X).transform(X).shape == (60, 6)


def score_monitor():
    """A monitor of the estimator's own score.

    `scoring=None` means the same but fails for every estimator in scikit-learn 1.9.1,
    which takes the score for a dict.
    """
    return ScoringMonitor(scoring={"score": lambda rbm, X, y: rbm.score(X, y)})


@needs_callbacks
@pytest.mark.parametrize("with_y", [False, True])
def test_scoring_monitor(with_y, X, seed):
    monitor = score_monitor()
    rbm = make(seed).set_callbacks(monitor).fit(X, np.zeros(60) if with_y else None)
    assert_same_model(rbm, make(seed).fit(X))
    scores = [
        row["score"] for row in monitor.get_logs().data if row["task_name"] == "epoch"
    ]
    expected = [make(seed, n_iter=n).fit(X).score(X) for n in (1, 2, 3)]
    np.testing.assert_allclose(scores, expected, rtol=1e-12)


@needs_callbacks
def test_callbacks_see_the_model_that_is_kept(X, seed):
    """At the end of a fit that held-out rows have stopped, it is the best one."""
    monitor = score_monitor()
    settings = dict(early_stopping=True, n_iter_no_change=5, n_iter=40)
    rbm = make(seed, learning_rate=0.5, **settings).set_callbacks(monitor).fit(X)
    rows = monitor.get_logs().data
    (score,) = (row["score"] for row in rows if row["task_name"] == "fit")
    assert score == pytest.approx(rbm.score(X), rel=1e-12)


@needs_callbacks
@pytest.mark.parametrize("with_y", [False, True])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_progress_bar(with_y, early_stopping, X, seed, capsys):
    rbm = make(seed, early_stopping=early_stopping).set_callbacks(ProgressBar())
    rbm.fit(X, np.zeros(60) if with_y else None)
    assert "BernoulliRBM" in capsys.readouterr().out
    assert_same_model(rbm, make(seed, early_stopping=early_stopping).fit(X))


@needs_callbacks
@pytest.mark.parametrize("with_y", [False, True])
def test_callbacks_inside_a_pipeline(with_y, X, seed, capsys):
    monitor = score_monitor()
    rbm = make(seed).set_callbacks(monitor)
    pipeline = make_pipeline(BernoulliRBM(12, random_state=seed), rbm).set_callbacks(
        ProgressBar()
    )
    pipeline.fit(X, np.zeros(60) if with_y else None)
    assert "BernoulliRBM" in capsys.readouterr().out
    names = [row["task_name"] for row in monitor.get_logs().data]
    assert names.count("epoch") == 3
    assert_same_model(rbm, make(seed).fit(pipeline[0].transform(X)))


@needs_callbacks
@pytest.mark.parametrize("with_y", [False, True])
def test_callbacks_inside_a_grid_search(with_y, X, seed, capsys):
    callback = Callback()
    rbm = make(seed).set_callbacks(callback)
    search = GridSearchCV(rbm, {"n_components": [2, 3]}, cv=2)
    search.set_callbacks(ProgressBar()).fit(X, np.zeros(60) if with_y else None)
    assert "BernoulliRBM" in capsys.readouterr().out
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@needs_callbacks
def test_callbacks_are_told_of_each_epoch(X, seed):
    callback = Callback()
    make(seed, n_iter=2).set_callbacks(callback).fit(X)
    epochs = [(when, "epoch", i) for i in range(2) for when in ("begin", "end")]
    whole = [(when, "fit", 0) for when in ("begin", "end")]
    assert callback.told == ["setup", whole[0], *epochs, whole[1], "teardown"]


@needs_callbacks
def test_callback_stops_the_fit(X, seed):
    rbm = make(seed, n_iter=9).set_callbacks(Callback("end", at_epoch(2))).fit(X)
    assert rbm.n_iter_ == len(rbm.history_) == 2
    assert_same_model(rbm, make(seed, n_iter=2).fit(X))


@needs_callbacks
@pytest.mark.parametrize(
    "at, task", [("begin", "fit"), ("begin", "epoch"), ("end", "epoch"), ("end", "fit")]
)
def test_failing_callback_leaves_the_estimator_as_it_was(at, task, X, seed):
    def fail(name, number):
        if name == task:
            raise RuntimeError("from the callback")

    callback = Callback(at, fail)
    rbm = make(seed).set_callbacks(callback)
    before = set(vars(rbm))
    with pytest.raises(RuntimeError, match="from the callback"):
        rbm.fit(X)
    assert set(vars(rbm)) == before
    assert callback.told[-1] == "teardown"


# Ctrl-C


class Interrupted(CD):
    """CD whose n-th call is interrupted."""

    def __init__(self, n=1, n_steps=1):
        super().__init__(n_steps)
        self.n = n

    def negative_phase(self, machine, work, rng):
        self.count_ = getattr(self, "count_", 0) + 1
        if self.count_ == self.n:
            raise KeyboardInterrupt
        super().negative_phase(machine, work, rng)


# 60 rows in batches of 10: six calls an epoch.
FIRST_EPOCH, THIRD_EPOCH = 3, 15


@pytest.mark.parametrize("n", [1, FIRST_EPOCH])
def test_interrupt_in_the_first_epoch_raises(n, X, seed):
    rbm = make(seed, gradient=Interrupted(n))
    before = set(vars(rbm))
    with pytest.raises(KeyboardInterrupt):
        rbm.fit(X)
    assert set(vars(rbm)) == before


@pytest.mark.parametrize("early_stopping", [False, True])
def test_interrupt_keeps_the_last_finished_epoch(early_stopping, X, seed):
    settings = {"early_stopping": early_stopping, "validation_fraction": 1e-9}
    rbm = make(seed, n_iter=9, gradient=Interrupted(THIRD_EPOCH), **settings)
    with pytest.warns(UserWarning, match="Interrupted in epoch 3.* epoch 2"):
        rbm.fit(X)
    assert rbm.n_iter_ == len(rbm.history_) == 2
    expected = make(seed, gradient="cd", n_iter=2, **settings).fit(X)
    assert_same_model(rbm, expected)
    copied = pickle.loads(pickle.dumps(rbm))
    np.testing.assert_array_equal(copied.transform(X), expected.transform(X))
    assert copied.h_samples_.shape == expected.h_samples_.shape


def test_interrupt_between_two_epochs_keeps_their_history_together(
    X, seed, monkeypatch
):
    """What is known of an epoch goes with its model, if that is lost."""

    def interrupted(line):
        if "Epoch 3" in line:
            raise KeyboardInterrupt

    monkeypatch.setattr("builtins.print", interrupted)
    rbm = make(seed, n_iter=9, verbose=1)
    with pytest.warns(UserWarning, match="Interrupted in epoch 3.* epoch 2"):
        rbm.fit(X)
    assert rbm.n_iter_ == len(rbm.history_) == 2


def test_schedule_goes_on_from_an_interrupted_epoch(X, seed):
    """From the third epoch, and not from the end, where the rate is zero."""
    rbm = make(
        seed, n_iter=9, gradient=Interrupted(THIRD_EPOCH), learning_rate=Linear(0.1)
    )
    with pytest.warns(UserWarning, match="Interrupted in epoch 3"):
        rbm.fit(X)
    before = rbm.components_.copy()
    rbm.partial_fit(X)
    assert (rbm.components_ != before).any()


def test_schedule_goes_on_from_an_early_stop(X, seed):
    rbm = make(
        seed,
        n_iter=50,
        learning_rate=Linear(0.1),
        early_stopping=True,
        n_iter_no_change=1,
        tol=1e9,
    ).fit(X)
    assert rbm.n_iter_ == 2
    before = rbm.components_.copy()
    assert (rbm.partial_fit(X).components_ != before).any()


def test_interrupt_of_partial_fit_leaves_the_model(X, seed):
    rbm = make(seed, gradient=Interrupted(THIRD_EPOCH))
    rbm.partial_fit(X).partial_fit(X)
    expected = clone(rbm).set_params(gradient="cd")
    expected.partial_fit(X).partial_fit(X)
    with pytest.raises(KeyboardInterrupt):
        rbm.partial_fit(X)
    assert_same_model(rbm, expected)


class Breaking(CD):
    """CD whose step is infinite in one number of one array."""

    def __init__(self, which=0, n_steps=1):
        super().__init__(n_steps)
        self.which = which

    def __call__(self, machine, *args, **settings):
        direction = super().__call__(machine, *args, **settings)
        list(direction.values())[self.which].flat[-1] = np.inf
        return direction


@pytest.mark.parametrize("which", range(3))
def test_a_single_number_that_diverges(which, X, seed):
    rbm = make(seed, gradient=Breaking(which), batch_size=60, n_iter=1)
    for method in (rbm.fit, rbm.partial_fit):
        with pytest.raises(ValueError, match="diverged in epoch 1"):
            method(X)
        assert not hasattr(rbm, "machine_")


@needs_callbacks
def test_interrupt_by_a_callback(X, seed):
    first, third = (
        make(seed).set_callbacks(Callback("begin", at_epoch(n, KeyboardInterrupt())))
        for n in (1, 3)
    )
    with pytest.raises(KeyboardInterrupt):
        first.fit(X)
    with pytest.warns(UserWarning, match="Interrupted in epoch 3.* epoch 2"):
        third.fit(X)
    assert_same_model(third, make(seed, n_iter=2).fit(X))
    third.set_callbacks()
    assert_same_model(pickle.loads(pickle.dumps(third)), third)
