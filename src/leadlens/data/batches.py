"""Batches: windows of a store, or crops of them, as a network's input, with labels and masks."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float32, Int, Int16

from leadlens.data.order import Order, epoch_order
from leadlens.data.store import MISSING_COUNT, Store, to_millivolts
from leadlens.ecg.person import person_features
from leadlens.ecg.preprocess import Normalisation, apply_scale, check_units, scale_of
from leadlens.ecg.window import window_starts
from leadlens.errors import ConfigError, StoreError


@dataclass(frozen=True, eq=False)
class Draw:
    """What a batch shows: recordings of a dataset, a window of each, and where its crop starts."""

    recordings: Int[np.ndarray, " batch"]
    windows: Int[np.ndarray, " batch"]
    starts: Int[np.ndarray, " batch"]

    def __len__(self) -> int:
        """Return the number of crops."""
        return len(self.recordings)


@dataclass(frozen=True, eq=False)
class Batch:
    """One batch: signals scaled, 0 where missing; labels and masks as 0/1 floats.

    `person` says what is known of age and sex (`person_features`).
    """

    signal: Float32[np.ndarray, "batch lead time"]
    lead_mask: Float32[np.ndarray, "batch lead"]
    labels: Float32[np.ndarray, "batch class"]
    label_mask: Float32[np.ndarray, "batch class"]
    person: Float32[np.ndarray, "batch feature"]
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
        crop: seconds of a window that a batch shows; None shows all.
    """

    store: Store
    recordings: Int[np.ndarray, " recording"]
    leads: tuple[str, ...]
    normalisation: Normalisation
    classes: tuple[str, ...]
    crop: float | None = None

    def __post_init__(self) -> None:
        """Check that leads, units and the crop's length allow this."""
        unknown = [lead for lead in self.leads if lead not in self.store.manifest.leads]
        if unknown:
            raise StoreError(f"{self.store.path} has no lead {', '.join(unknown)}")
        if len(self.recordings) == 0:
            raise ConfigError(f"no recording of {self.store.path} is chosen")
        rows = self.store.first_rows
        check_units(self.normalisation, {rows[i].units for i in self.recordings})
        if self.crop is not None and not 1 <= self.n_samples <= self.store.n_samples:
            raise ConfigError(
                f"a crop of {self.crop:g} s: the windows of {self.store.path} are of "
                f"{self.store.manifest.duration:g} s"
            )

    @property
    def n_recordings(self) -> int:
        """The number of recordings."""
        return len(self.recordings)

    @property
    def duration(self) -> float:
        """Seconds that a batch shows."""
        return self.store.manifest.duration if self.crop is None else self.crop

    @property
    def n_samples(self) -> int:
        """Samples in each lead of a batch."""
        return round(self.store.fs * self.duration)

    @cached_property
    def labels(self) -> tuple[Bool[np.ndarray, "n class"], Bool[np.ndarray, "n class"]]:
        """`labels` and `label_mask` of the recordings."""
        labels, known = self.store.labels(self.classes)
        return labels[self.recordings], known[self.recordings]

    @cached_property
    def persons(self) -> Float32[np.ndarray, "n feature"]:
        """What is known of age and sex of the recordings (`person_features`)."""
        rows = (self.store.first_rows[i] for i in self.recordings)
        return np.stack([person_features(row.years, row.sex) for row in rows])

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The recordings' keys."""
        return tuple(self.store.keys[i] for i in self.recordings)

    @cached_property
    def _first_windows(self) -> Int[np.ndarray, " recording"]:
        """Each recording's first window; the others follow it."""
        return np.array([self.store.windows_of[i][0] for i in self.recordings], dtype=np.int64)

    @cached_property
    def _n_windows(self) -> Int[np.ndarray, " recording"]:
        """How many windows each recording has."""
        return np.array([len(self.store.windows_of[i]) for i in self.recordings], dtype=np.int64)

    def batch(self, draw: Draw) -> Batch:
        """Return what `draw` names, as a network's input."""
        counts = self.counts(draw)
        signal = to_millivolts(counts)
        labels, known = self.labels
        return Batch(
            signal=apply_scale(signal, scale_of(signal, self.normalisation), in_place=True),
            lead_mask=(counts.max(axis=2) != MISSING_COUNT).astype(np.float32),
            labels=labels[draw.recordings].astype(np.float32),
            label_mask=known[draw.recordings].astype(np.float32),
            person=self.persons[draw.recordings],
            recordings=draw.recordings,
        )

    def counts(self, draw: Draw) -> Int16[np.ndarray, "batch lead time"]:
        """Return the stored counts of what `draw` names, of this dataset's leads."""
        counts = self.store.counts(draw.windows)
        if self.crop is not None:
            n = self.n_samples
            crops = np.empty((len(draw), counts.shape[1], n), np.int16)
            for crop, window, start in zip(crops, counts, draw.starts, strict=True):
                crop[...] = window[:, start : start + n]
            counts = crops
        if self.leads == self.store.manifest.leads:
            return counts
        return counts[:, [self.store.manifest.leads.index(lead) for lead in self.leads]]

    def epoch(
        self, batch_size: int, seed: int, epoch: int, order: Order = "random"
    ) -> Iterator[Batch]:
        """Yield every recording once, as `epoch_draws` draws it."""
        for draw in self.epoch_draws(batch_size, seed, epoch, order):
            yield self.batch(draw)

    def epoch_draws(
        self, batch_size: int, seed: int, epoch: int, order: Order = "random"
    ) -> Iterator[Draw]:
        """Yield every recording once; order, windows and crops are drawn from (seed, epoch).

        A long recording shows one of its windows, so that it counts no more than a short one, and
        a crop lies within what was recorded. A last batch of a single recording is left out: batch
        normalisation cannot use it.
        """
        rng = np.random.default_rng([seed, epoch])
        visited = epoch_order(order, self._first_windows, rng)
        chosen = rng.random(self.n_recordings)
        windows = self._first_windows + (chosen * self._n_windows).astype(np.int64)
        starts = np.zeros(self.n_recordings, np.int64)
        if self.crop is not None:
            room = np.maximum(self._n_recorded(windows) - self.n_samples, 0)
            starts = (rng.random(self.n_recordings) * (room + 1)).astype(np.int64)
        for start in range(0, len(visited), batch_size):
            shown = visited[start : start + batch_size]
            if len(shown) > 1 or self.n_recordings == 1:
                yield Draw(shown, windows[shown], starts[shown])

    def all_windows(self, batch_size: int) -> Iterator[Batch]:
        """Yield every window of every recording, in order; crops that together cover them."""
        for draw in self.all_draws(batch_size):
            yield self.batch(draw)

    def all_draws(self, batch_size: int) -> Iterator[Draw]:
        """Yield every window of every recording, in order; crops that together cover them."""
        drawn = self._all
        for start in range(0, len(drawn), batch_size):
            piece = slice(start, start + batch_size)
            yield Draw(drawn.recordings[piece], drawn.windows[piece], drawn.starts[piece])

    @property
    def n_crops(self) -> int:
        """How many crops, or windows, `all_windows` shows."""
        return len(self._all)

    @cached_property
    def _all(self) -> Draw:
        """All windows, or crops that cover what was recorded in them."""
        recordings = np.repeat(np.arange(self.n_recordings), self._n_windows)
        firsts = np.repeat(np.cumsum(self._n_windows) - self._n_windows, self._n_windows)
        windows = self._first_windows[recordings] + np.arange(len(recordings)) - firsts
        if self.crop is None:
            return Draw(recordings, windows, np.zeros(len(windows), np.int64))
        starts = [window_starts(int(n), self.n_samples) for n in self._n_recorded(windows)]
        n_crops = [len(each) for each in starts]
        return Draw(
            np.repeat(recordings, n_crops), np.repeat(windows, n_crops), np.concatenate(starts)
        )

    def _n_recorded(self, windows: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
        """Return how many samples of each window were recorded; what follows them is padding."""
        rows = [self.store.rows[window] for window in windows]
        seconds = np.array([row.duration - row.offset for row in rows])
        n_recorded = np.round(seconds * self.store.fs).astype(np.int64)
        return np.clip(n_recorded, 1, self.store.n_samples)
