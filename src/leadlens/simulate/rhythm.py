"""Rhythm: when each beat comes, of which kind it is, and its PR interval.

All in seconds on a time axis whose zero is the first sample; beats reach beyond both ends of the
recording so that no wave is cut off artificially. Every array has one row a recording.
"""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from leadlens.simulate.conditions import Plan
from leadlens.simulate.onsets import is_within, place_beats, regularity
from leadlens.simulate.streams import Streams, between, pick

Array = np.ndarray

N_SPARE: Final = 4
"""Places for beats that are put between others (interpolated premature beats)."""


class BeatKind(IntEnum):
    """Where a beat begins; NONE is an unused place, DROPPED a P wave without QRS."""

    NONE = -1
    DOMINANT = 0
    ATRIAL_PREMATURE = 1
    VENTRICULAR_PREMATURE = 2
    PACED = 3
    DROPPED = 4


@dataclass(frozen=True, eq=False)
class Rhythm:
    """The beats of a batch of recordings.

    Attributes:
        onset: QRS onset of each beat, s, in order; NaN in unused places.
        kind: a BeatKind a beat.
        pr: P onset to QRS onset, s; NaN where the beat has no P wave.
        qt_rr: the RR interval that sets the beat's QT, s.
        rate: mean ventricular rate of the dominant rhythm within the recording, beats/min.
        rr_range: longest less shortest RR of the dominant rhythm within the recording, s.
        flutter_cycle: period of the F waves in s, NaN where there are none.
    """

    onset: Float[Array, "n beat"]
    kind: Int[Array, "n beat"]
    pr: Float[Array, "n beat"]
    qt_rr: Float[Array, "n beat"]
    rate: Float[Array, " n"]
    rr_range: Float[Array, " n"]
    flutter_cycle: Float[Array, " n"]


def draw_rhythm(plan: Plan, age: Float[Array, " n"], duration: float, streams: Streams) -> Rhythm:
    """Return the beats of the planned rhythms, without premature ones, with empty places."""
    uniform = streams.uniform("rhythm", 10)
    n_beats = int(duration * 3.3) + 16
    mean = 60.0 / _programmed_rate(plan, uniform[:, 0], uniform[:, 1])
    normal = streams.normal("rhythm.beats", n_beats)
    interval, spread, ceiling = _sinus_intervals(plan, mean, uniform, normal)
    _fibrillation_intervals(plan, mean, uniform, normal, interval)
    cycle = _flutter_intervals(plan, streams, normal, interval)
    mean = np.where(plan.has("AFL"), np.median(interval, axis=1), mean)
    start = -(2.5 + uniform[:, 2]) * mean
    onset = place_beats(start, interval, mean, spread, ceiling, duration)
    onset = _on_its_side(onset, plan, duration)
    kind = np.full(onset.shape, int(BeatKind.DOMINANT))
    kind[plan.has("PR")] = BeatKind.PACED
    pr = np.repeat(_pr_interval(plan, mean, age, streams)[:, None], n_beats, axis=1)
    rate, rr_range = regularity(onset, duration)
    rhythm = Rhythm(onset, kind, pr, onset, rate, rr_range, cycle)
    rhythm = _with_spare_places(_with_lengthening_pr(rhythm, plan, duration, streams))
    return with_qt_intervals(rhythm)


def _programmed_rate(
    plan: Plan, place: Float[Array, " n"], border: Float[Array, " n"]
) -> Float[Array, " n"]:
    """Return the mean rate in beats/min; about one in seven lies close to a threshold.

    Medians and spreads are those measured by label in Chapman-Shaoxing (10,646 recordings):
    normal 75 (10), bradycardia 55 (4), tachycardia 112 (12), fibrillation 95 (27).
    """
    normal = _normal_quantile(place)
    is_near = border < 0.15
    low, high = between(place * 2, 60.4, 63.0), between(place * 2 - 1, 95.0, 99.5)
    usual = np.clip(75.0 + 9.0 * normal, 63.0, 95.0)
    slow = np.clip(53.0 + 4.0 * normal, 38.0, 57.5)
    fast = np.clip(95.0 + 22.0 * normal, 63.0, 165.0)
    by_rhythm = {
        "NSR": np.where(is_near, np.where(place < 0.5, low, high), usual),
        "SB": np.where(is_near, between(place, 57.5, 59.6), slow),
        "STach": np.where(is_near, between(place, 100.5, 104.0), 104.0 + 13.0 * np.abs(normal)),
        "SA": np.where(plan.is_slow, between(place, 47.0, 58.5), between(place, 63.0, 86.0)),
        "AF": np.where(plan.is_slow, between(place, 42.0, 57.0), fast),
        "AFL": np.full(len(place), 90.0),
        "PR": between(place, 61.5, 85.0),
        "EAR": between(place, 61.5, 98.0),
    }
    rate = np.select([plan.has(name) for name in by_rhythm], list(by_rhythm.values()))
    # of every fourth or fifth beat that second-degree block drops, 62 a minute and more are left
    rate = np.where(plan.has("block2"), between(place, 84.0, 99.0), rate)
    return np.minimum(rate, plan.top_rate)


def _normal_quantile(uniform: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Return the standard normal quantiles of uniform numbers, at most 3.5 either way."""
    # Here, not above: it takes a while to import, and every command reads the settings.
    from scipy.special import ndtri

    return np.clip(np.asarray(ndtri(uniform)), -3.5, 3.5)


def _sinus_intervals(
    plan: Plan,
    mean: Float[Array, " n"],
    uniform: Float[Array, "n 10"],
    normal: Float[Array, "n beat"],
) -> tuple[Float[Array, "n beat"], Float[Array, " n"], Float[Array, " n"]]:
    """Return RR intervals with respiratory, slow and random variability.

    Also the spread (longest less shortest) that sinus arrhythmia must have, NaN elsewhere, and
    the largest spread that others may have.
    """
    is_sa, is_paced = plan.has("SA"), plan.has("PR")
    count = np.arange(normal.shape[1]) * mean[:, None]
    respiration = between(uniform[:, 3], 0.12, 0.33)[:, None]
    phase = 2 * np.pi * uniform[:, 4:6]
    depth = np.where(is_sa, 0.1, 0.015 * np.abs(_normal_quantile(uniform[:, 6])))[:, None]
    deviation = depth * np.sin(2 * np.pi * respiration * count + phase[:, :1])
    # sinus arrhythmia is not always respiratory: part of it, or all, wanders or jumps
    share = np.where(is_sa, np.clip(1.6 * uniform[:, 8] - 0.4, 0.0, 1.0), 0.0)[:, None]
    deviation = (1.0 - share) * deviation + share * depth * _wandering(normal, uniform[:, 9])
    deviation += 0.008 * np.sin(2 * np.pi * 0.1 * count + phase[:, 1:])
    deviation += between(uniform[:, 7], 0.002, 0.008)[:, None] * normal
    deviation[is_paced] = 0.001 * normal[is_paced]
    is_border = uniform[:, 5] < 0.15
    wide = 0.145 + 0.14 * np.abs(_normal_quantile(uniform[:, 6]))
    wanted = np.where(is_border, between(uniform[:, 5] / 0.15, 0.125, 0.145), wide)
    spread = np.where(is_sa, np.minimum(wanted, 0.5 * mean), np.nan)
    usual = np.where(is_border, 0.11, np.minimum(0.09, 0.08 * mean))
    ceiling = np.where(plan.has("AF"), np.inf, np.where(plan.has("AFL"), np.nan, usual))
    return mean[:, None] * (1.0 + deviation), spread, ceiling


def _wandering(normal: Float[Array, "n beat"], jump: Float[Array, " n"]) -> Float[Array, "n beat"]:
    """Return slow random changes from beat to beat, in a third of cases with a sudden one."""
    slow = sum(np.roll(normal, k, axis=1) for k in range(4)) / 2.0
    place = np.arange(normal.shape[1]) - (3 + 10 * jump[:, None] * 3) % (normal.shape[1] / 2)
    sudden = np.where(jump[:, None] < 0.33, 1.5 * np.tanh(place), 0.0)
    return np.asarray(slow + sudden)


def _fibrillation_intervals(
    plan: Plan,
    mean: Float[Array, " n"],
    uniform: Float[Array, "n 10"],
    normal: Float[Array, "n beat"],
    interval: Float[Array, "n beat"],
) -> None:
    """Put in independent gamma intervals (Wilson & Hilferty 1931) with a refractory floor."""
    rows = plan.rows("AF")
    variation = between(uniform[rows, 6], 0.15, 0.28)[:, None]
    shape = variation**-2
    cube = 1.0 - 1.0 / (9.0 * shape) + normal[rows] / (3.0 * np.sqrt(shape))
    gamma = mean[rows, None] * np.maximum(cube, 0.2) ** 3
    interval[rows] = np.maximum(gamma, np.minimum(0.30, 0.75 * mean[rows])[:, None])


def _flutter_intervals(
    plan: Plan, streams: Streams, normal: Float[Array, "n beat"], interval: Float[Array, "n beat"]
) -> Float[Array, " n"]:
    """Put in beats locked to F waves of 245 to 340/min: 2:1, 3:1, 4:1 or variable block."""
    cycle = np.full(len(plan), np.nan)
    rows = plan.rows("AFL")
    if len(rows) == 0:
        return cycle
    uniform = streams.take(rows).uniform("flutter", 2 + interval.shape[1])
    cycle[rows] = 60.0 / np.clip(290.0 + 22.0 * _normal_quantile(uniform[:, 0]), 245.0, 340.0)
    block = pick(uniform[:, 1], (0.40, 0.08, 0.30, 0.22))
    variable = np.array([2, 3, 4])[pick(uniform[:, 2:], (0.4, 0.2, 0.4))]
    fixed = np.array([2, 3, 4, 0])[block][:, None]
    ratio = np.where(fixed > 0, fixed, variable)
    jitter = np.diff(0.004 * normal[rows], axis=1, prepend=0.0)
    interval[rows] = cycle[rows, None] * ratio + jitter
    return cycle


def _on_its_side(
    onset: Float[Array, "n beat"], plan: Plan, duration: float
) -> Float[Array, "n beat"]:
    """Return rhythms planned below (or above) 60 beats/min there within the recording.

    Beats that the recording's ends cut off leave another mean than was programmed.
    """
    rate = regularity(onset, duration)[0]
    is_slow = plan.is_slow | plan.has("SB")
    wanted = np.where(is_slow, np.minimum(rate, 59.4), np.maximum(rate, 60.3))
    wanted = np.where(plan.has("NSR", "EAR"), np.minimum(wanted, 99.7), wanted)
    wanted = np.where(plan.has("STach"), np.maximum(wanted, 100.3), wanted)
    is_off = ~plan.has("AFL") & (np.abs(rate - wanted) > 1e-9) & (rate > 0)
    ratio = np.where(is_off, rate, 1.0) / np.where(is_off, wanted, 1.0)
    return onset * ratio[:, None]


def _pr_interval(
    plan: Plan, mean: Float[Array, " n"], age: Float[Array, " n"], streams: Streams
) -> Float[Array, " n"]:
    """Return PR in s: 122 to 194 ms, above 200 ms in first-degree block; shorter when fast.

    Paced beats follow a tracked P wave in half the recordings; a delta wave shortens PR.
    """
    uniform, normal = streams.uniform("pr", 4), streams.normal("pr.normal", 1)[:, 0]
    slope = -0.00015 * (60.0 / mean - 75.0) + 0.0002 * (age - 50.0)
    usual = np.clip(0.155 + 0.015 * normal + slope, 0.122, 0.182)
    usual = np.where(uniform[:, 3] < 0.07, between(uniform[:, 0], 0.184, 0.194), usual)
    is_border = uniform[:, 1] < 0.15
    long = np.where(
        is_border, between(uniform[:, 0], 0.204, 0.212), between(uniform[:, 0], 0.212, 0.320)
    )
    usual = np.where(plan.has("EAR"), np.clip(usual - 0.02, 0.121, 0.18), usual)
    before_t = mean - 0.41 * np.cbrt(mean) + 0.03  # no longer: P would lie under the T before it
    pr = np.where(plan.has("IAVB"), np.minimum(long, np.maximum(0.204, before_t)), usual)
    pr = np.where(plan.has("delta"), between(uniform[:, 0], 0.085, 0.115), pr)
    tracked = np.where(uniform[:, 2] < 0.5, between(uniform[:, 0], 0.14, 0.19), np.nan)
    pr = np.where(plan.has("PR"), tracked, pr)
    return np.where(plan.has("AF", "AFL"), np.nan, pr)


def _with_lengthening_pr(rhythm: Rhythm, plan: Plan, duration: float, streams: Streams) -> Rhythm:
    """Put in second-degree block: PR grows by 30 to 60 ms a beat until a P is not conducted."""
    rows = plan.rows("block2")
    if len(rows) == 0:
        return rhythm
    onset, kind, pr = rhythm.onset.copy(), rhythm.kind.copy(), rhythm.pr.copy()
    uniform = streams.take(rows).uniform("block2", 3)
    period = (4 + np.floor(2 * uniform[:, 0])).astype(int)[:, None]
    step = between(uniform[:, 1], 0.030, 0.060)[:, None]
    place = (np.arange(onset.shape[1]) + (uniform[:, 2:] * 4).astype(int)) % period
    added = step * place * (place < period - 1)
    kind[rows] = np.where(place == period - 1, int(BeatKind.DROPPED), kind[rows])
    onset[rows] += added
    pr[rows] += added
    beats = np.where(kind == BeatKind.DROPPED, np.nan, onset)[rows]
    inside = np.where(is_within(np.nan_to_num(beats, nan=-1.0), duration), beats, np.nan)
    rate = rhythm.rate.copy()
    rate[rows] = (
        60.0
        * ((~np.isnan(inside)).sum(axis=1) - 1)
        / (np.nanmax(inside, axis=1) - np.nanmin(inside, axis=1))
    )
    return replace(rhythm, onset=onset, kind=kind, pr=pr, rate=rate)


def _with_spare_places(rhythm: Rhythm) -> Rhythm:
    """Return the rhythm with empty places after the last beat."""
    spare = np.full((len(rhythm.onset), N_SPARE), np.nan)
    none = np.full(spare.shape, int(BeatKind.NONE))
    return replace(
        rhythm,
        onset=np.concatenate([rhythm.onset, spare], axis=1),
        kind=np.concatenate([rhythm.kind, none], axis=1),
        pr=np.concatenate([rhythm.pr, spare], axis=1),
        qt_rr=np.concatenate([rhythm.qt_rr, spare], axis=1),
    )


def with_qt_intervals(rhythm: Rhythm) -> Rhythm:
    """Return the rhythm with the RR that sets each QT: memory keeps 0.6 of the mean RR.

    The other 0.4 are the interval before the beat.
    """
    mean = (60.0 / rhythm.rate)[:, None]
    preceding = np.diff(rhythm.onset, axis=1, prepend=rhythm.onset[:, :1] - mean)
    effective = np.nan_to_num(0.6 * mean + 0.4 * preceding, nan=1.0)
    return replace(rhythm, qt_rr=np.clip(effective, 0.30, 1.8))
