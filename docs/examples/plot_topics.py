"""
Topics of words
===============

Which words occur together? The documents are the docstrings of scikit-learn itself, a
row each, and the columns say which words a docstring has. The hidden units of a
:class:`~skdbn.SparseRBM` are rarely on, and each of them is a topic.
"""

import re
from inspect import getdoc

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils.discovery import all_estimators, all_functions

from skdbn import SparseRBM


def prose(docstring):
    """The description, the notes and the cross-references, without links."""
    first, *more = re.split(r"\n(\w[\w ]*)\n-+\n", docstring)
    sections = dict(zip(more[::2], more[1::2], strict=True))
    kept = [sections.get(name, "") for name in ("See Also", "Notes", "References")]
    return re.sub(r"https?\S+|:\w+:`[^`]*`|<[^>]*>", "", " ".join([first, *kept]))


docstrings = [getdoc(one) for _, one in [*all_estimators(), *all_functions()]]
vectorizer = CountVectorizer(
    binary=True, stop_words="english", token_pattern="[a-z]{4,}", min_df=6, max_df=0.06
)
X = vectorizer.fit_transform(prose(text) for text in docstrings if text)
print(f"{X.shape[0]} docstrings, {X.shape[1]} words, {X.mean():.1%} of them in each")

rbm = SparseRBM(12, target=0.05, weight_decay=0.003, n_iter=100, random_state=0).fit(X)

# %%
# For each unit the words that are more frequent than elsewhere where it is on. Some topics
# have several units: there are many docstrings of linear models and of trees.
words = vectorizer.get_feature_names_out()
on = rbm.transform(X)
excess = np.asarray((on.T @ X) / on.sum(axis=0)[:, None] - X.mean(axis=0))
figure, axes = plt.subplots(3, 4, figsize=(11, 6.5), sharex=True, layout="constrained")
for unit, ax in enumerate(axes.flat):
    best = np.argsort(-excess[unit])[:6]
    ax.barh(words[best], 100 * excess[unit, best])
    ax.invert_yaxis()
    ax.spines[["top", "right"]].set_visible(False)
figure.supxlabel("how much more frequent where the unit is on [percentage points]")
