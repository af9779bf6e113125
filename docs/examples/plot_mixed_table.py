"""
A table with numbers and categories
===================================

:class:`~skdbn.MixedRBM` takes a DataFrame as it is. Its visible units are Gaussian for
the measurements of a flower, and a group of softmax units for the species. One model
generates new flowers and predicts the species of others.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_iris

from skdbn import MixedRBM

iris = load_iris(as_frame=True)
mean, deviation = iris.data.mean(), iris.data.std()
table = (iris.data - mean) / deviation
names = iris.target_names
table["species"] = names[iris.target]
# Setosa are far from the others. Parallel tempering leads chains from one to the other.
rbm = MixedRBM(32, gradient="pt", n_iter=300, random_state=0).fit(table[::2])

# %%
# A thousand new flowers, in the units of the data, are a DataFrame again. A column has
# one variance given the hidden units, whatever the species, so that setosa, the most
# uniform, come out wider than they are.
flowers = rbm.sample(1000, random_state=0)
flowers[iris.data.columns] = flowers[iris.data.columns] * deviation + mean
x, y = "petal length (cm)", "petal width (cm)"
figure, axes = plt.subplots(
    1, 2, figsize=(10, 4.5), sharex=True, sharey=True, layout="constrained"
)
learned = iris.data.assign(species=table["species"])[::2]
for ax, title, frame in [
    (axes[0], f"{len(learned)} flowers learned from", learned),
    (axes[1], f"{len(flowers)} new flowers", flowers),
]:
    for name in names:
        of_name = frame[frame["species"] == name]
        ax.scatter(of_name[x], of_name[y], s=12, alpha=0.6, label=name)
    ax.set(xlabel=x, ylabel=y, title=title)
axes[0].legend()

# %%
# The species of the other flowers: the one with the lowest free energy is the most
# probable.
rest = table[1::2]
energies = [rbm.free_energy(rest.assign(species=name)) for name in names]
guess = names[np.argmin(energies, axis=0)]
print(f"{100 * np.mean(guess == rest['species']):.0f} % of {len(rest)} flowers")
