"""Deep belief nets that learn targets: pre-training, and fine-tuning after it."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import BernoulliRBM as Original
from sklearn.utils.validation import check_is_fitted

from .._data._sources import LabeledSource, ReconstructedSource, check_weights
from .._training._convergence import warn_if_rising
from .._training._fine_tuning import FineTuningPlan
from .._training._judges import Outputs
from .._training._monitor import Monitor
from .._training._session import hold_out
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
from ..units import Gaussian, Softmax
from ._dbn import DBNTransformer
from ._layers import LayersMixin, first_layer, validate_rows
from ._rbm import RBM
from ._restricted import restoring

# Log-odds, or numbers in units of their deviation, that differ by less are alike.
ALIKE = 1e-5

# Epochs of layers that are no more than numbers: as many as present so many rows, within
# these limits. More take hidden units to their ends, from where back-propagation does not
# move them, and cost more time than all that comes after.
PRESENTED = 40_000, 3, 10

# On so many rows a network is measured before and after it learns.
N_MEASURED = 1000


class Targets:
    """What a network is to put out for each row, and which rows it learns from."""

    def __init__(
        self,
        rows,
        values,
        head,
        strata=None,
        weights=None,
        weights_of_labels=None,
        **fitted,
    ):
        self.rows = self.labeled = rows
        self.values = values
        self.head = head
        self.strata = strata
        self.weights = weights
        self.weights_of_labels = weights_of_labels
        self.fitted = fitted

    def source(self, X, network, rows=None):
        """Rows of the network's inputs with their targets."""
        rows = self.rows if rows is None else rows
        return LabeledSource(X, self.values.astype(network.dtype), rows, self.weights)

    def weigh(self, weights, rows, normalized=False):
        """Let rows count as often as these weights say, and only these.

        With `normalized` the mean weight of the rows that are left is 1.
        """
        if weights is None:
            return
        kept = np.isin(self.rows, rows)
        if not kept.any():
            raise ValueError(
                f"sample_weight is 0 for all {len(kept)} rows with a target: give at "
                "least one of them a positive weight."
            )
        self.rows = self.rows[kept]
        if normalized:
            weights = weights / weights[self.rows].mean()
        own = np.ones(len(weights)) if self.weights is None else self.weights
        self.weights = (own.T * weights).T
        if self.strata is not None:
            self.strata = self.strata[kept]

    def without(self):
        """The rows that count and have no target."""
        counts = np.ones(len(self.values), bool)
        if self.weights is not None:
            counts &= self.weights > 0
        counts[self.labeled] = False
        return np.flatnonzero(counts)

    def learn(self, rows, probabilities, weight):
        """Give these rows probabilities of each label for targets."""
        n_outputs = self.values.shape[1]
        self.values[rows] = probabilities[:, 1:] if n_outputs == 1 else probabilities
        own = np.full(len(rows), weight, np.float64)
        if self.weights_of_labels is not None:
            own *= probabilities @ self.weights_of_labels
        if self.weights is None:
            self.weights = np.ones(len(self.values))
        self.weights[rows] *= own

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


class Rows(Targets):
    """Rows that a network is to put out again."""

    def __init__(self, X):
        super().__init__(np.arange(X.shape[0]), None, None)

    def source(self, X, network, rows=None):
        rows = self.rows if rows is None else rows
        return ReconstructedSource(X, network.targets, rows, self.weights)

    def split(self, fraction, rng):
        return hold_out(self.rows, fraction, rng, len(self.labeled))


class SupervisedDBN(
    LayersMixin, CallbackSupportMixin, DocLinkMixin, VersionMixin, BaseEstimator
):
    """What nets with targets share: learned layers, and a network to be fine-tuned."""

    _parameter_constraints: dict = {
        **DBNTransformer._parameter_constraints,
        # What it has to be is said in the fit, with the remedy.
        "pretrained": [BaseEstimator, None],
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
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
    }
    del _parameter_constraints["layer"]

    # Whether layers start from those below, where it is no parameter.
    transposed = False

    # What `pretrained` may hold.
    _can_be_given = (DBNTransformer,)

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None):
        """Learn the layers from all rows, and then the net from the rows with a target.

        On a KeyboardInterrupt during fine-tuning a warning is issued and the net of the
        last completed epoch is kept; before that the interrupt propagates.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, such as the first layer takes.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.

        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts, as often as it would have to be repeated. Rows of
            weight 0 take no part. None means 1.

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
            If the net has the same output for all rows although their targets differ, or
            if the last third of the epochs brought a clear fifth of the fall in loss.
        """
        with restoring(self):
            self._check_settings()
            plan = self._plan()
            direction = plan.new_direction()
            goes_on = self.warm_start and hasattr(self, "network_")
            X = self._validate(X, reset=not goes_on)
            known = self._known_targets() if goes_on else ()
            targets = self._new_targets(X, y, *known)
            targets.weigh(*check_weights(sample_weight, X), normalized=True)
            rng = make_rng(self.random_state)
            context = self._init_callback_context(max_subtasks=2)
            data = {"X": X, "y": y}
            context.call_on_fit_task_begin(estimator=self, **data)
            if goes_on:
                self._check_same(targets)
                transformer, network = self.transformer_, self._present_network()
            else:
                given = X, targets, rng, context, data, sample_weight
                transformer = self._pretrain(*given)
            wanted = self.pretrained is not None
            inputs = with_hints(wanted, self._inputs, transformer, X)
            rows, held_out = targets.rows, None
            if self.early_stopping:
                rows, held_out = targets.split(self.validation_fraction, rng)
            if not goes_on:
                network = self._start_network(transformer, inputs, targets, rows, rng)
            learned = transformer, X, network, inputs, targets
            rows = self._rows_to_learn(*learned, rows, rng)
            source = targets.source(inputs, network, rows)
            session = plan.start(network, direction, source, rng)

            def fitted(network):
                own = {"transformer_": transformer, "network_": network}
                return own | targets.fitted

            def validation(network):
                return self._held_out_score(network, inputs, targets, held_out)

            kind = "fine-tuning"
            task = context.subcontext(task_name=kind, max_subtasks=self.max_iter)
            judge = Outputs(None if held_out is None else validation)
            monitor = Monitor(self, task, judge, fitted, X, y)
            monitor.begin()
            first = source.batch(rows[:N_MEASURED].copy())
            plan.run(session, source, monitor)
            if monitor.history:
                _warn_if_alike(session.machine, first)
                warn_if_rising(monitor, "max_iter")
            monitor.end(session.machine)
            kept = {"reconstruction_attributes": lambda: fitted(session.machine.copy())}
            context.call_on_fit_task_end(estimator=self, **kept, **data)
            vars(self).update(fitted(session.machine))
            self.history_ = monitor.history
            self.n_iter_ = len(monitor.history)
            self._session, self._rng = session, rng
        return self

    def _partial_fit(self, X, y, targets, sample_weight):
        """One epoch of fine-tuning; the first call learns the layers before it."""
        targets.weigh(*check_weights(sample_weight, X))
        before = getattr(self, "_session", None)
        if before is None:
            rng = make_rng(self.random_state)
            context = self._init_callback_context(max_subtasks=1)
            data = {"X": X, "y": y}
            transformer = self._pretrain(X, targets, rng, context, data, sample_weight)
            wanted = self.pretrained is not None
            inputs = with_hints(wanted, self._inputs, transformer, X)
            given = transformer, inputs, targets, targets.rows
            network = self._start_network(*given, rng)
        else:
            self._check_same(targets)
            rng, transformer = before.rng, self.transformer_
            network, inputs = self._present_network(), self._inputs(transformer, X)
        source = targets.source(inputs, network)
        session = self._plan().go_on(before, network, source, rng)
        self.transformer_, self.network_ = transformer, session.machine
        vars(self).update(targets.fitted)
        self._session, self._rng = session, session.rng
        self.n_iter_ = 1 if before is None else self.n_iter_ + 1
        return self

    def _check_same(self, targets):
        """Raise a ValueError if the fitted network has other outputs than targets."""
        n_outputs, network = targets.values.shape[1], self.network_
        kinds = [
            type(head).__name__
            for head in (targets.head, getattr(network, "head", targets.head))
        ]
        if (n_outputs, kinds[0]) != (network.n_outputs, kinds[1]):
            raise ValueError(
                f"y asks for {n_outputs} outputs ({kinds[0]}), and the model has "
                f"{network.n_outputs} ({kinds[1]}): training cannot go on. Call fit with "
                "warm_start=False."
            )

    def _known_targets(self):
        """What the targets of a fit that goes on take from the fitted model."""
        return ()

    def _validate(self, X, reset=False, allow_nan=False):
        if hasattr(self, "transformer_") and not reset:
            first = self.transformer_.rbms_[0]
        elif self.pretrained is not None:
            first = self._given_transformer().rbms_[0]
            if hasattr(self._given(), "feature_names_in_"):
                check_feature_names(self._given(), X, reset=False)
        else:
            first = first_layer(self)
        return validate_rows(self, first, X, reset, allow_nan)

    def _plan(self):
        """How the network is to be fine-tuned."""
        return FineTuningPlan.of(self)

    def _check_settings(self):
        """Raise a ValueError for parameters that do not go together."""

    def _pretrained_layers(self):
        """The layers that learn without targets."""
        return self.layers

    def _added_layers(self):
        """RBMs on top of these that are no entries of `layers`."""
        return ()

    def _given_transformer(self):
        """The transformer that `pretrained` holds."""
        given = self._given()
        if not isinstance(given, self._can_be_given):
            kinds = " or ".join(kind.__name__ for kind in self._can_be_given)
            remedy = "give FrozenEstimator(dbn) with a fitted one."
            if isinstance(given, (RBM, Original)):
                remedy = "make one of fitted RBMs with DBNTransformer.from_rbms([rbm])."
            raise TypeError(
                f"pretrained={self.pretrained!r} holds no {kinds}: {remedy}"
            )
        if isinstance(given, DBNTransformer):
            self._check_given("rbms_")
            return given
        self._check_given("network_")
        return given.transformer_

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

    def _pretrain(self, X, targets, rng, context, data, sample_weight):
        """The fitted layers: the ones given, or new ones that learn from all rows."""
        if self.pretrained is not None:
            given = self._given_transformer()
            if given.n_features_in_ != self.n_features_in_:
                raise ValueError(
                    f"X has {self.n_features_in_} columns, but pretrained was fitted to "
                    f"{given.n_features_in_}."
                )
            return given
        layers, n_iter = self._pretrained_layers(), self.n_iter
        plain = all(isinstance(layer, Integral) for layer in layers)
        if n_iter is None and self.rbm is None and plain:
            n_rows, *limits = self._presented(targets)
            n_iter = int(np.clip(n_rows // X.shape[0], *limits))
        transformer = DBNTransformer(
            (*layers, *self._added_layers()),
            rbm=self.rbm,
            n_iter=n_iter,
            transposed=self.transposed,
            verbose=self.verbose,
            random_state=int(rng.integers(2**31)),
        )
        task = context.subcontext(task_name="pre-training")
        with task.propagate_callback_context(transformer):
            task.call_on_fit_task_begin(estimator=self, **data)
            transformer.fit(X, sample_weight=sample_weight)
            if hasattr(self, "feature_names_in_"):
                transformer._name_columns(self.feature_names_in_)
            task.call_on_fit_task_end(
                estimator=self, reconstruction_attributes=dict, **data
            )
        return transformer

    def _presented(self, targets):
        """Rows to present in pre-training, and the fewest and the most epochs."""
        return PRESENTED

    def _start_network(self, transformer, inputs, targets, rows, rng):
        """A network to be fine-tuned on these rows."""
        network = self._new_network(transformer, inputs, targets, rows, rng)
        network.measure_reach(inputs[some_of(rows)])
        return network

    def _new_network(self, transformer, inputs, targets, rows, rng):
        """A network on top of the layers; these rows of the inputs may be learned from."""
        raise NotImplementedError

    def _rows_to_learn(self, transformer, X, network, inputs, targets, rows, rng):
        """The rows with a target to learn from, and what others have one by now."""
        return rows

    def _held_out_score(self, network, inputs, targets, rows):
        """What early stopping goes by; larger is better."""
        return targets.score(fields_of(network, inputs[rows]), rows)

    def _present_network(self):
        """A copy of the fitted network with the present settings."""
        return self.network_.copy()

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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def some_of(rows):
    """About as many of the rows as a network is measured on."""
    return rows[:: 1 + len(rows) // N_MEASURED]


def _warn_if_alike(network, batch):
    """Warn if rows whose targets differ have the same output."""
    if not np.ptp(batch.targets, axis=0).any():
        return
    spread = fields_of(network, batch.values).std(axis=0).max()
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
