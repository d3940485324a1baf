"""Explaining one cell of a study: recordings with each diagnosis, from its tested fold."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Bool

from leadlens.bundle import Bundle, load_bundle
from leadlens.data.store import open_store
from leadlens.errors import StoreError
from leadlens.explain.gates import class_gate
from leadlens.explain.global_map import LeadMap, lead_map
from leadlens.explain.lime import Attribution, explain_window
from leadlens.explain.players import Players, make_players
from leadlens.files import hash_text, read_json, written_beside
from leadlens.study.cell import BUNDLE, CellTask, Predictions, load_predictions
from leadlens.study.settings import StudyExplainSettings

ATTRIBUTIONS = "attributions.npz"


@dataclass(frozen=True, eq=False)
class Explanations:
    """The explained recordings of one cell.

    Attributes:
        keys: of the recordings.
        attributions: one a recording.
        predictions: the cell's, for the same recordings.
        map: the lead x diagnosis map, each row over its own sample of recordings.
        withheld: code -> why its row is not shown.
    """

    keys: tuple[str, ...]
    attributions: tuple[Attribution, ...]
    predictions: Predictions
    map: LeadMap
    withheld: dict[str, str]


def explain_cell(task: CellTask, settings: StudyExplainSettings, folder: Path) -> None:
    """Explain the chosen recordings of a finished cell, unless that is done; keep all values."""
    identity = _identity(task, settings)
    if _kept_identity(folder) == identity:
        return
    store = open_store(task.store)
    bundle = load_bundle(task.cell.folder / BUNDLE)
    predictions = load_predictions(task.cell)
    chosen, counts_for = _choose(predictions, settings.n_per_class, task.cell.training.seed)
    position = {key: i for i, key in enumerate(store.keys)}
    leads = [store.manifest.leads.index(lead) for lead in bundle.config.leads]
    attributions = []
    for number, index in enumerate(chosen):
        recording = position[predictions.keys[index]]
        signal = store.signal(store.windows_of[recording][:1])[0, leads, : _n_samples(bundle)]
        units = store.first_rows[recording].units
        attributions.append(
            explain_window(
                bundle,
                signal,
                "relative" if units == "relative" else "mV",
                settings.settings,
                design=number,
            )
        )
    with written_beside(folder / ATTRIBUTIONS) as beside, beside.open("wb") as file:
        np.savez(
            file,
            identity=np.array(identity),
            index=np.array(chosen),
            counts_for=counts_for,
            values=np.stack([a.values for a in attributions]),
            standard_error=np.stack([a.standard_error for a in attributions]),
            lead_importance=np.stack([a.lead_importance for a in attributions]),
            lead_error=np.stack([a.lead_error for a in attributions]),
            r2=np.stack([a.r2 for a in attributions]),
            logits=np.stack([a.logits for a in attributions]),
            n_forwards=np.array([a.n_forwards for a in attributions]),
        )


def load_explanations(task: CellTask, settings: StudyExplainSettings, folder: Path) -> Explanations:
    """Return what `explain_cell` kept, as a map with its gates.

    Raises:
        StoreError: it is missing, damaged, or of another cell.
    """
    if _kept_identity(folder) != _identity(task, settings):
        raise StoreError(f"{folder} does not hold this study's explanations: run the study again")
    predictions = load_predictions(task.cell)
    bundle = load_bundle(task.cell.folder / BUNDLE)
    store = open_store(task.store)
    try:
        with (folder / ATTRIBUTIONS).open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            kept = {name: file[name] for name in file.files}
    except (OSError, EOFError, ValueError, BadZipFile) as error:
        raise StoreError(f"{folder / ATTRIBUTIONS} is damaged ({error}): delete it") from error
    index = kept["index"]
    row_of = {row.key: row for row in store.first_rows}
    attributions = []
    for number, i in enumerate(index):
        units = row_of[predictions.keys[i]].units
        players = _players(bundle, units, settings)
        attributions.append(_attribution(kept, number, task.classes, players))
    summary = lead_map(attributions, kept["counts_for"], settings.aggregate)
    explained = Predictions(
        keys=tuple(predictions.keys[i] for i in index),
        labels=predictions.labels[index],
        label_mask=predictions.label_mask[index],
        probabilities=predictions.probabilities[index],
        prevalence=predictions.prevalence,
    )
    withheld = _withheld(task.classes, predictions, summary)
    return Explanations(explained.keys, tuple(attributions), explained, summary, withheld)


def _players(bundle: Bundle, units: str, settings: StudyExplainSettings) -> Players:
    return make_players(
        bundle.config.leads,
        _n_samples(bundle),
        "relative" if units == "relative" else "mV",
        settings.settings,
    )


def _n_samples(bundle: Bundle) -> int:
    """Return how many samples of each lead the network sees."""
    return round(bundle.config.fs * bundle.config.duration)


def _attribution(
    kept: dict[str, Any], number: int, classes: tuple[str, ...], players: Players
) -> Attribution:
    """Return one attribution from the kept arrays."""
    names = ("values", "standard_error", "lead_importance", "lead_error", "r2", "logits")
    return Attribution(
        classes=classes,
        players=players,
        n_forwards=int(kept["n_forwards"][number]),
        **{name: kept[name][number] for name in names},
    )


def _withheld(
    classes: tuple[str, ...], predictions: Predictions, summary: LeadMap
) -> dict[str, str]:
    """Return why rows of the map are not shown, by code."""
    withheld = {}
    for column, code in enumerate(classes):
        reason = class_gate(
            predictions.labels[:, column],
            predictions.label_mask[:, column],
            predictions.probabilities[:, column],
            summary.n_recordings[column],
            float(np.nan_to_num(summary.r2[column])),
        )
        if reason:
            withheld[code] = reason
    return withheld


def _choose(
    predictions: Predictions, n_per_class: int, seed: int
) -> tuple[list[int], Bool[np.ndarray, "n class"]]:
    """Return the recordings to explain, and for which diagnosis' row each counts.

    Every diagnosis has its own random sample of the recordings with it, so that a row does not
    over-represent recordings that were explained for the sake of a rarer diagnosis.
    """
    rng = np.random.default_rng([seed, 7])
    has = predictions.labels & predictions.label_mask
    counts_for = np.zeros_like(has)
    for column in range(has.shape[1]):
        counts_for[rng.permutation(np.flatnonzero(has[:, column]))[:n_per_class], column] = True
    chosen = np.flatnonzero(counts_for.any(axis=1))
    return chosen.tolist(), counts_for[chosen]


def _kept_identity(folder: Path) -> str | None:
    """Return the identity of the kept explanations; None where there are none, or none whole."""
    try:
        with (folder / ATTRIBUTIONS).open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return str(file["identity"])
    except (OSError, EOFError, KeyError, ValueError, BadZipFile):
        return None


def _identity(task: CellTask, settings: StudyExplainSettings) -> str:
    """Return a hash of what the explanations depend on."""
    config = read_json(task.cell.folder / BUNDLE / "config.json")
    return hash_text(config["weights_sha256"] + settings.model_dump_json())
