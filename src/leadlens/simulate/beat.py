"""Beat: the subject's dominant QRS and T, shaped by the planned conditions.

Many candidates are drawn, shaped and measured at once; the first that meets all planned criteria
and stays clear of all others is taken. What is measured on it decides the labels.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from leadlens.simulate.conditions import Plan
from leadlens.simulate.measure import Measures, criteria, measure, of_lead
from leadlens.simulate.shape import (
    lower_voltage,
    qrs_duration,
    qrs_timing,
    shape_qrs,
    shape_t,
    steer_axis,
)
from leadlens.simulate.torso import calibration, draw_lead_fields

N_CANDIDATES: Final = 40
CLEARANCE: Final = 0.72
"""Strictness under which beats without a diagnosis must still not meet its criterion."""
Q_CLEARANCE: Final = 0.55
"""The same for Q waves: a normal septal q is short and shallow."""

MEASURED: Final = ("LAD", "RAD", "LQRSV", "PRWP", "QAb", "TInv", "TAb")

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Beat:
    """One subject's dominant beat: waves in s from QRS onset, vectors in mV.

    Attributes:
        lead_field: the ventricular lead field.
        qrs_centre, qrs_width, qrs_vector: the QRS as Gaussians.
        qrs_duration: s.
        t_vector, st_vector: amplitudes of the T wave and of a shift of the ST segment.
        qtc: programmed QT at an RR of 1 s (Fridericia), s.
        measured: those of MEASURED whose criterion the beat meets.
    """

    lead_field: Float[Array, "8 3"]
    qrs_centre: Float[Array, " wave"]
    qrs_width: Float[Array, " wave"]
    qrs_vector: Float[Array, "wave 3"]
    qrs_duration: float
    t_vector: Float[Array, " 3"]
    st_vector: Float[Array, " 3"]
    qtc: float
    measured: frozenset[str]


def draw_beat(
    plan: Plan,
    sex: str,
    lead_fields: np.random.Generator,
    qrs_rng: np.random.Generator,
    t_rng: np.random.Generator,
) -> Beat:
    """Return the dominant beat of a subject with the planned conditions."""
    n = N_CANDIDATES
    field = draw_lead_fields(lead_fields, n)
    duration = qrs_duration(plan, sex, qrs_rng)
    core = min(duration, qrs_rng.uniform(0.078, 0.094)) if plan.has("RBBB", "IRBBB") else duration
    centre, width = qrs_timing(plan, duration, core, qrs_rng)
    qrs, t_vector = _normal_vectors(qrs_rng, n)
    qrs = shape_qrs(plan, qrs, qrs_rng)
    qrs = steer_axis(plan, field, qrs, width, qrs_rng)
    t_vector, st_vector = shape_t(plan, qrs, t_vector, t_rng)
    if plan.has("LQRSV"):
        field, t_vector = lower_voltage(field, centre, width, qrs, t_vector, duration, qrs_rng)
    measures = measure(field, centre, width, qrs, t_vector, duration)
    best = int(np.argmin(_misfit(plan, measures)))
    met = criteria(measures)
    judged = [name for name in MEASURED if _is_judged(plan, name)]
    return Beat(
        lead_field=field[best],
        qrs_centre=centre,
        qrs_width=width,
        qrs_vector=qrs[best],
        qrs_duration=duration,
        t_vector=t_vector[best],
        st_vector=st_vector[best],
        qtc=_qtc(plan, sex, duration, t_rng),
        measured=frozenset(name for name in judged if met[name][best]),
    )


def _normal_vectors(
    rng: np.random.Generator, n: int
) -> tuple[Float[Array, "n wave 3"], Float[Array, "n 3"]]:
    """Return normal QRS vectors (the two extra waves are 0) and T vectors, drawn jointly."""
    given = calibration()
    drawn = given.qrs_t_mean + rng.standard_normal((n, 27)) @ given.qrs_t_factor.T
    qrs = np.zeros((n, 10, 3))
    qrs[:, :8] = drawn[:, :24].reshape(n, 8, 3)
    return qrs, drawn[:, 24:]


def _misfit(plan: Plan, measures: Measures) -> Float[Array, " n"]:
    """Return for every candidate how many criteria are not as planned (0: all are)."""
    met, near = criteria(measures), criteria(measures, CLEARANCE)
    near["QAb"] = criteria(measures, Q_CLEARANCE)["QAb"]
    misfit = np.zeros(len(measures.axis))
    for name in MEASURED:
        if not _is_judged(plan, name):
            continue
        if plan.has(name) or (name, True) in _also_met(plan):
            misfit += 10.0 * ~met[name]
        elif (name, False) not in _also_met(plan):
            misfit += 10.0 * met[name] + near[name]
    misfit += _shape_misfit(plan, measures)
    voltage = np.maximum(measures.limb_voltage / 3.0, measures.chest_voltage / 5.0)
    return misfit + 2.0 * (voltage > 1.0)


def _shape_misfit(plan: Plan, measures: Measures) -> Float[Array, " n"]:
    """Return how far every candidate is from the look of the planned conduction disorder."""
    rows = {
        name: (of_lead(measures.r_wave, name), of_lead(measures.s_wave, name))
        for name in ("I", "II", "aVL", "V1", "V6")
    }
    misfit = np.zeros(len(measures.axis))
    if plan.has("RBBB", "IRBBB"):  # R' in V1, S in I
        misfit += 4.0 * (measures.late_v1 < (0.25 if plan.has("RBBB") else 0.15))
        misfit += 1.0 * (rows["I"][1] > -0.10)
    elif not plan.has("LBBB", "PR", "NSIVCB"):
        misfit += 2.0 * (measures.late_v1 > 0.10)
    if plan.has("LBBB"):  # R in V6 and I, S in V1
        misfit += 4.0 * (rows["V6"][0] < 0.4) + 4.0 * (rows["V1"][0] > 0.3)
        misfit += 2.0 * (rows["I"][0] < 0.25)
    if plan.has("LAnFB"):  # rS in II, R in aVL
        misfit += 20.0 * ((measures.axis > -45.0) | (measures.axis < -90.0))
        misfit += 2.0 * (rows["II"][0] > 0.7 * -rows["II"][1]) + 2.0 * (rows["aVL"][0] < 0.3)
        misfit += 2.0 * (of_lead(measures.q_duration, "aVF") > 0.0)
        if not plan.has("RBBB"):
            misfit += 2.0 * (rows["I"][0] < -1.5 * rows["I"][1])
    return misfit


def _also_met(plan: Plan) -> set[tuple[str, bool]]:
    """Return criteria that planned conditions bring with them: (name, whether always)."""
    brought: set[tuple[str, bool]] = set()
    if plan.has("LAnFB"):
        brought.add(("LAD", True))
    if plan.has("TInv"):
        brought.add(("TAb", True))
    if plan.has("QAb", "LQRSV"):
        brought.add(("PRWP", False))
    return brought


def _is_judged(plan: Plan, name: str) -> bool:
    """Return whether a criterion applies: not where conduction or pacing explains the finding."""
    if plan.has("PR"):
        return False
    if name in ("TAb", "TInv"):
        return not plan.has("RBBB", "LBBB")
    if name == "PRWP":
        return not plan.has("RBBB", "LBBB")
    return not (name == "QAb" and plan.has("LBBB"))


def _qtc(plan: Plan, sex: str, qrs_duration: float, rng: np.random.Generator) -> float:
    """Return QTc (Fridericia) in s: prolonged from 450 ms (men) or 460 ms (women).

    A wide QRS lengthens QT by most of its excess and is not called a prolonged QT.
    """
    usual = float(np.clip(rng.normal(0.402 if sex == "male" else 0.412, 0.015), 0.365, 0.436))
    clear, border = rng.uniform(0.480, 0.560), rng.uniform(0.462, 0.478)
    long = float(clear if rng.random() < 0.88 else border)
    return (long if plan.has("LQT") else usual) + 0.8 * max(qrs_duration - 0.110, 0.0)
