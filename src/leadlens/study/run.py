"""Running a study: data, rates, folds, then cells on several processes, then explanations."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from leadlens.data.derive import derive_store
from leadlens.data.folds import FoldFile, load_folds, make_folds, save_folds
from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.sources import CohortSource
from leadlens.data.store import Store, open_store
from leadlens.ecg.diagnoses import diagnosis, scored_codes
from leadlens.engines.local import map_items
from leadlens.errors import ConfigError, StoreError
from leadlens.files import read_json, write_json, write_text
from leadlens.study.cell import CellTask, run_cell
from leadlens.study.explaining import explain_cell
from leadlens.study.plan import Cell, check_done, explained_cell, plan_cells
from leadlens.study.settings import StudySettings

SETTINGS = "study.json"
FOLDS = "folds.json"
COMMAND = "command.txt"


@dataclass(frozen=True, eq=False)
class StudyData:
    """What a study's cells share.

    Attributes:
        store: the store that the rates are derived from.
        folds: the assignment, and where it lies.
        recordings: positions of the recordings that take part.
        classes: codes that are trained.
        absent: codes that are too thin to train, with their number of recordings.
    """

    store: Store
    folds: FoldFile
    recordings: tuple[int, ...]
    classes: tuple[str, ...]
    absent: dict[str, int]


def prepare_data(
    study: StudySettings,
    folder: Path,
    n_workers: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> StudyData:
    """Return the study's data, made where they are not there yet.

    Raises:
        ConfigError: no diagnosis has enough recordings; a rate is above the store's.
        StoreError: the store or the fold file is missing or damaged.
    """
    _claim(study, folder)
    store = _store(study, folder, n_workers, on_progress)
    largest = max(float(fs) for fs in study.axes["fs"])
    if largest > store.fs:
        raise ConfigError(
            f"study '{study.name}' asks for {largest:g} Hz, but {store.path} holds {store.fs:g} Hz"
        )
    recordings = _recordings(study, store)
    labels, known = (part[list(recordings)] for part in store.labels(scored_codes()))
    counts = (labels & known).sum(axis=0)
    enough = counts >= study.data.min_positives
    classes = tuple(c for c, is_enough in zip(scored_codes(), enough, strict=True) if is_enough)
    absent = {
        code: int(n) for code, n in zip(scored_codes(), counts, strict=True) if code not in classes
    }
    if not classes:
        raise ConfigError(f"no diagnosis has {study.data.min_positives} recordings in {store.path}")
    folds = _folds(study, folder, store, classes)
    return StudyData(store, folds, recordings, classes, absent)


def run_study(
    study: StudySettings,
    folder: Path,
    n_workers: int,
    device: str = "auto",
    command: str = "",
    on_progress: Callable[[int, int], None] | None = None,
    on_cells: Callable[[list[Cell]], None] | None = None,
) -> StudyData:
    """Compute everything of the study that is not done yet; return its data.

    Args:
        study: the study.
        folder: its folder.
        n_workers: processes; each has one thread.
        device: "auto", "cpu" or "cuda".
        command: what the user typed, kept for the report.
        on_progress: called with recordings done and in all while data are made.
        on_cells: called with all cells when training begins.
    """
    cells = plan_cells(study, folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        with lock.acquire(timeout=0):
            data = prepare_data(study, folder, n_workers, on_progress)
            write_text(folder / COMMAND, command)
            if on_cells:
                on_cells(cells)
            tasks = _tasks(study, folder, cells, data, device)
            for _ in map_items(run_cell, tasks, n_workers):
                pass
            cell = explained_cell(study, cells)
            if cell is not None and study.explain is not None:
                task = tasks[cells.index(cell)]
                explain_cell(task, study.explain, folder / "explanations")
    except Timeout as error:
        raise ConfigError(f"{folder} is being computed by another run: wait for it") from error
    return data


def finished_study(folder: Path) -> tuple[StudySettings, StudyData, list[CellTask]]:
    """Return the study in `folder` as it stands, computing nothing but the list of its cells.

    Raises:
        StoreError: there is no study in the folder, or a file of it is missing or damaged.
    """
    if not (folder / SETTINGS).exists() or not (folder / FOLDS).exists():
        raise StoreError(f"{folder} holds no study: run 'leadlens study run' first")
    study = StudySettings.model_validate(read_json(folder / SETTINGS))
    data = prepare_data(study, folder, n_workers=1)
    return study, data, _tasks(study, folder, plan_cells(study, folder), data, "cpu")


def _claim(study: StudySettings, folder: Path) -> None:
    """Write down data and folds of a new study, or check that they are the folder's."""
    settings = study.model_dump(mode="json")
    fixed = {key: settings[key] for key in ("data", "folds")}
    path = folder / SETTINGS
    if path.exists():
        earlier = read_json(path)
        if {key: earlier[key] for key in fixed} != fixed:
            raise ConfigError(
                f"{folder} holds a study with other data or folds: choose another --out"
            )
    write_json(path, settings)


def _store(
    study: StudySettings,
    folder: Path,
    n_workers: int,
    on_progress: Callable[[int, int], None] | None,
) -> Store:
    """Return the study's store; a simulated one is made inside the study's folder."""
    if study.data.store is not None:
        return open_store(study.data.store)
    cohort = study.data.simulate
    assert cohort is not None  # DataSettings allows no other case.
    settings = IngestSettings(fs=cohort.fs, duration=cohort.duration)
    return ingest(CohortSource(cohort), folder / "store", settings, n_workers, on_progress)


def _recordings(study: StudySettings, store: Store) -> tuple[int, ...]:
    """Return the positions of the recordings that take part."""
    rows = store.first_rows
    if not study.data.exact_duration_only:
        return tuple(range(len(rows)))
    duration = store.manifest.duration
    chosen = tuple(i for i, row in enumerate(rows) if abs(row.duration - duration) < 1e-3)
    if not chosen:
        raise ConfigError(f"no recording of {store.path} lasts exactly {duration:g} s")
    return chosen


def _folds(study: StudySettings, folder: Path, store: Store, classes: tuple[str, ...]) -> FoldFile:
    """Return the study's folds: made once, then read."""
    path = folder / FOLDS
    if not path.exists():
        save_folds(make_folds(store, classes, study.folds), path)
    return load_folds(path, store)


def _tasks(
    study: StudySettings, folder: Path, cells: list[Cell], data: StudyData, device: str
) -> list[CellTask]:
    """Return a task for each cell, its store at the cell's rate made where needed."""
    stores: dict[float, Store] = {}
    for fs in {cell.fs for cell in cells}:
        place = folder / "stores" / f"{fs:g}hz"
        is_same = fs == data.store.fs
        stores[fs] = (
            data.store if is_same else derive_store(data.store, fs, place, study.data.resampling)
        )
    tasks = [
        CellTask(
            cell=cell,
            store=stores[cell.fs].path,
            folds=folder / FOLDS,
            recordings=data.recordings,
            classes=data.classes,
            device=device,
            resampling=study.data.resampling,
        )
        for cell in cells
    ]
    for task in tasks:
        check_done(task.cell, task.identity(stores[task.cell.fs]))
    return tasks


def describe_data(data: StudyData) -> dict[str, Any]:
    """Return counts for people: recordings, patients or groups, diagnoses."""
    labels, _ = data.store.labels(data.classes)
    chosen = labels[list(data.recordings)]
    return {
        "recordings": len(data.recordings),
        "windows": int(sum(len(data.store.windows_of[i]) for i in data.recordings)),
        "sources": dict(
            zip(
                *np.unique(
                    [data.store.first_rows[i].source for i in data.recordings], return_counts=True
                ),
                strict=True,
            )
        ),
        "diagnoses": {
            diagnosis(code).abbreviation: int(n)
            for code, n in zip(data.classes, chosen.sum(axis=0), strict=True)
        },
        "absent": {diagnosis(code).abbreviation: n for code, n in data.absent.items()},
    }
