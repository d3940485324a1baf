"""Draw the page of the 30 diagnoses: one simulated ECG of each, with its evidence.

    python docs/draw_diagnoses.py

It writes docs/diagnoses.md and docs/images/diagnoses/*.svg; the same code, the same pictures.
"""

from pathlib import Path

import numpy as np

from leadlens.ecg.diagnoses import diagnosis
from leadlens.report.evidence_figures import measured
from leadlens.report.evidence_page import grouped
from leadlens.report.evidence_sheet import evidence_svg
from leadlens.simulate import Batch, CohortSettings, evidence_for, programme_batch, recording_of
from leadlens.simulate.conditions import RHYTHMS
from leadlens.simulate.evidence import KINDS

HERE = Path(__file__).resolve().parent
N_TRIED = 400
SEED = 7

_SIGNS = {
    "NSR": "upright P before every QRS in I, II and aVF, 60 to 100 beats/min",
    "SB": "sinus P waves, below 60 beats/min",
    "STach": "sinus P waves, above 100 beats/min",
    "SA": "sinus P waves, RR intervals that differ by more than 120 ms",
    "AF": "no P waves, f waves (V1, II), irregular RR intervals",
    "AFL": "F waves without an isoelectric line (II, III, aVF, V1), 2:1 to 4:1 conduction",
    "Brady": "below 60 beats/min, whatever the rhythm",
    "PAC": "an early P of another shape with a narrow QRS, a short pause",
    "PVC": "an early wide QRS without P, T against it, a full pause",
    "PR": "wide QRS behind pacing spikes, which 40 % of recordings do not show",
    "IAVB": "PR above 200 ms in every beat",
    "RBBB": "QRS of 120 ms or more, late R' in V1 and V2, broad S in I and V6",
    "LBBB": "QRS of 120 ms or more, broad notched R in I and V6, deep S in V1 to V3, T against it",
    "BBB": "either of the two",
    "IRBBB": "the shape of right bundle branch block with a QRS of 110 to 119 ms",
    "LAnFB": "axis -45 to -90 degrees, rS in II, III and aVF, R (most with q) in aVL",
    "NSIVCB": "QRS above 110 ms with neither pattern",
    "LAD": "axis from -30 to -100 degrees: QRS negative in II",
    "RAD": "axis from 90 to 260 degrees: QRS negative in I",
    "LQRSV": "QRS below 0.5 mV in all limb leads, or below 1 mV in all chest leads",
    "QAb": "long and deep Q in neighbouring leads",
    "PRWP": "R of 0.3 mV or less in V3",
    "TAb": "T low, flat or turned in two of I, II, V4, V5, V6",
    "TInv": "T of -0.1 mV or less in two neighbouring leads",
    "LQT": "QTc of 450 ms (men) or 460 ms (women) or more",
}


def choose(name: str) -> tuple[Batch, int]:
    """Return a clear recording of a diagnosis: in normal sinus rhythm, unless it is a rhythm.

    Without look-alikes and not close to a threshold if possible, and with the fewest labels.
    """
    cohort = {"cohort": "balanced"} if name == "NSR" else {"cohort": "pairs", "diagnosis": name}
    settings = CohortSettings(**cohort, n_recordings=2 * N_TRIED, seed=SEED, device="ptb-xl")
    batch = programme_batch(settings, np.arange(0, 2 * N_TRIED, 2))
    truth, plan = batch.truth, batch.programme.plan
    is_normal = plan.has("NSR") if name not in (*RHYTHMS, "Brady") else ~plan.has("EAR")
    rows = [row for row in range(len(batch)) if name in truth.names[row]]

    def clutter(row: int) -> tuple[bool, bool, bool, int]:
        near = name in truth.borderline[row]
        has_lookalike = bool(plan.lookalike[row].any())
        return (not is_normal[row], has_lookalike, near, len(truth.names[row]))

    best = min(rows, key=clutter)
    return batch, best


def main() -> None:
    """Write the pictures and the page."""
    folder = HERE / "images" / "diagnoses"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        "# The 30 diagnoses, simulated",
        "",
        "One simulated ECG of each diagnosis in the standard 3 x 4 layout with a rhythm strip (25",
        "mm/s, 10 mm/mV). Orange: what the diagnosis changes, by comparison with the same draws",
        "without it. Brackets: where its rule is read. Made by `python docs/draw_diagnoses.py`.",
        "Simulated: not for clinical use, and not for learning to read ECGs.",
        "[How they are made](simulator.md).",
        "",
    ]
    for group in grouped([*_SIGNS, "CRBBB", "CLBBB", "SVPB", "VPB", "LPR"]):
        name = next(item for item in group if item in _SIGNS)
        batch, row = choose(name)
        recording, found = recording_of(batch, row), evidence_for(batch, row, name)
        words = diagnosis(name).name
        title = f"{name}: {words}"
        subtitle = f"{', '.join(KINDS[name])}; {measured(batch, row, name)}"
        svg = evidence_svg(
            recording, found.difference.astype(np.float64), found.rule, title, subtitle, name=name
        )
        (folder / f"{name}.svg").write_text(svg, encoding="utf-8")
        others = ", ".join(item for item in group if item != name)
        also = f" (also {others})" if others else ""
        lines += [f"## {name}{also}: {words}", "", f"{_SIGNS[name]}.", "",
                  f"![{words}](images/diagnoses/{name}.svg)", ""]  # fmt: skip
    (HERE / "diagnoses.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
