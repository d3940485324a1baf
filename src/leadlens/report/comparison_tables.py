"""Tables of a study's comparisons: contrasts, threshold rules, ranks over sources, gaps."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from leadlens.ecg.diagnoses import diagnosis
from leadlens.evaluation.comparison import Difference
from leadlens.report.tables import COLUMNS, plus_minus
from leadlens.study.contrasts import METRICS, Contrast
from leadlens.study.gaps import Gap
from leadlens.study.rankings import Ranking
from leadlens.study.rules import METRICS as RULE_METRICS
from leadlens.study.rules import Ruled

RULES = {
    "fixed": "one for all",
    "f1": "chosen for F1",
    "challenge": "chosen for the challenge score",
}
"""A rule for thresholds -> its name for readers."""


@dataclass(frozen=True)
class Table:
    """A table of words.

    Attributes:
        heading: above it.
        columns: the headings.
        rows: each begins with what it is about.
    """

    heading: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def contrast_tables(
    contrasts: Sequence[Contrast], metrics: tuple[str, ...] = METRICS
) -> list[Table]:
    """Return a table for each baseline: conditions, seeds, and differences in words."""
    return [
        Table(
            f"Less {family}, on the same folds",
            ("condition", "seeds", *(COLUMNS[metric] for metric in metrics)),
            tuple(
                (
                    spaced(each.name),
                    str(each.n_seeds),
                    *(difference_text(each.differences.get(metric)) for metric in metrics),
                )
                for each in members
            ),
        )
        for family, members in groupby(contrasts, key=lambda each: each.family)
    ]


def rule_table(rules: Sequence[Ruled]) -> Table | None:
    """Return every condition under every rule, with differences to the first; None without any."""
    if not rules:
        return None
    first = f"{spaced(rules[0].name)}, {RULES[rules[0].rule]}"
    columns = ["condition", "thresholds"]
    for metric in RULE_METRICS:
        columns += [COLUMNS[metric], f"{COLUMNS[metric]} less the first row"]
    rows = []
    for each in rules:
        row = [spaced(each.name), RULES[each.rule]]
        for metric in RULE_METRICS:
            row += [_mean_sd(each.values[metric]), difference_text(each.less_first.get(metric))]
        rows.append(tuple(row))
    return Table(f"By threshold rule (first row: {first})", tuple(columns), tuple(rows))


def ranking_words(rankings: Sequence[Ranking]) -> list[str]:
    """Return a sentence for each metric of each ranking: which pairs of conditions differ."""
    said = []
    for ranking in rankings:
        for metric, ranks in ranking.ranks.items():
            different = [
                f"{spaced(ranking.names[i])} and {spaced(ranking.names[j])} (p {p_text(p)})"
                for (i, j), p in ranks.p.items()
                if p < 0.05
            ]
            found = "; ".join(different) if different else "none"
            said.append(
                f"{COLUMNS[metric]} over {len(ranking.sources)} sources: that all conditions are "
                f"alike has p {p_text(ranks.p_any)}; pairs that differ at 5 % together: {found}."
            )
    return said


def gap_tables(gaps: Sequence[Gap], classes: tuple[str, ...]) -> list[Table]:
    """Return a table for each condition that was tested both ways, the largest gap first."""
    return [
        Table(
            spaced(gap.name),
            (
                "diagnosis", "positive", "sources", "AUROC, source known", "source left out",
                "difference", "95 % interval",
            ),
            (
                ("all (mean)", "", "", *_macro_gap(gap)),
                *(_gap_row(gap, column, classes[column]) for column in _largest_first(gap)),
            ),
        )
        for gap in gaps
    ]  # fmt: skip


def _macro_gap(gap: Gap) -> tuple[str, ...]:
    value, low, high = gap.macro
    known, unseen = (
        float(np.nanmean(part)) if np.isfinite(part).any() else float("nan")
        for part in (gap.kfold, gap.left_out)
    )
    return (*(plus_minus(each, float("nan")) for each in (known, unseen)), *_less(value, low, high))


def _gap_row(gap: Gap, column: int, code: str) -> tuple[str, ...]:
    known, unseen = float(gap.kfold[column]), float(gap.left_out[column])
    return (
        diagnosis(code).abbreviation,
        f"{gap.n_positive[column]:,}",
        str(gap.n_sources[column]),
        plus_minus(known, float("nan")),
        plus_minus(unseen, float("nan")),
        *_less(known - unseen, float(gap.low[column]), float(gap.high[column])),
    )


def _less(value: float, low: float, high: float) -> tuple[str, str]:
    """Return a difference and its interval in words."""
    if np.isnan(value):
        return "\u2013", ""
    return f"{value:+.3f}", "" if np.isnan(low) else f"{low:+.3f} to {high:+.3f}"


def _largest_first(gap: Gap) -> list[int]:
    """Return the classes that have a gap, the largest first."""
    less = gap.kfold - gap.left_out
    return [column for column in np.argsort(-less).tolist() if np.isfinite(less[column])]


def difference_text(difference: Difference | None) -> str:
    """Return a difference with its interval and p-value; a dash where there is none."""
    if difference is None:
        return "\u2013"
    ends = f"[{difference.low:+.3f}, {difference.high:+.3f}]"
    return f"{difference.mean:+.3f} {ends}, p {p_text(difference.p)}"


def p_text(p: float) -> str:
    """Return a p-value in words: "= 0.012" or "< 0.001"."""
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def spaced(name: str) -> str:
    """Return a condition's name with room to break lines."""
    return ", ".join(part.strip() for part in name.split(","))


def _mean_sd(values: np.ndarray) -> str:
    """Return mean and standard deviation over folds."""
    present = values[np.isfinite(values)]
    if not len(present):
        return "\u2013"
    sd = float(present.std(ddof=1)) if len(present) > 1 else float("nan")
    return plus_minus(float(present.mean()), sd)
