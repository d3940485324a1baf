"""Gates: whether an explanation may be shown, and if not, why."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import mannwhitneyu

from leadlens.explain.lime import Attribution

MIN_R2: Final = 0.5
"""Of a surrogate: below, the players do not add up, and their values mean little."""
MIN_RECORDINGS: Final = 5
MAX_P: Final = 0.01


def attribution_gate(attribution: Attribution, column: int) -> str | None:
    """Return why the explanation of one class in one ECG is withheld, or None."""
    r2 = float(attribution.r2[column])
    if r2 < MIN_R2:
        return _too_little(r2)
    return None


def class_gate(
    labels: Bool[np.ndarray, " n"],
    known: Bool[np.ndarray, " n"],
    probabilities: Float[np.ndarray, " n"],
    n_explained: int,
    r2: float,
) -> str | None:
    """Return why the map's row of one diagnosis is withheld, or None.

    A model that does not tell the diagnosis from chance on recordings it has not seen
    (Mann-Whitney, one-sided, p >= 0.01) has nothing to explain.
    """
    if n_explained < MIN_RECORDINGS:
        return f"{n_explained} recordings with it explained (needs {MIN_RECORDINGS})"
    with_it, without = probabilities[known & labels], probabilities[known & ~labels]
    if len(with_it) == 0 or len(without) == 0:
        return "no recordings to compare"
    test = mannwhitneyu(with_it, without, alternative="greater")
    if not float(test.pvalue) < MAX_P:
        auroc = float(test.statistic) / (len(with_it) * len(without))
        return f"the model does not tell it from chance (AUROC {auroc:.2f})"
    if r2 < MIN_R2:
        return _too_little(r2)
    return None


def _too_little(r2: float) -> str:
    """Return the reason for a surrogate that explains too little, never rounded up to the limit."""
    share = int(100 * max(r2, 0.0))
    return f"the surrogate gives {share}% of the model's changes (needs {MIN_R2:.0%})"
