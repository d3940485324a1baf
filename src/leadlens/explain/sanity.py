"""Sanity: tests that an explanation must pass whatever the model has learned.

A map that stays when the weights go is not of the model (Adebayo et al. 2018). A lead that the
network does not see has no part. Weights that no ECG can show change no explanation. A shortcut
that was planted is found.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from leadlens.ecg.leads import LIMB_FROM_I_II, STANDARD_LEADS
from leadlens.errors import ConfigError
from leadlens.explain.attribution import Attribution
from leadlens.explain.explainers import explainer
from leadlens.explain.frozen import FrozenModel
from leadlens.explain.game import Game
from leadlens.explain.players import make_players
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.stability import spearman

Array = np.ndarray

STRENGTH: Final = 10.0
"""Of the weights added in the null space: an impossible ECG of 1 mV adds 10 mV to a lead."""


class Blind(nn.Module):
    """A network that does not see some leads."""

    def __init__(self, network: nn.Module, leads: list[int], n_leads: int) -> None:
        super().__init__()
        self.network = network
        seen = torch.ones(n_leads, 1)
        seen[leads] = 0.0
        self.register_buffer("seen", seen)

    def forward(self, signal: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch class"]:
        """Return the logits."""
        return self.network(signal * self.get_buffer("seen").to(signal))


class NullSpace(nn.Module):
    """A network with other weights in its first layer and the same answer for every valid ECG.

    To each input lead it adds a mixture of what is left of the four limb-lead equations (III, aVR,
    aVL, aVF less what I and II say of them), which is nothing unless the ECG is impossible. As the
    mixture is linear, it is a change of the first layer's weights.
    """

    def __init__(self, network: nn.Module, strength: float = STRENGTH, seed: int = 0) -> None:
        super().__init__()
        self.network = network
        drawn = np.random.default_rng(seed).normal(size=(12, 4))
        self.register_buffer("mixture", torch.from_numpy(strength * drawn))
        self.register_buffer("equations", torch.from_numpy(LIMB_FROM_I_II[2:].copy()))

    def forward(self, signal: Float[Tensor, "batch 12 time"]) -> Float[Tensor, "batch class"]:
        """Return the logits."""
        mixture, equations = (self.get_buffer(n).to(signal) for n in ("mixture", "equations"))
        left = signal[:, 2:6] - equations @ signal[:, :2]
        return self.network(signal + mixture @ left)


def randomised(network: nn.Module, n_levels: int, seed: int = 0) -> Iterator[nn.Module]:
    """Yield copies of the network with ever more layers randomised, from the top to all.

    The weights of a layer are shuffled among themselves, which keeps their scale, so that the
    signal neither dies nor explodes.
    """
    copy = deepcopy(network)
    layers = [part for part in copy.modules() if any(True for _ in part.parameters(recurse=False))]
    generator = torch.Generator().manual_seed(seed)
    for level in np.array_split(np.arange(len(layers))[::-1], min(n_levels, len(layers))):
        for number in level.tolist():
            for weights in layers[number].parameters(recurse=False):
                order = torch.randperm(weights.numel(), generator=generator).to(weights.device)
                weights.data = weights.data.reshape(-1)[order].reshape(weights.shape)
        yield copy


def cascade(
    model: FrozenModel,
    game: Game,
    settings: ExplainSettings,
    column: int,
    n_levels: int = 4,
    seed: int = 0,
) -> tuple[float, ...]:
    """Return the rank correlation of the map with that of ever more randomised networks."""
    trained = _values(model, game, settings, column)
    return tuple(
        spearman(trained, _values(replace(model, network=network), game, settings, column))
        for network in randomised(model.network, n_levels, seed)
    )


def dummy_share(model: FrozenModel, game: Game, settings: ExplainSettings, column: int) -> float:
    """Return the share of |value| on the last lead group when the network does not see it."""
    players = game.players
    members = list(players.groups.values())[-1]
    blind = Blind(model.network, [players.leads.index(m) for m in members], len(players.leads))
    said = explainer(settings.method)(replace(model, network=blind), game, settings, 0)
    return float(lead_shares(said, column)[-1])


def null_space_shift(
    model: FrozenModel,
    game: Game,
    settings: ExplainSettings,
    column: int,
    seed: int = 0,
) -> float:
    """Return how much of the lead importance moves when weights are added that no ECG can show.

    It is half the summed change of the shares of |value| (total variation): 0 to 1. The window is
    first made to obey the equations exactly, which a recorder's rounding breaks by microvolts.

    Raises:
        ConfigError: the model's leads or scale do not keep the limb-lead equations.
    """
    other, game = _with_null_space(model, game, seed), _exact(game)
    explain = explainer(settings.method)
    one, two = (lead_shares(explain(m, game, settings, 0), column) for m in (model, other))
    return float(np.abs(one - two).sum() / 2)


def zeroing_shift(model: FrozenModel, game: Game, column: int, seed: int = 0) -> float:
    """Return what `null_space_shift` is when single displayed leads are set to zero instead.

    Raises:
        ConfigError: the model's leads or scale do not keep the limb-lead equations.
    """
    settings = ExplainSettings(
        method="occlusion", lead_groups="displayed", pieces="whole", timing=False
    )
    signal = game.windows(np.ones((1, game.players.n_players), bool))[0]
    players = make_players(game.players.leads, signal.shape[1], "mV", settings)
    zeroing = Game(players, signal, torch.zeros_like(signal))
    return null_space_shift(model, zeroing, settings, column, seed)


def has_null_space(model: FrozenModel, game: Game) -> bool:
    """Return whether what the network is shown keeps the limb-lead equations."""
    return (
        game.players.leads == STANDARD_LEADS
        and not bool(model.offset.any())
        and bool((model.gain == model.gain[0]).all())
    )


def lead_shares(attribution: Attribution, column: int) -> Float[Array, " group"]:
    """Return each lead group's share of the summed |value|; all 0 for an empty map."""
    value = np.abs(attribution.sums["lead"].values[column])
    total = value.sum()
    return value / total if total else value


def hum(
    signal: Float32[Array, "lead time"], lead: int, fs: float, frequency: float, amplitude: float
) -> Float32[Array, "lead time"]:
    """Return the window with mains hum in one lead: a shortcut to plant.

    Args:
        signal: in mV.
        lead: its row.
        fs: sampling rate in Hz.
        frequency: Hz, below half of `fs`.
        amplitude: mV.

    Raises:
        ConfigError: the rate cannot carry the frequency.
    """
    if not 0 < frequency < fs / 2:
        raise ConfigError(f"hum of {frequency:g} Hz at {fs:g} Hz: give less than {fs / 2:g} Hz")
    planted = signal.copy()
    time = np.arange(signal.shape[1]) / fs
    planted[lead] += (amplitude * np.sin(2 * np.pi * frequency * time)).astype(np.float32)
    return planted


def _with_null_space(model: FrozenModel, game: Game, seed: int) -> FrozenModel:
    """Return the model with weights added in the null space of its input."""
    if not has_null_space(model, game):
        raise ConfigError(
            "the limb-lead equations hold for the twelve leads in one scale alone: "
            "a model of other leads, or one with normalisation 'lead_zscore', has no such weights"
        )
    return replace(model, network=NullSpace(model.network, seed=seed))


def _exact(game: Game) -> Game:
    """Return the game with III and the augmented leads computed from I and II as they are."""
    if game.players.rows != STANDARD_LEADS:
        return game
    signal, without = game.signal.clone(), game.without.clone()
    for rows in (signal, without):
        rows[2:6] = torch.from_numpy(LIMB_FROM_I_II[2:]).to(rows) @ rows[:2]
    return replace(game, signal=signal, without=without)


def _values(
    model: FrozenModel, game: Game, settings: ExplainSettings, column: int
) -> Float[Array, " player"]:
    """Return the map of one class."""
    return explainer(settings.method)(model, game, settings, 0).values[column]
