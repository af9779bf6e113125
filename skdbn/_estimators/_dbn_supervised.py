"""What the deep belief nets that classify and those that predict numbers share."""

import copy
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import BernoulliRBM as Original
from sklearn.utils.validation import check_is_fitted

from .._networks._network import Examples, Network
from .._training._fine_tuning import (
    FineTuning,
    FineTuningMonitor,
    fine_tune,
    make_direction,
)
from .._utils._numerics import as_float, blocks
from .._utils._persistence import VersionMixin
from .._utils._random import make_rng
from .._utils._sklearn import (
    CallbackSupportMixin,
    DocLinkMixin,
    Interval,
    StrOptions,
    check_feature_names,
    fit_context,
)
from ..exceptions import warn, with_hints
from ..units import Bernoulli, Gaussian, Softmax, Spin
from ._dbn import (
    DBNTransformer,
    check_nested,
    first_layer,
    validate_rows,
)
from ._rbm import RBM, restoring

# The activation of scikit-learn's networks that a layer of these units has.
ACTIVATIONS = {Bernoulli: "logistic", Spin: "tanh", Gaussian: "identity"}

# Log-odds, or numbers in units of their deviation, that differ by less are alike.
ALIKE = 1e-5

# On so many rows a network is measured before and after it learns.
N_MEASURED = 1000


class Targets:
    """What a network is to put out for each row, and which rows it learns from."""

    def __init__(self, rows, values, head, strata=None, weights=None, **fitted):
        self.rows = rows
        self.values = values
        self.head = head
        self.strata = strata
        self.weights = weights
        self.fitted = fitted

    def examples(self, X, dtype):
        """Rows of the network's inputs with their targets."""
        weights = None if self.weights is None else self.weights.astype(dtype)
        return Examples(X, self.values.astype(dtype), weights)

    def score(self, fields, rows):
        """The share of these rows that a head reads right, or R² for numbers."""
        values = self.values[rows]
        if isinstance(self.head, Gaussian):
            return float(r2_score(values, fields))
        if isinstance(self.head, Softmax):
            return float(np.mean(fields.argmax(axis=1) == values.argmax(axis=1)))
        return float(np.mean(((fields > 0) == values).all(axis=1)))

    def split(self, fraction, rng):
        """The rows to learn from, and those held out."""
        strata = self.strata
        if strata is not None:
            counts = np.unique(strata, return_counts=True)[1]
            n_held_out = int(np.ceil(fraction * len(strata)))
            n_fewest = min(n_held_out, len(strata) - n_held_out)
            if counts.min() < 2 or n_fewest < len(counts):
                strata = None
        try:
            return train_test_split(
                self.rows,
                test_size=fraction,
                stratify=strata,
                random_state=int(rng.integers(2**31)),
            )
        except ValueError as error:
            raise ValueError(
                f"early_stopping=True with validation_fraction={fraction} leaves no row "
                f"to learn from: {len(self.rows)} rows of X have a label. Take "
                "early_stopping=False or more rows."
            ) from error


class SupervisedDBN(CallbackSupportMixin, DocLinkMixin, VersionMixin, BaseEstimator):
    """What the classifier and the regressor share."""

    _parameter_constraints: dict = {
        **DBNTransformer._parameter_constraints,
        # What it has to be is said in the fit, with the remedy.
        "pretrained": [BaseEstimator, None],
        "solver": [StrOptions({"adam", "sgd", "cg", "lbfgs"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "learning_rate_init": [
            Interval(Real, 0, None, closed="neither"),
            callable,
            StrOptions({"auto"}),
        ],
        "momentum": [Interval(Real, 0, 1, closed="left"), callable],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "line_searches": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "head_iter": [Interval(Integral, 0, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left"), StrOptions({"auto"})],
        "input_dropout": [Interval(Real, 0, 1, closed="left")],
        "max_norm": [Interval(Real, 0, None, closed="neither"), None],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
    }
    del _parameter_constraints["layer"]

    # What a fit with other settings may have left behind.
    _attributes_of_some_fits = ()

    # What `pretrained` may hold.
    _can_be_given = "DBNTransformer"

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
        self.verbose = verbose
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y):
        """Learn the layers from all rows, and then the net from the rows with a target.

        On a KeyboardInterrupt during fine-tuning a warning is issued and the net of the
        last completed epoch is kept; before that the interrupt propagates.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, such as the first layer takes.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.

        Returns
        -------
        self : estimator
            The fitted model.

        Raises
        ------
        ValueError
            If `layers` is no sequence of ints and RBMs, if `pretrained` does not fit the
            data, if no row has a target, or if a fit diverges. The estimator is then
            left as it was.

        Warns
        -----
        ConvergenceWarning
            If the net has the same output for all rows although their targets differ.
        """
        with restoring(self):
            self._check_settings()
            X = self._validate(X, reset=True)
            targets = self._new_targets(X, y)
            rng = make_rng(self.random_state)
            context = self._init_callback_context(max_subtasks=2)
            data = {"X": X, "y": y}
            context.call_on_fit_task_begin(estimator=self, **data)
            transformer = self._pretrain(X, rng, context, data)
            wanted = self.pretrained is not None
            inputs = with_hints(wanted, self._inputs, transformer, X)
            rows, held_out = targets.rows, None
            if self.early_stopping:
                rows, held_out = targets.split(self.validation_fraction, rng)
            direction = make_direction(self)
            network = self._start_network(transformer, inputs, targets, rows, rng)
            examples = targets.examples(inputs, network.dtype)
            task = context.subcontext(
                task_name="fine-tuning", max_subtasks=self.max_iter
            )
            task.call_on_fit_task_begin(estimator=self, **data)

            def fitted(network):
                return {
                    "transformer_": transformer,
                    "network_": network,
                } | targets.fitted

            def validation(network):
                return targets.score(fields_of(network, inputs[held_out]), held_out)

            monitor = FineTuningMonitor(
                self,
                task,
                direction,
                fitted,
                None if held_out is None else validation,
                data,
            )
            network = fine_tune(network, examples, rows, self, rng, monitor)
            if monitor.history:
                _warn_if_alike(network, examples[rows[:N_MEASURED]])
            for one in (task, context):
                one.call_on_fit_task_end(
                    estimator=self,
                    reconstruction_attributes=lambda: fitted(network.copy()),
                    **data,
                )
            for name in self._attributes_of_some_fits:
                vars(self).pop(name, None)
            vars(self).update(fitted(network))
            self.history_ = monitor.history
            self.n_iter_ = len(monitor.history)
            self._fine_tuning = FineTuning(len(rows), self.n_iter_, None, direction)
            self._rng = rng
        return self

    def _partial_fit(self, X, y, targets):
        """One epoch of fine-tuning; the first call learns the layers before it."""
        first = not hasattr(self, "network_")
        rng = make_rng(self.random_state) if first else copy.deepcopy(self._rng)
        if first:
            context = self._init_callback_context(max_subtasks=1)
            transformer = self._pretrain(X, rng, context, {"X": X, "y": y})
            wanted = self.pretrained is not None
            inputs = with_hints(wanted, self._inputs, transformer, X)
            network = self._start_network(
                transformer, inputs, targets, targets.rows, rng
            )
        else:
            transformer, network = self.transformer_, self.network_.copy()
            if isinstance(network, Network):
                network.max_norm = self.max_norm
            inputs = self._inputs(transformer, X)
        tuning = FineTuning(len(targets.rows))
        if not first:
            tuning = copy.deepcopy(self._fine_tuning)
        examples = targets.examples(inputs, network.dtype)
        tuning.go_through(network, examples, targets.rows, self, rng)
        self.transformer_, self.network_ = transformer, network
        vars(self).update(targets.fitted)
        self._fine_tuning, self._rng = tuning, rng
        self.n_iter_ = 1 if first else self.n_iter_ + 1
        return self

    def _validate(self, X, reset=False):
        if hasattr(self, "transformer_") and not reset:
            first = self.transformer_.rbms_[0]
        elif self.pretrained is not None:
            first = self._given_transformer().rbms_[0]
            if hasattr(self._given(), "feature_names_in_"):
                check_feature_names(self._given(), X, reset=False)
        else:
            first = first_layer(self)
        return validate_rows(self, first, X, reset)

    def _check_settings(self):
        """Raise a ValueError for parameters that do not go together."""

    def _pretrained_layers(self):
        """The layers that learn without targets."""
        return self.layers

    def _given_transformer(self):
        """The transformer that `pretrained` holds."""
        given = self._given()
        if not isinstance(given, DBNTransformer):
            remedy = "give FrozenEstimator(dbn) with a fitted one."
            if isinstance(given, (RBM, Original)):
                remedy = "make one of fitted RBMs with DBNTransformer.from_rbms([rbm])."
            raise TypeError(
                f"pretrained={self.pretrained!r} holds no {self._can_be_given}: {remedy}"
            )
        self._check_given("rbms_")
        return given

    def _given(self):
        """What `pretrained` holds."""
        given = self.pretrained
        return given.estimator if isinstance(given, FrozenEstimator) else given

    def _check_given(self, attribute):
        """Raise a ValueError if what is given is not fitted."""
        if not hasattr(self._given(), attribute):
            raise ValueError(
                f"pretrained={self.pretrained!r} is not fitted. Where estimators are "
                "cloned, as in a grid search, a fitted one has to be frozen: give "
                "sklearn.frozen.FrozenEstimator(dbn)."
            )

    def _pretrain(self, X, rng, context, data):
        """The fitted layers: the ones given, or new ones that learn from all rows."""
        if self.pretrained is not None:
            given = self._given_transformer()
            if given.n_features_in_ != self.n_features_in_:
                raise ValueError(
                    f"X has {self.n_features_in_} columns, but pretrained was fitted to "
                    f"{given.n_features_in_}."
                )
            return given
        transformer = DBNTransformer(
            self._pretrained_layers(),
            rbm=self.rbm,
            n_iter=self.n_iter,
            transposed=self.transposed,
            verbose=self.verbose,
            random_state=int(rng.integers(2**31)),
        )
        task = context.subcontext(task_name="pre-training")
        with task.propagate_callback_context(transformer):
            task.call_on_fit_task_begin(estimator=self, **data)
            transformer.fit(X)
            if hasattr(self, "feature_names_in_"):
                transformer._name_columns(self.feature_names_in_)
            task.call_on_fit_task_end(
                estimator=self, reconstruction_attributes=dict, **data
            )
        return transformer

    def _start_network(self, transformer, inputs, targets, rows, rng):
        """A network to be fine-tuned on these rows."""
        network = self._new_network(transformer, inputs, targets, rng)
        network.measure_reach(inputs[rows[:: 1 + len(rows) // N_MEASURED]])
        return network

    def _new_network(self, transformer, inputs, targets, rng):
        machines = [rbm.machine_ for rbm in transformer.rbms_]
        n_outputs = targets.values.shape[1]
        return Network.on_top_of(machines, targets.head, n_outputs, rng, self.max_norm)

    def _head_fields(self, X):
        """The fields of the head's units for each row."""
        check_is_fitted(self, "network_")
        X = self._validate(X)
        return fields_of(self.network_, self._inputs(self.transformer_, X))

    @staticmethod
    def _inputs(transformer, X):
        """Validated rows as the net takes them; warns of values out of range."""
        first = transformer._layers[0]
        X = first._validate(X)
        first._rows_outside(X)
        return X

    @property
    def rbms_(self):
        """The layers as they were learned without labels."""
        return self.transformer_.rbms_

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

    def set_params(self, **params):
        """Set the parameters of this estimator.

        Parameters
        ----------
        **params : dict
            Parameters by name; ``rbm__learning_rate`` is that of `rbm`.

        Returns
        -------
        self : estimator
            The same estimator.
        """
        check_nested(self, params)
        return super().set_params(**params)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _warn_if_alike(network, examples):
    """Warn if rows whose targets differ have the same output."""
    if not np.ptp(examples.targets, axis=0).any():
        return
    spread = fields_of(network, examples.X).std(axis=0).max()
    if spread < ALIKE:
        warn(
            f"The outputs of the net are alike for all rows: they differ by {spread:.1g}."
            " It has learned nothing from the columns. Put sklearn.preprocessing."
            "StandardScaler before it, or take a smaller learning_rate_init or alpha.",
            ConvergenceWarning,
        )


def fields_of(network, X):
    """The fields of a network's head, a block of rows at a time."""
    fields = np.empty((X.shape[0], network.n_outputs), network.dtype)
    for part, block in blocks(X, network.width, network.dtype):
        fields[part] = network.field(as_float(block, network.dtype))
    return fields
