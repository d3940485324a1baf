"""Replacement: what every sample becomes when its player is off."""

from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int

from leadlens.ecg.leads import LIMB_FROM_I_II, LIMB_LEADS
from leadlens.ecg.recording import Units
from leadlens.errors import ConfigError
from leadlens.explain.settings import ExplainSettings


def check_has_twin(settings: ExplainSettings) -> None:
    """Check settings of explanations that are not given the ECG without the diagnosis.

    Raises:
        ConfigError: the replacement is 'healthy_twin'.
    """
    if settings.replacement == "healthy_twin":
        raise ConfigError(
            "replacement 'healthy_twin' needs the ECG without the diagnosis: 'leadlens explain' "
            "finds it beside simulated files, Python is given it as 'without'; else use "
            "replacement 'median_beat'"
        )


def isoelectric(
    rows: Float[np.ndarray, "row time"], names: tuple[str, ...], units: Units
) -> Float[np.ndarray, "row time"]:
    """Return each row's median, or what the limb-lead equations make of those of I and II."""
    is_missing = np.isnan(rows)
    filled = np.where(is_missing.all(axis=1, keepdims=True), 0.0, rows)
    level = np.nanmedian(filled, axis=1)
    if units == "mV" and "I" in names and "II" in names:
        # A median is not linear: taken lead by lead it would break the equations.
        pair = level[[names.index("I"), names.index("II")]]
        for number, name in enumerate(names):
            if name in LIMB_LEADS:
                level[number] = LIMB_FROM_I_II[LIMB_LEADS.index(name)] @ pair
    return np.where(is_missing, np.nan, level[:, None]).astype(rows.dtype)


def bridge(
    rows: Float[np.ndarray, "row time"], piece_of: Int[np.ndarray, " time"]
) -> Float[np.ndarray, "row time"]:
    """Return straight lines over each stretch of one piece, between its ends; NaN stays NaN."""
    changes = np.flatnonzero(np.diff(piece_of)) + 1
    edges = [0, *changes.tolist(), rows.shape[1]]
    pieces = [_line(rows[:, start:stop]) for start, stop in pairwise(edges)]
    return np.concatenate(pieces, axis=1)


def _line(piece: Float[np.ndarray, "row time"]) -> Float[np.ndarray, "row time"]:
    """Return straight lines between each row's first and last recorded samples; NaN stays NaN."""
    is_there = ~np.isnan(piece)
    n_rows, n_samples = piece.shape
    first = is_there.argmax(axis=1)
    last = n_samples - 1 - is_there[:, ::-1].argmax(axis=1)
    start, stop = piece[range(n_rows), first], piece[range(n_rows), last]
    slope = (stop - start) / np.maximum(last - first, 1)
    line = start[:, None] + slope[:, None] * (np.arange(n_samples) - first[:, None])
    return np.where(is_there, line, np.nan).astype(piece.dtype)
