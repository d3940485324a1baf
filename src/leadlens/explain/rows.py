"""A game's rows as what a network is a function of: what explainers by gradients share."""

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from leadlens.errors import ConfigError
from leadlens.explain.frozen import FrozenModel
from leadlens.explain.game import Game
from leadlens.explain.players import Players


class RowNetwork(nn.Module):
    """A frozen model as a function of a game's rows.

    Attributes:
        network: (window, lead, time), scaled, to (window, class).
        basis: (lead, row), or None where rows are leads.
        is_there: (lead, time) False where nothing was recorded.
    """

    def __init__(self, model: FrozenModel, game: Game) -> None:
        super().__init__()
        players = game.players
        self.network = model.network
        self.scaled = model.scaled
        self.basis = (
            None if players.rows == players.leads else torch.as_tensor(players.basis).to(model.like)
        )
        ends = np.array([[True] * players.n_players, [False] * players.n_players])
        self.is_there: Bool[Tensor, "lead time"] = ~game.windows(ends).isnan().any(dim=0)

    def forward(self, rows: Float[Tensor, "window row time"]) -> Float[Tensor, "window class"]:
        """Return the logits of rows in mV, numbers throughout."""
        leads = rows if self.basis is None else torch.einsum("lr,wrt->wlt", self.basis, rows)
        return self.network(self.scaled(leads.where(self.is_there, torch.nan)))


def refuse_timing(players: Players, method: str) -> None:
    """Raise ConfigError where timings are players: no gradient leads to them."""
    if players.timing:
        raise ConfigError(
            f"{method} sees samples, not when beats come: set 'timing: false', or use 'lime', "
            "'kernel_shap' or 'occlusion'"
        )


def ends_of(game: Game) -> tuple[Float[Tensor, "1 row time"], Float[Tensor, "1 row time"]]:
    """Return the window and what replaces it, both 0 where either was not recorded."""
    is_missing = game.signal.isnan() | game.without.isnan()
    signal, without = (
        rows.masked_fill(is_missing, 0.0)[None] for rows in (game.signal, game.without)
    )
    return signal.requires_grad_(), without


def logits_of(
    network: nn.Module, shown: Float[Tensor, "window row time"]
) -> Float[np.ndarray, "window class"]:
    """Return what `network` says, in float64."""
    with torch.inference_mode():
        return network(shown).double().cpu().numpy()


def missing_share(
    values: Float[np.ndarray, "class player"],
    logits: Float[np.ndarray, " class"],
    off: Float[np.ndarray, " class"],
) -> float:
    """Return the most that values miss of what logits lose, over the largest loss of all classes.

    Losses below a thousandth of the logits are too small to judge by, and count as that much.

    Args:
        values: that should add up.
        logits: of the unmasked window.
        off: logits where all players are off.
    """
    lost = logits - off
    missing = np.abs(values.sum(axis=1) - lost).max()
    return float(missing / max(np.abs(lost).max(), 1e-3 * np.abs(logits).max(), 1e-12))


def owned(
    cells: Float[Tensor, "class row time"], players: Players
) -> Float[np.ndarray, "class player"]:
    """Return the sum of each player's cells."""
    owner = players.owner.reshape(-1)
    flat = cells.detach().double().cpu().flatten(1).numpy()
    return np.stack([np.bincount(owner, each, players.n_players) for each in flat])
