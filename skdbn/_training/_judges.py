"""What the epochs of a training are judged by."""

import numpy as np

from ..exceptions import DivergenceError
from ..machines._label import log_label

# Rows on which the training of a classifier is monitored, and of others.
N_LABELED_ROWS = 1000
N_ROWS = 1000

# The share of moves of which so many are rejected that chains stay where they are.
MOST_REJECTED = 0.95


class Likelihoods:
    """What the training of a machine of rows is judged by.

    Parameters
    ----------
    training, validation : Probe
        What is measured; `validation` is None without held-out rows.
    """

    shown = {"pseudo-likelihood": "pseudo_likelihood"}
    learned, larger_is_better = "pseudo_likelihood", True

    def __init__(self, training, validation=None):
        self.training = training
        self.validation = validation

    def measure(self, machine):
        """Figures of an epoch, by name."""
        row = self.training.measure(machine)
        own = row.pop("free_energy"), row.pop("free_energy_error")
        if self.validation is not None:
            held_out = self.validation.measure(machine)
            for name in ("pseudo_likelihood", "pseudo_likelihood_error"):
                row[f"validation_{name}"] = held_out[name]
            row["free_energy_gap"] = held_out["free_energy"] - own[0]
            error = float(np.hypot(held_out["free_energy_error"], own[1]))
            row["free_energy_gap_error"] = error
        return row

    def score(self, row):
        """The figures by which to stop, the first one first; larger is better."""
        return (row["validation_pseudo_likelihood"],)


class FreeEnergies:
    """What the training of a machine without a likelihood is watched by.

    Parameters
    ----------
    source : ArraySource
        The rows that are learned from.

    gradient : Gradient
        Its chains move by hybrid Monte Carlo.
    """

    shown = {
        name.replace("_", " "): name
        for name in ("free_energy", "chain_free_energy", "rejected_moves")
    }

    def __init__(self, source, gradient):
        self.rows = source.X[np.sort(source.rows)[:: 1 + len(source) // N_ROWS]]
        self.gradient = gradient

    def measure(self, machine):
        """Figures of an epoch, by name.

        Raises a DivergenceError where chains no longer move.
        """
        v, step, rejection = self.gradient.state
        row = {
            "free_energy": float(machine.free_energy(self.rows).mean(dtype=float)),
            "chain_free_energy": float(machine.free_energy(v).mean(dtype=float)),
            "step_size": float(step[0, 0]),
            "rejected_moves": float(rejection[0, 0]),
        }
        if row["rejected_moves"] > MOST_REJECTED:
            raise DivergenceError(
                f"Hybrid Monte Carlo rejects {row['rejected_moves']:.0%} of its moves, "
                f"at a step of {row['step_size']:.2g}: the energy is too steep for "
                "chains to follow it. Take a smaller learning_rate, or a larger "
                "weight_decay."
            )
        return row


class Labels:
    """How well a machine of rows and labels tells the labels.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Rows without labels.

    codes : ndarray of int of shape (n_samples,)
        The index of each row's label, or -1.

    rows : ndarray of int
        The rows that are learned from.

    held_out : ndarray of int or None
        The held-out rows.

    rng : numpy.random.Generator
        Source of random numbers.
    """

    shown = {
        name.replace("_", " "): name
        for name in (
            "log_loss",
            "accuracy",
            "validation_log_loss",
            "validation_accuracy",
        )
    }
    learned, larger_is_better = "log_loss", False

    def __init__(self, X, codes, rows, held_out, rng):
        labeled = np.unique(rows[codes[rows] >= 0])
        n_rows = min(N_LABELED_ROWS, len(labeled))
        chosen = rng.spawn(1)[0].choice(labeled, n_rows, replace=False)
        self.X, self.codes = X, codes
        self.rows, self.held_out = np.sort(chosen), held_out

    def measure(self, machine):
        """Figures of an epoch, by name."""
        row = self._measure(machine, self.rows)
        if self.held_out is not None:
            held_out = self._measure(machine, self.held_out)
            row |= {f"validation_{name}": value for name, value in held_out.items()}
        return row

    def score(self, row):
        """The figures by which to stop, the first one first; larger is better."""
        return row["validation_accuracy"], -row["validation_log_loss"]

    def _measure(self, machine, rows):
        n_labels = machine.weights.shape[0] - self.X.shape[1]
        log_p, codes = log_label(machine, self.X, n_labels, rows), self.codes[rows]
        own = log_p[np.arange(len(log_p)), codes]
        return {
            "log_loss": -float(own.mean()),
            "accuracy": float((log_p.argmax(axis=1) == codes).mean()),
        }


class Outputs:
    """How well the outputs of a network fit held-out targets.

    Parameters
    ----------
    score : callable or None
        ``score(network)`` of held-out rows, if there are any.
    """

    shown = {
        name.replace("_", " "): name
        for name in ("loss", "reconstruction_error", "validation_score")
    }
    learned, larger_is_better = "loss", False

    def __init__(self, score=None):
        self.of_held_out = score

    def measure(self, network):
        """Figures of an epoch, by name."""
        if self.of_held_out is None:
            return {}
        return {"validation_score": self.of_held_out(network)}

    def score(self, row):
        """The figure by which to stop; larger is better."""
        return (row["validation_score"],)
