"""CSV tables that lie beside recordings."""

import csv
from pathlib import Path

from leadlens.errors import ReadError


def read_table(path: Path, required: tuple[str, ...]) -> list[dict[str, str]]:
    """Return the rows of the CSV file at `path`, by column; cells that are missing are "".

    Raises:
        ReadError: it cannot be opened, is no CSV text, or lacks a required column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            columns = tuple(name.strip() for name in reader.fieldnames or ())
            reader.fieldnames = columns
            rows = list(reader)
    except OSError as error:
        raise ReadError(f"{path}: {error.strerror or error}") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise ReadError(f"{path} is no CSV text: {error}") from error
    for number, row in enumerate(rows, start=2):
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
    return rows


def whole_number(text: str) -> int | None:
    """Return the whole number in a cell ("3", or "3.0" as pandas writes it), else None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if value.is_integer() else None
