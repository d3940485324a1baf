"""Maxima over time, forwards and backwards in few passes over memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from leadlens.models.convolution import as_image, pad_same

_BITS: Final = {
    torch.float16: torch.int16,
    torch.bfloat16: torch.int16,
    torch.float32: torch.int32,
    torch.float64: torch.int64,
}
"""Integers as wide as numbers: a processor compares those of 16 bits many at a time, and converts
bfloat16 numbers first."""
_IN_CACHE: Final = 2**18
"""Values that stay in a processor's cache with what is made of them."""


@dataclass(frozen=True)
class Window:
    """Where maxima are taken: over `kernel` samples, every `stride`.

    With `is_same` the ends are padded, as `pad_same` does, so that stride 1 keeps the length.
    """

    kernel: int
    stride: int
    is_same: bool = False

    @property
    def before(self) -> int:
        """Samples of padding in front."""
        return (self.kernel - 1) // 2 if self.is_same else 0

    def n_padded(self, n_samples: int) -> int:
        """Return the samples of a signal with its padding."""
        return n_samples + (self.kernel - 1 if self.is_same else 0)

    def shifted(self, rows: Tensor) -> list[Tensor]:
        """Return for each place in the kernel the padded samples (batch, time, ...) it meets."""
        last = (rows.shape[1] - self.kernel) // self.stride * self.stride
        return [rows[:, i : i + last + 1 : self.stride] for i in range(self.kernel)]


def max_pool(
    signal: Float[Tensor, "batch channel time"], kernel: int, stride: int, *, is_same: bool = False
) -> Float[Tensor, "batch channel pooled"]:
    """Return the maximum over each `kernel` samples, every `stride`.

    Its gradient goes to the first of equal samples, as in Keras. Written as the maximum of shifted
    views: cheaper than indexed pooling on a CPU, and free of the fixed time axis that
    `nn.MaxPool1d` leaves in an exported graph.

    Args:
        signal: the signal.
        kernel: samples that a maximum is taken of.
        stride: samples from one maximum to the next.
        is_same: whether the ends are padded (see `pad_same`).
    """
    window = Window(kernel, stride, is_same)
    if torch.is_grad_enabled() and signal.requires_grad:
        pooled: Tensor = _MaxPool.apply(signal, window)  # type: ignore[no-untyped-call]
        return pooled
    if signal.dtype is torch.bfloat16 and signal.device.type == "cpu":
        return _maxima(signal, window)
    padded = pad_same(signal, kernel, value=float("-inf")) if is_same else signal
    best, *others = window.shifted(padded.transpose(1, 2))
    for view in others:
        best = torch.maximum(best, view)
    return best.transpose(1, 2)


def _rows(signal: Tensor) -> Tensor:
    """Return a signal as (batch, time, channel), contiguous."""
    return as_image(signal).squeeze(2).transpose(1, 2)


def _parts(window: Window, rows: Tensor, *others: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Yield the padded samples of `rows` as integers in their order, and the same of `others`.

    As many at a time as fit into the cache. The integers are the numbers' bits, which are in their
    order but for negative ones: these are turned.
    """
    n_samples, n_channels = rows.shape[1:]
    n = len(rows)
    if rows.device.type == "cpu":
        n = min(max(_IN_CACHE // max(n_samples * n_channels, 1), 1), n)
    lowest = rows.new_full((n, window.n_padded(n_samples), n_channels), float("-inf"))
    padded = _turned(lowest.view(_BITS[rows.dtype]))
    inside = slice(window.before, window.before + n_samples)
    parts = (torch.split(each, max(n, 1)) for each in (rows, *others))
    for part, *same in zip(*parts, strict=True):
        ordered = padded[: len(part)]
        ordered[:, inside] = _ordered(part)
        yield ordered, *same


def _ordered(values: Tensor) -> Tensor:
    """Return integers in the order of `values`; what is not a number comes last, to be seen."""
    turned = _turned(values.view(_BITS[values.dtype]))
    if _has_negative(turned):
        turned = turned.masked_fill(values.isnan(), torch.iinfo(turned.dtype).max)
    return turned


def _turned(bits: Tensor) -> Tensor:
    """Return the bits of numbers as integers in their order, or such integers as bits.

    After a rectifier nothing is to be turned: seen at the price of one pass.
    """
    if not _has_negative(bits):
        return bits
    info = torch.iinfo(bits.dtype)
    return bits ^ ((bits >> (info.bits - 1)) & info.max)


def _has_negative(integers: Tensor) -> bool:
    """Return whether any may be negative; of a GPU's it is not asked, as that would be waiting."""
    if integers.device.type != "cpu":
        return True
    return integers.numel() > 0 and int(integers.amin()) < 0


def _maxima(signal: Tensor, window: Window) -> Tensor:
    """Return `max_pool`, by integers."""
    rows = _rows(signal)
    n_pooled = (window.n_padded(rows.shape[1]) - window.kernel) // window.stride + 1
    pooled = rows.new_empty(len(rows), n_pooled, rows.shape[2])
    for ordered, best in _parts(window, rows, pooled.view(_BITS[rows.dtype])):
        first, *others = window.shifted(ordered)
        torch.maximum(first, others[0] if others else first, out=best)
        for view in others[1:]:
            torch.maximum(best, view, out=best)
        turned = _turned(best)
        if turned is not best:
            best.copy_(turned)
    return pooled.transpose(1, 2)


class _MaxPool(torch.autograd.Function):
    """`max_pool` with its gradient.

    PyTorch's own gradient of `maximum` takes ten passes with a choice in each, which processors do
    one value at a time; here choosing is "and" with all bits or none.
    """

    @staticmethod
    def forward(ctx: Any, signal: Tensor, window: Window) -> Tensor:
        """Return the maxima."""
        ctx.save_for_backward(signal)
        ctx.window = window
        return _maxima(signal, window)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Return each sample's part: the last that wins over all before takes what is left."""
        window: Window = ctx.window
        rows = _rows(ctx.saved_tensors[0])
        spread = torch.empty_like(rows)
        inside = slice(window.before, window.before + rows.shape[1])
        for ordered, given, taken in _parts(window, rows, _rows(gradients[0]), spread):
            best, *others = window.shifted(ordered)
            wins = []
            for number, view in enumerate(others):
                # In place: a result of truth values would not be computed many at a time.
                wins.append(view.clone().gt_(best).neg_())
                if number + 1 < len(others):
                    best = torch.maximum(best, view)
            sums = taken.new_zeros(ordered.shape)
            first, *views = window.shifted(sums)
            rest = given.view(ordered.dtype)
            for view, won in zip(reversed(views), reversed(wins), strict=True):
                part = won.bitwise_and_(rest)
                view.add_(part.view(taken.dtype))
                rest = rest ^ part
            first.add_(rest.view(taken.dtype))
            taken.copy_(sums[:, inside])
        return spread.transpose(1, 2), None


class MaxPool(nn.Module):
    """`max_pool` as a layer: DeepLift sees layers, not functions."""

    def __init__(self, kernel: int, stride: int, *, is_same: bool = False) -> None:
        super().__init__()
        self.kernel, self.stride, self.is_same = kernel, stride, is_same

    def forward(
        self, signal: Float[Tensor, "batch channel time"]
    ) -> Float[Tensor, "batch channel pooled"]:
        """Return the maxima."""
        return max_pool(signal, self.kernel, self.stride, is_same=self.is_same)


class MaxOverTime(nn.Module):
    """The maximum over all of time, as a layer."""

    def forward(
        self, signal: Float[Tensor, "batch channel time"]
    ) -> Float[Tensor, "batch channel"]:
        """Return the maxima."""
        return signal.amax(dim=-1)
