"""Parts: a run of recordings as one signal file of each store that is being made.

The signal file (signal-00000.npy) holds the windows; the journal (part-00000.jsonl) what became of
each recording. Both grow beside their places; the journal comes to its own last.
"""

import zlib
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from leadlens.data.index import IndexRow, index_line, index_row
from leadlens.data.journal import Entry, Refused, Remains, entry_line, find_remains
from leadlens.data.shards import HEADER_BYTES, Shard, npy_header
from leadlens.data.sources import FileSource, RecordingSource
from leadlens.data.store import MISSING_COUNT, to_counts
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.recording import Recording, standard_leads
from leadlens.ecg.resample import ResampleMethod, resample
from leadlens.ecg.window import cut_window, window_starts
from leadlens.errors import ReadError, SignalError
from leadlens.files import (
    check_here,
    hash_file,
    new_token,
    partial_of,
    tokens_left,
    written_beside,
)


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
    def journal_file(self) -> Path:
        """What became of each recording; where it is, the part is whole."""
        return self.path / f"part-{self.part:05d}.jsonl"

    @property
    def window_bytes(self) -> int:
        """The size of one window in the signal file."""
        return 2 * len(STANDARD_LEADS) * self.settings.n_samples


@dataclass
class _Part:
    """A part while it is written."""

    place: PartPlace
    token: str
    file: BinaryIO
    journal: BinaryIO
    remains: Remains
    n_windows: int = 0


def write_part(source: RecordingSource, work: tuple[range, tuple[PartPlace, ...]]) -> None:
    """Write the recordings at some positions to a part of each store; each is read once.

    What a killed run has left of the part is taken over, up to the last recording that all the
    stores have.
    """
    positions, places = work
    for place in places:
        check_here(place.path)
    if isinstance(source, FileSource):
        # Or a machine that lacks the folder would refuse all that is in it.
        for position in (positions[0], positions[-1]):
            check_here(source.path(position))
    with ExitStack() as stack:
        parts = [_begin(place, stack) for place in places]
        n_kept = min(len(part.remains.entries) for part in parts)
        for part in parts:
            _take_over(part, n_kept)
        for position in positions[n_kept:]:
            _add(source, position, parts)
        for part in parts:
            _end(part)


def _begin(place: PartPlace, stack: ExitStack) -> _Part:
    """Return a part that is still empty; `stack` gives its files their names."""
    remains = find_remains(place.signal_file, place.journal_file, place.window_bytes, stack)
    token = new_token()
    # The journal first, so that it gets its name last.
    journal = stack.enter_context(written_beside(place.journal_file, token))
    signal = stack.enter_context(written_beside(place.signal_file, token))
    file, lines = (stack.enter_context(path.open("wb")) for path in (signal, journal))
    return _Part(place, token, file, lines, remains)


def _take_over(part: _Part, n_entries: int) -> None:
    """Write what killed runs left, up to some recording, and remove the rest of them."""
    # Room for the header, which says how many windows there are.
    part.file.write(b"\0" * HEADER_BYTES)
    part.remains.copy(n_entries, part.place.window_bytes, part.file, part.journal)
    part.n_windows = sum(len(entry.rows) for entry in part.remains.entries[:n_entries])
    part.file.flush()
    part.journal.flush()
    for path in (part.place.signal_file, part.place.journal_file):
        for token in set(tokens_left(path)) - {part.token}:
            partial_of(path, token).unlink(missing_ok=True)


def _end(part: _Part) -> None:
    """Write the header, and as the journal's last line the signal file's facts."""
    part.file.seek(0)
    shape = part.n_windows, len(STANDARD_LEADS), part.place.settings.n_samples
    part.file.write(npy_header(shape))
    part.file.flush()
    file = part.place.signal_file
    sha256 = hash_file(partial_of(file, part.token))
    shard = Shard(file=file.name, n_windows=part.n_windows, sha256=sha256)
    part.journal.write(shard.model_dump_json().encode() + b"\n")


def _add(source: RecordingSource, position: int, parts: list[_Part]) -> None:
    """Read one recording and add its windows to each part, or the reason why there are none."""
    try:
        recording = source.load(position)
        standard = _standard(recording)
        # Once a recording, not once a window and rate: it hashes the whole waveform.
        row = index_row(recording, 0.0, "", 0)
    except (ReadError, SignalError) as error:
        for part in parts:
            _append(part, [], _refusal(source.name(position), error))
        return
    for part in parts:
        try:
            rows, pieces = _windows(standard, row, part.place.settings)
        except (ReadError, SignalError) as error:
            _append(part, [], _refusal(source.name(position), error))
            continue
        entry = Entry(
            rows=tuple(map(index_line, rows)), n_clipped=sum(row.n_clipped > 0 for row in rows)
        )
        _append(part, pieces, entry)


def _refusal(name: str, error: Exception) -> Entry:
    """Return the entry of a recording that could not be ingested."""
    return Entry(refused=Refused(name=name, reason=str(error)))


def _append(part: _Part, pieces: list[np.ndarray], entry: Entry) -> None:
    """Write the windows of one recording, and then its entry, so that a kill leaves both."""
    crc32 = 0
    for counts in pieces:
        whole = np.ascontiguousarray(counts, dtype="<i2").data
        crc32 = zlib.crc32(whole, crc32)
        part.file.write(whole)
    part.file.flush()
    part.journal.write(entry_line(entry.model_copy(update={"crc32": crc32})))
    part.journal.flush()
    part.n_windows += len(pieces)


def _standard(recording: Recording) -> Recording:
    """Return the twelve standard leads of a recording that has at least one of them."""
    standard = standard_leads(recording)
    if not standard.lead_mask.any():
        raise SignalError(f"{recording.record_id}: none of the twelve standard leads is recorded")
    return standard


def _windows(
    standard: Recording, row: IndexRow, settings: IngestSettings
) -> tuple[list[IndexRow], list[np.ndarray]]:
    """Return the windows of one recording and their index rows, which `row` begins."""
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
    return rows, pieces
