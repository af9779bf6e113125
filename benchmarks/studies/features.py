"""What hidden units learn: pen strokes, faces, variances and topics.

strokes      SparseRBM and BernoulliRBM on digits of which few have labels
faces        GaussianRBM on faces, its reconstructions and samples
variances    learned variances against those of a known model
topics       BernoulliRBM and SparseRBM on words, with exact likelihoods

Settings are chosen on validation rows with seed 0; test rows are for the table alone.
Faces, and filters that look like them, are drawn only into the folder of --pictures.
"""

from itertools import product

import numpy as np
from scipy.special import softmax
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, ParameterGrid, train_test_split
from sklearn.preprocessing import StandardScaler

from skdbn import BernoulliRBM, GaussianRBM, SparseRBM
from skdbn.schedules import Linear

from .. import _data, _pictures
from .._harness import (
    Study,
    Table,
    described,
    grid_table,
    mean_and_spread,
    rates,
    spreads,
)
from .._scores import mean_likelihoods

study = Study(__file__, __doc__, seeds=3, pictures=None)


def seeded(run, function, *args):
    """The results with each seed: a tuple of values for each result."""
    return list(zip(*run.seeded(function, *args), strict=True))


N_LABELED = 1000
DECAYS = [
    dict(weight_decay=[1e-3], l1_ratio=[0.0]),
    dict(weight_decay=[3e-4], l1_ratio=[1.0]),
]
STROKE_GRIDS = {
    BernoulliRBM: [
        dict(gradient=["cd"], learning_rate=rates(0.3), n_iter=[30]) | decay
        for decay in [{}, *DECAYS]
    ]
    + [
        dict(gradient=["cd"], learning_rate=rates(0.1), n_iter=[30]),
        dict(gradient=["fpcd"], learning_rate=rates(0.1), n_iter=[30]),
    ],
    SparseRBM: [
        dict(gradient=["cd"], learning_rate=rates(0.3), n_iter=[30]) | penalty | decay
        for decay in DECAYS
        for penalty in (
            dict(target=[0.05], cost=[0.3, 1.0, "auto"], penalized=["all"]),
            dict(target=[0.05], cost=[0.3], penalized=["bias"]),
        )
    ],
}


def accuracy(features, train, test, seed):
    """Test accuracy, in percent, of a regression that sees a few labeled rows."""
    X, _, y, _ = train_test_split(
        *train, train_size=N_LABELED, stratify=train[1], random_state=seed
    )
    search = GridSearchCV(
        LogisticRegression(max_iter=2000), {"C": 10.0 ** np.arange(-3, 3)}, cv=5
    ).fit(features(X), y)
    return 100 * search.score(features(test[0]), test[1])


def stroke_fit(model, X, settings, seed):
    return model(500, batch_size=100, random_state=seed, **settings).fit(X)


def support(rbm, X):
    """Participation ratio of each filter, in pixels.

    A weight counts by what it adds to the variance of the unit's field: at pixels that
    are always empty the weights are as random as at the start.
    """
    energy = np.square(rbm.components_ * X.std(axis=0), dtype=float)
    return energy.sum(axis=1) ** 2 / np.square(energy).sum(axis=1)


def stroke_score(model, train, valid, settings):
    """Validation accuracy over three draws of the labeled rows, and mean support."""
    rbm = stroke_fit(model, train[0], settings, 0)
    scores = [accuracy(rbm.transform, train, valid, draw) for draw in range(3)]
    return np.mean(scores), support(rbm, train[0]).mean()


def stroke_run(model, train, test, settings, seed):
    """Figures and filters."""
    X = train[0]
    rbm = stroke_fit(model, X, settings, seed)
    H = rbm.transform(X)
    activation = getattr(rbm, "mean_activation_", H.mean(axis=0, dtype=float))
    varies = H.std(axis=0) > 0.01
    target = settings.get("target", 0.05)
    near = (activation > target / 2) & (activation < target * 2)
    figures = {
        "test accuracy, %": accuracy(rbm.transform, train, test, seed),
        "support, pixels": support(rbm, X)[varies].mean(),
        "mean activation": activation.mean(),
        "near the target, %": 100 * near.mean(),
        "dead units": np.sum(activation < target / 10),
        "constant units": np.sum(~varies),
    }
    return figures, rbm.components_[:100].reshape(-1, 28, 28)


@study.part
def strokes(run):
    """Pen strokes of digits

    500 units learn from the 60,000 grey training digits of MNIST, without labels, in
    batches of 100. A logistic regression sees the features of {N_LABELED:,} labeled ones,
    drawn with the seed and stratified, which choose its C as well, by cross-validation.
    The support of a filter is the participation ratio (Σu²)² / Σu⁴ of u, its weights
    times the standard deviations of the pixels. Activations are means over the training
    rows. Near the target: between half of it and twice, or of 0.05 for BernoulliRBM,
    which has none; dead: below a tenth; constant: a standard deviation below 0.01 over
    the rows, left out of the support. Settings are chosen on the last 10,000 training
    digits, after learning from the others, by the mean accuracy over three draws of the
    labeled rows.

    {table}

    ![a hundred filters of each model](features-strokes.png)

    {notes}
    """
    X, y, *test = _data.digits(run.data)
    train = X, y
    learn, valid = zip(
        *(np.split(part, [-_data.N_VALID]) for part in train), strict=True
    )
    raw = [accuracy(np.asarray, train, test, seed) for seed in range(run.seeds)]
    table = Table("", [["raw pixels", mean_and_spread(raw), *[""] * 5]])
    panels, notes = {}, []
    for model, grid in STROKE_GRIDS.items():
        name, grid = model.__name__, list(ParameterGrid(grid))
        scores = run.scored(stroke_score, grid, model, learn, valid)
        best = grid[scores[:, 0].argmax()]
        runs, filters = seeded(run, stroke_run, model, train, test, best)
        table.header = ["features", *runs[0]]
        table.add(name, *spreads(runs))
        panels[name] = filters[0]
        tried = grid_table(grid, scores, ["validation accuracy, %", "support, pixels"])
        notes.append(f"{name} has {described(best)}, the best of\n\n{tried}")
    _pictures.filters(panels, run.pages / "features-strokes.png")
    return dict(table=table, notes="\n\n".join(notes))


def frey(folder):
    """Frames to learn from, validation frames and test frames, in order of time."""
    X = _data.frey(folder)
    tenth = len(X) // 10
    return np.split(X, [-2 * tenth, -tenth])


def olivetti(folder):
    """Faces of 24 people, of 8 others and of the last 8."""
    X, person = _data.olivetti(folder)
    return np.split(X, np.searchsorted(person, [24, 32]))


FACES = {
    "Frey": (frey, (28, 20), (1.0, "shared", "column")),
    "Olivetti": (olivetti, (32, 32), (1.0, "column")),
}
FACE_GRID = list(
    ParameterGrid(dict(learning_rate=rates(0.01, 0.03, 0.1), n_iter=[100, 300]))
)
N_SHOWN = 12


def standardized(X, other):
    """Both by the means and deviations of X, and the way back."""
    scaler = StandardScaler().fit(X)
    return scaler.transform(X), scaler.transform(other), scaler.inverse_transform


def face_fit(X, variance, settings, seed):
    rbm = GaussianRBM(
        200, variance=variance, batch_size=20, random_state=seed, **settings
    )
    return rbm.fit(X)


def error_share(X, rebuilt):
    """Squared error in percent of the variance about the training means."""
    return 100 * float(np.square(X - rebuilt).sum() / np.square(X).sum())


def face_score(X, valid, variance, settings):
    """Validation error, infinite if the rate is so high that the fit diverges."""
    try:
        rbm = face_fit(X, variance, settings, 0)
    except ValueError:
        return [np.inf]
    return [error_share(valid, rbm.reconstruct(valid))]


def spaced(X):
    """A few rows, evenly spaced."""
    return X[:: len(X) // N_SHOWN][:N_SHOWN]


def continued(rbm, X, n_steps):
    """The ends of Gibbs chains that begin at these rows."""
    for _ in range(n_steps):
        X = rbm.gibbs(X)
    return X


def face_run(X, test, variance, settings, seed):
    """Figures, filters in the space of the data, and rows of faces."""
    rbm = face_fit(X, variance, settings, seed)
    samples = rbm.sample(200, n_steps=1000, random_state=seed)
    learned = np.broadcast_to(rbm.variance_, X.shape[1])
    figures = {
        "test error, %": error_share(test, rbm.reconstruct(test)),
        "training error, %": error_share(X, rbm.reconstruct(X)),
        "mean σ²": learned.mean(),
        "variance of samples": samples.var(axis=0).mean(),
    }
    # Reconstructions show samples without the noise of their last step.
    faces = {
        "test": spaced(test),
        "rebuilt": rbm.reconstruct(spaced(test)),
        "from data": rbm.reconstruct(continued(rbm, spaced(X), n_steps=1000)),
        "from noise": rbm.reconstruct(samples[:N_SHOWN]),
    }
    return figures, learned * rbm.components_[:49], faces


def pca_error(X, test, n_components):
    pca = PCA(n_components, random_state=0).fit(X)
    return error_share(test, pca.inverse_transform(pca.transform(test)))


@study.part
def faces(run):
    """Faces

    GaussianRBM with 200 units on standardized columns, batches of 20. Frey: one person,
    28 × 20 pixels, the last tenth of the frames is the test. Olivetti: 32 × 32 pixels,
    the last 8 of 40 people are the test. Errors are squared differences of rows and their
    reconstructions as a share of the variance about the training means. A component of
    PCA is a real number, a hidden unit little more than a bit. Samples are the ends of
    200 chains of 1,000 Gibbs steps that begin without data; their variance, a mean over
    the columns, is 1 in the training rows. Settings are chosen by the reconstruction
    error of the tenth, or of the 8 people, before the test, after learning from the rows
    before.

    {table}

    Validation errors, %:

    {tried}
    """
    table, panels, tried = Table(""), {}, {}
    for name, (load, shape, kinds) in FACES.items():
        learn, valid, test = load(run.data)
        X, test, restore = standardized(np.concatenate([learn, valid]), test)
        learn, valid, _ = standardized(learn, valid)
        for n in (10, 30, 100):
            table.add(name, f"PCA, {n}", f"{pca_error(X, test, n):.2f}", *[""] * 4)
        for variance in kinds:
            scores = run.scored(face_score, FACE_GRID, learn, valid, variance)
            best = FACE_GRID[scores[:, 0].argmin()]
            runs, filters, drawn = seeded(run, face_run, X, test, variance, best)
            model = f"{name}, {variance=}"
            table.header = ["faces", "model", *runs[0], "settings"]
            table.add(name, f"{variance=}", *spreads(runs), described(best))
            panels[model] = filters[0].reshape(-1, *shape)
            tried[model] = scores[:, 0]
            if run.pictures:
                shown = {title: restore(strip) for title, strip in drawn[0].items()}
                path = run.pictures / f"{name.lower()}-{variance}.png"
                _pictures.strips(shown, shape, path)
    if run.pictures:
        _pictures.filters(panels, run.pictures / "filters.png")
    scores = np.column_stack(list(tried.values()))
    return dict(table=table, tried=grid_table(FACE_GRID, scores, tried))


N_DRAWN = 20_000
VARIANCES = np.geomspace(0.1, 2, 20)
VARIANCE_RUNS = {"defaults": {}} | {
    f"{gradient}, {n_iter} epochs": dict(
        gradient=gradient, learning_rate=Linear(0.1), batch_size=100, n_iter=n_iter
    )
    for gradient, n_iter in product(("cd", "pcd", "score-matching"), (30, 100))
}


def known_rows(rng, n_hidden=4):
    """Rows drawn exactly from a known model, and the noise in them.

    With s = h − 1/2 it is v = μ + Ws + noise and p(s) ∝ exp(½ Σ (Ws)² / σ²), where
    each unit is active half of the time.
    """
    deviation = np.sqrt(VARIANCES)
    weights = 0.7 * deviation * rng.normal(size=(n_hidden, len(deviation)))
    shifts = np.array(list(product((-0.5, 0.5), repeat=n_hidden))) @ weights
    probabilities = softmax(np.square(shifts / deviation).sum(axis=1) / 2)
    mean = deviation * rng.normal(size=len(deviation))
    noise = deviation * rng.normal(size=(N_DRAWN, len(deviation)))
    return mean + rng.choice(shifts, N_DRAWN, p=probabilities) + noise, noise


def in_standard_errors(found):
    return (found - VARIANCES) / (VARIANCES * np.sqrt(2 / N_DRAWN))


def variance_run(seed):
    """The errors of the variances of the noise itself, and of those that are learned."""
    X, noise = known_rows(np.random.default_rng(seed))
    errors = {"the noise itself": in_standard_errors(np.square(noise).mean(axis=0))}
    for name, settings in VARIANCE_RUNS.items():
        rbm = GaussianRBM(4, random_state=seed, **settings).fit(X)
        errors[name] = in_standard_errors(rbm.variance_)
    return errors


@study.part
def variances(run):
    """Learned variances

    {N_DRAWN:,} rows of 20 columns, drawn from a model with 4 hidden units by enumerating
    their 16 states; GaussianRBM with 4 units learns from them. Errors of the variances are
    in units of σ²√(2/n), the standard error of a variance of noise that is seen; hidden
    states are not seen, so that the best estimate errs by somewhat more. The defaults
    apart, batches of 100 and a rate falling to zero from 0.1.

    {table}

    Seed 0:

    {single}
    """
    runs = run.seeded(variance_run)
    table = Table("variances from | root mean square error | largest")
    for name in runs[0]:
        errors = np.array([one[name] for one in runs])
        root = np.sqrt(np.square(errors).mean(axis=1))
        table.add(name, mean_and_spread(root), f"{np.abs(errors).max():.1f}")
    single = Table(["true variance", *runs[0]])
    for variance, *column in zip(VARIANCES, *runs[0].values(), strict=True):
        single.add(f"{variance:.3f}", *(f"{error:+.1f}" for error in column))
    return dict(table=table, single=single)


TOPIC_GRIDS = {
    BernoulliRBM: [
        dict(learning_rate=rates(0.03, 0.1, 0.3), n_iter=[50, 150]),
        dict(learning_rate=rates(0.1), n_iter=[50], weight_decay=[1e-3, 3e-3, 1e-2]),
    ],
    SparseRBM: dict(
        gradient=["fpcd"],
        learning_rate=rates(0.1, 0.3),
        n_iter=[50],
        target=[0.1, 0.2],
        cost=[0.01, 0.1],
        weight_decay=[0.0, 1e-3],
    ),
}


def independent(X, test):
    """Mean log-likelihood of independent words, as if seen and missed once more."""
    p = (X.sum(axis=0) + 1) / (len(X) + 2)
    return float((test * np.log(p) + (1 - test) * np.log1p(-p)).sum(axis=1).mean())


def rarer_states(rbm, X):
    """Activations, and the ten words with the largest weights, of each unit.

    Units may as well be turned round, h → 1 − h with the weights negative; those that
    are active in most rows are.
    """
    H = rbm.transform(X)
    often = H.mean(axis=0) > 0.5
    weights = np.where(often, -1, 1)[:, None] * rbm.components_
    return np.where(often, 1 - H, H), np.argsort(-weights, axis=1)[:, :10]


def coherence(X, words):
    """Normalized pointwise mutual information, the mean over pairs of words.

    It is 1 for words that occur only together, 0 if they are independent and −1 if
    they never meet.
    """
    rows = X[:, words].astype(float)
    joint = rows.T @ rows / len(rows)
    apart = np.outer(joint.diagonal(), joint.diagonal())
    pairs = np.triu_indices(len(words), 1)
    joint, apart = joint[pairs], apart[pairs]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(joint > 0, np.log(joint / apart) / -np.log(joint), -1).mean()


def topic_run(model, X, test, settings, seed):
    """Figures, and the model."""
    rbm = model(20, batch_size=20, random_state=seed, **settings).fit(X)
    lists = rarer_states(rbm, test)[1]
    figures = {
        "log-likelihood": mean_likelihoods(rbm, test)[0],
        "coherence": np.mean([coherence(test, words) for words in lists]),
        "different words": len(np.unique(lists)),
    }
    return figures, rbm


def topic_score(model, X, valid, settings):
    return list(topic_run(model, X, valid, settings, 0)[0].values())


def topic_table(rbm, X, group, group_names, words):
    """The units by coherence, with the group of articles that activates each most."""
    H, lists = rarer_states(rbm, X)
    by_group = np.array([H[group == i].mean(axis=0) for i in range(len(group_names))])
    coherences = [coherence(X, columns) for columns in lists]
    table = Table("coherence | activation | most active | words")
    for j in np.argsort(coherences)[::-1]:
        group = by_group[:, j].argmax()
        most = f"{by_group[group, j]:.2f} in {group_names[group]}"
        listed = ", ".join(words[lists[j]])
        table.add(f"{coherences[j]:.2f}", f"{H[:, j].mean():.2f}", most, listed)
    return table


@study.part
def topics(run):
    """Topics

    100 words in 16,242 articles of four groups of newsgroups, every other row for
    testing; 20 hidden units, batches of 20. The log-likelihood of a test row is exact, in
    nats. A topic is the ten words with the largest weights of a unit, or the smallest if
    it is active in most rows; coherence is the mean normalized pointwise mutual
    information of pairs of them in the test rows. Settings are chosen on every fifth
    training row by likelihood, or for topics by coherence times the number of different
    words, since units that repeat a topic are coherent, too.

    {table}

    {notes}
    """
    X, group, words, group_names = _data.newsgroups(run.data)
    train, test = X[::2], X[1::2]
    fifth = np.arange(len(train)) % 5 == 0
    alone = f"{independent(train, test):.2f}"
    table, notes = Table("", [["independent words", "", alone, *[""] * 3]]), []
    for model, grid in TOPIC_GRIDS.items():
        name, grid = model.__name__, list(ParameterGrid(grid))
        scores = run.scored(topic_score, grid, model, train[~fifth], train[fifth])
        likelihood, clear, different = scores.T
        # The choice by topics is the last one.
        for criterion, score in (
            ("likelihood", likelihood),
            ("topics", clear * different),
        ):
            best = grid[score.argmax()]
            runs, fitted = seeded(run, topic_run, model, train, test, best)
            table.header = ["model", "chosen by", *runs[0], "settings"]
            table.add(name, criterion, *spreads(runs), described(best))
        listed = topic_table(fitted[0], test, group[1::2], group_names, words)
        tried = grid_table(grid, scores, list(runs[0]))
        notes.append(
            f"## {name}, chosen by topics, seed 0\n\n{listed}\n\n"
            f"Tried, on validation rows:\n\n{tried}"
        )
    return dict(table=table, notes="\n\n".join(notes))


if __name__ == "__main__":
    study.main()
