"""Median beat: the usual beat of each lead, and which wave each of its samples belongs to."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int

from leadlens.ecg.delineate import Delineation
from leadlens.ecg.measurements import Measurements
from leadlens.ecg.recording import Recording
from leadlens.errors import SignalError
from leadlens.explain.waves import wave_at


@dataclass(frozen=True, eq=False)
class MedianBeat:
    """One beat.

    Attributes:
        recording: the twelve leads; NaN where the neighbouring beats begin.
        wave_of: (time,) the number of each sample's wave in `leadlens.explain.waves.WAVES`.
        n_beats: how many beats it is the median of.
    """

    recording: Recording
    wave_of: Int[np.ndarray, " time"]
    n_beats: int


def median_beat(recording: Recording, measured: Measurements, has_p: bool = True) -> MedianBeat:
    """Return the median of the usual beats of `recording`.

    Args:
        recording: twelve standard leads.
        measured: of it.
        has_p: False where its beats have no P, as in fibrillation.

    Raises:
        SignalError: it has no beat.
    """
    beat, fs = measured.median_beat, measured.median_fs
    usual, marks = measured.is_usual, measured.marks
    if not usual.any() or np.isnan(measured.qrs_duration):
        raise SignalError(
            f"{recording.record_id}: no beat is found, so there is no median beat: "
            "use layout 3x4 or 12x1"
        )

    def after_onset(times: np.ndarray) -> np.ndarray:
        """Return the median of a mark's time in this beat, NaN where no beat has it."""
        known = (times - marks.qrs_onset)[usual]
        known = known[~np.isnan(known)]
        value = np.median(known) if len(known) else np.nan
        return np.array([measured.median_onset + value])

    none = np.array([np.nan])
    one = Delineation(
        p_onset=after_onset(marks.p_onset) if has_p else none,
        p_offset=after_onset(marks.p_offset) if has_p else none,
        qrs_onset=after_onset(marks.qrs_onset),
        r_peak=after_onset(marks.r_peak),
        qrs_offset=after_onset(marks.qrs_offset),
        t_peak=after_onset(marks.t_peak),
        t_offset=after_onset(marks.t_offset),
    )
    signal = beat.astype(np.float32)
    signal[:, ~_is_own(measured, beat.shape[1])] = np.nan
    shown = replace(recording, signal=signal, fs=fs)
    return MedianBeat(shown, wave_at(one, fs, beat.shape[1]), int(usual.sum()))


def _is_own(measured: Measurements, n_samples: int) -> Bool[np.ndarray, " time"]:
    """Return which samples come after the T of the beat before and before the P of the next."""
    times = np.arange(n_samples) / measured.median_fs - measured.median_onset
    rr = measured.usual_rr if len(measured.usual_rr) else measured.rr
    if len(rr) == 0:
        return np.ones(n_samples, bool)
    usual = float(np.median(rr))
    first = np.nan_to_num(measured.qt, nan=0.5 * usual) - usual
    last = usual - np.nan_to_num(measured.pr, nan=0.04)
    return np.asarray((times >= first) & (times < last))
