"""The deep belief net of digits and labels that two benchmarks start from."""

from sklearn.base import clone

from skdbn import BernoulliRBM, DBNTransformer, GenerativeDBNClassifier
from skdbn.gradients import PCD
from skdbn.schedules import Linear

from .._harness import timed

LAYER = BernoulliRBM(
    gradient=PCD(n_chains=100), learning_rate=Linear(0.1), batch_size=100, n_iter=40
)
UP_DOWN = dict(
    gradient="pcd",
    learning_rate_init=Linear(0.03),
    momentum=0.0,
    weight_decay=0.0,
    batch_size=100,
)


def fitted(estimator, *data):
    """The fitted estimator, with the seconds that it took."""
    estimator, estimator.seconds_ = timed(estimator.fit, *data)
    return estimator


def layers_below_top(kept, X, seed):
    """500-500, learned by persistent chains."""
    layers = DBNTransformer((500, 500), rbm=LAYER, random_state=seed)
    return kept.model(f"chains-{seed}", fitted, layers, X)


def net_with_labels(kept, X, y, seed, top_epochs, epochs, weight_decay=0.0):
    """500-500-2000 with labels at the top, learned layer by layer and then by up-down."""
    if epochs:
        name = f"tuned-{top_epochs}-{epochs}-{weight_decay:g}-{seed}"
        given = net_with_labels(kept, X, y, seed, top_epochs, 0)
    else:
        name, given = f"greedy-{top_epochs}-{seed}", layers_below_top(kept, X, seed)
    net = GenerativeDBNClassifier(
        (clone(LAYER).set_params(n_components=2000, n_iter=top_epochs),),
        pretrained=given,
        max_iter=epochs,
        random_state=seed,
        **UP_DOWN | {"weight_decay": weight_decay},
    )
    return kept.model(name, fitted, net, X, y)


def seconds_of(net):
    """What a fitted net and all that it went on from took."""
    given = getattr(net, "pretrained", None)
    return net.seconds_ + (seconds_of(given) if given is not None else 0)
