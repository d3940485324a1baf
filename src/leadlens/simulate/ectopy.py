"""Ectopy: premature atrial and ventricular beats put into a rhythm.

Atrial ones reset the sinus node; ventricular ones come alone, as every second or third beat, in
couplets, or between two sinus beats without a pause (interpolated).
"""

from dataclasses import replace
from enum import IntEnum
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from leadlens.simulate.conditions import Plan
from leadlens.simulate.rhythm import N_SPARE, BeatKind, Rhythm, with_qt_intervals
from leadlens.simulate.streams import Streams, between, pick

Array = np.ndarray


class _Pattern(IntEnum):
    """How ventricular premature beats come."""

    SINGLE = 0
    BIGEMINY = 1
    TRIGEMINY = 2
    COUPLET = 3
    INTERPOLATED = 4


_SHARES: Final = (0.66, 0.10, 0.07, 0.08, 0.09)
"""How often each pattern is drawn."""
_FIRST, _LAST = 1.2, 0.6
"""Premature beats lie within the recording: this far (s) from its start and end."""


def put_premature(rhythm: Rhythm, plan: Plan, duration: float, streams: Streams) -> Rhythm:
    """Return the rhythm with the premature beats of plans that have PAC or PVC."""
    onset, kind, pr = rhythm.onset.copy(), rhythm.kind.copy(), rhythm.pr.copy()
    rows = plan.rows("PAC")
    if len(rows):
        onset[rows], kind[rows], pr[rows] = _atrial(
            onset[rows], kind[rows], pr[rows], duration, streams.take(rows)
        )
    rows = plan.rows("PVC")
    if len(rows):
        may_interpolate = ~plan.has("AF", "AFL")[rows] & (rhythm.rate[rows] < 72.0)
        onset[rows], kind[rows], pr[rows] = _ventricular(
            onset[rows], kind[rows], pr[rows], duration, streams.take(rows), may_interpolate
        )
    order = np.argsort(np.where(np.isnan(onset), np.inf, onset), axis=1, kind="stable")
    put = replace(
        rhythm,
        onset=np.take_along_axis(onset, order, axis=1),
        kind=np.take_along_axis(kind, order, axis=1),
        pr=np.take_along_axis(pr, order, axis=1),
    )
    return with_qt_intervals(put)


def _atrial(
    onset: Float[Array, "n beat"],
    kind: Int[Array, "n beat"],
    pr: Float[Array, "n beat"],
    duration: float,
    streams: Streams,
) -> tuple[Array, Array, Array]:
    """Return the beats with one to five premature atrial ones, none next to another."""
    uniform = streams.uniform("ectopy", 2 + 3 * onset.shape[1])
    place, reset, score = np.split(uniform[:, 2:], 3, axis=1)
    chosen = _choose(onset, score, _how_many(uniform[:, 0]), duration)
    gap = np.diff(onset, axis=1, prepend=onset[:, :1] - 1.0)
    is_border = (uniform[:, 1] < 0.12)[:, None]
    ratio = np.where(is_border, between(place, 0.78, 0.84), between(place, 0.52, 0.76))
    coupling = np.minimum(np.maximum(ratio * gap, 0.33), 0.85 * gap)
    advance = np.where(chosen, gap - coupling, 0.0)
    later = np.cumsum(advance * between(reset, 0.75, 1.0), axis=1)
    before = np.concatenate([np.zeros((len(onset), 1)), later[:, :-1]], axis=1)
    kind = np.where(chosen, int(BeatKind.ATRIAL_PREMATURE), kind)
    changed = np.minimum(pr + 0.02 * (place - 0.5), np.maximum(pr, 0.195))
    changed = np.minimum(np.maximum(changed, 0.121), 0.7 * coupling)
    changed = np.where(pr > 0.200, np.maximum(changed, 0.2005), changed)
    return onset - before - advance, kind, np.where(chosen, changed, pr)


def _ventricular(
    onset: Float[Array, "n beat"],
    kind: Int[Array, "n beat"],
    pr: Float[Array, "n beat"],
    duration: float,
    streams: Streams,
    may_interpolate: Bool[Array, " n"],
) -> tuple[Array, Array, Array]:
    """Return the beats with premature ventricular ones in one of the patterns.

    All but the interpolated take the place of a beat, so that the pause is full.
    """
    n = onset.shape[1]
    uniform = streams.uniform("ectopy", 4 + 2 * n)
    place, score = np.split(uniform[:, 4:], 2, axis=1)
    pattern = pick(uniform[:, 1], _SHARES)
    is_between = pattern == _Pattern.INTERPOLATED
    pattern = np.where(is_between & ~may_interpolate, int(_Pattern.SINGLE), pattern)
    is_between, is_couplet = pattern == _Pattern.INTERPOLATED, pattern == _Pattern.COUPLET
    how_many = np.where(is_between, np.minimum(_how_many(uniform[:, 0]), N_SPARE), 0)
    is_scattered = is_couplet | (pattern == _Pattern.SINGLE)
    how_many = np.where(is_scattered, _how_many(uniform[:, 0]), how_many)
    chosen = _choose(onset, score, how_many, duration, n_apart=np.where(is_couplet, 3, 1))
    every = np.where(pattern == _Pattern.BIGEMINY, 2, 3)[:, None]
    phase = np.floor(uniform[:, 2] * 3).astype(int)[:, None]
    is_run = ~(is_scattered | is_between)[:, None] & ((np.arange(n) + phase) % every == 0)
    chosen |= is_run & _is_free(onset, duration)
    early = between(uniform[:, 3], 0.50, 0.72)[:, None] + 0.06 * (place - 0.5)
    gap = np.diff(onset, axis=1, prepend=onset[:, :1] - 1.0)
    coupling = np.maximum(np.minimum(np.maximum(early * gap, 0.32), 0.85 * gap), 0.27)
    between_two = (0.40 + 0.08 * uniform[:, 3:4]) * gap  # the next P has room behind it
    is_put = chosen & ~is_between[:, None]
    moved = np.where(is_put, np.roll(onset, 1, axis=1) + coupling, onset)
    kind = np.where(is_put, int(BeatKind.VENTRICULAR_PREMATURE), kind)
    _second_of_couplets(moved, kind, is_couplet)
    _keep_apart(moved, kind)
    _interpolate(moved, kind, chosen & is_between[:, None], between_two)
    return moved, kind, np.where(kind == BeatKind.VENTRICULAR_PREMATURE, np.nan, pr)


def _second_of_couplets(
    onset: Float[Array, "n beat"], kind: Int[Array, "n beat"], is_couplet: Bool[Array, " n"]
) -> None:
    """Make the beat after each premature one premature too, 0.34 to 0.60 s behind it."""
    first = (kind == BeatKind.VENTRICULAR_PREMATURE) & is_couplet[:, None]
    second = np.roll(first, 1, axis=1)
    second[:, 0] = False
    gap = onset - np.roll(onset, 1, axis=1)
    onset[second] = (np.roll(onset, 1, axis=1) + np.clip(0.45 * gap, 0.34, 0.60))[second]
    kind[second] = BeatKind.VENTRICULAR_PREMATURE


def _keep_apart(onset: Float[Array, "n beat"], kind: Int[Array, "n beat"]) -> None:
    """Move a beat that would follow a premature one by less than 0.32 s to that distance."""
    follows = np.roll(kind == BeatKind.VENTRICULAR_PREMATURE, 1, axis=1)
    earliest = np.roll(onset, 1, axis=1) + 0.32
    is_close = follows & (kind != BeatKind.VENTRICULAR_PREMATURE) & (onset < earliest)
    is_close[:, 0] = False
    onset[is_close] = earliest[is_close]


def _interpolate(
    onset: Float[Array, "n beat"],
    kind: Int[Array, "n beat"],
    chosen: Bool[Array, "n beat"],
    coupling: Float[Array, "n beat"],
) -> None:
    """Put a premature beat before each chosen beat, into the spare places at the end."""
    first_spare = onset.shape[1] - N_SPARE
    for row in np.flatnonzero(chosen.any(axis=1)):
        beats = np.flatnonzero(chosen[row])[:N_SPARE]
        spare = first_spare + np.arange(len(beats))
        onset[row, spare] = onset[row, beats - 1] + coupling[row, beats]
        kind[row, spare] = BeatKind.VENTRICULAR_PREMATURE


def _how_many(uniform: Float[Array, " n"]) -> Int[Array, " n"]:
    """Return one (15 %) or two to five."""
    more = 2 + np.floor((uniform - 0.15) / 0.85 * 4.0)
    return np.where(uniform < 0.15, 1, np.clip(more, 2, 5)).astype(int)


def _is_free(onset: Float[Array, "n beat"], duration: float) -> Bool[Array, "n beat"]:
    """Return which beats may come early."""
    with np.errstate(invalid="ignore"):
        return (onset > _FIRST) & (onset < duration - _LAST)


def _choose(
    onset: Float[Array, "n beat"],
    score: Float[Array, "n beat"],
    how_many: Int[Array, " n"],
    duration: float,
    n_apart: Array | int = 1,
) -> Bool[Array, "n beat"]:
    """Return up to `how_many` beats a recording in order of `score`, at least `n_apart` between."""
    left = np.where(_is_free(onset, duration), score, -1.0)
    chosen = np.zeros(onset.shape, dtype=bool)
    rows = np.arange(len(onset))
    position = np.arange(onset.shape[1])
    for turn in range(5):
        beat = left.argmax(axis=1)
        is_taken = (left[rows, beat] >= 0) & (turn < how_many)
        chosen[rows[is_taken], beat[is_taken]] = True
        is_near = np.abs(position - beat[:, None]) <= np.reshape(n_apart, (-1, 1))
        left[is_near & is_taken[:, None]] = -1.0
    return chosen
