"""Players: what is switched off, and the ECG without it."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_settings import plain_settings

from leadlens.ecg.leads import (
    CHEST_LEADS,
    INDEPENDENT_LEADS,
    LIMB_LEADS,
    STANDARD_FROM_INDEPENDENT,
    STANDARD_LEADS,
    limb_lead_residual,
)
from leadlens.ecg.recording import Recording, Units
from leadlens.errors import ConfigError
from leadlens.explain.players import Players, make_players
from leadlens.explain.replacement import bridge, isoelectric
from leadlens.explain.settings import ExplainSettings, LeadGroups
from leadlens.explain.window import make_game

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


def masked(
    signal: np.ndarray, masks: np.ndarray, chosen: ExplainSettings, units: Units = "mV"
) -> np.ndarray:
    game = make_game(signal, STANDARD_LEADS, 50.0, units, chosen)
    return game.windows(masks).numpy()


def random_masks(n_players: int, seed: int, n: int = 20) -> np.ndarray:
    return np.random.default_rng(seed).random((n, n_players)) < 0.5


@pytest.mark.parametrize("replaced", ["isoelectric", "bridge"])
@pytest.mark.parametrize("groups", VALID)
@given(seed=st.integers(0, 10_000), n_segments=st.integers(1, 12))
@settings(max_examples=25, deadline=None)
def test_every_masked_window_obeys_the_limb_lead_equations(
    groups: LeadGroups, replaced: str, seed: int, n_segments: int
) -> None:
    chosen = plain_settings(lead_groups=groups, n_segments=n_segments, replacement=replaced)
    players = players_of(chosen)
    masks = random_masks(players.n_players, seed)
    said = masked(window(seed), masks, chosen)
    assert players.is_identifiable
    assert (limb_lead_residual(said) < 1e-4).all()
    assert np.abs(said[:, :6]).max() > 0.1


def test_masking_displayed_leads_one_by_one_breaks_the_equations_and_says_so() -> None:
    chosen = plain_settings(lead_groups="displayed", n_segments=2)
    players = players_of(chosen)
    assert not players.is_identifiable
    assert np.median(limb_lead_residual(masked(window(1), random_masks(24, 1), chosen))) > 0.1


@pytest.mark.parametrize("groups", [*VALID, "displayed"])
@pytest.mark.parametrize("replaced", ["isoelectric", "bridge"])
def test_the_mask_that_keeps_every_player_gives_the_window_itself(
    groups: LeadGroups, replaced: str
) -> None:
    chosen = plain_settings(lead_groups=groups, n_segments=7, replacement=replaced)
    players = players_of(chosen)
    everything = np.ones((1, players.n_players), bool)
    np.testing.assert_allclose(masked(window(2), everything, chosen)[0], window(2), atol=1e-6)


@pytest.mark.parametrize("groups", ["frontal_and_chest", "frontal_or_chest", "displayed"])
def test_a_player_that_is_off_changes_its_own_leads_and_samples_alone(groups: LeadGroups) -> None:
    chosen = plain_settings(lead_groups=groups, n_segments=4)
    players = players_of(chosen)
    signal = window(3)
    for number in range(players.n_players):
        masks = np.ones((1, players.n_players), bool)
        masks[0, number] = False
        said = masked(signal, masks, chosen)[0]
        own = np.zeros(players.n_players)
        own[number] = 1.0
        changed = said != signal
        # `spread` says where a player lies; every sample there is replaced.
        assert not changed[players.spread(own) == 0].any()
        assert changed[players.spread(own) == 1].mean() > 0.9


def test_in_the_independent_basis_a_chest_lead_moves_alone_and_lead_one_moves_five() -> None:
    chosen = plain_settings(lead_groups="independent", pieces="whole")
    signal = window(4)

    def changed(lead: str) -> set[str]:
        masks = np.ones((1, 8), bool)
        masks[0, INDEPENDENT_LEADS.index(lead)] = False
        moved = np.abs(masked(signal, masks, chosen)[0] - signal).max(axis=1) > 1e-3
        return {lead for lead, has_moved in zip(STANDARD_LEADS, moved, strict=True) if has_moved}

    assert changed("V4") == {"V4"}
    assert changed("I") == {"I", "III", "aVR", "aVL", "aVF"}


def test_the_groups_of_each_kind() -> None:
    def groups(kind: LeadGroups, leads: tuple[str, ...] = STANDARD_LEADS) -> dict[str, object]:
        return dict(players_of(plain_settings(lead_groups=kind), leads=leads).groups)

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
    players = players_of(plain_settings(lead_groups="displayed"), leads=leads)
    assert players.is_identifiable == is_possible


@given(n_samples=st.integers(1, 700), n_segments=st.integers(1, 100))
@settings(max_examples=60, deadline=None)
def test_segments_cover_the_window_without_gap_or_overlap_and_are_equally_long(
    n_samples: int, n_segments: int
) -> None:
    chosen = plain_settings(n_segments=n_segments)
    if n_segments > n_samples:
        with pytest.raises(ConfigError, match=f"{n_segments} segments in a window of {n_samples}"):
            players_of(chosen, n_samples)
        return
    piece_of = players_of(chosen, n_samples).piece_of
    assert len(piece_of) == n_samples
    assert set(np.diff(piece_of)) <= {0, 1}
    lengths = np.bincount(piece_of, minlength=n_segments)
    assert lengths.min() >= 1
    assert lengths.max() - lengths.min() <= 1


def test_players_are_named_by_group_and_segment_in_the_order_of_masks() -> None:
    players = players_of(plain_settings(lead_groups="frontal_or_chest", n_segments=2))
    names = ("frontal plane [0]", "frontal plane [1]", "chest [0]", "chest [1]")
    assert players.names == names
    lead, piece = (players.sums[kind] for kind in ("lead", "piece"))
    assert (lead.names, piece.names) == (("frontal plane", "chest"), ("[0]", "[1]"))
    np.testing.assert_array_equal(lead.matrix, [[1, 1, 0, 0], [0, 0, 1, 1]])
    np.testing.assert_array_equal(piece.matrix, [[1, 0, 1, 0], [0, 1, 0, 1]])


@pytest.mark.parametrize(
    ("leads", "units"),
    [(STANDARD_LEADS, "relative"), (LIMB_LEADS, "mV")],
)
def test_the_independent_basis_needs_twelve_leads_in_millivolts(
    leads: tuple[str, ...], units: str
) -> None:
    with pytest.raises(ConfigError, match="'independent' need the twelve leads in mV"):
        make_players(leads, 60, units, plain_settings(lead_groups="independent"))  # type: ignore[arg-type]


def test_the_isoelectric_line_of_independent_leads_is_their_median() -> None:
    signal = window(5)
    line = isoelectric(signal, STANDARD_LEADS, "mV")
    medians = np.median(signal, axis=1)
    own = [STANDARD_LEADS.index(lead) for lead in INDEPENDENT_LEADS]
    np.testing.assert_allclose(line[own], np.repeat(medians[own][:, None], 60, axis=1), rtol=1e-6)
    assert limb_lead_residual(line) < 1e-5
    # The medians themselves break the equations: this is why those of I and II are used.
    assert limb_lead_residual(np.repeat(medians[:, None], 60, axis=1)) > 0.05


def test_the_isoelectric_line_of_relative_units_is_each_leads_own_median() -> None:
    signal = window(6) * np.linspace(1, 12, 12, dtype=np.float32)[:, None]
    line = isoelectric(signal, STANDARD_LEADS, "relative")
    np.testing.assert_allclose(line[:, 0], np.median(signal, axis=1), rtol=1e-6)
    assert (line == line[:, :1]).all()


def test_the_bridge_is_straight_between_a_pieces_ends() -> None:
    signal = window(7)
    line = bridge(signal, np.repeat([0, 1, 2], [20, 25, 15]))
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
    chosen = plain_settings(n_segments=4, replacement=replaced)
    players = players_of(chosen, 100)
    masks = random_masks(players.n_players, 1)
    said = masked(signal, masks, chosen)
    np.testing.assert_array_equal(np.isnan(said), np.broadcast_to(np.isnan(signal), said.shape))


def test_in_the_independent_basis_what_was_not_recorded_stays_in_its_own_leads() -> None:
    signal = window(9)
    signal[STANDARD_LEADS.index("V6"), 10:20] = np.nan
    signal[STANDARD_LEADS.index("II"), 40:] = np.nan
    chosen = plain_settings(lead_groups="independent", pieces="whole")
    missing = np.isnan(masked(signal, random_masks(8, 2), chosen))
    expected = np.zeros((12, 60), bool)
    expected[11, 10:20] = True
    expected[1:6, 40:] = True  # all limb leads but I are formed from II
    np.testing.assert_array_equal(missing, np.broadcast_to(expected, missing.shape))


def test_a_bridge_over_a_piece_that_ends_early_spans_what_was_recorded() -> None:
    signal = window(8)
    signal[:, 50:] = np.nan
    line = bridge(signal, np.repeat([0, 1], 30))
    np.testing.assert_allclose(line[:, [30, 49]], signal[:, [30, 49]], rtol=1e-5)
    np.testing.assert_allclose(np.diff(line[:, 30:50], 2, axis=1), 0, atol=1e-5)
