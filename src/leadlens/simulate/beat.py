"""Beat: each subject's dominant QRS and T, shaped by the planned conditions.

A beat is drawn, shaped and measured here; `accept` decides whether it is taken.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from leadlens.simulate.conditions import FINDINGS, LOOKALIKES, SHAPING, Plan
from leadlens.simulate.measure import Measures, measure, qrs_limits
from leadlens.simulate.repolarisation import Repolarisation, repolarisation
from leadlens.simulate.shape import (
    N_WAVES,
    TERMINAL,
    TERMINAL_CONDITIONS,
    core_durations,
    node_timing,
    qrs_durations,
    shape_qrs,
    turn_to_axis,
)
from leadlens.simulate.streams import Streams, between
from leadlens.simulate.torso import calibration, draw_lead_fields, draw_residual, with_residual

LAST_NODE_SPREAD: Final = 0.5
"""Part of the measured spread that the last two nodes of the QRS get: the fit lets them take up
the beginning of ST, and at full spread they make a notch at J that real beats do not have."""
_LAST_NODES: Final = slice(18, 24)

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Beats:
    """The dominant beats of a batch: waves in s from QRS onset, vectors in mV.

    Attributes:
        lead_field: the ventricular lead field.
        qrs_centre, qrs_width, qrs_vector: the QRS as Gaussians.
        qrs_duration: between the passes of VELOCITY_SHARE, s.
        after_qrs: T, ST, J and U.
        residual: what the three dipole components do not explain of the QRS: on the leads (8) and
            at the waves; about 5 % of its height.
        measures: of the noise-free beat.
    """

    lead_field: Float[Array, "n 8 3"]
    qrs_centre: Float[Array, "n wave"]
    qrs_width: Float[Array, "n wave"]
    qrs_vector: Float[Array, "n wave 3"]
    qrs_duration: Float[Array, " n"]
    after_qrs: Repolarisation
    residual: tuple[Float[Array, "n 8"], Float[Array, "n wave"]]
    measures: Measures


def shape_beats(plan: Plan, is_male: Bool[Array, " n"], streams: Streams) -> Beats:
    """Return the beats of these plans with the draws of `streams`, fitting or not."""
    field = draw_lead_fields(streams)
    total, normal = qrs_durations(plan, is_male, streams)
    centre, width = node_timing(total, normal, plan, streams)
    qrs, t_vector = _normal_vectors(streams)
    healthy = qrs
    conduction = shape_qrs(_only_conduction(plan), qrs, streams)
    centre, width = _fit_duration(plan, field, centre, width, conduction, total, normal)
    qrs = shape_qrs(plan, qrs, streams)
    qrs = turn_to_axis(plan, field, qrs, width, streams)
    excess = np.maximum(total - 0.110, 0.0)
    after = repolarisation(plan, qrs, t_vector, excess, is_male, streams)
    pattern, height = draw_residual(qrs, streams.first)
    if plan.has("LQRSV").any():
        gain, after = _lower_voltage(plan, field, healthy, normal, after, streams)
        field, pattern = gain[:, :, None] * field, gain * pattern
    residual = (pattern, height)
    # criteria are met or missed on the leads, where the residual turns the axis by up to 10 degrees
    whole = with_residual(field, qrs, residual)
    measures = measure(whole[0], centre, width, whole[1], _t_peak(after), total)
    return Beats(field, centre, width, qrs, total, after, residual, measures)


def _only_conduction(plan: Plan) -> Plan:
    """Return the plan with what decides the QRS duration, so that nothing else moves it."""
    finding = plan.finding.copy()
    for name in SHAPING:
        if name not in ("RBBB", "LBBB", "IRBBB", "LAnFB", "NSIVCB"):
            finding[:, FINDINGS.index(name)] = False
    kept = plan.lookalike & np.isin(tuple(LOOKALIKES), TERMINAL_CONDITIONS)
    return replace(plan, finding=finding, lookalike=kept)


def _normal_vectors(streams: Streams) -> tuple[Float[Array, "n wave 3"], Float[Array, "n 3"]]:
    """Return normal QRS vectors (the extra waves are 0) and T vectors, drawn jointly."""
    given = calibration()
    normal = streams.normal("qrs", 27)
    spread = np.einsum("nk,jk->nj", normal, given.qrs_t_factor)
    spread[:, _LAST_NODES] *= LAST_NODE_SPREAD
    drawn = given.qrs_t_mean + spread
    qrs = np.zeros((len(streams), N_WAVES, 3))
    qrs[:, :8] = drawn[:, :24].reshape(-1, 8, 3)
    return qrs, drawn[:, 24:]


def _fit_duration(
    plan: Plan,
    field: Float[Array, "n 8 3"],
    centre: Float[Array, "n wave"],
    width: Float[Array, "n wave"],
    qrs: Float[Array, "n wave 3"],
    total: Float[Array, " n"],
    normal: Float[Array, " n"],
) -> tuple[Float[Array, "n wave"], Float[Array, "n wave"]]:
    """Return centres and widths with which the QRS begins at 0 and ends at `total`.

    The nodes are stretched; where a terminal wave follows, the nodes get the normal duration and
    the terminal wave is moved.
    """
    centre, width = centre.copy(), width.copy()
    has_terminal = plan.has(*TERMINAL_CONDITIONS)
    core = core_durations(plan, total, normal)
    without = qrs.copy()
    without[:, TERMINAL] = 0.0
    begin, end = qrs_limits(field, centre, width, without)
    stretch = core / (end - begin)
    centre[:, :8] = (centre[:, :8] - begin[:, None]) * stretch[:, None]
    width[:, :8] *= stretch[:, None]
    rows = np.flatnonzero(has_terminal)
    for _ in range(2 if len(rows) else 0):
        _, end = qrs_limits(field[rows], centre[rows], width[rows], qrs[rows])
        centre[rows, TERMINAL] += total[rows] - end
    return centre, width


def _lower_voltage(
    plan: Plan,
    field: Float[Array, "n 8 3"],
    healthy: Float[Array, "n wave 3"],
    normal: Float[Array, " n"],
    after: Repolarisation,
    streams: Streams,
) -> tuple[Float[Array, "n 8"], Repolarisation]:
    """Return gains of leads with low limb (60 %) or chest voltages, and T vectors kept visible.

    The torso, not the heart, lowers them, and the other leads less: by the root of the factor.
    The factor is that of the healthy beat, so that other diagnoses do not change it.
    """
    rows = plan.rows("LQRSV")
    given = calibration()
    centre = np.full((len(rows), N_WAVES), 0.01)
    width = np.full((len(rows), N_WAVES), 0.01)
    centre[:, :8] = given.node_fraction * normal[rows, None]
    width[:, :8] = given.node_width * normal[rows, None]
    uniform = streams.take(rows).uniform("LQRSV", 3)
    found = measure(field[rows], centre, width, healthy[rows], after.t_vector[rows], normal[rows])
    is_limb = uniform[:, 0] < 0.6
    is_border = uniform[:, 2] < 0.15
    place = np.where(
        is_border, between(uniform[:, 1], 0.91, 0.99), between(uniform[:, 1], 0.5, 0.9)
    )
    limb = np.minimum(0.5 * place / found.limb_voltage, 1.0)
    chest = np.minimum(1.0 * place / found.chest_voltage, 1.0)
    gain_limb = np.where(is_limb, limb, np.sqrt(chest))
    gain_chest = np.where(is_limb, np.sqrt(limb), chest)
    gain, t_vector = np.ones(field.shape[:2]), after.t_vector.copy()
    gain[rows, :2], gain[rows, 2:] = gain_limb[:, None], gain_chest[:, None]
    t_vector[rows] *= np.where(is_limb, limb, chest)[:, None] ** -0.35
    return gain, replace(after, t_vector=t_vector)


def _t_peak(after: Repolarisation) -> Float[Array, "n 3"]:
    """Return the vector at the peak of T: T and the end of its shoulder."""
    return 1.03 * after.t_vector + np.array([0.005, 0.0, -0.010])
