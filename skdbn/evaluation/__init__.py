"""Evaluation of a fitted model: partition function and likelihood, with errors."""

from ._annealing import LogPartition
from ._likelihood import (
    free_energy_gap,
    log_likelihood,
    log_likelihood_bound,
    pseudo_log_likelihood,
    reconstruction_error,
)
from ._partition import log_partition

__all__ = [
    "LogPartition",
    "free_energy_gap",
    "log_likelihood",
    "log_likelihood_bound",
    "log_partition",
    "pseudo_log_likelihood",
    "reconstruction_error",
]
