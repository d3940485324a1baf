"""AUROC within strata: only pairs of recordings that one network ranked, in one hospital, count."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from leadlens.evaluation.bootstrap import N_DRAWS, auroc_of_draws, times_drawn

EVENNESS: Final = np.float32(0.5)
"""Of the weights of recordings in draws: 1 draws them as usual, 0 weights all alike."""


def auroc_within(
    truth: Bool[np.ndarray, " n"],
    said: Float[np.ndarray, " n"],
    strata: Int[np.ndarray, " n"],
    times: Float32[np.ndarray, "n draw"],
) -> Float[np.ndarray, " draw"]:
    """Return the share of (positive, negative) pairs of one stratum that are ranked rightly.

    Args:
        truth: which recordings have the class.
        said: their probabilities.
        strata: which recordings may be paired.
        times: how often each draw holds each recording; a column of ones is the data themselves.

    Returns:
        One value a draw, NaN where no stratum of it has a pair.
    """
    wins, pairs = np.zeros((2, times.shape[1]))
    for stratum in np.unique(strata):
        inside = strata == stratum
        has, drawn = truth[inside], times[inside].astype(np.float64)
        n_pairs = drawn[has].sum(axis=0) * drawn[~has].sum(axis=0)
        auroc = auroc_of_draws(has, said[inside], times[inside])
        wins += np.where(n_pairs > 0, np.nan_to_num(auroc) * n_pairs, 0.0)
        pairs += n_pairs
    with np.errstate(invalid="ignore"):
        return np.where(pairs > 0, wins / pairs, np.nan)


def aurocs_of_two(
    labels: Bool[np.ndarray, "n class"],
    label_mask: Bool[np.ndarray, "n class"],
    said: Float[np.ndarray, "2 n class"],
    strata: Int[np.ndarray, " n"],
    groups: Int[np.ndarray, " n"],
    seed: int = 0,
    n_draws: int = N_DRAWS,
) -> tuple[Float[np.ndarray, "2 class"], Float[np.ndarray, "draw class"]]:
    """Return AUROC within strata of two sets of predictions, and draws of the first less the other.

    Strata hold few positives, often one or two: of recordings drawn as usual most draws lose
    strata, and their differences spread too far (intervals from 90 positives held the truth in 98 %
    of 400 simulations). So recordings are weighted half as unevenly as draws would, and the
    differences' distances from their value are doubled (95 %, `benchmarks/study.py`).

    Args:
        labels: one column a class.
        label_mask: where they are known.
        said: probabilities of the one and of the other, for the same recordings.
        strata: which recordings may be paired.
        groups: which recordings belong together (a patient's), and are drawn together.
        seed: of the draws.
        n_draws: how many.
    """
    times = 1 + (times_drawn(groups, n_draws, seed) - 1) * EVENNESS
    times = np.concatenate([np.ones((len(times), 1), np.float32), times], axis=1)
    found = np.full((2, n_draws + 1, labels.shape[1]), np.nan)
    for column in range(labels.shape[1]):
        known = label_mask[:, column]
        for row in range(2):
            found[row, :, column] = auroc_within(
                labels[known, column], said[row, known, column], strata[known], times[known]
            )
    less = found[0] - found[1]
    return found[:, 0], less[0] + (less[1:] - less[0]) / EVENNESS
