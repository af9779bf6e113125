"""Filters and likelihood of Gaussian RBMs on patches of natural images.

Contrastive divergence and score matching are compared with Gaussians and with independent
components, by the likelihood of patches from other pictures and by how many of their
filters are Gabor functions. Settings are chosen by the likelihood of validation rows,
from pictures of their own, and by the filters. --scale quick is a small run; give it
other --pages than those that are kept.
"""

from itertools import product
from typing import NamedTuple

import numpy as np
from matplotlib.image import imsave
from scipy.optimize import least_squares, minimize
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA
from sklearn.model_selection import ParameterGrid

from skdbn import RBM, GaussianRBM, SparseRBM
from skdbn.gradients import CD, ScoreMatching

from .. import _data, _pictures
from .._harness import Study, Table, described, rates, timed, two
from .._scores import ends

study = Study(__file__, __doc__, scale="full")

SIZE = 14
N_HIDDEN = SIZE**2


class Scale(NamedTuple):
    """How much of everything."""

    per_picture: int
    n_epochs: int
    n_betas: int
    ica_steps: int


SCALES = {
    "full": Scale(per_picture=5000, n_epochs=30, n_betas=10_000, ica_steps=100),
    "quick": Scale(per_picture=200, n_epochs=20, n_betas=400, ica_steps=20),
}


def patches(pictures, per_picture, rng):
    """Patches from random places of each picture, without their means."""
    windows = np.lib.stride_tricks.sliding_window_view(pictures, (SIZE, SIZE), (1, 2))
    n_pictures, height, width = windows.shape[:3]
    picture = np.repeat(np.arange(n_pictures), per_picture)
    row, column = (rng.integers(end, size=len(picture)) for end in (height, width))
    rows = windows[picture, row, column].reshape(len(picture), -1).astype(float)
    return rows - rows.mean(axis=1, keepdims=True)


def whitened(folder, per_picture):
    """The fitted whitening, and training, validation and test rows."""
    rng = np.random.default_rng(0)
    counts = per_picture, per_picture, (2 * per_picture) // 5
    sets = [
        patches(pictures, count, rng)
        for pictures, count in zip(_data.pictures(folder), counts, strict=True)
    ]
    # The mean that is taken away leaves a dimension fewer.
    pca = PCA(SIZE**2 - 1, whiten=True, svd_solver="full").fit(sets[0])
    return pca, [pca.transform(rows).astype(np.float32) for rows in sets]


def gaussian(covariance, *sets):
    """Mean log-likelihood of each set in a Gaussian."""
    density = multivariate_normal(cov=covariance)
    return [density.logpdf(rows).mean() for rows in sets]


def pixel_covariance(pca):
    """Covariance of the whitened rows if the pixels were independent."""
    deviation = np.sqrt(pca.explained_variance_)[:, None]
    variance = np.square(pca.components_ * deviation).sum(axis=0)
    whitening = pca.components_ / deviation
    return whitening * variance @ whitening.T


def ica_log_likelihood(unmixing, sources):
    """Mean log-likelihood of rows with these sources, which are logistic."""
    size = np.abs(sources)
    log_density = -(size + 2 * np.log1p(np.exp(-size))).sum(axis=1)
    return np.linalg.slogdet(unmixing)[1] + log_density.mean(dtype=float)


def fit_ica(train, valid, n_steps):
    """The unmixing matrix of largest likelihood, of the step best on validation rows."""
    n, d = train.shape
    tried = []

    def loss(flat):
        unmixing = flat.reshape(d, d)
        sources = train @ unmixing.T.astype(train.dtype)
        slope = np.tanh(sources / 2).T @ train / n - np.linalg.inv(unmixing).T
        return -ica_log_likelihood(unmixing, sources), slope.ravel()

    def keep(flat):
        unmixing = flat.reshape(d, d).copy()
        tried.append((ica_log_likelihood(unmixing, valid @ unmixing.T), unmixing))

    # A logistic source has the variance π²/3.
    start = np.pi / np.sqrt(3) * np.eye(d)
    minimize(
        loss,
        start.ravel(),
        method="L-BFGS-B",
        jac=True,
        callback=keep,
        options=dict(maxiter=n_steps),
    )
    return max(tried, key=lambda step: step[0])[1]


def gabor_pair(x, y, angle, frequency, log_along, log_across):
    """Orthonormal basis of the Gabor functions that differ in phase and amplitude.

    Center and widths are in pixels, the frequency in cycles per pixel; x and y count
    from the first pixel. Of shape (..., pixels, 2).
    """
    rows, columns = np.indices((SIZE, SIZE)).reshape(2, -1)
    dx, dy = columns - x, rows - y
    along = dx * np.cos(angle) + dy * np.sin(angle)
    across = dy * np.cos(angle) - dx * np.sin(angle)
    widths = np.exp(log_along), np.exp(log_across)
    envelope = np.exp(-0.5 * ((along / widths[0]) ** 2 + (across / widths[1]) ** 2))
    phase = 2 * np.pi * frequency * along
    pair = np.stack([envelope * np.cos(phase), envelope * np.sin(phase)], axis=-1)
    return np.linalg.qr(pair).Q


# Centers a little outside, waves up to the diagonal ones of a chessboard, and no
# envelope so narrow that it stands for a single pixel's noise or wider than the patch.
LOWEST = np.array([-1, -1, -np.inf, 0, np.log(0.5), np.log(0.5)])
HIGHEST = np.array([SIZE, SIZE, np.inf, 0.5**0.5, np.log(SIZE), np.log(SIZE)])

FREQUENCIES = (0.05, 0.1, 0.18, 0.28, 0.4)
CENTERS = np.arange(0.5, SIZE, 2)
ANGLES = np.arange(8) * np.pi / 8
LOG_WIDTHS = np.log([0.7, 1.5, 3])


def gabor_starts(filters):
    """For each filter the best one of a lattice of Gabors at each frequency."""
    for frequency in FREQUENCIES:
        axes = CENTERS, CENTERS, ANGLES, [frequency], LOG_WIDTHS, LOG_WIDTHS
        lattice = np.array(list(product(*axes)))
        basis = gabor_pair(*lattice.T[..., None])
        even, odd = (np.square(filters @ basis[..., i].T) for i in range(2))
        yield lattice[(even + odd).argmax(axis=1)]


def unexplained(params, image):
    """What the nearest Gabor with these parameters leaves of an image."""
    basis = gabor_pair(*params.clip(LOWEST, HIGHEST))
    return image - basis @ (basis.T @ image)


def gabor_energy(filters):
    """The share of each filter's energy that a Gabor function explains."""
    filters = filters / np.linalg.norm(filters, axis=1, keepdims=True)
    left = [
        min(
            2 * least_squares(unexplained, start, method="lm", args=(image,)).cost
            for start in starts
        )
        for image, *starts in zip(filters, *gabor_starts(filters), strict=True)
    ]
    return 1 - np.array(left)


FILTER_HEADER = ["Gabor share", "median explained", "seconds"]


def gabor_share(explained):
    """The share of filters of which a Gabor explains nearly all."""
    return float((explained >= 0.8).mean())


def filter_cells(explained, seconds=None):
    spent = "" if seconds is None else f"{seconds:.0f}"
    return [f"{gabor_share(explained):.0%}", f"{np.median(explained):.2f}", spent]


def known_filters(rng):
    """Gabors of which a tenth of the energy is noise, and noise alone."""
    noise = rng.normal(size=(N_HIDDEN, SIZE**2)) / SIZE
    low, high = [1, 1, 0, 0.05, 0, 0], [12, 12, np.pi, 0.4, 1.2, 1.2]
    params = rng.uniform(low, high, size=(N_HIDDEN, 6))
    phases = rng.uniform(0, 2 * np.pi, N_HIDDEN)
    weights = np.stack([np.cos(phases), np.sin(phases)], axis=-1)
    gabors = np.einsum("fpi,fi->fp", gabor_pair(*params.T[..., None]), weights)
    noisy = np.sqrt(0.9) * gabors + np.sqrt(0.1) * noise
    return {"known Gabors": noisy, "noise": noise}


def draw(filters, path):
    """A picture of the filters, those with most energy first."""
    order = np.argsort(-np.square(filters).sum(axis=1))
    square = _pictures.tiles(filters[order].reshape(-1, SIZE, SIZE), gap=1)
    square = square.repeat(3, 0).repeat(3, 1)
    imsave(path, square, cmap=_pictures.GREYS, vmin=-1, vmax=1)


# SparseRBM starts with units that are rarely on: from biases of zero score matching finds
# fewer Gabors.
GRIDS = {
    "CD-1": (
        GaussianRBM,
        dict(gradient=[CD()], learning_rate=rates(0.3, 0.5)),
    ),
    "score matching": (
        SparseRBM,
        dict(
            visible=["gaussian"],
            gradient=[ScoreMatching(noise) for noise in (0.5, 0.8, 1.2)],
            target=[0.02],
            cost=[0.1],
            penalized=["bias"],
            learning_rate=rates(0.03),
        ),
    ),
}


class Fitted(NamedTuple):
    """A fitted model, its filters and their cells, and what it is chosen by."""

    rbm: RBM | None
    filters: np.ndarray | None
    cells: list
    likelihood: float
    share: float


# In words, and the field of a fit that is to be large.
CRITERIA = {"likelihood": "likelihood", "filters": "share"}


def fitted(train, valid, basis, scale, model, settings):
    rbm = model(
        N_HIDDEN,
        momentum=0.9,
        batch_size=100,
        n_iter=scale.n_epochs,
        random_state=0,
        **settings,
    )
    try:
        rbm, spent = timed(rbm.fit, train)
    except ValueError:
        # It diverged.
        return Fitted(None, None, [""] * 3, -np.inf, -np.inf)
    # What a hidden unit adds to a row, as an image.
    filters = rbm.components_ / rbm.machine_.visible.precision @ basis
    explained = gabor_energy(filters)
    # A quarter of the temperatures is enough to rank settings.
    ((_, lower),) = ends(rbm, train, valid, n_betas=scale.n_betas // 4)
    cells = filter_cells(explained, spent)
    return Fitted(rbm, filters, cells, lower, gabor_share(explained))


def best_fits(run, model, grid, *args):
    """The best fits with what each is chosen by, and what was tried in Markdown."""
    grid = list(ParameterGrid(grid))
    fits = run.map(fitted, [(*args, model, settings) for settings in grid])
    best = {}
    for words, field in CRITERIA.items():
        index = int(np.argmax([getattr(tried, field) for tried in fits]))
        best.setdefault(index, []).append(words)
    best = {" and ".join(words): index for index, words in best.items()}
    table = Table(["settings", "validation, lower end", *FILTER_HEADER])
    for settings, tried in zip(grid, fits, strict=True):
        table.add(described(settings), two(tried.likelihood), *tried.cells)
    notes = [
        f"Chosen by {words}: {model.__name__} with {described(grid[index])}."
        for words, index in best.items()
    ]
    chosen = {words: fits[index] for words, index in best.items()}
    return chosen, "\n\n".join([*notes, str(table)])


def exact_cells(name, test, train):
    return [name, "", f"{test:.2f}", "exact", f"{train:.2f}"]


def reference_rows(pca, train, valid, test, n_steps):
    """Table rows of the models with an exact likelihood, and the filters of ICA."""
    covariances = {
        "Gaussian, independent pixels": pixel_covariance(pca),
        "Gaussian": np.cov(train.T),
    }
    rows = [
        [*exact_cells(name, *gaussian(covariance, test, train)), *[""] * 3]
        for name, covariance in covariances.items()
    ]
    unmixing, spent = timed(fit_ica, train, valid, n_steps)
    scores = (ica_log_likelihood(unmixing, X @ unmixing.T) for X in (test, train))
    filters = np.linalg.inv(unmixing).T @ pca.components_
    cells = filter_cells(gabor_energy(filters), spent)
    rows.append([*exact_cells("ICA", *scores), *cells])
    return rows, filters


@study.part(page="natural-images")
def patches_of_pictures(run):
    """Patches of natural images

    {n_train:,} patches of {SIZE} × {SIZE} pixels, {n_valid:,} validation and {n_test:,}
    test patches from other pictures. Grey values are as stored; the mean of a patch is
    taken away, and what is left is whitened in {n_features} dimensions. {N_HIDDEN} hidden
    units, batches of 100, {scale.n_epochs} epochs, momentum 0.9, one seed. Settings are
    chosen by the likelihood of the validation rows and, apart from that, by the share of
    Gabor functions among the filters.

    Log-likelihoods are means in nats a patch, of the whitened values, where a Gaussian of
    full covariance is one of independent coordinates. {BRACKET} With noise, score matching
    learns the density of the noisy rows, and the more noise, the lower the likelihood of
    those without. Settings are ranked with a quarter of {scale.n_betas:,} temperatures;
    one that diverged, or whose Gibbs chains had not settled, has −inf. ICA is complete,
    with logistic sources, of the largest likelihood.

    A filter is what a unit adds to the whitened image. It counts as a Gabor function if
    one explains at least 80 % of its energy, and the next column is the median of the
    share explained. Pictures show the models chosen by filters. The last two rows are
    controls: Gabor functions with a tenth of their energy in noise, and noise. Seconds
    are those of a fit, while others run beside it.

    {table}

    {notes}
    """
    scale = SCALES[run.scale]
    pca, (train, valid, test) = whitened(run.data, scale.per_picture)
    header = "model | chosen by | test | test, lower end | training, lower end"
    rows, ica = reference_rows(pca, train, valid, test, scale.ica_steps)
    table = Table([*header.split(" | "), *FILTER_HEADER], rows)
    filters, notes = {"ICA": ica}, []
    for name, (model, grid) in GRIDS.items():
        if run.scale == "quick":
            grid = {key: values[-1:] for key, values in grid.items()}
        best, tried = best_fits(run, model, grid, train, valid, pca.components_, scale)
        for words, chosen in best.items():
            found = ends(chosen.rbm, train, test, train, n_betas=scale.n_betas)
            (forward, lower), (_, learned) = found
            table.add(name, words, *map(two, (forward, lower, learned)), *chosen.cells)
        # The filters are the last criterion.
        filters[name] = chosen.filters
        notes.append(f"## {name}\n\n{tried}")
    for name, known in known_filters(np.random.default_rng(0)).items():
        table.add(name, *[""] * 4, *filter_cells(gabor_energy(known)))
    for name, shown in filters.items():
        picture = f"natural-images-{name.lower().replace(' ', '-')}.png"
        draw(shown, run.pages / picture)
        notes.append(f"## Filters of {name}\n\n![filters of {name}]({picture})")
    sizes = dict(n_train=len(train), n_valid=len(valid), n_test=len(test))
    return sizes | dict(
        n_features=train.shape[1], scale=scale, table=table, notes="\n\n".join(notes)
    )


if __name__ == "__main__":
    study.main()
