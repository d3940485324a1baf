"""Convolution, batch normalisation and dropout, laid out as processors and GPUs are fast at.

Signals stay `(batch, channel, time)`, but in memory the channels of a sample lie side by side, and
a kernel is an image's of height 1: there the matrix units work (AMX, tensor cores). Weights, names
and results are those of PyTorch's own layers.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import batch_norm, conv2d, dropout, pad


def at_once(device: torch.device) -> int:
    """Return how many windows a network is best shown at once, when it learns nothing.

    On a processor as many as fit into its cache with what comes between the layers: of 128 at once
    a network of 128 channels says half as many a second as of 32.
    """
    return 32 if device.type == "cpu" else 256


def as_image(
    signal: Float[Tensor, "batch channel time"],
) -> Float[Tensor, "batch channel 1 time"]:
    """Return a signal as an image of height 1, the channels of a sample side by side in memory."""
    return signal.unsqueeze(2).contiguous(memory_format=torch.channels_last)


def pad_same(
    signal: Float[Tensor, "batch channel time"], kernel: int, value: float = 0.0
) -> Float[Tensor, "batch channel padded"]:
    """Return `signal` padded so that a kernel of this length keeps its length.

    An even kernel gets the odd sample at the end, as in TensorFlow, where both networks come from.
    """
    sides = ((kernel - 1) // 2, kernel // 2)
    return pad(as_image(signal), sides, value=value).squeeze(2)


def join(signals: list[Tensor], along: int) -> Tensor:
    """Return signals `(batch, channel, time)` joined along channels (1) or time (2)."""
    # As images: of three axes PyTorch makes a tensor with time innermost, whatever it joins.
    images = [as_image(signal) for signal in signals]
    return torch.cat(images, dim={1: 1, 2: 3}[along]).squeeze(2)


class _KeepLayout(torch.autograd.Function):
    """Nothing, but that gradients come back in the layout of signals."""

    @staticmethod
    def forward(ctx: Any, signal: Tensor) -> Tensor:  # noqa: ARG004
        """Return the signal."""
        return signal.view_as(signal)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ARG004
        """Return the gradient, laid out as the signal."""
        return as_image(gradients[0]).squeeze(2)


def keep_layout(signal: Float[Tensor, "batch channel time"]) -> Float[Tensor, "batch c time"]:
    """Return `signal`, whose gradient will be laid out as it is.

    For what reduces over time: PyTorch spreads its gradient out with time innermost, and every
    layer below then works in two layouts at once, twenty times slower.
    """
    kept: Tensor = _KeepLayout.apply(signal)  # type: ignore[no-untyped-call]
    return kept


class Convolution(nn.Conv1d):
    """A convolution that keeps the length, divided by its stride and rounded up.

    An even kernel sees one sample more after than before, as in TensorFlow, where the Inception
    networks come from.
    """

    def __init__(
        self, n_in: int, n_out: int, kernel: int, stride: int = 1, *, bias: bool = False
    ) -> None:
        super().__init__(n_in, n_out, kernel, stride, padding=kernel // 2, bias=bias)

    def forward(self, input: Float[Tensor, "batch channel time"]) -> Float[Tensor, "batch out t"]:
        """Return the convolved signal."""
        weight = self.weight
        if weight.shape[-1] % 2 == 0:
            # A zero in front makes it odd: cheaper than padding the signal, and the same.
            weight = pad(weight, (1, 0))
        stride, padding = (1, self.stride[0]), (0, weight.shape[-1] // 2)
        return conv2d(as_image(input), weight.unsqueeze(2), self.bias, stride, padding).squeeze(2)


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation of signals."""

    def forward(self, input: Float[Tensor, "batch channel time"]) -> Float[Tensor, "batch c time"]:
        """Return the normalised signal."""
        assert self.momentum is not None
        if self.training:
            assert self.num_batches_tracked is not None
            self.num_batches_tracked.add_(1)
        normalised = batch_norm(
            as_image(input), self.running_mean, self.running_var, self.weight, self.bias,
            self.training, self.momentum, self.eps,
        )  # fmt: skip
        return normalised.squeeze(2)


class Dropout(nn.Module):
    """Dropout; on a processor one random byte a value, which is eight times cheaper.

    There the probability is rounded to 1/256.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, input: Tensor) -> Tensor:
        """Return the input with some values 0 and the others larger, in training."""
        if not self.training or self.probability == 0.0:
            return input
        if input.device.type != "cpu":
            return dropout(input, self.probability)
        n_dropped = min(round(256 * self.probability), 255)
        draws = torch.empty(-(-input.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
        luck = draws.view(torch.uint8)[: input.numel()]
        # In the order of the memory, so that no layout is changed.
        kept = torch.empty_like(input, dtype=torch.bool)
        torch.ge(luck.as_strided(kept.shape, kept.stride()), n_dropped, out=kept)
        return input * kept * (256 / (256 - n_dropped))
