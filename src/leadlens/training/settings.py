"""Training settings, and the presets by name."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from leadlens.data.order import Order
from leadlens.ecg.preprocess import Normalisation
from leadlens.errors import choices
from leadlens.models.loss_settings import BceSettings, DoubleSoftF1Settings, LossSettings
from leadlens.models.settings import (
    InceptionTimeSettings,
    ModelSettings,
    PaperInceptionSettings,
    ResNetSettings,
)
from leadlens.settings import checked

Schedule = Literal["constant", "one_cycle", "published_steps", "published_plateau"]


class TrainingSettings(BaseModel):
    """How one network is trained, with Adam.

    Attributes:
        model: the network.
        loss: what is minimised: a name, or a mapping such as {name: focal, gamma: 1}.
        normalisation: the scale of the input.
        lead_set: the leads used, by the Challenge's name: "12", "6", "4", "3" or "2".
        crop: seconds of a window that a step shows, anywhere in it; predictions are the mean over
            crops that cover the recording. None shows whole windows.
        order: "random", or "streaming" for stores larger than memory: neighbours are read together.
        epochs: passes over the training recordings.
        batch_size: recordings a step.
        learning_rate: Adam's; the largest one for `one_cycle`.
        schedule: "constant"; "one_cycle" (Smith & Topin 2019); "published_steps", a tenth after
            epochs 5, 9, 11 and 14 as in the authors' challenge entry; "published_plateau", a tenth
            whenever the loss on the fold that is reported does not improve: a leak, kept to
            reproduce the study, and marked in every report.
        plateau_patience: epochs without improvement before the plateau schedule acts
            (unpublished; 1 is our choice).
        plateau_cooldown: epochs that it then waits.
        plateau_min_delta: a smaller decrease is no improvement (Keras' default; unpublished).
        precision: "auto" is bfloat16 where the hardware computes in it, else float32.
        threshold: a diagnosis is given when its probability is above this.
        seed: of the weights and of the order of the recordings.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    model: ModelSettings = InceptionTimeSettings()
    loss: LossSettings = BceSettings()
    normalisation: Normalisation = "millivolt"
    lead_set: Literal["12", "6", "4", "3", "2"] = "12"
    crop: float | None = Field(default=None, gt=0)
    order: Order = "random"
    epochs: int = Field(default=15, ge=1)
    batch_size: int = Field(default=64, ge=2)
    learning_rate: float = Field(default=3e-3, gt=0)
    schedule: Schedule = "one_cycle"
    plateau_patience: int = Field(default=1, ge=0)
    plateau_cooldown: int = Field(default=2, ge=0)
    plateau_min_delta: float = Field(default=1e-4, ge=0)
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    seed: int = Field(default=0, ge=0)


PRESETS: dict[str, TrainingSettings] = {
    # Small enough for a laptop's processor: a fifteenth of InceptionTime's multiplications.
    "small": TrainingSettings(
        model=InceptionTimeSettings(depth=3, n_filters=8, kernels=(39, 19, 9)),
        batch_size=32,
        learning_rate=1e-2,
        epochs=15,
    ),
    # Twenty times faster to train on a processor than InceptionTime, and sees seconds at once.
    "resnet": TrainingSettings(model=ResNetSettings(), batch_size=64, epochs=10),
    "inception_time": TrainingSettings(),
    "paper": TrainingSettings(
        model=PaperInceptionSettings(),
        loss=DoubleSoftF1Settings(),
        normalisation="microvolt",
        epochs=15,
        batch_size=30,
        learning_rate=1e-3,
        schedule="published_steps",
        precision="float32",
    ),
}
"""`paper` follows Singstad & Muten 2025, with the steps of their challenge entry, which leak
nothing; the plateau schedule of their cross-validation is `schedule: published_plateau`."""


def preset(name: str, changes: dict[str, Any] | None = None) -> TrainingSettings:
    """Return the preset called `name`, with some settings changed.

    Changes of the network's or the loss' settings are changes to the preset's, unless they name
    another.

    Raises:
        ConfigError: no preset has this name, or a change is not allowed.
    """
    if name not in PRESETS:
        raise choices("training preset", name, PRESETS)
    start, values = PRESETS[name], dict(changes or {})
    for part in ("model", "loss"):
        own, change = getattr(start, part).model_dump(), values.get(part)
        if isinstance(change, dict) and change.get("name", own["name"]) == own["name"]:
            values[part] = {**own, **change}
    values = {**start.model_dump(), **values}
    return checked(TrainingSettings, values, f"training preset '{name}'")
