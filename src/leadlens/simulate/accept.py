"""Accept: beats drawn until each meets the criteria of exactly what is planned.

The same draws without all, or without each, of the conditions must meet no criterion that they
should not. Otherwise the next attempt is drawn. So labels are complete, and every recording has
twins in which one diagnosis is absent and nothing else changes.
"""

from dataclasses import fields, replace
from functools import reduce
from typing import Final

import numpy as np
from jaxtyping import Bool, Int

from leadlens.simulate.beat import Beats, shape_beats
from leadlens.simulate.conditions import FINDINGS, SHAPING, Plan
from leadlens.simulate.measure import Answers, Measures, criteria, of_lead, qrs_limits
from leadlens.simulate.shape import TERMINAL_CONDITIONS
from leadlens.simulate.streams import Streams
from leadlens.simulate.torso import with_residual

MAX_ATTEMPTS: Final = 240
CLEARANCE: Final = 0.28
"""How far beats without a diagnosis stay from its criterion, but for one in seven."""
Q_CLEARANCE: Final = 0.45
"""The same for Q waves: a normal septal q is short and shallow."""
NEAR_SHARE: Final = 0.15
DURATION_ERROR: Final = 0.005
"""How far the QRS duration may be from the programmed one, s; less than the borderline band."""
_ROWS: Final = 512
"""Beats shaped at once when few recordings are left: several attempts of each."""

MEASURED: Final = ("LAD", "RAD", "LQRSV", "PRWP", "QAb", "TInv", "TAb")
"""Diagnoses that are decided by measures of the beat, whatever was planned."""

Array = np.ndarray


def draw_beats(
    plan: Plan,
    is_male: Bool[Array, " n"],
    streams: Streams,
    keep: Bool[Array, "n finding"] | None = None,
) -> tuple[Plan, Int[Array, " n"]]:
    """Return the plans and, for each recording, the first attempt whose beat fits its plan.

    Where no attempt fits (two in a thousand of the balanced cohort), of the findings that shape
    the beat only one is kept: one of `keep`, else the first.
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
    shaping = [FINDINGS.index(name) for name in SHAPING]
    n_shaping = plan.finding[:, shaping].sum(axis=1)
    for name in (*SHAPING, "PR"):
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
    for name in SHAPING:
        finding[rows, FINDINGS.index(name)] = False
    return replace(plan, finding=finding)


def _keep_one(plan: Plan, rows: Int[Array, " m"], keep: Bool[Array, "n finding"] | None) -> Plan:
    """Return the plan with one finding that shapes the beat, for the recordings at `rows`."""
    shaping = np.isin(FINDINGS, SHAPING)
    wanted = plan.finding & shaping
    if keep is not None:
        wanted = np.where((wanted & keep).any(axis=1, keepdims=True), wanted & keep, wanted)
    first = wanted.argmax(axis=1)
    finding = plan.finding.copy()
    finding[np.ix_(rows, shaping)] = False
    finding[rows, first[rows]] = wanted[rows, first[rows]]
    return replace(plan, finding=finding)


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
