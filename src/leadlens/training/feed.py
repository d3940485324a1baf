"""Feed: the batches of a dataset as tensors, where the network is.

On a processor the host makes them. On a GPU the counts travel as int16, once if they fit into its
memory, and become a network's input there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from jaxtyping import Float32, Int, Int16
from torch import Tensor

from leadlens.data.batches import Dataset, Draw
from leadlens.data.store import COUNTS_PER_MILLIVOLT, MISSING_COUNT
from leadlens.ecg.preprocess import Normalisation

RESIDENT_SHARE: Final = 0.5
"""Of a GPU's free memory that counts may take; the rest is for network and activations."""
_CHUNK: Final = 1024
_FLAT: Final = 1e-3
"""mV: the spread below which a lead is flat, as in `scale_of`."""


@dataclass(frozen=True, eq=False)
class Fed:
    """One batch where the network is; `recordings` stay on the host."""

    signal: Float32[Tensor, "batch lead time"]
    labels: Float32[Tensor, "batch class"]
    label_mask: Float32[Tensor, "batch class"]
    person: Float32[Tensor, "batch feature"]
    recordings: Int[np.ndarray, " batch"]


@dataclass(frozen=True, eq=False)
class HostFeed:
    """Tensors that share memory with the host's arrays."""

    data: Dataset

    def tensors(self, draw: Draw) -> Fed:
        """Return what `draw` names."""
        batch = self.data.batch(draw)
        arrays = batch.signal, batch.labels, batch.label_mask, batch.person
        signal, labels, mask, person = map(torch.from_numpy, arrays)
        return Fed(signal, labels, mask, person, batch.recordings)


class DeviceFeed:
    """Tensors made on a GPU from int16 counts, which stay there if they fit."""

    def __init__(self, data: Dataset, device: torch.device, room: int | None = None) -> None:
        """Keep labels, and the counts where they fit, on `device`.

        Args:
            data: what is fed.
            device: where.
            room: bytes that counts may take there; None asks the GPU.
        """
        self.data = data
        self._device = device
        self._labels, self._known = (
            torch.from_numpy(values).to(device, torch.float32) for values in data.labels
        )
        self._persons = torch.from_numpy(data.persons).to(device)
        # A crop may start anywhere, so whole windows are kept.
        self._windows = np.concatenate([data.store.windows_of[i] for i in data.recordings])
        self._windows.sort()
        self._leads = [data.store.manifest.leads.index(lead) for lead in data.leads]
        n_bytes = 2 * len(self._windows) * len(self._leads) * data.store.n_samples
        if room is None:
            room = int(RESIDENT_SHARE * torch.cuda.mem_get_info(device)[0])
        self._resident = self._load() if n_bytes <= room else None

    @property
    def is_resident(self) -> bool:
        """Whether all counts lie on the device."""
        return self._resident is not None

    def tensors(self, draw: Draw) -> Fed:
        """Return what `draw` names."""
        recordings = torch.from_numpy(draw.recordings).to(self._device)
        return Fed(
            network_input(self._counts(draw), self.data.normalisation),
            self._labels[recordings],
            self._known[recordings],
            self._persons[recordings],
            draw.recordings,
        )

    def _load(self) -> Int16[Tensor, "window lead time"]:
        """Return the counts of all windows, brought to the device some at a time."""
        shape = (len(self._windows), len(self._leads), self.data.store.n_samples)
        counts = torch.empty(shape, dtype=torch.int16, device=self._device)
        for start in range(0, len(self._windows), _CHUNK):
            piece = self.data.store.counts(self._windows[start : start + _CHUNK])
            counts[start : start + len(piece)] = torch.from_numpy(piece[:, self._leads])
        return counts

    def _counts(self, draw: Draw) -> Int16[Tensor, "batch lead time"]:
        """Return the counts of what `draw` names, on the device."""
        if self._resident is None:
            counts = torch.from_numpy(self.data.counts(draw))
            if self._device.type == "cuda":
                counts = counts.pin_memory()
            return counts.to(self._device, non_blocking=True)
        rows = torch.from_numpy(np.searchsorted(self._windows, draw.windows)).to(self._device)
        if self.data.crop is None:
            return self._resident[rows]
        starts = torch.from_numpy(draw.starts).to(self._device)
        times = starts[:, None] + torch.arange(self.data.n_samples, device=self._device)
        leads = torch.arange(len(self._leads), device=self._device)
        return self._resident[rows[:, None, None], leads[:, None], times[:, None, :]]


Feed = HostFeed | DeviceFeed


def feed_of(data: Dataset, device: torch.device) -> Feed:
    """Return what feeds a network on `device`."""
    return HostFeed(data) if device.type == "cpu" else DeviceFeed(data, device)


def fed_windows(feed: Feed, batch_size: int) -> Iterator[Fed]:
    """Yield all windows of all recordings, in order."""
    return map(feed.tensors, feed.data.all_draws(batch_size))


def network_input(
    counts: Int16[Tensor, "batch lead time"], normalisation: Normalisation
) -> Float32[Tensor, "batch lead time"]:
    """Return a store's counts as a network's input, as `Dataset.batch` does on the host."""
    is_missing = counts == MISSING_COUNT
    signal = counts.to(torch.float32) / COUNTS_PER_MILLIVOLT
    if normalisation == "lead_zscore":
        n_present = (~is_missing).sum(2, keepdim=True).clamp(min=1)
        mean = signal.masked_fill(is_missing, 0.0).sum(2, keepdim=True) / n_present
        centred = (signal - mean).masked_fill(is_missing, 0.0)
        spread = (centred.square().sum(2, keepdim=True) / n_present).sqrt()
        scaled = torch.where(spread < _FLAT, 0.0, centred / spread.clamp(min=_FLAT))
    elif normalisation == "microvolt":
        scaled = signal * 1000.0
    else:
        scaled = signal
    return scaled.masked_fill(is_missing, 0.0)
