"""Which wave each sample belongs to: P, PR, QRS, ST, T, or TP, all that lies between."""

from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from leadlens.ecg.criteria import is_fibrillation
from leadlens.ecg.delineate import Delineation
from leadlens.ecg.measurements import measure
from leadlens.ecg.recording import Recording, Units
from leadlens.ecg.resample import resample
from leadlens.errors import SignalError

WAVES: Final = ("P", "PR", "QRS", "ST", "T", "TP")
LEAST_P: Final = 0.5
"""Share of beats in which the same P recurs, below which there is none."""
LEAST_FS: Final = 100.0
"""Below, delineation needs the samples in between first."""
T_RISE: Final = 1.5
"""A T wave rises longer than it falls: its onset lies this many times further from its peak."""
ST_WITHOUT_T: Final = 0.12
"""Where no T is found, ST is this long (s), and TP the rest."""


def beats_of(
    signal: Float[np.ndarray, "lead time"], leads: tuple[str, ...], fs: float, units: Units
) -> Delineation:
    """Return the fiducial points of a window; no P in fibrillation and flutter.

    Raises:
        SignalError: no beat is found.
    """
    recording = Recording(signal.astype(np.float32), fs, leads, "window", "explain", units=units)
    found = measure(recording if fs >= LEAST_FS else resample(recording, 2 * LEAST_FS))
    marks = found.marks
    if len(marks.r_peak) == 0:
        raise SignalError(
            "no beat is found in this ECG, so it has no waves and no timing: explain it by "
            "'pieces: segments', 'timing: false' and 'replacement: isoelectric'"
        )
    atrial = found.atrial
    if atrial.flutter.is_found or atrial.p_share < LEAST_P or is_fibrillation(found):
        none = np.full(len(marks.r_peak), np.nan)
        marks = replace(marks, p_onset=none, p_offset=none)
    return marks


def wave_at(beats: Delineation, fs: float, n_samples: int) -> Int[np.ndarray, " time"]:
    """Return for each sample which of WAVES it belongs to."""
    found = np.full(n_samples, WAVES.index("TP"))
    t_onset = t_onsets(beats)
    t_end = np.where(np.isnan(beats.t_offset), beats.qrs_offset + ST_WITHOUT_T, beats.t_offset)
    # Later ones win where waves meet: a QRS is never hidden by the T before it.
    limits = {
        "ST": (beats.qrs_offset, np.fmin(t_onset, t_end)),
        "T": (t_onset, t_end),
        "PR": (beats.p_offset, beats.qrs_onset),
        "P": (beats.p_onset, beats.p_offset),
        "QRS": (beats.qrs_onset, beats.qrs_offset),
    }
    for name, (starts, stops) in limits.items():
        for start, stop in zip(starts, stops, strict=True):
            if start < stop:  # False for NaN
                first, last = np.clip(np.round([start * fs, stop * fs]), 0, n_samples).astype(int)
                found[first:last] = WAVES.index(name)
    return found


def t_onsets(beats: Delineation) -> Float[np.ndarray, " beat"]:
    """Return where each T begins, NaN where there is none.

    It begins nowhere sharply: here where its fall, stretched by T_RISE, would begin, but at the
    earliest a quarter of the way from the end of the QRS to its peak.
    """
    onset = beats.t_peak - T_RISE * (beats.t_offset - beats.t_peak)
    return np.fmax(onset, beats.qrs_offset + 0.25 * (beats.t_peak - beats.qrs_offset))
