"""
Pipeline and grid search
========================

The hidden units are features for a classifier. Cross-validation of the whole pipeline
chooses their number and the learning rate.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdbn import BernoulliRBM
from skdbn.schedules import Linear

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

pipeline = make_pipeline(
    MinMaxScaler(clip=True),
    BernoulliRBM(n_iter=30, random_state=0),
    LogisticRegression(max_iter=2000, C=10),
)
sizes, rates = [50, 100, 200], [0.1, 0.5]
grid = {
    "bernoullirbm__n_components": sizes,
    "bernoullirbm__learning_rate": [Linear(rate) for rate in rates],
}
search = GridSearchCV(pipeline, grid, cv=3).fit(X_train, y_train)

# %%
# Accuracy over the three folds.
accuracy = np.reshape(search.cv_results_["mean_test_score"], (len(rates), len(sizes)))
figure, ax = plt.subplots(layout="constrained")
image = ax.imshow(100 * accuracy, cmap="viridis")
for row, column in np.ndindex(accuracy.shape):
    dark = accuracy[row, column] < accuracy.mean()
    text = f"{100 * accuracy[row, column]:.1f}"
    ax.text(
        column, row, text, ha="center", va="center", color="white" if dark else "black"
    )
ax.set(
    xticks=range(len(sizes)),
    xticklabels=sizes,
    yticks=range(len(rates)),
    yticklabels=rates,
    xlabel="hidden units",
    ylabel="learning rate, falling to zero",
    title="cross-validated accuracy [%]",
)

# %%
# The test digits are read once, by the best pipeline; beside it logistic regression on
# the pixels, whose penalty is chosen in the same way.
pixels = GridSearchCV(
    make_pipeline(MinMaxScaler(clip=True), LogisticRegression(max_iter=2000)),
    {"logisticregression__C": [0.1, 1, 10, 100]},
    cv=3,
).fit(X_train, y_train)
print(f"pixels:       {100 * pixels.score(X_test, y_test):.1f} %")
print(f"RBM features: {100 * search.score(X_test, y_test):.1f} %")
