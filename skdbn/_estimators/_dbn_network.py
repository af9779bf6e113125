"""Deep belief nets that are fine-tuned by back-propagation."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._networks._network import Network
from .._utils._sklearn import Interval, StrOptions
from ..units import Bernoulli, Gaussian, Spin
from ._dbn_supervised import SupervisedDBN

# The activation of scikit-learn's networks that a layer of these units has.
ACTIVATIONS = {Bernoulli: "logistic", Spin: "tanh", Gaussian: "identity"}


# Rows presented in pre-training, and the fewest and the most epochs, where all rows have
# a target: these tell more than what layers learn without them.
ALL_KNOWN = 15_000, 2, 5


class NetworkDBN(SupervisedDBN):
    """A feed-forward network with a head, for labels or for numbers."""

    _parameter_constraints: dict = {
        **SupervisedDBN._parameter_constraints,
        "solver": [StrOptions({"adam", "sgd", "cg", "lbfgs"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "line_searches": [Interval(Integral, 1, None, closed="left")],
        "head_iter": [Interval(Integral, 0, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left"), StrOptions({"auto"})],
        "input_dropout": [Interval(Real, 0, 1, closed="left")],
        "max_norm": [Interval(Real, 0, None, closed="neither"), None],
    }

    def __init__(
        self,
        layers=(256,),
        *,
        rbm=None,
        pretrained=None,
        n_iter=None,
        transposed=False,
        solver="adam",
        alpha=1e-4,
        batch_size="auto",
        learning_rate_init="auto",
        momentum=0.9,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        line_searches=3,
        max_iter=100,
        head_iter=0,
        dropout="auto",
        input_dropout=0.0,
        max_norm=None,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        verbose=0,
        random_state=None,
    ):
        self.layers = layers
        self.rbm = rbm
        self.pretrained = pretrained
        self.n_iter = n_iter
        self.transposed = transposed
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.momentum = momentum
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.line_searches = line_searches
        self.max_iter = max_iter
        self.head_iter = head_iter
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.max_norm = max_norm
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    def _presented(self, targets):
        return super()._presented(targets) if len(targets.without()) else ALL_KNOWN

    def _new_network(self, transformer, inputs, targets, rows, rng):
        machines = [rbm.machine_ for rbm in transformer.rbms_]
        n_outputs = targets.values.shape[1]
        return Network.on_top_of(machines, targets.head, n_outputs, rng, self.max_norm)

    def _present_network(self):
        network = super()._present_network()
        network.max_norm = self.max_norm
        return network

    @property
    def coefs_(self):
        """The weights of the network, one array a layer, of shape (n_in, n_out)."""
        return self.network_.coefs

    @property
    def intercepts_(self):
        """The biases of the network, one array a layer."""
        return self.network_.intercepts

    def _to_mlp(self, cls, y):
        """A network of scikit-learn of this class that knows these targets."""
        check_is_fitted(self, "network_")
        network = self.network_
        kinds = {type(layer) for layer in network.layers}
        known = len(kinds) == 1 and kinds <= ACTIVATIONS.keys()
        width = len(network.weights[0])
        if not known or width != self.n_features_in_:
            names = ", ".join(sorted(kind.__name__ for kind in kinds))
            raise ValueError(
                f"{cls.__name__} has no such net: its hidden units are {names} and its "
                f"inputs are {width} for {self.n_features_in_} columns. It takes "
                "Bernoulli, Spin or Gaussian units, one type for all layers, on columns "
                "as they are."
            )
        mlp = cls(
            hidden_layer_sizes=tuple(len(bias) for bias in network.biases[:-1]),
            activation=ACTIVATIONS[kinds.pop()],
            random_state=0,
        )
        # Its own fit is thrown away, and to stop by itself at once needs no warning.
        settings = {"tol": 1e300, "n_iter_no_change": 1, "max_iter": 9}
        defaults = {name: getattr(mlp, name) for name in settings} | {"max_iter": 1}
        X = np.zeros((len(y), width), network.weights[0].dtype)
        mlp.set_params(**settings).fit(X, y).set_params(**defaults)
        mlp.coefs_ = [weights.copy() for weights in network.coefs]
        mlp.intercepts_ = [bias.copy() for bias in network.intercepts]
        mlp.n_iter_ = self.n_iter_
        if hasattr(self, "feature_names_in_"):
            mlp.feature_names_in_ = self.feature_names_in_
        return mlp
