"""Is one model better than another, when both were tested on the same folds?"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

from leadlens.errors import ConfigError

MIN_FOLDS = 3
"""With two, the interval is thirteen standard errors to either side and says nothing."""


@dataclass(frozen=True)
class Difference:
    """A mean difference over folds.

    Attributes:
        mean: of the folds' differences.
        low: the lower end of its interval.
        high: the upper end.
        p: of a difference at least as large, either way, if there were none.
        n_folds: folds.
    """

    mean: float
    low: float
    high: float
    p: float
    n_folds: int


def corrected_t_test(
    differences: Float[np.ndarray, " fold"], test_share: float, level: float = 0.95
) -> Difference:
    """Return the mean difference over folds with the corrected resampled t-test.

    Training sets of folds overlap, so that their differences vary less together than a plain t-test
    believes: Nadeau and Bengio (2003, Machine Learning 52:239) add to 1/n what the tested
    recordings are of the trained ones. For k-fold cross-validation that is 1/(k - 1).

    Args:
        differences: one a fold, between scores on the same recordings. Repetitions (seeds) on the
            same fold are averaged before: they are no further folds.
        test_share: tested recordings over trained ones.
        level: of the interval.

    Raises:
        ConfigError: fewer than two folds, or a difference that is not a number.
    """
    n = len(differences)
    if n < 2 or not np.isfinite(differences).all():
        raise ConfigError(f"a t-test needs at least 2 folds with a score: {differences.tolist()}")
    mean, variance = float(differences.mean()), float(differences.var(ddof=1))
    error = float(np.sqrt((1 / n + test_share) * variance))
    if error == 0.0:
        return Difference(mean, mean, mean, 1.0 if mean == 0.0 else 0.0, n)
    half = float(stats.t.ppf(0.5 + level / 2, n - 1)) * error
    p = 2 * float(stats.t.sf(abs(mean) / error, n - 1))
    return Difference(mean, mean - half, mean + half, p, n)


def holm(p: list[float]) -> list[float]:
    """Return p-values of several tests, adjusted so that none is falsely small (Holm 1979)."""
    order = np.argsort(p)
    steps = (len(p) - np.arange(len(p))) * np.array(p)[order]
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted.tolist()
