"""What a fetch remembers in its folder: whose it is, which files were checked, what is complete."""

import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from leadlens.data.fetching.archives import Archive
from leadlens.data.fetching.listing import N_DIGITS, Entry, is_matched
from leadlens.errors import FetchError, StoreError
from leadlens.files import hash_file, read_json, write_json

MARKER: Final = "fetched.json"
NOTES: Final = ".fetch"


@dataclass(frozen=True)
class Marker:
    """The file that says that a fetch is complete; it is written last.

    Attributes:
        archive: name of the data set.
        version: of the data set.
        origin: where its files came from.
        listing: the file, in the folder, that lists their hashes.
        listing_sha256: hash of that file.
        only: patterns of the files that are complete; none, all.
        n_files: how many are complete.
        n_bytes: their size.
        licence: of the files.
        citation: what to cite.
    """

    archive: str
    version: str
    origin: str
    listing: str
    listing_sha256: str
    only: tuple[str, ...]
    n_files: int
    n_bytes: int
    licence: str
    citation: str

    def covers(self, only: tuple[str, ...]) -> bool:
        """Return whether a fetch of these patterns was completed."""
        return not self.only or (bool(only) and set(only) <= set(self.only))


def read_marker(folder: Path) -> Marker | None:
    """Return what is complete in a folder; None where nothing is, or the file is damaged."""
    try:
        values = read_json(folder / MARKER)
        return Marker(**{**values, "only": tuple(values["only"])})
    except (StoreError, TypeError, KeyError):
        return None


def write_marker(folder: Path, marker: Marker) -> None:
    """Write what is complete."""
    write_json(folder / MARKER, asdict(marker))


def drop_marker(folder: Path, missing: Iterable[Entry]) -> None:
    """Remove the marker if any of the missing files is among those that it calls complete."""
    marker = read_marker(folder)
    if marker and any(is_matched(entry.path, marker.only) for entry in missing):
        (folder / MARKER).unlink(missing_ok=True)


def claim(folder: Path, archive: Archive) -> None:
    """Note that a folder is for this version of this data set.

    Raises:
        FetchError: it is for another.
    """
    place = folder / NOTES / "claim.json"
    ours = {"archive": archive.name, "version": archive.version}
    try:
        theirs = read_json(place)
    except StoreError:
        theirs = ours
        write_json(place, ours)
    if theirs != ours:
        raise FetchError(
            f"{folder} is for {theirs.get('archive')} {theirs.get('version')}: give another "
            f"folder for {archive.name} {archive.version} with --out"
        )


class Ledger:
    """The files whose hash was found right, with size and time of change, one a line.

    Only ever appended to; a line cut short by a kill is not understood and so not believed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._known: dict[str, tuple[str, int, int]] = {}
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        for line in text.splitlines():
            digest, size, changed, name = [*line.split("\t"), "", "", "", ""][:4]
            if size.isdecimal() and changed.isdecimal():
                self._known[name] = digest, int(size), int(changed)
            else:
                self._known.pop(name, None)
        self._file = path.open("a", encoding="utf-8")
        if text and not text.endswith("\n"):
            self._file.write("\n")

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, entry: Entry, place: Path) -> int:
        """Note that the file at `place` has the listed hash; return its size."""
        status = place.stat()
        with self._lock:
            self._known[entry.path] = entry.digest, status.st_size, status.st_mtime_ns
        self._write(entry.digest, status.st_size, status.st_mtime_ns, entry.path)
        return status.st_size

    def names(self) -> list[str]:
        """Return the paths of the files that were found right."""
        return sorted(self._known)

    def recheck(self, name: str, place: Path) -> int | None:
        """Hash a file again; return its size, or None and forget it if it has changed."""
        digest, size, _ = self._known[name]
        algorithm = "md5" if len(digest) == N_DIGITS["md5"] else "sha256"
        try:
            if place.stat().st_size == size and hash_file(place, algorithm) == digest:
                return size
        except OSError:
            pass
        del self._known[name]
        self._write(digest, "changed", "", name)
        return None

    def _write(self, *values: object) -> None:
        with self._lock:
            self._file.write("\t".join(str(value) for value in values) + "\n")
            self._file.flush()

    def size(self, entry: Entry, place: Path) -> int | None:
        """Return the file's size if it is as it was when its hash was found right; else None."""
        known = self._known.get(entry.path)
        if known is None or known[0] != entry.digest:
            return None
        try:
            status = place.stat()
        except OSError:
            return None
        return known[1] if known[1:] == (status.st_size, status.st_mtime_ns) else None
