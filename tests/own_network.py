"""Networks as a user would write them."""

import torch
from torch import Tensor, nn


class OwnNetwork(nn.Module):
    """A convolution, a mean over time, a linear layer; it says nothing about itself."""

    def __init__(self, n_leads: int, n_classes: int, n_filters: int = 3) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(n_leads, n_filters, 3, padding=1)
        self.norm = nn.BatchNorm1d(n_filters)
        self.head = nn.Linear(n_filters, n_classes)

    def forward(self, signal: Tensor) -> Tensor:
        """Return the logits."""
        return self.head(torch.relu(self.norm(self.convolution(signal))).mean(dim=-1))


class OwnLength(OwnNetwork):
    """A network for inputs of at least 77 samples; it remembers what it was tried with."""

    min_samples = 77

    def forward(self, signal: Tensor) -> Tensor:
        """Return the logits."""
        self.tried = tuple(signal.shape)
        return super().forward(signal)


class PerSample(OwnNetwork):
    """Logits for every sample, where one row an ECG is needed."""

    def forward(self, signal: Tensor) -> Tensor:
        """Return logits (batch, class, time)."""
        return self.head(self.convolution(signal).transpose(1, 2)).transpose(1, 2)


class TwoOutputs(OwnNetwork):
    """Logits and something else."""

    def forward(self, signal: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Return the logits twice."""
        return super().forward(signal), super().forward(signal)


class Broken(OwnNetwork):
    """A network that no input fits."""

    def forward(self, signal: Tensor) -> Tensor:
        """Fail."""
        return self.head(signal)


def not_a_module(n_leads: int, n_classes: int) -> dict[str, int]:
    """Return numbers."""
    return {"n_leads": n_leads, "n_classes": n_classes}


class HeadOfAnotherName(nn.Module):
    """A network whose last layer is called otherwise."""

    def __init__(self, n_leads: int, n_classes: int) -> None:
        super().__init__()
        self.last = nn.Linear(n_leads, n_classes)

    def forward(self, signal: Tensor) -> Tensor:
        """Return the logits."""
        return self.last(signal.mean(dim=-1))
