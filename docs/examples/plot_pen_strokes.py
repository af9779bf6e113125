"""
Pen strokes: rarely active units
================================

When hidden units are active for half of the digits, each stroke is encoded by many units. A
:class:`~skdbn.SparseRBM` pulls the mean activity of each unit to a target, here 0.05. A unit
then stands for something that few digits have.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import zoom
from sklearn.datasets import load_digits

from skdbn import BernoulliRBM, SparseRBM
from skdbn.plotting import FiltersDisplay

X = load_digits().data / 16
models = {
    "BernoulliRBM": BernoulliRBM(64, n_iter=50, random_state=0),
    "SparseRBM": SparseRBM(
        64,
        target=0.05,
        cost=1.0,
        gradient="cd",
        weight_decay=0.003,
        n_iter=50,
        random_state=0,
    ),
}
for model in models.values():
    model.fit(X)


# %%
# Filters times the standard deviations of the pixels. Pictures of 8 × 8 pixels are hard to
# read, so that a smooth curve is laid through them. The units of the plain model look for
# bits and pieces, those of the sparse one for long strokes and for whole digits.
def enlarged(filters):
    framed = np.pad(filters.reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
    return zoom(framed, (1, 4, 4), order=3).reshape(len(filters), -1)


figure, axes = plt.subplots(1, 2, figsize=(10, 5.3), layout="constrained")
for ax, (name, model) in zip(axes, models.items(), strict=True):
    FiltersDisplay(enlarged(model.components_ * X.std(axis=0))).plot(ax)
    ax.set_title(name)

# %%
# The mean activity of each unit, from the least to the most active.
figure, ax = plt.subplots(layout="constrained")
for name, model in models.items():
    ax.plot(np.sort(model.transform(X).mean(axis=0)), label=name)
ax.axhline(0.05, color="0.7", linestyle="--", label="target")
ax.set(xlabel="hidden unit", ylabel="mean activity", ylim=(0, 1))
ax.legend()
