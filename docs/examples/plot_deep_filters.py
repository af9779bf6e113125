"""
Filters of a deep belief net
============================

What does a unit of each layer respond to? Above the first layer a unit has weights to other
units, not to pixels. Its picture is the sum of the pictures of the units below, each
multiplied by its weight. This ignores that these units are not linear.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skdbn import BernoulliRBM, DBNTransformer
from skdbn.plotting import FiltersDisplay, ReconstructionsDisplay

X = load_digits().data / 16
dbn = DBNTransformer(
    (128, 64, 32), rbm=BernoulliRBM(weight_decay=1e-3), n_iter=50, random_state=0
).fit(X)

# %%
# Weights times the standard deviations of the pixels show what makes a difference, and of
# each layer the 32 largest filters are drawn. All layers look for strokes and spots: eight
# by eight pixels leave little to build up from layer to layer. Those of the upper layers
# are smoother, and more of them are at home in one place.
#
# ``FiltersDisplay.from_estimator(dbn, layer=1)`` draws the plain weights.
figure, axes = plt.subplots(1, 3, figsize=(10, 7), layout="constrained")
filters = np.diag(X.std(axis=0))
for i, (ax, rbm) in enumerate(zip(axes, dbn.rbms_, strict=True)):
    filters = filters @ rbm.components_.T
    largest = np.argsort(-np.linalg.norm(filters, axis=0))[:32]
    FiltersDisplay(filters[:, largest].T, n_columns=4).plot(ax)
    ax.set_title(f"layer {i + 1}")

# %%
# What the 32 units at the top keep of a digit, brought down to the pixels.
restored = dbn.inverse_transform(dbn.transform(X[:12]))
ReconstructionsDisplay(X[:12], restored).plot()
