"""One cell: train on all folds but one, predict that one, keep everything, mark it done last."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int

from leadlens.bundle import HeldOut
from leadlens.data.batches import Dataset
from leadlens.data.folds import fold_numbers, groups_of, load_folds
from leadlens.data.store import Store, open_store
from leadlens.ecg.leads import lead_set
from leadlens.errors import StoreError, TrainingError
from leadlens.evaluation.leaks import check_apart
from leadlens.evaluation.skill import skills_of
from leadlens.files import read_json, write_json, written_beside
from leadlens.study.cost import measured
from leadlens.study.plan import DONE, METRICS, Cell, check_done
from leadlens.training import recipe
from leadlens.training.curves import curves_in
from leadlens.training.devices import choose_device, uses_bfloat16, versions
from leadlens.training.fit import predict
from leadlens.training.memory import keep_memory
from leadlens.training.save import save_trained

BUNDLE = "bundle"
BACKGROUND = "background.npz"
"""Of the training recordings, for an explainer that draws around them."""
PREDICTIONS = "predictions.npz"
RULE = "thresholds_"
"""Before a rule's name in the predictions' file."""


@dataclass(frozen=True)
class CellTask:
    """All that a worker needs to compute a cell.

    Attributes:
        cell: the cell.
        store: folder of the store at the cell's rate.
        folds: the fold file.
        recordings: positions of the recordings that take part.
        classes: codes that are trained.
        device: where to train, "cpu" or "cuda".
        start: folder of the model that training starts from, if any.
        curves: folder for TensorBoard's curves, if they are wanted.
    """

    cell: Cell
    store: Path
    folds: Path
    recordings: tuple[int, ...]
    classes: tuple[str, ...]
    device: str
    start: Path | None = None
    curves: Path | None = None

    def identity(self, store: Store) -> dict[str, Any]:
        """Return what a finished cell must have been computed from."""
        share = self.cell.train_share
        return {
            **({} if share == 1 else {"train_share": share}),
            "training": self.cell.training.model_dump(mode="json"),
            "start": None if self.start is None else self.start.parent.name,
            "fs": self.cell.fs,
            "fold": self.cell.fold,
            "classes": list(self.classes),
            "n_recordings": len(self.recordings),
            "folds_sha256": read_json(self.folds)["sha256"],
            "index": store.manifest.index_sha256,
            "shards": [shard.sha256 for shard in store.manifest.shards],
        }


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a cell said of the recordings of its fold."""

    keys: tuple[str, ...]
    labels: Bool[np.ndarray, "n class"]
    label_mask: Bool[np.ndarray, "n class"]
    probabilities: Float32[np.ndarray, "n class"]
    prevalence: Float32[np.ndarray, " class"]
    thresholds: Float32[np.ndarray, " class"]
    rules: dict[str, Float32[np.ndarray, " class"]] = field(default_factory=dict)
    """The thresholds that each rule would have given; of earlier versions' cells none."""

    @property
    def decisions(self) -> Bool[np.ndarray, "n class"]:
        """The diagnoses that the cell gave."""
        return self.probabilities > self.thresholds

    def decided_by(self, rule: str) -> Bool[np.ndarray, "n class"]:
        """Return the diagnoses that the cell would have given with the thresholds of a rule."""
        return self.probabilities > self.rules[rule]


def run_cell(task: CellTask) -> float:
    """Compute a cell unless it is done; return the seconds of its epochs (0 when it was done).

    A killed cell resumes at its last finished epoch and gives the same result.
    """
    store = open_store(task.store)
    identity = task.identity(store)
    if check_done(task.cell, identity):
        return 0.0
    if task.device == "cpu":
        torch.set_num_threads(1)
        keep_memory()
    folder = task.cell.folder
    folder.mkdir(parents=True, exist_ok=True)
    _begin(folder, identity)
    device = choose_device(task.device)
    with measured(device) as meter:
        seconds, n_shown = _compute(task, store, device)
    assert meter.cost is not None
    cost = meter.cost.model_copy(update={"training_s": seconds, "shown": n_shown})
    settings = task.cell.training
    write_json(
        folder / DONE,
        {
            "identity": identity,
            "seconds": seconds,
            "cost": cost.model_dump(),
            "device": device.type,
            "computed_in": "bfloat16" if uses_bfloat16(device, settings.precision) else "float32",
            "versions": versions(),
        },
    )
    recipe.forget(folder)
    return seconds


def _compute(task: CellTask, store: Store, device: torch.device) -> tuple[float, int]:
    """Train, predict and keep it all; return the seconds of all epochs and recordings shown."""
    folder, settings = task.cell.folder, task.cell.training
    train, test = cell_datasets(task, store)
    check_apart("training recordings", train.keys, f"tested fold {task.cell.tested}", test.keys)
    leak = test if settings.schedule == "published_plateau" else None
    with curves_in(task.curves) as draw:

        def told(record: dict[str, float]) -> None:
            _log(folder, record)
            draw(record)

        trained = recipe.train(train, settings, device, folder, task.start, leak, told)
    _write_metrics(folder, trained.history)
    said = predict(trained.network, test, device)
    _save_predictions(folder / PREDICTIONS, test, said, train, trained)
    on = f"{test.n_recordings:,} recordings of tested fold {task.cell.tested}"
    if leak is not None:
        on += ", whose loss steered its learning rate"
    held_out = HeldOut(on=on, skills=skills_of(*test.labels, said))
    save_trained(folder / BUNDLE, trained, train, settings, held_out)
    seconds = round(sum(record["seconds"] for record in trained.history), 2)
    n_learned = round(train.n_recordings * (1 - settings.inner))
    return seconds, n_learned * len(trained.history)


def _begin(folder: Path, identity: dict[str, Any]) -> None:
    """Drop what was made with other settings."""
    settings = folder / "settings.json"
    if settings.exists() and read_json(settings) != identity:
        recipe.forget(folder)
        (folder / METRICS).unlink(missing_ok=True)
        (folder / BACKGROUND).unlink(missing_ok=True)
    write_json(settings, identity)


def cell_datasets(task: CellTask, store: Store) -> tuple[Dataset, Dataset]:
    """Return training and test recordings of the cell.

    Raises:
        TrainingError: its fold leaves none on one side.
    """
    folds = fold_numbers(load_folds(task.folds, store), store)
    chosen = np.array(task.recordings)
    # Recordings without a fold take no part, on either side.
    chosen = chosen[folds[chosen] >= 0]
    is_test = folds[chosen] == task.cell.fold
    settings = task.cell.training
    leads = lead_set(settings.lead_set)
    if is_test.all() or not is_test.any():
        raise TrainingError(f"fold {task.cell.tested} leaves nothing to train on or to test")
    learned = _learned(store, chosen[~is_test], task.cell)
    train, test = (
        Dataset(store, part, leads, settings.normalisation, task.classes, settings.crop)
        for part in (learned, chosen[is_test])
    )
    return train, test


def _learned(
    store: Store, others: Int[np.ndarray, " n"], cell: Cell
) -> Int[np.ndarray, " learned"]:
    """Return the share of the other folds' recordings that is learned from: whole groups.

    Drawn by the fold alone, so that conditions learn from the same recordings, and a smaller share
    is part of a larger one.
    """
    if cell.train_share == 1:
        return others
    groups = groups_of(store)[others]
    drawn = np.random.default_rng(cell.fold).permutation(np.unique(groups))
    rank = np.empty(int(groups.max()) + 1, int)
    rank[drawn] = np.arange(len(drawn))
    chosen = others[np.argsort(rank[groups], kind="stable")]
    return np.sort(chosen[: max(round(cell.train_share * len(others)), 1)])


def _log(folder: Path, record: dict[str, float]) -> None:
    """Add an epoch's record to the log that progress is read from."""
    with (folder / METRICS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def _write_metrics(folder: Path, history: list[dict[str, float]]) -> None:
    """Write the whole history: a kill may have lost or doubled a line of the log."""
    with written_beside(folder / METRICS) as beside:
        beside.write_text("".join(json.dumps(r) + "\n" for r in history), encoding="utf-8")


def _save_predictions(
    path: Path,
    test: Dataset,
    probabilities: Float32[np.ndarray, "n class"],
    train: Dataset,
    trained: recipe.Trained,
) -> None:
    """Write what the cell said, with its thresholds, the labels and the training prevalence."""
    labels, label_mask = test.labels
    rules: dict[str, Any] = {
        f"{RULE}{rule}": np.array(thresholds, dtype=np.float32)
        for rule, thresholds in trained.rules.items()
    }
    with written_beside(path) as beside, beside.open("wb") as file:
        np.savez(
            file,
            keys=np.array(test.keys),
            labels=labels,
            label_mask=label_mask,
            probabilities=probabilities,
            prevalence=_prevalence(train),
            thresholds=np.array(trained.thresholds, dtype=np.float32),
            **rules,
        )


def _prevalence(train: Dataset) -> Float32[np.ndarray, " class"]:
    """Return the share of positives among the known labels of the training recordings."""
    labels, known = train.labels
    return (labels.sum(axis=0) / np.maximum(known.sum(axis=0), 1)).astype(np.float32)


def load_predictions(cell: Cell) -> Predictions:
    """Return what a finished cell said.

    Raises:
        StoreError: the file is missing or damaged.
    """
    path = cell.folder / PREDICTIONS
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return Predictions(
                keys=tuple(file["keys"].tolist()),
                labels=file["labels"],
                label_mask=file["label_mask"],
                probabilities=file["probabilities"],
                prevalence=file["prevalence"],
                thresholds=file["thresholds"],
                rules={
                    name.removeprefix(RULE): file[name]
                    for name in file.files
                    if name.startswith(RULE)
                },
            )
    except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
        raise StoreError(f"{path} is damaged ({error}): delete {cell.folder}") from error
