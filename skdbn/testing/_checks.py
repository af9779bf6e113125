"""Named checks with a seed, how they are run, and what is within the Monte Carlo error."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple
from unittest import SkipTest

import numpy as np

# Sums of draws are off by more standard errors than this once in a million times.
DEVIATIONS = 6.0
CHANCE = 1e-6


class CheckResult(NamedTuple):
    """What came of a check.

    Parameters
    ----------
    name : str
        The invariant.

    status : {"passed", "failed", "expected", "left out"}
        "expected" is a failure that was announced.

    reason : str, default=None
        How it failed, or what the object does not offer that the check needs.

    See Also
    --------
    check_units : Returns a list of these.

    Examples
    --------
    >>> from skdbn.testing import check_units
    >>> from skdbn.units import Bernoulli
    >>> check_units(Bernoulli())[0].status
    'passed'
    """

    name: str
    status: str
    reason: str | None = None


@dataclass(frozen=True)
class Check:
    """A check of one invariant of an object; call it to run it.

    It raises an AssertionError where the invariant is broken and a SkipTest where it
    needs what the object does not offer. Its ``str`` is the name of the invariant.
    """

    name: str
    function: Callable
    case: Callable
    subject: Any
    seed: int
    owner: str

    def __str__(self):
        return self.name

    def __call__(self):
        # Each check has draws of its own, whichever others there are.
        rng = np.random.Generator(
            np.random.SFC64([self.seed, zlib.crc32(self.name.encode())])
        )
        where = f"{self.owner}: {self.name!r} is broken"
        try:
            self.function(self.case(self.subject, rng))
        except AssertionError as error:
            raise AssertionError(f"{where} (seed={self.seed}): {error}") from error
        except SkipTest:
            raise
        except Exception as error:
            raise AssertionError(
                f"{where} (seed={self.seed}): it raised {error!r}"
            ) from error


def named(functions, case, subject, seed, owner=None):
    """A check for each function, whose first line of documentation is its name."""
    owner = owner or type(subject).__name__
    names = [function.__doc__.splitlines()[0].rstrip(".") for function in functions]
    return [
        Check(name, function, case, subject, seed, owner)
        for name, function in zip(names, functions, strict=True)
    ]


def run(checks, expected_failed_checks, on_fail):
    """Run all checks; the first failure that is not expected is raised if asked for."""
    if on_fail not in ("raise", None):
        raise ValueError(f"on_fail={on_fail!r}: take 'raise' or None.")
    expected = expected_failed_checks or {}
    unknown = set(expected) - {check.name for check in checks}
    if unknown:
        raise ValueError(
            f"expected_failed_checks has {sorted(unknown)}: take names of checks, "
            f"{[check.name for check in checks]}."
        )
    return [_result(check, expected, on_fail) for check in checks]


def _result(check, expected, on_fail):
    try:
        check()
    except SkipTest as reason:
        return CheckResult(check.name, "left out", str(reason))
    except AssertionError as error:
        if check.name in expected:
            return CheckResult(check.name, "expected", expected[check.name])
        if on_fail == "raise":
            raise
        return CheckResult(check.name, "failed", str(error))
    return CheckResult(check.name, "passed")


def need(offered, what):
    """Leave a check out unless the object offers what it needs."""
    if not offered:
        raise SkipTest(what)


def require(condition, message):
    """Raise an AssertionError unless a condition holds."""
    if not condition:
        raise AssertionError(message)


def require_close(found, expected, what, rtol=1e-6, atol=1e-8):
    """Raise an AssertionError unless arrays agree."""
    found, expected = np.asarray(found), np.asarray(expected)
    require(
        found.shape == expected.shape,
        f"{what} is of shape {found.shape}, not {expected.shape}",
    )
    wrong = ~np.isclose(found, expected, rtol, atol)
    if wrong.any():
        place = tuple(map(int, np.argwhere(wrong)[0]))
        raise AssertionError(
            f"{what} is {found[place]:.8g}, not {expected[place]:.8g}, at {place}, and "
            f"wrong in {wrong.sum()} of {wrong.size} places"
        )


def require_mean(samples, expected, what):
    """Raise an AssertionError if a mean of rows is beyond its Monte Carlo error."""
    samples = np.asarray(samples, np.float64)
    n = len(samples)
    mean, deviation = samples.mean(axis=0), samples.std(axis=0, ddof=1)
    # What is rare may not have been drawn at all.
    error = DEVIATIONS * deviation / np.sqrt(n) + np.ptp(samples) / n + 1e-9
    wrong = np.abs(mean - expected) > error
    if np.any(wrong) or not np.isfinite(mean).all():
        place = tuple(map(int, np.argwhere(np.abs(mean - expected) - error > 0)[0]))
        expected = np.broadcast_to(expected, mean.shape)
        raise AssertionError(
            f"{what} is {mean[place]:.5g} on average, not {expected[place]:.5g}, at "
            f"{place}, with an error of {error[place] / DEVIATIONS:.2g}"
        )


def require_distribution(cells, p, what):
    """Raise an AssertionError if draws are too far from a distribution.

    Their total variation is ½ Σ √(p(1 − p)/n) at most on average, and a draw changes it
    by 1/n at most, so that it is more by t with a probability of exp(−2nt²).
    """
    n, p = len(cells), p / p.sum()
    found = np.bincount(cells, minlength=len(p)) / n
    distance = np.abs(found - p).sum() / 2
    limit = np.sqrt(p * (1 - p) / n).sum() / 2 + np.sqrt(-np.log(CHANCE) / (2 * n))
    require(
        distance < limit,
        f"{what}: the total variation from the exact distribution is {distance:.3g}, "
        f"and {n} draws explain {limit:.3g}",
    )


def require_rows(rows, states, p, what):
    """Raise an AssertionError if rows are too far from a distribution over states.

    The first and second moments find some faults that the total variation does not.
    """
    rows, p = np.asarray(rows, np.float64), p / p.sum()
    gaps = np.abs(rows[:, None] - states).sum(axis=2)
    require((gaps.min(axis=1) < 1e-6).all(), f"{what} has rows that are no states")
    require_distribution(gaps.argmin(axis=1), p, what)
    found, exact = (np.einsum("ni,nj->nij", x, x) for x in (rows, states))
    require_mean(rows, p @ states, f"the mean of {what}")
    require_mean(found, np.tensordot(p, exact, 1), f"the second moment of {what}")
