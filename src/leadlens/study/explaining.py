"""Explaining one cell of a study: recordings with each diagnosis, from its tested fold."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leadlens.data.store import open_store
from leadlens.engines.engine import Engine
from leadlens.engines.local import ONE_PROCESS
from leadlens.errors import StoreError
from leadlens.explain.global_map import GlobalMap
from leadlens.explain.sampling import Chosen, choose
from leadlens.explain.store_map import maps_of, withheld_of
from leadlens.explain.survey import Survey, Surveyed, has_survey, run_survey
from leadlens.study.cell import BUNDLE, CellTask, Predictions, load_predictions
from leadlens.study.settings import StudyExplainSettings


@dataclass(frozen=True, eq=False)
class Explanations:
    """The explained recordings of one cell.

    Attributes:
        surveyed: their attributions.
        predictions: the cell's, for the same recordings in the same order.
        maps: by kind of player: lead, piece, timing; each row over its own sample of recordings.
        withheld: code -> why its row is not shown.
        refused: recording -> why it could not be explained.
    """

    surveyed: Surveyed
    predictions: Predictions
    maps: dict[str, GlobalMap]
    withheld: dict[str, str]
    refused: dict[str, str]


def explain_cell(
    task: CellTask, settings: StudyExplainSettings, folder: Path, engine: Engine = ONE_PROCESS
) -> None:
    """Explain the chosen recordings of a finished cell, unless that is done; keep all values."""
    predictions = load_predictions(task.cell)
    _, index = _chosen(task, settings, predictions)
    run_survey(_survey(task, settings, predictions, index), folder, engine, replaces=True)


def load_explanations(task: CellTask, settings: StudyExplainSettings, folder: Path) -> Explanations:
    """Return what `explain_cell` kept, as maps with their gates.

    Raises:
        StoreError: it is missing, damaged, or of another cell.
    """
    predictions = load_predictions(task.cell)
    counts, index = _chosen(task, settings, predictions)
    survey = _survey(task, settings, predictions, index)
    if not has_survey(survey, folder):
        raise StoreError(f"{folder} does not hold this study's explanations: run the study again")
    surveyed = Surveyed(survey, folder)
    maps = maps_of(surveyed, counts)
    explained = Predictions(
        keys=tuple(predictions.keys[i] for i in index),
        labels=predictions.labels[index],
        label_mask=predictions.label_mask[index],
        probabilities=predictions.probabilities[index],
        prevalence=predictions.prevalence,
    )
    refused = {explained.keys[number]: why for number, why in surveyed.refused().items()}
    withheld = withheld_of(
        predictions.labels, predictions.label_mask, predictions.probabilities, maps["lead"]
    )
    return Explanations(surveyed, explained, maps, withheld, refused)


def _chosen(
    task: CellTask, settings: StudyExplainSettings, predictions: Predictions
) -> tuple[Chosen, list[int]]:
    """Return for the explained recordings where they count, and which of the fold's they are."""
    given = predictions.probabilities > task.cell.training.threshold
    seed = task.cell.training.seed
    counts = choose(predictions.labels, predictions.label_mask, given, settings.n_per_class, seed)
    (index,) = np.nonzero(np.any([of.any(axis=1) for of in counts.values()], axis=0))
    return {verdict: of[index] for verdict, of in counts.items()}, index.tolist()


def _survey(
    task: CellTask, settings: StudyExplainSettings, predictions: Predictions, index: list[int]
) -> Survey:
    """Return what is to be explained."""
    position = {key: i for i, key in enumerate(open_store(task.store).keys)}
    return Survey(
        bundle=task.cell.folder / BUNDLE,
        store=task.store,
        positions=tuple(position[predictions.keys[i]] for i in index),
        settings=settings.settings,
    )
