"""Files that are never half-written: each is written beside its place, then renamed into it."""

import hashlib
import json
import math
import os
import platform
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from leadlens.errors import StoreError

_LOCK: Final = ".writing.lock"

SEEN_WITHIN: Final = 10.0
"""Seconds within which a file that another machine wrote is seen here."""


@contextmanager
def written_beside(path: Path, token: str | None = None) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is flushed and renamed to `path`.

    Without success it is removed; with a `token`, that of `new_token`, it stays as `partial_of`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = partial_of(path, token or new_token())
    try:
        yield beside
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        if token is None:
            beside.unlink(missing_ok=True)


def new_token() -> str:
    """Return what tells this writing of a file from all others.

    Random, not the process's number: two machines may write the same file at the same time.
    """
    return secrets.token_hex(8)


def partial_of(path: Path, token: str) -> Path:
    """Return where `path` is while it is written."""
    return path.with_name(f".{path.name}.{token}.partial")


def tokens_left(path: Path) -> list[str]:
    """Return the tokens of all writings of `path` that were begun and not finished."""
    left = path.parent.glob(f".{escape(path.name)}.*.partial")
    return sorted(file.name.split(".")[-2] for file in left)


def is_partial(path: Path) -> bool:
    """Return whether `path` is what a killed `written_beside` left."""
    return path.name.startswith(".") and path.name.endswith(".partial")


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold `folder`, made if need be, against other runs that would write into it.

    The system lets the lock go when this process ends, also by a kill; the file that carries it
    is removed, at the latest by the next run.

    Raises:
        StoreError: another run holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise StoreError(
            f"another run is writing into {folder}: wait until it ends, or choose another folder"
        ) from error
    try:
        yield
    finally:
        # While it is still held, so that nobody else's is removed; Windows removes it by itself.
        with suppress(PermissionError):
            (folder / _LOCK).unlink(missing_ok=True)
        lock.release()


def is_passing(path: Path) -> bool:
    """Return whether `path` belongs to a run at work, or is what a killed one left."""
    return is_partial(path) or path.name == _LOCK


def check_here(path: Path) -> None:
    """Raise a StoreError if this machine does not see `path`, which another one has found."""
    if not os.path.lexists(path):
        raise StoreError(
            f"{path} is not there for a worker on {platform.node()}: "
            "does every node see it under this name?"
        )


def await_file(path: Path) -> None:
    """Return as soon as `path`, which a worker has written, is seen here.

    Raises:
        StoreError: it does not come to be seen.
    """
    deadline = time.monotonic() + SEEN_WITHIN
    while not path.exists():
        if time.monotonic() > deadline:
            raise StoreError(
                f"{path} was written by a worker and is not here: does every node see "
                f"{path.parent}?"
            )
        time.sleep(0.1)
        # A network file system may remember that there was no such file; listing ends that.
        list(path.parent.iterdir())


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`, whole or not at all."""
    with written_beside(path) as beside:
        beside.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` as JSON, whole or not at all; NaN is refused."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def json_number(value: float) -> float | None:
    """Return a number for JSON, which has no NaN."""
    return None if math.isnan(value) else round(value, 6)


def json_interval(ends: tuple[float, float]) -> list[float] | None:
    """Return an interval for JSON; None where there is none."""
    return None if any(map(math.isnan, ends)) else [round(end, 6) for end in ends]


def read_json(path: Path) -> Any:
    """Return the JSON value in `path`.

    Raises:
        StoreError: the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise StoreError(f"{path} is damaged: {error}") from error


def hash_text(text: str) -> str:
    """Return the SHA-256 of `text`."""
    return hashlib.sha256(text.encode()).hexdigest()


def hash_file(path: Path, algorithm: str = "sha256") -> str:
    """Return the hash of the file at `path`: SHA-256, or what an archive lists (md5)."""
    with path.open("rb") as file:
        # Not for security: else md5 is refused on machines set up after FIPS 140.
        return hashlib.file_digest(
            file, lambda: hashlib.new(algorithm, usedforsecurity=False)
        ).hexdigest()
