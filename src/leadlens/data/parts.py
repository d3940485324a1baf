"""Parts: a run of recordings as one signal file of each store that is being made.

The signal file (signal-00000.npy) holds the windows; the JSON file (part-00000.json), written after
it, their index rows, what was refused, and the signal file's hash.
"""

from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from leadlens.data.index import IndexRow, index_line, index_row
from leadlens.data.shards import HEADER_BYTES, Shard, npy_header
from leadlens.data.sources import FileSource, RecordingSource
from leadlens.data.store import MISSING_COUNT, to_counts
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.recording import Recording, standard_leads
from leadlens.ecg.resample import ResampleMethod, resample
from leadlens.ecg.window import cut_window, window_starts
from leadlens.errors import ReadError, SignalError
from leadlens.files import check_here, hash_file, write_json, written_beside


class IngestSettings(BaseModel):
    """How recordings become windows of a store."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    fs: float = Field(default=500.0, gt=0, le=10_000)
    duration: float = Field(default=10.0, gt=0, le=3600)
    resampling: ResampleMethod = "polyphase"

    @property
    def n_samples(self) -> int:
        """Samples in each lead of a window."""
        return round(self.fs * self.duration)


@dataclass(frozen=True)
class Refused:
    """A recording that could not be ingested, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class PartPlace:
    """Where one part of one store is written, and how."""

    path: Path
    part: int
    settings: IngestSettings

    @property
    def signal_file(self) -> Path:
        """The windows."""
        return self.path / f"signal-{self.part:05d}.npy"

    @property
    def json_file(self) -> Path:
        """What is written once the windows are there."""
        return self.path / f"part-{self.part:05d}.json"


@dataclass
class _Part:
    """A part while it is written."""

    place: PartPlace
    file: BinaryIO
    rows: list[IndexRow] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


def write_part(source: RecordingSource, work: tuple[range, tuple[PartPlace, ...]]) -> None:
    """Write the recordings at some positions to a part of each store; each is read once."""
    positions, places = work
    for place in places:
        check_here(place.path)
    if isinstance(source, FileSource):
        # Or a machine that lacks the folder would refuse all that is in it.
        for position in (positions[0], positions[-1]):
            check_here(source.path(position))
    parts: list[_Part] = []
    with ExitStack() as stack:
        for place in places:
            beside = stack.enter_context(written_beside(place.signal_file))
            parts.append(_Part(place, stack.enter_context(beside.open("wb"))))
            # Room for the header, which says how many windows there are.
            parts[-1].file.write(b"\0" * HEADER_BYTES)
        for position in positions:
            _add(source, position, parts)
        for part in parts:
            n_samples = part.place.settings.n_samples
            part.file.seek(0)
            part.file.write(npy_header((len(part.rows), len(STANDARD_LEADS), n_samples)))
    for part in parts:
        file = part.place.signal_file
        shard = Shard(file=file.name, n_windows=len(part.rows), sha256=hash_file(file))
        content = {
            "shard": shard.model_dump(),
            "n_recordings": len({row.key for row in part.rows}),
            "n_clipped": sum(row.n_clipped > 0 for row in part.rows),
            "rows": [index_line(row) for row in part.rows],
            "refused": [asdict(item) for item in part.refused],
        }
        write_json(part.place.json_file, content)


def _add(source: RecordingSource, position: int, parts: list[_Part]) -> None:
    """Read one recording and add its windows to each part, or the reason why there are none."""
    try:
        recording = source.load(position)
        standard = _standard(recording)
        # Once a recording, not once a window and rate: it hashes the whole waveform.
        row = index_row(recording, 0.0, "", 0)
    except (ReadError, SignalError) as error:
        for part in parts:
            part.refused.append(Refused(source.name(position), str(error)))
        return
    for part in parts:
        try:
            part.rows += _append(part.file, standard, row, part.place.settings)
        except (ReadError, SignalError) as error:
            part.refused.append(Refused(source.name(position), str(error)))


def _standard(recording: Recording) -> Recording:
    """Return the twelve standard leads of a recording that has at least one of them."""
    standard = standard_leads(recording)
    if not standard.lead_mask.any():
        raise SignalError(f"{recording.record_id}: none of the twelve standard leads is recorded")
    return standard


def _append(
    file: BinaryIO, standard: Recording, row: IndexRow, settings: IngestSettings
) -> list[IndexRow]:
    """Write the windows of one recording and return their index rows, which `row` begins."""
    resampled = resample(standard, settings.fs, settings.resampling)
    rows, pieces = [], []
    for start in window_starts(resampled.n_samples, settings.n_samples):
        counts, n_clipped = to_counts(cut_window(resampled.signal, start, settings.n_samples))
        leads = "".join(
            "01"[is_there] for is_there in (counts.max(axis=1) != MISSING_COUNT).tolist()
        )
        pieces.append(counts)
        offset = round(start / settings.fs, 6)
        rows.append(replace(row, offset=offset, leads=leads, n_clipped=n_clipped))
    for counts in pieces:
        file.write(np.ascontiguousarray(counts, dtype="<i2").data)
    return rows
