"""Rules: the leads and intervals by which a clinician reads each diagnosis.

They follow the published criteria (AHA/ACCF/HRS 2009, the universal definition of myocardial
infarction), not the difference that a diagnosis makes: what the two share is
itself a check.
"""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from leadlens.ecg.leads import CHEST_LEADS, LIMB_LEADS, STANDARD_LEADS
from leadlens.simulate.heart import Fiducials
from leadlens.simulate.measure import abnormal_q_leads, inverted_t_leads, low_t_leads
from leadlens.simulate.onsets import is_within
from leadlens.simulate.programme import Programme
from leadlens.simulate.rhythm import BeatKind

Array = np.ndarray
Interval = tuple[Float[Array, " beat"], Float[Array, " beat"]]

_LEADS: Final[dict[str, tuple[str, ...]]] = {
    "NSR": ("I", "II", "aVR", "aVF", "V1"),
    "AF": ("II", "III", "aVF", "V1", "V2"),
    "AFL": ("II", "III", "aVF", "V1"),
    "IAVB": ("I", "II", "aVF", "V1"),
    "RBBB": ("I", "aVL", "V1", "V2", "V5", "V6"),
    "IRBBB": ("I", "V1", "V2", "V6"),
    "LBBB": ("I", "aVL", "V1", "V2", "V3", "V5", "V6"),
    "LAnFB": ("I", "II", "III", "aVL", "aVF"),
    "LAD": LIMB_LEADS,
    "RAD": LIMB_LEADS,
    "PRWP": ("V1", "V2", "V3", "V4"),
}
_SYNONYMS: Final = {
    "CRBBB": "RBBB", "CLBBB": "LBBB", "LPR": "IAVB", "SVPB": "PAC", "VPB": "PVC",
    "STach": "SB", "Brady": "SB",
}  # fmt: skip


def rule_mask(
    diagnosis: str, programme: Programme, times: Fiducials, fs: float, n: int
) -> Bool[Array, "12 time"]:
    """Return where the rule of a diagnosis is read in the only recording of `programme`."""
    name = _SYNONYMS.get(diagnosis, diagnosis)
    if name == "BBB":
        name = "RBBB" if programme.plan.has("RBBB")[0] else "LBBB"
    mask = np.zeros((12, n), dtype=bool)
    for leads, (begin, end) in _parts(name, programme, times):
        rows = [STANDARD_LEADS.index(lead) for lead in leads]
        for first, last in zip(begin, end, strict=True):
            if not (np.isnan(first) or np.isnan(last)):
                low = max(int(np.ceil(first * fs)), 0)
                mask[rows, low : max(int(np.floor(last * fs)) + 1, low)] = True
    return mask


def _parts(
    name: str, programme: Programme, times: Fiducials
) -> list[tuple[tuple[str, ...], Interval]]:
    """Return the leads and intervals of a rule."""
    qrs = (times.qrs_onset, times.qrs_offset)
    conducted = times.kind != BeatKind.VENTRICULAR_PREMATURE
    onset = np.where(conducted, times.qrs_onset, np.nan)
    offset = np.where(conducted, times.qrs_offset, np.nan)
    t_end = np.where(conducted, times.t_offset, np.nan)
    leads = _LEADS.get(name, STANDARD_LEADS)
    if name in ("AF", "AFL"):
        quiet = (leads, _between_beats(times))
        return [quiet, (STANDARD_LEADS, qrs)] if name == "AF" else [quiet]
    if name in ("TAb", "TInv"):
        delay = 0.040 if name == "TAb" else 0.060
        return [(_t_leads(name, programme), (offset + delay, t_end))]
    if name == "SA":
        return [(leads, _extreme_intervals(times, programme.duration))]
    simple: dict[str, Interval] = {
        "NSR": (times.p_onset, times.p_offset),
        "SB": (np.where(np.isnan(times.p_onset), times.qrs_onset, times.p_onset), qrs[1]),
        "IAVB": (times.p_onset, onset),
        "RBBB": (onset + 0.045, offset),
        "IRBBB": (offset - 0.035, offset),
        "LBBB": (onset, t_end),
        "LAnFB": (onset, offset), "NSIVCB": (onset, offset),
        "LAD": (onset, offset), "RAD": (onset, offset), "LQRSV": (onset, offset),
        "QAb": (onset, onset + 0.050), "PRWP": (onset, onset + 0.060),
        "LQT": (offset, t_end),
        "PAC": _of_kind(times, BeatKind.ATRIAL_PREMATURE, times.p_onset, times.qrs_offset),
        "PVC": _of_kind(times, BeatKind.VENTRICULAR_PREMATURE, times.qrs_onset, times.t_offset),
        "PR": _of_kind(times, BeatKind.PACED, times.qrs_onset - 0.016, times.qrs_offset),
    }  # fmt: skip
    if name == "QAb":
        leads = _q_leads(programme)
    if name == "LQRSV":
        leads = _low_leads(programme)
    return [(leads, simple[name])]


def _of_kind(
    times: Fiducials, kind: BeatKind, begin: Float[Array, " beat"], end: Float[Array, " beat"]
) -> Interval:
    """Return intervals of the beats of one kind only."""
    is_kind = times.kind == kind
    return np.where(is_kind, begin, np.nan), np.where(is_kind, end, np.nan)


def _between_beats(times: Fiducials) -> Interval:
    """Return from the end of T to the next QRS, and 0.3 s at most before the first QRS."""
    begin = np.append(times.qrs_onset[:1] - 0.3, times.t_offset)
    end = np.append(times.qrs_onset, times.t_offset[-1:] + 0.3)
    return np.minimum(begin, end), end


def _extreme_intervals(times: Fiducials, duration: float) -> Interval:
    """Return P to R of the beats at both ends of the shortest and of the longest RR interval.

    Only intervals within the recording count.
    """
    is_in = is_within(np.nan_to_num(times.qrs_onset, nan=-9.0), duration)
    gaps = np.diff(np.where(is_in, times.qrs_onset, np.nan))
    if len(gaps) == 0 or np.isnan(gaps).all():
        return times.p_onset, times.qrs_offset
    longest, shortest = int(np.nanargmax(gaps)), int(np.nanargmin(gaps))
    beats = np.unique([longest, longest + 1, shortest, shortest + 1])
    begin = np.where(np.isnan(times.p_onset), times.qrs_onset, times.p_onset)
    return begin[beats], times.qrs_offset[beats]


def _t_leads(name: str, programme: Programme) -> tuple[str, ...]:
    """Return the leads whose T is inverted, or low where it should be upright."""
    found = inverted_t_leads(programme.beats.measures)
    if name == "TAb":
        found = found | low_t_leads(programme.beats.measures)
    return _named(found)


def _q_leads(programme: Programme) -> tuple[str, ...]:
    """Return the leads with a Q that is long and deep enough."""
    return _named(abnormal_q_leads(programme.beats.measures))


def _named(is_lead: Bool[Array, "1 12"]) -> tuple[str, ...]:
    """Return the names of the leads of a single recording."""
    return tuple(np.array(STANDARD_LEADS)[is_lead[0]].tolist())


def _low_leads(programme: Programme) -> tuple[str, ...]:
    """Return the limb or chest leads, whichever are all low."""
    found = programme.beats.measures
    limb = LIMB_LEADS if found.limb_voltage[0] < 0.5 else ()
    return limb + (CHEST_LEADS if found.chest_voltage[0] < 1.0 else ())
