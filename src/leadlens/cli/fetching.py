"""The command that brings a public data set onto this machine."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.progress import BarColumn, Progress, TextColumn

from leadlens.cli.terminal import JsonOption, err, out, print_json, print_table, say
from leadlens.data.fetching.archives import ARCHIVES, Archive, find_archive
from leadlens.data.fetching.crew import FetchProgress
from leadlens.data.fetching.fetch import Fetched, in_units, origin_of
from leadlens.data.fetching.fetch import fetch as fetch_archive
from leadlens.errors import ConfigError

PLACE: Final = "data"
LINE_EVERY: Final = 30.0
"""Seconds between lines of progress where there is no terminal to draw on."""
RATE_OVER: Final = 10.0
"""Seconds over which the rate is the mean."""
_WIDE: Final = 70
_NO_TIME: Final = "-:--:--"


def fetch(
    source: Annotated[
        str | None, typer.Argument(help="Name of the data set; --list shows them.")
    ] = None,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Folder to fill (default: data/SOURCE).")
    ] = None,
    origin: Annotated[
        str | None, typer.Option("--from", help="A mirror's address, or a folder.")
    ] = None,
    connections: Annotated[
        int, typer.Option(min=1, max=16, help="Files that come at the same time.")
    ] = 4,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Only files like this, e.g. 'training/georgia/*' (repeatable)."),
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Hash again what is there.")] = False,
    show_list: Annotated[bool, typer.Option("--list", help="Show the data sets.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring a public data set here, checked; interrupted, the same command goes on."""
    if show_list:
        _list(as_json)
        return
    if source is None:
        raise ConfigError("say which data set: leadlens fetch NAME; --list shows the names")
    archive = find_archive(source)
    folder = out_folder or Path(PLACE) / archive.name
    with _bar(archive.name) as (move, seen):
        try:
            done = fetch_archive(
                archive,
                folder,
                origin_of(archive, origin),
                tuple(only or ()),
                connections,
                verify,
                on_progress=move,
            )
        except KeyboardInterrupt:
            if (now := seen()).n_files_total:
                there = f"{now.n_files:,} of {now.n_files_total:,} files"
                say(f"{archive.name}: {there} are in {folder}")
            raise
    if as_json:
        print_json({**asdict(done.marker), "folder": str(folder), "fetched": done.n_fetched,
                    "replaced": done.n_replaced, "bytes_received": done.n_received})  # fmt: skip
    else:
        _say_done(archive, done)


def _list(as_json: bool) -> None:
    """Print the table of data sets."""
    if as_json:
        print_json([asdict(archive) for archive in ARCHIVES])
        return
    rows = [[a.name, f"{a.n_recordings:,}", in_units(a.n_bytes), a.licence] for a in ARCHIVES]
    print_table("", ["name", "recordings", "size", "licence"], rows)


def _say_done(archive: Archive, done: Fetched) -> None:
    """Print what is there, its licence and what to cite, for people."""
    marker = done.marker
    part = f", those like {' '.join(marker.only)}" if marker.only else ""
    lines = [
        f"{done.folder}: {archive.name} {archive.version}, {marker.n_files:,} files "
        f"({in_units(marker.n_bytes)}){part}, {done.n_fetched:,} fetched now, all checked",
        f"licence: {archive.licence}",
        f"please cite: {archive.citation}",
    ]
    for line in lines:
        out.print(line, markup=False, highlight=False, soft_wrap=True)
    if done.n_replaced:
        say(f"replaced, for another content than the listed one: {done.n_replaced:,} files")


@contextmanager
def _bar(
    name: str,
) -> Iterator[tuple[Callable[[FetchProgress], None], Callable[[], FetchProgress]]]:
    """Yield a function that shows progress on stderr, and one that returns the last shown."""
    last = FetchProgress()
    meter = Meter()
    columns = [TextColumn("{task.description}"), BarColumn(bar_width=None)]
    if err.width < _WIDE:
        # The figures say more than a bar of a few characters.
        columns.pop()
    columns += [TextColumn("{task.fields[said]}", markup=False)]
    is_live = err.is_terminal
    progress = Progress(*columns, console=err, transient=True, disable=not is_live, expand=True)
    task = progress.add_task(name, total=None, said="")
    last_line, last_note = time.monotonic(), ""

    def move(now: FetchProgress) -> None:
        nonlocal last, last_line, last_note
        last = now
        meter.add(now.n_received)
        said = now.note or (meter.describe(now) if now.n_files_total else "")
        note = now.note.rpartition(" in ")[0] or now.note
        if is_live:
            share = _share(now)
            progress.update(task, total=None if share is None else 1.0, completed=share or 0.0,
                            said=said)  # fmt: skip
        elif note not in ("", last_note) or time.monotonic() - last_line > LINE_EVERY:
            last_line, last_note = time.monotonic(), note
            say(f"{name}: {said}")

    with progress:
        yield move, lambda: last


class Meter:
    """How fast bytes come, and when they will be here."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()
        self._started = time.monotonic()
        self._first: float | None = None

    def add(self, n_received: int) -> None:
        """Note how many bytes have come by now."""
        now = time.monotonic()
        self._seen.append((now, n_received))
        while now - self._seen[0][0] > RATE_OVER:
            self._seen.popleft()

    def rate(self) -> float:
        """Return the bytes a second of the last seconds."""
        (start, before), (end, after) = self._seen[0], self._seen[-1]
        return (after - before) / (end - start) if end > start else 0.0

    def describe(self, now: FetchProgress) -> str:
        """Return files, bytes, rate and time left in about 45 characters."""
        total = f"/{in_units(now.n_bytes_total)}" if now.n_bytes_total is not None else ""
        return (
            f"{now.n_files:,}/{now.n_files_total:,} files {in_units(now.n_bytes)}{total} "
            f"{in_units(self.rate())}/s {self._left(now)}"
        )

    def _left(self, now: FetchProgress) -> str:
        """Return the time left: by bytes where their number is known, else by files."""
        share = _share(now)
        if share is None:
            return _NO_TIME
        elapsed = time.monotonic() - self._started
        self._first = share if self._first is None else self._first
        gained = share - self._first
        if gained <= 0 or elapsed < 1:
            return _NO_TIME
        return str(timedelta(seconds=round((1 - share) * elapsed / gained)))


def _share(now: FetchProgress) -> float | None:
    """Return how much of the fetch is done, from 0 to 1; None where nothing is known yet."""
    if now.n_bytes_total:
        return min(now.n_bytes / now.n_bytes_total, 1.0)
    return now.n_files / now.n_files_total if now.n_files_total else None
