"""Age and sex beside the ECG: what they add to a network's logits."""

import copy
from typing import Final

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from leadlens.ecg.person import PERSON_FEATURES
from leadlens.errors import ConfigError
from leadlens.models.ensemble import Ensemble

N_HIDDEN: Final = 16
SHARE_UNTOLD: Final = 0.1
"""Of recordings whose person training withholds, so that a model can do without."""


class WithPerson(nn.Module):
    """A network to whose logits age and sex add: `(batch, lead, time)`, `(batch, 4)` -> logits.

    A sum, so that what the ECG says stands apart: an explanation of the ECG is the same for
    everybody, and a person moves each diagnosis by one number. What a sum cannot say is that a
    finding means something else in women or in the old.
    """

    takes_person = True

    def __init__(self, network: nn.Module, n_classes: int) -> None:
        super().__init__()
        self.network = network
        self.hidden = nn.Sequential(nn.Linear(len(PERSON_FEATURES), N_HIDDEN), nn.ReLU())
        self.added = nn.Linear(N_HIDDEN, n_classes, bias=False)
        self.min_samples = getattr(network, "min_samples", 1)
        self.receptive_field = getattr(network, "receptive_field", None)

    def forward(
        self,
        signal: Float[Tensor, "batch lead time"],
        person: Float[Tensor, "batch feature"] | None = None,
    ) -> Float[Tensor, "batch class"]:
        """Return the logits; without `person`, those of people of whom nothing is known."""
        if person is None:
            person = signal.new_zeros((len(signal), len(PERSON_FEATURES)))
        if self.training:
            luck = torch.rand((len(person), 1), device=person.device)
            person = person * (luck >= SHARE_UNTOLD)
        logits: Tensor = self.network(signal)
        return logits + self.offsets(person)

    def offsets(self, person: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch class"]:
        """Return what persons add to the logits."""
        added: Tensor = self.added(self.hidden(person))
        return added


def logits_of(
    network: nn.Module,
    signal: Float[Tensor, "batch lead time"],
    person: Float[Tensor, "batch feature"],
) -> Float[Tensor, "batch class"]:
    """Return a network's logits; `person` is told to those that take it."""
    takes_person = getattr(network, "takes_person", False)
    logits: Tensor = network(signal, person) if takes_person else network(signal)
    return logits


def for_person(network: nn.Module, person: Float32[np.ndarray, " feature"]) -> nn.Module:
    """Return a network of the ECG alone that says what `network` says of this person's ECGs."""
    if not getattr(network, "takes_person", False):
        return network
    if isinstance(network, Ensemble):
        return Ensemble([for_person(member, person) for member in network.members]).eval()
    assert isinstance(network, WithPerson)
    alone = copy.deepcopy(network.network)
    head = last_layer(alone)
    with torch.no_grad():
        told = torch.from_numpy(person).to(head.bias)
        head.bias.add_(network.offsets(told[None])[0])
    return alone


def last_layer(network: nn.Module) -> nn.Linear:
    """Return the last layer of a network of the ECG.

    Raises:
        ConfigError: it is no linear layer with offsets called `head`.
    """
    network = network.network if isinstance(network, WithPerson) else network
    head = getattr(network, "head", None)
    if not isinstance(head, nn.Linear) or head.bias is None:
        raise ConfigError(
            f"{type(network).__name__} has no linear layer with offsets called 'head', which "
            "calibration and persons change: set is_calibrated=false, takes_person=false"
        )
    return head
