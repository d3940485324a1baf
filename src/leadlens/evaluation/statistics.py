"""Intervals for scores."""

import numpy as np
from jaxtyping import Float, Float64, Int
from scipy import stats
from scipy.optimize import brentq

from leadlens.errors import ConfigError


def auroc_variance(auroc: float, n_positive: int, n_negative: int) -> float:
    """Return the variance of an AUROC estimated from so many recordings (Hanley & McNeil 1982)."""
    if n_positive < 1 or n_negative < 1:
        raise ConfigError(f"an AUROC from {n_positive} positives and {n_negative} negatives")
    q1 = auroc / (2 - auroc)
    q2 = 2 * auroc**2 / (1 + auroc)
    between = auroc * (1 - auroc)
    more = (n_positive - 1) * (q1 - auroc**2) + (n_negative - 1) * (q2 - auroc**2)
    return (between + more) / (n_positive * n_negative)


def mean_auroc_interval(
    aurocs: list[float], n_positive: list[int], n_negative: list[int], level: float = 0.95
) -> tuple[float, float]:
    """Return an interval for the mean of AUROCs measured on different recordings (folds).

    It holds every value from which the measured mean is at most z standard errors away, the error
    being that value's own (Newcombe 2006, method 5): inside (0, 1), and meaningful at 1. It stands
    for the sampling of the tested recordings, not of the training. NaN when no fold has a value.
    """
    folds = [
        (value, p, n)
        for value, p, n in zip(aurocs, n_positive, n_negative, strict=True)
        if not np.isnan(value)
    ]
    if not folds:
        return float("nan"), float("nan")
    mean = float(np.mean([value for value, _, _ in folds]))
    z = float(stats.norm.ppf(0.5 + level / 2))

    def distance(value: float) -> float:
        variance = sum(auroc_variance(value, p, n) for _, p, n in folds)
        return abs(mean - value) - z * float(np.sqrt(max(variance, 0.0))) / len(folds)

    near = 1e-9
    # With billions of recordings the interval can be narrower than `near`: then it ends there.
    low, high = max(mean - near, 0.0), min(mean + near, 1.0)
    if low > 0.0 and distance(low) < 0.0:
        low = brentq(distance, 0.0, low)
    if high < 1.0 and distance(high) < 0.0:
        high = brentq(distance, high, 1.0)
    return float(low), float(high)


def wilson_interval(
    n_true: Float[np.ndarray, " n"] | Int[np.ndarray, " n"],
    n_all: Int[np.ndarray, " n"],
    level: float = 0.95,
) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    """Return the ends of intervals for proportions `n_true` of `n_all` (Wilson 1927)."""
    z2 = float(stats.norm.ppf(0.5 + level / 2)) ** 2
    middle = (n_true + z2 / 2) / (n_all + z2)
    half = np.sqrt(z2 * (n_true * (n_all - n_true) / n_all + z2 / 4)) / (n_all + z2)
    return np.clip(middle - half, 0.0, 1.0), np.clip(middle + half, 0.0, 1.0)
