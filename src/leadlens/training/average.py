"""Averages of weights along a training: often better than the last ones, and never noisier.

`ema`: an exponential mean over steps (Polyak & Juditsky 1992), whose memory grows at the start so
that it does not keep the weights that were drawn. `swa`: the plain mean over the last quarter of
the epochs (Izmailov et al. 2018). Both average the batch statistics with the weights.
"""

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from leadlens.training.settings import TrainingSettings

SWA_FROM: Final = 0.75
"""The part of the epochs before the plain mean begins."""


def make_average(network: nn.Module, settings: TrainingSettings) -> AveragedModel | None:
    """Return the average that `settings` ask for, or None."""
    if settings.average == "none":
        return None
    rule = _exponential(settings.ema_decay) if settings.average == "ema" else None
    return AveragedModel(network, avg_fn=rule, use_buffers=True)


def follow(
    average: AveragedModel | None,
    network: nn.Module,
    settings: TrainingSettings,
    epoch: int,
    *,
    is_last_step: bool,
) -> None:
    """Take the network's weights into the average, after a step of this epoch."""
    if average is None:
        return
    if settings.average == "ema" or (is_last_step and epoch >= int(SWA_FROM * settings.epochs)):
        average.update_parameters(network)


def averaged(average: AveragedModel | None, network: nn.Module) -> nn.Module:
    """Return the averaged network, or `network` where nothing has been averaged yet."""
    if average is None or int(average.n_averaged) == 0:
        return network
    return average.module


def _exponential(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Return an exponential mean's rule with a memory of at most a tenth of the steps so far."""

    def mix(mean: Tensor, value: Tensor, n: Tensor | int) -> Tensor:
        keeps = min(decay, (1 + int(n)) / (10 + int(n)))
        return torch.lerp(mean, value, 1.0 - keeps) if mean.is_floating_point() else value

    return mix
