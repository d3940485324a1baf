"""Measurements: rate, intervals, axis and wave amplitudes of an ECG, beat classes, atria.

Measured on the median beat of the dominant QRS shape (fiducial points from `delineate`), never by
a learned model, so that they can check one.
"""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from leadlens.ecg.atrial import (
    Atrial,
    Flutter,
    atrial_activity,
    find_flutter,
    known_median,
    p_recurrence,
)
from leadlens.ecg.beats import BEFORE, FS, Prepared, cut, group_beats, median_of, prepare
from leadlens.ecg.delineate import Delineation, delineate_prepared
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.recording import Recording, Units
from leadlens.ecg.waves import Waves, qrs_axis, waves_of

WIDE: Final = 0.115
"""QRS duration from which a beat of another shape is wide, s."""

SINUS_P: Final = 0.80
"""Correlation with the usual P, at the usual PR, from which an early beat is a sinus beat."""

Array = np.ndarray


class BeatClass(IntEnum):
    """What a beat is, by its shape, width and time."""

    DOMINANT = 0
    PREMATURE_NARROW = 1
    PREMATURE_WIDE = 2
    PACED = 3
    OTHER = 4


@dataclass(frozen=True, eq=False)
class Measurements:
    """What is measured of one ECG; seconds and the recording's unit, NaN where not measurable.

    Attributes:
        heart_rate: ventricular, mean over the recording, beats/min.
        rr: intervals between successive beats, s.
        pr, qrs_duration, qt: medians over the usual dominant beats, s.
        qtc: QT by Fridericia, s.
        qrs_axis: frontal, degrees, from the areas of I and aVF (aVF times 2 / sqrt(3)).
        median_beat: (12, sample) of the dominant shape at `median_fs`.
        median_onset: QRS onset in it, s from its first sample.
        waves: of the median beat.
        beat_class: a BeatClass a beat.
        prematurity: each beat's RR over the usual one around it; NaN for the first.
        atrial: P, f and F waves.
        spike_share: part of the beats with a pacing spike before the QRS; NaN below 400 Hz.
        marks: the delineation.
        units: of the amplitudes.
    """

    heart_rate: float
    rr: Float[Array, " interval"]
    pr: float
    qrs_duration: float
    qt: float
    qtc: float
    qrs_axis: float
    median_beat: Float[Array, "12 sample"]
    median_fs: float
    median_onset: float
    waves: Waves
    beat_class: Int[Array, " beat"]
    prematurity: Float[Array, " beat"]
    atrial: Atrial
    spike_share: float
    marks: Delineation
    units: Units

    def of(self, name: str, lead: str) -> float:
        """Return the value of one of the waves in one lead."""
        return float(getattr(self.waves, name)[STANDARD_LEADS.index(lead)])

    @property
    def is_usual(self) -> Bool[Array, " beat"]:
        """(beat,) the beats of the basic rhythm: dominant or paced."""
        return np.isin(self.beat_class, (BeatClass.DOMINANT, BeatClass.PACED))

    @property
    def usual_rr(self) -> Float[Array, " interval"]:
        """RR intervals between two usual beats, s: none before or after a premature one."""
        return self.rr[self.is_usual[1:] & self.is_usual[:-1]]


def measure(recording: Recording, delineation: Delineation | None = None) -> Measurements:
    """Return the measurements of `recording`, with the given fiducial points if any."""
    prepared = prepare(recording)
    group, at = group_beats(prepared)
    is_main = group == dominant_group(group, at / FS) if len(at) else group == 0
    flutter = find_flutter(prepared, at, is_main, recording.units == "mV")
    if flutter.is_found:
        prepared = replace(prepared, signal=prepared.signal - flutter.waves)
    if delineation is None:
        marks, group = delineate_prepared(prepared, (group, at))
    else:
        marks, group = delineation, _groups_at(group, at, delineation)
    spiked = _has_spike(prepared, marks)
    ratio = prematurity(marks.r_peak)
    main = dominant_group(group, marks.r_peak) if len(group) else 0
    kinds = _classify(marks, group == main, ratio, spiked)
    usual = np.isin(kinds, (BeatClass.DOMINANT, BeatClass.PACED)) & (group == main)
    p_fit = p_recurrence(prepared, marks, usual)[1]
    has_sinus_p = (kinds == BeatClass.PREMATURE_NARROW) & (p_fit >= SINUS_P) & (ratio > 0.65)
    kinds[has_sinus_p] = BeatClass.DOMINANT
    usual |= has_sinus_p & (group == main)
    return _assemble(recording, prepared, marks, kinds, usual, ratio, spiked, flutter)


def prematurity(r_peak: Float[Array, " beat"]) -> Float[Array, " beat"]:
    """Return each beat's RR over the usual RR around it, NaN for the first.

    The usual RR is the larger of median and mean of five to each side: in bigeminy the median may
    be the short one, but with full pauses the mean is the rhythm's own.
    """
    rr = np.diff(r_peak)
    ratio = np.full(len(r_peak), np.nan)
    for i in range(len(rr)):
        near = rr[max(0, i - 5) : i + 6]
        ratio[i + 1] = rr[i] / max(float(np.median(near)), float(near.mean()))
    return ratio


def dominant_group(group: Int[Array, " beat"], r_peak: Float[Array, " beat"]) -> int:
    """Return the group of the basic rhythm: the largest, or of nearly as large ones the latest.

    In bigeminy the basic beats follow the long intervals.
    """
    count = np.bincount(group)
    ratio = prematurity(r_peak)
    rivals = np.flatnonzero(count >= max(0.6 * count.max(), 2))
    if len(rivals) < 2:
        return int(count.argmax())
    known = [np.nan_to_num(ratio[group == name], nan=1.0) for name in rivals]
    return int(rivals[int(np.argmax([np.median(values) for values in known]))])


def _assemble(
    recording: Recording,
    prepared: Prepared,
    marks: Delineation,
    kinds: Int[Array, " beat"],
    usual: Bool[Array, " beat"],
    ratio: Float[Array, " beat"],
    spiked: Bool[Array, " beat"],
    flutter: Flutter,
) -> Measurements:
    """Return the measurements of classified beats."""
    rr = np.diff(marks.r_peak)
    onset = np.round(marks.qrs_onset[usual] * FS).astype(int)
    beat = median_of(cut(prepared.signal, onset)) if usual.any() else np.full((12, 1), np.nan)
    width = known_median((marks.qrs_offset - marks.qrs_onset)[usual])
    has_p = ~np.isnan(marks.p_onset) & usual
    pr = known_median((marks.qrs_onset - marks.p_onset)[has_p])
    p_width = known_median((marks.p_offset - marks.p_onset)[has_p])
    qt = known_median((marks.t_offset - marks.qrs_onset)[usual])
    t_peak = known_median((marks.t_peak - marks.qrs_onset)[usual])
    mean_rr = float(rr.mean()) if len(rr) else np.nan
    t_times = _t_times(t_peak, qt, mean_rr)
    rest_from = float(np.quantile(rr, 0.25)) - qt if len(rr) else np.nan
    waves = waves_of(beat, recording.units, width, (pr, p_width), t_times, rest_from)
    return Measurements(
        heart_rate=60.0 / mean_rr,
        rr=rr,
        pr=pr,
        qrs_duration=width,
        qt=qt,
        qtc=qt / float(np.cbrt(mean_rr)),
        qrs_axis=qrs_axis(beat, width) if recording.units == "mV" else np.nan,
        median_beat=beat,
        median_fs=FS,
        median_onset=BEFORE,
        waves=waves,
        beat_class=kinds,
        prematurity=ratio,
        atrial=atrial_activity(prepared, marks, usual, flutter),
        spike_share=float(spiked.mean()) if recording.fs >= 400.0 and len(spiked) else np.nan,
        marks=marks,
        units=recording.units,
    )


def _t_times(t_peak: float, qt: float, mean_rr: float) -> tuple[float, float]:
    """Return QRS onset to the peak and end of T, s; as usual at this rate where T is not found."""
    usual = float(np.cbrt(mean_rr))
    return (0.29 * usual, 0.38 * usual) if np.isnan(t_peak) else (t_peak, qt)


def _classify(
    marks: Delineation, is_main: Bool[Array, " beat"], ratio: Array, spiked: Bool[Array, " beat"]
) -> Int[Array, " beat"]:
    """Return the class of each beat.

    Wide and of another shape: ectopic when it comes early, or when the rhythm is irregular anyway.
    Narrow: premature from 15 % early, and 12 % earlier than the interval before, which a
    respiratory change of rate seldom is.
    """
    width = marks.qrs_offset - marks.qrs_onset
    usual_width = known_median(width[is_main])
    is_wide = (width >= WIDE) & ~is_main
    if usual_width < 0.120:
        is_wide &= width >= usual_width + 0.020
    early = np.nan_to_num(ratio, nan=1.0)
    step = np.ones(len(early))
    step[2:] = early[2:] / np.maximum(early[1:-1], 0.1)
    step[1:2] = early[1:2]
    is_irregular = bool(is_main.any()) and _irregularity(marks.r_peak, is_main) > 0.09
    kinds = np.where(is_main, BeatClass.DOMINANT, BeatClass.OTHER)
    kinds[is_wide & ((early < 0.92) | is_irregular)] = BeatClass.PREMATURE_WIDE
    follows_early = np.concatenate([[False], early[:-1] < 0.85])
    is_early = (early < 0.85) & ((step < 0.88) | follows_early)
    kinds[is_early & ~is_wide] = BeatClass.PREMATURE_NARROW
    kinds[_is_on_time(marks.r_peak, kinds, is_main)] = BeatClass.DOMINANT
    kinds[spiked & is_main] = BeatClass.PACED
    return kinds


def _is_on_time(
    r_peak: Float[Array, " beat"], kinds: Int[Array, " beat"], is_main: Bool[Array, " beat"]
) -> Bool[Array, " beat"]:
    """Return the beats after an interpolated wide one that follow the beat before it as usual."""
    is_plain = kinds == BeatClass.DOMINANT
    usual = known_median(np.diff(r_peak)[is_plain[1:] & is_plain[:-1]])
    found = np.zeros(len(kinds), dtype=bool)
    for i in range(2, len(kinds)):
        is_behind = is_main[i] and kinds[i - 1] == BeatClass.PREMATURE_WIDE
        found[i] = is_behind and r_peak[i] - r_peak[i - 2] >= 0.85 * usual
    return found


def _irregularity(r_peak: Float[Array, " beat"], is_main: Bool[Array, " beat"]) -> float:
    """Return the spread of RR between beats of the dominant shape, over its mean."""
    rr = np.diff(r_peak)[is_main[1:] & is_main[:-1]]
    return float(rr.std() / rr.mean()) if len(rr) > 2 else 0.0


def _has_spike(prepared: Prepared, marks: Delineation) -> Bool[Array, " beat"]:
    """Return which beats have a pacing spike from 50 ms before the QRS to 20 ms into it."""
    gap = prepared.spikes[None] - marks.qrs_onset[:, None]
    return np.asarray(((gap > -0.05) & (gap < 0.02)).any(axis=1))


def _groups_at(
    group: Int[Array, " found"], at: Int[Array, " found"], marks: Delineation
) -> Int[Array, " beat"]:
    """Return the shape group of each beat of a given delineation: that of the nearest QRS."""
    if not len(at):
        return np.zeros(len(marks.r_peak), dtype=int)
    return group[np.abs(at[None] / FS - marks.r_peak[:, None]).argmin(axis=1)]
