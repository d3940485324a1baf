"""A residual network for ECGs, after Ribeiro et al. 2020 (Nature Communications 11:1760).

A stem, then stages of two convolutions each with a shortcut; every stage shortens time by its
stride, so that the last sees seconds at the price of samples. Where theirs ends in a dense layer
over a fixed number of samples, this one takes mean and maximum over time, so that ECGs of any
length fit.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from leadlens.models.settings import ResNetSettings


class ResidualStage(nn.Module):
    """Two convolutions, the second shortening time, and a shortcut that is pooled to match."""

    def __init__(self, n_in: int, n_out: int, kernel: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.stride = stride
        self.first = nn.Conv1d(n_in, n_out, kernel, padding=kernel // 2, bias=False)
        self.first_norm = nn.BatchNorm1d(n_out)
        self.second = nn.Conv1d(
            n_out, n_out, kernel, stride=stride, padding=kernel // 2, bias=False
        )
        self.second_norm = nn.BatchNorm1d(n_out)
        self.shortcut = nn.Conv1d(n_in, n_out, 1, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, signal: Float[Tensor, "batch channel time"]
    ) -> Float[Tensor, "batch out shorter"]:
        """Return the features at the stage's rate."""
        features = torch.relu(self.first_norm(self.first(signal)))
        features = self.second_norm(self.second(self.dropout(features)))
        return torch.relu(features + self.shortcut(signal[..., :: self.stride]))


class ResNet(nn.Module):
    """Residual stages over a stem: `(batch, lead, time)` -> logits `(batch, class)`."""

    min_samples = 1

    def __init__(self, settings: ResNetSettings, n_leads: int, n_classes: int) -> None:
        super().__init__()
        kernel, sizes = settings.kernel, settings.n_filters
        self.stem = nn.Sequential(
            nn.Conv1d(n_leads, sizes[0], kernel, padding=kernel // 2, bias=False),
            nn.BatchNorm1d(sizes[0]),
            nn.ReLU(),
        )
        self.stages = nn.ModuleList(
            ResidualStage(n_in, n_out, kernel, settings.stride, settings.dropout)
            for n_in, n_out in zip((sizes[0], *sizes[:-1]), sizes, strict=True)
        )
        self.head = nn.Linear(2 * sizes[-1], n_classes)
        self.receptive_field = _receptive_field(kernel, settings.stride, len(sizes))

    def forward(self, signal: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch class"]:
        """Return the logits."""
        features = self.stem(signal)
        for stage in self.stages:
            features = stage(features)
        return self.head(torch.cat([features.mean(dim=-1), features.amax(dim=-1)], dim=1))


def _receptive_field(kernel: int, stride: int, n_stages: int) -> int:
    """Return how many samples one output of the last stage sees."""
    field, step = kernel, 1
    for _ in range(n_stages):
        field += 2 * (kernel - 1) * step
        step *= stride
    return field
