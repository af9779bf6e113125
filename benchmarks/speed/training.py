"""Epochs of training, their memory, and what goes on beside them."""

import tracemalloc

import numpy as np
from joblib import Parallel, delayed
from scipy.sparse import random_array
from sklearn.base import clone
from sklearn.neural_network import BernoulliRBM as Original

from skdbn import RBM, BernoulliRBM, GaussianRBM, SparseRBM
from skdbn.gradients import CD, PCD, ScoreMatching
from skdbn.units import Concatenated

from ..studies import peers
from ._measure import N_VISIBLE, Benchmark, apart, random_bits, seconds

DTYPES = ["float32", "float64"]


class _Training(Benchmark):
    """Fits of `n_iter` epochs; the floor is the five matrix products of a CD-1 step."""

    n_iter = 3
    n_visible = N_VISIBLE

    def setup(self, dtype, size):
        self.batch, self.n_visible, self.hidden = size
        self.X = random_bits(self.n_rows, dtype, self.n_visible)

    def fit(self, kind=BernoulliRBM, X=None, **settings):
        common = dict(
            n_components=self.hidden,
            batch_size=self.batch,
            learning_rate=0.05,
            n_iter=self.n_iter,
            random_state=0,
        )
        return kind(**common | settings).fit(self.X if X is None else X)

    def time_products(self, *params):
        rng, dtype = np.random.default_rng(0), self.X.dtype
        shapes = (self.batch, self.n_visible), (self.n_visible, self.hidden)
        v, w, h = (
            rng.random(shape).astype(dtype)
            for shape in (*shapes, (self.batch, self.hidden))
        )
        hidden, visible, change = np.empty_like(h), np.empty_like(v), np.empty_like(w)
        for _ in range(self.n_iter * (self.n_rows // self.batch)):
            np.dot(v, w, out=hidden)
            np.dot(h, w.T, out=visible)
            np.dot(v, w, out=hidden)
            np.dot(v.T, h, out=change)
            np.dot(v.T, h, out=change)

    # As many chains as rows in a batch.

    def time_cd(self, *params):
        """skdbn CD-1"""
        self.fit(gradient=CD())

    def time_pcd(self, *params):
        """skdbn PCD-1"""
        self.fit(gradient=PCD(n_chains=self.batch))

    def time_scikit_learn(self, *params):
        """scikit-learn"""
        self.fit(Original)


def sizes(*pairs, n_visible=N_VISIBLE):
    return [(batch, n_visible, hidden) for batch, hidden in pairs]


class Epochs(_Training):
    """An epoch ÷ its floor"""

    params = [
        DTYPES,
        sizes((10, 256), (100, 64), (100, 256), (100, 500), (128, 1024)),
    ]
    param_names = ["dtype", "batch × visible × hidden"]
    ratio = "epoch ÷ floor"

    @apart("torch")
    def time_torch(self, *params):
        """torch by hand"""
        import torch

        data = torch.from_numpy(self.X.astype("float32"))
        W = torch.randn(N_VISIBLE, self.hidden) * 0.01
        arrays = W, torch.zeros(N_VISIBLE), torch.zeros(self.hidden)
        with torch.no_grad():
            velocities = [torch.zeros_like(array) for array in arrays]
            for _ in range(self.n_iter):
                for rows in torch.randperm(len(data)).split(self.batch):
                    torch_step(data[rows], arrays, velocities)

    @apart("learnergy")
    def time_learnergy(self, *params):
        """learnergy"""
        self.peer(peers.learnergy)

    @apart("rbms")
    def time_rbms(self, *params):
        """rbms"""
        self.peer(peers.rbms)

    def peer(self, start):
        X = self.X.astype("float32")
        epoch, _ = start(X, 0.05, self.n_iter, 0, self.hidden, self.batch)
        for _ in range(self.n_iter):
            epoch()


def torch_step(v, arrays, velocities, learning_rate=0.05, momentum=0.5):
    """CD-1 with momentum in PyTorch, written without a framework's overhead."""
    import torch

    W, b, c = arrays
    h = torch.sigmoid(torch.addmm(c, v, W))
    v_model = torch.bernoulli(torch.sigmoid(torch.addmm(b, torch.bernoulli(h), W.t())))
    h_model = torch.sigmoid(torch.addmm(c, v_model, W))
    direction = (
        v.t() @ h - v_model.t() @ h_model,
        (v - v_model).sum(0),
        (h - h_model).sum(0),
    )
    for array, velocity, change in zip(arrays, velocities, direction, strict=True):
        velocity.mul_(momentum).add_(change, alpha=learning_rate / len(v))
        array += velocity


class Default(_Training):
    """An epoch at the default gradient ÷ scikit-learn's

    The default gradient samples 50 chains at least and has fast weights.
    """

    params = [DTYPES, sizes((10, 256), (100, 256), (100, 500))]
    param_names = ["dtype", "batch × visible × hidden"]
    floor, ratio = "time_scikit_learn", "ratio of seconds"
    time_products = time_cd = time_pcd = None

    def time_default(self, *params):
        """default"""
        self.fit()


class Small(_Training):
    """Small models: an epoch ÷ scikit-learn's

    A step is all overhead.
    """

    params = [["float64"], [(10, 4, 2), (10, 20, 5), (10, 64, 16)]]
    param_names = ["dtype", "batch × visible × hidden"]
    floor, ratio = "time_scikit_learn", "ratio of seconds"
    time_products = None


class Sparse(_Training):
    """Sparse data: scikit-learn ÷ skdbn (PCD-1)"""

    params = [
        [
            ("float32", (10, 784, 256), 0.2),
            ("float32", (100, 784, 500), 0.2),
            ("float32", (100, 784, 500), 0.02),
            ("float32", (100, 10000, 100), 0.01),
            ("float32", (10, 10000, 100), 0.001),
            ("float32", (100, 10000, 500), 0.001),
            ("float64", (100, 10000, 500), 0.001),
            ("float64", (100, 2000, 1000), 0.005),
            ("float64", (200, 2000, 1000), 0.002),
        ]
    ]
    param_names = ["dtype, batch × visible × hidden, density"]
    floor, ratio = "time_pcd", "times as fast"
    time_products = time_cd = None

    def setup(self, case):
        dtype, (self.batch, n_features, self.hidden), density = case
        n = min(self.n_rows, 2000) if n_features > 1000 else self.n_rows
        shape = n, n_features
        self.X = random_array(shape, density=density, format="csr", dtype=dtype, rng=0)
        self.X.data[:] = 1


class UnitTypes(_Training):
    """Epochs of CD-1 with other units, batch 100, 784 × 500"""

    params = [DTYPES]
    param_names = ["dtype"]
    ratio, first = "÷ the five products", "BernoulliRBM"
    by_threads = True
    time_cd = time_pcd = time_scikit_learn = None

    def setup(self, dtype):
        super().setup(dtype, (100, N_VISIBLE, 500))
        n = self.n_rows
        self.normal = np.random.default_rng(0).normal(size=self.X.shape).astype(dtype)
        # 84 real-valued columns, and 100 of twenty groups of five.
        self.mixed = self.X.copy()
        self.mixed[:, :84] = self.normal[:, :84]
        chosen = np.random.default_rng(1).integers(5, size=(n, 20))
        self.mixed[:, 84:184] = np.eye(5, dtype=dtype)[chosen].reshape(n, 100)

    def time_bits(self, *params):
        """BernoulliRBM"""
        self.fit(gradient=CD())

    def time_variances(self, *params):
        """GaussianRBM, a variance for each column"""
        self.fit(GaussianRBM, self.normal, gradient=CD())

    def time_variance(self, *params):
        """GaussianRBM, variance=1.0"""
        self.fit(GaussianRBM, self.normal, gradient=CD(), variance=1.0)

    def time_score_matching(self, *params):
        """GaussianRBM, score matching"""
        self.fit(GaussianRBM, self.normal, gradient=ScoreMatching())

    def time_sparse(self, *params):
        """SparseRBM, all"""
        self.fit(SparseRBM, gradient=CD())

    def time_sparse_biases(self, *params):
        """SparseRBM, biases"""
        self.fit(SparseRBM, gradient=CD(), penalized="bias")

    def time_mixed(self, *params):
        """84 real, 20 groups of 5, 600 bits"""
        parts = [("gaussian", 84), ("softmax", 20, 5), ("bernoulli", 600)]
        self.fit(RBM, self.mixed, gradient=CD(), visible=Concatenated(parts))


class Monitor(_Training):
    """Share of an epoch that is spent on measuring"""

    params = [["no", "yes"], sizes((10, 256), (100, 500))]
    param_names = ["early stopping", "batch × visible × hidden"]
    floor, ratio = None, "percent"
    time_products = time_cd = time_pcd = time_scikit_learn = None

    def setup(self, early_stopping, size):
        super().setup("float32", size)
        self.early_stopping = early_stopping == "yes"

    def track_measuring(self, *params):
        """history"""
        found = []
        for self.n_iter in (5, 1):
            pcd = dict(gradient=PCD(n_chains=self.batch))
            spent = seconds(
                lambda: found.append(
                    self.fit(early_stopping=self.early_stopping, **pcd)
                )
            )
            found[-1] = spent, sum(row["seconds"] for row in found[-1].history_)
        whole, training = np.subtract(*found)
        return 100 * (1 - training / whole)


class Workers(_Training):
    """Two fits at once ÷ one after the other"""

    params = [["loky", "threading"]]
    param_names = ["joblib backend"]
    floor, ratio = "time_in_turn", "ratio of seconds"
    time_products = time_cd = time_pcd = time_scikit_learn = None

    def setup(self, backend):
        super().setup("float32", (100, N_VISIBLE, 500))
        self.pool = Parallel(n_jobs=2, backend=backend)
        self.time_at_once()

    def time_in_turn(self, *params):
        for _ in range(2):
            self.fit(gradient=PCD(n_chains=100))

    def time_at_once(self, *params):
        """two fits"""
        rbm = BernoulliRBM(
            500, gradient=PCD(n_chains=100), batch_size=100, n_iter=self.n_iter
        )
        fits = (delayed(clone(rbm).fit)(self.X) for _ in range(2))
        self.pool(fits)


class Memory(_Training):
    """Memory in MiB, 784 columns, 500 hidden units, batch 100

    Peak of a fit above the data, as tracemalloc sees it.
    """

    params = [["float32", "float64", "uint8"]]
    param_names = ["dtype"]
    floor, ratio = None, "MiB"
    time_products = time_cd = time_pcd = time_scikit_learn = None

    def setup(self, dtype):
        super().setup(dtype, (100, N_VISIBLE, 500))

    def track_data(self, *params):
        """data"""
        return self.X.nbytes / 2**20

    def track_cd(self, *params):
        """peak of CD-1 above the data"""
        return self.peak(CD())

    def track_pcd(self, *params):
        """peak of PCD-1 above the data"""
        return self.peak(PCD(n_chains=100))

    def track_allowed(self, *params):
        """6 × weights + 10 × batch + an index"""
        item = 8 if self.X.dtype == "float64" else 4
        arrays = 6 * N_VISIBLE * 500 + 10 * 100 * N_VISIBLE
        return (arrays * item + 8 * self.n_rows) / 2**20

    def peak(self, gradient):
        self.n_iter = 2
        tracemalloc.start()
        self.fit(gradient=gradient)
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest / 2**20
