"""Optimizers: Adam as published, or AdamW with weights, but no scales and offsets, decaying."""

import torch
from torch import nn

from leadlens.training.settings import TrainingSettings


def make_optimizer(network: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    """Return the optimizer that `settings` name, over all parameters of `network`.

    AdamW (Loshchilov & Hutter 2019) pulls kernels and matrices towards 0; what has one axis only
    (offsets, the scales of normalisation) is left alone: decay there changes what a layer means.
    """
    if settings.optimizer == "adam":
        return torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    matrices = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]], lr=settings.learning_rate
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Make `rate` the learning rate of every parameter."""
    for group in optimizer.param_groups:
        group["lr"] = rate
