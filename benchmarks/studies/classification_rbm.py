"""RBMClassifier on the digits of MNIST: the four objectives of the published table.

Of the 60,000 training digits 10,000, drawn by the seed, say when a fit was best and which
settings are taken; the test digits are read once, with the settings chosen. Each finished
fit is kept in the folder --work, so that a second call goes on where the first was
stopped.
"""

from pathlib import Path

import numpy as np

from skdbn import ConstantSparsity, RBMClassifier
from skdbn.schedules import Linear

from .. import _data
from .._harness import Study, Table, mean_and_spread, timed, two

# The published test errors, and how the network was made.
PUBLISHED = {
    "discriminative": (1.81, dict(n_components=500, objective="discriminative")),
    "hybrid": (1.28, dict(n_components=1500)),
    "sparse hybrid": (1.16, dict(n_components=3000)),
    "generative": (3.39, dict(n_components=6000, objective="generative")),
}
RARE = ConstantSparsity(0.0002)
STEPS = dict(learning_rate=1.0, batch_size=20, n_iter=30)
CANDIDATES = {
    "discriminative": [
        STEPS,
        STEPS | dict(batch_size=10),
        STEPS | dict(weight_decay=1e-4),
    ],
    "hybrid": [dict(generative_weight=weight) | STEPS for weight in (0.01, 0.1)],
    # A sparsity of 0.002, as much in an epoch as the published steps take, was worse epoch
    # by epoch, as was weight 0.3 with a rate of 2 (2.0 % after 15 of 30), with a weight
    # decay of 1e-5 (1.6 % after 11), and weight 1 with a rate of 0.5 (1.7 % after 14).
    "sparse hybrid": [
        dict(sparsity=RARE, generative_weight=weight, gradient=gradient) | STEPS
        for weight, gradient in ((0.1, "cd"), (0.3, "cd"), (0.1, "pcd"))
    ],
    "generative": [
        dict(learning_rate=0.2, batch_size=100, n_iter=20),
        # 6,000 units at this rate were at 10 % after half of the epochs.
        dict(
            n_components=2000,
            gradient="pcd",
            learning_rate=0.1,
            batch_size=100,
            n_iter=40,
        ),
    ],
}

study = Study(__file__, __doc__, work=Path, objectives=list(PUBLISHED), seeds=1)


def fit(settings, seed, X, y):
    """A fitted classifier with its seconds."""
    settings = settings | {"learning_rate": Linear(settings["learning_rate"])}
    classifier = RBMClassifier(
        **settings,
        early_stopping=True,
        validation_fraction=_data.N_VALID / len(X),
        n_iter_no_change=settings["n_iter"],
        verbose=1,
        random_state=seed,
    )
    classifier, classifier.seconds_ = timed(classifier.fit, X, y)
    return classifier


def classifier_of(kept, name, settings, seed, data):
    """The key of a classifier, and the classifier."""
    values = "-".join(f"{key}-{value}" for key, value in settings.items())
    key = f"{name}-{values}-seed-{seed}"
    return key, kept.model(key, fit, PUBLISHED[name][1] | settings, seed, *data[:2])


def validated(kept, name, settings, seed, data):
    """Validation error in percent of the best epoch, and that epoch."""
    _, classifier = classifier_of(kept, name, settings, seed, data)
    found = [epoch["validation_accuracy"] for epoch in classifier.history_]
    return 100 * (1 - max(found)), 1 + int(np.argmax(found)), classifier.seconds_


def tested(kept, name, settings, seed, data):
    """Test error in percent, which is computed once."""
    key, classifier = classifier_of(kept, name, settings, seed, data)
    error = lambda: {"test": 100 * (1 - classifier.score(*data[2:]))}
    return kept.result(f"test-{key}", error)["test"]


def cells(settings, epoch, error):
    """What of a setting stands in the table."""
    return [
        settings["n_components"],
        settings.get("generative_weight", ""),
        settings["sparsity"].strength if "sparsity" in settings else 0,
        settings.get("weight_decay", 0),
        "yes" if settings.get("gradient") == "pcd" else "",
        f"{settings['learning_rate']:g} to 0",
        settings["batch_size"],
        settings["n_iter"],
        epoch,
        two(error),
    ]


@study.part(page="classification-rbm")
def errors(run):
    """Classification of digits

    Errors on the 10,000 test digits. Of the 60,000 training digits 10,000 say which epoch
    was the best, and which settings where several were tried; grey values are taken as
    they are. Published figures are those of Larochelle et al. (2012), of the same sizes
    with batches of one row; batches are larger here, for speed, and the rate falls to
    zero; the generative objective has a third of the hidden units and chains that
    persist. With its settings and all 60,000 digits the sparse hybrid had a test error of
    1.38 %. Seconds were taken beside other work.

    {table}

    Settings that were tried, with seed 0:

    {tried}
    """
    data = list(_data.digits(run.data))
    table = Table(
        "objective | hidden units | validation error, % | test error, % | published"
        " | seconds"
    )
    tried = Table(
        "objective | hidden units | generative weight | sparsity | weight decay"
        " | persistent chains | learning rate | batch | epochs | best epoch"
        " | validation error, %"
    )
    for name in run.objectives:
        published, network = PUBLISHED[name]
        found = [
            validated(run.kept, name, settings, 0, data)
            for settings in CANDIDATES[name]
        ]
        for settings, (error, epoch, _) in zip(CANDIDATES[name], found, strict=True):
            tried.add(name, *cells(network | settings, epoch, error))
        best = CANDIDATES[name][int(np.argmin(found, axis=0)[0])]
        runs = [
            (
                *validated(run.kept, name, best, seed, data),
                tested(run.kept, name, best, seed, data),
            )
            for seed in range(run.seeds)
        ]
        error, _, spent, test = np.transpose(runs)
        table.add(
            name,
            (network | best)["n_components"],
            mean_and_spread(error),
            mean_and_spread(test),
            published,
            f"{np.mean(spent):.0f}",
        )
    return dict(table=table, tried=tried)


if __name__ == "__main__":
    study.main()
