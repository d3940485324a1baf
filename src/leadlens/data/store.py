"""Store: one folder that holds every window of a data set at one rate, ready for training.

    manifest.json       written last: without it there is no store
    index.csv           one row a window, in the order of the shards
    refused.csv         files that could not be read, with the reason
    signal-00000.npy    int16 (window, lead, time), 1 uV a count, -32768 where nothing was recorded;
                        at most 4 GB each

In recordings of relative units a count is 1/1000 of the unit.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from jaxtyping import Float32, Int16
from pydantic import BaseModel, ConfigDict, ValidationError

from leadlens.data.index import IndexRow, read_rows
from leadlens.data.shards import Shard, open_counts
from leadlens.ecg.band import EVERYTHING, Band
from leadlens.ecg.diagnoses import encode_labels
from leadlens.ecg.resample import ResampleMethod
from leadlens.errors import StoreError
from leadlens.files import hash_file, read_json

COUNTS_PER_MILLIVOLT: Final = 1000
MISSING_COUNT: Final = -32768
LARGEST_COUNT: Final = 32767
MANIFEST: Final = "manifest.json"


class Manifest(BaseModel):
    """What a store holds and how it was made."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    format: Literal["leadlens-store-1"] = "leadlens-store-1"
    fs: float
    duration: float
    leads: tuple[str, ...]
    resampling: ResampleMethod
    band: Band = EVERYTHING
    n_recordings: int
    n_windows: int
    n_refused: int
    n_clipped: int = 0
    shards: tuple[Shard, ...]
    index_sha256: str
    made_from: dict[str, Any]
    leadlens_version: str


@dataclass(frozen=True, eq=False)
class Store:
    """An opened store; signals stay on disk until they are asked for."""

    path: Path
    manifest: Manifest

    @cached_property
    def rows(self) -> tuple[IndexRow, ...]:
        """The index: a row a window."""
        return read_rows(self.path / "index.csv")

    @property
    def fs(self) -> float:
        """The sampling rate in Hz."""
        return self.manifest.fs

    @property
    def n_samples(self) -> int:
        """Samples in each lead of a window."""
        return round(self.manifest.fs * self.manifest.duration)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The recordings' keys, in the order of their first window."""
        return tuple(dict.fromkeys(row.key for row in self.rows))

    @cached_property
    def first_rows(self) -> tuple[IndexRow, ...]:
        """For each recording the index row of its first window."""
        first: dict[str, IndexRow] = {}
        for row in self.rows:
            first.setdefault(row.key, row)
        return tuple(first[key] for key in self.keys)

    @cached_property
    def windows_of(self) -> tuple[np.ndarray, ...]:
        """For each recording the numbers of its windows."""
        windows: dict[str, list[int]] = {key: [] for key in self.keys}
        for number, row in enumerate(self.rows):
            windows[row.key].append(number)
        return tuple(np.array(windows[key]) for key in self.keys)

    @cached_property
    def shards(self) -> tuple[np.ndarray, ...]:
        """The signal files, memory-mapped."""
        n_leads = len(self.manifest.leads)
        return tuple(
            open_counts(self.path / shard.file, (shard.n_windows, n_leads, self.n_samples))
            for shard in self.manifest.shards
        )

    @cached_property
    def _first_windows(self) -> np.ndarray:
        """For each shard the number of its first window."""
        return np.cumsum([0, *(shard.n_windows for shard in self.manifest.shards[:-1])])

    def counts(self, windows: np.ndarray) -> Int16[np.ndarray, "window lead time"]:
        """Return the stored counts of these windows."""
        shard_of = np.searchsorted(self._first_windows, windows, side="right") - 1
        rows = windows - self._first_windows[shard_of]
        counts = np.empty((len(windows), len(self.manifest.leads), self.n_samples), np.int16)
        # One by one: no slower than many of one shard at once, and mostly there are not many.
        for place, shard, row in zip(counts, shard_of.tolist(), rows.tolist(), strict=True):
            place[...] = self.shards[shard][row]
        return counts

    def signal(self, windows: np.ndarray) -> Float32[np.ndarray, "window lead time"]:
        """Return these windows in mV (or relative units), NaN where nothing was recorded."""
        return to_millivolts(self.counts(windows))

    def labels(self, classes: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Return `labels` and `label_mask`, (recording, class) bool, for these codes."""
        rows = self.first_rows
        codes = [tuple(row.codes.split()) if row.is_annotated else None for row in rows]
        return encode_labels(codes, [tuple(row.not_annotated.split()) for row in rows], classes)


def to_millivolts(
    counts: Int16[np.ndarray, "window lead time"],
) -> Float32[np.ndarray, "window lead time"]:
    """Return stored counts as mV, NaN where nothing was recorded."""
    signal = counts.astype(np.float32)
    signal /= np.float32(COUNTS_PER_MILLIVOLT)
    if counts.min(initial=0) == MISSING_COUNT:
        signal[counts == MISSING_COUNT] = np.nan
    return signal


def to_counts(
    signal: Float32[np.ndarray, "lead time"],
) -> tuple[Int16[np.ndarray, "lead time"], int]:
    """Return mV as stored counts, and how many samples lay beyond the range."""
    scaled = signal * np.float32(COUNTS_PER_MILLIVOLT)
    np.round(scaled, out=scaled)
    # NaN makes both comparisons false.
    if scaled.size and scaled.min() >= -LARGEST_COUNT and scaled.max() <= LARGEST_COUNT:
        return scaled.astype(np.int16), 0
    n_clipped = int((np.abs(scaled) > LARGEST_COUNT).sum())
    missing = np.isnan(scaled)
    clipped = np.clip(np.where(missing, 0, scaled), -LARGEST_COUNT, LARGEST_COUNT)
    counts = clipped.astype(np.int16)
    counts[missing] = MISSING_COUNT
    return counts, n_clipped


def open_store(path: str | Path, verify: bool = False) -> Store:
    """Return the store at `path`.

    Args:
        path: a folder made by `leadlens ingest` or `leadlens simulate`.
        verify: also compare every signal file with its hash.

    Raises:
        StoreError: no manifest, a file missing or changed.
    """
    path = Path(path)
    if not (path / MANIFEST).exists():
        raise StoreError(
            f"{path} is not a finished store (it has no {MANIFEST}): make one with "
            "'leadlens ingest' or 'leadlens simulate', or run that command again to finish it"
        )
    try:
        manifest = Manifest.model_validate(read_json(path / MANIFEST))
    except ValidationError as error:
        raise StoreError(f"{path / MANIFEST} is not a store's manifest: {error}") from error
    if not (path / "index.csv").exists():
        raise StoreError(f"{path / 'index.csv'} is missing from the store")
    if hash_file(path / "index.csv") != manifest.index_sha256:
        raise StoreError(f"{path / 'index.csv'} is not the one the manifest names: it was changed")
    for shard in manifest.shards:
        file = path / shard.file
        if not file.exists():
            raise StoreError(f"{file} is missing from the store")
        if verify and hash_file(file) != shard.sha256:
            raise StoreError(f"{file} is damaged: its hash is not the manifest's")
    return Store(path, manifest)
