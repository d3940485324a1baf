"""Comparisons on shared folds: against scipy, by hand, and by how often they cry wolf."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from leadlens.errors import ConfigError
from leadlens.evaluation.comparison import corrected_t_test, holm, rank_test


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=20).filter(lambda x: np.std(x) > 1e-3))
def test_without_overlap_it_is_the_plain_t_test(differences: list[float]) -> None:
    ours, theirs = corrected_t_test(np.array(differences), 0.0), stats.ttest_1samp(differences, 0.0)
    interval = theirs.confidence_interval()
    assert ours.p == pytest.approx(theirs.pvalue)
    assert (ours.low, ours.high) == pytest.approx((interval.low, interval.high))


def test_a_worked_example() -> None:
    # Mean 0.03, variance 2.5e-4; 1/5 + 1/4 = 0.45 of it is 1.125e-4, its root 0.010607.
    # t = 0.03 / 0.010607 = 2.8284, two-sided p with 4 degrees of freedom 0.0474;
    # 2.7764 errors to either side are 0.02945.
    said = corrected_t_test(np.array([0.01, 0.02, 0.03, 0.04, 0.05]), 0.25)
    assert said.mean == pytest.approx(0.03)
    assert said.p == pytest.approx(0.0474, abs=5e-5)
    assert (said.low, said.high) == pytest.approx((0.00055, 0.05945), abs=1e-5)
    assert said.n_folds == 5


@pytest.mark.parametrize("k", [5, 10])
def test_it_cries_wolf_no_more_than_it_says_where_a_plain_test_does(k: int) -> None:
    rng = np.random.default_rng(0)
    n_studies, between = 20_000, 1 / k
    shared = rng.normal(0, np.sqrt(between), (n_studies, 1))
    folds = shared + rng.normal(0, np.sqrt(1 - between), (n_studies, k))
    ours = [corrected_t_test(each, 1 / (k - 1)).p < 0.05 for each in folds]
    plain = stats.ttest_1samp(folds, 0.0, axis=1).pvalue < 0.05
    assert 0.04 < np.mean(ours) <= 0.06
    assert plain.mean() > 0.1


def test_folds_that_differ_alike_leave_no_doubt() -> None:
    none, some = (corrected_t_test(np.full(4, x), 0.25) for x in (0.0, 0.125))
    assert (none.mean, none.low, none.high, none.p) == (0.0, 0.0, 0.0, 1.0)
    assert (some.mean, some.low, some.high, some.p) == (0.125, 0.125, 0.125, 0.0)


@pytest.mark.parametrize("differences", [[], [0.1], [0.1, float("nan"), 0.2]])
def test_too_few_folds_or_no_score_are_refused(differences: list[float]) -> None:
    with pytest.raises(ConfigError, match="at least 2 folds with a score"):
        corrected_t_test(np.array(differences), 0.25)


def test_holm_raises_small_values_most_and_keeps_their_order() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.5]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_what_the_steps_reject(values: list[float]) -> None:
    rejected, order = set(), np.argsort(values, kind="stable")
    for step, which in enumerate(order.tolist()):
        if values[which] * (len(values) - step) > 0.05:
            break
        rejected.add(which)
    assert {i for i, p in enumerate(holm(values)) if p <= 0.05} == rejected


SOURCES = np.array([
    [0.90, 0.80, 0.81], [0.91, 0.82, 0.80], [0.85, 0.70, 0.74], [0.95, 0.85, 0.83],
    [0.88, 0.79, 0.80], [0.92, 0.83, 0.82], [0.87, 0.75, 0.77], [0.93, 0.84, 0.81],
])  # fmt: skip


def test_ranks_over_sources_are_scipys_tests_with_holms_adjustment() -> None:
    said = rank_test(SOURCES)
    assert said.mean == pytest.approx((1.0, 2.5, 2.5))
    assert said.p_any == pytest.approx(stats.friedmanchisquare(*SOURCES.T).pvalue)
    raw = [stats.wilcoxon(SOURCES[:, i], SOURCES[:, j]).pvalue for i, j in ((0, 1), (0, 2))]
    assert raw == pytest.approx([2 / 2**8, 2 / 2**8])
    assert said.p[0, 1] == pytest.approx(3 * 2 / 2**8)
    assert said.p[1, 2] > 0.5
    assert said.groups == ((1, 2),)


def test_a_model_may_be_in_two_groups_and_a_group_in_another_is_not_told() -> None:
    rng = np.random.default_rng(0)
    steps = np.array([0.0, -0.02, -0.04]) + rng.normal(0, 0.03, (12, 3))
    said = rank_test(steps)
    assert said.p[0, 2] < 0.05 <= min(said.p[0, 1], said.p[1, 2])
    assert said.groups == ((0, 1), (1, 2))
    assert rank_test(np.tile(steps[:, :1], 4)).groups == ((0, 1, 2, 3),)
    assert rank_test(np.tile(steps[:, :1], 4)).p_any == 1.0


def test_two_models_have_wilcoxons_p_value() -> None:
    said = rank_test(SOURCES[:, :2])
    assert said.p_any == said.p[0, 1] == pytest.approx(2 / 2**8)
    assert said.groups == ()


@pytest.mark.parametrize("scores", [SOURCES[:5], SOURCES[:, :1], np.full((6, 2), np.nan)])
def test_too_few_sources_one_model_or_a_missing_score_are_refused(scores: np.ndarray) -> None:
    with pytest.raises(ConfigError, match="ranks need at least 2 models, 6 sources"):
        rank_test(scores)


@pytest.mark.parametrize("n_digits", [2, 12])
def test_ranks_over_independent_sources_cry_wolf_no_more_than_they_say(n_digits: int) -> None:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(600):
        hospital = rng.normal(0, 0.1, (8, 1))
        scores = np.round(0.8 + hospital + rng.normal(0, 0.02, (8, 3)), n_digits)
        found.append(min(rank_test(scores).p.values()) < 0.05)
    assert np.mean(found) <= 0.06
