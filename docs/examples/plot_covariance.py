"""
Edges, by the covariance of pixels
==================================

Neighboring pixels of a picture have similar values, but for edges. A
:class:`~skdbn.MeanCovarianceRBM` has hidden units for that: each is on while the answers of
its filters are small, and off at an edge.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image
from sklearn.decomposition import PCA
from sklearn.feature_extraction.image import extract_patches_2d

from skdbn import GaussianRBM, MeanCovarianceRBM
from skdbn.plotting import FiltersDisplay, SamplesDisplay

picture = np.log1p(load_sample_image("china.jpg").mean(axis=2))
patches = extract_patches_2d(picture, (8, 8), max_patches=10_000, random_state=0)
patches = patches.reshape(-1, 64)
patches = (patches - patches.mean(axis=1, keepdims=True)).astype(np.float32)
whitening = PCA(0.98, whiten=True).fit(patches)
X = whitening.transform(patches)
rbm = MeanCovarianceRBM(100, n_mean=32, n_iter=20, random_state=0).fit(X)

# %%
# The patches that filters answer to most are edges, lines and textures.
filters = whitening.inverse_transform(rbm.components_[:100]) - whitening.mean_
FiltersDisplay(filters).plot()

# %%
# Patches of the model have edges and flat regions. Those of a Gaussian RBM, whose pixels are
# independent given the hidden units, are alike everywhere.
gaussian = GaussianRBM(100, n_iter=10, random_state=0).fit(X)
samples = {
    "pictures": patches[::100],
    "MeanCovarianceRBM": whitening.inverse_transform(rbm.sample(100, random_state=0)),
    "GaussianRBM": whitening.inverse_transform(gaussian.sample(100, random_state=0)),
}
fig, axes = plt.subplots(1, 3, figsize=(9, 3.3), layout="constrained")
for ax, (name, rows) in zip(axes, samples.items(), strict=True):
    SamplesDisplay(rows).plot(ax=ax)
    ax.set_title(name)

# %%
# The difference between neighboring pixels is small in most places and large in a few:
# its distribution has a high kurtosis, which is 0 of a normal one.
for name, rows in samples.items():
    gaps = np.diff(rows.reshape(-1, 8, 8), axis=2).ravel()
    gaps = gaps - gaps.mean()
    print(f"{name:18} {np.mean(gaps**4) / np.mean(gaps**2) ** 2 - 3:.1f}")
