"""Which network, and how large: settings from which a network is rebuilt.

They live apart from the networks so that a study can be planned without importing torch.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    PositiveFloat,
    PositiveInt,
    Tag,
    field_validator,
    model_validator,
)


def _odd(kernel: int) -> int:
    """Refuse an even kernel, which would move waves by half a sample."""
    if kernel % 2 == 0:
        raise ValueError(f"kernel {kernel} is even: give an odd length")
    return kernel


class PaperInceptionSettings(BaseModel):
    """The network of Singstad & Muten 2025.

    Attributes:
        n_filters: channels of every convolution.
        join: where a block's four branches are laid: end to end in "time", as published, or side
            by side in "channels", as in other Inception networks.
        receptive_field: seconds that one output sees; None keeps the published kernels, 37 samples
            at any rate.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Literal["paper_inception"] = "paper_inception"
    n_filters: int = Field(default=64, ge=1)
    join: Literal["time", "channels"] = "time"
    receptive_field: float | None = Field(default=None, gt=0)


class InceptionTimeSettings(BaseModel):
    """InceptionTime (Ismail Fawaz et al. 2020); the defaults are that paper's.

    Attributes:
        depth: number of modules.
        n_filters: channels of each branch.
        kernels: lengths of a module's convolutions.
        squeeze: by how much a squeeze-excitation (Hu et al. 2018) after each module narrows its
            channels; None leaves it out.
        receptive_field: seconds that one output sees, to which `kernels` are scaled; None keeps
            them as they are at any rate.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Literal["inception_time"] = "inception_time"
    depth: int = Field(default=6, ge=1, le=24)
    n_filters: int = Field(default=32, ge=1)
    kernels: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(40, 20, 10), min_length=1)
    squeeze: int | None = Field(default=None, ge=1)
    receptive_field: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one_view(self) -> "InceptionTimeSettings":
        """Refuse a field in seconds where every output sees the whole input."""
        if self.squeeze is not None and self.receptive_field is not None:
            raise ValueError(
                f"squeeze {self.squeeze} weighs channels by their mean over the whole input, so a "
                f"receptive_field of {self.receptive_field:g} s cannot be kept: give one of the two"
            )
        return self


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

    _odd_kernel = field_validator("kernel")(_odd)


class XResNetSettings(BaseModel):
    """A residual network after He et al. 2019, for ECGs as in Strodthoff et al. 2021.

    Attributes:
        depth: 18, 50 or 101 layers; from 50 on, blocks have a bottleneck.
        n_filters: of the four stages, inside their blocks; 64 each in Strodthoff et al. Blocks with
            a bottleneck put out four times as many.
        kernel: length of every convolution but those of one sample, odd.
        dropout: before the last layer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Literal["xresnet1d"] = "xresnet1d"
    depth: Literal[18, 50, 101] = 50
    n_filters: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt] = (64, 64, 64, 64)
    kernel: int = Field(default=5, ge=3)
    dropout: float = Field(default=0.5, ge=0.0, lt=1.0)

    _odd_kernel = field_validator("kernel")(_odd)

    @property
    def has_bottleneck(self) -> bool:
        """Whether blocks narrow their channels for the long convolution."""
        return self.depth >= 50

    @property
    def n_blocks(self) -> tuple[int, int, int, int]:
        """How many blocks each stage has (He et al. 2016)."""
        return {18: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}[self.depth]


class StateSpaceSettings(BaseModel):
    """A diagonal state-space network after Gu et al. 2022 (S4D).

    Attributes:
        depth: number of blocks.
        n_filters: channels.
        n_states: complex states of each channel and direction.
        time_scales: the shortest and the longest T in seconds. Training starts with each channel's
            T drawn between them, and its states fading as exp(-t / 2T) and turning n times in 2T.
            In seconds, so that a network sees alike at every rate; at 100 Hz the default is the
            paper's 0.001 to 0.1 a sample.
        dropout: before each block's shortcut joins.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Literal["state_space"] = "state_space"
    depth: int = Field(default=4, ge=1, le=24)
    n_filters: int = Field(default=64, ge=1)
    n_states: int = Field(default=8, ge=1)
    time_scales: tuple[PositiveFloat, PositiveFloat] = (0.1, 10.0)
    dropout: float = Field(default=0.1, ge=0.0, lt=1.0)

    @field_validator("time_scales")
    @classmethod
    def _shortest_first(cls, scales: tuple[float, float]) -> tuple[float, float]:
        if scales[0] > scales[1]:
            raise ValueError(f"time_scales {scales}: the shortest comes first")
        return scales


class ImportedSettings(BaseModel):
    """A network of your own: `ClassName(n_leads=..., n_classes=..., **arguments)`.

    Attributes:
        name: the class' import path, "package.module:ClassName".
        arguments: what else the class is built with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$")
    arguments: dict[str, JsonValue] = Field(default_factory=dict)


IMPORTED: Final = "imported"
NETWORK_NAMES: Final = ("paper_inception", "inception_time", "resnet", "xresnet1d", "state_space")


def _kind_of(settings: Any) -> Any:
    """Return which kind of settings these are: a name has a colon if it is an import path."""
    name = settings.get("name") if isinstance(settings, dict) else getattr(settings, "name", None)
    return IMPORTED if isinstance(name, str) and ":" in name else name


def _known(settings: Any) -> Any:
    """Refuse the name of no network, in words that name the networks."""
    kind = _kind_of(settings)
    if kind not in (*NETWORK_NAMES, IMPORTED):
        given = "no 'name'" if kind is None else f"unknown name {kind!r}"
        raise ValueError(
            f"{given}: networks are {', '.join(NETWORK_NAMES)}, "
            "or your own by its import path, 'package.module:ClassName'"
        )
    return settings


ModelSettings = Annotated[
    Annotated[PaperInceptionSettings, Tag("paper_inception")]
    | Annotated[InceptionTimeSettings, Tag("inception_time")]
    | Annotated[ResNetSettings, Tag("resnet")]
    | Annotated[XResNetSettings, Tag("xresnet1d")]
    | Annotated[StateSpaceSettings, Tag("state_space")]
    | Annotated[ImportedSettings, Tag(IMPORTED)],
    Discriminator(_kind_of),
    BeforeValidator(_known),
]
