"""Subgroups: the scores of a condition by source, sex and age."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from leadlens.data.index import IndexRow
from leadlens.evaluation.bootstrap import has_enough, interval, redraw
from leadlens.evaluation.metrics import score
from leadlens.study.results import ConditionResult, mean_draw, mean_present

AGES: Final = (40, 60, 80)
"""Years at which a band of ages begins."""
METRICS: Final = ("auroc", "f1")
NONE: Final = (float("nan"), float("nan"))


@dataclass(frozen=True)
class Subgroup:
    """Some of the tested recordings.

    Attributes:
        kind: "source", "sex" or "age".
        name: which of that kind.
        n_recordings: tested in all folds.
        n_classes: diagnoses that any of them has.
        scores: macro metric -> mean over folds, low and high end of its 95 % interval; NaN where
            there is none, or diagnoses are too rare for one.
    """

    kind: str
    name: str
    n_recordings: int
    n_classes: int
    scores: dict[str, tuple[float, float, float]]


def age_band(row: IndexRow) -> str:
    """Return the band of ages that a recording belongs to."""
    if row.years is None:
        return "unknown"
    below = [limit for limit in AGES if row.years >= limit]
    if not below:
        return f"under {AGES[0]}"
    after = [limit for limit in AGES if row.years < limit]
    return f"{below[-1]} to {after[0] - 1}" if after else f"{AGES[-1]} and over"


KINDS: Final[dict[str, Callable[[IndexRow], str]]] = {
    "source": lambda row: row.source,
    "sex": lambda row: row.sex or "unknown",
    "age": age_band,
}


def subgroups(condition: ConditionResult, rows: Mapping[str, IndexRow]) -> list[Subgroup]:
    """Return the scores of each kind of subgroup; a kind with one subgroup only is left out.

    Args:
        condition: what was tested.
        rows: of each recording's key its row in the store's index.
    """
    found = []
    for kind, name_of in KINDS.items():
        names = [
            np.array([name_of(rows[key]) for key in fold.said.keys]) for fold in condition.folds
        ]
        every = sorted({str(name) for part in names for name in part}, key=_in_order)
        if len(every) > 1:
            found += [
                _subgroup(condition, kind, name, [n == name for n in names]) for name in every
            ]
    return found


def _subgroup(
    condition: ConditionResult, kind: str, name: str, chosen: list[np.ndarray]
) -> Subgroup:
    """Return the scores of the recordings chosen from each fold."""
    values: dict[str, list[float]] = {metric: [] for metric in METRICS}
    draws: dict[str, list[np.ndarray]] = {metric: [] for metric in METRICS}
    n_positive = np.zeros(len(condition.classes), int)
    for fold, part in zip(condition.folds, chosen, strict=True):
        if not part.any():
            continue
        said = fold.said
        tested = said.labels[part], said.label_mask[part], said.probabilities[part]
        decisions = said.decisions[part]
        scores = score(*tested, decisions)
        drawn = redraw(
            *tested, decisions, condition.classes, fold.groups[part], seed=fold.cell.fold
        )
        n_positive += scores.n_positive
        for metric in METRICS:
            values[metric].append(scores.macro[metric])
            draws[metric].append(drawn.macro[metric])
    is_enough = has_enough(n_positive)
    means = {metric: mean_present(each) for metric, each in values.items()}
    return Subgroup(
        kind=kind,
        name=name,
        n_recordings=int(sum(part.sum() for part in chosen)),
        n_classes=int((n_positive > 0).sum()),
        scores={
            metric: (
                means[metric],
                *(interval(means[metric], mean_draw(draws[metric])) if is_enough else NONE),
            )
            for metric in METRICS
        },
    )


def _in_order(name: str) -> tuple[int, str]:
    """Return what sorts names: the youngest first, what is unknown last."""
    return {"unknown": 2}.get(name, 0 if name.startswith("under") else 1), name
