"""Beat: each subject's dominant QRS and T, shaped by the planned conditions.

A beat is drawn, shaped and measured; it is taken when it meets the criteria of exactly what is
planned, and when the same draws without all or without each of the conditions meet no criterion
that they should not. Otherwise the next attempt is drawn. So labels are complete, and every
recording has twins in which one diagnosis is absent and nothing else changes.
"""

from dataclasses import dataclass, fields, replace
from functools import reduce
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from leadlens.simulate.conditions import FINDINGS, LOOKALIKES, RHYTHMS, Plan
from leadlens.simulate.measure import (
    Answers,
    Measures,
    axis_of,
    criteria,
    measure,
    of_lead,
    qrs_limits,
)
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

MAX_ATTEMPTS: Final = 120
CLEARANCE: Final = 0.28
"""How far beats without a diagnosis stay from its criterion, but for one in seven."""
Q_CLEARANCE: Final = 0.45
"""The same for Q waves: a normal septal q is short and shallow."""
NEAR_SHARE: Final = 0.15
DURATION_ERROR: Final = 0.005
"""How far the QRS duration may be from the programmed one, s; less than the borderline band."""
LAST_NODE_SPREAD: Final = 0.5
"""Part of the measured spread that the last two nodes of the QRS get: the fit lets them take up
the beginning of ST, and at full spread they make a notch at J that real beats do not have."""
_LAST_NODES: Final = slice(18, 24)
_ROWS: Final = 128

MEASURED: Final = ("LAD", "RAD", "LQRSV", "PRWP", "QAb", "TInv", "TAb")
_SHAPING: Final = tuple(name for name in FINDINGS if name not in ("IAVB", "PAC", "PVC", "LQT"))

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


def draw_beats(
    plan: Plan,
    is_male: Bool[Array, " n"],
    streams: Streams,
    keep: Bool[Array, "n finding"] | None = None,
) -> tuple[Plan, Int[Array, " n"]]:
    """Return the plans and, for each recording, the first attempt whose beat fits its plan.

    Where no attempt fits (about one in a thousand), of the findings that shape the beat only one
    is kept: one of `keep`, else the first.
    """
    attempt = np.full(len(plan), 2 * MAX_ATTEMPTS)
    pending, turn = np.arange(len(plan)), 0
    while len(pending) and turn < 2 * MAX_ATTEMPTS:
        if turn == MAX_ATTEMPTS:
            plan = _keep_one(plan, pending, keep)
        # several attempts at once when few recordings are left: the first that fits counts
        n_turns = 1 if turn == 0 else max(1, _ROWS // len(pending))
        n_turns = min(n_turns, MAX_ATTEMPTS - turn % MAX_ATTEMPTS)
        rows = np.repeat(pending, n_turns)
        turns = np.tile(np.arange(turn, turn + n_turns), len(pending))
        tried = streams.take(rows).at(turns)
        does_fit = _fits(plan.take(rows), is_male[rows], tried).reshape(-1, n_turns)
        is_found = does_fit.any(axis=1)
        attempt[pending[is_found]] = turn + does_fit[is_found].argmax(axis=1)
        pending, turn = pending[~is_found], turn + n_turns
    return plan, attempt


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
    if plan.has("LQRSV").any():
        field, after = _lower_voltage(plan, field, healthy, normal, after, streams)
    residual = draw_residual(qrs, streams.first)
    # criteria are met or missed on the leads, where the residual turns the axis by up to 10 degrees
    whole = with_residual(field, qrs, residual)
    measures = measure(whole[0], centre, width, whole[1], _t_peak(after), total)
    return Beats(field, centre, width, qrs, total, after, residual, measures)


def judged(plan: Plan) -> Answers:
    """Return for each measured diagnosis where its criterion applies.

    It does not where conduction or pacing explains the finding.
    """
    is_paced, has_block = plan.has("PR"), plan.has("RBBB", "LBBB")
    applies = dict.fromkeys(MEASURED, ~is_paced)
    for name in ("TAb", "TInv", "PRWP"):
        applies[name] = ~is_paced & ~has_block
    applies["QAb"] = ~is_paced & ~plan.has("LBBB")
    return applies


def expected(plan: Plan) -> Answers:
    """Return for each measured diagnosis whether the plan brings it about."""
    return {
        "LAD": plan.has("LAD", "LAnFB"),
        "TAb": plan.has("TAb", "TInv"),
        **{name: plan.has(name) for name in MEASURED if name not in ("LAD", "TAb")},
    }


def _fits(plan: Plan, is_male: Bool[Array, " n"], streams: Streams) -> Bool[Array, " n"]:
    """Return which beats fit their plans, and whose twins fit theirs."""
    is_near = streams.uniform("near", 1)[:, 0] < NEAR_SHARE
    beats = shape_beats(plan, is_male, streams)
    does_fit = _meets_exactly(plan, beats.measures, is_near) & _looks_right(plan, beats)
    candidates = np.flatnonzero(does_fit)
    does_fit[candidates] = _lasts_as_planned(beats, candidates)
    candidates = np.flatnonzero(does_fit)
    rows, twins = _twin_plans(plan, candidates)
    if len(rows):
        twin_beats = shape_beats(twins, is_male[rows], streams.take(rows))
        no_slack = np.ones(len(rows), dtype=bool)
        is_good = _meets_exactly(twins, twin_beats.measures, no_slack)
        np.logical_and.at(does_fit, rows, is_good)
    return does_fit


def _twin_plans(plan: Plan, candidates: Int[Array, " m"]) -> tuple[Int[Array, " k"], Plan]:
    """Return the plans of all twins that have another beat, and the recordings they belong to."""
    rows, plans = [candidates[:0]], [plan.take(candidates[:0])]
    shaping = [FINDINGS.index(name) for name in _SHAPING]
    n_shaping = plan.finding[:, shaping].sum(axis=1)
    for name in (*_SHAPING, "PR"):
        having = candidates[plan.has(name)[candidates]]
        rows.append(having)
        plans.append(plan.take(having).without(name))
    several = candidates[n_shaping[candidates] > 1]
    rows.append(several)
    plans.append(_without_shaping(plan.take(several), np.arange(len(several))))
    return np.concatenate(rows), reduce(_stack, plans)


def _stack(one: Plan, other: Plan) -> Plan:
    """Return two plans as one."""
    return Plan(
        *(np.concatenate([getattr(one, f.name), getattr(other, f.name)]) for f in fields(Plan))
    )


def _without_shaping(plan: Plan, rows: Int[Array, " m"]) -> Plan:
    """Return the plan without findings that shape the beat, for the recordings at `rows`."""
    finding = plan.finding.copy()
    for name in _SHAPING:
        finding[rows, FINDINGS.index(name)] = False
    return replace(plan, finding=finding)


def _keep_one(plan: Plan, rows: Int[Array, " m"], keep: Bool[Array, "n finding"] | None) -> Plan:
    """Return the plan with one finding that shapes the beat, for the recordings at `rows`."""
    shaping = np.isin(FINDINGS, _SHAPING)
    wanted = plan.finding & shaping
    if keep is not None:
        wanted = np.where((wanted & keep).any(axis=1, keepdims=True), wanted & keep, wanted)
    first = wanted.argmax(axis=1)
    finding = plan.finding.copy()
    finding[np.ix_(rows, shaping)] = False
    finding[rows, first[rows]] = wanted[rows, first[rows]]
    return replace(plan, finding=finding)


def _only_conduction(plan: Plan) -> Plan:
    """Return the plan with what decides the QRS duration, so that nothing else moves it."""
    finding = plan.finding.copy()
    for name in _SHAPING:
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
) -> tuple[Float[Array, "n 8 3"], Repolarisation]:
    """Return lead fields with low limb (60 %) or chest voltages, and T vectors kept visible.

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
    field, t_vector = field.copy(), after.t_vector.copy()
    field[rows, :2] *= gain_limb[:, None, None]
    field[rows, 2:] *= gain_chest[:, None, None]
    t_vector[rows] *= np.where(is_limb, limb, chest)[:, None] ** -0.35
    return field, replace(after, t_vector=t_vector)


def _t_peak(after: Repolarisation) -> Float[Array, "n 3"]:
    """Return the vector at the peak of T: T and the end of its shoulder."""
    return 1.03 * after.t_vector + np.array([0.005, 0.0, -0.010])


def _meets_exactly(plan: Plan, measures: Measures, is_near: Bool[Array, " n"]) -> Bool[Array, " n"]:
    """Return which beats meet the criteria of the plan and no other.

    Those that are not `is_near` also stay clear of every criterion that they do not meet.
    """
    met, near = criteria(measures), criteria(measures, CLEARANCE, Q_CLEARANCE)
    wanted, applies = expected(plan), judged(plan)
    does_fit = np.ones(len(plan), dtype=bool)
    for name in MEASURED:
        is_clear = ~met[name] & (is_near | ~near[name] | _blurs(plan, name))
        does_fit &= np.where(wanted[name], met[name], is_clear) | ~applies[name]
    return does_fit


def _blurs(plan: Plan, name: str) -> Bool[Array, " n"]:
    """Return where a planned finding comes close to the criterion of `name` by its nature."""
    close = {
        "PRWP": ("QAb", "LQRSV", "IRBBB", "NSIVCB"),
        "LAD": ("QAb", "NSIVCB", "IRBBB", "RBBB"),
        "RAD": ("QAb", "NSIVCB", "IRBBB", "RBBB"),
        "QAb": ("LAnFB", "NSIVCB", "PRWP", "LQRSV", "RAD", "LAD"),
        "TAb": ("LQRSV", "QAb", "NSIVCB", "IRBBB", "LAD", "RAD", "LAnFB"),
    }
    return plan.has(*close.get(name, ()))


def _looks_right(plan: Plan, beats: Beats) -> Bool[Array, " n"]:
    """Return which beats have the look of the planned conduction disorder, and no other's."""
    found = beats.measures
    r = {name: of_lead(found.r_wave, name) for name in ("I", "II", "aVL", "V1", "V6")}
    s = {name: of_lead(found.s_wave, name) for name in ("I", "II")}
    right, left = plan.has(*TERMINAL_CONDITIONS), plan.has("LBBB")
    # R' in V1 and S in I for a right-sided delay; no late R in V1 otherwise
    late = np.select([plan.has("RBBB"), plan.has("IRBBB")], [0.22, 0.12], 0.08)
    is_slurred = (s["I"] < -0.08) | plan.has("rSr")
    does_fit = np.where(right, (found.late_v1 > late) & is_slurred, True)
    is_free = right | plan.has("LBBB", "PR", "NSIVCB", "QAb")
    does_fit &= is_free | (found.late_v1 < 0.12)
    # R in V6 and I, hardly any in V1 for a left-sided one
    does_fit &= ~left | ((r["V6"] > 0.35) & (r["V1"] < 0.3) & (r["I"] > 0.25))
    does_fit &= ~plan.has("NSIVCB") | ~_looks_like_a_branch(found)
    # axis, rS in II, R in aVL without Q in the inferior leads
    fascicular = (found.axis < -45.0) & (found.axis > -90.0) & (r["II"] < -0.8 * s["II"])
    fascicular &= (r["aVL"] > 0.25) & (of_lead(found.q_duration, "aVF") < 0.012)
    does_fit &= ~plan.has("LAnFB") | fascicular
    is_marked = plan.has("LAnFB", "PR") | (plan.has("LAD") & left)
    does_fit &= is_marked | (found.axis > -45.0) | plan.has("RAD")
    voltage = np.maximum(found.limb_voltage / 3.2, found.chest_voltage / 5.5)
    return does_fit & (voltage < 1.0)


def _lasts_as_planned(beats: Beats, rows: Int[Array, " m"]) -> Bool[Array, " m"]:
    """Return which beats' QRS lasts as programmed within `DURATION_ERROR`, whatever was put in.

    The duration is fitted to the conduction alone, so that twins share it.
    """
    pattern, height = beats.residual
    lead_field, qrs = with_residual(
        beats.lead_field[rows], beats.qrs_vector[rows], (pattern[rows], height[rows])
    )
    begin, end = qrs_limits(lead_field, beats.qrs_centre[rows], beats.qrs_width[rows], qrs)
    return np.asarray(np.abs(end - begin - beats.qrs_duration[rows]) < DURATION_ERROR)


def _looks_like_a_branch(found: Measures) -> Bool[Array, " n"]:
    """Return which beats have the pattern of a bundle branch, which an unspecific delay has not.

    Right: R' in V1 or V2 and S in I or V6; left: little R in V1, and R late and without q in two
    of I, V5 and V6 (after Surawicz et al. 2009).
    """
    s_wave, q_depth, peak = found.s_wave, found.q_depth, found.r_peak_time
    is_right = np.maximum(found.late_v1, found.late_v2) > 0.08
    is_right &= (of_lead(s_wave, "I") < -0.08) | (of_lead(s_wave, "V6") < -0.08)
    is_late = (peak > 0.060) & (q_depth < 0.1 * found.r_wave)
    lateral = [of_lead(is_late, lead) for lead in ("I", "V5", "V6")]
    is_left = (of_lead(found.r_wave, "V1") < 0.3) & (np.sum(lateral, axis=0) >= 2)
    return is_right | is_left


__all__ = ["RHYTHMS", "Beats", "axis_of", "draw_beats", "expected", "judged", "shape_beats"]
