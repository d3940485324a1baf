"""Networks against a second build of the same description: plain NumPy, float64."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from torch import nn

from leadlens.models.inception_time import InceptionTime
from leadlens.models.paper_inception import PaperInception
from leadlens.models.registry import build_model
from leadlens.models.settings import (
    InceptionTimeSettings,
    PaperInceptionSettings,
    XResNetSettings,
)

Weights = dict[str, np.ndarray]


def trained_like(model: nn.Module, seed: int) -> Weights:
    """Give the network random weights and batch statistics; return them in float64."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in model.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2.0, generator=generator)
        elif tensor.is_floating_point():
            fan_in = tensor[0].numel() if tensor.ndim > 1 else 4
            tensor.normal_(0.1, (1.5 / fan_in) ** 0.5, generator=generator)
    model.eval()
    return {name: tensor.double().numpy() for name, tensor in model.state_dict().items()}


def convolve(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Return the cross-correlation that keeps the length; an even kernel looks one further on."""
    size = kernel.shape[-1]
    padded = np.pad(x, ((0, 0), (0, 0), ((size - 1) // 2, size // 2)))
    return np.einsum("bitk,oik->bot", sliding_window_view(padded, size, axis=-1), kernel)


def normalise(x: np.ndarray, weights: Weights, name: str, eps: float) -> np.ndarray:
    mean, var, gamma, beta = (
        weights[f"{name}.{part}"][:, None]
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    return gamma * (x - mean) / np.sqrt(var + eps) + beta


def pool_max(x: np.ndarray, size: int, stride: int) -> np.ndarray:
    return sliding_window_view(x, size, axis=-1).max(axis=-1)[..., ::stride]


def pool_same(x: np.ndarray) -> np.ndarray:
    return pool_max(np.pad(x, ((0, 0), (0, 0), (1, 1)), constant_values=-np.inf), 3, 1)


def paper_layer(x: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    y = convolve(x, weights[f"{name}.0.weight"]) + weights[f"{name}.0.bias"][:, None]
    return np.maximum(normalise(y, weights, f"{name}.1", 1e-3), 0.0)


def paper_network(x: np.ndarray, weights: Weights, axis: int = 2) -> np.ndarray:
    x = pool_max(paper_layer(x, weights, "stem"), 3, 2)
    x = paper_layer(x, weights, "stem_point")
    for block in ("blocks.0", "blocks.1"):
        point = paper_layer(x, weights, f"{block}.point")
        three, five = (
            paper_layer(paper_layer(x, weights, f"{block}.{n}.0"), weights, f"{block}.{n}.1")
            for n in ("three", "five")
        )
        pooled = paper_layer(pool_same(x), weights, f"{block}.pool")
        x = np.concatenate([point, three, five, pooled], axis=axis)
    return head(pool_max(x, 7, 2), weights)


def inception_time(x: np.ndarray, weights: Weights, depth: int, n_kernels: int) -> np.ndarray:
    start = x
    for i in range(depth):
        name = f"inceptions.{i}"
        narrow = convolve(x, weights[f"{name}.bottleneck.weight"])
        branches = [
            convolve(narrow, weights[f"{name}.convolutions.{k}.weight"]) for k in range(n_kernels)
        ]
        branches.append(convolve(pool_same(x), weights[f"{name}.after_pool.weight"]))
        x = np.concatenate(branches, axis=1)
        x = np.maximum(normalise(x, weights, f"{name}.norm", 1e-5), 0.0)
        if f"{name}.excite.gates.0.weight" in weights:
            x = excite(x, weights, f"{name}.excite.gates")
        if i in (2, 5, 8):
            shortcut = f"shortcuts.{(2, 5, 8).index(i)}"
            way_round = convolve(start, weights[f"{shortcut}.0.weight"])
            x = np.maximum(x + normalise(way_round, weights, f"{shortcut}.1", 1e-5), 0.0)
            start = x
    return head(x, weights)


def excite(x: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    narrow = x.mean(axis=2) @ weights[f"{name}.0.weight"].T + weights[f"{name}.0.bias"]
    wide = np.maximum(narrow, 0.0) @ weights[f"{name}.2.weight"].T + weights[f"{name}.2.bias"]
    return x / (1.0 + np.exp(-wide))[..., None]


def residual_layer(x: np.ndarray, weights: Weights, name: str, stride: int = 1) -> np.ndarray:
    return normalise(convolve(x, weights[f"{name}.0.weight"])[..., ::stride],
                     weights, f"{name}.1", 1e-5)  # fmt: skip


def mean_of_two(x: np.ndarray) -> np.ndarray:
    pairs = [x[..., i : i + 2].mean(axis=-1) for i in range(0, x.shape[-1], 2)]
    return np.stack(pairs, axis=-1)


def xresnet(
    x: np.ndarray, weights: Weights, n_blocks: tuple[int, ...], n_layers: int
) -> np.ndarray:
    for number in range(3):
        x = np.maximum(residual_layer(x, weights, f"stem.{2 * number}", 2 - (number > 0)), 0.0)
    x = pool_same(x)[..., ::2]
    firsts = np.cumsum(n_blocks)[:-1]
    for number in range(sum(n_blocks)):
        name, stride, y = f"blocks.{number}", 2 if number in firsts else 1, x
        for layer in range(n_layers):
            # A bottleneck shortens time in its long convolution, not in the first.
            own = stride if layer == (1 if n_layers == 3 else 0) else 1
            y = residual_layer(y, weights, f"{name}.convolutions.{2 * layer}", own)
            y = np.maximum(y, 0.0) if layer < n_layers - 1 else y
        x = mean_of_two(x) if stride == 2 else x
        if f"{name}.shortcut.1.0.weight" in weights:
            x = residual_layer(x, weights, f"{name}.shortcut.1")
        x = np.maximum(x + y, 0.0)
    both = np.concatenate([x.mean(axis=2), x.max(axis=2)], axis=1)
    return both @ weights["head.weight"].T + weights["head.bias"]


def head(x: np.ndarray, weights: Weights) -> np.ndarray:
    return x.mean(axis=2) @ weights["head.weight"].T + weights["head.bias"]


def logits_of(model: nn.Module, x: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return model(torch.from_numpy(x.astype(np.float32))).double().numpy()


def assert_same_logits(ours: np.ndarray, expected: np.ndarray) -> None:
    assert expected.std() > 0.1
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("n_samples", [3, 90, 251])
def test_the_paper_network_gives_the_logits_of_its_description(n_samples: int) -> None:
    model = build_model(PaperInceptionSettings(n_filters=8), 12, 30)
    weights = trained_like(model, seed=n_samples)
    x = np.random.default_rng(n_samples).normal(size=(3, 12, n_samples))
    assert_same_logits(logits_of(model, x), paper_network(x, weights))


@pytest.mark.parametrize("n_samples", [15, 90, 251])
def test_joined_in_channels_the_paper_network_is_its_description_but_for_that(
    n_samples: int,
) -> None:
    model = build_model(PaperInceptionSettings(n_filters=8, join="channels"), 12, 30)
    weights = trained_like(model, seed=n_samples)
    x = np.random.default_rng(n_samples).normal(size=(3, 12, n_samples))
    assert_same_logits(logits_of(model, x), paper_network(x, weights, axis=1))


@pytest.mark.parametrize("reduction", [1, 4, 100])
def test_a_squeeze_excitation_weighs_the_channels_after_each_module(reduction: int) -> None:
    settings = InceptionTimeSettings(depth=4, n_filters=3, kernels=(9, 4), squeeze=reduction)
    model = build_model(settings, 12, 5)
    weights = trained_like(model, seed=reduction)
    assert weights["inceptions.0.excite.gates.0.weight"].shape == (max(1, 9 // reduction), 9)
    x = np.random.default_rng(reduction).normal(size=(2, 12, 60))
    assert_same_logits(logits_of(model, x), inception_time(x, weights, 4, 2))


@pytest.mark.parametrize(("depth", "n_layers"), [(18, 2), (50, 3), (101, 3)])
@pytest.mark.parametrize("n_samples", [1, 131])
def test_xresnet_gives_the_logits_of_its_description(
    depth: int, n_layers: int, n_samples: int
) -> None:
    settings = XResNetSettings(depth=depth, n_filters=(4, 5, 6, 7), kernel=7)
    model = build_model(settings, 12, 5)
    weights = trained_like(model, seed=depth)
    x = np.random.default_rng(depth).normal(size=(2, 12, n_samples))
    n_blocks = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}[depth]
    assert_same_logits(logits_of(model, x), xresnet(x, weights, n_blocks, n_layers))


@pytest.mark.parametrize("n_samples", [1, 50, 125])
@pytest.mark.parametrize("depth", [1, 2, 3, 6, 7])
def test_inception_time_gives_the_logits_of_its_description(depth: int, n_samples: int) -> None:
    kernels = (40, 20, 10) if n_samples == 125 else (9, 4)
    settings = InceptionTimeSettings(depth=depth, n_filters=3, kernels=kernels)
    model = build_model(settings, 12, 5)
    weights = trained_like(model, seed=depth)
    x = np.random.default_rng(depth).normal(size=(2, 12, n_samples))
    expected = inception_time(x, weights, depth, len(kernels))
    assert_same_logits(logits_of(model, x), expected)


@contextmanager
def features_of(module: nn.Module) -> Iterator[list[torch.Tensor]]:
    """Yield a list that gathers what the module puts out."""
    seen: list[torch.Tensor] = []
    hook = module.register_forward_hook(lambda _module, _input, output: seen.append(output))
    yield seen
    hook.remove()


def positive(model: nn.Module) -> nn.Module:
    """Return the network with positive weights: an impulse then raises all that it can reach."""
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and "running" not in name:
            tensor.fill_(0.0 if name.endswith("bias") else 0.5)
    return model.eval()


def reached(model: nn.Module, module: nn.Module, n_samples: int) -> np.ndarray:
    """Return (sample, position): whether an impulse at the sample reaches the position."""
    impulses = torch.zeros(n_samples, 12, n_samples)
    impulses[range(n_samples), :, range(n_samples)] = 1.0
    with features_of(module) as seen, torch.inference_mode():
        model(impulses)
    return (seen[0] > 0).any(dim=1).numpy()


@pytest.mark.parametrize(
    ("seconds", "field", "shortest"), [(None, 37, 21), (0.31, 31, 23), (0.6, 61, 29)]
)
def test_a_position_of_the_paper_network_sees_37_samples_or_as_many_as_are_set(
    seconds: float | None, field: int, shortest: int
) -> None:
    n_samples = 200
    settings = PaperInceptionSettings(n_filters=2, receptive_field=seconds)
    model = build_model(settings, 12, 3, fs=100.0)
    assert isinstance(model, PaperInception)
    features = reached(positive(model), model.blocks, n_samples)
    n_piece = features.shape[1] // 16  # of one path through both blocks
    sizes = []
    # Paths are joined end to end in time; a position far from the seams sees one stretch.
    for path in range(16):
        middle = path * n_piece + n_piece // 2
        seen = np.flatnonzero(features[:, middle - 3 : middle + 4].any(axis=1))
        assert len(seen) == seen[-1] - seen[0] + 1
        sizes.append(len(seen))
    assert max(sizes) == model.receptive_field == field
    # The k1-k1 path: the stem (7 as published), 2 of its pooling, 2 x 6 of the last pooling.
    assert min(sizes) == shortest


@pytest.mark.parametrize(("depth", "kernels"), [(1, (40, 20, 10)), (3, (9, 5)), (2, (1,))])
def test_a_position_of_inception_time_sees_as_much_as_it_says(
    depth: int, kernels: tuple[int, ...]
) -> None:
    settings = InceptionTimeSettings(depth=depth, n_filters=2, kernels=kernels)
    model = build_model(settings, 12, 3)
    assert isinstance(model, InceptionTime)
    seen = reached(positive(model), model.inceptions[-1], 101)[:, 50]
    assert seen.sum() == model.receptive_field == 1 + depth * (max(*kernels, 3) - 1)


def test_inception_time_keeps_the_length_through_every_module() -> None:
    model = build_model(InceptionTimeSettings(depth=3, n_filters=2), 12, 3)
    assert isinstance(model, InceptionTime)
    for module in model.inceptions:
        with features_of(module) as seen:
            model(torch.zeros(2, 12, 77))
        assert seen[0].shape == (2, 2 * 4, 77)
