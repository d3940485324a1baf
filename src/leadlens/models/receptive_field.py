"""How far a network sees: the kernels for a field in seconds, and the field that kernels make.

Nothing here needs torch, so that a study can be planned by it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from leadlens.errors import ConfigError
from leadlens.models.settings import (
    InceptionTimeSettings,
    ModelSettings,
    PaperInceptionSettings,
    ResNetSettings,
    XResNetSettings,
)

Layers = list[tuple[int, int]]
"""Kernel and stride of one layer after the other."""


@dataclass(frozen=True)
class ReceptiveField:
    """What one position of a network's last feature map sees of its input.

    Attributes:
        kernels: lengths of the convolutions: of `paper_inception` the stem's and those of the
            branches named three and five; of `inception_time` a module's.
        n_samples: the field, or None where no bound is known: a state-space network and a
            squeeze-excitation see all of the input; of a network of your own only itself can tell.
    """

    kernels: tuple[int, ...]
    n_samples: int | None

    def seconds(self, fs: float) -> float | None:
        """Return the field in seconds at `fs` Hz."""
        return None if self.n_samples is None else self.n_samples / fs


def receptive_field(settings: ModelSettings, fs: float | None = None) -> ReceptiveField:
    """Return the kernels that a network gets at `fs` Hz, and the field that it so reaches.

    Raises:
        ConfigError: a field in seconds is asked for that no kernels have at this rate, or `fs`,
            which it needs, is None.
    """
    match settings:
        case PaperInceptionSettings():
            return _of_paper_inception(settings, fs)
        case InceptionTimeSettings():
            return _of_inception_time(settings, fs)
        case ResNetSettings(kernel=kernel):
            stages = len(settings.n_filters) * [(kernel, 1), (kernel, settings.stride)]
            return ReceptiveField((kernel,), n_seen([(kernel, 1), *stages]))
        case XResNetSettings():
            return ReceptiveField((settings.kernel,), n_seen(_xresnet_layers(settings)))
    return ReceptiveField((), None)


def n_seen(layers: Iterable[tuple[int, int]]) -> int:
    """Return how many samples one output of these layers (kernel, stride) sees."""
    field, step = 1, 1
    for kernel, stride in layers:
        field += (kernel - 1) * step
        step *= stride
    return field


def _of_paper_inception(settings: PaperInceptionSettings, fs: float | None) -> ReceptiveField:
    """Return kernels for the nearest odd number of samples, in the published proportions.

    With half-lengths 3 s of the stem, s of branch three and 2 s of branch five the field is
    15 + 22 s. Both branches are rounded; the stem, a step of 2 samples, takes what that leaves.
    """
    least = n_seen(_paper_layers(1, 1))
    if settings.receptive_field is None:
        kernels = (7, 3, 5)
    else:
        wanted = _wanted_samples(settings.receptive_field, fs)
        if round(wanted) < least:
            raise _too_short(settings, fs, least)
        field = 2 * round((wanted - 1) / 2) + 1
        scale = (field - 15) / 22
        three, five = (2 * round(half * scale) + 1 for half in (1, 2))
        kernels = (1 + field - n_seen(_paper_layers(1, five)), three, five)
    return ReceptiveField(kernels, n_seen(_paper_layers(kernels[0], kernels[2])))


def _paper_layers(stem: int, longest: int) -> Layers:
    """Return the longest way through the network: both blocks also have a pooling of three."""
    block = (max(longest, 3), 1)
    return [(stem, 1), (3, 2), block, block, (7, 2)]


def _of_inception_time(settings: InceptionTimeSettings, fs: float | None) -> ReceptiveField:
    """Return kernels in the proportions of the settings', the field nearest to the one asked for.

    Modules have kernels of the same lengths, so fields are `depth` samples apart.
    """
    depth, kernels = settings.depth, settings.kernels
    if settings.receptive_field is not None:
        wanted = _wanted_samples(settings.receptive_field, fs)
        if round(wanted) < 1 + 2 * depth:
            raise _too_short(settings, fs, 1 + 2 * depth)
        longest = 1 + round((wanted - 1) / depth)
        kernels = tuple(max(1, round(each * longest / max(kernels))) for each in kernels)
    if settings.squeeze is not None:
        return ReceptiveField(kernels, None)
    # A module also has a pooling of three.
    return ReceptiveField(kernels, n_seen([(max(*kernels, 3), 1)] * depth))


def _xresnet_layers(settings: XResNetSettings) -> Layers:
    """Return the longest way through the network, without convolutions of one sample."""
    kernel = settings.kernel
    layers = [(kernel, 2), (kernel, 1), (kernel, 1), (3, 2)]
    for stage, n_blocks in enumerate(settings.n_blocks):
        first = (kernel, 1 if stage == 0 else 2)
        n_convolutions = n_blocks * (1 if settings.has_bottleneck else 2)
        layers += [first, *[(kernel, 1)] * (n_convolutions - 1)]
    return layers


def _wanted_samples(seconds: float, fs: float | None) -> float:
    """Return a field in seconds as samples at `fs` Hz.

    Raises:
        ConfigError: the rate is not known.
    """
    if fs is None:
        raise ConfigError(
            f"a receptive field of {seconds:g} s needs the input's sampling rate: "
            "give fs, in Hz, to build_model"
        )
    return seconds * fs


def _too_short(
    settings: PaperInceptionSettings | InceptionTimeSettings, fs: float | None, least: int
) -> ConfigError:
    """Return the error for a field shorter than that of kernels of one sample."""
    assert fs is not None
    return ConfigError(
        f"{settings.name} cannot have a receptive field of {settings.receptive_field:g} s at "
        f"{fs:g} Hz: its pooling alone sees {least} samples, so {least / fs:.3g} s is the smallest"
    )
