"""The score of the PhysioNet/CinC Challenge 2021 (Reyna et al. 2021), and its F-measure.

Equivalent diagnoses count as one, so the 30 codes make 26 classes. A recording's row of the
confusion is shared out over every diagnosis that is true or given for it; diagnoses that could be
confused earn part of the reward. 1 is always right, 0 is always answering "sinus rhythm".
"""

import numpy as np
from jaxtyping import Bool, Float64

from leadlens.ecg.diagnoses import merge_equivalent, reward_weights

SINUS_RHYTHM = "NSR"


def challenge_score(
    labels: Bool[np.ndarray, "n class"],
    label_mask: Bool[np.ndarray, "n class"],
    decisions: Bool[np.ndarray, "n class"],
    classes: tuple[str, ...],
) -> float:
    """Return the normalised Challenge score of `decisions`; NaN where it is not defined.

    Args:
        labels: one column a code.
        label_mask: unknown labels count neither as true nor as given, so that a recording is
            scored on what was looked for.
        decisions: the diagnoses given.
        classes: the SNOMED CT code of each column.
    """
    truth, names = merge_equivalent(labels & label_mask, classes)
    given, _ = merge_equivalent(decisions & label_mask, classes)
    known, _ = merge_equivalent(label_mask, classes)
    return score_merged(truth, given, weights_of(names), names, known)


def weights_of(names: tuple[str, ...]) -> Float64[np.ndarray, "merged merged"]:
    """Return the reward matrix (given x true) of these merged classes, in their order."""
    all_names, all_weights = reward_weights()
    chosen = [all_names.index(name) for name in names]
    return all_weights[np.ix_(chosen, chosen)]


def score_merged(
    truth: Bool[np.ndarray, "n merged"],
    given: Bool[np.ndarray, "n merged"],
    weights: Float64[np.ndarray, "merged merged"],
    names: tuple[str, ...],
    known: Bool[np.ndarray, "n merged"] | None = None,
) -> float:
    """Return the normalised score of merged classes under a reward matrix (given x true).

    NaN where sinus rhythm, the answer that the score is measured from, is known in no recording.
    """
    if SINUS_RHYTHM not in names:
        return float("nan")
    sinus = names.index(SINUS_RHYTHM)
    inactive = np.zeros_like(truth)
    inactive[:, sinus] = True if known is None else known[:, sinus]
    if not inactive.any():
        return float("nan")
    observed, correct, nothing = (
        float((weights * _confusion(truth, decided)).sum()) for decided in (given, truth, inactive)
    )
    # The official scorer gives 0 where always answering sinus rhythm is already right.
    return (observed - nothing) / (correct - nothing) if correct != nothing else 0.0


def _confusion(
    truth: Bool[np.ndarray, "n merged"], given: Bool[np.ndarray, "n merged"]
) -> Float64[np.ndarray, "merged merged"]:
    """Return the confusion (given x true), each recording shared out over all it involves."""
    involved = np.maximum((truth | given).sum(axis=1, keepdims=True), 1)
    return given.astype(float).T @ (truth / involved)


def f_measure(truth: Bool[np.ndarray, "n merged"], given: Bool[np.ndarray, "n merged"]) -> float:
    """Return the Challenge's macro F-measure: classes neither true nor given are left out."""
    denominator = truth.sum(axis=0) + given.sum(axis=0)
    present = denominator > 0
    if not present.any():
        return float("nan")
    return float((2 * (truth & given).sum(axis=0)[present] / denominator[present]).mean())
