"""Ledger: what the cells of a study took, and what that bought."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leadlens.files import write_text
from leadlens.study.results import ConditionResult, FoldResult, Results

LEDGER = "ledger.csv"
COLUMNS = (
    "wall_s", "cpu_s", "gpu_s", "training_s", "peak_mb", "gpu_peak_mb", "shown", "shown_per_s",
)  # fmt: skip


@dataclass(frozen=True)
class ConditionCost:
    """What a condition's cells took on average, and in all.

    Attributes:
        name: the condition.
        cpu_s, gpu_s, wall_s: means over its cells.
        total_cpu_s: the sum over its cells.
        peak_mb: the largest of any.
        shown_per_s: recordings a second of training, the median cell's.
        auroc: macro, the mean over folds.
        is_worth_it: whether nothing that took less processor (or GPU) time has a higher AUROC.
    """

    name: str
    wall_s: float
    cpu_s: float
    gpu_s: float
    total_cpu_s: float
    peak_mb: float
    shown_per_s: float
    auroc: float
    is_worth_it: bool


def costs(results: Results) -> list[ConditionCost]:
    """Return what each condition took, where all its cells kept it."""
    known = [c for c in results.conditions if all(fold.cost is not None for fold in c.folds)]
    spent = {c.name: _mean(c, "gpu_s") or _mean(c, "cpu_s") for c in known}
    auroc = {c.name: c.mean("auroc") for c in known}
    return [
        ConditionCost(
            name=c.name,
            wall_s=_mean(c, "wall_s"),
            cpu_s=_mean(c, "cpu_s"),
            gpu_s=_mean(c, "gpu_s"),
            total_cpu_s=sum(_values(c, "cpu_s")),
            peak_mb=max(_values(c, "peak_mb")),
            shown_per_s=float(np.median(_values(c, "shown_per_s"))),
            auroc=auroc[c.name],
            is_worth_it=not any(
                spent[other] <= spent[c.name] and auroc[other] > auroc[c.name] for other in spent
            ),
        )
        for c in known
    ]


def write_ledger(results: Results, folder: Path) -> None:
    """Write `ledger.csv` into the study's folder: one row a cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["condition", "fold", *COLUMNS])
    for condition in results.conditions:
        for fold in condition.folds:
            if fold.cost is not None:
                values = [_value(fold, column) for column in COLUMNS]
                writer.writerow([condition.name, fold.cell.tested, *values])
    write_text(folder / LEDGER, text.getvalue())


def _mean(condition: ConditionResult, column: str) -> float:
    return float(np.mean(_values(condition, column)))


def _values(condition: ConditionResult, column: str) -> list[float]:
    return [_value(fold, column) for fold in condition.folds]


def _value(fold: FoldResult, column: str) -> float:
    """Return a figure of a cell's cost; one that shows nothing has no speed."""
    value = float(getattr(fold.cost, column))
    return value if np.isnan(value) else round(value, 3)
