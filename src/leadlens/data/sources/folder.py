"""Every WFDB record below some folders: the PhysioNet/CinC Challenge 2021, and any other."""

import hashlib
import os
import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from leadlens.data.sources.names import source_of
from leadlens.ecg.recording import Recording
from leadlens.errors import StoreError
from leadlens.io import read

_JS_NUMBER: Final = re.compile(r"JS(\d{5})")
_LAST_CHAPMAN: Final = 10646
"""The last Chapman-Shaoxing recording of ecg-arrhythmia 1.0.0; Ningbo's follow."""


@dataclass(frozen=True)
class Header:
    """One header file found: its root's number, its path below it, and the recording's key."""

    root: int
    path: str
    source: str
    record_id: str


@dataclass(frozen=True)
class FolderSource:
    """Every WFDB record below some folders, in a fixed order."""

    roots: tuple[Path, ...]
    headers: tuple[Header, ...]

    @classmethod
    def find(cls, roots: list[Path]) -> "FolderSource":
        """Return the records below `roots`.

        A record is called by its file's name, or, where two of one source share it, by its path.

        Raises:
            StoreError: a root is not a folder, none holds a record, or a name is not UTF-8.
        """
        found: list[tuple[int, str, str, str]] = []
        for number, root in enumerate(roots):
            check_folder(root)
            place = root.resolve()
            for path in paths_below(root, ".hea"):
                found.append((number, path, _source(place, path), Path(path).stem))
        if not found:
            places = ", ".join(str(root) for root in roots)
            raise StoreError(f"no WFDB header (.hea) below {places}")
        n_of_key = Counter((source, stem) for _, _, source, stem in found)
        headers = tuple(
            Header(number, path, source, stem if n_of_key[source, stem] == 1 else path[:-4])
            for number, path, source, stem in found
        )
        check_distinct([(header.source, header.record_id) for header in headers])
        return cls(tuple(roots), headers)

    def __len__(self) -> int:
        """Return the number of headers found."""
        return len(self.headers)

    @property
    def notes(self) -> tuple[str, ...]:
        """Nothing: every header is a recording, or is refused when it is read."""
        return ()

    def key(self, position: int) -> tuple[str, str]:
        """Return the source and the record id of a recording."""
        header = self.headers[position]
        return header.source, header.record_id

    def name(self, position: int) -> str:
        """Return the header's path, from its root's name on."""
        header = self.headers[position]
        return f"{self._root_names[header.root]}/{header.path}"

    @cached_property
    def _root_names(self) -> tuple[str, ...]:
        """The roots' own names; of "." the folder's."""
        return tuple(root.resolve().name for root in self.roots)

    def path(self, position: int) -> Path:
        """Return the header that was found."""
        header = self.headers[position]
        return self.roots[header.root] / header.path

    def load(self, position: int) -> Recording:
        """Read one recording."""
        header = self.headers[position]
        recording = read(self.path(position), header.source)
        if recording.record_id == header.record_id:
            return recording
        return replace(recording, record_id=header.record_id)

    def describe(self) -> dict[str, object]:
        """Return the kind, the roots' names, and a hash of all headers: paths and contents."""
        digest = hashlib.sha256()
        for position, header in enumerate(self.headers):
            digest.update(self.name(position).encode())
            # A header that cannot be opened is refused later, with its reason.
            with suppress(OSError):
                digest.update((self.roots[header.root] / header.path).read_bytes())
        return {
            "kind": "folders",
            "roots": list(self._root_names),
            "n_headers": len(self),
            "sha256": digest.hexdigest(),
        }


def paths_below(root: Path, suffix: str) -> list[str]:
    """Return the paths below `root` of the files with a suffix, sorted.

    Raises:
        StoreError: one is not UTF-8, so that no index could name it.
    """
    paths = []
    # Twice as fast as rglob, which makes an object of every file.
    for folder, folders, files in os.walk(root):
        inside = Path(folder).relative_to(root).as_posix()
        start = "" if inside == "." else f"{inside}/"
        # A folder of such a name is told of when it cannot be read.
        paths += [start + name for name in (*folders, *files) if name.endswith(suffix)]
    for path in paths:
        try:
            path.encode()
        except UnicodeEncodeError as error:
            raise StoreError(f"{root}: the name {path!r} is not UTF-8: rename it") from error
    return sorted(paths)


def check_folder(root: Path) -> None:
    """Raise a StoreError if `root` is not a folder."""
    if not root.is_dir():
        raise StoreError(f"{root} is not a folder: give a folder of ECG files")


def check_distinct(keys: list[tuple[str, str]]) -> None:
    """Raise a StoreError if two recordings have the same source and record id."""
    counts = Counter(keys)
    if len(counts) < len(keys):
        (source, record_id), _ = counts.most_common(1)[0]
        raise StoreError(
            f"two recordings would be called {source}/{record_id}: give each folder once, and "
            "rename one of two folders that share a name"
        )


def _source(root: Path, path: str) -> str:
    """Return the source of a header; the two hospitals of ecg-arrhythmia are told by number.

    Args:
        root: resolved, so that its parents' names count.
        path: below it.
    """
    parts = f"{root.as_posix()}/{path}".split("/")
    number = _JS_NUMBER.fullmatch(Path(path).stem)
    if number and "WFDBRecords" in parts:
        return "chapman_shaoxing" if int(number[1]) <= _LAST_CHAPMAN else "ningbo"
    return source_of(f"{root.name}/{path}")
