"""Every public object has a complete docstring in numpydoc's format."""

import importlib
import inspect
import pkgutil
import re

import pytest
from numpydoc.docscrape import NumpyDocString
from numpydoc.validate import validate

import skdbn

NOT_CHECKED = {
    "GL01": "the summary starts right after the quotes, as in scikit-learn",
    "ES01": "one line can be enough",
    "RT02": "a single returned value may have a name, as in scikit-learn",
}
NOT_CHECKED_ON_METHODS = {
    "EX01": "the example of the class shows its methods",
    "SA01": "the other methods are on the same page",
}
NOT_CHECKED_ON_EXCEPTIONS = {
    "EX01": "users meet an exception, they do not call it",
    "SA01": "its text says where it comes from",
}
# Classes in which a parameter or attribute means something of its own, alone or together.
LABELS = {"DBNClassifier"}
NETS = LABELS | {"DBNRegressor"}
GENERATIVE = {"GenerativeDBNClassifier"}
AUTO = {"DBNAutoencoder"}
NEIGHBORS = {"DBNNeighborhoodComponents"}
GIVEN, TEMPORAL = {"ConditionalRBM"}, {"TemporalRBM"}
CODES = AUTO | NEIGHBORS
BACKWARD = NETS | CODES
TIED = {"ConvolutionalRBM"}
COVARIANCE = {"MeanCovarianceRBM"}
EACH = "every class"
# But for these, which share what they say.
TOGETHER = {
    "gradient": GIVEN | TEMPORAL,
    "learning_rate": GIVEN | TEMPORAL | {"RBM"},
    "visible": GIVEN | {"RBM"},
}
OWN_MEANING = {
    "alpha": [BACKWARD],
    "batch_size": [NETS, AUTO, NEIGHBORS, GENERATIVE, COVARIANCE],
    "class_weight": EACH,
    "classes_": [{"DBNClassifier"}],
    "cost": EACH,
    "components_": [
        {"MixedRBM"},
        {"RBMClassifier"},
        TIED,
        GIVEN,
        TEMPORAL,
        COVARIANCE,
    ],
    "context_coef_": EACH,
    "context_components_": EACH,
    "early_stopping": [BACKWARD, GENERATIVE, {"RBMClassifier"}],
    "gradient": EACH,
    "gradient_": [{"RBMClassifier"}],
    "history_": [
        {"BernoulliRBM"},
        NETS,
        CODES,
        GENERATIVE,
        {"RBMClassifier"},
        GIVEN,
        TEMPORAL,
        COVARIANCE,
    ],
    "h_samples_": [TIED, GIVEN | TEMPORAL],
    "hidden": [TEMPORAL],
    "input_dropout": [NETS | NEIGHBORS],
    "intercept_visible_": [{"MixedRBM"}],
    "layers": [NETS, GENERATIVE, CODES],
    "learning_rate": EACH,
    "learning_rate_init": [NETS, BACKWARD - NETS, GENERATIVE],
    "machine_": [{"RBMClassifier"}, COVARIANCE],
    "mean_activation_": [{"RBMClassifier"}, {"SparseRBM"}, TIED, GIVEN, TEMPORAL],
    "mean_": [COVARIANCE],
    "max_iter": [LABELS, NETS - LABELS, GENERATIVE],
    "momentum": [BACKWARD, GENERATIVE],
    "n_components": [CODES],
    "n_iter": [
        NETS,
        (BACKWARD | GENERATIVE) - NETS,
        {"DBNTransformer"},
        {"RBMClassifier"},
        COVARIANCE,
    ],
    "n_iter_": [BACKWARD | GENERATIVE, COVARIANCE],
    "network_": [AUTO, NEIGHBORS],
    "penalized": EACH,
    "penalty": EACH,
    "pretrained": [{"DBNClassifier"}, {"DBNRegressor"}, GENERATIVE, CODES],
    "random_state": [NETS, GENERATIVE, CODES, {"DBNTransformer"}, {"BoltzmannImputer"}],
    "rbm": [BACKWARD | GENERATIVE],
    "rbms_": [BACKWARD | GENERATIVE],
    "scale_": [COVARIANCE],
    "sparsity": [TIED],
    "target": EACH,
    "tol": [BACKWARD | GENERATIVE, {"RBMClassifier"}],
    "transformer_": [NETS, GENERATIVE],
    "transposed": [NETS, GENERATIVE],
    "unlabeled": EACH,
    "unlabeled_weight": EACH,
    "validation_fraction": [NETS | GENERATIVE, {"RBMClassifier"}],
    "verbose": [{"DBNTransformer"}, {"BoltzmannImputer"}],
    "visible": EACH,
    "warm_start": [NETS | GENERATIVE, {"DBNTransformer"}, CODES],
    "weight_decay": [GENERATIVE, {"RBMClassifier"}, COVARIANCE],
}


def public_modules():
    """Yield the package and its public modules; machines are an inner matter."""
    yield skdbn
    for info in pkgutil.iter_modules(skdbn.__path__):
        if not info.name.startswith("_") and info.name != "machines":
            yield importlib.import_module(f"skdbn.{info.name}")


def function_of(member):
    """Return the function behind a method or property, None for anything else."""
    if isinstance(member, property):
        return member.fget
    if isinstance(member, staticmethod | classmethod):
        return member.__func__
    return member if inspect.isroutine(member) else None


def documented_members(cls):
    """Yield the names of public methods and properties that skdbn defines."""
    for name in dir(cls):
        owner = next((c for c in cls.__mro__ if name in vars(c)), object)
        function = function_of(vars(owner).get(name))
        if name.startswith("_") or not owner.__module__.startswith("skdbn"):
            continue
        # scikit-learn adds methods such as set_fit_request to the class.
        if function is None or not (function.__module__ or "").startswith("skdbn"):
            continue
        # Without a docstring of its own a method has that of the contract.
        own = vars(owner)[name].__doc__
        if own or not inspect.getdoc(getattr(owner, name)):
            yield f"{owner.__module__}.{owner.__qualname__}.{name}"


def public_objects():
    """Map the dotted name of each public object to the codes not checked on it."""
    objects = {}
    for module in public_modules():
        for name in module.__all__:
            public = getattr(module, name)
            if not inspect.isclass(public) and not inspect.isroutine(public):
                continue
            raised = inspect.isclass(public) and issubclass(public, BaseException)
            key = f"{public.__module__}.{public.__qualname__}"
            objects[key] = NOT_CHECKED | (NOT_CHECKED_ON_EXCEPTIONS if raised else {})
            if inspect.isclass(public):
                for member in documented_members(public):
                    objects[member] = NOT_CHECKED | NOT_CHECKED_ON_METHODS
    return objects


OBJECTS = public_objects()


@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_docstring(name):
    errors = [
        f"{code}: {message}"
        for code, message in validate(name)["errors"]
        if code not in OBJECTS[name]
    ]
    assert not errors, "\n".join([name, *errors])


@pytest.mark.parametrize("module", public_modules(), ids=lambda m: m.__name__)
def test_module_docstring(module):
    assert module.__doc__


def descriptions():
    """Map parameters and attributes to their descriptions in each estimator."""
    found = {}
    for name in skdbn.__all__:
        cls = getattr(skdbn, name)
        if not inspect.isclass(cls):
            continue
        doc = NumpyDocString(inspect.getdoc(cls))
        for entry in doc["Parameters"] + doc["Attributes"]:
            # Numbers of references differ.
            text = re.sub(r" \[\d+\]_", "", " ".join(" ".join(entry.desc).split()))
            for own in entry.name.split(", "):
                found.setdefault(own, {})[name] = text
    return found


DESCRIPTIONS = descriptions()


@pytest.mark.parametrize("name", sorted(DESCRIPTIONS))
def test_what_means_the_same_reads_the_same(name):
    groups = {}
    for cls, text in DESCRIPTIONS[name].items():
        groups.setdefault(text, set()).add(cls)
    expected = OWN_MEANING.get(name, [])
    if expected == EACH:
        together = TOGETHER.get(name, set())
        expected = [{cls} for cls in set(DESCRIPTIONS[name]) - together]
        expected += [together] if together else []
    others = set(DESCRIPTIONS[name]).difference(*expected)
    expected = [*expected, others] if others else expected
    assert sorted(map(sorted, groups.values())) == sorted(map(sorted, expected))


LABELS = {"DBNClassifier", *GENERATIVE}
STACKS = {"DBNTransformer", *NETS, *GENERATIVE}
# In these classes of estimators parameters of methods may mean something of their own.
OF_METHODS = {
    "X": [
        {"MixedRBM"},
        {"RBMClassifier"},
        {"DBNTransformer"},
        NETS | GENERATIVE,
        CODES,
        TEMPORAL,
        COVARIANCE,
    ],
    "v": [GIVEN],
    "H": [STACKS, AUTO],
    "y": [{"DBNRegressor"}, {"RBMClassifier"}, {"DBNTransformer"}, LABELS, NEIGHBORS],
    "means": [STACKS, TEMPORAL],
    "n_samples": [STACKS],
    "n_steps": [STACKS, TEMPORAL, COVARIANCE],
    "tempering": [STACKS],
    "trace": [STACKS, COVARIANCE],
    "params": [STACKS],
}


def method_descriptions():
    """Map methods and their parameters to the descriptions in each estimator."""
    found = {}
    for name in skdbn.__all__:
        cls = getattr(skdbn, name)
        if not inspect.isclass(cls) or name == "BoltzmannImputer":
            continue
        for method in filter(lambda m: not m.startswith("_"), dir(cls)):
            function = getattr(cls, method)
            module = getattr(function, "__module__", None) or ""
            if not inspect.isfunction(function) or not module.startswith("skdbn"):
                continue
            doc = NumpyDocString(inspect.getdoc(function) or "")
            for entry in doc["Parameters"]:
                text = re.sub(r" \[\d+\]_", "", " ".join(" ".join(entry.desc).split()))
                for own in entry.name.split(", "):
                    found.setdefault((method, own), {})[name] = text
    return found


METHODS = method_descriptions()


@pytest.mark.parametrize("method, name", sorted(METHODS))
def test_parameters_of_a_method_read_the_same(method, name):
    texts = METHODS[method, name]
    families = OF_METHODS.get(name, [])
    rest = set(texts).difference(*families)
    for family in [*families, rest]:
        assert len({texts[cls] for cls in family & texts.keys()}) <= 1
