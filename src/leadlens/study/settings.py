"""A study as written in YAML: data, folds, axes, training, explanation."""

import itertools
from pathlib import Path
from typing import Annotated, Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from leadlens.data.folds import FoldSettings
from leadlens.data.sources import CHALLENGE_SOURCES, is_ptbxl
from leadlens.ecg.resample import ResampleMethod
from leadlens.errors import ConfigError
from leadlens.explain.settings import Aggregate, ExplainSettings
from leadlens.settings import apply_changes, checked
from leadlens.simulate import CohortSettings
from leadlens.training.settings import TrainingSettings, preset

RECIPE: Final = "recipe"
SCHEME: Final = "scheme"
SHARE: Final = "train_share"
SEED: Final = "seed"
SHOWN: Final = ("fs", "resampling", "highpass", "lowpass")
"""Axes that change how recordings are shown to a network, not the training."""
OWN: Final = (SCHEME, SHARE, RECIPE)
"""Axes of a study itself."""
NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"

Name = Annotated[str, Field(pattern=NAME)]


class DataSettings(BaseModel):
    """What the study learns from: a store, a simulated cohort, or several simulated hospitals.

    Attributes:
        store: a store's folder, relative to where the command is run.
        simulate: a cohort, simulated once into the study's folder.
        hospitals: cohorts by the name of the source that each is, all of one rate and duration.
        min_positives: diagnoses with fewer recordings are reported as absent and not trained.
        exact_duration_only: leave out recordings that are not as long as a window, as published.
        resampling: how the store is brought to the study's rates.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    store: Path | None = None
    simulate: CohortSettings | None = None
    hospitals: dict[Name, CohortSettings] = Field(default_factory=dict)
    min_positives: int = Field(default=1, ge=1)
    exact_duration_only: bool = False
    resampling: ResampleMethod = "polyphase"

    @model_validator(mode="after")
    def _one_of_two(self) -> "DataSettings":
        given = (self.store is not None, self.simulate is not None, bool(self.hospitals))
        if sum(given) != 1:
            raise ValueError("give either 'store', 'simulate' or 'hospitals'")
        cohorts = self.hospitals.values()
        if len({(cohort.fs, cohort.duration) for cohort in cohorts}) > 1:
            raise ValueError("hospitals need one fs and one duration: they share a store")
        if len({cohort.seed for cohort in cohorts}) < len(cohorts):
            raise ValueError("hospitals need seeds of their own, or they have the same patients")
        if real := [name for name in self.hospitals if name in CHALLENGE_SOURCES or is_ptbxl(name)]:
            raise ValueError(f"hospital '{real[0]}' is simulated and must not be called like one")
        return self

    @property
    def cohorts(self) -> dict[str, CohortSettings]:
        """The simulated cohorts, by source; none where there is a store."""
        return self.hospitals if self.simulate is None else {"simulated": self.simulate}


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
        schemes: several ways to deal them, by name: values of the axis "scheme", in place of folds.
        preset: training preset to start from.
        training: changes to the preset, for all cells.
        recipes: trainings by name, each a preset and changes to it: values of the axis "recipe".
        pretraining: models by name that a training's `start` can name.
        axes: what varies, each with its values: "fs" (Hz), "resampling", "highpass" and "lowpass"
            (Hz, or null), "scheme", "train_share" (of the training recordings, whole patients),
            "recipe", and any training setting; a part of the network's or the loss' settings as
            "model.receptive_field".
        without: combinations that are left out, each by values of some axes: what cannot exist,
            such as a field that no network has at a low rate, or is not asked.
        baselines: what conditions are compared with: of each, values of some axes; a condition is
            compared with the one that has these values and is otherwise the same (default: the
            first value of every axis).
        explain: what is explained, if anything.
        compare: published studies to print beside the results, by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Name
    question: str
    data: DataSettings
    folds: FoldSettings = FoldSettings()
    schemes: dict[Name, FoldSettings] = Field(default_factory=dict)
    preset: str = "inception_time"
    training: dict[str, Any] = Field(default_factory=dict)
    recipes: dict[str, dict[str, Any]] = Field(default_factory=dict)
    pretraining: dict[str, PretrainingSettings] = Field(default_factory=dict)
    axes: dict[str, tuple[Any, ...]]
    without: tuple[dict[str, Any], ...] = ()
    baselines: tuple[dict[str, Any], ...] = ()
    explain: StudyExplainSettings | None = None
    compare: tuple[str, ...] = ()

    @field_validator("compare", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        """Take one name, or none, as a list."""
        return [value] if isinstance(value, str) else value or ()

    @model_validator(mode="after")
    def _axes_make_sense(self) -> "StudySettings":
        known = (*SHOWN, *OWN, *TrainingSettings.model_fields, "model.PART", "loss.PART")
        for axis, values in self.axes.items():
            if axis not in known and not axis.startswith(("model.", "loss.")):
                raise ValueError(f"unknown axis '{axis}': allowed are {', '.join(known)}")
            if not values or len({str(value) for value in values}) < len(values):
                raise ValueError(f"axis '{axis}' needs values, each once: {list(values)}")
        for axis, where in ((RECIPE, self.recipes), (SCHEME, self.schemes)):
            unknown = [name for name in self.axes.get(axis, ()) if name not in where]
            if unknown:
                raise ValueError(
                    f"{axis} '{unknown[0]}' is not described: {axis}s holds "
                    f"{', '.join(where) or 'none'}"
                )
        shares = self.axes.get(SHARE, ())
        if wrong := [x for x in shares if not isinstance(x, int | float) or not 0 < x <= 1]:
            raise ValueError(f"axis '{SHARE}' holds {wrong[0]!r}: a share above 0, at most 1")
        if "fs" not in self.axes:
            raise ValueError("the axis 'fs' (sampling rates in Hz) is missing")
        return self

    @model_validator(mode="after")
    def _parts_of_conditions_exist(self) -> "StudySettings":
        for what, parts in (("baselines", self.baselines), ("without", self.without)):
            for part in parts:
                for axis, value in part.items():
                    if value not in self.axes.get(axis, ()):
                        raise ValueError(f"{what}: {axis}={value} is not a value of an axis")
        for baseline in self.baselines:
            if fixed := [axis for axis in (SEED, SCHEME) if axis in baseline]:
                raise ValueError(
                    f"baselines: {fixed[0]}={baseline[fixed[0]]}: seeds are averaged, and folds "
                    "compared with their own; name another axis"
                )
        if not self.conditions:
            raise ValueError("without leaves no combination of the axes' values")
        return self

    @model_validator(mode="after")
    def _folds_fit_data(self) -> "StudySettings":
        if SCHEME in self.axes and self.folds != FoldSettings():
            raise ValueError("the axis 'scheme' says how recordings are dealt: drop folds")
        for folds in self.fold_schemes.values():
            if self.data.simulate is not None and folds.k is None:
                raise ValueError(
                    f"folds '{folds.method}' with data.simulate: a simulated cohort is one source "
                    "and has no folds of its own; use 'stratified', or data.hospitals"
                )
            if self.data.hospitals and folds.method == "given":
                raise ValueError(
                    "folds 'given' with data.hospitals: simulated hospitals have no folds of their "
                    "own; use 'stratified' or 'by_source'"
                )
        return self

    @property
    def conditions(self) -> list[dict[str, Any]]:
        """Every combination of the axes' values that is not left out, the last varying fastest."""
        products = itertools.product(*self.axes.values())
        every = (dict(zip(self.axes, values, strict=True)) for values in products)
        return [
            each
            for each in every
            if not any(part.items() <= each.items() for part in self.without if part)
        ]

    @property
    def fold_schemes(self) -> dict[str, FoldSettings]:
        """How recordings are dealt, by the value of the axis "scheme"; "" where there is none."""
        if SCHEME not in self.axes:
            return {"": self.folds}
        return {name: self.schemes[name] for name in self.axes[SCHEME]}


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
        elif axis not in (*SHOWN, *OWN):
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
