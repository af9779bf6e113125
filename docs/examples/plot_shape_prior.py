"""
Shapes through noise
====================

Which pixels of a noisy picture are ink? A conditional random field knows that neighbors
tend to be alike, and with ``spatial`` where ink is frequent. The shape prior has also
learned, by a restricted Boltzmann machine, what strokes of digits look like as a whole.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skdbn import RBM
from skdbn.structured import CRFClassifier, ShapePriorCRFClassifier, pixel_graphs

rng = np.random.default_rng(0)
ink = (load_digits().images > 8).astype(int)
noisy = ink + rng.normal(0, 0.8, ink.shape)
graphs, labels = pixel_graphs(noisy), [picture.ravel() for picture in ink]
train, test = slice(0, 600), slice(600, 1200)

# %%
# Each classifier takes a list of graphs, here with a node for each pixel, and a list of the
# labels of their nodes. The score is the share of the pixels that are right.
model = ShapePriorCRFClassifier(
    CRFClassifier(spatial=8, max_iter=50),
    RBM(100, gradient="pcd", batch_size=50, n_iter=60),
    grid=8,
    n_iter=15,
    learning_rate=0.005,
    batch_size=50,
    random_state=0,
)
model.fit(graphs[train], labels[train])
alone = CRFClassifier(edges=None)
joined = CRFClassifier(edges="mean-field", max_iter=20, random_state=0)
classifiers = {
    "pixels alone": alone.fit(graphs[train], labels[train]),
    "CRF": joined.fit(graphs[train], labels[train]),
    "spatial CRF": model.crf_,
    "shape prior": model,
}
found = {"noisy": noisy[test]}
for name, classifier in classifiers.items():
    error = 1 - classifier.score(graphs[test], labels[test])
    print(f"{name}: {error:.1%} of the pixels are wrong")
    found[name] = np.reshape(classifier.predict(graphs[test]), (-1, 8, 8))
found["truth"] = ink[test]

# %%
# Edges fill holes and remove specks. Only the prior knows how a stroke goes on, and what
# closes a loop.
figure, axes = plt.subplots(len(found), 12, figsize=(9, 4.8), layout="constrained")
for line, (name, pictures) in zip(axes, found.items(), strict=True):
    for ax, picture in zip(line, pictures, strict=False):
        ax.imshow(picture, cmap="gray_r", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
    line[0].set_ylabel(name, rotation="horizontal", ha="right", va="center")

# %%
# The prior alone draws shapes, without a picture.
shapes = model.sample_shapes(12, random_state=0)
figure, axes = plt.subplots(1, 12, figsize=(9, 0.9), layout="constrained")
for ax, shape in zip(axes, shapes, strict=True):
    ax.imshow(shape, cmap="gray_r", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])
