"""Score matching, which needs no samples."""

import numpy as np

from .._utils._checks import check_real
from .._utils._numerics import as_float
from .._utils._random import normal
from ..machines._base import check_offers
from ..units import Bernoulli, CorrelatedGaussian, Gaussian
from ._base import Gradient


class ScoreMatching(Gradient):
    r"""Score matching, for Gaussian visible and binary hidden units.

    It fits the slope of the log-likelihood, ψ = ∂ log p / ∂v, which needs neither the
    partition function nor samples of the model, by the exact gradient of

    .. math:: J &= \Big\langle \sum_i \sigma_i^2 \Big(\tfrac12 \psi_i^2
              + \frac{\partial \psi_i}{\partial v_i}\Big) \Big\rangle, \\
              \psi_i &= b_i - (v_i - \mu_i) / \sigma_i^2
              + \sum_j W_{ij} P(h_j = 1 \mid v)

    The factors σᵢ², which are held fixed, make it invariant to the scale of a column.
    With noise it is the denoising form: rows v + τ ε are to point back to v,

    .. math:: J &= \tfrac12 \Big\langle \sum_i \sigma_i^2 \Big(\psi_i(v + \tau \epsilon)
              + \frac{\epsilon_i}{\tau_i}\Big)^2 \Big\rangle, \\
              \tau_i &= s_i \cdot \text{noise}

    where sᵢ is the column's standard deviation: an autoencoder with tied weights, and
    the model is that of the noisy rows.

    Parameters
    ----------
    noise : float, default=0.0
        Standard deviation of the noise, as a fraction of that of the column; 0 is plain
        score matching. The model's variances become larger by those of the noise.

    See Also
    --------
    CD : Contrastive divergence.

    References
    ----------
    .. [1] Hyvärinen, A. (2005). Estimation of non-normalized statistical models by
       score matching. JMLR 6, 695-709.
    .. [2] Vincent, P. (2011). A connection between score matching and denoising
       autoencoders. Neural Computation 23, 1661-1674.
    .. [3] Swersky, K., Ranzato, M., Buchman, D., Marlin, B. and de Freitas, N. (2011).
       On autoencoders and score matching for energy based models. ICML.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import scale
    >>> from skdbn import GaussianRBM
    >>> from skdbn.gradients import ScoreMatching
    >>> X = scale(load_iris().data)
    >>> rbm = GaussianRBM(8, gradient=ScoreMatching(noise=0.2), random_state=0).fit(X)
    >>> rbm.history_[-1]["objective"] < rbm.history_[0]["objective"]
    True
    """

    needs = ("visible_field", "hidden_mean")

    def __init__(self, noise=0.0):
        self.noise = noise

    def n_chains_of(self, n_data):
        return 1

    def start(self, machine, batch_size, rng, n_rows=None):
        check_real("ScoreMatching", "noise", self.noise, 0)
        check_offers(machine, "gradient=ScoreMatching()", *self.needs)
        real = "; GaussianRBM has such units for real-valued columns, unless variance='full'"
        for side, kind, hint in (
            ("visible", Gaussian, real),
            ("hidden", Bernoulli, ""),
        ):
            units = getattr(machine, side)
            if isinstance(units, kind) and not isinstance(units, CorrelatedGaussian):
                continue
            raise ValueError(
                f"gradient=ScoreMatching() needs {side} units that are all "
                f"{kind.__name__}, and those of this machine are "
                f"{type(units).__name__}: take gradient='cd'{hint}."
            )
        super().start(machine, batch_size, rng, n_rows)
        (n_visible, n_hidden), dtype = machine.weights.shape, machine.weights.dtype
        if not hasattr(self, "_variance"):
            self._variance = np.broadcast_to(1 / machine.visible.precision, n_visible)
        n_rows = n_rows or batch_size
        self._left = np.empty((2 * n_rows, n_visible), dtype)
        self._right = np.empty((2 * n_rows, n_hidden), dtype)
        self._weights = np.empty((n_visible, n_hidden), dtype)
        self._sums = [0.0, 0]

    def stop(self):
        self.diagnostics()
        del self._left, self._right, self._weights
        super().stop()

    def diagnostics(self):
        total, n = self._sums
        self._sums = [0.0, 0]
        return {"objective": total / n} if n else {}

    def __call__(
        self,
        machine,
        batch,
        rng,
        centering=None,
        rate=1.0,
        *,
        sparsity=None,
        sample_data=False,
        weights=None,
    ):
        v = np.array(as_float(batch, machine.weights.dtype))
        if sample_data:
            machine.visible.draw(v, rng)
        n = len(v)
        # φ is the derivative of the objective by ψ, and δ that by the hidden fields.
        left, right = self._left[: 2 * n], self._right[: 2 * n]
        phi, p, delta = left[:n], right[:n], right[n:]
        scale, pull = self._objective(machine, v, phi, p, delta, rng, weights)
        total = 1.0 if weights is None else float(weights.mean())
        if sparsity is not None:
            seen = p.copy()
            sparsity.see(seen, weights)
            seen -= p
            delta -= seen if weights is None else seen * weights[:, None]
        v0 = h0 = 0.0
        if centering is not None:
            v0, h0 = centering.visible, centering.hidden
            p -= h0
        np.subtract(v, v0, out=left[n:])
        # One product for both terms of W: φᵀ(p − h₀) + (v − v₀)ᵀδ.
        of_weights = np.dot(left.T, right, out=self._weights)
        of_weights *= 1 / n
        visible_bias, own = phi.mean(axis=0), []
        of_weights += pull
        if machine.visible.params:
            precision = machine.visible.precision
            gaps = v - machine.visible.center_
            slopes = np.einsum("ij,ij->j", gaps, phi) / n
            # As in the likelihood, the squares are those of all rows.
            squares = _mean(np.square(gaps), weights)
            squares -= total * machine.visible.data_squares()
            if self.noise:
                squares -= total * self.noise**2 * self._variance
            else:
                slopes += total * scale
            slopes += scale * precision * squares
            slopes *= precision
            is_shared = len(machine.visible.params[0]) == 1
            own = [slopes.sum(keepdims=True) if is_shared else slopes]
        scale = machine.visible.step_scale
        if scale is not None:
            of_weights *= scale.reshape(-1, 1)
            visible_bias *= scale
        layers = of_weights, visible_bias, delta.mean(axis=0)
        steps = [1, 1, 1, *machine.visible.param_steps]
        for array, step in zip([*layers, *own], steps, strict=True):
            array *= -rate * step
        direction = machine.named(*layers, own)
        if centering is not None:
            centering.to_plain(direction)
            if rate:
                centering.move(_mean(p, weights), total)
        return direction

    def _objective(self, machine, v, phi, p, delta, rng, row_weights):
        """Fill in φ, p and δ; give the columns' factors, and what else pulls W."""
        weights, precision = machine.weights, machine.visible.precision
        scale = np.broadcast_to(1 / precision, v.shape[1])
        if self.noise:
            noise = normal(rng, v.shape, v.dtype)
            deviation = (self.noise * np.sqrt(self._variance)).astype(v.dtype)
            v += noise * deviation
        machine.hidden_mean(v, out=p)
        slope = p * (1 - p)
        machine.visible_field(p, out=phi)
        phi -= machine.visible.link(v)
        if self.noise:
            noise /= deviation
            phi += noise
            curvature = pull = 0.0
        else:
            squares = np.square(weights) * scale[:, None]
            mean_slope = _mean(slope, row_weights)
            total = 1.0 if row_weights is None else row_weights.mean()
            curvature = (squares @ mean_slope - total * scale * precision).sum()
            pull = weights * (2 * scale[:, None] * mean_slope)
        loss = _mean(0.5 * np.square(phi) @ scale, row_weights)
        self._sums[0] += float(loss + curvature)
        self._sums[1] += 1
        phi *= scale
        np.dot(phi, weights, out=delta)
        if not self.noise:
            # p (1 − p) (1 − 2p) is the derivative of the slope.
            delta += squares.sum(axis=0) * (1 - 2 * p)
        delta *= slope
        if row_weights is not None:
            phi *= row_weights[:, None]
            delta *= row_weights[:, None]
        return scale, pull


def _mean(x, weights):
    """The mean over the rows, each times its weight."""
    return x.mean(axis=0) if weights is None else weights @ x / len(x)
