"""The layers of a deep belief net: their settings, and how they fit on each other."""

import copy
from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.neural_network import BernoulliRBM as Original
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from .. import units
from .._data._incomplete import nan_places
from .._data._tables import (
    check_frame,
    is_frame,
    joined,
    missing_in,
    naming_text,
    validate_numbers,
)
from .._utils._numerics import DTYPES, looks_like_probabilities
from ..machines import RestrictedMachine
from ..units._base import ask
from ._bernoulli_rbm import BernoulliRBM
from ._gaussian_rbm import GaussianRBM
from ._mixed_rbm import MixedRBM
from ._rbm import RBM

# What the layer of a code does not take from the settings of the others.
OF_CODE = {"n_components", "visible", "hidden", "sparsity"}

# Weights of units that are added to a transposed layer, so that they do not stay alike.
SMALL = 1e-3


class LayersMixin:
    """Parameters of `rbm` under their own names."""

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
        nested = [name for name in params if name.startswith("rbm__")]
        if nested and params.get("rbm", self.rbm) is None:
            raise ValueError(
                f"{nested[0]} is a parameter of rbm, which is None: give an instance, "
                "such as rbm=BernoulliRBM()."
            )
        return super().set_params(**params)


def first_layer(estimator):
    """The RBM at the bottom, as the parameters describe it; None if the data decide."""
    first = _sizes(estimator)[0]
    return estimator.rbm if isinstance(first, Integral) else first


def new_rbms(net, X):
    """Unfitted layers with the settings of a net, for its data."""
    template = net.rbm
    if template is None:
        template = BernoulliRBM()
        if first_layer(net) is None and not looks_like_probabilities(X):
            template = GaussianRBM()
    return _layers_of(net, template)


def renewed_rbms(net):
    """Copies of the fitted layers of a net with its present settings."""
    template, rbms = net.rbm, copy.deepcopy(net.rbms_)
    if template is None:
        template = type(rbms[0])() if first_layer(net) is None else BernoulliRBM()
    new = _layers_of(net, template)
    if [type(rbm) for rbm in new] != [type(rbm) for rbm in rbms]:
        raise ValueError(
            f"layers={net.layers!r} are not those of the fitted net, {rbms}, and "
            "partial_fit cannot change them: call fit, which begins anew."
        )
    for rbm, renewed in zip(rbms, new, strict=True):
        settings = renewed.get_params(deep=False)
        # What is drawn goes on.
        del settings["random_state"]
        rbm.set_params(**settings)
    return rbms


def layers_to_go_on(net):
    """Copies of the fitted layers of a net with its present settings, that go on."""
    rbms = renewed_rbms(net)
    rbms[0] = without_names(rbms[0])
    for rbm in rbms:
        rbm.set_params(warm_start=True)
    return rbms


def _layers_of(net, template):
    """Unfitted layers; `template` has the settings of those given as a number."""
    rbms, seeds = [], check_random_state(net.random_state)
    for i, layer in enumerate(_sizes(net)):
        if isinstance(layer, Integral):
            rbm = clone(template) if not i else _above(template)
            rbm.set_params(n_components=int(layer))
        else:
            rbm = clone(layer)
        if net.n_iter is not None:
            rbm.set_params(n_iter=net.n_iter)
        if net.verbose:
            rbm.set_params(verbose=net.verbose)
        if rbm.random_state is None:
            rbm.set_params(random_state=seeds.randint(2**31 - 1))
        if i:
            check_types(i, hidden_units(rbms[-1]), rbm)
        rbms.append(rbm)
    return rbms


def without_names(rbm):
    """An RBM for the arrays of a net that knows the names of the columns itself."""
    if isinstance(rbm, MixedRBM) or not hasattr(rbm, "feature_names_in_"):
        return rbm
    rbm = copy.copy(rbm)
    del rbm.feature_names_in_
    return rbm


def validate_rows(estimator, first, X, reset=False, allow_nan=False):
    """X as the first layer takes it; a table is validated there."""
    finite = "allow-nan" if allow_nan else True
    if not isinstance(first, MixedRBM):
        remedy = "give the DataFrame to a net with a MixedRBM at the bottom"
        return validate_numbers(
            estimator, X, remedy, reset=reset, ensure_all_finite=finite
        )
    check_frame(X)
    if not hasattr(X, "shape"):
        with naming_text(X, type(estimator).__name__, "give a DataFrame"):
            X = check_array(X, dtype=DTYPES, ensure_all_finite=finite)
    return validate_data(estimator, X, skip_check_array=True, reset=reset)


def refuse_missing(estimator, X):
    """Raise a ValueError if values are missing in an array or a DataFrame."""
    if is_frame(X):
        names = [name for name in X.columns if missing_in(X[name]).any()]
    else:
        unknown = nan_places(X)
        names = [] if unknown is None else np.flatnonzero(unknown.any(axis=0))
    if len(names):
        raise ValueError(
            f"X has NaN or other missing values in the columns {joined(names)}, and "
            f"{type(estimator).__name__} needs all of them. Fill them in before, in a "
            "pipeline by skdbn.BoltzmannImputer."
        )


def list_of_layers(estimator):
    """The entries of `layers`, not checked."""
    if isinstance(estimator.layers, np.ndarray) and estimator.layers.ndim != 1:
        raise ValueError(
            f"layers={estimator.layers!r} has {estimator.layers.ndim} dimensions: take a "
            "list, such as [256, 128]."
        )
    return list(estimator.layers)


def _sizes(estimator):
    """The entries of `layers`, checked."""
    layers = list_of_layers(estimator)
    if not layers:
        raise ValueError("layers is empty: give the number of units of each layer.")
    for layer in layers:
        whole = isinstance(layer, Integral) and not isinstance(layer, bool)
        if not isinstance(layer, RBM) and not (whole and layer >= 1):
            raise ValueError(
                f"layers={estimator.layers!r}: {layer!r} is neither an int of at least 1 "
                "nor an RBM."
            )
    return layers


def hidden_units(rbm):
    """Units of the hidden type of an RBM, fitted or not."""
    return units.resolve(getattr(rbm, "hidden", "bernoulli"))


def _above(template):
    """The template for a layer whose data are hidden units of the template."""
    settings = template.get_params(deep=False)
    if "hidden" in settings:
        return clone(template).set_params(visible=settings["hidden"])
    if "visible" in settings:
        return clone(template).set_params(visible="bernoulli")
    common = BernoulliRBM().get_params(deep=False).keys() & settings.keys()
    return clone(BernoulliRBM(**{name: settings[name] for name in common}))


def size_of_last(net):
    """The number of units of the last layer below the code of an autoencoder."""
    last = _sizes(net)[-1]
    return last.n_components if isinstance(last, RBM) else last


def layer_of_code(net):
    """An unfitted RBM with the code of an autoencoder as its hidden units."""
    last, template = _sizes(net)[-1], net.rbm
    below = last if isinstance(last, RBM) else template
    settings = {} if template is None else template.get_params(deep=False)
    names = RBM().get_params().keys() & settings.keys() - OF_CODE
    rbm = RBM(**{name: settings[name] for name in names}).set_params(
        n_components=net.n_components,
        visible="bernoulli" if below is None else hidden_units(below),
        hidden=net.code,
    )
    return clone(rbm)


def check_types(i, below, rbm):
    """Raise a ValueError if a layer's visible units are not those hidden below."""
    if isinstance(rbm, MixedRBM):
        raise TypeError(f"Layer {i} is a MixedRBM, which can only be the first one.")
    visible, _ = rbm._new_units()
    if not visible.has_states_of(below):
        raise ValueError(
            f"Layer {i} has visible units of type {visible}, but the hidden units below "
            f"are {below}. Give it an RBM with visible={_as_parameter(below)}."
        )


def fitted_rbms(rbms):
    """Fitted RBMs that fit on each other; those of scikit-learn are converted."""
    rbms = [
        BernoulliRBM.from_sklearn(rbm) if isinstance(rbm, Original) else rbm
        for rbm in rbms
    ]
    if not rbms:
        raise ValueError("rbms is empty: give at least one fitted RBM.")
    for i, rbm in enumerate(rbms):
        if not isinstance(rbm, RBM):
            raise TypeError(f"rbms[{i}]={rbm!r} is no RBM.")
        check_is_fitted(rbm, "machine_")
        if i:
            _check_fit(i, rbms[i - 1], rbm.machine_)
    return rbms


def _check_fit(i, below, machine):
    """Raise a ValueError if fitted layers do not fit on each other."""
    n_units = below.machine_.weights.shape[1]
    if machine.weights.shape[0] != n_units:
        raise ValueError(
            f"rbms[{i}] has {machine.weights.shape[0]} columns, but rbms[{i - 1}] has "
            f"{n_units} hidden units."
        )
    if not machine.visible.has_states_of(below.machine_.hidden):
        raise ValueError(
            f"rbms[{i}] has visible units of type {machine.visible}, but the hidden "
            f"units of rbms[{i - 1}] are {below.machine_.hidden}."
        )


def _as_parameter(layer):
    """The name of a type at its default settings, or how to write it otherwise."""
    for name, kind in units.REGISTRY.items():
        if type(layer) is kind and layer.get_params() == kind().get_params():
            return repr(name)
    return repr(layer)


def transposed_machine(i, below, rbm, rng):
    """The machine below upside down, with units added up to the size of the layer."""
    machine = below.mirrored()
    n_visible, n_hidden = machine.weights.shape
    hidden = hidden_units(rbm)
    if not hidden.has_states_of(machine.hidden):
        raise ValueError(
            f"transposed=True, and layer {i} has hidden units of type {hidden}, but "
            f"{machine.hidden} units are two layers below. Give it an RBM with "
            f"hidden={_as_parameter(machine.hidden)}, or take transposed=False."
        )
    added = rbm.n_components - n_hidden
    if added < 0:
        raise ValueError(
            f"transposed=True, and layer {i} has {rbm.n_components} units, fewer than "
            f"the {n_hidden} two layers below. Take at least {n_hidden} or "
            "transposed=False."
        )
    dtype = machine.weights.dtype
    hidden.start(rbm.n_components, dtype=dtype)
    # A unit in other units of measure has the same weights in those.
    old, new = (ask(layer, units.Scaled) for layer in (machine.hidden, hidden))
    spread, own = old.spread(n_hidden), new.spread(rbm.n_components)
    own = np.broadcast_to(own, rbm.n_components)[:n_hidden]
    scale = np.divide(spread, own, out=np.ones(n_hidden), where=own > 0).astype(dtype)
    bias = old.uncentered(machine.hidden_bias) * scale
    noise = rng.normal(0, SMALL, (n_visible, added)).astype(dtype)
    return RestrictedMachine(
        np.hstack([machine.weights * scale, noise]),
        machine.visible_bias.copy(),
        np.concatenate([bias, np.zeros(added, dtype)]),
        machine.visible,
        hidden,
    )
