"""What the start of Gaussian RBMs on columns without correlations is worth.

Where tails are light, hidden units start large there, and rarely on where they are heavy.
Fits at the defaults that start so are compared with those of small random weights, by the
likelihood of held-out rows, exactly up to 20 hidden units, and by the pseudo-likelihood
with more. Data are those of scikit-learn: DATA is not read.
"""

from unittest import mock

import numpy as np
from scipy.stats import norm
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.feature_extraction.image import PatchExtractor
from sklearn.model_selection import train_test_split

from skdbn import GaussianRBM
from skdbn._training import _start
from skdbn.evaluation import log_likelihood
from skdbn.exceptions import with_hints

from .._harness import Study, Table, mean_and_spread


def two_clusters(rng):
    X = rng.normal(size=(2000, 4)) / np.sqrt(2)
    X[:, 0] += rng.choice([-1, 1], 2000) * 1.5
    return (X - X.mean(axis=0)) / X.std(axis=0)


# Without correlations anyway.
SOURCES = {
    "Laplace, 10 columns": lambda rng: rng.laplace(size=(2000, 10)),
    "normal, 10 columns": lambda rng: rng.normal(size=(2000, 10)),
    "two clusters, 4 columns": two_clusters,
}
PATCHES = "patches of 10 × 10"
# Of so large a share of the variance are components kept.
KEPT = 0.99
# With more units it is the pseudo-likelihood that is compared.
MOST_EXACT = 20
TABLES = "wine", "breast cancer", "digits", "iris"

study = Study(__file__, __doc__, sets=[*TABLES, PATCHES, *SOURCES], seeds=8, units=16)


def rows(name, seed):
    """Training rows and held-out rows, a quarter, without correlations."""
    rng = np.random.default_rng(seed)
    if name in SOURCES:
        return train_test_split(SOURCES[name](rng), random_state=seed)
    if name == PATCHES:
        pictures = np.mean(datasets.load_sample_images().images, axis=3)
        X = PatchExtractor(patch_size=(10, 10), max_patches=4000, random_state=seed)
        X = X.transform(pictures).reshape(8000, -1)
        X -= X.mean(axis=1, keepdims=True)
    else:
        X = getattr(datasets, f"load_{name.replace(' ', '_')}")().data
        X = X[:, X.std(axis=0) > 0]
        X = (X - X.mean(axis=0)) / X.std(axis=0)
    learn, test = train_test_split(X, random_state=seed)
    pca = PCA(KEPT, whiten=True).fit(learn)
    return pca.transform(learn), pca.transform(test)


def compare(name, n_units, seed):
    """Nats a held-out row of normal columns, a plain start and the rule's, and its kind."""
    learn, test = rows(name, seed)
    normal = norm(learn.mean(axis=0), learn.std(axis=0)).logpdf(test)
    found, chosen = [normal.sum(axis=1).mean()], []
    rule = _start._large_units

    def by_rule(*args):
        chosen.append(rule(*args))
        return chosen[-1]

    for start in (lambda *args: None, by_rule):
        rbm = GaussianRBM(n_units, random_state=seed)
        with mock.patch.object(_start, "_large_units", start):
            with_hints(False, rbm.fit, learn)
        exact = n_units <= MOST_EXACT
        score = log_likelihood(rbm, test) if exact else rbm.score_samples(test)
        found.append(score.mean())
    return *found, "plain" if chosen[0] is None else ("rare", "large")[
        chosen[0][2] == 0.5
    ]


@study.part(page="whitened-{units}")
def starts(run):
    """Starts of {units} hidden units on columns without correlations

    Nats a held-out row, by the {kind}likelihood, of a `GaussianRBM` at its defaults, mean and
    deviation over {seeds} seeds, each with a split of its own, beside normal columns. By
    the rule hidden units start rarely on, or a few large, or plain, with small random
    weights. The gain by the rule has its standard error, and how often it is no loss.

    {table}
    """
    table = Table(
        "data | rule | normal | plain start | rule's start | gain | not worse"
    )
    for name in run.sets:
        *scores, kinds = zip(*run.seeded(compare, name, run.units), strict=True)
        normal, plain, by_rule = map(np.array, scores)
        gain = by_rule - plain
        table.add(
            name,
            ", ".join(sorted(set(kinds))),
            *(mean_and_spread(score) for score in (normal, plain, by_rule)),
            f"{gain.mean():.2f} ± {gain.std(ddof=1) / np.sqrt(len(gain)):.2f}",
            f"{(gain >= 0).sum()} of {len(gain)}",
        )
    return dict(table=table, kind="" if run.units <= MOST_EXACT else "pseudo-")


if __name__ == "__main__":
    study.main()
