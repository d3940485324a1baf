"""Joining: the finished parts of a store become its shards, its index and, last, its manifest."""

import csv
import io
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import leadlens
from leadlens.data.index import index_header
from leadlens.data.parts import IngestSettings, PartPlace, Refused
from leadlens.data.shards import SHARD_BYTES, Shard, open_counts, write_shard
from leadlens.data.store import MANIFEST, Manifest
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.engines.engine import Engine
from leadlens.errors import StoreError
from leadlens.files import await_file, hash_file, is_partial, read_json, write_json, written_beside

_CHUNK_BYTES: Final = 8 * 2**20


@dataclass(frozen=True)
class _Joint:
    """A shard that is to be made: its file, and the parts that it is made of."""

    path: Path
    parts: tuple[Path, ...]
    n_windows: tuple[int, ...]
    n_samples: int


@dataclass
class _Counts:
    """What is counted while the index is written."""

    n_windows: list[int]
    n_recordings: int = 0
    n_refused: int = 0
    n_clipped: int = 0
    first_refused: Refused | None = None


def join_parts(
    path: Path,
    n_parts: int,
    plan: dict[str, Any],
    settings: IngestSettings,
    engine: Engine,
) -> None:
    """Make the store at `path` of its `n_parts` parts; safe to kill, and to call again.

    Args:
        path: the store's folder, where all parts are.
        n_parts: how many there are.
        plan: what identifies the store.
        settings: how windows were cut.
        engine: joins the shards, each by itself.

    Raises:
        StoreError: a part is damaged, or none holds a window.
    """
    counts = _write_lists(path, n_parts, settings)
    if not counts.n_recordings:
        first = counts.first_refused
        why = f", the first because {first.reason}" if first else ""
        raise StoreError(f"{path}: none of the {counts.n_refused} recordings could be read{why}")
    joints = _joints(path, counts.n_windows, settings)
    shards = dict(engine.map_items(join_shard, joints))
    for joint in joints:
        await_file(joint.path)
    manifest = Manifest(
        fs=settings.fs,
        duration=settings.duration,
        leads=STANDARD_LEADS,
        resampling=settings.resampling,
        n_recordings=counts.n_recordings,
        n_windows=sum(counts.n_windows),
        n_refused=counts.n_refused,
        n_clipped=counts.n_clipped,
        shards=tuple(shards[number] for number in range(len(joints))),
        index_sha256=hash_file(path / "index.csv"),
        made_from=plan,
        leadlens_version=leadlens.__version__,
    )
    write_json(path / MANIFEST, manifest.model_dump(mode="json"))


def join_shard(joint: _Joint) -> Shard:
    """Write one shard, then remove the signal files that it is made of; return its facts.

    Where a part is gone, a run before this one had written the shard and was killed.
    """
    shape = (sum(joint.n_windows), len(STANDARD_LEADS), joint.n_samples)
    if joint.path.exists() and not all(part.exists() for part in joint.parts):
        open_counts(joint.path, shape)
        shard = Shard(file=joint.path.name, n_windows=shape[0], sha256=hash_file(joint.path))
    else:
        shard = write_shard(joint.path, shape, _pieces(joint))
    for part in joint.parts:
        part.unlink(missing_ok=True)
    return shard


def is_scrap(file: Path) -> bool:
    """Return whether a finished store has no use for a file."""
    return is_partial(file) or (file.name.startswith("part-") and file.suffix in (".json", ".npy"))


def _write_lists(path: Path, n_parts: int, settings: IngestSettings) -> _Counts:
    """Write index.csv and refused.csv, one part in memory at a time; return what they hold."""
    counts = _Counts([])
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
            file = PartPlace(path, number, settings).json_file
            part = read_json(file)
            try:
                failures = [Refused(**item) for item in part["refused"]]
                index.writelines(part["rows"])
                counts.n_windows.append(len(part["rows"]))
                counts.n_recordings += part["n_recordings"]
                counts.n_clipped += part["n_clipped"]
            except (KeyError, TypeError) as error:
                raise StoreError(f"{file} is damaged ({error}): delete the folder") from error
            refused.writelines(_refused_line(failure) for failure in failures)
            counts.n_refused += len(failures)
            if failures and counts.first_refused is None:
                counts.first_refused = failures[0]
    return counts


def _joints(path: Path, n_windows: list[int], settings: IngestSettings) -> list[_Joint]:
    """Return the shards to make: parts one after another, as many as a shard may hold."""
    window_bytes = 2 * len(STANDARD_LEADS) * settings.n_samples
    groups: list[list[int]] = []
    room = 0
    for number, n in enumerate(n_windows):
        if not n:
            continue
        if not groups or n * window_bytes > room:
            groups.append([])
            room = SHARD_BYTES
        groups[-1].append(number)
        room -= n * window_bytes
    return [
        _Joint(
            path / f"signal-{shard:05d}.npy",
            tuple(PartPlace(path, number, settings).signal_file for number in group),
            tuple(n_windows[number] for number in group),
            settings.n_samples,
        )
        for shard, group in enumerate(groups)
    ]


def _pieces(joint: _Joint) -> Iterator[Any]:
    """Yield the windows of a shard's parts, a few megabytes at a time."""
    step = max(1, _CHUNK_BYTES // (2 * len(STANDARD_LEADS) * joint.n_samples))
    for part, n in zip(joint.parts, joint.n_windows, strict=True):
        counts = open_counts(part, (n, len(STANDARD_LEADS), joint.n_samples))
        for start in range(0, n, step):
            yield counts[start : start + step]


def _refused_line(item: Refused) -> str:
    """Return what was refused as one line of CSV."""
    line = io.StringIO()
    values = (value.replace("\n", " ") for value in (item.name, item.reason))
    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(values)
    return line.getvalue()
