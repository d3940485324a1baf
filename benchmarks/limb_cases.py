"""Models and ECGs of the benchmark `limb_or_chest`, simulated and real."""

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from explain_cases import (
    ADDITIVE,
    FS,
    chosen_model,
    held_out,
    reference,
    simulated_background,
)
from torch import nn

from leadlens.bundle import Bundle, load_bundle
from leadlens.data.batches import Dataset
from leadlens.data.folds import assign_folds, groups_of
from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.sources import FolderSource
from leadlens.data.store import Store
from leadlens.ecg.diagnoses import diagnosis, scored_codes
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.recording import Units
from leadlens.engines.local import LocalEngine, available_cores
from leadlens.evaluation.skill import skills_of
from leadlens.explain.background import Background, make_background
from leadlens.explain.gates import skill_gate
from leadlens.models.registry import build_model
from leadlens.simulate.evidence import effect
from leadlens.training import recipe
from leadlens.training.fit import predict
from leadlens.training.save import save_trained
from leadlens.training.settings import preset

N_BACKGROUND = 4000
RATE_OF_PAPER = 75.0
N_FOLDS = 5
MIN_POSITIVES = 15


@dataclass(frozen=True, eq=False)
class Explained:
    """A held-out ECG, and which of its true diagnoses are explained; twins where they are known."""

    signal: np.ndarray
    units: Units
    codes: tuple[str, ...]
    twins: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Subject:
    """A model, what its training ECGs are like, and the held-out ECGs that are explained.

    `precision` is that of the recipe's forward passes, of which there are most.
    """

    name: str
    bundle: Bundle
    background: Background
    ecgs: list[Explained]
    precision: Literal["float32", "bfloat16"] = "float32"

    @property
    def codes(self) -> tuple[str, ...]:
        """The diagnoses that are explained."""
        found = {code for ecg in self.ecgs for code in ecg.codes}
        return tuple(code for code in self.bundle.config.classes if code in found)

    def with_network(self, network: nn.Module) -> "Subject":
        """Return the same ECGs, explained to another network."""
        return replace(self, bundle=replace(self.bundle, model=network))


class Noise(nn.Module):
    """A network whose logits have nothing to do with its input."""

    def __init__(self, n_classes: int, seed: int = 0) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.zeros(1))
        self.n_classes, self.drawn = n_classes, torch.Generator().manual_seed(seed)

    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        """Return standard normal logits."""
        return torch.randn(len(signal), self.n_classes, generator=self.drawn)


def noise_of(subject: Subject) -> Subject:
    """Return the ECGs with answers that are noise."""
    return subject.with_network(Noise(len(subject.bundle.config.classes)))


def untrained_of(subject: Subject) -> Subject:
    """Return the ECGs with the model's network before training."""
    config = subject.bundle.config
    network = build_model(config.model, len(config.leads), len(config.classes), 5, config.fs)
    return subject.with_network(network.eval())


def picked(
    codes: tuple[str, ...], is_right: np.ndarray, per: int, most: int | None = None
) -> dict[int, tuple[str, ...]]:
    """Return the explained ECGs and their diagnoses: the first `per` right answers of each.

    Of diagnoses that the Challenge counts as one, the commoner; `most` diagnoses, the commonest.
    """
    order = np.argsort(-is_right.sum(axis=0), kind="stable")
    chosen: list[int] = []
    for column in order.tolist():
        twin = diagnosis(codes[column]).equivalent
        if is_right[:, column].any() and twin not in {
            diagnosis(codes[other]).abbreviation for other in chosen
        }:
            chosen.append(column)
    found: dict[int, tuple[str, ...]] = {}
    for column in sorted(chosen[:most]):
        for row in np.flatnonzero(is_right[:, column])[:per].tolist():
            found[row] = (*found.get(row, ()), codes[column])
    return found


def simulated(options: Any, per: int) -> Subject:
    """Return the reference model with held-out simulated ECGs that it gets right."""
    if options.quick and not options.model:
        tiny = {"model": {"n_filters": (8, 16, 24)}, "epochs": 8}
        bundle = reference(options.out / "tiny", 600, tiny)
    else:
        bundle = chosen_model(options)
    n_background, n = (300, 200) if options.quick else (N_BACKGROUND, 2000)
    config, background = bundle.config, simulated_background(bundle, options.out, n_background)
    batch, windows, says = held_out(bundle, n)
    names = [diagnosis(code).abbreviation for code in config.classes]
    labels = np.array([[name in had for name in names] for had in batch.truth.names])
    found = picked(config.classes, labels & says, per, 4 if options.quick else 16)
    ecgs = [
        Explained(
            windows[row], "mV", codes,
            {code: windows[row] - effect(batch, row, diagnosis(code).abbreviation)
             for code in codes if diagnosis(code).abbreviation in ADDITIVE},
        )
        for row, codes in found.items()
    ]  # fmt: skip
    return Subject("simulated ECGs, reference model", bundle, background, ecgs)


def real_store(folders: list[Path], out: Path, fs: float) -> Store:
    """Return the real recordings at a rate, kept in `out`."""
    method = "fft" if fs == RATE_OF_PAPER else "polyphase"
    settings = IngestSettings(fs=fs, resampling=method)
    return ingest(
        FolderSource.find(folders), out / f"real-{fs:g}", settings, LocalEngine(available_cores())
    )


def on_real(subject: Subject, folders: list[Path], out: Path, per: int) -> Subject:
    """Return the reference model with real ECGs that it gets right.

    Where it needs millivolts, those known only in relative units are left out.
    """
    store = real_store(folders, out, FS)
    needs_mv = subject.bundle.config.normalisation != "lead_zscore"
    usable = [row.units == "mV" or not needs_mv for row in store.first_rows]
    ecgs = held_out_ecgs(subject.bundle, store, np.flatnonzero(usable), per)
    return replace(subject, name="real ECGs, reference model", ecgs=ecgs)


def trained_on_real(
    name: str, store: Store, out: Path, changes: dict[str, Any], fold: int, per: int, most: int
) -> Subject:
    """Return a network trained on the other folds of real ECGs, and ECGs of one that it gets right.

    Args:
        name: of the training preset.
        store: the real recordings.
        out: where the network is kept; the same call uses it again.
        changes: to the preset.
        fold: the one that is held out.
        per: ECGs of each diagnosis, at most.
        most: diagnoses, at most: those with most right answers.
    """
    labels, known = store.labels(scored_codes())
    counts = (labels & known).sum(axis=0)
    codes = tuple(c for c, n in zip(scored_codes(), counts, strict=True) if n >= MIN_POSITIVES)
    settings = preset(name, {"normalisation": "lead_zscore", **changes})
    folds = assign_folds(store.labels(codes)[0], groups_of(store), N_FOLDS, settings.seed)
    inside = np.flatnonzero(folds != fold)
    train = Dataset(store, inside, STANDARD_LEADS, settings.normalisation, codes)
    path = out / f"{name}-fold-{fold}"
    if not (path / "config.json").exists():
        print(f"training {name}, fold {fold}: {len(inside)} ECGs", file=sys.stderr, flush=True)
        trained = recipe.train(
            train, settings, torch.device("cpu"), path,
            on_epoch=lambda one: print(f"epoch {one['epoch'] + 1:g}", file=sys.stderr, flush=True),
        )  # fmt: skip
        save_trained(path, trained, train, settings, held_out=None)
        recipe.forget(path)
    bundle = load_bundle(path)
    ecgs = held_out_ecgs(bundle, store, np.flatnonzero(folds == fold), per, most)
    precision: Literal["float32", "bfloat16"] = "bfloat16" if name == "paper" else "float32"
    title = f"real ECGs, {settings.model.name} trained on real ECGs, fold {fold}"
    return Subject(title, bundle, make_background(train), ecgs, precision)


def held_out_ecgs(
    bundle: Bundle, store: Store, positions: np.ndarray, per: int, most: int | None = None
) -> list[Explained]:
    """Return recordings that the model gets right, of diagnoses that it tells from others here.

    Of recordings that belong together (one patient, one ECG) only the first is looked at.
    """
    _, first = np.unique(groups_of(store)[positions], return_index=True)
    positions = positions[np.sort(first)]
    config = bundle.config
    data = Dataset(store, positions, config.leads, config.normalisation, config.classes)
    labels, known = data.labels
    said = predict(bundle.model, data, torch.device("cpu"))
    reasons = [skill_gate(skill) for skill in skills_of(labels, known, said)]
    is_right = labels & known & (said > np.array(config.thresholds, np.float32))
    is_right &= np.array([reason is None for reason in reasons])
    found = picked(config.classes, is_right, per, most)
    return [_read(store, int(positions[row]), codes) for row, codes in found.items()]


def _read(store: Store, position: int, codes: tuple[str, ...]) -> Explained:
    """Return the first window of a recording."""
    units: Units = "relative" if store.first_rows[position].units == "relative" else "mV"
    return Explained(store.signal(store.windows_of[position][:1])[0], units, codes)
