"""Players: the parts of an ECG that are switched off together.

A player is a lead group, or a piece of one (a segment, a wave), or a timing of the beats. Masks
obey Einthoven and Goldberger: what is masked is either all limb leads at once, or leads of the
independent basis from which the twelve are formed again. Only the lead groups `displayed` break
the equations, and say so.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from leadlens.ecg.leads import (
    CHEST_LEADS,
    INDEPENDENT_LEADS,
    LIMB_LEADS,
    STANDARD_FROM_INDEPENDENT,
    STANDARD_LEADS,
)
from leadlens.ecg.recording import Units
from leadlens.errors import ConfigError
from leadlens.explain.settings import ExplainSettings, LeadGroups
from leadlens.explain.waves import WAVES

FRONTAL: Final = "frontal plane"
CHEST: Final = "chest"
TIMING: Final = ("rate", "regularity", "PR interval", "QT interval")


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over players that answer one question: which lead, which wave, which timing.

    Attributes:
        names: one a sum.
        matrix: (sum, player): 1 where a player counts.
    """

    names: tuple[str, ...]
    matrix: Float[np.ndarray, "sum player"]


@dataclass(frozen=True, eq=False)
class Players:
    """The players of one window: lead groups x pieces, then timings.

    Attributes:
        leads: the model's leads.
        rows: the leads that are masked; `basis` forms `leads` from them.
        basis: (lead, row).
        groups: name -> the rows masked together.
        pieces: names of what each group is cut into.
        piece_of: (time,) the number of each sample's piece.
        timing: names of the timing players; none where timing is not switched.
        is_identifiable: False where masks make ECGs that no heart can.
    """

    leads: tuple[str, ...]
    rows: tuple[str, ...]
    basis: Float[np.ndarray, "lead row"]
    groups: dict[str, tuple[str, ...]]
    pieces: tuple[str, ...]
    piece_of: Int[np.ndarray, " time"]
    timing: tuple[str, ...]
    is_identifiable: bool

    @property
    def n_shapes(self) -> int:
        """The number of lead groups x pieces; player = group * len(pieces) + piece."""
        return len(self.groups) * len(self.pieces)

    @property
    def n_players(self) -> int:
        """The number of players, timings (the last) included."""
        return self.n_shapes + len(self.timing)

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each player, such as "V1", "V1 QRS" or "rate"."""
        shapes = (f"{group} {piece}".strip() for group in self.groups for piece in self.pieces)
        return (*shapes, *self.timing)

    @property
    def owner(self) -> Int[np.ndarray, "row time"]:
        """The player of each row and sample."""
        return self.group_of[:, None] * len(self.pieces) + self.piece_of

    @property
    def group_of(self) -> Int[np.ndarray, " row"]:
        """The number of each row's lead group."""
        return np.array(
            [
                next(n for n, members in enumerate(self.groups.values()) if row in members)
                for row in self.rows
            ]
        )

    @property
    def sums(self) -> dict[str, Sums]:
        """Sums over players: by "lead", by "piece" and by "timing", as far as there are any."""
        n_groups, n_pieces = len(self.groups), len(self.pieces)
        found = {
            "lead": self._sums(tuple(self.groups), np.kron(np.eye(n_groups), np.ones(n_pieces)))
        }
        if n_pieces > 1:
            found["piece"] = self._sums(self.pieces, np.tile(np.eye(n_pieces), n_groups))
        if self.timing:
            matrix = np.eye(self.n_players)[self.n_shapes :]
            found["timing"] = Sums(self.timing, matrix)
        return found

    def _sums(self, names: tuple[str, ...], shapes: Float[np.ndarray, "sum shape"]) -> Sums:
        return Sums(names, np.pad(shapes, ((0, 0), (0, len(self.timing)))))

    def spread(self, values: Float[np.ndarray, " player"]) -> Float[np.ndarray, "row time"]:
        """Return the players' values at every row and sample they own; timings own none."""
        return values[self.owner]


def make_players(
    leads: tuple[str, ...],
    n_samples: int,
    units: Units,
    settings: ExplainSettings,
    wave_of: Int[np.ndarray, " time"] | None = None,
) -> Players:
    """Return the players of windows with these leads and length.

    Args:
        leads: of the model.
        n_samples: of the window.
        units: of the window; the limb-lead equations hold in mV alone.
        settings: which players.
        wave_of: each sample's wave (`leadlens.explain.waves.wave_at`), for pieces "waves".

    Raises:
        ConfigError: the players need leads, units or samples that are not there.
    """
    pieces, piece_of = _pieces(n_samples, settings, wave_of)
    timing = TIMING if settings.timing else ()
    if settings.lead_groups == "independent":
        if leads != STANDARD_LEADS or units != "mV":
            raise ConfigError(
                "lead groups 'independent' need the twelve leads in mV, from which the limb-lead "
                "equations hold: use 'frontal_and_chest'"
            )
        rows, basis = INDEPENDENT_LEADS, STANDARD_FROM_INDEPENDENT
        groups: dict[str, tuple[str, ...]] = {lead: (lead,) for lead in rows}
        return Players(leads, rows, basis, groups, pieces, piece_of, timing, True)
    groups = _groups(leads, settings.lead_groups)
    n_limb = sum(lead in LIMB_LEADS for lead in leads)
    is_possible = settings.lead_groups != "displayed" or n_limb < 3
    basis = np.eye(len(leads))
    return Players(leads, leads, basis, groups, pieces, piece_of, timing, is_possible)


def _pieces(
    n_samples: int, settings: ExplainSettings, wave_of: Int[np.ndarray, " time"] | None
) -> tuple[tuple[str, ...], Int[np.ndarray, " time"]]:
    """Return what each lead group is cut into, and each sample's piece."""
    if settings.pieces == "whole":
        return ("",), np.zeros(n_samples, int)
    if settings.pieces == "waves":
        if wave_of is None or len(wave_of) != n_samples:
            raise ConfigError(f"pieces 'waves' need the wave of each of the {n_samples} samples")
        return WAVES, wave_of
    n = settings.n_segments
    if n > n_samples:
        raise ConfigError(f"{n} segments in a window of {n_samples} samples")
    edges = np.linspace(0, n_samples, n + 1).round().astype(int)
    return tuple(f"[{number}]" for number in range(n)), np.repeat(np.arange(n), np.diff(edges))


def _groups(leads: tuple[str, ...], kind: LeadGroups) -> dict[str, tuple[str, ...]]:
    """Return the groups of `kind` among these leads; empty ones are left out."""
    if kind == "displayed":
        return {lead: (lead,) for lead in leads}
    limb = tuple(lead for lead in leads if lead in LIMB_LEADS)
    chest = tuple(lead for lead in leads if lead in CHEST_LEADS)
    one_by_one = {lead: (lead,) for lead in chest}
    others = {CHEST: chest} if kind == "frontal_or_chest" else one_by_one
    groups: dict[str, tuple[str, ...]] = {FRONTAL: limb, **others}
    return {name: members for name, members in groups.items() if members}
