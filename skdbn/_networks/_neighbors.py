"""Networks whose code puts rows beside others of their own class."""

from dataclasses import dataclass

import numpy as np

from ._autoencoder import Autoencoder
from ._network import Network

# Elements of an array with the distances of a block of rows to all others.
BLOCK_ELEMENTS = 2**22


@dataclass
class NeighborNetwork(Network):
    """The way up to a code, whose loss is the share of rows with a wrong neighbor, less 1.

    The targets of a batch are labels, as integers, and −1 where there is none.
    """

    @classmethod
    def of_stack(cls, machines):
        """The way up through a stack of machines; its last hidden units are the head."""
        network = cls(
            [machine.weights.copy() for machine in machines],
            [machine.hidden_bias.copy() for machine in machines],
            [machine.hidden for machine in machines[:-1]],
            machines[-1].hidden,
        )
        return network._started(machines[0])

    @property
    def predicts(self):
        return False

    @property
    def tells_labels(self):
        return False

    def downhill(self, field, batch, out):
        code = self.head.mean(field, out=out)
        loss, error = downhill_of_code(code, batch.targets)
        return loss, self.head.backpropagate(error, code)


@dataclass
class NeighborAutoencoder(Autoencoder):
    """An autoencoder whose code is that of a :class:`NeighborNetwork` as well.

    The loss is `reconstruction` times that of the autoencoder and 1 − `reconstruction`
    times that of the code [1]_.

    References
    ----------
    .. [1] Salakhutdinov, R. and Hinton, G. E. (2007). Learning a nonlinear embedding by
       preserving class neighbourhood structure. AISTATS, 412-419.
    """

    reconstruction: float = 0.0

    def downhill(self, field, batch, out):
        targets = self.targets(batch.values)
        loss, error = super().downhill(field, batch._replace(targets=targets), out)
        error *= self.reconstruction
        return self.reconstruction * loss, error

    def downhill_inside(self, i, mean, batch):
        if i != self.n_up:
            return None
        share = 1 - self.reconstruction
        loss, error = downhill_of_code(mean, batch.targets)
        error *= share
        return share * loss, error


def downhill_of_code(code, labels):
    """Minus the mean p(right neighbor), and minus its gradient, for the sum over rows.

    The mean is over the rows with a label, and only these are neighbors.
    """
    labeled = np.flatnonzero(labels >= 0)
    error = np.zeros_like(code)
    if not len(labeled):
        return 0.0, error
    right, error[labeled] = right_neighbors(code[labeled], labels[labeled], True)
    error *= len(code) / len(labeled)
    return -float(right.mean(dtype=np.float64)), error


def right_neighbors(code, labels, gradient=False):
    r"""The probability of each row that its neighbor has its own label.

    Row a takes row b for its neighbor with a probability that falls with the distance
    of their codes, and never itself [1]_,

    .. math:: p_{ab} = \frac{\exp(-|f_a - f_b|^2)}{\sum_{z \ne a} \exp(-|f_a - f_z|^2)}

    Parameters
    ----------
    code : ndarray of shape (n_samples, n_components)
        Codes f.

    labels : ndarray of int of shape (n_samples,)
        The label of each row.

    gradient : bool, default=False
        Whether to return the gradient as well.

    Returns
    -------
    right : ndarray of shape (n_samples,)
        The sum P_a of p_ab over the rows b with the label of a.

    gradient : ndarray of shape (n_samples, n_components)
        That of ΣP by the codes, 2 (diag(S1) f − S f) with S = G + Gᵀ and G_ab =
        p_ab (P_a − 1 where the labels are the same). Rows of G add up to 0.

    References
    ----------
    .. [1] Goldberger, J., Roweis, S., Hinton, G. E. and Salakhutdinov, R. (2004).
       Neighbourhood components analysis. NIPS 17.
    """
    # Distances are differences of squares, which are exact where these are small.
    code = code - code.mean(axis=0)
    n_rows = len(code)
    right, uphill = np.zeros(n_rows, code.dtype), np.zeros_like(code)
    if n_rows < 2:
        return (right, uphill) if gradient else right
    step = max(1, BLOCK_ELEMENTS // n_rows)
    for start in range(0, n_rows, step):
        part = slice(start, min(start + step, n_rows))
        p = _neighbors(code, part)
        same = labels[part, None] == labels
        right[part] = np.einsum("ij,ij->i", p, same)
        if gradient:
            g = np.subtract(right[part, None], same, dtype=code.dtype)
            g *= p
            uphill[part] -= g @ code
            uphill += g.sum(axis=0)[:, None] * code
            uphill -= g.T @ code[part]
    return (right, 2 * uphill) if gradient else right


def _neighbors(code, part):
    """p of some rows for all others as their neighbors; minus distances come first."""
    own = code[part]
    p = own @ code.T
    p *= 2
    p -= np.einsum("ij,ij->i", code, code)
    # What is the same for a whole row does not count.
    p[np.arange(len(own)), np.arange(part.start, part.stop)] = -np.inf
    p -= p.max(axis=1, keepdims=True)
    np.exp(p, out=p)
    p /= p.sum(axis=1, keepdims=True)
    return p
