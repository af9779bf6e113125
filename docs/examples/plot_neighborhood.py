"""
A map of digits by their labels
===============================

Neighborhood components learn a code in which rows have neighbors of their own class. Where a
matrix cannot keep ten classes apart in two components, a deep net can, on digits that it has
not learned from as well.
"""

# %%
# Three maps of the 8 × 8 digits, learned from two thirds of them and drawn of the others. The
# principal components do not know the labels. The errors are those of three nearest
# neighbors on the map.

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier, NeighborhoodComponentsAnalysis

from skdbn import DBNNeighborhoodComponents

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=1 / 3, stratify=y, random_state=0
)

models = {
    "PCA": PCA(2),
    "NeighborhoodComponentsAnalysis": NeighborhoodComponentsAnalysis(2, random_state=0),
    "DBNNeighborhoodComponents": DBNNeighborhoodComponents(random_state=0),
}
figure, axes = plt.subplots(1, 3, figsize=(11, 4), layout="constrained")
for place, (name, model) in zip(axes, models.items(), strict=True):
    model.fit(X_train, y_train)
    codes = model.transform(X_test)
    neighbors = KNeighborsClassifier(3).fit(model.transform(X_train), y_train)
    error = 1 - neighbors.score(codes, y_test)
    points = place.scatter(*codes.T, c=y_test, cmap="tab10", s=10, vmin=-0.5, vmax=9.5)
    place.set(title=f"{name}\nerror {error:.1%}", xticks=[], yticks=[])
figure.colorbar(points, ticks=range(10), label="digit")
plt.show()
