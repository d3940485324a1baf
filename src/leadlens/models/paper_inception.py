"""The Inception network of Singstad & Muten 2025: 114,206 parameters, 112,414 trainable.

Stem, two blocks whose four branches are concatenated along time (not along channels: the length
grows fourfold, the channels stay), pooling, a dense layer. The receptive field is 37 samples.
Initialisation and batch normalisation follow Keras, in which the network was written: Glorot
uniform weights, zero biases, epsilon 0.001, momentum 0.99.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from leadlens.models.layers import ConvNormRelu, MaxPool, own_view, pad_same
from leadlens.models.settings import PaperInceptionSettings

RECEPTIVE_FIELD = 37
MIN_SAMPLES = 3
"""Fewer samples leave nothing for the first pooling."""


class InceptionBlock(nn.Module):
    """Four branches side by side, joined end to end in time."""

    def __init__(self, n_filters: int) -> None:
        super().__init__()
        n = n_filters
        self.point = ConvNormRelu(n, n, 1)
        self.three = nn.Sequential(ConvNormRelu(n, n, 1), ConvNormRelu(n, n, 3))
        self.five = nn.Sequential(ConvNormRelu(n, n, 1), ConvNormRelu(n, n, 5))
        self.max_pool = MaxPool(3, 1)
        self.pool = ConvNormRelu(n, n, 1)

    def forward(
        self, signal: Float[Tensor, "batch channel time"]
    ) -> Float[Tensor, "batch channel 4*time"]:
        """Return the four branches' outputs, one after the other in time."""
        pooled = self.max_pool(pad_same(signal, 3, value=float("-inf")))
        branches = [self.point(signal), self.three(signal), self.five(signal), self.pool(pooled)]
        return torch.cat(branches, dim=-1)


class PaperInception(nn.Module):
    """The published network: `(batch, lead, time)` -> logits `(batch, class)`."""

    receptive_field = RECEPTIVE_FIELD
    min_samples = MIN_SAMPLES
    step = 4

    def __init__(self, settings: PaperInceptionSettings, n_leads: int, n_classes: int) -> None:
        super().__init__()
        n = settings.n_filters
        self.stem = ConvNormRelu(n_leads, n, 7)
        self.stem_pool = MaxPool(3, 2)
        self.stem_point = ConvNormRelu(n, n, 1)
        self.blocks = nn.Sequential(InceptionBlock(n), InceptionBlock(n))
        self.last_pool = MaxPool(7, 2)
        self.head = nn.Linear(n, n_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, signal: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch class"]:
        """Return the logits."""
        return self.classify(self.features(signal))

    def features(
        self, signal: Float[Tensor, "batch lead time"]
    ) -> Float[Tensor, "batch channel position"]:
        """Return the last feature map: 16 passes over the ECG, one after the other."""
        features = self.stem_point(self.stem_pool(own_view(self.stem(signal))))
        return self.last_pool(self.blocks(features))

    def classify(
        self, features: Float[Tensor, "batch channel position"]
    ) -> Float[Tensor, "batch class"]:
        """Return the logits of a feature map."""
        return self.head(features.mean(dim=-1))

    def centres(self, n_samples: int) -> Int[Tensor, " position"]:
        """Return the input sample that each position of the feature map is centred on.

        Both blocks lay their four branches end to end: 16 passes over the ECG. Where two meet, some
        four positions see the end of one and the start of the next: 1.3 % of all positions for
        1,000 samples.
        """
        n_pass = (n_samples - 3) // 2 + 1
        n_positions = (16 * n_pass - 7) // 2 + 1
        return 2 * ((2 * torch.arange(n_positions) + 3) % n_pass) + 1
