"""Reliability: scikit-learn's figures on known labels, and honest about chance."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as sklearn_log_loss

from leadlens.evaluation.reliability import (
    brier_score,
    expected_calibration_error,
    log_loss,
    reliability_curves,
    squared_calibration_error,
)
from leadlens.evaluation.statistics import wilson_interval

MEASURES = (brier_score, log_loss, expected_calibration_error, squared_calibration_error)
SEEDS = st.integers(0, 10**6)


def case(seed: int, n: int = 300, known: float = 0.8) -> tuple:
    """Return labels as probable as said, a mask, and probabilities with ties."""
    rng = np.random.default_rng(seed)
    said = np.round(rng.uniform(0.01, 0.99, (n, 3)), 2)
    labels = rng.random(said.shape) < said
    labels[:1], mask = True, rng.random(said.shape) < known
    mask[:1] = True
    return labels, mask, said


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS)
def test_brier_score_and_log_loss_are_scikit_learns_on_the_known_labels(seed: int) -> None:
    labels, mask, said = case(seed)
    brier, loss = brier_score(labels, mask, said), log_loss(labels, mask, said)
    for column in range(3):
        truth, value = labels[mask[:, column], column], said[mask[:, column], column]
        assert brier[column] == pytest.approx(brier_score_loss(truth, value))
        assert loss[column] == pytest.approx(sklearn_log_loss(truth, value, labels=[0, 1]))


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS, n_bins=st.sampled_from([1, 2, 4, 8, 16]))
def test_curves_are_scikit_learns_between_quantiles(seed: int, n_bins: int) -> None:
    labels, mask, said = case(seed)
    # No ties, and bins by powers of two: scikit-learn's edges are the same to rounding only.
    said = np.clip(said + np.random.default_rng(seed).uniform(-0.01, 0.01, said.shape), 0, 1)
    for column, curve in enumerate(reliability_curves(labels, mask, said, n_bins)):
        known = mask[:, column]
        frequency, probability = calibration_curve(
            labels[known, column], said[known, column], n_bins=n_bins, strategy="quantile"
        )
        assert curve is not None
        np.testing.assert_allclose(curve.frequency, frequency)
        np.testing.assert_allclose(curve.probability, probability)
        assert curve.n_known.sum() == known.sum()
        ends = [
            binomtest(round(f * n), n).proportion_ci(method="wilson")
            for f, n in zip(curve.frequency, curve.n_known.tolist(), strict=True)
        ]
        np.testing.assert_allclose(np.array([curve.low, curve.high]).T, ends, atol=1e-12)


@given(n=st.integers(1, 10**6), share=st.floats(0, 1), level=st.floats(0.5, 0.999))
def test_intervals_of_proportions_are_scipys(n: int, share: float, level: float) -> None:
    n_true = round(share * n)
    expected = binomtest(n_true, n).proportion_ci(level, "wilson")
    found = wilson_interval(np.array([n_true]), np.array([n]), level)
    np.testing.assert_allclose(np.concatenate(found), expected, atol=1e-9)


def test_values_that_are_equal_share_a_bin() -> None:
    said = np.array([0.25] * 70 + [0.75] * 30)[:, None]
    labels = np.arange(100)[:, None] % 2 == 0
    (curve,) = reliability_curves(labels, np.ones_like(labels), said)
    assert curve is not None
    assert curve.probability.tolist() == [0.25, 0.75]
    assert curve.n_known.tolist() == [70, 30]


def test_the_error_of_two_bins_worked_by_hand() -> None:
    said = np.array([0.1, 0.1, 0.1, 0.1, 0.8, 0.8, 0.8, 0.8])[:, None]
    labels = np.array([0, 0, 0, 1, 1, 1, 0, 0], bool)[:, None]
    mask = np.ones_like(labels)
    # 0.25 against 0.1, and 0.5 against 0.8; variances 0.1875 / 3 and 0.25 / 3.
    assert expected_calibration_error(labels, mask, said, 2) == pytest.approx([(0.15 + 0.3) / 2])
    squared = (0.15**2 - 0.0625 + 0.3**2 - 0.25 / 3) / 2
    assert squared_calibration_error(labels, mask, said, 2) == pytest.approx([squared])


def test_perfect_calibration_measures_0_on_average_where_bias_is_taken_off() -> None:
    plain, squared = [], []
    for seed in range(100):
        sample = case(seed, n=500, known=1.0)
        plain.extend(expected_calibration_error(*sample))
        squared.extend(squared_calibration_error(*sample))
    error = np.std(squared) / np.sqrt(len(squared))
    assert abs(np.mean(squared)) < 4 * error
    assert error < 2e-4
    assert 0.03 < np.mean(plain) < 0.06


def test_overconfidence_is_found() -> None:
    labels, mask, said = case(0, n=5000)
    extreme = np.where(said > 0.5, 0.99, 0.01)
    assert (expected_calibration_error(labels, mask, extreme) > 0.2).all()
    assert (squared_calibration_error(labels, mask, extreme) > 0.04).all()


@pytest.mark.parametrize("measure", MEASURES)
def test_a_class_without_a_known_positive_has_no_value(measure: Callable) -> None:
    labels, mask, said = case(0)
    labels[:, 0], mask[:, 1] = False, False
    found = measure(labels, mask, said)
    assert np.isnan(found).tolist() == [True, True, False]
    curves = reliability_curves(labels, mask, said)
    assert [curve is None for curve in curves] == [True, True, False]


@pytest.mark.parametrize("measure", MEASURES)
def test_unknown_labels_change_no_measure(measure: Callable) -> None:
    labels, mask, said = case(4)
    other = measure(labels ^ ~mask, mask, np.where(mask, said, 0.5))
    np.testing.assert_array_equal(measure(labels, mask, said), other)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_being_surely_wrong_costs_much_but_not_everything(kind: type) -> None:
    labels = np.array([[True], [False]])
    found = log_loss(labels, np.ones_like(labels), np.array([[0.0], [0.0]], kind))
    assert found[0] == pytest.approx(-np.log(np.finfo(kind).eps) / 2, rel=1e-6)
