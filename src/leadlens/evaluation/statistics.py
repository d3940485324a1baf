"""Intervals for scores."""

import numpy as np
from scipy import stats

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

    It is symmetric on the logit scale, which keeps it inside (0, 1). It stands for the sampling of
    the tested recordings, not of the training, and is wide: on Gaussian scores the 95 % interval
    covered 95 to 100 % from 5 positives a fold up (test_statistics.py). NaN without any fold.
    """
    folds = [
        # A perfect score has no estimated variance: count half a wrong pair, as for a proportion.
        (min(max(value, 0.5 / (p * n)), 1 - 0.5 / (p * n)), p, n)
        for value, p, n in zip(aurocs, n_positive, n_negative, strict=True)
        if not np.isnan(value)
    ]
    if not folds:
        return float("nan"), float("nan")
    inside = float(np.mean([value for value, _, _ in folds]))
    variance = sum(auroc_variance(*fold) for fold in folds)
    error = np.sqrt(variance) / len(folds) / (inside * (1 - inside))
    half = float(stats.norm.ppf(0.5 + level / 2)) * error
    centre = np.log(inside / (1 - inside))
    low, high = (1 / (1 + np.exp(-(centre + sign * half))) for sign in (-1.0, 1.0))
    return float(low), float(high)
