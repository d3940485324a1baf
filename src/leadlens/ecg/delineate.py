"""Delineation: where P, QRS and T begin and end, one instant for all leads.

Limits are found on the median beat of each QRS shape, where noise is averaged away, and carried to
the single beats by aligning each wave (Willems et al. 1985, the CSE study's principle). QRS limits
are where the spatial velocity passes 2.7 % of its peak; the end of T is where the steepest tangent
after its peak meets the level before the QRS (Lepeschkin & Surawicz 1952).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from leadlens.ecg.beats import (
    BEFORE,
    FS,
    Prepared,
    correlation,
    cut,
    group_beats,
    low_pass,
    magnitude,
    median_of,
    prepare,
    velocity,
)
from leadlens.ecg.recording import Recording
from leadlens.ecg.waves import p_limits, t_limits

QRS_VELOCITY: Final = 0.027
"""Part of the peak spatial velocity below which there is no QRS."""
QUIET: Final = 0.010
"""How long the velocity stays below it, s."""
P_FITS: Final = 0.55
"""Least correlation of a beat's P with the median P for the beat to have one."""
J_VELOCITY, ST_VELOCITY = 0.06, 0.10
"""Where the velocity is least and below the first part of its peak, and stays below the second,
the QRS has ended and a sloping ST begins."""
DRIFT_REACH: Final = 0.024
"""How much earlier the QRS may have ended if the slope of ST does not count, s."""
CENTRE: Final = round(BEFORE * FS)

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Delineation:
    """Instants of each beat in s from the first sample; NaN where a wave is absent or cut off.

    `r_peak` is where the spatial magnitude of the QRS is largest.
    """

    p_onset: Float[Array, " beat"]
    p_offset: Float[Array, " beat"]
    qrs_onset: Float[Array, " beat"]
    r_peak: Float[Array, " beat"]
    qrs_offset: Float[Array, " beat"]
    t_peak: Float[Array, " beat"]
    t_offset: Float[Array, " beat"]


@dataclass(frozen=True, eq=False)
class Limits:
    """Limits on a median beat in samples from its start; NaN where there is no such wave."""

    p_onset: float
    p_offset: float
    qrs_onset: float
    r_peak: float
    qrs_offset: float
    t_peak: float
    t_offset: float


def delineate(recording: Recording) -> Delineation:
    """Return the fiducial points of every beat of `recording`, global over its leads.

    Works on any of the twelve standard leads that were recorded, in mV or relative units, at
    100 Hz or more. A recording in which no QRS is found gives arrays of length 0.
    """
    return delineate_prepared(prepare(recording))[0]


def delineate_prepared(
    prepared: Prepared, grouped: tuple[Int[Array, " found"], Int[Array, " found"]] | None = None
) -> tuple[Delineation, Int[Array, " beat"]]:
    """Return the fiducial points of a prepared ECG, and the group of each beat by QRS shape.

    `grouped` is what `group_beats` returned, if that is known.
    """
    group, at = group_beats(prepared) if grouped is None else grouped
    fields = np.full((7, len(at)), np.nan)
    smooth = low_pass(prepared.signal[list(prepared.spatial)], 40.0) if len(at) else fields
    for name in np.unique(group):
        members = np.flatnonzero(group == name)
        usual = _not_early(at, members)
        limits = limits_of(prepared, at[usual], _room(at, usual))
        fields[:, members] = _to_beats(smooth, at[members], limits)
    fields = fields / FS
    fields[(fields < 0.0) | (fields > prepared.duration)] = np.nan
    order = np.argsort(fields[3], kind="stable")
    order = order[~np.isnan(fields[2:5, order]).any(axis=0)]
    return Delineation(*_without_overlap(fields[:, order])), group[order]


def limits_of(prepared: Prepared, at: Int[Array, " beat"], room: tuple[float, float]) -> Limits:
    """Return the limits on the median of the beats around `at`.

    Args:
        prepared: the ECG.
        at: reference samples of beats of one shape.
        room: seconds to the QRS before and after, within which P and T lie.
    """
    rows = list(prepared.spatial)
    beat = median_of(cut(prepared.signal[rows], at))
    exact = _qrs_limits(low_pass(beat, 70.0))
    exact = max(exact[0], min(_after_spike(prepared.spikes, at), exact[1] - 20)), exact[1]
    onset, offset = round(exact[0]), round(exact[1])
    level = np.nan_to_num(beat[:, max(onset - 8, 0) : max(onset - 2, 1)]).mean(axis=1)
    levelled = np.nan_to_num(low_pass(beat, 40.0)) - level[:, None]
    r_peak = onset + int(np.argmax(magnitude(levelled[:, onset : offset + 1])))
    # A flat T must not be mistaken for the P that follows: the peak comes 180 ms before the next
    # QRS, or by two thirds of a short interval.
    reach = min(max(room[1] - 0.18, 0.67 * room[1]), 0.52 * room[1] ** (1 / 3))
    last = min(beat.shape[1] - 1, round(onset + reach * FS))
    t_peak, t_offset = t_limits(levelled, offset, last, round(onset + (room[1] - 0.01) * FS))
    qrst = (last, onset, offset)
    p_onset, p_offset = _p_before(low_pass(beat, 40.0), levelled, qrst, t_offset, room[0])
    return Limits(p_onset, p_offset, exact[0], r_peak, exact[1], t_peak, t_offset)


def _p_before(
    beat: Float[Array, "lead sample"],
    levelled: Float[Array, "lead sample"],
    qrst: tuple[int, int, int],
    t_offset: float,
    room: float,
) -> tuple[float, float]:
    """Return the limits of the P wave of a beat.

    Args:
        beat: of which it is a part.
        levelled: the same, measured from the level before the QRS.
        qrst: last sample of T, onset and offset of the QRS.
        t_offset: end of T.
        room: seconds to the QRS before.
    """
    last, onset, offset = qrst
    first = max(0.0, onset - min(0.42, max(room - 0.20, 0.45 * room)) * FS)
    # At slow rates P comes clear of the foot of T, at fast ones it may ride on it.
    margin = np.clip(0.4 * (room - 0.5), -0.03, 0.05)
    t_before = np.nan_to_num(t_offset, nan=offset) - room * FS
    first = max(first, t_before - 0.08 * FS, 1.0)
    if room < 0.75:
        beat = _without_direction(beat, levelled[:, offset + 20 : last])
    return p_limits(beat, round(first), round(t_before + margin * FS), onset)


def _not_early(at: Int[Array, " beat"], members: Int[Array, " member"]) -> Int[Array, " usual"]:
    """Return which members do not come early: on a short interval P lies on the T before."""
    gaps = np.diff(at, prepend=at[0] - 10 * FS)[members]
    known = gaps[members > 0]
    usual = members[gaps >= 0.85 * np.median(known)] if len(known) else members
    return usual if len(usual) > 2 else members


def _room(at: Int[Array, " beat"], members: Int[Array, " member"]) -> tuple[float, float]:
    """Return the typical time (s) from these beats to the one before and to the one after."""
    gaps = np.diff(at) / FS
    before = [gaps[i - 1] for i in members if i > 0]
    after = [gaps[i] for i in members if i < len(gaps)]
    return (
        float(np.quantile(before, 0.25)) if before else 1.0,
        float(np.quantile(after, 0.4)) if after else 1.0,
    )


def _qrs_limits(beat: Float[Array, "lead sample"]) -> tuple[float, float]:
    """Return the first and last sample of the QRS, with fractions, by spatial velocity.

    The threshold rises above 2.7 % of the peak where the quiet before the QRS, or the ST segment
    after it, is itself not still: noise, or the slope of a strained ST; and the QRS has ended where
    nothing but that slope moves. The velocity also dips
    on top of a broad R or R': an end from which the magnitude falls on by 10 % is none.
    """
    speed = np.convolve(np.nan_to_num(velocity(beat)), np.ones(3) / 3.0, "same")
    near = slice(CENTRE - 55, CENTRE + 56)
    peak = CENTRE - 55 + int(np.argmax(speed[near]))
    lowest = QRS_VELOCITY * speed[peak]
    reach = round(0.13 * FS)
    before = speed[max(peak - reach, 3) : max(peak - 20, 4)]
    onset_level = np.clip(2.2 * float(np.quantile(before, 0.15)), lowest, 4.0 * lowest)
    onset = peak - _first_quiet(speed[peak::-1], onset_level, round(0.16 * FS))
    last_loud = peak + _first_quiet(speed[peak:], 0.15 * speed[peak], 70, 0.016)
    still = np.convolve(speed[last_loud : last_loud + 45], np.ones(5) / 5.0, "valid")
    offset_level = max(lowest, 1.8 * float(still.min()))
    level = np.nan_to_num(beat[:, max(onset - 8, 0) : onset]).mean(axis=1, keepdims=True)
    size = magnitude(np.nan_to_num(beat) - level)
    ahead = np.array([size[i : i + 25].min() for i in range(last_loud, beat.shape[1])])
    is_hump = size[last_loud:] - ahead > 0.10 * size[onset : last_loud + 1].max()
    is_hump[30:] = False  # 60 ms on it is the T of a fast rhythm
    after = np.where(is_hump, np.inf, speed[last_loud:])
    offset = last_loud + _first_quiet(after, offset_level, round(0.10 * FS))
    offset = min(offset, last_loud + _j_point(after, speed[peak]))
    still_moving = np.where(is_hump, np.inf, _less_drift(beat, offset)[last_loud:])
    earlier = last_loud + _first_quiet(still_moving, lowest, round(0.10 * FS))
    if 0 < offset - earlier < round(DRIFT_REACH * FS):
        offset, offset_level = earlier, lowest
        speed = np.concatenate([speed[:last_loud], still_moving])
    onset, offset = max(onset, 3), min(offset, beat.shape[1] - 4)
    return (
        onset + _beyond(speed[onset], speed[onset + 1], onset_level),
        offset - _beyond(speed[offset], speed[offset - 1], offset_level),
    )


def _less_drift(beat: Float[Array, "lead sample"], offset: int) -> Float[Array, " sample"]:
    """Return the spatial velocity relative to the slope of ST from 8 to 48 ms after `offset`."""
    slope = np.gradient(beat, axis=1)
    after = np.nan_to_num(slope[:, offset + 4 : offset + 24])
    drift = after.mean(axis=1, keepdims=True) if after.shape[1] else 0.0
    return np.convolve(magnitude(slope - drift) * FS, np.ones(3) / 3.0, "same")


def _beyond(quiet: float, loud: float, level: float) -> float:
    """Return how far from a quiet sample to its loud neighbour the velocity passes the level."""
    return float((level - quiet) / (loud - quiet)) if quiet < level < loud else 0.0


def _j_point(speed: Float[Array, " sample"], peak: float) -> int:
    """Return the first minimum of the velocity at the end of the QRS that no QRS wave follows.

    What follows is ST if it is slow, but lasts 8 ms or longer.
    """
    for i in range(1, min(len(speed) - 1, 50)):
        is_least = speed[i] <= speed[i - 1] and speed[i + 1 : i + 5].min(initial=np.inf) > speed[i]
        is_slow = speed[i] < J_VELOCITY * peak and speed[i : i + 30].max() < ST_VELOCITY * peak
        if is_least and is_slow:
            return i
    return len(speed)


def _after_spike(spikes: Float[Array, " spike"], at: Int[Array, " beat"]) -> int:
    """Return where a QRS can begin: 6 ms after the pacing spike most of the beats have, else 0."""
    offsets = [s - (reference - CENTRE) for reference in at for s in spikes * FS + 0.006 * FS]
    near = [offset for offset in offsets if CENTRE - 60 < offset < CENTRE + 10]
    return round(float(np.median(near))) if len(near) > 0.5 * len(at) else 0


def _without_direction(
    beat: Float[Array, "lead sample"], wave: Float[Array, "lead part"]
) -> Float[Array, "lead sample"]:
    """Return the beat less what it has along the main direction of a wave over the leads.

    So P can be seen on the T that it lies on at fast rates: the two arise in different places.
    """
    if wave.shape[1] < 30:
        return beat
    direction = np.linalg.svd(wave, full_matrices=False)[0][:, :1]
    return beat - direction @ (direction.T @ np.nan_to_num(beat))


def _first_quiet(
    speed: Float[Array, " sample"], level: float, reach: int, quiet: float = QUIET
) -> int:
    """Return the first sample from which the velocity stays below `level` for `quiet` s."""
    n_quiet = round(quiet * FS)
    is_loud = speed >= level
    for i in range(min(reach, len(speed) - n_quiet)):
        if not is_loud[i : i + n_quiet].any():
            return i
    return min(reach, len(speed) - 1)


def _to_beats(
    smooth: Float[Array, "lead time"], at: Int[Array, " beat"], limits: Limits
) -> Float[Array, "7 beat"]:
    """Return the limits in each beat (samples), P and T moved to where they fit it best."""
    start = at - CENTRE
    qrs = [limits.qrs_onset, limits.r_peak, limits.qrs_offset]
    fields = np.full((7, len(at)), np.nan)
    fields[2:5] = np.array(qrs)[:, None] + start
    for first, end, rows, reach, least in (
        (limits.p_onset, limits.p_offset, [0, 1], 0.04, P_FITS),
        (2 * limits.t_peak - limits.t_offset, limits.t_offset, [5, 6], 0.05, -1.0),
    ):
        if np.isnan(first + end):
            if rows[0] == 5:
                fields[5] = limits.t_peak + start
            continue
        shift, fit = _fit_wave(smooth, start, (int(first), int(end)), round(reach * FS))
        values = [limits.p_onset, limits.p_offset] if rows[0] == 0 else [limits.t_peak, end]
        moved = np.array(values)[:, None] + start + shift
        fields[rows] = np.where(fit >= least, moved, np.nan)
    return fields


def _fit_wave(
    smooth: Float[Array, "lead time"], start: Array, span: tuple[int, int], reach: int
) -> tuple[Float[Array, " beat"], Float[Array, " beat"]]:
    """Return per beat the shift (samples) at which it fits the median wave best, and the fit.

    A shift must gain 0.02 of correlation for each 10 ms, so that noise does not move waves.
    """
    margin = 10
    n_after = max(span[1] - span[0], 20) + margin
    corner = start + span[0]
    template = median_of(cut(smooth, corner, margin / FS, n_after / FS))
    shift, fit = np.zeros(len(start)), np.full(len(start), np.nan)
    lags = np.arange(-reach, reach + 1, 2)
    for i, at in enumerate(corner):
        pieces = cut(smooth, at + lags, margin / FS, n_after / FS)
        values = correlation(pieces, template)
        best = int(np.argmax(values - 0.004 * np.abs(lags)))
        shift[i], fit[i] = lags[best], values[best]
    return shift, fit


def _without_overlap(fields: Float[Array, "7 beat"]) -> Float[Array, "7 beat"]:
    """Return the fields less the P and T that reach into a neighbouring QRS."""
    fields = fields.copy()
    if fields.shape[1] > 1:
        fields[5:, :-1][:, fields[6, :-1] > fields[2, 1:] + 0.02] = np.nan
        fields[:2, 1:][:, fields[0, 1:] < fields[4, :-1]] = np.nan
    return fields
