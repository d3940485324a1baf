"""Diagnoses that most batches do not show, and what a soft F1 loss makes of them."""

from typing import Final

import numpy as np
from jaxtyping import Bool

from leadlens.ecg.diagnoses import diagnosis
from leadlens.models.loss_settings import BceSoftF1Settings, DoubleSoftF1Settings, SoftF1Settings
from leadlens.training.settings import TrainingSettings

_N_NAMED: Final = 8


def thin_in_batches(
    labels: Bool[np.ndarray, "n class"],
    label_mask: Bool[np.ndarray, "n class"],
    batch_size: int,
    classes: tuple[str, ...],
) -> list[tuple[str, float]]:
    """Return (code, expected positives a batch) of diagnoses with less than one, thinnest first.

    Args:
        labels: of the recordings that batches are drawn from.
        label_mask: an unknown label is no positive.
        batch_size: recordings a batch.
        classes: the SNOMED CT code of each column.
    """
    n_positive = (labels & label_mask).sum(axis=0)
    expected = n_positive * min(batch_size, len(labels)) / len(labels)
    order = np.argsort(expected, kind="stable")
    return [(classes[i], float(expected[i])) for i in order if expected[i] < 1.0]


def thin_note(
    labels: Bool[np.ndarray, "n class"],
    label_mask: Bool[np.ndarray, "n class"],
    settings: TrainingSettings,
    classes: tuple[str, ...],
) -> str:
    """Return a line for people where a soft F1 without memory meets thin diagnoses, else ""."""
    loss = settings.loss
    if not isinstance(loss, SoftF1Settings | DoubleSoftF1Settings | BceSoftF1Settings):
        return ""
    thin = thin_in_batches(labels, label_mask, settings.batch_size, classes)
    if loss.memory > 0.0 or not thin:
        return ""
    named = [f"{diagnosis(code).abbreviation} ({n:.2g})" for code, n in thin[:_N_NAMED]]
    more = [f"{len(thin) - _N_NAMED} more"] if len(thin) > _N_NAMED else []
    return (
        f"{loss.name} in batches of {settings.batch_size}: less than one positive a batch is "
        f"expected of {', '.join(named + more)}; a batch without one teaches F1 nothing of its "
        f"presence (larger batches, or loss: {{name: {loss.name}, memory: 0.9}}, help)"
    )
