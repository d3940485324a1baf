"""A store's batches beside h5py and zarr, and how ingest and batches grow with the store.

    python benchmarks/store.py [--quick] [--sizes N,N,...]

The same int16 windows (12 x 1000, 10 s at 100 Hz) lie in a store, in one HDF5 dataset and in one
zarr array, both with a chunk a window and without compression, which favours random rows. Batches
of 64 are drawn at random and become float32 millivolts, in one process and thread each, from the
page cache, in turn; `batches_ratio_h5py` and `batches_ratio_zarr` are ours over theirs, though
ours also brings labels, masks and scale. HDF5 is read row by row in ascending order. Growth:
simulated recordings are ingested with a process a core; for each size the milliseconds a recording,
the largest resident memory of the process that collects and of a worker, batches a second from the
page cache (in the first epoch, in which the process touches each page for the first time, and the
median of three more), ECGs a second of the first epoch when the system has dropped the files from
it (random and streaming order), and what opening costs: seconds, and memory that is not the
files'. zarr is installed into `.venv-peers`. The last line is one JSON object.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from datetime import date
from pathlib import Path

from peers import peer_python, run

from leadlens.engines.local import available_cores

BATCH = 64

_INGEST = """
import resource, sys, time
from pathlib import Path
from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.sources import CohortSource
from leadlens.engines.local import LocalEngine
from leadlens.simulate import CohortSettings
settings = CohortSettings(n_recordings=int(sys.argv[2]), cohort="challenge", seed=5, fs=100)
started = time.perf_counter()
engine = LocalEngine(int(sys.argv[3]))
ingest(CohortSource(settings), Path(sys.argv[1]), IngestSettings(fs=100), engine)
print(time.perf_counter() - started)
for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
    print(resource.getrusage(who).ru_maxrss / 1024)
"""

_BATCHES = """
import sys, time
import numpy as np
from leadlens.data.batches import Dataset
from leadlens.data.store import open_store
from leadlens.ecg.diagnoses import scored_codes
from leadlens.ecg.leads import STANDARD_LEADS
started = time.perf_counter()
store = open_store(sys.argv[1])
data = Dataset(store, np.arange(len(store.keys)), STANDARD_LEADS, "millivolt", scored_codes())
data.labels
opened = time.perf_counter() - started
n, order = int(sys.argv[2]), sys.argv[3]
def run(epoch):
    started, seen = time.perf_counter(), 0
    for batch in data.epoch(64, 0, epoch, order):
        seen += len(batch.recordings)
        if seen >= n:
            break
    return seen / (time.perf_counter() - started)
cold = run(0)
rates = [run(epoch) for epoch in range(1, 4)]
own = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("RssAnon"))
print(cold, sorted(rates)[1], opened, own / 1024)
"""

_PEER = """
import sys, time
import numpy as np
kind, path, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
if kind == "h5py":
    import h5py
    array = h5py.File(path, "r")["counts"]
    def rows(chosen):
        return np.stack([array[i] for i in chosen])
else:
    import zarr
    array = zarr.open(path, mode="r")
    def rows(chosen):
        return array.oindex[chosen]
rng, rates = np.random.default_rng(0), []
for turn in range(4):
    order, started, seen = rng.permutation(array.shape[0]), time.perf_counter(), 0
    for first in range(0, min(n, len(order)), 64):
        chosen = np.sort(order[first:first + 64])
        batch = rows(chosen).astype(np.float32) / np.float32(1000)
        seen += len(batch)
    rates.append(seen / (time.perf_counter() - started))
print(sorted(rates[1:])[1])
"""

_COPY = """
import sys
import numpy as np
kind, path = sys.argv[1], sys.argv[2]
shards = [np.load(file, mmap_mode="r") for file in sys.argv[3:]]
shape = (sum(map(len, shards)), *shards[0].shape[1:])
if kind == "h5py":
    import h5py
    array = h5py.File(path, "w").create_dataset("counts", shape, "i2", chunks=(1, *shape[1:]))
else:
    import zarr
    array = zarr.create_array(
        path, shape=shape, chunks=(1, *shape[1:]), dtype="i2", compressors=None
    )
first = 0
for shard in shards:
    array[first:first + len(shard)] = shard
    first += len(shard)
"""


def forget(folder: Path) -> None:
    """Drop a folder's files from the page cache, as far as the system does so when asked."""
    for file in folder.glob("*.npy"):
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def beside_peers(store: Path, scratch: Path, n_read: int) -> dict[str, float]:
    """Return how many times faster ours is than each peer; without what cannot be installed."""
    python = peer_python("zarr", "h5py")
    if python is None:
        return {}
    files = sorted(store.glob("*.npy"))
    places = {"h5py": scratch / "peer.h5", "zarr": scratch / "peer.zarr"}
    for kind, place in places.items():
        run(python, _COPY, kind, place, *files)
    rates: dict[str, list[float]] = {"ours": [], "h5py": [], "zarr": []}
    for _ in range(3):  # in turn, so that a busy moment hits all
        rates["ours"].append(run(sys.executable, _BATCHES, store, n_read, "random")[1])
        for kind, place in places.items():
            rates[kind] += run(python, _PEER, kind, place, n_read if kind == "h5py" else 2048)
    middle = {kind: sorted(values)[1] for kind, values in rates.items()}
    for kind, rate in middle.items():
        print(f"{kind:6} {rate:9.0f} ECG/s in random batches of {BATCH}")
    return {f"batches_ratio_{kind}": round(middle["ours"] / middle[kind], 2) for kind in places}


def main() -> None:
    """Print the figures, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small stores, at most 60 s")
    parser.add_argument("--sizes", help="of the stores, with commas between them")
    options = parser.parse_args()
    given = options.sizes or ("1000,4000" if options.quick else "1000,10000,50000,200000")
    growth, ratios = [], {}
    with tempfile.TemporaryDirectory() as scratch:
        for n in map(int, given.split(",")):
            store = Path(scratch) / f"store{n}"
            seconds, here, worker = run(sys.executable, _INGEST, store, n, available_cores())
            forget(store)
            streamed = run(sys.executable, _BATCHES, store, n, "streaming")[0]
            forget(store)
            cold = run(sys.executable, _BATCHES, store, min(n, 20_000), "random")[0]
            for file in store.glob("*.npy"):  # into the page cache
                file.read_bytes()
            first, rate, opened, memory = run(sys.executable, _BATCHES, store, n, "random")
            growth.append(
                {"n": n, "ingest_ms": round(1000 * seconds / n, 3), "ingest_mb": round(here),
                 "worker_mb": round(worker), "batches_per_s": round(rate / BATCH),
                 "batches_per_s_first_epoch": round(first / BATCH),
                 "cold_random_ecg_per_s": round(cold), "cold_streaming_ecg_per_s": round(streamed),
                 "open_s": round(opened, 2), "open_mb": round(memory)}
            )  # fmt: skip
            print(json.dumps(growth[-1]), flush=True)
            if not ratios and n >= 4000:
                ratios = beside_peers(store, Path(scratch), 4096)
            for file in store.iterdir():
                file.unlink()
    print(
        json.dumps(
            {**ratios, "growth": growth, "processes": available_cores(), "quick": options.quick,
             "machine": platform.machine(), "date": date.today().isoformat()}
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
