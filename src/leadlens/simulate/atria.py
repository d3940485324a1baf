"""Atria: P waves, and the f and F waves of fibrillation and flutter."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from leadlens.simulate.conditions import Plan
from leadlens.simulate.onsets import reaches_into
from leadlens.simulate.rhythm import BeatKind, Rhythm
from leadlens.simulate.streams import Streams, between
from leadlens.simulate.torso import draw_atrial_lead_fields
from leadlens.simulate.waves import BatchWaves, Waves

Array = np.ndarray

N_SOURCES = 2
"""Independent sources of f waves; a flutter circuit is the first of them."""


@dataclass(frozen=True, eq=False)
class Atria:
    """The atrial activity of a batch.

    Attributes:
        lead_field: the atrial lead field.
        p_vector: of the right and the left part of P and of the atria's repolarisation after it,
            mV; p_premature: of premature beats.
        p_centre, p_width: s from P onset.
        p_duration: s.
        pattern: amplitude of each source of f or F waves on the eight leads, mV; 0 without.
        source: rate (Hz), depth and rate (Hz) of its swing, rate of its envelope (Hz), two phases.
        skew: how steep F waves are.
    """

    lead_field: Float[Array, "n 8 3"]
    p_vector: Float[Array, "n 3 3"]
    p_premature: Float[Array, "n 3 3"]
    p_centre: Float[Array, "n 3"]
    p_width: Float[Array, "n 3"]
    p_duration: Float[Array, " n"]
    pattern: Float[Array, "n 8 2"]
    source: Float[Array, "n 2 6"]
    skew: Float[Array, " n"]


def draw_atria(plan: Plan, rhythm: Rhythm, streams: Streams) -> Atria:
    """Return the atrial activity that goes with the rhythm.

    Measured P: peak vector (0.058, 0.096, -0.009) mV, duration 106 (12) ms. The atria's
    repolarisation is low, broad and against the P wave.
    """
    normal, uniform = streams.normal("p", 10), streams.uniform("p.premature", 3)
    scale = np.exp(0.30 * normal[:, :2, None])
    p_vector = 0.95 * scale * np.array([[0.050, 0.085, -0.015], [0.048, 0.055, 0.022]])
    p_vector = p_vector + 0.010 * normal[:, 3:9].reshape(-1, 2, 3)
    recovery = -0.16 * np.exp(0.4 * normal[:, 9])[:, None] * p_vector.sum(axis=1)
    p_vector = np.concatenate([p_vector, recovery[:, None]], axis=1)
    p_vector = np.where(
        plan.has("EAR")[:, None, None], p_vector * np.array([0.5, -0.9, -0.6]), p_vector
    )
    length = np.clip(1.0 + 0.11 * normal[:, 2], 0.8, 1.12)
    length = np.where(plan.has("delta"), 0.75 * np.minimum(length, 1.05), length)
    turn = between(uniform, np.array([-0.8, -1.4, -1.0]), np.array([0.8, -0.3, 1.0]))
    pattern, source, skew = _waves(plan, rhythm, streams)
    return Atria(
        lead_field=draw_atrial_lead_fields(streams),
        p_vector=p_vector,
        p_premature=p_vector * turn[:, None, :],
        p_centre=length[:, None] * np.array([0.038, 0.068, 0.190]),
        p_width=length[:, None] * np.array([0.0155, 0.0165, 0.055]),
        p_duration=0.106 * length,
        pattern=pattern,
        source=source,
        skew=skew,
    )


def draw_p_waves(atria: Atria, rhythm: Rhythm, duration: float) -> BatchWaves:
    """Return the P waves that reach into recordings of `duration` s, as dipoles.

    Premature ones differ in direction.
    """
    row, beat = np.nonzero(np.isfinite(rhythm.pr) & reaches_into(rhythm.onset, duration))
    is_premature = rhythm.kind[row, beat] == BeatKind.ATRIAL_PREMATURE
    width = atria.p_width[row]
    vector = np.where(is_premature[:, None, None], atria.p_premature[row], atria.p_vector[row])
    onset = rhythm.onset[row, beat] - rhythm.pr[row, beat]
    waves = Waves(onset, atria.p_centre[row], width, width, vector)
    return BatchWaves(waves, row, len(rhythm.onset))


def atrial_sources(atria: Atria, row: int, fs: float, n: int) -> Float32[Array, "source n"] | None:
    """Return the sources of f or F waves of one recording, or None where there are none."""
    if not atria.pattern[row].any():
        return None
    times = (np.arange(n) / fs).astype(np.float32)
    turn = np.float32(2 * np.pi)
    rate, depth, swing, envelope, phase, other = atria.source[row].T.astype(np.float32)[:, :, None]
    angle = turn * rate * times + phase
    if np.isfinite(atria.skew[row]):
        skew = np.float32(atria.skew[row])
        waves = [(skew ** (k - 1) / k) * np.sin(k * angle) for k in (1, 2, 3, 4)]
        return np.asarray(np.sum(waves, axis=0), dtype=np.float32)
    angle += depth / swing * np.sin(turn * swing * times + other)
    saw = sum(np.sin(np.float32(k) * angle) / np.float32(k) for k in (1, 2, 3))
    modulation = 1 + np.float32(0.35) * np.sin(turn * envelope * times + other)
    return np.asarray(modulation * saw, dtype=np.float32)


def _waves(
    plan: Plan, rhythm: Rhythm, streams: Streams
) -> tuple[Float[Array, "n 8 2"], Float[Array, "n 2 6"], Float[Array, " n"]]:
    """Return patterns, sources and skew of the f and F waves."""
    pattern = np.zeros((len(plan), 8, N_SOURCES))
    source = np.ones((len(plan), N_SOURCES, 6))
    skew = np.full(len(plan), np.nan)
    rows = plan.rows("AF")
    if len(rows):
        pattern[rows], source[rows] = _fibrillation(streams.take(rows))
    rows = plan.rows("AFL")
    if len(rows):
        pattern[rows], source[rows], skew[rows] = _flutter(
            streams.take(rows), rhythm.flutter_cycle[rows]
        )
    return pattern, source, skew


def _fibrillation(streams: Streams) -> tuple[Float[Array, "m 8 2"], Float[Array, "m 2 6"]]:
    """Return f waves: two sawtooth-like sources of 4 to 9 Hz, each with slow modulation.

    Largest in V1, then V2 and II; 22 % are fine (Stridh & Sornmo 2001,
    Petrenas et al. 2017).
    """
    uniform, normal = streams.uniform("f", 12), streams.normal("f.normal", 20)
    gains = np.array([0.35, 0.6, 1.4, 0.75, 0.5, 0.3, 0.3, 0.3])
    coarse = np.clip(0.065 * np.exp(0.40 * normal[:, 0]), 0.030, 0.14)
    fine = between(uniform[:, 1], 0.010, 0.024)
    height = np.where(uniform[:, 0] < 0.22, fine, coarse)[:, None]
    pattern = np.stack([gains * (1 + 0.3 * normal[:, 4:12]), gains * (1 + 0.3 * normal[:, 12:])], 2)
    pattern = height[:, :, None] * pattern * np.array([1.0, 0.5])
    base = np.clip(6.1 + 0.8 * normal[:, 1:2], 4.2, 8.8)
    source = np.empty((len(uniform), N_SOURCES, 6))
    source[:, :, 0] = base + 0.3 * normal[:, 2:4]
    source[:, :, 1] = 0.6
    source[:, :, 2:4] = between(uniform[:, 2:6], 0.1, 0.5).reshape(-1, 2, 2)
    source[:, :, 4:] = 2 * np.pi * uniform[:, 6:10].reshape(-1, 2, 2)
    return pattern, source


def _flutter(
    streams: Streams, cycle: Float[Array, " m"]
) -> tuple[Float[Array, "m 8 2"], Float[Array, "m 2 6"], Float[Array, " m"]]:
    """Return F waves, a sawtooth without an isoelectric line.

    Negative in the inferior leads and positive in V1 (80 %), or the reverse.
    """
    uniform, normal = streams.uniform("F", 3), streams.normal("F.normal", 9)
    gains = np.array([0.12, -1.0, 0.7, 0.3, 0.1, -0.12, -0.18, -0.2])
    sign = np.where(uniform[:, 0] < 0.8, 1.0, -1.0)[:, None]
    height = np.clip(0.13 * np.exp(0.35 * normal[:, :1]), 0.06, 0.32)
    pattern = np.zeros((len(uniform), 8, N_SOURCES))
    pattern[:, :, 0] = sign * height * gains * (1.0 + 0.15 * normal[:, 1:])
    source = np.ones((len(uniform), N_SOURCES, 6))
    source[:, :, 0] = 1.0 / cycle[:, None]
    source[:, :, 4] = 2 * np.pi * uniform[:, 1:2]
    return pattern, source, between(uniform[:, 2], 0.6, 0.9)
