"""Criteria: what the published definitions of the 30 diagnoses say of measurements.

Conduction and axis: AHA/ACCF/HRS recommendations, part III (Surawicz et al. 2009). Q: universal
definition of infarction (Thygesen et al. 2018). T: part IV (Rautaharju et al. 2009). Low voltage
and what lies between them are the conventions of docs/simulator.md, "What the labels mean".
Synonyms get one answer. Rules of thumb beyond these say so where they stand.
"""

from typing import Final

import numpy as np

from leadlens.ecg.measurements import SINUS_P, BeatClass, Measurements
from leadlens.ecg.recording import Sex

RHYTHMS: Final = ("NSR", "SB", "STach", "SA", "Brady", "AF", "AFL", "PR", "PAC", "PVC")
Q_PAIRS: Final = (("II", "aVF"), ("I", "aVL"), ("V4", "V5"), ("V5", "V6"))
T_PAIRS: Final = (("V2", "V3"), ("V3", "V4"), *Q_PAIRS[2:], ("I", "aVL"), ("II", "aVF"))
SYNONYMS: Final = {
    "LPR": "IAVB", "CRBBB": "RBBB", "CLBBB": "LBBB", "SVPB": "PAC", "VPB": "PVC",
}  # fmt: skip

Answers = dict[str, bool]


def meets(measurements: Measurements, sex: Sex | None = None) -> Answers:
    """Return for each of the 30 diagnoses, by abbreviation, whether its criterion is met.

    What cannot be measured is not met: axis, voltage, Q and T in relative units or without their
    leads, everything in a recording without QRS. Without `sex` QTc is held to the higher limit.
    """
    answers = rhythm(measurements)
    is_judged = not answers["PR"] and len(measurements.marks.r_peak) > 0
    answers |= conduction(measurements, is_judged)
    is_block = answers["RBBB"] or answers["LBBB"]
    answers |= axis_and_voltage(measurements, answers, is_judged)
    answers |= {
        "QAb": is_judged and not answers["LBBB"] and _has_abnormal_q(measurements),
        "PRWP": is_judged and not is_block and _at_most(measurements.of("r_wave", "V3"), 0.3),
        "TInv": is_judged and not is_block and _has_inverted_t(measurements),
        "LQT": is_judged and _has_long_qt(measurements, sex, answers["IRBBB"]),
    }
    answers["PRWP"] &= measurements.units == "mV"
    has_flat_t = is_judged and not is_block and _has_flat_t(measurements)
    answers["TAb"] = answers["TInv"] or has_flat_t
    answers |= {name: answers[of] for name, of in SYNONYMS.items()}
    return {name: bool(value) for name, value in answers.items()}


def rhythm(measurements: Measurements) -> Answers:
    """Return the answers to RHYTHMS and IAVB."""
    answers = dict.fromkeys((*RHYTHMS, "IAVB"), False)
    kinds = measurements.beat_class
    if len(kinds) < 3:
        return answers
    answers["PVC"] = bool((kinds == BeatClass.PREMATURE_WIDE).any())
    answers["PR"] = is_paced(measurements)
    answers["AFL"] = not answers["PR"] and measurements.atrial.flutter.is_found
    answers["AF"] = not answers["PR"] and not answers["AFL"] and is_fibrillation(measurements)
    is_ectopic_rhythm = answers["PR"] or answers["AFL"] or answers["AF"]
    if is_ectopic_rhythm or measurements.atrial.p_share < 0.5:
        answers["Brady"] = measurements.heart_rate < 60.0
        return answers
    usual = measurements.usual_rr
    rate = 60.0 / float(usual.mean()) if len(usual) >= 3 else measurements.heart_rate
    answers["Brady"] = rate < 60.0
    if is_sinus(measurements):
        answers["SB"] = rate < 60.0
        answers["STach"] = rate > 100.0
        answers["SA"] = len(usual) >= 3 and float(np.ptp(usual)) > 0.120
        answers["NSR"] = 60.0 <= rate <= 100.0 and not answers["SA"]
    answers["PAC"] = bool((kinds == BeatClass.PREMATURE_NARROW).any())
    answers["IAVB"] = measurements.pr > 0.200
    return answers


def is_sinus(measurements: Measurements) -> bool:
    """Return whether P comes from the sinus node: upright in II, at least not inverted there.

    Inverted is a P that is negative in II and aVF; without these leads, or where P lies on T, it
    is taken for sinus.
    """
    inferior = np.array([measurements.of("p_wave", lead) for lead in ("II", "aVF")])
    before_p = float(np.median(measurements.rr)) - measurements.pr
    if before_p < measurements.qt + 0.03:
        return True
    return not bool((inferior < 0.0).all())


def is_paced(measurements: Measurements) -> bool:
    """Return whether the ventricles are paced.

    By spikes before half of the QRS; where these are filtered away by what right ventricular
    apical pacing looks like: regular, 140 ms or more, superior axis and, unlike left bundle branch
    block, no dominant R in V6 (a rule of thumb). Or, whatever V6, by a clock that no sinus node
    keeps: RR within a standard deviation of 2 ms at a pacemaker's rate (a rule of thumb).
    """
    if measurements.spike_share >= 0.5:
        return True
    usual = measurements.usual_rr
    is_superior = -150.0 < measurements.qrs_axis < -30.0
    if len(usual) < 4 or not is_superior or not measurements.qrs_duration >= 0.130:
        return False
    if len(usual) > 6 and usual.std() < 0.0020 and measurements.heart_rate < 130.0:
        return True
    is_apical = measurements.of("r_wave", "V6") < -measurements.of("s_wave", "V6")
    is_apical &= measurements.of("r_prime", "V1") < 0.5 * measurements.of("peak_to_peak", "V1")
    is_wide = measurements.qrs_duration >= 0.140
    return bool(is_apical and is_wide and usual.std() < 0.02 * usual.mean())


def is_fibrillation(measurements: Measurements) -> bool:
    """Return whether RR is irregularly irregular and no P recurs.

    Irregular: the standard deviation of RR between beats of the dominant shape is over 8 % of
    the mean (the measure of Tateno & Glass 2001; the threshold is a rule of thumb).
    What recurs 330 ms or more before an irregular QRS is the end of T, and P resembles P: of f
    waves at random phase four in five may fit the others somewhat (0.5), but not half of them well.
    """
    rr = measurements.rr
    if len(rr) < 3:
        return False
    is_wide = measurements.beat_class == BeatClass.PREMATURE_WIDE
    kept = rr[~is_wide[1:] & ~is_wide[:-1]]
    kept = kept if len(kept) > 2 else rr
    spread = float(kept.std() / kept.mean())
    share = measurements.atrial.p_share
    fits = np.nan_to_num(measurements.atrial.p_fit[measurements.is_usual])
    has_p = share >= 0.80 and float(np.median(fits)) >= SINUS_P and measurements.pr < 0.33
    return bool((spread > 0.08 and not has_p) or (spread > 0.05 and share < 0.40))


def conduction(measurements: Measurements, is_judged: bool) -> Answers:
    """Return the answers to RBBB, LBBB, BBB, IRBBB and NSIVCB."""
    width = round(measurements.qrs_duration, 4)
    has_right, has_left = _is_right(measurements), _is_left(measurements)
    right = is_judged and width >= 0.120 and has_right
    left = is_judged and width >= 0.120 and has_left and not has_right
    incomplete = is_judged and 0.110 <= width < 0.120 and has_right
    other = is_judged and width > 0.110 and not (right or left or incomplete)
    return {
        "RBBB": right,
        "LBBB": left,
        "BBB": right or left,
        "IRBBB": incomplete,
        "NSIVCB": other,
    }


def _is_right(measurements: Measurements) -> bool:
    """Return whether V1 or V2 ends upward, and I or V6 has a broad or deep S.

    Broad is 40 ms, or 28 ms where it is 0.08 mV deep, as in an incomplete block. Where the
    terminal R of V1 is over a third of its QRS, the S is not asked for: the end may be straight
    forward.
    """
    of = measurements.of
    in_v1, in_v2 = (of("r_prime", lead) / of("peak_to_peak", lead) for lead in ("V1", "V2"))
    slurred = 0.08 if measurements.units == "mV" else np.inf

    def has_s(lead: str) -> bool:
        duration, depth = of("s_duration", lead), -of("s_wave", lead)
        is_slurred = duration >= 0.028 and depth >= slurred
        return duration >= 0.040 or is_slurred or depth > of("r_wave", lead)

    return bool(in_v1 > 0.35 or (max(in_v1, in_v2) > 0.10 and (has_s("I") or has_s("V6"))))


def _is_left(measurements: Measurements) -> bool:
    """Return whether V1 is negative to its end, and the lateral R late, without q, T discordant.

    Of I, V5 and V6 two are asked to agree: one may be low, or lie at the transition.
    """
    of = measurements.of
    is_negative = of("r_wave", "V1") < 0.35 * of("peak_to_peak", "V1")
    is_negative &= of("r_prime", "V1") < 0.12 * of("peak_to_peak", "V1")
    lateral = sum(
        of("r_peak_time", lead) > 0.060
        and of("q_depth", lead) < 0.1 * of("r_wave", lead)
        and of("r_wave", lead) > -of("s_wave", lead)
        for lead in ("I", "V5", "V6")
    )
    is_discordant = of("t_wave", "V1") > 0.0 and any(
        of("t_wave", lead) < 0.05 * of("r_wave", lead) for lead in ("I", "V5", "V6")
    )
    return bool(is_negative and lateral >= 2 and is_discordant)


def axis_and_voltage(measurements: Measurements, blocks: Answers, is_judged: bool) -> Answers:
    """Return the answers to LAD, RAD, LAnFB and LQRSV.

    An axis between -90 and -180 counts as right, as that of a negative I does. LAnFB asks for qR in
    aVL (Surawicz et al. 2009), or for what these first forces make in the inferior leads: rS. One
    of II, III and aVF is enough, for where they lie across a lead its r is lost.
    """
    axis, of = measurements.qrs_axis, measurements.of
    inferior = ("II", "III", "aVF")
    is_low = all(-_deepest(measurements, lead) > of("r_wave", lead) for lead in inferior)
    is_rs = any(of("r_wave", lead) > 0.0 and of("q_depth", lead) < 0.05 for lead in inferior)
    is_rs |= of("q_depth", "aVL") > 0.0
    has_r = of("r_wave", "aVL") > -of("s_wave", "aVL")
    anterior = -90.0 <= axis <= -45.0 and is_low and is_rs and has_r and not blocks["LBBB"]
    narrow = measurements.qrs_duration < 0.120 or blocks["RBBB"]
    height = measurements.waves.peak_to_peak if measurements.units == "mV" else np.full(12, np.nan)
    low_limb = bool((height[:6] < 0.5).all())
    low_chest = bool((height[6:] < 1.0).all())
    return {
        "LAD": is_judged and -90.0 <= axis < -30.0,
        "RAD": is_judged and (axis > 90.0 or axis < -90.0),
        "LAnFB": is_judged and anterior and narrow,
        "LQRSV": is_judged and (low_limb or low_chest),
    }


def _deepest(measurements: Measurements, lead: str) -> float:
    """Return the deepest point of the QRS, signed."""
    return min(measurements.of("s_wave", lead), -measurements.of("q_depth", lead))


def _has_abnormal_q(measurements: Measurements) -> bool:
    """Q of 30 ms and 0.1 mV in two contiguous leads, or 20 ms or QS in V2 and V3."""
    of = measurements.of
    if measurements.units != "mV":
        return False

    def is_q(lead: str, least: float) -> bool:
        return of("q_duration", lead) >= least and of("q_depth", lead) >= 0.1

    return any(all(is_q(lead, 0.030) for lead in pair) for pair in Q_PAIRS) or all(
        is_q(lead, 0.020) for lead in ("V2", "V3")
    )


def _has_inverted_t(measurements: Measurements) -> bool:
    """T of -0.1 mV or less in two contiguous leads where it should be upright."""
    if measurements.units != "mV":
        return False
    return any(
        all(_at_most(measurements.of("t_wave", lead), -0.1) for lead in pair) for pair in T_PAIRS
    )


def _has_flat_t(measurements: Measurements) -> bool:
    """T below 0.05 mV or a tenth of R, in two or more of I, II, V4, V5 and V6."""
    of = measurements.of
    if measurements.units != "mV":
        return False
    leads = ("I", "II", "V4", "V5", "V6")
    return sum(of("t_wave", lead) < max(0.05, 0.1 * of("r_wave", lead)) for lead in leads) >= 2


def _has_long_qt(measurements: Measurements, sex: Sex | None, is_incomplete: bool) -> bool:
    """QTc (Fridericia) of 450 ms in men, 460 in women; not in a QRS of 120 ms, but in IRBBB."""
    limit = 0.450 if sex == "male" else 0.460
    is_narrow = measurements.qrs_duration < 0.120 or is_incomplete
    return is_narrow and measurements.qtc >= limit


def _at_most(value: float, limit: float) -> bool:
    """Return whether a measured value is at or below a limit; what is unknown is not."""
    return value <= limit
