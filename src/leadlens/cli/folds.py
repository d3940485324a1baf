"""The command that makes a file of folds and shows how even they are."""

from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer

from leadlens.cli.terminal import JsonOption, out, print_json, print_table, say
from leadlens.data.folding.counts import FoldCounts, count_folds
from leadlens.data.folds import (
    FoldFile,
    FoldSettings,
    fold_numbers,
    load_folds,
    make_folds,
    participants,
    save_folds,
)
from leadlens.data.store import Store, open_store
from leadlens.ecg.diagnoses import diagnosis, scored_codes
from leadlens.errors import ConfigError, StoreError
from leadlens.settings import checked

_WIDEST: Final = 12
"""Folds that a table shows one by one."""


def folds(
    store: Annotated[Path, typer.Argument(help="A store made by ingest or simulate.")],
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Fold file to make (default: only show).")
    ] = None,
    method: Annotated[
        str, typer.Option(help="stratified, by_source, given or label_combination.")
    ] = "stratified",
    k: Annotated[int | None, typer.Option(help="Number of folds (default: 10).")] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same folds.")] = 42,
    file: Annotated[
        Path | None, typer.Option(help="Of given: CSV with record,fold (default: the index).")
    ] = None,
    allow_split: Annotated[
        bool, typer.Option("--allow-split", help="Of given: groups may be in several folds.")
    ] = False,
    unused: Annotated[
        list[int] | None, typer.Option(help="Of given: a fold that takes no part (repeatable).")
    ] = None,
    min_positives: Annotated[
        int, typer.Option(min=1, help="Diagnoses with fewer recordings are not looked at.")
    ] = 1,
    as_json: JsonOption = False,
) -> None:
    """Make a file of folds for a store's recordings, and show how even the folds are."""
    if out_file is not None and out_file.suffix != ".json":
        raise ConfigError(f"--out {out_file}: a fold file is JSON; give a name that ends in .json")
    values = {"method": method, "k": k, "seed": seed, "file": file, "allow_split": allow_split,
              "unused": tuple(unused or ())}  # fmt: skip
    settings = checked(FoldSettings, values, "folds")
    opened = open_store(store)
    made = make_folds(opened, _classes(opened, settings, min_positives), settings)
    if out_file is not None:
        _keep(made, opened, out_file)
    counts = _counts(opened, made)
    if as_json:
        print_json(_facts(made, counts, out_file))
        return
    _print_counts(opened, made, counts)
    for why, n in made.left_out.items():
        say(f"left out: {n} {why}")
    for warning in made.warnings:
        say(f"warning: {warning}")
    if out_file is not None:
        out.print(f"folds: {out_file}", markup=False, highlight=False, soft_wrap=True)


def _classes(store: Store, settings: FoldSettings, min_positives: int) -> tuple[str, ...]:
    """Return the codes with enough positives among the recordings that take part."""
    chosen = participants(store, settings, np.arange(len(store.keys)))
    labels, known = (part[chosen] for part in store.labels(scored_codes()))
    counts = (labels & known).sum(axis=0)
    return tuple(c for c, n in zip(scored_codes(), counts, strict=True) if n >= min_positives)


def _keep(made: FoldFile, store: Store, path: Path) -> None:
    """Write a fold file; one with the same folds stays, one with others is refused."""
    if not path.exists():
        save_folds(made, path)
    elif load_folds(path, store).sha256 != made.sha256:
        raise StoreError(f"{path} holds other folds: choose another --out, or delete it")


def _counts(store: Store, made: FoldFile) -> FoldCounts:
    """Return what the folds hold."""
    labels, known = store.labels(made.classes)
    return count_folds(labels & known, fold_numbers(made, store))


def _facts(made: FoldFile, counts: FoldCounts, path: Path | None) -> dict[str, Any]:
    """Return the folds' counts for machines."""
    names = [diagnosis(code).abbreviation for code in made.classes]
    deviations = counts.deviations().tolist()
    return {
        "file": None if path is None else str(path),
        "method": made.settings.method,
        "sha256": made.sha256,
        "folds": [fold.label for fold in made.folds],
        "recordings": counts.sizes.tolist(),
        "positives": dict(zip(names, counts.positives.T.tolist(), strict=True)),
        "deviation": dict(zip(names, deviations, strict=True)),
        "largest_deviation": max(deviations, default=0.0),
        "split_groups": made.n_split_groups,
        "left_out": made.left_out,
        "warnings": list(made.warnings),
    }


def _print_counts(store: Store, made: FoldFile, counts: FoldCounts) -> None:
    """Print recordings and positives of each fold, and how far from even each class is."""
    is_wide = len(made.folds) > _WIDEST
    columns = ["least", "most"] if is_wide else [fold.label for fold in made.folds]
    deviations = [f"{100 * value:.1f} %" for value in counts.deviations()]
    lines = [counts.sizes, *counts.positives.T]
    names = ["recordings", *(diagnosis(code).abbreviation for code in made.classes)]
    rows = []
    for name, line, deviation in zip(names, lines, ["", *deviations], strict=True):
        shown = [line.min(), line.max()] if is_wide else line
        rows.append([name, *map(str, shown), str(line.sum()), deviation])
    title = (
        f"{store.path}: {len(made.folds)} folds ({made.settings.method}), "
        f"{made.n_split_groups} groups split"
    )
    out.print(title, markup=False, highlight=False, soft_wrap=True)
    print_table("", ["", *columns, "all", "deviation"], rows)
