"""What all losses have in common: masks, gradients, extremes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_cases import (
    BCE,
    CLASSES,
    DOUBLE,
    LOSSES,
    SOFT_F1,
    Case,
    cases,
    cost_of,
    gradient_of,
    tensors,
)

from leadlens.models.loss_settings import LossSettings
from leadlens.models.losses import LossFunction, bce, double_soft_f1, soft_f1
from leadlens.models.registry import build_loss

every_loss = pytest.mark.parametrize("loss", LOSSES, ids=repr)


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
