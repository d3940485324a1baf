"""World: the processes that train one network together, each on its part of every batch.

Started by `torchrun`, every process runs the same command. Batches are those of one process: each
takes every n-th recording of a batch, sees everybody's logits when it computes the loss, and batch
statistics are those of the whole batch. So the curve is that of one process, up to rounding, with
any loss (soft F1 of a half batch is not half of soft F1) and any number of processes.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn

from leadlens.data.batches import Draw
from leadlens.errors import ConfigError


@dataclass(frozen=True)
class World:
    """One process among those that train together.

    Attributes:
        rank: its number; 0 writes files and talks.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and talks."""
        return self.rank == 0

    def part(self, draw: Draw) -> Draw:
        """Return this process' part of a batch: every n-th recording."""
        if self.size == 1:
            return draw
        mine = slice(self.rank, None, self.size)
        return replace(
            draw,
            recordings=draw.recordings[mine],
            windows=draw.windows[mine],
            starts=draw.starts[mine],
        )

    def gathered(self, rows: Float[Tensor, "part column"], n: int) -> Float[Tensor, "n column"]:
        """Return everybody's rows in the batch's order; gradients flow to this process' own."""
        if self.size == 1:
            return rows
        longest = -(-n // self.size)
        padded = rows.new_zeros((longest, rows.shape[1]))
        padded[: len(rows)] = rows.detach()
        others = [torch.empty_like(padded) for _ in range(self.size)]
        dist.all_gather(others, padded)
        whole = rows.new_empty((n, rows.shape[1]))
        for rank, part in enumerate(others):
            place = whole[rank :: self.size]
            place.copy_(part[: len(place)])
        whole[self.rank :: self.size] = rows
        return whole

    def labels(
        self, labels: Float[Tensor, "part class"], known: Float[Tensor, "part class"], n: int
    ) -> tuple[Float[Tensor, "n class"], Float[Tensor, "n class"]]:
        """Return everybody's labels and label masks, in the batch's order."""
        if self.size == 1:
            return labels, known
        both = self.gathered(torch.cat([labels, known], dim=1), n)
        first, second = both.chunk(2, dim=1)
        return first, second

    def add_gradients(self, network: nn.Module) -> None:
        """Make every gradient the sum of what all processes found."""
        if self.size == 1:
            return
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        pieces = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, piece in zip(gradients, pieces, strict=True):
            gradient.copy_(piece.view_as(gradient))

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            dist.barrier()


ALONE: Final = World()


def speaks() -> bool:
    """Return whether this process is the one that writes files and talks."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def joined_world(device: torch.device) -> Iterator[World]:
    """Yield this process' place in the world that `torchrun` made; alone where it did not."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield World(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


def local_device(device: torch.device) -> torch.device:
    """Return this process' own GPU among those of its machine."""
    if device.type != "cuda" or "LOCAL_RANK" not in os.environ:
        return device
    own = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    torch.cuda.set_device(own)
    return own


class _Sum(torch.autograd.Function):
    """The sum over all processes; so is its gradient."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:  # noqa: ARG004
        """Return the sum."""
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ARG004
        """Return the sum of gradients."""
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


def _sum(values: Tensor) -> Tensor:
    """Return the sum over all processes, with its gradient."""
    total: Tensor = _Sum.apply(values)  # type: ignore[no-untyped-call]
    return total


class WholeBatchNorm(nn.BatchNorm1d):
    """Batch normalisation by the statistics of the whole batch, wherever its parts lie."""

    def forward(self, input: Tensor) -> Tensor:
        """Return `input`, (part, channel, time) or (part, channel), normalised."""
        if not self.training:
            return super().forward(input)
        signal = input.float() if input.ndim == 3 else input.float()[..., None]
        n = signal.new_tensor([float(signal.shape[0] * signal.shape[2])])
        sums = _sum(torch.cat([signal.sum(dim=(0, 2)), n]))
        count = sums[-1].detach()
        mean = sums[:-1] / count
        centred = signal - mean[:, None]
        variance = _sum(centred.square().sum(dim=(0, 2))) / count
        self._remember(mean.detach(), variance.detach() * count / (count - 1))
        scaled = centred * (variance + self.eps).rsqrt()[:, None]
        if self.affine:
            scaled = scaled * self.weight[:, None] + self.bias[:, None]
        return scaled.reshape(input.shape).to(input.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        """Let the running statistics follow, as PyTorch does."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        # None means the plain mean over all batches.
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


def share_statistics(network: nn.Module, world: World) -> None:
    """Make every batch normalisation of `network` one over the whole batch, in place.

    Raises:
        ConfigError: a network of one's own normalises in a way that this does not know.
    """
    if world.size == 1:
        return
    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm1d) and module.track_running_stats:
            module.__class__ = WholeBatchNorm
        elif isinstance(module, nn.modules.batchnorm._BatchNorm):
            raise ConfigError(
                f"layer '{name}' ({type(module).__name__}) normalises each process' part of a "
                "batch by itself: use BatchNorm1d with running statistics, or train in one process"
            )
