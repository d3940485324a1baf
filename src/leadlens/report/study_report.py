"""The study's report: everything a reviewer asks for, in one HTML file that needs no other."""

from itertools import chain
from pathlib import Path

import numpy as np

from leadlens.bundle import NOT_A_DEVICE
from leadlens.data.folds import groups_of
from leadlens.data.index import IndexRow
from leadlens.data.sources import citations
from leadlens.ecg.diagnoses import diagnosis
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.recording import Recording
from leadlens.errors import StoreError
from leadlens.explain.sampling import drawn_window
from leadlens.files import read_json, write_text
from leadlens.report.class_figures import class_figures
from leadlens.report.comparison_figures import gap_figures, rank_figures, rule_figures
from leadlens.report.comparison_tables import (
    contrast_tables,
    gap_tables,
    ranking_words,
    rule_table,
)
from leadlens.report.explained import ExplainedEcg, explained_ecg
from leadlens.report.html import render
from leadlens.report.map_figures import MapFigures, map_figures
from leadlens.report.rate_figures import field_figures, rate_figures
from leadlens.report.study_figure import write_numbers
from leadlens.report.tables import (
    COLUMNS,
    class_rows,
    cost_rows,
    fold_rows,
    folds_in_words,
    n_merged_classes,
    notes_of,
    result_rows,
    subgroup_rows,
    training_json,
    warnings_of,
)
from leadlens.study.cell import CellTask
from leadlens.study.comparisons import compare
from leadlens.study.contrasts import METRICS
from leadlens.study.data import StudyData, describe_data
from leadlens.study.explaining import Explanations, load_explanations
from leadlens.study.folding import SETTINGS
from leadlens.study.ledger import costs
from leadlens.study.plan import DONE, explained_cells
from leadlens.study.published import published_study
from leadlens.study.results import ConditionResult, Results, collect
from leadlens.study.run import COMMAND, EXPLANATIONS, finished_study
from leadlens.study.settings import StudySettings
from leadlens.study.subgroups import subgroups
from leadlens.study.summary import write_results
from leadlens.training.settings import TrainingSettings

REPORT = "report.html"


def write_report(folder: Path, store: Path | None = None) -> Path:
    """Write the report of the study in `folder` from what its cells kept; return its path.

    Cells that are not finished are counted as missing.

    Args:
        folder: of the study.
        store: where its store lies now, if it was moved.

    Raises:
        StoreError: no study there, or none of its cells is finished.
    """
    study, data, tasks = finished_study(folder, store)
    groups = dict(zip(data.store.keys, groups_of(data.store).tolist(), strict=True))
    results = collect([task.cell for task in tasks], data.classes, groups)
    if not results.conditions:
        raise StoreError(f"{folder} has no finished cell: run 'leadlens study run' first")
    comparisons = compare(results, study)
    write_results(results, folder, comparisons)
    compared = [published_study(name) for name in study.compare]
    explained = _explained_tasks(study, tasks)
    explanations, why_not = _explanations(study, explained, folder)
    shown = _shown_condition(study, results)
    figures = {
        "rules": rule_figures(comparisons),
        "ranks": rank_figures(comparisons),
        "gaps": gap_figures(comparisons, data.classes),
        "rates": rate_figures(results, compared),
        "fields": field_figures(results),
        "classes": class_figures(shown, data),
    }
    write_numbers(chain.from_iterable(figures.values()), folder)
    context = {
        "study": study,
        "not_a_device": NOT_A_DEVICE,
        "is_simulated": bool(study.data.cohorts),
        "results": results,
        "table": result_rows(results, compared),
        "columns": COLUMNS,
        "contrasts": contrast_tables(comparisons.contrasts),
        "contrast_metrics": METRICS,
        "rules": rule_table(comparisons.rules),
        "rankings": ranking_words(comparisons.rankings),
        "gaps": gap_tables(comparisons.gaps, data.classes),
        "fold_rows": fold_rows(results),
        "subgroups": subgroup_rows(subgroups(shown, _index_of(data))),
        "costs": cost_rows(costs(results)),
        "compared": compared,
        "n_merged": n_merged_classes(data.classes),
        "decided": sorted({_rule_in_words(task.cell.training) for task in tasks}),
        "warnings": warnings_of(study, data, tasks),
        "notes": notes_of(study, tasks),
        "figures": figures,
        "shown": shown.name,
        "class_rows": class_rows(shown, data),
        "absent": [(diagnosis(code), n) for code, n in data.absent.items()],
        "maps": _maps(study, explanations),
        "why_not": why_not,
        "explained": _two_ecgs(study, data, explained, explanations),
        "explain_settings": study.explain,
        "n_explained": 0 if explanations is None else explanations.n_explained,
        "explained_folds": [task.cell.tested for task in explained],
        "data": describe_data(data),
        "citations": citations({row.source for row in data.store.first_rows}),
        "facts": _facts(study, data, results, tasks, folder),
        "settings_json": read_json(folder / SETTINGS),
        "training_json": training_json(tasks),
    }
    path = folder / REPORT
    write_text(path, render("study.html.jinja", context))
    return path


def _index_of(data: StudyData) -> dict[str, IndexRow]:
    """Return the index row of each recording's key."""
    return dict(zip(data.store.keys, data.store.first_rows, strict=True))


def _rule_in_words(training: TrainingSettings) -> str:
    """Return when a diagnosis is given."""
    if training.thresholds == "fixed":
        return f"above {training.threshold}"
    best = {"f1": "F1", "challenge": "Challenge score"}[training.thresholds]
    return f"above each diagnosis' own threshold, chosen for {best} on inner recordings"


def _explained_tasks(study: StudySettings, tasks: list[CellTask]) -> list[CellTask]:
    """Return the tasks whose cells are explained: none when the study explains nothing."""
    cells = explained_cells(study, [task.cell for task in tasks])
    return [task for task in tasks if task.cell in cells]


def _explanations(
    study: StudySettings, tasks: list[CellTask], folder: Path
) -> tuple[Explanations | None, str]:
    """Return the study's explanations, or None and why there are none to show."""
    if study.explain is None:
        return None, ""
    n_left = sum(not task.cell.is_done for task in tasks)
    if n_left:
        return None, f"{n_left} of {len(tasks)} cells that are to be explained are not finished."
    try:
        return load_explanations(tasks, study.explain, folder / EXPLANATIONS), ""
    except StoreError as error:
        return None, f"Explanations are left out: {error}."


def _shown_condition(study: StudySettings, results: Results) -> ConditionResult:
    """Return the condition shown class by class: the explained one, else the first."""
    for condition in results.conditions:
        if study.explain is not None and condition.condition == study.explain.condition:
            return condition
    return results.conditions[0]


def _maps(study: StudySettings, explanations: Explanations | None) -> list[MapFigures]:
    """Return the maps by lead, and by wave and timing where there are any."""
    if explanations is None or study.explain is None:
        return []
    is_absolute = study.explain.aggregate == "absolute"
    return map_figures(explanations.maps, explanations.withheld, is_absolute)


def _two_ecgs(
    study: StudySettings,
    data: StudyData,
    tasks: list[CellTask],
    explanations: Explanations | None,
) -> list[ExplainedEcg]:
    """Return two explained ECGs of different kinds of diagnosis, rightly given and not withheld.

    Per kind the one whose surrogate fits best; then the two kinds with the best.
    """
    if study.explain is None or explanations is None:
        return []
    crop = tasks[0].cell.training.crop
    best: dict[str, tuple[float, int, int, int]] = {}
    for place, fold in enumerate(explanations.folds):
        is_right = fold.predictions.decisions & fold.predictions.labels
        for number, attribution in fold.surveyed:
            for column in np.flatnonzero(is_right[number]).tolist():
                code = attribution.classes[column]
                if code in explanations.withheld:
                    continue
                candidate = (float(attribution.r2[column]), place, number, column)
                kind = diagnosis(code).group
                best[kind] = max(best.get(kind, candidate), candidate)
    shown: list[ExplainedEcg] = []
    for _, place, number, column in sorted(best.values(), reverse=True)[:2]:
        fold = explanations.folds[place]
        explained = fold.surveyed.attribution(number)
        if explained is not None:
            key, seed = fold.predictions.keys[number], study.explain.settings.seed
            recording = _shown(data, key, crop, seed)
            shown.append(
                explained_ecg(
                    recording, explained, explained.classes[column],
                    float(fold.predictions.thresholds[column]), study.explain.settings,
                    f"ecg-{len(shown)}",
                    held_out=fold.surveyed.config.held_out,
                )
            )  # fmt: skip
    return shown


def _shown(data: StudyData, key: str, crop: float | None, seed: int) -> Recording:
    """Return what was explained of a recording, at the store's own rate: the drawn window."""
    store = data.store
    number = store.keys.index(key)
    row = store.first_rows[number]
    windows = store.windows_of[number]
    chosen = drawn_window(key, len(windows), seed)
    signal = store.signal(windows[chosen : chosen + 1])[0]
    return Recording(
        signal=signal if crop is None else signal[:, : round(crop * store.fs)],
        fs=store.fs,
        leads=STANDARD_LEADS,
        record_id=row.record_id,
        source=row.source,
        units="relative" if row.units == "relative" else "mV",
    )


def _facts(
    study: StudySettings, data: StudyData, results: Results, tasks: list[CellTask], folder: Path
) -> dict[str, str]:
    """Return what is needed to repeat the study: command, versions, hashes, cost."""
    done = [read_json(task.cell.folder / DONE) for task in tasks if task.cell.is_done]
    seconds = sum(fold.seconds for c in results.conditions for fold in c.folds)
    command = folder / COMMAND
    said = {"command": command.read_text(encoding="utf-8") if command.exists() else "not known"}
    for name in done[0]["versions"]:
        said[name] = ", ".join(sorted({record["versions"][name] for record in done}))
    return {
        **said,
        "cells finished": f"{results.n_done} of {results.n_cells}",
        "computed on": ", ".join(
            sorted({f"{record['device']} in {record['computed_in']}" for record in done})
        ),
        "training time": f"{seconds:.0f} s, the sum over all cells' epochs",
        "store index (SHA-256)": data.store.manifest.index_sha256,
        "fold file (SHA-256)": ", ".join(each.sha256 for each in data.folds.values()),
        "folds": folds_in_words(study, data),
    }
