"""Maxima over time, forwards and backwards in few passes over memory."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from leadlens.models.convolution import as_image


def max_pool(
    signal: Float[Tensor, "batch channel time"], kernel: int, stride: int
) -> Float[Tensor, "batch channel pooled"]:
    """Return the maximum over each `kernel` samples, every `stride`, without padding.

    Written as the maximum of shifted views: cheaper than indexed pooling on a CPU, and free of the
    fixed time axis that `nn.MaxPool1d` leaves in an exported graph.
    """
    if torch.is_grad_enabled() and signal.requires_grad:
        pooled: Tensor = _MaxPool.apply(signal, kernel, stride)  # type: ignore[no-untyped-call]
        return pooled
    best, *others = _shifted(signal, kernel, stride)
    for view in others:
        best = torch.maximum(best, view)
    return best


def _shifted(signal: Tensor, kernel: int, stride: int) -> list[Tensor]:
    """Return for each place in the kernel the samples that it meets."""
    n_pooled = (signal.shape[-1] - kernel) // stride + 1
    return [signal[..., i : i + (n_pooled - 1) * stride + 1 : stride] for i in range(kernel)]


class _MaxPool(torch.autograd.Function):
    """`max_pool` with a gradient that goes to the first of equal samples, as in Keras.

    PyTorch's own gradient of `maximum` takes ten passes with a choice in each, which processors do
    one value at a time; here whether a sample wins is a number, and choosing is multiplying.
    """

    @staticmethod
    def forward(ctx: Any, signal: Tensor, kernel: int, stride: int) -> Tensor:
        """Return the maxima; keep which samples win over those before them."""
        best, *others = _shifted(signal, kernel, stride)
        wins = []
        for view in others:
            # In place: a result of truth values would not be computed many at a time.
            wins.append(view.clone().gt_(best))
            best = torch.maximum(best, view)
        ctx.save_for_backward(*wins)
        ctx.shape, ctx.kernel, ctx.stride = signal.shape, kernel, stride
        return best

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Return each sample's part: the last that wins takes what is left."""
        rest = as_image(gradients[0]).squeeze(2)
        batch, n_channels, n_samples = ctx.shape
        spread = rest.new_zeros(batch, n_samples, n_channels).transpose(1, 2)
        first, *others = _shifted(spread, ctx.kernel, ctx.stride)
        for view, wins in zip(reversed(others), reversed(ctx.saved_tensors), strict=True):
            part = rest * wins
            view.add_(part)
            rest = rest - part
        first.add_(rest)
        return spread, None, None


class MaxPool(nn.Module):
    """`max_pool` as a layer: DeepLift sees layers, not functions."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(
        self, signal: Float[Tensor, "batch channel time"]
    ) -> Float[Tensor, "batch channel pooled"]:
        """Return the maxima."""
        return max_pool(signal, self.kernel, self.stride)


class MaxOverTime(nn.Module):
    """The maximum over all of time, as a layer."""

    def forward(
        self, signal: Float[Tensor, "batch channel time"]
    ) -> Float[Tensor, "batch channel"]:
        """Return the maxima."""
        return signal.amax(dim=-1)
