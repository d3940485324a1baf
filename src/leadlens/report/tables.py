"""The tables of a study's report, and the warnings above them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from leadlens.data.folding.settings import folds_tested, listed
from leadlens.data.folds import FoldFile, FoldSettings
from leadlens.ecg.diagnoses import diagnosis, merge_equivalent
from leadlens.evaluation.metrics import PER_CLASS
from leadlens.study.cell import CellTask
from leadlens.study.data import StudyData
from leadlens.study.ledger import ConditionCost
from leadlens.study.published import PublishedRow, PublishedStudy
from leadlens.study.results import ConditionResult, Results
from leadlens.study.settings import StudySettings
from leadlens.study.subgroups import METRICS as SUBGROUP_METRICS
from leadlens.study.subgroups import Subgroup

COLUMNS = {
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "f1": "F1",
    "accuracy": "accuracy",
    "subset_accuracy": "subset accuracy",
    "challenge": "challenge score",
    "sensitivity_at_95": "sensitivity (spec. 95 %)",
    "calibration_error": "calibration error",
}
"""Macro metric -> its heading in tables."""


@dataclass(frozen=True)
class TableRow:
    """One row of the results' table."""

    label: str
    kind: str
    n_folds: str
    cells: tuple[str, ...]
    intervals: tuple[str, ...] = ("",) * len(COLUMNS)


def result_rows(results: Results, compared: list[PublishedStudy]) -> list[TableRow]:
    """Return conditions, floors (of the first condition's folds) and the published figures."""
    rows = [
        TableRow(
            condition.name.replace(",", ", "),
            "ours",
            str(len(condition.folds)),
            tuple(plus_minus(condition.mean(m), condition.sd(m)) for m in COLUMNS),
            tuple(interval_text(*condition.interval(m)) for m in COLUMNS),
        )
        for condition in results.conditions
    ]
    first = results.conditions[0]
    for name in first.folds[0].floors:
        cells = tuple(plus_minus(first.floor(name, m), float("nan")) for m in COLUMNS)
        rows.append(TableRow(f"floor: {name}", "floor", str(len(first.folds)), cells))
    return rows + [row for each in compared for row in _published_rows(results, each)]


def _published_rows(results: Results, compared: PublishedStudy) -> list[TableRow]:
    """Return the conditions of a published study that ours has too, and its main one anyway."""
    rows = []
    for number, each in enumerate(compared.rows):
        alike = [condition for condition in results.conditions if _is_alike(each, condition)]
        if number and not alike and set(each.condition) <= set(_traits(results.conditions[0])):
            continue
        label = ", ".join(
            f"{key}={value:g}" if isinstance(value, float) else f"{key}={value}"
            for key, value in each.condition.items()
        )
        figures = [each.metrics.get(metric) for metric in COLUMNS]
        cells = tuple(
            "\u2013"
            if figure is None
            else plus_minus(figure.mean, float("nan") if figure.sd is None else figure.sd)
            for figure in figures
        )
        verdicts = tuple(_verdict(alike, each, metric) for metric in COLUMNS)
        n_folds = str(compared.n_folds or "\u2013")
        rows.append(TableRow(f"{compared.name}: {label}", "published", n_folds, cells, verdicts))
    return rows


def _traits(condition: ConditionResult) -> dict[str, Any]:
    """Return what published conditions name, of one of ours."""
    training = condition.folds[0].cell.training
    return {"fs": condition.fs, "loss": training.loss.name, "lead_set": training.lead_set}


def _is_alike(row: PublishedRow, condition: ConditionResult) -> bool:
    """Return whether a condition of ours has a published one's rate, loss and leads."""
    traits = _traits(condition)
    return all(traits[key] == value for key, value in row.condition.items() if key in traits)


def _verdict(alike: list[ConditionResult], row: PublishedRow, metric: str) -> str:
    """Return where ours lie of a published figure, in words."""
    if metric not in row.metrics:
        return ""
    said = {
        row.metrics[metric].verdict(c.mean(metric), c.sd(metric))
        for c in alike
        if not np.isnan(c.mean(metric))
    }
    order = ("below", "within", "above")
    return f"ours {' or '.join(each for each in order if each in said)}" if said else ""


def warnings_of(study: StudySettings, data: StudyData, tasks: list[CellTask]) -> list[str]:
    """Return what a reader must know before believing the figures."""
    said = []
    if any(task.cell.training.schedule == "published_plateau" for task in tasks):
        said.append(
            "published_plateau: the learning rate was steered by the loss on the fold that is "
            "reported, as in the published study. This leaks; the figures are too good."
        )
    if any(each.method == "label_combination" for each in study.fold_schemes.values()):
        said.append(
            "label_combination: folds were not grouped by patient or waveform, as published. "
            "The same patient may be on both sides; the figures may be too good."
        )
    said += [warning for folds in data.folds.values() for warning in folds.warnings]
    if study.data.cohorts:
        said.append(
            "Simulated ECGs: the figures say how well the simulator's diagnoses are told apart, "
            "and nothing about patients."
        )
    return said


def notes_of(study: StudySettings, tasks: list[CellTask]) -> list[str]:
    """Return what the published study does not tell and this one had to choose."""
    if study.preset != "paper":
        return []
    used = tasks[0].cell.training
    aggregate = study.explain.aggregate if study.explain else "signed"
    return [
        f"Not told by the published study and chosen here: {used.epochs} epochs (of the authors' "
        f"challenge entry); plateau patience {used.plateau_patience} and smallest improvement "
        f"{used.plateau_min_delta:g} (only for the schedule published_plateau); same-length "
        f"padding inside the Inception blocks; {aggregate} aggregation of weights to leads."
    ]


def training_json(tasks: list[CellTask]) -> dict[str, Any]:
    """Return the full training settings of each condition (the seed grows with the fold)."""
    first: dict[str, CellTask] = {}
    for task in tasks:
        first.setdefault(task.cell.folder.parent.name, task)
    return {name: task.cell.training.model_dump(mode="json") for name, task in first.items()}


def folds_in_words(study: StudySettings, data: StudyData) -> str:
    """Return how the recordings were dealt to folds, and who takes no part."""
    said = []
    for name, settings in study.fold_schemes.items():
        words = _dealt_in_words(settings, data.folds[name])
        said.append(f"{name}: {words}" if name else words)
    return "; ".join(said)


def _dealt_in_words(settings: FoldSettings, file: FoldFile) -> str:
    """Return how one scheme dealt the recordings."""
    folds = file.folds
    words = {
        "by_source": f"{len(folds)} sources, each tested by networks that were trained on the "
        f"others (by_source): {listed(folds)}",
        "given": f"{len(folds)}, given by {'a file' if settings.file else 'the data set'}: "
        f"{listed(folds)}",
    }
    said = words.get(settings.method, f"{settings.k}, {settings.method}, seed {settings.seed}")
    if settings.tested is not None:
        said += f"; tested: {listed(folds_tested(settings, folds))}"
    if file.n_split_groups:
        said += f"; {file.n_split_groups} groups are in several folds"
    for why, n in file.left_out.items():
        said += f"; left out: {n} {why}"
    return said


def fold_rows(results: Results) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return condition, tested source and scores, where folds are sources; else nothing."""
    return [
        (
            condition.name.replace(",", ", "),
            fold.cell.source,
            tuple(plus_minus(fold.scores.macro[m], float("nan")) for m in COLUMNS),
        )
        for condition in results.conditions
        for fold in condition.folds
        if fold.cell.source
    ]


def n_merged_classes(classes: tuple[str, ...]) -> int:
    """Return how many of the Challenge score's 26 classes these diagnoses cover."""
    return len(merge_equivalent(np.zeros((1, len(classes)), dtype=bool), classes)[1])


def plus_minus(mean: float, sd: float) -> str:
    """Return "mean +- sd" with three decimals; a dash for what is not defined."""
    if np.isnan(mean):
        return "\u2013"
    return f"{mean:.3f}" + ("" if np.isnan(sd) else f" \u00b1 {sd:.3f}")


def interval_text(low: float, high: float) -> str:
    """Return an interval; nothing where there is none."""
    return "" if np.isnan(low) else f"{low:.3f}\u2013{high:.3f}"


def subgroup_rows(found: list[Subgroup]) -> list[list[str]]:
    """Return for each subgroup its kind, name, counts, and scores with intervals."""
    rows = []
    for one in found:
        scores = []
        for metric in SUBGROUP_METRICS:
            value, low, high = one.scores[metric]
            scores += [plus_minus(value, float("nan")), interval_text(low, high)]
        rows.append([one.kind, one.name, f"{one.n_recordings:,}", str(one.n_classes), *scores])
    return rows


def cost_rows(found: list[ConditionCost]) -> list[list[str]]:
    """Return for each condition what a cell of it took, and what it bought."""
    return [
        [
            one.name.replace(",", ", "),
            f"{one.wall_s:,.1f}",
            f"{one.cpu_s:,.1f}",
            f"{one.gpu_s:,.1f}" if one.gpu_s else "\u2013",
            f"{one.peak_mb:,.0f}",
            "\u2013" if np.isnan(one.shown_per_s) else f"{one.shown_per_s:,.0f}",
            f"{one.auroc:.3f}",
            "yes" if one.is_worth_it else "",
        ]
        for one in found
    ]


def class_rows(condition: ConditionResult, data: StudyData) -> list[dict[str, Any]]:
    """Return one row a trained diagnosis: counts, mean over folds of each metric, interval."""
    counts = np.sum([fold.scores.n_positive for fold in condition.folds], axis=0)
    known = np.sum([fold.scores.n_known for fold in condition.folds], axis=0)
    rows = []
    for column, code in enumerate(data.classes):
        low, high = condition.class_interval(column)
        means = {
            metric: _class_mean(condition.class_values(metric)[:, column]) for metric in PER_CLASS
        }
        rows.append(
            {
                "diagnosis": diagnosis(code),
                "n_positive": int(counts[column]),
                "n_known": int(known[column]),
                "low": low,
                "high": high,
                "f1_interval": interval_text(*condition.class_interval(column, "f1")),
                **means,
            }
        )
    return rows


def _class_mean(values: np.ndarray) -> float:
    """Return the mean over the folds in which the class is present."""
    present = values[~np.isnan(values)]
    return float(present.mean()) if len(present) else float("nan")
