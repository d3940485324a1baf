"""Soft F1 over counts that outlast the batch."""

import torch
from jaxtyping import Float
from torch import Tensor

from leadlens.models.losses import Loss, PerLabel, f1_cost, soft_counts


class SoftF1(Loss):
    """Soft F1, or double soft F1, over the batch and, with `memory`, over those before it.

    With memory m the counts of training batch t are c_t = m c_(t-1) + (1 - m) present, from
    c_0 = 0; the present batch alone has a gradient, the past is what the network said then. F1 is a
    ratio of counts, so a common factor drops out: the first batch costs what it costs alone, and
    earlier batches weigh m, m^2, ... (an exponential mean without a bias to correct). A diagnosis
    is thereby taught by batches without a positive too, once a positive has been seen.

    The gradient shrinks with the batch's share of the counts, to 1 - m times that of the batch
    alone after some 1 / (1 - m) batches. Adam divides by the gradient's own size, so its steps stay
    as long; those of plain gradient descent, and the weight beside another loss, do not.

    In eval mode the batch counts alone and nothing is remembered.
    """

    past: Tensor

    def __init__(self, n_classes: int, *, is_double: bool, memory: float = 0.0) -> None:
        super().__init__()
        self._is_double, self._memory = is_double, memory
        # Nothing is kept where nothing is remembered: checkpoints of the plain loss hold no counts.
        self.register_buffer("past", torch.zeros(4, n_classes), persistent=memory > 0.0)

    def forward(
        self, logits: PerLabel, labels: PerLabel, label_mask: PerLabel
    ) -> Float[Tensor, ""]:
        """Return the cost, meaned over the classes with a known label in the batch."""
        counts = soft_counts(logits, labels, label_mask)
        if self.training and self._memory > 0.0:
            counts = self._memory * self.past + (1.0 - self._memory) * counts
            self.past.copy_(counts.detach())
        return f1_cost(counts, label_mask, is_double=self._is_double)
