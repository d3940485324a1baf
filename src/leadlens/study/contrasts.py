"""Contrasts: how much better each condition is than the first, fold by fold."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from leadlens.evaluation.comparison import MIN_FOLDS, Difference, corrected_t_test, holm
from leadlens.study.plan import condition_name
from leadlens.study.results import ConditionResult, Results

METRICS: Final = ("auroc", "f1", "challenge")


@dataclass(frozen=True)
class Contrast:
    """One condition less another.

    Attributes:
        name: the condition, without its seed.
        baseline: what is taken off.
        n_seeds: trainings that were averaged on each fold.
        differences: by macro metric; p-values are adjusted for the number of contrasts (Holm).
    """

    name: str
    baseline: str
    n_seeds: int
    differences: dict[str, Difference]


def contrasts(results: Results) -> list[Contrast]:
    """Return each condition less the first, where both were tested on the same folds.

    Seeds of one condition are averaged on each fold. Nothing is returned for fewer than three
    folds; nor for folds that are sources, whose spread is another.
    """
    groups: dict[str, list[ConditionResult]] = {}
    for condition in results.conditions:
        groups.setdefault(_without_seed(condition.condition), []).append(condition)
    folds = {name: _complete_folds(group) for name, group in groups.items()}
    first, *others = groups
    tested = folds[first]
    if len(tested) < MIN_FOLDS or any(fold.cell.source for fold in results.conditions[0].folds):
        return []
    share = float(np.mean([fold.test_share for fold in results.conditions[0].folds]))
    compared = [name for name in others if folds[name] == tested]
    found: dict[str, dict[str, Difference]] = {name: {} for name in compared}
    for metric in METRICS:
        base = _values(groups[first], metric, tested)
        less = {name: _values(groups[name], metric, tested) - base for name in compared}
        tests = {
            name: corrected_t_test(values, share)
            for name, values in less.items()
            if np.isfinite(values).all()
        }
        adjusted = holm([test.p for test in tests.values()])
        for (name, test), p in zip(tests.items(), adjusted, strict=True):
            found[name][metric] = replace(test, p=p)
    return [Contrast(name, first, len(groups[name]), found[name]) for name in compared]


def _without_seed(condition: dict[str, Any]) -> str:
    """Return a condition's name but for the seed."""
    return condition_name({k: v for k, v in condition.items() if k != "seed"})


def _complete_folds(group: list[ConditionResult]) -> list[int]:
    """Return the folds that all seeds have finished."""
    done = [{fold.cell.fold for fold in condition.folds} for condition in group]
    return sorted(set.intersection(*done))


def _values(group: list[ConditionResult], metric: str, tested: list[int]) -> np.ndarray:
    """Return a macro metric for each fold, the mean over seeds."""
    return np.mean(
        [
            [
                fold.scores.macro[metric]
                for fold in sorted(condition.folds, key=lambda each: each.cell.fold)
                if fold.cell.fold in tested
            ]
            for condition in group
        ],
        axis=0,
    )
