"""Make the table by which `leadlens audit` knows how leads usually go together.

    python benchmarks/usual_leads.py [--n 5000] [--seed 31]

The covariance of I, II, V1 to V6 between 1 and 15 Hz, each recording brought to a power of 1, is
averaged over simulated recordings of all 30 diagnoses, and the noise of the electrodes is added so
that no sum of leads is expected to be nothing. No real recording enters. Prints the table's file.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Final

import numpy as np

import leadlens.data.audit
from leadlens.data.audit.electrodes import covariances, power
from leadlens.data.audit.traits import collect_traits
from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.sources import CohortSource
from leadlens.ecg.leads import INDEPENDENT_LEADS
from leadlens.files import write_json
from leadlens.simulate import CohortSettings

FS: Final = 100.0
NOISE: Final = 0.001
"""Of the power, in every lead; lead I and II share the right arm's."""


def main() -> None:
    """Write the table into the package."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=31)
    given = parser.parse_args()
    cohort = CohortSource(CohortSettings(n_recordings=given.n, seed=given.seed, fs=FS))
    with tempfile.TemporaryDirectory() as folder:
        store = ingest(cohort, Path(folder) / "store", IngestSettings(fs=FS))
        found = covariances(collect_traits(store), np.arange(given.n))
    mean = (found / np.add(*power(found))[:, None, None]).mean(axis=0)
    noise = NOISE * np.eye(8)
    noise[0, 1] = noise[1, 0] = NOISE / 2
    path = Path(leadlens.data.audit.__file__).parent / "usual_leads.json"
    table = {
        "from": f"{given.n} simulated recordings, seed {given.seed}, {FS:g} Hz",
        "leads": list(INDEPENDENT_LEADS),
        "covariance": (mean + noise).round(5).tolist(),
    }
    write_json(path, table)
    print(path)


if __name__ == "__main__":
    main()
