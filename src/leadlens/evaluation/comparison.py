"""Is one model better than another, when both were tested on the same folds, or sources?"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float
from scipy import stats

from leadlens.errors import ConfigError

MIN_FOLDS = 3
"""With two, the interval is thirteen standard errors to either side and says nothing."""


MIN_SOURCES = 6
"""With five, no signed-rank test can find anything at 5 %: 2 of 32 orders of signs are 6 %."""


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


@dataclass(frozen=True)
class Ranks:
    """How several models rank over independent sources.

    Attributes:
        mean: of each model, the mean of its ranks; 1 is the best.
        p_any: of ranks that differ as much by chance (Friedman 1937; of two models, Wilcoxon's).
        p: of each pair (i, j), i < j, that the signed-rank test finds no less by chance (Wilcoxon
            1945), adjusted by Holm's method.
        groups: models, best first, among which no pair differs at the level: the bars of a
            critical-difference diagram. A group that is part of another is left out.
    """

    mean: tuple[float, ...]
    p_any: float
    p: dict[tuple[int, int], float]
    groups: tuple[tuple[int, ...], ...]


def rank_test(scores: Float[np.ndarray, "source model"], level: float = 0.05) -> Ranks:
    """Return how models rank over sources, and which pairs differ (Demsar 2006, Benavoli 2016).

    Sources must be independent: other patients of other hospitals, or cohorts. Folds of one data
    set are not; for them there is `corrected_t_test`.

    Args:
        scores: of each model on each source; larger is better.
        level: of the pairs' tests together.

    Raises:
        ConfigError: too few sources for a test to find anything, one model, or a missing score.
    """
    n_sources, n_models = scores.shape
    if n_sources < MIN_SOURCES or n_models < 2 or not np.isfinite(scores).all():
        raise ConfigError(
            f"{n_models} models with scores on {n_sources} sources: ranks need at least 2 models, "
            f"{MIN_SOURCES} sources, and every score"
        )
    pairs = list(combinations(range(n_models), 2))
    raw = [_signed_rank(scores[:, i] - scores[:, j]) for i, j in pairs]
    p = dict(zip(pairs, holm(raw), strict=True))
    if n_models == 2:
        p_any = raw[0]
    elif (scores == scores[:, :1]).all():
        p_any = 1.0
    else:
        p_any = float(stats.friedmanchisquare(*scores.T).pvalue)
    mean = stats.rankdata(-scores, axis=1).mean(axis=0)
    return Ranks(tuple(mean.tolist()), p_any, p, _alike(mean, p, level))


def _signed_rank(less: Float[np.ndarray, " source"]) -> float:
    """Return the p-value of Wilcoxon's test, exact with ties too where sources are few."""
    kept = less[less != 0]
    if not len(kept):
        return 1.0
    is_tied = len(np.unique(np.abs(kept))) < len(kept)
    exact = stats.PermutationMethod(n_resamples=2**14, rng=np.random.default_rng(0))
    return float(stats.wilcoxon(kept, method=exact if is_tied else "auto").pvalue)


def _alike(
    mean: Float[np.ndarray, " model"], p: dict[tuple[int, int], float], level: float
) -> tuple[tuple[int, ...], ...]:
    """Return the largest runs of models, by rank, without a pair that differs."""
    order = np.argsort(mean, kind="stable").tolist()
    found: list[tuple[int, ...]] = []
    for start in range(len(order)):
        stop = start + 1
        while stop < len(order) and all(
            p[min(a, order[stop]), max(a, order[stop])] >= level for a in order[start:stop]
        ):
            stop += 1
        run = tuple(order[start:stop])
        if len(run) > 1 and not any(set(run) <= set(other) for other in found):
            found.append(run)
    return tuple(found)
