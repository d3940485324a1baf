"""State-space filters against the recurrence that they stand for."""

import numpy as np
import pytest
import torch
from scipy.linalg import expm

from leadlens.errors import ConfigError
from leadlens.models.registry import build_model
from leadlens.models.settings import StateSpaceSettings
from leadlens.models.state_space import StateSpaceFilter

N_CHANNELS, N_STATES = 3, 5


def made(seed: int = 0, shortest: float = 3.0, longest: float = 300.0) -> StateSpaceFilter:
    """Return filters in float64 with parameters away from where they start."""
    torch.manual_seed(seed)
    layer = StateSpaceFilter(N_CHANNELS, N_STATES, shortest, longest).double()
    for parameter in layer.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return layer


def unrolled(layer: StateSpaceFilter, direction: int, u: np.ndarray) -> np.ndarray:
    """Return y of x[t] = A x[t-1] + B u[t], y = 2 Re(C x), step by step, from the definitions.

    A and B are those of an input held constant: the exponential of the system with its input.
    """
    part = {name: value.detach().numpy()[direction] for name, value in layer.named_parameters()
            if name != "direct"}  # fmt: skip
    y = np.zeros_like(u)
    for channel in range(N_CHANNELS):
        for state in range(N_STATES):
            at = channel, state
            pole = -np.exp(part["log_decay"][at]) + 1j * part["frequency"][at]
            system = np.array([[pole, 1.0], [0.0, 0.0]]) * np.exp(part["log_step"][channel])
            (a, b), _ = expm(system)
            c = part["mix_real"][at] + 1j * part["mix_imag"][at]
            x = 0.0
            for t in range(u.shape[-1]):
                x = a * x + b * u[channel, t]
                y[channel, t] += 2 * (c * x).real
    return y


@pytest.mark.parametrize("n_samples", [1, 2, 77, 400])
def test_the_kernel_is_the_recurrences_answer_to_an_impulse(n_samples: int) -> None:
    layer = made(n_samples)
    impulse = np.eye(1, n_samples).repeat(N_CHANNELS, axis=0)
    with torch.no_grad():
        kernel = layer.kernel(n_samples).numpy()
    for direction in range(2):
        expected = unrolled(layer, direction, impulse)
        assert np.abs(expected).max() > 1e-3
        np.testing.assert_allclose(kernel[direction], expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("n_samples", [1, 2, 63, 200])
def test_a_filter_runs_forwards_and_backwards_and_nothing_wraps_around(n_samples: int) -> None:
    layer = made(n_samples)
    u = np.random.default_rng(n_samples).normal(size=(N_CHANNELS, n_samples))
    with torch.no_grad():
        given = layer(torch.from_numpy(u)[None])[0].numpy()
    before = unrolled(layer, 0, u)
    # Backwards, a sample sees those after it: itself it sees in the forward filter.
    after = unrolled(layer, 1, u[:, ::-1])[:, ::-1]
    after = np.concatenate([after[:, 1:], np.zeros((N_CHANNELS, 1))], axis=1)
    expected = before + after + layer.direct.detach().numpy() * u
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-10)


def test_half_precision_around_a_filter_does_not_reach_into_it() -> None:
    torch.manual_seed(1)
    layer = StateSpaceFilter(N_CHANNELS, N_STATES, 3.0, 300.0)
    signal = torch.randn(2, N_CHANNELS, 500)
    with torch.no_grad():
        expected = layer(signal)
        with torch.autocast("cpu", torch.bfloat16):
            given = layer(signal)
    assert given.dtype == torch.float32
    assert torch.equal(given, expected)


def test_single_precision_is_near_double_precision_over_ten_seconds_at_500_hz() -> None:
    torch.manual_seed(2)
    layer = StateSpaceFilter(N_CHANNELS, 16, 50.0, 5000.0)
    signal = torch.randn(1, N_CHANNELS, 5000)
    with torch.no_grad():
        single, double = layer(signal), layer.double()(signal.double())
    assert float((single - double).abs().max() / double.std()) < 1e-3


def test_time_scales_start_between_the_shortest_and_the_longest_at_any_rate() -> None:
    settings = StateSpaceSettings(depth=1, n_filters=200, n_states=1, time_scales=(0.2, 5.0))
    for fs in (25.0, 500.0):
        network = build_model(settings, 12, 3, fs=fs)
        seconds = 1 / network.blocks[0].filter.log_step.detach().exp() / fs
        assert 0.2 <= float(seconds.min()) < 0.22
        assert 4.5 < float(seconds.max()) <= 5.0 + 1e-4


def test_the_same_seed_gives_the_same_system_in_seconds_at_every_rate() -> None:
    settings = StateSpaceSettings(depth=1, n_filters=4)
    slow, fast = (
        build_model(settings, 12, 3, seed=1, fs=fs).double().blocks[0].filter
        for fs in (50.0, 100.0)
    )
    with torch.no_grad():
        # One slow sample that is held is two fast ones.
        pairs = fast.kernel(200).unflatten(-1, (100, 2)).sum(dim=-1)
        torch.testing.assert_close(slow.kernel(100), pairs, atol=1e-5, rtol=1e-4)


def test_without_a_rate_time_scales_in_seconds_mean_nothing() -> None:
    with pytest.raises(ConfigError, match=r"time_scales of \(0.1, 10.0\) s.*give fs"):
        build_model(StateSpaceSettings(), 12, 3)
    with pytest.raises(ValueError, match="the shortest comes first"):
        StateSpaceSettings(time_scales=(5.0, 1.0))
