"""Ingest: a source of recordings becomes a store, in parts, each whole or absent.

Recordings are taken in a fixed order, some hundred at a time. What is written is kept, so a killed
ingest goes on at the very recording, and the finished store is the same byte for byte. The manifest
comes last. Stores of several rates are made together: each recording is read once.
"""

import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from leadlens.data.finish import finish_store, is_scrap, remove_scrap
from leadlens.data.journal import Refused
from leadlens.data.parts import IngestSettings, PartPlace, write_part
from leadlens.data.sources import RecordingSource
from leadlens.data.store import MANIFEST, Store, open_store
from leadlens.engines.engine import Engine
from leadlens.engines.local import ONE_PROCESS
from leadlens.errors import ConfigError, StoreError
from leadlens.files import (
    await_file,
    is_passing,
    only_writer,
    read_json,
    write_json,
)
from leadlens.settings import differences

__all__ = ["IngestSettings", "Refused", "ingest", "ingest_rates", "rate_folder"]

PART_SIZE: Final = 256
"""Recordings of a part, of which there are more the larger the source."""
MOST_PARTS: Final = 512
"""Each is a file that a store keeps open; systems allow 1,024 to begin with."""
_PLAN: Final = "ingest.json"
_RATE: Final = re.compile(r"[0-9.e+-]+hz")

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Target:
    """A store that is to be made."""

    path: Path
    settings: IngestSettings
    plan: dict[str, object]

    @property
    def has_manifest(self) -> bool:
        """Whether all of it is there."""
        return (self.path / MANIFEST).exists()

    @property
    def is_finished(self) -> bool:
        """Whether all of it is there and nothing else is left to be removed."""
        return self.has_manifest and not any(map(is_scrap, self.path.iterdir()))


def ingest(
    source: RecordingSource,
    path: Path,
    settings: IngestSettings,
    engine: Engine = ONE_PROCESS,
    on_progress: OnProgress | None = None,
) -> Store:
    """Return the store at `path` that holds all readable recordings of `source`.

    Bad recordings are left out and listed in `refused.csv`. The same call after a kill goes on;
    a finished store made by the same call is returned as it is.

    Raises:
        StoreError: `path` holds something else, another run is writing into it, or no recording
            could be read.
    """
    target = _Target(path, settings, _plan(source.describe(), settings))
    return _make(source, path, (target,), engine, on_progress)[0]


def ingest_rates(
    source: RecordingSource,
    folder: Path,
    settings: tuple[IngestSettings, ...],
    engine: Engine = ONE_PROCESS,
    on_progress: OnProgress | None = None,
) -> tuple[Store, ...]:
    """Return a store for each of `settings`, which differ in their rate; recordings are read once.

    A store lies in `folder`, called by its rate ("100hz"), and is byte for byte what `ingest`
    makes with the same settings. A rate may be added later.

    Raises:
        ConfigError: two rates are the same.
        StoreError: as `ingest`, or `folder` is a store of one rate.
    """
    paths = [folder / rate_folder(item.fs) for item in settings]
    if len(set(paths)) < len(paths):
        given = ", ".join(f"{item.fs:g}" for item in settings)
        raise ConfigError(f"the rates {given} Hz: give each once")
    _check_folder_of_rates(folder)
    described = source.describe()
    targets = tuple(
        _Target(path, item, _plan(described, item))
        for path, item in zip(paths, settings, strict=True)
    )
    return _make(source, folder, targets, engine, on_progress)


def rate_folder(fs: float) -> str:
    """Return the name of the folder of a rate: 500hz."""
    return f"{fs:g}hz"


def _plan(described: dict[str, object], settings: IngestSettings) -> dict[str, object]:
    """Return what identifies a store: its source and settings."""
    return {"source": described, "settings": settings.model_dump(mode="json")}


def _make(
    source: RecordingSource,
    folder: Path,
    targets: tuple[_Target, ...],
    engine: Engine,
    on_progress: OnProgress | None,
) -> tuple[Store, ...]:
    """Return the stores, made where they are not finished; `folder` is or holds them all."""
    for target in targets:
        _check_claim(target)
    todo = tuple(target for target in targets if not target.is_finished)
    if todo:
        with ExitStack() as stack:
            for place in dict.fromkeys((folder, *(target.path for target in todo))):
                stack.enter_context(only_writer(place))
            _write(source, todo, engine, on_progress)
    return tuple(open_store(target.path) for target in targets)


def _write(
    source: RecordingSource,
    targets: tuple[_Target, ...],
    engine: Engine,
    on_progress: OnProgress | None,
) -> None:
    """Write the missing parts of the stores, then their indices and manifests."""
    for target in targets:
        # Again, now that nobody else writes here.
        _check_claim(target)
        if not (target.path / _PLAN).exists():
            write_json(target.path / _PLAN, target.plan)
    todo = [target for target in targets if not target.has_manifest]
    spans = _spans(len(source)) if todo else []
    work = [(span, _missing(todo, part)) for part, span in enumerate(spans)]
    work = [(positions, places) for positions, places in work if places]
    n_done = len(source) - sum(len(positions) for positions, _ in work)
    if on_progress:
        on_progress(n_done, len(source))
    for number, _ in engine.map_items(partial(write_part, source), work):
        positions, places = work[number]
        for place in places:
            await_file(place.signal_file)
            await_file(place.journal_file)
        n_done += len(positions)
        if on_progress:
            on_progress(n_done, len(source))
    for target in todo:
        finish_store(target.path, len(spans), target.plan, target.settings)
    for target in targets:
        if target.has_manifest:
            remove_scrap(target.path, open_store(target.path).manifest.shards)


def _check_claim(target: _Target) -> None:
    """Refuse a folder that was begun with another plan, or that holds something else."""
    path = target.path
    if (path / _PLAN).exists():
        other = differences(read_json(path / _PLAN), target.plan)
        if other:
            raise StoreError(
                f"{path} was begun from other recordings or with other settings "
                f"({'; '.join(other)}): choose another folder, or delete this one"
            )
    elif path.exists() and (not path.is_dir() or any(not is_passing(p) for p in path.iterdir())):
        raise StoreError(f"{path} exists and is not a store: choose another folder")


def _check_folder_of_rates(folder: Path) -> None:
    """Refuse a folder that holds anything but stores called by their rates."""
    if (folder / _PLAN).exists():
        raise StoreError(
            f"{folder} is a store of one rate: choose another folder for stores of several"
        )
    if folder.exists() and (
        not folder.is_dir()
        or any(not _RATE.fullmatch(p.name) and not is_passing(p) for p in folder.iterdir())
    ):
        raise StoreError(f"{folder} exists and holds other files: choose another folder")


def _spans(n_recordings: int) -> list[range]:
    """Return the positions of the recordings of each part."""
    size = max(PART_SIZE, -(-n_recordings // MOST_PARTS))
    return [range(start, min(start + size, n_recordings)) for start in range(0, n_recordings, size)]


def _missing(targets: list[_Target], part: int) -> tuple[PartPlace, ...]:
    """Return where this part is still to be written."""
    places = [PartPlace(target.path, part, target.settings) for target in targets]
    return tuple(place for place in places if not place.journal_file.exists())
