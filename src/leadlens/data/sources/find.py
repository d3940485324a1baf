"""From folders to a source: what a folder holds is seen from its files, or said by name."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leadlens.data.fetching.ledger import MARKER, NOTES
from leadlens.data.sources import code15, ptbxl
from leadlens.data.sources.code15 import Code15Source
from leadlens.data.sources.cpsc import CpscSource
from leadlens.data.sources.folder import FolderSource, check_distinct, check_folder
from leadlens.data.sources.known import with_unknowns
from leadlens.data.sources.labelled import LabelledSource
from leadlens.data.sources.ludb import LudbSource
from leadlens.data.sources.protocol import FileSource
from leadlens.data.sources.ptbxl import PtbxlSource
from leadlens.data.sources.several import Several
from leadlens.ecg.recording import Recording
from leadlens.errors import ConfigError, StoreError, choices

SOURCE_NAMES: Final = ("wfdb", "ptb-xl", "ecg-arrhythmia", "code-15", "cpsc-2018", "ludb")
"""What a folder can be; `wfdb` is the PhysioNet/CinC Challenge 2021 and any other WFDB records."""

_WFDB: Final = ("wfdb", "ecg-arrhythmia")


@dataclass(frozen=True)
class SeveralSources(Several[FileSource]):
    """The recordings of several sources of files, one after another.

    Attributes:
        is_all_known: a diagnosis that a Challenge source never used is negative there, as the
            Challenge and the published study have it; else it is unknown.
        hints: what a user should know of the folders themselves.
    """

    is_all_known: bool = False
    hints: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """The hints, and what the parts have to say."""
        return (*self.hints, *(note for part in self.parts for note in part.notes))

    def key(self, position: int) -> tuple[str, str]:
        """Return the source and the record id of a recording."""
        part, inside = self.place(position)
        return part.key(inside)

    def path(self, position: int) -> Path:
        """Return the file that was found."""
        part, inside = self.place(position)
        return part.path(inside)

    def load(self, position: int) -> Recording:
        """Read one recording; what its source never looked for is unknown."""
        recording = super().load(position)
        return recording if self.is_all_known else with_unknowns(recording)

    def describe(self) -> dict[str, object]:
        """Return the parts' descriptions and whether all labels are taken as known."""
        return {**super().describe(), "is_all_known": self.is_all_known}


def find_sources(
    folders: list[Path],
    name: str | None = None,
    *,
    rate: int | None = None,
    labels: Path | None = None,
    is_all_known: bool = False,
) -> FileSource:
    """Return the recordings of `folders`.

    Args:
        folders: each of one kind, searched deep.
        name: one of SOURCE_NAMES for all folders (default: what each folder holds).
        rate: of PTB-XL's two, in Hz (default: that of which more are there, else 500).
        labels: a CSV file whose labels replace those of the files.
        is_all_known: absent means negative for every diagnosis, as the Challenge publishes it.

    Raises:
        ConfigError: an unknown name, or options that do not fit the folders.
        StoreError: a folder does not hold what it is said to hold, one lies in another, or two
            recordings share a name.
        ReadError: a table of a data set, or of labels, cannot be understood.
    """
    if name is not None and name not in SOURCE_NAMES:
        raise choices("source", name, SOURCE_NAMES)
    for folder in folders:
        check_folder(folder)
    _check_apart(folders)
    kinds = [name or kind_of(folder) for folder in folders]
    if rate is not None and "ptb-xl" not in kinds:
        raise ConfigError(
            f"rate {rate}: only PTB-XL in its own layout has files at two rates; "
            f"the folders given are {', '.join(kinds)}"
        )
    open_one: dict[str, Callable[[Path], FileSource]] = {
        "ptb-xl": lambda root: PtbxlSource.find(root, rate, is_all_known),
        "code-15": Code15Source.find,
        "cpsc-2018": CpscSource.find,
        "ludb": LudbSource.find,
    }
    parts: list[FileSource] = [
        open_one[kind](folder)
        for folder, kind in zip(folders, kinds, strict=True)
        if kind not in _WFDB
    ]
    plain = [folder for folder, kind in zip(folders, kinds, strict=True) if kind in _WFDB]
    if plain:
        parts.insert(0, FolderSource.find(plain))
    hints = [hint for folder in plain for hint in _hints(folder)] if name is None else []
    hints += dict.fromkeys(note for folder in folders for note in _unfinished_fetch(folder))
    found = SeveralSources(tuple(parts), is_all_known, tuple(hints))
    check_distinct([found.key(position) for position in range(len(found))])
    return LabelledSource.find(found, labels) if labels else found


def kind_of(folder: Path) -> str:
    """Return what `folder` holds, one of SOURCE_NAMES; `wfdb` where nothing speaks for another."""
    if (folder / ptbxl.DATABASE).is_file():
        return "ptb-xl"
    if code15.table_of(folder):
        return "code-15"
    if (folder / "ludb.csv").is_file() or next(folder.glob("*.avf"), None):
        return "ludb"
    if "WFDBRecords" in folder.resolve().parts or (folder / "WFDBRecords").is_dir():
        return "ecg-arrhythmia"
    if next(folder.rglob("*.hea"), None) is None and next(folder.rglob("*.mat"), None):
        return "cpsc-2018"
    return "wfdb"


def _check_apart(folders: list[Path]) -> None:
    """Raise a StoreError if a folder lies in another: its recordings would come twice."""
    places = {folder.resolve(): folder for folder in folders}
    for place, folder in places.items():
        around = [places[parent] for parent in place.parents if parent in places]
        if around:
            raise StoreError(
                f"{folder} lies in {around[0]}, so that its recordings would come twice: give one "
                "of the two"
            )


def _hints(folder: Path) -> Iterator[str]:
    """Yield a sentence for each folder directly below `folder` that has a layout of its own."""
    for child in sorted(path for path in folder.iterdir() if path.is_dir()):
        kind = kind_of(child)
        if kind in ("ptb-xl", "code-15", "ludb", "cpsc-2018"):
            yield (
                f"{child} looks like {kind} in its own layout, and is read here as plain WFDB "
                "records or not at all: give this folder by itself"
            )


def _unfinished_fetch(folder: Path) -> Iterator[str]:
    """Yield a sentence if `folder` lies in one that `leadlens fetch` has begun and not finished."""
    here = folder.resolve()
    for place in (here, *here.parents):
        if (place / NOTES).is_dir() and not (place / MARKER).exists():
            yield (
                f"{place}: a 'leadlens fetch' into this folder is not finished (there is no "
                f"{MARKER}), so recordings may be missing: run it again, then ingest into another "
                "folder"
            )
            return
