"""Scale: how millivolts become a network's input, as one offset and one gain per lead.

Every method is affine with statistics taken once per ECG. They are a value of their own, so that
an explanation freezes them: statistics taken again after masking would undo the mask.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from leadlens.errors import ConfigError, choices

Normalisation = Literal["microvolt", "millivolt", "lead_zscore"]
NORMALISATIONS: tuple[Normalisation, ...] = ("microvolt", "millivolt", "lead_zscore")


@dataclass(frozen=True)
class Scale:
    """An affine map per recording and lead: `(signal - offset) * gain`, both (batch, lead, 1)."""

    offset: Float[np.ndarray, "batch lead 1"]
    gain: Float[np.ndarray, "batch lead 1"]


def scale_of(signal: Float[np.ndarray, "batch lead time"], method: Normalisation) -> Scale:
    """Return the scale that `method` gives `signal` (mV, NaN where missing).

    Args:
        signal: the ECGs as recorded, before any masking.
        method: "microvolt" (raw counts, as in Singstad & Muten 2025), "millivolt", or
            "lead_zscore", which removes offset and amplitude of each lead, and with them voltage
            and axis: for recordings whose amplitude is unknown.
    """
    shape = (*signal.shape[:2], 1)
    if method == "lead_zscore":
        present = ~np.isnan(signal)
        count = np.maximum(present.sum(axis=2, keepdims=True), 1)
        filled = np.where(present, signal, 0.0)
        mean = filled.sum(axis=2, keepdims=True) / count
        square = np.where(present, (signal - mean) ** 2, 0.0).sum(axis=2, keepdims=True)
        spread = np.sqrt(square / count)
        # A flat lead (spread under 1 uV, the store's step) stays flat instead of becoming noise.
        gain = np.where(spread < 1e-3, 0.0, 1.0 / np.maximum(spread, 1e-3))
        return Scale(mean.astype(np.float32), gain.astype(np.float32))
    if method not in NORMALISATIONS:
        raise choices("normalisation", method, NORMALISATIONS)
    factor = 1000.0 if method == "microvolt" else 1.0
    return Scale(np.zeros(shape, np.float32), np.full(shape, factor, np.float32))


def apply_scale(
    signal: Float[np.ndarray, "batch lead time"], scale: Scale, in_place: bool = False
) -> Float[np.ndarray, "batch lead time"]:
    """Return the network's input: scaled, and 0 where nothing was recorded.

    Args:
        signal: in mV, NaN where missing.
        scale: what `scale_of` gave it before any masking.
        in_place: whether `signal` may be overwritten, which saves a copy.
    """
    scaled = signal if in_place else signal.copy()
    if scale.offset.any():
        scaled -= scale.offset
    if (scale.gain != 1.0).any():
        scaled *= scale.gain
    # The least of all is NaN where any is: much faster than looking at each.
    if scaled.size and np.isnan(scaled.min()):
        scaled[np.isnan(scaled)] = 0.0
    return scaled.astype(np.float32, copy=False)


def check_units(method: Normalisation, units: set[str]) -> None:
    """Raise ConfigError when `method` needs an amplitude that some recordings do not have."""
    if method != "lead_zscore" and "relative" in units:
        raise ConfigError(
            f"normalisation '{method}' needs millivolts, but some recordings have relative units "
            "(known up to a factor per lead): train with normalisation 'lead_zscore'"
        )
