"""Which network, and how large: settings from which a network is rebuilt.

They live apart from the networks so that a study can be planned without importing torch.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


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


class ResNetSettings(BaseModel):
    """A residual network after Ribeiro et al. 2020; smaller than theirs by default.

    Attributes:
        n_filters: of each stage; the first also of the stem.
        kernel: length of every convolution, odd.
        stride: by which each stage shortens time.
        dropout: between the convolutions of a stage.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Literal["resnet"] = "resnet"
    n_filters: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(32, 64, 96, 128), min_length=1
    )
    kernel: int = Field(default=9, ge=1)
    stride: int = Field(default=3, ge=1)
    dropout: float = Field(default=0.1, ge=0.0, lt=1.0)

    @field_validator("kernel")
    @classmethod
    def _odd(cls, kernel: int) -> int:
        """Refuse an even kernel, which would move waves by half a sample."""
        if kernel % 2 == 0:
            raise ValueError(f"kernel {kernel} is even: give an odd length")
        return kernel


ModelSettings = Annotated[
    PaperInceptionSettings | InceptionTimeSettings | ResNetSettings, Field(discriminator="name")
]
