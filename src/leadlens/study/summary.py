"""The figures of a study as files: results.json for programmes, results.csv for tables."""

import csv
import io
from pathlib import Path
from typing import Any

from leadlens.ecg.diagnoses import diagnosis
from leadlens.evaluation.metrics import PER_CLASS
from leadlens.files import json_interval, json_number, write_json, write_text
from leadlens.study.comparisons import NO_COMPARISONS, Comparisons, describe_comparisons
from leadlens.study.ledger import write_ledger
from leadlens.study.results import MACRO, ConditionResult, Results, mean_present

WITH_INTERVAL = ("auroc", "f1", "accuracy", "challenge")
"""Macro metrics with a bootstrap interval."""


def write_results(
    results: Results, folder: Path, comparisons: Comparisons = NO_COMPARISONS
) -> dict[str, Any]:
    """Write `results.json`, `results.csv` and `ledger.csv` into the folder; return the first."""
    summary = {
        "n_cells": results.n_cells,
        "n_done": results.n_done,
        "classes": list(results.classes),
        "conditions": [_summary(condition) for condition in results.conditions],
        **describe_comparisons(comparisons, results.classes),
    }
    write_json(folder / "results.json", summary)
    write_text(folder / "results.csv", _table(results))
    write_ledger(results, folder)
    return summary


def _summary(condition: ConditionResult) -> dict[str, Any]:
    """Return one condition's macro figures as JSON values."""
    return {
        "name": condition.name,
        "condition": condition.condition,
        "folds": len(condition.folds),
        "mean": {metric: json_number(condition.mean(metric)) for metric in MACRO},
        "sd": {metric: json_number(condition.sd(metric)) for metric in MACRO},
        "interval": {metric: json_interval(condition.interval(metric)) for metric in WITH_INTERVAL},
        "floors": {
            name: {metric: json_number(condition.floor(name, metric)) for metric in MACRO}
            for name in condition.folds[0].floors
        },
        "classes": [_class_summary(condition, column) for column in range(len(condition.classes))],
        "seconds": round(sum(fold.seconds for fold in condition.folds), 2),
    }


def _class_summary(condition: ConditionResult, column: int) -> dict[str, Any]:
    """Return one diagnosis' figures: means over the folds that have it, and intervals."""
    said: dict[str, Any] = {
        "code": condition.classes[column],
        "n_positive": condition.n_positive(column),
    }
    for metric in PER_CLASS:
        said[metric] = json_number(mean_present(condition.class_values(metric)[:, column].tolist()))
    for metric in ("auroc", "f1"):
        said[f"{metric}_interval"] = json_interval(condition.class_interval(column, metric))
    return said


def _table(results: Results) -> str:
    """Return every fold's figures as CSV: macro (class empty) and per class."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["condition", "fold", "metric", "class", "abbreviation", "value", "n_positive"])
    for condition in results.conditions:
        for fold in condition.folds:
            head = [condition.name, fold.cell.tested]
            for metric in MACRO:
                writer.writerow([*head, metric, "", "", fold.scores.macro[metric], ""])
            for metric in PER_CLASS:
                for column, code in enumerate(results.classes):
                    value = fold.scores.per_class[metric][column]
                    n = int(fold.scores.n_positive[column])
                    name = diagnosis(code).abbreviation
                    writer.writerow([*head, metric, code, name, float(value), n])
    return text.getvalue()
