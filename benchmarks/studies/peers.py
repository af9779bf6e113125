"""skdbn beside other RBMs: likelihood against seconds, few labels, memory.

    python -m benchmarks.studies.peers DATA --work DIR [--parts likelihood labels memory]

DATA is a folder with ``mnist.npz`` (see likelihood.py). scikit-learn takes part, and where
they are installed learnergy, rbms and PyTorch by hand; what is missing is named in the
pages. Each fit has a process of its own, with one thread. Models and figures are kept in
DIR, so that a run goes on where it stopped; begin with an empty folder.

likelihood   test log-likelihood of MNIST against seconds of training
labels       test error with 1,000 labels, by features from 20,000 rows without them
memory       peak of the resident memory of an epoch, above imports and data (Linux)

All have 500 hidden units and batches of 100. Every model is moved into a machine of
skdbn, and evaluated there. Rates are chosen on the last 10,000 training digits.
"""

import argparse
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

from .._harness import RESULTS, Kept, announce, mean_and_spread, report, spread, table
from .likelihood import ends, thresholded

HIDDEN, BATCH = 500, 100
N_VALID = 10_000
# Points of a curve, and nats.
N_POINTS, TARGET = 5, -100
# Of the part with few labels.
N_UNLABELED, N_LABELS, N_EPOCHS = 20_000, 1000, 10
CS = (0.01, 0.1, 1.0, 10.0, 100.0)


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


def learnergy(X, rate, n_epochs, seed):
    """CD-1 at a constant rate, by its own `fit`."""
    import torch
    from learnergy.models.bernoulli import RBM

    torch.manual_seed(seed)
    rows = torch.from_numpy(X)
    dataset = torch.utils.data.TensorDataset(rows, torch.zeros(len(rows)))
    rbm = RBM(n_visible=X.shape[1], n_hidden=HIDDEN, learning_rate=rate)

    def parameters():
        return [array.detach().numpy() for array in (rbm.W, rbm.a, rbm.b)]

    return lambda: rbm.fit(dataset, batch_size=BATCH, epochs=1), parameters


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
    X, test = thresholded(folder)
    return X[:-N_VALID][:n_rows], X[-N_VALID:], test


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

    def __init__(self, args, kept, name, rate, plan, seed=0):
        self.args, self.kept, self.rate = args, kept, rate
        self.key = f"{name}-{rate}-{plan:g}-{seed}-{args.rows}".replace(" ", "-")
        self.found = kept.model(
            self.key,
            lambda: apart(course, args.data, args.rows, name, rate, plan, seed),
        )
        self.spent = np.array([spent for spent, _ in self.found])

    def __getitem__(self, i):
        i = range(len(self.found))[i]
        key = f"{self.key}-at-{i}-{self.args.betas}"
        return self.kept.result(key, lambda: self.evaluated(i))

    def evaluated(self, i):
        X, valid, test = rows_of(self.args.data, self.args.rows)
        rbm = machine_of(*self.found[i][1])
        (_, low_valid), (forward, low) = ends(
            rbm, X, valid, test, n_betas=self.args.betas
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


def likelihood(args, kept):
    peers, missing = installed("likelihood")
    rows, curves, tried = [], {}, []
    for name, peer in peers.items():
        plans = (args.seconds / 10, args.seconds) if peer.falling else (args.seconds,)
        for plan in plans:
            runs = [Course(args, kept, name, rate, plan) for rate in peer.rates]
            best = max(runs, key=lambda run: run[-1]["valid"])
            others = [
                Course(args, kept, name, best.rate, plan, seed)
                for seed in range(1, args.runs)
            ]
            ends_of = [run[-1] for run in (best, *others)]
            curves[f"{name}, {plan:g} s" if peer.falling else name] = best.curve()
            rows.append(
                [
                    name,
                    f"{plan:g}",
                    f"{best.rate:g} to 0" if peer.falling else f"{best.rate:g}",
                    best.reached(),
                    mean_and_spread([end["forward"] for end in ends_of]),
                    mean_and_spread([end["lower"] for end in ends_of]),
                ]
            )
            announce(*rows[-1])
            tried += [
                [name, f"{plan:g}", run.rate, f"{run[-1]['valid']:.2f}"] for run in runs
            ]
    picture(curves, RESULTS / "peers-likelihood.png")
    tried = table(["", "planned", "rate", "validation, lower end"], tried)
    text = (
        "Mean log-likelihood of a test row in nats, thresholded digits of MNIST, "
        f"{args.rows:,} of them to learn from, 784 × {HIDDEN} units, batches of {BATCH}. "
        "Each run has a process and one thread; seconds are those of the processor in "
        "training, and the number of epochs is the planned seconds over those of one "
        "epoch. skdbn and PyTorch by hand have PCD-1 with a rate that falls to zero over "
        "the plan, skdbn with centered gradients; the others have constant rates, "
        "scikit-learn PCD-1, rbms PCD-1 with centered gradients that are scaled to norm "
        "one, learnergy CD-1. rbms is driven by its own step, without the file that its "
        "`train` writes at each. Every model was evaluated in skdbn with "
        f"{args.betas:,} temperatures. Forward: annealing of 100 chains, which flatters a "
        "model; lower end: the same backwards, from 1,000 Gibbs sweeps that began at "
        f"training rows. Seconds to −{-TARGET} are those of the first model above it, to "
        f"ten percent, with seed 0.{missing}\n\nThe rates that were tried, with the "
        f"last 10,000 training digits at the end of the run:\n\n{tried}\n\n"
        "![test log-likelihood against seconds](peers-likelihood.png)"
    )
    header = ["", "planned", "rate", f"seconds to −{-TARGET}", "forward", "lower end"]
    return "Likelihood beside other packages", text, table(header, rows)


def picture(curves, path):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 5), layout="constrained")
    for label, (spent, lower) in curves.items():
        style = "o-" if label.startswith("skdbn") else "o--"
        axes.plot(spent, lower, style, markersize=3, label=label)
    axes.axhline(TARGET, color="0.6", linewidth=0.8)
    axes.set(
        xscale="log",
        ylim=(-200, -65),
        xlabel="seconds of training, one thread",
        ylabel="test log-likelihood, lower end (nats)",
    )
    figure.legend(frameon=False, loc="outside lower center", ncols=2, fontsize="small")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def trained(folder, n_rows, name, rate, seed):
    """Parameters after some epochs over the rows without labels."""
    X, _, _ = rows_of(folder, n_rows)
    epoch, parameters = PEERS[name].start(X, rate, N_EPOCHS, seed)
    for _ in range(N_EPOCHS):
        epoch()
    return [np.array(array) for array in parameters()]


def errors(args, kept, name, rate, seed):
    """Validation and test errors in percent for each C of the classifier."""
    n_rows = min(args.rows, N_UNLABELED)
    X, valid, test = rows_of(args.data, n_rows)
    with np.load(args.data / "mnist.npz") as mnist:
        y, y_test = mnist["y_train"], mnist["y_test"]
    few = np.random.default_rng(seed).choice(n_rows, N_LABELS, replace=False)
    groups = X[few], valid, test
    if name in PEERS:
        key = f"labels-{name}-{rate}-{seed}-{n_rows}".replace(" ", "-")
        make = lambda: apart(trained, args.data, n_rows, name, rate, seed)
        rbm = machine_of(*kept.model(key, make))
        groups = [rbm.transform(rows) for rows in groups]
    features, of_valid, of_test = groups
    found = {}
    for C in CS:
        model = LogisticRegression(C=C, max_iter=10_000).fit(features, y[few])
        found[f"{C:g}"] = [
            100 * (1 - model.score(rows, labels))
            for rows, labels in ((of_valid, y[-N_VALID:]), (of_test, y_test))
        ]
    return found


def labels(args, kept):
    peers, missing = installed("labels")
    rows = []
    for name in ("raw pixels", *peers):
        rates = peers[name].rates if name in peers else (None,)

        def found(rate, seed):
            key = f"errors-{name}-{rate}-{seed}-{args.rows}".replace(" ", "-")
            return kept.result(key, lambda: errors(args, kept, name, rate, seed))

        rate, C = min(
            ((rate, f"{C:g}") for rate in rates for C in CS),
            key=lambda choice: found(choice[0], 0)[choice[1]][0],
        )
        test = [found(rate, seed)[C][1] for seed in range(args.seeds)]
        rows.append(
            [
                name,
                "" if rate is None else f"{rate:g}",
                C,
                mean_and_spread(test),
                ", ".join(f"{error:.2f}" for error in test),
            ]
        )
        announce(*rows[-1])
    text = (
        f"Error of all 10,000 test digits of MNIST (bits), in percent: {N_LABELS:,} "
        f"labels among the {min(args.rows, N_UNLABELED):,} rows that each RBM learned "
        f"from without labels, {HIDDEN} hidden units, {N_EPOCHS} epochs with batches of "
        f"{BATCH}; then scikit-learn's `LogisticRegression` on the means of the hidden "
        "units. Rates and C were chosen with seed 0 on the last 10,000 training digits, "
        f"from two rates for each and C in {', '.join(f'{C:g}' for C in CS)}. Mean and "
        "standard deviation over seeds, which draw the labels and begin the training."
        f"{missing}"
    )
    header = ["features", "rate", "C", "test error, %", "each seed"]
    return "Few labels beside other packages", text, table(header, rows)


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


def memory(args, kept):
    peers, missing = installed("memory")
    path = kept.folder / "rows.npy"
    X, _, _ = rows_of(args.data, args.rows)
    np.save(path, X)
    rows = []
    for name in peers:
        found = [
            kept.result(
                f"memory-{name}-{repeat}-{args.rows}".replace(" ", "-"),
                lambda: apart(peak, path, name, repeat),
            )["peak"]
            for repeat in range(args.seeds)
        ]
        rows.append([name, spread(found, 0)])
        announce(*rows[-1])
    text = (
        f"The highest resident memory of a process that trains for an epoch, less what "
        "was resident after import and loading: the model, its work space, copies of "
        f"the data and what libraries set up at first use. {X.shape[0]:,} × "
        f"{X.shape[1]} float32, {X.nbytes / 2**20:.0f} MiB; {HIDDEN} hidden units, "
        f"batches of {BATCH}, one thread.{missing}"
    )
    header = ["", "MiB above the data"]
    return "Memory beside other packages", text, table(header, rows)


PARTS = {f.__name__: f for f in (likelihood, labels, memory)}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seconds", type=float, default=50, help="of each run")
    parser.add_argument("--betas", type=int, default=3000, help="temperatures")
    parser.add_argument("--rows", type=int, default=50_000, help="to learn from")
    parser.add_argument("--runs", type=int, default=1, help="at the best rate")
    parser.add_argument("--seeds", type=int, default=3, help="of the other parts")
    args = parser.parse_args()
    # For the processes of the fits.
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = "1"
    kept = Kept(args.work)
    for name in args.parts:
        title, text, figures = PARTS[name](args, kept)
        command = f"--parts {name} --rows {args.rows} --seeds {args.seeds}"
        if name == "likelihood":
            command += f" --seconds {args.seconds:g} --betas {args.betas}"
            command += f" --runs {args.runs}"
        report(
            f"peers-{name}",
            title,
            f"{text}\n\n{figures}",
            f"python -m benchmarks.studies.peers DATA --work DIR {command}",
        )


if __name__ == "__main__":
    main()
