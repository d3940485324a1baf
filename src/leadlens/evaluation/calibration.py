"""Calibration: probabilities that are as often right as they say, fitted on inner data.

Platt scaling (Platt 1999) of each class: a slope and an offset on the logit. A class with few
positives is drawn towards the slope and offset of all classes together. Slopes are positive, so
that ranks, and with them AUROC and AUPRC, stay.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Bool, Float, Float64
from pydantic import BaseModel, ConfigDict, Field, model_validator
from scipy.optimize import minimize
from scipy.special import expit

from leadlens.errors import ConfigError

Slope = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Offset = Annotated[float, Field(allow_inf_nan=False)]

STRENGTH = 1.0
"""Weight of the penalty of `fit_calibration`, in recordings' log loss; 0.3 to 3 do as well."""

_LEAST_SLOPE = 1e-3
_LIMIT = 30.0
"""Logits are held within this when fitting, so that one output of exactly 0 cannot rule a class."""


class Calibration(BaseModel):
    """A slope and an offset on the logit for each class; to and from JSON as any pydantic model."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    slopes: tuple[Slope, ...]
    offsets: tuple[Offset, ...]

    @model_validator(mode="after")
    def _has_as_many(self) -> "Calibration":
        if len(self.slopes) != len(self.offsets):
            raise ValueError(f"{len(self.slopes)} slopes but {len(self.offsets)} offsets")
        return self

    def apply(self, probabilities: Float[np.ndarray, "n class"]) -> Float64[np.ndarray, "n class"]:
        """Return calibrated probabilities; their order within a class is unchanged."""
        return expit(logits_of(probabilities) * self.slopes + self.offsets)


def fit_calibration(
    labels: Bool[np.ndarray, "n class"],
    label_mask: Bool[np.ndarray, "n class"],
    probabilities: Float[np.ndarray, "n class"],
    strength: float = STRENGTH,
) -> Calibration:
    """Return the calibration with the largest penalised likelihood on inner data.

    All classes together are fitted first, drawn towards slope 1 and offset 0; then each class,
    drawn towards what that gave. A class without known positives or negatives stays as it is.

    Args:
        labels: of recordings that neither train nor report.
        label_mask: where they are known.
        probabilities: that the model gave.
        strength: of the penalty strength / 2 ((slope / aim - 1)^2 + (offset - aim)^2).
    """
    logits = np.clip(logits_of(probabilities), -_LIMIT, _LIMIT)
    together = _fit(logits[label_mask], labels[label_mask], (1.0, 0.0), strength)
    fitted = []
    for truth, known, values in zip(labels.T, label_mask.T, logits.T, strict=True):
        has_both = truth[known].any() and not truth[known].all()
        fitted.append(
            _fit(values[known], truth[known], together, strength) if has_both else (1.0, 0.0)
        )
    return Calibration(slopes=tuple(x[0] for x in fitted), offsets=tuple(x[1] for x in fitted))


def logits_of(probabilities: Float[np.ndarray, "n class"]) -> Float64[np.ndarray, "n class"]:
    """Return finite logits: 0 and 1 count as the nearest numbers between them."""
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ConfigError("some probabilities are no numbers from 0 to 1: are they logits?")
    precision = np.finfo(np.float64)
    inside = np.clip(probabilities.astype(np.float64), precision.tiny, 1 - precision.epsneg)
    return np.log(inside) - np.log1p(-inside)


def _fit(
    logits: Float64[np.ndarray, " n"],
    truth: Bool[np.ndarray, " n"],
    toward: tuple[float, float],
    strength: float,
) -> tuple[float, float]:
    """Return slope and offset with the largest penalised likelihood (a convex problem)."""
    sign = np.where(truth, 1.0, -1.0)
    aim = np.array(toward)
    # A slope is drawn by its ratio: 0.2 in place of 0.1 is as far off as 2 in place of 1.
    weight = strength / np.array([toward[0] ** 2, 1.0])

    def loss(x: Float64[np.ndarray, "2"]) -> tuple[float, Float64[np.ndarray, "2"]]:
        margin = sign * (x[0] * logits + x[1])
        error = -sign * expit(-margin)
        gradient = np.array([error @ logits, error.sum()]) + weight * (x - aim)
        return float(np.logaddexp(0, -margin).sum() + weight @ (x - aim) ** 2 / 2), gradient

    options = {"ftol": 1e-13, "gtol": 1e-8, "maxiter": 500}
    bounds = [(_LEAST_SLOPE, None), (None, None)]
    found = minimize(loss, aim, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return float(found.x[0]), float(found.x[1])
