"""Thresholds of decisions, chosen on inner data: recordings that neither train nor report.

A diagnosis is given when its probability lies strictly above its threshold. Figures are those of
`benchmarks/thresholds.py`.
"""

from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Float, Float64, Int
from scipy.special import expit

from leadlens.ecg.diagnoses import merge_equivalent
from leadlens.errors import ConfigError, choices
from leadlens.evaluation.calibration import fit_calibration, logits_of
from leadlens.evaluation.challenge import challenge_score, weights_of

ThresholdRule = Literal["fixed", "f1", "challenge"]

SHRINK: dict[ThresholdRule, float] = {"fixed": 0.0, "f1": 100.0, "challenge": 3.0}
"""Positives at which a class' own optimum weighs as much as what it is drawn towards."""

_LOWEST, _HIGHEST = -80.0, 16.0
"""Logits of thresholds that single precision, too, tells from 0 and 1."""

_MAX_SWEEPS = 10
"""Climbs of 30 classes and 500 to 5,000 recordings were over after 3 or 4 sweeps."""


def choose_thresholds(
    labels: Bool[np.ndarray, "n class"],
    label_mask: Bool[np.ndarray, "n class"],
    probabilities: Float[np.ndarray, "n class"],
    rule: ThresholdRule,
    classes: tuple[str, ...],
    value: float = 0.5,
    shrink: float | None = None,
) -> Float64[np.ndarray, " class"]:
    """Return a threshold inside (0, 1) for each class.

    Args:
        labels: of the inner data.
        label_mask: where they are known; unknown labels change nothing.
        probabilities: that the model gave, calibrated or not.
        rule: "fixed" gives `value`; "f1" looks for the largest F1 of each class, "challenge" for
            the largest Challenge score.
        classes: the SNOMED CT code of each column, for the Challenge score.
        value: of the rule "fixed".
        shrink: of the rule; None takes `SHRINK`. 0 trusts each class, infinity none.
    """
    if rule not in get_args(ThresholdRule):
        raise choices("threshold rule", rule, get_args(ThresholdRule))
    if not 0 < value < 1:
        raise ConfigError(f"a threshold of {value} decides nothing: it must lie between 0 and 1")
    weight = SHRINK[rule] if shrink is None else shrink
    if rule == "fixed":
        return np.full(len(classes), value)
    if rule == "f1":
        return expit(_f1_logits(labels, label_mask, probabilities, weight))
    start = _f1_logits(labels, label_mask, probabilities, SHRINK["f1"])
    climbed = _climb(labels, label_mask, probabilities, classes, start)
    share = _share(labels & label_mask, weight)
    ends = [expit(start), expit(start + share * (climbed - start))]
    scores = [challenge_score(labels, label_mask, probabilities > end, classes) for end in ends]
    if np.isnan(scores[0]):
        raise ConfigError("the Challenge score needs sinus rhythm, known in one recording at least")
    return ends[1] if scores[1] > scores[0] else ends[0]


def _f1_logits(
    labels: Bool[np.ndarray, "n class"],
    label_mask: Bool[np.ndarray, "n class"],
    probabilities: Float[np.ndarray, "n class"],
    shrink: float,
) -> Float64[np.ndarray, " class"]:
    """Return the logit of each class' threshold for F1.

    A steady value and the optimum of the known labels themselves, weighted by the positives. The
    steady one: where probabilities are calibrated, the best threshold is half of the largest F1
    that they lead to expect (Lipton et al. 2014), so they are calibrated, with thin classes drawn
    towards all. With 3 to 100 positives among 1,000 the mixture loses 0.84 points of F1 to the
    best threshold there is, the labels' own optimum 2.57, and that drawn towards one threshold
    for all 1.71 at best. The labels' own part is for many positives of models that no slope and
    offset make right: there the steady value alone loses 0.85 points, the mixture 0.53.
    A class without a positive gets the mean of the others.
    """
    positive = labels & label_mask
    has_positive = positive.any(axis=0)
    if not has_positive.any():
        return np.zeros(labels.shape[1])
    calibration = fit_calibration(labels, label_mask, probabilities)
    calibrated, logits = calibration.apply(probabilities), logits_of(probabilities)
    halves, own = np.full((2, labels.shape[1]), np.nan)
    for column in np.flatnonzero(has_positive):
        known = label_mask[:, column]
        halves[column] = _expected_f1(calibrated[known, column]) / 2
        own[column] = _best_f1_logit(labels[known, column], logits[known, column])
    steady = (np.log(halves) - np.log1p(-halves) - calibration.offsets) / calibration.slopes
    chosen = np.clip(steady + _share(positive, shrink) * (own - steady), _LOWEST, _HIGHEST)
    return np.where(has_positive, chosen, chosen[has_positive].mean())


def _expected_f1(calibrated: Float64[np.ndarray, " n"]) -> float:
    """Return the largest F1 to be expected of calibrated probabilities, over all thresholds."""
    descending = np.sort(calibrated)[::-1]
    n_given = np.arange(1, len(descending) + 1)
    return float((2 * descending.cumsum() / (n_given + descending.sum())).max())


def _best_f1_logit(truth: Bool[np.ndarray, " n"], logits: Float64[np.ndarray, " n"]) -> float:
    """Return the cut with the largest F1; of equals the highest."""
    cuts, is_cut, order = _cuts(logits)
    n_given = np.arange(len(truth) + 1)
    f1 = 2 * _cumulated(truth[order]) / (n_given + truth.sum())
    return float(cuts[np.argmax(np.where(is_cut, f1, -1.0))])


def _climb(
    labels: Bool[np.ndarray, "n class"],
    label_mask: Bool[np.ndarray, "n class"],
    probabilities: Float[np.ndarray, "n class"],
    classes: tuple[str, ...],
    start: Float64[np.ndarray, " class"],
) -> Float64[np.ndarray, " class"]:
    """Return logits at which no cut of a single class raises the Challenge score.

    One class after the other takes its best cut, all others held; classes without a positive stay.
    Fresh recordings gain as much as with `start` weighted in by up to 10 positives.
    """
    membership, names = merge_equivalent(np.eye(len(classes), dtype=bool), classes)
    truth, _ = merge_equivalent(labels & label_mask, classes)
    reward = truth @ weights_of(names).T
    logits, found = logits_of(probabilities), start.copy()
    given = (logits > found) & label_mask
    for _ in range(_MAX_SWEEPS):
        before = found.copy()
        for column in np.flatnonzero((labels & label_mask).any(axis=0)):
            merged, known = int(membership[column].argmax()), label_mask[:, column]
            given[:, column] = False
            gain = _gain(truth, given @ membership, reward, merged)[known]
            cuts, is_cut, order = _cuts(logits[known, column])
            total = np.where(is_cut, _cumulated(gain[order]), -np.inf)
            now = gain[logits[known, column] > found[column]].sum()
            # More than rounding, or two cuts of one score could take turns.
            if total.max() > now + 1e-9:
                found[column] = cuts[total.argmax()]
            given[:, column] = known & (logits[:, column] > found[column])
        if np.array_equal(before, found):
            break
    return found


def _gain(
    truth: Bool[np.ndarray, "n merged"],
    given: Bool[np.ndarray, "n merged"],
    reward: Float64[np.ndarray, "n merged"],
    merged: int,
) -> Float64[np.ndarray, " n"]:
    """Return what giving one more diagnosis adds to each recording's part of the score."""
    earned = (reward * given).sum(axis=1)
    involved = (truth | given).sum(axis=1)
    with_it = (earned + reward[:, merged]) / np.maximum(involved + ~truth[:, merged], 1)
    # Nothing is added where an equivalent diagnosis is given already.
    return np.where(given[:, merged], 0.0, with_it - earned / np.maximum(involved, 1))


def _cuts(
    logits: Float64[np.ndarray, " n"],
) -> tuple[Float64[np.ndarray, " n+1"], Bool[np.ndarray, " n+1"], Int[np.ndarray, " n"]]:
    """Return n + 1 cuts, which of them can be had, and the order of the values.

    Above cut k lie the first k values in that order: nothing above the first, all above the last.
    It cannot be had between equal values, above a probability of 1 or below one of 0.
    """
    order = np.argsort(-logits, kind="stable")
    falling = np.clip(logits[order], _LOWEST, _HIGHEST)
    padded = np.concatenate([[falling[0] + 1], falling, [falling[-1] - 1]])
    cuts = (padded[:-1] + padded[1:]) / 2
    return cuts, (padded[:-1] > padded[1:]) & (cuts >= _LOWEST) & (cuts <= _HIGHEST), order


def _cumulated(
    values: Float[np.ndarray, " n"] | Bool[np.ndarray, " n"],
) -> Float64[np.ndarray, " n+1"]:
    """Return the sums of the first 0, 1, ... n values."""
    return np.concatenate([[0.0], values.cumsum()])


def _share(positive: Bool[np.ndarray, "n class"], shrink: float) -> Float64[np.ndarray, " class"]:
    """Return n / (n + shrink) for n positives, 0 for none."""
    n = positive.sum(axis=0)
    return n / np.maximum(n + shrink, 1e-9)
