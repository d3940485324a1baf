"""Figures of a study's comparisons: loss by threshold rule, ranks over sources, gaps."""

import numpy as np

from leadlens.ecg.diagnoses import diagnosis
from leadlens.report.comparison_tables import RULES, spaced
from leadlens.report.curves import per_class
from leadlens.report.rank_plot import critical_difference
from leadlens.report.score_grid import score_grid
from leadlens.report.study_figure import StudyFigure
from leadlens.report.tables import COLUMNS
from leadlens.study.comparisons import Comparisons
from leadlens.study.gaps import Gap
from leadlens.study.rankings import Ranking
from leadlens.study.rules import METRICS, Ruled


def rule_figures(comparisons: Comparisons) -> list[StudyFigure]:
    """Return a table of each score by condition and threshold rule; nothing without rules."""
    rules = comparisons.rules
    return [_rule_grid(rules, metric) for metric in METRICS] if rules else []


def rank_figures(comparisons: Comparisons) -> list[StudyFigure]:
    """Return a critical-difference diagram for each metric of each ranking."""
    return [
        _rank_figure(ranking, metric, f"ranks-{number}-{metric}")
        for number, ranking in enumerate(comparisons.rankings)
        for metric in ranking.ranks
    ]


def gap_figures(comparisons: Comparisons, classes: tuple[str, ...]) -> list[StudyFigure]:
    """Return what each diagnosis loses in a source that was left out."""
    return [
        _gap_figure(gap, classes, f"gap-{number}")
        for number, gap in enumerate(comparisons.gaps)
        if np.isfinite(gap.kfold - gap.left_out).any()
    ]


def _rule_grid(rules: tuple[Ruled, ...], metric: str) -> StudyFigure:
    """Return a score by condition (rows) and threshold rule (columns)."""
    names = tuple(dict.fromkeys(each.name for each in rules))
    columns = tuple(rule for rule in RULES if any(each.rule == rule for each in rules))
    mean, spread = np.full((2, len(names), len(columns)), np.nan)
    rows = []
    for each in rules:
        place = names.index(each.name), columns.index(each.rule)
        values = each.values[metric]
        present = values[np.isfinite(values)]
        if len(present):
            mean[place] = present.mean()
        if len(present) > 1:
            spread[place] = present.std(ddof=1)
        rows += [(each.name, each.rule, i, float(value)) for i, value in enumerate(values)]
    svg = score_grid(
        tuple(spaced(name) for name in names),
        tuple(RULES[rule] for rule in columns),
        mean,
        spread,
        COLUMNS[metric],
        ("condition", "thresholds"),
        f"rules-{metric}",
    )
    title = f"{COLUMNS[metric]} by threshold rule"
    heading = ("condition", "rule", "fold", metric)
    return StudyFigure(f"rules-{metric}", title, svg, heading, tuple(rows))


def _rank_figure(ranking: Ranking, metric: str, name: str) -> StudyFigure:
    """Return a critical-difference diagram."""
    ranks = ranking.ranks[metric]
    names = tuple(spaced(each) for each in ranking.names)
    n_sources = len(ranking.sources)
    svg = critical_difference(names, np.array(ranks.mean), ranks.groups, n_sources, name)
    rows = tuple(zip(ranking.names, ranks.mean, strict=True))
    title = f"Ranks by {COLUMNS[metric]} over {n_sources} sources"
    return StudyFigure(name, title, svg, ("condition", "mean_rank"), rows)


def _gap_figure(gap: Gap, classes: tuple[str, ...], name: str) -> StudyFigure:
    """Return each diagnosis' gap with its interval."""
    less = gap.kfold - gap.left_out
    shown = np.flatnonzero(np.isfinite(less))
    names = tuple(diagnosis(classes[column]).abbreviation for column in shown)
    low, high, counts = gap.low[shown], gap.high[shown], tuple(gap.n_positive[shown].tolist())
    title = "AUROC with the source known less AUROC with it left out"
    svg = per_class(names, less[shown], low, high, counts, 0.0, title, name, "no gap")
    numbers = (each.tolist() for each in (gap.kfold[shown], gap.left_out[shown], low, high))
    rows = tuple(zip(names, *numbers, counts, strict=True))
    columns = ("diagnosis", "source_known", "source_left_out", "low", "high", "n_positive")
    return StudyFigure(name, f"{title}: {spaced(gap.name)}", svg, columns, rows)
