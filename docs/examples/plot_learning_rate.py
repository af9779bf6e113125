"""
Choosing the learning rate by the free-energy gap
=================================================

With few rows a model overfits. The free-energy gap shows it: the mean free energy of held-out
rows minus that of training rows grows while the model overfits. It does not need the
partition function.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdbn import BernoulliRBM
from skdbn.evaluation import free_energy_gap
from skdbn.plotting import HistoryDisplay

X = load_digits().data / 16
X_train, X_held_out = train_test_split(X, train_size=200, test_size=400, random_state=0)


def history(learning_rate):
    """Learn epoch by epoch, and measure on all rows after each."""
    rbm = BernoulliRBM(100, learning_rate=learning_rate, random_state=0)
    rows = []
    for _ in range(60):
        rbm.partial_fit(X_train)
        rows.append(
            {
                "pseudo_likelihood": rbm.score(X_train),
                "validation_pseudo_likelihood": rbm.score(X_held_out),
                "free_energy_gap": free_energy_gap(rbm, X_train, X_held_out),
            }
        )
    return rows


rates = [0.01, 0.1, 1.0]
histories = [history(rate) for rate in rates]

# %%
# At 0.01 the model has hardly begun. At 0.1 it gets better until the end, while the gap
# begins to open. At 1 the training digits gain as much and the held-out ones less, and
# the gap is wider: the chains no longer follow the model, which learns its digits by heart.
figure, axes = plt.subplots(
    2, 3, figsize=(11, 6), sharey="row", sharex=True, layout="constrained"
)
for column, rate, rows in zip(axes.T, rates, histories, strict=True):
    HistoryDisplay(rows).plot(ax=column)
    column[0].set_title(f"learning rate {rate}\n{column[0].get_title()}")

# %%
# The best epoch of each, in nats per held-out digit.
for rate, rows in zip(rates, histories, strict=True):
    scores = [row["validation_pseudo_likelihood"] for row in rows]
    best = max(range(len(rows)), key=scores.__getitem__)
    gap = rows[best]["free_energy_gap"]
    print(f"{rate:4}: {scores[best]:.1f} after {best + 1} epochs, gap {gap:.1f}")
