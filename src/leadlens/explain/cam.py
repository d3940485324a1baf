"""Class activation maps (Zhou et al. 2016): when the evidence for each class comes.

The head of some networks is linear on the mean over time of a feature map, so a logit is a sum
over time, plus a bias: all classes from one forward pass. A map knows when, not in which lead.
"""

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from leadlens.errors import ConfigError
from leadlens.explain.additivity import with_additivity
from leadlens.explain.attribution import Attribution
from leadlens.explain.frozen import FrozenModel
from leadlens.explain.game import Game
from leadlens.explain.players import Players
from leadlens.explain.rows import refuse_timing
from leadlens.explain.settings import ExplainSettings


@runtime_checkable
class StagedNetwork(Protocol):
    """A network that makes a feature map over time, and logits of it.

    Attributes:
        step: input samples between neighbouring positions of the feature map.
    """

    step: int

    def features(
        self, signal: Float[Tensor, "window lead time"]
    ) -> Float[Tensor, "window channel position"]:
        """Return the last feature map."""

    def classify(
        self, features: Float[Tensor, "window channel position"]
    ) -> Float[Tensor, "window class"]:
        """Return the logits of a feature map."""

    def centres(self, n_samples: int) -> Int[Tensor, " position"]:
        """Return the input sample that each position of the feature map is centred on."""


def staged(network: nn.Module, method: str) -> StagedNetwork:
    """Return `network`, which `method` needs to have a feature map over time.

    Raises:
        ConfigError: it has none.
    """
    if not isinstance(network, StagedNetwork):
        raise ConfigError(
            f"{method} needs a network with a feature map over time ('features', 'classify', "
            f"'centres', 'step'), and {type(network).__name__} has none: use 'lime'"
        )
    return network


def cam(model: FrozenModel, game: Game, settings: ExplainSettings, number: int = 0) -> Attribution:
    """Return class activation maps, summed over pieces; each lead group gets an equal part.

    The values of a class add up to its logit less the head's bias.

    Raises:
        ConfigError: timings are players, or the head is not linear on the mean over time.
    """
    refuse_timing(game.players, "cam")
    network = staged(model.network, "cam")
    everything = np.ones((1, game.players.n_players), bool)
    shown = model.scaled(game.windows(everything))
    with torch.inference_mode():
        features = network.features(shown)
        logits = network.classify(features)
        weight = _linear_head(model.network, features, logits)
        cells = torch.einsum("kc,cp->kp", weight, features[0]) / features.shape[-1]
    values = over_players(
        over_time(cells.double().cpu().numpy(), network, shown.shape[-1]), game.players
    )
    said = logits[0].double().cpu().numpy()
    return with_additivity(model, game, values, said, 1, settings, number)


def _linear_head(
    network: nn.Module,
    features: Float[Tensor, "1 channel position"],
    logits: Float[Tensor, "1 class"],
) -> Float[Tensor, "class channel"]:
    """Return the weights of a head that is linear on the mean over time.

    Raises:
        ConfigError: it is not.
    """
    head = getattr(network, "head", None)
    if isinstance(head, nn.Linear) and head.in_features == features.shape[1]:
        linear = head(features.mean(dim=-1))
        if torch.allclose(linear, logits, rtol=1e-3, atol=1e-4):
            return head.weight
    raise ConfigError(
        f"cam needs a head that is linear on the mean over time, and that of "
        f"{type(network).__name__} is not: use 'grad_cam' or 'lime'"
    )


def over_time(
    cells: Float[np.ndarray, "class position"], network: StagedNetwork, n_samples: int
) -> Float[np.ndarray, "class time"]:
    """Return values at a feature map's positions at the input's samples, with the same sum.

    A position's value is spread evenly over the `step` samples around its centre.
    """
    around = np.arange(network.step) - network.step // 2
    samples = np.clip(network.centres(n_samples).numpy()[:, None] + around, 0, n_samples - 1)
    spread = np.repeat(cells / network.step, network.step, axis=1)
    return np.stack([np.bincount(samples.reshape(-1), each, n_samples) for each in spread])


def over_players(
    cells: Float[np.ndarray, "class time"], players: Players
) -> Float[np.ndarray, "class player"]:
    """Return the sums over pieces, in equal parts to all lead groups."""
    n_pieces, n_groups = len(players.pieces), len(players.groups)
    pieces = np.stack([np.bincount(players.piece_of, each, n_pieces) for each in cells])
    return np.tile(pieces / n_groups, n_groups)
