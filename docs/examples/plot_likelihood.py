"""
The likelihood and its bracket
==============================

The likelihood of a row needs the partition function Z, a sum over all states. Annealed
importance sampling estimates it. Forward, from independent units to the model, log Z tends
to be too small, and the model looks too good. Backward, from the model to independent
units, it tends to be too large. The two bracket the exact value, which is known here
because the model is small.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdbn import BernoulliRBM
from skdbn.evaluation import log_likelihood, log_partition
from skdbn.exceptions import EstimateWarning

# A likelihood is one of bits.
X = (load_digits().data > 7).astype(float)
X_train, X_test = train_test_split(X, random_state=0)
rbm = BernoulliRBM(16, learning_rate=0.5, n_iter=200, random_state=0).fit(X_train)
exact = log_partition(rbm, method="exact")

# %%
# Each estimate ten times, with fifty chains. With few temperatures the two kinds err to
# either side; more of them close the bracket.
# Few temperatures bring a warning, and rightly so.
warnings.simplefilter("ignore", EstimateWarning)
numbers = [3, 10, 30, 100, 300, 1000]
errors = {
    method: [
        [
            log_partition(
                rbm,
                method=method,
                n_betas=n_betas,
                n_chains=50,
                X=X_train,
                random_state=seed,
            ).value
            - exact.value
            for seed in range(10)
        ]
        for n_betas in numbers
    ]
    for method in ("ais", "reverse-ais")
}

figure, ax = plt.subplots(layout="constrained")
for method, of_number in errors.items():
    (line,) = ax.plot(numbers, np.mean(of_number, axis=1), label=method)
    ax.plot(numbers, of_number, ".", color=line.get_color(), alpha=0.5)
ax.axhline(0, color="black", linestyle="--", label="exact")
ax.set(xscale="log", xlabel="temperatures", ylabel="error of log Z [nats]")
ax.legend()

# %%
# In a report give the lower end of the likelihood, which is the upper end of log Z.
bracket = log_partition(rbm, method="bracket", n_betas=1000, X=X_train, random_state=0)
for name, log_z in [
    ("exact", exact.value),
    ("lower end", bracket.high),
    ("upper end", bracket.low),
]:
    print(f"{name:9} {log_likelihood(rbm, X_test, log_z).mean():.2f} nats a test digit")
