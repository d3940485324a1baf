"""How many planted faults `leadlens audit` finds, fault by fault, in simulated recordings.

    python benchmarks/audit_detection.py [--n 300] [--seed 2]

Every recording of a small cohort gets the fault; the table says in how many it is found, in all and
in those of sinus rhythm.
"""

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from leadlens.data.audit import audit_store
from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.sources import CohortSource
from leadlens.ecg.diagnoses import diagnosis
from leadlens.ecg.recording import Recording
from leadlens.simulate import CohortSettings

Fault = Callable[[np.ndarray], np.ndarray]
SINUS = {diagnosis(name).code for name in ("NSR", "SB", "STach")}


def arms(signal: np.ndarray) -> np.ndarray:
    """Return the ECG with left and right arm exchanged."""
    swapped = signal[[0, 2, 1, 4, 3, 5, *range(6, 12)]].copy()
    swapped[0] *= -1
    return swapped


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
    changed[7, 500:503] += 15.0
    return changed


FAULTS: dict[str, tuple[str, Fault]] = {
    "arms exchanged": ("arm leads", arms),
    "V1-V6 reversed": ("chest leads", chest),
    "reshaped": ("scrambled", reshaped),
    "read (time, lead)": ("scrambled", reread),
    "gain x 5": ("gain", lambda signal: 5.0 * signal),
    "gain x 1/4.88": ("gain", lambda signal: signal / 4.88),
    "gain x 0.0005": ("gain", lambda signal: 0.0005 * signal),
    "flat lead": ("flat lead", flat),
    "clipped": ("clipped", clipped),
    "spike": ("beyond 10 mV", spiked),
    "aVR inverted": ("limb leads", lambda s: s * np.where(np.arange(12) == 3, -1.0, 1.0)[:, None]),
}


@dataclass(frozen=True)
class Faulty:
    """A cohort with one fault in every recording; each a source of its own, so alone."""

    cohort: CohortSource
    fault: str

    def __len__(self) -> int:
        """Return the number of recordings."""
        return len(self.cohort)

    def name(self, position: int) -> str:
        """Return the name of a recording."""
        return f"{self.fault} {position}"

    def load(self, position: int) -> Recording:
        """Return a recording with the fault."""
        recording = self.cohort.load(position)
        signal = FAULTS[self.fault][1](np.array(recording.signal)).astype(np.float32)
        return replace(recording, signal=signal, source=f"source{position}")

    def describe(self) -> dict[str, object]:
        """Return what identifies the source."""
        return {**self.cohort.describe(), "fault": self.fault}


def main() -> None:
    """Print the share of each fault that is found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--fs", type=float, default=100.0)
    given = parser.parse_args()
    cohort = CohortSource(CohortSettings(n_recordings=given.n, seed=given.seed, fs=given.fs))
    print(f"{'fault':20} {'found':>7} {'of sinus rhythm':>17}   also found")
    for name, (kind, _) in FAULTS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "store"
            store = ingest(Faulty(cohort, name), path, IngestSettings(fs=given.fs))
            found = audit_store(store)
        hit = {key for finding in found.of(kind) for key in finding.records}
        is_hit = np.array([key in hit for key in store.keys])
        is_sinus = np.array([bool(SINUS & set(row.codes.split())) for row in store.first_rows])
        also = ", ".join(f"{k} {n}" for k, n in found.n_by_kind.items() if k != kind)
        print(
            f"{name:20} {is_hit.mean():7.1%} {is_hit[is_sinus].mean():17.1%}   {also}", flush=True
        )


if __name__ == "__main__":
    main()
