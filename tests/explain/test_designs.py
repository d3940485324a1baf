"""LIME's designs: orthogonal, reproducible, independent of one another."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadlens.errors import ConfigError
from leadlens.explain.designs import N_DESIGNS, make_design
from leadlens.explain.settings import ExplainSettings

HADAMARD = ExplainSettings()
BERNOULLI = ExplainSettings(design="bernoulli", n_samples=300)


def masks_of(n_players: int, chosen: ExplainSettings, number: int = 0) -> np.ndarray:
    return make_design(n_players, chosen, number).masks


@given(n_players=st.integers(1, 130), number=st.integers(0, 20), seed=st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_the_folded_hadamard_design_is_orthogonal(n_players: int, number: int, seed: int) -> None:
    masks = masks_of(n_players, ExplainSettings(seed=seed), number)
    signs = np.column_stack([np.ones(len(masks)), np.where(masks, 1.0, -1.0)])
    np.testing.assert_array_equal(signs.T @ signs, len(masks) * np.eye(n_players + 1))


@given(n_players=st.integers(1, 130), number=st.integers(0, 20))
@settings(max_examples=40, deadline=None)
def test_the_second_half_of_the_hadamard_design_is_the_complement_of_the_first(
    n_players: int, number: int
) -> None:
    masks = masks_of(n_players, HADAMARD, number)
    half = len(masks) // 2
    np.testing.assert_array_equal(masks[half:], ~masks[:half])
    assert (masks[:half].sum(axis=0) == half // 2).all()


@given(n_players=st.integers(1, 400))
@settings(max_examples=40, deadline=None)
def test_the_hadamard_design_is_the_smallest_with_three_masks_a_coefficient(
    n_players: int,
) -> None:
    n_masks = len(masks_of(n_players, HADAMARD))
    assert n_masks.bit_count() == 1
    assert n_masks >= 3 * (n_players + 1)
    assert n_masks // 2 < 3 * (n_players + 1)


def test_fewer_than_two_random_masks_a_coefficient_are_refused() -> None:
    assert len(masks_of(149, BERNOULLI)) == 300
    with pytest.raises(ConfigError, match="300 masks cannot tell 150 players apart"):
        masks_of(150, BERNOULLI)


def test_main_effects_are_free_of_two_player_interactions() -> None:
    signs = np.where(masks_of(10, HADAMARD), 1.0, -1.0)
    pairs = [signs[:, i] * signs[:, j] for i in range(10) for j in range(i)]
    assert np.abs(signs.T @ np.stack(pairs, axis=1)).max() == 0


@pytest.mark.parametrize("chosen", [HADAMARD, BERNOULLI])
def test_the_first_mask_keeps_every_player(chosen: ExplainSettings) -> None:
    for number in range(5):
        assert masks_of(21, chosen, number)[0].all()


@pytest.mark.parametrize("chosen", [HADAMARD, BERNOULLI])
def test_the_same_seed_and_number_give_the_same_design(chosen: ExplainSettings) -> None:
    np.testing.assert_array_equal(masks_of(21, chosen, 3), masks_of(21, chosen, 3))


@pytest.mark.parametrize("chosen", [HADAMARD, BERNOULLI])
def test_every_number_and_every_seed_gives_another_design(chosen: ExplainSettings) -> None:
    designs = [masks_of(21, chosen, number) for number in range(N_DESIGNS)]
    designs.append(masks_of(21, chosen.model_copy(update={"seed": 1}), 0))
    assert len({design.tobytes() for design in designs}) == N_DESIGNS + 1


def test_random_masks_keep_half_of_the_players_in_as_many_masks_as_asked() -> None:
    masks = masks_of(40, BERNOULLI)
    assert masks.shape == (300, 40)
    assert masks[1:].mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(299 * 40))
