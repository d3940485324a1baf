"""xresnet1d (He et al. 2019, CVPR: "Bag of Tricks"; for ECGs: Strodthoff et al. 2021, IEEE JBHI).

A stem of three convolutions, a pooling, four stages of residual blocks. Where a block shortens
time, its shortcut takes means of two; each block starts as its shortcut alone, as the scale of its
last normalisation is 0. The head takes mean and maximum over time, for ECGs of any length.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from leadlens.models.convolution import BatchNorm, Convolution, Dropout, keep_layout
from leadlens.models.layers import own_view
from leadlens.models.pooling import MaxOverTime, MaxPool
from leadlens.models.receptive_field import receptive_field
from leadlens.models.settings import XResNetSettings

STEM = (32, 32, 64)
EXPANSION = 4
"""Channels that a bottleneck's block puts out, for each one inside."""


def _convolution(n_in: int, n_out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Return a convolution and a batch normalisation."""
    return nn.Sequential(
        Convolution(n_in, n_out, kernel, stride),
        BatchNorm(n_out),
    )


class MeanOfTwo(nn.Module):
    """The mean of every two samples; of an odd length, the last one as it is."""

    def forward(
        self, signal: Float[Tensor, "batch channel time"]
    ) -> Float[Tensor, "batch channel half"]:
        """Return the means."""
        padded = torch.cat([signal, signal[..., -1:]], dim=-1)
        n_samples = signal.shape[-1]
        return (padded[..., 0:n_samples:2] + padded[..., 1 : n_samples + 1 : 2]) / 2


class Block(nn.Module):
    """Two convolutions, or one in a bottleneck, and a shortcut around them."""

    def __init__(
        self, n_in: int, n_inside: int, n_out: int, kernel: int, stride: int, is_narrow: bool
    ) -> None:
        super().__init__()
        shapes = (
            [(n_in, n_inside, 1, 1), (n_inside, n_inside, kernel, stride), (n_inside, n_out, 1, 1)]
            if is_narrow
            else [(n_in, n_inside, kernel, stride), (n_inside, n_out, kernel, 1)]
        )
        layers: list[nn.Module] = []
        for shape in shapes:
            layers += [_convolution(*shape), nn.ReLU()]
        self.convolutions = nn.Sequential(*layers[:-1])
        nn.init.zeros_(layers[-2][1].weight)  # type: ignore[index]
        self.shortcut = nn.Sequential(
            MeanOfTwo() if stride == 2 else nn.Identity(),
            _convolution(n_in, n_out, 1) if n_in != n_out else nn.Identity(),
        )
        self.relu = nn.ReLU()

    def forward(
        self, signal: Float[Tensor, "batch channel time"]
    ) -> Float[Tensor, "batch out shorter"]:
        """Return the features."""
        return self.relu(self.convolutions(signal) + self.shortcut(signal))


class XResNet(nn.Module):
    """Residual stages over a stem: `(batch, lead, time)` -> logits `(batch, class)`."""

    min_samples = 1
    step = 32

    def __init__(
        self, settings: XResNetSettings, n_leads: int, n_classes: int, fs: float | None = None
    ) -> None:
        super().__init__()
        kernel = settings.kernel
        stem: list[nn.Module] = []
        for number, (n_in, n_out) in enumerate(zip((n_leads, *STEM[:-1]), STEM, strict=True)):
            stem += [_convolution(n_in, n_out, kernel, 2 if number == 0 else 1), nn.ReLU()]
        self.stem = nn.Sequential(*stem)
        self.pool = MaxPool(3, 2, is_same=True)
        expansion = EXPANSION if settings.has_bottleneck else 1
        blocks, n_in = [], STEM[-1]
        stages = zip(settings.n_filters, settings.n_blocks, strict=True)
        for stage, (n_inside, n_blocks) in enumerate(stages):
            for number in range(n_blocks):
                stride = 2 if stage > 0 and number == 0 else 1
                n_out = expansion * n_inside
                blocks.append(Block(n_in, n_inside, n_out, kernel, stride, settings.has_bottleneck))
                n_in = n_out
        self.blocks = nn.Sequential(*blocks)
        self.peak = MaxOverTime()
        self.dropout = Dropout(settings.dropout)
        self.head = nn.Linear(2 * n_in, n_classes)
        self.receptive_field = receptive_field(settings, fs).n_samples
        for module in self.modules():
            if isinstance(module, nn.Conv1d):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, signal: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch class"]:
        """Return the logits."""
        return self.classify(self.features(signal))

    def features(
        self, signal: Float[Tensor, "batch lead time"]
    ) -> Float[Tensor, "batch channel position"]:
        """Return the last feature map."""
        return self.blocks(self.pool(own_view(self.stem(signal))))

    def classify(
        self, features: Float[Tensor, "batch channel position"]
    ) -> Float[Tensor, "batch class"]:
        """Return the logits of a feature map."""
        seen = keep_layout(features)
        both = [seen.mean(dim=-1), self.peak(own_view(seen))]
        return self.head(self.dropout(torch.cat(both, dim=1)))

    def centres(self, n_samples: int) -> Int[Tensor, " position"]:
        """Return the input sample that each position of the feature map is centred on."""
        return torch.arange(0, n_samples, self.step)
