"""Explaining one condition of a study: recordings with each diagnosis, from its tested folds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

from leadlens.data.store import open_store
from leadlens.engines.engine import Engine
from leadlens.engines.local import ONE_PROCESS
from leadlens.errors import StoreError
from leadlens.evaluation.skill import Skill, skills_of
from leadlens.explain.background import make_background
from leadlens.explain.explainers import BY_DIAGNOSIS
from leadlens.explain.global_map import GlobalMap
from leadlens.explain.sampling import Chosen, choose
from leadlens.explain.store_map import maps_of, withheld_of
from leadlens.explain.survey import Survey, Surveyed, has_survey, run_survey
from leadlens.study.cell import (
    BACKGROUND,
    BUNDLE,
    CellTask,
    Predictions,
    cell_datasets,
    load_predictions,
)
from leadlens.study.settings import StudyExplainSettings


@dataclass(frozen=True, eq=False)
class ExplainedFold:
    """The explained recordings of one cell.

    Attributes:
        surveyed: their attributions.
        predictions: the cell's, for the same recordings in the same order.
    """

    surveyed: Surveyed
    predictions: Predictions


@dataclass(frozen=True, eq=False)
class Explanations:
    """The explained recordings of a condition, each explained by the model that was tested on it.

    Attributes:
        folds: one for each explained cell.
        maps: by kind of player: lead, piece, timing; each row over its own sample of recordings.
        withheld: code -> why its row is not shown.
        refused: recording -> why it could not be explained.
    """

    folds: tuple[ExplainedFold, ...]
    maps: dict[str, GlobalMap]
    withheld: dict[str, str]
    refused: dict[str, str]

    @property
    def n_explained(self) -> int:
        """How many recordings were explained or refused."""
        return sum(len(fold.predictions.keys) for fold in self.folds)


def explain_cell(
    task: CellTask, settings: StudyExplainSettings, folder: Path, engine: Engine = ONE_PROCESS
) -> None:
    """Explain the chosen recordings of a finished cell, unless that is done; keep all values.

    Args:
        task: of the cell.
        settings: what is explained, and how.
        folder: of the study's explanations; each fold has its own in it.
        engine: who explains.
    """
    predictions = load_predictions(task.cell)
    counts, index = _chosen(task, settings, predictions)
    survey = _survey(task, settings, predictions, counts, index)
    if survey.settings.background == task.cell.folder / BACKGROUND:
        _keep_background(task)
    run_survey(survey, _place(task, folder), engine, replaces=True)


def load_explanations(
    tasks: Sequence[CellTask], settings: StudyExplainSettings, folder: Path
) -> Explanations:
    """Return what `explain_cell` kept of the cells of a condition, as maps with their gates.

    Raises:
        StoreError: it is missing, damaged, or of other cells.
    """
    folds: list[ExplainedFold] = []
    whole: list[Predictions] = []
    counted: dict[str, tuple[Surveyed, Chosen]] = {}
    for task in tasks:
        predictions = load_predictions(task.cell)
        counts, index = _chosen(task, settings, predictions)
        survey, place = _survey(task, settings, predictions, counts, index), _place(task, folder)
        if not has_survey(survey, place):
            raise StoreError(
                f"{place} does not hold this study's explanations: run the study again"
            )
        surveyed = Surveyed(survey, place)
        folds.append(ExplainedFold(surveyed, _part(predictions, index)))
        whole.append(predictions)
        counted[task.cell.tested] = surveyed, counts
    maps = maps_of(counted)
    refused = {
        fold.predictions.keys[number]: why
        for fold in folds
        for number, why in fold.surveyed.refused().items()
    }
    return Explanations(tuple(folds), maps, withheld_of(_skills(whole), maps["lead"]), refused)


def _place(task: CellTask, folder: Path) -> Path:
    """Return where the explanations of a cell are kept."""
    return folder / f"fold-{task.cell.fold}"


def _part(predictions: Predictions, index: list[int]) -> Predictions:
    """Return what was said of some recordings."""
    return Predictions(
        keys=tuple(predictions.keys[i] for i in index),
        labels=predictions.labels[index],
        label_mask=predictions.label_mask[index],
        probabilities=predictions.probabilities[index],
        prevalence=predictions.prevalence,
        thresholds=predictions.thresholds,
    )


def _skills(folds: list[Predictions]) -> tuple[Skill, ...]:
    """Return the skills over several folds.

    Each fold has a model of its own, with its own scale: only ranks within a fold are compared.
    """
    ranks = [rankdata(fold.probabilities, axis=0) / len(fold.keys) for fold in folds]
    return skills_of(
        np.concatenate([fold.labels for fold in folds]),
        np.concatenate([fold.label_mask for fold in folds]),
        np.concatenate(ranks),
    )


def _keep_background(task: CellTask) -> None:
    """Keep what the cell's training recordings are like, unless that is done."""
    path = task.cell.folder / BACKGROUND
    if not path.exists():
        train, _ = cell_datasets(task, open_store(task.store))
        make_background(train, seed=task.cell.training.seed).save(path)


def _chosen(
    task: CellTask, settings: StudyExplainSettings, predictions: Predictions
) -> tuple[Chosen, list[int]]:
    """Return for the explained recordings where they count, and which of the fold's they are."""
    given = predictions.decisions
    seed = task.cell.training.seed
    counts = choose(predictions.labels, predictions.label_mask, given, settings.n_per_class, seed)
    (index,) = np.nonzero(np.any([of.any(axis=1) for of in counts.values()], axis=0))
    return {verdict: of[index] for verdict, of in counts.items()}, index.tolist()


def _survey(
    task: CellTask,
    settings: StudyExplainSettings,
    predictions: Predictions,
    counts: Chosen,
    index: list[int],
) -> Survey:
    """Return what is to be explained; of each recording the diagnoses in whose rows it counts."""
    position = {key: i for i, key in enumerate(open_store(task.store).keys)}
    chosen, asked = settings.settings, None
    if chosen.method in BY_DIAGNOSIS:
        rows = np.any(list(counts.values()), axis=0)
        asked = tuple(tuple(task.classes[k] for k in np.flatnonzero(row)) for row in rows)
    if chosen.method == "paper_lime" and chosen.background is None:
        chosen = chosen.model_copy(update={"background": task.cell.folder / BACKGROUND})
    return Survey(
        bundle=task.cell.folder / BUNDLE,
        store=task.store,
        positions=tuple(position[predictions.keys[i]] for i in index),
        settings=chosen,
        asked=asked,
    )
