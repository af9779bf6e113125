"""
Ratings that were never given
=============================

A recommender predicts how people would rate what they have not seen. To
:class:`~skdbn.BoltzmannImputer` a rating that was never given is an unknown value: the
model learns from those that were given, and fills in the others. The ratings are made
here, from three tastes that people and films share, from how kind people are and from
how good films are.
"""

import matplotlib.pyplot as plt
import numpy as np

from skdbn import RBM, BoltzmannImputer
from skdbn.units import Gaussian

rng = np.random.default_rng(0)
n_people, n_films, n_tastes = 600, 40, 3
tastes = rng.normal(size=(n_people, n_tastes)) @ rng.normal(size=(n_tastes, n_films))
kind = 0.4 * rng.normal(size=(n_people, 1))
good = 3.2 + 0.6 * rng.normal(size=n_films)
noise = 0.5 * rng.normal(size=(n_people, n_films))
opinions = np.clip(np.round(good + kind + 0.5 * tastes + noise), 1, 5)

# %%
# Three quarters of the ratings were never given, so that a person has rated ten films.
never_given = rng.random(opinions.shape) < 0.75
ratings = np.where(never_given, np.nan, opinions)

# %%
# A film's mean is what everybody would get. The second prediction adds how kind a person
# is, shrunk towards zero as the person has rated few films. The default imputer chooses
# its model and how long it learns by ratings that it holds out. The last one is a model
# of two layers of Gaussian units, which is good at factors such as these tastes.
film_means = np.broadcast_to(np.nanmean(ratings, axis=0), ratings.shape)
n_given = (~never_given).sum(axis=1, keepdims=True)
kindness = np.nansum(ratings - film_means, axis=1, keepdims=True) / (n_given + 3)
factors = RBM(
    5,
    visible=Gaussian(0.5),
    hidden="gaussian",
    gradient="cd",
    weight_decay=0.02,
    n_iter=100,
)
bounds = {"min_value": 1, "max_value": 5, "random_state": 0}
predictions = {
    "film": film_means,
    "film + person": film_means + kindness,
    "BoltzmannImputer()": BoltzmannImputer(**bounds).fit_transform(ratings),
    "two Gaussian layers": BoltzmannImputer(factors, **bounds).fit_transform(ratings),
}
errors = {
    name: np.sqrt(np.mean((found - opinions)[never_given] ** 2))
    for name, found in predictions.items()
}
for name, error in errors.items():
    print(f"{name}: {error:.3f}")

# %%
# On the left the error of ratings never given, in stars; on the right what the last model
# predicts for ratings that would have been one to five stars.
figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
axes[0].barh(list(errors), list(errors.values()), alpha=0.6)
axes[0].invert_yaxis()
axes[0].set_xlabel("root mean squared error [stars]")
found = predictions["two Gaussian layers"][never_given]
stars = np.arange(1, 6)
axes[1].boxplot(
    [found[opinions[never_given] == star] for star in stars], showfliers=False
)
axes[1].plot(stars, stars, ":", color="gray")
axes[1].set(xlabel="opinion [stars]", ylabel="prediction [stars]", ylim=(0.8, 5.2))
for ax in axes:
    ax.spines[["top", "right"]].set_visible(False)
