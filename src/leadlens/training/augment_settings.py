"""Augmentation settings, and the recipes by name; what each part does stands in `augment`."""

from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator


class Part(BaseModel):
    """How often one part of an augmentation acts, and how much.

    Attributes:
        probability: share of the recordings that it changes.
        size: its strength, in the part's own unit; 0 is off.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    probability: float = Field(default=0.0, ge=0, le=1)
    size: float = Field(default=0.0, ge=0, allow_inf_nan=False)

    @property
    def is_on(self) -> bool:
        """Whether it changes anything."""
        return self.probability > 0 and self.size > 0


OFF: Final = Part()


class AugmentSettings(BaseModel):
    """What training does to recordings before the network sees them; nothing by default.

    A level is the root mean square, over many recordings, in leads I, II and III in mV; where the
    input is `lead_zscore`, 1 mV is taken for five standard deviations of each lead.

    Attributes:
        wander: level of slow waves of 0.05 to 0.5 Hz.
        white: level of noise of all frequencies.
        pink: level of noise of power 1/f, above 0.5 Hz.
        mains: level of a hum of 50 or 60 Hz, whichever the sampling rate carries.
        gain: standard deviation of the logarithm of a factor on all leads; not for `lead_zscore`.
        shift: seconds by which a recording moves at most, either way.
        mixup: `a` of the Beta(a, a) that the weight of two mixed recordings is drawn from.
        lead_dropout: share of the leads that go missing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    wander: Part = OFF
    white: Part = OFF
    pink: Part = OFF
    mains: Part = OFF
    gain: Part = OFF
    shift: Part = OFF
    mixup: Part = OFF
    lead_dropout: Part = OFF

    @property
    def has_noise(self) -> bool:
        """Whether any noise is on."""
        return any(part.is_on for part in (self.wander, self.white, self.pink, self.mains))

    @field_validator("lead_dropout")
    @classmethod
    def _is_share(cls, part: Part) -> Part:
        """Refuse to drop more than all leads."""
        if part.size > 1:
            raise ValueError(f"size is a share of the leads, at most 1: {part.size:g}")
        return part


NONE: Final = AugmentSettings()
BEST: Final = AugmentSettings(
    # About twice the median levels of public recordings (`simulate.devices`), root 2 of an
    # electrode's: what a noisier clinic sends.
    wander=Part(probability=0.5, size=0.06),
    white=Part(probability=0.3, size=0.01),
    pink=Part(probability=0.3, size=0.02),
    mains=Part(probability=0.2, size=0.01),
    # Small: voltage decides some diagnoses (low QRS voltage is below 0.5 mV).
    gain=Part(probability=0.5, size=0.1),
    shift=Part(probability=0.5, size=0.5),
    mixup=Part(probability=0.5, size=0.2),
    lead_dropout=Part(probability=0.2, size=0.15),
)
"""Chosen by what recordings look like, for inputs in mV; not tuned on scores."""

RECIPES: Final = MappingProxyType({"none": NONE, "best": BEST})


def _by_name(value: Any) -> Any:
    """Return the recipe of this name; what is no name as it is."""
    if isinstance(value, str):
        if value not in RECIPES:
            raise ValueError(f"unknown augmentation '{value}': allowed are {', '.join(RECIPES)}")
        return RECIPES[value]
    return value


Augmentation = Annotated[AugmentSettings, BeforeValidator(_by_name)]
"""Settings, or the name of a recipe."""
