"""The game: what the window becomes under masks of leads, waves and timings."""

from dataclasses import replace
from functools import cache
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_settings import plain_settings

from leadlens.ecg.delineate import Delineation
from leadlens.ecg.leads import (
    INDEPENDENT_LEADS,
    LIMB_LEADS,
    STANDARD_FROM_INDEPENDENT,
    STANDARD_LEADS,
    limb_lead_residual,
)
from leadlens.ecg.recording import Recording
from leadlens.explain.designs import prepared
from leadlens.explain.frozen import FrozenModel
from leadlens.explain.game import Game
from leadlens.explain.perturbation import perturb
from leadlens.explain.players import TIMING, make_players
from leadlens.explain.settings import LeadGroups, Pieces, Replacement
from leadlens.explain.timing import Warp
from leadlens.explain.waves import beats_of
from leadlens.explain.window import make_game
from leadlens.simulate import CohortSettings, programme_batch, recording_of

VALID: tuple[LeadGroups, ...] = ("frontal_and_chest", "frontal_or_chest", "independent")
PIECES: tuple[Pieces, ...] = get_args(Pieces)
N_TIMINGS = len(TIMING)


@cache
def ecg() -> Recording:
    """Return a slow heart with noise and wander at 100 Hz, its limb leads formed from I and II.

    As devices store them, each rounded by itself, they are up to a step off.
    """
    chosen = CohortSettings(cohort="balanced", n_recordings=40, seed=5, fs=100)
    batch = programme_batch(chosen, np.arange(40))
    slow = [row for row, names in enumerate(batch.truth.names) if "SB" in names]
    recording = recording_of(batch, slow[0])
    rows = [STANDARD_LEADS.index(lead) for lead in INDEPENDENT_LEADS]
    signal = (STANDARD_FROM_INDEPENDENT @ recording.signal[rows]).astype(np.float32)
    return replace(recording, signal=signal)


@cache
def game_of(
    groups: LeadGroups = "frontal_and_chest",
    pieces: Pieces = "segments",
    replaced: Replacement = "isoelectric",
    timing: bool = True,
) -> Game:
    chosen = plain_settings(
        lead_groups=groups, pieces=pieces, replacement=replaced, timing=timing, n_segments=5
    )
    recording = ecg()
    beats = beats_of(recording.signal, recording.leads, recording.fs, recording.units)
    return make_game(
        recording.signal, recording.leads, recording.fs, recording.units, chosen, beats
    )


def masks_of(game: Game, *off: int, timing: tuple[bool, ...] = (True,) * N_TIMINGS) -> np.ndarray:
    """Return one mask with these shape players off, in a state of the timing players."""
    masks = np.ones((1, game.players.n_players), bool)
    masks[0, list(off)] = False
    if game.players.timing:
        masks[0, -N_TIMINGS:] = timing
    return masks


def random_masks(game: Game, seed: int, n: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).random((n, game.players.n_players)) < 0.5


@pytest.mark.parametrize("groups", [*VALID, "displayed"])
@pytest.mark.parametrize("pieces", PIECES)
def test_with_every_player_on_the_window_is_the_signal_itself(
    groups: LeadGroups, pieces: Pieces
) -> None:
    game = game_of(groups, pieces)
    shown = game.windows(masks_of(game))[0].numpy()
    if groups == "independent":
        # Its limb leads are formed again, to the last digit of float32.
        np.testing.assert_array_equal(shown[6:], ecg().signal[6:])
        np.testing.assert_allclose(shown, ecg().signal, atol=1e-6)
    else:
        np.testing.assert_array_equal(shown, ecg().signal)


@pytest.mark.parametrize("groups", VALID)
@pytest.mark.parametrize("pieces", PIECES)
@pytest.mark.parametrize("replaced", ["isoelectric", "bridge", "median_beat"])
@given(seed=st.integers(0, 10_000))
@settings(max_examples=6, deadline=None)
def test_limb_lead_equations_hold_under_every_mask_and_timing(
    groups: LeadGroups, pieces: Pieces, replaced: Replacement, seed: int
) -> None:
    game = game_of(groups, pieces, replaced)
    shown = game.windows(random_masks(game, seed)).numpy()
    assert limb_lead_residual(shown).max() < 1e-5
    assert np.abs(shown - ecg().signal).max() > 0.1


@pytest.mark.parametrize("groups", ["frontal_and_chest", "frontal_or_chest", "displayed"])
@pytest.mark.parametrize("pieces", PIECES)
def test_a_player_that_is_off_changes_the_samples_that_it_owns_and_no_others(
    groups: LeadGroups, pieces: Pieces
) -> None:
    game = game_of(groups, pieces)
    owner, without = game.players.owner, game.without.numpy()
    for player in range(game.players.n_shapes):
        shown = game.windows(masks_of(game, player))[0].numpy()
        expected = np.where(owner == player, without, ecg().signal)
        np.testing.assert_array_equal(shown, expected)
        assert (owner == player).any()


@pytest.mark.parametrize("pieces", PIECES)
@pytest.mark.parametrize("state", [(False, True, True, True), (False, False, False, False)])
def test_in_a_retimed_window_players_own_the_samples_that_came_from_theirs(
    pieces: Pieces, state: tuple[bool, ...]
) -> None:
    game = game_of("frontal_and_chest", pieces)
    players = game.players
    source = np.round(game.warps[state].source).astype(int)
    moved = game.windows(masks_of(game, timing=state))[0].numpy()
    gone = game.windows(masks_of(game, *range(players.n_shapes), timing=state))[0].numpy()
    for player in range(players.n_shapes):
        shown = game.windows(masks_of(game, player, timing=state))[0].numpy()
        is_own = players.owner[:, source] == player
        np.testing.assert_array_equal(shown, np.where(is_own, gone, moved))


def test_what_takes_the_place_of_beats_moves_with_them() -> None:
    game = game_of("frontal_and_chest", "whole", "median_beat")
    state = (False, True, True, True)
    warp = game.warps[state]
    everything = range(game.players.n_shapes)
    gone = game.windows(masks_of(game, *everything, timing=state))[0].numpy()
    is_copied = (warp.run == 0) & (warp.source % 1 == 0)
    expected = game.without.numpy()[:, warp.source[is_copied].astype(int)]
    np.testing.assert_array_equal(gone[:, is_copied], expected)
    assert np.ptp(expected[1]) > 0.5


def test_in_the_independent_basis_a_chest_lead_moves_alone_and_lead_one_moves_five() -> None:
    game = game_of("independent", "whole")

    def changed(lead: str) -> set[str]:
        masks = masks_of(game, INDEPENDENT_LEADS.index(lead))
        moved = np.abs(game.windows(masks)[0].numpy() - ecg().signal).max(axis=1) > 0.05
        return {lead for lead, has_moved in zip(STANDARD_LEADS, moved, strict=True) if has_moved}

    assert changed("V4") == {"V4"}
    assert changed("I") == {"I", "III", "aVR", "aVL", "aVF"}
    assert changed("II") == set(LIMB_LEADS) - {"I"}


def test_masks_of_several_timings_give_what_each_gives_alone() -> None:
    game = game_of("independent", "segments")
    masks = random_masks(game, 3, n=40)
    together = game.windows(masks)
    for mask, shown in zip(masks, together, strict=True):
        np.testing.assert_array_equal(game.windows(mask[None])[0], shown)


def test_a_game_without_timing_players_has_no_warps() -> None:
    game = game_of(timing=False)
    assert not game.warps
    assert game.players.n_players == game.players.n_shapes


def test_all_fifteen_other_timings_are_there_and_move_the_beats() -> None:
    game = game_of()
    assert len(game.warps) == 15
    for state in game.warps:
        shown = game.windows(masks_of(game, timing=state))[0].numpy()
        assert np.abs(shown - ecg().signal).max() > 0.02


def test_where_beats_are_repeated_the_line_goes_on_without_a_step() -> None:
    rows = np.linspace(0.0, 3.0, 100)[None] + STANDARD_FROM_INDEPENDENT[:, :1]
    chosen = plain_settings(lead_groups="frontal_and_chest", pieces="whole", timing=True)
    players = make_players(STANDARD_LEADS, 100, "mV", chosen)
    source = np.concatenate([np.arange(60.0), np.arange(10.0, 50.0)])
    run = np.repeat([0, 1], [60, 40])
    signal = torch.as_tensor(rows)
    game = Game(players, signal, torch.zeros_like(signal), {(False,) * 4: Warp(source, run)})
    shown = game.windows(masks_of(game, timing=(False,) * 4))[0].numpy()
    steps = np.diff(shown, axis=1)
    assert np.abs(steps).max() < 1.5 * 3.0 / 99
    np.testing.assert_allclose(shown[:, 59], rows[:, 59])
    np.testing.assert_allclose(np.diff(shown[:, 60:], axis=1), 3.0 / 99, rtol=1e-6)


def test_a_retimed_sample_between_two_lies_on_the_line_between_them() -> None:
    rng = np.random.default_rng(0)
    chosen = plain_settings(lead_groups="displayed", pieces="whole", timing=True)
    players = make_players(("V1", "V2"), 50, "mV", chosen)
    signal = torch.as_tensor(rng.normal(size=(2, 50)))
    source = np.sort(rng.uniform(0, 49, 50))
    warp = Warp(source, np.zeros(50, int))
    game = Game(players, signal, torch.zeros_like(signal), {(False,) * 4: warp})
    shown = game.windows(masks_of(game, timing=(False,) * 4))[0].numpy()
    for row, expected in zip(shown, signal.numpy(), strict=True):
        np.testing.assert_allclose(row, np.interp(source, np.arange(50), expected), atol=1e-12)


def test_a_missing_lead_stays_missing_under_every_timing() -> None:
    signal = ecg().signal.copy()
    signal[7] = np.nan
    chosen = plain_settings(timing=True, pieces="waves")
    game = make_game(signal, STANDARD_LEADS, 100.0, "mV", chosen)
    shown = game.windows(random_masks(game, 2, n=16)).numpy()
    assert np.isnan(shown[:, 7]).all()
    assert not np.isnan(np.delete(shown, 7, axis=1)).any()


def test_who_owns_nothing_has_no_value_and_no_part_in_the_design() -> None:
    missing = np.full(2, np.nan)
    beats = Delineation(
        p_onset=missing, p_offset=missing, qrs_onset=np.array([0.46, 1.46]),
        r_peak=np.array([0.5, 1.5]), qrs_offset=np.array([0.55, 1.55]),
        t_peak=np.array([0.75, 1.75]), t_offset=np.array([0.83, 1.83]),
    )  # fmt: skip
    signal = np.random.default_rng(0).normal(size=(12, 200)).astype(np.float32)
    chosen = plain_settings(pieces="waves")
    game = make_game(signal, STANDARD_LEADS, 100.0, "mV", chosen, beats)
    absent = np.array([name.endswith((" P", " PR")) for name in game.players.names])
    np.testing.assert_array_equal(game.is_there, ~absent)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12 * 200, 2))
    model = FrozenModel(network, ("a", "b"), torch.zeros(12, 1), torch.ones(12, 1))
    said = perturb(model, game, chosen)
    design = prepared(int((~absent).sum()), chosen, 0)
    assert said.n_forwards == len(design.masks)
    assert (said.values[:, absent] == 0).all()
    assert (said.standard_error[:, absent] == 0).all()
    assert (said.values[:, ~absent] != 0).all()
