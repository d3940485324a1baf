"""Which network, and how large: settings from which a network is rebuilt.

They live apart from the networks so that a study can be planned without importing torch.
"""

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

LossName = Literal["bce", "soft_f1", "double_soft_f1"]
LOSS_NAMES: tuple[LossName, ...] = get_args(LossName)


class PaperInceptionSettings(BaseModel):
    """The network of Singstad & Muten 2025."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Literal["paper_inception"] = "paper_inception"
    n_filters: int = Field(default=64, ge=1)


class InceptionTimeSettings(BaseModel):
    """InceptionTime (Ismail Fawaz et al. 2020); the defaults are that paper's."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Literal["inception_time"] = "inception_time"
    depth: int = Field(default=6, ge=1, le=24)
    n_filters: int = Field(default=32, ge=1)
    kernels: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(40, 20, 10), min_length=1)


ModelSettings = Annotated[
    PaperInceptionSettings | InceptionTimeSettings, Field(discriminator="name")
]
