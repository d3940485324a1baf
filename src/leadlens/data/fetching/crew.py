"""The connections of a fetch: threads that bring files into their places, and how far they are."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from leadlens.data.fetching.ledger import Ledger
from leadlens.data.fetching.listing import Entry
from leadlens.data.fetching.origins import Origin, RefusedError, is_disk_full
from leadlens.data.fetching.transfer import Pace, Patience, StoppedError, is_whole, transfer
from leadlens.errors import FetchError

MOST_REFUSED: Final = 5
"""Files that may be refused before the fetch stops; the others are fetched meanwhile."""


@dataclass(frozen=True)
class FetchProgress:
    """How far a fetch is.

    Attributes:
        n_files: files in place and checked.
        n_files_total: files asked for.
        n_bytes: bytes in place, those of unfinished files too.
        n_bytes_total: bytes asked for; None where the archive does not list sizes.
        n_received: bytes that came over the line in this run.
        note: what it does other than receiving, or waits for; empty else.
    """

    n_files: int = 0
    n_files_total: int = 0
    n_bytes: int = 0
    n_bytes_total: int | None = None
    n_received: int = 0
    note: str = ""


@dataclass
class Crew:
    """Threads that fetch, and what they share.

    Attributes:
        folder: where the files go.
        origin: where they come from.
        ledger: where checked files are noted.
        patience: how long to go on trying.
        progress: how far it is; replaced, never changed.
        n_fetched: files that came.
        n_replaced: files, of these, that were there with another content than the listed one.
        refused: the reason for each file that is not to be had.
    """

    folder: Path
    origin: Origin
    ledger: Ledger
    patience: Patience
    progress: FetchProgress
    n_fetched: int = 0
    n_replaced: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    _pace: Pace = field(default_factory=Pace)
    _todo: deque[Entry] = field(default_factory=deque)
    _failure: Exception | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(
        self,
        entries: Iterable[Entry],
        connections: int,
        on_progress: Callable[[FetchProgress], None],
    ) -> None:
        """Bring these files into their places.

        Raises:
            FetchError: some could not be had.
        """
        self._todo.extend(entries)
        self._pace.on_wait = self._note
        on_progress(self.progress)
        n = min(connections, len(self._todo))
        # Daemons: one that hangs in a read must not keep the command from ending.
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(n)]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                while thread.is_alive():
                    thread.join(0.1)
                    on_progress(self.progress)
        except BaseException:
            self._pace.stop.set()
            end = time.monotonic() + 1
            for thread in threads:
                thread.join(max(end - time.monotonic(), 0))
            raise
        if self._failure:
            raise self._failure
        if self.refused:
            raise FetchError(self._refusals())

    def _work(self) -> None:
        """Fetch files, then close this thread's connections."""
        try:
            self._fetch_all()
        finally:
            self.origin.close()

    def _fetch_all(self) -> None:
        """Fetch files until none is left, or something stops all."""
        while not self._pace.stop.is_set():
            try:
                entry = self._todo.popleft()
            except IndexError:
                return
            try:
                self._settle(entry)
            except StoppedError:
                return
            except RefusedError as error:
                self.refused[entry.path] = str(error)
                if len(self.refused) >= MOST_REFUSED:
                    self._pace.stop.set()
            except Exception as error:
                self._failure = self._failure or self._explained(entry, error)
                self._pace.stop.set()

    def _settle(self, entry: Entry) -> None:
        """Bring one file into its place, unless it is there with the right hash."""
        place = self.folder / entry.path
        is_there = place.exists()
        is_right = is_there and is_whole(place, entry)
        if not is_right:
            transfer(entry, self.origin, place, self._pace, self.patience, self._came)
        size = self.ledger.add(entry, place)
        with self._lock:
            now = self.progress
            n_bytes = now.n_bytes + (size if is_right else 0)
            self.progress = replace(now, n_files=now.n_files + 1, n_bytes=n_bytes)
            self.n_fetched += not is_right
            self.n_replaced += is_there and not is_right

    def _came(self, n_bytes: int) -> None:
        """Count bytes that came, or, below 0, that were thrown away."""
        with self._lock:
            now = self.progress
            received = now.n_received + max(n_bytes, 0)
            self.progress = replace(now, n_bytes=now.n_bytes + n_bytes, n_received=received)

    def _note(self, said: str) -> None:
        with self._lock:
            self.progress = replace(self.progress, note=said)

    def _explained(self, entry: Entry, error: Exception) -> Exception:
        """Return an error in words that say what is kept."""
        if isinstance(error, FetchError):
            return FetchError(f"{entry.path}: {unreachable(self.origin, error)}")
        if isinstance(error, OSError) and is_disk_full(error):
            return FetchError(
                f"the disk of {self.folder} is full; what came is kept: make room, and run the "
                "same command again to go on"
            )
        if isinstance(error, OSError):
            place = error.filename or self.folder / entry.path
            return FetchError(f"{place}: {error.strerror or error}; what came is kept")
        return error

    def _refusals(self) -> str:
        """Return which files were refused, and why."""
        said = [f"{path} ({reason})" for path, reason in sorted(self.refused.items())]
        rest = f" and {len(said) - MOST_REFUSED} more" if len(said) > MOST_REFUSED else ""
        return (
            f"{self.origin.describe()} does not give {', '.join(said[:MOST_REFUSED])}{rest}; "
            f"{self.progress.n_files:,} of {self.progress.n_files_total:,} files are in "
            f"{self.folder}: run the same command again for the others, or give another place "
            "with --from"
        )


def unreachable(origin: Origin, error: Exception) -> str:
    """Return what to say of an origin that does not answer any more."""
    return (
        f"{origin.describe()}: {error}; what came is kept: run the same command again to go on, "
        "or give another place with --from"
    )
