"""What every network of the registry keeps to."""

import numpy as np
import pytest
import torch

from leadlens.errors import ConfigError
from leadlens.models.inception_time import InceptionTime
from leadlens.models.registry import build_model, count_parameters
from leadlens.models.resnet import ResNet
from leadlens.models.settings import (
    InceptionTimeSettings,
    ModelSettings,
    PaperInceptionSettings,
    ResNetSettings,
)

SETTINGS = [
    PaperInceptionSettings(n_filters=4),
    InceptionTimeSettings(depth=4, n_filters=2, kernels=(9, 4)),
    ResNetSettings(n_filters=(4, 6), kernel=5),
]
every_network = pytest.mark.parametrize("settings", SETTINGS, ids=lambda item: item.name)


def ecgs(n: int, n_samples: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, 12, n_samples, generator=torch.Generator().manual_seed(seed))


def test_the_paper_network_has_the_published_number_of_parameters() -> None:
    network = build_model(PaperInceptionSettings(), n_leads=12, n_classes=30)
    assert count_parameters(network) == (114_206, 112_414)


def test_inception_time_has_the_parameters_of_its_description() -> None:
    network = build_model(InceptionTimeSettings(), n_leads=12, n_classes=30)
    joined = 4 * 32
    first, later = (n * 32 + 32 * 32 * (40 + 20 + 10) + n * 32 + 2 * joined for n in (12, joined))
    shortcuts = (12 + joined) * joined + 2 * 2 * joined
    assert count_parameters(network)[1] == first + 5 * later + shortcuts + joined * 30 + 30


def test_inception_time_has_a_shortcut_around_every_three_modules() -> None:
    counts = []
    for depth in range(1, 10):
        network = build_model(InceptionTimeSettings(depth=depth, n_filters=1), 12, 2)
        assert isinstance(network, InceptionTime)
        counts.append(len(network.shortcuts))
    assert counts == [depth // 3 for depth in range(1, 10)]


def test_a_residual_network_sees_as_far_as_it_says() -> None:
    network = build_model(ResNetSettings(n_filters=(2, 2), kernel=5, stride=3), 1, 1).eval()
    assert isinstance(network, ResNet)
    for parameter in network.parameters():
        parameter.data.abs_().add_(0.1)  # positive, so that no ReLU hides an input
    one = torch.ones(1, 1, 301, requires_grad=True)
    features = network.stem(one)
    for stage in network.stages:
        features = stage(features)
    features[0, :, features.shape[-1] // 2].sum().backward()
    assert one.grad is not None
    seen = one.grad[0, 0].nonzero().squeeze()
    assert int(seen.max() - seen.min()) + 1 == network.receptive_field


@every_network
def test_an_ecg_gets_the_same_logits_whatever_is_beside_it(settings: ModelSettings) -> None:
    network = build_model(settings, 12, 5).eval()
    signal = ecgs(4, 100)
    with torch.inference_mode():
        together, alone = network(signal), network(signal[2:3])
    torch.testing.assert_close(together[2:3], alone, rtol=1e-5, atol=1e-6)


@every_network
def test_every_length_from_the_shortest_on_gives_finite_logits(settings: ModelSettings) -> None:
    network = build_model(settings, 12, 5).eval()
    for n_samples in [*range(network.min_samples, network.min_samples + 20), 501]:
        with torch.inference_mode():
            logits = network(ecgs(2, n_samples))
        assert logits.shape == (2, 5)
        assert logits.isfinite().all()


def test_the_paper_network_cannot_take_less_than_its_shortest_length() -> None:
    network = build_model(PaperInceptionSettings(n_filters=2), 12, 5).eval()
    with pytest.raises(RuntimeError):
        network(ecgs(1, network.min_samples - 1))


@every_network
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    settings: ModelSettings,
) -> None:
    first, again, other = (build_model(settings, 12, 5, seed).state_dict() for seed in (7, 7, 8))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


@every_network
def test_building_a_network_leaves_the_global_random_state_alone(settings: ModelSettings) -> None:
    before = torch.get_rng_state()
    build_model(settings, 12, 5, seed=3)
    assert torch.equal(before, torch.get_rng_state())


@every_network
def test_every_parameter_gets_a_gradient(settings: ModelSettings) -> None:
    network = build_model(settings, 12, 5)
    network(ecgs(8, 60)).square().sum().backward()
    silent = [
        name
        for name, p in network.named_parameters()
        if p.grad is None or not p.grad.isfinite().all() or not p.grad.abs().max() > 0
    ]
    assert silent == []


@pytest.mark.parametrize(("n_leads", "n_classes"), [(0, 5), (12, 0)])
def test_a_network_without_leads_or_classes_is_refused(n_leads: int, n_classes: int) -> None:
    with pytest.raises(ConfigError, match=f"{n_leads} leads and {n_classes} classes"):
        build_model(SETTINGS[0], n_leads, n_classes)


def test_the_paper_network_starts_as_keras_does() -> None:
    network = build_model(PaperInceptionSettings(), 12, 30)
    weight = network.state_dict()["stem.0.weight"].numpy()
    limit = np.sqrt(6.0 / (12 * 7 + 64 * 7))
    assert np.abs(weight).max() <= limit
    assert np.abs(weight).max() > 0.99 * limit
    assert abs(weight.std() - limit / np.sqrt(3)) < 0.02 * limit
    biases = [v for k, v in network.state_dict().items() if k.endswith(".0.bias")]
    assert all((bias == 0).all() for bias in biases)
