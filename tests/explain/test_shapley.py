"""Shapley's values: his axioms, all orders by hand, and regression on drawn coalitions."""

from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from plain_settings import plain_settings

from leadlens.errors import ConfigError
from leadlens.explain.designs import (
    Design,
    exact_shapley,
    kernel_shap,
    make_design,
    occlusion,
    shapley,
)
from leadlens.explain.perturbation import estimates

Worth = Callable[[np.ndarray], np.ndarray]


def any_game(n_players: int, seed: int) -> Worth:
    """Return what coalitions are worth, with interactions of two and three players."""
    rng = np.random.default_rng(seed)
    one, two = rng.normal(size=n_players), 0.5 * rng.normal(size=(n_players, n_players))
    three = 0.3 * rng.normal(size=(n_players,) * 3)

    def worth(masks: np.ndarray) -> np.ndarray:
        m = masks.astype(float)
        return 1.5 + m @ one + ((m @ two) * m).sum(1) + np.einsum("mi,mj,mk,ijk->m", m, m, m, three)

    return worth


def values_of(design: Design, worth: Worth) -> np.ndarray:
    logits = worth(design.masks)[:, None]
    return estimates(design, logits, np.eye(design.masks.shape[1]))[0][0]


def by_all_orders(n_players: int, worth: Worth) -> np.ndarray:
    """Return each player's mean gain over all orders in which the players may come."""
    total = np.zeros(n_players)
    orders = list(permutations(range(n_players)))
    for order in orders:
        masks = np.zeros((n_players + 1, n_players), bool)
        for place, player in enumerate(order):
            masks[place + 1 :, player] = True
        total[list(order)] += np.diff(worth(masks))
    return total / len(orders)


@given(n_players=st.integers(1, 6), seed=st.integers(0, 1000))
@hypothesis_settings(max_examples=25, deadline=None)
def test_the_values_are_the_mean_gains_over_all_orders(n_players: int, seed: int) -> None:
    worth = any_game(n_players, seed)
    said = values_of(exact_shapley(n_players), worth)
    np.testing.assert_allclose(said, by_all_orders(n_players, worth), atol=1e-9)


@pytest.mark.parametrize("n_players", [2, 7, 12])
def test_the_values_share_out_the_difference_between_all_on_and_all_off(n_players: int) -> None:
    worth = any_game(n_players, 1)
    ends = worth(np.array([[True] * n_players, [False] * n_players]))
    for design in (
        exact_shapley(n_players),
        kernel_shap(n_players, 64, np.random.default_rng(0)),
        shapley(n_players, 64, np.random.default_rng(0)),
    ):
        assert values_of(design, worth).sum() == pytest.approx(ends[0] - ends[1], abs=1e-9)


def test_a_player_that_changes_nothing_gets_nothing_and_equal_players_get_the_same() -> None:
    def worth(masks: np.ndarray) -> np.ndarray:
        return 3.0 * (masks[:, 0] | masks[:, 1]) + masks[:, 3]

    said = values_of(exact_shapley(4), worth)
    np.testing.assert_allclose(said, [1.5, 1.5, 0.0, 1.0], atol=1e-12)


def test_more_than_twelve_players_are_too_many_for_every_coalition() -> None:
    assert len(exact_shapley(12).masks) == 4096
    with pytest.raises(ConfigError, match=r"13 players have 2\^13: at most 12"):
        exact_shapley(13)


@pytest.mark.parametrize("n_players", [2, 3, 6, 7])
def test_regression_on_all_coalitions_is_exact(n_players: int) -> None:
    design = kernel_shap(n_players, 2**n_players + 2, np.random.default_rng(0))
    worth = any_game(n_players, 2)
    np.testing.assert_allclose(
        values_of(design, worth), values_of(exact_shapley(n_players), worth), atol=1e-9
    )
    assert estimates(design, worth(design.masks)[:, None], np.eye(n_players))[1].max() == 0.0


def test_drawn_coalitions_come_to_the_exact_values_within_their_standard_errors() -> None:
    n_players = 12
    worth = any_game(n_players, 3)
    exact = values_of(exact_shapley(n_players), worth)
    rounds = []
    for number in range(300):
        design = kernel_shap(n_players, 128, np.random.default_rng(number))
        values, errors, _ = estimates(design, worth(design.masks)[:, None], np.eye(n_players))
        rounds.append((values[0], errors[0]))
    values, errors = (np.array(each) for each in zip(*rounds, strict=True))
    off = np.abs(values - exact)
    assert 0.90 < (off < 1.96 * errors).mean() < 0.98
    mean_error = values.std(axis=0) / np.sqrt(len(values))
    assert (np.abs(values.mean(axis=0) - exact) < 4.5 * mean_error + 0.02 * np.abs(exact)).all()


def test_simpsons_rule_gives_the_exact_values_where_no_four_columns_cancel() -> None:
    n_players = 12
    worth = any_game(n_players, 3)
    exact = values_of(exact_shapley(n_players), worth)
    design = shapley(n_players, 2048, np.random.default_rng(5))
    assert len(design.masks) == 2048 + 2 * n_players + 2
    np.testing.assert_allclose(values_of(design, worth), exact, atol=1e-9)


def test_with_fewer_masks_simpsons_rule_is_right_within_its_standard_errors() -> None:
    n_players = 12
    worth = any_game(n_players, 3)
    exact = values_of(exact_shapley(n_players), worth)
    off, errors = [], []
    for number in range(200):
        design = shapley(n_players, 64, np.random.default_rng(number))
        values, error, _ = estimates(design, worth(design.masks)[:, None], np.eye(n_players))
        off.append(values[0] - exact)
        errors.append(error[0])
    assert (np.abs(off) < 1.96 * np.array(errors)).mean() > 0.9
    assert np.abs(np.mean(off, axis=0)).max() < 0.2 * np.std(off)


def test_every_drawn_coalition_comes_with_its_complement() -> None:
    design = kernel_shap(42, 300, np.random.default_rng(0))
    of_draw = [design.masks[design.drawn == number] for number in range(design.drawn.max() + 1)]
    assert len(of_draw) > 50
    for pair in of_draw:
        np.testing.assert_array_equal(pair[0], ~pair[1])
    assert len(design.masks) <= 302


def test_fewer_than_two_coalitions_a_player_are_refused() -> None:
    with pytest.raises(ConfigError, match="30 masks cannot tell 42 players apart"):
        kernel_shap(42, 30, np.random.default_rng(0))


def test_occlusion_is_what_is_lost_without_one_player() -> None:
    worth = any_game(9, 4)
    alone = np.vstack([np.ones((1, 9), bool), ~np.eye(9, dtype=bool)])
    lost = worth(alone)[0] - worth(alone)[1:]
    np.testing.assert_allclose(values_of(occlusion(9), worth), lost, atol=1e-9)


@pytest.mark.parametrize("method", ["exact_shapley", "shapley", "kernel_shap", "occlusion", "lime"])
def test_values_that_add_up_have_an_r2_of_one_and_two_equal_players_a_low_one(method: str) -> None:
    chosen = plain_settings(**{"method": method, "n_samples": 64, "ridge": 0.0})
    design = make_design(7, chosen)
    slopes = np.arange(7.0)
    either = 5.0 * (design.masks[:, 0] | design.masks[:, 1])
    logits = np.stack([design.masks @ slopes, either], axis=1)
    values, _, r2 = estimates(design, logits, np.eye(7))
    np.testing.assert_allclose(values[0], slopes, atol=1e-9)
    assert r2[0] == pytest.approx(1.0)
    assert r2[1] < 0.9
