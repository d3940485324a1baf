"""Explainers from gradients: integrated gradients and Grad-CAM, by captum.

Gradients are taken of the logits to the rows that are masked, in mV: for lead groups
"independent" through the basis that forms the twelve leads from them. They are computed in the
precision of the network's weights, whatever that of the forward passes under masks.
"""

from typing import Final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from leadlens.errors import require_extra
from leadlens.explain.additivity import with_additivity
from leadlens.explain.attribution import Attribution
from leadlens.explain.cam import StagedNetwork, over_players, over_time, staged
from leadlens.explain.frozen import FrozenModel
from leadlens.explain.game import Game
from leadlens.explain.rows import (
    RowNetwork,
    ends_of,
    logits_of,
    missing_share,
    owned,
    refuse_timing,
)
from leadlens.explain.settings import ExplainSettings

captum = require_extra("captum.attr", "explain", "an explainer of gradients")

N_STEPS: Final = 32
"""Points of the Gauss-Legendre rule from `without` to the window, to begin with."""
MOST_STEPS: Final = 512
TOLERANCE: Final = 0.01
"""Of the largest change of a logit. Points are doubled until the values miss less of theirs:
with random weights InceptionTime needs 32; ResNet, which takes a maximum over time, 64 to 256."""
STEPS_AT_ONCE: Final = 16


def integrated_gradients(
    model: FrozenModel, game: Game, settings: ExplainSettings, number: int = 0
) -> Attribution:
    """Return integrated gradients from `game.without` (Sundararajan et al. 2017).

    The values of a class add up to what its logit loses when all players are off, within
    `TOLERANCE` unless `MOST_STEPS` are not enough.

    Raises:
        ConfigError: timings are players.
    """
    refuse_timing(game.players, "integrated_gradients")
    network = RowNetwork(model, game)
    signal, without = ends_of(game)
    method = captum.IntegratedGradients(network)
    logits, off = logits_of(network, torch.cat([signal, without]))
    n_steps, n_forwards = N_STEPS, 2
    while True:
        cells = [
            method.attribute(
                signal, without, target, n_steps=n_steps, internal_batch_size=STEPS_AT_ONCE
            ).detach()
            for target in range(len(model.classes))
        ]
        n_forwards += n_steps * len(model.classes)
        values = owned(torch.cat(cells), game.players)
        if missing_share(values, logits, off) <= TOLERANCE or 2 * n_steps > MOST_STEPS:
            break
        n_steps *= 2
    return with_additivity(model, game, values, logits, n_forwards, settings, number)


class Split(nn.Module):
    """A network with its feature map as a layer that captum can look at."""

    def __init__(self, network: StagedNetwork) -> None:
        super().__init__()
        self.features = FeatureMap(network)
        self.classify = network.classify

    def forward(self, scaled: Float[Tensor, "window lead time"]) -> Float[Tensor, "window class"]:
        """Return the logits."""
        return self.classify(self.features(scaled))


class FeatureMap(nn.Module):
    """The part of a network up to its last feature map."""

    def __init__(self, network: StagedNetwork) -> None:
        super().__init__()
        self.of = network.features

    def forward(
        self, scaled: Float[Tensor, "window lead time"]
    ) -> Float[Tensor, "window channel position"]:
        """Return the feature map."""
        return self.of(scaled)


def grad_cam(
    model: FrozenModel, game: Game, settings: ExplainSettings, number: int = 0
) -> Attribution:
    """Return Grad-CAM of the last feature map (Selvaraju et al. 2017), without its last ReLU.

    Evidence against a class so stays visible. For networks that `cam` explains, the two are equal.
    It knows when, not in which lead: each lead group gets an equal part.

    Raises:
        ConfigError: timings are players, or the network has no feature map over time.
    """
    refuse_timing(game.players, "grad_cam")
    network = staged(model.network, "grad_cam")
    split = Split(network)
    method = captum.LayerGradCam(split, split.features)
    everything = np.ones((1, game.players.n_players), bool)
    shown = model.scaled(game.windows(everything)).requires_grad_()
    maps = [method.attribute(shown, target).detach()[0] for target in range(len(model.classes))]
    (logits,) = logits_of(split, shown)
    cells = torch.cat(maps).double().cpu().numpy()
    values = over_players(over_time(cells, network, shown.shape[-1]), game.players)
    n_forwards = len(model.classes) + 1
    return with_additivity(model, game, values, logits, n_forwards, settings, number)
