"""AUROC within strata: only pairs of recordings that one network ranked, in one hospital, count."""

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from leadlens.evaluation.bootstrap import auroc_of_draws


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
