"""Where recordings come from: a folder tree of files, or the simulator."""

import hashlib
import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import numpy as np

from leadlens.ecg.recording import Recording
from leadlens.errors import StoreError
from leadlens.io import read
from leadlens.simulate import Batch, CohortSettings, programme_batch, recording_of

CHALLENGE_SOURCES: Final = (
    "cpsc_2018",
    "cpsc_2018_extra",
    "st_petersburg_incart",
    "ptb",
    "ptb-xl",
    "georgia",
    "chapman_shaoxing",
    "ningbo",
)
"""The folder names of the eight sources in the PhysioNet/CinC Challenge 2021 archive."""

_CHALLENGE_CITATION: Final = (
    "PhysioNet/CinC Challenge 2021: Reyna et al., Computing in Cardiology 2021, CC BY 4.0"
)
_PTBXL_CITATION: Final = "PTB-XL: Wagner et al., Scientific Data 7:154, 2020, CC BY 4.0"

_COHORT_BATCH: Final = 256
"""Simulated recordings that are programmed together when one of them is loaded."""

_FIVE_DIGITS: Final = re.compile(r"(?<!\d)(\d{5})(?!\d)")


@runtime_checkable
class RecordingSource(Protocol):
    """Recordings that can be loaded one by one, by position."""

    def __len__(self) -> int:
        """Return the number of recordings."""

    def name(self, position: int) -> str:
        """Return the name of a recording, for messages and reports."""

    def load(self, position: int) -> Recording:
        """Return a recording; raises ReadError or SignalError for a bad one."""

    def describe(self) -> dict[str, object]:
        """Return what identifies the whole source, as JSON values."""


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
            StoreError: a root is not a folder, or none holds a record.
        """
        found: list[tuple[int, str, str, str]] = []
        for number, root in enumerate(roots):
            if not root.is_dir():
                raise StoreError(f"{root} is not a folder: give a folder of WFDB records")
            for path in sorted(p.relative_to(root).as_posix() for p in root.rglob("*.hea")):
                source = source_of(f"{root.resolve().name}/{path}")
                found.append((number, path, source, Path(path).stem))
        if not found:
            places = ", ".join(str(root) for root in roots)
            raise StoreError(f"no WFDB header (.hea) below {places}")
        n_of_key = Counter((source, stem) for _, _, source, stem in found)
        headers = tuple(
            Header(number, path, source, stem if n_of_key[source, stem] == 1 else path[:-4])
            for number, path, source, stem in found
        )
        keys = Counter((header.source, header.record_id) for header in headers)
        if len(keys) < len(headers):
            (source, record_id), _ = keys.most_common(1)[0]
            raise StoreError(
                f"two recordings would be called {source}/{record_id}: give each folder once, and "
                "rename one of two folders that share a name"
            )
        return cls(tuple(roots), headers)

    def __len__(self) -> int:
        """Return the number of headers found."""
        return len(self.headers)

    def name(self, position: int) -> str:
        """Return the header's path, from its root's name on."""
        header = self.headers[position]
        return f"{self.roots[header.root].resolve().name}/{header.path}"

    def load(self, position: int) -> Recording:
        """Read one recording."""
        header = self.headers[position]
        recording = read(self.roots[header.root] / header.path, header.source)
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
            "roots": [root.resolve().name for root in self.roots],
            "n_headers": len(self),
            "sha256": digest.hexdigest(),
        }


@dataclass(frozen=True)
class CohortSource:
    """A simulated cohort."""

    settings: CohortSettings

    def __len__(self) -> int:
        """Return the number of recordings."""
        return self.settings.n_recordings

    def name(self, position: int) -> str:
        """Return the number of the recording."""
        return f"simulated recording {position}"

    def load(self, position: int) -> Recording:
        """Simulate one recording; those near it are programmed with it."""
        first = position - position % _COHORT_BATCH
        last = min(first + _COHORT_BATCH, len(self))
        return recording_of(_cohort_batch(self.settings, first, last), position - first)

    def describe(self) -> dict[str, object]:
        """Return the kind and the simulator's settings."""
        return {"kind": "simulated", **self.settings.model_dump(mode="json")}


@lru_cache(maxsize=1)
def _cohort_batch(settings: CohortSettings, first: int, last: int) -> Batch:
    """Return the programmes of some recordings, kept while they are loaded one after another."""
    return programme_batch(settings, np.arange(first, last))


def source_of(path: str) -> str:
    """Return a Challenge source when a folder of `path` has its name, else the first folder."""
    folders = path.split("/")[:-1]
    for folder in reversed(folders):
        if folder.lower() in CHALLENGE_SOURCES:
            return folder.lower()
    return folders[0] if folders else "unknown"


def citations(sources: set[str]) -> tuple[str, ...]:
    """Return what to cite where figures made from these sources are shown; unknown ones nothing."""
    cited = []
    if sources & set(CHALLENGE_SOURCES):
        cited.append(_CHALLENGE_CITATION)
    if any(_is_ptbxl(source) for source in sources):
        cited.append(_PTBXL_CITATION)
    return tuple(cited)


def _is_ptbxl(source: str) -> bool:
    return source.lower().replace("-", "").replace("_", "").startswith("ptbxl")


def ptbxl_ecg_id(recording: Recording) -> int | None:
    """Return the PTB-XL ecg_id of a recording from any copy of PTB-XL, else None.

    The number is in the record's name in the Challenge's copy (HR00001), in PTB-XL's own
    (00001_lr, 00001_hr) and in derived sets, so copies of one ECG share it.
    """
    if not _is_ptbxl(recording.source):
        return None
    digits = _FIVE_DIGITS.search(recording.record_id)
    return int(digits[1]) if digits else None
