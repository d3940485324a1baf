"""How well probabilities mean what they say, class by class.

Where a class has no known positive it is absent: its values are NaN (as in `evaluation.metrics`).
Bins hold equal counts, ties in one bin, so that there are fewer where many values are equal.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64, Int

from leadlens.evaluation.statistics import wilson_interval

Labels = Bool[np.ndarray, "n class"]
Probabilities = Float[np.ndarray, "n class"]
PerClass = Float64[np.ndarray, " class"]

N_BINS = 10


@dataclass(frozen=True, eq=False)
class ReliabilityCurve:
    """Of one class: how often it is there, against how probable it was said to be.

    Attributes:
        probability: (bin,) mean of the probabilities said, rising.
        frequency: (bin,) share of recordings that have it.
        low, high: (bin,) ends of the frequency's 95 % interval (Wilson 1927).
        n_known: (bin,) recordings.
    """

    probability: Float64[np.ndarray, " bin"]
    frequency: Float64[np.ndarray, " bin"]
    low: Float64[np.ndarray, " bin"]
    high: Float64[np.ndarray, " bin"]
    n_known: Int[np.ndarray, " bin"]


def reliability_curves(
    labels: Labels, label_mask: Labels, probabilities: Probabilities, n_bins: int = N_BINS
) -> tuple[ReliabilityCurve | None, ...]:
    """Return the reliability curve of each class, None where it is absent."""
    columns = zip(labels.T, label_mask.T, probabilities.T, strict=True)
    return tuple(
        _curve(truth[known], said[known], n_bins) if truth[known].any() else None
        for truth, known, said in columns
    )


def expected_calibration_error(
    labels: Labels, label_mask: Labels, probabilities: Probabilities, n_bins: int = N_BINS
) -> PerClass:
    """Return the mean distance of frequency and probability over the bins (Naeini et al. 2015).

    It is not 0 by chance: perfectly calibrated probabilities of 500 recordings measure 0.02
    (prevalence 5 %) to 0.05 (50 %).
    """

    def error(truth: Bool[np.ndarray, " n"], said: Float[np.ndarray, " n"]) -> float:
        curve = _curve(truth, said, n_bins)
        return float(curve.n_known @ np.abs(curve.frequency - curve.probability) / len(truth))

    return _each(error, labels, label_mask, probabilities)


def squared_calibration_error(
    labels: Labels, label_mask: Labels, probabilities: Probabilities, n_bins: int = N_BINS
) -> PerClass:
    """Return the mean squared distance over the bins, without bias (Kumar et al. 2019).

    The variance of each bin's frequency is taken off; below 0 means that nothing is found.
    """

    def error(truth: Bool[np.ndarray, " n"], said: Float[np.ndarray, " n"]) -> float:
        curve = _curve(truth, said, n_bins)
        variance = curve.frequency * (1 - curve.frequency) / np.maximum(curve.n_known - 1, 1)
        return float(
            curve.n_known @ ((curve.frequency - curve.probability) ** 2 - variance) / len(truth)
        )

    return _each(error, labels, label_mask, probabilities)


def brier_score(labels: Labels, label_mask: Labels, probabilities: Probabilities) -> PerClass:
    """Return the mean squared distance of probability and label (Brier 1950)."""
    return _each(
        lambda truth, said: float(((said - truth) ** 2).mean()), labels, label_mask, probabilities
    )


def log_loss(labels: Labels, label_mask: Labels, probabilities: Probabilities) -> PerClass:
    """Return the mean of -ln(probability said of what is true), in nats.

    Probabilities count as at least their own type's precision away from 0 and 1.
    """

    def loss(truth: Bool[np.ndarray, " n"], said: Float[np.ndarray, " n"]) -> float:
        of_truth = np.where(truth, said, 1 - said)
        return float(-np.log(np.maximum(of_truth, np.finfo(said.dtype).eps)).mean())

    return _each(loss, labels, label_mask, probabilities)


def _curve(
    truth: Bool[np.ndarray, " n"], said: Float[np.ndarray, " n"], n_bins: int
) -> ReliabilityCurve:
    """Return the curve over bins between quantiles; empty bins are left out."""
    edges = np.quantile(said, np.linspace(0, 1, n_bins + 1)[1:-1])
    _, index, counts = np.unique(
        np.searchsorted(edges, said), return_inverse=True, return_counts=True
    )
    n_true = np.bincount(index, weights=truth)
    low, high = wilson_interval(n_true, counts)
    mean = np.bincount(index, weights=said) / counts
    return ReliabilityCurve(mean, n_true / counts, low, high, counts)


def _each(
    measure: Callable[[Bool[np.ndarray, " n"], Float[np.ndarray, " n"]], float],
    labels: Labels,
    label_mask: Labels,
    probabilities: Probabilities,
) -> PerClass:
    """Return the measure of each class' known labels, NaN where the class is absent."""
    columns = zip(labels.T, label_mask.T, probabilities.T, strict=True)
    return np.array(
        [
            measure(truth[known], said[known]) if truth[known].any() else np.nan
            for truth, known, said in columns
        ]
    )
