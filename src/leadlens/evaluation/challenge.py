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
    rewards = challenge_rewards(labels, label_mask, decisions, classes)
    return float("nan") if rewards is None else float(normalised(rewards.sum(axis=1)))


def challenge_rewards(
    labels: Bool[np.ndarray, "n class"],
    label_mask: Bool[np.ndarray, "n class"],
    decisions: Bool[np.ndarray, "n class"],
    classes: tuple[str, ...],
) -> Float64[np.ndarray, "3 n"] | None:
    """Return `rewards_of` each recording; see `challenge_score` for the arguments."""
    truth, names = merge_equivalent(labels & label_mask, classes)
    given, _ = merge_equivalent(decisions & label_mask, classes)
    known, _ = merge_equivalent(label_mask, classes)
    return rewards_of(truth, given, weights_of(names), names, known)


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
    rewards = rewards_of(truth, given, weights, names, known)
    return float("nan") if rewards is None else float(normalised(rewards.sum(axis=1)))


def rewards_of(
    truth: Bool[np.ndarray, "n merged"],
    given: Bool[np.ndarray, "n merged"],
    weights: Float64[np.ndarray, "merged merged"],
    names: tuple[str, ...],
    known: Bool[np.ndarray, "n merged"] | None = None,
) -> Float64[np.ndarray, "3 n"] | None:
    """Return each recording's reward for what was given, for the truth, and for sinus rhythm.

    None where sinus rhythm is known in no recording.
    """
    if SINUS_RHYTHM not in names:
        return None
    sinus = names.index(SINUS_RHYTHM)
    inactive = np.zeros_like(truth)
    inactive[:, sinus] = True if known is None else known[:, sinus]
    if not inactive.any():
        return None
    return np.stack([_rewards(truth, decided, weights) for decided in (given, truth, inactive)])


def normalised(rewards: Float64[np.ndarray, "3 ..."]) -> Float64[np.ndarray, "..."]:
    """Return sums of `rewards_of` as scores: 1 for the truth, 0 for always sinus rhythm."""
    observed, correct, nothing = rewards
    # The official scorer gives 0 where always answering sinus rhythm is already right.
    room = np.asarray(correct - nothing)
    return np.where(room != 0, (observed - nothing) / np.where(room != 0, room, 1.0), 0.0)


def _rewards(
    truth: Bool[np.ndarray, "n merged"],
    given: Bool[np.ndarray, "n merged"],
    weights: Float64[np.ndarray, "merged merged"],
) -> Float64[np.ndarray, " n"]:
    """Return each recording's reward, shared out over every diagnosis it involves."""
    involved = np.maximum((truth | given).sum(axis=1), 1)
    return ((given @ weights) * truth).sum(axis=1) / involved


def f_measure(truth: Bool[np.ndarray, "n merged"], given: Bool[np.ndarray, "n merged"]) -> float:
    """Return the Challenge's macro F-measure: classes neither true nor given are left out."""
    denominator = truth.sum(axis=0) + given.sum(axis=0)
    present = denominator > 0
    if not present.any():
        return float("nan")
    return float((2 * (truth & given).sum(axis=0)[present] / denominator[present]).mean())
