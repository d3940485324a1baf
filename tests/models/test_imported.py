"""A user's own network: built by its import path, tried out, refused in words."""

import pytest
import torch
from own_network import OwnLength, OwnNetwork

from leadlens.errors import ConfigError
from leadlens.models.registry import build_model, min_samples, seconds_seen
from leadlens.models.settings import ImportedSettings


def own(name: str, **arguments: object) -> ImportedSettings:
    return ImportedSettings(name=f"own_network:{name}", arguments=arguments)


def test_an_own_network_is_built_with_leads_classes_and_its_arguments() -> None:
    network = build_model(own("OwnNetwork", n_filters=7), 4, 5)
    assert type(network) is OwnNetwork
    assert network.convolution.weight.shape == (7, 4, 3)
    assert network.head.weight.shape == (5, 7)


def test_trying_a_network_out_leaves_it_as_it_was_built() -> None:
    network = build_model(own("OwnNetwork"), 12, 5)
    assert all(module.training for module in network.modules())
    assert (network.norm.running_mean == 0).all()
    assert network.norm.num_batches_tracked == 0
    assert all(parameter.grad is None for parameter in network.parameters())


def test_it_is_tried_out_at_its_shortest_length_or_with_ten_seconds() -> None:
    network = build_model(own("OwnLength"), 3, 5, fs=50.0)
    assert isinstance(network, OwnLength)
    assert network.tried == (2, 3, 77)
    with pytest.raises(ConfigError, match=r"signal of shape \(2, 3, 500\)"):
        build_model(own("Broken"), 3, 5, fs=50.0)


def test_what_an_own_network_does_not_say_is_not_assumed() -> None:
    network = build_model(own("OwnNetwork"), 12, 5)
    assert min_samples(network) == 1
    assert seconds_seen(network, 100.0) is None
    network.receptive_field = 3
    assert seconds_seen(network, 100.0) == 0.03


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "no_such_package.models:Net",
            "'no_such_package.models:Net' cannot be imported.*PYTHONPATH",
        ),
        ("own_network:Missing", "'own_network:Missing' cannot be imported.*Missing"),
        ("own_network:not_a_module", "makes a dict: a torch.nn.Module is needed"),
        ("own_network:PerSample", r"gives \(2, 5, 1000\).*shape \(2, 5\)"),
        ("own_network:TwoOutputs", r"gives tuple.*shape \(2, 5\)"),
        ("own_network:Broken", "fails on a signal.*RuntimeError"),
    ],
)
def test_what_cannot_be_a_network_is_refused_in_words(name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build_model(ImportedSettings(name=name), 12, 5)


@pytest.mark.parametrize("arguments", [{"n_filter": 3}, {"n_leads": 3}, {"n_filters": -1}])
def test_arguments_that_the_class_does_not_take_are_named(arguments: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=f"OwnNetwork cannot be built.*{next(iter(arguments))}"):
        build_model(own("OwnNetwork", **arguments), 12, 5)


def test_a_random_layer_of_an_own_network_follows_the_seed() -> None:
    first, other = (build_model(own("OwnNetwork"), 12, 5, seed).head.weight for seed in (1, 2))
    assert not torch.equal(first, other)
