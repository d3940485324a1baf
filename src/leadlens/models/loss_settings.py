"""Which loss is minimised: settings, importable without torch.

In YAML a bare name (`loss: focal`) stands for that loss with its defaults, a mapping
(`loss: {name: focal, gamma: 1}`) for one with others. They are written the same way: a loss with
its defaults is its name.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

Memory = Annotated[float, Field(ge=0.0, lt=1.0)]
"""Share of the past in soft F1's counts: some 1 / (1 - memory) batches count, so with 0.9 batches
of 30 show a diagnosis as often as those of 300 would. 0, as published: each batch alone."""


class _LossSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BceSettings(_LossSettings):
    """Binary cross-entropy."""

    name: Literal["bce"] = "bce"


class FocalSettings(_LossSettings):
    """Focal loss; the defaults are those of Lin et al. 2017.

    Attributes:
        gamma: how much less an easy label counts; 0 is binary cross-entropy.
        alpha: weight of positives, negatives having 1 - alpha; None weighs both with 1.
    """

    name: Literal["focal"] = "focal"
    gamma: float = Field(default=2.0, ge=0.0)
    alpha: float | None = Field(default=None, gt=0.0, lt=1.0)


class AsymmetricSettings(_LossSettings):
    """Asymmetric loss; the defaults are those of Ridnik et al. 2021.

    Attributes:
        gamma_negative: focus on hard negatives, as in focal loss.
        gamma_positive: focus on hard positives.
        margin: a negative below this probability counts nothing.
    """

    name: Literal["asymmetric"] = "asymmetric"
    gamma_negative: float = Field(default=4.0, ge=0.0)
    gamma_positive: float = Field(default=1.0, ge=0.0)
    margin: float = Field(default=0.05, ge=0.0, lt=1.0)


class SoftF1Settings(_LossSettings):
    """Soft F1 of presence."""

    name: Literal["soft_f1"] = "soft_f1"
    memory: Memory = 0.0


class DoubleSoftF1Settings(_LossSettings):
    """Soft F1 of presence and of absence (Singstad & Muten 2025)."""

    name: Literal["double_soft_f1"] = "double_soft_f1"
    memory: Memory = 0.0


class BceSoftF1Settings(_LossSettings):
    """(1 - weight) x binary cross-entropy + weight x soft F1.

    Attributes:
        weight: of soft F1. Memory makes its gradient 1 - memory times as large: weigh it more.
        double: soft F1 of presence and of absence, not of presence alone.
        memory: of soft F1.
    """

    name: Literal["bce_soft_f1"] = "bce_soft_f1"
    weight: float = Field(default=0.5, ge=0.0, le=1.0)
    double: bool = False
    memory: Memory = 0.0


class ChallengeSettings(_LossSettings):
    """1 - the score of the Challenge 2021, with probabilities in place of decisions."""

    name: Literal["challenge"] = "challenge"


def _spelled_out(value: Any) -> Any:
    """Return a bare name as the mapping that it stands for."""
    return {"name": value} if isinstance(value, str) else value


def _short(settings: Any) -> str | dict[str, Any]:
    """Return a loss with its defaults as its name, any other as a mapping."""
    is_default = settings == type(settings)()
    return settings.name if is_default else settings.model_dump(mode="json")


LossSettings = Annotated[
    Annotated[
        BceSettings
        | FocalSettings
        | AsymmetricSettings
        | SoftF1Settings
        | DoubleSoftF1Settings
        | BceSoftF1Settings
        | ChallengeSettings,
        Field(discriminator="name"),
    ],
    BeforeValidator(_spelled_out),
    PlainSerializer(_short),
]
