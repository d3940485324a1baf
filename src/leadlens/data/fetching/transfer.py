"""One file from an origin to its place: resumed, checked, tried again, never half there."""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from leadlens.data.fetching.listing import PARTIAL, VERSION_OF_PARTIAL, Entry
from leadlens.data.fetching.origins import Body, ChangedError, Origin, PassingError, RefusedError
from leadlens.errors import FetchError
from leadlens.files import hash_file


@dataclass(frozen=True)
class Patience:
    """How long to go on trying.

    Attributes:
        attempts: tries in a row without a new byte before giving up.
        first_wait: seconds after the first of them; doubled after each, less up to half by chance.
        longest_wait: seconds; a server that asks for more is left alone.
        wrong: how often a file may come with another hash than the listed one.
        resumed_from: bytes; the beginning of a smaller file is not kept, which saves two small
            writes for each of the many small files.
    """

    attempts: int = 6
    first_wait: float = 1.0
    longest_wait: float = 600.0
    wrong: int = 2
    resumed_from: int = 1 << 20


class StoppedError(Exception):
    """The fetch was stopped from outside while this file was under way."""


@dataclass
class Pace:
    """What the connections share: the sign to stop, and until when a server asked to be left."""

    stop: threading.Event = field(default_factory=threading.Event)
    on_wait: Callable[[str], None] | None = None
    _until: float = 0.0

    def check(self) -> None:
        """Raise StoppedError if the fetch was stopped."""
        if self.stop.is_set():
            raise StoppedError

    def hold(self, seconds: float) -> None:
        """Let every connection wait: one was told to."""
        self._until = max(self._until, time.monotonic() + seconds)

    def wait(self, seconds: float, reason: str = "") -> None:
        """Wait so long, and until the server wants to be asked again."""
        until = max(self._until, time.monotonic() + seconds)
        while (left := until - time.monotonic()) > 0:
            if self.on_wait and reason:
                self.on_wait(f"{reason}: trying again in {left:.0f} s")
            if self.stop.wait(min(left, 1.0)):
                break
        if self.on_wait and reason:
            self.on_wait("")
        self.check()


@dataclass
class Tries:
    """How often a file was tried in vain, and when that is enough."""

    patience: Patience
    n_in_vain: int = 0
    n_wrong: int = 0
    farthest: int = 0
    has_moved: bool = False

    def moved(self, offset: int) -> None:
        """Note how far the file came: only a byte that never came before is progress."""
        if offset > self.farthest:
            self.farthest, self.has_moved = offset, True

    def failed(self, error: PassingError) -> float:
        """Return how many seconds to wait before the next try.

        Raises:
            FetchError: it is enough.
        """
        self.n_in_vain = 0 if self.has_moved else self.n_in_vain + 1
        self.has_moved = False
        longest = self.patience.longest_wait
        if error.wait is not None and error.wait > longest:
            raise FetchError(f"{error}, and to be asked again only in {error.wait:,.0f} s")
        if self.n_in_vain >= self.patience.attempts:
            raise FetchError(f"{error}, {self.n_in_vain} times in a row")
        # By chance, so that the connections of many users do not come back at the same moment.
        doubled = 2 ** max(self.n_in_vain - 1, 0)
        wait = self.patience.first_wait * doubled * random.uniform(0.5, 1)
        return min(max(wait, error.wait or 0.0), longest)


def partial_of(place: Path) -> Path:
    """Return where a file grows until it is whole."""
    return place.with_name(place.name + PARTIAL)


def is_whole(place: Path, entry: Entry) -> bool:
    """Return whether the file is there and has the listed hash."""
    return place.is_file() and hash_file(place, entry.algorithm) == entry.digest


def transfer(
    entry: Entry,
    origin: Origin,
    place: Path,
    pace: Pace,
    patience: Patience,
    on_bytes: Callable[[int], None],
) -> None:
    """Fetch one file to `place`; it appears there only once its hash agrees.

    `on_bytes` is told how many bytes came, or (below 0) were thrown away.

    Raises:
        RefusedError: this file is not to be had, or is not the listed one.
        FetchError: the origin does not answer any more.
        StoppedError: the fetch was stopped; what came is kept.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_of(place)
    tries = Tries(patience)
    if _kept(partial)[0] == 0:
        _discard(partial)
    while True:
        pace.wait(0)
        try:
            receive(entry, origin, partial, pace, patience, on_bytes, tries.moved)
        except PassingError as error:
            if isinstance(error, ChangedError):
                if is_whole(partial, entry):
                    # Killed between the last byte and the renaming: no rest to be had.
                    _put(partial, place)
                    return
                on_bytes(-_discard(partial))
            wait = tries.failed(error)
            if error.wait is not None:
                pace.hold(wait)
            pace.wait(wait, str(error))
            continue
        if is_whole(partial, entry):
            _put(partial, place)
            return
        tries.n_wrong += 1
        on_bytes(-_discard(partial))
        if tries.n_wrong >= patience.wrong:
            raise RefusedError(f"came {tries.n_wrong} times with another hash than the listed one")


def read_text(origin: Origin, path: str, url: str | None, patience: Patience, pace: Pace) -> str:
    """Return a file of the origin as text, without a hash to check it by.

    Raises:
        RefusedError: it is not to be had.
        FetchError: the origin does not answer, or the file is not text.
    """
    tries = Tries(patience)
    while True:
        try:
            body = origin.open(path, url, 0, None)
            content = b"".join(body.chunks)
            _check_end(body.size, len(content))
            # Windows' editors and shells begin a text with a mark.
            return content.decode("utf-8-sig")
        except PassingError as error:
            pace.wait(tries.failed(error), str(error))
        except UnicodeDecodeError as error:
            raise FetchError(f"{path} is not a text") from error


def receive(
    entry: Entry,
    origin: Origin,
    partial: Path,
    pace: Pace,
    patience: Patience,
    on_bytes: Callable[[int], None],
    on_offset: Callable[[int], None],
) -> None:
    """Write the rest of a file to `partial`, or all of it where the kept part is of no use.

    Raises:
        PassingError: not all of it came; what came is in `partial`.
    """
    kept, version = _kept(partial)
    with _opened(origin, entry, kept, version) as body:
        if None not in (body.size, entry.size) and body.size != entry.size:
            raise RefusedError(f"has {body.size:,} bytes, the listing says {entry.size:,}")
        if body.offset == 0:
            on_bytes(-_discard(partial))
        offset = body.offset
        with partial.open("ab") as file:
            if offset == 0 and body.validator and (body.size or 0) >= patience.resumed_from:
                # Before the first byte: a part without its version is never resumed.
                _version_of(partial).write_text(body.validator, encoding="utf-8")
            for chunk in body.chunks:
                # First: who was stopped while it waited must not write into another fetch's file.
                pace.check()
                file.write(chunk)
                offset += len(chunk)
                on_bytes(len(chunk))
                on_offset(offset)
    _check_end(body.size if body.size is not None else entry.size, offset)


def _check_end(size: int | None, offset: int) -> None:
    """Raise PassingError if a file ended at `offset`, before its end."""
    if size is not None and offset < size:
        raise PassingError(f"the connection ended after {offset:,} of {size:,} bytes")


@contextmanager
def _opened(origin: Origin, entry: Entry, offset: int, version: str | None) -> Iterator[Body]:
    """Yield the answer of the origin; its connection is given back whatever happens."""
    body = origin.open(entry.path, entry.url, offset, version)
    try:
        yield body
    finally:
        close = getattr(body.chunks, "close", None)
        if close:
            close()


def kept_bytes(place: Path) -> int:
    """Return how many bytes of a file were kept by an earlier fetch, to be resumed."""
    return _kept(partial_of(place))[0]


def drop_version(place: Path) -> None:
    """Remove what a kill between the renaming of a whole file and its end left beside it."""
    _version_of(partial_of(place)).unlink(missing_ok=True)


def _kept(partial: Path) -> tuple[int, str | None]:
    """Return how many bytes of a file are kept and of which version; 0 where it is unknown."""
    try:
        version = _version_of(partial).read_text(encoding="utf-8")
        size = partial.stat().st_size
    except (OSError, UnicodeDecodeError):
        return 0, None
    # After a power cut, a file may hold zeros: no server would understand them.
    return (size, version) if size and version and version.isprintable() else (0, None)


def _version_of(partial: Path) -> Path:
    return partial.with_name(partial.name.removesuffix(PARTIAL) + VERSION_OF_PARTIAL)


def _discard(partial: Path) -> int:
    """Remove what was kept of a file; return how many bytes that was."""
    try:
        size = partial.stat().st_size
    except FileNotFoundError:
        size = 0
    partial.unlink(missing_ok=True)
    _version_of(partial).unlink(missing_ok=True)
    return size


def _put(partial: Path, place: Path) -> None:
    """Flush a whole file and rename it into its place."""
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(place)
    _version_of(partial).unlink(missing_ok=True)
