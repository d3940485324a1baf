"""Pre-training: models trained on simulated ECGs, once, before the cells that start from them.

pretrained/<name>-<hash>/store   the cohort
pretrained/<name>-<hash>/model   the model, a bundle
pretrained/<name>-<hash>/progress.json   its epochs so far
"""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from leadlens.bundle import CONFIG
from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.sources import CohortSource
from leadlens.engines.engine import Engine
from leadlens.engines.local import LocalEngine
from leadlens.errors import ConfigError
from leadlens.files import hash_text, read_json, write_json
from leadlens.settings import checked
from leadlens.simulate import CohortSettings
from leadlens.study.plan import Cell
from leadlens.study.settings import StudySettings
from leadlens.training.devices import choose_device
from leadlens.training.memory import keep_memory
from leadlens.training.settings import TrainingSettings
from leadlens.training.single import train_model

HELD_OUT = 0.05
"""Of the simulated ECGs: enough to see that the model has learned."""
PROGRESS = "progress.json"


@dataclass(frozen=True)
class Pretraining:
    """A model that cells start from.

    Attributes:
        folder: where it lies.
        cohort: what it learns from.
        training: how.
        fs: its rate in Hz.
    """

    folder: Path
    cohort: CohortSettings
    training: TrainingSettings
    fs: float

    @property
    def model(self) -> Path:
        """The folder of the finished model."""
        return self.folder / "model"

    @property
    def is_done(self) -> bool:
        """Whether it has been trained."""
        return (self.model / CONFIG).exists()

    @property
    def n_epochs_done(self) -> int:
        """How many epochs have been trained so far."""
        if self.is_done:
            return self.training.n_epochs
        said = self.folder / PROGRESS
        return int(read_json(said)["epochs"]) if said.exists() else 0


def pretraining_of(study: StudySettings, cell: Cell, folder: Path) -> Pretraining | None:
    """Return what a cell starts from; None where its weights are drawn.

    The cells of all folds start from the same; those of another seed from another.

    Raises:
        ConfigError: the changes are not allowed, or the cohort's rate is below the cell's.
    """
    name = cell.training.start
    if name is None:
        return None
    settings = study.pretraining[name]
    if settings.simulate.fs < cell.fs:
        raise ConfigError(
            f"pre-training '{name}' simulates at {settings.simulate.fs:g} Hz, "
            f"but cells at {cell.fs:g} Hz start from it: raise its fs"
        )
    # Without what needs inner recordings: the model is a start, not a report.
    values: dict[str, Any] = {
        **cell.training.model_dump(),
        "seed": cell.training.seed - cell.fold,
        "start": None,
        "inner": 0.0,
        "patience": None,
        "thresholds": "fixed",
        "is_calibrated": False,
        "members": 1,
        **settings.training,
    }
    training = checked(TrainingSettings, values, f"pre-training '{name}'")
    facts = [settings.simulate.model_dump(mode="json"), training.model_dump(mode="json"), cell.fs]
    place = folder / "pretrained" / f"{name}-{hash_text(json.dumps(facts))[:8]}"
    return Pretraining(place, settings.simulate, training, cell.fs)


def pretrain(task: Pretraining, device: str) -> Path:
    """Train the model unless it is there; return its folder. Goes on after a kill."""
    if not task.is_done:
        if device == "cpu":
            torch.set_num_threads(1)
            keep_memory()
        settings = IngestSettings(fs=task.cohort.fs, duration=task.cohort.duration)
        store = ingest(CohortSource(task.cohort), task.folder / "store", settings, LocalEngine(1))
        train_model(
            store.path,
            task.model,
            task.training,
            choose_device(device),
            fs=task.fs,
            hold_out=HELD_OUT,
            min_positives=1,
            on_epoch=lambda done, _: write_json(task.folder / PROGRESS, {"epochs": done}),
        )
    return task.model


def to_pretrain(study: StudySettings, cells: list[Cell], folder: Path) -> list[Pretraining]:
    """Return the models that are to be trained before the cells that start from them, each once."""
    needed = (pretraining_of(study, cell, folder) for cell in cells if not cell.is_done)
    tasks = {task.folder: task for task in needed if task is not None and not task.is_done}
    return list(tasks.values())


def pretrain_all(tasks: list[Pretraining], engine: Engine, device: str) -> None:
    """Train the models."""
    for _ in engine.map_items(partial(pretrain, device=device), tasks):
        pass
