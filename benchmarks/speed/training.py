"""Speed of training and of the fitted methods, against matrix products and peers.

    python -m benchmarks.speed [--rows 10000] [--repeats 5] [--parts epochs sparse ...]

An epoch is timed as (3 epochs − 1 epoch) / 2 and given as its ratio to the floor: the
five matrix products of a CD-1 step, timed just before and after in the same process.
scikit-learn runs in the same process; PyTorch by hand, learnergy and rbms, where they are
installed, in processes of their own, since two thread pools in one disturb each other.
Data are random bits, one in five set. Run it on a quiet machine.
"""

import argparse
import importlib.util
import subprocess
import sys
import time
import tracemalloc
import warnings
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import numpy as np
from joblib import Parallel, delayed, parallel_backend
from scipy.sparse import random_array
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import BernoulliRBM as Original
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from skdbn import (
    RBM,
    BernoulliRBM,
    DBNClassifier,
    DBNTransformer,
    GaussianRBM,
    SparseRBM,
)
from skdbn._samplers import Chains
from skdbn._training._monitor import Monitor
from skdbn._utils._random import make_rng
from skdbn._utils._threads import LARGE_PRODUCT
from skdbn.evaluation import log_partition
from skdbn.gradients import CD, PCD, ScoreMatching
from skdbn.units import Concatenated

from .._harness import (
    announce,
    epoch_seconds,
    floor_seconds,
    paired_ratios,
    report,
    seconds,
    spread,
    table,
)

N_VISIBLE = 784
NETWORK = (500, 500, 2000)
SIZES = {
    "float32": ((10, 256), (100, 64), (100, 256), (100, 500), (128, 1024)),
    "float64": ((10, 256), (100, 256), (100, 500), (128, 1024)),
}


def gradient(name, batch):
    """CD-1 or PCD-1 that samples as many rows as there are in a batch."""
    return PCD(n_chains=batch) if name == "PCD-1" else CD()


def random_bits(n_rows, dtype, n_features=N_VISIBLE):
    return (np.random.default_rng(0).random((n_rows, n_features)) < 0.2).astype(dtype)


def settings(batch, hidden):
    return dict(
        n_components=hidden, batch_size=batch, learning_rate=0.05, random_state=0
    )


def peer_seconds(peer, n_rows, batch, hidden, threads=None):
    """Seconds of an epoch of a peer in a process of its own."""
    code = f"from benchmarks.speed import training; print(training.{peer}({n_rows}, {batch}, {hidden}))"
    if threads is not None:
        code = f"import torch; torch.set_num_threads({threads}); {code}"
    out = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(out.stdout.splitlines()[-1])


def torch_by_hand(n_rows, batch, hidden, learning_rate=0.05, momentum=0.5):
    """Seconds of an epoch of CD-1 in PyTorch, written without a framework's overhead."""
    import torch

    data = (torch.rand(n_rows, N_VISIBLE) < 0.2).float()
    W = torch.randn(N_VISIBLE, hidden) * 0.01
    b, c = torch.zeros(N_VISIBLE), torch.zeros(hidden)
    velocities = [torch.zeros_like(array) for array in (W, b, c)]

    def epoch():
        order = torch.randperm(n_rows)
        for i in range(0, n_rows - batch + 1, batch):
            v = data[order[i : i + batch]]
            h = torch.sigmoid(torch.addmm(c, v, W))
            field = torch.addmm(b, torch.bernoulli(h), W.t())
            v_model = torch.bernoulli(torch.sigmoid(field))
            h_model = torch.sigmoid(torch.addmm(c, v_model, W))
            direction = (
                v.t() @ h - v_model.t() @ h_model,
                (v - v_model).sum(0),
                (h - h_model).sum(0),
            )
            for array, velocity, change in zip(
                (W, b, c), velocities, direction, strict=True
            ):
                velocity.mul_(momentum).add_(change, alpha=learning_rate / batch)
                array += velocity

    with torch.no_grad():
        epoch()
        return seconds(epoch)


def learnergy_fit(n_rows, batch, hidden):
    """Seconds of an epoch of learnergy's RBM, CD-1."""
    import torch
    from learnergy.models.bernoulli import RBM

    data = (torch.rand(n_rows, N_VISIBLE) < 0.2).float()
    dataset = torch.utils.data.TensorDataset(data, torch.zeros(n_rows))
    rbm = RBM(n_visible=N_VISIBLE, n_hidden=hidden, steps=1, learning_rate=0.05)

    def fit(epochs):
        return seconds(lambda: rbm.fit(dataset, batch_size=batch, epochs=epochs))

    return fit(2) - fit(1)


def rbms_fit(n_rows, batch, hidden):
    """Seconds of an epoch of PCD-1 of the package rbms."""
    from ..studies.peers import rbms

    X = random_bits(n_rows, np.float32)
    epoch, _ = rbms(X, 0.05, 2, 0, hidden, batch)
    epoch()
    return seconds(epoch)


def by_threads(rows):
    """What ``rows(threads)`` gives with each number of BLAS threads, which comes first."""
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            for row in rows(threads):
                found.append([threads, *row])
                announce(*found[-1])
    return found


def epochs(n_rows, repeats):
    rows = []
    for dtype, sizes in SIZES.items():
        X = random_bits(n_rows, dtype)
        for batch, hidden in sizes:
            common = settings(batch, hidden)
            runs = {
                f"skdbn {name}": lambda name=name: epoch_seconds(
                    lambda n: BernoulliRBM(
                        gradient=gradient(name, batch), n_iter=n, **common
                    ),
                    X,
                )
                for name in ("CD-1", "PCD-1")
            }
            runs["scikit-learn"] = lambda: epoch_seconds(
                lambda n: Original(n_iter=n, **common), X
            )
            if dtype == "float32":
                for name, module in (
                    ("torch_by_hand", "torch"),
                    ("learnergy_fit", "learnergy"),
                    ("rbms_fit", "rbms"),
                ):
                    if importlib.util.find_spec(module):
                        runs[name.replace("_", " ").removesuffix(" fit")] = (
                            lambda name=name: peer_seconds(name, n_rows, batch, hidden)
                        )
            floor = lambda: floor_seconds(n_rows, batch, N_VISIBLE, hidden, dtype)
            ratios, times = paired_ratios(runs, floor, repeats)
            for name in runs:
                rows.append(
                    [
                        dtype,
                        f"{batch} × {N_VISIBLE} × {hidden}",
                        name,
                        spread(ratios[name]),
                        f"{np.median(times[name]):.2f}",
                    ]
                )
                print(*rows[-1], sep="  ", flush=True)
    return "An epoch ÷ its floor", table(
        ["dtype", "batch × visible × hidden", "", "epoch ÷ floor", "seconds"], rows
    )


def default(n_rows, repeats):
    """The default gradient, which samples 50 chains at least and has fast weights."""
    rows = []
    for dtype in ("float32", "float64"):
        X = random_bits(n_rows, dtype)
        for batch, hidden in ((10, 256), (100, 256), (100, 500)):
            common = settings(batch, hidden)
            runs = {
                "": lambda: epoch_seconds(lambda n: BernoulliRBM(n_iter=n, **common), X)
            }
            theirs = lambda: epoch_seconds(lambda n: Original(n_iter=n, **common), X)
            ratios, _ = paired_ratios(runs, theirs, repeats)
            rows.append([dtype, f"{batch} × {hidden}", spread(ratios[""])])
            print(*rows[-1], sep="  ", flush=True)
    return "An epoch at the default gradient ÷ scikit-learn's", table(
        ["dtype", "batch × hidden", "ratio of seconds"], rows
    )


def sparse(n_rows, repeats):
    rows = []
    for dtype, n_features, density, batch, hidden in (
        ("float32", 784, 0.2, 10, 256),
        ("float32", 784, 0.2, 100, 500),
        ("float32", 784, 0.02, 100, 500),
        ("float32", 10000, 0.01, 100, 100),
        ("float32", 10000, 0.001, 10, 100),
        ("float32", 10000, 0.001, 100, 500),
        ("float64", 10000, 0.001, 100, 500),
        ("float64", 2000, 0.005, 100, 1000),
        ("float64", 2000, 0.002, 200, 1000),
    ):
        n = min(n_rows, 2000) if n_features > 1000 else n_rows
        X = random_array(
            (n, n_features), density=density, format="csr", dtype=dtype, rng=0
        )
        X.data[:] = 1
        common = settings(batch, hidden)
        kind = gradient("PCD-1", batch)
        ours = lambda: epoch_seconds(
            lambda k: BernoulliRBM(gradient=kind, n_iter=k, **common), X
        )
        theirs = lambda: epoch_seconds(lambda k: Original(n_iter=k, **common), X)
        ratios, _ = paired_ratios({"scikit-learn": theirs}, ours, repeats)
        size = f"{batch} × {n_features} × {hidden}"
        rows.append([dtype, size, density, spread(ratios["scikit-learn"])])
        print(*rows[-1], sep="  ", flush=True)
    return "Sparse data: scikit-learn ÷ skdbn (PCD-1)", table(
        ["dtype", "batch × visible × hidden", "density", "times as fast"], rows
    )


def small(n_rows, repeats):
    """Models so small that a step is all overhead."""
    rows = []
    for n_features, batch, hidden in ((4, 10, 2), (20, 10, 5), (64, 10, 16)):
        X = random_bits(n_rows, "float64", n_features)
        common = settings(batch, hidden)
        runs = {
            name: lambda name=name: epoch_seconds(
                lambda k: BernoulliRBM(
                    gradient=gradient(name, batch), n_iter=k, **common
                ),
                X,
            )
            for name in ("CD-1", "PCD-1")
        }
        theirs = lambda: epoch_seconds(lambda k: Original(n_iter=k, **common), X)
        ratios, _ = paired_ratios(runs, theirs, repeats)
        for name, values in ratios.items():
            rows.append([f"{batch} × {n_features} × {hidden}", name, spread(values)])
            print(*rows[-1], sep="  ", flush=True)
    return "Small models: an epoch ÷ scikit-learn's, float64", table(
        ["batch × visible × hidden", "", "ratio of seconds"], rows
    )


def noting(times, method=Monitor.epoch_ends):
    """The method, made to append the seconds of each call to a list."""

    def call(*args):
        start = time.perf_counter()
        result = method(*args)
        times.append(time.perf_counter() - start)
        return result

    return call


def monitor(n_rows, repeats):
    """What history and early stopping cost."""
    rows = []
    for early_stopping in (False, True):
        for batch, hidden in ((10, 256), (100, 500)):
            X = random_bits(n_rows, "float32")
            shares = []
            for _ in range(repeats):
                measuring = []
                with patch.object(Monitor, "epoch_ends", noting(measuring)):
                    rbm = BernoulliRBM(
                        gradient=gradient("PCD-1", batch),
                        n_iter=5,
                        early_stopping=early_stopping,
                        **settings(batch, hidden),
                    ).fit(X)
                training = sum(row["seconds"] for row in rbm.history_)
                shares.append(100 * sum(measuring) / (sum(measuring) + training))
            size = f"{batch} × {N_VISIBLE} × {hidden}"
            rows.append([size, "yes" if early_stopping else "no", spread(shares, 1)])
    return f"Share of an epoch of {n_rows} rows that is spent on measuring", table(
        ["batch × visible × hidden", "early stopping", "percent"], rows
    )


def methods(n_rows, repeats):
    rows = []
    for dtype in ("float32", "float64"):
        X = random_bits(n_rows, dtype)
        rbm = BernoulliRBM(500, n_iter=1, batch_size=100, random_state=0).fit(X)
        weights = rbm.machine_.weights
        product = lambda: seconds(lambda: X @ weights)
        runs = {
            name: lambda name=name: seconds(lambda: getattr(rbm, name)(X))
            for name in ("transform", "free_energy")
        }
        ratios, _ = paired_ratios(runs, product, repeats)
        rows += [[dtype, f"{k} ÷ its product", spread(r)] for k, r in ratios.items()]
        spent = [seconds(lambda: rbm.score_samples(X[:1000])) for _ in range(repeats)]
        rows.append([dtype, "score_samples of 1,000 rows, seconds", spread(spent)])
    return f"Methods, {n_rows} × {N_VISIBLE}, 500 hidden units", table(
        ["dtype", "", "median (smallest to largest)"], rows
    )


def workers(n_rows, repeats):
    """Two fits at once, in processes and in threads, against one after the other."""
    X = random_bits(n_rows, "float32")
    kind = gradient("PCD-1", 100)
    rbm = BernoulliRBM(gradient=kind, n_iter=3, **settings(100, 500))
    in_turn = lambda: seconds(lambda: [rbm.fit(X) for _ in range(2)])
    rows = []
    for backend in ("loky", "threading"):
        with Parallel(n_jobs=2, backend=backend) as pool:
            fits = lambda: pool(delayed(rbm.__class__.fit)(rbm, X) for _ in range(2))
            if backend == "threading":
                fits = lambda: pool(
                    delayed(BernoulliRBM(**rbm.get_params()).fit)(X) for _ in range(2)
                )
            fits()
            ratios, _ = paired_ratios({"": lambda: seconds(fits)}, in_turn, repeats)
        rows.append([backend, spread(ratios[""])])
    return "Two fits at once ÷ one after the other", table(
        ["joblib backend", "ratio of seconds"], rows
    )


def memory(n_rows, repeats):
    """Peak of a fit above the data, as tracemalloc sees it."""
    rows = []
    for dtype in ("float32", "float64", "uint8"):
        X = random_bits(n_rows, dtype)
        for name in ("CD-1", "PCD-1"):
            kind = gradient(name, 100)
            rbm = BernoulliRBM(gradient=kind, n_iter=2, **settings(100, 500))
            tracemalloc.start()
            rbm.fit(X)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            item = rbm.components_.itemsize
            weights, batch = N_VISIBLE * 500 * item, 100 * N_VISIBLE * item
            allowed = 6 * weights + 10 * batch + 8 * n_rows
            sizes = [f"{size / 2**20:.1f}" for size in (X.nbytes, peak, allowed)]
            rows.append([dtype, name, *sizes])
    header = [
        "dtype",
        "",
        "data",
        "peak of a fit above the data",
        "6 × weights + 10 × batch + an index",
    ]
    title = f"Memory in MiB, {n_rows} × {N_VISIBLE}, 500 hidden units, batch 100"
    return title, table(header, rows)


def annealing(n_rows, repeats, n_chains=100, n_betas=2000):
    """log_partition against its matrix products, and shared over processes."""
    rows = []
    for dtype in ("float32", "float64"):
        X = random_bits(n_rows, dtype)
        rbm = BernoulliRBM(500, n_iter=3, batch_size=100, random_state=0).fit(X)
        weights = rbm.machine_.weights
        v, h = X[:n_chains], rbm.transform(X[:n_chains])
        field, back = np.empty_like(h), np.empty_like(v)

        def products(v=v, h=h, weights=weights, field=field, back=back):
            for _ in range(n_betas):
                np.dot(v, weights, out=field)
                np.dot(h, weights.T, out=back)

        def anneal(n_jobs=None, rbm=rbm, X=X):
            log_partition(
                rbm,
                method="ais",
                n_chains=n_chains,
                n_betas=n_betas,
                X=X,
                n_jobs=n_jobs,
                random_state=0,
            )

        ratios, _ = paired_ratios(
            {"": lambda: seconds(anneal)}, lambda: seconds(products), repeats
        )
        rows.append([dtype, "one process ÷ the products alone", spread(ratios[""])])
        with parallel_backend("loky", inner_max_num_threads=1):
            anneal(2)
            one_thread = threadpool_limits(1)
            ratios, _ = paired_ratios(
                {"": lambda: seconds(lambda: anneal(2))},
                lambda: seconds(lambda: anneal(1)),
                repeats,
            )
            one_thread.restore_original_limits()
        rows.append([dtype, "n_jobs=2 ÷ n_jobs=1, a thread each", spread(ratios[""])])
    title = f"Annealing of {n_chains} chains over {n_betas} temperatures, 784 × 500"
    return title, table(["dtype", "", "ratio of seconds"], rows)


def unit_types(n_rows, repeats, batch=100, hidden=500):
    """Epochs of CD-1 with other units than bits, against the floor and against bits."""

    def rows(threads):
        for dtype in ("float32", "float64"):
            runs = unit_type_runs(n_rows, dtype, batch, hidden)
            ratios, _ = paired_ratios(
                runs,
                lambda dtype=dtype: floor_seconds(
                    n_rows, batch, N_VISIBLE, hidden, dtype
                ),
                repeats,
            )
            first = ratios["BernoulliRBM"]
            for name, found in ratios.items():
                yield dtype, name, spread(found), spread(np.divide(found, first))

    title = f"Epochs of CD-1 with other units, batch {batch}, 784 × {hidden}"
    header = ["threads", "dtype", "", "÷ the five products", "÷ BernoulliRBM"]
    return title, table(header, by_threads(rows))


def unit_type_runs(n_rows, dtype, batch, hidden):
    """What gives the seconds of an epoch, by name."""
    bits = random_bits(n_rows, dtype)
    normal = np.random.default_rng(0).normal(size=bits.shape).astype(dtype)
    mixed = bits.copy()
    # 84 real-valued columns, and 100 of twenty groups of five.
    mixed[:, :84] = normal[:, :84]
    chosen = np.random.default_rng(1).integers(5, size=(n_rows, 20))
    mixed[:, 84:184] = np.eye(5, dtype=dtype)[chosen].reshape(n_rows, 100)
    parts = [("gaussian", 84), ("softmax", 20, 5), ("bernoulli", 600)]
    runs = {
        "BernoulliRBM": (BernoulliRBM, {}, bits),
        "GaussianRBM, a variance for each column": (GaussianRBM, {}, normal),
        "GaussianRBM, variance=1.0": (GaussianRBM, {"variance": 1.0}, normal),
        "GaussianRBM, score matching": (
            GaussianRBM,
            {"gradient": ScoreMatching()},
            normal,
        ),
        "SparseRBM, all": (SparseRBM, {}, bits),
        "SparseRBM, biases": (SparseRBM, {"penalized": "bias"}, bits),
        "84 real, 20 groups of 5, 600 bits": (
            RBM,
            {"visible": Concatenated(parts)},
            mixed,
        ),
    }
    common = settings(batch, hidden) | {"gradient": CD()}
    return {
        name: lambda kind=kind, own=own, X=X: epoch_seconds(
            lambda n: kind(n_iter=n, **(common | own)), X
        )
        for name, (kind, own, X) in runs.items()
    }


def network_floor(n_rows, batch):
    """Seconds of the matrix products of an epoch of back-propagation."""
    rng = np.random.default_rng(0)
    pairs = list(pairwise((N_VISIBLE, *NETWORK, 10)))
    weights = [rng.random(pair, dtype=np.float32) for pair in pairs]
    changes = [np.empty_like(array) for array in weights]
    below = [rng.random((batch, pair[0]), dtype=np.float32) for pair in pairs]
    above = [rng.random((batch, pair[1]), dtype=np.float32) for pair in pairs]
    up, down = ([np.empty_like(array) for array in group] for group in (above, below))

    def epoch():
        for _ in range(n_rows // batch):
            for x, array, out in zip(below, weights, up, strict=True):
                np.dot(x, array, out=out)
            for i in reversed(range(len(pairs))):
                np.dot(below[i].T, above[i], out=changes[i])
                if i:
                    np.dot(above[i], weights[i].T, out=down[i])

    return seconds(epoch)


def torch_network(n_rows, batch, hidden):
    """Seconds of an epoch of back-propagation in PyTorch, with momentum."""
    import torch

    X = torch.rand(n_rows, N_VISIBLE)
    y = torch.randint(10, (n_rows,))
    layers = []
    for pair in pairwise((N_VISIBLE, *NETWORK)):
        layers += [torch.nn.Linear(*pair), torch.nn.Sigmoid()]
    net = torch.nn.Sequential(*layers, torch.nn.Linear(NETWORK[-1], 10))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)

    def epoch():
        order = torch.randperm(n_rows)
        for i in range(0, n_rows - batch + 1, batch):
            rows = order[i : i + batch]
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(X[rows]), y[rows]).backward()
            optimizer.step()

    epoch()
    return seconds(epoch)


def fine_tuning(n_rows, repeats, batch=100):
    """Epochs of back-propagation, 784-500-500-2000-10."""
    X = random_bits(n_rows, np.float32)
    y = np.random.default_rng(1).integers(10, size=n_rows)
    layers = DBNTransformer(NETWORK, n_iter=0, random_state=0).fit(X)

    def epoch(kind, **settings):
        def fit(n_iter):
            model = kind(max_iter=n_iter, batch_size=batch, random_state=0, **settings)
            return seconds(lambda: model.fit(X, y))

        return lambda: (fit(3) - fit(1)) / 2

    plain = dict(pretrained=layers, alpha=0.0, dropout=0.0)
    mlp = dict(hidden_layer_sizes=NETWORK, activation="logistic", n_iter_no_change=10)
    runs = {
        "skdbn, momentum": epoch(DBNClassifier, solver="sgd", **plain),
        "skdbn, Adam": epoch(DBNClassifier, solver="adam", **plain),
        "skdbn, momentum, L2 penalty": epoch(
            DBNClassifier, solver="sgd", **plain | {"alpha": 1e-4}
        ),
        "skdbn, Adam, dropout": epoch(
            DBNClassifier, **plain | {"dropout": 0.5, "input_dropout": 0.2}
        ),
        "MLPClassifier, momentum": epoch(
            MLPClassifier, solver="sgd", nesterovs_momentum=False, **mlp
        ),
        "MLPClassifier, Adam": epoch(MLPClassifier, solver="adam", **mlp),
    }
    warnings.filterwarnings("ignore", category=ConvergenceWarning)

    def rows(threads):
        own = runs
        if importlib.util.find_spec("torch"):
            own = runs | {
                "PyTorch by hand, momentum": lambda: peer_seconds(
                    "torch_network", n_rows, batch, 0, threads
                )
            }
        ratios, times = paired_ratios(
            own, lambda: network_floor(n_rows, batch), repeats
        )
        for name in own:
            yield name, spread(ratios[name]), f"{np.median(times[name]):.2f}"

    title = f"An epoch of back-propagation ÷ its products, float32, batch {batch}"
    header = ["threads", "784-500-500-2000-10", "÷ products", "seconds"]
    return title, table(header, by_threads(rows))


def up_down_floor(n_rows, batch, n_gibbs):
    """Seconds of the matrix products of an epoch of the up-down algorithm."""
    rng = np.random.default_rng(0)

    def arrays(n_below, n_above):
        x = rng.random((batch, n_below), dtype=np.float32)
        w = rng.random((n_below, n_above), dtype=np.float32)
        return x, w, x @ w, np.empty_like(x), x @ w, np.empty_like(w)

    layers = [arrays(*pair) for pair in pairwise((N_VISIBLE, *NETWORK[:-1]))]
    x, w, h, back, up, change = arrays(NETWORK[-2] + 10, NETWORK[-1])
    both_x, both_h = np.concatenate([x, x]), np.concatenate([h, h])

    def epoch():
        for _ in range(n_rows // batch):
            for v, weights, above, down, out, own in layers:
                # Up and down by draws, back by means, and a product for each change.
                for _ in range(2):
                    np.dot(v, weights, out=out)
                    np.dot(above, weights.T, out=down)
                    np.dot(v.T, above, out=own)
            np.dot(x, w, out=up)
            for _ in range(n_gibbs):
                np.dot(h, w.T, out=back)
                np.dot(x, w, out=up)
            np.dot(both_x.T, both_h, out=change)

    return seconds(epoch)


def up_down(n_rows, repeats, batch=100):
    """Epochs of the up-down algorithm, 784-500-500-2000 with ten labels."""
    X = random_bits(n_rows, np.float32)
    y = np.random.default_rng(1).integers(10, size=n_rows)
    layers = DBNTransformer(NETWORK[:-1], n_iter=0, random_state=0).fit(X)

    def fit(n_iter, n_gibbs):
        return seconds(
            lambda: DBNClassifier(
                (BernoulliRBM(NETWORK[-1], n_iter=0),),
                pretrained=layers,
                fine_tuning="up-down",
                n_gibbs=(n_gibbs,),
                batch_size=batch,
                alpha=0.0,
                max_iter=n_iter,
                random_state=0,
            ).fit(X, y)
        )

    def rows(threads):
        for n in (3, 10):
            ratios, times = paired_ratios(
                {"": lambda n=n: (fit(3, n) - fit(1, n)) / 2},
                lambda n=n: up_down_floor(n_rows, batch, n),
                repeats,
            )
            yield n, spread(ratios[""]), f"{np.median(times['']):.2f}"

    title = f"An epoch of the up-down algorithm ÷ its products, float32, batch {batch}"
    header = ["threads", "Gibbs steps", "÷ products", "seconds"]
    return title, table(header, by_threads(rows))


def gibbs(n_rows, repeats, n_chains=1000, hidden=500, n_steps=50):
    """Gibbs steps of many chains, against the two products of each."""

    def rows(threads):
        for dtype in ("float32", "float64"):
            steps, products = gibbs_runs(dtype, n_chains, hidden, n_steps)
            ratios, times = paired_ratios({"": steps}, products, repeats)
            step = 1000 * np.median(times[""]) / n_steps
            yield dtype, spread(ratios[""]), f"{step:.1f}"

    title = f"A Gibbs step of {n_chains:,} chains ÷ its products, 784 × {hidden}"
    header = ["threads", "dtype", "÷ products", "milliseconds"]
    return title, table(header, by_threads(rows))


def gibbs_runs(dtype, n_chains, hidden, n_steps):
    """What gives the seconds of Gibbs steps, and of their products."""
    rbm = BernoulliRBM(hidden, n_iter=1, random_state=0).fit(random_bits(1000, dtype))
    weights = rbm.machine_.weights
    chains = Chains(rbm.machine_, n_chains, make_rng(0))
    v, h = (array.copy() for array in chains.advance())
    back, up = np.empty_like(v), np.empty_like(h)

    def products():
        for _ in range(n_steps):
            np.dot(h, weights.T, out=back)
            np.dot(v, weights, out=up)

    return lambda: seconds(lambda: chains.advance(n_steps)), lambda: seconds(products)


@contextmanager
def busy_process():
    """Another process that takes all the time of a core that it is given."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(0.2)
        yield
    finally:
        process.kill()
        process.wait()


def busy(n_rows, repeats):
    """Steps of training with one and with all threads, idle and beside a process."""
    limits = {"one": float("inf"), "all": 0}
    rows = []
    for batch, n_visible, hidden in (
        (10, 64, 256),
        (10, 784, 256),
        (100, 64, 256),
        (100, 784, 256),
        (100, 784, 350),
        (100, 784, 500),
        (128, 784, 1024),
    ):
        n_steps = min(n_rows // batch, 200, 5 + 2**28 // (batch * n_visible * hidden))
        X = random_bits(n_steps * batch, "float32", n_visible)
        times = {(limit, state): [] for state in ("idle", "busy") for limit in limits}

        def measure(state):
            for limit, large in limits.items():
                with patch("skdbn._utils._threads.LARGE_PRODUCT", large):
                    rbm = BernoulliRBM(n_iter=3, **settings(batch, hidden))
                    spent = seconds(lambda: rbm.fit(X))
                times[limit, state].append(1000 * spent / (3 * n_steps))

        for _ in range(repeats):
            measure("idle")
            with busy_process():
                measure("busy")
        n_products = max(batch, 50) * n_visible * hidden
        rows.append(
            [
                f"{batch} × {n_visible} × {hidden}",
                f"{n_products / 1e6:.1f}",
                "all" if n_products >= LARGE_PRODUCT else "one",
                *(spread(found) for found in times.values()),
            ]
        )
        announce(*rows[-1])
    title = "A step of training in milliseconds, alone and beside a busy process"
    header = [
        "batch × visible × hidden",
        "multiplications in a product, millions",
        "threads that skdbn takes",
        "one thread",
        "all threads",
        "one thread, busy",
        "all threads, busy",
    ]
    return title, table(header, rows)


PARTS = {
    f.__name__: f
    for f in (
        epochs,
        unit_types,
        default,
        sparse,
        small,
        methods,
        monitor,
        workers,
        memory,
        annealing,
        fine_tuning,
        up_down,
        gibbs,
        busy,
    )
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    args = parser.parse_args()
    warnings.filterwarnings("ignore", module="joblib")
    for name in args.parts:
        title, text = PARTS[name](args.rows, args.repeats)
        command = (
            f"python -m benchmarks.speed --rows {args.rows} --repeats {args.repeats} "
            f"--parts {name}"
        )
        report(f"speed-{name.replace('_', '-')}", title, text, command)


if __name__ == "__main__":
    main()
