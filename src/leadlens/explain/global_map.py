"""The global map: lead importance per diagnosis, over the recordings that have the diagnosis."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import stats

from leadlens.explain.lime import Attribution
from leadlens.explain.settings import Aggregate


@dataclass(frozen=True, eq=False)
class LeadMap:
    """Diagnosis x lead group, with intervals over recordings.

    Attributes:
        classes: SNOMED CT codes.
        groups: lead groups.
        values: (class, group) mean over recordings; NaN where no recording has the diagnosis.
        half_width: (class, group) of the 95 % interval (Student's t over recordings); NaN for
            fewer than two.
        r2: (class,) mean of the surrogates' R2.
        n_recordings: (class,) recordings with the diagnosis that were explained.
    """

    classes: tuple[str, ...]
    groups: tuple[str, ...]
    values: Float[np.ndarray, "class group"]
    half_width: Float[np.ndarray, "class group"]
    r2: Float[np.ndarray, " class"]
    n_recordings: tuple[int, ...]


def lead_map(
    attributions: list[Attribution],
    labels: Bool[np.ndarray, "n class"],
    aggregate: Aggregate = "signed",
) -> LeadMap:
    """Return the map of `attributions`, each class over the recordings with that diagnosis.

    `signed` is the mean evidence in logits. `absolute`, our reading of the published study's
    unstated aggregation, is inflated by noise: a lead without effect gets 0.8 standard errors.
    """
    first = attributions[0]
    importance = np.stack([item.lead_importance for item in attributions])
    if aggregate == "absolute":
        importance = np.abs(importance)
    r2_of = np.stack([item.r2 for item in attributions])
    shape = importance.shape[1:]
    values, half_width = np.full(shape, np.nan), np.full(shape, np.nan)
    r2 = np.full(shape[0], np.nan)
    for column in range(shape[0]):
        chosen = labels[:, column]
        n = int(chosen.sum())
        if n:
            values[column] = importance[chosen, column].mean(axis=0)
            r2[column] = r2_of[chosen, column].mean()
        if n > 1:
            spread = importance[chosen, column].std(axis=0, ddof=1) / np.sqrt(n)
            half_width[column] = float(stats.t.ppf(0.975, n - 1)) * spread
    counts = tuple(int(n) for n in labels.sum(axis=0))
    return LeadMap(first.classes, tuple(first.players.groups), values, half_width, r2, counts)
