"""Stores: counts and back, and damage that is noticed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from recordings import make_recording

from leadlens.data.index import read_rows
from leadlens.data.store import LARGEST_COUNT, Store, open_store, to_counts, to_millivolts
from leadlens.errors import StoreError

_SIGNALS = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 20)),
    elements=st.floats(-32.5, 32.5, width=32) | st.just(float("nan")),
)


@pytest.fixture
def copied(small_store: Store, tmp_path: Path) -> Path:
    """A copy of the small store that a test may damage."""
    return Path(shutil.copytree(small_store.path, tmp_path / "store"))


@given(signal=_SIGNALS)
def test_a_signal_comes_back_within_half_a_microvolt_and_gaps_stay(signal: np.ndarray) -> None:
    counts, n_clipped = to_counts(signal)
    back = to_millivolts(counts[None])[0]
    assert n_clipped == 0
    assert np.array_equal(np.isnan(back), np.isnan(signal))
    # 2e-6 more: float32 holds 32 mV only so well.
    np.testing.assert_allclose(back, signal, rtol=0, atol=0.5e-3 + 4e-6)


@given(signal=_SIGNALS)
def test_stored_counts_are_a_fixed_point(signal: np.ndarray) -> None:
    counts, _ = to_counts(signal)
    assert np.array_equal(to_counts(to_millivolts(counts[None])[0])[0], counts)


def test_samples_beyond_the_range_are_counted_and_kept_at_the_limit() -> None:
    signal = np.array([[32.767, -32.767, 32.768, -32.768, 50, -np.inf, np.nan]], np.float32)
    counts, n_clipped = to_counts(signal)
    assert n_clipped == 4
    assert counts[0, :6].tolist() == [LARGEST_COUNT, -LARGEST_COUNT] * 3
    assert np.isnan(to_millivolts(counts[None])[0, 0]).tolist() == [False] * 6 + [True]


def test_windows_are_given_in_the_order_asked_for(small_store: Store) -> None:
    whole = small_store.counts(np.arange(len(small_store.rows)))
    asked = np.array([5, 90, 5, 0])
    assert np.array_equal(small_store.counts(asked), whole[asked])


def test_an_opened_store_is_the_one_that_was_made(small_store: Store) -> None:
    opened = open_store(small_store.path, verify=True)
    assert opened.manifest == small_store.manifest
    assert opened.rows == small_store.rows
    assert opened.n_samples == 500


def test_a_folder_without_manifest_is_not_a_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"not a finished store \(it has no manifest.json\)"):
        open_store(tmp_path)


def test_a_changed_index_is_refused(copied: Path) -> None:
    index = copied / "index.csv"
    index.write_text(index.read_text().replace("male", "female", 1))
    with pytest.raises(StoreError, match=r"index.csv is not the one the manifest names"):
        open_store(copied)


@pytest.mark.parametrize("file", ["index.csv", "signal-00000.npy"])
def test_a_missing_file_is_named(copied: Path, file: str) -> None:
    (copied / file).unlink()
    with pytest.raises(StoreError, match=f"{file} is missing from the store"):
        open_store(copied)


def test_a_flipped_byte_is_found_by_verifying_and_only_then(copied: Path) -> None:
    shard = copied / "signal-00000.npy"
    content = bytearray(shard.read_bytes())
    content[-100] ^= 1
    shard.write_bytes(content)
    open_store(copied)
    with pytest.raises(StoreError, match=r"signal-00000.npy is damaged"):
        open_store(copied, verify=True)


@pytest.mark.parametrize("keep", [0, 60, 5000])
def test_a_shard_that_is_cut_short_is_refused_when_it_is_read(copied: Path, keep: int) -> None:
    shard = copied / "signal-00000.npy"
    shard.write_bytes(shard.read_bytes()[:keep])
    with pytest.raises(StoreError, match=r"signal-00000.npy is damaged"):
        open_store(copied).counts(np.array([0]))


def test_a_shard_with_fewer_windows_than_the_index_is_refused(copied: Path) -> None:
    shard = copied / "signal-00000.npy"
    np.save(shard, np.load(shard)[:-1])
    with pytest.raises(StoreError, match=r"holds \(95, 12, 500\) int16, not \(96"):
        open_store(copied).counts(np.array([0]))


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:50],
        lambda _: "[]",
        lambda text: json.dumps({**json.loads(text), "format": "leadlens-store-9"}),
        lambda text: json.dumps({**json.loads(text), "fs": "fast"}),
    ],
    ids=["cut short", "no object", "another format", "a word for a number"],
)
def test_a_damaged_manifest_is_refused(copied: Path, damage: Callable[[str], str]) -> None:
    manifest = copied / "manifest.json"
    manifest.write_text(damage(manifest.read_text()))
    with pytest.raises(StoreError, match=r"manifest.json"):
        open_store(copied)


def test_an_index_from_before_folds_were_kept_is_still_read(
    small_store: Store, tmp_path: Path
) -> None:
    lines = (small_store.path / "index.csv").read_text().splitlines()
    assert lines[0].endswith(",fold")
    (tmp_path / "index.csv").write_text("\n".join(line.rpartition(",")[0] for line in lines))
    assert read_rows(tmp_path / "index.csv") == small_store.rows


def test_labels_of_a_store_are_the_codes_of_its_recordings(small_store: Store) -> None:
    classes = ("426783006", "164889003")
    labels, known = small_store.labels(classes)
    assert known.all()
    expected = [[code in row.codes.split() for code in classes] for row in small_store.first_rows]
    assert labels.tolist() == expected
    assert labels.any(axis=0).all()


def test_a_recording_fits_the_range_of_a_store() -> None:
    assert to_counts(make_recording().signal)[1] == 0
