"""What commands share: results on stdout, progress on stderr, JSON for machines."""

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines.")]
WorkersOption = Annotated[
    int | None, typer.Option("--workers", min=1, help="Processes (default: all cores).")
]
EngineOption = Annotated[
    str, typer.Option("--engine", help="local, or ray: the cluster of RAY_ADDRESS, or here.")
]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")]
CurvesOption = Annotated[
    Path | None, typer.Option("--curves", help="Folder for the epochs' curves, for TensorBoard.")
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="Change a setting: key=value (repeatable).")
]

SILENCE: Final = 20.0

out = Console()
err = Console(stderr=True)


def print_json(value: Any) -> None:
    """Print one JSON object on stdout; what is not a number becomes null."""
    print(json.dumps(_finite(value), allow_nan=False))


def print_table(title: str, columns: list[str], rows: list[list[str]], n_left: int = 1) -> None:
    """Print a table on stdout: the first `n_left` columns to the left, numbers to the right."""
    table = Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        show_edge=False,
    )
    for number, column in enumerate(columns):
        is_left = number < n_left
        # In a narrow terminal names are folded, never a number.
        is_number = not is_left and all(" " not in row[number] for row in rows)
        justify: Literal["left", "right"] = "left" if is_left else "right"
        table.add_column(column, justify=justify, overflow="fold", no_wrap=is_number)
    for row in rows:
        table.add_row(*row)
    out.print(table)


def say(text: str) -> None:
    """Print a line on stderr."""
    err.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress_bar(what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function `(done, total)` that moves a bar on stderr, with the time left.

    Where stderr is no terminal, a line is written now and then instead.
    """
    if not err.is_terminal:
        yield _lines(what, unit)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _lines(what: str, unit: str) -> Callable[[int, int], None]:
    """Return a function `(done, total)` that writes a line on stderr every SILENCE seconds."""
    last = time.monotonic()

    def move(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= SILENCE:
            last = time.monotonic()
            say(f"{what}: {done} of {total} {unit}")

    return move


def number(value: float, digits: int = 3) -> str:
    """Return a number for people; a dash for NaN."""
    return "\u2013" if math.isnan(value) else f"{value:.{digits}f}"


def _finite(value: Any) -> Any:
    """Return `value` with NaN as None, all the way down."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
