"""Epochs of fine-tuning, 784-500-500-2000-10."""

import warnings
from itertools import pairwise

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from skdbn import (
    BernoulliRBM,
    DBNClassifier,
    DBNTransformer,
    GenerativeDBNClassifier,
)
from skdbn.gradients import CD

from ._measure import N_VISIBLE, Benchmark, apart, random_bits

LAYERS = (500, 500, 2000)
BATCH = 100


class _Network(Benchmark):
    n_iter = 3
    by_threads = True
    n_layers = len(LAYERS)

    def setup(self, *params):
        self.X = random_bits(self.n_rows)
        self.y = np.random.default_rng(1).integers(10, size=self.n_rows)
        layers = DBNTransformer(LAYERS[: self.n_layers], n_iter=0, random_state=0)
        self.layers = layers.fit(self.X)

    def fit(self, kind, *args, **settings):
        common = dict(max_iter=self.n_iter, batch_size=BATCH, random_state=0)
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
            kind(*args, **common | settings).fit(self.X, self.y)

    def n_batches(self):
        return range(self.n_iter * (self.n_rows // BATCH))


class FineTuning(_Network):
    """An epoch of back-propagation ÷ its products, float32, batch 100"""

    params = [["784-500-500-2000-10"]]
    param_names = ["net"]

    def time_products(self, *params):
        rng = np.random.default_rng(0)
        pairs = list(pairwise((N_VISIBLE, *LAYERS, 10)))
        weights = [rng.random(pair, dtype=np.float32) for pair in pairs]
        changes = [np.empty_like(array) for array in weights]
        below = [rng.random((BATCH, pair[0]), dtype=np.float32) for pair in pairs]
        above = [rng.random((BATCH, pair[1]), dtype=np.float32) for pair in pairs]
        up, down = ([np.empty_like(x) for x in group] for group in (above, below))
        for _ in self.n_batches():
            for x, array, out in zip(below, weights, up, strict=True):
                np.dot(x, array, out=out)
            for i in reversed(range(len(pairs))):
                np.dot(below[i].T, above[i], out=changes[i])
                if i:
                    np.dot(above[i], weights[i].T, out=down[i])

    def fine_tune(self, solver, alpha=0.0, dropout=0.0, input_dropout=0.0):
        self.fit(
            DBNClassifier,
            pretrained=self.layers,
            solver=solver,
            alpha=alpha,
            dropout=dropout,
            input_dropout=input_dropout,
        )

    def perceptron(self, **settings):
        self.fit(MLPClassifier, LAYERS, activation="logistic", **settings)

    def time_momentum(self, *params):
        """skdbn, momentum"""
        self.fine_tune("sgd")

    def time_adam(self, *params):
        """skdbn, Adam"""
        self.fine_tune("adam")

    def time_penalty(self, *params):
        """skdbn, momentum, L2 penalty"""
        self.fine_tune("sgd", alpha=1e-4)

    def time_dropout(self, *params):
        """skdbn, Adam, dropout"""
        self.fine_tune("adam", dropout=0.5, input_dropout=0.2)

    def time_mlp_momentum(self, *params):
        """MLPClassifier, momentum"""
        self.perceptron(solver="sgd", nesterovs_momentum=False)

    def time_mlp_adam(self, *params):
        """MLPClassifier, Adam"""
        self.perceptron(solver="adam")

    @apart("torch")
    def time_torch(self, *params):
        """PyTorch by hand, momentum"""
        import torch

        X, y = torch.from_numpy(self.X), torch.from_numpy(self.y)
        parts = []
        for pair in pairwise((N_VISIBLE, *LAYERS)):
            parts += [torch.nn.Linear(*pair), torch.nn.Sigmoid()]
        net = torch.nn.Sequential(*parts, torch.nn.Linear(LAYERS[-1], 10))
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        for _ in range(self.n_iter):
            for rows in torch.randperm(len(X)).split(BATCH):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(net(X[rows]), y[rows]).backward()
                optimizer.step()


class UpDown(_Network):
    """An epoch of the up-down algorithm ÷ its products, float32, batch 100"""

    params = [[3, 10]]
    param_names = ["Gibbs steps"]
    n_layers = len(LAYERS) - 1

    def time_products(self, n_steps):
        rng = np.random.default_rng(0)

        def arrays(n_below, n_above):
            x = rng.random((BATCH, n_below), dtype=np.float32)
            w = rng.random((n_below, n_above), dtype=np.float32)
            return x, w, x @ w, np.empty_like(x), x @ w, np.empty_like(w)

        layers = [arrays(*pair) for pair in pairwise((N_VISIBLE, *LAYERS[:-1]))]
        x, w, h, back, up, change = arrays(LAYERS[-2] + 10, LAYERS[-1])
        both_x, both_h = np.concatenate([x, x]), np.concatenate([h, h])
        for _ in self.n_batches():
            for v, weights, above, down, out, own in layers:
                # Up and down by draws, back by means, and a product for each change.
                for _ in range(2):
                    np.dot(v, weights, out=out)
                    np.dot(above, weights.T, out=down)
                    np.dot(v.T, above, out=own)
            np.dot(x, w, out=up)
            for _ in range(n_steps):
                np.dot(h, w.T, out=back)
                np.dot(x, w, out=up)
            np.dot(both_x.T, both_h, out=change)

    def time_up_down(self, n_steps):
        """up-down"""
        self.fit(
            GenerativeDBNClassifier,
            (BernoulliRBM(LAYERS[-1], n_iter=0),),
            pretrained=self.layers,
            gradient=CD(n_steps),
            weight_decay=0.0,
        )
