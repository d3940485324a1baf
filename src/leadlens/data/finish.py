"""Finishing: once all parts of a store are there, its lists and, last, its manifest are written."""

import csv
import io
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import leadlens
from leadlens.data.index import index_header
from leadlens.data.journal import Entry, Refused, read_journal
from leadlens.data.parts import IngestSettings, PartPlace
from leadlens.data.shards import Shard
from leadlens.data.store import MANIFEST, Manifest
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.errors import StoreError
from leadlens.files import hash_file, is_partial, write_json, written_beside


@dataclass
class _Counts:
    """What is counted while the lists are written."""

    shards: list[Shard] = field(default_factory=list)
    n_recordings: int = 0
    n_refused: int = 0
    n_clipped: int = 0
    first_refused: Refused | None = None

    def add(self, entries: tuple[Entry, ...], shard: Shard) -> None:
        """Count what a part holds."""
        refused = [entry.refused for entry in entries if entry.refused]
        self.shards.append(shard)
        self.n_recordings += sum(bool(entry.rows) for entry in entries)
        self.n_refused += len(refused)
        self.n_clipped += sum(entry.n_clipped for entry in entries)
        if refused and self.first_refused is None:
            self.first_refused = refused[0]


def finish_store(path: Path, n_parts: int, plan: dict[str, Any], settings: IngestSettings) -> None:
    """Make the `n_parts` parts at `path` a store, one part's list in memory at a time.

    Args:
        path: the store's folder, where all parts are.
        n_parts: how many there are.
        plan: what identifies the store.
        settings: how windows were cut.

    Raises:
        StoreError: a part is damaged, or none holds a window.
    """
    counts = _write_lists(path, n_parts, settings)
    if not counts.n_recordings:
        first = counts.first_refused
        why = f", the first because {first.reason}" if first else ""
        raise StoreError(f"{path}: none of the {counts.n_refused} recordings could be read{why}")
    manifest = Manifest(
        fs=settings.fs,
        duration=settings.duration,
        leads=STANDARD_LEADS,
        resampling=settings.resampling,
        n_recordings=counts.n_recordings,
        n_windows=sum(shard.n_windows for shard in counts.shards),
        n_refused=counts.n_refused,
        n_clipped=counts.n_clipped,
        shards=tuple(shard for shard in counts.shards if shard.n_windows),
        index_sha256=hash_file(path / "index.csv"),
        made_from=plan,
        leadlens_version=leadlens.__version__,
    )
    write_json(path / MANIFEST, manifest.model_dump(mode="json"))


def remove_scrap(path: Path, shards: tuple[Shard, ...]) -> None:
    """Remove from a finished store what only its making needed, and what killed runs left."""
    kept = {shard.file for shard in shards}
    # Backwards: a kill in between leaves part files, by which the next run knows of the rest.
    for file in sorted(path.iterdir(), reverse=True):
        is_empty_shard = file.suffix == ".npy" and file.name not in kept
        if is_empty_shard or is_scrap(file):
            file.unlink(missing_ok=True)


def is_scrap(file: Path) -> bool:
    """Return whether a finished store has no use for a file."""
    return is_partial(file) or (file.name.startswith("part-") and file.suffix == ".jsonl")


def _write_lists(path: Path, n_parts: int, settings: IngestSettings) -> _Counts:
    """Write index.csv and refused.csv; return what the parts hold."""
    counts = _Counts()
    with ExitStack() as stack:
        index, refused = (
            stack.enter_context(
                stack.enter_context(written_beside(path / name)).open("w", encoding="utf-8")
            )
            for name in ("index.csv", "refused.csv")
        )
        index.write(index_header())
        refused.write("recording,reason\n")
        for number in range(n_parts):
            entries, shard = read_journal(PartPlace(path, number, settings).journal_file)
            counts.add(entries, shard)
            for entry in entries:
                index.writelines(entry.rows)
                if entry.refused:
                    refused.write(_refused_line(entry.refused))
    return counts


def _refused_line(item: Refused) -> str:
    """Return what was refused as one line of CSV."""
    line = io.StringIO()
    values = (value.replace("\n", " ") for value in (item.name, item.reason))
    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(values)
    return line.getvalue()
