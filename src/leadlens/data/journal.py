"""The journal of a part: a line for each recording, written right after its samples.

By it a part that was killed goes on at the very recording: what its journal tells and the samples
on disk confirm is kept. The last line, written when the part is whole, is the signal file's facts.
"""

import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from leadlens.data.shards import HEADER_BYTES, Shard
from leadlens.errors import StoreError
from leadlens.files import partial_of, tokens_left

_BLOCK: Final = 1 << 20


class Refused(BaseModel):
    """A recording that could not be ingested, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    reason: str


class Entry(BaseModel):
    """What became of one recording.

    Attributes:
        rows: a line of the index for each of its windows; none where it was refused.
        n_clipped: how many of the windows hold samples beyond the range.
        crc32: of its windows as they are in the signal file.
        refused: why there is no window.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    rows: tuple[str, ...] = ()
    n_clipped: int = 0
    crc32: int = 0
    refused: Refused | None = None


@dataclass(frozen=True)
class Remains:
    """What a killed run left of a part.

    Attributes:
        entries: what its journal tells and its samples confirm.
        windows: the signal file that holds these samples.
    """

    entries: tuple[Entry, ...] = ()
    windows: BinaryIO | None = None

    def copy(self, n_entries: int, window_bytes: int, file: BinaryIO, journal: BinaryIO) -> None:
        """Write the first `n_entries`, and their windows, at the ends of two open files."""
        taken = self.entries[:n_entries]
        n_bytes = sum(len(entry.rows) for entry in taken) * window_bytes
        if self.windows:
            self.windows.seek(HEADER_BYTES)
            while n_bytes:
                n_bytes -= file.write(self.windows.read(min(_BLOCK, n_bytes)))
        journal.writelines(map(entry_line, taken))


def entry_line(entry: Entry) -> bytes:
    """Return `entry` as a line of a journal."""
    return entry.model_dump_json(exclude_defaults=True).encode() + b"\n"


def read_journal(path: Path) -> tuple[tuple[Entry, ...], Shard]:
    """Return the entries of a whole part, and its signal file's facts.

    Raises:
        StoreError: the journal cannot be read, or is damaged.
    """
    try:
        *lines, last = path.read_bytes().splitlines()
        return tuple(map(Entry.model_validate_json, lines)), Shard.model_validate_json(last)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise StoreError(
            f"{path} is damaged, it is not the journal of a whole part: delete the folder"
        ) from error


def find_remains(
    signal_file: Path, journal_file: Path, window_bytes: int, stack: ExitStack
) -> Remains:
    """Return the most that a killed run has left of a part; `stack` holds its file open."""
    most = Remains()
    for token in tokens_left(journal_file):
        beside = partial_of(signal_file, token)
        try:
            lines = partial_of(journal_file, token).read_bytes()
            windows = stack.enter_context(
                # The signal file gets its name first.
                (beside if beside.exists() else signal_file).open("rb")
            )
        except FileNotFoundError:
            continue
        entries = _confirmed(lines, windows, window_bytes)
        if len(entries) > len(most.entries):
            most = Remains(entries, windows)
    return most


def _confirmed(journal: bytes, windows: BinaryIO, window_bytes: int) -> tuple[Entry, ...]:
    """Return the entries up to the first that is torn, or whose samples are."""
    entries: list[Entry] = []
    windows.seek(HEADER_BYTES)
    # What comes after the last line's end is half a line, or nothing.
    for line in journal.split(b"\n")[:-1]:
        try:
            entry = Entry.model_validate_json(line)
        except ValidationError:
            # Torn, or the end: a part that is whole but for its name.
            break
        if zlib.crc32(windows.read(len(entry.rows) * window_bytes)) != entry.crc32:
            break
        entries.append(entry)
    return tuple(entries)
