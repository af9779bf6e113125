"""
Samples and a film strip
========================

A restricted Boltzmann machine is a model of the distribution of the data, and can draw new
rows from it. It draws the hidden units given the visible units, then the visible units given
the hidden units, and repeats this.
"""

from sklearn.datasets import load_digits

from skdbn import BernoulliRBM
from skdbn.plotting import SamplesDisplay

X = load_digits().data / 16
rbm = BernoulliRBM(200, n_iter=100, random_state=0).fit(X)

# %%
# Fifty chains that start from noise, after 1000 Gibbs steps each. The pictures show the
# means of the last step, which are gray levels.
SamplesDisplay.from_estimator(rbm, n_samples=50, random_state=0)

# %%
# How do chains move? Each row is one chain. It starts from a digit of the data, on the left,
# and gradually forgets it.
SamplesDisplay.from_estimator(
    rbm, steps=(0, 1, 3, 10, 30, 100, 300, 1000), X=X, n_samples=6, random_state=0
)
