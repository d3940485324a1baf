"""Joining: parts become shards of a bounded size, and a kill in between loses nothing."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_ingest import FIVE_SECONDS, MadeSource, bytes_of

from leadlens.data import ingest as ingesting
from leadlens.data import joining
from leadlens.data.ingest import ingest
from leadlens.data.shards import npy_header, open_counts, write_shard
from leadlens.data.store import Store
from leadlens.errors import StoreError

WINDOW = 2 * 12 * 250
"""Bytes of a window of 5 s at 50 Hz."""


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 4 recordings, shards of at most 10 windows."""
    monkeypatch.setattr(ingesting, "PART_SIZE", 4)
    monkeypatch.setattr(joining, "SHARD_BYTES", 10 * WINDOW)


def all_counts(store: Store) -> np.ndarray:
    return store.counts(np.arange(store.manifest.n_windows))


@pytest.mark.usefixtures("small_shards")
def test_shards_hold_whole_parts_and_no_more_than_they_may(tmp_path: Path) -> None:
    store = ingest(MadeSource(30), tmp_path / "s", FIVE_SECONDS)
    sizes = [shard.n_windows for shard in store.manifest.shards]
    assert len(sizes) > 2
    assert max(sizes) <= 10
    assert sum(sizes) == store.manifest.n_windows == len(store.rows)


@pytest.mark.parametrize("at_most", [1, 10, 10_000])
def test_the_windows_are_the_same_in_shards_of_any_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_most: int
) -> None:
    whole = ingest(MadeSource(30), tmp_path / "whole", FIVE_SECONDS)
    monkeypatch.setattr(ingesting, "PART_SIZE", 4)
    monkeypatch.setattr(joining, "SHARD_BYTES", at_most * WINDOW)
    store = ingest(MadeSource(30), tmp_path / "s", FIVE_SECONDS)
    assert store.rows == whole.rows
    assert np.array_equal(all_counts(store), all_counts(whole))
    order = np.random.default_rng(0).permutation(store.manifest.n_windows)
    assert np.array_equal(store.counts(order), all_counts(whole)[order])


@pytest.mark.usefixtures("small_shards")
@pytest.mark.parametrize("in_unlink", [False, True], ids=["before a shard", "removing its parts"])
@pytest.mark.parametrize("number", [0, 2])
def test_a_joining_that_was_killed_goes_on_to_the_same_bytes(
    tmp_path: Path, number: int, in_unlink: bool
) -> None:
    whole = ingest(MadeSource(30), tmp_path / "whole", FIVE_SECONDS)

    class Killed:
        def map_items(
            self, function: Callable[[Any], Any], items: Sequence[Any]
        ) -> Iterator[tuple[int, Any]]:
            for position, item in enumerate(items):
                if getattr(item, "path", Path()).name != f"signal-{number:05d}.npy":
                    yield position, function(item)
                    continue
                if in_unlink:
                    parts = {part: part.read_bytes() for part in item.parts[1:]}
                    function(item)
                    for part, content in parts.items():
                        part.write_bytes(content)
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(MadeSource(30), tmp_path / "s", FIVE_SECONDS, Killed())
    assert not (tmp_path / "s" / "manifest.json").exists()
    ingest(MadeSource(30), tmp_path / "s", FIVE_SECONDS)
    assert bytes_of(tmp_path / "s") == bytes_of(whole.path)


def test_a_signal_file_is_as_numpy_writes_it(tmp_path: Path) -> None:
    counts = np.arange(4 * 12 * 50, dtype=np.int16).reshape(4, 12, 50)
    np.save(tmp_path / "numpy.npy", counts)
    shard = write_shard(tmp_path / "ours.npy", (4, 12, 50), [counts[:3], counts[3:]])
    assert (tmp_path / "ours.npy").read_bytes() == (tmp_path / "numpy.npy").read_bytes()
    assert shard.n_windows == 4
    assert len(npy_header((10**9, 12, 10**6))) == 128


@pytest.mark.parametrize("pieces", [[3], [3, 2], []])
def test_windows_too_many_or_too_few_leave_no_file(tmp_path: Path, pieces: list[int]) -> None:
    windows = [np.zeros((n, 12, 50), np.int16) for n in pieces]
    with pytest.raises(StoreError, match=f"{sum(pieces)} windows came instead of 4"):
        write_shard(tmp_path / "s.npy", (4, 12, 50), windows)
    assert bytes_of(tmp_path) == {}


def test_numbers_of_another_kind_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", np.zeros((4, 12, 50), np.float32))
    with pytest.raises(StoreError, match="float32, not"):
        open_counts(tmp_path / "s.npy", (4, 12, 50))
