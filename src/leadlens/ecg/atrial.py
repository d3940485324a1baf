"""Atrial activity: whether P waves recur, fibrillation, flutter, and premature P.

Measured between the QRS complexes, on all independent leads at once.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from leadlens.ecg.beats import FS, Prepared, correlation, cut, low_pass, median_of
from leadlens.ecg.delineate import Delineation

P_RECURS: Final = 0.5
"""Least correlation of a P with the median of the others for it to count as the same."""
FLUTTER_CYCLES: Final = (60.0 / 350.0, 60.0 / 220.0)
"""Shortest and longest cycle of flutter waves, s: 350 and 220 a minute."""

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Atrial:
    """Measures of the atria.

    Attributes:
        p_share: part of the usual beats with the same P at the same PR; 0 where none is found.
        p_fit: correlation of each beat's P with the median of the usual beats; NaN if unknown.
        f_wave: RMS at 4 to 9 Hz between T and QRS after the median beat is taken away, in the
            recording's unit, mean over the independent leads.
        flutter: correlation of the activity between QRS with itself one flutter cycle later.
        flutter_rate: the rate of that cycle, 1/min.
        continuity: activity between QRS and T where it is least over where it is most (15th and
            85th percentile of the RMS over 120 ms): near 1 where there is no isoelectric line.
    """

    p_share: float
    p_fit: Float[Array, " beat"]
    f_wave: float
    flutter: float
    flutter_rate: float
    continuity: float


def atrial_activity(
    prepared: Prepared, marks: Delineation, is_usual: Bool[Array, " beat"]
) -> Atrial:
    """Return the atrial measures; `is_usual` are the dominant beats that are not premature."""
    signal = prepared.signal[list(prepared.spatial)]
    p_share, p_fit = p_recurrence(prepared, marks, is_usual)
    f_wave = _f_wave(signal, marks, is_usual)
    return Atrial(p_share, p_fit, f_wave, *_flutter(signal, marks, is_usual))


def p_recurrence(
    prepared: Prepared, marks: Delineation, is_usual: Bool[Array, " beat"]
) -> tuple[float, Float[Array, " beat"]]:
    """Return the share of usual beats with the same P, and each beat's fit.

    Each P is compared with the median of the other beats', not with one that contains itself:
    of ten f waves at random phase the median resembles each.
    """
    n_beats = len(marks.r_peak)
    smooth = low_pass(prepared.signal[list(prepared.spatial)], 25.0)
    to_onset = known_median((marks.qrs_onset - marks.p_onset)[is_usual])
    length = known_median((marks.p_offset - marks.p_onset)[is_usual])
    fits = np.full(n_beats, np.nan)
    if np.isnan(to_onset + length) or is_usual.sum() < 3:
        return 0.0, fits
    # The low-pass smears the QRS over the 30 ms before it, which would fit whatever P does.
    end = max(min(length + 0.02, to_onset - 0.03), 0.04)
    start = np.round((marks.qrs_onset - to_onset) * FS).astype(int)
    pieces = cut(smooth, start, 0.06, end)
    usual = np.flatnonzero(is_usual)
    for beat in range(n_beats):
        others = usual[usual != beat]
        template = median_of(pieces[others])
        lags = cut(smooth, start[beat] + np.arange(-6, 7, 2), 0.06, end)
        if not np.isnan(lags).all(axis=(1, 2)).any():
            fits[beat] = correlation(lags, template).max()
    return float(np.mean(np.nan_to_num(fits[usual]) >= P_RECURS)), fits


def _f_wave(
    signal: Float[Array, "lead time"], marks: Delineation, is_usual: Bool[Array, " beat"]
) -> float:
    """Return the RMS of 4-9 Hz activity between T and the next QRS, median beat subtracted."""
    from scipy import signal as dsp

    at = np.round(marks.qrs_onset * FS).astype(int)
    if is_usual.sum() < 3:
        return 0.0
    template = np.nan_to_num(median_of(cut(signal, at[is_usual], 0.30, 0.60)))
    residual = np.nan_to_num(signal)
    for beat in np.flatnonzero(is_usual):
        first, last = at[beat] - 150, at[beat] + 300
        if beat:
            first = max(first, at[beat - 1] + 300, 0)
        last = min(last, residual.shape[1], at[beat + 1] if beat + 1 < len(at) else last)
        if 0 <= first < last:
            offset = first - at[beat] + 150
            residual[:, first:last] -= template[:, offset : offset + last - first]
    band = dsp.sosfiltfilt(dsp.butter(2, [4.0, 9.0], "bandpass", fs=FS, output="sos"), residual)
    inside = np.zeros(residual.shape[1], dtype=bool)
    for beat in np.flatnonzero(is_usual[:-1]):
        end = marks.t_offset[beat]
        end = marks.qrs_offset[beat] + 0.3 if np.isnan(end) else end
        inside[round(end * FS) : max(at[beat + 1] - 10, 0)] = True
    return float(np.sqrt((band[:, inside] ** 2).mean())) if inside.any() else 0.0


def _flutter(
    signal: Float[Array, "lead time"], marks: Delineation, is_usual: Bool[Array, " beat"]
) -> tuple[float, float, float]:
    """Return how well the activity between QRS repeats after a flutter cycle, rate, continuity.

    Samples within QRS and T do not count, neither as first nor as second of a pair; of T only what
    leaves 300 ms before the next QRS, as at 2:1 block. Half a cycle later a flutter wave is
    opposite. In a regular rhythm the cycle is a whole part of RR; in an irregular one flutter
    still repeats after three cycles, where fibrillation has lost its phase.
    """
    is_free = _between_qrst(signal.shape[1], marks)
    rr = np.diff(marks.r_peak)
    usual_rr = rr[is_usual[1:] & is_usual[:-1]] if len(is_usual) else rr
    if is_free.sum() < FS or len(usual_rr) < 2:
        return 0.0, np.nan, 0.0
    wave = _band(signal, is_free)
    low, high = FLUTTER_CYCLES
    if usual_rr.std() < 0.03 * usual_rr.mean():
        parts = np.arange(2, 7)
        cycles = float(np.median(usual_rr)) / parts
        cycles = cycles[(cycles >= low) & (cycles <= high)]
        scores = [_repeats(wave, is_free, cycle, (1,)) for cycle in cycles]
    else:
        cycles = np.arange(low, high, 0.004)
        scores = [_repeats(wave, is_free, cycle, (1, 3)) for cycle in cycles]
    if not len(cycles):
        return 0.0, np.nan, 0.0
    best = int(np.argmax(scores))
    return max(scores[best], 0.0), 60.0 / float(cycles[best]), _continuity(wave, is_free)


def _continuity(wave: Float[Array, "lead time"], is_free: Bool[Array, " time"]) -> float:
    """Return the 15th over the 85th percentile of the RMS over 120 ms that are wholly free."""
    n = round(0.12 * FS)
    kernel = np.ones(n) / n
    power = np.convolve((wave**2).mean(axis=0), kernel, "same")
    whole = np.convolve(is_free.astype(float), kernel, "same") > 0.999
    if whole.sum() < 10:
        return 0.0
    low, high = np.quantile(np.sqrt(power[whole]), [0.15, 0.85])
    return float(low / max(high, 1e-9))


def _between_qrst(n_samples: int, marks: Delineation) -> Bool[Array, " time"]:
    """Return which samples lie outside QRS and T."""
    is_free = np.ones(n_samples, dtype=bool)
    upcoming = np.append(marks.qrs_onset[1:], np.inf)
    ends = np.where(np.isnan(marks.t_offset), marks.qrs_offset + 0.25, marks.t_offset + 0.01)
    ends = np.maximum(np.minimum(ends, upcoming - 0.30), marks.qrs_offset + 0.016)
    for onset, end in zip(marks.qrs_onset, ends, strict=True):
        is_free[max(round((onset - 0.016) * FS), 0) : round(end * FS)] = False
    return is_free


def _band(signal: Float[Array, "lead time"], is_free: Bool[Array, " time"]) -> Array:
    """Return the signal between 3 and 15 Hz, lines drawn over what is not free."""
    from scipy import signal as dsp

    blanked = np.nan_to_num(signal)
    times = np.arange(signal.shape[1])
    for row in blanked:
        row[~is_free] = np.interp(times[~is_free], times[is_free], row[is_free])
    band = dsp.butter(2, [3.0, 15.0], "bandpass", fs=FS, output="sos")
    return np.asarray(dsp.sosfiltfilt(band, blanked))


def _repeats(
    wave: Float[Array, "lead time"], is_free: Array, cycle: float, multiples: tuple[int, ...]
) -> float:
    """Return the least correlation after these multiples of a cycle, less half a cycle's if > 0."""
    whole = []
    for multiple in multiples:
        # A clock error of 2 % a cycle is the rhythm's own.
        near = cycle * multiple * (1.0 + np.array([-0.015, 0.0, 0.015]))
        whole.append(max(_lag_correlation(wave, is_free, round(lag * FS)) for lag in near))
    half = _lag_correlation(wave, is_free, round(cycle * FS / 2))
    return min(whole) - max(half, 0.0)


def _lag_correlation(wave: Float[Array, "lead time"], is_free: Array, lag: int) -> float:
    """Return the correlation of the free samples with those `lag` later, pooled over leads."""
    pairs = is_free[:-lag] & is_free[lag:]
    one, other = wave[:, :-lag][:, pairs], wave[:, lag:][:, pairs]
    power = np.sqrt((one**2).sum() * (other**2).sum())
    return float((one * other).sum() / power) if power > 0.0 else 0.0


def known_median(values: Float[Array, " n"]) -> float:
    """Return the median of what is known, NaN where nothing is."""
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else np.nan


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
