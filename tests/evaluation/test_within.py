"""AUROC within strata: against counting pairs one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadlens.evaluation.within import auroc_within, aurocs_of_two


def by_pairs(truth: np.ndarray, said: np.ndarray, strata: np.ndarray, times: np.ndarray) -> float:
    wins = pairs = 0.0
    for i in np.flatnonzero(truth):
        for j in np.flatnonzero(~truth):
            if strata[i] == strata[j]:
                weight = times[i] * times[j]
                pairs += weight
                wins += weight * ((said[i] > said[j]) + (said[i] == said[j]) / 2)
    return wins / pairs if pairs else float("nan")


@given(st.integers(0, 10_000))
@settings(max_examples=40)
def test_only_pairs_of_one_stratum_count_as_often_as_they_are_drawn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 25
    truth, strata = rng.random(n) < 0.3, rng.integers(0, 4, n)
    said = np.round(rng.random(n), 1)
    times = rng.integers(0, 3, (n, 3)).astype(np.float32)
    found = auroc_within(truth, said, strata, times)
    wanted = [by_pairs(truth, said, strata, times[:, draw]) for draw in range(3)]
    np.testing.assert_allclose(found, wanted, atol=1e-9)


def test_what_networks_call_probable_makes_no_difference_between_strata() -> None:
    rng = np.random.default_rng(0)
    truth, strata = np.tile([True, False], 50), np.repeat(np.arange(4), 25)
    said, once = rng.random(100), np.ones((100, 1), np.float32)
    assert auroc_within(truth, said, strata, once) == auroc_within(
        truth, said + 10 * strata, strata, once
    )


def test_draws_of_a_difference_spread_as_the_difference_does() -> None:
    found, spreads = [], []
    for number in range(120):
        rng = np.random.default_rng([1, number])
        truth = np.arange(300) < 60
        shared = rng.standard_normal(300)
        said = np.stack([shared + rng.standard_normal(300) + lift * truth for lift in (2.0, 1.5)])
        groups = np.arange(300) // 2
        both, draws = aurocs_of_two(
            truth[:, None], np.ones((300, 1), bool), said[:, :, None], np.arange(300) % 5, groups,
            number, 100,
        )  # fmt: skip
        found.append(both[0, 0] - both[1, 0])
        spreads.append(draws[:, 0].std())
    assert np.mean(spreads) == pytest.approx(np.std(found), rel=0.2)
