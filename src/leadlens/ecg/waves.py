"""Waves: duration and amplitude of Q, R, S, T and P in each lead of a median beat."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from leadlens.ecg.beats import BEFORE, FS, low_pass
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.recording import Units

LEAST_WAVE: Final = 0.02
"""Least amplitude of a wave within the QRS, mV; where the unit is unknown, 2 % of its range."""
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
