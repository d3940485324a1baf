"""Premature: the form of ventricular premature beats, and of pacing spikes."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from leadlens.simulate.conditions import Plan
from leadlens.simulate.measure import qrs_limits
from leadlens.simulate.streams import Streams, between, pick

Array = np.ndarray

N_FORMS: Final = 2
"""Forms of ventricular premature beats a recording may have; most have one."""

# height of the eight nodes of a ventricular ectopic QRS
_NODES: Final = np.array([0.10, 0.35, 0.80, 1.00, 0.80, 0.45, 0.15, 0.03])

# origin of an ectopic beat: direction of its QRS (x, y, z) and how often it is drawn
_DIRECTIONS: Final = np.array([[0.25, 0.85, 0.60], [-0.55, 0.35, -0.80], [0.3, -0.9, 0.3]])
_SHARES: Final = (0.4, 0.4, 0.2)


@dataclass(frozen=True, eq=False)
class Premature:
    """Ventricular premature beats of a batch; times in s from QRS onset, vectors in mV.

    Attributes:
        duration: of the QRS.
        qrs_centre, qrs_width, qrs_vector: of its eight nodes.
        t_vector: of the T wave.
        is_multiform: 1 where beats take both forms in turn, else 0.
        spike: of a pacemaker on the eight leads; 0 where invisible.
    """

    duration: Float[Array, "n form"]
    qrs_centre: Float[Array, "n form 8"]
    qrs_width: Float[Array, "n form 8"]
    qrs_vector: Float[Array, "n form 8 3"]
    t_vector: Float[Array, "n form 3"]
    is_multiform: Float[Array, " n"]
    spike: Float[Array, "n 8"]


def draw_premature(plan: Plan, lead_field: Float[Array, "n 8 3"], streams: Streams) -> Premature:
    """Return the forms of the premature beats of recordings that have them.

    QRS 132 to 180 ms, 0.9 to 1.7 times as high as a usual one, T against it.
    """
    n = len(plan)
    duration = np.full((n, N_FORMS), 0.15)
    centre, width = np.zeros((n, N_FORMS, 8)), np.full((n, N_FORMS, 8), 0.01)
    qrs_vector, t_vector = np.zeros((n, N_FORMS, 8, 3)), np.zeros((n, N_FORMS, 3))
    is_multiform = np.zeros(n)
    rows = plan.rows("PVC")
    for form in range(N_FORMS if len(rows) else 0):
        uniform = streams.take(rows).uniform(f"PVC.{form}", 5)
        normal = streams.take(rows).normal(f"PVC.{form}.turn", 6)
        direction = _DIRECTIONS[pick(uniform[:, 0], _SHARES)] + 0.2 * normal[:, :3]
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        size = between(uniform[:, 2], 0.9, 1.7)
        turn = np.linspace(-1.0, 1.0, 8)[:, None] * 0.3 * normal[:, None, 3:]
        vectors = size[:, None, None] * _NODES[:, None] * (direction[:, None] + turn)
        t = -size[:, None] * between(uniform[:, 3:4], 0.35, 0.55) * direction
        on_leads = np.einsum("nlx,nwx->nlw", lead_field[rows], vectors)
        # an ectopic beat that no lead shows would be no finding
        gain = np.clip(1.2 / np.abs(on_leads).max(axis=(1, 2)), 1.0, 4.0)
        duration[rows, form] = between(uniform[:, 1], 0.132, 0.180)
        centre[rows, form], width[rows, form] = _timing(
            duration[rows, form], lead_field[rows], vectors
        )
        qrs_vector[rows, form] = gain[:, None, None] * vectors
        t_vector[rows, form] = gain[:, None] * t
        is_multiform[rows] = uniform[:, 4] < 0.15
    spike = np.zeros((n, 8))
    rows = plan.rows("PR")
    uniform = streams.take(rows).uniform("spike", 2)
    shape = np.abs(streams.take(rows).normal("spike.leads", 8))
    size = np.where(uniform[:, :1] < 0.4, 0.015, between(uniform[:, 1:], 0.15, 0.8))
    spike[rows] = size * shape
    return Premature(duration, centre, width, qrs_vector, t_vector, is_multiform, spike)


def _timing(
    duration: Float[Array, " m"],
    lead_field: Float[Array, "m 8 3"],
    vectors: Float[Array, "m 8 3"],
) -> tuple[Float[Array, "m 8"], Float[Array, "m 8"]]:
    """Return centres and widths in s with which the QRS lasts from 0 to its duration."""
    centre = 0.020 + 0.75 * duration[:, None] * (0.04 + 0.1314 * np.arange(8))
    width = np.broadcast_to(0.056 * duration[:, None], centre.shape)
    begin, end = qrs_limits(lead_field, centre, width, vectors)
    stretch = (duration / (end - begin))[:, None]
    return (centre - begin[:, None]) * stretch, width * stretch
