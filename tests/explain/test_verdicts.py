"""Verdicts: each metric is good on its own side of its limit, and what is not judged says so."""

from dataclasses import replace

import pytest

from leadlens.explain.faithfulness import Curves
from leadlens.explain.judge import MetricCard
from leadlens.explain.verdicts import LIMITS, verdicts

GOOD = MetricCard(
    n_windows=3,
    own=Curves(deletion=-1.0, insertion=3.0),
    random=Curves(deletion=1.0, insertion=1.0),
    amplitude=Curves(deletion=0.0, insertion=2.0),
    sensitivity_n=0.9,
    r2=0.9,
    seed_to_seed=0.9,
    cascade=(0.9, 0.5, -0.1),
    dummy_share=0.0,
    null_space_shift=0.0,
    zeroing_shift=0.5,
)


def words(**changes: object) -> dict[str, str]:
    return {each.metric: each.word for each in verdicts(replace(GOOD, **changes))}


def test_a_good_card_is_good_in_all_that_is_judged() -> None:
    found = words()
    assert found.pop("zeroing_shift") == "to compare"
    assert set(found.values()) == {"good"}
    assert len(found) == 7


@pytest.mark.parametrize("metric", ["sensitivity_n", "seed_to_seed"])
def test_correlations_are_good_from_a_limit_upwards(metric: str) -> None:
    good, fair = LIMITS[metric]
    assert words(**{metric: good})[metric] == "good"
    assert words(**{metric: good - 0.01})[metric] == "fair"
    assert words(**{metric: fair - 0.01})[metric] == "poor"


@pytest.mark.parametrize("metric", ["dummy_share", "null_space_shift"])
def test_shares_are_good_up_to_a_limit(metric: str) -> None:
    good, fair = LIMITS[metric]
    assert words(**{metric: good})[metric] == "good"
    assert words(**{metric: good + 0.001})[metric] == "fair"
    assert words(**{metric: fair + 0.001})[metric] == "poor"
    assert words(**{metric: None})[metric] == "not judged"


@pytest.mark.parametrize(("last", "word"), [(0.1, "good"), (-0.3, "fair"), (-0.9, "poor")])
def test_the_wholly_randomised_network_counts_and_a_reversed_map_is_not_another_one(
    last: float, word: str
) -> None:
    assert words(cascade=(0.0, 0.0, last))["cascade"] == word


@pytest.mark.parametrize(("gap", "word"), [(2.1, "good"), (1.9, "fair"), (0.0, "poor")])
def test_an_order_is_good_above_that_of_amplitude_and_poor_at_chance(gap: float, word: str) -> None:
    assert words(own=Curves(0.0, gap))["insertion_less_deletion"] == word


def test_an_order_worse_than_chance_is_poor_though_it_beats_amplitude() -> None:
    found = words(own=Curves(0.0, -0.5), amplitude=Curves(2.0, 0.0))
    assert found["insertion_less_deletion"] == "poor"


@pytest.mark.parametrize(
    ("r2", "word"), [(0.8, "good"), (0.5, "fair"), (0.49, "poor"), (float("nan"), "not judged")]
)
def test_r2_is_poor_where_the_gate_closes_and_not_judged_without_a_surrogate(
    r2: float, word: str
) -> None:
    (row,) = (each for each in verdicts(replace(GOOD, r2=r2)) if each.metric == "r2")
    assert row.word == word
    assert (row.value is None) == (word == "not judged")
