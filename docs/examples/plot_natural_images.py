"""
Edges of natural images
=======================

Whitening removes the correlations between the pixels of patches of photographs, and a
:class:`~skdbn.GaussianRBM` learns the remaining structure. Its hidden units become localized,
oriented edges, like the receptive fields of cells in the primary visual cortex.
"""

import numpy as np
from sklearn.datasets import load_sample_images
from sklearn.decomposition import PCA
from sklearn.feature_extraction.image import extract_patches_2d

from skdbn import GaussianRBM
from skdbn.plotting import FiltersDisplay
from skdbn.schedules import Linear

side = 12


def brightness(image):
    """Log of the mean of each 2 × 2 pixels and their colors."""
    height, width = (size // 2 for size in image.shape[:2])
    blocks = image[: 2 * height, : 2 * width].reshape(height, 2, width, 2, 3)
    return np.log1p(blocks.mean(axis=(1, 3, 4)))


patches = np.concatenate(
    [
        extract_patches_2d(
            brightness(image), (side, side), max_patches=15_000, random_state=0
        )
        for image in load_sample_images().images
    ]
).reshape(-1, side * side)
patches -= patches.mean(axis=1, keepdims=True)
# The finest details are left out: they are mostly noise.
whitening = PCA(60, whiten=True).fit(patches)
X = whitening.transform(patches).astype(np.float32)

rbm = GaussianRBM(
    64,
    gradient="cd",
    learning_rate=Linear(0.3),
    momentum=0.9,
    variance="shared",
    batch_size=100,
    n_iter=30,
    random_state=0,
).fit(X)

# %%
# What each hidden unit adds to a patch, in pixels again. Some of them are textures, of the
# roof in one of the two photographs.
filters = rbm.variance_ * rbm.components_
pixels = whitening.inverse_transform(filters) - whitening.mean_
FiltersDisplay(pixels).plot(cmap="gray")
