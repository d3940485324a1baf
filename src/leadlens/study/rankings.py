"""Rankings: how conditions rank over independent sources, each tested by networks without it."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from leadlens.evaluation.comparison import MIN_SOURCES, Ranks, rank_test
from leadlens.study.repeats import repeated
from leadlens.study.results import Results

METRICS: Final = ("auroc", "f1")


@dataclass(frozen=True, eq=False)
class Ranking:
    """The conditions of a scheme whose folds are sources.

    Attributes:
        names: of the conditions, without seed.
        sources: on which all of them were tested.
        ranks: by macro metric.
    """

    names: tuple[str, ...]
    sources: tuple[str, ...]
    ranks: dict[str, Ranks]


def rankings(results: Results) -> list[Ranking]:
    """Return a ranking for each scheme with enough sources; seeds are averaged on each."""
    by_sources: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    conditions = repeated(results)
    for number, each in enumerate(conditions):
        if each.is_by_source and len(each.folds) >= MIN_SOURCES:
            by_sources.setdefault((each.scheme, each.sources), []).append(number)
    found = []
    for (_, sources), numbers in by_sources.items():
        members = [conditions[number] for number in numbers]
        ranks = {}
        for metric in METRICS:
            scores = np.stack([each.values(metric) for each in members], axis=1)
            if len(members) > 1 and np.isfinite(scores).all():
                ranks[metric] = rank_test(scores)
        if ranks:
            found.append(Ranking(tuple(each.name for each in members), sources, ranks))
    return found
