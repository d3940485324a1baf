"""The simulator's speed and memory, beside NeuroKit2's multi-lead simulator in the same run.

    python benchmarks/simulator.py [--quick] [--store-n N]

`ecg_per_s_core` counts full ECGs of 10 s at 500 Hz (12 x 5000 float32, all 30 diagnoses, drawing
of parameters, wander, bank noise, quantisation, labels) made by one thread. `ratio_neurokit` is
that rate over NeuroKit2's, which is installed into a virtual environment of its own
(`.venv-peers`); the two are measured in turn. `peak_mb` is the largest resident memory of the
process that made them. With --store-n (100,000 by default, none with --quick) so many ECGs are
written to a store at 100 Hz and the growth of memory after the first tenth is measured.
The last line is one JSON object.
"""

import argparse
import json
import platform
import statistics
import sys
import tempfile
from datetime import date

from peers import peer_python, run

THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

_OURS = """
import resource, sys, time
from leadlens.simulate import CohortSettings, recording_of, simulate_batches
n, cohort = int(sys.argv[1]), sys.argv[2]
settings = CohortSettings(cohort=cohort, n_recordings=n, seed=int(sys.argv[3]))
warm = CohortSettings(cohort=cohort, n_recordings=512, seed=99)
for batch in simulate_batches(warm):  # imports, the noise bank of every device
    for row in range(len(batch)):
        recording_of(batch, row)
started, made = time.perf_counter(), 0
for batch in simulate_batches(settings):
    for row in range(len(batch)):
        made += recording_of(batch, row).signal.shape == (12, 5000)
seconds = time.perf_counter() - started
print(made / seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""

_NEUROKIT = """
import sys, time, warnings
warnings.simplefilter("ignore")
import neurokit2
simulate = lambda seed: neurokit2.ecg_simulate(
    duration=10, sampling_rate=500, method="multileads", random_state=seed
)
simulate(0)
started, n = time.perf_counter(), int(sys.argv[1])
for seed in range(n):
    simulate(seed + 1)
print(n / (time.perf_counter() - started))
"""

_STORE = """
import resource, sys, tempfile
from pathlib import Path
from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.sources import CohortSource
from leadlens.simulate import CohortSettings
n = int(sys.argv[1])
marks = []
def mark(done, total):
    marks.append((done, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
settings = CohortSettings(n_recordings=n, seed=5, fs=100)
with tempfile.TemporaryDirectory(dir=sys.argv[2]) as scratch:
    store = Path(scratch) / "store"
    ingest(CohortSource(settings), store, IngestSettings(fs=100), on_progress=mark)
early = max(mb for done, mb in marks if done <= max(n // 10, 512))
print(early, marks[-1][1])
"""


def main() -> None:
    """Print the figures, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer ECGs, at most 60 s")
    parser.add_argument("--store-n", type=int, default=100_000, help="ECGs written to a store")
    options = parser.parse_args()
    n_ours, n_peer, n_turns = (2048, 4, 2) if options.quick else (4096, 10, 5)
    peer = peer_python("neurokit2==0.2.13")
    rates, peaks, peers, challenge = [], [], [], []
    for turn in range(n_turns):  # in turn, so that a busy moment hits both
        rate, peak = run(sys.executable, _OURS, str(n_ours), "balanced", str(turn))
        rates.append(rate)
        peaks.append(peak)
        challenge.append(run(sys.executable, _OURS, str(n_ours), "challenge", str(turn))[0])
        if peer:
            peers += run(peer, _NEUROKIT, str(n_peer))
    ours = statistics.median(rates)
    spread = f"({min(rates):.0f} to {max(rates):.0f})"
    print(f"leadlens, balanced cohort:  {ours:8.1f} ECG/s and core {spread}")
    print(f"leadlens, challenge cohort: {statistics.median(challenge):8.1f} ECG/s and core")
    figures: dict[str, object] = {
        "ecg_per_s_core": round(ours, 1),
        "ecg_per_s_core_challenge": round(statistics.median(challenge), 1),
        "ratio_neurokit": None,
        "peak_mb": round(max(peaks), 1),
    }
    if peers:
        theirs = statistics.median(peers)
        print(f"NeuroKit2 0.2.13 multileads: {theirs:7.2f} ECG/s and core")
        print(f"ratio: {ours / theirs:.0f} (challenge {statistics.median(challenge) / theirs:.0f})")
        figures["ratio_neurokit"] = round(ours / theirs, 1)
    if not options.quick and options.store_n:
        early, late = run(sys.executable, _STORE, str(options.store_n), tempfile.gettempdir())
        memory = f"{early:.0f} MB after a tenth, {late:.0f} MB at the end"
        print(f"store of {options.store_n} ECGs: {memory}")
        figures |= {"store_n": options.store_n, "store_mb_early": early, "store_mb_end": late}
    print(json.dumps({**figures, "machine": platform.processor() or platform.machine(),
                      "date": date.today().isoformat()}))  # fmt: skip


if __name__ == "__main__":
    main()
