"""The Inception network of Singstad & Muten 2025: 114,206 parameters, 112,414 trainable.

Stem, two blocks whose four branches are concatenated along time (not along channels: the length
grows fourfold, the channels stay), pooling, a dense layer. The receptive field is 37 samples. The
usual join along channels, and kernels for another field, are options.
Initialisation and batch normalisation follow Keras, in which the network was written: Glorot
uniform weights, zero biases, epsilon 0.001, momentum 0.99.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from leadlens.models.convolution import join, keep_layout
from leadlens.models.layers import ConvNormRelu, own_view
from leadlens.models.pooling import MaxPool
from leadlens.models.receptive_field import receptive_field
from leadlens.models.settings import PaperInceptionSettings

N_BRANCHES = 4


class InceptionBlock(nn.Module):
    """Four branches side by side, joined end to end in time, or along channels."""

    def __init__(
        self, n_in: int, n_filters: int, three: int = 3, five: int = 5, along: int = 2
    ) -> None:
        super().__init__()
        n, self.along = n_filters, along
        self.point = ConvNormRelu(n_in, n, 1)
        self.three = nn.Sequential(ConvNormRelu(n_in, n, 1), ConvNormRelu(n, n, three))
        self.five = nn.Sequential(ConvNormRelu(n_in, n, 1), ConvNormRelu(n, n, five))
        self.max_pool = MaxPool(3, 1, is_same=True)
        self.pool = ConvNormRelu(n_in, n, 1)

    def forward(
        self, signal: Float[Tensor, "batch channel time"]
    ) -> Float[Tensor, "batch joined longer"]:
        """Return the four branches' outputs, one after the other."""
        pooled = self.max_pool(own_view(signal))
        branches = [self.point(signal), self.three(signal), self.five(signal), self.pool(pooled)]
        return join(branches, self.along)


class PaperInception(nn.Module):
    """The published network: `(batch, lead, time)` -> logits `(batch, class)`."""

    step = 4

    def __init__(
        self,
        settings: PaperInceptionSettings,
        n_leads: int,
        n_classes: int,
        fs: float | None = None,
    ) -> None:
        super().__init__()
        n, field = settings.n_filters, receptive_field(settings, fs)
        stem, three, five = field.kernels
        self.receptive_field = field.n_samples
        is_in_time = settings.join == "time"
        self.n_passes = N_BRANCHES**2 if is_in_time else 1
        # Fewer samples leave nothing for the first pooling, or for the last.
        self.min_samples = 3 if is_in_time else 15
        n_joined, along = (n, 2) if is_in_time else (N_BRANCHES * n, 1)
        self.stem = ConvNormRelu(n_leads, n, stem)
        self.stem_pool = MaxPool(3, 2)
        self.stem_point = ConvNormRelu(n, n, 1)
        self.blocks = nn.Sequential(
            *(InceptionBlock(n_in, n, three, five, along) for n_in in (n, n_joined))
        )
        self.last_pool = MaxPool(7, 2)
        self.head = nn.Linear(n_joined, n_classes)
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
        """Return the last feature map: joined in time, 16 passes over the ECG in a row."""
        features = self.stem_point(self.stem_pool(own_view(self.stem(signal))))
        return self.last_pool(self.blocks(features))

    def classify(
        self, features: Float[Tensor, "batch channel position"]
    ) -> Float[Tensor, "batch class"]:
        """Return the logits of a feature map."""
        seen = keep_layout(features)
        return self.head(seen.mean(dim=-1))

    def centres(self, n_samples: int) -> Int[Tensor, " position"]:
        """Return the input sample that each position of the feature map is centred on.

        Joined in time, both blocks lay their four branches end to end: 16 passes over the ECG.
        Where two meet, some four positions see the end of one and the start of the next: 1.3 % of
        all positions for 1,000 samples.
        """
        n_pass = (n_samples - 3) // 2 + 1
        n_positions = (self.n_passes * n_pass - 7) // 2 + 1
        return 2 * ((2 * torch.arange(n_positions) + 3) % n_pass) + 1
