"""
Few labels, and many rows without
=================================

Only some of the handwritten digits have a label. The layers of a deep belief net learn from
all digits, and labels spread to neighbors before the net is fine-tuned. Three nets of three
layers are compared: this one, the same net from a random start and with the labeled digits
alone, and a net of scikit-learn with rectified linear units, which needs no pre-training.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from skdbn import DBNClassifier, DBNTransformer

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=0.3, stratify=y, random_state=0
)
# The labels of 300 digits are there to choose settings with.
X_chosen, y_chosen = X_train[:300], y_train[:300]

# %%
# One pre-training, without labels, serves all nets.
sizes = (128, 128, 128)
layers = DBNTransformer(sizes, n_iter=40, random_state=0).fit(X_train)


def labeled(n_labels, seed):
    """The rows that have a label."""
    return 300 + np.random.default_rng(seed).permutation(len(y_train) - 300)[:n_labels]


def pretrained(rows, **settings):
    """A net on the layers, fine-tuned with the labels of these rows."""
    few = np.full(len(y_train), -1)
    few[rows] = y_train[rows]
    net = DBNClassifier(pretrained=layers, unlabeled=-1, random_state=0, **settings)
    return net.fit(X_train, few)


def untrained(rows, **settings):
    """The same net from a random start."""
    net = DBNClassifier(sizes, n_iter=0, random_state=0, **settings)
    return net.fit(X_train[rows], y_train[rows])


def mlp(rows, **settings):
    """A net of scikit-learn of the same size."""
    net = MLPClassifier(sizes, max_iter=2000, random_state=0, **settings)
    return net.fit(X_train[rows], y_train[rows])


# %%
# Each kind of net takes the settings that read most of the 300 digits with 120 labels.
dropouts = [{}, {"dropout": 0.5, "input_dropout": 0.2}]
kinds = {
    "DBNClassifier": (pretrained, dropouts),
    "without pre-training": (untrained, dropouts),
    "MLPClassifier": (mlp, [{"alpha": 1e-4}, {"alpha": 0.1}, {"alpha": 1.0}]),
}
chosen = {}
for kind, (make, candidates) in kinds.items():
    scores = [make(labeled(120, 0), **c).score(X_chosen, y_chosen) for c in candidates]
    chosen[kind] = candidates[np.argmax(scores)]
    print(f"{kind}: {chosen[kind] or 'defaults'}")

# %%
# The test digits, for two draws of the labeled ones. The net that learns from all digits is
# ahead of both others, most of all with the fewest labels.
numbers = [30, 60, 120, 240]
figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
for kind, (make, _) in kinds.items():
    scores = 100 * np.array(
        [
            [
                make(labeled(n, seed), **chosen[kind]).score(X_test, y_test)
                for n in numbers
            ]
            for seed in (1, 2)
        ]
    )
    mean = scores.mean(axis=0)
    (line,) = axes.plot(numbers, mean, "o-", label=kind)
    axes.fill_between(
        numbers,
        scores.min(axis=0),
        scores.max(axis=0),
        color=line.get_color(),
        alpha=0.1,
    )
    print(f"{kind:20}", *(f"{score:.1f}" for score in mean))
axes.set(
    xscale="log",
    xlabel="labeled digits",
    ylabel="test accuracy [%]",
    xticks=numbers,
    xticklabels=numbers,
)
axes.minorticks_off()
axes.legend(loc="lower right")
