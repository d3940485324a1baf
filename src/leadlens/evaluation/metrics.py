"""Multi-label scores, per class and macro, with unknown labels left out.

A class without a known positive in the tested recordings is absent: its AUROC, AUPRC and F1 are
NaN, left out of the macro means, and it is counted. AUROC and AUPRC need a known negative besides.
(The Challenge's own scorer keeps an absent class as soon as it is once predicted;
`evaluation.challenge` does the same.)
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from leadlens.errors import ConfigError
from leadlens.evaluation.reliability import expected_calibration_error

PER_CLASS = ("auroc", "auprc", "f1", "accuracy", "sensitivity_at_95", "calibration_error")
SPECIFICITY = 0.95


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of one set of predictions.

    Attributes:
        per_class: name -> (class,) values, NaN where the class is absent. `sensitivity_at_95` is
            the largest sensitivity at a specificity of 95 % or more, at whatever threshold;
            `calibration_error` the mean distance of probability and frequency over ten bins.
        macro: name -> value; `auroc`, `auprc`, `f1` over the classes present, `accuracy` over all
            classes with a known label (the published study's definition), `subset_accuracy`.
        n_positive, n_known: (class,) counts.
    """

    per_class: dict[str, np.ndarray]
    macro: dict[str, float]
    n_positive: np.ndarray
    n_known: np.ndarray


def score(
    labels: Bool[np.ndarray, "n class"],
    label_mask: Bool[np.ndarray, "n class"],
    probabilities: Float[np.ndarray, "n class"],
    decisions: Bool[np.ndarray, "n class"],
) -> Scores:
    """Return all scores of `probabilities` and `decisions` against `labels` where known."""
    if not (labels.shape == label_mask.shape == probabilities.shape == decisions.shape):
        raise ConfigError(
            f"labels {labels.shape}, mask {label_mask.shape}, probabilities "
            f"{probabilities.shape} and decisions {decisions.shape} must have one shape"
        )
    if not np.isfinite(probabilities).all():
        raise ConfigError("some probabilities are not numbers: the model's outputs are damaged")
    n_classes = labels.shape[1]
    per_class = {name: np.full(n_classes, np.nan) for name in PER_CLASS}
    for column in range(n_classes):
        known = label_mask[:, column]
        truth, decided = labels[known, column], decisions[known, column]
        if known.any():
            per_class["accuracy"][column] = float((truth == decided).mean())
        if truth.any():
            per_class["f1"][column] = _f1(truth, decided)
        if truth.any() and not truth.all():
            for name, value in _ranking(truth, probabilities[known, column]).items():
                per_class[name][column] = value
    per_class["calibration_error"] = expected_calibration_error(labels, label_mask, probabilities)
    macro = {name: _mean(values) for name, values in per_class.items()}
    # A recording is right as a whole when no known label of it is missed.
    is_annotated = label_mask.any(axis=1)
    is_right = ((labels == decisions) | ~label_mask).all(axis=1)
    macro["subset_accuracy"] = _mean(is_right[is_annotated].astype(float))
    return Scores(per_class, macro, (labels & label_mask).sum(axis=0), label_mask.sum(axis=0))


def macro_f1(
    labels: Bool[np.ndarray, "n class"],
    label_mask: Bool[np.ndarray, "n class"],
    decisions: Bool[np.ndarray, "n class"],
) -> float:
    """Return the macro F1 of decisions, over the classes present: that of `score`."""
    truth, given = labels & label_mask, decisions & label_mask
    n_true = truth.sum(axis=0)
    is_there = n_true > 0
    f1 = 2 * (truth & given).sum(axis=0)[is_there] / (n_true + given.sum(axis=0))[is_there]
    return _mean(f1)


def floors(
    labels: Bool[np.ndarray, "n class"],
    label_mask: Bool[np.ndarray, "n class"],
    prevalence: Float[np.ndarray, " class"],
) -> dict[str, Scores]:
    """Return the scores of guessing: nothing, everything, and each class by its prevalence.

    Args:
        labels: of the tested recordings.
        label_mask: where they are known.
        prevalence: of each class in the training recordings; decisions are prevalence >= 0.5.
    """
    constant = np.broadcast_to(np.nan_to_num(prevalence), labels.shape)
    nothing = np.zeros(labels.shape)
    return {
        "all-zeros": score(labels, label_mask, nothing, nothing > 0),
        "all-positive": score(labels, label_mask, nothing + 1.0, nothing == 0),
        "prevalence": score(labels, label_mask, constant, constant >= 0.5),
    }


def _ranking(truth: Bool[np.ndarray, " n"], said: Float[np.ndarray, " n"]) -> dict[str, float]:
    """Return what follows from the order of the values: AUROC, AUPRC, sensitivity.

    All three from one curve: scikit-learn's functions, which tests compare with, make it anew for
    each and check their input for longer than that takes; a report has thousands.
    """
    order = np.argsort(-said, kind="stable")
    # Equal values are given together.
    is_last = np.append(np.diff(said[order]) != 0, True)
    true = np.cumsum(truth[order])[is_last].astype(float)
    false = np.cumsum(~truth[order])[is_last].astype(float)
    sensitivity, fall_out = true / true[-1], false / false[-1]
    steps = np.diff(sensitivity, prepend=0.0)
    return {
        "auroc": float(np.trapezoid(np.append(0.0, sensitivity), np.append(0.0, fall_out))),
        "auprc": float((steps * true / (true + false)).sum()),
        "sensitivity_at_95": float(
            sensitivity[fall_out <= 1 - SPECIFICITY + 1e-12].max(initial=0.0)
        ),
    }


def _f1(truth: Bool[np.ndarray, " n"], decided: Bool[np.ndarray, " n"]) -> float:
    """Return 2 tp / (2 tp + fp + fn)."""
    true_positive = int((truth & decided).sum())
    return float(2 * true_positive / (truth.sum() + decided.sum()))


def _mean(values: Float[np.ndarray, " n"]) -> float:
    """Return the mean of what is not NaN; NaN when nothing is left."""
    present = values[~np.isnan(values)]
    return float(present.mean()) if len(present) else float("nan")
