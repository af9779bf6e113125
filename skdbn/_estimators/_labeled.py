"""What a machine of rows and labels can say of rows, and draw."""

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_is_fitted

from .. import units
from .._data._incomplete import known_pseudo_log_likelihood
from .._data._targets import one_hot_labels
from .._utils._threads import threads_for
from ..machines import Clamp, _label
from ..units._base import ask
from ._generative import check_trace, film, states_of_chains
from ._restricted import RestrictedEstimator


class LabeledEstimator(RestrictedEstimator):
    """An estimator whose machine has the columns of rows and, after them, a label."""

    @property
    def components_(self):
        """The weights of the features, of shape (n_components, n_features)."""
        return self.machine_.weights[: self.n_features_in_].T

    @property
    def label_components_(self):
        """The weights of the labels, of shape (n_components, n_classes)."""
        return self.machine_.weights[self.n_features_in_ :].T

    @property
    def intercept_visible_(self):
        """Biases of the features' units."""
        machine = self.machine_
        visible = ask(machine.visible, units.Scaled)
        return visible.uncentered(machine.visible_bias)[: self.n_features_in_]

    @property
    def intercept_label_(self):
        """Biases of the labels."""
        return self.machine_.visible_bias[self.n_features_in_ :]

    def predict_log_proba(self, X):
        """The logarithm of the probability of each label, log p(y | x).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_`` and the dtype of the fitted model.

        Warns
        -----
        DataRangeWarning
            If values are outside the range of the visible units.
        """
        check_is_fitted(self, "machine_")
        X = self._validate(X)
        self._rows_outside(X)
        return _label.log_label(self.machine_, X, len(self.classes_))

    def predict_proba(self, X):
        """The probability of each label, p(y | x).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_`` and the dtype of the fitted model.
        """
        return np.exp(self.predict_log_proba(X))

    def predict(self, X):
        """The most probable label of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Labels.
        """
        best = self.predict_log_proba(X).argmax(axis=1)
        return self.classes_[best]

    def transform(self, X):
        r"""The hidden units' means, the label being unknown.

        .. math:: P(h_j = 1 \mid x) = \sum_y p(y \mid x) \, P(h_j = 1 \mid x, y)

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        H : ndarray of shape (n_samples, n_components)
            The features, in the dtype of the fitted model.

        Warns
        -----
        DataRangeWarning
            If values are outside the range of the visible units.
        """
        check_is_fitted(self, "machine_")
        X = self._validate(X)
        self._rows_outside(X)
        return _label.hidden_mean(self.machine_, X, len(self.classes_))

    def free_energy(self, X):
        r"""The free energy of each row, F(x) = −log Σ_y Σₕ exp(−E(x, y, h)).

        It is −log p(x) up to the constant log Z: low for rows that are likely under the
        model, and comparable between rows of one model only. It is infinite for
        a row with a value that the visible units cannot have.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        free_energy : ndarray of shape (n_samples,)
            In nats.

        Warns
        -----
        DataRangeWarning
            If a row has a value that the visible units cannot have.
        """
        check_is_fitted(self, "machine_")
        X = self._validate(X)
        result = _label.free_energy(self.machine_, X, len(self.classes_))
        result[self._rows_outside(X)] = np.inf
        return result

    def score_samples(self, X):
        r"""The pseudo-log-likelihood of each row without its label, exactly.

        .. math:: \sum_i \log P(x_i \mid x_{-i}), \quad \frac1{P(x_i \mid x_{-i})}
                  = \sum_y \frac{p(y \mid x)}{P(x_i \mid x_{-i}, y)}

        over all columns i of x. It is −inf for a row with a value that the visible
        units cannot have. Of a row with NaN the sum is over the known values i, each
        given the other known ones: an estimate, which is the same in each call. A gray
        value between 0 and 1 of a binary unit counts as the share of draws that are 1.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data, in an array NaN where a value is unknown.

        Returns
        -------
        pseudo_log_likelihood : ndarray of shape (n_samples,)
            In nats; higher is better.

        Warns
        -----
        DataRangeWarning
            If a row has a value that the visible units cannot have.
        """
        check_is_fitted(self, "machine_")
        X, unknown = self._validate_incomplete(X)
        machine, n_labels = self.machine_, len(self.classes_)
        if unknown is None:
            result = _label.pseudo_log_likelihood(machine, X, n_labels)
        else:
            result = np.empty(len(X), machine.weights.dtype)
            some = unknown.any(axis=1)
            result[some] = known_pseudo_log_likelihood(
                machine, *self._with_unknown_label(X[some], unknown[some])
            )
            result[~some] = _label.pseudo_log_likelihood(machine, X[~some], n_labels)
        result[self._rows_outside(X)] = -np.inf
        return result

    def gibbs(self, v):
        """One Gibbs step: draw y and h given v, then v given h.

        Each call continues the estimator's own stream of random numbers.

        Parameters
        ----------
        v : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        v_new : ndarray of shape (n_samples, n_features)
            The rows after the step.

        Warns
        -----
        DataRangeWarning
            If values are outside the range of the visible units.
        """
        p = self.predict_proba(v)
        rows, rng = self._rows(self._validate(v)), self._sampling_rng()
        labels = units.Softmax(p.shape[1]).sample(None, rng, mean=p)
        machine = self.machine_
        with threads_for(len(rows), machine.n_weights):
            h = machine.hidden_sample(np.hstack([rows, labels]), rng)
            return self._as_data(machine.visible_sample(h, rng))

    def sample(
        self,
        n_samples=1,
        *,
        y=None,
        n_steps=1000,
        tempering=1,
        means=False,
        trace=None,
        random_state=None,
    ):
        """Draw rows with their labels, each by its own Gibbs chain.

        The chains start from the visible biases alone; the first steps are burn-in.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.

        y : label or array-like of shape (n_samples,), default=None
            The label of all rows, or of each, which stays as it is; None draws labels
            as well.

        n_steps : int, default=1000
            Number of Gibbs steps.

        tempering : int, default=1
            Number of temperatures. With more than one each chain changes places with
            companions at higher temperatures, where it moves freely to other modes: for
            models whose chains mix slowly. The time grows in proportion.

        means : bool, default=False
            Whether to return the means of the visible units given the hidden ones, as
            for pictures, in place of draws.

        trace : int, default=None
            Return each state after this number of steps, as for a film; None returns
            only the last one.

        random_state : int, RandomState instance or None, default=None
            None continues the estimator's own stream of random numbers, so that the
            next call draws anew.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The rows. With `trace` there are n_steps // trace of such tables, from the
            first to the last.

        y : ndarray of shape (n_samples,)
            Their labels; with `trace` as many times as well.

        Raises
        ------
        ValueError
            If a label is not among the classes, if the number of labels is not that of
            the rows, if a number is not an int of at least 1, or `trace` is above
            `n_steps`.
        """
        check_is_fitted(self, "machine_")
        check_trace(n_samples, n_steps, tempering, trace)
        machine, clamp = self.machine_, None
        if y is not None:
            blank = np.zeros((n_samples, self.n_features_in_))
            labels = one_hot_labels(y, self.classes_, n_samples)
            values = np.hstack([blank, labels]).astype(machine.weights.dtype)
            known = np.zeros(values.shape, bool)
            known[:, self.n_features_in_ :] = True
            clamp = Clamp(values, known)
        rng = self._generator(random_state)
        states = [
            self._drawn_with_label(state, rng, means)
            for state in states_of_chains(
                machine, n_samples, rng, n_steps, tempering, trace, clamp
            )
        ]
        return tuple(film(parts, trace) for parts in zip(*states, strict=True))

    def _drawn_with_label(self, state, rng, means):
        """The rows of states of chains, or their means, and the labels."""
        codes = state.visible[:, self.n_features_in_ :].argmax(axis=1)
        return self._as_data(self._from_state(state, rng, means)), self.classes_[codes]

    def _fill(self, rows, unknown, *settings):
        labeled = self._with_unknown_label(rows, unknown)
        return self._as_data(super()._fill(*labeled, *settings))

    def _with_unknown_label(self, rows, unknown):
        """Rows and where they are unknown, with a label that is."""
        rows = _label.with_blank_label(self._rows(rows), len(self.classes_))
        holes = np.ones(rows.shape, bool)
        holes[:, : self.n_features_in_] = unknown
        return rows, holes

    def _as_data(self, rows, means=False):
        return np.ascontiguousarray(rows[:, : self.n_features_in_])

    def _visible_rows(self, X):
        """Validated rows with the probabilities of their labels."""
        p = self.predict_proba(X)
        X = self._validate(X)
        if sparse.issparse(X):
            return sparse.hstack([X, sparse.csr_array(p)], format="csr")
        return np.hstack([X, p])

    def _rows_outside(self, X):
        visible = units.resolve(self.visible).start(X.shape[1])
        return visible.rows_outside(X, self._unit_names())
