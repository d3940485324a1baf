"""Shape: what each condition does to the QRS vectors, and the QRS duration it has.

Ranges are those of the published criteria (AHA/ACCF/HRS 2009 parts III and IV, the universal
definition of myocardial infarction) with most draws well beyond a threshold, a minority close.
Every condition draws from a stream of its own name, for the recordings that have it.
"""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from leadlens.simulate.conditions import Plan
from leadlens.simulate.streams import Streams, between, pick
from leadlens.simulate.torso import calibration

Q, TERMINAL, DELTA = 8, 9, 10
"""The waves that follow the eight nodes of the QRS: initial Q, terminal R' or S, delta wave."""
N_WAVES: Final = 11
TERMINAL_CONDITIONS: Final = ("RBBB", "IRBBB", "rSr")
"""Conditions whose late forces follow a normal QRS."""

# x and z of the eight nodes of a left bundle branch block, mV
_LBBB_X: Final = np.array([0.02, 0.20, 0.30, 0.40, 0.45, 0.45, 0.25, 0.05])
_LBBB_Z: Final = np.array([-0.08, 0.15, 0.65, 1.05, 1.05, 0.75, 0.35, 0.05])

_DURATIONS: Final = {
    "RBBB": (0.120, 0.126, 0.168),
    "LBBB": (0.120, 0.126, 0.175),
    "IRBBB": (0.1105, 0.112, 0.1185),
    "NSIVCB": (0.1115, 0.116, 0.145),
    "PR": (0.142, 0.142, 0.188),
    "rSr": (0.086, 0.086, 0.1085),
}
"""QRS duration in s: lowest, end of the borderline band, highest."""

Array = np.ndarray


def qrs_durations(
    plan: Plan, is_male: Bool[Array, " n"], streams: Streams
) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """Return (total, normal) QRS durations in s; the normal one is what the heart has besides.

    Normal: men 96 (8) ms, women 89 (8) ms, as the measurement chain finds in real recordings;
    block from 120 ms, IRBBB 110 to 119 ms.
    """
    normal_draw = streams.normal("qrs.duration", 1)[:, 0]
    middle = np.where(is_male, 0.096, 0.089)
    usual = np.clip(middle + 0.008 * normal_draw, 0.072, 0.1065)
    total = np.minimum(usual + 0.006 * plan.has("LAnFB"), 0.1095)
    for name, (lowest, band, highest) in _DURATIONS.items():
        rows = plan.rows(name)
        uniform = streams.take(rows).uniform(f"{name}.duration", 2)
        is_border = uniform[:, 1] < 0.15
        clear = between(uniform[:, 0], band, highest)
        total[rows] = np.where(is_border, between(uniform[:, 0], lowest, band), clear)
    return total, usual


def shape_qrs(
    plan: Plan, qrs: Float[Array, "n wave 3"], streams: Streams
) -> Float[Array, "n wave 3"]:
    """Return the QRS vectors with conduction and Q-wave conditions and look-alikes put in."""
    qrs = qrs.copy()
    for change in (_lvh, _left_block, _right_block, _fascicular, _unspecific, _poor_r, _scar):
        change(plan, qrs, streams)
    rows = plan.rows("delta")
    uniform = streams.take(rows).uniform("delta", 4)
    direction = np.stack([between(uniform[:, 0], 0.2, 0.9), between(uniform[:, 1], -0.7, 0.7),
                          between(uniform[:, 2], -0.5, 0.5)], axis=1)  # fmt: skip
    qrs[rows, DELTA] = direction * between(uniform[:, 3], 0.2, 0.4)[:, None]
    return qrs


def _lvh(plan: Plan, qrs: Float[Array, "n wave 3"], streams: Streams) -> None:
    """Raise the forces to the left and back, as in left ventricular hypertrophy."""
    rows = plan.rows("LVH")
    gain = between(streams.take(rows).uniform("LVH", 1)[:, 0], 1.3, 1.7)[:, None]
    qrs[rows, 2:7, 0] *= gain
    qrs[rows, 2:7, 2] *= gain


def _left_block(plan: Plan, qrs: Float[Array, "n wave 3"], streams: Streams) -> None:
    """Put in the slow, notched QRS of a ventricle activated from the right, back and left."""
    for name in ("LBBB", "PR"):
        rows = plan.rows(name)
        uniform = streams.take(rows).uniform(name, 4)
        gain = between(uniform[:, :1], 0.75, 1.3)
        wide = (1.2, 2.0) if name == "LBBB" else (1.4, 2.4)
        qrs[rows, :8, 0] = _LBBB_X * gain * between(uniform[:, 1:2], *wide)
        qrs[rows, :8, 1] *= 0.3
        qrs[rows, :8, 2] = _LBBB_Z * gain * between(uniform[:, 2:3], 0.8, 1.2)
        notch = between(uniform[:, 3], 0.10, 0.22)
        qrs[rows, 3, 0] -= notch
        qrs[rows, 5, 0] += notch / 2.0


_RIGHT: Final = {
    "RBBB": (0.60, 1.40, 0.35, (-0.65, -0.35), (-0.85, -0.45)),
    "IRBBB": (0.30, 0.65, 1.00, (-0.80, -0.45), (-0.75, -0.35)),
    "rSr": (0.18, 0.50, 1.00, (-0.80, -0.45), (-0.75, -0.35)),
}
"""Late forces of right-sided delays: least and largest (mV), what they leave of the backward forces
before them (in a complete block they cancel most, and R' in V1 is as high as S is deep), and the
ranges of x and z of their direction."""


def _right_block(plan: Plan, qrs: Float[Array, "n wave 3"], streams: Streams) -> None:
    """Put in the late forces to the right and front of a right bundle branch block."""
    for name, (low, high, backward, right, front) in _RIGHT.items():
        rows = plan.rows(name)
        uniform = streams.take(rows).uniform(name, 3)
        normal = streams.take(rows).normal(f"{name}.direction", 1)
        direction = np.stack(
            [between(uniform[:, 0], *right), 0.15 * normal[:, 0], between(uniform[:, 1], *front)],
            axis=1,
        )
        qrs[rows, 3:8, 2] *= backward
        qrs[rows, 5:8] *= 0.6
        qrs[rows, TERMINAL] = direction * between(uniform[:, 2], low, high)[:, None]


def _fascicular(plan: Plan, qrs: Float[Array, "n wave 3"], streams: Streams) -> None:
    """Put in initial forces down and late forces up, as in left anterior fascicular block."""
    rows = plan.rows("LAnFB")
    uniform = streams.take(rows).uniform("LAnFB", 2)
    qrs[rows, 1, 1] += between(uniform[:, 0], 0.08, 0.16)
    qrs[rows, 4:7, 1] += between(uniform[:, 1:], -0.40, -0.15)


def _unspecific(plan: Plan, qrs: Float[Array, "n wave 3"], streams: Streams) -> None:
    """Weaken one node and bend the late forces at random."""
    rows = plan.rows("NSIVCB")
    uniform = streams.take(rows).uniform("NSIVCB", 2)
    bend = streams.take(rows).normal("NSIVCB.bend", 9).reshape(-1, 3, 3)
    node = 2 + np.floor(3 * uniform[:, 0]).astype(int)
    qrs[rows, node] *= between(uniform[:, 1:], 0.2, 0.6)
    qrs[rows, 4:7] += 0.14 * bend


def _poor_r(plan: Plan, qrs: Float[Array, "n wave 3"], streams: Streams) -> None:
    """Turn the early forces backward, so that R does not grow over the right chest leads."""
    rows = plan.rows("PRWP")
    uniform = streams.take(rows).uniform("PRWP", 2)
    qrs[rows, 1, 2] += between(uniform[:, 0], 0.05, 0.20)
    qrs[rows, 2, 2] += between(uniform[:, 0], 0.25, 0.55)
    qrs[rows, 3, 2] += between(uniform[:, 1], 0.40, 1.00)


def _scar(plan: Plan, qrs: Float[Array, "n wave 3"], streams: Streams) -> None:
    """Weaken the early forces and put in an initial wave that points away from a scar."""
    rows = plan.rows("QAb")
    uniform = streams.take(rows).uniform("QAb", 3)
    regions = np.array([[0.0, -1.0, 0.0], [0.1, 0.0, 1.0], [-1.0, 0.1, 0.1]])
    region = pick(uniform[:, 0], (0.45, 0.40, 0.15))
    region = np.where(plan.has("LAnFB", "LAD", "RAD")[rows], 1, region)
    away = regions[region]
    away[plan.has("LAnFB")[rows], 1] = 0.3  # the block's initial forces point down
    qrs[rows, 1:3] *= between(uniform[:, 1, None, None], 0.0, 0.5)
    qrs[rows, Q] = away * between(uniform[:, 2:], 0.30, 0.75)


def turn_to_axis(
    plan: Plan,
    field: Float[Array, "n 8 3"],
    qrs: Float[Array, "n wave 3"],
    width: Float[Array, "n wave"],
    streams: Streams,
) -> Float[Array, "n wave 3"]:
    """Return the QRS turned in the frontal plane until its axis is the wanted one.

    The first two nodes stay in a fascicular block: its initial forces point down and right. The
    turn has a closed form, as the areas of I and aVF are linear in its cosine and sine.
    """
    target = _target_axis(plan, streams)
    rows = np.flatnonzero(~np.isnan(target))
    if len(rows) == 0:
        return qrs
    theta = np.radians(target[rows])
    is_fixed = np.zeros((len(rows), N_WAVES), dtype=bool)
    is_fixed[:, :2] = plan.has("LAnFB")[rows, None]
    area = qrs[rows] * width[rows, :, None]
    moving = np.where(is_fixed[:, :, None], 0.0, area).sum(axis=1)
    total = area.sum(axis=1)
    # the component of a frontal lead vector across the wanted axis must vanish
    across = _across(field[rows], theta)
    x, y = moving[:, 0], moving[:, 1]
    a = across[:, 0] * x + across[:, 1] * y
    b = across[:, 1] * x - across[:, 0] * y
    rest = np.einsum("nk,nk->n", across, total) - a
    size = np.maximum(np.hypot(a, b), 1e-9)
    ratio = np.clip(-rest / size, -1.0, 1.0)
    middle = np.arctan2(b, a)
    turns = np.stack([middle + np.arccos(ratio), middle - np.arccos(ratio)], axis=1)
    turns = (turns + np.pi) % (2 * np.pi) - np.pi
    along = _across(field[rows], theta - np.pi / 2)
    forward = np.stack([_projected(along, moving, total, turns[:, k]) for k in (0, 1)], axis=1)
    turn = turns[np.arange(len(rows)), np.argmax(forward, axis=1)]
    cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
    turned = qrs.copy()
    vx, vy = qrs[rows, :, 0], qrs[rows, :, 1]
    turned[rows, :, 0] = np.where(is_fixed, vx, cos * vx - sin * vy)
    turned[rows, :, 1] = np.where(is_fixed, vy, sin * vx + cos * vy)
    return turned


def _across(field: Float[Array, "n 8 3"], theta: Float[Array, " n"]) -> Float[Array, "n 3"]:
    """Return the dipole weights of the frontal component at right angles to `theta`."""
    lead_i = field[:, 0]
    lead_avf = (field[:, 1] - field[:, 0] / 2.0) * 2.0 / np.sqrt(3.0)
    return lead_i * np.sin(theta)[:, None] - lead_avf * np.cos(theta)[:, None]


def _projected(
    along: Float[Array, "n 3"],
    moving: Float[Array, "n 3"],
    total: Float[Array, "n 3"],
    turn: Float[Array, " n"],
) -> Float[Array, " n"]:
    """Return the component along the wanted axis after a turn of the moving part."""
    cos, sin = np.cos(turn), np.sin(turn)
    x = cos * moving[:, 0] - sin * moving[:, 1] + total[:, 0] - moving[:, 0]
    y = sin * moving[:, 0] + cos * moving[:, 1] + total[:, 1] - moving[:, 1]
    return -(along[:, 0] * x + along[:, 1] * y + along[:, 2] * total[:, 2])


def _target_axis(plan: Plan, streams: Streams) -> Float[Array, " n"]:
    """Return the wanted axis in degrees, NaN where the QRS keeps its own."""
    ranges = {
        "LBBB": (-20.0, 60.0),
        "PR": (-85.0, -40.0),
        "LAD": (-60.0, -35.5),
        "RAD": (95.5, 130.0),
        "LAnFB": (-80.0, -48.0),
    }
    border = {"LAD": (-35.0, -30.6), "RAD": (90.6, 95.0), "LAnFB": (-50.0, -46.0)}
    target = np.full(len(plan), np.nan)
    uniform = streams.uniform("axis", 2)
    for name, (low, high) in ranges.items():
        rows = plan.rows(name)
        near = between(uniform[:, 0], *border.get(name, (low, high)))
        wanted = np.where(uniform[:, 1] < 0.15, near, between(uniform[:, 0], low, high))
        target[rows] = wanted[rows]
    rows = np.flatnonzero(plan.has("LAD") & ~plan.has("LBBB"))
    target[rows] = np.maximum(target[rows], -44.5)  # beyond that it would be a fascicular block
    return target


def core_durations(
    plan: Plan, total: Float[Array, " n"], normal: Float[Array, " n"]
) -> Float[Array, " n"]:
    """Return how long the eight nodes last, s: with a terminal wave, shorter than the QRS."""
    core = np.minimum(np.minimum(normal, 0.094), total - 0.012)
    return np.where(plan.has(*TERMINAL_CONDITIONS), core, total)


def node_timing(
    total: Float[Array, " n"], normal: Float[Array, " n"], plan: Plan, streams: Streams
) -> tuple[Float[Array, "n wave"], Float[Array, "n wave"]]:
    """Return a first guess of centres and widths of all waves in s from QRS onset.

    With a right-sided delay the normal QRS stays as it is and a terminal wave follows it.
    """
    given = calibration()
    uniform = streams.uniform("qrs.timing", 3)
    core = core_durations(plan, total, normal)
    centre = np.zeros((len(plan), N_WAVES))
    width = np.full((len(plan), N_WAVES), 0.010)
    centre[:, :8] = given.node_fraction * core[:, None]
    width[:, :8] = given.node_width * core[:, None]
    centre[:, Q] = between(uniform[:, 0], 0.021, 0.027)
    width[:, Q] = between(uniform[:, 1], 0.0075, 0.0100)
    rest = np.maximum(total - core, 0.012)
    is_partial = plan.has("IRBBB", "rSr")
    narrow = between(uniform[:, 2], 0.008, 0.011)
    width[:, TERMINAL] = np.where(is_partial, narrow, np.maximum(0.30 * rest, 0.010))
    centre[:, TERMINAL] = np.where(is_partial, total - 0.016, core + 0.35 * rest)
    centre[:, DELTA], width[:, DELTA] = 0.019, 0.0075
    return centre, width
