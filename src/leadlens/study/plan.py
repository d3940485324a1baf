"""The plan: which cells a study has, where each lies, and which are done."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from leadlens.data.folding.settings import Fold, listed
from leadlens.ecg.band import Band, check_band
from leadlens.ecg.resample import RESAMPLE_METHODS, ResampleMethod
from leadlens.errors import ConfigError, choices
from leadlens.explain.replacement import check_has_twin
from leadlens.files import hash_text, read_json
from leadlens.models.receptive_field import receptive_field
from leadlens.settings import checked
from leadlens.study.folding import study_folds
from leadlens.study.published import published_study
from leadlens.study.settings import SCHEME, SHARE, StudySettings, training_settings
from leadlens.training.settings import TrainingSettings

DONE: Final = "DONE"
METRICS: Final = "metrics.jsonl"
PLAIN: Final = re.compile(r"[A-Za-z0-9_.:+=-]{1,60}")
"""What a part of a folder's name may be."""


@dataclass(frozen=True)
class Shown:
    """How recordings are shown to a network.

    Attributes:
        fs: sampling rate in Hz.
        resampling: how they are brought to it.
        band: the frequencies that are kept.
    """

    fs: float
    resampling: ResampleMethod
    band: Band


@dataclass(frozen=True)
class Cell:
    """One training: a condition and the fold that it is tested on.

    Attributes:
        folder: where it lies.
        condition: the axes' values.
        shown: how recordings are shown to the network.
        fold: the tested fold.
        training: how it is trained; the seed differs from fold to fold.
        source: the source that the fold is, or "".
        scheme: how recordings are dealt to folds, where a study compares ways; or "".
        train_share: of the other folds' recordings, those that are learned from.
    """

    folder: Path
    condition: dict[str, Any]
    shown: Shown
    fold: int
    training: TrainingSettings
    source: str = ""
    scheme: str = ""
    train_share: float = 1.0

    @property
    def fs(self) -> float:
        """The sampling rate in Hz."""
        return self.shown.fs

    @property
    def tested(self) -> str:
        """What the tested fold is called: its source, or its number."""
        return Fold(self.fold, self.source).label

    @property
    def name(self) -> str:
        """The condition's name and the fold."""
        return f"{self.folder.parent.name}/{self.folder.name}"

    @property
    def is_done(self) -> bool:
        """Whether the cell has been computed."""
        return (self.folder / DONE).exists()


def condition_name(condition: dict[str, Any]) -> str:
    """Return a condition as a folder's name, such as "loss=bce,fs=25"."""
    parts = [f"{axis}={_value_name(value)}" for axis, value in condition.items()]
    return ",".join(part.replace("/", "_").replace(":", "_") for part in parts)


def _value_name(value: Any) -> str:
    """Return an axis' value without a comma, such as "focal+gamma=1"."""
    if not isinstance(value, dict):
        return f"{value}"
    name = str(value.get("name", ""))
    text = "+".join([name, *(f"{key}={other}" for key, other in value.items() if key != "name")])
    if PLAIN.fullmatch(text):
        return text
    # Two networks of one kind need two names, however much tells them apart.
    return f"{name}-{hash_text(json.dumps(value, sort_keys=True))[:6]}"


def axis_text(value: Any) -> str:
    """Return an axis' value for people, such as "bce" or "focal (gamma 1)"."""
    if not isinstance(value, dict) or "name" not in value:
        return str(value)
    others = ", ".join(f"{key} {other}" for key, other in value.items() if key != "name")
    return f"{value['name']} ({others})" if others else str(value["name"])


def plan_cells(study: StudySettings, folder: Path) -> list[Cell]:
    """Return every cell of the study, whether done or not.

    Raises:
        ConfigError: a setting is not allowed, or the condition to be explained is not a cell.
        StoreError: the data, which say how many folds there are, are missing or damaged.
    """
    cells = []
    folds = {scheme: study_folds(study, folder, scheme) for scheme in study.fold_schemes}
    for condition in study.conditions:
        training = training_settings(study, condition)
        shown = _shown(study, condition)
        # A field that no network has at this rate is refused here, not after other cells' hours.
        receptive_field(training.model, shown.fs)
        scheme, share = condition.get(SCHEME, ""), float(condition.get(SHARE, 1.0))
        for fold in folds[scheme]:
            place = folder / "cells" / condition_name(condition) / f"fold-{fold.number}"
            own = training.model_copy(update={"seed": training.seed + fold.number})
            cells.append(Cell(place, condition, shown, fold.number, own, fold.name, scheme, share))
    _check_explanation(study, cells)
    for name in study.compare:
        published_study(name)
    return cells


def _shown(study: StudySettings, condition: dict[str, Any]) -> Shown:
    """Return how a condition's recordings are shown to its network."""
    fs = condition["fs"]
    if not isinstance(fs, int | float) or not 1 <= fs <= 10_000:
        raise ConfigError(f"axis 'fs' holds {fs!r}: a rate in Hz, from 1 to 10000, is needed")
    method = condition.get("resampling", study.data.resampling)
    if method not in RESAMPLE_METHODS:
        raise choices("resampling method", str(method), RESAMPLE_METHODS)
    limits: dict[str, Any] = {
        name: condition[name] for name in ("highpass", "lowpass") if name in condition
    }
    band = checked(Band, limits, "axes 'highpass' and 'lowpass'")
    check_band(band, fs)
    return Shown(float(fs), method, band)


def _check_explanation(study: StudySettings, cells: list[Cell]) -> None:
    """Refuse an explanation that could only fail after all the training."""
    if study.explain is not None:
        check_has_twin(study.explain.settings)
    for cell in explained_cells(study, cells):
        if (
            study.explain is not None
            and study.explain.settings.lead_groups == "independent"
            and cell.training.lead_set != "12"
        ):
            raise ConfigError(
                f"study '{study.name}': lead groups 'independent' need the twelve leads, "
                f"but the explained cell has lead set {cell.training.lead_set}"
            )


def explained_cells(study: StudySettings, cells: list[Cell]) -> list[Cell]:
    """Return the cells that are explained: none when the study explains nothing."""
    if study.explain is None:
        return []
    asked = study.explain.fold
    found = [
        cell
        for cell in cells
        if cell.condition == study.explain.condition and asked in (None, cell.fold, cell.tested)
    ]
    if not found:
        folds = tuple({cell.fold: Fold(cell.fold, cell.source) for cell in cells}.values())
        which = "" if asked is None else f"fold {asked}, "
        raise ConfigError(
            f"study '{study.name}' explains {study.explain.condition}, {which}"
            f"which is none of its cells (axes: {', '.join(study.axes)}; folds: {listed(folds)})"
        )
    return found


def n_epochs_done(cell: Cell) -> int:
    """Return how many epochs of the cell have been trained so far."""
    if cell.is_done:
        return cell.training.n_epochs
    metrics = cell.folder / METRICS
    return metrics.read_text(encoding="utf-8").count("\n") if metrics.exists() else 0


def check_done(cell: Cell, identity: dict[str, Any]) -> bool:
    """Return whether the cell is done; refuse one that was computed with other settings."""
    if not cell.is_done:
        return False
    if read_json(cell.folder / DONE)["identity"] != identity:
        raise ConfigError(
            f"{cell.folder} was computed with other settings: choose another --out, or delete it"
        )
    return True
