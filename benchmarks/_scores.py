"""Likelihoods of fitted models."""

import warnings

import numpy as np

from skdbn.evaluation import log_likelihood, log_partition
from skdbn.exceptions import EstimateWarning

BRACKET = (
    "Forward: annealing of 100 chains over 10,000 temperatures, which flatters a model. "
    "Lower end: the same backwards, from 1,000 Gibbs steps that began at training rows."
)


def ends(rbm, train, *tests, n_betas=10_000):
    """Mean log-likelihood of each test set, forward and at the lower end."""
    with warnings.catch_warnings(action="ignore", category=EstimateWarning):
        found = log_partition(
            rbm, method="bracket", X=train, n_betas=n_betas, random_state=0
        )
    energies = [rbm.free_energy(rows).mean(dtype=float) for rows in tests]
    return [
        (-energy - found.low, -energy - found.high if found.settled else -np.inf)
        for energy in energies
    ]


def mean_likelihoods(rbm, *tests, **settings):
    """Mean log-likelihood of each test set, exactly unless the settings say otherwise."""
    log_z = log_partition(rbm, **{"method": "exact"} | settings)
    return [float(log_likelihood(rbm, rows, log_z).mean()) for rows in tests]
