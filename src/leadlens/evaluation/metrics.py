"""Multi-label scores, per class and macro, with unknown labels left out.

A class without a known positive in the tested recordings is absent: its AUROC, AUPRC and F1 are
NaN, left out of the macro means, and it is counted. AUROC and AUPRC need a known negative besides.
(The Challenge's own scorer keeps an absent class as soon as it is once predicted;
`evaluation.challenge` does the same.)
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

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
            values = probabilities[known, column]
            per_class["auroc"][column] = float(roc_auc_score(truth, values))
            per_class["auprc"][column] = float(average_precision_score(truth, values))
            per_class["sensitivity_at_95"][column] = _sensitivity(truth, values)
    per_class["calibration_error"] = expected_calibration_error(labels, label_mask, probabilities)
    macro = {name: _mean(values) for name, values in per_class.items()}
    # A recording is right as a whole when no known label of it is missed.
    is_annotated = label_mask.any(axis=1)
    is_right = ((labels == decisions) | ~label_mask).all(axis=1)
    macro["subset_accuracy"] = _mean(is_right[is_annotated].astype(float))
    return Scores(per_class, macro, (labels & label_mask).sum(axis=0), label_mask.sum(axis=0))


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


def _sensitivity(truth: Bool[np.ndarray, " n"], said: Float[np.ndarray, " n"]) -> float:
    """Return the largest sensitivity of a threshold that keeps the specificity."""
    false_positive_rate, sensitivity, _ = roc_curve(truth, said)
    return float(sensitivity[false_positive_rate <= 1 - SPECIFICITY + 1e-12].max())


def _f1(truth: Bool[np.ndarray, " n"], decided: Bool[np.ndarray, " n"]) -> float:
    """Return 2 tp / (2 tp + fp + fn)."""
    true_positive = int((truth & decided).sum())
    return float(2 * true_positive / (truth.sum() + decided.sum()))


def _mean(values: Float[np.ndarray, " n"]) -> float:
    """Return the mean of what is not NaN; NaN when nothing is left."""
    present = values[~np.isnan(values)]
    return float(present.mean()) if len(present) else float("nan")
