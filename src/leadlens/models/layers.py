"""Layers that the networks share; all work along the last axis, time, of any length."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


def pad_same(
    signal: Float[Tensor, "batch channel time"], kernel: int, value: float = 0.0
) -> Float[Tensor, "batch channel padded"]:
    """Return `signal` padded so that a kernel of this length keeps its length.

    An even kernel gets the odd sample at the end, as in TensorFlow, where both networks come from.
    """
    return nn.functional.pad(signal, ((kernel - 1) // 2, kernel // 2), value=value)


def max_pool(
    signal: Float[Tensor, "batch channel time"], kernel: int, stride: int
) -> Float[Tensor, "batch channel pooled"]:
    """Return the maximum over each `kernel` samples, every `stride`, without padding.

    Written as the maximum of shifted views: cheaper than indexed pooling on a CPU, and free of the
    fixed time axis that `nn.MaxPool1d` leaves in an exported graph.
    """
    n_pooled = (signal.shape[-1] - kernel) // stride + 1
    views = [signal[..., i : i + (n_pooled - 1) * stride + 1 : stride] for i in range(kernel)]
    pooled = views[0]
    for view in views[1:]:
        pooled = torch.maximum(pooled, view)
    return pooled


def own_view(signal: Float[Tensor, "batch channel time"]) -> Float[Tensor, "batch channel time"]:
    """Return a view of `signal` that a layer has to itself.

    captum's DeepLift corrects the gradient of a layer's input tensor. Where that tensor is also
    another layer's output, or has other users, it corrects too late or too much. A rectifier or a
    maximum that follows one, or shares its input, is given a view.
    """
    return signal.view_as(signal)


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


class ConvNormRelu(nn.Sequential):
    """Convolution that keeps the length, batch normalisation, ReLU."""

    def __init__(self, n_in: int, n_out: int, kernel: int) -> None:
        super().__init__(
            nn.Conv1d(n_in, n_out, kernel, padding=kernel // 2),
            nn.BatchNorm1d(n_out, eps=1e-3, momentum=0.01),
            nn.ReLU(),
        )


class SqueezeExcitation(nn.Module):
    """Channels weighed by gates that see every channel's mean over time (Hu et al. 2018, CVPR)."""

    def __init__(self, n_channels: int, reduction: int) -> None:
        super().__init__()
        n_narrow = max(1, n_channels // reduction)
        self.gates = nn.Sequential(
            nn.Linear(n_channels, n_narrow),
            nn.ReLU(),
            nn.Linear(n_narrow, n_channels),
            nn.Sigmoid(),
        )

    def forward(
        self, signal: Float[Tensor, "batch channel time"]
    ) -> Float[Tensor, "batch channel time"]:
        """Return the weighed channels."""
        return signal * self.gates(signal.mean(dim=-1))[..., None]
