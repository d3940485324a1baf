"""InceptionTime (Ismail Fawaz et al. 2020, Data Mining and Knowledge Discovery 34:1936)."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from leadlens.models.convolution import BatchNorm, Convolution, join, keep_layout
from leadlens.models.layers import SqueezeExcitation, own_view
from leadlens.models.pooling import MaxPool
from leadlens.models.receptive_field import receptive_field
from leadlens.models.settings import InceptionTimeSettings

RESIDUAL_EVERY = 3


class InceptionModule(nn.Module):
    """A bottleneck, convolutions of several lengths and a pooling branch, joined in channels."""

    def __init__(
        self, n_in: int, n_filters: int, kernels: tuple[int, ...], squeeze: int | None = None
    ) -> None:
        super().__init__()
        n_joined = n_filters * (len(kernels) + 1)
        self.bottleneck = Convolution(n_in, n_filters, 1)
        self.convolutions = nn.ModuleList(
            Convolution(n_filters, n_filters, kernel) for kernel in kernels
        )
        self.pool = MaxPool(3, 1, is_same=True)
        self.after_pool = Convolution(n_in, n_filters, 1)
        self.norm = BatchNorm(n_joined)
        self.relu = nn.ReLU()
        self.excite = nn.Identity() if squeeze is None else SqueezeExcitation(n_joined, squeeze)

    def forward(
        self, signal: Float[Tensor, "batch channel time"]
    ) -> Float[Tensor, "batch joined time"]:
        """Return the joined branches."""
        narrow = self.bottleneck(signal)
        pooled = self.pool(own_view(signal))
        branches = [convolution(narrow) for convolution in self.convolutions]
        joined = join([*branches, self.after_pool(pooled)], along=1)
        return self.excite(self.relu(self.norm(joined)))


class InceptionTime(nn.Module):
    """Inception modules with a shortcut around every three: `(batch, lead, time)` -> logits."""

    min_samples = 1
    step = 1

    def __init__(
        self, settings: InceptionTimeSettings, n_leads: int, n_classes: int, fs: float | None = None
    ) -> None:
        super().__init__()
        field = receptive_field(settings, fs)
        self.receptive_field = field.n_samples
        n_joined = settings.n_filters * (len(settings.kernels) + 1)
        sizes = [n_leads] + [n_joined] * (settings.depth - 1)
        self.inceptions = nn.ModuleList(
            InceptionModule(n_in, settings.n_filters, field.kernels, settings.squeeze)
            for n_in in sizes
        )
        shortcut_sizes = sizes[: settings.depth - RESIDUAL_EVERY + 1 : RESIDUAL_EVERY]
        self.shortcuts = nn.ModuleList(
            nn.Sequential(Convolution(n_in, n_joined, 1), BatchNorm(n_joined))
            for n_in in shortcut_sizes
        )
        self.relus = nn.ModuleList(nn.ReLU() for _ in shortcut_sizes)
        self.head = nn.Linear(n_joined, n_classes)

    def forward(self, signal: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch class"]:
        """Return the logits."""
        return self.classify(self.features(signal))

    def features(
        self, signal: Float[Tensor, "batch lead time"]
    ) -> Float[Tensor, "batch joined time"]:
        """Return the last feature map."""
        features = shortcut_from = signal
        for number, inception in enumerate(self.inceptions, start=1):
            features = inception(features)
            if number % RESIDUAL_EVERY == 0:
                which = number // RESIDUAL_EVERY - 1
                joined = features + self.shortcuts[which](shortcut_from)
                features = shortcut_from = self.relus[which](joined)
        return features

    def classify(
        self, features: Float[Tensor, "batch joined time"]
    ) -> Float[Tensor, "batch class"]:
        """Return the logits of a feature map."""
        seen = keep_layout(features)
        return self.head(seen.mean(dim=-1))

    def centres(self, n_samples: int) -> Int[Tensor, " time"]:
        """Return the input sample that each position of the feature map is centred on."""
        return torch.arange(n_samples)
