"""What every network of the registry keeps to."""

import numpy as np
import pytest
import torch
from torch import nn

from leadlens.errors import ConfigError
from leadlens.models.inception_time import InceptionTime
from leadlens.models.registry import build_model, count_parameters, min_samples
from leadlens.models.settings import (
    ImportedSettings,
    InceptionTimeSettings,
    ModelSettings,
    PaperInceptionSettings,
    ResNetSettings,
    StateSpaceSettings,
    XResNetSettings,
)

SETTINGS: dict[str, ModelSettings] = {
    "paper_inception": PaperInceptionSettings(n_filters=4),
    "paper_inception in channels": PaperInceptionSettings(n_filters=4, join="channels"),
    "paper_inception by field": PaperInceptionSettings(n_filters=4, receptive_field=0.5),
    "inception_time": InceptionTimeSettings(depth=4, n_filters=2, kernels=(9, 4)),
    "inception_time squeezed": InceptionTimeSettings(
        depth=4, n_filters=2, kernels=(9, 4), squeeze=2
    ),
    "inception_time by field": InceptionTimeSettings(depth=4, n_filters=2, receptive_field=0.3),
    "resnet": ResNetSettings(n_filters=(4, 6), kernel=5),
    "xresnet1d 18": XResNetSettings(depth=18, n_filters=(4, 4, 4, 4)),
    "xresnet1d 50": XResNetSettings(depth=50, n_filters=(4, 4, 4, 4)),
    "state_space": StateSpaceSettings(depth=2, n_filters=4, n_states=3),
    "own": ImportedSettings(name="own_network:OwnNetwork"),
}
every_network = pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)


def built(settings: ModelSettings, n_leads: int = 12, seed: int = 0) -> nn.Module:
    return build_model(settings, n_leads, 5, seed, fs=100.0)


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


@pytest.mark.parametrize("depth", [18, 50, 101])
def test_xresnet_has_the_parameters_of_its_description(depth: int) -> None:
    network = build_model(XResNetSettings(depth=depth), n_leads=12, n_classes=30)
    n_blocks = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}[depth]
    n_out = 64 if depth == 18 else 256
    stem = 5 * (12 * 32 + 32 * 32 + 32 * 64) + 2 * (32 + 32 + 64)

    def block(n_in: int) -> int:
        shortcut = 0 if n_in == n_out else n_in * n_out + 2 * n_out
        if depth == 18:
            return 5 * (n_in * 64 + 64 * 64) + 2 * 128 + shortcut
        return n_in * 64 + 5 * 64 * 64 + 64 * n_out + 2 * (64 + 64 + n_out) + shortcut

    blocks = block(64) + (sum(n_blocks) - 1) * block(n_out)
    assert count_parameters(network)[1] == stem + blocks + 2 * n_out * 30 + 30


@pytest.mark.parametrize("depth", [18, 50])
def test_every_block_of_xresnet_starts_as_its_shortcut(depth: int) -> None:
    network = build_model(XResNetSettings(depth=depth, n_filters=(4, 5, 6, 7)), 12, 5).eval()
    features = torch.randn(2, 64, 33, generator=torch.Generator().manual_seed(1)).relu()
    with torch.inference_mode():
        for block in network.blocks:
            way_round = block.shortcut(features).relu()
            features = block(features)
            assert torch.equal(features, way_round)
    assert features.abs().max() > 0


def test_inception_time_has_a_shortcut_around_every_three_modules() -> None:
    counts = []
    for depth in range(1, 10):
        network = build_model(InceptionTimeSettings(depth=depth, n_filters=1), 12, 2)
        assert isinstance(network, InceptionTime)
        counts.append(len(network.shortcuts))
    assert counts == [depth // 3 for depth in range(1, 10)]


@every_network
def test_an_ecg_gets_the_same_logits_whatever_is_beside_it(settings: ModelSettings) -> None:
    network = built(settings).eval()
    signal = ecgs(4, 100)
    with torch.inference_mode():
        together, alone = network(signal), network(signal[2:3])
    torch.testing.assert_close(together[2:3], alone, rtol=1e-5, atol=1e-6)


@every_network
def test_every_length_from_the_shortest_on_gives_finite_logits(settings: ModelSettings) -> None:
    network = built(settings).eval()
    for n_samples in [*range(min_samples(network), min_samples(network) + 20), 501]:
        with torch.inference_mode():
            logits = network(ecgs(2, n_samples))
        assert logits.shape == (2, 5)
        assert logits.isfinite().all()


@pytest.mark.parametrize("join", ["time", "channels"])
def test_the_paper_network_cannot_take_less_than_its_shortest_length(join: str) -> None:
    network = build_model(PaperInceptionSettings(n_filters=2, join=join), 12, 5).eval()
    with pytest.raises(RuntimeError):
        network(ecgs(1, network.min_samples - 1))


@every_network
@pytest.mark.parametrize("n_leads", [1, 2, 3, 4, 6, 12])
def test_every_lead_of_every_lead_set_counts(settings: ModelSettings, n_leads: int) -> None:
    network = built(settings, n_leads).eval()
    signal = torch.randn(2, n_leads, 100, generator=torch.Generator().manual_seed(1))
    signal.requires_grad_()
    logits = network(signal)
    assert logits.shape == (2, 5)
    logits.square().sum().backward()
    assert signal.grad is not None
    assert (signal.grad.abs().amax(dim=-1) > 0).all()


@every_network
def test_a_network_of_double_precision_computes_in_it(settings: ModelSettings) -> None:
    network, signal = built(settings).eval(), ecgs(2, 100)
    with torch.inference_mode():
        single, double = network(signal), network.double()(signal.double())
    assert double.dtype == torch.float64
    torch.testing.assert_close(single.double(), double, rtol=1e-3, atol=1e-4)


@every_network
def test_a_network_computes_under_half_precision(settings: ModelSettings) -> None:
    network = built(settings)
    with torch.autocast("cpu", torch.bfloat16):
        logits = network(ecgs(4, 100))
    logits.float().square().sum().backward()
    assert logits.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())


@every_network
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    settings: ModelSettings,
) -> None:
    first, again, other = (built(settings, seed=seed).state_dict() for seed in (7, 7, 8))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


@every_network
def test_building_a_network_leaves_the_global_random_state_alone(settings: ModelSettings) -> None:
    before = torch.get_rng_state()
    built(settings, seed=3)
    assert torch.equal(before, torch.get_rng_state())


@every_network
def test_every_parameter_gets_a_gradient_by_the_second_step(settings: ModelSettings) -> None:
    network = built(settings)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    # In the first, blocks whose last scale starts at 0 hide what is before it.
    for _ in range(2):
        optimizer.zero_grad()
        network(ecgs(8, 60)).square().sum().backward()
        optimizer.step()
    silent = [
        name
        for name, p in network.named_parameters()
        if p.grad is None or not p.grad.isfinite().all() or not p.grad.abs().max() > 0
    ]
    assert silent == []


@pytest.mark.parametrize(("n_leads", "n_classes"), [(0, 5), (12, 0)])
def test_a_network_without_leads_or_classes_is_refused(n_leads: int, n_classes: int) -> None:
    with pytest.raises(ConfigError, match=f"{n_leads} leads and {n_classes} classes"):
        build_model(PaperInceptionSettings(), n_leads, n_classes)


def test_the_paper_network_starts_as_keras_does() -> None:
    network = build_model(PaperInceptionSettings(), 12, 30)
    weight = network.state_dict()["stem.0.weight"].numpy()
    limit = np.sqrt(6.0 / (12 * 7 + 64 * 7))
    assert np.abs(weight).max() <= limit
    assert np.abs(weight).max() > 0.99 * limit
    assert abs(weight.std() - limit / np.sqrt(3)) < 0.02 * limit
    biases = [v for k, v in network.state_dict().items() if k.endswith(".0.bias")]
    assert all((bias == 0).all() for bias in biases)
