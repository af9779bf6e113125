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
    forward, reverse = estimates(rbm, train, n_betas)
    energies = [rbm.free_energy(rows).mean(dtype=float) for rows in tests]
    return [
        (
            -energy - forward.value,
            -energy - reverse.value if reverse.settled else -np.inf,
        )
        for energy in energies
    ]


def estimates(rbm, train, n_betas=10_000):
    """log Z by annealing forward, and backwards from training rows."""
    with warnings.catch_warnings(action="ignore", category=EstimateWarning):
        return [
            log_partition(rbm, method=method, X=train, n_betas=n_betas, random_state=0)
            for method in ("ais", "reverse-ais")
        ]


def mean_likelihoods(rbm, *tests, **settings):
    """Mean log-likelihood of each test set, exactly unless the settings say otherwise."""
    log_z = log_partition(rbm, **{"method": "exact"} | settings)
    return [float(log_likelihood(rbm, rows, log_z).mean()) for rows in tests]
