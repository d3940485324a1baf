"""The reference model of the explanation benchmarks, and the held-out ECGs that it gets right."""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from leadlens.bundle import Bundle, load_bundle
from leadlens.data.batches import Dataset
from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.sources import CohortSource
from leadlens.ecg.diagnoses import diagnosis
from leadlens.engines.local import LocalEngine, available_cores
from leadlens.explain.background import Background, make_background
from leadlens.simulate import Batch, CohortSettings, Evidence, evidence, programme_batch, render_all
from leadlens.simulate.evidence import effect
from leadlens.training.single import train_single

FS = 100.0
ADDITIVE = ("RBBB", "LBBB", "IRBBB", "LAnFB", "NSIVCB", "QAb", "PRWP", "TAb", "TInv", "PVC", "PR",
            "AFL", "AF")  # fmt: skip
RHYTHM = ("SB", "STach", "SA", "PAC", "IAVB", "LQT", "AF")


@dataclass(frozen=True, eq=False)
class Case:
    """A held-out ECG with the diagnoses that the model gets right."""

    signal: np.ndarray
    evidence: dict[str, Evidence]
    effects: dict[str, np.ndarray]
    right: tuple[str, ...]


def reference(out: Path, n: int, changes: dict[str, Any], seed: int = 21) -> Bundle:
    """Return the reference network, trained now if need be; `seed` is its ECGs' and its own."""
    model = out / "model"
    if not (model / "config.json").exists():
        settings = CohortSettings(cohort="factorial", n_recordings=n, seed=seed, fs=FS)
        store = out / "simulated"
        if not (store / "manifest.json").exists():
            engine = LocalEngine(available_cores())
            ingest(CohortSource(settings), store, IngestSettings(fs=FS), engine)
        scores = train_single(
            store, model, "resnet", {"normalisation": "millivolt", "seed": seed, **changes},
            hold_out=0.1, on_epoch=lambda k, of: print(f"epoch {k} of {of}", file=sys.stderr),
        )  # fmt: skip
        print(f"reference: macro AUROC {scores['macro']['auroc']:.4f} on "
              f"{scores['recordings']} of {n} held out")  # fmt: skip
    return load_bundle(model)


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Let a benchmark's user choose its model."""
    parser.add_argument("--model", type=Path, help="a saved model instead of training one")
    parser.add_argument("--out", type=Path, default=Path("runs/explain_truth"))
    parser.add_argument("--quick", action="store_true", help="a tiny model: at most 60 s")


def chosen_model(options: argparse.Namespace, seed: int = 21) -> Bundle:
    """Return the model that was given, or the reference of a seed, trained now if need be."""
    if options.model:
        return load_bundle(options.model)
    if options.quick:
        small = {"model": {"n_filters": (8, 16, 24)}, "epochs": 6}
        return reference(options.out / "quick", 1500, small, seed)
    return reference(options.out, 16_000, {"epochs": 10}, seed)


def held_out(bundle: Bundle, n: int, seed: int = 22) -> tuple[Batch, np.ndarray, np.ndarray]:
    """Return ECGs of another seed, their windows in mV, and what the model says (n, class)."""
    settings = CohortSettings(cohort="factorial", n_recordings=n, seed=seed, fs=FS)
    batch = programme_batch(settings, np.arange(n))
    windows = render_all(batch)
    probabilities = 1 / (1 + np.exp(-bundle.logits(windows).astype(np.float64)))
    return batch, windows, probabilities > np.array(bundle.config.thresholds)


def column_of(bundle: Bundle, name: str) -> int:
    """Return the column of a diagnosis."""
    return bundle.config.classes.index(diagnosis(name).code)


def cases(bundle: Bundle, n: int, per: int, seed: int = 22) -> list[Case]:
    """Return ECGs with, together, up to `per` right answers for each diagnosis."""
    batch, windows, says = held_out(bundle, n, seed)
    known = [one for one in dict.fromkeys((*ADDITIVE, *RHYTHM))
             if diagnosis(one).code in bundle.config.classes]  # fmt: skip
    wanted = dict.fromkeys(known, 0)
    found = []
    for row in range(len(batch)):
        right = tuple(
            name for name, count in wanted.items()
            if count < per and name in batch.truth.names[row]
            and says[row, column_of(bundle, name)]
        )  # fmt: skip
        if not right:
            continue
        for name in right:
            wanted[name] += 1
        where = {one.diagnosis: one for one in evidence(batch, row)}
        effects = {name: effect(batch, row, name) for name in right if name in ADDITIVE}
        found.append(Case(windows[row], where, effects, right))
    return found


def simulated_background(bundle: Bundle, out: Path, n: int) -> Background:
    """Return what training ECGs are like, for `paper_lime`: `n` of the reference's cohort."""
    settings = CohortSettings(cohort="factorial", n_recordings=n, seed=21, fs=FS)
    engine = LocalEngine(available_cores())
    store = ingest(CohortSource(settings), out / f"background-{n}", IngestSettings(fs=FS), engine)
    config, everyone = bundle.config, np.arange(n)
    return make_background(
        Dataset(store, everyone, config.leads, config.normalisation, config.classes)
    )
