"""Deep belief nets that learn labels: how these are checked, encoded and predicted."""

import numpy as np
from scipy.special import log_expit, log_softmax
from sklearn.utils.multiclass import type_of_target, unique_labels

from .._data._targets import check_labels, hint_at_unlabeled, known_labels
from .._utils._sklearn import fit_context
from ._accuracy import AccuracyMixin
from ._restricted import restoring


class LabelsMixin(AccuracyMixin):
    """Labels of a :class:`SupervisedDBN`, some of which may be missing."""

    # Whether a row has several labels; known after a fit.
    _multilabel = False

    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Continue training: one epoch of fine-tuning over the rows of X.

        The first call also learns the layers, from its rows and as :meth:`fit` does.
        Give `pretrained` where they have been learned from more rows. Later calls go by
        the present parameters of fine-tuning; those of the layers no longer matter.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.

        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels.

        classes : array-like of shape (n_classes,), default=None
            All labels that there are. Needed in the first call; later ones can leave it
            out.

        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts, as a factor of its part of a step; None means 1.

        Returns
        -------
        self : estimator
            The fitted model.

        Raises
        ------
        ValueError
            If `classes` is missing in the first call, or if y has a label that is not
            among them. The model is then left as it was.
        """
        with restoring(self):
            self._check_settings()
            X = self._validate(X, reset=not hasattr(self, "network_"))
            targets = self._new_targets(X, y, self._known_classes(classes))
            return self._partial_fit(X, y, targets, sample_weight)

    def _known_classes(self, classes):
        if not hasattr(self, "network_"):
            if classes is None:
                raise ValueError(
                    "classes has to be given in the first call of partial_fit: all "
                    "labels that will come."
                )
            return unique_labels(classes)
        if classes is not None and not np.array_equal(
            unique_labels(classes), self.classes_
        ):
            raise ValueError(
                f"classes={classes!r} are not those of the first call, {self.classes_}."
            )
        return self.classes_

    def _known_targets(self):
        return (self.classes_,)

    def _new_targets(self, X, y, classes=None):
        """Codes of the labels, with which the rows that have none have zeros."""
        y, missing = check_labels(self, X, y)
        rows = np.flatnonzero(~missing)
        if not len(rows):
            raise ValueError(
                f"All {len(y)} rows of y are unlabeled={self.unlabeled!r}: the net needs "
                "some labels. Without any, DBNTransformer learns features."
            )
        known = known_labels(y[rows])
        if type_of_target(known).startswith("multilabel"):
            return self._several_labels(known, rows, len(y))
        if classes is None:
            classes = np.unique(known)
            hint_at_unlabeled(self, classes)
        unseen = np.setdiff1d(known, classes)
        if len(unseen):
            raise ValueError(
                f"y has labels {unseen} that are not among the classes {classes}."
            )
        if len(classes) < 2:
            raise ValueError(
                f"y has 1 class, {classes[0]}: a classifier needs at least two."
            )
        return self._one_label(known, rows, len(y), classes)

    def _several_labels(self, known, rows, n_rows):
        """Targets of an indicator matrix for these of so many rows."""
        raise NotImplementedError

    def _one_label(self, known, rows, n_rows, classes):
        """Targets of a label for each of these of so many rows."""
        raise NotImplementedError

    def _check_classes_of(self, given, targets):
        """Raise a ValueError unless a fitted model has the classes of these targets."""
        classes, several = targets.fitted["classes_"], targets.strata is None
        if several or not np.array_equal(given.classes_, classes):
            raise ValueError(
                f"y has the classes {classes}, but pretrained was fitted to "
                f"{given.classes_}, one a row."
            )

    def predict(self, X):
        """The most probable class of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Labels; with several labels a row those of a probability above one half.
        """
        fields = self.decision_function(X)
        if self._multilabel:
            return (fields > 0).astype(int)
        if fields.ndim == 1:
            return self.classes_[(fields > 0).astype(int)]
        return self.classes_[fields.argmax(axis=1)]

    def decision_function(self, X):
        """The log-odds of the second of two classes or of each label, or of each class.

        Of more than two classes they are log-probabilities up to a constant for each
        row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        fields : ndarray of shape (n_samples,) or (n_samples, n_classes)
            In the order of ``classes_``.
        """
        fields = self._head_fields(X)
        if self._multilabel or len(self.classes_) > 2:
            return fields
        return fields[:, 0] if fields.shape[1] == 1 else fields[:, 1] - fields[:, 0]

    def predict_proba(self, X):
        """The probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        return np.exp(self.predict_log_proba(X))

    def predict_log_proba(self, X):
        """The logarithm of the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        fields = self.decision_function(X)
        if fields.ndim == 1:
            return log_expit(np.stack([-fields, fields], axis=1))
        return log_expit(fields) if self._multilabel else log_softmax(fields, axis=1)
