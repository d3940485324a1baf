"""Figures of how recordings are shown: scores by sampling rate, and by rate and receptive field."""

from typing import Any, Final

import numpy as np

from leadlens.report.curves import ScoreSeries, score_by_rate
from leadlens.report.score_grid import score_grid
from leadlens.report.study_figure import StudyFigure
from leadlens.report.tables import COLUMNS
from leadlens.study.plan import axis_text
from leadlens.study.published import PublishedStudy
from leadlens.study.repeats import Repeated, repeated
from leadlens.study.results import Results, mean_present

FIELD: Final = "model.receptive_field"
METRICS: Final = ("auroc", "f1", "challenge")


def rate_figures(results: Results, compared: list[PublishedStudy]) -> list[StudyFigure]:
    """Return a curve by rate for each score; nothing for a study of one rate."""
    conditions = [each for each in repeated(results) if each.folds]
    if len({each.condition["fs"] for each in conditions}) < 2:
        return []
    series: dict[str, list[Repeated]] = {}
    for each in sorted(conditions, key=lambda each: float(each.condition["fs"])):
        series.setdefault(_without(each, "fs") or "all", []).append(each)
    return [
        _curve(series, metric, results, compared)
        for metric in METRICS
        if any(np.isfinite(each.values(metric)).any() for each in conditions)
    ]


def _curve(
    series: dict[str, list[Repeated]],
    metric: str,
    results: Results,
    compared: list[PublishedStudy],
) -> StudyFigure:
    """Return score by rate: one line a series."""
    lines = tuple(
        ScoreSeries(
            label=label,
            fs=tuple(float(each.condition["fs"]) for each in members),
            folds=tuple(tuple(each.values(metric).tolist()) for each in members),
        )
        for label, members in series.items()
    )
    first = results.conditions[0]
    floors = {name: first.floor(name, metric) for name in first.folds[0].floors}
    if metric == "auroc":
        floors = {"chance": 0.5}
    published = _published(metric, compared)
    name = f"rate-{metric}"
    rows = [
        (line.label, fs, tested, value)
        for line, members in zip(lines, series.values(), strict=True)
        for fs, each, folds in zip(line.fs, members, line.folds, strict=True)
        for tested, value in zip(each.sources, folds, strict=True)
    ]
    rows += [("published", fs, "all", value) for fs, value in published.items()]
    return StudyFigure(
        name,
        f"{COLUMNS[metric]} by sampling rate",
        score_by_rate(lines, COLUMNS[metric], floors, published, name=name),
        ("condition", "fs", "fold", metric),
        tuple(rows),
    )


def _published(metric: str, compared: list[PublishedStudy]) -> dict[float, float]:
    """Return others' score at each rate: of the first study that tells it."""
    for study in compared:
        if metric == "challenge" and study.challenge_by_rate:
            return dict(study.challenge_by_rate)
        main = study.rows[0]
        if "fs" in main.condition and metric in main.metrics:
            return {float(main.condition["fs"]): main.metrics[metric].mean}
    return {}


def field_figures(results: Results) -> list[StudyFigure]:
    """Return a table of AUROC and F1 by rate and receptive field, for each of all else."""
    by_rest: dict[str, list[Repeated]] = {}
    for each in repeated(results):
        if each.folds and FIELD in each.condition:
            by_rest.setdefault(_without(each, "fs", FIELD), []).append(each)
    return [
        _field_grid(rest, members, metric, f"field-{number}-{metric}")
        for number, (rest, members) in enumerate(by_rest.items())
        for metric in ("auroc", "f1")
        if len(members) > 1
    ]


def _field_grid(rest: str, members: list[Repeated], metric: str, name: str) -> StudyFigure:
    """Return a score by rate (rows) and receptive field (columns)."""
    rates = sorted({float(each.condition["fs"]) for each in members})
    fields = sorted({each.condition[FIELD] for each in members}, key=lambda value: value or 0.0)
    mean, spread = np.full((2, len(rates), len(fields)), np.nan)
    rows: list[tuple[Any, ...]] = []
    for each in members:
        place = rates.index(float(each.condition["fs"])), fields.index(each.condition[FIELD])
        values = each.values(metric)
        mean[place] = mean_present(values.tolist())
        present = values[np.isfinite(values)]
        spread[place] = present.std(ddof=1) if len(present) > 1 else np.nan
        rows.append(
            (
                each.condition["fs"],
                _field(each.condition[FIELD]),
                *map(float, (mean[place], spread[place])),
            )
        )
    title = f"{COLUMNS[metric]} by sampling rate and receptive field"
    svg = score_grid(
        tuple(f"{rate:g} Hz" for rate in rates),
        tuple(_field(field) for field in fields),
        mean,
        spread,
        COLUMNS[metric],
        ("sampling rate", "receptive field"),
        name,
    )
    columns = ("fs", "receptive_field", "mean", "sd")
    return StudyFigure(name, f"{title} ({rest})" if rest else title, svg, columns, tuple(rows))


def _field(seconds: float | None) -> str:
    """Return a receptive field in words; None is the network's own, in samples."""
    return "own kernels" if seconds is None else f"{seconds:g} s"


def _without(condition: Repeated, *axes: str) -> str:
    """Return a condition's values but for some axes, in words."""
    return ", ".join(
        axis_text(value)
        if axis in ("loss", "model", "recipe", "scheme")
        else f"{axis} {axis_text(value)}"
        for axis, value in condition.condition.items()
        if axis not in axes
    )
