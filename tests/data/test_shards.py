"""Shards: signal files as NumPy writes them, as many as a process may keep open."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from test_ingest import FIVE_SECONDS, MadeSource, bytes_of

from leadlens.data import ingest as ingesting
from leadlens.data.ingest import MOST_PARTS, ingest
from leadlens.data.shards import npy_header, open_counts, write_shard
from leadlens.errors import StoreError


@pytest.mark.parametrize("n", [1, 255, 256, 257, 131_072, 131_073, 10_000_000])
def test_parts_cover_every_recording_once_and_are_never_too_many(n: int) -> None:
    spans = ingesting._spans(n)
    assert spans[0].start == 0
    assert spans[-1].stop == n
    assert all(one.stop == other.start for one, other in pairwise(spans))
    assert len(spans) <= MOST_PARTS
    assert all(len(span) >= ingesting.PART_SIZE for span in spans[:-1])


def test_the_windows_are_the_same_in_shards_of_any_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ingest(MadeSource(30), tmp_path / "whole", FIVE_SECONDS)
    windows = np.arange(whole.manifest.n_windows)
    monkeypatch.setattr(ingesting, "PART_SIZE", 4)
    store = ingest(MadeSource(30), tmp_path / "s", FIVE_SECONDS)
    assert len(store.shards) == 8
    assert store.rows == whole.rows
    assert np.array_equal(store.counts(windows), whole.counts(windows))
    order = np.random.default_rng(0).permutation(windows)
    assert np.array_equal(store.counts(order), whole.counts(order))
    assert np.array_equal(store.counts(order[:1]), whole.counts(order[:1]))


def test_a_larger_source_has_larger_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingesting, "PART_SIZE", 4)
    monkeypatch.setattr(ingesting, "MOST_PARTS", 3)
    store = ingest(MadeSource(30), tmp_path / "s", FIVE_SECONDS)
    assert [shard.n_windows for shard in store.manifest.shards] == [9, 8, 9]


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
