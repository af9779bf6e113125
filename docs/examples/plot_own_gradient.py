"""
A gradient of your own
======================

An estimate of the gradient of the likelihood is one small class. This one is contrastive
divergence without random draws: the negative phase has the means of the visible units, given
the means of the hidden units.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdbn import BernoulliRBM
from skdbn.gradients import CD, PCD, Gradient
from skdbn.machines import State


class MeanFieldCD(Gradient):
    """Contrastive divergence with means in place of draws."""

    def negative_phase(self, machine, work, rng):
        h = machine.hidden_mean(work.data.visible)
        work.state = State(machine.visible_mean(h), h)
        machine.advance(work, rng, n_steps=0)


# %%
# Pass an instance to the estimator, like any other gradient. It has no noise and learns
# fastest in the first epochs, but then goes wrong: a distribution is more than its means.
X_train, X_test = train_test_split(load_digits().data / 16, random_state=0)
figure, ax = plt.subplots(layout="constrained")
for gradient in [PCD(n_chains=50), CD(), MeanFieldCD()]:
    rbm = BernoulliRBM(64, gradient=gradient, learning_rate=0.05, random_state=0)
    scores = [rbm.partial_fit(X_train).score(X_test) for _ in range(30)]
    ax.plot(range(1, 31), scores, label=type(gradient).__name__)
ax.set(xlabel="epoch", ylabel="pseudo-likelihood of a test digit [nats]")
ax.legend()
