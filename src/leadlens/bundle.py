"""Bundle: a trained model with all it needs to read an ECG, in one folder.

    config.json         network, leads, rate, scale, diagnoses, thresholds, what it was trained on,
                        how well it tells what on recordings that it has not seen
    model.safetensors   the weights
    README.md           the model card

Loading executes nothing: the network is rebuilt from its settings, the weights are plain numbers.
Only a network of one's own is code, and is imported when that is asked for.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float32
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

import leadlens
from leadlens.ecg.band import EVERYTHING, Band, limit_band
from leadlens.ecg.diagnoses import diagnosis
from leadlens.ecg.person import person_features
from leadlens.ecg.preprocess import Normalisation, apply_scale, check_units, scale_of
from leadlens.ecg.recording import Recording, select_leads, standard_leads
from leadlens.ecg.resample import ResampleMethod, resample
from leadlens.ecg.window import cut_window, window_starts
from leadlens.errors import BundleError, ConfigError, StoreError
from leadlens.evaluation.skill import Skill
from leadlens.files import hash_file, read_json, write_json, write_text, written_beside
from leadlens.models.convolution import at_once
from leadlens.models.ensemble import joined
from leadlens.models.person import for_person
from leadlens.models.registry import build_model
from leadlens.models.settings import ImportedSettings, ModelSettings

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
CARD = "README.md"
OWN_CODE = "LEADLENS_OWN_CODE"
NOT_A_DEVICE = "Research software: not a medical device, not for diagnosis or treatment."


class HeldOut(BaseModel):
    """How well a model did on recordings that it had not seen.

    Attributes:
        on: which recordings these were, in words.
        skills: one for each of the model's classes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    on: str
    skills: tuple[Skill, ...]


class BundleConfig(BaseModel):
    """Everything about a model but its weights.

    `members` counts the networks of an ensemble; `takes_person` is whether age and sex are told to
    them; `held_out` is None where the model was never tested.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    format: Literal["leadlens-bundle-1"] = "leadlens-bundle-1"
    model: ModelSettings
    leads: tuple[str, ...]
    fs: float
    duration: float
    resampling: ResampleMethod
    band: Band = EVERYTHING
    normalisation: Normalisation
    classes: tuple[str, ...]
    thresholds: tuple[float, ...]
    members: int = 1
    takes_person: bool = False
    trained_on: dict[str, Any]
    training: dict[str, Any]
    weights_sha256: str
    leadlens_version: str
    held_out: HeldOut | None = None

    @model_validator(mode="after")
    def _one_value_a_class(self) -> "BundleConfig":
        values = {"thresholds": len(self.thresholds)}
        if self.held_out is not None:
            values["held-out skills"] = len(self.held_out.skills)
        for name, n in values.items():
            if n != len(self.classes):
                raise ValueError(f"{n} {name} for {len(self.classes)} classes")
        return self


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of one ECG: a probability and a decision for each class."""

    record_id: str
    classes: tuple[str, ...]
    probabilities: Float32[np.ndarray, " class"]
    decisions: Bool[np.ndarray, " class"]


@dataclass(frozen=True, eq=False)
class Bundle:
    """A loaded model; `predict` takes any Recording that has its leads.

    A model that takes age and sex is told nothing of them but by `for_person` and `predict`.
    """

    path: Path
    config: BundleConfig
    model: nn.Module

    def windows(self, recording: Recording) -> Float32[np.ndarray, "window lead time"]:
        """Return the recording as the model sees it before scaling: its leads, rate and windows.

        Raises:
            BundleError: a lead that the model needs is missing.
            ConfigError: the model needs millivolts and the recording has none.
        """
        chosen = select_leads(standard_leads(recording), self.config.leads)
        missing = [
            lead
            for lead, is_there in zip(chosen.leads, chosen.lead_mask, strict=True)
            if not is_there
        ]
        if missing:
            raise BundleError(
                f"{recording.record_id} lacks {', '.join(missing)}, which this model needs "
                f"(it was trained on {', '.join(self.config.leads)})"
            )
        units: set[str] = {recording.units}
        check_units(self.config.normalisation, units)
        signal = resample(chosen, self.config.fs, self.config.resampling).signal
        signal = limit_band(signal, self.config.fs, self.config.band)
        n_window = round(self.config.fs * self.config.duration)
        starts = window_starts(signal.shape[1], n_window)
        return np.stack([cut_window(signal, start, n_window) for start in starts])

    def for_person(self, age: float | None, sex: str | None) -> "Bundle":
        """Return the model of this person's ECGs; itself, where it takes no age and sex."""
        if not self.config.takes_person:
            return self
        return replace(self, model=for_person(self.model, person_features(age, sex)))

    def logits(
        self, signal: Float32[np.ndarray, "window lead time"]
    ) -> Float32[np.ndarray, "window class"]:
        """Return the logits of windows in mV (or relative units), NaN where missing."""
        scaled = apply_scale(signal, scale_of(signal, self.config.normalisation))
        return self.logits_of_input(scaled)

    def logits_of_input(
        self, scaled: Float32[np.ndarray, "window lead time"], batch_size: int | None = None
    ) -> Float32[np.ndarray, "window class"]:
        """Return the logits of windows that are scaled already."""
        device = next(self.model.parameters()).device
        n = batch_size or at_once(device)
        with torch.inference_mode():
            pieces = [
                self.model(torch.from_numpy(scaled[i : i + n]).to(device)).cpu().numpy()
                for i in range(0, len(scaled), n)
            ]
        return np.concatenate(pieces)

    def predict(self, recording: Recording) -> Prediction:
        """Return probabilities (the mean over windows) and decisions for one recording."""
        model = self.for_person(recording.age, recording.sex)
        logits = model.logits(self.windows(recording)).astype(np.float64)
        probabilities = (1.0 / (1.0 + np.exp(-logits))).mean(axis=0).astype(np.float32)
        decisions = probabilities > np.array(self.config.thresholds, dtype=np.float32)
        return Prediction(recording.record_id, self.config.classes, probabilities, decisions)


def save_bundle(path: Path, network: nn.Module, **config: Any) -> None:
    """Write a bundle to the folder `path`; `config` holds the fields of BundleConfig."""
    path.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()
    }
    with written_beside(path / WEIGHTS) as beside:
        save_file(tensors, beside)
    full = BundleConfig(
        **config,
        weights_sha256=hash_file(path / WEIGHTS),
        leadlens_version=leadlens.__version__,
    )
    write_text(path / CARD, model_card(full))
    write_json(path / CONFIG, full.model_dump(mode="json"))


def load_bundle(
    path: str | Path, device: torch.device | None = None, own_code: bool | None = None
) -> Bundle:
    """Return the model in the folder `path`.

    Args:
        path: the folder.
        device: where the model computes; None is the processor.
        own_code: whether a network that is named by its import path may be imported, which runs
            its code: only for a model whose code you trust. None asks the environment variable
            LEADLENS_OWN_CODE, which is 1 where it may.

    Raises:
        BundleError: a file is missing or damaged, or belongs to another version; the model is code
            that `own_code` does not allow.
        ConfigError: the code of one's own network cannot be imported or used.
    """
    path = Path(path)
    try:
        config = BundleConfig.model_validate(read_json(path / CONFIG))
    except (StoreError, ValidationError) as error:
        raise BundleError(f"{path} is not a leadlens model: {error}") from error
    weights = path / WEIGHTS
    if not weights.exists() or hash_file(weights) != config.weights_sha256:
        raise BundleError(f"{weights} is missing or is not the file that {CONFIG} names")
    may_import = os.environ.get(OWN_CODE) == "1" if own_code is None else own_code
    if isinstance(config.model, ImportedSettings) and not may_import:
        raise BundleError(
            f"the network of {path} is code of its own, {config.model.name}, which loading would "
            f"import and run: if you trust it, set {OWN_CODE}=1 (load_bundle: own_code=True)"
        )
    sizes = len(config.leads), len(config.classes)
    model = joined([
        build_model(config.model, *sizes, fs=config.fs, takes_person=config.takes_person)
        for _ in range(config.members)
    ])  # fmt: skip
    try:
        model.load_state_dict(load_file(weights))
    except (SafetensorError, RuntimeError) as error:
        raise BundleError(f"{weights} does not fit {CONFIG}: {error}") from error
    return Bundle(path, config, model.eval().to(device or torch.device("cpu")))


def model_card(config: BundleConfig) -> str:
    """Return the model card: what the model is, what it learned from, what it is not for."""
    tested, skills = "It was not tested on unseen recordings.", [""] * len(config.classes)
    if config.held_out is not None:
        tested = f"Skill on {config.held_out.on}, which the model has not seen:"
        skills = [f": {skill.in_words}" for skill in config.held_out.skills]
    names = "\n".join(
        f"- {_name(code)} ({code}){skill}"
        for code, skill in zip(config.classes, skills, strict=True)
    )
    person = "; age and sex, where they are known" if config.takes_person else ""
    facts = "\n".join(f"- {key}: {value}" for key, value in config.trained_on.items())
    return (
        f"# {config.model.name}, {len(config.classes)} diagnoses at {config.fs:g} Hz\n\n"
        f"{NOT_A_DEVICE}\n\n"
        f"Input: {config.duration:g} s of leads {', '.join(config.leads)} "
        f"at {config.fs:g} Hz{_band_in_words(config.band)}, "
        f"scale `{config.normalisation}`{person}.\n\n"
        f"## Trained on\n\n{facts}\n\n## Diagnoses (SNOMED CT)\n\n"
        f"{tested}\n\n{names}\n\n"
        "## Limits\n\nIt knows only the diagnoses above, as its training data label them. "
        "Its scores on other hospitals' recordings are not known until they are measured "
        "(`leadlens evaluate MODEL STORE`).\n"
    )


def _band_in_words(band: Band) -> str:
    """Return what a model is not shown, if anything."""
    parts = ((band.highpass, "above"), (band.lowpass, "below"))
    limits = [f"{side} {limit:g} Hz" for limit, side in parts if limit is not None]
    return f", of which only what is {' and '.join(limits)}" if limits else ""


def _name(code: str) -> str:
    """Return a diagnosis' name, or the code itself for one outside the 30."""
    try:
        return diagnosis(code).name
    except ConfigError:
        return code
