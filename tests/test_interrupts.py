"""KeyboardInterrupt anywhere: an estimator is what it was before, or all new."""

import copy
import os
import signal
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import skdbn
from skdbn import (
    RBM,
    BernoulliRBM,
    BoltzmannImputer,
    ConditionalRBM,
    ConvolutionalRBM,
    DBNAutoencoder,
    DBNClassifier,
    DBNNeighborhoodComponents,
    DBNRegressor,
    DBNTransformer,
    GaussianRBM,
    GenerativeDBNClassifier,
    MeanCovarianceRBM,
    MixedRBM,
    RBMClassifier,
    SparseRBM,
    TemporalRBM,
)
from skdbn._utils import _threads
from skdbn.exceptions import DataRangeWarning

PACKAGE = str(Path(skdbn.__file__).parent)
RBMS = dict(n_components=3, n_iter=2, learning_rate=0.1, batch_size=8)
NETS = dict(layers=(3, 2), n_iter=1, max_iter=2, batch_size=8, learning_rate_init=0.1)

ESTIMATORS = [
    RBM(**RBMS, gradient="pt"),
    RBM(**RBMS, early_stopping=True),
    BernoulliRBM(**RBMS),
    GaussianRBM(**RBMS),
    SparseRBM(**RBMS),
    ConvolutionalRBM(3, 2, pool=1, n_iter=2, learning_rate=0.1, batch_size=8),
    MeanCovarianceRBM(4, n_mean=2, n_iter=2, batch_size=8, learning_rate=0.1),
    MixedRBM(**RBMS),
    ConditionalRBM(**RBMS, context=[0]),
    TemporalRBM(**RBMS),
    RBMClassifier(**RBMS, early_stopping=True),
    DBNTransformer((3, 2), rbm=BernoulliRBM(**RBMS)),
    DBNClassifier(**NETS, early_stopping=True),
    GenerativeDBNClassifier(**NETS),
    DBNRegressor(**NETS),
    DBNAutoencoder(**NETS),
    DBNNeighborhoodComponents(**NETS, reconstruction=0.1),
    BoltzmannImputer(BernoulliRBM(**RBMS)),
]


class Interrupter:
    """Raises KeyboardInterrupt before the n-th line of the package, as Ctrl-C does."""

    def __init__(self, n=np.inf):
        self.n, self.count = n, 0

    def __call__(self, frame, event, arg):
        path = frame.f_code.co_filename
        # Ctrl-C, which comes after a call, cannot keep a lock locked; a line can.
        if not path.startswith(PACKAGE) or path == _threads.__file__:
            return None
        if event == "line":
            self.count += 1
            if self.count == self.n:
                raise KeyboardInterrupt
        return self

    def run(self, call):
        """The number of lines run."""
        before = sys.gettrace()
        sys.settrace(self)
        try:
            call()
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        return self.count


def make_data(rng, n_columns):
    X = (rng.random((24, n_columns)) < 0.5).astype(float)
    return X, np.arange(24) % 3


def learned(estimator):
    """The arrays that a fit changes, from wherever they are."""
    for path in (("estimator_", "machine_"), ("machine_",), ("network_",)):
        found = estimator
        for name in path:
            found = getattr(found, name, None)
        if found is not None:
            return [array.copy() for array in found.params.values()]
    return [a.copy() for rbm in estimator.rbms_ for a in rbm.machine_.params.values()]


def is_one_of(arrays, models):
    return any(
        len(arrays) == len(model) and all(map(np.array_equal, arrays, model))
        for model in models
    )


def valid_models(estimator, method, X, y, whole):
    """What may be there after an interrupt of a fit, beside what was before.

    An interrupt during the second epoch leaves the model of the first.
    """
    models = [learned(whole)]
    for name in ("n_iter", "max_iter", "estimator__n_iter"):
        if method == "fit" and name in estimator.get_params():
            one = copy.deepcopy(estimator).set_params(**{name: 1})
            models.append(learned(one.fit(X, y)))
    return models


def is_old(found, before):
    """Whether all attributes are what they were."""
    now = vars(found)
    return now.keys() == before.keys() and all(now[k] is before[k] for k in now)


def check_new(found, whole, models, n_features, method):
    """All attributes of one fit, with the parameters of an epoch's end."""
    assert set(vars(found)) == set(vars(whole))
    assert found.n_features_in_ == n_features
    assert is_one_of(learned(found), models)
    if hasattr(found, "history_"):
        assert found.n_iter_ == len(found.history_) or method == "partial_fit"


CASES = [
    pytest.param(estimator, method, id=f"{type(estimator).__name__}-{method}")
    for estimator in ESTIMATORS
    for method in ("fit", "partial_fit")
    if hasattr(estimator, method)
]


@pytest.mark.parametrize("estimator, method", CASES)
def test_interrupt_leaves_an_old_or_a_new_model(estimator, method, rng, seed):
    estimator = copy.deepcopy(estimator).set_params(random_state=seed)
    first, y = make_data(rng, 4)
    old = estimator.fit(first, y)
    # A fit may be to other columns.
    X, y = make_data(rng, 5 if method == "fit" else 4)
    before = dict(vars(old))

    def start():
        new = copy.copy(old)
        return new, lambda: getattr(new, method)(X, y)

    whole, call = start()
    total = Interrupter().run(call)
    models = valid_models(estimator, method, X, y, whole)
    # The end line by line, and some of what comes before.
    points = {*range(total - 30, total + 2), *range(1, total - 30, total // 10)}
    outcomes = set()
    for n in sorted(points):
        found, call = start()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Interrupted in epoch")
            Interrupter(n).run(call)
        if is_old(found, before):
            outcomes.add("old")
            continue
        outcomes.add("new")
        check_new(found, whole, models, X.shape[1], method)
    assert outcomes == {"old", "new"}
    # Hints that were held back are given again.
    with pytest.warns(DataRangeWarning):
        BernoulliRBM(**RBMS).fit(X + 7)


class Alarm:
    """Raises KeyboardInterrupt once, after some seconds of a call, wherever it is."""

    def __enter__(self):
        self.before = signal.signal(signal.SIGALRM, self.interrupt)
        return self

    def __exit__(self, *error):
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self.before)

    @staticmethod
    def interrupt(number, frame):
        raise KeyboardInterrupt

    def run(self, call, seconds):
        """Whether the call was interrupted."""
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            call()
            signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            return True
        return False


def of_sample(estimator, X):
    """What `sample` asks for: contexts, or a number of rows."""
    return X[:2, :1] if isinstance(estimator, ConditionalRBM) else 2


def answers(estimator, X):
    """What a fitted model says of rows, and draws."""
    names = ("transform", "predict", "score_samples", "reconstruct")
    found = [getattr(estimator, n)(X) for n in names if hasattr(estimator, n)]
    if hasattr(estimator, "sample"):
        rows = estimator.sample(of_sample(estimator, X), n_steps=2, random_state=0)
        found += [*rows] if isinstance(rows, tuple) else [rows]
    return found


# An interrupt of a destructor is a warning.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("method", ["fit", "partial_fit", "sample"])
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_signals_at_any_moment(estimator, method, rng, seed):
    # Windows has no timer that interrupts.
    if not hasattr(signal, "setitimer") or not hasattr(estimator, method):
        return
    estimator = copy.deepcopy(estimator).set_params(random_state=seed)
    X, y = make_data(rng, 4)
    old = estimator.fit(X, y)
    before, said = dict(vars(old)), answers(old, X)
    arguments = (X, y) if method != "sample" else (of_sample(estimator, X),)
    settings = {"n_steps": 200} if method == "sample" else {}

    def start():
        new = copy.copy(old)
        return new, lambda: getattr(new, method)(*arguments, **settings)

    whole, call = start()
    since = time.perf_counter()
    call()
    seconds = time.perf_counter() - since
    models = valid_models(estimator, method, X, y, whole)
    n_moments = int(os.environ.get("SKDBN_INTERRUPTS", "1"))
    with Alarm() as alarm:
        for delay in rng.uniform(1e-5, 1.1 * seconds, n_moments):
            found, call = start()
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Interrupted in epoch")
                alarm.run(call, delay)
            if method == "sample" or is_old(found, before):
                assert all(map(np.array_equal, answers(found, X), said))
            else:
                check_new(found, whole, models, 4, method)
                assert all(np.isfinite(x).all() for x in answers(found, X))
