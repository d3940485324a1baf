"""The stores of a study: the one it learns from, and the ones that its cells are shown."""

from collections.abc import Callable
from pathlib import Path

from leadlens.data.derive import derive_store
from leadlens.data.ingest import IngestSettings, ingest, rate_folder
from leadlens.data.sources import CohortSource, CohortsSource
from leadlens.data.store import Store, open_store
from leadlens.ecg.band import check_band
from leadlens.engines.engine import Engine
from leadlens.errors import ConfigError
from leadlens.study.plan import Cell, Shown
from leadlens.study.settings import StudySettings


def make_store(
    study: StudySettings,
    folder: Path,
    engine: Engine,
    on_progress: Callable[[int, int], None] | None,
) -> Store:
    """Return the study's store, its hashes verified; simulated ones are made in its folder."""
    if study.data.store is not None:
        return open_store(study.data.store, verify=True)
    cohorts = [CohortSource(settings, name) for name, settings in study.data.cohorts.items()]
    first = cohorts[0].settings
    settings = IngestSettings(fs=first.fs, duration=first.duration)
    source = cohorts[0] if study.data.simulate else CohortsSource(tuple(cohorts))
    return ingest(source, folder / "store", settings, engine, on_progress)


def store_folders(
    study: StudySettings, cells: list[Cell], store: Store, folder: Path
) -> dict[Shown, Path]:
    """Return where the store lies as each of the cells is shown it."""
    places = folder / "stores"
    return {
        shown: store.path if _is_as_stored(shown, store) else places / _name(shown, study)
        for shown in dict.fromkeys(cell.shown for cell in cells)
    }


def derived_stores(
    study: StudySettings, cells: list[Cell], store: Store, folder: Path
) -> dict[Shown, Store]:
    """Return the store as each of the cells is shown it, made where it is not there yet.

    Raises:
        ConfigError: a cell asks for a rate above the store's, or a band that its rate has not.
    """
    folders = store_folders(study, cells, store, folder)
    largest = max(shown.fs for shown in folders)
    if largest > store.fs:
        raise ConfigError(
            f"study '{study.name}' asks for {largest:g} Hz, but {store.path} holds {store.fs:g} Hz"
        )
    for shown in folders:
        check_band(shown.band, shown.fs)
    return {
        shown: store
        if path == store.path
        else derive_store(store, shown.fs, path, shown.resampling, shown.band)
        for shown, path in folders.items()
    }


def _is_as_stored(shown: Shown, store: Store) -> bool:
    """Return whether the store is what a cell is shown."""
    return shown.fs == store.fs and not shown.band.has_limits


def _name(shown: Shown, study: StudySettings) -> str:
    """Return the name of a derived store's folder."""
    parts = [rate_folder(shown.fs)]
    if shown.resampling != study.data.resampling:
        parts.append(shown.resampling)
    if shown.band.has_limits:
        parts.append(f"band{shown.band}")
    return "-".join(parts)
