"""Methods of fitted models, annealing and Gibbs steps."""

import numpy as np
from joblib import parallel_backend

from skdbn import BernoulliRBM
from skdbn.evaluation import log_partition

from ._measure import Benchmark, random_bits


class Fitted(Benchmark):
    params = [["float32", "float64"]]
    param_names = ["dtype"]

    def setup(self, dtype):
        self.X = random_bits(self.n_rows, dtype)
        rbm = BernoulliRBM(500, n_iter=1, batch_size=100, random_state=0)
        self.rbm = rbm.fit(self.X)
        self.weights = rbm.machine_.weights


class Methods(Fitted):
    """Methods, 784 × 500"""

    def time_products(self, *params):
        self.X @ self.weights

    def time_transform(self, *params):
        """transform"""
        self.rbm.transform(self.X)

    def time_free_energy(self, *params):
        """free_energy"""
        self.rbm.free_energy(self.X)

    def time_score_samples(self, *params):
        """score_samples of 1,000 rows"""
        self.rbm.score_samples(self.X[:1000])


class Annealing(Fitted):
    """Annealing of 100 chains over 2,000 temperatures, 784 × 500"""

    n_chains, n_betas = 100, 2000

    def setup(self, dtype):
        super().setup(dtype)
        self.v = self.X[: self.n_chains]
        self.h = self.rbm.transform(self.v)

    def time_products(self, *params):
        field, back = np.empty_like(self.h), np.empty_like(self.v)
        for _ in range(self.n_betas):
            np.dot(self.v, self.weights, out=field)
            np.dot(self.h, self.weights.T, out=back)

    def time_one_process(self, *params):
        """one process"""
        self.anneal()

    def time_one_thread(self, *params):
        """n_jobs=2, a thread each"""
        with parallel_backend("loky", inner_max_num_threads=1):
            self.anneal(n_jobs=2)

    def anneal(self, n_jobs=None):
        log_partition(
            self.rbm,
            method="ais",
            n_chains=self.n_chains,
            n_betas=self.n_betas,
            X=self.X,
            n_jobs=n_jobs,
            random_state=0,
        )


class Gibbs(Fitted):
    """A Gibbs step of 1,000 chains ÷ its products, 784 × 500

    Seconds are those of 50 steps.
    """

    by_threads = True
    n_iter = 3
    n_chains, n_steps = 1000, 50

    def time_products(self, *params):
        h = self.rbm.transform(np.resize(self.X, (self.n_chains, self.X.shape[1])))
        back, up = np.empty((len(h), len(self.weights)), h.dtype), np.empty_like(h)
        v = back.copy()
        for _ in range(self.n_iter * self.n_steps):
            np.dot(h, self.weights.T, out=back)
            np.dot(v, self.weights, out=up)

    def time_steps(self, *params):
        """sample"""
        n_steps = self.n_iter * self.n_steps
        self.rbm.sample(self.n_chains, n_steps=n_steps, random_state=0)
