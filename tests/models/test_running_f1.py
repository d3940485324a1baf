"""Soft F1 that remembers: what it costs, teaches and keeps."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from leadlens.models.losses import LossFunction, double_soft_f1, soft_f1
from leadlens.models.running_f1 import SoftF1

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
both = pytest.mark.parametrize(
    ("is_double", "plain"), [(False, soft_f1), (True, double_soft_f1)], ids=["soft", "double"]
)
memories = st.sampled_from([0.1, 0.5, 0.9, 0.99])


def batch(seed: int, n: int = 12, n_classes: int = 3, share: float = 0.4) -> Batch:
    rng = np.random.default_rng(seed)
    shape = (n, n_classes)
    parts = (rng.normal(size=shape), rng.random(shape) < share, rng.random(shape) < 0.9)
    logits, labels, mask = (torch.from_numpy(np.asarray(part, dtype=float)) for part in parts)
    return logits, labels, mask


def remembering(memory: float, *, is_double: bool = False, n_classes: int = 3) -> SoftF1:
    return SoftF1(n_classes, is_double=is_double, memory=memory).double()


def gradient(loss: LossFunction, shown: Batch) -> torch.Tensor:
    logits = shown[0].clone().requires_grad_()
    loss(logits, *shown[1:]).backward()
    assert logits.grad is not None
    return logits.grad


@both
@given(st.integers(0, 1000), memories)
@settings(max_examples=15, deadline=None)
def test_the_first_batch_costs_and_teaches_what_it_does_alone(
    is_double: bool, plain: LossFunction, seed: int, memory: float
) -> None:
    shown = batch(seed)
    assert float(remembering(memory, is_double=is_double)(*shown)) == pytest.approx(
        float(plain(*shown)), rel=1e-9
    )
    torch.testing.assert_close(
        gradient(remembering(memory, is_double=is_double), shown), gradient(plain, shown)
    )


@both
@given(st.integers(0, 1000), memories)
@settings(max_examples=15, deadline=None)
def test_a_batch_that_repeats_costs_what_it_does_alone(
    is_double: bool, plain: LossFunction, seed: int, memory: float
) -> None:
    loss, shown = remembering(memory, is_double=is_double), batch(seed)
    costs = [float(loss(*shown)) for _ in range(8)]
    assert costs == pytest.approx([float(plain(*shown))] * 8, rel=1e-9)


def test_the_cost_is_that_of_an_exponential_mean_of_all_batches_counts() -> None:
    loss, shown = remembering(0.8), [batch(seed) for seed in range(6)]
    cost = [float(loss(*each)) for each in shown][-1]
    weights = 0.8 ** np.arange(5, -1, -1)
    tp, wrong = np.zeros(3), np.zeros(3)
    for weight, each in zip(weights / weights.sum(), shown, strict=True):
        logits, y, known = (part.numpy() for part in each)
        p = 1 / (1 + np.exp(-logits))
        tp += weight * (p * y * known).sum(axis=0)
        wrong += weight * ((p * (1 - y) + (1 - p) * y) * known).sum(axis=0)
    assert cost == pytest.approx(float((1 - 2 * tp / (2 * tp + wrong)).mean()), rel=1e-9)


def test_a_positive_once_seen_lets_batches_without_one_teach_its_presence() -> None:
    without = batch(1, share=0.0)
    loss = remembering(0.9)
    known = without[2] == 1
    assert (gradient(loss, without) == 0).all()
    loss(*batch(2))
    taught = gradient(loss, without)
    # Every probability is too high here.
    assert (taught[known] > 0).all()
    assert (taught[~known] == 0).all()
    assert (gradient(soft_f1, without) == 0).all()


@pytest.mark.parametrize("memory", [0.5, 0.9])
def test_the_gradient_shrinks_to_the_batchs_share_of_the_counts(memory: float) -> None:
    loss, shown = remembering(memory), batch(3)
    for _ in range(200):
        loss(*shown)
    torch.testing.assert_close(gradient(loss, shown), (1 - memory) * gradient(soft_f1, shown))


@both
def test_the_gradient_of_a_later_batch_passes_torchs_own_check(
    is_double: bool, plain: LossFunction
) -> None:
    loss = remembering(0.7, is_double=is_double)
    loss(*batch(4))
    logits, labels, mask = batch(5)
    logits.requires_grad_()
    # A copy each time: every call is remembered.
    assert torch.autograd.gradcheck(lambda x: copy.deepcopy(loss)(x, labels, mask), (logits,))
    assert not torch.allclose(gradient(loss, batch(5)), gradient(plain, batch(5)))


def test_evaluation_counts_the_batch_alone_and_remembers_nothing() -> None:
    loss = remembering(0.9)
    loss(*batch(6))
    before = loss.past.clone()
    assert float(loss.eval()(*batch(7))) == pytest.approx(float(soft_f1(*batch(7))), rel=1e-12)
    assert torch.equal(loss.past, before)
    loss.train()(*batch(7))
    assert not torch.equal(loss.past, before)


def test_what_is_remembered_moves_with_the_state_dict() -> None:
    first, second = remembering(0.9), remembering(0.9)
    first(*batch(8))
    assert float(second(*batch(9))) != float(copy.deepcopy(first)(*batch(9)))
    second.load_state_dict(first.state_dict())
    assert float(second(*batch(9))) == float(first(*batch(9)))


def test_without_memory_there_is_no_state() -> None:
    loss = remembering(0.0)
    loss(*batch(10))
    assert loss.state_dict() == {}
    assert float(loss(*batch(11))) == float(soft_f1(*batch(11)))


def test_what_is_unknown_is_not_remembered() -> None:
    logits, labels, mask = batch(12)
    first, second = remembering(0.9), remembering(0.9)
    first(logits, labels, mask)
    second(torch.where(mask == 1, logits, 5.0), torch.where(mask == 1, labels, 1 - labels), mask)
    assert torch.equal(first.past, second.past)
