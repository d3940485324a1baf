"""Where an archive's files come from: the web (`web.py`), or a folder; read from any byte on.

Tries once and says what happened; `transfer.py` decides whether to try again.
"""

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

CHUNK: Final = 1 << 18


class PassingError(Exception):
    """A fault that may pass: try again, after `wait` seconds where the server named them."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class ChangedError(PassingError):
    """The rest of a file is not to be had: its beginning here is of another version."""


class RefusedError(Exception):
    """An answer that will not change by asking again."""


@dataclass
class Body:
    """The bytes of one file from `offset` to its end.

    Attributes:
        offset: of the first byte; 0 where the origin starts anew although asked for more.
        size: of the whole file, where the origin tells it.
        validator: names this version of the file (ETag or date); None where there is none.
        chunks: the bytes; ends early, without an error, when the connection ends early.
    """

    offset: int
    size: int | None
    validator: str | None
    chunks: Iterator[bytes]


@runtime_checkable
class Origin(Protocol):
    """A place with the files of an archive."""

    def describe(self) -> str:
        """Return the address, for messages."""

    def open(self, path: str, url: str | None, offset: int, validator: str | None) -> Body:
        """Return a file from `offset` on if it is still the version that `validator` names.

        Raises:
            PassingError: it did not work this time.
            RefusedError: it will not work another time either.
        """

    def sizes(self, paths: list[str]) -> dict[str, int]:
        """Return the sizes of those files that are known without fetching them."""

    def close(self) -> None:
        """Close what this thread holds open."""


@dataclass(frozen=True)
class FolderOrigin:
    """A folder on this machine, for example a mounted disk."""

    folder: Path

    def describe(self) -> str:
        """Return the folder."""
        return str(self.folder)

    def open(self, path: str, url: str | None, offset: int, validator: str | None) -> Body:
        """Open a file of the folder."""
        del url
        place = self.folder / path
        try:
            status = place.stat()
            now = f"{status.st_size}-{status.st_mtime_ns}"
            start = offset if validator == now and offset <= status.st_size else 0
            return Body(start, status.st_size, now, _read(place, start))
        except OSError as error:
            raise RefusedError(error.strerror or str(error)) from error

    def sizes(self, paths: list[str]) -> dict[str, int]:
        """Return the sizes of the files that are there."""
        places = {path: self.folder / path for path in paths}
        return {path: place.stat().st_size for path, place in places.items() if place.is_file()}

    def close(self) -> None:
        """Do nothing: no file stays open."""


def _read(place: Path, offset: int) -> Iterator[bytes]:
    """Yield the bytes of a local file; one that cannot be read will not be read next time."""
    try:
        with place.open("rb") as file:
            file.seek(offset)
            while chunk := file.read(CHUNK):
                yield chunk
    except OSError as error:
        raise RefusedError(error.strerror or str(error)) from error


def is_disk_full(error: OSError) -> bool:
    """Return whether a write failed because there is no room."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)
