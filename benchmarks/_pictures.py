"""Sheets of images, and curves against seconds."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import colormaps

# A few levels of grey, for small files.
GREYS = colormaps["gray"].resampled(17)


def tiles(images, gap=2):
    """Images in a square, each on a scale of its own with zero in the middle."""
    side = int(np.sqrt(len(images)))
    images = images[: side * side]
    images = images / np.abs(images).max(axis=(1, 2), keepdims=True)
    return sheet(images.reshape(side, side, *images.shape[1:]), gap)


def sheet(images, gap=0):
    """One image of rows of images, with white between them."""
    images = np.pad(images, [(0, 0), (0, 0), (0, gap), (0, gap)], constant_values=1)
    n_rows, n_columns, height, width = images.shape
    whole = images.swapaxes(1, 2).reshape(n_rows * height, n_columns * width)
    return whole[: len(whole) - gap, : n_columns * width - gap]


def filters(panels, path):
    """The filters of some models, under their names."""
    figure, axes = plt.subplots(
        1,
        len(panels),
        figsize=(4 * len(panels), 4.3),
        layout="constrained",
        squeeze=False,
    )
    for axis, (name, images) in zip(axes[0], panels.items(), strict=True):
        axis.imshow(tiles(images), cmap=GREYS, vmin=-1, vmax=1, interpolation="nearest")
        axis.set_title(name)
        axis.axis("off")
    figure.savefig(path, dpi=75)
    plt.close(figure)


def strips(rows, shape, path):
    """Strips of faces, each under its name."""
    height, width = shape
    n_shown = len(next(iter(rows.values())))
    figure, axes = plt.subplots(
        len(rows), figsize=(n_shown, 5 * height / width), layout="constrained"
    )
    for axis, (name, images) in zip(axes, rows.items(), strict=True):
        strip = sheet(images.reshape(1, -1, height, width))
        axis.imshow(strip, cmap="gray", vmin=0, vmax=255)
        axis.set_title(name)
        axis.axis("off")
    figure.savefig(path, dpi=70)
    plt.close(figure)


def curves(lines, path, target, ylim):
    """Test likelihood against seconds; dashes for all but skdbn."""
    figure, axes = plt.subplots(figsize=(7, 5), layout="constrained")
    for label, (seconds, lower) in lines.items():
        style = "o-" if label.startswith("skdbn") else "o--"
        axes.plot(seconds, lower, style, markersize=3, label=label)
    axes.axhline(target, color="0.6", linewidth=0.8)
    axes.set(
        xscale="log",
        ylim=ylim,
        xlabel="seconds of training, one thread",
        ylabel="test log-likelihood, lower end (nats)",
    )
    figure.legend(frameon=False, loc="outside lower center", ncols=2, fontsize="small")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    plt.close(figure)
