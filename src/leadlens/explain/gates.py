"""Gates: whether an explanation may be shown, and if not, why."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import mannwhitneyu

from leadlens.explain.attribution import Attribution

MIN_R2: Final = 0.5
"""Of a surrogate: below, the players do not add up, and their values mean little."""
MIN_EFFECT: Final = 2.0
"""Logits by which all players together move the answer: odds by a factor of 7. An untrained network
reaches 0.1, one trained on shuffled labels 1.8; right answers of a good one are far above."""
MIN_RECORDINGS: Final = 5
MAX_P: Final = 0.01
MIN_AUROC: Final = 0.7
"""Shuffled labels of a few hundred recordings agree with the true ones a little, by chance, and a
network learns that: its AUROC on others is then truly above 0.5, but nothing to explain."""


def attribution_gate(attribution: Attribution, column: int) -> str | None:
    """Return why the explanation of one class in one ECG is withheld, or None.

    Where the answer hardly depends on the ECG there is nothing to explain, however well the players
    add up. A network that has learned wrong labels by heart is not found by one ECG: see
    `skill_gate`.
    """
    effect = abs(float(attribution.values[column].sum()))
    if not effect >= MIN_EFFECT:
        shown = np.floor(10 * effect) / 10
        return f"all parts together move its logit by {shown:g} (needs {MIN_EFFECT:g})"
    r2 = float(attribution.r2[column])
    if r2 < MIN_R2:
        return _too_little(r2)
    return None


def skill_gate(
    labels: Bool[np.ndarray, " n"],
    known: Bool[np.ndarray, " n"],
    probabilities: Float[np.ndarray, " n"],
) -> str | None:
    """Return why no explanation of one diagnosis by this model may be shown, or None.

    A model that does not tell the diagnosis from chance on recordings it has not seen
    (Mann-Whitney, one-sided, p >= 0.01), or hardly does, has nothing to explain.
    """
    with_it, without = probabilities[known & labels], probabilities[known & ~labels]
    if len(with_it) == 0 or len(without) == 0:
        return "no recordings to compare"
    test = mannwhitneyu(with_it, without, alternative="greater")
    auroc = float(test.statistic) / (len(with_it) * len(without))
    if not float(test.pvalue) < MAX_P:
        return f"the model does not tell it from chance (AUROC {auroc:.2f})"
    if auroc < MIN_AUROC:
        shown = np.floor(100 * auroc) / 100
        return f"the model hardly tells it (AUROC {shown:.2f}, needs {MIN_AUROC:.2f})"
    return None


def class_gate(
    labels: Bool[np.ndarray, " n"],
    known: Bool[np.ndarray, " n"],
    probabilities: Float[np.ndarray, " n"],
    n_explained: int,
    r2: float,
) -> str | None:
    """Return why the map's row of one diagnosis is withheld, or None."""
    if n_explained < MIN_RECORDINGS:
        return f"{n_explained} recordings with it explained (needs {MIN_RECORDINGS})"
    reason = skill_gate(labels, known, probabilities)
    if reason is None and r2 < MIN_R2:
        return _too_little(r2)
    return reason


def _too_little(r2: float) -> str:
    """Return the reason for a surrogate that explains too little, never rounded up to the limit."""
    share = int(100 * max(r2, 0.0))
    return f"the surrogate gives {share}% of the model's changes (needs {MIN_R2:.0%})"
