"""The deep belief net of digits and labels that two benchmarks start from."""

import time

from sklearn.base import clone

from skdbn import BernoulliRBM, DBNClassifier, DBNTransformer
from skdbn.gradients import PCD
from skdbn.schedules import Linear

LAYER = BernoulliRBM(
    gradient=PCD(n_chains=100), learning_rate=Linear(0.1), batch_size=100, n_iter=40
)
TOP = clone(LAYER).set_params(n_components=2000, n_iter=200)
UP_DOWN = dict(
    fine_tuning="up-down",
    persistent=True,
    n_gibbs=(1,),
    learning_rate_init=Linear(0.03),
    momentum=0.0,
    alpha=0.0,
    batch_size=100,
)
SWEEPS = 24


def timed(estimator, *data):
    """The fitted estimator, with the seconds that it took."""
    start = time.perf_counter()
    estimator.fit(*data)
    estimator.seconds_ = time.perf_counter() - start
    return estimator


def layers_below_top(kept, X, seed):
    """500-500, learned by persistent chains."""
    return kept.model(
        f"chains-{seed}",
        lambda: timed(DBNTransformer((500, 500), rbm=LAYER, random_state=seed), X),
    )


def net_with_labels(kept, X, y, seed, sweeps=SWEEPS):
    """500-500-2000 with labels at the top, after so many sweeps of up-down."""
    layers = layers_below_top(kept, X, seed)
    net = DBNClassifier(
        (TOP,), pretrained=layers, max_iter=sweeps, random_state=seed, **UP_DOWN
    )
    return kept.model(f"net-{sweeps}-{seed}", lambda: timed(net, X, y))
