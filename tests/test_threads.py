"""One thread of BLAS for small products, and the caller's limit after them."""

import signal
import threading

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

from skdbn import (
    BernoulliRBM,
    BoltzmannImputer,
    DBNClassifier,
    DBNTransformer,
    GenerativeDBNClassifier,
    RBMClassifier,
)
from skdbn._utils import _threads as threads
from skdbn._utils._threads import threads_for
from skdbn.evaluation import log_partition
from skdbn.gradients import PCD
from skdbn.machines import RestrictedMachine
from skdbn.plotting import SamplesDisplay

LIBRARIES = ThreadpoolController().select(user_api="blas").lib_controllers


def set_threads(n):
    for lib in LIBRARIES:
        threads._release(lib, force=True)
        lib.set_num_threads(n)
        threads._release(lib)


def n_threads():
    """The numbers of threads of the BLAS libraries, each once."""
    return {lib.get_num_threads() for lib in LIBRARIES}


@pytest.fixture(autouse=True)
def two_threads():
    before = [lib.get_num_threads() for lib in LIBRARIES]
    set_threads(2)
    assert n_threads() == {2}
    yield
    for lib, n in zip(LIBRARIES, before, strict=True):
        lib.set_num_threads(n)
        threads._release(lib)


class Library:
    """A pool of threads that only the first Python thread to set its size controls."""

    controlling = None

    def __init__(self, n):
        self.n = n

    def get_num_threads(self):
        return self.n

    def set_num_threads(self, n):
        this = threading.get_ident()
        if self.controlling in (None, this):
            self.controlling, self.n = this, n

    def clear_controlling_thread(self, force=False):
        if force or self.controlling == threading.get_ident():
            self.controlling = None


def in_another_thread(call):
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def test_small_products_have_one_thread():
    with threads_for(10, 200_000):
        assert n_threads() == {1}
        with threads_for(10, 100):
            assert n_threads() == {1}
        # Within a limit large products do not lift it.
        with threads_for(1000, 1_000_000):
            assert n_threads() == {1}
        assert n_threads() == {1}
    assert n_threads() == {2}
    with threads_for(1000, 1_000_000):
        assert n_threads() == {2}


def test_an_error_ends_the_limit():
    with pytest.raises(ZeroDivisionError), threads_for(1, 1):
        assert n_threads() == {1}
        raise ZeroDivisionError
    assert n_threads() == {2}


def test_no_limit_is_raised():
    set_threads(1)
    with threads_for(1, 1):
        assert n_threads() == {1}
    assert n_threads() == {1}


def test_the_last_of_several_python_threads_ends_the_limit():
    entered, leave = threading.Event(), threading.Event()

    def work():
        with threads_for(1, 1):
            entered.set()
            leave.wait(60)

    worker = threading.Thread(target=work)
    with threads_for(1, 1):
        worker.start()
        assert entered.wait(60)
    shared = [
        lib for lib in LIBRARIES if getattr(lib, "threading_layer", "") != "openmp"
    ]
    assert {lib.get_num_threads() for lib in shared} <= {1}
    leave.set()
    worker.join()
    assert n_threads() == {2}
    # Nor does the first one go on controlling the pools.
    in_another_thread(lambda: [lib.set_num_threads(3) for lib in shared])
    assert {lib.get_num_threads() for lib in shared} <= {3}


def test_limits_of_many_python_threads(rng):
    library = Library(8)
    limit = threads._Limit([library])
    pauses = rng.random((8, 30)) * 1e-4
    seen = []

    def work(own):
        for pause in own:
            inside = threads._Inside()
            limit.enter(inside)
            threading.Event().wait(pause)
            seen.append(library.n)
            limit.leave(inside)
            with threads_for(1, 1):
                pass

    workers = [threading.Thread(target=work, args=(own,)) for own in pauses]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(seen) == pauses.size and set(seen) == {1}
    assert library.n == 8 and library.controlling is None
    assert n_threads() == {2}


def test_a_limit_set_by_others_stays():
    library = Library(8)
    limit, inside = threads._Limit([library]), threads._Inside()
    # One that another Python thread holds can not be changed, and is not touched.
    in_another_thread(lambda: library.set_num_threads(4))
    limit.enter(inside)
    assert library.n == 4
    library.clear_controlling_thread(force=True)
    library.set_num_threads(1)
    limit.leave(inside)
    assert library.n == 1
    # Nor is one that was set in between.
    library.set_num_threads(8)
    limit.enter(inside)
    assert library.n == 1
    library.set_num_threads(3)
    limit.leave(inside)
    assert library.n == 3


# An interrupt of a destructor is a warning.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_interrupts_leave_no_limit(rng):
    def interrupt(number, frame):
        raise KeyboardInterrupt

    # Windows has no timer that interrupts.
    if not hasattr(signal, "setitimer"):
        return
    before = signal.signal(signal.SIGALRM, interrupt)
    n_interrupts = 0
    try:
        for delay in rng.uniform(1e-5, 1e-3, 200):
            try:
                signal.setitimer(signal.ITIMER_REAL, delay)
                for _ in range(1000):
                    with threads_for(1, 1):
                        pass
            except KeyboardInterrupt:
                n_interrupts += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert n_interrupts > 150
    with threads_for(1, 1):
        assert n_threads() == {1}
    assert n_threads() == {2}


CALLS = {
    "sample": lambda rbm, X: rbm.sample(3, n_steps=2),
    "tempered": lambda rbm, X: rbm.sample(3, n_steps=2, tempering=3),
    "gibbs": lambda rbm, X: rbm.gibbs(X),
    "transform": lambda rbm, X: rbm.transform(X),
    "inverse_transform": lambda rbm, X: rbm.inverse_transform(rbm.transform(X)),
    "free_energy": lambda rbm, X: rbm.free_energy(X),
    "score_samples": lambda rbm, X: rbm.score_samples(X),
    "impute": lambda rbm, X: rbm.impute(
        np.where(np.eye(*X.shape), np.nan, X), n_samples=2, n_steps=2
    ),
    "mean field": lambda rbm, X: rbm.transform(np.where(np.eye(*X.shape), np.nan, X)),
    "exactly": lambda rbm, X: log_partition(rbm, method="exact"),
    "log_partition": lambda rbm, X: log_partition(
        rbm, method="bracket", n_chains=4, n_betas=5, X=X, random_state=0
    ),
}


@pytest.fixture
def spy(monkeypatch):
    """The numbers of threads at the products of a machine."""
    seen = []

    def noting(product):
        def call(self, x, out=None):
            if len(x) > 1:
                seen.append(frozenset(n_threads()))
            return product(self, x, out)

        return call

    for name in ("hidden_field", "visible_field"):
        product = getattr(RestrictedMachine, name)
        monkeypatch.setattr(RestrictedMachine, name, noting(product))
    return seen


@pytest.fixture(scope="module")
def X():
    return (np.random.default_rng(0).random((30, 12)) < 0.5).astype(float)


@pytest.mark.filterwarnings("ignore::skdbn.exceptions.EstimateWarning")
@pytest.mark.parametrize("name", CALLS)
def test_methods(name, X, spy):
    rbm = BernoulliRBM(8, n_iter=1, random_state=0).fit(X)
    spy.clear()
    CALLS[name](rbm, X)
    # Where chains begin there is a product or two.
    assert len(spy) >= 1 and spy.count({2}) <= 2 and spy[-1] == {1}
    assert n_threads() == {2}


NETS = {
    "RBMClassifier": (
        RBMClassifier(8, n_iter=1),
        [lambda model, X: model.sample(4, n_steps=3)],
    ),
    "DBNTransformer": (
        DBNTransformer((8, 6), n_iter=1),
        [
            lambda model, X: model.sample(4, n_steps=3),
            lambda model, X: model.impute(
                np.where(np.eye(*X.shape), np.nan, X), n_samples=2, n_steps=3
            ),
            lambda model, X: model.reconstruction_log_likelihood(X),
            lambda model, X: SamplesDisplay.from_estimator(
                model, n_samples=4, steps=[3], image_shape=(3, 4)
            ),
        ],
    ),
    "GenerativeDBNClassifier": (
        GenerativeDBNClassifier((8, 6), n_iter=1, max_iter=1),
        [lambda model, X: model.sample(4, n_steps=3)],
    ),
}


@pytest.mark.parametrize("name", NETS)
def test_methods_of_nets(name, X, spy):
    model, calls = NETS[name]
    model.set_params(random_state=0).fit(X, np.arange(len(X)) % 2)
    for call in calls:
        spy.clear()
        call(model, X)
        assert spy.count({1}) >= 4 and spy.count({2}) <= 3
        assert n_threads() == {2}


@pytest.mark.parametrize(
    "model",
    [
        BernoulliRBM(8, n_iter=2),
        RBMClassifier(8, n_iter=2),
        DBNClassifier((8,), n_iter=2, max_iter=2),
        GenerativeDBNClassifier((8, 4), n_iter=2, max_iter=3),
        BoltzmannImputer(BernoulliRBM(8, n_iter=2), n_samples=2, n_steps=2),
    ],
    ids=lambda model: type(model).__name__,
)
def test_fits(model, X, spy):
    model.set_params(random_state=0).fit(X, np.arange(len(X)) % 2)
    assert len(spy) > 10 and spy.count({2}) < 0.2 * len(spy)
    assert n_threads() == {2}


def test_large_steps_have_all_threads(monkeypatch, X, spy):
    monkeypatch.setattr(threads, "LARGE_PRODUCT", 10 * 12 * 8)
    BernoulliRBM(8, gradient="cd", n_iter=1, random_state=0).fit(X)
    assert set(spy) == {frozenset({2})}
    spy.clear()
    BernoulliRBM(8, gradient="cd", n_iter=1, batch_size=9, random_state=0).fit(X)
    assert frozenset({1}) in spy
    spy.clear()
    many = PCD(n_chains=10)
    BernoulliRBM(8, gradient=many, n_iter=1, batch_size=5, random_state=0).fit(X)
    assert set(spy) == {frozenset({2})}
