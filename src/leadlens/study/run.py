"""Running a study: data, rates, folds, then cells on several processes, then explanations."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from leadlens.data.store import Store, open_store
from leadlens.engines.engine import Engine
from leadlens.engines.local import ONE_PROCESS
from leadlens.errors import ConfigError, StoreError
from leadlens.files import read_json, write_json, write_text
from leadlens.study.cell import CellTask, run_cell
from leadlens.study.data import StudyData, study_data
from leadlens.study.explaining import explain_cell
from leadlens.study.folding import SETTINGS, fold_path, has_folds
from leadlens.study.plan import Cell, Shown, check_done, explained_cells, plan_cells
from leadlens.study.pretraining import Pretraining, pretrain_all, pretraining_of, to_pretrain
from leadlens.study.settings import StudySettings
from leadlens.study.stores import derived_stores, make_store, store_folders
from leadlens.training.curves import prepare as prepare_curves
from leadlens.training.devices import choose_device
from leadlens.training.thin import thin_note

COMMAND = "command.txt"
EXPLANATIONS = "explanations"


def run_study(
    study: StudySettings,
    folder: Path,
    engine: Engine = ONE_PROCESS,
    device: str = "auto",
    command: str = "",
    on_progress: Callable[[int, int], None] | None = None,
    on_training: Callable[[list[Cell], list[Pretraining]], None] | None = None,
    on_note: Callable[[str], None] | None = None,
    curves: Path | None = None,
) -> StudyData:
    """Compute everything of the study that is not done yet; return its data.

    Args:
        study: the study.
        folder: its folder.
        engine: whose processes compute; on a processor each has one thread.
        device: "auto", "cpu" or "cuda".
        command: what the user typed, kept for the report.
        on_progress: called with recordings done and in all while data are made.
        on_training: called when training begins, with all cells, and with the models that are
            trained first, for cells to start from.
        on_note: called with what the user should know before training, line by line.
        curves: folder for TensorBoard's curves of each cell, if they are wanted.

    Raises:
        ConfigError: settings that cannot work, or that are not those of the folder's study.
        MissingExtraError: curves are wanted, and TensorBoard is not installed.
        StoreError: the store or the fold file is missing or damaged.
    """
    cells = plan_cells(study, folder)
    if curves is not None:
        prepare_curves(curves)
    device = choose_device(device).type
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        with lock.acquire(timeout=0):
            _check_claim(study, folder)
            store = make_store(study, folder, engine, on_progress)
            data = study_data(study, store, folder, is_run=True)
            shown = derived_stores(study, cells, store, folder)
            tasks = _tasks(study, cells, data, folder, shown, device)
            # Only now: a command that is refused must leave the folder's study as it was.
            _claim(study, store, folder, command)
            if on_note:
                for note in _notes(cells, data):
                    on_note(note)
            starts = to_pretrain(study, cells, folder)
            if on_training:
                on_training(cells, starts)
            pretrain_all(starts, engine, device)
            if curves is not None:
                tasks = [replace(each, curves=curves / each.cell.name) for each in tasks]
            for _ in engine.map_items(run_cell, tasks):
                pass
            if study.explain is not None:
                for cell in explained_cells(study, cells):
                    task = tasks[cells.index(cell)]
                    explain_cell(task, study.explain, folder / EXPLANATIONS, engine)
    except Timeout as error:
        raise ConfigError(f"{folder} is being computed by another run: wait for it") from error
    return data


def finished_study(
    folder: Path, store_path: Path | None = None
) -> tuple[StudySettings, StudyData, list[CellTask]]:
    """Return the study in `folder` as it stands, writing nothing.

    Args:
        folder: of the study.
        store_path: where its store lies now, if it was moved.

    Raises:
        StoreError: there is no study in the folder, or a file of it is missing or damaged.
    """
    nothing = StoreError(f"{folder} holds no study: run 'leadlens study run' first")
    if not (folder / SETTINGS).exists():
        raise nothing
    study = StudySettings.model_validate(read_json(folder / SETTINGS))
    if not has_folds(study, folder):
        raise nothing
    store = open_store(store_path or study.data.store or folder / "store")
    data = study_data(study, store, folder, is_run=False)
    cells = plan_cells(study, folder)
    folders = store_folders(study, cells, store, folder)
    shown = {each: open_store(path) for each, path in folders.items()}
    return study, data, _tasks(study, cells, data, folder, shown, "cpu")


def _check_claim(study: StudySettings, folder: Path) -> None:
    """Refuse a folder that holds a study with other data or folds.

    Where the store lies may change; the fold file knows by its hash whether it is the same.
    """
    if (folder / SETTINGS).exists():
        earlier = StudySettings.model_validate(read_json(folder / SETTINGS))
        if _fixed(earlier) != _fixed(study):
            raise ConfigError(
                f"{folder} holds a study with other data or folds: choose another --out"
            )


def _fixed(study: StudySettings) -> dict[str, Any]:
    """Return the settings that all runs into one folder must share."""
    data = study.data.model_dump(mode="json", exclude={"store"})
    # The file is compared by its hash, and more folds may be tested later.
    folds = {
        name: settings.model_dump(mode="json", exclude={"file", "tested"})
        for name, settings in study.fold_schemes.items()
    }
    return {"data": data, "folds": folds}


def _claim(study: StudySettings, store: Store, folder: Path, command: str) -> None:
    """Write down the study, with its store's whole path, and the command that runs it."""
    settings = study.model_dump(mode="json")
    if study.data.store is not None:
        settings["data"]["store"] = str(store.path.resolve())
    write_json(folder / SETTINGS, settings)
    write_text(folder / COMMAND, command)


def _tasks(
    study: StudySettings,
    cells: list[Cell],
    data: StudyData,
    folder: Path,
    stores: dict[Shown, Store],
    device: str,
) -> list[CellTask]:
    """Return a task for each cell; refuse cells that were computed with other settings."""
    starts = [pretraining_of(study, cell, folder) for cell in cells]
    tasks = [
        CellTask(
            cell=cell,
            store=stores[cell.shown].path,
            folds=fold_path(folder, cell.scheme),
            recordings=data.recordings,
            classes=data.classes,
            device=device,
            start=None if start is None else start.model,
        )
        for cell, start in zip(cells, starts, strict=True)
    ]
    for task in tasks:
        check_done(task.cell, task.identity(stores[task.cell.shown]))
    return tasks


def _notes(cells: list[Cell], data: StudyData) -> list[str]:
    """Return what is thin in the batches of cells that are still to be trained, each line once."""
    chosen = list(data.recordings)
    labels, known = (part[chosen] for part in data.store.labels(data.classes))
    said = [
        thin_note(labels, known, cell.training, data.classes) for cell in cells if not cell.is_done
    ]
    return [note for note in dict.fromkeys(said) if note]
