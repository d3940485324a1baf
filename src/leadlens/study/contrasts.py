"""Contrasts: how much better each condition is than another, fold by fold."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from leadlens.evaluation.comparison import MIN_FOLDS, Difference, corrected_t_test, holm
from leadlens.study.plan import axis_text
from leadlens.study.repeats import Repeated, repeated
from leadlens.study.results import Results
from leadlens.study.settings import SCHEME, SEED, StudySettings

METRICS: Final = ("auroc", "f1", "challenge")

Pair = tuple[Repeated, Repeated]


@dataclass(frozen=True)
class Contrast:
    """One condition less another.

    Attributes:
        family: the baseline's values; p-values are adjusted for the contrasts of a family (Holm).
        name: the condition, without its seed.
        baseline: what is taken off.
        n_seeds: trainings that were averaged on each fold.
        differences: by macro metric.
    """

    family: str
    name: str
    baseline: str
    n_seeds: int
    differences: dict[str, Difference]


def contrasts(results: Results, study: StudySettings) -> list[Contrast]:
    """Return conditions less those that the study's baselines name, of the same folds.

    Seeds of one condition are averaged on each fold. Nothing is returned for fewer than three
    folds; nor for folds that are sources, whose spread is another.
    """
    tested = [
        each for each in repeated(results) if len(each.folds) >= MIN_FOLDS and not each.is_by_source
    ]
    found = []
    for baseline in _baselines(study):
        family = ", ".join(f"{axis}={axis_text(value)}" for axis, value in baseline.items())
        found += _family(family, _pairs(tested, baseline))
    return found


def _baselines(study: StudySettings) -> list[dict[str, Any]]:
    """Return the study's baselines, or the first value of every axis."""
    first = {axis: values[0] for axis, values in study.axes.items() if axis not in (SEED, SCHEME)}
    return list(study.baselines) or [first]


def _pairs(tested: list[Repeated], baseline: dict[str, Any]) -> list[Pair]:
    """Return each condition with the one that has the baseline's values and is else the same."""
    found = []
    for each in tested:
        wanted = {**each.condition, **baseline}
        for other in tested:
            if other is not each and other.condition == wanted and other.folds == each.folds:
                found.append((each, other))
    return found


def _family(family: str, pairs: list[Pair]) -> list[Contrast]:
    """Return the contrasts of pairs whose p-values are adjusted together."""
    found: list[dict[str, Difference]] = [{} for _ in pairs]
    for metric in METRICS:
        tests = {}
        for number, (each, other) in enumerate(pairs):
            less = each.values(metric) - other.values(metric)
            if np.isfinite(less).all():
                share = float(np.mean([fold.test_share for fold in each.seeds[0].folds]))
                tests[number] = corrected_t_test(less, share)
        adjusted = holm([test.p for test in tests.values()])
        for (number, test), p in zip(tests.items(), adjusted, strict=True):
            found[number][metric] = replace(test, p=p)
    return [
        Contrast(family, each.name, other.name, len(each.seeds), differences)
        for (each, other), differences in zip(pairs, found, strict=True)
    ]


def read_contrast(kept: dict[str, Any]) -> Contrast:
    """Return a contrast as results.json keeps it."""
    differences = {metric: Difference(**each) for metric, each in kept["differences"].items()}
    return Contrast(**{**kept, "differences": differences})
