"""The game: one window, its players, and the ECG under any mask of them."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from leadlens.explain.players import Players
from leadlens.explain.timing import Warp


@dataclass(frozen=True, eq=False)
class Game:
    """What the window becomes when players are off.

    Attributes:
        players: who is switched.
        signal: (row, time) the window in mV, NaN where missing.
        without: (row, time) what takes the place of a masked sample.
        warps: for each state of the timing players (True: as recorded) but the recorded one.
    """

    players: Players
    signal: Float[Tensor, "row time"]
    without: Float[Tensor, "row time"]
    warps: dict[tuple[bool, ...], Warp] = field(default_factory=dict)

    @cached_property
    def is_there(self) -> Bool[np.ndarray, " player"]:
        """Which players change anything: P waves in fibrillation own no sample, PR no time."""
        players = self.players
        there = np.bincount(players.owner.ravel(), minlength=players.n_shapes) > 0
        as_recorded = np.arange(self.signal.shape[1])
        alone = ~np.eye(len(players.timing), dtype=bool)
        moved = [
            not np.array_equal(self.warps[tuple(map(bool, state))].source, as_recorded)
            for state in alone
        ]
        return np.concatenate([there, np.array(moved, bool)])

    def windows(self, masks: Bool[np.ndarray, "mask player"]) -> Float[Tensor, "mask lead time"]:
        """Return the window under each mask; True keeps a player, False replaces it."""
        players = self.players
        n_shapes = players.n_shapes
        rows = self.signal.new_empty((len(masks), *self.signal.shape))
        states, state_of = np.unique(masks[:, n_shapes:], axis=0, return_inverse=True)
        for number, state in enumerate(states):
            chosen = np.flatnonzero(state_of.reshape(-1) == number)
            kept = torch.from_numpy(masks[chosen, :n_shapes]).to(self.signal.device)
            rows[torch.from_numpy(chosen).to(self.signal.device)] = self._masked(
                kept, tuple(map(bool, state))
            )
        if players.rows == players.leads:
            return rows
        basis = torch.as_tensor(players.basis).to(rows)
        leads = torch.einsum("lr,mrt->mlt", basis, rows.nan_to_num())
        if self.signal.isnan().any():
            # A lead is missing where a row that it is formed from is; 0 * NaN would spread it.
            needs = (basis != 0).to(rows)
            leads[torch.einsum("lr,mrt->mlt", needs, rows.isnan().to(rows)) > 0] = torch.nan
        return leads

    def _masked(
        self, kept: Bool[Tensor, "mask shape"], state: tuple[bool, ...]
    ) -> Float[Tensor, "mask row time"]:
        """Return the rows under masks that share one state of the timing players."""
        signal, without, owner = self.signal, self.without, self.players.owner
        if not all(state):
            warp = self.warps[state]
            signal, without = _retimed(signal, warp), _retimed(without, warp)
            owner = owner[:, np.clip(np.round(warp.source).astype(int), 0, owner.shape[1] - 1)]
        return torch.where(kept[:, torch.from_numpy(owner).to(kept.device)], signal, without)


def _retimed(rows: Float[Tensor, "row time"], warp: Warp) -> Float[Tensor, "row time"]:
    """Return `rows` as the warp says: between two samples on the line between them."""
    last = rows.shape[1] - 1
    source = torch.from_numpy(warp.source).to(rows).clamp(0, last)
    left = source.floor().long().clamp(max=max(last - 1, 0))
    part = source - left
    moved = rows[:, left] * (1 - part) + rows[:, (left + 1).clamp(max=last)] * part
    for number in range(1, int(warp.run[-1]) + 1):
        (here,) = np.nonzero(warp.run == number)
        jump = moved[:, here[0]] - moved[:, here[0] - 1]
        moved[:, here] -= jump.nan_to_num()[:, None]
    return moved
