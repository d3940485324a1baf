"""Peak memory of training on as many recordings as the published study's: 81,327 of 10 s at 75 Hz.

    python benchmarks/memory.py [--quick] [--n N] [--preset NAME]

A store of N recordings (5,000 with --quick) is made of simulated ECGs, each used again and again
with another gain, so that no two waveforms are equal. A fresh process then trains one epoch on it
and predicts all of it. `peak_mb` is the largest resident memory of that process, the store's pages
among it; `store_mb` is the store's signal. The last line is one JSON object.
"""

import argparse
import json
import platform
import resource
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path

N_PUBLISHED = 81_327
N_DIFFERENT = 400
FS = 75.0


def make(folder: Path, n: int) -> None:
    """Write a store of `n` recordings."""
    from leadlens.data.ingest import IngestSettings, ingest
    from leadlens.ecg.recording import Recording
    from leadlens.ecg.resample import resample
    from leadlens.simulate import CohortSettings, simulate_cohort

    cohort = CohortSettings(n_recordings=N_DIFFERENT, seed=1, cohort="challenge", fs=100)
    different = [resample(ecg, FS) for ecg in simulate_cohort(cohort)]

    class Repeated:
        """The different ones again and again, under other names and with other gains."""

        def __len__(self) -> int:
            return n

        def name(self, position: int) -> str:
            """Return the record id."""
            return f"R{position:06d}"

        def load(self, position: int) -> Recording:
            """Return a recording."""
            which, turn = position % N_DIFFERENT, position // N_DIFFERENT
            one = different[which]
            signal = one.signal * (0.9 + 0.001 * turn)
            return replace(one, signal=signal, record_id=self.name(position), patient=None)

        def describe(self) -> dict[str, object]:
            """Return what identifies this source."""
            return {"kind": "repeated", "recordings": n}

    ingest(Repeated(), folder, IngestSettings(fs=FS))


def train(folder: Path, preset_name: str) -> None:
    """Train one epoch on the store, predict it, and print the peak memory in MB."""
    import numpy as np
    import torch

    from leadlens.data.batches import Dataset
    from leadlens.data.store import open_store
    from leadlens.ecg.diagnoses import scored_codes
    from leadlens.ecg.leads import STANDARD_LEADS
    from leadlens.training.fit import fit, predict
    from leadlens.training.memory import keep_memory
    from leadlens.training.settings import preset

    torch.set_num_threads(1)
    keep_memory()
    device = torch.device("cpu")
    settings = preset(preset_name, {"epochs": 1})
    store = open_store(folder, verify=True)
    everyone = np.arange(len(store.keys))
    data = Dataset(store, everyone, STANDARD_LEADS, settings.normalisation, scored_codes())
    network, _ = fit(data, settings, device)
    predict(network, data, device)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    """Print the figures, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="5,000 recordings: under 60 s")
    parser.add_argument("--n", type=int, help=f"recordings (default: {N_PUBLISHED:,})")
    parser.add_argument("--preset", default="resnet", help="what is trained")
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train is not None:
        train(options.train, options.preset)
        return
    n = options.n or (5_000 if options.quick else N_PUBLISHED)
    with tempfile.TemporaryDirectory() as scratch:
        store = Path(scratch) / "store"
        make(store, n)
        command = [sys.executable, __file__, "--train", str(store), "--preset", options.preset]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        store_mb = sum(file.stat().st_size for file in store.glob("*.npy")) / 2**20
    peak = float(said.stdout.split()[-1])
    print(f"{n:,} recordings, {options.preset}: peak {peak:,.0f} MB, signal {store_mb:,.0f} MB")
    print(
        json.dumps(
            {"recordings": n, "preset": options.preset, "peak_mb": round(peak),
             "store_mb": round(store_mb), "machine": platform.machine(),
             "date": date.today().isoformat()}
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
