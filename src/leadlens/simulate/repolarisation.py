"""Repolarisation: the vectors of T, ST, J and U, and the corrected QT interval."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from leadlens.simulate.conditions import Plan
from leadlens.simulate.streams import Streams, between, pick

Array = np.ndarray

ST_SPREAD: Final = 0.025
"""Standard deviation in mV of each component of everyone's ST segment, and J_SPREAD of the J point:
at J, leads of normal adults spread by 0.03 to 0.06 mV (500 recordings of PTB-XL)."""
J_SPREAD: Final = 0.015
BREADTH_SPREAD: Final = np.array([0.18, 0.20])
"""Relative spread of the T wave's rising and falling widths: 67 (15) and 38 (10) ms."""


@dataclass(frozen=True, eq=False)
class Repolarisation:
    """T and what is near it; vectors in mV.

    Attributes:
        t_vector: amplitude of the T wave.
        st_vector: shift of the ST segment.
        u_vector: amplitude of the U wave.
        j_vector: of a J wave at the end of the QRS.
        qtc: QT at an RR of 1 s (Fridericia), s.
        breadth: factors of the T wave's rising and falling widths.
    """

    t_vector: Float[Array, "n 3"]
    st_vector: Float[Array, "n 3"]
    u_vector: Float[Array, "n 3"]
    j_vector: Float[Array, "n 3"]
    qtc: Float[Array, " n"]
    breadth: Float[Array, "n 2"]


def repolarisation(
    plan: Plan,
    qrs: Float[Array, "n wave 3"],
    t_vector: Float[Array, "n 3"],
    qrs_excess: Float[Array, " n"],
    is_male: Bool[Array, " n"],
    streams: Streams,
) -> Repolarisation:
    """Return T and ST with primary and secondary changes put in.

    `qrs_excess` is what the QRS lasts beyond 110 ms, in s: most of it lengthens QT.
    """
    normal = streams.normal("st", 8)
    t_vector, st_vector = t_vector.copy(), ST_SPREAD * normal[:, :3]
    total = qrs[:, :8].sum(axis=1)
    direction = total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-6)
    _secondary(plan, direction, t_vector, st_vector, streams)
    _abnormal(plan, direction, t_vector, st_vector, streams)
    _inverted(plan, t_vector, streams)
    _lookalike_st(plan, direction, t_vector, st_vector, streams)
    u_vector, j_vector = np.zeros_like(t_vector), J_SPREAD * normal[:, 3:6]
    rows = plan.rows("U")
    size = streams.take(rows).uniform("U", 1)
    u_vector[rows] = between(size, 0.015, 0.045) * np.array([0.3, 0.2, -0.9])
    rows = plan.rows("early")
    size = streams.take(rows).uniform("early", 1)
    j_vector[rows] = between(size, 0.05, 0.16) * np.array([0.8, 0.5, -0.5])
    qtc, stretch = _qtc(plan, is_male, streams)
    breadth = np.exp(np.clip(BREADTH_SPREAD * normal[:, 6:], -0.5, 0.5))
    breadth[:, 0] *= stretch
    # a wide QRS alone does not make a long QT
    below = np.where(plan.has("LQT"), np.inf, np.where(is_male, 0.448, 0.458))
    is_wide = plan.has("RBBB", "LBBB", "NSIVCB", "PR")
    longer = qtc + 0.8 * qrs_excess
    qtc = np.where(is_wide, longer, np.minimum(longer, below))
    return Repolarisation(t_vector, st_vector, u_vector, j_vector, qtc, breadth)


def _secondary(
    plan: Plan,
    direction: Float[Array, "n 3"],
    t_vector: Float[Array, "n 3"],
    st_vector: Float[Array, "n 3"],
    streams: Streams,
) -> None:
    """Put in T against the QRS in left block and pacing, T to the left and back in right block."""
    for name in ("LBBB", "PR"):
        rows = plan.rows(name)
        size = between(streams.take(rows).uniform(f"{name}.t", 1), 0.35, 0.75)
        t_vector[rows] = -direction[rows] * size + 0.15 * t_vector[rows]
        st_vector[rows] += 0.25 * t_vector[rows]
    rows = plan.rows("RBBB")
    size = between(streams.take(rows).uniform("RBBB.t", 1), 0.15, 0.35)
    t_vector[rows] += size * np.array([0.0, 0.0, 1.0])


def _abnormal(
    plan: Plan,
    direction: Float[Array, "n 3"],
    t_vector: Float[Array, "n 3"],
    st_vector: Float[Array, "n 3"],
    streams: Streams,
) -> None:
    """Make T low or flat (60 %), or weak and turned; 40 % with ST depression."""
    rows = plan.rows("TAb")
    uniform = streams.take(rows).uniform("TAb", 4)
    turn = streams.take(rows).normal("TAb.turn", 3)
    is_flat = (uniform[:, 0] < 0.6)[:, None]
    gain = np.where(
        is_flat, between(uniform[:, 1:2], 0.0, 0.35), between(uniform[:, 1:2], 0.2, 0.45)
    )
    t_vector[rows] = t_vector[rows] * gain + np.where(is_flat, 0.02, 0.07) * turn
    depth = np.where(uniform[:, 2:3] < 0.4, between(uniform[:, 3:], 0.03, 0.12), 0.0)
    st_vector[rows] -= direction[rows] * depth


def _inverted(plan: Plan, t_vector: Float[Array, "n 3"], streams: Streams) -> None:
    """Turn T away from an anterior, inferior or lateral region."""
    rows = plan.rows("TInv")
    uniform = streams.take(rows).uniform("TInv", 2)
    turn = streams.take(rows).normal("TInv.turn", 3)
    regions = np.array([[-0.10, -0.10, 0.9], [0.3, -0.9, -0.2], [-0.9, 0.1, -0.2]])
    region = pick(uniform[:, 0], (0.45, 0.25, 0.30))
    t_vector[rows] = (regions[region] + 0.15 * turn) * between(uniform[:, 1:], 0.20, 0.60)


def _lookalike_st(
    plan: Plan,
    direction: Float[Array, "n 3"],
    t_vector: Float[Array, "n 3"],
    st_vector: Float[Array, "n 3"],
    streams: Streams,
) -> None:
    """Put in unscored ST depression, or the raised ST and tall T of an acute infarct."""
    rows = plan.rows("STD")
    depth = streams.take(rows).uniform("STD", 1)
    st_vector[rows] -= direction[rows] * between(depth, 0.04, 0.14)
    rows = plan.rows("STE")
    uniform = streams.take(rows).uniform("STE", 2)
    regions = np.array([[0.25, 0.0, -0.9], [-0.1, 0.9, 0.1]])
    towards = regions[pick(uniform[:, 0], (0.6, 0.4))]
    st_vector[rows] += towards * between(uniform[:, 1:], 0.08, 0.25)
    t_vector[rows] += 0.12 * towards


def _qtc(
    plan: Plan, is_male: Bool[Array, " n"], streams: Streams
) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """Return QTc (Fridericia) in s and the breadth of T.

    Prolonged from 450 ms (men) or 460 ms (women); of long ones, a third have a broad T.
    """
    normal, uniform = streams.normal("qt", 1)[:, 0], streams.uniform("qt.long", 4)
    usual = np.clip(np.where(is_male, 0.392, 0.402) + 0.018 * normal, 0.350, 0.434)
    threshold = np.where(is_male, 0.450, 0.460)
    is_near = (uniform[:, 3] < 0.08) & ~plan.has("LQT")
    usual = np.where(is_near, threshold - between(uniform[:, 0], 0.003, 0.014), usual)
    is_border = uniform[:, 1] < 0.15
    long = threshold + np.where(
        is_border, between(uniform[:, 0], 0.003, 0.015), between(uniform[:, 0], 0.020, 0.105)
    )
    qtc = np.where(plan.has("LQT"), long, usual)
    return qtc, np.where(plan.has("LQT") & (uniform[:, 2] < 0.3), 1.4, 1.0)
