"""Batches to try losses on, and what losses say of them."""

import numpy as np
import torch
from hypothesis import strategies as st

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
from leadlens.models.registry import build_loss

Case = tuple[np.ndarray, np.ndarray, np.ndarray]
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
