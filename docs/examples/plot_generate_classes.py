"""
Digits of each class
====================

A deep belief net that is fine-tuned by the up-down algorithm is a model of rows and labels
together. It classifies digits and generates digits of a given class: a Gibbs chain runs at
the top with the label clamped, and its last state is propagated down to a digit.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdbn import GenerativeDBNClassifier
from skdbn.plotting import SamplesDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
dbn = GenerativeDBNClassifier((100, 200), n_iter=30, max_iter=60, random_state=0)
dbn.fit(X_train, y_train)
print(f"test accuracy: {dbn.score(X_test, y_test):.3f}")

# %%
# A row a class, from 0 to 9. Shown are the means of the pixels given the layer above.
digits, labels = dbn.sample(
    150, y=np.repeat(np.arange(10), 15), means=True, random_state=0
)
SamplesDisplay(digits, n_columns=15).plot()
