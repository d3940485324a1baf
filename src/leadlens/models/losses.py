"""Losses over logits, for labels of which some are unknown.

All have one signature: `(logits, labels, label_mask) -> cost`, each `(batch, class)`, with
label_mask 1 where the label is known. Unknown entries count in no sum.

The soft F1 losses (double soft F1: Singstad & Muten 2025) put probabilities in place of counts:
tp = sum(p y), fp = sum(p (1 - y)), fn = sum((1 - p) y), tn = sum((1 - p)(1 - y)) over the batch,
F1+ = 2 tp / (2 tp + fn + fp + eps) and F1- = 2 tn / (2 tn + fn + fp + eps), per class, then the
mean over classes. A class without a positive in the batch has F1+ = 0 whatever the network says:
its positive half then teaches nothing (in batches of 30, most thin diagnoses); see `running_f1`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

EPS: Final = 1e-16

PerLabel = Float[Tensor, "batch class"]
LossFunction = Callable[[PerLabel, PerLabel, PerLabel], Float[Tensor, ""]]


class Loss(nn.Module, ABC):
    """What a training minimises; some losses remember past batches, in buffers."""

    @abstractmethod
    def forward(
        self, logits: PerLabel, labels: PerLabel, label_mask: PerLabel
    ) -> Float[Tensor, ""]:
        """Return the cost of a batch; 0, with no gradient, where nothing is known."""


class BatchLoss(Loss):
    """A loss that remembers nothing."""

    def __init__(self, function: LossFunction) -> None:
        super().__init__()
        self._function = function

    def forward(
        self, logits: PerLabel, labels: PerLabel, label_mask: PerLabel
    ) -> Float[Tensor, ""]:
        """Return what the function says of the batch."""
        return self._function(logits, labels, label_mask)


class MixedLoss(Loss):
    """(1 - weight) x one loss + weight x another."""

    def __init__(self, first: Loss, second: Loss, weight: float) -> None:
        super().__init__()
        self.first, self.second = first, second
        self._weight = weight

    def forward(
        self, logits: PerLabel, labels: PerLabel, label_mask: PerLabel
    ) -> Float[Tensor, ""]:
        """Return the weighted sum of both."""
        first, second = (loss(logits, labels, label_mask) for loss in (self.first, self.second))
        return torch.lerp(first, second, self._weight)


def bce(logits: PerLabel, labels: PerLabel, label_mask: PerLabel) -> Float[Tensor, ""]:
    """Return the mean binary cross-entropy over known labels; 0 when none is known."""
    cost = binary_cross_entropy_with_logits(logits, labels, reduction="none")
    return _over_known_labels(cost, label_mask)


def focal(
    logits: PerLabel,
    labels: PerLabel,
    label_mask: PerLabel,
    gamma: float = 2.0,
    alpha: float | None = None,
) -> Float[Tensor, ""]:
    """Return the mean focal loss (Lin et al. 2017) over known labels; 0 when none is known.

    With q the probability given to what is true, a label costs -(1 - q)^gamma log q, times alpha
    if positive and 1 - alpha if not. The paper divides by the number of positives, we by that of
    known labels, so that gamma 0 is `bce`.
    """
    log_given, log_withheld = logsigmoid(logits), logsigmoid(-logits)
    # The power by way of the logarithm: of a 1 - q that rounds to 0 it has no finite slope.
    positive = -torch.exp(gamma * log_withheld) * log_given
    negative = -torch.exp(gamma * log_given) * log_withheld
    if alpha is not None:
        positive, negative = alpha * positive, (1.0 - alpha) * negative
    return _over_known_labels(torch.lerp(negative, positive, labels), label_mask)


def asymmetric(
    logits: PerLabel,
    labels: PerLabel,
    label_mask: PerLabel,
    gamma_negative: float = 4.0,
    gamma_positive: float = 1.0,
    margin: float = 0.05,
) -> Float[Tensor, ""]:
    """Return the mean asymmetric loss (Ridnik et al. 2021) over known labels; 0 when none is known.

    A positive costs -(1 - p)^gamma_positive log p. A negative costs
    -r^gamma_negative log(1 - r) with r = max(p - margin, 0): nothing where it is easy, and at most
    -log(margin), levelling off, where the network is sure of the opposite: the label may be wrong.
    The paper sums, we take the mean, so that with gammas and margin 0 it is `bce`.
    """
    log_given, log_withheld = logsigmoid(logits), logsigmoid(-logits)
    positive = -torch.exp(gamma_positive * log_withheld) * log_given
    if margin > 0.0:
        # A clamp has no slope where it acts: there the cost is 0 whatever the power.
        tiny = torch.finfo(logits.dtype).tiny
        log_given = torch.log((torch.sigmoid(logits) - margin).clamp(min=tiny))
        log_withheld = torch.log((torch.sigmoid(-logits) + margin).clamp(max=1.0))
    negative = -torch.exp(gamma_negative * log_given) * log_withheld
    return _over_known_labels(torch.lerp(negative, positive, labels), label_mask)


def soft_f1(logits: PerLabel, labels: PerLabel, label_mask: PerLabel) -> Float[Tensor, ""]:
    """Return 1 - F1+, meaned over the classes with a known label in the batch."""
    return f1_cost(soft_counts(logits, labels, label_mask), label_mask, is_double=False)


def double_soft_f1(logits: PerLabel, labels: PerLabel, label_mask: PerLabel) -> Float[Tensor, ""]:
    """Return ((1 - F1+) + (1 - F1-)) / 2, meaned over the classes with a known label."""
    return f1_cost(soft_counts(logits, labels, label_mask), label_mask, is_double=True)


def soft_counts(
    logits: PerLabel, labels: PerLabel, label_mask: PerLabel
) -> Float[Tensor, "4 class"]:
    """Return tp, fp, fn and tn of each class over the batch, probabilities in place of counts."""
    given = torch.sigmoid(logits) * label_mask
    # 1 - p as sigmoid(-logit): for a sure "yes" the difference would round to 0 in float32.
    withheld = torch.sigmoid(-logits) * label_mask
    absent = 1.0 - labels
    return torch.stack(
        [
            (given * labels).sum(dim=0),
            (given * absent).sum(dim=0),
            (withheld * labels).sum(dim=0),
            (withheld * absent).sum(dim=0),
        ]
    )


def f1_cost(
    counts: Float[Tensor, "4 class"],
    label_mask: PerLabel,
    *,
    is_double: bool,
) -> Float[Tensor, ""]:
    """Return the soft F1 cost of `counts`, meaned over the classes known in `label_mask`."""
    tp, fp, fn, tn = counts
    wrong = fp + fn
    score = 2.0 * tp / (2.0 * tp + wrong + EPS)
    if is_double:
        score = (score + 2.0 * tn / (2.0 * tn + wrong + EPS)) / 2.0
    is_known = (label_mask.sum(dim=0) > 0).to(score.dtype)
    return ((1.0 - score) * is_known).sum() / is_known.sum().clamp(min=1.0)


def _over_known_labels(cost: PerLabel, label_mask: PerLabel) -> Float[Tensor, ""]:
    """Return the mean cost of the known labels; 0 when none is known."""
    return (cost * label_mask).sum() / label_mask.sum().clamp(min=1.0)
