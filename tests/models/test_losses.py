"""Losses against scikit-learn, the formulas in float64, and finite differences."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from leadlens.models.loss_settings import (
    AsymmetricSettings,
    BceSettings,
    BceSoftF1Settings,
    ChallengeSettings,
    DoubleSoftF1Settings,
    FocalSettings,
    LossSettings,
    SoftF1Settings,
)
from leadlens.models.losses import LossFunction, bce, double_soft_f1, soft_f1
from leadlens.models.registry import build_loss

Case = tuple[np.ndarray, np.ndarray, np.ndarray]
Formula = Callable[[np.ndarray], np.ndarray]
CLASSES = (
    "426783006",  # NSR
    "59118001",  # RBBB, which the Challenge takes for one with
    "713427006",  # CRBBB
    "164889003",  # AF
    "284470004",  # PAC, for one with
    "63593006",  # SVPB
    "426177001",  # SB
    "39732003",  # LAD
)
BCE, SOFT_F1, DOUBLE = BceSettings(), SoftF1Settings(), DoubleSoftF1Settings()
LOSSES: tuple[LossSettings, ...] = (
    BCE,
    FocalSettings(),
    FocalSettings(gamma=0.5, alpha=0.25),
    AsymmetricSettings(),
    AsymmetricSettings(gamma_negative=0.5, gamma_positive=0.5, margin=0.0),
    SOFT_F1,
    DOUBLE,
    DoubleSoftF1Settings(memory=0.9),
    BceSoftF1Settings(),
    BceSoftF1Settings(double=True, weight=0.8, memory=0.5),
    ChallengeSettings(),
)
every_loss = pytest.mark.parametrize("loss", LOSSES, ids=repr)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Return logits, labels and label mask of a batch, with empty classes among them."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    shape = (draw(st.integers(1, 40)), draw(st.integers(1, 8)))
    logits = rng.normal(0, draw(st.sampled_from([0.5, 3.0])), shape)
    labels = (rng.random(shape) < draw(st.sampled_from([0.05, 0.4]))).astype(float)
    mask = (rng.random(shape) < draw(st.sampled_from([0.3, 0.9, 1.0]))).astype(float)
    return logits, labels, mask


def tensors(case: Case, dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    return [torch.from_numpy(part).to(dtype) for part in case]


def cost_of(loss: LossSettings, case: Case, dtype: torch.dtype = torch.float64) -> float:
    return float(build_loss(loss, CLASSES[: case[0].shape[1]]).to(dtype)(*tensors(case, dtype)))


def gradient_of(loss: LossSettings, case: Case) -> np.ndarray:
    logits, labels, mask = tensors(case)
    logits.requires_grad_()
    build_loss(loss, CLASSES[: case[0].shape[1]]).double()(logits, labels, mask).backward()
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


@every_loss
@given(cases())
@settings(max_examples=20, deadline=None)
def test_float32_gives_the_cost_of_float64(loss: LossSettings, case: Case) -> None:
    assert cost_of(loss, case, torch.float32) == pytest.approx(cost_of(loss, case), abs=1e-5)


@every_loss
@given(cases(), st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_what_an_unknown_label_says_does_not_matter(
    loss: LossSettings, case: Case, seed: int
) -> None:
    logits, labels, mask = case
    rng = np.random.default_rng(seed)
    other_logits = np.where(mask == 1, logits, rng.normal(0, 5, logits.shape))
    other_labels = np.where(mask == 1, labels, 1 - labels)
    assert cost_of(loss, (other_logits, other_labels, mask)) == cost_of(loss, case)


@every_loss
@given(cases())
@settings(max_examples=20, deadline=None)
def test_unknown_labels_have_no_gradient_and_known_ones_of_bce_have(
    loss: LossSettings, case: Case
) -> None:
    gradient = gradient_of(loss, case)
    assert (gradient[case[2] == 0] == 0).all()
    if loss == BCE:
        assert (gradient[case[2] == 1] != 0).all()


@every_loss
def test_the_gradient_passes_torchs_own_check(loss: LossSettings) -> None:
    rng = np.random.default_rng(1)
    logits = torch.from_numpy(rng.normal(size=(9, 4))).requires_grad_()
    labels = torch.from_numpy((rng.random((9, 4)) < 0.4).astype(float))
    mask = torch.from_numpy((rng.random((9, 4)) < 0.8).astype(float))
    # A fresh loss each time: what one remembers is no function of the logits.
    assert torch.autograd.gradcheck(
        lambda x: build_loss(loss, CLASSES[:4]).double()(x, labels, mask), (logits,)
    )


@every_loss
def test_the_gradient_is_the_slope_of_the_cost(loss: LossSettings) -> None:
    rng = np.random.default_rng(2)
    case = (rng.normal(size=(6, 3)), np.eye(6, 3), np.ones((6, 3)))
    gradient = gradient_of(loss, (case[0].copy(), *case[1:]))
    step = 1e-6
    for place in np.ndindex(6, 3):
        above, below = case[0].copy(), case[0].copy()
        above[place] += step
        below[place] -= step
        slope = cost_of(loss, (above, *case[1:])) - cost_of(loss, (below, *case[1:]))
        assert gradient[place] == pytest.approx(slope / (2 * step), rel=1e-5, abs=1e-9)


def test_a_class_without_positives_teaches_soft_f1_nothing() -> None:
    rng = np.random.default_rng(3)
    labels = (rng.random((30, 2)) < 0.3).astype(float)
    labels[:, 1] = 0
    case = (rng.normal(size=(30, 2)), labels, np.ones((30, 2)))
    gradient = gradient_of(SOFT_F1, case)
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
    np.testing.assert_allclose(gradient_of(DOUBLE, case), by_hand, rtol=1e-9)


def test_a_class_that_nobody_looked_for_does_not_dilute_the_mean() -> None:
    rng = np.random.default_rng(5)
    logits, labels = rng.normal(size=(20, 3)), (rng.random((20, 3)) < 0.5).astype(float)
    mask = np.ones((20, 3))
    mask[:, 2] = 0
    for loss in LOSSES:
        two = cost_of(loss, (logits[:, :2], labels[:, :2], mask[:, :2]))
        assert cost_of(loss, (logits, labels, mask)) == pytest.approx(two, rel=1e-12)


@every_loss
@pytest.mark.parametrize("sure", [-1e4, -200.0, 200.0, 1e4])
@pytest.mark.parametrize("truth", [0.0, 1.0])
def test_extreme_logits_give_a_finite_cost_and_gradient(
    loss: LossSettings, sure: float, truth: float
) -> None:
    logits = torch.full((5, 3), sure, requires_grad=True)
    cost = build_loss(loss, CLASSES[:3])(logits, torch.full((5, 3), truth), torch.ones(5, 3))
    cost.backward()
    assert cost.isfinite()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


@every_loss
@given(cases(), st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_the_order_of_recordings_does_not_matter(loss: LossSettings, case: Case, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(case[0]))
    other = tuple(part[order] for part in case)
    assert cost_of(loss, other) == pytest.approx(cost_of(loss, case), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("plain", "function"), [(BCE, bce), (SOFT_F1, soft_f1), (DOUBLE, double_soft_f1)]
)
@given(cases())
@settings(max_examples=10, deadline=None)
def test_a_loss_by_name_is_the_function_of_that_name(
    plain: LossSettings, function: LossFunction, case: Case
) -> None:
    assert cost_of(plain, case) == float(function(*tensors(case)))


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


@every_loss
def test_being_right_costs_almost_nothing_and_being_wrong_much(loss: LossSettings) -> None:
    labels = np.random.default_rng(6).integers(0, 2, (40, 3)).astype(float)
    right = (20 * labels - 10, labels, np.ones((40, 3)))
    wrong = (-right[0], labels, np.ones((40, 3)))
    assert cost_of(loss, right) < 1e-3
    assert cost_of(loss, wrong) > 0.9


@every_loss
def test_a_batch_in_which_nothing_is_known_costs_nothing_and_teaches_nothing(
    loss: LossSettings,
) -> None:
    case = (np.ones((4, 2)), np.ones((4, 2)), np.zeros((4, 2)))
    assert cost_of(loss, case) == 0.0
    assert (gradient_of(loss, case) == 0).all()
