"""LIME's designs: orthogonal, reproducible, independent of one another."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_settings import plain_settings

from leadlens.errors import ConfigError
from leadlens.explain.designs import N_DESIGNS, make_design
from leadlens.explain.orthogonal import few_fours
from leadlens.explain.settings import ExplainSettings

HADAMARD = plain_settings()
BERNOULLI = plain_settings(design="bernoulli", n_samples=300)


def masks_of(n_players: int, chosen: ExplainSettings, number: int = 0) -> np.ndarray:
    """Return the masks that are fitted."""
    design = make_design(n_players, chosen, number)
    return design.masks[design.weights > 0]


@given(n_players=st.integers(1, 130), number=st.integers(0, 20), seed=st.integers(0, 100))
@settings(max_examples=20, deadline=None)
def test_the_folded_hadamard_design_is_orthogonal(n_players: int, number: int, seed: int) -> None:
    masks = masks_of(n_players, plain_settings(seed=seed), number)
    signs = np.column_stack([np.ones(len(masks)), np.where(masks, 1.0, -1.0)])
    np.testing.assert_array_equal(signs.T @ signs, len(masks) * np.eye(n_players + 1))


@given(n_players=st.integers(1, 130), number=st.integers(0, 20))
@settings(max_examples=20, deadline=None)
def test_the_second_half_of_the_hadamard_design_is_the_complement_of_the_first(
    n_players: int, number: int
) -> None:
    masks = masks_of(n_players, HADAMARD, number)
    half = len(masks) // 2
    np.testing.assert_array_equal(masks[half:], ~masks[:half])
    assert len(masks) == 2**n_players or (masks[:half].sum(axis=0) == half // 2).all()


@given(n_players=st.integers(7, 400), n_masks=st.integers(16, 3000))
@settings(max_examples=20, deadline=None)
def test_the_hadamard_design_is_the_smallest_with_as_many_masks_and_three_a_coefficient(
    n_players: int, n_masks: int
) -> None:
    said = len(masks_of(n_players, plain_settings(n_samples=n_masks)))
    least = max(n_masks, 3 * (n_players + 1))
    assert said.bit_count() == 1
    assert said == 2**n_players or said // 2 < least <= said


@pytest.mark.parametrize("n_players", [4, 5, 8])
def test_few_players_have_every_mask_and_then_no_error(n_players: int) -> None:
    design = make_design(n_players, HADAMARD)
    assert len({mask.tobytes() for mask in design.masks}) == 2**n_players == len(design.masks)
    assert design.error == "none"


def fours(columns: tuple[int, ...]) -> int:
    """Count sets of four numbers that cancel under exclusive or, plainly."""
    return sum(a ^ b ^ c ^ d == 0 for a, b, c, d in combinations(columns, 4))


@pytest.mark.parametrize(("n", "order", "most"), [(18, 256, 1), (24, 512, 4), (31, 1024, 1)])
def test_few_fours_of_columns_cancel(n: int, order: int, most: int) -> None:
    columns = few_fours(n, order)
    assert len(set(columns)) == n
    assert 0 < min(columns) <= max(columns) < order
    at_random = np.mean([
        fours(tuple(1 + np.random.default_rng(seed).permutation(order - 1)[:n]))
        for seed in range(5)
    ])  # fmt: skip
    assert fours(columns) <= most
    assert at_random > 9


def test_where_no_four_cancels_effects_are_free_of_interactions_up_to_four_players() -> None:
    signs = np.where(masks_of(31, plain_settings(n_samples=2048)), 1.0, -1.0)
    rng = np.random.default_rng(0)
    for size in (2, 3, 4):
        chosen = np.array([rng.permutation(31)[:size] for _ in range(300)])
        mixed = signs.T @ signs[:, chosen].prod(axis=2)
        assert np.abs(mixed).max() == 0


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
        assert make_design(21, chosen, number).masks[0].all()


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
