"""Epochs of fine-tuning, 784-500-500-2000-10."""

import time
import warnings
from itertools import pairwise

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from skdbn import (
    RBM,
    BernoulliRBM,
    DBNAutoencoder,
    DBNClassifier,
    DBNNeighborhoodComponents,
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


class Codes(_Network):
    """An epoch of learning a code of 30 numbers ÷ its products, float32

    Seconds of the processor, so that other work beside it hardly counts. An autoencoder
    learns from batches of 100, and neighborhood components from batches of 1,000, of
    which the products of all pairs of rows count as well. PyTorch learns by hand.
    """

    params = [["784-1000-500-250-30", "784-500-500-2000-30"]]
    param_names = ["net"]
    threads = (1,)
    clock = time.process_time

    def setup(self, net):
        super().setup()
        self.sizes = tuple(map(int, net.split("-")))
        self.unrolled = self.sizes[1] == 1000
        self.batch = 100 if self.unrolled else 1000
        *below, code = self.sizes[1:]
        layers = (*below, RBM(code, hidden="gaussian"))
        self.layers = DBNTransformer(layers, n_iter=0, random_state=0).fit(self.X)

    def ways(self):
        """The sizes of all layers."""
        return self.sizes + self.sizes[-2::-1] if self.unrolled else self.sizes

    def n_batches(self):
        return range(self.n_iter * (self.n_rows // self.batch))

    def time_products(self, net):
        pairs = list(pairwise(self.ways()))
        rng = np.random.default_rng(0)
        weights = [rng.random(pair, dtype=np.float32) for pair in pairs]
        changes = [np.empty_like(array) for array in weights]
        below, above = (
            [rng.random((self.batch, pair[i]), dtype=np.float32) for pair in pairs]
            for i in range(2)
        )
        up, down = ([np.empty_like(x) for x in group] for group in (above, below))
        code = above[-1]
        for _ in self.n_batches():
            for x, array, out in zip(below, weights, up, strict=True):
                np.dot(x, array, out=out)
            if not self.unrolled:
                pairs_of_rows = code @ code.T
                pairs_of_rows @ code
                pairs_of_rows.T @ code
            for i in reversed(range(len(pairs))):
                np.dot(below[i].T, above[i], out=changes[i])
                if i:
                    np.dot(above[i], weights[i].T, out=down[i])

    def learn(self, solver):
        kind = DBNAutoencoder if self.unrolled else DBNNeighborhoodComponents
        settings = dict(pretrained=self.layers, n_components=30, solver=solver)
        self.fit(kind, alpha=0.0, batch_size=self.batch, **settings)

    def time_momentum(self, net):
        """skdbn, momentum"""
        self.learn("sgd")

    def time_adam(self, net):
        """skdbn, Adam"""
        self.learn("adam")

    def by_hand(self, kind, **settings):
        import torch

        X, y = torch.from_numpy(self.X), torch.from_numpy(self.y)
        parts, ways = [], self.ways()
        for i, pair in enumerate(pairwise(ways), 1):
            parts.append(torch.nn.Linear(*pair))
            if i not in (len(self.sizes) - 1, len(ways) - 1):
                parts.append(torch.nn.Sigmoid())
        net = torch.nn.Sequential(*parts)
        optimizer = kind(net.parameters(), **settings)

        def loss(rows):
            out = net(X[rows])
            if self.unrolled:
                loss = torch.nn.functional.binary_cross_entropy_with_logits
                return loss(out, X[rows], reduction="sum") / len(rows)
            squares = (out**2).sum(1)
            near = 2 * out @ out.T - squares[:, None] - squares
            near.fill_diagonal_(-torch.inf)
            same = y[rows][:, None] == y[rows]
            return -(torch.softmax(near, 1) * same).sum(1).mean()

        for _ in range(self.n_iter):
            for rows in torch.randperm(len(X)).split(self.batch):
                optimizer.zero_grad()
                loss(rows).backward()
                optimizer.step()

    @apart("torch")
    def time_torch_momentum(self, net):
        """PyTorch by hand, momentum"""
        from torch.optim import SGD

        self.by_hand(SGD, lr=1e-3, momentum=0.9)

    @apart("torch")
    def time_torch_adam(self, net):
        """PyTorch by hand, Adam"""
        from torch.optim import Adam

        self.by_hand(Adam)
