"""
Filters of handwritten digits
=============================

A :class:`~skdbn.BernoulliRBM` learns handwritten digits of 8 × 8 pixels, without their
labels. Gray levels between 0 and 1 are taken as probabilities: in each epoch bits are drawn
from them.
"""

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdbn import BernoulliRBM
from skdbn.plotting import (
    FiltersDisplay,
    HiddenActivityDisplay,
    ReconstructionsDisplay,
)

X, y = load_digits(return_X_y=True)
X_train, X_test = train_test_split(X / 16, random_state=0)
rbm = BernoulliRBM(64, n_iter=100, random_state=0).fit(X_train)

# %%
# What does a hidden unit look for? Red pixels speak for it, blue ones against it.
FiltersDisplay.from_estimator(rbm)

# %%
# Some of the largest weights belong to pixels at the edge, which are blank in nearly all
# digits and so hardly ever matter. Weights times the standard deviations of the pixels
# show what makes a difference: short strokes, and the paper beside them.
FiltersDisplay(rbm.components_ * X_train.std(axis=0)).plot()

# %%
# The 64 units' means are all that is kept of a digit here. From them the model rebuilds
# digits that it has not learned from.
ReconstructionsDisplay.from_estimator(rbm, X_test, n_samples=12)

# %%
# Which units are on for which digits? A column that is dark or white all the way down
# would be a unit that says nothing about a digit, and a row like that a digit that tells
# no units apart. A few units here are on for most digits, none is for all.
HiddenActivityDisplay.from_estimator(rbm, X_test)
