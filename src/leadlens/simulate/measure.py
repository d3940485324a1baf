"""Measures: what the criteria for axis, voltage, Q, R and T say of a noise-free beat.

The programmed vectors alone do not decide these diagnoses, the subject's lead field has its say.
So they are measured on the leads, for many candidate beats at once, and labels follow.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from leadlens.ecg.leads import STANDARD_FROM_INDEPENDENT, STANDARD_LEADS

STEP: Final = 0.002
"""Sampling interval of the measurement in s, whatever the recording's rate."""

Array = np.ndarray
Answers = dict[str, Bool[Array, " n"]]


@dataclass(frozen=True, eq=False)
class Measures:
    """Measures of `n` beats; voltages in mV, the axis in degrees.

    Attributes:
        axis: mean frontal QRS axis, from the areas of I and aVF.
        limb_voltage: largest peak-to-peak QRS of the limb leads.
        chest_voltage: largest peak-to-peak QRS of the chest leads.
        r_wave: height of the QRS in each standard lead, 0 where it has no positive part.
        s_wave: depth of the QRS in each standard lead, signed, 0 where it has no negative part.
        q_duration: length of the initial negative deflection, s.
        q_depth: its depth; both 0 where the QRS starts upward.
        is_qs: where the QRS has no positive part.
        late_v1: largest value in V1 in the last 45 % of the QRS.
        t_wave: T amplitude in each standard lead, signed.
    """

    axis: Float[Array, " n"]
    limb_voltage: Float[Array, " n"]
    chest_voltage: Float[Array, " n"]
    r_wave: Float[Array, "n 12"]
    s_wave: Float[Array, "n 12"]
    q_duration: Float[Array, "n 12"]
    q_depth: Float[Array, "n 12"]
    is_qs: Bool[Array, "n 12"]
    late_v1: Float[Array, " n"]
    t_wave: Float[Array, "n 12"]


def measure(
    lead_field: Float[Array, "n 8 3"],
    centre: Float[Array, " wave"],
    width: Float[Array, " wave"],
    qrs: Float[Array, "n wave 3"],
    t_vector: Float[Array, "n 3"],
    qrs_duration: float,
) -> Measures:
    """Return the measures of beats whose QRS is a sum of Gaussians (s) with vectors (mV)."""
    times = np.arange(-0.15 * qrs_duration, 1.15 * qrs_duration, STEP)
    shape = np.exp(-0.5 * ((times - centre[:, None]) / width[:, None]) ** 2)
    waves = STANDARD_FROM_INDEPENDENT @ (lead_field @ (qrs.transpose(0, 2, 1) @ shape))
    span = np.ptp(waves, axis=2)
    has_risen = np.maximum.accumulate(waves > 0.025, axis=2)
    is_q = (waves < -0.02) & ~has_risen
    depth = np.where(has_risen, 0.0, -waves).max(axis=2)
    late = waves[:, 6, times > 0.55 * qrs_duration]
    t_independent = np.einsum("nlx,nx->nl", lead_field, t_vector)
    return Measures(
        axis=axis_of(lead_field, qrs, width),
        limb_voltage=span[:, :6].max(axis=1),
        chest_voltage=span[:, 6:].max(axis=1),
        r_wave=np.maximum(waves.max(axis=2), 0.0),
        s_wave=np.minimum(waves.min(axis=2), 0.0),
        q_duration=is_q.sum(axis=2) * STEP,
        q_depth=np.maximum(depth, 0.0),
        is_qs=~has_risen[:, :, -1],
        late_v1=late.max(axis=1),
        t_wave=t_independent @ STANDARD_FROM_INDEPENDENT.T,
    )


def axis_of(
    lead_field: Float[Array, "n 8 3"], qrs: Float[Array, "n wave 3"], width: Float[Array, " wave"]
) -> Float[Array, " n"]:
    """Return the frontal QRS axis in degrees: I points to 0, aVF to 90, II to 60.

    aVF, an augmented lead, is scaled by 2 / sqrt(3), so that -30 degrees is where II is zero.
    """
    area = np.einsum("nlx,nwx,w->nl", lead_field[:, :2], qrs, width)
    lead_i, lead_avf = area[:, 0], area[:, 1] - area[:, 0] / 2.0
    return np.degrees(np.arctan2(lead_avf * 2.0 / np.sqrt(3.0), lead_i))


def criteria(measures: Measures, strictness: float = 1.0) -> Answers:
    """Return for each measured diagnosis which beats meet its criterion.

    Args:
        measures: of the beats.
        strictness: 1 for the published thresholds; below 1 also what comes near them.
    """
    loose = 1.0 / strictness
    answers: Answers = {
        "LAD": (measures.axis < -30.0 + 20.0 * (loose - 1.0)) & (measures.axis > -100.0),
        "RAD": (measures.axis > 90.0 - 20.0 * (loose - 1.0)) | (measures.axis <= -100.0),
        "LQRSV": (measures.limb_voltage < 0.5 * loose) | (measures.chest_voltage < 1.0 * loose),
        "PRWP": of_lead(measures.r_wave, "V3") <= 0.3 * loose,
        "QAb": _abnormal_q(measures, strictness),
        "TInv": _inverted_t(measures, strictness),
    }
    answers["TAb"] = _abnormal_t(measures, loose) | answers["TInv"]
    return answers


def _abnormal_q(measures: Measures, strictness: float) -> Bool[Array, " n"]:
    """Q of 30 ms and 0.1 mV in two contiguous leads, or 20 ms or QS in V2 and V3 (UDMI-4)."""
    is_long = measures.q_duration >= 0.030 * strictness
    is_deep = measures.q_depth >= 0.1 * strictness
    pairs = (("II", "aVF"), ("I", "aVL"), ("V4", "V5"), ("V5", "V6"))
    found = np.zeros(len(measures.axis), dtype=bool)
    for pair in pairs:
        found |= np.all([of_lead(is_long & is_deep, lead) for lead in pair], axis=0)
    is_anterior = (measures.q_duration >= 0.020 * strictness) | measures.is_qs
    return found | np.all([of_lead(is_anterior & is_deep, lead) for lead in ("V2", "V3")], axis=0)


def _inverted_t(measures: Measures, strictness: float) -> Bool[Array, " n"]:
    """T of -0.1 mV or less in two contiguous leads where it should be upright."""
    is_inverted = measures.t_wave <= -0.1 * strictness
    pairs = (("V2", "V3"), ("V3", "V4"), ("V4", "V5"), ("V5", "V6"), ("I", "aVL"), ("II", "aVF"))
    found = np.zeros(len(measures.axis), dtype=bool)
    for pair in pairs:
        found |= np.all([of_lead(is_inverted, lead) for lead in pair], axis=0)
    return found


def _abnormal_t(measures: Measures, loose: float) -> Bool[Array, " n"]:
    """T below 0.05 mV or a tenth of R, in two or more of I, II, V4, V5 and V6."""
    floor = np.maximum(0.05, 0.1 * measures.r_wave) * loose
    is_low = measures.t_wave < floor
    count = sum(of_lead(is_low, lead).astype(int) for lead in ("I", "II", "V4", "V5", "V6"))
    return np.asarray(count) >= 2


def of_lead(values: Array, lead: str) -> Array:
    """Return the column of one lead."""
    return values[:, STANDARD_LEADS.index(lead)]
