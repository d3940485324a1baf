"""A study as written in YAML: data, folds, axes, training, explanation."""

from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from leadlens.data.folds import FoldSettings
from leadlens.ecg.resample import ResampleMethod
from leadlens.errors import ConfigError
from leadlens.explain.settings import Aggregate, ExplainSettings
from leadlens.settings import apply_changes, checked
from leadlens.simulate import CohortSettings
from leadlens.training.settings import TrainingSettings, preset

RECIPE: Final = "recipe"
SHOWN: Final = ("fs", "resampling", "highpass", "lowpass")
"""Axes that change how recordings are shown to a network, not the training."""


class DataSettings(BaseModel):
    """What the study learns from: a store, or a simulated cohort.

    Attributes:
        store: a store's folder, relative to where the command is run.
        simulate: a cohort, simulated once into the study's folder.
        min_positives: diagnoses with fewer recordings are reported as absent and not trained.
        exact_duration_only: leave out recordings that are not as long as a window, as published.
        resampling: how the store is brought to the study's rates.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    store: Path | None = None
    simulate: CohortSettings | None = None
    min_positives: int = Field(default=1, ge=1)
    exact_duration_only: bool = False
    resampling: ResampleMethod = "polyphase"

    @model_validator(mode="after")
    def _one_of_two(self) -> "DataSettings":
        if (self.store is None) == (self.simulate is None):
            raise ValueError("give either 'store' or 'simulate'")
        return self


class PretrainingSettings(BaseModel):
    """A model that is trained on simulated ECGs before the cells, some of which start from it.

    It has the network, the scale and the leads of the cells that start from it, and their rate; it
    sees no recording of the study, so every fold may start from it.

    Attributes:
        simulate: the cohort.
        training: changes to the cells' training, such as the number of epochs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    simulate: CohortSettings
    training: dict[str, Any] = Field(default_factory=dict)


class StudyExplainSettings(BaseModel):
    """Which condition is explained, and on how many recordings.

    Attributes:
        condition: values of the axes, such as {loss: bce, fs: 50}.
        fold: the tested fold (a number, or a source) whose recordings are explained; None means
            every tested fold, each by the model that was tested on it.
        n_per_class: recordings with each diagnosis that a fold adds to its row of the map, at most,
            drawn at random.
        aggregate: "signed", or "absolute" (our reading of the published, unstated aggregation).
        settings: of each explanation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    condition: dict[str, Any]
    fold: int | str | None = None
    n_per_class: int = Field(default=20, ge=1)
    aggregate: Aggregate = "signed"
    settings: ExplainSettings = ExplainSettings()


class StudySettings(BaseModel):
    """A whole study.

    Attributes:
        name: of the study, and of its folder.
        question: what it asks, in a sentence, for the report.
        data: what it learns from.
        folds: how recordings are dealt.
        preset: training preset to start from.
        training: changes to the preset, for all cells.
        recipes: trainings by name, each a preset and changes to it: values of the axis "recipe".
        pretraining: models by name that a training's `start` can name.
        axes: what varies, each with its values: "fs" (Hz), "resampling", "highpass" and "lowpass"
            (Hz, or null), "recipe", and any training setting; a part of the network's or the loss'
            settings as "model.receptive_field".
        explain: what is explained, if anything.
        compare: a published study to print beside the results, by name, if any.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    question: str
    data: DataSettings
    folds: FoldSettings = FoldSettings()
    preset: str = "inception_time"
    training: dict[str, Any] = Field(default_factory=dict)
    recipes: dict[str, dict[str, Any]] = Field(default_factory=dict)
    pretraining: dict[str, PretrainingSettings] = Field(default_factory=dict)
    axes: dict[str, tuple[Any, ...]]
    explain: StudyExplainSettings | None = None
    compare: str | None = None

    @model_validator(mode="after")
    def _axes_make_sense(self) -> "StudySettings":
        known = (*SHOWN, RECIPE, *TrainingSettings.model_fields, "model.PART", "loss.PART")
        for axis, values in self.axes.items():
            if axis not in known and not axis.startswith(("model.", "loss.")):
                raise ValueError(f"unknown axis '{axis}': allowed are {', '.join(known)}")
            if not values or len({str(value) for value in values}) < len(values):
                raise ValueError(f"axis '{axis}' needs values, each once: {list(values)}")
        unknown = [name for name in self.axes.get(RECIPE, ()) if name not in self.recipes]
        if unknown:
            raise ValueError(
                f"recipe '{unknown[0]}' is not described: recipes holds "
                f"{', '.join(self.recipes) or 'none'}"
            )
        if "fs" not in self.axes:
            raise ValueError("the axis 'fs' (sampling rates in Hz) is missing")
        return self

    @model_validator(mode="after")
    def _folds_fit_data(self) -> "StudySettings":
        if self.data.simulate is not None and self.folds.k is None:
            raise ValueError(
                f"folds '{self.folds.method}' with data.simulate: a simulated cohort is one source "
                "and has no folds of its own; use 'stratified', or make a store of it "
                "(leadlens simulate) and give data.store"
            )
        return self


def training_settings(study: StudySettings, condition: dict[str, Any]) -> TrainingSettings:
    """Return the training settings of one condition.

    Raises:
        ConfigError: a value is not allowed.
    """
    recipe = dict(study.recipes[condition[RECIPE]]) if RECIPE in condition else {}
    name = recipe.pop("preset", study.preset)
    changes = {**study.training, **recipe}
    # Parts last: they change what the whole says.
    for axis, value in sorted(condition.items(), key=lambda item: "." in item[0]):
        part, dot, key = axis.partition(".")
        if dot:
            whole = changes.get(part, {})
            whole = {"name": whole} if isinstance(whole, str) else whole
            changes[part] = {**whole, key: value}
        elif axis not in (*SHOWN, RECIPE):
            changes[axis] = value
    settings = preset(name, changes)
    if settings.start is not None and settings.start not in study.pretraining:
        raise ConfigError(
            f"start '{settings.start}' is none of the study's pre-trainings: "
            f"{', '.join(study.pretraining) or 'it has none'}"
        )
    return settings


def read_study(path: Path, changes: tuple[str, ...] = ()) -> StudySettings:
    """Return the study in the YAML file `path`.

    Args:
        path: the file.
        changes: "a.b=value" settings that replace the file's, values in YAML.

    Raises:
        ConfigError: the file is missing, is not YAML, or its settings contradict each other.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} does not hold a study's settings")
    return checked(StudySettings, apply_changes(content, changes), str(path))
