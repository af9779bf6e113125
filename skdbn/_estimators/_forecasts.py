"""What a model of sequences says of frames to come."""

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._data._sequences import WindowTable
from .._utils._checks import check_counts
from .._utils._numerics import blocks
from .._utils._threads import threads_for


class ForecastMixin:
    """How sequences go on, from a conditional machine of a frame given its past."""

    def predict_next(
        self, X, lengths=None, *, n_samples=100, n_steps=30, random_state=None
    ):
        r"""The frame that follows each frame, given it and those before it.

        .. math:: E[v_{t+1} \mid v_t, v_{t-1}, \ldots] \approx
                  \big\langle E[v_{t+1} \mid h_{t+1}] \big\rangle

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_frames, n_features)
            The frames of the sequences. Of the first ones the first frame stands for
            those before it.

        lengths : array-like of int of shape (n_sequences,), default=None
            The number of frames of each sequence in X; None means that X is one.

        n_samples : int, default=100
            Number of states of a Gibbs chain over which the mean is taken. 1 returns a
            draw in place of a mean.

        n_steps : int, default=30
            Number of Gibbs steps for a frame, which begin at the frame before it.

        random_state : int, RandomState instance or None, default=None
            None continues the estimator's own stream of random numbers, so that the
            next call draws anew.

        Returns
        -------
        X_next : ndarray of shape (n_frames, n_features)
            What is expected one frame after each.

        Raises
        ------
        ValueError
            If X is no table of finite numbers with the columns of the model, if
            `lengths` do not add up to its rows, or if a number is not an int of at
            least 1.
        """
        check_counts("predict_next", n_samples=n_samples, n_steps=n_steps)
        table = self._machine_rows(X, lengths)
        # The past of the next frame ends with the present one.
        past = WindowTable(table.X, self.order - 1, table.starts)
        rng, machine = self._generator(random_state), self.machine_
        result = np.empty(table.X.shape, machine.weights.dtype)
        width = max(machine.weights.shape)
        for part, u in blocks(past, width, result.dtype):
            few, v = machine.at(u), np.array(table.X[part], result.dtype, order="C")
            state = run(few, few.state(v, rng), rng, n_steps)
            if n_samples == 1:
                result[part] = state.visible
                continue
            total = few.visible_mean(state.hidden).astype(np.float64)
            for _ in range(n_samples - 1):
                state = few.transition(state, rng, out=state)
                total += few.visible_mean(state.hidden)
            result[part] = total / n_samples
        return result

    def forecast(
        self,
        X,
        n_frames=1,
        lengths=None,
        *,
        n_samples=100,
        n_steps=30,
        random_state=None,
    ):
        """The mean of many ways in which each sequence goes on.

        Each way is drawn frame by frame from the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_past, n_features)
            The frames of the sequences, of which the last ones count. Of a sequence
            shorter than `order` the first frame stands for those before it.

        n_frames : int, default=1
            How many frames to go on.

        lengths : array-like of int of shape (n_sequences,), default=None
            The number of frames of each sequence in X; None means that X is one.

        n_samples : int, default=100
            Number of ways over which the mean is taken. 1 returns a draw in place of a
            mean.

        n_steps : int, default=30
            Number of Gibbs steps for a frame, which begin at the frame before it.

        random_state : int, RandomState instance or None, default=None
            None continues the estimator's own stream of random numbers, so that the
            next call draws anew.

        Returns
        -------
        X_next : ndarray of shape (n_sequences * n_frames, n_features)
            The frames to come of each sequence, one sequence after the other.

        Raises
        ------
        ValueError
            If X is no table of finite numbers with the columns of the model, if
            `lengths` do not add up to its rows, or if a number is not an int of at
            least 1.
        """
        check_counts(
            "forecast", n_frames=n_frames, n_samples=n_samples, n_steps=n_steps
        )
        table = self._machine_rows(X, lengths)
        last = np.append(np.flatnonzero(np.diff(table.starts)), len(table) - 1)
        past = WindowTable(table.X, self.order - 1, table.starts)[last]
        rng, n_sequences = self._generator(random_state), len(last)
        past = self._rows(np.repeat(past, n_samples, axis=0))
        frames = []
        for v, mean in self._frames_to_come(past, n_frames, rng, n_steps):
            own = v if n_samples == 1 else mean
            own = own.reshape(n_sequences, n_samples, -1)
            frames.append(own.mean(axis=1))
        return np.stack(frames, axis=1).reshape(n_sequences * n_frames, -1)

    def sample(
        self, n_frames=1, *, start=None, n_steps=30, means=False, random_state=None
    ):
        """Draw a sequence from the model, frame by frame.

        Parameters
        ----------
        n_frames : int, default=1
            Number of frames.

        start : array-like of shape (n_past, n_features), default=None
            Frames to go on from, of which the last ones count; None takes ``start_``,
            those with which the training data begin.

        n_steps : int, default=30
            Number of Gibbs steps for a frame, which begin at the frame before it.

        means : bool, default=False
            Whether a frame is the mean of the visible units given the hidden ones,
            without their noise. Motion is smoother that way, and slower.

        random_state : int, RandomState instance or None, default=None
            None continues the estimator's own stream of random numbers, so that the
            next call draws anew.

        Returns
        -------
        X : ndarray of shape (n_frames, n_features)
            The frames that follow `start`.

        Raises
        ------
        ValueError
            If `start` is no table of finite numbers with the columns of the model, or
            if a number is not an int of at least 1.
        """
        check_is_fitted(self, "machine_")
        check_counts("sample", n_frames=n_frames, n_steps=n_steps)
        rng = self._generator(random_state)
        table = self._machine_rows(self._start_rows if start is None else start)
        last = [len(table) - 1]
        past = WindowTable(table.X, self.order - 1, table.starts)[last]
        frames = self._frames_to_come(self._rows(past), n_frames, rng, n_steps, means)
        return np.vstack([mean if means else v for v, mean in frames])

    def log_likelihood(
        self, X, lengths=None, *, n_chains=1, n_betas=1000, random_state=None
    ):
        r"""The log-likelihood of each frame given those before it.

        .. math:: \log p(v \mid u) = -F(v \mid u) - \log Z(u)

        where log Z(u) is a sum over all states of the smaller layer, if that is of 12
        binary units or as many states, and otherwise found by annealed importance
        sampling. It is then too small where chains miss a mode, and the likelihood too
        large: take more `n_betas` until the result stays.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_frames, n_features)
            The frames of the sequences.

        lengths : array-like of int of shape (n_sequences,), default=None
            The number of frames of each sequence in X; None means that X is one.

        n_chains : int, default=1
            Number of annealed chains for a row.

        n_betas : int, default=1000
            Number of distributions on their way.

        random_state : int, RandomState instance or None, default=None
            None continues the estimator's own stream of random numbers, so that the
            next call draws anew.

        Returns
        -------
        log_likelihood : ndarray of shape (n_frames,)
            In nats; −inf for a row with a value that the visible units cannot have.

        Raises
        ------
        ValueError
            If a number is not an int of at least 1, or if values of X are means of
            states, such as gray levels of binary units.

        References
        ----------
        .. [1] Neal, R. M. (2001). Annealed importance sampling. Statistics and
           Computing 11, 125-139.
        """
        table = self._machine_rows(X, lengths)
        return self._log_likelihood(table, n_chains, n_betas, random_state)

    @available_if(lambda self: False)
    def inverse_transform(self):
        """Not offered: hidden units alone say no frame."""

    @available_if(lambda self: False)
    def reconstruct(self):
        """Not offered, since its rows would have no past."""

    @available_if(lambda self: False)
    def gibbs(self):
        """Not offered, since its rows would have no past."""

    @available_if(lambda self: False)
    def conditional_sample(self):
        """Not offered, since its rows would have no past."""

    @available_if(lambda self: False)
    def impute(self):
        """Not offered, since its rows would have no past."""

    def _frames_to_come(self, past, n_frames, rng, n_steps, means=False):
        """Yield the next frames of rows of past frames, and their means given h."""
        width = len(self.machine_.weights)
        for _ in range(n_frames):
            machine = self.machine_.at(past)
            with threads_for(len(past), self.machine_.n_weights):
                state = machine.state(np.array(past[:, -width:], order="C"), rng)
                if n_steps > 1:
                    state = run(machine, state, rng, n_steps - 1)
                mean = machine.visible_mean(state.hidden)
                v = machine.visible_sample(state.hidden, rng)
            past = np.hstack([past[:, width:], mean if means else v])
            yield v, mean


def run(machine, state, rng, n_steps):
    """The state after so many steps, written over the one before."""
    for _ in range(n_steps):
        state = machine.transition(state, rng, out=state)
    return state
