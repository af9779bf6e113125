"""Rows drawn as small pictures, side by side on a sheet."""

from math import isqrt, prod

import numpy as np

from .._utils._checks import check_counts
from ._base import single_axes

# Between the pictures of a sheet.
GRAY = 0.8
INCHES = 0.65


class Sheet:
    """A display of pictures, with an `image_shape` and a number `n_columns`."""

    def _draw(self, ax, rows, limits, cmap):
        """Draw rows as pictures, between these limits of color."""
        low, high = limits
        if cmap is None:
            paper = np.mean(rows <= low + 0.1 * (high - low)) >= 0.3
            cmap = "gray_r" if paper else "gray"
        images = rows.reshape(-1, *self.image_shape)
        colors = images.ndim == 4
        if colors:
            images = np.clip((images - low) / ((high - low) or 1), 0, 1)
        sheet = _tiled(images, self.n_columns, fill=GRAY if colors else np.nan)
        n_rows = -(-len(images) // self.n_columns)
        size = self.n_columns * INCHES, n_rows * INCHES
        self.figure_, self.axes_ = single_axes(ax, np.maximum(size, 1.5))
        self.image_ = self.axes_.imshow(
            sheet, cmap=cmap, vmin=low, vmax=high, interpolation="nearest"
        )
        self.axes_.set(xticks=[], yticks=[], facecolor=str(GRAY))
        self.axes_.tick_params(length=0)
        self.axes_.spines[:].set_visible(False)
        return self


def _tiled(images, n_columns, fill):
    """Pictures (n, height, width, ...) as one, with a margin of a pixel around each."""
    n, height, width, *colors = images.shape
    n_rows = -(-n // n_columns)
    shape = (n_rows * (height + 1) + 1, n_columns * (width + 1) + 1, *colors)
    sheet = np.full(shape, fill)
    for i, image in enumerate(images):
        top = i // n_columns * (height + 1) + 1
        left = i % n_columns * (width + 1) + 1
        sheet[top : top + height, left : left + width] = image
    return sheet


def centers(size, n):
    """Where the pictures of a sheet have their middle."""
    return 1 + size / 2 - 0.5 + (size + 1) * np.arange(n)


def checked_shape(image_shape, n_features):
    """The shape of a picture, a square one for None; a ValueError if rows do not fit."""
    if image_shape is None:
        side = isqrt(n_features)
        if side * side != n_features:
            raise ValueError(
                f"image_shape=None: {n_features} values are no square picture. Say "
                "image_shape=(height, width)."
            )
        return side, side
    shape = tuple(image_shape)
    known = len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)
    if not known or prod(shape) != n_features:
        raise ValueError(
            f"image_shape={shape}: a row has {n_features} values. Give height and "
            "width, followed by 3 for colors, whose product is that."
        )
    return shape


def checked_columns(n_columns, n_pictures):
    """The number of pictures side by side, that of an even sheet for None."""
    if n_columns is not None:
        check_counts("plot", n_columns=n_columns)
        return n_columns
    # A full sheet between a square and one twice as wide as high, if there is one.
    square = isqrt(n_pictures - 1) + 1
    full = (n for n in range(square, 2 * square) if n_pictures % n == 0)
    return next(full, square)
