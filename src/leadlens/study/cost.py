"""Cost: what a cell took, written down beside what it found."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:  # A plan reads costs, and does without torch.
    import torch


class Cost(BaseModel):
    """What a cell took, all of it: reading, training, predicting, writing.

    Of a cell that went on after a stop it is what the last run took; `training_s` is the sum over
    all its epochs.

    Attributes:
        wall_s: seconds that passed.
        cpu_s: seconds of processor cores, threads added.
        gpu_s: seconds during which a GPU was held; 0 on a processor.
        peak_mb: the largest resident memory of the process so far; it may have computed others.
        gpu_peak_mb: the most that was allocated on the GPU.
        training_s: seconds of all epochs.
        shown: recordings shown in training, each as often as it was.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    wall_s: float
    cpu_s: float
    gpu_s: float
    peak_mb: float
    gpu_peak_mb: float
    training_s: float = 0.0
    shown: int = 0

    @property
    def shown_per_s(self) -> float:
        """Recordings a second of training; NaN where nothing was trained."""
        return self.shown / self.training_s if self.training_s > 0 else float("nan")


@dataclass
class Meter:
    """Holds the cost once it is known."""

    cost: Cost | None = None


@contextmanager
def measured(device: "torch.device") -> Iterator[Meter]:
    """Yield a meter that holds, at the end, what was done in between took."""
    import torch

    meter, is_gpu = Meter(), device.type == "cuda"
    if is_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    wall, cpu = time.perf_counter(), time.process_time()
    yield meter
    passed = time.perf_counter() - wall
    meter.cost = Cost(
        wall_s=round(passed, 3),
        cpu_s=round(time.process_time() - cpu, 3),
        gpu_s=round(passed, 3) if is_gpu else 0.0,
        peak_mb=round(_peak_mb(), 1),
        gpu_peak_mb=round(torch.cuda.max_memory_allocated(device) / 2**20, 1) if is_gpu else 0.0,
    )


def _peak_mb() -> float:
    """Return the largest resident memory of this process so far; 0 where the system keeps none."""
    if sys.platform == "win32":
        return 0.0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in kB, macOS in bytes.
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
