"""A residual network for ECGs, after Ribeiro et al. 2020 (Nature Communications 11:1760).

A stem, then stages of two convolutions each with a shortcut; every stage shortens time by its
stride, so that the last sees seconds at the price of samples. Where theirs ends in a dense layer
over a fixed number of samples, this one takes mean and maximum over time, so that ECGs of any
length fit.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from leadlens.models.convolution import BatchNorm, Convolution, Dropout, keep_layout
from leadlens.models.layers import own_view
from leadlens.models.pooling import MaxOverTime
from leadlens.models.receptive_field import receptive_field
from leadlens.models.settings import ResNetSettings


class ResidualStage(nn.Module):
    """Two convolutions, the second shortening time, and a shortcut that is pooled to match."""

    def __init__(self, n_in: int, n_out: int, kernel: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.stride = stride
        self.first = Convolution(n_in, n_out, kernel)
        self.first_norm = BatchNorm(n_out)
        self.first_relu = nn.ReLU()
        self.second = Convolution(n_out, n_out, kernel, stride)
        self.second_norm = BatchNorm(n_out)
        self.shortcut = Convolution(n_in, n_out, 1, stride)
        self.dropout = Dropout(dropout)
        self.relu = nn.ReLU()

    def forward(
        self, signal: Float[Tensor, "batch channel time"]
    ) -> Float[Tensor, "batch out shorter"]:
        """Return the features at the stage's rate."""
        features = self.first_relu(self.first_norm(self.first(signal)))
        features = self.second_norm(self.second(self.dropout(features)))
        return self.relu(features + self.shortcut(signal))


class ResNet(nn.Module):
    """Residual stages over a stem: `(batch, lead, time)` -> logits `(batch, class)`."""

    min_samples = 1

    def __init__(
        self, settings: ResNetSettings, n_leads: int, n_classes: int, fs: float | None = None
    ) -> None:
        super().__init__()
        kernel, sizes = settings.kernel, settings.n_filters
        self.stem = nn.Sequential(
            Convolution(n_leads, sizes[0], kernel),
            BatchNorm(sizes[0]),
            nn.ReLU(),
        )
        self.stages = nn.ModuleList(
            ResidualStage(n_in, n_out, kernel, settings.stride, settings.dropout)
            for n_in, n_out in zip((sizes[0], *sizes[:-1]), sizes, strict=True)
        )
        self.step = settings.stride ** len(sizes)
        self.peak = MaxOverTime()
        self.head = nn.Linear(2 * sizes[-1], n_classes)
        self.receptive_field = receptive_field(settings, fs).n_samples

    def forward(self, signal: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch class"]:
        """Return the logits."""
        return self.classify(self.features(signal))

    def features(
        self, signal: Float[Tensor, "batch lead time"]
    ) -> Float[Tensor, "batch channel position"]:
        """Return the last feature map."""
        features = self.stem(signal)
        for stage in self.stages:
            features = stage(features)
        return features

    def classify(
        self, features: Float[Tensor, "batch channel position"]
    ) -> Float[Tensor, "batch class"]:
        """Return the logits of a feature map."""
        seen = keep_layout(features)
        both = [seen.mean(dim=-1), self.peak(own_view(seen))]
        return self.head(torch.cat(both, dim=1))

    def centres(self, n_samples: int) -> Int[Tensor, " position"]:
        """Return the input sample that each position of the feature map is centred on."""
        return torch.arange(0, n_samples, self.step)
