"""Comparisons: all that a study says about conditions beside each other, computed once."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from leadlens.files import json_interval, json_number
from leadlens.study.contrasts import Contrast, contrasts
from leadlens.study.gaps import Gap, gaps
from leadlens.study.rankings import Ranking, rankings
from leadlens.study.results import Results
from leadlens.study.rules import Ruled, ruled
from leadlens.study.settings import StudySettings


@dataclass(frozen=True, eq=False)
class Comparisons:
    """What conditions are beside each other.

    Attributes:
        contrasts: differences on the same folds.
        rules: every condition under every way to choose thresholds.
        rankings: ranks over independent sources.
        gaps: K-fold less leave-one-source-out.
    """

    contrasts: tuple[Contrast, ...] = ()
    rules: tuple[Ruled, ...] = ()
    rankings: tuple[Ranking, ...] = ()
    gaps: tuple[Gap, ...] = ()


NO_COMPARISONS: Final = Comparisons()


def compare(results: Results, study: StudySettings) -> Comparisons:
    """Return all comparisons that the finished cells of a study allow."""
    return Comparisons(
        tuple(contrasts(results, study)),
        tuple(ruled(results)),
        tuple(rankings(results)),
        tuple(gaps(results)),
    )


def describe_comparisons(comparisons: Comparisons, classes: tuple[str, ...]) -> dict[str, Any]:
    """Return comparisons as JSON values."""
    return {
        "contrasts": [asdict(each) for each in comparisons.contrasts],
        "rules": [_rule_summary(each) for each in comparisons.rules],
        "rankings": [_ranking_summary(each) for each in comparisons.rankings],
        "gaps": [_gap_summary(each, classes) for each in comparisons.gaps],
    }


def _rule_summary(ruled: Ruled) -> dict[str, Any]:
    """Return what a rule makes of a condition as JSON values."""
    return {
        "name": ruled.name,
        "rule": ruled.rule,
        "folds": {
            metric: [json_number(v) for v in of.tolist()] for metric, of in ruled.values.items()
        },
        "less_first": {metric: asdict(less) for metric, less in ruled.less_first.items()},
    }


def _ranking_summary(ranking: Ranking) -> dict[str, Any]:
    """Return a ranking as JSON values."""
    metrics = {
        metric: {
            "mean_rank": dict(zip(ranking.names, ranks.mean, strict=True)),
            "p_any": ranks.p_any,
            "pairs": [
                {"one": ranking.names[i], "other": ranking.names[j], "p": p}
                for (i, j), p in ranks.p.items()
            ],
        }
        for metric, ranks in ranking.ranks.items()
    }
    return {"sources": list(ranking.sources), "metrics": metrics}


def _gap_summary(gap: Gap, classes: tuple[str, ...]) -> dict[str, Any]:
    """Return a gap as JSON values."""
    value, low, high = gap.macro
    rows = zip(
        classes, gap.kfold, gap.left_out, gap.low, gap.high, gap.n_positive, gap.n_sources,
        strict=True,
    )  # fmt: skip
    return {
        "name": gap.name,
        "macro": json_number(value),
        "interval": json_interval((low, high)),
        "classes": [
            {
                "code": code,
                "kfold": json_number(known),
                "left_out": json_number(unseen),
                "interval": json_interval((float(least), float(most))),
                "n_positive": int(n_positive),
                "n_sources": int(n_sources),
            }
            for code, known, unseen, least, most, n_positive, n_sources in rows
        ],
    }
