"""Results: all figures of a study, computed from the predictions that its cells kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Int

from leadlens.evaluation.bootstrap import (
    MIN_POSITIVES,
    Redrawn,
    has_enough,
    interval,
    redraw,
    symmetric_interval,
)
from leadlens.evaluation.challenge import challenge_score
from leadlens.evaluation.metrics import Scores, floors, score
from leadlens.evaluation.statistics import mean_auroc_interval
from leadlens.files import read_json
from leadlens.study.cell import Predictions, load_predictions
from leadlens.study.cost import Cost
from leadlens.study.plan import DONE, Cell, condition_name

MACRO = (
    "auroc", "auprc", "f1", "accuracy", "subset_accuracy", "challenge", "sensitivity_at_95",
    "calibration_error",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class FoldResult:
    """One finished cell.

    Attributes:
        cell: the cell.
        said: what it said of the tested recordings.
        groups: which of these belong together (a patient's).
        scores: on the tested recordings.
        floors: what guessing scores on them.
        cost: what it took; None for one computed before costs were kept.
        seconds: of its training.
        test_share: tested recordings over trained ones.
    """

    cell: Cell
    said: Predictions
    groups: Int[np.ndarray, " n"]
    scores: Scores
    floors: dict[str, Scores]
    cost: Cost | None
    seconds: float
    test_share: float

    def redrawn(self, classes: tuple[str, ...]) -> Redrawn:
        """Return the scores of the tested recordings drawn again."""
        said = self.said
        parts = said.labels, said.label_mask, said.probabilities, said.decisions
        return redraw(*parts, classes, self.groups, seed=self.cell.fold)


@dataclass(frozen=True, eq=False)
class ConditionResult:
    """One condition over its finished folds."""

    name: str
    condition: dict[str, Any]
    fs: float
    classes: tuple[str, ...]
    folds: tuple[FoldResult, ...]

    @cached_property
    def _redrawn(self) -> tuple[Redrawn, ...]:
        """Each fold's recordings drawn again."""
        return tuple(fold.redrawn(self.classes) for fold in self.folds)

    def interval(self, metric: str) -> tuple[float, float]:
        """Return the 95 % interval of a macro metric's mean over folds, by the bootstrap.

        It stands for which recordings were tested. NaN for a metric that has none, and where the
        diagnoses are too rare for one (`has_enough`).
        """
        n_positive = np.sum([fold.scores.n_positive for fold in self.folds], axis=0)
        if not has_enough(n_positive):
            return float("nan"), float("nan")
        draws = [redrawn.macro.get(metric) for redrawn in self._redrawn]
        present = [each for each in draws if each is not None]
        if len(present) < len(draws):
            return float("nan"), float("nan")
        find = symmetric_interval if metric == "challenge" else interval
        return find(self.mean(metric), mean_draw(present))

    def n_positive(self, column: int) -> int:
        """Return how many tested recordings have a class, over all folds."""
        return sum(int(fold.scores.n_positive[column]) for fold in self.folds)

    def values(self, metric: str) -> list[float]:
        """Return a macro metric, one value a fold."""
        return [fold.scores.macro[metric] for fold in self.folds]

    def mean(self, metric: str) -> float:
        """Return the mean over folds."""
        return mean_present(self.values(metric))

    def sd(self, metric: str) -> float:
        """Return the standard deviation over folds; NaN for a single fold."""
        values = [v for v in self.values(metric) if not np.isnan(v)]
        return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")

    def floor(self, name: str, metric: str) -> float:
        """Return the mean over folds of a floor."""
        return mean_present([fold.floors[name].macro[metric] for fold in self.folds])

    def class_values(self, metric: str) -> np.ndarray:
        """Return (fold, class) values of a per-class metric."""
        return np.stack([fold.scores.per_class[metric] for fold in self.folds])

    def class_interval(self, column: int, metric: str = "auroc") -> tuple[float, float]:
        """Return the 95 % interval of a class' mean AUROC or F1 over folds.

        By the bootstrap where enough recordings have the class (`MIN_POSITIVES`). Where fewer have
        it, AUROC's is Newcombe's, which is wide enough, and F1 has none.
        """
        if self.n_positive(column) >= MIN_POSITIVES:
            values = self.class_values(metric)[:, column]
            draws = [redrawn.per_class[metric][:, column] for redrawn in self._redrawn]
            patients = sum(_n_groups_with(fold, column) for fold in self.folds)
            return interval(mean_present(values.tolist()), mean_draw(draws), patients)
        if metric != "auroc":
            return float("nan"), float("nan")
        scores = [fold.scores for fold in self.folds]
        return mean_auroc_interval(
            [float(s.per_class["auroc"][column]) for s in scores],
            [int(s.n_positive[column]) for s in scores],
            [int(s.n_known[column] - s.n_positive[column]) for s in scores],
        )


@dataclass(frozen=True, eq=False)
class Results:
    """All finished conditions of a study."""

    classes: tuple[str, ...]
    conditions: tuple[ConditionResult, ...]
    n_cells: int
    n_done: int


def collect(
    cells: list[Cell], classes: tuple[str, ...], groups: Mapping[str, int] | None = None
) -> Results:
    """Return the results of the cells that are done.

    Args:
        cells: all cells of the study.
        classes: the codes that they were trained on.
        groups: of each recording's key: those of a patient belong together. None: nobody's do.
    """
    by_name: dict[str, list[FoldResult]] = {}
    for cell in cells:
        if cell.is_done:
            found = _fold(cell, classes, groups)
            by_name.setdefault(condition_name(cell.condition), []).append(found)
    conditions = tuple(
        ConditionResult(name, folds[0].cell.condition, folds[0].cell.fs, classes, tuple(folds))
        for name, folds in by_name.items()
    )
    n_done = sum(len(condition.folds) for condition in conditions)
    return Results(classes, conditions, len(cells), n_done)


def _fold(cell: Cell, classes: tuple[str, ...], groups: Mapping[str, int] | None) -> FoldResult:
    """Return the scores of one finished cell."""
    said = load_predictions(cell)
    decisions = said.decisions
    scores = score(said.labels, said.label_mask, said.probabilities, decisions)
    scores.macro["challenge"] = _challenge(said, decisions, classes)
    lowest = floors(said.labels, said.label_mask, said.prevalence)
    nothing = np.zeros_like(decisions)
    always = {
        "all-zeros": nothing,
        "all-positive": ~nothing,
        "prevalence": nothing | (said.prevalence >= 0.5),
    }
    for name, floor in lowest.items():
        floor.macro["challenge"] = _challenge(said, always[name], classes)
    done, n_tested = read_json(cell.folder / DONE), len(said.labels)
    n_others = done["identity"]["n_recordings"] - n_tested
    share = n_tested / (cell.train_share * n_others)
    group_of = np.arange(n_tested) if groups is None else np.array([groups[k] for k in said.keys])
    cost = Cost.model_validate(done["cost"]) if "cost" in done else None
    return FoldResult(cell, said, group_of, scores, lowest, cost, done["seconds"], share)


def _challenge(said: Predictions, decisions: np.ndarray, classes: tuple[str, ...]) -> float:
    return challenge_score(said.labels, said.label_mask, decisions, classes)


def mean_draw(draws: list[np.ndarray]) -> np.ndarray:
    """Return each draw's mean over folds, of those that have a score."""
    stacked = np.stack(draws)
    n = (~np.isnan(stacked)).sum(axis=0)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nansum(stacked, axis=0) / n)


def _n_groups_with(fold: FoldResult, column: int) -> int:
    """Return how many groups have a recording with the class."""
    has = fold.said.labels[:, column] & fold.said.label_mask[:, column]
    return len(np.unique(fold.groups[has]))


def mean_present(values: list[float]) -> float:
    """Return the mean of what is not NaN; NaN when nothing is left."""
    present = [value for value in values if not np.isnan(value)]
    return float(np.mean(present)) if present else float("nan")
