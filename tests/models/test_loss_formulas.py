"""Losses against scikit-learn and their formulas in float64."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_cases import BCE, DOUBLE, SOFT_F1, Case, cases, cost_of, gradient_of
from sklearn.metrics import log_loss

from leadlens.models.loss_settings import (
    AsymmetricSettings,
    BceSoftF1Settings,
    FocalSettings,
    LossSettings,
)

Formula = Callable[[np.ndarray], np.ndarray]


def soft_f1_by_hand(case: Case, *, double: bool) -> float:
    """Return the cost by the formulas of docs (study.md), over known entries, class by class."""
    logits, labels, mask = case
    costs = []
    for column in range(labels.shape[1]):
        known = mask[:, column] == 1
        if not known.any():
            continue
        p = 1 / (1 + np.exp(-logits[known, column]))
        y = labels[known, column]
        tp, fp = np.sum(p * y), np.sum(p * (1 - y))
        fn, tn = np.sum((1 - p) * y), np.sum((1 - p) * (1 - y))
        positive = 2 * tp / (2 * tp + fn + fp + 1e-16)
        negative = 2 * tn / (2 * tn + fn + fp + 1e-16)
        costs.append(((1 - positive) + (1 - negative)) / 2 if double else 1 - positive)
    return float(np.mean(costs)) if costs else 0.0


@given(cases())
@settings(max_examples=40, deadline=None)
def test_bce_is_scikit_learns_log_loss_over_known_labels(case: Case) -> None:
    logits, labels, mask = case
    known = mask == 1
    if not known.any():
        assert cost_of(BCE, case) == 0.0
        return
    p = 1 / (1 + np.exp(-logits[known]))
    expected = log_loss(labels[known], p, labels=[0.0, 1.0])
    assert cost_of(BCE, case) == pytest.approx(expected, rel=1e-9)


@given(cases())
@settings(max_examples=40, deadline=None)
def test_soft_f1_is_its_formula_over_known_labels(case: Case) -> None:
    assert cost_of(SOFT_F1, case) == pytest.approx(soft_f1_by_hand(case, double=False), rel=1e-9)


@given(cases())
@settings(max_examples=40, deadline=None)
def test_double_soft_f1_is_its_formula_over_known_labels(case: Case) -> None:
    expected = soft_f1_by_hand(case, double=True)
    assert cost_of(DOUBLE, case) == pytest.approx(expected, rel=1e-9)


def by_hand(case: Case, positive: Formula, negative: Formula) -> float:
    """Return the mean of formulas in p over known positives and negatives."""
    logits, labels, mask = case
    p = 1 / (1 + np.exp(-logits))
    cost = np.where(labels == 1, positive(p), negative(p))
    return float(cost[mask == 1].mean()) if (mask == 1).any() else 0.0


@given(cases(), st.sampled_from([0.0, 0.5, 2.0, 5.0]), st.sampled_from([None, 0.25, 0.9]))
@settings(max_examples=40, deadline=None)
def test_focal_loss_is_its_formula_over_known_labels(
    case: Case, gamma: float, alpha: float | None
) -> None:
    of_positives, of_negatives = (1.0, 1.0) if alpha is None else (alpha, 1 - alpha)
    expected = by_hand(
        case,
        lambda p: -of_positives * (1 - p) ** gamma * np.log(p),
        lambda p: -of_negatives * p**gamma * np.log(1 - p),
    )
    loss = FocalSettings(gamma=gamma, alpha=alpha)
    assert cost_of(loss, case) == pytest.approx(expected, rel=1e-9)


@given(
    cases(),
    st.sampled_from([0.0, 0.5, 4.0]),
    st.sampled_from([0.0, 1.0, 2.5]),
    st.sampled_from([0.0, 0.05, 0.3]),
)
@settings(max_examples=60, deadline=None)
def test_asymmetric_loss_is_its_formula_over_known_labels(
    case: Case, gamma_negative: float, gamma_positive: float, margin: float
) -> None:
    def of_negatives(p: np.ndarray) -> np.ndarray:
        rest = np.maximum(p - margin, 0)
        return -(rest**gamma_negative) * np.log(1 - rest)

    expected = by_hand(case, lambda p: -((1 - p) ** gamma_positive) * np.log(p), of_negatives)
    loss = AsymmetricSettings(
        gamma_negative=gamma_negative, gamma_positive=gamma_positive, margin=margin
    )
    assert cost_of(loss, case) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    "loss",
    [
        FocalSettings(gamma=0),
        AsymmetricSettings(gamma_negative=0, gamma_positive=0, margin=0),
        BceSoftF1Settings(weight=0),
    ],
    ids=repr,
)
@given(cases())
@settings(max_examples=15, deadline=None)
def test_without_what_sets_it_apart_a_loss_is_bce(loss: LossSettings, case: Case) -> None:
    assert cost_of(loss, case) == pytest.approx(cost_of(BCE, case), rel=1e-12)
    np.testing.assert_allclose(gradient_of(loss, case), gradient_of(BCE, case), atol=1e-12)


@pytest.mark.parametrize(("double", "f1"), [(False, SOFT_F1), (True, DOUBLE)])
@given(cases(), st.floats(0, 1))
@settings(max_examples=15, deadline=None)
def test_bce_with_soft_f1_is_their_weighted_sum(
    double: bool, f1: LossSettings, case: Case, weight: float
) -> None:
    expected = (1 - weight) * cost_of(BCE, case) + weight * cost_of(f1, case)
    mixed = BceSoftF1Settings(double=double, weight=weight)
    assert cost_of(mixed, case) == pytest.approx(expected, rel=1e-9)
