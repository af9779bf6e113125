"""
Compress digits
===============

A deep autoencoder replaces a principal component analysis where rows lie on a curved surface:
it keeps more of a digit in the same number of components, and a map of two components tells
more digits apart.
"""

# %%
# Both learn from two thirds of the 8 × 8 digits, without their labels, to put a digit into
# ten numbers and to draw it again from them.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skdbn import DBNAutoencoder
from skdbn.plotting import FiltersDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, _, y_test = train_test_split(
    X / 16, y, test_size=1 / 3, random_state=0
)

models = {
    "PCA": PCA(10),
    "DBNAutoencoder": DBNAutoencoder((128,), n_components=10, random_state=0),
}
rows = {"digits": X_test}
for name, model in models.items():
    model.fit(X_train)
    rows[name] = model.inverse_transform(model.transform(X_test))

shown = [np.flatnonzero(y_test == digit)[0] for digit in range(10)]
figure = plt.figure(figsize=(8, 3.6), layout="constrained")
for part, (name, found) in zip(figure.subfigures(3), rows.items(), strict=True):
    error = np.square(found - X_test).mean()
    part.suptitle(
        name if name == "digits" else f"{name}, mean squared error {error:.4f}"
    )
    for place, i in zip(part.subplots(1, 10), shown, strict=True):
        place.imshow(found[i].reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        place.set_axis_off()

# %%
# With two components the codes are a map of the digits. Labels give the colors, and have no
# part in it.

maps = {
    "PCA": PCA(2).fit(X_train),
    "DBNAutoencoder": DBNAutoencoder((256, 64), n_components=2, random_state=0).fit(
        X_train
    ),
}
figure, axes = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
for place, (name, model) in zip(axes, maps.items(), strict=True):
    codes = model.transform(X_test)
    error = np.square(model.inverse_transform(codes) - X_test).mean()
    points = place.scatter(*codes.T, c=y_test, cmap="tab10", s=12, vmin=-0.5, vmax=9.5)
    place.set(title=f"{name}, mean squared error {error:.4f}", xticks=[], yticks=[])
figure.colorbar(points, ticks=range(10), label="digit")

# %%
# The filters of the unrolled net, of units of its hidden layer: the weights of the RBM, with
# which both ways begin, and those that fine-tuning has made of them, up to the code and down
# to the pixels. The units are those whose weights are longest in the end.

net = models["DBNAutoencoder"]
layers = {
    "RBM": net.rbms_[0].components_,
    "way up": net.network_.coefs[0].T,
    "way down": net.network_.coefs[-1],
}
longest = np.argsort(-np.linalg.norm(layers["way down"], axis=1))[:24]
figure, axes = plt.subplots(1, 3, figsize=(9, 3.6), layout="constrained")
for place, (name, weights) in zip(axes, layers.items(), strict=True):
    FiltersDisplay(weights[longest], n_columns=6).plot(place)
    place.set_title(name)
plt.show()
