"""skdbn beside other RBMs: likelihood against seconds, few labels, memory.

likelihood   test log-likelihood of MNIST against seconds of training
labels       test error with 1,000 labels, by features from 20,000 rows without them
memory       peak of the resident memory of an epoch, above imports and data (Linux)

scikit-learn takes part, and where they are installed learnergy, rbms and PyTorch by hand;
what is missing is named in the pages. Each fit has a process of its own, with one thread.
Models and figures are kept in the folder --work, so that a run goes on where it stopped;
begin with an empty folder. Of the likelihood --seconds are those of each run, --betas the
temperatures and --runs those at the best rate; --rows is what is learned from.

All have 500 hidden units and batches of 100. Every model is moved into a machine of
skdbn, and evaluated there. Rates are chosen on the last 10,000 training digits.
"""

import importlib
import os
import time
from bisect import bisect_left
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import BernoulliRBM as ScikitLearnRBM

from skdbn import BernoulliRBM, SparseRBM
from skdbn.gradients import PCD
from skdbn.schedules import Linear

from .. import _data, _pictures
from .._harness import Study, Table, each, mean_and_spread, spread, two
from .._scores import ends

HIDDEN, BATCH = 500, 100
# Points of a curve, and nats.
N_POINTS, TARGET = 5, -100
# Of the part with few labels.
N_UNLABELED, N_LABELS, N_EPOCHS = 20_000, 1000, 10
CS = (0.01, 0.1, 1.0, 10.0, 100.0)

study = Study(
    __file__,
    __doc__,
    work=Path,
    rows=50_000,
    seeds=3,
    seconds=50.0,
    betas=3000,
    runs=1,
)

# Each of these makes a model and gives two functions: one trains it for an epoch, the
# other returns its weights (visible × hidden), visible and hidden biases.


def skdbn(X, rate, n_epochs, seed, kind=BernoulliRBM, **settings):
    """PCD-1 with centered gradients, the rate falling to zero."""
    rbm = kind(
        HIDDEN,
        batch_size=BATCH,
        learning_rate=Linear(rate),
        n_iter=n_epochs,
        random_state=seed,
        **{"gradient": PCD()} | settings,
    )

    def parameters():
        machine = rbm.machine_
        return machine.weights, machine.visible_bias, machine.hidden_bias

    return lambda: rbm.partial_fit(X), parameters


def sparse(X, rate, n_epochs, seed):
    """CD-1 with a penalty on active hidden units, for features."""
    penalty = dict(cost=1.0, weight_decay=1e-3)
    return skdbn(X, rate, n_epochs, seed, SparseRBM, gradient="cd", **penalty)


def scikit_learn(X, rate, n_epochs, seed):
    """PCD-1 at a constant rate: the loop of its `fit`, in the precision of the data."""
    rbm = ScikitLearnRBM(
        HIDDEN, batch_size=BATCH, learning_rate=rate, n_iter=0, random_state=seed
    ).fit(X)
    rng = np.random.RandomState(seed)

    def epoch():
        # `partial_fit` would make everything float64.
        for first in range(0, len(X), BATCH):
            rbm._fit(X[first : first + BATCH], rng)

    def parameters():
        return rbm.components_.T, rbm.intercept_visible_, rbm.intercept_hidden_

    return epoch, parameters


def learnergy(X, rate, n_epochs, seed, hidden=HIDDEN, batch_size=BATCH):
    """CD-1 at a constant rate, by its own `fit`."""
    import torch
    from learnergy.models.bernoulli import RBM

    torch.manual_seed(seed)
    rows = torch.from_numpy(X)
    dataset = torch.utils.data.TensorDataset(rows, torch.zeros(len(rows)))
    rbm = RBM(n_visible=X.shape[1], n_hidden=hidden, learning_rate=rate)

    def parameters():
        return [array.detach().numpy() for array in (rbm.W, rbm.a, rbm.b)]

    return lambda: rbm.fit(dataset, batch_size=batch_size, epochs=1), parameters


def rbms(X, rate, n_epochs, seed, hidden=HIDDEN, batch_size=BATCH):
    """PCD-1 with centered gradients of norm one, without the file that it keeps."""
    import torch
    from rbms.bernoulli_bernoulli.classes import BBRBM
    from rbms.dataset.dataset_class import RBMDataset
    from rbms.training.pcd import fit_batch_pcd

    torch.manual_seed(seed)
    ones = np.ones(len(X), np.float32)
    data = RBMDataset(X, ones, ones, ones, "digits", is_binary=True, device="cpu")
    model = BBRBM.init_parameters(hidden, data, "cpu", torch.float32)
    model.init_grad()
    chains = model.init_chains(batch_size)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, maximize=True)

    @torch.no_grad()
    def epoch():
        nonlocal chains
        for rows in torch.randperm(len(X)).split(batch_size):
            batch = data.data[rows], data.weights[rows]
            chains, _ = fit_batch_pcd(batch, chains, model, gibbs_steps=1, beta=1.0)
            optimizer.step()

    def parameters():
        return [
            array.numpy() for array in (model.weight_matrix, model.vbias, model.hbias)
        ]

    return epoch, parameters


def pytorch(X, rate, n_epochs, seed):
    """PCD-1 written by hand, the rate falling to zero."""
    import torch

    torch.manual_seed(seed)
    data = torch.from_numpy(X)
    W = torch.randn(X.shape[1], HIDDEN) * 0.01
    b = torch.from_numpy(logit(X.mean(axis=0).clip(0.001, 0.999)))
    c = torch.zeros(HIDDEN)
    h_model = torch.bernoulli(torch.full((BATCH, HIDDEN), 0.5))
    n_steps = n_epochs * -(-len(X) // BATCH)
    steps = iter(range(n_steps))

    @torch.no_grad()
    def epoch():
        nonlocal h_model
        for rows in torch.randperm(len(X)).split(BATCH):
            v = data[rows]
            h = torch.sigmoid(torch.addmm(c, v, W))
            field = torch.addmm(b, h_model, W.t())
            v_model = torch.bernoulli(torch.sigmoid(field))
            h_mean = torch.sigmoid(torch.addmm(c, v_model, W))
            h_model = torch.bernoulli(h_mean)
            step = rate * (1 - next(steps) / n_steps)
            W.addmm_(v.t(), h, alpha=step / len(v))
            W.addmm_(v_model.t(), h_mean, alpha=-step / BATCH)
            b.add_(v.mean(0) - v_model.mean(0), alpha=step)
            c.add_(h.mean(0) - h_mean.mean(0), alpha=step)

    return epoch, lambda: [array.numpy() for array in (W, b, c)]


class Peer(NamedTuple):
    start: Callable
    module: str
    rates: tuple
    falling: bool = False
    only: str | None = None


PEERS = {
    "skdbn": Peer(skdbn, "skdbn", (0.2, 0.1), falling=True),
    "skdbn, SparseRBM": Peer(sparse, "skdbn", (0.3, 0.1), falling=True, only="labels"),
    "PyTorch by hand": Peer(pytorch, "torch", (0.1, 0.05), falling=True),
    "scikit-learn": Peer(scikit_learn, "sklearn.neural_network", (0.03, 0.01)),
    "learnergy": Peer(learnergy, "learnergy.models.bernoulli", (0.1, 0.03)),
    "rbms": Peer(rbms, "rbms.training.pcd", (0.3, 0.1)),
}


def installed(part):
    """The peers of a part that are here, by name, and a sentence about the others."""
    peers = {name: peer for name, peer in PEERS.items() if peer.only in (None, part)}
    here = {
        name: peer
        for name, peer in peers.items()
        if find_spec(peer.module.partition(".")[0])
    }
    missing = ", ".join(name for name in peers if name not in here)
    return here, f" Not installed here, and left out: {missing}." if missing else ""


def apart(function, *args):
    """The result of a function that runs in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *args).result()


@cache
def rows_of(folder, n_rows):
    """The digits to learn from, validation digits and test digits, as bits."""
    X, test = _data.thresholded(folder)
    learn, valid = np.split(X, [-_data.N_VALID])
    return learn[:n_rows], valid, test


def processor_seconds(call):
    """Seconds of the processor in one call, which other processes do not lengthen."""
    start = time.process_time()
    call()
    return time.process_time() - start


def course(folder, n_rows, name, rate, plan, seed):
    """Parameters after 1, 1.1, 1.21, ... seconds of a run of the planned seconds."""
    X, _, _ = rows_of(folder, n_rows)
    start = PEERS[name].start
    epoch, _ = start(X, rate, 2, seed)
    epoch()
    n_epochs = max(1, round(plan / processor_seconds(epoch)))
    epoch, parameters = start(X, rate, n_epochs, seed)
    spent, due, found = 0.0, 1.0, []
    for i in range(n_epochs):
        spent += processor_seconds(epoch)
        if spent >= due or i == n_epochs - 1:
            found.append((spent, [np.array(array) for array in parameters()]))
            due = 1.1 * spent
    return found


def machine_of(weights, visible_bias, hidden_bias):
    """A model of ours with these parameters, by way of scikit-learn's attributes."""
    rbm = ScikitLearnRBM(HIDDEN)
    rbm.components_ = weights.T
    rbm.intercept_visible_, rbm.intercept_hidden_ = visible_bias, hidden_bias
    rbm.h_samples_ = np.zeros((BATCH, HIDDEN), weights.dtype)
    rbm.n_features_in_ = len(weights)
    return BernoulliRBM.from_sklearn(rbm)


class Course:
    """A run whose models are evaluated where they are asked for."""

    def __init__(self, run, name, rate, plan, seed=0):
        self.run, self.rate = run, rate
        self.key = f"{name}-{rate}-{plan:g}-{seed}-{run.rows}"
        args = course, run.data, run.rows, name, rate, plan, seed
        self.found = run.kept.model(self.key, apart, *args)
        self.spent = np.array([spent for spent, _ in self.found])

    def __getitem__(self, i):
        i = range(len(self.found))[i]
        key = f"{self.key}-at-{i}-{self.run.betas}"
        return self.run.kept.result(key, self.evaluated, i)

    def evaluated(self, i):
        X, valid, test = rows_of(self.run.data, self.run.rows)
        rbm = machine_of(*self.found[i][1])
        (_, low_valid), (forward, low) = ends(
            rbm, X, valid, test, n_betas=self.run.betas
        )
        return dict(valid=float(low_valid), forward=float(forward), lower=float(low))

    def points(self):
        """Which models are at the end, after half of the seconds, a quarter, ..."""
        halves = self.spent[-1] / 2.0 ** np.arange(N_POINTS)
        return np.unique([np.abs(self.spent - at).argmin() for at in halves])

    def above(self, i):
        return self[i]["lower"] >= TARGET

    def reached(self):
        """The seconds of the first model above the target, between two points."""
        which = [-1, *self.points()]
        for last, point in pairwise(which):
            if self.above(point):
                between = range(last + 1, point)
                first = last + 1 + bisect_left(between, True, key=self.above)
                return f"{self.spent[first]:.1f}"
        return f"not in {self.spent[-1]:.3g}"

    def curve(self):
        """Seconds and lower ends of the points."""
        which = self.points()
        return self.spent[which], [self[i]["lower"] for i in which]


@study.part
def likelihood(run):
    """Likelihood beside other packages

    Mean log-likelihood of a test row in nats, thresholded digits of MNIST, {rows:,} of
    them to learn from, 784 × {HIDDEN} units, batches of {BATCH}. Each run has a process
    and one thread; seconds are those of the processor in training, and the number of
    epochs is the planned seconds over those of one epoch. skdbn and PyTorch by hand have
    PCD-1 with a rate that falls to zero over the plan, skdbn with centered gradients; the
    others have constant rates, scikit-learn PCD-1, rbms PCD-1 with centered gradients
    that are scaled to norm one, learnergy CD-1. rbms is driven by its own step, without
    the file that its `train` writes at each. Every model was evaluated in skdbn with
    {betas:,} temperatures. Forward: annealing of 100 chains, which flatters a model; lower
    end: the same backwards, from 1,000 Gibbs steps that began at training rows. Seconds
    to −100 are those of the first model above it, to ten percent, with seed 0.{missing}

    The rates that were tried, with the last 10,000 training digits at the end of the run:

    {tried}

    ![test log-likelihood against seconds](peers-likelihood.png)

    {table}
    """
    peers, missing = installed("likelihood")
    table = Table(" | planned | rate | seconds to −100 | forward | lower end")
    tried, curves = Table(" | planned | rate | validation, lower end"), {}
    for name, peer in peers.items():
        falls = " to 0" if peer.falling else ""
        for plan in (run.seconds / 10, run.seconds) if peer.falling else (run.seconds,):
            runs = [Course(run, name, rate, plan) for rate in peer.rates]
            for one in runs:
                tried.add(name, f"{plan:g}", one.rate, two(one[-1]["valid"]))
            best = max(runs, key=lambda one: one[-1]["valid"])
            others = [
                Course(run, name, best.rate, plan, seed) for seed in range(1, run.runs)
            ]
            last = [one[-1] for one in (best, *others)]
            scores = [
                mean_and_spread([one[key] for one in last])
                for key in ("forward", "lower")
            ]
            rate = f"{best.rate:g}{falls}"
            table.add(name, f"{plan:g}", rate, best.reached(), *scores)
            curves[f"{name}, {plan:g} s" if falls else name] = best.curve()
    path = run.pages / "peers-likelihood.png"
    _pictures.curves(curves, path, TARGET, ylim=(-200, -65))
    return dict(table=table, tried=tried, missing=missing)


def trained(folder, n_rows, name, rate, seed):
    """Parameters after some epochs over the rows without labels."""
    X, _, _ = rows_of(folder, n_rows)
    epoch, parameters = PEERS[name].start(X, rate, N_EPOCHS, seed)
    for _ in range(N_EPOCHS):
        epoch()
    return [np.array(array) for array in parameters()]


def errors(run, name, rate, seed):
    """Validation and test errors in percent for each C of the classifier."""
    n_rows = min(run.rows, N_UNLABELED)
    X, valid, test = rows_of(run.data, n_rows)
    _, y, _, y_test = _data.digits(run.data)
    few = np.random.default_rng(seed).choice(n_rows, N_LABELS, replace=False)
    groups = X[few], valid, test
    if name in PEERS:
        key = f"labels-{name}-{rate}-{seed}-{n_rows}"
        args = trained, run.data, n_rows, name, rate, seed
        rbm = machine_of(*run.kept.model(key, apart, *args))
        groups = [rbm.transform(rows) for rows in groups]
    features, of_valid, of_test = groups
    found = {}
    for C in CS:
        model = LogisticRegression(C=C, max_iter=10_000).fit(features, y[few])
        found[f"{C:g}"] = [
            100 * (1 - model.score(rows, labels))
            for rows, labels in ((of_valid, y[-_data.N_VALID :]), (of_test, y_test))
        ]
    return found


@study.part
def labels(run):
    """Few labels beside other packages

    Error of all 10,000 test digits of MNIST (bits), in percent: {N_LABELS:,} labels among
    the {n:,} rows that each RBM learned from without labels, {HIDDEN} hidden units,
    {N_EPOCHS} epochs with batches of {BATCH}; then scikit-learn's `LogisticRegression` on
    the means of the hidden units. Rates and C were chosen with seed 0 on the last 10,000
    training digits, from two rates for each and C in {CS}. Mean and standard deviation
    over seeds, which draw the labels and begin the training.{missing}

    {table}
    """
    peers, missing = installed("labels")
    table = Table("features | rate | C | test error, % | each seed")
    for name in ("raw pixels", *peers):
        rates = peers[name].rates if name in peers else (None,)

        def found(rate, seed):
            key = f"errors-{name}-{rate}-{seed}-{run.rows}"
            return run.kept.result(key, errors, run, name, rate, seed)

        rate, C = min(
            ((rate, f"{C:g}") for rate in rates for C in CS),
            key=lambda choice: found(choice[0], 0)[choice[1]][0],
        )
        test = [found(rate, seed)[C][1] for seed in range(run.seeds)]
        rate = "" if rate is None else f"{rate:g}"
        table.add(name, rate, C, mean_and_spread(test), each(test))
    return dict(table=table, missing=missing, n=min(run.rows, N_UNLABELED))


def resident(key):
    """Of this process in MiB: now by "VmRSS", at its highest by "VmHWM"."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{key}:")[1].split()[0]) / 1024


def peak(path, name, repeat):
    """MiB that an epoch takes at its highest, above imports and data."""
    importlib.import_module(PEERS[name].module)
    X = np.load(path)
    # The highest value of getrusage would be inherited from the process before, and
    # contain what imports took for a while; this begins anew.
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    epoch, _ = PEERS[name].start(X, PEERS[name].rates[0], 1, repeat)
    epoch()
    return {"peak": resident("VmHWM") - before}


@study.part
def memory(run):
    """Memory beside other packages

    The highest resident memory of a process that trains for an epoch, less what was
    resident after import and loading: the model, its work space, copies of the data and
    what libraries set up at first use. {n:,} × 784 float32, {size:.0f} MiB; {HIDDEN}
    hidden units, batches of {BATCH}, one thread.{missing}

    {table}
    """
    peers, missing = installed("memory")
    path = run.work / "rows.npy"
    X, _, _ = rows_of(run.data, run.rows)
    np.save(path, X)
    table = Table(" | MiB above the data")
    for name in peers:
        found = [
            run.kept.result(
                f"memory-{name}-{repeat}-{run.rows}", apart, peak, path, name, repeat
            )["peak"]
            for repeat in range(run.seeds)
        ]
        table.add(name, spread(found, 0))
    return dict(table=table, missing=missing, n=len(X), size=X.nbytes / 2**20)


if __name__ == "__main__":
    # For the processes of the fits.
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = "1"
    study.main()
