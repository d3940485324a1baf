"""Ingest of CinC `.mat` recordings, beside wfdb with the same resampling filter.

    python benchmarks/ingest.py [--quick] [--data FOLDER]

Both read every file (from the page cache: each was read once before), bring it to 100 Hz by the
filter of `scipy.signal.resample_poly`, round it to int16 and write the result; measured in turn,
one process and one thread each. Ours also checks and hashes each recording, writes labels and
index, and names damaged files. The peer is measured thrice: with our faster code for the filter
(`ratio_wfdb`, the least favourable to us), with SciPy's, and at 500 Hz, where nothing is resampled.
`recordings_per_s` is ours with a process a core, workers' start included; `peak_mb` the largest
resident memory of all its processes together. The recordings are simulated (10 s, 500 Hz), or the
`.mat` records below FOLDER that wfdb reads, as often as needed. The last line is one JSON object.
"""

import argparse
import json
import platform
import statistics
import sys
import tempfile
from datetime import date
from pathlib import Path

from peers import run

from leadlens.engines.local import LocalEngine, available_cores
from leadlens.simulate import CohortSettings
from leadlens.simulate.export import export_wfdb

CHALLENGE = 88_253

_OURS = """
import resource, sys, time
from pathlib import Path
import scipy.signal, wfdb
from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.sources import find_sources
from leadlens.engines.local import LocalEngine
folder, out = Path(sys.argv[1]), Path(sys.argv[2])
fs, n_workers = float(sys.argv[3]), int(sys.argv[4])
started = time.perf_counter()
store = ingest(find_sources([folder]), out, IngestSettings(fs=fs), LocalEngine(n_workers))
seconds = time.perf_counter() - started
largest = [resource.getrusage(who).ru_maxrss / 1024
           for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(store.manifest.n_windows, seconds, largest[0] + (n_workers > 1) * n_workers * largest[1])
"""

_PEER = """
import sys, time
from pathlib import Path
import numpy as np, wfdb
from scipy.signal import resample_poly
from leadlens.ecg.decimate import decimate
folder, out, fs, code = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
started = time.perf_counter()
files = sorted(folder.rglob("*.hea"))
kept = np.zeros((len(files), 12, round(10 * fs)), np.int16)
for row, file in zip(kept, files):
    record = wfdb.rdrecord(str(file.with_suffix("")))
    down = round(record.fs / fs)
    if down == 1:
        signal = record.p_signal.T
    elif code == "scipy":
        signal = resample_poly(record.p_signal, 1, down, axis=0, padtype="line").T
    else:
        signal = decimate(np.ascontiguousarray(record.p_signal.T), down)
    signal = signal[:, : row.shape[1]]
    row[:, : signal.shape[1]] = np.nan_to_num(np.round(1000 * signal))
np.save(out, kept)
print(len(files), time.perf_counter() - started, 0)
"""


def recordings(given: Path | None, n: int, folder: Path) -> None:
    """Fill `folder` with `n` simulated recordings, or with copies of those given."""
    if given is None:
        settings = CohortSettings(n_recordings=n, cohort="challenge", seed=3)
        export_wfdb(settings, folder, engine=LocalEngine(available_cores()))
        return
    found = sorted(path.with_suffix("") for path in given.rglob("*.mat"))
    # wfdb refuses headers whose record is called otherwise than the file.
    found = [path for path in found if path.with_suffix(".hea").exists()
             and path.with_suffix(".hea").read_text().split()[0] == path.name]  # fmt: skip
    for copy in range(-(-n // len(found))):
        (folder / f"copy{copy}").mkdir(parents=True)
        for path in found:
            for suffix in (".hea", ".mat"):
                content = path.with_suffix(suffix).read_bytes()
                (folder / f"copy{copy}" / (path.name + suffix)).write_bytes(content)


def main() -> None:
    """Print the figures, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer recordings, at most 60 s")
    parser.add_argument("--data", type=Path, help="a folder of CinC .mat records")
    options = parser.parse_args()
    n, n_turns = (1024, 1) if options.quick else (4096, 3)
    kinds = {"ratio_wfdb": (100, "ours"), "ratio_wfdb_scipy": (100, "scipy"),
             "ratio_wfdb_500hz": (500, "none")}  # fmt: skip
    ratios: dict[str, list[float]] = {kind: [] for kind in kinds}
    rates: dict[str, list[float]] = {"ours 100": [], "ours 500": [], **{k: [] for k in kinds}}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "records"
        recordings(options.data, n, folder)
        for file in folder.rglob("*"):  # into the page cache
            if file.is_file():
                file.read_bytes()
        peaks, many = [], []
        for turn in range(n_turns):
            for fs in (100, 500):
                place = Path(scratch) / f"{fs}-{turn}"
                n_read, ours, peak = run(sys.executable, _OURS, folder, place, fs, 1)
                rates[f"ours {fs}"].append(n_read / ours)
                peaks.append(peak)
                for kind, (rate, code) in kinds.items():
                    if rate == fs:
                        n_peer, peer, _ = run(
                            sys.executable, _PEER, folder, Path(scratch) / "peer.npy", fs, code
                        )
                        rates[kind].append(n_peer / peer)
                        ratios[kind].append((n_read / ours) / (n_peer / peer))
            n_read, seconds, peak = run(
                _OURS, folder, Path(scratch) / f"many{turn}", 100, available_cores()
            )
            many.append(n_read / seconds)
            peaks.append(peak)
    middle = {name: statistics.median(values) for name, values in {**rates, **ratios}.items()}
    for name, values in rates.items():
        print(f"{name:18} {statistics.median(values):8.0f} recordings/s, one process "
              f"({min(values):.0f} to {max(values):.0f})")  # fmt: skip
    per_s = statistics.median(many)
    print(f"ours, {available_cores()} processes: {per_s:8.0f} recordings/s at 100 Hz; "
          f"{CHALLENGE} would take {CHALLENGE / per_s:.0f} s")  # fmt: skip
    figures = {
        "n": int(n_read),
        **{kind: round(statistics.median(values), 2) for kind, values in ratios.items()},
        "recordings_per_s": round(per_s),
        "recordings_per_s_one": round(middle["ours 100"]),
        "seconds_88253": round(CHALLENGE / per_s),
        "processes": available_cores(),
        "peak_mb": round(max(peaks)),
        "quick": options.quick,
        "data": "simulated" if options.data is None else options.data.name,
        "machine": platform.machine(),
        "date": date.today().isoformat(),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
