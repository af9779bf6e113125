"""
Anomalies have a high free energy
=================================

A model of ordinary rows gives unusual rows a low probability. The free energy is minus the
log-likelihood up to a constant, which is enough to rank rows. Here a
:class:`~skdbn.GaussianRBM` learns from benign tumors only, and is then tested on others,
benign and malignant.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import IsolationForest
from sklearn.metrics import RocCurveDisplay
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import PowerTransformer

from skdbn import GaussianRBM

X, benign = load_breast_cancer(return_X_y=True)
X_train, X_more = train_test_split(X[benign == 1], random_state=0)
X_test = np.concatenate([X_more, X[benign == 0]])
malignant = np.repeat([0, 1], [len(X_more), sum(benign == 0)])

# Takes the skew from the columns, and standardizes them.
scaler = PowerTransformer().fit(X_train)
rbm = GaussianRBM(30, n_iter=200, random_state=0).fit(scaler.transform(X_train))
energy = rbm.free_energy(scaler.transform(X_test))
forest = IsolationForest(random_state=0).fit(X_train)

# %%
# Malignant tumors have higher free energies, although the model has never seen one.
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
# From the lowest on, so that a logarithmic axis can be had.
shown = energy - energy.min() + 1
for label, name in enumerate(["benign", "malignant"]):
    left.hist(
        shown[malignant == label],
        bins=np.geomspace(1, shown.max(), 40),
        alpha=0.6,
        label=name,
    )
left.set(xscale="log", xlabel="free energy above the lowest [nats]", ylabel="tumors")
left.legend()
RocCurveDisplay.from_predictions(malignant, energy, name="RBM", ax=right)
RocCurveDisplay.from_predictions(
    malignant, -forest.score_samples(X_test), name="isolation forest", ax=right
)
