"""How many planted faults `leadlens audit` finds, fault by fault.

    python benchmarks/audit_detection.py [--n 1000] [--seed 7] [--quick] [--data FOLDER...]

Every recording of a small simulated cohort gets the fault, as a source of its own; the table says
in how many it is found, with the 95 % interval of Wilson (1927), and in those of sinus rhythm. With
--data the faults are planted in the recordings of these folders (in mV) in place of simulated ones.
A fault counts as found where a finding of one of its kinds names the recording. The last line is
one JSON object.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from leadlens.data.audit import audit_store
from leadlens.data.audit.electrodes import limb_matrix
from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.sources import CohortSource, RecordingSource, find_sources
from leadlens.ecg.diagnoses import diagnosis
from leadlens.ecg.leads import INDEPENDENT_LEADS, STANDARD_FROM_INDEPENDENT, STANDARD_LEADS
from leadlens.ecg.recording import Recording, standard_leads
from leadlens.simulate import CohortSettings

Fault = Callable[[np.ndarray], np.ndarray]
SINUS = {diagnosis(name).code for name in ("NSR", "SB", "STach")}
RATE = 100.0


def limbs(*lies_on: int) -> Fault:
    """Return a fault: the cables of right arm, left arm and left leg lie on other limbs."""
    independent = [STANDARD_LEADS.index(name) for name in INDEPENDENT_LEADS]
    matrix = STANDARD_FROM_INDEPENDENT @ limb_matrix((lies_on[0], lies_on[1], lies_on[2]))
    return lambda signal: matrix @ signal[independent]


def chest(signal: np.ndarray) -> np.ndarray:
    """Return the ECG with V1 to V6 in reverse order."""
    return signal[[*range(6), *range(11, 5, -1)]]


def reshaped(signal: np.ndarray) -> np.ndarray:
    """Return what a reshape makes of samples that lie (time, lead)."""
    return np.ascontiguousarray(signal.T).reshape(signal.shape)


def reread(signal: np.ndarray) -> np.ndarray:
    """Return what a transpose makes of samples that lie (lead, time)."""
    return signal.reshape(signal.shape[::-1]).T


def flat(signal: np.ndarray) -> np.ndarray:
    """Return the ECG with V3 flat."""
    changed = signal.copy()
    changed[8] = 0.0
    return changed


def clipped(signal: np.ndarray) -> np.ndarray:
    """Return the ECG cut off at 60 % of its largest deflection."""
    most = 0.6 * np.abs(signal).max()
    return np.clip(signal, -most, most)


def spiked(signal: np.ndarray) -> np.ndarray:
    """Return the ECG with a spike in V2."""
    changed = signal.copy()
    middle = signal.shape[1] // 2
    changed[7, middle : middle + 3] += 15.0
    return changed


FAULTS: dict[str, tuple[tuple[str, ...], Fault]] = {
    "left and right arm exchanged": (("arm leads",), limbs(1, 0, 2)),
    "right arm and left leg exchanged": (("arm leads",), limbs(2, 1, 0)),
    "limbs moved round, right arm on left arm": (("arm leads",), limbs(1, 2, 0)),
    "limbs moved round, right arm on left leg": (("arm leads",), limbs(2, 0, 1)),
    "left arm and left leg exchanged": (("arm leads",), limbs(0, 2, 1)),
    "V1-V6 reversed": (("chest leads",), chest),
    "reshaped": (("scrambled",), reshaped),
    "read (time, lead)": (("scrambled",), reread),
    "gain x 5": (("gain",), lambda signal: 5.0 * signal),
    "gain x 1/4.88": (("gain",), lambda signal: signal / 4.88),
    # What rounds to nothing at all is found as flat.
    "gain x 0.0005": (("gain", "flat lead"), lambda signal: 0.0005 * signal),
    "flat lead": (("flat lead",), flat),
    "clipped": (("clipped",), clipped),
    "spike": (("beyond 10 mV",), spiked),
    "aVR inverted": (
        ("limb leads",),
        lambda signal: signal * np.where(np.arange(12) == 3, -1.0, 1.0)[:, None],
    ),
}


@dataclass(frozen=True)
class Faulty:
    """Recordings with one fault in every one; each a source of its own, so alone."""

    source: RecordingSource
    fault: str

    def __len__(self) -> int:
        """Return the number of recordings."""
        return len(self.source)

    def name(self, position: int) -> str:
        """Return the name of a recording."""
        return f"{self.fault} {position}"

    def load(self, position: int) -> Recording:
        """Return a recording with the fault."""
        recording = standard_leads(self.source.load(position))
        signal = FAULTS[self.fault][1](np.array(recording.signal)).astype(np.float32)
        return replace(recording, signal=signal, source=f"source{position}")

    def describe(self) -> dict[str, object]:
        """Return what identifies the source."""
        return {**self.source.describe(), "fault": self.fault}


def interval(n_found: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    share, z = n_found / n, 1.959964
    middle = share + z**2 / (2 * n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low, high = (middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n)
    return round(float(low), 4), round(float(high), 4)


def detect(source: RecordingSource, fault: str) -> dict[str, Any]:
    """Return in how many recordings a fault is found, and what else is found there."""
    kinds = FAULTS[fault][0]
    with tempfile.TemporaryDirectory() as folder:
        store = ingest(Faulty(source, fault), Path(folder) / "store", IngestSettings(fs=RATE))
        found = audit_store(store)
    hit = {key for kind in kinds for finding in found.of(kind) for key in finding.records}
    is_hit = np.array([key in hit for key in store.keys])
    is_sinus = np.array([bool(SINUS & set(row.codes.split())) for row in store.first_rows])
    return {
        "found": int(is_hit.sum()),
        "n": len(is_hit),
        "interval": interval(int(is_hit.sum()), len(is_hit)),
        "sinus": round(float(is_hit[is_sinus].mean()), 4) if is_sinus.any() else None,
        "also": {kind: n for kind, n in found.n_by_kind.items() if kind not in kinds},
    }


def main() -> None:
    """Print the share of each fault that is found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="100 recordings")
    parser.add_argument("--data", type=Path, nargs="+", help="folders of real recordings")
    given = parser.parse_args()
    n = 100 if given.quick else given.n
    source: RecordingSource
    if given.data:
        source = find_sources(given.data)
    else:
        source = CohortSource(CohortSettings(n_recordings=n, seed=given.seed, fs=RATE))
    table = {}
    print(f"{'fault':42} {'found':>6}  {'95 %':>13} {'sinus':>6}   also found")
    for fault in FAULTS:
        row = table[fault] = detect(source, fault)
        low, high = row["interval"]
        sinus = "" if row["sinus"] is None else f"{row['sinus']:.1%}"
        also = ", ".join(f"{kind} {count}" for kind, count in row["also"].items())
        share = f"{row['found'] / row['n']:.1%}"
        print(f"{fault:42} {share:>6}  {low:6.1%} {high:6.1%} {sinus:>6}   {also}", flush=True)
    data = [str(folder.name) for folder in given.data or ()]
    print(json.dumps({"n": n, "seed": given.seed, "data": data, "faults": table}))


if __name__ == "__main__":
    main()
