"""Fetching a public data set into a folder: resumable, checked, and complete or not called so.

A file grows as NAME.partial and is renamed once its hash agrees; `.fetch/` holds what is needed to
go on; `fetched.json`, written last, says that everything is there.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from leadlens.data.fetching.archives import Archive
from leadlens.data.fetching.crew import Crew, FetchProgress, unreachable
from leadlens.data.fetching.ledger import (
    NOTES,
    Ledger,
    Marker,
    claim,
    drop_marker,
    read_marker,
    write_marker,
)
from leadlens.data.fetching.listing import (
    ALGORITHM_OF,
    MD5SUMS,
    Entry,
    Listing,
    format_sums,
    is_matched,
    parse_sums,
    parse_zenodo,
    select,
)
from leadlens.data.fetching.origins import FolderOrigin, Origin, RefusedError
from leadlens.data.fetching.transfer import Pace, Patience, drop_version, kept_bytes, read_text
from leadlens.data.fetching.web import HttpOrigin
from leadlens.errors import ConfigError, FetchError
from leadlens.files import hash_file, hash_text, write_text


@dataclass(frozen=True)
class Fetched:
    """What a finished fetch left.

    Attributes:
        folder: where it is.
        marker: what is complete.
        n_fetched: files that came in this run; the others were there.
        n_replaced: files, of these, that were there with another content than the listed one.
        n_received: bytes that came in this run.
    """

    folder: Path
    marker: Marker
    n_fetched: int = 0
    n_replaced: int = 0
    n_received: int = 0


def fetch(
    archive: Archive,
    folder: Path,
    origin: Origin,
    only: tuple[str, ...] = (),
    connections: int = 4,
    verify: bool = False,
    patience: Patience | None = None,
    on_progress: Callable[[FetchProgress], None] | None = None,
) -> Fetched:
    """Bring an archive's files into `folder`, and return what is there.

    Files that an earlier fetch checked are believed when size and time of change are as they
    were; with `verify`, they are hashed again. An interrupted fetch goes on where it was.

    Raises:
        ConfigError: a pattern of `only` matches nothing.
        FetchError: something could not be had; what came is kept.
    """
    if isinstance(origin, FolderOrigin) and origin.folder.resolve() == folder.resolve():
        raise ConfigError(f"--from and --out are both {folder}: give two folders")
    patience, tell = patience or Patience(), on_progress or _quiet
    with _locked(folder), Ledger(folder / NOTES / "ledger.tsv") as ledger:
        claim(folder, archive)
        if verify:
            _verify(folder, ledger, tell)
        if done := _complete_already(archive, folder, only, ledger):
            return done
        tell(FetchProgress(note="reading the list of files"))
        try:
            listing = _listing(origin, patience, tell)
        finally:
            origin.close()
        asked = select(_entries_of(archive, listing.entries), only)
        todo, progress = _plan(asked, folder, origin, ledger)
        crew = Crew(folder, origin, ledger, patience, progress)
        if todo:
            _check_space(archive, folder, todo, None if only else len(asked))
            drop_marker(folder, todo)
            crew.run(todo, connections, tell)
        marker = _mark(archive, folder, origin.describe(), only, listing, ledger)
    return Fetched(folder, marker, crew.n_fetched, crew.n_replaced, crew.progress.n_received)


def origin_of(archive: Archive, given: str | None = None, timeout: float = 30.0) -> Origin:
    """Return where the files come from: the archive, or a mirror's address, or a folder.

    Raises:
        ConfigError: it is neither an address nor a folder.
    """
    if given is None or "://" in given:
        return HttpOrigin(given or archive.url, timeout)
    if not Path(given).is_dir():
        raise ConfigError(f"--from {given!r} is neither a folder nor an address (https://...)")
    return FolderOrigin(Path(given))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a folder against a second fetch."""
    (folder / NOTES).mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / NOTES / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise FetchError(f"another fetch is writing into {folder}: wait until it ends") from error
    try:
        yield
    finally:
        lock.release()


def _quiet(progress: FetchProgress) -> None:
    """Tell nobody."""


def _verify(folder: Path, ledger: Ledger, tell: Callable[[FetchProgress], None]) -> None:
    """Hash every file that was found right before; those that have changed are forgotten."""
    n_bytes, names = 0, ledger.names()
    for number, name in enumerate(names):
        tell(FetchProgress(number, len(names), n_bytes, note="checking what is there"))
        n_bytes += ledger.recheck(name, folder / name) or 0


def _complete_already(
    archive: Archive, folder: Path, only: tuple[str, ...], ledger: Ledger
) -> Fetched | None:
    """Return what is there if an earlier fetch completed it and nothing changed: no network."""
    marker = read_marker(folder)
    if marker is None or not marker.covers(only) or marker.listing not in ALGORITHM_OF:
        return None
    place = folder / marker.listing
    if not place.is_file() or hash_file(place) != marker.listing_sha256:
        return None
    entries = parse_sums(place.read_text(encoding="utf-8"), marker.listing)
    asked = select(_entries_of(archive, entries), only)
    missing = [entry for entry in asked if ledger.size(entry, folder / entry.path) is None]
    # At once: the folder is not complete, whether or not the origin can be reached.
    drop_marker(folder, missing)
    return None if missing else Fetched(folder, marker)


def _listing(origin: Origin, patience: Patience, tell: Callable[[FetchProgress], None]) -> Listing:
    """Return what the origin holds: Zenodo's answer, SHA256SUMS.txt or md5sums.txt."""
    address, reason = origin.describe(), ""
    pace = Pace(on_wait=lambda said: tell(FetchProgress(note=said)))
    is_zenodo = "/api/records/" in address
    for name in ("",) if is_zenodo else ALGORITHM_OF:
        try:
            url = address.rstrip("/") if is_zenodo else None
            text = read_text(origin, name, url, patience, pace)
        except RefusedError as error:
            reason = str(error)
            continue
        except FetchError as error:
            raise FetchError(unreachable(origin, error)) from error
        if not is_zenodo:
            return Listing(name, text, parse_sums(text, name))
        entries = parse_zenodo(text, address.rstrip("/"))
        return Listing(MD5SUMS, format_sums(entries), entries)
    wanted = "an answer" if is_zenodo else " or ".join(ALGORITHM_OF)
    raise FetchError(
        f"{address} does not give {wanted} ({reason}): without hashes nothing can be checked; "
        "give another place with --from"
    )


def _entries_of(archive: Archive, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Return the files of a listing that belong to the archive: it may be a part of another."""
    found = tuple(entry for entry in entries if is_matched(entry.path, archive.only))
    if not found:
        raise FetchError(
            f"no file of the listing is like {' '.join(archive.only)}: it is not of {archive.name}"
        )
    return found


def _plan(
    asked: tuple[Entry, ...], folder: Path, origin: Origin, ledger: Ledger
) -> tuple[list[Entry], FetchProgress]:
    """Return the files to do, with their sizes where these are known, and how far it is."""
    done = {entry.path: ledger.size(entry, folder / entry.path) for entry in asked}
    missing = [entry for entry in asked if done[entry.path] is None]
    known = origin.sizes([entry.path for entry in missing if entry.size is None])
    todo = [replace(entry, size=known.get(entry.path, entry.size)) for entry in missing]
    n_done = sum(size or 0 for size in done.values())
    n_todo = sum(entry.size or 0 for entry in todo)
    progress = FetchProgress(
        n_files=len(asked) - len(todo),
        n_files_total=len(asked),
        n_bytes=n_done + sum(kept_bytes(folder / entry.path) for entry in todo),
        n_bytes_total=n_done + n_todo if all(e.size is not None for e in todo) else None,
    )
    return todo, progress


def _check_space(archive: Archive, folder: Path, todo: list[Entry], n_all: int | None) -> None:
    """Refuse to begin what the disk has no room for.

    Where the archive lists no sizes, its published size is shared out over its `n_all` files; a
    part chosen by patterns (`n_all` None) is then not checked: its files may be the small ones.
    """
    if all(entry.size is not None for entry in todo):
        needed = float(sum(entry.size or 0 for entry in todo))
    elif n_all:
        needed = archive.n_bytes * len(todo) / n_all
    else:
        return
    for entry in todo:
        place = folder / entry.path
        needed -= place.stat().st_size if place.is_file() else kept_bytes(place)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise FetchError(
            f"{folder} has room for {in_units(free)}, but about {in_units(needed)} are to come: "
            "make room, or give a folder on another disk with --out"
        )


def _mark(
    archive: Archive,
    folder: Path,
    origin: str,
    only: tuple[str, ...],
    listing: Listing,
    ledger: Ledger,
) -> Marker:
    """Write the listing and, last, what is complete: this fetch and earlier ones of other files."""
    write_text(folder / listing.name, listing.text)
    every = _entries_of(archive, listing.entries)
    size_of = {entry: ledger.size(entry, folder / entry.path) for entry in every}
    for entry, size in size_of.items():
        if size:
            drop_version(folder / entry.path)
    complete: tuple[str, ...] = ()
    missing = [entry.path for entry in select(every, only) if size_of[entry] is None]
    if missing:
        raise FetchError(
            f"{folder / missing[0]} was removed or changed while others were fetched: run the same "
            "command again"
        )
    if None in size_of.values():
        earlier = read_marker(folder)
        complete = tuple(
            pattern
            for pattern in sorted({*only, *(earlier.only if earlier else ())})
            if None not in (size_of[entry] for entry in select(every, (pattern,)))
        )
    sizes = [size_of[entry] or 0 for entry in select(every, complete)]
    marker = Marker(
        archive.name, archive.version, origin, listing.name, hash_text(listing.text), complete,
        len(sizes), sum(sizes), archive.licence, archive.citation,
    )  # fmt: skip
    write_marker(folder, marker)
    return marker


def in_units(n_bytes: float) -> str:
    """Return a number of bytes for people: 3.2 GB."""
    size = float(n_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" or size >= 99.95 else f"{size:.1f} {unit}"
