"""Repeats: conditions that differ by nothing but their seed, taken together fold by fold."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from leadlens.study.plan import condition_name
from leadlens.study.results import ConditionResult, Results
from leadlens.study.settings import SCHEME, SEED


@dataclass(frozen=True, eq=False)
class Repeated:
    """A condition with all its seeds.

    Attributes:
        name: of the condition, without its seed.
        condition: the axes' values, without the seed.
        seeds: the results of each seed.
        folds: numbers of the folds that all seeds have finished.
    """

    name: str
    condition: dict[str, Any]
    seeds: tuple[ConditionResult, ...]
    folds: tuple[int, ...]

    @property
    def scheme(self) -> str:
        """How recordings were dealt to folds; "" where the study has one way."""
        return str(self.condition.get(SCHEME, ""))

    @property
    def is_by_source(self) -> bool:
        """Whether the folds are sources."""
        return bool(self.seeds[0].folds[0].cell.source)

    @property
    def sources(self) -> tuple[str, ...]:
        """What the finished folds are called, in the order of `folds`."""
        names = {fold.cell.fold: fold.cell.tested for fold in self.seeds[0].folds}
        return tuple(names[number] for number in self.folds)

    def values(self, metric: str) -> Float64[np.ndarray, " fold"]:
        """Return a macro metric for each of `folds`, the mean over seeds."""
        by_seed = []
        for seed in self.seeds:
            by_fold = {fold.cell.fold: fold.scores.macro[metric] for fold in seed.folds}
            by_seed.append([by_fold[number] for number in self.folds])
        return np.mean(np.array(by_seed, dtype=float), axis=0)


def repeated(results: Results) -> list[Repeated]:
    """Return the conditions of a study, seeds together, in the order of the plan."""
    groups: dict[str, list[ConditionResult]] = {}
    for each in results.conditions:
        rest = {axis: value for axis, value in each.condition.items() if axis != SEED}
        groups.setdefault(condition_name(rest), []).append(each)
    return [
        Repeated(
            name,
            {axis: value for axis, value in group[0].condition.items() if axis != SEED},
            tuple(group),
            tuple(sorted(set.intersection(*({f.cell.fold for f in one.folds} for one in group)))),
        )
        for name, group in groups.items()
    ]
