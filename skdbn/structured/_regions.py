"""What is measured of the regions of a picture, and of the boundaries between them."""

import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_gradient_magnitude, gaussian_laplace
from scipy.spatial.distance import cdist
from sklearn.cluster import MiniBatchKMeans

# Widths of the filters of textures, in pixels.
SCALES = 1, 2, 4


def words(rows, n_words, rng):
    """Means of clusters of rows."""
    model = MiniBatchKMeans(
        n_words, batch_size=4096, n_init=1, max_iter=30, random_state=rng
    )
    return model.fit(rows)


def filtered(lab):
    """The answers of the filters at each pixel, of shape (n_pixels, n_filters)."""
    answers = []
    light = lab[..., 0]
    for scale in SCALES:
        answers += [
            gaussian_filter(channel, scale) for channel in np.moveaxis(lab, 2, 0)
        ]
        answers += [
            scale * gaussian_filter(light, scale, order=order)
            for order in ((0, 1), (1, 0))
        ]
        answers.append(scale**2 * gaussian_laplace(light, scale))
    return np.stack(answers, axis=-1).reshape(-1, len(answers))


def histogram(regions, values, n_values):
    """The share of each value among the pixels of each region."""
    n_regions = regions.max() + 1
    flat = regions.ravel() * n_values + values
    counts = np.bincount(flat, minlength=n_regions * n_values)
    counts = counts.reshape(n_regions, n_values)
    return counts / counts.sum(axis=1, keepdims=True)


def moments(regions, lab):
    """Mean and standard deviation of each channel in each region."""
    count = np.bincount(regions.ravel())[:, None]
    sums = [
        np.stack([np.bincount(regions.ravel(), x.ravel()) for x in channels], axis=1)
        for channels in (np.moveaxis(lab, 2, 0), np.moveaxis(np.square(lab), 2, 0))
    ]
    mean, square = sums[0] / count, sums[1] / count
    return mean, np.sqrt(np.maximum(square - np.square(mean), 0))


def contrasts(regions, mean):
    """Differences of the color of each region from the picture's middle and border.

    The middle has Gaussian weights, the border is a sixteenth of each side.
    """
    row, column = (np.linspace(-1, 1, size) for size in regions.shape)
    middle = np.exp(-(row[:, None] ** 2 + column**2) / (2 * 0.3**2))
    border = np.maximum(np.abs(row)[:, None], np.abs(column)) > 7 / 8
    found = []
    for weights in (middle, border):
        shares = np.bincount(regions.ravel(), weights.ravel())
        difference = mean - np.average(mean, axis=0, weights=shares)
        distance = np.linalg.norm(difference, axis=1, keepdims=True)
        found += [difference, np.abs(difference), distance]
    return np.hstack(found)


def likeness(regions, mean, n_cells):
    """How alike in color each region is to the pixels of each cell of a grid.

    The mean over the pixels of exp(−d² / 2 · 12²), with the distance d in Lab space of
    the mean colors of the region and of the pixel's own region. Of shape (n_regions,
    n_cells ** 2).
    """
    counts = np.zeros((len(mean), n_cells**2))
    np.add.at(counts, (regions.ravel(), cells_of(regions.shape, n_cells)), 1)
    shares = counts / np.maximum(counts.sum(axis=0), 1)
    # In parts, since the distances of all pairs may be too many.
    parts = np.array_split(mean, 1 + len(mean) // 1000)
    squares = (cdist(part, mean, "sqeuclidean") for part in parts)
    return np.vstack([np.exp(-square / (2 * 12**2)) @ shares for square in squares])


def cells_of(shape, n_cells):
    """The cell of a grid in which each pixel is."""
    row, column = (np.arange(size) * n_cells // size for size in shape)
    return (row[:, None] * n_cells + column).ravel()


def edge_strength(lab):
    """How fast the color changes at each pixel."""
    channels = np.moveaxis(lab, 2, 0)
    return sum(gaussian_gradient_magnitude(channel, 1) for channel in channels)


def neighbors(regions):
    """Pixels beside and below each other, in pairs."""
    yield regions[:, :-1].ravel(), regions[:, 1:].ravel()
    yield regions[:-1].ravel(), regions[1:].ravel()


def boundaries(regions, strength):
    """Pairs of regions that touch, and the mean strength along their boundary."""
    pairs = np.concatenate([np.stack(p, axis=1) for p in neighbors(regions)])
    sides = np.concatenate([sum(pair) / 2 for pair in neighbors(strength)])
    across = pairs[:, 0] != pairs[:, 1]
    edges, which = np.unique(
        np.sort(pairs[across], axis=1), axis=0, return_inverse=True
    )
    which = which.ravel()
    return edges, np.bincount(which, sides[across]) / np.bincount(which)


def chi_square(p, q):
    """Half the χ² distance of histograms, between 0 and 1."""
    total = np.maximum(p + q, np.finfo(p.dtype).tiny)
    return (np.square(p - q) / total).sum(axis=1) / 2
