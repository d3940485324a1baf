"""Intervals: the variance is right, and the interval holds the truth as often as it says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from leadlens.errors import ConfigError
from leadlens.evaluation.statistics import auroc_variance, mean_auroc_interval

_COUNTS = st.integers(1, 10**7)


def simulated_aurocs(
    true: float, n_positive: int, n_negative: int, n: int, rng: np.random.Generator
) -> np.ndarray:
    """Return AUROCs of `n` tests of a classifier with exponential scores.

    Hanley and McNeil's formula is exact for these; a quotient of rates gives any true AUROC.
    """
    rate = true / (1 - true)
    positive = rng.exponential(rate, (n, n_positive, 1))
    negative = rng.exponential(1.0, (n, 1, n_negative))
    return (positive > negative).mean(axis=(1, 2))


@pytest.mark.parametrize(("true", "n_positive", "n_negative"),
                         [(0.5, 10, 40), (0.8, 20, 60), (0.95, 30, 30), (0.9, 1, 50)])  # fmt: skip
def test_the_variance_is_that_of_simulated_aurocs(
    true: float, n_positive: int, n_negative: int
) -> None:
    aurocs = simulated_aurocs(true, n_positive, n_negative, 4000, np.random.default_rng(0))
    assert aurocs.mean() == pytest.approx(true, abs=0.02)
    # The standard error of a variance from 4000 draws is about 3 %.
    assert aurocs.var() == pytest.approx(auroc_variance(true, n_positive, n_negative), rel=0.12)


@pytest.mark.parametrize(("n_positive", "n_negative"), [(0, 5), (5, 0)])
def test_an_auroc_from_nobody_is_refused(n_positive: int, n_negative: int) -> None:
    with pytest.raises(
        ConfigError, match=f"from {n_positive} positives and {n_negative} negatives"
    ):
        auroc_variance(0.8, n_positive, n_negative)


@pytest.mark.parametrize("true", [0.75, 0.9, 0.97])
@pytest.mark.parametrize("n_positive", [10, 50])
def test_the_interval_holds_the_truth_at_least_as_often_as_93_in_100(
    true: float, n_positive: int
) -> None:
    rng = np.random.default_rng(1)
    # Gaussian scores: not those for which the variance is exact.
    distance = np.sqrt(2) * stats.norm.ppf(true)
    n_held = 0
    for _ in range(300):
        positive = rng.normal(distance, 1, (5, n_positive, 1))
        negative = rng.normal(0, 1, (5, 1, 100))
        aurocs = (positive > negative).mean(axis=(1, 2)).tolist()
        low, high = mean_auroc_interval(aurocs, [n_positive] * 5, [100] * 5)
        n_held += low <= true <= high
    assert n_held / 300 >= 0.93


@given(
    folds=st.lists(
        st.tuples(st.floats(0, 1) | st.sampled_from([0.0, 1.0, float("nan")]), _COUNTS, _COUNTS),
        min_size=1, max_size=6,
    )
)  # fmt: skip
def test_the_interval_is_inside_0_and_1_and_around_the_mean(
    folds: list[tuple[float, int, int]],
) -> None:
    values = [fold[0] for fold in folds]
    low, high = mean_auroc_interval(values, [f[1] for f in folds], [f[2] for f in folds])
    present = [value for value in values if not np.isnan(value)]
    if not present:
        assert np.isnan([low, high]).all()
        return
    assert 0 <= low <= np.mean(present) + 1e-9
    assert np.mean(present) - 1e-9 <= high <= 1


def test_perfect_scores_give_a_high_lower_end_that_rises_with_the_recordings() -> None:
    lows = [mean_auroc_interval([1.0] * 5, [n] * 5, [200] * 5)[0] for n in (5, 20, 100)]
    highs = [mean_auroc_interval([1.0] * 5, [n] * 5, [200] * 5)[1] for n in (5, 20, 100)]
    assert lows == sorted(lows)
    assert 0.7 < lows[0] < lows[1] < 1
    assert 0.95 < lows[2] < 1
    assert highs == [1.0] * 3


def test_a_fold_without_a_value_does_not_count() -> None:
    with_nan = mean_auroc_interval([0.8, float("nan"), 0.9], [10, 0, 10], [50, 60, 50])
    assert with_nan == mean_auroc_interval([0.8, 0.9], [10, 10], [50, 50])


@given(value=st.floats(0.05, 0.95), n=st.integers(3, 200))
def test_a_higher_level_and_fewer_recordings_widen_the_interval(value: float, n: int) -> None:
    low, high = mean_auroc_interval([value], [n], [n])
    wider = mean_auroc_interval([value], [n], [n], level=0.99)
    fewer = mean_auroc_interval([value], [n - 1], [n - 1])
    assert wider[0] < low < high < wider[1]
    assert fewer[1] - fewer[0] > high - low


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_an_interval_narrower_than_can_be_solved_is_a_point(value: float) -> None:
    low, high = mean_auroc_interval([value], [10**10], [10**10])
    assert low == pytest.approx(value, abs=1e-4)
    assert high == pytest.approx(value, abs=1e-4)


@given(value=st.floats(0.05, 0.95), p=st.integers(2, 100), n=st.integers(2, 100),
       k=st.integers(1, 10))  # fmt: skip
def test_each_end_is_z_of_its_own_standard_errors_of_a_mean_away(
    value: float, p: int, n: int, k: int
) -> None:
    for end in mean_auroc_interval([value] * k, [p] * k, [n] * k):
        error = np.sqrt(auroc_variance(end, p, n) / k)
        assert abs(value - end) == pytest.approx(stats.norm.ppf(0.975) * error, abs=1e-6)
