"""How even our folds are, and how long they take, beside the package iterative-stratification.

    python benchmarks/folds.py [--quick]

The labels are those of a simulated challenge cohort (30 diagnoses, the Challenge's prevalences),
20,000 recordings, 10 folds; `ungrouped`, and `grouped` by patients of 1 to 8 recordings. The figure
is the largest relative deviation of any class in any fold: |found - expected| / expected, where a
fold is expected to have a class as often as all recordings together. `best_possible` is what no
folds of one size can beat, as positives are whole; `excess` is the largest distance of a class in a
fold from what is expected, in recordings. The median over three seeds
stands beside the seconds of one thread. iterative-stratification 0.1.9, MultilabelStratifiedKFold,
knows no groups: it is run on recordings, which splits patients (`split_groups`), and, the usual way
round that, on patients with the union of their labels. It is installed into `.venv-peers`.
The last line is one JSON object.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import numpy as np
from peers import one_thread, peer_python

from leadlens.data.folding.counts import FoldCounts, count_folds
from leadlens.data.folding.groups import split_groups
from leadlens.ecg.diagnoses import diagnosis, scored_codes
from leadlens.simulate import CohortSettings, simulate_batches

THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
K = 10

_OURS = """
import sys, time
import numpy as np
from leadlens.data.folding.stratify import assign_folds
given = np.load(sys.argv[1])
labels, groups = given["labels"], given["groups"]
started = time.perf_counter()
folds = assign_folds(labels, groups, int(sys.argv[3]), int(sys.argv[4]))
print(time.perf_counter() - started)
np.save(sys.argv[2], folds)
"""

_THEIRS = """
import sys, time
import numpy as np
from iterstrat.ml_stratifiers import MultilabelStratifiedKFold
given = np.load(sys.argv[1])
labels, groups = given["labels"].astype(int), given["groups"]
started = time.perf_counter()
of_group = np.zeros((groups.max() + 1, labels.shape[1]), int)
np.maximum.at(of_group, groups, labels)
splitter = MultilabelStratifiedKFold(int(sys.argv[3]), shuffle=True, random_state=int(sys.argv[4]))
folds = np.empty(len(of_group), int)
for fold, (_, test) in enumerate(splitter.split(of_group, of_group)):
    folds[test] = fold
folds = folds[groups]
print(time.perf_counter() - started)
np.save(sys.argv[2], folds)
"""


def cohort_labels(n: int, seed: int) -> np.ndarray:
    """Return (recording, class) labels of a simulated challenge cohort."""
    names = [diagnosis(code).abbreviation for code in scored_codes()]
    settings = CohortSettings(cohort="challenge", n_recordings=n, seed=seed)
    rows = [
        [name in said for name in names]
        for batch in simulate_batches(settings)
        for said in batch.truth.names
    ]
    return np.array(rows)


def patients(n: int, seed: int) -> np.ndarray:
    """Return the patient of each recording: most have one, some up to eight."""
    rng = np.random.default_rng(seed)
    sizes = np.minimum(rng.geometric(0.6, n), 8)
    return np.repeat(np.arange(n), sizes)[:n]


def best_possible(positives: np.ndarray) -> float:
    """Return the largest deviation that no folds of one size can avoid: counts are whole."""
    even = positives / K
    return float((np.maximum(np.ceil(even) - even, even - np.floor(even)) / even).max())


def excess(counts: FoldCounts) -> float:
    """Return how many recordings too many or too few a fold has of a class, the most."""
    expected = np.outer(counts.sizes / counts.sizes.sum(), counts.positives.sum(axis=0))
    return float(np.abs(counts.positives - expected).max())


def measure(
    python: Path | str, program: str, labels: np.ndarray, dealt: np.ndarray, true: np.ndarray
) -> dict[str, float]:
    """Return medians over seeds: largest deviation, size deviation, split groups, seconds.

    `dealt` are the groups that the program is told, `true` the patients.
    """
    found: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as scratch:
        given, made = Path(scratch) / "given.npz", Path(scratch) / "folds.npy"
        np.savez(given, labels=labels, groups=dealt)
        for seed in range(3):
            words = [str(python), "-c", program, str(given), str(made), str(K), str(seed)]
            said = subprocess.run(
                words, check=True, capture_output=True, text=True, env=one_thread()
            )
            folds = np.load(made)
            counts = count_folds(labels, folds)
            found.append(
                {
                    "deviation": float(np.nanmax(counts.deviations())),
                    "excess": excess(counts),
                    "size_deviation": counts.size_deviation(),
                    "split_groups": len(split_groups(true, folds)),
                    "seconds": float(said.stdout),
                }
            )
    return {name: round(statistics.median(one[name] for one in found), 5) for name in found[0]}


def main() -> None:
    """Print the figures, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="4,000 recordings, under a minute")
    n = 4000 if parser.parse_args().quick else 20_000
    labels, true = cohort_labels(n, 0), patients(n, 0)
    alone = np.arange(n)
    counts = labels.sum(axis=0)
    print(f"{n} recordings, {int(true.max()) + 1} patients, {K} folds; rarest class {counts.min()}")
    peer = peer_python("iterative-stratification==0.1.9")
    runs = {
        "ungrouped": (sys.executable, _OURS, alone, alone),
        "grouped": (sys.executable, _OURS, true, true),
    }
    if peer:
        runs |= {
            "ungrouped_peer": (peer, _THEIRS, alone, alone),
            "grouped_peer_on_patients": (peer, _THEIRS, true, true),
            "grouped_peer_on_recordings": (peer, _THEIRS, alone, true),
        }
    floor = best_possible(counts)
    figures: dict[str, object] = {
        "n": n,
        "rarest_class": int(counts.min()),
        "best_possible": round(floor, 5),
    }
    print(f"largest deviation that whole counts make unavoidable: {100 * floor:.2f} %")
    for name, (python, program, dealt, known) in runs.items():
        one = measure(python, program, labels, dealt, known)
        figures[name] = one
        print(
            f"{name:28s} largest deviation {100 * one['deviation']:6.2f} % "
            f"({one['excess']:.1f} recordings), sizes {100 * one['size_deviation']:5.2f} %, "
            f"{one['split_groups']:5.0f} patients split, {one['seconds']:6.2f} s",
            flush=True,
        )
    print(json.dumps({**figures, "machine": platform.processor() or platform.machine(),
                      "date": date.today().isoformat()}))  # fmt: skip


if __name__ == "__main__":
    main()
