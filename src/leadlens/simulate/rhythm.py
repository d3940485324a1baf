"""Rhythm: when each beat comes, of which kind it is, and its PR interval.

All in seconds on a time axis whose zero is the first sample; beats reach beyond both ends of the
recording so that no wave is cut off artificially.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from jaxtyping import Float, Int

from leadlens.simulate.conditions import Plan

Array = np.ndarray


class BeatKind(IntEnum):
    """Where a beat begins."""

    DOMINANT = 0
    ATRIAL_PREMATURE = 1
    VENTRICULAR_PREMATURE = 2
    PACED = 3


@dataclass(frozen=True, eq=False)
class Rhythm:
    """The beats of one recording.

    Attributes:
        onset: QRS onset of each beat, s.
        kind: a BeatKind a beat.
        pr: P onset to QRS onset, s; NaN where the beat has no P wave.
        qt_rr: the RR interval that sets the beat's QT, s.
        rate: the programmed mean rate of the dominant rhythm, beats/min.
        flutter_cycle: period of the F waves in s, or None.
    """

    onset: Float[Array, " beat"]
    kind: Int[Array, " beat"]
    pr: Float[Array, " beat"]
    qt_rr: Float[Array, " beat"]
    rate: float
    flutter_cycle: float | None = None


def draw_rhythm(
    plan: Plan, age: float, duration: float, rng: np.random.Generator, ectopy: np.random.Generator
) -> Rhythm:
    """Return the beats of the planned rhythm, with premature beats if planned."""
    builders: dict[str, Callable[[], Rhythm]] = {
        "AF": lambda: _fibrillation(duration, rng),
        "AFL": lambda: _flutter(duration, rng),
        "PR": lambda: _paced(duration, rng),
    }
    rhythm = builders.get(plan.rhythm, lambda: _sinus(plan, age, duration, rng))()
    if plan.has("PAC"):
        return _with_premature_atrial(rhythm, duration, ectopy)
    if plan.has("PVC"):
        return _with_premature_ventricular(rhythm, duration, ectopy)
    return rhythm


def is_within(onset: Float[Array, " beat"], duration: float) -> Array:
    """Return which beats begin within the recording."""
    return (onset >= 0.0) & (onset < duration)


def sinus_rate(plan: Plan, rng: np.random.Generator) -> float:
    """Return a heart rate in beats/min that meets the planned rhythm's criterion.

    Normal 60 to 100, bradycardia below 60, tachycardia above 100; the medians and spreads are
    those measured by label in Chapman-Shaoxing (10,646 recordings).
    """
    if plan.rhythm == "SB":
        return float(np.clip(rng.normal(52.0, 5.0), 38.0, 58.5))
    if plan.rhythm == "STach":
        ceiling = 122.0 if plan.has("PAC", "PVC") else 148.0
        return float(min(102.5 + abs(rng.normal(4.0, 15.0)), ceiling))
    if plan.rhythm == "SA":
        rate = float(rng.uniform(48.0, 84.0))
        return min(rate, 58.5) if rate < 60.0 else max(rate, 61.5)
    return float(np.clip(rng.normal(75.0, 10.0), 62.0, 97.5))


def _sinus(plan: Plan, age: float, duration: float, rng: np.random.Generator) -> Rhythm:
    """Return sinus beats with respiratory, slow and random variability, and a constant PR."""
    rate = sinus_rate(plan, rng)
    mean = 60.0 / rate
    n = int(duration / mean * 1.6) + 8
    start = -1.5 * mean - rng.uniform(0.0, mean)
    count = np.arange(n) * mean
    respiration, phase = rng.uniform(0.15, 0.30), rng.uniform(0.0, 2 * np.pi, 2)
    depth = 0.1 if plan.rhythm == "SA" else 0.015 * abs(rng.standard_normal())
    deviation = depth * np.sin(2 * np.pi * respiration * count + phase[0])
    deviation += 0.008 * np.sin(2 * np.pi * 0.1 * count + phase[1])
    deviation += rng.uniform(0.002, 0.008) * rng.standard_normal(n)
    ceiling = min(0.09, 0.08 * mean)
    spread = None
    if plan.rhythm == "SA":
        spread = min(0.14 + abs(rng.normal(0.14, 0.08)), 0.50 * mean)
    onset = _place(start, mean, deviation * mean, duration, spread, ceiling)
    slope = -0.00015 * (rate - 75.0) + 0.0002 * (age - 50.0)
    usual = float(np.clip(rng.normal(0.155, 0.015) + slope, 0.122, 0.182))
    long = float(rng.uniform(0.225, 0.320) if rng.random() < 0.85 else rng.uniform(0.202, 0.225))
    pr = min(long, max(0.205, 0.55 * mean)) if plan.has("IAVB") else usual
    kind = np.zeros(n, dtype=int)
    return Rhythm(onset, kind, np.full(n, pr), _qt_rr(onset, mean), rate)


def _place(
    start: float,
    mean: float,
    deviation: Float[Array, " beat"],
    duration: float,
    spread: float | None,
    ceiling: float,
) -> Float[Array, " beat"]:
    """Return beat times whose RR intervals within the recording have this mean and spread.

    The spread (longest less shortest RR, s) is set when given, else kept below `ceiling`.
    """
    for _ in range(4):
        onset = start + np.cumsum(mean + deviation)
        inside = is_within(onset, duration)
        is_counted = inside & np.roll(inside, 1)
        is_counted[0] = False
        if not is_counted.any():
            return onset
        deviation = deviation - deviation[is_counted].mean()
        found = float(np.ptp(deviation[is_counted]))
        wanted = min(found, ceiling) if spread is None else spread
        deviation = deviation * (wanted / max(found, 1e-6))
    return start + np.cumsum(np.maximum(mean + deviation, 0.3))


def _fibrillation(duration: float, rng: np.random.Generator) -> Rhythm:
    """Return irregularly irregular beats: independent gamma intervals, no P waves."""
    is_slow = rng.random() < 0.12
    slow, usual = rng.uniform(42.0, 57.0), np.clip(rng.normal(95.0, 22.0), 63.0, 160.0)
    rate = float(slow if is_slow else usual)
    mean = 60.0 / rate
    variation = rng.uniform(0.16, 0.28)
    n = int(duration / mean * 1.8) + 10
    interval = rng.gamma(variation**-2, mean * variation**2, n)
    floor = min(0.32, 0.75 * mean)
    start = -1.5 * mean
    for _ in range(4):  # the mean RR within the recording is the programmed one
        interval = np.maximum(interval, floor)
        onset = start + np.cumsum(interval)
        inside = np.flatnonzero(is_within(onset, duration))
        interval = interval * (mean / float(np.mean(interval[inside[1:]])))
    onset = start + np.cumsum(np.maximum(interval, floor))
    kind = np.zeros(n, dtype=int)
    return Rhythm(onset, kind, np.full(n, np.nan), _qt_rr(onset, mean), rate)


def _flutter(duration: float, rng: np.random.Generator) -> Rhythm:
    """Return beats locked to flutter waves of 240 to 340/min: 2:1, 3:1, 4:1 or variable block."""
    cycle = 60.0 / float(np.clip(rng.normal(290.0, 22.0), 245.0, 340.0))
    n = int(duration / cycle / 2) + 10
    block = int(rng.choice(4, p=[0.40, 0.08, 0.30, 0.22]))
    ratios = np.full(n, (2, 3, 4, 2)[block])
    if block == 3:
        ratios = rng.choice([2, 3, 4], size=n, p=[0.4, 0.2, 0.4])
    onset = cycle * (np.cumsum(ratios) - 8 + rng.uniform(0.2, 0.8))
    onset = onset + 0.004 * rng.standard_normal(n)
    counted = onset[is_within(onset, duration)]
    mean = float(np.mean(np.diff(counted)))
    kind = np.zeros(n, dtype=int)
    return Rhythm(onset, kind, np.full(n, np.nan), _qt_rr(onset, mean), 60.0 / mean, cycle)


def _paced(duration: float, rng: np.random.Generator) -> Rhythm:
    """Return ventricular pacing at 62 to 85/min, behind tracked P waves in half the recordings."""
    mean = 60.0 / float(rng.uniform(62.0, 85.0))
    n = int(duration / mean) + 8
    onset = -1.5 * mean - rng.uniform(0.0, mean) + np.cumsum(mean + 0.001 * rng.standard_normal(n))
    pr = rng.uniform(0.14, 0.19) if rng.random() < 0.5 else np.nan
    kind = np.full(n, int(BeatKind.PACED))
    return Rhythm(onset, kind, np.full(n, float(pr)), _qt_rr(onset, mean), 60.0 / mean)


def _with_premature_atrial(rhythm: Rhythm, duration: float, rng: np.random.Generator) -> Rhythm:
    """Return the rhythm with one to five premature atrial beats that reset the sinus node."""
    onset, kind, pr = rhythm.onset.copy(), rhythm.kind.copy(), rhythm.pr.copy()
    for beat in _premature_beats(onset, duration, rng):
        gap = onset[beat] - onset[beat - 1]
        coupling = min(max(rng.uniform(0.52, 0.72) * gap, 0.33), 0.85 * gap)
        advance = gap - coupling
        onset[beat] -= advance
        onset[beat + 1 :] -= advance * rng.uniform(0.75, 1.0)
        kind[beat] = BeatKind.ATRIAL_PREMATURE
        pr[beat] = np.clip(pr[beat] + rng.normal(0.0, 0.010), 0.11, 0.7 * coupling)
    return Rhythm(onset, kind, pr, _qt_rr(onset, 60.0 / rhythm.rate), rhythm.rate)


def _with_premature_ventricular(
    rhythm: Rhythm, duration: float, rng: np.random.Generator
) -> Rhythm:
    """Return the rhythm with one to five premature ventricular beats, each with a full pause."""
    onset, kind, pr = rhythm.onset.copy(), rhythm.kind.copy(), rhythm.pr.copy()
    for beat in _premature_beats(onset, duration, rng):
        gap = onset[beat] - onset[beat - 1]
        onset[beat] = onset[beat - 1] + min(max(rng.uniform(0.48, 0.75) * gap, 0.32), 0.85 * gap)
        kind[beat] = BeatKind.VENTRICULAR_PREMATURE
        pr[beat] = np.nan
    mean = 60.0 / rhythm.rate
    return Rhythm(onset, kind, pr, _qt_rr(onset, mean), rhythm.rate, rhythm.flutter_cycle)


def _premature_beats(
    onset: Float[Array, " beat"], duration: float, rng: np.random.Generator
) -> list[int]:
    """Return which beats come early: one to five within the recording, no two in a row."""
    candidates = np.flatnonzero((onset > 1.2) & (onset < duration - 0.6))
    wanted = 1 if rng.random() < 0.15 else int(rng.integers(2, 6))
    chosen: list[int] = []
    for beat in rng.permutation(candidates):
        if len(chosen) < wanted and all(abs(beat - other) > 1 for other in chosen):
            chosen.append(int(beat))
    return sorted(chosen)


def _qt_rr(onset: Float[Array, " beat"], mean: float) -> Float[Array, " beat"]:
    """Return the RR that sets each QT: 0.6 of the mean and 0.4 of the preceding interval."""
    preceding = np.diff(onset, prepend=onset[0] - mean)
    return np.clip(0.6 * mean + 0.4 * preceding, 0.30, 1.8)
