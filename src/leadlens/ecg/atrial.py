"""Atrial activity: whether P waves recur, fibrillation, flutter, and premature P.

Measured between the QRS complexes, on all independent leads at once. Flutter is found by periodic
component analysis (Sameni, Jutten & Shamsollahi 2008): of all weighted sums of the leads, the one
that resembles itself most one, two or more cycles later. Where it is found its waves are taken
away before anything else is measured.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from leadlens.ecg.beats import (
    FS,
    Prepared,
    correlation,
    cut,
    low_pass,
    median_of,
    sections,
    velocity,
)
from leadlens.ecg.delineate import Delineation

P_RECURS: Final = 0.5
"""Least correlation of a P with the median of the others for it to count as the same."""
FLUTTER_RATES: Final = (220.0, 350.0)
"""Slowest and fastest flutter, 1/min; 2:1 conduction only from FASTER_2_1."""
FASTER_2_1: Final = 243.0
FLUTTER_SCORE: Final = {2: 0.83, 3: 0.84}
"""Least correlation of flutter with itself at 2:1 and 3:1 block; at others OTHER_SCORE. The highest
of 1,000 simulated recordings without flutter was 0.62, but 0.79 at 3:1 block, where P, T and QRS of
a tachycardia may be as far apart; at 2:1 block the two overlap."""
OTHER_SCORE: Final = 0.72
LEAST_F: Final = 0.12
"""Least height of F waves in the lead where they are highest, mV; at 2:1 block 0.15; 0.10 where
they repeat so well (0.90) that nothing else comes in question."""
_STEP: Final = 4
_FLOOR: Final = 0.015
""""Noise" of 15 uV a lead, so that no sum of leads is periodic for want of anything in it."""

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Atrial:
    """Measures of the atria.

    Attributes:
        p_share: part of the usual beats with the same P at the same PR; 0 where none is found.
        p_fit: correlation of each beat's P with the median of the usual beats; NaN if unknown.
        f_wave: RMS at 4 to 9 Hz between T and QRS after the median beat is taken away, in the
            recording's unit, mean over the independent leads.
        flutter: what was found of flutter.
    """

    p_share: float
    p_fit: Float[Array, " beat"]
    f_wave: float
    flutter: "Flutter"


@dataclass(frozen=True, eq=False)
class Flutter:
    """Flutter waves, found or not.

    Attributes:
        score: correlation of the most periodic sum of leads with itself some cycles later.
        rate: of the waves, 1/min; NaN where no cycle fits.
        block: atrial cycles to a beat, 0 where conduction varies.
        is_found: whether score and height are those of flutter.
        waves: (12, time) the waves in each lead, in the recording's unit; 0 where none is found.
    """

    score: float
    rate: float
    block: int
    is_found: bool
    waves: Float[Array, "12 time"]


def atrial_activity(
    prepared: Prepared, marks: Delineation, is_usual: Bool[Array, " beat"], flutter: Flutter
) -> Atrial:
    """Return the atrial measures; `is_usual` are the dominant beats that are not premature."""
    signal = prepared.signal[list(prepared.spatial)]
    p_share, p_fit = p_recurrence(prepared, marks, is_usual)
    f_wave = _f_wave(signal, marks, is_usual)
    return Atrial(p_share, p_fit, f_wave, flutter)


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
    band = dsp.sosfiltfilt(sections("bandpass", 4.0, 9.0), residual)
    inside = np.zeros(residual.shape[1], dtype=bool)
    for beat in np.flatnonzero(is_usual[:-1]):
        end = marks.t_offset[beat]
        end = marks.qrs_offset[beat] + 0.3 if np.isnan(end) else end
        inside[round(end * FS) : max(at[beat + 1] - 10, 0)] = True
    return float(np.sqrt((band[:, inside] ** 2).mean())) if inside.any() else 0.0


def find_flutter(
    prepared: Prepared, at: Int[Array, " beat"], is_main: Bool[Array, " beat"], in_mv: bool
) -> Flutter:
    """Return the flutter waves of an ECG whose beats lie `at` these samples.

    Where RR is regular the cycle is a whole part of it and the lags that fall on a beat are left
    out; else all cycles of FLUTTER_RATES are tried.
    """
    n_samples = prepared.signal.shape[1]
    none = Flutter(0.0, np.nan, 0, False, np.zeros((12, n_samples)))
    rr = np.diff(at)[is_main[1:] & is_main[:-1]] / FS
    if len(rr) < 2:
        return none
    signal = np.nan_to_num(prepared.signal[list(prepared.spatial)])
    is_free = _outside_qrs(signal, at, is_main)
    if is_free.sum() < FS:
        return none
    cycles, lags = _candidates(rr)
    if not len(cycles):
        return none
    scores, weights = _most_periodic(_between_qrs(signal, is_free), is_free[::_STEP], cycles, lags)
    best = int(np.argmax(scores))
    score, cycle = float(scores[best]), float(cycles[best])
    block = 0 if len(cycles) > 5 else round(float(np.median(rr)) / cycle)
    found = Flutter(score, 60.0 / cycle, block, False, none.waves)
    if score < FLUTTER_SCORE.get(block, OTHER_SCORE):
        return found
    source = _waveform(weights[best] @ signal, is_free, cycle)
    height = _heights(np.nan_to_num(prepared.signal), source, is_free, at)
    waves = np.outer(height, source)
    least = 0.10 if score >= 0.90 else 0.15 if block == 2 else LEAST_F
    is_high = not in_mv or float(np.ptp(waves, axis=1).max()) >= least
    return replace(found, is_found=True, waves=waves) if is_high else found


def _outside_qrs(
    signal: Float[Array, "lead time"], at: Int[Array, " beat"], is_main: Bool[Array, " beat"]
) -> Bool[Array, " time"]:
    """Return which samples lie outside the QRS, and outside the T of beats of another shape."""
    speed, n_samples = velocity(low_pass(signal, 40.0)), signal.shape[1]
    is_free = np.ones(n_samples, dtype=bool)
    for middle, is_usual in zip(at, is_main, strict=True):
        low, high = max(middle - 45, 0), min(middle + 60, n_samples)
        loud = low + np.flatnonzero(speed[low:high] > 0.2 * speed[low:high].max())
        if len(loud):
            is_free[max(loud[0] - 8, 0) : loud[-1] + 8] = False
        if not is_usual:
            is_free[max(middle - 60, 0) : middle + 200] = False
    return is_free


def _between_qrs(signal: Float[Array, "lead time"], is_free: Bool[Array, " time"]) -> Array:
    """Return every `_STEP`th sample of the signal between 3 and 20 Hz, lines drawn over the QRS."""
    from scipy import signal as dsp

    times = np.arange(signal.shape[1])
    blanked = [
        np.where(is_free, row, np.interp(times, times[is_free], row[is_free])) for row in signal
    ]
    return np.asarray(dsp.sosfiltfilt(sections("bandpass", 3.0, 20.0), blanked)[:, ::_STEP])


def _candidates(rr: Float[Array, " interval"]) -> tuple[Array, list[tuple[int, ...]]]:
    """Return the cycles (s) to try, and for each the multiples at which it must repeat."""
    slowest, fastest = FLUTTER_RATES
    middle = float(np.median(rr))
    if np.mean(np.abs(rr - middle) < 0.05 * middle) > 0.85:
        blocks = [
            block for block in range(2, 7)
            if (FASTER_2_1 if block == 2 else slowest) <= 60.0 * block / middle <= fastest
        ]  # fmt: skip
        return middle / np.array(blocks, dtype=float), [
            (1,) if block == 2 else (1, 2, 4, 5) if block == 3 else (1, 2, 3, 5) for block in blocks
        ]
    cycles = np.arange(60.0 / fastest, 60.0 / slowest, 0.002)
    return cycles, [(1, 2, 3, 5, 7)] * len(cycles)


def _most_periodic(
    wave: Float[Array, "lead time"],
    is_free: Bool[Array, " time"],
    cycles: Float[Array, " cycle"],
    multiples: list[tuple[int, ...]],
) -> tuple[Float[Array, " cycle"], Float[Array, "cycle lead"]]:
    """Return for each cycle the largest correlation over weighted sums of leads, and the weights.

    It is an eigenvalue of the covariance at these lags against that at none, over the pairs of
    samples that are both free.
    """
    rate, n_leads = FS / _STEP, len(wave)
    lagged, power, count = _covariances(wave, is_free)
    scores, weights = np.zeros(len(cycles)), np.zeros((len(cycles), n_leads))
    for i, (cycle, times) in enumerate(zip(cycles, multiples, strict=True)):
        lags = [round(cycle * k * rate) for k in times]
        lags = [lag for lag in lags if count[lag] > 0.03 * len(is_free)]
        if 2 * len(lags) <= len(times):
            continue
        one = np.mean([lagged[..., lag] / count[lag] for lag in lags], axis=0)
        own = np.mean([power[..., lag] / count[lag] for lag in lags], axis=0)
        whiten = np.linalg.inv(np.linalg.cholesky(own + _FLOOR**2 * np.eye(n_leads)))
        values, vectors = np.linalg.eigh(whiten @ (one + one.T) @ whiten.T / 2.0)
        scores[i], weights[i] = values[-1], whiten.T @ vectors[:, -1]
    return scores, weights


def _covariances(
    wave: Float[Array, "lead time"], is_free: Bool[Array, " time"]
) -> tuple[Array, Array, Array]:
    """Return lagged products (lead, lead, lag), mean power of both ends, and pairs a lag."""
    n_lags = round(7.5 * 60.0 / FLUTTER_RATES[0] * FS / _STEP)
    n_fft = 1 << int(np.ceil(np.log2(wave.shape[1] + n_lags)))
    free = is_free.astype(float)
    mask, spectrum = np.fft.rfft(free, n_fft), np.fft.rfft(wave * free, n_fft)
    square = np.fft.rfft((wave * free)[:, None] * wave[None], n_fft)
    lagged = np.fft.irfft(spectrum.conj()[:, None] * spectrum[None], n_fft)[..., :n_lags]
    power = np.fft.irfft(square.conj() * mask + mask.conj() * square, n_fft)[..., :n_lags] / 2.0
    count = np.fft.irfft(mask.conj() * mask, n_fft)[:n_lags]
    return lagged, power, np.maximum(np.round(count), 1.0)


def _waveform(
    source: Float[Array, " time"], is_free: Bool[Array, " time"], cycle: float
) -> Float[Array, " time"]:
    """Return the sum of four harmonics that fits the free samples best, over all samples."""
    times = np.arange(len(source)) / FS
    used = np.flatnonzero(is_free)[::3]
    best, least = np.zeros(len(source)), np.inf
    for trial in cycle * (1.0 + np.linspace(-0.006, 0.006, 25)):
        angle = 2.0 * np.pi * times[used] / trial * np.arange(1, 5)[:, None]
        basis = np.concatenate([np.cos(angle), np.sin(angle), np.ones((1, len(used)))])
        fit = np.linalg.solve(basis @ basis.T, basis @ source[used])
        error = float(((source[used] - fit @ basis) ** 2).sum())
        if error < least:
            angle = 2.0 * np.pi * times / trial * np.arange(1, 5)[:, None]
            best, least = fit[:8] @ np.concatenate([np.cos(angle), np.sin(angle)]), error
    return best


def _heights(
    signal: Float[Array, "lead time"],
    source: Float[Array, " time"],
    is_free: Bool[Array, " time"],
    at: Int[Array, " beat"],
) -> Float[Array, " lead"]:
    """Return how high the waveform stands in each lead between T and the next QRS.

    T is taken to end by a QT of 400 ms at an RR of 1 s, and 150 ms before the next QRS.
    """
    is_quiet = is_free.copy()
    for middle, rr in zip(at, np.diff(at, append=at[-1] + FS) / FS, strict=True):
        end = 0.40 * float(np.cbrt(np.clip(rr, 0.3, 1.2))) - 0.02
        end = min(end, max(rr - 0.15, 0.0)) if rr < 0.5 else end
        is_quiet[max(middle - 20, 0) : middle + round(end * FS)] = False
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_quiet.astype(int), [0]])))
    product, power = np.zeros(len(signal)), 1e-12
    for first, last in edges.reshape(-1, 2):
        if last - first >= 15:
            part, wave = signal[:, first:last], source[first:last] - source[first:last].mean()
            product += (part - part.mean(axis=1, keepdims=True)) @ wave
            power += float(wave @ wave)
    return product / power


def known_median(values: Float[Array, " n"]) -> float:
    """Return the median of what is known, NaN where nothing is."""
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else np.nan
