"""The inner split: recordings set aside from those that are trained on.

Whatever is chosen by looking at scores (when to stop, thresholds, calibration) is chosen on them.
They come out of the training recordings, so the fold that a score is reported on is not touched.
"""

from dataclasses import replace

import numpy as np

from leadlens.data.batches import Dataset
from leadlens.data.folds import assign_folds, groups_of
from leadlens.errors import ConfigError


def inner_splits(
    data: Dataset, share: float, n_splits: int, seed: int
) -> list[tuple[Dataset, Dataset | None]]:
    """Return for each split what is learned from, and what is set aside (None where `share` is 0).

    Recordings of one patient or waveform are on one side. What several splits set aside is
    disjoint as long as `n_splits * share` is at most 1, so that an ensemble as a whole learns from
    everything.

    Raises:
        ConfigError: too few recordings to set any aside.
    """
    if share == 0:
        return [(data, None)] * n_splits
    labels, known = data.labels
    _, groups = np.unique(groups_of(data.store)[data.recordings], return_inverse=True)
    k = round(1 / share)
    if int(groups.max()) + 1 < k:
        raise ConfigError(
            f"inner={share:g} of {data.n_recordings} recordings in {int(groups.max()) + 1} groups: "
            f"at least {k} groups are needed; set inner=0 or give more recordings"
        )
    parts = assign_folds(labels & known, groups, k, seed)
    return [_split(data, parts == number % k) for number in range(n_splits)]


def _split(data: Dataset, is_inner: np.ndarray) -> tuple[Dataset, Dataset]:
    """Return what is learned from and what is set aside."""
    learned, inner = (
        replace(data, recordings=data.recordings[part]) for part in (~is_inner, is_inner)
    )
    return learned, inner
