"""Labels from a CSV file, for recordings of any other source.

The columns are `record` and `codes`, and, where wanted, `patient`, `age`, `sex`, `fold` and
`not_annotated`. Lists are separated by blanks, commas, semicolons or bars. Empty `codes` mean that
nobody annotated the recording; the word `none`, that no diagnosis was found.
"""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from leadlens.data.sources.protocol import FileSource
from leadlens.data.sources.tables import RecordNames, read_table, whole_number
from leadlens.ecg.diagnoses import diagnosis
from leadlens.ecg.recording import Recording
from leadlens.errors import ConfigError
from leadlens.files import hash_text
from leadlens.io.header import age_from, sex_from

REQUIRED: Final = ("record", "codes")
OPTIONAL: Final = ("patient", "age", "sex", "fold", "not_annotated")
NOTHING_FOUND: Final = "none"
_SEPARATORS: Final = re.compile(r"[\s,;|]+")
_SNOMED: Final = re.compile(r"\d{6,18}", re.ASCII)


@dataclass(frozen=True)
class LabelledSource:
    """The recordings of another source, known as a table says.

    Attributes:
        labels: by source and record id, what replaces the recording's own fields.
    """

    source: FileSource
    table: Path
    labels: dict[tuple[str, str], dict[str, Any]] = field(repr=False)

    @classmethod
    def find(cls, source: FileSource, table: Path) -> "LabelledSource":
        """Return `source` with the labels of the CSV file `table`.

        Raises:
            ReadError: the file cannot be read, or lacks a column.
            ConfigError: a row names an unknown recording or code, or a recording a second time.
        """
        rows = read_table(table, REQUIRED)
        columns = rows[0][1] if rows else ()
        strange = [name for name in columns if name not in (*REQUIRED, *OPTIONAL)]
        if strange:
            raise ConfigError(
                f"{table}: unknown column '{strange[0]}': allowed are "
                f"{', '.join((*REQUIRED, *OPTIONAL))}"
            )
        keys = [source.key(position) for position in range(len(source))]
        names = RecordNames(keys, "the folders given")
        labels: dict[tuple[str, str], dict[str, Any]] = {}
        for number, row in rows:
            where = f"{table}, line {number}"
            key = names.find(row["record"].strip(), where)
            if key in labels:
                raise ConfigError(f"{where}: a second row for the recording '{row['record']}'")
            labels[key] = _known(row, where)
        return cls(source, table, labels)

    def __len__(self) -> int:
        """Return the number of recordings."""
        return len(self.source)

    @property
    def notes(self) -> tuple[str, ...]:
        """The source's own notes, and how many recordings the table does not name."""
        n_without = len(self) - len(self.labels)
        said = (
            f"{self.table} has no row for {n_without} of {len(self)} recordings: they stay as read"
        )
        return (*self.source.notes, *([said] if n_without else []))

    def key(self, position: int) -> tuple[str, str]:
        """Return the source and the record id of a recording."""
        return self.source.key(position)

    def name(self, position: int) -> str:
        """Return the name of a recording."""
        return self.source.name(position)

    def path(self, position: int) -> Path:
        """Return the file that was found."""
        return self.source.path(position)

    def load(self, position: int) -> Recording:
        """Read one recording and put the table's values in place of its own."""
        return replace(self.source.load(position), **self.labels.get(self.key(position), {}))

    def describe(self) -> dict[str, object]:
        """Return the other source's description, and a hash of the labels."""
        content = "\n".join(f"{key} {values}" for key, values in sorted(self.labels.items()))
        return {**self.source.describe(), "labels": hash_text(content)}


def _known(row: dict[str, str], where: str) -> dict[str, Any]:
    """Return the fields that a row gives a recording."""
    codes: tuple[str, ...] | None = None
    if row["codes"].strip().lower() == NOTHING_FOUND:
        codes = ()
    elif row["codes"].strip():
        codes = _codes(row["codes"], where)
    known: dict[str, Any] = {
        "codes": codes,
        "not_annotated": _codes(row.get("not_annotated", ""), where),
    }
    for column, read in (("age", age_from), ("sex", sex_from), ("fold", _fold)):
        text = row.get(column, "").strip()
        if text:
            known[column] = read(text)
            if known[column] is None:
                raise ConfigError(f"{where}: the {column} '{text}' cannot be understood")
    if row.get("patient", "").strip():
        known["patient"] = row["patient"].strip()
    both = sorted(set(codes or ()) & set(known["not_annotated"]))
    if both:
        raise ConfigError(f"{where}: {both[0]} is both in codes and in not_annotated")
    return known


def _fold(text: str) -> int | None:
    """Return the fold in a cell, None where it is no whole number from 0 on."""
    number = whole_number(text)
    return number if number is not None and number >= 0 else None


def _codes(text: str, where: str) -> tuple[str, ...]:
    """Return the SNOMED CT codes of a list of codes and abbreviations, each once."""
    codes = []
    for part in filter(None, _SEPARATORS.split(text.strip())):
        try:
            codes.append(part if _SNOMED.fullmatch(part) else diagnosis(part).code)
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}, or a SNOMED CT code") from error
    return tuple(dict.fromkeys(codes))
