"""Timing: the beats of an ECG moved, their shapes kept.

A warp says for each sample of the new window where in the old one it comes from. P waves and QRS
complexes keep their length, and each QRS is moved by whole samples, so it is copied as it is; the
PR segment and TP stretch or shrink between them, and ST-T for the QT interval. QT follows RR by
Fridericia (1920).
"""

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from leadlens.ecg.atrial import known_median
from leadlens.ecg.delineate import Delineation
from leadlens.errors import SignalError

REFERENCE_RR: Final = 0.8
"""s: 75 beats a minute."""
REFERENCE_PR: Final = 0.16
"""s, from the onset of P to that of the QRS."""
REFERENCE_QTC: Final = 0.40
"""s, by Fridericia's formula: QT = QTc * cbrt(RR)."""
LEAST_BEATS: Final = 3
LEAST_REST: Final = 0.02
"""s of TP, and of the PR segment, that a beat has at least: where P lies on T the last part of T
counts as TP, and where P reaches the QRS its last part counts as PR segment."""
ON_T: Final = 0.04
"""s before the end of T at which a P that begins lies on T."""
USUAL_ST_T: Final = 0.28
"""s from the end of the QRS to that of T, where no T is found."""
LEAST_ST_T: Final = 0.25
"""Part of its length that ST-T keeps."""
STRETCH: Final = 1.25
"""By how much what lies behind the last T may be stretched; beyond, beats are repeated."""

Array = np.ndarray
RS, ST_T, SEAM, TP, P, PR, QR = range(7)
"""The parts of a cycle, from R to the next R."""


@dataclass(frozen=True, eq=False)
class Warp:
    """Where the samples of a retimed window come from.

    Attributes:
        source: (time,) position in the window as it was, in samples, not only whole ones.
        run: (time,) the number of the stretch that is continuous in the window as it was; at the
            start of each but the first, what comes is shifted to where the last ended.
    """

    source: Float[np.ndarray, " time"]
    run: Int[np.ndarray, " time"]


@dataclass(frozen=True, eq=False)
class Rhythm:
    """The beats of a window, in samples.

    Attributes:
        fs: samples a second.
        n_samples: of the window.
        head: (4,) P onset and end, QRS onset and R of the first beat.
        cycles: (cycle, 8): R, end of QRS and of T; the end of T again, P onset and end, QRS onset
            and R of the next beat. In the last row, by which beats are repeated, the first three
            are of the last beat with a whole T, the others of the first beat and the second.
        tail: (3,) R, end of QRS and of T of the last beat.
        n_whole: cycles before the last beat with a whole T.
        qt, st_t: medians; NaN where no T is found.
    """

    fs: float
    n_samples: int
    head: Float[Array, "4"]
    cycles: Float[Array, "cycle 8"]
    tail: Float[Array, "3"]
    n_whole: int
    qt: float
    st_t: float

    @property
    def parts(self) -> Float[Array, "cycle 7"]:
        """The lengths of the parts of each cycle."""
        parts = np.diff(self.cycles, axis=1)
        parts[:, SEAM] = 0.0
        return parts


@dataclass(frozen=True, eq=False)
class Change:
    """What a state of the timing players makes of a rhythm, in samples.

    Attributes:
        rr: of each cycle.
        first: where the first R comes.
        pr: P onset to QRS onset; None as recorded.
        stretch: of ST-T.
    """

    rr: Float[Array, " cycle"]
    first: float
    pr: float | None
    stretch: float


def warps(beats: Delineation, fs: float, n_samples: int) -> dict[tuple[bool, ...], Warp]:
    """Return the warp of every state of the timing players but the recorded one.

    A state tells of rate, regularity, PR and QT (`players.TIMING`) whether they are as recorded.
    If not: all RR are scaled so that their median is REFERENCE_RR; all RR become their median; P
    begins REFERENCE_PR before the QRS; ST-T of all beats is scaled by one factor so that the median
    QT is REFERENCE_QTC * cbrt(median RR). Where RR has no room, all but the QRS shrinks in
    proportion. Where the beats do not last to the end of the window, they are repeated from the
    second on.

    Args:
        beats: fiducial points, s; beats without P have no PR, and TP reaches to their QRS.
        fs: of the window, Hz.
        n_samples: of the window.

    Raises:
        SignalError: fewer than LEAST_BEATS beats.
    """
    if len(beats.r_peak) < LEAST_BEATS:
        raise SignalError(
            f"timing players need {LEAST_BEATS} beats, and this window has {len(beats.r_peak)}: "
            "explain it with 'timing: false'"
        )
    rhythm = _rhythm(beats, fs, n_samples)
    states = list(product((True, False), repeat=4))[1:]
    return {state: _warp(rhythm, _change(rhythm, *state)) for state in states}


def _rhythm(beats: Delineation, fs: float, n_samples: int) -> Rhythm:
    """Return the beats in samples, P, QRS and T of neighbours put in order."""
    qrs_on, r, qrs_off = (fs * each for each in (beats.qrs_onset, beats.r_peak, beats.qrs_offset))
    st_t = fs * (beats.t_offset - beats.qrs_offset)
    usual = known_median(st_t)
    t_end = qrs_off + np.where(np.isnan(st_t), np.nan_to_num(usual, nan=USUAL_ST_T * fs), st_t)
    p_on, p_off = _p_limits(beats, fs, t_end)
    limit = np.append(p_on[1:], n_samples - 1.0)
    qrs_off = np.minimum(qrs_off, limit)
    is_whole = bool(t_end[-1] <= limit[-1])
    room = np.append(np.full(len(r) - 1, LEAST_REST * fs), 0.0)
    t_end = np.maximum(qrs_off, np.minimum(t_end, limit - room))
    n_whole = len(r) - 1 if is_whole else len(r) - 2
    after = np.column_stack([r, qrs_off, t_end])
    before = np.column_stack([t_end[:-1], p_on[1:], p_off[1:], qrs_on[1:], r[1:]])
    again = np.append(after[n_whole], before[0])
    return Rhythm(
        fs=fs,
        n_samples=n_samples,
        head=np.array([p_on[0], p_off[0], qrs_on[0], r[0]]),
        cycles=np.vstack([np.hstack([after[:-1], before]), again]),
        tail=after[-1],
        n_whole=n_whole,
        qt=known_median(fs * (beats.t_offset - beats.qrs_onset)),
        st_t=usual,
    )


def _p_limits(
    beats: Delineation, fs: float, t_end: Float[Array, " beat"]
) -> tuple[Float[Array, " beat"], Float[Array, " beat"]]:
    """Return where each P begins and ends, in samples; the onset of the QRS where there is none.

    A P that is not found, where most beats have one, is taken to lie where it usually does if T has
    ended by then: so it moves with its QRS, and is not stretched as a part of TP. One that lies on
    T, where those of most beats do not, goes with T: premature beats must not cut a T in two.
    """
    qrs_on = fs * beats.qrs_onset
    limits = fs * np.array([beats.p_onset, beats.p_offset])
    is_on_t = np.append(False, limits[0, 1:] + ON_T * fs < t_end[:-1])
    if is_on_t.mean() < 0.5:
        limits[:, is_on_t] = np.nan
    is_missing = np.isnan(limits).any(axis=0)
    if is_missing.mean() < 0.5:
        usual = qrs_on - np.median(qrs_on[~is_missing] - limits[:, ~is_missing], axis=1)[:, None]
        is_clear = is_missing & (usual[0] >= np.append(0.0, t_end[:-1]))
        limits = np.where(is_clear, usual, limits)
    onset, offset = np.where(np.isnan(limits).any(axis=0), qrs_on, limits)
    return onset, np.maximum(onset, np.minimum(offset, qrs_on - LEAST_REST * fs))


def _change(rhythm: Rhythm, rate: bool, regularity: bool, pr: bool, qt: bool) -> Change:
    """Return what a state makes of a rhythm."""
    parts, fs = rhythm.parts, rhythm.fs
    recorded = parts.sum(axis=1)
    median = float(np.median(recorded[:-1]))
    scale = 1.0 if rate else REFERENCE_RR * fs / median
    rr = recorded * scale if regularity else np.full(len(recorded), median * scale)
    least = parts[:, [RS, QR]].sum(axis=1) + LEAST_REST * fs + 1.0
    rr = np.maximum(rr, np.minimum(recorded, least))
    first = float(rhythm.head[-1])
    if scale < 1.0:
        first = min(first, median * scale)
    stretch = 1.0
    if not qt and not np.isnan(rhythm.qt):
        wanted = REFERENCE_QTC * float(np.cbrt(median * scale / fs)) * fs
        stretch = max(1.0 + (wanted - rhythm.qt) / rhythm.st_t, LEAST_ST_T)
    return Change(rr, first, None if pr else REFERENCE_PR * fs, stretch)


def _warp(rhythm: Rhythm, change: Change) -> Warp:
    """Return where the samples of a changed rhythm come from."""
    rows, is_repeated = _order(rhythm, change)
    cycles = rhythm.cycles[rows]
    r = np.append(rhythm.head[-1], cycles[:, -1])
    # By whole samples, so that no QRS is blurred between two.
    r_new = r + np.round(change.first + np.append(0.0, np.cumsum(change.rr[rows])) - r)
    parts = _fitted(rhythm.parts[rows], np.diff(r_new), change, LEAST_REST * rhythm.fs)
    target = r_new[:-1, None] + np.cumsum(np.pad(parts, ((0, 0), (1, 0))), axis=1)
    is_seam = rows == len(rhythm.cycles) - 1
    run = np.cumsum(is_seam)[:, None] - (is_seam[:, None] & (np.arange(8) <= ST_T + 1))
    knots = [_head(rhythm, change, r_new[0]), np.stack([target, cycles, run], axis=-1)]
    if not is_repeated:
        knots.append(_tail(rhythm, change, r_new[-1]))
    return _between(np.concatenate([each.reshape(-1, 3) for each in knots]), rhythm.n_samples)


def _order(rhythm: Rhythm, change: Change) -> tuple[Int[Array, " row"], bool]:
    """Return the cycles that fill the window in turn, and whether beats are repeated."""
    last = rhythm.n_samples - 1
    rows = list(range(len(rhythm.cycles) - 1))
    r, qrs_off, t_end = rhythm.tail
    tail = qrs_off - r + change.stretch * (t_end - qrs_off) + STRETCH * (last - t_end)
    if change.first + change.rr[rows].sum() + tail >= last - 1e-6:
        return np.array(rows), False
    again = len(rhythm.cycles) - 1
    rows = rows[: rhythm.n_whole]
    while change.first + change.rr[rows].sum() <= last + 1:
        rows += [again, *range(1, rhythm.n_whole)]
    return np.array(rows), True


def _fitted(
    parts: Float[Array, "cycle 7"], rr: Float[Array, " cycle"], change: Change, least: float
) -> Float[Array, "cycle 7"]:
    """Return the lengths of the parts in cycles `rr` long; TP keeps `least`, if it has it."""
    parts = parts.copy()
    parts[:, TP] = np.minimum(parts[:, TP], least)
    parts[:, ST_T] *= change.stretch
    if change.pr is not None:
        has_p = parts[:, P] > 0
        parts[has_p, P] = np.minimum(parts[has_p, P], change.pr)
        parts[has_p, PR] = change.pr - parts[has_p, P]
    elastic = [ST_T, TP, P, PR]
    room = rr - parts[:, RS] - parts[:, QR]
    needed = np.maximum(parts[:, elastic].sum(axis=1), 1e-9)
    parts[:, elastic] *= np.minimum(room / needed, 1.0)[:, None]
    parts[:, TP] += rr - parts.sum(axis=1)
    return parts


def _head(rhythm: Rhythm, change: Change, r_new: float) -> Float[Array, "4 3"]:
    """Return target, source and run of the knots before the first R."""
    p_on, p_off, qrs_on, r = rhythm.head
    qrs_new = r_new - (r - qrs_on)
    pr, p = qrs_on - p_on, p_off - p_on
    if change.pr is not None and p > 0:
        pr, p = change.pr, min(p, change.pr)
    start = qrs_new - pr
    target = [min(0.0, start - p_on), start, start + p, qrs_new]
    return np.array([target, [0.0, p_on, p_off, qrs_on], [0.0] * 4]).T


def _tail(rhythm: Rhythm, change: Change, r_new: float) -> Float[Array, "3 3"]:
    """Return target, source and run of the knots behind the last R."""
    r, qrs_off, t_end = rhythm.tail
    last = rhythm.n_samples - 1.0
    qrs_new = r_new + qrs_off - r
    t_new = qrs_new + change.stretch * (t_end - qrs_off)
    target = [qrs_new, t_new, max(last, t_new + last - t_end)]
    return np.array([target, [qrs_off, t_end, last], [0.0] * 3]).T


def _between(knots: Float[Array, "knot 3"], n_samples: int) -> Warp:
    """Return the warp that is linear between knots of target, source and run."""
    target, source, run = knots.T
    at = np.arange(n_samples, dtype=float)
    seams = target[1:][np.diff(run) > 0]
    run_at = np.searchsorted(seams, at, side="right")
    found = np.empty(n_samples)
    for number in range(run_at[-1] + 1):
        is_here, is_knot = run_at == number, run == number
        found[is_here] = np.interp(at[is_here], target[is_knot], source[is_knot])
    # Rounded, so that whole samples are whole, and what does not change is as it was.
    return Warp(np.clip(np.round(found, 9), 0.0, n_samples - 1.0), run_at)
