"""Intervals for scores: the tested recordings drawn again, whole patients at a time (Efron 1979).

They stand for which recordings were tested, not for how the networks came out.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Int
from scipy import stats
from scipy.special import expit

from leadlens.evaluation.challenge import challenge_rewards, normalised

N_DRAWS: Final = 500
MIN_POSITIVES: Final = 50
"""Of a class, or of all classes together: from here on intervals hold what they promise."""
MIN_MEAN_POSITIVES: Final = 10
"""A class, in the mean over classes: with five, the interval of a macro score is too narrow."""


@dataclass(frozen=True, eq=False)
class Redrawn:
    """Scores of recordings that were drawn again, once for each draw.

    Attributes:
        per_class: name -> (draw, class), NaN where a draw has no recording with the class.
        macro: name -> (draw,), the mean over the classes present; `challenge` too.
    """

    per_class: dict[str, Float[np.ndarray, "draw class"]]
    macro: dict[str, Float[np.ndarray, " draw"]]


def redraw(
    labels: Bool[np.ndarray, "n class"],
    label_mask: Bool[np.ndarray, "n class"],
    probabilities: Float[np.ndarray, "n class"],
    decisions: Bool[np.ndarray, "n class"],
    classes: tuple[str, ...],
    groups: Int[np.ndarray, " n"],
    seed: int,
    n_draws: int = N_DRAWS,
) -> Redrawn:
    """Return AUROC, F1, accuracy and Challenge score of draws of as many groups as there are.

    Args:
        labels: one column a class.
        label_mask: where they are known.
        probabilities: of each class.
        decisions: the classes given.
        classes: the SNOMED CT code of each column.
        groups: which recordings belong together (a patient's).
        seed: of the draws.
        n_draws: how many.
    """
    times = times_drawn(groups, n_draws, seed)
    truth, given = labels & label_mask, decisions & label_mask
    n_true, n_given, n_both, n_right, n_known = (
        times.T @ part.astype(np.float32)
        for part in (truth, given, truth & given, (labels == decisions) & label_mask, label_mask)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        f1 = np.where(n_true > 0, 2 * n_both / (n_true + n_given), np.nan)
        accuracy = np.where(n_known > 0, n_right / n_known, np.nan)
    auroc = np.full(f1.shape, np.nan)
    for column in range(labels.shape[1]):
        known = label_mask[:, column]
        auroc[:, column] = auroc_of_draws(
            labels[known, column], probabilities[known, column], times[known]
        )
    per_class = {"auroc": auroc, "f1": f1, "accuracy": accuracy}
    macro = {name: _row_means(values) for name, values in per_class.items()}
    rewards = challenge_rewards(labels, label_mask, decisions, classes)
    if rewards is not None:
        macro["challenge"] = normalised(rewards @ times.astype(np.float64))
    return Redrawn(per_class, macro)


def times_drawn(
    groups: Int[np.ndarray, " n"], n_draws: int, seed: int
) -> Float32[np.ndarray, "n draw"]:
    """Return how often each recording is drawn: as often as its group."""
    names, group_of = np.unique(groups, return_inverse=True)
    rng = np.random.default_rng(seed)
    times = np.empty((len(names), n_draws), np.float32)
    for draw in range(n_draws):
        chosen = rng.integers(len(names), size=len(names))
        times[:, draw] = np.bincount(chosen, minlength=len(names))
    return times[group_of]


def auroc_of_draws(
    truth: Bool[np.ndarray, " n"],
    said: Float[np.ndarray, " n"],
    times: Float32[np.ndarray, "n draw"],
) -> Float[np.ndarray, " draw"]:
    """Return the AUROC of each draw; NaN where one has no positive, or no negative."""
    if not truth.any() or truth.all():
        return np.full(times.shape[1], np.nan)
    order = np.argsort(said, kind="stable")
    has, drawn = truth[order], times[order]
    # Values are told apart only where a positive among them makes a difference.
    _, level = np.unique(said[order], return_inverse=True)
    level_has = np.zeros(level[-1] + 1, bool)
    level_has[level[has]] = True
    is_new = level_has.copy()
    is_new[1:] |= level_has[:-1]
    starts = np.searchsorted(level, np.flatnonzero(is_new))
    if starts[0] != 0:
        starts = np.concatenate([[0], starts])
    positive, negative = (
        np.add.reduceat(np.where(part[:, None], drawn, np.float32(0)), starts, axis=0)
        for part in (has, ~has)
    )
    below = np.cumsum(negative, axis=0, dtype=np.float64) - negative
    wins = (positive * (below + negative / 2)).sum(axis=0)
    pairs = positive.sum(axis=0, dtype=np.float64) * negative.sum(axis=0, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        return np.where(pairs > 0, wins / pairs, np.nan)


def has_enough(n_positive: Int[np.ndarray, " class"]) -> bool:
    """Return whether a macro score of so many positives of each class can have an interval."""
    present = n_positive[n_positive > 0]
    n = int(present.sum())
    return n >= max(MIN_POSITIVES, MIN_MEAN_POSITIVES * len(present))


def symmetric_interval(
    value: float, draws: Float[np.ndarray, " draw"], level: float = 0.95
) -> tuple[float, float]:
    """Return an interval for a score that may lie beyond 0 and 1, as the Challenge's does."""
    if np.isnan(value) or np.isnan(draws).any():
        return float("nan"), float("nan")
    half = float(stats.norm.ppf(0.5 + level / 2) * draws.std(ddof=1))
    return value - half, value + half


def interval(
    value: float, draws: Float[np.ndarray, " draw"], n: int | None = None, level: float = 0.95
) -> tuple[float, float]:
    """Return an interval for a score between 0 and 1 whose draws are `draws`.

    The value's logit, give or take t times the spread of the draws' logits: inside (0, 1), and
    leaning as such scores do. Quantiles of the draws miss the truth twice as often near 1
    (`benchmarks/study.py`). NaN where the score is 0 or 1, or a tenth of the draws have none.

    Args:
        value: the score of the recordings themselves.
        draws: those of the draws.
        n: patients with the class, whose number is t's degrees of freedom and one; None: many.
        level: of the interval.
    """
    present = draws[~np.isnan(draws)]
    if not 0 < value < 1 or len(present) < 0.9 * len(draws):
        return float("nan"), float("nan")
    if n is not None and n < 2:
        return float("nan"), float("nan")
    room = np.minimum(present, 1 - present)
    # A draw at an end counts as half as near to it as the nearest that is not there.
    least = min(value, 1 - value, *room[room > 0]) / 2
    spread = float(_logit(np.clip(present, least, 1 - least)).std(ddof=1))
    upper = 0.5 + level / 2
    times = float(stats.norm.ppf(upper) if n is None else stats.t.ppf(upper, n - 1))
    low, high = (expit(_logit(value) + side * times * spread) for side in (-1, 1))
    return float(low), float(high)


def _logit(share: Any) -> Any:
    """Return ln(p / (1 - p))."""
    return np.log(share / (1 - share))


def _row_means(values: Float[np.ndarray, "draw class"]) -> Float[np.ndarray, " draw"]:
    """Return the mean of each row's values that are not NaN; NaN when nothing is left."""
    n = (~np.isnan(values)).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nansum(values, axis=1) / n
