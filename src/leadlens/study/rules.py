"""Rules: what each way to choose thresholds makes of the same trained networks.

Every cell with inner recordings keeps the thresholds that each rule gives on them, so that a loss
and the threshold it is used with can be told apart without another training.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Float64

from leadlens.evaluation.challenge import challenge_score
from leadlens.evaluation.comparison import MIN_FOLDS, Difference, corrected_t_test, holm
from leadlens.evaluation.metrics import macro_f1
from leadlens.study.repeats import Repeated, repeated
from leadlens.study.results import FoldResult, Results

METRICS: Final = ("f1", "challenge")


@dataclass(frozen=True, eq=False)
class Ruled:
    """A condition under one rule, seeds averaged on each fold.

    Attributes:
        name: of the condition, without seed.
        rule: "fixed", "f1" or "challenge".
        values: by metric, one value a fold.
        less_first: by metric, the difference to the first condition and rule, its p-value adjusted
            for all of them (Holm); nothing for the first, for folds that are sources, and for
            fewer than three.
    """

    name: str
    rule: str
    values: dict[str, Float64[np.ndarray, " fold"]]
    less_first: dict[str, Difference]


def ruled(results: Results) -> list[Ruled]:
    """Return each condition under each rule, where all its cells kept two rules or more."""
    conditions = [each for each in repeated(results) if each.folds]
    found = [(each, rule) for each in conditions for rule in _rules(each)]
    values = [_values(each, rule, results.classes) for each, rule in found]
    rows = [Ruled(each.name, rule, of, {}) for (each, rule), of in zip(found, values, strict=True)]
    if not rows:
        return []
    for metric in METRICS:
        tests = {}
        for number, (each, _) in enumerate(found):
            if number and _is_comparable(each, found[0][0]):
                less = values[number][metric] - values[0][metric]
                share = float(np.mean([fold.test_share for fold in each.seeds[0].folds]))
                if np.isfinite(less).all():
                    tests[number] = corrected_t_test(less, share)
        adjusted = holm([test.p for test in tests.values()])
        for (number, test), p in zip(tests.items(), adjusted, strict=True):
            rows[number].less_first[metric] = replace(test, p=p)
    return rows


def _rules(condition: Repeated) -> list[str]:
    """Return the rules that all cells kept; none where there is no choice."""
    kept = [list(fold.said.rules) for seed in condition.seeds for fold in seed.folds]
    common = [rule for rule in kept[0] if all(rule in other for other in kept)]
    return common if len(common) > 1 else []


def _is_comparable(one: Repeated, other: Repeated) -> bool:
    """Return whether two conditions were tested on the same folds, which are no sources."""
    return (
        one.folds == other.folds
        and one.scheme == other.scheme
        and not one.is_by_source
        and len(one.folds) >= MIN_FOLDS
    )


def _values(
    condition: Repeated, rule: str, classes: tuple[str, ...]
) -> dict[str, Float64[np.ndarray, " fold"]]:
    """Return each metric by fold, the mean over seeds."""
    by_seed = [
        [_scores(fold, rule, classes) for fold in _in_order(seed.folds, condition.folds)]
        for seed in condition.seeds
    ]
    means = np.mean(np.array(by_seed, dtype=float), axis=0)
    return {metric: means[:, number] for number, metric in enumerate(METRICS)}


def _scores(fold: FoldResult, rule: str, classes: tuple[str, ...]) -> tuple[float, float]:
    """Return macro F1 and Challenge score of a cell under a rule."""
    said, decisions = fold.said, fold.said.decided_by(rule)
    return (
        macro_f1(said.labels, said.label_mask, decisions),
        challenge_score(said.labels, said.label_mask, decisions, classes),
    )


def _in_order(folds: tuple[FoldResult, ...], numbers: tuple[int, ...]) -> list[FoldResult]:
    """Return the folds with these numbers, in this order."""
    by_number = {fold.cell.fold: fold for fold in folds}
    return [by_number[number] for number in numbers]
