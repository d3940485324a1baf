"""Waves: duration and amplitude of Q, R, S, T and P in a median beat, limits of its P and T."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from leadlens.ecg.beats import BEFORE, FS, low_pass, magnitude, velocity
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.recording import Units

LEAST_WAVE: Final = 0.02
"""Least amplitude of a wave within the QRS, mV; where the unit is unknown, 2 % of its range."""
P_ON_T: Final = 0.7
"""Weight of a P that lies on the foot of T."""
NT, RMAX, EXT = 1, 9.0, 0.0
JA, JB = 0.07, 0.10
ONSET: Final = round(BEFORE * FS)
"""The sample of the median beat at which its QRS begins."""

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Waves:
    """Waves of the median beat in the twelve STANDARD_LEADS; NaN where a lead is missing.

    Amplitudes in the recording's unit; depths of Q are positive. The QRS and ST are measured from
    the level before the QRS, T from that before P where it is clear of the T before: the atria's
    own T lowers the line between P and QRS.

    Attributes:
        q_duration: length of an initial negative deflection, s; 0 where there is none.
        q_depth: its depth, positive.
        is_qs: where the QRS has no positive part.
        r_wave: height of the QRS; 0 where it has no positive part.
        r_peak_time: QRS onset to the last peak of 60 % of the height or more, s.
        s_wave: deepest point after the first positive wave, 0 or negative.
        s_duration: how long the QRS is negative after it, s.
        r_prime: highest peak in the second half of the QRS, after the S if there is one, else 0.
        t_wave: the larger extreme of T, signed.
        t_opposite: the extreme of the other sign; 0 where T has one sign.
        p_wave: the larger extreme of P above the line through its limits, signed.
        peak_to_peak: of the QRS.
        st_60: level 60 ms after the QRS.
    """

    q_duration: Float[Array, " 12"]
    q_depth: Float[Array, " 12"]
    is_qs: Bool[Array, " 12"]
    r_wave: Float[Array, " 12"]
    r_peak_time: Float[Array, " 12"]
    s_wave: Float[Array, " 12"]
    s_duration: Float[Array, " 12"]
    r_prime: Float[Array, " 12"]
    t_wave: Float[Array, " 12"]
    t_opposite: Float[Array, " 12"]
    p_wave: Float[Array, " 12"]
    peak_to_peak: Float[Array, " 12"]
    st_60: Float[Array, " 12"]


def waves_of(
    beat: Float[Array, "12 sample"],
    units: Units,
    width: float,
    p_wave: tuple[float, float],
    t_wave: tuple[float, float],
    rest_from: float = np.nan,
) -> Waves:
    """Return the waves of a median beat whose QRS begins at `ONSET`.

    Args:
        beat: at `FS`, NaN in missing leads.
        units: of the beat.
        width: QRS duration, s.
        p_wave: PR interval and P duration, s; NaN where there is no P.
        t_wave: QRS onset to the peak and to the end of T, s.
        rest_from: where the T before ended, s before QRS onset; NaN if unknown.
    """
    fields = list(Waves.__dataclass_fields__)
    columns = {name: np.full(12, np.nan) for name in fields} | {"is_qs": np.zeros(12, dtype=bool)}
    if np.isnan(width):
        return Waves(**columns)
    level = _level(beat)
    n_width = round(width * FS)
    smooth = low_pass(beat, 25.0) - level[:, None]
    rest = _rest_level(smooth, p_wave[0], rest_from)
    for lead in np.flatnonzero(~np.isnan(beat[:, ONSET : ONSET + n_width + 1]).any(axis=1)):
        qrs = beat[lead, ONSET : ONSET + n_width + 1] - level[lead]
        span = float(np.ptp(qrs))
        found = _qrs_waves(qrs, LEAST_WAVE if units == "mV" else 0.02 * span)
        found |= {"peak_to_peak": span}
        found |= {"st_60": float(smooth[lead, min(ONSET + n_width + 30, beat.shape[1] - 1)])}
        found["t_wave"], found["t_opposite"] = _t_wave(smooth[lead] - rest[lead], n_width, t_wave)
        found["p_wave"] = _p_wave(smooth[lead], *p_wave)
        for name, value in found.items():
            columns[name][lead] = value
    return Waves(**columns)


def qrs_axis(beat: Float[Array, "12 sample"], width: float) -> float:
    """Return the frontal QRS axis in degrees, from the areas of I and aVF; NaN without them.

    aVF, an augmented lead, is scaled by 2 / sqrt(3), so that -30 degrees is where II is zero.
    """
    if np.isnan(width):
        return np.nan
    area = (beat[:, ONSET : ONSET + round(width * FS) + 1] - _level(beat)[:, None]).sum(axis=1)
    lead_i, avf = (area[STANDARD_LEADS.index(name)] for name in ("I", "aVF"))
    return float(np.degrees(np.arctan2(avf * 2.0 / np.sqrt(3.0), lead_i)))


def _level(beat: Float[Array, "12 sample"]) -> Float[Array, " 12"]:
    """Return the level of each lead in the 12 ms that end 4 ms before the QRS."""
    return np.asarray(beat[:, ONSET - 8 : ONSET - 2].mean(axis=1))


def _rest_level(
    smooth: Float[Array, "12 sample"], pr: float, rest_from: float
) -> Float[Array, " 12"]:
    """Return the level of each lead in the 16 ms that end 8 ms before P; 0 where T is near."""
    if not rest_from > pr + 0.04:
        return np.zeros(12)
    first = ONSET - round(pr * FS)
    return np.asarray(np.nan_to_num(smooth[:, max(first - 12, 0) : max(first - 4, 1)].mean(axis=1)))


def _qrs_waves(qrs: Float[Array, " sample"], least: float) -> dict[str, float | bool]:
    """Return the Q, R and S waves of one lead's QRS, whose level is 0.

    A wave counts from `least`. Q is what is negative before the first positive wave.
    """
    up, down = np.flatnonzero(qrs > least), np.flatnonzero(qrs < -least)
    first_up = int(up[0]) if len(up) else len(qrs)
    q_part = down[down < first_up]
    q_depth = float(-qrs[q_part].min()) if len(q_part) else 0.0
    height = float(max(qrs.max(), 0.0)) if len(up) else 0.0
    peak = int(np.argmax(qrs))
    tall = [
        i
        for i in range(1, len(qrs) - 1)
        if qrs[i] >= max(0.6 * height, least) and qrs[i - 1] < qrs[i] >= qrs[i + 1]
    ]
    # S follows the first positive wave, so that of rSR' it is the middle.
    after = down[down > first_up]
    trough = int(after[np.argmin(qrs[after])]) if len(after) else 0
    late = max(len(qrs) // 2, trough if trough < 0.8 * len(qrs) else 0)
    last = late + int(np.argmax(qrs[late:]))
    # What is highest at the very end is ST, not a wave of the QRS.
    r_prime = float(max(qrs[last], 0.0)) if last < len(qrs) - 3 else 0.0
    return {
        "q_duration": len(q_part) / FS,
        "q_depth": q_depth,
        "is_qs": not len(up) and len(down) > 0,
        "r_wave": height,
        "r_peak_time": (tall[-1] if tall else peak) / FS if len(up) else np.nan,
        "s_wave": float(qrs[trough]) if len(after) else 0.0,
        "s_duration": len(after) / FS,
        "r_prime": r_prime,
    }


def _t_wave(
    lead: Float[Array, " sample"], n_width: int, t_wave: tuple[float, float]
) -> tuple[float, float]:
    """Return the larger extreme of T and the one of the other sign, from 60 ms after the QRS.

    Nearer than 140 ms before the peak of T it is T, before that the ST segment.
    """
    peak, end = t_wave
    if np.isnan(peak):
        return np.nan, np.nan
    end = peak + 0.08 if np.isnan(end) else end
    first = max(ONSET + n_width + 30, round(ONSET + (peak - 0.14) * FS))
    last = round(ONSET + (end + 0.01) * FS) + 1
    if last - first < 10:
        return np.nan, np.nan
    part = lead[first:last]
    high, low = float(max(part.max(), 0.0)), float(min(part.min(), 0.0))
    return (high, low) if high >= -low else (low, high)


def _p_wave(lead: Float[Array, " sample"], pr: float, width: float) -> float:
    """Return the extreme of P above the line through its limits, signed; NaN without P."""
    if np.isnan(pr + width):
        return np.nan
    first = max(round(ONSET - pr * FS), 0)
    last = min(first + round(width * FS), ONSET)
    part = lead[first : last + 1] - np.linspace(lead[first], lead[last], last - first + 1)
    return float(part[np.argmax(np.abs(part))])


def t_limits(
    levelled: Float[Array, "lead sample"], offset: int, last: int, latest_end: int
) -> tuple[float, float]:
    """Return peak and end of T, on the projection in which ST-T is largest.

    A second lobe of opposite sign belongs to T when it reaches 40 % of the first (biphasic T).
    """
    first = offset + round(0.04 * FS)
    if last - first < round(0.06 * FS):
        return np.nan, np.nan
    part = levelled[:, first:last]
    direction = np.linalg.svd(part, full_matrices=False)[0][:, 0]
    wave = low_pass((direction @ levelled)[None], 15.0)[0]
    window = wave[first:last]
    size = np.abs(window)
    peak = int(np.argmax(size))
    later = size[peak:] * (np.sign(window[peak:]) == -np.sign(window[peak]))
    if later.max() > 0.4 * size[peak] and later.argmax() < round(0.16 * FS):
        peak += int(later.argmax())
    if size[peak] < 1e-6 or peak == 0 or latest_end - first - peak < 10:
        return np.nan, np.nan
    sign = np.sign(window[peak])
    fall = sign * np.gradient(wave)[first + peak : latest_end]
    zero = np.flatnonzero(sign * wave[first + peak : latest_end] <= 0.0)
    stop = int(zero[0]) if len(zero) else len(fall)
    steepest = int(np.argmin(fall[: max(min(stop, round(0.16 * FS)), 2)]))
    slope = fall[steepest]
    if slope >= 0.0:
        return first + peak, np.nan
    end = first + peak + steepest + sign * wave[first + peak + steepest] / -slope
    # A tangent that takes 200 ms to the level is that of no T: one that is too flat to end.
    is_flat = end - first - peak > 0.20 * FS
    return float(first + peak), np.nan if is_flat else float(min(end, latest_end))


def p_limits(
    beat: Float[Array, "lead sample"], first: int, clear: int, qrs_onset: int
) -> tuple[float, float]:
    """Return onset and offset of the P wave, NaN where nothing of its width stands out.

    It is looked for from `first` on; before `clear` it would lie on T, which is believed only if
    nothing 0.7 times as large comes after.

    P is the largest peak of the response to a kernel of P's width (second derivative of a Gaussian,
    28 ms), which a slope (the end of T) does not excite; its limits are where the spatial velocity
    passes 18 % of its peak, or more where its surroundings (noise, the end of T) are not still.
    """
    from scipy import signal as dsp

    last = qrs_onset - round(0.012 * FS)
    if last - first < round(0.09 * FS):
        return np.nan, np.nan
    times = np.arange(-42, 43) / (0.028 * FS)
    kernel = (1.0 - times**2) * np.exp(-0.5 * times**2)
    flat = np.nan_to_num(beat)
    held = np.concatenate([flat[:, :last], np.repeat(flat[:, last - 1 : last], 60, axis=1)], axis=1)
    response = magnitude(np.stack([np.convolve(row, kernel, "same") for row in held]))
    peaks, _ = dsp.find_peaks(response[first:last])
    peaks = peaks[(peaks > 2) & (peaks < last - first - 10)] + first
    if not len(peaks):
        return np.nan, np.nan
    # A peak more than 280 ms before the QRS is rather the foot of T or a U wave than P.
    weight = np.interp((qrs_onset - peaks) / FS, [0.28, 0.40], [1.0, 0.3])
    weight *= np.where(peaks - 0.03 * FS < clear, P_ON_T, 1.0)
    middle = int(peaks[np.argmax(response[peaks] * weight)])
    speed = velocity(low_pass(held, 25.0))
    reach = round(0.075 * FS)
    low, high = max(middle - reach, first, 0), min(middle + reach, last)
    top, floor = float(speed[low:high].max()), float(np.quantile(speed[first:last], 0.2))
    level = min(max(0.18 * top, 1.6 * floor), 0.5 * top)
    onset = middle - _outer(_up_to_next_wave(speed[middle : max(low - 10, 0) : -1]), level)
    offset = middle + _outer(speed[middle : high + 1], level)
    if offset - onset < round(0.04 * FS):
        return np.nan, np.nan
    return float(onset), float(min(offset, qrs_onset - 1))


def _outer(speed: Float[Array, " sample"], level: float) -> int:
    """Return where the velocity falls below `level` for good, going out from the middle of P."""
    loud = np.flatnonzero(speed >= level)
    if not len(loud):
        return 0
    breaks = np.flatnonzero(np.diff(loud) > round(0.03 * FS))
    return int(loud[breaks[0]] if len(breaks) else loud[-1])


def _up_to_next_wave(speed: Float[Array, " sample"]) -> Float[Array, " kept"]:
    """Return the velocity up to where, 30 ms out or farther, it is least and then doubles again.

    There another wave begins.
    """
    edge = round(0.03 * FS)
    if len(speed) <= edge:
        return speed
    least = edge + int(np.argmin(speed[edge:]))
    return speed[: least + 1] if speed[least:].max() > 2.0 * speed[least] else speed
