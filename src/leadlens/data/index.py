"""The index of a store: one row a window, kept as CSV."""

import csv
import io
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from leadlens.data.sources import ptbxl_ecg_id
from leadlens.ecg.recording import Recording, content_hash
from leadlens.errors import StoreError


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One window of one recording.

    Attributes:
        source, record_id: together the recording's key.
        groups: names shared with recordings that must stay on one side of a split, space-separated
            (same patient, same PTB-XL ECG, same waveform).
        codes: SNOMED CT codes, space-separated; meaningless where `is_annotated` is 0.
        not_annotated: codes that nobody looked for, space-separated.
        offset, duration: seconds: where the window starts, and how long the recording is.
        fs: the recording's own sampling rate in Hz.
        leads: one character a standard lead: 1 where anything was recorded.
        n_clipped: samples beyond +-32.767 mV (or relative units), stored as that limit.
        fold: the fold that the data set itself proposes; empty where it does not.
    """

    source: str
    record_id: str
    groups: str
    age: str
    sex: str
    units: str
    is_annotated: int
    codes: str
    not_annotated: str
    offset: float
    duration: float
    fs: float
    leads: str
    n_clipped: int
    fold: str = ""

    @property
    def key(self) -> str:
        """The recording's key: source and record_id."""
        return f"{self.source}/{self.record_id}"

    @property
    def years(self) -> float | None:
        """The age in years, or None."""
        return float(self.age) if self.age else None


def index_row(recording: Recording, offset: float, leads: str, n_clipped: int) -> IndexRow:
    """Return the row of the window of `recording` that starts at `offset` seconds."""
    groups = [f"waveform:{content_hash(recording)}"]
    if recording.patient:
        groups.append(f"patient:{recording.source}:{recording.patient}")
    ecg_id = ptbxl_ecg_id(recording)
    if ecg_id is not None:
        groups.append(f"ptbxl:{ecg_id}")
    return IndexRow(
        source=recording.source,
        record_id=recording.record_id,
        groups=" ".join("_".join(group.split()) for group in groups),
        age="" if recording.age is None else f"{recording.age:g}",
        sex=recording.sex or "",
        units=recording.units,
        is_annotated=int(recording.codes is not None),
        codes=" ".join(recording.codes or ()),
        not_annotated=" ".join(recording.not_annotated),
        offset=round(offset, 6),
        duration=round(recording.duration, 6),
        fs=recording.fs,
        leads=leads,
        n_clipped=n_clipped,
        fold="" if recording.fold is None else str(recording.fold),
    )


def index_header() -> str:
    """Return the first line of an index."""
    return ",".join(_NAMES) + "\n"


def index_line(row: IndexRow) -> str:
    """Return `row` as a line of an index."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow([getattr(row, name) for name in _NAMES])
    return line.getvalue()


def read_rows(path: Path) -> tuple[IndexRow, ...]:
    """Return the rows of the index at `path`.

    Equal texts are one in memory: most columns repeat a few values.

    Raises:
        StoreError: the file cannot be read, or is no index.
    """
    known: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = csv.reader(file)
            places = _places(next(lines))
            return tuple(_row(line, places, known) for line in lines)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error}") from error
    except (IndexError, StopIteration, TypeError, ValueError) as error:
        raise StoreError(f"{path} is damaged: {error}") from error


def _row(line: list[str], places: list[tuple[Any, int | None]], known: dict[str, str]) -> IndexRow:
    """Return the row of one line; `known` holds the texts so far."""
    values: list[Any] = []
    for kind, place in places:
        text = "" if place is None else line[place]
        values.append(known.setdefault(text, text) if kind is str else kind(text))
    return IndexRow(*values)


def _places(header: list[str]) -> list[tuple[Any, int | None]]:
    """Return each field's type and column; stores made before `fold` was kept lack that column."""
    missing = set(_NAMES) - set(header) - {"fold"}
    if missing:
        raise ValueError(f"it has no column {', '.join(sorted(missing))}")
    return [
        (field.type, header.index(field.name) if field.name in header else None)
        for field in fields(IndexRow)
    ]


_NAMES: Final = tuple(field.name for field in fields(IndexRow))
