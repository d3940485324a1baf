"""Losses over logits, for labels of which some are unknown.

All have one signature: `(logits, labels, label_mask) -> cost`, each `(batch, class)`, with
label_mask 1 where the label is known. Unknown entries count in no sum.

The soft F1 losses (double soft F1: Singstad & Muten 2025) put probabilities in place of counts:
tp = sum(p y), fp = sum(p (1 - y)), fn = sum((1 - p) y), tn = sum((1 - p)(1 - y)) over the batch,
F1+ = 2 tp / (2 tp + fn + fp + eps) and F1- = 2 tn / (2 tn + fn + fp + eps), per class, then the
mean over classes. A class without a positive in the batch has F1+ = 0 whatever the network says:
its positive half then teaches nothing (in batches of 30, most thin diagnoses).
"""

from collections.abc import Callable
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from leadlens.models.settings import LossName

EPS: Final = 1e-16

Loss = Callable[
    [Float[Tensor, "batch class"], Float[Tensor, "batch class"], Float[Tensor, "batch class"]],
    Float[Tensor, ""],
]


def bce(
    logits: Float[Tensor, "batch class"],
    labels: Float[Tensor, "batch class"],
    label_mask: Float[Tensor, "batch class"],
) -> Float[Tensor, ""]:
    """Return the mean binary cross-entropy over known labels; 0 when none is known."""
    cost = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    return (cost * label_mask).sum() / label_mask.sum().clamp(min=1.0)


def soft_f1(
    logits: Float[Tensor, "batch class"],
    labels: Float[Tensor, "batch class"],
    label_mask: Float[Tensor, "batch class"],
) -> Float[Tensor, ""]:
    """Return 1 - F1+, meaned over the classes with a known label in the batch."""
    positive, _ = _soft_f1_halves(logits, labels, label_mask)
    return _over_known_classes(1.0 - positive, label_mask)


def double_soft_f1(
    logits: Float[Tensor, "batch class"],
    labels: Float[Tensor, "batch class"],
    label_mask: Float[Tensor, "batch class"],
) -> Float[Tensor, ""]:
    """Return ((1 - F1+) + (1 - F1-)) / 2, meaned over the classes with a known label."""
    positive, negative = _soft_f1_halves(logits, labels, label_mask)
    return _over_known_classes(1.0 - (positive + negative) / 2.0, label_mask)


def _soft_f1_halves(
    logits: Float[Tensor, "batch class"],
    labels: Float[Tensor, "batch class"],
    label_mask: Float[Tensor, "batch class"],
) -> tuple[Float[Tensor, " class"], Float[Tensor, " class"]]:
    """Return F1 of the presence and of the absence of each class over the batch."""
    given = torch.sigmoid(logits) * label_mask
    # 1 - p as sigmoid(-logit): for a sure "yes" the difference would round to 0 in float32.
    withheld = torch.sigmoid(-logits) * label_mask
    true_positive = (given * labels).sum(dim=0)
    true_negative = (withheld * (1.0 - labels)).sum(dim=0)
    wrong = (given * (1.0 - labels)).sum(dim=0) + (withheld * labels).sum(dim=0)
    positive = 2.0 * true_positive / (2.0 * true_positive + wrong + EPS)
    negative = 2.0 * true_negative / (2.0 * true_negative + wrong + EPS)
    return positive, negative


def _over_known_classes(
    cost: Float[Tensor, " class"], label_mask: Float[Tensor, "batch class"]
) -> Float[Tensor, ""]:
    """Return the mean cost of the classes that have a known label in the batch."""
    is_known = (label_mask.sum(dim=0) > 0).to(cost.dtype)
    return (cost * is_known).sum() / is_known.sum().clamp(min=1.0)


LOSSES: Final[dict[LossName, Loss]] = {
    "bce": bce,
    "soft_f1": soft_f1,
    "double_soft_f1": double_soft_f1,
}
