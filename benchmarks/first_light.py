"""First light in figures: network size, real recordings read, and the demo's worst cell.

    python benchmarks/first_light.py [--quick] [--data FOLDER]

`demo_auroc` is the lowest fold mean of macro AUROC over the demo's conditions. With --quick the
demo is cut to one rate and 500 recordings, to end within 60 s; its figure is then not the demo's.
The last line is one JSON object.
"""

import argparse
import json
import platform
import tempfile
import time
from datetime import date
from pathlib import Path

from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.sources import FolderSource
from leadlens.engines.local import LocalEngine, available_cores
from leadlens.models.registry import build_model, count_parameters
from leadlens.models.settings import PaperInceptionSettings
from leadlens.study.plan import plan_cells
from leadlens.study.results import collect
from leadlens.study.run import run_study
from leadlens.study.settings import read_study

ROOT = Path(__file__).resolve().parents[1]
QUICK = (
    "data.simulate.n_recordings=500",
    "training.epochs=10",
    "axes.fs=[25]",
    "explain=null",
)


def read_recordings(data: Path, scratch: Path) -> dict[str, int | None]:
    """Return how many recordings of a folder were read and refused; None where it is missing."""
    if not data.is_dir():
        print(f"no recordings at {data}: give a folder with --data")
        return {"recordings_read": None, "recordings_refused": None}
    store = ingest(FolderSource.find([data]), scratch / "store", IngestSettings())
    refused = store.manifest.n_refused
    print(f"{data.name}: {store.manifest.n_recordings} recordings read, {refused} refused")
    return {"recordings_read": store.manifest.n_recordings, "recordings_refused": refused}


def run_demo(scratch: Path, quick: bool) -> dict[str, object]:
    """Return the demo's worst condition and the seconds it took."""
    study = read_study(ROOT / "studies" / "demo.yaml", QUICK if quick else ())
    started = time.perf_counter()
    folder = scratch / "demo"
    data = run_study(study, folder, LocalEngine(available_cores()), "cpu")
    seconds = time.perf_counter() - started
    results = collect(plan_cells(study, folder), data.classes)
    for condition in results.conditions:
        print(f"{condition.name}: macro AUROC {condition.mean('auroc'):.3f}")
    worst = min(condition.mean("auroc") for condition in results.conditions)
    return {"demo_auroc": round(worst, 4), "demo_seconds": round(seconds, 1)}


def main() -> None:
    """Print the figures, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a cut demo, at most 60 s")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "cinc2021")
    options = parser.parse_args()
    total, trainable = count_parameters(build_model(PaperInceptionSettings(), 12, 30))
    print(f"paper network: {total} parameters, {trainable} trainable")
    with tempfile.TemporaryDirectory() as scratch:
        figures = {
            "parameters": total,
            "trainable": trainable,
            **read_recordings(options.data, Path(scratch)),
            **run_demo(Path(scratch), options.quick),
        }
    print(
        json.dumps(
            {
                **figures,
                "quick": options.quick,
                "cores": available_cores(),
                "machine": platform.machine(),
                "date": date.today().isoformat(),
            }
        )
    )


if __name__ == "__main__":
    main()
