"""Missing values filled in by BoltzmannImputer, and by what scikit-learn has.

Pictures are learned whole; then each half of them, or 70 % of the pixels, are hidden. Of
tables 20 % of the entries are hidden, in the rows that are learned from as well. The
settings of each method are chosen on validation rows for each kind of holes, and the test
rows are read once. --rows is the most rows of each part.
"""

import warnings
from itertools import groupby
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

from skdbn import RBM, BernoulliRBM, BoltzmannImputer
from skdbn.gradients import PCD
from skdbn.schedules import Linear
from skdbn.units import Concatenated, Gaussian

from .. import _data, _pictures
from .._harness import Study, Table, announce, each, mean_and_spread, timed

# The distances of KNNImputer and the regressions of IterativeImputer take long, and
# rows of pictures have five kinds of holes.
MOST_TRAINING_ROWS = 10_000
MOST_PICTURES, MOST_WORDS = 500, 2000
TABLE_ROWS = 5000, 1000, 1000
NEIGHBORS = (5, 10, 20, 50)
# What a probability of 0 or 1 may cost.
CLIP = 0.01

study = Study(__file__, __doc__, seeds=3, rows=MOST_TRAINING_ROWS, pictures=None)


class Problem(NamedTuple):
    """Rows to learn from, to choose settings by and to report, and their holes.

    `holes` has for each kind of holes its masks of the three parts; that of the training
    rows is None where these are whole.
    """

    name: str
    parts: list
    holes: dict
    loss: callable
    models: dict
    shape: tuple | None = None


def squared_error(values, truth):
    return float(np.square(values - truth).mean())


def log_loss(values, truth):
    p = np.clip(values, CLIP, 1 - CLIP)
    return -float(np.log(np.where(truth == 1, p, 1 - p)).mean())


LOSSES = {
    squared_error: "Squared error of the hidden pixels",
    log_loss: "Log loss of the hidden entries in nats, probabilities within "
    f"[{CLIP}, {1 - CLIP}]",
}

# The data


def picture_holes(shape, parts, rng):
    """Masks of each half, and of 70 % of the pixels."""
    height, width = shape
    rows, columns = np.divmod(np.arange(height * width), width)
    halves = {
        "left": columns < width // 2,
        "right": columns >= width // 2,
        "upper": rows < height // 2,
        "lower": rows >= height // 2,
    }
    masks = {
        f"{name} half": [None, *(np.tile(half, (len(X), 1)) for X in parts[1:])]
        for name, half in halves.items()
    }
    some = [rng.random(X.shape) < 0.7 for X in parts[1:]]
    masks["70 % of the pixels"] = [None, *some]
    return masks


def olivetti(folder, rng):
    """No person is in two parts."""
    X, y = _data.olivetti(folder)
    groups = np.split(rng.permutation(40), [28, 34])
    return [X[np.isin(y, group)] / 255 for group in groups], (32, 32)


def frey(folder, rng):
    """The parts follow one another, since neighbors are alike."""
    return np.split(_data.frey(folder) / 255, [1365, 1665]), (28, 20)


def silhouettes(folder, rng):
    return _data.silhouettes(folder), (28, 28)


def words(folder, rng):
    X, *_ = _data.newsgroups(folder)
    return np.split(X[rng.permutation(len(X))], [10_000, 13_000]), None


def binary_table(name):
    def load(folder, rng):
        parts = zip(_data.binary(folder, name), TABLE_ROWS, strict=True)
        return [subset(X, n, rng) for X, n in parts], None

    return load


def subset(X, most, rng):
    return X[np.sort(rng.permutation(len(X))[:most])]


def problem(name, load, models, loss, folder, rng, rows):
    parts, shape = load(folder, rng)
    held_out = MOST_PICTURES if shape else MOST_WORDS
    most = [min(n, rows) for n in (MOST_TRAINING_ROWS, held_out, held_out)]
    parts = [subset(X, n, rng) for X, n in zip(parts, most, strict=True)]
    if shape is None:
        masks = [rng.random(X.shape) < 0.2 for X in parts]
        # Something has to be known of a column.
        masks[0][0] = False
        holes = {"20 % of the entries": masks}
    else:
        holes = picture_holes(shape, parts, rng)
    return Problem(name, parts, holes, loss, models, shape)


# The methods


def hidden(X, mask):
    return X if mask is None else np.where(mask, np.float32(np.nan), X)


def fill_by(imputer):
    """How a fitted imputer fills in the rows of each kind of holes."""

    def fill(train, holed):
        fitted = imputer.fit(train)
        return [fitted.transform(rows) for rows in holed]

    return fill


def fill_by_regression(train, holed):
    """IterativeImputer, which fits no regression where nothing is missing.

    Rows that are whole are learned from together with those that are filled in.
    """
    filled = []
    for rows in holed:
        imputer = IterativeImputer(n_nearest_features=50, max_iter=5, random_state=0)
        is_whole = not np.isnan(train).any()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            imputer.fit(np.vstack([train, rows]) if is_whole else train)
        filled.append(imputer.transform(rows))
    return filled


def with_remainders(X, widths):
    """Groups of columns of which at most one is 1, each with a column for "none"."""
    groups = []
    for group in np.split(X, np.cumsum(widths)[:-1], axis=1):
        none = np.where((group == 1).any(axis=1), 0, 1 - group.sum(axis=1))
        groups += [group, none[:, None]]
    return np.hstack(groups)


def fill_by_groups(imputer, widths):
    """An imputer whose model has a group of softmax units for each variable."""
    own = np.concatenate([np.arange(width + 1) < width for width in widths])
    fill = fill_by(imputer)

    def fill_groups(train, holed):
        wide = [with_remainders(rows, widths) for rows in (train, *holed)]
        return [rows[:, own] for rows in fill(wide[0], wide[1:])]

    return fill_groups


def fill_by_factors(imputer):
    """An imputer whose model has Gaussian units, and sees columns on a common scale.

    In units of their own deviations, pixels that hardly vary would count like others.
    """
    fill = fill_by(imputer)

    def fill_scaled(train, holed):
        mean = train.mean(axis=0)
        scale = (train - mean).std()
        filled = fill((train - mean) / scale, [(rows - mean) / scale for rows in holed])
        return [rows * scale + mean for rows in filled]

    return fill_scaled


def losses(problem, fill, part, kinds=None):
    """The loss of a method for each kind of holes, or for some, in one of the parts."""
    X, result = problem.parts[part], {}
    kinds = list(problem.holes if kinds is None else kinds)
    # Kinds of holes share a fit where the rows that are learned from are whole.
    whole = [name for name in kinds if problem.holes[name][0] is None]
    for names in [whole, *([name] for name in kinds if name not in whole)]:
        if not names:
            continue
        train = hidden(problem.parts[0], problem.holes[names[0]][0])
        masks = [problem.holes[name][part] for name in names]
        filled = fill(train, [hidden(X, mask) for mask in masks])
        for name, mask, rows in zip(names, masks, filled, strict=True):
            result[name] = problem.loss(rows[mask], X[mask])
    return result


def chosen(problem, candidates):
    """For each kind of holes the candidate with the least loss on the validation rows."""
    found = {}
    for name, fill in candidates.items():
        found[name], spent = timed(losses, problem, fill, 1)
        figures = each(found[name].values(), 5)
        announce(problem.name, name, figures, f"{spent:.0f} s")
    return {
        kind: min(found, key=lambda name: found[name][kind]) for kind in problem.holes
    }


def fill_by_model(model, seed):
    """By a model, or by an imputer with settings of its own."""
    imputer = model if isinstance(model, BoltzmannImputer) else BoltzmannImputer(model)
    imputer = clone(imputer).set_params(random_state=seed)
    visible = getattr(imputer.estimator, "visible", None)
    if isinstance(visible, Gaussian):
        return fill_by_factors(imputer)
    if not isinstance(visible, Concatenated):
        return fill_by(imputer)
    widths = [
        width - 1 for _, n_groups, width in visible.parts for _ in range(n_groups)
    ]
    return fill_by_groups(imputer, widths)


def methods(models, seed):
    """The candidates of each method, by their settings."""
    return {
        "column means": {"": fill_by(SimpleImputer())},
        "KNNImputer": {
            f"n_neighbors={n}": fill_by(KNNImputer(n_neighbors=n)) for n in NEIGHBORS
        },
        "IterativeImputer": {"n_nearest_features=50, max_iter=5": fill_by_regression},
        "BoltzmannImputer": {
            name: fill_by_model(model, seed) for name, model in models.items()
        },
    }


# The models


def face_models(epochs):
    """Two layers of Gaussian units: factors, and a variance that is left to the pixels."""
    return {
        f"RBM(100), both layers Gaussian, variance {variance}, {epochs} epochs": (
            BoltzmannImputer(
                RBM(
                    100,
                    visible=Gaussian(variance),
                    hidden="gaussian",
                    gradient="cd",
                    n_iter=epochs,
                    batch_size=20,
                ),
                n_samples=1000,
                standardize=False,
            )
        )
        for variance in (0.1, 0.2, 0.5, 1.0, 1.5)
    }


def silhouette_models():
    """Half a silhouette leaves several modes open, between which chains seldom move.

    A strong weight decay makes them fewer, and the chains move; it costs likelihood.
    """
    model = BernoulliRBM(
        500,
        gradient=PCD(n_steps=5, n_chains=100),
        learning_rate=Linear(0.05),
        weight_decay=0.02,
        n_iter=200,
        batch_size=100,
    )
    name = (
        "BernoulliRBM(500), PCD-5, Linear(0.05), weight_decay=0.02, 200 epochs, "
        "n_chains=16, n_steps=200, n_samples=300"
    )
    return {name: BoltzmannImputer(model, n_chains=16, n_steps=200, n_samples=300)}


def binary_models(sizes, rates, epochs):
    """For rows of bits."""
    return {
        f"BernoulliRBM({n}), Linear({rate:g}), {epochs} epochs": BernoulliRBM(
            n, learning_rate=Linear(rate), n_iter=epochs, batch_size=50
        )
        for n in sizes
        for rate in rates
    }


# The number of columns of each variable with categories, of data that have any.
CATEGORIES = {
    "adult": (5, 8, 5, 16, 5, 7, 14, 6, 5, 2, 2, 2, 5, 41),
    "connect4": (3,) * 42,
    "mushrooms": (6, 4, 10, 2, 9, 2, 2, 2, 12, 2, 4, 4, 9, 9, 1, 4, 3, 5, 9, 6, 7),
    "dna": (3,) * 60,
}
TABLES = (*CATEGORIES, "nips", "web")


def table_models(name):
    """For rows of bits, which may be one-hot encoded categories."""
    if name not in CATEGORIES:
        return {
            f"BernoulliRBM({n}), Linear({rate:g}), weight_decay={decay:g}, 100 epochs": (
                BernoulliRBM(
                    n,
                    learning_rate=Linear(rate),
                    weight_decay=decay,
                    n_iter=100,
                    batch_size=batch,
                )
            )
            for n, rate, decay, batch in ((100, 0.1, 0.03, 20), (200, 0.3, 0.001, 50))
        }
    parts = [
        ("softmax", len(list(same)), width + 1)
        for width, same in groupby(CATEGORIES[name])
    ]
    return {
        f"RBM({n}) with softmax groups, Linear(0.3), {epochs} epochs": RBM(
            n,
            visible=Concatenated(parts),
            learning_rate=Linear(0.3),
            n_iter=epochs,
            batch_size=50,
        )
        for n, epochs in ((50, 30), (100, 60))
    }


PARTS = {
    "olivetti": [("olivetti_faces", olivetti, face_models(300), squared_error)],
    "frey": [("frey_faces", frey, face_models(150), squared_error)],
    "silhouettes": [("silhouettes", silhouettes, silhouette_models(), squared_error)],
    "words": [
        ("newsgroups_w100", words, binary_models((50, 100), (0.05, 0.1), 100), log_loss)
    ],
    "tables": [
        (name, binary_table(name), table_models(name), log_loss) for name in TABLES
    ],
}

# The pages


def figures(run, settings, table):
    """Add a row for each kind of holes of a data set; how the rows and settings were."""
    one = problem(*settings, run.data, np.random.default_rng(0), run.rows)
    rows = {kind: [] for kind in one.holes}
    choices = []
    for method, candidates in methods(one.models, 0).items():
        best = dict.fromkeys(one.holes, next(iter(candidates)))
        if len(candidates) > 1:
            best = chosen(one, candidates)
        kinds_of = {name: [k for k in best if best[k] == name] for name in candidates}
        for name, kinds in kinds_of.items():
            if name and kinds:
                some = "" if len(kinds) == len(best) else f" ({', '.join(kinds)})"
                choices.append(f"{method}: {name}{some}")
        # The other methods draw nothing.
        seeds = run.seeds if method == "BoltzmannImputer" else 1
        tests = [{} for _ in range(seeds)]
        for seed, test in enumerate(tests):
            for name, fill in methods(one.models, seed)[method].items():
                if kinds_of[name]:
                    test.update(losses(one, fill, 2, kinds_of[name]))
        for kind, row in rows.items():
            row.append(mean_and_spread([test[kind] for test in tests], 4))
    for kind, row in rows.items():
        table.add(one.name, kind, *row)
    if run.pictures and one.shape:
        fills = methods(one.models, 0)["BoltzmannImputer"]
        draw(one, {kind: fills[name] for kind, name in best.items()}, run.pictures)
    sizes = " / ".join(str(len(X)) for X in one.parts)
    return f"- {one.name}: {sizes} rows; {'; '.join(choices)}."


def draw(problem, fills, folder):
    """Originals, holes and restorations of a few test rows, a row of pictures each."""
    some = np.linspace(0, len(problem.parts[2]) - 1, 12).astype(int)
    X = problem.parts[2][some]
    rows = [X]
    for kind, fill in fills.items():
        holes = hidden(X, problem.holes[kind][2][some])
        rows += [np.nan_to_num(holes, nan=0.5), *fill(problem.parts[0], [holes])]
    images = np.reshape(rows, (len(rows), len(some), *problem.shape))
    path = folder / f"imputation-{problem.name}.png"
    plt.imsave(path, _pictures.sheet(images, gap=2), cmap="gray", vmin=0, vmax=1)


# What else was tried, for the page of a part.
TRIED = {
    "silhouettes": (
        "\n\nTried on 100 validation rows, the left and the upper half, where KNNImputer is "
        "at 0.0916 and 0.1028: other strengths of weight decay, 0.001 (0.0959 and "
        "0.1266), 0.003, which has the best likelihood (0.0952 and 0.1083), 0.01 (0.0843 "
        "and 0.1005), 0.02 (0.0826 and 0.0938), 0.04 (0.0845 and 0.0963); 1000 units with "
        "0.003 (0.1064 and 0.1081). More states of the same chains gain little: 1000 in "
        "place of 300 at 0.02, 0.0823 and 0.0923; 64 chains with 250 states at 0.003, "
        "0.0915 and 0.1040; 8 temperatures in place of 8 times the chains at 0.003, 0.0954 "
        "and 0.1166. The test rows had been read once before, with 0.003."
    ),
}


def filled(run):
    """Missing values: {part}

    {loss}, on test rows; of BoltzmannImputer with its standard deviation over {seeds}
    seeds. Rows to learn from, of validation and of test, and the settings chosen on the
    validation rows:

    {notes}

    {table}
    """
    table = Table(
        "data | hidden | column means | KNNImputer | IterativeImputer | BoltzmannImputer"
    )
    notes = [figures(run, settings, table) for settings in PARTS[run.part]]
    loss = LOSSES[PARTS[run.part][0][-1]]
    notes = "\n".join(notes) + TRIED.get(run.part, "")
    return dict(notes=notes, table=table, loss=loss)


for name in PARTS:
    study.part(filled, f"imputation-{name}", name)

if __name__ == "__main__":
    study.main()
