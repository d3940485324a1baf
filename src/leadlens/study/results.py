"""Results: all figures of a study, computed from the predictions that its cells kept."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from leadlens.evaluation.challenge import challenge_score
from leadlens.evaluation.metrics import Scores, floors, score
from leadlens.evaluation.statistics import mean_auroc_interval
from leadlens.files import read_json
from leadlens.study.cell import Predictions, load_predictions
from leadlens.study.plan import DONE, Cell, condition_name

MACRO = ("auroc", "auprc", "f1", "accuracy", "subset_accuracy", "challenge")


@dataclass(frozen=True, eq=False)
class FoldResult:
    """One finished cell.

    Attributes:
        cell: the cell.
        scores: on the tested recordings.
        floors: what guessing scores on them.
        seconds: of its training.
        test_share: tested recordings over trained ones.
    """

    cell: Cell
    scores: Scores
    floors: dict[str, Scores]
    seconds: float
    test_share: float


@dataclass(frozen=True, eq=False)
class ConditionResult:
    """One condition over its finished folds."""

    name: str
    condition: dict[str, Any]
    fs: float
    folds: tuple[FoldResult, ...]

    def values(self, metric: str) -> list[float]:
        """Return a macro metric, one value a fold."""
        return [fold.scores.macro[metric] for fold in self.folds]

    def mean(self, metric: str) -> float:
        """Return the mean over folds."""
        return _mean(self.values(metric))

    def sd(self, metric: str) -> float:
        """Return the standard deviation over folds; NaN for a single fold."""
        values = [v for v in self.values(metric) if not np.isnan(v)]
        return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")

    def floor(self, name: str, metric: str) -> float:
        """Return the mean over folds of a floor."""
        return _mean([fold.floors[name].macro[metric] for fold in self.folds])

    def class_values(self, metric: str) -> np.ndarray:
        """Return (fold, class) values of a per-class metric."""
        return np.stack([fold.scores.per_class[metric] for fold in self.folds])

    def class_interval(self, column: int) -> tuple[float, float]:
        """Return the 95 % interval of one class' mean AUROC over folds."""
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


def collect(cells: list[Cell], classes: tuple[str, ...]) -> Results:
    """Return the results of the cells that are done."""
    by_name: dict[str, list[FoldResult]] = {}
    for cell in cells:
        if cell.is_done:
            by_name.setdefault(condition_name(cell.condition), []).append(_fold(cell, classes))
    conditions = tuple(
        ConditionResult(name, folds[0].cell.condition, folds[0].cell.fs, tuple(folds))
        for name, folds in by_name.items()
    )
    n_done = sum(len(condition.folds) for condition in conditions)
    return Results(classes, conditions, len(cells), n_done)


def _fold(cell: Cell, classes: tuple[str, ...]) -> FoldResult:
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
    share = n_tested / (done["identity"]["n_recordings"] - n_tested)
    return FoldResult(cell, scores, lowest, done["seconds"], share)


def _challenge(said: Predictions, decisions: np.ndarray, classes: tuple[str, ...]) -> float:
    return challenge_score(said.labels, said.label_mask, decisions, classes)


def _mean(values: list[float]) -> float:
    """Return the mean of what is not NaN; NaN when nothing is left."""
    present = [value for value in values if not np.isnan(value)]
    return float(np.mean(present)) if present else float("nan")
