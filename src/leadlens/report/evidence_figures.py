"""Evidence figures: the programmed value by which a recording has a diagnosis, in words."""

from collections.abc import Callable
from typing import Final

import numpy as np

from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.simulate import Batch
from leadlens.simulate.heart import fiducials
from leadlens.simulate.measure import abnormal_q_leads, inverted_t_leads, low_t_leads
from leadlens.simulate.programme import Programme
from leadlens.simulate.rhythm import BeatKind


def measured(batch: Batch, row: int, diagnosis: str) -> str:
    """Return the value that makes the diagnosis, such as "QRS 148 ms" or "52 beats/min".

    It is what the simulator programmed, not measured on the noisy signal.

    Args:
        batch: of the recording.
        row: of the recording.
        diagnosis: an abbreviation that the recording has.
    """
    return _FIGURES[diagnosis](batch.programme, row)


def _rate(programme: Programme, row: int) -> str:
    return f"{programme.rhythm.rate[row]:.0f} beats/min"


def _rr_range(programme: Programme, row: int) -> str:
    return f"RR varies by {1000 * programme.rhythm.rr_range[row]:.0f} ms"


def _irregular(programme: Programme, row: int) -> str:
    return f"{_rate(programme, row)}, {_rr_range(programme, row)}"


def _flutter(programme: Programme, row: int) -> str:
    return f"F waves {60 / programme.rhythm.flutter_cycle[row]:.0f}/min, {_rate(programme, row)}"


def _qrs(programme: Programme, row: int) -> str:
    return f"QRS {1000 * programme.beats.qrs_duration[row]:.0f} ms"


def _axis(programme: Programme, row: int) -> str:
    return f"axis {programme.beats.measures.axis[row]:.0f}\u00b0".replace("-", "\u2212")


def _beats(kind: BeatKind, word: str) -> Callable[[Programme, int], str]:
    """Return a function that says how many beats of a kind there are."""

    def say(programme: Programme, row: int) -> str:
        n = int((fiducials(programme, row).kind == kind).sum())
        return f"{n} {word} beat{'s' if n != 1 else ''}"

    return say


def _pr(programme: Programme, row: int) -> str:
    times = fiducials(programme, row)
    return f"PR {1000 * np.nanmedian(times.qrs_onset - times.p_onset):.0f} ms"


def _qtc(programme: Programme, row: int) -> str:
    return f"QTc {1000 * programme.beats.after_qrs.qtc[row]:.0f} ms"


def _voltage(programme: Programme, row: int) -> str:
    found = programme.beats.measures
    limb, chest = found.limb_voltage[row], found.chest_voltage[row]
    said = [f"limb leads up to {limb:.2f} mV"] if limb < 0.5 else []
    said += [f"chest leads up to {chest:.2f} mV"] if chest < 1.0 else []
    return ", ".join(said)


def _q_wave(programme: Programme, row: int) -> str:
    found = programme.beats.measures
    is_met = abnormal_q_leads(found)[row]
    column = int(np.where(is_met, found.q_duration[row], -1.0).argmax())
    duration, depth = 1000 * found.q_duration[row, column], found.q_depth[row, column]
    return f"Q in {STANDARD_LEADS[column]} {duration:.0f} ms, {depth:.2f} mV deep"


def _r_in_v3(programme: Programme, row: int) -> str:
    r_wave = programme.beats.measures.r_wave[row, STANDARD_LEADS.index("V3")]
    return f"R in V3 {r_wave:.2f} mV"


def _t_wave(programme: Programme, row: int) -> str:
    """Return T in the lead that is furthest on the wrong side, and R beside it if T is just low."""
    found = programme.beats.measures
    is_met = inverted_t_leads(found)[row]
    is_inverted = bool(is_met.any())
    if not is_inverted:
        is_met = low_t_leads(found)[row]
    t_wave, r_wave = found.t_wave[row], found.r_wave[row]
    depth = t_wave if is_inverted else t_wave - np.maximum(0.05, 0.1 * r_wave)
    column = int(np.where(is_met, depth, np.inf).argmin())
    lead, height = (
        STANDARD_LEADS[column],
        f"{round(float(t_wave[column]), 2) + 0.0:.2f}".replace("-", "\u2212"),
    )
    beside = f" behind an R of {r_wave[column]:.1f} mV" if t_wave[column] >= 0.05 else ""
    return f"T in {lead} {height} mV{beside}"


_FIGURES: Final[dict[str, Callable[[Programme, int], str]]] = {
    **dict.fromkeys(("NSR", "SB", "STach", "Brady"), _rate),
    **dict.fromkeys(("RBBB", "CRBBB", "LBBB", "CLBBB", "BBB", "IRBBB", "NSIVCB"), _qrs),
    **dict.fromkeys(("LAD", "RAD", "LAnFB"), _axis),
    **dict.fromkeys(("IAVB", "LPR"), _pr),
    **dict.fromkeys(("PAC", "SVPB"), _beats(BeatKind.ATRIAL_PREMATURE, "premature")),
    **dict.fromkeys(("PVC", "VPB"), _beats(BeatKind.VENTRICULAR_PREMATURE, "premature")),
    "PR": _beats(BeatKind.PACED, "paced"),
    "SA": _rr_range,
    "AF": _irregular,
    "AFL": _flutter,
    "LQT": _qtc,
    "LQRSV": _voltage,
    "QAb": _q_wave,
    "PRWP": _r_in_v3,
    **dict.fromkeys(("TAb", "TInv"), _t_wave),
}
