"""The score of classifiers that learn from rows with and without a label."""

import numpy as np
from sklearn.base import ClassifierMixin

from .._data._targets import check_labels, known_labels, rows_of


class AccuracyMixin(ClassifierMixin):
    """The accuracy on rows that have a label."""

    def score(self, X, y, sample_weight=None):
        """The accuracy on the rows that have a label.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Their labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        accuracy : float
            Between 0 and 1; with several labels a row all of them have to be right.
        """
        y, missing = check_labels(self, X, y)
        labeled = np.flatnonzero(~missing)
        y = known_labels(y[labeled])
        if missing.any():
            X, sample_weight = rows_of(X, labeled), rows_of(sample_weight, labeled)
        return super().score(X, y, sample_weight)
