"""The sentence: what is named, its share with an interval, and what is not known."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadlens.explain.attribution import Attribution
from leadlens.explain.waves import WAVES
from leadlens.report.sentence import error_kind, listed, sentence, share_interval

Make = Callable[..., Attribution]
GROUPS = ("frontal plane", "V1", "V2", "V3", "V4", "V5", "V6")


def values_of(**parts: float) -> np.ndarray:
    """Return values of lead group x wave, such as V1_ST=2.0; all others 0."""
    grid = np.zeros((len(GROUPS), len(WAVES)))
    for name, value in parts.items():
        lead, wave = name.rsplit("_", 1)
        grid[GROUPS.index(lead.replace("frontal", "frontal plane")), WAVES.index(wave)] = value
    return grid.ravel()


def test_one_wave_in_neighbouring_leads_is_named_with_its_share_and_interval(
    attribution_of: Make,
) -> None:
    values = values_of(V1_ST=2.0, V2_ST=3.0, V3_ST=1.2, frontal_QRS=3.8, V6_T=-1.5)
    said = sentence(attribution_of(values), 0, "estimated")
    share, low, high = share_interval(values, np.full(42, 0.1), np.array([9, 15, 21]))
    assert said.startswith(
        "ST segment in V1 to V3: 62 % of the evidence for atrial fibrillation "
        f"(95 % CI {100 * low:.0f} to {100 * high:.0f}; +6.20 logits)."
    )
    assert share == pytest.approx(0.62)
    assert (
        "Most against it: T wave in V6 (\u22121.50, 95 % CI \u22121.70 to \u22121.30 logits)."
        in said
    )


def test_a_lead_that_is_much_weaker_than_the_loudest_is_not_named(attribution_of: Make) -> None:
    values = values_of(V1_T=4.0, V2_T=0.9, V3_T=1.1)
    assert sentence(attribution_of(values), 0, "estimated").startswith("T wave in V1 and V3: ")


def test_where_every_interval_includes_zero_no_part_is_named(attribution_of: Make) -> None:
    values = np.random.default_rng(0).normal(0.0, 0.1, 42)
    said = sentence(attribution_of(values, 0.2), 0, "estimated")
    assert said == "No part by itself speaks clearly for atrial fibrillation."


def test_noise_names_a_part_in_about_one_of_twenty_ecgs_not_in_most(attribution_of: Make) -> None:
    rng = np.random.default_rng(1)
    n_named = 0
    for _ in range(400):
        said = sentence(attribution_of(rng.normal(0.0, 0.1, 42), 0.1), 0, "estimated")
        n_named += not said.startswith("No part") or "Most against" in said
    assert 0.01 < n_named / 400 < 0.09


def test_timing_is_told_apart_and_first_where_it_says_more(attribution_of: Make) -> None:
    shapes = values_of(V1_TP=2.0)
    weak = attribution_of(np.append(shapes, [0.0, 1.0, 0.0, 0.0]), timing=True)
    strong = attribution_of(np.append(shapes, [0.0, 3.0, 0.0, 0.0]), timing=True)
    start = "Timing of the beats, shapes kept: regularity ("
    shape = "TP segment in V1: 100 % of the evidence in the waves' shapes"
    assert sentence(weak, 0, "estimated").startswith(shape)
    assert f"{start}+1.00, 95 % CI +0.80 to +1.20 logits)" in sentence(weak, 0, "estimated")
    assert sentence(strong, 0, "estimated").startswith(start)
    assert shape in sentence(strong, 0, "estimated")


def test_timing_does_not_change_the_shares_of_the_shapes(attribution_of: Make) -> None:
    shapes = values_of(V1_ST=3.0, V2_QRS=1.0)
    with_timing = attribution_of(np.append(shapes, [5.0, 5.0, 5.0, 5.0]), timing=True)
    for said in (attribution_of(shapes), with_timing):
        assert "ST segment in V1: 75 % of the evidence" in sentence(said, 0, "estimated")


def test_without_a_known_error_no_interval_is_claimed(attribution_of: Make) -> None:
    said = sentence(attribution_of(values_of(V1_ST=3.0, V2_T=-1.0), 0.0), 0, "unknown")
    assert "CI" not in said
    assert said.endswith("No error of these figures is known.")
    assert "No error" not in sentence(attribution_of(values_of(V1_ST=3.0), 0.0), 0, "exact")


def test_without_waves_leads_are_named(attribution_of: Make) -> None:
    values = np.array([0.0, 1.0, 2.0, 1.0, 0.0, 0.0, -1.0])
    said = sentence(attribution_of(values, 0.05, pieces="whole"), 0, "estimated")
    assert said.startswith("V1 to V3: 100 % of the evidence for atrial fibrillation (+4.00 logits)")


def test_a_method_that_knows_no_leads_names_none(attribution_of: Make) -> None:
    values = np.tile([0.0, 0.0, 1.0, 0.0, 0.5, 0.0], 7)
    said = sentence(attribution_of(values, 0.0), 0, "unknown")
    assert said.startswith("QRS complex in all leads: 67 % of the evidence")
    assert "does not tell leads apart" in said


@pytest.mark.parametrize(
    ("method", "errors", "kind"),
    [
        ("lime", 0.1, "estimated"),
        ("exact_shapley", 0.0, "exact"),
        ("occlusion", 0.0, "exact"),
        ("integrated_gradients", 0.0, "unknown"),
        ("mine:explain", np.nan, "unknown"),
    ],
)
def test_what_is_known_of_errors_depends_on_the_method(
    attribution_of: Make, method: str, errors: float, kind: str
) -> None:
    assert error_kind(attribution_of(np.ones(42), errors), 0, method) == kind


def test_neighbours_are_listed_as_a_range_but_planes_are_not() -> None:
    assert listed(GROUPS, (1, 2, 3)) == "V1 to V3"
    assert listed(GROUPS, (0, 1, 2)) == "the frontal plane, V1 and V2"
    assert listed(GROUPS, (0, 1, 2, 3, 6)) == "the frontal plane, V1 to V3 and V6"
    assert listed(("frontal plane", "chest"), (1,)) == "the chest"


@given(seed=st.integers(0, 999), factor=st.floats(1e-3, 1e3))
def test_the_interval_holds_the_share_within_0_and_1_and_does_not_depend_on_the_unit(
    seed: int, factor: float
) -> None:
    rng = np.random.default_rng(seed)
    values, errors = rng.normal(1.0, 2.0, 12), rng.uniform(0.01, 1.0, 12)
    values[0] = abs(values[0]) + 0.1
    members = np.array([0])
    share, low, high = share_interval(values, errors, members)
    assert 0.0 <= low <= share <= high <= 1.0
    again = share_interval(factor * values, factor * errors, members)
    np.testing.assert_allclose(again, (share, low, high), rtol=1e-9)


def test_the_interval_covers_the_true_share_in_95_of_100_draws() -> None:
    rng = np.random.default_rng(2)
    truth, errors = np.array([3.0, 2.0, 1.5, 1.0, 0.5]), np.full(5, 0.12)
    share = truth[:2].sum() / truth.sum()
    n_covered = 0
    for _ in range(2000):
        _, low, high = share_interval(truth + rng.normal(0, errors), errors, np.array([0, 1]))
        n_covered += low < share < high
    assert 0.93 < n_covered / 2000 < 0.97
