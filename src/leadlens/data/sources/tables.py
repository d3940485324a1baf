"""CSV tables that lie beside recordings."""

import csv
from collections import Counter
from pathlib import Path

from leadlens.errors import ConfigError, ReadError


def read_table(path: Path, required: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """Return the rows of the CSV file at `path`: their (last) line, and their cells by column.

    Cells that are missing are "".

    Raises:
        ReadError: it cannot be opened, is no CSV text, lacks a required column, or has one twice.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            columns = tuple(name.strip() for name in reader.fieldnames or ())
            reader.fieldnames = columns
            rows = [(reader.line_num, row) for row in reader]
    except OSError as error:
        raise ReadError(f"{path}: {error.strerror or error}") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise ReadError(f"{path} is no CSV text in UTF-8: {error}") from error
    for number, row in rows:
        # DictReader keeps surplus cells under the key None.
        if None in row:
            raise ReadError(
                f"{path}, line {number}: more cells than columns ({', '.join(columns)}): "
                "put cells with commas in double quotes"
            )
    missing = [name for name in required if name not in columns]
    if missing:
        raise ReadError(
            f"{path} lacks the column {', '.join(missing)}: it has {', '.join(columns) or 'none'}"
        )
    twice = [name for name, n in Counter(columns).items() if n > 1 and name]
    if twice:
        raise ReadError(f"{path} has the column '{twice[0]}' twice")
    return rows


def read_table_by(column: str, path: Path, required: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Return the rows of the CSV file at `path` by what they have in `column`.

    Raises:
        ReadError: as `read_table`, or two rows have the same there and differ elsewhere.
    """
    found: dict[str, dict[str, str]] = {}
    for number, row in read_table(path, (column, *required)):
        if found.setdefault(row[column].strip(), row) != row:
            raise ReadError(
                f"{path}, line {number}: a second row, another one, with the {column} "
                f"'{row[column]}'"
            )
    return found


def whole_number(text: str) -> int | None:
    """Return the whole number in a cell ("3", or "3.0" as pandas writes it), else None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if value.is_integer() else None


class RecordNames:
    """Which recording a cell means: its id where only one source has it, or `source/record`."""

    def __init__(self, keys: list[tuple[str, str]], place: str) -> None:
        """Take the (source, record id) of all recordings, and words for where they are."""
        self._place = place
        self._n_of_id = Counter(record_id for _, record_id in keys)
        self._by_name = {f"{source}/{record_id}": (source, record_id) for source, record_id in keys}
        self._by_name |= {key[1]: key for key in keys if self._n_of_id[key[1]] == 1}

    def find(self, name: str, where: str) -> tuple[str, str]:
        """Return the (source, record id) that `name` means in the line `where`.

        Raises:
            ConfigError: there is none, or there are several.
        """
        if name in self._by_name:
            return self._by_name[name]
        if self._n_of_id[name] > 1:
            raise ConfigError(
                f"{where}: '{name}' names {self._n_of_id[name]} recordings: write source/record, "
                f"as in {next(full for full, key in self._by_name.items() if key[1] == name)}"
            )
        example = next(iter(self._by_name), "none")
        raise ConfigError(
            f"{where}: there is no recording '{name}' in {self._place} (the first is {example}): "
            "write the file's name without suffix, or source/record"
        )
