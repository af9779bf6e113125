"""
Filters that are at all places
==============================

A :class:`~skdbn.ConvolutionalRBM` learns a few filters from all windows of all pictures.
Each of them has a hidden unit for every window, and the feature of a group of windows says
how probable it is that what the filter stands for is in one of them.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from skdbn import BernoulliRBM, ConvolutionalRBM
from skdbn.plotting import FiltersDisplay

X, y = load_digits(return_X_y=True)
# A margin, so that digits can move.
X = np.pad(X.reshape(-1, 8, 8) / 16, ((0, 0), (1, 1), (1, 1))).reshape(len(X), -1)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
rbm = ConvolutionalRBM(32, filter_shape=5, pool=2, n_iter=20, random_state=0)
rbm.fit(X_train)

# %%
# The filters are pieces of pen strokes: lines in several directions, bends and ends.
FiltersDisplay(rbm.components_).plot()

# %%
# Features of one digit are a small map for each filter.
maps = rbm.transform(X_test[:1]).reshape(rbm.output_shape_)
fig, axes = plt.subplots(1, 7, figsize=(9, 1.6), layout="constrained")
axes[0].imshow(X_test[0].reshape(10, 10), cmap="gray_r")
axes[0].set_title("digit")
strongest = np.argsort(-maps.max(axis=(0, 1)), kind="stable")[:6]
for ax, k in zip(axes[1:], strongest, strict=True):
    ax.imshow(maps[:, :, k], cmap="gray_r", vmin=0, vmax=1)
    ax.set_title(f"filter {k}")
for ax in axes:
    ax.set(xticks=[], yticks=[])

# %%
# With 200 labels, a logistic regression on these features tells about as many test digits as
# one on those of an RBM whose units see the whole picture, and more of the digits that have
# moved by a pixel. A shift of a pixel is a tenth of these pictures: groups of two windows
# make up for a part of it only.
moved = np.roll(X_test.reshape(-1, 10, 10), 1, axis=2).reshape(len(X_test), -1)
dense = BernoulliRBM(288, n_iter=20, random_state=0).fit(X_train)
for name, features in {"convolutional": rbm, "dense": dense}.items():
    model = make_pipeline(features, LogisticRegression(max_iter=3000))
    model[-1].fit(features.transform(X_train[:200]), y_train[:200])
    print(
        f"{name:14} {model.score(X_test, y_test):.3f}, "
        f"moved {model.score(moved, y_test):.3f}"
    )
