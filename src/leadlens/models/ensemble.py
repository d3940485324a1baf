"""An ensemble as one network: the logit of the mean of its members' probabilities."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import logsigmoid


class Ensemble(nn.Module):
    """Networks of one kind side by side: `(batch, lead, time)` -> logits `(batch, class)`.

    Where they take a person beside the ECG, so does the ensemble.

    Probabilities are averaged (the linear pool; Lakshminarayanan et al. 2017), not logits: a single
    member that is sure, as those trained for soft F1 are, would overrule all others.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.min_samples = getattr(members[0], "min_samples", 1)
        self.receptive_field = getattr(members[0], "receptive_field", None)
        self.takes_person = getattr(members[0], "takes_person", False)

    def forward(
        self,
        signal: Float[Tensor, "batch lead time"],
        person: Float[Tensor, "batch feature"] | None = None,
    ) -> Float[Tensor, "batch class"]:
        """Return log(mean p) - log(mean (1 - p)), which no sure member makes infinite."""
        shown = (signal,) if person is None else (signal, person)
        logits = torch.stack([member(*shown) for member in self.members]).float()
        return logsigmoid(logits).logsumexp(dim=0) - logsigmoid(-logits).logsumexp(dim=0)


def joined(members: Sequence[nn.Module]) -> nn.Module:
    """Return one member as it is, several as an ensemble."""
    return members[0] if len(members) == 1 else Ensemble(members).eval()
