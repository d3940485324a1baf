"""The command that finds what is wrong with a store."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from leadlens.cli.terminal import JsonOption, out, print_json, print_table, progress_bar
from leadlens.errors import require_extra
from leadlens.files import write_text

FOUND = 1
"""Exit code when anything was found."""


def audit(
    store: Annotated[Path, typer.Argument(help="A store made by ingest or simulate.")],
    folds: Annotated[
        Path | None, typer.Option(help="Fold file of the store: also look for leakage.")
    ] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="HTML page to write: datasheet and findings.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find what is wrong with a data set: copies, leaks, gains, leads, labels.

    Exit code 0: nothing was found; 1: something was; 2: the store cannot be read.
    """
    from leadlens.data.audit import audit_store
    from leadlens.data.store import open_store

    if out_file is not None:
        # Before the work, not after it: the page needs an extra.
        require_extra("jinja2", "report", "writing a report")
    with _progress() as tell:
        found = audit_store(open_store(store), folds, tell)
    if out_file is not None:
        from leadlens.report.audit_page import audit_page

        write_text(out_file, audit_page(found))
    if as_json:
        print_json(_facts(found, out_file))
    else:
        _say(found, out_file)
    if found.findings:
        raise typer.Exit(FOUND)


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function that moves a bar on stderr for each part of the work."""
    with progress_bar("auditing", "ECGs") as move:
        yield lambda _what, done, total: move(done, total)


def _facts(found: Any, page: Path | None) -> dict[str, Any]:
    """Return everything that was found, for machines."""
    return {
        "store": str(found.store.path),
        "recordings": found.store.manifest.n_recordings,
        "folds": None if found.fold_file is None else str(found.fold_file),
        "counts": found.n_by_kind,
        "findings": [asdict(finding) for finding in found.findings],
        "page": None if page is None else str(page),
        "seconds": round(found.seconds, 2),
    }


def _say(found: Any, page: Path | None) -> None:
    """Print what was found, for people."""
    n = found.store.manifest.n_recordings
    rows = []
    for kind, count in found.n_by_kind.items():
        findings = found.of(kind)
        n_recordings = len({key for finding in findings for key in finding.records})
        rows.append([kind, findings[0].sentence, f"{count}", f"{n_recordings}"])
    if rows:
        title = f"{found.store.path}: {len(found.findings)} findings in {n} recordings"
        print_table(title, ["kind", "the worst", "findings", "recordings"], rows, n_left=2)
    else:
        _print(f"{found.store.path}: nothing found in {n} recordings")
    if found.fold_file is None:
        _print("leakage was not looked for: give --folds FILE")
    if page is not None:
        _print(f"page: {page}")


def _print(text: str) -> None:
    """Print a line of results on stdout."""
    out.print(text, markup=False, highlight=False, soft_wrap=True)
