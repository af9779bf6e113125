"""What the defaults are worth on held-out data, and what did not become one.

centered     the centered gradient against the plain one
enhanced     the enhanced gradient against the centered one
sample_data  bits drawn from grey values at each presentation, or the values themselves
basics       gradient, batch size and learning rate
gradient     gradients at the same rate and batch size
gaussian     real-valued data: gradients of GaussianRBM, and an independent Gaussian
classifier   DBNClassifier against scikit-learn's MLPClassifier, both at their defaults

Where a rate is chosen, it is the best of a grid on the validation rows, and the test rows
are looked at once, with that rate. The last three parts have held-out rows only.
"""

import warnings

import numpy as np
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import MinMaxScaler, StandardScaler, scale

from skdbn import BernoulliRBM, DBNClassifier, GaussianRBM
from skdbn.gradients import CD, FPCD, PCD
from skdbn.machines._centering import Centering
from skdbn.schedules import Linear

from .. import _data
from .._harness import Study, Table, mean_and_spread, timed
from .._scores import ends, mean_likelihoods

study = Study(__file__, __doc__, seeds=3)

N_HIDDEN = 16
RATES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
GRID = (
    "PCD-1, batches of 20, learning rate falling to zero from the value that is best on "
    "the validation rows."
)


def digits_8(cut):
    """The digits of scikit-learn, shuffled and in parts."""
    X, y = datasets.load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    return np.split(X[order] / 16, cut), np.split(y[order], cut)


def mnist_parts(X, test):
    """10,000 rows to learn from, validation and test rows."""
    return [X[:10000], X[-_data.N_VALID :], test]


def binary_sets(folder):
    """Yield name and training, validation and test rows."""
    for name in ("adult", "connect4", "dna", "mushrooms", "nips"):
        yield name, [part.astype(float) for part in _data.binary(folder, name)]
    parts = mnist_parts(*(X.astype(float) for X in _data.thresholded(folder)))
    yield "MNIST, thresholded", parts
    yield "MNIST, inverted", [1 - part for part in parts]


def grey_sets(folder):
    """Yield name, rows and labels of three parts; the training rows are grey."""
    yield "digits, 8 × 8", *digits_8([1000, 1400])
    X, y, test, y_test = _data.digits(folder)
    parts = mnist_parts(X.astype(float), test.astype(float))
    yield "MNIST, grey", parts, mnist_parts(y, y_test)


def fit(X, rate, seed, n_hidden=N_HIDDEN, n_updates=400_000, **settings):
    """An RBM after a number of updates that allows for small data sets."""
    common = dict(
        gradient=PCD(n_chains=20),
        learning_rate=Linear(rate),
        batch_size=20,
        n_iter=int(np.clip(n_updates // len(X), 40, 200)),
        random_state=seed,
    )
    return BernoulliRBM(n_hidden, **common | settings).fit(X)


def likelihoods(parts, labels, settings, rate, seed):
    """Validation and test likelihood of one fit, of bits drawn once from grey rows."""
    rbm = fit(parts[0], rate, seed, **settings)
    rng = np.random.default_rng(0)
    bits = [(rng.random(part.shape) < part).astype(float) for part in parts[1:]]
    return mean_likelihoods(rbm, *bits)


def accuracies(parts, labels, settings, rate, seed):
    """Validation and test accuracy in percent of a logistic regression on features."""
    rbm = fit(parts[0], rate, seed, n_hidden=200, n_updates=200_000, **settings)
    features = [rbm.transform(part) for part in parts]
    model = LogisticRegression(C=10, max_iter=3000).fit(features[0], labels[0])
    return [
        100 * model.score(*held_out)
        for held_out in zip(features[1:], labels[1:], strict=True)
    ]


def best_of_grid(run, measure, parts, labels, settings):
    """The test figure of the rate that is best on the validation rows, and the rate."""
    jobs = [(parts, labels, settings, r, s) for r in RATES for s in range(run.seeds)]
    scores = np.reshape(run.map(measure, jobs), (len(RATES), run.seeds, 2))
    best = scores[:, :, 0].mean(axis=1).argmax()
    return mean_and_spread(scores[best, :, 1]), RATES[best]


def compared(run, header, *candidates):
    """The best likelihood of each candidate on each set of bits."""
    table = Table(header)
    for name, parts in binary_sets(run.data):
        cells = [best_of_grid(run, likelihoods, parts, None, own) for own in candidates]
        table.add(name, *sum(cells, ()))
    return table


@study.part
def centered(run):
    """The centered gradient

    Mean test log-likelihood of a row in nats, exact, with {N_HIDDEN} hidden units.
    Standard deviation over {seeds} seeds; {GRID}

    {table}
    """
    header = "data | plain | rate | centered | rate"
    return compared(run, header, {"centered": False}, {"centered": True})


class Enhanced(PCD):
    """The enhanced gradient of Cho, Raiko and Ilin (2011).

    It is centered on the mean of both phases of each batch.
    """

    def __call__(self, machine, batch, rng, centering=None, rate=1.0, **options):
        machine.load(self._work, batch, rng if options.get("sample_data") else None)
        self.negative_phase(machine, self._work, rng)
        data, model = self._work.data, self._work.model
        offsets = Centering(
            (data.visible.mean(axis=0) + model.visible.mean(axis=0)) / 2,
            (data.hidden_mean.mean(axis=0) + model.hidden_mean.mean(axis=0)) / 2,
        )
        offsets.slide = 0.0
        return machine.difference(self._work, offsets, rate)


@study.part
def enhanced(run):
    """Centered or enhanced

    The enhanced gradient of Cho, Raiko and Ilin (2011) is centered on the mean of both
    phases of each batch. Mean test log-likelihood of a row in nats, exact, with
    {N_HIDDEN} hidden units. Standard deviation over {seeds} seeds; {GRID}

    {table}
    """
    own = {"gradient": Enhanced(n_chains=20), "centered": False}
    return compared(run, "data | centered | rate | enhanced | rate", {}, own)


@study.part
def sample_data(run):
    """Grey values as they are, or bits drawn from them

    Mean test log-likelihood of a row, exact, with {N_HIDDEN} hidden units, and test
    accuracy of a logistic regression on the features of 200. Standard deviation over
    {seeds} seeds; {GRID}

    {table}
    """
    table = Table("data |  | as they are | rate | bits drawn | rate")
    measures = {
        "log-likelihood of bits, nats": likelihoods,
        "accuracy on features, %": accuracies,
    }
    for name, *data in grey_sets(run.data):
        for what, measure in measures.items():
            cells = [
                best_of_grid(run, measure, *data, {"sample_data": value})
                for value in (False, True)
            ]
            table.add(name, what, *sum(cells, ()))
    return table


def small_sets(folder):
    """Yield name, training and held-out rows of sets such as users begin with."""
    (X, test), _ = digits_8([1400])
    yield "digits", X, _data.draw(test)
    yield "digits, 100 rows", X[:100], _data.draw(test)
    for name in ("dna", "mushrooms"):
        yield name, *(X.astype(float) for X in _data.binary(folder, name)[:2])
    yield "silhouettes", *_data.silhouettes(folder)[:2]
    X, *_ = _data.digits(folder)
    valid = X[-_data.N_VALID :][:2000]
    yield "MNIST, 10,000 rows", X[:10000], _data.draw(valid)


# With as many chains as rows in a batch.
GRADIENTS = {
    "cd": lambda batch: CD(),
    "pcd": lambda batch: PCD(n_chains=batch),
    "fpcd": lambda batch: FPCD(n_chains=batch, fast_learning_rate=0.1),
}
SCHEDULES = {
    f"{rate}{' to 0' if falling else ''}": Linear(rate) if falling else rate
    for rate in (0.01, 0.03, 0.1)
    for falling in (False, True)
}


def lower_end(train, held_out, settings, seed=0):
    """Held-out log-likelihood at the lower end, and the seconds of the fit."""
    rbm, spent = timed(BernoulliRBM(100, random_state=seed, **settings).fit, train)
    return ends(rbm, train, held_out, n_betas=1000)[0][1], spent


@study.part
def basics(run):
    """Gradient, batch size and learning rate

    How many nats a setting loses to the best one on the same data, at the lower end of
    the held-out likelihood, with 10 epochs, as many chains as rows in a batch and 100
    hidden units. The best: {best}. One seed.

    {table}
    """
    grid = {
        (gradient, batch, rate): dict(
            gradient=GRADIENTS[gradient](batch),
            batch_size=batch,
            learning_rate=SCHEDULES[rate],
        )
        for gradient in GRADIENTS
        for batch in (10, 100)
        for rate in SCHEDULES
    }
    scores = {
        name: run.scored(lower_end, grid.values(), *parts)[:, 0]
        for name, *parts in small_sets(run.data)
    }
    lost = np.transpose([found.max() - found for found in scores.values()])
    pairs = sorted(zip(grid, lost, strict=True), key=lambda pair: max(pair[1]))
    table = Table(["gradient", "batch", "rate", *scores, "worst"])
    for cell, row in pairs:
        table.add(*cell, *(f"{x:.1f}" for x in (*row, max(row))))
    best = (f"{name} {found.max():.1f}" for name, found in scores.items())
    return dict(best=", ".join(best), table=table)


@study.part
def gradient(run):
    """Gradients at the same rate

    Held-out likelihood at the lower end, with 100 hidden units, 10 epochs, batches of 10
    and a rate falling from 0.1 to zero; standard deviation over {seeds} seeds.

    {table}
    """
    gradients = {
        "CD": CD(),
        "PCD, 10 chains": PCD(n_chains=10),
        "PCD, 50": PCD(n_chains=50),
        "FPCD, 10": FPCD(n_chains=10),
        "FPCD, 50": FPCD(n_chains=50),
    }
    table = Table(["data", *gradients])
    for name, *parts in small_sets(run.data):
        found = [
            run.seeded(
                lower_end, *parts, dict(gradient=kind, learning_rate=Linear(0.1))
            )
            for kind in gradients.values()
        ]
        scores, spent = np.moveaxis(found, 2, 0)
        table.add(name, *(mean_and_spread(own, 1) for own in scores))
        ratios = spent.mean(axis=1) / spent[0].mean()
        table.add("seconds ÷ CD", *(f"{ratio:.1f}" for ratio in ratios))
    return table


def real_valued_sets(folder):
    """Yield name and training and held-out rows, the latter a quarter."""
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(3000, 4)) @ rng.normal(size=(4, 20))
    factors += rng.normal(size=(3000, 20))
    heavy = rng.standard_t(2, (3000, 20))
    heavy[:, :10] += heavy[:, 10:]
    sets = {
        "four factors, × 0.001": 1e-3 * factors,
        "four factors, × 1000": 1e3 * factors,
        "and a constant column": np.hstack([factors, np.ones((3000, 1))]),
        "t, 2 degrees of freedom": heavy,
    }
    for name in ("wine", "breast_cancer", "diabetes", "digits"):
        X = getattr(datasets, f"load_{name}")().data
        sets[name] = scale(X[:, X.std(axis=0) > 0])
    single = {
        "speech, frames": _data.spoken(folder)[0][:20000],
        "Frey faces": _data.frey(folder),
        "Olivetti faces": _data.olivetti(folder)[0],
    }
    for name, X in single.items():
        sets[name] = scale(X.astype(float)).astype(np.float32)
    for name, X in sets.items():
        yield name, *train_test_split(X, random_state=0)


def independent_gaussian(train, test):
    """Mean log-likelihood of test rows with the means and variances of the columns."""
    mean, variance = train.mean(axis=0), train.var(axis=0)
    variance[variance < 1e-12] = variance[variance >= 1e-12].mean()
    terms = np.log(2 * np.pi * variance) + np.square(test - mean) / variance
    return float(-0.5 * terms.sum(axis=1).mean())


def gaussian_end(train, test, gradient, seed):
    """Lower end of the held-out likelihood."""
    with warnings.catch_warnings(action="ignore"):
        try:
            rbm = GaussianRBM(gradient=gradient, n_iter=10, random_state=seed)
            rbm.fit(train)
        except ValueError:
            return np.nan
    return ends(rbm, train, test, n_betas=3000)[0][1]


@study.part
def gaussian(run):
    """Real-valued data

    Mean log-likelihood of a held-out row in nats, GaussianRBM with 10 epochs, 256 hidden
    units and a variance for each column; lower ends of annealing from both sides over 3,000
    temperatures, standard deviation over {seeds} seeds. Where a fit diverged the row has
    nan, and −inf where the Gibbs chains had not settled. Columns are standardized but for
    the first four sets.

    {table}
    """
    gradients = ("cd", "pcd", "fpcd", "score-matching")
    table = Table(["data", "rows", "independent Gaussian", *gradients])
    for name, train, test in real_valued_sets(run.data):
        table.add(
            name,
            f"{len(train)} × {train.shape[1]}",
            f"{independent_gaussian(train, test):.1f}",
            *(
                mean_and_spread(run.seeded(gaussian_end, train, test, kind), 1)
                for kind in gradients
            ),
        )
    return table


# Rows, columns, informative columns, classes and their separation.
MADE = (
    (1000, 20, 5, 2, 1.0),
    (2000, 40, 10, 3, 1.0),
    (500, 10, 6, 2, 0.7),
    (3000, 30, 15, 5, 1.2),
    (1500, 14, 8, 2, 1.0),
)


def made_table(seed, n, d, n_informative, n_classes, separation):
    return datasets.make_classification(
        n,
        d,
        n_informative=n_informative,
        n_classes=n_classes,
        class_sep=separation,
        random_state=seed,
    )


def labeled_sets(folder):
    """Yield name, scaled training rows and labels, test rows and labels."""
    small = {
        name: getattr(datasets, f"load_{name}")(return_X_y=True)
        for name in ("digits", "breast_cancer", "wine")
    }
    for seed, (n, d, *_, k, _) in enumerate(MADE):
        name = f"table of {n} rows, {d} columns, {k} classes"
        small[name] = made_table(seed, *MADE[seed])
    for name, (X, y) in small.items():
        X, X_test, y, y_test = train_test_split(
            X, y, test_size=0.3, stratify=y, random_state=0
        )
        scaler = MinMaxScaler(clip=True) if name == "digits" else StandardScaler()
        X = scaler.fit_transform(X)
        yield name, X, y, scaler.transform(X_test), y_test
    X, X_test = _data.silhouettes(folder, "X", ("train", "test"))
    y, y_test = _data.silhouettes(folder, "y", ("train", "test"))
    yield "silhouettes", X, y, X_test, y_test
    X, y, *test = _data.digits(folder)
    yield "MNIST, 10,000 rows", X[:10000], y[:10000], *test


def accuracy(kind, X, y, X_test, y_test, seed):
    """Test accuracy in percent at the defaults, and seconds of the fit."""
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        model, spent = timed(kind(random_state=seed).fit, X, y)
    return 100 * model.score(X_test, y_test), spent


@study.part
def classifier(run):
    """Classifiers at their defaults

    Test accuracy of both at their defaults on scaled data; mean and standard deviation
    over {seeds} seeds. The defaults of DBNClassifier were chosen by cross-validation on
    the training rows, and on validation rows of the last two.

    {table}
    """
    table = Table(
        "data | rows | test rows | DBNClassifier, % | MLPClassifier, %"
        " | standard error of the test rows | seconds | of MLPClassifier"
    )
    for name, *data in labeled_sets(run.data):
        found = [
            run.seeded(accuracy, kind, *data) for kind in (DBNClassifier, MLPClassifier)
        ]
        scores, spent = np.moveaxis(found, 2, 0)
        share, n_test = scores[1].mean(), len(data[3])
        error = np.sqrt(share * (100 - share) / n_test)
        cells = [*map(mean_and_spread, scores), f"{error:.1f}"]
        seconds = [f"{own.mean():.1f}" for own in spent]
        table.add(name, len(data[1]), n_test, *cells, *seconds)
    return table


if __name__ == "__main__":
    study.main()
