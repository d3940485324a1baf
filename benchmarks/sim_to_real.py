"""From simulation to reality: a network that never saw a real ECG, tested on real ones.

    python benchmarks/sim_to_real.py DATA... [--model FOLDER] [--out FOLDER] [--quick]

Each DATA is a folder of recordings that `leadlens ingest` takes, and is reported apart; the first
is the headline. Recordings of PTB-XL with an ecg_id up to 500 are left out, as statistics of their
normal beats are in the simulator. Without --model a network is trained on simulated ECGs only, as
PTB-XL's devices and annotators would give them, and kept in --out; the same command uses it again.
AUROC of each diagnosis with at least 5 positives (equivalent ones joined), 95 % intervals after
Newcombe; unknown labels are skipped. The last line is one JSON object.
"""

import argparse
import json
import platform
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from leadlens.bundle import Bundle, load_bundle
from leadlens.data.batches import Dataset
from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.sources import CohortSource, FolderSource, ptbxl_ecg_id
from leadlens.data.store import Store
from leadlens.ecg.diagnoses import diagnosis, reward_weights
from leadlens.ecg.recording import Recording
from leadlens.engines.local import LocalEngine, available_cores
from leadlens.evaluation.metrics import score
from leadlens.evaluation.statistics import mean_auroc_interval
from leadlens.simulate import CohortSettings
from leadlens.training.fit import predict
from leadlens.training.single import train_single

MIN_POSITIVES = 5
LAST_CALIBRATION_ID = 500
FS = 100.0


def train(out: Path, n: int, epochs: int, seed: int) -> Path:
    """Return the folder of a network trained on `n` simulated ECGs, trained now if need be."""
    model = out / "model"
    if (model / "bundle.json").exists() or (model / "config.json").exists():
        return model
    settings = CohortSettings(
        cohort="balanced", n_recordings=n, seed=seed, fs=FS, device="ptb-xl", labels="annotator"
    )
    print(f"simulating {n} ECGs", file=sys.stderr)
    store = out / f"simulated-{n}-{seed}"
    if not (store / "manifest.json").exists():
        ingest(CohortSource(settings), store, IngestSettings(fs=FS), LocalEngine(available_cores()))
    train_single(
        store, model, "resnet", {"epochs": epochs, "normalisation": "lead_zscore", "seed": seed},
        hold_out=0.0, on_epoch=lambda k, of: print(f"epoch {k} of {of}", file=sys.stderr),
    )  # fmt: skip
    return model


def kept(store: Store) -> np.ndarray:
    """Return which recordings were not part of the calibration."""
    chosen = []
    for position, row in enumerate(store.first_rows):
        stub = Recording(
            np.zeros((1, 1), dtype=np.float32), 1.0, ("I",), row.record_id, source=row.source
        )
        number = ptbxl_ecg_id(stub)
        if number is None or number > LAST_CALIBRATION_ID:
            chosen.append(position)
    return np.array(chosen)


def evaluate(bundle: Bundle, data: Path, scratch: Path) -> dict[str, Any]:
    """Return the scores of the model on the recordings of one folder."""
    config = bundle.config
    windows = IngestSettings(fs=config.fs, duration=config.duration, resampling=config.resampling)
    store = ingest(
        FolderSource.find([data]), scratch / "store", windows, LocalEngine(available_cores())
    )
    chosen = kept(store)
    dataset = Dataset(store, chosen, config.leads, config.normalisation, config.classes)
    probabilities = predict(bundle.model, dataset, next(bundle.model.parameters()).device)
    labels, known = dataset.labels
    names = [diagnosis(code).abbreviation for code in config.classes]
    found: dict[str, Any] = {}
    for joined in reward_weights()[0]:
        columns = [names.index(part) for part in joined.split("|") if part in names]
        if not columns:
            continue
        is_known = known[:, columns].all(axis=1)
        truth = labels[is_known][:, columns].any(axis=1)
        scores = probabilities[is_known][:, columns].max(axis=1)
        n_positive, n_negative = int(truth.sum()), int((~truth).sum())
        if n_positive < MIN_POSITIVES or n_negative < MIN_POSITIVES:
            continue
        one = score(truth[:, None], np.ones_like(truth)[:, None], scores[:, None],
                    (scores > 0.5)[:, None])  # fmt: skip
        auroc = float(one.per_class["auroc"][0])
        low, high = mean_auroc_interval([auroc], [n_positive], [n_negative])
        found[joined] = {
            "auroc": round(auroc, 4), "low": round(low, 4), "high": round(high, 4),
            "positives": n_positive, "known": n_positive + n_negative,
        }  # fmt: skip
    macro = float(np.mean([item["auroc"] for item in found.values()])) if found else None
    return {"recordings": len(chosen), "macro_auroc": macro, "diagnoses": found}


def show(name: str, result: dict[str, Any]) -> None:
    """Print a table."""
    print(f"\n{name}: {result['recordings']} recordings")
    for label, item in sorted(result["diagnoses"].items(), key=lambda pair: pair[1]["auroc"]):
        print(f"  {label:12s} {item['auroc']:.3f}  [{item['low']:.3f}, {item['high']:.3f}]"
              f"  {item['positives']:4d} of {item['known']}")  # fmt: skip
    if result["macro_auroc"] is not None:
        print(f"  macro AUROC over {len(result['diagnoses'])}: {result['macro_auroc']:.4f}")


def main() -> None:
    """Print the figures, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="+", help="folders of real recordings")
    parser.add_argument("--model", type=Path, help="a saved model instead of training one")
    parser.add_argument("--out", type=Path, default=Path("runs/sim_to_real"))
    parser.add_argument("--n", type=int, default=32_000, help="simulated ECGs to train on")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--quick", action="store_true", help="600 ECGs, 2 epochs: at most 60 s")
    options = parser.parse_args()
    n, epochs = (600, 2) if options.quick else (options.n, options.epochs)
    out = options.out / "quick" if options.quick else options.out
    model = options.model or train(out, n, epochs, options.seed)
    bundle = load_bundle(model)
    results = {}
    for data in options.data:
        with tempfile.TemporaryDirectory() as scratch:
            results[data.name] = evaluate(bundle, data, Path(scratch))
        show(data.name, results[data.name])
    headline = results[options.data[0].name]
    print(json.dumps({
        "macro_auroc": headline["macro_auroc"], "n_diagnoses": len(headline["diagnoses"]),
        "diagnoses": headline["diagnoses"],
        "others": {name: item["macro_auroc"] for name, item in list(results.items())[1:]},
        "simulated": n if options.model is None else None, "quick": options.quick,
        "machine": platform.machine(), "date": date.today().isoformat(),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
