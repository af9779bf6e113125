"""
Half a digit
============

A restricted Boltzmann machine learns which pixels of digits occur together. Given the upper
half of a new digit, it fills in the lower half. NaN marks the unknown pixels.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdbn import BernoulliRBM

X = load_digits().data / 16
X_train, X_test = train_test_split(X, random_state=0)
rbm = BernoulliRBM(200, n_iter=100, random_state=0).fit(X_train)

halves = X_test.copy()
halves[:, 32:] = np.nan
means = rbm.impute(halves, random_state=0)
draws = rbm.conditional_sample(halves, random_state=0)

# %%
# A draw is one way in which the digit may go on. The mean is over many, and so is blurred
# where there are several: the upper half of the second digit, an 8, may well belong to
# a 5.
rows = {"digit": X_test, "known": halves, "mean": means, "a draw": draws}
cmap = plt.get_cmap("gray_r").with_extremes(bad="tab:cyan")
figure, axes = plt.subplots(4, 12, figsize=(9, 3.3), layout="constrained")
for line, (name, images) in zip(axes, rows.items(), strict=True):
    for ax, image in zip(line, images, strict=False):
        ax.imshow(image.reshape(8, 8), cmap=cmap, vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
    line[0].set_ylabel(name)

# %%
# How far is the hidden half from the truth? The best guess that does not look at the upper
# half is the mean digit.
for name, guess in [
    ("mean digit", X_train.mean(axis=0)[32:]),
    ("RBM's mean", means[:, 32:]),
]:
    error = np.sqrt(np.mean((guess - X_test[:, 32:]) ** 2))
    print(f"{name}: root mean square error {error:.3f}")
