"""Are evidence masks too small, or padded? Asked of rules that know nothing of the simulator.

    python benchmarks/masks.py [--n N] [--quick]

For every additive diagnosis: noise-free ECGs whose rule says yes. With the twin's signal put into
the mask, the rule must say no (else the mask is too small). With a tenth of the mask's mass left
out (ten parts, in order of leads and time), the rule must not always say no (else the part left out
did nothing: padding). Some rules need several leads and the whole QRS at once: for those a tenth
never keeps them, and only the first question can be answered. The last line is one JSON object.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from leadlens.ecg.criteria import meets
from leadlens.ecg.measurements import measure
from leadlens.ecg.recording import Recording
from leadlens.simulate import CohortSettings, Evidence, evidence_for, programme_batch, recording_of
from leadlens.simulate.evidence import twin_signal

ADDITIVE = ("RBBB", "LBBB", "IRBBB", "LAnFB", "NSIVCB", "QAb", "PRWP", "TAb", "TInv", "PVC", "PR",
            "AFL")  # fmt: skip
N_PARTS = 10


def says(recording: Recording, name: str) -> bool:
    """Return what the rule of a diagnosis says."""
    return bool(meets(measure(recording), recording.sex)[name])


def cases(name: str, n: int) -> Iterator[tuple[Recording, Evidence, np.ndarray]]:
    """Yield ECGs whose rule says yes, with their evidence and the twin's signal."""
    settings = CohortSettings(
        cohort="pairs", diagnosis=name, n_recordings=2 * n, seed=55, noise="none", device="ptb-xl"
    )
    batch = programme_batch(settings, np.arange(0, 2 * n, 2))
    for row in range(n):
        recording = recording_of(batch, row)
        if name not in batch.truth.borderline[row] and says(recording, name):
            yield recording, evidence_for(batch, row, name), twin_signal(batch, row, name)


def with_twin(recording: Recording, where: np.ndarray, twin: np.ndarray) -> Recording:
    """Return the recording with the twin's signal where `where` is true."""
    signal = np.where(where, twin, recording.signal).astype(np.float32)
    return replace(recording, signal=signal)


def parts_of(found: Evidence) -> np.ndarray:
    """Return which tenth of the mask's mass each sample belongs to, leads one after another."""
    mass = np.where(found.mask, found.difference.astype(np.float64), 0.0)
    held = np.cumsum(mass, axis=None).reshape(mass.shape) / mass.sum()
    return np.minimum((held * N_PARTS - 1e-9).astype(int), N_PARTS - 1)


def main() -> None:
    """Print the figures, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=24, help="ECGs of each diagnosis")
    parser.add_argument("--quick", action="store_true", help="5 of each")
    options = parser.parse_args()
    n = 5 if options.quick else options.n
    table, pooled = {}, []
    print("diagnosis   ECGs  twin: rule no  mask: rule no  a tenth left out: rule still yes")
    for name in ADDITIVE:
        whole, inside, tenths = [], [], []
        for number, (recording, found, twin) in enumerate(cases(name, n)):
            everywhere = np.ones_like(found.mask)
            whole.append(not says(with_twin(recording, everywhere, twin), name))
            inside.append(not says(with_twin(recording, found.mask, twin), name))
            if number < max(3, n // 4):
                part = parts_of(found)
                tenths.append([
                    says(with_twin(recording, found.mask & (part != k), twin), name)
                    for k in range(N_PARTS)
                ])  # fmt: skip
        kept = np.mean(tenths, axis=0) if tenths else np.full(N_PARTS, np.nan)
        pooled += tenths
        table[name] = {
            "n": len(inside), "whole_twin_no": round(float(np.mean(whole)), 3),
            "mask_no": round(float(np.mean(inside)), 3), "tenth_yes": kept.round(2).tolist(),
        }  # fmt: skip
        shown = " ".join(f"{share:.1f}" for share in kept)
        print(
            f"{name:10s} {len(inside):5d} {np.mean(whole):14.2f} {np.mean(inside):14.2f}  {shown}"
        )
    least = float(np.mean(pooled, axis=0).min())
    print(f"all diagnoses: the least of the ten parts keeps the rule in {least:.2f} of ECGs")
    print(json.dumps({"masks": table, "least_tenth_yes": round(least, 3)}))


if __name__ == "__main__":
    main()
