"""An ensemble as one network: the mean of its members' logits."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Ensemble(nn.Module):
    """Networks of one kind side by side: `(batch, lead, time)` -> mean logits `(batch, class)`.

    The mean of logits is the geometric mean of the odds: members that are sure count for more than
    in a mean of probabilities, and an explanation of the ensemble is the mean of its members'.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.min_samples = getattr(members[0], "min_samples", 1)
        self.receptive_field = getattr(members[0], "receptive_field", None)

    def forward(self, signal: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch class"]:
        """Return the logits."""
        return torch.stack([member(signal) for member in self.members]).mean(dim=0)


def joined(members: Sequence[nn.Module]) -> nn.Module:
    """Return one member as it is, several as an ensemble."""
    return members[0] if len(members) == 1 else Ensemble(members).eval()
