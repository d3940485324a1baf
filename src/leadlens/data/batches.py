"""Batches: windows of a store as a network's input, with labels and masks."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float32, Int

from leadlens.data.store import Store, to_millivolts
from leadlens.ecg.preprocess import Normalisation, apply_scale, check_units, scale_of
from leadlens.errors import ConfigError, StoreError


@dataclass(frozen=True, eq=False)
class Batch:
    """One batch: signals scaled, 0 where missing; labels and masks as 0/1 floats."""

    signal: Float32[np.ndarray, "batch lead time"]
    lead_mask: Float32[np.ndarray, "batch lead"]
    labels: Float32[np.ndarray, "batch class"]
    label_mask: Float32[np.ndarray, "batch class"]
    recordings: Int[np.ndarray, " batch"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Some recordings of a store, seen with some leads, one scale and some classes.

    Attributes:
        store: where the windows lie.
        recordings: positions in `store.keys`.
        leads: the rows of a batch's signal.
        normalisation: the scale of a batch's signal.
        classes: the columns of a batch's labels, SNOMED CT codes.
    """

    store: Store
    recordings: Int[np.ndarray, " recording"]
    leads: tuple[str, ...]
    normalisation: Normalisation
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check that leads and units allow this."""
        unknown = [lead for lead in self.leads if lead not in self.store.manifest.leads]
        if unknown:
            raise StoreError(f"{self.store.path} has no lead {', '.join(unknown)}")
        if len(self.recordings) == 0:
            raise ConfigError(f"no recording of {self.store.path} is chosen")
        rows = self.store.first_rows
        check_units(self.normalisation, {rows[i].units for i in self.recordings})

    @property
    def n_recordings(self) -> int:
        """The number of recordings."""
        return len(self.recordings)

    @cached_property
    def labels(self) -> tuple[Bool[np.ndarray, "n class"], Bool[np.ndarray, "n class"]]:
        """`labels` and `label_mask` of the recordings."""
        labels, known = self.store.labels(self.classes)
        return labels[self.recordings], known[self.recordings]

    @property
    def keys(self) -> tuple[str, ...]:
        """The recordings' keys."""
        return tuple(self.store.keys[i] for i in self.recordings)

    def batch(self, recordings: Int[np.ndarray, " batch"], windows: np.ndarray) -> Batch:
        """Return one window for each of these recordings (positions within this dataset)."""
        rows = [self.store.manifest.leads.index(lead) for lead in self.leads]
        signal = to_millivolts(self.store.counts(windows)[:, rows])
        labels, known = self.labels
        return Batch(
            signal=apply_scale(signal, scale_of(signal, self.normalisation)),
            lead_mask=(~np.isnan(signal).all(axis=2)).astype(np.float32),
            labels=labels[recordings].astype(np.float32),
            label_mask=known[recordings].astype(np.float32),
            recordings=recordings,
        )

    def epoch(self, batch_size: int, seed: int, epoch: int) -> Iterator[Batch]:
        """Yield every recording once, in an order and with windows drawn from (seed, epoch).

        A long recording shows one of its windows, so that it counts no more than a short one. A
        last batch of a single recording is left out: batch normalisation cannot use it.
        """
        rng = np.random.default_rng([seed, epoch])
        order = rng.permutation(self.n_recordings)
        draws = rng.random(self.n_recordings)
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            if len(chosen) == 1 and self.n_recordings > 1:
                continue
            options = [self.store.windows_of[self.recordings[i]] for i in chosen]
            windows = [o[int(draws[i] * len(o))] for i, o in zip(chosen, options, strict=True)]
            yield self.batch(chosen, np.array(windows))

    def all_windows(self, batch_size: int) -> Iterator[Batch]:
        """Yield every window of every recording, in order."""
        of_recording = [self.store.windows_of[i] for i in self.recordings]
        recordings = np.repeat(np.arange(self.n_recordings), [len(w) for w in of_recording])
        windows = np.concatenate(of_recording)
        for start in range(0, len(windows), batch_size):
            piece = slice(start, start + batch_size)
            yield self.batch(recordings[piece], windows[piece])
