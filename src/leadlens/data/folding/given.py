"""Folds that somebody else has made: in the store's index, or in a file of the user's."""

from pathlib import Path

from leadlens.data.folding.file import read_folds
from leadlens.data.sources.tables import RecordNames, read_table, whole_number
from leadlens.data.store import Store
from leadlens.errors import ConfigError


def folds_of_index(store: Store) -> dict[str, int]:
    """Return the fold of each recording that has one in the index of `store`, by key.

    Raises:
        ConfigError: none has one, or one is no number from 0 on.
    """
    found = {
        row.key: _number(row.fold, f"{store.path}, recording {row.key}")
        for row in store.first_rows
        if row.fold
    }
    if not found:
        raise ConfigError(
            f"no recording of {store.path} has a fold of its own: ingest PTB-XL in its own layout, "
            "or a table with a column 'fold' (leadlens ingest --labels FILE.csv), or give a file "
            "of folds (CSV: record,fold)"
        )
    return found


def folds_of_file(path: Path, store: Store) -> dict[str, int]:
    """Return the fold of each recording that has one in `path`, by key.

    Args:
        path: CSV with the columns `record` and `fold` (empty: takes no part), or a fold file
            made by `leadlens folds`.
        store: the recordings that there are.

    Raises:
        ConfigError: an unknown recording, a second row for one, or a fold that is no number.
        ReadError: the file cannot be read, or lacks a column.
        StoreError: the fold file is damaged.
    """
    if path.suffix == ".json":
        return _folds_of_fold_file(path, store)
    names = RecordNames([(row.source, row.record_id) for row in store.first_rows], str(store.path))
    found: dict[str, int] = {}
    seen: set[str] = set()
    for number, row in read_table(path, ("record", "fold")):
        where = f"{path}, line {number}"
        key = "/".join(names.find(row["record"].strip(), where))
        if key in seen:
            raise ConfigError(f"{where}: a second row for the recording '{row['record']}'")
        seen.add(key)
        if row["fold"].strip():
            found[key] = _number(row["fold"].strip(), where)
    if not found:
        raise ConfigError(f"{path} gives no recording a fold: the column 'fold' is empty")
    return found


def _folds_of_fold_file(path: Path, store: Store) -> dict[str, int]:
    """Return the assignment of a fold file, whose recordings must all be in `store`."""
    assignment = read_folds(path).assignment
    unknown = sorted(set(assignment) - set(store.keys))
    if unknown:
        raise ConfigError(
            f"{path} names {len(unknown)} recordings that {store.path} does not hold, such as "
            f"{unknown[0]}: make folds for this store"
        )
    return assignment


def _number(text: str, where: str) -> int:
    """Return a fold's number."""
    number = whole_number(text)
    if number is None or number < 0:
        raise ConfigError(f"{where}: the fold '{text}' is no whole number from 0 on")
    return number
