"""Settings in, network out: the one place that knows which networks there are."""

import torch
from torch import nn

from leadlens.errors import ConfigError
from leadlens.models.inception_time import InceptionTime
from leadlens.models.paper_inception import PaperInception
from leadlens.models.resnet import ResNet
from leadlens.models.settings import (
    InceptionTimeSettings,
    PaperInceptionSettings,
    ResNetSettings,
)


def build_model(
    settings: PaperInceptionSettings | InceptionTimeSettings | ResNetSettings,
    n_leads: int,
    n_classes: int,
    seed: int = 0,
) -> PaperInception | InceptionTime | ResNet:
    """Return the network that `settings` describe, with weights drawn from `seed`.

    Raises:
        ConfigError: no leads or no classes.
    """
    if n_leads < 1 or n_classes < 1:
        raise ConfigError(f"a network for {n_leads} leads and {n_classes} classes makes no sense")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if isinstance(settings, PaperInceptionSettings):
            return PaperInception(settings, n_leads, n_classes)
        if isinstance(settings, ResNetSettings):
            return ResNet(settings, n_leads, n_classes)
        return InceptionTime(settings, n_leads, n_classes)


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """Return all parameters as Keras counts them (with batch statistics), and the trainable."""
    trainable = sum(parameter.numel() for parameter in model.parameters())
    statistics = sum(b.numel() for b in model.buffers() if b.is_floating_point())
    return trainable + statistics, trainable
