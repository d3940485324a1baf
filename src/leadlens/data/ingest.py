"""Ingest: a source of recordings becomes a store, in parts, each whole or absent.

Recordings are taken in a fixed order, `PART_SIZE` at a time. A part is a signal file and a JSON
file that is written after it; parts that exist are kept, so a killed ingest goes on where it was,
and the finished store is the same byte for byte. The manifest comes last.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from numpy.lib import format as npy
from pydantic import BaseModel, ConfigDict, Field, ValidationError

import leadlens
from leadlens.data.index import IndexRow, index_row, write_rows
from leadlens.data.sources import RecordingSource
from leadlens.data.store import (
    MANIFEST,
    MISSING_COUNT,
    Manifest,
    Shard,
    Store,
    open_store,
    to_counts,
)
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.recording import Recording, standard_leads
from leadlens.ecg.resample import ResampleMethod, resample
from leadlens.ecg.window import cut_window, window_starts
from leadlens.engines.local import map_items
from leadlens.errors import ReadError, SignalError, StoreError
from leadlens.files import (
    hash_file,
    hash_text,
    is_partial,
    read_json,
    write_json,
    write_text,
    written_beside,
)
from leadlens.settings import differences

PART_SIZE: Final = 256
_NPY_HEADER: Final = 128
_PLAN: Final = "ingest.json"


class IngestSettings(BaseModel):
    """How recordings become windows of a store."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    fs: float = Field(default=500.0, gt=0, le=10_000)
    duration: float = Field(default=10.0, gt=0, le=3600)
    resampling: ResampleMethod = "polyphase"


@dataclass(frozen=True)
class Refused:
    """A recording that could not be ingested, and why."""

    name: str
    reason: str


def ingest(
    source: RecordingSource,
    path: Path,
    settings: IngestSettings,
    n_workers: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> Store:
    """Return the store at `path` that holds all readable recordings of `source`.

    Bad recordings are left out and listed in `refused.csv`. The same call after a kill goes on;
    a finished store made by the same call is returned as it is.

    Raises:
        StoreError: `path` holds something else, or no recording could be read.
    """
    plan: dict[str, object] = {
        "source": source.describe(),
        "settings": settings.model_dump(mode="json"),
    }
    _claim(path, plan)
    if not (path / MANIFEST).exists():
        n_parts = -(-len(source) // PART_SIZE)
        missing = [p for p in range(n_parts) if not _part_file(path, p).exists()]
        n_done = len(source) - sum(len(_positions(source, part)) for part in missing)
        write = partial(_write_part, source, path, settings)
        if on_progress:
            on_progress(n_done, len(source))
        for position, _ in map_items(write, missing, n_workers):
            n_done += len(_positions(source, missing[position]))
            if on_progress:
                on_progress(n_done, len(source))
        _finish(path, n_parts, plan, settings)
    return open_store(path)


def _claim(path: Path, plan: dict[str, object]) -> None:
    """Write the plan into an empty folder, or check that the folder was begun with it."""
    if (path / _PLAN).exists():
        other = differences(read_json(path / _PLAN), plan)
        if other:
            raise StoreError(
                f"{path} was begun from other recordings or with other settings "
                f"({'; '.join(other)}): choose another folder, or delete this one"
            )
    elif path.exists() and (not path.is_dir() or any(not is_partial(p) for p in path.iterdir())):
        raise StoreError(f"{path} exists and is not a store: choose another folder")
    else:
        write_json(path / _PLAN, plan)


def _positions(source: RecordingSource, part: int) -> range:
    """Return the positions of the recordings of one part."""
    return range(part * PART_SIZE, min((part + 1) * PART_SIZE, len(source)))


def _part_file(path: Path, part: int) -> Path:
    return path / f"part-{part:05d}.json"


def _signal_file(path: Path, part: int) -> Path:
    return path / f"signal-{part:05d}.npy"


def _write_part(source: RecordingSource, path: Path, settings: IngestSettings, part: int) -> None:
    """Write the signal file of one part, then its JSON file."""
    rows: list[IndexRow] = []
    refused: list[Refused] = []
    n_samples = round(settings.fs * settings.duration)
    signal_file = _signal_file(path, part)
    with written_beside(signal_file) as beside:
        with beside.open("wb") as file:
            file.write(b"\0" * _NPY_HEADER)
            for position in _positions(source, part):
                try:
                    rows += _append(file, source.load(position), settings, n_samples)
                except (ReadError, SignalError) as error:
                    refused.append(Refused(source.name(position), str(error)))
            _write_npy_header(file, (len(rows), len(STANDARD_LEADS), n_samples))
        sha256 = hash_file(beside)
    content = {
        "shard": Shard(file=signal_file.name, n_windows=len(rows), sha256=sha256).model_dump(),
        "rows": [asdict(row) for row in rows],
        "refused": [asdict(item) for item in refused],
    }
    write_json(_part_file(path, part), content)


def _append(
    file: BinaryIO, recording: Recording, settings: IngestSettings, n_samples: int
) -> list[IndexRow]:
    """Write the windows of one recording and return their index rows."""
    standard = standard_leads(recording)
    if not standard.lead_mask.any():
        raise SignalError(f"{recording.record_id}: none of the twelve standard leads is recorded")
    resampled = resample(standard, settings.fs, settings.resampling)
    rows, pieces = [], []
    for start in window_starts(resampled.n_samples, n_samples):
        counts, n_clipped = to_counts(cut_window(resampled.signal, start, n_samples))
        leads = "".join("0" if (lead == MISSING_COUNT).all() else "1" for lead in counts)
        pieces.append(counts)
        rows.append(index_row(recording, start / settings.fs, leads, n_clipped))
    for counts in pieces:
        file.write(counts.astype("<i2").tobytes())
    return rows


def _write_npy_header(file: BinaryIO, shape: tuple[int, int, int]) -> None:
    """Write the `.npy` header, known only now, into the room kept for it."""
    file.seek(0)
    npy.write_array_header_1_0(file, {"descr": "<i2", "fortran_order": False, "shape": shape})
    if file.tell() != _NPY_HEADER:
        raise StoreError(f"a .npy header of {file.tell()} bytes does not fit {_NPY_HEADER}")


def _finish(path: Path, n_parts: int, plan: dict[str, object], settings: IngestSettings) -> None:
    """Join the parts' indices, write the manifest, then remove what only the making needed."""
    parts = [read_json(_part_file(path, part)) for part in range(n_parts)]
    try:
        rows = [IndexRow(**row) for part in parts for row in part["rows"]]
        shards = [Shard.model_validate(part["shard"]) for part in parts]
        refused = [Refused(**item) for part in parts for item in part["refused"]]
    except (KeyError, TypeError, ValidationError) as error:
        raise StoreError(f"{path}: a part is damaged ({error}): delete the folder") from error
    if not rows:
        first = f", the first because {refused[0].reason}" if refused else ""
        raise StoreError(f"{path}: none of the {len(refused)} recordings could be read{first}")
    index = write_rows(rows)
    write_text(path / "index.csv", index)
    lines = [f"{_quote(item.name)},{_quote(item.reason)}" for item in refused]
    write_text(path / "refused.csv", "\n".join(["recording,reason", *lines]) + "\n")
    manifest = Manifest(
        fs=settings.fs,
        duration=settings.duration,
        leads=STANDARD_LEADS,
        resampling=settings.resampling,
        n_recordings=len({row.key for row in rows}),
        n_windows=len(rows),
        n_refused=len(refused),
        shards=tuple(shard for shard in shards if shard.n_windows),
        index_sha256=hash_text(index),
        made_from=plan,
        leadlens_version=leadlens.__version__,
    )
    write_json(path / MANIFEST, manifest.model_dump(mode="json"))
    for part, shard in enumerate(shards):
        _part_file(path, part).unlink()
        if not shard.n_windows:
            _signal_file(path, part).unlink()
    for left in path.iterdir():
        if is_partial(left):
            left.unlink(missing_ok=True)


def _quote(text: str) -> str:
    """Return `text` as one CSV field."""
    return '"' + text.replace('"', '""').replace("\n", " ") + '"'
