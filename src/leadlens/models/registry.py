"""Settings in, network or loss out: the one place that knows which there are."""

from functools import partial
from typing import Any, Final

import torch
from torch import nn

from leadlens.errors import ConfigError
from leadlens.models.challenge_loss import ChallengeLoss
from leadlens.models.imported import build_imported
from leadlens.models.inception_time import InceptionTime
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
from leadlens.models.losses import BatchLoss, Loss, MixedLoss, asymmetric, bce, focal
from leadlens.models.paper_inception import PaperInception
from leadlens.models.person import WithPerson, last_layer
from leadlens.models.resnet import ResNet
from leadlens.models.running_f1 import SoftF1
from leadlens.models.settings import (
    ImportedSettings,
    InceptionTimeSettings,
    ModelSettings,
    PaperInceptionSettings,
    ResNetSettings,
    StateSpaceSettings,
    XResNetSettings,
)
from leadlens.models.state_space import StateSpace
from leadlens.models.xresnet import XResNet

NETWORKS: Final[dict[type, Any]] = {
    PaperInceptionSettings: PaperInception,
    InceptionTimeSettings: InceptionTime,
    ResNetSettings: ResNet,
    XResNetSettings: XResNet,
    StateSpaceSettings: StateSpace,
    ImportedSettings: build_imported,
}
"""Each is called with settings, number of leads, number of classes and rate."""


def build_model(
    settings: ModelSettings,
    n_leads: int,
    n_classes: int,
    seed: int = 0,
    fs: float | None = None,
    *,
    takes_person: bool = False,
) -> nn.Module:
    """Return the network that `settings` describe, with weights drawn from `seed`.

    Args:
        settings: which network, and how large.
        n_leads: leads of the input.
        n_classes: columns of the logits.
        seed: of the weights.
        fs: the input's sampling rate in Hz; settings in seconds need it.
        takes_person: whether age and sex are told to it beside the ECG (`WithPerson`).

    Raises:
        ConfigError: no leads or no classes; a setting in seconds that needs `fs`, or that no
            network has at this rate; a network of one's own that cannot be imported or used, or to
            whose logits no person can be added.
    """
    if n_leads < 1 or n_classes < 1:
        raise ConfigError(f"a network for {n_leads} leads and {n_classes} classes makes no sense")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: nn.Module = NETWORKS[type(settings)](settings, n_leads, n_classes, fs)
        if not takes_person:
            return network
        last_layer(network)
        return WithPerson(network, n_classes)


def min_samples(model: nn.Module) -> int:
    """Return the shortest input that a network takes: 1 where it does not say."""
    return getattr(model, "min_samples", 1)


def seconds_seen(model: nn.Module, fs: float) -> float | None:
    """Return a network's receptive field in seconds at `fs` Hz; None where it has no known end."""
    field = getattr(model, "receptive_field", None)
    return None if field is None else field / fs


def build_loss(settings: LossSettings, classes: tuple[str, ...]) -> Loss:
    """Return the loss that `settings` describe, for labels of `classes` (SNOMED CT codes).

    Raises:
        ConfigError: the loss is not defined for these classes.
    """
    match settings:
        case BceSettings():
            return BatchLoss(bce)
        case FocalSettings(gamma=gamma, alpha=alpha):
            return BatchLoss(partial(focal, gamma=gamma, alpha=alpha))
        case AsymmetricSettings():
            return BatchLoss(partial(asymmetric, **settings.model_dump(exclude={"name"})))
        case SoftF1Settings(memory=memory):
            return SoftF1(len(classes), is_double=False, memory=memory)
        case DoubleSoftF1Settings(memory=memory):
            return SoftF1(len(classes), is_double=True, memory=memory)
        case BceSoftF1Settings(weight=weight, double=double, memory=memory):
            f1 = SoftF1(len(classes), is_double=double, memory=memory)
            return MixedLoss(BatchLoss(bce), f1, weight)
        case ChallengeSettings():
            return ChallengeLoss(classes)


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """Return all parameters as Keras counts them (with batch statistics), and the trainable."""
    trainable = sum(parameter.numel() for parameter in model.parameters())
    statistics = sum(b.numel() for b in model.buffers() if b.is_floating_point())
    return trainable + statistics, trainable
