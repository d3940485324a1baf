"""Players: the pieces of an ECG that are switched off together, and the ECG without them.

Masks obey Einthoven and Goldberger: what is masked is either all limb leads at once, or leads of
the independent basis from which the twelve are formed again. Only the group set `displayed` breaks
the equations, and says so.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32

from leadlens.ecg.leads import (
    CHEST_LEADS,
    INDEPENDENT_LEADS,
    LIMB_FROM_I_II,
    LIMB_LEADS,
    STANDARD_FROM_INDEPENDENT,
    STANDARD_LEADS,
)
from leadlens.ecg.recording import Units
from leadlens.errors import ConfigError
from leadlens.explain.settings import ExplainSettings, LeadGroups

FRONTAL = "frontal plane"
CHEST = "chest"


@dataclass(frozen=True, eq=False)
class Players:
    """Lead group x segment players of one window.

    Attributes:
        leads: the model's leads.
        rows: the leads that are masked; `basis` forms `leads` from them.
        basis: (lead, row).
        groups: name -> the rows masked together.
        edges: (segment + 1,) first sample of each segment, and the end.
        is_identifiable: False where masks make ECGs that no heart can.
    """

    leads: tuple[str, ...]
    rows: tuple[str, ...]
    basis: Float[np.ndarray, "lead row"]
    groups: dict[str, tuple[str, ...]]
    edges: tuple[int, ...]
    is_identifiable: bool

    @property
    def n_segments(self) -> int:
        """The number of segments."""
        return len(self.edges) - 1

    @property
    def n_players(self) -> int:
        """The number of players; player = group * n_segments + segment."""
        return len(self.groups) * self.n_segments

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each player, such as "V1 [2]"."""
        return tuple(f"{group} [{s}]" for group in self.groups for s in range(self.n_segments))

    @property
    def group_matrix(self) -> Float[np.ndarray, "group player"]:
        """1 where a player belongs to a lead group."""
        return np.kron(np.eye(len(self.groups)), np.ones(self.n_segments))

    def spread(self, values: Float[np.ndarray, " player"]) -> Float[np.ndarray, "row time"]:
        """Return the players' values at every row and sample they own."""
        image = np.zeros((len(self.rows), self.edges[-1]))
        lengths = np.diff(self.edges)
        for group, piece in zip(self.groups.values(), values.reshape(-1, self.n_segments)):  # noqa: B905
            image[[self.rows.index(row) for row in group]] = np.repeat(piece, lengths)
        return image


def make_players(
    leads: tuple[str, ...], n_samples: int, units: Units, settings: ExplainSettings
) -> Players:
    """Return the players of windows with these leads and length.

    Raises:
        ConfigError: the group set needs leads or units that are not there.
    """
    if settings.n_segments > n_samples:
        raise ConfigError(f"{settings.n_segments} segments in a window of {n_samples} samples")
    edges = tuple(np.linspace(0, n_samples, settings.n_segments + 1).round().astype(int).tolist())
    if settings.lead_groups == "independent":
        if leads != STANDARD_LEADS or units != "mV":
            raise ConfigError(
                "lead groups 'independent' need the twelve leads in mV, from which the limb-lead "
                "equations hold: use 'frontal_and_chest'"
            )
        names: dict[str, tuple[str, ...]] = {lead: (lead,) for lead in INDEPENDENT_LEADS}
        return Players(leads, INDEPENDENT_LEADS, STANDARD_FROM_INDEPENDENT, names, edges, True)
    groups = _groups(leads, settings.lead_groups)
    n_limb = sum(lead in LIMB_LEADS for lead in leads)
    is_possible = settings.lead_groups != "displayed" or n_limb < 3
    return Players(leads, leads, np.eye(len(leads)), groups, edges, is_possible)


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


def masked_windows(
    signal: Float32[np.ndarray, "lead time"],
    masks: Bool[np.ndarray, "mask player"],
    players: Players,
    settings: ExplainSettings,
    units: Units,
) -> Float32[np.ndarray, "mask lead time"]:
    """Return the window under each mask; True keeps a player, False replaces it."""
    chosen = [players.leads.index(row) for row in players.rows]
    rows = signal[chosen]
    without = replacement(rows, players.rows, players.edges, settings.replacement, units)
    keep = np.zeros((len(masks), len(players.rows), players.n_segments), dtype=bool)
    shaped = masks.reshape(len(masks), len(players.groups), players.n_segments)
    for number, members in enumerate(players.groups.values()):
        keep[:, [players.rows.index(row) for row in members]] = shaped[:, number : number + 1]
    keep_samples = np.repeat(keep, np.diff(players.edges), axis=2)
    masked = np.where(keep_samples, rows, without)
    if players.rows == players.leads:
        return masked.astype(np.float32, copy=False)
    return np.einsum("lr,mrt->mlt", players.basis, masked).astype(np.float32)


def replacement(
    rows: Float32[np.ndarray, "row time"],
    names: tuple[str, ...],
    edges: tuple[int, ...],
    kind: str,
    units: Units,
) -> Float32[np.ndarray, "row time"]:
    """Return what every sample is replaced with when its player is off; NaN stays NaN."""
    if kind == "bridge":
        pieces = [_bridge(rows[:, start:stop]) for start, stop in zip(edges, edges[1:])]  # noqa: B905, RUF007
        return np.concatenate(pieces, axis=1)
    is_missing = np.isnan(rows)
    filled = np.where(is_missing.all(axis=1, keepdims=True), 0.0, rows)
    level = np.nanmedian(filled, axis=1)
    if units == "mV" and "I" in names and "II" in names:
        # A median is not linear: taken lead by lead it would break the limb-lead equations.
        pair = level[[names.index("I"), names.index("II")]]
        for number, name in enumerate(names):
            if name in LIMB_LEADS:
                level[number] = LIMB_FROM_I_II[LIMB_LEADS.index(name)] @ pair
    return np.where(is_missing, np.nan, level[:, None]).astype(np.float32)


def _bridge(piece: Float32[np.ndarray, "row time"]) -> Float32[np.ndarray, "row time"]:
    """Return straight lines between each row's first and last recorded samples; NaN stays NaN."""
    is_there = ~np.isnan(piece)
    n_rows, n_samples = piece.shape
    first = is_there.argmax(axis=1)
    last = n_samples - 1 - is_there[:, ::-1].argmax(axis=1)
    start, stop = piece[range(n_rows), first], piece[range(n_rows), last]
    slope = (stop - start) / np.maximum(last - first, 1)
    line = start[:, None] + slope[:, None] * (np.arange(n_samples) - first[:, None])
    return np.where(is_there, line, np.nan).astype(np.float32)
