"""Our layouts give what PyTorch's own layers give, forwards and backwards."""

import pytest
import torch
from torch import nn

from leadlens.models.convolution import (
    BatchNorm,
    Convolution,
    Dropout,
    join,
    keep_layout,
    pad_same,
)

PLAIN = torch.Generator().manual_seed(0)


def signals(n_channels: int = 6, n_samples: int = 41) -> torch.Tensor:
    return torch.randn(3, n_channels, n_samples, generator=PLAIN, dtype=torch.float64)


def gradients(layer: nn.Module, signal: torch.Tensor) -> list[torch.Tensor]:
    """Return the output, and the gradients of its weighted sum."""
    own = signal.clone().requires_grad_()
    said = layer(own)
    weights = torch.linspace(-1, 1, said.numel(), dtype=said.dtype).view(said.shape)
    wanted = [own, *layer.parameters()]
    return [said, *torch.autograd.grad((said * weights).sum(), wanted)]


@pytest.mark.parametrize("kernel", [1, 3, 7])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_a_convolution_is_pytorchs(kernel: int, stride: int) -> None:
    ours = Convolution(6, 4, kernel, stride, bias=True).double()
    theirs = nn.Conv1d(6, 4, kernel, stride, padding=kernel // 2).double()
    theirs.load_state_dict(ours.state_dict())
    signal = signals()
    torch.testing.assert_close(gradients(ours, signal), gradients(theirs, signal))


@pytest.mark.parametrize("kernel", [2, 10, 40])
def test_an_even_kernel_sees_one_more_sample_after_than_before(kernel: int) -> None:
    ours = Convolution(6, 4, kernel).double()
    theirs = nn.Conv1d(6, 4, kernel, bias=False).double()
    theirs.load_state_dict(ours.state_dict())
    signal = signals()
    torch.testing.assert_close(ours(signal), theirs(pad_same(signal, kernel)))


def test_batch_normalisation_is_pytorchs_in_training_and_after() -> None:
    ours, theirs = BatchNorm(6, momentum=0.3).double(), nn.BatchNorm1d(6, momentum=0.3).double()
    signal = signals()
    for _ in range(3):
        torch.testing.assert_close(gradients(ours, signal), gradients(theirs, signal))
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())
    torch.testing.assert_close(ours.eval()(signal), theirs.eval()(signal))


def test_signals_joined_are_pytorchs_and_keep_their_layout() -> None:
    one, other = signals(), signals()
    assert torch.equal(join([one, other], 1), torch.cat([one, other], 1))
    assert torch.equal(join([one, other], 2), torch.cat([one, other], 2))
    assert join([one, other], 1).stride(1) == 1


def test_a_gradient_over_time_comes_back_with_channels_side_by_side() -> None:
    signal = signals().requires_grad_()
    (found,) = torch.autograd.grad(keep_layout(signal).mean(dim=-1).sum(), signal)
    assert found.stride(1) == 1
    assert torch.allclose(found, torch.full_like(found, 1 / 41))


def test_dropout_leaves_the_mean_and_drops_its_share_and_does_nothing_after_training() -> None:
    layer = Dropout(0.25)
    ones = torch.ones(20, 50, 400).transpose(1, 2)
    dropped = layer(ones)
    assert (dropped == 0).float().mean() == pytest.approx(0.25, abs=0.003)
    assert dropped.mean() == pytest.approx(1.0, abs=0.005)
    assert dropped.unique().numel() == 2
    assert not torch.equal(dropped, layer(ones))
    assert layer.eval()(ones) is ones


def test_dropout_draws_from_the_seed() -> None:
    layer, ones = Dropout(0.5), torch.ones(4, 4, 10)
    torch.manual_seed(3)
    first = layer(ones)
    torch.manual_seed(3)
    assert torch.equal(first, layer(ones))
