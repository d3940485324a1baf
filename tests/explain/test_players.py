"""Players: what is switched off, and the ECG without it."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadlens.ecg.leads import (
    CHEST_LEADS,
    INDEPENDENT_LEADS,
    LIMB_LEADS,
    STANDARD_FROM_INDEPENDENT,
    STANDARD_LEADS,
    limb_lead_residual,
)
from leadlens.ecg.recording import Recording
from leadlens.errors import ConfigError
from leadlens.explain.players import Players, make_players, masked_windows, replacement
from leadlens.explain.settings import ExplainSettings, LeadGroups

VALID: tuple[LeadGroups, ...] = ("frontal_and_chest", "frontal_or_chest", "independent")


def window(seed: int, n_samples: int = 60, offset: float = 0.3) -> np.ndarray:
    """Return twelve leads that obey the limb-lead equations, skewed so that medians do not add."""
    rng = np.random.default_rng(seed)
    eight = rng.exponential(1.0, (8, n_samples)) * rng.choice([-1, 1], (8, 1)) + offset
    return (STANDARD_FROM_INDEPENDENT @ eight).astype(np.float32)


def players_of(
    chosen: ExplainSettings, n_samples: int = 60, leads: tuple[str, ...] = STANDARD_LEADS
) -> Players:
    return make_players(leads, n_samples, "mV", chosen)


def random_masks(n_players: int, seed: int, n: int = 20) -> np.ndarray:
    return np.random.default_rng(seed).random((n, n_players)) < 0.5


@pytest.mark.parametrize("replaced", ["isoelectric", "bridge"])
@pytest.mark.parametrize("groups", VALID)
@given(seed=st.integers(0, 10_000), n_segments=st.integers(1, 12))
@settings(max_examples=25, deadline=None)
def test_every_masked_window_obeys_the_limb_lead_equations(
    groups: LeadGroups, replaced: str, seed: int, n_segments: int
) -> None:
    chosen = ExplainSettings(lead_groups=groups, n_segments=n_segments, replacement=replaced)
    players = players_of(chosen)
    masks = random_masks(players.n_players, seed)
    masked = masked_windows(window(seed), masks, players, chosen, "mV")
    assert players.is_identifiable
    assert (limb_lead_residual(masked) < 1e-4).all()
    assert np.abs(masked[:, :6]).max() > 0.1


def test_masking_displayed_leads_one_by_one_breaks_the_equations_and_says_so() -> None:
    chosen = ExplainSettings(lead_groups="displayed", n_segments=2)
    players = players_of(chosen)
    masked = masked_windows(window(1), random_masks(24, 1), players, chosen, "mV")
    assert not players.is_identifiable
    assert np.median(limb_lead_residual(masked)) > 0.1


@pytest.mark.parametrize("groups", [*VALID, "displayed"])
@pytest.mark.parametrize("replaced", ["isoelectric", "bridge"])
def test_the_mask_that_keeps_every_player_gives_the_window_itself(
    groups: LeadGroups, replaced: str
) -> None:
    chosen = ExplainSettings(lead_groups=groups, n_segments=7, replacement=replaced)
    players = players_of(chosen)
    everything = np.ones((1, players.n_players), bool)
    np.testing.assert_allclose(
        masked_windows(window(2), everything, players, chosen, "mV")[0], window(2), atol=1e-6
    )


@pytest.mark.parametrize("groups", ["frontal_and_chest", "frontal_or_chest", "displayed"])
def test_a_player_that_is_off_changes_its_own_leads_and_samples_alone(groups: LeadGroups) -> None:
    chosen = ExplainSettings(lead_groups=groups, n_segments=4)
    players = players_of(chosen)
    signal = window(3)
    for number in range(players.n_players):
        masks = np.ones((1, players.n_players), bool)
        masks[0, number] = False
        masked = masked_windows(signal, masks, players, chosen, "mV")[0]
        own = np.zeros(players.n_players)
        own[number] = 1.0
        changed = masked != signal
        # `spread` says where a player lies; every sample there is replaced.
        assert not changed[players.spread(own) == 0].any()
        assert changed[players.spread(own) == 1].mean() > 0.9


def test_in_the_independent_basis_a_chest_lead_moves_alone_and_lead_one_moves_five() -> None:
    chosen = ExplainSettings(lead_groups="independent", n_segments=1)
    players = players_of(chosen)
    signal = window(4)

    def changed(lead: str) -> set[str]:
        masks = np.ones((1, 8), bool)
        masks[0, INDEPENDENT_LEADS.index(lead)] = False
        masked = masked_windows(signal, masks, players, chosen, "mV")[0]
        moved = np.abs(masked - signal).max(axis=1) > 1e-3
        return {lead for lead, has_moved in zip(STANDARD_LEADS, moved, strict=True) if has_moved}

    assert changed("V4") == {"V4"}
    assert changed("I") == {"I", "III", "aVR", "aVL", "aVF"}


def test_the_groups_of_each_kind() -> None:
    def groups(kind: LeadGroups, leads: tuple[str, ...] = STANDARD_LEADS) -> dict[str, object]:
        return dict(players_of(ExplainSettings(lead_groups=kind), leads=leads).groups)

    one_by_one = {lead: (lead,) for lead in CHEST_LEADS}
    assert groups("frontal_and_chest") == {"frontal plane": LIMB_LEADS, **one_by_one}
    assert groups("frontal_or_chest") == {"frontal plane": LIMB_LEADS, "chest": CHEST_LEADS}
    assert groups("independent") == {lead: (lead,) for lead in INDEPENDENT_LEADS}
    assert groups("displayed") == {lead: (lead,) for lead in STANDARD_LEADS}
    assert groups("frontal_and_chest", LIMB_LEADS) == {"frontal plane": LIMB_LEADS}
    assert groups("frontal_or_chest", ("I", "II", "V2")) == {
        "frontal plane": ("I", "II"),
        "chest": ("V2",),
    }


@pytest.mark.parametrize(
    ("leads", "is_possible"), [(("I", "II"), True), (("I", "II", "III", "V2"), False)]
)
def test_displayed_leads_are_identifiable_while_they_are_independent(
    leads: tuple[str, ...], is_possible: bool
) -> None:
    players = players_of(ExplainSettings(lead_groups="displayed"), leads=leads)
    assert players.is_identifiable == is_possible


@given(n_samples=st.integers(1, 700), n_segments=st.integers(1, 100))
@settings(max_examples=60, deadline=None)
def test_segments_cover_the_window_without_gap_or_overlap_and_are_equally_long(
    n_samples: int, n_segments: int
) -> None:
    chosen = ExplainSettings(n_segments=n_segments)
    if n_segments > n_samples:
        with pytest.raises(ConfigError, match=f"{n_segments} segments in a window of {n_samples}"):
            players_of(chosen, n_samples)
        return
    edges = players_of(chosen, n_samples).edges
    lengths = np.diff(edges)
    assert (edges[0], edges[-1], len(lengths)) == (0, n_samples, n_segments)
    assert lengths.min() >= 1
    assert lengths.max() - lengths.min() <= 1


def test_players_are_named_by_group_and_segment_in_the_order_of_masks() -> None:
    players = players_of(ExplainSettings(lead_groups="frontal_or_chest", n_segments=2))
    names = ("frontal plane [0]", "frontal plane [1]", "chest [0]", "chest [1]")
    assert players.names == names
    np.testing.assert_array_equal(players.group_matrix, [[1, 1, 0, 0], [0, 0, 1, 1]])


@pytest.mark.parametrize(
    ("leads", "units"),
    [(STANDARD_LEADS, "relative"), (LIMB_LEADS, "mV")],
)
def test_the_independent_basis_needs_twelve_leads_in_millivolts(
    leads: tuple[str, ...], units: str
) -> None:
    with pytest.raises(ConfigError, match="'independent' need the twelve leads in mV"):
        make_players(leads, 60, units, ExplainSettings(lead_groups="independent"))  # type: ignore[arg-type]


def test_the_isoelectric_line_of_independent_leads_is_their_median() -> None:
    signal = window(5)
    line = replacement(signal, STANDARD_LEADS, (0, 60), "isoelectric", "mV")
    medians = np.median(signal, axis=1)
    own = [STANDARD_LEADS.index(lead) for lead in INDEPENDENT_LEADS]
    np.testing.assert_allclose(line[own], np.repeat(medians[own][:, None], 60, axis=1), rtol=1e-6)
    assert limb_lead_residual(line) < 1e-5
    # The medians themselves break the equations: this is why those of I and II are used.
    assert limb_lead_residual(np.repeat(medians[:, None], 60, axis=1)) > 0.05


def test_the_isoelectric_line_of_relative_units_is_each_leads_own_median() -> None:
    signal = window(6) * np.linspace(1, 12, 12, dtype=np.float32)[:, None]
    line = replacement(signal, STANDARD_LEADS, (0, 60), "isoelectric", "relative")
    np.testing.assert_allclose(line[:, 0], np.median(signal, axis=1), rtol=1e-6)
    assert (line == line[:, :1]).all()


def test_the_bridge_is_straight_between_a_pieces_ends() -> None:
    signal = window(7)
    line = replacement(signal, STANDARD_LEADS, (0, 20, 45, 60), "bridge", "mV")
    for start, stop in ((0, 20), (20, 45), (45, 60)):
        ends = [start, stop - 1]
        np.testing.assert_allclose(line[:, ends], signal[:, ends], rtol=1e-5)
        np.testing.assert_allclose(np.diff(line[:, start:stop], 2, axis=1), 0, atol=1e-5)


@pytest.mark.parametrize("replaced", ["isoelectric", "bridge"])
def test_what_was_not_recorded_stays_missing_and_does_not_spread(
    replaced: str, make_ecg: Callable[..., Recording]
) -> None:
    signal = make_ecg(fs=50, duration=2).signal.copy()
    signal[:, 80:] = np.nan
    signal[7] = np.nan
    chosen = ExplainSettings(n_segments=4, replacement=replaced)
    players = players_of(chosen, 100)
    masks = random_masks(players.n_players, 1)
    masked = masked_windows(signal, masks, players, chosen, "mV")
    np.testing.assert_array_equal(np.isnan(masked), np.broadcast_to(np.isnan(signal), masked.shape))


def test_a_bridge_over_a_piece_that_ends_early_spans_what_was_recorded() -> None:
    signal = window(8)
    signal[:, 50:] = np.nan
    line = replacement(signal, STANDARD_LEADS, (0, 30, 60), "bridge", "mV")
    np.testing.assert_allclose(line[:, [30, 49]], signal[:, [30, 49]], rtol=1e-5)
    np.testing.assert_allclose(np.diff(line[:, 30:50], 2, axis=1), 0, atol=1e-5)
