"""
Missing values in a mixed table
===============================

:class:`~skdbn.BoltzmannImputer` learns a model from rows with missing values and fills them
in. The table has thirteen measurements of wines, and their cultivar as one-hot columns. In
each row about 30 % of the values are hidden, cultivars included.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdbn import BoltzmannImputer

measures, cultivar = load_wine(return_X_y=True)
table = np.hstack([measures, np.eye(3)[cultivar]])

# %%
# A cultivar is known or not, so that its three columns are hidden together. The imputer
# finds by itself which columns are numbers and which belong together. Distances of the
# nearest neighbors need columns of one scale, the others do not.
imputers = {
    "SimpleImputer": SimpleImputer(),
    "KNNImputer": make_pipeline(StandardScaler(), KNNImputer()),
    "BoltzmannImputer": BoltzmannImputer(random_state=0),
}
errors = {name: [] for name in imputers}
right = {name: [] for name in imputers}
scale = measures.std(axis=0)
for seed in range(5):
    hidden = np.random.default_rng(seed).random((len(table), 14)) < 0.3
    holes = np.where(np.hstack([hidden, hidden[:, [13, 13]]]), np.nan, table)
    for name, imputer in imputers.items():
        filled = imputer.fit_transform(holes)
        if name == "KNNImputer":
            filled = imputer[0].inverse_transform(filled)
        off = ((filled[:, :13] - measures) / scale)[hidden[:, :13]]
        errors[name].append(np.sqrt(np.mean(off**2)))
        guess = filled[hidden[:, 13], 13:].argmax(axis=1)
        right[name].append(100 * np.mean(guess == cultivar[hidden[:, 13]]))

# %%
# The dots are five patterns of holes.
figure, axes = plt.subplots(1, 2, figsize=(9, 3), sharey=True, layout="constrained")
for ax, found, label in [
    (axes[0], errors, "error of a number [standard deviations]"),
    (axes[1], right, "cultivars found [%]"),
]:
    ax.barh(list(found), [np.mean(values) for values in found.values()], alpha=0.5)
    for row, values in enumerate(found.values()):
        ax.plot(values, [row] * len(values), "k.")
    ax.set_xlabel(label)
    ax.spines[["top", "right"]].set_visible(False)
for name in imputers:
    print(f"{name}: {np.mean(errors[name]):.3f}, {np.mean(right[name]):.1f} %")
