"""Losses against scikit-learn, the formulas in float64, and finite differences."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from leadlens.models.losses import LOSSES, bce, double_soft_f1, soft_f1
from leadlens.models.settings import LOSS_NAMES, LossName

Case = tuple[np.ndarray, np.ndarray, np.ndarray]
every_loss = pytest.mark.parametrize("name", LOSS_NAMES)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Return logits, labels and label mask of a batch, with empty classes among them."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    shape = (draw(st.integers(1, 40)), draw(st.integers(1, 8)))
    logits = rng.normal(0, draw(st.sampled_from([0.5, 3.0])), shape)
    labels = (rng.random(shape) < draw(st.sampled_from([0.05, 0.4]))).astype(float)
    mask = (rng.random(shape) < draw(st.sampled_from([0.3, 0.9, 1.0]))).astype(float)
    return logits, labels, mask


def cost_of(name: LossName, case: Case, dtype: torch.dtype = torch.float64) -> float:
    return float(LOSSES[name](*(torch.from_numpy(part).to(dtype) for part in case)))


def gradient_of(name: LossName, case: Case) -> np.ndarray:
    logits, labels, mask = (torch.from_numpy(part) for part in case)
    logits.requires_grad_()
    LOSSES[name](logits, labels, mask).backward()
    assert logits.grad is not None
    return logits.grad.numpy()


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
        assert cost_of("bce", case) == 0.0
        return
    p = 1 / (1 + np.exp(-logits[known]))
    expected = log_loss(labels[known], p, labels=[0.0, 1.0])
    assert cost_of("bce", case) == pytest.approx(expected, rel=1e-9)


@given(cases())
@settings(max_examples=40, deadline=None)
def test_soft_f1_is_its_formula_over_known_labels(case: Case) -> None:
    assert cost_of("soft_f1", case) == pytest.approx(soft_f1_by_hand(case, double=False), rel=1e-9)


@given(cases())
@settings(max_examples=40, deadline=None)
def test_double_soft_f1_is_its_formula_over_known_labels(case: Case) -> None:
    expected = soft_f1_by_hand(case, double=True)
    assert cost_of("double_soft_f1", case) == pytest.approx(expected, rel=1e-9)


@every_loss
@given(cases())
@settings(max_examples=20, deadline=None)
def test_float32_gives_the_cost_of_float64(name: LossName, case: Case) -> None:
    assert cost_of(name, case, torch.float32) == pytest.approx(cost_of(name, case), abs=1e-5)


@every_loss
@given(cases(), st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_what_an_unknown_label_says_does_not_matter(name: LossName, case: Case, seed: int) -> None:
    logits, labels, mask = case
    rng = np.random.default_rng(seed)
    other_logits = np.where(mask == 1, logits, rng.normal(0, 5, logits.shape))
    other_labels = np.where(mask == 1, labels, 1 - labels)
    assert cost_of(name, (other_logits, other_labels, mask)) == cost_of(name, case)


@every_loss
@given(cases())
@settings(max_examples=20, deadline=None)
def test_unknown_labels_have_no_gradient_and_known_ones_of_bce_have(
    name: LossName, case: Case
) -> None:
    gradient = gradient_of(name, case)
    assert (gradient[case[2] == 0] == 0).all()
    if name == "bce":
        assert (gradient[case[2] == 1] != 0).all()


@every_loss
def test_the_gradient_passes_torchs_own_check(name: LossName) -> None:
    rng = np.random.default_rng(1)
    logits = torch.from_numpy(rng.normal(size=(9, 4))).requires_grad_()
    labels = torch.from_numpy((rng.random((9, 4)) < 0.4).astype(float))
    mask = torch.from_numpy((rng.random((9, 4)) < 0.8).astype(float))
    assert torch.autograd.gradcheck(lambda x: LOSSES[name](x, labels, mask), (logits,))


@every_loss
def test_the_gradient_is_the_slope_of_the_cost(name: LossName) -> None:
    rng = np.random.default_rng(2)
    case = (rng.normal(size=(6, 3)), np.eye(6, 3), np.ones((6, 3)))
    gradient = gradient_of(name, (case[0].copy(), *case[1:]))
    step = 1e-6
    for place in np.ndindex(6, 3):
        above, below = case[0].copy(), case[0].copy()
        above[place] += step
        below[place] -= step
        slope = cost_of(name, (above, *case[1:])) - cost_of(name, (below, *case[1:]))
        assert gradient[place] == pytest.approx(slope / (2 * step), rel=1e-5, abs=1e-9)


def test_a_class_without_positives_teaches_soft_f1_nothing() -> None:
    rng = np.random.default_rng(3)
    labels = (rng.random((30, 2)) < 0.3).astype(float)
    labels[:, 1] = 0
    case = (rng.normal(size=(30, 2)), labels, np.ones((30, 2)))
    gradient = gradient_of("soft_f1", case)
    assert (gradient[:, 1] == 0).all()
    assert (gradient[:, 0] != 0).all()


def test_a_class_without_positives_teaches_double_soft_f1_by_its_negative_half_alone() -> None:
    rng = np.random.default_rng(4)
    logits = rng.normal(size=(30, 1))
    case = (logits, np.zeros((30, 1)), np.ones((30, 1)))
    p = 1 / (1 + np.exp(-logits))
    fp, tn = p.sum(), (1 - p).sum()
    # d/dp of -F1-/2 with F1- = 2 tn / (2 tn + fp), times p (1 - p).
    by_hand = (2 * fp + 2 * tn) / (2 * tn + fp) ** 2 / 2 * p * (1 - p)
    np.testing.assert_allclose(gradient_of("double_soft_f1", case), by_hand, rtol=1e-9)


def test_a_class_that_nobody_looked_for_does_not_dilute_the_mean() -> None:
    rng = np.random.default_rng(5)
    logits, labels = rng.normal(size=(20, 3)), (rng.random((20, 3)) < 0.5).astype(float)
    mask = np.ones((20, 3))
    mask[:, 2] = 0
    for name in LOSS_NAMES:
        two = cost_of(name, (logits[:, :2], labels[:, :2], mask[:, :2]))
        assert cost_of(name, (logits, labels, mask)) == pytest.approx(two, rel=1e-12)


@pytest.mark.parametrize("loss", [bce, soft_f1, double_soft_f1])
@pytest.mark.parametrize("sure", [-200.0, 200.0])
@pytest.mark.parametrize("truth", [0.0, 1.0])
def test_extreme_logits_give_a_finite_cost_and_gradient(
    loss: object, sure: float, truth: float
) -> None:
    logits = torch.full((5, 2), sure, requires_grad=True)
    cost = loss(logits, torch.full((5, 2), truth), torch.ones(5, 2))  # type: ignore[operator]
    cost.backward()
    assert cost.isfinite()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


@every_loss
def test_being_right_costs_almost_nothing_and_being_wrong_much(name: LossName) -> None:
    labels = np.random.default_rng(6).integers(0, 2, (40, 3)).astype(float)
    right = (20 * labels - 10, labels, np.ones((40, 3)))
    wrong = (-right[0], labels, np.ones((40, 3)))
    assert cost_of(name, right) < 1e-3
    assert cost_of(name, wrong) > 0.99


@every_loss
def test_a_batch_in_which_nothing_is_known_costs_nothing_and_teaches_nothing(
    name: LossName,
) -> None:
    case = (np.ones((4, 2)), np.ones((4, 2)), np.zeros((4, 2)))
    assert cost_of(name, case) == 0.0
    assert (gradient_of(name, case) == 0).all()
