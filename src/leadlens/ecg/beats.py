"""Beats: an ECG made ready for measuring, its QRS complexes found, aligned and grouped by shape.

Everything here works at `FS` = 500 Hz on the twelve standard leads, missing ones NaN. Detection is
the band-passed spatial velocity (the derivative of Pan & Tompkins 1985, over all leads at once).
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from leadlens.ecg.leads import INDEPENDENT_LEADS, STANDARD_LEADS
from leadlens.ecg.recording import Recording, standard_leads
from leadlens.ecg.resample import resample_array

FS: Final = 500.0
"""Rate at which everything is measured, Hz; whatever comes is resampled to it."""
LOWEST_SPIKE_FS: Final = 400.0
"""Below this rate a pacing spike cannot be told from a QRS by its frequencies."""
BEFORE, AFTER = 0.46, 0.66
"""Reach of a cut beat before and after its reference point, s: a PR of 320 ms, a QT of 600 ms."""
SHAPE_REACH: Final = (0.08, 0.11)
"""What of a beat its shape is compared by: s before and after the reference point."""
SAME_SHAPE: Final = 0.85
"""Least correlation of a beat with the group it joins."""

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Prepared:
    """An ECG ready for measuring.

    Attributes:
        signal: (12, time) at `FS`, in the recording's unit: baseline, mains and pacing spikes
            removed, up to 100 Hz; NaN where nothing was recorded.
        spatial: rows of `signal` that enter spatial measures: independent, recorded leads.
        spikes: times of pacing spikes, s; empty also where the rate is too low to see them.
        reference: a sample in the middle of each QRS.
        duration: of the recording, s.
    """

    signal: Float[Array, "12 time"]
    spatial: tuple[int, ...]
    spikes: Float[Array, " spike"]
    reference: Int[Array, " beat"]
    duration: float


def prepare(recording: Recording) -> Prepared:
    """Return `recording` at `FS`, cleaned, with its QRS complexes found."""
    from scipy import signal as dsp

    raw = np.array(standard_leads(recording).signal, dtype=np.float64)
    raw[np.nanmax(np.nan_to_num(raw), axis=1) - np.nanmin(np.nan_to_num(raw), axis=1) == 0] = np.nan
    spikes, raw = _without_spikes(raw, recording.fs)
    if recording.fs != FS:
        raw = resample_array(raw, Fraction(FS / recording.fs).limit_denominator(10_000))
    missing = np.isnan(raw)
    recorded = np.asarray(~missing.all(axis=1))
    spatial = _spatial_rows(recorded)
    if raw.shape[1] < 2 * FS or not spatial:
        return Prepared(raw, spatial, spikes, np.zeros(0, int), recording.duration)
    clean = _bridge(raw)
    high_pass = sections("highpass", 0.4)
    clean = dsp.sosfiltfilt(high_pass, clean, axis=1, padlen=int(min(2 * FS, raw.shape[1] - 1)))
    reference = _detect(clean[list(spatial)])
    clean = _without_mains(clean, reference)
    clean = dsp.sosfiltfilt(sections("lowpass", 100.0), clean, axis=1)
    clean[missing] = np.nan
    return Prepared(clean, spatial, spikes, reference, recording.duration)


@cache
def sections(kind: str, low: float, high: float = 0.0) -> Array:
    """Return the second-order sections at `FS` of a Butterworth filter of order 2."""
    from scipy import signal as dsp

    return np.asarray(dsp.butter(2, [low, high] if high else low, kind, fs=FS, output="sos"))


def low_pass(signal: Float[Array, "*lead time"], cutoff: float) -> Float[Array, "*lead time"]:
    """Return `signal` (at `FS`) below `cutoff` Hz, without delay; NaN stays NaN."""
    from scipy import signal as dsp

    missing = np.isnan(signal)
    filtered = dsp.sosfiltfilt(sections("lowpass", cutoff), _bridge(signal), axis=-1)
    filtered[missing] = np.nan
    return np.asarray(filtered)


def velocity(signal: Float[Array, "lead time"]) -> Float[Array, " time"]:
    """Return the spatial velocity in units of the signal a second: RMS over the leads recorded."""
    return magnitude(np.gradient(signal, axis=1) * FS)


def magnitude(signal: Float[Array, "lead time"]) -> Float[Array, " time"]:
    """Return the RMS over the leads recorded at each sample, 0 where there is none."""
    count = np.maximum((~np.isnan(signal)).sum(axis=0), 1)
    return np.asarray(np.sqrt(np.nansum(signal**2, axis=0) / count))


def cut(
    signal: Float[Array, "lead time"],
    at: Int[Array, " beat"],
    before: float = BEFORE,
    after: float = AFTER,
) -> Float[Array, "beat lead sample"]:
    """Return the pieces from `before` to `after` s around each sample, NaN beyond the ends."""
    n_before, n_after = round(before * FS), round(after * FS)
    padded = np.pad(signal, ((0, 0), (n_before, n_after)), constant_values=np.nan)
    columns = np.clip(at, 0, signal.shape[1] - 1)[:, None] + np.arange(n_before + n_after)
    return np.asarray(padded[:, columns].transpose(1, 0, 2))


def median_of(beats: Float[Array, "beat lead sample"]) -> Float[Array, "lead sample"]:
    """Return the mean of the middle half of the beats at each sample, NaN where none has a value.

    As robust as a median, but smoother: f waves and noise leave no steps in it.
    """
    ordered = np.sort(beats, axis=0)  # NaN last
    count = (~np.isnan(beats)).sum(axis=0)
    least = np.where(count > 2, (count + 1) // 4, 0)
    rank = np.arange(len(beats))[:, None, None]
    is_used = (rank >= least) & (rank < count - least)
    total = np.where(is_used, ordered, 0.0).sum(axis=0)
    return np.asarray(np.where(count > 0, total / np.maximum(is_used.sum(axis=0), 1), np.nan))


def group_beats(prepared: Prepared) -> tuple[Int[Array, " beat"], Int[Array, " beat"]]:
    """Return each beat's group by QRS shape, largest group 0, and its aligned reference.

    A beat joins the group it correlates with best, over lags up to 60 ms, if that is
    `SAME_SHAPE` or more; else it starts a group of its own. The second of two passes starts from
    the median of the largest group alone, so that groups of one shape become one.
    """
    smooth = low_pass(prepared.signal[list(prepared.spatial)], 35.0)
    # The first and last QRS are compared at every lag too.
    smooth = np.pad(smooth, ((0, 0), (100, 100)), mode="edge")
    at = prepared.reference + 100
    templates: list[Array] = []
    group = np.zeros(len(at), dtype=int)
    for _ in range(2 if len(at) else 0):
        for beat in range(len(at)):
            fits = [_best_lag(smooth, int(at[beat]), template) for template in templates]
            best = int(np.argmax([fit[0] for fit in fits])) if fits else -1
            if best >= 0 and fits[best][0] >= SAME_SHAPE:
                group[beat], at[beat] = best, at[beat] + fits[best][1]
            else:
                group[beat] = len(templates)
                templates.append(cut(smooth, at[beat : beat + 1], *SHAPE_REACH)[0])
        largest = int(np.bincount(group).argmax())
        templates = [median_of(cut(smooth, at[group == largest], *SHAPE_REACH))]
    order = np.argsort(-np.bincount(group), kind="stable")
    return np.argsort(order, kind="stable")[group], at - 100


def correlation(
    pieces: Float[Array, "*piece lead sample"], template: Float[Array, "lead sample"]
) -> Float[Array, "*piece"]:
    """Return the correlation of each piece with `template`, each lead about its own mean.

    Leads of which a sample is missing do not count; without any the correlation is 0.
    """
    known = ~(np.isnan(pieces).any(axis=-1) | np.isnan(template).any(axis=-1))
    a = np.where(known[..., None], pieces - pieces.mean(axis=-1, keepdims=True), 0.0)
    b = np.where(known[..., None], template - template.mean(axis=-1, keepdims=True), 0.0)
    power = (a**2).sum(axis=(-2, -1)) * (b**2).sum(axis=(-2, -1))
    return np.asarray((a * b).sum(axis=(-2, -1)) / np.sqrt(np.maximum(power, 1e-24)))


def _best_lag(smooth: Array, at: int, template: Array, reach: int = 30) -> tuple[float, int]:
    """Return the largest correlation with `template` and the lag (samples) it is found at."""
    lags = range(-reach, reach + 1, 2)
    pieces = cut(smooth, np.array([at + lag for lag in lags]), *SHAPE_REACH)
    values = correlation(pieces[..., ::2], template[..., ::2])  # below 35 Hz half the samples do
    best = int(np.argmax(values))
    return float(values[best]), lags[best]


def _spatial_rows(recorded: Bool[Array, " 12"]) -> tuple[int, ...]:
    """Return the recorded independent leads; other limb leads stand in for missing I or II."""
    names = [name for name in INDEPENDENT_LEADS if recorded[STANDARD_LEADS.index(name)]]
    spare = [i for i in range(2, 6) if recorded[i]]
    rows = [STANDARD_LEADS.index(name) for name in names]
    n_limb = sum(row < 2 for row in rows)
    return tuple(sorted(rows + spare[: 2 - n_limb]))


def _bridge(signal: Array) -> Array:
    """Return `signal` with gaps bridged by lines, and 0 for leads that are missing altogether."""
    filled = np.array(signal, dtype=np.float64)
    times = np.arange(signal.shape[-1])
    for row in filled:
        gaps = np.isnan(row)
        if gaps.any():
            row[gaps] = 0.0 if gaps.all() else np.interp(times[gaps], times[~gaps], row[~gaps])
    return filled


def _detect(signal: Float[Array, "lead time"]) -> Int[Array, " beat"]:
    """Return a sample in the middle of each QRS.

    First the peaks of the 5-25 Hz spatial velocity from 30 % of the typical one (the median of
    maxima of 2 s), 18 % where more than 1.7 typical intervals would else be empty. Then, for wide
    slow complexes, those of the 3-25 Hz velocity that exceed the T waves 1.7 times.
    """
    from scipy import signal as dsp

    envelope = _envelope(signal, 5.0)
    typical, restless = _typical(envelope), 2.0 * float(np.quantile(envelope, 0.4))
    least = max(0.18 * typical, min(restless, 0.5 * typical))
    peaks, _ = dsp.find_peaks(envelope, height=least, distance=round(0.2 * FS))
    is_kept = envelope[peaks] >= max(0.3 * typical, least)
    for i in range(1, len(peaks)):
        is_near = peaks[i] - peaks[i - 1] < 0.36 * FS and is_kept[i - 1]
        if is_near and envelope[peaks[i]] < 0.5 * envelope[peaks[i - 1]]:
            is_kept[i] = False
    found = peaks[is_kept]
    if len(found) > 2:
        gap = 1.7 * np.median(np.diff(found))
        for i in map(int, np.flatnonzero(~is_kept)):
            place = int(np.searchsorted(found, peaks[i]))
            before, after = found[place - 1], found[place % len(found)]
            is_clear = envelope[peaks[i]] > 1.25 * least
            is_apart = min(after - peaks[i], peaks[i] - before) > 0.36 * FS
            if after - before > gap and is_apart and is_clear:
                is_kept[i] = True
    return _with_slow_ones(_envelope(signal, 3.0), peaks[is_kept])


def _with_slow_ones(envelope: Float[Array, " time"], found: Int[Array, " beat"]) -> Array:
    """Return `found` and the slow complexes between, told from T waves by their height.

    A T wave follows every beat, so the lower quartile over the gaps of the largest value is one,
    even where every other beat is ectopic. What comes within 450 ms after a higher slow complex is
    that one's T.
    """
    from scipy import signal as dsp

    if len(found) < 4:
        return found
    free = envelope.copy()
    for at in found:
        free[max(at - 90, 0) : at + 90] = 0.0
    highest = [free[a:b].max() for a, b in pairwise(found)]
    t_wave = float(np.quantile([value for value in highest if value > 0.0] or [0.0], 0.25))
    early = [free[a : a + round(0.34 * FS)].max() for a in found[:-1]]
    loud = [value for value in early if value > 0.0]
    t_early = float(np.median(loud)) if loud else np.inf
    typical = _typical(envelope)
    floor = min(1.7 * t_wave, max(3.0 * t_early, 0.25 * typical))
    floor = max(0.14 * typical, floor, 2.0 * float(np.median(free[free > 0.0])))
    peaks, _ = dsp.find_peaks(free, height=floor, distance=round(0.2 * FS))
    kept = sorted(int(at) for at in found)
    for peak in peaks:
        last = [at for at in kept if 0 < peak - at < 0.45 * FS]
        is_slow = bool(last) and envelope[last[-1]] < 0.8 * np.median(envelope[found])
        if min(abs(peak - np.array(kept))) < 0.2 * FS:
            continue
        is_slow |= bool(last) and peak - last[-1] < 0.28 * FS
        if not (is_slow and envelope[peak] < 0.7 * envelope[last[-1]]):
            kept = sorted([*kept, int(peak)])
    return np.array(kept, dtype=int)


def _envelope(signal: Float[Array, "lead time"], lowest: float) -> Float[Array, " time"]:
    """Return the spatial velocity between `lowest` and 25 Hz, averaged over 80 ms."""
    from scipy import signal as dsp
    from scipy.ndimage import uniform_filter1d

    band = sections("bandpass", lowest, 25.0)
    return np.asarray(uniform_filter1d(velocity(dsp.sosfiltfilt(band, signal)), round(0.08 * FS)))


def _typical(envelope: Float[Array, " time"]) -> float:
    """Return the median of the maxima of 2 s."""
    span = round(2 * FS)
    starts = range(0, max(len(envelope) - span // 2, 1), span)
    return float(np.median([envelope[i : i + span].max() for i in starts]))


def _without_mains(signal: Array, reference: Int[Array, " beat"]) -> Array:
    """Return `signal` less the 50 and 60 Hz sine that fits best between the QRS, in 5 s blocks.

    A notch filter would ring after each QRS and move its end.
    """
    n_samples = signal.shape[1]
    is_between = np.ones(n_samples, dtype=bool)
    for at in reference:
        is_between[max(at - 60, 0) : at + 60] = False
    edges = np.linspace(0, n_samples, max(1, round(n_samples / (5 * FS))) + 1).astype(int)
    cleaned = signal.copy()
    for first, last in pairwise(edges):
        angle = 2j * np.pi * np.arange(first, last) / FS
        waves = np.concatenate(
            [[np.real(w), np.imag(w)] for w in np.exp(np.outer([50, 60], angle))]
        )
        use = is_between[first:last]
        if use.sum() < FS:
            continue
        quick = np.gradient(np.gradient(signal[:, first:last], axis=1), axis=1)
        bent = np.gradient(np.gradient(waves, axis=1), axis=1)
        weights = np.linalg.lstsq(bent[:, use].T, quick[:, use].T, rcond=None)[0]
        cleaned[:, first:last] -= weights.T @ waves
    return cleaned


def _without_spikes(raw: Array, fs: float) -> tuple[Float[Array, " spike"], Array]:
    """Return the times of pacing spikes (s), and the signal with lines drawn in their place.

    A spike is under 2 ms wide and so has what a QRS has not: power above 120 Hz. It stands out of
    that band by ten times its noise and by half of the largest one, for less than 12 ms.
    """
    from scipy import signal as dsp

    if fs < LOWEST_SPIKE_FS or raw.shape[1] < fs:
        return np.zeros(0), raw
    high = dsp.sosfiltfilt(dsp.butter(3, 120.0, "highpass", fs=fs, output="sos"), _bridge(raw))
    high[np.isnan(raw)] = np.nan
    envelope = magnitude(high)
    noise = float(np.median(envelope))
    peaks, _ = dsp.find_peaks(envelope, height=10.0 * max(noise, 1e-4), distance=round(0.05 * fs))
    if not len(peaks):
        return np.zeros(0), raw
    reach = round(0.012 * fs)
    around = np.pad(envelope, 4 * reach, mode="edge")
    tail = np.array([max(around[p + o] for o in _rim(reach)) for p in peaks])
    is_spike = (tail < 0.25 * envelope[peaks]) & (envelope[peaks] > 0.02)
    cleaned, half = raw.copy(), max(2, round(0.005 * fs))
    for peak in peaks[is_spike]:
        cleaned[:, max(peak - half, 0) : peak + half + 1] = np.nan
    if is_spike.any():
        bridged = _bridge(cleaned)
        bridged[np.isnan(raw)] = np.nan
        cleaned = bridged
    return peaks[is_spike] / fs, cleaned


def _rim(reach: int) -> list[int]:
    """Return offsets into an array padded by `4 * reach`: 12 to 36 ms before and after."""
    before = range(reach, 3 * reach)
    after = range(5 * reach, 7 * reach)
    return [*before, *after]
